//! Sorts all texts into classes that no given pattern can tell apart. In come patterns; out comes a deterministic
//! automaton whose accepting sets are the classes, each with a shortest text. Never holds more states than its budget.
//!
//! All patterns are followed at once: a state is the set of places that still live in them. A letter that no live place
//! asks for behaves like any other such letter, so one stands for all of them.

use std::hash::BuildHasher;

use fixedbitset::FixedBitSet;
use rustc_hash::{FxBuildHasher, FxHashMap};

use super::pattern::Token;

/// How much an automaton may hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    /// States at most.
    pub(super) states: usize,
    /// Live places of all states together at most.
    pub(super) places: usize,
}

/// The budget did not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooComplex;

/// Texts sorted into classes.
#[derive(Debug)]
pub(super) struct Automaton {
    states: Vec<State>,
    /// By state, one behind the other: the next states by letter, in the order of the letters.
    next: Vec<(char, u32)>,
    /// By class: the patterns it matches, in ascending order.
    accepts: Vec<Vec<u32>>,
    /// By class: the state in which its shortest text ends.
    ends: Vec<u32>,
    /// By state: the one before it and the letter between.
    before: Vec<(u32, char)>,
}

#[derive(Debug)]
struct State {
    /// Where its letters begin among all.
    letters: u32,
    /// The next state after any other letter.
    other: u32,
    class: Option<u32>,
}

/// Letters that stand for "any other", in the order they are tried.
const OTHERS: &str = "xyzabcdefghijklmnopqrstuvw0123456789-_XYZ";

impl Automaton {
    /// Follows `patterns`. Where `shapes` has patterns of its own, only texts that match one of them count.
    pub(super) fn new(patterns: &[Vec<Token>], shapes: &[Vec<Token>], budget: Budget) -> Result<Self, TooComplex> {
        let mut builder = Builder::new(patterns, shapes, budget)?;
        let start = builder.start()?;
        let mut found = Self {
            states: Vec::new(),
            next: Vec::new(),
            accepts: Vec::new(),
            ends: Vec::new(),
            before: vec![(start, '\0')],
        };
        let mut classes: FxHashMap<Vec<u32>, u32> = FxHashMap::default();
        // What a state is followed by, kept to be used again.
        let (mut places, mut accepted, mut letters, mut live) = (Vec::new(), Vec::new(), Vec::new(), Live::default());
        // States are numbered in the order they are reached, shortest texts first.
        while builder.rows.get(found.states.len(), &mut places) {
            let number = as_u32(found.states.len());
            let class = builder.accepted(&places, &mut accepted).then(|| match classes.get(&accepted) {
                Some(class) => *class,
                None => {
                    let class = as_u32(classes.len());
                    classes.insert(accepted.clone(), class);
                    found.accepts.push(accepted.clone());
                    found.ends.push(number);
                    class
                }
            });
            builder.sort(&places, &mut live);
            let other_letter = Builder::alphabet(&live, &mut letters);
            let first = found.next.len();
            for letter in &letters {
                let state = builder.step(&live, *letter)?;
                found.next.push((*letter, state));
                found.reach(state, number, *letter);
            }
            let other = builder.step(&live, other_letter)?;
            found.reach(other, number, other_letter);
            // What goes where every other letter goes need not be listed.
            let mut kept = first;
            for at in first..found.next.len() {
                if found.next.get(at).is_some_and(|(_, state)| *state != other) {
                    found.next.swap(kept, at);
                    kept += 1;
                }
            }
            found.next.truncate(kept);
            found.states.push(State { letters: as_u32(first), other, class });
        }
        Ok(found)
    }

    fn reach(&mut self, state: u32, from: u32, letter: char) {
        if state as usize == self.before.len() {
            self.before.push((from, letter));
        }
    }

    /// How many classes there are.
    pub(super) fn classes(&self) -> usize {
        self.accepts.len()
    }

    /// The patterns that a class matches.
    pub(super) fn accepted(&self, class: usize) -> &[u32] {
        self.accepts.get(class).map_or(&[], Vec::as_slice)
    }

    /// For each of `patterns` many patterns, the classes that it matches.
    pub(super) fn matches(&self, patterns: usize) -> Vec<FixedBitSet> {
        let mut sets = vec![FixedBitSet::with_capacity(self.classes()); patterns];
        for (class, accepted) in self.accepts.iter().enumerate() {
            for pattern in accepted {
                if let Some(set) = sets.get_mut(*pattern as usize) {
                    set.insert(class);
                }
            }
        }
        sets
    }

    /// The class of a text; none where it has not the shape asked for.
    pub(super) fn class_of(&self, text: &str) -> Option<usize> {
        self.class_at(self.after(0, text.chars()))
    }

    /// The state in which letters end that are read from another state; the first is 0.
    pub(super) fn after(&self, state: u32, letters: impl IntoIterator<Item = char>) -> u32 {
        let mut number = state;
        for letter in letters {
            let Some((state, next)) = self.state(number) else { break };
            let at = next.binary_search_by_key(&letter, |(letter, _)| *letter);
            let to = at.ok().and_then(|at| next.get(at)).map_or(state.other, |(_, next)| *next);
            // What leads nowhere else is the end, whatever else follows.
            if to == number && next.is_empty() {
                break;
            }
            number = to;
        }
        number
    }

    /// A state and its letters.
    fn state(&self, number: u32) -> Option<(&State, &[(char, u32)])> {
        let number = number as usize;
        let state = self.states.get(number)?;
        let end = self.states.get(number + 1).map_or(self.next.len(), |next| next.letters as usize);
        Some((state, self.next.get(state.letters as usize..end)?))
    }

    /// The class of the texts that end in a state.
    pub(super) fn class_at(&self, state: u32) -> Option<usize> {
        self.states.get(state as usize)?.class.map(|class| class as usize)
    }

    /// A shortest text of a class.
    pub(super) fn example(&self, class: usize) -> String {
        let mut letters = Vec::new();
        let mut state = self.ends.get(class).copied().unwrap_or(0);
        while state != 0 {
            let Some((before, letter)) = self.before.get(state as usize) else { break };
            letters.push(*letter);
            state = *before;
        }
        letters.iter().rev().collect()
    }
}

/// The sets of live places and what follows them.
struct Builder {
    /// All patterns behind each other, the shapes last; `None` ends each.
    tokens: Vec<Option<Token>>,
    /// By place: its pattern.
    pattern: Vec<u32>,
    starts: Vec<u32>,
    /// Patterns from this one on are shapes.
    first_shape: u32,
    shaped: bool,
    rows: Rows,
    budget: Budget,
    /// One row a state is built in, kept to be used again.
    row: Vec<u32>,
}

impl Builder {
    fn new(patterns: &[Vec<Token>], shapes: &[Vec<Token>], budget: Budget) -> Result<Self, TooComplex> {
        let (mut tokens, mut pattern, mut starts) = (Vec::new(), Vec::new(), Vec::new());
        for (number, one) in patterns.iter().chain(shapes).enumerate() {
            starts.push(as_u32(tokens.len()));
            tokens.extend(one.iter().copied().map(Some));
            tokens.push(None);
            pattern.resize(tokens.len(), as_u32(number));
            if tokens.len() > budget.places {
                return Err(TooComplex);
            }
        }
        Ok(Self {
            tokens,
            pattern,
            starts,
            first_shape: as_u32(patterns.len()),
            shaped: !shapes.is_empty(),
            rows: Rows::default(),
            budget,
            row: Vec::new(),
        })
    }

    fn start(&mut self) -> Result<u32, TooComplex> {
        let mut row = std::mem::take(&mut self.row);
        row.clear();
        for start in &self.starts {
            self.enter(*start, &mut row);
        }
        self.number(row)
    }

    /// A place, and the one after it when it is a star: a star may stand for nothing.
    fn enter(&self, place: u32, row: &mut Vec<u32>) {
        row.push(place);
        if let Some(Some(Token::Any { .. })) = self.tokens.get(place as usize) {
            self.enter(place + 1, row);
        }
    }

    /// Sorts the places of a state by what they wait for.
    fn sort(&self, places: &[u32], live: &mut Live) {
        live.exact.clear();
        live.others.clear();
        for place in places {
            match self.tokens.get(*place as usize) {
                Some(Some(Token::Exact(letter))) => live.exact.push((*letter, *place)),
                Some(Some(token)) => live.others.push((*token, *place)),
                Some(None) | None => {}
            }
        }
        live.exact.sort_unstable();
    }

    fn step(&mut self, live: &Live, letter: char) -> Result<u32, TooComplex> {
        let mut row = std::mem::take(&mut self.row);
        row.clear();
        let first = live.exact.partition_point(|(asked, _)| *asked < letter);
        for (_, place) in live.exact.iter().skip(first).take_while(|(asked, _)| *asked == letter) {
            self.enter(place + 1, &mut row);
        }
        for (token, place) in &live.others {
            match token {
                Token::Folded(asked) if fold(letter) == *asked => self.enter(place + 1, &mut row),
                Token::One { crosses } if *crosses || letter != ':' => self.enter(place + 1, &mut row),
                Token::Any { crosses } if *crosses || letter != ':' => self.enter(*place, &mut row),
                Token::Exact(_) | Token::Folded(_) | Token::One { .. } | Token::Any { .. } => {}
            }
        }
        self.number(row)
    }

    /// The number of a set of places; a new one waits to be followed.
    fn number(&mut self, mut row: Vec<u32>) -> Result<u32, TooComplex> {
        if !row.is_sorted_by(|one, next| one < next) {
            row.sort_unstable();
            row.dedup();
        }
        // No shape can be reached any more: all such texts are alike, and none counts.
        if self.shaped
            && row.last().and_then(|last| self.pattern.get(*last as usize)).is_none_or(|last| *last < self.first_shape)
        {
            row.clear();
        }
        let known = self.rows.len();
        let number = self.rows.number(&row);
        if number == known {
            self.budget.places = self.budget.places.checked_sub(row.len()).ok_or(TooComplex)?;
            if number >= self.budget.states {
                return Err(TooComplex);
            }
        }
        self.row = row;
        Ok(as_u32(number))
    }

    /// Whether texts that end here count, and the patterns that end here. Where a shape is asked for, one must end here.
    fn accepted(&self, places: &[u32], accepted: &mut Vec<u32>) -> bool {
        let ended = places.iter().filter(|place| matches!(self.tokens.get(**place as usize), Some(None)));
        accepted.clear();
        accepted.extend(ended.filter_map(|place| self.pattern.get(*place as usize).copied()));
        let patterns = accepted.partition_point(|pattern| *pattern < self.first_shape);
        let counts = !self.shaped || accepted.len() > patterns;
        accepted.truncate(patterns);
        counts
    }

    /// The letters that live places tell apart, in order; out comes one that stands for all others.
    fn alphabet(live: &Live, letters: &mut Vec<char>) -> char {
        letters.clear();
        letters.extend(live.exact.iter().map(|(letter, _)| *letter));
        for (token, _) in &live.others {
            match token {
                Token::Folded(letter) => {
                    letters.push(*letter);
                    letters.extend(letter.to_uppercase().filter(|upper| fold(*upper) == *letter));
                    letters.extend(other_capital(*letter));
                }
                Token::One { crosses: false } | Token::Any { crosses: false } => letters.push(':'),
                Token::Exact(_) | Token::One { .. } | Token::Any { .. } => {}
            }
        }
        letters.sort_unstable();
        letters.dedup();
        let unused = |letter: &char| *letter != ':' && letters.binary_search(letter).is_err();
        let many = (char::from(b'!')..=char::MAX).filter(|letter| !letter.is_uppercase() && !letter.is_control());
        OTHERS.chars().chain(many).find(unused).unwrap_or('x')
    }
}

/// The places of a state.
#[derive(Default)]
struct Live {
    /// Those that wait for one letter, in the order of the letters.
    exact: Vec<(char, u32)>,
    others: Vec<(Token, u32)>,
}

/// Sets of places behind each other, each once and numbered: there are many, and most are small.
#[derive(Default)]
struct Rows {
    places: Vec<u32>,
    /// By number: where its places end, and its hash.
    ends: Vec<(usize, u64)>,
    /// By hash: numbers, one more than they are; zero where there is none. At least half of them are.
    table: Vec<u32>,
}

impl Rows {
    fn len(&self) -> usize {
        self.ends.len()
    }

    fn row(&self, number: usize) -> Option<&[u32]> {
        let start = number.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).map(|(end, _)| *end))?;
        self.places.get(start..self.ends.get(number)?.0)
    }

    /// Copies a row out; false where there is none of this number.
    fn get(&self, number: usize, out: &mut Vec<u32>) -> bool {
        let row = self.row(number);
        out.clear();
        out.extend_from_slice(row.unwrap_or_default());
        row.is_some()
    }

    /// The number of a row; a new one is kept.
    fn number(&mut self, row: &[u32]) -> usize {
        if self.table.len() < 2 * (self.ends.len() + 1) {
            self.grow();
        }
        let hash = FxBuildHasher.hash_one(row);
        for place in probes(hash, self.table.len()) {
            let Some(slot) = self.table.get(place) else { break };
            let Some(number) = slot.checked_sub(1).map(|number| number as usize) else {
                return self.keep(row, hash, place);
            };
            if self.ends.get(number).is_some_and(|(_, known)| *known == hash) && self.row(number) == Some(row) {
                return number;
            }
        }
        self.len()
    }

    fn keep(&mut self, row: &[u32], hash: u64, place: usize) -> usize {
        self.places.extend_from_slice(row);
        self.ends.push((self.places.len(), hash));
        if let Some(slot) = self.table.get_mut(place) {
            *slot = as_u32(self.ends.len());
        }
        self.ends.len() - 1
    }

    fn grow(&mut self) {
        let size = (2 * self.table.len()).max(64);
        self.table.clear();
        self.table.resize(size, 0);
        for (number, (_, hash)) in self.ends.iter().enumerate() {
            let free = probes(*hash, size).find(|place| self.table.get(*place) == Some(&0));
            if let Some(slot) = free.and_then(|place| self.table.get_mut(place)) {
                *slot = as_u32(number + 1);
            }
        }
    }
}

/// Every place of a table whose size is a power of two, the likeliest for a hash first.
fn probes(hash: u64, size: usize) -> impl Iterator<Item = usize> {
    let first = hash as usize;
    (0..size).map(move |step| first.wrapping_add(step) & size.wrapping_sub(1))
}

/// The capital of a small letter that is not its usual one: signs that look like a letter, letters of two parts, and Greek
/// letters whose usual capital is written as two.
fn other_capital(small: char) -> Option<char> {
    Some(match small {
        'k' => '\u{212a}',
        'å' => '\u{212b}',
        'ω' => '\u{2126}',
        'ß' => '\u{1e9e}',
        'θ' => '\u{3f4}',
        'ǆ' => 'ǅ',
        'ǉ' => 'ǈ',
        'ǌ' => 'ǋ',
        'ǳ' => 'ǲ',
        '\u{1f80}'..='\u{1f87}' | '\u{1f90}'..='\u{1f97}' | '\u{1fa0}'..='\u{1fa7}' => {
            char::from_u32(u32::from(small) + 8)?
        }
        '\u{1fb3}' | '\u{1fc3}' | '\u{1ff3}' => char::from_u32(u32::from(small) + 9)?,
        _ => return None,
    })
}

fn fold(letter: char) -> char {
    let mut lower = letter.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(lower), None) => lower,
        _ => letter,
    }
}

fn as_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "a test that cannot go on says why")]

    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::super::pattern::{Reading, tokens};
    use super::*;

    const BUDGET: Budget = Budget { states: 10_000, places: 1_000_000 };

    fn automaton(patterns: &[&str], reading: Reading, shapes: &[Vec<Token>]) -> Automaton {
        let patterns: Vec<_> = patterns.iter().map(|text| tokens(text, reading)).collect();
        Automaton::new(&patterns, shapes, BUDGET).expect("small enough")
    }

    #[test]
    fn texts_are_sorted_by_what_matches_them() {
        let found = automaton(&["ec2:*", "ec2:run*", "s3:getobject"], Reading::Action, &[]);
        let class = |text: &str| found.class_of(text);
        assert_eq!(found.classes(), 4);
        assert_eq!(class("ec2:runinstances"), class("ec2:runx"));
        assert_ne!(class("ec2:runinstances"), class("ec2:startinstances"));
        assert_eq!(class("s3:getobjectx"), class("iam:createrole"));
        for number in 0..found.classes() {
            assert_eq!(found.class_of(&found.example(number)), Some(number));
        }
    }

    #[test]
    fn every_capital_of_a_letter_is_looked_at() {
        for capital in char::MIN..=char::MAX {
            let small = fold(capital);
            let usual = small == capital || small.to_uppercase().any(|upper| upper == capital);
            assert!(usual || other_capital(small) == Some(capital), "{capital} {small}");
        }
        let found =
            Automaton::new(&[vec![Token::Exact('k')], vec![Token::Exact('K')], vec![Token::Folded('k')]], &[], BUDGET);
        let found = found.expect("small enough");
        let kelvin = found.class_of("\u{212a}").expect("every text has a class");
        assert_eq!((found.classes(), found.accepted(kelvin)), (4, &[2][..]));
    }

    #[test]
    fn only_texts_of_the_shape_count() {
        let shapes = [tokens("?*:?*", Reading::Arn)];
        let found = automaton(&["*", "*:*"], Reading::Action, &shapes);
        assert_eq!(found.classes(), 1, "every action has a colon");
        assert_eq!(found.class_of("nocolon"), None);
    }

    #[test]
    fn what_is_too_large_is_said_to_be() {
        let many: Vec<_> = (0..14).map(|at| tokens(&format!("*a{}b*", "?".repeat(at)), Reading::Like)).collect();
        assert_eq!(Automaton::new(&many, &[], Budget { states: 500, places: 100_000 }).err(), Some(TooComplex));
    }

    /// Matching as it is written down in textbooks.
    fn matches(pattern: &[Token], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (None, Some(_)) => false,
            (Some((Token::Any { crosses }, rest)), _) => {
                matches(rest, text)
                    || text
                        .split_first()
                        .is_some_and(|(letter, after)| (*crosses || *letter != ':') && matches(pattern, after))
            }
            (Some((token, rest)), Some((letter, after))) => {
                let hit = match token {
                    Token::Exact(asked) => asked == letter,
                    Token::Folded(asked) => fold(*letter) == *asked,
                    Token::One { crosses } => *crosses || *letter != ':',
                    Token::Any { .. } => false,
                };
                hit && matches(rest, after)
            }
            (Some(_), None) => false,
        }
    }

    fn token() -> impl Strategy<Value = Token> {
        prop_oneof![
            prop_oneof![Just('a'), Just('b'), Just(':'), Just('A')].prop_map(Token::Exact),
            Just(Token::Folded('a')),
            any::<bool>().prop_map(|crosses| Token::One { crosses }),
            any::<bool>().prop_map(|crosses| Token::Any { crosses }),
        ]
    }

    proptest! {
        #[test]
        fn a_class_is_exactly_what_the_patterns_match(
            patterns in prop::collection::vec(prop::collection::vec(token(), 0..5), 1..5),
            texts in prop::collection::vec("[abAx:]{0,6}", 1..20),
        ) {
            let found = Automaton::new(&patterns, &[], BUDGET).expect("small enough");
            let sets = found.matches(patterns.len());
            let distinct: BTreeSet<_> = found.accepts.iter().collect();
            prop_assert_eq!(distinct.len(), found.classes());
            for text in texts.into_iter().chain((0..found.classes()).map(|class| found.example(class))) {
                let class = found.class_of(&text).expect("every text has a class");
                let letters: Vec<char> = text.chars().collect();
                for (pattern, set) in patterns.iter().zip(&sets) {
                    prop_assert_eq!(matches(pattern, &letters), set.contains(class), "{:?} {:?}", pattern, &text);
                }
            }
        }
    }
}
