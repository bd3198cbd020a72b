//! A YAML (or JSON) text as a tree in which every key and value knows its place. In comes a text; out comes a tree, or
//! every mistake that its form has. YAML 1.2 with its core schema, one document a file. Never reads a file, and never
//! builds more than [`Budget`] allows: depth, entries and text are counted while events arrive, aliases included.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span as Marks};
use serde_json::{Map, Number, Value};

use super::diagnostic::{Diagnostic, Sources, Span, visible};

/// How deep lists and mappings may stand in each other.
pub const MAX_DEPTH: usize = 64;
/// How many entries one load may hold, aliases written out; a long text counts as several.
pub const MAX_ENTRIES: usize = 500_000;
/// Bytes of text that count as one entry.
const BYTES_AN_ENTRY: usize = 32;
/// Characters between two remembered byte offsets.
const STRIDE: usize = 64;

/// One value of the tree.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where it stands.
    pub span: Span,
    /// What it is.
    pub content: Content,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A number; a float without a fraction is kept as a whole number.
    Number(Number),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order of the text; each key once.
    Map(Vec<Entry>),
}

/// One key of a mapping, with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key, as text.
    pub key: String,
    /// Where the key stands.
    pub key_span: Span,
    /// Its value.
    pub value: Node,
}

/// How much may still be built; shared by all files of one load.
#[derive(Debug)]
pub struct Budget {
    entries: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { entries: MAX_ENTRIES }
    }
}

impl Budget {
    fn spend(&mut self, cost: usize) -> bool {
        let enough = cost <= self.entries;
        self.entries = self.entries.saturating_sub(cost);
        enough
    }
}

impl Node {
    /// The value as JSON.
    #[must_use]
    pub fn to_value(&self) -> Value {
        match &self.content {
            Content::Null => Value::Null,
            Content::Bool(bool) => Value::Bool(*bool),
            Content::Number(number) => Value::Number(number.clone()),
            Content::Text(text) => Value::String(text.clone()),
            Content::List(items) => Value::Array(items.iter().map(Self::to_value).collect()),
            Content::Map(entries) => Value::Object(
                entries.iter().map(|entry| (entry.key.clone(), entry.value.to_value())).collect::<Map<_, _>>(),
            ),
        }
    }

    /// The entry of a mapping.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.content {
            Content::Map(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    /// The value under a key of a mapping.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The items of a list; none for anything else.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        match &self.content {
            Content::List(items) => items,
            _ => &[],
        }
    }

    /// The text, when it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value at a JSON pointer.
    #[must_use]
    pub fn at(&self, pointer: &str) -> Option<&Self> {
        pointer.split('/').skip(1).try_fold(self, |node, step| match &node.content {
            Content::List(items) => step.parse::<usize>().ok().and_then(|index| items.get(index)),
            Content::Map(_) => node.get(&step.replace("~1", "/").replace("~0", "~")),
            _ => None,
        })
    }

    /// Where the entry at a JSON pointer stands: its key in a mapping, its head in a list.
    #[must_use]
    pub fn spot(&self, sources: &Sources, pointer: &str) -> Option<Span> {
        let head = |node: &Self| node.head(sources.whole(node.span.file));
        let Some((above, step)) = pointer.rsplit_once('/') else { return Some(head(self)) };
        let parent = self.at(above)?;
        if let Content::Map(_) = parent.content {
            return parent.entry(&step.replace("~1", "/").replace("~0", "~")).map(|entry| entry.key_span);
        }
        self.at(pointer).map(head)
    }

    /// A short stretch to point at: the value itself, or of a mapping or list over several lines its first key or item.
    #[must_use]
    pub fn head(&self, whole: &str) -> Span {
        let text = whole.get(self.span.start as usize..self.span.end as usize).unwrap_or("");
        if !text.trim_end().contains('\n') {
            return self.span;
        }
        match &self.content {
            Content::Map(entries) => entries.first().map_or(self.span, |entry| entry.key_span),
            Content::List(items) => items.first().map_or(self.span, |item| item.head(whole)),
            _ => self.span,
        }
    }

    fn cost(&self) -> usize {
        match &self.content {
            Content::Text(text) => text_cost(text),
            Content::List(items) => 1 + items.iter().map(Self::cost).sum::<usize>(),
            Content::Map(entries) => {
                1 + entries.iter().map(|entry| text_cost(&entry.key) + entry.value.cost()).sum::<usize>()
            }
            _ => 1,
        }
    }

    fn depth(&self) -> usize {
        match &self.content {
            Content::List(items) => 1 + items.iter().map(Self::depth).max().unwrap_or(0),
            Content::Map(entries) => 1 + entries.iter().map(|entry| entry.value.depth()).max().unwrap_or(0),
            _ => 0,
        }
    }
}

fn text_cost(text: &str) -> usize {
    1 + text.len() / BYTES_AN_ENTRY
}

/// Reads one text. The tree comes with the mistakes that leave it readable (duplicate keys: the first one counts); no
/// tree when the form itself is broken.
pub fn parse(file: u32, text: &str, budget: &mut Budget) -> (Option<Node>, Vec<Diagnostic>) {
    let mut builder = Builder {
        places: Places::new(file, text),
        budget,
        open: Vec::new(),
        anchors: HashMap::new(),
        root: None,
        mistakes: Vec::new(),
    };
    let tree = builder.run(text);
    let mut mistakes = builder.mistakes;
    match tree {
        Ok(()) => (builder.root, mistakes),
        Err(mistake) => {
            mistakes.push(*mistake);
            (None, mistakes)
        }
    }
}

/// A list or mapping that is not finished.
struct Open {
    span: Span,
    anchor: usize,
    kind: OpenKind,
}

enum OpenKind {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, seen: HashMap<String, Span>, key: Option<(String, Span)> },
}

struct Builder<'a> {
    places: Places<'a>,
    budget: &'a mut Budget,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    root: Option<Node>,
    mistakes: Vec<Diagnostic>,
}

type Step = Result<(), Box<Diagnostic>>;

impl Builder<'_> {
    fn run(&mut self, text: &str) -> Step {
        let mut parser = Parser::new_from_str(text);
        let mut documents = 0;
        while let Some(event) = parser.next_event() {
            let (event, marks) = event.map_err(|error| self.broken(&error))?;
            let span = self.places.span(marks);
            match event {
                Event::DocumentStart(_) => {
                    documents += 1;
                    if documents > 1 {
                        let wrong = Diagnostic::error(span, "a second document starts here");
                        return Err(wrong.help("keep one document a file, and name others under `include`").into());
                    }
                }
                Event::Scalar(text, style, anchor, tag) => {
                    let tag = tag.map(|tag| tag.to_string());
                    self.spend(span, text_cost(&text))?;
                    let content = self.scalar(span, text.into_owned(), style, tag.as_deref());
                    self.finish(Node { span, content }, anchor)?;
                }
                Event::Alias(anchor) => self.alias(span, anchor)?,
                Event::SequenceStart(anchor, tag) => {
                    self.refuse_tag(span, tag.map(|tag| tag.to_string()), "seq");
                    self.open(Open { span, anchor, kind: OpenKind::List(Vec::new()) })?;
                }
                Event::MappingStart(anchor, tag) => {
                    self.refuse_tag(span, tag.map(|tag| tag.to_string()), "map");
                    let kind = OpenKind::Map { entries: Vec::new(), seen: HashMap::new(), key: None };
                    self.open(Open { span, anchor, kind })?;
                }
                Event::SequenceEnd | Event::MappingEnd => self.close(span)?,
                Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            }
        }
        Ok(())
    }

    fn broken(&mut self, error: &ScanError) -> Box<Diagnostic> {
        let at = self.places.byte(error.marker().index());
        let span = Span { file: self.places.file, start: at, end: at };
        let said = error.info().to_lowercase();
        // The parser looks ahead in brackets and has a limit of its own there.
        if said.contains("recursion limit") {
            return too_deep(span);
        }
        let help = if said.contains("tab") {
            "indent with spaces: YAML allows no tabs there"
        } else if said.contains("anchor") {
            "put text that starts with `*` or `&` in quotes"
        } else {
            "look here and in the line above for indentation, a missing `:`, quote or bracket"
        };
        Diagnostic::error(span, format!("not valid YAML: {}", visible(&said))).help(help).into()
    }

    fn spend(&mut self, span: Span, cost: usize) -> Step {
        if self.budget.spend(cost) {
            return Ok(());
        }
        let wrong = Diagnostic::error(span, format!("more than {MAX_ENTRIES} entries, with aliases written out"));
        Err(wrong.help("split the estate, or use `match` entries and patterns instead of long lists").into())
    }

    fn open(&mut self, open: Open) -> Step {
        self.spend(open.span, 1)?;
        if self.open.len() >= MAX_DEPTH {
            return Err(too_deep(open.span));
        }
        self.open.push(open);
        Ok(())
    }

    fn close(&mut self, end: Span) -> Step {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let mut span = open.span;
        // A block's end has a place but no text: it ends where its last entry does.
        let text_end = if end.end > end.start { end.end } else { span.start };
        let (content, last) = match open.kind {
            OpenKind::List(items) => {
                let last = items.last().map_or(span.start, |item| item.span.end);
                (Content::List(items), last)
            }
            OpenKind::Map { entries, .. } => {
                let last = entries.last().map_or(span.start, |entry| entry.value.span.end.max(entry.key_span.end));
                (Content::Map(entries), last)
            }
        };
        span.end = text_end.max(last).max(span.end);
        self.finish(Node { span, content }, open.anchor)
    }

    /// Puts a finished value where it belongs.
    fn finish(&mut self, node: Node, anchor: usize) -> Step {
        if anchor > 0 {
            self.spend(node.span, node.cost())?;
            self.anchors.insert(anchor, node.clone());
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut open.kind {
            OpenKind::List(items) => items.push(node),
            OpenKind::Map { entries, seen, key } => match key.take() {
                None => *key = Some(self.places.key(node)?),
                Some((key, key_span)) => match seen.get(&key) {
                    Some(first) => self.mistakes.push(
                        Diagnostic::error(key_span, format!("the key `{key}` stands twice in this mapping"))
                            .related(*first, "first here")
                            .help("keep one of them"),
                    ),
                    None => {
                        seen.insert(key.clone(), key_span);
                        entries.push(Entry { key, key_span, value: node });
                    }
                },
            },
        }
        Ok(())
    }

    fn alias(&mut self, span: Span, anchor: usize) -> Step {
        let Some(target) = self.anchors.get(&anchor) else {
            return Err(Diagnostic::error(span, "this alias stands inside what it refers to")
                .help("write it out")
                .into());
        };
        let cost = target.cost();
        if self.open.len() + target.depth() > MAX_DEPTH {
            return Err(too_deep(span));
        }
        // Paid before it is written out: a bomb never goes off.
        self.spend(span, cost)?;
        let content = self.anchors.get(&anchor).map_or(Content::Null, |target| target.content.clone());
        self.finish(Node { span, content }, 0)
    }

    fn refuse_tag(&mut self, span: Span, tag: Option<String>, own: &str) {
        if let Some(tag) = tag.filter(|tag| *tag != core_tag(own) && tag != "!") {
            self.mistakes.push(unknown_tag(span, &tag));
        }
    }

    /// What a scalar says. One that says nothing is a mistake, and something stands in for it: the rest is read too.
    fn scalar(&mut self, span: Span, text: String, style: ScalarStyle, tag: Option<&str>) -> Content {
        match tag {
            None if style == ScalarStyle::Plain => plain(text).unwrap_or_else(|wrong| {
                self.mistakes
                    .push(Diagnostic::error(span, wrong.why).help("write a finite number, or put text in quotes"));
                wrong.stand_in
            }),
            None | Some("!") => Content::Text(text),
            Some(tag) if tag == core_tag("str") => Content::Text(text),
            Some(tag) => {
                self.mistakes.push(unknown_tag(span, tag));
                Content::Text(text)
            }
        }
    }
}

fn core_tag(name: &str) -> String {
    format!("tag:yaml.org,2002:!{name}")
}

fn unknown_tag(span: Span, tag: &str) -> Diagnostic {
    let wrong = Diagnostic::error(span, format!("the tag `{tag}` has no meaning here"));
    wrong.help("remove the tag; put text in quotes where it looks like a number")
}

fn too_deep(span: Span) -> Box<Diagnostic> {
    let wrong = Diagnostic::error(span, format!("more than {MAX_DEPTH} levels deep"));
    wrong.help("no baseline needs that: look for brackets that are never closed").into()
}

/// A number that no value can hold.
struct NoNumber {
    why: String,
    /// The nearest number there is, so that what compares it says nothing that is not so.
    stand_in: Content,
}

impl NoNumber {
    fn new(why: String, nearest: f64) -> Self {
        Self { why, stand_in: Number::from_f64(nearest).map_or(Content::Null, Content::Number) }
    }
}

/// A plain scalar by the core schema of YAML 1.2, <https://yaml.org/spec/1.2.2/#103-core-schema>.
fn plain(text: String) -> Result<Content, NoNumber> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(&text);
    let largest = if text.starts_with('-') { f64::MIN } else { f64::MAX };
    let infinite = |text: &str| NoNumber::new(format!("`{text}` is not a finite number"), largest);
    let too_large = |text: &str| NoNumber::new(format!("`{text}` is too large a number"), largest);
    match text.as_str() {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Content::Null),
        "true" | "True" | "TRUE" => return Ok(Content::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Content::Bool(false)),
        ".nan" | ".NaN" | ".NAN" => return Err(NoNumber::new(format!("`{text}` is not a finite number"), 0.0)),
        _ if matches!(unsigned, ".inf" | ".Inf" | ".INF") => return Err(infinite(&text)),
        _ => {}
    }
    let radix = |digits: &str, radix| u64::from_str_radix(digits, radix).map(|number| Content::Number(number.into()));
    if let Some(digits) = text.strip_prefix("0x").filter(|digits| all(digits, |byte| byte.is_ascii_hexdigit())) {
        return radix(digits, 16).map_err(|_| too_large(&text));
    }
    if let Some(digits) = text.strip_prefix("0o").filter(|digits| all(digits, |byte| (b'0'..=b'7').contains(&byte))) {
        return radix(digits, 8).map_err(|_| too_large(&text));
    }
    if all(unsigned, |byte| byte.is_ascii_digit()) {
        let digits = text.strip_prefix('+').unwrap_or(&text);
        if let Ok(number) = digits.parse::<i64>() {
            return Ok(Content::Number(number.into()));
        }
    } else if !is_float(unsigned) {
        return Ok(Content::Text(text));
    }
    let number: f64 = text.parse().map_err(|_| NoNumber::new(format!("`{text}` is not a number"), 0.0))?;
    whole(number).or_else(|| Number::from_f64(number)).map(Content::Number).ok_or_else(|| infinite(&text))
}

/// The number as a whole one, when it is one that a float holds exactly.
fn whole(number: f64) -> Option<Number> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let is_whole = number.fract() == 0.0 && number.abs() < EXACT;
    is_whole.then(|| format!("{number:.0}").parse::<i64>().ok().map(Number::from)).flatten()
}

fn all(text: &str, test: impl Fn(u8) -> bool) -> bool {
    !text.is_empty() && text.bytes().all(test)
}

/// `( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
fn is_float(unsigned: &str) -> bool {
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let digits = |text: &str| all(text, |byte| byte.is_ascii_digit());
    let mantissa_fits = match mantissa.split_once('.') {
        Some(("", fraction)) => digits(fraction),
        Some((whole, fraction)) => digits(whole) && (fraction.is_empty() || digits(fraction)),
        None => digits(mantissa),
    };
    mantissa_fits && exponent.is_none_or(|exponent| digits(exponent.strip_prefix(['-', '+']).unwrap_or(exponent)))
}

/// From the parser's character counts to bytes.
struct Places<'a> {
    file: u32,
    text: &'a str,
    ascii: bool,
    /// Byte offset of every [`STRIDE`]th character.
    marks: Vec<u32>,
}

impl<'a> Places<'a> {
    fn new(file: u32, text: &'a str) -> Self {
        let ascii = text.is_ascii();
        let marks =
            if ascii { Vec::new() } else { text.char_indices().step_by(STRIDE).map(|(at, _)| to_u32(at)).collect() };
        Self { file, text, ascii, marks }
    }

    fn byte(&self, index: usize) -> u32 {
        let end = to_u32(self.text.len());
        if self.ascii {
            return to_u32(index).min(end);
        }
        let Some(near) = self.marks.get(index / STRIDE) else {
            return end;
        };
        let rest = self.text.get(*near as usize..).unwrap_or("");
        rest.char_indices().nth(index % STRIDE).map_or(end, |(at, _)| near + to_u32(at))
    }

    fn span(&self, marks: Marks) -> Span {
        let start = self.byte(marks.start.index());
        Span { file: self.file, start, end: self.byte(marks.end.index()).max(start) }
    }

    /// A finished value as a key: plain text as it is written.
    fn key(&self, node: Node) -> Result<(String, Span), Box<Diagnostic>> {
        let written = self.text.get(node.span.start as usize..node.span.end as usize).unwrap_or("");
        let key = match node.content {
            Content::Text(text) => text,
            Content::Bool(_) | Content::Number(_) => written.to_owned(),
            Content::Null | Content::List(_) | Content::Map(_) => {
                let wrong = Diagnostic::error(node.span, "a key must be a word");
                return Err(wrong
                    .help("write `key: value`; put text that starts with `{`, `[` or `?` in quotes")
                    .into());
            }
        };
        if key == "<<" {
            let wrong = Diagnostic::error(node.span, "merge keys (`<<`) are not part of YAML 1.2");
            return Err(wrong.help("write the keys out, or share whole values by `&anchor` and `*alias`").into());
        }
        Ok((key, node.span))
    }
}

fn to_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
