//! Pairs of policies that others labelled: whether the new one lets more through. They are no part of the project: found
//! through `GUARDLINE_TEST_DATA`, else in `shared/data` beside it; where they are not there, this says so and passes.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on says why")]

use std::path::{Path, PathBuf};

use guardline::policy::{
    decide::{Direction, Options, Verdict, decide},
    document::Kind,
    parse::parse,
    stack::Stack,
};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Pair {
    id: String,
    kind: String,
    old: Value,
    new: Value,
    weaker: bool,
    stricter: Option<bool>,
}

fn pairs() -> Vec<Pair> {
    let root = std::env::var_os("GUARDLINE_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    let path = root.join("policies/policy-pairs.jsonl");
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("skipped: there are no policy pairs at {}", path.display());
        return Vec::new();
    };
    text.lines().map(|line| serde_json::from_str(line).expect("a pair")).collect()
}

fn stacks(pair: &Pair) -> (Stack, Stack) {
    let kind = Kind::ALL.into_iter().find(|kind| kind.word() == pair.kind).expect("a known kind");
    let side = |name, value: &Value| Stack::single(kind, name, parse(name, &value.to_string()).expect("a document"));
    let (old, new) = (side("old", &pair.old), side("new", &pair.new));
    if kind == Kind::Scp && !old.has_allow() && !new.has_allow() {
        return (old.beside_full_access(), new.beside_full_access());
    }
    (old, new)
}

#[test]
fn every_label_is_reached() {
    let mut wrong = Vec::new();
    for pair in pairs() {
        let (old, new) = stacks(&pair);
        let decision = decide(&old, &new, &Options::default());
        let verdict = decision.verdict();
        let weaker = matches!(verdict, Verdict::Weaker | Verdict::Mixed);
        let stricter = matches!(verdict, Verdict::Stricter | Verdict::Mixed);
        let right = verdict != Verdict::Unknown
            && weaker == pair.weaker
            && pair.stricter.is_none_or(|expected| expected == stricter)
            && !matches!(decision.stricter, Direction::Unknown(_));
        if !right {
            wrong.push(format!(
                "{}: {verdict:?}, labelled weaker {} stricter {:?}; {decision:?}",
                pair.id, pair.weaker, pair.stricter
            ));
        }
    }
    assert!(wrong.is_empty(), "{} pairs\n{}", wrong.len(), wrong.join("\n"));
}
