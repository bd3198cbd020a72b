//! What holds for an account. In come the policies of its levels, from the root down; out come the settings that are left
//! when each level has done to the inherited ones what it may. Never guesses where policies of one level contradict each
//! other: such a setting is open.
//!
//! Source: <https://docs.aws.amazon.com/organizations/latest/userguide/policy-operators.html>

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Operator, Path, Policy};

/// What holds for an account.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effective {
    /// The settings.
    pub values: BTreeMap<Path, Value>,
    /// What further levels may do, where it is less than everything.
    pub allowed: BTreeMap<Path, BTreeSet<Operator>>,
    /// Settings of which it cannot be told what holds, and why.
    pub open: BTreeMap<Path, String>,
    /// Every place that a policy spoke about.
    nodes: BTreeSet<Path>,
}

/// What holds where these policies stand on levels, from the root down. The policies of one level are in the order in which
/// they were attached.
#[must_use]
pub fn effective(levels: &[Vec<&Policy>]) -> Effective {
    let mut effective = Effective::default();
    levels.iter().for_each(|level| effective.descend(level));
    effective
}

impl Effective {
    fn descend(&mut self, level: &[&Policy]) {
        let mut changed = Vec::new();
        let paths: BTreeSet<&Path> = level.iter().flat_map(|policy| policy.settings.keys()).collect();
        for path in paths {
            let allowed = self.allowed_at(path);
            // What is not allowed is as if it were not written: AWS says so of the child policies of its examples.
            let said: Vec<Vec<(Operator, Value)>> = level
                .iter()
                .filter_map(|policy| policy.settings.get(path))
                .map(|said| said.iter().filter(|(operator, _)| allowed.contains(operator)).cloned().collect())
                .filter(|said: &Vec<_>| !said.is_empty())
                .collect();
            if !said.is_empty() {
                changed.push((path.clone(), self.applied(path, &said)));
            }
        }
        for policy in level {
            self.open.extend(policy.unclear.iter().map(|(path, why)| (path.clone(), why.clone())));
        }
        for (path, (value, open)) in changed {
            self.note(&path);
            self.open.extend(open.map(|why| (path.clone(), why)));
            match value {
                Some(value) => self.values.insert(path, value),
                None => self.values.remove(&path),
            };
        }
        // Neither a lower level nor another policy of this one takes back what a control forbids.
        for (path, allowed) in level.iter().flat_map(|policy| &policy.controls) {
            let before = self.allowed.get(path).cloned().unwrap_or_else(|| Operator::ALL.into());
            self.allowed.insert(path.clone(), before.intersection(allowed).copied().collect());
            self.note(path);
        }
    }

    /// What a policy may do at a place: what is said there or, where nothing has been, at the nearest place above.
    fn allowed_at(&self, path: &Path) -> BTreeSet<Operator> {
        let mut place = Some(path.clone());
        while let Some(at) = place {
            if self.nodes.contains(&at) {
                return self.allowed.get(&at).cloned().unwrap_or_else(|| Operator::ALL.into());
            }
            place = at.above();
        }
        Operator::ALL.into()
    }

    fn note(&mut self, path: &Path) {
        let mut place = Some(path.clone());
        while let Some(at) = place {
            place = at.above();
            if !self.nodes.insert(at) {
                break;
            }
        }
    }

    /// The value of a setting after the policies of one level, and why it cannot be told.
    fn applied(&self, path: &Path, said: &[Vec<(Operator, Value)>]) -> (Option<Value>, Option<String>) {
        let inherited = self.values.get(path);
        let mut said = said.to_vec();
        // Of several single values the one whose policy was attached first holds.
        let mut assigned = false;
        for said in &mut said {
            said.retain(|(operator, value)| {
                let again = *operator == Operator::Assign && !value.is_array() && assigned;
                assigned |= *operator == Operator::Assign && !value.is_array();
                !again
            });
        }
        let forward = sequence(inherited, said.iter().flatten());
        let backward = sequence(inherited, said.iter().rev().flatten());
        match (forward, backward) {
            (Some(forward), Some(backward)) if same(forward.as_ref(), backward.as_ref()) => (forward, None),
            (Some(forward), Some(_)) => (forward, Some("policies of one level contradict each other".to_owned())),
            _ => (inherited.cloned(), Some("a single value is treated as a list".to_owned())),
        }
    }
}

/// A value after operators in their order; none where one does not fit the value.
#[expect(clippy::option_option, reason = "no value is a value too")]
fn sequence<'a>(inherited: Option<&Value>, said: impl Iterator<Item = &'a (Operator, Value)>) -> Option<Option<Value>> {
    let mut value = inherited.cloned();
    for (operator, own) in said {
        if *operator == Operator::Assign {
            value = Some(own.clone());
            continue;
        }
        let mut list = match value {
            None => Vec::new(),
            Some(Value::Array(list)) => list,
            Some(_) => return None,
        };
        let own = own.as_array()?;
        match operator {
            Operator::Remove => list.retain(|item| !own.contains(item)),
            _ => {
                for item in own {
                    if !list.contains(item) {
                        list.push(item.clone());
                    }
                }
            }
        }
        value = Some(Value::Array(list));
    }
    Some(value.filter(|value| value.as_array().is_none_or(|list| !list.is_empty())))
}

/// Whether two values say the same; the order of a list says nothing.
pub(super) fn same(one: Option<&Value>, two: Option<&Value>) -> bool {
    match (one, two) {
        (Some(Value::Array(one)), Some(Value::Array(two))) => {
            let set = |list: &[Value]| list.iter().map(Value::to_string).collect::<BTreeSet<_>>();
            set(one) == set(two)
        }
        _ => one == two,
    }
}
