//! What a judged guardrail says beside its witnesses. In: a difference. Out: notes for people, which hold attacker-controlled
//! text. It judges nothing.

use std::collections::BTreeSet;

use crate::compare::{Drift, Guardrail, Rule};
use crate::estate::Snapshot;
use crate::policy::catalogue::Catalogue;
use crate::policy::document::Kind;

/// How many accounts are named.
const NAMED: usize = 5;

/// Whom it concerns, what it needs to take effect, and why it could not be told.
pub(super) fn notes(drift: &Drift, snapshot: &Snapshot) -> Vec<String> {
    let Some(guardrail) = &drift.guardrail else { return Vec::new() };
    let says = if drift.rule == Rule::RegionOpen { "it is possible in" } else { "it changes what is possible in" };
    let accounts = (!guardrail.accounts.is_empty()).then(|| format!("{says} {}", whom(&guardrail.accounts)));
    let together = (!guardrail.together_with.is_empty())
        .then(|| format!("only together with {}", guardrail.together_with.join(", ")));
    let reason = guardrail.reason.as_ref().map(|why| format!("cannot be told in full: {why}"));
    [accounts, other(guardrail), unbound(guardrail), never_bound(drift, snapshot), together, reason]
        .into_iter()
        .flatten()
        .collect()
}

/// That the other guardrail may still stop what one lets through.
fn other(guardrail: &Guardrail) -> Option<String> {
    let [weaker] = guardrail.weaker.as_slice() else { return None };
    let (principals, resources) = ("what principals may do", "what may be done to resources");
    let (this, other) = if weaker == Kind::Scp.word() { (principals, resources) } else { (resources, principals) };
    Some(format!("{this} is weaker; {other} is judged apart and may still stop such a request inside the account"))
}

/// That a policy hangs, or does not, where it would bind nobody.
fn never_bound(drift: &Drift, snapshot: &Snapshot) -> Option<String> {
    let organization = snapshot.organization.known()?;
    let target = drift.event_subject.get("target")?;
    (*target == organization.management_account).then(|| "no such policy binds the management account".to_owned())
}

/// That a request shown is one to a service that resource control policies do not bind.
fn unbound(guardrail: &Guardrail) -> Option<String> {
    let shown = guardrail.witnesses.iter().filter(|witness| witness.guardrail == Kind::Rcp.word());
    let services = shown.filter_map(|witness| witness.request.action.split_once(':')).map(|(service, _)| service);
    let service = services.into_iter().find(|service| !Catalogue::get().supports_rcp(service))?;
    Some(format!("as far as is known, resource control policies do not bind `{service}`, the service of the witness"))
}

fn whom(accounts: &BTreeSet<String>) -> String {
    let named = accounts.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    match accounts.len().checked_sub(NAMED) {
        None | Some(0) => named,
        Some(more) => format!("{named} and {more} more accounts"),
    }
}
