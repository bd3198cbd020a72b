//! `guardline scan`: the main job.
//!
//! In: a baseline, and the environment of the cloud or a recording. Out: what was asked for on stdout or in files, and an
//! exit code. It never prints anything but data on stdout.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ColorChoice};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::output::Output;
use super::progress::Bar;
use super::{CliError, output, visible};
use crate::baseline::model::{Period, Severity};
use crate::baseline::{self, Baseline};
use crate::compare::Rule;
use crate::provider::aws::{Aws, Narrowing, Options};
use crate::provider::recording::Recording;
use crate::provider::{Estimate, Progress};
use crate::report::{self, Exit, ExitOptions, Report, Verdict, verdict};
use crate::scan::{Request, scan};

const TOTAL: &str = "calls, further pages not counted";

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
  4  something was denied, throttled or failed, under --strict
  0  none of these")]
pub(super) struct Arguments {
    /// The declared baseline
    #[arg(long, short, value_name = "FILE", default_value = "guardline.yaml")]
    baseline: PathBuf,
    /// Show the calls that would be made, and make only those that are needed to know
    #[arg(long)]
    plan: bool,
    /// Write what was read to a file (`guardline/snapshot/v1`)
    #[arg(long, value_name = "FILE")]
    snapshot: Option<PathBuf>,
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
struct Pace {
    /// At most this many calls a second, over everything
    #[arg(long, value_name = "N")]
    max_rps: Option<NonZeroU32>,
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
        let baseline = self.load(color)?;
        let progress = Arc::new(Progress::default());
        let bar = Bar::follow(Arc::clone(&progress));
        let (mut aws, notice) = self.provider(progress).await?;
        let narrowing = self.narrow.narrowing();
        if self.plan {
            let survey = aws.survey(&baseline, &narrowing).await?;
            drop(bar);
            aws.finish()?;
            return show_plan(&survey.estimate(&aws));
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
        Ok(self.gate.judge(&outcome.report))
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
        let concurrency = usize::try_from(self.pace.concurrency.get()).unwrap_or(usize::MAX);
        if let Some(directory) = &self.replay {
            let recording = Recording::open(directory)?;
            let notice = recording.manifest().note.clone();
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

fn period(text: &str) -> Result<Period, String> {
    Period::try_from(text.to_owned())
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
fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// The plan, for people.
fn show_plan(estimate: &Estimate) -> Result<Exit, CliError> {
    output::stdout(plan_text(estimate).as_bytes())?;
    if estimate.time > LONG {
        output::stderr(b"warning: the rate limits make this take more than an hour; narrow `where` in the baseline\n");
    }
    Ok(Exit::Clean)
}

fn plan_text(estimate: &Estimate) -> String {
    let total: u64 = estimate.calls.values().sum();
    let seconds = estimate.time.as_secs_f64().ceil();
    let width = estimate.calls.keys().map(String::len).chain([TOTAL.len()]).max().unwrap_or_default();
    let calls = estimate.calls.iter().map(|(operation, calls)| (operation.as_str(), *calls));
    let lines = calls.chain([(TOTAL, total)]).map(|(what, calls)| format!("{what:width$} {calls:>8}\n"));
    format!("{}at least {seconds} s by the published rate limits\n", lines.collect::<String>())
}
