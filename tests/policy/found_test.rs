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
