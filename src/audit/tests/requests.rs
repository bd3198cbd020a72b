//! What the quotas' own history says beside the log.

use serde_json::json;

use super::case::{QUOTAS, answers, by, ends, granted, ids, raise, raised, request, snapshot, who, with_requests};
use super::role;
use crate::audit::{Confidence, Log, Outcome, attribute};
use crate::estate::{CoverageStatus, GLOBAL, Gap, Observation, QuotaRequest};

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
    assert_eq!(ends(&answer), (Outcome::Attributed, Confidence::Low), "no surer than if the log had been read");
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
fn a_call_that_may_still_arrive_is_not_taken_for_one_that_was_not_made() {
    // The quota's history is faster than the log: that the log holds no record is no contradiction yet.
    let asked = |created: &str| {
        with_requests(vec![request("q-1", "APPROVED", 640.0, Some("arn:aws:iam::111111111111:user/eve"), created)])
    };
    let answer = who(&raised(), &[], &asked("2026-11-03T11:50:00Z"));
    assert_eq!(ends(&answer), (Outcome::Attributed, Confidence::Medium));
    assert!(answer.reason.ends_with("its record may not have arrived in the log yet"), "{}", answer.reason);
    let answer = who(&raised(), &[], &asked("2026-11-03T11:40:00Z"));
    assert_eq!(ends(&answer), (Outcome::Attributed, Confidence::Low));
    // A report without its call is the provider's own doing only once the call would have arrived.
    let mut managed = with_requests(Vec::new());
    for account in managed.accounts.values_mut() {
        let here = account.regions.values_mut();
        here.for_each(|facts| facts.quota_auto_management = Some(Observation::Known("adjust".to_owned())));
    }
    let report = |when: &str| [granted("1", when, "CASE_CLOSED", "640.0")];
    assert_eq!(who(&raised(), &report("2026-11-03T11:40:00Z"), &managed).outcome, Outcome::Automatic);
    let answer = who(&raised(), &report("2026-11-03T11:50:00Z"), &managed);
    assert_eq!(answer.outcome, Outcome::Ambiguous);
    assert!(answer.reason.contains("may not have arrived"), "{}", answer.reason);
}
