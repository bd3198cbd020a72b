//! What random policies found: differences for which the engine once could not show a request.

#![allow(clippy::expect_used, reason = "a test that cannot go on says why")]

use guardline::policy::comparison::{Comparison, compare};
use guardline::policy::decide::{Options, Verdict};
use guardline::policy::document::Kind;
use guardline::policy::levels::{File, from_files};
use guardline::policy::request::Principal;
use serde_json::{Value, json};

fn compared(kind: Kind, old: &Value, new: &Value) -> Comparison {
    let read = |value: &Value| {
        from_files(kind, vec![File { name: "a.json".to_owned(), text: value.to_string() }]).expect("a document")
    };
    compare(read(old), read(new), &Options::default())
}

/// Principals belong to no region, so that an account's are found.
#[test]
fn an_account_that_is_banned_is_shown_by_a_role_of_it() {
    for account in ["555555555555", "arn:aws:iam::555555555555:root"] {
        let deny =
            json!({"Statement": {"Effect": "Deny", "Principal": {"AWS": account}, "Action": "s3:*", "Resource": "*"}});
        let found = compared(Kind::Rcp, &json!([]), &json!([[deny]]));
        assert_eq!((found.verdict, found.reason), (Verdict::Stricter, None), "{account}");
        let role = Principal::Aws("arn:aws:iam::555555555555:role/Example".to_owned());
        assert_eq!(found.stopped[0].request.principal, Some(role), "{account}");
    }
}

/// A truth that is none may mean anything; a truth beside it still means itself.
#[test]
fn a_truth_that_is_none_is_not_understood() {
    let deny = |values: Value| {
        json!([[{"Statement": {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*",
            "Condition": {"Bool": {"aws:SecureTransport": values}}}}]])
    };
    let found = compared(Kind::Rcp, &json!([]), &deny(json!(["maybe"])));
    assert_eq!(found.verdict, Verdict::Unknown);
    assert!(found.reason.is_some_and(|why| why.contains("what is not understood")));
    assert_eq!(compared(Kind::Rcp, &deny(json!(["maybe"])), &deny(json!(["maybe"]))).verdict, Verdict::Equivalent);
    let found = compared(Kind::Rcp, &json!([]), &deny(json!(["maybe", "false"])));
    assert_eq!((found.verdict, found.stopped.len()), (Verdict::Stricter, 1));
}

fn resource_policy(element: &str, names: &Value) -> Value {
    let mut said = json!({"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"});
    if element == "NotPrincipal" {
        said.as_object_mut().expect("an object").remove("Principal");
    }
    said[element] = names.clone();
    json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}, said]})
}

/// What AWS does not say, or says differently in different places, is never a proof.
#[test]
fn what_stands_for_nobody_knows_whom_or_what_is_no_proof() {
    let (bob, mallory, root) = (
        "arn:aws:iam::111122223333:user/Bob",
        "arn:aws:iam::111122223333:user/Mallory",
        "arn:aws:iam::111122223333:root",
    );
    let cases = [
        ("NotPrincipal", json!({"AWS": [bob, root]}), json!({"AWS": [bob, mallory, root]})),
        ("NotPrincipal", json!({"AWS": [bob]}), json!({"AWS": [bob, "111122223333"]})),
        ("Principal", json!({"AWS": [bob, "AIDACKCEVSQ6C2EXAMPLE"]}), json!({"AWS": [bob]})),
        ("Principal", json!({"AWS": [bob, " 111122223333"]}), json!({"AWS": [bob]})),
        ("Resource", json!(["arn:aws:s3:::b", "execute-api:/*"]), json!("arn:aws:s3:::b")),
        ("Resource", json!("arn:aws:sqs"), json!("arn:aws:s3:::b")),
        ("NotResource", json!("arn:aws:s3:::b"), json!(["arn:aws:s3:::b", "arn:aws:sqs"])),
    ];
    for (element, old, new) in cases {
        let mut sides = [resource_policy(element, &old), resource_policy(element, &new)];
        if element == "NotResource" {
            for side in &mut sides {
                side["Statement"][1].as_object_mut().expect("an object").remove("Resource");
            }
        }
        let found = compared(Kind::Resource, &sides[0], &sides[1]);
        assert!(!matches!(found.verdict, Verdict::Equivalent | Verdict::Stricter), "{element} {old} {new}: {found:?}");
        let same = compared(
            Kind::Resource,
            &sides[0],
            &json!({"Id": "other", "Statement": sides[0]["Statement"],
            "Version": "2012-10-17"}),
        );
        assert_eq!(same.verdict, Verdict::Equivalent, "what did not change cancels out: {element} {old}");
    }
}

/// A moment beyond the calendar still parts what is before it from what is after.
#[test]
fn milliseconds_where_seconds_belong_are_a_moment() {
    let deny = |condition: &Value| {
        json!({"Version": "2012-10-17", "Statement":
            {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition}})
    };
    let nothing = json!({"Statement": {"Effect": "Deny", "Action": "zzz:Foo", "Resource": "*"}});
    for condition in [
        json!({"DateLessThan": {"aws:EpochTime": "1893456000000"}}),
        json!({"DateGreaterThan": {"aws:EpochTime": "-1893456000000"}}),
        json!({"DateGreaterThan": {"aws:CurrentTime": "2025-01-01"},
            "DateLessThan": {"aws:CurrentTime": "1893456000000"}}),
    ] {
        let found = compared(Kind::Scp, &deny(&condition), &nothing);
        assert!(matches!(found.verdict, Verdict::Mixed | Verdict::Weaker), "{condition}: {:?}", found.verdict);
    }
    // To some a year, to others seconds.
    let year = deny(&json!({"DateLessThan": {"aws:CurrentTime": "2025"}}));
    let day = deny(&json!({"DateLessThan": {"aws:CurrentTime": "2024-06-01"}}));
    assert_eq!(compared(Kind::Scp, &year, &day).verdict, Verdict::Unknown);
}

/// Of two spellings of one element nobody says which counts.
#[test]
fn an_element_that_stands_there_twice_is_refused() {
    let deny = r#""Effect": "Deny", "Action": "*", "Resource": "*""#;
    for text in [
        format!(r#"{{"Statement": {{{deny}, "Condition": {{}}, "condition": {{}}}}}}"#),
        format!(r#"{{"Statement": {{{deny}, "effect": "Allow"}}}}"#),
        format!(r#"{{"Statement": [], "statement": {{{deny}}}}}"#),
        format!(r#"{{"Version": "2012-10-17", "version": "2008-10-17", "Statement": {{{deny}}}}}"#),
    ] {
        let mistakes = from_files(Kind::Scp, vec![File { name: "a.json".to_owned(), text: text.clone() }]).err();
        let said = mistakes.expect(&text).records().into_iter().next().expect("a mistake").message;
        assert!(said.contains("` stands beside `") && said.ends_with("`; keep one"), "{said}");
    }
}
