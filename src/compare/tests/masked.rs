//! One difference never hides what others do to the same account. In: an organisation in which several guardrails differ at
//! once. Out: nothing. It looks at what each difference is said to come to, not at how that was found.

#![allow(clippy::panic, reason = "a difference that is not there is a failed test")]

use proptest::prelude::*;

use super::estate::{OWNER, ROOT, account, known, live, policy, snapshot, unit, value};
use super::load_with;
use super::properties::config;
use crate::baseline::Baseline;
use crate::compare::{Comparison, Direction, Drift, Rule, compare};
use crate::estate::{Policy, Snapshot};

const TYPE: &str = "SERVICE_CONTROL_POLICY";
const WORK: &str = "ou-ab12-00000001";
const SANDBOX: &str = "ou-ab12-00000002";
const MEMBER: &str = "222222222222";
const FULL: &str = r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;

fn ban(actions: &[&str]) -> String {
    serde_json::json!({"Statement": {"Effect": "Deny", "Action": actions, "Resource": "*"}}).to_string()
}

/// Bans by name, actions and place, besides full access everywhere.
fn baseline(bans: &[(&str, &[&str], &str)]) -> Baseline {
    let mut text = "version: 1
estate: test
aws:
  accounts: [{id: \"111111111111\", name: management, ou: /}, {id: \"222222222222\", name: payments, ou: /Work}]
  organizational_units: [{path: /Work}, {path: /Sandbox}]
  policies:
    - {name: FullAWSAccess, type: service_control, aws_managed: true, targets: everywhere}
"
    .to_owned();
    let mut documents = Vec::new();
    for (name, actions, place) in bans {
        text.push_str(&format!(
            "    - {{name: {name}, type: service_control, document: {name}.json, targets: [{place}]}}\n"
        ));
        documents.push((format!("{name}.json"), ban(actions)));
    }
    let documents: Vec<(&str, &str)> = documents.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    load_with(&text, &documents)
}

/// Full access hangs on all but some places; the member hangs on a unit.
fn estate(unit_of_member: (&str, &str), without: &[&str], policies: Vec<Policy>) -> Snapshot {
    let mut estate = snapshot();
    let organization = live(&mut estate);
    organization.units = known(vec![unit(WORK, "Work", ROOT, "/Work"), unit(SANDBOX, "Sandbox", ROOT, "/Sandbox")]);
    value(&mut organization.accounts).push(account(MEMBER, "payments", unit_of_member.0, unit_of_member.1));
    value(&mut organization.policy_types).insert(TYPE.to_owned(), "ENABLED".to_owned());
    let places: Vec<&str> =
        [ROOT, WORK, SANDBOX, OWNER, MEMBER].into_iter().filter(|place| !without.contains(place)).collect();
    let full = Policy { aws_managed: true, ..policy("p-FullAWSAccess", "FullAWSAccess", TYPE, FULL, &places) };
    organization.policies.insert(TYPE.to_owned(), known([vec![full], policies].concat()));
    estate
}

fn at_work(policies: Vec<Policy>) -> Snapshot {
    estate((WORK, "/Work"), &[], policies)
}

fn named<'d>(comparison: &'d Comparison, name: &str) -> &'d Drift {
    let found = comparison.drifts.iter().find(|drift| drift.subject.name == name);
    found.unwrap_or_else(|| panic!("no {name}: {:#?}", comparison.drifts))
}

fn others(drift: &Drift) -> Vec<&str> {
    drift.guardrail.iter().flat_map(|guardrail| &guardrail.together_with).map(String::as_str).collect()
}

fn is_weakened(comparison: &Comparison, name: &str, together_with: &[&str], service: &str) {
    let drift = named(comparison, name);
    assert_eq!((drift.rule, drift.direction), (Rule::PolicyWeakened, Direction::Weaker), "{drift:#?}");
    assert_eq!(others(drift), together_with, "{name}");
    let guardrail = drift.guardrail.as_ref().unwrap();
    assert!(guardrail.accounts.contains(MEMBER));
    // What is shown got through by these, and not by what else differs.
    let witness = serde_json::to_value(&guardrail.witnesses[0]).unwrap();
    assert!(witness["action"].as_str().unwrap().starts_with(service), "{witness}");
}

#[test]
fn what_weakens_alone_hides_nothing_that_weakens_together() {
    let iam: (&[&str], &str) = (&["iam:*"], "/");
    let bans = [("deny-a", iam.0, iam.1), ("deny-b", iam.0, iam.1), ("deny-c", &["s3:GetObject"], "/")];
    let comparison = compare(&baseline(&bans), &at_work(Vec::new()));
    is_weakened(&comparison, "deny-a", &["deny-b"], "iam:");
    is_weakened(&comparison, "deny-b", &["deny-a"], "iam:");
    is_weakened(&comparison, "deny-c", &[], "s3:");
}

#[test]
fn one_set_hides_no_other() {
    let bans: [(&str, &[&str], &str); 4] = [
        ("deny-a", &["iam:*"], "/"),
        ("deny-b", &["ec2:*"], "/"),
        ("deny-c", &["iam:*"], "/Work"),
        ("deny-d", &["ec2:*"], "payments"),
    ];
    let comparison = compare(&baseline(&bans), &at_work(Vec::new()));
    is_weakened(&comparison, "deny-a", &["deny-c"], "iam:");
    is_weakened(&comparison, "deny-b", &["deny-d"], "ec2:");
    is_weakened(&comparison, "deny-c", &["deny-a"], "iam:");
    is_weakened(&comparison, "deny-d", &["deny-b"], "ec2:");
}

/// What the lost document stops now is not known, so neither is whether the others are missed.
#[test]
fn a_lost_document_hides_nothing_behind_its_own_undecided() {
    let bans: [(&str, &[&str], &str); 4] = [
        ("deny-a", &["iam:*"], "/"),
        ("deny-b", &["iam:*"], "/"),
        ("deny-c", &["s3:GetObject"], "/"),
        ("same", &["sqs:*"], "/"),
    ];
    let lost = policy("p-00000003", "deny-c", TYPE, "<html>", &[ROOT]);
    let same = policy("p-00000004", "same", TYPE, &ban(&["sqs:*", "sqs:Send*"]), &[ROOT]);
    let comparison = compare(&baseline(&bans), &at_work(vec![lost, same]));
    for name in ["deny-a", "deny-b", "deny-c"] {
        let drift = named(&comparison, name);
        assert_eq!((drift.rule, drift.direction), (Rule::PolicyUndecided, Direction::Unknown), "{name}");
        let reason = drift.guardrail.as_ref().unwrap().reason.as_deref().unwrap();
        assert!(reason.contains("cannot be read"), "{reason}");
    }
}

/// What the account's new home opens, a difference of its old one would stop if it were back there.
#[test]
fn what_is_stricter_where_an_account_was_hides_nothing() {
    let bans: [(&str, &[&str], &str); 3] =
        [("deny-a", &["iam:*"], "/"), ("deny-b", &["iam:*"], "/"), ("deny-c", &["s3:GetObject"], "/Work")];
    let still = policy("p-00000003", "deny-c", TYPE, &ban(&["s3:GetObject"]), &[WORK]);
    let moved = estate((SANDBOX, "/Sandbox"), &[WORK], vec![still]);
    let comparison = compare(&baseline(&bans), &moved);
    is_weakened(&comparison, "deny-a", &["deny-b"], "iam:");
    is_weakened(&comparison, "deny-b", &["deny-a"], "iam:");
    let account = named(&comparison, "payments");
    assert_eq!((account.rule, account.direction), (Rule::LinkAccountMoved, Direction::Weaker), "{account:#?}");
}

/// The ban is said elsewhere now: only what it leaves out is missed.
#[test]
fn what_is_stopped_now_is_not_missed_whatever_else_is() {
    let bans: [(&str, &[&str], &str); 3] =
        [("deny-a", &["iam:*"], "/"), ("deny-b", &["iam:*"], "/"), ("deny-c", &["s3:GetObject"], "/")];
    let again = policy("p-00000004", "again", TYPE, &ban(&["iam:*"]), &[WORK]);
    let comparison = compare(&baseline(&bans), &at_work(vec![again]));
    for name in ["deny-a", "deny-b"] {
        let drift = named(&comparison, name);
        assert_eq!((drift.rule, drift.direction), (Rule::PolicyMissing, Direction::Equivalent), "{name}");
    }
    is_weakened(&comparison, "deny-c", &[], "s3:");
    let again = policy("p-00000004", "again", TYPE, &ban(&["iam:Create*"]), &[WORK]);
    let comparison = compare(&baseline(&bans), &at_work(vec![again]));
    is_weakened(&comparison, "deny-a", &["deny-b"], "iam:");
    is_weakened(&comparison, "deny-c", &[], "s3:");
}

const ACTIONS: [&str; 3] = ["iam:CreateUser", "s3:GetObject", "ec2:RunInstances"];
const NAMES: [&str; 5] = ["ban-0", "ban-1", "ban-2", "ban-3", "ban-4"];

fn picked(mask: u8) -> Vec<&'static str> {
    ACTIONS.iter().enumerate().filter(|(bit, _)| mask & (1 << bit) != 0).map(|(_, action)| *action).collect()
}

/// The bans that are missing, each by its place, and whether it is told to weaken.
fn missed(masks: &[u8], missing: u8) -> Vec<(usize, bool)> {
    let actions: Vec<Vec<&str>> = masks.iter().map(|mask| picked(*mask)).collect();
    let bans: Vec<(&str, &[&str], &str)> =
        NAMES.iter().zip(&actions).map(|(name, actions)| (*name, actions.as_slice(), "/")).collect();
    let is_missing = |place: usize| missing & (1 << place) != 0;
    let there = bans.iter().enumerate().filter(|(place, _)| !is_missing(*place));
    let there =
        there.map(|(place, (name, actions, _))| policy(&format!("p-{place:08}"), name, TYPE, &ban(actions), &[ROOT]));
    let comparison = compare(&baseline(&bans), &at_work(there.collect()));
    let missing = (0..bans.len()).filter(|place| is_missing(*place));
    missing.map(|place| (place, named(&comparison, NAMES[place]).rule == Rule::PolicyWeakened)).collect()
}

proptest! {
    #![proptest_config(config(32))]

    /// Where each stops one action, a ban that is missing is told exactly when no other stops the same, whatever else is
    /// missing.
    #[test]
    fn a_missing_ban_is_told_whatever_else_is_missing(bits in prop::collection::vec(0_u8..3, 5), missing in 1_u8..32) {
        let masks: Vec<u8> = bits.iter().map(|bit| 1 << bit).collect();
        for (place, told) in missed(&masks, missing) {
            let stops = masks.iter().enumerate().any(|(other, mask)| missing & (1 << other) == 0 && *mask == masks[place]);
            prop_assert_eq!(told, !stops, "{:?} {:b}", masks, missing);
        }
    }

    /// Where bans overlap, all that gets through is stopped again once what was told is taken back.
    #[test]
    fn what_is_told_taken_back_leaves_nothing_open(masks in prop::collection::vec(1_u8..8, 5), missing in 24_u8..32) {
        let told = missed(&masks, missing);
        for (bit, action) in ACTIONS.iter().enumerate() {
            let bans: Vec<usize> = (0..masks.len()).filter(|place| masks[*place] & (1 << bit) != 0).collect();
            let is_open = !bans.is_empty() && bans.iter().all(|place| missing & (1 << place) != 0);
            let is_told = told.iter().any(|(place, told)| *told && bans.contains(place));
            prop_assert!(!is_open || is_told, "{} by {:?} {:b}: {:?}", action, masks, missing, told);
        }
    }
}
