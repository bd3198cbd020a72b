//! `guardline record --finding`: adopts chosen findings, so that what is becomes what should be.
//!
//! In: findings of a report, a baseline, and a snapshot where the report does not hold enough. Out: a baseline that says
//! so, and the difference on stdout. What cannot be adopted is named with the reason and what to do; the rest is.

use std::path::{Path, PathBuf};

use clap::{Args, ColorChoice};

use super::keeping::{self, Edited};
use super::{CliError, output, scan, snapshot, visible};
use crate::baseline::files::Disk;
use crate::compare::Rule;
use crate::finding::{Finding, adoption};
use crate::report::Exit;

/// What is not asked of a baseline that is there.
const FOR_A_NEW_ONE: [&str; 12] = [
    "output",
    "force",
    "from_snapshot",
    "replay",
    "estate",
    "service",
    "member_role",
    "management_role",
    "management_account",
    "external_id_env",
    "max_rps",
    "clock",
];

/// What to do where no finding is named.
const FOR_ADOPTING: &str = "is for adopting findings: name each with `--finding ID`; a new baseline is written with \
                            `-o DIR`, from a snapshot with `-o DIR --from-snapshot FILE`";

#[derive(Debug, Args)]
#[command(next_help_heading = "Findings to adopt (instead of --output)")]
pub(super) struct Adopting {
    /// A finding to adopt: its id, or as much of its beginning as is unique; may be repeated
    #[arg(long, value_name = "ID", requires = "from", conflicts_with_all = FOR_A_NEW_ONE)]
    finding: Vec<String>,
    /// The report that holds the findings, in JSON
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// The snapshot of the same scan
    #[arg(long, value_name = "FILE")]
    snapshot: Option<PathBuf>,
    /// Show the difference, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// The baseline that is changed [default: guardline.yaml]
    #[arg(value_name = "BASELINE")]
    baseline: Option<PathBuf>,
}

impl Adopting {
    /// Whether findings are to be adopted at all.
    ///
    /// # Errors
    /// None is, and something is given that is only for adopting them.
    pub(super) fn is_asked(&self) -> Result<bool, CliError> {
        let given = [
            (self.from.is_some(), "`--from`"),
            (self.snapshot.is_some(), "`--snapshot`"),
            (self.dry_run, "`--dry-run`"),
            (self.baseline.is_some(), "a baseline that is there"),
        ];
        match given.into_iter().find(|(is_given, _)| *is_given) {
            Some((_, what)) if self.finding.is_empty() => Err(CliError::Arguments(format!("{what} {FOR_ADOPTING}"))),
            _ => Ok(!self.finding.is_empty()),
        }
    }
}

/// Adopts what was asked for.
///
/// # Errors
/// When arguments, report, snapshot or baseline cannot be used, or a file cannot be written.
pub(super) fn run(arguments: &Adopting, color: ColorChoice) -> Result<Exit, CliError> {
    let from = arguments.from.as_deref().unwrap_or(Path::new(""));
    let baseline = arguments.baseline.clone().unwrap_or_else(|| PathBuf::from("guardline.yaml"));
    let edited = Edited { baseline, dry_run: arguments.dry_run };
    let report = keeping::report(from)?;
    let snapshot = arguments.snapshot.as_deref().map(snapshot::read).transpose()?;
    let chosen = arguments.finding.iter().map(|id| keeping::finding(&report, id, from));
    let mut chosen: Vec<&Finding> = chosen.collect::<Result<_, _>>()?;
    chosen.sort_by_key(|finding| turn(finding));
    chosen.dedup_by_key(|finding| &finding.id);
    let (files, rules) = (Disk, scan::known_rules());
    let path = &edited.baseline;
    let mut editor = keeping::open(&files, path, &rules, color)?;
    keeping::warn_of_another(&report, editor.baseline(), path);
    let done = if edited.dry_run { "would be adopted" } else { "adopted" };
    let (mut adopted, mut said) = (0, String::new());
    for finding in &chosen {
        let outcome = match adoption(finding, editor.baseline(), snapshot.as_ref()) {
            Ok(changes) => editor.apply_all(&changes).map_err(|error| format!("{error}\n{}", keeping::by_hand(&error))),
            Err(error) => Err(format!("{error}\n")),
        };
        match outcome {
            Ok(()) => {
                adopted += 1;
                said.push_str(&format!("{done}: `{}` ({})\n", finding.id, visible(&finding.title)));
            }
            Err(error) => said.push_str(&format!("not adopted: `{}`: {error}", finding.id)),
        }
    }
    if adopted > 0 {
        keeping::write(&editor, &edited)?;
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
