//! The same pairs through an SMT solver, in the same run. In: the pairs, what each took, and the Python that has z3. Out:
//! the ratio of z3's `check()` to the whole decision. It never compares a pair of which one of the two could not tell.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use serde::Deserialize;
use serde_json::json;

use crate::figures::{Goals, Spread};
use crate::pairs::{Measured, Pair};

/// What the solver says of one pair.
#[derive(Debug, Deserialize)]
struct Answer {
    id: String,
    /// Why its language cannot say what the documents say.
    not_expressible: Option<String>,
    weaker: Option<Checked>,
    stricter: Option<Checked>,
}

#[derive(Debug, Deserialize)]
struct Checked {
    answer: String,
    milliseconds: f64,
}

/// Asks the solver, where there is one, and compares the times.
pub(crate) fn compare(pairs: &[Pair], measured: &[Measured], goals: &mut Goals) {
    let Some(python) = std::env::var_os("GUARDLINE_Z3_PYTHON") else {
        println!("skipped: GUARDLINE_Z3_PYTHON names no Python with z3, so there is nothing to compare with");
        return;
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
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        scope.spawn(move || {
            for Pair { id, kind, old, new, .. } in pairs {
                let line = json!({"id": id, "kind": kind, "old": old, "new": new});
                writeln!(input, "{line}").expect("a solver that reads");
            }
        });
        output.lines().map(|line| crate::from_json(&line.expect("a line"))).collect()
    });
    assert!(solver.wait().expect("an end").success(), "the solver failed");
    assert!(answers.iter().map(|answer| &answer.id).eq(pairs.iter().map(|pair| &pair.id)), "the solver lost pairs");
    let (mut theirs, mut ours, mut ratios, mut timeouts, mut other) = (Vec::new(), Vec::new(), Vec::new(), 0, 0);
    for (answer, measured) in answers.iter().zip(measured) {
        let (Some(weaker), Some(stricter), None) = (&answer.weaker, &answer.stricter, &answer.not_expressible) else {
            other += 1;
            continue;
        };
        timeouts += [weaker, stricter].iter().filter(|checked| checked.answer == "unknown").count();
        let took = weaker.milliseconds + stricter.milliseconds;
        theirs.push(took);
        ours.push(measured.decision);
        ratios.push(took / measured.decision);
    }
    println!("the same pairs, z3's check() of both directions, in milliseconds; {other} pairs cannot be expressed");
    println!("{}", Spread::of(theirs).line("z3"));
    println!("{}", Spread::of(ours).line("ours"));
    let ratios = Spread::of(ratios);
    println!("{}", ratios.line("z3 ÷ ours, pair by pair"));
    println!("  z3 ran out of time {timeouts} times; a direction that it gave up counts with the time until then");
    goals.least("z3 ÷ ours at the median", ratios.at(0.5), 10.0);
}
