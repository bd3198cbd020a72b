//! What a judged guardrail says beside its witnesses. In: a difference. Out: notes for people, which hold attacker-controlled
//! text. It judges nothing.

use std::collections::BTreeSet;

use crate::compare::{Drift, Rule};

/// How many accounts are named.
const NAMED: usize = 5;

/// Whom it concerns, what it needs to take effect, and why it could not be told.
pub(super) fn notes(drift: &Drift) -> Vec<String> {
    let Some(guardrail) = &drift.guardrail else { return Vec::new() };
    let says = if drift.rule == Rule::RegionOpen { "it is possible in" } else { "it changes what is possible in" };
    let accounts = (!guardrail.accounts.is_empty()).then(|| format!("{says} {}", whom(&guardrail.accounts)));
    let together = (!guardrail.together_with.is_empty())
        .then(|| format!("only together with {}", guardrail.together_with.join(", ")));
    let reason = guardrail.reason.as_ref().map(|why| format!("cannot be told in full: {why}"));
    [accounts, together, reason].into_iter().flatten().collect()
}

fn whom(accounts: &BTreeSet<String>) -> String {
    let named = accounts.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    match accounts.len().checked_sub(NAMED) {
        None | Some(0) => named,
        Some(more) => format!("{named} and {more} more accounts"),
    }
}
