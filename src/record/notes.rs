//! What a recorded baseline leaves out, and why.
//!
//! In: one note for each fact that was not read, or that no baseline can say. Out: one line for each reason and the accounts
//! it holds for, with the places.
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

    /// One line for what the same accounts lack for the same reason: `quotas of ec2, trails: denied: … (in 8 places: …)`.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut alike: BTreeMap<(&str, BTreeSet<&str>), Together<'_>> = BTreeMap::new();
        for ((what, reason), places) in &self.notes {
            let accounts = places.iter().filter_map(|place| place.split(' ').next()).collect();
            let (whats, all) = alike.entry((reason, accounts)).or_default();
            whats.push(what);
            all.extend(places.iter().map(String::as_str));
        }
        let lines = alike
            .into_iter()
            .map(|((reason, _), (whats, places))| format!("{}: {reason}{}", whats.join(", "), told(&places)));
        let mut lines: Vec<String> = lines.collect();
        lines.sort();
        lines
    }
}

/// What is lacking, and where.
type Together<'a> = (Vec<&'a str>, BTreeSet<&'a str>);

fn told(places: &BTreeSet<&str>) -> String {
    let shown: Vec<&str> = places.iter().take(SHOWN).copied().collect();
    match (shown.as_slice(), places.len()) {
        ([], _) => String::new(),
        (shown, count) if count <= SHOWN => format!(" ({})", shown.join(", ")),
        (shown, count) => format!(" (in {count} places: {}, …)", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estate::CoverageStatus;

    #[test]
    fn what_the_same_accounts_lack_for_the_same_reason_is_one_line() {
        let mut notes = Notes::default();
        let gap = Gap { status: CoverageStatus::Denied, reason: "no".to_owned() };
        for region in ["a", "b", "c"] {
            notes.gap("trails", &gap, format!("1 in {region}"));
            notes.gap("settings", &gap, format!("1 in {region}"));
            notes.gap("settings", &gap, format!("2 in {region}"));
            notes.gap("quotas", &gap, format!("1 in {region}"));
        }
        notes.add("accounts", "no", "");
        assert_eq!(
            notes.lines(),
            [
                "accounts: no",
                "quotas, trails: denied: no (1 in a, 1 in b, 1 in c)",
                "settings: denied: no (in 6 places: 1 in a, 1 in b, 1 in c, 2 in a, …)",
            ]
        );
    }
}
