//! `guardline record --finding`: adopts chosen findings, so that what is becomes what should be.
//!
//! In: findings of a report, a baseline, and a snapshot where the report does not hold enough. Out: a baseline that says
//! so, and the difference on stdout. What cannot be adopted is named with the reason and what to do; the rest is.

use std::path::PathBuf;

use clap::{Args, ColorChoice};

use super::keeping::{self, Edited};
use super::{CliError, output, scan, visible};
use crate::baseline::files::Disk;
use crate::compare::Rule;
use crate::estate::Snapshot;
use crate::finding::{Finding, adoption};
use crate::report::Exit;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  guardline record --finding gl-1f2e --from report.json
  guardline record --finding gl-1f2e --finding gl-77aa --from report.json --dry-run
  guardline record --finding gl-1f2e --from report.json --snapshot snapshot.json

The narrowest change is made: a rule for the account and region of the finding, not a looser one for all. Comments and
layout of the baseline are kept. The snapshot of the same scan (`scan --snapshot`) holds what the report does not, such as
the document of a policy that nobody declared.

Exit codes: 0 all are adopted, 1 some are not or a file could not be written, 2 bad arguments, report or baseline.")]
pub(super) struct Arguments {
    /// A finding to adopt: its id, or as much of its beginning as is unique; may be repeated
    #[arg(long, value_name = "ID", required = true)]
    finding: Vec<String>,
    /// The report that holds the findings, in JSON
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// The snapshot of the same scan
    #[arg(long, value_name = "FILE")]
    snapshot: Option<PathBuf>,
    #[command(flatten)]
    edited: Edited,
}

/// Adopts what was asked for.
///
/// # Errors
/// When arguments, report, snapshot or baseline cannot be used, or a file cannot be written.
pub(super) fn run(arguments: &Arguments, color: ColorChoice) -> Result<Exit, CliError> {
    let report = keeping::report(&arguments.from)?;
    let snapshot: Option<Snapshot> =
        arguments.snapshot.as_deref().map(|path| keeping::json(path, "snapshot")).transpose()?;
    let chosen = arguments.finding.iter().map(|id| keeping::finding(&report, id, &arguments.from));
    let mut chosen: Vec<&Finding> = chosen.collect::<Result<_, _>>()?;
    chosen.sort_by_key(|finding| turn(finding));
    chosen.dedup_by_key(|finding| &finding.id);
    let (files, rules) = (Disk, scan::known_rules());
    let path = &arguments.edited.baseline;
    let mut editor = keeping::open(&files, path, &rules, color)?;
    keeping::warn_of_another(&report, editor.baseline(), path);
    let (mut adopted, mut said) = (0, String::new());
    for finding in &chosen {
        let outcome = match adoption(finding, editor.baseline(), snapshot.as_ref()) {
            Ok(changes) => editor.apply_all(&changes).map_err(|error| format!("{error}\n{}", keeping::by_hand(&error))),
            Err(error) => Err(format!("{error}\n")),
        };
        match outcome {
            Ok(()) => {
                adopted += 1;
                said.push_str(&format!("adopted: `{}` ({})\n", finding.id, visible(&finding.title)));
            }
            Err(error) => said.push_str(&format!("not adopted: `{}`: {error}", finding.id)),
        }
    }
    if adopted > 0 {
        keeping::write(&editor, &arguments.edited)?;
    }
    output::stderr(keeping::visible_lines(&said).as_bytes());
    Ok(if adopted == chosen.len() { Exit::Clean } else { Exit::Nothing })
}

/// What others refer to comes first: units from the top, then accounts.
fn turn(finding: &Finding) -> (usize, usize, &str) {
    let rank = match finding.rule {
        Rule::LinkOuUnexpected | Rule::LinkOuMoved | Rule::LinkOuRenamed => 0,
        Rule::PolicyTypeEnabled => 1,
        Rule::LinkAccountUnexpected => 2,
        Rule::LinkOuMissing | Rule::LinkAccountMissing => 4,
        _ => 3,
    };
    let depth = if rank == 0 { finding.actual.as_str().map_or(0, |path| path.matches('/').count()) } else { 0 };
    (rank, depth, &finding.id)
}
