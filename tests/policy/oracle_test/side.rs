//! A stack of documents as both evaluators read it. In: JSON by level; out: the JSON, and what Guardline made of it.

use std::sync::Arc;

use guardline::policy::document::Kind;
use guardline::policy::evaluate::{Decision, decide};
use guardline::policy::parse::parse;
use guardline::policy::request::Request;
use guardline::policy::stack::{Level, Named, Stack};
use serde_json::{Value, json};

/// Documents by level, from the root down.
#[derive(Clone, Debug)]
pub(super) struct Side {
    pub(super) levels: Vec<Vec<Value>>,
    pub(super) stack: Stack,
}

impl Side {
    pub(super) fn new(kind: Kind, levels: Vec<Vec<Value>>) -> Self {
        let document = |text: &Value| {
            let document = parse("case.json", &text.to_string());
            document.unwrap_or_else(|mistakes| panic!("{}", mistakes.render(false, 100)))
        };
        let level = |documents: &Vec<Value>| Level {
            documents: documents
                .iter()
                .map(|text| Named { name: "case".to_owned(), document: Arc::new(document(text)) })
                .collect(),
        };
        let stack = Stack { kind, levels: levels.iter().map(level).collect() };
        Self { levels, stack }
    }

    /// One document, beside which `FullAWSAccess` stands where it would at AWS.
    pub(super) fn alone(kind: Kind, document: &Value, with_full_access: bool) -> Self {
        let beside = with_full_access.then(full_access);
        Self::new(kind, vec![std::iter::once(document.clone()).chain(beside).collect()])
    }

    pub(super) fn ours(&self, request: &Request) -> Decision {
        decide(&self.stack, request)
    }

    /// The statements of all documents.
    pub(super) fn statements(&self) -> impl Iterator<Item = &Value> {
        self.levels.iter().flatten().flat_map(|document| match &document["Statement"] {
            Value::Array(many) => many.iter().collect(),
            one => vec![one],
        })
    }
}

/// What AWS attaches where nobody took it away.
pub(super) fn full_access() -> Value {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
}

/// The texts of a list, or the one that stands for it.
pub(super) fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(many) => many.iter().flat_map(texts).collect(),
        Value::String(text) => vec![text.clone()],
        Value::Bool(_) | Value::Number(_) => vec![value.to_string()],
        Value::Null | Value::Object(_) => Vec::new(),
    }
}

/// Every text of a document, however deep.
pub(super) fn all_texts(value: &Value) -> Vec<String> {
    match value {
        Value::Object(entries) => entries.values().flat_map(all_texts).collect(),
        Value::Array(many) => many.iter().flat_map(all_texts).collect(),
        other => texts(other),
    }
}
