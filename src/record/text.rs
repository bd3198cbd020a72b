//! YAML as a person would write it.
//!
//! In: values. Out: text that means exactly them: an entry is one line while it fits, else a block; text that could be read
//! as anything else is quoted. It never writes what an attacker chose without escaping it.

use serde_json::{Map, Number, Value};

use crate::baseline::diagnostic::visible;

/// Columns of a line, as far as its parts allow.
const WIDTH: usize = 118;

/// Words that some reader of YAML takes for something else than text, in any case.
const WORDS: [&str; 12] = ["true", "false", "yes", "no", "on", "off", "y", "n", "null", "nan", "inf", "infinity"];

/// A text, in quotes where it needs them.
pub(super) fn text(text: &str) -> String {
    let first = text.chars().next();
    let begins = first.is_some_and(|first| first.is_ascii_alphabetic() || first == '/');
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.' | '/' | ' ');
    let is_word = WORDS.iter().any(|word| word.eq_ignore_ascii_case(text));
    if begins && text.chars().all(is_plain) && !text.ends_with(' ') && !is_word {
        return text.to_owned();
    }
    let mut quoted = String::from('"');
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            ' '..='~' => quoted.push(letter),
            letter if letter.is_alphanumeric() => quoted.push(letter),
            letter if u32::from(letter) <= 0xff => quoted.push_str(&format!("\\x{:02x}", u32::from(letter))),
            letter if u32::from(letter) <= 0xffff => quoted.push_str(&format!("\\u{:04x}", u32::from(letter))),
            letter => quoted.push_str(&format!("\\U{:08x}", u32::from(letter))),
        }
    }
    quoted.push('"');
    quoted
}

/// A number as JSON, whole where it is whole; none where it is not finite.
pub(super) fn number(value: f64) -> Option<Value> {
    /// Up to here every whole number is held exactly.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() < EXACT {
        #[allow(clippy::cast_possible_truncation, reason = "whole, and below 2^53")]
        let whole = value as i64;
        return Some(Value::from(whole));
    }
    Number::from_f64(value).map(Value::Number)
}

/// A value on one line.
pub(super) fn flow(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(words) => text(words),
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Object(keys) => {
            let entries: Vec<String> =
                keys.iter().map(|(key, value)| format!("{}: {}", text(key), flow(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

/// `key: value` at a depth, with a line end: on one line while it fits.
pub(super) fn key(depth: usize, key: &str, value: &Value) -> String {
    let (space, name) = (" ".repeat(depth), text(key));
    let line = format!("{space}{name}: {}", flow(value));
    match value {
        Value::Array(items) if line.chars().count() > WIDTH && items.iter().all(|item| !item.is_object()) => {
            wrapped(&format!("{space}{name}: ["), depth + 2, items)
        }
        Value::Array(items) if !items.is_empty() && items.iter().any(Value::is_object) => {
            let entries: String = items.iter().map(|item| entry(depth + 2, item)).collect();
            format!("{space}{name}:\n{entries}")
        }
        Value::Object(keys) if line.chars().count() > WIDTH => format!("{space}{name}:\n{}", block(depth + 2, keys)),
        _ => format!("{line}\n"),
    }
}

/// `- value` at a depth, with a line end: on one line while it fits.
pub(super) fn entry(depth: usize, value: &Value) -> String {
    let space = " ".repeat(depth);
    let line = format!("{space}- {}", flow(value));
    match value {
        Value::Object(keys) if line.chars().count() > WIDTH => {
            let block = block(depth + 2, keys);
            format!("{space}- {}", block.trim_start())
        }
        _ => format!("{line}\n"),
    }
}

/// The keys of a mapping at a depth, each on its own line.
pub(super) fn block(depth: usize, keys: &Map<String, Value>) -> String {
    keys.iter().map(|(name, value)| key(depth, name, value)).collect()
}

/// A list over several lines.
fn wrapped(head: &str, depth: usize, items: &[Value]) -> String {
    let (mut lines, mut line) = (String::new(), head.to_owned());
    for (index, item) in items.iter().enumerate() {
        let last = index + 1 == items.len();
        let word = format!("{}{}", flow(item), if last { "]" } else { "," });
        if line.chars().count() + 1 + word.chars().count() > WIDTH && !line.trim().is_empty() {
            lines.push_str(line.trim_end());
            lines.push('\n');
            line = " ".repeat(depth);
        } else if !line.ends_with('[') && !line.trim().is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
    }
    format!("{lines}{line}\n")
}

/// Lines of comment at a depth, wrapped; what is in it cannot end it.
pub(super) fn comment(depth: usize, first: &str, words: &str) -> String {
    let space = " ".repeat(depth);
    let (mut lines, mut line) = (String::new(), format!("{space}#{first}"));
    let head = line.chars().count();
    for word in visible(words).split(' ') {
        if line.chars().count() + 1 + word.chars().count() > WIDTH && line.chars().count() > head {
            lines.push_str(&line);
            lines.push('\n');
            line = format!("{space}#{}", " ".repeat(first.chars().count()));
        }
        line.push(' ');
        line.push_str(word);
    }
    format!("{lines}{}\n", line.trim_end())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::baseline::document::{Budget, parse};

    fn read(yaml: &str) -> Value {
        let (root, mistakes) = parse(0, yaml, &mut Budget::default());
        assert!(mistakes.is_empty(), "{yaml}\n{mistakes:?}");
        root.map_or(Value::Null, |root| root.to_value())
    }

    #[test]
    fn only_text_that_can_be_nothing_else_goes_without_quotes() {
        for plain in ["Log Archive", "/Workloads/Prod", "us-east-1", "guardduty.amazonaws.com", "default", "a"] {
            assert_eq!(text(plain), plain);
        }
        for (written, quoted) in [
            ("no", r#""no""#),
            ("NULL", r#""NULL""#),
            ("1e3", r#""1e3""#),
            ("222222222222", r#""222222222222""#),
            ("", r#""""#),
            ("*x", r#""*x""#),
            ("a: b", r#""a: b""#),
            ("a #b", r##""a #b""##),
            (" a", r#"" a""#),
            ("a ", r#""a ""#),
            ("a\nb", r#""a\nb""#),
            (r#"a\"b"#, r#""a\\\"b""#),
            ("a\u{202e}b", r#""a\u202eb""#),
            ("\u{7f}\u{85}\u{1f600}", r#""\x7f\x85\U0001f600""#),
            ("Ünit", "\"Ünit\""),
        ] {
            assert_eq!(text(written), quoted);
        }
    }

    #[test]
    fn numbers_are_whole_where_they_are() {
        assert_eq!(number(5.0), Some(json!(5)));
        assert_eq!(number(0.5), Some(json!(0.5)));
        assert_eq!(number(f64::NAN), None);
    }

    #[test]
    fn a_comment_stays_one() {
        let written = comment(2, " -", "x\nversion: 2\r\u{2028}y \u{85}aws: {}");
        assert_eq!(written, "  # - x\\u{a}version: 2\\u{d}\\u{2028}y \\u{85}aws: {}\n");
        assert!(comment(0, "", &"word ".repeat(60)).lines().all(|line| line.starts_with("# ") && line.len() <= WIDTH));
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_read_again(
            words in prop::collection::vec("(?s).{0,40}", 0..60),
            odd in r"[-*&!|>'%@`#:,\[\]{}~?\x22\\ \n\t0-9a-zé\x00\x1b\u{202e}\u{feff}\u{10ffff}]{0,30}",
            value in any::<f64>().prop_filter("finite", |value| value.is_finite()),
        ) {
            let number = number(value).unwrap_or_default();
            let written = json!({"words": words, "odd": {odd.clone(): odd}, "deep": [{"list": words, "number": number}]});
            let keys = written.as_object().cloned().unwrap_or_default();
            let yaml: String = keys.iter().map(|(name, value)| key(0, name, value)).collect();
            let again = read(&yaml);
            prop_assert_eq!(&again["words"], &written["words"], "{}", yaml);
            prop_assert_eq!(&again["odd"], &written["odd"], "{}", yaml);
            prop_assert_eq!(&again["deep"][0]["list"], &written["deep"][0]["list"], "{}", yaml);
            prop_assert_eq!(again["deep"][0]["number"].as_f64(), written["deep"][0]["number"].as_f64(), "{}", yaml);
        }
    }
}
