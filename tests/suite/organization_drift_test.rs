//! Changes of the organisation, end to end: made in the double with the events that AWS would log, and found by `guardline
//! scan` with who made them.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::double::Server;
use crate::double::estate::{Estate, Event, full_access};
use crate::drift_test::{MANAGEMENT, hours_ago};
use crate::runner::{Project, open};

/// A call of an administrator on the organisation: it stands in the management account's log.
fn call(name: &str, hours: i64, request: Value) -> Event {
    Event::new(MANAGEMENT, "us-east-1", "organizations", name, &hours_ago(hours))
        .by_role(MANAGEMENT, "OrgAdmin", "carol")
        .request(request)
}

const CAROL: &str = "attributed (high) arn:aws:sts::111111111111:assumed-role/OrgAdmin/carol";

/// An account moved, one that nobody declared, a unit renamed.
fn change_links(estate: &mut Estate) {
    estate.move_account("444444444444", "/Sandbox");
    let parents = json!({"sourceParentId": "ou-ab12-c3d4e5f6", "destinationParentId": "ou-ab12-sandbox1"});
    let mut moved = parents;
    moved["accountId"] = json!("444444444444");
    estate.log(call("MoveAccount", 20, moved));

    estate.add_account("101010101010", "rogue", "/Sandbox");
    let status = |state: &str, account: Value| json!({"createAccountStatus": {"id": "car-rogue", "accountName": "****", "state": state, "accountId": account}});
    let asked = json!({"email": "****", "accountName": "****"});
    estate.log(call("CreateAccount", 19, asked).response(status("IN_PROGRESS", Value::Null)));
    estate.log(
        call("CreateAccountResult", 18, Value::Null)
            .with("eventType", json!("AwsServiceEvent"))
            .with("userIdentity", json!({"accountId": MANAGEMENT, "invokedBy": "AWS Internal"}))
            .with("serviceEventDetails", status("SUCCEEDED", json!("101010101010"))),
    );

    let unit = estate.organization_mut().units.get_mut("ou-ab12-c3d4e5f6");
    unit.into_iter().for_each(|unit| "Work".clone_into(&mut unit.name));
    let renamed = json!({"organizationalUnitId": "ou-ab12-c3d4e5f6", "name": "Work"});
    estate.log(call("UpdateOrganizationalUnit", 17, renamed));

    estate.organization_mut().trusted_services.insert("ram.amazonaws.com".to_owned(), Timestamp::UNIX_EPOCH);
    let trusted = call("EnableAWSServiceAccess", 14, json!({"servicePrincipal": "ram.amazonaws.com"}));
    estate.log(trusted.by_user(MANAGEMENT, "dave"));
}

/// A policy detached, and another's content changed.
fn change_policies(estate: &mut Estate) {
    estate.policy_mut("deny-leave").targets.clear();
    estate.log(call("DetachPolicy", 16, json!({"policyId": "p-ef56ab78", "targetId": "r-ab12"})));
    let open = full_access(false).to_string();
    estate.policy_mut("deny-outside-eu").content.clone_from(&open);
    estate.log(call("UpdatePolicy", 15, json!({"policyId": "p-ab12cd34", "content": open})));
}

#[test]
fn changes_of_the_organisation_are_found_with_who_made_them() {
    let mut estate = Estate::sample();
    change_links(&mut estate);
    change_policies(&mut estate);
    let management = estate.account_mut(MANAGEMENT);
    let since = Timestamp::now();
    let trail = management.trail("org-trail");
    (trail.logging, trail.stopped) = (false, Some(since));
    let trail = "arn:aws:cloudtrail:us-east-1:111111111111:trail/org-trail";
    estate.log(
        Event::new(MANAGEMENT, "us-east-1", "cloudtrail", "StopLogging", &hours_ago(2))
            .by_role(MANAGEMENT, "OrgAdmin", "carol")
            .request(json!({"name": trail})),
    );
    let server = Server::start(estate);
    let run = Project::acme().scan(&server, &[]);
    let report = run.report();
    // What the policy says is long; its ends are enough here.
    let open: Vec<String> = open(&report)
        .into_iter()
        .map(|line| match line.split_once(": {\"Statement\":[{\"Condition\"") {
            Some((what, values)) => format!("{what}: … -> {}", values.split_once(" -> ").unwrap_or_default().1),
            None => line,
        })
        .collect();
    let here = "@o-a1b2c3d4e5";
    assert_eq!(
        open,
        [
            format!("audit.trail.stopped {trail} {here}: \"logging\" -> \"stopped\"; {CAROL}"),
            format!("policy.weakened p-ef56ab78@r-ab12 {here}: \"/ (r-ab12)\" -> null; {CAROL}"),
            format!("link.account.moved 444444444444 {here}: \"/Workloads\" -> \"/Sandbox\"; {CAROL}"),
            format!(
                "link.account.unexpected 101010101010 {here}: null -> {{\"name\":\"rogue\",\"ou\":\"/Sandbox\",\
                 \"status\":\"ACTIVE\",\"joined_method\":\"CREATED\"}}; {CAROL}"
            ),
            format!(
                "policy.weakened p-ab12cd34 {here}: … -> {{\"Statement\":[{{\"Action\":[\"*\"],\"Effect\":\"Allow\",\
                 \"Resource\":[\"*\"]}}],\"Version\":\"2012-10-17\"}}; {CAROL}"
            ),
            format!(
                "link.trusted-service.changed ram.amazonaws.com {here}: null -> \"enabled\"; attributed (high) \
                 arn:aws:iam::111111111111:user/dave"
            ),
            format!("link.ou.renamed ou-ab12-c3d4e5f6 {here}: \"Workloads\" -> \"Work\"; {CAROL}"),
        ]
    );
    assert_eq!((run.code, run.why()), (3, "exit 3: 6 open findings are medium or worse"));
    assert!(server.unexpected().is_empty(), "{:?}", server.unexpected());
    assert!(server.repeated().is_empty(), "{:?}", server.repeated());
}

#[test]
fn a_policy_type_switched_off_is_one_finding_and_not_one_for_each_attachment() {
    let mut estate = Estate::sample();
    estate.organization_mut().root.policy_types.remove("RESOURCE_CONTROL_POLICY");
    estate.policy_mut("RCPFullAWSAccess").targets.clear();
    let off = json!({"rootId": "r-ab12", "policyType": "RESOURCE_CONTROL_POLICY"});
    estate.log(call("DisablePolicyType", 6, off));
    let server = Server::start(estate);
    let report = Project::acme().scan(&server, &["--kind", "policy"]).report();
    assert_eq!(
        open(&report),
        [format!("policy-type.disabled resource_control @o-a1b2c3d4e5: \"ENABLED\" -> null; {CAROL}")]
    );
}

/// Whether log files are as they were written shows only in the digests.
#[test]
fn digests_that_do_not_arrive_are_a_failing_trail() {
    let mut estate = Estate::sample();
    estate.account_mut(MANAGEMENT).trail("org-trail").digest_error = Some("AccessDenied".to_owned());
    let found = open(&Project::acme().scan(&Server::start(estate), &[]).report());
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("audit.trail.failing ") && found[0].contains("digests: AccessDenied"), "{found:?}");
}
