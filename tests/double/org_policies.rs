//! AWS Organizations: policies, what they are attached to, and the effective one of a management policy type.
//!
//! In: an [`Ask`]. Out: the members of the answer. It never evaluates a service control policy: AWS has no
//! operation for that either.
//! <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_inheritance_mgmt.html>

use serde_json::{Map, Value, json};

use super::ask::{Answer, Ask};
use super::estate::{Organization, Policy};
use super::organizations::{arn, pager, readable};
use super::refusal::Refusal;
use super::wire::epoch;

const TYPES: &[&str] = &[
    "SERVICE_CONTROL_POLICY",
    "RESOURCE_CONTROL_POLICY",
    "TAG_POLICY",
    "BACKUP_POLICY",
    "AISERVICES_OPT_OUT_POLICY",
    "CHATBOT_POLICY",
    "DECLARATIVE_POLICY_EC2",
    "SECURITYHUB_POLICY",
    "SECURITYHUB_CSPM_POLICY",
    "INSPECTOR_POLICY",
    "UPGRADE_ROLLOUT_POLICY",
    "BEDROCK_POLICY",
    "S3_POLICY",
    "NETWORK_SECURITY_DIRECTOR_POLICY",
    "GUARDDUTY_POLICY",
];

/// The policy type a list is asked for.
fn wanted_type<'a>(ask: &'a Ask, member: &str) -> Result<&'a str, Refusal> {
    let name = ask.need(member, "InvalidInputException")?;
    if TYPES.contains(&name) {
        Ok(name)
    } else {
        Err(Refusal::bad("InvalidInputException", "You specified an invalid value."))
    }
}

fn summary(ask: &Ask, organization: &Organization, id: &str, policy: &Policy) -> Value {
    let kind = policy.policy_type.to_lowercase();
    let arn = if policy.aws_managed {
        format!("arn:{}:organizations::aws:policy/{kind}/{id}", ask.estate.partition)
    } else {
        arn(ask, organization, "policy", &format!("{kind}/{id}"))
    };
    json!({
        "Id": id, "Arn": arn, "Name": policy.name, "Description": policy.description,
        "Type": policy.policy_type, "AwsManaged": policy.aws_managed,
    })
}

fn found<'a>(ask: &'a Ask, organization: &'a Organization) -> Result<(&'a str, &'a Policy), Refusal> {
    let id = ask.need("PolicyId", "InvalidInputException")?;
    let policy = organization.policies.get(id);
    let policy =
        policy.ok_or_else(|| Refusal::bad("PolicyNotFoundException", "You specified a policy that doesn't exist."))?;
    Ok((id, policy))
}

/// Switching a policy type off detaches everything of that type at once.
fn attached(organization: &Organization, policy: &Policy) -> bool {
    organization.root.policy_types.contains_key(&policy.policy_type)
}

pub fn list_policies(ask: &Ask) -> Answer {
    let organization = readable(ask)?;
    let kind = wanted_type(ask, "Filter")?;
    let chosen = organization.policies.iter().filter(|(_, p)| p.policy_type == kind);
    ask.page(&pager("Policies"), chosen.map(|(id, p)| summary(ask, organization, id, p)).collect())
}

pub fn list_targets_for_policy(ask: &Ask) -> Answer {
    let organization = readable(ask)?;
    let (_, policy) = found(ask, organization)?;
    let targets = policy.targets.iter().filter(|_| attached(organization, policy));
    ask.page(&pager("Targets"), targets.filter_map(|id| target_row(ask, organization, id)).collect())
}

fn target_row(ask: &Ask, organization: &Organization, id: &str) -> Option<Value> {
    let (kind, folder, name) = if *id == organization.root.id {
        ("ROOT", "root", &organization.root.name)
    } else if let Some(unit) = organization.units.get(id) {
        ("ORGANIZATIONAL_UNIT", "ou", &unit.name)
    } else {
        ("ACCOUNT", "account", &ask.estate.accounts.get(id)?.name)
    };
    Some(json!({"TargetId": id, "Arn": arn(ask, organization, folder, id), "Name": name, "Type": kind}))
}

pub fn list_policies_for_target(ask: &Ask) -> Answer {
    let organization = readable(ask)?;
    let kind = wanted_type(ask, "Filter")?;
    let target = ask.need("TargetId", "InvalidInputException")?;
    if ask.estate.lineage(target).is_empty() {
        return Err(Refusal::bad("TargetNotFoundException", "You specified a target that doesn't exist."));
    }
    let all = organization.policies.iter();
    let chosen = all.filter(|(_, p)| p.policy_type == kind && attached(organization, p) && p.targets.contains(target));
    ask.page(&pager("Policies"), chosen.map(|(id, p)| summary(ask, organization, id, p)).collect())
}

pub fn describe_policy(ask: &Ask) -> Answer {
    let organization = readable(ask)?;
    let (id, policy) = found(ask, organization)?;
    Ok(json!({"Policy": {"PolicySummary": summary(ask, organization, id, policy), "Content": policy.content}}))
}

pub fn describe_effective_policy(ask: &Ask) -> Answer {
    let organization = readable(ask)?;
    let kind = wanted_type(ask, "PolicyType")?;
    if kind == "SERVICE_CONTROL_POLICY" || kind == "RESOURCE_CONTROL_POLICY" {
        return Err(Refusal::bad("InvalidInputException", "You specified an invalid value."));
    }
    let target = ask.text("TargetId").unwrap_or(&ask.caller.account);
    let lineage = ask.estate.lineage(target);
    if lineage.is_empty() {
        return Err(Refusal::bad("TargetNotFoundException", "You specified a target that doesn't exist."));
    }
    let mut content = Map::new();
    let mut any = false;
    for level in &lineage {
        let here = |p: &&Policy| p.policy_type == kind && attached(organization, p) && p.targets.contains(level);
        for policy in organization.policies.values().filter(here) {
            let document: Value = serde_json::from_str(&policy.content).unwrap_or_default();
            inherit(&mut content, &document);
            any = true;
        }
    }
    if !any {
        let text = "If you ran this action on the management account, this policy type is not enabled. \
                    If you ran the action on a member account, the account doesn't have an effective policy of this type.";
        return Err(Refusal::bad("EffectivePolicyNotFoundException", text));
    }
    let content = Value::Object(content).to_string();
    Ok(json!({"EffectivePolicy": {
        "PolicyContent": content, "LastUpdatedTimestamp": epoch(ask.now), "TargetId": target, "PolicyType": kind,
    }}))
}

/// Lays a child's policy over what was inherited: `@@assign` replaces, `@@append` and `@@remove` change a list.
/// The operators that control children are not weighed.
fn inherit(into: &mut Map<String, Value>, document: &Value) {
    for (name, child) in document.as_object().into_iter().flatten() {
        if name.starts_with("@@") {
            continue;
        }
        let list = |op: &str| child.get(op).and_then(Value::as_array).cloned().unwrap_or_default();
        let (append, remove) = (list("@@append"), list("@@remove"));
        if let Some(value) = child.get("@@assign") {
            into.insert(name.clone(), value.clone());
        } else if !append.is_empty() || !remove.is_empty() {
            let held = into.entry(name.clone()).or_insert_with(|| json!([]));
            if let Some(items) = held.as_array_mut() {
                items.extend(append);
                items.retain(|item| !remove.contains(item));
            }
        } else {
            let held = into.entry(name.clone()).or_insert_with(|| json!({}));
            if let Some(members) = held.as_object_mut() {
                inherit(members, child);
            }
        }
    }
}
