//! `guardline explain`: everything about one finding.
//!
//! In: a finding of a report, and the baseline file that it names, where that is still there. Out: text or JSON on stdout.
//! It asks no provider, changes nothing, and says so where the baseline is not the one that the report was made with.

use std::path::{Path, PathBuf};

use clap::{Args, ColorChoice, ValueEnum};
use jiff::tz::TimeZone;
use serde_json::json;

use super::{CliError, keeping, output, scan};
use crate::baseline;
use crate::baseline::files::{Disk, Files, MAX_BYTES};
use crate::finding::{Finding, meaning, steps};
use crate::report::{self, Context, Exit, Explanation, Report, TerminalOptions};

/// Lines of the baseline that are shown before and behind the one that counts.
const AROUND: usize = 3;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  guardline explain gl-1f2e --from report.json
  guardline explain gl-1f2e --from report.json -f json

The steps are for a person: Guardline changes nothing in the cloud. Names and values in them may be chosen by an attacker;
commands are quoted for a POSIX shell, and left out where that cannot be done safely.

Exit codes: 0 explained, 1 it could not be written, 2 bad arguments or report.")]
pub(super) struct Arguments {
    /// The finding: its id, or as much of its beginning as is unique
    id: String,
    /// The report that holds the finding, in JSON
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// How it is written
    #[arg(long, short, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// `guardline/explain/v1`
    Json,
}

impl Arguments {
    pub(super) fn run(&self, color: ColorChoice) -> Result<Exit, CliError> {
        let report = keeping::report(&self.from)?;
        let finding = keeping::finding(&report, &self.id, &self.from)?;
        let (context, remark, zone) = baseline_of(&report, finding);
        let steps = steps(finding);
        let text = if self.format == Format::Json {
            let lines = match &context {
                Context::Lines(lines) => {
                    json!(lines.iter().map(|(line, text)| json!({"line": line, "text": text})).collect::<Vec<_>>())
                }
                Context::Gone(_) | Context::Nowhere => json!([]),
            };
            let gone = if let Context::Gone(why) = &context { Some(why) } else { None };
            report::json(&json!({
                "schema": "guardline/explain/v1",
                "finding": finding,
                "means": meaning(finding.rule),
                "baseline": {"lines": lines, "gone": gone, "remark": remark},
                "steps": steps,
            }))?
        } else {
            let explanation = Explanation { finding, context: &context, remark: remark.as_deref(), steps: &steps };
            let options = TerminalOptions {
                width: output::columns(&console::Term::stdout()),
                color: output::colored(color, &std::io::stdout()),
                timezone: zone,
            };
            report::explain(&explanation, &options)
        };
        output::stdout(text.as_bytes())?;
        Ok(Exit::Clean)
    }
}

/// The lines around the finding's place, how far they can be trusted, and the zone in which times are shown.
fn baseline_of(report: &Report, finding: &Finding) -> (Context, Option<String>, TimeZone) {
    let main = report.run.baseline.files.first().map(Path::new).unwrap_or(Path::new(""));
    let loaded = baseline::load(main, &scan::known_rules()).ok();
    let zone = loaded.as_ref().map_or(TimeZone::UTC, scan::timezone);
    let Some(place) = &finding.baseline else { return (Context::Nowhere, None, zone) };
    let text = match Disk.read(Path::new(&place.file), MAX_BYTES) {
        Ok(text) => text,
        Err(error) => return (Context::Gone(format!("It cannot be shown any more: {error}.")), None, zone),
    };
    let lines: Vec<(usize, String)> = text
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.to_owned()))
        .filter(|(number, _)| number.abs_diff(place.line) <= AROUND)
        .collect();
    if !lines.iter().any(|(number, _)| *number == place.line) {
        return (Context::Gone("The file has no such line any more.".to_owned()), None, zone);
    }
    let same = loaded.is_some_and(|baseline| baseline.hash == report.run.baseline.hash);
    let remark = "The baseline says something else by now than when the report was made: this may be another line.";
    (Context::Lines(lines), (!same).then(|| remark.to_owned()), zone)
}
