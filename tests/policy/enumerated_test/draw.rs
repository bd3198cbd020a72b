//! Random pairs of guardrails. In come bytes that a test runner draws and shrinks; out goes a [`Case`]: two sides over so
//! few patterns that every request they can tell apart is one of at most [`MOST`] points. A byte of zero always draws the
//! simplest thing, so that shrinking leads somewhere.

use std::collections::BTreeMap;

use guardline::policy::document::Kind;

use super::pools::{ACTIONS, Arity, Family, PRINCIPALS, RESOURCES, TABLES, VARIABLE_RESOURCES, positive};
use super::said::{Conditioned, Document, Quantifier, Said, reads_in_two_ways};
use super::space::Space;

/// The most requests of a case.
pub const MOST: usize = 400;

/// Bytes that are drawn from, one a choice; when they are used up, everything is as simple as can be.
pub struct Tape<'a> {
    bytes: &'a [u8],
}

impl<'a> Tape<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    fn next(&mut self) -> usize {
        let Some((first, rest)) = self.bytes.split_first() else { return 0 };
        self.bytes = rest;
        usize::from(*first)
    }

    /// One of so many.
    pub fn below(&mut self, many: usize) -> usize {
        self.next() % many.max(1)
    }

    /// True in so many of a hundred.
    pub fn percent(&mut self, of: usize) -> bool {
        self.next() * 100 >= (100 - of) * 256
    }

    pub fn one<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }

    /// One to `most` of a list, without repeating.
    fn some<T: Copy + PartialEq>(&mut self, list: &[T], most: usize) -> Vec<T> {
        let mut drawn = vec![self.one(list)];
        for _ in 0..self.below(most) {
            let next = self.one(list);
            if !drawn.contains(&next) {
                drawn.push(next);
            }
        }
        drawn
    }
}

/// What a case is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flavour {
    /// Everything in it can be told.
    Plain,
    /// It has variables.
    Variables,
    /// It has operators or values that are not understood.
    Odd,
    /// It reads one key in more than one way.
    Mixed,
}

/// A condition key and what is asked of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub key: &'static str,
    pub arity: Arity,
    /// Whether a condition may speak of each or any of its values.
    pub quantified: bool,
    /// What it is read as; one, but in a mixed case.
    pub families: Vec<Family>,
    pub operators: Vec<(Family, &'static str)>,
    pub values: Vec<(Family, &'static str)>,
}

/// What the documents of a case are made of.
#[derive(Clone, Debug)]
pub struct Plan {
    pub kind: Kind,
    pub flavour: Flavour,
    pub actions: Vec<&'static str>,
    pub resources: Vec<&'static str>,
    pub principals: Vec<(&'static str, &'static str)>,
    pub keys: Vec<Asked>,
    /// A key that has one value in every request that counts.
    pub bind: Option<(&'static str, &'static str)>,
}

impl Plan {
    pub fn draw(kind: Kind, tape: &mut Tape<'_>) -> Self {
        let flavour = match tape.below(100) {
            0..58 => Flavour::Plain,
            58..82 => Flavour::Variables,
            82..92 => Flavour::Odd,
            _ => Flavour::Mixed,
        };
        let mut resources = tape.some(&RESOURCES, 4);
        let mut keys: Vec<Asked> = Vec::new();
        for _ in 0..1 + tape.below(3) {
            let drawn = Asked::draw(flavour, tape);
            if keys.iter().all(|known| known.key != drawn.key) {
                keys.push(drawn);
            }
        }
        if flavour == Flavour::Variables {
            let at = tape.below(resources.len() + 1);
            resources.insert(at, tape.one(&VARIABLE_RESOURCES));
        }
        // Those of one account now and then: an account, its roles and their sessions.
        let names = if tape.percent(40) { &PRINCIPALS[1..6] } else { &PRINCIPALS[..] };
        let principals = if kind.has_principals() { tape.some(names, 4) } else { Vec::new() };
        let actions = tape.some(&ACTIONS, 4);
        let bind = tape.percent(6).then(|| {
            let asked = &keys[tape.below(keys.len())];
            (asked.key, tape.one(asked.families[0].points()))
        });
        let mut plan = Self { kind, flavour, actions, resources, principals, keys, bind };
        plan.fit();
        plan
    }

    /// Takes patterns away until the requests are few enough.
    fn fit(&mut self) {
        loop {
            let sizes = Space::of(self).sizes();
            if sizes.iter().product::<usize>() <= MOST {
                return;
            }
            // The widest dimension that can become smaller; the last are those of the keys.
            let lengths = [self.actions.len(), self.resources.len(), self.principals.len()];
            let lengths = lengths.into_iter().chain(self.keys.iter().map(|asked| asked.values.len()));
            let can: Vec<_> = lengths.zip(&sizes).enumerate().filter(|(_, (length, _))| *length > 1).collect();
            let Some((at, _)) = can.into_iter().max_by_key(|(_, (_, size))| **size) else {
                self.keys.pop();
                continue;
            };
            match at {
                0 => drop(self.actions.pop()),
                1 => drop(self.resources.pop()),
                2 => drop(self.principals.pop()),
                key => drop(self.keys[key - 3].values.pop()),
            }
        }
    }
}

impl Asked {
    fn draw(flavour: Flavour, tape: &mut Tape<'_>) -> Self {
        let first = tape.one(&Family::ALL);
        let mut families = vec![first];
        if flavour == Flavour::Mixed {
            families.push(tape.one(&Family::ALL));
            families.dedup();
        }
        let (key, arity) = tape.one(first.keys());
        let (mut operators, mut values) = (Vec::new(), Vec::new());
        for family in &families {
            operators.extend(tape.some(family.operators(), 4).into_iter().map(|operator| (*family, operator)));
            values.extend(tape.some(family.values(), 3).into_iter().map(|value| (*family, value)));
            if flavour == Flavour::Variables && !family.variables().is_empty() {
                values.insert(0, (*family, tape.one(family.variables())));
            }
        }
        Self { key, arity, quantified: tape.percent(35), families, operators, values }
    }

    /// What each operator and value matches.
    pub fn rows(&self) -> impl Iterator<Item = &super::pools::Rows> {
        let positives = self.operators.iter().map(|(family, operator)| (*family, positive(operator)));
        positives.flat_map(move |(family, operator)| {
            let values = self.values.iter().filter(move |(of, _)| *of == family);
            values.map(move |(_, value)| &TABLES.values[&(family, operator, *value)])
        })
    }
}

/// A statement over a plan.
fn statement(plan: &Plan, tape: &mut Tape<'_>) -> Said {
    let allow = !tape.percent(45);
    let broad = tape.percent(35);
    let actions = (tape.percent(20), if broad { vec!["*"] } else { tape.some(&plan.actions, 2) });
    let mut resources = (!tape.percent(4)).then(|| (tape.percent(20), tape.some(&plan.resources, 2)));
    if let Some((_, patterns)) = resources.as_mut().filter(|_| plan.flavour == Flavour::Odd && tape.percent(15)) {
        patterns.push(Said::ODD_RESOURCE);
    }
    let principals = (plan.kind.has_principals() && !tape.percent(5))
        .then(|| (tape.percent(25), tape.some(&plan.principals, 2)))
        .or_else(|| tape.percent(3).then(|| (false, vec![PRINCIPALS[0]])));
    let conditions = (0..tape.below(4)).filter_map(|_| condition(plan, tape)).collect();
    let mut said = Said { allow, actions, resources, principals, conditions };
    said.part();
    said
}

pub fn condition(plan: &Plan, tape: &mut Tape<'_>) -> Option<Conditioned> {
    let asked = plan.keys.get(tape.below(plan.keys.len()))?;
    let (family, mut operator) = tape.one(&asked.operators);
    let mut known: Vec<&str> = asked.values.iter().filter(|(of, _)| *of == family).map(|(_, value)| *value).collect();
    if known.is_empty() {
        return None;
    }
    let mut if_exists = tape.percent(25);
    let quantifier = match tape.below(3) {
        1 if asked.quantified => Some(Quantifier::ForAnyValue),
        2 if asked.quantified => Some(Quantifier::ForAllValues),
        _ => None,
    };
    let mut quantifier = quantifier;
    if tape.percent(15) {
        (operator, known, if_exists, quantifier) = ("Null", vec!["true", "false"], false, None);
    }
    if plan.flavour == Flavour::Odd {
        match tape.below(4) {
            1 => operator = Said::UNKNOWN_OPERATOR,
            2 => known.push(family.nonsense()),
            3 if operator == "Null" && asked.quantified => quantifier = Some(Quantifier::ForAllValues),
            _ => {}
        }
    }
    let mut values = tape.some(&known, 3);
    if tape.percent(3) {
        values.clear();
    }
    Some(Conditioned { quantifier, operator, if_exists, key: asked.key, family, values, spelling: 0 })
}

pub fn document(plan: &Plan, head: u8, statements: &[Vec<u8>]) -> Document {
    let mut said: Vec<Said> = statements.iter().map(|bytes| statement(plan, &mut Tape::new(bytes))).collect();
    // What everything stands on, in most documents that allow something.
    if head % 8 < 5 {
        let everyone = plan.kind.has_principals().then(|| (false, vec![PRINCIPALS[0]]));
        let (actions, resources) = ((false, vec!["*"]), Some((false, vec!["*"])));
        said.insert(0, Said { allow: true, actions, resources, principals: everyone, conditions: Vec::new() });
    }
    let version = match head / 8 % 16 {
        0 => Some("2008-10-17"),
        1 => None,
        _ => Some("2012-10-17"),
    };
    Document { version, statements: said }
}

/// Changes one thing of a document.
pub fn edit(plan: &Plan, document: &mut Document, bytes: &[u8]) {
    let mut tape = Tape::new(bytes);
    let many = document.statements.len();
    let choice = tape.below(19);
    let at = tape.below(many);
    if many == 0 || choice == 0 {
        document.statements.push(statement(plan, &mut tape));
        return;
    }
    match choice {
        1 | 2 => drop(document.statements.remove(at)),
        3 => document.version = tape.one(&[Some("2012-10-17"), Some("2008-10-17"), None]),
        4 => document.statements.reverse(),
        5 => document.statements.push(document.statements[at].clone()),
        _ => {}
    }
    let Some(said) = document.statements.get_mut(at) else { return };
    match choice {
        6 => said.allow = !said.allow,
        7 => said.actions.0 = !said.actions.0,
        8 => change(&mut said.actions.1, &plan.actions, &mut tape),
        9 | 10 => match &mut said.resources {
            Some((_, patterns)) => change(patterns, &plan.resources, &mut tape),
            none => *none = Some((false, vec![tape.one(&plan.resources)])),
        },
        11 => match &mut said.principals {
            Some((negated, _)) if tape.percent(20) => *negated = !*negated,
            Some((_, names)) if !plan.principals.is_empty() => change(names, &plan.principals, &mut tape),
            _ => {}
        },
        12 => said.conditions.extend(condition(plan, &mut tape)),
        13 if !said.conditions.is_empty() => {
            said.conditions.remove(tape.below(said.conditions.len()));
        }
        _ => {}
    }
    let chosen = tape.below(said.conditions.len());
    if let Some(condition) = said.conditions.get_mut(chosen) {
        edit_condition(plan, condition, choice, &mut tape);
    }
    said.part();
}

fn edit_condition(plan: &Plan, condition: &mut Conditioned, choice: usize, tape: &mut Tape<'_>) {
    let Some(asked) = plan.keys.iter().find(|asked| asked.key == condition.key) else { return };
    let known: Vec<_> =
        asked.values.iter().filter(|(of, _)| *of == condition.family).map(|(_, value)| *value).collect();
    let others: Vec<_> = asked.operators.iter().filter(|(of, _)| *of == condition.family).collect();
    let plain = condition.operator != "Null" && condition.operator != Said::UNKNOWN_OPERATOR;
    match choice {
        14 | 15 if plain => change(&mut condition.values, &known, tape),
        14..=15 if condition.operator == "Null" && plan.flavour == Flavour::Odd => {
            let other = condition.quantifier.is_none().then_some(Quantifier::ForAllValues);
            condition.quantifier = other.filter(|_| asked.quantified);
        }
        14..=18 if condition.operator == "Null" => change(&mut condition.values, &["true", "false"], tape),
        16 if plain => condition.operator = others[tape.below(others.len())].1,
        17 if plain => condition.if_exists = !condition.if_exists,
        18 if plain && asked.quantified => {
            condition.quantifier = tape.one(&[None, Some(Quantifier::ForAnyValue), Some(Quantifier::ForAllValues)]);
        }
        _ => {}
    }
}

/// Adds, drops or replaces one of a list.
fn change<T: Copy + PartialEq>(list: &mut Vec<T>, known: &[T], tape: &mut Tape<'_>) {
    let (choice, new) = (tape.below(3), tape.one(known));
    let at = tape.below(list.len());
    match choice {
        0 if !list.contains(&new) => list.push(new),
        1 if list.len() > 1 => drop(list.remove(at)),
        _ => match list.get_mut(at) {
            Some(old) => *old = new,
            None => list.push(new),
        },
    }
}

/// Two sides and what they are made of.
pub struct Case {
    pub plan: Plan,
    pub old: Vec<Document>,
    pub new: Vec<Document>,
}

/// The bytes of a case: of its plan, and of the documents of each side.
pub type Bytes = (Vec<u8>, Vec<(u8, Vec<Vec<u8>>)>, Changed);

/// How the new side comes about.
#[derive(Clone, Debug)]
pub enum Changed {
    /// By changes of the old one: the level, and what.
    By(Vec<(u8, Vec<u8>)>),
    /// On its own.
    Wholly(Vec<(u8, Vec<Vec<u8>>)>),
}

impl Case {
    pub fn draw(kind: Kind, (plan, old, changed): &Bytes) -> Self {
        let plan = Plan::draw(kind, &mut Tape::new(plan));
        let side = |levels: &[(u8, Vec<Vec<u8>>)]| -> Vec<Document> {
            levels.iter().map(|(head, statements)| document(&plan, *head, statements)).collect()
        };
        let old = side(old);
        let new = match changed {
            Changed::Wholly(new) => side(new),
            Changed::By(edits) => {
                let mut new = old.clone();
                for (level, bytes) in edits {
                    let at = usize::from(*level) % new.len();
                    // Now and then a whole document goes, or changes places.
                    match *level {
                        250.. => new.rotate_left(1),
                        246.. => new[at].statements.clear(),
                        _ => edit(&plan, &mut new[at], bytes),
                    }
                }
                new
            }
        };
        Self { plan, old, new }
    }

    /// Whether a request may give a key several values.
    pub fn has_several(&self) -> BTreeMap<&'static str, bool> {
        let conditions = || self.documents().flat_map(Document::conditions);
        let several = |asked: &Asked| match asked.arity {
            Arity::One => false,
            Arity::Several => true,
            Arity::AsAsked => conditions().any(|said| said.key == asked.key && said.is_quantified()),
        };
        self.plan.keys.iter().map(|asked| (asked.key, several(asked))).collect()
    }

    /// What it turned out to be about: not all that is drawn is used.
    pub fn flavour(&self) -> Flavour {
        if self.documents().any(Document::is_odd) {
            Flavour::Odd
        } else if reads_in_two_ways(self.documents()) {
            Flavour::Mixed
        } else if self.documents().any(Document::has_variables) {
            Flavour::Variables
        } else {
            Flavour::Plain
        }
    }

    fn documents(&self) -> impl Iterator<Item = &Document> {
        self.old.iter().chain(&self.new)
    }
}
