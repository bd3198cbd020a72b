//! A quick look: what a narrowed run compares and reports.
//!
//! In: how the user narrows the run. Out: yes or no for a difference, and a coverage row for what was left out. It never
//! narrows what is declared: the rest is skipped, and said to be.

use std::collections::BTreeSet;

use crate::baseline::Baseline;
use crate::compare::Comparison;
use crate::estate::{CoverageRow, CoverageStatus, Kind, Scope, Snapshot};
use crate::provider::aws::{self, Narrowing, Survey};

/// What is looked at.
#[derive(Clone, Debug)]
pub(super) struct Focus {
    narrowing: Narrowing,
    /// The accounts that the narrowing means, where it names any.
    accounts: Option<BTreeSet<String>>,
    /// The kinds that the baseline declares something of; others are read only to know where to look.
    declared: BTreeSet<Kind>,
    /// The account that holds what belongs to the organisation inside accounts: its trail.
    management: Option<String>,
}

impl Focus {
    pub(super) fn new(narrowing: &Narrowing, survey: &Survey, baseline: &Baseline) -> Self {
        let by_account = !narrowing.accounts.is_empty() || !narrowing.units.is_empty();
        Self {
            narrowing: narrowing.clone(),
            accounts: by_account.then(|| survey.chosen().clone()),
            declared: declared(baseline),
            management: survey.management_account().map(str::to_owned),
        }
    }

    /// Leaves out what is not looked at.
    pub(super) fn narrow(&self, comparison: &mut Comparison) {
        comparison.drifts.retain(|drift| self.keeps(drift.kind, &drift.scope, &drift.subject.id));
        comparison.undecided.retain(|row| self.keeps_scope(&row.scope));
    }

    /// Whether something of this kind, found there, is looked at. A baseline's own health shows only when all of it is
    /// compared. An account that is itself the subject counts as one of its own.
    pub(super) fn keeps(&self, kind: Kind, scope: &Scope, subject: &str) -> bool {
        let own = || self.accounts.as_ref().is_some_and(|accounts| accounts.contains(subject));
        match kind {
            Kind::Baseline => self.is_whole(),
            Kind::Link if self.narrowing.regions.is_empty() && own() => self.narrowing.kind(kind.as_str()),
            Kind::AuditLog if scope.account.is_none() => {
                self.narrowing.kind(kind.as_str()) && self.keeps_scope(&self.held(scope))
            }
            _ => self.narrowing.kind(kind.as_str()) && self.keeps_scope(scope),
        }
    }

    /// The place inside accounts where something of the organisation is held.
    fn held(&self, scope: &Scope) -> Scope {
        Scope { account: self.management.clone(), ..scope.clone() }
    }

    fn keeps_scope(&self, scope: &Scope) -> bool {
        let account = |accounts: &BTreeSet<String>| scope.account.as_ref().is_some_and(|id| accounts.contains(id));
        let regions = &self.narrowing.regions;
        self.accounts.as_ref().is_none_or(account)
            && (regions.is_empty() || scope.region.as_ref().is_some_and(|region| regions.contains(region)))
    }

    /// Whether a read showed something of what is looked at. To know who reads, or where to look, is not enough.
    pub(super) fn learned_from(&self, row: &CoverageRow) -> bool {
        let Some(kind) = aws::shows(row).filter(|kind| self.narrowing.kind(kind.as_str())) else { return false };
        let shown = match kind {
            // Read in one place for all accounts.
            Kind::Link => self.narrowing.regions.is_empty(),
            Kind::Quota | Kind::Region | Kind::Policy | Kind::Setting | Kind::AuditLog | Kind::Baseline => {
                self.covers(row)
            }
        };
        row.status == CoverageStatus::Evaluated && self.declared.contains(&kind) && shown
    }

    /// Whether one of the places that a row stands for is looked at.
    fn covers(&self, row: &CoverageRow) -> bool {
        let places = row.regions.iter().map(|region| row.scope.clone().in_region(region));
        places.chain([row.scope.clone()]).any(|scope| self.keeps_scope(&scope))
    }

    /// One row that says that not everything was compared.
    pub(super) fn left_out(&self, snapshot: &Snapshot) -> Option<CoverageRow> {
        let scope = Scope::account(snapshot.provider, &snapshot.caller_account);
        let reason = || Some("left out on the command line".to_owned());
        (!self.is_whole()).then(|| CoverageRow::new(scope, "everything else", CoverageStatus::Skipped, reason()))
    }

    /// Whether nothing is left out.
    pub(super) fn is_whole(&self) -> bool {
        let Narrowing { accounts, units, regions, kinds } = &self.narrowing;
        accounts.is_empty() && units.is_empty() && regions.is_empty() && kinds.is_empty()
    }
}

/// The kinds of which a baseline declares something.
fn declared(baseline: &Baseline) -> BTreeSet<Kind> {
    let Some(aws) = &baseline.model.aws else { return BTreeSet::new() };
    aws.sections().into_iter().filter(|(_, _, declared)| *declared).map(|(_, kind, _)| kind).collect()
}
