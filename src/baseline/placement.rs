//! Where an account stands. In come the baseline's accounts and an account as it is found; out comes the account as
//! rules see it: by its declared name, OU and tags. Never lets what is found override what is declared: renaming, tagging
//! or moving an account must not buy it a looser rule.

use std::collections::{BTreeMap, BTreeSet};

use wildmatch::WildMatch;

use super::model::{AccountEntry, Aws, OuPath};

/// An account as it is found in the cloud.
#[derive(Debug, Clone, Copy)]
pub struct LiveAccount<'a> {
    /// Its id, 12 digits.
    pub id: &'a str,
    /// Its name.
    pub name: &'a str,
    /// The OU in which it hangs; none when that was not read.
    pub ou: Option<&'a OuPath>,
    /// Its tags.
    pub tags: &'a BTreeMap<String, String>,
    /// Whether it was created in this organisation; an invited one never fits a `match` entry.
    pub created_here: bool,
}

/// How the baseline lists an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Listed {
    /// By its id, in the entry `/aws/accounts/N`.
    ById(usize),
    /// By the pattern of the entry `/aws/accounts/N`.
    ByMatch(usize),
    /// Not at all.
    No,
}

impl Listed {
    /// JSON pointer of the entry that lists it.
    #[must_use]
    pub fn pointer(self) -> Option<String> {
        match self {
            Self::ById(index) | Self::ByMatch(index) => Some(format!("/aws/accounts/{index}")),
            Self::No => None,
        }
    }
}

/// An account as rules see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountView {
    /// Its id, 12 digits.
    pub id: String,
    /// Its name, for rules: the declared one of an account listed by id, else the live one. Empty when an account listed
    /// by id has no declared name, and when a live name is one that the baseline gives to another account.
    pub name: String,
    /// Its OU: the declared one of a listed account, else the live one; none when it is not known.
    pub ou: Option<OuPath>,
    /// Its tags: the declared ones of a listed account, else the live ones.
    pub tags: BTreeMap<String, String>,
    /// How the baseline lists it.
    pub listed: Listed,
}

/// The declared accounts, ready to place live ones.
#[derive(Debug, Clone)]
pub struct Placement<'a> {
    entries: &'a [AccountEntry],
    by_id: BTreeMap<&'a str, usize>,
    names: BTreeSet<&'a str>,
    patterns: Vec<(WildMatch, usize)>,
}

impl<'a> Placement<'a> {
    /// Reads the accounts of a baseline; a baseline without the section lists none.
    #[must_use]
    pub fn of(aws: &'a Aws) -> Self {
        let entries = aws.accounts.as_deref().unwrap_or_default();
        let (mut by_id, mut names) = (BTreeMap::new(), BTreeSet::new());
        let mut patterns = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            if let Some(id) = &entry.id {
                by_id.insert(id.as_str(), index);
                names.extend(entry.name.as_deref());
            }
            if let Some(pattern) = &entry.matches {
                patterns.push((WildMatch::new(pattern), index));
            }
        }
        Self { entries, by_id, names, patterns }
    }

    /// The live account as rules see it. The first `match` entry that fits its name places it.
    #[must_use]
    pub fn place(&self, live: LiveAccount<'_>) -> AccountView {
        if let Some(declared) = self.declared(live.id) {
            return declared;
        }
        let borrowed = self.names.contains(live.name);
        let live_view = AccountView {
            id: live.id.to_owned(),
            name: if borrowed { String::new() } else { live.name.to_owned() },
            ou: live.ou.cloned(),
            tags: live.tags.clone(),
            listed: Listed::No,
        };
        let fitting = self.patterns.iter().find(|(pattern, _)| live.created_here && pattern.matches(live.name));
        let Some((index, entry)) = fitting.and_then(|(_, index)| Some((*index, self.entries.get(*index)?))) else {
            return live_view;
        };
        AccountView {
            ou: Some(entry.ou.clone().unwrap_or_else(OuPath::root)),
            tags: entry.tags.clone(),
            listed: Listed::ByMatch(index),
            ..live_view
        }
    }

    /// The account with this id as the baseline declares it; none when it does not list it by id.
    #[must_use]
    pub fn declared(&self, id: &str) -> Option<AccountView> {
        let index = *self.by_id.get(id)?;
        let entry = self.entries.get(index)?;
        Some(AccountView {
            id: id.to_owned(),
            name: entry.name.clone().unwrap_or_default(),
            ou: Some(entry.ou.clone().unwrap_or_else(OuPath::root)),
            tags: entry.tags.clone(),
            listed: Listed::ById(index),
        })
    }

    /// The id of the account that a reference (an id or a declared name) means; none when nothing declared bears it.
    #[must_use]
    pub fn resolve<'r>(&self, reference: &'r str) -> Option<&'r str>
    where
        'a: 'r,
    {
        if reference.len() == 12 && reference.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some(reference);
        }
        let named = self.entries.iter().filter(|entry| entry.name.as_deref() == Some(reference));
        named.filter_map(|entry| entry.id.as_deref()).next()
    }
}
