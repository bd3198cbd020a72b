//! Which edits weaken. In comes a difference; out come the edits that let something through alone, and the smallest sets
//! of others that do so together. It decides with the decision procedure alone, and says when it had to stop.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::edit::{Difference, Made, Number, size};
use crate::policy::{
    decide::{Direction, Engine, Options},
    document::Effect,
    stack::{Level, Named, Stack},
};

/// How many decisions one difference may take.
pub(super) const DECISIONS: usize = 600;
/// How many edits are tried alone; the others are only tried together.
const ALONE: usize = 400;
/// How many patterns and values the statements that are tried alone may hold together.
const PATTERNS: usize = 100_000;
/// For how many patterns and values a decision about statements that were not seen before counts as one more.
const PATTERNS_A_DECISION: usize = 2_000;
/// How many sets of edits that only weaken together are looked for.
const SETS: usize = 4;

/// Edits that weaken.
#[derive(Default)]
pub(super) struct Found {
    pub(super) sets: Vec<Set>,
    /// Why a set may hold more than it must, or a set may be missing.
    pub(super) incomplete: Option<String>,
    /// By set: how many known actions it lets through; empty with one set.
    pub(super) reaches: Vec<usize>,
}

/// Edits that weaken when they are made and no other is.
pub(super) struct Set {
    pub(super) edits: Vec<Number>,
    /// Whether no part of them does.
    pub(super) is_least: bool,
}

/// A stack that lets through what both of two let through: what a later edit takes back again is no cause.
///
/// A request passes two stacks exactly when it passes one stack with the levels of both. A level that asks for the same
/// Allow is not asked twice, and no Deny is.
pub(super) fn both(edited: &Stack, new: &Stack) -> Stack {
    let mut levels: Vec<Level> = edited.levels.clone();
    let address = |named: &Named| Arc::as_ptr(&named.document).addr();
    let allows = |level: &Level| -> Vec<usize> {
        let holds = |named: &&Named| named.document.statements.iter().any(|said| said.effect == Effect::Allow);
        level.documents.iter().filter(holds).map(address).collect()
    };
    let mut known: FxHashMap<Vec<usize>, usize> =
        levels.iter().enumerate().map(|(at, level)| (allows(level), at)).collect();
    let mut seen: FxHashSet<usize> = levels.iter().flat_map(|level| &level.documents).map(address).collect();
    for level in &new.levels {
        let allows = allows(level);
        let at = *known.entry(allows.clone()).or_insert_with(|| {
            let documents = level.documents.iter().filter(|named| allows.contains(&address(named)));
            levels.push(Level { documents: documents.cloned().collect() });
            levels.len() - 1
        });
        seen.extend(allows);
        let more: Vec<Named> = level.documents.iter().filter(|named| seen.insert(address(named))).cloned().collect();
        if let Some(level) = levels.get_mut(at) {
            level.documents.extend(more);
        }
    }
    Stack { kind: edited.kind, levels }
}

struct Trial<'a> {
    difference: &'a Difference<'a>,
    old: Stack,
    new: Stack,
    engine: Engine,
    options: &'a Options,
    left: usize,
    undecided: Option<String>,
}

/// Looks for the edits that weaken, where all of them together do.
pub(super) fn weakening(difference: &Difference, options: &Options) -> Found {
    let count = difference.edits.len();
    if count <= 1 {
        // Alone, it is the whole change.
        let set = Set { edits: (0..count).collect(), is_least: true };
        return Found { sets: vec![set], ..Found::default() };
    }
    let old = difference.statements(&Made::default());
    let new = difference.statements(&difference.all());
    let mut room = PATTERNS;
    let tried = difference.edits.iter().take(ALONE).take_while(|edit| {
        let fits = room > 0;
        room = room.saturating_sub(edit.size());
        fits
    });
    let tried = tried.count();
    let (alone, others): (Vec<Number>, Vec<Number>) = (0..count).partition(|edit| *edit < tried);
    let stacks: Vec<Stack> = alone.iter().map(|edit| difference.statements(&Made::new(vec![*edit]))).collect();
    let engine = match Engine::new(stacks.iter().chain([&old, &new]), options) {
        Ok(engine) => engine,
        Err(why) => return Found { incomplete: Some(why), ..Found::default() },
    };
    let trial = Trial { difference, old, new, engine, options, left: DECISIONS, undecided: None };
    trial.run(&alone, others)
}

impl Trial<'_> {
    /// Tries edits alone, others as a whole, and then what weakens only together.
    fn run(mut self, alone: &[Number], others: Vec<Number>) -> Found {
        let mut incomplete = None;
        let (weaken, mut rest): (Vec<Number>, Vec<Number>) =
            alone.iter().partition(|edit| self.weakens(&[**edit]) == Some(true));
        let mut sets: Vec<Set> = weaken.iter().map(|edit| Set { edits: vec![*edit], is_least: true }).collect();
        if !others.is_empty() && self.weakens(&others) == Some(true) {
            let all = self.difference.edits.len();
            let number = others.len();
            incomplete = Some(format!("the causes may be fewer: {number} of {all} edits were only tried together"));
            sets.push(Set { edits: others, is_least: false });
        } else {
            rest.extend(others);
        }
        let mut together = 0;
        while !rest.is_empty() && self.weakens(&rest) == Some(true) {
            if together == SETS {
                let why = format!("there are more causes: {SETS} sets of edits that weaken together are told");
                incomplete.get_or_insert(why);
                break;
            }
            together += 1;
            let (edits, is_least) = self.shrink(rest.clone());
            rest.retain(|edit| !edits.contains(edit));
            sets.push(Set { edits, is_least });
        }
        if self.left == 0 {
            let why =
                format!("the causes may be fewer, or more: it would take more than {DECISIONS} decisions to tell");
            incomplete.get_or_insert(why);
        }
        let reaches = if sets.len() > 1 { self.reaches(&sets) } else { Vec::new() };
        let undecided = self.undecided.filter(|_| sets.is_empty());
        Found { incomplete: incomplete.or(undecided), sets, reaches }
    }

    /// Whether some edits let through something that the new side lets through too; none when no decision is left.
    fn weakens(&mut self, edits: &[Number]) -> Option<bool> {
        self.left = self.left.checked_sub(1)?;
        let edited = both(&self.difference.statements(&Made::new(edits.to_vec())), &self.new);
        let direction = if self.engine.knows(&edited) {
            self.engine.direction(&self.old, &edited)
        } else {
            let documents = edited.levels.iter().flat_map(|level| &level.documents);
            let patterns: usize = documents.flat_map(|named| &named.document.statements).map(size).sum();
            self.left = self.left.saturating_sub(patterns / PATTERNS_A_DECISION);
            match Engine::new([&self.old, &edited], self.options) {
                Ok(engine) => engine.direction(&self.old, &edited),
                Err(why) => Direction::Unknown(why),
            }
        };
        match direction {
            Direction::Some(_) => Some(true),
            Direction::None => Some(false),
            Direction::Unknown(why) => {
                self.undecided.get_or_insert(why);
                Some(false)
            }
        }
    }

    /// Takes edits away as long as the rest still weakens (Zeller's delta debugging), and whether nothing more can go.
    fn shrink(&mut self, mut set: Vec<Number>) -> (Vec<Number>, bool) {
        let mut parts = 2;
        while set.len() > 1 {
            let size = set.len().div_ceil(parts);
            match self.smaller(&set, size) {
                None => return (set, false),
                Some(Some(less)) => {
                    parts = if less.len() <= size { 2 } else { parts.saturating_sub(1).max(2) };
                    set = less;
                }
                Some(None) if size == 1 => break,
                Some(None) => parts = parts.saturating_mul(2).min(set.len()),
            }
        }
        (set, true)
    }

    /// A part of a set that weakens, or what is left without a part; none when no decision is left.
    fn smaller(&mut self, set: &[Number], size: usize) -> Option<Option<Vec<Number>>> {
        for part in set.chunks(size) {
            if part.len() < set.len() && self.weakens(part)? {
                return Some(Some(part.to_vec()));
            }
        }
        for (at, part) in set.chunks(size).enumerate() {
            let start = at * size;
            let rest = [set.get(..start).unwrap_or(&[]), set.get(start + part.len()..).unwrap_or(&[])].concat();
            if !rest.is_empty() && rest.len() < set.len() && self.weakens(&rest)? {
                return Some(Some(rest));
            }
        }
        Some(None)
    }

    /// How many known actions each set lets through.
    fn reaches(&self, sets: &[Set]) -> Vec<usize> {
        let stack = |set: &Set| both(&self.difference.statements(&Made::new(set.edits.clone())), &self.new);
        let stacks: Vec<Stack> = sets.iter().map(stack).collect();
        if stacks.iter().all(|stack| self.engine.knows(stack)) {
            return self.engine.reaches(&self.old, &stacks);
        }
        let engine = Engine::new(stacks.iter().chain([&self.old]), self.options);
        engine.map_or_else(|_| Vec::new(), |engine| engine.reaches(&self.old, &stacks))
    }
}
