//! Text that an attacker may have written, made safe for the place where it is shown.
//!
//! In: any text. Out: text that cannot move a cursor, colour, reorder, hide or break lines. It never shortens silently.

use std::borrow::Cow;

use crate::baseline::diagnostic::visible;

/// For a terminal: controls, line breaks, and characters that reorder or hide text are spelled as `\u{…}`.
#[must_use]
pub fn terminal(text: &str) -> Cow<'_, str> {
    visible(text)
}

/// At most `limit` characters, with a word on how many were left out.
#[must_use]
pub fn clip(text: &str, limit: usize) -> Cow<'_, str> {
    match text.char_indices().nth(limit) {
        None => Cow::Borrowed(text),
        Some((end, _)) => {
            let kept = text.get(..end).unwrap_or_default();
            let left = text.chars().count() - limit;
            Cow::Owned(format!("{kept}… (+{left} characters)"))
        }
    }
}
