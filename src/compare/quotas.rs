//! Quotas: how much may be bought.
//!
//! In: applied values and defaults of every account and region, open requests, the request template, automatic
//! management. Out: what lies above or below the last rule that matches, and what is on its way. It never takes a value
//! that came with an error, nor a quota of all regions for one of a single region.

mod condition;
mod requests;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use self::condition::Verdict;
use super::Undecided;
use super::drift::{Aspect, Direction, Drift, number};
use super::rule::Rule;
use super::sides::{Live, Sides, Spot, read};
use crate::baseline::model::{QuotaLevel, QuotaRule};
use crate::baseline::pattern::is_pattern;
use crate::baseline::rules::Chosen;
use crate::estate::{self, AppliedQuota, CoverageStatus, GLOBAL, Gap, Observation, QuotaDefinition};

/// Compares everything about quotas.
pub(super) fn compare(sides: &Sides<'_>, live: Option<&Live<'_>>, drifts: &mut Vec<Drift>, undecided: &mut Undecided) {
    for spot in sides.spots() {
        if sides.aws.quotas.is_some() {
            for (service, rows) in &spot.facts.quotas {
                if let Some(service) = Service::new(sides, spot, service, rows) {
                    service.compare(drifts, undecided);
                }
            }
        }
        requests::open(sides, spot, drifts, undecided);
        requests::auto_management(sides, spot, drifts, undecided);
    }
    if let Some(live) = live {
        requests::template(live, drifts, undecided);
    }
}

/// The quotas of one service in one region of one account.
struct Service<'a> {
    sides: &'a Sides<'a>,
    spot: Spot<'a>,
    service: &'a str,
    rows: &'a [AppliedQuota],
    /// Whether the service itself is known not to be there.
    absent: bool,
    /// The rows at the level of the account, by code: there are thousands of codes, and each is looked up.
    applied: BTreeMap<&'a str, &'a AppliedQuota>,
}

/// Whether a code that has no value here should have one.
enum Home {
    Here,
    Elsewhere,
    Untold(Gap),
}

impl<'a> Service<'a> {
    /// None where the values were not read; that stands in the coverage.
    fn new(
        sides: &'a Sides<'a>,
        spot: Spot<'a>,
        service: &'a str,
        rows: &'a Observation<Vec<AppliedQuota>>,
    ) -> Option<Self> {
        let absent = matches!(rows, Observation::Absent);
        let rows = read(rows)?;
        let of_account = rows.iter().filter(|row| row.level == estate::QuotaLevel::Account);
        // Of two rows of one code the first counts, as in `Snapshot::quota`.
        let applied = of_account.rev().map(|row| (row.code.as_str(), row)).collect();
        Some(Self { sides, spot, service, rows, absent, applied })
    }

    fn compare(&self, drifts: &mut Vec<Drift>, undecided: &mut Undecided) {
        let defined = self.definitions(self.spot.place.region).and_then(Observation::known);
        for code in defined.into_iter().flatten().map(|(code, _)| code.as_str()).chain(self.other_codes()) {
            self.judge(code, None, self.value(code), drifts, undecided);
        }
        let mut seen = BTreeSet::new();
        for row in self.rows.iter().filter(|row| row.level == estate::QuotaLevel::Resource) {
            let resource = row.resource.as_deref().unwrap_or("*");
            seen.insert((row.code.as_str(), resource));
            self.judge(&row.code, Some(resource), row.value.clone(), drifts, undecided);
        }
        // A resource without a value of its own has that of the account.
        for (code, resource) in self.named_resources().difference(&seen) {
            self.judge(code, Some(resource), self.value(code), drifts, undecided);
        }
    }

    /// Every code that is not defined here, and has a value or is called by its name in a rule.
    fn other_codes(&self) -> BTreeSet<&'a str> {
        let named = self.named(QuotaLevel::Account).map(|rule| rule.code.as_str());
        self.applied.keys().copied().chain(named).filter(|code| self.definition(code).is_none()).collect()
    }

    /// The rules of this service that hold here and name one code.
    fn named(&self, level: QuotaLevel) -> impl Iterator<Item = &'a QuotaRule> {
        let rules = self.sides.rules.quota_rules(self.spot.place).into_iter().map(|chosen| chosen.rule);
        rules.filter(move |rule| rule.service == self.service && rule.level == level && !is_pattern(&rule.code))
    }

    fn named_resources(&self) -> BTreeSet<(&'a str, &'a str)> {
        let named = self.named(QuotaLevel::Resource);
        let both = named.filter_map(|rule| Some((rule.code.as_str(), rule.resource.as_deref()?)));
        both.filter(|(_, resource)| !is_pattern(resource)).collect()
    }

    /// The value in force for the account, as [`estate::Snapshot::quota`] has it.
    fn value(&self, code: &str) -> Observation<f64> {
        match self.applied.get(code) {
            Some(row) => row.value.clone(),
            None if self.absent => Observation::Absent,
            None => self.default(code),
        }
    }

    fn default(&self, code: &str) -> Observation<f64> {
        self.sides.snapshot.default_quota(self.spot.place.region, self.service, code)
    }

    fn definitions(&self, region: &str) -> Option<&'a Observation<BTreeMap<String, QuotaDefinition>>> {
        self.sides.snapshot.quota_definitions.get(region)?.get(self.service)
    }

    fn definition(&self, code: &str) -> Option<&'a QuotaDefinition> {
        self.definitions(self.spot.place.region)?.known()?.get(code)
    }

    /// A quota of all regions has its value under [`GLOBAL`], any other one in its region.
    fn home(&self, code: &str) -> Home {
        let is_global = match self.definitions(GLOBAL) {
            Some(Observation::Known(codes)) => codes.contains_key(code),
            Some(Observation::Absent) => false,
            _ if self.is_defined_in_a_region(code) => false,
            // Nothing is said against it while it may be one of all regions.
            Some(Observation::Unknown(gap)) => return Home::Untold(gap.clone()),
            None => {
                let reason = "the quotas that hold for all regions were not read".to_owned();
                return Home::Untold(Gap { status: CoverageStatus::Skipped, reason });
            }
        };
        if is_global == (self.spot.place.region == GLOBAL) { Home::Here } else { Home::Elsewhere }
    }

    fn is_defined_in_a_region(&self, code: &str) -> bool {
        let regions = self.sides.snapshot.quota_definitions.iter().filter(|(region, _)| *region != GLOBAL);
        let mut services = regions.filter_map(|(_, services)| services.get(self.service)?.known());
        services.any(|codes| codes.contains_key(code))
    }

    fn judge(
        &self,
        code: &str,
        resource: Option<&str>,
        value: Observation<f64>,
        drifts: &mut Vec<Drift>,
        undecided: &mut Undecided,
    ) {
        let Some(chosen) = self.sides.rules.quota(self.spot.place, self.service, code, resource) else { return };
        let rule = match condition::judge(chosen.rule, &value, &self.default(code)) {
            Verdict::Fits => return,
            Verdict::Unknown(gap) => return self.undecided(code, gap, undecided),
            Verdict::Above => Rule::QuotaRaised,
            Verdict::Below => Rule::QuotaLowered,
        };
        if matches!(value, Observation::Absent) {
            match self.home(code) {
                Home::Here => {}
                Home::Elsewhere => return,
                Home::Untold(gap) => return self.undecided(code, gap, undecided),
            }
        }
        drifts.push(self.drift(rule, chosen, code, resource, &value));
    }

    fn undecided(&self, code: &str, gap: Gap, undecided: &mut Undecided) {
        let source = format!("servicequotas:ListServiceQuotas {}", self.service);
        undecided.note(self.spot.scope(self.sides), source, code, gap);
    }

    fn drift(
        &self,
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
    fn name(&self, code: &str) -> &'a str {
        let row = self.applied.get(code).copied().or_else(|| self.rows.iter().find(|row| row.code == code));
        let defined = self.definition(code).map(|definition| definition.name.as_str());
        row.map(|row| row.name.as_str()).or(defined).unwrap_or(self.service)
    }
}
