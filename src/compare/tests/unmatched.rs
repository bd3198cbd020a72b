//! Entries of the baseline that speak of nothing, and when that can be said.

use std::collections::BTreeMap;

use super::estate::{OWNER, applied, defined, facts, known, live, snapshot};
use super::{aws, load_with};
use crate::baseline::Baseline;
use crate::compare::{Rule, compare, idle_rules};
use crate::estate::{CoverageStatus, GLOBAL, Observation, Snapshot};

fn estate() -> Snapshot {
    let mut estate = snapshot();
    let mut inside = facts(&[("eu-west-1", "ENABLED_BY_DEFAULT"), ("me-south-1", "DISABLED")]);
    let region = inside.regions.get_mut("eu-west-1").unwrap();
    region.quotas.insert("ec2".to_owned(), known(vec![applied("L-1", 1.0)]));
    region.quotas.insert("ec3".to_owned(), Observation::Absent);
    estate.accounts.insert(OWNER.to_owned(), inside);
    let services = [("ec2".to_owned(), defined(&[("L-1", 5.0)])), ("ec3".to_owned(), Observation::Absent)];
    estate.quota_definitions.insert("eu-west-1".to_owned(), BTreeMap::from(services));
    estate
}

fn unmatched(baseline: &Baseline, estate: &Snapshot) -> Vec<String> {
    let drifts = compare(baseline, estate).drifts;
    let unmatched = drifts.into_iter().filter(|drift| drift.rule == Rule::BaselineUnmatched);
    let line = |drift: crate::compare::Drift| {
        let position = drift.position.unwrap();
        format!("{}:{} {}", position.line, position.column, drift.subject.name)
    };
    unmatched.map(line).collect()
}

#[test]
fn what_exists_nowhere_is_named_where_it_stands() {
    let baseline = aws(r#"
  regions:
    - {allowed: [eu-west-1, eu-wset-1]}
    - {where: {account: "999999999999", ou: [/, /Gone]}, allowed: []}
  quotas:
    - {service: ec2, code: "*", max: default}
    - {service: ec2, code: L-9, max: 5}
    - {service: ec3, code: L-1, max: 5}
"#);
    assert_eq!(
        unmatched(&baseline, &estate()),
        [
            "10:22 quota code ec2/L-9",
            "11:8 service ec3",
            "6:29 region eu-wset-1",
            "7:16 account 999999999999",
            "7:49 OU /Gone",
        ]
    );
}

#[test]
fn nothing_is_said_while_the_part_that_could_hold_it_was_not_read() {
    let baseline = aws(r#"
  regions: [{where: {account: "999999999999", ou: /Gone}, allowed: [eu-wset-1]}]
  quotas: [{service: ec2, code: L-9, max: 5}]
"#);
    let mut estate = estate();
    assert_eq!(unmatched(&baseline, &estate).len(), 4);
    let unknown = || CoverageStatus::Denied;
    live(&mut estate).units = Observation::unknown(unknown(), "no");
    assert_eq!(unmatched(&baseline, &estate).len(), 3);
    let services = estate.quota_definitions.get_mut("eu-west-1").unwrap();
    services.insert("ec2".to_owned(), Observation::unknown(unknown(), "no"));
    assert_eq!(unmatched(&baseline, &estate).len(), 2);
    estate.accounts.get_mut(OWNER).unwrap().region_status = Observation::unknown(unknown(), "no");
    assert_eq!(unmatched(&baseline, &estate).len(), 1);
    live(&mut estate).accounts = Observation::unknown(unknown(), "no");
    assert!(unmatched(&baseline, &estate).is_empty());
}

#[test]
fn what_the_baseline_declares_or_waits_for_is_not_unheard_of() {
    let baseline = aws(r#"
  accounts: [{id: "222222222222", name: gone, ou: /Old}, {match: "sandbox-*", ou: /Old}]
  organizational_units: [{path: /Old}]
  policies: [{name: deny, type: service_control, targets: [/Old, gone]}]
  settings:
    - {where: {account: [gone, sandbox-*, sandbox-7], ou: /Old, region: global}, serial_console_access: false}
"#);
    assert!(unmatched(&baseline, &estate()).is_empty());
}

#[test]
fn exemptions_and_approvals_are_looked_at_too() {
    let text = r#"
version: 1
estate: test
aws:
  quotas: [{service: ec2, code: "*", max: default}]
exemptions:
  - {match: {kind: quota, service: ec2, code: L-9}, reason: r, expires: 2027-01-01}
  - {match: {kind: region, account: "999999999999", region: me-south-1}, reason: r, expires: 2027-01-01}
approved_changes:
  - {id: C1, reason: r, by: [{person: a}], match: {region: nowhere-1}, from: 2026-11-01, until: 2026-12-01}
"#;
    assert_eq!(
        unmatched(&load_with(text, &[]), &estate()),
        ["10:52 region nowhere-1", "8:28 account 999999999999", "7:41 quota code L-9",]
    );
}

#[test]
fn a_pattern_for_policies_that_fits_none_and_a_target_that_is_gone() {
    let baseline = aws(r#"
  policies:
    - {name: aws-guardrails-*, type: service_control, targets: [/Gone]}
"#);
    let mut estate = estate();
    let types = BTreeMap::from([("SERVICE_CONTROL_POLICY".to_owned(), "ENABLED".to_owned())]);
    live(&mut estate).policy_types = known(types);
    live(&mut estate).policies.insert("SERVICE_CONTROL_POLICY".to_owned(), known(vec![]));
    assert_eq!(unmatched(&baseline, &estate), ["6:8 policy aws-guardrails-*", "6:65 target /Gone"]);
}

#[test]
fn a_service_that_the_provider_does_not_know_exists_nowhere() {
    let baseline = aws("  quotas: [{service: ec3, code: L-1, max: 5}]\n");
    let mut estate = estate();
    let set = |estate: &mut Snapshot, status: CoverageStatus| {
        let reason = "NoSuchResourceException: the specified service does not exist";
        let region = estate.accounts.get_mut(OWNER).unwrap().regions.get_mut("eu-west-1").unwrap();
        region.quotas.insert("ec3".to_owned(), Observation::unknown(status, reason));
        let services = estate.quota_definitions.get_mut("eu-west-1").unwrap();
        services.insert("ec3".to_owned(), Observation::unknown(status, reason));
    };
    set(&mut estate, CoverageStatus::Unsupported);
    assert_eq!(unmatched(&baseline, &estate), ["4:13 service ec3"]);
    set(&mut estate, CoverageStatus::Failed);
    assert!(unmatched(&baseline, &estate).is_empty());
}

#[test]
fn a_policy_is_not_unheard_of_while_the_types_were_not_read() {
    let text = |name: &str| {
        format!(
            "version: 1\nestate: test\naws: {{policy_types: [backup]}}\nexemptions:\n  - {{match: {{kind: policy, name: {name}}}, reason: r, expires: 2027-01-01}}\n"
        )
    };
    let mut estate = estate();
    assert_eq!(unmatched(&load_with(&text("gone"), &[]), &estate), ["5:28 policy gone"]);
    // `policy-type.enabled` goes by the name of the type.
    assert!(unmatched(&load_with(&text("backup"), &[]), &estate).is_empty());
    live(&mut estate).policy_types = Observation::unknown(CoverageStatus::Denied, "no");
    assert!(unmatched(&load_with(&text("gone"), &[]), &estate).is_empty());
}

#[test]
fn what_is_said_of_another_partition_is_not_looked_for_in_this_one() {
    let baseline = |partition: &str| {
        aws(&format!(
            "  regions: [{{where: {{partition: {partition}, account: \"999999999999\"}}, allowed: [cn-north-1]}}]\n  quotas: [{{service: ec2, code: L-9, max: 5, where: {{partition: {partition}}}}}]\n"
        ))
    };
    assert!(unmatched(&baseline("aws-cn"), &estate()).is_empty());
    assert_eq!(unmatched(&baseline("aws"), &estate()).len(), 3);
}

#[test]
fn a_quota_of_all_regions_is_in_none_of_them() {
    let mut estate = estate();
    let codes = BTreeMap::from([("ec2".to_owned(), defined(&[("L-G", 5.0)]))]);
    estate.quota_definitions.insert(GLOBAL.to_owned(), codes);
    let inside = estate.accounts.get_mut(OWNER).unwrap();
    inside.regions.get_mut(GLOBAL).unwrap().quotas.insert("ec2".to_owned(), known(vec![]));
    let rule = |code: &str, region: &str| {
        aws(&format!("  quotas: [{{service: ec2, code: \"{code}\", max: 5, where: {{region: {region}}}}}]\n"))
    };
    for (code, region, named) in [
        ("L-G", "global", None),
        ("L-G", "[eu-west-1, global]", None),
        ("L-G", "\"*\"", None),
        ("L-G", "eu-west-1", Some("quota code ec2/L-G in eu-west-1")),
        ("L-1", "eu-west-1", None),
        ("L-1", "global", Some("quota code ec2/L-1 in global")),
        ("*", "eu-west-1", None),
    ] {
        let found = compare(&rule(code, region), &estate).drifts;
        assert_eq!(found.first().map(|drift| drift.subject.name.as_str()), named, "{code} {region}");
        assert!(found.iter().all(|drift| drift.position.as_ref().unwrap().line == 4));
    }
    // While it is not known which quotas hold for all regions, nothing is said.
    estate.quota_definitions.remove(GLOBAL);
    assert!(unmatched(&rule("L-1", "global"), &estate).is_empty());
}

#[test]
fn a_rule_that_never_decides_is_named() {
    let baseline = aws(r#"
  regions:
    - {where: {region: eu-*}, allowed: [eu-west-1]}
    - {where: {tag: {tier: nope}}, allowed: []}
    - {allowed: [eu-west-1]}
    - {where: {region: me-south-1}, allowed: []}
  quotas:
    - {service: ec2, code: L-1, max: 5}
    - {service: ec2, code: "*", max: default}
    - {service: ec2, code: L-1, where: {region: us-*}, max: 7}
    - {service: ec2, code: L-1, level: resource, max: 9}
  settings:
    - {serial_console_access: false}
    - {where: {account: "999999999999"}, serial_console_access: true}
    - {where: {region: eu-west-1}, serial_console_access: true, ebs_encryption_by_default: true}
    - {where: {region: me-south-1}, serial_console_access: true}
"#);
    let idle = |estate: &Snapshot| -> Vec<String> {
        let rules = idle_rules(&baseline, estate).into_iter();
        rules.map(|idle| format!("{} {}", idle.position.line, idle.rule)).collect()
    };
    insta::assert_snapshot!(idle(&estate()).join("\n"));

    // While an account was not read, a rule may be for that one.
    let mut unread = estate();
    unread.accounts.get_mut(OWNER).unwrap().region_status = Observation::unknown(CoverageStatus::Denied, "no");
    assert_eq!(idle(&unread), [""; 0]);
}
