//! A recording brings the same report again, without the cloud and without credentials, and says what it does not hold.

use std::fs;

use serde_json::{Value, json};

use crate::double::Server;
use crate::double::estate::{Estate, Event};
use crate::double::faults::{Effect, Fault};
use crate::drift_test::hours_ago;
use crate::runner::{Project, Run, coverage, covered, lines, list};

const PAYMENTS: &str = "222222222222";

/// Drift, and everything that can stand in the way of reading it.
fn recorded() -> Project {
    let mut estate = Estate::full();
    estate.account_mut("444444444444").role("GuardlineRead").denied = true;
    estate.account_mut("777777777777").role("GuardlineRead").denies.push("ec2:*".to_owned());
    estate.paging.cap = Some(3);
    estate.log(
        Event::new(PAYMENTS, "us-east-1", "ec2", "EnableSerialConsoleAccess", &hours_ago(4)).by_user(PAYMENTS, "eve"),
    );
    let server = Server::start(estate);
    server.faults(vec![
        Fault::on("servicequotas:List*", Effect::Throttled { seconds: None }).every(5),
        Fault::on("organizations:ListPolicies", Effect::Internal).times(1),
        // A role that is given at the second try: a recording never holds that it was given.
        Fault::on("sts:AssumeRole", Effect::Internal).input("222222222222").times(1),
        Fault::on("sts:AssumeRole", Effect::Throttled { seconds: None }).input("333333333333").times(1),
    ]);
    let project = Project::acme();
    let files = ["--record-to", "recording", "--snapshot", "live-snapshot.json", "-o", "live.json", "-o", "live.txt"];
    let environment = [&server.env()[..], &[("AWS_MAX_ATTEMPTS", "5".to_owned())]].concat();
    let run = project.run(&[&["scan"][..], &files].concat(), &environment);
    assert_eq!(run.code, 3, "{}", run.stderr);
    project
}

/// A replay where nothing of a cloud can be reached; what the environment says of one is not looked at.
fn replay(project: &Project, arguments: &[&str]) -> Run {
    let nowhere = [
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:1".to_owned()),
        ("AWS_PROFILE", "nosuch".to_owned()),
        ("AWS_REGION", "eu-central-1".to_owned()),
        ("HTTPS_PROXY", "http://127.0.0.1:1".to_owned()),
    ];
    project.run(&[&["scan", "--replay", "recording"], arguments].concat(), &nowhere)
}

/// The lines that may differ: when the run ended, and that it is a replay.
fn comparable(report: &str) -> String {
    let differs = |line: &&str| !["\"finished\"", "\"replayed\""].iter().any(|key| line.contains(key));
    report.lines().filter(differs).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_replay_says_the_same_byte_for_byte() {
    let project = recorded();
    let live = project.read("live.json");
    let report: Value = serde_json::from_str(&live).unwrap_or_default();
    assert!(list(&report["findings"]).len() > 10, "there is something to say: {:?}", lines(&report));
    assert_eq!(covered(&report, "servicequotas:ListServiceQuotas ec2", "444444444444")["status"], "denied");
    for name in ["first", "second"] {
        let (json, text) = (format!("{name}.json"), format!("{name}.txt"));
        let run = replay(&project, &["-o", &json, "-o", &text, "--snapshot", "snapshot.json"]);
        assert_eq!(run.code, 3, "{}", run.stderr);
        assert_eq!(comparable(&project.read(&json)), comparable(&live));
        assert_eq!(project.read("snapshot.json"), project.read("live-snapshot.json"));
        let again: Value = serde_json::from_str(&project.read(&json)).unwrap_or_default();
        assert_eq!(again["run"]["replayed"], true);
        assert_eq!(again["run"]["finished"], again["run"]["started"], "the recording's clock");
    }
    assert_eq!(project.read("first.json"), project.read("second.json"));
    assert_eq!(project.read("first.txt"), project.read("second.txt"));
}

#[test]
fn what_a_recording_does_not_hold_is_a_gap_and_never_in_line() {
    let server = Server::start(Estate::sample());
    let project = Project::acme();
    let run = project.scan(&server, &["--record-to", "recording"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    drop(server);
    let whole = project.read("recording/exchanges.jsonl");
    let without = |what: &dyn Fn(&Value) -> bool| {
        let keep = |line: &&str| !serde_json::from_str(line).is_ok_and(|exchange| what(&exchange));
        let kept: Vec<&str> = whole.lines().filter(keep).collect();
        assert!(kept.len() < whole.lines().count(), "nothing was left out");
        project.write("recording/exchanges.jsonl", &(kept.join("\n") + "\n"));
        replay(&project, &["-f", "json", "--strict"])
    };

    let run = without(&|exchange| {
        exchange["operation"] == "ec2:GetSerialConsoleAccessStatus" && exchange["account"] == PAYMENTS
    });
    assert_eq!(run.code, 4, "{}", run.stderr);
    let report = run.report();
    assert_eq!(report["summary"]["in_line"], false);
    let rows = coverage(&report, "ec2:GetSerialConsoleAccessStatus");
    let missing: Vec<_> = rows.iter().filter(|row| row["status"] != "evaluated").collect();
    assert_eq!(missing.len(), 5, "one for each region: {missing:?}");
    for row in missing {
        assert_eq!((&row["status"], &row["reason"]), (&json!("failed"), &json!("not in the recording")), "{row}");
        assert_eq!(row["scope"]["account"], PAYMENTS);
    }

    let run = without(&|exchange| exchange["operation"] == "organizations:ListAccountsForParent");
    assert_eq!(run.code, 4, "{}", run.stderr);
    assert!(!lines(&run.report()).iter().any(|line| line.contains("missing")), "{:?}", lines(&run.report()));

    let run = without(&|exchange| exchange["operation"] == "cloudtrail:LookupEvents");
    assert_eq!(run.code, 4, "{}", run.stderr);
    let suspended = "link.account.suspended 999999999999 @o-a1b2c3d4e5: \"ACTIVE\" -> \"SUSPENDED\"; blind (low)";
    assert_eq!(lines(&run.report()), [suspended]);

    let run = without(&|exchange| exchange["operation"] == "sts:GetCallerIdentity");
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
    assert!(run.why().contains("not in the recording"), "{}", run.stderr);
}

#[test]
fn a_directory_that_is_no_recording_or_holds_one_is_said() {
    let project = Project::acme();
    let run = project.run(&["scan", "--replay", "nowhere"], &[]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
    assert!(run.why().contains("`nowhere/recording.json` does not exist"), "{}", run.stderr);

    let server = Server::start(Estate::sample());
    let narrowed = ["--record-to", "recording", "--kind", "link"];
    assert_eq!(project.scan(&server, &narrowed).code, 0);
    let before = project.read("recording/exchanges.jsonl");
    server.forget();
    let again = project.scan(&server, &narrowed);
    assert_eq!((again.code, again.stdout.as_str()), (1, ""));
    assert!(again.why().contains("holds a recording already"), "{}", again.stderr);
    assert!(server.calls().is_empty(), "nothing is asked that cannot be kept");
    assert_eq!(project.read("recording/exchanges.jsonl"), before);

    project.write("recording/exchanges.jsonl", &format!("{before}{{\"operation\": 1}}\n"));
    let run = project.run(&["scan", "--replay", "recording"], &[]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
    let place = format!("`recording/exchanges.jsonl`, line {}, is not part of a recording", before.lines().count() + 1);
    assert!(run.why().contains(&place), "{}", run.stderr);
    assert!(fs::read_dir(project.path("recording")).is_ok_and(|files| files.count() == 2));
}
