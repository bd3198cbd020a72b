//! What differences of policies, and of where accounts hang, come to: whether they let anybody do more.
//!
//! In: every difference of one comparison, and the organisation. Out: the same differences with their direction, requests
//! that show it, how much it is, why, and the accounts it is true of. A difference weakens an account when, put alone on top
//! of what the baseline declares, it lets something through that the baseline stops and that the estate as it is does not stop
//! either. Where an account is weaker still with all of these taken back, the smallest set of the others that does it is told
//! and taken back as well, until nothing weaker is left. It never calls a difference harmless whose documents could not be
//! read.
//!
//! An account has two guardrails, judged apart: what its principals may do, and what may be done to its resources. They do
//! not bind the management account:
//! <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html>

#[cfg(test)]
mod tests;
mod told;
mod undo;
mod world;

use std::collections::BTreeSet;

use serde_json::Value;

use self::world::World;
use crate::compare::drift::{Aspect, Direction, Drift, Reach};
use crate::compare::rule::Rule;
use crate::compare::sides::Live;
use crate::policy::cause::Cause;
use crate::policy::comparison::Witness;
use crate::policy::decide::Extent;
use crate::policy::document::Kind;
use crate::policy::organization::TYPES;

/// How much work it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::compare) struct Effort {
    /// Pairs of stacks that were decided.
    pub(in crate::compare) decisions: usize,
    /// Paths of accounts that were worked out.
    pub(in crate::compare) paths: usize,
}

/// Says of each difference that bears on a guardrail whether it weakened it.
pub(in crate::compare) fn judge(live: &Live<'_>, drifts: &mut [Drift]) -> Effort {
    let mut effort = Effort::default();
    for (policy_type, kind) in TYPES {
        let bearing: Vec<usize> = (0..drifts.len()).filter(|at| bears(drifts.get(*at), policy_type)).collect();
        if !bearing.iter().any(|at| drifts.get(*at).is_some_and(may_change)) {
            continue;
        }
        let judged = match World::new(live, policy_type, kind, drifts, &bearing) {
            Ok(mut world) => {
                let judged = world.judge(drifts);
                effort.decisions += world.effort.decisions;
                effort.paths += world.effort.paths;
                judged
            }
            Err(why) => bearing.iter().map(|at| (*at, Judged::unknown(why.clone()))).collect(),
        };
        for (at, judged) in judged {
            if let Some(drift) = drifts.get_mut(at) {
                judged.onto(drift, kind);
            }
        }
    }
    effort
}

/// Whether a difference is about policies of a type, or about where something hangs.
fn bears(drift: Option<&Drift>, policy_type: &str) -> bool {
    let Some(drift) = drift else { return false };
    match drift.rule {
        Rule::LinkAccountMoved | Rule::LinkOuMoved | Rule::LinkAccountMissing => true,
        Rule::PolicyMissing
        | Rule::PolicyUnexpected
        | Rule::PolicyChanged
        | Rule::PolicyDetached
        | Rule::PolicyAttached
        | Rule::PolicyTypeDisabled => drift.event_subject.get("type").is_some_and(|named| named == policy_type),
        _ => false,
    }
}

fn may_change(drift: &Drift) -> bool {
    drift.direction != Direction::Equivalent
}

/// What was found of one difference.
#[derive(Debug, Default)]
struct Judged {
    weaker: BTreeSet<String>,
    stricter: BTreeSet<String>,
    unknown: Option<String>,
    witnesses: Vec<Witness>,
    stopped: Vec<Witness>,
    together_with: BTreeSet<String>,
    units: BTreeSet<String>,
    stacks: usize,
    reach: Option<Reach>,
    extent: Option<Extent>,
    causes: Vec<Cause>,
    causes_incomplete: Option<String>,
}

impl Judged {
    fn unknown(why: String) -> Self {
        Self { unknown: Some(why), ..Self::default() }
    }

    fn direction(&self) -> Direction {
        match (self.weaker.is_empty(), self.stricter.is_empty(), &self.unknown) {
            (false, false, _) => Direction::Mixed,
            (false, true, _) => Direction::Weaker,
            (true, _, Some(_)) => Direction::Unknown,
            (true, false, None) => Direction::Stricter,
            (true, true, None) => Direction::Equivalent,
        }
    }

    /// Puts it on the difference. Two guardrails may be judged for one difference, such as a moved account.
    fn onto(self, drift: &mut Drift, kind: Kind) {
        let direction = self.direction();
        let before = drift.guardrail.take();
        let direction = match (&before, drift.direction) {
            (Some(_), before) => both(before, direction),
            // A type that is off is weaker whatever its policies said, and so is an account that left.
            (None, before) if matches!(drift.rule, Rule::PolicyTypeDisabled | Rule::LinkAccountMissing) => {
                both(before, direction)
            }
            (None, _) => direction,
        };
        drift.direction = direction;
        let mut guardrail = before.unwrap_or_default();
        guardrail.kinds.push(kind.word().to_owned());
        if !self.weaker.is_empty() {
            guardrail.weaker.push(kind.word().to_owned());
        }
        guardrail.witnesses.extend(self.witnesses);
        guardrail.stopped.extend(self.stopped);
        guardrail.accounts.extend(self.weaker.into_iter().chain(self.stricter));
        guardrail.units.extend(self.units);
        guardrail.stacks += self.stacks;
        guardrail.reach = guardrail.reach.max(self.reach);
        guardrail.extent = told::more(guardrail.extent, self.extent);
        guardrail.causes.extend(self.causes);
        guardrail.causes_incomplete = guardrail.causes_incomplete.or(self.causes_incomplete);
        guardrail.reason = guardrail.reason.or(self.unknown);
        for other in self.together_with {
            if !guardrail.together_with.contains(&other) {
                guardrail.together_with.push(other);
            }
        }
        drift.guardrail = Some(guardrail);
        drift.rule = match (drift.rule, direction) {
            (Rule::LinkAccountMoved | Rule::LinkOuMoved | Rule::LinkAccountMissing | Rule::PolicyTypeDisabled, _)
            | (_, Direction::Equivalent) => drift.rule,
            (_, Direction::Weaker | Direction::Mixed) => Rule::PolicyWeakened,
            (_, Direction::Stricter) => Rule::PolicyTightened,
            (_, Direction::Unknown) => Rule::PolicyUndecided,
        };
    }
}

fn both(one: Direction, other: Direction) -> Direction {
    match (one, other) {
        (Direction::Mixed, _) | (_, Direction::Mixed) => Direction::Mixed,
        (Direction::Weaker, Direction::Stricter) | (Direction::Stricter, Direction::Weaker) => Direction::Mixed,
        (Direction::Weaker, _) | (_, Direction::Weaker) => Direction::Weaker,
        (Direction::Unknown, _) | (_, Direction::Unknown) => Direction::Unknown,
        (Direction::Stricter, _) | (_, Direction::Stricter) => Direction::Stricter,
        (Direction::Equivalent, Direction::Equivalent) => Direction::Equivalent,
    }
}

/// The difference in the text that a judged one was found by.
#[must_use]
pub fn by_text(rule: Rule, aspect: Aspect, expected: &Value, actual: &Value) -> Rule {
    match (rule, aspect) {
        (Rule::PolicyWeakened | Rule::PolicyTightened | Rule::PolicyUndecided, aspect) => match aspect {
            Aspect::Content => Rule::PolicyChanged,
            Aspect::Attachment if actual.is_null() => Rule::PolicyDetached,
            Aspect::Attachment => Rule::PolicyAttached,
            _ if actual.is_null() => Rule::PolicyMissing,
            _ if expected.is_null() => Rule::PolicyUnexpected,
            _ => rule,
        },
        _ => rule,
    }
}
