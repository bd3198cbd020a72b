//! What guardrails leave open, by hand: who is asked about, what closes a region, and what cannot be told.

use super::estate::{OWNER, ROOT, account, facts, known, live, policy, snapshot, unit, value};
use super::{aws, drifts, found, only};
use crate::baseline::Baseline;
use crate::compare::{Comparison, Direction, Rule, compare};
use crate::estate::{CoverageStatus, Observation, Snapshot};
use crate::policy::request::ContextValue;

const ONE: &str = "222222222222";
const OTHER: &str = "333333333333";
const UNIT: &str = "ou-ab12-11111111";
const SCP: &str = "SERVICE_CONTROL_POLICY";

const FULL: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
const BAN: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","NotAction":"iam:*","Resource":"*",
  "Condition":{"StringNotEquals":{"aws:RequestedRegion":["eu-west-1"]}}}}"#;

/// Two accounts, one at the root and one in a unit, in which two regions are on besides the allowed one.
fn estate(policies: &[(&str, &str, &[&str])]) -> Snapshot {
    let mut estate = snapshot();
    let live = live(&mut estate);
    live.units = known(vec![unit(UNIT, "Work", ROOT, "/Work")]);
    live.accounts = known(vec![
        account(OWNER, "management", ROOT, "/"),
        account(ONE, "one", UNIT, "/Work"),
        account(OTHER, "other", ROOT, "/"),
    ]);
    live.policy_types = known([(SCP.to_owned(), "ENABLED".to_owned())].into());
    let everywhere = [ROOT, UNIT, OWNER, ONE, OTHER];
    let full = policy("p-FullAWSAccess", "FullAWSAccess", SCP, FULL, &everywhere);
    let others = policies.iter().map(|(id, text, on)| policy(id, &format!("name of {id}"), SCP, text, on));
    live.policies = [(SCP.to_owned(), known([full].into_iter().chain(others).collect()))].into();
    for id in [OWNER, ONE, OTHER] {
        let statuses = [
            ("eu-west-1", "ENABLED_BY_DEFAULT"),
            ("us-west-2", "ENABLED_BY_DEFAULT"),
            ("ap-east-1", "DISABLED"),
            ("me-south-1", "ENABLED_BY_DEFAULT"),
        ];
        estate.accounts.insert(id.to_owned(), facts(&statuses));
    }
    estate
}

fn baseline() -> Baseline {
    aws("  regions:\n    - {allowed: [eu-west-1]}\n")
}

fn accounts(comparison: &Comparison) -> Vec<Vec<&str>> {
    let guardrails = comparison.drifts.iter().filter_map(|drift| drift.guardrail.as_ref());
    guardrails.map(|guardrail| guardrail.accounts.iter().map(String::as_str).collect()).collect()
}

#[test]
fn without_a_ban_every_region_is_open_and_that_is_one_difference() {
    let drift = only(&baseline(), &estate(&[]));
    assert_eq!((drift.rule, drift.direction), (Rule::RegionOpen, Direction::Weaker));
    assert_eq!(drift.actual, serde_json::json!(["me-south-1", "us-west-2"]));
    assert_eq!(drift.expected, serde_json::json!({"allowed": ["eu-west-1"]}));
    assert_eq!(drift.scope.account, None);
    assert_eq!(drift.position.unwrap().line, 5);
    // Policies do not bind the management account.
    let guardrail = drift.guardrail.unwrap();
    assert!(guardrail.accounts.iter().eq([ONE, OTHER]), "{guardrail:?}");
    let regions: Vec<_> =
        guardrail.witnesses.iter().map(|witness| &witness.request.context["aws:RequestedRegion"]).collect();
    assert_eq!(regions, [&ContextValue::One("me-south-1".to_owned()), &ContextValue::One("us-west-2".to_owned())]);
}

#[test]
fn a_ban_closes_the_accounts_below_it_and_shows_when_it_is_detached() {
    let banned = |on: &[&str]| found(&compare(&baseline(), &estate(&[("p-ban", BAN, on)])));
    assert_eq!(banned(&[ROOT]), Vec::<String>::new());
    let below = compare(&baseline(), &estate(&[("p-ban", BAN, &[UNIT])]));
    assert_eq!(accounts(&below), [[OTHER]]);
    assert_eq!(accounts(&compare(&baseline(), &estate(&[("p-ban", BAN, &[])]))), [[ONE, OTHER]]);
}

#[test]
fn the_id_stays_when_names_documents_and_levels_change_and_no_policy_comes_or_goes() {
    let half = BAN.replace("eu-west-1", "us-west-2");
    let open = only(&baseline(), &estate(&[("p-ban", FULL, &[ROOT])]));
    let mut edited = estate(&[("p-ban", &half, &[ROOT])]);
    value(live(&mut edited).policies.get_mut(SCP).unwrap())[1].name = "renamed".to_owned();
    let edited = only(&baseline(), &edited);
    assert_eq!(open.subject.id, edited.subject.id);
    assert_eq!(edited.actual, serde_json::json!(["us-west-2"]), "half of it is closed");
    let more = only(&baseline(), &estate(&[("p-ban", FULL, &[ROOT]), ("p-more", FULL, &[ROOT])]));
    assert_ne!(open.subject.id, more.subject.id);
}

#[test]
fn each_stack_and_each_set_of_regions_is_a_difference_of_its_own() {
    let estate = estate(&[("p-more", FULL, &[UNIT])]);
    assert_eq!(accounts(&compare(&baseline(), &estate)), [[ONE], [OTHER]]);
    let rules = aws(&format!(
        "  regions:\n    - {{allowed: [eu-west-1]}}\n    - {{where: {{account: \"{ONE}\"}}, allowed: [eu-west-1, me-south-1]}}\n"
    ));
    let comparison = compare(&rules, &super::open::estate(&[]));
    let values: Vec<_> = comparison.drifts.iter().map(|drift| drift.actual.clone()).collect();
    assert_eq!(values, [serde_json::json!(["me-south-1", "us-west-2"]), serde_json::json!(["us-west-2"])]);
}

#[test]
fn a_ban_that_spares_an_account_by_its_number_is_told_apart() {
    let spares = BAN.replace(r#"["eu-west-1"]"#, &format!(r#"["eu-west-1"],"aws:PrincipalAccount":"{ONE}""#));
    assert_eq!(accounts(&compare(&baseline(), &estate(&[("p-ban", &spares, &[ROOT])]))), [[ONE]]);
}

#[test]
fn what_is_allowed_off_or_suspended_is_not_asked_about() {
    let all = aws("  regions: [{allowed: [\"*\"]}]\n");
    assert_eq!(drifts(&all, &estate(&[])), Vec::<String>::new());
    assert_eq!(drifts(&aws("  quotas: []\n"), &estate(&[])), Vec::<String>::new());
    let mut closed = estate(&[]);
    for member in value(&mut live(&mut closed).accounts) {
        member.state = "SUSPENDED".to_owned();
    }
    assert_eq!(drifts(&baseline(), &closed), Vec::<String>::new());
    let mut alone = estate(&[]);
    alone.organization = Observation::Absent;
    assert_eq!(drifts(&baseline(), &alone), Vec::<String>::new());
}

fn undecided(estate: &Snapshot) -> String {
    let comparison = compare(&baseline(), estate);
    assert!(found(&comparison).is_empty(), "{comparison:#?}");
    let [row] = comparison.undecided.as_slice() else { panic!("{comparison:#?}") };
    assert_eq!((row.status, row.source.as_str()), (CoverageStatus::Failed, "organizations:ListPolicies"));
    row.reason.clone().unwrap()
}

#[test]
fn what_cannot_be_told_is_not_taken_for_closed() {
    let mut unread = estate(&[("p-ban", BAN, &[ROOT])]);
    *live(&mut unread).policies.get_mut(SCP).unwrap() = Observation::unknown(CoverageStatus::Denied, "no");
    assert!(undecided(&unread).contains("the policies of the organisation were not read"));
    let mut no_document = estate(&[("p-ban", BAN, &[ROOT])]);
    value(live(&mut no_document).policies.get_mut(SCP).unwrap())[1].document =
        Observation::unknown(CoverageStatus::Throttled, "slow down");
    let said = undecided(&no_document);
    assert!(said.contains("me-south-1, us-west-2") && said.contains("slow down") && said.contains(ONE), "{said}");
    let odd = BAN.replace("StringNotEquals", "StringSounds");
    let said = undecided(&estate(&[("p-ban", &odd, &[ROOT])]));
    assert!(said.contains("not understood"), "{said}");
}
