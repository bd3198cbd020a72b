//! Looking around: what there is to read, and which calls the baseline makes worthwhile.
//!
//! In: a baseline, and how far the user narrows the run. Out: a [`Survey`]: the organisation and its accounts; for each of
//! these, once its regions are known, every further read as a task; what they cost. It never plans a call that no rule of the baseline needs, nor one twice.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, StreamExt};

use super::regions::Statuses;
use super::tasks::Task;
use super::wanted::{Narrowing, Polled, Wanted};
use super::{AccessRoles, Aws, tags};
use crate::baseline::Baseline;
use crate::estate::{CoverageStatus, Gap, NOT_OPTED_IN, Observation, Organization, Provider, Scope};
use crate::provider::Estimate;
use crate::provider::limits::Calls;

const ASSUME_ROLE: &str = "sts:AssumeRole";

/// What is known before the reads inside accounts begin.
#[derive(Debug)]
pub struct Survey {
    pub(super) organization: Observation<Organization>,
    chosen: BTreeSet<String>,
    /// Words of the command line that mean no account.
    meaningless: Vec<String>,
    /// The accounts whose inside is read, by their ids.
    pub(super) polled: Vec<Polled>,
    /// The regions of those that were asked for them already.
    pub(super) statuses: BTreeMap<String, Observation<Statuses>>,
}

/// Why reading cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum SurveyError {
    /// The environment lacks the external id.
    #[error(
        "the baseline takes the external id from `{0}`, which is not set; set it, or leave out `access.external_id_env`"
    )]
    NoExternalId(String),
    /// The command line leaves no account in.
    #[error(
        "no account of the estate is meant by {0}; give an id or a declared name, or the path of a unit from the root, such as `/Workloads/Prod`"
    )]
    NoSuchAccount(String),
    /// The command line leaves no region in.
    #[error("no account has a region that is called {0}; give names such as `eu-west-1`")]
    NoSuchRegion(String),
    /// The command line asks for kinds that have no region, and for a region.
    #[error(
        "links and policies belong to no region, so that `--region` leaves nothing of them; leave out one of the two"
    )]
    NoRegions,
    /// The command line asks for policies alone, and for an account.
    #[error(
        "policies belong to the organisation, so that `--account` and `--ou` leave nothing of them; leave these out"
    )]
    NoAccounts,
}

impl SurveyError {
    /// Whether other arguments help, and not another environment.
    #[must_use]
    pub const fn is_bad_argument(&self) -> bool {
        match self {
            Self::NoSuchAccount(_) | Self::NoSuchRegion(_) | Self::NoRegions | Self::NoAccounts => true,
            Self::NoExternalId(_) => false,
        }
    }
}

impl Aws {
    /// Reads the organisation and the regions, and plans the rest.
    ///
    /// # Errors
    /// When the environment lacks what the baseline names. A recording of such a run is taken back.
    pub async fn survey(&mut self, baseline: &Baseline, narrowing: &Narrowing) -> Result<Survey, SurveyError> {
        let survey = self.checked_survey(baseline, narrowing).await;
        if let (Err(_), Some(recorder)) = (&survey, self.wire.recorder()) {
            recorder.abandon();
        }
        survey
    }

    async fn checked_survey(&mut self, baseline: &Baseline, narrowing: &Narrowing) -> Result<Survey, SurveyError> {
        narrowing.check()?;
        self.roles = self.access(baseline)?;
        let survey = self.look_around(baseline, narrowing).await;
        survey.check(narrowing)?;
        Ok(survey)
    }

    async fn look_around(&self, baseline: &Baseline, narrowing: &Narrowing) -> Survey {
        let nothing = crate::baseline::model::Aws::default();
        let aws = baseline.model.aws.as_ref().unwrap_or(&nothing);
        let mut organization = self.read_organization(aws.quota_template.is_some() && narrowing.kind("quota")).await;
        let untagged = Wanted::new(aws, &organization, &self.identity, narrowing).untagged(tags::asked_for(baseline));
        if let Observation::Known(organization) = &mut organization {
            self.read_tags(organization, untagged).await;
        }
        let wanted = Wanted::new(aws, &organization, &self.identity, narrowing);
        for (section, reason) in wanted.left_out() {
            let gap = Gap { status: CoverageStatus::Skipped, reason: reason.to_owned() };
            self.note_gap(
                Scope::account(Provider::Aws, &self.identity.account),
                &format!("baseline `{section}`"),
                &gap,
            );
        }
        let mut polled = self.polled(&wanted);
        polled.sort_by(|a, b| a.id().cmp(b.id()));
        let mut survey = Survey {
            chosen: wanted.chosen(),
            meaningless: wanted.meaningless(),
            polled,
            statuses: BTreeMap::new(),
            organization,
        };
        // A name that is no region's is a mistake that has to be said before anything is read.
        if !narrowing.regions.is_empty() {
            survey.statuses = self.statuses(&survey).await;
        }
        survey
    }

    /// The regions of every account.
    async fn statuses(&self, survey: &Survey) -> BTreeMap<String, Observation<Statuses>> {
        let (known, asked): (Vec<_>, Vec<_>) =
            survey.polled.iter().map(Polled::id).partition(|account| survey.statuses.contains_key(*account));
        self.progress.plan(asked.len() as u64);
        let central = survey.is_organization();
        let asked = stream::iter(asked)
            .map(|account| async move { (account.to_owned(), self.region_status(account, central).await) })
            .buffer_unordered(self.concurrency);
        let known = known.into_iter().filter_map(|account| survey.statuses.get_key_value(account));
        known
            .map(|(account, statuses)| (account.clone(), statuses.clone()))
            .chain(asked.collect::<Vec<_>>().await)
            .collect()
    }

    /// What a run costs: the calls that were made to find out, the planned reads, and the roles these need. The regions are
    /// asked for, so that the reads are known.
    pub async fn estimate(&self, survey: &Survey, baseline: &Baseline, narrowing: &Narrowing) -> Estimate {
        let statuses = self.statuses(survey).await;
        let nothing = crate::baseline::model::Aws::default();
        let wanted = Wanted::new(
            baseline.model.aws.as_ref().unwrap_or(&nothing),
            &survey.organization,
            &self.identity,
            narrowing,
        );
        let polled = survey.polled.iter().filter_map(|account| Some((account, statuses.get(account.id())?)));
        let tasks: Vec<Task> = polled.flat_map(|(account, regions)| self.inside(&wanted, account, regions)).collect();
        let definitions = definitions(&tasks);
        let made = self.wire.made();
        let role = (ASSUME_ROLE.to_owned(), self.identity.account.clone(), String::new());
        let roles = Calls::from([(role, self.roles(definitions.iter().chain(&tasks)))]);
        let (mut calls, mut all) = (BTreeMap::<String, u64>::new(), Calls::new());
        let parts = [made.clone(), roles, planned(&definitions), planned(&tasks)];
        for (place, count) in parts.into_iter().flatten().filter(|(_, count)| *count > 0) {
            *calls.entry(place.0.clone()).or_default() += count;
            *all.entry(place).or_default() += count;
        }
        // The reads in an account begin as soon as its regions are known: no part has to wait for all of another.
        let limits = self.wire.limits();
        Estimate { calls, time: limits.least_time(&all), spent: limits.least_time(&made) }
    }

    /// How many roles are still to be taken.
    fn roles<'t>(&self, tasks: impl Iterator<Item = &'t Task>) -> u64 {
        let accounts: BTreeSet<&str> = tasks.map(Task::account).collect();
        accounts.into_iter().filter(|account| *account != self.identity.account && !self.has_session(account)).count()
            as u64
    }

    pub(super) fn access(&self, baseline: &Baseline) -> Result<AccessRoles, SurveyError> {
        let Some(aws) = &baseline.model.aws else { return Ok(AccessRoles::default()) };
        let Some(access) = &aws.access else { return Ok(AccessRoles::default()) };
        let external_id = match &access.external_id_env {
            Some(_) if self.is_replay() => None,
            Some(name) => Some(std::env::var(name).map_err(|_| SurveyError::NoExternalId(name.clone()))?),
            None => None,
        };
        let names = |roles: &Option<crate::baseline::model::Patterns>| {
            roles.as_ref().map_or_else(Vec::new, |roles| roles.0.clone())
        };
        Ok(AccessRoles {
            management_account: aws.management_account.clone(),
            management: names(&access.management_role),
            member: names(&access.member_role),
            external_id,
        })
    }

    /// The accounts whose inside is read; the others are named in the coverage.
    fn polled(&self, wanted: &Wanted<'_>) -> Vec<Polled> {
        let (polled, skipped) = wanted.accounts();
        for (account, gap) in skipped {
            self.note_gap(Scope::account(Provider::Aws, account), "account", &gap);
        }
        if wanted.regional() { polled } else { Vec::new() }
    }

    /// The reads in an account with these regions.
    pub(super) fn inside(&self, wanted: &Wanted<'_>, account: &Polled, regions: &Observation<Statuses>) -> Vec<Task> {
        let mut tasks = Vec::new();
        let regions = match regions {
            Observation::Known(regions) => regions,
            Observation::Absent => return tasks,
            Observation::Unknown(gap) => {
                // The reads that asked for them are in the coverage already, with how they failed.
                let reason = format!("its regions are unknown: {}", gap.reason);
                let gap = Gap { status: CoverageStatus::Skipped, reason };
                self.note_gap(Scope::account(Provider::Aws, account.id()), "reads in each region", &gap);
                return tasks;
            }
        };
        let id = || account.id().to_owned();
        if wanted.auto_management() {
            tasks.push(Task::AutoManagement { account: id() });
        }
        for (region, status) in regions.iter().filter(|(region, _)| wanted.region(region)) {
            // On its way, or in a state that AWS added since: what is in it is not known.
            if !matches!(status.as_str(), "ENABLED" | "ENABLED_BY_DEFAULT" | "DISABLED" | NOT_OPTED_IN) {
                let gap = Gap { status: CoverageStatus::Failed, reason: format!("the region is {status}") };
                self.note_gap(self.scope(account.id(), region), "reads in the region", &gap);
            }
        }
        let on = regions.iter().filter(|(_, status)| matches!(status.as_str(), "ENABLED" | "ENABLED_BY_DEFAULT"));
        for (region, _) in on {
            if !wanted.region(region) {
                continue;
            }
            let name = || region.clone();
            let services = wanted.services(account, region, region == &self.home);
            if wanted.requests() || (self.asks_history() && !services.is_empty()) {
                tasks.push(Task::Requests { account: id(), region: name() });
            }
            for service in services {
                let resources = wanted.resource_level(service);
                tasks.push(Task::Quotas { account: id(), region: name(), service: service.to_owned(), resources });
            }
            for index in wanted.settings(account, region) {
                tasks.push(Task::Setting { account: id(), region: name(), index });
            }
            if wanted.zone_groups(account, region) {
                tasks.push(Task::ZoneGroups { account: id(), region: name() });
            }
            if wanted.trails(account, region) {
                tasks.push(Task::Trails { account: id(), region: name() });
            }
            if wanted.stores(account) {
                tasks.push(Task::Stores { account: id(), region: name() });
            }
        }
        tasks
    }
}

impl Survey {
    /// A narrowing that means nothing is a mistake, and would pass for an estate without drift. Where the accounts could not
    /// be listed nobody can tell.
    fn check(&self, narrowing: &Narrowing) -> Result<(), SurveyError> {
        let named = |words: &[String]| words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        let listed = match &self.organization {
            Observation::Known(organization) => organization.accounts.known().is_some(),
            Observation::Absent => true,
            Observation::Unknown(_) => false,
        };
        if listed && !self.meaningless.is_empty() {
            return Err(SurveyError::NoSuchAccount(named(&self.meaningless)));
        }
        let words = [narrowing.accounts.as_slice(), &narrowing.units].concat();
        if listed && self.chosen.is_empty() && !words.is_empty() {
            return Err(SurveyError::NoSuchAccount(format!("{} together", named(&words))));
        }
        let statuses = self.statuses.values().filter_map(Observation::known);
        let known: BTreeSet<&String> = statuses.flat_map(BTreeMap::keys).collect();
        let unknown: Vec<String> = narrowing.regions.iter().filter(|region| !known.contains(region)).cloned().collect();
        if known.is_empty() || unknown.is_empty() { Ok(()) } else { Err(SurveyError::NoSuchRegion(named(&unknown))) }
    }

    /// The accounts inside which something is read.
    #[must_use]
    pub const fn polled(&self) -> usize {
        self.polled.len()
    }

    /// Whether accounts can be asked about from one of them.
    pub(super) fn is_organization(&self) -> bool {
        self.organization.known().is_some()
    }

    /// The management account, where there is an organisation that could be read.
    #[must_use]
    pub fn management_account(&self) -> Option<&str> {
        self.organization.known().map(|organization| organization.management_account.as_str())
    }

    /// The accounts of the estate that the command line does not leave out, whatever the baseline says of them.
    #[must_use]
    pub const fn chosen(&self) -> &BTreeSet<String> {
        &self.chosen
    }
}

/// Defaults once for each region and service, from the first account in which the region is on.
fn definitions(tasks: &[Task]) -> Vec<Task> {
    let mut first: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for task in tasks {
        if let Task::Quotas { account, region, service, .. } = task {
            first.entry((region, service)).or_insert(account);
        }
    }
    let definitions = first.into_iter().map(|((region, service), account)| Task::Definitions {
        account: account.to_owned(),
        region: region.to_owned(),
        service: service.to_owned(),
    });
    definitions.collect()
}

/// One call for each planned read; further pages cannot be known.
fn planned(tasks: &[Task]) -> Calls {
    let mut calls = Calls::new();
    for task in tasks {
        for source in task.sources() {
            let operation = source.split(' ').next().unwrap_or(&source).to_owned();
            *calls.entry((operation, task.account().to_owned(), task.region().to_owned())).or_default() += 1;
        }
    }
    calls
}
