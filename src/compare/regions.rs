//! Regions: where.
//!
//! In: the opt-in status of every region of every account, and its zone groups. Out: what is on without being allowed,
//! and what is required and not on. It never reports a region that cannot be switched off, nor one that is merely
//! allowed and off. Whether one that is on and not allowed is closed by the guardrails is [`open`]'s business.
//!
//! | status | not allowed | required |
//! |---|---|---|
//! | `ENABLED_BY_DEFAULT` | - | - |
//! | `ENABLED` | `region.enabled` | - |
//! | `ENABLING` | `region.in-flight` | `region.disabled` until it is on |
//! | `DISABLING` | - (on its way out) | `region.disabled` |
//! | `DISABLED` | - | `region.disabled` |
//! | `not-opted-in`, from EC2: off or on its way | undecided | `region.disabled` |
//! | a word that AWS adds later | undecided | undecided |

mod open;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::drift::{Aspect, Direction, Drift};
use super::rule::Rule;
use super::sides::{Live, Sides, Spot};
use super::undecided::Undecided;
use crate::baseline::model::RegionRule;
use crate::baseline::pattern::{fits, is_pattern};
use crate::baseline::placement::AccountView;
use crate::baseline::rules::Chosen;
use crate::estate::{CoverageStatus, GLOBAL, Gap, NOT_OPTED_IN, Observation, is_region_status};

/// Compares regions and zone groups, and what the guardrails of an organisation let through in regions.
pub(super) fn compare(sides: &Sides<'_>, live: Option<&Live<'_>>, drifts: &mut Vec<Drift>, undecided: &mut Undecided) {
    if sides.aws.regions.is_none() {
        return;
    }
    for (account, facts) in sides.accounts() {
        if let Observation::Known(statuses) = &facts.region_status {
            statuses_of(sides, account, statuses, drifts, undecided);
        }
    }
    for spot in sides.spots().filter(|spot| spot.place.region != GLOBAL) {
        zone_groups(sides, spot, drifts, undecided);
    }
    if let Some(live) = live {
        open::compare(live, drifts, undecided);
    }
}

fn statuses_of(
    sides: &Sides<'_>,
    account: &AccountView,
    statuses: &BTreeMap<String, String>,
    drifts: &mut Vec<Drift>,
    undecided: &mut Undecided,
) {
    for region in statuses.keys().chain(&named(sides, statuses)) {
        let place = sides.place(account, region);
        let Some(chosen) = sides.rules.region(place).filter(|_| sides.rules.in_scope(place)) else { continue };
        let status = statuses.get(region).map(String::as_str);
        let required = chosen.rule.required.iter().any(|required| fits(required, region));
        let allowed = required || chosen.rule.allowed.iter().any(|allowed| fits(allowed, region));
        if let Some(word) = status.filter(|status| !is_region_status(status)) {
            undecided.word(sides.scope(&account.id).in_region(region), "account:ListRegions", "the region", word);
            continue;
        }
        drifts.extend(match status {
            Some("ENABLED_BY_DEFAULT") => None,
            Some("ENABLED") if allowed => None,
            status if required => Some(off(sides, account, region, status, chosen)),
            None | Some("DISABLED" | "DISABLING") => None,
            Some(_) if allowed => None,
            Some(NOT_OPTED_IN) => {
                undecided.note(sides.scope(&account.id), "ec2:DescribeRegions".to_owned(), region, on_its_way());
                None
            }
            Some(status) => Some(on(sides, account, region, status, chosen)),
        });
    }
}

/// EC2 says of a region that is being switched on the same as of one that is off.
fn on_its_way() -> Gap {
    let reason = "EC2 does not tell a region that is off from one that is being switched on".to_owned();
    Gap { status: CoverageStatus::Failed, reason }
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
    let rule = if status == "ENABLED" { Rule::RegionEnabled } else { Rule::RegionInFlight };
    drift(sides, rule, account, region)
        .direction(Direction::Weaker)
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
fn zone_groups(sides: &Sides<'_>, spot: Spot<'_>, drifts: &mut Vec<Drift>, undecided: &mut Undecided) {
    let Some(Observation::Known(groups)) = &spot.facts.zone_groups else { return };
    let Some(chosen) = sides.rules.region(spot.place) else { return };
    let Some(allowed) = &chosen.rule.zone_groups else { return };
    for (group, status) in groups {
        let off = matches!(status.as_str(), "not-opted-in" | "opt-in-not-required");
        if off || allowed.iter().any(|pattern| fits(pattern, group)) {
            continue;
        }
        if status != "opted-in" {
            undecided.word(spot.scope(sides), "ec2:DescribeAvailabilityZones", group, status);
            continue;
        }
        drifts.push(
            Drift::new(Rule::RegionZoneGroupEnabled, Aspect::ZoneGroup, spot.scope(sides), group, group)
                .direction(Direction::Weaker)
                .values(json!({"allowed": allowed}), status.as_str())
                .at(sides.baseline.position(&format!("{}/zone_groups", chosen.pointer())))
                .logged(&spot.place.account.id, Some(spot.place.region))
                .names("group", group)
                .effect("status", status),
        );
    }
}
