//! `guardline permissions`: what is printed is what a scan needs, and what is missing is found.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says why")]

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::double::Server;
use crate::double::estate::{Estate, EventDataStore, RowError};
use crate::double::faults::{Effect, Fault};
use crate::runner::{Project, Run, list};

pub(crate) const WHOLE: &str = include_str!("../fixtures/whole/guardline.yaml");

const NETWORK: &str = "888888888888";
const MEMBER: &str = "222222222222";

/// What a scan can ask and the sample gives no cause to, by identity.
const CONDITIONAL: &[(&str, &str, &str)] = &[
    ("member", "account:ListRegions", "asked in the account only where the central answer is refused"),
    ("*", "ec2:DescribeRegions", "asked only where both answers of `account:ListRegions` are refused"),
    ("agent", "cloudtrail:ListEventDataStores", "asked only where the agent's account is the management account"),
    ("agent", "cloudtrail:GetEventDataStore", "asked only where the agent's account is the management account"),
    ("agent", "servicequotas:ListAWSDefaultServiceQuotas", "asked only in the first account that answers for all"),
    ("*", "autoscaling:DescribeAccountLimits", "asked by Service Quotas in the caller's name"),
    ("*", "cloudformation:DescribeAccountLimits", "asked by Service Quotas in the caller's name"),
    ("*", "dynamodb:DescribeLimits", "asked by Service Quotas in the caller's name"),
    ("*", "elasticloadbalancing:DescribeAccountLimits", "asked by Service Quotas in the caller's name"),
    ("*", "iam:GetAccountSummary", "asked by Service Quotas in the caller's name"),
    ("*", "kinesis:DescribeLimits", "asked by Service Quotas in the caller's name"),
    ("*", "organizations:DescribeAccount", "asked by Service Quotas in the caller's name"),
    ("agent", "organizations:DescribeOrganization", "asked by Service Quotas in the caller's name"),
    ("member", "organizations:DescribeOrganization", "asked by Service Quotas in the caller's name"),
    ("agent", "organizations:ListAWSServiceAccessForOrganization", "asked by Service Quotas in the caller's name"),
    ("member", "organizations:ListAWSServiceAccessForOrganization", "asked by Service Quotas in the caller's name"),
    ("*", "rds:DescribeAccountAttributes", "asked by Service Quotas in the caller's name"),
    ("*", "route53:GetAccountLimit", "asked by Service Quotas in the caller's name"),
];

/// An estate that gives a scan cause to ask everything it can ask of its own accord.
fn busy() -> Estate {
    let mut estate = Estate::full();
    // Its tags decide which region rule holds.
    estate.add_account("101010101010", "unlisted", "/Sandbox");
    // A declared account moved: its effective policies are read, and its author is sought in the management account.
    estate.move_account("444444444444", "/Sandbox");
    let store = EventDataStore { organization: true, ..stores(&estate)[0].clone() };
    let mut management = estate.account_mut("111111111111");
    management.role("GuardlineOrgRead");
    management.event_data_stores.insert("us-east-1".to_owned(), vec![store]);
    let account = estate.account_mut(NETWORK);
    let quota = account.quota("us-east-1", "ec2", "L-1216C47A");
    quota.applied = Some(640.0);
    estate
}

fn stores(estate: &Estate) -> &[EventDataStore] {
    &estate.accounts[MEMBER].event_data_stores["us-east-1"]
}

fn policies(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}; {}", run.stderr))
}

fn actions(policy: &Value) -> BTreeSet<String> {
    let actions = list(&policy["Statement"]).iter().flat_map(|statement| list(&statement["Action"]));
    actions.map(|action| action.as_str().expect("a name").to_owned()).collect()
}

/// `service:Operation` by identity, as the double saw it.
fn made(server: &Server, own: &str) -> BTreeMap<&'static str, BTreeSet<String>> {
    let mut made: BTreeMap<&'static str, BTreeSet<String>> = BTreeMap::new();
    for call in server.calls() {
        let identity = match call.caller.as_str() {
            arn if arn.ends_with("assumed-role/GuardlineOrgRead/guardline") => "management",
            arn if arn.ends_with("assumed-role/GuardlineRead/guardline") => "member",
            arn if arn.contains(own) => "agent",
            other => panic!("a call by `{other}`"),
        };
        // Everybody may ask who they are.
        if call.action() != "sts:GetCallerIdentity" {
            made.entry(identity).or_default().insert(call.action());
        }
    }
    made
}

fn conditional(identity: &str) -> BTreeSet<String> {
    let here = CONDITIONAL.iter().filter(|(of, _, reason)| (*of == "*" || *of == identity) && !reason.is_empty());
    here.map(|(_, action, _)| (*action).to_owned()).collect()
}

#[test]
fn what_is_printed_is_what_a_whole_scan_asks() {
    let (server, project) = (Server::start(busy()), Project::new(WHOLE));
    let printed = policies(&project.run(&["permissions"], &[]));
    let run = project.run(&["scan", "-f", "json", "--exit-zero"], &server.env_as(NETWORK));
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(server.unexpected().is_empty(), "{:?}", server.unexpected());
    let made = made(&server, NETWORK);
    assert_eq!(made.keys().copied().collect::<Vec<_>>(), ["agent", "management", "member"]);
    for (identity, made) in made {
        let (printed, conditional) = (actions(&printed[identity]), conditional(identity));
        let without: BTreeSet<_> = made.difference(&printed).collect();
        assert!(without.is_empty(), "{identity} asks without permission: {without:?}");
        let unused: BTreeSet<_> = printed.difference(&made).cloned().collect();
        assert_eq!(unused, conditional.difference(&made).cloned().collect(), "{identity} is allowed more than it asks");
    }
}

/// Where no management role is declared, the agent's own identity reads the organisation.
#[test]
fn an_agent_in_the_management_account_needs_the_roles_of_members() {
    let (server, project) =
        (Server::start(busy()), Project::new(&WHOLE.replace("    management_role: GuardlineOrgRead\n", "")));
    let printed = policies(&project.run(&["permissions"], &[]));
    project.run(&["scan", "-f", "json", "--exit-zero"], &server.env());
    let asked: BTreeSet<String> = server
        .calls()
        .iter()
        .filter(|call| call.caller.ends_with("guardline-test"))
        .map(|call| call.action())
        .collect();
    let mut allowed = actions(&printed["management"]);
    assert!(printed["agent"].is_null(), "{printed}");
    allowed.insert("sts:GetCallerIdentity".to_owned());
    let surplus: BTreeSet<String> = allowed.difference(&asked).cloned().collect();
    assert_eq!(surplus, conditional("management"));
    assert!(asked.is_subset(&allowed), "{:?}", asked.difference(&allowed));
    let roles = list(&printed["management"]["Statement"]).iter().find(|one| one["Sid"] == "Roles");
    assert_eq!(
        roles.map(|one| one["Resource"].to_string()).as_deref(),
        Some("[\"arn:aws:iam::*:role/GuardlineRead\"]")
    );
}

#[test]
fn a_section_that_is_left_out_needs_nothing() {
    let cases = [
        ("  quota_auto_management: disabled\n", "servicequotas:GetAutoManagementConfiguration"),
        ("  quota_template: []\n", "servicequotas:ListServiceQuotaIncreaseRequestsInTemplate"),
        (
            "      vpc_block_public_access: {internet_gateway_block_mode: block-bidirectional}\n",
            "ec2:DescribeVpcBlockPublicAccessOptions",
        ),
        ("    retention_days: 365\n", "cloudtrail:ListEventDataStores"),
        ("    - {service: route53, code: \"*\", max: default}\n", "route53:GetAccountLimit"),
    ];
    let all = |text: &str| -> BTreeSet<String> {
        let printed = policies(&Project::new(text).run(&["permissions"], &[]));
        printed.as_object().expect("by identity").values().flat_map(actions).collect()
    };
    let whole = all(WHOLE);
    for (section, action) in cases {
        assert!(WHOLE.contains(section) && whole.contains(action), "{section}");
        let less = all(&WHOLE.replace(section, ""));
        assert!(!less.contains(action), "{action} is not needed");
        assert!(less.is_subset(&whole), "{section}: {:?}", less.difference(&whole));
    }
}

#[test]
fn roles_are_named_as_tightly_as_they_are_declared() {
    let template = concat!("\"arn:aws:iam::{", "account}:role/audit/Deep\"");
    let access = format!("member_role: [arn:aws:iam::555555555555:role/Hub, {template}]");
    let project = Project::new(&WHOLE.replace("member_role: GuardlineRead", &access));
    let printed = policies(&project.run(&["permissions"], &[]));
    let roles = |identity: &str| {
        let statements = list(&printed[identity]["Statement"]);
        statements.iter().find(|one| one["Sid"] == "Roles").map(|one| one["Resource"].clone()).unwrap_or_default()
    };
    let own = ["arn:aws:iam::555555555555:role/Hub", "arn:aws:iam::111111111111:role/GuardlineOrgRead"];
    assert_eq!(roles("agent"), serde_json::json!(own));
    assert_eq!(roles("member (by way of 1 Hub)"), serde_json::json!(["arn:aws:iam::*:role/audit/Deep"]));
    assert_eq!((roles("management"), roles("member")), (Value::Null, Value::Null));
}

#[test]
fn an_account_that_stands_alone_needs_no_roles() {
    let project = Project::new(include_str!("../../policies/baselines/standalone.yaml"));
    let printed = actions(&policies(&project.run(&["permissions"], &[])));
    let of_organization: Vec<_> = printed.iter().filter(|action| action.starts_with("organizations:")).collect();
    assert_eq!(of_organization, ["organizations:DescribeOrganization"]);
    assert!(printed.contains("cloudtrail:DescribeTrails") && !printed.contains("sts:AssumeRole"), "{printed:?}");
    for (role, says) in [("member", "names no `access.member_role`"), ("management", "speaks of no organisation")] {
        let run = project.run(&["permissions", "--role", role], &[]);
        assert_eq!((run.code, run.stdout.as_str()), (2, ""));
        assert!(run.why().contains(says), "{}", run.stderr);
    }
}

fn check(server: &Server, project: &Project, account: &str) -> Run {
    project.run(&["permissions", "--check"], &server.env_as(account))
}

/// What is said beside the answer: each line up to its first comma.
fn notes(run: &Run) -> Vec<&str> {
    run.stderr.lines().map(|line| line.split(',').next().unwrap_or_default()).collect()
}

/// Each planned call is made once for each identity and account, and nothing is missing where nothing is refused.
#[test]
fn a_check_makes_each_planned_call_once() {
    let (server, project) = (Server::start(busy()), Project::new(WHOLE));
    let run = check(&server, &project, NETWORK);
    assert_eq!((run.code, run.stdout.as_str()), (0, ""), "{}", run.stderr);
    assert_eq!(notes(&run), ["note: some quotas are looked up with the reader's own rights"]);
    assert!(server.unexpected().is_empty(), "{:?}", server.unexpected());
    let printed = policies(&project.run(&["permissions"], &[]));
    for (identity, made) in made(&server, NETWORK) {
        let mut planned: BTreeSet<String> =
            actions(&printed[identity]).difference(&conditional(identity)).cloned().collect();
        if identity == "agent" {
            planned.extend(made.contains("account:ListRegions").then(|| "account:ListRegions".to_owned()));
        }
        let asked: BTreeSet<_> = made.difference(&conditional(identity)).cloned().collect();
        assert_eq!(asked, planned, "{identity}");
    }
    // Once: by identity, account, and what is asked about.
    let calls = server.calls();
    let mut seen = BTreeSet::new();
    for call in &calls {
        let one = format!("{} {} {} {}", call.action(), call.caller, call.account, call.input);
        assert!(seen.insert(one.clone()), "asked again: {one}");
    }
    let inside: BTreeSet<_> = calls.iter().filter(|call| call.account == MEMBER).map(|call| &call.region).collect();
    assert_eq!(inside.len(), 1, "one region: {inside:?}");
    let whole = ["organizations:ListAccounts", "account:ListRegions"];
    let small = calls.iter().filter(|call| !whole.contains(&call.action().as_str()));
    let sized = small.filter_map(|call| call.input.get("MaxResults").and_then(Value::as_u64));
    assert!(sized.clone().count() > 20 && sized.clone().all(|size| size == 1), "the smallest page");
}

#[test]
fn a_check_says_what_is_missing_where_and_nothing_else() {
    let mut estate = busy();
    estate.account_mut(MEMBER).role("GuardlineRead").denies =
        vec!["ec2:GetSerial*".to_owned(), "cloudtrail:GetTrailStatus".to_owned()];
    estate.account_mut("555555555555").role("GuardlineRead").denied = true;
    estate.account_mut("111111111111").role("GuardlineOrgRead").denies = vec!["organizations:ListPolicies".to_owned()];
    let row = estate.account_mut("333333333333");
    row.quota("us-east-1", "iam", "L-F4A5425F").error =
        Some(RowError { code: "DEPENDENCY_ACCESS_DENIED_ERROR".to_owned(), message: "no".to_owned() });
    let server = Server::start(estate);
    let project = Project::new(WHOLE);
    let run = check(&server, &project, NETWORK);
    assert_eq!(run.code, 4, "{}", run.stderr);
    let start = |line: &str| line.split(": ").take(2).collect::<Vec<_>>().join(": ");
    let lines: Vec<String> = run.stdout.lines().map(start).collect();
    assert_eq!(
        lines,
        [
            "denied 111111111111 arn:aws:iam::111111111111:role/GuardlineOrgRead us-east-1 organizations:ListPolicies: AccessDeniedException",
            "denied 222222222222 arn:aws:iam::222222222222:role/GuardlineRead us-east-1 cloudtrail:GetTrailStatus: AccessDeniedException",
            "denied 222222222222 arn:aws:iam::222222222222:role/GuardlineRead us-east-1 ec2:GetSerialConsoleAccessStatus: UnauthorizedOperation",
            "denied 333333333333 arn:aws:iam::333333333333:role/GuardlineRead us-east-1 servicequotas:ListServiceQuotas iam: DEPENDENCY_ACCESS_DENIED_ERROR",
            "denied 555555555555 arn:aws:iam::555555555555:role/GuardlineRead us-east-1 sts:AssumeRole: cannot assume `arn:aws:iam::555555555555:role/GuardlineRead`",
        ]
    );
    assert!(run.stdout.contains("it needs iam:GetAccountSummary"), "{}", run.stdout);
    assert_eq!(run.why(), "exit 4: 5 calls are denied and 0 could not be told; 9 accounts were asked");
    let json: Value = {
        let run = project.run(&["permissions", "--check", "--format", "json"], &server.env_as(NETWORK));
        serde_json::from_str(&run.stdout).expect("JSON")
    };
    assert_eq!((&json["schema"], list(&json["missing"]).len()), (&"guardline/permissions/v1".into(), 5));
}

/// What fails is not what is allowed.
#[test]
fn a_check_never_takes_a_failure_for_an_answer() {
    let effects =
        [Effect::Throttled { seconds: None }, Effect::Internal, Effect::Reset, Effect::Empty, Effect::ExpiredToken];
    let project = Project::new(WHOLE);
    std::thread::scope(|scope| {
        for effect in effects {
            let project = &project;
            scope.spawn(move || {
                let said = format!("{effect:?}");
                let server = Server::start(busy());
                server.faults(vec![Fault::on("ec2:GetImageBlockPublicAccessState", effect).account(MEMBER)]);
                let run = check(&server, project, NETWORK);
                assert_eq!((run.code, run.stdout.lines().count()), (4, 1), "{said}: {}", run.stdout);
                assert!(run.stdout.contains("ec2:GetImageBlockPublicAccessState"), "{said}: {}", run.stdout);
            });
        }
    });
}

#[test]
fn a_check_of_accounts_whose_scope_is_not_known_says_so() {
    let scope = "  scope: {exclude: [{ou: /Workloads}]}\n\n  regions:";
    let project = Project::new(&WHOLE.replace("\n  regions:", scope));
    let server = Server::start(busy());
    let run = check(&server, &project, NETWORK);
    assert_eq!((run.code, run.stdout.as_str()), (0, ""), "{}", run.stderr);
    let begins = "note: not asked";
    assert_eq!(notes(&run), ["note: some quotas are looked up with the reader's own rights", begins], "{}", run.stderr);
    assert!(run.stderr.contains("101010101010") && !run.stderr.contains("444444444444"), "{}", run.stderr);
    assert!(server.calls().iter().all(|call| !["444444444444", MEMBER].contains(&call.account.as_str())));
}

#[test]
fn a_check_that_cannot_begin_exits_with_1_and_a_bad_flag_with_2() {
    let project = Project::new(WHOLE);
    let run = project.run(&["permissions", "--check"], &[]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{}", run.stderr);
    let run = project.run(&["permissions", "--check", "--format", "terraform"], &[]);
    assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{}", run.stderr);
    assert_eq!(project.run(&["permissions", "--baseline", "gone.yaml"], &[]).code, 2);
}

/// What is asked about where there is nothing to ask about is not there, and that is no refusal.
#[test]
fn a_check_of_an_estate_with_little_in_it_finds_nothing_missing() {
    let whole = WHOLE.replace("    management_role: GuardlineOrgRead\n", "").replace("  quota_template: []\n", "");
    let mut estate = Estate::sample();
    estate.account_mut("111111111111").trails.clear();
    let server = Server::start(estate);
    let run = check(&server, &Project::new(&whole), "111111111111");
    assert_eq!((run.code, run.stdout.as_str()), (0, ""), "{}", run.stderr);
    assert_eq!(notes(&run), ["note: some quotas are looked up with the reader's own rights"]);
    let refused: BTreeSet<_> = server.calls().iter().filter_map(|call| call.error.clone()).collect();
    assert!(
        refused.contains("TrailNotFoundException") && refused.contains("EventDataStoreNotFoundException"),
        "{refused:?}"
    );

    let server = Server::start(Estate::standalone());
    let alone = Project::new(include_str!("../../policies/baselines/standalone.yaml"));
    let run = check(&server, &alone, "111111111111");
    assert_eq!((run.code, run.stdout.as_str()), (0, ""), "{}", run.stderr);
    assert_eq!(notes(&run), ["note: some quotas are looked up with the reader's own rights"]);
    assert_eq!(server.calls_of("organizations:*").len(), 1);
    assert!(server.calls_of("cloudtrail:GetEventSelectors").len() == 1, "{:?}", server.calls_of("cloudtrail:*"));
}

/// What a scan learns another way is not missing; what it cannot learn at all is.
#[test]
fn a_check_asks_for_regions_as_a_scan_does() {
    let mut estate = busy();
    estate.organization_mut().trusted_services.remove("account.amazonaws.com");
    estate.account_mut(MEMBER).role("GuardlineRead").denies = vec!["account:*".to_owned()];
    let server = Server::start(estate);
    let run = check(&server, &Project::new(WHOLE), NETWORK);
    assert_eq!((run.code, run.stdout.as_str()), (0, ""), "{}", run.stderr);
    assert_eq!(server.calls_of("ec2:DescribeRegions").len(), 1);
    server.estate().account_mut(MEMBER).role("GuardlineRead").denies.push("ec2:DescribeRegions".to_owned());
    let run = check(&server, &Project::new(WHOLE), NETWORK);
    assert_eq!((run.code, run.stdout.lines().count()), (4, 1), "{}", run.stdout);
    assert!(run.stdout.contains("222222222222") && run.stdout.contains("account:ListRegions: "), "{}", run.stdout);
}

#[test]
fn arns_are_those_of_the_partition() {
    let project = Project::new(WHOLE);
    let text = project.run(&["permissions", "--partition", "aws-cn"], &[]).stdout;
    assert!(text.contains("arn:aws-cn:iam::*:role/GuardlineRead") && !text.contains("arn:aws:"), "{text}");
    assert_eq!(project.run(&["permissions", "--partition", "elsewhere"], &[]).code, 2);
}
