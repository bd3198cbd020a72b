//! What is: the facts of one run, in words that no provider owns.
//!
//! In: nothing; providers fill it. Out: the [`Snapshot`] that is compared, and the [`Coverage`] that says what is missing
//! from it. It never reads, never judges, and never holds a provider's own types: enums of a provider are open strings.

mod account;
mod coverage;
mod observation;
mod organization;
mod scope;

pub use account::{
    AccountFacts, AppliedQuota, EventDataStore, GLOBAL, NOT_OPTED_IN, Quota, QuotaDefinition, QuotaLevel, QuotaRequest,
    RegionFacts, Setting, Trail, is_region_status,
};
pub use coverage::{Coverage, CoverageRow, CoverageStatus, ReadTimes};
pub use observation::{Gap, Observation};
pub use organization::{
    Account, AccountRequest, Delegation, Handshake, Organization, Policy, PolicyTarget, QuotaTemplate, TargetKind,
    TemplateRow, Transfer, TransferDirection, Unit,
};
pub use scope::{Provider, Scope};

pub use crate::baseline::model::Kind;

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The name and version of the snapshot format.
pub const SNAPSHOT_SCHEMA: &str = "guardline/snapshot/v1";

/// Everything that was read in one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// Always [`SNAPSHOT_SCHEMA`].
    pub schema: String,
    /// When reading began.
    #[schemars(with = "String")]
    pub taken_at: Timestamp,
    /// Whether the run was cancelled before everything was read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancelled: bool,
    /// Whose cloud it is.
    pub provider: Provider,
    /// The provider's partition: `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
    /// The account of the identity that read.
    pub caller_account: String,
    /// The ARN of the identity that read.
    pub caller: String,
    /// The organisation; absent when the account stands alone.
    pub organization: Observation<Organization>,
    /// What was read inside or for each account, by account id.
    pub accounts: BTreeMap<String, AccountFacts>,
    /// The provider's default quotas: region (or [`GLOBAL`]) → service code → quota code.
    pub quota_definitions: BTreeMap<String, BTreeMap<String, Observation<BTreeMap<String, QuotaDefinition>>>>,
    /// What was read, and what could not be.
    pub coverage: Vec<CoverageRow>,
    /// When each read was made that was whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub read_times: Vec<ReadTimes>,
}

impl Snapshot {
    /// The value in force for a quota at the level of the account: the applied value, else the provider's default.
    ///
    /// Absent when neither list knows the code; unknown when either list that is needed is unknown.
    #[must_use]
    pub fn quota(&self, account: &str, region: &str, service: &str, code: &str) -> Observation<f64> {
        let unread = || Observation::unknown(CoverageStatus::Skipped, "not read in this run");
        let applied = self
            .accounts
            .get(account)
            .and_then(|facts| facts.regions.get(region))
            .and_then(|facts| facts.quotas.get(service));
        let rows = match applied {
            None => return unread(),
            Some(Observation::Known(rows)) => rows,
            Some(Observation::Absent) => return Observation::Absent,
            Some(Observation::Unknown(gap)) => return Observation::Unknown(gap.clone()),
        };
        if let Some(row) = rows.iter().find(|row| row.code == code && row.level == QuotaLevel::Account) {
            return row.value.clone();
        }
        self.default_quota(region, service, code)
    }

    /// The provider's default of a quota. Absent when it defines no such quota; unknown when its list is.
    #[must_use]
    pub fn default_quota(&self, region: &str, service: &str, code: &str) -> Observation<f64> {
        match self.quota_definitions.get(region).and_then(|services| services.get(service)) {
            None => Observation::unknown(CoverageStatus::Skipped, "not read in this run"),
            Some(Observation::Known(codes)) => codes.get(code).map_or(Observation::Absent, |code| code.default.clone()),
            Some(Observation::Absent) => Observation::Absent,
            Some(Observation::Unknown(gap)) => Observation::Unknown(gap.clone()),
        }
    }
}
