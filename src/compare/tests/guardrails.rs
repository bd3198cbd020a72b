//! What differences of policies come to for the accounts below them.

use super::estate::{OWNER, ROOT, account, known, live, policy, snapshot, unit, value};
use super::{drifts, load_with, only};
use crate::baseline::Baseline;
use crate::compare::{Direction, Drift, Rule, compare};
use crate::estate::{CoverageStatus, Observation, Policy, Snapshot};

const TYPE: &str = "SERVICE_CONTROL_POLICY";
const WORK: &str = "ou-ab12-00000001";
const SANDBOX: &str = "ou-ab12-00000002";
const FULL: &str = r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;
const EU: &str = r#"{"Version": "2012-10-17", "Statement": {"Sid": "Outside", "Effect": "Deny", "NotAction": "iam:*",
    "Resource": "*", "Condition": {"StringNotEquals": {"aws:RequestedRegion": ["eu-west-1"]}}}}"#;

/// `FullAWSAccess` everywhere, the ban on regions at the unit; two members there, and one in the sandbox.
fn baseline() -> Baseline {
    let text = "version: 1
estate: test
aws:
  accounts:
    - {id: \"111111111111\", name: management, ou: /}
    - {id: \"222222222222\", name: payments, ou: /Work}
    - {id: \"333333333333\", name: orders, ou: /Work}
    - {id: \"444444444444\", name: play, ou: /Sandbox}
  organizational_units: [{path: /Work}, {path: /Sandbox}]
  policy_types: [service_control]
  policies:
    - {name: FullAWSAccess, type: service_control, aws_managed: true, targets: everywhere}
    - {name: eu-only, type: service_control, document: eu.json, targets: [/Work]}
";
    load_with(text, &[("eu.json", EU)])
}

fn everywhere() -> Vec<&'static str> {
    vec![ROOT, WORK, SANDBOX, OWNER, "222222222222", "333333333333", "444444444444"]
}

fn full() -> Policy {
    Policy { aws_managed: true, ..policy("p-FullAWSAccess", "FullAWSAccess", TYPE, FULL, &everywhere()) }
}

fn eu(document: &str, targets: &[&str]) -> Policy {
    policy("p-00000001", "eu-only", TYPE, document, targets)
}

fn estate(policies: Vec<Policy>) -> Snapshot {
    let mut estate = snapshot();
    let organization = live(&mut estate);
    organization.units = known(vec![unit(WORK, "Work", ROOT, "/Work"), unit(SANDBOX, "Sandbox", ROOT, "/Sandbox")]);
    value(&mut organization.accounts).extend([
        account("222222222222", "payments", WORK, "/Work"),
        account("333333333333", "orders", WORK, "/Work"),
        account("444444444444", "play", SANDBOX, "/Sandbox"),
    ]);
    value(&mut organization.policy_types).insert(TYPE.to_owned(), "ENABLED".to_owned());
    organization.policies.insert(TYPE.to_owned(), known(policies));
    estate
}

fn judged(policies: Vec<Policy>) -> Drift {
    only(&baseline(), &estate(policies))
}

fn accounts(drift: &Drift) -> Vec<&str> {
    drift.guardrail.iter().flat_map(|guardrail| &guardrail.accounts).map(String::as_str).collect()
}

#[test]
fn what_is_declared_is_in_line() {
    assert!(drifts(&baseline(), &estate(vec![full(), eu(EU, &[WORK])])).is_empty());
}

#[test]
fn one_more_region_is_weaker_with_a_request_from_there() {
    let drift = judged(vec![full(), eu(&EU.replace("[\"eu-west-1\"]", "[\"eu-west-1\", \"eu-south-2\"]"), &[WORK])]);
    assert_eq!((drift.rule, drift.direction), (Rule::PolicyWeakened, Direction::Weaker));
    assert_eq!(accounts(&drift), ["222222222222", "333333333333"]);
    let guardrail = drift.guardrail.unwrap();
    let witness = serde_json::to_value(&guardrail.witnesses[0]).unwrap();
    assert_eq!(witness["context"]["aws:RequestedRegion"], "eu-south-2");
    assert_eq!(witness["guardrail"], "scp");
}

#[test]
fn other_words_for_the_same_are_no_weakening() {
    let drift = judged(vec![full(), eu(&EU.replace("StringNotEquals", "StringNotLike"), &[WORK])]);
    assert_eq!((drift.rule, drift.direction), (Rule::PolicyChanged, Direction::Equivalent));
    assert!(accounts(&drift).is_empty());
}

#[test]
fn a_narrower_ban_is_tightened_and_a_lost_document_undecided() {
    let drift = judged(vec![full(), eu(&EU.replace("iam:*", "iam:Get*"), &[WORK])]);
    assert_eq!((drift.rule, drift.direction), (Rule::PolicyTightened, Direction::Stricter));
    let drift = judged(vec![full(), eu("<html>", &[WORK])]);
    assert_eq!((drift.rule, drift.direction), (Rule::PolicyUndecided, Direction::Unknown));
    assert!(drift.guardrail.unwrap().reason.unwrap().contains("cannot be read"));
}

#[test]
fn detaching_is_weaker_unless_the_same_stands_above() {
    let drift = judged(vec![full(), eu(EU, &[])]);
    assert_eq!((drift.rule, drift.direction), (Rule::PolicyWeakened, Direction::Weaker));
    assert_eq!(drift.subject.id, format!("p-00000001@{WORK}"), "its id stays that of the attachment");
    let comparison = compare(&baseline(), &estate(vec![full(), eu(EU, &[ROOT])]));
    let told: Vec<_> = comparison.drifts.iter().map(|drift| (drift.rule, drift.direction)).collect();
    // Alone, the new attachment stops the sandbox; and the one below it is not missed any more.
    assert!(told.contains(&(Rule::PolicyTightened, Direction::Stricter)), "{told:?}");
}

#[test]
fn full_access_that_is_gone_is_stricter_and_a_second_one_changes_nothing() {
    let targets: Vec<&str> = everywhere().into_iter().filter(|target| *target != "222222222222").collect();
    let less = Policy { aws_managed: true, ..policy("p-FullAWSAccess", "FullAWSAccess", TYPE, FULL, &targets) };
    let drift = judged(vec![less, eu(EU, &[WORK])]);
    assert_eq!((drift.rule, drift.direction), (Rule::PolicyTightened, Direction::Stricter));
    assert_eq!(accounts(&drift), ["222222222222"]);
    let drift = judged(vec![full(), eu(EU, &[WORK]), policy("p-00000002", "more", TYPE, FULL, &[WORK])]);
    assert_eq!((drift.rule, drift.direction), (Rule::PolicyUnexpected, Direction::Equivalent));
}

#[test]
fn a_policy_that_is_gone_weakens_whom_it_was_declared_for() {
    let drift = judged(vec![full()]);
    assert_eq!((drift.rule, drift.direction), (Rule::PolicyWeakened, Direction::Weaker));
    assert_eq!(accounts(&drift), ["222222222222", "333333333333"]);
}

#[test]
fn a_type_that_is_off_lets_everything_through() {
    let mut estate = estate(Vec::new());
    value(&mut live(&mut estate).policy_types).remove(TYPE);
    live(&mut estate).policies.remove(TYPE);
    let drift = only(&baseline(), &estate);
    assert_eq!((drift.rule, drift.direction), (Rule::PolicyTypeDisabled, Direction::Weaker));
    assert_eq!(accounts(&drift), ["222222222222", "333333333333"]);
    assert!(!drift.guardrail.unwrap().witnesses.is_empty());
}

#[test]
fn an_account_moved_from_under_a_ban_is_weaker() {
    let mut estate = estate(vec![full(), eu(EU, &[WORK])]);
    let moved = value(&mut live(&mut estate).accounts).iter_mut().find(|account| account.id == "222222222222").unwrap();
    (moved.parent, moved.unit) = (SANDBOX.to_owned(), "/Sandbox".to_owned());
    let drift = only(&baseline(), &estate);
    assert_eq!((drift.rule, drift.direction), (Rule::LinkAccountMoved, Direction::Weaker));
    assert_eq!(accounts(&drift), ["222222222222"]);
}

#[test]
fn the_management_account_is_bound_by_nothing() {
    let drift = judged(vec![full(), eu(EU, &[WORK, OWNER])]);
    assert_eq!((drift.rule, drift.direction), (Rule::PolicyAttached, Direction::Equivalent));
}

#[test]
fn what_was_not_read_is_undecided_and_never_harmless() {
    let mut estate = estate(vec![full(), eu(&EU.replace("eu-west-1", "eu-west-2"), &[WORK])]);
    live(&mut estate).accounts = Observation::unknown(CoverageStatus::Denied, "no");
    let comparison = compare(&baseline(), &estate);
    let changed = comparison.drifts.iter().find(|drift| drift.subject.id == "p-00000001").unwrap();
    assert_eq!((changed.rule, changed.direction), (Rule::PolicyUndecided, Direction::Unknown));
}

/// Two bans that say the same: taking away one changes nothing, taking away both does.
#[test]
fn what_only_weakens_together_is_told_together() {
    let text = "version: 1
estate: test
aws:
  accounts: [{id: \"111111111111\", name: management}, {id: \"222222222222\", name: payments, ou: /Work}]
  policies:
    - {name: FullAWSAccess, type: service_control, aws_managed: true, targets: everywhere}
    - {name: one, type: service_control, document: eu.json, targets: [/Work]}
    - {name: two, type: service_control, document: eu.json, targets: [payments]}
";
    let baseline = load_with(text, &[("eu.json", EU)]);
    let loose = |id, name| policy(id, name, TYPE, EU, &[]);
    let estate = estate(vec![full(), loose("p-00000001", "one"), loose("p-00000002", "two")]);
    let comparison = compare(&baseline, &estate);
    let [one, two] =
        comparison.drifts.iter().filter(|drift| drift.rule == Rule::PolicyWeakened).collect::<Vec<_>>()[..]
    else {
        panic!("{:#?}", comparison.drifts)
    };
    // `orders` had the first ban alone, `payments` both.
    assert_eq!(accounts(one), ["222222222222", "333333333333"]);
    assert_eq!(accounts(two), ["222222222222"]);
    let others = |drift: &Drift| drift.guardrail.as_ref().unwrap().together_with.clone();
    assert_eq!((others(one), others(two)), (vec![two.subject.name.clone()], vec![one.subject.name.clone()]));
}

fn by_id<'d>(comparison: &'d crate::compare::Comparison, id: &str) -> &'d Drift {
    let found = comparison.drifts.iter().find(|drift| drift.subject.id == id);
    found.unwrap_or_else(|| panic!("no {id}: {:#?}", comparison.drifts))
}

fn causes(drift: &Drift) -> Vec<String> {
    let guardrail = drift.guardrail.iter();
    guardrail.flat_map(|guardrail| &guardrail.causes).map(|one| format!("{}: {}", one.category, one.sentence)).collect()
}

#[test]
fn a_ban_that_is_attached_above_is_not_missed_below() {
    let comparison = compare(&baseline(), &estate(vec![full(), eu(EU, &[ROOT])]));
    let below = by_id(&comparison, &format!("p-00000001@{WORK}"));
    assert_eq!((below.rule, below.direction), (Rule::PolicyDetached, Direction::Equivalent));
    assert!(below.guardrail.as_ref().unwrap().witnesses.is_empty());
    let above = by_id(&comparison, &format!("p-00000001@{ROOT}"));
    assert_eq!((above.rule, above.direction), (Rule::PolicyTightened, Direction::Stricter));
    assert_eq!(accounts(above), ["444444444444"], "the others had it before");
}

#[test]
fn a_ban_whose_duplicate_took_its_place_is_not_missed() {
    let double = || policy("p-00000002", "eu-again", TYPE, EU, &[ROOT]);
    let comparison = compare(&baseline(), &estate(vec![full(), eu(EU, &[]), double()]));
    let detached = by_id(&comparison, &format!("p-00000001@{WORK}"));
    assert_eq!((detached.rule, detached.direction), (Rule::PolicyDetached, Direction::Equivalent));
    // The same where the first is deleted.
    let comparison = compare(&baseline(), &estate(vec![full(), double()]));
    let missing = by_id(&comparison, "service_control/eu-only");
    assert_eq!((missing.rule, missing.direction), (Rule::PolicyMissing, Direction::Equivalent));
}

#[test]
fn a_ban_that_made_way_for_less_says_so() {
    let loose = EU.replace("[\"eu-west-1\"]", "[\"eu-west-1\", \"eu-south-2\"]");
    let comparison = compare(
        &baseline(),
        &estate(vec![full(), eu(EU, &[]), policy("p-00000002", "eu-loose", TYPE, &loose, &[WORK])]),
    );
    let detached = by_id(&comparison, &format!("p-00000001@{WORK}"));
    assert_eq!((detached.rule, detached.direction), (Rule::PolicyWeakened, Direction::Weaker));
    assert_eq!(causes(detached), ["policy-replaced-by-weaker: eu-only made way for eu-loose at /Work"]);
    // What gets through is what the new ban leaves out, and nothing that it stops.
    let witness = serde_json::to_value(&detached.guardrail.as_ref().unwrap().witnesses[0]).unwrap();
    assert_eq!(witness["context"]["aws:RequestedRegion"], "eu-south-2");
    let came = by_id(&comparison, "p-00000002");
    assert_eq!((came.rule, came.direction), (Rule::PolicyUnexpected, Direction::Equivalent), "{came:#?}");
}

#[test]
fn what_weakens_has_its_extent_and_its_cause() {
    use crate::compare::Reach;
    let drift = judged(vec![full(), eu(&EU.replace("[\"eu-west-1\"]", "[\"eu-west-1\", \"eu-south-2\"]"), &[WORK])]);
    let guardrail = drift.guardrail.as_ref().unwrap();
    let extent = guardrail.extent.as_ref().unwrap();
    assert!(extent.actions > 1_000 && extent.complete, "{extent:?}");
    assert_eq!(extent.regions.as_deref(), Some(&["eu-south-2".to_owned()][..]));
    assert_eq!((guardrail.reach, guardrail.stacks), (Some(Reach::Unit), 1));
    assert_eq!(guardrail.units.iter().collect::<Vec<_>>(), ["/Work"]);
    assert_eq!(guardrail.weaker, ["scp"]);
    let [cause] = &guardrail.causes[..] else { panic!("{guardrail:#?}") };
    assert_eq!((cause.category.word(), cause.statement.as_deref()), ("region-allowed", Some("Outside")));
    assert!(cause.sentence.contains("eu-south-2"), "{}", cause.sentence);

    let detached = judged(vec![full(), eu(EU, &[])]);
    assert_eq!(causes(&detached), ["policy-detached: eu-only is not attached to /Work any more"]);
    let deleted = judged(vec![full()]);
    assert_eq!(causes(&deleted), ["policy-deleted: eu-only does not exist, and binds nobody below /Work"]);
    let mut off = estate(Vec::new());
    value(&mut live(&mut off).policy_types).remove(TYPE);
    live(&mut off).policies.remove(TYPE);
    let off = only(&baseline(), &off);
    assert_eq!(off.guardrail.as_ref().unwrap().reach, Some(Reach::Root));
    assert_eq!(causes(&off).len(), 1);
    assert!(causes(&off)[0].starts_with("policy-type-disabled: "), "{:?}", causes(&off));
}

#[test]
fn full_access_beside_an_allow_list_is_weaker() {
    let text = "version: 1
estate: test
aws:
  accounts: [{id: \"111111111111\", name: management}, {id: \"222222222222\", name: payments, ou: /Work},
    {id: \"333333333333\", name: orders, ou: /Work}, {id: \"444444444444\", name: play, ou: /Sandbox}]
  policies:
    - {name: FullAWSAccess, type: service_control, aws_managed: true, targets: [/, /Sandbox, management, payments, orders, play]}
    - {name: few, type: service_control, document: few.json, targets: [/Work]}
";
    let few = r#"{"Statement": {"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}}"#;
    let baseline = load_with(text, &[("few.json", few)]);
    let drift = only(&baseline, &estate(vec![full(), policy("p-00000001", "few", TYPE, few, &[WORK])]));
    assert_eq!((drift.rule, drift.direction), (Rule::PolicyWeakened, Direction::Weaker));
    let said = "fullaccess-reattached: FullAWSAccess, which allows everything, is attached to /Work";
    assert_eq!(causes(&drift), [said]);
}

#[test]
fn an_account_that_left_is_bound_by_nothing() {
    let mut gone = estate(vec![full(), eu(EU, &[WORK])]);
    value(&mut live(&mut gone).accounts).retain(|account| account.id != "222222222222");
    let drift = only(&baseline(), &gone);
    assert_eq!((drift.rule, drift.direction), (Rule::LinkAccountMissing, Direction::Weaker));
    assert_eq!(accounts(&drift), ["222222222222"]);
    assert!(!drift.guardrail.as_ref().unwrap().witnesses.is_empty());
    let said =
        "account-left-organisation: account payments is no member any more, and no policy of the organisation binds it";
    assert_eq!(causes(&drift), [said]);
    // Nothing but full access bound the other; it still left.
    let mut gone = estate(vec![full(), eu(EU, &[WORK])]);
    value(&mut live(&mut gone).accounts).retain(|account| account.id != "444444444444");
    let drift = only(&baseline(), &gone);
    assert_eq!((drift.rule, drift.direction), (Rule::LinkAccountMissing, Direction::Weaker));
    assert!(accounts(&drift).is_empty(), "{drift:#?}");
}

#[test]
fn a_closed_account_is_bound_by_nothing_and_a_suspended_one_still_is() {
    for (state, wanted) in [("CLOSED", vec!["333333333333"]), ("SUSPENDED", vec!["222222222222", "333333333333"])] {
        let mut estate = estate(vec![full(), eu(EU, &[])]);
        let account = value(&mut live(&mut estate).accounts).iter_mut().find(|account| account.id == "222222222222");
        account.unwrap().state = state.to_owned();
        let comparison = compare(&baseline(), &estate);
        let detached = by_id(&comparison, &format!("p-00000001@{WORK}"));
        assert_eq!((detached.direction, accounts(detached)), (Direction::Weaker, wanted), "{state}");
    }
}

#[test]
fn a_unit_that_moved_takes_its_accounts_along() {
    let nested = "ou-ab12-00000003";
    let text = "version: 1
estate: test
aws:
  organizational_units: [{path: /Work}, {path: /Sandbox}, {path: /Work/Team, id: ou-ab12-00000003}]
  policies:
    - {name: FullAWSAccess, type: service_control, aws_managed: true, targets: everywhere}
    - {name: eu-only, type: service_control, document: eu.json, targets: [/Work]}
";
    let baseline = load_with(text, &[("eu.json", EU)]);
    let everywhere = [everywhere(), vec![nested, "555555555555"]].concat();
    let full = Policy { aws_managed: true, ..policy("p-FullAWSAccess", "FullAWSAccess", TYPE, FULL, &everywhere) };
    let mut moved = estate(vec![full, eu(EU, &[WORK])]);
    value(&mut live(&mut moved).units).push(unit(nested, "Team", SANDBOX, "/Sandbox/Team"));
    value(&mut live(&mut moved).accounts).push(account("555555555555", "team", nested, "/Sandbox/Team"));
    let drift = only(&baseline, &moved);
    assert_eq!((drift.rule, drift.direction), (Rule::LinkOuMoved, Direction::Weaker));
    assert_eq!(accounts(&drift), ["555555555555"]);
    assert!(causes(&drift)[0].starts_with("ou-moved: unit "), "{:?}", causes(&drift));
}

/// More differences bear on the account than are told apart: it is said, and none of them is called harmless.
#[test]
fn too_many_differences_to_tell_apart_are_undecided_with_the_reason() {
    let mut text = "version: 1
estate: test
aws:
  accounts: [{id: \"111111111111\", name: management}, {id: \"222222222222\", name: payments, ou: /Work},
    {id: \"333333333333\", name: orders, ou: /Work}, {id: \"444444444444\", name: play, ou: /Sandbox}]
  policies:
    - {name: FullAWSAccess, type: service_control, aws_managed: true, targets: everywhere}
"
    .to_owned();
    let mut policies = vec![full()];
    for number in 0..70 {
        let name = format!("eu-{number}");
        text.push_str(&format!("    - {{name: {name}, type: service_control, document: eu.json, targets: [/Work]}}\n"));
        policies.push(policy(&format!("p-{number:08}"), &name, TYPE, EU, &[]));
    }
    let comparison = compare(&load_with(&text, &[("eu.json", EU)]), &estate(policies));
    assert_eq!(comparison.drifts.len(), 70);
    for drift in &comparison.drifts {
        assert_eq!((drift.rule, drift.direction), (Rule::PolicyUndecided, Direction::Unknown));
        let reason = drift.guardrail.as_ref().unwrap().reason.as_deref().unwrap();
        assert!(reason.contains("weaker by 70 differences together") && reason.contains("more than 64"), "{reason}");
    }
}
