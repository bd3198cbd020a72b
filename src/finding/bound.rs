//! Whether a state is within what was accepted.
//!
//! In: a bound of the baseline and the state that was read. Out: yes, or what is accepted in words. A state that cannot be
//! held against the bound is never within it.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::identity::hex;
use crate::baseline::model::{Bound, Value as Written};

/// What is accepted, in words, when the state is not within the bound.
pub(super) fn beyond(bound: &Bound, actual: &Value) -> Option<String> {
    let Bound { max, min, value, status, digest: accepted } = bound;
    let number = number(actual);
    if let Some(max) = max
        && number.is_none_or(|number| number > *max)
    {
        return Some(format!("up to {max}"));
    }
    if let Some(min) = min
        && number.is_none_or(|number| number < *min)
    {
        return Some(format!("down to {min}"));
    }
    if let Some(value) = value
        && !is(value, field(actual, &["value"]))
    {
        return Some(match value {
            Written::Bool(value) => value.to_string(),
            Written::Number(value) => value.to_string(),
            Written::Text(value) => value.clone(),
        });
    }
    if let Some(status) = status
        && field(actual, &["status", "state"]).as_str() != Some(status)
    {
        return Some(status.clone());
    }
    if let Some(accepted) = accepted
        && digest(actual) != accepted.to_lowercase()
    {
        return Some(format!("the document {accepted}"));
    }
    None
}

/// The digest of a state's document, as `digest:` of an exemption takes it: what comparing says it is, else `sha256:` and
/// the hash of the value with its keys in order.
#[must_use]
pub fn digest(actual: &Value) -> String {
    if let Some(told) = actual.get("digest").and_then(Value::as_str) {
        return told.to_lowercase();
    }
    let document = actual.get("document").unwrap_or(actual);
    let mut canonical = document.clone();
    canonical.sort_all_objects();
    format!("sha256:{}", hex(&Sha256::digest(canonical.to_string())))
}

fn number(actual: &Value) -> Option<f64> {
    field(actual, &["value"]).as_f64()
}

/// The state itself, or the field of it that is meant.
fn field<'a>(actual: &'a Value, names: &[&str]) -> &'a Value {
    names.iter().find_map(|name| actual.get(*name)).unwrap_or(actual)
}

fn is(written: &Written, actual: &Value) -> bool {
    match written {
        Written::Bool(value) => actual.as_bool() == Some(*value),
        #[expect(clippy::float_cmp, reason = "a declared number is accepted exactly")]
        Written::Number(value) => actual.as_f64() == Some(*value),
        Written::Text(value) => actual.as_str() == Some(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn bound(yaml: &str) -> Bound {
        serde_yaml::from_str(yaml).unwrap()
    }

    #[test]
    fn a_state_within_its_bound_is_accepted_and_one_beyond_says_what_was() {
        for (written, within, outside, words) in [
            ("{max: 500}", json!(500), json!(500.5), "up to 500"),
            ("{min: 10}", json!({"value": 10}), json!({"value": 9}), "down to 10"),
            ("{value: true}", json!(true), json!("true"), "true"),
            ("{value: 5}", json!(5), json!(6), "5"),
            ("{value: audit-mode}", json!("audit-mode"), json!("disabled"), "audit-mode"),
            ("{status: ENABLED}", json!({"status": "ENABLED"}), json!("DISABLING"), "ENABLED"),
            ("{min: 1, max: 3}", json!(3), json!(0), "down to 1"),
        ] {
            assert_eq!(beyond(&bound(written), &within), None, "{written} {within}");
            assert_eq!(beyond(&bound(written), &outside).as_deref(), Some(words), "{written} {outside}");
        }
    }

    #[test]
    fn an_unknown_state_is_within_no_bound_but_the_open_one() {
        for written in ["{max: 5}", "{min: 0}", "{value: x}", "{status: ENABLED}"] {
            assert!(beyond(&bound(written), &json!(null)).is_some(), "{written}");
        }
        assert_eq!(beyond(&bound("{}"), &json!(null)), None);
    }

    #[test]
    fn a_document_is_accepted_by_its_digest_whatever_the_order_of_its_keys() {
        let one = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*"}]});
        let same = json!({"Statement": [{"Action": "*", "Effect": "Deny"}], "Version": "2012-10-17"});
        let other = json!({"Statement": [], "Version": "2012-10-17"});
        let accepted = bound(&format!("{{digest: '{}'}}", digest(&one)));
        assert_eq!(beyond(&accepted, &same), None);
        assert_eq!(beyond(&accepted, &json!({"digest": digest(&one)})), None);
        assert!(beyond(&accepted, &other).is_some_and(|words| words.starts_with("the document sha256:")));
    }
}
