//! Where something holds, said shortly.
//!
//! In: the places in which a fact is known, and those in which it has one value. Out: the `where` of as few rules as say
//! exactly that: none where it is all of them, a unit where it is all that hangs below it, else ids. It never says a place
//! by a name that somebody could give to another one.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::baseline::model::OuPath;
use crate::baseline::pattern::is_pattern;

/// An account and a region in it.
pub(super) type Place = (String, String);

/// The estate's shape, as the recorded baseline declares it.
#[derive(Debug, Default)]
pub(super) struct Ground {
    /// What hangs below each unit, from the top down; units whose names are patterns are left out.
    units: Vec<(String, BTreeSet<String>)>,
}

/// How far a rule may be shortened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Regions {
    /// Regions are left out where all of an account's are meant.
    Short,
    /// Regions are always named.
    Named,
}

impl Ground {
    /// Puts the declared accounts below their units.
    pub(super) fn new<'a>(accounts: impl Iterator<Item = (&'a str, &'a OuPath)>) -> Self {
        let mut below: BTreeMap<OuPath, BTreeSet<String>> = BTreeMap::new();
        for (id, unit) in accounts {
            let mut at = Some(unit.clone());
            while let Some(path) = at.filter(|path| !path.is_root()) {
                at = path.parent();
                below.entry(path).or_default().insert(id.to_owned());
            }
        }
        let mut units: Vec<(OuPath, BTreeSet<String>)> =
            below.into_iter().filter(|(path, _)| !is_pattern(&path.to_string())).collect();
        units.sort_by_key(|(path, _)| path.names().len());
        Self { units: units.into_iter().map(|(path, ids)| (path.to_string(), ids)).collect() }
    }

    /// The accounts of `chosen` in as few `where`s as say them among `all`; an empty one where they are all of them.
    pub(super) fn accounts(&self, chosen: &BTreeSet<String>, all: &BTreeSet<String>) -> Vec<Map<String, Value>> {
        if chosen == all {
            return vec![Map::new()];
        }
        let (mut left, mut units) = (chosen.clone(), Vec::new());
        if chosen.len() > 1 {
            for (path, below) in &self.units {
                let meant: BTreeSet<&String> = below.intersection(all).collect();
                if meant.len() > 1 && meant.iter().all(|id| left.contains(*id)) {
                    left.retain(|id| !below.contains(id));
                    units.push(path.clone());
                }
            }
        }
        let one_or_many = |texts: Vec<String>| match texts.as_slice() {
            [one] => json!(one),
            many => json!(many),
        };
        let by_unit = (!units.is_empty()).then_some(("ou", units));
        let by_id = (!left.is_empty()).then(|| ("account", left.into_iter().collect()));
        by_unit
            .into_iter()
            .chain(by_id)
            .map(|(key, texts)| Map::from_iter([(key.to_owned(), one_or_many(texts))]))
            .collect()
    }

    /// The places of `chosen` in as few `where`s as say them among `all`.
    pub(super) fn places(
        &self,
        chosen: &BTreeSet<Place>,
        all: &BTreeSet<Place>,
        regions: Regions,
    ) -> Vec<Map<String, Value>> {
        let (every, chosen) = (by_account(all), by_account(chosen));
        let whole: BTreeSet<String> = every.keys().map(|id| (*id).to_owned()).collect();
        // Accounts with the same regions go into one rule; so do those with all of theirs, whichever these are.
        let mut alike: BTreeMap<Option<BTreeSet<&str>>, BTreeSet<String>> = BTreeMap::new();
        for (id, in_regions) in chosen {
            let is_whole = regions == Regions::Short && every.get(id) == Some(&in_regions);
            alike.entry((!is_whole).then_some(in_regions)).or_default().insert(id.to_owned());
        }
        let mut wheres = Vec::new();
        for (in_regions, ids) in alike {
            for mut applies in self.accounts(&ids, &whole) {
                match in_regions.as_ref().map(|names| names.iter().copied().collect::<Vec<_>>()).as_deref() {
                    None => {}
                    Some([one]) => drop(applies.insert("region".to_owned(), json!(one))),
                    Some(many) => drop(applies.insert("region".to_owned(), json!(many))),
                }
                wheres.push(applies);
            }
        }
        wheres
    }
}

fn by_account(places: &BTreeSet<Place>) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut accounts: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (account, region) in places {
        accounts.entry(account).or_default().insert(region);
    }
    accounts
}

/// A rule with where it applies first; left out where it is everywhere.
pub(super) fn rule(applies: Map<String, Value>, says: Map<String, Value>) -> Value {
    let place = (!applies.is_empty()).then(|| ("where".to_owned(), Value::Object(applies)));
    Value::Object(place.into_iter().chain(says).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(texts: &[&str]) -> BTreeSet<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn places(texts: &[(&str, &str)]) -> BTreeSet<Place> {
        texts.iter().map(|(account, region)| ((*account).to_owned(), (*region).to_owned())).collect()
    }

    fn ground() -> Ground {
        let unit = |path: &str| OuPath::parse(path).unwrap();
        let accounts =
            [("1", unit("/A")), ("2", unit("/A/B")), ("3", unit("/C*")), ("4", unit("/C*")), ("5", unit("/"))];
        Ground::new(accounts.iter().map(|(id, path)| (*id, path)))
    }

    fn said(wheres: Vec<Map<String, Value>>) -> Value {
        json!(wheres)
    }

    #[test]
    fn accounts_are_said_by_the_unit_that_holds_just_them() {
        let all = ids(&["1", "2", "3", "4", "5"]);
        let said = |chosen: &[&str]| said(ground().accounts(&ids(chosen), &all));
        assert_eq!(said(&["1", "2", "3", "4", "5"]), json!([{}]));
        assert_eq!(said(&["1", "2"]), json!([{"ou": "/A"}]));
        assert_eq!(said(&["1", "2", "5"]), json!([{"ou": "/A"}, {"account": "5"}]));
        // A lone account is not its unit, and a unit whose name is a pattern would mean others too.
        assert_eq!(said(&["2"]), json!([{"account": "2"}]));
        assert_eq!(said(&["3", "4"]), json!([{"account": ["3", "4"]}]));
    }

    #[test]
    fn regions_are_left_out_where_all_are_meant() {
        let all = places(&[("1", "r"), ("1", "s"), ("2", "r"), ("5", "r")]);
        let said = |chosen: &[(&str, &str)], regions| said(ground().places(&places(chosen), &all, regions));
        let whole = [("1", "r"), ("1", "s"), ("2", "r")];
        assert_eq!(said(&whole, Regions::Short), json!([{"ou": "/A"}]));
        assert_eq!(said(&whole[..1], Regions::Short), json!([{"account": "1", "region": "r"}]));
        let named = json!([{"account": "2", "region": "r"}, {"account": "1", "region": ["r", "s"]}]);
        assert_eq!(said(&whole, Regions::Named), named);
        assert_eq!(said(&[("1", "r"), ("1", "s"), ("2", "r"), ("5", "r")], Regions::Short), json!([{}]));
    }
}
