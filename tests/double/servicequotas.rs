//! Service Quotas: defaults, applied values, requests, the request template and automatic management.
//!
//! In: an [`Ask`]. Out: the members of the answer. A quota without an applied value is left out of
//! `ListServiceQuotas`, and a global one is known in the partition's global region alone.
//! <https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/Welcome.html>

use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use super::ask::{Answer, Ask, Handler, Pager};
use super::estate::{AccountQuota, ChangeRequest, QuotaKind, QuotaTemplate, ResourceQuota, Service};
use super::refusal::{Cause, Refusal};
use super::wire::{epoch, pruned};

pub const OPERATIONS: &[(&str, Handler)] = &[
    ("ListServices", list_services),
    ("ListServiceQuotas", list_service_quotas),
    ("ListAWSDefaultServiceQuotas", list_default_quotas),
    ("GetServiceQuota", get_service_quota),
    ("GetAWSDefaultServiceQuota", get_default_quota),
    ("ListRequestedServiceQuotaChangeHistory", list_requests),
    ("ListRequestedServiceQuotaChangeHistoryByQuota", list_requests_by_quota),
    ("GetAssociationForServiceQuotaTemplate", get_template_association),
    ("ListServiceQuotaIncreaseRequestsInTemplate", list_template),
    ("GetAutoManagementConfiguration", get_auto_management),
];

const BAD: &str = "IllegalArgumentException";

const fn pager(list: &'static str) -> Pager {
    Pager { list, cap: 100, default: 100, bad_size: BAD, bad_token: "InvalidPaginationTokenException" }
}

fn unknown() -> Refusal {
    Refusal::bad("NoSuchResourceException", "The request failed because the specified resource does not exist.")
}

/// Whether a quota is known in the region that is asked.
fn here(ask: &Ask, kind: &QuotaKind) -> bool {
    !kind.global || ask.region() == ask.estate.global_region
}

fn service<'a>(ask: &'a Ask) -> Result<(&'a str, &'a Service), Refusal> {
    let code = ask.need("ServiceCode", BAD)?;
    let service = ask.estate.services.get(code).ok_or_else(unknown)?;
    if service.quotas.is_empty() || service.quotas.values().any(|kind| here(ask, kind)) {
        return Ok((code, service));
    }
    Err(unknown())
}

fn list_services(ask: &Ask) -> Answer {
    let known = |s: &Service| s.quotas.is_empty() || s.quotas.values().any(|kind| here(ask, kind));
    let chosen = ask.estate.services.iter().filter(|(_, s)| known(s));
    ask.page(&pager("Services"), chosen.map(|(code, s)| json!({"ServiceCode": code, "ServiceName": s.name})).collect())
}

/// The parts every row of one quota shares; the account is empty on defaults.
fn row(ask: &Ask, service: &str, code: &str, account: &str, value: f64) -> Value {
    let Some((held, kind)) = ask.estate.services.get(service).and_then(|s| Some((s, s.quotas.get(code)?))) else {
        return Value::Null;
    };
    let metric = kind.usage_metric.as_ref().map(|(namespace, name, resource)| {
        json!({
            "MetricNamespace": namespace, "MetricName": name, "MetricStatisticRecommendation": "Maximum",
            "MetricDimensions": {"Class": "None", "Resource": resource, "Service": held.name, "Type": "Resource"},
        })
    });
    pruned(json!({
        "ServiceCode": service,
        "ServiceName": held.name,
        "QuotaArn": format!("arn:{}:servicequotas:{}:{account}:{service}/{code}", ask.estate.partition, ask.region()),
        "QuotaCode": code,
        "QuotaName": kind.name,
        "Value": value,
        "Unit": kind.unit,
        "Adjustable": kind.adjustable,
        "GlobalQuota": kind.global,
        "UsageMetric": metric,
        "Period": kind.period.as_ref().map(|(value, unit)| json!({"PeriodValue": value, "PeriodUnit": unit})),
        "QuotaAppliedAtLevel": "ACCOUNT",
        "Description": kind.description,
    }))
}

fn context(kind: &QuotaKind, id: &str) -> Value {
    let scope = if id == "*" { "ACCOUNT" } else { "RESOURCE" };
    json!({
        "ContextScope": scope, "ContextScopeType": kind.resource_type, "ContextId": id,
        "AdjustableAtLevel": kind.adjustable_at,
    })
}

fn account_quota<'a>(ask: &'a Ask, service: &str, code: &str) -> Option<&'a AccountQuota> {
    ask.estate.accounts.get(&ask.caller.account)?.quotas.get(ask.region())?.get(service)?.get(code)
}

/// The account-level row, when there is an applied value or an error in its place.
fn account_row(ask: &Ask, service: &str, code: &str, kind: &QuotaKind) -> Option<Value> {
    let own = account_quota(ask, service, code);
    let applied = own.map_or(kind.usual, |q| q.applied);
    let error = own.and_then(|q| q.error.as_ref());
    let value = applied.or(error.map(|_| kind.default_at(ask.region())))?;
    let mut row = row(ask, service, code, &ask.caller.account, value);
    if let Some(error) = error {
        row["ErrorReason"] = json!({"ErrorCode": error.code, "ErrorMessage": error.message});
    }
    if kind.adjustable_at != "ACCOUNT" {
        row["QuotaContext"] = pruned(context(kind, "*"));
    }
    Some(row)
}

fn resource_row(ask: &Ask, service: &str, code: &str, kind: &QuotaKind, resource: &ResourceQuota) -> Value {
    let mut row = row(ask, service, code, &ask.caller.account, resource.value);
    row["QuotaAppliedAtLevel"] = json!("RESOURCE");
    row["QuotaContext"] = pruned(context(kind, &resource.context));
    row
}

/// Account-level and resource-level rows of one quota.
fn rows(ask: &Ask, service: &str, code: &str, kind: &QuotaKind) -> (Option<Value>, Vec<Value>) {
    let resources = account_quota(ask, service, code).map(|q| q.resources.as_slice()).unwrap_or_default();
    let resources = resources.iter().map(|r| resource_row(ask, service, code, kind, r));
    (account_row(ask, service, code, kind), resources.collect())
}

fn list_service_quotas(ask: &Ask) -> Answer {
    let (code, service) = service(ask)?;
    let wanted = ask.text("QuotaCode");
    if wanted.is_some_and(|quota| !service.quotas.contains_key(quota)) {
        return Err(unknown());
    }
    let level = ask.text("QuotaAppliedAtLevel").unwrap_or("ACCOUNT");
    if !["ACCOUNT", "RESOURCE", "ALL"].contains(&level) {
        return Err(Refusal::bad(BAD, "QuotaAppliedAtLevel must be one of ACCOUNT, RESOURCE, ALL"));
    }
    let mut all = Vec::new();
    for (quota, kind) in
        service.quotas.iter().filter(|(quota, kind)| here(ask, kind) && wanted.is_none_or(|w| w == *quota))
    {
        let (account, resources) = rows(ask, code, quota, kind);
        if level != "RESOURCE" {
            all.extend(account);
        }
        if level != "ACCOUNT" {
            all.extend(resources);
        }
    }
    ask.page(&pager("Quotas"), all)
}

fn default_row(ask: &Ask, service: &str, code: &str, kind: &QuotaKind) -> Value {
    let mut row = row(ask, service, code, "", kind.default_at(ask.region()));
    if kind.adjustable_at != "ACCOUNT" {
        row["QuotaContext"] = pruned(context(kind, "*"));
    }
    row
}

fn list_default_quotas(ask: &Ask) -> Answer {
    let (code, service) = service(ask)?;
    let chosen = service.quotas.iter().filter(|(_, kind)| here(ask, kind));
    ask.page(&pager("Quotas"), chosen.map(|(quota, kind)| default_row(ask, code, quota, kind)).collect())
}

fn one_kind<'a>(ask: &'a Ask) -> Result<(&'a str, &'a str, &'a QuotaKind), Refusal> {
    let (code, service) = service(ask)?;
    let quota = ask.need("QuotaCode", BAD)?;
    let kind = service.quotas.get(quota).filter(|kind| here(ask, kind)).ok_or_else(unknown)?;
    Ok((code, quota, kind))
}

fn get_service_quota(ask: &Ask) -> Answer {
    let (service, code, kind) = one_kind(ask)?;
    let (account, resources) = rows(ask, service, code, kind);
    let chosen = match ask.text("ContextId") {
        None => account,
        Some(id) => resources.into_iter().find(|row| row["QuotaContext"]["ContextId"] == id),
    };
    Ok(json!({"Quota": chosen.ok_or_else(unknown)?}))
}

fn get_default_quota(ask: &Ask) -> Answer {
    let (service, code, kind) = one_kind(ask)?;
    Ok(json!({"Quota": default_row(ask, service, code, kind)}))
}

fn request_row(ask: &Ask, request: &ChangeRequest) -> Value {
    let service = ask.estate.services.get(&request.service);
    let kind = service.and_then(|s| s.quotas.get(&request.code));
    let account = &ask.caller.account;
    let level = if request.context.is_some() { "RESOURCE" } else { "ACCOUNT" };
    let requester = request.requester.as_ref().map(|arn| json!({"accountId": account, "callerArn": arn}).to_string());
    pruned(json!({
        "Id": request.id,
        "RequestType": request.automatic.then_some("AutomaticManagement"),
        "CaseId": request.case_id,
        "ServiceCode": request.service,
        "ServiceName": service.map(|s| &s.name),
        "QuotaCode": request.code,
        "QuotaName": kind.map(|k| &k.name),
        "DesiredValue": request.desired,
        "Status": request.status,
        "Created": epoch(request.created),
        "LastUpdated": epoch(request.updated.unwrap_or(request.created)),
        "Requester": requester,
        "QuotaArn": format!(
            "arn:{}:servicequotas:{}:{account}:{}/{}", ask.estate.partition, ask.region(), request.service, request.code
        ),
        "GlobalQuota": kind.is_some_and(|k| k.global),
        "Unit": kind.map_or("None", |k| &k.unit),
        "QuotaRequestedAtLevel": level,
        "QuotaContext": request.context.as_ref().and_then(|id| Some(context(kind?, id))),
    }))
}

/// Requests of about 90 days, newest first, as the filters of the input choose them.
fn requests(ask: &Ask, code: Option<&str>) -> Answer {
    let oldest = ask.now - SignedDuration::from_hours(24 * 90);
    let account = ask.estate.accounts.get(&ask.caller.account);
    let held = account.and_then(|a| a.requests.get(ask.region())).map(Vec::as_slice).unwrap_or_default();
    let level = ask.text("QuotaRequestedAtLevel").unwrap_or("ACCOUNT");
    let fits = |r: &&ChangeRequest| {
        let own = if r.context.is_some() { "RESOURCE" } else { "ACCOUNT" };
        r.created >= oldest
            && (level == "ALL" || level == own)
            && ask.text("ServiceCode").is_none_or(|service| service == r.service)
            && ask.text("Status").is_none_or(|status| status == r.status)
            && code.is_none_or(|code| code == r.code)
    };
    let mut chosen: Vec<&ChangeRequest> = held.iter().filter(fits).collect();
    chosen.sort_by_key(|r| std::cmp::Reverse(r.created));
    ask.page(&pager("RequestedQuotas"), chosen.into_iter().map(|r| request_row(ask, r)).collect())
}

fn list_requests(ask: &Ask) -> Answer {
    if let Some(code) = ask.text("ServiceCode") {
        ask.estate.services.get(code).ok_or_else(unknown)?;
    }
    requests(ask, None)
}

fn list_requests_by_quota(ask: &Ask) -> Answer {
    let (_, code, _) = one_kind(ask)?;
    requests(ask, Some(code))
}

/// The request template, for the management account in a region that is always on.
fn template<'a>(ask: &'a Ask) -> Result<&'a QuotaTemplate, Refusal> {
    let estate = ask.estate;
    let organization = estate.organization.as_ref().filter(|_| estate.is_member(&ask.caller.account));
    let Some(organization) = organization else {
        let text = "The account making this call is not a member of an organization.";
        return Err(Refusal::bad("NoAvailableOrganizationException", text));
    };
    if ask.caller.account != organization.management_account {
        return Err(ask.refuse(Cause::Denied));
    }
    if estate.regions.get(ask.region()).is_none_or(|region| region.opt_in) {
        let text = "The Service Quotas template is not available in this Amazon Web Services Region.";
        return Err(Refusal::bad("TemplatesNotAvailableInRegionException", text));
    }
    if !organization.trusted_services.contains_key("servicequotas.amazonaws.com") {
        let text = "The action you attempted is not allowed unless Service Access with Service Quotas is enabled in your organization.";
        return Err(Refusal::bad("AWSServiceAccessNotEnabledException", text));
    }
    organization.quota_template.as_ref().ok_or_else(|| {
        let text = "The quota request template is not associated with your organization.";
        Refusal::bad("ServiceQuotaTemplateNotInUseException", text)
    })
}

fn get_template_association(ask: &Ask) -> Answer {
    let status = if template(ask)?.associated { "ASSOCIATED" } else { "DISASSOCIATED" };
    Ok(json!({"ServiceQuotaTemplateAssociationStatus": status}))
}

fn list_template(ask: &Ask) -> Answer {
    let held = match template(ask) {
        // A template that was never used is an empty list: this operation has no error for it.
        Err(refusal) if refusal.code == "ServiceQuotaTemplateNotInUseException" => &QuotaTemplate::default(),
        other => other?,
    };
    let mut all = Vec::new();
    for r in &held.rows {
        let service = ask.estate.services.get(&r.service);
        let kind = service.and_then(|s| s.quotas.get(&r.code));
        let fits = ask.text("ServiceCode").is_none_or(|s| s == r.service)
            && ask.text("AwsRegion").is_none_or(|a| a == r.region);
        if fits {
            all.push(pruned(json!({
                "ServiceCode": r.service, "ServiceName": service.map(|s| &s.name), "QuotaCode": r.code,
                "QuotaName": kind.map(|k| &k.name), "DesiredValue": r.desired, "AwsRegion": r.region,
                "Unit": kind.map_or("None", |k| &k.unit), "GlobalQuota": kind.is_some_and(|k| k.global),
            })));
        }
    }
    ask.page(&pager("ServiceQuotaIncreaseRequestInTemplateList"), all)
}

fn get_auto_management(ask: &Ask) -> Answer {
    let account = ask.estate.accounts.get(&ask.caller.account);
    let held = account.and_then(|a| a.auto_management.as_ref()).ok_or_else(unknown)?;
    let mut exclusions = Map::new();
    for (service, quotas) in &held.exclusions {
        let quotas: Vec<Value> =
            quotas.iter().map(|(code, name)| json!({"QuotaCode": code, "QuotaName": name})).collect();
        exclusions.insert(service.clone(), quotas.into());
    }
    Ok(pruned(json!({
        "OptInLevel": "ACCOUNT", "OptInType": held.opt_in_type, "NotificationArn": held.notification_arn,
        "OptInStatus": held.status, "ExclusionList": exclusions,
    })))
}
