//! Regions: where.
//!
//! In: the opt-in status of every region of every account, and its zone groups. Out: what is on without being allowed,
//! and what is required and not on. It never reports a region that cannot be switched off, nor one that is merely
//! allowed and off.
//!
//! | status | not allowed | required |
//! |---|---|---|
//! | `ENABLED_BY_DEFAULT` | - | - |
//! | `ENABLED` | `region.enabled` | - |
//! | `ENABLING` | `region.in-flight` | `region.disabled` until it is on |
//! | `DISABLING` | - (on its way out) | `region.disabled` |
//! | `DISABLED` | - | `region.disabled` |
//! | a word that AWS adds later | `region.in-flight`, direction unknown | `region.disabled` |

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::drift::{Aspect, Direction, Drift};
use super::rule::Rule;
use super::sides::{Sides, Spot};
use crate::baseline::model::RegionRule;
use crate::baseline::pattern::{fits, is_pattern};
use crate::baseline::placement::AccountView;
use crate::baseline::rules::Chosen;
use crate::estate::{GLOBAL, Observation};

/// Compares regions and zone groups.
pub(super) fn compare(sides: &Sides<'_>, drifts: &mut Vec<Drift>) {
    if sides.aws.regions.is_none() {
        return;
    }
    for (account, facts) in sides.accounts() {
        if let Observation::Known(statuses) = &facts.region_status {
            statuses_of(sides, account, statuses, drifts);
        }
    }
    for spot in sides.spots().filter(|spot| spot.place.region != GLOBAL) {
        zone_groups(sides, spot, drifts);
    }
}

fn statuses_of(sides: &Sides<'_>, account: &AccountView, statuses: &BTreeMap<String, String>, drifts: &mut Vec<Drift>) {
    for region in statuses.keys().chain(&named(sides, statuses)) {
        let place = sides.place(account, region);
        let Some(chosen) = sides.rules.region(place).filter(|_| sides.rules.in_scope(place)) else { continue };
        let status = statuses.get(region).map(String::as_str);
        let required = chosen.rule.required.iter().any(|required| fits(required, region));
        let allowed = required || chosen.rule.allowed.iter().any(|allowed| fits(allowed, region));
        drifts.extend(match status {
            Some("ENABLED_BY_DEFAULT") => None,
            Some("ENABLED") if allowed => None,
            status if required => Some(off(sides, account, region, status, chosen)),
            None | Some("DISABLED" | "DISABLING") => None,
            Some(_) if allowed => None,
            Some(status) => Some(on(sides, account, region, status, chosen)),
        });
    }
}

/// Regions that rules require by name and the account does not even list.
fn named(sides: &Sides<'_>, statuses: &BTreeMap<String, String>) -> BTreeSet<String> {
    let rules = sides.aws.regions.iter().flatten();
    let required = rules.flat_map(|rule| &rule.required).filter(|region| !is_pattern(region));
    required.filter(|region| !statuses.contains_key(*region)).cloned().collect()
}

fn drift(sides: &Sides<'_>, rule: Rule, account: &AccountView, region: &str) -> Drift {
    Drift::new(rule, Aspect::Status, sides.scope(&account.id).in_region(region), region, region)
        // Written in the account itself, wherever the call came from.
        .logged(&account.id, None)
        .names("region", region)
}

fn on(sides: &Sides<'_>, account: &AccountView, region: &str, status: &str, chosen: Chosen<'_, RegionRule>) -> Drift {
    let (rule, direction) = match status {
        "ENABLED" => (Rule::RegionEnabled, Direction::Weaker),
        "ENABLING" => (Rule::RegionInFlight, Direction::Weaker),
        _ => (Rule::RegionInFlight, Direction::Unknown),
    };
    drift(sides, rule, account, region)
        .direction(direction)
        .values(json!({"allowed": chosen.rule.allowed}), status)
        .at(sides.baseline.position(&format!("{}/allowed", chosen.pointer())))
        .effect("status", "enabled")
}

fn off(
    sides: &Sides<'_>,
    account: &AccountView,
    region: &str,
    status: Option<&str>,
    chosen: Chosen<'_, RegionRule>,
) -> Drift {
    let effect = if status == Some("ENABLING") { "enabled" } else { "disabled" };
    drift(sides, Rule::RegionDisabled, account, region)
        .direction(Direction::Stricter)
        .values("ENABLED", status.map_or(Value::Null, Value::from))
        .at(sides.baseline.position(&format!("{}/required", chosen.pointer())))
        .effect("status", effect)
}

/// Local and Wavelength Zone groups of a region; those that come with the region cannot be switched off.
fn zone_groups(sides: &Sides<'_>, spot: Spot<'_>, drifts: &mut Vec<Drift>) {
    let Some(Observation::Known(groups)) = &spot.facts.zone_groups else { return };
    let Some(chosen) = sides.rules.region(spot.place) else { return };
    let Some(allowed) = &chosen.rule.zone_groups else { return };
    for (group, status) in groups {
        let off = matches!(status.as_str(), "not-opted-in" | "opt-in-not-required");
        if off || allowed.iter().any(|pattern| fits(pattern, group)) {
            continue;
        }
        let direction = if status == "opted-in" { Direction::Weaker } else { Direction::Unknown };
        drifts.push(
            Drift::new(Rule::RegionZoneGroupEnabled, Aspect::ZoneGroup, spot.scope(sides), group, group)
                .direction(direction)
                .values(json!({"allowed": allowed}), status.as_str())
                .at(sides.baseline.position(&format!("{}/zone_groups", chosen.pointer())))
                .logged(&spot.place.account.id, Some(spot.place.region))
                .names("group", group)
                .effect("status", status),
        );
    }
}
