//! Decisions that people can check by reading: each was once wrong. In come two documents; out goes nothing but failures.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why")]
#![allow(clippy::literal_string_with_formatting_args, reason = "policy variables look like them")]

use serde_json::{Value, json};

use super::{Decision, Direction, Options, Verdict, decide};
use crate::policy::{document::Kind, parse::parse, stack::Stack};

fn decided(kind: Kind, old: &[Value], new: &[Value]) -> Decision {
    let stack = |statements: &[Value]| {
        let text = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
        Stack::single(kind, "p", parse("p.json", &text).expect("a document"))
    };
    decide(&stack(old), &stack(new), &Options::default())
}

fn allow_if(condition: &Value) -> Value {
    json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition})
}

fn conditions(old: &Value, new: &Value) -> Verdict {
    decided(Kind::Identity, &[allow_if(old)], &[allow_if(new)]).verdict()
}

#[test]
fn numbers_differ_by_every_digit() {
    let at = |number: &str| json!({"NumericEquals": {"s3:max-keys": number}});
    assert_eq!(conditions(&at("9007199254740992"), &at("9007199254740993")), Verdict::Mixed);
    assert_eq!(conditions(&at("1.0"), &at("1")), Verdict::Equivalent);
    let below = |number: &str| json!({"NumericLessThan": {"s3:max-keys": number}});
    assert_eq!(conditions(&below("0.1"), &below("0.100000000000001")), Verdict::Weaker);
    assert_eq!(conditions(&below("1"), &below("1.0000000000000000001")), Verdict::Unknown);
}

#[test]
fn a_month_is_its_beginning_and_a_time_without_an_offset_is_no_moment() {
    let from = |moment: &str| json!({"DateGreaterThanEquals": {"aws:CurrentTime": moment}});
    assert_eq!(conditions(&from("2024-02"), &from("2024-02-01T00:00:00Z")), Verdict::Equivalent);
    assert_eq!(conditions(&from("2024-02-01T00:00:00"), &from("2024-02-01T00:00:00Z")), Verdict::Unknown);
}

#[test]
fn what_is_not_understood_is_never_called_the_same_as_what_is() {
    let rows = [
        // `Bool` knows two words.
        (json!({"Bool": {"k": "yes"}}), json!({"StringEqualsIgnoreCase": {"k": "yes"}})),
        // Nobody says what a set prefix before `Null` means.
        (json!({"ForAllValues:Null": {"k": "true"}}), json!({"Null": {"k": "true"}})),
        // It begins a variable and does not end it.
        (json!({"StringEquals": {"k": "${aws:username"}}), json!({"StringLike": {"k": "${aws:username"}})),
        (json!({"StringEquals": {"k": "${aws:username, x}"}}), json!({"StringLike": {"k": "${aws:username, x}"}})),
    ];
    for (old, new) in rows {
        assert_eq!(conditions(&old, &new), Verdict::Unknown, "{old} {new}");
        assert_eq!(conditions(&old, &old), Verdict::Equivalent, "{old}");
    }
}

#[test]
fn the_words_of_an_unknown_operator_mean_something_else_where_they_are_variables() {
    let said = json!({"StringMatches": {"k": "${aws:username}"}});
    let stack = |version: &str| {
        let text = json!({"Version": version, "Statement": [allow_if(&said)]}).to_string();
        Stack::single(Kind::Identity, "p", parse("p.json", &text).expect("a document"))
    };
    let verdict = |old: &str, new: &str| decide(&stack(old), &stack(new), &Options::default()).verdict();
    assert_eq!(verdict("2012-10-17", "2012-10-17"), Verdict::Equivalent);
    assert_eq!(verdict("2008-10-17", "2012-10-17"), Verdict::Unknown);
}

#[test]
fn signs_that_are_capitals_count_where_case_does_not() {
    // The sign of the kelvin is a third way to write `k`.
    let verdict =
        conditions(&json!({"StringEquals": {"t": ["k", "K"]}}), &json!({"StringEqualsIgnoreCase": {"t": "k"}}));
    assert_eq!(verdict, Verdict::Weaker);
}

#[test]
fn an_action_has_one_colon() {
    let (some, other) = (json!("a:?b"), json!(["a:?b", "a::b", "a:b:b"]));
    let allow = |actions: &Value| json!({"Effect": "Allow", "Action": actions, "Resource": "*"});
    assert_eq!(decided(Kind::Identity, &[allow(&some)], &[allow(&other)]).verdict(), Verdict::Equivalent);
}

#[test]
fn no_principal_has_a_region() {
    let names = |names: &Value| json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Principal": {"AWS": names}});
    let old = names(&json!("111122223333"));
    let new = names(&json!(["111122223333", "arn:aws:iam:eu-west-1:444455556666:role/R"]));
    let decision = decided(Kind::Resource, &[old], &[new]);
    assert_eq!((&decision.weaker, &decision.stricter), (&Direction::None, &Direction::None));
}
