//! The evaluator, read beside AWS's documentation: a table an operator, a table a rule. In come documents as people write
//! them; out goes nothing but failures. What holds for every request is in [`laws`].
#![allow(clippy::expect_used, clippy::panic, reason = "the makers of a test's documents are no tests themselves")]
#![allow(clippy::literal_string_with_formatting_args, reason = "policy variables look like them")]

mod conditions;
mod laws;

use serde_json::{Value, json};

use self::conditions::condition;
use super::{Answer, Decider, Decision, decide, evaluate};
use crate::policy::{
    document::{Document, Effect, Kind},
    parse,
    request::{ContextValue, Principal, Request},
    stack::{Level, Named, Stack},
};

use Decision::{Allowed, Denied, Unknown};

fn document(text: &Value) -> Document {
    match parse::parse("policy.json", &text.to_string()) {
        Ok(document) => document,
        Err(mistakes) => panic!("{text}: {}", mistakes.render(false, 100)),
    }
}

fn of(kind: Kind, levels: &[Value]) -> Stack {
    let level =
        |text: &Value| Level { documents: vec![Named { name: "p".to_owned(), document: document(text).into() }] };
    Stack { kind, levels: levels.iter().map(level).collect() }
}

fn request(action: &str, resource: &str) -> Request {
    Request {
        action: action.to_owned(),
        resource: resource.to_owned(),
        principal: None,
        context: std::collections::BTreeMap::new(),
    }
}

impl Request {
    fn with(mut self, key: &str, value: &Value) -> Self {
        let value = match value {
            Value::Null => return self,
            Value::String(one) => ContextValue::One(one.clone()),
            Value::Array(many) => {
                ContextValue::Many(many.iter().map(|value| value.as_str().expect("a text").to_owned()).collect())
            }
            _ => ContextValue::UNKNOWN,
        };
        self.context.insert(key.to_owned(), value);
        self
    }
}

/// Evaluates, and checks that the two ways to ask agree.
fn ask(stack: &Stack, request: &Request) -> Answer {
    let answer = evaluate(stack, request);
    assert_eq!(answer.decision, decide(stack, request));
    answer
}

#[test]
fn actions_have_wildcards_and_no_case() {
    let rows = [
        ("*", "ec2:RunInstances", true),
        ("ec2:*", "ec2:RunInstances", true),
        ("EC2:runinstances", "ec2:RunInstances", true),
        ("ec2:R?nInst*s", "ec2:RunInstances", true),
        ("*:*Instances", "ec2:RunInstances", true),
        ("ec2:Run", "ec2:RunInstances", false),
        ("ec2:RunInstances?", "ec2:RunInstances", false),
        ("${aws:x}", "${AWS:x}", true),
    ];
    for (pattern, action, expected) in rows {
        let said = |word: &str| {
            let text =
                json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", word: pattern, "Resource": "*"}});
            ask(&of(Kind::Identity, &[text]), &request(action, "*")).decision == Allowed
        };
        assert_eq!((said("Action"), said("NotAction")), (expected, !expected), "{pattern} {action}");
    }
}

fn resource(version: &str, pattern: &Value, request: &Request) -> [Decision; 2] {
    ["Resource", "NotResource"].map(|word| {
        let text = json!({"Version": version, "Statement": {"Effect": "Allow", "Action": "*", word: pattern}});
        ask(&of(Kind::Identity, &[text]), request).decision
    })
}

#[test]
fn resources_are_read_segment_by_segment() {
    let rows = [
        ("*", "*", true),
        ("*", "arn:aws:s3:::b/k", true),
        ("arn:aws:s3:::b", "*", false),
        ("arn:aws:s3:::b/*", "arn:aws:s3:::b/k:1/x", true),
        ("arn:aws:s3:::B/*", "arn:aws:s3:::b/k", false),
        ("arn:aws:ec2:*:*:instance/*", "arn:aws:ec2:eu-west-1:111122223333:instance/i-1", true),
        ("arn:aws:ec2:*:instance/*", "arn:aws:ec2:eu-west-1:111122223333:instance/i-1", false),
        ("arn:aws:ec2:*", "arn:aws:ec2:eu-west-1:111122223333:instance/i-1", true),
        ("arn:aws:ec2*", "arn:aws:ec2:eu-west-1:111122223333:instance/i-1", true),
        ("arn:aws:ec2:eu-west-1:111122223333:i*:i-1", "arn:aws:ec2:eu-west-1:111122223333:instance:i-1", true),
        ("arn:aws:rds:eu-west-1:1:db:*", "arn:aws:rds:eu-west-1:1:db:x:y", true),
        ("arn:aws:rds:eu-west-1:1:*y", "arn:aws:rds:eu-west-1:1:db:x:y", true),
        ("arn:*:*:*:*:*", "arn:aws:s3:::b", true),
        ("arn:?:?:?:?:?", "arn:a:b:c:d:e", true),
        ("arn:?ws:s3:::?", "arn:aws:s3:::bb", false),
    ];
    for (pattern, arn, expected) in rows {
        let expected = if expected { [Allowed, Denied] } else { [Denied, Allowed] };
        assert_eq!(resource("2012-10-17", &json!(pattern), &request("a:B", arn)), expected, "{pattern} {arn}");
    }
    assert_eq!(resource("2012-10-17", &json!([]), &request("a:B", "*")), [Denied, Allowed]);
    // AWS completes some, and services have forms of their own: what they stand for is not known.
    for pattern in
        ["arn:aws:sqs", "arn:aws:ec2:*instance/i-1", "arn:aws:e*2", "execute-api:/*", "*instance/i-1", "b", ""]
    {
        let arn = request("a:B", "arn:aws:ec2:eu-west-1:111122223333:instance/i-1");
        assert_eq!(resource("2012-10-17", &json!(pattern), &arn), [Unknown, Unknown], "{pattern}");
        assert_eq!(resource("2012-10-17", &json!([pattern, "*"]), &arn), [Allowed, Denied], "{pattern}");
    }
}

#[test]
fn variables_stand_for_what_the_request_says() {
    let home = |value: &Value| request("s3:GetObject", "arn:aws:s3:::home/ann/x").with("aws:UserName", value);
    let rows = [
        ("${aws:username}", json!("ann"), [Allowed, Denied]),
        ("${AWS:UserName}", json!("ann"), [Allowed, Denied]),
        ("${aws:username}", json!("bob"), [Denied, Allowed]),
        ("${aws:username}", json!("*"), [Denied, Allowed]),
        ("a${aws:username}n", json!("n"), [Allowed, Denied]),
        ("${aws:username}", json!(null), [Denied, Allowed]),
        ("${aws:username}", json!(["ann"]), [Allowed, Denied]),
        ("${aws:username}", json!(["ann", "bob"]), [Denied, Allowed]),
        ("${aws:username, 'ann'}", json!(null), [Allowed, Denied]),
        ("${aws:username, 'ann'}", json!("bob"), [Denied, Allowed]),
        ("${aws:username,'ann' }", json!(null), [Allowed, Denied]),
        ("${aws:username, 'a*'}", json!(null), [Denied, Allowed]),
        ("${aws:username, 'ann'}", json!(["bob", "eve"]), [Allowed, Denied]),
        ("${aws:username}", json!(0), [Unknown, Unknown]),
        ("b${aws:username}", json!(0), [Denied, Allowed]),
        ("${aws:username}${aws:missing}", json!(0), [Denied, Allowed]),
        ("${aws:username", json!("ann"), [Unknown, Unknown]),
        ("${}", json!("ann"), [Unknown, Unknown]),
        ("${aws:username, ann}", json!(null), [Unknown, Unknown]),
        ("${ aws:username}", json!("ann"), [Unknown, Unknown]),
    ];
    for (variable, value, expected) in rows {
        let pattern = json!(format!("arn:aws:s3:::home/{variable}/*"));
        assert_eq!(resource("2012-10-17", &pattern, &home(&value)), expected, "{variable} {value}");
    }
    let old = json!("arn:aws:s3:::home/${aws:username}/*");
    assert_eq!(resource("2008-10-17", &old, &home(&json!("ann"))), [Denied, Allowed]);
    let literal = request("s3:GetObject", "arn:aws:s3:::home/${aws:username}/x");
    assert_eq!(resource("2008-10-17", &old, &literal), [Allowed, Denied]);
    let whole = request("a:B", "arn:aws:iam::1:role/r").with("aws:SourceArn", &json!("arn:aws:iam::1:role/r"));
    assert_eq!(resource("2012-10-17", &json!("${aws:SourceArn}"), &whole), [Allowed, Denied]);
}

#[test]
fn three_characters_have_a_variable_of_their_own() {
    let rows = [
        ("${*}", "a*b", true),
        ("${*}", "axb", false),
        ("${?}", "a?b", true),
        ("${?}", "axb", false),
        ("${$}", "a$b", true),
    ];
    for (variable, text, expected) in rows {
        let arn = request("a:B", &format!("arn:aws:s3:::{text}"));
        let expected = if expected { [Allowed, Denied] } else { [Denied, Allowed] };
        assert_eq!(resource("2012-10-17", &json!(format!("arn:aws:s3:::a{variable}b")), &arn), expected, "{variable}");
        let literally = condition("StringEquals", &json!(format!("a{variable}b")), &json!(text));
        assert_eq!(literally, expected[0], "{variable} {text}");
    }
}

#[test]
fn variables_work_in_strings_and_arns_and_nowhere_else() {
    let said = |operator: &str, wanted: &str, value: &str, team: &Value| {
        let text = json!({"Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {operator: {"k": wanted}}}});
        let request = request("a:B", "*").with("k", &json!(value)).with("aws:PrincipalTag/Team", team);
        ask(&of(Kind::Identity, &[text]), &request).decision
    };
    let (team, red) = ("${aws:PrincipalTag/team}", json!("Red"));
    let rows = [
        ("StringEquals", team, "Red", &red, Allowed),
        ("StringEquals", team, "red", &red, Denied),
        ("StringNotEquals", team, "Red", &red, Denied),
        ("StringEqualsIgnoreCase", team, "rED", &red, Allowed),
        ("StringEqualsIgnoreCase", team, "rED", &json!(0), Unknown),
        ("StringLike", "${aws:PrincipalTag/team}-*", "Red-7", &red, Allowed),
        ("ArnLike", "arn:aws:iam::*:role/${aws:PrincipalTag/team}", "arn:aws:iam::1:role/Red", &red, Allowed),
        ("StringEquals", team, "Red", &json!(null), Denied),
        // "Inverted condition operators like StringNotEquals or StringNotLike do match against a null value".
        ("StringNotEquals", team, "Red", &json!(null), Allowed),
        ("StringNotLike", team, "Red", &json!(null), Allowed),
        ("NumericEquals", "${aws:PrincipalTag/team}", "1", &json!("1"), Unknown),
        ("Bool", "${aws:PrincipalTag/team}", "true", &json!("true"), Unknown),
    ];
    for (operator, wanted, value, team, expected) in rows {
        assert_eq!(said(operator, wanted, value, team), expected, "{operator} {wanted} {value} {team}");
    }
}

#[test]
fn principals_stand_for_accounts_roles_and_themselves() {
    let aws = |arn: &str| Principal::Aws(arn.to_owned());
    let role = aws("arn:aws:iam::111122223333:role/path/Admin");
    let session = aws("arn:aws:sts::111122223333:assumed-role/Admin/ann");
    let service = Principal::Service("ec2.amazonaws.com".to_owned());
    let rows = [
        (json!("*"), Some(&role), Allowed),
        (json!("*"), Some(&service), Allowed),
        (json!("*"), Some(&Principal::Anonymous), Allowed),
        (json!({"AWS": "*"}), Some(&Principal::Anonymous), Allowed),
        (json!({"AWS": "*"}), None, Allowed),
        (json!({"AWS": "111122223333"}), Some(&role), Allowed),
        (json!({"AWS": "111122223333"}), Some(&session), Allowed),
        (json!({"AWS": "arn:aws:iam::111122223333:root"}), Some(&session), Allowed),
        (json!({"AWS": "arn:aws-cn:iam::111122223333:root"}), Some(&session), Denied),
        (json!({"AWS": "444455556666"}), Some(&role), Denied),
        (json!({"AWS": "arn:aws:iam::111122223333:role/path/Admin"}), Some(&role), Allowed),
        (json!({"AWS": "arn:aws:iam::111122223333:role/path/Admin"}), Some(&session), Allowed),
        (json!({"AWS": "arn:aws:iam::111122223333:role/path"}), Some(&session), Denied),
        (json!({"AWS": "arn:aws:iam::444455556666:role/path/Admin"}), Some(&session), Denied),
        (json!({"AWS": "arn:aws:iam::111122223333:role/*"}), Some(&role), Denied),
        (json!({"AWS": "arn:aws:sts::111122223333:assumed-role/Admin/ann"}), Some(&session), Allowed),
        (json!({"AWS": "arn:aws:sts::111122223333:assumed-role/Admin/ann"}), Some(&role), Denied),
        (json!({"Service": "ec2.amazonaws.com"}), Some(&service), Allowed),
        (json!({"Service": ["s3.amazonaws.com", "ec2.amazonaws.com"]}), Some(&service), Allowed),
        (json!({"Service": "s3.amazonaws.com"}), Some(&service), Denied),
        (json!({"AWS": "111122223333"}), Some(&service), Denied),
        (
            json!({"Federated": "accounts.google.com"}),
            Some(&Principal::Federated("accounts.google.com".to_owned())),
            Allowed,
        ),
        (json!({"CanonicalUser": "79a5"}), Some(&Principal::CanonicalUser("79a5".to_owned())), Allowed),
        (json!({"CanonicalUser": "79a5"}), Some(&Principal::Anonymous), Denied),
        (json!({"AWS": "111122223333"}), None, Unknown),
        (json!({"AWS": []}), None, Denied),
        (json!({"AWS": "AIDACKCEVSQ6C2EXAMPLE"}), Some(&role), Unknown),
        (json!({"AWS": " 444455556666"}), Some(&role), Unknown),
        (json!({"AWS": ["AIDACKCEVSQ6C2EXAMPLE", "*"]}), Some(&role), Allowed),
    ];
    for (names, principal, expected) in rows {
        let said = |word: &str, kind: Kind| {
            let text = json!({"Statement": {"Effect": "Allow", word: names, "Action": "*", "Resource": "*"}});
            let request = Request { principal: principal.cloned(), ..request("a:B", "*") };
            ask(&of(kind, &[text]), &request).decision
        };
        let opposite = match expected {
            Allowed => Denied,
            Denied => Allowed,
            Unknown => Unknown,
        };
        assert_eq!(said("Principal", Kind::Resource), expected, "{names} {principal:?}");
        // An account stands beside those of its principals whom `NotPrincipal` spares; what it spares itself is not said.
        let names_account = ["111122223333", "444455556666", ":root"]
            .iter()
            .any(|account| names["AWS"].as_str().is_some_and(|name| name == *account || name.ends_with(":root")));
        let opposite = if names_account { Unknown } else { opposite };
        assert_eq!(said("NotPrincipal", Kind::Resource), opposite, "{names} {principal:?}");
        // Where a document has no business with principals, they say nothing.
        assert_eq!(said("Principal", Kind::Scp), Allowed, "{names} {principal:?}");
    }
}

fn statement(effect: &str, action: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": {
        "Sid": format!("{effect}It"), "Effect": effect, "Principal": "*", "Action": action, "Resource": "*"}})
}

#[test]
fn each_level_needs_an_allow_and_no_deny() {
    let (all, ec2, no) = (statement("Allow", "*"), statement("Allow", "ec2:*"), statement("Deny", "ec2:Run*"));
    let nothing = json!({"Statement": []});
    let rows = [
        (Kind::Scp, vec![&all, &all], Allowed),
        (Kind::Scp, vec![&all, &nothing], Denied),
        (Kind::Scp, vec![&all, &no], Denied),
        (Kind::Scp, vec![&all, &ec2], Allowed),
        (Kind::Scp, vec![], Allowed),
        (Kind::Rcp, vec![&nothing, &nothing], Allowed),
        (Kind::Rcp, vec![&nothing, &no], Denied),
        (Kind::Identity, vec![&nothing], Denied),
        (Kind::Resource, vec![&ec2], Allowed),
    ];
    for (kind, levels, expected) in rows {
        let levels: Vec<Value> = levels.into_iter().cloned().collect();
        assert_eq!(ask(&of(kind, &levels), &request("ec2:RunInstances", "*")).decision, expected, "{kind} {levels:?}");
    }
}

#[test]
fn the_answer_names_what_decided() {
    let run = request("ec2:RunInstances", "*");
    let (all, no) = (statement("Allow", "*"), statement("Deny", "ec2:Run*"));
    let decider = |level, name: &str, effect| Decider::Statement {
        level,
        document: "p".to_owned(),
        statement: 0,
        name: name.to_owned(),
        effect,
    };
    let answer = ask(&of(Kind::Scp, &[all.clone(), all.clone()]), &run);
    assert_eq!(answer.decided_by, [decider(0, "AllowIt", Effect::Allow), decider(1, "AllowIt", Effect::Allow)]);
    let answer = ask(&of(Kind::Scp, &[all.clone(), no.clone()]), &run);
    assert_eq!(answer.decided_by, [decider(1, "DenyIt", Effect::Deny), Decider::NoAllow { level: 1 }]);
    let answer = ask(&of(Kind::Rcp, &[no]), &run);
    assert_eq!(answer.decided_by, [decider(0, "DenyIt", Effect::Deny)]);
    assert_eq!((answer.hangs_on.len(), answer.not_understood.len()), (0, 0));
}

#[test]
fn an_unknown_answer_names_what_it_hangs_on_and_nothing_else() {
    let text = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Sid": "Elsewhere", "Effect": "Deny", "Action": "s3:*", "Resource": "*",
         "Condition": {"StringEquals": {"aws:Irrelevant": "x"}}},
        {"Sid": "Settled", "Effect": "Deny", "Action": "*", "Resource": "*",
         "Condition": {"StringEquals": {"aws:Settled": "x"}, "Bool": {"aws:SecureTransport": "false"}}},
        {"Sid": "Region", "Effect": "Deny", "Action": "*", "Resource": "*",
         "Condition": {"StringNotEquals": {"aws:RequestedRegion": "eu-west-1"}, "IpAddress": {"aws:SourceIp": "<cidr>"},
                       "StringMatches": {"aws:x": "y"}, "StringEquals": {"aws:y": "${aws:username}"}}},
    ]});
    let request = request("ec2:RunInstances", "*")
        .with("aws:requestedregion", &json!(0))
        .with("aws:Irrelevant", &json!(0))
        .with("aws:Settled", &json!(0))
        .with("aws:SecureTransport", &json!("true"))
        .with("aws:y", &json!("ann"))
        .with("aws:username", &json!(0))
        .with("aws:SourceIp", &json!("203.0.113.1"));
    let answer = ask(&of(Kind::Scp, &[text]), &request);
    assert_eq!(answer.decision, Unknown);
    assert_eq!(answer.hangs_on, ["aws:RequestedRegion", "aws:username"]);
    let opaque = ["the operator `stringmatches` on `aws:x`", "the value `<cidr>` of `aws:SourceIp`"];
    assert_eq!(answer.not_understood, opaque);
    assert!(matches!(&answer.decided_by[..], [Decider::Statement { name, .. }] if name == "Region"));
}

#[test]
fn a_certain_deny_settles_what_is_unknown() {
    let mut text = statement("Deny", "*");
    let unknown = json!({"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"Bool": {"k": "true"}}});
    text["Statement"] = json!([unknown, text["Statement"]]);
    let answer = ask(&of(Kind::Scp, &[text]), &request("a:B", "*").with("k", &json!(0)));
    assert_eq!((answer.decision, answer.hangs_on.len()), (Denied, 0));
}

#[test]
fn hostile_patterns_take_no_more_than_the_product_of_the_lengths() {
    let pattern = "*?".repeat(2_000);
    let text = "a".repeat(4_000);
    let started = std::time::Instant::now();
    assert_eq!(condition("StringLike", &json!(format!("{pattern}b")), &json!(text)), Denied);
    assert_eq!(condition("StringLike", &json!(pattern), &json!(text)), Allowed);
    assert!(started.elapsed() < std::time::Duration::from_secs(5), "{:?}", started.elapsed());
}

#[test]
fn the_keys_that_are_asked_for_are_those_of_conditions_and_variables() {
    let text = json!({"Version": "2012-10-17", "Statement": {
        "Effect": "Deny", "Action": "*", "Resource": ["arn:aws:s3:::${aws:username}/${*}", "${aws:UserId, 'x'}"],
        "Condition": {"StringEquals": {"aws:PrincipalTag/Team": "${aws:ResourceTag/team}${", "AWS:UserName": "x"}}}});
    let written =
        |text: &Value| super::keys(&of(Kind::Scp, std::slice::from_ref(text))).into_values().collect::<Vec<_>>();
    assert_eq!(written(&text), ["aws:PrincipalTag/Team", "aws:ResourceTag/team", "aws:UserId", "AWS:UserName"]);
    let mut old = text;
    old["Version"] = json!("2008-10-17");
    assert_eq!(written(&old), ["aws:PrincipalTag/Team", "AWS:UserName"]);
}
