//! Baselines as people write them. In comes a value and what was drawn; out comes a text that says it, and what each of its
//! comments is about. Never two comments that cannot be told apart.

use serde_json::Value;

use crate::baseline::edit::write;

/// Writes a value in one of the many ways in which people do; every choice is drawn.
pub(super) struct Hand<'d> {
    draws: &'d [u8],
    at: usize,
    anchors: usize,
    /// The place that each comment is about, by the comment's number.
    pub(super) comments: Vec<String>,
}

impl<'d> Hand<'d> {
    pub(super) fn new(draws: &'d [u8]) -> Self {
        Self { draws, at: 0, anchors: 0, comments: Vec::new() }
    }

    fn one_of(&mut self, count: u8) -> u8 {
        let draw = self.draws.get(self.at % self.draws.len()).copied().unwrap_or_default();
        self.at += 1;
        draw.wrapping_add(self.at as u8) % count
    }

    /// A comment, or none.
    fn comment(&mut self, about: &str) -> String {
        let number = self.comments.len();
        let text = match self.one_of(5) {
            0 => format!("  # why <{number}>, {{and}} [how]: - x"),
            1 => format!(" # 'quote <{number}>"),
            _ => return String::new(),
        };
        self.comments.push(about.to_owned());
        text
    }

    /// A line that is a comment, or none.
    fn note(&mut self, about: &str, indent: &str) -> String {
        if self.one_of(5) > 0 {
            return String::new();
        }
        let number = self.comments.len();
        self.comments.push(about.to_owned());
        format!("{indent}# note <{number}>")
    }

    fn scalar(&mut self, value: &Value) -> String {
        match value {
            Value::String(text) => match self.one_of(3) {
                0 => format!("\"{text}\""),
                1 => format!("'{text}'"),
                _ => write::Form::Yaml.line(value),
            },
            other => other.to_string(),
        }
    }

    fn anchor(&mut self) -> String {
        if self.one_of(6) > 0 {
            return String::new();
        }
        self.anchors += 1;
        format!("&a{} ", self.anchors)
    }

    fn flow(&mut self, value: &Value, depth: usize, at: &str) -> String {
        let anchor = self.anchor();
        let (open, close, parts) = match value {
            Value::Array(items) => {
                let parts = items.iter().enumerate().map(|(index, item)| {
                    let place = format!("{at}/{index}");
                    (self.flow(item, depth + 1, &place), place)
                });
                ("[", "]", parts.collect::<Vec<_>>())
            }
            Value::Object(keys) => {
                let parts = keys.iter().map(|(key, value)| {
                    let place = format!("{at}/{key}");
                    (format!("{key}: {}", self.flow(value, depth + 1, &place)), place)
                });
                ("{", "}", parts.collect())
            }
            scalar => return self.scalar(scalar),
        };
        let indent = format!("\n{}", " ".repeat(4 * depth + 4));
        let last = if parts.is_empty() { "" } else { ["", "", ","][usize::from(self.one_of(3))] };
        match self.one_of(4) {
            0 if !parts.is_empty() => format!("{anchor}{open}{}", self.lines(&parts, last, &indent, at) + close),
            1 => {
                let parts: Vec<_> = parts.into_iter().map(|(part, _)| part).collect();
                format!("{anchor}{open} {}{last} {close}", parts.join(" ,"))
            }
            _ => {
                let parts: Vec<_> = parts.into_iter().map(|(part, _)| part).collect();
                format!("{anchor}{open}{}{last}{close}", parts.join(", "))
            }
        }
    }

    /// The inside of brackets over several lines: entries on lines of their own or several on one, the comma behind them
    /// or before the next, comments wherever a line ends.
    fn lines(&mut self, parts: &[(String, String)], last: &str, indent: &str, at: &str) -> String {
        let mut text = match self.one_of(4) {
            0 => " ".to_owned(),
            1 => self.comment(at) + &self.note(at, indent) + indent,
            _ => indent.to_owned(),
        };
        for (index, (part, place)) in parts.iter().enumerate() {
            text.push_str(part);
            if index + 1 == parts.len() {
                let end = self.comment(place) + &self.note(at, indent);
                let ends_line = end.contains('#') || self.one_of(3) > 0;
                text.push_str(&format!("{last}{end}{}", if ends_line { indent } else { " " }));
                break;
            }
            let between = match self.one_of(5) {
                0 => ", ".to_owned(),
                1 => self.comment(place) + &self.note(at, indent) + indent + ", ",
                _ => ",".to_owned() + &self.comment(place) + &self.note(at, indent) + indent,
            };
            text.push_str(&between);
        }
        text
    }

    /// What stands behind `key:`.
    fn behind(&mut self, value: &Value, indent: usize, at: &str) -> String {
        let is_empty =
            value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(|one| one.is_empty());
        if !value.is_array() && !value.is_object() || is_empty || self.one_of(4) == 0 {
            return format!(" {}{}\n", self.flow(value, indent, at), self.comment(at));
        }
        let anchor = self.anchor();
        let (mark, blank) = (self.comment(at), ["", "\n"][usize::from(self.one_of(2))]);
        let deeper = if value.is_array() { indent + usize::from(self.one_of(3)) * 2 } else { indent + 2 };
        let note = self.note(at, &" ".repeat(deeper));
        let note = if note.is_empty() { note } else { note + "\n" };
        format!(" {}{mark}\n{blank}{note}{}", anchor.trim_end(), self.block(value, deeper, at))
    }

    pub(super) fn block(&mut self, value: &Value, indent: usize, at: &str) -> String {
        let pad = " ".repeat(indent);
        let mut text = String::new();
        match value {
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    text.push_str(&format!("{pad}-{}", self.item(item, indent, &format!("{at}/{index}"))));
                }
            }
            Value::Object(keys) => {
                for (key, value) in keys {
                    text.push_str(&format!("{pad}{key}:{}", self.behind(value, indent, &format!("{at}/{key}"))));
                    if self.one_of(6) == 0 && text.ends_with('\n') {
                        // It is about what comes next.
                        let note = self.note(at, &pad);
                        text.push_str(&if note.is_empty() { note } else { note + "\n" });
                    }
                }
            }
            _ => unreachable!("scalars stand on a line"),
        }
        text
    }

    fn item(&mut self, item: &Value, indent: usize, at: &str) -> String {
        match (item, self.one_of(3)) {
            (Value::Object(_), 0) => {
                let text = self.block(item, indent + 2, at);
                format!(" {}", text.trim_start_matches(' '))
            }
            (Value::Object(_), 1) => format!("{}\n{}", self.comment(at), self.block(item, indent + 2, at)),
            _ => format!(" {}{}\n", self.flow(item, indent, at), self.comment(at)),
        }
    }
}
