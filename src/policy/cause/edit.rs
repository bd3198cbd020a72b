//! Edits that lead from one stack to another, each of which can be made alone. In come the slots of a difference and the
//! edits that are to be made; out come the statements, documents and stacks that stand then. Never decides what an edit
//! means.

use std::{cell::RefCell, sync::Arc};

use rustc_hash::FxHashMap;

use crate::policy::{
    document::{Clause, Condition, Document, Effect, Kind, PrincipalClause, PrincipalName, Statement, Version},
    stack::{Level, Named, Stack},
};

/// The place of an edit in [`Difference::edits`].
pub(super) type Number = usize;

/// When something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    /// On both sides.
    Kept,
    /// Until this edit is made.
    Gone(Number),
    /// Once this edit is made.
    Come(Number),
}

impl Presence {
    fn holds(self, made: &Made) -> bool {
        match self {
            Self::Kept => true,
            Self::Gone(edit) => !made.contains(edit),
            Self::Come(edit) => made.contains(edit),
        }
    }
}

/// The edits that are made, in ascending order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Made(Vec<Number>);

impl Made {
    pub(super) fn new(mut edits: Vec<Number>) -> Self {
        edits.sort_unstable();
        edits.dedup();
        Self(edits)
    }

    fn contains(&self, edit: Number) -> bool {
        self.0.binary_search(&edit).is_ok()
    }

    /// Those of them that lie in a stretch.
    fn between(&self, edits: &std::ops::Range<Number>) -> &[Number] {
        let at = |edit| self.0.partition_point(|made| *made < edit);
        self.0.get(at(edits.start)..at(edits.end)).unwrap_or(&[])
    }
}

/// What an edit changes.
#[derive(Clone, Debug)]
pub(super) enum Change<'a> {
    /// There are no levels any more: the type of policy is off, or nothing of it was given.
    TypeOff,
    /// A level of the path is gone, with everything that is attached to it.
    LevelGone,
    /// A level of the path is new.
    LevelCome,
    /// A document is not attached any more.
    Detached,
    /// A document is attached.
    Attached,
    /// A document is attached elsewhere on the path.
    Moved,
    /// A statement is gone.
    StatementGone,
    /// A statement is new.
    StatementCome,
    /// The document asks for another reading.
    Version,
    /// Allow became Deny, or Deny became Allow.
    Effect,
    /// An element is there in another form, is gone, or is new.
    Element(Element),
    /// A pattern or a principal of an element.
    Item {
        /// Of which element.
        element: Element,
        /// Whether that is the `Not…` form.
        negated: bool,
        /// As it is written.
        item: String,
        /// Else it was removed.
        added: bool,
    },
    /// A condition as a whole.
    Condition {
        /// The condition.
        condition: &'a Condition,
        /// Else it was removed.
        added: bool,
    },
    /// The operator of a condition.
    Operator(&'a Condition, &'a Condition),
    /// A value of a condition.
    Value {
        /// The condition as it was.
        condition: &'a Condition,
        /// The value.
        value: &'a str,
        /// Else it was removed.
        added: bool,
    },
    /// The values of a condition that asks for one.
    Values(&'a Condition, &'a Condition),
}

/// The elements of a statement that hold patterns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Element {
    Action,
    Resource,
    Principal,
}

/// Where an edit is made: the parts that stand there before and after.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Site<'a> {
    /// The level before and after, from 0.
    pub(super) level: (Option<usize>, Option<usize>),
    /// The documents before and after.
    pub(super) document: (Option<&'a Named>, Option<&'a Named>),
    /// The statements before and after, with their places from 0.
    pub(super) statement: (Option<Placed<'a>>, Option<Placed<'a>>),
}

/// A statement and its place in the document, from 0.
pub(super) type Placed<'a> = (usize, &'a Statement);

/// One change that can be made alone.
#[derive(Clone, Debug)]
pub(super) struct Edit<'a> {
    pub(super) change: Change<'a>,
    pub(super) site: Site<'a>,
}

/// Everything that differs between two stacks.
pub(super) struct Difference<'a> {
    pub(super) kind: Kind,
    pub(super) levels: Vec<LevelSlot<'a>>,
    /// In the order of the documents.
    pub(super) edits: Vec<Edit<'a>>,
    /// Statements that were built before, each as a document of its own.
    pub(super) built: RefCell<FxHashMap<Key, Arc<Document>>>,
}

/// A statement by its number, its document's version, and the edits made to it.
type Key = (usize, bool, Vec<Number>);

/// A level that stands on one of the sides or on both.
pub(super) struct LevelSlot<'a> {
    pub(super) presence: Presence,
    pub(super) documents: Vec<DocumentSlot<'a>>,
}

/// A document that stands on one of the sides or on both.
pub(super) struct DocumentSlot<'a> {
    pub(super) presence: Presence,
    pub(super) name: &'a str,
    /// Before and after.
    pub(super) version: (Version, Version),
    /// The edit that changes the version.
    pub(super) versioned: Option<Number>,
    pub(super) statements: Vec<StatementSlot<'a>>,
}

/// A statement that stands on one of the sides or on both.
pub(super) struct StatementSlot<'a> {
    /// A number that no other statement has.
    pub(super) number: usize,
    pub(super) presence: Presence,
    pub(super) old: &'a Statement,
    pub(super) new: &'a Statement,
    /// The edits that change it; empty where it stays what it is.
    pub(super) edits: std::ops::Range<Number>,
    pub(super) parts: Parts<'a>,
}

/// What differs inside a statement.
#[derive(Default)]
pub(super) struct Parts<'a> {
    pub(super) effect: Option<Number>,
    pub(super) actions: Vec<ListSlot<String>>,
    pub(super) resources: Vec<ListSlot<String>>,
    pub(super) principals: Vec<ListSlot<PrincipalName>>,
    pub(super) conditions: Vec<ConditionSlot<'a>>,
}

/// `Action`, `Resource`, `Principal` or a `Not…` form.
pub(super) struct ListSlot<T> {
    pub(super) presence: Presence,
    pub(super) negated: bool,
    pub(super) items: Vec<(Presence, T)>,
}

/// A condition that stands on one of the sides or on both.
pub(super) struct ConditionSlot<'a> {
    pub(super) presence: Presence,
    pub(super) old: &'a Condition,
    pub(super) new: &'a Condition,
    /// The edit that changes the operator.
    pub(super) operator: Option<Number>,
    pub(super) values: Vec<(Presence, &'a str)>,
}

impl<T: Clone> ListSlot<T> {
    fn items(&self, made: &Made) -> Vec<T> {
        self.items.iter().filter(|(presence, _)| presence.holds(made)).map(|(_, item)| item.clone()).collect()
    }
}

fn clauses<T: Clone, C>(slots: &[ListSlot<T>], made: &Made, clause: impl Fn(bool, Vec<T>) -> C) -> Vec<C> {
    slots.iter().filter(|slot| slot.presence.holds(made)).map(|slot| clause(slot.negated, slot.items(made))).collect()
}

impl ConditionSlot<'_> {
    fn build(&self, made: &Made) -> Condition {
        let is_new = self.operator.is_some_and(|edit| made.contains(edit));
        let model = if is_new { self.new } else { self.old };
        let values = self.values.iter().filter(|(presence, _)| presence.holds(made));
        Condition {
            quantifier: model.quantifier,
            operator: model.operator.clone(),
            if_exists: model.if_exists,
            key: self.new.key.clone(),
            written: self.new.written.clone(),
            values: values.map(|(_, value)| (*value).to_owned()).collect(),
        }
    }
}

impl StatementSlot<'_> {
    fn build(&self, made: &Made) -> Statement {
        let changes = made.between(&self.edits).len();
        if changes == 0 && !self.edits.is_empty() {
            return self.old.clone();
        }
        if changes == self.edits.len() {
            return self.new.clone();
        }
        let parts = &self.parts;
        let plain = |negated, patterns| Clause { negated, patterns };
        let conditions = parts.conditions.iter().filter(|slot| slot.presence.holds(made));
        Statement {
            span: self.new.span,
            sid: self.new.sid.clone(),
            effect: if parts.effect.is_some_and(|edit| made.contains(edit)) {
                self.new.effect
            } else {
                self.old.effect
            },
            actions: clauses(&parts.actions, made, plain),
            resources: clauses(&parts.resources, made, plain),
            principals: clauses(&parts.principals, made, |negated, principals| PrincipalClause { negated, principals }),
            conditions: conditions.map(|slot| slot.build(made)).collect(),
        }
    }
}

impl DocumentSlot<'_> {
    fn version(&self, made: &Made) -> Version {
        if self.versioned.is_some_and(|edit| made.contains(edit)) { self.version.1 } else { self.version.0 }
    }

    fn statements(&self, made: &Made) -> impl Iterator<Item = &StatementSlot<'_>> {
        self.statements.iter().filter(|slot| slot.presence.holds(made))
    }
}

impl<'a> Difference<'a> {
    /// Every edit.
    pub(super) fn all(&self) -> Made {
        Made((0..self.edits.len()).collect())
    }

    /// The levels with some edits made, each statement as a document of its own: together they mean the same, and what is
    /// not touched stays the same document.
    pub(super) fn statements(&self, made: &Made) -> Stack {
        self.stack(made, |slot| {
            let version = slot.version(made);
            let statement = |said: &StatementSlot| {
                let key = (said.number, version == Version::V2012, made.between(&said.edits).to_vec());
                let mut built = self.built.borrow_mut();
                let document = built.entry(key).or_insert_with(|| {
                    let statements = vec![said.build(made)];
                    Arc::new(Document { version, statements, refusals: Vec::new() })
                });
                Named { name: slot.name.to_owned(), document: Arc::clone(document) }
            };
            slot.statements(made).map(statement).collect()
        })
    }

    /// The stack with some edits made.
    #[cfg(test)]
    pub(super) fn documents(&self, made: &Made) -> Stack {
        self.stack(made, |slot| {
            let statements = slot.statements(made).map(|said| said.build(made)).collect();
            let document = Document { version: slot.version(made), statements, refusals: Vec::new() };
            vec![Named { name: slot.name.to_owned(), document: Arc::new(document) }]
        })
    }

    fn stack(&self, made: &Made, documents: impl Fn(&DocumentSlot<'a>) -> Vec<Named>) -> Stack {
        let level = |slot: &LevelSlot<'a>| {
            let standing = slot.documents.iter().filter(|slot| slot.presence.holds(made));
            Level { documents: standing.flat_map(&documents).collect() }
        };
        let levels = self.levels.iter().filter(|slot| slot.presence.holds(made));
        Stack { kind: self.kind, levels: levels.map(level).collect() }
    }
}

/// How many patterns and values a statement holds.
pub(super) fn size(said: &Statement) -> usize {
    let patterns = said.actions.iter().chain(&said.resources).map(|clause| clause.patterns.len());
    let principals = said.principals.iter().map(|clause| clause.principals.len());
    let values = said.conditions.iter().map(|condition| condition.values.len());
    1 + patterns.chain(principals).chain(values).sum::<usize>()
}

impl<'a> Edit<'a> {
    /// How many patterns and values the statements hold that it makes anew.
    pub(super) fn size(&self) -> usize {
        match (&self.change, self.site.statement) {
            (Change::Version, _) => {
                let documents = [self.site.document.0, self.site.document.1];
                documents.iter().flatten().flat_map(|named| &named.document.statements).map(size).sum()
            }
            (_, (Some((_, old)), Some((_, new)))) => size(old) + size(new),
            _ => 1,
        }
    }

    /// What the statement did before; for one that is new, what it does.
    pub(super) fn effect(&self) -> Option<Effect> {
        self.statement().map(|(_, statement)| statement.effect)
    }

    /// The statement before; for one that is new, that one.
    pub(super) fn statement(&self) -> Option<Placed<'a>> {
        self.site.statement.0.or(self.site.statement.1)
    }
}
