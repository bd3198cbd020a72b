//! Policy documents as files beside the baseline.
//!
//! In: a document as it was returned, and what its policy is called. Out: a file name that is safe on every system, and text
//! that says the same when it is read again. It never lets a name choose a folder, or one document take the place of another.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::baseline::document::{Budget, parse};
use crate::baseline::files::MAX_DOCUMENT_BYTES;
use crate::compare::{canonical, canonical_value};

/// Letters of a file's name, its suffix not counted.
const LONGEST: usize = 80;

/// Names that Windows keeps for devices, whatever follows the first dot.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "com", "lpt"];

/// The files, by their path below the baseline's folder.
#[derive(Debug)]
pub(super) struct Documents {
    files: BTreeMap<String, String>,
    /// Paths in lower case: some systems do not tell `A.json` from `a.json`.
    taken: BTreeSet<String>,
}

impl Documents {
    /// Documents that leave what is there alone.
    pub(super) fn beside(taken: &BTreeSet<String>) -> Self {
        Self { files: BTreeMap::new(), taken: taken.iter().map(|path| path.to_lowercase()).collect() }
    }

    /// Keeps a document, and says its path.
    ///
    /// # Errors
    /// Says why a baseline cannot hold it.
    pub(super) fn keep(&mut self, folder: &str, name: &str, id: &str, text: &str) -> Result<String, String> {
        let written = written(text)?;
        let stems = [stem(name), stem(&format!("{name}-{id}"))].into_iter().filter(|stem| !stem.is_empty());
        let numbered = (2..).map(|count| format!("{}-{count}", stem(id)));
        let free = |path: &String| !self.taken.contains(&path.to_lowercase());
        let path = stems.chain(numbered).map(|stem| format!("{folder}/{stem}.json")).find(free).unwrap_or_default();
        self.taken.insert(path.to_lowercase());
        self.files.insert(path.clone(), written);
        Ok(path)
    }

    pub(super) fn into_files(self) -> BTreeMap<String, String> {
        self.files
    }
}

/// Letters, digits, `-` and `_` of a name; any run of others is one `-`.
fn stem(name: &str) -> String {
    let mut stem = String::new();
    for letter in name.chars() {
        if letter.is_ascii_alphanumeric() || letter == '_' {
            stem.push(letter);
        } else if !stem.ends_with('-') {
            stem.push('-');
        }
    }
    let stem: String = stem.trim_matches('-').chars().take(LONGEST).collect();
    let lower = stem.to_lowercase();
    let is_device = DEVICES.iter().any(|device| lower.strip_prefix(device).is_some_and(|rest| rest.len() <= 1));
    if is_device { format!("policy-{stem}") } else { stem }
}

/// The document for people: as it was, on several lines.
fn written(text: &str) -> Result<String, String> {
    let exact = canonical_value(text).map_err(|_| "it is not JSON that can be kept exactly".to_owned())?;
    if !exact.is_object() {
        return Err("it is not a mapping".to_owned());
    }
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let pretty = serde_json::to_string_pretty(&value).map_err(|error| error.to_string())?;
    let mut safe: String = pretty.chars().map(escaped).collect();
    safe.push('\n');
    // What was written is read again as a scan will read it.
    let (root, mistakes) = parse(0, &safe, &mut Budget::default());
    let same = mistakes.is_empty() && root.is_some_and(|root| canonical(root.to_value()) == exact);
    if !same || safe.len() as u64 > MAX_DOCUMENT_BYTES {
        return Err("it would not be read again as it is".to_owned());
    }
    Ok(safe)
}

/// Everything but letters as JSON spells it: a document in an editor must not look like another one. What JSON can only
/// spell in two halves stays as it is, for a scan reads it as YAML.
fn escaped(letter: char) -> String {
    let code = u32::from(letter);
    match letter.is_ascii() && letter != '\u{7f}' || letter.is_alphanumeric() || code > 0xffff {
        true => letter.to_string(),
        false => format!("\\u{code:04x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_chooses_neither_folder_nor_another_policys_file() {
        let mut documents = Documents::beside(&BTreeSet::new());
        let mut keep = |name: &str, id: &str| documents.keep("scp", name, id, r#"{"a":1}"#).unwrap();
        assert_eq!(keep("deny-leave", "p-1"), "scp/deny-leave.json");
        assert_eq!(keep("Deny Leave", "p-2"), "scp/Deny-Leave-p-2.json");
        assert_eq!(keep("../../etc/passwd", "p-3"), "scp/etc-passwd.json");
        assert_eq!(keep("..", "p-4"), "scp/p-4.json");
        assert_eq!(keep("con", "p-5"), "scp/policy-con.json");
        assert_eq!(keep("Lpt1", "p-6"), "scp/policy-Lpt1.json");
        assert_eq!(keep("contract", "p-7"), "scp/contract.json");
        assert_eq!(keep("***", "p-8"), "scp/p-8.json");
        assert_eq!(keep("***", "p-8"), "scp/p-8-2.json");
        assert_eq!(keep("***", "../"), "scp/-2.json");
        assert_eq!(keep(&"x".repeat(300), "p-9").len(), "scp/.json".len() + LONGEST);
        assert_eq!(keep(&"x".repeat(301), "p-10"), "scp/p-10-2.json");
    }

    #[test]
    fn a_document_says_the_same_when_it_is_read_again() {
        let text = r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"a:B","Resource":"x\u0000\u202e\ud83d\ude00é\u007f","n":3600.0}}"#;
        let written = written(text).unwrap();
        assert!(written.is_ascii() || written.contains('é'), "{written}");
        assert!(!written.contains('\u{202e}'));
        assert_eq!(canonical_value(&written).unwrap(), canonical_value(text).unwrap());
        assert!(written.find("Version") < written.find("Statement"), "the order is kept: {written}");
    }

    #[test]
    fn what_cannot_be_kept_exactly_is_refused() {
        for text in [r#"{"a":1,"a":2}"#, "[]", "<html>", r#"{"a":123456789012345678901234567890}"#] {
            assert!(written(text).is_err(), "{text}");
        }
    }
}
