//! What an id of the estate stands for: accounts as the baseline declares them, units, policies.
//!
//! In: the baseline and the snapshot. Out: accounts as rules see them, paths, names. Where the baseline gives an id, its
//! word counts and not the live one: renaming or moving something must not buy it an exemption.

use std::collections::BTreeMap;

use crate::baseline::model::{Aws, Baseline, OuPath};
use crate::baseline::placement::{AccountView, Listed, LiveAccount, Placement};
use crate::estate::{Account, Organization, Snapshot};

/// The estate by its ids.
pub(super) struct Places<'a> {
    aws: Option<&'a Aws>,
    placement: Option<Placement<'a>>,
    organization: Option<&'a Organization>,
    live: BTreeMap<&'a str, &'a Account>,
    caller: &'a str,
}

impl<'a> Places<'a> {
    pub(super) fn new(baseline: &'a Baseline, snapshot: &'a Snapshot) -> Self {
        let organization = snapshot.organization.known();
        let live = organization.and_then(|organization| organization.accounts.known()).into_iter().flatten();
        Self {
            aws: baseline.aws.as_ref(),
            placement: baseline.aws.as_ref().map(Placement::of),
            organization,
            live: live.map(|account| (account.id.as_str(), account)).collect(),
            caller: &snapshot.caller_account,
        }
    }

    /// An account as rules see it.
    pub(super) fn account(&self, id: &str) -> AccountView {
        let unread = BTreeMap::new();
        let live = self.live.get(id);
        let ou = live.and_then(|account| OuPath::parse(&account.unit).ok());
        let found = LiveAccount {
            id,
            name: live.map_or("", |account| &account.name),
            ou: ou.as_ref(),
            tags: live.map_or(&unread, |account| account.read_tags()),
            created_here: live.is_some_and(|account| account.joined_method.as_deref() == Some("CREATED")),
        };
        match &self.placement {
            Some(placement) => placement.place(found),
            None => AccountView {
                id: id.to_owned(),
                name: found.name.to_owned(),
                ou: ou.clone(),
                tags: found.tags.clone(),
                listed: Listed::No,
            },
        }
    }

    /// The name shown for an account: the declared one, else the live one.
    pub(super) fn shown_name(&self, id: &str) -> Option<String> {
        let declared = self.placement.as_ref().and_then(|placement| placement.declared(id)).map(|view| view.name);
        let live = || self.live.get(id).map(|account| account.name.clone());
        declared.filter(|name| !name.is_empty()).or_else(live)
    }

    /// Whether an account is one of this estate: the baseline lists it. Where it lists none, whether it is a live member
    /// or the account that reads.
    pub(super) fn belongs(&self, id: &str) -> bool {
        if self.aws.and_then(|aws| aws.management_account.as_deref()) == Some(id) {
            return true;
        }
        match self.aws.and_then(|aws| aws.accounts.as_ref()) {
            Some(_) => self.account(id).listed != Listed::No,
            None => self.live.contains_key(id) || self.caller == id,
        }
    }

    /// The path of a unit or of the root.
    pub(super) fn unit(&self, id: &str) -> Option<OuPath> {
        let declared = self.aws.and_then(|aws| aws.organizational_units.as_ref()).into_iter().flatten();
        if let Some(unit) = declared.into_iter().find(|unit| unit.id.as_deref() == Some(id)) {
            return Some(unit.path.clone());
        }
        let organization = self.organization?;
        if organization.root.known().is_some_and(|root| root == id) {
            return Some(OuPath::root());
        }
        let unit = organization.units.known()?.iter().find(|unit| unit.id == id)?;
        OuPath::parse(&unit.path).ok()
    }

    /// The name and the type (as the baseline writes it) of a policy.
    pub(super) fn policy(&self, id: &str) -> Option<(&'a str, String)> {
        let declared = self.aws.and_then(|aws| aws.policies.as_ref()).into_iter().flatten();
        if let Some(policy) = declared.into_iter().find(|policy| policy.id.as_deref() == Some(id)) {
            return Some((&policy.name, policy.policy_type.clone()));
        }
        let policies = self.organization?.policies.values().filter_map(|policies| policies.known()).flatten();
        let policy = policies.into_iter().find(|policy| policy.id == id)?;
        Some((&policy.name, policy_type(&policy.policy_type)))
    }
}

/// `SERVICE_CONTROL_POLICY` as the baseline writes it: `service_control`.
pub(super) fn policy_type(provider: &str) -> String {
    let lower = provider.to_lowercase();
    lower.strip_suffix("_policy").unwrap_or(&lower).to_owned()
}
