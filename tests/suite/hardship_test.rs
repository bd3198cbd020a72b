//! Hardship: a provider that is slow, busy, broken or of another mind. The result is the same, or says what is missing.

use std::collections::BTreeMap;
use std::thread;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::double::estate::{Estate, Event};
use crate::double::faults::{Effect, Fault};
use crate::double::{Options, Server};
use crate::drift_test::hours_ago;
use crate::runner::{Project, Run, coverage, lines, list, open};

/// A small organisation, and one quota raised in it.
fn small() -> Estate {
    let mut estate = Estate::generate(4, 2, 3);
    estate.account_mut("200000000002").quota("us-east-2", "service00", "L-00000001").applied = Some(50.0);
    estate.log(
        Event::new("200000000002", "us-east-2", "servicequotas", "RequestServiceQuotaIncrease", &hours_ago(6))
            .by_user("200000000002", "bob")
            .request(json!({"serviceCode": "service00", "quotaCode": "L-00000001", "desiredValue": 50})),
    );
    estate
}

const SMALL: &str = r#"
version: 1
estate: small
aws:
  organization: o-a1b2c3d4e5
  management_account: "111111111111"
  access: {member_role: GuardlineRead}
  accounts:
    - {id: "111111111111", name: management, ou: /}
    - {match: "account-*", ou: /Unit000}
  organizational_units: [{path: /Unit000}]
  trusted_services: [account.amazonaws.com, cloudtrail.amazonaws.com]
  regions: [{allowed: ["*"]}]
  quotas: [{service: service00, code: "*", max: default}]
  policy_types: [service_control, resource_control]
  policies:
    - {name: FullAWSAccess, type: service_control, aws_managed: true, targets: everywhere}
    - {name: RCPFullAWSAccess, type: resource_control, aws_managed: true, targets: everywhere}
  settings: [{serial_console_access: false}]
  audit_logs:
    organization_trail: {multi_region: true, log_file_validation: true, management_events: all}
"#;

/// A scan of the small organisation at a given time, that tries often.
fn scan(server: &Server, clock: &str) -> Run {
    let environment = [&server.env()[..], &[("AWS_MAX_ATTEMPTS", "9".to_owned())]].concat();
    Project::new(SMALL).run(&["scan", "--format", "json", "--clock", clock], &environment)
}

/// A report without what differs from run to run: when it ended, and how many pages it took.
fn said(run: &Run) -> Value {
    let mut report = run.report();
    report["run"]["finished"] = Value::Null;
    report["summary"]["coverage"]["reads"] = Value::Null;
    for row in report["coverage"].as_array_mut().into_iter().flatten() {
        row["reads"] = Value::Null;
    }
    report
}

fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[test]
fn a_provider_that_recovers_costs_time_and_nothing_else() {
    let (clock, estate) = (now(), small());
    let clean = scan(&Server::start(estate.clone()), &clock);
    assert_eq!(clean.code, 3, "{}", clean.stderr);
    let expected = said(&clean);
    assert_eq!(
        open(&expected),
        ["quota.raised service00/L-00000001 @200000000002/us-east-2: {\"max\":\"default\",\"default\":10} -> 50; \
          attributed (high) arn:aws:iam::200000000002:user/bob"]
    );
    let throttled = || Fault::on("*", Effect::Throttled { seconds: Some(1.5) });
    let cases = [
        ("throttled for a while", vec![throttled()]),
        ("every third call throttled", vec![Fault::on("*", Effect::Throttled { seconds: None }).every(3)]),
        ("every third call fails", vec![Fault::on("*", Effect::Internal).every(3)]),
        ("every fourth connection is reset", vec![Fault::on("*", Effect::Reset).every(4)]),
        ("every fourth answer is cut", vec![Fault::on("servicequotas:*", Effect::Cut).every(4)]),
        ("every fourth answer is a page in HTML", vec![Fault::on("*", Effect::Html { status: 200 }).every(4)]),
        ("answers come late", vec![Fault::on("*", Effect::Slow { ms: 40 })]),
    ];
    thread::scope(|scope| {
        for (what, faults) in cases {
            let (expected, clock, estate) = (&expected, &clock, estate.clone());
            scope.spawn(move || {
                let server = Server::start(estate);
                server.faults(faults);
                assert_eq!(said(&scan(&server, clock)), *expected, "{what}");
                assert!(server.repeated().len() < 20, "{what}: a call is only made again when it failed");
            });
        }
    });
}

/// Lists from which something can be taken away between two of their pages: where there are several, all are read twice.
const READ_AGAIN: [&str; 9] = [
    "organizations:ListAWSServiceAccessForOrganization",
    "organizations:ListCreateAccountStatus",
    "organizations:ListDelegatedAdministrators",
    "organizations:ListDelegatedServicesForAccount",
    "organizations:ListHandshakesForOrganization",
    "organizations:ListInboundResponsibilityTransfers",
    "organizations:ListOutboundResponsibilityTransfers",
    "organizations:ListPolicies",
    "organizations:ListTargetsForPolicy",
];

/// The calls that were made more often than that.
fn repeated_in_vain(server: &Server) -> Vec<String> {
    let mut made: BTreeMap<String, usize> = BTreeMap::new();
    for call in server.calls() {
        *made.entry(format!("{} {} {} {}", call.action(), call.account, call.region, call.input)).or_default() += 1;
    }
    let allowed = |call: &str| {
        let again = READ_AGAIN.iter().any(|operation| call.split(' ').next() == Some(operation));
        if again { 2 } else { 1 }
    };
    made.into_iter().filter(|(call, times)| *times > allowed(call)).map(|(call, _)| call).collect()
}

#[test]
fn pages_cut_small_say_the_same() {
    let (clock, estate) = (now(), small());
    let run = |cap, empty_pages| {
        let mut estate = estate.clone();
        (estate.paging.cap, estate.paging.empty_pages) = (cap, empty_pages);
        let server = Server::start(estate);
        let run = scan(&server, &clock);
        assert_eq!(repeated_in_vain(&server), Vec::<String>::new());
        (said(&run), server.calls().len())
    };
    let (whole, few) = run(None, false);
    let (cut, more) = run(Some(1), false);
    let (empty, most) = run(Some(2), true);
    assert_eq!(cut, whole);
    assert_eq!(empty, whole);
    assert!(few < more && few < most, "{few} {more} {most}");
}

/// The published limits are enforced, and none is met: calls wait for their turn on this side.
#[test]
fn the_published_limits_are_kept_even_where_many_logs_are_asked() {
    let mut estate = Estate::sample();
    // Fourteen differences in one account, whose log is asked twice a second.
    for code in ["L-1216C47A", "L-34B43A08", "L-417A185B", "L-DB2E81BA", "L-0263D0A3"] {
        estate.account_mut("222222222222").quota("us-east-1", "ec2", code).applied = Some(640.0);
    }
    estate.organization_mut().trusted_services.clear();
    estate.organization_mut().root.policy_types.clear();
    estate.move_account("444444444444", "/Sandbox");
    estate.add_account("101010101010", "rogue", "/Sandbox");
    let server = Server::start_with(estate, Options { limits: Some(1.0), ..Options::default() });
    let run = Project::acme().scan(&server, &[]);
    assert_eq!(run.code, 3, "{}", run.stderr);
    let report = run.report();
    let (calls, refused) = (server.calls().len(), server.calls().iter().filter(|call| call.status != 200).count());
    let throttled = server.calls().iter().filter(|call| call.error.as_deref().is_some_and(is_throttling)).count();
    assert!(throttled * 1000 < calls, "{throttled} of {calls} calls were throttled ({refused} refused)");
    assert!(server.calls_of("cloudtrail:LookupEvents").len() > 12);
    assert!(server.max_rate("cloudtrail:LookupEvents") <= 3, "{}", server.max_rate("cloudtrail:LookupEvents"));
    // The wait is no failure: every log was read whole.
    let logs = coverage(&report, "cloudtrail:LookupEvents");
    assert!(!logs.is_empty() && logs.iter().all(|row| row["status"] == "evaluated"), "{logs:?}");
}

fn is_throttling(code: &str) -> bool {
    ["TooManyRequestsException", "ThrottlingException", "Throttling", "RequestLimitExceeded"].contains(&code)
}

#[test]
fn a_part_that_stays_away_is_named_and_the_rest_is_compared() {
    let cases = [
        // An SCP that blocks a region for an account.
        (
            Fault::on("*", Effect::DeniedByScp).account("200000000002").region("us-east-2"),
            ("servicequotas:ListServiceQuotas service00", "200000000002"),
            ("denied", "with an explicit deny in a service control policy"),
        ),
        (
            Fault::on("sts:AssumeRole", Effect::Denied).input("200000000001"),
            ("servicequotas:ListServiceQuotas service00", "200000000001"),
            ("denied", "cannot assume `arn:aws:iam::200000000001:role/GuardlineRead`: AccessDenied"),
        ),
        (
            Fault::on("ec2:*", Effect::Throttled { seconds: None }).account("200000000001"),
            ("ec2:GetSerialConsoleAccessStatus", "200000000001"),
            ("throttled", "RequestLimitExceeded: Request limit exceeded."),
        ),
        (
            Fault::on("servicequotas:*", Effect::ExpiredToken).account("200000000001"),
            ("servicequotas:ListServiceQuotas service00", "200000000001"),
            ("denied", "ExpiredTokenException: The security token included in the request is expired"),
        ),
        (
            Fault::on("servicequotas:List*", Effect::Body { text: "{\"Quotas\": [{]}".to_owned() })
                .account("200000000001"),
            ("servicequotas:ListServiceQuotas service00", "200000000001"),
            ("failed", "is not JSON"),
        ),
        (
            Fault::on("account:ListRegions", Effect::Denied).input("200000000001"),
            ("account:ListRegions", "200000000001"),
            ("evaluated", ""),
        ),
    ];
    thread::scope(|scope| {
        for (fault, (source, account), (status, reason)) in cases {
            scope.spawn(move || {
                let server = Server::start(small());
                let said = format!("{:?} {account}", fault.effect);
                server.faults(vec![fault]);
                let run = Project::new(SMALL).scan(&server, &["--strict", "--exit-zero"]);
                let report = run.report();
                let rows = coverage(&report, source);
                let named = rows.iter().find(|row| row["scope"]["account"] == account && row["status"] == status);
                let why = named.map(|row| row["reason"].as_str().unwrap_or_default());
                assert!(why.is_some_and(|why| why.contains(reason)), "{said}: {rows:?}");
                let complete = status == "evaluated";
                assert_eq!(run.code, if complete { 0 } else { 4 }, "{said}: {}", run.stderr);
                assert_eq!(report["summary"]["in_line"], false, "{said}");
                let accounts = &report["summary"]["coverage"]["incomplete_accounts"];
                assert_eq!(list(accounts).iter().any(|named| named == account), !complete, "{said}: {accounts}");
                assert!(list(&report["coverage"]).iter().any(|row| row["status"] == "evaluated"), "{said}");
            });
        }
    });
}

/// Defaults are the same for everybody: one account that may not list them costs nothing.
#[test]
fn an_account_that_may_not_list_the_defaults_speaks_for_nobody() {
    let mut estate = Estate::sample();
    estate.account_mut("222222222222").quota("us-east-1", "ec2", "L-1216C47A").applied = Some(640.0);
    let server = Server::start(estate);
    server.faults(vec![Fault::on("servicequotas:ListAWSDefaultServiceQuotas", Effect::Denied).account("111111111111")]);
    let report = Project::acme().scan(&server, &["--kind", "quota", "--region", "us-east-1", "--strict"]).report();
    assert_eq!(report["summary"]["coverage"]["complete"], true, "{:?}", report["summary"]);
    assert!(lines(&report).iter().any(|line| line.starts_with("quota.raised ec2/L-1216C47A")), "{:?}", lines(&report));

    // When nobody may, nothing is compared with them, and it is said.
    server.faults(vec![Fault::on("servicequotas:ListAWSDefaultServiceQuotas", Effect::Denied)]);
    let run = Project::acme().scan(&server, &["--kind", "quota", "--region", "us-east-1", "--strict"]);
    assert_eq!(run.code, 4, "{}", run.stderr);
}

#[test]
fn a_region_that_is_neither_on_nor_off_is_not_in_line() {
    // One on its way, and one in a state that AWS may add.
    for status in ["DISABLING", "ENABLED_V2"] {
        let mut estate = Estate::sample();
        estate.account_mut("888888888888").set_region("me-south-1", status);
        let run = Project::acme().scan(&Server::start(estate), &["--strict", "--kind", "quota", "--kind", "setting"]);
        let report = run.report();
        let rows = coverage(&report, "reads in the region");
        assert_eq!(rows.len(), 1, "{rows:?}");
        assert_eq!(rows[0]["scope"], json!({"provider": "aws", "account": "888888888888", "region": "me-south-1"}));
        let reason = format!("the region is {status}");
        assert_eq!((&rows[0]["status"], &rows[0]["reason"]), (&json!("failed"), &json!(reason)));
        assert_eq!(run.code, 4, "{}", run.stderr);
    }
}

#[test]
fn an_account_that_is_not_shut_is_asked_and_what_it_refuses_is_missing() {
    for state in ["PENDING_ACTIVATION", "RESTRICTED"] {
        let mut estate = Estate::sample();
        estate.account_mut("222222222222").state = state.to_owned();
        let run = Project::acme().scan(&Server::start(estate), &["--strict", "--kind", "quota"]);
        let report = run.report();
        let refused = coverage(&report, "servicequotas:ListServiceQuotas ec2");
        let refused = refused.iter().filter(|row| row["status"] == "denied");
        assert!(refused.clone().count() > 0, "{state}: {}", report["summary"]);
        assert!(refused.clone().all(|row| row["scope"]["account"] == "222222222222"), "{state}");
        assert_eq!((run.code, &report["summary"]["in_line"]), (4, &json!(false)), "{state}: {}", run.stderr);
    }
}

#[test]
fn a_provider_that_makes_no_sense_is_said_in_one_line() {
    let page = |text: &str| Effect::Body { text: text.to_owned() };
    let cases = [
        (Effect::Html { status: 200 }, "is not what EC2 or STS sends; it starts with `<!DOCTYPE html>"),
        (Effect::Html { status: 500 }, "HTTP 500 without an error code, with a body that starts `<!DOCTYPE html>"),
        (page("{\"UserId\": "), "is not what EC2 or STS sends; it starts with `{\"UserId\": `"),
        (Effect::Empty, "the answer to `sts:GetCallerIdentity` is empty"),
        (Effect::ExpiredToken, "sign in again, or renew the session token"),
        (Effect::ClockSkew, "check this machine's clock and the secret access key"),
        (Effect::Hangup, "check the network, `AWS_REGION` and `AWS_ENDPOINT_URL`"),
    ];
    thread::scope(|scope| {
        for (effect, says) in cases {
            scope.spawn(move || {
                let server = Server::start(small());
                let said = format!("{effect:?}");
                server.faults(vec![Fault::on("*", effect)]);
                let run = Project::new(SMALL).scan(&server, &[]);
                assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{said}: {}", run.stderr);
                assert_eq!(run.stderr.lines().count(), 1, "{said}: {}", run.stderr);
                assert!(run.why().contains(says), "{said}: {}", run.stderr);
            });
        }
    });
}

/// The provider says its own time with every refusal, and the SDK signs the next try for it; but it takes EC2's word for
/// that for something else.
#[test]
fn a_clock_ten_minutes_off_is_corrected_or_named() {
    thread::scope(|scope| {
        for minutes in [10, -10] {
            scope.spawn(move || {
                let server = Server::start(small());
                server.clock_ahead(SignedDuration::from_mins(minutes));
                let run = Project::new(SMALL).scan(&server, &["--strict"]);
                assert_eq!(run.code, 3, "{minutes}: {}", run.stderr);
                let report = run.report();
                assert_eq!(open(&report).len(), 1, "{minutes}");
                assert!(server.calls().iter().any(|call| call.status != 200), "{minutes}: nothing was refused");
                let incomplete = |row: &&Value| row["status"] != "evaluated" && row["status"] != "skipped";
                let missing: Vec<_> = list(&report["coverage"]).iter().filter(incomplete).collect();
                assert_eq!(missing.len(), 8, "{minutes}: {missing:?}");
                for row in missing {
                    assert_eq!(row["source"], "ec2:GetSerialConsoleAccessStatus", "{minutes}: {row}");
                    let reason = row["reason"].as_str().unwrap_or_default();
                    assert!(reason.starts_with("RequestExpired: Signature expired"), "{minutes}: {row}");
                }
            });
        }
    });
}

#[test]
fn a_region_that_is_off_or_does_not_exist_is_said() {
    let server = Server::start(Estate::sample());
    let project = Project::acme();
    for region in ["me-south-1", "eu-nowhere-1", "nowhere"] {
        let environment = [&server.env()[..], &[("AWS_REGION", region.to_owned())]].concat();
        let run = project.run(&["scan"], &environment);
        assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{region}: {}", run.stderr);
        assert!(run.why().contains(&format!("asked in `{region}`")), "{region}: {}", run.stderr);
        assert!(run.why().contains("check the access key, and that the region is on"), "{region}: {}", run.stderr);
    }
}

#[test]
fn what_is_global_is_asked_at_home_from_any_region() {
    let server = Server::start_with(small(), Options { strict_regions: true, ..Options::default() });
    let environment = [&server.env()[..], &[("AWS_REGION", "us-east-2".to_owned())]].concat();
    let run = Project::new(SMALL).run(&["scan", "-f", "json"], &environment);
    assert_eq!(open(&run.report()).len(), 1, "{}", run.stderr);
    assert_eq!(run.report()["summary"]["coverage"]["complete"], true);
    assert!(server.calls_of("organizations:*").iter().all(|call| call.region == "us-east-1"));
}

#[test]
fn an_organisation_without_members_is_an_organisation() {
    let server = Server::start(Estate::generate(1, 1, 1));
    let run = Project::new(
        &SMALL
            .replace("    - {match: \"account-*\", ou: /Unit000}\n", "")
            .replace("organizational_units: [{path: /Unit000}]", "organizational_units: []"),
    )
    .scan(&server, &["--strict"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    assert_eq!(run.report()["summary"]["in_line"], true);
}
