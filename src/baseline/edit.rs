//! Changes to a baseline that people keep. In come a baseline's files and what is to change; out come the same files with
//! that change spliced in: comments, order, quoting, anchors and line ends of everything else stay as they are.
//!
//! After every change all files are read again, and what they say must be exactly what was meant, or the change is refused
//! with the text to paste by hand. Never writes a file.

mod document;
mod splice;
mod write;

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde_json::Value;

use self::splice::{Page, Reason, Splice};
use super::diagnostic::{Level, Sources, Span};
use super::document::{Budget, Content, Node, parse};
use super::files::{Files, MAX_DOCUMENT_BYTES, ReadError, beside, tidy};
use super::{Baseline, LoadError, load_from, model};

const OTHER: &str =
    "it would then say something else than meant; perhaps an anchor, or a policy document, is used twice";
const TAKEN: Reason = "there is a file of this name already";
const NO_TREE: Reason = "it cannot be read";

/// What is to change. Places are JSON pointers into the whole baseline, included files spliced in.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Puts an item at the end of a list; a list that is not there is made, and the mappings above it.
    Append {
        /// The list.
        list: String,
        /// The item.
        item: Value,
    },
    /// Gives a place a value, whether or not it had one.
    Set {
        /// The place.
        at: String,
        /// The value.
        value: Value,
    },
    /// Gives several places that are there a value each, at once: a name and what refers to it, say.
    SetAll {
        /// The places with their values.
        values: Vec<(String, Value)>,
    },
    /// Takes an item out of its list, or a key out of its mapping.
    Remove {
        /// The place.
        at: String,
    },
    /// Replaces what a policy document says, in the file in which it stands.
    Document {
        /// The key that names the document.
        at: String,
        /// What it says from now on.
        value: Value,
    },
    /// Adds an item to a list, and the file of the policy document that its key `document` names.
    WithDocument {
        /// The list.
        list: String,
        /// The item.
        item: Value,
        /// What the document says.
        document: Value,
    },
}

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// The result would not be what was meant. Nothing is changed.
    #[error("cannot edit `{}`: {reason}", file.display())]
    Refused {
        /// The file.
        file: PathBuf,
        /// Why.
        reason: String,
        /// What a person can do instead, over several lines.
        paste: String,
    },
    /// The place is not one of this baseline.
    #[error("the baseline has no place `{0}`")]
    NoPlace(String),
}

/// A baseline that is being changed.
pub struct Editor<'a> {
    files: &'a dyn Files,
    path: PathBuf,
    known_rules: &'a [&'a str],
    baseline: Baseline,
    /// What was read at first.
    read: Sources,
    /// The files that differ from what was read, by their tidied path.
    texts: BTreeMap<PathBuf, String>,
}

impl<'a> Editor<'a> {
    /// Reads a baseline; see [`super::load()`].
    ///
    /// # Errors
    /// As for [`super::load()`].
    pub fn open(files: &'a dyn Files, path: &Path, known_rules: &'a [&'a str]) -> Result<Self, LoadError> {
        let baseline = load_from(files, path, known_rules)?;
        let read = baseline.remarks.sources.clone();
        Ok(Self { files, path: path.to_owned(), known_rules, baseline, read, texts: BTreeMap::new() })
    }

    /// What it says now.
    #[must_use]
    pub fn baseline(&self) -> &Baseline {
        &self.baseline
    }

    /// The files that changed, with what they hold now.
    pub fn changed(&self) -> impl Iterator<Item = (&Path, &str)> {
        self.texts.iter().map(|(path, text)| (path.as_path(), text.as_str()))
    }

    /// What a file held when it was read; none when it is new.
    #[must_use]
    pub fn before(&self, path: &Path) -> Option<&str> {
        let at = self.read.paths().position(|read| tidy(read) == tidy(path))?;
        Some(self.read.whole(u32::try_from(at).ok()?))
    }

    /// Makes several changes, or none of them.
    ///
    /// # Errors
    /// As for [`Editor::apply`], of the first that is not made.
    pub fn apply_all(&mut self, changes: &[Change]) -> Result<(), EditError> {
        let (baseline, texts) = (self.baseline.clone(), self.texts.clone());
        let Err(mut error) = changes.iter().try_for_each(|change| self.apply(change)) else { return Ok(()) };
        (self.baseline, self.texts) = (baseline, texts);
        // None of them is made: all are to be made by hand.
        if let EditError::Refused { paste, .. } = &mut error {
            *paste = changes.iter().map(|change| self.by_hand(change)).collect::<Vec<_>>().join("\n");
        }
        Err(error)
    }

    /// Makes one change. After an error everything is as it was.
    ///
    /// # Errors
    /// When the place is none of this baseline's, or the result would not be exactly what was meant.
    pub fn apply(&mut self, change: &Change) -> Result<(), EditError> {
        let change = &self.lowered(change);
        let intended = self.intended(change)?;
        let mut texts = self.texts.clone();
        let (file, outcome) = self.splice(change, &mut texts);
        if let Err(reason) = outcome {
            return Err(self.refusal(change, file, reason.to_owned()));
        }
        let overlay = Overlay { under: self.files, texts: &texts };
        match load_from(&overlay, &self.path, self.known_rules) {
            Ok(result) if self.is_meant(change, &result, &intended) => {
                self.baseline = result;
                self.texts = texts;
                Ok(())
            }
            Ok(_) => Err(self.refusal(change, file, OTHER.to_owned())),
            Err(error) => {
                let first = error.diagnostics.list.iter().find(|said| said.level == Level::Error);
                let said = first.map_or("it would be no baseline any more", |said| said.message.as_str());
                Err(self.refusal(change, file, format!("the result is refused: {said}")))
            }
        }
    }

    fn refusal(&self, change: &Change, file: PathBuf, reason: String) -> EditError {
        EditError::Refused { file, reason, paste: self.by_hand(change) }
    }

    /// What a person does instead of a change.
    fn by_hand(&self, change: &Change) -> String {
        // The nearest place above it where there is none yet.
        let named = |pointer: &str| {
            let name = pointer.trim_start_matches('/').replace('/', ".");
            format!("`{name}` ({})", self.baseline.position(pointer))
        };
        let line = |value| write::Form::Yaml.line(value);
        match change {
            Change::Append { list, item } => format!("add to {}:\n{}", named(list), write::item(item).join("\n")),
            Change::WithDocument { list, item, document } => {
                let item = write::item(item).join("\n");
                format!("add to {}:\n{item}\nand let the document say:\n{document:#}", named(list))
            }
            Change::Set { at, value } => format!("set {} to:\n{}", named(at), line(value)),
            Change::SetAll { values } => {
                let each = values.iter().map(|(at, value)| format!("set {} to {}", named(at), line(value)));
                each.collect::<Vec<_>>().join("\n")
            }
            Change::Remove { at } => format!("take out {}", named(at)),
            Change::Document { at, value } => {
                let document = self.baseline.documents().get(at).and_then(|document| document.path.as_deref());
                match document {
                    Some(path) => {
                        format!("let `{path}`, which {} names, say:\n{}", named(at), self.pasted(path, value))
                    }
                    None => format!("let {} say:\n{value:#}", named(at)),
                }
            }
        }
    }

    /// A document in the language of its file.
    fn pasted(&self, path: &str, value: &Value) -> String {
        let form =
            self.text_of(Path::new(path)).map_or(write::Form::Json, |text| document::form(Path::new(path), &text));
        match form {
            write::Form::Json => format!("{value:#}"),
            write::Form::Yaml => write::whole(value).join("\n"),
        }
    }

    /// What a file holds now.
    fn text_of(&self, path: &Path) -> Option<String> {
        Overlay { under: self.files, texts: &self.texts }.read(path, MAX_DOCUMENT_BYTES).ok()
    }

    /// A document that stands in the baseline itself is a value like any other.
    fn lowered(&self, change: &Change) -> Change {
        match change {
            Change::Document { at, value }
                if self.baseline.documents().get(at).is_some_and(|one| one.path.is_none()) =>
            {
                Change::Set { at: at.clone(), value: value.clone() }
            }
            other => other.clone(),
        }
    }

    /// What the baseline as a whole is to say.
    fn intended(&self, change: &Change) -> Result<Value, EditError> {
        let mut whole = self.baseline.tree().to_value();
        let no_place = |at: &String| EditError::NoPlace(at.clone());
        match change {
            Change::Append { list, item } | Change::WithDocument { list, item, .. } => {
                let place = made(&mut whole, list).ok_or_else(|| no_place(list))?;
                if place.is_null() {
                    *place = Value::Array(Vec::new());
                }
                place.as_array_mut().ok_or_else(|| no_place(list))?.push(item.clone());
            }
            Change::Set { at, value } => *made(&mut whole, at).ok_or_else(|| no_place(at))? = value.clone(),
            Change::SetAll { values } => {
                for (at, value) in values {
                    *whole.pointer_mut(at).ok_or_else(|| no_place(at))? = value.clone();
                }
            }
            Change::Remove { at } => removed(&mut whole, at).ok_or_else(|| no_place(at))?,
            Change::Document { at, .. } => {
                self.baseline.documents().get(at).ok_or_else(|| no_place(at))?;
            }
        }
        Ok(whole)
    }

    /// Whether the files say what was meant: the baseline as a whole, and every policy document that it names.
    fn is_meant(&self, change: &Change, result: &Baseline, intended: &Value) -> bool {
        let model = serde_json::from_value::<model::Baseline>(intended.clone());
        if result.tree().to_value() != *intended || !model.is_ok_and(|model| model == result.model) {
            return false;
        }
        let mut expected: BTreeMap<String, &Value> = BTreeMap::new();
        for (pointer, document) in self.baseline.documents() {
            expected.extend(moved(change, pointer).map(|pointer| (pointer, &document.value)));
        }
        // A document that stands in what is set or added is part of the text, which was compared; one in a file of its own
        // is what it was.
        let mut free = None;
        match change {
            Change::Document { at, value } => {
                expected.insert(at.clone(), value);
            }
            Change::WithDocument { list, document, .. } => {
                expected.insert(format!("{list}/{}/document", self.count(list)), document);
            }
            Change::Append { list, .. } => free = Some(format!("{list}/{}", self.count(list))),
            Change::Set { at, .. } => free = Some(at.clone()),
            Change::SetAll { .. } | Change::Remove { .. } => {}
        }
        let is_free = |pointer: &String| {
            let below = free.as_ref().and_then(|free| pointer.strip_prefix(free.as_str()));
            below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let there = result.documents();
        there.iter().all(|(pointer, document)| is_free(pointer) || expected.get(pointer) == Some(&&document.value))
            && expected.keys().all(|pointer| is_free(pointer) || there.contains_key(pointer))
    }

    fn count(&self, list: &str) -> usize {
        self.baseline.tree().at(list).map_or(0, |list| list.items().len())
    }

    /// Changes the texts. Says which file it is about, also where nothing came of it.
    fn splice(&self, change: &Change, texts: &mut BTreeMap<PathBuf, String>) -> (PathBuf, Result<(), Reason>) {
        let tree = self.baseline.tree();
        match change {
            Change::Append { list, item } => self.append(list, item, texts),
            Change::WithDocument { list, item, document } => {
                let (file, outcome) = self.append(list, item, texts);
                let named = item.get("document").and_then(Value::as_str).unwrap_or_default();
                let path = beside(&file, named);
                let outcome = outcome.and_then(|()| self.create(&path, document, texts));
                (file, outcome)
            }
            Change::Set { at, value } => match tree.at(at) {
                Some(node) => self.page(node.span, texts, |page| page.replace(node, value)),
                None => self.add(at, value, texts),
            },
            Change::SetAll { values } => self.replace_all(values, texts),
            Change::Remove { at } => match tree.at(at) {
                Some(node) => self.page(node.span, texts, |page| page.remove(node)),
                None => (self.path.clone(), Err(NO_TREE)),
            },
            Change::Document { at, value } => {
                let path = self.baseline.documents().get(at).and_then(|document| document.path.as_ref());
                let path = path.map_or_else(|| self.path.clone(), PathBuf::from);
                let outcome = self.text_of(&path).ok_or(NO_TREE).and_then(|old| document::replaced(&path, &old, value));
                let outcome = outcome.map(|text| {
                    texts.insert(tidy(&path), text);
                });
                (path, outcome)
            }
        }
    }

    fn append(&self, list: &str, item: &Value, texts: &mut BTreeMap<PathBuf, String>) -> (PathBuf, Result<(), Reason>) {
        match self.baseline.tree().at(list) {
            Some(node) => match node.items().last() {
                // Lists of several files are joined in order: the end of the whole is in the file of its last item.
                Some(last) => self.page(last.span, texts, |page| page.append_after(last, item)),
                None if node.content == Content::Null => {
                    let items = Value::Array(vec![item.clone()]);
                    self.page(node.span, texts, |page| page.replace(node, &items))
                }
                None => self.page(node.span, texts, |page| page.append_first(node, item)),
            },
            None => self.add(list, &Value::Array(vec![item.clone()]), texts),
        }
    }

    fn replace_all(
        &self,
        values: &[(String, Value)],
        texts: &mut BTreeMap<PathBuf, String>,
    ) -> (PathBuf, Result<(), Reason>) {
        let found = values.iter().filter_map(|(at, value)| Some((self.baseline.tree().at(at)?, value)));
        let mut by_file: BTreeMap<u32, Vec<(&Node, &Value)>> = BTreeMap::new();
        found.for_each(|(node, value)| by_file.entry(node.span.file).or_default().push((node, value)));
        let mut last = (self.path.clone(), Err(NO_TREE));
        for nodes in by_file.values() {
            let Some((first, _)) = nodes.first() else { continue };
            last = self.page(first.span, texts, |page| {
                let each = nodes.iter().map(|(node, value)| page.replace(node, value));
                Ok(each.collect::<Result<Vec<_>, _>>()?.concat())
            });
            if last.1.is_err() {
                break;
            }
        }
        last
    }

    /// Gives a place a value that had none: below the nearest mapping above it that is there.
    fn add(&self, at: &str, value: &Value, texts: &mut BTreeMap<PathBuf, String>) -> (PathBuf, Result<(), Reason>) {
        let (mut above, mut value) = (at, value.clone());
        while let Some((rest, step)) = above.rsplit_once('/') {
            if let Some(map @ Node { content: Content::Map(_), .. }) = self.baseline.tree().at(rest) {
                let key = unescaped(step);
                return self.page(map.span, texts, |page| page.add_key(map, &key, &value));
            }
            value = Value::Object([(unescaped(step), value)].into_iter().collect());
            above = rest;
        }
        (self.path.clone(), Err(NO_TREE))
    }

    fn create(&self, path: &Path, document: &Value, texts: &mut BTreeMap<PathBuf, String>) -> Result<(), Reason> {
        let there = Overlay { under: self.files, texts }.read(path, u64::MAX);
        if !matches!(there, Err(ReadError::Io(error)) if error.kind() == ErrorKind::NotFound) {
            return Err(TAKEN);
        }
        texts.insert(tidy(path), format!("{document:#}\n"));
        Ok(())
    }

    /// Splices the file in which a span lies.
    fn page(
        &self,
        span: Span,
        texts: &mut BTreeMap<PathBuf, String>,
        of: impl FnOnce(&Page<'_>) -> Result<Vec<Splice>, Reason>,
    ) -> (PathBuf, Result<(), Reason>) {
        let sources = &self.baseline.remarks.sources;
        let (path, text) = (sources.path(span.file), sources.whole(span.file));
        let (root, _) = parse(span.file, text, &mut Budget::default());
        let spliced = root.ok_or(NO_TREE).and_then(|root| of(&Page::new(text, &root))).map(|splices| {
            texts.insert(tidy(path), spliced(text, splices));
        });
        (path.to_owned(), spliced)
    }
}

impl std::fmt::Debug for Editor<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Editor").field("path", &self.path).field("texts", &self.texts).finish_non_exhaustive()
    }
}

/// Files with some of their texts replaced.
struct Overlay<'a> {
    under: &'a dyn Files,
    texts: &'a BTreeMap<PathBuf, String>,
}

impl Files for Overlay<'_> {
    fn read(&self, path: &Path, limit: u64) -> Result<String, ReadError> {
        match self.texts.get(&tidy(path)) {
            Some(text) if text.len() as u64 > limit => Err(ReadError::TooLarge(limit)),
            Some(text) => Ok(text.clone()),
            None => self.under.read(path, limit),
        }
    }
}

/// The text with every splice made; they do not overlap.
fn spliced(text: &str, mut splices: Vec<Splice>) -> String {
    splices.sort_by_key(|splice| splice.start);
    let (mut result, mut from) = (String::with_capacity(text.len()), 0);
    for Splice { start, end, text: new } in splices {
        result.push_str(text.get(from..start).unwrap_or(""));
        result.push_str(&new);
        from = end;
    }
    result.push_str(text.get(from..).unwrap_or(""));
    result
}

/// The place at a pointer, made where it is missing.
fn made<'v>(whole: &'v mut Value, pointer: &str) -> Option<&'v mut Value> {
    pointer.split('/').skip(1).try_fold(whole, |place, step| {
        if place.is_null() {
            *place = Value::Object(serde_json::Map::new());
        }
        match place {
            Value::Object(keys) => Some(keys.entry(unescaped(step)).or_insert(Value::Null)),
            Value::Array(items) => items.get_mut(step.parse::<usize>().ok()?),
            _ => None,
        }
    })
}

fn removed(whole: &mut Value, pointer: &str) -> Option<()> {
    let (above, step) = pointer.rsplit_once('/')?;
    match whole.pointer_mut(above)? {
        Value::Array(items) => {
            let index = step.parse().ok().filter(|index| *index < items.len())?;
            items.remove(index);
        }
        Value::Object(keys) => {
            keys.remove(&unescaped(step))?;
        }
        _ => return None,
    }
    Some(())
}

fn unescaped(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}

/// Where what stands at a pointer is after a change; nowhere when it goes.
fn moved(change: &Change, pointer: &str) -> Option<String> {
    let Change::Remove { at } = change else { return Some(pointer.to_owned()) };
    if let Some(rest) = pointer.strip_prefix(at.as_str())
        && (rest.is_empty() || rest.starts_with('/'))
    {
        return None;
    }
    let Some((list, gone)) = at.rsplit_once('/') else { return Some(pointer.to_owned()) };
    let below = pointer.strip_prefix(list).and_then(|rest| rest.strip_prefix('/'));
    let (index, rest) = below.map_or(("", ""), |below| below.split_once('/').unwrap_or((below, "")));
    match (index.parse::<usize>(), gone.parse::<usize>()) {
        (Ok(index), Ok(gone)) if index > gone => Some(format!("{list}/{}/{rest}", index - 1)),
        _ => Some(pointer.to_owned()),
    }
}

#[cfg(test)]
mod tests;
