//! Values and findings in plain words.
//!
//! In: JSON values, templates. Out: text for people. It never escapes: what it returns holds attacker-controlled text, and
//! whoever shows it escapes it for the place where it is shown.

use serde_json::{Map, Value};

use crate::compare::Drift;
use crate::estate::{Kind, Scope};

/// How long a value may be in a sentence, in characters; the whole value stands beside it.
const SHORT: usize = 120;

/// A value as people would say it: `at most 256`, `eu-west-1, us-east-1`, `none`, `nothing`.
#[must_use]
pub fn plain(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.as_f64().map_or_else(|| number.to_string(), |number| number.to_string()),
        Value::String(text) if text.is_empty() => "empty".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Object(fields) if fields.is_empty() => "empty".to_owned(),
        Value::Object(fields) => object(fields),
    }
}

fn object(fields: &Map<String, Value>) -> String {
    let said = |(key, value): (&String, &Value)| match (key.as_str(), value) {
        ("max", value) => format!("at most {}", plain(value)),
        ("min", value) => format!("at least {}", plain(value)),
        ("equals", value) => format!("exactly {}", plain(value)),
        ("between", Value::Array(ends)) => {
            format!("between {}", ends.iter().map(plain).collect::<Vec<_>>().join(" and "))
        }
        ("allowed", Value::Array(any)) if !any.is_empty() => format!("one of {}", plain(value)),
        ("value", value) => plain(value),
        (key, value @ Value::Object(_)) => format!("{key} {value}"),
        (key, value) => format!("{key} {}", plain(value)),
    };
    fields.iter().map(said).collect::<Vec<_>>().join(", ")
}

/// A value in a sentence.
pub(super) fn short(value: &Value) -> String {
    let whole = plain(value);
    match whole.char_indices().nth(SHORT) {
        Some((end, _)) => format!("{}…", whole.get(..end).unwrap_or_default()),
        None => whole,
    }
}

/// `name (id)`, or the one word where both are the same or one is missing. What is wrong with the baseline goes by its name;
/// its id only keeps entries apart.
pub(super) fn subject(drift: &Drift) -> String {
    let subject = &drift.subject;
    if drift.kind == Kind::Baseline {
        subject.name.clone()
    } else if subject.name.is_empty() || subject.name == subject.id {
        subject.id.clone()
    } else {
        format!("{} ({})", subject.name, subject.id)
    }
}

/// `payments-prod (222222222222), eu-west-1`.
pub(super) fn place(scope: &Scope, account_name: Option<&str>) -> String {
    let account = scope.account.as_ref().map(|id| match account_name {
        Some(name) => format!("{name} ({id})"),
        None => id.clone(),
    });
    let organization = scope.organization.as_ref().map(|id| format!("organisation {id}"));
    let parts: Vec<String> = [organization, account, scope.region.clone()].into_iter().flatten().collect();
    if parts.is_empty() { "the estate".to_owned() } else { parts.join(", ") }
}

/// The scope without a region that the sentence names already as its subject.
fn beside_subject(drift: &Drift) -> Scope {
    let named = |region: &String| *region != drift.subject.id;
    Scope { region: drift.scope.region.clone().filter(named), ..drift.scope.clone() }
}

/// The sentence a finding opens with.
pub(super) fn title(template: &str, drift: &Drift, account_name: Option<&str>) -> String {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, behind) = after.split_once('}').unwrap_or((after, ""));
        text.push_str(before);
        text.push_str(&match name {
            "subject" => subject(drift),
            "place" => place(&beside_subject(drift), account_name),
            "expected" => short(&drift.expected),
            "actual" => short(&drift.actual),
            other => unreachable!("`policies/rules.yaml` names `{other}`, which is no part of a finding"),
        });
        rest = behind;
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_read_as_people_would_say_them() {
        for (value, words) in [
            (json!(640.0), "640"),
            (json!(0.5), "0.5"),
            (json!({"max": 256.0}), "at most 256"),
            (json!({"between": [1, 5], "min": 2}), "between 1 and 5, at least 2"),
            (json!(["eu-west-1", "us-east-1"]), "eu-west-1, us-east-1"),
            (json!([]), "none"),
            (json!(null), "nothing"),
            (json!({"value": 640, "status": "PENDING"}), "640, status PENDING"),
        ] {
            assert_eq!(plain(&value), words);
        }
    }
}
