//! Changes inside accounts, end to end: made in the double with the events that AWS would log, and found by `guardline
//! scan` with who made them.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::double::Server;
use crate::double::estate::{
    AutoManagement, ChangeRequest, Estate, Event, EventDataStore, Managed, QuotaTemplate, TemplateRow, Trail,
};
use crate::runner::{Project, covered, list, open};

pub(crate) const MANAGEMENT: &str = "111111111111";
const PAYMENTS: &str = "222222222222";
const AUDIT: &str = "333333333333";
const DEV: &str = "555555555555";
const SANDBOX: &str = "666666666666";
const NETWORK: &str = "888888888888";

/// So many hours ago, as records write it.
pub(crate) fn hours_ago(hours: i64) -> String {
    (Timestamp::now() - SignedDuration::from_hours(hours)).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The finding of a rule in an account.
fn found<'a>(report: &'a Value, rule: &str, account: &str) -> &'a Value {
    let found = list(&report["findings"]).iter().find(|f| f["rule"] == rule && f["scope"]["account"] == account);
    found.unwrap_or(&Value::Null)
}

/// A quota raised by an assumed role, and one that nobody was seen to raise.
fn raise_quotas(estate: &mut Estate) {
    estate.account_mut(PAYMENTS).quota("us-east-1", "ec2", "L-1216C47A").applied = Some(640.0);
    estate.log(
        Event::new(PAYMENTS, "us-east-1", "servicequotas", "RequestServiceQuotaIncrease", &hours_ago(30))
            .by_role(PAYMENTS, "Admin", "alice@acme.example")
            .request(json!({"serviceCode": "ec2", "quotaCode": "L-1216C47A", "desiredValue": 640}))
            .response(json!({"requestedQuota": {"status": "PENDING", "desiredValue": 640}})),
    );
    estate.account_mut(AUDIT).quota("eu-west-1", "lambda", "L-B99A9384").applied = Some(5000.0);
}

/// A setting changed by one, after another was refused; and one changed where the log may not be read.
fn change_settings(estate: &mut Estate) {
    estate.account_mut(NETWORK).ec2("eu-west-1").serial_console_access = Managed::by_account(true);
    let enable = |hours| Event::new(NETWORK, "eu-west-1", "ec2", "EnableSerialConsoleAccess", &hours_ago(hours));
    estate.log(
        enable(4)
            .by_user(NETWORK, "eve")
            .failed("Client.UnauthorizedOperation", "You are not authorized to perform this operation."),
    );
    estate.log(
        enable(3)
            .by_role(NETWORK, "ops/Breakglass", "mallory")
            .response(json!({"EnableSerialConsoleAccessResponse": {"serialConsoleAccessEnabled": true}})),
    );
    estate.account_mut(SANDBOX).ec2("us-west-2").ebs_encryption_by_default = true;
    estate.account_mut(SANDBOX).role("GuardlineRead").denies.push("cloudtrail:LookupEvents".to_owned());
}

#[test]
fn changes_inside_accounts_are_found_with_who_made_them() {
    let mut estate = Estate::sample();
    raise_quotas(&mut estate);
    change_settings(&mut estate);
    estate.account_mut(DEV).set_region("me-south-1", "ENABLED");
    estate.log(
        Event::new(DEV, "us-east-1", "account", "EnableRegion", &hours_ago(5))
            .by_user(DEV, "bob")
            .request(json!({"regionName": "me-south-1"})),
    );
    let server = Server::start(estate);
    let run = Project::acme().scan(&server, &[]);
    let report = run.report();
    assert_eq!(
        open(&report),
        [
            "quota.raised ec2/L-1216C47A @222222222222/us-east-1: {\"max\":\"default\",\"default\":5} -> 640; \
             attributed (high) arn:aws:sts::222222222222:assumed-role/Admin/alice@acme.example",
            "quota.raised lambda/L-B99A9384 @333333333333/eu-west-1: {\"max\":\"default\",\"default\":1000} -> 5000; \
             not-found (medium)",
            "region.enabled me-south-1 @555555555555/me-south-1: \
             {\"allowed\":[\"eu-central-1\",\"eu-west-1\",\"eu-south-1\",\"us-east-1\",\"us-west-2\"]} -> \"ENABLED\"; \
             attributed (high) arn:aws:iam::555555555555:user/bob",
            "setting.changed ebs_encryption_by_default @666666666666/us-west-2: false -> true; blind (low)",
            "setting.changed serial_console_access @888888888888/eu-west-1: false -> true; \
             attributed (high) arn:aws:sts::888888888888:assumed-role/Breakglass/mallory",
        ]
    );
    assert_eq!((run.code, run.why()), (3, "exit 3: 5 open findings are medium or worse"));

    // Who, as far as the record says it.
    let quota = &found(&report, "quota.raised", PAYMENTS)["attribution"];
    assert_eq!(quota["principal"]["role"], "arn:aws:iam::222222222222:role/Admin");
    assert_eq!(quota["principal"]["session_name"], "alice@acme.example");
    assert_eq!((&quota["source_ip"], &quota["user_agent"]), (&json!("198.51.100.7"), &json!("aws-cli/2.31.0")));
    assert_eq!(quota["events"][0]["name"], "RequestServiceQuotaIncrease");

    // A refused attempt is shown as an attempt, and by whom; it is no author.
    let console = &found(&report, "setting.changed", NETWORK)["attribution"];
    assert_eq!(list(&console["attempts"]).len(), 1);
    assert_eq!(console["attempts"][0]["principal"]["arn"], "arn:aws:iam::888888888888:user/eve");
    assert_eq!(console["attempts"][0]["error"], "Client.UnauthorizedOperation");
    assert_eq!(list(&console["events"]).len(), 1);

    // A log that may not be read is a gap in the coverage too.
    assert_eq!(covered(&report, "cloudtrail:LookupEvents", SANDBOX)["status"], "denied");
    let reason = &found(&report, "setting.changed", SANDBOX)["attribution"]["reason"];
    assert!(reason.as_str().is_some_and(|reason| reason.contains("could not be read: denied")), "{reason}");

    // Only logs of scopes with drift are asked.
    let asked = server.calls_of("cloudtrail:LookupEvents");
    assert!(asked.iter().all(|call| ["444444444444", "777777777777"].iter().all(|calm| call.account != *calm)));
    assert!(server.unexpected().is_empty(), "{:?}", server.unexpected());
    assert!(server.repeated().is_empty(), "{:?}", server.repeated());
}

#[test]
fn a_refusal_followed_by_nothing_is_no_author() {
    let mut estate = Estate::sample();
    estate.account_mut(NETWORK).ec2("us-east-1").serial_console_access = Managed::by_account(true);
    estate.log(
        Event::new(NETWORK, "us-east-1", "ec2", "EnableSerialConsoleAccess", &hours_ago(4))
            .by_user(NETWORK, "eve")
            .failed("Client.UnauthorizedOperation", "You are not authorized to perform this operation."),
    );
    // Long before the window.
    estate.log(
        Event::new(NETWORK, "us-east-1", "ec2", "EnableSerialConsoleAccess", &hours_ago(24 * 30))
            .by_user(NETWORK, "old-hand"),
    );
    let server = Server::start(estate);
    let project = Project::acme();
    let report = project.scan(&server, &["--kind", "setting"]).report();
    let attribution = &found(&report, "setting.changed", NETWORK)["attribution"];
    assert_eq!((&attribution["outcome"], &attribution["principal"]), (&json!("not-found"), &Value::Null));
    assert_eq!(attribution["attempts"][0]["principal"]["user"], "eve");
    assert_eq!(list(&attribution["events"]).len(), 0);
    // A longer look back finds the one.
    let longer = Project::acme_with(&[("timezone: Europe/Berlin", "timezone: Europe/Berlin\nlookback: 60d")]);
    let report = longer.scan(&server, &["--kind", "setting"]).report();
    let attribution = &found(&report, "setting.changed", NETWORK)["attribution"];
    assert_eq!(attribution["principal"]["user"], "old-hand");
}

#[test]
fn a_pending_request_and_an_automatic_one_are_told_apart() {
    let mut estate = Estate::sample();
    let alice = "arn:aws:sts::222222222222:assumed-role/Admin/alice@acme.example";
    let request = |id: &str, code: &str, desired| ChangeRequest::new(id, "ec2", code, desired, &hours_ago(30));
    let mut account = estate.account_mut(PAYMENTS);
    let asked = request("a187537d13254312a9609ebca1b3a5f6A1B2C3D4", "L-34B43A08", 99.0);
    account.request("us-east-1", ChangeRequest { requester: Some(alice.to_owned()), ..asked });
    let grown = request("b187537d13254312a9609ebca1b3a5f6A1B2C3D4", "L-DB2E81BA", 8.0);
    account.request("us-east-1", ChangeRequest { automatic: true, status: "APPROVED".to_owned(), ..grown });
    account.quota("us-east-1", "ec2", "L-DB2E81BA").applied = Some(8.0);
    let server = Server::start(estate);
    let report = Project::acme().scan(&server, &["--kind", "quota"]).report();
    let raised = &found(&report, "quota.raised", PAYMENTS)["attribution"];
    assert_eq!((&raised["outcome"], &raised["principal"]), (&json!("automatic"), &Value::Null));
    let pending = found(&report, "quota.request.pending", PAYMENTS);
    assert_eq!((&pending["attribution"]["outcome"], &pending["status"]), (&json!("attributed"), &json!("open")));
    assert_eq!(pending["attribution"]["principal"]["arn"], alice);
}

/// The fixture with everything that is seldom declared.
fn everything() -> Project {
    Project::acme_with(&[
        ("guardduty.amazonaws.com]", "guardduty.amazonaws.com, servicequotas.amazonaws.com]"),
        ("required: [eu-south-1]}", "required: [eu-south-1], zone_groups: []}"),
        ("quota_requests: none", "quota_requests: none\n  quota_template: []"),
        (
            "management_events: all}\n",
            "management_events: all}\n    trails:\n      - {where: {account: payments-prod}, name: own, multi_region: true}\n    \
             retention_days: 365\n",
        ),
    ])
}

#[test]
fn what_is_seldom_declared_is_read_and_compared_too() {
    let mut estate = Estate::sample();
    let organization = estate.organization_mut();
    organization.trusted_services.insert("servicequotas.amazonaws.com".to_owned(), Timestamp::UNIX_EPOCH);
    let (service, code) = ("ec2".to_owned(), "L-1216C47A".to_owned());
    let row = TemplateRow { service, code, region: "eu-west-1".to_owned(), desired: 64.0 };
    organization.quota_template = Some(QuotaTemplate { associated: true, rows: vec![row] });
    let template = json!({
        "serviceCode": "ec2", "quotaCode": "L-1216C47A", "awsRegion": "eu-west-1", "desiredValue": 64,
    });
    estate.log(
        Event::new(
            MANAGEMENT,
            "us-east-1",
            "servicequotas",
            "PutServiceQuotaIncreaseRequestIntoTemplate",
            &hours_ago(9),
        )
        .by_user(MANAGEMENT, "tess")
        .request(template),
    );
    let mut account = estate.account_mut(PAYMENTS);
    account.zone_groups.insert("us-east-1-bos-1".to_owned());
    account.auto_management = Some(AutoManagement {
        opt_in_type: "NotifyAndAdjust".to_owned(),
        status: "ENABLED".to_owned(),
        notification_arn: None,
        exclusions: Default::default(),
    });
    let mut trail = Trail::new("own", "eu-west-1", "payments-trail");
    (trail.logging, trail.multi_region) = (false, false);
    account.trails.push(trail);
    let by = |region: &str, service: &str, name: &str| {
        Event::new(PAYMENTS, region, service, name, &hours_ago(8)).by_role(PAYMENTS, "Admin", "alice")
    };
    let group =
        json!({"ModifyAvailabilityZoneGroupRequest": {"GroupName": "us-east-1-bos-1", "OptInStatus": "opted-in"}});
    estate.log(by("us-east-1", "ec2", "ModifyAvailabilityZoneGroup").request(group));
    let adjust = json!({"optInType": "NotifyAndAdjust", "optInLevel": "ACCOUNT"});
    estate.log(by("us-east-1", "servicequotas", "StartAutoManagement").request(adjust));
    estate.log(by("eu-west-1", "cloudtrail", "StopLogging").request(json!({"name": "own"})));
    estate.account_mut(MANAGEMENT).event_data_stores.insert("us-east-1".to_owned(), vec![store()]);

    let server = Server::start(estate);
    let run = everything().scan(&server, &[]);
    let alice = "attributed (high) arn:aws:sts::222222222222:assumed-role/Admin/alice";
    let trail = "arn:aws:cloudtrail:eu-west-1:222222222222:trail/own";
    let store = "arn:aws:cloudtrail:us-east-1:111111111111:eventdatastore/ee54f254-e5a0-4ef4-8a54-example00001";
    assert_eq!(
        open(&run.report()),
        [
            format!("audit.trail.stopped {trail} @222222222222/eu-west-1: \"logging\" -> \"stopped\"; {alice}"),
            format!(
                "audit.trail.weakened {store} @111111111111/us-east-1: {{\"retention_days\":365}} -> \
                 {{\"retention_days\":90}}; not-found (medium)"
            ),
            format!(
                "audit.trail.weakened {trail} @222222222222/eu-west-1: {{\"multi_region\":true}} -> \
                 {{\"multi_region\":false}}; not-found (medium)"
            ),
            format!("quota.auto-management auto-management @222222222222/global: \"disabled\" -> \"adjust\"; {alice}"),
            "quota.template.changed association @o-a1b2c3d4e5: \"DISASSOCIATED\" -> \"ASSOCIATED\"; not-found (medium)"
                .to_owned(),
            "quota.template.changed ec2/L-1216C47A/eu-west-1 @o-a1b2c3d4e5: null -> 64; attributed (high) \
             arn:aws:iam::111111111111:user/tess"
                .to_owned(),
            format!(
                "region.zone-group.enabled us-east-1-bos-1 @222222222222/us-east-1: {{\"allowed\":[]}} -> \
                 \"opted-in\"; {alice}"
            ),
        ]
    );
    assert!(server.unexpected().is_empty(), "{:?}", server.unexpected());
    assert!(server.repeated().is_empty(), "{:?}", server.repeated());
}

/// An event data store that keeps its events for too short a time.
fn store() -> EventDataStore {
    EventDataStore {
        id: "ee54f254-e5a0-4ef4-8a54-example00001".to_owned(),
        name: "lake".to_owned(),
        status: "ENABLED".to_owned(),
        multi_region: true,
        organization: false,
        retention_days: 90,
        termination_protection: true,
        created: Timestamp::UNIX_EPOCH,
        advanced_selectors: Vec::new(),
        billing_mode: None,
    }
}
