//! The organisation, its accounts and its units. It never changes an entry that stands for several accounts.

use serde_json::{Value, json};

use super::renaming::names_one_account;
use super::{BY_HAND, Case, Changes, NO_NAME, No, STALE, WAIT, append, item, remove, set, unmasked};
use crate::baseline::edit::Change;
use crate::baseline::model::{AccountEntry, OuPath};
use crate::baseline::pattern::is_pattern;
use crate::compare::Aspect;

const ACCOUNTS: &str = "/aws/accounts";
const UNITS: &str = "/aws/organizational_units";

/// Only a new owner; another organisation is another baseline.
pub(super) fn organization(case: &Case<'_>) -> Changes {
    if case.finding.aspect == Aspect::Status {
        return Err(("policies bind only where all features are on", "switch all features on again"));
    }
    if !case.subject().ends_with("/management-account") {
        return Err(("another organisation is another baseline", "make one with `guardline record -o DIR`"));
    }
    Ok(set("/aws/management_account".to_owned(), case.actual_text()?))
}

pub(super) fn unexpected(case: &Case<'_>) -> Changes {
    let told = |key: &str| case.finding.actual.get(key).and_then(Value::as_str);
    if told("ou").is_none() {
        return Err(("the account is still being created", WAIT));
    }
    let (name, ou) = (unmasked(told("name").ok_or(STALE)?)?, told("ou").ok_or(STALE)?);
    Ok(append(ACCOUNTS, item([("id", json!(case.subject())), ("name", json!(name)), ("ou", json!(ou))])))
}

pub(super) fn missing(case: &Case<'_>) -> Changes {
    remove(ACCOUNTS, entry(case).map(|(index, _)| index))
}

/// An account that is one of many of a `match` entry gets an entry of its own.
pub(super) fn moved(case: &Case<'_>) -> Changes {
    let ou = case.actual_text()?;
    match entry(case) {
        Some((index, _)) => Ok(set(format!("{ACCOUNTS}/{index}/ou"), ou)),
        None => {
            let name = unmasked(&case.finding.subject.name)?;
            Ok(append(ACCOUNTS, item([("id", json!(case.subject())), ("name", json!(name)), ("ou", json!(ou))])))
        }
    }
}

/// The name, and every place that refers to the account by it.
pub(super) fn renamed(case: &Case<'_>) -> Changes {
    let name = unmasked(case.actual_text()?)?;
    let (index, entry) = entry(case).ok_or(STALE)?;
    let old = entry.name.as_deref().filter(|old| case.finding.expected.as_str() == Some(old)).ok_or(STALE)?;
    let mut values = vec![(format!("{ACCOUNTS}/{index}/name"), json!(name))];
    let refers = |path: &[String], text: &str| {
        let list = path.iter().rev().find(|step| step.parse::<usize>().is_err()).map(String::as_str);
        text == old && matches!(list, Some("account" | "targets" | "target"))
    };
    let places = places(case, &refers);
    if !places.is_empty() && !names_one_account(name) {
        return Err(NO_NAME);
    }
    values.extend(places.into_iter().map(|(at, _)| (at, json!(name))));
    Ok(vec![Change::SetAll { values }])
}

fn entry<'a>(case: &Case<'a>) -> Option<(usize, &'a AccountEntry)> {
    let entries = case.aws.accounts.iter().flatten().enumerate();
    entries.into_iter().find(|(_, entry)| entry.id.as_deref() == Some(case.subject()))
}

pub(super) fn unit_unexpected(case: &Case<'_>) -> Changes {
    let id = Some(case.subject()).filter(|id| id.starts_with("ou-"));
    Ok(append(UNITS, item([("path", json!(case.actual_text()?)), ("id", json!(id))])))
}

pub(super) fn unit_missing(case: &Case<'_>) -> Changes {
    remove(UNITS, unit(case, case.finding.expected.as_str()).map(|(index, _)| index))
}

/// The path of the unit, and every path that leads through it.
pub(super) fn unit_elsewhere(case: &Case<'_>) -> Changes {
    let (_, old) = unit(case, Some(&case.finding.subject.name)).ok_or(STALE)?;
    let mut names = old.names().to_vec();
    let own = names.pop().ok_or(STALE)?;
    let actual = case.actual_text()?;
    let new = if case.finding.aspect == Aspect::Name {
        OuPath::from_names(names.into_iter().chain([unmasked(actual)?.to_owned()]))
    } else {
        let above = OuPath::parse(actual).map_err(|_| UNREAD)?;
        OuPath::from_names(above.names().iter().cloned().chain([own]))
    };
    if new.names().iter().any(|name| is_pattern(name)) {
        return Err(NO_NAME);
    }
    let leads = |path: &[String], text: &str| {
        let list = path.iter().rev().find(|step| step.parse::<usize>().is_err()).map(String::as_str);
        let named = matches!(list, Some("ou" | "path" | "targets" | "target")) && text.starts_with('/');
        named && OuPath::parse(text).is_ok_and(|path| old.contains(&path))
    };
    let values = places(case, &leads).into_iter().filter_map(|(at, text)| {
        let path = OuPath::parse(&text).ok()?;
        let rest = path.names().get(old.names().len()..)?;
        Some((at, json!(OuPath::from_names(new.names().iter().chain(rest).cloned()).to_string())))
    });
    let values: Vec<_> = values.collect();
    if values.is_empty() { Err(STALE) } else { Ok(vec![Change::SetAll { values }]) }
}

const UNREAD: No = ("the unit above it was not read", BY_HAND);

fn unit<'a>(case: &Case<'a>, path: Option<&str>) -> Option<(usize, &'a OuPath)> {
    let units = || case.aws.organizational_units.iter().flatten().enumerate();
    let by_id = units().find(|(_, unit)| unit.id.as_deref() == Some(case.subject()));
    let path = path.and_then(|path| OuPath::parse(path).ok());
    let found = by_id.or_else(|| units().find(|(_, unit)| Some(&unit.path) == path.as_ref()));
    found.map(|(index, unit)| (index, &unit.path))
}

/// Every text of the AWS section, the exemptions and the approved changes that is meant, with its place.
fn places(case: &Case<'_>, is_meant: &dyn Fn(&[String], &str) -> bool) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let whole = case.baseline.to_value();
    for section in ["aws", "exemptions", "approved_changes"] {
        if let Some(value) = whole.get(section) {
            walk(value, &mut vec![section.to_owned()], is_meant, &mut found);
        }
    }
    found
}

fn walk(
    value: &Value,
    path: &mut Vec<String>,
    is_meant: &dyn Fn(&[String], &str) -> bool,
    found: &mut Vec<(String, String)>,
) {
    let steps: Vec<(String, &Value)> = match value {
        Value::String(text) if is_meant(path, text) => {
            let steps = path.iter().map(|step| step.replace('~', "~0").replace('/', "~1"));
            return found.push((format!("/{}", steps.collect::<Vec<_>>().join("/")), text.clone()));
        }
        Value::Array(items) => items.iter().enumerate().map(|(index, item)| (index.to_string(), item)).collect(),
        // What a document says is none of the baseline's own words.
        Value::Object(keys) => {
            keys.iter().filter(|(key, _)| *key != "document").map(|(key, value)| (key.clone(), value)).collect()
        }
        _ => return,
    };
    for (step, inner) in steps {
        path.push(step);
        walk(inner, path, is_meant, found);
        path.pop();
    }
}
