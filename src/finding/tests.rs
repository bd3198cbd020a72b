//! What the baseline's exemptions and approved changes do to findings, and what findings say. Here is what the tests are
//! made of.

mod adopting;
mod approvals;
mod exemptions;
mod guardrails;
mod sentences;

mod keeping;

use std::collections::BTreeMap;

use jiff::Timestamp;
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
        cancelled: false,
        provider: Provider::Aws,
        partition: "aws".to_owned(),
        caller_account: "111111111111".to_owned(),
        caller: "arn:aws:iam::111111111111:role/guardline".to_owned(),
        organization: Observation::Known(organization),
        accounts: BTreeMap::<String, AccountFacts>::new(),
        quota_definitions: BTreeMap::new(),
        coverage: Vec::new(),
        read_times: Vec::new(),
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
        guardrail: None,
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
