//! Real audit records that others recorded or published: every one is read, and those about this kind of change are
//! understood. They are no part of the project: found through `GUARDLINE_TEST_DATA`, else in `shared/data` beside it; where
//! they are not there, these tests say so and pass.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::audit::{Catalogue, Event, PrincipalKind, Stage};
use crate::estate::Kind;

/// The directory of one set of records, or none, said.
fn set(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("GUARDLINE_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    let path = root.join("cloudtrail").join(name);
    if !path.is_dir() {
        println!("skipped: there are no test data at {}", path.display());
        return None;
    }
    Some(path)
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|suffix| suffix == "json") && !path.ends_with("INDEX.json") {
            found.push(path);
        }
    }
    found.sort();
}

/// Records of a file in any of the ways they are kept.
fn records(path: &Path) -> Vec<Value> {
    let mut whole: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    if let Value::Array(records) = whole {
        return records;
    }
    for key in ["Records", "event"] {
        match whole.get_mut(key).map(Value::take) {
            Some(Value::Array(records)) => return records,
            Some(record) => return vec![record],
            None => {}
        }
    }
    vec![whole]
}

fn sample(file: &str) -> Option<Event> {
    let path = set("t1578.005-samples")?.join(file);
    Some(Event::read(&records(&path).remove(0)).unwrap())
}

/// The one deed of an event: changes, subject, effect, in words.
fn deed(event: &Event) -> Option<String> {
    let deeds = Catalogue::shipped().deeds(event);
    let deed = deeds.first()?;
    let changes: BTreeSet<String> = deed.changes.iter().map(|(_, aspect)| aspect.as_str().to_owned()).collect();
    let said =
        |value: &Option<Value>| value.as_ref().map_or("?".to_owned(), |value| value.to_string().replace('"', ""));
    let subject: Vec<String> = deed.subject.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let effect: Vec<String> = deed.effect.iter().map(|(key, value)| format!("{key}={}", said(value))).collect();
    let changes: Vec<String> = changes.into_iter().collect();
    Some(format!("{} | {} | {}", changes.join("+"), subject.join(" "), effect.join(" ")))
}

#[test]
fn every_real_record_is_read() {
    let mut total = 0;
    let mut principals = BTreeSet::new();
    for (name, least) in [("invictus-aws_dataset", 2_800), ("stratus-red-team", 300), ("t1578.005-samples", 25)] {
        let Some(folder) = set(name) else { continue };
        let mut found = Vec::new();
        files(&folder, &mut found);
        let mut read = 0;
        for path in found {
            for record in records(&path) {
                let event = Event::read(&record).unwrap_or_else(|rejected| panic!("{}: {rejected}", path.display()));
                // Whoever is named in the record is named in the event.
                let named = record["userIdentity"]["arn"].as_str().or(record["detail"]["userIdentity"]["arn"].as_str());
                if let Some(arn) = named {
                    assert_eq!(event.identity.principal.as_ref().unwrap().arn, arn);
                }
                principals.extend(event.identity.principal.map(|principal| principal.kind));
                read += 1;
            }
        }
        assert!(read >= least, "{name}: {read}");
        total += read;
    }
    println!("{total} records were read");
    if total > 0 {
        for kind in [PrincipalKind::User, PrincipalKind::Role, PrincipalKind::Service, PrincipalKind::FederatedUser] {
            assert!(principals.contains(&kind), "{kind:?}");
        }
        assert!(!principals.contains(&PrincipalKind::Unknown));
    }
}

#[test]
fn the_samples_of_this_technique_are_understood() {
    let cases = [
        (
            "aws-RequestServiceQuotaIncrease-success-docs.json",
            "request+value | code=L-CEED54BB quota_name=EC2-Classic Elastic IPs request=cd3ad3d9-2776-4ef1-a904-4c229d1642ee service=ec2 service_name=Amazon Elastic Compute Cloud (Amazon EC2) | value=10",
        ),
        (
            "aws-RequestServiceQuotaIncrease-denied-recorded.json",
            "request+value | code=L-20F13EBD service=ec2 | value=?",
        ),
        (
            "aws-UpdateServiceQuotaIncreaseRequestStatus-docs.json",
            "request+value | quota_name=EC2-Classic Elastic IPs service_name=Amazon Elastic Compute Cloud (Amazon EC2) | value=10.0",
        ),
        (
            "aws-org-AttachPolicy-docs.json",
            "attachment | policy=p-examplepolicyid111 target=ou-examplerootid111-exampleouid111 | attachment=attached",
        ),
        ("aws-org-CloseAccount-docs.json", "status | account=555555555555 | state=suspended"),
        ("aws-org-CloseAccountResult-docs.json", "status | account=555555555555 | state=suspended"),
        (
            "aws-org-CreateAccount-docs.json",
            "existence | request=car-examplecreateaccountrequestid111 | membership=joined",
        ),
        (
            "aws-org-CreateAccountResult-docs.json",
            "existence | account=444455556666 request=car-examplecreateaccountrequestid111 | membership=joined",
        ),
        (
            "aws-org-CreateOrganizationalUnit-docs.json",
            "existence+name+placement | unit=ou-examplerootid111-exampleouid111 | existence=created name=OU-Developers-1 parent=r-a1b2",
        ),
        ("aws-org-InviteAccountToOrganization-docs.json", "existence | account=111111111111 | membership=?"),
        ("aws-org-LeaveOrganization-denied-recorded.json", "existence | account=111111111111 | membership=left"),
        ("aws-org-LeaveOrganization-denied-stratus.json", "existence | account=307578594326 | membership=left"),
        ("aws-org-MoveAccount-eventbridge.json", "placement | account=333333333333 | parent=ou-yjkv-lmdswesj"),
        (
            "aws-org-RemoveAccountFromOrganization-eventbridge.json",
            "existence | account=222222222222 | membership=left",
        ),
    ];
    for (file, said) in cases {
        let Some(event) = sample(file) else { return };
        assert_eq!(deed(&event).as_deref(), Some(said), "{file}");
    }
}

#[test]
fn the_samples_say_how_they_ended() {
    for (file, error) in [
        ("aws-RequestServiceQuotaIncrease-denied-recorded.json", Some("AccessDenied")),
        ("aws-org-AttachPolicy-docs.json", Some("PolicyTypeNotEnabledException")),
        ("aws-org-LeaveOrganization-denied-recorded.json", Some("AccessDenied")),
        ("aws-RunInstances-VcpuLimitExceeded-recorded.json", Some("Client.VcpuLimitExceeded")),
        ("aws-RequestServiceQuotaIncrease-success-docs.json", None),
        ("aws-org-MoveAccount-eventbridge.json", None),
    ] {
        let Some(event) = sample(file) else { return };
        assert_eq!(event.error.as_deref(), error, "{file}");
    }
    for file in ["aws-UpdateServiceQuotaIncreaseRequestStatus-docs.json", "aws-org-CreateAccountResult-docs.json"] {
        let Some(event) = sample(file) else { return };
        assert_eq!(event.identity.principal, None, "{file}: a service event has no author");
        assert_eq!(Catalogue::shipped().deeds(&event)[0].stage, Stage::Granted, "{file}");
    }
}

/// Reads change nothing, and a name under another service's source is another event.
#[test]
fn what_is_not_such_a_change_is_not_taken_for_one() {
    for file in [
        "aws-GetServiceQuota-recorded.json",
        "aws-ListServiceQuotas-recorded.json",
        "aws-account-GetRegionOptStatus-recorded.json",
        "aws-RunInstances-success-recorded.json",
        "aws-support-CreateCase-docs.json",
        "ruletest-aws-AWS_CloudTrail_EnableRegion-35.json",
    ] {
        let Some(event) = sample(file) else { return };
        assert_eq!(deed(&event), None, "{file}");
    }
    // The same event as for a service control policy, for a backup policy: only its id can tell.
    let Some(event) = sample("aws-org-UpdatePolicy-BACKUP_POLICY-eventbridge.json") else { return };
    let deeds = Catalogue::shipped().deeds(&event);
    assert_eq!(deeds[0].subject["policy"], "p-89nw1aav4i");
}

/// The attacks on trails in both data sets are seen as changes of audit logs.
#[test]
fn attacks_on_trails_in_real_logs_are_seen() {
    let mut seen = BTreeSet::new();
    for name in ["invictus-aws_dataset", "stratus-red-team"] {
        let Some(folder) = set(name) else { return };
        let mut found = Vec::new();
        files(&folder, &mut found);
        for record in found.iter().flat_map(|path| records(path)) {
            let event = Event::read(&record).unwrap();
            for deed in Catalogue::shipped().deeds(&event) {
                if deed.changes.iter().any(|(kind, _)| *kind == Kind::AuditLog) {
                    assert!(deed.subject.contains_key("name"), "{} {}", event.name, event.id);
                    seen.insert(event.name.clone());
                }
            }
        }
    }
    let wanted = ["CreateTrail", "DeleteTrail", "PutEventSelectors", "StartLogging", "StopLogging"];
    assert_eq!(seen, wanted.into_iter().map(str::to_owned).collect());
}
