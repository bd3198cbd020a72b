//! Everything that a set of policies can tell apart. In come statements; out come dimensions (actions, resources,
//! principals, condition keys and what is not understood), each with its classes. Never compares two policies: both sides
//! of a comparison must stand in the same universe, or "the same class" means nothing.

use std::{collections::BTreeMap, net::IpAddr, sync::OnceLock};

use fixedbitset::FixedBitSet;
use ipnet::IpNet;
use rustc_hash::FxHashMap;

use super::{
    Limits,
    automaton::{Automaton, Budget},
    pattern::{Bindings, Reading, Token, tokens},
    scale,
};
use crate::policy::{
    catalogue::{Action, Catalogue, ConditionKey},
    document::Order,
};

/// A dimension that is too large to be decided about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TooLarge(pub(super) String);

/// A test that a policy makes of a value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Test {
    /// Its letters match this pattern of the dimension.
    Letters(u32),
    /// It is a number that stands so to this one, in [units](scale::number).
    Number(Order, i128),
    /// It is a moment that stands so to this one.
    Moment(Order, i128),
    /// It is an address in this range.
    Address(IpNet),
}

/// Patterns of one dimension, numbered.
#[derive(Debug, Default)]
pub(super) struct Patterns {
    numbers: FxHashMap<Vec<Token>, u32>,
    list: Vec<Vec<Token>>,
}

impl Patterns {
    /// The number of a pattern.
    pub(super) fn number(&mut self, tokens: Vec<Token>) -> u32 {
        let next = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        *self.numbers.entry(tokens).or_insert_with_key(|tokens| {
            self.list.push(tokens.clone());
            next
        })
    }
}

/// What is asked of one condition key.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// Its patterns.
    pub(super) patterns: Patterns,
    /// The numbers that it is compared with.
    pub(super) numbers: Vec<i128>,
    /// The moments that it is compared with.
    pub(super) moments: Vec<i128>,
    /// The ranges that it is looked for in.
    pub(super) ranges: Vec<IpNet>,
    /// Whether a request may give it several values.
    pub(super) many: bool,
    /// Whether AWS says that it never has more than one.
    pub(super) single: bool,
    /// What AWS says of it, where the catalogue has it; to look that up once is enough.
    pub(super) known: Option<&'static ConditionKey>,
}

/// What all policies together ask, before it is sorted into classes.
#[derive(Debug, Default)]
pub(super) struct Questions {
    /// Of the action.
    pub(super) actions: Patterns,
    /// Of the resource.
    pub(super) resources: Patterns,
    /// Of the principal.
    pub(super) principals: Patterns,
    /// Of each condition key, in lower case.
    pub(super) keys: BTreeMap<String, Asked>,
    /// What is not understood, by its normal text.
    pub(super) opaque: BTreeMap<String, Opaque>,
}

/// Something that is not understood: it may hold or not, and is the same on both sides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Opaque {
    /// The keys of the variables it hangs on; none when it is an operator or value that nobody knows.
    pub(super) variables: Vec<String>,
}

/// Texts of one dimension.
#[derive(Debug)]
pub(super) struct Letters {
    automaton: Automaton,
    patterns: Vec<Vec<Token>>,
    /// By pattern: its classes.
    matches: Vec<FixedBitSet>,
}

/// A condition key.
#[derive(Debug)]
pub(super) struct Key {
    /// Whether a request may give it several values: then each class is a dimension of its own, "some value is in it".
    pub(super) many: bool,
    /// Its first dimension. With one value: class 0 is "missing", and class n + 1 is n here.
    pub(super) dimension: usize,
    letters: Letters,
    numbers: Vec<i128>,
    moments: Vec<i128>,
    addresses: Vec<IpAddr>,
    asked: Asked,
}

/// All dimensions.
#[derive(Debug)]
pub(super) struct Universe {
    pub(super) actions: Letters,
    pub(super) resources: Letters,
    pub(super) principals: Letters,
    pub(super) keys: BTreeMap<String, Key>,
    /// By normal text: its dimension and what it is.
    pub(super) opaque: BTreeMap<String, (usize, Opaque)>,
    /// The keys that have one value only.
    pub(super) bound: Bindings,
    /// By place in the catalogue: the class of an action.
    known: OnceLock<Vec<Option<usize>>>,
}

/// The dimension of actions.
pub(super) const ACTION: usize = 0;
/// The dimension of resources.
pub(super) const RESOURCE: usize = 1;
/// The dimension of principals.
pub(super) const PRINCIPAL: usize = 2;

impl Universe {
    /// Sorts everything that is asked into classes.
    pub(super) fn new(asked: Questions, bound: Bindings, limits: &Limits) -> Result<Self, TooLarge> {
        let letters = |name: &str, patterns: Patterns, shapes: &[Vec<Token>]| {
            Letters::new(patterns, shapes, limits).ok_or_else(|| TooLarge(name.to_owned()))
        };
        let arn = |text| tokens(text, Reading::Arn);
        // `service:Name`: one colon, and something on both sides of it.
        let part = [Token::One { crosses: false }, Token::Any { crosses: false }];
        let action_shape = [&part[..], &[Token::Exact(':')], &part].concat();
        let actions = letters("action", asked.actions, &[action_shape])?;
        let resource_shapes = [vec![Token::Exact('*')], arn("arn:?*:?*:*:*:*")];
        let resources = letters("resource", asked.resources, &resource_shapes)?;
        let principal_shapes =
            ["aws:arn:?*:?*::*:*", "service:?*", "federated:?*", "canonicaluser:?*", "anonymous"].map(principal_shape);
        let principals = letters("principal", asked.principals, &principal_shapes)?;
        let mut dimension = PRINCIPAL + 1;
        let mut keys = BTreeMap::new();
        for (name, asked) in asked.keys {
            let key = Key::new(asked, dimension, limits).ok_or_else(|| TooLarge(name.clone()))?;
            dimension += key.dimensions();
            keys.insert(name, key);
        }
        let mut opaque = BTreeMap::new();
        for (text, what) in asked.opaque {
            opaque.insert(text, (dimension, what));
            dimension += 1;
        }
        Ok(Self { actions, resources, principals, keys, opaque, bound, known: OnceLock::new() })
    }

    /// The classes of all known actions, in the order of the catalogue: found once, for that is a long walk.
    pub(super) fn known_actions(&self) -> &[Option<usize>] {
        self.known.get_or_init(|| {
            let automaton = &self.actions.automaton;
            // AWS writes its actions in ASCII.
            let lower = |text: &'static str| text.bytes().map(|letter| char::from(letter.to_ascii_lowercase()));
            let (mut service, mut begun) = ("", 0);
            let class = |action: &Action| {
                if action.service != service {
                    service = action.service;
                    begun = automaton.after(0, lower(service).chain([':']));
                }
                automaton.class_at(automaton.after(begun, lower(action.name)))
            };
            Catalogue::get().actions().iter().map(class).collect()
        })
    }
}

/// Principals are told as `kind:name`; of an AWS principal's ARN the parts are looked at.
fn principal_shape(text: &str) -> Vec<Token> {
    // One part more than an ARN: what is left of the first colon.
    let crosses = |at: usize| text.split(':').count() < 7 || text.chars().take(at).filter(|c| *c == ':').count() >= 6;
    text.chars()
        .enumerate()
        .map(|(at, letter)| match letter {
            '*' => Token::Any { crosses: crosses(at) },
            '?' => Token::One { crosses: crosses(at) },
            letter => Token::Exact(letter),
        })
        .collect()
}

impl Letters {
    fn new(patterns: Patterns, shapes: &[Vec<Token>], limits: &Limits) -> Option<Self> {
        let budget = Budget { states: limits.states, places: limits.states.saturating_mul(100) };
        let patterns = patterns.list;
        let automaton = Automaton::new(&patterns, shapes, budget).ok()?;
        // A set of classes for each pattern: the product is what takes memory.
        if automaton.classes().saturating_mul(patterns.len()) > limits.states.saturating_mul(2_000) {
            return None;
        }
        let matches = automaton.matches(patterns.len());
        Some(Self { automaton, patterns, matches })
    }

    /// How many classes there are.
    pub(super) fn classes(&self) -> usize {
        self.automaton.classes()
    }

    /// The classes that some of the patterns match.
    pub(super) fn any(&self, patterns: &[u32]) -> FixedBitSet {
        let mut set = FixedBitSet::with_capacity(self.classes());
        for one in patterns.iter().filter_map(|pattern| self.matches.get(*pattern as usize)) {
            set.union_with(one);
        }
        set
    }

    /// The class of a text; none when no request can have it.
    pub(super) fn class_of(&self, text: &str) -> Option<usize> {
        self.automaton.class_of(text)
    }

    /// A shortest text of a class.
    pub(super) fn example(&self, class: usize) -> String {
        self.automaton.example(class)
    }

    /// The pattern that says most about a class: of all that match it, the one with the most letters.
    fn closest(&self, class: usize) -> Option<&[Token]> {
        let exact = |tokens: &&[Token]| {
            tokens.iter().filter(|token| matches!(token, Token::Exact(_) | Token::Folded(_))).count()
        };
        let accepted = self.automaton.accepted(class).iter();
        accepted.filter_map(|pattern| self.patterns.get(*pattern as usize).map(Vec::as_slice)).max_by_key(exact)
    }

    /// A text of a class that reads well: the pattern that says most about it, with words for its wildcards. `parts` are
    /// the words for the fourth and fifth part of an ARN.
    pub(super) fn fill(&self, class: usize, parts: &[&str]) -> String {
        let filled = self.closest(class).map(|tokens| filled(tokens, parts));
        filled.filter(|text| self.class_of(text) == Some(class)).unwrap_or_else(|| self.example(class))
    }
}

/// A pattern as a policy writes it.
fn written(tokens: &[Token]) -> String {
    let letter = |token: &Token| match token {
        Token::Exact(letter) | Token::Folded(letter) => *letter,
        Token::One { .. } => '?',
        Token::Any { .. } => '*',
    };
    tokens.iter().map(letter).collect()
}

/// A pattern with words for its wildcards.
fn filled(tokens: &[Token], parts: &[&str]) -> String {
    let (mut text, mut part) = (String::new(), 0_usize);
    for token in tokens {
        match token {
            Token::Exact(letter) | Token::Folded(letter) => {
                part += usize::from(*letter == ':');
                text.push(*letter);
            }
            Token::One { .. } => text.push('x'),
            Token::Any { .. } => text.push_str(part.checked_sub(3).and_then(|at| parts.get(at)).unwrap_or(&"example")),
        }
    }
    text
}

impl Key {
    fn new(mut asked: Asked, dimension: usize, limits: &Limits) -> Option<Self> {
        let letters = Letters::new(std::mem::take(&mut asked.patterns), &[], limits)?;
        if asked.ranges.len().max(asked.numbers.len()).max(asked.moments.len()) > limits.values {
            return None;
        }
        let key = Self {
            many: asked.many,
            dimension,
            letters,
            numbers: scale::numbers(asked.numbers.clone()),
            moments: scale::moments(asked.moments.clone()),
            addresses: if asked.ranges.is_empty() { Vec::new() } else { scale::addresses(&asked.ranges) },
            asked,
        };
        (key.classes() <= limits.states).then_some(key)
    }

    /// How many classes of values there are.
    pub(super) fn classes(&self) -> usize {
        self.radices().into_iter().fold(1, usize::saturating_mul)
    }

    /// What AWS says of it.
    pub(super) fn known(&self) -> Option<&'static ConditionKey> {
        self.asked.known
    }

    /// How many dimensions it takes.
    pub(super) fn dimensions(&self) -> usize {
        if self.many { self.classes() } else { 1 }
    }

    /// Letters, numbers, moments and addresses are looked at apart; a class is one of each. The last of a scale is "none".
    fn radices(&self) -> [usize; 4] {
        let scale = |values: usize| if values == 0 { 1 } else { values + 1 };
        let [numbers, moments, addresses] = [self.numbers.len(), self.moments.len(), self.addresses.len()].map(scale);
        [self.letters.classes(), numbers, moments, addresses]
    }

    /// Whether values are looked at in more than one way, so that a class may hold no value at all.
    pub(super) fn is_mixed(&self) -> bool {
        self.radices().into_iter().filter(|radix| *radix > 1).count() > 1
    }

    fn digits(&self, class: usize) -> [usize; 4] {
        let mut rest = class;
        self.radices().map(|radix| {
            let digit = rest % radix;
            rest /= radix;
            digit
        })
    }

    /// The classes whose values some of the tests hold for.
    pub(super) fn any(&self, tests: &[Test]) -> FixedBitSet {
        let classes = self.classes();
        let only_letters = self.radices().iter().skip(1).all(|radix| *radix == 1);
        let letters: Vec<u32> = tests.iter().filter_map(Test::letters).collect();
        let by_letters = self.letters.any(&letters);
        if only_letters {
            return by_letters;
        }
        let mut set = FixedBitSet::with_capacity(classes);
        for class in 0..classes {
            let [letter, number, moment, address] = self.digits(class);
            let holds = |test: &Test| match test {
                Test::Letters(_) => false,
                Test::Number(order, asked) => {
                    self.numbers.get(number).is_some_and(|value| scale::stands(value, *order, asked))
                }
                Test::Moment(order, asked) => {
                    self.moments.get(moment).is_some_and(|value| scale::stands(value, *order, asked))
                }
                Test::Address(net) => self.addresses.get(address).is_some_and(|value| net.contains(value)),
            };
            if by_letters.contains(letter) || tests.iter().any(holds) {
                set.insert(class);
            }
        }
        set
    }

    /// The class of a value; none when no class is known to hold it.
    pub(super) fn class_of(&self, value: &str) -> Option<usize> {
        let letters = self.letters.class_of(value)?;
        let place = |found: Option<usize>, values: usize| if values == 0 { 0 } else { found.unwrap_or(values) };
        let number = scale::nearby(value).and_then(|value| alike(&self.numbers, &self.asked.numbers, &value));
        let moment = scale::moment(value).and_then(|value| alike(&self.moments, &self.asked.moments, &value));
        let address = value.parse().ok().and_then(|value: IpAddr| {
            let inside =
                |known: &IpAddr| self.asked.ranges.iter().all(|net| net.contains(known) == net.contains(&value));
            self.addresses.iter().position(inside)
        });
        let digits = [
            letters,
            place(number, self.numbers.len()),
            place(moment, self.moments.len()),
            place(address, self.addresses.len()),
        ];
        let mut class = 0;
        for (digit, radix) in digits.into_iter().zip(self.radices()).rev() {
            class = class * radix + digit;
        }
        Some(class)
    }

    /// The pattern that says most about a class, as a policy writes it.
    pub(super) fn pattern(&self, class: usize) -> Option<String> {
        let [letters, ..] = self.digits(class);
        self.letters.closest(letters).map(written)
    }

    /// A value of a class, as a request would write it.
    pub(super) fn fill(&self, class: usize) -> String {
        let [letters, number, moment, address] = self.digits(class);
        let by_scale = self
            .numbers
            .get(number)
            .map(|units| scale::decimal(*units))
            .or_else(|| scale::written_moment(*self.moments.get(moment)?));
        let by_scale = by_scale.or_else(|| self.addresses.get(address).map(ToString::to_string));
        by_scale.unwrap_or_else(|| self.letters.fill(letters, &[]))
    }
}

/// The stretch that a value lies in: the one whose example stands to all values asked for as it does.
fn alike<T: PartialOrd>(examples: &[T], asked: &[T], value: &T) -> Option<usize> {
    examples.iter().position(|known| asked.iter().all(|asked| known.partial_cmp(asked) == value.partial_cmp(asked)))
}

impl Test {
    fn letters(&self) -> Option<u32> {
        match self {
            Self::Letters(pattern) => Some(*pattern),
            Self::Number(..) | Self::Moment(..) | Self::Address(_) => None,
        }
    }
}
