//! `guardline demo`: a scan of an organisation that is made up.
//!
//! In: nothing; the program carries a baseline and a recording. Out: the report, as `scan` writes it. It never touches a
//! network, a credential or a cloud, and what it finds never changes the exit code.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ColorChoice};

use super::CliError;
use super::output::Output;
use super::scan::{Gate, known_rules, timezone};
use crate::baseline::files::Carried;
use crate::baseline::model::Severity;
use crate::baseline::{self, Baseline};
use crate::provider::Progress;
use crate::provider::aws::Aws;
use crate::provider::recording::Recording;
use crate::report::Exit;
use crate::scan::{Request, scan};

const DIRECTORY: &str = "policies/demo";
const MANIFEST: &str = include_str!("../../policies/demo/recording.json");
const EXCHANGES: &str = include_str!("../../policies/demo/exchanges.jsonl");

/// The baseline and its documents, by their path below [`DIRECTORY`].
const BASELINE: &[(&str, &str)] = &[
    ("guardline.yaml", include_str!("../../policies/demo/guardline.yaml")),
    ("scp/deny-leave.json", include_str!("../../policies/demo/scp/deny-leave.json")),
    ("scp/deny-outside-eu.json", include_str!("../../policies/demo/scp/deny-outside-eu.json")),
];

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  guardline demo
  guardline demo -f json

The estate, its people and its addresses are made up. The exit code is 0 whatever is found.")]
pub(super) struct Arguments {
    #[command(flatten)]
    output: Output,
}

impl Arguments {
    pub(super) async fn run(&self, color: ColorChoice) -> Result<Exit, CliError> {
        let baseline = carried_baseline()?;
        let recording = Recording::read(Path::new(DIRECTORY), MANIFEST, EXCHANGES.as_bytes())?;
        let notice = recording.notice();
        let mut aws = Aws::replay(recording, 64, Arc::new(Progress::default())).await?;
        let request = Request { show_personal: self.output.show_personal, notice, ..Request::default() };
        let outcome = scan(&mut aws, &baseline, &request).await?;
        self.output.write(&outcome.report, &timezone(&baseline), color)?;
        Ok(Gate { fail_on: Severity::Medium, strict: false, exit_zero: true }.judge(&outcome.report))
    }
}

fn carried_baseline() -> Result<Baseline, CliError> {
    let at = |path: &str| PathBuf::from(format!("{DIRECTORY}/{path}"));
    let files: BTreeMap<PathBuf, &str> = BASELINE.iter().map(|(path, text)| (at(path), *text)).collect();
    Ok(baseline::load_from(&Carried(files), &at("guardline.yaml"), &known_rules())?)
}
