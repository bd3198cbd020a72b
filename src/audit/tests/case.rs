//! What the tests of attribution are made of: differences, records, quota histories, and who is named for them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{record, role};
use crate::audit::{Attribution, Confidence, Log, Outcome, attribute, lookups};
use crate::compare::{Aspect, Direction, Drift, LoggedIn, Rule, Subject};
use crate::estate::{
    AccountFacts, Kind, Observation, Provider, Quota, QuotaDefinition, QuotaRequest, RegionFacts, SNAPSHOT_SCHEMA,
    Scope, Snapshot,
};
use crate::provider::LookupAnswer;

pub(super) const NOW: &str = "2026-11-03T12:00:00Z";
pub(super) const ORGANIZATIONS: &str = "organizations.amazonaws.com";
pub(super) const QUOTAS: &str = "servicequotas.amazonaws.com";

pub(super) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(super) fn drift(
    rule: Rule,
    kind: Kind,
    aspect: Aspect,
    subject: &[(&str, &str)],
    effect: &[(&str, &str)],
) -> Drift {
    let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    Drift {
        rule,
        kind,
        aspect,
        scope: Scope::account(Provider::Aws, "111111111111").in_region("us-east-1"),
        subject: Subject { id: "x".to_owned(), name: "x".to_owned() },
        direction: Direction::Unknown,
        expected: Value::Null,
        actual: Value::Null,
        position: None,
        logged_in: vec![LoggedIn { account: "111111111111".to_owned(), region: Some("us-east-1".to_owned()) }],
        event_subject: map(subject),
        event_effect: map(effect),
        guardrail: None,
    }
}

pub(super) fn detached() -> Drift {
    let subject = [("policy", "p-1"), ("target", "ou-1")];
    drift(Rule::PolicyDetached, Kind::Policy, Aspect::Attachment, &subject, &[("attachment", "detached")])
}

pub(super) fn raised() -> Drift {
    let subject = [("service", "ec2"), ("code", "L-1216C47A")];
    drift(Rule::QuotaRaised, Kind::Quota, Aspect::Value, &subject, &[("value", "640")])
}

pub(super) fn snapshot() -> Snapshot {
    let definition = QuotaDefinition {
        name: "Standard".to_owned(),
        default: Observation::Known(5.0),
        global: false,
        adjustable: true,
    };
    let ec2 = Observation::Known(BTreeMap::from([("L-1216C47A".to_owned(), definition)]));
    Snapshot {
        schema: SNAPSHOT_SCHEMA.to_owned(),
        taken_at: time(NOW),
        cancelled: false,
        provider: Provider::Aws,
        partition: "aws".to_owned(),
        caller_account: "111111111111".to_owned(),
        caller: "arn:aws:iam::111111111111:role/guardline".to_owned(),
        organization: Observation::Absent,
        accounts: BTreeMap::new(),
        quota_definitions: BTreeMap::from([("us-east-1".to_owned(), BTreeMap::from([("ec2".to_owned(), ec2)]))]),
        coverage: Vec::new(),
        read_times: Vec::new(),
    }
}

pub(super) fn with_requests(requests: Vec<QuotaRequest>) -> Snapshot {
    let facts = RegionFacts { quota_requests: Some(Observation::Known(requests)), ..RegionFacts::default() };
    let facts =
        AccountFacts { region_status: Observation::Absent, regions: BTreeMap::from([("us-east-1".to_owned(), facts)]) };
    Snapshot { accounts: BTreeMap::from([("111111111111".to_owned(), facts)]), ..snapshot() }
}

pub(super) fn request(id: &str, status: &str, value: f64, requester: Option<&str>, created: &str) -> QuotaRequest {
    QuotaRequest {
        id: id.to_owned(),
        quota: Quota { service: "ec2".to_owned(), code: "L-1216C47A".to_owned() },
        name: "Standard".to_owned(),
        status: status.to_owned(),
        value,
        resource: None,
        automatic: false,
        requester: requester.map(str::to_owned),
        created: Some(time(created)),
        updated: None,
    }
}

/// Answers to all that is asked about these differences: each question gets the records of its name.
pub(super) fn answers(drifts: &[Drift], records: &[Value]) -> Vec<LookupAnswer> {
    lookups(drifts, time(NOW), SignedDuration::from_hours(7 * 24))
        .into_iter()
        .map(|request| {
            let wanted = |record: &&Value| record["eventName"] == json!(request.event_name);
            LookupAnswer { records: records.iter().filter(wanted).cloned().collect(), request, gap: None }
        })
        .collect()
}

pub(super) fn who(drift: &Drift, records: &[Value], snapshot: &Snapshot) -> Attribution {
    let drifts = [drift.clone()];
    let log = Log::read(&answers(&drifts, records));
    attribute(&drifts, &log, snapshot).remove(0)
}

pub(super) fn detach(id: &str, when: &str, request: Value) -> Value {
    let mut record = record(id, when, ORGANIZATIONS, "DetachPolicy");
    record["requestParameters"] = request;
    record
}

pub(super) fn target() -> Value {
    json!({"policyId": "p-1", "targetId": "ou-1"})
}

pub(super) fn raise(id: &str, when: &str, value: f64) -> Value {
    let mut record = record(id, when, QUOTAS, "RequestServiceQuotaIncrease");
    record["requestParameters"] = json!({"serviceCode": "ec2", "quotaCode": "L-1216C47A", "desiredValue": value});
    record["responseElements"] = json!({"requestedQuota": {
        "id": format!("q-{id}"), "serviceCode": "ec2", "serviceName": "EC2", "quotaCode": "L-1216C47A",
        "quotaName": "Standard", "status": "PENDING"}});
    record
}

pub(super) fn granted(id: &str, when: &str, status: &str, value: &str) -> Value {
    let mut record = record(id, when, QUOTAS, "UpdateServiceQuotaIncreaseRequestStatus");
    record["userIdentity"] = json!({"accountId": "111111111111", "invokedBy": QUOTAS});
    record["eventType"] = json!("AwsServiceEvent");
    record["serviceEventDetails"] =
        json!({"newStatus": status, "newQuotaValue": value, "serviceName": "EC2", "quotaName": "Standard"});
    record
}

pub(super) fn by(mut record: Value, name: &str) -> Value {
    record["userIdentity"] = role("Ops", name);
    record
}

pub(super) fn ids(answer: &Attribution) -> Vec<&str> {
    answer.events.iter().map(|event| event.id.as_str()).collect()
}

pub(super) fn ends(answer: &Attribution) -> (Outcome, Confidence) {
    (answer.outcome, answer.confidence)
}

pub(super) fn joined(account: &str) -> Drift {
    drift(
        Rule::LinkAccountUnexpected,
        Kind::Link,
        Aspect::Existence,
        &[("account", account)],
        &[("membership", "joined")],
    )
}
