//! What the process ends with: each exit code, and the one line on stderr that says why.

use std::fs;

use crate::double::Server;
use crate::double::estate::Estate;
use crate::double::faults::{Effect, Fault};
use crate::runner::{Project, Run, coverage, guardline};

/// One high finding, and one read that is denied.
const BASELINE: &str = r#"
version: 1
estate: test
aws:
  management_account: "111111111111"
  access: {member_role: GuardlineRead}
  quotas: [{service: ec2, code: L-1216C47A, max: default, where: {region: us-east-1}}]
  settings: [{serial_console_access: false, where: {region: us-east-1}}]
"#;

const FOUND: &str = "exit 3: 1 open finding is medium or worse";
const BOTH: &str =
    "exit 3: 1 open finding is medium or worse; coverage is incomplete too: 1 read was denied, throttled or failed";
const INCOMPLETE: &str = "exit 4: coverage is incomplete: 1 read was denied, throttled or failed";

/// A recording of a run with one high finding and one gap.
fn recorded() -> Project {
    let mut estate = Estate::sample();
    estate.account_mut("222222222222").quota("us-east-1", "ec2", "L-1216C47A").applied = Some(640.0);
    let server = Server::start(estate);
    server.faults(vec![Fault::on("ec2:GetSerialConsoleAccessStatus", Effect::Denied).account("222222222222")]);
    let project = Project::new(BASELINE);
    let run = project.scan(&server, &["--record-to", "recording"]);
    assert_eq!((run.code, run.why()), (3, FOUND));
    project
}

fn replay(project: &Project, arguments: &[&str]) -> Run {
    project.run(&[&["scan", "--replay", "recording"], arguments].concat(), &[])
}

#[test]
fn the_code_follows_from_findings_and_coverage() {
    let project = recorded();
    for (arguments, code, why) in [
        (&[][..], 3, FOUND),
        (&["--strict"], 3, BOTH),
        (&["--exit-zero"], 0, ""),
        (&["--exit-zero", "--strict"], 4, INCOMPLETE),
        (&["--fail-on", "info"], 3, "exit 3: 1 open finding is info or worse"),
        (&["--fail-on", "low", "--exit-zero"], 0, ""),
        (&["--fail-on", "high"], 3, "exit 3: 1 open finding is high or worse"),
        (&["--fail-on", "critical"], 0, ""),
        (&["--fail-on", "critical", "--strict"], 4, INCOMPLETE),
    ] {
        for format in [&["-f", "json"][..], &["-f", "terminal"], &["-o", "report.json"]] {
            let run = replay(&project, &[arguments, format].concat());
            let line = if why.is_empty() { String::new() } else { format!("{why}\n") };
            assert_eq!((run.code, run.stderr), (code, line), "{arguments:?} {format:?}");
            // Data alone goes to stdout.
            assert_eq!(run.stdout.is_empty(), format[0] == "-o", "{arguments:?} {format:?}");
        }
    }
}

#[test]
fn an_output_that_cannot_be_written_comes_before_findings() {
    let project = recorded();
    for option in ["-o", "--snapshot"] {
        let run = replay(&project, &[option, "nowhere/report.json"]);
        assert_eq!(run.code, 1, "{option}: {}", run.stderr);
        assert!(run.stderr.starts_with("error: cannot write `nowhere/report.json`"), "{option}: {}", run.stderr);
        assert_eq!(run.stderr.lines().count(), 1, "{option}: {}", run.stderr);
    }
    project.write("report.json", "what was there before");
    let lost = ["-o", "nowhere/report.txt", "-o", "report.json", "--snapshot", "nowhere/s.json", "-f", "json"];
    let run = replay(&project, &lost);
    assert_eq!(run.code, 1);
    assert!(project.read("report.json").contains("guardline/report/v1"), "the others are written whole");
    assert_eq!(run.report()["schema"], "guardline/report/v1", "and shown");
    let left: Vec<_> = fs::read_dir(project.path(".")).into_iter().flatten().flatten().map(|f| f.file_name()).collect();
    assert_eq!(left.len(), 3, "nothing is left beside: {left:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_said() {
    let project = recorded();
    let linked = std::os::unix::fs::symlink("/dev/full", project.path("full.json"));
    assert!(linked.is_ok(), "{linked:?}");
    let run = replay(&project, &["-o", "full.json"]);
    assert_eq!(run.code, 1);
    assert!(run.why().starts_with("error: cannot write `full.json`: No space left"), "{}", run.stderr);
}

#[test]
fn bad_arguments_and_baselines_end_before_anything_is_asked() {
    let server = Server::start(Estate::sample());
    let project = Project::new(BASELINE);
    project.write("broken.yaml", "version: 1\nestate: test\naws: {quota: []}\n");
    project.write("odd.yaml", "version: [\n");
    for (arguments, says) in [
        (&["--no-such-flag"][..], "--no-such-flag"),
        (&["--fail-on", "terrible"], "terrible"),
        (&["--kind", "weather"], "weather"),
        (&["--format", "docx"], "docx"),
        (&["-o", "report.docx"], "the name of `report.docx` says no format; end it with `.txt` or `.json`"),
        (&["--concurrency", "0"], "concurrency"),
        (&["--record-to", "a", "--replay", "b"], "--replay"),
        (&["--plan", "-o", "report.json"], "--plan"),
        (&["--plan", "-f", "json"], "--plan"),
        (&["--plan", "--strict"], "--plan"),
        (&["--plan", "--fail-on", "high"], "--plan"),
        (&["--plan", "--snapshot", "snapshot.json"], "--plan"),
        (&["--baseline", "none.yaml"], "none.yaml"),
        (&["--baseline", "broken.yaml"], "quota"),
        (&["--baseline", "odd.yaml"], "odd.yaml"),
    ] {
        let run = project.run(&[&["scan"], arguments].concat(), &server.env());
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{arguments:?}: {}", run.stderr);
        assert!(run.stderr.contains(says), "{arguments:?}: {}", run.stderr);
    }
    assert!(server.calls().is_empty(), "{:?}", server.calls());
}

#[test]
fn a_narrowing_that_means_nothing_is_a_bad_argument() {
    let project = recorded();
    for (arguments, says) in [
        (["--account", "nosuch"], "no account of the estate is meant by `nosuch`"),
        (["--account=payments-prod", "--account=nosuch"], "no account of the estate is meant by `nosuch`;"),
        (["--region=us-east-1", "--region=mars-1"], "no account has a region that is called `mars-1`;"),
        (["--account", "121212121212"], "no account of the estate is meant by `121212121212`"),
        (["--ou", "/Nowhere"], "no account of the estate is meant by `/Nowhere`"),
        (["--ou", "nowhere"], "no account of the estate is meant by `nowhere`"),
        (["--region", "eu-nowhere-1"], "no account has a region that is called `eu-nowhere-1`"),
        (["--account=payments-prod", "--ou=/Sandbox"], "is meant by `payments-prod`, `/Sandbox` together"),
        (["--ou", "Workloads"], "the path of a unit from the root, such as `/Workloads/Prod`"),
    ] {
        let run = replay(&project, &arguments);
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{arguments:?}: {}", run.stderr);
        assert!(run.why().contains(says), "{arguments:?}: {}", run.stderr);
    }
}

#[test]
fn nothing_evaluated_is_neither_clean_nor_a_finding() {
    let server = Server::start(Estate::sample());
    let services = ["organizations:*", "account:*", "ec2:*", "servicequotas:*", "cloudtrail:*"];
    server.faults(services.map(|service| Fault::on(service, Effect::Denied)).into());
    for arguments in [&[][..], &["--exit-zero"], &["--strict"]] {
        let run = Project::new(BASELINE).scan(&server, arguments);
        assert_eq!((run.code, run.why()), (1, "exit 1: nothing could be evaluated; the coverage says why"));
        let report = run.report();
        assert_eq!(report["summary"]["in_line"], false);
        let denied = coverage(&report, "organizations:DescribeOrganization");
        assert_eq!(denied[0]["status"], "denied", "{denied:?}");
    }
}

#[test]
fn links_and_policies_of_one_region_are_a_bad_argument() {
    let project = recorded();
    for kinds in [&["--kind", "link"][..], &["--kind", "policy"], &["--kind", "link", "--kind", "policy"]] {
        let run = replay(&project, &[kinds, &["--region", "us-east-1"]].concat());
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{kinds:?}: {}", run.stderr);
        assert!(run.why().contains("belong to no region, so that `--region` leaves nothing"), "{}", run.stderr);
    }
    let run = replay(&project, &["--kind", "link", "--kind", "quota", "--region", "us-east-1"]);
    assert_eq!(run.code, 3, "{}", run.stderr);
}

/// What is read to know where to look shows nothing of what was asked for.
#[test]
fn a_narrowed_run_that_reads_nothing_it_was_asked_for_evaluated_nothing() {
    let mut estate = Estate::sample();
    estate.account_mut("222222222222").roles.clear();
    let server = Server::start(estate);
    let nothing = "exit 1: nothing could be evaluated; the coverage says why";
    for (arguments, code, why) in [
        (&["--account", "222222222222", "--kind", "quota"][..], 1, nothing),
        (&["--account", "222222222222", "--kind", "setting", "--region", "us-east-1"], 1, nothing),
        // The baseline says nothing of regions.
        (
            &["--account", "222222222222", "--kind", "region"],
            1,
            "exit 1: nothing of what was asked for is declared, or was read",
        ),
        (&["--account", "111111111111", "--kind", "quota"], 0, ""),
        (&["--account", "222222222222"], 1, nothing),
    ] {
        let run = Project::new(BASELINE).scan(&server, arguments);
        assert_eq!((run.code, run.why()), (code, why), "{arguments:?}");
        assert_eq!(run.report()["run"]["evaluated"], code == 0, "{arguments:?}");
    }
}

#[test]
fn policies_of_one_account_are_a_bad_argument() {
    let project = recorded();
    for place in [["--account", "payments-prod"], ["--ou", "/Sandbox"]] {
        let run = replay(&project, &[&["--kind", "policy"], &place[..]].concat());
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{place:?}: {}", run.stderr);
        assert!(run.why().contains("policies belong to the organisation"), "{}", run.stderr);
    }
}

#[test]
fn one_file_for_two_outputs_is_a_bad_argument() {
    let project = recorded();
    for outputs in [["-o", "a.json", "--snapshot", "a.json"], ["-o", "a.json", "-o", "a.json"]] {
        let run = replay(&project, &outputs);
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{outputs:?}: {}", run.stderr);
        assert!(run.why().contains("`a.json` is given for two outputs"), "{}", run.stderr);
    }
}

/// A baseline that leaves out all that it speaks of is not kept to.
#[test]
fn a_scope_that_leaves_nothing_is_not_in_line() {
    let server = Server::start(Estate::sample());
    let nothing = "exit 1: nothing of what was asked for is declared, or was read";
    let empty = BASELINE.replace("  quotas:", "  scope: {exclude: [{ou: /}]}\n  quotas:");
    let run = Project::new(&empty).scan(&server, &[]);
    assert_eq!((run.code, run.why()), (1, nothing));
    assert_eq!(run.report()["summary"]["in_line"], false);

    let trail = "version: 1\nestate: test\naws:\n  scope: {exclude: [{account: \"111111111111\"}]}\n  \
                 access: {member_role: GuardlineRead}\n  audit_logs: {organization_trail: {multi_region: true}}\n";
    let run = Project::new(trail).scan(&server, &["--strict"]);
    assert_ne!(run.code, 0, "{}", run.stderr);
    assert_eq!(run.report()["summary"]["in_line"], false);
}

#[test]
fn to_know_that_there_is_an_organisation_evaluates_nothing() {
    let server = Server::start(Estate::sample());
    let reads = ["organizations:List*", "organizations:DescribeR*", "account:*", "ec2:*", "servicequotas:*"];
    server.faults(reads.map(|service| Fault::on(service, Effect::Denied)).into());
    let run = Project::new(BASELINE).scan(&server, &[]);
    assert_eq!(coverage(&run.report(), "organizations:DescribeOrganization")[0]["status"], "evaluated");
    assert_eq!((run.code, run.why()), (1, "exit 1: nothing could be evaluated; the coverage says why"));
}

#[test]
fn without_somebody_to_ask_as_nothing_begins() {
    let project = Project::new(BASELINE);
    let no_metadata = ("AWS_EC2_METADATA_DISABLED", "true".to_owned());
    let region = ("AWS_REGION", "us-east-1".to_owned());
    let key = [
        ("AWS_ACCESS_KEY_ID", "AKIA111111111111TEST".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "x".to_owned()),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:1".to_owned()),
    ];
    let nowhere = [&[no_metadata.clone(), region.clone()][..], &key].concat();
    let odd = [&[no_metadata.clone(), ("AWS_REGION", "nowhere".to_owned())][..], &key].concat();
    for (environment, says) in [
        (vec![no_metadata.clone()], "set `AWS_REGION`"),
        (vec![no_metadata, region], "no AWS credentials were found"),
        (nowhere, "check the network, `AWS_REGION` and `AWS_ENDPOINT_URL`"),
        (odd, "AWS_REGION"),
    ] {
        let run = project.run(&["scan"], &environment);
        assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{environment:?}: {}", run.stderr);
        assert!(run.why().contains(says), "{environment:?}: {}", run.stderr);
    }
}

#[test]
fn commands_that_need_no_cloud_work_in_a_checkout() {
    let checkout = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for arguments in [
        ["validate", "policies/baselines/small.yaml"],
        ["schema", "baseline"],
        ["schema", "report"],
        ["schema", "snapshot"],
        ["completions", "bash"],
    ] {
        let run: Run = guardline(checkout, &arguments, &[]).into();
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{arguments:?}");
        assert!(!run.stdout.is_empty(), "{arguments:?}");
    }
}
