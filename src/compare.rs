//! Baseline × snapshot → drift, one file a kind.
//!
//! In: a loaded baseline and a snapshot. Out: every difference, with the baseline line it comes from and what an audit
//! record that explains it would look like. It never reads a provider, never takes an unknown fact for one in line, and
//! never says who.

mod audit_logs;
mod document;
mod drift;
mod follow_up;
mod idle;
mod links;
mod policies;
mod quotas;
mod regions;
mod rule;
mod settings;
mod sides;
mod tree;
mod undecided;
mod unmatched;

pub use document::{DocumentError, canonical, canonical_document, canonical_value, digest, value_or_text};
pub use drift::{Aspect, Direction, Drift, Guardrail, LoggedIn, Reach, Subject, number};
pub use follow_up::follow_up;
pub use idle::{IdleRule, idle_rules};
pub use policies::{by_text, type_name};
pub use rule::Rule;

use self::sides::Sides;
use self::undecided::Undecided;
use crate::baseline::Baseline;
use crate::estate::{CoverageRow, CoverageStatus, Gap, Snapshot};

/// What came of comparing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// Every difference, in the order of kind, scope, aspect and subject; no two share all four.
    pub drifts: Vec<Drift>,
    /// Facts that were read and could still not be compared, such as a quota whose row came with an error. They belong
    /// in the coverage beside what could not be read.
    pub undecided: Vec<CoverageRow>,
}

/// Compares an estate with its baseline. What the baseline does not speak of is not compared.
#[must_use]
pub fn compare(baseline: &Baseline, snapshot: &Snapshot) -> Comparison {
    let Some(aws) = &baseline.model.aws else { return Comparison::default() };
    let sides = Sides::new(baseline, aws, snapshot);
    let live = sides.live();
    let (mut drifts, mut undecided) = (Vec::new(), Undecided::default());
    for (account, unplaced) in &sides.unplaced {
        let reason = format!("{}, so that it cannot be told which rules apply", unplaced.reason);
        let gap = Gap { status: CoverageStatus::Failed, reason };
        undecided.note(sides.scope(account), unplaced.source.to_owned(), "the account", gap);
    }
    links::compare(&sides, live.as_ref(), &mut drifts, &mut undecided);
    if let Some(live) = &live {
        policies::compare(live, &mut drifts, &mut undecided);
    }
    regions::compare(&sides, live.as_ref(), &mut drifts, &mut undecided);
    quotas::compare(&sides, live.as_ref(), &mut drifts, &mut undecided);
    settings::compare(&sides, &mut drifts, &mut undecided);
    audit_logs::compare(&sides, &mut drifts, &mut undecided);
    unmatched::compare(&sides, live.as_ref(), &mut drifts);
    if let Some(live) = &live {
        let _ = policies::judge(live, &mut drifts);
    }
    // The rest of a difference only orders two that would share an identity, which entries declared twice could bring
    // about; they say the same, and the first stands.
    drifts.sort_by(|a, b| a.identity().cmp(&b.identity()).then_with(|| a.rule.cmp(&b.rule)));
    drifts.dedup_by(|a, b| a.identity() == b.identity());
    Comparison { drifts, undecided: undecided.into_rows() }
}

#[cfg(test)]
pub(crate) mod tests;
