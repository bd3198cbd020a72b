//! The calls themselves, each with the smallest page.
//!
//! In: an operation of the plan. Out: nothing but what the identity lacks. It asks about what the first answers name, and
//! where they name nothing, about what cannot exist: a refusal comes before the search.

use std::collections::BTreeSet;
use std::sync::Mutex;

use aws_sdk_cloudtrail::types::{LookupAttribute, LookupAttributeKey};
use aws_sdk_organizations::Client as Organizations;
use aws_sdk_organizations::types as sdk;
use aws_sdk_servicequotas::types::ErrorCode;

use super::super::plan::{DESCRIBE, Plan, REGIONS};
use super::super::{Reader, TABLE};
use super::{Caller, Found, Lack, Sketch};
use crate::estate::{CoverageStatus, Gap};
use crate::provider::aws::failure::code;
use crate::provider::aws::follow_up::AUTHORIZATION;
use crate::provider::aws::settings::SETTINGS;
use crate::provider::aws::{Aws, client};

/// What is asked about where nothing else is known.
const NO_ROOT: &str = "r-0000";
const NO_TRAIL: &str = "guardline-permissions";
const NO_STORE: &str = "00000000-0000-4000-8000-000000000000";
/// AWS's own policy, which every organisation has.
const SOME_POLICY: &str = "p-FullAWSAccess";

/// What the first calls name, for the others to ask about.
struct Named {
    root: String,
    policy: String,
    administrator: String,
    /// An account of the organisation: the agent's own.
    account: String,
    policy_type: sdk::EffectivePolicyType,
}

impl Aws {
    /// Asks about the organisation; what is learned says which accounts there are.
    pub(super) async fn check_organization(&self, plan: &Plan<'_>, lacks: &Mutex<Vec<Lack>>) -> Sketch {
        let (identity, account) = self.reads_organization_as();
        let mut caller =
            Caller { account: &account, identity, region: self.home.clone(), session: self.own.clone(), lacks };
        let nothing = || Sketch { management: plan.aws.management_account.clone(), ..Sketch::default() };
        match self.organization_session().await {
            Ok(session) => caller.session = session,
            Err(gap) => {
                caller.lacks("sts:AssumeRole", &gap);
                return nothing();
            }
        }
        let client = client!(self, &caller.session, self.home, aws_sdk_organizations);
        let described = client.describe_organization().send().await;
        if let Err(error) = &described
            && code(error) == Some("AWSOrganizationsNotInUseException")
        {
            return Sketch { alone: true, ..Sketch::default() };
        }
        if !plan.readers().contains(&Reader::Management) {
            caller.note(DESCRIBE, described);
            return Sketch { alone: true, ..Sketch::default() };
        }
        let organization = caller.note(DESCRIBE, described).and_then(|answer| answer.organization);
        let accounts = self.check_accounts(&caller, &client).await;
        let named = self.first_names(&caller, &client).await;
        let asked = [DESCRIBE, REGIONS[0], "organizations:ListAccounts"];
        let asked = asked.iter().chain(&FIRST).copied().collect::<BTreeSet<_>>();
        let rest = plan.organization();
        self.progress.plan(rest.len() as u64);
        for operation in rest.difference(&asked) {
            self.ask_organization(&caller, &client, operation, &named).await;
        }
        let management = organization.and_then(|found| found.master_account_id);
        Sketch { alone: false, management: management.or_else(|| plan.aws.management_account.clone()), accounts }
    }

    /// Every account, page by page; none where the list is not whole.
    async fn check_accounts(&self, caller: &Caller<'_>, client: &Organizations) -> Option<Vec<Found>> {
        let (mut found, mut token, mut seen) = (Vec::new(), None, BTreeSet::new());
        loop {
            let page = client.list_accounts().set_next_token(token).send().await;
            let page = caller.note("organizations:ListAccounts", page)?;
            found.extend(page.accounts.into_iter().flatten().filter_map(|account| {
                let active = account.state.as_ref().map(sdk::AccountState::as_str) == Some("ACTIVE")
                    || account.status.as_ref().map(sdk::AccountStatus::as_str) == Some("ACTIVE");
                Some(Found {
                    id: account.id?,
                    name: account.name.unwrap_or_default(),
                    active,
                    created_here: account.joined_method.is_some_and(|method| method.as_str() == "CREATED"),
                })
            }));
            match page.next_token.filter(|next| !next.is_empty()) {
                None => return Some(found),
                Some(next) if !seen.insert(next.clone()) => {
                    let reason = "the service handed out the same page token twice".to_owned();
                    let gap = Gap { status: CoverageStatus::Failed, reason };
                    caller.lacks("organizations:ListAccounts", &gap);
                    return None;
                }
                Some(next) => token = Some(next),
            }
        }
    }

    async fn first_names(&self, caller: &Caller<'_>, client: &Organizations) -> Named {
        let roots = caller.note(FIRST[0], client.list_roots().max_results(1).send().await);
        let root = roots.and_then(|page| page.roots).and_then(|roots| roots.into_iter().next());
        let types = root.as_ref().and_then(|root| root.policy_types.clone()).unwrap_or_default();
        let management = types.into_iter().filter_map(|summary| summary.r#type).map(|kind| kind.as_str().to_owned());
        let policy_type = management.into_iter().find(|kind| !AUTHORIZATION.contains(&kind.as_str()));
        let policies = client.list_policies().filter(sdk::PolicyType::ServiceControlPolicy).max_results(1);
        let policies = caller.note(FIRST[1], policies.send().await);
        let policy = policies.and_then(|page| page.policies?.into_iter().next()?.id);
        let administrators = caller.note(FIRST[2], client.list_delegated_administrators().max_results(1).send().await);
        let administrator = administrators.and_then(|page| page.delegated_administrators?.into_iter().next()?.id);
        let account = self.identity.account.clone();
        Named {
            root: root.and_then(|root| root.id).unwrap_or_else(|| NO_ROOT.to_owned()),
            policy: policy.unwrap_or_else(|| SOME_POLICY.to_owned()),
            administrator: administrator.unwrap_or_else(|| account.clone()),
            account,
            policy_type: policy_type.map_or(sdk::EffectivePolicyType::TagPolicy, |kind| kind.as_str().into()),
        }
    }

    async fn ask_organization(
        &self,
        caller: &Caller<'_>,
        client: &Organizations,
        operation: &'static str,
        named: &Named,
    ) {
        let Named { root, policy, administrator, account, policy_type } = named;
        let billing = sdk::ResponsibilityTransferType::Billing;
        let quotas = self.quotas_client(&caller.session, &self.home);
        macro_rules! note {
            ($call:expr) => {
                drop(caller.note(operation, $call.send().await))
            };
        }
        match operation {
            "organizations:DescribePolicy" => note!(client.describe_policy().policy_id(policy)),
            "organizations:DescribeResourcePolicy" => note!(client.describe_resource_policy()),
            "organizations:DescribeEffectivePolicy" => {
                note!(client.describe_effective_policy().policy_type(policy_type.clone()).target_id(account));
            }
            "organizations:ListAWSServiceAccessForOrganization" => {
                note!(client.list_aws_service_access_for_organization().max_results(1));
            }
            "organizations:ListAccountsForParent" => {
                note!(client.list_accounts_for_parent().parent_id(root).max_results(1));
            }
            "organizations:ListCreateAccountStatus" => note!(client.list_create_account_status().max_results(1)),
            "organizations:ListDelegatedServicesForAccount" => {
                note!(client.list_delegated_services_for_account().account_id(administrator).max_results(1));
            }
            "organizations:ListHandshakesForOrganization" => {
                note!(client.list_handshakes_for_organization().max_results(1));
            }
            "organizations:ListInboundResponsibilityTransfers" => {
                note!(client.list_inbound_responsibility_transfers().r#type(billing).max_results(1));
            }
            "organizations:ListOutboundResponsibilityTransfers" => {
                note!(client.list_outbound_responsibility_transfers().r#type(billing).max_results(1));
            }
            "organizations:ListOrganizationalUnitsForParent" => {
                note!(client.list_organizational_units_for_parent().parent_id(root).max_results(1));
            }
            "organizations:ListTagsForResource" => note!(client.list_tags_for_resource().resource_id(account)),
            "organizations:ListTargetsForPolicy" => {
                note!(client.list_targets_for_policy().policy_id(policy).max_results(1));
            }
            "servicequotas:GetAssociationForServiceQuotaTemplate" => {
                note!(quotas.get_association_for_service_quota_template());
            }
            "servicequotas:ListServiceQuotaIncreaseRequestsInTemplate" => {
                note!(quotas.list_service_quota_increase_requests_in_template().max_results(1));
            }
            other => caller.lacks(other, &unasked()),
        }
    }

    pub(super) async fn ask_inside(&self, caller: &Caller<'_>, operation: &'static str, services: &BTreeSet<String>) {
        match operation.split(':').next() {
            Some("cloudtrail") => self.ask_cloudtrail(caller, operation).await,
            Some("servicequotas") => self.ask_quotas(caller, operation, services).await,
            _ => self.ask_ec2(caller, operation).await,
        }
    }

    async fn ask_ec2(&self, caller: &Caller<'_>, operation: &'static str) {
        let client = client!(self, &caller.session, caller.region, aws_sdk_ec2);
        if operation == "ec2:DescribeAvailabilityZones" {
            caller.note(operation, client.describe_availability_zones().all_availability_zones(true).send().await);
            return;
        }
        match SETTINGS.iter().find(|setting| setting.operation == operation) {
            Some(setting) => match (setting.ask)(&client).await {
                Err(gap) if gap.status != CoverageStatus::Unsupported => caller.lacks(operation, &gap),
                _ => {}
            },
            None => caller.lacks(operation, &unasked()),
        }
    }

    async fn ask_quotas(&self, caller: &Caller<'_>, operation: &'static str, services: &BTreeSet<String>) {
        let client = self.quotas_client(&caller.session, &caller.region);
        let first = services.first().map_or("ec2", String::as_str);
        match operation {
            "servicequotas:ListAWSDefaultServiceQuotas" => {
                let call = client.list_aws_default_service_quotas().service_code(first).max_results(1);
                caller.note(operation, call.send().await);
            }
            "servicequotas:ListRequestedServiceQuotaChangeHistory" => {
                let call = client.list_requested_service_quota_change_history().max_results(1);
                caller.note(operation, call.send().await);
            }
            "servicequotas:GetAutoManagementConfiguration" => {
                caller.note(operation, client.get_auto_management_configuration().send().await);
            }
            "servicequotas:ListServiceQuotas" => {
                for service in services {
                    let call = client.list_service_quotas().service_code(service).max_results(1);
                    let rows = caller.note(operation, call.send().await).and_then(|page| page.quotas);
                    let errors = rows.into_iter().flatten().filter_map(|row| row.error_reason);
                    let denied = Some(ErrorCode::DependencyAccessDeniedError);
                    for error in errors.filter(|error| error.error_code == denied) {
                        caller.lacks(&format!("{operation} {service}"), &dependency(service, error.error_message));
                    }
                }
            }
            other => caller.lacks(other, &unasked()),
        }
    }

    async fn ask_cloudtrail(&self, caller: &Caller<'_>, operation: &'static str) {
        let client = client!(self, &caller.session, caller.region, aws_sdk_cloudtrail);
        match operation {
            "cloudtrail:DescribeTrails" => {
                // The calls about one trail come with this one, which names it.
                let trails = client.describe_trails().include_shadow_trails(false).send().await;
                let trails = caller.note(operation, trails).and_then(|answer| answer.trail_list);
                let trail = trails.and_then(|trails| trails.into_iter().next()?.trail_arn);
                let trail = trail.as_deref().unwrap_or(NO_TRAIL);
                caller.note("cloudtrail:GetTrailStatus", client.get_trail_status().name(trail).send().await);
                caller
                    .note("cloudtrail:GetEventSelectors", client.get_event_selectors().trail_name(trail).send().await);
            }
            "cloudtrail:ListEventDataStores" => {
                let stores = caller.note(operation, client.list_event_data_stores().max_results(1).send().await);
                let store = stores.and_then(|page| page.event_data_stores?.into_iter().next()?.event_data_store_arn);
                let store = store.as_deref().unwrap_or(NO_STORE);
                let call = client.get_event_data_store().event_data_store(store);
                caller.note("cloudtrail:GetEventDataStore", call.send().await);
            }
            "cloudtrail:LookupEvents" => {
                let by_name = LookupAttribute::builder()
                    .attribute_key(LookupAttributeKey::EventName)
                    .attribute_value("AssumeRole")
                    .build();
                let call = client.lookup_events().set_lookup_attributes(by_name.ok().map(|by_name| vec![by_name]));
                caller.note(operation, call.max_results(1).send().await);
            }
            "cloudtrail:GetTrailStatus" | "cloudtrail:GetEventSelectors" | "cloudtrail:GetEventDataStore" => {}
            other => caller.lacks(other, &unasked()),
        }
    }
}

/// The calls whose answers name what the others ask about.
const FIRST: [&str; 3] =
    ["organizations:ListRoots", "organizations:ListPolicies", "organizations:ListDelegatedAdministrators"];

/// A call that a run makes and the check does not know would pass for allowed if it were passed over.
fn unasked() -> Gap {
    Gap { status: CoverageStatus::Failed, reason: "the check does not know how to ask this".to_owned() }
}

/// A row without a value that can be trusted, because the service behind the quotas refused the caller.
fn dependency(service: &str, message: Option<String>) -> Gap {
    let actions = TABLE.dependencies.get(service).map(|actions| actions.join(", ")).unwrap_or_default();
    let needs = if actions.is_empty() { String::new() } else { format!("; it needs {actions}") };
    let reason = format!("DEPENDENCY_ACCESS_DENIED_ERROR: {}{needs}", message.unwrap_or_default());
    Gap { status: CoverageStatus::Denied, reason }
}
