//! Every account of an organisation with its guardrail of one kind, as declared and as it is. In: differences, each with the
//! edits that take it back. Out: what each comes to. Each distinct pair of stacks is decided once, and of one difference only
//! the accounts beneath what it touches are looked at; what was not looked at for its size is said.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::{FxHashMap, FxHashSet};

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

/// An account with its paths, declared and now.
type Bound = (Node, (Path, Path));

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

    /// Judges each difference alone; then, where none explains the whole, the smallest set that does.
    pub(super) fn judge(&mut self, drifts: &[Drift]) -> Vec<(usize, Judged)> {
        let now = self.ground.now();
        self.effort.paths += now.len();
        // Accounts that are weaker, or may be, and by no difference alone.
        let mut unexplained: BTreeMap<Node, (Path, Path)> = BTreeMap::new();
        for (account, path) in &now {
            let Some(declared) = self.declared.path(*account) else { continue };
            if !matches!(self.decision(declared, *path).weaker, decide::Direction::None) {
                unexplained.insert(*account, (declared, *path));
            }
        }
        for one in 0..self.changes.len() {
            self.alone(one, &now, &mut unexplained);
        }
        self.explain(unexplained);
        self.tell(drifts);
        let lost = std::mem::take(&mut self.lost).into_iter().map(|(at, why)| (at, Judged::unknown(why)));
        let told = std::mem::take(&mut self.changes).into_iter().map(|change| (change.at, change.judged));
        lost.chain(told).collect()
    }

    /// Judges one difference on top of what is declared.
    fn alone(&mut self, one: usize, now: &BTreeMap<Node, Path>, unexplained: &mut BTreeMap<Node, (Path, Path)>) {
        let Some(touched) = self.changes.get(one).map(|change| change.touched.clone()) else { return };
        let alone = self.ground.alone(one, &touched, &self.declared);
        self.effort.paths += alone.len();
        for (account, before, after) in alone {
            let (Some(now), false) = (now.get(&account), before == after) else { continue };
            let weaker = self.weaker(before, after, *now);
            let stricter = self.stricter(before, after, *now);
            if !matches!(weaker, decide::Direction::None) {
                unexplained.remove(&account);
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

    /// Looks for the differences that weaken accounts together, of which none does it alone.
    fn explain(&mut self, unexplained: BTreeMap<Node, (Path, Path)>) {
        // Accounts with the same stacks, which the same differences bear on, are one question.
        let mut groups: BTreeMap<(Bind, Bind, Vec<usize>), Vec<Bound>> = BTreeMap::new();
        for (account, paths) in unexplained {
            let Some(binds) = self.ground.bind(paths.0).zip(self.ground.bind(paths.1)) else { continue };
            let bearing: Vec<usize> = self.ground.bearing(account).into_iter().collect();
            groups.entry((binds.0, binds.1, bearing)).or_default().push((account, paths));
        }
        for ((old, now, bearing), accounts) in groups {
            let found = match self.decide(old, now).weaker {
                decide::Direction::None => continue,
                decide::Direction::Unknown(why) => Err(format!("of all differences together: {why}")),
                decide::Direction::Some(_) => self.together(&accounts, &bearing),
            };
            match found {
                Ok(set) => self.note_together(&set, &accounts),
                Err(why) => {
                    for one in bearing {
                        if let Some(Change { judged, .. }) = self.changes.get_mut(one) {
                            judged.unknown = judged.unknown.take().or_else(|| Some(why.clone()));
                        }
                    }
                }
            }
        }
    }

    /// The smallest set of differences that weaken an account together; or why it was not looked for.
    fn together(&mut self, accounts: &[Bound], bearing: &[usize]) -> Result<Vec<usize>, String> {
        let Some((account, (declared, now))) = accounts.first().copied() else { return Ok(Vec::new()) };
        let name = self.ground.name(account).to_owned();
        if bearing.len() > TOLD_APART {
            let count = bearing.len();
            return Err(format!(
                "{name} is weaker by {count} differences together, and which of them it needs was not looked for: they are \
                 more than {TOLD_APART}"
            ));
        }
        // What is undone stays undone as long as the rest weakens without it.
        let mut undone: FxHashSet<usize> = FxHashSet::default();
        for one in bearing {
            if self.tries >= TRIES {
                return Err(format!(
                    "{name} is weaker by several differences together, and which of them it needs was not looked for: \
                     more than {TRIES} sets were tried"
                ));
            }
            self.tries += 1;
            undone.insert(*one);
            let rest = self.ground.path(account, &|other| undone.contains(&other));
            self.effort.paths += 1;
            if !matches!(self.weaker(declared, rest, now), decide::Direction::Some(_)) {
                undone.remove(one);
            }
        }
        Ok(bearing.iter().copied().filter(|one| !undone.contains(one)).collect())
    }

    fn note_together(&mut self, set: &[usize], accounts: &[Bound]) {
        let names: BTreeMap<usize, String> =
            set.iter().filter_map(|one| Some((*one, self.changes.get(*one)?.name.clone()))).collect();
        for one in set {
            for (account, paths) in accounts {
                let weaker = self.decision(paths.0, paths.1).weaker;
                self.note(*one, *account, *paths, weaker, decide::Direction::None);
            }
            if let Some(Change { judged, .. }) = self.changes.get_mut(*one) {
                let others = names.iter().filter(|(other, _)| *other != one).map(|(_, name)| name.clone());
                judged.together_with.extend(others);
            }
        }
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
