//! How an estate is read: one cloud a folder, behind the few words of this file.
//!
//! In: a baseline, which says what is worth reading. Out: a snapshot with its coverage, and raw audit records. It never
//! changes anything at a provider, never compares, and lets no type of a provider's SDK out of the provider's folder.

pub mod aws;
pub mod limits;
pub mod recording;
pub mod redaction;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::watch;

use crate::estate::{CoverageStatus, Gap};

/// How far reading has come, for whoever shows it, and whether it is to go on.
#[derive(Debug, Default)]
pub struct Progress {
    planned: AtomicU64,
    made: AtomicU64,
    cancelled: watch::Sender<bool>,
}

impl Progress {
    /// Calls that are known to be needed so far, and calls that were made.
    #[must_use]
    pub fn calls(&self) -> (u64, u64) {
        let made = self.made.load(Ordering::Relaxed);
        (self.planned.load(Ordering::Relaxed).max(made), made)
    }

    /// More calls are known to be needed.
    pub fn plan(&self, calls: u64) {
        self.planned.fetch_add(calls, Ordering::Relaxed);
    }

    /// A call was made.
    pub fn made(&self) {
        self.made.fetch_add(1, Ordering::Relaxed);
    }

    /// Ends the run: no further call is made, and what is under way is given up.
    pub fn cancel(&self) {
        self.cancelled.send_replace(true);
    }

    /// Whether the run was cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        *self.cancelled.borrow()
    }

    /// Does the work unless the run is cancelled first, even where it waits for its turn or before another try.
    ///
    /// # Errors
    /// The read that was given up, as a gap.
    pub async fn unless_cancelled<T>(&self, work: impl Future<Output = T>) -> Result<T, Gap> {
        let mut seen = self.cancelled.subscribe();
        tokio::select! {
            biased;
            // The sender lives as long as `self`.
            _ = seen.wait_for(|cancelled| *cancelled) => {
                Err(Gap { status: CoverageStatus::Failed, reason: "the run was cancelled before it was read".to_owned() })
            }
            done = work => Ok(done),
        }
    }
}

/// What a scan would ask the provider.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Estimate {
    /// Calls by `service:Operation`: those already made to find out, one for each role and one for each planned read.
    /// Further pages add to them, and so do the reads that differences make worthwhile.
    pub calls: BTreeMap<String, u64>,
    /// The least time that the rate limits allow for them.
    pub time: Duration,
    /// The part of it for the calls that were made already.
    pub spent: Duration,
}

/// Where drift makes further reads worthwhile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FollowUp {
    /// Accounts and regions whose history of quota requests may say who asked; [`GLOBAL`](crate::estate::GLOBAL) for
    /// quotas of all regions.
    pub quota_requests: BTreeSet<(String, String)>,
    /// Accounts whose effective policies show what holds there now.
    pub effective_policies: BTreeSet<String>,
}

/// A question to an account's audit log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LookupRequest {
    /// Whose log.
    pub account: String,
    /// Which region's log; none for the partition's home region of global services.
    pub region: Option<String>,
    /// The name of the events that are sought.
    pub event_name: String,
    /// From when.
    pub start: Timestamp,
    /// Until when.
    pub end: Timestamp,
}

/// What the log answered.
#[derive(Clone, Debug, PartialEq)]
pub struct LookupAnswer {
    /// The question.
    pub request: LookupRequest,
    /// The raw records, newest first, as the provider wrote them.
    pub records: Vec<Value>,
    /// Why the answer is not whole, if it is not. Records read before the failure are kept.
    pub gap: Option<Gap>,
}

/// Parses a table that is part of the program.
///
/// # Panics
/// Never in a released program: a test parses every table.
pub(crate) fn shipped<T: DeserializeOwned>(name: &str, text: &str) -> T {
    match serde_yaml::from_str(text) {
        Ok(table) => table,
        Err(error) => unreachable!("`{name}` is part of the program and does not parse: {error}"),
    }
}
