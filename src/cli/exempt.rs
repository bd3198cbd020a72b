//! `guardline exempt`: accepts the state of one finding for a while.
//!
//! In: a finding of a report, who accepts it, why, and until when. Out: a baseline with one exemption more, and the
//! difference on stdout. It accepts no more than the state that was found, and changes nothing else.

use std::path::PathBuf;

use clap::{Args, ColorChoice, ValueEnum};
use jiff::Timestamp;

use super::keeping::{self, Edited};
use super::{CliError, output, scan, visible};
use crate::baseline::edit::Change;
use crate::baseline::files::Disk;
use crate::baseline::model::{Category, Moment};
use crate::finding::{Terms, waiver};
use crate::report::Exit;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  guardline exempt gl-1f2e --reason 'migration to eu-south-1' --owner platform --expires 2027-03-01 --from report.json
  guardline exempt gl-1f2e --reason 'load test' --owner web --expires 2026-12-01T18:00:00Z --from report.json --dry-run

The exemption covers the state that the report shows: a quota up to its value, a region in its status, a document by its
digest. Beyond that the finding is open again. Comments and layout of the baseline are kept.

Exit codes: 0 it is exempt from the next scan on, 1 the file could not be edited or written, 2 bad arguments, report or baseline.")]
pub(super) struct Arguments {
    /// The finding: its id, or as much of its beginning as is unique
    id: String,
    /// Why it is accepted
    #[arg(long, value_name = "TEXT", value_parser = said)]
    reason: String,
    /// Who answers for it
    #[arg(long, value_name = "TEXT", value_parser = said)]
    owner: String,
    /// Until when: a date (that whole day in UTC), or a time with an offset
    #[arg(long, value_name = "TIME", value_parser = moment)]
    expires: Moment,
    /// Whether the risk is carried, or countered elsewhere
    #[arg(long, value_enum, default_value = "waiver")]
    category: Kind,
    /// Accept any state of it, where no bound can say the present one
    #[arg(long)]
    unbounded: bool,
    /// The report that holds the finding, in JSON
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    #[command(flatten)]
    edited: Edited,
    /// Take this for the present time
    #[arg(long, value_name = "TIME", hide = true)]
    clock: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// The risk is carried
    Waiver,
    /// The risk is countered by something else
    Mitigated,
}

fn said(text: &str) -> Result<String, &'static str> {
    if text.trim().is_empty() { Err("it is empty") } else { Ok(text.to_owned()) }
}

fn moment(text: &str) -> Result<Moment, String> {
    Moment::try_from(text.to_owned())
}

impl Arguments {
    pub(super) fn run(&self, color: ColorChoice) -> Result<Exit, CliError> {
        if self.expires.end() <= self.clock.unwrap_or_else(Timestamp::now) {
            let text = format!("`{}` is over already: an exemption ends in the future", self.expires);
            return Err(CliError::Arguments(text));
        }
        let report = keeping::report(&self.from)?;
        let finding = keeping::finding(&report, &self.id, &self.from)?;
        let (files, rules) = (Disk, scan::known_rules());
        let mut editor = keeping::open(&files, &self.edited.baseline, &rules, color)?;
        keeping::warn_of_another(&report, editor.baseline(), &self.edited.baseline);
        self.refuse_twice(editor.baseline(), &finding.id)?;
        let category = match self.category {
            Kind::Waiver => Category::Waiver,
            Kind::Mitigated => Category::Mitigated,
        };
        let Self { reason, owner, expires, unbounded, .. } = self;
        let terms = Terms { reason, owner, category, expires, unbounded: *unbounded };
        let item = waiver(finding, &terms, editor.baseline().model.aws.as_ref())
            .map_err(|error| CliError::Arguments(error.to_string()))?;
        let change = Change::Append { list: "/exemptions".to_owned(), item };
        editor.apply(&change).inspect_err(|error| {
            output::stderr(keeping::visible_lines(&keeping::by_hand(error)).as_bytes());
        })?;
        keeping::write(&editor, &self.edited)?;
        let would = if self.edited.dry_run { "would be" } else { "is" };
        // An included file may hold the exemptions.
        let path = editor.changed().map(|(path, _)| path).next().unwrap_or(&self.edited.baseline).display();
        let text = format!("`{}` ({}) {would} exempt until {} by `{path}`", finding.id, finding.title, self.expires);
        output::stderr(format!("{}\n", visible(&text)).as_bytes());
        Ok(Exit::Clean)
    }

    /// The report may be older than the baseline, which has an exemption for it by now.
    fn refuse_twice(&self, baseline: &crate::baseline::Baseline, id: &str) -> Result<(), CliError> {
        let named = |patterns: &crate::baseline::model::Patterns| patterns.0.iter().any(|one| one == id);
        let mut exemptions = baseline.model.exemptions.iter();
        let Some(index) = exemptions.position(|one| one.matches.finding.as_ref().is_some_and(named)) else {
            return Ok(());
        };
        let place = baseline.position(&format!("/exemptions/{index}"));
        Err(CliError::Arguments(format!("an exemption of `{id}` stands at {place} already: change that one")))
    }
}
