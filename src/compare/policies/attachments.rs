//! What a policy is attached to.
//!
//! In: the declared targets of one policy and its attachments. Out: one drift for each target that lacks it or should not
//! have it. It never reports a target that does not exist (that is its own finding), nor one that was not read.
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
    for (id, place) in wanted.ids.iter().filter(|(id, _)| !attached.contains(id)) {
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
    let listed: BTreeSet<&str> = wanted.ids.iter().map(|(id, _)| *id).collect();
    let more: BTreeSet<&PolicyTarget> = there.iter().filter(|target| !listed.contains(target.id.as_str())).collect();
    // A declared path that leads into an unread part of the tree may mean any root or unit.
    let more = more.into_iter().filter(|target| !wanted.unread || is_account(&target.id));
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
    /// Ids of targets that exist, each with its place among the declared targets.
    ids: Vec<(&'a str, Option<usize>)>,
    /// Whether some declared target could not be told.
    unread: bool,
}

/// The root, every unit and every account, as far as they were read.
fn everywhere<'a>(live: &Live<'a>) -> Wanted<'a> {
    let root = live.organization.root.known().map(String::as_str);
    let units = live.organization.units.known().into_iter().flatten().map(|unit| unit.id.as_str());
    let accounts = live.organization.accounts.known().into_iter().flatten();
    // A closed account is attached to nothing any more.
    let accounts = accounts.filter(|account| account.state != "CLOSED").map(|account| account.id.as_str());
    let ids = root.into_iter().chain(units).chain(accounts).map(|id| (id, None)).collect();
    Wanted { ids, unread: false }
}

fn these_targets<'a>(live: &'a Live<'a>, these: &'a [String]) -> Wanted<'a> {
    let mut wanted = Wanted::default();
    let members = live.organization.accounts.known();
    for (place, target) in these.iter().enumerate() {
        // Loading has refused what starts like a path and is none.
        match target.starts_with('/').then(|| OuPath::parse(target).ok()).flatten().map(|path| live.tree.find(&path)) {
            Some(Observation::Known(id)) => wanted.ids.push((id, Some(place))),
            Some(Observation::Absent) => {}
            Some(Observation::Unknown(_)) => wanted.unread = true,
            None => {
                let id = account_id(live, target);
                if members.is_some_and(|members| members.iter().any(|account| account.id == id)) {
                    wanted.ids.push((id, Some(place)));
                } else {
                    wanted.unread |= members.is_none();
                }
            }
        }
    }
    wanted
}

/// The id behind an id, a declared name, or the live name of an account that is listed by a pattern.
fn account_id<'a>(live: &'a Live<'a>, target: &'a str) -> &'a str {
    if let Some(id) = live.sides.placement.resolve(target) {
        return id;
    }
    let named = live.sides.views.iter().filter(|(_, view)| view.name == target).map(|(id, _)| *id);
    named.min().unwrap_or(target)
}

fn is_account(id: &str) -> bool {
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

fn name<'a>(live: &'a Live<'a>, target: &'a str) -> &'a str {
    if is_account(target) { live.sides.account_name(target) } else { live.tree.show(target) }
}

fn shown(live: &Live<'_>, target: &str) -> Value {
    let name = name(live, target);
    if name == target { json!(target) } else { json!(format!("{name} ({target})")) }
}
