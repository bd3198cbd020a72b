//! Which audit events change what: `policies/aws/change-events.yaml`, loaded.
//!
//! In: the table, and one [`Event`]. Out: what the event says it did, to what. It knows no event by name: a new one
//! touches the table alone. It never looks at a drift.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::event::Event;
use super::field::text;
use super::term::{Reading, Term};
use crate::compare::{Aspect, Drift};
use crate::estate::Kind;

/// What can be changed: a kind and an aspect of it, `policy/attachment`.
pub type Change = (Kind, Aspect);

/// The table of events.
#[derive(Debug)]
pub struct Catalogue {
    entries: BTreeMap<(String, String), Vec<Entry>>,
    words: Words,
}

/// One line of the table: one thing that an event does.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// The service that is called.
    pub(super) source: String,
    /// What is called. Names alone collide: only together with the source does it mean something.
    pub(super) name: String,
    /// What it changes.
    #[serde(deserialize_with = "changes")]
    pub(super) changes: BTreeSet<Change>,
    /// Where the record names its subject. A key that ends in `?` is not in every record.
    pub(super) subject: BTreeMap<String, Term>,
    /// Keys that must be in both or in neither.
    #[serde(default)]
    pub(super) exact: BTreeSet<String>,
    /// What the event brings about.
    #[serde(default)]
    pub(super) effect: BTreeMap<String, Term>,
    /// What is not in the record stays as it was.
    #[serde(default)]
    partial: bool,
    /// The subject's key that this event alone can have brought into being.
    #[serde(default)]
    pub(super) creates: Option<String>,
    /// The calls whose outcome the provider reports with this event. Such an event has no author.
    #[serde(default)]
    pub(super) confirms: BTreeSet<String>,
    /// Where the record says how a request ended, in one of the table's words.
    #[serde(default)]
    status: Option<Term>,
    /// Resource ARNs in the error text of a refused call, which names its subject nowhere else.
    #[serde(default)]
    pub(super) refused: Vec<Pattern>,
}

/// One thing that an event did, or tried to do: see [`Event::error`].
#[derive(Clone, Debug, PartialEq)]
pub struct Deed<'a> {
    /// What it changes.
    pub changes: &'a BTreeSet<Change>,
    /// To what, as far as the record says.
    pub subject: BTreeMap<&'a str, String>,
    /// What it brings about; `None` where the record does not say.
    pub effect: BTreeMap<&'a str, Option<Value>>,
    /// The calls whose outcome it reports; such an event has no author of its own.
    pub reports: &'a BTreeSet<String>,
    /// How the request ended that it reports.
    pub stage: Stage,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It took effect.
    Granted,
    /// It did not.
    Refused,
    /// It is open.
    Waiting,
    /// In a word that the table does not know.
    Unclear,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    granted: BTreeSet<String>,
    refused: BTreeSet<String>,
    waiting: BTreeSet<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    request_status: Words,
    events: Vec<Entry>,
}

static SHIPPED: LazyLock<Catalogue> = LazyLock::new(|| {
    let text = include_str!("../../policies/aws/change-events.yaml");
    Catalogue::new(crate::provider::shipped("policies/aws/change-events.yaml", text))
});

impl Catalogue {
    /// The table that is part of the program.
    #[must_use]
    pub fn shipped() -> &'static Self {
        &SHIPPED
    }

    #[cfg(test)]
    pub(super) fn parse(text: &str) -> Result<Self, serde_yaml::Error> {
        serde_yaml::from_str(text).map(Self::new)
    }

    #[cfg(test)]
    pub(super) fn listed(&self) -> Vec<&Entry> {
        self.entries.values().flatten().collect()
    }

    fn new(table: Table) -> Self {
        let mut entries: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for entry in table.events {
            entries.entry((entry.source.clone(), entry.name.clone())).or_default().push(entry);
        }
        Self { entries, words: table.request_status }
    }

    /// What an event did, by itself: one [`Deed`] for each of its entries.
    #[must_use]
    pub fn deeds<'a>(&'a self, event: &Event) -> Vec<Deed<'a>> {
        let deed = |entry: &'a Entry| Deed {
            changes: &entry.changes,
            subject: entry.subject(event).into_iter().filter_map(|named| Some((named.key, named.value?))).collect(),
            effect: entry.effect(event),
            reports: &entry.confirms,
            stage: entry.stage(event, self),
        };
        self.entries(event).iter().map(deed).collect()
    }

    /// The entries that can speak of a difference.
    pub(super) fn concerning(&self, drift: &Drift) -> Vec<&Entry> {
        self.entries.values().flatten().filter(|entry| entry.concerns(drift)).collect()
    }

    /// The names of the events that can have made a difference, or report that it was made.
    #[must_use]
    pub fn names(&self, drift: &Drift) -> BTreeSet<&str> {
        self.concerning(drift).into_iter().map(|entry| entry.name.as_str()).collect()
    }

    /// What an event does, by source and name; nothing for events that change nothing that is audited.
    fn entries(&self, event: &Event) -> &[Entry] {
        self.entries.get(&(service(event).to_owned(), event.name.clone())).map_or(&[], Vec::as_slice)
    }

    /// How a request ended, by the provider's word for it.
    #[must_use]
    pub fn stage(&self, word: &str) -> Stage {
        let word = word.to_ascii_uppercase();
        match &self.words {
            words if words.granted.contains(&word) => Stage::Granted,
            words if words.refused.contains(&word) => Stage::Refused,
            words if words.waiting.contains(&word) => Stage::Waiting,
            _ => Stage::Unclear,
        }
    }
}

/// China's services write their names with its own ending.
fn service(event: &Event) -> &str {
    event.source.strip_suffix(".cn").unwrap_or(&event.source)
}

impl Entry {
    /// Whether it can speak of a difference at all: it changes that aspect, its constants do not name another subject, and
    /// it touches what drifted.
    pub(super) fn concerns(&self, drift: &Drift) -> bool {
        self.changes.contains(&(drift.kind, drift.aspect))
            && self.constants().all(|(key, value)| drift.event_subject.get(key).is_none_or(|ours| *ours == value))
            && (drift.event_effect.is_empty() || drift.event_effect.keys().any(|key| self.touches(key)))
    }

    /// Whether the event is this entry's: names alone collide.
    pub(super) fn is_of(&self, event: &Event) -> bool {
        self.name == event.name && self.source == service(event)
    }

    /// What is called.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether this event reports what came of a call of that entry.
    pub(super) fn reports(&self, call: &Self) -> bool {
        self.source == call.source && self.confirms.contains(&call.name)
    }

    /// What the event says of its subject by its name alone.
    pub(super) fn constants(&self) -> impl Iterator<Item = (&str, String)> {
        self.subject.iter().filter_map(|(key, term)| Some((key.as_str(), text(term.constant()?)?)))
    }

    /// Whether the event can change this.
    pub(super) fn touches(&self, key: &str) -> bool {
        self.effect.contains_key(key)
    }

    /// The subject as this record names it: every key that the entry declares, with what was read and whether each
    /// record has it.
    pub(super) fn subject(&self, event: &Event) -> Vec<Named<'_>> {
        let mut named: Vec<_> = self
            .subject
            .iter()
            .map(|(key, term)| {
                let (key, always) = key.strip_suffix('?').map_or((key.as_str(), true), |key| (key, false));
                let value = match term.read(event) {
                    Reading::Known(value) => text(&value),
                    Reading::Hidden | Reading::Missing => None,
                };
                Named { key, always, value }
            })
            .collect();
        if event.error.is_some()
            && let Some(message) = &event.error_message
        {
            self.recover(message, &mut named);
        }
        named
    }

    /// Fills in what only the error text of a refused call says.
    fn recover(&self, message: &str, named: &mut [Named<'_>]) {
        let arns = message.split_whitespace().filter(|word| word.starts_with("arn:"));
        let found = arns.flat_map(|arn| self.refused.iter().filter_map(move |pattern| pattern.captures(arn))).next();
        for (key, value) in found.into_iter().flatten() {
            if let Some(named) = named.iter_mut().find(|named| named.key == key && named.value.is_none()) {
                named.value = Some(value);
            }
        }
    }

    /// What the event brought about. Keys that it leaves as they were are not there; hidden ones are `None`.
    pub(super) fn effect(&self, event: &Event) -> BTreeMap<&str, Option<Value>> {
        let read = self.effect.iter().filter_map(|(key, term)| match term.read(event) {
            Reading::Known(value) => Some((key.as_str(), Some(value))),
            // What a record leaves out was left as it was, if it says anything at all.
            Reading::Missing if self.partial && event.request.is_object() => None,
            Reading::Missing | Reading::Hidden => Some((key.as_str(), None)),
        });
        read.collect()
    }

    /// How the request that this event confirms ended; events without a status confirm that it took effect.
    pub(super) fn stage(&self, event: &Event, catalogue: &Catalogue) -> Stage {
        match &self.status {
            None => Stage::Granted,
            Some(term) => match term.read(event) {
                Reading::Known(Value::String(word)) => catalogue.stage(&word),
                Reading::Known(_) | Reading::Hidden | Reading::Missing => Stage::Unclear,
            },
        }
    }
}

/// One key of an event's subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named<'a> {
    pub(super) key: &'a str,
    /// Whether every successful record of this event has it.
    pub(super) always: bool,
    pub(super) value: Option<String>,
}

/// An ARN with `*` for a part that does not matter and `{key}` for one that names the subject.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "String")]
pub(super) struct Pattern(Vec<String>);

impl From<String> for Pattern {
    fn from(text: String) -> Self {
        Self(parts(&text))
    }
}

impl Pattern {
    #[cfg(test)]
    pub(super) fn keys(&self) -> Vec<String> {
        self.0.iter().filter_map(|part| captured(part)).map(str::to_owned).collect()
    }

    fn captures(&self, arn: &str) -> Option<Vec<(String, String)>> {
        let found = parts(arn.trim_end_matches(['.', ',', ';', '"', '\'', ')']));
        if found.len() != self.0.len() {
            return None;
        }
        let mut captures = Vec::new();
        for (pattern, part) in self.0.iter().zip(found) {
            if let Some(key) = captured(pattern) {
                captures.push((key.to_owned(), part));
            } else if pattern != "*" && *pattern != part {
                return None;
            }
        }
        Some(captures)
    }
}

/// `{key}` → `key`
fn captured(part: &str) -> Option<&str> {
    part.strip_prefix('{').and_then(|key| key.strip_suffix('}'))
}

fn parts(arn: &str) -> Vec<String> {
    arn.split([':', '/']).map(str::to_owned).collect()
}

fn changes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<Change>, D::Error> {
    let words = Vec::<String>::deserialize(deserializer)?;
    words.iter().map(|word| change(word).map_err(serde::de::Error::custom)).collect()
}

fn change(word: &str) -> Result<Change, serde_json::Error> {
    let (kind, aspect) = word.split_once('/').unwrap_or((word, ""));
    serde_json::from_value(serde_json::json!([kind, aspect]))
}
