//! Values as YAML or JSON text. In comes a value; out comes text that the loader, and other readers of YAML, take for
//! exactly that value. Never chooses where it stands.
//!
//! Every text is either plain beyond doubt or in double quotes: names and descriptions may be hostile.

use serde_json::{Map, Value};

use crate::baseline::document::{Budget, Content, parse};

/// Longer than this, a mapping is written over several lines where that is possible.
const WIDE: usize = 100;

/// Words that older readers of YAML take for true or false.
const SWITCHES: [&str; 8] = ["y", "n", "yes", "no", "on", "off", "true", "false"];

/// How values are written in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A file that is JSON stays JSON.
    Json,
    /// Everything else.
    Yaml,
}

impl Form {
    /// The form of a file.
    pub(super) fn of(text: &str) -> Self {
        let json = text.trim_start().starts_with('{') && serde_json::from_str::<Value>(text).is_ok();
        if json { Self::Json } else { Self::Yaml }
    }

    /// On one line, fit for any place.
    pub(super) fn line(self, value: &Value) -> String {
        match (self, value) {
            (Self::Json, value) => value.to_string(),
            (Self::Yaml, Value::String(text)) => word(text),
            (Self::Yaml, Value::Array(items)) => {
                format!("[{}]", items.iter().map(|item| self.line(item)).collect::<Vec<_>>().join(", "))
            }
            (Self::Yaml, Value::Object(entries)) => {
                format!(
                    "{{{}}}",
                    entries.iter().map(|(key, value)| self.entry(key, value)).collect::<Vec<_>>().join(", ")
                )
            }
            (Self::Yaml, Value::Null | Value::Bool(_) | Value::Number(_)) => value.to_string(),
        }
    }

    /// `key: value` on one line.
    pub(super) fn entry(self, key: &str, value: &Value) -> String {
        match self {
            Self::Json => format!("{}:{value}", Value::from(key)),
            Self::Yaml => format!("{}: {}", word(key), self.line(value)),
        }
    }
}

/// Whether a value reads better over several lines.
pub(super) fn is_long(value: &Value) -> bool {
    Form::Yaml.line(value).chars().count() > WIDE
}

/// A list item over several lines, the dash in the first; values stand on the line of their key.
pub(super) fn item(value: &Value) -> Vec<String> {
    match value {
        Value::Object(entries) if !entries.is_empty() => {
            let mark = |index: usize| if index == 0 { "- " } else { "  " };
            entries
                .iter()
                .enumerate()
                .map(|(index, (key, value))| format!("{}{}", mark(index), Form::Yaml.entry(key, value)))
                .collect()
        }
        other => vec![format!("- {}", Form::Yaml.line(other))],
    }
}

/// The lines of `key: value`; a list of mappings, and what is too long for a line, goes below its key.
pub(super) fn below(key: &str, value: &Value) -> Vec<String> {
    let head = word(key);
    let indented = |lines: Vec<String>| lines.into_iter().map(|line| format!("  {line}"));
    match value {
        Value::Array(items) if items.iter().any(Value::is_object) => {
            let items = items.iter().flat_map(|one| if is_long(one) { item(one) } else { vec![short(one)] });
            std::iter::once(format!("{head}:")).chain(indented(items.collect())).collect()
        }
        Value::Object(entries) if holds_lists(entries) || is_long(value) => {
            let lines = entries.iter().flat_map(|(key, value)| below(key, value));
            std::iter::once(format!("{head}:")).chain(indented(lines.collect())).collect()
        }
        other => vec![format!("{head}: {}", Form::Yaml.line(other))],
    }
}

/// The lines of a whole file.
pub(super) fn whole(value: &Value) -> Vec<String> {
    match value {
        Value::Object(entries) if !entries.is_empty() => {
            entries.iter().flat_map(|(key, value)| below(key, value)).collect()
        }
        other => vec![Form::Yaml.line(other)],
    }
}

fn short(value: &Value) -> String {
    format!("- {}", Form::Yaml.line(value))
}

fn holds_lists(entries: &Map<String, Value>) -> bool {
    entries.values().any(|value| value.as_array().is_some_and(|items| items.iter().any(Value::is_object)))
}

/// A text as a scalar.
fn word(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { quoted(text) }
}

/// Whether a text means itself without quotes, inside of brackets too, to readers of YAML 1.1 as well.
fn is_plain(text: &str) -> bool {
    let Some(first) = text.chars().next() else { return false };
    let starts = first.is_ascii_alphanumeric() || first == '/';
    let holds = text.chars().all(|letter| letter.is_ascii_alphanumeric() || "_./@+-:= ()".contains(letter));
    let bordered = text.ends_with([' ', ':', '=']) || text.contains(": ");
    let switch = SWITCHES.contains(&text.to_lowercase().as_str());
    // `12:30` is a number to some; a date is a text to the loader.
    let sixty = first.is_ascii_digit() && text.contains(':') && !text.contains('T');
    starts && holds && !bordered && !switch && !sixty && reads_back(text)
}

/// Whether the loader takes it for this text, and not for a number or nothing.
fn reads_back(text: &str) -> bool {
    let (root, mistakes) = parse(0, text, &mut Budget::default());
    mistakes.is_empty() && root.is_some_and(|root| root.content == Content::Text(text.to_owned()))
}

/// In double quotes; whatever could break a line, or is not to be seen, is an escape.
fn quoted(text: &str) -> String {
    let mut written = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => written.push_str("\\\""),
            '\\' => written.push_str("\\\\"),
            '\n' => written.push_str("\\n"),
            '\t' => written.push_str("\\t"),
            letter if letter.is_alphanumeric() || letter == ' ' || letter.is_ascii_punctuation() => {
                written.push(letter)
            }
            letter if u32::from(letter) <= 0xffff => written.push_str(&format!("\\u{:04x}", u32::from(letter))),
            letter => written.push_str(&format!("\\U{:08x}", u32::from(letter))),
        }
    }
    written.push('"');
    written
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Value {
        let (root, mistakes) = parse(0, text, &mut Budget::default());
        assert_eq!(mistakes, [], "{text}");
        root.unwrap().to_value()
    }

    #[test]
    fn texts_are_plain_only_where_nobody_could_mistake_them() {
        for (text, written) in [
            ("payments-prod", "payments-prod"),
            ("111111111111", "\"111111111111\""),
            ("2027-03-01", "2027-03-01"),
            ("2027-03-01T00:00:00Z", "2027-03-01T00:00:00Z"),
            ("12:30", "\"12:30\""),
            ("/Workloads/Prod", "/Workloads/Prod"),
            ("yes", "\"yes\""),
            ("null", "\"null\""),
            ("1e5", "\"1e5\""),
            ("", "\"\""),
            ("a: b", "\"a: b\""),
            ("a #b", "\"a #b\""),
            ("*", "\"*\""),
            ("a, b", "\"a, b\""),
            ("migration to eu-south-1", "migration to eu-south-1"),
            ("x\r\n\u{202e}\u{7}\u{1f600}", "\"x\\u000d\\n\\u202e\\u0007\\U0001f600\""),
        ] {
            assert_eq!(word(text), written);
            assert_eq!(read(&format!("[{written}]")), json!([text]));
        }
    }

    #[test]
    fn a_long_item_stands_over_several_lines() {
        let value = json!({"match": {"kind": "region"}, "reason": "x"});
        assert_eq!(item(&value), ["- match: {kind: region}", "  reason: x"]);
        assert_eq!(below("list", &json!([value])), ["list:", "  - {match: {kind: region}, reason: x}"]);
        assert_eq!(below("services", &json!(["a", "b"])), ["services: [a, b]"]);
    }

    fn values() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            ".*".prop_map(Value::from),
            "[a-z0-9:# ,\\[\\]{}&*!|>'\"%@`-]{0,6}".prop_map(Value::from),
        ];
        scalar.prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map("[a-z~#: ]{1,4}", inner, 0..3)
                    .prop_map(|entries| Value::Object(entries.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_written_is_read_back(value in values()) {
            prop_assert_eq!(&read(&Form::Yaml.line(&json!([value]))), &json!([value]));
            prop_assert_eq!(&read(&item(&value).join("\n")), &json!([value]));
            prop_assert_eq!(&read(&below("key", &value).join("\n")), &json!({"key": value}));
            prop_assert_eq!(&read(&whole(&value).join("\n")), &value);
        }
    }
}
