//! Verdicts against enumeration: random pairs of guardrails of every kind, over so few patterns that each request they can
//! tell apart is asked of the evaluator. In come bytes; out goes nothing but failures, shrunk and written as documents.
//!
//! What must hold: where everything is understood, the verdict is the one that the enumeration gives. Where it is not
//! (unknown operators, values that say nothing, variables, a key read in more than one way), the verdict may be unknown,
//! but "not weaker" is never said while some request, or some meaning of what is not understood, shows the opposite. Every
//! witness is confirmed.
//!
//! `GUARDLINE_CASES` says how many pairs a test draws, `GUARDLINE_SEED` which.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::literal_string_with_formatting_args,
    unreachable_pub,
    reason = "a test that cannot go on says why, policy variables look like format strings, and its parts are modules"
)]

mod complete;
mod draw;
mod pools;
mod said;
mod space;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Instant;

use guardline::policy::decide::{Direction, Options, decide as compare};
use guardline::policy::document::Kind;
use guardline::policy::evaluate::{Decision, decide, evaluate};
use guardline::policy::parse::parse;
use guardline::policy::request::Request;
use guardline::policy::stack::{Level, Named, Stack};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use serde_json::Value;

use self::draw::{Bytes, Case, Changed, Flavour};
use self::said::{Document, MEANINGS, Meaning};
use self::space::Space;
use super::solver_test::Question;

/// Pairs that a test draws when nobody says otherwise; with the eight tests more than 100,000.
const CASES: u32 = 13_000;

fn setting(name: &str, otherwise: u32) -> u32 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("`{name}` is a number")))
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {:?} bind {:?}", self.plan.kind, self.plan.flavour, self.plan.bind)?;
        for (side, documents) in [("old", &self.old), ("new", &self.new)] {
            for document in documents {
                writeln!(f, "{side} {}", document.text(None))?;
            }
        }
        Ok(())
    }
}

fn levels(levels: usize) -> impl Strategy<Value = Vec<(u8, Vec<Vec<u8>>)>> {
    let most = if levels == 1 { 4 } else { 3 };
    let statements = prop::collection::vec(prop::collection::vec(any::<u8>(), 36), 0..most);
    prop::collection::vec((any::<u8>(), statements), levels)
}

fn case(kind: Kind, many: usize) -> impl Strategy<Value = Case> {
    let edits = prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 40)), 1..2 + 2 * many);
    let changed = prop_oneof![edits.prop_map(Changed::By), levels(many).prop_map(Changed::Wholly)];
    let bytes = (prop::collection::vec(any::<u8>(), 64), levels(many), changed);
    bytes.prop_map(move |bytes: Bytes| Case::draw(kind, &bytes))
}

/// Random pairs, as questions for somebody else.
pub(super) fn drawn(seed: &str, kind: Kind, many: usize, cases: u32) -> Vec<Question> {
    let mut runner = TestRunner::new_with_rng(Config::default(), random(seed));
    let strategy = case(kind, many);
    let levels = |documents: &[Document]| -> Value {
        let document = |document: &Document| serde_json::from_str::<Value>(&document.text(None)).expect("JSON");
        documents.iter().map(|one| Value::Array(vec![document(one)])).collect()
    };
    let question = |number: u32| {
        let case = strategy.new_tree(&mut runner).expect("a case").current();
        Question {
            id: format!("{seed} {number}"),
            kind: kind.word(),
            old: levels(&case.old),
            new: levels(&case.new),
            bind: case.plan.bind.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        }
    };
    (0..cases).map(question).collect()
}

fn random(seed: &str) -> TestRng {
    let mut bytes = [0; 32];
    bytes.iter_mut().zip(seed.bytes()).for_each(|(byte, letter)| *byte = letter);
    TestRng::from_seed(RngAlgorithm::ChaCha, &bytes)
}

fn stack(kind: Kind, documents: &[Document], meaning: Meaning) -> Stack {
    let level = |document: &Document| {
        let text = document.text(meaning);
        let parsed =
            parse("p.json", &text).unwrap_or_else(|mistakes| panic!("{text}: {}", mistakes.render(false, 100)));
        Level { documents: vec![Named { name: "p".to_owned(), document: parsed.into() }] }
    };
    Stack { kind, levels: documents.iter().map(level).collect() }
}

/// A request that the second of two stacks allows and the first denies, and the other way round; and how many were asked.
fn differences(case: &Case, space: &Space, old: &Stack, new: &Stack) -> ([Option<Request>; 2], usize) {
    let (mut found, mut asked) = ([None, None], 0);
    space.each(&case.plan, |request| {
        asked += 1;
        match (decide(old, request), decide(new, request)) {
            (Decision::Denied, Decision::Allowed) => _ = found[0].get_or_insert_with(|| request.clone()),
            (Decision::Allowed, Decision::Denied) => _ = found[1].get_or_insert_with(|| request.clone()),
            _ => {}
        }
        found.iter().any(Option::is_none)
    });
    (found, asked)
}

/// What a test has seen.
#[derive(Default)]
struct Tally {
    verdicts: BTreeMap<(Flavour, &'static str), usize>,
    /// Directions that could not be told although a request shows the difference.
    missed: BTreeMap<Flavour, usize>,
    asked: usize,
}

fn check(case: &Case, tally: &RefCell<Tally>) -> Result<(), TestCaseError> {
    let (plan, kind, flavour) = (&case.plan, case.plan.kind, case.flavour());
    let [old, new] = [&case.old, &case.new].map(|documents| stack(kind, documents, None));
    let mut space = Space::of(plan);
    space.narrow(&case.has_several());
    let mut options = Options::default();
    if let Some((key, value)) = plan.bind {
        space.bind((key, value));
        options.bind.insert(key.to_owned(), value.to_owned());
    }
    let decision = compare(&old, &new, &options);
    let (expected, asked) = differences(case, &space, &old, &new);
    prop_assert!(asked <= draw::MOST, "{asked} requests");
    let sides = [(&old, &new), (&new, &old)];
    for ((direction, (from, to)), expected) in
        [&decision.weaker, &decision.stricter].into_iter().zip(sides).zip(&expected)
    {
        agrees(case, direction, expected.as_ref(), from, to)?;
        if let (Direction::Unknown(_), Some(_)) = (direction, expected) {
            *tally.borrow_mut().missed.entry(flavour).or_default() += 1;
        }
    }
    if flavour == Flavour::Odd {
        for meaning in 0..MEANINGS {
            let [old, new] = [&case.old, &case.new].map(|documents| stack(kind, documents, Some(meaning)));
            let (shown, _) = differences(case, &space, &old, &new);
            for (direction, shown) in [&decision.weaker, &decision.stricter].into_iter().zip(shown) {
                let contradicted = *direction == Direction::None && shown.is_some();
                prop_assert!(!contradicted, "called proven, but under meaning {meaning} {shown:?} shows the opposite");
            }
        }
    }
    let mut tally = tally.borrow_mut();
    *tally.verdicts.entry((flavour, decision.verdict().word())).or_default() += 1;
    tally.asked += asked;
    Ok(())
}

/// Whether one direction is what the enumeration found.
fn agrees(
    case: &Case,
    said: &Direction,
    found: Option<&Request>,
    from: &Stack,
    to: &Stack,
) -> Result<(), TestCaseError> {
    let is_plain = case.flavour() == Flavour::Plain;
    match said {
        Direction::None => prop_assert!(found.is_none(), "called proven, but {found:?} shows the opposite"),
        Direction::Some(witnesses) => {
            prop_assert!(!witnesses.is_empty(), "no witness");
            for witness in witnesses {
                let answers = [evaluate(from, witness).decision, evaluate(to, witness).decision];
                prop_assert_eq!(answers, [Decision::Denied, Decision::Allowed], "{:?}", witness);
            }
            // Without a version, what is odd elsewhere is text of its own, which has no points.
            let is_complete = is_plain && matches!(case.plan.flavour, Flavour::Plain | Flavour::Mixed);
            prop_assert!(!is_complete || found.is_some(), "no request shows it but {witnesses:?}");
        }
        Direction::Unknown(why) => {
            prop_assert!(!is_plain, "everything is understood, but: {why}; {found:?}");
        }
    }
    Ok(())
}

fn run(name: &str, kind: Kind, levels: usize) {
    let (cases, seed) = (setting("GUARDLINE_CASES", CASES), setting("GUARDLINE_SEED", 1));
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 20_000, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, random(&format!("{seed} {name}")));
    let (tally, started) = (RefCell::new(Tally::default()), Instant::now());
    let result = runner.run(&case(kind, levels), |case| check(&case, &tally));
    if let Err(error) = result {
        panic!("GUARDLINE_SEED={seed} GUARDLINE_CASES={cases}: {error}");
    }
    tally.into_inner().report(name, cases, started);
}

/// With fewer pairs shares say nothing.
const ENOUGH: u32 = 2_000;
/// The most pairs with variables, of a hundred, that may stay unknown.
const MOST_UNKNOWN: f64 = 6.0;
/// The words of all verdicts.
const WORDS: [&str; 5] = ["equivalent", "stricter", "weaker", "mixed", "unknown"];

impl Tally {
    fn of(&self, flavour: Option<Flavour>, verdict: Option<&str>) -> usize {
        let asked = self.verdicts.iter().filter(|((of, word), _)| {
            flavour.is_none_or(|flavour| flavour == *of) && verdict.is_none_or(|verdict| verdict == *word)
        });
        asked.map(|(_, count)| count).sum()
    }

    /// Says what was seen, and fails where it was too little to mean something.
    fn report(&self, name: &str, cases: u32, started: Instant) {
        let seconds = started.elapsed().as_secs_f64();
        let share = |part: usize, of: usize| 100.0 * part as f64 / of.max(1) as f64;
        println!("{name}: {cases} pairs, {} requests, {seconds:.1} s, {:.0}/s", self.asked, f64::from(cases) / seconds);
        let flavours = [Flavour::Plain, Flavour::Variables, Flavour::Odd, Flavour::Mixed].map(Some);
        for flavour in [None].into_iter().chain(flavours) {
            let all = self.of(flavour, None);
            let of = WORDS.map(|word| format!("{word} {:.1} %", share(self.of(flavour, Some(word)), all)));
            let missed = flavour.and_then(|flavour| self.missed.get(&flavour)).copied().unwrap_or_default();
            let name = flavour.map_or("all".to_owned(), |flavour| format!("{flavour:?}").to_lowercase());
            println!("  {name}: {all}, {}; {missed} differences not told", of.join(", "));
        }
        if cases < ENOUGH {
            return;
        }
        let variables = self.of(Some(Flavour::Variables), None);
        let unknown = share(self.of(Some(Flavour::Variables), Some("unknown")), variables);
        assert!(unknown < MOST_UNKNOWN, "{unknown:.1} % of {variables} pairs with variables cannot be told");
        for word in &WORDS[..4] {
            let part = share(self.of(None, Some(word)), self.of(None, None));
            assert!(
                (3.0..70.0).contains(&part),
                "{part:.1} % of the pairs are {word}: too one-sided to mean something"
            );
        }
    }
}

#[test]
fn identity_documents() {
    run("identity", Kind::Identity, 1);
}

#[test]
fn resource_documents() {
    run("resource", Kind::Resource, 1);
}

#[test]
fn service_control_documents() {
    run("scp", Kind::Scp, 1);
}

#[test]
fn resource_control_documents() {
    run("rcp", Kind::Rcp, 1);
}

#[test]
fn service_control_stacks() {
    run("scp stack", Kind::Scp, 3);
}

#[test]
fn more_service_control_stacks() {
    run("another scp stack", Kind::Scp, 3);
}

#[test]
fn resource_control_stacks() {
    run("rcp stack", Kind::Rcp, 3);
}

#[test]
fn identity_stacks() {
    run("identity stack", Kind::Identity, 3);
}
