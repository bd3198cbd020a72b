//! The AWS part of the baseline. In comes the `aws` mapping; out go its sections, one type each. Names of services,
//! policy types, statuses and regions are open text: AWS adds to them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DocumentSource, Kind, Limit, OuPath, Patterns, SettingsRule, Where};
use crate::baseline::pattern::is_pattern;

/// The AWS part of an estate: one organisation, or one account on its own.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Aws {
    /// Id of the organisation, `o-…`. Left out: not compared, or a standalone account.
    #[serde(default)]
    #[schemars(extend("format" = "organization-id", "pattern" = "^o-[a-z0-9]{10,32}$"))]
    pub organization: Option<String>,
    /// Id of the management account: 12 digits, in quotes.
    #[serde(default)]
    #[schemars(extend("format" = "account-id", "pattern" = "^[0-9]{12}$"))]
    pub management_account: Option<String>,
    /// How the agent reaches the organisation and its accounts.
    #[serde(default)]
    pub access: Option<Access>,
    /// Which accounts are read at all. The organisation, its links and policies are always read whole.
    #[serde(default)]
    pub scope: Option<Scope>,
    /// Every account that belongs, and where it hangs.
    #[serde(default)]
    pub accounts: Option<Vec<AccountEntry>>,
    /// Every organisational unit.
    #[serde(default)]
    pub organizational_units: Option<Vec<OrganizationalUnit>>,
    /// Which account administers which service for the organisation.
    #[serde(default)]
    pub delegated_administrators: Option<Vec<DelegatedAdministrator>>,
    /// Service principals that are trusted in the organisation.
    #[serde(default)]
    pub trusted_services: Option<Vec<String>>,
    /// Billing links to other organisations.
    #[serde(default)]
    pub responsibility_transfers: Option<Vec<ResponsibilityTransfer>>,
    /// The organisation's delegation policy: a path, the document itself, or `none`.
    #[serde(default)]
    pub resource_policy: Option<DocumentSource>,
    /// Which regions may be on and which must be. The last rule that matches an account decides alone.
    #[serde(default)]
    pub regions: Option<Vec<RegionRule>>,
    /// How much may be bought. Per quota, the last rule that matches decides.
    #[serde(default)]
    pub quotas: Option<Vec<QuotaRule>>,
    /// Pending quota requests; `none` makes each one a finding.
    #[serde(default)]
    pub quota_requests: Option<QuotaRequests>,
    /// Expected rows of the organisation's quota request template; an empty list also means that it is not in use.
    #[serde(default)]
    pub quota_template: Option<Vec<QuotaTemplateRow>>,
    /// Whether quotas may grow by themselves.
    #[serde(default)]
    pub quota_auto_management: Option<QuotaAutoManagement>,
    /// Policy types that are enabled on the root: AWS's names in lower case without `_POLICY`, such as
    /// `service_control`, `resource_control`, `declarative_policy_ec2`.
    #[serde(default)]
    pub policy_types: Option<Vec<String>>,
    /// Every policy of the organisation, AWS's own included.
    #[serde(default)]
    pub policies: Option<Vec<PolicyRule>>,
    /// EC2's account-wide switches, per account and region. Per switch, the last rule that gives it decides.
    #[serde(default)]
    pub settings: Option<Vec<SettingsRule>>,
    /// Who watches: the trails, and where evidence is read.
    #[serde(default)]
    pub audit_logs: Option<AuditLogs>,
}

impl Aws {
    /// Every section that is compared: its key, its kind, and whether the baseline has it.
    #[must_use]
    pub fn sections(&self) -> [(&'static str, Kind, bool); 15] {
        [
            ("accounts", Kind::Link, self.accounts.is_some()),
            ("organizational_units", Kind::Link, self.organizational_units.is_some()),
            ("delegated_administrators", Kind::Link, self.delegated_administrators.is_some()),
            ("trusted_services", Kind::Link, self.trusted_services.is_some()),
            ("responsibility_transfers", Kind::Link, self.responsibility_transfers.is_some()),
            ("resource_policy", Kind::Link, self.resource_policy.is_some()),
            ("regions", Kind::Region, self.regions.is_some()),
            ("quotas", Kind::Quota, self.quotas.is_some()),
            ("quota_requests", Kind::Quota, self.quota_requests.is_some()),
            ("quota_template", Kind::Quota, self.quota_template.is_some()),
            ("quota_auto_management", Kind::Quota, self.quota_auto_management.is_some()),
            ("policy_types", Kind::Policy, self.policy_types.is_some()),
            ("policies", Kind::Policy, self.policies.is_some()),
            ("settings", Kind::Setting, self.settings.is_some()),
            ("audit_logs", Kind::AuditLog, self.audit_logs.is_some()),
        ]
    }
}

/// How the agent reaches the organisation and its accounts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Access {
    /// Role that reads the organisation: a name in the management account, or an ARN; a list means a role chain.
    /// Left out: the agent's own identity.
    #[serde(default)]
    pub management_role: Option<Patterns>,
    /// Role that reads a member account: a name, or an ARN with `{account}` in it; a list means a role chain.
    /// Left out: only the agent's own account can be read from within.
    #[serde(default)]
    pub member_role: Option<Patterns>,
    /// Environment variable that holds the external id for these roles.
    #[serde(default)]
    #[schemars(extend("format" = "environment-variable", "pattern" = "^[A-Za-z_][A-Za-z0-9_]*$"))]
    pub external_id_env: Option<String>,
}

/// Which accounts are read from within: those that `include` names (all when it is left out), less those that `exclude`
/// names.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// Only these.
    #[serde(default)]
    pub include: Option<Vec<Where>>,
    /// Not these.
    #[serde(default)]
    pub exclude: Vec<Where>,
}

/// One account (`id`), or any number of accounts created in this organisation (`match`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountEntry {
    /// Account id: 12 digits, in quotes.
    #[serde(default)]
    #[schemars(extend("format" = "account-id", "pattern" = "^[0-9]{12}$"))]
    pub id: Option<String>,
    /// Pattern for the names of any number of accounts that were created here; invited ones never match.
    #[serde(default, rename = "match")]
    #[schemars(length(min = 1))]
    pub matches: Option<String>,
    /// The account's name.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub name: Option<String>,
    /// OU in which it hangs; `/` is the root.
    #[serde(default)]
    pub ou: Option<OuPath>,
    /// Tags, for rules that speak of them.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// An organisational unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrganizationalUnit {
    /// Where it hangs and what it is called, such as `/Workloads/Prod`.
    pub path: OuPath,
    /// Its id, `ou-…`. With it, a changed name is seen as a new name.
    #[serde(default)]
    #[schemars(extend("format" = "ou-id", "pattern" = "^ou-[a-z0-9]{4,32}-[a-z0-9]{8,32}$"))]
    pub id: Option<String>,
}

/// An account that administers a service for the whole organisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DelegatedAdministrator {
    /// Account id (in quotes) or declared name.
    pub account: String,
    /// Service principal, such as `guardduty.amazonaws.com`.
    pub service: String,
}

/// A billing link to another organisation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResponsibilityTransfer {
    /// Its id, `rt-…`.
    #[serde(default)]
    pub id: Option<String>,
    /// Its name.
    #[serde(default)]
    pub name: Option<String>,
    /// Whether another organisation pays for this one (`outbound`) or this one for another (`inbound`).
    #[serde(default)]
    pub direction: Option<TransferDirection>,
    /// Management account of the other organisation: 12 digits, in quotes.
    #[serde(default)]
    #[schemars(extend("format" = "account-id", "pattern" = "^[0-9]{12}$"))]
    pub management_account: Option<String>,
}

/// Which way a responsibility goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TransferDirection {
    /// From another organisation to this one.
    Inbound,
    /// From this organisation to another.
    Outbound,
}

/// Which regions may be on, and which must be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegionRule {
    /// Where the rule applies; left out, everywhere.
    #[serde(default, rename = "where")]
    pub applies: Where,
    /// Regions that may be on; alone it demands nothing. One that cannot be switched off is no finding for being on, only
    /// for being open: `region.open` says whether the guardrails let compute be created there.
    pub allowed: Vec<String>,
    /// Regions that must be on, each of them allowed too.
    #[serde(default)]
    pub required: Vec<String>,
    /// Local and Wavelength Zone groups that may be opted in; left out, they are not audited.
    #[serde(default)]
    pub zone_groups: Option<Vec<String>>,
}

/// A limit on a quota. Several conditions may stand together; all must hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuotaRule {
    /// Service code of Service Quotas, such as `ec2`.
    #[schemars(length(min = 1))]
    pub service: String,
    /// Quota code, such as `L-1216C47A`, or a pattern.
    #[schemars(length(min = 1))]
    pub code: String,
    /// Where the rule applies; left out, everywhere.
    #[serde(default, rename = "where")]
    pub applies: Where,
    /// Exactly this: a number or `default`.
    #[serde(default)]
    pub equals: Option<Limit>,
    /// At most this: a number or `default`.
    #[serde(default)]
    pub max: Option<Limit>,
    /// At least this: a number or `default`.
    #[serde(default)]
    pub min: Option<Limit>,
    /// From the first number to the second, both included.
    #[serde(default)]
    pub between: Option<[f64; 2]>,
    /// Whether the quota of the account or of its resources is meant.
    #[serde(default)]
    pub level: QuotaLevel,
    /// ARN pattern of the resources meant, with `level: resource`.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub resource: Option<String>,
}

/// At which level a quota applies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum QuotaLevel {
    /// The account.
    #[default]
    Account,
    /// One resource.
    Resource,
}

/// Which pending quota requests are expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum QuotaRequests {
    /// None.
    None,
}

/// One row of the organisation's quota request template.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuotaTemplateRow {
    /// Service code.
    pub service: String,
    /// Quota code.
    pub code: String,
    /// Region for which new accounts ask.
    pub region: String,
    /// Value for which they ask.
    pub value: f64,
}

/// Whether quotas may grow by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum QuotaAutoManagement {
    /// Off.
    Disabled,
    /// AWS says when a quota is nearly used up.
    Notify,
    /// AWS raises a quota that is nearly used up.
    Adjust,
}

/// A policy of the organisation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyRule {
    /// Its name. With `*` or `?`, and without `id`: any number of policies of such names, for which no document can be
    /// given.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Its id, `p-…`. With it, a changed name is seen as a new name.
    #[serde(default)]
    #[schemars(extend("format" = "policy-id", "pattern" = "^p-[0-9a-zA-Z_]{8,128}$"))]
    pub id: Option<String>,
    /// Its type: AWS's name in lower case without `_POLICY`, such as `service_control`.
    #[serde(rename = "type")]
    #[schemars(extend("format" = "policy-type", "pattern" = "^[a-z0-9_]+$"))]
    pub policy_type: String,
    /// Whether AWS made it.
    #[serde(default)]
    pub aws_managed: bool,
    /// What it says: a path, or the document itself. Left out: what it says is not compared.
    #[serde(default)]
    pub document: Option<DocumentSource>,
    /// Where it is attached: there, and nowhere else. Left out: that is not compared. With a pattern as name, each such
    /// policy may be attached to any of these, and to nothing else.
    #[serde(default)]
    pub targets: Option<Targets>,
}

impl PolicyRule {
    /// Whether it stands for any number of policies: by a pattern. What has an id is called so, letter by letter.
    #[must_use]
    pub fn is_family(&self) -> bool {
        self.id.is_none() && is_pattern(&self.name)
    }
}

/// Where a policy is attached: `everywhere` (the root, every OU and every account), or a list of OU paths (`/` is the
/// root), account ids (in quotes) and declared account names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "TargetsText", into = "TargetsText")]
pub enum Targets {
    /// The root, every OU and every account.
    Everywhere,
    /// These OU paths, account ids and account names.
    These(Vec<String>),
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum TargetsText {
    Word(EverywhereWord),
    These(Vec<String>),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum EverywhereWord {
    Everywhere,
}

impl From<TargetsText> for Targets {
    fn from(written: TargetsText) -> Self {
        match written {
            TargetsText::Word(EverywhereWord::Everywhere) => Self::Everywhere,
            TargetsText::These(these) => Self::These(these),
        }
    }
}

impl From<Targets> for TargetsText {
    fn from(targets: Targets) -> Self {
        match targets {
            Targets::Everywhere => Self::Word(EverywhereWord::Everywhere),
            Targets::These(these) => Self::These(these),
        }
    }
}

impl JsonSchema for Targets {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Targets".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"anyOf": [
            {"const": "everywhere"},
            {"type": "array", "items": {"type": "string", "minLength": 1}},
        ]})
    }
}

/// Who watches: the trails, and where evidence is read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditLogs {
    /// The trail that records every account of the organisation.
    #[serde(default)]
    pub organization_trail: Option<TrailExpectation>,
    /// Trails that accounts must have of their own. Each rule asks every account it matches for one such trail.
    #[serde(default)]
    pub trails: Option<Vec<TrailRule>>,
    /// For how many days records must be kept where that can be read.
    #[serde(default)]
    pub retention_days: Option<u32>,
    /// Where evidence is read, default `auto`.
    #[serde(default)]
    pub source: Source,
}

/// What a trail must be like. What is left out is not compared.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrailExpectation {
    /// Its name, or a pattern.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub name: Option<String>,
    /// Whether it records every region.
    #[serde(default)]
    pub multi_region: Option<bool>,
    /// Whether its files can be proven complete.
    #[serde(default)]
    pub log_file_validation: Option<bool>,
    /// Which management events it records.
    #[serde(default)]
    pub management_events: Option<ManagementEvents>,
}

/// A trail that each account matched must have of its own. What is left out is not compared.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrailRule {
    /// Where the rule applies; left out, everywhere.
    #[serde(default, rename = "where")]
    pub applies: Where,
    /// Its name, or a pattern.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub name: Option<String>,
    /// Whether it records every region.
    #[serde(default)]
    pub multi_region: Option<bool>,
    /// Whether its files can be proven complete.
    #[serde(default)]
    pub log_file_validation: Option<bool>,
    /// Which management events it records.
    #[serde(default)]
    pub management_events: Option<ManagementEvents>,
}

impl TrailRule {
    /// What the trail must be like, without where.
    #[must_use]
    pub fn expectation(&self) -> TrailExpectation {
        TrailExpectation {
            name: self.name.clone(),
            multi_region: self.multi_region,
            log_file_validation: self.log_file_validation,
            management_events: self.management_events,
        }
    }
}

/// Which management events a trail records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ManagementEvents {
    /// Reads and writes, without exception: needed to follow role chains.
    All,
    /// Writes, without exception.
    Write,
    /// Reads, without exception.
    Read,
    /// None.
    None,
}

/// Where evidence is read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The best that is there; today the same as `lookup`.
    #[default]
    Auto,
    /// CloudTrail's event history, 90 days.
    Lookup,
    /// A trail's bucket.
    S3(S3Source),
    /// A table over a trail's bucket.
    Athena(AthenaSource),
    /// Files on disk: a file, a folder or a pattern, relative to this file.
    Files(String),
}

/// A trail's bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct S3Source {
    /// Its name.
    pub bucket: String,
    /// What comes before `AWSLogs/`.
    #[serde(default)]
    pub prefix: Option<String>,
    /// ARN of the role that reads it.
    #[serde(default)]
    pub role: Option<String>,
}

/// A table over a trail's bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AthenaSource {
    /// Database.
    pub database: String,
    /// Table.
    pub table: String,
    /// Workgroup that pays.
    #[serde(default)]
    pub workgroup: Option<String>,
    /// Names of the partition columns.
    #[serde(default)]
    pub partitions: Vec<String>,
}
