//! JSON: the report (`guardline/report/v1`) and the snapshot (`guardline/snapshot/v1`).
//!
//! In: what is to be written. Out: its text, the same bytes for the same content. Controls, and characters that reorder or
//! hide text, are written as `\\u….`: the text says the same to a program, and cannot act on a terminal.

use std::fmt::Write as _;

use serde::Serialize;

use super::ReportError;
use crate::baseline::diagnostic::is_treacherous;

/// Indented JSON, with a line break at its end.
///
/// # Errors
/// A value cannot be written as JSON; none of a report's can.
pub fn render(content: &impl Serialize) -> Result<String, ReportError> {
    let mut text = serde_json::to_string_pretty(content).map_err(ReportError::Json)?;
    text.push('\n');
    Ok(if text.chars().any(acts) { escaped(&text) } else { text })
}

/// JSON itself has only line breaks between values; all others stand inside texts.
fn acts(letter: char) -> bool {
    letter != '\n' && is_treacherous(letter)
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 64);
    for letter in text.chars() {
        if acts(letter) {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                // Writing to a text never fails.
                let _ = write!(safe, "\\u{unit:04x}");
            }
        } else {
            safe.push(letter);
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_act_on_a_terminal_and_says_the_same() {
        let hostile = "a\u{9b}31m\u{202e}b\u{2066}\u{200b}\u{2028}\u{e0041}\u{1f600}\n\t\u{1b}\u{7f}é";
        let text = render(&serde_json::json!({ hostile: [hostile] })).unwrap();
        assert!(!text.chars().any(acts), "{text}");
        assert!(text.contains("\\u202e") && text.contains("\\udb40\\udc41") && text.contains("\u{1f600}"), "{text}");
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read[hostile][0], hostile);
    }
}
