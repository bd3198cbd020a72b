//! Exemptions that end soon.
//!
//! In: findings, the time, and how soon is soon. Out: a note on each finding that only stays exempt until then, and a line
//! for each such exemption. It changes no verdict.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{Finding, Status};
use crate::baseline::model::Moment;

/// Notes on every exempt finding when what accepts it longest ends within `before`; returns a line for each exemption.
pub fn ending(findings: &mut [Finding], now: Timestamp, before: SignedDuration) -> Vec<String> {
    let mut lines: BTreeMap<(Timestamp, String), usize> = BTreeMap::new();
    for finding in findings.iter_mut().filter(|finding| finding.status == Status::Exempt) {
        let ends = finding.exempted_by.iter().filter_map(|one| Some((end(&one.expires)?, one)));
        let Some((end, last)) = ends.max_by_key(|(end, _)| *end) else { continue };
        let left = end.duration_since(now);
        if left > before {
            continue;
        }
        let text = format!("exemption `{}` expires {}, {}", last.id, last.expires, words(left));
        let line = format!("{text} ({})", last.baseline);
        finding.notes.push(text);
        *lines.entry((end, line)).or_default() += 1;
    }
    let said = |((_, line), count): ((Timestamp, String), usize)| match count {
        1 => format!("{line}; 1 finding rests on it"),
        count => format!("{line}; {count} findings rest on it"),
    };
    lines.into_iter().map(said).collect()
}

fn end(written: &str) -> Option<Timestamp> {
    Moment::try_from(written.to_owned()).ok().map(|moment| moment.end())
}

fn words(left: SignedDuration) -> String {
    match left.as_hours() {
        hours if hours < 1 => "within the hour".to_owned(),
        hours if hours < 48 => format!("in {hours} hours"),
        hours => format!("in {} days", hours / 24),
    }
}
