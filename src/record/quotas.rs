//! Quotas, as they were applied, and what changes them in the future.
//!
//! In: applied values and defaults. Out: for each service that was read `max: default`, and `equals` for what lies above the
//! default or has none. It never records a value that came with an error, nor a default that nobody knows.
//!
//! What lies below the default stays free: new accounts start there, and AWS raises them to it by itself.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::Record;
use super::places::{Place, Regions};
use super::text::number;
use crate::baseline::pattern::is_pattern;
use crate::estate::{AppliedQuota, GLOBAL, Observation, QuotaLevel};

/// A value in the order of numbers.
type Bits = u64;

/// A rule, and the name that people know the quota by.
pub(super) struct Entry {
    pub(super) says: Value,
    pub(super) name: Option<String>,
}

/// The section; none where no quota was read.
pub(super) fn section(record: &mut Record<'_>) -> Option<Vec<Entry>> {
    let services: BTreeSet<&str> = record
        .snapshot
        .accounts
        .values()
        .flat_map(|facts| facts.regions.values())
        .flat_map(|facts| facts.quotas.keys().map(String::as_str))
        .collect();
    let mut entries = Vec::new();
    for service in services {
        entries.extend(Service::new(record, service).entries(record));
    }
    (!entries.is_empty()).then_some(entries)
}

/// One service over all accounts and regions.
struct Service<'a> {
    name: &'a str,
    /// What was applied, wherever that was read.
    rows: BTreeMap<Place, &'a [AppliedQuota]>,
    /// Whether any read brought a quota: a service that does not exist has none.
    exists: bool,
}

impl<'a> Service<'a> {
    fn new(record: &mut Record<'a>, name: &'a str) -> Self {
        let snapshot = record.snapshot;
        let mut rows: BTreeMap<Place, &[AppliedQuota]> = BTreeMap::new();
        let mut exists = false;
        for (account, facts) in &snapshot.accounts {
            for (region, facts) in &facts.regions {
                let place = || format!("{account} in {region}");
                match facts.quotas.get(name) {
                    Some(Observation::Known(found)) => {
                        exists |= !found.is_empty();
                        rows.insert((account.clone(), region.clone()), found);
                    }
                    Some(Observation::Absent) => drop(rows.insert((account.clone(), region.clone()), &[])),
                    Some(Observation::Unknown(gap)) => record.unread.gap(format!("quotas of {name}"), gap, place()),
                    None => {}
                }
            }
        }
        for (region, services) in &snapshot.quota_definitions {
            match services.get(name) {
                Some(Observation::Known(codes)) => {
                    exists |= !codes.is_empty();
                    for (code, definition) in codes {
                        if let Observation::Unknown(gap) = &definition.default {
                            record.unread.gap(format!("default of {name}/{code}"), gap, region.as_str());
                        }
                    }
                }
                Some(Observation::Unknown(gap)) => {
                    record.unread.gap(format!("default quotas of {name}"), gap, region.as_str());
                }
                Some(Observation::Absent) | None => {}
            }
        }
        Self { name, rows, exists }
    }

    fn entries(&self, record: &mut Record<'_>) -> Vec<Entry> {
        let reason = match (self.exists, is_pattern(self.name) || self.name.is_empty()) {
            (true, false) => None,
            (true, true) => Some("its name is a pattern"),
            (false, _) => Some("no quota of it was found"),
        };
        if let Some(reason) = reason {
            record.unsaid.add(format!("quotas of {}", self.name), reason, "");
            return Vec::new();
        }
        let all = Map::from_iter([("service".to_owned(), json!(self.name)), ("code".to_owned(), json!("*"))]);
        let base = |more: &[(&str, &str)]| {
            let more = more.iter().map(|(key, value)| ((*key).to_owned(), json!(value)));
            Entry { says: Value::Object(all.clone().into_iter().chain(more).collect()), name: None }
        };
        let mut entries = vec![base(&[("max", "default")])];
        entries.extend(self.of_accounts(record));
        let of_resources = self.of_resources(record);
        if record.options.resources.contains(self.name) || self.has_resources() {
            entries.push(base(&[("level", "resource"), ("max", "default")]));
        }
        entries.extend(of_resources);
        entries
    }

    fn has_resources(&self) -> bool {
        self.rows.values().flat_map(|rows| rows.iter()).any(|row| row.level == QuotaLevel::Resource)
    }

    /// The value where the default does not say it; none where it does, or where one of them is not known.
    fn special(&self, record: &mut Record<'_>, place: &Place, row: &AppliedQuota) -> Option<f64> {
        let (account, region) = place;
        let what = || format!("value of {}/{}", self.name, row.code);
        let value = match &row.value {
            Observation::Known(value) => *value,
            Observation::Absent => return None,
            Observation::Unknown(gap) => {
                record.unread.gap(what(), gap, format!("{account} in {region}"));
                return None;
            }
        };
        let stands = match record.snapshot.default_quota(region, self.name, &row.code) {
            Observation::Known(default) => value > default,
            Observation::Absent => true,
            Observation::Unknown(_) => false,
        };
        let sayable = value >= 0.0 && !row.code.is_empty() && !is_pattern(&row.code);
        if stands && !sayable {
            record.unsaid.add(what(), format!("{value} is no limit of a quota"), format!("{account} in {region}"));
        }
        (stands && sayable).then_some(value)
    }

    fn of_accounts(&self, record: &mut Record<'_>) -> Vec<Entry> {
        let mut groups: BTreeMap<&str, BTreeMap<Bits, BTreeSet<Place>>> = BTreeMap::new();
        for (place, rows) in &self.rows {
            let mut seen = BTreeSet::new();
            // Of two rows of one code the first counts.
            for row in rows.iter().filter(|row| row.level == QuotaLevel::Account && seen.insert(row.code.as_str())) {
                if let Some(value) = self.special(record, place, row) {
                    groups.entry(&row.code).or_default().entry(value.to_bits()).or_default().insert(place.clone());
                }
            }
        }
        let mut entries = Vec::new();
        for (code, values) in groups {
            for (value, places) in values {
                let wheres = self.wheres(record, code, &places);
                entries.extend(wheres.into_iter().map(|applies| self.entry(code, applies, &[], f64::from_bits(value))));
            }
        }
        entries
    }

    /// A quota of all regions has its value under `global` and only there; any other one in its region.
    fn wheres(&self, record: &Record<'_>, code: &str, places: &BTreeSet<Place>) -> Vec<Map<String, Value>> {
        let is_global = places.iter().any(|(_, region)| region == GLOBAL);
        let all = self.rows.keys().filter(|(_, region)| is_global == (region == GLOBAL)).cloned().collect();
        let is_defined = record.snapshot.quota_definitions.iter().any(|(region, services)| {
            region != GLOBAL
                && services.get(self.name).and_then(Observation::known).is_some_and(|codes| codes.contains_key(code))
        });
        let regions = if is_global || !is_defined { Regions::Named } else { Regions::Short };
        record.ground.places(places, &all, regions)
    }

    /// Each resource is named with its place: a rule that names one speaks of it wherever the rule holds.
    fn of_resources(&self, record: &mut Record<'_>) -> Vec<Entry> {
        let mut entries = Vec::new();
        for (place, rows) in &self.rows {
            let mut rows: Vec<&AppliedQuota> = rows.iter().filter(|row| row.level == QuotaLevel::Resource).collect();
            // What holds for every resource comes before what holds for one: the last rule wins.
            rows.sort_by_key(|row| row.resource.as_deref().is_some_and(|resource| !is_pattern(resource)));
            for row in rows {
                let Some(value) = self.special(record, place, row) else { continue };
                let applies =
                    Map::from_iter([("account".to_owned(), json!(place.0)), ("region".to_owned(), json!(place.1))]);
                let resource = row.resource.as_deref().filter(|resource| !resource.is_empty() && *resource != "*");
                let more = [("level", Some("resource")), ("resource", resource)];
                entries.push(self.entry(&row.code, applies, &more, value));
            }
        }
        entries
    }

    fn entry(&self, code: &str, applies: Map<String, Value>, more: &[(&str, Option<&str>)], value: f64) -> Entry {
        let mut says = Map::from_iter([("service".to_owned(), json!(self.name)), ("code".to_owned(), json!(code))]);
        if !applies.is_empty() {
            says.insert("where".to_owned(), Value::Object(applies));
        }
        says.extend(more.iter().filter_map(|(key, value)| Some(((*key).to_owned(), json!((*value)?)))));
        says.insert("equals".to_owned(), number(value).unwrap_or_default());
        let name =
            self.rows.values().flat_map(|rows| rows.iter()).find(|row| row.code == code).map(|row| row.name.clone());
        Entry { says: Value::Object(says), name: name.filter(|name| name != code) }
    }
}

/// Whether requests were read anywhere.
pub(super) fn requests(record: &mut Record<'_>) -> Option<Value> {
    let mut read = false;
    for (account, facts) in &record.snapshot.accounts {
        for (region, facts) in &facts.regions {
            match &facts.quota_requests {
                Some(Observation::Known(_) | Observation::Absent) => read = true,
                Some(Observation::Unknown(gap)) => {
                    record.unread.gap("quota requests", gap, format!("{account} in {region}"));
                }
                None => {}
            }
        }
    }
    read.then(|| json!("none"))
}

/// The rows of the template. Whether it is in use is said by there being any.
pub(super) fn template(record: &mut Record<'_>) -> Option<Value> {
    match &record.snapshot.organization.known()?.quota_template {
        Observation::Known(template) => {
            let rows = template.rows.iter().filter_map(|row| {
                let value = number(row.value)?;
                Some(json!({"service": row.service, "code": row.code, "region": row.region, "value": value}))
            });
            Some(Value::Array(rows.collect()))
        }
        Observation::Absent => Some(json!([])),
        Observation::Unknown(gap) => {
            record.unread.gap("quota template", gap, "");
            None
        }
    }
}

/// The most common state of automatic management that a baseline has a word for.
pub(super) fn auto_management(record: &mut Record<'_>) -> Option<Value> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (account, facts) in &record.snapshot.accounts {
        match facts.regions.get(GLOBAL).and_then(|facts| facts.quota_auto_management.as_ref()) {
            Some(Observation::Known(state)) => *counts.entry(state).or_default() += 1,
            Some(Observation::Absent) => *counts.entry("disabled").or_default() += 1,
            Some(Observation::Unknown(gap)) => {
                record.unread.gap("automatic management of quotas", gap, account.as_str())
            }
            None => {}
        }
    }
    let sayable = counts.into_iter().filter(|(state, _)| ["disabled", "notify", "adjust"].contains(state));
    sayable.max_by_key(|(_, count)| *count).map(|(state, _)| json!(state))
}
