//! The baseline: what should be. In come YAML files and the policy documents that they name; out comes a typed,
//! checked [`Baseline`] in which every entry knows its file, line and column. Never reads the cloud.

mod check;
pub mod diagnostic;
pub mod document;
pub mod edit;
mod explain;
pub mod files;
mod load;
pub mod matching;
pub mod model;
pub mod pattern;
pub mod placement;
mod policies;
pub mod rules;
pub mod schema;

pub use diagnostic::Position;
pub use load::{Baseline, LoadError, load, load_from};
pub use policies::{Document, read_document};

#[cfg(test)]
mod tests;
