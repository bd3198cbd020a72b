//! Would these guardrails let this request through? In come a stack of documents and one request; out go allowed, denied
//! or unknown, the statements that decide, and what an unknown answer hangs on. Written to be read beside AWS's
//! documentation and nothing else: it shares no code with the decision procedure, never guesses a value that the request
//! does not hold, and never takes what it does not understand for a yes or a no.
//!
//! The logic is three-valued (Kleene): a condition on an unknown key is unknown, and a statement or an answer only where
//! nothing certain settles it. A certain Deny wins over everything. The same key is not followed through two statements,
//! so an answer may be unknown although each value of the key would give the same; it is never known where two values
//! would give two answers.

mod arn;
mod condition;
mod glob;
mod principal;
mod statement;
#[cfg(test)]
mod tests;
mod truth;
mod value;
mod variable;

use std::collections::BTreeMap;

use self::{
    statement::{Doubt, Matcher},
    truth::Truth,
};
use super::{
    document::{Effect, Statement},
    request::Request,
    stack::{Level, Named, Stack},
};

/// What the guardrails say to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Decision {
    /// Each level that needs an Allow has one, and no statement denies.
    Allowed,
    /// A statement denies, or a level has no Allow.
    Denied,
    /// It depends on what nobody can tell.
    Unknown,
}

impl Decision {
    /// The word for it in JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Unknown => "unknown",
        }
    }
}

/// The answer to a request, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What the guardrails say.
    pub decision: Decision,
    /// Allowed: the first Allow of each level. Denied: every Deny that matches, and every level without an Allow.
    /// Unknown: every Deny that may match, and the Allows that may match on levels without a certain one.
    pub decided_by: Vec<Decider>,
    /// The condition keys that an unknown answer hangs on, as they are written, sorted; `principal` for who makes the
    /// request.
    pub hangs_on: Vec<String>,
    /// What an unknown answer hangs on that is no key: operators and values that are not understood, as fragments.
    pub not_understood: Vec<String>,
}

/// What decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decider {
    /// A statement.
    Statement {
        /// The level, from 0: the root.
        level: usize,
        /// The name of the document.
        document: String,
        /// The statement's place in the document, from 0.
        statement: usize,
        /// What people call the statement.
        name: String,
        /// What it does.
        effect: Effect,
    },
    /// A level on which no statement allows the request.
    NoAllow {
        /// The level, from 0: the root.
        level: usize,
    },
}

/// What the guardrails say to a request, and why. A stack without levels takes nothing away.
#[must_use]
pub fn evaluate(stack: &Stack, request: &Request) -> Answer {
    let decision = decide(stack, request);
    let mut answer = Answer { decision, decided_by: Vec::new(), hangs_on: Vec::new(), not_understood: Vec::new() };
    let mut matcher = Matcher::recording(request, stack.kind.has_principals());
    let mut doubts = Vec::new();
    for (index, level) in stack.levels.iter().enumerate() {
        let matches = matches_of(level, &mut matcher);
        for found in deciding(decision, &matches, stack.needs_allow()) {
            doubts.extend(found.doubts.iter().cloned());
            answer.decided_by.push(Decider::Statement {
                level: index,
                document: found.named.name.clone(),
                statement: found.index,
                name: found.statement.name(found.index),
                effect: found.statement.effect,
            });
        }
        let allowed = matches.iter().any(|found| found.statement.effect == Effect::Allow);
        if decision == Decision::Denied && stack.needs_allow() && !allowed {
            answer.decided_by.push(Decider::NoAllow { level: index });
        }
    }
    doubts.sort();
    doubts.dedup();
    for doubt in doubts {
        match doubt {
            Doubt::Key(key) => answer.hangs_on.push(key),
            Doubt::NotUnderstood(what) => answer.not_understood.push(what),
        }
    }
    answer
}

/// What the guardrails say to a request, without why: the same decision as [`evaluate`]'s, sooner.
#[must_use]
pub fn decide(stack: &Stack, request: &Request) -> Decision {
    let mut matcher = Matcher::new(request, stack.kind.has_principals());
    let mut allowed_everywhere = Truth::True;
    let mut denied = Truth::False;
    for level in &stack.levels {
        let mut allowed = if stack.needs_allow() { Truth::False } else { Truth::True };
        for (named, _, statement) in statements(level) {
            let settled = statement.effect == Effect::Allow && allowed == Truth::True;
            if settled {
                continue;
            }
            let matches = matcher.statement(statement, named.document.version);
            match (statement.effect, matches) {
                (Effect::Deny, Truth::True) => return Decision::Denied,
                (Effect::Deny, matches) => denied = denied.or(matches),
                (Effect::Allow, matches) => allowed = allowed.or(matches),
            }
        }
        allowed_everywhere = allowed_everywhere.and(allowed);
    }
    match allowed_everywhere.and(denied.not()) {
        Truth::True => Decision::Allowed,
        Truth::False => Decision::Denied,
        Truth::Unknown => Decision::Unknown,
    }
}

/// The condition keys that a stack asks for, in conditions and in variables: in lower case, and as they are written first.
#[must_use]
pub fn keys(stack: &Stack) -> BTreeMap<String, String> {
    let mut keys = BTreeMap::new();
    let mut add = |key: &str| {
        keys.entry(key.to_lowercase()).or_insert_with(|| key.to_owned());
    };
    for (named, _, statement) in stack.levels.iter().flat_map(statements) {
        for condition in &statement.conditions {
            add(&condition.written);
        }
        let resources = statement.resources.iter().flat_map(|clause| &clause.patterns);
        let values = statement.conditions.iter().flat_map(|condition| &condition.values);
        for text in resources.chain(values) {
            variable::keys(text, named.document.version).into_iter().for_each(&mut add);
        }
    }
    keys
}

/// The statements of a level with their documents and their places in them.
fn statements(level: &Level) -> impl Iterator<Item = (&Named, usize, &Statement)> {
    level
        .documents
        .iter()
        .flat_map(|named| named.document.statements.iter().enumerate().map(move |(index, said)| (named, index, said)))
}

/// A statement that matches a request, or may.
struct Match<'a> {
    named: &'a Named,
    index: usize,
    statement: &'a Statement,
    is_certain: bool,
    doubts: Vec<Doubt>,
}

fn matches_of<'a>(level: &'a Level, matcher: &mut Matcher<'_>) -> Vec<Match<'a>> {
    statements(level)
        .filter_map(|(named, index, statement)| {
            let matches = matcher.statement(statement, named.document.version);
            let doubts = matcher.take_doubts();
            (matches != Truth::False).then_some(Match {
                named,
                index,
                statement,
                is_certain: matches == Truth::True,
                doubts,
            })
        })
        .collect()
}

/// The matches of one level that the decision rests on.
fn deciding<'a, 'b>(decision: Decision, matches: &'b [Match<'a>], needs_allow: bool) -> Vec<&'b Match<'a>> {
    let is = |effect: Effect| move |found: &&Match<'_>| found.statement.effect == effect;
    let certain_allow = matches.iter().filter(is(Effect::Allow)).find(|found| found.is_certain);
    match decision {
        Decision::Allowed => certain_allow.into_iter().filter(|_| needs_allow).collect(),
        Decision::Denied => matches.iter().filter(is(Effect::Deny)).filter(|found| found.is_certain).collect(),
        Decision::Unknown => {
            let allows = matches.iter().filter(is(Effect::Allow)).filter(|_| needs_allow && certain_allow.is_none());
            matches.iter().filter(is(Effect::Deny)).chain(allows).collect()
        }
    }
}
