//! From where an estate can be read: an account that stands alone, a delegated administrator, another account with a role
//! in the management account, another partition.

use std::collections::BTreeMap;
use std::thread;

use serde_json::{Value, json};

use crate::double::Server;
use crate::double::estate::{Estate, Managed, RegionKind};
use crate::drift_test::MANAGEMENT;
use crate::runner::{Project, coverage, covered, open};

const AUDIT: &str = "333333333333";
const NETWORK: &str = "888888888888";

fn scan_as(server: &Server, project: &Project, account: &str, arguments: &[&str]) -> (i32, Value, String) {
    let run = project.run(&[&["scan", "-f", "json"], arguments].concat(), &server.env_as(account));
    (run.code, run.report(), run.stderr)
}

#[test]
fn an_account_that_stands_alone_is_read_without_its_links() {
    let mut estate = Estate::standalone();
    estate.every_ec2(|ec2| {
        ec2.ebs_encryption_by_default = true;
        ec2.snapshot_block_public_access = Managed::by_account("block-all-sharing".to_owned());
        ec2.imds.http_tokens = Some("required".to_owned());
    });
    let server = Server::start(estate);
    // The double has never heard of SageMaker.
    let shipped = include_str!("../../policies/baselines/standalone.yaml");
    let project = Project::new(&shipped.replace("    - {service: sagemaker, code: \"*\", max: default}\n", ""));
    let run = project.scan(&server, &["--strict", "--fail-on", "info", "--snapshot", "snapshot.json"]);
    let report = run.report();
    assert_eq!((run.code, open(&report)), (0, Vec::new()), "{}", run.stderr);
    assert_eq!(report["summary"]["in_line"], true);
    let snapshot: Value = serde_json::from_str(&project.read("snapshot.json")).unwrap_or_default();
    assert_eq!(snapshot["organization"], "absent");
    // There is nobody to take a role from, and no organisation to ask.
    assert!(server.calls_of("sts:AssumeRole").is_empty());
    assert_eq!(server.calls_of("organizations:*").len(), 1);
    for section in ["organizational_units", "policies", "policy_types", "trusted_services"] {
        let row = covered(&report, &format!("baseline `{section}`"), MANAGEMENT);
        assert_eq!(row["status"], "skipped", "{row}");
    }
    let quotas = covered(&report, "servicequotas:ListServiceQuotas ec2", MANAGEMENT);
    assert_eq!(quotas["regions"], json!(["eu-central-1", "eu-west-1", "us-east-1", "us-west-2"]));
    assert!(server.repeated().is_empty(), "{:?}", server.repeated());
}

#[test]
fn a_declared_organisation_that_is_gone_is_not_in_line() {
    let server = Server::start(Estate::standalone());
    let run = Project::acme().scan(&server, &[]);
    let gone = "link.organization.changed o-a1b2c3d4e5 @o-a1b2c3d4e5: \"o-a1b2c3d4e5\" -> null; not-found (medium)";
    assert_eq!((run.code, open(&run.report()).first().map(String::as_str)), (3, Some(gone)), "{}", run.stderr);
}

#[test]
fn a_delegated_administrator_reads_what_it_may_and_the_rest_is_coverage() {
    let server = Server::start(Estate::sample());
    let (code, report, errors) = scan_as(&server, &Project::acme(), AUDIT, &["--strict"]);
    assert_eq!((code, open(&report)), (4, Vec::new()));
    assert_eq!(errors, "exit 4: coverage is incomplete: 5 reads were denied, throttled or failed\n");
    assert_eq!(report["summary"]["in_line"], false);
    // Only the management account sees who pays for whom, and only itself opens it to the agent.
    for direction in ["Inbound", "Outbound"] {
        let row = coverage(&report, &format!("organizations:List{direction}ResponsibilityTransfers"))[0];
        assert_eq!(row["status"], "denied", "{row}");
    }
    let regions = covered(&report, "reads in each region", MANAGEMENT);
    let reason = regions["reason"].as_str().unwrap_or_default();
    assert_eq!(regions["status"], "skipped", "the refusal itself is counted once");
    assert_eq!(covered(&report, "account:ListRegions", MANAGEMENT)["status"], "denied");
    assert!(reason.contains("cannot assume `arn:aws:iam::111111111111:role/GuardlineRead`"), "{reason}");
    // What is refused centrally is asked in the account, and both are named.
    let first = covered(&report, "account:ListRegions (first way)", "222222222222");
    assert_eq!(first["status"], "skipped", "{first}");
    assert_eq!(covered(&report, "servicequotas:ListServiceQuotas ec2", "222222222222")["status"], "evaluated");
    let asked = server.calls_of("account:ListRegions");
    assert!(asked.iter().any(|call| call.account == "222222222222" && call.status == 200), "{asked:?}");
    assert_eq!(coverage(&report, "organizations:ListAccounts")[0]["status"], "evaluated");
}

#[test]
fn a_role_in_the_management_account_opens_the_organisation_from_elsewhere() {
    let access = "access: {management_role: GuardlineOrgRead, member_role: GuardlineRead}";
    let project = Project::acme_with(&[("access: {member_role: GuardlineRead}", access)]);
    let server = Server::start(Estate::sample());
    let (code, report, errors) = scan_as(&server, &project, NETWORK, &["--strict"]);
    assert_eq!((code, errors.as_str()), (0, ""));
    assert_eq!(report["summary"]["in_line"], true);
    assert_eq!(report["run"]["caller"], "arn:aws:iam::888888888888:user/guardline-test");
    let organization = server.calls_of("organizations:*");
    let role = "arn:aws:sts::111111111111:assumed-role/GuardlineOrgRead/guardline";
    assert!(!organization.is_empty() && organization.iter().all(|call| call.caller == role), "{organization:?}");
    // The member role is not rolled out to the management account.
    let taken = server.calls_of("sts:AssumeRole");
    assert!(taken.iter().all(|call| call.status == 200), "{taken:?}");
    assert_eq!(taken.len(), 7, "each role is taken once");
    assert!(server.repeated().is_empty(), "{:?}", server.repeated());
}

#[test]
fn an_external_id_and_a_chain_of_roles_open_a_member() {
    let mut estate = Estate::sample();
    for id in estate.accounts.keys().cloned().collect::<Vec<_>>() {
        let mut account = estate.account_mut(&id);
        account.role("GuardlineRead").external_id = Some("planted-external-id".to_owned());
        account.role("Deep").trusts = vec![format!("arn:aws:iam::{id}:role/GuardlineRead")];
    }
    let deep = concat!("\"arn:aws:iam::{", "account}:role/Deep\"");
    let access = format!("access: {{member_role: [GuardlineRead, {deep}], external_id_env: GL_ID}}");
    let project = Project::acme_with(&[("access: {member_role: GuardlineRead}", &access)]);
    let server = Server::start(estate);
    let arguments = ["scan", "-f", "json", "--kind", "setting", "--account", "payments-prod"];
    let with = [&server.env()[..], &[("GL_ID", "planted-external-id".to_owned())]].concat();
    let run = project.run(&arguments, &with);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    let inside = server.calls_of("ec2:*");
    let deep = "arn:aws:sts::222222222222:assumed-role/Deep/guardline";
    assert!(!inside.is_empty() && inside.iter().all(|call| call.caller == deep), "{inside:?}");

    let without = project.run(&arguments, &server.env());
    assert_eq!((without.code, without.stdout.as_str()), (1, ""));
    assert!(without.why().contains("takes the external id from `GL_ID`, which is not set"), "{}", without.stderr);
    let wrong = [&server.env()[..], &[("GL_ID", "wrong".to_owned())]].concat();
    let report = project.run(&arguments, &wrong).report();
    assert_eq!(covered(&report, "ec2:GetSerialConsoleAccessStatus", "222222222222")["status"], "denied");
}

/// The sample, as another partition would have it.
fn in_partition(partition: &str, home: &str, other: &str) -> Estate {
    let mut estate = Estate::sample();
    let zones =
        |estate: &Estate, name: &str| estate.regions.get(name).map(|kind| kind.zones.clone()).unwrap_or_default();
    let kinds = [(home, zones(&estate, "eu-west-1")), (other, zones(&estate, "eu-central-1"))];
    estate.regions = kinds
        .into_iter()
        .map(|(name, zones)| (name.to_owned(), RegionKind { opt_in: false, geography: String::new(), zones }))
        .collect();
    (estate.partition, estate.global_region) = (partition.to_owned(), home.to_owned());
    for account in estate.accounts.values_mut() {
        account.regions = BTreeMap::new();
        account.events = BTreeMap::new();
        account.trails.iter_mut().for_each(|trail| home.clone_into(&mut trail.home_region));
    }
    estate
}

#[test]
fn another_partition_is_read_like_the_first() {
    // Home is where the endpoints' metadata says that the partition keeps Organizations.
    thread::scope(|scope| {
        scope.spawn(|| is_read_like_the_first("aws-cn", "cn-northwest-1", "cn-north-1"));
        scope.spawn(|| is_read_like_the_first("aws-us-gov", "us-gov-west-1", "us-gov-east-1"));
    });
}

fn is_read_like_the_first(partition: &str, home: &str, other: &str) {
    let server = Server::start(in_partition(partition, home, other));
    let regions = format!("    - {{allowed: [{home}, {other}]}}\n");
    let project = Project::acme_with(&[
        (
            "    - {allowed: [eu-central-1, eu-west-1, eu-south-1, us-east-1, us-west-2], required: [eu-south-1]}\n",
            &regions,
        ),
        ("    - {where: {ou: /Sandbox}, allowed: [eu-central-1, eu-west-1, us-east-1, us-west-2]}\n", ""),
    ]);
    // The environment names a region of the partition that is not its home.
    let environment = [&server.env()[..], &[("AWS_REGION", other.to_owned())]].concat();
    let run = project.run(&["scan", "-f", "json", "--strict"], &environment);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{partition}");
    let report = run.report();
    assert_eq!((open(&report), &report["summary"]["in_line"]), (Vec::new(), &json!(true)), "{partition}");
    assert_eq!(report["run"]["caller"], format!("arn:{partition}:iam::111111111111:user/guardline-test"));
    let role = format!("arn:{partition}:iam::222222222222:role/GuardlineRead");
    assert!(server.calls_of("sts:AssumeRole").iter().any(|call| call.input["RoleArn"] == role));
    assert!(server.calls_of("organizations:*").iter().all(|call| call.region == home));
    let quotas = covered(&report, "servicequotas:ListServiceQuotas ec2", MANAGEMENT);
    let mut regions = [home, other];
    regions.sort_unstable();
    assert_eq!(quotas["regions"], json!(regions));
}
