//! What is asked, and that neither order, copies nor odd records change the answer.

use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::case::{
    NOW, answers, detach, detached, drift, granted, joined, raise, raised, request, snapshot, target, time, who,
    with_requests,
};
use super::role;
use crate::audit::{Log, Outcome, attribute, lookups};
use crate::compare::{Aspect, Rule};
use crate::estate::Kind;
use crate::provider::{LookupAnswer, LookupRequest};

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
