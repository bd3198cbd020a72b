//! The evaluator against one that nobody here wrote. In: random policies and requests, or the documents of a file, and the
//! directory where npm's `@cloud-copilot/iam-simulate` was installed; out: every disagreement that is not explained by
//! `tests/oracles/iam-simulate/explained.json` with AWS's documentation. Without the package nothing is compared, and
//! that is said; `.ci/run` installs it.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says why")]
#![allow(clippy::literal_string_with_formatting_args, reason = "policy variables look like them")]

mod cases;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use guardline::policy::document::Kind;
use guardline::policy::evaluate::{Decision, decide};
use guardline::policy::parse::parse;
use guardline::policy::request::Request;
use guardline::policy::stack::{Level, Named, Stack};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::cases::Dice;

/// One question for both.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Case {
    pub(crate) kind: &'static str,
    /// Documents by level, from the root down.
    pub(crate) levels: Vec<Vec<Value>>,
    pub(crate) request: Request,
}

impl Case {
    fn kind(&self) -> Kind {
        Kind::ALL.into_iter().find(|kind| kind.word() == self.kind).expect("a kind")
    }

    fn ours(&self) -> Decision {
        let document = |text: &Value| {
            let document = parse("case.json", &text.to_string());
            document.unwrap_or_else(|mistakes| panic!("{}", mistakes.render(false, 100)))
        };
        let level = |documents: &Vec<Value>| Level {
            documents: documents
                .iter()
                .map(|text| Named { name: "case".to_owned(), document: Arc::new(document(text)) })
                .collect(),
        };
        decide(&Stack { kind: self.kind(), levels: self.levels.iter().map(level).collect() }, &self.request)
    }
}

/// What the other evaluator says.
#[derive(Debug, Deserialize)]
struct Answer {
    decision: Option<String>,
    error: Option<String>,
}

/// A disagreement that AWS's documentation settles.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Explained {
    /// A name for it.
    id: String,
    /// How Guardline reads it.
    ours: String,
    /// How the other reads it.
    theirs: String,
    /// What AWS says, quoted.
    aws_says: String,
    /// Where.
    source: String,
}

/// Where the package is, when it was installed.
fn installed() -> Option<PathBuf> {
    let directory = PathBuf::from(std::env::var_os("GUARDLINE_IAM_SIMULATE")?);
    directory.join("node_modules/@cloud-copilot/iam-simulate").is_dir().then_some(directory)
}

fn number(variable: &str, otherwise: usize) -> usize {
    let said = std::env::var(variable).ok();
    said.map_or(otherwise, |said| said.parse().unwrap_or_else(|_| panic!("{variable} is no number: {said}")))
}

/// Asks the other evaluator, in the order of the cases.
fn theirs(directory: &Path, cases: &[Case]) -> Vec<Answer> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracles/iam-simulate/answer.mjs");
    let mut node = Command::new("node")
        .arg(script)
        .current_dir(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node starts");
    let mut input = node.stdin.take().expect("a stdin");
    let output = BufReader::new(node.stdout.take().expect("a stdout"));
    let answers = std::thread::scope(|scope| {
        scope.spawn(move || {
            for case in cases {
                let line = serde_json::to_string(case).expect("a case is JSON");
                writeln!(input, "{line}").expect("node reads");
            }
        });
        output.lines().map(|line| serde_json::from_str(&line.expect("a line")).expect("an answer")).collect()
    });
    assert!(node.wait().expect("an end").success(), "node failed");
    answers
}

/// Compares both on every case; says how they compare, and fails on what nothing explains.
fn compare(title: &str, cases: &[Case]) {
    let Some(directory) = installed() else {
        panic!("GUARDLINE_IAM_SIMULATE names no directory with the package; `.ci/run` says how to install it");
    };
    let explanations: Vec<Explained> =
        serde_json::from_str(include_str!("../oracles/iam-simulate/explained.json")).expect("explanations");
    for explained in &explanations {
        assert!(explained.source.starts_with("https://docs.aws.amazon.com/"), "{explained:?}");
        assert!([&explained.ours, &explained.theirs, &explained.aws_says].iter().all(|text| !text.is_empty()));
    }
    let answers = theirs(&directory, cases);
    assert_eq!(answers.len(), cases.len());
    let (mut counts, mut unexplained) = (BTreeMap::<String, usize>::new(), Vec::new());
    for (case, answer) in cases.iter().zip(answers) {
        let ours = case.ours();
        let Some(said) = answer.decision else {
            let error = answer.error.unwrap_or_default();
            *counts
                .entry(format!("theirs cannot tell: {}", error.chars().take(80).collect::<String>()))
                .or_default() += 1;
            continue;
        };
        let outcome = if ours == Decision::Unknown {
            "ours cannot tell".to_owned()
        } else if ours.word() == said {
            format!("both say {said}")
        } else if let Some(id) = cases::explanation(case) {
            assert!(explanations.iter().any(|explained| explained.id == id), "{id} is not explained");
            format!("explained by {id}")
        } else {
            unexplained.push(format!("ours {}, theirs {said}: {}", ours.word(), serde_json::json!(case)));
            "not explained".to_owned()
        };
        *counts.entry(outcome).or_default() += 1;
    }
    let told = format!("{title}: {} cases: {counts:?}\n", cases.len());
    std::io::stderr().write_all(told.as_bytes()).expect("stderr");
    let is_allowed = |outcome: &str| counts.get(outcome).copied().unwrap_or_default() * 20 > cases.len();
    assert!(is_allowed("both say allowed") && is_allowed("both say denied"), "the cases say too little: {told}");
    unexplained.sort_by_key(String::len);
    let shown = unexplained.iter().take(number("GUARDLINE_SHOWN", 12)).cloned().collect::<Vec<_>>().join("\n");
    assert!(unexplained.is_empty(), "{} disagreements, the shortest of them:\n{shown}", unexplained.len());
}

#[test]
#[ignore = "needs an npm package that is installed at test time; `.ci/run` does"]
fn random_policies_mean_the_same_to_both() {
    let mut dice = Dice::new(number("GUARDLINE_SEED", 1));
    let cases: Vec<Case> = (0..number("GUARDLINE_ORACLE_CASES", 20_000)).map(|_| cases::random(&mut dice)).collect();
    compare("random policies", &cases);
}

/// `GUARDLINE_POLICY_PAIRS` names a file with a pair of documents a line: `kind`, `old`, `new`.
#[test]
#[ignore = "needs an npm package that is installed at test time, and a file of policies"]
fn real_policies_mean_the_same_to_both() {
    let Some(file) = std::env::var_os("GUARDLINE_POLICY_PAIRS") else {
        panic!("GUARDLINE_POLICY_PAIRS names no file");
    };
    let text = std::fs::read_to_string(file).expect("a file of policies");
    let mut dice = Dice::new(number("GUARDLINE_SEED", 1));
    let each = number("GUARDLINE_ORACLE_EACH", 20);
    let mut all = Vec::new();
    for line in text.lines() {
        let pair: Value = serde_json::from_str(line).expect("a pair");
        let kind = Kind::ALL.into_iter().find(|kind| pair["kind"] == kind.word()).expect("a kind");
        for side in ["old", "new"] {
            all.extend((0..each).map(|_| cases::around(&mut dice, kind.word(), &pair[side])));
        }
    }
    compare("real policies", &all);
}
