//! Delegated administrators, trusted services, transfers of billing responsibility, and what a trail records.

use serde_json::{Value, json};

use super::{BY_HAND, Case, Changes, No, STALE, append, item, remove, set, unmasked};
use crate::baseline::edit::Change;
use crate::baseline::placement::Placement;

const ADMINISTRATORS: &str = "/aws/delegated_administrators";
const SERVICES: &str = "/aws/trusted_services";
const TRANSFERS: &str = "/aws/responsibility_transfers";
const RECORDS_LESS: No = ("no demand of the baseline says this", BY_HAND);

pub(super) fn delegation(case: &Case<'_>) -> Changes {
    let (account, service) = case.subject().split_once('/').ok_or(STALE)?;
    if case.actual().is_some() {
        return Ok(append(ADMINISTRATORS, json!({"account": account, "service": service})));
    }
    let placement = Placement::of(case.aws);
    let mut entries = case.aws.delegated_administrators.iter().flatten();
    let is_meant = |account_named: &str| placement.resolve(account_named) == Some(account);
    remove(ADMINISTRATORS, entries.position(|entry| entry.service == service && is_meant(&entry.account)))
}

pub(super) fn trusted_service(case: &Case<'_>) -> Changes {
    if case.actual().is_some() {
        return Ok(append(SERVICES, json!(case.subject())));
    }
    let mut services = case.aws.trusted_services.iter().flatten();
    remove(SERVICES, services.position(|service| service == case.subject()))
}

pub(super) fn transfer(case: &Case<'_>) -> Changes {
    let id = case.subject();
    let mut entries = case.aws.responsibility_transfers.iter().flatten();
    let Some(actual) = case.actual() else {
        let described = |expected: &Value| {
            let said = &case.finding.expected;
            ["name", "direction", "management_account"]
                .iter()
                .all(|key| said.get(*key).unwrap_or(&Value::Null) == expected.get(*key).unwrap_or(&Value::Null))
        };
        let index =
            entries.position(|entry| entry.id.as_deref().map_or_else(|| described(&json!(entry)), |one| one == id));
        return remove(TRANSFERS, index);
    };
    let told = |key: &str| actual.get(key).cloned().unwrap_or_default();
    if let Some(name) = told("name").as_str() {
        unmasked(name)?;
    }
    let said = item([
        ("id", json!(id)),
        ("name", told("name")),
        ("direction", told("direction")),
        ("management_account", told("management_account")),
    ]);
    match entries.position(|entry| entry.id.as_deref() == Some(id)) {
        Some(index) => Ok(set(format!("{TRANSFERS}/{index}"), said)),
        None => Ok(append(TRANSFERS, said)),
    }
}

/// What the organisation's trail is demanded to record, and for how long stores keep it.
pub(super) fn trail(case: &Case<'_>) -> Changes {
    let actual = case.finding.actual.as_object().ok_or(STALE)?;
    let logs = case.aws.audit_logs.as_ref().ok_or(STALE)?;
    let mut changes = Vec::new();
    for (key, value) in actual {
        let of_organization = case.finding.scope.account.is_none() && logs.organization_trail.is_some();
        let at = match key.as_str() {
            "retention_days" => "/aws/audit_logs/retention_days".to_owned(),
            "multi_region" | "log_file_validation" if of_organization => {
                format!("/aws/audit_logs/organization_trail/{key}")
            }
            "management_events" if of_organization && value.is_string() => {
                format!("/aws/audit_logs/organization_trail/{key}")
            }
            _ => return Err(RECORDS_LESS),
        };
        changes.push(Change::Set { at, value: value.clone() });
    }
    Ok(changes)
}
