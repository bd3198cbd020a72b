//! What was read inside an account: regions, quotas, settings, trails.
//!
//! In: the answers of one account's APIs. Out: plain data by region. It never holds the organisation's view of it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Observation;

/// The region under which an account's global facts are held.
pub const GLOBAL: &str = "global";

/// What EC2 says of a region that is off, or still being switched on: only Account Management tells these apart.
pub const NOT_OPTED_IN: &str = "not-opted-in";

/// Whether it is known what a status of a region means.
#[must_use]
pub fn is_region_status(word: &str) -> bool {
    ["ENABLED_BY_DEFAULT", "ENABLED", "ENABLING", "DISABLING", "DISABLED", NOT_OPTED_IN].contains(&word)
}

/// What was read inside one account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountFacts {
    /// The opt-in status of every region: `ENABLED`, `ENABLING`, `DISABLING`, `DISABLED`, `ENABLED_BY_DEFAULT`; EC2's
    /// `not-opted-in` where nobody else was to be asked.
    pub region_status: Observation<BTreeMap<String, String>>,
    /// The facts of each region that is on, and of [`GLOBAL`].
    pub regions: BTreeMap<String, RegionFacts>,
}

/// What was read in one region of one account. A map without a key: that was not asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RegionFacts {
    /// Local and Wavelength Zone groups and their opt-in status (`opted-in`, `not-opted-in`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone_groups: Option<Observation<BTreeMap<String, String>>>,
    /// Applied quotas that differ from the default, by service code.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub quotas: BTreeMap<String, Observation<Vec<AppliedQuota>>>,
    /// Quota requests of about the last 90 days, open and closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota_requests: Option<Observation<Vec<QuotaRequest>>>,
    /// Whether the provider raises quotas by itself: `disabled`, `notify`, `adjust`, or the provider's own word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota_auto_management: Option<Observation<String>>,
    /// Account-wide settings of compute, by the baseline's name for them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, Observation<Setting>>,
    /// The trails that record this region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trails: Option<Observation<Vec<Trail>>>,
    /// Event data stores of this region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_data_stores: Option<Observation<Vec<EventDataStore>>>,
}

/// Whether a quota holds for the account or for one of its resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum QuotaLevel {
    /// For the whole account in that region.
    Account,
    /// For one resource.
    Resource,
}

/// A quota as the provider defines it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuotaDefinition {
    /// Its name.
    pub name: String,
    /// The provider's default; unknown when the row came with an error.
    pub default: Observation<f64>,
    /// One value for all regions.
    pub global: bool,
    /// Whether it can be raised on request.
    pub adjustable: bool,
}

/// A quota value that was applied to an account or resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AppliedQuota {
    /// The quota code, `L-1216C47A`.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Where it holds.
    pub level: QuotaLevel,
    /// The resource it holds for, at resource level: an ARN or `*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// The value; unknown when the row came with an error.
    pub value: Observation<f64>,
}

/// A quota by its two codes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// The service code, `ec2`.
    pub service: String,
    /// The quota code, `L-1216C47A`.
    pub code: String,
}

/// A request to change a quota.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuotaRequest {
    /// The provider's id.
    pub id: String,
    /// Which quota.
    pub quota: Quota,
    /// Its name.
    pub name: String,
    /// `PENDING`, `CASE_OPENED`, `APPROVED`, `DENIED`, `CASE_CLOSED`, `NOT_APPROVED`, `INVALID_REQUEST`.
    pub status: String,
    /// The value asked for.
    pub value: f64,
    /// The resource it was asked for, at resource level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// Made by the provider's own management of quotas.
    pub automatic: bool,
    /// The ARN of who asked, where the provider says.
    pub requester: Option<String>,
    /// When it was asked for.
    #[schemars(with = "Option<String>")]
    pub created: Option<Timestamp>,
    /// When it last changed.
    #[schemars(with = "Option<String>")]
    pub updated: Option<Timestamp>,
}

/// States after which a request changes nothing any more. A word that the provider adds later counts as open.
const ANSWERED: [&str; 5] = ["APPROVED", "CASE_CLOSED", "DENIED", "INVALID_REQUEST", "NOT_APPROVED"];

impl QuotaRequest {
    /// Whether it changes nothing any more.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        ANSWERED.contains(&self.status.as_str())
    }
}

/// An account-wide setting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// Its value: a boolean, a word, a number, or an object of attributes.
    pub value: Value,
    /// Who may change it: `account` or `declarative-policy`; not every setting says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_by: Option<String>,
}

/// A trail that records management events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Trail {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// The region it is kept in.
    pub home_region: String,
    /// Records every region.
    pub multi_region: bool,
    /// Records every account of the organisation.
    pub organization: bool,
    /// Digests are written, so that deleted or changed files show.
    pub log_file_validation: bool,
    /// The bucket it writes to.
    pub bucket: Option<String>,
    /// Whether it is logging now.
    pub logging: Observation<bool>,
    /// The last error in delivering, if the last delivery failed.
    pub delivery_error: Observation<Option<String>>,
    /// Which management events are recorded: `all`, `write`, `read`, `none`, or `custom` where selectors leave some out.
    pub management_events: Observation<String>,
    /// Event sources whose management events are left out.
    pub excluded_sources: Observation<Vec<String>>,
}

/// A store of events in CloudTrail Lake.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventDataStore {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// `ENABLED`, `STOPPED_INGESTION`, `PENDING_DELETION`, …
    pub status: String,
    /// Records every region.
    pub multi_region: bool,
    /// Records every account of the organisation.
    pub organization: bool,
    /// How long events are kept, in days.
    pub retention_days: Observation<i64>,
}
