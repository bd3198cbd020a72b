//! A quick look: `--account`, `--ou`, `--region` and `--kind` show what they name and say that the rest is skipped.

use std::collections::BTreeSet;
use std::thread;

use serde_json::Value;

use crate::double::Server;
use crate::double::estate::{Estate, Managed};
use crate::runner::{Project, Run, coverage, list};

/// One drift of each kind, in different accounts and regions; and a baseline of which two entries mean nothing.
fn drifted() -> (Server, Project) {
    let mut estate = Estate::sample();
    estate.account_mut("222222222222").quota("us-east-1", "ec2", "L-1216C47A").applied = Some(640.0);
    estate.account_mut("222222222222").ec2("eu-west-1").serial_console_access = Managed::by_account(true);
    estate.account_mut("555555555555").set_region("me-south-1", "ENABLED");
    estate.account_mut("555555555555").quota("eu-west-1", "ec2", "L-1216C47A").applied = Some(99.0);
    estate.policy_mut("deny-leave").targets.clear();
    estate.move_account("444444444444", "/Sandbox");
    estate.account_mut("111111111111").trail("org-trail").logging = false;
    let server = Server::start(estate);
    let project = Project::acme_with(&[
        (
            "  quota_requests: none",
            "    - {service: ec2, code: \"*\", where: {region: mars-north-1}, max: default}\n  quota_requests: none",
        ),
        (
            "exemptions:\n",
            "exemptions:\n  - {match: {kind: quota, account: network}, max: 9, reason: none, owner: x, expires: 2099-01-01}\n",
        ),
    ]);
    (server, project)
}

fn rules(report: &Value) -> BTreeSet<String> {
    list(&report["findings"]).iter().filter_map(|finding| finding["rule"].as_str().map(str::to_owned)).collect()
}

/// Arguments, and the open findings that they leave: rule and place.
const CASES: &[(&[&str], &[&str])] = &[
    (
        &["--account", "payments-prod"],
        &["quota.raised 222222222222/us-east-1", "setting.changed 222222222222/eu-west-1"],
    ),
    (&["--account", "444444444444"], &["link.account.moved o-a1b2c3d4e5"]),
    // Accounts hang where the baseline says, wherever they are found.
    (
        &["--ou", "/Workloads"],
        &[
            "link.account.moved o-a1b2c3d4e5",
            "quota.raised 222222222222/us-east-1",
            "quota.raised 555555555555/eu-west-1",
            "region.enabled 555555555555/me-south-1",
            "setting.changed 222222222222/eu-west-1",
        ],
    ),
    (&["--ou", "/Sandbox"], &[]),
    (&["--region", "eu-west-1"], &["quota.raised 555555555555/eu-west-1", "setting.changed 222222222222/eu-west-1"]),
    (&["--kind", "quota"], &["quota.raised 222222222222/us-east-1", "quota.raised 555555555555/eu-west-1"]),
    (&["--kind", "quota", "--region", "eu-west-1"], &["quota.raised 555555555555/eu-west-1"]),
    (&["--kind", "policy"], &["policy.weakened o-a1b2c3d4e5"]),
    (&["--kind", "audit-log"], &["audit.trail.stopped o-a1b2c3d4e5"]),
    // The organisation's trail is held in its management account.
    (&["--kind", "audit-log", "--account", "111111111111"], &["audit.trail.stopped o-a1b2c3d4e5"]),
    (
        &["--kind", "region", "--kind", "setting"],
        &["region.enabled 555555555555/me-south-1", "setting.changed 222222222222/eu-west-1"],
    ),
];

#[test]
fn only_what_is_named_is_shown_and_the_rest_is_skipped() {
    let (server, project) = drifted();
    let whole = project.scan(&server, &[]);
    let all = rules(&whole.report());
    assert!(all.contains("baseline.unmatched") && all.contains("exemption.unused"), "{all:?}");
    assert_eq!(whole.report()["run"]["narrowed"], false);
    thread::scope(|scope| {
        for (arguments, expected) in CASES {
            let (server, project) = (&server, &project);
            scope.spawn(move || narrowed(&project.scan(server, arguments), arguments, expected));
        }
    });
}

/// Whether a narrowed run says what it should and no more.
fn narrowed(run: &Run, arguments: &[&str], expected: &[&str]) {
    let report = run.report();
    let shown: BTreeSet<String> = list(&report["findings"])
        .iter()
        .filter(|finding| finding["status"] == "open")
        .map(|finding| {
            let scope = &finding["scope"];
            let place = ["organization", "account", "region"].iter().filter_map(|part| scope[part].as_str());
            format!("{} {}", finding["rule"].as_str().unwrap_or_default(), place.collect::<Vec<_>>().join("/"))
        })
        .collect();
    assert_eq!(shown.iter().collect::<Vec<_>>(), expected, "{arguments:?}");
    assert_eq!(run.code, if expected.is_empty() { 0 } else { 3 }, "{arguments:?}: {}", run.stderr);
    assert_eq!(report["run"]["narrowed"], true, "{arguments:?}");
    assert_eq!(report["summary"]["in_line"], false, "{arguments:?}");
    let sentence = report["summary"]["sentence"].as_str().unwrap_or_default();
    assert!(sentence.ends_with("; the command line left the rest out"), "{sentence}");
    assert!(!sentence.contains("in line"), "{sentence}");
    assert_eq!(coverage(&report, "everything else")[0]["status"], "skipped", "{arguments:?}");
    // Not all of the baseline was compared, so nothing is said of its health.
    let rules = rules(&report);
    assert!(!rules.contains("baseline.unmatched") && !rules.contains("exemption.unused"), "{arguments:?}: {rules:?}");
}

#[test]
fn what_is_left_out_is_not_asked_for() {
    let server = Server::start(Estate::sample());
    let narrowed = ["--kind", "setting", "--account", "222222222222", "--region", "eu-west-1"];
    let run = Project::acme().scan(&server, &narrowed);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    assert!(server.calls_of("servicequotas:*").is_empty());
    assert!(server.calls_of("cloudtrail:*").is_empty());
    let asked = server.calls_of("ec2:*");
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(asked.iter().all(|call| call.account == "222222222222" && call.region == "eu-west-1"), "{asked:?}");
}
