//! Why a change lets more through. In come two stacks of which the second is weaker; out come the edits that make it so,
//! each with its kind, a plain sentence and its place. Never decides by looks: an edit is a cause when the old stack with
//! nothing but it lets something through that the old one stops and the new one does not stop either. Where none is alone,
//! the smallest set of edits that together do is looked for, and it is said when that was given up.

mod category;
mod difference;
mod edit;
mod likeness;
mod search;
mod sentence;
#[cfg(test)]
mod tests;
mod words;

use rustc_hash::FxHashMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use category::{Category, allows_everything};
use edit::{Change, Difference, Edit, Element, Number};

use super::{decide::Options, document::Effect, stack::Stack};
use crate::baseline::{Position, diagnostic::Span};

/// An edit, or several of one kind in one place, that let something through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cause {
    /// The kind of weakening.
    pub category: Category,
    /// What it does, as a sentence without a stop.
    pub sentence: String,
    /// Which of the guardrails it weakens: `scp`, `rcp`, `identity` or `resource`.
    pub guardrail: String,
    /// The document; none where a whole level or type is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    /// The statement by its name, else its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement: Option<String>,
    /// Where the statement stands, on the new side; one that is gone, on the old side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// Causes with the same number only let something through together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub together: Option<usize>,
}

/// A stretch of one of the two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Of the old side.
    Old(Span),
    /// Of the new side.
    New(Span),
}

/// Everything that was found.
#[derive(Clone, Debug, Default)]
pub struct Causes {
    /// The causes with their places: what lets most through first.
    pub list: Vec<(Cause, Option<Place>)>,
    /// Why the causes may be more than they must be, or a cause may be missing.
    pub incomplete: Option<String>,
}

/// How many levels a side may have: an account of AWS has seven at most, and each edit is tried on all of them.
const LEVELS: usize = 100;

/// Looks for the edits that weaken, where `new` is weaker: those that let through what `new` lets through and `old` does not.
#[must_use]
pub fn find(old: &Stack, new: &Stack, options: &Options) -> Causes {
    let levels = old.levels.len().max(new.levels.len());
    if levels > LEVELS {
        let why = format!("no cause was looked for: {levels} levels, more than {LEVELS}");
        return Causes { list: Vec::new(), incomplete: Some(why) };
    }
    let difference = Difference::between(old, new);
    if difference.edits.is_empty() {
        return Causes::default();
    }
    let found = search::weakening(&difference, options);
    let mut together = 0;
    let mut causes: Vec<(usize, Number, Told)> = Vec::new();
    let mut by_group: FxHashMap<Group, usize> = FxHashMap::default();
    for (at, set) in found.sets.iter().enumerate() {
        let number = (set.is_least && set.edits.len() > 1).then(|| {
            together += 1;
            together
        });
        let reach = found.reaches.get(at).copied().unwrap_or(0);
        for edit in &set.edits {
            let Some(known) = difference.edits.get(*edit) else { continue };
            let category = category::of(known, difference.came_beside(known));
            let group = Group::of(known, category, number);
            let place = *by_group.entry(group).or_insert_with(|| {
                causes.push((0, *edit, Told { category, together: number, edits: Vec::new() }));
                causes.len() - 1
            });
            if let Some((most, first, told)) = causes.get_mut(place) {
                // Each set alone; what they let through together may be less than the sum, which is good enough to rank.
                *most = most.saturating_add(reach);
                *first = (*first).min(*edit);
                told.edits.push(known);
            }
        }
    }
    causes.sort_by_key(|(most, first, told)| (std::cmp::Reverse(*most), told.together, *first));
    let list = causes.into_iter().filter_map(|(_, _, told)| told.cause(&difference)).collect();
    Causes { list, incomplete: found.incomplete }
}

/// Edits that are told in one sentence.
struct Told<'d, 'a> {
    category: Category,
    together: Option<usize>,
    edits: Vec<&'d Edit<'a>>,
}

/// What edits must share to be told together.
#[derive(PartialEq, Eq, Hash)]
struct Group {
    category: Category,
    together: Option<usize>,
    document: Option<(usize, usize)>,
    statement: Option<(usize, usize)>,
    change: Shape,
}

#[derive(PartialEq, Eq, Hash)]
enum Shape {
    Item(Element, bool, bool),
    Value(usize, bool),
    /// Told alone.
    Own(usize),
}

impl Group {
    fn of(edit: &Edit, category: Category, together: Option<usize>) -> Self {
        let change = match &edit.change {
            // Every action is told by itself: the others in the list say nothing beside it.
            Change::Item { item, .. } if item == "*" => Shape::Own(std::ptr::from_ref(edit).addr()),
            Change::Item { element, negated, added, .. } => Shape::Item(*element, *negated, *added),
            Change::Value { condition, added, .. } => Shape::Value(std::ptr::from_ref(*condition).addr(), *added),
            _ => Shape::Own(std::ptr::from_ref(edit).addr()),
        };
        let address = |named: Option<&super::stack::Named>| named.map_or(0, |named| std::ptr::from_ref(named).addr());
        let place = |said: Option<edit::Placed>| said.map_or(usize::MAX, |(at, _)| at);
        Self {
            category,
            together,
            document: Some((address(edit.site.document.0), address(edit.site.document.1))),
            statement: Some((place(edit.site.statement.0), place(edit.site.statement.1))),
            change,
        }
    }
}

impl Told<'_, '_> {
    fn cause(self, difference: &Difference) -> Option<(Cause, Option<Place>)> {
        let first = *self.edits.first()?;
        let items: Vec<&str> = self
            .edits
            .iter()
            .filter_map(|edit| match &edit.change {
                Change::Item { item, .. } => Some(item.as_str()),
                Change::Value { value, .. } => Some(*value),
                _ => None,
            })
            .collect();
        let site = &first.site;
        let now = if matches!(first.change, Change::StatementGone) { site.statement.0 } else { site.statement.1 };
        let place =
            now.map(|(_, said)| if site.statement.1.is_some() { Place::New(said.span) } else { Place::Old(said.span) });
        let cause = Cause {
            category: self.category,
            sentence: sentence::of(first, &items, self.category, difference.kind),
            guardrail: difference.kind.word().to_owned(),
            document: site.document.1.or(site.document.0).map(|named| named.name.clone()),
            statement: now.map(|(at, said)| said.name(at)),
            position: None,
            together: self.together,
        };
        Some((cause, place))
    }
}

impl Difference<'_> {
    /// Whether a document came to the level of an edit.
    fn came_beside(&self, edit: &Edit) -> bool {
        matches!(edit.change, Change::Detached)
            && self.edits.iter().any(|other| {
                matches!(other.change, Change::Attached)
                    && other.site.level.1 == edit.site.level.1
                    // What only allows everything replaces no ban.
                    && other.site.document.1.is_some_and(|named| {
                        named.document.statements.iter().any(|said| said.effect == Effect::Deny)
                    })
            })
    }
}
