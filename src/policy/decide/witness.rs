//! Requests that people can make sense of. In comes a region of the universe; out come requests that lie in it, the most
//! realistic ones first: a known action, an ARN of a type that it acts on, a known region. Never says that one of them got
//! through: that is the evaluator's word.

use std::{collections::BTreeMap, sync::LazyLock};

use fixedbitset::FixedBitSet;
use serde::Deserialize;

use super::{
    region::Region,
    universe::{ACTION, Key, PRINCIPAL, RESOURCE, Universe},
};
use crate::policy::{
    catalogue::{Action, Catalogue, ConditionKey, Presence, ResourceType},
    request::{ContextValue, Principal, Request},
};

/// How many classes of a dimension are looked at for an example.
const CLASSES: usize = 64;

/// What examples are made of.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parts {
    actions: Vec<String>,
    regions: Vec<String>,
    parts: BTreeMap<String, String>,
    principals: Vec<String>,
    keys: BTreeMap<String, Vec<String>>,
    types: BTreeMap<String, Vec<String>>,
}

static PARTS: LazyLock<Parts> = LazyLock::new(|| {
    let text = include_str!("../../../policies/aws/witness.yaml");
    #[allow(clippy::expect_used, reason = "part of the program, and read by its tests")]
    serde_yaml::from_str(text).expect("the parts of examples can be read")
});

/// The actions that say most, as the catalogue has them and in small letters.
static COMMON: LazyLock<Vec<(&'static Action, String)>> = LazyLock::new(|| {
    let known = PARTS.actions.iter().filter_map(|name| Catalogue::get().action(name));
    known.map(|action| (action, action.to_string().to_lowercase())).collect()
});

/// The actions that say most, first.
pub(super) fn rank() -> impl Iterator<Item = &'static Action> {
    COMMON.iter().map(|(action, _)| *action)
}

/// The known regions.
pub(super) fn regions() -> Vec<&'static str> {
    PARTS.regions.iter().map(String::as_str).collect()
}

/// A value that a condition key might well have.
pub(super) fn plausible(key: &str) -> String {
    likely(key, Catalogue::get().key(key)).next().map_or_else(|| "example".to_owned(), ToOwned::to_owned)
}

/// Values that a condition key might well have, the likeliest first.
fn likely(key: &str, known: Option<&ConditionKey>) -> impl Iterator<Item = &'static str> + use<> {
    let parts = &*PARTS;
    let prefix = key.split_once('/').map(|(prefix, _)| format!("{prefix}/"));
    let named = parts.keys.get(key).or_else(|| parts.keys.get(&prefix?));
    let word = known.map_or("String", |key| key.value.as_str());
    let typed = parts.types.get(word);
    named.into_iter().chain(typed).flatten().map(String::as_str)
}

/// The first request of a region that is confirmed; the most realistic are tried first.
pub(super) fn find(universe: &Universe, region: &Region, confirms: impl Fn(&Request) -> bool) -> Option<Request> {
    let context = context(universe, region);
    let principal = principal(universe, region);
    let sketch = Sketch { universe, region, whereabouts: Whereabouts::of(&context) };
    let draw = |action: String, resource: String| Request {
        action,
        resource,
        principal: principal.clone(),
        context: context.clone(),
    };
    sketch.first(|action, resource| Some(draw(action, resource)).filter(|request| confirms(request)))
}

/// Where a request is made, so that its ARN tells the same as its keys.
struct Whereabouts {
    region: String,
    account: String,
}

impl Whereabouts {
    fn of(context: &BTreeMap<String, ContextValue>) -> Self {
        let part = |name: &str| PARTS.parts.get(name).cloned().unwrap_or_default();
        let one = |key: &str| match context.get(key) {
            Some(ContextValue::One(value)) => Some(value.clone()),
            _ => None,
        };
        Self {
            region: one("aws:RequestedRegion").unwrap_or_else(|| part("Region")),
            account: one("aws:ResourceAccount").unwrap_or_else(|| part("Account")),
        }
    }

    /// What stands in the fourth and fifth part of an ARN.
    fn parts(&self) -> [&str; 2] {
        [&self.region, &self.account]
    }

    /// An ARN format with its variables filled in.
    fn fill(&self, format: &str) -> String {
        let mut filled = String::with_capacity(format.len());
        let mut rest = format;
        while let Some((before, after)) = rest.split_once("${") {
            filled.push_str(before);
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            filled.push_str(match name {
                "Region" => &self.region,
                "Account" => &self.account,
                name => PARTS.parts.get(name).map_or("example", String::as_str),
            });
            rest = after;
        }
        filled.push_str(rest);
        filled
    }
}

/// Actions and resources of a region.
struct Sketch<'a> {
    universe: &'a Universe,
    region: &'a Region,
    whereabouts: Whereabouts,
}

impl Sketch<'_> {
    /// Tries known actions on what they act on, then known actions on anything, then anything.
    fn first(&self, attempt: impl Fn(String, String) -> Option<Request>) -> Option<Request> {
        let catalogue = Catalogue::get();
        let inside = |class: &Option<usize>| class.is_some_and(|class| contains(self.region, ACTION, class));
        let named = || {
            let named = classes(self.region, ACTION, self.universe.actions.classes());
            named.map(|class| self.universe.actions.example(class))
        };
        let common = COMMON.iter().filter(|(_, small)| inside(&self.universe.actions.class_of(small)));
        let common = common.map(|(action, _)| *action);
        let quick = common.chain(named().filter_map(|name| catalogue.action(&name)));
        let typed = |action: &Action| attempt(action.to_string(), self.own_resource(action)?);
        let (mut known, mut is_quick) = (None, false);
        for action in quick {
            is_quick = true;
            known.get_or_insert(action);
            if let Some(found) = typed(action) {
                return Some(found);
            }
        }
        // The catalogue is walked only where no common action will do, and only once.
        let all = || {
            let classes = catalogue.actions().iter().zip(self.universe.known_actions());
            classes.filter(|(_, class)| inside(class)).map(|(action, _)| action)
        };
        let mut walk = |action| {
            known.get_or_insert(action);
            typed(action)
        };
        let walked = if is_quick { None } else { all().find_map(&mut walk) };
        walked.or_else(|| {
            let known = known.map(ToString::to_string);
            let resources = classes(self.region, RESOURCE, self.universe.resources.classes());
            let mut resources = resources.map(|class| self.universe.resources.fill(class, &self.whereabouts.parts()));
            let action = known.or_else(|| named().next())?;
            resources.find_map(|resource| attempt(action.clone(), resource))
        })
    }

    /// A resource of the region that the action acts on; `*` for one that acts on none.
    fn own_resource(&self, action: &Action) -> Option<String> {
        let inside = |resource: &String| {
            let class = self.universe.resources.class_of(resource);
            class.is_some_and(|class| contains(self.region, RESOURCE, class))
        };
        let catalogue = Catalogue::get();
        // What an action is named after says most: an instance for `RunInstances`, not a reservation that it may use.
        let mut types: Vec<&ResourceType> = catalogue.targets(action).map(|target| target.resource).collect();
        types.sort_by_key(|named| !is_named_after(action.name, named.name));
        let formats = types.into_iter().flat_map(ResourceType::formats);
        let by_format = formats.map(|format| self.whereabouts.fill(format)).find(inside);
        let none = action.names_no_resource().then(|| "*".to_owned()).filter(inside);
        let by_pattern = || {
            let classes = classes(self.region, RESOURCE, self.universe.resources.classes());
            let mut filled = classes.map(|class| self.universe.resources.fill(class, &self.whereabouts.parts()));
            filled.find(|resource| acts_on(action, resource) && inside(resource))
        };
        none.or(by_format).or_else(by_pattern)
    }
}

/// Whether the letters of a type stand in the name of an action: `capacity-reservation` in `CancelCapacityReservation`.
fn is_named_after(action: &str, named: &str) -> bool {
    action.to_ascii_lowercase().contains(&named.replace('-', "").to_ascii_lowercase())
}

/// Whether an ARN has the form of something that the action acts on: its letters, with anything for each variable.
fn acts_on(action: &Action, resource: &str) -> bool {
    let has_form = |format: &str| {
        let mut rest = resource;
        let mut fixed = format.split("${").map(|piece| piece.split_once('}').map_or(piece, |(_, after)| after));
        let begins = fixed.next().is_some_and(|first| rest.starts_with(first));
        begins
            && fixed.all(|piece| match rest.find(piece) {
                Some(at) => {
                    rest = rest.get(at + piece.len()..).unwrap_or("");
                    true
                }
                None => false,
            })
    };
    Catalogue::get().targets(action).flat_map(|target| target.resource.formats()).any(has_form)
}

fn contains(region: &Region, dimension: usize, class: usize) -> bool {
    region.get(dimension).is_none_or(|set| set.contains(class))
}

/// The first classes of a dimension that a region holds.
fn classes(region: &Region, dimension: usize, size: usize) -> impl Iterator<Item = usize> {
    (0..size).filter(move |class| contains(region, dimension, *class)).take(CLASSES)
}

/// Someone in the region; none where no policy asks who it is.
fn principal(universe: &Universe, region: &Region) -> Option<Principal> {
    let set = region.get(PRINCIPAL)?;
    let inside = |text: &str| universe.principals.class_of(text).is_some_and(|class| set.contains(class));
    if let Some(likely) = PARTS.principals.iter().find(|text| inside(text)) {
        return Some(read(likely));
    }
    let filled = || set.ones().take(CLASSES).map(|class| universe.principals.fill(class, &[]));
    // Where only an account is asked for, a role of it says more than a made-up ARN.
    let role = |text: String| {
        let account = text.strip_prefix("aws:arn:")?.split(':').nth(3)?.to_owned();
        Some(format!("aws:arn:aws:iam::{account}:role/Example")).filter(|role| inside(role))
    };
    let role = filled().find_map(role);
    role.or_else(|| filled().next()).map(|text| read(&text))
}

/// A principal from how the universe tells it: kind and name.
fn read(text: &str) -> Principal {
    match text.split_once(':') {
        Some(("aws", name)) => Principal::Aws(name.to_owned()),
        Some(("service", name)) => Principal::Service(name.to_owned()),
        Some(("federated", name)) => Principal::Federated(name.to_owned()),
        Some(("canonicaluser", name)) => Principal::CanonicalUser(name.to_owned()),
        _ => Principal::Anonymous,
    }
}

/// A value for every key that the region asks something of, and for every bound one.
fn context(universe: &Universe, region: &Region) -> BTreeMap<String, ContextValue> {
    let mut context = BTreeMap::new();
    for (name, value) in &universe.bound {
        if let Some(value) = value {
            context.insert(spelled(name, Catalogue::get().key(name)), ContextValue::One(value.clone()));
        }
    }
    for (name, key) in &universe.keys {
        if universe.bound.contains_key(name) {
            continue;
        }
        let value = if key.many { several(name, key, region) } else { one(name, key, region) };
        if let Some(value) = value {
            context.insert(spelled(name, key.known()), value);
        }
    }
    context
}

/// A key as AWS spells it, where it is known.
fn spelled(name: &str, known: Option<&ConditionKey>) -> String {
    match (known.map(|key| key.name), name.split_once('/')) {
        (Some(known), Some((_, tag))) => {
            known.split_once('/').map_or(name.to_owned(), |(prefix, _)| format!("{prefix}/{tag}"))
        }
        (Some(known), None) => known.to_owned(),
        (None, _) => name.to_owned(),
    }
}

/// The value of a key that has one; none where it may be missing.
fn one(name: &str, key: &Key, region: &Region) -> Option<ContextValue> {
    let set = region.get(key.dimension)?;
    let always = key.known().is_some_and(|key| key.presence != Presence::Sometimes);
    if set.contains(0) && (!always || set.count_ones(..) == 1) {
        return None;
    }
    let mut classes = FixedBitSet::with_capacity(key.classes());
    classes.extend(set.ones().filter_map(|class| class.checked_sub(1)));
    value(name, key, &classes).map(ContextValue::One)
}

/// The values of a key that may have several: one of each class that must be there.
fn several(name: &str, key: &Key, region: &Region) -> Option<ContextValue> {
    let wanted =
        (0..key.classes()).filter(|class| region.get(key.dimension + class).is_some_and(|set| set.contains(1)));
    let values = wanted.filter_map(|class| {
        let mut only = FixedBitSet::with_capacity(key.classes());
        only.insert(class);
        value(name, key, &only)
    });
    let values: Vec<String> = values.collect();
    (!values.is_empty()).then_some(ContextValue::Many(values))
}

/// The likeliest value of some classes.
fn value(name: &str, key: &Key, classes: &FixedBitSet) -> Option<String> {
    let inside = |value: &&str| key.class_of(value).is_some_and(|class| classes.contains(class));
    let filled = || classes.ones().next().map(|class| key.fill(class));
    likely(name, key.known()).find(inside).map(ToOwned::to_owned).or_else(filled)
}
