//! Who did it: audit events, and what they say about a drift.
//!
//! In: drift, and raw records of an audit log. Out: which log to ask for what, and an attribution for every drift. It
//! never guesses: what the records do not prove is ambiguous, not found or blind.

mod attribution;
mod catalogue;
mod event;
mod field;
mod identity;
mod judge;
mod log;
mod matching;
mod requests;
mod term;

pub use attribution::{Attribution, Confidence, EventRecord, Outcome, Principal, PrincipalKind};
pub use catalogue::{Catalogue, Change, Deed, Stage};
pub use event::{Event, Rejected};
pub use identity::{Identity, OnBehalfOf, WebIdentity};
pub use judge::attribute;
pub use log::{HISTORY, Log, lookups};

#[cfg(test)]
mod tests;
