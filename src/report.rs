//! What a run says, one file a format.
//!
//! In: findings, coverage, and what is known of the run. Out: a [`Report`], its text in a format, and the code to exit
//! with. It never judges a finding, and never lets text that an attacker controls reach a terminal as it came.

mod escape;
mod exit;
mod file;
mod json;
mod model;
mod personal;
mod schema;
mod terminal;

pub use escape::{clip, terminal as escape_for_terminal};
pub use exit::{Exit, ExitOptions, Verdict, verdict};
pub use file::{Format, ReportError, Staged, settled, stage, write};
pub use json::render as json;
pub use model::{
    BaselineUsed, CoverageSummary, OpenBySeverity, REPORT_SCHEMA, Report, Run, StatusCounts, Summary, Window,
};
pub use personal::{mask_findings, mask_snapshot, mask_text};
pub use schema::{report_schema, snapshot_schema};
pub use terminal::{Context, Explanation, TerminalOptions, explain, render as terminal};

#[cfg(test)]
mod tests;
