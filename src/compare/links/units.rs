//! Organisational units: is each there, where it hangs, what it is called.
//!
//! In: the declared units and the live tree. Out: drift. An id decides which is which; a declared unit without one is
//! the live one of that name below the declared parent. It never reports a renamed unit as one missing and one
//! unexpected, nor what hangs below a moved one as moved.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::baseline::model::{OrganizationalUnit, OuPath};
use crate::compare::drift::{Aspect, Direction, Drift};
use crate::compare::rule::Rule;
use crate::compare::sides::Live;
use crate::estate::{Observation, Unit};

/// Compares the units, where the baseline declares any and the tree was read.
pub(super) fn compare(live: &Live<'_>, drifts: &mut Vec<Drift>) {
    let Some(declared) = &live.sides.aws.organizational_units else { return };
    let units: &[Unit] = match &live.organization.units {
        Observation::Known(units) => units,
        Observation::Absent => &[],
        Observation::Unknown(_) => return,
    };
    let mut listed = BTreeSet::new();
    for (index, unit) in declared.iter().enumerate() {
        match live.tree.find(&unit.path) {
            Observation::Known(id) => {
                listed.insert(id);
                if let Some(there) = units.iter().find(|there| there.id == id) {
                    placement(live, index, unit, there, drifts);
                    name(live, index, unit, there, drifts);
                }
            }
            Observation::Absent => drifts.push(missing(live, index, unit)),
            // The root was not read, so that nothing can be said of the paths below it.
            Observation::Unknown(_) => return,
        }
    }
    drifts.extend(units.iter().filter(|unit| !listed.contains(unit.id.as_str())).map(|unit| unexpected(live, unit)));
}

fn missing(live: &Live<'_>, index: usize, unit: &OrganizationalUnit) -> Drift {
    let path = unit.path.to_string();
    let id = unit.id.clone().unwrap_or_else(|| path.clone());
    let drift = Drift::new(Rule::LinkOuMissing, Aspect::Existence, live.scope(), id, &path);
    let drift = match &unit.id {
        Some(id) => drift.names("unit", id),
        None => drift,
    };
    drift
        .values(path, Value::Null)
        .at(live.sides.baseline.position(&format!("/aws/organizational_units/{index}")))
        .logged(&live.organization.management_account, None)
        .effect("existence", "deleted")
}

fn unexpected(live: &Live<'_>, unit: &Unit) -> Drift {
    Drift::new(Rule::LinkOuUnexpected, Aspect::Existence, live.scope(), &unit.id, &unit.path)
        .values(Value::Null, unit.path.as_str())
        .logged(&live.organization.management_account, None)
        .names("unit", &unit.id)
        .effect("existence", "created")
}

fn placement(live: &Live<'_>, index: usize, unit: &OrganizationalUnit, there: &Unit, drifts: &mut Vec<Drift>) {
    let parent = unit.path.parent().unwrap_or_else(OuPath::root);
    let at_home = match live.tree.find(&parent) {
        Observation::Known(id) => id == there.parent,
        Observation::Absent => false,
        Observation::Unknown(_) => return,
    };
    if at_home {
        return;
    }
    drifts.push(
        Drift::new(Rule::LinkOuMoved, Aspect::Placement, live.scope(), &there.id, unit.path.to_string())
            .values(parent.to_string(), live.tree.show(&there.parent))
            .at(live.sides.baseline.position(&format!("/aws/organizational_units/{index}")))
            .logged(&live.organization.management_account, None)
            .names("unit", &there.id)
            .effect("parent", &there.parent),
    );
}

fn name(live: &Live<'_>, index: usize, unit: &OrganizationalUnit, there: &Unit, drifts: &mut Vec<Drift>) {
    let Some(declared) = unit.path.names().last().filter(|name| **name != there.name) else { return };
    drifts.push(
        Drift::new(Rule::LinkOuRenamed, Aspect::Name, live.scope(), &there.id, unit.path.to_string())
            .direction(Direction::Equivalent)
            .values(declared.as_str(), there.name.as_str())
            .at(live.sides.baseline.position(&format!("/aws/organizational_units/{index}")))
            .logged(&live.organization.management_account, None)
            .names("unit", &there.id)
            .effect("name", &there.name),
    );
}
