//! What differs inside one statement. In come the statement before and after; out come the edits from the one to the other
//! and the slots they act on.

use std::hash::Hash;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    super::edit::{Change, ConditionSlot, Element, ListSlot, Number, Parts, Presence, Site},
    Matching, Writer,
};
use crate::policy::document::{Clause, Condition, Operator, PrincipalClause, PrincipalName, Statement};

/// `Action`, `Resource`, `Principal` and their `Not…`, alike.
trait List {
    type Item: Clone + Eq + Hash;

    fn negated(&self) -> bool;
    fn items(&self) -> &[Self::Item];
    /// What is compared: actions have no case.
    fn key(item: &Self::Item, element: Element) -> Self::Item;
    fn shown(item: &Self::Item) -> String;
}

impl List for Clause {
    type Item = String;

    fn negated(&self) -> bool {
        self.negated
    }

    fn items(&self) -> &[String] {
        &self.patterns
    }

    fn key(item: &String, element: Element) -> String {
        if element == Element::Action { item.to_lowercase() } else { item.clone() }
    }

    fn shown(item: &String) -> String {
        item.clone()
    }
}

impl List for PrincipalClause {
    type Item = PrincipalName;

    fn negated(&self) -> bool {
        self.negated
    }

    fn items(&self) -> &[PrincipalName] {
        &self.principals
    }

    fn key(item: &PrincipalName, _: Element) -> PrincipalName {
        item.clone()
    }

    fn shown(item: &PrincipalName) -> String {
        item.name.clone()
    }
}

impl<'a> Writer<'a> {
    pub(super) fn parts(&mut self, old: &'a Statement, new: &'a Statement, site: Site<'a>) -> Parts<'a> {
        Parts {
            effect: (old.effect != new.effect).then(|| self.edit(Change::Effect, site)),
            actions: self.lists(Element::Action, &old.actions, &new.actions, site),
            resources: self.lists(Element::Resource, &old.resources, &new.resources, site),
            principals: self.lists(Element::Principal, &old.principals, &new.principals, site),
            conditions: self.conditions(&old.conditions, &new.conditions, site),
        }
    }

    fn lists<C: List>(
        &mut self,
        element: Element,
        old: &'a [C],
        new: &'a [C],
        site: Site<'a>,
    ) -> Vec<ListSlot<C::Item>> {
        let mut pairs = Matching::new(old.len(), new.len());
        pairs.by_key(|at| old.get(at).map(List::negated), |at| new.get(at).map(List::negated));
        let whole = |presence: Presence, clause: &C| {
            let items = clause.items().iter().map(|item| (Presence::Kept, item.clone())).collect();
            ListSlot { presence, negated: clause.negated(), items }
        };
        // A form for another, an element that is gone and one that is new are one edit each.
        let (gone, come) = (pairs.old_left(), pairs.new_left());
        let differs = !gone.is_empty() || !come.is_empty();
        let edit = differs.then(|| self.edit(Change::Element(element), site));
        let mut slots = Vec::new();
        for (at, clause) in new.iter().enumerate() {
            let partner = pairs.of_new.get(at).copied().flatten().and_then(|at| old.get(at));
            slots.push(match (partner, edit) {
                (Some(before), _) => self.list(element, before, clause, site),
                (None, Some(edit)) => whole(Presence::Come(edit), clause),
                (None, None) => whole(Presence::Kept, clause),
            });
        }
        if let Some(edit) = edit {
            slots.extend(gone.into_iter().filter_map(|at| old.get(at)).map(|one| whole(Presence::Gone(edit), one)));
        }
        slots
    }

    fn list<C: List>(&mut self, element: Element, old: &C, new: &C, site: Site<'a>) -> ListSlot<C::Item> {
        let keys = |list: &C| -> FxHashSet<C::Item> { list.items().iter().map(|item| C::key(item, element)).collect() };
        let (before, after) = (keys(old), keys(new));
        let negated = new.negated();
        let mut written: FxHashMap<C::Item, Number> = FxHashMap::default();
        let mut edit = |writer: &mut Self, item: &C::Item, added: bool| {
            *written
                .entry(C::key(item, element))
                .or_insert_with(|| writer.edit(Change::Item { element, negated, item: C::shown(item), added }, site))
        };
        let mut items = Vec::with_capacity(new.items().len());
        for item in new.items() {
            let known = before.contains(&C::key(item, element));
            let presence = if known { Presence::Kept } else { Presence::Come(edit(self, item, true)) };
            items.push((presence, item.clone()));
        }
        for item in old.items() {
            if !after.contains(&C::key(item, element)) {
                items.push((Presence::Gone(edit(self, item, false)), item.clone()));
            }
        }
        ListSlot { presence: Presence::Kept, negated, items }
    }

    fn conditions(&mut self, old: &'a [Condition], new: &'a [Condition], site: Site<'a>) -> Vec<ConditionSlot<'a>> {
        let pairs = conditions_paired(old, new);
        let mut slots = Vec::new();
        for (at, condition) in new.iter().enumerate() {
            let partner = pairs.of_new.get(at).copied().flatten().and_then(|at| old.get(at));
            slots.push(match partner {
                Some(before) => self.condition(before, condition, site),
                None => {
                    let edit = self.edit(Change::Condition { condition, added: true }, site);
                    whole(Presence::Come(edit), condition)
                }
            });
        }
        for condition in pairs.old_left().into_iter().filter_map(|at| old.get(at)) {
            let edit = self.edit(Change::Condition { condition, added: false }, site);
            slots.push(whole(Presence::Gone(edit), condition));
        }
        slots
    }

    fn condition(&mut self, old: &'a Condition, new: &'a Condition, site: Site<'a>) -> ConditionSlot<'a> {
        let operator = (tested(old) != tested(new)).then(|| self.edit(Change::Operator(old, new), site));
        let mut values: Vec<(Presence, &'a str)> = Vec::with_capacity(new.values.len());
        if asks_for_one(old, new) && old.values != new.values {
            // Without its one value such a condition asks nothing that anybody would write.
            let edit = self.edit(Change::Values(old, new), site);
            values.extend(new.values.iter().map(|value| (Presence::Come(edit), value.as_str())));
            values.extend(old.values.iter().map(|value| (Presence::Gone(edit), value.as_str())));
            return ConditionSlot { presence: Presence::Kept, old, new, operator, values };
        }
        let keys = |values: &'a [String]| -> FxHashSet<&'a str> { values.iter().map(String::as_str).collect() };
        let (before, after) = (keys(&old.values), keys(&new.values));
        let mut written: FxHashMap<&str, Number> = FxHashMap::default();
        let mut edit = |writer: &mut Self, value: &'a str, added: bool| {
            let change = Change::Value { condition: old, value, added };
            *written.entry(value).or_insert_with(|| writer.edit(change, site))
        };
        for value in &new.values {
            let known = before.contains(value.as_str());
            let presence = if known { Presence::Kept } else { Presence::Come(edit(self, value, true)) };
            values.push((presence, value));
        }
        for value in old.values.iter().filter(|value| !after.contains(value.as_str())) {
            values.push((Presence::Gone(edit(self, value, false)), value));
        }
        ConditionSlot { presence: Presence::Kept, old, new, operator, values }
    }
}

/// What a condition asks of its values.
fn tested(condition: &Condition) -> (Option<crate::policy::document::Quantifier>, &Operator, bool) {
    (condition.quantifier, &condition.operator, condition.if_exists)
}

/// Whether a condition is written with one value: yes or no, a number, a moment.
fn asks_for_one(old: &Condition, new: &Condition) -> bool {
    let scaled = |condition: &Condition| {
        let word =
            matches!(condition.operator, Operator::Null | Operator::Bool | Operator::Numeric(_) | Operator::Date(_));
        word && condition.values.len() == 1
    };
    scaled(old) && scaled(new)
}

fn whole(presence: Presence, condition: &Condition) -> ConditionSlot<'_> {
    let values = condition.values.iter().map(|value| (Presence::Kept, value.as_str())).collect();
    ConditionSlot { presence, old: condition, new: condition, operator: None, values }
}

fn conditions_paired(old: &[Condition], new: &[Condition]) -> Matching {
    let mut pairs = Matching::new(old.len(), new.len());
    fn key(side: &[Condition], at: usize) -> Option<&str> {
        side.get(at).map(|condition| condition.key.as_str())
    }
    let both = |side: &'_ [Condition], at: usize| {
        side.get(at).map(|condition| {
            (condition.key.clone(), condition.operator.clone(), condition.quantifier, condition.if_exists)
        })
    };
    let values = |side: &'_ [Condition], at: usize| {
        side.get(at).map(|condition| (condition.key.clone(), condition.values.clone()))
    };
    pairs.by_key(|at| both(old, at).zip(values(old, at)), |at| both(new, at).zip(values(new, at)));
    pairs.by_key(|at| both(old, at), |at| both(new, at));
    pairs.by_key(|at| values(old, at), |at| values(new, at));
    pairs.by_key(|at| key(old, at), |at| key(new, at));
    pairs
}
