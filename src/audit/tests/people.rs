//! Who is named for what, and when nobody is.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::case::{
    ORGANIZATIONS, QUOTAS, answers, by, detach, detached, drift, ends, ids, joined, raise, raised, snapshot, target,
    time, who,
};
use super::record;
use crate::audit::{Confidence, Log, Outcome, PrincipalKind, attribute};
use crate::compare::{Aspect, LoggedIn, Rule};
use crate::estate::{CoverageStatus, Gap, Kind};

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
fn records_that_say_different_things_under_one_id_name_nobody() {
    let honest = detach("e-1", "2026-11-03T02:00:00Z", target());
    let later = detach("e-1", "2026-11-03T03:00:00Z", target());
    let mut failed = honest.clone();
    failed["errorCode"] = json!("AccessDenied");
    let elsewhere = detach("e-1", "2026-11-03T02:00:00Z", json!({"policyId": "p-1", "targetId": "ou-2"}));
    for other in [by(honest.clone(), "eve"), by(later, "eve"), failed, elsewhere] {
        for records in [[honest.clone(), other.clone()], [other.clone(), honest.clone()]] {
            let answer = who(&detached(), &records, &snapshot());
            assert_eq!(answer.outcome, Outcome::Ambiguous, "{other}: {}", answer.reason);
            assert!(answer.principal.is_none() && answer.reason.contains("`e-1`"), "{}", answer.reason);
        }
    }
    let two = who(&detached(), &[honest.clone(), by(honest.clone(), "eve")], &snapshot());
    assert_eq!(two.events.len(), 2, "both are shown");
    // A copy is no other record, and a corrected one stands.
    let mut copy = honest.clone();
    copy["userAgent"] = json!("aws-cli/3");
    assert_eq!(who(&detached(), &[honest.clone(), copy], &snapshot()).outcome, Outcome::Attributed);
    let mut amended = by(honest.clone(), "eve");
    amended["addendum"] = json!({"reason": "UPDATED_DATA"});
    for records in [[honest.clone(), amended.clone()], [amended.clone(), honest.clone()]] {
        let answer = who(&detached(), &records, &snapshot());
        assert!(answer.principal.is_some_and(|who| who.arn.ends_with("/eve")), "{}", answer.reason);
    }
}

#[test]
fn a_record_from_outside_the_window_is_not_taken_for_one_within() {
    for (when, why) in [("2026-10-20T00:00:00Z", "before the window"), ("2026-11-05T00:00:00Z", "long after the log")] {
        let answer = who(&detached(), &[detach("e-1", when, target())], &snapshot());
        assert_eq!(answer.outcome, Outcome::Ambiguous, "{when}: {}", answer.reason);
        assert!(answer.principal.is_none() && answer.reason.contains(why), "{}", answer.reason);
        assert_eq!(ids(&answer), ["e-1"], "it is shown");
    }
    let edge = who(&detached(), &[detach("e-1", "2026-10-27T12:00:00Z", target())], &snapshot());
    assert_eq!(edge.outcome, Outcome::Attributed, "{}", edge.reason);
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
fn a_change_that_the_log_had_no_time_to_fill_after_says_so() {
    // The window ends at noon.
    let made = |when: &str| who(&detached(), &[detach("e-1", when, target())], &snapshot());
    let answer = made("2026-11-03T11:45:00Z");
    assert_eq!(ends(&answer), (Outcome::Attributed, Confidence::High), "{}", answer.reason);
    let answer = made("2026-11-03T11:45:01Z");
    assert_eq!(ends(&answer), (Outcome::Attributed, Confidence::Medium));
    assert!(answer.principal.is_some(), "it is named, and said to be less sure");
    assert_eq!(
        answer.reason,
        "`DetachPolicy` is the last change of this subject in the log, and its effect is the present state; the log was \
         read up to 2026-11-03T12:00:00Z, and a record of a later change may not have arrived in it yet"
    );
    // What the provider did itself is no surer.
    let mut own = detach("e-1", "2026-11-03T11:59:00Z", target());
    own["userIdentity"] = json!({"type": "AWSService", "invokedBy": ORGANIZATIONS});
    let answer = who(&detached(), &[own], &snapshot());
    assert_eq!(ends(&answer), (Outcome::Automatic, Confidence::Medium));
    assert!(answer.reason.contains("may not have arrived"), "{}", answer.reason);
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
