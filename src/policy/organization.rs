//! What binds each account of an organisation. In comes an organisation as it was read; out come, for each account, the
//! policies on its path from the root down. Never reads a provider, and never takes a policy for harmless whose document or
//! attachments could not be read.
//!
//! The management account is bound by nothing:
//! <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html>

pub mod ground;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::decide::{Engine, Options};
use super::document::{Document, Kind};
use super::parse::parse;
use super::stack::{Level, Named, Stack};
use crate::estate::{Observation, Organization, Policy};

/// The types of policy that are guardrails, as the provider writes them.
pub const TYPES: [(&str, Kind); 2] = [("SERVICE_CONTROL_POLICY", Kind::Scp), ("RESOURCE_CONTROL_POLICY", Kind::Rcp)];

/// The policy that stands for "the type is off".
const OFF: &str = "the type is off";

/// A tree is no deeper than AWS's root, five units and an account; a circle in it is none.
const DEEPEST: usize = 16;

/// A stack by the texts of its levels, from the root down.
pub type Key = Vec<Vec<usize>>;

/// The documents of one kind, each under a number.
#[derive(Clone, Debug)]
pub struct Texts {
    kind: Kind,
    texts: Vec<Text>,
}

#[derive(Clone, Debug)]
struct Text {
    name: String,
    /// What it says, or why that cannot be read.
    document: Result<Arc<Document>, String>,
}

/// What hangs where.
#[derive(Clone, Debug, Default)]
pub struct Arrangement {
    /// By account or unit: what it hangs on.
    parent: BTreeMap<String, String>,
    /// By root, unit or account: the policies attached to it.
    attached: BTreeMap<String, BTreeSet<String>>,
    /// By policy: which text it has.
    text: BTreeMap<String, usize>,
}

/// The accounts that guardrails bind: all but the management account and those that are closed.
///
/// # Errors
/// What was not read.
pub fn bound(organization: &Organization) -> Result<Vec<&str>, String> {
    let members = list(&organization.accounts).ok_or_else(|| unread("the accounts"))?;
    let bound =
        members.iter().filter(|account| account.id != organization.management_account && account.state != "CLOSED");
    Ok(bound.map(|account| account.id.as_str()).collect())
}

/// The policies of one type, and what they hang on.
///
/// # Errors
/// What was not read.
pub fn arranged(organization: &Organization, policy_type: &str, kind: Kind) -> Result<(Texts, Arrangement), String> {
    let units = list(&organization.units).ok_or_else(|| unread("the units"))?;
    let members = list(&organization.accounts).ok_or_else(|| unread("the accounts"))?;
    let mut texts = Texts { kind, texts: Vec::new() };
    let mut arrangement = Arrangement::default();
    let hangs = members.iter().map(|account| (account.id.clone(), account.parent.clone()));
    arrangement.parent.extend(hangs.chain(units.iter().map(|unit| (unit.id.clone(), unit.parent.clone()))));
    if is_off(organization, policy_type)? {
        // With the type off nothing is taken away anywhere.
        arrangement.text.insert(OFF.to_owned(), texts.add("FullAWSAccess", Ok(Document::full_access())));
        let root = organization.root.known().cloned();
        let nodes: Vec<String> = arrangement.parent.keys().cloned().chain(root).collect();
        nodes.into_iter().for_each(|node| arrangement.attach(OFF, &node));
        return Ok((texts, arrangement));
    }
    let policies = organization.policies.get(policy_type).and_then(list).ok_or_else(|| unread("the policies"))?;
    policies.iter().try_for_each(|policy| arrangement.add(policy, &mut texts))?;
    Ok((texts, arrangement))
}

/// Whether a type is known to be off: one that is being switched off is off already, one that is being switched on is not on
/// yet.
///
/// # Errors
/// It is in a state that nobody knows.
pub(super) fn is_off(organization: &Organization, policy_type: &str) -> Result<bool, String> {
    let Some(types) = organization.policy_types.known() else { return Ok(false) };
    match types.get(policy_type).map(String::as_str) {
        Some("ENABLED") => Ok(false),
        None | Some("PENDING_ENABLE" | "PENDING_DISABLE") => Ok(true),
        Some(word) => Err(format!("the policy type is {word}, so that it cannot be told what binds")),
    }
}

fn unread(what: &str) -> String {
    format!("{what} of the organisation were not read")
}

/// The entries of a list; none where it could not be read.
fn list<T>(list: &Observation<Vec<T>>) -> Option<&[T]> {
    match list {
        Observation::Known(list) => Some(list),
        Observation::Absent => Some(&[]),
        Observation::Unknown(_) => None,
    }
}

/// A document, or why it cannot be read.
///
/// # Errors
/// The first mistake in it.
pub fn parsed(name: &str, text: &str) -> Result<Document, String> {
    parse(name, text).map_err(|mistakes| {
        let first = mistakes.records().into_iter().next().map(|record| record.message).unwrap_or_default();
        format!("the document of `{name}` cannot be read: {first}")
    })
}

impl Texts {
    /// Takes a document in, or the reason why it cannot be read; tells its number.
    pub fn add(&mut self, name: &str, document: Result<Document, String>) -> usize {
        self.texts.push(Text { name: name.to_owned(), document: document.map(Arc::new) });
        self.texts.len() - 1
    }

    /// A document by its number, where it can be read.
    #[must_use]
    pub fn document(&self, text: usize) -> Option<&Document> {
        self.texts.get(text)?.document.as_deref().ok()
    }

    /// The stack behind a key.
    ///
    /// # Errors
    /// Why one of its documents cannot be read.
    pub fn stack(&self, key: &Key) -> Result<Stack, String> {
        let named = |text: &usize| {
            let Text { name, document } = self.texts.get(*text).ok_or("a document was lost")?;
            Ok(Named { name: name.clone(), document: Arc::clone(document.as_ref().map_err(Clone::clone)?) })
        };
        let level =
            |texts: &Vec<usize>| Ok(Level { documents: texts.iter().map(named).collect::<Result<_, String>>()? });
        Ok(Stack { kind: self.kind, levels: key.iter().map(level).collect::<Result<_, String>>()? })
    }

    /// One universe for all documents that can be read, so that each is sorted into classes once.
    #[must_use]
    pub fn engine(&self) -> Option<Engine> {
        let documents = self.texts.iter().filter_map(|Text { name, document }| {
            Some(Named { name: name.clone(), document: Arc::clone(document.as_ref().ok()?) })
        });
        let all = Stack { kind: self.kind, levels: vec![Level { documents: documents.collect() }] };
        Engine::new([&all], &Options::default()).ok()
    }
}

impl Arrangement {
    fn add(&mut self, policy: &Policy, texts: &mut Texts) -> Result<(), String> {
        let targets =
            list(&policy.targets).ok_or_else(|| format!("what `{}` is attached to was not read", policy.name))?;
        let document = match &policy.document {
            Observation::Known(text) => parsed(&policy.name, text),
            Observation::Absent => Err(format!("`{}` has no document", policy.name)),
            Observation::Unknown(gap) => Err(format!("the document of `{}` was not read: {}", policy.name, gap.reason)),
        };
        self.says(&policy.id, texts.add(&policy.name, document));
        targets.iter().for_each(|target| self.attach(&policy.id, &target.id));
        Ok(())
    }

    fn says(&mut self, policy: &str, text: usize) {
        self.text.insert(policy.to_owned(), text);
    }

    fn attach(&mut self, policy: &str, target: &str) {
        self.attached.entry(target.to_owned()).or_default().insert(policy.to_owned());
    }

    /// The texts on the path of an account, from the root down.
    #[must_use]
    pub fn key(&self, account: &str) -> Key {
        let texts = |policies: Vec<&str>| {
            let mut texts: Vec<usize> = policies.iter().filter_map(|policy| self.text.get(*policy).copied()).collect();
            texts.sort_unstable();
            texts.dedup();
            texts
        };
        self.policies(account).into_iter().map(texts).collect()
    }

    /// The policies on the path of an account by their ids, from the root down.
    #[must_use]
    pub fn policies(&self, account: &str) -> Vec<Vec<&str>> {
        let (mut levels, mut node) = (Vec::new(), Some(account));
        while let Some(here) = node {
            levels.push(self.attached.get(here).into_iter().flatten().map(String::as_str).collect());
            node = if levels.len() > DEEPEST { None } else { self.parent.get(here).map(String::as_str) };
        }
        levels.reverse();
        levels
    }
}
