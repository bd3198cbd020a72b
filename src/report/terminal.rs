//! The report for people at a terminal.
//!
//! In: a report, a width, a time zone, and whether colours are wanted. Out: text that reads the same without colours. It
//! never lets a control character, or a character that reorders or hides text, through.

mod coverage;
mod explain;
mod guardrail;
mod page;
mod who;

pub use self::explain::{Context, Explanation, explain};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use self::page::{Page, Tone};
use super::Report;
use crate::baseline::model::{Category, Severity};
use crate::estate::Kind;
use crate::finding::{Finding, Status, plain};

/// How the text is to look.
#[derive(Clone, Debug)]
pub struct TerminalOptions {
    /// Columns; fewer than 40 are taken for 40.
    pub width: usize,
    /// Whether to colour.
    pub color: bool,
    /// The zone in which times are shown, each with its offset.
    pub timezone: TimeZone,
}

impl TerminalOptions {
    /// A time as it is shown: `2026-11-21 03:12:09 +01:00`.
    fn time(&self, time: Timestamp) -> String {
        time.to_zoned_datetime(self.timezone.clone()).strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
    }
}

/// The report as text.
#[must_use]
pub fn render(report: &Report, options: &TerminalOptions) -> String {
    let mut page = Page::new(options);
    head(&mut page, report, options);
    let (open, settled): (Vec<&Finding>, Vec<&Finding>) =
        report.findings.iter().partition(|finding| finding.status == Status::Open);
    for severity in [Severity::Critical, Severity::High, Severity::Medium, Severity::Low, Severity::Info] {
        let group: Vec<&Finding> = open.iter().copied().filter(|finding| finding.severity == severity).collect();
        if group.is_empty() {
            continue;
        }
        page.heading(&format!("{} ({})", severity.to_string().to_uppercase(), group.len()), tone(severity));
        by_kind(&mut page, &group, options);
    }
    if !settled.is_empty() {
        page.heading(&format!("ACCEPTED OR RESOLVED ({})", settled.len()), Tone::Plain);
        by_kind(&mut page, &settled, options);
    }
    page.heading("COVERAGE", Tone::Plain);
    coverage::write(&mut page, report);
    page.blank();
    page.text(0, &report.summary.sentence, Tone::Strong);
    page.into_text()
}

fn head(page: &mut Page, report: &Report, options: &TerminalOptions) {
    let run = &report.run;
    page.text(0, &format!("Guardline {}: estate {}", run.version, report.estate), Tone::Strong);
    if let Some(notice) = &run.notice {
        page.text(0, notice, Tone::Strong);
    }
    let replayed = if run.replayed { ", from a recording" } else { "" };
    page.entry(0, "run", &format!("{}, {}{replayed}", run.id, options.time(run.started)));
    page.entry(0, "read as", &run.caller);
    page.entry(0, "baseline", &format!("{} ({})", run.baseline.files.join(", "), run.baseline.hash));
    let window = (options.time(run.window.from), options.time(run.window.until));
    page.entry(0, "evidence", &format!("{} to {}", window.0, window.1));
}

fn by_kind(page: &mut Page, findings: &[&Finding], options: &TerminalOptions) {
    const KINDS: [Kind; 7] =
        [Kind::Quota, Kind::Region, Kind::Link, Kind::Policy, Kind::Setting, Kind::AuditLog, Kind::Baseline];
    for kind in KINDS {
        for finding in findings.iter().filter(|finding| finding.kind == kind) {
            page.blank();
            write_finding(page, finding, options);
        }
    }
}

fn write_finding(page: &mut Page, finding: &Finding, options: &TerminalOptions) {
    let status = match finding.status {
        Status::Open => finding.severity.to_string(),
        Status::Exempt | Status::Approved | Status::Resolved => {
            format!("{}, {}", finding.severity, finding.status.as_str())
        }
    };
    page.headline(&format!("[{status}] {}", finding.rule), &finding.title, tone(finding.severity));
    page.entry(2, "expected", &plain(&finding.expected));
    page.entry(2, "found", &plain(&finding.actual));
    if let Some(authorship) = &finding.attribution {
        who::write(page, authorship, options);
    }
    guardrail::write(page, finding);
    verdicts(page, finding);
    if finding.status == Status::Open {
        page.entry(2, "do", &finding.remediation);
    }
    if finding.first_seen != finding.last_seen {
        page.entry(2, "since", &options.time(finding.first_seen));
    }
    if let Some(position) = &finding.baseline {
        page.entry(2, "baseline", &format!("{}:{}:{}", position.file, position.line, position.column));
    }
    page.entry(2, "id", &finding.id);
}

/// What accepts it, and what does not and why.
fn verdicts(page: &mut Page, finding: &Finding) {
    for approval in &finding.approved_by {
        let text = format!("{} until {}: {}", approval.id, approval.accepted_until, approval.reason);
        page.entry(2, "approved", &text);
    }
    for acceptance in &finding.exempted_by {
        let owner = acceptance.owner.as_ref().map(|owner| format!(" ({owner})")).unwrap_or_default();
        let mitigated = if acceptance.category == Category::Mitigated { ", mitigated" } else { "" };
        let text = format!("until {}{mitigated}: {}{owner}", acceptance.expires, acceptance.reason);
        page.entry(2, "exempt", &text);
    }
    for note in &finding.notes {
        page.entry(2, "note", note);
    }
}

fn tone(severity: Severity) -> Tone {
    match severity {
        Severity::Critical | Severity::High => Tone::Bad,
        Severity::Medium => Tone::Warn,
        Severity::Low | Severity::Info => Tone::Plain,
    }
}
