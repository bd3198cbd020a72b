//! What binds each account, in two snapshots of one organisation.
//!
//! In: the snapshots. Out: one comparison for each distinct pair of stacks, with the accounts that it is true of, and the
//! accounts that moved, came or left. An account that left is bound by nothing any more; one that came was bound by nothing
//! that is known. What was not read is never taken for unchanged.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Serialize;

use super::shown;
use crate::cli::visible;
use crate::estate::{Account, Observation, Organization, Snapshot};
use crate::policy::account::{Attached, guardrails};
use crate::policy::comparison::{self, Comparison};
use crate::policy::decide::{Options, Verdict};
use crate::policy::document::Kind;
use crate::policy::organization::{TYPES, bound};

/// The format's name.
const SCHEMA: &str = "guardline/compare-snapshots/v1";

/// What changed between two snapshots.
#[derive(Debug, Serialize)]
pub(super) struct Changed {
    schema: &'static str,
    /// All groups in one word.
    pub(super) verdict: Verdict,
    /// Why something cannot be told.
    reasons: Vec<String>,
    groups: Vec<Group>,
    moved: Vec<Moved>,
    joined: Vec<String>,
    left: Vec<String>,
}

/// Accounts whose guardrails of one kind changed in the same way.
#[derive(Debug, Serialize)]
struct Group {
    guardrail: &'static str,
    accounts: Vec<String>,
    #[serde(flatten)]
    comparison: Comparison,
}

/// An account that hangs elsewhere.
#[derive(Debug, Serialize)]
struct Moved {
    account: String,
    from: String,
    to: String,
}

/// By what binds them in the old and in the new one, none being nothing: the accounts.
type Pairs<'a> = BTreeMap<(Vec<Vec<&'a str>>, Option<Vec<Vec<&'a str>>>), Vec<&'a str>>;

/// Compares what binds each account.
///
/// # Errors
/// The two are not of one organisation.
pub(super) fn compare(
    old: &Snapshot,
    new: &Snapshot,
    kind: Option<Kind>,
    options: &Options,
) -> Result<Changed, String> {
    let mut changed = Changed {
        schema: SCHEMA,
        verdict: Verdict::Equivalent,
        reasons: Vec::new(),
        groups: Vec::new(),
        moved: Vec::new(),
        joined: Vec::new(),
        left: Vec::new(),
    };
    let (old, new) = match (&old.organization, &new.organization) {
        (Observation::Known(old), Observation::Known(new)) => (old, new),
        _ => {
            changed.cannot("the organisation is not in both snapshots".to_owned());
            return Ok(changed);
        }
    };
    if old.id != new.id {
        return Err(format!("the snapshots are of two organisations, `{}` and `{}`", old.id, new.id));
    }
    let members = match (bound(old), bound(new)) {
        (Ok(before), Ok(after)) => Members::new(&before, &after, new),
        (Err(why), _) | (_, Err(why)) => {
            changed.cannot(why);
            return Ok(changed);
        }
    };
    changed.places(old, new, &members);
    for (policy_type, kind) in TYPES.into_iter().filter(|(_, one)| kind.is_none_or(|kind| kind == *one)) {
        match (Attached::of(old, policy_type, kind), Attached::of(new, policy_type, kind)) {
            (Ok(old), Ok(new)) => changed.kind(kind, &old, &new, &members, options),
            (Err(why), _) | (_, Err(why)) => changed.cannot(format!("{kind}: {why}")),
        }
    }
    if kind.is_none() {
        changed.other_types(old, new);
    }
    Ok(changed)
}

/// The accounts that were bound, and what became of them.
struct Members<'a> {
    stayed: Vec<&'a str>,
    /// Bound by nothing any more. One that was closed is none of these: nothing can be done in it.
    freed: Vec<&'a str>,
    joined: Vec<&'a str>,
}

impl<'a> Members<'a> {
    fn new(before: &[&'a str], after: &[&'a str], new: &Organization) -> Self {
        let (old, now): (BTreeSet<&str>, BTreeSet<&str>) =
            (before.iter().copied().collect(), after.iter().copied().collect());
        let listed = new.accounts.known().into_iter().flatten();
        let closed: BTreeSet<&str> =
            listed.filter(|account| account.state == "CLOSED").map(|account| account.id.as_str()).collect();
        let gone = before.iter().copied().filter(|account| !now.contains(account));
        Self {
            stayed: before.iter().copied().filter(|account| now.contains(account)).collect(),
            freed: gone.filter(|account| !closed.contains(account)).collect(),
            joined: after.iter().copied().filter(|account| !old.contains(account)).collect(),
        }
    }
}

impl Changed {
    fn cannot(&mut self, why: String) {
        self.verdict = self.verdict.and(Verdict::Unknown);
        self.reasons.push(why);
    }

    /// Policies of other types are not judged here: where they are not the same, nothing is proven.
    fn other_types(&mut self, old: &Organization, new: &Organization) {
        let is_other = |policy_type: &&String| TYPES.iter().all(|(known, _)| known != policy_type);
        let types: BTreeSet<&String> = old.policies.keys().chain(new.policies.keys()).filter(is_other).collect();
        for policy_type in types {
            let (before, after) = (old.policies.get(policy_type), new.policies.get(policy_type));
            let is_known = before.is_some_and(|policies| policies.known().is_some());
            if before != after || !is_known {
                self.cannot(format!(
                    "policies of the type {policy_type} are not the same, or were not read, and are not judged between \
                     snapshots; compare their documents with `--kind declarative`"
                ));
            }
        }
    }

    /// Who moved, came and left.
    fn places(&mut self, old: &Organization, new: &Organization, members: &Members<'_>) {
        let by_id = |organization: &Organization| -> BTreeMap<String, Account> {
            let accounts = organization.accounts.known().into_iter().flatten();
            accounts.map(|account| (account.id.clone(), account.clone())).collect()
        };
        let (before, after) = (by_id(old), by_id(new));
        for id in &members.stayed {
            if let (Some(old), Some(new)) = (before.get(*id), after.get(*id))
                && old.parent != new.parent
            {
                let (from, to) = (old.unit.clone(), new.unit.clone());
                self.moved.push(Moved { account: (*id).to_owned(), from, to });
            }
        }
        self.joined = members.joined.iter().map(|id| (*id).to_owned()).collect();
        self.left = members.freed.iter().map(|id| (*id).to_owned()).collect();
    }

    /// Compares one of the guardrails of all accounts.
    fn kind(&mut self, kind: Kind, old: &Attached, new: &Attached, members: &Members<'_>, options: &Options) {
        let mut pairs = Pairs::new();
        for account in &members.stayed {
            pairs.entry((old.ids(account), Some(new.ids(account)))).or_default().push(account);
        }
        for account in &members.freed {
            pairs.entry((old.ids(account), None)).or_default().push(account);
        }
        for ((_, after), accounts) in pairs {
            let Some(first) = accounts.first() else { continue };
            let after = after.map_or(Ok(Vec::new()), |_| new.levels(first));
            let both = old.levels(first).and_then(|before| Ok((before, after?)));
            let both = match both {
                Ok((before, after)) if before == after => continue,
                both => both,
            };
            let both = both.and_then(|(before, after)| Ok((guardrails(kind, before)?, guardrails(kind, after)?)));
            match both {
                Ok((before, after)) => {
                    let comparison = comparison::compare(before, after, options);
                    self.verdict = self.verdict.and(comparison.verdict);
                    let accounts = accounts.iter().map(|account| (*account).to_owned()).collect();
                    if comparison.verdict != Verdict::Equivalent {
                        self.groups.push(Group { guardrail: kind.word(), accounts, comparison });
                    }
                }
                Err(why) => self.cannot(format!("{kind} of {}: {why}", accounts.join(", "))),
            }
        }
    }

    /// For a terminal.
    pub(super) fn text(&self) -> String {
        let mut text = format!("{}\n", shown::meaning(self.verdict));
        for reason in &self.reasons {
            let _ = writeln!(text, "  because {}", visible(reason));
        }
        for group in &self.groups {
            let _ = writeln!(text, "\n{} of {}:", group.guardrail, visible(&group.accounts.join(", ")));
            for line in shown::text(&group.comparison).lines() {
                let _ = writeln!(text, "  {line}");
            }
        }
        let notes = self.notes();
        if !notes.is_empty() {
            text.push('\n');
        }
        for note in notes {
            let _ = writeln!(text, "{}", visible(&note));
        }
        text
    }

    /// For a comment on a change.
    pub(super) fn markdown(&self) -> String {
        let mut text = format!("**Guardrails: {}**\n", shown::meaning(self.verdict));
        for reason in &self.reasons {
            let _ = writeln!(text, "\nbecause {}", shown::code(reason));
        }
        for group in &self.groups {
            let accounts = shown::code(&group.accounts.join(", "));
            let _ = writeln!(text, "\n### {} of {accounts}\n", group.guardrail);
            text.push_str(&shown::markdown(&group.comparison));
        }
        let notes = self.notes();
        if !notes.is_empty() {
            text.push('\n');
        }
        for note in notes {
            let _ = writeln!(text, "- {}", shown::code(&note));
        }
        text
    }

    /// What became of accounts.
    fn notes(&self) -> Vec<String> {
        let moved =
            self.moved.iter().map(|moved| format!("moved: {} from {} to {}", moved.account, moved.from, moved.to));
        let left = self.left.iter().map(|account| format!("left: {account}; no guardrail binds it any more"));
        let joined = self.joined.iter().map(|account| format!("new: {account}; what bound it before is not known"));
        moved.chain(left).chain(joined).collect()
    }
}
