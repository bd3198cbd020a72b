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
    // JSON is YAML too, and the tree of YAML has places.
    match parse(file, text, &mut Budget::default()) {
        (Some(root), mistakes) if mistakes.is_empty() => Ok(root),
        (_, mistakes) => Err(mistakes),
    }
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
