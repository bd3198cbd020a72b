//! What people see of the baseline: the contract's example loads, every mistake is said where it stands, hostile files
//! are refused, and the right rule applies.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{Baseline, LoadError, files::Carried, load_from};

mod bounds;
mod example;
mod including;
mod matches;
mod mistakes;
mod places;
mod published;
mod random;
mod yaml;

/// Rules that the tests know.
const RULES: [&str; 4] = ["quota.raised", "quota.lowered", "region.enabled", "link.account.unexpected"];

/// Loads `baseline.yaml` from texts by path.
fn load_texts<'a>(texts: &[(&str, &'a str)]) -> Result<Baseline, LoadError> {
    let files: BTreeMap<PathBuf, &'a str> = texts.iter().map(|(path, text)| (PathBuf::from(path), *text)).collect();
    load_from(&Carried(files), Path::new("baseline.yaml"), &RULES)
}

/// Loads a baseline of which only the `aws` section is given, as flow or indented block text.
fn load_aws(section: &str) -> Baseline {
    let text = format!("version: 1\nestate: test\naws:\n{section}");
    load_texts(&[("baseline.yaml", &text)]).unwrap_or_else(|error| panic!("{}", error.diagnostics.render(false, 100)))
}

/// Everything that is said about texts, as people see it on a terminal of 100 columns.
fn said(texts: &[(&str, &str)]) -> String {
    match load_texts(texts) {
        Ok(baseline) => baseline.remarks.render(false, 100),
        Err(error) => error.diagnostics.render(false, 100),
    }
}

/// Everything that is said about one text, a line each: place, message, fix.
fn lines(text: &str) -> String {
    let diagnostics = match load_texts(&[("baseline.yaml", text)]) {
        Ok(baseline) => baseline.remarks,
        Err(error) => error.diagnostics,
    };
    let line = |record: super::diagnostic::DiagnosticRecord| {
        let place = record.position.map_or("-".to_owned(), |at| format!("{}:{}", at.line, at.column));
        format!("{place} {} | {}", record.message, record.help.unwrap_or_default())
    };
    diagnostics.records().into_iter().map(line).collect::<Vec<_>>().join("\n")
}
