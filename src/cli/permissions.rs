//! `guardline permissions`: the least that the agent's identities need, printed or checked.
//!
//! In: a baseline, and with `--check` the environment of the cloud. Out: policy documents, or the calls that are refused, on
//! stdout. It grants nothing and changes nothing: people do, with what it prints.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ColorChoice, ValueEnum};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use super::progress::Bar;
use super::scan::known_rules;
use super::{CliError, output, visible};
use crate::baseline::{self, Baseline};
use crate::estate::CoverageStatus;
use crate::provider::Progress;
use crate::provider::aws::{Aws, Checked, Grant, Lack, Options, PermissionFormat, Reader, permissions};
use crate::report::Exit;

/// As many calls at once as a scan makes.
const CONCURRENCY: usize = 64;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  guardline permissions                       every identity, as policy documents in one JSON object
  guardline permissions --role member         one policy document
  guardline permissions --role management --format terraform
  guardline permissions --check               what is missing where, one line each

Who reads: the agent's own identity takes `access.management_role` and `access.member_role`. Where no management role is
declared, the agent's own identity is `management`. A baseline that speaks of no organisation has the `agent` alone.

--check makes each planned call once for each identity, with the smallest page, in one region that is on and allowed. It
changes nothing.

Exit codes:
  2  bad arguments or baseline
  1  the provider could not be asked who the agent is, or the output could not be written
  4  with --check: something is missing, or it could not be told
  0  none of these")]
pub(super) struct Arguments {
    /// The declared baseline
    #[arg(long, short, value_name = "FILE", default_value = "guardline.yaml")]
    baseline: PathBuf,
    /// Whose permissions
    #[arg(long, value_enum, default_value = "all", conflicts_with = "check")]
    role: Role,
    /// How they are written; with --check `json` alone [default: json; with --check lines of text]
    #[arg(long, short, value_enum)]
    format: Option<PermissionFormat>,
    /// The partition of ARNs in JSON; the other formats find it out where they are applied
    #[arg(long, default_value = "aws", value_parser = ["aws", "aws-cn", "aws-us-gov", "aws-eusc"], conflicts_with = "check")]
    partition: String,
    /// Ask in the real environment instead, and say what is missing
    #[arg(long)]
    check: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Role {
    /// The agent's own identity, where it is not the one that reads the organisation
    Agent,
    /// The identity that reads the organisation
    Management,
    /// The role in each account
    Member,
    /// Each of them, and the roles of a chain that lead to them
    All,
}

impl Role {
    const fn reader(self) -> Option<Reader> {
        match self {
            Self::Agent => Some(Reader::Agent),
            Self::Management => Some(Reader::Management),
            Self::Member => Some(Reader::Member),
            Self::All => None,
        }
    }
}

impl Arguments {
    pub(super) async fn run(&self, color: ColorChoice) -> Result<Exit, CliError> {
        let baseline = self.load(color)?;
        if self.check {
            return self.check(&baseline).await;
        }
        let grants = self.chosen(permissions(&baseline))?;
        let format = self.format.unwrap_or(PermissionFormat::Json);
        output::stdout(format.write(&grants, &self.partition).as_bytes())?;
        Ok(Exit::Clean)
    }

    fn load(&self, color: ColorChoice) -> Result<Baseline, CliError> {
        let colored = output::colored(color, &std::io::stderr());
        Ok(baseline::load(&self.baseline, &known_rules()).inspect_err(|error| {
            output::stderr(format!("{}\n", error.diagnostics.render(colored, output::width())).as_bytes());
        })?)
    }

    fn chosen(&self, grants: Vec<Grant>) -> Result<Vec<Grant>, CliError> {
        let Some(reader) = self.role.reader() else { return Ok(grants) };
        let chosen: Vec<Grant> =
            grants.into_iter().filter(|grant| grant.reader == reader && grant.link.is_none()).collect();
        if chosen.is_empty() {
            let why = match reader {
                Reader::Agent => {
                    "the agent's own identity is `management`: the baseline names no `access.management_role`"
                }
                Reader::Management => "the baseline speaks of no organisation; ask for `--role agent`",
                Reader::Member => {
                    "the baseline names no `access.member_role`, so that no other account is read from within"
                }
            };
            return Err(CliError::Arguments(why.to_owned()));
        }
        Ok(chosen)
    }

    async fn check(&self, baseline: &Baseline) -> Result<Exit, CliError> {
        if !matches!(self.format, None | Some(PermissionFormat::Json)) {
            let why = "`--check` writes lines of text or `--format json`; leave out `--check` to print policies";
            return Err(CliError::Arguments(why.to_owned()));
        }
        let progress = Arc::new(Progress::default());
        let bar = Bar::follow(Arc::clone(&progress));
        let options = Options {
            max_rps: None,
            concurrency: CONCURRENCY,
            limit_factor: 1.0,
            record_to: None,
            clock: Timestamp::now(),
        };
        let checked = Aws::connect(&options, progress).await?.check_permissions(baseline).await?;
        drop(bar);
        let text = match self.format {
            None => checked.lacks.iter().map(|lack| visible(&line(lack)).into_owned() + "\n").collect(),
            Some(_) => format!("{:#}\n", json!(Report::of(&checked))),
        };
        output::stdout(text.as_bytes())?;
        if baseline.model.aws.as_ref().is_some_and(|aws| aws.quotas.is_some()) {
            output::stderr(FIRST_ROWS.as_bytes());
        }
        Ok(judge(&checked))
    }
}

/// What a check cannot see.
const FIRST_ROWS: &str = "note: some quotas are looked up with the reader's own rights, row by row; the smallest page holds \
                          one row of each service, so that others may still be denied: a scan says so\n";

/// `denied 222222222222 arn:…:role/GuardlineRead eu-west-1 ec2:GetX: AccessDenied: …`
fn line(lack: &Lack) -> String {
    let Lack { account, identity, region, operation, status, reason } = lack;
    format!("{} {account} {identity} {region} {operation}: {reason}", status.as_str())
}

/// The code, explained on stderr unless it is 0.
fn judge(checked: &Checked) -> Exit {
    if !checked.unplaced.is_empty() {
        let accounts = checked.unplaced.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        let note = format!(
            "note: not asked, since the baseline does not list them and its `scope` may leave them out: {accounts}"
        );
        output::stderr(format!("{}\n", visible(&note)).as_bytes());
    }
    if checked.lacks.is_empty() {
        return Exit::Clean;
    }
    let denied = checked.lacks.iter().filter(|lack| lack.status == CoverageStatus::Denied).count();
    let untold = checked.lacks.len() - denied;
    let asked = checked.accounts.len();
    let told =
        format!("exit 4: {denied} calls are denied and {untold} could not be told; {asked} accounts were asked\n");
    output::stderr(told.as_bytes());
    Exit::Incomplete
}

/// `guardline/permissions/v1`
#[derive(Serialize)]
struct Report<'a> {
    schema: &'static str,
    accounts: Vec<&'a str>,
    not_asked: Vec<&'a str>,
    missing: Vec<Missing<'a>>,
}

#[derive(Serialize)]
struct Missing<'a> {
    account: &'a str,
    identity: &'a str,
    region: &'a str,
    operation: &'a str,
    status: &'static str,
    reason: &'a str,
}

impl<'a> Report<'a> {
    fn of(checked: &'a Checked) -> Self {
        let missing = |lack: &'a Lack| Missing {
            account: &lack.account,
            identity: &lack.identity,
            region: &lack.region,
            operation: &lack.operation,
            status: lack.status.as_str(),
            reason: &lack.reason,
        };
        Self {
            schema: "guardline/permissions/v1",
            accounts: checked.accounts.iter().map(String::as_str).collect(),
            not_asked: checked.unplaced.iter().map(String::as_str).collect(),
            missing: checked.lacks.iter().map(missing).collect(),
        }
    }
}
