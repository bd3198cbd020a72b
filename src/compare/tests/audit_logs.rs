//! Audit logs by hand: which trail is meant, and when one is missing.

use serde_json::json;

use super::estate::{OWNER, facts, known, snapshot, store, trail};
use super::{aws, drifts, only};
use crate::compare::{Rule, compare};
use crate::estate::{CoverageStatus, EventDataStore, Observation, Snapshot, Trail};

const REGIONS: [&str; 2] = ["eu-west-1", "us-east-1"];

/// The management account with these trails, each in its home region; every region was read.
fn estate(trails: &[Trail]) -> Snapshot {
    let mut estate = snapshot();
    let mut inside = facts(&REGIONS.map(|region| (region, "ENABLED_BY_DEFAULT")));
    for region in REGIONS {
        let here = trails.iter().filter(|trail| trail.home_region == region).cloned().collect();
        inside.regions.get_mut(region).unwrap().trails = Some(known(here));
    }
    estate.accounts.insert(OWNER.to_owned(), inside);
    estate
}

fn organization_trail(name: &str) -> Trail {
    Trail { organization: true, ..trail(OWNER, name, "eu-west-1") }
}

fn unread(estate: &mut Snapshot, region: &str) {
    let regions = &mut estate.accounts.get_mut(OWNER).unwrap().regions;
    regions.get_mut(region).unwrap().trails = Some(Observation::unknown(CoverageStatus::Denied, "no"));
}

#[test]
fn a_trail_is_missing_only_where_every_region_was_read() {
    let baseline = aws("  audit_logs: {organization_trail: {multi_region: true}}\n");
    let mut estate = estate(&[trail(OWNER, "own", "us-east-1")]);
    let drift = only(&baseline, &estate);
    assert_eq!((drift.rule, drift.subject.id.as_str()), (Rule::AuditTrailMissing, "organization-trail"));
    assert_eq!(drift.logged_in.len(), 2, "it may have lived in either region");
    unread(&mut estate, "eu-west-1");
    assert!(drifts(&baseline, &estate).is_empty());
    estate.accounts.get_mut(OWNER).unwrap().regions.remove("eu-west-1");
    assert!(drifts(&baseline, &estate).is_empty(), "a narrowed run proves nothing");
}

#[test]
fn what_is_seen_of_a_trail_stands_whatever_else_was_not_read() {
    let baseline = aws("  audit_logs: {organization_trail: {}}\n");
    let mut estate = estate(&[Trail { logging: known(false), ..organization_trail("main") }]);
    unread(&mut estate, "us-east-1");
    assert_eq!(only(&baseline, &estate).rule, Rule::AuditTrailStopped);
}

#[test]
fn one_trail_that_fits_is_enough_and_else_the_closest_is_reported() {
    let baseline = aws("  audit_logs: {organization_trail: {management_events: all}}\n");
    let data = Trail { management_events: known("none".to_owned()), ..organization_trail("data") };
    assert!(drifts(&baseline, &estate(&[data.clone(), organization_trail("main")])).is_empty());
    let stopped = Trail { logging: known(false), ..data };
    let writes = Trail { management_events: known("write".to_owned()), ..organization_trail("main") };
    let drift = only(&baseline, &estate(&[stopped, writes]));
    assert_eq!((drift.rule, drift.subject.name.as_str()), (Rule::AuditTrailWeakened, "main"));
    assert_eq!(
        (drift.expected, drift.actual),
        (json!({"management_events": "all"}), json!({"management_events": "write"}))
    );
    assert_eq!(drift.event_effect["management_events"], "write");
    assert_eq!(drift.logged_in[0].region.as_deref(), Some("eu-west-1"));
}

#[test]
fn a_trail_whose_state_is_not_known_is_not_held_against_anybody() {
    let baseline = aws("  audit_logs: {organization_trail: {management_events: all}}\n");
    let hidden = Trail {
        logging: Observation::unknown(CoverageStatus::Denied, "no"),
        management_events: Observation::unknown(CoverageStatus::Denied, "no"),
        ..organization_trail("main")
    };
    assert!(drifts(&baseline, &estate(std::slice::from_ref(&hidden))).is_empty());
    let stopped = Trail { logging: known(false), ..hidden };
    assert_eq!(only(&baseline, &estate(&[stopped])).rule, Rule::AuditTrailStopped);
}

#[test]
fn a_trail_that_is_called_by_its_name_is_meant_even_if_it_left_the_organisation_out() {
    let baseline = aws("  audit_logs: {organization_trail: {name: main}}\n");
    let drift = only(&baseline, &estate(&[trail(OWNER, "main", "eu-west-1")]));
    assert_eq!((drift.rule, drift.event_effect["organization"].as_str()), (Rule::AuditTrailWeakened, "false"));
}

#[test]
fn recording_more_than_demanded_is_in_line_and_leaving_sources_out_is_not() {
    let baseline = aws("  audit_logs: {organization_trail: {multi_region: false, management_events: write}}\n");
    assert!(drifts(&baseline, &estate(&[organization_trail("main")])).is_empty());
    let leaky = Trail { excluded_sources: known(vec!["kms.amazonaws.com".to_owned()]), ..organization_trail("main") };
    assert_eq!(only(&baseline, &estate(&[leaky])).actual, json!({"excluded_sources": ["kms.amazonaws.com"]}));
}

#[test]
fn an_accounts_own_trail_is_not_a_copy_of_the_organisations() {
    let baseline = aws("  audit_logs: {trails: [{where: {account: \"111111111111\"}, multi_region: true}]}\n");
    let other = trail("222222222222", "main", "eu-west-1");
    assert_eq!(drifts(&baseline, &estate(&[other])), [r#"audit.trail.missing trail/{"multi_region":true}"#]);
    assert!(drifts(&baseline, &estate(&[trail(OWNER, "own", "us-east-1")])).is_empty());
}

#[test]
fn a_rule_for_a_region_asks_for_a_trail_there() {
    let baseline = aws("  audit_logs: {trails: [{where: {region: eu-west-1}, name: own}]}\n");
    assert_eq!(drifts(&baseline, &estate(&[trail(OWNER, "own", "us-east-1")])), ["audit.trail.missing trail/own"]);
    assert!(drifts(&baseline, &estate(&[trail(OWNER, "own", "eu-west-1")])).is_empty());
}

#[test]
fn two_rules_that_find_fault_with_one_trail_are_both_heard() {
    let baseline = aws("  audit_logs: {trails: [{log_file_validation: true}, {management_events: all}]}\n");
    let weak = Trail {
        log_file_validation: false,
        management_events: known("write".to_owned()),
        ..trail(OWNER, "own", "eu-west-1")
    };
    let drift = only(&baseline, &estate(&[weak]));
    assert_eq!(drift.expected, json!({"log_file_validation": true, "management_events": "all"}));
    assert_eq!(drift.actual, json!({"log_file_validation": false, "management_events": "write"}));
    assert_eq!(drift.event_effect.len(), 2);
}

#[test]
fn a_management_account_that_was_not_read_within_is_named() {
    let baseline = aws("  audit_logs: {organization_trail: {}}\n");
    let mut estate = estate(&[]);
    estate.accounts.clear();
    let comparison = compare(&baseline, &estate);
    assert!(comparison.drifts.is_empty());
    let [row] = comparison.undecided.as_slice() else { panic!("{comparison:#?}") };
    assert!(row.reason.as_deref().unwrap().contains("111111111111"), "{row:?}");
}

#[test]
fn a_store_must_keep_its_events_and_one_that_does_not_say_is_not_in_line() {
    let baseline = aws("  audit_logs: {retention_days: 365}\n");
    let with = |days: Option<i64>, status: &str| {
        let mut estate = estate(&[]);
        let days = days.map_or_else(|| Observation::unknown(CoverageStatus::Failed, "it does not say"), known);
        let kept =
            EventDataStore { retention_days: days, status: status.to_owned(), ..store(OWNER, "s", "us-east-1", 0) };
        let regions = &mut estate.accounts.get_mut(OWNER).unwrap().regions;
        regions.get_mut("us-east-1").unwrap().event_data_stores = Some(known(vec![kept]));
        compare(&baseline, &estate)
    };
    assert_eq!(with(Some(365), "ENABLED"), crate::compare::Comparison::default());
    assert_eq!(with(Some(364), "ENABLED").drifts[0].rule, Rule::AuditTrailWeakened);
    assert_eq!(with(Some(365), "PENDING_DELETION").drifts[0].rule, Rule::AuditTrailMissing);
    let unsaid = with(None, "ENABLED");
    assert!(unsaid.drifts.is_empty());
    assert_eq!(unsaid.undecided[0].status, CoverageStatus::Failed);
    let untold = with(Some(365), "DREAMING");
    assert!(untold.drifts.is_empty() && untold.undecided[0].status.is_incomplete(), "{untold:#?}");
    // Without any store nobody knows for how long records are kept.
    let none = compare(&baseline, &estate(&[]));
    assert!(none.drifts.is_empty());
    let [row] = none.undecided.as_slice() else { panic!("{none:#?}") };
    assert!(row.status.is_incomplete() && row.reason.as_deref().unwrap().contains("retention_days"), "{row:?}");
}
