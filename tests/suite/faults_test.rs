//! One fault at a time: every call of a scan is hit by every effect, and what the scan says may differ only by what is unknown
//! then.
//!
//! The estates of `faults_test/estate.rs` are scanned once undisturbed; the double's log says which calls that takes and what
//! was answered. Then they are scanned again for every call and effect. `GUARDLINE_FAULT_RUNS` says how many runs there are
//! in all: a sample, or every one and so many members to damage more; `GUARDLINE_FAULT_SEED` says which. A failure prints the
//! seed.
//! A word that nobody knows is an open string: it is shown as it is, and what the baseline says of it is undecided.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says why")]
#![allow(clippy::print_stdout, reason = "how many runs there were, and how long they took, is worth a line")]

mod estate;
mod oracle;
mod plan;
mod scans;
mod turns;

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::stream::{self, StreamExt};
use guardline::baseline::Baseline;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::Semaphore;

use self::plan::{Dice, Trial};
use self::scans::{PATIENCE, Scanned, scanned};
use crate::double::estate::Estate;
use crate::double::faults::{Effect, Fault};
use crate::double::{Options, Server};

/// Threads, and runs at once on each.
const THREADS: usize = 2;
const AT_ONCE: usize = 4;

/// Runs at once of those that wait for an answer that does not come in time.
const SLOW_AT_ONCE: usize = 12;

/// So many runs of all tests are under way at once that do not wait: a scan that gets no processor waits in vain, too.
static QUICK: Semaphore = Semaphore::const_new(6);

/// No run takes longer, whatever hits it.
const LONGEST: Duration = Duration::from_secs(120);

fn number(name: &str, usual: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.map_or(usual, |text| text.parse().unwrap_or_else(|error| panic!("`{name}` is `{text}`: {error}")))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn second(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).expect("a time")
}

/// Every way in which every call of an undisturbed scan can fail, and a quarter as many answers that are damaged; or, where
/// so many `runs` are asked for, more damage or a sample of all.
fn trials(clean: &Scanned, runs: Option<usize>, seed: u64) -> Vec<Trial> {
    let mut dice = Dice(seed);
    let mut trials = plan::whole(&clean.calls, PATIENCE, &mut dice);
    let runs = runs.unwrap_or(trials.len() * 5 / 4);
    let kept = if runs < trials.len() { 0 } else { trials.len() };
    trials.extend(plan::records(&clean.calls, &mut dice));
    while trials.len() < runs.max(kept * 3 / 2) {
        trials.extend(plan::damaged(&clean.calls, &mut dice));
    }
    while trials.len() > runs {
        trials.swap_remove(kept + dice.below(trials.len() - kept));
    }
    trials
}

/// What is scanned, and what an undisturbed scan of it says.
struct Subject {
    estate: Estate,
    baseline: Baseline,
    clean: Scanned,
    clock: Timestamp,
}

impl Subject {
    fn new(estate: Estate, baseline: Baseline, clock: Timestamp) -> Self {
        let server = Server::start_with(estate.clone(), Options { keep_answers: true, ..Options::default() });
        let clean = runtime().block_on(scanned(&server, &baseline, clock));
        Self { estate, baseline, clean, clock }
    }

    /// Scans once for each trial; says what is wrong with which.
    fn hit(&self, trials: &[Trial]) -> Vec<String> {
        let (slow, quick): (Vec<&Trial>, Vec<&Trial>) = trials.iter().partition(|trial| trial.waits(PATIENCE));
        let share = |trials: Vec<&Trial>, at_once: usize| {
            let runs = stream::iter(trials.into_iter().map(|trial| self.hit_once(trial)));
            let runs = runs.buffer_unordered(at_once).filter_map(std::future::ready);
            runtime().block_on(runs.collect::<Vec<String>>())
        };
        std::thread::scope(|scope| {
            let mut threads = vec![scope.spawn(move || share(slow, SLOW_AT_ONCE))];
            for thread in 0..THREADS {
                let quick: Vec<&Trial> = quick.iter().skip(thread).step_by(THREADS).copied().collect();
                threads.push(scope.spawn(move || share(quick, AT_ONCE)));
            }
            threads.into_iter().flat_map(|thread| thread.join().expect("panics are caught")).collect()
        })
    }

    async fn hit_once(&self, trial: &Trial) -> Option<String> {
        let _turn = if trial.waits(PATIENCE) { None } else { QUICK.acquire().await.ok() };
        let faults = vec![trial.fault.clone()];
        let server = Server::start_with(self.estate.clone(), Options { faults, ..Options::default() });
        let run = AssertUnwindSafe(scanned(&server, &self.baseline, self.clock)).catch_unwind();
        let mut wrong = match tokio::time::timeout(LONGEST, run).await {
            Ok(Ok(hit)) => oracle::wrong(&self.clean, &hit, trial),
            Ok(Err(_)) => vec!["it panicked".to_owned()],
            Err(_) => vec![format!("it took more than {LONGEST:?}")],
        };
        if !server.unexpected().is_empty() {
            wrong.push("a call was made that changes something".to_owned());
        }
        (!wrong.is_empty()).then(|| format!("{trial}\n    {}", wrong.join("\n    ")))
    }
}

/// Scans an estate once for each trial: of all, or of this share of those that are asked for.
fn under_faults(subject: &Subject, in_line: bool, tenths: u64) {
    let (seed, asked) = (number("GUARDLINE_FAULT_SEED", 1), number("GUARDLINE_FAULT_RUNS", 0) * tenths / 10);
    let runs = usize::try_from(asked).ok().filter(|runs| *runs > 0);
    let began = Instant::now();
    let report = &subject.clean.said.as_ref().expect("a report").report;
    assert_eq!(report["summary"]["coverage"]["complete"], true, "undisturbed, all is read: {:#?}", report["coverage"]);
    assert_eq!(report["summary"]["in_line"], in_line);
    let trials = trials(&subject.clean, runs, seed);
    let wrong = subject.hit(&trials);
    let (calls, count) = (subject.clean.calls.len(), trials.len());
    println!("{calls} calls a scan, {count} runs, {:?}", began.elapsed());
    assert!(wrong.is_empty(), "{} of {count} runs (GUARDLINE_FAULT_SEED={seed}):\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn no_fault_makes_a_difference_of_the_organization_or_hides_one() {
    let clock = second(Timestamp::now());
    let subject = Subject::new(estate::organization_drifts(clock), estate::of_organization(), clock);
    under_faults(&subject, false, 4);
}

#[test]
fn no_fault_makes_a_difference_inside_an_account_or_hides_one() {
    let clock = second(Timestamp::now());
    let subject = Subject::new(estate::inside_drifts(clock), estate::of_inside(), clock);
    under_faults(&subject, false, 5);
}

#[test]
fn an_estate_is_in_line_only_while_all_of_it_is_read() {
    let clock = second(Timestamp::now());
    under_faults(&Subject::new(estate::in_line(), estate::declared(), clock), true, 1);
}

/// Each of these was once taken for a whole answer, or for one about something else.
#[test]
fn what_an_answer_lacks_or_nobody_knows_is_named() {
    let remove = |path: &str| Effect::Remove { path: path.to_owned() };
    let word = |path: &str| Effect::Set { path: path.to_owned(), value: serde_json::json!(plan::WORD) };
    let cases = [
        ("organizations:ListPolicies", remove("Policies.0.Id"), "organizations:ListPolicies", "has no `Id`"),
        (
            "organizations:ListPolicies",
            remove("Policies.0.AwsManaged"),
            "organizations:ListPolicies",
            "no `AwsManaged`",
        ),
        ("cloudtrail:DescribeTrails", remove("trailList.0.HomeRegion"), "cloudtrail:DescribeTrails", "no `HomeRegion`"),
        (
            "servicequotas:ListServiceQuotas",
            remove("Quotas.0.GlobalQuota"),
            "servicequotas:ListServiceQuotas",
            "no `GlobalQuota`",
        ),
        (
            "organizations:ListTagsForResource",
            remove("Tags.0.Value"),
            "organizations:ListTagsForResource",
            "no `Value`",
        ),
        (
            "organizations:ListHandshakes*",
            remove("Handshakes.0.Parties.0.Id"),
            "organizations:ListHandshakes",
            "no `Id`",
        ),
        (
            "organizations:ListAccountsForParent",
            remove("Accounts.0.JoinedMethod"),
            "organizations:ListAccountsForParent",
            "no `JoinedMethod`",
        ),
        (
            "ec2:DescribeAvailabilityZones",
            remove("availabilityZoneInfo.0.zoneType"),
            "ec2:DescribeAvailabilityZones",
            "no `ZoneType`",
        ),
        (
            "ec2:GetSerialConsoleAccessStatus",
            remove("managedBy"),
            "baseline `settings` `managed_by`",
            "does not say who manages it",
        ),
        (
            "ec2:DescribeAvailabilityZones",
            Effect::Set { path: "availabilityZoneInfo".to_owned(), value: serde_json::json!("none") },
            "ec2:DescribeAvailabilityZones",
            "text in place of what `availabilityZoneInfo` holds",
        ),
        (
            "account:ListRegions",
            word("Regions.0.RegionOptStatus"),
            "reads in the region",
            "the region is QUANTUM_ENTANGLED",
        ),
    ];
    let clock = second(Timestamp::now());
    let (estate, baseline) = (estate::drifting(clock), estate::declared());
    for (operation, effect, source, says) in cases {
        let faults = vec![Fault::on(operation, effect)];
        let server = Server::start_with(estate.clone(), Options { faults, ..Options::default() });
        let report = runtime().block_on(scanned(&server, &baseline, clock)).said.expect("a report").report;
        let rows = crate::runner::coverage(&report, source);
        let named =
            |row: &&Value| row["status"] == "failed" && row["reason"].as_str().is_some_and(|why| why.contains(says));
        assert!(rows.iter().any(named), "{operation} {says}: {rows:?}");
        assert_eq!(report["summary"]["coverage"]["complete"], false, "{operation} {says}");
    }
}

/// Account Management tells a region that is on its way from one that is off; EC2, which is asked after it, does not.
#[test]
fn where_only_ec2_tells_of_regions_one_on_its_way_is_not_taken_for_off() {
    let clock = second(Timestamp::now());
    let baseline = estate::declared();
    for (state, finding, complete) in [
        ("ENABLED", Some("region.enabled"), true),
        ("ENABLING", None, false),
        // On, until it is off.
        ("DISABLING", Some("region.enabled"), true),
        ("DISABLED", None, false),
    ] {
        let mut estate = estate::in_line();
        estate.account_mut(estate::PAYMENTS).set_region("eu-south-1", state);
        estate.account_mut(estate::MANAGEMENT).set_region("eu-south-1", "ENABLED");
        let faults = vec![Fault::on("account:ListRegions", Effect::Denied)];
        let server = Server::start_with(estate, Options { faults, ..Options::default() });
        let report = runtime().block_on(scanned(&server, &baseline, clock)).said.expect("a report").report;
        let findings = crate::runner::list(&report["findings"]);
        let of_payments = |finding: &&Value| {
            let rule = finding["rule"].as_str().unwrap_or_default();
            rule.starts_with("region.") && finding["scope"]["account"] == estate::PAYMENTS
        };
        let found: Vec<&Value> = findings.iter().filter(of_payments).collect();
        assert_eq!(found.first().and_then(|one| one["rule"].as_str()), finding, "{state}: {found:#?}");
        assert_eq!(report["summary"]["coverage"]["complete"], complete, "{state}");
    }
}
