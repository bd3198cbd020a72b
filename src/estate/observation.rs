//! One fact: known, absent, or unknown with the reason.
//!
//! In: what a read brought. Out: a value that cannot be mistaken for one that was never read. It never turns a failure
//! into an empty value.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::CoverageStatus;

/// One fact of a snapshot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Observation<T> {
    /// It was read, and this is it.
    Known(T),
    /// A complete, error-free read shows that it does not exist there.
    Absent,
    /// It could not be read.
    Unknown(Gap),
}

/// Why something is unknown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Gap {
    /// The sort of failure, as in the coverage.
    pub status: CoverageStatus,
    /// What happened, in the provider's words where it gave any.
    pub reason: String,
}

impl<T> Observation<T> {
    /// An unknown fact and why.
    pub fn unknown(status: CoverageStatus, reason: impl Into<String>) -> Self {
        Self::Unknown(Gap { status, reason: reason.into() })
    }

    /// The value, if it is known.
    pub const fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Absent | Self::Unknown(_) => None,
        }
    }

    /// Why it is unknown, if it is.
    pub const fn gap(&self) -> Option<&Gap> {
        match self {
            Self::Unknown(gap) => Some(gap),
            Self::Known(_) | Self::Absent => None,
        }
    }

    /// The same fact with its value changed.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Observation<U> {
        match self {
            Self::Known(value) => Observation::Known(change(value)),
            Self::Absent => Observation::Absent,
            Self::Unknown(gap) => Observation::Unknown(gap),
        }
    }

    /// The same fact, borrowed.
    pub fn as_ref(&self) -> Observation<&T> {
        match self {
            Self::Known(value) => Observation::Known(value),
            Self::Absent => Observation::Absent,
            Self::Unknown(gap) => Observation::Unknown(gap.clone()),
        }
    }
}
