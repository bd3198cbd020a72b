//! Two sides of random policies. In come random statements over a small alphabet; the verdict must keep the laws of a
//! difference, whatever they say.

#![no_main]

use arbitrary::Arbitrary;
use guardline::policy::{
    comparison::{Comparison, compare},
    decide::{Limits, Options, Verdict},
    document::Kind,
    levels::{File, from_files},
};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value, json};

#[derive(Arbitrary, Debug)]
struct Case {
    kind: u8,
    old: Vec<Vec<Statement>>,
    new: Vec<Vec<Statement>>,
}

#[derive(Arbitrary, Debug)]
struct Statement {
    allow: bool,
    not_action: bool,
    not_resource: bool,
    not_principal: bool,
    actions: Vec<Piece>,
    resources: Vec<Piece>,
    principals: Vec<u8>,
    conditions: Vec<(u8, u8, u8, Vec<Piece>)>,
    old_version: bool,
}

#[derive(Arbitrary, Debug)]
enum Piece {
    Known(u8),
    Letters(Vec<u8>),
}

const ACTIONS: [&str; 7] = ["*", "ec2:*", "ec2:RunInstances", "s3:Get*", "s3:?etObject", "iam:*Role", "x"];
const RESOURCES: [&str; 7] = [
    "*",
    "arn:aws:s3:::b/*",
    "arn:aws:s3:::${aws:username}/*",
    "arn:aws:ec2:*:*:instance/?",
    "arn:aws:ec2:*",
    "arn:*",
    "b",
];
const PRINCIPALS: [&str; 5] = [
    "*",
    "111111111111",
    "arn:aws:iam::111111111111:root",
    "arn:aws:iam::111111111111:role/r",
    "arn:aws:iam::222222222222:user/u",
];
const KEYS: [&str; 6] = [
    "aws:RequestedRegion",
    "aws:TagKeys",
    "aws:SourceIp",
    "aws:PrincipalArn",
    "s3:max-keys",
    "aws:MultiFactorAuthPresent",
];
const VALUES: [&str; 10] = [
    "eu-west-1",
    "eu-*",
    "",
    "10.0.0.0/8",
    "::/0",
    "true",
    "5",
    "2026-01-01T00:00:00Z",
    "${aws:username, 'x'}",
    "arn:aws:iam::*:role/r",
];
const OPERATORS: [&str; 18] = [
    "StringEquals",
    "StringNotEquals",
    "StringLike",
    "StringNotLike",
    "StringEqualsIgnoreCase",
    "ArnLike",
    "ArnNotEquals",
    "NumericLessThan",
    "NumericNotEquals",
    "DateGreaterThanEquals",
    "Bool",
    "Null",
    "IpAddress",
    "NotIpAddress",
    "BinaryEquals",
    "StringEqualsIfExists",
    "ForAllValues:StringLike",
    "ForAnyValue:StringNotEqualsIfExists",
];
const LETTERS: &[u8] = b"abA:*?/-.${},' 1\0";

fn text(piece: &Piece, known: &[&str]) -> String {
    match piece {
        Piece::Known(at) => known[usize::from(*at) % known.len()].to_owned(),
        Piece::Letters(at) => {
            at.iter().take(24).map(|at| char::from(LETTERS[usize::from(*at) % LETTERS.len()])).collect()
        }
    }
}

fn texts(pieces: &[Piece], known: &[&str]) -> Vec<String> {
    pieces.iter().take(4).map(|piece| text(piece, known)).collect()
}

fn statement(said: &Statement) -> Value {
    let key = |not: bool, key: &str| if not { format!("Not{key}") } else { key.to_owned() };
    let mut object = Map::new();
    object.insert("Effect".into(), json!(if said.allow { "Allow" } else { "Deny" }));
    object.insert(key(said.not_action, "Action"), json!(texts(&said.actions, &ACTIONS)));
    object.insert(key(said.not_resource, "Resource"), json!(texts(&said.resources, &RESOURCES)));
    if !said.principals.is_empty() {
        let names: Vec<&str> =
            said.principals.iter().take(3).map(|at| PRINCIPALS[usize::from(*at) % PRINCIPALS.len()]).collect();
        object.insert(key(said.not_principal, "Principal"), json!({ "AWS": names }));
    }
    let mut operators: Map<String, Value> = Map::new();
    for (operator, set, key, values) in said.conditions.iter().take(3) {
        let operator = OPERATORS[usize::from(*operator) % OPERATORS.len()];
        let prefix = match set % 8 {
            0 => "ForAllValues:",
            1 => "ForAnyValue:",
            _ => "",
        };
        let name = if operator.contains(':') { operator.to_owned() } else { format!("{prefix}{operator}") };
        let keys = operators.entry(name).or_insert_with(|| json!({}));
        keys[KEYS[usize::from(*key) % KEYS.len()]] = json!(texts(values, &VALUES));
    }
    object.insert("Condition".into(), operators.into());
    object.into()
}

fn side(levels: &[Vec<Statement>]) -> String {
    let level = |said: &Vec<Statement>| {
        let statements: Vec<Value> = said.iter().take(4).map(statement).collect();
        let old = said.first().is_some_and(|said| said.old_version);
        json!([{"Version": if old { "2008-10-17" } else { "2012-10-17" }, "Statement": statements}])
    };
    Value::Array(levels.iter().take(3).map(level).collect()).to_string()
}

fn judged(kind: Kind, old: &str, new: &str) -> Option<Comparison> {
    let read = |text: &str| from_files(kind, vec![File { name: "a.json".to_owned(), text: text.to_owned() }]).ok();
    let limits = Limits { states: 4_000, steps: 50_000, boxes: 256, ..Limits::default() };
    Some(compare(read(old)?, read(new)?, &Options { limits, ..Options::default() }))
}

fuzz_target!(|case: Case| {
    let kind = Kind::ALL[usize::from(case.kind) % Kind::ALL.len()];
    let (old, new) = (side(&case.old), side(&case.new));
    let (Some(there), Some(back)) = (judged(kind, &old, &new), judged(kind, &new, &old)) else { return };
    for one in [&there, &back] {
        let said = one.reason.as_deref().unwrap_or_default();
        assert!(!said.contains("no request could be shown"), "{kind}: {old} to {new}: {said}");
        assert_eq!(matches!(one.verdict, Verdict::Weaker | Verdict::Mixed), !one.witnesses.is_empty());
        assert!(one.verdict != Verdict::Unknown || one.reason.is_some());
    }
    if there.reason.is_none() && back.reason.is_none() {
        let mirrored = match there.verdict {
            Verdict::Weaker => Verdict::Stricter,
            Verdict::Stricter => Verdict::Weaker,
            same => same,
        };
        assert_eq!(back.verdict, mirrored, "{kind}: {old} to {new}");
    }
    // A repeated text that is read twice shares nothing but what it says.
    let spaced = format!(" {old}");
    if let Some(same) = judged(kind, &old, &spaced).filter(|same| same.reason.is_none()) {
        assert_eq!(same.verdict, Verdict::Equivalent, "{kind}: {old}");
    }
});
