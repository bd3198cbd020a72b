//! Policies: that they are there, what they say, what they are called, and where they are attached. It never declares a
//! policy whose document nobody could read.

use serde_json::{Value, json};

use super::{BY_HAND, Case, Changes, No, STALE, append, item, remove, set, unmasked};
use crate::baseline::edit::Change;
use crate::baseline::model::{PolicyRule, Targets};
use crate::baseline::pattern::is_pattern;
use crate::baseline::placement::Placement;
use crate::compare::{canonical, canonical_value, digest};
use crate::estate::Policy;

const POLICIES: &str = "/aws/policies";
const NO_DOCUMENT: No =
    ("the report does not hold its document", "give the snapshot of the same scan with --snapshot FILE");
const UNREADABLE: No =
    ("its document is no plain JSON: it holds a key twice, or a number that cannot be kept", BY_HAND);
const EVERYWHERE: No = ("it is declared to be attached everywhere", "write its targets as a list");
const OTHER_SCAN: No = ("the snapshot holds another document than the report", "give the snapshot of the same scan");

/// The declared policy that a live one is: by its id, else by its name where only one bears it.
fn entry<'a>(case: &Case<'a>, id: &str, name: &str) -> Result<(usize, &'a PolicyRule), No> {
    let entries = || case.aws.policies.iter().flatten().enumerate();
    if let Some(found) = entries().find(|(_, rule)| rule.id.as_deref() == Some(id)) {
        return Ok(found);
    }
    let mut named = entries().filter(|(_, rule)| rule.id.is_none() && rule.name == name);
    match (named.next(), named.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => Err(("policies of several types bear its name", "give the entry its `id`")),
        (None, _) => Err(("a pattern stands for it", "give it an entry of its own")),
    }
}

fn own<'a>(case: &Case<'a>) -> Result<(usize, &'a PolicyRule), No> {
    entry(case, case.subject(), &case.finding.subject.name)
}

pub(super) fn missing(case: &Case<'_>) -> Changes {
    let (name, policy_type) = (case.finding.expected.get("name"), case.finding.expected.get("type"));
    let mut entries = case.aws.policies.iter().flatten();
    let index = entries.position(|rule| match &rule.id {
        Some(id) => id == case.subject(),
        None => Some(&json!(rule.name)) == name && Some(&json!(rule.policy_type)) == policy_type,
    });
    remove(POLICIES, index)
}

pub(super) fn unexpected(case: &Case<'_>) -> Changes {
    let policy = live(case, case.subject()).ok_or(NO_DOCUMENT)?;
    if is_pattern(&policy.name) {
        return Err(("its name would be read as a pattern", BY_HAND));
    }
    let told = |key: &str| case.finding.actual.get(key).cloned().unwrap_or_default();
    let keys = |document: Value| {
        item([
            ("name", json!(policy.name)),
            ("id", json!(policy.id)),
            ("type", told("type")),
            ("aws_managed", if policy.aws_managed { json!(true) } else { Value::Null }),
            ("document", document),
            ("targets", told("targets")),
        ])
    };
    if policy.aws_managed {
        return Ok(append(POLICIES, keys(Value::Null)));
    }
    let text = policy.document.known().ok_or(NO_DOCUMENT)?;
    let canonical = canonical_value(text).map_err(|_| UNREADABLE)?;
    if told("digest") != json!(digest(&canonical.to_string())) {
        return Err(OTHER_SCAN);
    }
    let document = serde_json::from_str(text).map_err(|_| UNREADABLE)?;
    let path = format!("{}{}.json", folder(case), file_name(policy));
    Ok(vec![Change::WithDocument { list: POLICIES.to_owned(), item: keys(json!(path)), document }])
}

fn live<'a>(case: &Case<'a>, id: &str) -> Option<&'a Policy> {
    let organization = case.snapshot?.organization.known()?;
    organization.policies.values().filter_map(|policies| policies.known()).flatten().find(|policy| policy.id == id)
}

/// The folder of the last document that is in a file, as the baseline writes it.
fn folder(case: &Case<'_>) -> String {
    let written = json!(case.aws.policies);
    let named = written.as_array().into_iter().flatten().filter_map(|rule| rule.get("document")?.as_str());
    let mut paths = named.filter(|text| !text.trim_start().starts_with('{'));
    paths.next_back().map_or_else(
        || "policies/".to_owned(),
        |path| path.rsplit_once('/').map_or_else(String::new, |(folder, _)| format!("{folder}/")),
    )
}

/// Names are chosen by whoever makes the policy: only letters that mean nothing to a file system are kept.
fn file_name(policy: &Policy) -> &str {
    let is_plain = policy.name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter));
    if is_plain && !policy.name.is_empty() && !policy.name.starts_with('-') { &policy.name } else { &policy.id }
}

pub(super) fn changed(case: &Case<'_>) -> Changes {
    let (index, _) = own(case)?;
    let at = format!("{POLICIES}/{index}/document");
    document(case, at, live(case, case.subject()).and_then(|policy| policy.document.known()))
}

/// The delegation policy, or that there is none.
pub(super) fn delegation(case: &Case<'_>) -> Changes {
    let at = "/aws/resource_policy".to_owned();
    if case.actual().is_none() {
        return Ok(set(at, "none"));
    }
    let organization = case.snapshot.and_then(|snapshot| snapshot.organization.known());
    let live = organization.and_then(|organization| organization.resource_policy.known());
    if case.finding.expected.is_null() {
        let value = said(case, live)?;
        return Ok(set(at, value));
    }
    document(case, at, live)
}

fn document(case: &Case<'_>, at: String, live: Option<&String>) -> Changes {
    Ok(vec![Change::Document { at, value: said(case, live)? }])
}

/// What the live document says: as the snapshot holds it, else in the report's normalised form.
fn said(case: &Case<'_>, live: Option<&String>) -> Result<Value, No> {
    let actual = &case.finding.actual;
    if !actual.is_object() {
        return Err(UNREADABLE);
    }
    unmasked(&actual.to_string())?;
    match live {
        Some(text) => {
            let value: Value = serde_json::from_str(text).map_err(|_| UNREADABLE)?;
            if canonical(value.clone()) == *actual { Ok(value) } else { Err(OTHER_SCAN) }
        }
        None => Ok(actual.clone()),
    }
}

pub(super) fn renamed(case: &Case<'_>) -> Changes {
    let name = case.actual_text()?;
    if is_pattern(name) {
        return Err(("its name would be read as a pattern", BY_HAND));
    }
    Ok(set(format!("{POLICIES}/{}/name", own(case)?.0), name))
}

/// The declared policy of an attachment, and the target's id.
fn attachment<'a>(case: &Case<'a>) -> Result<((usize, &'a PolicyRule), &'a str), No> {
    let (id, target) = case.finding.subject.id.split_once('@').ok_or(STALE)?;
    let name = case.finding.subject.name.as_str();
    // `deny-leave at /Workloads`: a name may hold the word, too.
    let names = name.match_indices(" at ").filter_map(|(at, _)| name.get(..at));
    let found = names.map(|name| entry(case, id, name)).find(Result::is_ok);
    found.unwrap_or_else(|| entry(case, id, name)).map(|entry| (entry, target))
}

/// `path (id)`, or the id alone: the path of a unit, the id of an account.
fn target<'a>(said: &'a Value, id: &'a str) -> &'a str {
    let shown = said.as_str().and_then(|said| said.strip_suffix(&format!(" ({id})")));
    shown.filter(|shown| shown.starts_with('/')).unwrap_or(id)
}

pub(super) fn detached(case: &Case<'_>) -> Changes {
    let ((index, rule), id) = attachment(case)?;
    let Some(Targets::These(targets)) = &rule.targets else { return Err(EVERYWHERE) };
    let path = target(&case.finding.expected, id);
    let name = case.finding.expected.as_str().and_then(|said| said.strip_suffix(&format!(" ({id})")));
    let placement = Placement::of(case.aws);
    let is_meant = |written: &String| {
        written == id || written == path || placement.resolve(written) == Some(id) || Some(written.as_str()) == name
    };
    remove(&format!("{POLICIES}/{index}/targets"), targets.iter().position(is_meant))
}

pub(super) fn attached(case: &Case<'_>) -> Changes {
    let ((index, _), id) = attachment(case)?;
    Ok(append(&format!("{POLICIES}/{index}/targets"), json!(target(&case.finding.actual, id))))
}

pub(super) fn type_disabled(case: &Case<'_>) -> Changes {
    if case.actual().is_some_and(|status| status == "PENDING_ENABLE") {
        return Err(("the type is on its way", super::WAIT));
    }
    let Some(types) = &case.aws.policy_types else {
        return Err(("the declared policies need it", "take the policies of the type out, or declare `policy_types`"));
    };
    remove("/aws/policy_types", types.iter().position(|name| name == case.subject()))
}

pub(super) fn type_enabled(case: &Case<'_>) -> Changes {
    if case.actual_text()? != "ENABLED" {
        return Err(("the type is on its way", super::WAIT));
    }
    Ok(append("/aws/policy_types", json!(case.subject())))
}
