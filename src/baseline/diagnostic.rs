//! What is wrong with a baseline, and where. In come the texts that were read and the mistakes found in them; out go
//! lines for people, with the offending text underlined and the fix. Never decides what is a mistake.
//!
//! Every text may be hostile: characters that could move the cursor, reorder or hide text are shown as `\u{…}`.

use std::{
    borrow::Cow,
    fmt,
    path::{Path, PathBuf},
};

use annotate_snippets::{AnnotationKind, Group, Level as Title, Origin, Renderer, Snippet};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Characters of a source line that are shown at most; the rest is cut around the place pointed at.
const SHOWN_CHARS: usize = 400;

/// Characters of a message that are shown at most.
const SHOWN_MESSAGE: usize = 600;
/// Bytes of a word that is looked for among known ones at most.
const SLIP_BYTES: usize = 64;

/// A stretch of one of the [`Sources`], in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// Which file, in the order of reading.
    pub file: u32,
    /// First byte.
    pub start: u32,
    /// First byte after it.
    pub end: u32,
}

/// A place in a file, as editors count: lines and columns from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// The file as it was given on the command line, or as the including file names it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// The texts that were read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    files: Vec<Source>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Source {
    path: PathBuf,
    text: String,
    line_starts: Vec<usize>,
}

impl Sources {
    /// Adds a text and returns its number.
    pub fn add(&mut self, path: &Path, text: String) -> u32 {
        let line_starts = std::iter::once(0)
            .chain(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1))
            .collect();
        self.files.push(Source { path: path.to_owned(), text, line_starts });
        u32::try_from(self.files.len() - 1).unwrap_or(u32::MAX)
    }

    /// How many files there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.files.len()
    }

    /// The paths of all files, in the order they were read.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|source| source.path.as_path())
    }

    /// Path of a file.
    #[must_use]
    pub fn path(&self, file: u32) -> &Path {
        self.file(file).map_or(Path::new(""), |source| &source.path)
    }

    /// Whole text of a file.
    #[must_use]
    pub fn whole(&self, file: u32) -> &str {
        self.file(file).map_or("", |source| &source.text)
    }

    /// The text of a span.
    #[must_use]
    pub fn text(&self, span: Span) -> &str {
        self.whole(span.file).get(span.start as usize..span.end as usize).unwrap_or("")
    }

    /// Where a span starts.
    #[must_use]
    pub fn position(&self, span: Span) -> Position {
        let (line, start) = self.line_of(span);
        let before = self.whole(span.file).get(start..span.start as usize).unwrap_or("");
        Position {
            file: self.path(span.file).display().to_string(),
            line: line + 1,
            column: before.chars().count() + 1,
        }
    }

    fn file(&self, file: u32) -> Option<&Source> {
        self.files.get(file as usize)
    }

    /// Number of the line in which a span starts, from 0, and where that line starts.
    fn line_of(&self, span: Span) -> (usize, usize) {
        let Some(source) = self.file(span.file) else {
            return (0, 0);
        };
        let line = source.line_starts.partition_point(|start| *start <= span.start as usize).saturating_sub(1);
        (line, source.line_starts.get(line).copied().unwrap_or(0))
    }
}

/// How bad a diagnostic is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// The baseline cannot be used.
    Error,
    /// It can be used, but probably does not say what was meant.
    Warning,
    /// It says something that has no effect yet.
    Note,
}

/// One mistake, or one thing worth saying.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub level: Level,
    /// What is wrong: lower case, no full stop, values in backticks.
    pub message: String,
    /// Where; none when the file itself is the trouble.
    pub span: Option<Span>,
    /// What stands beside the underline.
    pub label: Option<String>,
    /// The fix.
    pub help: Option<String>,
    /// A second place that belongs to it, and what it is.
    pub related: Option<(Span, String)>,
}

impl Diagnostic {
    /// An error at a place.
    #[must_use]
    pub fn error(span: Span, message: impl Into<String>) -> Self {
        Self { level: Level::Error, message: message.into(), span: Some(span), label: None, help: None, related: None }
    }

    /// A warning at a place.
    #[must_use]
    pub fn warning(span: Span, message: impl Into<String>) -> Self {
        Self { level: Level::Warning, ..Self::error(span, message) }
    }

    /// A note at a place.
    #[must_use]
    pub fn note(span: Span, message: impl Into<String>) -> Self {
        Self { level: Level::Note, ..Self::error(span, message) }
    }

    /// An error without a place: the file itself is the trouble.
    #[must_use]
    pub fn fatal(message: impl Into<String>) -> Self {
        Self { level: Level::Error, message: message.into(), span: None, label: None, help: None, related: None }
    }

    /// Says what stands beside the underline.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Says the fix.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Says the fix, when there is one.
    #[must_use]
    pub fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }

    /// Names a second place.
    #[must_use]
    pub fn related(mut self, span: Span, label: impl Into<String>) -> Self {
        self.related = Some((span, label.into()));
        self
    }
}

/// Everything that is to be said about a baseline, in the order of the text, with the texts themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics {
    /// The texts that the spans point into.
    pub sources: Sources,
    /// What is to be said.
    pub list: Vec<Diagnostic>,
}

/// A diagnostic as data, for machines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DiagnosticRecord {
    /// How bad it is.
    pub level: Level,
    /// What is wrong.
    pub message: String,
    /// Where.
    #[serde(flatten)]
    pub position: Option<Position>,
    /// What stands beside the place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The fix.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The second place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub related: Option<Position>,
}

impl Diagnostics {
    /// How many errors there are.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.list.iter().filter(|diagnostic| diagnostic.level == Level::Error).count()
    }

    /// Puts them in the order of the text, files first, and drops repetitions.
    pub fn sort(&mut self) {
        self.list.sort_by(|a, b| (a.span, a.level, &a.message, &a.help).cmp(&(b.span, b.level, &b.message, &b.help)));
        self.list.dedup();
    }

    /// The diagnostics as data.
    #[must_use]
    pub fn records(&self) -> Vec<DiagnosticRecord> {
        let record = |diagnostic: &Diagnostic| DiagnosticRecord {
            level: diagnostic.level,
            message: cut(&diagnostic.message).into_owned(),
            position: diagnostic.span.map(|span| self.sources.position(span)),
            label: diagnostic.label.clone(),
            help: diagnostic.help.as_deref().map(|help| cut(help).into_owned()),
            related: diagnostic.related.as_ref().map(|(span, _)| self.sources.position(*span)),
        };
        self.list.iter().map(record).collect()
    }

    /// The diagnostics as text for people, `width` columns wide, with colours for a terminal when asked.
    #[must_use]
    pub fn render(&self, color: bool, width: usize) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() }.term_width(width.max(40));
        let drawn: Vec<String> = self.list.iter().map(|one| renderer.render(&[self.draw(one)])).collect();
        let mut text = drawn.join("\n\n");
        if !text.is_empty() {
            text.push('\n');
        }
        text
    }

    fn draw<'a>(&'a self, diagnostic: &'a Diagnostic) -> Group<'a> {
        let level = match diagnostic.level {
            Level::Error => Title::ERROR,
            Level::Warning => Title::WARNING,
            Level::Note => Title::NOTE,
        };
        let mut group = Group::with_title(level.primary_title(shown(&diagnostic.message)));
        if let Some(span) = diagnostic.span {
            group = self.point(group, span, AnnotationKind::Primary, diagnostic.label.as_deref());
        }
        if let Some((span, label)) = &diagnostic.related {
            group = self.point(group, *span, AnnotationKind::Context, Some(label));
        }
        if let Some(help) = &diagnostic.help {
            group = group.element(Title::HELP.message(shown(help)));
        }
        group
    }

    /// Adds the line in which a span starts, underlined.
    fn point<'a>(&'a self, group: Group<'a>, span: Span, kind: AnnotationKind, label: Option<&'a str>) -> Group<'a> {
        let position = self.sources.position(span);
        let path = visible(&position.file).into_owned();
        let line = self.shown_line(span);
        let annotation = kind.span(line.range).label(label.map(shown));
        let snippet = Snippet::source(line.text).line_start(position.line).annotation(annotation);
        if line.as_written {
            return group.element(snippet.path(path));
        }
        // The renderer would count columns in the line as shown.
        group.element(Origin::path(path).line(position.line).char_column(position.column)).element(snippet)
    }

    /// The line in which a span starts, made visible and cut to size, and the span's part of it.
    fn shown_line(&self, span: Span) -> ShownLine {
        let (_, line_start) = self.sources.line_of(span);
        let rest = self.sources.whole(span.file).get(line_start..).unwrap_or("");
        let line = rest.split('\n').next().unwrap_or("").trim_end();
        let from = (span.start as usize - line_start).min(line.len());
        let to = (span.end as usize).saturating_sub(line_start).min(line.len()).max(from);
        if line.chars().count() <= SHOWN_CHARS && !line.chars().any(|letter| letter != '\t' && is_treacherous(letter)) {
            return ShownLine { text: line.to_owned(), range: from..to, as_written: true };
        }
        let (mut text, mut start, mut end) = (String::new(), None, None);
        let first = line.get(..from).map_or(0, |before| before.chars().count().saturating_sub(SHOWN_CHARS / 2));
        if first > 0 {
            text.push('…');
        }
        for (at, letter) in line.char_indices().skip(first).take(SHOWN_CHARS) {
            if at >= from && start.is_none() {
                start = Some(text.len());
            }
            if at >= to && end.is_none() {
                end = Some(text.len());
            }
            push_visible(&mut text, letter);
        }
        let start = start.unwrap_or(text.len());
        let end = end.unwrap_or(text.len()).max(start);
        if line.chars().count() > first + SHOWN_CHARS {
            text.push('…');
        }
        ShownLine { text, range: start..end, as_written: false }
    }
}

/// A line as people see it.
struct ShownLine {
    text: String,
    /// The part pointed at.
    range: std::ops::Range<usize>,
    /// Whether the line is whole and needed no escapes.
    as_written: bool,
}

/// The text, cut where it is too long to be read.
fn cut(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(SHOWN_MESSAGE) {
        Some((end, _)) => Cow::Owned(format!("{}…", text.get(..end).unwrap_or(""))),
        None => Cow::Borrowed(text),
    }
}

fn shown(text: &str) -> String {
    visible(&cut(text)).into_owned()
}

/// The text with every character that could fool a terminal (controls, line breaks, characters that reorder or hide
/// text) spelled as `\u{…}`.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_treacherous) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    text.chars().for_each(|letter| push_visible(&mut shown, letter));
    Cow::Owned(shown)
}

fn push_visible(text: &mut String, letter: char) {
    if letter == '\t' {
        text.push_str("    ");
    } else if is_treacherous(letter) {
        text.extend(letter.escape_unicode());
    } else {
        text.push(letter);
    }
}

/// Controls, bidirectional marks, invisible and tag characters, line and paragraph separators.
pub(crate) fn is_treacherous(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The candidate that reads most like `word`, when it is near enough to be a slip.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > SLIP_BYTES {
        return None;
    }
    let word = word.to_lowercase();
    let letters = word.chars().count();
    let limit = if letters <= 4 { 1 } else { 3 };
    candidates
        .into_iter()
        .filter(|candidate| candidate.chars().count().abs_diff(letters) <= limit)
        .map(|candidate| (strsim::damerau_levenshtein(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= limit && *distance < candidate.chars().count())
        .min()
        .map(|(_, candidate)| candidate)
}

/// `a, b or c`, each in backticks.
#[must_use]
pub fn listed<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let mut quoted: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match quoted.pop() {
        None => "nothing".to_owned(),
        Some(last) if quoted.is_empty() => last,
        Some(last) => format!("{} or {last}", quoted.join(", ")),
    }
}
