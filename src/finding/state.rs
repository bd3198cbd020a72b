//! The state that was found, as a bound can ask for it.
//!
//! In: what was read. Out: whether it goes beyond a bound, in words. A state that is not known is beyond every bound.

use serde_json::{Map, Value, json};

use crate::baseline::matching::State;
use crate::baseline::model;
use crate::baseline::model::Bound;
use crate::compare::{Aspect, Direction, Drift, canonical, digest, number};
use crate::estate::Kind;

/// The status of what is not there.
const ABSENT: &str = "absent";

/// How a drift goes beyond a bound; none when the bound covers it.
pub(super) fn excess(bound: &Bound, drift: &Drift) -> Option<String> {
    // Documents are written by whoever is audited: their keys say nothing about them.
    let document = matches!(drift.aspect, Aspect::Content | Aspect::ResourcePolicy);
    let told = |key: &str| drift.actual.get(key).filter(|_| !document);
    let regions = listed(drift.aspect, &drift.actual).map(|text| within(bound, text));
    let value = regions.as_ref().or_else(|| told("value")).unwrap_or(&drift.actual);
    let status = told("status").unwrap_or(&drift.actual);
    let made = Some(&drift.actual).filter(|actual| document && !actual.is_null());
    let made = made.map(|actual| digest(&canonical(actual.clone()).to_string()));
    bound.excess(State {
        number: value.as_f64(),
        value: Some(value).filter(|value| !value.is_null()),
        status: if drift.actual.is_null() { Some(ABSENT) } else { status.as_str() },
        digest: made.as_deref().or_else(|| told("digest")?.as_str()),
    })
}

/// What still gets through, as one text: the regions in their order, `ap-east-1, us-west-2`.
fn listed(aspect: Aspect, actual: &Value) -> Option<String> {
    let regions = actual.as_array().filter(|_| aspect == Aspect::Reach)?;
    Some(regions.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "))
}

/// A list as a bound sees it: one that holds nothing but what the bound holds lies within it.
fn within(bound: &Bound, list: String) -> Value {
    let Some(model::Value::Text(most)) = &bound.value else { return list.into() };
    let most_of: Vec<&str> = most.split(',').map(str::trim).collect();
    if list.split(", ").all(|one| most_of.contains(&one)) { most.as_str().into() } else { list.into() }
}

/// The narrowest bound that covers a state, as the keys of an exemption; none where no sort of bound can say it.
pub fn bound(kind: Kind, aspect: Aspect, direction: Direction, actual: &Value) -> Option<Map<String, Value>> {
    let bound = json!(narrowest(kind, aspect, direction, actual)?);
    let given = bound.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    // A number without a fraction is written as people write it.
    Some(given.map(|(key, value)| (key.clone(), value.as_f64().map_or_else(|| value.clone(), number))).collect())
}

fn narrowest(kind: Kind, aspect: Aspect, direction: Direction, actual: &Value) -> Option<Bound> {
    let document = matches!(aspect, Aspect::Content | Aspect::ResourcePolicy);
    let told = |key: &str| actual.get(key).filter(|_| !document);
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let list = listed(aspect, actual).map(Value::from);
    let value = list.as_ref().or_else(|| told("value")).unwrap_or(actual);
    let open = Bound::default();
    if actual.is_null() {
        return Some(Bound { status: Some(ABSENT.to_owned()), ..open });
    }
    if document {
        return Some(Bound { digest: Some(digest(&canonical(actual.clone()).to_string())), ..open });
    }
    if let Some(digest) = told("digest").and_then(text) {
        return Some(Bound { digest: Some(digest), ..open });
    }
    if let Some(number) = value.as_f64() {
        return Some(match (kind, direction) {
            (Kind::Quota, Direction::Stricter) => Bound { min: Some(number), ..open },
            (Kind::Quota, _) => Bound { max: Some(number), ..open },
            _ => Bound { value: Some(model::Value::Number(number)), ..open },
        });
    }
    let is_status = matches!(aspect, Aspect::Status | Aspect::ZoneGroup | Aspect::Logging);
    match (told("status").and_then(text), value) {
        (Some(status), _) => Some(Bound { status: Some(status), ..open }),
        (None, Value::String(status)) if is_status => Some(Bound { status: Some(status.clone()), ..open }),
        (None, Value::String(text)) => Some(Bound { value: Some(model::Value::Text(text.clone())), ..open }),
        (None, Value::Bool(switch)) => Some(Bound { value: Some(model::Value::Bool(*switch)), ..open }),
        _ => None,
    }
}
