//! Adopting and exempting, over generated estates: afterwards the finding is gone or exempt, and nothing else is new.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use serde_json::Value;

use super::time;
use crate::baseline::edit::{Change, EditError, Editor};
use crate::baseline::files::Carried;
use crate::baseline::model::{Category, Moment};
use crate::baseline::{Baseline, load_from};
use crate::compare::tests::changes::CHANGES;
use crate::compare::tests::world::{World, worlds};
use crate::compare::{Rule, compare};
use crate::estate::{Kind, Snapshot};
use crate::finding::{Finding, Inputs, NotAdopted, Status, Terms, WaiverError, adoption, findings, waiver};

/// Every finding of an estate.
fn found(baseline: &Baseline, snapshot: &Snapshot) -> Vec<Finding> {
    let changes: Vec<_> = compare(baseline, snapshot).drifts.into_iter().map(|drift| (drift, None)).collect();
    findings(&Inputs { baseline, snapshot, changes: &changes, now: time("2026-11-21T03:00:00Z") })
}

fn ids(findings: &[Finding]) -> BTreeSet<String> {
    findings.iter().map(|finding| format!("{} {} {}", finding.id, finding.rule, finding.status.as_str())).collect()
}

/// The baseline after the changes, each of which must be possible on its own.
fn after(text: &str, changes: &[Change]) -> Result<Baseline, EditError> {
    let files = Carried(BTreeMap::from([(PathBuf::from("b.yaml"), text)]));
    let mut editor = Editor::open(&files, Path::new("b.yaml"), &[]).unwrap();
    changes.iter().try_for_each(|change| editor.apply(change))?;
    Ok(editor.baseline().clone())
}

fn load(text: &str) -> Baseline {
    let files = Carried(BTreeMap::from([(PathBuf::from("b.yaml"), text)]));
    load_from(&files, Path::new("b.yaml"), &[]).unwrap()
}

/// The generated baseline as people would write it, and as a program would.
fn hands(world: &World) -> [String; 2] {
    let declared = world.declared();
    [serde_yaml::to_string(&declared).unwrap(), declared.to_string()]
}

/// Every estate with one change, in each hand.
fn each_case(picks: usize, mut judge: impl FnMut(&str, &Baseline, &Snapshot, &Finding, &[Finding])) {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for pick in 0..picks {
        let world = worlds().new_tree(&mut runner).unwrap().current();
        let hands = hands(&world);
        let text = &hands[pick % 2];
        let baseline = load(text);
        for change in CHANGES {
            let mut snapshot = world.snapshot();
            if (change.make)(&world, &mut snapshot, pick).is_none() {
                continue;
            }
            let all = found(&baseline, &snapshot);
            all.iter().for_each(|finding| judge(text, &baseline, &snapshot, finding, &all));
        }
    }
}

/// The rules that are never adopted.
const NEVER: [Rule; 9] = [
    Rule::QuotaRequestPending,
    Rule::QuotaAutoManagement,
    Rule::RegionInFlight,
    Rule::RegionOpen,
    Rule::LinkAccountSuspended,
    Rule::LinkHandshakeOpen,
    Rule::AuditTrailMissing,
    Rule::AuditTrailStopped,
    Rule::AuditTrailFailing,
];

/// What else may come to light by an adoption: that the template is meant to be in use follows from its rows, at its new
/// place other rules hold for an account, and a rule may still name what was taken out.
fn follows(rule: Rule, new: &str) -> bool {
    match rule {
        Rule::QuotaTemplateChanged => new.contains("quota.template.changed"),
        Rule::LinkAccountMoved => new.contains("quota.raised"),
        Rule::LinkAccountMissing | Rule::LinkOuMissing => new.contains("baseline.unmatched"),
        _ => false,
    }
}

#[test]
fn what_is_adopted_is_a_finding_no_more_and_nothing_else_becomes_one() {
    let (mut adopted, mut refused, mut wrong) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    each_case(14, |text, baseline, snapshot, finding, all| {
        let changes = match adoption(finding, baseline, Some(snapshot)) {
            Ok(changes) => changes,
            Err(NotAdopted { rule, why, instead, .. }) => {
                assert!(!why.is_empty() && !instead.is_empty());
                refused.insert((rule, why));
                return;
            }
        };
        let result = match after(text, &changes) {
            Ok(result) => result,
            Err(EditError::Refused { paste, .. }) => {
                assert!(!paste.is_empty());
                return;
            }
            Err(error) => panic!("{error}: {changes:?}\n{text}"),
        };
        let now = found(&result, snapshot);
        let stays = now.iter().any(|one| one.id == finding.id);
        let (before, now) = (ids(all), ids(&now));
        let new: Vec<_> = now.difference(&before).filter(|new| !follows(finding.rule, new)).collect();
        if stays || !new.is_empty() {
            wrong.push(format!("{}: {changes:?}: stays: {stays}, new: {new:?}\n{text}", finding.title));
        }
        adopted.insert(finding.by_text());
    });
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n\n"));
    let of_estate = Rule::ALL.iter().copied().filter(|rule| rule.kind() != Kind::Baseline && !JUDGED.contains(rule));
    let expected: BTreeSet<Rule> = of_estate.filter(|rule| !NEVER.contains(rule)).collect();
    let missing: Vec<_> = expected.difference(&adopted).collect();
    assert!(missing.is_empty(), "never adopted: {missing:?}; refused: {refused:#?}");
    let surprising: Vec<_> = adopted.difference(&expected).collect();
    assert!(surprising.is_empty(), "{surprising:?}");
}

/// What a plain difference of policies comes to; it is adopted and exempted as that difference.
const JUDGED: [Rule; 3] = [Rule::PolicyWeakened, Rule::PolicyTightened, Rule::PolicyUndecided];

fn terms(expires: &Moment, unbounded: bool) -> Terms<'_> {
    Terms { reason: "so: it is", owner: "platform", category: Category::Waiver, expires, unbounded }
}

#[test]
fn what_is_exempted_is_exempt_and_nothing_else_changes() {
    let expires = Moment::try_from("2099-01-31".to_owned()).unwrap();
    let (mut exempted, mut unbounded) = (BTreeSet::new(), BTreeSet::new());
    each_case(6, |text, baseline, snapshot, finding, all| {
        let aws = baseline.model.aws.as_ref();
        let entry = match waiver(finding, &terms(&expires, false), aws) {
            Ok(entry) => entry,
            Err(WaiverError::NoBound(_)) => {
                unbounded.insert(finding.by_text());
                return;
            }
            Err(error) => panic!("{error}"),
        };
        let result = after(text, &[Change::Append { list: "/exemptions".to_owned(), item: entry.clone() }]).unwrap();
        let now = found(&result, snapshot);
        let same = now.iter().find(|one| one.id == finding.id).unwrap();
        assert_eq!(same.status, Status::Exempt, "{}: {entry} {:?}\n{text}", finding.title, same.notes);
        let mut before = ids(all);
        before.remove(&format!("{} {} open", finding.id, finding.rule));
        before.insert(format!("{} {} exempt", finding.id, finding.rule));
        assert_eq!(ids(&now), before, "{}: {entry}\n{text}", finding.title);
        exempted.insert(finding.by_text());
        assert!(matches!(waiver(same, &terms(&expires, false), aws), Err(WaiverError::Accepted { .. })));
    });
    let of_estate: BTreeSet<Rule> =
        Rule::ALL.iter().copied().filter(|rule| rule.kind() != Kind::Baseline && !JUDGED.contains(rule)).collect();
    assert_eq!(of_estate.difference(&exempted).collect::<Vec<_>>(), [&Rule::AuditTrailWeakened]);
    assert!(unbounded.contains(&Rule::AuditTrailWeakened), "{unbounded:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    /// A state that grows beyond the one that was accepted is open again.
    #[test]
    fn an_exemption_reaches_no_further_than_the_state_it_was_made_for(world in worlds(), more in 1u32..1000) {
        let text = world.declared().to_string();
        let baseline = load(&text);
        let raise = CHANGES.iter().find(|change| change.name == "a quota is raised above its own limit").unwrap();
        let mut snapshot = world.snapshot();
        prop_assume!((raise.make)(&world, &mut snapshot, 0).is_some());
        let all = found(&baseline, &snapshot);
        let finding = all.iter().find(|finding| finding.rule == Rule::QuotaRaised).unwrap();
        let expires = Moment::try_from("2099-01-31".to_owned()).unwrap();
        let entry = waiver(finding, &terms(&expires, false), baseline.model.aws.as_ref()).unwrap();
        let item = entry.clone();
        let result = after(&text, &[Change::Append { list: "/exemptions".to_owned(), item }]).unwrap();
        for facts in snapshot.accounts.values_mut().flat_map(|account| account.regions.values_mut()) {
            for rows in facts.quotas.values_mut() {
                let crate::estate::Observation::Known(rows) = rows else { continue };
                for row in rows.iter_mut().filter(|row| finding.subject.id.ends_with(&row.code)) {
                    if let crate::estate::Observation::Known(value) = &mut row.value {
                        *value += f64::from(more);
                    }
                }
            }
        }
        let now = found(&result, &snapshot);
        let same = now.iter().find(|one| one.id == finding.id).unwrap();
        prop_assert_eq!(same.status, Status::Open);
        prop_assert!(same.notes.iter().any(|note| note.contains("does not reach")), "{:?} {}", same.notes, entry);
    }
}

/// What the terms say stands in the entry, and the order is one that people write.
#[test]
fn an_exemption_reads_like_one_that_a_person_wrote() {
    let mut shown = Vec::new();
    let expires = Moment::try_from("2099-01-31".to_owned()).unwrap();
    each_case(2, |_, baseline, _, finding, _| {
        if finding.rule == Rule::QuotaRaised && shown.is_empty() {
            let terms = Terms { category: Category::Mitigated, ..terms(&expires, false) };
            shown.push(waiver(finding, &terms, baseline.model.aws.as_ref()).unwrap());
        }
    });
    let keys: Vec<&String> = shown[0].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["match", "max", "reason", "owner", "category", "expires"]);
    assert_eq!(shown[0]["category"], Value::from("mitigated"));
}
