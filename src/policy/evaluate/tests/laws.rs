//! What holds for every stack and every request. In come random ones over a small alphabet, so that patterns meet; out
//! goes nothing but failures, shrunk.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{Allowed, Denied, Unknown, ask, of};
use crate::policy::{
    document::Kind,
    request::{ContextValue, Principal, Request},
    stack::Stack,
};

const KEYS: [&str; 3] = ["aws:A", "aws:B", "aws:C"];

fn value() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "ab", "1", "2.0", "true", "10.0.0.1", "2026-01-01", "arn:a:b:c:d:e"])
        .prop_map(ToOwned::to_owned)
}

/// Values that every operator of the pair can read.
fn operator() -> impl Strategy<Value = (String, Vec<&'static str>)> {
    let texts = vec!["a", "b", "a*", "?b", "${aws:B}", "${aws:C, 'a'}", "${*}", "arn:?:b:*:d:e"];
    let plain = prop_oneof![
        Just(("StringEquals", texts.clone())),
        Just(("StringNotEquals", texts.clone())),
        Just(("StringLike", texts.clone())),
        Just(("StringNotLike", texts.clone())),
        Just(("StringEqualsIgnoreCase", texts.clone())),
        Just(("ArnNotLike", texts)),
        Just(("NumericLessThan", vec!["1", "2", "3e0"])),
        Just(("NumericNotEquals", vec!["1", "2"])),
        Just(("DateGreaterThan", vec!["2025-01-01", "2026-01-01"])),
        Just(("Bool", vec!["true", "false"])),
        Just(("IpAddress", vec!["10.0.0.0/8", "::/0"])),
        Just(("NotIpAddress", vec!["10.0.0.1", "::1"])),
    ];
    let prefix = prop::sample::select(vec!["", "ForAllValues:", "ForAnyValue:"]);
    let suffix = prop::sample::select(vec!["", "IfExists"]);
    let with_sets = (prefix, plain, suffix)
        .prop_map(|(prefix, (word, values), suffix)| (format!("{prefix}{word}{suffix}"), values));
    prop_oneof![9 => with_sets, 1 => Just(("Null".to_owned(), vec!["true", "false"]))]
}

fn condition() -> impl Strategy<Value = (String, Value)> {
    (operator(), prop::sample::select(KEYS.to_vec())).prop_flat_map(|((operator, values), key)| {
        prop::collection::vec(prop::sample::select(values), 0..3)
            .prop_map(move |values| (operator.clone(), json!({key: values})))
    })
}

fn clause(word: &'static str, patterns: &'static [&'static str]) -> impl Strategy<Value = (String, Value)> {
    (any::<bool>(), prop::collection::vec(prop::sample::select(patterns.to_vec()), 0..3)).prop_map(
        move |(negated, patterns)| (if negated { format!("Not{word}") } else { word.to_owned() }, json!(patterns)),
    )
}

fn statement() -> impl Strategy<Value = Value> {
    let principals = &["*", "111122223333", "arn:aws:iam::111122223333:role/R"];
    // What an account in `NotPrincipal` spares nobody says.
    let told = |(word, names): (String, Value)| {
        let names =
            names.as_array().into_iter().flatten().filter(|name| word == "Principal" || *name != "111122223333");
        let names = names.cloned().collect::<Vec<_>>();
        (word, json!(names))
    };
    (
        any::<bool>(),
        clause("Action", &["*", "s:*", "s:A", "?:B"]),
        clause("Resource", &["*", "arn:a:b:c:d:*", "arn:a:b:c:d:${aws:A}", "arn:*:*:*:*:e"]),
        prop::option::of(clause("Principal", principals).prop_map(told)),
        prop::collection::vec(condition(), 0..3),
    )
        .prop_map(|(allows, action, resource, principal, conditions)| {
            let mut said = Map::from_iter([action, resource]);
            said.insert("Effect".to_owned(), json!(if allows { "Allow" } else { "Deny" }));
            said.extend(principal.map(|(word, names)| (word, json!({"AWS": names}))));
            said.insert("Condition".to_owned(), Value::Object(Map::from_iter(conditions)));
            Value::Object(said)
        })
}

fn levels() -> impl Strategy<Value = Vec<Vec<Value>>> {
    prop::collection::vec(prop::collection::vec(statement(), 0..4), 1..4)
}

fn kind() -> impl Strategy<Value = Kind> {
    prop::sample::select(Kind::ALL.to_vec())
}

fn stack(kind: Kind, levels: &[Vec<Value>]) -> Stack {
    let level = |said: &Vec<Value>| json!({"Version": "2012-10-17", "Statement": said});
    of(kind, &levels.iter().map(level).collect::<Vec<_>>())
}

/// A request of which everything is known.
fn request() -> impl Strategy<Value = Request> {
    let context = prop::collection::btree_map(
        prop::sample::select(KEYS.to_vec()).prop_map(ToOwned::to_owned),
        prop_oneof![
            value().prop_map(ContextValue::One),
            prop::collection::vec(value(), 0..3).prop_map(ContextValue::Many)
        ],
        0..4,
    );
    let principal = prop_oneof![
        Just(Principal::Anonymous),
        Just(Principal::Aws("arn:aws:sts::111122223333:assumed-role/R/s".to_owned())),
        Just(Principal::Aws("arn:aws:iam::444455556666:user/u".to_owned())),
        Just(Principal::Service("s.amazonaws.com".to_owned())),
    ];
    let resource = prop::sample::select(vec!["*", "arn:a:b:c:d:e", "arn:a:b:c:d:a", "arn:a:b:c:d:e:a"]);
    (prop::sample::select(vec!["s:A", "S:b", "t:B"]), resource, principal, context).prop_map(
        |(action, resource, principal, context)| Request {
            action: action.to_owned(),
            resource: resource.to_owned(),
            principal: Some(principal),
            context,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Where everything is known and understood, so is the answer; and it names nothing that it would hang on.
    #[test]
    fn a_known_request_has_a_known_answer(kind in kind(), levels in levels(), request in request()) {
        let answer = ask(&stack(kind, &levels), &request);
        prop_assert_ne!(answer.decision, Unknown);
        prop_assert!(answer.hangs_on.is_empty() && answer.not_understood.is_empty());
        prop_assert!(kind == Kind::Rcp || !answer.decided_by.is_empty());
    }

    /// Less knowledge never gives another answer, and an unknown one names only what was forgotten.
    #[test]
    fn forgetting_gives_the_same_answer_or_none(
        kind in kind(), levels in levels(), request in request(), forgotten in prop::sample::subsequence(KEYS.to_vec(), 1..3),
    ) {
        let stack = stack(kind, &levels);
        let known = ask(&stack, &request).decision;
        let mut less = request;
        for key in &forgotten {
            less.context.insert((*key).to_owned(), ContextValue::UNKNOWN);
        }
        let answer = ask(&stack, &less);
        prop_assert!(answer.decision == known || answer.decision == Unknown);
        prop_assert_eq!(answer.decision == Unknown, !answer.hangs_on.is_empty());
        prop_assert!(answer.hangs_on.iter().all(|key| forgotten.contains(&key.as_str())), "{:?}", answer.hangs_on);
    }

    /// Nor does not knowing who asks.
    #[test]
    fn forgetting_who_asks_gives_the_same_answer_or_none(kind in kind(), levels in levels(), request in request()) {
        let stack = stack(kind, &levels);
        let known = ask(&stack, &request).decision;
        let answer = ask(&stack, &Request { principal: None, ..request });
        prop_assert!(answer.decision == known || answer.decision == Unknown && answer.hangs_on == ["principal"]);
    }

    /// One more Deny takes away, one more Allow gives, one more level takes away.
    #[test]
    fn statements_push_one_way(
        kind in kind(), levels in levels(), request in request(), more in statement(), at in any::<prop::sample::Index>(),
    ) {
        let before = ask(&stack(kind, &levels), &request).decision;
        let with = |effect: &str| {
            let (mut levels, mut more) = (levels.clone(), more.clone());
            more["Effect"] = json!(effect);
            let place = at.index(levels.len());
            levels[place].push(more);
            ask(&stack(kind, &levels), &request).decision
        };
        prop_assert!(with("Deny") == before || before == Allowed);
        prop_assert!(with("Allow") == before || before == Denied);
        let mut deeper = levels;
        deeper.push(vec![more]);
        prop_assert!(ask(&stack(kind, &deeper), &request).decision == before || before == Allowed);
    }

    /// The order of levels, documents and statements says nothing.
    #[test]
    fn order_says_nothing(kind in kind(), levels in levels(), request in request()) {
        let before = ask(&stack(kind, &levels), &request).decision;
        let turned: Vec<Vec<Value>> =
            levels.iter().rev().map(|level| level.iter().rev().cloned().collect()).collect();
        prop_assert_eq!(ask(&stack(kind, &turned), &request).decision, before);
    }

    /// The wildcards of a whole text agree with a matcher that tries every split.
    #[test]
    fn wildcards_agree_with_every_split(pattern in "[ab*?]{0,8}", text in "[ab]{0,8}") {
        fn slow(pattern: &[char], text: &[char]) -> bool {
            match (pattern.split_first(), text.split_first()) {
                (None, None) => true,
                (Some(('*', rest)), _) => (0..=text.len()).any(|taken| slow(rest, &text[taken..])),
                (Some(('?', rest)), Some((_, behind))) => slow(rest, behind),
                (Some((wanted, rest)), Some((found, behind))) => wanted == found && slow(rest, behind),
                _ => false,
            }
        }
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        let expected = if slow(&chars(&pattern), &chars(&text)) { Allowed } else { Denied };
        prop_assert_eq!(super::conditions::condition("StringLike", &json!(pattern), &json!(text)), expected);
    }

    /// Numbers compare as whole numbers do, wherever their point stands.
    #[test]
    fn numbers_compare_as_whole_numbers(one in -2_000_i64..2_000, other in -2_000_i64..2_000, exponent in -3_i32..3) {
        let shifted = |number: i64| format!("{number}e{exponent}");
        let expected = if one < other { Allowed } else { Denied };
        let found = super::conditions::condition("NumericLessThan", &json!(shifted(other)), &json!(shifted(one)));
        prop_assert_eq!(found, expected);
        let plain = if exponent < 0 { shifted(one) } else { format!("{}.00", one * 10_i64.pow(exponent.unsigned_abs())) };
        prop_assert_eq!(super::conditions::condition("NumericEquals", &json!(shifted(one)), &json!(plain)), Allowed);
    }
}
