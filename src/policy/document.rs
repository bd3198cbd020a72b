//! What a permission policy says, as it is written: statements with their actions, resources, principals and conditions.
//! In comes nothing; these are the shapes that [`parse`](super::parse) fills and everything else reads. Patterns stay
//! the text they are: what `*`, `?` and `${…}` mean is said by whoever reads them, so that the evaluator and the decision
//! procedure do not share a mistake.
//!
//! Source of the grammar: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>

use std::fmt;

use crate::baseline::diagnostic::Span;

/// What a document is for: it decides what stands beside it and what AWS would take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A service control policy: what the principals of an account may do at most.
    Scp,
    /// A resource control policy: what may be done to the resources of an account at most.
    Rcp,
    /// An identity-based policy.
    Identity,
    /// A resource-based policy.
    Resource,
}

impl Kind {
    /// Every kind, in the order of the documentation.
    pub const ALL: [Self; 4] = [Self::Scp, Self::Rcp, Self::Identity, Self::Resource];

    /// The word for it on the command line and in JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Scp => "scp",
            Self::Rcp => "rcp",
            Self::Identity => "identity",
            Self::Resource => "resource",
        }
    }

    /// Whether a request's principal is matched by the document itself.
    #[must_use]
    pub fn has_principals(self) -> bool {
        matches!(self, Self::Rcp | Self::Resource)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Which reading of the language a document asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Version {
    /// `2008-10-17`, also when none is given: `${…}` is plain text.
    #[default]
    V2008,
    /// `2012-10-17`: `${…}` is a variable. Words that AWS does not know are read as this one.
    V2012,
}

/// A whole policy document.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// The reading it asks for.
    pub version: Version,
    /// Its statements, in the order of the text.
    pub statements: Vec<Statement>,
    /// What AWS would not take, found while reading.
    pub refusals: Vec<Refusal>,
}

impl Document {
    /// What AWS calls `FullAWSAccess`: everything is allowed.
    #[must_use]
    pub fn full_access() -> Self {
        let every = || vec![Clause { negated: false, patterns: vec!["*".to_owned()] }];
        let statement = Statement {
            span: Span { file: 0, start: 0, end: 0 },
            sid: None,
            effect: Effect::Allow,
            actions: every(),
            resources: every(),
            principals: Vec::new(),
            conditions: Vec::new(),
        };
        Self { version: Version::V2012, statements: vec![statement], refusals: Vec::new() }
    }
}

/// Why AWS would not take a document; it is compared all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Where.
    pub span: Span,
    /// AWS's reason, as a fragment.
    pub reason: String,
}

/// One statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// Where it stands.
    pub span: Span,
    /// Its name, when it has one.
    pub sid: Option<String>,
    /// What it does to the requests it matches.
    pub effect: Effect,
    /// `Action` and `NotAction`; a request must satisfy each clause. None is a mistake of the document.
    pub actions: Vec<Clause>,
    /// `Resource` and `NotResource`; a request must satisfy each clause. None matches every resource.
    pub resources: Vec<Clause>,
    /// `Principal` and `NotPrincipal`; a request must satisfy each clause. None matches every principal.
    pub principals: Vec<PrincipalClause>,
    /// Its conditions; all must hold.
    pub conditions: Vec<Condition>,
}

impl Statement {
    /// What people call it: its Sid, else its place in the document, from 1.
    #[must_use]
    pub fn name(&self, index: usize) -> String {
        match &self.sid {
            Some(sid) if !sid.is_empty() => sid.clone(),
            _ => format!("statement {}", index + 1),
        }
    }
}

/// What a statement does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// It lets requests through.
    Allow,
    /// It stops them, whatever else lets them through.
    Deny,
}

/// Whether AWS says what a resource of a policy stands for: `*`, or an ARN with its six parts, of which those behind a `*` at
/// the end may be missing. Of others it says different things in different places: an identity policy has the missing parts
/// completed (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html>), and some services have short
/// forms of their own in the policies of their resources, such as `execute-api:/*`. What stands in a variable is not known
/// before a request is made.
#[must_use]
pub fn is_told_resource(pattern: &str) -> bool {
    const PREFIX: &str = "arn:";
    let literal = pattern.split(['*', '?', '$']).next().unwrap_or_default();
    let is_arn = literal.starts_with(PREFIX) || (PREFIX.starts_with(literal) && literal.len() < pattern.len());
    let is_whole = pattern.split(':').count() >= 6 || pattern.ends_with('*') || pattern.contains("${");
    is_arn && is_whole
}

/// `Action`, `Resource`, or their `Not…`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Clause {
    /// Whether it is the `Not…` of the two: it holds where no pattern matches.
    pub negated: bool,
    /// Its patterns; an empty list matches nothing.
    pub patterns: Vec<String>,
}

/// `Principal` or `NotPrincipal`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PrincipalClause {
    /// Whether it is `NotPrincipal`.
    pub negated: bool,
    /// Whom it names.
    pub principals: Vec<PrincipalName>,
}

/// One principal that a document names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PrincipalName {
    /// What sort of principal.
    pub kind: PrincipalKind,
    /// Its name: an ARN, an account id, a service, or `*`.
    pub name: String,
}

impl PrincipalName {
    /// Whether AWS says whom it stands for, in `Principal` or, `negated`, in `NotPrincipal`: there an account stands beside
    /// its principals that are spared, and what it spares by itself is not said. An id such as `AIDA…` is of a principal
    /// that is gone or of another partition.
    /// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html>
    #[must_use]
    pub fn is_told(&self, negated: bool) -> bool {
        if self.kind != PrincipalKind::Aws || self.name == "*" {
            return true;
        }
        let is_account = self.name.len() == 12 && self.name.bytes().all(|byte| byte.is_ascii_digit());
        let is_root = self.name.splitn(6, ':').nth(5) == Some("root");
        let is_arn = self.name.starts_with("arn:") && self.name.split(':').count() >= 6;
        if is_account || is_root { !negated } else { is_arn }
    }
}

/// The sorts of principals.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PrincipalKind {
    /// A bare `*`: everyone, services and the anonymous too.
    Everyone,
    /// `AWS`: accounts, users, roles and their sessions; `*` is everyone.
    Aws,
    /// `Service`
    Service,
    /// `Federated`
    Federated,
    /// `CanonicalUser`
    CanonicalUser,
}

impl PrincipalKind {
    /// The key that AWS gives it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Everyone => "*",
            Self::Aws => "AWS",
            Self::Service => "Service",
            Self::Federated => "Federated",
            Self::CanonicalUser => "CanonicalUser",
        }
    }
}

/// One operator on one condition key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Condition {
    /// `ForAllValues:` or `ForAnyValue:`.
    pub quantifier: Option<Quantifier>,
    /// The operator, without its prefix and suffix.
    pub operator: Operator,
    /// Whether it ends in `IfExists`: it also holds where the key is missing.
    pub if_exists: bool,
    /// The key in lower case, as it is compared.
    pub key: String,
    /// The key as it is written.
    pub written: String,
    /// Its values as text; booleans and numbers as they are written.
    pub values: Vec<String>,
}

/// How an operator speaks about a key with many values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quantifier {
    /// Each value of the request satisfies it; no value at all does too.
    ForAllValues,
    /// At least one value of the request satisfies it.
    ForAnyValue,
}

/// What a condition asks of a value. Names and meanings:
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `StringEquals`, `StringNotEquals`
    StringEquals {
        /// The `Not` form.
        negated: bool,
    },
    /// `StringEqualsIgnoreCase`, `StringNotEqualsIgnoreCase`
    StringEqualsIgnoreCase {
        /// The `Not` form.
        negated: bool,
    },
    /// `StringLike`, `StringNotLike`
    StringLike {
        /// The `Not` form.
        negated: bool,
    },
    /// `ArnEquals` and `ArnLike`, which mean the same, and their `Not` forms.
    Arn {
        /// The `Not` form.
        negated: bool,
    },
    /// `NumericEquals` and its five others.
    Numeric(Order),
    /// `DateEquals` and its five others.
    Date(Order),
    /// `Bool`
    Bool,
    /// `BinaryEquals`
    BinaryEquals,
    /// `IpAddress`, `NotIpAddress`
    IpAddress {
        /// The `Not` form.
        negated: bool,
    },
    /// `Null`: `true` asks that the key is missing, `false` that it is there.
    Null,
    /// A word that is not understood, in lower case: kept, and never guessed at.
    Unknown(String),
}

impl Operator {
    /// Whether it is one of the forms that hold where the key is missing because they deny a match.
    #[must_use]
    pub fn is_negated(&self) -> bool {
        match self {
            Self::StringEquals { negated }
            | Self::StringEqualsIgnoreCase { negated }
            | Self::StringLike { negated }
            | Self::Arn { negated }
            | Self::IpAddress { negated } => *negated,
            Self::Numeric(order) | Self::Date(order) => *order == Order::NotEquals,
            Self::Bool | Self::BinaryEquals | Self::Null | Self::Unknown(_) => false,
        }
    }
}

/// How two numbers or dates are compared: the request's value stands on the left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// `Equals`
    Equals,
    /// `NotEquals`
    NotEquals,
    /// `LessThan`
    LessThan,
    /// `LessThanEquals`
    LessThanEquals,
    /// `GreaterThan`
    GreaterThan,
    /// `GreaterThanEquals`
    GreaterThanEquals,
}
