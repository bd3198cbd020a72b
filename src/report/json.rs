//! The report as JSON: `guardline/report/v1`.
//!
//! In: a report. Out: its text, the same bytes for the same report. It escapes nothing beyond JSON's own rules: whoever
//! shows a text of it escapes it for the place.

use super::{Report, ReportError};

/// The report as indented JSON, with a line break at its end.
///
/// # Errors
/// A value cannot be written as JSON; none of a report's can.
pub fn render(report: &Report) -> Result<String, ReportError> {
    let mut text = serde_json::to_string_pretty(report).map_err(ReportError::Json)?;
    text.push('\n');
    Ok(text)
}
