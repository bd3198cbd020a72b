//! The requests of a case. In comes what its documents are made of; out goes one request for each combination of what they
//! can tell apart. Never looks at what the documents say.

use std::collections::BTreeMap;

use guardline::policy::request::{ContextValue, Principal, Request};

use super::draw::{Asked, Flavour, Plan};
use super::pools::{ACTION_POINTS, Arity, RESOURCE_POINTS, TABLES, USERS, classes, principal_points};

/// What each dimension of a request may be.
#[derive(Debug)]
pub struct Space {
    actions: Vec<usize>,
    resources: Vec<usize>,
    principals: Vec<usize>,
    keys: Vec<Choices>,
}

/// What a key may be.
#[derive(Debug)]
struct Choices {
    key: &'static str,
    values: Vec<&'static str>,
    several: bool,
}

impl Choices {
    fn of(asked: &Asked, flavour: Flavour) -> Self {
        let mut values = Vec::new();
        for family in &asked.families {
            let points = family.points();
            values.extend(classes(points.len(), asked.rows()).into_iter().map(|at| points[at]));
        }
        // With more than one family the rows are of different points: all that they pick is taken.
        values.sort_unstable();
        values.dedup();
        if flavour == Flavour::Variables && asked.key == "aws:username" {
            values.extend(USERS.into_iter().flatten());
            values.sort_unstable();
            values.dedup();
        }
        let several = match asked.arity {
            Arity::One => false,
            Arity::Several => true,
            Arity::AsAsked => asked.quantified,
        };
        Self { key: asked.key, values, several }
    }

    /// With one value: each, or missing. With several: each set of them.
    fn size(&self) -> usize {
        if self.several { 1 << self.values.len() } else { 1 + self.values.len() }
    }

    fn all(&self) -> Vec<Option<ContextValue>> {
        if !self.several {
            let values = self.values.iter().map(|value| Some(ContextValue::One((*value).to_owned())));
            return std::iter::once(None).chain(values).collect();
        }
        let set = |bits: usize| {
            let values = self.values.iter().enumerate().filter(|(at, _)| bits >> at & 1 == 1);
            let values: Vec<String> = values.map(|(_, value)| (*value).to_owned()).collect();
            (!values.is_empty()).then_some(ContextValue::Many(values))
        };
        (0..self.size()).map(set).collect()
    }
}

impl Space {
    pub fn of(plan: &Plan) -> Self {
        let actions = plan.actions.iter().map(|text| &TABLES.actions[text]);
        let resources = plan.resources.iter().map(|text| &TABLES.resources[text]);
        let principals = plan.principals.iter().map(|name| &TABLES.principals[name]);
        let mut keys: Vec<Choices> = plan.keys.iter().map(|asked| Choices::of(asked, plan.flavour)).collect();
        if plan.flavour == Flavour::Variables && keys.iter().all(|choices| choices.key != "aws:username") {
            let values = USERS.into_iter().flatten().collect();
            keys.push(Choices { key: "aws:username", values, several: false });
        }
        Self {
            actions: classes(ACTION_POINTS.len(), actions),
            resources: classes(RESOURCE_POINTS.len(), resources),
            principals: classes(principal_points().len(), principals),
            keys,
        }
    }

    /// How many there are of each dimension.
    pub fn sizes(&self) -> Vec<usize> {
        let first = [self.actions.len(), self.resources.len(), self.principals.len()];
        first.into_iter().chain(self.keys.iter().map(Choices::size)).collect()
    }

    /// Gives keys one value only where nobody asks for more.
    pub fn narrow(&mut self, several: &BTreeMap<&'static str, bool>) {
        for choices in &mut self.keys {
            choices.several = several.get(choices.key).copied().unwrap_or(false);
        }
    }

    /// Gives a key one value in all requests.
    pub fn bind(&mut self, (key, value): (&'static str, &'static str)) {
        self.keys.retain(|choices| choices.key != key);
        self.keys.push(Choices { key, values: vec![value], several: false });
    }

    fn contexts(&self, bound: Option<&str>) -> Vec<BTreeMap<String, ContextValue>> {
        let mut contexts = vec![BTreeMap::new()];
        for choices in &self.keys {
            let all = choices.all();
            let is_bound = bound == Some(choices.key);
            let add = |context: &BTreeMap<String, ContextValue>| {
                let with = all.iter().filter(|value| !is_bound || value.is_some()).map(|value| {
                    let mut context = context.clone();
                    context.extend(value.clone().map(|value| (choices.key.to_owned(), value)));
                    context
                });
                with.collect::<Vec<_>>()
            };
            contexts = contexts.iter().flat_map(add).collect();
        }
        contexts
    }

    /// Asks about each request until there is nothing more to learn.
    pub fn each(&self, plan: &Plan, mut ask: impl FnMut(&Request) -> bool) {
        let everyone: Vec<Principal> = principal_points();
        let mut request = super::pools::request("", "");
        for context in self.contexts(plan.bind.map(|(key, _)| key)) {
            request.context = context;
            for principal in &self.principals {
                request.principal = plan.kind.has_principals().then(|| everyone[*principal].clone());
                for resource in &self.resources {
                    RESOURCE_POINTS[*resource].clone_into(&mut request.resource);
                    for action in &self.actions {
                        ACTION_POINTS[*action].clone_into(&mut request.action);
                        if !ask(&request) {
                            return;
                        }
                    }
                }
            }
        }
    }
}
