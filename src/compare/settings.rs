//! Settings: EC2's account-wide switches, per account and region.
//!
//! In: the settings that were read, and for each attribute the last rule that gives it. Out: one drift for each attribute
//! that differs, and one for each setting that is in other hands. It never compares an attribute that no rule gives, nor
//! takes a setting that does not say who manages it for one in the right hands: that stays undecided.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::drift::{Aspect, Direction, Drift, number};
use super::rule::Rule;
use super::sides::{Sides, Spot};
use super::undecided::Undecided;
use crate::baseline::pattern::fits;
use crate::baseline::rules::ExpectedSetting;
use crate::estate::{CoverageStatus, Gap, Observation, Setting};

/// The values of each attribute from the weakest to the strictest; of two that are not both here nothing is said.
/// Source: <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_declarative_syntax.html>
const FROM_WEAKEST: [(&str, &[&str]); 14] = [
    ("ebs_encryption_by_default", &["false", "true"]),
    ("serial_console_access", &["true", "false"]),
    ("image_block_public_access", &["unblocked", "block-new-sharing"]),
    ("snapshot_block_public_access", &["unblocked", "block-new-sharing", "block-all-sharing"]),
    ("instance_metadata_defaults.http_tokens", &["optional", "required"]),
    ("instance_metadata_defaults.http_tokens", &["no-preference", "required"]),
    ("instance_metadata_defaults.http_endpoint", &["enabled", "disabled"]),
    ("instance_metadata_defaults.http_endpoint", &["no-preference", "disabled"]),
    ("instance_metadata_defaults.instance_metadata_tags", &["enabled", "disabled"]),
    ("instance_metadata_defaults.http_tokens_enforced", &["disabled", "enabled"]),
    ("instance_metadata_defaults.http_tokens_enforced", &["no-preference", "enabled"]),
    ("allowed_images_settings.state", &["disabled", "audit-mode", "enabled"]),
    ("vpc_block_public_access.internet_gateway_block_mode", &["off", "block-ingress", "block-bidirectional"]),
    ("vpc_block_public_access.exclusions_allowed", &["allowed", "not-allowed"]),
];

/// Attributes of which a greater number is weaker.
const GREATER_IS_WEAKER: [&str; 1] = ["instance_metadata_defaults.http_put_response_hop_limit"];

/// Settings of which EC2 never says who manages them; of any other one it always does.
const SAYS_NOT: [&str; 2] = ["ebs_encryption_by_default", "ebs_default_kms_key"];

/// Who can manage a setting.
const MANAGERS: [&str; 2] = ["account", "declarative-policy"];

/// Compares the settings of every account and region.
pub(super) fn compare(sides: &Sides<'_>, drifts: &mut Vec<Drift>, undecided: &mut Undecided) {
    for spot in sides.spots().filter(|spot| !spot.facts.settings.is_empty()) {
        let expected = sides.rules.settings(spot.place);
        for one in &expected {
            drifts.extend(value(sides, spot, one));
        }
        for one in managed(&expected) {
            drifts.extend(management(sides, spot, one, undecided));
        }
    }
}

fn value(sides: &Sides<'_>, spot: Spot<'_>, expected: &ExpectedSetting) -> Option<Drift> {
    let name = expected.name();
    let actual = match spot.facts.settings.get(&expected.setting)? {
        Observation::Known(Setting { value, .. }) => match &expected.attribute {
            Some(attribute) => value.get(attribute).cloned().unwrap_or(Value::Null),
            None => value.clone(),
        },
        Observation::Absent => Value::Null,
        Observation::Unknown(_) => return None,
    };
    if is_same(&name, &expected.value, &actual, &spot.place.account.id) {
        return None;
    }
    let brought = match &expected.attribute {
        Some(attribute) => Value::Object(Map::from_iter([(attribute.clone(), actual.clone())])),
        None => actual.clone(),
    };
    let drift = Drift::new(Rule::SettingChanged, Aspect::Value, spot.scope(sides), &name, &name)
        .direction(direction(&name, &expected.value, &actual))
        .values(expected.value.clone(), actual)
        .at(sides.baseline.position(&expected.pointer()))
        .logged(&spot.place.account.id, Some(spot.place.region))
        .names("setting", &expected.setting)
        .effect("value", brought.to_string());
    Some(drift)
}

fn is_same(name: &str, expected: &Value, actual: &Value, account: &str) -> bool {
    match (name, expected, actual) {
        ("ebs_default_kms_key", Value::String(expected), Value::String(actual)) => is_key(expected, actual, account),
        ("allowed_images_settings.image_criteria", ..) => criteria(expected) == criteria(actual),
        (_, Value::Number(expected), Value::Number(actual)) => expected.as_f64() == actual.as_f64(),
        _ => expected == actual,
    }
}

/// A key goes by its alias, by its ARN, and by the ARN of its alias in the account itself. Field by field: an alias may
/// hold a `:`, and every account may give its own key the same alias.
fn is_key(expected: &str, actual: &str, account: &str) -> bool {
    const FIELDS: usize = 6;
    let (wanted, found): (Vec<&str>, Vec<&str>) =
        (expected.splitn(FIELDS, ':').collect(), actual.splitn(FIELDS, ':').collect());
    match (expected.starts_with("arn:"), found.as_slice()) {
        (true, _) => wanted.len() == found.len() && wanted.iter().zip(&found).all(|(one, other)| fits(one, other)),
        (false, ["arn", _, "kms", _, owner, alias]) if expected.starts_with("alias/") => {
            *owner == account && fits(expected, alias)
        }
        (false, _) => fits(expected, actual),
    }
}

/// Criteria, and the lists within them, in one order; what says nothing is left out.
fn criteria(value: &Value) -> Value {
    match value {
        Value::Array(entries) => {
            let entries: BTreeMap<String, Value> =
                entries.iter().map(criteria).map(|entry| (entry.to_string(), entry)).collect();
            Value::Array(entries.into_values().collect())
        }
        Value::Object(keys) => {
            let keys: BTreeMap<&String, Value> = keys.iter().map(|(key, value)| (key, criteria(value))).collect();
            let says = |value: &Value| !value.is_null() && *value != Value::Array(Vec::new());
            let said = keys.into_iter().filter(|(_, value)| says(value));
            Value::Object(said.map(|(key, value)| (key.clone(), value)).collect())
        }
        Value::Number(value) => value.as_f64().map_or_else(|| Value::Number(value.clone()), number),
        // No list of criteria and an empty one are the same.
        Value::Null => Value::Array(Vec::new()),
        other => other.clone(),
    }
}

fn direction(name: &str, expected: &Value, actual: &Value) -> Direction {
    if GREATER_IS_WEAKER.contains(&name) {
        return match expected.as_f64().zip(actual.as_f64()) {
            Some((expected, actual)) if actual > expected => Direction::Weaker,
            Some(_) => Direction::Stricter,
            None => Direction::Unknown,
        };
    }
    let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let (expected, actual) = (word(expected), word(actual));
    let orders = FROM_WEAKEST.iter().filter(|(attribute, _)| *attribute == name);
    let places = orders.filter_map(|(_, order)| {
        let place = |word: &str| order.iter().position(|known| *known == word);
        place(&expected).zip(place(&actual))
    });
    match places.map(|(expected, actual)| actual < expected).next() {
        Some(true) => Direction::Weaker,
        Some(false) => Direction::Stricter,
        None => Direction::Unknown,
    }
}

/// For each setting the last rule that says who must hold it.
fn managed(expected: &[ExpectedSetting]) -> impl Iterator<Item = &ExpectedSetting> {
    let mut last: BTreeMap<&str, &ExpectedSetting> = BTreeMap::new();
    for one in expected.iter().filter(|one| one.managed_by.is_some()) {
        let there = last.entry(&one.setting).or_insert(one);
        if there.index < one.index {
            *there = one;
        }
    }
    last.into_values()
}

fn management(
    sides: &Sides<'_>,
    spot: Spot<'_>,
    expected: &ExpectedSetting,
    undecided: &mut Undecided,
) -> Option<Drift> {
    let Observation::Known(setting) = spot.facts.settings.get(&expected.setting)? else { return None };
    let declared = expected.managed_by.as_deref()?;
    let Some(actual) = setting.managed_by.as_deref() else {
        let status = match SAYS_NOT.contains(&expected.setting.as_str()) {
            true => CoverageStatus::Unsupported,
            false => CoverageStatus::Failed,
        };
        let gap = Gap { status, reason: "EC2 does not say who manages it".to_owned() };
        undecided.note(spot.scope(sides), "baseline `settings` `managed_by`".to_owned(), &expected.setting, gap);
        return None;
    };
    if declared == actual {
        return None;
    }
    if !MANAGERS.contains(&actual) {
        undecided.word(spot.scope(sides), "baseline `settings` `managed_by`", &expected.setting, actual);
        return None;
    }
    let direction = match declared {
        "declarative-policy" => Direction::Weaker,
        _ if actual == "declarative-policy" => Direction::Stricter,
        _ => Direction::Unknown,
    };
    let name = &expected.setting;
    let drift = Drift::new(Rule::SettingUnmanaged, Aspect::Management, spot.scope(sides), name, name)
        .direction(direction)
        .values(declared, actual)
        .at(sides.baseline.position(&format!("/aws/settings/{}/managed_by", expected.index)))
        .names("setting", name)
        .effect("managed_by", actual);
    // What decides is the organisation's policy; without one, nobody but the account's own policies could tell.
    let owner = sides.snapshot.organization.known().map(|organization| organization.management_account.as_str());
    Some(drift.logged(owner.unwrap_or(&spot.place.account.id), None))
}
