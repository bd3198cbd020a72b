//! Causes of small changes, and what must hold of all of them.

use std::{fmt::Write as _, sync::Arc};

use proptest::prelude::*;

use super::{
    edit::{Difference, Made, Number},
    search::{both, weakening},
    *,
};
use crate::policy::{
    decide::{Direction, decide},
    document::{Document, Kind},
    parse::parse,
    stack::{Level, Named},
};

/// Small changes: name, kind, and both sides in YAML, each a list of levels of documents `{name: …, policy: …}`, or one
/// document.
const CASES: &str = include_str!("tests/cases.yaml");

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default)]
    kind: Option<String>,
    old: serde_json::Value,
    new: serde_json::Value,
}

fn stack(kind: Kind, side: &serde_json::Value) -> Stack {
    let document = |name: &str, policy: &serde_json::Value| Named {
        name: name.to_owned(),
        document: Arc::new(parse(name, &policy.to_string()).unwrap()),
    };
    let Some(levels) = side.as_array() else {
        let mut documents = vec![document("policy", side)];
        if kind == Kind::Scp && !side.to_string().contains("Allow") {
            documents.push(Named { name: "FullAWSAccess".to_owned(), document: Arc::new(Document::full_access()) });
        }
        return Stack { kind, levels: vec![Level { documents }] };
    };
    let level = |level: &serde_json::Value| {
        let named = level.as_array().unwrap().iter();
        Level { documents: named.map(|one| document(one["name"].as_str().unwrap(), &one["policy"])).collect() }
    };
    Stack { kind, levels: levels.iter().map(level).collect() }
}

fn cases() -> Vec<(String, Stack, Stack)> {
    let cases: Vec<Case> = serde_yaml::from_str(CASES).unwrap();
    let read = |case: Case| {
        let kind = case.kind.as_deref().unwrap_or("scp");
        let kind = Kind::ALL.into_iter().find(|known| known.word() == kind).unwrap();
        (case.name, stack(kind, &case.old), stack(kind, &case.new))
    };
    cases.into_iter().map(read).collect()
}

#[test]
fn each_kind_of_weakening_has_its_sentence() {
    let mut told = String::new();
    let mut missing: Vec<Category> = Category::ALL.to_vec();
    for (name, old, new) in cases() {
        let _ = writeln!(told, "{name}");
        let causes = find(&old, &new, &Options::default());
        assert_eq!(causes.incomplete, None, "{name}");
        for (cause, _) in causes.list {
            missing.retain(|category| *category != cause.category);
            let statement = cause.statement.map(|said| format!(" [{said}]")).unwrap_or_default();
            let together = cause.together.map(|number| format!(" (together {number})")).unwrap_or_default();
            let _ = writeln!(told, "  {}: {}{statement}{together}", cause.category, cause.sentence);
        }
    }
    // What two stacks do not show: it is told by the organisation. And what weakens in no way that has a name of its own.
    let of_organization =
        [Category::PolicyDeleted, Category::AccountMoved, Category::OuMoved, Category::AccountLeftOrganisation];
    assert_eq!(missing, [&of_organization[..], &[Category::StatementChanged]].concat());
    insta::assert_snapshot!(told);
}

#[test]
fn the_words_of_categories_are_those_of_json() {
    for category in Category::ALL {
        assert_eq!(serde_json::to_value(category).unwrap(), category.word());
    }
}

/// Makes the edits, and says whether that lets through something that the new side lets through too.
fn lets_through(difference: &Difference, old: &Stack, new: &Stack, edits: &[Number]) -> bool {
    let edited = difference.documents(&Made::new(edits.to_vec()));
    matches!(decide(old, &both(&edited, new), &Options::default()).weaker, Direction::Some(_))
}

/// The same apart from where it stands and how it is spelled.
fn normal(stack: &Stack) -> Stack {
    let mut stack = stack.clone();
    for named in stack.levels.iter_mut().flat_map(|level| &mut level.documents) {
        let mut document = (*named.document).clone();
        document.refusals.clear();
        named.document = Arc::new(document);
    }
    stack
}

/// Checks that all edits make the new side, that none make the old one, and that the causes weaken and are minimal.
fn check(old: &Stack, new: &Stack) -> Result<(), TestCaseError> {
    let difference = Difference::between(old, new);
    let mut made = difference.documents(&difference.all());
    // Documents that left are written last, and the order of documents says nothing.
    let mut expected = normal(new);
    for level in made.levels.iter_mut().chain(&mut expected.levels) {
        level.documents.sort_by(|one, two| one.name.cmp(&two.name));
    }
    prop_assert_eq!(&made, &expected);
    let none = difference.documents(&Made::default());
    let unchanged = decide(old, &none, &Options::default());
    prop_assert_eq!((unchanged.weaker, unchanged.stricter), (Direction::None, Direction::None));
    let is_weaker = matches!(decide(old, new, &Options::default()).weaker, Direction::Some(_));
    if !is_weaker {
        return Ok(());
    }
    let found = weakening(&difference, &Options::default());
    prop_assert!(!found.sets.is_empty() && found.sets.iter().all(|set| set.is_least));
    prop_assert_eq!(&found.incomplete, &None);
    for set in found.sets.iter().map(|set| &set.edits) {
        prop_assert!(lets_through(&difference, old, new, set), "{:?} does not weaken", set);
        for without in set {
            let rest: Vec<Number> = set.iter().copied().filter(|edit| edit != without).collect();
            prop_assert!(!lets_through(&difference, old, new, &rest), "{:?} weakens without {}", set, without);
        }
    }
    Ok(())
}

#[test]
fn causes_of_small_changes_are_minimal() {
    for (name, old, new) in cases() {
        check(&old, &new).unwrap_or_else(|wrong| panic!("{name}: {wrong}"));
    }
}

fn some(words: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    prop::sample::subsequence(words, 1..=2)
}

/// A statement over a small alphabet.
fn statement() -> impl Strategy<Value = serde_json::Value> {
    let condition = prop_oneof![
        Just("StringEquals"),
        Just("StringNotEquals"),
        Just("StringNotEqualsIfExists"),
        Just("StringLike"),
        Just("Null"),
    ];
    let condition = (condition, some(&["a", "b", "true"]), prop::sample::select(vec!["aws:RequestedRegion", "x:k"]));
    (
        prop::option::weighted(0.5, prop::sample::select(vec!["S", "T"])),
        prop::bool::weighted(0.4),
        (any::<bool>(), some(&["s3:*", "s3:Get*", "ec2:RunInstances", "*"])),
        (prop::bool::weighted(0.2), some(&["*", "arn:aws:s3:::a", "arn:aws:s3:::b/*"])),
        prop::option::weighted(0.5, condition),
    )
        .prop_map(|(sid, allow, (not_action, actions), (not_resource, resources), condition)| {
            let mut said = serde_json::json!({ "Effect": if allow { "Allow" } else { "Deny" } });
            said[if not_action { "NotAction" } else { "Action" }] = actions.into();
            said[if not_resource { "NotResource" } else { "Resource" }] = resources.into();
            if let Some(sid) = sid {
                said["Sid"] = sid.into();
            }
            if let Some((operator, values, key)) = condition {
                said["Condition"] = serde_json::json!({ operator: { key: values } });
            }
            said
        })
}

fn side() -> impl Strategy<Value = serde_json::Value> {
    let document = |name: &'static str| {
        let statements = prop::collection::vec(statement(), 1..4);
        statements.prop_map(
            move |said| serde_json::json!({ "name": name, "policy": { "Version": "2012-10-17", "Statement": said } }),
        )
    };
    let full = serde_json::json!({ "name": "full", "policy": {
        "Version": "2012-10-17", "Statement": { "Effect": "Allow", "Action": "*", "Resource": "*" } } });
    let level = (prop::option::of(document("a")), prop::option::of(document("b")), prop::bool::weighted(0.8)).prop_map(
        move |(one, two, is_full)| {
            let full = is_full.then(|| full.clone());
            serde_json::Value::Array(one.into_iter().chain(two).chain(full).collect())
        },
    );
    prop::collection::vec(level, 0..3).prop_map(serde_json::Value::Array)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    #[test]
    fn all_edits_make_the_new_side_and_causes_are_minimal(old in side(), new in side()) {
        check(&stack(Kind::Scp, &old), &stack(Kind::Scp, &new))?;
    }
}

#[test]
fn long_lists_are_tried_within_the_bound() {
    let list = |from: usize, to: usize| -> Vec<String> { (from..to).map(|at| format!("s3:Action{at}")).collect() };
    let side = |actions: Vec<String>| {
        let said = serde_json::json!({ "Effect": "Deny", "Action": actions, "Resource": "*" });
        stack(Kind::Scp, &serde_json::json!({ "Version": "2012-10-17", "Statement": [said] }))
    };
    let causes = find(&side(list(0, 3_000)), &side(list(0, 1)), &Options::default());
    assert!(causes.incomplete.is_some_and(|why| why.contains("2965 of 2999 edits were only tried together")));
    let [(cause, _)] = causes.list.as_slice() else { panic!("{:?}", causes.list) };
    let expected = "s3:Action1, s3:Action2, s3:Action3 and 2996 more are no longer banned";
    assert_eq!((cause.category, cause.sentence.as_str()), (Category::DenyActionRemoved, expected));
}
