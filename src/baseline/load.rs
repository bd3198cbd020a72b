//! From a path to a checked baseline. In come the file, what it includes and the policy documents it names; out comes
//! a [`Baseline`] in which every entry knows its place, or every mistake in one go. Never reads the cloud.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::{Path, PathBuf},
};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{
    check,
    diagnostic::{Diagnostic, Diagnostics, Level, Position, Sources, Span},
    document::{Budget, Content, Entry, Node, parse},
    explain,
    files::{Disk, Files, MAX_BYTES, beside, tidy},
    model,
    policies::{self, Document},
};

/// How deep files may include each other.
const MAX_INCLUDE_DEPTH: usize = 16;
/// How many files one baseline may have.
const MAX_FILES: usize = 200;

/// A baseline that was read and found right.
#[derive(Debug, Clone)]
pub struct Baseline {
    /// What it says.
    pub model: model::Baseline,
    /// `sha256:…` over what it says, included files and policy documents too; formatting does not change it.
    pub hash: String,
    /// Warnings, and notes on keys that have no effect yet.
    pub remarks: Diagnostics,
    root: Node,
    documents: BTreeMap<String, Document>,
}

/// A baseline that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{} in baseline `{}`", mistakes(.diagnostics.errors()), .path.display())]
pub struct LoadError {
    /// The baseline.
    pub path: PathBuf,
    /// Everything that is to be said about it.
    pub diagnostics: Diagnostics,
}

fn mistakes(count: usize) -> String {
    if count == 1 { "1 mistake".to_owned() } else { format!("{count} mistakes") }
}

/// Reads a baseline from disk. `known_rules` are the rules that findings can have, for `severity` and `match`; when
/// there are none, any name passes.
///
/// # Errors
/// Holds every mistake found in the baseline, the files it includes and the policy documents it names.
pub fn load(path: &Path, known_rules: &[&str]) -> Result<Baseline, LoadError> {
    load_from(&Disk, path, known_rules)
}

/// Reads a baseline from anywhere; see [`load`].
///
/// # Errors
/// As for [`load`].
pub fn load_from(files: &dyn Files, path: &Path, known_rules: &[&str]) -> Result<Baseline, LoadError> {
    let mut loader =
        Loader { files, sources: Sources::default(), budget: Budget::default(), said: Vec::new(), complete: true };
    let result = loader.baseline(path, known_rules);
    let mut diagnostics = Diagnostics { sources: loader.sources, list: loader.said };
    diagnostics.sort();
    match result {
        Some((model, root, documents)) if diagnostics.errors() == 0 => {
            let hash = hash(&root, &documents);
            Ok(Baseline { model, hash, remarks: diagnostics, root, documents })
        }
        _ => Err(LoadError { path: path.to_owned(), diagnostics }),
    }
}

impl Baseline {
    /// Where the entry at a JSON pointer (`/aws/quotas/1`) stands; for one that is left out, where its section does.
    #[must_use]
    pub fn position(&self, pointer: &str) -> Position {
        let sources = &self.remarks.sources;
        let mut pointer = pointer;
        loop {
            if let Some(span) = self.root.spot(sources, pointer) {
                return sources.position(span);
            }
            pointer = pointer.rsplit_once('/').map_or("", |(above, _)| above);
        }
    }

    /// The policy document declared at `/aws/policies/{index}`.
    #[must_use]
    pub fn policy_document(&self, index: usize) -> Option<&Document> {
        self.documents.get(&format!("/aws/policies/{index}/document"))
    }

    /// The organisation's delegation policy as declared; none when it says `none` or is not declared.
    #[must_use]
    pub fn resource_policy(&self) -> Option<&Document> {
        self.documents.get("/aws/resource_policy")
    }

    /// What it says as it is written, included files spliced in; JSON pointers lead to its places.
    #[must_use]
    pub fn to_value(&self) -> Value {
        self.root.to_value()
    }

    /// The whole as a tree, included files spliced in.
    pub(super) fn tree(&self) -> &Node {
        &self.root
    }

    /// The policy documents, by the JSON pointer of the key that names each.
    pub(super) fn documents(&self) -> &BTreeMap<String, Document> {
        &self.documents
    }

    /// Its files: the one that was named, then those it includes and the documents it names.
    #[must_use]
    pub fn files(&self) -> Vec<String> {
        self.remarks.sources.paths().map(|path| path.display().to_string()).collect()
    }

    /// Notes and warnings: whether anything is to be shown.
    #[must_use]
    pub fn has_remarks(&self) -> bool {
        !self.remarks.list.is_empty()
    }
}

type Parts = (model::Baseline, Node, BTreeMap<String, Document>);

struct Loader<'a> {
    files: &'a dyn Files,
    sources: Sources,
    budget: Budget,
    said: Vec<Diagnostic>,
    /// Whether every file could be read, so that what is missing is really missing.
    complete: bool,
}

impl Loader<'_> {
    fn baseline(&mut self, path: &Path, known_rules: &[&str]) -> Option<Parts> {
        let text = match self.files.read(path, MAX_BYTES) {
            Ok(text) => text,
            Err(error) => {
                self.said.push(Diagnostic::fatal(format!("cannot read `{}`: {error}", path.display())));
                return None;
            }
        };
        let mut root = self.tree(path, text)?;
        let mut merged = Vec::new();
        let whole = std::mem::replace(&mut root.content, Content::Null);
        self.splice(whole, path, &mut vec![tidy(path)], &mut merged);
        root.content = Content::Map(merged);
        self.judge(root, known_rules)
    }

    fn judge(&mut self, root: Node, known_rules: &[&str]) -> Option<Parts> {
        let shape = explain::shape(&root, &self.sources);
        let complete = self.complete;
        // With a file missing, a key that seems to be missing at the top may stand in it.
        let certain = |said: &Diagnostic| complete || said.span != root.spot(&self.sources, "");
        let meaning = check::meaning(&root, &self.sources, known_rules, complete);
        // Where the form is wrong already, something stands in for the value: what it seems to mean is nobody's mistake.
        let wrong: HashSet<Span> = self.said.iter().filter_map(|said| said.span).collect();
        let new = |said: &Diagnostic| said.span.is_none_or(|span| !wrong.contains(&span));
        self.said.extend(shape.into_iter().filter(certain).chain(meaning).filter(new));
        let documents = policies::resolve(&root, self.files, &mut self.sources, &mut self.said);
        if self.said.iter().any(|said| said.level == Level::Error) {
            return None;
        }
        match serde_json::from_value(root.to_value()) {
            Ok(model) => Some((model, root, documents)),
            Err(error) => {
                self.said.push(Diagnostic::error(
                    root.head(self.sources.whole(root.span.file)),
                    format!("not a baseline: {error}"),
                ));
                None
            }
        }
    }

    /// One file as a mapping.
    fn tree(&mut self, path: &Path, text: String) -> Option<Node> {
        let file = self.sources.add(path, text);
        let (root, mistakes) = parse(file, self.sources.whole(file), &mut self.budget);
        self.said.extend(mistakes);
        let start = Span { file, start: 0, end: 0 };
        let wrong = match root {
            None if self.said.iter().any(|said| said.span.is_some_and(|span| span.file == file)) => None,
            None | Some(Node { content: Content::Null, .. }) => {
                Some(Diagnostic::error(start, "this file is empty").help("a baseline starts with `version: 1`"))
            }
            Some(root @ Node { content: Content::Map(_), .. }) => return Some(root),
            Some(root) => {
                let head = root.head(self.sources.whole(file));
                Some(
                    Diagnostic::error(head, "a baseline is a mapping")
                        .help("write `key: value` lines, the first one `version: 1`"),
                )
            }
        };
        self.said.extend(wrong);
        self.complete = false;
        None
    }

    /// Puts the keys of one file into the whole, and of the files it includes where it says so.
    fn splice(&mut self, content: Content, path: &Path, stack: &mut Vec<PathBuf>, merged: &mut Vec<Entry>) {
        let Content::Map(entries) = content else {
            return;
        };
        let mut run = Vec::new();
        for entry in entries {
            if entry.key != "include" {
                run.push(entry);
                continue;
            }
            self.merge(merged, std::mem::take(&mut run));
            let named: Vec<&Node> = match &entry.value.content {
                Content::List(items) => items.iter().collect(),
                _ => vec![&entry.value],
            };
            for one in named {
                self.include(one, path, stack, merged);
            }
            // The schema looks at the first file's own key; of included files it was looked at here.
            if stack.len() == 1 {
                run.push(entry);
            }
        }
        self.merge(merged, run);
    }

    fn include(&mut self, named: &Node, path: &Path, stack: &mut Vec<PathBuf>, merged: &mut Vec<Entry>) {
        let Some(text) = named.as_text() else {
            self.complete = false;
            if stack.len() > 1 {
                self.said.push(Diagnostic::error(named.span, "`include` takes a path or a list of paths"));
            }
            return;
        };
        let target = beside(path, text);
        let refused = if stack.contains(&target) {
            Some(format!("`{text}` includes itself, directly or through other files"))
        } else if stack.len() > MAX_INCLUDE_DEPTH {
            Some(format!("files include each other more than {MAX_INCLUDE_DEPTH} deep"))
        } else if self.sources.count() >= MAX_FILES {
            Some(format!("more than {MAX_FILES} files"))
        } else {
            None
        };
        if let Some(refused) = refused {
            self.complete = false;
            self.said.push(Diagnostic::error(named.span, refused).help("remove this entry"));
            return;
        }
        let text = match self.files.read(&target, MAX_BYTES) {
            Ok(text) => text,
            Err(error) => {
                self.complete = false;
                let wrong = Diagnostic::error(named.span, format!("cannot read `{}`: {error}", target.display()));
                self.said.push(wrong.help("paths are relative to the file that names them"));
                return;
            }
        };
        if let Some(root) = self.tree(&target, text) {
            stack.push(target.clone());
            self.splice(root.content, &target, stack, merged);
            stack.pop();
        }
    }

    /// Lists are joined, mappings merged; anything else may be declared once.
    fn merge(&mut self, into: &mut Vec<Entry>, more: Vec<Entry>) {
        let mut known: HashMap<String, usize> =
            into.iter().enumerate().map(|(index, entry)| (entry.key.clone(), index)).collect();
        for entry in more {
            let there = known.get(&entry.key).and_then(|index| into.get_mut(*index));
            let Some(there) = there else {
                known.insert(entry.key.clone(), into.len());
                into.push(entry);
                continue;
            };
            match (&mut there.value.content, entry.value.content) {
                (Content::List(items), Content::List(more)) => items.extend(more),
                (Content::Map(entries), Content::Map(more)) => self.merge(entries, more),
                _ => self.said.push(
                    Diagnostic::error(entry.key_span, format!("`{}` is declared twice", entry.key))
                        .related(there.key_span, "first here")
                        .help("declare it in one file"),
                ),
            }
        }
    }
}

/// Hash of what a baseline says. Names of included files are left out, what stands in them is not.
fn hash(root: &Node, documents: &BTreeMap<String, Document>) -> String {
    let mut value = root.to_value();
    if let Value::Object(keys) = &mut value {
        keys.remove("include");
    }
    let documents: BTreeMap<&str, Value> =
        documents.iter().map(|(pointer, document)| (pointer.as_str(), canonical(&document.value))).collect();
    let whole = serde_json::json!({"baseline": canonical(&value), "documents": documents});
    let digest = Sha256::digest(canonical(&whole).to_string());
    digest.iter().fold(String::from("sha256:"), |text, byte| format!("{text}{byte:02x}"))
}

/// The value with the keys of every mapping in order.
fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(keys) => {
            let sorted: BTreeMap<&String, Value> = keys.iter().map(|(key, value)| (key, canonical(value))).collect();
            Value::Object(sorted.into_iter().map(|(key, value)| (key.clone(), value)).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(canonical).collect()),
        other => other.clone(),
    }
}
