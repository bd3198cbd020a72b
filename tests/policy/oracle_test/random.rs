//! Random documents, and requests that they speak of. In: chance; out: sides and requests over a few patterns and values that
//! come near each other.

use std::collections::BTreeMap;

use guardline::policy::document::Kind;
use guardline::policy::request::{ContextValue, Principal, Request};
use serde_json::{Map, Value, json};

use super::dice::Dice;
use super::side::{Side, full_access};

/// Operators with values of the policy and values of the request that come near them.
const TEXTS: (&[&str], &[&str]) = (
    &["Red", "red", "R*", "R?d", "*", "Blue", "${aws:username}", "x${aws:PrincipalTag/team, 'Red'}", "${*}", "a:b"],
    &["Red", "red", "Blue", "*", "ann", "xRed", "", "a:b"],
);
pub(super) const ARNS: (&[&str], &[&str]) = (
    &[
        "arn:aws:iam::111122223333:role/*",
        "arn:aws:iam::*:role/Admin",
        "arn:aws:iam::111122223333:role/Admin",
        "arn:aws:iam::1111????3333:*/Admin",
        "arn:aws:iam::111122223333:role/${aws:username}",
        "arn:aws:iam::111122223333:*",
    ],
    &[
        "arn:aws:iam::111122223333:role/Admin",
        "arn:aws:iam::111122223333:role/ann",
        "arn:aws:iam::444455556666:role/Admin",
    ],
);
pub(super) const NUMBERS: (&[&str], &[&str]) = (&["10", "10.5", "0", "-3"], &["10", "10.0", "10.5", "11", "-3"]);
pub(super) const DATES: (&[&str], &[&str]) = (
    &["2026-05-01T00:00:00Z", "2026-06-01T00:00:00Z"],
    &["2026-05-01T00:00:00Z", "2026-05-15T12:00:00Z", "2027-01-01T00:00:00Z", "2020-01-01T00:00:00Z"],
);
pub(super) const TRUTHS: (&[&str], &[&str]) = (&["true", "false"], &["true", "false"]);
pub(super) const ADDRESSES: (&[&str], &[&str]) = (
    &["203.0.113.0/24", "203.0.113.7/32", "10.0.0.0/8", "2001:db8::/32"],
    &["203.0.113.7", "203.0.113.8", "10.255.0.1", "192.0.2.1", "2001:db8::1", "2001:db9::1"],
);

type Values = (&'static [&'static str], &'static [&'static str]);

/// Each key has values of one sort, as AWS's have, and so its operators.
const KEYS: [(&str, Values, &[&str]); 8] = [
    ("aws:PrincipalTag/color", TEXTS, &STRINGS),
    ("aws:RequestedRegion", TEXTS, &STRINGS),
    ("aws:TagKeys", TEXTS, &STRINGS),
    ("aws:PrincipalArn", ARNS, &["ArnEquals", "ArnNotEquals", "ArnLike", "ArnNotLike", "StringLike", "StringNotLike"]),
    (
        "aws:MultiFactorAuthAge",
        NUMBERS,
        &[
            "NumericEquals",
            "NumericNotEquals",
            "NumericLessThan",
            "NumericLessThanEquals",
            "NumericGreaterThan",
            "NumericGreaterThanEquals",
        ],
    ),
    (
        "aws:CurrentTime",
        DATES,
        &[
            "DateEquals",
            "DateNotEquals",
            "DateLessThan",
            "DateLessThanEquals",
            "DateGreaterThan",
            "DateGreaterThanEquals",
        ],
    ),
    ("aws:SecureTransport", TRUTHS, &["Bool"]),
    ("aws:SourceIp", ADDRESSES, &["IpAddress", "NotIpAddress"]),
];
const STRINGS: [&str; 6] = [
    "StringEquals",
    "StringNotEquals",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
    "StringLike",
    "StringNotLike",
];
pub(super) const ACTIONS: [&str; 4] = ["s3:GetObject", "s3:PutObject", "ec2:RunInstances", "iam:PassRole"];
const ACTION_PATTERNS: [&str; 7] = ["*", "s3:*", "s3:Get*", "S3:putobject", "ec2:Run?nstances", "iam:*Role", "ec2:*"];
pub(super) const RESOURCES: [&str; 5] = [
    "arn:aws:s3:::data/home/ann/x",
    "arn:aws:s3:::data/home/$",
    "arn:aws:ec2:eu-west-1:111122223333:instance/i-1",
    "arn:aws:logs:eu-west-1:111122223333:log-group:g:log-stream:s",
    "arn:aws:iam::111122223333:role/Admin",
];
const RESOURCE_PATTERNS: [&str; 9] = [
    "*",
    "arn:aws:s3:::data/*",
    "arn:aws:s3:::data/home/${aws:username}/*",
    "arn:aws:s3:::data/home/${$}",
    "arn:aws:ec2:*:*:instance/*",
    "arn:aws:logs:*:111122223333:log-group:*:s",
    "arn:aws:iam::1111????3333:role/A*n",
    "arn:aws:*:*:*:*",
    "arn:*:s3:::*",
];
const PRINCIPALS: [&str; 6] = [
    "arn:aws:iam::111122223333:root",
    "111122223333",
    "444455556666",
    "arn:aws:iam::111122223333:role/Admin",
    "arn:aws:iam::111122223333:user/ann",
    "arn:aws:sts::111122223333:assumed-role/Admin/s",
];

pub(super) fn kind(dice: &mut Dice) -> Kind {
    *dice.pick(&[Kind::Scp, Kind::Scp, Kind::Rcp, Kind::Identity, Kind::Resource])
}

/// A random stack.
pub(super) fn side(dice: &mut Dice, kind: Kind) -> Side {
    let levels = if matches!(kind, Kind::Scp | Kind::Rcp) { 1 + dice.below(3) } else { 1 };
    Side::new(kind, (0..levels).map(|_| vec![document(dice, kind)]).collect())
}

fn document(dice: &mut Dice, kind: Kind) -> Value {
    let mut statements: Vec<Value> = (0..=dice.below(3)).map(|_| statement(dice, kind)).collect();
    if kind == Kind::Scp && !dice.one_in(3) {
        statements.push(full_access()["Statement"][0].clone());
    }
    let version = if dice.one_in(5) { "2008-10-17" } else { "2012-10-17" };
    json!({"Version": version, "Statement": statements})
}

/// A side, changed in one thing.
pub(super) fn changed(dice: &mut Dice, side: &Side) -> Side {
    let (kind, mut levels) = (side.stack.kind, side.levels.clone());
    let level = dice.below(levels.len());
    let fresh = statement(dice, kind);
    let statements = levels[level][0]["Statement"].as_array_mut().expect("a list of statements");
    let at = dice.below(statements.len());
    match dice.below(6) {
        0 => statements.push(fresh),
        1 if statements.len() > 1 => drop(statements.remove(at)),
        2 => statements.reverse(),
        3 => levels[level] = vec![document(dice, kind)],
        _ => {
            // One part of a statement, as another has it.
            let parts: [&[&str]; 4] =
                [&["Effect"], &["Action", "NotAction"], &["Resource", "NotResource"], &["Condition"]];
            let said = statements[at].as_object_mut().expect("a statement");
            for part in *dice.pick(&parts) {
                match fresh.get(part) {
                    Some(other) => drop(said.insert((*part).to_owned(), other.clone())),
                    None => drop(said.remove(*part)),
                }
            }
        }
    }
    Side::new(kind, levels)
}

fn statement(dice: &mut Dice, kind: Kind) -> Value {
    let mut said = Map::new();
    let allows = kind != Kind::Rcp && dice.one_in(2);
    said.insert("Effect".to_owned(), json!(if allows { "Allow" } else { "Deny" }));
    let mut clause = |dice: &mut Dice, word: &str, patterns: &[&str]| {
        let word = if dice.one_in(4) { format!("Not{word}") } else { word.to_owned() };
        said.insert(word, json!(dice.some(patterns, 2)));
    };
    clause(dice, "Action", &ACTION_PATTERNS);
    clause(dice, "Resource", &RESOURCE_PATTERNS);
    match kind {
        Kind::Rcp => drop(said.insert("Principal".to_owned(), json!("*"))),
        Kind::Resource if dice.one_in(4) => drop(said.insert("Principal".to_owned(), json!("*"))),
        Kind::Resource => {
            let names = if dice.one_in(4) {
                json!({"Service": "ec2.amazonaws.com"})
            } else {
                json!({"AWS": dice.some(&PRINCIPALS, 2)})
            };
            // AWS takes `NotPrincipal` in a Deny alone.
            let word = if !allows && dice.one_in(3) { "NotPrincipal" } else { "Principal" };
            said.insert(word.to_owned(), names);
        }
        _ => {}
    }
    if !dice.one_in(3) {
        said.insert("Condition".to_owned(), conditions(dice));
    }
    Value::Object(said)
}

fn conditions(dice: &mut Dice) -> Value {
    let mut operators = Map::new();
    for _ in 0..=dice.below(2) {
        let (key, (values, _), words) = dice.pick(&KEYS);
        if dice.one_in(8) {
            operators.insert("Null".to_owned(), json!({*key: *dice.pick(&["true", "false"])}));
            continue;
        }
        // A multivalued key wants a set operator; without one AWS does not say what holds.
        let prefix =
            if *key == "aws:TagKeys" || dice.one_in(4) { *dice.pick(&["ForAllValues:", "ForAnyValue:"]) } else { "" };
        let suffix = if dice.one_in(3) { "IfExists" } else { "" };
        operators.insert(format!("{prefix}{}{suffix}", dice.pick(words)), json!({*key: dice.some(values, 3)}));
    }
    Value::Object(operators)
}

pub(super) fn request(dice: &mut Dice, kind: Kind) -> Request {
    let mut context = BTreeMap::new();
    for (key, (_, values), _) in &KEYS {
        // Only keys with several values have several.
        let most = if *key == "aws:TagKeys" { 3 } else { 1 };
        if !dice.one_in(3) {
            context.insert((*key).to_owned(), several(dice.some(values, most)));
        }
    }
    for (key, values) in [("aws:username", ["ann", "Red"]), ("aws:PrincipalTag/team", ["Blue", "ann"])] {
        if !dice.one_in(3) {
            context.insert(key.to_owned(), ContextValue::One((*dice.pick(&values)).to_owned()));
        }
    }
    let (action, resource) = (*dice.pick(&ACTIONS), *dice.pick(&RESOURCES));
    Request { action: action.to_owned(), resource: resource.to_owned(), principal: caller(dice, kind), context }
}

fn several(values: Vec<&str>) -> ContextValue {
    match values.as_slice() {
        [only] => ContextValue::One((*only).to_owned()),
        many => ContextValue::Many(many.iter().map(|value| (*value).to_owned()).collect()),
    }
}

pub(super) fn caller(dice: &mut Dice, kind: Kind) -> Option<Principal> {
    let callers = [
        Principal::Aws("arn:aws:iam::111122223333:role/Admin".to_owned()),
        Principal::Aws("arn:aws:iam::111122223333:user/ann".to_owned()),
        Principal::Aws("arn:aws:sts::111122223333:assumed-role/Admin/s".to_owned()),
        Principal::Service("ec2.amazonaws.com".to_owned()),
        Principal::Anonymous,
    ];
    match kind {
        Kind::Resource => Some(dice.pick(&callers).clone()),
        Kind::Rcp => Some(dice.pick(&callers[..3]).clone()),
        _ => None,
    }
}
