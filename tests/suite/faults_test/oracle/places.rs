//! Which parts of a snapshot a call is made for, and which a finding is made of.
//!
//! In: a call, or a finding. Out: the ways to the parts. It is written from what AWS's operations are for, and never looks
//! at how they are read.

use serde_json::Value;

use super::super::estate::MANAGEMENT;
use super::super::plan::Trial;

/// Whether a way leads to, or below, another.
pub(super) fn is_within(path: &str, of: &str) -> bool {
    path == of || path.strip_prefix(of).is_some_and(|rest| rest.starts_with('/'))
}

/// The account that a call is about.
pub(super) fn target(call: &crate::double::Call) -> String {
    let text = |name: &str| call.input[name].as_str().map(str::to_owned);
    let role = || call.input["RoleArn"].as_str().and_then(|arn| arn.split(':').nth(4)).map(str::to_owned);
    match call.operation.as_str() {
        "AssumeRole" => role(),
        "ListRegions" => text("AccountId"),
        "ListTagsForResource" => text("ResourceId"),
        "DescribeEffectivePolicy" => text("TargetId"),
        _ => None,
    }
    .unwrap_or_else(|| call.account.clone())
}

/// Which parts of a snapshot a call is made for.
pub(super) fn feeds(trial: &Trial) -> Vec<String> {
    let call = &trial.call;
    let text = |name: &str| call.input[name].as_str().unwrap_or_default();
    let (account, region) = (&call.account, &call.region);
    let here = |what: &str| format!("accounts/{account}/regions/{region}/{what}");
    let organization = |what: &str| format!("organization/{what}");
    let setting = |name: &str| vec![here(&format!("settings/{name}"))];
    match call.operation.as_str() {
        "DescribeOrganization" => vec!["organization".to_owned()],
        "ListRoots" => ["root", "units", "accounts", "policy_types"].map(organization).into(),
        "ListAccounts" | "ListAccountsForParent" | "ListOrganizationalUnitsForParent" => {
            ["units", "accounts"].map(organization).into()
        }
        "ListDelegatedAdministrators" | "ListDelegatedServicesForAccount" => {
            vec![organization("delegated_administrators")]
        }
        "ListAWSServiceAccessForOrganization" => vec![organization("trusted_services")],
        "ListHandshakesForOrganization" => vec![organization("handshakes")],
        "ListCreateAccountStatus" => vec![organization("account_requests")],
        "DescribeResourcePolicy" => vec![organization("resource_policy")],
        "ListInboundResponsibilityTransfers" | "ListOutboundResponsibilityTransfers" => {
            vec![organization("responsibility_transfers")]
        }
        "ListPolicies" => vec![organization(&format!("policies/{}", text("Filter")))],
        "DescribePolicy" => of_policy(text("PolicyId"), "document"),
        "ListTargetsForPolicy" => of_policy(text("PolicyId"), "targets"),
        "ListTagsForResource" => vec![organization(&format!("accounts/{}/tags", text("ResourceId")))],
        "DescribeEffectivePolicy" => {
            vec![organization(&format!("effective_policies/{}/{}", text("TargetId"), text("PolicyType")))]
        }
        "GetAssociationForServiceQuotaTemplate" | "ListServiceQuotaIncreaseRequestsInTemplate" => {
            vec![organization("quota_template")]
        }
        // Whatever is read within an account takes its role, but its regions, which the management account is told.
        "AssumeRole" => vec![
            format!("accounts/{}/regions", target(call)),
            // Which is on in this account alone.
            "quota_definitions/eu-south-1".to_owned(),
        ],
        "GetSerialConsoleAccessStatus" => setting("serial_console_access"),
        "GetEbsEncryptionByDefault" => setting("ebs_encryption_by_default"),
        "GetEbsDefaultKmsKeyId" => setting("ebs_default_kms_key"),
        "GetImageBlockPublicAccessState" => setting("image_block_public_access"),
        "GetSnapshotBlockPublicAccessState" => setting("snapshot_block_public_access"),
        "GetInstanceMetadataDefaults" => setting("instance_metadata_defaults"),
        "GetAllowedImagesSettings" => setting("allowed_images_settings"),
        "DescribeVpcBlockPublicAccessOptions" => setting("vpc_block_public_access"),
        "DescribeAvailabilityZones" => vec![here("zone_groups")],
        "ListServiceQuotas" => {
            let service = text("ServiceCode");
            let global = (region == "us-east-1").then(|| format!("accounts/{account}/regions/global/quotas/{service}"));
            global.into_iter().chain([here(&format!("quotas/{service}"))]).collect()
        }
        // Only a damaged answer stands: where none comes, the next account is asked.
        "ListAWSDefaultServiceQuotas" => {
            let service = text("ServiceCode");
            vec![format!("quota_definitions/{region}/{service}"), format!("quota_definitions/global/{service}")]
        }
        "ListRegions" => vec![format!("accounts/{}/region_status", target(call))],
        "ListRequestedServiceQuotaChangeHistory" => vec![here("quota_requests")],
        "GetAutoManagementConfiguration" => vec![format!("accounts/{account}/regions/global/quota_auto_management")],
        "DescribeTrails" => vec![here("trails")],
        "GetTrailStatus" => {
            ["logging", "delivery_error"].map(|part| here(&format!("trails/{}/{part}", text("Name")))).into()
        }
        "GetEventSelectors" => {
            let parts = ["management_events", "excluded_sources"];
            parts.map(|part| here(&format!("trails/{}/{part}", text("TrailName")))).into()
        }
        "ListEventDataStores" | "GetEventDataStore" => vec![here("event_data_stores")],
        _ => Vec::new(),
    }
}

fn of_policy(id: &str, part: &str) -> Vec<String> {
    let types = ["SERVICE_CONTROL_POLICY", "DECLARATIVE_POLICY_EC2"];
    types.map(|name| format!("organization/policies/{name}/{id}/{part}")).into()
}

/// Which parts of a snapshot a finding is made of.
pub(super) fn needs(finding: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (rule, subject) = (text(&finding["rule"]), text(&finding["subject"]["id"]));
    let (account, region) = (text(&finding["scope"]["account"]), text(&finding["scope"]["region"]));
    let here = |what: &str| format!("accounts/{account}/regions/{region}/{what}");
    let organization = |parts: &[&str]| parts.iter().map(|part| format!("organization/{part}")).collect::<Vec<_>>();
    let mut needs = match rule.as_str() {
        "link.organization.changed" => vec!["organization".to_owned()],
        "link.account.unexpected" if subject.starts_with("car-") => organization(&["account_requests"]),
        rule if rule.starts_with("link.account.") => organization(&["accounts", "units", "root"]),
        rule if rule.starts_with("link.ou.") => organization(&["units", "root"]),
        "link.delegation.changed" => organization(&["delegated_administrators", "resource_policy"]),
        "link.trusted-service.changed" => organization(&["trusted_services"]),
        "link.handshake.open" => organization(&["handshakes"]),
        "link.responsibility-transfer" => organization(&["responsibility_transfers"]),
        rule if rule.starts_with("link.") => organization(&["responsibility_transfers", "handshakes"]),
        rule if rule.starts_with("policy-type.") => organization(&["policy_types"]),
        rule if rule.starts_with("policy.") => organization(&["policies", "policy_types", "root", "units", "accounts"]),
        "region.zone-group.enabled" => vec![here("zone_groups"), format!("accounts/{account}/region_status")],
        "region.open" => {
            let within = finding["accounts"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|id| format!("accounts/{}/region_status", text(id)));
            within.chain(organization(&["policies", "policy_types", "root", "units", "accounts"])).collect()
        }
        rule if rule.starts_with("region.") => vec![format!("accounts/{account}/region_status")],
        "quota.request.pending" => vec![here("quota_requests")],
        "quota.auto-management" => vec![here("quota_auto_management")],
        "quota.template.changed" => [organization(&["quota_template"]), vec!["organization/id".to_owned()]].concat(),
        rule if rule.starts_with("quota.") => {
            let service = subject.split('/').next().unwrap_or_default();
            let global = ["accounts", &account, "regions/global/quotas", service].join("/");
            let defaults = [region.as_str(), "global"].map(|region| format!("quota_definitions/{region}/{service}"));
            [&[here(&format!("quotas/{service}")), global][..], &defaults[..]].concat()
        }
        rule if rule.starts_with("setting.") => {
            vec![here(&format!("settings/{}", subject.split('.').next().unwrap_or_default()))]
        }
        "audit.trail.weakened" if subject.contains("eventdatastore") => vec![here("event_data_stores")],
        rule if rule.starts_with("audit.") => {
            let within = ["regions", "region_status"].map(|part| format!("accounts/{MANAGEMENT}/{part}"));
            [&within[..], &["organization/id".to_owned()]].concat()
        }
        _ => vec!["organization".to_owned(), "accounts".to_owned()],
    };
    if !account.is_empty() {
        // Which rules apply hangs on where the account is, and nothing is read within it while its regions are unknown.
        needs.push(format!("accounts/{account}/region_status"));
        needs.push(format!("organization/accounts/{account}"));
    }
    needs
}

/// Whether nothing in the baseline hangs on a fact: the default of a quota of which only the values of resources are declared.
pub(super) fn is_beside(path: &str) -> bool {
    path.starts_with("quota_definitions/eu-south-1/vpc/")
}

/// What an optional member leaves behind when it is missing.
pub(super) fn is_optional(path: &str, after: &Value) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let optional = [
        "email",
        "joined_at",
        "requested_at",
        "created",
        "updated",
        "managed_by",
        "bucket",
        "counterpart",
        "requester",
    ];
    (optional.contains(&name) && after.is_null())
        || (name == "name" && (after.is_string() || path.contains("responsibility_transfers")))
}
