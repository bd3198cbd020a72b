//! Runs that begin with what an earlier one read: nothing that was asked for since is missed, nothing is read twice, and
//! every read says how old it is.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says why")]

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::double::Server;
use crate::double::estate::{ChangeRequest, Estate};
use crate::double::faults::{Effect, Fault};
use crate::runner::{Project, Run, coverage, list, open};

const PAYMENTS: &str = "222222222222";
const QUOTAS: &str = "servicequotas:ListServiceQuotas";
const HISTORY: &str = "servicequotas:ListRequestedServiceQuotaChangeHistory";
const STANDARD: &str = "L-1216C47A";

/// The hour of the first run, from now.
fn clock(hours: i64) -> String {
    (Timestamp::now() + SignedDuration::from_hours(hours)).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A project with the snapshot of a whole run, and the calls that this took.
fn after_a_run(server: &Server) -> (Project, usize) {
    let project = Project::acme();
    let first = project.scan(server, &["--snapshot", "last.json"]);
    assert_eq!((first.code, open(&first.report())), (0, Vec::new()), "{}", first.stderr);
    let calls = server.calls_of(QUOTAS).len();
    assert!(calls > 50, "{calls}");
    (project, calls)
}

/// A later run from that snapshot: what it found, and what it read of quotas, as `account region service`.
fn later(project: &Project, server: &Server, arguments: &[&str]) -> (Run, BTreeSet<String>) {
    let before = server.calls_of(QUOTAS).len();
    let run = project.scan(server, &[&["--since-snapshot", "last.json"], arguments].concat());
    let calls = server.calls_of(QUOTAS).split_off(before);
    let place = |service: &Value| service.as_str().unwrap_or_default().to_owned();
    let read =
        calls.iter().map(|call| format!("{} {} {}", call.account, call.region, place(&call.input["ServiceCode"])));
    (run, read.collect())
}

/// Makes of a snapshot that of a run which was cancelled.
fn cut_short(project: &Project, from: &str, to: &str) {
    let mut snapshot: Value = serde_json::from_str(&project.read(from)).expect("JSON");
    assert_eq!(snapshot["cancelled"], Value::Null);
    snapshot["cancelled"] = true.into();
    project.write(to, &snapshot.to_string());
}

fn raise(server: &Server, region: &str, service: &str, code: &str, status: &str, updated: Timestamp) {
    let mut estate = server.estate();
    let mut account = estate.account_mut(PAYMENTS);
    let id = format!("{region}-{code}-{status}");
    let request = ChangeRequest {
        status: status.to_owned(),
        updated: Some(updated),
        ..ChangeRequest::new(&id, service, code, 640.0, &(updated - SignedDuration::from_hours(30)).to_string())
    };
    account.request(region, request);
}

#[test]
fn quotas_that_nobody_asked_for_are_taken_over() {
    let server = Server::start(Estate::sample());
    let (project, _) = after_a_run(&server);
    let settings = server.calls_of("ec2:GetSerialConsoleAccessStatus").len();
    let (run, read) = later(&project, &server, &["--strict", "--snapshot", "next.json"]);
    assert_eq!((run.code, open(&run.report())), (0, Vec::new()), "{}", run.stderr);
    assert_eq!(read, BTreeSet::new());
    assert_eq!(server.calls_of("ec2:GetSerialConsoleAccessStatus").len(), 2 * settings, "settings are read anew");

    let parsed = |name: &str| -> Value { serde_json::from_str(&project.read(name)).expect("JSON") };
    let (last, next) = (parsed("last.json"), parsed("next.json"));
    assert_eq!(next["accounts"], last["accounts"]);
    assert_eq!(next["quota_definitions"], last["quota_definitions"]);
    // Each read says when it was made: that of a quota in the first run, that of a setting in this one.
    let time = |snapshot: &Value, source: &str| {
        let in_payments = |times: &&Value| times["scope"]["account"] == PAYMENTS && times["at"].get(source).is_some();
        let times = list(&snapshot["read_times"]).iter().find(in_payments).expect("a time");
        times["at"][source].as_str().expect("a time").to_owned()
    };
    let (quota, setting) = ("servicequotas:ListServiceQuotas ec2", "ec2:GetSerialConsoleAccessStatus");
    assert_eq!(time(&next, quota), time(&last, quota));
    assert!(time(&next, setting) > time(&last, setting));
    let report = run.report();
    let sentence = report["summary"]["sentence"].to_string();
    assert!(sentence.contains(" of it read by an earlier run, the oldest at 20"), "{sentence}");
    let row = coverage(&report, quota)[0];
    assert_eq!(row["reads"], 0);
    assert!(row["read_at"].as_str().is_some_and(|at| at >= time(&last, quota).as_str().get(..16).unwrap_or_default()));
    assert_eq!(coverage(&report, setting)[0]["read_at"], Value::Null);
}

#[test]
fn nothing_that_was_asked_for_is_missed() {
    let server = Server::start(Estate::sample());
    let (project, _) = after_a_run(&server);
    let now = Timestamp::now();
    let days = |days: i64| now - SignedDuration::from_hours(24 * days);
    // Granted since; granted just before the first run, which may have been too early to see it; still open; of old.
    raise(&server, "eu-west-1", "ec2", STANDARD, "CASE_CLOSED", now);
    raise(&server, "eu-central-1", "ec2", STANDARD, "APPROVED", now - SignedDuration::from_mins(20));
    raise(&server, "us-east-1", "lambda", "L-B99A9384", "CASE_OPENED", days(3));
    raise(&server, "us-west-2", "ec2", STANDARD, "APPROVED", days(3));
    server.estate().account_mut(PAYMENTS).quota("eu-west-1", "ec2", STANDARD).applied = Some(640.0);

    let (run, read) = later(&project, &server, &[]);
    let again = ["eu-central-1 ec2", "eu-west-1 ec2", "us-east-1 lambda"].map(|place| format!("{PAYMENTS} {place}"));
    assert_eq!(read, again.into());
    let report = run.report();
    let raised =
        open(&report).iter().any(|line| line.starts_with("quota.raised ec2/L-1216C47A @222222222222/eu-west-1"));
    assert!(raised, "{:?}", open(&report));
}

#[test]
fn where_the_history_cannot_be_read_quotas_are() {
    let server = Server::start(Estate::sample());
    let (project, _) = after_a_run(&server);
    server.faults(vec![Fault::on(HISTORY, Effect::Denied).account(PAYMENTS).region("eu-west-1")]);
    let (_, read) = later(&project, &server, &[]);
    assert_eq!(read, ["ec2", "lambda"].map(|service| format!("{PAYMENTS} eu-west-1 {service}")).into());
}

#[test]
fn a_default_that_aws_changed_is_read_with_all_that_hang_on_it() {
    let server = Server::start(Estate::sample());
    let (project, _) = after_a_run(&server);
    server.estate().quota_kind_mut("lambda", "L-B99A9384").default = 2000.0;
    let (_, read) = later(&project, &server, &[]);
    assert!(!read.is_empty() && read.iter().all(|place| place.ends_with(" lambda")), "{read:?}");
}

#[test]
fn what_is_too_old_is_read_again() {
    let server = Server::start(Estate::sample());
    let (project, calls) = after_a_run(&server);
    let (run, read) = later(&project, &server, &["--clock", &clock(25)]);
    assert_eq!((run.code, read.len()), (0, calls), "{}", run.stderr);
    assert!(run.stderr.contains("holds no read that is younger than `--max-age`"), "{}", run.stderr);
    let (_, read) = later(&project, &server, &["--clock", &clock(25), "--max-age", "2d"]);
    assert!(read.is_empty(), "{read:?}");
    let (run, _) = later(&project, &server, &["--max-age", "soon"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("`soon` is not a period such as `7d`"), "{}", run.stderr);
}

#[test]
fn a_scan_that_was_cut_short_is_gone_on_with() {
    let server = Server::start(Estate::sample());
    let project = Project::acme();
    // What was not read when a run was cut short is unknown, as it is where the service fails.
    server.faults(vec![
        Fault::on("servicequotas:ListServiceQuotas", Effect::Internal).from(40),
        Fault::on("ec2:*", Effect::Internal).from(20),
        Fault::on("cloudtrail:*", Effect::Internal),
        Fault::on("account:ListRegions", Effect::Internal).from(6),
    ]);
    let first = project.scan(&server, &["--strict", "--snapshot", "partial.json"]);
    assert_eq!(first.code, 4, "{}", first.stderr);
    let inside = |server: &Server| {
        let services = ["servicequotas:*", "ec2:*", "cloudtrail:*", "account:*"];
        services.iter().map(|service| server.calls_of(service).iter().filter(|call| call.status == 200).count()).sum()
    };
    let made: usize = inside(&server);
    server.faults(Vec::new());
    cut_short(&project, "partial.json", "partial.json");
    let run = project.scan(&server, &["--strict", "--resume", "partial.json", "--snapshot", "whole.json"]);
    assert_eq!((run.code, open(&run.report())), (0, Vec::new()), "{}", run.stderr);
    let sentence = run.report()["summary"]["sentence"].to_string();
    assert!(sentence.contains(" read by an earlier run, the oldest at 20"), "{sentence}");
    let resumed: usize = inside(&server) - made;

    let whole = Project::acme();
    let before: usize = inside(&server);
    assert_eq!(whole.scan(&server, &["--strict", "--snapshot", "whole.json"]).code, 0);
    let full: usize = inside(&server) - before;
    assert!(made > 60 && resumed + made <= full + 1, "{made} and {resumed} calls, {full} in one go");
    let accounts = |project: &Project| -> Value {
        serde_json::from_str::<Value>(&project.read("whole.json")).expect("JSON")["accounts"].clone()
    };
    assert_eq!(accounts(&project), accounts(&whole));
}

#[test]
fn a_snapshot_that_cannot_stand_in_is_said() {
    let server = Server::start(Estate::sample());
    let (project, _) = after_a_run(&server);
    project.write("broken.json", "{");
    cut_short(&project, "last.json", "partial.json");
    for (arguments, code, says) in [
        (&["--resume", "none.json"][..], 2, "cannot read the snapshot `none.json`"),
        (&["--resume", "broken.json"], 2, "cannot read the snapshot `broken.json`"),
        (&["--since-snapshot", "broken.json"], 2, "cannot read the snapshot `broken.json`"),
        // The first of scheduled runs has none.
        (&["--since-snapshot", "none.json"], 0, "warning: `none.json`:"),
        (&["--resume", "last.json", "--since-snapshot", "last.json"], 2, "cannot be used with"),
        // What is whole would only stand in for what is there now.
        (&["--resume", "last.json"], 2, "is of a run that was not cancelled; take over what did not change since with"),
        (&["--resume", "partial.json", "--clock", &clock(25)], 2, "holds no read that is younger than `--max-age`"),
    ] {
        let run = project.scan(&server, arguments);
        assert_eq!(run.code, code, "{arguments:?}: {}", run.stderr);
        assert!(run.stderr.contains(says), "{arguments:?}: {}", run.stderr);
    }
    let elsewhere = [&["scan", "--resume", "partial.json"][..]].concat();
    let run = project.run(&elsewhere, &server.env_as("333333333333"));
    assert_eq!(run.code, 2, "{}", run.stderr);
    assert!(run.why().contains("was read from account `111111111111` and this run reads from `333333333333`"));
}
