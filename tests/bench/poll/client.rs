//! One run of Guardline in a process of its own.
//!
//! In: the environment of the double, a directory with the baseline and, for a run that begins with an earlier one, its
//! snapshot. Out: one line of JSON: how long it took, what it cost, and whether it read everything.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use guardline::baseline;
use guardline::estate::{CoverageStatus, Snapshot};
use guardline::provider::Progress;
use guardline::provider::aws::{Aws, Earlier, Options, Reuse};
use guardline::scan::{Outcome, Request, scan};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Mode, SERVICES, Size, process, to_json};

/// What a run came to.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Done {
    /// From the first call to the findings.
    pub(crate) wall: f64,
    pub(crate) cpu: f64,
    /// MiB, the snapshot's file included.
    pub(crate) peak: f64,
    /// Account × region × service whose quotas are known.
    pub(crate) known: usize,
    /// Coverage rows that were denied, throttled or failed.
    pub(crate) incomplete: usize,
    pub(crate) findings: usize,
}

/// At most so many reads at once, as on the command line.
const CONCURRENCY: usize = 64;

/// A baseline that needs the whole organisation and the quotas of every service, and that the estate is in line with.
pub(crate) fn baseline(size: Size) -> String {
    let mut accounts = String::new();
    let mut units = String::new();
    for n in 1..size.accounts {
        let (id, unit) = (200_000_000_000 + n, n / 10);
        writeln!(accounts, "    - {{id: \"{id}\", name: account-{n:04}, ou: /Unit{unit:03}}}").expect("memory");
        if n == 1 || n % 10 == 0 {
            writeln!(units, "    - {{path: /Unit{unit:03}}}").expect("memory");
        }
    }
    let services = (0..SERVICES.len()).fold(String::new(), |mut rules, n| {
        writeln!(rules, "    - {{service: service{n:02}, code: \"*\", max: default}}").expect("memory");
        rules
    });
    format!(
        r#"version: 1
estate: poll
aws:
  organization: o-a1b2c3d4e5
  management_account: "111111111111"
  access: {{member_role: GuardlineRead}}
  accounts:
    - {{id: "111111111111", name: management, ou: /}}
{accounts}  organizational_units:
{units}  delegated_administrators: []
  trusted_services: [account.amazonaws.com, cloudtrail.amazonaws.com]
  responsibility_transfers: []
  resource_policy: none
  regions: [{{allowed: ["*"]}}]
  quotas:
{services}  policy_types: [service_control, resource_control]
  policies:
    - {{name: FullAWSAccess, type: service_control, aws_managed: true, targets: everywhere}}
    - {{name: RCPFullAWSAccess, type: resource_control, aws_managed: true, targets: everywhere}}
"#
    )
}

pub(crate) fn read(size: Size, mode: Mode, directory: &Path) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let start = Instant::now();
    let outcome = runtime.block_on(run(size, mode, directory));
    let wall = start.elapsed().as_secs_f64();
    if mode == Mode::Full {
        let file = std::fs::File::create(directory.join("last.json")).expect("a file");
        serde_json::to_writer(std::io::BufWriter::new(file), &outcome.snapshot).expect("a snapshot");
    }
    for finding in outcome.report.findings.iter().take(3) {
        eprintln!("{:?} {}", finding.rule, finding.title);
    }
    let known = quotas(&outcome.snapshot);
    let bad = |status| matches!(status, CoverageStatus::Denied | CoverageStatus::Throttled | CoverageStatus::Failed);
    let incomplete: Vec<_> = outcome.report.coverage.iter().filter(|row| bad(row.status)).collect();
    for row in incomplete.iter().take(3) {
        eprintln!("{:?} {} {:?}", row.scope, row.source, row.reason);
    }
    let done = Done {
        wall,
        cpu: process::cpu(),
        peak: process::peak(),
        known,
        incomplete: incomplete.len(),
        findings: outcome.report.findings.len(),
    };
    println!("{}", to_json(&done));
}

async fn run(size: Size, mode: Mode, directory: &Path) -> Outcome {
    let baseline = baseline::load(&directory.join("guardline.yaml"), &[]).expect("a baseline");
    let clock = Timestamp::from_second(Timestamp::now().as_second()).expect("a time");
    let options =
        Options { max_rps: None, concurrency: CONCURRENCY, limit_factor: size.factor, record_to: None, clock };
    let mut aws = Aws::connect(&options, Arc::new(Progress::default())).await.expect("an identity");
    if mode == Mode::Since {
        let file = std::fs::File::open(directory.join("last.json")).expect("the snapshot of the full run");
        let snapshot: Snapshot = serde_json::from_reader(std::io::BufReader::new(file)).expect("a snapshot");
        let earlier = Earlier::new(snapshot, Reuse::UnchangedQuotas, SignedDuration::from_hours(24), clock);
        aws.take_over(earlier).expect("a snapshot of this account");
    }
    scan(&mut aws, &baseline, &Request::default()).await.expect("a run")
}

/// Known lists of quotas, but for those that hold for all regions: the estate has none.
fn quotas(snapshot: &Snapshot) -> usize {
    let regions = snapshot.accounts.values().flat_map(|account| &account.regions);
    let regional = regions.filter(|(name, _)| *name != guardline::estate::GLOBAL);
    regional.flat_map(|(_, facts)| facts.quotas.values()).filter(|quotas| quotas.known().is_some()).count()
}
