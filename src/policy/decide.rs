//! Does one stack of policies let a request through that another stops? In come two stacks; out comes a proof that it does
//! not, a request that shows that it does, or the reason why it cannot be told. Both directions are always decided.
//!
//! How: each dimension of a request (action, resource, principal, every condition key) is sorted into classes that no
//! pattern of either side tells apart; a statement becomes boxes of classes; what the new side allows and the old one does
//! not is a difference of boxes. Every real request lies in exactly one point of that product, and what is not understood
//! may hold or not, alike on both sides: so an empty difference is a proof. A difference is only believed when the
//! [evaluator](super::evaluate), which shares none of this, confirms a request from it.
//!
//! Never calls something "not weaker" for want of an example.

mod automaton;
mod extent;
mod pattern;
mod region;
mod scale;
mod statement;
mod universe;
mod witness;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, ops::ControlFlow, sync::Arc};

use fixedbitset::FixedBitSet;
use rustc_hash::{FxHashMap, FxHashSet};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    document::{Document, Effect, Kind},
    request::Request,
    stack::Stack,
};
pub use extent::{Extent, place_of};
use pattern::Bindings;
use region::{OutOfSteps, Region, Search, Steps, subtract, within};
use statement::Said;
use universe::{Questions, TooLarge, Universe};

/// How much a decision may take. Over a limit the answer is "cannot be told", and says which.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// States of the automaton of one dimension, and classes of one condition key.
    pub states: usize,
    /// Steps of one direction's difference; two million take about a second.
    pub steps: usize,
    /// Boxes of one statement.
    pub boxes: usize,
    /// Numbers, moments or address ranges of one condition key.
    pub values: usize,
    /// Regions of one direction in which a witness is looked for.
    pub regions: usize,
    /// Witnesses of one direction.
    pub witnesses: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { states: 200_000, steps: 2_000_000, boxes: 4_096, values: 2_000, regions: 64, witnesses: 1 }
    }
}

/// What is to be decided besides the two sides.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// How much it may take.
    pub limits: Limits,
    /// Condition keys that have one value in every request that counts.
    pub bind: BTreeMap<String, String>,
}

/// Whether a change lets more through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Both sides let the same requests through.
    Equivalent,
    /// The new side stops more, and lets nothing more through.
    Stricter,
    /// The new side lets more through.
    Weaker,
    /// It lets some more through, and stops others.
    Mixed,
    /// It cannot be told.
    Unknown,
}

impl Verdict {
    /// Two verdicts about two guardrails of one account, in one word.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Mixed, _) | (_, Self::Mixed) => Self::Mixed,
            (Self::Weaker, Self::Stricter) | (Self::Stricter, Self::Weaker) => Self::Mixed,
            (Self::Weaker, _) | (_, Self::Weaker) => Self::Weaker,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::Stricter, _) | (_, Self::Stricter) => Self::Stricter,
            (Self::Equivalent, Self::Equivalent) => Self::Equivalent,
        }
    }

    /// The word for it in JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Equivalent => "equivalent",
            Self::Stricter => "stricter",
            Self::Weaker => "weaker",
            Self::Mixed => "mixed",
            Self::Unknown => "unknown",
        }
    }
}

/// What was decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Requests that the new side allows and the old one does not.
    pub weaker: Direction,
    /// Requests that the old side allows and the new one does not.
    pub stricter: Direction,
}

impl Decision {
    /// Both directions in one word.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match (&self.weaker, &self.stricter) {
            (Direction::None, Direction::None) => Verdict::Equivalent,
            (Direction::None, Direction::Some(_)) => Verdict::Stricter,
            (Direction::Some(_), Direction::Some(_)) => Verdict::Mixed,
            (Direction::Some(_), Direction::None | Direction::Unknown(_)) => Verdict::Weaker,
            (Direction::Unknown(_), _) | (Direction::None, Direction::Unknown(_)) => Verdict::Unknown,
        }
    }

    /// Why something could not be told.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        match (&self.weaker, &self.stricter) {
            (Direction::Unknown(why), _) => Some(why.clone()),
            (_, Direction::Unknown(why)) => Some(format!("whether it is stricter cannot be told: {why}")),
            _ => None,
        }
    }
}

/// One direction.
#[derive(Clone, Debug, PartialEq)]
pub enum Direction {
    /// Proven: there is no such request.
    None,
    /// There is; these are confirmed.
    Some(Vec<Request>),
    /// It cannot be told, and why.
    Unknown(String),
}

/// Compares two stacks.
#[must_use]
pub fn decide(old: &Stack, new: &Stack, options: &Options) -> Decision {
    if old == new {
        return Decision { weaker: Direction::None, stricter: Direction::None };
    }
    match Engine::new([old, new], options) {
        Ok(engine) => engine.decide(old, new),
        Err(why) => Decision { weaker: Direction::Unknown(why.clone()), stricter: Direction::Unknown(why) },
    }
}

/// A universe that many comparisons share.
#[derive(Debug)]
pub struct Engine {
    universe: Universe,
    /// By the address of a document, which `documents` keeps alive.
    boxes: FxHashMap<usize, Boxes>,
    documents: Vec<(Kind, Arc<Document>)>,
    limits: Limits,
}

/// What a document's statements match. Statements that say the same, in whatever document, share their boxes.
#[derive(Clone, Debug, Default)]
struct Boxes {
    allow: Vec<Arc<Region>>,
    deny: Vec<Arc<Region>>,
}

/// One side of a comparison as boxes, each of them once.
struct Side<'a> {
    /// By level: what is allowed there. Empty where no Allow is needed.
    allow: Vec<Vec<&'a Region>>,
    deny: Vec<&'a Region>,
}

impl Engine {
    /// Sorts everything that the documents of some stacks can tell apart into classes.
    ///
    /// # Errors
    /// The reason why nothing can be decided about them.
    pub fn new<'a>(stacks: impl IntoIterator<Item = &'a Stack>, options: &Options) -> Result<Self, String> {
        let mut documents: Vec<(Kind, Arc<Document>)> = Vec::new();
        let mut seen = FxHashMap::default();
        for stack in stacks {
            for named in stack.levels.iter().flat_map(|level| &level.documents) {
                if seen.insert(address(&named.document), ()).is_none() {
                    documents.push((stack.kind, Arc::clone(&named.document)));
                }
            }
        }
        let bound = options.bind.iter().map(|(key, value)| (key.to_lowercase(), Some(value.clone()))).collect();
        Self::bound(documents, bound, options.limits)
    }

    fn bound(documents: Vec<(Kind, Arc<Document>)>, bound: Bindings, limits: Limits) -> Result<Self, String> {
        let (said, places) = distinct(&documents);
        let mut asked = Questions::default();
        said.iter().for_each(|said| statement::note_keys(said, &mut asked));
        let prepared = statement::prepare(&said, &bound, &mut asked);
        let universe = Universe::new(asked, bound, &limits)
            .map_err(|TooLarge(what)| format!("the dimension `{what}` is too complex; raise the budget of states"))?;
        let mut found: Vec<Option<Vec<Arc<Region>>>> = vec![None; said.len()];
        let mut boxes = FxHashMap::default();
        for ((_, document), places) in documents.iter().zip(places) {
            let mut of = Boxes::default();
            for (index, (place, said)) in places.into_iter().zip(&document.statements).enumerate() {
                let (Some(prepared), Some(found)) = (prepared.get(place), found.get_mut(place)) else { continue };
                if found.is_none() {
                    *found = statement::boxes(prepared, &universe, &limits)
                        .map(|boxes| boxes.into_iter().map(Arc::new).collect());
                }
                let Some(found) = found else {
                    let name = said.name(index);
                    return Err(format!(
                        "`{name}` has more than {} alternatives; raise the budget of boxes",
                        limits.boxes
                    ));
                };
                match prepared.effect {
                    Effect::Allow => of.allow.extend(found.iter().cloned()),
                    Effect::Deny => of.deny.extend(found.iter().cloned()),
                }
            }
            boxes.insert(address(document), of);
        }
        Ok(Self { universe, boxes, documents, limits })
    }

    /// Compares two of the stacks that the engine was made for.
    #[must_use]
    pub fn decide(&self, old: &Stack, new: &Stack) -> Decision {
        Decision { weaker: self.direction(old, new), stricter: self.direction(new, old) }
    }

    /// Whether it was made for all documents of a stack.
    pub(super) fn knows(&self, stack: &Stack) -> bool {
        let mut documents = stack.levels.iter().flat_map(|level| &level.documents);
        documents.all(|named| self.boxes.contains_key(&address(&named.document)))
    }

    /// Looks for a request that `new` allows and `old` does not.
    pub(super) fn direction(&self, old: &Stack, new: &Stack) -> Direction {
        let mut hunt = Hunt { old, new, found: Vec::new(), open: Vec::new(), unconfirmed: 0, limits: self.limits };
        let searched = self.search(&self.side(old), &self.side(new), &mut |region, _| Ok(hunt.look(self, &region)));
        match (searched, hunt.found) {
            (_, found) if !found.is_empty() => Direction::Some(found),
            (Ok(_), _) if hunt.unconfirmed == 0 => Direction::None,
            (Ok(_), _) => self.hidden(old, new, hunt.open),
            (Err(OutOfSteps), _) => Direction::Unknown(format!(
                "more than {} steps, or 1000 differences deep; raise the budget of steps",
                self.limits.steps
            )),
        }
    }

    fn side(&self, stack: &Stack) -> Side<'_> {
        let boxes = |named: &super::stack::Named| self.boxes.get(&address(&named.document));
        let documents = stack.levels.iter().flat_map(|level| &level.documents);
        let deny = once(documents.filter_map(boxes).flat_map(|boxes| &boxes.deny));
        let allow =
            |level: &super::stack::Level| once(level.documents.iter().filter_map(boxes).flat_map(|boxes| &boxes.allow));
        let allow = if stack.needs_allow() { stack.levels.iter().map(allow).collect() } else { Vec::new() };
        Side { allow, deny }
    }

    /// Tells every region that `new` allows and `old` does not, until it is told to stop.
    fn search(&self, old: &Side, new: &Side, found: &mut dyn FnMut(Region, &mut Steps) -> Search) -> Search {
        let mut steps = Steps::new(self.limits.steps);
        let Some(start) = self.universe.bound_region() else { return Ok(ControlFlow::Continue(())) };
        let levels: Vec<&[&Region]> = new.allow.iter().map(Vec::as_slice).collect();
        // What both sides deny by the same box lets nothing through.
        for denied in beside(&old.deny, &new.deny) {
            let Some(from) = start.and(denied) else { continue };
            let searched =
                subtract(from, &new.deny, &mut steps, &mut |left, steps| within(left, &levels, steps, found))?;
            if searched.is_break() {
                return Ok(searched);
            }
        }
        for (at, allowed) in old.allow.iter().enumerate() {
            // The same level first: what it allowed before is taken away at once, and by the same box at that.
            let mut order = levels.clone();
            let first = if at < order.len() { vec![beside(order.remove(at), allowed)] } else { Vec::new() };
            let first: Vec<&[&Region]> = first.iter().map(Vec::as_slice).collect();
            let searched = within(start.clone(), &first, &mut steps, &mut |part, steps| {
                subtract(part, allowed, steps, &mut |left, steps| {
                    within(left, &order, steps, &mut |left, steps| subtract(left, &new.deny, steps, found))
                })
            })?;
            if searched.is_break() {
                return Ok(searched);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Something was found that no request could be shown for: it hangs on variables, or on what is not understood.
    fn hidden(&self, old: &Stack, new: &Stack, open: Vec<Open>) -> Direction {
        let variables: Vec<String> = open.iter().flat_map(|open| open.variables.clone()).collect();
        for absent in [false, true] {
            let mut bound = self.universe.bound.clone();
            for key in self.universe.variables() {
                bound.entry(key.clone()).or_insert_with(|| (!absent).then(|| witness::plausible(&key)));
            }
            if bound.len() == self.universe.bound.len() {
                break;
            }
            let Ok(engine) = Self::bound(self.documents.clone(), bound, self.limits) else { continue };
            if let Direction::Some(found) = engine.direction(old, new) {
                return Direction::Some(found);
            }
        }
        let not_understood = open.iter().find_map(|open| open.not_understood.clone());
        Direction::Unknown(match (not_understood, variables.first()) {
            (Some(text), _) => format!("it hangs on what is not understood: {text}"),
            (None, Some(_)) => format!("only for special values of {}", listed(&variables)),
            (None, None) => "no request could be shown for a difference that was found".to_owned(),
        })
    }
}

/// Looks for witnesses in regions.
struct Hunt<'a> {
    old: &'a Stack,
    new: &'a Stack,
    found: Vec<Request>,
    /// What the regions without a witness hang on.
    open: Vec<Open>,
    unconfirmed: usize,
    limits: Limits,
}

/// What a region without a witness hangs on.
struct Open {
    variables: Vec<String>,
    not_understood: Option<String>,
}

impl Hunt<'_> {
    fn look(&mut self, engine: &Engine, region: &Region) -> ControlFlow<()> {
        let confirmed = witness::find(&engine.universe, region, |request| self.confirms(request));
        let enough = match confirmed {
            Some(request) => {
                self.found.push(request);
                self.found.len() >= self.limits.witnesses
            }
            None => {
                self.unconfirmed += 1;
                self.open.extend(self.hangs_on(engine, region));
                self.unconfirmed >= self.limits.regions
            }
        };
        if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn confirms(&self, request: &Request) -> bool {
        use super::evaluate::{Decision, decide};
        decide(self.new, request) == Decision::Allowed && decide(self.old, request) == Decision::Denied
    }

    fn hangs_on(&self, engine: &Engine, region: &Region) -> Option<Open> {
        let opaque = engine.universe.opaque_in(region);
        let mixed = engine.universe.mixed_in(region);
        if opaque.is_empty() && mixed.is_none() {
            tracing::error!(old = ?self.old, new = ?self.new, "a difference of policies has no witness: please report this");
            return None;
        }
        let (mut variables, mut not_understood) = (Vec::new(), None);
        for (text, what) in opaque {
            variables.extend(what.variables.clone());
            if what.variables.is_empty() {
                not_understood = Some(text.to_owned());
            }
        }
        not_understood = not_understood.or(mixed.map(|key| format!("`{key}` is read in more than one way")));
        Some(Open { variables, not_understood })
    }
}

/// Everything that documents say, once, and by document where each of its statements stands among it.
fn distinct(documents: &[(Kind, Arc<Document>)]) -> (Vec<Said<'_>>, Vec<Vec<usize>>) {
    let (mut list, mut known, mut places) = (Vec::new(), FxHashMap::default(), Vec::with_capacity(documents.len()));
    for (kind, document) in documents {
        let mut place = |statement| {
            *known.entry(Said::of(document, statement, kind.has_principals())).or_insert_with_key(|said| {
                list.push(*said);
                list.len() - 1
            })
        };
        places.push(document.statements.iter().map(&mut place).collect());
    }
    (list, places)
}

/// Each of some boxes once.
fn once<'a>(boxes: impl Iterator<Item = &'a Arc<Region>>) -> Vec<&'a Region> {
    let mut seen = FxHashSet::default();
    boxes.map(Arc::as_ref).filter(|region| seen.insert(std::ptr::from_ref::<Region>(region))).collect()
}

/// The boxes that are not among others.
fn beside<'a>(boxes: &[&'a Region], others: &[&Region]) -> Vec<&'a Region> {
    let known: FxHashSet<*const Region> = others.iter().map(|region| std::ptr::from_ref(*region)).collect();
    boxes.iter().copied().filter(|region| !known.contains(&std::ptr::from_ref(*region))).collect()
}

fn address(document: &Arc<Document>) -> usize {
    Arc::as_ptr(document).addr()
}

fn listed(keys: &[String]) -> String {
    let mut keys: Vec<String> = keys.iter().map(|key| format!("`${{{key}}}`")).collect();
    keys.sort_unstable();
    keys.dedup();
    keys.join(", ")
}

impl Universe {
    /// Where every bound key has its one value; none when no request can have it.
    fn bound_region(&self) -> Option<Region> {
        self.bound.iter().try_fold(Region::everything(), |region, (name, value)| {
            let Some(key) = self.keys.get(name) else { return Some(region) };
            let only = match value {
                None => key.missing()?,
                Some(value) => {
                    let mut set = FixedBitSet::with_capacity(key.classes());
                    set.insert(key.class_of(value)?);
                    key.only(&set)?
                }
            };
            region.and(&only)
        })
    }

    /// The keys of all variables that are not bound.
    fn variables(&self) -> Vec<String> {
        let mut keys: Vec<String> = self.opaque.values().flat_map(|(_, what)| what.variables.clone()).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// What is not understood and not free in a region.
    fn opaque_in(&self, region: &Region) -> Vec<(&str, &universe::Opaque)> {
        let bound = self.opaque.iter().filter(|(_, (dimension, _))| region.get(*dimension).is_some());
        bound.map(|(text, (_, what))| (text.as_str(), what)).collect()
    }

    /// A key in a region whose values are looked at in more than one way.
    fn mixed_in(&self, region: &Region) -> Option<&str> {
        let bound = |key: &universe::Key| (0..key.dimensions()).any(|at| region.get(key.dimension + at).is_some());
        self.keys.iter().find(|(_, key)| key.is_mixed() && bound(key)).map(|(name, _)| name.as_str())
    }
}
