//! What holds for every estate.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::strategy::ValueTree;

use super::changes::{CHANGES, Expected};
use super::world::worlds;
use super::written;
use crate::compare::{Aspect, Comparison, Rule, compare};
use crate::estate::{CoverageStatus, Kind, Observation, Scope, Snapshot};

#[test]
fn every_rule_about_the_estate_has_a_change_that_yields_it() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut left: BTreeSet<&str> =
        Rule::ALL.iter().filter(|rule| rule.kind() != Kind::Baseline).map(|rule| rule.as_str()).collect();
    left.retain(|rule| {
        !rule.starts_with("policy.") || !["weakened", "tightened", "undecided"].iter().any(|end| rule.ends_with(end))
    });
    for pick in 0..40 {
        let world = worlds().new_tree(&mut runner).unwrap().current();
        for change in CHANGES {
            for (rule, _) in (change.make)(&world, &mut world.snapshot(), pick).unwrap_or_default() {
                left.remove(rule.as_str());
            }
        }
    }
    assert!(left.is_empty(), "{left:?}");
}

/// A failing estate is printed whole; nothing is written beside the sources.
pub(crate) fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) }
}

type Identity = (String, Aspect, Scope, String);

fn identities(comparison: &Comparison) -> BTreeSet<Identity> {
    let drifts = comparison.drifts.iter();
    drifts
        .map(|drift| (written(drift).to_string(), drift.aspect, drift.scope.clone(), drift.subject.id.clone()))
        .collect()
}

/// Something that may turn out not to have been read.
pub(crate) trait Readable {
    fn cloud(&mut self);
}

impl<T> Readable for Observation<T> {
    fn cloud(&mut self) {
        *self = Self::unknown(CoverageStatus::Denied, "not allowed");
    }
}

/// Everything that is one read of its own.
pub(crate) fn reads(snapshot: &mut Snapshot) -> Vec<&mut dyn Readable> {
    let mut reads: Vec<&mut dyn Readable> = Vec::new();
    if let Observation::Known(live) = &mut snapshot.organization {
        reads.extend([
            &mut live.root as &mut dyn Readable,
            &mut live.units,
            &mut live.accounts,
            &mut live.policy_types,
            &mut live.delegated_administrators,
            &mut live.trusted_services,
            &mut live.handshakes,
            &mut live.account_requests,
            &mut live.resource_policy,
            &mut live.responsibility_transfers,
            &mut live.quota_template,
        ]);
        reads.extend(live.policies.values_mut().map(|policies| policies as &mut dyn Readable));
    }
    for facts in snapshot.accounts.values_mut() {
        reads.push(&mut facts.region_status);
        for facts in facts.regions.values_mut() {
            reads.extend(facts.quotas.values_mut().map(|rows| rows as &mut dyn Readable));
            reads.extend(facts.settings.values_mut().map(|setting| setting as &mut dyn Readable));
            reads.extend(facts.zone_groups.as_mut().map(|groups| groups as &mut dyn Readable));
            reads.extend(facts.quota_requests.as_mut().map(|requests| requests as &mut dyn Readable));
            reads.extend(facts.quota_auto_management.as_mut().map(|state| state as &mut dyn Readable));
            reads.extend(facts.trails.as_mut().map(|trails| trails as &mut dyn Readable));
            reads.extend(facts.event_data_stores.as_mut().map(|stores| stores as &mut dyn Readable));
        }
    }
    let services = snapshot.quota_definitions.values_mut().flat_map(|services| services.values_mut());
    reads.extend(services.map(|definitions| definitions as &mut dyn Readable));
    reads
}

/// What stands inside of a list and is known or unknown by itself.
pub(crate) fn parts(snapshot: &mut Snapshot) -> Vec<&mut dyn Readable> {
    let mut parts: Vec<&mut dyn Readable> = Vec::new();
    if let Observation::Known(live) = &mut snapshot.organization {
        for policies in live.policies.values_mut() {
            if let Observation::Known(policies) = policies {
                for policy in policies {
                    parts.extend([&mut policy.document as &mut dyn Readable, &mut policy.targets]);
                }
            }
        }
    }
    for facts in snapshot.accounts.values_mut().flat_map(|facts| facts.regions.values_mut()) {
        for rows in facts.quotas.values_mut() {
            if let Observation::Known(rows) = rows {
                parts.extend(rows.iter_mut().map(|row| &mut row.value as &mut dyn Readable));
            }
        }
        if let Some(Observation::Known(trails)) = &mut facts.trails {
            for trail in trails {
                parts.extend([
                    &mut trail.logging as &mut dyn Readable,
                    &mut trail.delivery_error,
                    &mut trail.management_events,
                    &mut trail.excluded_sources,
                ]);
            }
        }
    }
    for definitions in snapshot.quota_definitions.values_mut().flat_map(|services| services.values_mut()) {
        if let Observation::Known(definitions) = definitions {
            parts.extend(definitions.values_mut().map(|code| &mut code.default as &mut dyn Readable));
        }
    }
    parts
}

pub(crate) fn cloud(snapshot: &mut Snapshot, picks: &[u16], of: fn(&mut Snapshot) -> Vec<&mut dyn Readable>) {
    let mut all = of(snapshot);
    let count = all.len();
    for pick in picks {
        all[usize::from(*pick) % count].cloud();
    }
}

proptest! {
    #![proptest_config(config(64))]

    #[test]
    fn an_estate_is_in_line_with_its_own_baseline(world in worlds()) {
        let comparison = compare(&world.baseline(), &world.snapshot());
        prop_assert!(comparison.drifts.is_empty(), "{:#?}", comparison.drifts);
        prop_assert!(comparison.undecided.is_empty(), "{:#?}", comparison.undecided);
    }

    #[test]
    fn each_single_change_yields_exactly_its_drift(world in worlds(), pick in any::<u16>()) {
        let baseline = world.baseline();
        for change in CHANGES {
            let mut snapshot = world.snapshot();
            let Some(expected) = (change.make)(&world, &mut snapshot, usize::from(pick)) else { continue };
            let comparison = compare(&baseline, &snapshot);
            let found: Expected =
                comparison.drifts.iter().map(|drift| (written(drift), drift.subject.id.clone())).collect();
            prop_assert_eq!(found, expected, "{}", change.name);
        }
    }

    #[test]
    fn what_was_not_read_is_never_a_new_drift(
        world in worlds(),
        pick in any::<u16>(),
        change in 0..CHANGES.len(),
        whole in prop::collection::vec(any::<u16>(), 0..4),
        inner in prop::collection::vec(any::<u16>(), 0..4),
    ) {
        let baseline = world.baseline();
        let mut snapshot = world.snapshot();
        (CHANGES[change].make)(&world, &mut snapshot, usize::from(pick));
        let clear = identities(&compare(&baseline, &snapshot));
        cloud(&mut snapshot, &inner, parts);
        cloud(&mut snapshot, &whole, reads);
        let clouded = identities(&compare(&baseline, &snapshot));
        let new: Vec<_> = clouded.difference(&clear).collect();
        prop_assert!(new.is_empty(), "after `{}`: {new:#?}", CHANGES[change].name);
    }

    #[test]
    fn the_same_twice_is_the_same_and_no_two_drifts_share_an_identity(
        world in worlds(),
        picks in prop::collection::vec((0..CHANGES.len(), any::<u16>()), 0..6),
    ) {
        let baseline = world.baseline();
        let mut snapshot = world.snapshot();
        for (change, pick) in picks {
            // Without an organisation there is nothing left to change.
            if snapshot.organization.known().is_some() {
                (CHANGES[change].make)(&world, &mut snapshot, usize::from(pick));
            }
        }
        let comparison = compare(&baseline, &snapshot);
        let ids: BTreeSet<_> =
            comparison.drifts.iter().map(|drift| (drift.kind, drift.aspect, &drift.scope, &drift.subject.id)).collect();
        prop_assert_eq!(ids.len(), comparison.drifts.len());
        let text = |comparison: &Comparison| serde_json::to_string(&comparison.drifts).unwrap();
        prop_assert_eq!(text(&comparison), text(&compare(&baseline, &snapshot)));
    }
}

proptest! {
    #![proptest_config(config(16))]

    #[test]
    fn an_organisation_that_was_not_read_holds_no_drift(world in worlds()) {
        let mut snapshot = world.snapshot();
        snapshot.organization.cloud();
        let comparison = compare(&world.baseline(), &snapshot);
        prop_assert!(comparison.drifts.is_empty(), "{:#?}", comparison.drifts);
    }
}
