//! `guardline record`, end to end: what is written is a baseline, the estate it came from is in line with it, and what changes
//! afterwards is found.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says why")]

use std::path::Path;

use serde_json::Value;

use crate::double::Server;
use crate::double::estate::Estate;
use crate::runner::{Project, Run, list, open};

const RECORD: [&str; 5] = ["record", "-o", "recorded", "--member-role", "GuardlineRead"];
const SCAN: [&str; 7] = ["scan", "-b", "recorded/guardline.yaml", "-f", "json", "--fail-on", "info"];

/// An empty folder.
fn nothing() -> Project {
    Project::new("")
}

fn recorded(project: &Project, server: &Server, more: &[&str]) -> Run {
    let run = project.run(&[&RECORD[..], more].concat(), &server.env());
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(run.stdout, "", "stdout is for data");
    let checked = project.run(&["validate", "recorded/guardline.yaml"], &[]);
    assert_eq!((checked.code, checked.stderr.as_str()), (0, ""), "{}", project.read("recorded/guardline.yaml"));
    run
}

/// Rules and subjects of what is accepted.
fn exempt(report: &Value) -> Vec<String> {
    let exempt = list(&report["findings"]).iter().filter(|finding| finding["status"] == "exempt");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    exempt.map(|finding| format!("{} {}", text(&finding["rule"]), text(&finding["subject"]["id"]))).collect()
}

#[test]
fn the_sample_is_in_line_with_what_was_recorded_of_it() {
    let (server, project) = (Server::start(Estate::sample()), nothing());
    let run = recorded(&project, &server, &["--service", "ec2", "--service", "lambda", "--service", "iam"]);
    let baseline = project.read("recorded/guardline.yaml");
    for line in [
        "# yaml-language-server: $schema=baseline-v1.json",
        "estate: o-a1b2c3d4e5",
        "  access: {member_role: GuardlineRead}",
        r#"    - {id: "222222222222", name: payments-prod, ou: /Workloads/Prod}"#,
        "    - {path: /Workloads, id: ou-ab12-c3d4e5f6}",
        "    - {where: {ou: /Sandbox}, allowed: [eu-central-1, eu-west-1, us-east-1, us-west-2], zone_groups: []}",
        r#"    - {service: ec2, code: "*", max: default}"#,
        "    - {name: FullAWSAccess, type: service_control, aws_managed: true, targets: everywhere}",
        "    organization_trail: {name: org-trail, multi_region: true, log_file_validation: true, management_events: all}",
    ] {
        assert!(baseline.lines().any(|there| there == line), "no `{line}` in\n{baseline}");
    }
    assert!(project.read("recorded/scp/deny-leave.json").contains("organizations:LeaveOrganization"));
    assert!(project.read("recorded/baseline-v1.json").contains("\"$schema\""));
    assert!(run.stderr.contains("the account is SUSPENDED (999999999999)"), "{}", run.stderr);

    let scan = project.run(&[&SCAN[..], &["--strict"]].concat(), &server.env());
    let report = scan.report();
    assert_eq!((scan.code, open(&report)), (0, Vec::new()), "{}\n{baseline}", scan.stderr);
    assert_eq!(exempt(&report), ["link.account.suspended 999999999999"]);
    assert!(server.unexpected().is_empty(), "{:?}", server.unexpected());
    assert!(server.calls_of("servicequotas:ListServiceQuotas").iter().all(|call| call.region != "me-south-1"));
}

#[test]
fn what_happens_after_the_record_is_found() {
    let project = nothing();
    recorded(&project, &Server::start(Estate::sample()), &["--service", "ec2"]);
    let night = Server::start(Estate::story());
    let report = project.run(&SCAN, &night.env()).report();
    let rules: Vec<&str> = list(&report["findings"])
        .iter()
        .filter(|finding| finding["status"] == "open")
        .filter_map(|finding| finding["rule"].as_str())
        .collect();
    for rule in [
        "audit.trail.stopped",
        "link.account.moved",
        "policy.weakened",
        "quota.raised",
        "quota.raised",
        "region.enabled",
    ] {
        assert!(rules.contains(&rule), "{rule} is not among {rules:?}");
    }
}

#[test]
fn a_bad_night_is_recorded_with_a_warning_and_accepted_by_name() {
    let (server, project) = (Server::start(Estate::story()), nothing());
    let run = recorded(&project, &server, &["--service", "ec2"]);
    // The account without the agent's role is named, and nothing is said of what is in it.
    assert!(run.stderr.contains("777777777777"), "{}", run.stderr);
    assert!(run.stderr.contains("[critical] audit.trail.stopped"), "{}", run.stderr);
    let baseline = project.read("recorded/guardline.yaml");
    let denied = run.stderr.lines().find(|line| line.contains("777777777777:role/GuardlineRead")).unwrap_or_default();
    assert!(denied.contains("quotas of ec2") && denied.contains("trails, zone groups: denied: "), "{denied}");
    assert!(baseline.contains("equals: 1152}") && baseline.contains("equals: 640}"), "{baseline}");

    let scan = project.run(&SCAN, &server.env());
    let report = scan.report();
    assert_eq!((scan.code, open(&report)), (0, Vec::new()), "{}\n{baseline}", scan.stderr);
    let accepted = exempt(&report);
    assert!(accepted.iter().any(|line| line.starts_with("audit.trail.stopped arn:")), "{accepted:?}");
    assert_eq!(accepted.len(), 2, "{accepted:?}");
    // What was not read is not in line either.
    assert_eq!(project.run(&[&SCAN[..], &["--strict"]].concat(), &server.env()).code, 4);
}

#[test]
fn a_snapshot_and_a_recording_do_as_well() {
    let (server, project) = (Server::start(Estate::sample()), Project::acme());
    let kept = project.run(&["scan", "--snapshot", "snapshot.json", "--record-to", "recording"], &server.env());
    assert_eq!(kept.code, 0, "{}", kept.stderr);
    for (into, from) in [("a", ["--from-snapshot", "snapshot.json"]), ("b", ["--replay", "recording"])] {
        let arguments = [&["record", "-o", into, "--member-role", "GuardlineRead"][..], &from].concat();
        let run = project.run(&arguments, &[]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        assert!(run.stderr.contains("quota template"), "what that scan did not ask for is said: {}", run.stderr);
        let baseline = format!("{into}/guardline.yaml");
        assert!(!project.read(&baseline).contains("\n  quota_template:"));
        let scan =
            project.run(&["scan", "-b", &baseline, "-f", "json", "--fail-on", "info", "--strict"], &server.env());
        assert_eq!((scan.code, open(&scan.report())), (0, Vec::new()), "{}\n{}", scan.stderr, project.read(&baseline));
    }
    let replayed = project.run(&["scan", "-b", "b/guardline.yaml", "-f", "json", "--replay", "recording"], &[]);
    assert_eq!((replayed.code, open(&replayed.report())), (0, Vec::new()), "{}", replayed.stderr);
}

#[test]
fn the_demos_recording_is_recorded_and_in_line() {
    let project = nothing();
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/demo");
    let demo = demo.to_str().expect("a path");
    let run = project.run(&[&RECORD[..], &["--replay", demo]].concat(), &[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let scan = project.run(&[&SCAN[..], &["--replay", demo]].concat(), &[]);
    assert_eq!((scan.code, open(&scan.report())), (0, Vec::new()), "{}", scan.stderr);
}

#[test]
fn an_account_that_stands_alone_is_recorded() {
    let (server, project) = (Server::start(Estate::standalone()), nothing());
    let run = project.run(&["record", "-o", "recorded", "--service", "ec2", "--estate", "alone: #1"], &server.env());
    assert_eq!(run.code, 0, "{}", run.stderr);
    let baseline = project.read("recorded/guardline.yaml");
    assert!(baseline.contains("\nestate: \"alone: #1\"\n") && !baseline.contains("organization"), "{baseline}");
    assert!(baseline.contains("    trails:\n      - {name: trail, multi_region: true"), "{baseline}");
    let scan = project.run(&[&SCAN[..], &["--strict"]].concat(), &server.env());
    assert_eq!((scan.code, open(&scan.report())), (0, Vec::new()), "{}\n{baseline}", scan.stderr);
}

#[test]
fn nothing_is_written_over_and_nothing_half_written() {
    let project = nothing();
    project.write("recorded/guardline.yaml", "mine");
    let server = Server::start(Estate::sample());
    let run = project.run(&RECORD, &server.env());
    let why = "error: `recorded/guardline.yaml` exists; give another folder, or `--force` to write over it";
    assert_eq!((run.code, run.why()), (2, why));
    assert!(server.calls().is_empty(), "it is said before anything is read");
    assert_eq!(project.read("recorded/guardline.yaml"), "mine");

    project.write("file", "mine");
    let run = project.run(&["record", "-o", "file"], &server.env());
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(run.why().starts_with("error: cannot write `file`"), "{}", run.stderr);
    assert!(server.calls().is_empty(), "it is said before anything is read");

    project.write("snapshot.json", "{}");
    let broken = project.run(&["record", "-o", "other", "--from-snapshot", "snapshot.json"], &[]);
    assert_eq!(broken.code, 2);
    let why =
        "error: cannot read the snapshot `snapshot.json`; give a file that `guardline scan --snapshot` wrote: missing";
    assert!(broken.why().starts_with(why), "{}", broken.stderr);
    let odd = project.run(&["record", "-o", "other", "--member-role", "no role"], &server.env());
    assert_eq!(odd.code, 2);
    assert!(odd.stderr.contains("`no role` is not the name of a role"), "{}", odd.stderr);
    assert!(!project.path("other").exists());

    // A document that is there stays, and the recorded one gets another name.
    project.write("beside/scp/deny-leave.json", "mine");
    let beside = project.run(&["record", "-o", "beside", "--service", "ec2"], &server.env());
    assert_eq!(beside.code, 0, "{}", beside.stderr);
    assert_eq!(project.read("beside/scp/deny-leave.json"), "mine");
    let again = project.run(&["validate", "beside/guardline.yaml"], &[]);
    assert_eq!(again.code, 0, "{}", again.stderr);

    let forced = project.run(&[&RECORD[..], &["--force", "--service", "ec2"]].concat(), &server.env());
    assert_eq!(forced.code, 0, "{}", forced.stderr);
    assert!(project.read("recorded/guardline.yaml").starts_with("# yaml-language-server"));
}
