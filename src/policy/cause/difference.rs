//! How one stack became another, as edits. In come two stacks; out comes their [`Difference`]: what stands on both sides,
//! what came and what went, down to the single value of a condition. It compares what is written and never what it means.

use std::{cell::RefCell, ops::Range};

use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    edit::{Change, Difference, DocumentSlot, Edit, LevelSlot, Number, Parts, Placed, Presence, Site, StatementSlot},
    likeness::{Features, Matching, of_document, of_statement, telling},
};
use crate::policy::{
    document::Statement,
    stack::{Level, Named, Stack},
};

mod inside;

/// How much alike two documents of different names must be to be one that changed.
const DOCUMENTS_ALIKE: f64 = 0.3;
/// How much alike two statements of different names must be to be one that changed.
const STATEMENTS_ALIKE: f64 = 0.3;

impl<'a> Difference<'a> {
    /// Finds the edits that make `new` of `old`.
    pub(super) fn between(old: &'a Stack, new: &'a Stack) -> Self {
        let mut writer = Writer { edits: Vec::new(), statements: 0 };
        let levels = writer.levels(old, new);
        Self { kind: new.kind, levels, edits: writer.edits, built: RefCell::default() }
    }
}

/// Writes the edits down while it goes through both sides.
struct Writer<'a> {
    edits: Vec<Edit<'a>>,
    /// How many statements were seen.
    statements: usize,
}

/// The documents of a level: of both sides, and which belong together.
struct Beside<'a> {
    old: &'a [Named],
    new: &'a [Named],
    pairs: Matching,
}

impl<'a> Writer<'a> {
    fn edit(&mut self, change: Change<'a>, site: Site<'a>) -> Number {
        self.edits.push(Edit { change, site });
        self.edits.len() - 1
    }

    fn levels(&mut self, old: &'a Stack, new: &'a Stack) -> Vec<LevelSlot<'a>> {
        let off =
            (new.levels.is_empty() && !old.levels.is_empty()).then(|| self.edit(Change::TypeOff, Site::default()));
        let pairs = levels_paired(&old.levels, &new.levels);
        let is_alone = old.levels.len() == 1 && new.levels.len() == 1;
        let mut beside: Vec<Option<Beside>> = pairs
            .iter()
            .map(|pair| match *pair {
                (Some(one), Some(two)) => {
                    Some(Beside::new(documents(&old.levels, one), documents(&new.levels, two), is_alone))
                }
                _ => None,
            })
            .collect();
        let mut moves = moved(&pairs, &beside);
        let mut slots = Vec::new();
        for (at, level) in pairs.into_iter().enumerate() {
            let site = Site { level, ..Site::default() };
            let one_sided = |presence: Presence, writer: &mut Self, named: &'a [Named]| {
                let documents = named.iter().map(|named| writer.document(Presence::Kept, named)).collect();
                LevelSlot { presence, documents }
            };
            slots.push(match (level, beside.get_mut(at).and_then(Option::take)) {
                ((Some(one), Some(_)), Some(beside)) => {
                    let documents = self.beside(&beside, site, one, &mut moves);
                    LevelSlot { presence: Presence::Kept, documents }
                }
                ((Some(one), _), _) => {
                    let edit = off.unwrap_or_else(|| self.edit(Change::LevelGone, site));
                    one_sided(Presence::Gone(edit), self, documents(&old.levels, one))
                }
                ((None, two), _) => {
                    let edit = self.edit(Change::LevelCome, site);
                    one_sided(Presence::Come(edit), self, two.map_or(&[], |two| documents(&new.levels, two)))
                }
            });
        }
        slots
    }

    /// The documents of a level that stands on both sides, those of the new side first and in its order.
    fn beside(
        &mut self,
        beside: &Beside<'a>,
        site: Site<'a>,
        level: usize,
        moves: &mut Moves,
    ) -> Vec<DocumentSlot<'a>> {
        let mut slots: Vec<Option<DocumentSlot>> = beside.new.iter().map(|_| None).collect();
        let mut gone = Vec::new();
        for (at, named) in beside.old.iter().enumerate() {
            let partner = beside.pairs.of_old.get(at).copied().flatten();
            let Some((place, new)) = partner.and_then(|place| Some((place, beside.new.get(place)?))) else {
                let site = Site { document: (Some(named), None), ..site };
                let edit = match moves.from.get(&(level, at)) {
                    Some((to, _)) => {
                        let site = Site { level: (site.level.0, Some(*to)), ..site };
                        let edit = self.edit(Change::Moved, site);
                        moves.edits.insert((level, at), edit);
                        edit
                    }
                    None => self.edit(Change::Detached, site),
                };
                gone.push(self.document(Presence::Gone(edit), named));
                continue;
            };
            let slot = self.changed(named, new, Site { document: (Some(named), Some(new)), ..site });
            if let Some(free) = slots.get_mut(place) {
                *free = Some(slot);
            }
        }
        for (place, named) in beside.new.iter().enumerate() {
            let Some(free @ None) = slots.get_mut(place) else { continue };
            let moved = site.level.1.and_then(|level| moves.to.get(&(level, place)));
            let presence = match moved {
                Some(from) => Presence::Come(self.arrived(*from, moves, site, named)),
                None => Presence::Come(self.edit(Change::Attached, Site { document: (None, Some(named)), ..site })),
            };
            *free = Some(self.document(presence, named));
        }
        slots.into_iter().flatten().chain(gone).collect()
    }

    /// The edit that moved a document here; it is written where the document is met first.
    fn arrived(&mut self, from: (usize, usize), moves: &mut Moves, site: Site<'a>, named: &'a Named) -> Number {
        if let Some(edit) = moves.edits.get(&from) {
            return *edit;
        }
        let site = Site { level: (Some(from.0), site.level.1), document: (Some(named), None), ..site };
        let edit = self.edit(Change::Moved, site);
        moves.edits.insert(from, edit);
        edit
    }

    /// A document that stands on one side only, or with its level.
    fn document(&mut self, presence: Presence, named: &'a Named) -> DocumentSlot<'a> {
        let statements = named.document.statements.iter().map(|said| self.statement(Presence::Kept, said, said));
        DocumentSlot {
            presence,
            name: &named.name,
            version: (named.document.version, named.document.version),
            versioned: None,
            statements: statements.collect(),
        }
    }

    fn statement(&mut self, presence: Presence, old: &'a Statement, new: &'a Statement) -> StatementSlot<'a> {
        self.statements += 1;
        StatementSlot { number: self.statements, presence, old, new, edits: 0..0, parts: Parts::default() }
    }

    /// A document that stands on both sides.
    fn changed(&mut self, old: &'a Named, new: &'a Named, site: Site<'a>) -> DocumentSlot<'a> {
        let version = (old.document.version, new.document.version);
        let versioned = (version.0 != version.1).then(|| self.edit(Change::Version, site));
        let (before, after) = (&old.document.statements, &new.document.statements);
        let pairs = statements_paired(before, after);
        let mut slots: Vec<Option<StatementSlot>> = after.iter().map(|_| None).collect();
        let mut gone = Vec::new();
        for (at, said) in before.iter().enumerate() {
            let partner = pairs.of_old.get(at).copied().flatten();
            let Some((place, now)) = partner.and_then(|place| Some((place, after.get(place)?))) else {
                let edit = self.edit(Change::StatementGone, Site { statement: (Some((at, said)), None), ..site });
                gone.push(self.statement(Presence::Gone(edit), said, said));
                continue;
            };
            let slot = self.altered((at, said), (place, now), site);
            if let Some(free) = slots.get_mut(place) {
                *free = Some(slot);
            }
        }
        for (place, said) in after.iter().enumerate() {
            let Some(free @ None) = slots.get_mut(place) else { continue };
            let edit = self.edit(Change::StatementCome, Site { statement: (None, Some((place, said))), ..site });
            *free = Some(self.statement(Presence::Come(edit), said, said));
        }
        let statements = slots.into_iter().flatten().chain(gone).collect();
        DocumentSlot { presence: Presence::Kept, name: &new.name, version, versioned, statements }
    }

    /// A statement that stands on both sides.
    fn altered(&mut self, old: Placed<'a>, new: Placed<'a>, site: Site<'a>) -> StatementSlot<'a> {
        let site = Site { statement: (Some(old), Some(new)), ..site };
        let first = self.edits.len();
        let parts = if alike(old.1, new.1) { Parts::default() } else { self.parts(old.1, new.1, site) };
        let edits: Range<Number> = first..self.edits.len();
        StatementSlot { edits, parts, ..self.statement(Presence::Kept, old.1, new.1) }
    }
}

fn documents(levels: &[Level], at: usize) -> &[Named] {
    levels.get(at).map_or(&[], |level| &level.documents)
}

/// Levels that belong together: those at the root and at the account that stay as they are, and between them one by one
/// from the root.
fn levels_paired(old: &[Level], new: &[Level]) -> Vec<(Option<usize>, Option<usize>)> {
    let shorter = old.len().min(new.len());
    let first = old.iter().zip(new).take_while(|(one, two)| one == two).count();
    let ends = old.iter().rev().zip(new.iter().rev()).take_while(|(one, two)| one == two).count();
    let last = if old.len() == new.len() { 0 } else { ends.min(shorter - first) };
    let between = (old.len() - first - last).max(new.len() - first - last);
    let start = (0..first).map(|at| (Some(at), Some(at)));
    let inside = move |at: usize, length: usize| (at < length - last).then_some(at);
    let middle = (first..first + between).map(|at| (inside(at, old.len()), inside(at, new.len())));
    let end = (0..last).map(|at| (Some(old.len() - last + at), Some(new.len() - last + at)));
    start.chain(middle).chain(end).collect()
}

impl<'a> Beside<'a> {
    fn new(old: &'a [Named], new: &'a [Named], is_alone: bool) -> Self {
        let mut pairs = Matching::new(old.len(), new.len());
        let whole = |side: &'a [Named]| {
            move |at: usize| side.get(at).map(|named| (named.name.as_str(), text(&named.document.statements)))
        };
        // Equal in name and content first, so that of two copies the right one is gone.
        pairs.by_key(whole(old), whole(new));
        let content = |side: &'a [Named]| move |at: usize| side.get(at).map(|named| text(&named.document.statements));
        pairs.by_key(content(old), content(new));
        let name = |side: &'a [Named]| move |at: usize| side.get(at).and_then(|named| named.name.rsplit('/').next());
        pairs.by_key(name(old), name(new));
        if let ([one], [two], true) = (pairs.old_left().as_slice(), pairs.new_left().as_slice(), is_alone) {
            // Two documents that somebody put side by side.
            pairs.pair(*one, *two);
        }
        let features =
            |side: &[Named]| -> Vec<Features> { side.iter().map(|one| of_document(&one.document)).collect() };
        if !pairs.old_left().is_empty() && !pairs.new_left().is_empty() {
            pairs.by_likeness(&features(old), &features(new), DOCUMENTS_ALIKE);
        }
        Self { old, new, pairs }
    }
}

/// What statements say, as something that can be compared and is the same on both sides.
fn text(statements: &[Statement]) -> Vec<Features> {
    statements.iter().map(of_statement).collect()
}

/// Documents that left one level and stand on another.
#[derive(Default)]
struct Moves {
    /// By level and place before: level and place after.
    from: FxHashMap<(usize, usize), (usize, usize)>,
    /// By level and place after: level and place before.
    to: FxHashMap<(usize, usize), (usize, usize)>,
    edits: FxHashMap<(usize, usize), Number>,
}

fn moved(pairs: &[(Option<usize>, Option<usize>)], beside: &[Option<Beside>]) -> Moves {
    let mut moves = Moves::default();
    let both = || pairs.iter().zip(beside).filter_map(|(pair, beside)| Some((pair.0?, pair.1?, beside.as_ref()?)));
    let mut arrived: Vec<(usize, usize, &Named)> = Vec::new();
    for (_, level, beside) in both() {
        let left = beside.pairs.new_left().into_iter();
        arrived.extend(left.filter_map(|at| Some((level, at, beside.new.get(at)?))));
    }
    let mut taken = FxHashSet::default();
    for (level, _, beside) in both() {
        for at in beside.pairs.old_left() {
            let Some(named) = beside.old.get(at) else { continue };
            let same = |(index, (_, _, other)): &(usize, &(usize, usize, &Named))| {
                !taken.contains(index) && is_same(named, other)
            };
            if let Some((index, (to, place, _))) = arrived.iter().enumerate().find(same) {
                taken.insert(index);
                moves.from.insert((level, at), (*to, *place));
                moves.to.insert((*to, *place), (level, at));
            }
        }
    }
    moves
}

fn is_same(one: &Named, two: &Named) -> bool {
    let (one, two) = (&one.document, &two.document);
    one.version == two.version
        && one.statements.len() == two.statements.len()
        && one.statements.iter().zip(&two.statements).all(|(one, two)| alike(one, two))
}

/// Whether two statements say the same; where they stand and what they are called does not count.
fn alike(one: &Statement, two: &Statement) -> bool {
    let same_key = |one: &crate::policy::document::Condition, two: &crate::policy::document::Condition| {
        (one.quantifier, &one.operator, one.if_exists, &one.key, &one.values)
            == (two.quantifier, &two.operator, two.if_exists, &two.key, &two.values)
    };
    one.effect == two.effect
        && one.actions == two.actions
        && one.resources == two.resources
        && one.principals == two.principals
        && one.conditions.len() == two.conditions.len()
        && one.conditions.iter().zip(&two.conditions).all(|(one, two)| same_key(one, two))
}

fn statements_paired(old: &[Statement], new: &[Statement]) -> Matching {
    let mut pairs = Matching::new(old.len(), new.len());
    let [before, after] = [old, new].map(text);
    fn sid(side: &[Statement], at: usize) -> Option<&str> {
        side.get(at).and_then(|said| said.sid.as_deref()).filter(|sid| !sid.is_empty())
    }
    pairs.by_key(|at| Some((sid(old, at), before.get(at)?)), |at| Some((sid(new, at), after.get(at)?)));
    pairs.by_key(|at| before.get(at), |at| after.get(at));
    pairs.by_key(|at| sid(old, at), |at| sid(new, at));
    if !pairs.old_left().is_empty() && !pairs.new_left().is_empty() {
        let [before, after] = [old, new].map(|side| side.iter().map(telling).collect::<Vec<Features>>());
        pairs.by_likeness(&before, &after, STATEMENTS_ALIKE);
    }
    if let ([at], [place]) = (pairs.old_left().as_slice(), pairs.new_left().as_slice())
        && let (Some(one), Some(two)) = (old.get(*at), new.get(*place))
        && (one.effect, &one.resources, &one.principals) == (two.effect, &two.resources, &two.principals)
        && one.conditions == two.conditions
    {
        // Only the actions are others.
        pairs.pair(*at, *place);
    }
    pairs
}
