//! AWS Organizations: the organisation, its tree and accounts, and who is linked to it.
//!
//! In: an [`Ask`]. Out: the members of the answer. Only the management account, a delegated administrator, or a
//! member that the delegation policy names is answered. It never answers for policies: see `org_policies.rs`.
//! <https://docs.aws.amazon.com/organizations/latest/APIReference/Welcome.html>

use serde_json::{Value, json};
use wildmatch::WildMatch;

use super::ask::{Answer, Ask, Handler, Pager};
use super::estate::{Account, Handshake, Organization, Transfer};
use super::org_policies;
use super::refusal::Refusal;
use super::wire::{epoch, pruned};

pub const OPERATIONS: &[(&str, Handler)] = &[
    ("DescribeOrganization", describe_organization),
    ("ListRoots", list_roots),
    ("ListAccounts", list_accounts),
    ("DescribeAccount", describe_account),
    ("ListOrganizationalUnitsForParent", list_units_for_parent),
    ("DescribeOrganizationalUnit", describe_unit),
    ("ListAccountsForParent", list_accounts_for_parent),
    ("ListChildren", list_children),
    ("ListParents", list_parents),
    ("ListPolicies", org_policies::list_policies),
    ("ListTargetsForPolicy", org_policies::list_targets_for_policy),
    ("ListPoliciesForTarget", org_policies::list_policies_for_target),
    ("DescribePolicy", org_policies::describe_policy),
    ("DescribeEffectivePolicy", org_policies::describe_effective_policy),
    ("ListDelegatedAdministrators", list_delegated_administrators),
    ("ListDelegatedServicesForAccount", list_delegated_services),
    ("ListAWSServiceAccessForOrganization", list_service_access),
    ("ListHandshakesForOrganization", list_handshakes),
    ("ListCreateAccountStatus", list_create_account_status),
    ("DescribeResourcePolicy", describe_resource_policy),
    ("ListInboundResponsibilityTransfers", list_inbound_transfers),
    ("ListOutboundResponsibilityTransfers", list_outbound_transfers),
    ("ListTagsForResource", list_tags),
];

pub const fn pager(list: &'static str) -> Pager {
    Pager { list, cap: 20, default: 20, bad_size: "InvalidInputException", bad_token: "InvalidInputException" }
}

/// The organisation, when this caller may read it.
pub fn readable<'a>(ask: &'a Ask) -> Result<&'a Organization, Refusal> {
    let organization = joined(ask)?;
    let caller = &ask.caller.account;
    let administers = organization.delegated.get(caller).is_some_and(|services| !services.is_empty());
    if *caller == organization.management_account || administers || policy_allows(ask, organization) {
        return Ok(organization);
    }
    Err(no_permission())
}

/// The organisation that the caller's account belongs to.
fn joined<'a>(ask: &'a Ask) -> Result<&'a Organization, Refusal> {
    let member = ask.estate.is_member(&ask.caller.account);
    ask.estate.organization.as_ref().filter(|_| member).ok_or_else(|| {
        let text = "Your account is not a member of an organization.";
        Refusal::bad("AWSOrganizationsNotInUseException", text)
    })
}

fn no_permission() -> Refusal {
    Refusal::bad("AccessDeniedException", "You don't have permissions to access this resource.")
}

/// Whether the delegation policy allows the action to the caller's account; conditions are not weighed.
fn policy_allows(ask: &Ask, organization: &Organization) -> bool {
    let Some(policy) = &organization.resource_policy else { return false };
    let Ok(document) = serde_json::from_str::<Value>(&policy.content) else { return false };
    let action = format!("organizations:{}", ask.request.operation);
    let root = format!("arn:{}:iam::{}:root", ask.estate.partition, ask.caller.account);
    many(&document["Statement"]).iter().any(|statement| {
        let principals = many(&statement["Principal"]["AWS"]);
        let named = principals.iter().any(|p| **p == json!(root) || **p == json!(ask.caller.account));
        let actions = many(&statement["Action"]);
        let covered = actions.iter().filter_map(|a| a.as_str()).any(|a| WildMatch::new(a).matches(&action));
        statement["Effect"] == "Allow" && named && covered
    })
}

/// A value that may stand alone or in a list.
fn many(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |list| list.iter().collect())
}

/// An ARN of something in the organisation, owned by its management account.
pub fn arn(ask: &Ask, organization: &Organization, kind: &str, rest: &str) -> String {
    let Organization { id, management_account, .. } = organization;
    format!("arn:{}:organizations::{management_account}:{kind}/{id}/{rest}", ask.estate.partition)
}

fn describe_organization(ask: &Ask) -> Answer {
    let organization = joined(ask)?;
    let master = &organization.management_account;
    let partition = &ask.estate.partition;
    let email = ask.estate.accounts.get(master).map(|a| a.email.clone());
    let scp = json!([{"Type": "SERVICE_CONTROL_POLICY", "Status": "ENABLED"}]);
    Ok(pruned(json!({"Organization": {
        "Id": organization.id,
        "Arn": format!("arn:{partition}:organizations::{master}:organization/{}", organization.id),
        "FeatureSet": organization.feature_set,
        "MasterAccountId": master,
        "MasterAccountArn": arn(ask, organization, "account", master),
        "MasterAccountEmail": email,
        "AvailablePolicyTypes": if *master == ask.caller.account { scp } else { Value::Null },
    }})))
}

fn list_roots(ask: &Ask) -> Answer {
    let organization = readable(ask)?;
    let root = &organization.root;
    let types: Vec<Value> = root.policy_types.iter().map(|(t, s)| json!({"Type": t, "Status": s})).collect();
    let row = json!({"Id": root.id, "Arn": arn(ask, organization, "root", &root.id), "Name": root.name, "PolicyTypes": types});
    ask.page(&pager("Roots"), vec![row])
}

fn account_row(ask: &Ask, organization: &Organization, account: &Account) -> Value {
    let legacy = match account.state.as_str() {
        "CLOSED" => "SUSPENDED",
        "PENDING_ACTIVATION" => "ACTIVE",
        other => other,
    };
    pruned(json!({
        "Id": account.id,
        "Arn": arn(ask, organization, "account", &account.id),
        "Email": account.email,
        "Name": account.name,
        "State": account.state,
        "Status": organization.legacy_account_status.then_some(legacy),
        "Paths": [path(ask, organization, &account.id)],
        "JoinedMethod": account.joined_method,
        "JoinedTimestamp": epoch(account.joined),
    }))
}

/// `o-…/r-…/ou-…/…/`.
fn path(ask: &Ask, organization: &Organization, id: &str) -> String {
    format!("{}/{}/", organization.id, ask.estate.lineage(id).join("/"))
}

fn members<'a>(ask: &'a Ask) -> impl Iterator<Item = &'a Account> {
    ask.estate.accounts.values().filter(|a| a.parent.is_some())
}

fn list_accounts(ask: &Ask) -> Answer {
    let organization = readable(ask)?;
    ask.page(&pager("Accounts"), members(ask).map(|a| account_row(ask, organization, a)).collect())
}

fn member<'a>(ask: &'a Ask) -> Result<&'a Account, Refusal> {
    let id = ask.need("AccountId", "InvalidInputException")?;
    members(ask).find(|a| a.id == id).ok_or_else(|| {
        let text = "You specified an account that doesn't exist.";
        Refusal::bad("AccountNotFoundException", text)
    })
}

fn describe_account(ask: &Ask) -> Answer {
    let organization = readable(ask)?;
    Ok(json!({"Account": account_row(ask, organization, member(ask)?)}))
}

/// The parent a list is asked for: the root or a unit.
fn parent<'a>(ask: &'a Ask, organization: &Organization) -> Result<&'a str, Refusal> {
    let id = ask.need("ParentId", "InvalidInputException")?;
    if id == organization.root.id || organization.units.contains_key(id) {
        return Ok(id);
    }
    Err(Refusal::bad("ParentNotFoundException", "You specified a parent that doesn't exist."))
}

fn unit_row(ask: &Ask, organization: &Organization, id: &str) -> Value {
    json!({
        "Id": id,
        "Arn": arn(ask, organization, "ou", id),
        "Name": organization.units.get(id).map(|u| &u.name),
        "Path": path(ask, organization, id),
    })
}

fn list_units_for_parent(ask: &Ask) -> Answer {
    let organization = readable(ask)?;
    let parent = parent(ask, organization)?;
    let below = organization.units.iter().filter(|(_, unit)| unit.parent == parent);
    ask.page(&pager("OrganizationalUnits"), below.map(|(id, _)| unit_row(ask, organization, id)).collect())
}

fn describe_unit(ask: &Ask) -> Answer {
    let organization = readable(ask)?;
    let id = ask.need("OrganizationalUnitId", "InvalidInputException")?;
    if !organization.units.contains_key(id) {
        let text = "You specified an organizational unit that doesn't exist.";
        return Err(Refusal::bad("OrganizationalUnitNotFoundException", text));
    }
    Ok(json!({"OrganizationalUnit": unit_row(ask, organization, id)}))
}

fn list_accounts_for_parent(ask: &Ask) -> Answer {
    let organization = readable(ask)?;
    let parent = parent(ask, organization)?;
    let below = members(ask).filter(|a| a.parent.as_deref() == Some(parent));
    ask.page(&pager("Accounts"), below.map(|a| account_row(ask, organization, a)).collect())
}

fn list_children(ask: &Ask) -> Answer {
    let organization = readable(ask)?;
    let parent = parent(ask, organization)?;
    let rows = match ask.need("ChildType", "InvalidInputException")? {
        "ACCOUNT" => {
            let below = members(ask).filter(|a| a.parent.as_deref() == Some(parent));
            below.map(|a| json!({"Id": a.id, "Type": "ACCOUNT"})).collect()
        }
        "ORGANIZATIONAL_UNIT" => {
            let below = organization.units.iter().filter(|(_, unit)| unit.parent == parent);
            below.map(|(id, _)| json!({"Id": id, "Type": "ORGANIZATIONAL_UNIT"})).collect()
        }
        _ => return Err(Refusal::bad("InvalidInputException", "You specified an invalid value.")),
    };
    ask.page(&pager("Children"), rows)
}

fn list_parents(ask: &Ask) -> Answer {
    let organization = readable(ask)?;
    let child = ask.need("ChildId", "InvalidInputException")?;
    let lineage = ask.estate.lineage(child);
    let Some(parent) = lineage.len().checked_sub(2).map(|n| lineage[n].clone()) else {
        return Err(Refusal::bad("ChildNotFoundException", "You specified a child that doesn't exist."));
    };
    let kind = if parent == organization.root.id { "ROOT" } else { "ORGANIZATIONAL_UNIT" };
    ask.page(&pager("Parents"), vec![json!({"Id": parent, "Type": kind})])
}

fn list_delegated_administrators(ask: &Ask) -> Answer {
    let organization = readable(ask)?;
    let wanted = ask.text("ServicePrincipal");
    let mut rows = Vec::new();
    for (id, services) in &organization.delegated {
        let since = match wanted {
            Some(service) => services.get(service),
            None => services.values().min(),
        };
        let (Some(since), Some(account)) = (since, ask.estate.accounts.get(id)) else { continue };
        let mut row = account_row(ask, organization, account);
        row["DelegationEnabledDate"] = epoch(*since);
        if let Some(members) = row.as_object_mut() {
            members.remove("Paths");
        }
        rows.push(row);
    }
    ask.page(&pager("DelegatedAdministrators"), rows)
}

fn list_delegated_services(ask: &Ask) -> Answer {
    let organization = readable(ask)?;
    let account = member(ask)?;
    let Some(services) = organization.delegated.get(&account.id) else {
        let text = "The specified account is not a delegated administrator for this Amazon Web Services service.";
        return Err(Refusal::bad("AccountNotRegisteredException", text));
    };
    let rows = services.iter().map(|(s, at)| json!({"ServicePrincipal": s, "DelegationEnabledDate": epoch(*at)}));
    ask.page(&pager("DelegatedServices"), rows.collect())
}

fn list_service_access(ask: &Ask) -> Answer {
    let organization = readable(ask)?;
    let enabled = &organization.trusted_services;
    let rows = enabled.iter().map(|(s, at)| json!({"ServicePrincipal": s, "DateEnabled": epoch(*at)}));
    ask.page(&pager("EnabledServicePrincipals"), rows.collect())
}

fn handshake_row(ask: &Ask, organization: &Organization, handshake: &Handshake) -> Value {
    let kind = handshake.action.to_lowercase();
    json!({
        "Id": handshake.id,
        "Arn": arn(ask, organization, "handshake", &format!("{kind}/{}", handshake.id)),
        "Parties": handshake.parties.iter().map(|(t, id)| json!({"Id": id, "Type": t})).collect::<Vec<_>>(),
        "State": handshake.state,
        "RequestedTimestamp": epoch(handshake.requested),
        "ExpirationTimestamp": epoch(handshake.expires),
        "Action": handshake.action,
        "Resources": handshake.resources.iter().map(|(t, v)| json!({"Value": v, "Type": t})).collect::<Vec<_>>(),
    })
}

fn list_handshakes(ask: &Ask) -> Answer {
    let organization = readable(ask)?;
    let wanted = ask.request.input.pointer("/Filter/ActionType").and_then(Value::as_str);
    let chosen = organization.handshakes.iter().filter(|h| wanted.is_none_or(|action| h.action == action));
    ask.page(&pager("Handshakes"), chosen.map(|h| handshake_row(ask, organization, h)).collect())
}

fn list_create_account_status(ask: &Ask) -> Answer {
    let organization = readable(ask)?;
    let wanted = ask.request.input.get("States").and_then(Value::as_array);
    let all = organization.create_account_statuses.iter();
    let chosen = all.filter(|s| wanted.is_none_or(|states| states.contains(&json!(s.state))));
    let row = |s: &super::estate::CreateAccountStatus| {
        pruned(json!({
            "Id": s.id, "AccountName": s.account_name, "State": s.state, "RequestedTimestamp": epoch(s.requested),
            "CompletedTimestamp": s.completed.map(epoch), "AccountId": s.account_id, "FailureReason": s.failure_reason,
        }))
    };
    ask.page(&pager("CreateAccountStatuses"), chosen.map(row).collect())
}

fn describe_resource_policy(ask: &Ask) -> Answer {
    let organization = readable(ask)?;
    let Some(policy) = &organization.resource_policy else {
        let text = "We can't find a resource policy request with the parameter that you specified.";
        return Err(Refusal::bad("ResourcePolicyNotFoundException", text));
    };
    let summary = json!({"Id": policy.id, "Arn": arn(ask, organization, "resourcepolicy", &policy.id)});
    Ok(json!({"ResourcePolicy": {"ResourcePolicySummary": summary, "Content": policy.content}}))
}

/// Responsibility transfers are shown to the management account and to nobody else.
fn transfers(ask: &Ask, direction: &str, choose: fn(&Organization) -> &[Transfer]) -> Answer {
    let organization = joined(ask)?;
    if ask.caller.account != organization.management_account {
        return Err(no_permission());
    }
    if ask.need("Type", "InvalidInputException")? != "BILLING" {
        return Err(Refusal::bad("InvalidInputException", "You specified an invalid value."));
    }
    let wanted = ask.text("Id");
    let party = |(id, email): &(String, String)| json!({"ManagementAccountId": id, "ManagementAccountEmail": email});
    let rows = choose(organization).iter().filter(|t| wanted.is_none_or(|id| t.id == id)).map(|t| {
        pruned(json!({
            "Arn": arn(ask, organization, "transfer", &format!("billing/{direction}/{}", t.id)),
            "Name": t.name, "Id": t.id, "Type": "BILLING", "Status": t.status,
            "Source": party(&t.source), "Target": party(&t.target),
            "StartTimestamp": epoch(t.start), "EndTimestamp": t.end.map(epoch), "ActiveHandshakeId": t.handshake,
        }))
    });
    ask.page(&pager("ResponsibilityTransfers"), rows.collect())
}

fn list_inbound_transfers(ask: &Ask) -> Answer {
    transfers(ask, "inbound", |organization| &organization.transfers_in)
}

fn list_outbound_transfers(ask: &Ask) -> Answer {
    transfers(ask, "outbound", |organization| &organization.transfers_out)
}

fn list_tags(ask: &Ask) -> Answer {
    let organization = readable(ask)?;
    let id = ask.need("ResourceId", "InvalidInputException")?;
    let account = ask.estate.accounts.get(id).filter(|a| a.parent.is_some()).map(|a| &a.tags);
    let unit = organization.units.get(id).map(|u| &u.tags);
    let policy = organization.policies.get(id).map(|p| &p.tags);
    let none = Default::default();
    let root = (id == organization.root.id).then_some(&none);
    let Some(tags) = account.or(unit).or(policy).or(root) else {
        return Err(Refusal::bad("TargetNotFoundException", "You specified a target that doesn't exist."));
    };
    ask.page(&pager("Tags"), tags.iter().map(|(k, v)| json!({"Key": k, "Value": v})).collect())
}
