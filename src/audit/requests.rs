//! The history of quota requests: a second witness, beside the audit log.
//!
//! In: a quota that drifted and the snapshot. Out: the request that made it what it is, who asked, and how the request of
//! an event ended. It never decides alone: the judge holds it against the log.
//!
//! Source: <https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_RequestedServiceQuotaChange.html>

use super::catalogue::{Catalogue, Stage};
use super::event::Event;
use super::field::{text_at, time_at};
use super::matching::alike;
use super::term::json_or_text;
use crate::compare::{Aspect, Drift};
use crate::estate::{GLOBAL, Kind, Observation, QuotaRequest, RegionFacts, Snapshot};

/// How far apart the log's and the history's time of one request may be, in seconds.
const SKEW: i64 = 120;

/// The requests for the quota that drifted, as far as they were read.
pub(super) struct Requests<'a> {
    rows: Vec<&'a QuotaRequest>,
    decisive: Option<&'a QuotaRequest>,
    /// The provider was told to raise quotas by itself.
    pub(super) automatic: bool,
}

impl<'a> Requests<'a> {
    /// The requests for the quota of this difference; none for differences of another kind.
    pub(super) fn of(drift: &Drift, snapshot: &'a Snapshot) -> Self {
        let mut found = Self { rows: Vec::new(), decisive: None, automatic: false };
        let facts = drift.scope.account.as_ref().and_then(|account| snapshot.accounts.get(account));
        let (Kind::Quota, Some(facts)) = (drift.kind, facts) else { return found };
        let region = drift.scope.region.as_deref().unwrap_or(GLOBAL);
        // A global quota is asked for in the region where the provider keeps it.
        let places: Vec<&RegionFacts> = facts
            .regions
            .iter()
            .filter(|(name, _)| region == GLOBAL || *name == region)
            .map(|(_, facts)| facts)
            .collect();
        let wanted = |key: &str| drift.event_subject.get(key);
        // It holds for the whole account, and is kept under its global facts.
        found.automatic = facts
            .regions
            .values()
            .any(|facts| matches!(&facts.quota_auto_management, Some(Observation::Known(state)) if state == "adjust"));
        found.rows = places
            .into_iter()
            .filter_map(|facts| facts.quota_requests.as_ref()?.known())
            .flatten()
            .filter(|row| {
                wanted("service").is_none_or(|service| *service == row.quota.service)
                    && wanted("code").is_none_or(|code| *code == row.quota.code)
                    && wanted("resource") == row.resource.as_ref()
            })
            .collect();
        found.rows.sort_by(|a, b| (b.created, &b.id).cmp(&(a.created, &a.id)));
        found.decisive = found.decide(drift);
        found
    }

    fn decide(&self, drift: &Drift) -> Option<&'a QuotaRequest> {
        let stage = |row: &QuotaRequest| Catalogue::shipped().stage(&row.status);
        match drift.aspect {
            Aspect::Value => {
                let present = json_or_text(drift.event_effect.get("value")?);
                let last = self.rows.iter().find(|row| stage(row) == Stage::Granted)?;
                alike(&serde_json::Value::from(last.value), &present).then_some(*last)
            }
            Aspect::Request => match drift.event_subject.get("request") {
                Some(id) => self.rows.iter().find(|row| row.id == *id).copied(),
                None => self.rows.iter().find(|row| stage(row) == Stage::Waiting).copied(),
            },
            _ => None,
        }
    }

    /// The request that made the state what it is: the last one granted, if it asked for just that; or the open one.
    pub(super) fn decisive(&self) -> Option<&'a QuotaRequest> {
        self.decisive
    }

    /// The history's row of the request that an event made: by its id, else by its time.
    pub(super) fn row(&self, event: &Event) -> Option<&'a QuotaRequest> {
        match text_at(&event.response, "requestedQuota.id") {
            Some(id) => self.rows.iter().find(|row| row.id == id).copied(),
            None => {
                let made = time_at(&event.response, "requestedQuota.created").unwrap_or(event.time);
                let near = |row: &&&QuotaRequest| {
                    row.created.is_some_and(|created| (created.as_second() - made.as_second()).abs() <= SKEW)
                };
                let mut near = self.rows.iter().filter(near);
                // Two that are as near tell nothing.
                near.next().filter(|_| near.next().is_none()).copied()
            }
        }
    }

    /// How the request that an event made ended, if the history knows.
    pub(super) fn stage(&self, event: &Event) -> Option<Stage> {
        self.row(event).map(|row| Catalogue::shipped().stage(&row.status))
    }
}

/// Whether a request came after an event, clocks considered.
pub(super) fn is_after(row: &QuotaRequest, event: &Event) -> bool {
    row.created.is_some_and(|created| created.as_second() > event.time.as_second() + SKEW)
}
