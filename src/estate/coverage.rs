//! What was read and what could not be: the ledger in which every planned read ends.
//!
//! In: one entry for each planned read. Out: rows for the report, evaluated ones folded by account and source. It never
//! drops an entry.

use std::collections::{BTreeMap, btree_map};

use jiff::Timestamp;
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
    /// When the oldest of these reads was made, where one was taken over from an earlier run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub read_at: Option<Timestamp>,
}

impl CoverageRow {
    /// A row without calls of its own.
    #[must_use]
    pub fn new(scope: Scope, source: impl Into<String>, status: CoverageStatus, reason: Option<String>) -> Self {
        Self { scope, source: source.into(), status, reason, reads: 0, regions: Vec::new(), read_at: None }
    }
}

/// When the reads of one scope were made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadTimes {
    /// Where.
    pub scope: Scope,
    /// The end of each read that was whole, by its source.
    #[schemars(with = "BTreeMap<String, String>")]
    pub at: BTreeMap<String, Timestamp>,
}

/// The ledger while a run goes on.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    entries: BTreeMap<Scope, BTreeMap<String, Entry>>,
    /// What stands for the time of every read; without it, it is looked up.
    clock: Option<Timestamp>,
}

/// One read.
#[derive(Clone, Debug)]
struct Entry {
    status: CoverageStatus,
    reason: Option<String>,
    reads: u64,
    at: Timestamp,
    /// Whether an earlier run made it.
    carried: bool,
}

impl Coverage {
    /// A ledger in which every read is made at the same time: that of a recorded run.
    #[must_use]
    pub fn at(clock: Option<Timestamp>) -> Self {
        Self { clock, ..Self::default() }
    }

    /// Notes that a read was made whole, with `reads` calls.
    pub fn evaluated(&mut self, scope: Scope, source: impl Into<String>, reads: u64) {
        self.note(scope, source.into(), self.entry(CoverageStatus::Evaluated, None, reads));
    }

    /// Notes that an earlier run made a read.
    pub fn carried(&mut self, scope: Scope, source: impl Into<String>, at: Timestamp) {
        let entry = Entry { status: CoverageStatus::Evaluated, reason: None, reads: 0, at, carried: true };
        self.note(scope, source.into(), entry);
    }

    /// Notes that a read was not made, or not whole.
    pub fn gap(&mut self, scope: Scope, source: impl Into<String>, gap: &Gap, reads: u64) {
        self.note(scope, source.into(), self.entry(gap.status, Some(gap.reason.clone()), reads));
    }

    /// Takes over what another ledger noted.
    pub fn absorb(&mut self, other: Self) {
        for (scope, sources) in other.entries {
            for (source, entry) in sources {
                self.note(scope.clone(), source, entry);
            }
        }
    }

    fn entry(&self, status: CoverageStatus, reason: Option<String>, reads: u64) -> Entry {
        Entry { status, reason, reads, at: self.clock.unwrap_or_else(Timestamp::now), carried: false }
    }

    /// Two notes on the same read add up; the one that says less was read stands, and so does the older time.
    fn note(&mut self, scope: Scope, source: String, entry: Entry) {
        let sources = self.entries.entry(scope).or_default();
        let Some(known) = sources.get_mut(&source) else {
            sources.insert(source, entry);
            return;
        };
        known.reads += entry.reads;
        known.at = known.at.min(entry.at);
        known.carried |= entry.carried;
        if known.status == CoverageStatus::Evaluated && entry.status != CoverageStatus::Evaluated {
            known.status = entry.status;
            known.reason = entry.reason;
        }
    }

    /// When each read that was whole was made, in a stable order.
    #[must_use]
    pub fn times(&self) -> Vec<ReadTimes> {
        let whole = |sources: &BTreeMap<String, Entry>| {
            let whole = sources.iter().filter(|(_, entry)| entry.status == CoverageStatus::Evaluated);
            whole.map(|(source, entry)| (source.clone(), entry.at)).collect::<BTreeMap<_, _>>()
        };
        let times = self.entries.iter().map(|(scope, sources)| ReadTimes { scope: scope.clone(), at: whole(sources) });
        times.filter(|times| !times.at.is_empty()).collect()
    }

    /// The rows of the report: evaluated reads folded by account and source, all others alone, in a stable order.
    #[must_use]
    pub fn rows(&self) -> Vec<CoverageRow> {
        let mut folded: BTreeMap<(Scope, &str), CoverageRow> = BTreeMap::new();
        let mut rows = Vec::new();
        let entries = self.entries.iter().flat_map(|(scope, sources)| sources.iter().map(move |read| (scope, read)));
        for (scope, (source, entry)) in entries {
            let row = |scope: Scope| CoverageRow {
                reads: entry.reads,
                read_at: entry.carried.then_some(entry.at),
                ..CoverageRow::new(scope, source, entry.status, entry.reason.clone())
            };
            if entry.status != CoverageStatus::Evaluated {
                rows.push(row(scope.clone()));
                continue;
            }
            let whole = Scope { region: None, ..scope.clone() };
            match folded.entry((whole.clone(), source)) {
                btree_map::Entry::Vacant(place) => {
                    place.insert(row(whole)).regions.extend(scope.region.clone());
                }
                btree_map::Entry::Occupied(mut place) => place.get_mut().fold(&row(scope.clone())),
            }
        }
        rows.extend(folded.into_values());
        rows.sort();
        rows
    }
}

impl CoverageRow {
    /// Takes in the same read of another region.
    fn fold(&mut self, other: &Self) {
        self.reads += other.reads;
        self.regions.extend(other.scope.region.clone());
        self.read_at = [self.read_at, other.read_at].into_iter().flatten().min();
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

    #[test]
    fn a_read_that_was_taken_over_says_how_old_it_is() {
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        let (now, old, older) =
            (time("2026-11-03T12:00:00Z"), time("2026-11-03T01:00:00Z"), time("2026-11-02T23:00:00Z"));
        let mut coverage = Coverage::at(Some(now));
        coverage.evaluated(scope("eu-west-1"), "ec2:X", 2);
        assert_eq!(coverage.rows()[0].read_at, None, "it is as old as the run");
        coverage.carried(scope("us-east-1"), "ec2:X", old);
        coverage.carried(scope("us-west-2"), "ec2:X", older);
        let rows = coverage.rows();
        assert_eq!((rows.len(), rows[0].reads, rows[0].read_at), (1, 2, Some(older)));
        let times: Vec<Timestamp> = coverage.times().into_iter().flat_map(|times| times.at.into_values()).collect();
        assert_eq!(times, [now, old, older]);
    }
}
