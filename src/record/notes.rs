//! What a recorded baseline leaves out, and why.
//!
//! In: one note for each fact that was not read, or that no baseline can say. Out: one line for each reason, with the places.
//! It never drops a note.

use std::collections::{BTreeMap, BTreeSet};

use crate::estate::Gap;

/// How many places a line names.
const SHOWN: usize = 4;

/// Notes of one sort, by what they are about and the reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    notes: BTreeMap<(String, String), BTreeSet<String>>,
}

impl Notes {
    /// Notes why something is left out; `place` is empty for what has none.
    pub(super) fn add(&mut self, what: impl Into<String>, reason: impl Into<String>, place: impl Into<String>) {
        let places = self.notes.entry((what.into(), reason.into())).or_default();
        let place = place.into();
        if !place.is_empty() {
            places.insert(place);
        }
    }

    /// Notes that something was not read.
    pub(super) fn gap(&mut self, what: impl Into<String>, gap: &Gap, place: impl Into<String>) {
        let reason = match gap.reason.as_str() {
            "not in the baseline" => "nobody asked for it in that run".to_owned(),
            reason => format!("{}: {reason}", gap.status.as_str()),
        };
        self.add(what, reason, place);
    }

    /// Whether there is nothing to say.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.notes.is_empty()
    }

    /// One line a reason: `quotas of ec2: denied: …: in 3 places (777777777777 in eu-west-1, …)`.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.notes.iter().map(|((what, reason), places)| format!("{what}: {reason}{}", told(places))).collect()
    }
}

fn told(places: &BTreeSet<String>) -> String {
    let shown: Vec<&str> = places.iter().take(SHOWN).map(String::as_str).collect();
    match (shown.as_slice(), places.len()) {
        ([], _) => String::new(),
        (shown, count) if count <= SHOWN => format!(" ({})", shown.join(", ")),
        (shown, count) => format!(" (in {count} places: {}, …)", shown.join(", ")),
    }
}
