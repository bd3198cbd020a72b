//! Statements as boxes. In come documents; first they say what they ask of requests, and once the universe has sorted that
//! into classes, out come the boxes of requests that each statement matches. Never decides what boxes add up to.
//!
//! Where the meaning comes from: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>
//! and <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html>

use fixedbitset::FixedBitSet;
use rustc_hash::FxHashMap;

use super::{
    Limits,
    pattern::{Bindings, Pattern, Reading, Token},
    region::Region,
    scale,
    universe::{ACTION, Asked, Key, Opaque, PRINCIPAL, Questions, RESOURCE, Test, Universe},
};
use crate::policy::catalogue::Catalogue;
use crate::policy::document::{
    Clause, Condition, Document, Effect, Operator, PrincipalClause, PrincipalKind, PrincipalName, Quantifier,
    Statement, Version, is_told_resource,
};

/// A statement whose patterns have numbers.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) effect: Effect,
    actions: Vec<Ask>,
    resources: Vec<Ask>,
    principals: Vec<Ask>,
    conditions: Vec<Conditioned>,
}

/// Some patterns or what hangs on variables; negated: none of them.
#[derive(Debug, Default)]
struct Ask {
    negated: bool,
    patterns: Vec<u32>,
    opaque: Vec<String>,
}

/// A condition whose tests are known.
#[derive(Debug)]
enum Conditioned {
    /// It is not understood, as a whole.
    Opaque(String),
    /// Whether the key may be missing, and whether it may be there.
    Null { key: String, missing: bool, present: bool },
    /// Some value of the key satisfies a test, or what is not understood.
    Values {
        key: String,
        quantifier: Option<Quantifier>,
        negated: bool,
        if_exists: bool,
        tests: Vec<Test>,
        opaque: Vec<String>,
    },
}

/// What a statement says, whatever it is called and wherever it stands: those that say the same have the same boxes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Said<'d> {
    version: Version,
    effect: Effect,
    actions: &'d [Clause],
    resources: &'d [Clause],
    principals: &'d [PrincipalClause],
    conditions: &'d [Condition],
}

impl<'d> Said<'d> {
    /// A statement of a document, in which principals count or do not.
    pub(super) fn of(document: &Document, statement: &'d Statement, principals: bool) -> Self {
        Self {
            version: document.version,
            effect: statement.effect,
            actions: &statement.actions,
            resources: &statement.resources,
            principals: if principals { &statement.principals } else { &[] },
            conditions: &statement.conditions,
        }
    }
}

/// Takes down the keys that a statement asks of, and whether a request may give them several values: the catalogue says so,
/// or a condition speaks of each or any of them and AWS does not rule it out.
pub(super) fn note_keys(said: &Said<'_>, asked: &mut Questions) {
    for condition in said.conditions {
        if let Some(known) = asked.keys.get_mut(&condition.key) {
            known.many |= condition.quantifier.is_some() && !known.single;
            continue;
        }
        let known = Catalogue::get().key(&condition.key);
        let single = known.is_some_and(|key| key.global && !key.multi_valued);
        let many = known.is_some_and(|key| key.multi_valued) || (condition.quantifier.is_some() && !single);
        asked.keys.insert(condition.key.clone(), Asked { many, single, known, ..Asked::default() });
    }
}

/// Takes down what statements ask.
pub(super) fn prepare(said: &[Said<'_>], bound: &Bindings, asked: &mut Questions) -> Vec<Prepared> {
    let mut clerk = Clerk { version: Version::default(), bound, asked, seen: FxHashMap::default() };
    said.iter().map(|said| clerk.statement(said)).collect()
}

struct Clerk<'d, 'a> {
    /// Of the statement at hand.
    version: Version,
    bound: &'a Bindings,
    asked: &'a mut Questions,
    /// What was read before: the same text asks the same under one reading and one version.
    seen: FxHashMap<(Reading, Version, &'d str), Read>,
}

/// A pattern of an action or a resource that was read.
#[derive(Clone, Debug)]
enum Read {
    Number(u32),
    Nothing,
    Opaque(String),
}

impl<'d> Clerk<'d, '_> {
    fn statement(&mut self, said: &Said<'d>) -> Prepared {
        self.version = said.version;
        Prepared {
            effect: said.effect,
            actions: said.actions.iter().map(|clause| self.clause(clause, Reading::Action)).collect(),
            resources: said.resources.iter().map(|clause| self.clause(clause, Reading::Arn)).collect(),
            principals: said.principals.iter().map(|clause| self.principals(clause)).collect(),
            conditions: said.conditions.iter().map(|condition| self.condition(condition)).collect(),
        }
    }

    fn clause(&mut self, clause: &'d Clause, reading: Reading) -> Ask {
        let mut ask = Ask { negated: clause.negated, ..Ask::default() };
        for text in &clause.patterns {
            let key = (reading, self.version, text.as_str());
            let read = match self.seen.get(&key) {
                Some(read) => read.clone(),
                None => {
                    let read = self.read(text, reading);
                    self.seen.insert(key, read.clone());
                    read
                }
            };
            match read {
                Read::Number(number) => ask.patterns.push(number),
                Read::Nothing => {}
                Read::Opaque(text) => ask.opaque.push(text),
            }
        }
        ask
    }

    fn read(&mut self, text: &str, reading: Reading) -> Read {
        if reading == Reading::Arn && !is_told_resource(text) {
            return Read::Opaque(self.opaque(format!("the resource `{text}`"), Vec::new()));
        }
        match Pattern::read(text, reading, self.version, self.bound) {
            Pattern::Tokens(tokens) if reading == Reading::Action => Read::Number(self.asked.actions.number(tokens)),
            Pattern::Tokens(tokens) => Read::Number(self.asked.resources.number(tokens)),
            Pattern::Nothing => Read::Nothing,
            Pattern::Open(keys) => Read::Opaque(self.opaque(format!("resource {text}"), keys)),
        }
    }

    fn principals(&mut self, clause: &PrincipalClause) -> Ask {
        let (told, open): (Vec<_>, Vec<_>) =
            clause.principals.iter().partition(|principal| principal.is_told(clause.negated));
        let patterns = told.into_iter().flat_map(principal_patterns);
        let patterns = patterns.map(|tokens| self.asked.principals.number(tokens)).collect();
        let element = if clause.negated { "NotPrincipal" } else { "Principal" };
        let opaque = open.into_iter().map(|open| self.opaque(format!("`{}` as `{element}`", open.name), Vec::new()));
        Ask { negated: clause.negated, patterns, opaque: opaque.collect() }
    }

    fn condition(&mut self, condition: &Condition) -> Conditioned {
        let key = condition.key.clone();
        match &condition.operator {
            Operator::Unknown(_) => self.whole(condition, Vec::new()),
            // AWS says nothing of a set prefix before `Null`.
            Operator::Null if condition.quantifier.is_some() => self.whole(condition, Vec::new()),
            Operator::Null => {
                let says = |word: &str| condition.values.iter().any(|value| value.eq_ignore_ascii_case(word));
                if condition.values.iter().all(|value| matches!(value.to_ascii_lowercase().as_str(), "true" | "false"))
                {
                    Conditioned::Null { key, missing: says("true"), present: says("false") }
                } else {
                    self.whole(condition, Vec::new())
                }
            }
            operator => self.values(condition, operator, key),
        }
    }

    fn values(&mut self, condition: &Condition, operator: &Operator, key: String) -> Conditioned {
        let (mut tests, mut opaque) = (Vec::new(), Vec::new());
        let many = self.asked.keys.get(&key).is_some_and(|asked| asked.many);
        for value in &condition.values {
            match self.test(operator, value, &key) {
                Tested::By(test) => tests.push(test),
                Tested::ByNothing => {}
                // Which value of several would satisfy it cannot be told: the condition is taken whole.
                Tested::Opaque(keys) if many => return self.whole(condition, keys),
                Tested::Opaque(keys) => {
                    let text = format!("{} {operator:?} {value}", condition.key);
                    opaque.push(self.opaque(text.replace("negated: true", "negated: false"), keys));
                }
            }
        }
        Conditioned::Values {
            key,
            quantifier: condition.quantifier,
            negated: operator.is_negated(),
            if_exists: condition.if_exists,
            tests,
            opaque,
        }
    }

    fn test(&mut self, operator: &Operator, value: &str, key: &str) -> Tested {
        let is_truth = || ["true", "false"].iter().any(|word| value.eq_ignore_ascii_case(word));
        let reading = match operator {
            Operator::Bool if !is_truth() => return Tested::Opaque(Vec::new()),
            Operator::StringEquals { .. } | Operator::BinaryEquals => Reading::Equals,
            Operator::StringEqualsIgnoreCase { .. } | Operator::Bool => Reading::EqualsFolded,
            Operator::StringLike { .. } => Reading::Like,
            Operator::Arn { .. } => Reading::Arn,
            Operator::Numeric(_)
            | Operator::Date(_)
            | Operator::IpAddress { .. }
            | Operator::Null
            | Operator::Unknown(_) => {
                return self.scaled(operator, value, key);
            }
        };
        let variables = !matches!(operator, Operator::Bool | Operator::BinaryEquals);
        let version = if variables { self.version } else { Version::V2008 };
        match Pattern::read(value, reading, version, self.bound) {
            Pattern::Tokens(tokens) => Tested::By(Test::Letters(self.key(key).patterns.number(tokens))),
            Pattern::Nothing => Tested::ByNothing,
            Pattern::Open(keys) => Tested::Opaque(keys),
        }
    }

    fn scaled(&mut self, operator: &Operator, value: &str, key: &str) -> Tested {
        let asked = self.key(key);
        let test = match operator {
            Operator::Numeric(order) => scale::number(value).map(|number| {
                asked.numbers.push(number);
                Test::Number(*order, number)
            }),
            Operator::Date(order) => scale::moment(value).map(|moment| {
                asked.moments.push(moment);
                Test::Moment(*order, moment)
            }),
            _ => scale::range(value).map(|net| {
                asked.ranges.push(net);
                Test::Address(net)
            }),
        };
        test.map_or(Tested::Opaque(Vec::new()), Tested::By)
    }

    fn key(&mut self, key: &str) -> &mut Asked {
        self.asked.keys.entry(key.to_owned()).or_default()
    }

    /// A condition that is not understood as a whole.
    fn whole(&mut self, condition: &Condition, variables: Vec<String>) -> Conditioned {
        let mut values = condition.values.clone();
        values.sort_unstable();
        let Condition { quantifier, operator, if_exists, key, .. } = condition;
        let mut text = format!("{quantifier:?} {operator:?} {if_exists} {key} {values:?}");
        // Without variables the same words may say something else.
        if self.version == Version::V2008 && values.iter().any(|value| value.contains("${")) {
            text.push_str(" without variables");
        }
        Conditioned::Opaque(self.opaque(text, variables))
    }

    fn opaque(&mut self, text: String, variables: Vec<String>) -> String {
        // Variables under another version are plain text there, and never come here.
        self.asked.opaque.entry(text.clone()).or_insert(Opaque { variables });
        text
    }
}

enum Tested {
    By(Test),
    ByNothing,
    Opaque(Vec<String>),
}

/// The texts that a principal of a policy stands for: an account for everyone in it, a role for its sessions too.
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>
fn principal_patterns(principal: &PrincipalName) -> Vec<Vec<Token>> {
    let name = &principal.name;
    let exact = |text: String| text.chars().map(Token::Exact).collect::<Vec<_>>();
    let everyone = vec![vec![Token::Any { crosses: true }]];
    let inside = |partition: Option<&str>, account: &str| {
        let part = Token::Any { crosses: false };
        let partition = partition.map_or_else(|| vec![part], |text| exact(text.to_owned()));
        let mut tokens = exact("aws:arn:".to_owned());
        tokens.extend(partition);
        // Principals belong to no region.
        tokens.extend([Token::Exact(':'), part]);
        tokens.extend(exact(format!("::{account}:")));
        tokens.push(Token::Any { crosses: true });
        vec![tokens]
    };
    let is_account = |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    match principal.kind {
        PrincipalKind::Everyone => everyone,
        PrincipalKind::Aws if name == "*" => everyone,
        PrincipalKind::Aws if is_account(name) => inside(None, name),
        PrincipalKind::Aws => {
            let parts: Vec<&str> = name.splitn(6, ':').collect();
            match parts.as_slice() {
                ["arn", partition, "iam", "", account, "root"] => inside(Some(partition), account),
                ["arn", partition, "iam", "", account, rest] if rest.starts_with("role/") => {
                    let role = rest.rsplit('/').next().unwrap_or(rest);
                    let mut sessions = exact(format!("aws:arn:{partition}:sts::{account}:assumed-role/{role}/"));
                    sessions.push(Token::Any { crosses: true });
                    vec![exact(format!("aws:{name}")), sessions]
                }
                _ => vec![exact(format!("aws:{name}"))],
            }
        }
        PrincipalKind::Service => vec![exact(format!("service:{name}"))],
        PrincipalKind::Federated => vec![exact(format!("federated:{name}"))],
        PrincipalKind::CanonicalUser => vec![exact(format!("canonicaluser:{name}"))],
    }
}

/// The boxes of requests that a statement matches; none when there would be too many.
pub(super) fn boxes(statement: &Prepared, universe: &Universe, limits: &Limits) -> Option<Vec<Region>> {
    let (mut boxes, mut alone) = (vec![Region::everything()], Vec::new());
    let asks = [(ACTION, &statement.actions), (RESOURCE, &statement.resources), (PRINCIPAL, &statement.principals)];
    for (dimension, asks) in asks {
        for ask in asks {
            boxes = product(&boxes, &ask.boxes(dimension, universe), limits)?;
        }
    }
    for condition in &statement.conditions {
        match condition.boxes(universe) {
            found if found.len() == 1 => alone.extend(found),
            found => boxes = product(&boxes, &found, limits)?,
        }
    }
    let Some(alone) = all(alone) else { return Some(Vec::new()) };
    product(&boxes, &[alone], limits)
}

/// The requests in all of the regions; none when there are none. Two and two are put together, so that very many do not
/// take the square of their number.
fn all(mut regions: Vec<Region>) -> Option<Region> {
    while regions.len() > 1 {
        let pairs = regions.chunks(2).map(|pair| match pair {
            [one, two] => one.and(two),
            rest => rest.first().cloned(),
        });
        regions = pairs.collect::<Option<_>>()?;
    }
    Some(regions.pop().unwrap_or_default())
}

fn product(left: &[Region], right: &[Region], limits: &Limits) -> Option<Vec<Region>> {
    if left.len().saturating_mul(right.len()) > limits.boxes {
        return None;
    }
    Some(left.iter().flat_map(|one| right.iter().filter_map(|two| one.and(two))).collect())
}

impl Ask {
    fn boxes(&self, dimension: usize, universe: &Universe) -> Vec<Region> {
        let letters = match dimension {
            ACTION => &universe.actions,
            RESOURCE => &universe.resources,
            _ => &universe.principals,
        };
        let mut set = letters.any(&self.patterns);
        if self.negated {
            set.toggle_range(..);
            let Some(region) = Region::of(dimension, set) else { return Vec::new() };
            return universe.none_of(&self.opaque).and_then(|none| region.and(&none)).into_iter().collect();
        }
        let plain = Region::of(dimension, set);
        plain.into_iter().chain(self.opaque.iter().filter_map(|text| universe.opaque_is(text, true))).collect()
    }
}

impl Conditioned {
    fn boxes(&self, universe: &Universe) -> Vec<Region> {
        match self {
            Self::Opaque(text) => universe.opaque_is(text, true).into_iter().collect(),
            Self::Null { key, missing, present } => {
                let Some(key) = universe.keys.get(key) else { return Vec::new() };
                let missing = missing.then(|| key.missing()).flatten();
                let present = if *present { key.present() } else { Vec::new() };
                missing.into_iter().chain(present).collect()
            }
            Self::Values { key, quantifier, negated, if_exists, tests, opaque } => {
                let Some(key) = universe.keys.get(key) else { return Vec::new() };
                let mut hit = key.any(tests);
                let all = *quantifier == Some(Quantifier::ForAllValues);
                let missing_holds = *if_exists || all || (*negated && *quantifier != Some(Quantifier::ForAnyValue));
                if *negated {
                    hit.toggle_range(..);
                }
                if key.many {
                    // A plain `Not…` asks it of each value.
                    let each = all || (*negated && quantifier.is_none());
                    return key.several(&hit, each, missing_holds);
                }
                let mut boxes: Vec<Region> = missing_holds.then(|| key.missing()).flatten().into_iter().collect();
                let hit = key.one_of(&hit);
                if *negated {
                    boxes.extend(hit.and_then(|hit| hit.and(&universe.none_of(opaque)?)));
                } else {
                    let there = key.present().into_iter().next();
                    let hidden = opaque.iter().filter_map(|text| there.as_ref()?.and(&universe.opaque_is(text, true)?));
                    boxes.extend(hit.into_iter().chain(hidden));
                }
                join(boxes)
            }
        }
    }
}

/// "Missing" and "one of these" are one box where nothing else stands between them.
fn join(boxes: Vec<Region>) -> Vec<Region> {
    if let [one, two] = boxes.as_slice() {
        let sets: Vec<_> = [one, two].iter().filter_map(|region| single(region)).collect();
        if let [(dimension, one), (other, two)] = sets.as_slice()
            && dimension == other
        {
            let mut set = FixedBitSet::clone(one);
            set.union_with(two);
            return Region::of(*dimension, set).into_iter().collect();
        }
    }
    boxes
}

fn single(region: &Region) -> Option<(usize, &FixedBitSet)> {
    let mut sets = region.sets();
    let first = sets.next();
    if sets.next().is_none() { first } else { None }
}

impl Key {
    /// The key is missing.
    pub(super) fn missing(&self) -> Option<Region> {
        if self.many {
            return self.each(&FixedBitSet::with_capacity(self.classes()));
        }
        let mut set = FixedBitSet::with_capacity(self.classes() + 1);
        set.insert(0);
        Region::of(self.dimension, set)
    }

    /// The key has a value; as one box with one value, a box a class with many.
    fn present(&self) -> Vec<Region> {
        let mut every = FixedBitSet::with_capacity(self.classes());
        every.insert_range(..);
        if self.many { self.several(&every, false, false) } else { self.one_of(&every).into_iter().collect() }
    }

    /// Its one value is in one of these classes.
    pub(super) fn one_of(&self, classes: &FixedBitSet) -> Option<Region> {
        let mut set = FixedBitSet::with_capacity(self.classes() + 1);
        set.extend(classes.ones().map(|class| class + 1));
        Region::of(self.dimension, set)
    }

    /// It has a value, and none outside these classes.
    pub(super) fn only(&self, classes: &FixedBitSet) -> Option<Region> {
        if self.many {
            let some = self.several(classes, false, false).into_iter().next()?;
            return self.each(classes)?.and(&some);
        }
        self.one_of(classes)
    }

    /// With many values: each of them is in one of these classes, or some value is.
    fn several(&self, classes: &FixedBitSet, each: bool, missing_holds: bool) -> Vec<Region> {
        if each {
            // No value at all is "each value" too.
            return self.each(classes).into_iter().collect();
        }
        let some = classes.ones().filter_map(|class| Region::of(self.dimension + class, bit(true)));
        some.chain(missing_holds.then(|| self.missing()).flatten()).collect()
    }

    /// No value is outside these classes.
    pub(super) fn each(&self, classes: &FixedBitSet) -> Option<Region> {
        let outside = (0..self.classes()).filter(|class| !classes.contains(*class));
        all(outside.filter_map(|class| Region::of(self.dimension + class, bit(false))).collect())
    }
}

impl Universe {
    fn opaque_is(&self, text: &str, holds: bool) -> Option<Region> {
        let (dimension, _) = self.opaque.get(text)?;
        Region::of(*dimension, bit(holds))
    }

    fn none_of(&self, opaque: &[String]) -> Option<Region> {
        all(opaque.iter().map(|text| self.opaque_is(text, false)).collect::<Option<_>>()?)
    }
}

/// The set that holds "no" (0) or "yes" (1).
fn bit(holds: bool) -> FixedBitSet {
    let mut set = FixedBitSet::with_capacity(2);
    set.insert(usize::from(holds));
    set
}
