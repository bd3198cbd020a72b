//! A run that is ended early: what was read is reported, what was not is unknown, and nothing passes for in line.
#![cfg(unix)]
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says why")]

use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::double::Server;
use crate::double::estate::Estate;
use crate::double::faults::{Effect, Fault};
use crate::runner::{Project, Run, coverage, list, open};

/// How long a run may take to end once it is told to, on a busy machine.
const SOON: Duration = Duration::from_secs(10);

/// Starts a scan that writes JSON to stdout.
fn start(project: &Project, server: &Server, arguments: &[&str]) -> Child {
    let format: &[&str] = if arguments.contains(&"--plan") { &[] } else { &["--format", "json"] };
    Command::new(env!("CARGO_BIN_EXE_guardline"))
        .args([&["scan"], format, arguments].concat())
        .current_dir(project.path("."))
        .env_clear()
        .env("AWS_MAX_ATTEMPTS", "9")
        .envs(server.env())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts")
}

/// Waits until this many calls of an operation came in.
fn wait_for(server: &Server, operation: &str, calls: usize) {
    let since = Instant::now();
    while server.calls_of(operation).len() < calls {
        assert!(since.elapsed() < Duration::from_secs(60), "{calls} of {operation} never came");
        sleep(Duration::from_millis(5));
    }
}

/// Sends a signal and waits for the end.
fn end(child: Child, signal: &str) -> Run {
    let told = Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status();
    assert!(told.expect("`kill` runs").success());
    let since = Instant::now();
    let run = Run::from(child.wait_with_output().expect("an end"));
    assert!(since.elapsed() < SOON, "it took {:?}", since.elapsed());
    run
}

fn cancelled(report: &Value) -> usize {
    let rows = list(&report["coverage"]).iter();
    rows.filter(|row| row["reason"].as_str().is_some_and(|reason| reason.contains("the run was cancelled"))).count()
}

#[test]
fn what_was_read_is_reported_and_the_rest_is_unknown() {
    for signal in ["INT", "TERM"] {
        let mut estate = Estate::sample();
        estate.account_mut("111111111111").quota("us-east-1", "ec2", "L-1216C47A").applied = Some(640.0);
        let server = Server::start(estate);
        // Two accounts never answer.
        let hang = |service| Fault::on(service, Effect::Slow { ms: 60_000 });
        let services = ["servicequotas:List*", "ec2:*"];
        let faults = ["222222222222", "333333333333"].map(|account| services.map(|name| hang(name).account(account)));
        server.faults(faults.concat());
        let project = Project::acme();
        let scan = start(&project, &server, &["--snapshot", "snapshot.json"]);
        wait_for(&server, "servicequotas:ListServiceQuotas", 30);
        wait_for(&server, "ec2:*", 10);
        let run = end(scan, signal);
        let report = run.report();
        assert_eq!(report["run"]["cancelled"], true);
        assert_eq!(report["summary"]["in_line"], false);
        assert!(cancelled(&report) > 0, "{}", report["summary"]);
        assert!(run.stderr.starts_with("cancelled: what was read so far is reported;"), "{}", run.stderr);
        // Nothing that was not read is drift, and what was read is.
        let found = open(&report);
        let expected = if found.is_empty() { 4 } else { 3 };
        assert_eq!(run.code, expected, "{}", run.stderr);
        assert!(found.iter().all(|line| line.starts_with("quota.raised ec2/L-1216C47A @111111111111")), "{found:?}");
        let snapshot: Value = serde_json::from_str(&project.read("snapshot.json")).expect("a whole file");
        assert_eq!(snapshot["coverage"].as_array().map(Vec::is_empty), Some(false));
        assert_eq!(snapshot["cancelled"], true, "it can be gone on with");
        let left = std::fs::read_dir(project.path(".")).expect("a directory");
        let parts = left.flatten().filter(|file| file.file_name().to_string_lossy().contains(".part")).count();
        assert_eq!(parts, 0, "nothing half-written is left");
    }
}

#[test]
fn a_run_that_waits_before_another_try_ends_too() {
    let server = Server::start(Estate::sample());
    server.faults(vec![Fault::on("servicequotas:*", Effect::Throttled { seconds: None })]);
    let project = Project::acme();
    let scan = start(&project, &server, &["--record-to", "recording"]);
    wait_for(&server, "servicequotas:*", 20);
    let run = end(scan, "TERM");
    let report = run.report();
    assert_eq!(run.code, 4, "{}", run.stderr);
    assert!(run.why().starts_with("exit 4: coverage is incomplete: "), "{}", run.stderr);
    assert!(run.stderr.contains("with `--snapshot FILE` a run can be gone on with"), "{}", run.stderr);
    assert!(!coverage(&report, "organizations:ListAccounts").is_empty());
    assert!(
        report["summary"]["sentence"].as_str().is_some_and(|text| text.ends_with("; cancelled before it was done"))
    );
}

#[test]
fn a_plan_that_was_cut_short_is_none() {
    let server = Server::start(Estate::sample());
    server.faults(vec![Fault::on("account:ListRegions", Effect::Throttled { seconds: None })]);
    let project = Project::acme();
    let scan = start(&project, &server, &["--plan"]);
    wait_for(&server, "account:ListRegions", 1);
    let run = end(scan, "INT");
    assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{}", run.stderr);
    assert!(run.stderr.contains("error: cancelled before the plan was made"), "{}", run.stderr);
}

#[test]
fn a_run_that_read_nothing_ends_with_1() {
    let server = Server::start(Estate::sample());
    let busy = |operation| vec![Fault::on(operation, Effect::Throttled { seconds: None })];
    server.faults(busy("organizations:*"));
    let project = Project::acme();
    let scan = start(&project, &server, &[]);
    wait_for(&server, "organizations:DescribeOrganization", 1);
    let run = end(scan, "INT");
    assert_eq!((run.code, run.why()), (1, "exit 1: nothing could be evaluated; the coverage says why"));
    assert!(cancelled(&run.report()) > 0);

    server.faults(busy("sts:GetCallerIdentity"));
    let before = server.calls_of("sts:GetCallerIdentity").len();
    let scan = start(&project, &server, &[]);
    wait_for(&server, "sts:GetCallerIdentity", before + 1);
    let run = end(scan, "INT");
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
    assert!(run.stderr.contains("error: cancelled before anything was read"), "{}", run.stderr);
}
