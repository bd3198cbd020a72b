//! Does an event speak of a difference, and did it bring it about?
//!
//! In: an entry of the catalogue, one event, one difference. Out: whether the record names the subject, and how its effect
//! compares with the present state. It never weighs one event against another.

use std::collections::BTreeMap;

use serde_json::Value;

use super::catalogue::{Entry, Named};
use super::event::Event;
use super::field::text;
use super::term::json_or_text;
use crate::compare::{Drift, canonical, value_or_text};
use crate::estate::{GLOBAL, Snapshot};

/// Whether a record is about the subject of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    /// It is about another one.
    Other,
    /// It does not say; it may be.
    Possible,
    /// It names it.
    Named,
}

/// What an event brought about, held against the present state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// It did not touch what drifted.
    Untouched,
    /// Exactly the present state.
    Same,
    /// Another state.
    Different,
    /// The record does not say, or not all of it.
    Hidden,
}

/// What a record can name the subject of a difference by.
pub(super) type Keys = BTreeMap<String, String>;

/// The keys of a difference, and what the snapshot knows about its subject besides.
pub(super) fn keys(drift: &Drift, snapshot: &Snapshot) -> Keys {
    let mut keys = drift.event_subject.clone();
    let organization = snapshot.organization.known();
    if let (Some(id), Some(organization)) = (drift.event_subject.get("policy"), organization) {
        let policies = organization.policies.values().filter_map(|policies| policies.known()).flatten();
        if let Some(policy) = policies.into_iter().find(|policy| policy.id == *id) {
            keys.entry("type".to_owned()).or_insert_with(|| policy.policy_type.clone());
        }
    }
    keys
}

/// The name of the quota that drifted: events about requests know no code.
pub(super) fn quota_name(drift: &Drift, snapshot: &Snapshot) -> Option<String> {
    let (service, code) = (drift.event_subject.get("service")?, drift.event_subject.get("code")?);
    let region = drift.scope.region.as_deref().unwrap_or(GLOBAL);
    let defined = snapshot.quota_definitions.get(region)?.get(service)?.known()?;
    defined.get(code).map(|definition| definition.name.clone())
}

/// Whether what a record names agrees with the keys of a difference.
pub(super) fn fit(entry: &Entry, named: &[Named<'_>], failed: bool, keys: &Keys) -> Fit {
    let (mut agreed, mut unsaid) = (named.is_empty(), false);
    for Named { key, always, value } in named {
        match (keys.get(*key), value) {
            (Some(ours), Some(theirs)) if ours == theirs => agreed = true,
            (Some(_), Some(_)) => return Fit::Other,
            (Some(_), None) => unsaid |= *always,
            (None, _) => {}
        }
    }
    let said = |key: &str| named.iter().any(|named| named.key == key && named.value.is_some());
    // A refused call's text names the subject, not always all of it.
    if !failed && agreed && entry.exact.iter().any(|key| keys.contains_key(key) != said(key)) {
        return Fit::Other;
    }
    if agreed && (failed || !unsaid) { Fit::Named } else { Fit::Possible }
}

/// What an entry names, with what another record about the same call adds to it.
pub(super) fn joined<'a>(mut named: Vec<Named<'a>>, more: &[Named<'a>]) -> Vec<Named<'a>> {
    for added in more {
        match named.iter_mut().find(|named| named.key == added.key) {
            Some(held) if held.value.is_none() => held.value.clone_from(&added.value),
            Some(_) => {}
            None => named.push(added.clone()),
        }
    }
    named
}

/// Whether two records name the same: they share a key, and agree on all that they share.
pub(super) fn agree(one: &[Named<'_>], other: &[Named<'_>]) -> bool {
    let mut shared = one.iter().filter_map(|a| {
        let b = other.iter().find(|b| b.key == a.key)?;
        Some(a.value.as_ref()? == b.value.as_ref()?)
    });
    shared.next().is_some_and(|first| first && shared.all(|same| same))
}

/// How the effect of an event compares with the present state; `settled` is what the provider reported to have come of it.
pub(super) fn effect(entry: &Entry, event: &Event, drift: &Drift, settled: Option<(&Entry, &Event)>) -> Effect {
    if drift.event_effect.is_empty() {
        // Only this event can have made the very thing that is there.
        let made = entry.creates.as_ref().is_some_and(|key| drift.event_subject.contains_key(key));
        return if made { Effect::Same } else { Effect::Hidden };
    }
    let mut brought = entry.effect(event);
    if let Some((entry, event)) = settled {
        brought.extend(entry.effect(event).into_iter().filter(|(_, value)| value.is_some()));
    }
    let mut effects: Vec<_> = drift
        .event_effect
        .iter()
        .map(|(key, present)| match brought.get(key.as_str()) {
            None => Effect::Untouched,
            Some(None) => Effect::Hidden,
            Some(Some(value)) => compared(key, value, present, drift),
        })
        .collect();
    effects.dedup();
    match effects.as_slice() {
        [one] => *one,
        several if several.contains(&Effect::Different) => Effect::Different,
        // It explains a part; what explains the rest is not known.
        _ => Effect::Hidden,
    }
}

fn compared(key: &str, brought: &Value, present: &str, drift: &Drift) -> Effect {
    let decided = |same: bool| if same { Effect::Same } else { Effect::Different };
    match (key, brought, json_or_text(present)) {
        // Documents are alike here exactly where comparing calls them alike.
        ("content", Value::String(brought), _) => decided(value_or_text(brought) == value_or_text(present)),
        ("content", brought, _) => decided(canonical(brought.clone()) == value_or_text(present)),
        (_, Value::Object(brought), Value::Object(present)) => attributes(brought, &present, drift),
        (_, Value::Number(_), parsed) | ("value", _, parsed) => decided(alike(brought, &parsed)),
        _ => decided(text(brought).as_deref() == Some(present)),
    }
}

/// An event that sets some attributes of an object explains the difference if it set those that drifted.
fn attributes(
    brought: &serde_json::Map<String, Value>,
    present: &serde_json::Map<String, Value>,
    drift: &Drift,
) -> Effect {
    let set = |key: &String| brought.get(key);
    if present.iter().any(|(key, now)| set(key).is_some_and(|then| !alike(then, now))) {
        return Effect::Different;
    }
    let drifted = |key: &&String| match drift.expected.as_object() {
        Some(expected) => expected.get(*key).is_some_and(|wanted| present.get(*key) != Some(wanted)),
        None => true,
    };
    let (explained, unexplained): (Vec<_>, Vec<_>) = present.keys().filter(drifted).partition(|key| set(key).is_some());
    match (explained.is_empty(), unexplained.is_empty()) {
        (true, _) => Effect::Untouched,
        (false, true) => Effect::Same,
        (false, false) => Effect::Hidden,
    }
}

/// Whether two values are the same, however they are written: `640`, `640.0` and `"640"`; `true` and `"true"`.
pub(super) fn alike(one: &Value, other: &Value) -> bool {
    let plain = |value: &Value| value.as_str().map_or_else(|| value.clone(), json_or_text);
    match (plain(one), plain(other)) {
        (Value::Number(one), Value::Number(other)) => {
            let whole = one.as_i64().zip(other.as_i64()).map(|(one, other)| one == other);
            #[allow(clippy::float_cmp, reason = "both were written as decimal text, nothing was computed")]
            whole.unwrap_or_else(|| one.as_f64() == other.as_f64())
        }
        (one, other) => one == other,
    }
}
