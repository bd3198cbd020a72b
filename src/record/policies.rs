//! Policies, as they are and where they are attached.
//!
//! In: the organisation's policies. Out: one entry each, with its document in a file, and `everywhere` where that is true.
//! It never names a target that was not read, and never takes a type that was not read for one without policies.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::Record;
use super::documents::Documents;
use crate::baseline::pattern::is_pattern;
use crate::compare::type_name;
use crate::estate::{Observation, Organization, Policy, PolicyTarget};

/// The types that are on; none where they were not read.
pub(super) fn types(record: &mut Record<'_>) -> Option<Value> {
    match &record.snapshot.organization.known()?.policy_types {
        Observation::Known(types) => {
            let on = types.iter().filter(|(_, status)| *status == "ENABLED").map(|(name, _)| type_name(name));
            Some(json!(on.filter(|name| is_type(name)).collect::<BTreeSet<_>>()))
        }
        Observation::Absent => Some(json!([])),
        Observation::Unknown(gap) => {
            record.gap("policy types", gap, "");
            None
        }
    }
}

/// The section; none where the types, and so the policies, were not read.
pub(super) fn section(record: &mut Record<'_>, documents: &mut Documents) -> Option<Value> {
    let organization = record.snapshot.organization.known()?;
    organization.policy_types.gap().is_none().then_some(())?;
    let (mut entries, mut seen) = (Vec::new(), BTreeSet::new());
    for (policy_type, policies) in &organization.policies {
        let kind = type_name(policy_type);
        let policies = match policies {
            Observation::Known(policies) => policies.as_slice(),
            Observation::Absent => &[],
            Observation::Unknown(gap) => {
                record.gap(format!("policies of the type {kind}"), gap, "");
                continue;
            }
        };
        let mut sorted: Vec<&Policy> = policies.iter().collect();
        sorted.sort_by_key(|policy| (!policy.aws_managed, &policy.name, &policy.id));
        for policy in sorted {
            let reason = match (is_type(&kind), policy.name.is_empty(), is_pattern(&policy.name) && !is_id(&policy.id))
            {
                (false, ..) => Some("its type has no name in a baseline"),
                (_, true, _) => Some("it has no name"),
                (.., true) => Some("its name is a pattern, and its id is none"),
                _ if !seen.insert((kind.clone(), &policy.name)) => Some("another one of its type has the same name"),
                _ => None,
            };
            match reason {
                Some(reason) => record.unsaid.add(format!("policy `{}`", policy.name), reason, policy.id.as_str()),
                None => entries.push(entry(record, organization, documents, &kind, policy)),
            }
        }
    }
    Some(Value::Array(entries))
}

fn is_type(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

fn is_id(id: &str) -> bool {
    let own = id.strip_prefix("p-").unwrap_or_default();
    (8..=128).contains(&own.len()) && own.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn entry(
    record: &mut Record<'_>,
    organization: &Organization,
    documents: &mut Documents,
    kind: &str,
    policy: &Policy,
) -> Value {
    let mut keys = Map::from_iter([("name".to_owned(), json!(policy.name))]);
    if is_id(&policy.id) && (!policy.aws_managed || is_pattern(&policy.name)) {
        keys.insert("id".to_owned(), json!(policy.id));
    }
    keys.insert("type".to_owned(), json!(kind));
    if policy.aws_managed {
        // What the provider's own policies say is the provider's affair.
        keys.insert("aws_managed".to_owned(), json!(true));
    } else if let Some(path) = document(record, documents, kind, policy) {
        keys.insert("document".to_owned(), json!(path));
    }
    if let Some(targets) = targets(record, organization, policy) {
        keys.insert("targets".to_owned(), targets);
    }
    Value::Object(keys)
}

fn document(record: &mut Record<'_>, documents: &mut Documents, kind: &str, policy: &Policy) -> Option<String> {
    let what = format!("document of the policy `{}`", policy.name);
    let text = match &policy.document {
        Observation::Known(text) => text,
        Observation::Absent => return None,
        Observation::Unknown(gap) => {
            record.gap(what, gap, policy.id.as_str());
            return None;
        }
    };
    let folder = match kind {
        "service_control" => "scp",
        "resource_control" => "rcp",
        other => other,
    };
    let kept = documents.keep(folder, &policy.name, &policy.id, text);
    kept.map_err(|reason| record.unsaid.add(what, reason, policy.id.as_str())).ok()
}

fn targets(record: &mut Record<'_>, organization: &Organization, policy: &Policy) -> Option<Value> {
    let what = format!("targets of the policy `{}`", policy.name);
    let targets: &[PolicyTarget] = match &policy.targets {
        Observation::Known(targets) => targets,
        Observation::Absent => &[],
        Observation::Unknown(gap) => {
            record.gap(what, gap, policy.id.as_str());
            return None;
        }
    };
    if is_everywhere(organization, targets) {
        return Some(json!("everywhere"));
    }
    let (mut paths, mut accounts) = (BTreeSet::new(), BTreeSet::new());
    for target in targets {
        if organization.root.known() == Some(&target.id) {
            paths.insert("/".to_owned());
        } else if let Some(path) = record.paths.get(&target.id) {
            paths.insert(path.to_string());
        } else if super::is_account(&target.id) {
            accounts.insert(target.id.clone());
        } else {
            record.unsaid.add(what, format!("nothing that was read has the id `{}`", target.id), policy.id.as_str());
            return None;
        }
    }
    Some(json!(paths.into_iter().chain(accounts).collect::<Vec<_>>()))
}

/// Whether the root, every unit and every account were read, and all of them have it.
fn is_everywhere(organization: &Organization, targets: &[PolicyTarget]) -> bool {
    let attached: BTreeSet<&str> = targets.iter().map(|target| target.id.as_str()).collect();
    let has = |id: &str| attached.contains(id);
    let (Some(root), Some(accounts)) = (organization.root.known(), organization.accounts.known()) else { return false };
    let units = match &organization.units {
        Observation::Known(units) => units.as_slice(),
        Observation::Absent => &[],
        Observation::Unknown(_) => return false,
    };
    has(root)
        && units.iter().all(|unit| has(&unit.id))
        && accounts.iter().all(|account| account.state == "CLOSED" || has(&account.id))
}
