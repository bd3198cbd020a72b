//! `guardline schema`: the JSON Schemas that editors and consumers check with. In comes a schema; out it goes, on
//! stdout. Never makes one: the models do.

use std::io::{self, Write};

use serde_json::Value;

/// Writes a schema.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn run(schema: &Value, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, schema)?;
    writeln!(out)
}
