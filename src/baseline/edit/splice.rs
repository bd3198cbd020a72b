//! Where in a file's text a change belongs. In come the text, its tree and what is to change; out come splices, or why
//! they cannot be told. Never looks beyond one file, and never at what the change means: whoever splices reads the
//! result again.

use std::mem::discriminant;

use serde_json::Value;

use super::write::{Form, below, is_long, item};
use crate::baseline::document::{Content, Entry, Node};

/// One stretch of a text, and what comes in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Splice {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) text: String,
}

/// Why a change is not made.
pub(super) type Reason = &'static str;

const NOT_FOUND: Reason = "its place in the file could not be found";
const FIRST: Reason = "it stands on the line of another entry";

/// A file, ready to be spliced.
pub(super) struct Page<'a> {
    text: &'a str,
    root: &'a Node,
    form: Form,
}

/// A node with what stands around it.
#[derive(Clone, Copy)]
struct Found<'a> {
    node: &'a Node,
    /// The list or mapping that holds it, and its place there.
    above: Option<(&'a Node, usize)>,
    /// The nearest key above it.
    key: Option<&'a Entry>,
    /// Whether brackets stand around it.
    in_flow: bool,
}

impl<'a> Page<'a> {
    pub(super) fn new(text: &'a str, root: &'a Node) -> Self {
        Self { text, root, form: Form::of(text) }
    }

    /// Puts an item behind the last one of a list.
    pub(super) fn append_after(&self, last: &Node, value: &Value) -> Result<Vec<Splice>, Reason> {
        let found = self.find(last).ok_or(NOT_FOUND)?;
        let (list, _) = found.above.ok_or(NOT_FOUND)?;
        if self.is_flow(list) {
            return self.append_in_brackets(list, &self.form.line(value));
        }
        let column = self.dash(found.node).ok_or(NOT_FOUND)?;
        let lines = match self.looks_flow(found.node) {
            true => vec![format!("- {}", self.form.line(value))],
            false => item(value),
        };
        let beside = found.key.map_or(0, |key| self.column(key.key_span.start as usize));
        let least = if column > beside { column } else { column + 1 };
        let at = self.after(self.end(found.node), least);
        Ok(vec![self.insert_lines(at, column, &lines)])
    }

    /// Puts the first item into a list that is empty.
    pub(super) fn append_first(&self, list: &Node, value: &Value) -> Result<Vec<Splice>, Reason> {
        let found = self.find(list).ok_or(NOT_FOUND)?;
        let (start, end) = (self.content(found.node), self.end(found.node));
        let written = self.text.get(start..end).unwrap_or("");
        let key = found.key.filter(|_| found.above.is_some_and(|(above, _)| matches!(above.content, Content::Map(_))));
        let Some(key) = key.filter(|_| value.is_object() && !found.in_flow && is_bare(written)) else {
            let inside = self.form.line(value);
            return Ok(vec![Splice { start: start + 1, end: start + 1, text: inside }]);
        };
        // `key: []  # why` becomes `key:  # why` and the item below.
        let before = self.text.get(..start).unwrap_or("");
        let blank = before.len() - before.trim_end_matches(' ').len();
        let lines = if is_long(value) { item(value) } else { vec![format!("- {}", self.form.line(value))] };
        let column = self.column(key.key_span.start as usize) + self.step();
        let gone = Splice { start: start - blank, end, text: String::new() };
        Ok(vec![gone, self.insert_lines(self.line_after(end), column, &lines)])
    }

    /// Puts a key behind the last one of a mapping.
    pub(super) fn add_key(&self, map: &Node, key: &str, value: &Value) -> Result<Vec<Splice>, Reason> {
        let found = self.find(map).ok_or(NOT_FOUND)?;
        let Content::Map(entries) = &found.node.content else { return Err(NOT_FOUND) };
        if self.is_flow(found.node) {
            return self.append_in_brackets(found.node, &self.form.entry(key, value));
        }
        let last = entries.last().ok_or(NOT_FOUND)?;
        let column = self.column(last.key_span.start as usize);
        let mut lines = below(key, value);
        let at = self.after(self.end_of_entry(last), column + 1);
        if found.above.is_none() && self.is_airy(entries) {
            lines.insert(0, String::new());
        }
        Ok(vec![self.insert_lines(at, column, &lines)])
    }

    /// Puts a value in the place of another.
    pub(super) fn replace(&self, old: &Node, value: &Value) -> Result<Vec<Splice>, Reason> {
        let found = self.find(old).ok_or(NOT_FOUND)?;
        let (start, end) = (self.content(found.node), self.end(found.node));
        let written = self.form.line(value);
        if let Some(first) =
            found.node.items().first().filter(|_| !self.is_flow(found.node) && !self.is_alias(found.node))
        {
            // The dashes go, too.
            let is_value = found.above.is_some_and(|(above, _)| matches!(above.content, Content::Map(_)));
            let colon = found.key.filter(|_| is_value).and_then(|key| self.colon(key));
            let start =
                colon.map(|colon| self.behind_marks(colon + 1)).or_else(|| self.dash_at(first)).ok_or(NOT_FOUND)?;
            let text = if colon.is_some() { format!(" {written}") } else { written };
            return Ok(vec![Splice { start, end, text }]);
        }
        let nothing = start == end;
        let text = if nothing { format!(" {written}") } else { written };
        Ok(vec![Splice { start, end, text }])
    }

    /// Takes an item out of a list, or a key out of a mapping.
    pub(super) fn remove(&self, old: &Node) -> Result<Vec<Splice>, Reason> {
        let found = self.find(old).ok_or(NOT_FOUND)?;
        let (above, index) = found.above.ok_or(NOT_FOUND)?;
        let spots = self.spots(above);
        let (start, end) = *spots.get(index).ok_or(NOT_FOUND)?;
        if self.is_flow(above) {
            return Ok(vec![self.remove_in_brackets(above, &spots, index).ok_or(NOT_FOUND)?]);
        }
        let is_list = matches!(above.content, Content::List(_));
        if is_list && spots.len() == 1 {
            return self.empty(found);
        }
        let column = if is_list { self.dash(found.node).ok_or(NOT_FOUND)? } else { self.column(start) };
        let head = self.line_start(if is_list { self.dash_at(found.node).ok_or(NOT_FOUND)? } else { start });
        if self.text.get(head..head + column).is_none_or(|indent| !indent.trim_start_matches(' ').is_empty()) {
            return match spots.get(index + 1) {
                // The first key of an item stands behind its dash, which stays, as do comments about the next key.
                Some((next, _)) if !is_list => {
                    let line = self.line_end(end);
                    let said = self.text.get(line..*next).is_some_and(|between| between.contains('#'));
                    let end = if said { line } else { *next };
                    Ok(vec![Splice { start, end, text: String::new() }])
                }
                _ => Err(FIRST),
            };
        }
        Ok(vec![Splice { start: head, end: self.after(end, column + 1), text: String::new() }])
    }

    /// Takes the only item out of a list, of which `[]` is left.
    fn empty(&self, found: Found<'_>) -> Result<Vec<Splice>, Reason> {
        let key = found.key.ok_or(FIRST)?;
        let colon = self.colon(key).ok_or(NOT_FOUND)?;
        let head = self.line_start(self.dash_at(found.node).ok_or(NOT_FOUND)?);
        if head <= colon {
            return Err(FIRST);
        }
        let column = self.dash(found.node).ok_or(NOT_FOUND)?;
        let gone = Splice { start: head, end: self.after(self.end(found.node), column + 1), text: String::new() };
        let at = self.behind_marks(colon + 1);
        Ok(vec![Splice { start: at, end: at, text: " []".to_owned() }, gone])
    }

    /// Behind an anchor and a tag on the same line.
    fn behind_marks(&self, from: usize) -> usize {
        let mut at = from;
        loop {
            let rest = self.text.get(at..).unwrap_or("");
            let word = rest.trim_start_matches(' ');
            if !word.starts_with(['&', '!']) {
                return at;
            }
            at += rest.len() - word.len() + word.find(char::is_whitespace).unwrap_or(word.len());
        }
    }

    fn append_in_brackets(&self, node: &Node, written: &str) -> Result<Vec<Splice>, Reason> {
        let spots = self.spots(node);
        let Some((start, end)) = spots.last().copied() else {
            let at = self.content(node) + 1;
            return Ok(vec![Splice { start: at, end: at, text: written.to_owned() }]);
        };
        let before = spots.iter().rev().nth(1).map_or_else(|| self.content(node), |(_, end)| *end);
        let own_line = self.text.get(before..start).is_some_and(|between| between.contains('\n'));
        let comma = self.skip(end).filter(|at| self.text.get(*at..).is_some_and(|rest| rest.starts_with(',')));
        let behind = comma.map_or(end, |comma| comma + 1);
        let said = self.text.get(behind..self.line_end(behind)).is_some_and(|rest| rest.trim_start().starts_with('#'));
        if !own_line && !said {
            return Ok(vec![match comma {
                Some(at) => Splice { start: at + 1, end: at + 1, text: format!(" {written}") },
                None => Splice { start: end, end, text: format!(", {written}") },
            }]);
        }
        // A comment behind the last one stays with it.
        let (first, _) = spots.first().copied().unwrap_or((start, end));
        let indent = " ".repeat(self.column(if own_line { start } else { first }));
        let at = self.line_end(behind);
        let closes = self.close(node).is_some_and(|close| close < at);
        let at = if closes { behind } else { at };
        let mark = if comma.is_some() { "," } else { "" };
        let line = Splice { start: at, end: at, text: format!("{}{indent}{written}{mark}", self.line_break(at)) };
        let own = Splice { start: end, end, text: ",".to_owned() };
        Ok(if comma.is_some() { vec![line] } else { vec![own, line] })
    }

    /// The two gaps around an entry become one.
    fn remove_in_brackets(&self, node: &Node, spots: &[(usize, usize)], index: usize) -> Option<Splice> {
        let (start, end) = spots.get(index).copied()?;
        let before = index.checked_sub(1).and_then(|index| spots.get(index)).map(|(_, end)| *end);
        let next = spots.get(index + 1).map(|(start, _)| *start);
        let from = before.unwrap_or_else(|| self.content(node) + 1);
        let to = next.or_else(|| self.close(node))?;
        let (left, right) = (Gap(self.text.get(from..start)?), Gap(self.text.get(end..to)?));
        let text = joined(left, right, before.is_some(), next.is_some());
        Some(Splice { start: from, end: to, text })
    }

    /// Where each entry starts and ends.
    fn spots(&self, node: &Node) -> Vec<(usize, usize)> {
        match &node.content {
            Content::List(items) => items.iter().map(|item| (item.span.start as usize, self.end(item))).collect(),
            Content::Map(entries) => {
                entries.iter().map(|entry| (entry.key_span.start as usize, self.end_of_entry(entry))).collect()
            }
            _ => Vec::new(),
        }
    }

    /// What stands at the place of a node of the whole. A list whose dashes stand below its key may share the place of its
    /// only item.
    fn find(&self, wanted: &Node) -> Option<Found<'a>> {
        let whole = Found { node: self.root, above: None, key: None, in_flow: false };
        self.search(whole, wanted)
    }

    fn search(&self, from: Found<'a>, wanted: &Node) -> Option<Found<'a>> {
        let alike = discriminant(&from.node.content) == discriminant(&wanted.content);
        if from.node.span == wanted.span && alike {
            return Some(from);
        }
        // What an alias stands for has its own place.
        if self.is_alias(from.node) {
            return None;
        }
        let in_flow = from.in_flow || self.is_flow(from.node);
        match &from.node.content {
            Content::List(items) => items.iter().enumerate().find_map(|(index, node)| {
                self.search(Found { node, above: Some((from.node, index)), in_flow, ..from }, wanted)
            }),
            Content::Map(entries) => entries.iter().enumerate().find_map(|(index, entry)| {
                let key = Some(entry);
                self.search(Found { node: &entry.value, above: Some((from.node, index)), key, in_flow }, wanted)
            }),
            _ => None,
        }
    }

    /// Where the value itself starts, behind its anchor and tag.
    fn content(&self, node: &Node) -> usize {
        let mut at = node.span.start as usize;
        while self.text.get(at..).is_some_and(|rest| rest.starts_with(['&', '!'])) {
            let rest = self.text.get(at..).unwrap_or("");
            let word = rest.find(char::is_whitespace).unwrap_or(rest.len());
            at = self.skip(at + word).unwrap_or(self.text.len());
        }
        at
    }

    fn is_alias(&self, node: &Node) -> bool {
        self.text.get(node.span.start as usize..).is_some_and(|rest| rest.starts_with('*'))
    }

    /// Whether it is a list or mapping in brackets. A list whose dashes stand below its key starts, to the parser, with
    /// its first item.
    fn is_flow(&self, node: &Node) -> bool {
        let first = node.items().first().map(|item| item.span.start);
        let collection = matches!(node.content, Content::List(_) | Content::Map(_));
        collection && first != Some(node.span.start) && self.looks_flow(node)
    }

    fn looks_flow(&self, node: &Node) -> bool {
        self.is_alias(node) || self.text.get(self.content(node)..).is_some_and(|rest| rest.starts_with(['[', '{']))
    }

    /// Where a value ends. The parser's own end of what has a border lies behind the comments that follow it.
    fn end(&self, node: &Node) -> usize {
        let end = node.span.end as usize;
        if self.is_alias(node) {
            return end;
        }
        match &node.content {
            Content::List(_) | Content::Map(_) if self.is_flow(node) => self.close(node).map_or(end, |at| at + 1),
            Content::List(_) | Content::Map(_) => self.spots(node).last().map_or(end, |(_, end)| *end),
            _ => {
                let start = self.content(node).min(end);
                let written = self.text.get(start..end).unwrap_or("");
                start + quoted(written).unwrap_or_else(|| written.trim_end().len())
            }
        }
    }

    fn end_of_entry(&self, entry: &Entry) -> usize {
        self.end(&entry.value).max(self.colon(entry).map_or(entry.key_span.end as usize, |colon| colon + 1))
    }

    fn colon(&self, entry: &Entry) -> Option<usize> {
        let at = self.skip(entry.key_span.end as usize)?;
        self.text.get(at..).filter(|rest| rest.starts_with(':')).map(|_| at)
    }

    /// Where the bracket stands that closes a list or mapping.
    fn close(&self, node: &Node) -> Option<usize> {
        let last = self.spots(node).last().map_or_else(|| self.content(node) + 1, |(_, end)| *end);
        let mut at = self.skip(last)?;
        while self.text.get(at..).is_some_and(|rest| rest.starts_with(',')) {
            at = self.skip(at + 1)?;
        }
        self.text.get(at..).filter(|rest| rest.starts_with([']', '}'])).map(|_| at)
    }

    /// The next place that is neither blank nor comment.
    fn skip(&self, from: usize) -> Option<usize> {
        let mut at = from;
        loop {
            let rest = self.text.get(at..)?;
            at += rest.len() - rest.trim_start().len();
            let rest = self.text.get(at..)?;
            if !rest.starts_with('#') || at == from {
                return (!rest.is_empty()).then_some(at);
            }
            at += rest.find('\n').unwrap_or(rest.len());
        }
    }

    /// Where the dash of a list's item stands.
    fn dash_at(&self, item: &Node) -> Option<usize> {
        let at = item.span.start as usize;
        let mut start = self.line_start(at);
        // `- - x` is a list in a list: the dash nearest to the item is its own.
        let line = self.text.get(start..at)?;
        if let Some(dash) = line.rfind("- ") {
            let between = line.get(dash + 1..)?;
            let marked = between.split_whitespace().all(|word| word.starts_with(['&', '!']));
            return marked.then_some(start + dash);
        }
        while line.trim().is_empty() {
            let end = start.checked_sub(1)?;
            start = self.line_start(end);
            let line = self.text.get(start..end)?;
            let line = line.split_once(" #").map_or(line, |(before, _)| before).trim_end();
            if line.ends_with('-') {
                return Some(start + line.len() - 1);
            }
            if !line.is_empty() && !line.trim_start().starts_with('#') {
                return None;
            }
        }
        None
    }

    fn dash(&self, item: &Node) -> Option<usize> {
        self.dash_at(item).map(|at| self.column(at))
    }

    /// The start of the line behind a place, and behind the comments that belong to it: those at least so far in.
    fn after(&self, from: usize, least: usize) -> usize {
        let mut at = self.line_after(from);
        loop {
            let rest = self.text.get(at..).unwrap_or("");
            let indent = rest.len() - rest.trim_start_matches(' ').len();
            if indent < least || !rest.trim_start_matches(' ').starts_with('#') {
                return at;
            }
            at = self.line_after(at);
        }
    }

    fn line_start(&self, at: usize) -> usize {
        self.text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1)
    }

    /// The end of the line, before its break.
    fn line_end(&self, from: usize) -> usize {
        let rest = self.text.get(from..).unwrap_or("");
        let line = rest.find('\n').map_or(rest, |at| rest.get(..at).unwrap_or(rest));
        from + line.strip_suffix('\r').unwrap_or(line).len()
    }

    fn line_after(&self, from: usize) -> usize {
        self.text.get(from..).and_then(|rest| rest.find('\n')).map_or(self.text.len(), |at| from + at + 1)
    }

    fn column(&self, at: usize) -> usize {
        self.text.get(self.line_start(at)..at).map_or(0, |before| before.chars().count())
    }

    /// How lines end around a place.
    fn line_break(&self, at: usize) -> &'static str {
        let before = self.text.get(..at).and_then(|before| before.rfind('\n'));
        let near = before.or_else(|| self.text.find('\n'));
        let returns = near.and_then(|at| self.text.get(..at)).is_some_and(|line| line.ends_with('\r'));
        if returns { "\r\n" } else { "\n" }
    }

    /// Whole lines, at the start of a line or at the end of a text that ends without a break.
    fn insert_lines(&self, at: usize, column: usize, lines: &[String]) -> Splice {
        let ending = self.line_break(at);
        let indent = " ".repeat(column);
        let indented = lines.iter().map(|line| if line.is_empty() { String::new() } else { format!("{indent}{line}") });
        let mut text = indented.collect::<Vec<_>>().join(ending);
        if self.text.get(..at).is_some_and(|before| before.is_empty() || before.ends_with('\n')) {
            text.push_str(ending);
        } else {
            text.insert_str(0, ending);
        }
        Splice { start: at, end: at, text }
    }

    /// Whether blank lines part the keys of the file.
    fn is_airy(&self, entries: &[Entry]) -> bool {
        let [.., before, last] = entries else { return false };
        let between = self.text.get(self.end_of_entry(before)..last.key_span.start as usize).unwrap_or("");
        between.replace('\r', "").contains("\n\n")
    }

    /// How far the file's lists stand below their keys.
    fn step(&self) -> usize {
        self.first_step(self.root).unwrap_or(2)
    }

    fn first_step(&self, node: &Node) -> Option<usize> {
        match &node.content {
            Content::Map(entries) if !self.is_flow(node) && !self.is_alias(node) => entries.iter().find_map(|entry| {
                let list = entry.value.items().first().filter(|_| !self.is_flow(&entry.value));
                let list = list.filter(|_| !self.is_alias(&entry.value));
                let step =
                    list.and_then(|item| self.dash(item)?.checked_sub(self.column(entry.key_span.start as usize)));
                step.or_else(|| self.first_step(&entry.value))
            }),
            _ => None,
        }
    }
}

/// What stands between two entries in brackets, or between one and a bracket: blanks, comments, and a comma at most.
#[derive(Clone, Copy)]
struct Gap<'t>(&'t str);

impl<'t> Gap<'t> {
    /// Where its comma stands.
    fn comma(self) -> Option<usize> {
        let mut at = 0;
        self.0.split_inclusive('\n').find_map(|line| {
            let own = line.split('#').next().unwrap_or(line);
            let found = own.find(',').map(|comma| at + comma);
            at += line.len();
            found
        })
    }

    /// What ends the line of the entry before it, and the rest, which begins with the break.
    fn lines(self) -> Option<(&'t str, &'t str)> {
        let at = self.0.find('\n')?;
        let line = self.0.get(..at)?;
        Some(self.0.split_at(line.strip_suffix('\r').unwrap_or(line).len()))
    }
}

/// What is left between its neighbours of the gaps around an entry. The comment behind an entry that has its line for
/// itself goes with it; all others stay on their lines, and so does the comma that parts those that are left.
fn joined(left: Gap<'_>, right: Gap<'_>, has_before: bool, has_next: bool) -> String {
    let begins_line = left.0.rfind('\n').map(|at| left.0.split_at(at + 1).0);
    let mut text = match (begins_line, right.lines()) {
        // The whole line goes.
        (Some(above), Some((_, below))) => {
            let rest = below.strip_prefix('\r').unwrap_or(below);
            format!("{above}{}", rest.strip_prefix('\n').unwrap_or(rest))
        }
        // What follows on the line moves up to its place.
        (Some(_), None) => left.0.to_owned(),
        // Behind a bracket, with nothing else on the line.
        (None, Some((_, below))) if !has_before && below.contains('#') => format!("{}{below}", left.0.trim_end()),
        (None, _) if !has_before => left.0.to_owned(),
        (None, _) => right.0.to_owned(),
    };
    let wanted = match has_next {
        true => has_before,
        false => has_before && right.comma().is_some(),
    };
    match (Gap(&text).comma(), wanted) {
        (None, true) => text.insert(0, ','),
        (Some(at), false) => {
            // A `#` with nothing before it begins no comment.
            let beside = text.get(at + 1..).is_some_and(|rest| rest.starts_with('#'));
            text.replace_range(at..=at, if beside { " " } else { "" });
        }
        (Some(at), true) => {
            // One ended its line, and one began the next.
            if let Some(second) = text.get(at + 1..).and_then(|rest| Gap(rest).comma()) {
                let second = at + 1 + second;
                text.replace_range(second..=second, "");
            }
        }
        (None, false) => {}
    }
    match has_before || has_next {
        true => text,
        false => only_comments(&text, left),
    }
}

/// What is left between the brackets when the last entry goes. The bracket that closes comes in as far as anything stood:
/// some readers take one that stands less far in only behind an entry.
fn only_comments(text: &str, left: Gap<'_>) -> String {
    if !text.contains('#') {
        return String::new();
    }
    let indent = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let lines = left.0.split('\n').skip(1).chain(text.split('\n').skip(1));
    let last = text.rsplit('\n').next().unwrap_or(text);
    let more = lines.map(indent).max().unwrap_or(0).saturating_sub(indent(last));
    format!("{text}{}", " ".repeat(more))
}

/// Brackets with nothing but blanks between them.
fn is_bare(written: &str) -> bool {
    written.len() >= 2
        && written.get(1..written.len() - 1).is_some_and(|inner| inner.trim().is_empty())
        && !written.contains('\n')
}

/// How long a text in quotes is, with them.
fn quoted(written: &str) -> Option<usize> {
    let mut letters = written.char_indices();
    let (_, mark) = letters.next().filter(|(_, mark)| matches!(mark, '"' | '\''))?;
    while let Some((at, letter)) = letters.next() {
        let twice = written.get(at + 1..).is_some_and(|rest| rest.starts_with('\''));
        if letter == '\\' && mark == '"' || letter == '\'' && mark == '\'' && twice {
            letters.next();
        } else if letter == mark {
            return Some(at + 1);
        }
    }
    None
}
