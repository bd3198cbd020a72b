//! Whether an exemption accepts a state, and whether the exemptions themselves are in order.
//!
//! In: the exemptions, every drift in turn, the coverage. Out: who accepts what, and drift of the baseline's own kind:
//! exemptions that are over, that match nothing, that accept without bound. No exemption accepts what is wrong with
//! exemptions.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::facts::Facts;
use super::places::Places;
use super::{Acceptance, Inputs, state, wording};
use crate::baseline::Position;
use crate::baseline::model::{Exemption, Match, Patterns};
use crate::baseline::pattern::{AnyOf, Below, fits};
use crate::compare::{Aspect, Direction, Drift, Rule, Subject};
use crate::estate::{CoverageRow, CoverageStatus, Kind, Scope};

/// What the exemptions say about a drift.
pub(super) struct Judged {
    /// Those that accept it.
    pub(super) matches: Vec<Acceptance>,
    /// Why the others that speak of it do not.
    pub(super) notes: Vec<String>,
}

/// The exemptions, and which findings each was met by.
pub(super) struct Ledger<'a> {
    entries: Vec<Entry<'a>>,
}

struct Entry<'a> {
    exemption: &'a Exemption,
    /// Its name, else what it matches.
    name: String,
    /// What its own findings are about.
    subject: String,
    position: Position,
    over: bool,
    met: BTreeSet<String>,
}

impl<'a> Ledger<'a> {
    pub(super) fn new(inputs: &Inputs<'a>) -> Self {
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let entries = inputs.baseline.model.exemptions.iter().enumerate().map(|(index, exemption)| {
            let name = exemption.id.clone().unwrap_or_else(|| words(&exemption.matches));
            let count = seen.entry(name.clone()).or_default();
            *count += 1;
            let subject = if *count == 1 { name.clone() } else { format!("{name} #{count}") };
            Entry {
                exemption,
                name,
                subject,
                position: inputs.baseline.position(&format!("/exemptions/{index}")),
                over: inputs.now >= exemption.expires.end(),
                met: BTreeSet::new(),
            }
        });
        Self { entries: entries.collect() }
    }

    /// Holds every exemption against one drift.
    pub(super) fn judge(&mut self, facts: &Facts, drift: &Drift) -> Judged {
        let mut judged = Judged { matches: Vec::new(), notes: Vec::new() };
        for entry in self.entries.iter_mut().filter(|entry| facts.fit(&entry.exemption.matches)) {
            entry.met.insert(facts.finding.clone());
            let Entry { exemption, name, .. } = entry;
            let beyond = state::excess(&exemption.bound(), drift);
            if entry.over {
                judged.notes.push(format!("exemption `{name}` expired {}", exemption.expires));
            }
            if let Some(excess) = &beyond {
                judged.notes.push(format!("exemption `{name}` does not reach: {excess}"));
            }
            if !entry.over && beyond.is_none() {
                judged.matches.push(Acceptance {
                    id: name.clone(),
                    reason: exemption.reason.clone(),
                    owner: exemption.owner.clone(),
                    category: exemption.category,
                    expires: exemption.expires.to_string(),
                    baseline: entry.position.clone(),
                });
            }
        }
        judged
    }

    /// What is wrong with the exemptions themselves, once every drift was judged.
    pub(super) fn health(&self, inputs: &Inputs<'_>, places: &Places<'_>) -> Vec<Drift> {
        let scope = Scope { provider: inputs.snapshot.provider, organization: None, account: None, region: None };
        self.entries.iter().flat_map(|entry| entry.health(&scope, inputs, places)).collect()
    }
}

impl Entry<'_> {
    fn health(&self, scope: &Scope, inputs: &Inputs<'_>, places: &Places<'_>) -> Vec<Drift> {
        let mut wrong = Vec::new();
        if self.over && !self.met.is_empty() {
            wrong.push(self.drift(
                Rule::ExemptionExpired,
                scope,
                json!({"expires": self.exemption.expires}),
                json!(self.met),
            ));
        }
        if self.met.is_empty() && was_read(&self.exemption.matches, &inputs.snapshot.coverage, places) {
            wrong.push(self.drift(Rule::ExemptionUnused, scope, json!("a finding that it accepts"), Value::Null));
        }
        let missing = match (self.exemption.bound().is_open(), !narrows(&self.exemption.matches)) {
            (true, true) => Some("no bound and no scope"),
            (true, false) => Some("no bound"),
            (false, true) => Some("no scope"),
            (false, false) => None,
        };
        if let Some(missing) = missing {
            wrong.push(self.drift(Rule::ExemptionUnbounded, scope, json!("a bound and a scope"), json!(missing)));
        }
        wrong
    }

    /// One exemption can be wrong in several ways: the rule is part of the subject, so that each keeps an id of its own.
    fn drift(&self, rule: Rule, scope: &Scope, expected: Value, actual: Value) -> Drift {
        Drift {
            rule,
            kind: Kind::Baseline,
            aspect: Aspect::Entry,
            scope: scope.clone(),
            subject: Subject { id: format!("{rule}: {}", self.subject), name: self.name.clone() },
            direction: Direction::Unknown,
            expected,
            actual,
            position: Some(self.position.clone()),
            logged_in: Vec::new(),
            event_subject: BTreeMap::new(),
            event_effect: BTreeMap::new(),
            guardrail: None,
        }
    }
}

/// A `match` in words: `kind region, account legacy`.
fn words(wanted: &Match) -> String {
    let keys = match serde_json::to_value(wanted) {
        Ok(Value::Object(keys)) => keys,
        Ok(_) | Err(_) => serde_json::Map::new(),
    };
    let given =
        keys.iter().filter(|(_, value)| !value.is_null() && value.as_object().is_none_or(|map| !map.is_empty()));
    let said: Vec<String> = given.map(|(key, value)| format!("{key} {}", wording::plain(value))).collect();
    if said.is_empty() { "anything".to_owned() } else { said.join(", ") }
}

/// Whether a `match` is narrower than a whole estate: it names accounts, units, tags, regions or subjects.
fn narrows(wanted: &Match) -> bool {
    let Match { finding, account, ou, region, name, id, target, resource, subject, .. } = wanted;
    let all =
        |Patterns(patterns): &Patterns| patterns.iter().any(|pattern| pattern.chars().all(|letter| letter == '*'));
    // The first and the last of all ids: what fits both fits any, such as `gl-*`.
    let ends = [format!("gl-{:016x}", u64::MIN), format!("gl-{:016x}", u64::MAX)];
    let any_id = |Patterns(patterns): &Patterns| patterns.iter().any(|pattern| ends.iter().all(|id| fits(pattern, id)));
    let paths = ou.as_ref().is_some_and(|Patterns(paths)| !paths.iter().any(|path| path == "/"));
    let keys = [account, region, name, id, target, resource, subject];
    let by_id = finding.as_ref().is_some_and(|finding| !any_id(finding));
    by_id || paths || !wanted.tag.is_empty() || keys.into_iter().flatten().any(|patterns| !all(patterns))
}

/// Whether everything that a `match` could speak of was read, so that "matches nothing" can be said.
fn was_read(wanted: &Match, coverage: &[CoverageRow], places: &Places<'_>) -> bool {
    let mut unread = coverage.iter().filter(|row| match row.status {
        CoverageStatus::Evaluated | CoverageStatus::Unsupported => false,
        CoverageStatus::Denied | CoverageStatus::Throttled | CoverageStatus::Failed | CoverageStatus::Skipped => true,
    });
    // Evidence shows who made a difference, never whether there is one.
    !unread.any(|row| !row.source.starts_with("cloudtrail:LookupEvents") && could_hide(row, wanted, places))
}

/// Whether a read that was not made could have shown something that a `match` speaks of. In doubt: yes.
fn could_hide(row: &CoverageRow, wanted: &Match, places: &Places<'_>) -> bool {
    let kinds = shows(&row.source);
    let kind = |kind: Kind| kinds.is_empty() || kinds.contains(&kind);
    let account = row.scope.account.as_ref().is_none_or(|account| {
        let place = places.account(account);
        AnyOf::of(wanted.account.as_ref()).fits([place.id.as_str(), place.name.as_str()])
            && (place.ou.is_none() || Below::of(wanted.ou.as_ref()).fits(place.ou.as_ref()))
    });
    let region = row.scope.region.as_ref();
    let region = region.is_none_or(|region| AnyOf::of(wanted.region.as_ref()).fits([region.as_str()]));
    wanted.kind.is_none_or(kind) && account && region
}

/// The kinds of facts that a read shows; none where it can show any, or decides what is read at all.
fn shows(source: &str) -> &'static [Kind] {
    let (service, operation) = source.split_once(':').unwrap_or((source, ""));
    match service {
        "servicequotas" => &[Kind::Quota],
        "account" => &[Kind::Region],
        "ec2" => &[Kind::Region, Kind::Setting],
        "cloudtrail" => &[Kind::AuditLog],
        "organizations" if !SHAPE.iter().any(|shape| operation.starts_with(shape)) => &[Kind::Link, Kind::Policy],
        _ => &[],
    }
}

/// What shows the shape of the organisation: without it, it is not known which accounts and units there are.
const SHAPE: &[&str] =
    &["DescribeOrganization", "ListAccounts", "ListChildren", "ListOrganizationalUnitsForParent", "ListRoots"];
