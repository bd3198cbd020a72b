//! Accounts: does each belong, where does it hang, what is it called, is it open.
//!
//! In: the declared accounts and the members of the organisation. Out: drift. It never calls an account missing while the
//! list of members was not read, and never lets an invited account pass for one that a `match` entry expects.
//!
//! A suspended account is a finding wherever the baseline puts it, also below a unit that is called `Suspended`: a name
//! is no declaration. An exemption with `status: SUSPENDED` is.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::baseline::model::{AccountEntry, OuPath};
use crate::baseline::placement::{Listed, LiveAccount};
use crate::compare::drift::{Aspect, Direction, Drift};
use crate::compare::rule::Rule;
use crate::compare::sides::{Live, read};
use crate::compare::undecided::Undecided;
use crate::estate::{Account, AccountRequest, Observation};

/// What brings the members.
const SOURCE: &str = "organizations:ListAccountsForParent";

/// Compares the accounts, where the baseline declares any and the members were read.
pub(super) fn compare(live: &Live<'_>, drifts: &mut Vec<Drift>, undecided: &mut Undecided) {
    let Some(declared) = &live.sides.aws.accounts else { return };
    if let Some(members) = read(&live.organization.accounts) {
        for account in members {
            member(live, declared, account, drifts, undecided);
        }
        for (index, entry) in declared.iter().enumerate() {
            if let Some(id) = entry.id.as_deref().filter(|id| members.iter().all(|account| account.id != *id)) {
                drifts.push(missing(live, index, entry, id));
            }
        }
    }
    let requests = read(&live.organization.account_requests).unwrap_or_default();
    drifts.extend(requests.iter().filter_map(|request| requested(live, request, undecided)));
}

/// A drift of one account, which the management account's log explains.
fn drift(live: &Live<'_>, rule: Rule, aspect: Aspect, id: &str, name: &str) -> Drift {
    Drift::new(rule, aspect, live.scope(), id, name)
        .logged(&live.organization.management_account, None)
        .names("account", id)
}

fn member(
    live: &Live<'_>,
    declared: &[AccountEntry],
    account: &Account,
    drifts: &mut Vec<Drift>,
    undecided: &mut Undecided,
) {
    let name = live.sides.account_name(&account.id);
    let listed = live.sides.views.get(account.id.as_str()).map_or(Listed::No, |view| view.listed);
    let entry = match listed {
        Listed::ById(index) | Listed::ByMatch(index) => declared.get(index).zip(listed.pointer()),
        Listed::No => None,
    };
    let Some((entry, pointer)) = entry else {
        // The owner of the organisation is declared by its own key.
        if live.sides.aws.management_account.as_ref() == Some(&account.id) {
            return;
        }
        match account.joined_method.as_deref().filter(|_| may_be_waited_for(live, account)) {
            Some(word) => undecided.word(live.scope(), SOURCE, &format!("how {} joined", account.id), word),
            None => drifts.push(unexpected(live, account)),
        }
        return;
    };
    let at = |drift: Drift, key: &str| drift.at(live.sides.baseline.position(&format!("{pointer}/{key}")));
    if let Some(declared) = entry.name.as_ref().filter(|declared| **declared != account.name) {
        let renamed = drift(live, Rule::LinkAccountRenamed, Aspect::Name, &account.id, name)
            .direction(Direction::Equivalent)
            .values(declared.as_str(), account.name.as_str())
            // A name is set through the account's own API, and logged with the account.
            .logged(&account.id, None)
            .effect("name", &account.name);
        drifts.push(at(renamed, "name"));
    }
    if let Some(unit) = entry.ou.as_ref().filter(|unit| is_elsewhere(live, unit, account)) {
        let moved = drift(live, Rule::LinkAccountMoved, Aspect::Placement, &account.id, name)
            .values(unit.to_string(), account.unit.as_str())
            .effect("parent", &account.parent);
        drifts.push(at(moved, "ou"));
    }
    match account.state.as_str() {
        "ACTIVE" | "PENDING_ACTIVATION" => {}
        "SUSPENDED" | "PENDING_CLOSURE" | "CLOSED" => {
            let suspended = drift(live, Rule::LinkAccountSuspended, Aspect::Status, &account.id, name)
                .direction(Direction::Stricter)
                .values("ACTIVE", account.state.as_str())
                .effect("state", "suspended");
            drifts.push(at(suspended, "id"));
        }
        // A word that AWS adds later is taken neither for an account in use nor for one that is not.
        word => undecided.word(live.scope(), SOURCE, &format!("the state of {}", account.id), word),
    }
}

/// Whether an account that joined in a way that nobody knows would be expected, had it been created here.
fn may_be_waited_for(live: &Live<'_>, account: &Account) -> bool {
    let is_told = account.joined_method.as_deref().is_none_or(|word| ["CREATED", "INVITED"].contains(&word));
    let (unit, tags) = (OuPath::parse(&account.unit).ok(), BTreeMap::new());
    let as_created =
        LiveAccount { id: &account.id, name: &account.name, ou: unit.as_ref(), tags: &tags, created_here: true };
    !is_told && live.sides.placement.place(as_created).listed != Listed::No
}

fn is_elsewhere(live: &Live<'_>, unit: &OuPath, account: &Account) -> bool {
    match live.tree.find(unit) {
        Observation::Known(id) => id != account.parent,
        Observation::Absent => true,
        Observation::Unknown(_) => false,
    }
}

fn unexpected(live: &Live<'_>, account: &Account) -> Drift {
    let said = json!({
        "name": account.name,
        "ou": account.unit,
        "status": account.state,
        "joined_method": account.joined_method,
    });
    drift(live, Rule::LinkAccountUnexpected, Aspect::Existence, &account.id, &account.name)
        .direction(Direction::Weaker)
        .values(Value::Null, said)
        .effect("membership", "joined")
}

/// An account that left has left the guardrails and the organisation's trail, too.
fn missing(live: &Live<'_>, index: usize, entry: &AccountEntry, id: &str) -> Drift {
    let name = entry.name.as_deref().unwrap_or(id);
    drift(live, Rule::LinkAccountMissing, Aspect::Existence, id, name)
        .direction(Direction::Weaker)
        .values("member", Value::Null)
        .at(live.sides.baseline.position(&format!("/aws/accounts/{index}")))
        .effect("membership", "left")
}

/// An account that is being created is unexpected already, unless a `match` entry waits for it or the list has it.
fn requested(live: &Live<'_>, request: &AccountRequest, undecided: &mut Undecided) -> Option<Drift> {
    let known = request.account.as_deref().is_some_and(|id| live.sides.views.contains_key(id));
    if known || matches!(request.state.as_str(), "SUCCEEDED" | "FAILED") {
        return None;
    }
    let tags = BTreeMap::new();
    let id = request.account.as_deref().unwrap_or_default();
    let waited = LiveAccount { id, name: &request.name, ou: None, tags: &tags, created_here: true };
    if live.sides.placement.place(waited).listed != Listed::No {
        return None;
    }
    if request.state != "IN_PROGRESS" {
        let source = "organizations:ListCreateAccountStatus";
        undecided.word(live.scope(), source, &format!("the request {}", request.id), &request.state);
        return None;
    }
    let creation = Drift::new(
        Rule::LinkAccountUnexpected,
        Aspect::Existence,
        live.scope(),
        request.account.as_ref().unwrap_or(&request.id),
        &request.name,
    );
    let creation = match &request.account {
        Some(id) => creation.names("account", id),
        None => creation,
    };
    Some(
        creation
            .direction(Direction::Weaker)
            .values(Value::Null, json!({"name": request.name, "status": request.state}))
            .logged(&live.organization.management_account, None)
            .names("request", &request.id)
            .effect("membership", "joined"),
    )
}
