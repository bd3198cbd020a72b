//! The policy documents that a baseline names. In come paths and inline documents; out come JSON values, or where in
//! which document the mistake stands. Never says what a policy means.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde_json::Value;

use super::{
    diagnostic::{Diagnostic, Sources, Span},
    document::{Budget, Content, Node, parse},
    files::{Files, MAX_DOCUMENT_BYTES, beside},
};

/// A policy document as declared.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// What it says.
    pub value: Value,
    /// The file it stands in; none when the baseline holds it itself.
    pub path: Option<String>,
}

/// Reads every document that the baseline names, by the JSON pointer of the key that names it.
pub(super) fn resolve(
    root: &Node,
    files: &dyn Files,
    sources: &mut Sources,
    said: &mut Vec<Diagnostic>,
) -> BTreeMap<String, Document> {
    let policies = root.at("/aws/policies").map(Node::items).unwrap_or_default();
    let documents = policies.iter().enumerate().filter_map(|(index, policy)| {
        policy.get("document").map(|node| (format!("/aws/policies/{index}/document"), node))
    });
    let none = |node: &Node| node.as_text() == Some("none");
    let delegation = root.at("/aws/resource_policy").filter(|node| !none(node));
    let named = documents.chain(delegation.map(|node| ("/aws/resource_policy".to_owned(), node)));
    let mut reader = Reader { files, sources, said };
    named.filter_map(|(pointer, node)| reader.read(node).map(|document| (pointer, document))).collect()
}

struct Reader<'a> {
    files: &'a dyn Files,
    sources: &'a mut Sources,
    said: &'a mut Vec<Diagnostic>,
}

impl Reader<'_> {
    fn read(&mut self, node: &Node) -> Option<Document> {
        match &node.content {
            Content::Map(_) => Some(Document { value: node.to_value(), path: None }),
            Content::Text(text) if text.trim_start().starts_with('{') => self.inline(node, text),
            Content::Text(text) => self.file(node, text),
            // The schema has said that this is no document.
            _ => None,
        }
    }

    /// A document written as JSON text in the baseline: a text of its own, with places of its own.
    fn inline(&mut self, node: &Node, text: &str) -> Option<Document> {
        let at = self.sources.position(node.span);
        let name = format!("{} (document in line {})", at.file, at.line);
        let file = self.sources.add(name.as_ref(), text.to_owned());
        self.value(file, false, node).map(|value| Document { value, path: None })
    }

    fn file(&mut self, node: &Node, named: &str) -> Option<Document> {
        let path = beside(self.sources.path(node.span.file), named);
        let text = match self.files.read(&path, MAX_DOCUMENT_BYTES) {
            Ok(text) => text,
            Err(error) => {
                let wrong = Diagnostic::error(node.span, format!("cannot read `{}`: {error}", path.display()));
                self.said.push(wrong.help("paths are relative to the file that names them"));
                return None;
            }
        };
        let file = self.sources.add(&path, text);
        let is_yaml = path.extension().is_some_and(|suffix| suffix == "yaml" || suffix == "yml");
        let value = self.value(file, is_yaml, node)?;
        if !value.is_object() {
            let start = Span { file, start: 0, end: 0 };
            let wrong = Diagnostic::error(start, "a policy document is a mapping");
            self.said.push(wrong.related(node.span, "named here"));
            return None;
        }
        Some(Document { value, path: Some(path.display().to_string()) })
    }

    fn value(&mut self, file: u32, is_yaml: bool, node: &Node) -> Option<Value> {
        match read_document(file, self.sources.whole(file), is_yaml) {
            Ok(root) => Some(root.to_value()),
            Err(mistakes) => {
                self.said.extend(mistakes.into_iter().map(|mistake| named_at(mistake, node)));
                None
            }
        }
    }
}

/// Reads a policy document as a tree that knows its places. `file` is the text's number among the sources.
///
/// # Errors
/// Each mistake of its form, with its place.
pub fn read_document(file: u32, text: &str, is_yaml: bool) -> Result<Node, Vec<Diagnostic>> {
    if !is_yaml && let Err(error) = serde_json::from_str::<IgnoredAny>(text) {
        let span = place(text, file, error.line(), error.column());
        let said = error.to_string();
        let said = said.split(" at line ").next().unwrap_or(&said);
        return Err(vec![Diagnostic::error(span, format!("not valid JSON: {said}"))]);
    }
    // JSON is YAML too but for its pairs of surrogates, and the tree of YAML has places.
    let pairs = if is_yaml { Pairs::default() } else { Pairs::joined(text) };
    let read = match &pairs.text {
        Some(joined) => parse(file, joined, &mut Budget::default()),
        None => parse(file, text, &mut Budget::default()),
    };
    match read {
        (Some(mut root), mistakes) if mistakes.is_empty() => {
            pairs.put_back(&mut root);
            Ok(root)
        }
        (_, mut mistakes) => {
            mistakes.iter_mut().for_each(|mistake| pairs.put_back_in(mistake));
            Err(mistakes)
        }
    }
}

/// JSON writes a character beyond the first 65,536 as a pair of surrogates, `\\ud83d\\ude00`; YAML writes it as
/// `\\U0001F600` and takes no surrogates.
#[derive(Default)]
struct Pairs {
    /// The text as YAML takes it; none where it has no pairs.
    text: Option<String>,
    /// Where each pair ends in it, in ascending order.
    ends: Vec<u32>,
}

impl Pairs {
    /// Characters of a pair as JSON writes it, beyond those as YAML writes it.
    const SHORTER: u32 = 2;

    fn joined(text: &str) -> Self {
        let (mut joined, mut ends, mut rest) = (String::new(), Vec::new(), text);
        // Outside of its texts JSON has no backslash; in them each stands before what it changes.
        while let Some(at) = rest.find('\\') {
            let (before, escape) = rest.split_at(at);
            joined.push_str(before);
            if let Some(letter) = pair(escape) {
                joined.push_str(&format!("\\U{letter:08X}"));
                ends.push(u32::try_from(joined.len()).unwrap_or(u32::MAX));
                rest = escape.get(12..).unwrap_or_default();
                continue;
            }
            let length = 1 + escape.chars().nth(1).map_or(0, char::len_utf8);
            let (kept, after) = escape.split_at(length);
            joined.push_str(kept);
            rest = after;
        }
        if ends.is_empty() {
            return Self::default();
        }
        joined.push_str(rest);
        Self { text: Some(joined), ends }
    }

    /// A place in the joined text as one of the text that was read.
    fn place(&self, at: u32) -> u32 {
        let before = self.ends.partition_point(|end| *end <= at);
        at.saturating_add(u32::try_from(before).unwrap_or(u32::MAX).saturating_mul(Self::SHORTER))
    }

    fn span(&self, span: &mut Span) {
        *span = Span { start: self.place(span.start), end: self.place(span.end), ..*span };
    }

    fn put_back(&self, node: &mut Node) {
        if self.text.is_none() {
            return;
        }
        self.span(&mut node.span);
        match &mut node.content {
            Content::List(items) => items.iter_mut().for_each(|item| self.put_back(item)),
            Content::Map(entries) => {
                for entry in entries {
                    self.span(&mut entry.key_span);
                    self.put_back(&mut entry.value);
                }
            }
            _ => {}
        }
    }

    fn put_back_in(&self, mistake: &mut Diagnostic) {
        if let Some(span) = &mut mistake.span {
            self.span(span);
        }
        if let Some(related) = &mut mistake.related {
            self.span(&mut related.0);
        }
    }
}

/// The character of a pair of surrogates with which a text begins.
fn pair(text: &str) -> Option<u32> {
    let unit = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    let (high, low) = (unit(0)?, unit(6)?);
    let letter = char::decode_utf16([high, low]).next()?.ok()?;
    (u32::from(letter) > 0xffff).then(|| u32::from(letter))
}

fn named_at(mistake: Diagnostic, node: &Node) -> Diagnostic {
    if mistake.related.is_some() { mistake } else { mistake.related(node.span, "named here") }
}

/// A line and column of a JSON error, both from 1 and columns in bytes, as a place.
fn place(text: &str, file: u32, line: usize, column: usize) -> Span {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let mut at = (before + column.saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let length = text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    let as_u32 = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Span { file, start: as_u32(at), end: as_u32(at + length) }
}
