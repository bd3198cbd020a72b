//! The parts of snapshots for tests. In: what a test cares about. Out: whole values, everything else in order.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::estate::{
    Account, AccountFacts, AppliedQuota, EventDataStore, GLOBAL, Handshake, Observation, Organization, Policy,
    PolicyTarget, Provider, Quota, QuotaDefinition, QuotaLevel, QuotaRequest, RegionFacts, SNAPSHOT_SCHEMA, Setting,
    Snapshot, TargetKind, Trail, Transfer, TransferDirection, Unit,
};

pub(crate) const ORGANIZATION: &str = "o-abcdefghij";
pub(crate) const OWNER: &str = "111111111111";
pub(crate) const ROOT: &str = "r-ab12";

pub(crate) fn known<T>(value: T) -> Observation<T> {
    Observation::Known(value)
}

/// An organisation of one account, in which everything was read and nothing else is.
pub(crate) fn organization() -> Organization {
    Organization {
        id: ORGANIZATION.to_owned(),
        management_account: OWNER.to_owned(),
        feature_set: "ALL".to_owned(),
        root: known(ROOT.to_owned()),
        units: known(Vec::new()),
        accounts: known(vec![account(OWNER, "management", ROOT, "/")]),
        policy_types: known(BTreeMap::new()),
        policies: BTreeMap::new(),
        effective_policies: BTreeMap::new(),
        delegated_administrators: known(Vec::new()),
        trusted_services: known(Vec::new()),
        handshakes: known(Vec::new()),
        account_requests: known(Vec::new()),
        resource_policy: Observation::Absent,
        responsibility_transfers: known(Vec::new()),
        quota_template: Observation::Absent,
    }
}

/// A snapshot of that organisation, within whose accounts nothing was read.
pub(crate) fn snapshot() -> Snapshot {
    Snapshot {
        schema: SNAPSHOT_SCHEMA.to_owned(),
        taken_at: "2026-11-20T00:00:00Z".parse().unwrap(),
        cancelled: false,
        provider: Provider::Aws,
        partition: "aws".to_owned(),
        caller_account: OWNER.to_owned(),
        caller: format!("arn:aws:sts::{OWNER}:assumed-role/GuardlineOrgRead/guardline"),
        organization: known(organization()),
        accounts: BTreeMap::new(),
        quota_definitions: BTreeMap::new(),
        coverage: Vec::new(),
        read_times: Vec::new(),
    }
}

/// The organisation of a snapshot, to be changed.
pub(crate) fn live(snapshot: &mut Snapshot) -> &mut Organization {
    value(&mut snapshot.organization)
}

/// A known value, to be changed.
pub(crate) fn value<T>(observation: &mut Observation<T>) -> &mut T {
    match observation {
        Observation::Known(value) => value,
        Observation::Absent | Observation::Unknown(_) => panic!("it is not known"),
    }
}

pub(crate) fn account(id: &str, name: &str, parent: &str, unit: &str) -> Account {
    Account {
        id: id.to_owned(),
        name: name.to_owned(),
        email: None,
        state: "ACTIVE".to_owned(),
        joined_method: Some("CREATED".to_owned()),
        joined_at: None,
        parent: parent.to_owned(),
        unit: unit.to_owned(),
        tags: None,
    }
}

pub(crate) fn unit(id: &str, name: &str, parent: &str, path: &str) -> Unit {
    Unit { id: id.to_owned(), name: name.to_owned(), path: path.to_owned(), parent: parent.to_owned() }
}

pub(crate) fn target(id: &str) -> PolicyTarget {
    let kind = match id.split_once('-') {
        Some(("r", _)) => TargetKind::Root,
        Some(("ou", _)) => TargetKind::Unit,
        _ => TargetKind::Account,
    };
    PolicyTarget { kind, id: id.to_owned() }
}

pub(crate) fn policy(id: &str, name: &str, policy_type: &str, document: &str, targets: &[&str]) -> Policy {
    Policy {
        id: id.to_owned(),
        name: name.to_owned(),
        policy_type: policy_type.to_owned(),
        aws_managed: false,
        document: known(document.to_owned()),
        targets: known(targets.iter().map(|id| target(id)).collect()),
    }
}

/// What is read within an account whose regions are these, with nothing in them.
pub(crate) fn facts(statuses: &[(&str, &str)]) -> AccountFacts {
    let on = statuses.iter().filter(|(_, status)| status.starts_with("ENABLED"));
    let mut regions: BTreeMap<String, RegionFacts> =
        on.map(|(region, _)| ((*region).to_owned(), RegionFacts::default())).collect();
    regions.insert(GLOBAL.to_owned(), RegionFacts::default());
    let statuses = statuses.iter().map(|(region, status)| ((*region).to_owned(), (*status).to_owned()));
    AccountFacts { region_status: known(statuses.collect()), regions }
}

pub(crate) fn applied(code: &str, value: f64) -> AppliedQuota {
    AppliedQuota {
        code: code.to_owned(),
        name: format!("quota {code}"),
        level: QuotaLevel::Account,
        resource: None,
        value: known(value),
    }
}

pub(crate) fn defined(codes: &[(&str, f64)]) -> Observation<BTreeMap<String, QuotaDefinition>> {
    let define = |(code, default): &(&str, f64)| {
        let name = format!("quota {code}");
        ((*code).to_owned(), QuotaDefinition { name, default: known(*default), global: false, adjustable: true })
    };
    known(codes.iter().map(define).collect())
}

pub(crate) fn request(id: &str, code: &str, status: &str, value: f64) -> QuotaRequest {
    QuotaRequest {
        id: id.to_owned(),
        quota: Quota { service: "ec2".to_owned(), code: code.to_owned() },
        name: format!("quota {code}"),
        status: status.to_owned(),
        value,
        resource: None,
        automatic: false,
        requester: None,
        created: None,
        updated: None,
    }
}

pub(crate) fn setting(value: Value, managed_by: Option<&str>) -> Observation<Setting> {
    known(Setting { value, managed_by: managed_by.map(str::to_owned) })
}

pub(crate) fn trail(account: &str, name: &str, home: &str) -> Trail {
    Trail {
        arn: format!("arn:aws:cloudtrail:{home}:{account}:trail/{name}"),
        name: name.to_owned(),
        home_region: home.to_owned(),
        multi_region: true,
        organization: false,
        log_file_validation: true,
        bucket: Some("logs".to_owned()),
        logging: known(true),
        delivery_error: known(None),
        management_events: known("all".to_owned()),
        excluded_sources: known(Vec::new()),
    }
}

pub(crate) fn store(account: &str, name: &str, region: &str, days: i64) -> EventDataStore {
    EventDataStore {
        arn: format!("arn:aws:cloudtrail:{region}:{account}:eventdatastore/{name}"),
        name: name.to_owned(),
        status: "ENABLED".to_owned(),
        multi_region: true,
        organization: true,
        retention_days: known(days),
    }
}

pub(crate) fn handshake(id: &str, state: &str) -> Handshake {
    Handshake {
        id: id.to_owned(),
        action: "INVITE".to_owned(),
        state: state.to_owned(),
        parties: vec!["ACCOUNT 999999999999".to_owned()],
        requested_at: None,
    }
}

pub(crate) fn transfer(id: &str, status: &str) -> Transfer {
    Transfer {
        id: id.to_owned(),
        name: Some("bill".to_owned()),
        direction: TransferDirection::Outbound,
        status: status.to_owned(),
        counterpart: Some("888888888888".to_owned()),
    }
}
