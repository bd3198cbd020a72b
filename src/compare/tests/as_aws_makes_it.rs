//! An organisation as AWS makes it, against a baseline that says so: in line.
//!
//! `FullAWSAccess` on every target, `RCPFullAWSAccess` too, opt-in regions off, new accounts with quotas below the default,
//! a trail and roles that services made, requests that were answered.

use std::collections::BTreeMap;

use serde_json::json;

use super::estate::{
    OWNER, ROOT, account, applied, defined, facts, known, live, policy, request, setting, snapshot, target, trail, unit,
};
use super::{aws, only};
use crate::baseline::Baseline;
use crate::compare::{Direction, Rule, compare};
use crate::estate::{Observation, QuotaTemplate, Snapshot};

const MEMBER: &str = "222222222222";

fn baseline() -> Baseline {
    aws(r#"
  organization: o-abcdefghij
  management_account: "111111111111"
  accounts:
    - {id: "111111111111", name: management, ou: /}
    - {id: "222222222222", name: first, ou: /Workloads}
  organizational_units: [{path: /Workloads}]
  delegated_administrators: []
  trusted_services: [cloudtrail.amazonaws.com]
  responsibility_transfers: []
  resource_policy: none
  regions: [{allowed: [us-east-1, eu-west-1, ap-northeast-3]}]
  quotas: [{service: ec2, code: "*", max: default}]
  quota_requests: none
  quota_template: []
  quota_auto_management: disabled
  policy_types: [service_control, resource_control]
  policies:
    - {name: FullAWSAccess, type: service_control, aws_managed: true, targets: everywhere}
    - {name: RCPFullAWSAccess, type: resource_control, aws_managed: true, targets: everywhere}
  settings:
    - {ebs_encryption_by_default: false, serial_console_access: false, image_block_public_access: block-new-sharing}
  audit_logs: {organization_trail: {multi_region: true, management_events: all}}
"#)
}

fn estate() -> Snapshot {
    let mut estate = snapshot();
    let organization = live(&mut estate);
    organization.units = known(vec![unit("ou-ab12-00000001", "Workloads", ROOT, "/Workloads")]);
    organization.accounts = known(vec![
        account(OWNER, "management", ROOT, "/"),
        account(MEMBER, "first", "ou-ab12-00000001", "/Workloads"),
    ]);
    let types = ["SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"];
    organization.policy_types = known(types.map(|name| (name.to_owned(), "ENABLED".to_owned())).into());
    for (name, policy_type) in ["FullAWSAccess", "RCPFullAWSAccess"].into_iter().zip(types) {
        let mut own = policy(&format!("p-{name}"), name, policy_type, "{}", &[]);
        own.aws_managed = true;
        own.targets = known([ROOT, "ou-ab12-00000001", OWNER, MEMBER].map(target).to_vec());
        organization.policies.insert(policy_type.to_owned(), known(vec![own]));
    }
    organization.trusted_services = known(vec!["cloudtrail.amazonaws.com".to_owned()]);
    let (association, rows) = ("DISASSOCIATED".to_owned(), Vec::new());
    organization.quota_template = known(QuotaTemplate { association, rows });
    for id in [OWNER, MEMBER] {
        let mut inside = facts(&[
            ("us-east-1", "ENABLED_BY_DEFAULT"),
            ("eu-west-1", "ENABLED_BY_DEFAULT"),
            ("ap-northeast-3", "ENABLED_BY_DEFAULT"),
            ("me-south-1", "DISABLED"),
        ]);
        for (region, facts) in inside.regions.iter_mut().filter(|(region, _)| *region != "global") {
            facts.quotas.insert("ec2".to_owned(), known(vec![applied("L-1216C47A", 1.0)]));
            facts.quota_requests = Some(known(vec![request("old", "L-1216C47A", "CASE_CLOSED", 32.0)]));
            facts.settings = BTreeMap::from([
                ("ebs_encryption_by_default".to_owned(), setting(json!(false), None)),
                ("serial_console_access".to_owned(), setting(json!(false), Some("account"))),
                ("image_block_public_access".to_owned(), setting(json!("block-new-sharing"), Some("account"))),
            ]);
            let mut made = trail(OWNER, "aws-controltower-BaselineCloudTrail", region);
            made.organization = true;
            facts.trails = Some(known(if id == OWNER && region == "us-east-1" { vec![made] } else { vec![] }));
        }
        inside.regions.get_mut("global").unwrap().quota_auto_management = Some(Observation::Absent);
        estate.accounts.insert(id.to_owned(), inside);
    }
    for region in ["us-east-1", "eu-west-1", "ap-northeast-3"] {
        let ec2 = defined(&[("L-1216C47A", 5.0), ("L-34B43A08", 5.0)]);
        estate.quota_definitions.insert(region.to_owned(), BTreeMap::from([("ec2".to_owned(), ec2)]));
    }
    estate
}

#[test]
fn it_is_in_line() {
    let comparison = compare(&baseline(), &estate());
    assert!(comparison.drifts.is_empty(), "{:#?}", comparison.drifts);
    assert!(comparison.undecided.is_empty(), "{:#?}", comparison.undecided);
}

#[test]
fn one_vcpu_above_the_default_is_not() {
    let mut estate = estate();
    let regions = &mut estate.accounts.get_mut(MEMBER).unwrap().regions;
    regions.get_mut("eu-west-1").unwrap().quotas.insert("ec2".to_owned(), known(vec![applied("L-1216C47A", 6.0)]));
    let drift = only(&baseline(), &estate);
    assert_eq!((drift.rule, drift.direction), (Rule::QuotaRaised, Direction::Weaker));
    assert_eq!(drift.expected, json!({"max": "default", "default": 5}));
    assert_eq!(drift.actual, json!(6));
    assert_eq!(drift.event_effect, BTreeMap::from([("value".to_owned(), "6".to_owned())]));
    assert_eq!(drift.logged_in[0].account, MEMBER);
    assert_eq!(drift.logged_in[0].region.as_deref(), Some("eu-west-1"));
    let position = drift.position.unwrap();
    assert_eq!((position.file.as_str(), position.line, position.column), ("baseline.yaml", 16, 12));
}

#[test]
fn a_baseline_without_aws_compares_nothing() {
    let nothing = super::load_with("version: 1\nestate: test\n", &[]);
    assert_eq!(compare(&nothing, &estate()), super::Comparison::default());
}
