//! Policies: under which tenant-wide rules.
//!
//! In: the declared policies and types, and those of the organisation. Out: what is missing, unexpected, renamed, says
//! something else, or is attached elsewhere; and, once all differences are known, whether each of them weakened a guardrail.
//! It never takes a policy for missing whose type was not read.
//!
//! Identity: an id decides; else the name, which is unique per type; else a pattern, which stands for any number.

mod attachments;
mod guardrails;
mod types;

pub(super) use attachments::is_account;
pub use guardrails::by_text;
pub(super) use guardrails::judge;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::document;
use super::drift::{Aspect, Direction, Drift};
use super::rule::Rule;
use super::sides::{Live, Sides, read};
use super::undecided::Undecided;
use crate::baseline::model::PolicyRule;
use crate::baseline::pattern::fits;
use crate::estate::{Observation, Policy};

/// Compares policy types and policies.
pub(super) fn compare(live: &Live<'_>, drifts: &mut Vec<Drift>, undecided: &mut Undecided) {
    types::compare(live, drifts, undecided);
    if live.sides.aws.policies.is_none() {
        return;
    }
    for (policy_type, policies) in &live.organization.policies {
        if let Some(policies) = read(policies) {
            one_type(live, policy_type, policies, drifts);
        }
    }
}

/// A provider's policy type in a baseline's spelling: `SERVICE_CONTROL_POLICY` → `service_control`.
#[must_use]
pub fn type_name(policy_type: &str) -> String {
    let lower = policy_type.to_lowercase();
    lower.strip_suffix("_policy").unwrap_or(&lower).to_owned()
}

/// One way of telling which policy an entry means.
type Way<'a> = &'a dyn Fn(&PolicyRule, &Policy) -> bool;

/// A declared policy and its place among the declared ones.
type Declared<'a> = (usize, &'a PolicyRule);

/// The declared policies of one type.
fn declared<'a>(sides: &'a Sides<'_>, name: &str) -> Vec<Declared<'a>> {
    let policies = sides.aws.policies.iter().flatten().enumerate();
    policies.filter(|(_, policy)| policy.policy_type == name).collect()
}

fn one_type(live: &Live<'_>, policy_type: &str, policies: &[Policy], drifts: &mut Vec<Drift>) {
    let declared = declared(live.sides, &type_name(policy_type));
    let meant = meant(&declared, policies);
    for policy in policies {
        match meant.get(policy.id.as_str()) {
            Some(declared) => {
                drifts.extend(renamed(live, declared, policy));
                drifts.extend(changed(live, declared, policy));
                attachments::compare(live, declared, policy, drifts);
            }
            None => drifts.push(unexpected(live, policy)),
        }
    }
    for (index, rule) in &declared {
        let is_there = meant.values().any(|(found, _)| found == index);
        if !is_there && !rule.is_family() {
            drifts.push(missing(live, *index, rule, policy_type));
        }
    }
}

/// Which declared policy each live one is, by the live one's id.
fn meant<'a, 'p>(declared: &[Declared<'a>], policies: &'p [Policy]) -> BTreeMap<&'p str, Declared<'a>> {
    let mut meant: BTreeMap<&str, Declared<'a>> = BTreeMap::new();
    let by_id = |rule: &PolicyRule, policy: &Policy| rule.id.as_ref() == Some(&policy.id);
    // A policy of the provider is not meant by a like-named one of somebody else.
    let may_be = |rule: &PolicyRule, policy: &Policy| rule.id.is_none() && (policy.aws_managed || !rule.aws_managed);
    let by_name = |rule: &PolicyRule, policy: &Policy| rule.name == policy.name && may_be(rule, policy);
    let by_pattern =
        |rule: &PolicyRule, policy: &Policy| rule.is_family() && fits(&rule.name, &policy.name) && may_be(rule, policy);
    let ways: [Way<'_>; 3] = [&by_id, &by_name, &by_pattern];
    for way in ways {
        for policy in policies {
            let one = declared.iter().find(|(_, rule)| way(rule, policy));
            if let Some(one) = one.filter(|_| !meant.contains_key(policy.id.as_str())) {
                meant.insert(&policy.id, *one);
            }
        }
    }
    meant
}

fn drift(live: &Live<'_>, rule: Rule, aspect: Aspect, policy: &Policy) -> Drift {
    Drift::new(rule, aspect, live.scope(), &policy.id, &policy.name)
        .logged(&live.organization.management_account, None)
        .names("policy", &policy.id)
        .names("type", &policy.policy_type)
}

fn pointer(index: usize) -> String {
    format!("/aws/policies/{index}")
}

fn missing(live: &Live<'_>, index: usize, rule: &PolicyRule, policy_type: &str) -> Drift {
    let id = rule.id.clone().unwrap_or_else(|| format!("{}/{}", rule.policy_type, rule.name));
    let drift = Drift::new(Rule::PolicyMissing, Aspect::Existence, live.scope(), id, &rule.name)
        .values(json!({"name": rule.name, "type": rule.policy_type}), Value::Null)
        .at(live.sides.baseline.position(&pointer(index)))
        .logged(&live.organization.management_account, None)
        .names("type", policy_type)
        .effect("existence", "deleted");
    match &rule.id {
        Some(id) => drift.names("policy", id),
        None => drift,
    }
}

fn unexpected(live: &Live<'_>, policy: &Policy) -> Drift {
    let mut said = json!({"name": policy.name, "type": type_name(&policy.policy_type)});
    if let Value::Object(keys) = &mut said {
        if let Some(targets) = policy.targets.known() {
            let shown: Vec<&str> = targets.iter().map(|target| live.tree.show(&target.id)).collect();
            keys.insert("targets".to_owned(), json!(shown));
        }
        if let Some(text) = policy.document.known() {
            keys.insert("digest".to_owned(), document::digest(&document::value_or_text(text).to_string()).into());
        }
    }
    drift(live, Rule::PolicyUnexpected, Aspect::Existence, policy)
        .values(Value::Null, said)
        .effect("existence", "created")
}

fn renamed(live: &Live<'_>, (index, rule): &Declared<'_>, policy: &Policy) -> Option<Drift> {
    (rule.id.is_some() && rule.name != policy.name).then(|| {
        drift(live, Rule::PolicyRenamed, Aspect::Name, policy)
            .direction(Direction::Equivalent)
            .values(rule.name.as_str(), policy.name.as_str())
            .at(live.sides.baseline.position(&format!("{}/name", pointer(*index))))
            .effect("name", &policy.name)
    })
}

fn changed(live: &Live<'_>, (index, _): &Declared<'_>, policy: &Policy) -> Option<Drift> {
    let declared = document::canonical(live.sides.baseline.policy_document(*index)?.value.clone());
    let there = match &policy.document {
        Observation::Known(text) => document::value_or_text(text),
        Observation::Absent => Value::Null,
        Observation::Unknown(_) => return None,
    };
    (declared != there).then(|| {
        let text = there.to_string();
        drift(live, Rule::PolicyChanged, Aspect::Content, policy)
            .values(declared, there)
            .at(live.sides.baseline.position(&format!("{}/document", pointer(*index))))
            .effect("content", text)
    })
}
