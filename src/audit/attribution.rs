//! What is known about who made a change.
//!
//! In: nothing. Out: the data that reports show. It never holds a credential.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the search for an author ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The last successful event on this subject, in a window that was read whole, has exactly the present effect.
    Attributed,
    /// Events name the subject, but their effect is hidden, different, or followed by another.
    Ambiguous,
    /// The provider changed it by itself.
    Automatic,
    /// The window was read whole and holds no such event.
    NotFound,
    /// The state says by itself that it changed before the window.
    OutsideWindow,
    /// The log could not be read, or not whole.
    Blind,
}

/// How sure the answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// Something contradicts it or is missing.
    Low,
    /// It fits, with a named gap.
    Medium,
    /// Everything fits.
    High,
}

/// What sort of identity acted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PrincipalKind {
    /// The root user of an account.
    Root,
    /// An IAM user.
    User,
    /// A session of a role.
    Role,
    /// A user of an identity provider, through SAML.
    SamlUser,
    /// A subject of an OIDC provider.
    WebIdentity,
    /// A user of IAM Identity Center.
    IdentityCenterUser,
    /// A federated session made with `GetFederationToken`.
    FederatedUser,
    /// An account outside the estate; more is not known.
    ExternalAccount,
    /// A service of the provider.
    Service,
    /// The record does not say.
    Unknown,
}

/// Who acted, as the record says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Principal {
    /// What sort of identity.
    pub kind: PrincipalKind,
    /// Its ARN; for a service, its principal.
    pub arn: String,
    /// The account it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The ARN of the role behind a session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The name of the session: chosen by the caller, evidence and no identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_name: Option<String>,
    /// The source identity that the session carries through its chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_identity: Option<String>,
    /// The user name, where the record holds one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Whether multi-factor authentication stood behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mfa: Option<bool>,
    /// The id of the access key, which finds the event that issued it. Not a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_key: Option<String>,
    /// When the session began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub session_since: Option<Timestamp>,
    /// The service that acted on the caller's behalf.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoked_by: Option<String>,
}

/// One audit record, as evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventRecord {
    /// The provider's id of the record.
    pub id: String,
    /// When it happened.
    #[schemars(with = "String")]
    pub time: Timestamp,
    /// `organizations.amazonaws.com`
    pub source: String,
    /// `DetachPolicy`
    pub name: String,
    /// In whose log it stands.
    pub account: String,
    /// In which region's log.
    pub region: String,
    /// The error code of a call that did not succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Who.
    pub principal: Principal,
    /// From where: an address, or the name of a service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_ip: Option<String>,
    /// With what. Attacker-controlled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
}

/// Who made a change, as far as it is proven.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Attribution {
    /// How the search ended.
    pub outcome: Outcome,
    /// How sure it is.
    pub confidence: Confidence,
    /// Why it ended so, in a sentence.
    pub reason: String,
    /// The event that explains it first, then other candidates, newest first.
    pub events: Vec<EventRecord>,
    /// Attempts on the same subject that were refused, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<EventRecord>,
    /// Who, if it is attributed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<Principal>,
    /// The identities behind the principal, nearest first, as far as the records at hand show them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<Principal>,
    /// From where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_ip: Option<String>,
    /// With what. Attacker-controlled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// Whether multi-factor authentication stood behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mfa: Option<bool>,
}
