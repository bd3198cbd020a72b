//! `guardline scan` as a process, against the wire double: what is read, and what is said of what cannot be.

#![allow(clippy::expect_used, reason = "a test that cannot go on says why")]

use std::thread;

use crate::double::Server;
use crate::double::estate::Estate;
use crate::double::faults::{Effect, Fault};
use crate::runner::{Project, coverage, covered, lines, list};

/// Little to read inside accounts.
const BASELINE: &str = r#"
version: 1
estate: test
aws:
  management_account: "111111111111"
  access: {member_role: GuardlineRead}
  regions: [{allowed: [us-east-1, eu-south-1]}]
  quotas: [{service: ec2, code: "*", max: default, where: {region: us-east-1}}]
  settings: [{serial_console_access: false, where: {region: us-east-1}}]
"#;

#[test]
fn an_organisation_as_aws_makes_it_is_in_line() {
    thread::scope(|scope| {
        scope.spawn(|| is_in_line(&[]));
        scope.spawn(|| is_in_line(&["--strict", "--fail-on", "info"]));
    });
}

fn is_in_line(arguments: &[&str]) {
    let server = Server::start(Estate::sample());
    let run = Project::acme().scan(&server, arguments);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{arguments:?}");
    let report = run.report();
    assert_eq!(report["summary"]["in_line"], true);
    assert_eq!(report["summary"]["sentence"], "acme: in line with its baseline; 1 exempt; coverage complete");
    assert_eq!(
        lines(&report),
        ["link.account.suspended 999999999999 @o-a1b2c3d4e5: \"ACTIVE\" -> \"SUSPENDED\"; not-found (medium)"]
    );
    // Quotas of IAM are kept in the home region alone; that they are nowhere else is no gap.
    let elsewhere = coverage(&report, "servicequotas:ListServiceQuotas iam");
    let elsewhere: Vec<_> = elsewhere.iter().filter(|row| row["status"] != "evaluated").collect();
    assert!(!elsewhere.is_empty());
    assert!(elsewhere.iter().all(|row| row["status"] == "unsupported"), "{elsewhere:?}");
    assert!(elsewhere.iter().all(|row| row["scope"]["region"] != "us-east-1"), "{elsewhere:?}");
    assert!(server.unexpected().is_empty(), "{:?}", server.unexpected());
    assert!(server.repeated().is_empty(), "{:?}", server.repeated());
}

#[test]
fn an_organisation_is_read_whole_and_nothing_twice() {
    let mut estate = Estate::sample();
    estate.account_mut("222222222222").quota("us-east-1", "ec2", "L-1216C47A").applied = Some(640.0);
    let (server, project) = (Server::start(estate), Project::new(BASELINE));
    let snapshot = project.snapshot(&server);
    assert_eq!(snapshot["schema"], "guardline/snapshot/v1");
    let organization = &snapshot["organization"]["known"];
    assert_eq!(list(&organization["accounts"]["known"]).len(), 9);
    assert_eq!(list(&organization["units"]["known"]).len(), 6);
    let polled = &snapshot["accounts"]["222222222222"]["regions"]["us-east-1"];
    let raised = list(&polled["quotas"]["ec2"]["known"]).iter().filter(|row| row["code"] == "L-1216C47A");
    assert_eq!(raised.map(|row| row["value"]["known"].as_f64()).collect::<Vec<_>>(), [Some(640.0)]);
    assert!(polled["settings"]["serial_console_access"]["known"].is_object(), "{polled}");
    // The rules speak of one region: no other is asked for quotas or settings.
    let inside = [server.calls_of("servicequotas:List*Quotas"), server.calls_of("ec2:*")].concat();
    assert!(!inside.is_empty() && inside.iter().all(|call| call.region == "us-east-1"));
    assert_eq!(coverage(&snapshot, "organizations:ListRoots")[0]["reads"], 1);
    // A suspended account is named, and never asked.
    let suspended = covered(&snapshot, "account", "999999999999");
    assert_eq!((&suspended["status"], &suspended["reason"]), (&"skipped".into(), &"the account is SUSPENDED".into()));
    assert!(snapshot["accounts"].get("999999999999").is_none());
    assert!(server.calls().iter().all(|call| call.account != "999999999999"));
    assert!(server.unexpected().is_empty(), "{:?}", server.unexpected());
    assert!(server.repeated().is_empty(), "{:?}", server.repeated());
}

#[test]
fn the_agent_can_be_recognised() {
    let server = Server::start(Estate::sample());
    Project::new(BASELINE).snapshot(&server);
    let calls = server.calls();
    let named = |agent: &str| agent.contains(concat!("app/guardline-", env!("CARGO_PKG_VERSION")));
    assert!(calls.iter().all(|call| named(&call.user_agent)), "{:?}", calls.iter().find(|c| !named(&c.user_agent)));
    let members = calls.iter().filter(|call| call.account != "111111111111");
    let arns: Vec<_> = members.map(|call| call.caller.as_str()).collect();
    assert!(
        !arns.is_empty() && arns.iter().all(|arn| arn.ends_with("assumed-role/GuardlineRead/guardline")),
        "{arns:?}"
    );
}

#[test]
fn what_cannot_be_read_is_unknown_and_named() {
    let cases = [
        (Effect::Denied, "denied"),
        (Effect::DeniedByScp, "denied"),
        (Effect::Throttled { seconds: None }, "throttled"),
        (Effect::Empty, "failed"),
        (Effect::Html { status: 200 }, "failed"),
        (Effect::Html { status: 500 }, "failed"),
        (Effect::Cut, "failed"),
        (Effect::Truncated, "failed"),
        (Effect::Reset, "failed"),
        (Effect::Hangup, "failed"),
        (Effect::Internal, "failed"),
        (Effect::Unavailable, "failed"),
    ];
    // They wait most of the time, so they wait together.
    thread::scope(|scope| {
        for (effect, status) in cases {
            scope.spawn(move || {
                let said = format!("{effect:?}");
                let server = Server::start(Estate::sample());
                server.faults(vec![Fault::on("ec2:GetSerialConsoleAccessStatus", effect).account("222222222222")]);
                let snapshot = Project::new(BASELINE).snapshot(&server);
                let polled = &snapshot["accounts"]["222222222222"]["regions"]["us-east-1"];
                let setting = &polled["settings"]["serial_console_access"];
                assert_eq!(setting["unknown"]["status"], status, "{said}: {setting}");
                let row = covered(&snapshot, "ec2:GetSerialConsoleAccessStatus", "222222222222");
                assert_eq!(row["status"], status, "{said}: {row}");
                assert!(polled["quotas"]["ec2"]["known"].is_array(), "{said}: the rest is read");
            });
        }
    });
}

#[test]
fn a_root_without_its_policy_types_is_unknown_and_not_without_policies() {
    let server = Server::start(Estate::sample());
    let gone = Effect::Remove { path: "Roots.0.PolicyTypes".to_owned() };
    server.faults(vec![Fault::on("organizations:ListRoots", gone)]);
    let snapshot = Project::new(BASELINE).snapshot(&server);
    let types = &snapshot["organization"]["known"]["policy_types"];
    assert_eq!(types["unknown"]["reason"], "the answer has no `PolicyTypes`", "{types}");
    assert_eq!(coverage(&snapshot, "organizations:ListRoots")[0]["status"], "failed");
}

#[test]
fn a_plan_is_shown_without_the_reads_in_accounts() {
    let server = Server::start(Estate::sample());
    let run = Project::new(BASELINE).run(&["scan", "--plan"], &server.env());
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    let count = |operation: &str| {
        let line = run.stdout.lines().find(|line| line.starts_with(operation));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<usize>().ok())
    };
    // Eight accounts are active, and the rules speak of one region.
    assert_eq!(count("servicequotas:ListServiceQuotas "), Some(8), "{}", run.stdout);
    assert_eq!(count("ec2:GetSerialConsoleAccessStatus "), Some(8), "{}", run.stdout);
    // Seven of them need a role; the calls made for the plan are counted as they were made.
    assert_eq!(count("sts:AssumeRole "), Some(7), "{}", run.stdout);
    for made in ["account:ListRegions", "organizations:DescribePolicy", "organizations:ListTargetsForPolicy"] {
        assert_eq!(count(&format!("{made} ")), Some(server.calls_of(made).len()), "{}", run.stdout);
    }
    assert!(run.stdout.contains("by the published rate limits"), "{}", run.stdout);
    assert!(server.calls_of("servicequotas:*").is_empty());
    assert!(server.calls_of("ec2:*").is_empty());
}
