//! The model that the double answers from: an AWS organisation, its accounts and what is in them.
//!
//! In: plain values set by a test, or JSON. Out: the same values, looked up by the services. It holds what AWS
//! holds, not what an answer looks like, and it never knows about requests, callers or faults.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Deref, DerefMut};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use super::inside::{
    Account, AccountQuota, AllowedImages, AutoManagement, ChangeRequest, Ec2Settings, Event, EventDataStore,
    ImdsDefaults, Managed, ResourceQuota, Role, RowError, Trail, VpcBlock,
};

/// Everything the double knows.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Estate {
    /// `aws`, `aws-cn` or `aws-us-gov`: goes into every ARN.
    pub partition: String,
    /// Where account-wide services and global quotas live.
    pub global_region: String,
    /// The server's idea of now; the real time when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<Timestamp>,
    /// Absent: no account here belongs to an organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<Organization>,
    /// By id. An account whose `parent` is absent stands outside the organisation.
    pub accounts: BTreeMap<String, Account>,
    /// Every region of the partition, by name.
    pub regions: BTreeMap<String, RegionKind>,
    /// Every service with quotas, by service code.
    pub services: BTreeMap<String, Service>,
    /// How lists are cut into pages.
    #[serde(default)]
    pub paging: Paging,
}

/// An organisation without its accounts.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Organization {
    pub id: String,
    /// `ALL` or `CONSOLIDATED_BILLING`.
    pub feature_set: String,
    pub management_account: String,
    pub root: Root,
    /// By id.
    pub units: BTreeMap<String, Unit>,
    /// By id.
    pub policies: BTreeMap<String, Policy>,
    /// Account id → service principal → since when.
    #[serde(default)]
    pub delegated: BTreeMap<String, BTreeMap<String, Timestamp>>,
    /// Service principal → since when.
    #[serde(default)]
    pub trusted_services: BTreeMap<String, Timestamp>,
    #[serde(default)]
    pub handshakes: Vec<Handshake>,
    #[serde(default)]
    pub create_account_statuses: Vec<CreateAccountStatus>,
    /// The delegation policy's id and JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_policy: Option<ResourcePolicy>,
    #[serde(default)]
    pub transfers_in: Vec<Transfer>,
    #[serde(default)]
    pub transfers_out: Vec<Transfer>,
    /// The organisation's quota request template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota_template: Option<QuotaTemplate>,
    /// Whether accounts still carry the retired `Status` field beside `State`.
    #[serde(default)]
    pub legacy_account_status: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Root {
    pub id: String,
    pub name: String,
    /// Policy type → `ENABLED`, `PENDING_ENABLE` or `PENDING_DISABLE`.
    pub policy_types: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    pub name: String,
    /// The root's or another unit's id.
    pub parent: String,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    pub name: String,
    #[serde(default)]
    pub description: String,
    /// AWS's name, such as `SERVICE_CONTROL_POLICY`.
    pub policy_type: String,
    #[serde(default)]
    pub aws_managed: bool,
    /// The document's exact text.
    pub content: String,
    /// Ids of roots, units and accounts.
    #[serde(default)]
    pub targets: BTreeSet<String>,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Handshake {
    pub id: String,
    /// `INVITE`, `TRANSFER_RESPONSIBILITY`, …
    pub action: String,
    pub state: String,
    /// Type (`ACCOUNT`, `ORGANIZATION`, `EMAIL`) and id.
    pub parties: Vec<(String, String)>,
    /// Type and value.
    #[serde(default)]
    pub resources: Vec<(String, String)>,
    pub requested: Timestamp,
    pub expires: Timestamp,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateAccountStatus {
    pub id: String,
    pub account_name: String,
    /// `IN_PROGRESS`, `SUCCEEDED` or `FAILED`.
    pub state: String,
    pub requested: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_reason: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResourcePolicy {
    pub id: String,
    pub content: String,
}

/// A billing link to another organisation.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    pub id: String,
    pub name: String,
    /// `REQUESTED`, `ACCEPTED`, `WITHDRAWN`, …
    pub status: String,
    /// Management account id and e-mail address of the one who gives.
    pub source: (String, String),
    /// Management account id and e-mail address of the one who takes.
    pub target: (String, String),
    pub start: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handshake: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuotaTemplate {
    pub associated: bool,
    #[serde(default)]
    pub rows: Vec<TemplateRow>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateRow {
    pub service: String,
    pub code: String,
    pub region: String,
    pub desired: f64,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegionKind {
    /// True: switched on per account. False: always on.
    #[serde(default)]
    pub opt_in: bool,
    #[serde(default)]
    pub geography: String,
    #[serde(default)]
    pub zones: Vec<Zone>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zone {
    pub name: String,
    pub id: String,
    pub group: String,
    /// `availability-zone`, `local-zone` or `wavelength-zone`.
    pub zone_type: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    pub name: String,
    pub quotas: BTreeMap<String, QuotaKind>,
}

/// What AWS says of a quota before any account comes in.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuotaKind {
    pub name: String,
    pub default: f64,
    /// Regions whose default is another.
    #[serde(default)]
    pub default_in: BTreeMap<String, f64>,
    /// The applied value of every account that does not say otherwise; absent: no applied value is listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usual: Option<f64>,
    #[serde(default = "none_unit")]
    pub unit: String,
    pub adjustable: bool,
    /// Kept in the partition's global region alone.
    #[serde(default)]
    pub global: bool,
    /// `ACCOUNT`, `PER_RESOURCE` or `ALL`; anything but `ACCOUNT` brings a quota context with it.
    #[serde(default = "account_level")]
    pub adjustable_at: String,
    /// The resource type of a resource-level quota.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Value and unit, such as `(1, "SECOND")`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<(i32, String)>,
    /// Namespace, name and resource of the usage metric.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage_metric: Option<(String, String, String)>,
}

fn none_unit() -> String {
    "None".to_owned()
}

fn account_level() -> String {
    "ACCOUNT".to_owned()
}

impl QuotaKind {
    /// An adjustable account-level quota.
    pub fn new(name: &str, default: f64, usual: Option<f64>) -> Self {
        Self {
            name: name.to_owned(),
            default,
            default_in: BTreeMap::new(),
            usual,
            unit: none_unit(),
            adjustable: true,
            global: false,
            adjustable_at: account_level(),
            resource_type: None,
            description: None,
            period: None,
            usage_metric: None,
        }
    }

    pub fn default_at(&self, region: &str) -> f64 {
        self.default_in.get(region).copied().unwrap_or(self.default)
    }
}

/// How lists are cut into pages.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Paging {
    /// Below the published caps, to force more pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap: Option<usize>,
    /// Put an empty page with a token before every full one.
    #[serde(default)]
    pub empty_pages: bool,
}

/// An account with the catalogue at hand, so that a quota can be changed from what it is.
pub struct AccountMut<'a> {
    account: &'a mut Account,
    services: &'a BTreeMap<String, Service>,
}

impl Deref for AccountMut<'_> {
    type Target = Account;
    fn deref(&self) -> &Account {
        self.account
    }
}

impl DerefMut for AccountMut<'_> {
    fn deref_mut(&mut self) -> &mut Account {
        self.account
    }
}

impl<'a> AccountMut<'a> {
    /// One quota of this account, to change. It starts as the catalogue's usual value.
    pub fn quota(self, region: &str, service: &str, code: &str) -> &'a mut AccountQuota {
        let usual = self.services.get(service).and_then(|s| s.quotas.get(code)).and_then(|q| q.usual);
        self.account
            .quotas
            .entry(region.to_owned())
            .or_default()
            .entry(service.to_owned())
            .or_default()
            .entry(code.to_owned())
            .or_insert_with(|| AccountQuota { applied: usual, ..AccountQuota::default() })
    }

    /// The EC2 settings of one region, to change.
    pub fn ec2(self, region: &str) -> &'a mut Ec2Settings {
        self.account.ec2.entry(region.to_owned()).or_default()
    }

    /// One trail that this account owns, to change.
    pub fn trail(self, name: &str) -> &'a mut Trail {
        self.account.trails.iter_mut().find(|t| t.name == name).expect("a trail of that name")
    }
}

impl Estate {
    /// Reads an estate from JSON.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("an estate is plain data")
    }

    /// An account to change; it must exist.
    pub fn account_mut(&mut self, id: &str) -> AccountMut<'_> {
        let account = self.accounts.get_mut(id).unwrap_or_else(|| panic!("no account {id} in the estate"));
        AccountMut { account, services: &self.services }
    }

    /// The organisation to change; it must exist.
    pub fn organization_mut(&mut self) -> &mut Organization {
        self.organization.as_mut().expect("the estate has an organisation")
    }

    /// A policy to change, by name or id.
    pub fn policy_mut(&mut self, name: &str) -> &mut Policy {
        self.organization_mut()
            .policies
            .iter_mut()
            .find_map(|(id, policy)| (policy.name == name || id == name).then_some(policy))
            .unwrap_or_else(|| panic!("no policy {name} in the estate"))
    }

    /// One quota of the catalogue, to change.
    pub fn quota_kind_mut(&mut self, service: &str, code: &str) -> &mut QuotaKind {
        self.services
            .get_mut(service)
            .and_then(|s| s.quotas.get_mut(code))
            .unwrap_or_else(|| panic!("no quota {service} {code} in the catalogue"))
    }

    /// Adds a created account under a unit path such as `/Sandbox`, attached to what AWS attaches.
    pub fn add_account(&mut self, id: &str, name: &str, path: &str) -> &mut Account {
        let parent = self.unit_id(path);
        let everywhere = self.organization_mut().policies.values_mut().filter(|p| p.aws_managed);
        everywhere.for_each(|policy| {
            policy.targets.insert(id.to_owned());
        });
        let account = self.accounts.entry(id.to_owned()).or_insert_with(|| Account::new(id, name));
        account.parent = Some(parent);
        account
    }

    /// Adds an organisational unit, attached to what AWS attaches. Its parent must exist.
    pub fn add_unit(&mut self, id: &str, path: &str) {
        let (parent, name) = path.rsplit_once('/').expect("a path such as `/Workloads/Prod`");
        let unit = Unit { name: name.to_owned(), parent: self.unit_id(parent), tags: BTreeMap::new() };
        let organization = self.organization_mut();
        organization.units.insert(id.to_owned(), unit);
        for policy in organization.policies.values_mut().filter(|p| p.aws_managed) {
            policy.targets.insert(id.to_owned());
        }
    }

    /// Moves an account under another unit path.
    pub fn move_account(&mut self, id: &str, path: &str) {
        self.account_mut(id).parent = Some(self.unit_id(path));
    }

    /// Adds a policy with its document and targets (ids, or unit paths that begin with `/`).
    pub fn add_policy(&mut self, id: &str, name: &str, policy_type: &str, document: &Value, targets: &[&str]) {
        let targets = targets.iter().map(|t| if t.starts_with('/') { self.unit_id(t) } else { (*t).to_owned() });
        let policy = Policy {
            name: name.to_owned(),
            description: String::new(),
            policy_type: policy_type.to_owned(),
            aws_managed: false,
            content: document.to_string(),
            targets: targets.collect(),
            tags: BTreeMap::new(),
        };
        self.organization_mut().policies.insert(id.to_owned(), policy);
    }

    /// The id of the unit at a path; `/` and the empty path are the root.
    pub fn unit_id(&self, path: &str) -> String {
        let organization = self.organization.as_ref().expect("the estate has an organisation");
        let mut at = organization.root.id.clone();
        for name in path.split('/').filter(|part| !part.is_empty()) {
            let found = organization.units.iter().find(|(_, unit)| unit.parent == at && unit.name == name);
            at = found.unwrap_or_else(|| panic!("no unit {path} in the estate")).0.clone();
        }
        at
    }

    /// Puts an event into the log of the account and region that the record names.
    pub fn log(&mut self, event: Event) {
        let account = event.record["recipientAccountId"].as_str().expect("`recipientAccountId`").to_owned();
        let region = event.record["awsRegion"].as_str().expect("`awsRegion`").to_owned();
        self.account_mut(&account).events.entry(region).or_default().push(event);
    }

    /// Applies a change to the EC2 settings of every account in every region.
    pub fn every_ec2(&mut self, mut change: impl FnMut(&mut Ec2Settings)) {
        let regions: Vec<String> = self.regions.keys().cloned().collect();
        for account in self.accounts.values_mut() {
            for region in &regions {
                change(account.ec2.entry(region.clone()).or_default());
            }
        }
    }

    /// Whether the account belongs to the organisation.
    pub fn is_member(&self, id: &str) -> bool {
        self.organization.is_some() && self.accounts.get(id).is_some_and(|a| a.parent.is_some())
    }

    /// AWS's word for a region in an account: `ENABLED_BY_DEFAULT`, `ENABLED`, `DISABLED`, …
    pub fn region_status(&self, account: &str, region: &str) -> Option<String> {
        let kind = self.regions.get(region)?;
        let own = self.accounts.get(account).and_then(|a| a.regions.get(region));
        let usual = if kind.opt_in { "DISABLED" } else { "ENABLED_BY_DEFAULT" };
        Some(own.cloned().unwrap_or_else(|| usual.to_owned()))
    }

    /// Whether requests to that region are answered for that account.
    pub fn region_open(&self, account: &str, region: &str) -> bool {
        let status = self.region_status(account, region);
        matches!(status.as_deref(), Some("ENABLED" | "ENABLED_BY_DEFAULT" | "DISABLING"))
    }

    /// The ids from the root down to, and with, a root, unit or account; empty when it does not exist.
    pub fn lineage(&self, id: &str) -> Vec<String> {
        let Some(organization) = &self.organization else { return Vec::new() };
        let mut chain = Vec::new();
        let mut at = id.to_owned();
        loop {
            chain.push(at.clone());
            if at == organization.root.id {
                chain.reverse();
                return chain;
            }
            let unit = organization.units.get(&at).map(|u| u.parent.clone());
            let Some(parent) = unit.or_else(|| self.accounts.get(&at).and_then(|a| a.parent.clone())) else {
                return Vec::new();
            };
            at = parent;
        }
    }
}

/// `FullAWSAccess` and `RCPFullAWSAccess`, whose text is the same but for the principal.
pub fn full_access(resource_control: bool) -> Value {
    if resource_control {
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]})
    } else {
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
    }
}
