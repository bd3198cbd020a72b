//! The decision procedure against an SMT solver. In: the labelled pairs, random pairs, and a Python that has z3; out: every
//! direction in which the two disagree. What the solver's language cannot say, or not in its time, is counted and not
//! compared. Without the Python nothing is compared, and that is a failure: `.ci/run` does not ask for it.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test that cannot go on says why")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use guardline::policy::decide::{Direction, Options, decide};
use guardline::policy::document::Kind;
use guardline::policy::levels::{File, Guardrails, from_files};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::enumerated_test::drawn;
use super::pairs_test::pairs;

/// One question for both.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Question {
    pub(super) id: String,
    pub(super) kind: &'static str,
    /// A document, or a list of levels.
    pub(super) old: Value,
    pub(super) new: Value,
    pub(super) bind: BTreeMap<String, String>,
}

/// What the solver says.
#[derive(Debug, Deserialize)]
struct Answer {
    id: String,
    not_expressible: Option<String>,
    weaker: Option<Checked>,
    stricter: Option<Checked>,
}

#[derive(Debug, Deserialize)]
struct Checked {
    answer: String,
}

impl Question {
    /// Both directions, the weaker one first.
    fn ours(&self) -> [Direction; 2] {
        let kind = Kind::ALL.into_iter().find(|kind| kind.word() == self.kind).expect("a kind");
        let side = |value: &Value| {
            from_files(kind, vec![File { name: "document".to_owned(), text: value.to_string() }]).expect("a document")
        };
        let (mut old, mut new) = (side(&self.old), side(&self.new));
        let alone = self.old.is_object() && self.new.is_object();
        if kind == Kind::Scp && alone && !old.holds_an_allow() && !new.holds_an_allow() {
            old.put_full_access_beside();
            new.put_full_access_beside();
        }
        let stack = |mut side: Guardrails| side.stacks.pop().expect("a stack");
        let decision = decide(&stack(old), &stack(new), &Options { bind: self.bind.clone(), ..Options::default() });
        [decision.weaker, decision.stricter]
    }
}

/// Asks the solver, in the order of the questions.
fn theirs(questions: &[Question]) -> Vec<Answer> {
    let Some(python) = std::env::var_os("GUARDLINE_Z3_PYTHON") else {
        panic!("GUARDLINE_Z3_PYTHON names no Python with what `tests/oracles/z3/requirements.txt` asks for");
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracles/z3/encode.py");
    let mut solver = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the Python of GUARDLINE_Z3_PYTHON starts");
    let mut input = solver.stdin.take().expect("a pipe");
    let output = BufReader::new(solver.stdout.take().expect("a pipe"));
    let answers = std::thread::scope(|scope| {
        scope.spawn(move || {
            for question in questions {
                let line = serde_json::to_string(question).expect("plain data");
                writeln!(input, "{line}").expect("a solver that reads");
            }
        });
        output.lines().map(|line| serde_json::from_str(&line.expect("a line")).expect("an answer")).collect()
    });
    assert!(solver.wait().expect("an end").success(), "the solver failed");
    answers
}

/// How the two compare in one direction; an error is a disagreement.
fn agree(ours: &Direction, theirs: &str) -> Result<&'static str, String> {
    match (ours, theirs) {
        (_, "unknown") => Ok("the solver ran out of time"),
        (Direction::Unknown(_), _) => Ok("ours cannot tell"),
        (Direction::None, "unsat") => Ok("both: no request"),
        (Direction::Some(_), "sat") => Ok("both: a request"),
        _ => Err(format!("ours {ours:?}, theirs {theirs}")),
    }
}

/// Compares both on every question; says how they compare, and fails on each disagreement.
fn compare(title: &str, questions: &[Question]) {
    let answers = theirs(questions);
    assert!(answers.iter().map(|answer| &answer.id).eq(questions.iter().map(|question| &question.id)));
    let (mut counts, mut apart) = (BTreeMap::<String, usize>::new(), Vec::new());
    for (question, answer) in questions.iter().zip(answers) {
        let (Some(weaker), Some(stricter)) = (answer.weaker, answer.stricter) else {
            let why = answer.not_expressible.expect("an answer, or a reason");
            // What stands between backticks is of one question alone.
            let why: String = why.split('`').step_by(2).collect::<Vec<_>>().join("…");
            *counts.entry(format!("not expressible (both directions): {why}")).or_default() += 2;
            continue;
        };
        for (ours, theirs) in question.ours().iter().zip([weaker, stricter]) {
            let outcome = agree(ours, &theirs.answer).unwrap_or_else(|how| {
                apart.push(format!("{how}: {}", serde_json::to_string(question).expect("plain data")));
                "apart"
            });
            *counts.entry(outcome.to_owned()).or_default() += 1;
        }
    }
    println!("{title}: {} pairs", questions.len());
    counts.iter().for_each(|(outcome, count)| println!("  {count:>6} {outcome}"));
    let count = |outcome: &str| counts.get(outcome).copied().unwrap_or_default();
    let least = questions.len() / 10;
    assert!(count("both: a request") > least && count("both: no request") > least, "too little was compared");
    apart.sort_by_key(String::len);
    let shown = apart.iter().take(12).cloned().collect::<Vec<_>>().join("\n");
    assert!(apart.is_empty(), "{} directions apart, the shortest of them:\n{shown}", apart.len());
}

#[test]
#[ignore = "needs a Python with z3, which `GUARDLINE_Z3_PYTHON` names"]
fn labelled_pairs_mean_the_same_to_a_solver() {
    let questions: Vec<Question> = pairs()
        .into_iter()
        .map(|pair| Question {
            id: pair.id,
            kind: Kind::ALL.into_iter().map(Kind::word).find(|kind| *kind == pair.kind).expect("a kind"),
            old: pair.old,
            new: pair.new,
            bind: BTreeMap::new(),
        })
        .collect();
    if !questions.is_empty() {
        compare("labelled pairs", &questions);
    }
}

/// `GUARDLINE_Z3_CASES` says how many pairs of each kind are drawn, `GUARDLINE_SEED` which.
#[test]
#[ignore = "needs a Python with z3, which `GUARDLINE_Z3_PYTHON` names"]
fn random_pairs_mean_the_same_to_a_solver() {
    let number = |name: &str, usual: u32| std::env::var(name).map_or(usual, |text| text.parse().expect("a number"));
    let (cases, seed) = (number("GUARDLINE_Z3_CASES", 100), number("GUARDLINE_SEED", 1));
    let shapes = [
        (Kind::Identity, 1),
        (Kind::Resource, 1),
        (Kind::Scp, 1),
        (Kind::Rcp, 1),
        (Kind::Scp, 3),
        (Kind::Rcp, 3),
        (Kind::Identity, 3),
    ];
    for (kind, levels) in shapes {
        let name = format!("{kind}, {levels} levels");
        compare(&name, &drawn(&format!("{seed} {name}"), kind, levels, cases));
    }
}
