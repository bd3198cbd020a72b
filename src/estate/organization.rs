//! The organisation: its tree, its members, its policies and its links to the outside.
//!
//! In: what the organisation's own API says. Out: plain data. It never holds what is read inside an account.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Observation;

/// An organisation (tenant) as it was read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Organization {
    /// The provider's id, `o-…`.
    pub id: String,
    /// The account that owns the organisation.
    pub management_account: String,
    /// `ALL` or `CONSOLIDATED_BILLING`.
    pub feature_set: String,
    /// The id of the root, `r-…`.
    pub root: Observation<String>,
    /// Every organisational unit below the root.
    pub units: Observation<Vec<Unit>>,
    /// Every account.
    pub accounts: Observation<Vec<Account>>,
    /// Policy types of the root and their status (`ENABLED`, `PENDING_ENABLE`, `PENDING_DISABLE`); a type that is not
    /// there is disabled.
    pub policy_types: Observation<BTreeMap<String, String>>,
    /// The policies of each enabled type, by type.
    pub policies: BTreeMap<String, Observation<Vec<Policy>>>,
    /// The effective management policy of an account, by account and policy type; only read where an account drifts.
    /// Absent: no policy of that type reaches the account.
    pub effective_policies: BTreeMap<String, BTreeMap<String, Observation<String>>>,
    /// Who administers which service for the organisation.
    pub delegated_administrators: Observation<Vec<Delegation>>,
    /// Service principals with trusted access.
    pub trusted_services: Observation<Vec<String>>,
    /// Handshakes that are not closed.
    pub handshakes: Observation<Vec<Handshake>>,
    /// Account creations that are not finished.
    pub account_requests: Observation<Vec<AccountRequest>>,
    /// The delegation policy, as JSON text.
    pub resource_policy: Observation<String>,
    /// Billing responsibility, to and from other organisations.
    pub responsibility_transfers: Observation<Vec<Transfer>>,
    /// The quota request template; only read when the baseline speaks of it.
    pub quota_template: Observation<QuotaTemplate>,
}

/// An organisational unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    /// `ou-…`
    pub id: String,
    /// Its name.
    pub name: String,
    /// The names from the root down, each after a `/`; inside a name, `/` is written `\/` and `\` is written `\\`.
    pub path: String,
    /// The id of the unit or root above it.
    pub parent: String,
}

/// A member of the organisation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Twelve digits.
    pub id: String,
    /// Its display name.
    pub name: String,
    /// The e-mail address of its root user.
    pub email: Option<String>,
    /// `PENDING_ACTIVATION`, `ACTIVE`, `SUSPENDED`, `PENDING_CLOSURE`, `CLOSED`.
    pub state: String,
    /// `CREATED` or `INVITED`.
    pub joined_method: Option<String>,
    /// When it joined.
    #[schemars(with = "Option<String>")]
    pub joined_at: Option<Timestamp>,
    /// The id of the unit or root it hangs on.
    pub parent: String,
    /// The path of that unit; `/` for the root.
    pub unit: String,
    /// Its tags; only asked for where the baseline does not list the account and something in it asks for tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Observation<BTreeMap<String, String>>>,
}

impl Account {
    /// Its tags as far as they were read.
    #[must_use]
    pub fn read_tags(&self) -> &BTreeMap<String, String> {
        static NONE: BTreeMap<String, String> = BTreeMap::new();
        self.tags.as_ref().and_then(Observation::known).unwrap_or(&NONE)
    }
}

/// A tenant-wide policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// `p-…`
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its type, as the provider writes it: `SERVICE_CONTROL_POLICY`, …
    #[serde(rename = "type")]
    pub policy_type: String,
    /// Made and kept by the provider.
    pub aws_managed: bool,
    /// Its text, as it was returned.
    pub document: Observation<String>,
    /// What it is attached to.
    pub targets: Observation<Vec<PolicyTarget>>,
}

/// One attachment of a policy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyTarget {
    /// What sort of thing it is.
    pub kind: TargetKind,
    /// The id of the root, unit or account.
    pub id: String,
}

/// What a policy can be attached to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    /// The root.
    Root,
    /// An organisational unit.
    Unit,
    /// An account.
    Account,
}

/// One service administered by a member.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Delegation {
    /// The member.
    pub account: String,
    /// The service principal, `guardduty.amazonaws.com`.
    pub service: String,
}

/// An invitation or another agreement between accounts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Handshake {
    /// `h-…`
    pub id: String,
    /// `INVITE`, `ENABLE_ALL_FEATURES`, …
    pub action: String,
    /// `REQUESTED`, `OPEN`, …
    pub state: String,
    /// The other parties, `ACCOUNT 222222222222`; e-mail addresses among them are personal data.
    pub parties: Vec<String>,
    /// When it was asked for.
    #[schemars(with = "Option<String>")]
    pub requested_at: Option<Timestamp>,
}

/// An account that is being created, or whose creation failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountRequest {
    /// `car-…`
    pub id: String,
    /// The name asked for.
    pub name: String,
    /// `IN_PROGRESS`, …
    pub state: String,
    /// The new account's id, once it has one.
    pub account: Option<String>,
}

/// A transfer of billing responsibility between organisations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    /// `rt-…`
    pub id: String,
    /// Its name, where the provider gave one.
    pub name: Option<String>,
    /// Seen from this organisation.
    pub direction: TransferDirection,
    /// `REQUESTED`, `ACCEPTED`, …
    pub status: String,
    /// The management account on the other side.
    pub counterpart: Option<String>,
}

/// Which way a responsibility goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TransferDirection {
    /// Another organisation's bill comes to this one.
    Inbound,
    /// This organisation's bill goes to another.
    Outbound,
}

/// The quotas that are asked for in every new account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuotaTemplate {
    /// `ASSOCIATED` or `DISASSOCIATED`.
    pub association: String,
    /// Its rows.
    pub rows: Vec<TemplateRow>,
}

/// One row of the quota request template.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateRow {
    /// The service code, `ec2`.
    pub service: String,
    /// The quota code, `L-1216C47A`.
    pub code: String,
    /// The region in which it is asked for.
    pub region: String,
    /// The value asked for.
    pub value: f64,
}
