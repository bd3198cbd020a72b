//! The organisation itself: is it still the same one, owned by the same account, with all its features.
//!
//! In: both sides. Out: at most one drift for its identity or its absence, one for its owner, one for its features. It never judges
//! what belongs to the organisation.

use serde_json::Value;

use crate::baseline::model::AccountEntry;
use crate::compare::drift::{Aspect, Drift};
use crate::compare::rule::Rule;
use crate::compare::sides::{Live, Sides};
use crate::compare::undecided::Undecided;
use crate::estate::{Observation, Scope};

/// With all features, and with one bill and nothing else:
/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_Organization.html>
const FEATURE_SETS: [&str; 2] = ["ALL", "CONSOLIDATED_BILLING"];

/// Compares management account and feature set.
pub(super) fn compare(live: &Live<'_>, drifts: &mut Vec<Drift>, undecided: &mut Undecided) {
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
    let features = organization.feature_set.as_str();
    if (policies || types) && !FEATURE_SETS.contains(&features) {
        undecided.word(live.scope(), "organizations:DescribeOrganization", "the feature set", features);
    } else if (policies || types) && features != "ALL" {
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
    let Some(declared) = &sides.aws.organization else { return nameless(sides, drifts) };
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

/// No organisation, while the baseline speaks of what only one has: without this, nothing of it would be compared, and
/// all of it look in line.
fn nameless(sides: &Sides<'_>, drifts: &mut Vec<Drift>) {
    let Some(section) = needs_organization(sides).filter(|_| sides.snapshot.organization == Observation::Absent) else {
        return;
    };
    let caller = &sides.snapshot.caller_account;
    drifts.push(
        Drift::new(
            Rule::LinkOrganizationChanged,
            Aspect::Existence,
            sides.scope(caller),
            "organization",
            "the organisation",
        )
        .values("member", Value::Null)
        .at(sides.baseline.position(&format!("/aws/{section}")))
        .logged(caller, None)
        .names("account", caller)
        .effect("membership", "left"),
    );
}

/// A section that says more than "none" of what only an organisation has.
fn needs_organization(sides: &Sides<'_>) -> Option<&'static str> {
    fn any<T>(list: Option<&Vec<T>>) -> bool {
        list.is_some_and(|list| !list.is_empty())
    }
    let (aws, caller) = (sides.aws, &sides.snapshot.caller_account);
    let other_account = |entry: &AccountEntry| entry.id.as_ref() != Some(caller);
    let trail = aws.audit_logs.as_ref().is_some_and(|logs| logs.organization_trail.is_some());
    let sections = [
        ("management_account", aws.management_account.as_ref().is_some_and(|owner| owner != caller)),
        ("accounts", aws.accounts.iter().flatten().any(other_account)),
        ("organizational_units", any(aws.organizational_units.as_ref())),
        ("delegated_administrators", any(aws.delegated_administrators.as_ref())),
        ("trusted_services", any(aws.trusted_services.as_ref())),
        ("responsibility_transfers", any(aws.responsibility_transfers.as_ref())),
        ("resource_policy", sides.baseline.resource_policy().is_some()),
        ("quota_template", any(aws.quota_template.as_ref())),
        ("policy_types", any(aws.policy_types.as_ref())),
        ("policies", any(aws.policies.as_ref())),
        ("audit_logs/organization_trail", trail),
    ];
    sections.into_iter().find(|(_, says)| *says).map(|(section, _)| section)
}
