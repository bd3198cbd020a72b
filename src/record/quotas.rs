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
                    Some(Observation::Unknown(gap)) => record.gap(format!("quotas of {name}"), gap, place()),
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
                            record.gap(format!("default of {name}/{code}"), gap, region.as_str());
                        }
                    }
                }
                Some(Observation::Unknown(gap)) => {
                    record.gap(format!("default quotas of {name}"), gap, region.as_str());
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
            (false, _) if self.rows.is_empty() => return Vec::new(),
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
                record.gap(what(), gap, format!("{account} in {region}"));
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
        groups.into_iter().flat_map(|(code, values)| self.of_code(record, code, &values)).collect()
    }

    /// The rules of one code: where most places have one value, that is the rule and all others are exceptions.
    fn of_code(&self, record: &Record<'_>, code: &str, values: &BTreeMap<Bits, BTreeSet<Place>>) -> Vec<Entry> {
        let is_global = values.values().flatten().any(|(_, region)| region == GLOBAL);
        let all: BTreeSet<Place> =
            self.rows.keys().filter(|(_, region)| is_global == (region == GLOBAL)).cloned().collect();
        // A quota of all regions has its value under `global` and only there; any other one in its region.
        let regions = if is_global || !self.is_defined(record, code) { Regions::Named } else { Regions::Short };
        let equals = |bits: Bits| ("equals", number(f64::from_bits(bits)).unwrap_or_default());
        let rules = |places: &BTreeSet<Place>, says: (&str, Value)| -> Vec<Entry> {
            let wheres = record.ground.places(places, &all, regions).into_iter();
            wheres.map(|applies| self.entry(code, applies, &[], says.clone())).collect()
        };
        let most = values.iter().max_by_key(|(_, places)| places.len());
        let most = most.filter(|(_, places)| places.len() * 2 > all.len() && (is_global || regions == Regions::Short));
        let Some((value, places)) = most.filter(|(_, places)| places.len() < all.len()) else {
            return values.iter().flat_map(|(value, places)| rules(places, equals(*value))).collect();
        };
        let everywhere = if is_global { Map::from_iter([("region".to_owned(), json!(GLOBAL))]) } else { Map::new() };
        let mut entries = vec![self.entry(code, everywhere, &[], equals(*value))];
        let others = values.iter().filter(|(_, others)| *others != places);
        entries.extend(others.flat_map(|(value, places)| rules(places, equals(*value))));
        let special: BTreeSet<&Place> = values.values().flatten().collect();
        let ordinary: BTreeSet<Place> = all.iter().filter(|place| !special.contains(place)).cloned().collect();
        entries.extend(rules(&ordinary, ("max", json!("default"))));
        entries
    }

    fn is_defined(&self, record: &Record<'_>, code: &str) -> bool {
        let regions = record.snapshot.quota_definitions.iter().filter(|(region, _)| *region != GLOBAL);
        let mut services = regions.filter_map(|(_, services)| services.get(self.name)?.known());
        services.any(|codes| codes.contains_key(code))
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
                entries.push(self.entry(&row.code, applies, &more, ("equals", number(value).unwrap_or_default())));
            }
        }
        entries
    }

    fn entry(
        &self,
        code: &str,
        applies: Map<String, Value>,
        more: &[(&str, Option<&str>)],
        limit: (&str, Value),
    ) -> Entry {
        let mut says = Map::from_iter([("service".to_owned(), json!(self.name)), ("code".to_owned(), json!(code))]);
        if !applies.is_empty() {
            says.insert("where".to_owned(), Value::Object(applies));
        }
        says.extend(more.iter().filter_map(|(key, value)| Some(((*key).to_owned(), json!((*value)?)))));
        says.insert(limit.0.to_owned(), limit.1);
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
                    record.gap("quota requests", gap, format!("{account} in {region}"));
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
            record.gap("quota template", gap, "");
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
            Some(Observation::Unknown(gap)) => record.gap("automatic management of quotas", gap, account.as_str()),
            None => {}
        }
    }
    let sayable = counts.into_iter().filter(|(state, _)| ["disabled", "notify", "adjust"].contains(state));
    sayable.max_by_key(|(_, count)| *count).map(|(state, _)| json!(state))
}
