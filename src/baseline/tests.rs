//! What people see of the baseline: the contract's example loads, and every mistake is said where it stands.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{Baseline, LoadError, files::Carried, load_from};

mod example;
mod mistakes;

/// Rules that the tests know.
const RULES: [&str; 4] = ["quota.raised", "quota.lowered", "region.enabled", "link.account.unexpected"];

/// Loads `baseline.yaml` from texts by path.
fn load_texts<'a>(texts: &[(&str, &'a str)]) -> Result<Baseline, LoadError> {
    let files: BTreeMap<PathBuf, &'a str> = texts.iter().map(|(path, text)| (PathBuf::from(path), *text)).collect();
    load_from(&Carried(files), Path::new("baseline.yaml"), &RULES)
}

/// Everything that is said about a text, as people see it on a terminal of 100 columns.
fn said(texts: &[(&str, &str)]) -> String {
    match load_texts(texts) {
        Ok(baseline) => baseline.remarks.render(false, 100),
        Err(error) => error.diagnostics.render(false, 100),
    }
}
