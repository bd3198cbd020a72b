//! AWS's rules as a table: a document, and everything that AWS would not take of it.

#![allow(clippy::literal_string_with_formatting_args, reason = "policy variables look like them")]

use super::{size, *};
use crate::policy::{
    document::Kind::{Identity, Rcp, Resource, Scp},
    levels::{File, from_files},
};

fn of(kind: Kind, name: &str, text: &str) -> Vec<String> {
    let file = File { name: name.to_owned(), text: text.to_owned() };
    match from_files(kind, vec![file]) {
        Ok(found) => found.refused().into_iter().map(|one| one.reason).collect(),
        Err(mistakes) => vec![format!("cannot be read: {}", mistakes.render(false, 100))],
    }
}

/// A document of one statement, with what differs put in.
fn statement(said: &str) -> String {
    format!(r#"{{"Version": "2012-10-17", "Statement": [{{{said}}}]}}"#)
}

const DENY: &str = r#""Effect": "Deny", "Action": "s3:*", "Resource": "*""#;
const EVERYONE: &str = r#""Principal": "*""#;

#[test]
fn what_aws_takes_is_not_refused() {
    for (kind, said) in [
        (Scp, DENY.to_owned()),
        (Scp, r#""Sid": "A1", "Effect": "Allow", "NotAction": "iam:*", "NotResource": "arn:aws:s3:::a/*""#.to_owned()),
        (Scp, r#""Sid": "", "Effect": "Allow", "Action": "*", "Resource": "*""#.to_owned()),
        (
            Scp,
            r#""Effect": "Deny", "Action": "ec2:*Insta?ces", "Resource": ["arn:*:ec2:*", "${aws:username}"]"#
                .to_owned(),
        ),
        (Rcp, format!("{DENY}, {EVERYONE}")),
        (Rcp, format!(r#"{DENY}, "Principal": {{"AWS": "*"}}"#)),
        (Rcp, r#""Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*""#.to_owned()),
        (Identity, r#""Effect": "Allow", "Action": "*", "Resource": "arn:aws-us-gov:s3:::b""#.to_owned()),
        (
            Resource,
            format!(r#""Sid": "Enable IAM user permissions", {EVERYONE}, "Effect": "Allow", "Action": "kms:*""#),
        ),
        (Resource, format!(r#"{EVERYONE}, "Effect": "Deny", "Action": "*", "Resource": "execute-api:/prod/*""#)),
        (
            Resource,
            r#""NotPrincipal": {"AWS": "111111111111"}, "Effect": "Deny", "Action": "s3:*", "Resource": "*""#
                .to_owned(),
        ),
    ] {
        assert_eq!(of(kind, "a.json", &statement(&said)), Vec::<String>::new(), "{kind}: {said}");
    }
    assert!(of(Identity, "a.json", r#"{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}"#).is_empty());
}

#[test]
fn what_aws_would_not_take_is_refused_with_its_reason() {
    for (kind, said, reasons) in [
        (Scp, format!("{DENY}, {EVERYONE}"), vec!["a service control policy has no `Principal`"]),
        (Identity, format!(r#"{DENY}, "NotPrincipal": "*""#), vec!["an identity policy has no `NotPrincipal`"]),
        (Rcp, DENY.to_owned(), vec![r#"has `"Principal": "*"`"#]),
        (Rcp, format!(r#"{DENY}, "Principal": {{"AWS": "111111111111"}}"#), vec![r#"has `"Principal": "*"`"#]),
        (Rcp, format!(r#"{DENY}, "Principal": {{"Service": "*"}}"#), vec![r#"has `"Principal": "*"`"#]),
        (Rcp, format!(r#"{DENY}, "Principal": {{"AWS": ["*", "*"]}}"#), vec![r#"has `"Principal": "*"`"#]),
        (Rcp, format!(r#"{DENY}, "NotPrincipal": "*""#), vec!["has no `NotPrincipal`", r#"has `"Principal": "*"`"#]),
        (
            Rcp,
            format!(r#"{EVERYONE}, "Effect": "Allow", "Action": "s3:*", "Resource": "*""#),
            vec!["the effect `Allow`"],
        ),
        (Rcp, format!(r#"{EVERYONE}, "Effect": "Deny", "NotAction": "s3:*", "Resource": "*""#), vec!["no `NotAction`"]),
        (
            Rcp,
            format!(r#"{EVERYONE}, "Effect": "Deny", "Action": "*", "Resource": "*""#),
            vec!["`*` of a resource control"],
        ),
        (Rcp, format!(r#"{EVERYONE}, "Effect": "Deny", "Action": "*:*", "Resource": "*""#), vec!["names no service"]),
        (Rcp, format!(r#"{EVERYONE}, "Effect": "Deny", "Action": "s3:*""#), vec!["has a `Resource` or `NotResource`"]),
        (Scp, r#""Effect": "Deny", "Action": "s3:*""#.to_owned(), vec!["a `Resource` or `NotResource`"]),
        (Identity, r#""Effect": "Deny", "Action": "s3:*""#.to_owned(), vec!["a `Resource` or `NotResource`"]),
        (Scp, format!(r#""Sid": "No public", {DENY}"#), vec!["`No public` has other characters"]),
        (
            Scp,
            r#""Effect": "Deny", "Action": ["RunInstances", "ec2:", ":x"], "Resource": "*""#.to_owned(),
            vec!["`RunInstances` is not written", "`ec2:` is not written", "`:x` is not written"],
        ),
        (
            Scp,
            r#""Effect": "Deny", "Action": "s3:*", "Resource": ["bucket", "arn:aws:s3:b", "arn:was:s3:::b"]"#
                .to_owned(),
            vec!["`bucket` is neither", "`arn:aws:s3:b` is no whole ARN", "partition `was`"],
        ),
        (Scp, format!(r#"{DENY}, "Condition": {{"StringSame": {{"a": "b"}}}}"#), vec!["`StringSame` is not known"]),
        (Resource, DENY.to_owned(), vec!["has a `Principal`"]),
        (
            Resource,
            r#""NotPrincipal": {"AWS": "111111111111"}, "Effect": "Allow", "Action": "s3:*""#.to_owned(),
            vec!["only beside the effect `Deny`"],
        ),
    ] {
        let found = of(kind, "a.json", &statement(&said));
        assert_eq!(found.len(), reasons.len(), "{kind}: {said}: {found:?}");
        for (found, reason) in found.iter().zip(reasons) {
            assert!(found.contains(reason), "{kind}: {said}: {found} holds no {reason}");
        }
    }
}

#[test]
fn a_policy_of_an_organisation_has_the_later_version() {
    for text in
        [format!(r#"{{"Statement": {{{DENY}}}}}"#), format!(r#"{{"Version": "2008-10-17", "Statement": {{{DENY}}}}}"#)]
    {
        assert_eq!(of(Scp, "a.json", &text), ["a service control policy has the `Version` `2012-10-17`"]);
    }
    let unknown = format!(r#"{{"Version": "2024-01-01", "Statement": {{{DENY}}}}}"#);
    assert_eq!(of(Scp, "a.json", &unknown).len(), 1);
}

#[test]
fn a_sid_stands_once_in_a_document() {
    let text = format!(
        r#"{{"Version": "2012-10-17", "Statement": [{{"Sid": "A", {DENY}}}, {{"Sid": "a", {DENY}}}, {{"Sid": "A", {DENY}}}]}}"#
    );
    assert_eq!(of(Scp, "a.json", &text), ["the Sid `A` is that of statement 1 too"]);
}

#[test]
fn a_policy_is_as_long_as_it_is_without_white_space() {
    let long = |characters: usize, pad: &str| {
        let frame = r#"{"Version":"2012-10-17","Statement":[{"Principal":"*","Effect":"Deny","Action":"s3:*","Resource":"arn:aws:s3:::"}]}"#;
        let filled = frame.replacen("s3:::", &format!("s3:::{}", "ä".repeat(characters - frame.len())), 1);
        filled.replacen(',', &format!(",{pad}"), 1)
    };
    for (kind, most) in [(Rcp, 5_120), (Identity, 10_240), (Scp, 10_240)] {
        for pad in ["", "\n  \t"] {
            let said =
                |characters| of(kind, "a.json", &long(characters, pad)).into_iter().any(|one| one.contains("at most"));
            assert_eq!((said(most), said(most + 1)), (false, true), "{kind}");
        }
    }
    assert!(!of(Resource, "a.json", &long(50_000, "")).iter().any(|one| one.contains("at most")));
}

#[test]
fn white_space_counts_only_between_quotes() {
    let count = |text: &str, is_yaml| {
        let node = crate::baseline::read_document(0, text, is_yaml).unwrap_or_else(|_| panic!("a document"));
        size(&node, text, is_yaml)
    };
    assert_eq!(count("{ \"a b\" : \"\\\" c\" ,\n \"é\": 1 }", false), "{\"a b\":\"\\\" c\",\"é\":1}".chars().count());
    assert_eq!(count("a: [1, 'b c']\n", true), "{\"a\":[1,\"b c\"]}".len());
}

#[test]
fn what_an_attacker_wrote_is_shown_short_and_without_control_characters() {
    let action = format!("\\u001b[31m{}", "x".repeat(100_000));
    let found = of(Scp, "a.json", &statement(&format!(r#""Effect": "Deny", "Action": "{action}", "Resource": "*""#)));
    assert!(found[0].len() < 200 && !found[0].contains('\u{1b}'), "{found:?}");
}

#[test]
fn so_many_reasons_are_given_and_the_rest_is_counted() {
    let actions = vec![r#""x""#; 1_000].join(",");
    let found = of(Scp, "a.json", &statement(&format!(r#""Effect": "Deny", "Action": [{actions}], "Resource": "*""#)));
    assert_eq!(found.len(), 101);
    assert_eq!(found[100], "900 more reasons are not shown");
}
