//! What was read and still could not be compared.
//!
//! In: one note for each fact that no verdict can be given on. Out: rows for the coverage, notes of one reason folded. It
//! never drops a note: what is not decided is not in line.

use std::collections::{BTreeMap, BTreeSet};

use crate::estate::{CoverageRow, CoverageStatus, Gap, Scope};

/// Notes while a comparison goes on.
#[derive(Debug, Default)]
pub(super) struct Undecided {
    notes: BTreeMap<(Scope, String, crate::estate::CoverageStatus, String), BTreeSet<String>>,
}

impl Undecided {
    /// Notes that `what`, read by `source`, could not be compared, and why.
    pub(super) fn note(&mut self, scope: Scope, source: String, what: &str, gap: Gap) {
        self.notes.entry((scope, source, gap.status, gap.reason)).or_default().insert(what.to_owned());
    }

    /// Notes that the provider says of `what` a word that nobody knows: what it means for the baseline cannot be told.
    pub(super) fn word(&mut self, scope: Scope, source: &str, what: &str, word: &str) {
        let gap = Gap { status: CoverageStatus::Failed, reason: format!("`{word}` is a word that is not known") };
        self.note(scope, source.to_owned(), what, gap);
    }

    /// The notes as rows, in a stable order.
    pub(super) fn into_rows(self) -> Vec<CoverageRow> {
        let row = |((scope, source, status, reason), whats): (_, BTreeSet<String>)| {
            let whats = whats.into_iter().collect::<Vec<_>>().join(", ");
            let reason = Some(format!("not compared: {whats}: {reason}"));
            CoverageRow::new(scope, source, status, reason)
        };
        let mut rows: Vec<_> = self.notes.into_iter().map(row).collect();
        rows.sort();
        rows
    }
}
