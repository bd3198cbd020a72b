//! The reading plan: which calls the baseline makes worthwhile, and making them.
//!
//! In: a baseline, and how far the user narrows the run. Out: first a [`Survey`] (the organisation, its regions, and every
//! further read as a task), then the snapshot. It never makes a call that no rule of the baseline needs, nor one twice.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_servicequotas::types::AppliedLevelEnum;
use futures::stream::{self, StreamExt};

use super::pages::Reader;
use super::quotas::{self, Applied};
use super::settings::SETTINGS;
use super::wanted::{Narrowing, Polled, Wanted};
use super::{AccessRoles, Aws, client, tags, trails};
use crate::baseline::Baseline;
use crate::estate::{
    AccountFacts, AppliedQuota, CoverageStatus, EventDataStore, GLOBAL, Gap, Observation, Organization, Provider,
    QuotaDefinition, QuotaRequest, RegionFacts, SNAPSHOT_SCHEMA, Scope, Setting, Snapshot, Trail,
};
use crate::provider::Estimate;

/// What is known before the reads inside accounts begin, and those reads.
#[derive(Debug)]
pub struct Survey {
    organization: Observation<Organization>,
    chosen: BTreeSet<String>,
    accounts: BTreeMap<String, AccountFacts>,
    definitions: Vec<Task>,
    tasks: Vec<Task>,
}

/// One read, or a few that belong together, in one account and region.
#[derive(Clone, Debug)]
pub(super) enum Task {
    ZoneGroups {
        account: String,
        region: String,
    },
    /// Asked of the first of `accounts` whose role is given.
    Definitions {
        accounts: Vec<String>,
        region: String,
        service: String,
    },
    Quotas {
        account: String,
        region: String,
        service: String,
        resources: bool,
    },
    Requests {
        account: String,
        region: String,
    },
    AutoManagement {
        account: String,
    },
    Setting {
        account: String,
        region: String,
        index: usize,
    },
    Trails {
        account: String,
        region: String,
    },
    Stores {
        account: String,
        region: String,
    },
}

/// What a task brought.
pub(super) enum Fact {
    ZoneGroups(Observation<BTreeMap<String, String>>),
    Definitions(Observation<BTreeMap<String, QuotaDefinition>>),
    Quotas(Observation<Vec<Applied>>),
    Requests(Observation<Vec<QuotaRequest>>),
    AutoManagement(Observation<String>),
    Setting(Observation<Setting>),
    Trails(Observation<Vec<Trail>>),
    Stores(Observation<Vec<EventDataStore>>),
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
    #[error("no account of the estate is meant by {0}; give an id or a declared name, or the path of a unit")]
    NoSuchAccount(String),
    /// The command line leaves no region in.
    #[error("no account has a region that is called {0}; give names such as `eu-west-1`")]
    NoSuchRegion(String),
}

impl SurveyError {
    /// Whether other arguments help, and not another environment.
    #[must_use]
    pub const fn is_bad_argument(&self) -> bool {
        match self {
            Self::NoSuchAccount(_) | Self::NoSuchRegion(_) => true,
            Self::NoExternalId(_) => false,
        }
    }
}

impl Aws {
    /// Reads the organisation and the regions, and plans the rest.
    ///
    /// # Errors
    /// When the environment lacks what the baseline names.
    pub async fn survey(&mut self, baseline: &Baseline, narrowing: &Narrowing) -> Result<Survey, SurveyError> {
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

    /// Makes every planned read.
    pub async fn read(&self, survey: Survey) -> Snapshot {
        self.progress.plan(survey.definitions.iter().chain(&survey.tasks).map(Task::calls).sum());
        let mut snapshot = Snapshot {
            schema: SNAPSHOT_SCHEMA.to_owned(),
            taken_at: self.clock,
            provider: Provider::Aws,
            partition: self.identity.partition.clone(),
            caller_account: self.identity.account.clone(),
            caller: self.identity.arn.clone(),
            organization: survey.organization,
            accounts: survey.accounts,
            quota_definitions: BTreeMap::new(),
            coverage: Vec::new(),
        };
        // Defaults first: an applied value that equals its default is not kept.
        for tasks in [survey.definitions, survey.tasks] {
            let mut facts = stream::iter(tasks).map(|task| self.perform(task)).buffer_unordered(self.concurrency);
            while let Some((task, fact)) = facts.next().await {
                self.merge(&mut snapshot, &task, fact);
            }
        }
        snapshot.coverage = self.coverage().rows();
        snapshot
    }

    fn access(&self, baseline: &Baseline) -> Result<AccessRoles, SurveyError> {
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

    pub(super) async fn perform(&self, task: Task) -> (Task, Fact) {
        let (account, region) = match &task {
            Task::Definitions { accounts, region, .. } => (self.first_open(accounts).await, region.clone()),
            Task::AutoManagement { account } => (account.clone(), self.home.clone()),
            other => (other.account().to_owned(), other.region().to_owned()),
        };
        let scope = self.scope(&account, &region);
        let fact = match self.session(&account).await {
            Ok(session) => {
                let reader = Reader::new(&self.coverage, &scope);
                self.ask(&task, &session, &region, &reader).await
            }
            Err(gap) => {
                for source in task.sources() {
                    self.note_gap(scope.clone(), &source, &gap);
                }
                task.unknown(gap)
            }
        };
        (task, fact)
    }

    async fn ask(&self, task: &Task, session: &aws_config::SdkConfig, region: &str, reader: &Reader<'_>) -> Fact {
        match task {
            Task::ZoneGroups { .. } => {
                Fact::ZoneGroups(reader.one("ec2:DescribeAvailabilityZones", self.zone_groups(session, region)).await)
            }
            Task::Definitions { service, .. } => {
                let client = self.quotas_client(session, region);
                Fact::Definitions(quotas::definitions(&client, reader, service).await)
            }
            Task::Quotas { service, resources, .. } => {
                let level = if *resources { AppliedLevelEnum::All } else { AppliedLevelEnum::Account };
                let client = self.quotas_client(session, region);
                Fact::Quotas(quotas::applied(&client, reader, service, level).await)
            }
            Task::Requests { .. } => {
                Fact::Requests(quotas::requests(&self.quotas_client(session, region), reader).await)
            }
            Task::AutoManagement { .. } => {
                let client = self.quotas_client(session, region);
                let asked = quotas::auto_management(&client);
                Fact::AutoManagement(reader.one("servicequotas:GetAutoManagementConfiguration", asked).await)
            }
            Task::Setting { index, .. } => {
                let client = client!(self, session, region, aws_sdk_ec2);
                let setting = &SETTINGS[*index];
                Fact::Setting(reader.one(setting.operation, (setting.ask)(&client)).await)
            }
            Task::Trails { .. } => {
                let client = client!(self, session, region, aws_sdk_cloudtrail);
                Fact::Trails(trails::trails(&client, reader).await)
            }
            Task::Stores { .. } => {
                let client = client!(self, session, region, aws_sdk_cloudtrail);
                Fact::Stores(trails::event_data_stores(&client, reader).await)
            }
        }
    }

    /// The first account whose role is given; the first of all when none is, to name its refusal.
    async fn first_open(&self, accounts: &[String]) -> String {
        for account in accounts {
            if self.session(account).await.is_ok() {
                return account.clone();
            }
        }
        accounts.first().cloned().unwrap_or_default()
    }

    pub(super) fn merge(&self, snapshot: &mut Snapshot, task: &Task, fact: Fact) {
        match (task, fact) {
            (Task::Definitions { region, service, .. }, Fact::Definitions(definitions)) => {
                self.merge_definitions(snapshot, region, service, definitions);
            }
            (Task::Quotas { account, region, service, .. }, Fact::Quotas(applied)) => {
                self.merge_quotas(snapshot, account, region, service, applied);
            }
            (Task::AutoManagement { account }, Fact::AutoManagement(state)) => {
                facts(snapshot, account, GLOBAL).quota_auto_management = Some(state);
            }
            (Task::Setting { account, region, index }, Fact::Setting(setting)) => {
                facts(snapshot, account, region).settings.insert(SETTINGS[*index].name.to_owned(), setting);
            }
            (Task::ZoneGroups { account, region }, Fact::ZoneGroups(groups)) => {
                facts(snapshot, account, region).zone_groups = Some(groups);
            }
            (Task::Requests { account, region }, Fact::Requests(requests)) => {
                facts(snapshot, account, region).quota_requests = Some(requests);
            }
            (Task::Trails { account, region }, Fact::Trails(trails)) => {
                facts(snapshot, account, region).trails = Some(trails);
            }
            (Task::Stores { account, region }, Fact::Stores(stores)) => {
                facts(snapshot, account, region).event_data_stores = Some(stores);
            }
            (task, _) => unreachable!("`{task:?}` brought a fact of another task"),
        }
    }

    /// A global quota is listed in every region; it is kept once, from where AWS keeps it.
    fn merge_definitions(
        &self,
        snapshot: &mut Snapshot,
        region: &str,
        service: &str,
        definitions: Observation<BTreeMap<String, QuotaDefinition>>,
    ) {
        let split = |global: bool| {
            definitions.clone().map(|codes| codes.into_iter().filter(|(_, code)| code.global == global).collect())
        };
        let mut put = |region: &str, codes| {
            snapshot.quota_definitions.entry(region.to_owned()).or_default().insert(service.to_owned(), codes);
        };
        put(region, split(false));
        if region == self.home {
            put(GLOBAL, split(true));
        }
    }

    fn merge_quotas(
        &self,
        snapshot: &mut Snapshot,
        account: &str,
        region: &str,
        service: &str,
        applied: Observation<Vec<Applied>>,
    ) {
        let split = |snapshot: &Snapshot, region: &str, global: bool| {
            let defaults = snapshot.quota_definitions.get(region).and_then(|services| services.get(service));
            let defaults = defaults.and_then(Observation::known);
            let is_default = |row: &AppliedQuota| {
                let default = defaults.and_then(|codes| codes.get(&row.code)).map(|code| &code.default);
                row.resource.is_none() && row.value.known().is_some() && default == Some(&row.value)
            };
            match &applied {
                Observation::Known(rows) => {
                    let rows = rows.iter().filter(|row| row.global == global && !is_default(&row.quota));
                    Observation::Known(rows.map(|row| row.quota.clone()).collect::<Vec<_>>())
                }
                Observation::Absent => Observation::Absent,
                Observation::Unknown(gap) => Observation::Unknown(gap.clone()),
            }
        };
        let regional = split(snapshot, region, false);
        facts(snapshot, account, region).quotas.insert(service.to_owned(), regional);
        if region == self.home {
            let global = split(snapshot, GLOBAL, true);
            facts(snapshot, account, GLOBAL).quotas.insert(service.to_owned(), global);
        }
    }
}

fn facts<'a>(snapshot: &'a mut Snapshot, account: &str, region: &str) -> &'a mut RegionFacts {
    let account = snapshot.accounts.entry(account.to_owned()).or_insert_with(|| AccountFacts {
        region_status: Observation::unknown(CoverageStatus::Skipped, "not read in this run"),
        regions: BTreeMap::new(),
    });
    account.regions.entry(region.to_owned()).or_default()
}

impl Survey {
    /// A narrowing that means nothing is a mistake, and would pass for an estate without drift. Where the accounts could not
    /// be listed nobody can tell.
    fn check(&self, narrowing: &Narrowing) -> Result<(), SurveyError> {
        let named = |words: &[String]| words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        let words = [narrowing.accounts.as_slice(), narrowing.units.as_slice()].concat();
        let listed = match &self.organization {
            Observation::Known(organization) => organization.accounts.known().is_some(),
            Observation::Absent => true,
            Observation::Unknown(_) => false,
        };
        if self.chosen.is_empty() && listed && !words.is_empty() {
            return Err(SurveyError::NoSuchAccount(named(&words)));
        }
        let mut regions = self.accounts.values().filter_map(|facts| facts.region_status.known()).peekable();
        let known = regions.peek().is_none() || {
            let wanted = &narrowing.regions;
            wanted.is_empty() || regions.any(|regions| wanted.iter().any(|region| regions.contains_key(region)))
        };
        if known { Ok(()) } else { Err(SurveyError::NoSuchRegion(named(&narrowing.regions))) }
    }

    /// The accounts of the estate that the command line does not leave out, whatever the baseline says of them.
    #[must_use]
    pub const fn chosen(&self) -> &BTreeSet<String> {
        &self.chosen
    }

    /// What the planned reads cost.
    #[must_use]
    pub fn estimate(&self, aws: &Aws) -> Estimate {
        let mut calls: BTreeMap<String, u64> = BTreeMap::new();
        for row in aws.coverage().rows() {
            let operation = row.source.split(' ').next().unwrap_or(&row.source);
            if operation.contains(':') {
                *calls.entry(operation.to_owned()).or_default() += row.reads;
            }
        }
        let mut buckets: BTreeMap<(String, &str, &str), u64> = BTreeMap::new();
        for task in self.definitions.iter().chain(&self.tasks) {
            for source in task.sources() {
                let operation = source.split(' ').next().unwrap_or(&source).to_owned();
                *calls.entry(operation.clone()).or_default() += 1;
                *buckets.entry((operation, task.account(), task.region())).or_default() += 1;
            }
        }
        Estimate { calls, time: aws.least_time(&buckets) }
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
                let reason = format!("its regions are unknown: {}", gap.reason);
                let gap = Gap { status: gap.status, reason };
                aws.note_gap(Scope::account(Provider::Aws, account.id()), "reads in each region", &gap);
                return;
            }
        };
        let id = || account.id().to_owned();
        if wanted.auto_management() {
            self.tasks.push(Task::AutoManagement { account: id() });
        }
        let on = regions.iter().filter(|(_, status)| matches!(status.as_str(), "ENABLED" | "ENABLED_BY_DEFAULT"));
        for (region, _) in on {
            if !wanted.region(region) {
                continue;
            }
            let name = || region.clone();
            for service in wanted.services(account, region, region == &aws.home) {
                let resources = wanted.resource_level(service);
                self.tasks.push(Task::Quotas { account: id(), region: name(), service: service.to_owned(), resources });
            }
            for index in wanted.settings(account, region) {
                self.tasks.push(Task::Setting { account: id(), region: name(), index });
            }
            if wanted.requests() {
                self.tasks.push(Task::Requests { account: id(), region: name() });
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

impl Task {
    fn account(&self) -> &str {
        match self {
            Self::Definitions { accounts, .. } => accounts.first().map_or("", String::as_str),
            Self::ZoneGroups { account, .. }
            | Self::Quotas { account, .. }
            | Self::Requests { account, .. }
            | Self::AutoManagement { account }
            | Self::Setting { account, .. }
            | Self::Trails { account, .. }
            | Self::Stores { account, .. } => account,
        }
    }

    fn region(&self) -> &str {
        match self {
            Self::AutoManagement { .. } => GLOBAL,
            Self::Definitions { region, .. }
            | Self::ZoneGroups { region, .. }
            | Self::Quotas { region, .. }
            | Self::Requests { region, .. }
            | Self::Setting { region, .. }
            | Self::Trails { region, .. }
            | Self::Stores { region, .. } => region,
        }
    }

    /// What the task asks, as the coverage names it.
    fn sources(&self) -> Vec<String> {
        match self {
            Self::ZoneGroups { .. } => vec!["ec2:DescribeAvailabilityZones".to_owned()],
            Self::Definitions { service, .. } => vec![format!("servicequotas:ListAWSDefaultServiceQuotas {service}")],
            Self::Quotas { service, .. } => vec![format!("servicequotas:ListServiceQuotas {service}")],
            Self::Requests { .. } => vec!["servicequotas:ListRequestedServiceQuotaChangeHistory".to_owned()],
            Self::AutoManagement { .. } => vec!["servicequotas:GetAutoManagementConfiguration".to_owned()],
            Self::Setting { index, .. } => vec![SETTINGS[*index].operation.to_owned()],
            Self::Trails { .. } => vec!["cloudtrail:DescribeTrails".to_owned()],
            Self::Stores { .. } => vec!["cloudtrail:ListEventDataStores".to_owned()],
        }
    }

    fn calls(&self) -> u64 {
        self.sources().len() as u64
    }

    fn unknown(&self, gap: Gap) -> Fact {
        match self {
            Self::ZoneGroups { .. } => Fact::ZoneGroups(Observation::Unknown(gap)),
            Self::Definitions { .. } => Fact::Definitions(Observation::Unknown(gap)),
            Self::Quotas { .. } => Fact::Quotas(Observation::Unknown(gap)),
            Self::Requests { .. } => Fact::Requests(Observation::Unknown(gap)),
            Self::AutoManagement { .. } => Fact::AutoManagement(Observation::Unknown(gap)),
            Self::Setting { .. } => Fact::Setting(Observation::Unknown(gap)),
            Self::Trails { .. } => Fact::Trails(Observation::Unknown(gap)),
            Self::Stores { .. } => Fact::Stores(Observation::Unknown(gap)),
        }
    }
}

impl Aws {
    /// The least time that the buckets allow for these calls.
    fn least_time(&self, buckets: &BTreeMap<(String, &str, &str), u64>) -> Duration {
        let table = self.wire.limits().table();
        let mut seconds: f64 = 0.0;
        let mut by_service: BTreeMap<&str, u64> = BTreeMap::new();
        let mut by_account: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        for ((operation, account, _), calls) in buckets {
            seconds = seconds.max(per_second(*calls, table.limit(operation).rate));
            let service = operation.split(':').next().unwrap_or(operation);
            *by_service.entry(service).or_default() += calls;
            *by_account.entry((service, account)).or_default() += calls;
        }
        for (service, ceiling) in &table.services {
            if let Some(calls) = by_service.get(service.as_str()) {
                seconds = seconds.max(per_second(*calls, f64::from(ceiling.organization)));
            }
            for ((_, _), calls) in by_account.iter().filter(|((of, _), _)| of == service) {
                seconds = seconds.max(per_second(*calls, f64::from(ceiling.account)));
            }
        }
        if let Some(rate) = self.wire.limits().max_rps() {
            seconds = seconds.max(per_second(buckets.values().sum(), f64::from(rate.get())));
        }
        Duration::from_secs_f64(seconds)
    }
}

fn per_second(calls: u64, rate: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "an estimate of seconds")]
    let calls = calls as f64;
    calls / rate.max(0.001)
}
