//! Every account of an organisation with its guardrail of one kind, as declared and as it is. In: differences, each with the
//! edits that take it back. Out: what each comes to. Each distinct pair of stacks is decided once, and of one difference only
//! the accounts beneath what it touches are looked at; what was not looked at for its size is said.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;

use super::undo::Undoing;
use super::{Effort, Judged, told};
use crate::compare::drift::Drift;
use crate::compare::sides::Live;
use crate::policy::comparison::Witness;
use crate::policy::decide::{self, Decision, Engine, Options};
use crate::policy::document::{Document, Kind};
use crate::policy::organization::ground::{Bind, Declared, Edit, Ground, Node, Path};
use crate::policy::organization::{Texts, arranged, bound};

/// How many pairs of stacks are decided, besides those of the accounts as they are, to tell which differences weaken together.
pub(super) const TRIES: usize = 2_000;

/// How many differences that bear on one account are told apart.
const TOLD_APART: usize = 64;

pub(super) struct World<'a> {
    pub(super) live: &'a Live<'a>,
    pub(super) kind: Kind,
    pub(super) undoing: Undoing<'a>,
    pub(super) ground: Ground,
    declared: Declared,
    pub(super) changes: Vec<Change>,
    /// Differences that cannot be taken back, and why.
    lost: Vec<(usize, String)>,
    /// By account: the unit it hangs on.
    unit: FxHashMap<&'a str, &'a str>,
    engine: Option<Engine>,
    decided: FxHashMap<(Bind, Bind), Decision>,
    /// Pairs that were decided to tell which differences weaken together.
    pub(super) tries: usize,
    pub(super) effort: Effort,
}

/// One difference that bears on a guardrail.
pub(super) struct Change {
    /// Its place among all differences.
    pub(super) at: usize,
    name: String,
    edits: Vec<Edit>,
    pub(super) touched: Vec<Node>,
    judged: Judged,
    /// The pairs of stacks that it makes a difference to.
    seen: BTreeSet<(Bind, Bind)>,
    /// By pair of stacks, declared and with this difference: a pair of paths, and the accounts that are weaker by it.
    pub(super) pairs: BTreeMap<(Bind, Bind), Weaker>,
}

/// An account that is weaker, or may be, and what of it is not explained yet.
struct Open {
    account: Node,
    declared: Path,
    now: Path,
    /// The differences that weaken it alone, or may.
    weaken: Vec<usize>,
    /// The others that are stricter alone, or may be.
    tighten: Vec<usize>,
    /// The differences that bear on it and are not taken as undone.
    rest: Vec<usize>,
}

/// What makes accounts one question: the same stacks, as declared, now, and with the same rest of the differences.
type Question = (Option<Bind>, Option<Bind>, Option<Bind>, Vec<usize>);

/// Accounts with the same pair of stacks.
pub(super) struct Weaker {
    pub(super) paths: (Path, Path),
    pub(super) accounts: usize,
    pub(super) requests: Vec<Witness>,
}

impl<'a> World<'a> {
    pub(super) fn new(
        live: &'a Live<'a>,
        policy_type: &'a str,
        kind: Kind,
        drifts: &[Drift],
        bearing: &[usize],
    ) -> Result<Self, String> {
        let (mut texts, arrangement) = arranged(live.organization, policy_type, kind)?;
        let members = bound(live.organization)?;
        let free = texts.add("FullAWSAccess", Ok(Document::full_access()));
        let mut ground = Ground::new(&arrangement, free, &members);
        let mut undoing = Undoing::new(live, policy_type, texts);
        let (mut changes, mut lost) = (Vec::new(), Vec::new());
        for (at, drift) in bearing.iter().filter_map(|at| Some((*at, drifts.get(*at)?))) {
            match undoing.edits(drift) {
                Ok(edits) => {
                    edits.iter().for_each(|edit| ground.note(changes.len(), edit));
                    changes.push(Change {
                        at,
                        name: drift.subject.name.clone(),
                        edits,
                        touched: Vec::new(),
                        judged: Judged::default(),
                        seen: BTreeSet::new(),
                        pairs: BTreeMap::new(),
                    });
                }
                Err(why) => lost.push((at, why)),
            }
        }
        undoing.needed().for_each(|declared| ground.says(&declared.policy, declared.text));
        let declared = ground.declared();
        for change in &mut changes {
            change.touched = ground.touched(&declared, &change.edits);
        }
        let accounts = live.organization.accounts.known().into_iter().flatten();
        let unit = accounts.map(|account| (account.id.as_str(), account.unit.as_str())).collect();
        let engine = undoing.texts.engine();
        let (decided, effort) = (FxHashMap::default(), Effort::default());
        Ok(Self { live, kind, undoing, ground, declared, changes, lost, unit, engine, decided, tries: 0, effort })
    }

    /// Judges each difference alone; then, for what is weaker without these, the smallest sets that explain it.
    pub(super) fn judge(&mut self, drifts: &[Drift]) -> Vec<(usize, Judged)> {
        let now = self.ground.now();
        self.effort.paths += now.len();
        let mut open: BTreeMap<Node, Open> = BTreeMap::new();
        for (account, path) in &now {
            let (account, now) = (*account, *path);
            let Some(declared) = self.declared.path(account) else { continue };
            if !matches!(self.decision(declared, now).weaker, decide::Direction::None) {
                let (weaken, tighten, rest) = (Vec::new(), Vec::new(), Vec::new());
                open.insert(account, Open { account, declared, now, weaken, tighten, rest });
            }
        }
        for one in 0..self.changes.len() {
            self.alone(one, &now, &mut open);
        }
        self.explain(open.into_values());
        self.tell(drifts);
        let lost = std::mem::take(&mut self.lost).into_iter().map(|(at, why)| (at, Judged::unknown(why)));
        let told = std::mem::take(&mut self.changes).into_iter().map(|change| (change.at, change.judged));
        lost.chain(told).collect()
    }

    /// Judges one difference on top of what is declared.
    fn alone(&mut self, one: usize, now: &BTreeMap<Node, Path>, open: &mut BTreeMap<Node, Open>) {
        let Some(touched) = self.changes.get(one).map(|change| change.touched.clone()) else { return };
        let alone = self.ground.alone(one, &touched, &self.declared);
        self.effort.paths += alone.len();
        for (account, before, after) in alone {
            let (Some(now), false) = (now.get(&account), before == after) else { continue };
            let weaker = self.weaker(before, after, *now);
            let stricter = self.stricter(before, after, *now);
            if let Some(open) = open.get_mut(&account) {
                if !matches!(weaker, decide::Direction::None) {
                    open.weaken.push(one);
                } else if !matches!(self.decision(before, after).stricter, decide::Direction::None) {
                    open.tighten.push(one);
                }
            }
            self.note(one, account, (before, after), weaker, stricter);
        }
    }

    /// What a state lets through that is not declared, and that is let through now.
    fn weaker(&mut self, declared: Path, state: Path, now: Path) -> decide::Direction {
        if matches!(self.decision(declared, now).weaker, decide::Direction::None)
            || matches!(self.decision(declared, state).weaker, decide::Direction::None)
        {
            return decide::Direction::None;
        }
        let (Some(old), Some(state), Some(now)) =
            (self.ground.bind(declared), self.ground.bind(state), self.ground.bind(now))
        else {
            return decide::Direction::Unknown("a path was lost".to_owned());
        };
        let both = self.ground.both(state, now);
        self.decide(old, both).weaker
    }

    /// What a state stops that is declared to get through, and does not now.
    fn stricter(&mut self, declared: Path, state: Path, now: Path) -> decide::Direction {
        match self.decision(declared, now).stricter {
            decide::Direction::None => decide::Direction::None,
            _ => self.decision(declared, state).stricter,
        }
    }

    /// Takes down what one difference does to one account.
    fn note(
        &mut self,
        one: usize,
        account: Node,
        paths: (Path, Path),
        weaker: decide::Direction,
        stricter: decide::Direction,
    ) {
        let name = self.ground.name(account).to_owned();
        let binds = self.ground.bind(paths.0).zip(self.ground.bind(paths.1));
        let unit = self.unit.get(name.as_str()).map(|unit| (*unit).to_owned());
        let word = self.kind.word();
        let witnesses = |requests: Vec<_>| {
            requests.into_iter().map(|request| Witness { guardrail: word.to_owned(), request }).collect::<Vec<_>>()
        };
        let Some(Change { judged, seen, pairs, .. }) = self.changes.get_mut(one) else { return };
        if !matches!((&weaker, &stricter), (decide::Direction::None, decide::Direction::None)) {
            judged.units.extend(unit);
            seen.extend(binds);
        }
        match weaker {
            decide::Direction::None => {}
            decide::Direction::Unknown(why) => judged.unknown = judged.unknown.take().or(Some(why)),
            decide::Direction::Some(requests) => {
                judged.weaker.insert(name.clone());
                if let Some(binds) = binds {
                    let same = pairs.entry(binds).or_insert(Weaker { paths, accounts: 0, requests: Vec::new() });
                    same.accounts += 1;
                    if same.requests.is_empty() {
                        same.requests = witnesses(requests);
                    }
                }
            }
        }
        match stricter {
            decide::Direction::None => {}
            decide::Direction::Unknown(why) => {
                let why = format!("whether it is stricter cannot be told: {why}");
                judged.unknown = judged.unknown.take().or(Some(why));
            }
            decide::Direction::Some(requests) => {
                judged.stricter.insert(name);
                if judged.stopped.is_empty() {
                    judged.stopped = witnesses(requests);
                }
            }
        }
    }

    /// Looks for the differences that weaken accounts together, of which none does it alone. What was told to weaken an
    /// account is taken as undone there, alone or as a set, and the rest is looked at again until nothing weaker is left: a
    /// difference never hides what others do.
    fn explain(&mut self, open: impl Iterator<Item = Open>) {
        let mut left: Vec<Open> = Vec::new();
        for mut open in open {
            let told = |one: &usize| open.weaken.binary_search(one).is_ok();
            if open.weaken.len() < self.changes.len() {
                open.rest = self.ground.bearing(open.account).into_iter().filter(|one| !told(one)).collect();
            }
            left.push(open);
        }
        while !left.is_empty() {
            // Accounts with the same stacks, which the same differences bear on, are one question.
            let mut questions: BTreeMap<Question, Vec<Open>> = BTreeMap::new();
            for open in std::mem::take(&mut left) {
                if let Some((question, open)) = self.question(open) {
                    questions.entry(question).or_default().push(open);
                }
            }
            for accounts in questions.into_values() {
                left.extend(self.answer(accounts));
            }
        }
    }

    /// The path of an account with no difference but some, which are in order.
    fn with(&mut self, account: Node, these: &[usize]) -> Path {
        self.effort.paths += 1;
        self.ground.path(account, &|other| these.binary_search(&other).is_err())
    }

    /// What is still to be explained of an account, if anything is.
    fn question(&mut self, mut open: Open) -> Option<(Question, Open)> {
        while !open.rest.is_empty() {
            let state = self.with(open.account, &open.rest);
            if !matches!(self.weaker(open.declared, state, open.now), decide::Direction::None) {
                let [old, now, state] = [open.declared, open.now, state].map(|path| self.ground.bind(path));
                return Some(((old, now, state, open.rest.clone()), open));
            }
            // What is stricter alone may stop here what gets through now, by a difference that is taken as undone: once more
            // without it.
            let tighten = std::mem::take(&mut open.tighten);
            if tighten.is_empty() {
                return None;
            }
            open.rest.retain(|one| !tighten.contains(one));
        }
        None
    }

    /// Explains something that weakens accounts which are one question; what may be left of them comes back.
    fn answer(&mut self, accounts: Vec<Open>) -> Vec<Open> {
        let Some(first) = accounts.first() else { return Vec::new() };
        let state = self.with(first.account, &first.rest);
        let found = match self.weaker(first.declared, state, first.now) {
            decide::Direction::None => return Vec::new(),
            decide::Direction::Unknown(why) if first.weaken.is_empty() => {
                Err(format!("of all differences together: {why}"))
            }
            decide::Direction::Unknown(why) => Err(format!("of this and other differences together: {why}")),
            decide::Direction::Some(_) => self.together(first),
        };
        match found {
            Ok(set) => self.note_together(&set, accounts),
            Err(why) => {
                for one in &first.rest {
                    if let Some(Change { judged, .. }) = self.changes.get_mut(*one) {
                        judged.unknown = judged.unknown.take().or_else(|| Some(why.clone()));
                    }
                }
                Vec::new()
            }
        }
    }

    /// The smallest set of the rest that weakens an account together; or why it was not looked for.
    fn together(&mut self, open: &Open) -> Result<Vec<usize>, String> {
        let name = self.ground.name(open.account).to_owned();
        if open.rest.len() > TOLD_APART {
            let count = open.rest.len();
            return Err(format!(
                "{name} is weaker by {count} differences together, and which of them it needs was not looked for: they are \
                 more than {TOLD_APART}"
            ));
        }
        // What is undone stays undone as long as the rest weakens without it.
        let mut needed = open.rest.clone();
        for one in &open.rest {
            if self.tries >= TRIES {
                return Err(format!(
                    "{name} is weaker by several differences together, and which of them it needs was not looked for: \
                     more than {TRIES} sets were tried"
                ));
            }
            self.tries += 1;
            let fewer: Vec<usize> = needed.iter().copied().filter(|other| other != one).collect();
            let state = self.with(open.account, &fewer);
            if matches!(self.weaker(open.declared, state, open.now), decide::Direction::Some(_)) {
                needed = fewer;
            }
        }
        if needed.is_empty() {
            return Err(format!("{name} is weaker, and by which differences was not found"));
        }
        Ok(needed)
    }

    /// Takes down what a set does to accounts, and takes it as undone there.
    fn note_together(&mut self, set: &[usize], mut accounts: Vec<Open>) -> Vec<Open> {
        let names: BTreeMap<usize, String> =
            set.iter().filter_map(|one| Some((*one, self.changes.get(*one)?.name.clone()))).collect();
        for (place, open) in accounts.iter_mut().enumerate() {
            let state = self.with(open.account, set);
            let weaker = self.weaker(open.declared, state, open.now);
            // The set was found for the first; another whom it does not weaken is asked about again, by itself.
            if place > 0 && matches!(weaker, decide::Direction::None) {
                continue;
            }
            for one in set {
                self.note(*one, open.account, (open.declared, state), weaker.clone(), decide::Direction::None);
            }
            open.rest.retain(|one| !set.contains(one));
        }
        for one in set {
            if let Some(Change { judged, .. }) = self.changes.get_mut(*one) {
                let others = names.iter().filter(|(other, _)| *other != one).map(|(_, name)| name.clone());
                judged.together_with.extend(others);
            }
        }
        accounts
    }

    /// Says of each difference how much it lets through, why, and where it begins to bind.
    fn tell(&mut self, drifts: &[Drift]) {
        let mut telling = told::Telling::new(self, drifts);
        for one in 0..self.changes.len() {
            let told = telling.tell(self, one, drifts);
            let Some(Change { judged, seen, .. }) = self.changes.get_mut(one) else { continue };
            judged.reach = told.reach;
            judged.stacks = seen.len();
            judged.witnesses = told.witnesses;
            judged.extent = told.extent;
            judged.causes = told.causes;
            judged.causes_incomplete = told.causes_incomplete;
        }
    }

    fn decision(&mut self, old: Path, new: Path) -> Decision {
        match (self.ground.bind(old), self.ground.bind(new)) {
            (Some(old), Some(new)) => self.decide(old, new),
            _ => unknown("a path was lost".to_owned()),
        }
    }

    /// Decides a pair of stacks; each once.
    fn decide(&mut self, old: Bind, new: Bind) -> Decision {
        if old == new {
            return Decision { weaker: decide::Direction::None, stricter: decide::Direction::None };
        }
        if let Some(decision) = self.decided.get(&(old, new)) {
            return decision.clone();
        }
        self.effort.decisions += 1;
        let stacks = (self.stack(old), self.stack(new));
        let decision = match (stacks, &self.engine) {
            ((Ok(old), Ok(new)), Some(engine)) => engine.decide(&old, &new),
            // All documents at once may be too much for one universe where two stacks are not.
            ((Ok(old), Ok(new)), None) => decide::decide(&old, &new, &Options::default()),
            ((Err(why), _) | (_, Err(why)), _) => unknown(why),
        };
        self.decided.insert((old, new), decision.clone());
        decision
    }

    fn stack(&self, bind: Bind) -> Result<crate::policy::stack::Stack, String> {
        self.texts().stack(&self.ground.levels(bind))
    }

    pub(super) fn texts(&self) -> &Texts {
        &self.undoing.texts
    }

    /// How much a pair of stacks lets through.
    pub(super) fn extent(&self, (old, new): (Bind, Bind)) -> Option<decide::Extent> {
        let (old, new) = (self.stack(old).ok()?, self.stack(new).ok()?);
        match &self.engine {
            Some(engine) => Some(engine.extent(&old, &new)),
            None => Some(Engine::new([&old, &new], &Options::default()).ok()?.extent(&old, &new)),
        }
    }

    /// Whether a difference weakens any account, or stops anything in any.
    pub(super) fn binds(&self, one: usize) -> bool {
        self.changes.get(one).is_some_and(|change| {
            let judged = &change.judged;
            !(judged.weaker.is_empty() && judged.stricter.is_empty() && judged.unknown.is_none())
        })
    }

    /// Whether a difference weakens only together with others.
    pub(super) fn needs_others(&self, one: usize) -> bool {
        self.changes.get(one).is_some_and(|change| !change.judged.together_with.is_empty())
    }
}

fn unknown(why: String) -> Decision {
    Decision { weaker: decide::Direction::Unknown(why.clone()), stricter: decide::Direction::Unknown(why) }
}
