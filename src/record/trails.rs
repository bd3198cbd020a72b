//! Audit logs, as they record.
//!
//! In: trails and event data stores. Out: the demand that each of them keeps to, trails of one kind in one rule. It never
//! demands what a trail does not do today, and never takes one that was not read for one that is not there.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::Record;
use super::places::{Place, Regions, rule};
use crate::estate::{EventDataStore, GLOBAL, Observation, Trail};

/// The section; none where nothing of it was read, or where there is nothing to demand.
pub(super) fn section(record: &mut Record<'_>) -> Option<Value> {
    let found = Found::new(record);
    if !found.read.is_empty() && found.trails.is_empty() {
        record.unsaid.add("audit logs", "no trail was found, and there is no demand for none", "");
    }
    let mut keys = Map::new();
    let of_all = found.organization(record);
    if let Some(trail) = of_all {
        keys.insert("organization_trail".to_owned(), Value::Object(demand(record, trail)));
    }
    let own = found.own(record, of_all);
    if !own.is_empty() {
        keys.insert("trails".to_owned(), Value::Array(own));
    }
    if !found.stores_asked {
        record.unread.add("event data stores", "nobody asked for it in that run", "");
    }
    if let Some(days) = found.retention(record) {
        keys.insert("retention_days".to_owned(), json!(days));
    }
    (!keys.is_empty()).then_some(Value::Object(keys))
}

/// What was read, with where.
#[derive(Default)]
struct Found<'a> {
    read: BTreeSet<Place>,
    trails: BTreeMap<&'a str, &'a Trail>,
    stores: Vec<&'a EventDataStore>,
    stores_asked: bool,
}

impl<'a> Found<'a> {
    fn new(record: &mut Record<'a>) -> Self {
        let mut found = Self::default();
        for (account, facts) in &record.snapshot.accounts {
            for (region, facts) in facts.regions.iter().filter(|(region, _)| *region != GLOBAL) {
                let place = || format!("{account} in {region}");
                match &facts.trails {
                    Some(Observation::Known(trails)) => {
                        found.read.insert((account.clone(), region.clone()));
                        // One that another account keeps is shown here too, and demanded of nobody.
                        let own = trails.iter().filter(|trail| trail.arn.split(':').nth(4) == Some(account));
                        found.trails.extend(own.map(|trail| (trail.arn.as_str(), trail)));
                    }
                    Some(Observation::Absent) => drop(found.read.insert((account.clone(), region.clone()))),
                    Some(Observation::Unknown(gap)) => record.gap("trails", gap, place()),
                    None => record.unread.add("trails", "nobody asked for it in that run", place()),
                }
                found.stores_asked |= facts.event_data_stores.is_some();
                match &facts.event_data_stores {
                    Some(Observation::Known(stores)) => found.stores.extend(stores),
                    Some(Observation::Unknown(gap)) => record.gap("event data stores", gap, place()),
                    Some(Observation::Absent) | None => {}
                }
            }
        }
        found
    }

    /// The organisation's trail that records most, of those of the management account.
    fn organization(&self, record: &Record<'_>) -> Option<&'a Trail> {
        let owner = &record.snapshot.organization.known()?.management_account;
        let of_all = self.trails.values().filter(|trail| trail.organization && account(trail) == owner);
        of_all.copied().max_by_key(|trail| {
            let all = trail.management_events.known().is_some_and(|events| events == "all");
            (trail.logging.known() == Some(&true), trail.multi_region, all, trail.log_file_validation)
        })
    }

    /// Every other trail, alike ones in one rule.
    fn own(&self, record: &mut Record<'_>, but: Option<&Trail>) -> Vec<Value> {
        let mut alike: BTreeMap<(String, bool), BTreeSet<Place>> = BTreeMap::new();
        for trail in self.trails.values().filter(|trail| but.is_none_or(|but| but.arn != trail.arn)) {
            let says = Value::Object(demand(record, trail)).to_string();
            let place = (account(trail).to_owned(), trail.home_region.clone());
            alike.entry((says, trail.multi_region)).or_default().insert(place);
        }
        let accounts: BTreeSet<String> = self.read.iter().map(|(account, _)| account.clone()).collect();
        let mut rules = Vec::new();
        for ((says, multi_region), places) in alike {
            let says: Map<String, Value> = serde_json::from_str(&says).unwrap_or_default();
            // A trail of one region is asked for there, any other one wherever it is kept.
            let wheres = match multi_region {
                true => record.ground.accounts(&places.into_iter().map(|(account, _)| account).collect(), &accounts),
                false => record.ground.places(&places, &self.read, Regions::Named),
            };
            rules.extend(wheres.into_iter().map(|applies| rule(applies, says.clone())));
        }
        rules
    }

    /// The shortest time that a store keeps its events.
    fn retention(&self, record: &mut Record<'_>) -> Option<i64> {
        let kept = self.stores.iter().filter(|store| store.status != "PENDING_DELETION");
        let mut shortest = None;
        for store in kept {
            match store.retention_days.known().copied().filter(|days| u32::try_from(*days).is_ok()) {
                Some(days) => shortest = Some(shortest.map_or(days, |least: i64| least.min(days))),
                None => record.unsaid.add(
                    "retention of event data stores",
                    "one does not say for how long",
                    store.arn.as_str(),
                ),
            }
        }
        shortest
    }
}

fn account(trail: &Trail) -> &str {
    trail.arn.split(':').nth(4).unwrap_or_default()
}

/// What a trail does of what can be demanded.
fn demand(record: &mut Record<'_>, trail: &Trail) -> Map<String, Value> {
    let mut keys = Map::new();
    if !trail.name.is_empty() {
        keys.insert("name".to_owned(), json!(trail.name));
    }
    if trail.multi_region {
        keys.insert("multi_region".to_owned(), json!(true));
    }
    if trail.log_file_validation {
        keys.insert("log_file_validation".to_owned(), json!(true));
    }
    if let Some(events) = events(record, trail) {
        keys.insert("management_events".to_owned(), json!(events));
    }
    keys
}

fn events(record: &mut Record<'_>, trail: &Trail) -> Option<&'static str> {
    let place = trail.arn.as_str();
    let (events, excluded) = match (&trail.management_events, &trail.excluded_sources) {
        (Observation::Known(events), Observation::Known(excluded)) => (events.as_str(), excluded),
        (Observation::Unknown(gap), _) | (_, Observation::Unknown(gap)) => {
            record.gap("management events of a trail", gap, place);
            return None;
        }
        (Observation::Absent, _) | (_, Observation::Absent) => return None,
    };
    if !excluded.is_empty() {
        let reason = format!("it leaves out {}, which a demand cannot allow", excluded.join(", "));
        record.unsaid.add("management events of a trail", reason, place);
        return None;
    }
    let word = ["all", "write", "read"].into_iter().find(|word| *word == events);
    if word.is_none() {
        record.unsaid.add("management events of a trail", format!("`{events}` asks for nothing"), place);
    }
    word
}
