//! The code to exit with, and the sentence that explains it.
//!
//! In: a report, and what was asked for. Out: one code and, unless it is 0, one line for stderr. It knows nothing
//! of the formats, so that no format can change it.

use crate::baseline::model::Severity;
use crate::finding::Status;

use super::Report;

/// What the process exits with. The first that applies, in the order 2, 1, 3, 4, 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Nothing to say.
    Clean = 0,
    /// Nothing could be evaluated, or the output could not be written.
    Nothing = 1,
    /// Bad arguments, baseline or policy document.
    BadInput = 2,
    /// Open findings at or above the threshold.
    Findings = 3,
    /// Incomplete coverage, where that was asked for.
    Incomplete = 4,
}

impl Exit {
    /// The code.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }
}

/// What decides the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExitOptions {
    /// The least severity of an open finding that counts: `--fail-on`.
    pub fail_on: Severity,
    /// Whether incomplete coverage counts: `--strict`.
    pub strict: bool,
    /// Whether findings do not count: `--exit-zero`.
    pub exit_zero: bool,
}

impl Default for ExitOptions {
    fn default() -> Self {
        Self { fail_on: Severity::Medium, strict: false, exit_zero: false }
    }
}

/// The code and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The code.
    pub exit: Exit,
    /// The line for stderr; none with code 0.
    pub why: Option<String>,
}

/// Decides the code of a run that has a report; one that has none could not begin, and its error says the code.
#[must_use]
pub fn verdict(report: &Report, options: ExitOptions) -> Verdict {
    if !report.run.evaluated {
        let why = match report.summary.coverage.complete {
            false => "nothing could be evaluated; the coverage says why",
            true => "nothing of what was asked for is declared, or was read",
        };
        return because(Exit::Nothing, why.to_owned());
    }
    let open = report.findings.iter().filter(|finding| finding.status == Status::Open);
    let count = open.filter(|finding| finding.severity >= options.fail_on).count();
    let found = (count > 0 && !options.exit_zero).then(|| found(count, options.fail_on));
    // Whoever cancels a run must not take what it did not get to for clean.
    let strict = options.strict || report.run.cancelled;
    let incomplete = (strict && !report.summary.coverage.complete).then(|| unread(report));
    match (found, incomplete) {
        (Some(found), Some(unread)) => {
            because(Exit::Findings, format!("{found}; coverage is incomplete too: {unread}"))
        }
        (Some(found), None) => because(Exit::Findings, found),
        (None, Some(unread)) => because(Exit::Incomplete, format!("coverage is incomplete: {unread}")),
        (None, None) => Verdict { exit: Exit::Clean, why: None },
    }
}

fn because(exit: Exit, why: String) -> Verdict {
    Verdict { exit, why: Some(why) }
}

fn found(count: usize, least: Severity) -> String {
    let findings = if count == 1 { "1 open finding is" } else { &format!("{count} open findings are") };
    match least {
        Severity::Critical => format!("{findings} critical"),
        Severity::Info | Severity::Low | Severity::Medium | Severity::High => format!("{findings} {least} or worse"),
    }
}

fn unread(report: &Report) -> String {
    let coverage = &report.summary.coverage;
    let count = coverage.denied + coverage.throttled + coverage.failed;
    let reads = if count == 1 { "1 read was" } else { &format!("{count} reads were") };
    format!("{reads} denied, throttled or failed")
}
