//! Quotas: how much may be bought.
//!
//! In: applied values and defaults of every account and region, open requests, the request template, automatic
//! management. Out: what lies above or below the last rule that matches, and what is on its way. It never takes a value
//! that came with an error, nor a quota of all regions for one of a single region.

mod condition;
mod requests;

use std::collections::BTreeSet;

use serde_json::Value;

use self::condition::Verdict;
use super::Undecided;
use super::drift::{Aspect, Direction, Drift, number};
use super::rule::Rule;
use super::sides::{Live, Sides, Spot};
use crate::baseline::model::{QuotaLevel, QuotaRule};
use crate::baseline::pattern::is_pattern;
use crate::baseline::rules::Chosen;
use crate::estate::{self, AppliedQuota, GLOBAL, Gap, Observation, QuotaDefinition};

/// Compares everything about quotas.
pub(super) fn compare(sides: &Sides<'_>, live: Option<&Live<'_>>, drifts: &mut Vec<Drift>, undecided: &mut Undecided) {
    for spot in sides.spots() {
        if sides.aws.quotas.is_some() {
            for (service, rows) in &spot.facts.quotas {
                Service { sides, spot, service }.compare(rows, drifts, undecided);
            }
        }
        requests::open(sides, spot, drifts);
        requests::auto_management(sides, spot, drifts);
    }
    if let Some(live) = live {
        requests::template(live, drifts);
    }
}

/// The quotas of one service in one region of one account.
#[derive(Clone, Copy)]
struct Service<'a> {
    sides: &'a Sides<'a>,
    spot: Spot<'a>,
    service: &'a str,
}

impl<'a> Service<'a> {
    fn compare(self, rows: &Observation<Vec<AppliedQuota>>, drifts: &mut Vec<Drift>, undecided: &mut Undecided) {
        let rows: &[AppliedQuota] = match rows {
            Observation::Known(rows) => rows,
            Observation::Absent => &[],
            // The read that failed stands in the coverage.
            Observation::Unknown(_) => return,
        };
        for code in self.codes(rows) {
            let value = self.value(code);
            let is_elsewhere = matches!(value, Observation::Absent) && !self.belongs_here(code);
            if !is_elsewhere && let Some(chosen) = self.rule(code, None) {
                self.judge(chosen, code, None, &value, drifts, undecided);
            }
        }
        let mut seen = BTreeSet::new();
        for row in rows.iter().filter(|row| row.level == estate::QuotaLevel::Resource) {
            let resource = row.resource.as_deref().unwrap_or("*");
            seen.insert((row.code.as_str(), resource));
            if let Some(chosen) = self.rule(&row.code, Some(resource)) {
                self.judge(chosen, &row.code, Some(resource), &row.value, drifts, undecided);
            }
        }
        // A resource without a value of its own has that of the account.
        for (code, resource) in self.named_resources().difference(&seen) {
            if let Some(chosen) = self.rule(code, Some(resource)) {
                self.judge(chosen, code, Some(resource), &self.value(code), drifts, undecided);
            }
        }
    }

    /// Every code that has a value or a default here, or that a rule calls by its name.
    fn codes<'r>(self, rows: &'r [AppliedQuota]) -> BTreeSet<&'r str>
    where
        'a: 'r,
    {
        let applied = rows.iter().filter(|row| row.level == estate::QuotaLevel::Account).map(|row| row.code.as_str());
        let defined = self.definitions(self.spot.place.region).and_then(Observation::known).into_iter();
        let named = self.named(QuotaLevel::Account).map(|rule| rule.code.as_str());
        applied.chain(defined.flatten().map(|(code, _)| code.as_str())).chain(named).collect()
    }

    /// The rules of this service that hold here and name one code.
    fn named(self, level: QuotaLevel) -> impl Iterator<Item = &'a QuotaRule> {
        let rules = self.sides.rules.quota_rules(self.spot.place).into_iter().map(|chosen| chosen.rule);
        rules.filter(move |rule| rule.service == self.service && rule.level == level && !is_pattern(&rule.code))
    }

    fn named_resources(self) -> BTreeSet<(&'a str, &'a str)> {
        let named = self.named(QuotaLevel::Resource);
        let both = named.filter_map(|rule| Some((rule.code.as_str(), rule.resource.as_deref()?)));
        both.filter(|(code, resource)| !is_pattern(resource) && self.belongs_here(code)).collect()
    }

    fn rule(self, code: &str, resource: Option<&str>) -> Option<Chosen<'a, QuotaRule>> {
        self.sides.rules.quota(self.spot.place, self.service, code, resource)
    }

    fn value(self, code: &str) -> Observation<f64> {
        let place = self.spot.place;
        self.sides.snapshot.quota(&place.account.id, place.region, self.service, code)
    }

    fn definitions(self, region: &str) -> Option<&'a Observation<std::collections::BTreeMap<String, QuotaDefinition>>> {
        self.sides.snapshot.quota_definitions.get(region)?.get(self.service)
    }

    fn definition(self, code: &str) -> Option<&'a QuotaDefinition> {
        self.definitions(self.spot.place.region)?.known()?.get(code)
    }

    /// Whether a code that has no value here should have one: a quota of all regions has it under [`GLOBAL`], any other
    /// one in its region.
    fn belongs_here(self, code: &str) -> bool {
        let global = match self.definitions(GLOBAL) {
            None | Some(Observation::Absent) => false,
            Some(Observation::Known(codes)) => codes.contains_key(code),
            // It may be one of all regions: nothing is said of it.
            Some(Observation::Unknown(_)) => return self.definition(code).is_some(),
        };
        global == (self.spot.place.region == GLOBAL)
    }

    fn judge(
        self,
        chosen: Chosen<'_, QuotaRule>,
        code: &str,
        resource: Option<&str>,
        value: &Observation<f64>,
        drifts: &mut Vec<Drift>,
        undecided: &mut Undecided,
    ) {
        let default = self.definition(code).map(|definition| &definition.default);
        match condition::judge(chosen.rule, value, default) {
            Verdict::Fits => {}
            Verdict::Above => drifts.push(self.drift(Rule::QuotaRaised, chosen, code, resource, value)),
            Verdict::Below => drifts.push(self.drift(Rule::QuotaLowered, chosen, code, resource, value)),
            Verdict::Unknown(gap) => self.undecided(code, gap, undecided),
        }
    }

    fn undecided(self, code: &str, gap: Gap, undecided: &mut Undecided) {
        let source = format!("servicequotas:ListServiceQuotas {}", self.service);
        undecided.note(self.spot.scope(self.sides), source, code, gap);
    }

    fn drift(
        self,
        rule: Rule,
        chosen: Chosen<'_, QuotaRule>,
        code: &str,
        resource: Option<&str>,
        value: &Observation<f64>,
    ) -> Drift {
        let direction = if rule == Rule::QuotaRaised { Direction::Weaker } else { Direction::Stricter };
        let quota = format!("{}/{code}", self.service);
        let id = resource.map_or(quota.clone(), |resource| format!("{quota}@{resource}"));
        let name = self.name(code);
        let name = resource.map_or(name.to_owned(), |resource| format!("{name} of {resource}"));
        let default = self.definition(code).and_then(|definition| definition.default.known());
        let actual = value.known().map_or(Value::Null, |value| number(*value));
        let drift = Drift::new(rule, Aspect::Value, self.spot.scope(self.sides), id, name)
            .direction(direction)
            .values(condition::said(chosen.rule, default.copied()), actual.clone())
            .at(self.sides.baseline.position(&chosen.pointer()))
            .logged(&self.spot.place.account.id, Some(self.spot.place.region))
            .names("service", self.service)
            .names("code", code);
        let drift = if actual.is_null() { drift } else { drift.effect("value", actual.to_string()) };
        match resource {
            Some(resource) => drift.names("resource", resource),
            None => drift,
        }
    }

    /// What the provider calls the quota.
    fn name(self, code: &str) -> &'a str {
        let applied = self.spot.facts.quotas.get(self.service).and_then(Observation::known);
        let row = applied.into_iter().flatten().find(|row| row.code == code).map(|row| row.name.as_str());
        let defined = self.definition(code).map(|definition| definition.name.as_str());
        row.or(defined).unwrap_or(self.service)
    }
}
