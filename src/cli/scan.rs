//! `guardline scan`: the main job.
//!
//! In: a baseline, and the environment of the cloud or a recording. Out: what was asked for on stdout or in files, and an
//! exit code. It never prints anything but data on stdout.

use std::io::ErrorKind;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ColorChoice};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::output::Output;
use super::progress::Bar;
use super::signals::Signals;
use super::{CliError, output, snapshot, visible};
use crate::baseline::model::{Period, Severity};
use crate::baseline::{self, Baseline};
use crate::compare::Rule;
use crate::provider::aws::{Aws, Earlier, EarlierError, Narrowing, Options, Reuse};
use crate::provider::recording::Recording;
use crate::provider::{Estimate, Progress};
use crate::report::{self, Exit, ExitOptions, Report, Verdict, verdict};
use crate::scan::{Request, scan};

const TOTAL: &str = "calls";

const NOT_COUNTED: &str =
    "not counted: further pages, the state of each trail, and what is read only where something differs\n";

const LONG_WARNING: &str =
    "warning: the rate limits make this take more than an hour; narrow `scope` or the rules' `where` in the baseline\n";

/// A plan that takes longer than this is worth a word before it is carried out.
const LONG: Duration = Duration::from_secs(3600);

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  guardline scan                    compare the estate with guardline.yaml
  guardline scan --plan             what would be asked, and the time the rate limits imply
  guardline scan --strict -f terminal -o report.json
  guardline scan --kind quota --region eu-west-1
  guardline scan --record-to recordings/today
  guardline scan --replay recordings/today

Exit codes, the first that applies:
  2  bad arguments or baseline
  1  nothing could be evaluated, or the output could not be written
  3  findings are open at or above --fail-on
  4  something was denied, throttled or failed, under --strict or in a run that was cancelled
  0  none of these")]
pub(super) struct Arguments {
    /// The declared baseline
    #[arg(long, short, value_name = "FILE", default_value = "guardline.yaml")]
    baseline: PathBuf,
    /// Show the calls that would be made, and make only those that are needed to know
    #[arg(long, conflicts_with_all = ["format", "output", "strict", "exit_zero", "fail_on", "snapshot"])]
    plan: bool,
    /// Write what was read to a file (`guardline/snapshot/v1`)
    #[arg(long, value_name = "FILE")]
    snapshot: Option<PathBuf>,
    /// Take over the quotas of an earlier snapshot where nobody asked to change them since; all else is read anew
    #[arg(long, value_name = "FILE", conflicts_with_all = ["resume", "plan", "record_to", "replay"])]
    since_snapshot: Option<PathBuf>,
    /// Go on with a scan that was cancelled, from the snapshot it left; the organisation is read anew
    #[arg(long, value_name = "FILE", conflicts_with_all = ["plan", "record_to", "replay"])]
    resume: Option<PathBuf>,
    /// How old a read that is taken over may be
    #[arg(long, value_name = "PERIOD", default_value = "24h", value_parser = period)]
    max_age: Period,
    /// Keep every exchange with the provider in a new directory, without credentials
    #[arg(long, value_name = "DIR", conflicts_with = "replay")]
    record_to: Option<PathBuf>,
    /// Answer every call from a recording: no network, no credentials, the recording's clock
    #[arg(long, value_name = "DIR")]
    replay: Option<PathBuf>,
    /// Take this for the time at which the run begins
    #[arg(long, value_name = "TIME", hide = true, conflicts_with = "replay")]
    clock: Option<Timestamp>,
    /// Say on stderr, and in the notes of a finding, when an exemption that accepts it ends this soon; `0d` says nothing
    #[arg(long, value_name = "PERIOD", default_value = "14d", value_parser = period)]
    warn_before: Period,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    gate: Gate,
    #[command(flatten)]
    pace: Pace,
    #[command(flatten)]
    narrow: Narrow,
}

/// What decides the exit code.
#[derive(Debug, Args)]
#[command(next_help_heading = "Exit code")]
pub(super) struct Gate {
    /// Exit with 3 when findings of this severity or worse are open
    #[arg(long, value_name = "SEVERITY", default_value = "medium", value_enum)]
    pub(super) fail_on: Severity,
    /// Exit with 4 when something was denied, throttled or failed
    #[arg(long)]
    pub(super) strict: bool,
    /// Do not exit with 3, whatever is open
    #[arg(long)]
    pub(super) exit_zero: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Pace")]
pub(super) struct Pace {
    /// At most this many calls a second, over everything
    #[arg(long, value_name = "N")]
    pub(super) max_rps: Option<NonZeroU32>,
    /// At most this many reads at once
    #[arg(long, value_name = "N", default_value = "64")]
    concurrency: NonZeroU32,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "A quick look (the rest is skipped)")]
struct Narrow {
    /// Only this account: an id or a declared name
    #[arg(long, value_name = "ACCOUNT")]
    account: Vec<String>,
    /// Only accounts below this organisational unit
    #[arg(long, value_name = "PATH")]
    ou: Vec<String>,
    /// Only this region
    #[arg(long, value_name = "REGION")]
    region: Vec<String>,
    /// Only this kind
    #[arg(long, value_name = "KIND", value_parser = ["quota", "region", "link", "policy", "setting", "audit-log"])]
    kind: Vec<String>,
}

impl Arguments {
    pub(super) async fn run(&self, color: ColorChoice) -> Result<Exit, CliError> {
        self.output.check(self.snapshot.as_deref())?;
        let baseline = self.load(color)?;
        let progress = Arc::new(Progress::default());
        let bar = Bar::follow(Arc::clone(&progress));
        cancel_on_signal(&progress)?;
        let connected = progress.unless_cancelled(self.provider(Arc::clone(&progress))).await;
        let (mut aws, notice) = connected.map_err(|_| CliError::Cancelled)??;
        self.take_over(&mut aws)?;
        let narrowing = self.narrow.narrowing();
        if self.plan {
            let survey = aws.survey(&baseline, &narrowing).await?;
            let estimate = aws.estimate(&survey, &baseline, &narrowing).await;
            drop(bar);
            let recorded = aws.finish();
            if aws.is_cancelled() {
                return Err(CliError::CancelledPlan);
            }
            let shown = show_plan(&estimate);
            recorded?;
            return shown;
        }
        let warn_before = Some(self.warn_before.length()).filter(|before| before.is_positive());
        let request = Request { narrowing, show_personal: self.output.show_personal, notice, warn_before };
        let outcome = scan(&mut aws, &baseline, &request).await?;
        drop(bar);
        for warning in &outcome.warnings {
            output::stderr(format!("warning: {}\n", visible(warning)).as_bytes());
        }
        // One place that cannot be written loses none of the others.
        let recorded = aws.finish();
        let kept = self.snapshot.as_ref().map(|path| report::write(path, &report::json(&outcome.snapshot)?));
        let written = self.output.write(&outcome.report, &timezone(&baseline), color);
        recorded?;
        kept.transpose()?;
        written?;
        if outcome.report.run.cancelled && self.snapshot.is_none() {
            output::stderr(b"what was read is not kept; with `--snapshot FILE` a run can be gone on with\n");
        }
        Ok(self.gate.judge(&outcome.report))
    }

    /// Lets an earlier run stand in for some reads. One that is too old to be gone on with is a mistake; as the start of a
    /// scheduled run it only saves nothing.
    fn take_over(&self, aws: &mut Aws) -> Result<(), CliError> {
        let (path, reuse) = match (&self.resume, &self.since_snapshot) {
            (Some(path), _) => (path, Reuse::GoOn),
            (None, Some(path)) => (path, Reuse::UnchangedQuotas),
            (None, None) => return Ok(()),
        };
        let scheduled = reuse == Reuse::UnchangedQuotas;
        let saves_nothing = |why: String| {
            output::stderr(
                format!("warning: `{}`: {}; everything is read\n", path.display(), visible(&why)).as_bytes(),
            );
            Ok(())
        };
        let snapshot = match snapshot::read(path) {
            Err(CliError::Snapshot { source, .. }) if scheduled && source.kind() == ErrorKind::NotFound => {
                return saves_nothing(source.to_string());
            }
            snapshot => snapshot?,
        };
        match aws.take_over(Earlier::new(snapshot, reuse, self.max_age.length(), aws.clock())) {
            Err(error @ EarlierError::TooOld) if scheduled => saves_nothing(error.to_string()),
            done => Ok(done?),
        }
    }

    /// Reads the baseline and says what is to be said about it.
    fn load(&self, color: ColorChoice) -> Result<Baseline, CliError> {
        let colored = output::colored(color, &std::io::stderr());
        let (remarks, result) = match baseline::load(&self.baseline, &known_rules()) {
            Ok(baseline) => (baseline.remarks.render(colored, output::width()), Ok(baseline)),
            Err(error) => (error.diagnostics.render(colored, output::width()), Err(error)),
        };
        if !remarks.is_empty() {
            output::stderr(format!("{remarks}\n").as_bytes());
        }
        Ok(result?)
    }

    /// The provider, and what a recording says of itself.
    async fn provider(&self, progress: Arc<Progress>) -> Result<(Aws, Option<String>), CliError> {
        let concurrency = self.pace.at_once();
        if let Some(directory) = &self.replay {
            let recording = Recording::open(directory)?;
            let notice = recording.notice();
            return Ok((Aws::replay(recording, concurrency, progress).await?, notice));
        }
        let options = Options {
            max_rps: self.pace.max_rps,
            concurrency,
            limit_factor: 1.0,
            record_to: self.record_to.clone(),
            clock: self.clock.unwrap_or_else(|| whole_seconds(Timestamp::now())),
        };
        Ok((Aws::connect(&options, progress).await?, None))
    }
}

fn period(written: &str) -> Result<Period, String> {
    Period::try_from(written.to_owned())
}

/// Lets the first signal end the run with what was read by then, and the second end the process.
fn cancel_on_signal(progress: &Arc<Progress>) -> Result<(), CliError> {
    let progress = Arc::clone(progress);
    let mut signals = Signals::new().map_err(CliError::Start)?;
    tokio::spawn(async move {
        signals.next().await;
        output::stderr(b"cancelled: what was read so far is reported; once more ends the program at once\n");
        progress.cancel();
        signals.next().await;
        // Nothing is left half-written.
        let _settled = report::settled();
        std::process::exit(i32::from(Exit::Nothing.code()));
    });
    Ok(())
}

/// Every rule that a baseline may name.
pub(super) fn known_rules() -> Vec<&'static str> {
    Rule::ALL.iter().map(|rule| rule.as_str()).collect()
}

impl Gate {
    /// The code, explained on stderr unless it is 0.
    pub(super) fn judge(&self, report: &Report) -> Exit {
        let options = ExitOptions { fail_on: self.fail_on, strict: self.strict, exit_zero: self.exit_zero };
        let Verdict { exit, why } = verdict(report, options);
        if let Some(why) = why {
            output::stderr(format!("exit {}: {}\n", exit.code(), visible(&why)).as_bytes());
        }
        exit
    }
}

/// The zone of the baseline, in which times are shown.
pub(super) fn timezone(baseline: &Baseline) -> TimeZone {
    let name = baseline.model.timezone.as_deref().unwrap_or("UTC");
    // A baseline with a zone that does not exist is refused when it is loaded.
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

impl Pace {
    /// How many reads are made at once.
    pub(super) fn at_once(&self) -> usize {
        usize::try_from(self.concurrency.get()).unwrap_or(usize::MAX)
    }
}

impl Narrow {
    fn narrowing(&self) -> Narrowing {
        Narrowing {
            accounts: self.account.clone(),
            units: self.ou.clone(),
            regions: self.region.clone(),
            kinds: self.kind.clone(),
        }
    }
}

/// Audit logs keep no finer time, and people read it more easily.
pub(super) fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// The plan, for people.
fn show_plan(estimate: &Estimate) -> Result<Exit, CliError> {
    output::stdout(plan_text(estimate).as_bytes())?;
    if let Some(warning) = warning(estimate) {
        output::stderr(warning.as_bytes());
    }
    Ok(Exit::Clean)
}

fn warning(estimate: &Estimate) -> Option<&'static str> {
    (estimate.time > LONG).then_some(LONG_WARNING)
}

fn plan_text(estimate: &Estimate) -> String {
    let total: u64 = estimate.calls.values().sum();
    let seconds = |time: Duration| time.as_secs_f64().ceil();
    let width = estimate.calls.keys().map(String::len).chain([TOTAL.len()]).max().unwrap_or_default();
    let calls = estimate.calls.iter().map(|(operation, calls)| (operation.as_str(), *calls));
    let lines = calls.chain([(TOTAL, total)]).map(|(what, calls)| format!("{what:width$} {calls:>8}\n"));
    let lines: String = lines.collect();
    let (time, spent) = (seconds(estimate.time), seconds(estimate.spent));
    format!(
        "{lines}at least {time} s by the published rate limits, {spent} s of them for what was read to make this plan\n{NOT_COUNTED}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(seconds: u64) -> Estimate {
        let calls = [("account:ListRegions".to_owned(), 300), ("sts:AssumeRole".to_owned(), 299)].into();
        Estimate { calls, time: Duration::from_secs(seconds), spent: Duration::from_millis(59_100) }
    }

    #[test]
    fn a_plan_says_how_long_it_takes_and_how_much_of_it_is_over() {
        insta::assert_snapshot!(plan_text(&estimate(91)), @r"
        account:ListRegions      300
        sts:AssumeRole           299
        calls                    599
        at least 91 s by the published rate limits, 60 s of them for what was read to make this plan
        not counted: further pages, the state of each trail, and what is read only where something differs
        ");
    }

    #[test]
    fn more_than_an_hour_is_warned_of() {
        assert_eq!(warning(&estimate(3600)), None);
        assert!(warning(&estimate(3601)).is_some_and(|text| text.contains("more than an hour")));
    }
}
