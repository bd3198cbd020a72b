//! One fault at a time: every call of a scan is hit by every effect, and what the scan says may differ only by what is unknown
//! then.
//!
//! The estate of `faults_test/estate.rs` is scanned once undisturbed; the double's log says which calls that takes and what
//! was answered. Then it is scanned again for every call and effect. `GUARDLINE_FAULT_RUNS` says how many runs at least
//! (fields to damage are chosen until there are so many), `GUARDLINE_FAULT_SEED` which fields; a failure prints both.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says why")]

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

use self::plan::{Dice, Trial};
use self::scans::{PATIENCE, Scanned, scanned};
use crate::double::estate::Estate;
use crate::double::{Options, Server};

/// Threads, and runs at once on each: some runs only wait.
const THREADS: usize = 3;
const AT_ONCE: usize = 6;

/// No run takes longer, whatever hits it.
const LONGEST: Duration = Duration::from_secs(60);

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

/// The calls of an undisturbed scan, and every trial of them.
fn trials(clean: &Scanned, runs: usize, seed: u64) -> Vec<Trial> {
    let mut dice = Dice(seed);
    if std::env::var("DAMAGE").is_ok() {
        let mut t = vec![];
        while t.len() < runs {
            t.extend(plan::damaged(&clean.calls, &mut dice));
        }
        return t;
    }
    let mut trials = plan::whole(&clean.calls, PATIENCE, &mut dice);
    while trials.len() > runs {
        trials.swap_remove(dice.below(trials.len()));
    }
    while trials.len() < runs {
        trials.extend(plan::damaged(&clean.calls, &mut dice));
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
    fn new(estate: Estate, clock: Timestamp) -> Self {
        let baseline = estate::declared();
        let server = Server::start_with(estate.clone(), Options { keep_answers: true, ..Options::default() });
        let clean = runtime().block_on(scanned(&server, &baseline, clock));
        Self { estate, baseline, clean, clock }
    }

    /// Scans once for each trial; says what is wrong with which.
    fn hit(&self, trials: &[Trial]) -> Vec<String> {
        let share = |thread: usize| {
            let runs = trials.iter().skip(thread).step_by(THREADS).map(|trial| self.hit_once(trial));
            let runs = stream::iter(runs).buffer_unordered(AT_ONCE).filter_map(std::future::ready);
            runtime().block_on(runs.collect::<Vec<String>>())
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || share(thread))).collect();
            threads.into_iter().flat_map(|thread| thread.join().expect("panics are caught")).collect()
        })
    }

    async fn hit_once(&self, trial: &Trial) -> Option<String> {
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

#[test]
fn no_fault_makes_a_difference_or_hides_one() {
    let (runs, seed) = (number("GUARDLINE_FAULT_RUNS", 200), number("GUARDLINE_FAULT_SEED", 1));
    let clock = second(Timestamp::now());
    let began = Instant::now();
    let subject = Subject::new(estate::drifting(clock), clock);
    let trials = trials(&subject.clean, usize::try_from(runs).unwrap_or(usize::MAX), seed);
    let (calls, count) = (subject.clean.calls.len(), trials.len());
    println!("one scan: {calls} calls in {:?}; {count} runs", began.elapsed());
    let wrong = subject.hit(&trials);
    println!("{:?}", began.elapsed());
    let seeds = format!("GUARDLINE_FAULT_SEED={seed} GUARDLINE_FAULT_RUNS={runs}");
    assert!(wrong.is_empty(), "{} of {count} runs ({seeds}):\n{}", wrong.len(), wrong.join("\n"));
}
