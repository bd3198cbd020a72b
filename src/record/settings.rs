//! Settings, as they are switched.
//!
//! In: the settings of every account and region. Out: rules that give each one whole: the most common value for all, where
//! every other value says the same attributes, and the others with their places. Who manages a setting is said where that is
//! not the account itself. It never says a value that a baseline would refuse.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::Record;
use super::places::{Place, Regions, rule};
use super::{loads, text};
use crate::baseline::model::SettingsRule;
use crate::estate::{GLOBAL, Observation, Setting};

/// A setting as a rule gives it: its value as text, and who holds it.
type Said = (String, Option<String>);

/// The section; none where no setting was read.
pub(super) fn section(record: &mut Record<'_>) -> Option<Value> {
    let mut settings: BTreeMap<&str, BTreeMap<Place, Option<Said>>> = BTreeMap::new();
    let (mut sayable, mut asked) = (Sayable::default(), BTreeSet::new());
    for (account, facts) in &record.snapshot.accounts {
        for (region, facts) in facts.regions.iter().filter(|(region, _)| *region != GLOBAL) {
            let place = || format!("{account} in {region}");
            for (name, setting) in &facts.settings {
                asked.insert(name.as_str());
                let said = match setting {
                    Observation::Known(setting) => sayable.said(record, name, setting, account, region),
                    Observation::Absent => None,
                    Observation::Unknown(gap) => {
                        record.gap(format!("setting `{name}`"), gap, place());
                        continue;
                    }
                };
                settings.entry(name).or_default().insert((account.clone(), region.clone()), said);
            }
        }
    }
    for name in names().iter().filter(|name| !asked.is_empty() && !asked.contains(name.as_str())) {
        record.unread.add(format!("setting `{name}`"), "nobody asked for it in that run", "");
    }
    let mut rules = Rules::default();
    for (name, places) in &settings {
        rules.add(record, name, places);
    }
    let rules = rules.written();
    (!rules.is_empty()).then_some(Value::Array(rules))
}

/// Which values a baseline takes, found out by asking it.
#[derive(Default)]
struct Sayable {
    asked: BTreeMap<String, bool>,
}

impl Sayable {
    fn said(
        &mut self,
        record: &mut Record<'_>,
        name: &str,
        setting: &Setting,
        account: &str,
        region: &str,
    ) -> Option<Said> {
        let place = format!("{account} in {region}");
        let holder = setting.managed_by.clone().filter(|holder| holder != "account");
        let value = match (name, &setting.value) {
            ("ebs_default_kms_key", Value::String(key)) => json!(own_alias(key, account)),
            (_, value) => without_nulls(value),
        };
        let value = match value {
            Value::Object(attributes) => {
                let mut kept = Map::new();
                let missing = setting.value.as_object().into_iter().flatten().filter(|(_, value)| value.is_null());
                for (attribute, _) in missing {
                    record.unsaid.add(format!("`{name}.{attribute}`"), "it has no value", place.as_str());
                }
                for (attribute, value) in attributes {
                    let one = json!({attribute.clone(): value});
                    if self.is_sayable(name, &one) {
                        kept.insert(attribute, value);
                    } else {
                        record.unsaid.add(
                            format!("`{name}.{attribute}`"),
                            format!("no baseline says {value}"),
                            place.as_str(),
                        );
                    }
                }
                Value::Object(kept)
            }
            value if self.is_sayable(name, &value) => value,
            value => {
                record.unsaid.add(format!("setting `{name}`"), format!("no baseline says {value}"), place);
                return None;
            }
        };
        let says_something = value.as_object().is_none_or(|attributes| !attributes.is_empty());
        says_something.then(|| (value.to_string(), holder))
    }

    fn is_sayable(&mut self, name: &str, value: &Value) -> bool {
        let rule = json!([{name: value}]);
        let asked = self.asked.entry(rule.to_string());
        *asked.or_insert_with(|| loads(&format!("version: 1\nestate: x\naws:\n{}", text::key(2, "settings", &rule))))
    }
}

/// The key's alias alone, where it is one of the account's own: each region has its own ARN of it.
fn own_alias<'k>(key: &'k str, account: &str) -> &'k str {
    const FIELDS: usize = 6;
    match key.splitn(FIELDS, ':').collect::<Vec<_>>().as_slice() {
        ["arn", _, "kms", _, owner, alias] if *owner == account && alias.starts_with("alias/") => alias,
        _ => key,
    }
}

/// What has no value is left out: a baseline cannot ask for that.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(keys) => {
            let said = keys.iter().filter(|(_, value)| !value.is_null());
            Value::Object(said.map(|(key, value)| (key.clone(), without_nulls(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(without_nulls).collect()),
        other => other.clone(),
    }
}

/// Where a rule applies, and what it gives.
type Elsewhere = (Map<String, Value>, Map<String, Value>);

/// Settings by the place and the holder that their rule has.
#[derive(Default)]
struct Rules {
    everywhere: BTreeMap<Option<String>, Map<String, Value>>,
    elsewhere: BTreeMap<(String, Option<String>), Elsewhere>,
}

impl Rules {
    fn add(&mut self, record: &Record<'_>, name: &str, places: &BTreeMap<Place, Option<Said>>) {
        let all: BTreeSet<Place> = places.keys().cloned().collect();
        let mut groups: BTreeMap<&Said, BTreeSet<Place>> = BTreeMap::new();
        for (place, said) in places {
            if let Some(said) = said {
                groups.entry(said).or_default().insert(place.clone());
            }
        }
        // A rule for all gives attributes that a later one can change and cannot take away.
        let alike = places.values().all(Option::is_some)
            && groups.keys().map(|(value, _)| attributes(value)).collect::<BTreeSet<_>>().len() == 1;
        let most = groups.iter().max_by_key(|(_, places)| places.len()).map(|(said, _)| *said).filter(|_| alike);
        for (said, places) in &groups {
            let (value, holder) = said;
            let value: Value = serde_json::from_str(value).unwrap_or_default();
            if most == Some(*said) {
                self.everywhere.entry(holder.clone()).or_default().insert(name.to_owned(), value);
                continue;
            }
            for applies in record.ground.places(places, &all, Regions::Short) {
                let key = (Value::Object(applies.clone()).to_string(), holder.clone());
                let (_, says) = self.elsewhere.entry(key).or_insert_with(|| (applies, Map::new()));
                says.insert(name.to_owned(), value.clone());
            }
        }
    }

    fn written(self) -> Vec<Value> {
        let held = |holder: Option<String>, says: Map<String, Value>| -> Map<String, Value> {
            holder.map(|holder| ("managed_by".to_owned(), json!(holder))).into_iter().chain(says).collect()
        };
        let everywhere = self.everywhere.into_iter().map(|(holder, says)| rule(Map::new(), held(holder, says)));
        let elsewhere =
            self.elsewhere.into_iter().map(|((_, holder), (applies, says))| rule(applies, held(holder, says)));
        everywhere.chain(elsewhere).collect()
    }
}

/// The settings that a baseline knows.
fn names() -> Vec<String> {
    let keys = serde_json::to_value(SettingsRule::default()).unwrap_or_default();
    let keys = keys.as_object().into_iter().flatten().map(|(key, _)| key.clone());
    keys.filter(|key| key != "where" && key != "managed_by").collect()
}

/// The names of what a value says.
fn attributes(value: &str) -> BTreeSet<String> {
    let value: Value = serde_json::from_str(value).unwrap_or_default();
    value.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
}
