//! JSON: the report (`guardline/report/v1`) and the snapshot (`guardline/snapshot/v1`).
//!
//! In: what is to be written. Out: its text, the same bytes for the same content. It escapes nothing beyond JSON's own rules: whoever
//! shows a text of it escapes it for the place.

use serde::Serialize;

use super::ReportError;

/// Indented JSON, with a line break at its end.
///
/// # Errors
/// A value cannot be written as JSON; none of a report's can.
pub fn render(content: &impl Serialize) -> Result<String, ReportError> {
    let mut text = serde_json::to_string_pretty(content).map_err(ReportError::Json)?;
    text.push('\n');
    Ok(text)
}
