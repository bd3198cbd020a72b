//! The reads inside accounts, each a task: making them, and putting what they bring into the snapshot.
//!
//! In: a task. Out: the fact that it brought, and its place in the snapshot. It never decides when a read is made.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use aws_sdk_servicequotas::types::AppliedLevelEnum;

use super::pages::Reader;
use super::quotas::{self, Applied};
use super::settings::SETTINGS;
use super::{Aws, client, trails};
use crate::estate::{
    AccountFacts, AppliedQuota, Coverage, CoverageStatus, EventDataStore, GLOBAL, Gap, Observation, QuotaDefinition,
    QuotaRequest, RegionFacts, Scope, Setting, Snapshot, Trail,
};

/// One read, or a few that belong together, in one account and region.
#[derive(Clone, Debug)]
pub(super) enum Task {
    ZoneGroups { account: String, region: String },
    Definitions { account: String, region: String, service: String },
    Quotas { account: String, region: String, service: String, resources: bool },
    Requests { account: String, region: String },
    AutoManagement { account: String },
    Setting { account: String, region: String, index: usize },
    Trails { account: String, region: String },
    Stores { account: String, region: String },
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

/// What came of a task that another account may be asked for instead.
pub(super) struct Attempt {
    pub(super) fact: Fact,
    /// Whether the account was asked at all: its role was given.
    pub(super) asked: bool,
    pub(super) ledger: Coverage,
}

impl Aws {
    pub(super) async fn perform(&self, task: Task) -> (Task, Fact) {
        let done = self.progress.unless_cancelled(self.carry_out(&task)).await;
        let fact = done.unwrap_or_else(|gap| self.given_up(&task, &gap));
        (task, fact)
    }

    async fn carry_out(&self, task: &Task) -> Fact {
        match self.session(task.account()).await {
            Ok(session) => {
                let (scope, region) = self.place(task);
                self.ask(task, &session, &region, &Reader::new(&self.coverage, &scope)).await
            }
            Err(gap) => self.given_up(task, &gap),
        }
    }

    /// A task that was not begun or not ended, with all that it would have read.
    pub(super) fn given_up(&self, task: &Task, gap: &Gap) -> Fact {
        let (scope, _) = self.place(task);
        for source in task.sources() {
            self.note_gap(scope.clone(), &source, gap);
        }
        task.unknown(gap.clone())
    }

    /// Where a task is carried out; what holds for all regions is kept in one of them.
    pub(super) fn place(&self, task: &Task) -> (Scope, String) {
        let region = if task.region() == GLOBAL { &self.home } else { task.region() };
        (self.scope(task.account(), region), region.to_owned())
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

    /// A task whose answer counts only if it is a good one: with a ledger of its own.
    pub(super) async fn attempt(&self, task: &Task) -> Attempt {
        let ledger = self.scratch();
        let (scope, region) = self.place(task);
        let carried_out = async {
            match self.session(task.account()).await {
                Ok(session) => (self.ask(task, &session, &region, &Reader::new(&ledger, &scope)).await, true),
                Err(gap) => (refused(task, &ledger, &scope, gap), false),
            }
        };
        let done = self.progress.unless_cancelled(carried_out).await;
        let (fact, asked) = done.unwrap_or_else(|gap| (refused(task, &ledger, &scope, gap), false));
        Attempt { fact, asked, ledger: ledger.into_inner().unwrap_or_else(PoisonError::into_inner) }
    }

    pub(super) fn absorb(&self, ledger: Coverage) {
        self.ledger().absorb(ledger);
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

fn refused(task: &Task, ledger: &Mutex<Coverage>, scope: &Scope, gap: Gap) -> Fact {
    let mut ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
    task.sources().into_iter().for_each(|source| ledger.gap(scope.clone(), source, &gap, 0));
    task.unknown(gap)
}

fn facts<'a>(snapshot: &'a mut Snapshot, account: &str, region: &str) -> &'a mut RegionFacts {
    let account = snapshot.accounts.entry(account.to_owned()).or_insert_with(|| AccountFacts {
        region_status: Observation::unknown(CoverageStatus::Skipped, "not read in this run"),
        regions: BTreeMap::new(),
    });
    account.regions.entry(region.to_owned()).or_default()
}

impl Task {
    pub(super) fn account(&self) -> &str {
        match self {
            Self::Definitions { account, .. }
            | Self::ZoneGroups { account, .. }
            | Self::Quotas { account, .. }
            | Self::Requests { account, .. }
            | Self::AutoManagement { account }
            | Self::Setting { account, .. }
            | Self::Trails { account, .. }
            | Self::Stores { account, .. } => account,
        }
    }

    pub(super) fn region(&self) -> &str {
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
    pub(super) fn sources(&self) -> Vec<String> {
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

    /// Every operation that the task can lead to: what a list names is asked for one by one.
    pub(super) fn operations(&self) -> Vec<&'static str> {
        match self {
            Self::ZoneGroups { .. } => vec!["ec2:DescribeAvailabilityZones"],
            Self::Definitions { .. } => vec!["servicequotas:ListAWSDefaultServiceQuotas"],
            Self::Quotas { .. } => vec!["servicequotas:ListServiceQuotas"],
            Self::Requests { .. } => vec!["servicequotas:ListRequestedServiceQuotaChangeHistory"],
            Self::AutoManagement { .. } => vec!["servicequotas:GetAutoManagementConfiguration"],
            Self::Setting { index, .. } => vec![SETTINGS[*index].operation],
            Self::Trails { .. } => {
                vec!["cloudtrail:DescribeTrails", "cloudtrail:GetTrailStatus", "cloudtrail:GetEventSelectors"]
            }
            Self::Stores { .. } => vec!["cloudtrail:ListEventDataStores", "cloudtrail:GetEventDataStore"],
        }
    }

    pub(super) fn calls(&self) -> u64 {
        self.sources().len() as u64
    }

    pub(super) fn unknown(&self, gap: Gap) -> Fact {
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
