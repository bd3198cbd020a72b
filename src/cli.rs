//! The command line: one file a verb.
//!
//! In: arguments. Out: data on stdout, everything else on stderr, and an exit code. It never decides what a finding is.

mod adopt;
mod against;
mod compare;
mod completions;
mod demo;
mod difference;
mod exempt;
mod explain;
mod guardrails;
mod keeping;
mod logging;
mod output;
mod permissions;
mod progress;
mod record;
mod scan;
mod schema;
mod signals;
mod simulate;
mod snapshot;
mod validate;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ColorChoice, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

pub use crate::baseline::diagnostic::visible;
use crate::baseline::edit::EditError;
use crate::baseline::{self, LoadError};
use crate::provider::aws::{ConnectError, EarlierError, SurveyError};
use crate::provider::recording::RecordingError;
use crate::record::RecordError;
use crate::report::{self, Exit};

/// Audits how a cloud estate's compute is governed, and says who changed it.
#[derive(Debug, Parser)]
#[command(
    name = "guardline",
    version,
    max_term_width = 100,
    after_help = "Exit codes of scan: 0 in line, 1 nothing could be evaluated, 2 bad arguments or baseline, 3 open findings at or \
                  above --fail-on, 4 incomplete coverage under --strict.\n\nEverything Guardline asks a provider is a read."
)]
pub struct Cli {
    /// When to use colour. `auto`: on a terminal, unless `NO_COLOR` is set
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: ColorChoice,
    /// Say more on stderr: once for what is done, twice for every call
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Compare an estate with its baseline, and say who changed what
    Scan(Box<scan::Arguments>),
    /// Scan a made-up organisation: no cloud, no credentials
    Demo(demo::Arguments),
    /// Write a baseline from what there is, or adopt findings into one
    Record(Box<record::Arguments>),
    /// Accept the state of one finding for a while
    Exempt(exempt::Arguments),
    /// Everything about one finding, and what a person can do about it
    Explain(explain::Arguments),
    /// Prove whether policies became weaker, or show a request that gets through
    Compare(Box<compare::Arguments>),
    /// Ask whether policies let a request through, and which statement decides
    Simulate(Box<simulate::Arguments>),
    /// Check baselines: every mistake in one run, with its place and the fix
    Validate(ValidateArguments),
    /// Print the least IAM that the agent's identities need, or check what is missing
    Permissions(permissions::Arguments),
    /// Print a JSON Schema
    Schema(SchemaArguments),
    /// Print a completion script for a shell
    Completions(completions::Arguments),
}

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The baseline cannot be used; what is wrong with it was said already.
    #[error(transparent)]
    Baseline(#[from] LoadError),
    /// The provider cannot be asked.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The environment lacks what the baseline names.
    #[error(transparent)]
    Survey(#[from] SurveyError),
    /// An earlier snapshot is of no use.
    #[error(transparent)]
    Earlier(#[from] EarlierError),
    /// A snapshot cannot be read.
    #[error("cannot read the snapshot `{path}`; give a file that `guardline scan --snapshot` wrote")]
    Snapshot {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A recording cannot be used.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// A baseline cannot be edited; the text to paste by hand was said already.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// There is no baseline to write.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A policy document, or a folder of them, is not there to be read.
    #[error("cannot read `{path}`")]
    Document {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Policy documents that cannot be parsed; what is wrong with them was said already.
    #[error("{}", match .0 { 1 => "the policy documents have 1 mistake".to_owned(), many => format!("the policy documents have {many} mistakes") })]
    Documents(usize),
    /// Arguments that do not go together.
    #[error("{0}")]
    Arguments(String),
    /// A signal came before anything was read.
    #[error("cancelled before anything was read")]
    Cancelled,
    /// A signal came while a plan was made.
    #[error("cancelled before the plan was made; what is known of it is not the whole")]
    CancelledPlan,
    /// A file cannot be written.
    #[error("cannot write `{path}`")]
    Write {
        /// Which file; `-` for stdout.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A report or snapshot cannot be written.
    #[error(transparent)]
    Report(#[from] report::ReportError),
    /// The work cannot begin.
    #[error("cannot start")]
    Start(#[source] std::io::Error),
}

impl CliError {
    /// The exit code that tells a script what happened.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Baseline(_)
            | Self::Arguments(_)
            | Self::Document { .. }
            | Self::Documents(_)
            | Self::Earlier(_)
            | Self::Snapshot { .. } => Exit::BadInput,
            Self::Survey(error) if error.is_bad_argument() => Exit::BadInput,
            Self::Connect(_)
            | Self::Survey(_)
            | Self::Recording(_)
            | Self::Edit(_)
            | Self::Record(_)
            | Self::Write { .. }
            | Self::Report(_)
            | Self::Cancelled
            | Self::CancelledPlan
            | Self::Start(_) => Exit::Nothing,
        }
    }
}

/// The arguments of this process. It ends here with help, the version, or what is wrong with them.
#[must_use]
pub fn arguments() -> Cli {
    let words: Vec<OsString> = std::env::args_os().collect();
    let matches = Cli::command().color(asked_for(&words)).get_matches_from(words);
    Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

/// The colour that the words ask for: help and mistakes are shown before the arguments are understood.
fn asked_for(words: &[OsString]) -> ColorChoice {
    let words: Vec<&str> = words.iter().filter_map(|word| word.to_str()).collect();
    let apart =
        words.windows(2).filter(|pair| pair.first() == Some(&"--color")).filter_map(|pair| pair.get(1).copied());
    let joined = words.iter().filter_map(|word| word.strip_prefix("--color="));
    joined.chain(apart).find_map(|when| ColorChoice::from_str(when, false).ok()).unwrap_or(ColorChoice::Auto)
}

/// Runs a command to its exit code.
///
/// # Errors
/// When the command could not do its work; the error says which exit code that is.
pub fn run(cli: Cli) -> Result<Exit, CliError> {
    logging::start(cli.verbose);
    match cli.command {
        Command::Scan(arguments) => in_runtime(arguments.run(cli.color)),
        Command::Demo(arguments) => in_runtime(arguments.run(cli.color)),
        Command::Record(arguments) => in_runtime(arguments.run(cli.color)),
        Command::Exempt(arguments) => arguments.run(cli.color),
        Command::Explain(arguments) => arguments.run(cli.color),
        Command::Compare(arguments) => arguments.run(cli.color),
        Command::Simulate(arguments) => arguments.run(cli.color),
        Command::Validate(arguments) => arguments.run(cli.color),
        Command::Permissions(arguments) => in_runtime(arguments.run(cli.color)),
        Command::Schema(arguments) => arguments.run(),
        Command::Completions(arguments) => arguments.run(),
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  guardline validate guardline.yaml
  guardline validate guardline.yaml --against report.json

A report knows which entries name what exists nowhere and which exemptions met no finding, as far as that scan read; which
rule decided about each thing that is in line it does not hold.

Exit codes: 0 all right, 2 one is not.")]
struct ValidateArguments {
    /// The baselines
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Name the entries of the baseline that matched nothing in this report, in JSON
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// How the verdict is written
    #[arg(long, short, value_enum, default_value = "text")]
    format: validate::Format,
}

impl ValidateArguments {
    fn run(&self, color: ColorChoice) -> Result<Exit, CliError> {
        let known_rules = scan::known_rules();
        if self.against.is_some() && self.files.len() != 1 {
            return Err(CliError::Arguments("--against takes one baseline: the one of the report".to_owned()));
        }
        let report = self.against.as_deref().map(keeping::report).transpose()?;
        let args = validate::Args {
            files: &self.files,
            against: report.as_ref(),
            format: self.format,
            known_rules: &known_rules,
            color: output::colored(color, &std::io::stderr()),
            width: output::width(),
        };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let wrong = validate::run(&args, &mut out, &mut err)
            .map_err(|source| CliError::Write { path: PathBuf::from("-"), source })?;
        output::stderr(&err);
        output::stdout(&out)?;
        Ok(if wrong == 0 { Exit::Clean } else { Exit::BadInput })
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  guardline schema > baseline.schema.json")]
struct SchemaArguments {
    /// Of what
    #[arg(value_enum, default_value = "baseline")]
    of: Schema,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Schema {
    /// The declared baseline
    Baseline,
    /// The JSON report, `guardline/report/v1`
    Report,
    /// What was read, `guardline/snapshot/v1`
    Snapshot,
}

impl SchemaArguments {
    fn run(&self) -> Result<Exit, CliError> {
        let schema = match self.of {
            Schema::Baseline => baseline::schema::json_schema(),
            Schema::Report => report::report_schema(),
            Schema::Snapshot => report::snapshot_schema(),
        };
        let mut out = Vec::new();
        schema::run(&schema, &mut out).map_err(|source| CliError::Write { path: PathBuf::from("-"), source })?;
        output::stdout(&out)?;
        Ok(Exit::Clean)
    }
}

fn in_runtime(work: impl Future<Output = Result<Exit, CliError>>) -> Result<Exit, CliError> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(CliError::Start)?.block_on(work)
}
