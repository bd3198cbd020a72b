//! Audit logs: are changes recorded.
//!
//! In: trails and event data stores as they were read, each in its home region. Out: demanded trails that are missing,
//! stopped, weakened or failing. One trail that keeps to the demand is enough; where none does, the one that comes
//! closest is reported. It never calls a trail missing while a region in which it could live was not read.

mod trail;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use self::trail::Judged;
use super::drift::{Aspect, Direction, Drift};
use super::rule::Rule;
use super::sides::{Sides, Spot, read};
use super::undecided::Undecided;
use crate::baseline::model::{TrailExpectation, TrailRule};
use crate::baseline::pattern::{fits, is_pattern};
use crate::baseline::placement::AccountView;
use crate::estate::{
    AccountFacts, CoverageStatus, EventDataStore, GLOBAL, Gap, NOT_OPTED_IN, Observation, Scope, Trail,
};

/// Compares the organisation's trail, the accounts' own trails, and how long stores keep events.
pub(super) fn compare(sides: &Sides<'_>, drifts: &mut Vec<Drift>, undecided: &mut Undecided) {
    let Some(logs) = &sides.aws.audit_logs else { return };
    if let Some(expected) = &logs.organization_trail {
        organization_trail(sides, expected, drifts, undecided);
    }
    if logs.trails.is_some() {
        for (account, facts) in sides.accounts() {
            own_trails(sides, account, facts, drifts);
        }
    }
    if let Some(days) = logs.retention_days {
        let mut found = 0;
        for spot in sides.spots() {
            let stores = spot.facts.event_data_stores.as_ref().and_then(Observation::known).into_iter().flatten();
            for store in stores {
                found += 1;
                drifts.extend(retention(sides, spot, store, days, undecided));
            }
        }
        if found == 0 {
            nothing_keeps(sides, undecided);
        }
    }
}

/// Without a store that was read, how long records are kept cannot be told: how long a trail's bucket keeps them is not read.
fn nothing_keeps(sides: &Sides<'_>, undecided: &mut Undecided) {
    let reason = "no event data store was found, and how long a trail's bucket keeps records is not read".to_owned();
    let gap = Gap { status: CoverageStatus::Failed, reason };
    let scope = sides.scope(&sides.snapshot.caller_account);
    undecided.note(scope, "cloudtrail:ListEventDataStores".to_owned(), "retention_days", gap);
}

/// A demanded trail: what it must be like, whose it is, and where the baseline says so.
struct Demand<'a> {
    expected: &'a TrailExpectation,
    account: &'a AccountView,
    scope: Scope,
    organization: bool,
    /// JSON pointer.
    pointer: String,
}

/// It is kept in the management account, wherever the agent runs.
fn organization_trail(
    sides: &Sides<'_>,
    expected: &TrailExpectation,
    drifts: &mut Vec<Drift>,
    undecided: &mut Undecided,
) {
    let Some(organization) = sides.snapshot.organization.known() else { return };
    let owner = organization.management_account.as_str();
    let scope = Scope::organization(sides.snapshot.provider, &organization.id);
    let Some((account, facts)) = sides.views.get(owner).zip(sides.snapshot.accounts.get(owner)) else {
        let reason = format!("the management account {owner}, which keeps it, was not read within");
        let gap = Gap { status: CoverageStatus::Failed, reason };
        return undecided.note(scope, "cloudtrail:DescribeTrails".to_owned(), "the organisation's trail", gap);
    };
    let demand = Demand {
        expected,
        account,
        scope,
        organization: true,
        pointer: "/aws/audit_logs/organization_trail".to_owned(),
    };
    demand.compare(sides, facts, |_| true, drifts);
}

fn own_trails(sides: &Sides<'_>, account: &AccountView, facts: &AccountFacts, drifts: &mut Vec<Drift>) {
    // A rule that names regions asks for a trail in one of them.
    let mut asked: BTreeMap<usize, (&TrailRule, Vec<&str>)> = BTreeMap::new();
    let listed = facts.region_status.known().into_iter().flat_map(BTreeMap::keys);
    for region in facts.regions.keys().chain(listed).filter(|region| *region != GLOBAL) {
        let place = sides.place(account, region);
        if sides.rules.in_scope(place) {
            for chosen in sides.rules.trails(place) {
                asked.entry(chosen.index).or_insert((chosen.rule, Vec::new())).1.push(region);
            }
        }
    }
    let mut found: Vec<Drift> = Vec::new();
    for (index, (rule, regions)) in asked {
        let demand = Demand {
            expected: &rule.expectation(),
            account,
            scope: sides.scope(&account.id),
            organization: false,
            pointer: format!("/aws/audit_logs/trails/{index}"),
        };
        let names_regions = rule.applies.region.is_some();
        let mut more = Vec::new();
        demand.compare(sides, facts, |region| !names_regions || regions.contains(&region), &mut more);
        for drift in more {
            join(&mut found, drift);
        }
    }
    drifts.append(&mut found);
}

/// Two rules may find fault with one trail, each for its own reasons: that is one difference, with all of them.
fn join(found: &mut Vec<Drift>, drift: Drift) {
    let Some(there) = found.iter_mut().find(|there| there.identity() == drift.identity()) else {
        return found.push(drift);
    };
    for (all, more) in [(&mut there.expected, drift.expected), (&mut there.actual, drift.actual)] {
        if let (Value::Object(all), Value::Object(more)) = (all, more) {
            all.extend(more);
        }
    }
    there.event_effect.extend(drift.event_effect);
}

impl Demand<'_> {
    fn compare(
        &self,
        sides: &Sides<'_>,
        facts: &AccountFacts,
        is_asked: impl Fn(&str) -> bool,
        drifts: &mut Vec<Drift>,
    ) {
        let read_here = facts.regions.iter().filter(|(region, _)| *region != GLOBAL && is_asked(region));
        let trails = read_here.filter_map(|(_, facts)| facts.trails.as_ref()?.known()).flatten();
        let candidates: BTreeMap<&str, &Trail> =
            trails.filter(|trail| self.is_meant(trail)).map(|trail| (trail.arn.as_str(), trail)).collect();
        let judged: Vec<Judged<'_>> =
            candidates.into_values().map(|trail| trail::judge(self.expected, self.organization, trail)).collect();
        if judged.is_empty() {
            if is_read_whole(facts, is_asked) {
                drifts.push(self.missing(sides, facts));
            }
        } else if !judged.iter().any(Judged::may_fit) {
            // Nothing that is not known can make up for what each of them fails in.
            let closest = judged.iter().min_by_key(|judged| judged.failures());
            drifts.extend(closest.into_iter().flat_map(|judged| self.failures(sides, judged)));
        }
    }

    /// Whether a trail is the one that is demanded, however well it does. One that is called by its name is meant even
    /// if it does not record the organisation any more.
    fn is_meant(&self, trail: &Trail) -> bool {
        let named = self.expected.name.as_ref().is_none_or(|name| fits(name, &trail.name));
        let is_own = trail.arn.split(':').nth(4) == Some(self.account.id.as_str());
        named && is_own && (!self.organization || trail.organization || self.expected.name.is_some())
    }

    fn missing(&self, sides: &Sides<'_>, facts: &AccountFacts) -> Drift {
        let id = match (&self.expected.name, self.organization) {
            (_, true) => "organization-trail".to_owned(),
            (Some(name), false) => format!("trail/{name}"),
            (None, false) => format!("trail/{}", trail::said(self.expected)),
        };
        let kind = if self.organization { "organisation trail" } else { "trail" };
        let name = self.expected.name.as_deref().unwrap_or(kind);
        let mut drift = Drift::new(Rule::AuditTrailMissing, Aspect::Existence, self.scope.clone(), id, name)
            .direction(Direction::Weaker)
            .values(trail::said(self.expected), Value::Null)
            .at(sides.baseline.position(&self.pointer))
            .effect("existence", "deleted");
        if let Some(name) = self.expected.name.as_deref().filter(|name| !is_pattern(name)) {
            drift = drift.names("name", name);
        }
        // Where it lived is not known any more.
        for region in facts.regions.keys().filter(|region| *region != GLOBAL) {
            drift = drift.logged(&self.account.id, Some(region));
        }
        drift
    }

    fn failures(&self, sides: &Sides<'_>, judged: &Judged<'_>) -> Vec<Drift> {
        let trail = judged.trail;
        let scope = match self.organization {
            true => self.scope.clone(),
            false => self.scope.clone().in_region(&trail.home_region),
        };
        let drift = |rule: Rule, aspect: Aspect, pointer: &str| {
            Drift::new(rule, aspect, scope.clone(), &trail.arn, &trail.name)
                .direction(Direction::Weaker)
                .at(sides.baseline.position(pointer))
                .logged(&self.account.id, Some(&trail.home_region))
                .names("trail", &trail.arn)
                .names("name", &trail.name)
        };
        let mut drifts = Vec::new();
        if judged.stopped {
            let stopped = drift(Rule::AuditTrailStopped, Aspect::Logging, &self.pointer);
            drifts.push(stopped.values("logging", "stopped").effect("logging", "off"));
        }
        if let Some((first, _, _)) = judged.lacks.first() {
            let pointer = format!("{}/{first}", self.pointer);
            let mut weakened = drift(Rule::AuditTrailWeakened, Aspect::Configuration, &pointer);
            let (mut expected, mut actual) = (serde_json::Map::new(), serde_json::Map::new());
            for (key, demanded, there) in &judged.lacks {
                expected.insert((*key).to_owned(), demanded.clone());
                actual.insert((*key).to_owned(), there.clone());
                weakened = weakened.effect(key, there.as_str().map_or_else(|| there.to_string(), str::to_owned));
            }
            drifts.push(weakened.values(expected, actual));
        }
        if let Some(error) = judged.delivery_error {
            drifts.push(drift(Rule::AuditTrailFailing, Aspect::Delivery, &self.pointer).values("delivered", error));
        }
        drifts
    }
}

/// Whether every region that is on, and is asked about, was read.
fn is_read_whole(facts: &AccountFacts, is_asked: impl Fn(&str) -> bool) -> bool {
    let Observation::Known(statuses) = &facts.region_status else { return false };
    let asked = || statuses.iter().filter(|(region, _)| is_asked(region));
    // In one that is neither on nor off a trail may live, and nothing was read there.
    let is_off = |status: &str| ["DISABLED", NOT_OPTED_IN].contains(&status);
    let is_on = |status: &str| ["ENABLED", "ENABLED_BY_DEFAULT"].contains(&status);
    if asked().any(|(_, status)| !is_on(status) && !is_off(status)) {
        return false;
    }
    let mut on = asked().filter(|(_, status)| is_on(status)).peekable();
    let is_read = |region: &str| {
        let trails = facts.regions.get(region).and_then(|facts| facts.trails.as_ref());
        trails.and_then(read).is_some()
    };
    on.peek().is_some() && on.all(|(region, _)| is_read(region))
}

/// The states of a store:
/// <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_GetEventDataStore.html>
const STATES: [&str; 6] =
    ["CREATED", "ENABLED", "PENDING_DELETION", "STARTING_INGESTION", "STOPPING_INGESTION", "STOPPED_INGESTION"];

/// A store must keep its events as long as demanded; one that is being deleted keeps them no longer.
fn retention(
    sides: &Sides<'_>,
    spot: Spot<'_>,
    store: &EventDataStore,
    days: u32,
    undecided: &mut Undecided,
) -> Option<Drift> {
    let drift = |rule: Rule, aspect: Aspect| {
        Drift::new(rule, aspect, spot.scope(sides), &store.arn, &store.name)
            .direction(Direction::Weaker)
            .at(sides.baseline.position("/aws/audit_logs/retention_days"))
            .logged(&spot.place.account.id, Some(spot.place.region))
            .names("trail", &store.arn)
            .names("name", &store.name)
    };
    if store.status == "PENDING_DELETION" {
        let deleted = drift(Rule::AuditTrailMissing, Aspect::Existence).effect("existence", "deleted");
        return Some(deleted.values(json!({"retention_days": days}), json!({"status": store.status})));
    }
    let source = format!("cloudtrail:GetEventDataStore {}", store.arn);
    if !STATES.contains(&store.status.as_str()) {
        undecided.word(spot.scope(sides), &source, &store.name, &store.status);
        return None;
    }
    let kept = match &store.retention_days {
        Observation::Known(days) => *days,
        Observation::Absent => return None,
        Observation::Unknown(gap) => {
            undecided.note(spot.scope(sides), source, &store.name, gap.clone());
            return None;
        }
    };
    if kept >= i64::from(days) {
        return None;
    }
    let weakened = drift(Rule::AuditTrailWeakened, Aspect::Configuration);
    Some(
        weakened
            .values(json!({"retention_days": days}), json!({"retention_days": kept}))
            .effect("retention_days", kept.to_string()),
    )
}
