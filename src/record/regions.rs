//! Regions and zone groups, as they are on.
//!
//! In: the status of every region of every account. Out: the most common answer as a rule for all, and a rule for each other
//! one. A region that somebody switched on is allowed and required, so that it shows when it goes off again.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::Record;
use super::places::rule;
use crate::baseline::pattern::is_pattern;
use crate::estate::{AccountFacts, GLOBAL, NOT_OPTED_IN, Observation, is_region_status};

/// What an account's rule says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Said {
    allowed: Vec<String>,
    required: Vec<String>,
    zone_groups: Option<Vec<String>>,
}

/// The section; none where no account's regions were read.
pub(super) fn section(record: &mut Record<'_>) -> Option<Value> {
    let mut groups: BTreeMap<Said, BTreeSet<String>> = BTreeMap::new();
    let snapshot = record.snapshot;
    for (id, facts) in &snapshot.accounts {
        match &facts.region_status {
            Observation::Known(statuses) => {
                let said = Said { zone_groups: zone_groups(record, id, facts), ..said(record, id, statuses) };
                groups.entry(said).or_default().insert(id.clone());
            }
            Observation::Absent => record.unread.add("regions", "the answer holds none", id.as_str()),
            Observation::Unknown(gap) => record.gap("regions", gap, id.as_str()),
        }
    }
    let all: BTreeSet<String> = groups.values().flatten().cloned().collect();
    let (most, _) = groups.iter().max_by_key(|(_, ids)| ids.len())?;
    let most = most.clone();
    let mut rules = vec![rule(Map::new(), keys(&most))];
    for (said, ids) in groups.iter().filter(|(said, _)| **said != most) {
        rules.extend(record.ground.accounts(ids, &all).into_iter().map(|applies| rule(applies, keys(said))));
    }
    Some(Value::Array(rules))
}

fn said(record: &mut Record<'_>, account: &str, statuses: &BTreeMap<String, String>) -> Said {
    let mut said = Said { allowed: Vec::new(), required: Vec::new(), zone_groups: None };
    for (region, status) in statuses.iter().filter(|(_, status)| !matches!(status.as_str(), "DISABLED" | "DISABLING")) {
        if status == NOT_OPTED_IN || !is_region_status(status) {
            record.unread.add(format!("region `{region}`"), format!("it is {status}"), account);
            continue;
        }
        if is_pattern(region) || region.is_empty() {
            record.unsaid.add(format!("region `{region}`"), "its name is a pattern", account);
            continue;
        }
        // What is on its way is no state yet: it is accepted as it is, and found again when it has arrived.
        if status == "ENABLING" {
            continue;
        }
        said.allowed.push(region.clone());
        if status == "ENABLED" {
            said.required.push(region.clone());
        }
    }
    said
}

/// The groups that are on in any region; none where no region was asked.
fn zone_groups(record: &mut Record<'_>, account: &str, facts: &AccountFacts) -> Option<Vec<String>> {
    let mut on: Option<BTreeSet<String>> = None;
    for (region, facts) in facts.regions.iter().filter(|(region, _)| *region != GLOBAL) {
        let place = format!("{account} in {region}");
        match &facts.zone_groups {
            Some(Observation::Known(groups)) => {
                let on = on.get_or_insert_default();
                for (group, status) in groups {
                    match status.as_str() {
                        "not-opted-in" | "opt-in-not-required" => {}
                        "opted-in" => drop(on.insert(group.clone())),
                        word => {
                            record.unread.add(format!("zone group `{group}`"), format!("it is {word}"), place.as_str())
                        }
                    }
                }
            }
            Some(Observation::Absent) => drop(on.get_or_insert_default()),
            Some(Observation::Unknown(gap)) => record.gap("zone groups", gap, place),
            None => record.unread.add("zone groups", "nobody asked for it in that run", place),
        }
    }
    on.map(|groups| groups.into_iter().collect())
}

fn keys(said: &Said) -> Map<String, Value> {
    let mut keys = Map::from_iter([("allowed".to_owned(), json!(said.allowed))]);
    if !said.required.is_empty() {
        keys.insert("required".to_owned(), json!(said.required));
    }
    if let Some(groups) = &said.zone_groups {
        keys.insert("zone_groups".to_owned(), json!(groups));
    }
    keys
}
