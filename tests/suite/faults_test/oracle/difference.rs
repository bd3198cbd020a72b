//! Where two snapshots differ.
//!
//! In: two snapshots as JSON. Out: the ways to each difference, and what it is. It never says whether it may be.

use std::collections::BTreeMap;

use serde_json::Value;

/// A difference between two snapshots, by the names on the way to it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Change {
    /// It is unknown, with this reason, and was read before, or unknown for another one.
    Lost(String),
    /// It is not there any more, or was not there before.
    Gone,
    New(Value),
    /// Its value is another.
    Other(Value, Value),
}

/// Collects where two snapshots differ. What is known is stepped into; lists go by what their items are called.
pub(super) fn compare(path: &str, before: &Value, after: &Value, changes: &mut BTreeMap<String, Change>) {
    if before == after {
        return;
    }
    match (gap(before), gap(after)) {
        (_, Some(reason)) => return drop(changes.insert(path.to_owned(), Change::Lost(reason))),
        (Some(_), None) => return drop(changes.insert(path.to_owned(), Change::Other(before.clone(), after.clone()))),
        (None, None) => {}
    }
    let (before, after) = (known(before), known(after));
    match (members(before), members(after)) {
        (Some(was), Some(is)) => {
            for (name, value) in &was {
                let path = format!("{path}/{name}");
                match is.get(name) {
                    Some(other) => compare(&path, value, other, changes),
                    None => drop(changes.insert(path, Change::Gone)),
                }
            }
            for (name, value) in is.iter().filter(|(name, _)| !was.contains_key(*name)) {
                changes.insert(format!("{path}/{name}"), Change::New((*value).clone()));
            }
        }
        _ if before != after => drop(changes.insert(path.to_owned(), Change::Other(before.clone(), after.clone()))),
        _ => {}
    }
}

pub(super) fn gap(value: &Value) -> Option<String> {
    let only = value.as_object().filter(|members| members.len() == 1)?.get("unknown")?;
    only["reason"].as_str().map(str::to_owned)
}

fn known(value: &Value) -> &Value {
    value.as_object().filter(|members| members.len() == 1).and_then(|members| members.get("known")).unwrap_or(value)
}

/// The parts of an object or list by name.
fn members(value: &Value) -> Option<BTreeMap<String, &Value>> {
    match value {
        Value::Object(members) => Some(members.iter().map(|(name, value)| (name.clone(), value)).collect()),
        Value::Array(items) => Some(
            items
                .iter()
                .enumerate()
                .map(|(n, item)| {
                    let name = ["arn", "id", "code"].iter().find_map(|key| item[key].as_str());
                    let resource = item["resource"].as_str().map(|resource| format!("@{resource}"));
                    let name = name.map_or_else(|| n.to_string(), str::to_owned);
                    (name + &resource.unwrap_or_default(), item)
                })
                .collect(),
        ),
        _ => None,
    }
}
