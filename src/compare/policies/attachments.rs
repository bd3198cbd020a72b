//! What a policy is attached to.
//!
//! In: the declared targets of one policy and its attachments. Out: one drift for each target that lacks it or should not
//! have it. A pattern stands for any number of policies, each of which may hang on any of the targets: none lacks it. It
//! never reports a target that does not exist (that is its own finding), nor one that was not read.
//!
//! Attachments to the management account are compared like any other; service and resource control policies do not
//! bind it, and then the drift is equivalent.
//! <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html>

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Declared, drift, pointer};
use crate::baseline::model::{OuPath, Targets};
use crate::compare::drift::{Aspect, Direction, Drift};
use crate::compare::rule::Rule;
use crate::compare::sides::{Live, read};
use crate::estate::{Observation, Policy, PolicyTarget};

/// Compares where a policy is attached, where the baseline says it and it was read.
pub(super) fn compare(live: &Live<'_>, declared: &Declared<'_>, policy: &Policy, drifts: &mut Vec<Drift>) {
    let Some(targets) = &declared.1.targets else { return };
    let Some(there) = read(&policy.targets) else { return };
    let attached: BTreeSet<&str> = there.iter().map(|target| target.id.as_str()).collect();
    let wanted = match targets {
        Targets::Everywhere => everywhere(live),
        Targets::These(these) => these_targets(live, these),
    };
    let lacking = wanted.targets.iter().filter(|one| one.exists && !attached.contains(one.id));
    for Target { id, place, .. } in lacking.filter(|_| !declared.1.is_family()) {
        let at = place.map_or_else(String::new, |place| format!("/{place}"));
        drifts.push(
            attachment(live, Rule::PolicyDetached, policy, id)
                .values(shown(live, id), Value::Null)
                .at(live.sides.baseline.position(&format!("{}/targets{at}", pointer(declared.0))))
                .effect("attachment", "detached"),
        );
    }
    if matches!(targets, Targets::Everywhere) {
        return;
    }
    let listed: BTreeSet<&str> = wanted.targets.iter().map(|target| target.id).collect();
    let more: BTreeSet<&PolicyTarget> = there.iter().filter(|target| !listed.contains(target.id.as_str())).collect();
    // A declared target that leads into an unread part of the organisation may mean any target of its sort.
    let more = more.into_iter().filter(|target| match is_account(&target.id) {
        true => !wanted.unread_accounts,
        false => !wanted.unread_units,
    });
    drifts.extend(more.map(|target| {
        attachment(live, Rule::PolicyAttached, policy, &target.id)
            .values(Value::Null, shown(live, &target.id))
            .at(live.sides.baseline.position(&format!("{}/targets", pointer(declared.0))))
            .effect("attachment", "attached")
    }));
}

/// Where a policy should be attached.
#[derive(Default)]
struct Wanted<'a> {
    targets: Vec<Target<'a>>,
    /// Whether some declared unit could not be told.
    unread_units: bool,
    /// Whether some declared account could not be told.
    unread_accounts: bool,
}

/// One such place.
struct Target<'a> {
    id: &'a str,
    /// Its place among the declared targets.
    place: Option<usize>,
    /// Whether it is known to be there.
    exists: bool,
}

/// The root, every unit and every account, as far as they were read.
fn everywhere<'a>(live: &Live<'a>) -> Wanted<'a> {
    let root = live.organization.root.known().map(String::as_str);
    let units = live.organization.units.known().into_iter().flatten().map(|unit| unit.id.as_str());
    let accounts = live.organization.accounts.known().into_iter().flatten();
    // A closed account is attached to nothing any more.
    let accounts = accounts.filter(|account| account.state != "CLOSED").map(|account| account.id.as_str());
    let ids = root.into_iter().chain(units).chain(accounts);
    Wanted { targets: ids.map(|id| Target { id, place: None, exists: true }).collect(), ..Wanted::default() }
}

/// The ids of declared targets, as far as they are known to be there.
pub(super) fn targets_of<'a>(live: &'a Live<'a>, targets: &'a Targets) -> Vec<&'a str> {
    let wanted = match targets {
        Targets::Everywhere => everywhere(live),
        Targets::These(these) => these_targets(live, these),
    };
    wanted.targets.into_iter().filter(|target| target.exists).map(|target| target.id).collect()
}

fn these_targets<'a>(live: &'a Live<'a>, these: &'a [String]) -> Wanted<'a> {
    let mut wanted = Wanted::default();
    for (place, target) in these.iter().enumerate() {
        // Loading has refused what starts like a path and is none.
        let path = target.starts_with('/').then(|| OuPath::parse(target).ok()).flatten();
        match path.map(|path| live.tree.find(&path)) {
            Some(Observation::Known(id)) => wanted.targets.push(Target { id, place: Some(place), exists: true }),
            Some(Observation::Absent) => {}
            Some(Observation::Unknown(_)) => wanted.unread_units = true,
            None => {
                let members = live.organization.accounts.known();
                for id in account_ids(live, target) {
                    let exists = members.is_some_and(|members| members.iter().any(|account| account.id == id));
                    wanted.targets.push(Target { id, place: Some(place), exists });
                    wanted.unread_accounts |= members.is_none() && !is_account(id);
                }
            }
        }
    }
    wanted
}

/// The id behind an id or a declared name; else every account of that live name, which a pattern lists: whoever makes
/// another one of the same name takes nothing away from the first. The target itself where there is none.
fn account_ids<'a>(live: &'a Live<'a>, target: &'a str) -> Vec<&'a str> {
    if let Some(id) = live.sides.placement.resolve(target) {
        return vec![id];
    }
    let named = live.sides.views.iter().filter(|(_, view)| view.name == target).map(|(id, _)| *id);
    let named: Vec<&str> = named.collect();
    if named.is_empty() { vec![target] } else { named }
}

/// Whether an id is an account's, and not one of a unit or root.
pub(in crate::compare) fn is_account(id: &str) -> bool {
    id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit())
}

fn attachment(live: &Live<'_>, rule: Rule, policy: &Policy, target: &str) -> Drift {
    let binds = target != live.organization.management_account
        || !matches!(policy.policy_type.as_str(), "SERVICE_CONTROL_POLICY" | "RESOURCE_CONTROL_POLICY");
    let mut drift = drift(live, rule, Aspect::Attachment, policy).names("target", target);
    drift.subject.id = format!("{}@{target}", policy.id);
    drift.subject.name = format!("{} at {}", policy.name, name(live, target));
    drift.direction(if binds { Direction::Unknown } else { Direction::Equivalent })
}

/// What people call a root, unit or account.
pub(super) fn name<'a>(live: &'a Live<'a>, target: &'a str) -> &'a str {
    if is_account(target) { live.sides.account_name(target) } else { live.tree.show(target) }
}

fn shown(live: &Live<'_>, target: &str) -> Value {
    let name = name(live, target);
    if name == target { json!(target) } else { json!(format!("{name} ({target})")) }
}
