//! What comparing says: an estate generated together with its baseline is in line, each single change is named and
//! nothing else is, and what was not read is never held against anybody. One file a kind has the cases by hand.

pub(crate) mod estate;

mod as_aws_makes_it;
mod audit_logs;
pub(crate) mod changes;
mod guardrails;
mod links;
mod masked;
mod open;
mod policies;
pub(crate) mod properties;
mod quotas;
mod regions;
mod settings;
mod unmatched;
pub(crate) mod world;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Comparison, Drift, compare};
use crate::baseline::files::Carried;
use crate::baseline::{Baseline, load_from};
use crate::estate::Snapshot;

/// Loads a baseline from its text, with documents beside it.
pub(super) fn load_with(text: &str, documents: &[(&str, &str)]) -> Baseline {
    let mut files: BTreeMap<PathBuf, &str> =
        documents.iter().map(|(path, text)| (PathBuf::from(path), *text)).collect();
    files.insert(PathBuf::from("baseline.yaml"), text);
    load_from(&Carried(files), Path::new("baseline.yaml"), &[])
        .unwrap_or_else(|error| panic!("{text}\n{}", error.diagnostics.render(false, 100)))
}

/// A baseline of which only the `aws` section is given, as indented text.
fn aws(section: &str) -> Baseline {
    load_with(&format!("version: 1\nestate: test\naws:\n{section}"), &[])
}

/// The drifts, each as `rule subject`, without those about the baseline itself.
fn found(comparison: &Comparison) -> Vec<String> {
    let about_the_estate = comparison.drifts.iter().filter(|drift| drift.rule != super::Rule::BaselineUnmatched);
    about_the_estate.map(|drift| format!("{} {}", written(drift), drift.subject.id)).collect()
}

/// The rule of the plain difference: what it comes to for guardrails has tests of its own.
fn written(drift: &Drift) -> super::Rule {
    super::by_text(drift.rule, drift.aspect, &drift.expected, &drift.actual)
}

/// What is found, as [`found`] says it.
fn drifts(baseline: &Baseline, snapshot: &Snapshot) -> Vec<String> {
    found(&compare(baseline, snapshot))
}

/// The one drift there is.
fn only(baseline: &Baseline, snapshot: &Snapshot) -> Drift {
    let comparison = compare(baseline, snapshot);
    let [drift] = comparison.drifts.as_slice() else { panic!("{:#?}", comparison.drifts) };
    drift.clone()
}
