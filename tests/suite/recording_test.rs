//! A recording brings the same report again, without the cloud and without credentials, and says what it does not hold.

use std::collections::BTreeSet;
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

/// A snapshot without the times of its reads, and these.
fn snapshot(project: &Project, name: &str) -> (Value, Vec<String>) {
    let mut snapshot: Value = serde_json::from_str(&project.read(name)).unwrap_or_default();
    let times = snapshot.as_object_mut().and_then(|parts| parts.remove("read_times")).unwrap_or_default();
    let times = list(&times).iter().filter_map(|times| times["at"].as_object());
    let times = times.flat_map(|times| times.values()).filter_map(Value::as_str).map(str::to_owned).collect();
    (snapshot, times)
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
        let (replayed, live) = (snapshot(&project, "snapshot.json"), snapshot(&project, "live-snapshot.json"));
        assert_eq!(replayed.0, live.0);
        let at: BTreeSet<&str> = replayed.1.iter().map(String::as_str).collect();
        assert_eq!(
            Vec::from_iter(at),
            [report["run"]["started"].as_str().unwrap_or_default()],
            "the recording's clock"
        );
        assert_eq!(replayed.1.len(), live.1.len());
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
    let why = "error: the recording does not say who read: not in the recording; ";
    assert!(run.why().starts_with(why), "{}", run.stderr);
    // What helps in front of a cloud does not help here.
    assert!(run.why().contains("record anew") && !run.why().contains("network"), "{}", run.stderr);
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

/// Whoever mends what was wrong runs the same command again.
#[test]
fn a_failed_start_leaves_no_recording_in_the_way() {
    let server = Server::start(Estate::sample());
    let access = "access: {member_role: GuardlineRead, external_id_env: GL_EXTERNAL_ID}";
    let project = Project::acme_with(&[("access: {member_role: GuardlineRead}", access)]);
    let id = ("GL_EXTERNAL_ID", "x".to_owned());
    let whole = [&server.env()[..], &[id]].concat();
    let without = |name: &str| whole.iter().filter(|(key, _)| *key != name).cloned().collect::<Vec<_>>();
    let no_key = [without("AWS_ACCESS_KEY_ID"), vec![("AWS_EC2_METADATA_DISABLED", "true".to_owned())]].concat();
    let record = ["scan", "--record-to", "recordings/today", "--kind", "link"];
    let expired = || vec![Fault::on("sts:GetCallerIdentity", Effect::ExpiredToken)];
    for (environment, faults, more, code, says) in [
        (without("AWS_REGION"), vec![], &[][..], 1, "no AWS region"),
        (no_key, vec![], &[], 1, "no AWS credentials"),
        (whole.clone(), expired(), &[], 1, "sign in again"),
        (without("GL_EXTERNAL_ID"), vec![], &[], 1, "the external id"),
        (whole.clone(), vec![], &["--account", "nosuch"], 2, "`nosuch`"),
    ] {
        server.faults(faults);
        let run = project.run(&[&record[..], more].concat(), &environment);
        assert_eq!((run.code, run.stdout.as_str()), (code, ""), "{says}: {}", run.stderr);
        assert!(run.why().contains(says), "{}", run.stderr);
        assert!(!project.path("recordings/today").exists(), "{says}");
    }
    server.faults(vec![]);
    let run = project.run(&record, &whole);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    // Who reads is known from what was recorded before the recording began.
    let again = project.run(&["scan", "--replay", "recordings/today", "--kind", "link", "-f", "json"], &[]);
    assert_eq!((again.code, again.stderr.as_str()), (0, ""));
    assert!(again.report()["run"]["caller"].as_str().is_some_and(|arn| arn.contains("111111111111")));
}

#[test]
fn a_place_that_cannot_hold_a_recording_is_refused_before_anything_is_asked() {
    let server = Server::start(Estate::sample());
    let project = Project::acme();
    for place in ["guardline.yaml", "guardline.yaml/below"] {
        let run = project.scan(&server, &["--record-to", place]);
        assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{}", run.stderr);
        let says = format!("error: cannot use `{place}` for a recording; check that it may be read and written: ");
        assert!(run.why().starts_with(&says), "{}", run.stderr);
        assert!(!run.stderr.contains(".tmp"), "a file that nobody knows is named: {}", run.stderr);
    }
    assert!(server.calls().is_empty(), "{:?}", server.calls());
}

/// The same report as without a recording, and an exit code that says that there is none.
#[cfg(unix)]
#[test]
fn a_disk_that_fills_up_ends_the_recording_and_not_the_scan() {
    let server = Server::start(Estate::sample());
    let project = Project::acme();
    // Files end at 16 blocks of 512 bytes; a program that does not look at the answer of a write would be none the wiser.
    let script = r#"trap "" XFSZ; ulimit -f 16; exec "$0" scan --strict -f json --record-to recording"#;
    let output = std::process::Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_guardline")])
        .current_dir(project.path("."))
        .env_clear()
        .envs(server.env())
        .output();
    let run: Run = output.map(Run::from).unwrap_or_else(|error| unreachable!("`sh` is there: {error}"));
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(run.why().starts_with("error: the recording `recording` is incomplete"), "{}", run.stderr);
    assert!(run.stderr.contains("the recording stops here, and the run goes on"), "{}", run.stderr);
    assert!(fs::metadata(project.path("recording/exchanges.jsonl")).is_ok_and(|file| file.len() == 16 * 512));
    let report = run.report();
    assert_eq!(
        (&report["summary"]["in_line"], &report["summary"]["coverage"]["complete"]),
        (&json!(true), &json!(true))
    );

    // What was written can be replayed, and says that it is not all.
    let half = replay(&project, &["-f", "json", "--strict"]);
    assert_eq!(half.code, 4, "{}", half.stderr);
    assert_eq!(half.report()["summary"]["in_line"], false);
    let notice = half.report()["run"]["notice"].as_str().unwrap_or_default().to_owned();
    assert!(notice.starts_with("The recording was cut off after line "), "{notice}");
}

#[test]
fn a_recording_whose_last_line_was_cut_off_is_replayed_and_says_so() {
    let server = Server::start(Estate::sample());
    let project = Project::acme();
    assert_eq!(project.scan(&server, &["--record-to", "recording"]).code, 0);
    drop(server);
    let whole = project.read("recording/exchanges.jsonl");
    let lines = whole.lines().count();
    project.write("recording/exchanges.jsonl", &whole[..whole.len() - 10]);
    let run = replay(&project, &["--strict", "-f", "json"]);
    assert_eq!(run.code, 4, "{}", run.stderr);
    let told = format!("The recording was cut off after line {} of `exchanges.jsonl`", lines - 1);
    assert!(run.report()["run"]["notice"].as_str().is_some_and(|notice| notice.starts_with(&told)));
    let missing = coverage(&run.report(), "").iter().filter(|row| row["reason"] == "not in the recording").count();
    assert_eq!(missing, 1);
    // People see it first.
    assert!(replay(&project, &[]).stdout.lines().nth(1).is_some_and(|line| line.starts_with(&told)));
}
