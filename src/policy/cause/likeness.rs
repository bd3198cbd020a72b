//! Which part of one side is which part of the other. In come two lists and what they are made of; out come pairs, the most
//! alike first. It only guesses who is meant: a wrong pair makes a longer list of edits, never a wrong verdict.

use std::collections::hash_map::Entry;
use std::hash::{Hash, Hasher};

use rustc_hash::{FxHashMap, FxHasher};

use crate::policy::document::{Document, Statement};

/// How many pairs are looked at; beyond, only what is equal or has the same name is a pair.
const PAIRS: usize = 40_000;

/// What something is made of, as sorted hashes.
pub(super) type Features = Vec<u64>;

fn hash(of: impl Hash) -> u64 {
    let mut hasher = FxHasher::default();
    of.hash(&mut hasher);
    hasher.finish()
}

/// All that a statement says.
pub(super) fn of_statement(statement: &Statement) -> Features {
    let mut features = telling(statement);
    features.push(hash(("effect", statement.effect)));
    let clauses = statement.resources.iter().enumerate();
    features.extend(clauses.map(|(at, clause)| hash(("clause", at, clause.negated, clause.patterns.len()))));
    features
}

/// What of a statement tells it from others: nearly each is about all resources.
pub(super) fn telling(statement: &Statement) -> Features {
    let mut features = Features::new();
    for clause in &statement.actions {
        features.extend(clause.patterns.iter().map(|text| hash(("action", clause.negated, text.to_lowercase()))));
    }
    for clause in &statement.resources {
        let named = clause.patterns.iter().filter(|text| *text != "*");
        features.extend(named.map(|text| hash(("resource", clause.negated, text))));
    }
    for clause in &statement.principals {
        features.extend(clause.principals.iter().map(|who| hash(("principal", clause.negated, who))));
    }
    for condition in &statement.conditions {
        features.push(hash(("key", &condition.key)));
        features.push(hash(("operator", &condition.key, &condition.operator, condition.quantifier)));
        features.extend(condition.values.iter().map(|value| hash(("value", &condition.key, value))));
    }
    features.sort_unstable();
    features.dedup();
    features
}

/// The same of a document.
pub(super) fn of_document(document: &Document) -> Features {
    let mut features: Features = document.statements.iter().flat_map(telling).collect();
    features.sort_unstable();
    features.dedup();
    features
}

/// The part of all features that both have; or half the part of the smaller side that the other has, too.
fn likeness(one: &Features, two: &Features) -> f64 {
    let (mut left, mut right, mut shared) = (one.iter().peekable(), two.iter().peekable(), 0_u32);
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        match a.cmp(b) {
            std::cmp::Ordering::Less => drop(left.next()),
            std::cmp::Ordering::Greater => drop(right.next()),
            std::cmp::Ordering::Equal => {
                shared += 1;
                left.next();
                right.next();
            }
        }
    }
    let part = |of: usize| f64::from(shared) / f64::from(u32::try_from(of.max(1)).unwrap_or(u32::MAX));
    // A list that was cut short is still the same list.
    part(one.len() + two.len() - shared as usize).max(part(one.len().min(two.len())) / 2.0)
}

/// A matching that grows: of each side, the partner of each entry.
pub(super) struct Matching {
    pub(super) of_old: Vec<Option<usize>>,
    pub(super) of_new: Vec<Option<usize>>,
}

impl Matching {
    pub(super) fn new(old: usize, new: usize) -> Self {
        Self { of_old: vec![None; old], of_new: vec![None; new] }
    }

    /// Takes a pair where both are still free.
    pub(super) fn pair(&mut self, old: usize, new: usize) {
        if let (Some(one @ None), Some(two @ None)) = (self.of_old.get_mut(old), self.of_new.get_mut(new)) {
            (*one, *two) = (Some(new), Some(old));
        }
    }

    /// Those of the old side that have no partner.
    pub(super) fn old_left(&self) -> Vec<usize> {
        free(&self.of_old)
    }

    /// Those of the new side that have no partner.
    pub(super) fn new_left(&self) -> Vec<usize> {
        free(&self.of_new)
    }

    /// Pairs what has the same key; the first with the first.
    pub(super) fn by_key<K: Hash + Eq>(&mut self, old: impl Fn(usize) -> Option<K>, new: impl Fn(usize) -> Option<K>) {
        let mut known: FxHashMap<K, Vec<usize>> = FxHashMap::default();
        for at in self.new_left().into_iter().rev() {
            if let Some(key) = new(at) {
                known.entry(key).or_default().push(at);
            }
        }
        for at in self.old_left() {
            if let Some(Entry::Occupied(mut places)) = old(at).map(|key| known.entry(key))
                && let Some(partner) = places.get_mut().pop()
            {
                self.pair(at, partner);
            }
        }
    }

    /// Pairs what is most alike first, as long as it is at least so alike.
    pub(super) fn by_likeness(&mut self, old: &[Features], new: &[Features], least: f64) {
        let (old_left, new_left) = (self.old_left(), self.new_left());
        if old_left.len().saturating_mul(new_left.len()) > PAIRS {
            return;
        }
        let mut pairs = Vec::new();
        for (at, features) in old_left.iter().filter_map(|at| Some((*at, old.get(*at)?))) {
            for (partner, others) in new_left.iter().filter_map(|at| Some((*at, new.get(*at)?))) {
                let alike = likeness(features, others);
                if alike >= least {
                    pairs.push((alike, at, partner));
                }
            }
        }
        pairs.sort_by(|one, two| two.0.total_cmp(&one.0).then((one.1, one.2).cmp(&(two.1, two.2))));
        pairs.into_iter().for_each(|(_, at, partner)| self.pair(at, partner));
    }
}

fn free(partners: &[Option<usize>]) -> Vec<usize> {
    partners.iter().enumerate().filter(|(_, partner)| partner.is_none()).map(|(at, _)| at).collect()
}
