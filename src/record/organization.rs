//! The organisation: its accounts and units, and what ties it to services and to others.
//!
//! In: the organisation as it was read. Out: its sections. An account goes by its id, a unit by its path with its id beside.
//! It never declares a list that was not read.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::documents::Documents;
use super::{Record, is_account};
use crate::baseline::model::OuPath;
use crate::estate::{Account, Observation, Organization, TransferDirection, Unit};

/// States in which a transfer binds nobody (any more).
const OVER: [&str; 5] = ["DECLINED", "CANCELED", "EXPIRED", "WITHDRAWN", "TERMINATED"];

/// Letters of a tag's key in quotes: YAML gives up looking for the `:` after 1,024.
const LONGEST_KEY: usize = 1000;

/// The paths of the units, by id, as far as a baseline can say them: from the names down, as a comparison finds them. The
/// first of two units of one path counts.
pub(super) fn paths(organization: &Organization) -> BTreeMap<String, OuPath> {
    let units = organization.units.known().map(Vec::as_slice).unwrap_or_default();
    let ids: BTreeSet<&str> = units.iter().map(|unit| unit.id.as_str()).collect();
    let mut below: BTreeMap<&str, Vec<&Unit>> = BTreeMap::new();
    for unit in units {
        below.entry(&unit.parent).or_default().push(unit);
    }
    let tops = below.keys().filter(|parent| !ids.contains(*parent)).map(|parent| (*parent, OuPath::root()));
    let mut left: Vec<(&str, OuPath)> = tops.collect();
    let (mut paths, mut taken) = (BTreeMap::new(), BTreeSet::new());
    while let Some((parent, above)) = left.pop() {
        for unit in below.remove(parent).unwrap_or_default() {
            let path = OuPath::from_names(above.names().iter().chain([&unit.name]).cloned());
            // An empty name has no path.
            if OuPath::parse(&path.to_string()).as_ref() == Ok(&path) && taken.insert(path.clone()) {
                left.push((&unit.id, path.clone()));
                paths.insert(unit.id.clone(), path);
            }
        }
    }
    paths
}

/// The accounts that a baseline can list, with their units: one below a unit that cannot be declared is left out.
pub(super) fn placed<'a>(
    organization: &'a Organization,
    paths: &BTreeMap<String, OuPath>,
) -> Vec<(&'a Account, OuPath)> {
    let unread = organization.units.gap().is_some();
    let place = |account: &Account| {
        if organization.root.known() == Some(&account.parent) {
            return Some(OuPath::root());
        }
        let told = || OuPath::parse(&account.unit).ok().filter(|unit| unread || unit.is_root());
        paths.get(&account.parent).cloned().or_else(told)
    };
    let mut seen = BTreeSet::new();
    let accounts = organization.accounts.known().into_iter().flatten();
    let told = accounts.filter_map(|account| Some((account, place(account)?)));
    let mut told: Vec<_> =
        told.filter(|(account, _)| is_account(&account.id) && seen.insert(account.id.as_str())).collect();
    told.sort_by(|(a, at), (b, there)| (at, &a.name, &a.id).cmp(&(there, &b.name, &b.id)));
    told
}

/// `accounts`; of an account that stands alone, itself.
pub(super) fn accounts(record: &mut Record<'_>) -> Option<Value> {
    let snapshot = record.snapshot;
    let organization = match &snapshot.organization {
        Observation::Known(organization) => organization,
        Observation::Absent => return Some(json!([{"id": snapshot.caller_account}])),
        Observation::Unknown(_) => return None,
    };
    let members = match &organization.accounts {
        Observation::Known(members) => members.as_slice(),
        Observation::Absent => &[],
        Observation::Unknown(gap) => {
            record.gap("accounts", gap, "");
            return None;
        }
    };
    let placed = placed(organization, &record.paths);
    let listed: BTreeSet<&str> = placed.iter().map(|(account, _)| account.id.as_str()).collect();
    for account in members.iter().filter(|account| !listed.contains(account.id.as_str())) {
        let reason = format!("a baseline cannot place it at `{}`", account.unit);
        record.unsaid.add(format!("account `{}`", account.name), reason, account.id.as_str());
    }
    Some(Value::Array(placed.iter().map(|(account, unit)| entry(record, account, unit)).collect()))
}

fn entry(record: &mut Record<'_>, account: &Account, unit: &OuPath) -> Value {
    let mut keys = Map::from_iter([("id".to_owned(), json!(account.id))]);
    // A snapshot that was written for others has e-mail addresses masked, in names too.
    if account.name.contains("***@") {
        record.unsaid.add("name of an account", "an e-mail address in it is masked", account.id.as_str());
    } else if !account.name.is_empty() {
        keys.insert("name".to_owned(), json!(account.name));
    }
    keys.insert("ou".to_owned(), json!(unit.to_string()));
    let (tags, long): (BTreeMap<_, _>, BTreeMap<_, _>) =
        account.read_tags().iter().partition(|(key, _)| super::text::text(key).chars().count() <= LONGEST_KEY);
    if !long.is_empty() {
        record.unsaid.add("tag of an account", "its key is too long", account.id.as_str());
    }
    if !tags.is_empty() {
        keys.insert("tags".to_owned(), json!(tags));
    }
    Value::Object(keys)
}

/// `organizational_units`, from the top down.
pub(super) fn units(record: &mut Record<'_>) -> Option<Value> {
    let units: &[Unit] = match &record.snapshot.organization.known()?.units {
        Observation::Known(units) => units,
        Observation::Absent => &[],
        Observation::Unknown(gap) => {
            record.gap("organisational units", gap, "");
            return None;
        }
    };
    for unit in units.iter().filter(|unit| !record.paths.contains_key(&unit.id)) {
        record.unsaid.add(format!("unit `{}`", unit.path), "its path is none, or another one's", unit.id.as_str());
    }
    let mut declared: Vec<(&OuPath, &String)> = record.paths.iter().map(|(id, path)| (path, id)).collect();
    declared.sort();
    let entries = declared.into_iter().map(|(path, id)| match is_unit(id) {
        true => json!({"path": path.to_string(), "id": id}),
        false => json!({"path": path.to_string()}),
    });
    Some(Value::Array(entries.collect()))
}

fn is_unit(id: &str) -> bool {
    let is_part = |part: &str, least: usize| {
        (least..=32).contains(&part.len())
            && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    let parts = id.strip_prefix("ou-").and_then(|rest| rest.split_once('-'));
    parts.is_some_and(|(root, own)| is_part(root, 4) && is_part(own, 8))
}

/// `delegated_administrators`.
pub(super) fn delegations(record: &mut Record<'_>) -> Option<Value> {
    let there = &record.snapshot.organization.known()?.delegated_administrators;
    let there = list(record, "delegated administrators", there)?;
    let mut pairs: BTreeSet<(&str, &str)> = BTreeSet::new();
    for one in there {
        if is_account(&one.account) {
            pairs.insert((&one.service, &one.account));
        } else {
            record.unsaid.add("delegated administrator", "it has no account id", one.account.as_str());
        }
    }
    let entries = pairs.into_iter().map(|(service, account)| json!({"account": account, "service": service}));
    Some(Value::Array(entries.collect()))
}

/// `trusted_services`.
pub(super) fn trusted_services(record: &mut Record<'_>) -> Option<Value> {
    let there = &record.snapshot.organization.known()?.trusted_services;
    let there = list(record, "trusted services", there)?;
    Some(json!(there.iter().collect::<BTreeSet<_>>()))
}

/// `responsibility_transfers`, as far as they bind anybody.
pub(super) fn transfers(record: &mut Record<'_>) -> Option<Value> {
    let there = &record.snapshot.organization.known()?.responsibility_transfers;
    let there = list(record, "responsibility transfers", there)?;
    let standing = there.iter().filter(|transfer| !OVER.contains(&transfer.status.as_str()));
    let entries = standing.map(|transfer| {
        let direction = match transfer.direction {
            TransferDirection::Inbound => "inbound",
            TransferDirection::Outbound => "outbound",
        };
        let mut keys = Map::from_iter([("id".to_owned(), json!(transfer.id))]);
        if let Some(name) = &transfer.name {
            keys.insert("name".to_owned(), json!(name));
        }
        keys.insert("direction".to_owned(), json!(direction));
        if let Some(account) = transfer.counterpart.as_ref().filter(|account| is_account(account)) {
            keys.insert("management_account".to_owned(), json!(account));
        }
        Value::Object(keys)
    });
    Some(Value::Array(entries.collect()))
}

/// `resource_policy`, its text in a file.
pub(super) fn resource_policy(record: &mut Record<'_>, documents: &mut Documents) -> Option<Value> {
    match &record.snapshot.organization.known()?.resource_policy {
        Observation::Known(text) => match documents.keep("org", "delegation", "policy", text) {
            Ok(path) => Some(json!(path)),
            Err(reason) => {
                record.unsaid.add("delegation policy", reason, "");
                None
            }
        },
        Observation::Absent => Some(json!("none")),
        Observation::Unknown(gap) => {
            record.gap("delegation policy", gap, "");
            None
        }
    }
}

fn list<'a, T>(record: &mut Record<'_>, what: &str, list: &'a Observation<Vec<T>>) -> Option<&'a [T]> {
    match list {
        Observation::Known(list) => Some(list),
        Observation::Absent => Some(&[]),
        Observation::Unknown(gap) => {
            record.gap(what, gap, "");
            None
        }
    }
}
