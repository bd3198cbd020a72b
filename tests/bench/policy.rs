//! How fast a change of guardrails is judged (`cargo bench --bench policy`).
//!
//! In: the labelled pairs that the tests read, found through `GUARDLINE_TEST_DATA`, else in `shared/data` beside the
//! project; where they are not there this says so and measures nothing. Out: figures with their goals, and exit code 1
//! when one is missed. Documents are parsed before a clock runs. It never counts a decision that nothing was decided by.
//!
//! Variables: `GUARDLINE_POLICY_BENCH` (`pairs,solver,path,organisation`: the parts to run), `GUARDLINE_Z3_PYTHON` (a
//! Python that has `tests/oracles/z3/requirements.txt`; without it the solver is left out, and that is said),
//! `GUARDLINE_POLICY_UNITS` (1000) and `GUARDLINE_POLICY_ACCOUNTS` (5000) of the organisation.
#![allow(clippy::expect_used, clippy::panic, reason = "a measurement that cannot go on says why and ends")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "standard output is what this program is for")]

#[path = "policy/figures.rs"]
mod figures;
#[path = "policy/organisation.rs"]
mod organisation;
#[path = "policy/pairs.rs"]
mod pairs;
#[path = "policy/path.rs"]
mod path;
#[allow(dead_code, reason = "the other benchmark asks its processes more")]
#[path = "poll/process.rs"]
mod process;
#[path = "policy/solver.rs"]
mod solver;

use std::process::{Command, ExitCode};

use figures::Goals;
use process::Talk;
use serde::de::DeserializeOwned;

pub(crate) fn from_json<T: DeserializeOwned>(text: &str) -> T {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("`{text}`: {error}"))
}

fn main() -> ExitCode {
    let pairs = pairs::read();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "organisation") {
        organisation::measure(&pairs);
        return ExitCode::SUCCESS;
    }
    if pairs.is_empty() {
        return ExitCode::SUCCESS;
    }
    let parts = std::env::var("GUARDLINE_POLICY_BENCH").unwrap_or_default();
    let wanted = |part: &str| parts.is_empty() || parts.split(',').any(|wanted| wanted == part);
    let mut goals = Goals::default();
    println!("load {}, {} cores", process::load(), std::thread::available_parallelism().map_or(1, usize::from));
    if wanted("pairs") || wanted("solver") {
        let measured = pairs::measure(&pairs, &mut goals);
        if wanted("solver") {
            solver::compare(&pairs, &measured, &mut goals);
        }
    }
    if wanted("path") {
        path::measure(&pairs, &mut goals);
    }
    if wanted("organisation") {
        // In a process of its own, so that its memory is its own.
        let program = std::env::current_exe().expect("this program");
        organisation::judge(&Talk::start(Command::new(program).arg("organisation")).last(), &mut goals);
    }
    println!("load {}", process::load());
    goals.end()
}
