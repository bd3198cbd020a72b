//! What ties the organisation to its services and to other organisations: delegated administrators and the delegation
//! policy, trusted access, handshakes, transfers of billing responsibility.
//!
//! In: both sides. Out: drift of each. It never compares what could not be read, nor what the baseline does not speak of.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::baseline::model::{ResponsibilityTransfer, TransferDirection};
use crate::compare::document;
use crate::compare::drift::{Aspect, Direction, Drift};
use crate::compare::rule::Rule;
use crate::compare::sides::{Live, read};
use crate::compare::undecided::Undecided;
use crate::estate::{self, Delegation, Handshake, Observation, Transfer};

/// States in which a transfer binds nobody (any more), and those in which it does or may soon.
const OVER: [&str; 5] = ["DECLINED", "CANCELED", "EXPIRED", "WITHDRAWN", "TERMINATED"];
const BINDS: [&str; 2] = ["REQUESTED", "ACCEPTED"];

/// States after which a handshake asks for nothing any more, and those in which it does.
const CLOSED: [&str; 4] = ["ACCEPTED", "CANCELED", "DECLINED", "EXPIRED"];
const OPEN: [&str; 2] = ["REQUESTED", "OPEN"];

/// Compares every tie that the baseline speaks of.
pub(super) fn compare(live: &Live<'_>, drifts: &mut Vec<Drift>, undecided: &mut Undecided) {
    delegations(live, drifts);
    resource_policy(live, drifts);
    trusted_services(live, drifts);
    handshakes(live, drifts, undecided);
    transfers(live, drifts, undecided);
}

fn delegations(live: &Live<'_>, drifts: &mut Vec<Drift>) {
    let Some(declared) = &live.sides.aws.delegated_administrators else { return };
    let Some(there) = read(&live.organization.delegated_administrators) else { return };
    let drift = |account: &str, service: &str| {
        let name = format!("{service} by {}", live.sides.account_name(account));
        let id = format!("{account}/{service}");
        Drift::new(Rule::LinkDelegationChanged, Aspect::Delegation, live.scope(), id, name)
            .logged(&live.organization.management_account, None)
            .names("account", account)
            .names("service", service)
    };
    let mut expected = BTreeSet::new();
    for (index, entry) in declared.iter().enumerate() {
        let account = live.sides.account_id(&entry.account);
        let delegation = Delegation { account: account.to_owned(), service: entry.service.clone() };
        if !there.contains(&delegation) {
            drifts.push(
                drift(account, &entry.service)
                    .values("registered", Value::Null)
                    .at(live.sides.baseline.position(&format!("/aws/delegated_administrators/{index}")))
                    .effect("delegation", "deregistered"),
            );
        }
        expected.insert(delegation);
    }
    let more = there.iter().collect::<BTreeSet<_>>().into_iter().filter(|delegation| !expected.contains(delegation));
    drifts.extend(more.map(|delegation| {
        drift(&delegation.account, &delegation.service)
            .direction(Direction::Weaker)
            .values(Value::Null, "registered")
            .effect("delegation", "registered")
    }));
}

fn resource_policy(live: &Live<'_>, drifts: &mut Vec<Drift>) {
    if live.sides.aws.resource_policy.is_none() {
        return;
    }
    let declared = live.sides.baseline.resource_policy().map(|document| document::canonical(document.value.clone()));
    let there = match &live.organization.resource_policy {
        Observation::Known(text) => Some(text.as_str()),
        Observation::Absent => None,
        Observation::Unknown(_) => return,
    };
    let there = there.map(document::value_or_text);
    if declared == there {
        return;
    }
    let (key, effect) = match (&declared, &there) {
        (_, None) => ("existence", "deleted".to_owned()),
        (None, Some(_)) => ("existence", "created".to_owned()),
        (Some(_), Some(there)) => ("content", there.to_string()),
    };
    let direction = if declared.is_none() { Direction::Weaker } else { Direction::Unknown };
    let drift = Drift::new(
        Rule::LinkDelegationChanged,
        Aspect::ResourcePolicy,
        live.scope(),
        "resource-policy",
        "delegation policy",
    );
    drifts.push(
        drift
            .direction(direction)
            .values(declared.unwrap_or(Value::Null), there.unwrap_or(Value::Null))
            .at(live.sides.baseline.position("/aws/resource_policy"))
            .logged(&live.organization.management_account, None)
            .effect(key, effect),
    );
}

fn trusted_services(live: &Live<'_>, drifts: &mut Vec<Drift>) {
    let Some(declared) = &live.sides.aws.trusted_services else { return };
    let Some(there) = read(&live.organization.trusted_services) else { return };
    let drift = |service: &str| {
        Drift::new(Rule::LinkTrustedServiceChanged, Aspect::TrustedService, live.scope(), service, service)
            .logged(&live.organization.management_account, None)
            .names("service", service)
    };
    for (index, service) in declared.iter().enumerate().filter(|(_, service)| !there.contains(service)) {
        drifts.push(
            drift(service)
                .values("enabled", Value::Null)
                .at(live.sides.baseline.position(&format!("/aws/trusted_services/{index}")))
                .effect("access", "disabled"),
        );
    }
    let more: BTreeSet<&String> = there.iter().filter(|service| !declared.contains(service)).collect();
    drifts.extend(more.into_iter().map(|service| {
        drift(service).direction(Direction::Weaker).values(Value::Null, "enabled").effect("access", "enabled")
    }));
}

/// An agreement in the making is always worth a look; no baseline expects one.
fn handshakes(live: &Live<'_>, drifts: &mut Vec<Drift>, undecided: &mut Undecided) {
    if live.sides.aws.organization.is_none() && live.sides.aws.accounts.is_none() {
        return;
    }
    let Some(there) = read(&live.organization.handshakes) else { return };
    for handshake in there {
        let state = handshake.state.as_str();
        if !OPEN.contains(&state) && !CLOSED.contains(&state) {
            let what = format!("the handshake {}", handshake.id);
            undecided.word(live.scope(), "organizations:ListHandshakesForOrganization", &what, state);
        }
    }
    let open = |handshake: &&Handshake| OPEN.contains(&handshake.state.as_str());
    drifts.extend(there.iter().filter(open).map(|handshake| {
        Drift::new(Rule::LinkHandshakeOpen, Aspect::Handshake, live.scope(), &handshake.id, &handshake.action)
            .values(
                Value::Null,
                json!({"action": handshake.action, "status": handshake.state, "parties": handshake.parties}),
            )
            .logged(&live.organization.management_account, None)
            .names("handshake", &handshake.id)
            .effect("state", "open")
    }));
}

fn transfers(live: &Live<'_>, drifts: &mut Vec<Drift>, undecided: &mut Undecided) {
    let Some(declared) = &live.sides.aws.responsibility_transfers else { return };
    let Some(there) = read(&live.organization.responsibility_transfers) else { return };
    let mut left: BTreeMap<&str, &Transfer> = there
        .iter()
        .filter(|transfer| !OVER.contains(&transfer.status.as_str()))
        .map(|one| (one.id.as_str(), one))
        .collect();
    let untold: Vec<&Transfer> = there.iter().filter(|transfer| is_untold(transfer)).collect();
    for transfer in &untold {
        left.remove(transfer.id.as_str());
        let what = format!("the transfer {}", transfer.id);
        undecided.word(live.scope(), source(transfer), &what, &transfer.status);
    }
    let drift = |id: &str, name: &str| {
        Drift::new(Rule::LinkResponsibilityTransfer, Aspect::Transfer, live.scope(), id, name)
            .logged(&live.organization.management_account, None)
    };
    // What an id calls by name is not there for an entry that only describes.
    let (by_id, described): (Vec<_>, Vec<_>) = declared.iter().enumerate().partition(|(_, entry)| entry.id.is_some());
    for (index, entry) in by_id.into_iter().chain(described) {
        let position = live.sides.baseline.position(&format!("/aws/responsibility_transfers/{index}"));
        let meant: Vec<&Transfer> = left.values().copied().filter(|transfer| is_meant(entry, transfer)).collect();
        if meant.is_empty() && !untold.iter().any(|transfer| is_meant(entry, transfer)) {
            let name = entry.name.as_deref().or(entry.id.as_deref()).unwrap_or("responsibility transfer");
            let id = entry.id.clone().unwrap_or_else(|| declared_transfer(entry).to_string());
            let missing = drift(&id, name)
                .values(declared_transfer(entry), Value::Null)
                .at(position.clone())
                .effect("status", "withdrawn");
            drifts.push(if let Some(id) = &entry.id { missing.names("transfer", id) } else { missing });
        }
        for transfer in meant {
            left.remove(transfer.id.as_str());
            if !fits(entry, transfer) {
                let other = drift(&transfer.id, called(transfer))
                    .direction(Direction::Weaker)
                    .values(declared_transfer(entry), live_transfer(transfer))
                    .at(position.clone())
                    .names("transfer", &transfer.id);
                let name = transfer.name.as_ref().filter(|_| entry.name.is_some() && entry.name != transfer.name);
                drifts.push(if let Some(name) = name { other.effect("name", name) } else { other });
            }
        }
    }
    drifts.extend(left.into_values().map(|transfer| {
        drift(&transfer.id, called(transfer))
            .direction(Direction::Weaker)
            .values(Value::Null, live_transfer(transfer))
            .names("transfer", &transfer.id)
            .effect("status", transfer.status.to_lowercase())
    }));
}

/// Whether nobody knows if it binds.
fn is_untold(transfer: &Transfer) -> bool {
    let status = transfer.status.as_str();
    !OVER.contains(&status) && !BINDS.contains(&status)
}

fn source(transfer: &Transfer) -> &'static str {
    match transfer.direction {
        estate::TransferDirection::Inbound => "organizations:ListInboundResponsibilityTransfers",
        estate::TransferDirection::Outbound => "organizations:ListOutboundResponsibilityTransfers",
    }
}

/// An id decides; without one, everything that the entry says.
fn is_meant(entry: &ResponsibilityTransfer, transfer: &Transfer) -> bool {
    entry.id.as_ref().map_or_else(|| fits(entry, transfer), |id| *id == transfer.id)
}

fn fits(entry: &ResponsibilityTransfer, transfer: &Transfer) -> bool {
    let direction = match transfer.direction {
        estate::TransferDirection::Inbound => TransferDirection::Inbound,
        estate::TransferDirection::Outbound => TransferDirection::Outbound,
    };
    entry.direction.is_none_or(|declared| declared == direction)
        && (entry.name.is_none() || entry.name == transfer.name)
        && (entry.management_account.is_none() || entry.management_account == transfer.counterpart)
}

/// What people call it; its id where it has no name.
fn called(transfer: &Transfer) -> &str {
    transfer.name.as_ref().unwrap_or(&transfer.id)
}

fn declared_transfer(entry: &ResponsibilityTransfer) -> Value {
    let mut said =
        json!({"name": entry.name, "direction": entry.direction, "management_account": entry.management_account});
    if let Value::Object(keys) = &mut said {
        keys.retain(|_, value| !value.is_null());
    }
    said
}

fn live_transfer(transfer: &Transfer) -> Value {
    json!({
        "name": transfer.name,
        "direction": transfer.direction,
        "management_account": transfer.counterpart,
        "status": transfer.status,
    })
}
