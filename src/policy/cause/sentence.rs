//! What an edit does to the guardrail, as a plain sentence. In come edits of one kind in one place; out comes a sentence
//! without a stop. It only tells what is written: that it weakens was decided before.

use super::{
    category::Category,
    edit::{Change, Edit, Element},
    words::{About, about, actions, clause, cut, list, operator, people, tail, what, what_but, who},
};
use crate::policy::document::{Condition, Document, Effect, Kind, Statement};

/// A sentence about edits that are told together; `first` is one of them, `items` are the items or values of all.
pub(super) fn of(first: &Edit, items: &[&str], category: Category, kind: Kind) -> String {
    match (&first.change, first.statement()) {
        (Change::TypeOff, _) => format!("no {kind} binds any more"),
        (Change::LevelGone, _) => format!("level {} of the path does not bind any more", level(first.site.level.0)),
        (Change::LevelCome, _) => format!("level {} of the path is new", level(first.site.level.1)),
        (Change::Detached | Change::Attached | Change::Moved | Change::Version, _) => of_document(first, category),
        (_, None) => "a statement changed".to_owned(),
        (change, Some((_, said))) => of_statement(change, said, first.site.statement.1.map(|(_, now)| now), items),
    }
}

fn level(at: Option<usize>) -> usize {
    at.map_or(0, |at| at + 1)
}

fn of_document(edit: &Edit, category: Category) -> String {
    let named = edit.site.document.1.or(edit.site.document.0);
    let name = named.map(|named| cut(&named.name)).unwrap_or_default();
    let (from, to) = (level(edit.site.level.0), level(edit.site.level.1));
    let says = |effect: Effect| named.and_then(|named| sums_up(&named.document, effect));
    match (&edit.change, category) {
        (Change::Detached, Category::PolicyReplacedByWeaker) => match says(Effect::Deny) {
            Some(bans) => format!("{name} on level {from} was replaced, and its ban on {bans} is gone"),
            None => format!("{name} on level {from} was replaced by what lets more through"),
        },
        (Change::Detached, _) => match says(Effect::Deny) {
            Some(bans) => format!("{name} is not attached to level {from} any more, and its ban on {bans} is gone"),
            None => format!("{name} is not attached to level {from} any more"),
        },
        (Change::Attached | Change::Moved, Category::FullaccessReattached) => {
            format!("{name}, which allows everything, is now attached to level {to} beside what allowed less")
        }
        (Change::Attached, _) => match says(Effect::Allow) {
            Some(allows) => format!("{name}, which allows {allows}, is now attached to level {to}"),
            None => format!("{name} is now attached to level {to}"),
        },
        (Change::Moved, _) => format!("{name} is now attached to level {to} instead of level {from}"),
        _ => format!("{name} has another `Version`, which changes how `${{…}}` is read in it"),
    }
}

/// What the statements of an effect are about: the first of them, and how many more there are.
fn sums_up(document: &Document, effect: Effect) -> Option<String> {
    let told: Vec<String> = document.statements.iter().filter(|said| said.effect == effect).map(what).collect();
    let (first, rest) = told.split_first()?;
    Some(match rest.len() {
        0 => first.clone(),
        1 => format!("{first} (and one more)"),
        more => format!("{first} (and {more} more)"),
    })
}

fn of_statement(change: &Change, said: &Statement, now: Option<&Statement>, items: &[&str]) -> String {
    let denies = said.effect == Effect::Deny;
    match change {
        Change::StatementGone if denies => format!("the ban on {} is gone", what(said)),
        Change::StatementGone => format!("{} is not allowed by this statement any more", what(said)),
        Change::StatementCome if denies => format!("{} is now banned", what(said)),
        Change::StatementCome => format!("{} {} now allowed", what(said), be(said)),
        Change::Effect if denies => format!("{} {} now allowed instead of banned", what(said), be(said)),
        Change::Effect => format!("{} was allowed and is now banned", what(said)),
        Change::Element(element) => of_element(*element, said, now.unwrap_or(said)),
        Change::Item { element, negated: false, item, added: false } if item == "*" => {
            of_element(*element, said, now.unwrap_or(said))
        }
        Change::Item { element, negated, added, .. } => of_item(*element, *negated != *added, *added, said, items),
        Change::Condition { condition, added } => of_condition(condition, *added, said),
        Change::Operator(old, new) => {
            let key = cut(&new.written);
            format!(
                "{} now tests {key} with {} instead of {}",
                subject(&without(said, old)),
                operator(new),
                operator(old)
            )
        }
        Change::Values(old, new) => {
            let subject = subject(&without(said, old));
            format!("{subject} now applies where {} instead of where {}", clause(new), clause(old))
        }
        Change::Value { condition, added, .. } => of_value(condition, *added, said, items),
        _ => format!("{} changed", subject(said)),
    }
}

/// The ban or the permission that a statement is.
fn subject(said: &Statement) -> String {
    match said.effect {
        Effect::Deny => format!("the ban on {}", what(said)),
        Effect::Allow => format!("the permission for {}", what(said)),
    }
}

/// `is` or `are`, as many actions as a statement names.
fn be(said: &Statement) -> &'static str {
    let named = said.actions.iter().filter(|clause| !clause.negated && !clause.patterns.iter().any(|one| one == "*"));
    if named.map(|clause| clause.patterns.len()).sum::<usize>() > 1 { "are" } else { "is" }
}

/// `is` or `are`, as many as there are.
fn are(items: &[&str]) -> &'static str {
    if items.len() == 1 { "is" } else { "are" }
}

fn of_element(element: Element, said: &Statement, now: &Statement) -> String {
    let denies = said.effect == Effect::Deny;
    let verb = if denies { "the ban on" } else { "the permission for" };
    let (mut before, mut after) = (said.clone(), said.clone());
    before.conditions.clear();
    after.conditions.clear();
    match element {
        Element::Action => after.actions.clone_from(&now.actions),
        Element::Resource => after.resources.clone_from(&now.resources),
        Element::Principal => after.principals.clone_from(&now.principals),
    }
    let (before, after) = (what(&before), what(&after));
    format!("{verb} {before} is now one {} {after}", if denies { "on" } else { "for" })
}

/// `widened`: the statement speaks of more than before.
fn of_item(element: Element, widened: bool, added: bool, said: &Statement, items: &[&str]) -> String {
    let (told, are) = (list(items), are(items));
    match (element, said.effect, widened) {
        (Element::Action, Effect::Deny, false) if added => {
            format!("{told} {are} now exempt from the ban on {}", what(said))
        }
        (Element::Action, Effect::Deny, false) => format!("{told} {are} no longer banned{}", tail(said, None)),
        (Element::Action, Effect::Allow, _) if added && items == ["*"] => {
            format!("everything is now allowed{}, where {} was", tail(said, None), actions(said))
        }
        (Element::Action, Effect::Allow, true) if added => format!("{told} {are} now allowed{}", tail(said, None)),
        (Element::Action, Effect::Allow, true) => {
            format!("{told} {are} no longer left out of what is allowed{}", tail(said, None))
        }
        (Element::Resource, Effect::Deny, false) if added => {
            format!("the ban on {} now leaves out {told}", what(said))
        }
        (Element::Resource, Effect::Deny, false) => {
            format!("the ban on {}{} no longer covers {told}", actions(said), bare(said))
        }
        (Element::Resource, Effect::Allow, true) => {
            format!("{}{} {} now allowed on {told}", actions(said), bare(said), be(said))
        }
        (Element::Principal, Effect::Deny, false) => {
            format!("the ban on {} no longer applies to {}", what_but(said, About::Principal), people(items))
        }
        (Element::Principal, Effect::Allow, true) => {
            format!("{} {} now allowed to {}", what_but(said, About::Principal), be(said), people(items))
        }
        _ => format!("{} now leaves out or takes in {told}", subject(said)),
    }
}

/// The conditions of a statement without its resources.
fn bare(said: &Statement) -> String {
    let mut bare = said.clone();
    bare.resources.clear();
    tail(&bare, None)
}

fn of_condition(condition: &Condition, added: bool, said: &Statement) -> String {
    let about = about(&condition.key);
    let exempts = condition.operator.is_negated() && condition.quantifier.is_none();
    match (said.effect, added) {
        (Effect::Deny, true) if exempts && about != About::Other => exempt(condition, said, &values(condition)),
        (Effect::Deny, true) => format!("the ban on {} now only applies where {}", what(said), clause(condition)),
        (Effect::Allow, false) => {
            let now = what(&without(said, condition));
            format!("{now} {} now allowed also where it is not so that {}", be(said), clause(condition))
        }
        _ => format!("{} changed: {}", subject(said), clause(condition)),
    }
}

fn values(condition: &Condition) -> Vec<&str> {
    condition.values.iter().map(String::as_str).collect()
}

fn of_value(condition: &Condition, added: bool, said: &Statement, items: &[&str]) -> String {
    let negated = condition.operator.is_negated();
    match said.effect {
        // A value more to be exempt, or one less to be hit.
        Effect::Deny if added == negated => exempt(condition, said, items),
        Effect::Allow if added != negated => allowed(condition, said, items),
        _ => {
            let verb = if added { "now names" } else { "no longer names" };
            format!("the condition on {} of {} {verb} {}", cut(&condition.written), subject(said), list(items))
        }
    }
}

/// A ban that does not apply where a key has one of some values.
fn exempt(condition: &Condition, said: &Statement, items: &[&str]) -> String {
    let key = cut(&condition.written);
    match about(&condition.key) {
        About::Region => format!("the ban on {} no longer applies in {}", what(said), list(items)),
        About::Principal if condition.key == "aws:principalarn" => {
            format!("the ban on {} no longer applies to {}", what_but(said, About::Principal), people(items))
        }
        About::Network => {
            let ban = what(&without(said, condition));
            format!("the ban on {ban} no longer applies to requests from {}", list(items))
        }
        _ => {
            let ban = what(&without(said, condition));
            let told: Vec<String> = items.iter().map(|item| who(item)).collect();
            format!("the ban on {ban} no longer applies where {key} is {}", or(&told))
        }
    }
}

/// Something that is allowed where a key has one of some values, too.
fn allowed(condition: &Condition, said: &Statement, items: &[&str]) -> String {
    let key = cut(&condition.written);
    match about(&condition.key) {
        About::Region => format!("{} {} now allowed in {}", what_but(said, About::Region), be(said), list(items)),
        About::Principal if condition.key == "aws:principalarn" => {
            format!("{} {} now allowed to {}", what_but(said, About::Principal), be(said), people(items))
        }
        About::Network => format!("{} {} now allowed from {}", what_but(said, About::Network), be(said), list(items)),
        _ => {
            format!("{} {} now allowed where {key} is {} too", what(&without(said, condition)), be(said), or(items))
        }
    }
}

/// A statement without one of its conditions.
fn without(said: &Statement, condition: &Condition) -> Statement {
    let mut rest = said.clone();
    rest.conditions.retain(|one| one != condition);
    rest
}

fn or<T: AsRef<str>>(items: &[T]) -> String {
    list(items).replacen(" and ", " or ", usize::from(items.len() > 1))
}
