//! Quotas by hand: absence, quotas of all regions, rows with errors, requests.

use std::collections::BTreeMap;

use serde_json::json;

use super::estate::{OWNER, applied, defined, facts, known, live, request, snapshot, value};
use super::{aws, drifts, only};
use crate::compare::{Direction, Rule, compare};
use crate::estate::{
    CoverageStatus, GLOBAL, Observation, QuotaDefinition, QuotaLevel, QuotaTemplate, Snapshot, TemplateRow,
};

const REGION: &str = "eu-west-1";

/// One account and region, with these codes and applied values of `ec2`.
fn estate(codes: &[(&str, f64)], rows: &[(&str, f64)]) -> Snapshot {
    let mut estate = snapshot();
    let mut inside = facts(&[(REGION, "ENABLED_BY_DEFAULT")]);
    let rows = rows.iter().map(|(code, value)| applied(code, *value)).collect();
    inside.regions.get_mut(REGION).unwrap().quotas.insert("ec2".to_owned(), known(rows));
    estate.accounts.insert(OWNER.to_owned(), inside);
    estate.quota_definitions.insert(REGION.to_owned(), BTreeMap::from([("ec2".to_owned(), defined(codes))]));
    estate.quota_definitions.insert(GLOBAL.to_owned(), BTreeMap::from([("ec2".to_owned(), defined(&[]))]));
    estate
}

fn rules(rules: &str) -> crate::baseline::Baseline {
    aws(&format!("  quotas:\n{rules}\n"))
}

#[test]
fn the_last_rule_for_a_code_decides() {
    let baseline = rules(
        "    - {service: ec2, code: \"*\", max: default}\n    - {service: ec2, code: L-1, max: 256, where: {account: \"111111111111\"}}",
    );
    let codes = [("L-1", 5.0), ("L-2", 5.0)];
    assert!(drifts(&baseline, &estate(&codes, &[("L-1", 256.0)])).is_empty());
    assert_eq!(
        drifts(&baseline, &estate(&codes, &[("L-1", 257.0), ("L-2", 6.0)])),
        ["quota.raised ec2/L-1", "quota.raised ec2/L-2"]
    );
}

#[test]
fn a_quota_that_does_not_exist_breaks_what_demands_it() {
    let empty = estate(&[("L-1", 5.0)], &[]);
    assert!(drifts(&rules("    - {service: ec2, code: L-9, max: 5}"), &empty).is_empty());
    let drift = only_about_the_estate(&rules("    - {service: ec2, code: L-9, min: 5}"), &empty);
    assert_eq!((drift.rule, drift.actual), (Rule::QuotaLowered, json!(null)));
    let mut nowhere = estate(&[], &[]);
    nowhere.accounts.get_mut(OWNER).unwrap().regions.get_mut(REGION).unwrap().quotas =
        BTreeMap::from([("ec2".to_owned(), Observation::Absent)]);
    assert_eq!(drifts(&rules("    - {service: ec2, code: L-9, equals: 5}"), &nowhere), ["quota.lowered ec2/L-9"]);
}

fn only_about_the_estate(baseline: &crate::baseline::Baseline, estate: &Snapshot) -> crate::compare::Drift {
    let mut drifts = compare(baseline, estate).drifts;
    drifts.retain(|drift| drift.rule != Rule::BaselineUnmatched);
    assert_eq!(drifts.len(), 1, "{drifts:#?}");
    drifts.remove(0)
}

#[test]
fn a_quota_of_all_regions_is_missing_in_none_of_them() {
    let mut estate = estate(&[("L-1", 5.0)], &[]);
    let definition = QuotaDefinition { name: "Roles".to_owned(), default: known(10.0), global: true, adjustable: true };
    let codes = known(BTreeMap::from([("L-G".to_owned(), definition)]));
    estate.quota_definitions.insert(GLOBAL.to_owned(), BTreeMap::from([("ec2".to_owned(), codes)]));
    let global = estate.accounts.get_mut(OWNER).unwrap().regions.get_mut(GLOBAL).unwrap();
    global.quotas.insert("ec2".to_owned(), known(vec![]));
    assert!(drifts(&rules("    - {service: ec2, code: L-G, min: 10}"), &estate).is_empty());
    let drift = only(&rules("    - {service: ec2, code: L-G, min: 11}"), &estate);
    assert_eq!(drift.scope.region.as_deref(), Some(GLOBAL));
    assert_eq!(drift.logged_in[0].region, None);
    // Where it cannot be told whether it is one of all regions, it is missing nowhere.
    estate
        .quota_definitions
        .get_mut(GLOBAL)
        .unwrap()
        .insert("ec2".to_owned(), Observation::unknown(CoverageStatus::Denied, "no"));
    let baseline = rules("    - {service: ec2, code: L-G, min: 11}");
    let undecided = |estate: &Snapshot| {
        let comparison = compare(&baseline, estate);
        assert!(comparison.drifts.iter().all(|drift| drift.rule == Rule::BaselineUnmatched), "{comparison:#?}");
        comparison.undecided.iter().filter(|row| row.scope.region.as_deref() == Some(REGION)).count()
    };
    assert_eq!(undecided(&estate), 1);
    // A run that leaves the home region out knows nothing of quotas of all regions.
    estate.quota_definitions.remove(GLOBAL);
    estate.accounts.get_mut(OWNER).unwrap().regions.remove(GLOBAL);
    assert_eq!(undecided(&estate), 1);
    // What is defined in any region is none of them.
    let other = BTreeMap::from([("ec2".to_owned(), defined(&[("L-G", 20.0)]))]);
    estate.quota_definitions.insert("us-west-2".to_owned(), other);
    assert_eq!(drifts(&baseline, &estate), ["quota.lowered ec2/L-G"]);
}

#[test]
fn a_request_for_a_quota_of_all_regions_is_held_against_its_value() {
    let mut estate = estate(&[], &[]);
    estate.quota_definitions.insert(GLOBAL.to_owned(), BTreeMap::from([("ec2".to_owned(), defined(&[("L-G", 10.0)]))]));
    let inside = estate.accounts.get_mut(OWNER).unwrap();
    inside.regions.get_mut(GLOBAL).unwrap().quotas.insert("ec2".to_owned(), known(vec![]));
    inside.regions.get_mut(REGION).unwrap().quota_requests = Some(known(vec![request("r", "L-G", "PENDING", 20.0)]));
    assert_eq!(only(&aws("  quota_requests: none\n"), &estate).direction, Direction::Weaker);
}

#[test]
fn a_default_that_was_not_read_says_why() {
    let mut estate = estate(&[], &[("L-1", 5.0)]);
    let denied = Observation::unknown(CoverageStatus::Denied, "not allowed");
    estate.quota_definitions.insert(REGION.to_owned(), BTreeMap::from([("ec2".to_owned(), denied)]));
    let comparison = compare(&rules("    - {service: ec2, code: \"*\", max: default}"), &estate);
    assert!(comparison.drifts.is_empty());
    let [row] = comparison.undecided.as_slice() else { panic!("{comparison:#?}") };
    assert_eq!((row.status, row.reason.as_deref()), (CoverageStatus::Denied, Some("not compared: L-1: not allowed")));
}

#[test]
fn rows_with_errors_and_defaults_that_are_not_given_are_named_and_not_in_line() {
    let mut estate = estate(&[("L-1", 5.0)], &[("L-1", 4.0), ("L-2", 4.0)]);
    let baseline = rules("    - {service: ec2, code: \"*\", max: default}");
    let comparison = compare(&baseline, &estate);
    assert!(comparison.drifts.is_empty());
    assert_eq!(comparison.undecided.len(), 1);
    assert_eq!(
        comparison.undecided[0].reason.as_deref(),
        Some("not compared: L-2: the provider gives no default to compare with")
    );
    let rows = estate.accounts.get_mut(OWNER).unwrap().regions.get_mut(REGION).unwrap().quotas.get_mut("ec2").unwrap();
    value(rows)[0].value = Observation::unknown(CoverageStatus::Denied, "DEPENDENCY_ACCESS_DENIED_ERROR");
    let comparison = compare(&baseline, &estate);
    assert!(comparison.drifts.is_empty());
    assert!(comparison.undecided.iter().any(|row| row.status == CoverageStatus::Denied));
}

#[test]
fn a_resource_has_its_own_value_else_that_of_the_account() {
    let arn = "arn:aws:ec2:eu-west-1:111111111111:thing/one";
    let baseline = rules(&format!("    - {{service: ec2, code: L-1, level: resource, resource: \"{arn}\", min: 6}}"));
    let mut estate = estate(&[("L-1", 5.0)], &[]);
    let drift = only(&baseline, &estate);
    assert_eq!(drift.subject.id, format!("ec2/L-1@{arn}"));
    assert_eq!(drift.event_subject["resource"], arn);
    let mut row = applied("L-1", 6.0);
    (row.level, row.resource) = (QuotaLevel::Resource, Some(arn.to_owned()));
    let rows = estate.accounts.get_mut(OWNER).unwrap().regions.get_mut(REGION).unwrap().quotas.get_mut("ec2").unwrap();
    value(rows).push(row);
    assert!(drifts(&baseline, &estate).is_empty());
}

#[test]
fn only_open_requests_are_findings() {
    let baseline = aws("  quota_requests: none\n");
    let mut estate = estate(&[("L-1", 5.0)], &[]);
    let statuses = [
        "PENDING",
        "CASE_OPENED",
        "UNDER_REVIEW",
        "APPROVED",
        "DENIED",
        "CASE_CLOSED",
        "NOT_APPROVED",
        "INVALID_REQUEST",
    ];
    let requests: Vec<_> = statuses.iter().map(|status| request(status, "L-1", status, 640.0)).collect();
    estate.accounts.get_mut(OWNER).unwrap().regions.get_mut(REGION).unwrap().quota_requests = Some(known(requests));
    let comparison = compare(&baseline, &estate);
    let ids: Vec<&str> = comparison.drifts.iter().map(|drift| drift.subject.id.as_str()).collect();
    assert_eq!(ids, ["CASE_OPENED", "PENDING"]);
    let [row] = comparison.undecided.as_slice() else { panic!("a new word is no answer: {comparison:#?}") };
    assert!(row.status.is_incomplete() && row.reason.as_deref().unwrap().contains("UNDER_REVIEW"), "{row:?}");
    assert_eq!(comparison.drifts[1].direction, Direction::Weaker);
    assert_eq!(comparison.drifts[1].actual, json!({"value": 640, "status": "PENDING"}));
    assert_eq!(comparison.drifts[1].event_subject["request"], "PENDING");
}

#[test]
fn requests_of_the_provider_are_expected_where_it_adjusts() {
    let mut estate = estate(&[("L-1", 5.0)], &[]);
    let mut automatic = request("auto", "L-1", "PENDING", 10.0);
    automatic.automatic = true;
    let inside = estate.accounts.get_mut(OWNER).unwrap();
    inside.regions.get_mut(REGION).unwrap().quota_requests = Some(known(vec![automatic]));
    inside.regions.get_mut(GLOBAL).unwrap().quota_auto_management = Some(known("adjust".to_owned()));
    assert!(drifts(&aws("  quota_requests: none\n  quota_auto_management: adjust\n"), &estate).is_empty());
    assert_eq!(
        drifts(&aws("  quota_requests: none\n  quota_auto_management: notify\n"), &estate),
        ["quota.request.pending auto", "quota.auto-management auto-management"]
    );
}

#[test]
fn the_template_is_compared_row_by_row_and_in_use_only_where_rows_are_declared() {
    let row = |region: &str, value: f64| TemplateRow {
        service: "ec2".to_owned(),
        code: "L-1".to_owned(),
        region: region.to_owned(),
        value,
    };
    let with = |association: &str, rows: Vec<TemplateRow>| {
        let mut estate = snapshot();
        live(&mut estate).quota_template = known(QuotaTemplate { association: association.to_owned(), rows });
        estate
    };
    let said = |baseline: &str, estate: &Snapshot| -> Vec<(String, Direction, String, String)> {
        let drifts = compare(&aws(baseline), estate).drifts.into_iter();
        let line = |drift: crate::compare::Drift| {
            (drift.subject.id, drift.direction, drift.expected.to_string(), drift.actual.to_string())
        };
        drifts.map(line).collect()
    };
    let drift = |id: &str, direction, expected: &str, actual: &str| {
        (id.to_owned(), direction, expected.to_owned(), actual.to_owned())
    };
    let none = "  quota_template: []\n";
    let one = "  quota_template: [{service: ec2, code: L-1, region: eu-west-1, value: 10}]\n";
    assert!(said(none, &with("DISASSOCIATED", vec![])).is_empty());
    assert!(said(one, &with("ASSOCIATED", vec![row("eu-west-1", 10.0)])).is_empty());
    assert_eq!(
        said(none, &with("ASSOCIATED", vec![row("us-east-1", 9.0)])),
        [
            drift("association", Direction::Weaker, r#""DISASSOCIATED""#, r#""ASSOCIATED""#),
            drift("ec2/L-1/us-east-1", Direction::Weaker, "null", "9"),
        ]
    );
    assert_eq!(
        said(one, &with("DISASSOCIATED", vec![row("eu-west-1", 11.0)])),
        [
            drift("association", Direction::Stricter, r#""ASSOCIATED""#, r#""DISASSOCIATED""#),
            drift("ec2/L-1/eu-west-1", Direction::Weaker, "10", "11"),
        ]
    );
    assert_eq!(said(one, &with("ASSOCIATED", vec![])), [drift("ec2/L-1/eu-west-1", Direction::Stricter, "10", "null")]);
    let mut unread = snapshot();
    live(&mut unread).quota_template = Observation::unknown(CoverageStatus::Denied, "no");
    assert!(said(one, &unread).is_empty());
}

#[test]
fn automatic_management_reaches_further_or_less_far_or_is_undecided() {
    let baseline = aws("  quota_auto_management: notify\n");
    for (state, direction) in [
        (known("adjust".to_owned()), Some(Direction::Weaker)),
        (known("notify".to_owned()), None),
        (known("disabled".to_owned()), Some(Direction::Stricter)),
        (known("NotifyAndGuess".to_owned()), None),
        // One that was never set up is off.
        (Observation::Absent, Some(Direction::Stricter)),
        (Observation::unknown(CoverageStatus::Denied, "no"), None),
    ] {
        let mut estate = estate(&[], &[]);
        let inside = estate.accounts.get_mut(OWNER).unwrap();
        inside.regions.get_mut(GLOBAL).unwrap().quota_auto_management = Some(state.clone());
        let found = compare(&baseline, &estate);
        assert_eq!(found.drifts.first().map(|drift| drift.direction), direction, "{state:?}");
        assert_eq!(found.undecided.is_empty(), state != known("NotifyAndGuess".to_owned()), "{state:?}");
    }
}
