//! Lines of a terminal.
//!
//! In: texts, indents, labels. Out: lines that fit a width, wide characters counted as two columns. Every text that comes
//! in is escaped here, in one place.

use anstyle::{AnsiColor, Style};
use comfy_table::{ContentArrangement, Table, presets};

use super::TerminalOptions;
use crate::report::escape::{clip, terminal};

/// Narrower than this, labels leave no room for text.
const LEAST_WIDTH: usize = 40;
/// Longer than this, prose is hard to read.
const MOST_WIDTH: usize = 160;
/// The room of a label.
const LABEL: usize = 10;
/// How much of one value is shown, in characters: JSON has it whole.
const LIMIT: usize = 400;

/// How a piece of text stands out, where colours are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Strong,
    Warn,
    Bad,
}

impl Tone {
    fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Strong => Style::new().bold(),
            Self::Warn => AnsiColor::Yellow.on_default().bold(),
            Self::Bad => AnsiColor::Red.on_default().bold(),
        }
    }
}

/// The text so far.
pub(super) struct Page {
    text: String,
    width: usize,
    color: bool,
}

impl Page {
    pub(super) fn new(options: &TerminalOptions) -> Self {
        Self { text: String::new(), width: options.width.clamp(LEAST_WIDTH, MOST_WIDTH), color: options.color }
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    pub(super) fn blank(&mut self) {
        self.text.push('\n');
    }

    /// A heading, a blank line above it.
    pub(super) fn heading(&mut self, text: &str, tone: Tone) {
        self.blank();
        let tone = if tone == Tone::Plain { Tone::Strong } else { tone };
        self.text(0, text, tone);
    }

    /// A paragraph.
    pub(super) fn text(&mut self, indent: usize, text: &str, tone: Tone) {
        let lines = wrapped(&safe(text), self.width.saturating_sub(indent));
        for line in lines {
            self.line(indent, &line, tone);
        }
    }

    /// `label     text`, with the further lines of the text below its first.
    pub(super) fn entry(&mut self, indent: usize, label: &str, text: &str) {
        let lines = wrapped(&safe(text), self.width.saturating_sub(indent + LABEL));
        for (index, line) in lines.iter().enumerate() {
            let label = if index == 0 { label } else { "" };
            self.line(indent, &format!("{label:LABEL$}{line}"), Tone::Plain);
        }
    }

    /// A line as it is, neither broken nor cut, so that it can be copied.
    pub(super) fn verbatim(&mut self, indent: usize, text: &str) {
        self.line(indent, &terminal(text), Tone::Plain);
    }

    /// A tag that stands out, and a sentence behind it.
    pub(super) fn headline(&mut self, tag: &str, text: &str, tone: Tone) {
        let lines = wrapped(&format!("{tag} {}", safe(text)), self.width);
        for (index, line) in lines.iter().enumerate() {
            match line.strip_prefix(tag).filter(|_| index == 0) {
                Some(rest) => {
                    self.paint(tag, tone);
                    self.text.push_str(rest);
                    self.text.push('\n');
                }
                None => self.line(if index == 0 { 0 } else { 2 }, line, Tone::Plain),
            }
        }
    }

    fn line(&mut self, indent: usize, text: &str, tone: Tone) {
        if !text.is_empty() {
            self.text.extend(std::iter::repeat_n(' ', indent));
            self.paint(text, tone);
        }
        self.text.push('\n');
    }

    fn paint(&mut self, text: &str, tone: Tone) {
        let style = tone.style();
        if self.color && tone != Tone::Plain {
            self.text.push_str(&format!("{}{text}{}", style.render(), style.render_reset()));
        } else {
            self.text.push_str(text);
        }
    }
}

fn safe(text: &str) -> String {
    terminal(&clip(text, LIMIT)).into_owned()
}

/// The lines of an escaped text, at most `width` columns each. Words that are wider are broken.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(width).unwrap_or(u16::MAX)).add_row([text]);
    if let Some(column) = table.column_mut(0) {
        column.set_padding((0, 0));
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    if lines.is_empty() { vec![String::new()] } else { lines }
}
