//! Looking around: what there is to read, and which calls the baseline makes worthwhile.
//!
//! In: a baseline, and how far the user narrows the run. Out: a [`Survey`]: the organisation, its regions, and every
//! further read as a task, with what they cost. It never plans a call that no rule of the baseline needs, nor one twice.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, StreamExt};

use super::tasks::Task;
use super::wanted::{Narrowing, Polled, Wanted};
use super::{AccessRoles, Aws, tags};
use crate::baseline::Baseline;
use crate::estate::{AccountFacts, CoverageStatus, Gap, Observation, Organization, Provider, Scope};
use crate::provider::Estimate;
use crate::provider::limits::Calls;

const ASSUME_ROLE: &str = "sts:AssumeRole";

/// What is known before the reads inside accounts begin, and those reads.
#[derive(Debug)]
pub struct Survey {
    pub(super) organization: Observation<Organization>,
    chosen: BTreeSet<String>,
    /// Words of the command line that mean no account.
    meaningless: Vec<String>,
    pub(super) accounts: BTreeMap<String, AccountFacts>,
    pub(super) definitions: Vec<Task>,
    pub(super) tasks: Vec<Task>,
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
}

impl SurveyError {
    /// Whether other arguments help, and not another environment.
    #[must_use]
    pub const fn is_bad_argument(&self) -> bool {
        match self {
            Self::NoSuchAccount(_) | Self::NoSuchRegion(_) | Self::NoRegions => true,
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
        let mut survey = Survey {
            organization: organization.clone(),
            chosen: wanted.chosen(),
            meaningless: wanted.meaningless(),
            accounts: BTreeMap::new(),
            definitions: vec![],
            tasks: vec![],
        };
        let polled = self.polled(&wanted);
        if wanted.regional() {
            self.progress.plan(polled.len() as u64);
            let central = organization.known().is_some();
            let statuses: Vec<_> = stream::iter(&polled)
                .map(|account| async move { (account, self.region_status(account.id(), central).await) })
                .buffer_unordered(self.concurrency)
                .collect()
                .await;
            for (account, region_status) in statuses {
                survey.plan_account(self, &wanted, account, &region_status);
                let facts = AccountFacts { region_status, regions: BTreeMap::new() };
                survey.accounts.insert(account.id().to_owned(), facts);
            }
        }
        survey.plan_definitions();
        survey
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
        polled
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
        let statuses = self.accounts.values().filter_map(|facts| facts.region_status.known());
        let known: BTreeSet<&String> = statuses.flat_map(BTreeMap::keys).collect();
        let unknown: Vec<String> = narrowing.regions.iter().filter(|region| !known.contains(region)).cloned().collect();
        if known.is_empty() || unknown.is_empty() { Ok(()) } else { Err(SurveyError::NoSuchRegion(named(&unknown))) }
    }

    /// The accounts inside which something is read.
    #[must_use]
    pub fn polled(&self) -> usize {
        let tasks = self.tasks.iter().map(Task::account);
        tasks.chain(self.accounts.keys().map(String::as_str)).collect::<BTreeSet<_>>().len()
    }

    /// The accounts of the estate that the command line does not leave out, whatever the baseline says of them.
    #[must_use]
    pub const fn chosen(&self) -> &BTreeSet<String> {
        &self.chosen
    }

    /// What the run costs: the calls that were made to find out, the planned reads, and the roles these need.
    #[must_use]
    pub fn estimate(&self, aws: &Aws) -> Estimate {
        let made = aws.wire.made();
        let roles =
            Calls::from([((ASSUME_ROLE.to_owned(), aws.identity.account.clone(), String::new()), self.roles(aws))]);
        // Each of these begins when the one before has ended.
        let stages = [made, roles, planned(&self.definitions), planned(&self.tasks)];
        let mut calls: BTreeMap<String, u64> = BTreeMap::new();
        for ((operation, _, _), count) in stages.iter().flatten().filter(|(_, count)| **count > 0) {
            *calls.entry(operation.clone()).or_default() += count;
        }
        let limits = aws.wire.limits();
        Estimate {
            calls,
            time: stages.iter().map(|stage| limits.least_time(stage)).sum(),
            spent: limits.least_time(&stages[0]),
        }
    }

    /// How many roles are still to be taken.
    fn roles(&self, aws: &Aws) -> u64 {
        let tasks = self.definitions.iter().chain(&self.tasks);
        let accounts: BTreeSet<&str> = tasks.map(Task::account).collect();
        accounts.into_iter().filter(|account| *account != aws.identity.account && !aws.has_session(account)).count()
            as u64
    }

    fn plan_account(
        &mut self,
        aws: &Aws,
        wanted: &Wanted<'_>,
        account: &Polled,
        regions: &Observation<BTreeMap<String, String>>,
    ) {
        let regions = match regions {
            Observation::Known(regions) => regions,
            Observation::Absent => return,
            Observation::Unknown(gap) => {
                // The reads that asked for them are in the coverage already, with how they failed.
                let reason = format!("its regions are unknown: {}", gap.reason);
                let gap = Gap { status: CoverageStatus::Skipped, reason };
                aws.note_gap(Scope::account(Provider::Aws, account.id()), "reads in each region", &gap);
                return;
            }
        };
        let id = || account.id().to_owned();
        if wanted.auto_management() {
            self.tasks.push(Task::AutoManagement { account: id() });
        }
        for (region, status) in regions.iter().filter(|(region, _)| wanted.region(region)) {
            if matches!(status.as_str(), "ENABLING" | "DISABLING") {
                let gap = Gap { status: CoverageStatus::Skipped, reason: format!("the region is {status}") };
                aws.note_gap(aws.scope(account.id(), region), "reads in the region", &gap);
            }
        }
        let on = regions.iter().filter(|(_, status)| matches!(status.as_str(), "ENABLED" | "ENABLED_BY_DEFAULT"));
        for (region, _) in on {
            if !wanted.region(region) {
                continue;
            }
            let name = || region.clone();
            let services = wanted.services(account, region, region == &aws.home);
            if wanted.requests() || (aws.asks_history() && !services.is_empty()) {
                self.tasks.push(Task::Requests { account: id(), region: name() });
            }
            for service in services {
                let resources = wanted.resource_level(service);
                self.tasks.push(Task::Quotas { account: id(), region: name(), service: service.to_owned(), resources });
            }
            for index in wanted.settings(account, region) {
                self.tasks.push(Task::Setting { account: id(), region: name(), index });
            }
            if wanted.zone_groups(account, region) {
                self.tasks.push(Task::ZoneGroups { account: id(), region: name() });
            }
            if wanted.trails(account, region) {
                self.tasks.push(Task::Trails { account: id(), region: name() });
            }
            if wanted.stores(account) {
                self.tasks.push(Task::Stores { account: id(), region: name() });
            }
        }
    }

    /// Defaults once for each region and service, from an account in which the region is on.
    fn plan_definitions(&mut self) {
        let mut wanted: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
        for task in &self.tasks {
            if let Task::Quotas { account, region, service, .. } = task {
                wanted.entry((region.clone(), service.clone())).or_default().insert(account.clone());
            }
        }
        self.definitions = wanted
            .into_iter()
            .map(|((region, service), accounts)| Task::Definitions {
                accounts: accounts.into_iter().collect(),
                region,
                service,
            })
            .collect();
    }
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
