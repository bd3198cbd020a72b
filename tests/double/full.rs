//! The sample with one of everything in it: what a reader of the whole wire format needs to see.
//!
//! In: the sample. Out: the same organisation with every optional part filled. It is not an organisation as AWS
//! makes it: use it to read shapes, not to expect silence.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::estate::{
    AllowedImages, AutoManagement, ChangeRequest, CreateAccountStatus, Ec2Settings, Estate, Event, EventDataStore,
    Handshake, ImdsDefaults, Managed, QuotaTemplate, ResourcePolicy, ResourceQuota, RowError, TemplateRow, Trail,
    Transfer, VpcBlock,
};

const MANAGEMENT: &str = "111111111111";
const PAYMENTS: &str = "222222222222";
const ALICE: &str = "arn:aws:sts::222222222222:assumed-role/Admin/alice@acme.example";

fn hours_ago(hours: i64) -> Timestamp {
    let at = Timestamp::now() - SignedDuration::from_hours(hours);
    Timestamp::from_second(at.as_second()).expect("a time")
}

fn text(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

impl Estate {
    /// The sample with every optional part filled.
    pub fn full() -> Self {
        let mut estate = Self::sample();
        estate.fill_links();
        estate.fill_policies();
        estate.fill_quotas();
        estate.fill_settings();
        estate.fill_audit();
        estate
    }

    fn fill_links(&mut self) {
        let mut management = ("111111111111".to_owned(), "management@acme.example".to_owned());
        let mut other = ("121212121212".to_owned(), "billing@reseller.example".to_owned());
        let organization = self.organization_mut();
        organization.trusted_services.insert("servicequotas.amazonaws.com".to_owned(), hours_ago(4000));
        organization.quota_template = Some(QuotaTemplate {
            associated: true,
            rows: vec![TemplateRow {
                service: "ec2".to_owned(),
                code: "L-1216C47A".to_owned(),
                region: "eu-west-1".to_owned(),
                desired: 64.0,
            }],
        });
        for (id, action, state) in
            [("h-invite0001", "INVITE", "OPEN"), ("h-transfer01", "TRANSFER_RESPONSIBILITY", "ACCEPTED")]
        {
            let parties = [("ORGANIZATION", "a1b2c3d4e5"), ("EMAIL", "new@acme.example")];
            organization.handshakes.push(Handshake {
                id: id.to_owned(),
                action: action.to_owned(),
                state: state.to_owned(),
                parties: parties.map(|(kind, id)| (kind.to_owned(), id.to_owned())).into(),
                resources: vec![("EMAIL".to_owned(), "new@acme.example".to_owned())],
                requested: hours_ago(48),
                expires: hours_ago(48) + SignedDuration::from_hours(24 * 15),
            });
        }
        let pending = CreateAccountStatus {
            id: "car-pending00001".to_owned(),
            account_name: "data-lake".to_owned(),
            state: "IN_PROGRESS".to_owned(),
            requested: hours_ago(1),
            completed: None,
            account_id: None,
            failure_reason: None,
        };
        let failed = CreateAccountStatus {
            id: "car-failed000001".to_owned(),
            state: "FAILED".to_owned(),
            completed: Some(hours_ago(2)),
            failure_reason: Some("EMAIL_ALREADY_EXISTS".to_owned()),
            ..pending.clone()
        };
        organization.create_account_statuses = vec![pending, failed];
        for (list, id) in
            [(&mut organization.transfers_out, "rt-out00001"), (&mut organization.transfers_in, "rt-in000001")]
        {
            list.push(Transfer {
                id: id.to_owned(),
                name: "reseller".to_owned(),
                status: "ACCEPTED".to_owned(),
                source: management.clone(),
                target: other.clone(),
                start: hours_ago(500),
                end: None,
                handshake: Some("h-transfer01".to_owned()),
            });
            std::mem::swap(&mut management, &mut other);
        }
    }

    fn fill_policies(&mut self) {
        let organization = self.organization_mut();
        let types = &mut organization.root.policy_types;
        types.insert("DECLARATIVE_POLICY_EC2".to_owned(), "ENABLED".to_owned());
        types.insert("TAG_POLICY".to_owned(), "PENDING_ENABLE".to_owned());
        let delegation = json!({"Version": "2012-10-17", "Statement": [{
            "Sid": "Read", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::888888888888:root"},
            "Action": ["organizations:Describe*", "organizations:List*"], "Resource": "*",
        }]});
        organization.resource_policy =
            Some(ResourcePolicy { id: "rp-a1b2c3d4".to_owned(), content: delegation.to_string() });
        let wide = json!({"ec2_attributes": {
            "serial_console_access": {"status": {"@@assign": "disabled"}},
            "image_block_public_access": {"state": {"@@assign": "block_new_sharing"}},
        }});
        let narrow = json!({"ec2_attributes": {"serial_console_access": {"status": {"@@assign": "enabled"}}}});
        self.add_policy("p-ec2wide0", "ec2-baseline", "DECLARATIVE_POLICY_EC2", &wide, &["/"]);
        self.add_policy("p-ec2prod0", "ec2-prod", "DECLARATIVE_POLICY_EC2", &narrow, &["/Workloads/Prod"]);
        self.policy_mut("ec2-prod").tags.insert("owner".to_owned(), "platform".to_owned());
    }

    fn fill_quotas(&mut self) {
        self.quota_kind_mut("ec2", "L-0263D0A3").period = Some((1, "SECOND".to_owned()));
        self.account_mut(PAYMENTS).quota("us-east-1", "ec2", "L-1216C47A").applied = Some(640.0);
        let broken = self.account_mut(PAYMENTS).quota("us-east-1", "lambda", "L-B99A9384");
        broken.applied = None;
        broken.error = Some(RowError {
            code: "DEPENDENCY_ACCESS_DENIED_ERROR".to_owned(),
            message: "The account is not allowed to call the dependency.".to_owned(),
        });
        let group = "arn:aws:ec2:us-east-1:222222222222:security-group/sg-0123456789abcdef0".to_owned();
        let resources = &mut self.account_mut(PAYMENTS).quota("us-east-1", "vpc", "L-0EA8095F").resources;
        resources.push(ResourceQuota { context: group.clone(), value: 100.0 });
        let mut account = self.account_mut(PAYMENTS);
        let at = text(hours_ago(30));
        account.request(
            "us-east-1",
            ChangeRequest {
                status: "CASE_CLOSED".to_owned(),
                requester: Some(ALICE.to_owned()),
                case_id: Some("178925431200001".to_owned()),
                updated: Some(hours_ago(29)),
                ..ChangeRequest::new("d187537d13254312a9609ebca1b3a5f6A1B2C3D4", "ec2", "L-1216C47A", 640.0, &at)
            },
        );
        account.request(
            "us-east-1",
            ChangeRequest {
                context: Some(group),
                ..ChangeRequest::new("e187537d13254312a9609ebca1b3a5f6A1B2C3D4", "vpc", "L-0EA8095F", 200.0, &at)
            },
        );
        account.request(
            "us-east-1",
            ChangeRequest {
                automatic: true,
                ..ChangeRequest::new("f187537d13254312a9609ebca1b3a5f6A1B2C3D4", "ec2", "L-34B43A08", 20.0, &at)
            },
        );
        account.auto_management = Some(AutoManagement {
            opt_in_type: "NotifyAndAdjust".to_owned(),
            status: "ENABLED".to_owned(),
            notification_arn: Some("arn:aws:notifications::222222222222:configuration/a01example".to_owned()),
            exclusions: BTreeMap::from([("lambda".to_owned(), vec![("L-2ACBD22F".to_owned(), "Storage".to_owned())])]),
        });
    }

    fn fill_settings(&mut self) {
        self.account_mut("555555555555").set_region("me-south-1", "ENABLING");
        self.account_mut(PAYMENTS).zone_groups.insert("us-east-1-bos-1".to_owned());
        *self.account_mut(PAYMENTS).ec2("us-east-1") = Ec2Settings {
            ebs_encryption_by_default: true,
            ebs_default_kms_key_id: "arn:aws:kms:us-east-1:222222222222:key/11112222-3333-4444-5555-666677778888"
                .to_owned(),
            serial_console_access: Managed::by_policy(true),
            image_block_public_access: Managed::by_policy("block-new-sharing".to_owned()),
            snapshot_block_public_access: Managed::by_account("block-all-sharing".to_owned()),
            imds: ImdsDefaults {
                http_tokens: Some("required".to_owned()),
                http_put_response_hop_limit: Some(2),
                http_endpoint: Some("enabled".to_owned()),
                instance_metadata_tags: Some("disabled".to_owned()),
                http_tokens_enforced: Some("enabled".to_owned()),
                managed_by: "declarative-policy".to_owned(),
                managed_exception_message: Some("Ask <platform> & \"security\"".to_owned()),
            },
            allowed_images: AllowedImages {
                state: "audit-mode".to_owned(),
                criteria: vec![json!({
                    "imageProviderSet": ["amazon", "222222222222"],
                    "imageNameSet": ["golden-*"],
                    "creationDateCondition": {"maximumDaysSinceCreated": 300},
                    "deprecationTimeCondition": {"maximumDaysSinceDeprecated": 0},
                })],
                managed_by: "account".to_owned(),
            },
            vpc_block_public_access: VpcBlock {
                state: "update-complete".to_owned(),
                mode: "block-ingress".to_owned(),
                reason: Some("CHG-1".to_owned()),
                updated: Some(hours_ago(100)),
                managed_by: "account".to_owned(),
                exclusions_allowed: "allowed".to_owned(),
            },
        };
    }

    fn fill_audit(&mut self) {
        let mut own = Trail::new("data-events", "eu-west-1", "payments-trail");
        own.logging = false;
        own.multi_region = false;
        own.stopped = Some(hours_ago(3));
        own.delivery_error = Some("NoSuchBucket".to_owned());
        own.digest_error = Some("AccessDenied".to_owned());
        own.kms_key = Some("arn:aws:kms:eu-west-1:222222222222:key/11112222-3333-4444-5555-666677778888".to_owned());
        own.advanced_selectors = vec![json!({
            "Name": "management", "FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}],
        })];
        let mut basic = Trail::new("writes", "us-east-1", "payments-trail");
        basic.selectors = vec![json!({
            "ReadWriteType": "WriteOnly", "IncludeManagementEvents": true, "DataResources": [],
            "ExcludeManagementEventSources": ["kms.amazonaws.com"],
        })];
        self.account_mut(PAYMENTS).trails = vec![own, basic];
        let store = EventDataStore {
            id: "ee54f254-e5a0-4ef4-8a54-example00001".to_owned(),
            name: "lake".to_owned(),
            status: "ENABLED".to_owned(),
            multi_region: true,
            organization: false,
            retention_days: 366,
            termination_protection: true,
            created: hours_ago(9000),
            advanced_selectors: vec![json!({
                "Name": "all", "FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}],
            })],
            billing_mode: Some("EXTENDABLE_RETENTION_PRICING".to_owned()),
        };
        self.account_mut(PAYMENTS).event_data_stores.insert("us-east-1".to_owned(), vec![store]);
        self.fill_events();
    }

    fn fill_events(&mut self) {
        let raised =
            Event::new(PAYMENTS, "us-east-1", "servicequotas", "RequestServiceQuotaIncrease", &text(hours_ago(30)))
                .by_role(PAYMENTS, "Admin", "alice@acme.example")
                .request(json!({"serviceCode": "ec2", "quotaCode": "L-1216C47A", "desiredValue": 640}))
                .response(json!({"requestedQuota": {"status": "PENDING", "desiredValue": 640}}));
        self.log(raised);
        let stopped = Event::new(PAYMENTS, "eu-west-1", "cloudtrail", "StopLogging", &text(hours_ago(3)))
            .by_user(PAYMENTS, "bob")
            .request(json!({"name": "data-events"}))
            .resource("AWS::CloudTrail::Trail", "data-events");
        self.log(stopped);
        let moved = Event::new(MANAGEMENT, "us-east-1", "organizations", "MoveAccount", &text(hours_ago(20)));
        self.log(moved.request(json!({"accountId": "444444444444"})));
        for n in 0..120 {
            let at = Timestamp::from_second(hours_ago(50).as_second() + n).expect("a time");
            let event = Event::new(PAYMENTS, "us-east-1", "ec2", "DescribeInstances", &text(at));
            self.log(event.by_user(PAYMENTS, "monitor"));
        }
    }
}
