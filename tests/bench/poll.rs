//! How fast, how politely and at what cost a large estate is read (`cargo bench --bench poll`).
//!
//! In: sizes from the environment. Out: a table, each figure of the largest size with its goal, and exit code 1 when one
//! is missed. The program starts itself twice for every size: as the double of AWS, and for each run as the client that
//! reads it, so that CPU and memory are those of one process. It never judges a run that did not read everything.
//!
//! Variables: `GUARDLINE_POLL_ACCOUNTS` (`100,300,1000`; the last is judged), `GUARDLINE_POLL_REGIONS` (18),
//! `GUARDLINE_POLL_FACTOR` (4: every published limit times this, on both sides), `GUARDLINE_POLL_LATENCY_MS` (20).
#![allow(clippy::expect_used, clippy::panic, reason = "a measurement that cannot go on says why and ends")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "standard output is what this program is for")]

#[path = "poll/client.rs"]
mod client;
#[path = "../double/double.rs"]
mod double;
#[path = "poll/judge.rs"]
mod judge;
#[path = "poll/process.rs"]
mod process;
#[path = "poll/server.rs"]
mod server;

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use judge::Measured;
use process::Talk;
use serde::{Deserialize, Serialize};

/// Quota rows of each service.
pub(crate) const SERVICES: [usize; 3] = [150, 60, 20];

/// One estate and how it answers.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Size {
    pub(crate) accounts: usize,
    pub(crate) regions: usize,
    pub(crate) factor: f64,
    pub(crate) latency_ms: u64,
}

/// What a client is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Mode {
    /// Read everything.
    Full,
    /// Begin with the snapshot of the full run.
    Since,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["double", size] => server::serve(from_json(size)),
        ["client", size, mode, directory] => client::read(from_json(size), from_json(mode), Path::new(directory)),
        _ => return drive(),
    }
    ExitCode::SUCCESS
}

pub(crate) fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> T {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("`{text}`: {error}"))
}

pub(crate) fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("plain data")
}

/// Measures every size and judges the last.
fn drive() -> ExitCode {
    let accounts = std::env::var("GUARDLINE_POLL_ACCOUNTS").unwrap_or_else(|_| "100,300,1000".to_owned());
    let sizes = accounts.split(',').map(|accounts| Size {
        accounts: from_json(accounts),
        regions: setting("REGIONS", 18),
        factor: setting("FACTOR", 4.0),
        latency_ms: setting("LATENCY_MS", 20),
    });
    let mut measured = Vec::new();
    for size in sizes {
        eprintln!("{} accounts × {} regions, load {}", size.accounts, size.regions, process::load());
        measured.push(measure(size));
    }
    println!("{}", judge::table(&measured));
    let last = measured.last().expect("`GUARDLINE_POLL_ACCOUNTS` names a size");
    println!("{}", judge::details(last));
    let (goals, met) = judge::goals(last);
    println!("{goals}");
    if met { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn setting<T: serde::de::DeserializeOwned>(name: &str, usual: T) -> T {
    std::env::var(format!("GUARDLINE_POLL_{name}")).map_or(usual, |text| from_json(&text))
}

/// A full run against a fresh double, and one that begins with its snapshot.
fn measure(size: Size) -> Measured {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("guardline.yaml"), client::baseline(size)).expect("a baseline");
    let program = std::env::current_exe().expect("this program");
    let mut command = Command::new(&program);
    let mut double = Talk::start(command.args(["double", &to_json(&size)]).stdin(Stdio::piped()));
    let environment: Vec<(String, String)> = double.hear();
    let mut run = |mode: Mode| {
        let mut command = Command::new(&program);
        command.args(["client", &to_json(&size), &to_json(&mode)]).arg(directory.path());
        // No configuration of whoever runs this.
        command.env_clear().env("HOME", directory.path()).envs(environment.iter().cloned());
        let client = Talk::start(&mut command).last();
        let double = double.ask(&to_json(&mode));
        judge::Run { client, double, load: process::load() }
    };
    let (full, since) = (run(Mode::Full), run(Mode::Since));
    Measured { size, full, since }
}
