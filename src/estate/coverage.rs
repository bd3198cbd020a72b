//! What was read and what could not be: the ledger in which every planned read ends.
//!
//! In: one entry for each planned read. Out: rows for the report, evaluated ones folded by account and source. It never
//! drops an entry.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Gap, Scope};

/// How a planned read ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CoverageStatus {
    /// It was read whole.
    Evaluated,
    /// The identity at hand may not read it.
    Denied,
    /// The provider kept refusing for the rate of calls.
    Throttled,
    /// The provider does not offer it there.
    Unsupported,
    /// It failed in another way: a broken answer, a time-out, an error of the service.
    Failed,
    /// It was left out: excluded by scope, not in the baseline, or the account is suspended.
    Skipped,
}

impl CoverageStatus {
    /// Whether a read that ended so leaves the coverage incomplete (`--strict`).
    #[must_use]
    pub const fn is_incomplete(self) -> bool {
        match self {
            Self::Denied | Self::Throttled | Self::Failed => true,
            Self::Evaluated | Self::Unsupported | Self::Skipped => false,
        }
    }

    /// The word used in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Evaluated => "evaluated",
            Self::Denied => "denied",
            Self::Throttled => "throttled",
            Self::Unsupported => "unsupported",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// One line of the coverage.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CoverageRow {
    /// Where; without a region in folded rows, which list theirs in `regions`.
    pub scope: Scope,
    /// What was asked: `service:Operation`, with its subject where one operation is asked about several.
    pub source: String,
    /// How it ended.
    pub status: CoverageStatus,
    /// Why it was not evaluated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How many calls were made for it, further pages included.
    pub reads: u64,
    /// The regions a folded row stands for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<String>,
}

/// The ledger while a run goes on.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    entries: BTreeMap<(Scope, String), (CoverageStatus, Option<String>, u64)>,
}

impl Coverage {
    /// Notes that a read was made whole, with `reads` calls.
    pub fn evaluated(&mut self, scope: Scope, source: impl Into<String>, reads: u64) {
        self.note(scope, source.into(), CoverageStatus::Evaluated, None, reads);
    }

    /// Notes that a read was not made, or not whole.
    pub fn gap(&mut self, scope: Scope, source: impl Into<String>, gap: &Gap, reads: u64) {
        self.note(scope, source.into(), gap.status, Some(gap.reason.clone()), reads);
    }

    /// Takes over what another ledger noted.
    pub fn absorb(&mut self, other: Self) {
        for ((scope, source), (status, reason, reads)) in other.entries {
            self.note(scope, source, status, reason, reads);
        }
    }

    /// Two notes on the same read add up; the one that says less was read stands.
    fn note(&mut self, scope: Scope, source: String, status: CoverageStatus, reason: Option<String>, reads: u64) {
        let entry = self.entries.entry((scope, source)).or_insert((CoverageStatus::Evaluated, None, 0));
        entry.2 += reads;
        if entry.0 == CoverageStatus::Evaluated && status != CoverageStatus::Evaluated {
            entry.0 = status;
            entry.1 = reason;
        }
    }

    /// The rows of the report: evaluated reads folded by account and source, all others alone, in a stable order.
    #[must_use]
    pub fn rows(&self) -> Vec<CoverageRow> {
        let mut folded: BTreeMap<(Scope, &str), (u64, Vec<String>)> = BTreeMap::new();
        let mut rows = Vec::new();
        for ((scope, source), (status, reason, reads)) in &self.entries {
            if *status == CoverageStatus::Evaluated {
                let whole = Scope { region: None, ..scope.clone() };
                let fold = folded.entry((whole, source)).or_default();
                fold.0 += reads;
                fold.1.extend(scope.region.clone());
            } else {
                rows.push(CoverageRow {
                    scope: scope.clone(),
                    source: source.clone(),
                    status: *status,
                    reason: reason.clone(),
                    reads: *reads,
                    regions: Vec::new(),
                });
            }
        }
        rows.extend(folded.into_iter().map(|((scope, source), (reads, regions))| CoverageRow {
            scope,
            source: source.to_owned(),
            status: CoverageStatus::Evaluated,
            reason: None,
            reads,
            regions,
        }));
        rows.sort();
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estate::Provider;

    fn scope(region: &str) -> Scope {
        Scope::account(Provider::Aws, "222222222222").in_region(region)
    }

    #[test]
    fn evaluated_rows_fold_and_gaps_stand_alone() {
        let mut coverage = Coverage::default();
        coverage.evaluated(scope("eu-west-1"), "ec2:X", 1);
        coverage.evaluated(scope("us-east-1"), "ec2:X", 2);
        let gap = Gap { status: CoverageStatus::Denied, reason: "blocked by a service control policy".to_owned() };
        coverage.gap(scope("me-south-1"), "ec2:X", &gap, 1);
        let rows = coverage.rows();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].regions, ["eu-west-1", "us-east-1"]);
        assert_eq!(rows[0].reads, 3);
        assert_eq!(rows[1].status, CoverageStatus::Denied);
        assert_eq!(rows[1].scope.region.as_deref(), Some("me-south-1"));
    }

    #[test]
    fn a_gap_is_never_covered_up_by_a_later_success() {
        let gap = Gap { status: CoverageStatus::Failed, reason: "cut short".to_owned() };
        for gap_first in [true, false] {
            let mut coverage = Coverage::default();
            if gap_first {
                coverage.gap(scope("eu-west-1"), "ec2:X", &gap, 1);
            }
            coverage.evaluated(scope("eu-west-1"), "ec2:X", 1);
            if !gap_first {
                coverage.gap(scope("eu-west-1"), "ec2:X", &gap, 1);
            }
            assert_eq!(coverage.rows()[0].status, CoverageStatus::Failed);
            assert_eq!(coverage.rows()[0].reads, 2);
        }
    }
}
