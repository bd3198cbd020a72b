//! Hostile baselines, as the whole process meets them: refused in little time and memory.

#![allow(clippy::expect_used, reason = "a test that cannot go on says why")]
#![allow(clippy::print_stderr, reason = "a test that cannot be made here says so")]

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::runner::{Project, said};

/// What a refusal may take, in KiB.
const MEMORY: usize = 200 * 1024;

/// What a refusal may take; five times as much where nothing is optimised.
const TIME: Duration = if cfg!(debug_assertions) { Duration::from_secs(5) } else { Duration::from_secs(1) };

/// Checks `hostile.yaml` in a process that the kernel gives no more address space than so many KiB: its memory cannot be
/// more at any moment, however short.
fn validate(project: &Project, kib: usize) -> Output {
    let limited = format!("ulimit -v {kib} && exec \"$0\" validate hostile.yaml");
    Command::new("sh")
        .args(["-c", &limited, env!("CARGO_BIN_EXE_guardline")])
        .current_dir(project.path("."))
        .env_clear()
        .output()
        .expect("a shell")
}

fn project(text: &str) -> Project {
    let project = Project::new("");
    project.write("hostile.yaml", text);
    project
}

/// Asserts that a text is refused for this reason in so much memory, and says how long it took.
fn refused(text: &str, why: &str) -> Duration {
    let project = project(text);
    let timed = || {
        let start = Instant::now();
        let output = validate(&project, MEMORY);
        let took = start.elapsed();
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert!(said(&output).contains(why), "{}", said(&output));
        took
    };
    // A machine that is busy with other work is no mistake of the program.
    let first = timed();
    if first < TIME { first } else { timed().min(timed()) }
}

/// As large a file as is read at all, and nothing but entries.
fn dense() -> String {
    format!("version: 1\nestate: [{}x]", "x,".repeat(4_000_000))
}

#[test]
fn hostile_baselines_are_refused_in_little_time_and_memory() {
    if !cfg!(target_os = "linux") {
        eprintln!(
            "skipped: this kernel keeps no limit of address space; the time is tested beside the reader of baselines"
        );
        return;
    }
    let row = "    - {id: \"111111111111\", name: management, ou: /}\n";
    let large = format!("version: 1\naws:\n  accounts:\n{}", row.repeat(50_000_000 / row.len()));
    let mut bomb = "version: 1\nestate: bomb\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..20 {
        bomb += &format!("a{level}: &a{level} [{}]\n", vec![format!("*a{}", level - 1); 10].join(", "));
    }
    for (text, why) in [
        (large, "it has more than 8 MiB"),
        (format!("version: 1\nestate: {}", "[".repeat(10_000)), "more than 64 levels deep"),
        (format!("version: 1\nestate:\n  {}x", "- ".repeat(10_000)), "more than 64 levels deep"),
        (bomb, "more than 500000 entries, with aliases written out"),
    ] {
        let took = refused(&text, why);
        assert!(took < TIME, "{why}: took {took:?}");
    }
    // What is not hostile, only long, may take longer, and no more memory.
    refused(&dense(), "more than 500000 entries");
}

/// The kernel keeps the limit: in a tenth of the memory the longest file cannot be read.
#[test]
fn too_little_memory_is_too_little() {
    if cfg!(target_os = "linux") {
        assert_ne!(validate(&project(&dense()), MEMORY / 10).status.code(), Some(2));
    }
}
