//! `guardline validate --against`: which entries of a baseline matched nothing in a scan, or decided nothing.
//!
//! In: a report, and the hash of the baseline. Out: those entries with their places, and how far that can be said. It never
//! calls an entry unmatched that the scan could not look for.

use std::io::{self, Write};

use serde::Serialize;

use crate::baseline::Position;
use crate::baseline::diagnostic::visible;
use crate::compare::Rule;
use crate::report::Report;

/// What is said of a rule that decided nothing.
const IDLE: &str = "baseline.idle";

/// What matched nothing.
#[derive(Debug, Serialize)]
pub(super) struct Unmatched {
    /// The run of the report.
    run: String,
    /// The entries.
    entries: Vec<Entry>,
    /// Why there may be more of them, or others; empty when there is no reason.
    limits: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Entry {
    rule: &'static str,
    title: String,
    baseline: Option<Position>,
}

impl Unmatched {
    pub(super) fn of(report: &Report, hash: &str) -> Self {
        let is_meant = |rule: Rule| matches!(rule, Rule::BaselineUnmatched | Rule::ExemptionUnused);
        let found = report.findings.iter().filter(|finding| is_meant(finding.rule));
        let mut entries: Vec<Entry> = found
            .map(|finding| Entry {
                rule: finding.rule.as_str(),
                title: finding.title.clone(),
                baseline: finding.baseline.clone(),
            })
            .collect();
        entries.extend(report.run.baseline.idle.iter().map(|idle| Entry {
            rule: IDLE,
            title: format!(
                "The rule {} decides nothing: it fits no place, or later rules decide all of its places",
                idle.rule
            ),
            baseline: Some(idle.position.clone()),
        }));
        entries.sort_by(|a, b| (&a.baseline, &a.title).cmp(&(&b.baseline, &b.title)));
        let coverage = &report.summary.coverage;
        let limits = [
            (
                report.run.baseline.hash != hash,
                "the report was made with another baseline: entries and lines may differ",
            ),
            (!coverage.complete, "something could not be read, so that entries that may mean it are not named"),
            (report.run.narrowed, "the scan was narrowed, so that entries about the rest are not named"),
        ];
        let limits = limits.into_iter().filter(|(holds, _)| *holds).map(|(_, why)| why.to_owned()).collect();
        Self { run: report.run.id.clone(), entries, limits }
    }

    /// For people: entries on stdout, limits on stderr.
    pub(super) fn write(&self, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<()> {
        for Entry { rule, title, baseline } in &self.entries {
            let place = baseline.as_ref().map_or_else(|| "the baseline".to_owned(), Position::to_string);
            writeln!(out, "{}: {rule}: {}", visible(&place), visible(title))?;
        }
        for limit in &self.limits {
            writeln!(err, "note: {limit}")?;
        }
        if self.entries.is_empty() {
            writeln!(err, "note: no entry is known to have matched nothing in {}", visible(&self.run))?;
        }
        Ok(())
    }
}
