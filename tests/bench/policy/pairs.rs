//! The labelled pairs, and what one takes. In: the file of pairs. Out: stacks, and figures about them. It never measures a
//! pair of which nothing could be told: that is a missed goal.

use std::path::{Path, PathBuf};

use guardline::policy::cause;
use guardline::policy::decide::{Engine, Options, Verdict, decide};
use guardline::policy::document::Kind;
use guardline::policy::levels::{File, from_files};
use guardline::policy::stack::Stack;
use serde::Deserialize;
use serde_json::Value;

use crate::figures::{Goals, Spread, milliseconds, milliseconds_with};

/// A pair as it is in the file.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Pair {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) old: Value,
    pub(crate) new: Value,
    pub(crate) weaker: bool,
}

/// What deciding one pair took, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    pub(crate) verdict: Verdict,
    pub(crate) decision: f64,
}

/// Every pair; none where the file is not there.
pub(crate) fn read() -> Vec<Pair> {
    let root = std::env::var_os("GUARDLINE_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    let path = root.join("policies/policy-pairs.jsonl");
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("skipped: there are no policy pairs at {}", path.display());
        return Vec::new();
    };
    text.lines().map(crate::from_json).collect()
}

impl Pair {
    /// Both sides, parsed, with `FullAWSAccess` where `guardline compare` puts it.
    pub(crate) fn stacks(&self) -> (Stack, Stack) {
        let kind = Kind::ALL.into_iter().find(|kind| kind.word() == self.kind).expect("a kind");
        let side = |value: &Value| {
            from_files(kind, vec![File { name: "document".to_owned(), text: value.to_string() }]).expect("a document")
        };
        let (mut old, mut new) = (side(&self.old), side(&self.new));
        if kind == Kind::Scp && !old.holds_an_allow() && !new.holds_an_allow() {
            old.put_full_access_beside();
            new.put_full_access_beside();
        }
        let stack = |mut side: guardline::policy::levels::Guardrails| side.stacks.pop().expect("a stack");
        (stack(old), stack(new))
    }
}

/// Measures each pair.
pub(crate) fn measure(pairs: &[Pair], goals: &mut Goals) -> Vec<Measured> {
    let options = Options::default();
    let stacks: Vec<(Stack, Stack)> = pairs.iter().map(Pair::stacks).collect();
    let measured: Vec<Measured> = (stacks.iter())
        .map(|(old, new)| Measured {
            verdict: decide(old, new, &options).verdict(),
            decision: milliseconds(|| decide(old, new, &options)),
        })
        .collect();
    let weaker = || {
        let both = stacks.iter().zip(&measured);
        both.filter(|(_, measured)| matches!(measured.verdict, Verdict::Weaker | Verdict::Mixed)).map(|(pair, _)| pair)
    };
    let universe = |(old, new): &(Stack, Stack)| Engine::new([old, new], &options).expect("a universe");
    let extents =
        Spread::of(weaker().map(|pair| milliseconds_with(|| universe(pair), |engine| engine.extent(&pair.0, &pair.1))));
    let causes = Spread::of(weaker().map(|(old, new)| milliseconds(|| cause::find(old, new, &options))));
    let decisions = Spread::of(measured.iter().map(|measured| measured.decision));
    println!("a pair, in milliseconds, the fastest of several runs");
    println!("{}", decisions.line("verdict and witness, both directions"));
    println!("{}", extents.line("extent, where it is weaker"));
    println!("{}", causes.line("causes, where it is weaker"));
    let unknown = measured.iter().filter(|measured| measured.verdict == Verdict::Unknown).count();
    goals.most("pairs that could not be told", unknown as f64, 0.0);
    goals.most("median, in milliseconds", decisions.at(0.5), 0.3);
    goals.most("p99, in milliseconds", decisions.at(0.99), 5.0);
    let mut slowest: Vec<(&Pair, f64)> = pairs.iter().zip(measured.iter().map(|measured| measured.decision)).collect();
    slowest.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    for (pair, took) in slowest.iter().take(3) {
        println!("  the slowest: {took:.3} {}", pair.id);
    }
    measured
}
