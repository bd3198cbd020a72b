//! Policy documents that say the same, written alike.
//!
//! In: a document as JSON text or as a value. Out: one text for all its spellings: keys sorted, no white space, and in
//! IAM's own elements a lone entry and a list of one alike, lists that are sets sorted. It never hides a difference in
//! meaning: what it cannot read exactly is an error, and then only equal texts are equal.
//!
//! IAM's grammar says which elements may be written either way:
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>. Other policies (tags, backups,
//! declarative ones) only have their keys sorted.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use sha2::{Digest, Sha256};

/// Whole numbers from here on are not all held exactly.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Why a document has no canonical text.
#[derive(Debug, thiserror::Error)]
#[error("the document cannot be read exactly")]
pub struct DocumentError(#[source] serde_json::Error);

/// The canonical text of a document that is JSON text.
///
/// # Errors
/// It is not JSON, holds a key twice, nests too deeply, or holds a number that would not be kept exactly.
pub fn canonical_document(text: &str) -> Result<String, DocumentError> {
    canonical_value(text).map(|value| value.to_string())
}

/// The canonical form of a document that is JSON text, as a value whose text is [`canonical_document`].
///
/// # Errors
/// As for [`canonical_document`].
pub fn canonical_value(text: &str) -> Result<Value, DocumentError> {
    serde_json::from_str::<Exact>(text).map(|Exact(value)| canonical(value)).map_err(DocumentError)
}

/// The canonical form of a document that was read already.
#[must_use]
pub fn canonical(document: Value) -> Value {
    let Value::Object(mut keys) = document else {
        return sorted(document);
    };
    if let Some(statement) = keys.remove("Statement") {
        let statements = listed(statement).into_iter().map(canonical_statement).collect();
        keys.insert("Statement".to_owned(), Value::Array(statements));
    }
    sorted(Value::Object(keys))
}

/// The canonical form of a live document; one that cannot be read exactly stands as the text that it is, so that it is
/// like no declared document.
#[must_use]
pub fn value_or_text(text: &str) -> Value {
    canonical_value(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

/// `sha256:` and the hash of a canonical text, as `digest` in a baseline bounds a document.
#[must_use]
pub fn digest(canonical: &str) -> String {
    let hash = Sha256::digest(canonical);
    hash.iter().fold(String::from("sha256:"), |text, byte| format!("{text}{byte:02x}"))
}

fn canonical_statement(statement: Value) -> Value {
    let Value::Object(keys) = statement else { return statement };
    let element = |(name, value): (String, Value)| {
        let value = match (name.as_str(), value) {
            ("Action" | "NotAction" | "Resource" | "NotResource", value) => set(value),
            // `"*"` and `{"AWS": "*"}` do not mean the same everywhere: the first is kept.
            ("Principal" | "NotPrincipal", Value::Object(sorts)) => each(sorts, set),
            ("Condition", Value::Object(operators)) => each(operators, |keys| match keys {
                Value::Object(keys) => each(keys, set),
                other => other,
            }),
            (_, value) => value,
        };
        (name, value)
    };
    Value::Object(keys.into_iter().map(element).collect())
}

fn each(keys: Map<String, Value>, change: impl Fn(Value) -> Value) -> Value {
    Value::Object(keys.into_iter().map(|(key, value)| (key, change(value))).collect())
}

/// A lone entry or a list, as a list in which order and repetition say nothing.
fn set(value: Value) -> Value {
    if value.is_object() || value.is_null() {
        return value;
    }
    let entries: BTreeMap<String, Value> = listed(value).into_iter().map(|entry| (entry.to_string(), entry)).collect();
    Value::Array(entries.into_values().collect())
}

fn listed(value: Value) -> Vec<Value> {
    match value {
        Value::Array(entries) => entries,
        alone => vec![alone],
    }
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(keys) => {
            let keys: BTreeMap<String, Value> = keys.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            Value::Object(keys.into_iter().collect())
        }
        Value::Array(entries) => Value::Array(entries.into_iter().map(sorted).collect()),
        Value::Number(number) => Value::Number(whole(number)),
        other => other,
    }
}

/// `3600.0` and `3600` are one number.
fn whole(number: Number) -> Number {
    match number.as_f64() {
        Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < EXACT => {
            #[allow(clippy::cast_possible_truncation, reason = "whole, and below 2^53")]
            let whole = float as i64;
            Number::from(whole)
        }
        _ => number,
    }
}

/// A JSON value in which no key was lost and no number rounded.
struct Exact(Value);

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ExactVisitor).map(Exact)
    }
}

struct ExactVisitor;

impl<'de> Visitor<'de> for ExactVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        // A whole number that does not fit 64 bits arrives here rounded, like any other.
        if value.abs() >= EXACT {
            return Err(E::custom(format!("a number near `{value}` is too large to be kept exactly")));
        }
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number is not finite"))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Exact(entry)) = entries.next_element()? {
            list.push(entry);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut keys = Map::new();
        while let Some((key, Exact(value))) = entries.next_entry::<String, Exact>()? {
            if keys.contains_key(&key) {
                return Err(de::Error::custom(format!("the key `{key}` stands twice")));
            }
            keys.insert(key, value);
        }
        Ok(Value::Object(keys))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(one: &str, other: &str) -> bool {
        canonical_document(one).unwrap() == canonical_document(other).unwrap()
    }

    #[test]
    fn spelling_is_not_content() {
        let one = r#"{"Version":"2012-10-17","Statement":[{"Sid":"A","Effect":"Deny","Action":["ec2:*"],"Resource":"*",
            "Principal":{"AWS":"111111111111"},"Condition":{"StringNotEquals":{"aws:RequestedRegion":["eu-west-1"]}}}]}"#;
        let other = r#"{ "Statement": {"Effect": "Deny", "Sid": "A", "Resource": ["*"], "Action": "ec2:*",
            "Condition": {"StringNotEquals": {"aws:RequestedRegion": "eu-west-1"}},
            "Principal": {"AWS": ["111111111111"]}}, "Version": "2012-10-17" }"#;
        assert!(same(one, other));
        assert!(same(
            r#"{"Statement":[{"Action":["a:B","c:D","a:B"]}]}"#,
            r#"{"Statement":[{"Action":["c:D","a:B"]}]}"#
        ));
        assert!(same(r#"{"a":"\u0041"}"#, r#"{"a":"A"}"#));
        assert!(same(r#"{"a":3600.0}"#, r#"{"a":3600}"#));
    }

    #[test]
    fn what_changes_the_meaning_is_kept() {
        let deny = |rest: &str| format!(r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Deny",{rest}}}]}}"#);
        for (one, other) in [
            (r#""Action":"ec2:*""#, r#""Action":"ec2:Run*""#),
            (r#""Action":"ec2:*""#, r#""NotAction":"ec2:*""#),
            (r#""Action":[]"#, r#""Action":"""#),
            (r#""Action":"ec2:*""#, r#""Action":"ec2:* ""#),
            (r#""Sid":"A""#, r#""Sid":"B""#),
            (r#""Principal":"*""#, r#""Principal":{"AWS":"*"}"#),
            (r#""Principal":{"AWS":"*"}"#, r#""Principal":{"Service":"*"}"#),
            (r#""Condition":{"Bool":{"k":"true"}}"#, r#""Condition":{"Bool":{"k":"false"}}"#),
            (r#""Condition":{"Bool":{"k":"true"}}"#, r#""Condition":{"BoolIfExists":{"k":"true"}}"#),
            (r#""Condition":{}"#, r#""Resource":"*""#),
        ] {
            assert!(!same(&deny(one), &deny(other)), "{one} and {other}");
        }
        assert!(!same(r#"{"Version":"2012-10-17","Statement":[]}"#, r#"{"Version":"2008-10-17","Statement":[]}"#));
        // Statements keep their order, and outside of IAM a list of one is not its entry.
        assert!(!same(r#"{"tags":{"@@assign":["a"]}}"#, r#"{"tags":{"@@assign":"a"}}"#));
        assert!(!same(r#"{"tags":["a","b"]}"#, r#"{"tags":["b","a"]}"#));
    }

    #[test]
    fn what_cannot_be_kept_exactly_is_refused() {
        for text in [
            r#"{"Statement":[],"Statement":[{"Effect":"Deny"}]}"#,
            r#"{"Statement":[{"Effect":"Deny","Effect":"Allow"}]}"#,
            r#"{"a":123456789012345678901234567890}"#,
            r#"{"a":1e400}"#,
            r#"{"a":1} x"#,
            "<html>",
            "",
        ] {
            assert!(canonical_document(text).is_err(), "{text}");
        }
        assert!(canonical_document(&format!("{}{}", "[".repeat(10_000), "]".repeat(10_000))).is_err());
        assert!(!same(r#"{"a":18446744073709551615}"#, r#"{"a":18446744073709551614}"#));
    }

    #[test]
    fn the_text_of_the_value_is_the_text() {
        let text = r#"{"b":1,"a":{"d":[],"c":null}}"#;
        assert_eq!(canonical_document(text).unwrap(), r#"{"a":{"c":null,"d":[]},"b":1}"#);
        assert_eq!(canonical_value(text).unwrap().to_string(), canonical_document(text).unwrap());
        assert!(digest("{}").starts_with("sha256:44136fa355b3678a"));
    }
}
