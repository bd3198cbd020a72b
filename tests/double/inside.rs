//! What one account holds: its place, its roles, quotas, EC2 settings, trails and events.
//!
//! In: plain values set by a test, or JSON. Out: the same, read by the services. Defaults are those of a new
//! account; it never looks at the organisation or at other accounts.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// One account.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    pub id: String,
    pub name: String,
    pub email: String,
    /// `ACTIVE`, `SUSPENDED`, `PENDING_CLOSURE`, …
    pub state: String,
    /// `CREATED` or `INVITED`.
    pub joined_method: String,
    pub joined: Timestamp,
    /// The root's or a unit's id; absent outside the organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Roles that exist here, by name.
    #[serde(default)]
    pub roles: BTreeMap<String, Role>,
    /// Opt-in regions whose status is not `DISABLED`.
    #[serde(default)]
    pub regions: BTreeMap<String, String>,
    /// Local and wavelength zone groups that are switched on.
    #[serde(default)]
    pub zone_groups: BTreeSet<String>,
    /// Region → service → code: what differs from the catalogue's usual value.
    #[serde(default)]
    pub quotas: BTreeMap<String, BTreeMap<String, BTreeMap<String, AccountQuota>>>,
    /// Region → requests for more.
    #[serde(default)]
    pub requests: BTreeMap<String, Vec<ChangeRequest>>,
    /// Absent: never opted in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_management: Option<AutoManagement>,
    /// Region → settings; a region that is not here has those of a new account.
    #[serde(default)]
    pub ec2: BTreeMap<String, Ec2Settings>,
    /// Trails this account owns, whatever their home region.
    #[serde(default)]
    pub trails: Vec<Trail>,
    /// Region → event data stores.
    #[serde(default)]
    pub event_data_stores: BTreeMap<String, Vec<EventDataStore>>,
    /// Region → CloudTrail's event history, in any order.
    #[serde(default)]
    pub events: BTreeMap<String, Vec<Event>>,
}

impl Account {
    /// A created, active account with the roles an audited account has, outside any organisation.
    pub fn new(id: &str, name: &str) -> Self {
        let roles = ["GuardlineRead", "OrganizationAccountAccessRole"];
        Self {
            id: id.to_owned(),
            name: name.to_owned(),
            email: format!("{name}@acme.example"),
            state: "ACTIVE".to_owned(),
            joined_method: "CREATED".to_owned(),
            joined: "2024-03-01T09:00:00Z".parse().expect("a time"),
            parent: None,
            tags: BTreeMap::new(),
            roles: roles.iter().map(|role| ((*role).to_owned(), Role::default())).collect(),
            regions: BTreeMap::new(),
            zone_groups: BTreeSet::new(),
            quotas: BTreeMap::new(),
            requests: BTreeMap::new(),
            auto_management: None,
            ec2: BTreeMap::new(),
            trails: Vec::new(),
            event_data_stores: BTreeMap::new(),
            events: BTreeMap::new(),
        }
    }

    /// The role of that name, to change; made when it does not exist.
    pub fn role(&mut self, name: &str) -> &mut Role {
        self.roles.entry(name.to_owned()).or_default()
    }

    /// Sets the status of an opt-in region.
    pub fn set_region(&mut self, region: &str, status: &str) {
        self.regions.insert(region.to_owned(), status.to_owned());
    }

    /// Files a request for a higher quota.
    pub fn request(&mut self, region: &str, request: ChangeRequest) {
        self.requests.entry(region.to_owned()).or_default().push(request);
    }
}

/// A role and who may take it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// Nobody may take it.
    #[serde(default)]
    pub denied: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Account ids or ARNs, `*` and `?` allowed; empty means anybody in this estate.
    #[serde(default)]
    pub trusts: Vec<String>,
    /// Operations (`service:Operation`, wildcards allowed) that the role may not call.
    #[serde(default)]
    pub denies: Vec<String>,
}

/// A quota as one account has it in one region.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountQuota {
    /// Absent: the default holds and `ListServiceQuotas` leaves it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<f64>,
    #[serde(default)]
    pub resources: Vec<ResourceQuota>,
    /// The row carries this error, and its value cannot be trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<RowError>,
}

/// A value that holds for one resource.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResourceQuota {
    /// An ARN, or `*`.
    pub context: String,
    pub value: f64,
}

/// Why a row's value could not be read.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowError {
    /// Such as `DEPENDENCY_ACCESS_DENIED_ERROR`.
    pub code: String,
    pub message: String,
}

/// A request for another quota value.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeRequest {
    pub id: String,
    pub service: String,
    pub code: String,
    pub desired: f64,
    /// `PENDING`, `CASE_OPENED`, `APPROVED`, …
    pub status: String,
    pub created: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated: Option<Timestamp>,
    /// The caller's ARN; absent when AWS did it by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requester: Option<String>,
    /// Made by automatic management.
    #[serde(default)]
    pub automatic: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case_id: Option<String>,
    /// The resource it is for; absent: the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
}

impl ChangeRequest {
    /// A pending account-level request.
    pub fn new(id: &str, service: &str, code: &str, desired: f64, at: &str) -> Self {
        Self {
            id: id.to_owned(),
            service: service.to_owned(),
            code: code.to_owned(),
            desired,
            status: "PENDING".to_owned(),
            created: at.parse().expect("a time"),
            updated: None,
            requester: None,
            automatic: false,
            case_id: None,
            context: None,
        }
    }
}

/// Service Quotas Automatic Management.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AutoManagement {
    /// `NotifyOnly` or `NotifyAndAdjust`.
    pub opt_in_type: String,
    /// `ENABLED` or `DISABLED`.
    pub status: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notification_arn: Option<String>,
    /// Service → code and name.
    #[serde(default)]
    pub exclusions: BTreeMap<String, Vec<(String, String)>>,
}

/// A setting with the one who manages it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Managed<T> {
    pub value: T,
    /// `account` or `declarative-policy`.
    pub by: String,
}

impl<T> Managed<T> {
    pub fn by_account(value: T) -> Self {
        Self { value, by: "account".to_owned() }
    }

    pub fn by_policy(value: T) -> Self {
        Self { value, by: "declarative-policy".to_owned() }
    }
}

/// EC2's account-wide settings in one region.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ec2Settings {
    pub ebs_encryption_by_default: bool,
    pub ebs_default_kms_key_id: String,
    pub serial_console_access: Managed<bool>,
    /// `block-new-sharing` or `unblocked`.
    pub image_block_public_access: Managed<String>,
    /// `block-all-sharing`, `block-new-sharing` or `unblocked`.
    pub snapshot_block_public_access: Managed<String>,
    pub imds: ImdsDefaults,
    pub allowed_images: AllowedImages,
    pub vpc_block_public_access: VpcBlock,
}

impl Default for Ec2Settings {
    fn default() -> Self {
        Self {
            ebs_encryption_by_default: false,
            ebs_default_kms_key_id: "alias/aws/ebs".to_owned(),
            serial_console_access: Managed::by_account(false),
            image_block_public_access: Managed::by_account("block-new-sharing".to_owned()),
            snapshot_block_public_access: Managed::by_account("unblocked".to_owned()),
            imds: ImdsDefaults::default(),
            allowed_images: AllowedImages::default(),
            vpc_block_public_access: VpcBlock::default(),
        }
    }
}

/// Instance metadata defaults; what is absent has no preference.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ImdsDefaults {
    pub http_tokens: Option<String>,
    pub http_put_response_hop_limit: Option<i32>,
    pub http_endpoint: Option<String>,
    pub instance_metadata_tags: Option<String>,
    pub http_tokens_enforced: Option<String>,
    pub managed_by: String,
    pub managed_exception_message: Option<String>,
}

impl Default for ImdsDefaults {
    fn default() -> Self {
        Self {
            http_tokens: None,
            http_put_response_hop_limit: None,
            http_endpoint: None,
            instance_metadata_tags: None,
            http_tokens_enforced: None,
            managed_by: "account".to_owned(),
            managed_exception_message: None,
        }
    }
}

/// Allowed AMIs.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AllowedImages {
    /// `disabled`, `audit-mode` or `enabled`.
    pub state: String,
    /// Each with the wire's names, such as `{"imageProviderSet": ["amazon"]}`.
    pub criteria: Vec<Value>,
    pub managed_by: String,
}

impl Default for AllowedImages {
    fn default() -> Self {
        Self { state: "disabled".to_owned(), criteria: Vec::new(), managed_by: "account".to_owned() }
    }
}

/// VPC block public access.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VpcBlock {
    /// `default-state`, `update-in-progress` or `update-complete`.
    pub state: String,
    /// `off`, `block-bidirectional` or `block-ingress`.
    pub mode: String,
    pub reason: Option<String>,
    pub updated: Option<Timestamp>,
    pub managed_by: String,
    /// `allowed` or `not-allowed`.
    pub exclusions_allowed: String,
}

impl Default for VpcBlock {
    fn default() -> Self {
        Self {
            state: "default-state".to_owned(),
            mode: "off".to_owned(),
            reason: None,
            updated: None,
            managed_by: "account".to_owned(),
            exclusions_allowed: "allowed".to_owned(),
        }
    }
}

/// A CloudTrail trail.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trail {
    pub name: String,
    pub home_region: String,
    pub bucket: String,
    #[serde(default)]
    pub multi_region: bool,
    /// Seen in every account of the organisation.
    #[serde(default)]
    pub organization: bool,
    #[serde(default)]
    pub log_file_validation: bool,
    #[serde(default)]
    pub global_service_events: bool,
    pub logging: bool,
    pub started: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_delivery: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery_error: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest_error: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<String>,
    /// Basic selectors as the wire has them; empty means the default one, unless there are advanced ones.
    #[serde(default)]
    pub selectors: Vec<Value>,
    #[serde(default)]
    pub advanced_selectors: Vec<Value>,
}

impl Trail {
    /// A multi-region trail that logs and validates.
    pub fn new(name: &str, home_region: &str, bucket: &str) -> Self {
        Self {
            name: name.to_owned(),
            home_region: home_region.to_owned(),
            bucket: bucket.to_owned(),
            multi_region: true,
            organization: false,
            log_file_validation: true,
            global_service_events: true,
            logging: true,
            started: "2024-03-02T10:00:00Z".parse().expect("a time"),
            stopped: None,
            last_delivery: None,
            delivery_error: None,
            digest_error: None,
            kms_key: None,
            selectors: Vec::new(),
            advanced_selectors: Vec::new(),
        }
    }
}

/// A CloudTrail Lake store.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventDataStore {
    /// The last part of the ARN: a UUID.
    pub id: String,
    pub name: String,
    /// `ENABLED`, `STOPPED_INGESTION`, `PENDING_DELETION`, …
    pub status: String,
    pub multi_region: bool,
    pub organization: bool,
    pub retention_days: i32,
    pub termination_protection: bool,
    pub created: Timestamp,
    #[serde(default)]
    pub advanced_selectors: Vec<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub billing_mode: Option<String>,
}

/// One event of the history: the record and what the index says of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// A CloudTrail record.
    pub record: Value,
    /// Type and name of the resources the index lists.
    #[serde(default)]
    pub resources: Vec<(String, String)>,
}

impl Event {
    /// A recorded event.
    pub fn from_record(record: Value) -> Self {
        Self { record, resources: Vec::new() }
    }

    /// A successful management event of the root user; the other methods refine it. The id is made of its parts.
    pub fn new(account: &str, region: &str, service: &str, name: &str, at: &str) -> Self {
        let id = super::wire::uuid_of(&format!("{account} {region} {service} {name} {at}"));
        let read_only = ["Get", "List", "Describe", "Lookup", "AssumeRole"].iter().any(|verb| name.starts_with(verb));
        Self::from_record(json!({
            "eventVersion": "1.11",
            "userIdentity": {"type": "Root", "principalId": account, "arn": format!("arn:aws:iam::{account}:root"), "accountId": account},
            "eventTime": at,
            "eventSource": format!("{service}.amazonaws.com"),
            "eventName": name,
            "awsRegion": region,
            "sourceIPAddress": "198.51.100.7",
            "userAgent": "aws-cli/2.31.0",
            "requestParameters": null,
            "responseElements": null,
            "requestID": super::wire::uuid_of(&format!("request {id}")),
            "eventID": id,
            "readOnly": read_only,
            "eventType": "AwsApiCall",
            "managementEvent": true,
            "recipientAccountId": account,
            "eventCategory": "Management",
        }))
    }

    /// Sets one field of the record.
    pub fn with(mut self, field: &str, value: Value) -> Self {
        self.record[field] = value;
        self
    }

    pub fn request(self, parameters: Value) -> Self {
        self.with("requestParameters", parameters)
    }

    pub fn response(self, elements: Value) -> Self {
        self.with("responseElements", elements)
    }

    /// Made by an IAM user of an account.
    pub fn by_user(self, account: &str, user: &str) -> Self {
        self.with(
            "userIdentity",
            json!({
                "type": "IAMUser", "principalId": "AIDAEXAMPLE", "arn": format!("arn:aws:iam::{account}:user/{user}"),
                "accountId": account, "accessKeyId": "AKIAEXAMPLE", "userName": user,
            }),
        )
    }

    /// Made in a session of a role (a name, or a path and name) of an account.
    pub fn by_role(self, account: &str, role: &str, session: &str) -> Self {
        let name = role.rsplit('/').next().unwrap_or(role);
        self.with(
            "userIdentity",
            json!({
                "type": "AssumedRole", "principalId": format!("AROAEXAMPLE:{session}"),
                "arn": format!("arn:aws:sts::{account}:assumed-role/{name}/{session}"),
                "accountId": account, "accessKeyId": "ASIAEXAMPLE",
                "sessionContext": {
                    "sessionIssuer": {
                        "type": "Role", "principalId": "AROAEXAMPLE",
                        "arn": format!("arn:aws:iam::{account}:role/{role}"), "accountId": account, "userName": name,
                    },
                    "attributes": {"creationDate": "2026-01-01T00:00:00Z", "mfaAuthenticated": "false"},
                },
            }),
        )
    }

    /// Failed, with AWS's code and text.
    pub fn failed(self, code: &str, message: &str) -> Self {
        self.with("errorCode", json!(code)).with("errorMessage", json!(message))
    }

    /// Adds a resource to what the index lists.
    pub fn resource(mut self, kind: &str, name: &str) -> Self {
        self.resources.push((kind.to_owned(), name.to_owned()));
        self
    }
}
