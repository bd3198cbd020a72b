//! The baseline: what should be. In come YAML files and the policy documents that they name; out comes a typed,
//! checked [`model::Baseline`] in which every entry knows its file, line and column. Never reads the cloud.

pub mod model;

/// A place in a baseline.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// The file as it was given on the command line, or as the including file names it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}
