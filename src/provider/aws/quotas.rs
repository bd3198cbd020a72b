//! Service quotas: defaults, applied values, requests, the template, automatic management.
//!
//! In: an account's identity in one region. Out: values, each row known or unknown by itself. It never takes the value of
//! a row that came with an error.
//!
//! <https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_Operations.html>

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use aws_sdk_servicequotas::Client;
use aws_sdk_servicequotas::types as sdk;
use serde::Deserialize;

use super::failure::{code, failed, gap};
use super::organization::{into_result, timestamp};
use super::pages::{Reader, required};
use super::{Aws, client};
use crate::estate::{
    AppliedQuota, CoverageStatus, Gap, Observation, Quota, QuotaDefinition, QuotaLevel, QuotaRequest, QuotaTemplate,
    TemplateRow,
};

/// An applied value, and whether it holds for all regions.
pub(super) struct Applied {
    pub(super) quota: AppliedQuota,
    pub(super) global: bool,
}

impl Aws {
    pub(super) fn quotas_client(&self, session: &SdkConfig, region: &str) -> Client {
        client!(self, session, region, aws_sdk_servicequotas)
    }

    /// The organisation's quota request template; kept in the home region.
    pub(super) async fn quota_template(&self, session: &SdkConfig, reader: &Reader<'_>) -> Observation<QuotaTemplate> {
        let client = self.quotas_client(session, &self.home);
        let association = reader.one("servicequotas:GetAssociationForServiceQuotaTemplate", async {
            let answer = match client.get_association_for_service_quota_template().send().await {
                Ok(answer) => answer,
                Err(error) if code(&error) == Some("ServiceQuotaTemplateNotInUseException") => {
                    return Ok(Observation::Known("DISASSOCIATED".to_owned()));
                }
                Err(error) => return Err(gap(error)),
            };
            let status = required(answer.service_quota_template_association_status, "AssociationStatus")?;
            Ok(Observation::Known(status.as_str().to_owned()))
        });
        let rows = reader.list("servicequotas:ListServiceQuotaIncreaseRequestsInTemplate", |token| async {
            let call = client.list_service_quota_increase_requests_in_template().set_next_token(token);
            let page = call.send().await.map_err(gap)?;
            let rows = required(page.service_quota_increase_request_in_template_list, "RequestsInTemplateList")?;
            let rows: Result<Vec<_>, _> = rows.into_iter().map(template_row).collect();
            Ok((rows?, page.next_token))
        });
        let (association, rows) = tokio::join!(association, rows);
        match (association, into_result(rows)) {
            (Observation::Known(association), Ok(rows)) => Observation::Known(QuotaTemplate { association, rows }),
            (Observation::Absent, Ok(_)) => Observation::Absent,
            (Observation::Unknown(gap), _) | (_, Err(gap)) => Observation::Unknown(gap),
        }
    }
}

/// The default of every quota of a service in one region.
pub(super) async fn definitions(
    client: &Client,
    reader: &Reader<'_>,
    service: &str,
) -> Observation<BTreeMap<String, QuotaDefinition>> {
    let rows = reader
        .list(&format!("servicequotas:ListAWSDefaultServiceQuotas {service}"), |token| async {
            let call = client.list_aws_default_service_quotas().service_code(service).set_next_token(token);
            let page = call.max_results(100).send().await.map_err(gap)?;
            let rows: Result<Vec<_>, _> = required(page.quotas, "Quotas")?.into_iter().map(definition).collect();
            Ok((rows?, page.next_token))
        })
        .await;
    rows.map(|rows| rows.into_iter().collect())
}

/// The values applied to an account or its resources; a quota without one has the default.
pub(super) async fn applied(
    client: &Client,
    reader: &Reader<'_>,
    service: &str,
    level: sdk::AppliedLevelEnum,
) -> Observation<Vec<Applied>> {
    reader
        .list(&format!("servicequotas:ListServiceQuotas {service}"), |token| {
            let call = client
                .list_service_quotas()
                .service_code(service)
                .quota_applied_at_level(level.clone())
                .max_results(100)
                .set_next_token(token);
            async {
                let page = call.send().await.map_err(gap)?;
                let rows: Result<Vec<_>, _> = required(page.quotas, "Quotas")?.into_iter().map(applied_row).collect();
                Ok((rows?, page.next_token))
            }
        })
        .await
}

/// Requests of about the last 90 days.
pub(super) async fn requests(client: &Client, reader: &Reader<'_>) -> Observation<Vec<QuotaRequest>> {
    reader
        .list("servicequotas:ListRequestedServiceQuotaChangeHistory", |token| async {
            let call = client
                .list_requested_service_quota_change_history()
                .quota_requested_at_level(sdk::AppliedLevelEnum::All)
                .max_results(100)
                .set_next_token(token);
            let page = call.send().await.map_err(gap)?;
            let rows: Result<Vec<_>, _> =
                required(page.requested_quotas, "RequestedQuotas")?.into_iter().map(request).collect();
            Ok((rows?, page.next_token))
        })
        .await
}

/// Whether AWS raises quotas by itself, in the baseline's words.
pub(super) async fn auto_management(client: &Client) -> Result<Observation<String>, Gap> {
    let answer = client.get_auto_management_configuration().send().await.map_err(gap)?;
    let state = match required(answer.opt_in_status, "OptInStatus")? {
        sdk::OptInStatus::Disabled => "disabled".to_owned(),
        sdk::OptInStatus::Enabled => match required(answer.opt_in_type, "OptInType")? {
            sdk::OptInType::NotifyOnly => "notify".to_owned(),
            sdk::OptInType::NotifyAndAdjust => "adjust".to_owned(),
            other => other.as_str().to_owned(),
        },
        other => other.as_str().to_owned(),
    };
    Ok(Observation::Known(state))
}

fn definition(row: sdk::ServiceQuota) -> Result<(String, QuotaDefinition), Gap> {
    let default = value(row.value, row.error_reason.as_ref());
    let code = required(row.quota_code, "QuotaCode")?;
    let name = row.quota_name.unwrap_or_else(|| code.clone());
    Ok((code, QuotaDefinition { name, default, global: row.global_quota, adjustable: row.adjustable }))
}

fn applied_row(row: sdk::ServiceQuota) -> Result<Applied, Gap> {
    let value = value(row.value, row.error_reason.as_ref());
    let code = required(row.quota_code, "QuotaCode")?;
    let resource = row.quota_context.and_then(|context| context.context_id);
    let level = match row.quota_applied_at_level {
        Some(sdk::AppliedLevelEnum::Resource) if resource.is_none() => {
            return Err(failed(format!("`{code}` does not say for which resource it is applied")));
        }
        Some(sdk::AppliedLevelEnum::Resource) => QuotaLevel::Resource,
        // The value of a resource must not pass for that of the account.
        None if resource.is_some() => {
            return Err(failed(format!("`{code}` does not say at which level it is applied")));
        }
        None | Some(sdk::AppliedLevelEnum::Account | sdk::AppliedLevelEnum::All) => QuotaLevel::Account,
        Some(other) => return Err(failed(format!("`{code}` is applied at the level `{}`", other.as_str()))),
    };
    let name = row.quota_name.unwrap_or_else(|| code.clone());
    let resource = if level == QuotaLevel::Resource { resource } else { None };
    Ok(Applied { quota: AppliedQuota { code, name, level, resource, value }, global: row.global_quota })
}

fn value(value: Option<f64>, error: Option<&sdk::ErrorReason>) -> Observation<f64> {
    match (value, error) {
        (_, Some(error)) => {
            let code = error.error_code.as_ref().map_or("an error without a code", sdk::ErrorCode::as_str);
            let status = match code {
                "DEPENDENCY_ACCESS_DENIED_ERROR" => CoverageStatus::Denied,
                "DEPENDENCY_THROTTLING_ERROR" => CoverageStatus::Throttled,
                "SERVICE_QUOTA_NOT_AVAILABLE_ERROR" => CoverageStatus::Unsupported,
                _ => CoverageStatus::Failed,
            };
            let message = error.error_message.as_deref().unwrap_or_default();
            Observation::unknown(status, format!("{code}: {message}"))
        }
        (Some(value), None) if value.is_finite() => Observation::Known(value),
        // `NaN` and `Infinity` are spellings of the wire format; nothing lies above them.
        (Some(value), None) => Observation::unknown(CoverageStatus::Failed, format!("the row has the `Value` {value}")),
        (None, None) => Observation::unknown(CoverageStatus::Failed, "the row has no `Value`"),
    }
}

/// The requester is JSON inside a string.
#[derive(Deserialize)]
struct Requester {
    #[serde(rename = "callerArn")]
    caller: Option<String>,
}

fn request(row: sdk::RequestedServiceQuotaChange) -> Result<QuotaRequest, Gap> {
    let requester = match row.requester.as_deref() {
        None | Some("") => None,
        Some(text) => match serde_json::from_str::<Requester>(text) {
            Ok(requester) => requester.caller,
            Err(error) => return Err(failed(format!("a request's `Requester` is not JSON ({error})"))),
        },
    };
    let code = required(row.quota_code, "QuotaCode")?;
    Ok(QuotaRequest {
        id: required(row.id, "Id")?,
        name: row.quota_name.unwrap_or_else(|| code.clone()),
        quota: Quota { service: required(row.service_code, "ServiceCode")?, code },
        status: required(row.status, "Status")?.as_str().to_owned(),
        value: required(row.desired_value, "DesiredValue")?,
        resource: row.quota_context.and_then(|context| context.context_id),
        automatic: row.request_type.is_some_and(|kind| kind.as_str() == "AutomaticManagement"),
        requester,
        created: row.created.as_ref().and_then(timestamp),
        updated: row.last_updated.as_ref().and_then(timestamp),
    })
}

fn template_row(row: sdk::ServiceQuotaIncreaseRequestInTemplate) -> Result<TemplateRow, Gap> {
    Ok(TemplateRow {
        service: required(row.service_code, "ServiceCode")?,
        code: required(row.quota_code, "QuotaCode")?,
        region: required(row.aws_region, "AwsRegion")?,
        value: required(row.desired_value, "DesiredValue")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_of_a_resource_is_never_that_of_the_account() {
        let row = |level: Option<&str>, context: Option<&str>| {
            let context = context.map(|id| sdk::QuotaContextInfo::builder().context_id(id).build());
            let row = sdk::ServiceQuota::builder().quota_code("L-1").value(5.0).set_quota_context(context);
            applied_row(row.set_quota_applied_at_level(level.map(Into::into)).build()).map(|row| row.quota.level)
        };
        assert_eq!(row(None, None), Ok(QuotaLevel::Account));
        assert_eq!(row(Some("ACCOUNT"), Some("*")), Ok(QuotaLevel::Account));
        assert_eq!(row(Some("RESOURCE"), Some("arn")), Ok(QuotaLevel::Resource));
        assert!(row(None, Some("arn")).is_err() && row(Some("GALAXY"), None).is_err());
    }

    #[test]
    fn only_a_finite_value_without_an_error_is_one() {
        assert_eq!(value(Some(5.0), None), Observation::Known(5.0));
        // `NaN` is above no limit, so that it would be in line with every one.
        for odd in [Some(f64::NAN), Some(f64::INFINITY), None] {
            assert!(value(odd, None).gap().is_some(), "{odd:?}");
        }
        let error = sdk::ErrorReason::builder().error_code("DEPENDENCY_ACCESS_DENIED_ERROR".into()).build();
        let denied = value(Some(5.0), Some(&error));
        assert_eq!(denied.gap().map(|gap| gap.status), Some(CoverageStatus::Denied));
    }
}
