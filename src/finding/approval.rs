//! Whether a declared change accounts for a difference.
//!
//! In: the approved changes, a drift with its author, the time. Out: every change that accounts for it, and for those that
//! speak of it and do not, the reason. Without a proven author nothing is approved, and where the proof has a gap the
//! approval says so.

use super::facts::Facts;
use super::places::Places;
use super::who::{self, Fit};
use super::{Approval, Inputs, state, wording};
use crate::audit::{Attribution, Confidence, Outcome};
use crate::baseline::model::ApprovedChange;
use crate::compare::Drift;

/// What the approved changes say about a drift.
pub(super) struct Judged {
    /// Those that account for it.
    pub(super) matches: Vec<Approval>,
    /// Why the others that speak of it do not, and how far the first is to be trusted.
    pub(super) notes: Vec<String>,
}

/// Holds every approved change against one drift.
pub(super) fn judge(
    inputs: &Inputs<'_>,
    facts: &Facts,
    drift: &Drift,
    attribution: Option<&Attribution>,
    places: &Places<'_>,
) -> Judged {
    let mut judged = Judged { matches: Vec::new(), notes: Vec::new() };
    for (index, change) in inputs.baseline.model.approved_changes.iter().enumerate() {
        if !facts.fit(&change.matches) {
            continue;
        }
        let mut misses = author_misses(change, attribution, places);
        misses.extend(state_misses(change, drift, inputs));
        if misses.is_empty() {
            judged.notes.extend(reserve(change, attribution));
            judged.matches.push(Approval {
                id: change.id.clone(),
                reason: change.reason.clone(),
                accepted_until: change.accepted_until.as_ref().unwrap_or(&change.until).to_string(),
                baseline: inputs.baseline.position(&format!("/approved_changes/{index}")),
            });
        } else {
            judged.notes.push(format!("{} {}", change.id, misses.join("; ")));
        }
    }
    judged
}

/// Why a change does not account for who made the difference, and when.
fn author_misses(change: &ApprovedChange, attribution: Option<&Attribution>, places: &Places<'_>) -> Vec<String> {
    let Some(attribution) = attribution else {
        return vec!["does not apply: who made the change was not looked for".to_owned()];
    };
    if attribution.outcome != Outcome::Attributed || attribution.confidence == Confidence::Low {
        return vec!["does not apply: who made the change is not proven".to_owned()];
    }
    let mut misses = Vec::new();
    match who::fit(&change.by, attribution, places) {
        Fit::Proven => {}
        Fit::NameOnly => misses.push("does not apply: name fits, identity not proven".to_owned()),
        Fit::No => misses.push("does not apply: made by somebody else".to_owned()),
    }
    match attribution.events.first() {
        Some(event) if event.time < change.from.start() => {
            misses.push(format!("begins {}, the change was made before", change.from));
        }
        Some(event) if event.time >= change.until.end() => {
            misses.push(format!("ended {}, the change was made after", change.until));
        }
        Some(_) => {}
        None => misses.push("does not apply: when the change was made is not known".to_owned()),
    }
    misses
}

/// What is to be known of an approval whose author is not quite sure: an event that is missing may have another one.
fn reserve(change: &ApprovedChange, attribution: Option<&Attribution>) -> Option<String> {
    let attribution = attribution.filter(|attribution| attribution.confidence < Confidence::High)?;
    Some(format!("{} applies, but who made the change is not fully certain: {}", change.id, attribution.reason))
}

/// Why a change does not account for what was found, now.
fn state_misses(change: &ApprovedChange, drift: &Drift, inputs: &Inputs<'_>) -> Vec<String> {
    let mut misses = Vec::new();
    if let Some(excess) = change.to.as_ref().and_then(|to| state::excess(to, drift)) {
        misses.push(format!("does not apply: {excess}"));
    }
    if inputs.now >= change.accepted_until.as_ref().unwrap_or(&change.until).end() {
        misses.push(format!("ended, still {}", wording::short(&drift.actual)));
    }
    misses
}
