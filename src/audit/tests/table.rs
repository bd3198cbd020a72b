//! Every entry of the table of change events, held against a record of its event.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use super::record;
use crate::audit::{Catalogue, Event, Stage};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    event: String,
    #[serde(default)]
    request: Value,
    #[serde(default)]
    response: Value,
    #[serde(default)]
    details: Value,
    refused: Option<String>,
    says: Vec<Says>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Says {
    changes: BTreeSet<String>,
    subject: BTreeMap<String, String>,
    effect: BTreeMap<String, Option<Value>>,
    #[serde(default)]
    reports: BTreeSet<String>,
    stage: Option<String>,
}

fn cases() -> Vec<Case> {
    serde_yaml::from_str(include_str!("../../../tests/fixtures/audit/change-events.yaml")).unwrap()
}

fn event(case: &Case) -> Event {
    let (source, name) = case.event.split_once(' ').unwrap();
    let mut raw = record("e-1", "2026-11-03T02:00:00Z", source, name);
    raw["requestParameters"] = case.request.clone();
    raw["responseElements"] = case.response.clone();
    raw["serviceEventDetails"] = case.details.clone();
    if let Some(message) = &case.refused {
        raw["errorCode"] = "AccessDenied".into();
        raw["errorMessage"] = message.clone().into();
    }
    Event::read(&raw).unwrap()
}

#[test]
fn every_event_is_read_as_the_table_says() {
    for case in cases() {
        let event = event(&case);
        let deeds = Catalogue::shipped().deeds(&event);
        assert_eq!(deeds.len(), case.says.len(), "{}", case.event);
        for (deed, says) in deeds.iter().zip(&case.says) {
            let changes: BTreeSet<String> =
                deed.changes.iter().map(|(kind, aspect)| format!("{}/{}", kind.as_str(), aspect.as_str())).collect();
            assert_eq!(changes, says.changes, "{}", case.event);
            let subject: BTreeMap<String, String> =
                deed.subject.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
            assert_eq!(subject, says.subject, "{}", case.event);
            let effect: BTreeMap<String, Option<Value>> =
                deed.effect.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
            assert_eq!(effect, says.effect, "{}", case.event);
            assert_eq!(*deed.reports, says.reports, "{}", case.event);
            if let Some(stage) = &says.stage {
                let wanted = if stage == "granted" { Stage::Granted } else { Stage::Refused };
                assert_eq!(deed.stage, wanted, "{}", case.event);
            }
        }
    }
}

#[test]
fn every_entry_has_a_record_and_holds_together() {
    let shown: BTreeSet<String> = cases().into_iter().map(|case| case.event).collect();
    let listed = Catalogue::shipped().listed();
    let names: BTreeSet<String> = listed.iter().map(|entry| format!("{} {}", entry.source, entry.name)).collect();
    assert_eq!(names, shown);
    for entry in listed {
        let at = format!("{} {}", entry.source, entry.name);
        assert!(!entry.changes.is_empty() && !entry.effect.is_empty(), "{at}");
        let keys: BTreeSet<&str> = entry.subject.keys().map(|key| key.trim_end_matches('?')).collect();
        let captured: Vec<String> = entry.refused.iter().flat_map(|pattern| pattern.keys()).collect();
        for key in entry.exact.iter().chain(&entry.creates).chain(&captured) {
            assert!(keys.contains(key.as_str()), "{at}: `{key}`");
        }
        for call in &entry.confirms {
            assert!(names.contains(&format!("{} {call}", entry.source)), "{at}: `{call}`");
        }
    }
}

/// Events that the facts about the provider name for what is compared.
#[test]
fn the_events_that_are_known_to_matter_are_in_the_table() {
    let names: BTreeSet<&str> = Catalogue::shipped().listed().into_iter().map(|entry| entry.name.as_str()).collect();
    for name in [
        "RequestServiceQuotaIncrease",
        "UpdateServiceQuotaIncreaseRequestStatus",
        "PutServiceQuotaIncreaseRequestIntoTemplate",
        "DeleteServiceQuotaIncreaseRequestFromTemplate",
        "AssociateServiceQuotaTemplate",
        "DisassociateServiceQuotaTemplate",
        "StartAutoManagement",
        "UpdateAutoManagement",
        "StopAutoManagement",
        "CreateSupportCase",
        "EnableRegion",
        "DisableRegion",
        "ModifyAvailabilityZoneGroup",
        "CreateAccount",
        "CreateGovCloudAccount",
        "CreateAccountResult",
        "CloseAccount",
        "CloseAccountResult",
        "InviteAccountToOrganization",
        "AcceptHandshake",
        "DeclineHandshake",
        "CancelHandshake",
        "LeaveOrganization",
        "RemoveAccountFromOrganization",
        "AccountJoinedOrganization",
        "AccountDepartedOrganization",
        "MoveAccount",
        "CreateOrganizationalUnit",
        "UpdateOrganizationalUnit",
        "DeleteOrganizationalUnit",
        "EnableAllFeatures",
        "RegisterDelegatedAdministrator",
        "DeregisterDelegatedAdministrator",
        "EnableAWSServiceAccess",
        "DisableAWSServiceAccess",
        "PutResourcePolicy",
        "DeleteResourcePolicy",
        "InviteOrganizationToTransferResponsibility",
        "UpdateResponsibilityTransfer",
        "TerminateResponsibilityTransfer",
        "ResponsibilityTransferAccepted",
        "ResponsibilityTransferTerminated",
        "CreatePolicy",
        "UpdatePolicy",
        "DeletePolicy",
        "AttachPolicy",
        "DetachPolicy",
        "EnablePolicyType",
        "DisablePolicyType",
        "StopLogging",
        "DeleteTrail",
        "UpdateTrail",
        "PutEventSelectors",
        "StopEventDataStoreIngestion",
        "UpdateEventDataStore",
        "DeleteEventDataStore",
    ] {
        assert!(names.contains(name), "{name}");
    }
}

#[test]
fn a_table_with_a_mistake_is_refused() {
    let good = "request_status: {granted: [], refused: [], waiting: []}\nevents:\n  - {source: s, name: N, changes: [policy/content], subject: {}, effect: {content: =x}";
    assert!(Catalogue::parse(&format!("{good}}}")).is_ok());
    for wrong in ["changes: [policy/colour], ", "colour: red, ", "exact: yes, "] {
        let text = format!("{}}}", good.replace("subject: {}", &format!("{wrong}subject: {{}}")));
        assert!(Catalogue::parse(&text).is_err(), "{wrong}");
    }
    assert!(Catalogue::parse(&format!("{}}}", good.replace("=x", "requestParameter.x"))).is_err());
}
