//! The story of a run: read, compare, look for authors, report.
//!
//! In: a baseline, a provider that answers, and how far the user narrows the run. Out: the snapshot and the report. It
//! knows the order of the stages and nothing of what they do; it never prints and never decides an exit code.

mod focus;

use jiff::{SignedDuration, Timestamp};

use self::focus::Focus;
use crate::audit::{self, Attribution, Log};
use crate::baseline::Baseline;
use crate::compare::{self, Drift};
use crate::estate::{CoverageRow, Kind, Snapshot};
use crate::finding::{self, Inputs};
use crate::provider::aws::{Aws, Narrowing, SurveyError};
use crate::report::{self, BaselineUsed, Report, Run, Window};

/// How far back evidence is sought where the baseline does not say.
const LOOKBACK: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What a run is asked for, besides the baseline.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// How far it is narrowed.
    pub narrowing: Narrowing,
    /// Whether the e-mail addresses of accounts are shown.
    pub show_personal: bool,
    /// What every reader of the report must know.
    pub notice: Option<String>,
    /// How long before its end an exemption is worth a word; nothing is said where it is not given.
    pub warn_before: Option<SignedDuration>,
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What was read.
    pub snapshot: Snapshot,
    /// What is said of it.
    pub report: Report,
    /// Exemptions that end soon, a line each.
    pub warnings: Vec<String>,
}

/// Runs the audit once.
///
/// # Errors
/// When it cannot begin: the environment lacks what the baseline names, or the narrowing leaves nothing. Everything that
/// goes wrong later is in the coverage.
pub async fn scan(aws: &mut Aws, baseline: &Baseline, request: &Request) -> Result<Outcome, SurveyError> {
    tracing::info!("reading the organisation");
    let survey = aws.survey(baseline, &request.narrowing).await?;
    let focus = Focus::new(&request.narrowing, &survey, baseline);
    tracing::info!("reading inside {} accounts", survey.polled());
    let mut snapshot = aws.read(survey, baseline, &request.narrowing).await;

    let mut comparison = compare::compare(baseline, &snapshot);
    focus.narrow(&mut comparison);
    aws.follow_up(&compare::follow_up(&comparison.drifts), &mut snapshot).await;

    let until = aws.clock();
    let window = Window { from: until.saturating_sub(lookback(baseline)).unwrap_or(until), until };
    let questions = audit::lookups(&comparison.drifts, window.until, lookback(baseline));
    tracing::info!("looking for the authors of {} differences: {} questions", comparison.drifts.len(), questions.len());
    let log = Log::read(&aws.lookup(questions).await);
    let changes = with_authors(comparison.drifts, &log, &snapshot);

    let inputs = Inputs { baseline, snapshot: &snapshot, changes: &changes, now: aws.clock() };
    let mut findings = finding::findings(&inputs);
    findings.retain(|finding| focus.keeps(finding.kind, &finding.scope, &finding.subject.id));

    let soon = request.warn_before.map(|before| finding::ending(&mut findings, aws.clock(), before));
    aws.note_reads(&mut snapshot);
    let coverage = coverage(&snapshot, &comparison.undecided, &log, &focus);
    if !request.show_personal {
        report::mask_findings(&mut findings);
        report::mask_snapshot(&mut snapshot);
    }
    let mut run = describe(aws, baseline, window);
    run.cancelled = aws.is_cancelled();
    snapshot.cancelled = run.cancelled;
    run.narrowed = !focus.is_whole();
    if focus.is_whole() {
        run.baseline.idle = compare::idle_rules(baseline, &snapshot);
    }
    run.evaluated = coverage.iter().any(|row| focus.learned_from(row))
        || findings.iter().any(|finding| finding.kind != Kind::Baseline);
    run.notice.clone_from(&request.notice);
    let report = Report::new(&baseline.model.estate, run, findings, coverage);
    Ok(Outcome { snapshot, report, warnings: soon.unwrap_or_default() })
}

/// How far back evidence is sought.
fn lookback(baseline: &Baseline) -> SignedDuration {
    baseline.model.lookback.as_ref().map_or(LOOKBACK, |period| period.length()).min(audit::HISTORY)
}

/// Every difference with who made it; nobody is named where no log would hold a record of it.
fn with_authors(drifts: Vec<Drift>, log: &Log, snapshot: &Snapshot) -> Vec<(Drift, Option<Attribution>)> {
    let authors = audit::attribute(&drifts, log, snapshot);
    drifts
        .into_iter()
        .zip(authors)
        .map(|(drift, author)| {
            let recorded = !drift.logged_in.is_empty();
            (drift, recorded.then_some(author))
        })
        .collect()
}

/// What was read, what could not be, and what was read and is of no use.
fn coverage(snapshot: &Snapshot, undecided: &[CoverageRow], log: &Log, focus: &Focus) -> Vec<CoverageRow> {
    let mut rows = snapshot.coverage.clone();
    rows.extend(undecided.iter().cloned());
    rows.extend(log.unusable.iter().cloned());
    rows.extend(focus.left_out(snapshot));
    rows.sort();
    rows
}

fn describe(aws: &Aws, baseline: &Baseline, window: Window) -> Run {
    let started = aws.clock();
    let caller = aws.identity().arn.clone();
    Run {
        id: run_id(started, &caller, &baseline.hash),
        started,
        finished: aws.now(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        caller,
        baseline: BaselineUsed { files: baseline.files(), hash: baseline.hash.clone(), idle: Vec::new() },
        window,
        replayed: aws.is_replay(),
        narrowed: false,
        cancelled: false,
        evaluated: false,
        notice: None,
    }
}

/// The same run has the same id in every replay: `run-` and 16 hexadecimal digits.
fn run_id(started: Timestamp, caller: &str, baseline_hash: &str) -> String {
    let digest = compare::digest(&format!("{started}\n{caller}\n{baseline_hash}"));
    let hexadecimal: String = digest.trim_start_matches("sha256:").chars().take(16).collect();
    format!("run-{hexadecimal}")
}
