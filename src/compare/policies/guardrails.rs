//! What differences of policies, and of where accounts hang, come to: whether they let anybody do more.
//!
//! In: every difference of one comparison, and the organisation. Out: the same differences with their direction, requests
//! that show it, and the accounts it is true of. Each difference is put, alone, on top of what the baseline declares; where
//! none lets more through by itself and all together do, the smallest set that does is told. It never calls a difference
//! harmless whose documents could not be read.
//!
//! An account has two guardrails, judged apart: what its principals may do, and what may be done to its resources. They do
//! not bind the management account:
//! <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html>

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::Value;

use super::attachments::targets_of;
use super::type_name;
use crate::baseline::model::{OuPath, PolicyRule};
use crate::compare::drift::{Aspect, Direction, Drift};
use crate::compare::rule::Rule;
use crate::compare::sides::{Live, read};
use crate::estate::{Observation, Policy};
use crate::policy::comparison::Witness;
use crate::policy::decide::{self, Decision, Engine, Options, Verdict};
use crate::policy::document::{Document, Kind};
use crate::policy::parse::parse;
use crate::policy::stack::{Level, Named, Stack};

/// The types that are guardrails, as the provider writes them.
const TYPES: [(&str, Kind); 2] = [("SERVICE_CONTROL_POLICY", Kind::Scp), ("RESOURCE_CONTROL_POLICY", Kind::Rcp)];

/// Says of each difference that bears on a guardrail whether it weakened it.
pub(in crate::compare) fn judge(live: &Live<'_>, drifts: &mut [Drift]) {
    for (policy_type, kind) in TYPES {
        let bearing: Vec<usize> = (0..drifts.len()).filter(|at| bears(drifts.get(*at), policy_type)).collect();
        if !bearing.iter().any(|at| drifts.get(*at).is_some_and(may_change)) {
            continue;
        }
        let judged = match World::new(live, policy_type, kind) {
            Ok(mut world) => world.judge(drifts, &bearing),
            Err(why) => bearing.iter().map(|at| (*at, Judged::unknown(why.clone()))).collect(),
        };
        for (at, judged) in judged {
            if let Some(drift) = drifts.get_mut(at) {
                judged.onto(drift, kind);
            }
        }
    }
}

/// Whether a difference is about policies of a type, or about where something hangs.
fn bears(drift: Option<&Drift>, policy_type: &str) -> bool {
    let Some(drift) = drift else { return false };
    match drift.rule {
        Rule::LinkAccountMoved | Rule::LinkOuMoved => true,
        Rule::PolicyMissing
        | Rule::PolicyUnexpected
        | Rule::PolicyChanged
        | Rule::PolicyDetached
        | Rule::PolicyAttached
        | Rule::PolicyTypeDisabled => drift.event_subject.get("type").is_some_and(|named| named == policy_type),
        _ => false,
    }
}

fn may_change(drift: &Drift) -> bool {
    drift.direction != Direction::Equivalent
}

/// What was found of one difference.
#[derive(Default)]
struct Judged {
    weaker: BTreeSet<String>,
    stricter: BTreeSet<String>,
    unknown: Option<String>,
    witnesses: Vec<Witness>,
    stopped: Vec<Witness>,
    together_with: Vec<String>,
}

impl Judged {
    fn unknown(why: String) -> Self {
        Self { unknown: Some(why), ..Self::default() }
    }

    fn direction(&self) -> Direction {
        match (self.weaker.is_empty(), self.stricter.is_empty(), &self.unknown) {
            (false, false, _) => Direction::Mixed,
            (false, true, _) => Direction::Weaker,
            (true, _, Some(_)) => Direction::Unknown,
            (true, false, None) => Direction::Stricter,
            (true, true, None) => Direction::Equivalent,
        }
    }

    /// Puts it on the difference. Two guardrails may be judged for one difference, such as a moved account.
    fn onto(self, drift: &mut Drift, kind: Kind) {
        let direction = self.direction();
        let before = drift.guardrail.take();
        let direction = match (&before, drift.direction) {
            (Some(_), before) => both(before, direction),
            // A type that is off is weaker whatever its policies said.
            (None, before) if drift.rule == Rule::PolicyTypeDisabled => both(before, direction),
            (None, _) => direction,
        };
        drift.direction = direction;
        let mut guardrail = before.unwrap_or_default();
        guardrail.kinds.push(kind.word().to_owned());
        guardrail.witnesses.extend(self.witnesses);
        guardrail.stopped.extend(self.stopped);
        guardrail.accounts.extend(self.weaker.into_iter().chain(self.stricter));
        guardrail.reason = guardrail.reason.or(self.unknown);
        guardrail.together_with.extend(self.together_with);
        drift.guardrail = Some(guardrail);
        drift.rule = match (drift.rule, direction) {
            (Rule::LinkAccountMoved | Rule::LinkOuMoved | Rule::PolicyTypeDisabled, _) | (_, Direction::Equivalent) => {
                drift.rule
            }
            (_, Direction::Weaker | Direction::Mixed) => Rule::PolicyWeakened,
            (_, Direction::Stricter) => Rule::PolicyTightened,
            (_, Direction::Unknown) => Rule::PolicyUndecided,
        };
    }
}

fn both(one: Direction, other: Direction) -> Direction {
    match (one, other) {
        (Direction::Mixed, _) | (_, Direction::Mixed) => Direction::Mixed,
        (Direction::Weaker, Direction::Stricter) | (Direction::Stricter, Direction::Weaker) => Direction::Mixed,
        (Direction::Weaker, _) | (_, Direction::Weaker) => Direction::Weaker,
        (Direction::Unknown, _) | (_, Direction::Unknown) => Direction::Unknown,
        (Direction::Stricter, _) | (_, Direction::Stricter) => Direction::Stricter,
        (Direction::Equivalent, Direction::Equivalent) => Direction::Equivalent,
    }
}

/// What hangs where, and what it says.
#[derive(Clone, Debug, Default)]
struct State<'a> {
    /// By account or unit: what it hangs on.
    parent: BTreeMap<&'a str, &'a str>,
    /// By root, unit or account: the policies attached to it.
    attached: BTreeMap<String, BTreeSet<String>>,
    /// By policy: which text it has.
    text: BTreeMap<String, usize>,
}

/// A stack by the texts of its levels.
type Key = Vec<Vec<usize>>;

struct World<'a> {
    live: &'a Live<'a>,
    policy_type: &'a str,
    kind: Kind,
    /// Every text of either side, or why it cannot be read.
    texts: Vec<Result<Arc<Document>, String>>,
    names: Vec<String>,
    state: State<'a>,
    accounts: Vec<&'a str>,
    engine: Option<Engine>,
    decided: HashMap<(Key, Key), Decision>,
}

impl<'a> World<'a> {
    fn new(live: &'a Live<'a>, policy_type: &'a str, kind: Kind) -> Result<Self, String> {
        let organization = live.organization;
        let unread = |what: &str| format!("{what} of the organisation were not read");
        let units = read(&organization.units).ok_or_else(|| unread("the units"))?;
        let members = read(&organization.accounts).ok_or_else(|| unread("the accounts"))?;
        let mut world = Self {
            live,
            policy_type,
            kind,
            texts: Vec::new(),
            names: Vec::new(),
            state: State::default(),
            accounts: Vec::new(),
            engine: None,
            decided: HashMap::new(),
        };
        let bound =
            members.iter().filter(|account| account.id != organization.management_account && account.state != "CLOSED");
        world.accounts = bound.map(|account| account.id.as_str()).collect();
        world.state.parent = members.iter().map(|account| (account.id.as_str(), account.parent.as_str())).collect();
        world.state.parent.extend(units.iter().map(|unit| (unit.id.as_str(), unit.parent.as_str())));
        if world.is_off() {
            // With the type off nothing is taken away anywhere.
            let text = world.text("FullAWSAccess", Ok(Document::full_access()));
            world.attach_everywhere(OFF, text);
            return Ok(world);
        }
        let policies = organization.policies.get(policy_type).and_then(read).ok_or_else(|| unread("the policies"))?;
        policies.iter().try_for_each(|policy| world.add(policy))?;
        Ok(world)
    }

    /// Whether the type is known to be off.
    fn is_off(&self) -> bool {
        let types = self.live.organization.policy_types.known();
        types.is_some_and(|types| types.get(self.policy_type).is_none_or(|status| status != "ENABLED"))
    }

    fn add(&mut self, policy: &Policy) -> Result<(), String> {
        let targets =
            read(&policy.targets).ok_or_else(|| format!("what `{}` is attached to was not read", policy.name))?;
        let document = match &policy.document {
            Observation::Known(text) => parsed(&policy.name, text),
            Observation::Absent => Err(format!("`{}` has no document", policy.name)),
            Observation::Unknown(gap) => Err(format!("the document of `{}` was not read: {}", policy.name, gap.reason)),
        };
        let text = self.text(&policy.name, document);
        self.state.text.insert(policy.id.clone(), text);
        for target in targets {
            self.state.attached.entry(target.id.clone()).or_default().insert(policy.id.clone());
        }
        Ok(())
    }

    fn text(&mut self, name: &str, document: Result<Document, String>) -> usize {
        self.texts.push(document.map(Arc::new));
        self.names.push(name.to_owned());
        self.texts.len() - 1
    }

    fn attach_everywhere(&mut self, policy: &str, text: usize) {
        self.state.text.insert(policy.to_owned(), text);
        let root = self.live.organization.root.known().map(String::as_str);
        let nodes: Vec<String> = self.state.parent.keys().copied().chain(root).map(ToOwned::to_owned).collect();
        for node in nodes {
            self.state.attached.entry(node).or_default().insert(policy.to_owned());
        }
    }

    /// Judges each difference alone; then, where none explains the whole, the smallest set that does.
    fn judge(&mut self, drifts: &[Drift], bearing: &[usize]) -> Vec<(usize, Judged)> {
        let (mut judged, mut changes) = (Vec::new(), Vec::new());
        for (at, drift) in bearing.iter().filter_map(|at| Some((*at, drifts.get(*at)?))) {
            match self.undo(drift) {
                Ok(undo) => {
                    changes.push(Change { at, name: drift.subject.name.clone(), undo, judged: Judged::default() })
                }
                Err(why) => judged.push((at, Judged::unknown(why))),
            }
        }
        self.engine = self.engine();
        let every: BTreeSet<usize> = (0..changes.len()).collect();
        let declared = self.keys(&self.without(&changes, &every));
        for one in 0..changes.len() {
            let others = every.iter().copied().filter(|other| *other != one).collect();
            let with_it = self.keys(&self.without(&changes, &others));
            let found = self.between(&declared, &with_it);
            if let Some(change) = changes.get_mut(one) {
                change.judged = found;
            }
        }
        // Some accounts may be weaker by several differences only, none of which does it alone.
        let now = self.keys(&self.state);
        let mut left = self.between(&declared, &now).weaker;
        for change in &changes {
            left.retain(|account| !change.judged.weaker.contains(account));
        }
        while let Some(some) = left.first().cloned() {
            let declared = declared.iter().filter(|(account, _)| left.contains(**account));
            let told = self.together(&mut changes, &declared.map(|(account, key)| (*account, key.clone())).collect());
            left.retain(|account| *account != some && !told.contains(account));
        }
        judged.extend(changes.into_iter().map(|change| (change.at, change.judged)));
        judged
    }

    /// The smallest set of differences that weaken some of these accounts together; tells which accounts.
    fn together(&mut self, changes: &mut [Change], declared: &BTreeMap<&'a str, Key>) -> BTreeSet<String> {
        // What is undone stays undone as long as the rest weakens without it.
        let mut undone = BTreeSet::new();
        for one in 0..changes.len() {
            undone.insert(one);
            let rest = self.keys(&self.without(changes, &undone));
            if self.between(declared, &rest).weaker.is_empty() {
                undone.remove(&one);
            }
        }
        let rest = self.keys(&self.without(changes, &undone));
        let found = self.between(declared, &rest);
        let set: Vec<usize> = (0..changes.len()).filter(|one| !undone.contains(one)).collect();
        let names: Vec<String> = changes.iter().map(|change| change.name.clone()).collect();
        for one in &set {
            let others = set.iter().filter(|other| *other != one).filter_map(|other| names.get(*other).cloned());
            if let Some(Change { judged, .. }) = changes.get_mut(*one) {
                judged.weaker.extend(found.weaker.iter().cloned());
                judged.together_with.extend(others);
                if judged.witnesses.is_empty() {
                    judged.witnesses.clone_from(&found.witnesses);
                }
            }
        }
        found.weaker
    }

    /// What of two states is weaker and stricter, account by account; each pair of stacks is decided once.
    fn between(&mut self, old: &BTreeMap<&'a str, Key>, new: &BTreeMap<&'a str, Key>) -> Judged {
        let mut judged = Judged::default();
        for (account, before) in old {
            let Some(after) = new.get(account).filter(|after| *after != before) else { continue };
            let pair = (before.clone(), after.clone());
            let decision = match self.decided.get(&pair) {
                Some(decision) => decision.clone(),
                None => {
                    let decision = self.decide(before, after);
                    self.decided.insert(pair, decision.clone());
                    decision
                }
            };
            let shown = |requests: Vec<_>| {
                requests.into_iter().map(|request| Witness { guardrail: self.kind.word().to_owned(), request })
            };
            if decision.verdict() == Verdict::Unknown {
                judged.unknown = judged.unknown.or(decision.reason());
            }
            if let decide::Direction::Some(requests) = decision.weaker {
                judged.weaker.insert((*account).to_owned());
                if judged.witnesses.is_empty() {
                    judged.witnesses.extend(shown(requests));
                }
            }
            if let decide::Direction::Some(requests) = decision.stricter {
                judged.stricter.insert((*account).to_owned());
                if judged.stopped.is_empty() {
                    judged.stopped.extend(shown(requests));
                }
            }
        }
        judged
    }

    fn decide(&self, old: &Key, new: &Key) -> Decision {
        let unknown = |why: String| Decision {
            weaker: decide::Direction::Unknown(why.clone()),
            stricter: decide::Direction::Unknown(why),
        };
        match (self.stack(old), self.stack(new), &self.engine) {
            (Ok(old), Ok(new), Some(engine)) => engine.decide(&old, &new),
            (Err(why), _, _) | (_, Err(why), _) => unknown(why),
            (_, _, None) => unknown("the documents together are too complex".to_owned()),
        }
    }

    fn stack(&self, key: &Key) -> Result<Stack, String> {
        let named = |text: &usize| match (self.texts.get(*text), self.names.get(*text)) {
            (Some(Ok(document)), Some(name)) => Ok(Named { name: name.clone(), document: Arc::clone(document) }),
            (Some(Err(why)), _) => Err(why.clone()),
            _ => Err("a document was lost".to_owned()),
        };
        let level =
            |texts: &Vec<usize>| Ok(Level { documents: texts.iter().map(named).collect::<Result<_, String>>()? });
        Ok(Stack { kind: self.kind, levels: key.iter().map(level).collect::<Result<_, String>>()? })
    }

    /// One universe for all texts, so that each is sorted into classes once.
    fn engine(&self) -> Option<Engine> {
        let documents =
            self.texts.iter().zip(&self.names).filter_map(|(text, name)| {
                Some(Named { name: name.clone(), document: Arc::clone(text.as_ref().ok()?) })
            });
        let all = Stack { kind: self.kind, levels: vec![Level { documents: documents.collect() }] };
        Engine::new([&all], &Options::default()).ok()
    }

    /// By account: the texts of its levels, from the root down.
    fn keys(&self, state: &State<'a>) -> BTreeMap<&'a str, Key> {
        self.accounts.iter().map(|account| (*account, state.key(account))).collect()
    }

    /// The state in which some differences were undone.
    fn without(&self, changes: &[Change], undone: &BTreeSet<usize>) -> State<'a> {
        let mut state = self.state.clone();
        undone.iter().filter_map(|one| changes.get(*one)).for_each(|change| change.undo.apply(self, &mut state));
        state
    }

    /// How a difference is undone; or why that cannot be told.
    fn undo(&mut self, drift: &Drift) -> Result<Undo, String> {
        let named = |key: &str| {
            let lost = || format!("the difference does not name its {key}");
            drift.event_subject.get(key).cloned().ok_or_else(lost)
        };
        match (drift.rule, drift.aspect) {
            (Rule::PolicyChanged, Aspect::Content) => {
                let name = format!("{} as declared", drift.subject.name);
                let text = self.text(&name, parsed(&name, &drift.expected.to_string()));
                Ok(Undo::Text { policy: named("policy")?, text })
            }
            (Rule::PolicyDetached, _) => Ok(Undo::Attach(vec![(named("policy")?, named("target")?)])),
            (Rule::PolicyAttached, _) => Ok(Undo::Detach { policy: named("policy")?, target: Some(named("target")?) }),
            (Rule::PolicyUnexpected, _) => Ok(Undo::Detach { policy: named("policy")?, target: None }),
            (Rule::PolicyMissing, _) => {
                let index = self.declared().find(|(_, rule)| means(rule, drift)).map(|(index, _)| index);
                self.declare(index.ok_or("the declared policy was not found")?).map(Undo::Attach)
            }
            (Rule::PolicyTypeDisabled, _) => {
                let indices: Vec<usize> = self.declared().map(|(index, _)| index).collect();
                let pairs: Vec<_> = indices.into_iter().map(|index| self.declare(index)).collect::<Result<_, _>>()?;
                Ok(Undo::SwitchOn(pairs.concat()))
            }
            _ => {
                let path = drift.expected.as_str().and_then(|path| OuPath::parse(path).ok());
                let home = path.and_then(|path| self.live.tree.find(&path).known().map(|id| (*id).to_owned()));
                let home = home.ok_or_else(|| format!("the unit `{}` is not there to compare with", drift.expected))?;
                Ok(Undo::Move { what: drift.subject.id.clone(), home })
            }
        }
    }

    fn declared(&self) -> impl Iterator<Item = (usize, &'a PolicyRule)> + use<'a> {
        let name = type_name(self.policy_type);
        let policies = self.live.sides.aws.policies.iter().flatten().enumerate();
        policies.filter(move |(_, rule)| rule.policy_type == name && !rule.is_family())
    }

    /// Puts a declared policy among the texts, and tells where it should be attached.
    fn declare(&mut self, index: usize) -> Result<Vec<(String, String)>, String> {
        let rule =
            self.live.sides.aws.policies.iter().flatten().nth(index).ok_or("the declared policy was not found")?;
        let unsaid = || format!("the baseline does not say where `{}` is attached", rule.name);
        let targets = targets_of(self.live, rule.targets.as_ref().ok_or_else(unsaid)?);
        let policy = format!("declared/{index}");
        let document = match self.live.sides.baseline.policy_document(index) {
            Some(document) => parsed(&rule.name, &document.value.to_string()),
            None if rule.aws_managed => Ok(Document::full_access()),
            None => Err(format!("the baseline does not say what `{}` says", rule.name)),
        };
        let text = self.text(&rule.name, document);
        self.state.text.insert(policy.clone(), text);
        Ok(targets.into_iter().map(|target| (policy.clone(), target.to_owned())).collect())
    }
}

/// The policy that stands for "the type is off".
const OFF: &str = "the type is off";

/// One difference that bears on a guardrail.
struct Change {
    /// Its place among all differences.
    at: usize,
    name: String,
    undo: Undo,
    judged: Judged,
}

/// How one difference is taken back.
#[derive(Debug)]
enum Undo {
    Text { policy: String, text: usize },
    Attach(Vec<(String, String)>),
    Detach { policy: String, target: Option<String> },
    SwitchOn(Vec<(String, String)>),
    Move { what: String, home: String },
}

impl Undo {
    fn apply<'a>(&self, world: &World<'a>, state: &mut State<'a>) {
        let attach = |state: &mut State<'a>, pairs: &[(String, String)]| {
            for (policy, target) in pairs {
                state.attached.entry(target.clone()).or_default().insert(policy.clone());
            }
        };
        match self {
            Self::Text { policy, text } => {
                state.text.insert(policy.clone(), *text);
            }
            Self::Attach(pairs) => attach(state, pairs),
            Self::Detach { policy, target } => {
                let of = |node: &String| target.as_ref().is_none_or(|target| target == node);
                state.attached.iter_mut().filter(|(node, _)| of(node)).for_each(|(_, policies)| {
                    policies.remove(policy);
                });
            }
            Self::SwitchOn(pairs) => {
                state.attached.values_mut().for_each(|policies| {
                    policies.remove(OFF);
                });
                attach(state, pairs);
            }
            Self::Move { what, home } => {
                let known =
                    world.state.parent.keys().copied().chain(world.live.organization.root.known().map(String::as_str));
                let place = known.into_iter().find(|id| *id == home.as_str());
                let moved = world.state.parent.keys().copied().find(|id| *id == what.as_str());
                if let (Some(place), Some(moved)) = (place, moved) {
                    state.parent.insert(moved, place);
                }
            }
        }
    }
}

impl State<'_> {
    fn key(&self, account: &str) -> Key {
        let (mut levels, mut node) = (Vec::new(), Some(account));
        while let Some(here) = node {
            let policies = self.attached.get(here).into_iter().flatten();
            let mut texts: Vec<usize> = policies.filter_map(|policy| self.text.get(policy).copied()).collect();
            texts.sort_unstable();
            texts.dedup();
            levels.push(texts);
            // A tree is no deeper than AWS's five units; a circle in it is none.
            node = if levels.len() > 16 { None } else { self.parent.get(here).copied() };
        }
        levels.reverse();
        levels
    }
}

fn means(rule: &PolicyRule, drift: &Drift) -> bool {
    match &rule.id {
        Some(id) => *id == drift.subject.id,
        None => drift.subject.id == format!("{}/{}", rule.policy_type, rule.name),
    }
}

fn parsed(name: &str, text: &str) -> Result<Document, String> {
    parse(name, text).map_err(|mistakes| {
        let first = mistakes.records().into_iter().next().map(|record| record.message).unwrap_or_default();
        format!("the document of `{name}` cannot be read: {first}")
    })
}

/// The difference in the text that a judged one was found by.
#[must_use]
pub fn by_text(rule: Rule, aspect: Aspect, expected: &Value, actual: &Value) -> Rule {
    match (rule, aspect) {
        (Rule::PolicyWeakened | Rule::PolicyTightened | Rule::PolicyUndecided, aspect) => match aspect {
            Aspect::Content => Rule::PolicyChanged,
            Aspect::Attachment if actual.is_null() => Rule::PolicyDetached,
            Aspect::Attachment => Rule::PolicyAttached,
            _ if actual.is_null() => Rule::PolicyMissing,
            _ if expected.is_null() => Rule::PolicyUnexpected,
            _ => rule,
        },
        _ => rule,
    }
}
