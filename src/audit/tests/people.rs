//! Who is named for what, and when nobody is.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{record, role};
use crate::audit::{Attribution, Confidence, Log, Outcome, PrincipalKind, attribute, lookups};
use crate::compare::{Aspect, Direction, Drift, LoggedIn, Rule, Subject};
use crate::estate::{
    AccountFacts, CoverageStatus, GLOBAL, Gap, Kind, Observation, Provider, Quota, QuotaDefinition, QuotaRequest,
    RegionFacts, SNAPSHOT_SCHEMA, Scope, Snapshot,
};
use crate::provider::{LookupAnswer, LookupRequest};

const NOW: &str = "2026-11-03T12:00:00Z";
const ORGANIZATIONS: &str = "organizations.amazonaws.com";
const QUOTAS: &str = "servicequotas.amazonaws.com";

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn drift(rule: Rule, kind: Kind, aspect: Aspect, subject: &[(&str, &str)], effect: &[(&str, &str)]) -> Drift {
    let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    Drift {
        rule,
        kind,
        aspect,
        scope: Scope::account(Provider::Aws, "111111111111").in_region("us-east-1"),
        subject: Subject { id: "x".to_owned(), name: "x".to_owned() },
        direction: Direction::Unknown,
        expected: Value::Null,
        actual: Value::Null,
        position: None,
        logged_in: vec![LoggedIn { account: "111111111111".to_owned(), region: Some("us-east-1".to_owned()) }],
        event_subject: map(subject),
        event_effect: map(effect),
    }
}

fn detached() -> Drift {
    let subject = [("policy", "p-1"), ("target", "ou-1")];
    drift(Rule::PolicyDetached, Kind::Policy, Aspect::Attachment, &subject, &[("attachment", "detached")])
}

fn raised() -> Drift {
    let subject = [("service", "ec2"), ("code", "L-1216C47A")];
    drift(Rule::QuotaRaised, Kind::Quota, Aspect::Value, &subject, &[("value", "640")])
}

fn snapshot() -> Snapshot {
    let definition = QuotaDefinition {
        name: "Standard".to_owned(),
        default: Observation::Known(5.0),
        global: false,
        adjustable: true,
    };
    let ec2 = Observation::Known(BTreeMap::from([("L-1216C47A".to_owned(), definition)]));
    Snapshot {
        schema: SNAPSHOT_SCHEMA.to_owned(),
        taken_at: time(NOW),
        provider: Provider::Aws,
        partition: "aws".to_owned(),
        caller_account: "111111111111".to_owned(),
        caller: "arn:aws:iam::111111111111:role/guardline".to_owned(),
        organization: Observation::Absent,
        accounts: BTreeMap::new(),
        quota_definitions: BTreeMap::from([("us-east-1".to_owned(), BTreeMap::from([("ec2".to_owned(), ec2)]))]),
        coverage: Vec::new(),
        read_times: Vec::new(),
    }
}

fn with_requests(requests: Vec<QuotaRequest>) -> Snapshot {
    let facts = RegionFacts { quota_requests: Some(Observation::Known(requests)), ..RegionFacts::default() };
    let facts =
        AccountFacts { region_status: Observation::Absent, regions: BTreeMap::from([("us-east-1".to_owned(), facts)]) };
    Snapshot { accounts: BTreeMap::from([("111111111111".to_owned(), facts)]), ..snapshot() }
}

fn request(id: &str, status: &str, value: f64, requester: Option<&str>, created: &str) -> QuotaRequest {
    QuotaRequest {
        id: id.to_owned(),
        quota: Quota { service: "ec2".to_owned(), code: "L-1216C47A".to_owned() },
        name: "Standard".to_owned(),
        status: status.to_owned(),
        value,
        resource: None,
        automatic: false,
        requester: requester.map(str::to_owned),
        created: Some(time(created)),
        updated: None,
    }
}

/// Answers to all that is asked about these differences: each question gets the records of its name.
fn answers(drifts: &[Drift], records: &[Value]) -> Vec<LookupAnswer> {
    lookups(drifts, time(NOW), SignedDuration::from_hours(7 * 24))
        .into_iter()
        .map(|request| {
            let wanted = |record: &&Value| record["eventName"] == json!(request.event_name);
            LookupAnswer { records: records.iter().filter(wanted).cloned().collect(), request, gap: None }
        })
        .collect()
}

fn who(drift: &Drift, records: &[Value], snapshot: &Snapshot) -> Attribution {
    let drifts = [drift.clone()];
    let log = Log::read(&answers(&drifts, records));
    attribute(&drifts, &log, snapshot).remove(0)
}

fn detach(id: &str, when: &str, request: Value) -> Value {
    let mut record = record(id, when, ORGANIZATIONS, "DetachPolicy");
    record["requestParameters"] = request;
    record
}

fn target() -> Value {
    json!({"policyId": "p-1", "targetId": "ou-1"})
}

fn raise(id: &str, when: &str, value: f64) -> Value {
    let mut record = record(id, when, QUOTAS, "RequestServiceQuotaIncrease");
    record["requestParameters"] = json!({"serviceCode": "ec2", "quotaCode": "L-1216C47A", "desiredValue": value});
    record["responseElements"] = json!({"requestedQuota": {
        "id": format!("q-{id}"), "serviceCode": "ec2", "serviceName": "EC2", "quotaCode": "L-1216C47A",
        "quotaName": "Standard", "status": "PENDING"}});
    record
}

fn granted(id: &str, when: &str, status: &str, value: &str) -> Value {
    let mut record = record(id, when, QUOTAS, "UpdateServiceQuotaIncreaseRequestStatus");
    record["userIdentity"] = json!({"accountId": "111111111111", "invokedBy": QUOTAS});
    record["eventType"] = json!("AwsServiceEvent");
    record["serviceEventDetails"] =
        json!({"newStatus": status, "newQuotaValue": value, "serviceName": "EC2", "quotaName": "Standard"});
    record
}

fn by(mut record: Value, name: &str) -> Value {
    record["userIdentity"] = role("Ops", name);
    record
}

fn ids(answer: &Attribution) -> Vec<&str> {
    answer.events.iter().map(|event| event.id.as_str()).collect()
}

fn ends(answer: &Attribution) -> (Outcome, Confidence) {
    (answer.outcome, answer.confidence)
}

#[test]
fn a_detachment_names_who_made_it() {
    let answer = who(&detached(), &[detach("e-1", "2026-11-03T02:00:00Z", target())], &snapshot());
    assert_eq!(ends(&answer), (Outcome::Attributed, Confidence::High), "{}", answer.reason);
    let principal = answer.principal.unwrap();
    assert_eq!(principal.kind, PrincipalKind::Role);
    assert_eq!(principal.role.as_deref(), Some("arn:aws:iam::111111111111:role/team/Ops"));
    assert_eq!(principal.session_name.as_deref(), Some("mallory"));
    assert_eq!((answer.source_ip.as_deref(), answer.user_agent.as_deref()), (Some("192.0.2.7"), Some("aws-cli/2")));
    assert_eq!(answer.mfa, Some(true));
    assert_eq!(answer.events[0].time, time("2026-11-03T02:00:00Z"));
}

#[test]
fn keys_in_another_case_are_the_same_keys() {
    let answer = who(
        &detached(),
        &[detach("e-1", "2026-11-03T02:00:00Z", json!({"PolicyId": "p-1", "TargetId": "ou-1"}))],
        &snapshot(),
    );
    assert_eq!(answer.outcome, Outcome::Attributed);
}

#[test]
fn what_is_about_something_else_names_nobody() {
    let mut elsewhere = detach("e-1", "2026-11-03T02:00:00Z", target());
    elsewhere["recipientAccountId"] = json!("999999999999");
    let mut region = detach("e-2", "2026-11-03T02:00:00Z", target());
    region["awsRegion"] = json!("eu-west-1");
    let mut service = detach("e-3", "2026-11-03T02:00:00Z", target());
    service["eventSource"] = json!("iot.amazonaws.com");
    let other = detach("e-4", "2026-11-03T02:00:00Z", json!({"policyId": "p-1", "targetId": "ou-2"}));
    for record in [elsewhere, region, service, other] {
        let answer = who(&detached(), std::slice::from_ref(&record), &snapshot());
        assert_eq!(answer.outcome, Outcome::NotFound, "{record}");
        assert!(answer.events.is_empty() && answer.principal.is_none());
        assert!(answer.reason.contains("`DetachPolicy`"), "{}", answer.reason);
    }
}

#[test]
fn a_later_change_of_the_same_subject_makes_it_ambiguous() {
    let mut attach = detach("e-2", "2026-11-03T03:00:00Z", target());
    attach["eventName"] = json!("AttachPolicy");
    let records = [detach("e-1", "2026-11-03T02:00:00Z", target()), attach.clone()];
    let answer = who(&detached(), &records, &snapshot());
    assert_eq!(answer.outcome, Outcome::Ambiguous);
    assert_eq!(ids(&answer), ["e-2", "e-1"], "all candidates, newest first");
    assert!(answer.principal.is_none());
    // Detached again after that: the last one did it.
    let again = by(detach("e-3", "2026-11-03T04:00:00Z", target()), "eve");
    let answer = who(&detached(), &[records.as_slice(), &[again]].concat(), &snapshot());
    assert_eq!(ends(&answer), (Outcome::Attributed, Confidence::High));
    assert_eq!(answer.principal.unwrap().session_name.as_deref(), Some("eve"));
    assert_eq!(answer.events[0].id, "e-3");
}

#[test]
fn changes_in_the_same_second_cannot_be_put_in_order() {
    let mut attach = detach("e-2", "2026-11-03T02:00:00Z", target());
    attach["eventName"] = json!("AttachPolicy");
    let answer = who(&detached(), &[detach("e-1", "2026-11-03T02:00:00Z", target()), attach], &snapshot());
    assert_eq!(answer.outcome, Outcome::Ambiguous);
    let twice = [raise("1", "2026-11-03T02:00:00Z", 640.0), by(raise("2", "2026-11-03T02:00:00Z", 640.0), "eve")];
    let answer = who(&raised(), &twice, &snapshot());
    assert_eq!(answer.outcome, Outcome::Ambiguous);
    assert!(answer.reason.contains("order cannot be told"), "{}", answer.reason);
}

#[test]
fn a_window_that_was_not_read_whole_says_so() {
    let drifts = [detached()];
    let mut answers = answers(&drifts, &[detach("e-1", "2026-11-03T02:00:00Z", target())]);
    let gap = Gap { status: CoverageStatus::Throttled, reason: "gave up after 5 tries".to_owned() };
    answers.iter_mut().find(|answer| answer.request.event_name == "AttachPolicy").unwrap().gap = Some(gap.clone());
    let answer = attribute(&drifts, &Log::read(&answers), &snapshot()).remove(0);
    assert_eq!(ends(&answer), (Outcome::Attributed, Confidence::Medium));
    assert!(answer.reason.contains("gave up after 5 tries"), "{}", answer.reason);

    for answer in &mut answers {
        answer.records.clear();
    }
    let answer = attribute(&drifts, &Log::read(&answers), &snapshot()).remove(0);
    assert_eq!(answer.outcome, Outcome::Blind);
    assert_eq!(
        answer.reason,
        "the log of `111111111111` in `us-east-1` could not be read: throttled, gave up after 5 tries"
    );
    let answer = attribute(&drifts, &Log::default(), &snapshot()).remove(0);
    assert_eq!(answer.outcome, Outcome::Blind, "a log that was never asked says nothing");
}

#[test]
fn a_record_that_cannot_be_used_is_counted_and_is_a_gap() {
    let mut broken = detach("e-2", "2026-11-03T03:00:00Z", target());
    broken["eventTime"] = json!("later");
    let drifts = [detached()];
    let log = Log::read(&answers(&drifts, &[detach("e-1", "2026-11-03T02:00:00Z", target()), broken]));
    assert_eq!((log.records, log.duplicates, log.rejected.len()), (1, 0, 1));
    let answer = attribute(&drifts, &log, &snapshot()).remove(0);
    assert_eq!(ends(&answer), (Outcome::Attributed, Confidence::Medium));
    assert!(answer.reason.contains("`e-2` cannot be used: its `eventTime` cannot be read"), "{}", answer.reason);
}

#[test]
fn refused_attempts_are_kept_and_are_nobodys_change() {
    let mut denied = detach("e-1", "2026-11-03T02:00:00Z", Value::Null);
    denied["errorCode"] = json!("AccessDenied");
    denied["errorMessage"] = json!(
        "User: arn:aws:iam::111111111111:user/x is not authorized to perform: organizations:DetachPolicy on resource: \
         arn:aws:organizations::111111111111:policy/o-a1b2c3d4e5/service_control_policy/p-1 with an explicit deny"
    );
    let answer = who(&detached(), &[denied], &snapshot());
    assert_eq!(answer.outcome, Outcome::NotFound);
    assert_eq!(answer.attempts.len(), 1);
    assert_eq!(answer.attempts[0].error.as_deref(), Some("AccessDenied"));

    let mut quota = record("e-2", "2026-11-03T02:00:00Z", QUOTAS, "RequestServiceQuotaIncrease");
    quota["errorCode"] = json!("AccessDenied");
    quota["errorMessage"] = json!(
        "User: arn:aws:iam::111111111111:user/x is not authorized to perform: servicequotas:RequestServiceQuotaIncrease \
         on resource: arn:aws:servicequotas:us-east-1:111111111111:ec2/L-1216C47A because no identity-based policy allows it"
    );
    let done = by(raise("3", "2026-11-03T03:00:00Z", 640.0), "eve");
    let answer = who(&raised(), &[quota.clone(), done], &snapshot());
    assert_eq!(answer.outcome, Outcome::Attributed);
    assert_eq!((ids(&answer), answer.attempts.len()), (vec!["3"], 1));
    quota["errorMessage"] = json!(quota["errorMessage"].as_str().unwrap().replace("L-1216C47A", "L-00000000"));
    assert!(who(&raised(), &[quota], &snapshot()).attempts.is_empty(), "an attempt on another quota");
}

#[test]
fn a_record_without_its_parameters_may_be_about_anything() {
    let answer = who(&detached(), &[detach("e-1", "2026-11-03T02:00:00Z", Value::Null)], &snapshot());
    assert_eq!(answer.outcome, Outcome::Ambiguous);
    assert!(answer.reason.contains("its record does not name it"), "{}", answer.reason);
    // It comes after a change that is proven: who was last is not.
    let records = [detach("e-1", "2026-11-03T02:00:00Z", target()), detach("e-2", "2026-11-03T03:00:00Z", Value::Null)];
    assert_eq!(who(&detached(), &records, &snapshot()).outcome, Outcome::Ambiguous);
}

#[test]
fn switching_a_policy_type_off_detaches_its_policies() {
    let mut off = record("e-1", "2026-11-03T02:00:00Z", ORGANIZATIONS, "DisablePolicyType");
    off["requestParameters"] = json!({"rootId": "r-1", "policyType": "SERVICE_CONTROL_POLICY"});
    let mut drift = detached();
    drift.event_subject.insert("type".to_owned(), "SERVICE_CONTROL_POLICY".to_owned());
    assert_eq!(who(&drift, std::slice::from_ref(&off), &snapshot()).outcome, Outcome::Attributed);
    drift.event_subject.insert("type".to_owned(), "RESOURCE_CONTROL_POLICY".to_owned());
    assert_eq!(who(&drift, std::slice::from_ref(&off), &snapshot()).outcome, Outcome::NotFound);
    assert_eq!(who(&detached(), &[off], &snapshot()).outcome, Outcome::Ambiguous, "the policy's type is not known");
}

#[test]
fn a_document_is_the_same_however_it_is_spelt() {
    let mut update = record("e-1", "2026-11-03T02:00:00Z", ORGANIZATIONS, "UpdatePolicy");
    update["requestParameters"] =
        json!({"policyId": "p-1", "content": "{ \"Statement\": {\"Effect\":\"Deny\", \"Action\": [\"ec2:*\"]}}"});
    let content = |text: &str| {
        drift(Rule::PolicyChanged, Kind::Policy, Aspect::Content, &[("policy", "p-1")], &[("content", text)])
    };
    let same = content(r#"{"Statement":[{"Action":["ec2:*"],"Effect":"Deny"}]}"#);
    assert_eq!(who(&same, std::slice::from_ref(&update), &snapshot()).outcome, Outcome::Attributed);
    // Outside of IAM's grammar a list of one is not its entry: what comparing tells apart is not the same here.
    let mut tags = update.clone();
    tags["requestParameters"] = json!({"policyId": "p-1", "content": "{\"tags\": {\"@@assign\": \"a\"}}"});
    let listed = content(r#"{"tags":{"@@assign":["a"]}}"#);
    assert_eq!(who(&listed, &[tags], &snapshot()).outcome, Outcome::Ambiguous);
    let other = content(r#"{"Statement":[{"Action":["ec2:Run*"],"Effect":"Deny"}]}"#);
    assert_eq!(who(&other, std::slice::from_ref(&update), &snapshot()).outcome, Outcome::Ambiguous);
    // A new name says nothing about the document.
    update["requestParameters"] = json!({"policyId": "p-1", "name": "new"});
    assert_eq!(who(&same, &[update], &snapshot()).outcome, Outcome::NotFound);
}

#[test]
fn a_hidden_effect_is_ambiguous() {
    let mut put = record("e-1", "2026-11-03T02:00:00Z", ORGANIZATIONS, "PutResourcePolicy");
    put["requestParameters"] = json!({"content": "HIDDEN_DUE_TO_SECURITY_REASONS"});
    let drift = drift(Rule::LinkDelegationChanged, Kind::Link, Aspect::ResourcePolicy, &[], &[]);
    let answer = who(&drift, &[put], &snapshot());
    assert_eq!(answer.outcome, Outcome::Ambiguous);
    assert_eq!(ids(&answer), ["e-1"]);
}

#[test]
fn an_invitation_is_proven_by_the_handshake_it_made() {
    let mut invite = record("e-1", "2026-11-03T02:00:00Z", ORGANIZATIONS, "InviteAccountToOrganization");
    invite["responseElements"] = json!({"handshake": {"id": "h-1", "state": "OPEN"}});
    let open = |id| drift(Rule::LinkHandshakeOpen, Kind::Link, Aspect::Handshake, &[("handshake", id)], &[]);
    assert_eq!(who(&open("h-1"), std::slice::from_ref(&invite), &snapshot()).outcome, Outcome::Attributed);
    assert_eq!(who(&open("h-2"), &[invite], &snapshot()).outcome, Outcome::NotFound);
}

fn joined(account: &str) -> Drift {
    drift(
        Rule::LinkAccountUnexpected,
        Kind::Link,
        Aspect::Existence,
        &[("account", account)],
        &[("membership", "joined")],
    )
}

#[test]
fn an_account_is_traced_to_its_creation_through_the_request() {
    let mut records = Vec::new();
    for (id, account, name) in [("1", "222222222222", "alice"), ("2", "333333333333", "bob")] {
        let mut create = by(record(&format!("c-{id}"), "2026-11-03T02:00:00Z", ORGANIZATIONS, "CreateAccount"), name);
        create["responseElements"] =
            json!({"createAccountStatus": {"id": format!("car-{id}"), "state": "IN_PROGRESS"}});
        let mut result = record(&format!("r-{id}"), "2026-11-03T02:03:00Z", ORGANIZATIONS, "CreateAccountResult");
        result["userIdentity"] = json!({"accountId": "111111111111", "invokedBy": ORGANIZATIONS});
        result["serviceEventDetails"] =
            json!({"createAccountStatus": {"id": format!("car-{id}"), "state": "SUCCEEDED", "accountId": account}});
        records.extend([create, result]);
    }
    for (account, name, event) in [("222222222222", "alice", "c-1"), ("333333333333", "bob", "c-2")] {
        let answer = who(&joined(account), &records, &snapshot());
        assert_eq!(ends(&answer), (Outcome::Attributed, Confidence::High), "{}", answer.reason);
        assert_eq!(answer.principal.as_ref().unwrap().session_name.as_deref(), Some(name));
        assert_eq!(ids(&answer), [event, &event.replace('c', "r")], "the call, then what was reported of it");
    }
    // Without the results no record says which account came of which request.
    let calls: Vec<Value> = records.iter().filter(|record| record["eventName"] == "CreateAccount").cloned().collect();
    let answer = who(&joined("222222222222"), &calls, &snapshot());
    assert_eq!((answer.outcome, answer.events.len()), (Outcome::Ambiguous, 2));
    // Without the calls nobody is named: the service only reports.
    let results: Vec<Value> = records.iter().filter(|record| record["eventName"] != "CreateAccount").cloned().collect();
    let answer = who(&joined("222222222222"), &results, &snapshot());
    assert_eq!((answer.outcome, ids(&answer)), (Outcome::Ambiguous, vec!["r-1"]));
}

#[test]
fn a_member_that_leaves_is_found_in_its_own_log() {
    let mut drift = joined("222222222222");
    drift.event_effect = BTreeMap::from([("membership".to_owned(), "left".to_owned())]);
    drift.logged_in.push(LoggedIn { account: "222222222222".to_owned(), region: Some("us-east-1".to_owned()) });
    let mut leave = record("e-1", "2026-11-03T02:00:00Z", ORGANIZATIONS, "LeaveOrganization");
    leave["recipientAccountId"] = json!("222222222222");
    let answer = who(&drift, std::slice::from_ref(&leave), &snapshot());
    assert_eq!(answer.outcome, Outcome::Attributed);
    assert_eq!(answer.events[0].account, "222222222222");
    leave["recipientAccountId"] = json!("111111111111");
    assert_eq!(who(&drift, &[leave], &snapshot()).outcome, Outcome::NotFound, "another account left");
}

#[test]
fn a_trail_is_found_by_its_name_and_by_its_arn() {
    let arn = "arn:aws:cloudtrail:us-east-1:111111111111:trail/main";
    let stopped = drift(
        Rule::AuditTrailStopped,
        Kind::AuditLog,
        Aspect::Logging,
        &[("trail", arn), ("name", "main")],
        &[("logging", "off")],
    );
    for (name, outcome) in [
        ("main", Outcome::Attributed),
        (arn, Outcome::Attributed),
        ("other", Outcome::NotFound),
        ("arn:aws:cloudtrail:eu-west-1:111111111111:trail/main", Outcome::NotFound),
    ] {
        let mut stop = record("e-1", "2026-11-03T02:00:00Z", "cloudtrail.amazonaws.com", "StopLogging");
        stop["requestParameters"] = json!({"name": name});
        assert_eq!(who(&stopped, &[stop], &snapshot()).outcome, outcome, "{name}");
    }
}

#[test]
fn a_change_of_something_else_about_a_trail_is_no_candidate() {
    let subject = [("trail", "arn:aws:cloudtrail:us-east-1:111111111111:trail/main"), ("name", "main")];
    let weakened = |effect| drift(Rule::AuditTrailWeakened, Kind::AuditLog, Aspect::Configuration, &subject, effect);
    let mut update = record("e-1", "2026-11-03T02:00:00Z", "cloudtrail.amazonaws.com", "UpdateTrail");
    update["requestParameters"] = json!({"name": "main", "isMultiRegionTrail": false});
    let records = [update];
    assert_eq!(who(&weakened(&[("multi_region", "false")]), &records, &snapshot()).outcome, Outcome::Attributed);
    assert_eq!(who(&weakened(&[("log_file_validation", "false")]), &records, &snapshot()).outcome, Outcome::NotFound);
    let both = weakened(&[("log_file_validation", "false"), ("multi_region", "false")]);
    assert_eq!(who(&both, &records, &snapshot()).outcome, Outcome::Ambiguous, "it explains a part");
}

#[test]
fn a_setting_with_attributes_is_explained_by_who_set_the_one_that_drifted() {
    let value = r#"{"http_tokens": "optional", "http_put_response_hop_limit": 2}"#;
    let subject = [("setting", "instance_metadata_defaults")];
    let mut changed = drift(Rule::SettingChanged, Kind::Setting, Aspect::Value, &subject, &[("value", value)]);
    changed.expected = json!({"http_tokens": "required"});
    let modify = |id: &str, when: &str, request: Value| {
        let mut record = record(id, when, "ec2.amazonaws.com", "ModifyInstanceMetadataDefaults");
        record["requestParameters"] = json!({"ModifyInstanceMetadataDefaultsRequest": request});
        record
    };
    let tokens = modify("e-1", "2026-11-03T02:00:00Z", json!({"HttpTokens": "optional"}));
    let hops = by(modify("e-2", "2026-11-03T03:00:00Z", json!({"HttpPutResponseHopLimit": 2})), "eve");
    let answer = who(&changed, &[tokens.clone(), hops], &snapshot());
    assert_eq!((answer.outcome, ids(&answer)), (Outcome::Attributed, vec!["e-1"]));
    let back = modify("e-3", "2026-11-03T04:00:00Z", json!({"HttpTokens": "required"}));
    assert_eq!(who(&changed, &[tokens, back], &snapshot()).outcome, Outcome::Ambiguous);
}

#[test]
fn the_log_and_the_quotas_own_history_bear_each_other_out() {
    let ops = "arn:aws:sts::111111111111:assumed-role/Ops/mallory";
    let records =
        [raise("1", "2026-11-03T02:00:00Z", 640.0), granted("2", "2026-11-03T02:05:00Z", "CASE_CLOSED", "640.0")];
    let answer = who(
        &raised(),
        &records,
        &with_requests(vec![request("q-1", "APPROVED", 640.0, Some(ops), "2026-11-03T02:00:00Z")]),
    );
    assert_eq!(ends(&answer), (Outcome::Attributed, Confidence::High));
    assert!(answer.reason.contains("history names the same requester"), "{}", answer.reason);
    assert_eq!(ids(&answer), ["1", "2"]);

    let eve = "arn:aws:sts::111111111111:assumed-role/Ops/eve";
    let answer = who(
        &raised(),
        &records,
        &with_requests(vec![request("q-1", "APPROVED", 640.0, Some(eve), "2026-11-03T02:00:00Z")]),
    );
    assert_eq!(answer.outcome, Outcome::Ambiguous);
    assert!(answer.reason.contains(ops) && answer.reason.contains(eve), "{}", answer.reason);
}

#[test]
fn the_quotas_history_names_who_asked_where_the_log_does_not() {
    let eve = "arn:aws:sts::111111111111:assumed-role/Ops/eve";
    let history = with_requests(vec![
        request("q-2", "APPROVED", 640.0, Some(eve), "2026-11-02T02:00:00Z"),
        request("q-1", "APPROVED", 320.0, Some("arn:aws:iam::111111111111:user/old"), "2026-10-30T02:00:00Z"),
    ]);
    let drifts = [raised()];
    let mut blind = answers(&drifts, &[]);
    for answer in &mut blind {
        answer.gap = Some(Gap { status: CoverageStatus::Denied, reason: "AccessDenied".to_owned() });
    }
    let answer = attribute(&drifts, &Log::read(&blind), &history).remove(0);
    assert_eq!(ends(&answer), (Outcome::Attributed, Confidence::Medium));
    assert_eq!(answer.principal.unwrap().session_name.as_deref(), Some("eve"));
    assert!(answer.reason.contains("no record of it was read"), "{}", answer.reason);
    // A log that was read whole should have held it.
    assert_eq!(ends(&who(&raised(), &[], &history)), (Outcome::Attributed, Confidence::Low));
    // The last request that was granted is for another value: the history explains nothing.
    let other = with_requests(vec![request("q-2", "APPROVED", 700.0, Some(eve), "2026-11-02T02:00:00Z")]);
    assert_eq!(who(&raised(), &[], &other).outcome, Outcome::NotFound);
    let before = with_requests(vec![request("q-2", "APPROVED", 640.0, Some(eve), "2026-10-01T02:00:00Z")]);
    let answer = who(&raised(), &[], &before);
    assert_eq!(answer.outcome, Outcome::OutsideWindow);
    assert!(answer.reason.contains(eve) && answer.principal.is_none(), "{}", answer.reason);
}

#[test]
fn a_request_that_was_refused_or_is_open_raised_nothing() {
    let first = raise("1", "2026-11-03T02:00:00Z", 640.0);
    let greedy = by(raise("2", "2026-11-03T03:00:00Z", 2000.0), "eve");
    let records = [first.clone(), greedy.clone()];
    assert_eq!(who(&raised(), &records, &snapshot()).outcome, Outcome::Ambiguous, "how it ended is not known");
    for status in ["DENIED", "PENDING"] {
        let history = with_requests(vec![
            request("q-2", status, 2000.0, None, "2026-11-03T03:00:00Z"),
            request("q-1", "CASE_CLOSED", 640.0, None, "2026-11-03T02:00:00Z"),
        ]);
        let answer = who(&raised(), &records, &history);
        assert_eq!((answer.outcome, ids(&answer)), (Outcome::Attributed, vec!["1"]), "{status}");
        assert_eq!(answer.attempts.len(), usize::from(status == "DENIED"), "{status}");
    }
    // The same from the log alone.
    let refused = granted("3", "2026-11-03T03:05:00Z", "DENIED", "2000.0");
    let answer = who(&raised(), &[first, greedy, refused], &snapshot());
    assert_eq!((ends(&answer), answer.attempts.len()), ((Outcome::Attributed, Confidence::High), 1));
}

#[test]
fn a_request_that_was_granted_in_part_explains_what_was_granted() {
    let records =
        [raise("1", "2026-11-03T02:00:00Z", 1000.0), granted("2", "2026-11-03T02:05:00Z", "APPROVED", "640.0")];
    let answer = who(&raised(), &records, &snapshot());
    assert_eq!(ends(&answer), (Outcome::Attributed, Confidence::High), "{}", answer.reason);
    assert_eq!(who(&raised(), &records[..1], &snapshot()).outcome, Outcome::Ambiguous);
}

#[test]
fn what_the_provider_did_by_itself_is_automatic() {
    let automatic = QuotaRequest { automatic: true, ..request("q-1", "APPROVED", 640.0, None, "2026-11-03T02:00:00Z") };
    assert_eq!(who(&raised(), &[], &with_requests(vec![automatic.clone()])).outcome, Outcome::Automatic);
    // A person asked for the same at the same time: the two sources disagree.
    let records = [raise("1", "2026-11-03T02:00:00Z", 640.0)];
    assert_eq!(who(&raised(), &records, &with_requests(vec![automatic])).outcome, Outcome::Ambiguous);

    let mut service = raise("1", "2026-11-03T02:00:00Z", 640.0);
    service["userIdentity"] = json!({"type": "AWSService", "invokedBy": QUOTAS});
    let answer = who(&raised(), &[service.clone()], &snapshot());
    assert_eq!((answer.outcome, answer.principal), (Outcome::Automatic, None));
    service["userIdentity"] = role("AWSServiceRoleForServiceQuotas", "x");
    service["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"] =
        json!(format!("arn:aws:iam::111111111111:role/aws-service-role/{QUOTAS}/AWSServiceRoleForServiceQuotas"));
    assert_eq!(who(&raised(), &[service], &snapshot()).outcome, Outcome::Automatic);

    // A service that writes about itself names nobody; a call that names nobody is nobody's, and not the provider's.
    let mut nameless = raise("1", "2026-11-03T02:00:00Z", 640.0);
    nameless["userIdentity"] = json!({"accountId": "111111111111"});
    let answer = who(&raised(), &[nameless.clone()], &snapshot());
    assert_eq!(ends(&answer), (Outcome::Ambiguous, Confidence::Low), "{}", answer.reason);
    assert_eq!(answer.events.len(), 1, "it stays evidence");
    let mut by_service = nameless.clone();
    by_service["userIdentity"]["invokedBy"] = json!(QUOTAS);
    assert_eq!(who(&raised(), &[by_service], &snapshot()).outcome, Outcome::Automatic);
    nameless["eventType"] = json!("AwsServiceEvent");
    assert_eq!(who(&raised(), &[nameless], &snapshot()).outcome, Outcome::Automatic);

    // Only the report of it: automatic if automatic management is on, else nobody knows who asked.
    let report = [granted("2", "2026-11-03T02:05:00Z", "CASE_CLOSED", "640.0")];
    assert_eq!(who(&raised(), &report, &snapshot()).outcome, Outcome::Ambiguous);
    let mut managed = with_requests(Vec::new());
    for facts in managed.accounts.values_mut() {
        let global = facts.regions.entry(GLOBAL.to_owned()).or_default();
        global.quota_auto_management = Some(Observation::Known("adjust".to_owned()));
    }
    assert_eq!(who(&raised(), &report, &managed).outcome, Outcome::Automatic);
}

#[test]
fn a_quota_of_a_resource_is_another_quota() {
    let mut record = raise("1", "2026-11-03T02:00:00Z", 640.0);
    record["requestParameters"]["contextId"] = json!("arn:aws:es:us-east-1:111111111111:domain/logs");
    assert_eq!(who(&raised(), std::slice::from_ref(&record), &snapshot()).outcome, Outcome::NotFound);
    let mut resource = raised();
    resource.event_subject.insert("resource".to_owned(), "arn:aws:es:us-east-1:111111111111:domain/logs".to_owned());
    assert_eq!(who(&resource, &[record], &snapshot()).outcome, Outcome::Attributed);
    assert_eq!(who(&resource, &[raise("1", "2026-11-03T02:00:00Z", 640.0)], &snapshot()).outcome, Outcome::NotFound);
}

#[test]
fn a_global_quota_is_explained_by_the_history_of_its_home() {
    let mut drift = raised();
    drift.scope = drift.scope.in_region(GLOBAL);
    let eve = "arn:aws:iam::111111111111:user/eve";
    let history = with_requests(vec![request("q-1", "APPROVED", 640.0, Some(eve), "2026-11-03T02:00:00Z")]);
    let answer = who(&drift, &[], &history);
    assert_eq!(answer.principal.unwrap().user.as_deref(), Some("eve"));
}

#[test]
fn setting_it_again_does_not_hide_who_set_it_first() {
    let records = [by(raise("1", "2026-11-03T02:00:00Z", 640.0), "eve"), raise("2", "2026-11-03T03:00:00Z", 640.0)];
    let answer = who(&raised(), &records, &snapshot());
    assert_eq!(ends(&answer), (Outcome::Attributed, Confidence::Medium));
    assert!(answer.reason.contains("Ops/eve` had set the same"), "{}", answer.reason);
    assert_eq!(ids(&answer), ["2", "1"]);
}

#[test]
fn what_no_record_can_show_is_not_sought() {
    let mut baseline = drift(Rule::ExemptionExpired, Kind::Baseline, Aspect::Entry, &[], &[]);
    baseline.logged_in.clear();
    assert!(lookups(std::slice::from_ref(&baseline), time(NOW), SignedDuration::from_hours(1)).is_empty());
    let answer = who(&baseline, &[], &snapshot());
    assert_eq!(answer.outcome, Outcome::NotFound);
}

#[test]
fn only_what_can_explain_a_drift_is_asked_and_only_once() {
    let setting =
        |name| drift(Rule::SettingChanged, Kind::Setting, Aspect::Value, &[("setting", name)], &[("value", "false")]);
    let mut other = detached();
    other.event_subject.insert("target".to_owned(), "ou-2".to_owned());
    let drifts = [detached(), other, setting("ebs_encryption_by_default")];
    let asked = lookups(&drifts, time(NOW), SignedDuration::from_hours(400 * 24));
    let names: Vec<&str> = asked.iter().map(|request| request.event_name.as_str()).collect();
    assert_eq!(
        names,
        [
            "AttachPolicy",
            "DetachPolicy",
            "DisableEbsEncryptionByDefault",
            "DisablePolicyType",
            "EnableEbsEncryptionByDefault"
        ]
    );
    assert!(asked.iter().all(|request| request.start == time("2026-08-05T12:00:00Z")), "90 days, no more");
    assert!(asked.iter().all(|request| request.end == time(NOW)));
    assert_eq!(lookups(&[], time(NOW), SignedDuration::from_hours(1)), []);
    // An account that joined is not sought among organisational units.
    let names: Vec<String> = lookups(&[joined("222222222222")], time(NOW), SignedDuration::from_hours(1))
        .into_iter()
        .map(|LookupRequest { event_name, .. }| event_name)
        .collect();
    assert!(names.contains(&"CreateAccount".to_owned()) && !names.contains(&"CreateOrganizationalUnit".to_owned()));
}

/// Records about one quota and one attachment, some of them alike, some at the same second.
fn stories() -> impl Strategy<Value = Vec<Value>> {
    let one = (0..6_u8, 0..4_u8, 0..3_u8, prop::bool::ANY).prop_map(|(sort, second, author, denied)| {
        let when = format!("2026-11-03T02:00:0{second}Z");
        let id = format!("{sort}{second}{author}{denied}");
        let mut record = match sort {
            0 => raise(&id, &when, 640.0),
            1 => raise(&id, &when, 320.0),
            2 => granted(&id, &when, "CASE_CLOSED", "640.0"),
            3 => granted(&id, &when, "DENIED", "640.0"),
            4 => detach(&id, &when, target()),
            _ => detach(&id, &when, Value::Null),
        };
        if sort != 2 && sort != 3 {
            record["userIdentity"] = role("Ops", &format!("person-{author}"));
        }
        if denied {
            record["errorCode"] = json!("AccessDenied");
        }
        record
    });
    prop::collection::vec(one, 0..8)
}

proptest! {
    #[test]
    fn neither_order_nor_copies_change_who_is_named(
        (story, shuffled) in stories().prop_flat_map(|story| {
            let twice = [story.clone(), story.clone()].concat();
            (Just(story), Just(twice).prop_shuffle())
        }),
        copied in 0..3_u8,
    ) {
        let drifts = [raised(), detached()];
        let history = with_requests(vec![request("q-1", "APPROVED", 640.0, None, "2026-11-03T02:00:02Z")]);
        let mut shuffled = answers(&drifts, &shuffled);
        shuffled.reverse();
        let mut plain = answers(&drifts, &story);
        if copied > 0 {
            // A corrected copy of a record stands, wherever it comes; of two that differ without a word, always the same.
            let copy = |answers: &mut [LookupAnswer], front: bool| {
                for answer in answers {
                    if let Some(mut corrected) = answer.records.iter().max_by_key(|record| record.to_string()).cloned() {
                        if copied == 1 {
                            corrected["addendum"] = json!({"reason": "UPDATED_DATA"});
                        }
                        corrected["sourceIPAddress"] = json!("192.0.2.99");
                        let at = if front { 0 } else { answer.records.len() };
                        answer.records.insert(at, corrected);
                    }
                }
            };
            copy(&mut plain, true);
            copy(&mut shuffled, false);
        }
        let (plain, shuffled) = (Log::read(&plain), Log::read(&shuffled));
        prop_assert_eq!(plain.records, shuffled.records);
        let one = attribute(&drifts, &plain, &history);
        prop_assert_eq!(&one, &attribute(&drifts, &shuffled, &history));
        for answer in one {
            prop_assert_eq!(answer.principal.is_some(), answer.outcome == Outcome::Attributed);
            prop_assert!(answer.events.iter().all(|event| event.error.is_none()));
        }
    }

    #[test]
    fn odd_records_name_nobody_and_break_nothing(text in ".{0,20}", number in any::<f64>(), deep in 0..3_u8) {
        let odd = match deep {
            0 => json!(text),
            1 => json!({"policyId": number, "targetId": [text]}),
            _ => json!({text: {"policyId": "p-1"}}),
        };
        let answer = who(&detached(), &[detach("e-1", "2026-11-03T02:00:00Z", odd)], &snapshot());
        prop_assert!(answer.principal.is_none());
    }
}
