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

use serde_json::Value;

use super::attachments::targets_of;
use super::type_name;
use crate::baseline::model::{OuPath, PolicyRule};
use crate::compare::drift::{Aspect, Direction, Drift};
use crate::compare::rule::Rule;
use crate::compare::sides::Live;
use crate::policy::comparison::Witness;
use crate::policy::decide::{self, Decision, Engine, Verdict};
use crate::policy::document::{Document, Kind};
use crate::policy::organization::{Arrangement, Key, TYPES, Texts, arranged, bound, parsed};

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

struct World<'a> {
    live: &'a Live<'a>,
    policy_type: &'a str,
    kind: Kind,
    /// Every document of either side.
    texts: Texts,
    /// What hangs where now.
    now: Arrangement,
    accounts: Vec<&'a str>,
    engine: Option<Engine>,
    decided: HashMap<(Key, Key), Decision>,
}

impl<'a> World<'a> {
    fn new(live: &'a Live<'a>, policy_type: &'a str, kind: Kind) -> Result<Self, String> {
        let (texts, now) = arranged(live.organization, policy_type, kind)?;
        let accounts = bound(live.organization)?;
        Ok(Self { live, policy_type, kind, texts, now, accounts, engine: None, decided: HashMap::new() })
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
        self.engine = self.texts.engine();
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
        let now = self.keys(&self.now);
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
        match (self.texts.stack(old), self.texts.stack(new), &self.engine) {
            (Ok(old), Ok(new), Some(engine)) => engine.decide(&old, &new),
            (Err(why), _, _) | (_, Err(why), _) => unknown(why),
            (_, _, None) => unknown("the documents together are too complex".to_owned()),
        }
    }

    /// By account: the texts of its levels, from the root down.
    fn keys(&self, arrangement: &Arrangement) -> BTreeMap<&'a str, Key> {
        self.accounts.iter().map(|account| (*account, arrangement.key(account))).collect()
    }

    /// The state in which some differences were undone.
    fn without(&self, changes: &[Change], undone: &BTreeSet<usize>) -> Arrangement {
        let mut arrangement = self.now.clone();
        undone.iter().filter_map(|one| changes.get(*one)).for_each(|change| change.undo.apply(&mut arrangement));
        arrangement
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
                let text = self.texts.add(&name, parsed(&name, &drift.expected.to_string()));
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
        let text = self.texts.add(&rule.name, document);
        self.now.says(&policy, text);
        Ok(targets.into_iter().map(|target| (policy.clone(), target.to_owned())).collect())
    }
}

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
    fn apply(&self, arrangement: &mut Arrangement) {
        match self {
            Self::Text { policy, text } => arrangement.says(policy, *text),
            Self::Attach(pairs) => pairs.iter().for_each(|(policy, target)| arrangement.attach(policy, target)),
            Self::Detach { policy, target } => arrangement.detach(policy, target.as_deref()),
            Self::SwitchOn(pairs) => {
                arrangement.switch_on();
                pairs.iter().for_each(|(policy, target)| arrangement.attach(policy, target));
            }
            Self::Move { what, home } => arrangement.hang(what, home),
        }
    }
}

fn means(rule: &PolicyRule, drift: &Drift) -> bool {
    match &rule.id {
        Some(id) => *id == drift.subject.id,
        None => drift.subject.id == format!("{}/{}", rule.policy_type, rule.name),
    }
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
