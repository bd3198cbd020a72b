//! The report: what every format shows, and what JSON writes out whole.
//!
//! In: findings, coverage, the facts of the run. Out: a [`Report`] with its summary. It never leaves a gap in coverage
//! out of the summary.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::baseline::model::Severity;
use crate::compare::IdleRule;
use crate::estate::{CoverageRow, CoverageStatus};
use crate::finding::{Finding, Status};

/// The name and version of the report format.
pub const REPORT_SCHEMA: &str = "guardline/report/v1";

/// Everything that a run says. Within this version of the format fields and rules may be added, never changed or removed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// Always [`REPORT_SCHEMA`].
    #[schemars(extend("const" = REPORT_SCHEMA))]
    pub schema: String,
    /// The estate's name, as its baseline says.
    pub estate: String,
    /// The run.
    pub run: Run,
    /// What it comes to.
    pub summary: Summary,
    /// Everything that was found: worst first, then by rule, scope and subject.
    pub findings: Vec<Finding>,
    /// Ordered events that tell one story. Empty until sequences are sought.
    pub sequences: Vec<Value>,
    /// What was read and what was not; evaluated reads are one row for each account and source.
    pub coverage: Vec<CoverageRow>,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// Its id.
    pub id: String,
    /// When it began.
    #[schemars(with = "String")]
    pub started: Timestamp,
    /// When it ended.
    #[schemars(with = "String")]
    pub finished: Timestamp,
    /// The version of the program.
    pub version: String,
    /// The identity that read: an ARN.
    pub caller: String,
    /// What it was compared with.
    pub baseline: BaselineUsed,
    /// The time in which evidence was sought.
    pub window: Window,
    /// Whether a recording was read in place of the provider.
    pub replayed: bool,
    /// Whether the command line left something out: then nothing can be said of the whole estate.
    pub narrowed: bool,
    /// Whether it was ended before it was done: what was not read by then is unknown.
    pub cancelled: bool,
    /// Whether anything that the run was to look at could be evaluated.
    pub evaluated: bool,
    /// Something every reader must know: that the estate is made up, say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
}

/// The baseline that was used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BaselineUsed {
    /// Its files: the one that was named, then those it includes.
    pub files: Vec<String>,
    /// `sha256:…` over what it says.
    pub hash: String,
    /// Rules that decided nothing: they fit no place that was read, or later rules decide all of their places.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub idle: Vec<IdleRule>,
}

/// A span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// From when.
    #[schemars(with = "String")]
    pub from: Timestamp,
    /// Until when.
    #[schemars(with = "String")]
    pub until: Timestamp,
}

/// What a run comes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// One line that says it all.
    pub sentence: String,
    /// Whether the estate is as declared: everything was looked at and read, and nothing above `info` is open.
    pub in_line: bool,
    /// Open findings.
    pub open: OpenBySeverity,
    /// All findings.
    pub status: StatusCounts,
    /// How much was read.
    pub coverage: CoverageSummary,
}

/// How many findings are open, by severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenBySeverity {
    /// Must be looked at now.
    pub critical: usize,
    /// Must be looked at soon.
    pub high: usize,
    /// Should be looked at.
    pub medium: usize,
    /// Minor.
    pub low: usize,
    /// Worth knowing.
    pub info: usize,
}

/// How many findings there are, by status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusCounts {
    /// Nothing accepts them.
    pub open: usize,
    /// An exemption accepts them.
    pub exempt: usize,
    /// An approved change accounts for them.
    pub approved: usize,
    /// They stand no more.
    pub resolved: usize,
}

/// How much was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CoverageSummary {
    /// Whether nothing was denied, throttled or failed.
    pub complete: bool,
    /// Calls that were made.
    pub reads: u64,
    /// Rows of each status. Evaluated rows stand for several regions each.
    pub evaluated: usize,
    /// The identity at hand may not read it.
    pub denied: usize,
    /// The provider kept refusing for the rate of calls.
    pub throttled: usize,
    /// It failed in another way.
    pub failed: usize,
    /// The provider does not offer it there.
    pub unsupported: usize,
    /// It was left out.
    pub skipped: usize,
    /// Accounts of which something could not be read.
    pub incomplete_accounts: Vec<String>,
    /// Rows that hold reads of an earlier run.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub taken_over: usize,
    /// When the oldest of these reads was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub oldest_read: Option<Timestamp>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
const fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Report {
    /// Puts a report together. Findings and coverage are taken in the order they come in.
    #[must_use]
    pub fn new(estate: impl Into<String>, run: Run, findings: Vec<Finding>, coverage: Vec<CoverageRow>) -> Self {
        let estate = estate.into();
        let summary = Summary::new(&estate, &run, &findings, &coverage);
        Self { schema: REPORT_SCHEMA.to_owned(), estate, run, summary, findings, sequences: Vec::new(), coverage }
    }
}

impl Summary {
    fn new(estate: &str, run: &Run, findings: &[Finding], coverage: &[CoverageRow]) -> Self {
        let open = OpenBySeverity::new(findings);
        let status = StatusCounts::new(findings);
        let coverage = CoverageSummary::new(coverage);
        let in_line = !run.narrowed && coverage.complete && run.evaluated && status.open == open.info;
        let mut sentence = sentence(estate, in_line, open, status, &coverage);
        if run.narrowed {
            sentence.push_str("; the command line left the rest out");
        }
        if run.cancelled {
            sentence.push_str("; cancelled before it was done");
        }
        Self { sentence, in_line, open, status, coverage }
    }
}

impl OpenBySeverity {
    fn new(findings: &[Finding]) -> Self {
        let mut counts = Self::default();
        for finding in findings.iter().filter(|finding| finding.status == Status::Open) {
            match finding.severity {
                Severity::Critical => counts.critical += 1,
                Severity::High => counts.high += 1,
                Severity::Medium => counts.medium += 1,
                Severity::Low => counts.low += 1,
                Severity::Info => counts.info += 1,
            }
        }
        counts
    }

    /// `2 critical, 1 low`: those that are not zero.
    fn words(self) -> String {
        let Self { critical, high, medium, low, info } = self;
        let counts = [(critical, "critical"), (high, "high"), (medium, "medium"), (low, "low"), (info, "info")];
        listed(counts)
    }
}

impl StatusCounts {
    fn new(findings: &[Finding]) -> Self {
        let mut counts = Self::default();
        for finding in findings {
            match finding.status {
                Status::Open => counts.open += 1,
                Status::Exempt => counts.exempt += 1,
                Status::Approved => counts.approved += 1,
                Status::Resolved => counts.resolved += 1,
            }
        }
        counts
    }
}

impl CoverageSummary {
    fn new(rows: &[CoverageRow]) -> Self {
        let mut summary = Self { complete: true, ..Self::default() };
        for row in rows {
            summary.reads += row.reads;
            summary.taken_over += usize::from(row.read_at.is_some());
            summary.oldest_read = [summary.oldest_read, row.read_at].into_iter().flatten().min();
            match row.status {
                CoverageStatus::Evaluated => summary.evaluated += 1,
                CoverageStatus::Denied => summary.denied += 1,
                CoverageStatus::Throttled => summary.throttled += 1,
                CoverageStatus::Failed => summary.failed += 1,
                CoverageStatus::Unsupported => summary.unsupported += 1,
                CoverageStatus::Skipped => summary.skipped += 1,
            }
            if row.status.is_incomplete() {
                summary.complete = false;
                summary.incomplete_accounts.extend(row.scope.account.clone());
            }
        }
        summary.incomplete_accounts.sort();
        summary.incomplete_accounts.dedup();
        summary
    }

    /// `3 reads denied, 1 failed (2 accounts)`
    fn gaps(&self) -> String {
        let counts = listed([(self.denied, "denied"), (self.throttled, "throttled"), (self.failed, "failed")]);
        match self.incomplete_accounts.as_slice() {
            [] => counts,
            [account] => format!("{counts} (account {account})"),
            accounts => format!("{counts} ({} accounts)", accounts.len()),
        }
    }
}

fn sentence(
    estate: &str,
    in_line: bool,
    open: OpenBySeverity,
    status: StatusCounts,
    coverage: &CoverageSummary,
) -> String {
    let found = match (in_line, open.words()) {
        (true, info) if info.is_empty() => "in line with its baseline".to_owned(),
        (true, info) => format!("in line with its baseline, {info} open"),
        (false, open) if open.is_empty() => "nothing open in what could be read".to_owned(),
        (false, open) => format!("{open} open"),
    };
    let accepted = listed([(status.approved, "approved"), (status.exempt, "exempt"), (status.resolved, "resolved")]);
    let read = match (coverage.complete, coverage.evaluated) {
        (true, 0) => "nothing was read".to_owned(),
        (true, _) => "coverage complete".to_owned(),
        (false, _) => format!("coverage incomplete: {}", coverage.gaps()),
    };
    let old = match (coverage.taken_over, coverage.oldest_read) {
        (rows, Some(oldest)) => {
            format!("{rows} of {} rows of it read by an earlier run, the oldest at {oldest}", coverage.evaluated)
        }
        (_, None) => String::new(),
    };
    let parts: Vec<String> = [found, accepted, read, old].into_iter().filter(|part| !part.is_empty()).collect();
    format!("{estate}: {}", parts.join("; "))
}

/// The counts that are not zero, with their words.
fn listed<const N: usize>(counts: [(usize, &str); N]) -> String {
    let some = counts.into_iter().filter(|(count, _)| *count > 0);
    some.map(|(count, word)| format!("{count} {word}")).collect::<Vec<_>>().join(", ")
}
