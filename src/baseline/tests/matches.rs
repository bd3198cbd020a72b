//! What exemptions and approved changes cover.

use std::collections::BTreeMap;

use serde_json::json;

use super::super::{
    matching::{Facts, Proven, State},
    model::{Bound, Kind, Match, Moment, OuPath, Who},
    placement::{AccountView, Listed},
};

fn legacy() -> AccountView {
    AccountView {
        id: "444444444444".to_owned(),
        name: "legacy".to_owned(),
        ou: Some(OuPath::parse("/Workloads/Old").unwrap()),
        tags: BTreeMap::new(),
        listed: Listed::ById(0),
    }
}

fn a_match(json: serde_json::Value) -> Match {
    serde_json::from_value(json).unwrap()
}

#[test]
fn every_key_given_must_match_and_a_missing_one_means_any() {
    let account = legacy();
    let facts = Facts {
        kind: Some(Kind::Quota),
        rule: "quota.raised",
        account: Some(&account),
        region: Some("us-east-1"),
        service: Some("ec2"),
        code: Some("L-1216C47A"),
        ..Facts::default()
    };
    for fitting in [
        json!({}),
        json!({"kind": "quota", "account": "legacy", "code": "L-*"}),
        json!({"account": ["nobody", "444444444444"], "ou": "/Workloads", "rule": "quota.*"}),
    ] {
        assert!(a_match(fitting.clone()).matches(&facts), "{fitting}");
    }
    for other in [
        json!({"kind": "region"}),
        json!({"account": "lega"}),
        json!({"ou": "/Workloads/New"}),
        json!({"tag": {"tier": "*"}}),
        json!({"name": "*"}),
        json!({"kind": "quota", "region": "eu-*"}),
    ] {
        assert!(!a_match(other.clone()).matches(&facts), "{other}");
    }
}

#[test]
fn a_bound_covers_no_more_than_it_says() {
    let bound = |json| serde_json::from_value::<Bound>(json).unwrap();
    let number = |number| State { number: Some(number), ..State::default() };
    assert_eq!(bound(json!({})).excess(State::default()), None);
    assert_eq!(bound(json!({"max": 640})).excess(number(640.0)), None);
    assert_eq!(bound(json!({"max": 640})).excess(number(641.0)).unwrap(), "641 is above max 640");
    assert_eq!(bound(json!({"min": 5})).excess(number(4.5)).unwrap(), "4.5 is below min 5");
    assert_eq!(bound(json!({"value": 5})).excess(number(5.0)), None);
    assert_eq!(
        bound(json!({"value": true})).excess(State { value: Some(&json!(false)), ..State::default() }).unwrap(),
        "false is not true"
    );
    let status = State { status: Some("ENABLING"), ..State::default() };
    assert_eq!(bound(json!({"status": "ENABLED"})).excess(status).unwrap(), "status ENABLING is not ENABLED");
    // What is not known is never covered.
    assert!(bound(json!({"max": 640})).excess(State::default()).is_some());
    assert!(bound(json!({"digest": "sha256:00"})).excess(State::default()).is_some());
}

#[test]
fn a_role_whose_account_is_a_pattern_reaches_no_further_than_the_estate() {
    let who = Who::Role("arn:aws:iam::*:role/deploy*".to_owned());
    let fits = |role| who.fits(Proven { role: Some(role), ..Proven::default() }, |id| id == "111111111111");
    assert!(fits("arn:aws:iam::111111111111:role/deploy/prod"));
    assert!(!fits("arn:aws:iam::999999999999:role/deploy"));
    assert!(!fits("arn:aws:iam::111111111111:role/other"));
    // A role's path may hold a `:`.
    assert!(!fits("arn:aws:iam::111111111111:role/x:role/deploy"));
    let named = Who::Role("arn:aws:iam::999999999999:role/deploy".to_owned());
    let outside = Proven { role: Some("arn:aws:iam::999999999999:role/deploy"), ..Proven::default() };
    assert!(named.fits(outside, |_| false), "an account named in full may be outside");
    assert!(!Who::Person("*".to_owned()).fits(outside, |_| true), "nobody is proven");
}

#[test]
fn a_bare_date_is_that_whole_day_in_utc() {
    let day = Moment::try_from("2027-03-01".to_owned()).unwrap();
    assert_eq!(day.start().to_string(), "2027-03-01T00:00:00Z");
    assert_eq!(day.end().to_string(), "2027-03-02T00:00:00Z");
    let instant = Moment::try_from("2026-11-20T01:00:00+01:00".to_owned()).unwrap();
    assert_eq!(instant.start().to_string(), "2026-11-20T00:00:00Z");
    assert_eq!(instant.start(), instant.end());
    for wrong in ["2026-11-20T00:00:00", "2026-13-01", "tomorrow", "20261120", ""] {
        assert!(Moment::try_from(wrong.to_owned()).is_err(), "{wrong}");
    }
}
