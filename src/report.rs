//! How a run is told.
//!
//! In: findings and coverage. Out: an exit code, and text or JSON. It never decides what a finding is.

mod exit;

pub use exit::Exit;
