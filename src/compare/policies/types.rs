//! Policy types: which of them are on at the root.
//!
//! In: the declared types and the root's. Out: drift. A type that is being switched off is off already, one that is being
//! switched on is not on yet. It never judges the policies of a type.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::type_name;
use crate::compare::drift::{Aspect, Direction, Drift};
use crate::compare::rule::Rule;
use crate::compare::sides::Live;
use crate::compare::undecided::Undecided;
use crate::estate::Observation;

/// What a type can be at a root:
/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_PolicyTypeSummary.html>
const STATUSES: [&str; 3] = ["ENABLED", "PENDING_ENABLE", "PENDING_DISABLE"];

/// Compares the types, where the baseline names any: in `policy_types`, or by a policy that needs its type.
pub(super) fn compare(live: &Live<'_>, drifts: &mut Vec<Drift>, undecided: &mut Undecided) {
    let nothing = BTreeMap::new();
    let there = match &live.organization.policy_types {
        Observation::Known(types) => types,
        Observation::Absent => &nothing,
        Observation::Unknown(_) => return,
    };
    let there: BTreeMap<String, (&str, &str)> =
        there.iter().map(|(word, status)| (type_name(word), (word.as_str(), status.as_str()))).collect();
    let wanted = wanted(live);
    let is_told = |status: &str| STATUSES.contains(&status);
    let says = !wanted.is_empty() || live.sides.aws.policy_types.is_some();
    for (name, (_, word)) in there.iter().filter(|(_, (_, status))| says && !is_told(status)) {
        undecided.word(live.scope(), "organizations:ListRoots", &format!("the type {name}"), word);
    }
    for (name, pointer) in &wanted {
        let status = there.get(*name).map(|(_, status)| *status);
        if status != Some("ENABLED") && status.is_none_or(is_told) {
            let word = there.get(*name).map_or_else(|| provider_word(name), |(word, _)| (*word).to_owned());
            let effect = if status == Some("PENDING_ENABLE") { "enabled" } else { "disabled" };
            drifts.push(
                drift(live, Rule::PolicyTypeDisabled, name, &word)
                    .direction(Direction::Weaker)
                    .values("ENABLED", status.map_or(Value::Null, Value::from))
                    .at(live.sides.baseline.position(pointer))
                    .effect("status", effect),
            );
        }
    }
    if live.sides.aws.policy_types.is_none() {
        return;
    }
    for (name, (word, status)) in there.iter().filter(|(name, _)| !wanted.contains_key(name.as_str())) {
        if *status != "PENDING_DISABLE" && is_told(status) {
            drifts.push(
                drift(live, Rule::PolicyTypeEnabled, name, word)
                    .values(Value::Null, *status)
                    .effect("status", "enabled"),
            );
        }
    }
}

/// The types that must be on, and the line that says so.
fn wanted<'a>(live: &Live<'a>) -> BTreeMap<&'a str, String> {
    let types = live.sides.aws.policy_types.iter().flatten().enumerate();
    let mut wanted: BTreeMap<&str, String> =
        types.map(|(index, name)| (name.as_str(), format!("/aws/policy_types/{index}"))).collect();
    // Where the section is there it decides; the type of a policy that it leaves out was warned of on loading.
    if live.sides.aws.policy_types.is_none() {
        let mut seen = BTreeSet::new();
        for (index, policy) in live.sides.aws.policies.iter().flatten().enumerate() {
            if seen.insert(policy.policy_type.as_str()) {
                wanted.insert(&policy.policy_type, format!("/aws/policies/{index}/type"));
            }
        }
    }
    wanted
}

fn drift(live: &Live<'_>, rule: Rule, name: &str, word: &str) -> Drift {
    Drift::new(rule, Aspect::Status, live.scope(), name, name)
        .logged(&live.organization.management_account, None)
        .names("type", word)
}

/// How the provider writes a type that it does not list.
fn provider_word(name: &str) -> String {
    let upper = name.to_uppercase();
    if upper.contains("_POLICY") { upper } else { format!("{upper}_POLICY") }
}
