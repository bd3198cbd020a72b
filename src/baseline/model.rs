//! The typed baseline. In comes a mapping that was already checked against the JSON Schema made from these very types;
//! out go the rules as Rust values. The documentation of each field becomes its description in the published schema.
//! Never reads a file and never decides which rule applies.
//!
//! An absent section (`None`) is not audited; an empty list means that none are expected.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod aws;
mod words;

pub use aws::{
    Access, AccountEntry, AuditLogs, Aws, DelegatedAdministrator, ManagementEvents, OrganizationalUnit, PolicyRule,
    QuotaAutoManagement, QuotaLevel, QuotaRequests, QuotaRule, QuotaTemplateRow, RegionRule, ResponsibilityTransfer,
    Scope, Source, Targets, TrailExpectation, TrailRule, TransferDirection,
};
pub use settings::{
    AllowedImagesSettings, CreationDateCondition, DeprecationTimeCondition, ImageCriterion, InstanceMetadataDefaults,
    SettingsRule, VpcBlockPublicAccess,
};
pub use words::{DocumentSource, Kind, Limit, Moment, OuPath, Patterns, Period, Severity, Value};

mod settings;

/// A Guardline baseline: what an estate should be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// Version of this format; the only one today is 1.
    #[schemars(extend("const" = 1))]
    pub version: u32,
    /// Name of the estate, shown in reports.
    #[schemars(length(min = 1))]
    pub estate: String,
    /// IANA time zone for shown and learned hours, default UTC. Stored times are always UTC.
    #[serde(default)]
    #[schemars(extend("format" = "time-zone"))]
    pub timezone: Option<String>,
    /// How far back evidence is sought when there is no history, as `7d`, `36h` or `2w`; at most 90 days.
    #[serde(default)]
    pub lookback: Option<Period>,
    /// Severities that differ from the shipped table, by rule: `{quota.raised: high}`.
    #[serde(default)]
    pub severity: BTreeMap<String, Severity>,
    /// Folder with extra sequence definitions, relative to this file.
    #[serde(default)]
    pub sequences: Option<String>,
    /// File in which runs and findings are kept over time, relative to this file.
    #[serde(default)]
    pub history: Option<String>,
    /// Other baseline files, spliced in where this key stands: lists are joined in order, mappings merged.
    /// Paths are relative to this file.
    #[serde(default)]
    pub include: Option<Patterns>,
    /// The AWS part of the estate.
    #[serde(default)]
    pub aws: Option<Aws>,
    /// Who is expected to make such changes at all.
    #[serde(default)]
    pub administrators: Option<Vec<Who>>,
    /// Declared windows: who may change what, to what, when, under which ticket.
    #[serde(default)]
    pub approved_changes: Vec<ApprovedChange>,
    /// Declared, bounded, expiring acceptances of a state.
    #[serde(default)]
    pub exemptions: Vec<Exemption>,
}

/// Where a rule applies. Every key that is given must match; a list means any of its entries. Text matches whole,
/// `*` and `?` stand for anything. Accounts, OUs and tags are those that the baseline declares; live ones count only
/// for accounts that it does not list.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Where {
    /// Account id (in quotes) or declared name.
    #[serde(default)]
    pub account: Option<Patterns>,
    /// OU path such as `/Workloads/Prod`, with everything below it. A `/` inside a name is written `\/`.
    #[serde(default)]
    pub ou: Option<Patterns>,
    /// Tags that the account must carry, as `{tier: prod}`.
    #[serde(default)]
    pub tag: BTreeMap<String, String>,
    /// Region such as `eu-west-1`; `global` for what has no region.
    #[serde(default)]
    pub region: Option<Patterns>,
    /// Partition: `aws`, `aws-cn`, `aws-us-gov`.
    #[serde(default)]
    pub partition: Option<Patterns>,
}

/// Which findings an exemption or an approved change speaks of. Every key that is given must match, a missing key means
/// any; a list means any of its entries. Text matches whole, `*` and `?` stand for anything.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Match {
    /// Kind of thing that differs.
    #[serde(default)]
    pub kind: Option<Kind>,
    /// Rule of the finding, such as `quota.raised` or `link.account.*`.
    #[serde(default)]
    pub rule: Option<Patterns>,
    /// Stable id of one finding, as reports show it.
    #[serde(default)]
    pub finding: Option<Patterns>,
    /// Account id (in quotes) or declared name.
    #[serde(default)]
    pub account: Option<Patterns>,
    /// OU path, with everything below it.
    #[serde(default)]
    pub ou: Option<Patterns>,
    /// Tags that the account must carry.
    #[serde(default)]
    pub tag: BTreeMap<String, String>,
    /// Region; `global` for what has no region.
    #[serde(default)]
    pub region: Option<Patterns>,
    /// Partition: `aws`, `aws-cn`, `aws-us-gov`.
    #[serde(default)]
    pub partition: Option<Patterns>,
    /// Service: a quota's service code (`ec2`) or a service principal (`guardduty.amazonaws.com`).
    #[serde(default)]
    pub service: Option<Patterns>,
    /// Quota code, such as `L-1216C47A`.
    #[serde(default)]
    pub code: Option<Patterns>,
    /// Policy type, such as `service_control`.
    #[serde(default, rename = "type")]
    pub policy_type: Option<Patterns>,
    /// Name of the policy, setting, trail, OU, account or zone group.
    #[serde(default)]
    pub name: Option<Patterns>,
    /// The provider's own id of the subject: `p-…`, `ou-…`, `h-…`, an ARN.
    #[serde(default)]
    pub id: Option<Patterns>,
    /// Where a policy is attached: an OU path, an account id or name.
    #[serde(default)]
    pub target: Option<Patterns>,
    /// ARN of the resource, for quotas that apply to one.
    #[serde(default)]
    pub resource: Option<Patterns>,
    /// The subject as reports show it.
    #[serde(default)]
    pub subject: Option<Patterns>,
}

/// Someone who may change things. Text matches whole, `*` (which crosses `/`) and `?` stand for anything. A session name
/// that the caller chose never matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// A person that an identity provider vouches for: IAM user, SAML or Identity Center user.
    Person(String),
    /// The subject of an OIDC token, such as `repo:acme/infra:*`.
    Pipeline(String),
    /// ARN of the role behind a session; `*` as its account means the accounts of this estate.
    Role(String),
}

/// A bound on a state. Nothing given: any state.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bound {
    /// At most this number.
    #[serde(default)]
    pub max: Option<f64>,
    /// At least this number.
    #[serde(default)]
    pub min: Option<f64>,
    /// Exactly this value: text, number, true or false.
    #[serde(default)]
    pub value: Option<Value>,
    /// This status, as the provider words it: `ENABLED`, `SUSPENDED`, `DISABLED`; `absent` for what is not there.
    #[serde(default)]
    pub status: Option<String>,
    /// SHA-256 of the normalised document, as `sha256:` and 64 hexadecimal digits.
    #[serde(default)]
    #[schemars(extend("format" = "digest"))]
    pub digest: Option<String>,
}

/// A declared window in which a change may be made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovedChange {
    /// The ticket, such as `CHG-4711`.
    #[schemars(length(min = 1))]
    pub id: String,
    /// Why the change is wanted.
    #[schemars(length(min = 1))]
    pub reason: String,
    /// Who may make it: any one of these.
    #[schemars(length(min = 1))]
    pub by: Vec<Who>,
    /// Which differences it speaks of.
    #[serde(rename = "match")]
    pub matches: Match,
    /// What it may be set to. Left out: anything.
    #[serde(default)]
    pub to: Option<Bound>,
    /// From when the change may be made, this moment included.
    pub from: Moment,
    /// Until when the change may be made, this moment excluded; a bare date is included whole.
    pub until: Moment,
    /// How long the difference may stand, default `until`.
    #[serde(default)]
    pub accepted_until: Option<Moment>,
}

/// A declared, bounded, expiring acceptance of a state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exemption {
    /// Name of this exemption, optional; unique when given.
    #[serde(default)]
    pub id: Option<String>,
    /// Which findings it speaks of.
    #[serde(rename = "match")]
    pub matches: Match,
    /// Accepted up to this number.
    #[serde(default)]
    pub max: Option<f64>,
    /// Accepted down to this number.
    #[serde(default)]
    pub min: Option<f64>,
    /// Accepted at exactly this value: text, number, true or false.
    #[serde(default)]
    pub value: Option<Value>,
    /// Accepted in this status, as the provider words it: `ENABLED`, `SUSPENDED`, `DISABLED`; `absent` for what is not
    /// there.
    #[serde(default)]
    pub status: Option<String>,
    /// Accepted for this document: SHA-256 of the normalised document, as `sha256:` and 64 hexadecimal digits.
    #[serde(default)]
    #[schemars(extend("format" = "digest"))]
    pub digest: Option<String>,
    /// Why it is accepted.
    #[schemars(length(min = 1))]
    pub reason: String,
    /// Who answers for it.
    #[serde(default)]
    pub owner: Option<String>,
    /// Whether the risk is carried or countered elsewhere.
    #[serde(default)]
    pub category: Category,
    /// Until when it is accepted; a bare date is included whole.
    pub expires: Moment,
}

impl Exemption {
    /// The state that is accepted, as one bound.
    #[must_use]
    pub fn bound(&self) -> Bound {
        Bound {
            max: self.max,
            min: self.min,
            value: self.value.clone(),
            status: self.status.clone(),
            digest: self.digest.clone(),
        }
    }
}

impl Bound {
    /// Whether nothing is bounded, so that any state is accepted.
    #[must_use]
    pub fn is_open(&self) -> bool {
        *self == Self::default()
    }
}

impl Match {
    /// Whether no key is given, so that every finding matches.
    #[must_use]
    pub fn is_open(&self) -> bool {
        *self == Self::default()
    }
}

/// What kind of acceptance an exemption is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// The risk is carried.
    #[default]
    Waiver,
    /// The risk is countered by something else.
    Mitigated,
}
