//! The catalogue's data, unpacked and read.
//!
//! In: the text that `policies/aws/actions.mjs` writes (its head describes the records) and the table of global condition
//! keys. Out: a [`Catalogue`], or the line that does not fit. Nothing is left out: a record that is not understood is an
//! error.

use std::cmp::Ordering;
use std::io::Read;
use std::sync::LazyLock;

use flate2::read::GzDecoder;
use serde::Deserialize;

use super::{
    AccessLevel, Action, Catalogue, ConditionKey, KeyType, Presence, ResourceType, Service, Slot, Source, compare,
};

const PACKED: &[u8] = include_bytes!("../../../policies/aws/actions.txt.gz");

/// The text that all names of the catalogue stand in.
static TEXT: LazyLock<String> = LazyLock::new(|| {
    let mut text = String::with_capacity(unpacked_size());
    match GzDecoder::new(PACKED).read_to_string(&mut text) {
        Ok(_) => text,
        Err(error) => {
            unreachable!("`policies/aws/actions.txt.gz` is part of the program and cannot be unpacked: {error}")
        }
    }
});

static GLOBAL: LazyLock<Vec<Global>> = LazyLock::new(|| {
    let table = include_str!("../../../policies/aws/condition-keys.yaml");
    crate::provider::shipped("policies/aws/condition-keys.yaml", table)
});

/// What the packed text says of its size, in its last four bytes.
fn unpacked_size() -> usize {
    PACKED.last_chunk().and_then(|size| usize::try_from(u32::from_le_bytes(*size)).ok()).unwrap_or_default()
}

/// The catalogue that is part of the program.
///
/// # Panics
/// Never in a released program: a test reads it.
pub(super) fn shipped() -> Catalogue {
    match parse(&TEXT, &GLOBAL) {
        Ok(catalogue) => catalogue,
        Err(error) => unreachable!("`policies/aws/actions.txt.gz` is part of the program and does not parse: {error}"),
    }
}

#[cfg(test)]
pub(super) fn text() -> &'static str {
    &TEXT
}

/// One global condition key of the table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Global {
    key: String,
    #[serde(rename = "type")]
    value: KeyType,
    #[serde(default)]
    also: Option<KeyType>,
    #[serde(default)]
    many: bool,
    #[serde(default)]
    present: Presence,
    #[serde(default)]
    listed: bool,
}

/// A line that does not fit.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {why}")]
pub(super) struct Misread {
    line: usize,
    why: String,
}

/// Reads the text.
pub(super) fn parse(text: &'static str, global: &'static [Global]) -> Result<Catalogue, Misread> {
    let mut draft = Draft::default();
    let mut lines = text.lines().enumerate();
    if lines.next().map(|(_, line)| line) != Some("guardline-actions\t1") {
        return Err(Misread { line: 1, why: "this is not a text of actions, version 1".to_owned() });
    }
    for (index, line) in &mut lines {
        draft.read(line).map_err(|why| Misread { line: index + 1, why })?;
    }
    draft.finish(global).map_err(|why| Misread { line: text.lines().count(), why })
}

/// What has been read so far.
#[derive(Default)]
struct Draft {
    notice: Vec<&'static str>,
    source: Option<Source>,
    levels: Vec<AccessLevel>,
    keys: Vec<ConditionKey>,
    lists: Vec<Box<[u16]>>,
    services: Vec<Service>,
    types: Vec<ResourceType>,
    /// How many types the earlier services have.
    earlier_types: usize,
    actions: Vec<Action>,
    slots: Vec<Slot>,
}

impl Draft {
    fn read(&mut self, line: &'static str) -> Result<(), String> {
        let (record, fields) = line.split_once('\t').ok_or("a record has fields parted by tabs")?;
        let mut fields = Fields(Some(fields));
        match record {
            "#" => self.notice.push(fields.rest()),
            "source" => self.source = Some(source(&mut fields)?),
            "level" => self.levels.push(AccessLevel::of(fields.text("a level")?)),
            "key" => self.keys.push(key(&mut fields)?),
            "list" => self.lists.push(self.list(fields.rest())?),
            "service" => self.service(&mut fields)?,
            "type" => self.resource_type(&mut fields)?,
            "action" => self.action(&mut fields)?,
            _ => return Err(format!("`{record}` is no record that is known")),
        }
        fields.end()
    }

    /// Numbers of keys.
    fn list(&self, numbers: &str) -> Result<Box<[u16]>, String> {
        numbers.split_terminator(' ').map(|text| number(text, "a key", self.keys.len())).collect()
    }

    fn service(&mut self, fields: &mut Fields) -> Result<(), String> {
        let name = fields.text("a service")?;
        in_order(self.services.last().map(|service| service.name), name)?;
        let rcp = match fields.next() {
            None => false,
            Some("rcp") => true,
            Some(word) => return Err(format!("`{word}` is nothing that is said of a service")),
        };
        self.earlier_types = self.types.len();
        self.services.push(Service { name, rcp, actions: self.actions.len()..self.actions.len() });
        Ok(())
    }

    fn resource_type(&mut self, fields: &mut Fields) -> Result<(), String> {
        let name = fields.text("a resource type")?;
        in_order(self.types.get(self.earlier_types..).and_then(<[_]>::last).map(|last| last.name), name)?;
        let keys = number(fields.text("a list of keys")?, "a list of keys", self.lists.len())?;
        let formats = fields.rest();
        if !formats.split('\t').all(|format| format.starts_with("arn:")) {
            return Err(format!("`{formats}` is no format of an ARN"));
        }
        self.types.push(ResourceType { name, formats, keys });
        Ok(())
    }

    fn action(&mut self, fields: &mut Fields) -> Result<(), String> {
        let Some(service) = self.services.last_mut() else {
            return Err("an action stands below its service".to_owned());
        };
        let name = fields.text("an action")?;
        let (index, start) = (self.actions.len(), self.slots.len());
        in_order(self.actions.get(service.actions.start..).and_then(<[_]>::last).map(|last| last.name), name)?;
        let level = number(fields.text("a level")?, "a level", self.levels.len())?;
        let level = *self.levels.get(usize::from(level)).ok_or("there is no such level")?;
        let keys = number(fields.text("a list of keys")?, "a list of keys", self.lists.len())?;
        let types = self.types.len() - self.earlier_types;
        for text in fields.rest().split_terminator(' ') {
            let (text, keys) = text.split_once(':').unwrap_or((text, "0"));
            let of = number(text.trim_end_matches('!'), "a type of this service", types)?;
            let of = u16::try_from(self.earlier_types + usize::from(of)).map_err(|_| "there are too many types")?;
            let keys = number(keys, "a list of keys", self.lists.len())?;
            self.slots.push(Slot { of, required: text.ends_with('!'), keys });
        }
        service.actions.end = index + 1;
        self.actions.push(Action { index, service: service.name, name, level, keys, slots: start..self.slots.len() });
        Ok(())
    }

    /// Adds the global keys, which decide where both know one, and the ways to find a key.
    fn finish(mut self, global: &'static [Global]) -> Result<Catalogue, String> {
        let mut source = self.source.ok_or("the source of the facts is not said")?;
        source.notice = self.notice.join("\n");
        for global in global {
            match self.keys.iter_mut().find(|key| compare(key.name, &global.key) == Ordering::Equal) {
                Some(known) => *known = ConditionKey::from(global),
                None => self.keys.push(ConditionKey::from(global)),
            }
        }
        let places = 0..u16::try_from(self.keys.len()).map_err(|_| "there are too many keys")?;
        let name = |place: u16| self.keys.get(usize::from(place)).map_or("", |key| key.name);
        let mut by_name: Vec<u16> = places.clone().collect();
        by_name.sort_by(|one, other| compare(name(*one), name(*other)));
        if let Some(twice) = by_name.windows(2).find(|pair| compare(name(pair[0]), name(pair[1])) == Ordering::Equal) {
            return Err(format!("the key `{}` stands there twice", name(twice[0])));
        }
        let patterns = places.filter(|place| name(*place).contains("${")).collect();
        let Self { services, types, actions, slots, keys, lists, .. } = self;
        Ok(Catalogue { source, services, types, actions, slots, keys, by_name, patterns, lists })
    }
}

impl From<&'static Global> for ConditionKey {
    fn from(said: &'static Global) -> Self {
        Self {
            name: &said.key,
            value: said.value,
            also: said.also,
            multi_valued: said.many,
            presence: said.present,
            global: true,
            listed: said.listed,
        }
    }
}

fn source(fields: &mut Fields) -> Result<Source, String> {
    Ok(Source {
        package: fields.text("the package")?,
        version: fields.text("its version")?,
        date: fields.text("its date")?,
        licence: fields.text("its licence")?,
        copyright: fields.text("whose it is")?,
        notice: String::new(),
    })
}

fn key(fields: &mut Fields) -> Result<ConditionKey, String> {
    let name = fields.text("a condition key")?;
    if name.matches("${").count() > 1 || name.contains("${") != name.contains('}') {
        return Err(format!("`{name}` has another variable part than one `${{…}}`"));
    }
    let (value, multi_valued) = KeyType::of(fields.text("its type")?);
    let presence = Presence::Sometimes;
    Ok(ConditionKey { name, value, also: None, multi_valued, presence, global: false, listed: true })
}

/// The fields of a record that have not been read yet.
struct Fields(Option<&'static str>);

impl Fields {
    fn next(&mut self) -> Option<&'static str> {
        let rest = self.0?;
        let (field, rest) = rest.split_once('\t').map_or((rest, None), |(field, rest)| (field, Some(rest)));
        self.0 = rest;
        Some(field)
    }

    /// A field that must be there.
    fn text(&mut self, what: &str) -> Result<&'static str, String> {
        self.next().filter(|field| !field.is_empty()).ok_or_else(|| format!("{what} is missing"))
    }

    /// All that is left.
    fn rest(&mut self) -> &'static str {
        self.0.take().unwrap_or_default()
    }

    fn end(&self) -> Result<(), String> {
        self.0.map_or(Ok(()), |rest| Err(format!("`{rest}` is more than the record has")))
    }
}

fn number(text: &str, what: &str, below: usize) -> Result<u16, String> {
    let number = text.parse().ok().filter(|number: &u16| usize::from(*number) < below);
    number.ok_or_else(|| format!("`{text}` is not the number of {what}; there are {below}"))
}

/// Names are searched for by halves: they must stand in order, once each.
fn in_order(before: Option<&str>, name: &str) -> Result<(), String> {
    match before {
        Some(before) if compare(before, name) != Ordering::Less => Err(format!("`{name}` stands below `{before}`")),
        _ => Ok(()),
    }
}

/// How much of a name with a variable part, `aws:PrincipalTag/${TagKey}`, another name says literally, if it is of that
/// form: `aws:PrincipalTag/team`, in any case. What stands for the variable part may be anything but nothing.
pub(super) fn fit(pattern: &str, name: &str) -> Option<usize> {
    let (before, rest) = pattern.split_once("${")?;
    let (_, after) = rest.split_once('}')?;
    let (name, said) = (name.as_bytes(), before.len() + after.len());
    let begins = name.get(..before.len())?.eq_ignore_ascii_case(before.as_bytes());
    let ends = name.get(name.len().checked_sub(after.len())?..)?.eq_ignore_ascii_case(after.as_bytes());
    (begins && ends && name.len() > said).then_some(said)
}
