//! What a finding says of a guardrail that is weaker: how severe it is, and what a reader has to know beside.

use super::*;
use crate::compare::{Guardrail, Reach};

/// A policy that lets writing actions through in one unit, for everybody.
fn weakened(kinds: &[&str], witness: &str) -> Drift {
    let request = json!({"guardrail": kinds[0], "action": witness, "resource": "*"});
    let extent = Extent { actions: 1, by_level: [("Write".to_owned(), 1)].into(), complete: true, ..Extent::default() };
    let kinds: Vec<String> = kinds.iter().map(|kind| (*kind).to_owned()).collect();
    let guardrail = Guardrail {
        weaker: kinds.clone(),
        kinds,
        accounts: ["222222222222".to_owned()].into(),
        units: ["/Workloads/Prod".to_owned()].into(),
        stacks: 1,
        witnesses: vec![serde_json::from_value(request).unwrap()],
        reach: Some(Reach::Unit),
        extent: Some(extent),
        ..Guardrail::default()
    };
    let scope = Scope::organization(Provider::Aws, "o-a1b2c3d4e5");
    let drift = drift(Rule::PolicyWeakened, Kind::Policy, Aspect::Content, scope, "p-ab12cd34", "eu-only");
    Drift { guardrail: Some(guardrail), ..drift }
}

fn sized(change: impl Fn(&mut Guardrail)) -> Severity {
    let mut drift = weakened(&["scp"], "ec2:RunInstances");
    drift.guardrail.iter_mut().for_each(change);
    judged("", drift, None, NOW).severity
}

#[test]
fn it_is_as_severe_as_it_is_large() {
    assert_eq!(sized(|_| {}), Severity::High);
    assert_eq!(sized(|guardrail| guardrail.reach = Some(Reach::Root)), Severity::Critical);
    let some = Some(vec!["arn:aws:iam::*:role/Admin".to_owned()]);
    let named = |guardrail: &mut Guardrail| guardrail.extent.as_mut().unwrap().principals = some.clone();
    assert_eq!(sized(named), Severity::Medium);
    assert_eq!(sized(|guardrail| guardrail.extent = None), Severity::High, "nobody looked");
}

#[test]
fn what_the_baseline_says_of_its_severity_stands_above() {
    let mut drift = weakened(&["scp"], "ec2:RunInstances");
    drift.guardrail.as_mut().unwrap().reach = Some(Reach::Root);
    assert_eq!(judged("severity: {policy.weakened: low}\n", drift, None, NOW).severity, Severity::Low);
}

#[test]
fn what_says_the_same_in_other_words_is_worth_knowing_at_most() {
    for rule in [Rule::PolicyChanged, Rule::PolicyDetached, Rule::PolicyMissing] {
        let drift = Drift {
            rule,
            direction: Direction::Equivalent,
            guardrail: Some(Guardrail { kinds: vec!["scp".to_owned()], ..Guardrail::default() }),
            ..weakened(&["scp"], "ec2:RunInstances")
        };
        assert_eq!(judged("", drift, None, NOW).severity, Severity::Info, "{rule}");
    }
}

#[test]
fn it_carries_what_was_found_of_the_guardrail() {
    let drift = weakened(&["scp"], "ec2:RunInstances");
    let Guardrail { accounts, units, extent, witnesses, .. } = drift.guardrail.clone().unwrap();
    let finding = judged("", drift, None, NOW);
    assert_eq!((finding.accounts, finding.units, finding.stacks), (accounts, units, 1));
    assert_eq!((finding.extent, finding.witnesses), (extent, witnesses));
}

#[test]
fn one_weaker_guardrail_leaves_the_other() {
    let notes = |kinds: &[&str], witness: &str| judged("", weakened(kinds, witness), None, NOW).notes;
    let scp = "what principals may do is weaker; what may be done to resources is judged apart and may still stop such a \
               request inside the account";
    assert!(notes(&["scp"], "ec2:RunInstances").contains(&scp.to_owned()));
    let rcp = notes(&["rcp"], "s3:GetObject");
    assert!(rcp.iter().any(|note| note.starts_with("what may be done to resources is weaker")), "{rcp:?}");
    assert!(!rcp.iter().any(|note| note.contains("do not bind")), "{rcp:?}");
    let both = notes(&["scp", "rcp"], "ec2:RunInstances");
    assert!(!both.iter().any(|note| note.contains("judged apart")), "{both:?}");
}

#[test]
fn a_service_that_no_resource_policy_binds_is_said() {
    let notes = judged("", weakened(&["rcp"], "ec2:RunInstances"), None, NOW).notes;
    let said = "as far as is known, resource control policies do not bind `ec2`, the service of the witness";
    assert!(notes.contains(&said.to_owned()), "{notes:?}");
}

#[test]
fn what_hangs_on_the_management_account_binds_nobody() {
    let notes = |target: &str| {
        let mut drift = weakened(&["scp"], "ec2:RunInstances");
        drift.event_subject.insert("target".to_owned(), target.to_owned());
        judged("", drift, None, NOW).notes
    };
    let said = "no such policy binds the management account".to_owned();
    assert!(notes("111111111111").contains(&said));
    assert!(!notes("222222222222").contains(&said));
}
