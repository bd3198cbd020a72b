//! Baseline × snapshot → drift, one file a kind.
//!
//! In: a loaded baseline and a snapshot. Out: every difference, with the baseline line it comes from and what an audit
//! record that explains it would look like. It never reads a provider, never takes an unknown fact for one in line, and
//! never says who.

mod drift;
mod rule;

pub use drift::{Aspect, Direction, Drift, LoggedIn, Subject};
pub use rule::Rule;
