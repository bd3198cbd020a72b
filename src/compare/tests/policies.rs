//! Policies by hand: identity, attachments, what was not read.

use super::estate::{OWNER, ROOT, account, known, live, policy, snapshot, target, unit, value};
use super::{aws, drifts, load_with, only};
use crate::baseline::Baseline;
use crate::compare::{Direction, Rule, canonical_document, digest};
use crate::estate::{CoverageStatus, Observation, Snapshot};

const TYPE: &str = "SERVICE_CONTROL_POLICY";

/// An organisation with one unit, one member, and these policies.
fn estate(policies: Vec<crate::estate::Policy>) -> Snapshot {
    let mut estate = snapshot();
    let organization = live(&mut estate);
    organization.units = known(vec![unit("ou-ab12-00000001", "Workloads", ROOT, "/Workloads")]);
    let member = account("222222222222", "payments", "ou-ab12-00000001", "/Workloads");
    value(&mut organization.accounts).push(member);
    value(&mut organization.policy_types).insert(TYPE.to_owned(), "ENABLED".to_owned());
    organization.policies.insert(TYPE.to_owned(), known(policies));
    estate
}

fn declared(policies: &str) -> Baseline {
    aws(&format!(
        "  accounts: [{{id: \"111111111111\", name: management}}, {{id: \"222222222222\", name: payments}}]\n  policies:\n{policies}\n"
    ))
}

#[test]
fn targets_are_named_by_path_by_id_and_by_name() {
    let baseline = declared("    - {name: deny, type: service_control, targets: [/, /Workloads, payments]}");
    let all = [ROOT, "ou-ab12-00000001", "222222222222"];
    assert!(drifts(&baseline, &estate(vec![policy("p-00000001", "deny", TYPE, "{}", &all)])).is_empty());
    let elsewhere = estate(vec![policy("p-00000001", "deny", TYPE, "{}", &[ROOT, "222222222222", OWNER])]);
    assert_eq!(
        drifts(&baseline, &elsewhere),
        ["policy.attached p-00000001@111111111111", "policy.detached p-00000001@ou-ab12-00000001"]
    );
    let comparison = crate::compare::compare(&baseline, &elsewhere);
    let [attached, detached] = comparison.drifts.as_slice() else { panic!() };
    assert_eq!(attached.direction, Direction::Equivalent, "it does not bind the management account");
    assert_eq!(detached.direction, Direction::Unknown);
    assert_eq!(detached.event_subject["policy"], "p-00000001");
    assert_eq!(detached.event_subject["target"], "ou-ab12-00000001");
    assert_eq!(detached.event_effect["attachment"], "detached");
    assert_eq!(detached.subject.name, "deny at /Workloads");
    let position = detached.position.as_ref().unwrap();
    assert_eq!((position.line, position.column), (6, 56));
}

#[test]
fn what_was_not_read_is_neither_attached_nor_detached() {
    let baseline = declared("    - {name: deny, type: service_control, targets: [/Workloads, payments]}");
    let mut estate = estate(vec![policy("p-00000001", "deny", TYPE, "{}", &["ou-ab12-00000001", "222222222222"])]);
    let unknown = || CoverageStatus::Denied;
    live(&mut estate).units = Observation::unknown(unknown(), "no");
    assert!(drifts(&baseline, &estate).is_empty());
    live(&mut estate).accounts = Observation::unknown(unknown(), "no");
    assert!(drifts(&baseline, &estate).is_empty());
    live(&mut estate).policies.insert(TYPE.to_owned(), Observation::unknown(unknown(), "no"));
    assert!(drifts(&baseline, &estate).is_empty());
    live(&mut estate).policies.remove(TYPE);
    assert!(drifts(&baseline, &estate).is_empty());
}

#[test]
fn an_id_decides_over_a_name() {
    let baseline = declared("    - {name: deny, id: p-00000001, type: service_control}");
    let swapped =
        estate(vec![policy("p-00000001", "other", TYPE, "{}", &[]), policy("p-00000002", "deny", TYPE, "{}", &[])]);
    assert_eq!(drifts(&baseline, &swapped), ["policy.unexpected p-00000002", "policy.renamed p-00000001"]);
}

#[test]
fn a_like_named_policy_is_not_the_providers_own() {
    let baseline = declared("    - {name: FullAWSAccess, type: service_control, aws_managed: true}");
    let impostor = estate(vec![policy("p-00000001", "FullAWSAccess", TYPE, "{}", &[])]);
    assert_eq!(
        drifts(&baseline, &impostor),
        ["policy.unexpected p-00000001", "policy.missing service_control/FullAWSAccess"]
    );
}

#[test]
fn a_pattern_stands_for_any_number() {
    let baseline = declared("    - {name: aws-guardrails-*, type: service_control, targets: [/Workloads]}");
    let guardrail = |id: &str, name: &str, to: &str| policy(id, name, TYPE, "{}", &[to]);
    let estate = estate(vec![
        guardrail("p-00000001", "aws-guardrails-a", "ou-ab12-00000001"),
        guardrail("p-00000002", "aws-guardrails-b", ROOT),
        guardrail("p-00000003", "other", ROOT),
    ]);
    // Each may be attached there and nowhere else; none must be.
    assert_eq!(drifts(&baseline, &estate), ["policy.unexpected p-00000003", "policy.attached p-00000002@r-ab12"]);
}

#[test]
fn a_pattern_for_the_providers_policies_means_nobody_elses() {
    let baseline = declared("    - {name: \"AWS*\", type: service_control, aws_managed: true}");
    let mut own = policy("p-00000001", "AWSFull", TYPE, "{}", &[]);
    own.aws_managed = true;
    let impostor = policy("p-00000002", "AWSFull2", TYPE, "{}", &[]);
    assert_eq!(drifts(&baseline, &estate(vec![own, impostor])), ["policy.unexpected p-00000002"]);
}

#[test]
fn a_second_account_of_a_targets_name_takes_nothing_from_the_first() {
    let baseline = aws(r#"
  accounts: [{id: "111111111111", name: management}, {id: "222222222222", name: payments}, {match: "sandbox-*"}]
  policies: [{name: deny, type: service_control, targets: [sandbox-7]}]
"#);
    let with = |targets: &[&str]| {
        let mut estate = estate(vec![policy("p-00000001", "deny", TYPE, "{}", targets)]);
        for id in ["333333333333", "444444444444"] {
            let twin = account(id, "sandbox-7", ROOT, "/");
            value(&mut live(&mut estate).accounts).push(twin);
        }
        estate
    };
    assert_eq!(drifts(&baseline, &with(&["444444444444"])), ["policy.detached p-00000001@333333333333"]);
    assert_eq!(drifts(&baseline, &with(&["333333333333"])), ["policy.detached p-00000001@444444444444"]);
}

#[test]
fn documents_are_compared_by_what_they_say() {
    let text = "version: 1\nestate: test\naws:\n  policies:\n    - {name: deny, type: service_control, document: scp/deny.json}\n";
    let file = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "ec2:*", "Resource": "*"}}"#;
    let baseline = load_with(text, &[("scp/deny.json", file)]);
    let live = |text: &str| estate(vec![policy("p-00000001", "deny", TYPE, text, &[])]);
    let same = r#"{"Statement":[{"Resource":["*"],"Action":["ec2:*"],"Effect":"Deny"}],"Version":"2012-10-17"}"#;
    assert!(drifts(&baseline, &live(same)).is_empty());
    let narrower = same.replace("ec2:*", "ec2:Run*");
    let drift = only(&baseline, &live(&narrower));
    assert_eq!(super::written(&drift), Rule::PolicyChanged);
    let text = canonical_document(&narrower).unwrap();
    // The document itself, so that its text is what a digest is made of.
    assert_eq!(drift.actual.to_string(), text);
    assert!(digest(&text).starts_with("sha256:"));
    assert_eq!(drift.event_effect["content"], text);
    // What cannot be read exactly is like nothing, and is no panic.
    assert_eq!(drifts(&baseline, &live("<html>")), ["policy.changed p-00000001"]);
}

#[test]
fn policies_of_a_type_that_is_off_are_not_missing_one_by_one() {
    let baseline = declared("    - {name: a, type: tag}\n    - {name: b, type: tag}");
    let drift = only(&baseline, &estate(vec![]));
    assert_eq!((drift.rule, drift.subject.id.as_str()), (Rule::PolicyTypeDisabled, "tag"));
    assert_eq!(drift.event_subject["type"], "TAG_POLICY");
}

#[test]
fn everywhere_is_the_root_and_every_unit_and_account() {
    let baseline =
        declared("    - {name: FullAWSAccess, type: service_control, aws_managed: true, targets: everywhere}");
    let mut full = policy("p-FullAWSAccess", "FullAWSAccess", TYPE, "{}", &[]);
    full.aws_managed = true;
    full.targets = known([ROOT, "222222222222", OWNER].map(target).to_vec());
    assert_eq!(drifts(&baseline, &estate(vec![full])), ["policy.detached p-FullAWSAccess@ou-ab12-00000001"]);
}
