//! What the baseline's exemptions and approved changes do to findings: one test a rule of theirs.

mod keeping;

use std::collections::BTreeMap;

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::audit::PrincipalKind;
use crate::baseline::files::Carried;
use crate::baseline::load_from;
use crate::compare::{LoggedIn, canonical, digest};
use crate::estate::{
    Account, AccountFacts, CoverageRow, CoverageStatus, GLOBAL, Observation, Organization, Policy, Provider,
    SNAPSHOT_SCHEMA, Unit,
};

const HEAD: &str = r#"
version: 1
estate: acme
aws:
  organization: o-a1b2c3d4e5
  management_account: "111111111111"
  accounts:
    - {id: "111111111111", name: management, ou: /}
    - {id: "222222222222", name: payments-prod, ou: /Workloads/Prod, tags: {tier: prod}}
    - {id: "444444444444", name: legacy, ou: /Workloads}
    - {match: "sandbox-*", ou: /Sandbox}
  organizational_units:
    - {path: /Workloads, id: ou-ab12-c3d4e5f6}
    - {path: /Workloads/Prod}
    - {path: /Sandbox}
"#;

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn baseline(rest: &str) -> Baseline {
    let text = format!("{HEAD}{rest}");
    let files = Carried(BTreeMap::from([("b.yaml".into(), text.as_str())]));
    load_from(&files, "b.yaml".as_ref(), &[]).unwrap_or_else(|error| panic!("{}", error.diagnostics.render(false, 100)))
}

fn account(id: &str, name: &str, unit: &str, joined: &str) -> Account {
    Account {
        id: id.to_owned(),
        name: name.to_owned(),
        email: None,
        state: "ACTIVE".to_owned(),
        joined_method: Some(joined.to_owned()),
        joined_at: None,
        parent: "ou-x".to_owned(),
        unit: unit.to_owned(),
        tags: Some(Observation::Known(BTreeMap::from([("tier".to_owned(), "prod".to_owned())]))),
    }
}

fn unit(id: &str, name: &str, path: &str, parent: &str) -> Unit {
    Unit { id: id.to_owned(), name: name.to_owned(), path: path.to_owned(), parent: parent.to_owned() }
}

fn snapshot() -> Snapshot {
    let policy = Policy {
        id: "p-ab12cd34".to_owned(),
        name: "deny-outside-eu".to_owned(),
        policy_type: "SERVICE_CONTROL_POLICY".to_owned(),
        aws_managed: false,
        document: Observation::Absent,
        targets: Observation::Absent,
    };
    let organization = Organization {
        id: "o-a1b2c3d4e5".to_owned(),
        management_account: "111111111111".to_owned(),
        feature_set: "ALL".to_owned(),
        root: Observation::Known("r-ab12".to_owned()),
        units: Observation::Known(vec![
            unit("ou-ab12-c3d4e5f6", "Renamed", "/Renamed", "r-ab12"),
            unit("ou-ab12-sandbox1", "Sandbox", "/Sandbox", "r-ab12"),
        ]),
        accounts: Observation::Known(vec![
            account("222222222222", "sandbox-not", "/Sandbox", "CREATED"),
            account("555555555555", "sandbox-7", "/Elsewhere", "CREATED"),
            account("666666666666", "sandbox-8", "/Elsewhere", "INVITED"),
            account("777777777777", "legacy", "/Workloads", "INVITED"),
        ]),
        policy_types: Observation::Absent,
        policies: BTreeMap::from([("SERVICE_CONTROL_POLICY".to_owned(), Observation::Known(vec![policy]))]),
        effective_policies: BTreeMap::new(),
        delegated_administrators: Observation::Absent,
        trusted_services: Observation::Absent,
        handshakes: Observation::Absent,
        account_requests: Observation::Absent,
        resource_policy: Observation::Absent,
        responsibility_transfers: Observation::Absent,
        quota_template: Observation::Absent,
    };
    Snapshot {
        schema: SNAPSHOT_SCHEMA.to_owned(),
        taken_at: time("2026-11-24T06:00:00Z"),
        provider: Provider::Aws,
        partition: "aws".to_owned(),
        caller_account: "111111111111".to_owned(),
        caller: "arn:aws:iam::111111111111:role/guardline".to_owned(),
        organization: Observation::Known(organization),
        accounts: BTreeMap::<String, AccountFacts>::new(),
        quota_definitions: BTreeMap::new(),
        coverage: Vec::new(),
    }
}

fn drift(rule: Rule, kind: Kind, aspect: Aspect, scope: Scope, id: &str, name: &str) -> Drift {
    Drift {
        rule,
        kind,
        aspect,
        scope,
        subject: Subject { id: id.to_owned(), name: name.to_owned() },
        direction: Direction::Weaker,
        expected: json!({"max": 256}),
        actual: json!(640),
        position: Some(Position { file: "b.yaml".to_owned(), line: 9, column: 7 }),
        logged_in: Vec::<LoggedIn>::new(),
        event_subject: BTreeMap::new(),
        event_effect: BTreeMap::new(),
    }
}

fn aws_account(id: &str, region: &str) -> Scope {
    Scope::account(Provider::Aws, id).in_region(region)
}

/// The quota of the design's example: 640 in payments-prod, eu-west-1.
fn quota(value: f64) -> Drift {
    let scope = aws_account("222222222222", "eu-west-1");
    let drift = drift(Rule::QuotaRaised, Kind::Quota, Aspect::Value, scope, "ec2/L-1216C47A", "Standard instances");
    Drift { actual: json!(value), ..drift }
}

fn region(account: &str) -> Drift {
    let scope = aws_account(account, "me-south-1");
    let drift = drift(Rule::RegionEnabled, Kind::Region, Aspect::Status, scope, "me-south-1", "me-south-1");
    Drift { actual: json!("ENABLED"), ..drift }
}

fn principal(kind: PrincipalKind, account: Option<&str>) -> Principal {
    Principal {
        kind,
        arn: "arn".to_owned(),
        account: account.map(str::to_owned),
        role: None,
        session_name: None,
        source_identity: None,
        user: None,
        mfa: None,
        access_key: None,
        session_since: None,
        invoked_by: None,
    }
}

fn user(name: &str) -> Principal {
    Principal { user: Some(name.to_owned()), ..principal(PrincipalKind::User, Some("222222222222")) }
}

fn role(arn: &str, session: &str) -> Principal {
    Principal {
        role: Some(arn.to_owned()),
        session_name: Some(session.to_owned()),
        ..principal(PrincipalKind::Role, arn.split(':').nth(4))
    }
}

fn made_by(principal: Principal, chain: Vec<Principal>, at: &str) -> Attribution {
    let event = EventRecord {
        id: "e-1".to_owned(),
        time: time(at),
        source: "servicequotas.amazonaws.com".to_owned(),
        name: "RequestServiceQuotaIncrease".to_owned(),
        account: "222222222222".to_owned(),
        region: "eu-west-1".to_owned(),
        error: None,
        principal: principal.clone(),
        source_ip: None,
        user_agent: None,
    };
    Attribution {
        outcome: Outcome::Attributed,
        confidence: Confidence::High,
        reason: "it fits".to_owned(),
        events: vec![event],
        attempts: Vec::new(),
        principal: Some(principal),
        chain,
        source_ip: None,
        user_agent: None,
        mfa: None,
    }
}

const IN_WINDOW: &str = "2026-11-21T03:00:00Z";
const NOW: &str = "2026-11-24T06:00:00Z";

fn run(rest: &str, changes: &[(Drift, Option<Attribution>)], now: &str) -> Vec<Finding> {
    let baseline = baseline(rest);
    findings(&Inputs { baseline: &baseline, snapshot: &snapshot(), changes, now: time(now) })
}

/// The finding of a drift, without those about the baseline itself.
fn judged(rest: &str, drift: Drift, by: Option<Attribution>, now: &str) -> Finding {
    let all = run(rest, &[(drift, by)], now);
    all.into_iter().find(|finding| finding.kind != Kind::Baseline).unwrap()
}

fn exempting(entry: &str) -> String {
    format!("exemptions:\n  - {{{entry}, reason: r, expires: 2027-03-01}}\n")
}

fn status(entry: &str, drift: Drift) -> Status {
    judged(&exempting(entry), drift, None, NOW).status
}

fn approving(by: &str, more: &str) -> String {
    format!(
        "approved_changes:\n  - id: CHG-4711\n    reason: capacity\n    by: [{by}]\n    \
         match: {{kind: quota, service: ec2, code: L-1216C47A, account: payments-prod}}\n    to: {{max: 640}}\n    \
         from: 2026-11-20T00:00:00Z\n    until: 2026-11-30T00:00:00Z\n{more}"
    )
}

fn approval(by: &str, author: Attribution) -> (Status, Vec<String>) {
    let finding = judged(&approving(by, ""), quota(640.0), Some(author), NOW);
    (finding.status, finding.notes)
}

const DEPLOY: &str = "arn:aws:iam::222222222222:role/deploy";

// Exemptions.

#[test]
fn an_exemption_matches_by_every_key_it_gives() {
    let keys = [
        "kind: quota",
        "rule: quota.raised",
        "rule: 'quota.*'",
        "account: payments-prod",
        "account: '222222222222'",
        "ou: /Workloads",
        "ou: /Workloads/Prod",
        "tag: {tier: prod}",
        "region: eu-west-1",
        "region: 'eu-*'",
        "partition: aws",
        "service: ec2",
        "code: L-1216C47A",
        "name: 'Standard*'",
        "id: ec2/L-1216C47A",
        "subject: Standard instances",
        "kind: quota, region: [us-east-1, eu-west-1]",
    ];
    for key in keys {
        assert_eq!(status(&format!("match: {{{key}}}"), quota(640.0)), Status::Exempt, "{key}");
    }
    let others = [
        "kind: region",
        "rule: quota.lowered",
        "account: legacy",
        "ou: /Sandbox",
        "tag: {tier: dev}",
        "region: us-east-1",
        "partition: aws-cn",
        "service: lambda",
        "code: L-0",
        "name: Standard",
        "id: x",
        "subject: x",
        "target: x",
        "resource: x",
        "type: service_control",
        "finding: gl-0000000000000000",
        "kind: quota, region: us-east-1",
    ];
    for key in others {
        assert_eq!(status(&format!("match: {{{key}}}"), quota(640.0)), Status::Open, "{key}");
    }
}

#[test]
fn an_exemption_can_name_one_finding_by_its_id() {
    let id = judged("", quota(640.0), None, NOW).id;
    assert_eq!(status(&format!("match: {{finding: {id}}}"), quota(640.0)), Status::Exempt);
    assert_eq!(status(&format!("match: {{finding: {id}}}"), region("222222222222")), Status::Open);
}

#[test]
fn a_policy_matches_by_type_name_target_and_unit() {
    let organization = Scope::organization(Provider::Aws, "o-a1b2c3d4e5");
    let on = |target: &str| {
        let id = format!("p-ab12cd34@{target}");
        drift(Rule::PolicyDetached, Kind::Policy, Aspect::Attachment, organization.clone(), &id, "deny-outside-eu")
    };
    let unit = || on("ou-ab12-c3d4e5f6");
    for key in
        ["type: service_control", "name: deny-outside-eu", "id: p-ab12cd34", "target: /Workloads", "ou: /Workloads"]
    {
        assert_eq!(status(&format!("match: {{{key}}}"), unit()), Status::Exempt, "{key}");
    }
    assert_eq!(status("match: {target: /Renamed}", unit()), Status::Open, "the declared path counts, not the live one");
    assert_eq!(status("match: {target: payments-prod}", on("222222222222")), Status::Exempt);
    assert_eq!(status("match: {target: /}", on("r-ab12")), Status::Exempt);
    assert_eq!(status("match: {account: '*'}", unit()), Status::Open, "an attachment on a unit is in no account");
}

#[test]
fn placement_is_declared_and_a_live_name_tag_or_place_buys_nothing() {
    // Live: called sandbox-not, in /Sandbox. Declared: payments-prod, in /Workloads/Prod.
    for key in ["account: sandbox-not", "ou: /Sandbox"] {
        assert_eq!(status(&format!("match: {{{key}}}"), quota(640.0)), Status::Open, "{key}");
    }
    // An invited account that took the name of a declared one.
    assert_eq!(status("match: {account: legacy}", region("777777777777")), Status::Open);
    assert_eq!(status("match: {account: legacy}", region("444444444444")), Status::Exempt);
    // Created here and expected by a pattern: placed by it. Invited: where it hangs.
    assert_eq!(status("match: {ou: /Sandbox}", region("555555555555")), Status::Exempt);
    assert_eq!(status("match: {tag: {tier: prod}}", region("555555555555")), Status::Open);
    assert_eq!(status("match: {ou: /Sandbox}", region("666666666666")), Status::Open);
}

#[test]
fn beyond_its_bound_an_exemption_does_not_reach_and_says_so() {
    let entry = exempting("match: {kind: quota}, max: 500");
    assert_eq!(judged(&entry, quota(500.0), None, NOW).status, Status::Exempt);
    let beyond = judged(&entry, quota(640.0), None, NOW);
    assert_eq!(beyond.status, Status::Open);
    assert_eq!(beyond.notes, ["exemption `kind quota` does not reach: 640 is above max 500"]);
    assert!(beyond.exempted_by.is_empty());
}

#[test]
fn every_sort_of_bound_holds_and_an_unknown_state_is_beyond_each() {
    let document = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*"}]});
    // Whoever attaches a digest to an exemption made it of the document in any of its spellings.
    let written_otherwise = json!({"Statement": {"Action": ["*"], "Effect": "Deny"}, "Version": "2012-10-17"});
    let digest = digest(&canonical(document).to_string());
    let claiming = json!({"digest": digest, "Statement": []});
    for (bound, within, outside) in [
        ("max: 500".to_owned(), json!(500), json!(500.5)),
        ("min: 10".to_owned(), json!({"value": 10}), json!(9)),
        ("value: true".to_owned(), json!(true), json!("true")),
        ("value: audit-mode".to_owned(), json!({"value": "audit-mode"}), json!("off")),
        ("status: ENABLED".to_owned(), json!({"status": "ENABLED"}), json!("DISABLING")),
        (format!("digest: '{digest}'"), written_otherwise, claiming),
    ] {
        let aspect = if bound.starts_with("digest") { Aspect::Content } else { Aspect::Value };
        let with =
            |actual: Value| status(&format!("match: {{kind: quota}}, {bound}"), Drift { actual, aspect, ..quota(0.0) });
        assert_eq!(with(within), Status::Exempt, "{bound}");
        assert_eq!(with(outside), Status::Open, "{bound}");
        assert_eq!(with(Value::Null), Status::Open, "{bound}");
    }
}

#[test]
fn an_exemption_ends_at_its_moment_and_the_end_is_a_finding() {
    let entry = exempting("id: x1, match: {kind: quota}, max: 640");
    // A bare date is that whole day in UTC.
    assert_eq!(judged(&entry, quota(640.0), None, "2027-03-01T23:59:59Z").status, Status::Exempt);
    let over = run(&entry, &[(quota(640.0), None)], "2027-03-02T00:00:00Z");
    let quota = over.iter().find(|finding| finding.rule == Rule::QuotaRaised).unwrap();
    assert_eq!(
        (quota.status, quota.notes.as_slice()),
        (Status::Open, &["exemption `x1` expired 2027-03-01".to_owned()][..])
    );
    let expired = over.iter().find(|finding| finding.rule == Rule::ExemptionExpired).unwrap();
    assert_eq!(expired.title, "Exemption x1 is over, and what it accepted still stands");
    assert_eq!(expired.actual, json!([quota.id]));
    assert_eq!(expired.baseline.as_ref().map(|position| position.file.as_str()), Some("b.yaml"));
}

fn rules(rest: &str, changes: &[(Drift, Option<Attribution>)], now: &str, coverage: Vec<CoverageRow>) -> Vec<Rule> {
    let baseline = baseline(rest);
    let snapshot = Snapshot { coverage, ..snapshot() };
    let found = findings(&Inputs { baseline: &baseline, snapshot: &snapshot, changes, now: time(now) });
    found.into_iter().map(|finding| finding.rule).collect()
}

fn unread(scope: Scope, source: &str, status: CoverageStatus) -> Vec<CoverageRow> {
    vec![CoverageRow { scope, source: source.to_owned(), status, reason: None, reads: 1, regions: Vec::new() }]
}

#[test]
fn an_exemption_that_matches_nothing_is_unused_once_everything_it_means_was_read() {
    use CoverageStatus::{Denied, Skipped, Unsupported};
    let entry = exempting("match: {kind: region, account: legacy, region: me-south-1}, status: ENABLED");
    let after = |scope: Scope, source: &str, status| rules(&entry, &[], NOW, unread(scope, source, status));
    let legacy = || Scope::account(Provider::Aws, "444444444444");
    assert_eq!(rules(&entry, &[], NOW, Vec::new()), [Rule::ExemptionUnused]);
    // What could hide it.
    for (scope, source) in [
        (legacy(), "account:ListRegions"),
        (legacy(), "sts:AssumeRole"),
        (legacy().in_region("me-south-1"), "ec2:DescribeAvailabilityZones"),
        (Scope::organization(Provider::Aws, "o-1"), "organizations:ListAccounts"),
    ] {
        assert_eq!(after(scope.clone(), source, Denied), [], "{source}");
        assert_eq!(after(scope, source, Skipped), [], "{source}");
    }
    // What could not.
    for (scope, source, status) in [
        (legacy(), "account:ListRegions", Unsupported),
        (legacy(), "servicequotas:ListServiceQuotas ec2", Denied),
        (legacy(), "cloudtrail:LookupEvents EnableRegion", Denied),
        (Scope::account(Provider::Aws, "222222222222"), "account:ListRegions", Denied),
        (legacy().in_region("eu-west-1"), "ec2:DescribeAvailabilityZones", Denied),
        (Scope::organization(Provider::Aws, "o-1"), "organizations:ListHandshakesForOrganization", Denied),
    ] {
        assert_eq!(after(scope, source, status), [Rule::ExemptionUnused], "{source}");
    }
}

#[test]
fn an_exemption_without_bound_or_scope_is_told_as_info() {
    let told = |entry: &str| {
        let found = run(&exempting(entry), &[(quota(640.0), None)], NOW);
        let unbounded = found.into_iter().find(|finding| finding.rule == Rule::ExemptionUnbounded);
        unbounded.map(|finding| (finding.severity, finding.actual))
    };
    assert_eq!(told("match: {kind: quota, account: payments-prod}, max: 900"), None);
    assert_eq!(told("match: {kind: quota, account: payments-prod}"), Some((Severity::Info, json!("no bound"))));
    assert_eq!(told("match: {kind: quota, account: '*'}, max: 900"), Some((Severity::Info, json!("no scope"))));
    assert_eq!(told("match: {}"), Some((Severity::Info, json!("no bound and no scope"))));
}

#[test]
fn no_exemption_accepts_what_is_wrong_with_exemptions() {
    let found = run(&exempting("match: {}"), &[], NOW);
    assert!(found.iter().any(|finding| finding.rule == Rule::ExemptionUnbounded));
    assert!(found.iter().all(|finding| finding.status == Status::Open));
}

#[test]
fn what_is_wrong_with_one_exemption_has_an_id_each_and_alike_exemptions_too() {
    let twice = "exemptions:\n  - {match: {}, reason: r, expires: 2026-01-01}\n  - {match: {}, reason: r, expires: 2026-01-02}\n";
    let found = run(twice, &[(quota(640.0), None)], NOW);
    let ids: std::collections::BTreeSet<&str> = found.iter().map(|finding| finding.id.as_str()).collect();
    assert_eq!((found.len(), ids.len()), (5, 5), "one drift, two expired, two unbounded");
}

// Approved changes.

#[test]
fn an_approved_change_needs_the_right_role_in_time_and_to_the_right_state() {
    let by = "{role: 'arn:aws:iam::*:role/deploy'}";
    let ci = || role(DEPLOY, "ci");
    let at = |at: &str| approval(by, made_by(ci(), Vec::new(), at)).0;
    assert_eq!(at("2026-11-20T00:00:00Z"), Status::Approved, "`from` is included");
    assert_eq!(at("2026-11-19T23:59:59Z"), Status::Open);
    assert_eq!(at("2026-11-29T23:59:59Z"), Status::Approved);
    assert_eq!(at("2026-11-30T00:00:00Z"), Status::Open, "`until` is not");
    let author = || Some(made_by(ci(), Vec::new(), IN_WINDOW));
    let finding = judged(&approving(by, ""), quota(641.0), author(), NOW);
    assert_eq!(
        (finding.status, finding.notes),
        (Status::Open, vec!["CHG-4711 does not apply: 641 is above max 640".to_owned()])
    );
    let finding = judged(&approving(by, ""), quota(640.0), author(), NOW);
    assert_eq!(finding.attribution.and_then(|authorship| authorship.approved_change).as_deref(), Some("CHG-4711"));
    assert_eq!(finding.approved_by.iter().map(|approval| approval.id.as_str()).collect::<Vec<_>>(), ["CHG-4711"]);
}

#[test]
fn a_bare_date_as_until_is_included_whole() {
    let text = approving("{role: 'arn:aws:iam::*:role/deploy'}", "").replace("2026-11-30T00:00:00Z", "2026-11-30");
    let made = |at: &str| judged(&text, quota(640.0), Some(made_by(role(DEPLOY, "ci"), Vec::new(), at)), NOW).status;
    assert_eq!(made("2026-11-30T23:59:59Z"), Status::Approved);
    assert_eq!(made("2026-12-01T00:00:00Z"), Status::Open);
}

#[test]
fn an_approved_difference_may_stand_until_its_time_and_then_is_open() {
    let by = "{role: 'arn:aws:iam::*:role/deploy'}";
    let until = "    accepted_until: 2026-12-05T00:00:00Z\n";
    let with = |more: &str, now: &str| {
        let finding =
            judged(&approving(by, more), quota(640.0), Some(made_by(role(DEPLOY, "ci"), Vec::new(), IN_WINDOW)), now);
        (finding.status, finding.notes)
    };
    assert_eq!(with("", "2026-11-29T23:59:59Z").0, Status::Approved, "by default until `until`");
    assert_eq!(with("", "2026-11-30T00:00:00Z").0, Status::Open);
    assert_eq!(with(until, "2026-12-04T23:59:59Z").0, Status::Approved);
    assert_eq!(with(until, "2026-12-05T00:00:00Z"), (Status::Open, vec!["CHG-4711 ended, still 640".to_owned()]));
}

#[test]
fn without_a_proven_author_nothing_is_approved() {
    let by = "{role: 'arn:aws:iam::*:role/deploy'}";
    let not_proven = vec!["CHG-4711 does not apply: who made the change is not proven".to_owned()];
    for outcome in [Outcome::Ambiguous, Outcome::Automatic, Outcome::NotFound, Outcome::OutsideWindow, Outcome::Blind] {
        let author = Attribution { outcome, ..made_by(role(DEPLOY, "ci"), Vec::new(), IN_WINDOW) };
        assert_eq!(approval(by, author), (Status::Open, not_proven.clone()), "{outcome:?}");
    }
    let doubtful = Attribution { confidence: Confidence::Low, ..made_by(role(DEPLOY, "ci"), Vec::new(), IN_WINDOW) };
    assert_eq!(approval(by, doubtful), (Status::Open, not_proven));
    let unasked = judged(&approving(by, ""), quota(640.0), None, NOW);
    assert_eq!(unasked.status, Status::Open);
    let untimed = Attribution { events: Vec::new(), ..made_by(role(DEPLOY, "ci"), Vec::new(), IN_WINDOW) };
    assert_eq!(approval(by, untimed).0, Status::Open);
}

#[test]
fn a_role_is_known_by_its_arn_and_a_star_account_means_this_estate() {
    let by = "{role: 'arn:aws:iam::*:role/deploy*'}";
    let with = |arn: &str| approval(by, made_by(role(arn, "ci"), Vec::new(), IN_WINDOW)).0;
    assert_eq!(with(DEPLOY), Status::Approved);
    assert_eq!(with("arn:aws:iam::222222222222:role/deploy/eu/prod"), Status::Approved, "`*` crosses `/`");
    assert_eq!(with("arn:aws:iam::111111111111:role/deploy"), Status::Approved);
    assert_eq!(with("arn:aws:iam::555555555555:role/deploy"), Status::Approved, "expected by a pattern");
    assert_eq!(with("arn:aws:iam::666666666666:role/deploy"), Status::Open, "a member that nothing declares");
    assert_eq!(with("arn:aws:iam::999999999999:role/deploy"), Status::Open, "not of this estate");
    assert_eq!(with("arn:aws:iam::222222222222:role/x:role/deploy"), Status::Open, "a `:` in a role's path");
    let user = Principal { role: Some(DEPLOY.to_owned()), ..user("ci") };
    assert_eq!(approval(by, made_by(user, Vec::new(), IN_WINDOW)).0, Status::Open);
}

#[test]
fn a_person_is_known_by_what_an_identity_provider_vouches_for() {
    let by = "{person: alice@acme.example}";
    let alice = |kind: PrincipalKind, account: Option<&str>| Principal {
        user: Some("alice@acme.example".to_owned()),
        ..principal(kind, account)
    };
    let name_only = (Status::Open, vec!["CHG-4711 does not apply: name fits, identity not proven".to_owned()]);
    let status = |principal: Principal, chain: Vec<Principal>| approval(by, made_by(principal, chain, IN_WINDOW));
    assert_eq!(status(user("alice@acme.example"), Vec::new()).0, Status::Approved);
    for kind in [PrincipalKind::SamlUser, PrincipalKind::IdentityCenterUser] {
        assert_eq!(status(role(DEPLOY, "x"), vec![alice(kind, None)]).0, Status::Approved, "{kind:?}");
    }
    // The session's account is not of this estate: neither is whoever vouches for the name.
    let foreign = role("arn:aws:iam::999999999999:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_X_1", "x");
    assert_eq!(status(foreign, vec![alice(PrincipalKind::IdentityCenterUser, None)]), name_only);
    assert_eq!(status(alice(PrincipalKind::User, Some("999999999999")), Vec::new()), name_only);
    // Names that the caller chose.
    assert_eq!(status(role(DEPLOY, "alice@acme.example"), Vec::new()), name_only);
    let claimed = Principal { source_identity: Some("alice@acme.example".to_owned()), ..role(DEPLOY, "x") };
    assert_eq!(status(claimed, Vec::new()), name_only);
    assert_eq!(status(alice(PrincipalKind::FederatedUser, Some("222222222222")), Vec::new()), name_only);
    // Somebody stands behind the user, or it is somebody else.
    assert_eq!(status(user("alice@acme.example"), vec![principal(PrincipalKind::ExternalAccount, None)]), name_only);
    let other = (Status::Open, vec!["CHG-4711 does not apply: made by somebody else".to_owned()]);
    assert_eq!(status(user("bob@acme.example"), Vec::new()), other);
}

#[test]
fn a_pipeline_is_known_by_its_token_s_subject() {
    let by = "{pipeline: 'repo:acme/infra:*'}";
    let subject =
        |subject: &str| Principal { user: Some(subject.to_owned()), ..principal(PrincipalKind::WebIdentity, None) };
    let status = |name: &str| approval(by, made_by(role(DEPLOY, "x"), vec![subject(name)], IN_WINDOW)).0;
    assert_eq!(status("repo:acme/infra:ref:refs/heads/main"), Status::Approved);
    assert_eq!(status("repo:evil/infra:ref:refs/heads/main"), Status::Open);
    assert_eq!(approval(by, made_by(role(DEPLOY, "repo:acme/infra:x"), Vec::new(), IN_WINDOW)).0, Status::Open);
    // A pipeline is no person, nor the other way round.
    let person =
        approval("{person: 'repo:*'}", made_by(role(DEPLOY, "x"), vec![subject("repo:acme/infra:x")], IN_WINDOW));
    assert_eq!(person.0, Status::Open);
}

#[test]
fn approved_stands_before_exempt_before_open_and_all_matches_are_listed() {
    let by = "{role: 'arn:aws:iam::*:role/deploy'}";
    let both = format!(
        "{}{}  - {{id: second, match: {{kind: quota}}, max: 700, reason: r, owner: platform, category: mitigated, expires: 2027-03-01}}\n",
        approving(by, ""),
        exempting("id: first, match: {account: payments-prod}, max: 640")
    );
    let author = || Some(made_by(role(DEPLOY, "ci"), Vec::new(), IN_WINDOW));
    let finding = judged(&both, quota(640.0), author(), NOW);
    assert_eq!(finding.status, Status::Approved);
    assert_eq!(finding.approved_by.len(), 1);
    assert_eq!(finding.exempted_by.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["first", "second"]);
    let finding = judged(&both, quota(650.0), author(), NOW);
    assert_eq!((finding.status, finding.exempted_by.len(), finding.notes.len()), (Status::Exempt, 1, 2));
    let finding = judged(&both, quota(701.0), author(), NOW);
    assert_eq!((finding.status, finding.notes.len()), (Status::Open, 3));
}

// What a finding says.

#[test]
fn severity_is_the_table_s_unless_the_baseline_says_otherwise() {
    assert_eq!(judged("", quota(640.0), None, NOW).severity, Severity::High);
    assert_eq!(judged("severity: {quota.raised: low}\n", quota(640.0), None, NOW).severity, Severity::Low);
}

#[test]
fn a_finding_says_what_and_where_in_one_sentence() {
    let finding = judged("", quota(640.0), None, NOW);
    assert_eq!(
        finding.title,
        "Quota Standard instances (ec2/L-1216C47A) is 640 in payments-prod (222222222222), eu-west-1; allowed is at most 256"
    );
    assert_eq!(finding.attack, ["T1578.005", "AN1356"]);
    let global = Drift { scope: aws_account("222222222222", GLOBAL), ..quota(640.0) };
    assert!(judged("", global, None, NOW).title.contains("payments-prod (222222222222), global"));
}

#[test]
fn the_worst_stand_first_then_rule_scope_and_subject() {
    let low = Drift { rule: Rule::QuotaLowered, scope: aws_account("222222222222", "us-east-1"), ..quota(1.0) };
    let mut changes =
        vec![(low, None), (region("444444444444"), None), (quota(640.0), None), (region("222222222222"), None)];
    let order = |changes: &[(Drift, Option<Attribution>)]| -> Vec<String> {
        run("", changes, NOW)
            .iter()
            .map(|finding| format!("{} {}", finding.rule, finding.scope.account.as_ref().unwrap()))
            .collect()
    };
    let first = order(&changes);
    assert_eq!(
        first,
        [
            "quota.raised 222222222222",
            "region.enabled 222222222222",
            "region.enabled 444444444444",
            "quota.lowered 222222222222"
        ]
    );
    changes.reverse();
    assert_eq!(order(&changes), first);
}

proptest! {
    #[test]
    fn the_verdict_on_a_thing_does_not_change_its_id(
        value in any::<f64>(), name in ".{0,20}", severity in "low|critical", lowered: bool, stricter: bool
    ) {
        let changed = Drift {
            rule: if lowered { Rule::QuotaLowered } else { Rule::QuotaRaised },
            direction: if stricter { Direction::Stricter } else { Direction::Unknown },
            subject: Subject { name, ..quota(0.0).subject },
            expected: json!({"min": value}),
            ..quota(value)
        };
        let rule = changed.rule;
        let other = judged(&format!("severity: {{{rule}: {severity}}}\n"), changed, None, NOW);
        prop_assert_eq!(other.id, judged("", quota(640.0), None, NOW).id);
    }

    #[test]
    fn another_thing_has_another_id(subject in "[a-z/]{1,8}", place in "[a-z0-9-]{1,8}") {
        let same = judged("", quota(640.0), None, NOW).id;
        let subject = Drift { subject: Subject { id: subject, name: String::new() }, ..quota(640.0) };
        let elsewhere = Drift { scope: aws_account("222222222222", &place), ..quota(640.0) };
        let request = Drift { aspect: Aspect::Request, ..quota(640.0) };
        for other in [subject, elsewhere, request] {
            prop_assert_ne!(judged("", other, None, NOW).id, same.clone());
        }
    }
}
