//! Questions for two evaluators. In: a seed, and for questions about a real document that document; out: cases. What the
//! two are known to read differently is told apart here by the shape of the case, never by the answer.

use std::collections::BTreeMap;

use guardline::policy::request::{ContextValue, Principal, Request};
use serde_json::{Map, Value, json};

use super::Case;

/// Chance with a seed (xorshift), so that a run can be had again.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: usize) -> Self {
        let seed = u64::try_from(seed).expect("a seed fits");
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).expect("31 bits fit") % end.max(1)
    }

    fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        let index = self.below(from.len());
        from.get(index).expect("something to choose from")
    }

    /// Up to `most` of them, at least one.
    fn some<T: Clone>(&mut self, from: &[T], most: usize) -> Vec<T> {
        (0..=self.below(most)).map(|_| self.pick(from).clone()).collect()
    }
}

/// Operators with values of the policy and values of the request that come near them.
const TEXTS: (&[&str], &[&str]) = (
    &["Red", "red", "R*", "R?d", "*", "Blue", "${aws:username}", "x${aws:PrincipalTag/team, 'Red'}", "${*}", "a:b"],
    &["Red", "red", "Blue", "*", "ann", "xRed", "", "a:b"],
);
const ARNS: (&[&str], &[&str]) = (
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
const NUMBERS: (&[&str], &[&str]) = (&["10", "10.5", "0", "-3"], &["10", "10.0", "10.5", "11", "-3"]);
const DATES: (&[&str], &[&str]) = (
    &["2026-05-01T00:00:00Z", "2026-06-01T00:00:00Z"],
    &["2026-05-01T00:00:00Z", "2026-05-15T12:00:00Z", "2027-01-01T00:00:00Z", "2020-01-01T00:00:00Z"],
);
const TRUTHS: (&[&str], &[&str]) = (&["true", "false"], &["true", "false"]);
const ADDRESSES: (&[&str], &[&str]) = (
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
const ACTIONS: [&str; 4] = ["s3:GetObject", "s3:PutObject", "ec2:RunInstances", "iam:PassRole"];
const ACTION_PATTERNS: [&str; 7] = ["*", "s3:*", "s3:Get*", "S3:putobject", "ec2:Run?nstances", "iam:*Role", "ec2:*"];
const RESOURCES: [&str; 5] = [
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

/// A question about a random stack.
pub(super) fn random(dice: &mut Dice) -> Case {
    let kind = *dice.pick(&["scp", "scp", "rcp", "identity", "resource"]);
    let levels = if matches!(kind, "scp" | "rcp") { 1 + dice.below(3) } else { 1 };
    let levels = (0..levels).map(|_| vec![document(dice, kind)]).collect();
    Case { kind, levels, request: request(dice, kind) }
}

fn document(dice: &mut Dice, kind: &str) -> Value {
    let mut statements: Vec<Value> = (0..=dice.below(3)).map(|_| statement(dice, kind)).collect();
    if kind == "scp" && !dice.one_in(3) {
        statements.push(json!({"Effect": "Allow", "Action": "*", "Resource": "*"}));
    }
    let version = if dice.one_in(5) { "2008-10-17" } else { "2012-10-17" };
    json!({"Version": version, "Statement": statements})
}

fn statement(dice: &mut Dice, kind: &str) -> Value {
    let mut said = Map::new();
    let allows = kind != "rcp" && dice.one_in(2);
    said.insert("Effect".to_owned(), json!(if allows { "Allow" } else { "Deny" }));
    let mut clause = |dice: &mut Dice, word: &str, patterns: &[&str]| {
        let word = if dice.one_in(4) { format!("Not{word}") } else { word.to_owned() };
        said.insert(word, json!(dice.some(patterns, 2)));
    };
    clause(dice, "Action", &ACTION_PATTERNS);
    clause(dice, "Resource", &RESOURCE_PATTERNS);
    match kind {
        "rcp" => drop(said.insert("Principal".to_owned(), json!("*"))),
        "resource" if dice.one_in(4) => drop(said.insert("Principal".to_owned(), json!("*"))),
        "resource" => {
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

fn request(dice: &mut Dice, kind: &str) -> Request {
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
    // A policy of a resource is only taken where the action exists on it.
    let (action, resource) = match kind {
        "resource" => (
            *dice.pick(&["s3:GetObject", "s3:PutObject"]),
            *dice.pick(&["arn:aws:s3:::data/home/ann/x", "arn:aws:s3:::data/y"]),
        ),
        _ => (*dice.pick(&ACTIONS), *dice.pick(&RESOURCES)),
    };
    Request { action: action.to_owned(), resource: resource.to_owned(), principal: caller(dice, kind), context }
}

fn several(values: Vec<&str>) -> ContextValue {
    match values.as_slice() {
        [only] => ContextValue::One((*only).to_owned()),
        many => ContextValue::Many(many.iter().map(|value| (*value).to_owned()).collect()),
    }
}

fn caller(dice: &mut Dice, kind: &str) -> Option<Principal> {
    let callers = [
        Principal::Aws("arn:aws:iam::111122223333:role/Admin".to_owned()),
        Principal::Aws("arn:aws:iam::111122223333:user/ann".to_owned()),
        Principal::Aws("arn:aws:sts::111122223333:assumed-role/Admin/s".to_owned()),
        Principal::Service("ec2.amazonaws.com".to_owned()),
        Principal::Anonymous,
    ];
    match kind {
        "resource" => Some(dice.pick(&callers).clone()),
        // In its own account a role needs no policy of the resource, which would be one question more.
        "rcp" => Some(dice.pick(&callers[..3]).clone()),
        _ => None,
    }
}

/// A question about a real document: one that comes near what it speaks of.
pub(super) fn around(dice: &mut Dice, kind: &'static str, document: &Value) -> Case {
    let statements = cloned(&document["Statement"]);
    let of = |words: [&str; 2]| -> Vec<String> {
        statements.iter().flat_map(|said| words.map(|word| texts(&said[word]))).flatten().collect()
    };
    let (actions, resources) = (of(["Action", "NotAction"]), of(["Resource", "NotResource"]));
    let mut context = BTreeMap::new();
    for said in &statements {
        for (operator, keys) in said["Condition"].as_object().into_iter().flatten() {
            for (key, values) in keys.as_object().into_iter().flatten() {
                if dice.one_in(4) {
                    continue;
                }
                let values = texts(values);
                let near = !values.is_empty() && !operator.starts_with("Null") && !dice.one_in(3);
                let chosen = if near {
                    let value = dice.pick(&values);
                    spelled(dice, value)
                } else {
                    (*dice.pick(others(operator))).to_owned()
                };
                // Keys have no case, and a request has each once.
                let key = key.to_lowercase();
                context.insert(key, ContextValue::One(chosen));
            }
        }
    }
    let action = match actions.as_slice() {
        [] => "s3:GetObject".to_owned(),
        actions => {
            let pattern = dice.pick(actions);
            spelled(dice, pattern)
        }
    };
    let resource = match resources.as_slice() {
        [] => "arn:aws:s3:::data/x".to_owned(),
        resources => {
            let pattern = dice.pick(resources);
            spelled(dice, pattern)
        }
    };
    let action = if action.contains(':') { action } else { (*dice.pick(&ACTIONS)).to_owned() };
    let resource = if resource.starts_with("arn:") { resource } else { (*dice.pick(&RESOURCES)).to_owned() };
    let mut documents = vec![document.clone()];
    if kind == "scp" {
        documents
            .push(json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}));
    }
    Case {
        kind,
        levels: vec![documents],
        request: Request { action, resource, principal: caller(dice, kind), context },
    }
}

/// Values of the sort that an operator is for: what holds of others AWS does not say.
fn others(operator: &str) -> &'static [&'static str] {
    let is_for = |word: &str| operator.contains(word);
    if is_for("Arn") {
        ARNS.1
    } else if is_for("Numeric") {
        NUMBERS.1
    } else if is_for("Date") {
        DATES.1
    } else if is_for("IpAddress") {
        ADDRESSES.1
    } else {
        &["other", "true", "false"]
    }
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(many) => many.iter().flat_map(texts).collect(),
        Value::String(text) => vec![text.clone()],
        Value::Bool(_) | Value::Number(_) => vec![value.to_string()],
        Value::Null | Value::Object(_) => Vec::new(),
    }
}

/// A text that a pattern may match: wildcards spelled out, an address for a network.
fn spelled(dice: &mut Dice, pattern: &str) -> String {
    if let Some((address, bits)) = pattern.split_once('/')
        && address.parse::<std::net::IpAddr>().is_ok()
        && bits.parse::<u8>().is_ok()
    {
        return address.to_owned();
    }
    let mut text = String::new();
    for letter in pattern.chars() {
        match letter {
            '*' => {
                // An action has no slash.
                let fill: &&str = if pattern.starts_with("arn:") {
                    dice.pick(&["", "x", "Role", "x/y"])
                } else {
                    dice.pick(&["", "x", "Role"])
                };
                text.push_str(fill);
            }
            '?' => text.push('1'),
            other => text.push(other),
        }
    }
    text
}

/// The explanation that the shape of a case asks for, where the two are known to read it differently.
pub(super) fn explanation(case: &Case) -> Option<&'static str> {
    let has_null = |text: &str| {
        let variables = text.split("${").skip(1).filter_map(|rest| rest.split('}').next());
        let keys = variables.filter(|variable| !["*", "?", "$"].contains(variable) && !variable.contains(','));
        keys.into_iter().any(|key| values(case, key).is_empty())
    };
    let documents = || case.levels.iter().flatten();
    let statements = || documents().flat_map(|document| cloned(&document["Statement"]));
    let said = documents().flat_map(all_texts).collect::<Vec<_>>();
    if documents().any(|document| document["Version"] != "2012-10-17" && document.to_string().contains("${")) {
        return Some("variables-of-2008");
    }
    if said.iter().any(|text| has_null(text)) {
        return Some("variable-without-value");
    }
    let is_exact = |text: &str| text.starts_with("StringEquals") || text.starts_with("StringNotEquals");
    let operators = statements().flat_map(|said| said["Condition"].as_object().cloned().unwrap_or_default());
    if operators.into_iter().any(|(operator, keys)| {
        let word = operator.rsplit(':').next().unwrap_or_default();
        is_exact(word)
            && all_texts(&keys).iter().any(|text| ["${*}", "${?}", "${$}"].iter().any(|char| text.contains(char)))
    }) {
        return Some("character-in-exact-text");
    }
    let mut conditions = statements().flat_map(|said| said["Condition"].as_object().cloned().unwrap_or_default());
    let is_missing =
        |keys: &Value| keys.as_object().is_some_and(|keys| keys.keys().any(|key| values(case, key).is_empty()));
    if conditions.any(|(operator, keys)| {
        operator.starts_with("ForAnyValue:") && operator.ends_with("IfExists") && is_missing(&keys)
    }) {
        return Some("any-value-if-exists");
    }
    let resources = statements().flat_map(|said| [texts(&said["Resource"]), texts(&said["NotResource"])].concat());
    resources.into_iter().any(|text| has_wild_type(&text)).then_some("wildcard-before-the-slash")
}

/// Whether a wildcard stands in the last segment of an ARN before its first slash or colon.
fn has_wild_type(arn: &str) -> bool {
    let last = arn.splitn(6, ':').nth(5).unwrap_or_default();
    last.split_once(['/', ':']).is_some_and(|(before, _)| before.contains(['*', '?']))
}

fn values<'a>(case: &'a Case, key: &str) -> &'a [String] {
    case.request.values(&key.to_lowercase()).unwrap_or_default()
}

fn cloned(one_or_many: &Value) -> Vec<Value> {
    match one_or_many {
        Value::Array(many) => many.clone(),
        one => vec![one.clone()],
    }
}

/// Every text of a document, however deep.
fn all_texts(value: &Value) -> Vec<String> {
    match value {
        Value::Object(entries) => entries.values().flat_map(all_texts).collect(),
        Value::Array(many) => many.iter().flat_map(all_texts).collect(),
        other => texts(other),
    }
}
