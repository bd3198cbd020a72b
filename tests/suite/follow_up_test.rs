//! Reads that only some estates need, over the wire: who asked for a quota that drifted, the effective policies of an
//! account that drifts, the tags of an account that the baseline does not list. Elsewhere they are not made.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says why")]

use std::path::Path;

use serde_json::{Value, json};

use crate::double::estate::{ChangeRequest, Estate};
use crate::double::faults::{Effect, Fault};
use crate::double::{Call, Server};
use crate::runner::{guardline, said};

const PAYMENTS: &str = "222222222222";
const ALICE: &str = "arn:aws:sts::222222222222:assumed-role/Admin/alice@acme.example";
const HISTORY: &str = "servicequotas:ListRequestedServiceQuotaChangeHistory";
const EFFECTIVE: &str = "organizations:DescribeEffectivePolicy";
const TAGS: &str = "organizations:ListTagsForResource";

/// What a scan read and what it says.
struct Scan {
    snapshot: Value,
    report: Value,
}

impl Scan {
    /// A scan with a baseline of which the `aws` section is given. The log answers slowly: only one kind is looked at.
    fn of(kind: &str, server: &Server, aws: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        Self::made_in(directory.path(), aws, &["--kind", kind], &server.env())
    }

    fn made_in(directory: &Path, aws: &str, more: &[&str], environment: &[(&str, String)]) -> Self {
        let access = "  management_account: \"111111111111\"\n  access: {member_role: GuardlineRead}\n";
        let baseline = format!("version: 1\nestate: test\naws:\n{access}{aws}");
        std::fs::write(directory.join("guardline.yaml"), baseline).expect("a baseline");
        let arguments = [&["scan", "--exit-zero", "--snapshot", "snapshot.json", "-o", "report.json"], more].concat();
        let output = guardline(directory, &arguments, environment);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        let read = |name: &str| {
            let text = std::fs::read_to_string(directory.join(name)).expect("a file");
            serde_json::from_str(&text).expect("JSON")
        };
        Self { snapshot: read("snapshot.json"), report: read("report.json") }
    }

    fn findings(&self, rule: &str) -> Vec<&Value> {
        let findings = self.report["findings"].as_array().expect("findings");
        findings.iter().filter(|finding| finding["rule"] == rule).collect()
    }

    /// How a read of an account ended, and why.
    fn ended(&self, source: &str, account: &str) -> (&str, &str) {
        let rows = self.report["coverage"].as_array().expect("coverage");
        let of_account = |row: &&Value| row["source"] == source && row["scope"]["account"] == account;
        let row = rows.iter().find(of_account).unwrap_or_else(|| panic!("no row for `{source}` in {account}"));
        (row["status"].as_str().expect("a status"), row["reason"].as_str().unwrap_or_default())
    }
}

/// Where calls were made: account and region.
fn places(calls: &[Call]) -> Vec<(&str, &str)> {
    calls.iter().map(|call| (call.account.as_str(), call.region.as_str())).collect()
}

fn asked(server: &Server, operation: &str, key: &str) -> Vec<String> {
    let calls = server.calls_of(operation);
    calls.iter().map(|call| call.input[key].as_str().unwrap_or_default().to_owned()).collect()
}

/// The sample, in which a quota was raised before the audit log that is looked at begins.
fn raised(region: &str, service: &str, code: &str) -> Estate {
    let mut estate = Estate::sample();
    estate.account_mut(PAYMENTS).quota(region, service, code).applied = Some(640.0);
    let then = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(20 * 24);
    let request = ChangeRequest {
        status: "CASE_CLOSED".to_owned(),
        requester: Some(ALICE.to_owned()),
        ..ChangeRequest::new("d187537d13254312a9609ebca1b3a5f6A1B2C3D4", service, code, 640.0, &then.to_string())
    };
    estate.account_mut(PAYMENTS).request(region, request);
    estate
}

#[test]
fn who_asked_for_a_quota_is_read_only_where_it_drifted() {
    let server = Server::start(raised("eu-west-1", "ec2", "L-1216C47A"));
    let directory = tempfile::tempdir().expect("a directory");
    let rules = "  quotas: [{service: ec2, code: L-1216C47A, max: default}]\n";
    let scan = Scan::made_in(directory.path(), rules, &["--record-to", "recording"], &server.env());
    assert_eq!(places(&server.calls_of(HISTORY)), [(PAYMENTS, "eu-west-1")]);
    assert!(server.repeated().is_empty(), "{:?}", server.repeated());
    let request = &scan.snapshot["accounts"][PAYMENTS]["regions"]["eu-west-1"]["quota_requests"]["known"][0];
    assert_eq!(request["requester"], ALICE);
    assert_eq!(scan.ended(HISTORY, PAYMENTS), ("evaluated", ""));
    // The history is evidence: without it there would be none.
    let [finding] = scan.findings("quota.raised")[..] else { panic!("{:#}", scan.report) };
    assert!(
        finding["attribution"]["reason"].as_str().is_some_and(|said| said.contains("asked for 640")),
        "{finding:#}"
    );
    drop(server);
    let again = Scan::made_in(directory.path(), rules, &["--replay", "recording"], &[]);
    assert_eq!(again.snapshot["accounts"], scan.snapshot["accounts"]);
    assert_eq!(again.findings("quota.raised"), scan.findings("quota.raised"));
}

#[test]
fn the_history_of_a_quota_of_all_regions_is_read_at_home() {
    let server = Server::start(raised("us-east-1", "iam", "L-F4A5425F"));
    let scan = Scan::of("quota", &server, "  quotas: [{service: iam, code: \"*\", max: default}]\n");
    assert_eq!(places(&server.calls_of(HISTORY)), [(PAYMENTS, "us-east-1")]);
    let [finding] = scan.findings("quota.raised")[..] else { panic!("{:#}", scan.report) };
    assert_eq!(finding["scope"]["region"], "global");
    assert!(
        finding["attribution"]["reason"].as_str().is_some_and(|said| said.contains("asked for 640")),
        "{finding:#}"
    );
}

#[test]
fn what_the_baseline_asks_for_is_not_read_again_and_without_drift_nothing_is() {
    let server = Server::start(raised("eu-west-1", "ec2", "L-1216C47A"));
    let rules = "  quotas: [{service: ec2, code: L-1216C47A, max: default}]\n  quota_requests: none\n";
    Scan::of("quota", &server, rules);
    assert_eq!(places(&server.calls_of(HISTORY)).iter().filter(|place| **place == (PAYMENTS, "eu-west-1")).count(), 1);
    assert!(server.repeated().is_empty(), "{:?}", server.repeated());

    let server = Server::start(Estate::sample());
    Scan::of("quota", &server, "  quotas: [{service: ec2, code: L-1216C47A, max: default}]\n");
    assert!(server.calls_of(HISTORY).is_empty() && server.calls_of(EFFECTIVE).is_empty());
}

#[test]
fn a_history_that_is_refused_is_unknown_and_named() {
    let server = Server::start(raised("eu-west-1", "ec2", "L-1216C47A"));
    server.faults(vec![Fault::on(HISTORY, Effect::Denied)]);
    let scan = Scan::of("quota", &server, "  quotas: [{service: ec2, code: L-1216C47A, max: default}]\n");
    let requests = &scan.snapshot["accounts"][PAYMENTS]["regions"]["eu-west-1"]["quota_requests"];
    assert_eq!(requests["unknown"]["status"], "denied");
    assert_eq!(scan.ended(HISTORY, PAYMENTS).0, "denied");
    assert_eq!(scan.findings("quota.raised").len(), 1);
}

const TREE: &str = r#"  accounts:
    - {id: "111111111111", name: management, ou: /}
    - {id: "222222222222", name: payments-prod, ou: /Workloads/Prod}
    - {id: "888888888888", name: network, ou: /Infrastructure}
  policies:
    - {name: deny-leave, type: service_control, targets: [/]}
"#;

/// The sample, with a policy attached to an account, another account moved, and three types of management policies on.
fn drifted() -> Estate {
    let mut estate = Estate::sample();
    for policy_type in ["TAG_POLICY", "BACKUP_POLICY"] {
        estate.organization_mut().root.policy_types.insert(policy_type.to_owned(), "ENABLED".to_owned());
    }
    let types = &mut estate.organization_mut().root.policy_types;
    types.insert("CHATBOT_POLICY".to_owned(), "PENDING_ENABLE".to_owned());
    let tags = json!({"tags": {"tier": {"tag_key": {"@@assign": "tier"}}}});
    estate.add_policy("p-tags0001", "tags", "TAG_POLICY", &tags, &["/Workloads"]);
    estate.policy_mut("deny-leave").targets.insert(PAYMENTS.to_owned());
    estate.move_account("888888888888", "/Sandbox");
    estate
}

#[test]
fn effective_policies_are_read_for_accounts_that_drift() {
    let server = Server::start(drifted());
    let directory = tempfile::tempdir().expect("a directory");
    let scan = Scan::made_in(directory.path(), TREE, &["--kind", "policy", "--kind", "link"], &server.env());
    let mut asked: Vec<(String, String)> =
        asked(&server, EFFECTIVE, "TargetId").into_iter().zip(asked(&server, EFFECTIVE, "PolicyType")).collect();
    asked.sort();
    let each =
        [PAYMENTS, "888888888888"].iter().flat_map(|account| ["BACKUP_POLICY", "TAG_POLICY"].map(|of| (*account, of)));
    let each: Vec<_> = each.map(|(account, of)| (account.to_owned(), of.to_owned())).collect();
    // `payments-prod` has a policy too many, `network` hangs elsewhere. Nobody is asked about authorisation policies, or
    // about a type that is not on yet.
    assert_eq!(asked, each);
    let policies = &scan.snapshot["organization"]["known"]["effective_policies"];
    let tags = policies[PAYMENTS]["TAG_POLICY"]["known"].as_str().expect("a policy");
    assert_eq!(serde_json::from_str::<Value>(tags).expect("JSON")["tags"]["tier"]["tag_key"], "tier");
    assert_eq!(policies["888888888888"]["TAG_POLICY"], "absent");
    assert_eq!(policies[PAYMENTS]["BACKUP_POLICY"], "absent");
    assert_eq!(scan.ended(&format!("{EFFECTIVE} TAG_POLICY"), PAYMENTS).0, "evaluated");
    assert!(server.repeated().is_empty() && server.unexpected().is_empty(), "{:?}", server.repeated());
}

#[test]
fn an_effective_policy_that_cannot_be_read_is_unknown_and_named() {
    for (effect, status) in [(Effect::Denied, "denied"), (Effect::Empty, "failed"), (Effect::Cut, "failed")] {
        let server = Server::start(drifted());
        let what = format!("{effect:?}");
        server.faults(vec![Fault::on(EFFECTIVE, effect).input("TAG_POLICY")]);
        let scan = Scan::of("policy", &server, TREE);
        let policies = &scan.snapshot["organization"]["known"]["effective_policies"];
        assert_eq!(policies[PAYMENTS]["TAG_POLICY"]["unknown"]["status"], status, "{what}");
        assert_eq!(scan.ended(&format!("{EFFECTIVE} TAG_POLICY"), PAYMENTS).0, status, "{what}");
        assert_eq!(policies[PAYMENTS]["BACKUP_POLICY"], "absent", "{what}");
    }
}

/// Lists every account of the sample but `payments-prod` and the suspended one.
const UNLISTED: &str = r#"  accounts:
    - {id: "111111111111", name: management, ou: /}
    - {id: "333333333333", name: security-audit, ou: /}
    - {id: "444444444444", name: legacy, ou: /Workloads}
    - {id: "555555555555", name: payments-dev, ou: /Workloads/Dev}
    - {match: "sandbox-*", ou: /Sandbox}
    - {id: "888888888888", name: network, ou: /Infrastructure}
"#;
const BY_TAG: &str = r#"  quotas:
    - {service: ec2, code: L-1216C47A, max: default}
    - {service: ec2, code: L-1216C47A, where: {tag: {tier: prod}}, max: 1000}
"#;

#[test]
fn tags_are_read_of_accounts_that_the_baseline_does_not_list() {
    let server = Server::start(raised("eu-west-1", "ec2", "L-1216C47A"));
    let rules = format!("{UNLISTED}{BY_TAG}");
    let scan = Scan::of("quota", &server, &rules);
    // The suspended account is not listed either, and nothing inside it is read.
    assert_eq!(asked(&server, TAGS, "ResourceId"), [PAYMENTS]);
    assert!(scan.findings("quota.raised").is_empty(), "its tag allows as much: {:#}", scan.report);
    assert_eq!(scan.ended(TAGS, PAYMENTS), ("evaluated", ""));
    server.forget();
    server.estate().account_mut(PAYMENTS).tags.clear();
    assert_eq!(Scan::of("quota", &server, &rules).findings("quota.raised").len(), 1, "no tag allows it");
    server.forget();
    Scan::of("quota", &server, &format!("{UNLISTED}  quotas: [{{service: ec2, code: \"*\", max: default}}]\n"));
    assert!(server.calls_of(TAGS).is_empty(), "no rule asks for tags");
    server.forget();
    let listed = UNLISTED.replace("444444444444\", name: legacy", "222222222222\", name: payments-prod");
    Scan::of("quota", &server, &format!("{listed}{BY_TAG}"));
    assert_eq!(asked(&server, TAGS, "ResourceId"), ["444444444444"], "declared tags count alone");
}

#[test]
fn an_account_whose_tags_cannot_be_read_is_not_judged_and_named() {
    let server = Server::start(raised("eu-west-1", "ec2", "L-1216C47A"));
    server.faults(vec![Fault::on(TAGS, Effect::Denied)]);
    let scan = Scan::of("quota", &server, &format!("{UNLISTED}{BY_TAG}"));
    assert_eq!(scan.ended(TAGS, PAYMENTS).0, "denied");
    let (status, reason) = scan.ended("account", PAYMENTS);
    assert_eq!(status, "denied");
    assert!(reason.contains("its tags were not read, so that it cannot be told which rules apply"), "{reason}");
    assert!(server.calls_of("servicequotas:ListServiceQuotas").iter().all(|call| call.account != PAYMENTS));
    assert!(scan.findings("quota.raised").is_empty(), "{:#}", scan.report);
}
