//! The organisation itself: is it still the same one, owned by the same account, with all its features.
//!
//! In: both sides. Out: at most one drift for its identity, one for its owner, one for its features. It never judges
//! what belongs to the organisation.

use serde_json::Value;

use crate::compare::drift::{Aspect, Drift};
use crate::compare::rule::Rule;
use crate::compare::sides::{Live, Sides};
use crate::estate::{Observation, Scope};

/// Compares management account and feature set.
pub(super) fn compare(live: &Live<'_>, drifts: &mut Vec<Drift>) {
    let (sides, organization) = (live.sides, live.organization);
    if let Some(owner) =
        sides.aws.management_account.as_ref().filter(|owner| **owner != organization.management_account)
    {
        let id = format!("{}/management-account", organization.id);
        let drift =
            Drift::new(Rule::LinkOrganizationChanged, Aspect::Existence, live.scope(), id, "management account");
        drifts.push(
            drift
                .values(owner.as_str(), organization.management_account.as_str())
                .at(sides.baseline.position("/aws/management_account"))
                .logged(&organization.management_account, None)
                .names("account", &organization.management_account),
        );
    }
    // Policies only bind where all features are on.
    let policies = sides.aws.policies.as_ref().is_some_and(|policies| !policies.is_empty());
    let types = sides.aws.policy_types.as_ref().is_some_and(|types| !types.is_empty());
    if (policies || types) && organization.feature_set != "ALL" {
        let section = if types { "/aws/policy_types" } else { "/aws/policies" };
        let drift =
            Drift::new(Rule::LinkOrganizationChanged, Aspect::Status, live.scope(), &organization.id, "feature set");
        drifts.push(
            drift
                .values("ALL", organization.feature_set.as_str())
                .at(sides.baseline.position(section))
                .logged(&organization.management_account, None)
                .names("organization", &organization.id)
                .effect("feature_set", &organization.feature_set),
        );
    }
}

/// Another organisation, or none: the declared id is what the finding is about, whichever of the two it is.
pub(super) fn identity(sides: &Sides<'_>, drifts: &mut Vec<Drift>) {
    let Some(declared) = &sides.aws.organization else { return };
    let scope = Scope::organization(sides.snapshot.provider, declared.as_str());
    let drift =
        Drift::new(Rule::LinkOrganizationChanged, Aspect::Existence, scope, declared.as_str(), declared.as_str())
            .at(sides.baseline.position("/aws/organization"));
    let caller = &sides.snapshot.caller_account;
    match &sides.snapshot.organization {
        Observation::Known(live) if live.id == *declared => {}
        Observation::Known(live) => drifts.push(
            drift
                .values(declared.as_str(), live.id.as_str())
                .logged(caller, None)
                .names("account", caller)
                .effect("membership", "joined"),
        ),
        // An account that leaves takes the record of it along.
        Observation::Absent => drifts.push(
            drift
                .values(declared.as_str(), Value::Null)
                .logged(caller, None)
                .names("account", caller)
                .effect("membership", "left"),
        ),
        Observation::Unknown(_) => {}
    }
}
