//! What policies mean, against an evaluator that nobody here wrote: npm's `@cloud-copilot/iam-simulate`. In: random documents,
//! random changes and changes that others labelled, and the directory where the package was installed
//! (`GUARDLINE_IAM_SIMULATE`; `.ci/run` installs it, and says so where it cannot). Out: every disagreement that is not
//! explained by `tests/oracles/iam-simulate/explained.json` with AWS's documentation.
//!
//! `GUARDLINE_ORACLE_CASES` scales random documents, `GUARDLINE_ORACLE_CHANGES` random changes, `GUARDLINE_ORACLE_EACH` the
//! requests a side of a change, and `GUARDLINE_SEED` draws others.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says why")]
#![allow(clippy::literal_string_with_formatting_args, reason = "policy variables look like them")]

mod changes;
mod dice;
mod explained;
mod near;
mod other;
mod random;
mod side;
mod tally;

use guardline::policy::document::Kind;

use self::changes::Change;
use self::dice::Dice;
use self::side::Side;
use self::tally::Tally;
use super::pairs_test::pairs;

fn number(variable: &str, otherwise: usize) -> usize {
    let said = std::env::var(variable).ok();
    said.map_or(otherwise, |said| said.parse().unwrap_or_else(|_| panic!("{variable} is no number: {said}")))
}

#[test]
fn each_known_difference_is_explained() {
    explained::require_explanations();
}

#[test]
#[ignore = "needs an npm package that is installed at test time; `.ci/run` does"]
fn random_policies_mean_the_same_to_both() {
    let seed = number("GUARDLINE_SEED", 1);
    let tallies = other::each(number("GUARDLINE_ORACLE_CASES", 20_000), |at, other| {
        let (mut dice, mut tally) = (Dice::new(seed, at), Tally::default());
        let kind = random::kind(&mut dice);
        let side = random::side(&mut dice, kind);
        let request = random::request(&mut dice, kind);
        let answers = other.ask(&side, std::slice::from_ref(&request));
        tally.compare(&side, &request, &answers[0]);
        tally
    });
    Tally::of(tallies).report("random policies");
}

#[test]
#[ignore = "needs an npm package that is installed at test time; `.ci/run` does"]
fn random_changes_mean_the_same_to_both() {
    let (seed, each) = (number("GUARDLINE_SEED", 1), number("GUARDLINE_ORACLE_EACH", 500).min(25));
    let tallies = other::each(number("GUARDLINE_ORACLE_CHANGES", 1_000), |at, other| {
        let mut dice = Dice::new(seed, at);
        let kind = random::kind(&mut dice);
        let old = random::side(&mut dice, kind);
        let new = random::changed(&mut dice, &old);
        Change { name: kind.to_string(), old, new }.check(each, &mut dice, other)
    });
    report_changes("random changes", tallies);
}

/// Says how both see changes, and fails where the requests were too far from the changes to mean something.
fn report_changes(title: &str, tallies: Vec<Tally>) {
    let all = Tally::of(tallies);
    all.report(title);
    all.require("requests toward a side: let through by it", 50, "requests toward a side");
    all.require("differences: found by chance too", 80, "differences");
    all.require("witnesses: shown", 90, "witnesses");
}

#[test]
#[ignore = "needs an npm package that is installed at test time; `.ci/run` does"]
fn labelled_changes_mean_the_same_to_both() {
    let (seed, each, pairs) = (number("GUARDLINE_SEED", 1), number("GUARDLINE_ORACLE_EACH", 500), pairs());
    if pairs.is_empty() {
        return;
    }
    let tallies = other::each(pairs.len(), |at, other| {
        let pair = &pairs[at];
        let kind = pair.kind();
        let [old, new] = [&pair.old, &pair.new].map(|document| Side::alone(kind, document, kind == Kind::Scp));
        Change { name: pair.id.clone(), old, new }.check(each, &mut Dice::new(seed, at), other)
    });
    report_changes("labelled changes", tallies);
}
