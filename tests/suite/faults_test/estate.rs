//! The estate that is scanned under faults: small, and with a difference of nearly every kind in it, each with the record of
//! who made it; and its baseline.
//!
//! In: the time of the run. Out: an estate in line with a baseline, and two that drift from a half of it each: a scan for a
//! half makes half of the calls. It never knows about faults.

use std::path::Path;

use guardline::baseline::{self, Baseline};
use guardline::compare::Rule;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::double::estate::{
    AutoManagement, ChangeRequest, CreateAccountStatus, Estate, Event, EventDataStore, Handshake, QuotaTemplate,
    TemplateRow, Transfer, full_access,
};
use crate::runner::Project;

pub(super) const MANAGEMENT: &str = "111111111111";
pub(super) const PAYMENTS: &str = "222222222222";
pub(super) const SANDBOX: &str = "666666666666";
pub(super) const ROGUE: &str = "101010101010";

const HEAD: &str = r#"
version: 1
estate: faults
aws:
  organization: o-a1b2c3d4e5
  management_account: "111111111111"
  access: {member_role: GuardlineRead}
  scope: {exclude: [{ou: /Sandbox}]}
  accounts:
    - {id: "111111111111", name: management, ou: /}
    - {id: "222222222222", name: payments-prod, ou: /Workloads}
    - {match: "sandbox-*", ou: /Sandbox}
  organizational_units:
    - {path: /Workloads, id: ou-ab12-c3d4e5f6}
    - {path: /Sandbox}
    - {path: /Empty}
"#;

/// What is declared of the organisation.
const ORGANIZATION: &str = r#"  delegated_administrators: [{account: payments-prod, service: guardduty.amazonaws.com}]
  trusted_services: [account.amazonaws.com, cloudtrail.amazonaws.com, guardduty.amazonaws.com, servicequotas.amazonaws.com]
  responsibility_transfers: []
  resource_policy: none
  quota_template: []
  policy_types: [service_control, declarative_policy_ec2]
  policies:
    - {name: FullAWSAccess, type: service_control, aws_managed: true, targets: everywhere}
    - {name: deny-leave, id: p-ef56ab78, type: service_control, document: {Version: "2012-10-17", Statement: [{Sid: DenyLeave, Effect: Deny, Action: "organizations:LeaveOrganization", Resource: "*"}]}, targets: [/]}
    - {name: ec2-baseline, type: declarative_policy_ec2, targets: [/]}
"#;

/// What is declared of the inside of accounts, and what is accepted there.
const INSIDE: &str = r#"  regions:
    - {allowed: [us-east-1], zone_groups: []}
    - {where: {tag: {tier: lab}}, allowed: [us-east-1], zone_groups: ["*"]}
  quotas:
    - {service: ec2, code: "*", max: default}
    - {service: iam, code: "*", max: default}
    - {service: vpc, code: L-0EA8095F, level: resource, max: default}
  quota_requests: none
  quota_auto_management: disabled
  settings:
    - {serial_console_access: false, managed_by: account}
    - {where: {account: management, region: us-east-1}, ebs_encryption_by_default: false, ebs_default_kms_key: alias/aws/ebs, image_block_public_access: block-new-sharing, snapshot_block_public_access: unblocked, instance_metadata_defaults: {http_tokens: required}, allowed_images_settings: {state: disabled}, vpc_block_public_access: {internet_gateway_block_mode: "off"}}
  audit_logs:
    organization_trail: {multi_region: true, log_file_validation: true, management_events: all}
    retention_days: 365
approved_changes:
  - id: CHG-1
    reason: more room
    by: [{role: "arn:aws:iam::222222222222:user/bob"}, {person: bob}]
    match: {kind: quota, account: payments-prod, code: L-34B43A08}
    from: 2020-01-01T00:00:00Z
    until: 2099-01-01T00:00:00Z
exemptions:
  - {match: {kind: region, account: payments-prod, region: eu-south-1}, status: ENABLED, reason: "being moved", owner: platform, expires: 2099-12-31}
"#;

/// The baseline of all: of the organisation and of the inside of its accounts.
pub(super) fn declared() -> Baseline {
    declared_with(&[])
}

/// The same with some of its text replaced.
pub(super) fn declared_with(other: &[(&str, &str)]) -> Baseline {
    let mut text = [HEAD, ORGANIZATION, INSIDE].concat();
    for (here, there) in other {
        assert_eq!(text.matches(here).count(), 1, "`{here}` stands once in the baseline");
        text = text.replace(here, there);
    }
    written(&text)
}

/// The part of it that speaks of the organisation.
pub(super) fn of_organization() -> Baseline {
    written(&[HEAD, ORGANIZATION].concat())
}

/// The part of it that speaks of the inside of accounts.
pub(super) fn of_inside() -> Baseline {
    written(&[HEAD, INSIDE].concat())
}

fn written(text: &str) -> Baseline {
    let project = Project::new(text);
    load(&project.path("guardline.yaml"))
}

pub(super) fn load(path: &Path) -> Baseline {
    let rules: Vec<&str> = Rule::ALL.iter().map(|rule| rule.as_str()).collect();
    baseline::load(path, &rules).unwrap_or_else(|error| panic!("{}", error.diagnostics.render(false, 120)))
}

fn ago(clock: Timestamp, hours: i64) -> String {
    (clock - SignedDuration::from_hours(hours)).to_string()
}

/// Two accounts in two units, two regions, three services; nothing in it that its owners did not declare.
pub(super) fn in_line() -> Estate {
    let mut estate = Estate::sample();
    estate.regions.retain(|name, _| ["us-east-1", "eu-south-1"].contains(&name.as_str()));
    estate.services.retain(|name, _| ["ec2", "iam", "vpc"].contains(&name.as_str()));
    let ec2 = ["L-1216C47A", "L-34B43A08"];
    for (name, service) in &mut estate.services {
        service.quotas.retain(|code, _| name != "ec2" || ec2.contains(&code.as_str()));
        service.quotas.retain(|code, _| name != "vpc" || code == "L-0EA8095F");
    }
    estate.accounts.retain(|id, _| [MANAGEMENT, PAYMENTS, SANDBOX].contains(&id.as_str()));
    estate.account_mut(PAYMENTS).tags.clear();
    for account in estate.accounts.values_mut() {
        account.regions.clear();
        account.quotas.clear();
        account.events.clear();
    }
    let gone = ["/Workloads/Prod", "/Workloads/Dev", "/Suspended", "/Infrastructure"].map(|path| estate.unit_id(path));
    estate.move_account(PAYMENTS, "/Workloads");
    let organization = estate.organization_mut();
    organization.units.retain(|id, _| !gone.contains(id));
    organization.policies.retain(|id, _| ["p-FullAWSAccess", "p-ef56ab78"].contains(&id.as_str()));
    for policy in organization.policies.values_mut() {
        policy.targets.retain(|id| {
            let account = id.len() == 12 && ![MANAGEMENT, PAYMENTS, SANDBOX].contains(&id.as_str());
            !account && !gone.contains(id)
        });
    }
    organization.root.policy_types = [("SERVICE_CONTROL_POLICY", "ENABLED"), ("DECLARATIVE_POLICY_EC2", "ENABLED")]
        .map(|(name, status)| (name.to_owned(), status.to_owned()))
        .into();
    let since = organization.delegated.remove("333333333333").unwrap_or_default();
    organization.delegated.insert(PAYMENTS.to_owned(), since);
    let quotas = ("servicequotas.amazonaws.com".to_owned(), Timestamp::UNIX_EPOCH);
    organization.trusted_services.extend([quotas]);
    estate.add_unit("ou-ab12-empty001", "/Empty");
    let console = json!({"ec2_attributes": {"serial_console_access": {"status": {"@@assign": "disabled"}}}});
    estate.add_policy("p-ec2base1", "ec2-baseline", "DECLARATIVE_POLICY_EC2", &console, &["/"]);
    estate.every_ec2(|settings| {
        settings.image_block_public_access.value = "block-new-sharing".to_owned();
        settings.imds.http_tokens = Some("required".to_owned());
    });
    estate.account_mut(MANAGEMENT).event_data_stores.insert("us-east-1".to_owned(), vec![store()]);
    estate
}

fn store() -> EventDataStore {
    EventDataStore {
        id: "ee54f254-e5a0-4ef4-8a54-example00001".to_owned(),
        name: "lake".to_owned(),
        status: "ENABLED".to_owned(),
        multi_region: true,
        organization: true,
        retention_days: 366,
        termination_protection: true,
        created: Timestamp::UNIX_EPOCH,
        advanced_selectors: Vec::new(),
        billing_mode: None,
    }
}

/// Whose organisation differs in nearly every way, most of them with their record.
pub(super) fn organization_drifts(clock: Timestamp) -> Estate {
    let mut estate = in_line();
    join(&mut estate);
    change_links(&mut estate, clock);
    change_policies(&mut estate, clock);
    estate
}

/// Whose accounts differ within in nearly every way, most of them with their record.
pub(super) fn inside_drifts(clock: Timestamp) -> Estate {
    let mut estate = in_line();
    join(&mut estate);
    change_quotas(&mut estate, clock);
    change_inside(&mut estate, clock);
    estate
}

/// Both at once.
pub(super) fn drifting(clock: Timestamp) -> Estate {
    let mut estate = inside_drifts(clock);
    change_links(&mut estate, clock);
    change_policies(&mut estate, clock);
    estate
}

/// An account that nobody declared.
fn join(estate: &mut Estate) {
    estate.add_account(ROGUE, "rogue", "/Empty").tags.insert("tier".to_owned(), "lab".to_owned());
}

fn change_quotas(estate: &mut Estate, clock: Timestamp) {
    let asked = |code: &str, value: i64, id: &str, hours: i64| {
        let request = json!({"serviceCode": "ec2", "quotaCode": code, "desiredValue": value});
        let answer = json!({"requestedQuota": {"id": id, "status": "PENDING", "desiredValue": value}});
        Event::new(PAYMENTS, "us-east-1", "servicequotas", "RequestServiceQuotaIncrease", &ago(clock, hours))
            .request(request)
            .response(answer)
    };
    let group = "arn:aws:ec2:us-east-1:222222222222:security-group/sg-0123456789abcdef0";
    estate.account_mut(PAYMENTS).quota("us-east-1", "ec2", "L-1216C47A").applied = Some(640.0);
    estate.account_mut(PAYMENTS).quota("us-east-1", "ec2", "L-34B43A08").applied = Some(64.0);
    let resource = crate::double::estate::ResourceQuota { context: group.to_owned(), value: 100.0 };
    estate.account_mut(PAYMENTS).quota("us-east-1", "vpc", "L-0EA8095F").resources.push(resource);
    estate.account_mut(MANAGEMENT).quota("us-east-1", "iam", "L-F4A5425F").applied = Some(500.0);
    estate.log(asked("L-1216C47A", 640, "quota-request-1", 30).by_role(PAYMENTS, "Admin", "alice@acme.example"));
    estate.log(asked("L-34B43A08", 64, "quota-request-2", 20).by_user(PAYMENTS, "bob"));
    let denied = asked("L-1216C47A", 900, "quota-request-0", 40).by_user(PAYMENTS, "mallory");
    estate.log(denied.failed("AccessDeniedException", "no").response(Value::Null));
    let mut account = estate.account_mut(PAYMENTS);
    account.request(
        "us-east-1",
        ChangeRequest {
            status: "CASE_CLOSED".to_owned(),
            requester: Some("arn:aws:sts::222222222222:assumed-role/Admin/alice@acme.example".to_owned()),
            updated: Some(clock - SignedDuration::from_hours(29)),
            ..ChangeRequest::new("quota-request-1", "ec2", "L-1216C47A", 640.0, &ago(clock, 30))
        },
    );
    account.request(
        "us-east-1",
        ChangeRequest {
            requester: Some("arn:aws:iam::222222222222:user/bob".to_owned()),
            ..ChangeRequest::new("quota-request-3", "vpc", "L-0EA8095F", 200.0, &ago(clock, 3))
        },
    );
    account.auto_management = Some(AutoManagement {
        opt_in_type: "NotifyAndAdjust".to_owned(),
        status: "ENABLED".to_owned(),
        notification_arn: None,
        exclusions: std::collections::BTreeMap::new(),
    });
}

fn change_inside(estate: &mut Estate, clock: Timestamp) {
    let mut payments = estate.account_mut(PAYMENTS);
    payments.set_region("eu-south-1", "ENABLED");
    payments.zone_groups.insert("us-east-1-bos-1".to_owned());
    estate.account_mut(PAYMENTS).ec2("us-east-1").serial_console_access.value = true;
    estate.account_mut(MANAGEMENT).ec2("us-east-1").snapshot_block_public_access.value = "block-all-sharing".to_owned();
    let opened = Event::new(PAYMENTS, "us-east-1", "ec2", "EnableSerialConsoleAccess", &ago(clock, 12));
    estate.log(opened.by_user(PAYMENTS, "bob").request(json!({"EnableSerialConsoleAccessRequest": ""})));
    let on = Event::new(PAYMENTS, "us-east-1", "account", "EnableRegion", &ago(clock, 50));
    estate.log(on.by_user(PAYMENTS, "bob").request(json!({"RegionName": "eu-south-1"})));
    let trail = "arn:aws:cloudtrail:us-east-1:111111111111:trail/org-trail";
    let mut management = estate.account_mut(MANAGEMENT);
    management.event_data_stores.values_mut().flatten().for_each(|store| store.retention_days = 30);
    let held = management.trail("org-trail");
    (held.logging, held.stopped) = (false, Some(clock - SignedDuration::from_hours(2)));
    let stopped = Event::new(MANAGEMENT, "us-east-1", "cloudtrail", "StopLogging", &ago(clock, 2));
    estate.log(stopped.by_role(MANAGEMENT, "OrgAdmin", "carol").request(json!({"name": trail})));
}

fn call(clock: Timestamp, name: &str, hours: i64, request: Value) -> Event {
    Event::new(MANAGEMENT, "us-east-1", "organizations", name, &ago(clock, hours))
        .by_role(MANAGEMENT, "OrgAdmin", "carol")
        .request(request)
}

fn change_links(estate: &mut Estate, clock: Timestamp) {
    estate.move_account(PAYMENTS, "/Sandbox");
    let moved =
        json!({"accountId": PAYMENTS, "sourceParentId": "ou-ab12-c3d4e5f6", "destinationParentId": "ou-ab12-sandbox1"});
    estate.log(call(clock, "MoveAccount", 20, moved));
    let unit = estate.organization_mut().units.get_mut("ou-ab12-c3d4e5f6");
    unit.into_iter().for_each(|unit| "Work".clone_into(&mut unit.name));
    estate.log(call(
        clock,
        "UpdateOrganizationalUnit",
        17,
        json!({"organizationalUnitId": "ou-ab12-c3d4e5f6", "name": "Work"}),
    ));
    let organization = estate.organization_mut();
    organization.trusted_services.insert("ram.amazonaws.com".to_owned(), Timestamp::UNIX_EPOCH);
    organization.handshakes.push(Handshake {
        id: "h-invite0001".to_owned(),
        action: "INVITE".to_owned(),
        state: "OPEN".to_owned(),
        parties: vec![("ACCOUNT".to_owned(), "121212121212".to_owned())],
        resources: Vec::new(),
        requested: Timestamp::UNIX_EPOCH,
        expires: clock,
    });
    organization.create_account_statuses.push(CreateAccountStatus {
        id: "car-pending00001".to_owned(),
        account_name: "data-lake".to_owned(),
        state: "IN_PROGRESS".to_owned(),
        requested: clock,
        completed: None,
        account_id: None,
        failure_reason: None,
    });
    organization.transfers_out.push(Transfer {
        id: "rt-out00001".to_owned(),
        name: "reseller".to_owned(),
        status: "ACCEPTED".to_owned(),
        source: (MANAGEMENT.to_owned(), "management@acme.example".to_owned()),
        target: ("121212121212".to_owned(), "billing@reseller.example".to_owned()),
        start: Timestamp::UNIX_EPOCH,
        end: None,
        handshake: None,
    });
    let row = TemplateRow {
        service: "ec2".to_owned(),
        code: "L-1216C47A".to_owned(),
        region: "us-east-1".to_owned(),
        desired: 64.0,
    };
    organization.quota_template = Some(QuotaTemplate { associated: true, rows: vec![row] });
    let trusted = call(clock, "EnableAWSServiceAccess", 14, json!({"servicePrincipal": "ram.amazonaws.com"}));
    estate.log(trusted.by_user(MANAGEMENT, "dave"));
}

fn change_policies(estate: &mut Estate, clock: Timestamp) {
    let open = full_access(false).to_string();
    let leave = estate.policy_mut("deny-leave");
    leave.content.clone_from(&open);
    leave.targets.clear();
    estate.log(call(clock, "UpdatePolicy", 15, json!({"policyId": "p-ef56ab78", "content": open})));
    estate.log(call(clock, "DetachPolicy", 16, json!({"policyId": "p-ef56ab78", "targetId": "r-ab12"})));
}
