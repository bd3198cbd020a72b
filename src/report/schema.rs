//! The published JSON Schemas of what is written.
//!
//! In: nothing. Out: schemas made from the very types that are written; the files under `policies/schema` are kept equal.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::Report;
use crate::estate::Snapshot;

/// The JSON Schema (draft 2020-12) of a report.
#[must_use]
pub fn report_schema() -> Value {
    schema::<Report>("urn:guardline:report:v1")
}

/// The JSON Schema (draft 2020-12) of a snapshot.
#[must_use]
pub fn snapshot_schema() -> Value {
    schema::<Snapshot>("urn:guardline:snapshot:v1")
}

/// Made for what is written: fields that are always written are required.
fn schema<T: JsonSchema>(id: &str) -> Value {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut schema = generator.into_root_schema_for::<T>();
    schema.insert("$id".to_owned(), id.into());
    schema.to_value()
}
