//! `guardline scan` as a process, against the wire double: what is read, what is said of what cannot be, and that a
//! recording brings the same snapshot again.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says why")]

use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::double::Server;
use crate::double::estate::Estate;
use crate::double::faults::{Effect, Fault};
use crate::runner::guardline;

const BASELINE: &str = r#"
version: 1
estate: test
aws:
  management_account: "111111111111"
  access: {member_role: GuardlineRead}
  regions: [{allowed: [us-east-1]}]
  quotas: [{service: ec2, code: "*", max: default, where: {region: us-east-1}}]
  settings: [{serial_console_access: false, where: {region: us-east-1}}]
"#;

fn project() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("guardline.yaml"), BASELINE).expect("a baseline");
    directory
}

fn snapshot(output: &Output) -> Value {
    let errors = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}; stderr: {errors}"))
}

fn coverage<'a>(snapshot: &'a Value, source: &str) -> Vec<&'a Value> {
    let rows = snapshot["coverage"].as_array().expect("coverage");
    rows.iter().filter(|row| row["source"].as_str().is_some_and(|said| said.starts_with(source))).collect()
}

#[test]
fn an_organisation_is_read_whole_and_nothing_twice() {
    let mut estate = Estate::sample();
    estate.account_mut("222222222222").quota("us-east-1", "ec2", "L-1216C47A").applied = Some(640.0);
    let (server, directory) = (Server::start(estate), project());
    let output = guardline(directory.path(), &["scan"], &server.env());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let snapshot = snapshot(&output);
    let accounts = snapshot["organization"]["known"]["accounts"]["known"].as_array().expect("accounts");
    assert!(accounts.len() >= 8, "{accounts:?}");
    let polled = snapshot["accounts"]["222222222222"]["regions"]["us-east-1"].clone();
    let raised = polled["quotas"]["ec2"]["known"].as_array().expect("quotas");
    let raised: Vec<_> = raised.iter().filter(|row| row["code"] == "L-1216C47A").collect();
    assert_eq!(raised.len(), 1, "{polled}");
    assert_eq!(raised[0]["value"]["known"], 640.0);
    assert!(polled["settings"]["serial_console_access"]["known"].is_object(), "{polled}");
    // The rules speak of one region: no other is asked for quotas or settings.
    assert!(server.calls_of("servicequotas:ListServiceQuotas").iter().all(|call| call.region == "us-east-1"));
    assert_eq!(coverage(&snapshot, "organizations:ListRoots")[0]["reads"], 1);
    assert!(server.unexpected().is_empty(), "{:?}", server.unexpected());
    assert!(server.repeated().is_empty(), "{:?}", server.repeated());
}

#[test]
fn what_cannot_be_read_is_unknown_and_named() {
    for (effect, status) in [
        (Effect::Denied, "denied"),
        (Effect::Empty, "failed"),
        (Effect::Html { status: 200 }, "failed"),
        (Effect::Cut, "failed"),
        (Effect::Reset, "failed"),
        (Effect::Internal, "failed"),
    ] {
        let (server, directory) = (Server::start(Estate::sample()), project());
        let said = format!("{effect:?}");
        server.faults(vec![Fault::on("ec2:GetSerialConsoleAccessStatus", effect).account("222222222222")]);
        let snapshot = snapshot(&guardline(directory.path(), &["scan"], &server.env()));
        let setting =
            &snapshot["accounts"]["222222222222"]["regions"]["us-east-1"]["settings"]["serial_console_access"];
        assert_eq!(setting["unknown"]["status"], status, "{said}: {setting}");
        let rows = coverage(&snapshot, "ec2:GetSerialConsoleAccessStatus");
        let row = rows.iter().find(|row| row["scope"]["account"] == "222222222222").expect("a row");
        assert_eq!(row["status"], status, "{said}: {row}");
    }
}

#[test]
fn an_account_whose_role_is_refused_is_named_and_the_rest_is_read() {
    let (server, directory) = (Server::start(Estate::sample()), project());
    server.faults(vec![Fault::on("sts:AssumeRole", Effect::Denied).input("222222222222")]);
    let snapshot = snapshot(&guardline(directory.path(), &["scan"], &server.env()));
    let rows = coverage(&snapshot, "servicequotas:ListServiceQuotas");
    let refused = rows.iter().find(|row| row["scope"]["account"] == "222222222222").expect("a row");
    assert_eq!(refused["status"], "denied");
    assert!(refused["reason"].as_str().is_some_and(|reason| reason.contains("role/GuardlineRead")), "{refused}");
    assert!(rows.iter().any(|row| row["status"] == "evaluated"), "{rows:?}");
}

#[test]
fn a_recording_brings_the_same_snapshot_again_and_holds_no_secret() {
    let (server, directory) = (Server::start(Estate::sample()), project());
    let first = guardline(directory.path(), &["scan", "--record-to", "recording"], &server.env());
    assert_eq!(first.status.code(), Some(0), "{}", String::from_utf8_lossy(&first.stderr));
    drop(server);
    let again = guardline(directory.path(), &["scan", "--replay", "recording"], &[]);
    assert_eq!(again.status.code(), Some(0), "{}", String::from_utf8_lossy(&again.stderr));
    let (mut first, mut again) = (snapshot(&first), snapshot(&again));
    for snapshot in [&mut first, &mut again] {
        // Addresses are masked in the recording, and so in its replay.
        let accounts = snapshot["organization"]["known"]["accounts"]["known"].as_array_mut().expect("accounts");
        accounts.iter_mut().for_each(|account| account["email"] = Value::Null);
    }
    assert_eq!(first, again);
    let exchanges = std::fs::read_to_string(directory.path().join("recording/exchanges.jsonl")).expect("exchanges");
    for secret in ["SecretAccessKey", "SessionToken", "sts:AssumeRole\""] {
        assert!(!exchanges.contains(secret), "the recording holds `{secret}`");
    }
}

#[test]
fn a_root_without_its_policy_types_is_unknown_and_not_without_policies() {
    let (server, directory) = (Server::start(Estate::sample()), project());
    let gone = Effect::Remove { path: "Roots.0.PolicyTypes".to_owned() };
    server.faults(vec![Fault::on("organizations:ListRoots", gone)]);
    let snapshot = snapshot(&guardline(directory.path(), &["scan"], &server.env()));
    let types = &snapshot["organization"]["known"]["policy_types"];
    assert_eq!(types["unknown"]["reason"], "the answer has no `PolicyTypes`", "{types}");
    assert_eq!(coverage(&snapshot, "organizations:ListRoots")[0]["status"], "failed");
}

#[test]
fn a_plan_is_shown_without_the_reads_in_accounts() {
    let (server, directory) = (Server::start(Estate::sample()), project());
    let output = guardline(directory.path(), &["scan", "--plan"], &server.env());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("servicequotas:ListServiceQuotas"), "{text}");
    assert!(text.contains("by the published rate limits"), "{text}");
    assert!(server.calls_of("servicequotas:ListServiceQuotas").is_empty());
}

#[test]
fn bad_input_is_named_with_its_exit_code() {
    let directory = project();
    let missing = guardline(directory.path(), &["scan", "--baseline", "none.yaml"], &[]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("none.yaml"));

    let no_region = guardline(directory.path(), &["scan"], &[("AWS_EC2_METADATA_DISABLED", "true".to_owned())]);
    assert_eq!(no_region.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&no_region.stderr).contains("set `AWS_REGION`"));

    let environment = [("AWS_EC2_METADATA_DISABLED", "true".to_owned()), ("AWS_REGION", "us-east-1".to_owned())];
    let nobody = guardline(directory.path(), &["scan"], &environment);
    assert_eq!(nobody.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("no AWS credentials were found"));
}

#[test]
fn the_commands_that_need_no_cloud_work_in_a_checkout() {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR"));
    for arguments in [
        ["validate", "policies/baselines/small.yaml"],
        ["schema", "baseline"],
        ["schema", "report"],
        ["schema", "snapshot"],
        ["completions", "bash"],
    ] {
        let output = guardline(checkout, &arguments, &[]);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(!output.stdout.is_empty(), "{arguments:?}");
    }
}
