//! Where output goes.
//!
//! In: bytes, or a report. Out: stdout, stderr, or files. A reader that closes the pipe early is no error.

use std::collections::BTreeSet;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ColorChoice};
use console::Term;
use jiff::tz::TimeZone;

use super::CliError;
use crate::report::{self, Format, Report, TerminalOptions};

/// The columns where there is no terminal.
const WIDTH: usize = 100;

/// Where a report goes, and in which formats.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Report")]
pub(super) struct Output {
    /// Write the report to stdout in this format; may be repeated [default: terminal, unless --output is given]
    #[arg(long, short, value_name = "FORMAT", value_enum)]
    format: Vec<Format>,
    /// Write the report to this file; its suffix (`.txt`, `.json`) says the format; may be repeated
    #[arg(long, short, value_name = "FILE", value_parser = file)]
    output: Vec<PathBuf>,
    /// Show the e-mail addresses of accounts
    #[arg(long)]
    pub(super) show_personal: bool,
}

/// A file whose name says the format: found out before anything is read.
fn file(name: &str) -> Result<PathBuf, report::ReportError> {
    let path = PathBuf::from(name);
    Format::of(&path).map(|_| path)
}

impl Output {
    /// Two outputs in one file would leave only the last.
    pub(super) fn check(&self, other: Option<&Path>) -> Result<(), CliError> {
        let mut seen = BTreeSet::new();
        let mut paths = self.output.iter().map(PathBuf::as_path).chain(other);
        match paths.find(|path| !seen.insert(*path)) {
            Some(twice) => {
                let twice = twice.display();
                Err(CliError::Arguments(format!("`{twice}` is given for two outputs; give each a file of its own")))
            }
            None => Ok(()),
        }
    }

    /// Writes the report wherever it was asked for, one place failing or not; the first failure is told. Files come first:
    /// what reads stdout may close it early.
    pub(super) fn write(&self, report: &Report, timezone: &TimeZone, color: ColorChoice) -> Result<(), CliError> {
        let plain = TerminalOptions { width: WIDTH, color: false, timezone: timezone.clone() };
        let file = |path: &PathBuf| Ok(report::write(path, &text(report, Format::of(path)?, &plain)?)?);
        let files: Vec<Result<(), CliError>> = self.output.iter().map(file).collect();
        let formats = match self.format.as_slice() {
            [] if self.output.is_empty() => &[Format::Terminal],
            formats => formats,
        };
        let out = std::io::stdout();
        let options = TerminalOptions {
            width: columns(&Term::stdout()),
            color: colored(color, &out),
            timezone: timezone.clone(),
        };
        let shown = formats.iter().try_for_each(|format| stdout(text(report, *format, &options)?.as_bytes()));
        files.into_iter().chain([shown]).collect()
    }
}

fn text(report: &Report, format: Format, options: &TerminalOptions) -> Result<String, report::ReportError> {
    match format {
        Format::Terminal => Ok(report::terminal(report, options)),
        Format::Json => report::json(report),
    }
}

/// Writes data to stdout.
pub(super) fn stdout(data: &[u8]) -> Result<(), CliError> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(data).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(CliError::Write { path: PathBuf::from("-"), source: error })
        }
        _ => Ok(()),
    }
}

/// Writes text for people to stderr; when stderr is closed nobody is there to read it.
pub(super) fn stderr(text: &[u8]) {
    let _ = std::io::stderr().lock().write_all(text);
}

/// Whether a stream gets colour: on a terminal, unless `NO_COLOR` is set or the user decides.
pub(super) fn colored(choice: ColorChoice, stream: &impl IsTerminal) -> bool {
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty()),
    }
}

/// The columns of the terminal that stderr writes to.
pub(super) fn width() -> usize {
    columns(&Term::stderr())
}

/// The columns of a terminal, or those of a file.
pub(super) fn columns(terminal: &Term) -> usize {
    terminal.size_checked().map_or(WIDTH, |(_, columns)| usize::from(columns))
}
