//! How much a change lets through. In comes everything that the new side allows and the old one does not; out come the
//! known actions, regions and principals in it. It ranks and illustrates: it never makes a difference smaller than it is,
//! and what no catalogue knows is said to be there.

use std::{collections::BTreeMap, ops::ControlFlow};

use fixedbitset::FixedBitSet;
use rustc_hash::FxHashMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Engine, OutOfSteps, Region,
    universe::ACTION,
    witness::{self, regions},
};
use crate::policy::{catalogue::Catalogue, stack::Stack};

/// How many regions of the universe are looked at.
const PARTS: usize = 10_000;
/// How many are looked at to rank causes.
const PARTS_TO_RANK: usize = 500;
/// How many names a list holds at most.
const NAMES: usize = 20;

/// What is newly allowed, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Extent {
    /// How many known actions are newly allowed on something.
    pub actions: usize,
    /// Of how many that are known.
    pub known_actions: usize,
    /// The same by AWS's access level.
    pub by_level: BTreeMap<String, usize>,
    /// The same by service.
    pub by_service: BTreeMap<String, usize>,
    /// Some of them, those of the highest access level first.
    pub examples: Vec<String>,
    /// The regions in which something is newly allowed; none where it does not depend on the region.
    pub regions: Option<Vec<String>>,
    /// Who is newly let through, as the policies write it; none where it does not depend on who asks.
    pub principals: Option<Vec<String>>,
    /// Whether the lists hold everything: a difference of very many parts is only looked at in part.
    pub complete: bool,
}

/// AWS's access levels, the one that matters least first.
const LEVELS: [&str; 5] = ["List", "Read", "Tagging", "Write", "Permissions management"];

impl Extent {
    /// The highest access level of what is newly allowed, by its place among AWS's; none where no known action is. A level
    /// that AWS adds is taken for the highest.
    #[must_use]
    pub fn highest(&self) -> Option<usize> {
        self.by_level.keys().map(|level| place_of(level)).max()
    }
}

/// The place of an access level among AWS's, the one that matters least first.
#[must_use]
pub fn place_of(level: &str) -> usize {
    LEVELS.iter().position(|known| *known == level).unwrap_or(LEVELS.len())
}

impl Engine {
    /// How much `new` lets through that `old` does not.
    #[must_use]
    pub fn extent(&self, old: &Stack, new: &Stack) -> Extent {
        let mut seen = Seen::default();
        let searched = self.search(&self.side(old), &self.side(new), &mut |region, _| {
            seen.take(self, &region);
            Ok(if seen.parts >= PARTS { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        });
        let complete = !matches!(searched, Ok(ControlFlow::Break(())) | Err(OutOfSteps));
        let mut extent = self.actions_of(&seen.actions);
        extent.regions = seen.regions.names(self, "aws:requestedregion", &regions());
        extent.principals = seen.principals.names(self, "aws:principalarn", &[]);
        extent.complete = complete;
        extent
    }

    /// How many known actions each of some new stacks lets through that `old` does not, as far as a few parts tell.
    pub(in crate::policy) fn reaches(&self, old: &Stack, news: &[Stack]) -> Vec<usize> {
        let mut known = vec![0_usize; self.universe.actions.classes()];
        for class in self.universe.known_actions().iter().flatten() {
            if let Some(count) = known.get_mut(*class) {
                *count += 1;
            }
        }
        let reach = |new: &Stack| {
            let mut seen = Seen::default();
            // What the parts up to a limit hold is good enough to rank by.
            let _ = self.search(&self.side(old), &self.side(new), &mut |region, _| {
                seen.take(self, &region);
                Ok(if seen.parts >= PARTS_TO_RANK { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            });
            seen.actions.ones().filter_map(|class| known.get(class)).sum()
        };
        news.iter().map(reach).collect()
    }

    fn actions_of(&self, classes: &FixedBitSet) -> Extent {
        let catalogue = Catalogue::get();
        let mut extent = Extent { known_actions: catalogue.actions().len(), ..Extent::default() };
        let (mut found, mut by_level, mut by_service) = (Vec::new(), BTreeMap::new(), FxHashMap::default());
        for (action, class) in catalogue.actions().iter().zip(self.universe.known_actions()) {
            if class.is_some_and(|class| classes.contains(class)) {
                *by_level.entry(action.level).or_insert(0) += 1;
                *by_service.entry(action.service).or_insert(0) += 1;
                found.push(action);
            }
        }
        extent.actions = found.len();
        extent.by_level = by_level.into_iter().map(|(level, count)| (level.as_str().to_owned(), count)).collect();
        extent.by_service = by_service.into_iter().map(|(service, count)| (service.to_owned(), count)).collect();
        let common: FxHashMap<usize, usize> =
            witness::rank().enumerate().map(|(place, action)| (action.index, place)).collect();
        found.sort_by_key(|action| {
            let place = common.get(&action.index).copied().unwrap_or(usize::MAX);
            (place, std::cmp::Reverse(action.level))
        });
        extent.examples = found.iter().take(NAMES).map(ToString::to_string).collect();
        extent
    }
}

#[derive(Default)]
struct Seen {
    parts: usize,
    actions: FixedBitSet,
    regions: Classes,
    principals: Classes,
}

impl Seen {
    fn take(&mut self, engine: &Engine, region: &Region) {
        self.parts += 1;
        let size = engine.universe.actions.classes();
        self.actions.grow(size);
        match region.get(ACTION) {
            Some(set) => self.actions.union_with(set),
            None => self.actions.insert_range(..size),
        }
        self.regions.take(engine, "aws:requestedregion", region);
        self.principals.take(engine, "aws:principalarn", region);
    }
}

/// Classes of one key over many regions.
#[derive(Default)]
struct Classes {
    /// Some region leaves the key free.
    free: bool,
    set: FixedBitSet,
}

impl Classes {
    fn take(&mut self, engine: &Engine, name: &str, region: &Region) {
        let key = engine.universe.keys.get(name).filter(|key| !key.many);
        match key.and_then(|key| region.get(key.dimension)) {
            Some(set) => {
                self.set.grow(set.len());
                self.set.union_with(set);
            }
            None => self.free = true,
        }
    }

    /// Names of the classes: known ones that lie in them, else what the policies write.
    fn names(&self, engine: &Engine, name: &str, known: &[&str]) -> Option<Vec<String>> {
        if self.free {
            return None;
        }
        let key = engine.universe.keys.get(name)?;
        let inside = |class: usize| self.set.contains(class + 1);
        let mut names: Vec<String> =
            known.iter().filter(|name| key.class_of(name).is_some_and(inside)).map(|name| (*name).to_owned()).collect();
        for class in (0..key.classes()).filter(|class| inside(*class)) {
            let written = key.pattern(class);
            if names.len() < NAMES && !names.iter().any(|name| key.class_of(name) == Some(class)) {
                names.push(written.unwrap_or_else(|| "any other".to_owned()));
            }
        }
        Some(names)
    }
}
