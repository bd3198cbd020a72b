//! Rules that decide nothing.
//!
//! In: both sides. Out: the rules that fit no place which was read, or whose every place a later rule decides. It says so
//! only where every account was read from within. It is no difference: such a rule may be there for what comes.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::sides::Sides;
use super::unmatched::whole;
use crate::baseline::model::QuotaLevel;
use crate::baseline::pattern::fits;
use crate::baseline::rules::Place;
use crate::baseline::{Baseline, Position};
use crate::estate::{GLOBAL, Observation, Snapshot};

/// A rule that decides nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IdleRule {
    /// Where it stands.
    pub position: Position,
    /// What it says, as JSON.
    pub rule: String,
}

/// The rules for regions, quotas and settings that decide nothing, in the order of their places.
#[must_use]
pub fn idle_rules(baseline: &Baseline, snapshot: &Snapshot) -> Vec<IdleRule> {
    let Some(aws) = &baseline.model.aws else { return Vec::new() };
    let sides = Sides::new(baseline, aws, snapshot);
    let Some(places) = places(&sides) else { return Vec::new() };
    let mut busy = Busy::default();
    for place in &places {
        busy.note(&sides, *place);
    }
    let sections = [
        ("/aws/regions", json!(aws.regions), busy.regions),
        ("/aws/quotas", json!(aws.quotas), busy.quotas),
        ("/aws/settings", json!(aws.settings), busy.settings),
    ];
    let idle = sections.iter().flat_map(|(section, rules, busy)| {
        let idle = rules.as_array().into_iter().flatten().enumerate().filter(|(index, _)| !busy.contains(index));
        idle.map(move |(index, rule)| IdleRule {
            position: baseline.position(&format!("{section}/{index}")),
            rule: given(rule).to_string(),
        })
    });
    idle.collect()
}

/// What a rule says, without what it leaves open.
fn given(rule: &Value) -> Value {
    let keys = rule.as_object().into_iter().flatten();
    let is_given = |value: &Value| !value.is_null() && value.as_object().is_none_or(|keys| !keys.is_empty());
    let given = keys.map(|(key, value)| (key.clone(), if value.is_object() { given(value) } else { value.clone() }));
    Value::Object(given.filter(|(_, value)| is_given(value)).collect())
}

/// Every region of every account, those that are off too; none where one was not read.
fn places<'a>(sides: &'a Sides<'a>) -> Option<Vec<(Place<'a>, bool)>> {
    let mut places = Vec::new();
    for (id, facts) in whole(sides)? {
        let view = sides.views.get(id)?;
        let Observation::Known(statuses) = &facts.region_status else { return None };
        let regions = statuses.iter().map(|(region, status)| (region.as_str(), status.starts_with("ENABLED")));
        let all = regions.chain([(GLOBAL, true)]).map(|(region, on)| (sides.place(view, region), on));
        places.extend(all.filter(|(place, _)| sides.rules.in_scope(*place)));
    }
    Some(places)
}

/// The rules that decide something, by section.
#[derive(Default)]
struct Busy {
    regions: BTreeSet<usize>,
    quotas: BTreeSet<usize>,
    settings: BTreeSet<usize>,
}

impl Busy {
    /// Notes what decides in one place.
    fn note(&mut self, sides: &Sides<'_>, (place, on): (Place<'_>, bool)) {
        self.regions.extend(sides.rules.region(place).map(|chosen| chosen.index));
        if !on {
            return;
        }
        self.settings.extend(sides.rules.settings(place).iter().map(|expected| expected.index));
        // From the last to the first: a rule is covered where a later one speaks of all that it speaks of.
        let rules = sides.rules.quota_rules(place);
        for (at, chosen) in rules.iter().enumerate() {
            if self.quotas.contains(&chosen.index) {
                continue;
            }
            let mut later = rules.iter().skip(at + 1).map(|chosen| chosen.rule);
            let covered = later.any(|later| {
                let same = (&later.service, later.level) == (&chosen.rule.service, chosen.rule.level);
                let any_resource = later.level == QuotaLevel::Account || later.resource.is_none();
                // A `?` does not stand for the texts that a `*` stands for.
                let all_codes = fits(&later.code, &chosen.rule.code)
                    && !(later.code.contains('?') && chosen.rule.code.contains('*'));
                same && any_resource && all_codes
            });
            if !covered {
                self.quotas.insert(chosen.index);
            }
        }
    }
}
