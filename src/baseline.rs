//! The baseline: what should be. In come YAML files and the policy documents that they name; out comes a typed,
//! checked [`model::Baseline`] in which every entry knows its file, line and column. Never reads the cloud.

pub mod model;
