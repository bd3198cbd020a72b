//! The work of judging.
