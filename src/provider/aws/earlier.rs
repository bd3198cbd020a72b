//! What an earlier run read, in place of a read of this one.
//!
//! In: an earlier snapshot, and how old its reads may be. Out: the facts of single tasks, each noted with the time at which
//! it was read. It never lets an unknown stand in for a read, and never a quota that somebody asked to change since.

use std::collections::{BTreeMap, HashMap};

use jiff::{SignedDuration, Timestamp};

use super::quotas::Applied;
use super::regions::SOURCES;
use super::settings::SETTINGS;
use super::tasks::{Fact, Task};
use super::{Aws, Scope};
use crate::estate::{
    AppliedQuota, CoverageStatus, GLOBAL, Gap, Observation, Provider, QuotaDefinition, QuotaRequest, RegionFacts,
    Snapshot, Trail,
};

/// A request may have changed its quota so long before its own record says that it was updated.
const LAG: SignedDuration = SignedDuration::from_hours(1);

/// Which reads of an earlier run may stand in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// All that were made inside accounts: the earlier run was cut short, and this one goes on with it.
    GoOn,
    /// Those of applied quotas, where the history of requests names none of the service since.
    UnchangedQuotas,
}

/// An earlier run.
#[derive(Debug)]
pub struct Earlier {
    snapshot: Snapshot,
    times: HashMap<Scope, BTreeMap<String, Timestamp>>,
    reuse: Reuse,
    /// Reads before this are made again.
    oldest: Timestamp,
}

/// Why an earlier snapshot is of no use.
#[derive(Debug, thiserror::Error)]
pub enum EarlierError {
    /// Another identity may see other things.
    #[error(
        "the snapshot was read from account `{theirs}` and this run reads from `{ours}`; give a snapshot of this account, or none"
    )]
    OtherAccount {
        /// Who reads now.
        ours: String,
        /// Who read then.
        theirs: String,
    },
    /// There is nothing to go on with: what is taken over would only be old.
    #[error(
        "the snapshot is of a run that was not cancelled; take over what did not change since with `--since-snapshot`, or scan anew"
    )]
    Whole,
    /// It would be read again whole.
    #[error("the snapshot holds no read that is younger than `--max-age`; leave it out, or raise `--max-age`")]
    TooOld,
}

impl Earlier {
    /// An earlier run whose reads may be `max_age` old at `now`.
    #[must_use]
    pub fn new(mut snapshot: Snapshot, reuse: Reuse, max_age: SignedDuration, now: Timestamp) -> Self {
        let times = std::mem::take(&mut snapshot.read_times);
        let times = times.into_iter().map(|times| (times.scope, times.at)).collect();
        Self { snapshot, times, reuse, oldest: now.saturating_sub(max_age).unwrap_or(Timestamp::MIN) }
    }

    /// When a read was made, if it is young enough.
    fn read_at(&self, scope: &Scope, source: &str) -> Option<Timestamp> {
        self.times.get(scope)?.get(source).copied().filter(|at| *at >= self.oldest)
    }

    fn facts(&self, account: &str, region: &str) -> Option<&RegionFacts> {
        self.snapshot.accounts.get(account)?.regions.get(region)
    }

    /// What a task would read, if it was read whole. Applied quotas are those that differ from `definitions`.
    fn fact(&self, task: &Task, home: &str) -> Option<Fact> {
        let facts = || self.facts(task.account(), task.region());
        let fact = match task {
            Task::Definitions { region, service, .. } => {
                Fact::Definitions(Observation::Known(self.definitions(region, service, region == home)?))
            }
            Task::Quotas { service, .. } => {
                let rows = self.applied(task, service, home)?;
                Fact::Quotas(Observation::Known(rows))
            }
            Task::ZoneGroups { .. } => Fact::ZoneGroups(whole(facts()?.zone_groups.as_ref())?),
            Task::Requests { .. } => Fact::Requests(whole(facts()?.quota_requests.as_ref())?),
            Task::AutoManagement { .. } => Fact::AutoManagement(whole(facts()?.quota_auto_management.as_ref())?),
            Task::Setting { index, .. } => Fact::Setting(whole(facts()?.settings.get(SETTINGS[*index].name))?),
            Task::Trails { .. } => {
                let trails = whole(facts()?.trails.as_ref())?;
                let whole = trails.known().is_none_or(|trails| trails.iter().all(is_whole));
                Fact::Trails(whole.then_some(trails)?)
            }
            Task::Stores { .. } => Fact::Stores(whole(facts()?.event_data_stores.as_ref())?),
        };
        Some(fact)
    }

    fn definitions(&self, region: &str, service: &str, home: bool) -> Option<BTreeMap<String, QuotaDefinition>> {
        let of = |region: &str| self.snapshot.quota_definitions.get(region)?.get(service)?.known().cloned();
        let mut codes = of(region)?;
        if home {
            codes.extend(of(GLOBAL)?);
        }
        Some(codes)
    }

    fn applied(&self, task: &Task, service: &str, home: &str) -> Option<Vec<Applied>> {
        let rows = |region: &str, global: bool| {
            let rows = self.facts(task.account(), region)?.quotas.get(service)?.known()?;
            let known = |row: &AppliedQuota| row.value.known().is_some();
            let applied = |row: &AppliedQuota| Applied { quota: row.clone(), global };
            rows.iter().all(known).then(|| rows.iter().map(applied).collect::<Vec<_>>())
        };
        let mut applied = rows(task.region(), false)?;
        if task.region() == home {
            applied.extend(rows(GLOBAL, true)?);
        }
        Some(applied)
    }
}

/// An observation that is not unknown.
fn whole<T: Clone>(observed: Option<&Observation<T>>) -> Option<Observation<T>> {
    observed.filter(|observed| observed.gap().is_none()).cloned()
}

fn is_whole(trail: &Trail) -> bool {
    let Trail { logging, delivery_error, management_events, excluded_sources, .. } = trail;
    let gaps = [logging.gap(), delivery_error.gap(), management_events.gap(), excluded_sources.gap()];
    gaps.iter().all(Option::is_none)
}

impl Aws {
    /// Lets reads of an earlier run stand in for some of this one.
    ///
    /// # Errors
    /// When the earlier run read as somebody else, has nothing left to go on with, or all of it is too old.
    pub fn take_over(&mut self, earlier: Earlier) -> Result<(), EarlierError> {
        let (ours, theirs) = (&self.identity, &earlier.snapshot);
        if (&ours.account, &ours.partition) != (&theirs.caller_account, &theirs.partition) {
            let (ours, theirs) = (ours.account.clone(), theirs.caller_account.clone());
            return Err(EarlierError::OtherAccount { ours, theirs });
        }
        if earlier.reuse == Reuse::GoOn && !earlier.snapshot.cancelled {
            return Err(EarlierError::Whole);
        }
        let young = |at: &Timestamp| *at >= earlier.oldest;
        if !earlier.times.values().flat_map(BTreeMap::values).any(young) {
            return Err(EarlierError::TooOld);
        }
        self.earlier = Some(earlier);
        Ok(())
    }

    /// Whether the history of quota requests decides which quotas are read.
    pub(super) fn asks_history(&self) -> bool {
        self.earlier.as_ref().is_some_and(|earlier| earlier.reuse == Reuse::UnchangedQuotas)
    }

    /// The regions of an account, from an earlier run.
    pub(super) fn regions_of_earlier(&self, account: &str) -> Option<Observation<BTreeMap<String, String>>> {
        let earlier = self.earlier.as_ref().filter(|earlier| earlier.reuse == Reuse::GoOn)?;
        let scope = Scope::account(Provider::Aws, account);
        let (source, at) = SOURCES.iter().find_map(|source| Some((*source, earlier.read_at(&scope, source)?)))?;
        let regions = whole(earlier.snapshot.accounts.get(account).map(|facts| &facts.region_status))?;
        self.note_carried(scope, source, at);
        Some(regions)
    }

    /// The defaults of a service in a region, from an earlier run that this one goes on with; whoever it asked.
    pub(super) fn defaults_of_earlier<'p>(
        &self,
        accounts: impl Iterator<Item = &'p str>,
        (region, service): (&str, &str),
        snapshot: &Snapshot,
    ) -> Option<(Task, Fact)> {
        self.earlier.as_ref().filter(|earlier| earlier.reuse == Reuse::GoOn)?;
        let task = |account: &str| Task::Definitions {
            account: account.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
        };
        accounts.map(task).find_map(|task| self.taken_over(&task, snapshot).map(|fact| (task, fact)))
    }

    /// What a task would read, from an earlier run, as far as `snapshot` shows that it still stands.
    pub(super) fn taken_over(&self, task: &Task, snapshot: &Snapshot) -> Option<Fact> {
        let earlier = self.earlier.as_ref()?;
        let sources = task.sources();
        let (scope, _) = self.place(task);
        let at = sources.iter().map(|source| earlier.read_at(&scope, source)).min().flatten()?;
        let stands = match (task, earlier.reuse) {
            // A rule may ask for resources now that were not asked for then.
            (Task::Quotas { resources: true, .. }, _) => false,
            (Task::Quotas { account, region, service, .. }, reuse) => {
                let unchanged = || quiet(requests(snapshot, account, region), service, at);
                self.same_defaults(earlier, snapshot, region, service) && (reuse == Reuse::GoOn || unchanged())
            }
            (_, reuse) => reuse == Reuse::GoOn,
        };
        let fact = stands.then(|| earlier.fact(task, &self.home)).flatten()?;
        for source in sources {
            self.note_carried(scope.clone(), &source, at);
        }
        Some(fact)
    }

    /// A service that had no quotas in a region when it was asked, and still has no defaults there, is not asked again.
    pub(super) fn never_offered(&self, task: &Task, snapshot: &Snapshot) -> Option<Fact> {
        let Task::Quotas { account, region, service, .. } = task else { return None };
        let unsupported = |gap: &&Gap| gap.status == CoverageStatus::Unsupported;
        let then = self.earlier.as_ref()?.facts(account, region)?.quotas.get(service)?.gap().filter(unsupported)?;
        snapshot.quota_definitions.get(region)?.get(service)?.gap().filter(unsupported)?;
        Some(self.given_up(task, then))
    }

    /// Values that equal their default are not kept: they are known only as long as the default is the same.
    fn same_defaults(&self, earlier: &Earlier, snapshot: &Snapshot, region: &str, service: &str) -> bool {
        let known = |of: &Snapshot, region: &str| {
            of.quota_definitions.get(region).and_then(|services| services.get(service)?.known().cloned())
        };
        let same = |region: &str| {
            let then = known(&earlier.snapshot, region);
            then.is_some() && then == known(snapshot, region)
        };
        same(region) && (region != self.home || same(GLOBAL))
    }

    fn note_carried(&self, scope: Scope, source: &str, at: Timestamp) {
        self.ledger().carried(scope, source, at);
    }
}

fn requests<'a>(snapshot: &'a Snapshot, account: &str, region: &str) -> Option<&'a Vec<QuotaRequest>> {
    snapshot.accounts.get(account)?.regions.get(region)?.quota_requests.as_ref()?.known()
}

/// Whether nobody asked to change a quota of the service since `at`. A history that is not known tells nothing.
fn quiet(requests: Option<&Vec<QuotaRequest>>, service: &str, at: Timestamp) -> bool {
    let since = at.saturating_sub(LAG).unwrap_or(Timestamp::MIN);
    let settled = |request: &QuotaRequest| {
        let last = request.updated.max(request.created);
        request.quota.service != service || (request.is_answered() && last.is_some_and(|last| last < since))
    };
    requests.is_some_and(|requests| requests.iter().all(settled))
}
