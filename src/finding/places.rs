//! Where each account stands, for the `match` of exemptions and approved changes.
//!
//! In: the baseline and the snapshot. Out: name, unit and tags of an account *as the baseline declares them*; the live ones
//! only for accounts that it does not list. Renaming, tagging or moving an account must not buy it an exemption.

use std::collections::{BTreeMap, BTreeSet};

use wildmatch::WildMatch;

use crate::baseline::model::{AccountEntry, Baseline, OuPath};
use crate::estate::{Account, Snapshot};

/// An account as `match` sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Twelve digits.
    pub(super) id: String,
    /// The name by which it can be matched; none where its live name belongs to a declared account.
    pub(super) name: Option<String>,
    /// The unit it hangs on; none where nothing says so.
    pub(super) unit: Option<OuPath>,
    /// Its tags.
    pub(super) tags: BTreeMap<String, String>,
}

/// Every account of the estate, and the names of its units and policies.
pub(super) struct Places<'a> {
    baseline: &'a Baseline,
    snapshot: &'a Snapshot,
    /// Live accounts by id.
    live: BTreeMap<&'a str, &'a Account>,
    /// Names that belong to declared accounts.
    taken: BTreeSet<&'a str>,
}

impl<'a> Places<'a> {
    pub(super) fn new(baseline: &'a Baseline, snapshot: &'a Snapshot) -> Self {
        let organization = snapshot.organization.known();
        let live = organization.and_then(|organization| organization.accounts.known()).into_iter().flatten();
        let mut places = Self {
            baseline,
            snapshot,
            live: live.map(|account| (account.id.as_str(), account)).collect(),
            taken: BTreeSet::new(),
        };
        places.taken = places.entries().iter().filter_map(|entry| entry.name.as_deref()).collect();
        places
    }

    fn entries(&self) -> &'a [AccountEntry] {
        self.baseline.aws.as_ref().and_then(|aws| aws.accounts.as_deref()).unwrap_or_default()
    }

    /// The place of an account.
    pub(super) fn account(&self, id: &str) -> Place {
        let id = id.to_owned();
        let declared = self.entries().iter().find(|entry| entry.id.as_deref() == Some(&id));
        if let Some(entry) = declared {
            return Place { id, name: entry.name.clone(), unit: entry.ou.clone(), tags: entry.tags.clone() };
        }
        let Some(account) = self.live.get(id.as_str()) else {
            return Place { id, name: None, unit: None, tags: BTreeMap::new() };
        };
        let name = Some(account.name.clone()).filter(|name| !self.taken.contains(name.as_str()));
        match self.expected(account) {
            Some(entry) => Place { id, name, unit: entry.ou.clone(), tags: entry.tags.clone() },
            None => Place { id, name, unit: OuPath::parse(&account.unit).ok(), tags: account.tags.clone() },
        }
    }

    /// The `match` entry that expects an account: one that was created here, of a fitting name.
    fn expected(&self, account: &Account) -> Option<&'a AccountEntry> {
        let created = account.joined_method.as_deref() == Some("CREATED");
        self.entries().iter().find(|entry| {
            let fits = |pattern: &String| WildMatch::new(pattern).matches(&account.name);
            created && entry.matches.as_ref().is_some_and(fits)
        })
    }

    /// The name shown for an account: the declared one, else the live one.
    pub(super) fn shown_name(&self, id: &str) -> Option<&'a str> {
        let declared = self.entries().iter().find(|entry| entry.id.as_deref() == Some(id));
        declared
            .and_then(|entry| entry.name.as_deref())
            .or_else(|| self.live.get(id).map(|account| account.name.as_str()))
    }

    /// Whether an account is one of this estate: declared, or expected by a `match` entry. Where no accounts are declared,
    /// whether it is a live member or the account that reads.
    pub(super) fn belongs(&self, id: &str) -> bool {
        let aws = self.baseline.aws.as_ref();
        if aws.and_then(|aws| aws.management_account.as_deref()) == Some(id) {
            return true;
        }
        match aws.and_then(|aws| aws.accounts.as_ref()) {
            Some(entries) => {
                entries.iter().any(|entry| entry.id.as_deref() == Some(id))
                    || self.live.get(id).is_some_and(|account| self.expected(account).is_some())
            }
            None => self.live.contains_key(id) || self.snapshot.caller_account == id,
        }
    }

    /// The path of a unit (or of the root), declared by its id or live.
    pub(super) fn unit(&self, id: &str) -> Option<OuPath> {
        let declared = self.baseline.aws.as_ref().and_then(|aws| aws.organizational_units.as_deref());
        if let Some(unit) = declared.into_iter().flatten().find(|unit| unit.id.as_deref() == Some(id)) {
            return Some(unit.path.clone());
        }
        let organization = self.snapshot.organization.known()?;
        if organization.root.known().is_some_and(|root| root == id) {
            return Some(OuPath::root());
        }
        let unit = organization.units.known()?.iter().find(|unit| unit.id == id)?;
        OuPath::parse(&unit.path).ok()
    }

    /// The name and the type (as the baseline writes it) of a policy, declared by its id or live.
    pub(super) fn policy(&self, id: &str) -> Option<(&'a str, String)> {
        let declared = self.baseline.aws.as_ref().and_then(|aws| aws.policies.as_deref());
        if let Some(policy) = declared.into_iter().flatten().find(|policy| policy.id.as_deref() == Some(id)) {
            return Some((&policy.name, policy.policy_type.clone()));
        }
        let organization = self.snapshot.organization.known()?;
        let policies = organization.policies.values().filter_map(|policies| policies.known()).flatten();
        let policy = policies.into_iter().find(|policy| policy.id == id)?;
        Some((&policy.name, policy_type(&policy.policy_type)))
    }
}

/// `SERVICE_CONTROL_POLICY` as the baseline writes it: `service_control`.
pub(super) fn policy_type(provider: &str) -> String {
    let lower = provider.to_lowercase();
    lower.strip_suffix("_policy").unwrap_or(&lower).to_owned()
}
