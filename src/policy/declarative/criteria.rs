//! Which images may be used: criteria of which one is enough, each with conditions that must all hold. In come the criteria
//! of two sides; out comes whether the second lets every image through that the first does. What is not understood is
//! never taken to be covered.
//!
//! Source: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-allowed-amis.html>

use std::collections::BTreeMap;

use serde_json::Value;

use super::Path;

/// How many single images are looked at for one criterion.
const MOST: usize = 20_000;

/// Criteria by name, and in each the conditions by name.
pub(super) type Criteria<'a> = BTreeMap<String, BTreeMap<String, &'a Value>>;

/// The criteria among settings; `depth` is how many keys stand before the name of a criterion.
pub(super) fn of<'a>(values: impl Iterator<Item = (&'a Path, &'a Value)>, depth: usize) -> Criteria<'a> {
    let mut criteria = Criteria::new();
    for (path, value) in values {
        let name = path.0.get(depth).cloned().unwrap_or_default();
        let condition = path.0.get(depth + 1..).unwrap_or_default().join(".");
        criteria.entry(name).or_default().insert(condition, value);
    }
    criteria
}

/// Whether `wide` lets every image through that `narrow` does; none where it cannot be told.
pub(super) fn covers(wide: &Criteria, narrow: &Criteria) -> Option<bool> {
    let mut certain = true;
    for criterion in narrow.values() {
        // Word for word the same.
        if wide.values().any(|other| other == criterion) {
            continue;
        }
        for image in images(criterion)? {
            let found: Vec<Option<bool>> = wide.values().map(|other| takes(other, &image)).collect();
            if found.contains(&Some(true)) {
                continue;
            }
            if !found.contains(&None) {
                return Some(false);
            }
            certain = false;
        }
    }
    certain.then_some(true)
}

/// The corners of a criterion: one value of each of its lists, and the highest of its numbers.
fn images<'a>(criterion: &BTreeMap<String, &'a Value>) -> Option<Vec<BTreeMap<String, &'a Value>>> {
    let mut images = vec![BTreeMap::new()];
    for (name, value) in criterion {
        let values: Vec<&Value> = match value {
            // `none` lets no image through.
            Value::Array(list) => list.iter().filter(|value| value.as_str() != Some("none")).collect(),
            single => vec![single],
        };
        if images.len().saturating_mul(values.len()) > MOST {
            return None;
        }
        let with = |image: &BTreeMap<String, &'a Value>, value: &'a Value| {
            let mut image = image.clone();
            image.insert(name.clone(), value);
            image
        };
        images = images.iter().flat_map(|image| values.iter().map(move |value| with(image, value))).collect();
    }
    Some(images)
}

/// Whether a criterion lets a corner of another one through.
fn takes(criterion: &BTreeMap<String, &Value>, image: &BTreeMap<String, &Value>) -> Option<bool> {
    let mut certain = true;
    for (name, wanted) in criterion {
        match holds(name, wanted, image.get(name).copied()) {
            Some(true) => {}
            Some(false) => return Some(false),
            None => certain = false,
        }
    }
    certain.then_some(true)
}

fn holds(name: &str, wanted: &Value, image: Option<&Value>) -> Option<bool> {
    // The other criterion asks nothing of it, so that any image may come.
    let Some(image) = image else { return Some(false) };
    match (name, wanted) {
        ("creation_date_condition.maximum_days_since_created", _)
        | ("deprecation_time_condition.maximum_days_since_deprecated", _) => {
            Some(super::order::number(image)? <= super::order::number(wanted)?)
        }
        ("allowed_image_providers" | "marketplace_product_codes", Value::Array(list)) => Some(list.contains(image)),
        ("image_names", Value::Array(list)) => {
            let is_pattern = |value: &Value| value.as_str().is_none_or(|text| text.contains(['*', '?']));
            let matches = |pattern: &Value| match (pattern.as_str(), image.as_str()) {
                (Some(pattern), Some(image)) => wildmatch::WildMatch::new(pattern).matches(image),
                _ => false,
            };
            if list.contains(image) || (!is_pattern(image) && list.iter().any(matches)) {
                return Some(true);
            }
            // Whether one pattern lies inside others is not looked into.
            if is_pattern(image) && list.iter().any(is_pattern) { None } else { Some(false) }
        }
        _ if wanted == image => Some(true),
        _ => None,
    }
}
