//! The condition operators: a table an operator, in the order of AWS's page, then what missing keys and several values
//! say. In come an operator, the policy's values and the request's; out goes nothing but failures.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>

use serde_json::{Value, json};

use super::{Allowed, Decision, Denied, Kind, Unknown, ask, of, request};

/// What a statement that allows everything under a condition says, with `null` for a missing key and a number for an
/// unknown one.
pub(super) fn condition(operator: &str, wanted: &Value, value: &Value) -> Decision {
    let text = json!({"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {operator: {"k": wanted}}}});
    ask(&of(Kind::Identity, &[text]), &request("a:B", "*").with("k", value)).decision
}

fn table(operator: &str, rows: &[(Value, Value, Decision)]) {
    for (wanted, value, expected) in rows {
        assert_eq!(condition(operator, wanted, value), *expected, "{operator} {wanted} with {value}");
    }
}

/// A table for an operator and, with each known answer turned round, for its `Not` form.
fn both(operator: &str, negated: &str, rows: &[(Value, Value, Decision)]) {
    table(operator, rows);
    for (wanted, value, expected) in rows {
        let opposite = match expected {
            Allowed => Denied,
            Denied => Allowed,
            Unknown => Unknown,
        };
        assert_eq!(condition(negated, wanted, value), opposite, "{negated} {wanted} with {value}");
    }
}

#[test]
fn string_equals_is_exact_and_case_sensitive() {
    both(
        "StringEquals",
        "StringNotEquals",
        &[
            (json!("Red"), json!("Red"), Allowed),
            (json!("Red"), json!("red"), Denied),
            (json!("R*"), json!("Red"), Denied),
            (json!("R*"), json!("R*"), Allowed),
            (json!(["Red", "Blue"]), json!("Blue"), Allowed),
            (json!([]), json!("Blue"), Denied),
            (json!(""), json!(""), Allowed),
            (json!("é"), json!("é"), Allowed),
            (json!("Red"), json!(null), Denied),
            (json!("Red"), json!([]), Denied),
            (json!("Red"), json!(0), Unknown),
        ],
    );
}

#[test]
fn string_equals_ignore_case_ignores_case_only() {
    both(
        "StringEqualsIgnoreCase",
        "StringNotEqualsIgnoreCase",
        &[
            (json!("Red"), json!("rED"), Allowed),
            (json!("Éa"), json!("éA"), Allowed),
            (json!("Red"), json!("redd"), Denied),
            (json!("R*"), json!("red"), Denied),
            (json!("Red"), json!(null), Denied),
        ],
    );
}

#[test]
fn string_like_has_wildcards_anywhere() {
    both(
        "StringLike",
        "StringNotLike",
        &[
            (json!("R*d"), json!("Red"), Allowed),
            (json!("R?d"), json!("Red"), Allowed),
            (json!("R?d"), json!("Rd"), Denied),
            (json!("R?d"), json!("Réd"), Allowed),
            (json!("r*"), json!("Red"), Denied),
            (json!("*"), json!(""), Allowed),
            (json!("?*"), json!(""), Denied),
            (json!("a*b*c"), json!("a:b/b:c"), Allowed),
            (json!("a*b*c"), json!("abcb"), Denied),
            (json!(["x", "*d"]), json!("Red"), Allowed),
            (json!("*"), json!(null), Denied),
        ],
    );
}

#[test]
fn arn_equals_and_arn_like_are_the_same_segment_by_segment() {
    let rows = [
        (json!("arn:aws:iam::111122223333:role/*"), json!("arn:aws:iam::111122223333:role/a/b"), Allowed),
        (json!("arn:aws:iam::*:role/r"), json!("arn:aws:iam::111122223333:role/r"), Allowed),
        (json!("arn:aws:*:role/r"), json!("arn:aws:iam::111122223333:role/r"), Denied),
        (json!("arn:aws:iam::1111????3333:role/R"), json!("arn:aws:iam::111122223333:role/r"), Denied),
        (json!("arn:aws:iam::111122223333:*"), json!("arn:aws:iam::111122223333:role/a:b"), Allowed),
        (json!("*"), json!("arn:aws:iam::111122223333:role/r"), Allowed),
        (json!("arn:*"), json!("arn:aws:iam::111122223333:role/r"), Allowed),
        (json!("arn:*"), json!("arn"), Denied),
        (json!("arn:aws:iam::*:role/r"), json!("nothing"), Denied),
        (json!("*"), json!(null), Denied),
    ];
    both("ArnEquals", "ArnNotEquals", &rows);
    both("ArnLike", "ArnNotLike", &rows);
}

#[test]
fn numbers_are_compared_digit_by_digit() {
    both(
        "NumericEquals",
        "NumericNotEquals",
        &[
            (json!("10"), json!("10.0"), Allowed),
            (json!("10"), json!("+010"), Allowed),
            (json!(10), json!("1e1"), Allowed),
            (json!("0.1"), json!(".1000"), Allowed),
            (json!("-0"), json!("0"), Allowed),
            (json!("9007199254740993"), json!("9007199254740992"), Denied),
            (json!("1e400"), json!("1e401"), Denied),
            (json!("1e400"), json!("10e399"), Allowed),
            (json!("10"), json!("ten"), Denied),
            (json!("10"), json!(""), Denied),
            (json!("10"), json!("."), Denied),
            (json!("10"), json!(" 10"), Denied),
            (json!("10"), json!("1e99999999999999999999"), Denied),
            (json!("ten"), json!("10"), Unknown),
            (json!(["ten", "10"]), json!("10"), Allowed),
            (json!("10"), json!(null), Denied),
        ],
    );
    let orders = [
        ("NumericLessThan", [true, false, false]),
        ("NumericLessThanEquals", [true, true, false]),
        ("NumericGreaterThan", [false, false, true]),
        ("NumericGreaterThanEquals", [false, true, true]),
    ];
    for (operator, expected) in orders {
        for triple in [["-2", "-1.5", "0"], ["9", "10", "100"], ["0.09", "0.1", "0.11"], ["-1e400", "0", "1e-400"]] {
            for (value, expected) in triple.iter().zip(expected) {
                let expected = if expected { Allowed } else { Denied };
                assert_eq!(condition(operator, &json!(triple[1]), &json!(value)), expected, "{operator} {triple:?}");
            }
        }
        table(
            operator,
            &[(json!("1"), json!("x"), Denied), (json!("x"), json!("1"), Unknown), (json!("1"), json!(null), Denied)],
        );
    }
}

#[test]
fn dates_are_iso_8601_or_seconds() {
    both(
        "DateEquals",
        "DateNotEquals",
        &[
            (json!("2026-05-01T00:00:00Z"), json!("2026-05-01T02:00:00+02:00"), Allowed),
            (json!("2026-05-01T00:00Z"), json!("2026-05-01T00:00:00.000Z"), Allowed),
            (json!("2026-05-01"), json!("2026-05-01T00:00:00Z"), Allowed),
            (json!("2026-05"), json!("2026-05-01"), Allowed),
            (json!("1777593600"), json!("2026-05-01T00:00:00Z"), Allowed),
            (json!("0"), json!("1970-01-01"), Allowed),
            (json!("1970"), json!("1970-01-01T00:32:50Z"), Unknown),
            (json!("253402300800000"), json!("2026-05-01T00:00:00Z"), Denied),
            (json!("2026-05-01T00:00:00Z"), json!("2026-05-01T00:00:00.5Z"), Denied),
            (json!("2026-05-01T00:00:00Z"), json!("yesterday"), Denied),
            (json!("2026-05-01T00:00:00"), json!("2026-05-01T00:00:00Z"), Unknown),
            (json!("2026-02-30"), json!("2026-05-01T00:00:00Z"), Unknown),
            (json!("99999999999999999999"), json!("2026-05-01T00:00:00Z"), Unknown),
            (json!("2026-05-01T00:00:00Z"), json!(null), Denied),
        ],
    );
    let (before, then, after) = (json!("2026-05-01T00:00:00Z"), json!("2026-06-01"), json!("1790000000"));
    let orders = [
        ("DateLessThan", [Allowed, Denied, Denied]),
        ("DateLessThanEquals", [Allowed, Allowed, Denied]),
        ("DateGreaterThan", [Denied, Denied, Allowed]),
        ("DateGreaterThanEquals", [Denied, Allowed, Allowed]),
    ];
    for (operator, expected) in orders {
        for (value, expected) in [&before, &then, &after].into_iter().zip(expected) {
            assert_eq!(condition(operator, &then, value), expected, "{operator} {value}");
        }
        assert_eq!(condition(operator, &then, &json!(null)), Denied);
    }
}

#[test]
fn truths_have_no_case() {
    table(
        "Bool",
        &[
            (json!("true"), json!("TRUE"), Allowed),
            (json!(false), json!("false"), Allowed),
            (json!("true"), json!("false"), Denied),
            (json!("true"), json!("1"), Denied),
            (json!("yes"), json!("true"), Unknown),
            (json!("true"), json!(null), Denied),
        ],
    );
    table("BoolIfExists", &[(json!("true"), json!(null), Allowed), (json!("true"), json!("false"), Denied)]);
}

#[test]
fn binary_values_are_compared_in_base64() {
    table(
        "BinaryEquals",
        &[
            (json!("QmluYXJ5"), json!("QmluYXJ5"), Allowed),
            (json!("QmluYXJ5"), json!("qmluyxj5"), Denied),
            (json!("QmluYXJ5"), json!(null), Denied),
        ],
    );
}

#[test]
fn addresses_fit_networks_of_their_own_family() {
    both(
        "IpAddress",
        "NotIpAddress",
        &[
            (json!("203.0.113.0/24"), json!("203.0.113.255"), Allowed),
            (json!("203.0.113.7/24"), json!("203.0.113.255"), Allowed),
            (json!("203.0.113.0/24"), json!("203.0.114.0"), Denied),
            (json!("203.0.113.7"), json!("203.0.113.7"), Allowed),
            (json!("203.0.113.7"), json!("203.0.113.8"), Denied),
            (json!("0.0.0.0/0"), json!("255.255.255.255"), Allowed),
            (json!("0.0.0.0/0"), json!("::1"), Denied),
            (json!("2001:DB8:1234:5678::/64"), json!("2001:db8:1234:5678::1"), Allowed),
            (json!("2001:DB8:1234:5678::/64"), json!("2001:db8:1234:5679::1"), Denied),
            (json!("::/0"), json!("2001:db8::"), Allowed),
            (json!("2001:db8::1"), json!("2001:db8::1"), Allowed),
            (json!("2001:db8::1"), json!("2001:db8::2"), Denied),
            (json!("203.0.113.0/24"), json!("203.0.113.0/24"), Denied),
            (json!("203.0.113.0/24"), json!("somewhere"), Denied),
            (json!("203.0.113.0/33"), json!("203.0.113.1"), Unknown),
            (json!("203.0.113.0/+8"), json!("203.0.113.1"), Unknown),
            (json!("<my-corporate-cidr>"), json!("203.0.113.1"), Unknown),
            (json!(["<my-corporate-cidr>", "203.0.113.1"]), json!("203.0.113.1"), Allowed),
            (json!("203.0.113.0/24"), json!(null), Denied),
        ],
    );
}

#[test]
fn null_asks_whether_the_key_is_there() {
    table(
        "Null",
        &[
            (json!("true"), json!(null), Allowed),
            (json!("true"), json!([]), Allowed),
            (json!("true"), json!("v"), Denied),
            (json!("false"), json!(null), Denied),
            (json!(false), json!(""), Allowed),
            (json!(["true", "false"]), json!(0), Unknown),
            (json!("maybe"), json!("v"), Unknown),
        ],
    );
    table("ForAllValues:Null", &[(json!("false"), json!(null), Unknown)]);
    table("NullIfExists", &[(json!("false"), json!("v"), Unknown)]);
}

#[test]
fn what_a_missing_key_says() {
    let rows = [
        ("StringEquals", Denied),
        ("StringNotEquals", Allowed),
        ("StringEqualsIfExists", Allowed),
        ("StringNotEqualsIfExists", Allowed),
        ("ForAllValues:StringEquals", Allowed),
        ("ForAllValues:StringNotEquals", Allowed),
        ("ForAllValues:StringEqualsIfExists", Allowed),
        ("ForAnyValue:StringEquals", Denied),
        ("ForAnyValue:StringNotEquals", Denied),
        ("ForAnyValue:StringEqualsIfExists", Allowed),
        ("ForAnyValue:StringNotEqualsIfExists", Allowed),
    ];
    for (operator, expected) in rows {
        for none in [json!(null), json!([])] {
            assert_eq!(condition(operator, &json!(["a", "b"]), &none), expected, "{operator}");
        }
        assert_eq!(condition(operator, &json!(["a", "b"]), &json!(0)), Unknown, "{operator}");
    }
}

#[test]
fn what_several_values_of_the_request_say() {
    let rows = [
        ("StringEquals", json!(["a", "x"]), Allowed),
        ("StringEquals", json!(["x", "y"]), Denied),
        ("StringNotEquals", json!(["a", "x"]), Denied),
        ("StringNotEquals", json!(["x", "y"]), Allowed),
        ("StringEqualsIfExists", json!(["x", "y"]), Denied),
        ("ForAllValues:StringEquals", json!(["a", "b"]), Allowed),
        ("ForAllValues:StringEquals", json!(["a", "x"]), Denied),
        ("ForAllValues:StringNotEquals", json!(["x", "y"]), Allowed),
        ("ForAllValues:StringNotEquals", json!(["a", "x"]), Denied),
        ("ForAnyValue:StringEquals", json!(["a", "x"]), Allowed),
        ("ForAnyValue:StringEquals", json!(["x", "y"]), Denied),
        ("ForAnyValue:StringNotEquals", json!(["a", "x"]), Allowed),
        ("ForAnyValue:StringNotEquals", json!(["a", "b"]), Denied),
        ("forallvalues:stringequals", json!("a"), Allowed),
    ];
    for (operator, value, expected) in rows {
        assert_eq!(condition(operator, &json!(["a", "b"]), &value), expected, "{operator} with {value}");
    }
}
