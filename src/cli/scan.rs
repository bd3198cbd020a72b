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

use super::progress::Bar;
use super::{CliError, output};
use crate::baseline::{self, Baseline};
use crate::compare::Rule;
use crate::provider::aws::{Aws, Narrowing, Options};
use crate::provider::recording::Recording;
use crate::provider::{Estimate, Progress};
use crate::report::{self, Exit};

/// A plan that takes longer than this is worth a word before it is carried out.
const LONG: Duration = Duration::from_secs(3600);

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  guardline scan --plan                      what would be asked, and how long the rate limits make it take
  guardline scan --snapshot snapshot.json    read the estate that guardline.yaml describes, and keep what was read
  guardline scan --kind quota --region eu-west-1
  guardline scan --record-to recordings/today
  guardline scan --replay recordings/today")]
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
    #[command(flatten)]
    pace: Pace,
    #[command(flatten)]
    narrow: Narrow,
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
        let mut aws = self.provider(progress).await?;
        let survey = aws.survey(&baseline, &self.narrow.narrowing()).await?;
        if self.plan {
            drop(bar);
            aws.finish()?;
            return show_plan(&survey.estimate(&aws));
        }
        let snapshot = aws.read(survey).await;
        aws.finish()?;
        drop(bar);
        let mut text = serde_json::to_string_pretty(&snapshot)
            .map_err(|error| CliError::Write { path: PathBuf::from("-"), source: error.into() })?;
        text.push('\n');
        match &self.snapshot {
            Some(path) => report::write(path, &text)?,
            None => output::stdout(text.as_bytes())?,
        }
        let read = snapshot.coverage.iter().any(|row| row.status == crate::estate::CoverageStatus::Evaluated);
        Ok(if read { Exit::Clean } else { Exit::Nothing })
    }

    /// Reads the baseline and says what is to be said about it.
    fn load(&self, color: ColorChoice) -> Result<Baseline, CliError> {
        let rules: Vec<&str> = Rule::ALL.iter().map(|rule| rule.as_str()).collect();
        let colored = output::colored(color, &std::io::stderr());
        let (remarks, result) = match baseline::load(&self.baseline, &rules) {
            Ok(baseline) => (baseline.remarks.render(colored, output::width()), Ok(baseline)),
            Err(error) => (error.diagnostics.render(colored, output::width()), Err(error)),
        };
        if !remarks.is_empty() {
            output::stderr(format!("{remarks}\n").as_bytes());
        }
        Ok(result?)
    }

    async fn provider(&self, progress: Arc<Progress>) -> Result<Aws, CliError> {
        let concurrency = usize::try_from(self.pace.concurrency.get()).unwrap_or(usize::MAX);
        if let Some(directory) = &self.replay {
            return Ok(Aws::replay(Recording::open(directory)?, concurrency, progress).await?);
        }
        let options = Options {
            max_rps: self.pace.max_rps,
            concurrency,
            limit_factor: 1.0,
            record_to: self.record_to.clone(),
            clock: Timestamp::now(),
        };
        Ok(Aws::connect(&options, progress).await?)
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

/// The plan, for people.
fn show_plan(estimate: &Estimate) -> Result<Exit, CliError> {
    let mut text = String::new();
    let width = estimate.calls.keys().map(String::len).max().unwrap_or_default();
    for (operation, calls) in &estimate.calls {
        text.push_str(&format!("{operation:width$} {calls:>8}\n"));
    }
    let total: u64 = estimate.calls.values().sum();
    let seconds = estimate.time.as_secs_f64().ceil();
    text.push_str(&format!("{:width$} {total:>8}\n", "calls, further pages not counted"));
    text.push_str(&format!("at least {seconds} s by the published rate limits\n"));
    output::stdout(text.as_bytes())?;
    if estimate.time > LONG {
        output::stderr(b"warning: the rate limits make this take more than an hour; narrow `where` in the baseline\n");
    }
    Ok(Exit::Clean)
}
