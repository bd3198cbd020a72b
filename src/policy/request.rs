//! One request, as far as a guardrail can see it. In come an action, a resource, a principal and the condition keys; out
//! goes a shape that people read as a witness and that the evaluator answers. Never says whether it is allowed.

use std::{collections::BTreeMap, fmt};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A request to AWS.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// `service:Name`, compared without case.
    pub action: String,
    /// The ARN it is made on, or `*` for an action that takes none.
    pub resource: String,
    /// Who makes it, where a document asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<Principal>,
    /// What is known about each condition key; compared without case. A key that is not listed is absent.
    #[serde(default)]
    pub context: BTreeMap<String, ContextValue>,
}

/// Who makes a request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Principal {
    /// A user, a role, a session or an account's root, by its ARN.
    Aws(String),
    /// A service, `ec2.amazonaws.com`.
    Service(String),
    /// An identity provider, by its name or ARN.
    Federated(String),
    /// A canonical user id.
    CanonicalUser(String),
    /// Nobody: a request without a signature.
    Anonymous,
}

/// What is known about a condition key of a request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ContextValue {
    /// It has one value.
    One(String),
    /// It has these values; an empty list is the same as a missing key.
    Many(Vec<String>),
    /// It may be anything, or missing.
    Unknown(UnknownValue),
}

/// The value of a key that nobody can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnknownValue {
    /// Always `true`.
    pub unknown: bool,
}

impl ContextValue {
    /// The value that nobody can tell.
    pub const UNKNOWN: Self = Self::Unknown(UnknownValue { unknown: true });

    /// The values, when they are known; none is a missing key.
    #[must_use]
    pub fn known(&self) -> Option<&[String]> {
        match self {
            Self::One(value) => Some(std::slice::from_ref(value)),
            Self::Many(values) => Some(values),
            Self::Unknown(_) => None,
        }
    }
}

impl Request {
    /// What is known about a key, given in lower case; a key that is not listed has no values.
    #[must_use]
    pub fn values(&self, key: &str) -> Option<&[String]> {
        let found = self.context.iter().find(|(name, _)| is_key(name, key));
        found.map_or(Some(&[]), |(_, value)| value.known())
    }
}

/// Whether a name is a key that is given in lower case. Almost every name is ASCII, and needs no copy to be compared.
fn is_key(name: &str, key: &str) -> bool {
    if name.is_ascii() { name.eq_ignore_ascii_case(key) } else { name.to_lowercase() == key }
}

/// `ec2:RunInstances on arn:… by arn:… with aws:RequestedRegion = us-east-1`; holds text from documents.
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.action, self.resource)?;
        if let Some(principal) = &self.principal {
            write!(f, " by {principal}")?;
        }
        for (index, (key, value)) in self.context.iter().enumerate() {
            write!(f, "{} {key} = {value}", if index == 0 { " with" } else { "," })?;
        }
        Ok(())
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Aws(name) | Self::Service(name) => f.write_str(name),
            Self::Federated(name) => write!(f, "federated {name}"),
            Self::CanonicalUser(id) => write!(f, "canonical user {id}"),
            Self::Anonymous => f.write_str("anonymous"),
        }
    }
}

impl fmt::Display for ContextValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(value) => f.write_str(value),
            Self::Many(values) => write!(f, "[{}]", values.join(", ")),
            Self::Unknown(_) => f.write_str("unknown"),
        }
    }
}
