//! What is told of a difference that was judged. In: a world in which every difference was judged. Out: how much each lets
//! through where that is most, why, and where it begins to bind. It changes no verdict; where a limit of effort was passed,
//! what it tells says so.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::world::{Weaker, World};
use crate::compare::drift::{Drift, Reach};
use crate::compare::policies::attachments::{is_account, name};
use crate::compare::rule::Rule;
use crate::compare::sides::read;
use crate::policy::cause::{self, Category, Cause, allows_everything};
use crate::policy::comparison::Witness;
use crate::policy::decide::{Extent, Options};
use crate::policy::document::Effect;
use crate::policy::organization::ground::Bind;

/// Of how many pairs of stacks the extent is looked at for one difference: those of the most accounts.
const PAIRS: usize = 8;
/// Of how many in all.
const EXTENTS: usize = 200;
/// How many changed documents are looked through for the edits that weaken.
const CAUSES: usize = 40;
/// How many places are named in a sentence.
const NAMED: usize = 3;

/// What is told of one difference.
#[derive(Default)]
pub(super) struct Told {
    pub(super) reach: Option<Reach>,
    pub(super) witnesses: Vec<Witness>,
    pub(super) extent: Option<Extent>,
    pub(super) causes: Vec<Cause>,
    pub(super) causes_incomplete: Option<String>,
}

/// Tells of differences, one after the other.
pub(super) struct Telling {
    extents: FxHashMap<(Bind, Bind), Option<Extent>>,
    /// How many documents were looked through.
    sought: usize,
    /// By place: the policies with a ban that came there.
    came: BTreeMap<String, Vec<String>>,
}

impl Telling {
    pub(super) fn new(world: &World<'_>, drifts: &[Drift]) -> Self {
        let mut came: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for drift in world.changes.iter().filter_map(|change| drifts.get(change.at)) {
            for (target, policy) in world.undoing.came(drift) {
                let document = world.ground.text_of(policy).and_then(|text| world.undoing.texts.document(text));
                if document.is_some_and(|said| said.statements.iter().any(|one| one.effect == Effect::Deny)) {
                    came.entry(target).or_default().push(policy.to_owned());
                }
            }
        }
        Self { extents: FxHashMap::default(), sought: 0, came }
    }

    /// What is told of one difference.
    pub(super) fn tell(&mut self, world: &World<'_>, one: usize, drifts: &[Drift]) -> Told {
        let Some((change, drift)) = world.changes.get(one).and_then(|change| Some((change, drifts.get(change.at)?)))
        else {
            return Told::default();
        };
        let mut told = Told { reach: world.binds(one).then(|| reach(world, one)).flatten(), ..Told::default() };
        let mut pairs: Vec<(&(Bind, Bind), &Weaker)> = change.pairs.iter().collect();
        pairs.sort_by_key(|(binds, weaker)| (Reverse(weaker.accounts), **binds));
        let mut most: Option<(Option<Extent>, &Weaker)> = None;
        for (place, (binds, weaker)) in pairs.iter().enumerate() {
            let extent = if place < PAIRS { self.extent(world, **binds) } else { None };
            if most.as_ref().is_none_or(|(before, _)| is_more(extent.as_ref(), before.as_ref())) {
                most = Some((extent, weaker));
            }
        }
        let Some((extent, weaker)) = most else { return told };
        told.extent = extent.map(|extent| Extent { complete: extent.complete && pairs.len() <= PAIRS, ..extent });
        told.witnesses.clone_from(&weaker.requests);
        match drift.rule {
            Rule::PolicyChanged => self.edits(world, one, drift, weaker, &mut told),
            _ => told.causes.extend(self.whole(world, one, drift)),
        }
        told
    }

    fn extent(&mut self, world: &World<'_>, pair: (Bind, Bind)) -> Option<Extent> {
        if let Some(known) = self.extents.get(&pair) {
            return known.clone();
        }
        if self.extents.len() >= EXTENTS {
            return None;
        }
        let extent = world.extent(pair);
        self.extents.insert(pair, extent.clone());
        extent
    }

    /// The edits of a document that weaken.
    fn edits(&mut self, world: &World<'_>, one: usize, drift: &Drift, weaker: &Weaker, told: &mut Told) {
        if self.sought >= CAUSES {
            let why = format!("no edit was looked for: more than {CAUSES} documents let something more through");
            told.causes_incomplete = Some(why);
            return;
        }
        self.sought += 1;
        let stack = |path| world.texts().stack(&world.ground.key(path));
        let (Ok(old), Ok(new)) = (stack(weaker.paths.0), stack(weaker.paths.1)) else { return };
        let found = cause::find(&old, &new, &Options::default());
        told.causes_incomplete = found.incomplete;
        // What only weakens with others stands in a stack in which those others changed too.
        let is_own = |cause: &Cause| {
            !world.needs_others(one) || cause.document.as_ref().is_none_or(|named| *named == drift.subject.name)
        };
        told.causes.extend(found.list.into_iter().map(|(cause, _)| cause).filter(is_own));
    }

    /// The cause where something came, went or moved as a whole.
    fn whole(&self, world: &World<'_>, one: usize, drift: &Drift) -> Option<Cause> {
        let policy = drift.event_subject.get("policy").map(|id| policy_name(world, id));
        let policy = policy.unwrap_or_else(|| drift.subject.name.clone());
        let touched = world.changes.get(one).map(|change| change.touched.as_slice()).unwrap_or_default();
        let targets: Vec<&str> = touched.iter().map(|node| world.ground.name(*node)).collect();
        let places = places(world, &targets);
        let (expected, actual) = (shown(drift.expected.as_str()), shown(drift.actual.as_str()));
        let named = &drift.subject.name;
        let (category, sentence) = match drift.rule {
            Rule::PolicyDetached | Rule::PolicyMissing => {
                let came = targets.iter().filter_map(|target| self.came.get(*target)).flatten().next();
                match (came, drift.rule) {
                    (Some(other), _) => {
                        let other = policy_name(world, other);
                        (Category::PolicyReplacedByWeaker, format!("{policy} made way for {other} at {places}"))
                    }
                    (None, Rule::PolicyMissing) => {
                        (Category::PolicyDeleted, format!("{policy} does not exist, and binds nobody below {places}"))
                    }
                    (None, _) => (Category::PolicyDetached, format!("{policy} is not attached to {places} any more")),
                }
            }
            Rule::PolicyAttached | Rule::PolicyUnexpected => {
                let text = drift.event_subject.get("policy").and_then(|policy| world.ground.text_of(policy));
                let document = text.and_then(|text| world.texts().document(text));
                if document.is_some_and(allows_everything) {
                    let said = format!("{policy}, which allows everything, is attached to {places}");
                    (Category::FullaccessReattached, said)
                } else {
                    (Category::PolicyAttached, format!("{policy} is attached to {places} and allows more there"))
                }
            }
            Rule::PolicyTypeDisabled => {
                (Category::PolicyTypeDisabled, format!("no {} binds any account: the type is off", world.kind))
            }
            Rule::LinkAccountMoved => (
                Category::AccountMoved,
                format!("account {named} hangs on {actual} instead of {expected}, where less is allowed"),
            ),
            Rule::LinkOuMoved => (
                Category::OuMoved,
                format!("unit {named} hangs on {actual} instead of {expected}, where less is allowed"),
            ),
            Rule::LinkAccountMissing => (
                Category::AccountLeftOrganisation,
                format!("account {named} is no member any more, and no policy of the organisation binds it"),
            ),
            _ => return None,
        };
        let is_policy = drift.event_subject.contains_key("policy");
        Some(Cause {
            category,
            sentence,
            guardrail: world.kind.word().to_owned(),
            document: is_policy.then_some(policy),
            statement: None,
            position: None,
            together: None,
        })
    }
}

fn shown(value: Option<&str>) -> &str {
    value.unwrap_or("another place")
}

/// How far down a difference begins to bind.
fn reach(world: &World<'_>, one: usize) -> Option<Reach> {
    let of = |id: &str| {
        if is_account(id) {
            Reach::Account
        } else if world.live.organization.root.known().is_some_and(|root| root == id) {
            Reach::Root
        } else {
            Reach::Unit
        }
    };
    world.changes.get(one)?.touched.iter().map(|node| of(world.ground.name(*node))).max()
}

fn policy_name(world: &World<'_>, id: &str) -> String {
    let policies = world.live.organization.policies.values().filter_map(read).flatten();
    policies.into_iter().find(|policy| policy.id == id).map_or(id, |policy| policy.name.as_str()).to_owned()
}

/// `/Work, payments and 3 more places`; the root and units first.
fn places(world: &World<'_>, targets: &[&str]) -> String {
    let mut targets = targets.to_vec();
    targets.sort_by_key(|target| is_account(target));
    let named: Vec<&str> = targets.iter().take(NAMED).map(|target| name(world.live, target)).collect();
    let named = named.join(", ");
    match targets.len().checked_sub(NAMED) {
        None | Some(0) => named,
        Some(1) => format!("{named} and one more place"),
        Some(more) => format!("{named} and {more} more places"),
    }
}

/// The one of two extents that lets more through; an unknown one says nothing.
pub(super) fn more(one: Option<Extent>, other: Option<Extent>) -> Option<Extent> {
    if is_more(other.as_ref(), one.as_ref()) { other } else { one }
}

/// Whether one extent is more than another: by the highest access level in it, then by how many actions there are.
fn is_more(one: Option<&Extent>, other: Option<&Extent>) -> bool {
    let size = |extent: Option<&Extent>| extent.map(|extent| (extent.highest(), extent.actions));
    size(one) > size(other)
}
