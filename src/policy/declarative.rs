//! Declarative and management policies: settings that an organisation lays down for its accounts. In come documents, level
//! by level; out come what holds for the account (the [inheritance](inherit)) and whether a change of it restricts less
//! (the [orders](order)). What has no order in the table is never judged, and never called "not weaker".
//!
//! Source: <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_inheritance_mgmt.html>

mod criteria;
pub mod inherit;
pub mod order;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::document::Refusal;
use crate::baseline::diagnostic::{Diagnostic, Span, visible};
use crate::baseline::document::{Content, Entry, Node};

/// The steps from the top of a document to one of its settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(pub Vec<String>);

impl Path {
    fn below(&self, step: &str) -> Self {
        let mut steps = self.0.clone();
        steps.push(step.to_owned());
        Self(steps)
    }

    fn above(&self) -> Option<Self> {
        let (_, above) = self.0.split_last()?;
        Some(Self(above.to_vec()))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&visible(&self.0.join(".")))
    }
}

/// What a policy may do to a setting that it inherits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operator {
    /// `@@assign`: puts its own in place of it.
    Assign,
    /// `@@append`: adds to the list.
    Append,
    /// `@@remove`: takes away from the list.
    Remove,
}

impl Operator {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Assign, Self::Append, Self::Remove];

    /// How it is written.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Assign => "@@assign",
            Self::Append => "@@append",
            Self::Remove => "@@remove",
        }
    }
}

/// A policy document.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    /// What it does to each setting, in the order in which it is applied.
    pub settings: BTreeMap<Path, Vec<(Operator, Value)>>,
    /// What it lets the policies of lower levels do, by where it says so.
    pub controls: BTreeMap<Path, BTreeSet<Operator>>,
    /// Settings that are written in a way that is not understood.
    pub unclear: BTreeMap<Path, String>,
    /// What AWS would not take.
    pub refusals: Vec<Refusal>,
}

/// A setting that differs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Attribute {
    /// Which, as keys with dots between them.
    pub path: String,
    /// What held; null where nothing did.
    pub old: Value,
    /// What holds now; null where nothing does.
    pub new: Value,
    /// Whether that restricts less.
    pub direction: super::decide::Verdict,
    /// Why.
    pub reason: String,
    /// The sort of weakening.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
}

/// The key under which a policy says what lower levels may do.
const CONTROL: &str = "@@operators_allowed_for_child_policies";

/// Characters that AWS takes, white space not counted.
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html>
const MOST: [(&str, usize); 2] = [("ec2_attributes", 10_000), ("services", 2_500)];

/// Reads one document from a tree. `size` is its length as AWS counts it.
///
/// # Errors
/// What cannot be read, with its place.
pub fn policy(node: &Node, size: usize) -> Result<Policy, Vec<Diagnostic>> {
    let mut reader = Reader::default();
    match &node.content {
        Content::Map(entries) if entries.iter().any(|entry| entry.key == "Statement") => {
            let said = "this is a permission policy; leave `--kind declarative` out";
            reader.mistakes.push(Diagnostic::error(node.span, said));
        }
        Content::Map(entries) => {
            reader.map(&Path::default(), entries);
            for (key, most) in MOST {
                if size > most && entries.iter().any(|entry| entry.key == key) {
                    reader.refuse(node.span, format!("a policy with `{key}` has {most} characters at most"));
                }
            }
        }
        _ => reader.mistakes.push(Diagnostic::error(node.span, "a declarative policy is an object")),
    }
    if reader.mistakes.is_empty() { Ok(reader.policy) } else { Err(reader.mistakes) }
}

#[derive(Default)]
struct Reader {
    policy: Policy,
    mistakes: Vec<Diagnostic>,
}

impl Reader {
    fn map(&mut self, path: &Path, entries: &[Entry]) {
        // Applied in this order: what is assigned is there before something is added to it or taken from it.
        for operator in Operator::ALL {
            for entry in entries.iter().filter(|entry| entry.key == operator.word()) {
                self.policy.settings.entry(path.clone()).or_default().push((operator, entry.value.to_value()));
                self.fits(path, operator, entry);
            }
        }
        for entry in entries {
            let below = path.below(&entry.key);
            match &entry.value.content {
                _ if Operator::ALL.iter().any(|operator| operator.word() == entry.key) => {}
                _ if entry.key == CONTROL => self.control(path, entry),
                _ if entry.key.starts_with("@@") => {
                    self.unclear(path, entry.key_span, format!("the operator `{}` is not known", visible(&entry.key)));
                }
                Content::Map(entries) => self.map(&below, entries),
                _ => {
                    let said = format!("`{}` has a value without an operator such as `@@assign`", visible(&entry.key));
                    self.unclear(&below, entry.key_span, said);
                }
            }
        }
    }

    fn fits(&mut self, path: &Path, operator: Operator, entry: &Entry) {
        let fits = match &entry.value.content {
            Content::List(items) => {
                !items.iter().any(|item| matches!(item.content, Content::List(_) | Content::Map(_)))
            }
            Content::Map(_) | Content::Null => false,
            _ => operator == Operator::Assign,
        };
        if !fits {
            let wanted = if operator == Operator::Assign { "a value or a list of values" } else { "a list of values" };
            self.unclear(path, entry.value.span, format!("`{}` takes {wanted}", operator.word()));
        }
    }

    fn control(&mut self, path: &Path, entry: &Entry) {
        let mut allowed = BTreeSet::new();
        for item in entry.value.items() {
            match item.as_text() {
                Some("@@all") => allowed.extend(Operator::ALL),
                Some("@@none") => {}
                word => match Operator::ALL.into_iter().find(|operator| word == Some(operator.word())) {
                    Some(operator) => {
                        allowed.insert(operator);
                    }
                    None => self.unclear(path, item.span, format!("`{CONTROL}` has an unknown operator")),
                },
            }
        }
        if entry.value.items().is_empty() {
            self.unclear(path, entry.value.span, format!("`{CONTROL}` is a list of operators"));
        }
        self.policy.controls.insert(path.clone(), allowed);
    }

    /// What AWS would not take, and what nobody can tell the meaning of.
    fn unclear(&mut self, path: &Path, span: Span, why: String) {
        self.policy.unclear.insert(path.clone(), why.clone());
        self.refuse(span, why);
    }

    fn refuse(&mut self, span: Span, reason: String) {
        self.policy.refusals.push(Refusal { span, reason });
    }
}
