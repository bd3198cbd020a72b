//! `guardline record`: writes a baseline from what there is.
//!
//! In: the environment of the cloud, a recording, or a snapshot file. Out: a folder with a baseline and its documents, and on
//! stderr everything that is not in it. It never writes over a baseline unless it is told to, and never leaves one behind
//! whose documents are not there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ColorChoice};
use jiff::Timestamp;

use super::progress::Bar;
use super::scan::{Pace, whole_seconds};
use super::{CliError, adopt, output, snapshot, visible};
use crate::baseline::{Baseline, schema};
use crate::estate::Snapshot;
use crate::provider::Progress;
use crate::provider::aws::{Aws, Narrowing, Options as AwsOptions};
use crate::provider::recording::Recording;
use crate::record::{self, Access, BASELINE, Recorded, SCHEMA, Service};
use crate::report::{self, Exit};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  guardline record -o baseline --member-role GuardlineRead
  guardline record -o baseline --service ec2 --service lambda
  guardline record -o baseline --from-snapshot snapshot.json
  guardline record -o baseline --replay recordings/today --member-role GuardlineRead

  guardline record --finding gl-1f2e --from report.json
  guardline record --finding gl-1f2e --finding gl-77aa --from report.json --snapshot snapshot.json --dry-run

What could not be read is not in the baseline: it is named on stderr and in the baseline's first lines.

With --finding the baseline that is there is changed, as narrowly as can be: a rule for the account and region of the finding,
not a looser one for all. Comments and layout are kept. The snapshot of the same scan (`scan --snapshot`) holds what the
report does not, such as the document of a policy that nobody declared.

Exit codes: 0 written, or all are adopted; 1 nothing could be read or written, or some are not adopted; 2 bad arguments, report
or baseline.")]
pub(super) struct Arguments {
    /// Write `guardline.yaml` and its documents into this folder
    #[arg(long, short, value_name = "DIR", required_unless_present_any = ["finding", "from", "snapshot", "dry_run", "baseline"])]
    output: Option<PathBuf>,
    /// Write over files that are there
    #[arg(long)]
    force: bool,
    /// Take a snapshot that a scan wrote (`guardline/snapshot/v1`): no network, no credentials
    #[arg(long, value_name = "FILE", conflicts_with_all = ["replay", "service", "max_rps", "concurrency"])]
    from_snapshot: Option<PathBuf>,
    /// Answer every call from a recording: no network, no credentials, the recording's clock
    #[arg(long, value_name = "DIR")]
    replay: Option<PathBuf>,
    /// Take this for the time at which the run begins
    #[arg(long, value_name = "TIME", hide = true, conflicts_with = "replay")]
    clock: Option<Timestamp>,
    /// What the estate is called [default: the id of the organisation or account]
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    estate: Option<String>,
    /// Read the quotas of this service, by its code in Service Quotas; may be repeated [default: those that sell compute]
    #[arg(long, value_name = "CODE", value_parser = NonEmptyStringValueParser::new())]
    service: Vec<String>,
    #[command(flatten)]
    access: AccessArguments,
    #[command(flatten)]
    pace: Pace,
    #[command(flatten)]
    adopting: adopt::Adopting,
}

/// How accounts are reached; it becomes `access` in the baseline.
#[derive(Debug, Args)]
#[command(next_help_heading = "Access")]
struct AccessArguments {
    /// Role that reads a member account: a name, or an ARN with `{account}` in it; repeated: a chain of roles
    #[arg(long, value_name = "ROLE")]
    member_role: Vec<String>,
    /// Role that reads the organisation [default: the agent's own identity]; repeated: a chain of roles
    #[arg(long, value_name = "ROLE")]
    management_role: Vec<String>,
    /// The management account, where the role that reads the organisation is given by its name and the agent runs elsewhere
    #[arg(long, value_name = "ID")]
    management_account: Option<String>,
    /// Environment variable that holds the external id for these roles
    #[arg(long, value_name = "NAME")]
    external_id_env: Option<String>,
}

/// What there is to record, and what it does not say of itself.
struct Material {
    snapshot: Snapshot,
    resources: BTreeSet<String>,
    origin: String,
    now: Timestamp,
}

impl Arguments {
    pub(super) async fn run(&self, color: ColorChoice) -> Result<Exit, CliError> {
        if self.adopting.is_asked()? {
            return adopt::run(&self.adopting, color);
        }
        self.is_ready()?;
        let access = self.access.access();
        let material = match &self.from_snapshot {
            Some(path) => {
                plan(&access, &[], color)?;
                self.kept(path)?
            }
            None => self.read(&access, color).await?,
        };
        let Material { snapshot, resources, origin, now } = material;
        let taken = if self.force { BTreeSet::new() } else { self.taken() };
        let options = record::Options { estate: self.estate.clone(), access, resources, origin, now, taken };
        let recorded = record::record(&snapshot, &options)?;
        self.write(&recorded)?;
        say(&recorded);
        if self.from_snapshot.is_none() && self.access.member_role.is_empty() && snapshot.accounts.len() > 1 {
            output::stderr(b"hint: other accounts are read with `--member-role ROLE`\n");
        }
        let count = recorded.documents.len();
        let written = format!("wrote `{}` and {count} policy documents\n", self.folder().join(BASELINE).display());
        output::stderr(visible(written.trim_end()).as_bytes());
        output::stderr(b"\n");
        Ok(Exit::Clean)
    }

    /// Where the baseline goes; given wherever no finding is.
    fn folder(&self) -> &Path {
        self.output.as_deref().unwrap_or(Path::new("."))
    }

    fn kept(&self, path: &Path) -> Result<Material, CliError> {
        let snapshot = snapshot::read(path)?;
        let origin = format!("the snapshot `{}`", path.display());
        let now = self.clock.unwrap_or_else(|| whole_seconds(Timestamp::now()));
        Ok(Material { snapshot, resources: BTreeSet::new(), origin, now })
    }

    /// Reads everything there is to say, from the cloud or from a recording.
    async fn read(&self, access: &Access, color: ColorChoice) -> Result<Material, CliError> {
        let progress = Arc::new(Progress::default());
        let (recording, services) = match &self.replay {
            Some(directory) => {
                let recording = Recording::open(directory)?;
                let services = self.services(|| recorded_services(&recording));
                (Some(recording), services)
            }
            None => (None, self.services(|| record::compute_services().into_iter().map(of_resources_too).collect())),
        };
        let baseline = plan(access, &services, color)?;
        let bar = Bar::follow(Arc::clone(&progress));
        let (mut aws, origin) = match recording {
            Some(recording) => {
                let aws = Aws::replay(recording, self.pace.at_once(), progress).await?;
                (aws, format!("the recording `{}`", self.replay.as_deref().unwrap_or(Path::new("")).display()))
            }
            None => (Aws::connect(&self.options(), progress).await?, "live state".to_owned()),
        };
        let narrowing = Narrowing::default();
        let survey = aws.survey(&baseline, &narrowing).await?;
        let snapshot = aws.read(survey, &baseline, &narrowing).await;
        drop(bar);
        let resources = services.into_iter().filter(|service| service.resources).map(|service| service.code).collect();
        Ok(Material { snapshot, resources, origin, now: aws.now() })
    }

    /// The services that were asked for, else the usual ones.
    fn services(&self, usual: impl FnOnce() -> Vec<Service>) -> Vec<Service> {
        let asked: BTreeSet<&String> = self.service.iter().collect();
        match asked.is_empty() {
            true => usual(),
            false => asked.into_iter().cloned().map(of_resources_too).collect(),
        }
    }

    fn options(&self) -> AwsOptions {
        AwsOptions {
            max_rps: self.pace.max_rps,
            concurrency: self.pace.at_once(),
            limit_factor: 1.0,
            record_to: None,
            clock: self.clock.unwrap_or_else(|| whole_seconds(Timestamp::now())),
        }
    }

    /// Whether what is read can be written: a long read is lost otherwise.
    fn is_ready(&self) -> Result<(), CliError> {
        self.is_free(BASELINE)?;
        self.is_free(SCHEMA)?;
        let folder = self.folder();
        let there = folder.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("."));
        let probed = tempfile::tempfile_in(there).map_err(|error| std::io::Error::from(error.kind()));
        probed.map(drop).map_err(|source| CliError::Write { path: folder.to_owned(), source })
    }

    /// What stands in the folders of its folder, where documents go.
    fn taken(&self) -> BTreeSet<String> {
        let entries = |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().flatten();
        let folders = entries(self.folder()).filter(|entry| entry.path().is_dir());
        let path = |folder: &std::fs::DirEntry, file: std::fs::DirEntry| {
            format!("{}/{}", folder.file_name().to_string_lossy(), file.file_name().to_string_lossy())
        };
        folders.flat_map(|folder| entries(&folder.path()).map(move |file| path(&folder, file))).collect()
    }

    /// Refuses to write over what is there.
    fn is_free(&self, name: &str) -> Result<(), CliError> {
        let path = self.folder().join(name);
        if self.force || std::fs::symlink_metadata(&path).is_err() {
            return Ok(());
        }
        let there = path.display();
        Err(CliError::Arguments(format!("`{there}` exists; give another folder, or `--force` to write over it")))
    }

    /// The documents first: a baseline that is there finds them.
    fn write(&self, recorded: &Recorded) -> Result<(), CliError> {
        let schema = serde_json::to_string_pretty(&schema::json_schema()).map_err(report::ReportError::Json)?;
        let beside = recorded.documents.iter().map(|(path, text)| (path.as_str(), text.as_str()));
        let files: Vec<(&str, &str)> = beside.collect();
        for (path, _) in &files {
            self.is_free(path)?;
        }
        let schema = format!("{schema}\n");
        for (path, text) in files.into_iter().chain([(SCHEMA, schema.as_str()), (BASELINE, recorded.baseline.as_str())])
        {
            let path = self.folder().join(path);
            let folder = path.parent().unwrap_or(self.folder());
            std::fs::create_dir_all(folder).map_err(|source| CliError::Write { path: folder.to_owned(), source })?;
            report::write(&path, text)?;
        }
        Ok(())
    }
}

impl AccessArguments {
    fn access(&self) -> Access {
        Access {
            management_account: self.management_account.clone(),
            management_role: self.management_role.clone(),
            member_role: self.member_role.clone(),
            external_id_env: self.external_id_env.clone(),
        }
    }
}

fn of_resources_too(code: String) -> Service {
    Service { code, resources: true }
}

/// The services whose quotas a recording holds, asked for as they were.
fn recorded_services(recording: &Recording) -> Vec<Service> {
    let mut services: BTreeSet<Service> = BTreeSet::new();
    for input in recording.inputs("servicequotas:ListServiceQuotas") {
        if let Some(code) = input.get("ServiceCode").and_then(serde_json::Value::as_str) {
            let resources = input.get("QuotaAppliedAtLevel").and_then(serde_json::Value::as_str) == Some("ALL");
            services.insert(Service { code: code.to_owned(), resources });
        }
    }
    services.into_iter().collect()
}

/// The plan of reading everything; what is wrong with a role or a service is said.
fn plan(access: &Access, services: &[Service], color: ColorChoice) -> Result<Baseline, CliError> {
    Ok(record::everything(access, services).inspect_err(|error| {
        let colored = output::colored(color, &std::io::stderr());
        output::stderr(format!("{}\n", error.diagnostics.render(colored, output::width())).as_bytes());
    })?)
}

/// Everything that is not in the baseline, and what is there only for a while.
fn say(recorded: &Recorded) {
    let lists = [
        ("not recorded, because it was not read:", recorded.unread.lines()),
        ("not recorded, because there is nothing of it, or no baseline can say it:", recorded.unsaid.lines()),
        ("accepted for 90 days by exemptions; look at these first:", recorded.accepted.clone()),
        ("still open against this baseline:", recorded.open.clone()),
    ];
    for (title, lines) in lists.into_iter().filter(|(_, lines)| !lines.is_empty()) {
        let lines: String = lines.iter().map(|line| format!("  {}\n", visible(line))).collect();
        output::stderr(format!("{title}\n{lines}").as_bytes());
    }
}
