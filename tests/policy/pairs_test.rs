//! Pairs of policies that others labelled: whether the new one lets more through. They are no part of the project: found
//! through `GUARDLINE_TEST_DATA`, else in `shared/data` beside it; where they are not there, this says so and passes.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on says why")]

use std::path::{Path, PathBuf};

use guardline::policy::comparison::{Comparison, compare};
use guardline::policy::decide::{Options, Verdict};
use guardline::policy::document::Kind;
use guardline::policy::levels::{File, from_files};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
pub(super) struct Pair {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) old: Value,
    pub(super) new: Value,
    weaker: bool,
    stricter: Option<bool>,
}

impl Pair {
    pub(super) fn kind(&self) -> Kind {
        Kind::ALL.into_iter().find(|kind| kind.word() == self.kind).expect("a known kind")
    }
}

pub(super) fn pairs() -> Vec<Pair> {
    let root = std::env::var_os("GUARDLINE_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    let path = root.join("policies/policy-pairs.jsonl");
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("skipped: there are no policy pairs at {}", path.display());
        return Vec::new();
    };
    text.lines().map(|line| serde_json::from_str(line).expect("a pair")).collect()
}

/// Labels that AWS's documentation contradicts: the new document has no `Version`, so that its `${aws:username}` is plain
/// text, and who owned a volume is stopped. The label's makers read it as a variable all the same.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html>
const NOT_FOLLOWED: [&str; 3] = [
    "quacky/ec2/exp_single/ec2_allow_ebs_volume_owners/policy/5_3.json",
    "quacky/ec2/exp_single/ec2_allow_ebs_volume_owners/policy/3_0.json",
    "quacky/ec2/exp_single/ec2_allow_ebs_volume_owners/policy/7_3.json",
];

fn compared(pair: &Pair) -> Comparison {
    let kind = pair.kind();
    let side = |name: &str, value: &Value| {
        from_files(kind, vec![File { name: name.to_owned(), text: value.to_string() }]).expect("a document")
    };
    compare(side("old", &pair.old), side("new", &pair.new), &Options::default())
}

#[test]
fn every_label_is_reached() {
    let mut wrong = Vec::new();
    for mut pair in pairs() {
        if NOT_FOLLOWED.contains(&pair.id.as_str()) {
            assert!(pair.new.get("Version").is_none() && pair.new.to_string().contains("${aws:username}"));
            assert_eq!(pair.stricter.replace(true), Some(false), "{}: the label was mended", pair.id);
        }
        let comparison = compared(&pair);
        let verdict = comparison.verdict;
        let weaker = matches!(verdict, Verdict::Weaker | Verdict::Mixed);
        let stricter = matches!(verdict, Verdict::Stricter | Verdict::Mixed);
        let right = comparison.reason.is_none()
            && weaker == pair.weaker
            && weaker != comparison.witnesses.is_empty()
            && weaker == comparison.extent.is_some()
            && weaker != comparison.causes.is_empty()
            && comparison.causes_incomplete.is_none()
            && pair.stricter.is_none_or(|expected| expected == stricter);
        if !right {
            wrong.push(format!("{} labelled {} {:?}: {comparison:?}", pair.id, pair.weaker, pair.stricter));
        }
    }
    assert!(wrong.is_empty(), "{} pairs\n{}", wrong.len(), wrong.join("\n"));
}
