//! One difference between baseline and snapshot.
//!
//! In: nothing. Out: data that findings, attribution and reports share. It never holds a severity or a status.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Rule;
use crate::baseline::Position;
use crate::estate::{GLOBAL, Kind, Scope};
use crate::policy::cause::Cause;
use crate::policy::comparison::Witness;
use crate::policy::decide::Extent;

/// What about the subject drifted. Together with kind, scope and subject it makes the finding's stable id, and it says
/// which audit events can have caused the difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Aspect {
    /// How much or which: a quota's value, a setting's value.
    Value,
    /// An open request.
    Request,
    /// A row of the quota template.
    Template,
    /// The provider's own management.
    AutoManagement,
    /// On or off: a region, a policy type, an account's state.
    Status,
    /// The status of a zone group.
    ZoneGroup,
    /// What still gets through there.
    Reach,
    /// Whether it is there at all.
    Existence,
    /// Where it hangs.
    Placement,
    /// What it is called.
    Name,
    /// A service administered by a member.
    Delegation,
    /// The organisation's resource policy.
    ResourcePolicy,
    /// A service's trusted access.
    TrustedService,
    /// A handshake.
    Handshake,
    /// A transfer of billing responsibility.
    Transfer,
    /// What a document says.
    Content,
    /// What a policy is attached to.
    Attachment,
    /// Who may change it.
    Management,
    /// Whether a trail logs.
    Logging,
    /// What a trail records.
    Configuration,
    /// Whether a trail's files arrive.
    Delivery,
    /// An entry of the baseline.
    Entry,
}

impl Aspect {
    /// The word used in ids and event catalogues.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::Request => "request",
            Self::Template => "template",
            Self::AutoManagement => "auto-management",
            Self::Status => "status",
            Self::ZoneGroup => "zone-group",
            Self::Reach => "reach",
            Self::Existence => "existence",
            Self::Placement => "placement",
            Self::Name => "name",
            Self::Delegation => "delegation",
            Self::ResourcePolicy => "resource-policy",
            Self::TrustedService => "trusted-service",
            Self::Handshake => "handshake",
            Self::Transfer => "transfer",
            Self::Content => "content",
            Self::Attachment => "attachment",
            Self::Management => "management",
            Self::Logging => "logging",
            Self::Configuration => "configuration",
            Self::Delivery => "delivery",
            Self::Entry => "entry",
        }
    }
}

/// Whether a difference takes protection away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// More is possible than declared.
    Weaker,
    /// Less is possible than declared.
    Stricter,
    /// The same is possible.
    Equivalent,
    /// Both more and less.
    Mixed,
    /// It cannot be told.
    Unknown,
}

/// What a difference is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// The provider's own immutable id, or the ids joined by `/`: `ec2/L-1216C47A`, `p-ab12cd34@ou-ab12-c3d4e5f6`.
    pub id: String,
    /// What people call it. Attacker-controlled.
    pub name: String,
}

/// In whose log the change stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoggedIn {
    /// The account whose history holds it.
    pub account: String,
    /// The region, or none for the partition's home region of global services.
    pub region: Option<String>,
}

/// How far down a difference of guardrails begins to bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// One account, or several that stand alone.
    Account,
    /// A unit with everything below it.
    Unit,
    /// The whole organisation.
    Root,
}

/// What a difference comes to for the guardrails of accounts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Guardrail {
    /// Which of the two were judged: `scp`, `rcp`.
    pub kinds: Vec<String>,
    /// The accounts that may do more or less by it, by id.
    pub accounts: BTreeSet<String>,
    /// Requests that it lets through; each was confirmed.
    pub witnesses: Vec<Witness>,
    /// Requests that it stops.
    pub stopped: Vec<Witness>,
    /// Which of the two let something more through: `scp`, `rcp`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weaker: Vec<String>,
    /// The units that these accounts hang on, by their paths.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub units: BTreeSet<String>,
    /// How many distinct pairs of stacks bind these accounts, declared and now.
    #[serde(default)]
    pub stacks: usize,
    /// How far down it begins to bind; none where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reach: Option<Reach>,
    /// How much it lets through, where that is most; none where it was not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extent: Option<Extent>,
    /// What lets it through.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<Cause>,
    /// Why a cause may be more than it must be, or may be missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causes_incomplete: Option<String>,
    /// Why it could not be told.
    pub reason: Option<String>,
    /// The other differences, by name, without which it would not weaken anything.
    pub together_with: Vec<String>,
}

/// One difference between baseline and snapshot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Drift {
    /// Which rule it breaks.
    pub rule: Rule,
    /// Of which kind it is.
    pub kind: Kind,
    /// What about the subject drifted.
    pub aspect: Aspect,
    /// Where.
    pub scope: Scope,
    /// About what.
    pub subject: Subject,
    /// Whether it takes protection away.
    pub direction: Direction,
    /// What the baseline says.
    pub expected: Value,
    /// What was read.
    pub actual: Value,
    /// The line of the baseline it comes from; none where the baseline says nothing of it.
    pub position: Option<Position>,
    /// Where a record of the change would be.
    pub logged_in: Vec<LoggedIn>,
    /// What such a record names: `service`, `code`, `policy`, `target`, `account`, … as the event catalogue calls them.
    pub event_subject: BTreeMap<String, String>,
    /// What such a record brought about, to be held against the present state: `value` → `640`, `attachment` → `detached`.
    pub event_effect: BTreeMap<String, String>,
    /// What it comes to for the guardrails of accounts; none where it bears on none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guardrail: Option<Guardrail>,
}

impl Drift {
    /// A difference about which nothing is said yet but where it is and what it is about.
    pub(super) fn new(
        rule: Rule,
        aspect: Aspect,
        scope: Scope,
        id: impl Into<String>,
        name: impl Into<String>,
    ) -> Self {
        Self {
            rule,
            kind: rule.kind(),
            aspect,
            scope,
            subject: Subject { id: id.into(), name: name.into() },
            direction: Direction::Unknown,
            expected: Value::Null,
            actual: Value::Null,
            position: None,
            logged_in: Vec::new(),
            event_subject: BTreeMap::new(),
            event_effect: BTreeMap::new(),
            guardrail: None,
        }
    }

    /// Says whether it takes protection away.
    pub(super) fn direction(mut self, direction: Direction) -> Self {
        self.direction = direction;
        self
    }

    /// Says what the baseline demands and what was read.
    pub(super) fn values(mut self, expected: impl Into<Value>, actual: impl Into<Value>) -> Self {
        self.expected = expected.into();
        self.actual = actual.into();
        self
    }

    /// Says which line of the baseline it comes from.
    pub(super) fn at(mut self, position: Position) -> Self {
        self.position = Some(position);
        self
    }

    /// Adds a log that would hold the change; [`GLOBAL`] is the home region of global services.
    pub(super) fn logged(mut self, account: &str, region: Option<&str>) -> Self {
        let region = region.filter(|region| *region != GLOBAL).map(str::to_owned);
        self.logged_in.push(LoggedIn { account: account.to_owned(), region });
        self
    }

    /// Adds what a record of the change names.
    pub(super) fn names(mut self, key: &str, value: impl Into<String>) -> Self {
        self.event_subject.insert(key.to_owned(), value.into());
        self
    }

    /// Adds what such a record brought about.
    pub(super) fn effect(mut self, key: &str, value: impl Into<String>) -> Self {
        self.event_effect.insert(key.to_owned(), value.into());
        self
    }

    /// What the finding's id is made of, and so what no two differences of a run share; also their order in a report.
    pub(super) fn identity(&self) -> (Kind, &Scope, Aspect, &str) {
        (self.kind, &self.scope, self.aspect, &self.subject.id)
    }
}

/// A number as JSON, whole where it is whole.
#[must_use]
pub fn number(value: f64) -> Value {
    /// Up to here every whole number is held exactly.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() < EXACT {
        #[allow(clippy::cast_possible_truncation, reason = "whole, and below 2^53")]
        let whole = value as i64;
        return Value::from(whole);
    }
    Value::from(value)
}
