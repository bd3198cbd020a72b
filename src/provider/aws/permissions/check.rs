//! Whether the identities may do what a run needs, asked in the real environment.
//!
//! In: a baseline. Out: the calls that are refused, or whose answer leaves it open, account by account. Each planned call is
//! made once for each identity, with the smallest page, in one region that is on; only the accounts of the organisation and
//! the regions of an account are listed whole, to know where to ask. It never takes a failed call for an allowed one.

mod ask;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use aws_config::SdkConfig;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use futures::stream::{self, StreamExt};

use super::super::failure::{code, gap_of};
use super::super::session::Roles;
use super::super::{Aws, SurveyError};
use super::TABLE;
use super::plan::{Inside, Plan, REGIONS};
use crate::baseline::Baseline;
use crate::baseline::pattern::fits;
use crate::baseline::placement::{AccountView, Listed, LiveAccount, Placement};
use crate::baseline::rules::{Place, Rules};
use crate::estate::{CoverageStatus, GLOBAL, Gap, Observation};

/// A call that was refused, or whose answer leaves it open.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lack {
    /// The account in which it was asked.
    pub account: String,
    /// The ARN of the role, or of the agent's own identity.
    pub identity: String,
    /// The region in which it was asked.
    pub region: String,
    /// `service:Operation`
    pub operation: String,
    /// Denied, or else why it is not known.
    pub status: CoverageStatus,
    /// The provider's words.
    pub reason: String,
}

/// What came of the calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// What is missing, sorted.
    pub lacks: Vec<Lack>,
    /// Accounts that were asked from within.
    pub accounts: BTreeSet<String>,
    /// Accounts that were not asked: the baseline does not list them, and only a whole scan shows whether its `scope`
    /// leaves them out.
    pub unplaced: BTreeSet<String>,
}

/// One identity in one region, and the list of what it lacks.
struct Caller<'a> {
    account: &'a str,
    identity: String,
    region: String,
    session: SdkConfig,
    lacks: &'a Mutex<Vec<Lack>>,
}

/// What is known of the estate before its accounts are asked from within.
#[derive(Default)]
struct Sketch {
    /// There is no organisation.
    alone: bool,
    management: Option<String>,
    accounts: Option<Vec<Found>>,
}

/// An account of the organisation.
struct Found {
    id: String,
    name: String,
    active: bool,
    created_here: bool,
}

impl Caller<'_> {
    /// The answer of a call; none where the service did not find what was asked about, or the call is noted as lacking.
    fn note<T, E>(&self, operation: &str, answer: Result<T, SdkError<E, HttpResponse>>) -> Option<T>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let error = match answer {
            Ok(answer) => return Some(answer),
            Err(error) => error,
        };
        let gap = gap_of(&error);
        let answered = code(&error).is_some_and(|code| TABLE.answered.contains(code));
        if !answered && gap.status != CoverageStatus::Unsupported {
            self.lacks(operation, &gap);
        }
        None
    }

    fn lacks(&self, operation: &str, gap: &Gap) {
        let lack = Lack {
            account: self.account.to_owned(),
            identity: self.identity.clone(),
            region: self.region.clone(),
            operation: operation.to_owned(),
            status: gap.status,
            reason: gap.reason.clone(),
        };
        self.lacks.lock().unwrap_or_else(PoisonError::into_inner).push(lack);
    }
}

impl Aws {
    /// Makes each call that a run with this baseline can make, once for each identity.
    ///
    /// # Errors
    /// When the environment lacks what the baseline names.
    pub async fn check_permissions(&mut self, baseline: &Baseline) -> Result<Checked, SurveyError> {
        self.roles = self.access(baseline)?;
        let plan = Plan::of(baseline);
        let (lacks, mut checked) = (Mutex::default(), Checked::default());
        let sketch = self.check_organization(&plan, &lacks).await;
        let accounts = self.to_ask(&plan, &sketch, &mut checked.unplaced);
        let rules = &Rules::of(plan.aws);
        let (plan, sketch, found) = (&plan, &sketch, &lacks);
        stream::iter(&accounts)
            .map(|account| self.check_account(plan, rules, sketch, account, found))
            .buffer_unordered(self.concurrency)
            .collect::<Vec<()>>()
            .await;
        checked.lacks = lacks.into_inner().unwrap_or_else(PoisonError::into_inner);
        checked.lacks.sort();
        checked.accounts = accounts.into_iter().map(|account| account.id).collect();
        Ok(checked)
    }

    /// The accounts to ask from within.
    fn to_ask(&self, plan: &Plan<'_>, sketch: &Sketch, unplaced: &mut BTreeSet<String>) -> Vec<AccountView> {
        let (aws, placement, no_tags) = (plan.aws, Placement::of(plan.aws), BTreeMap::new());
        let place =
            |id, name, created_here| placement.place(LiveAccount { id, name, ou: None, tags: &no_tags, created_here });
        let own = || place(&self.identity.account, "", false);
        let known: Vec<AccountView> = match &sketch.accounts {
            _ if sketch.alone => vec![own()],
            Some(accounts) => {
                let active = accounts.iter().filter(|account| account.active);
                active.map(|account| place(&account.id, &account.name, account.created_here)).collect()
            }
            None => {
                let declared = aws.accounts.iter().flatten().filter_map(|account| account.id.as_deref());
                let mut known: Vec<_> = declared.filter_map(|id| placement.declared(id)).collect();
                if !known.iter().any(|account| account.id == self.identity.account) {
                    known.push(own());
                }
                known
            }
        };
        let rules = Rules::of(aws);
        let mut asked = Vec::new();
        for account in known {
            if account.listed == Listed::No && aws.scope.is_some() && !sketch.alone {
                unplaced.insert(account.id);
            } else if rules.in_scope(self.at(&account, GLOBAL)) {
                asked.push(account);
            }
        }
        asked
    }

    fn at<'p>(&'p self, account: &'p AccountView, region: &'p str) -> Place<'p> {
        Place { account, region, partition: &self.identity.partition }
    }

    async fn check_account(
        &self,
        plan: &Plan<'_>,
        rules: &Rules<'_>,
        sketch: &Sketch,
        account: &AccountView,
        lacks: &Mutex<Vec<Lack>>,
    ) {
        let inside = if sketch.alone {
            Inside::Alone
        } else if sketch.management.as_deref() == Some(account.id.as_str()) {
            Inside::Management
        } else {
            Inside::Member
        };
        let reads = plan.inside(inside);
        if reads.operations.is_empty() {
            return;
        }
        let mut caller = Caller {
            account: &account.id,
            identity: self.reads_as(&account.id),
            region: self.home.clone(),
            session: self.own.clone(),
            lacks,
        };
        match self.session(&account.id).await {
            Ok(session) => caller.session = session,
            Err(gap) => return caller.lacks("sts:AssumeRole", &gap),
        }
        if reads.operations.contains(REGIONS[0]) {
            match self.region_status(&account.id, sketch.accounts.is_some()).await {
                Observation::Known(statuses) => caller.region = self.one_region(rules, account, &statuses),
                Observation::Unknown(gap) => caller.lacks(REGIONS[0], &gap),
                Observation::Absent => {}
            }
        }
        let rest = reads.operations.iter().filter(|operation| !REGIONS.contains(operation));
        self.progress.plan(rest.clone().count() as u64);
        for operation in rest {
            self.ask_inside(&caller, operation, &reads.services).await;
        }
    }

    /// A region that is on: one that the baseline allows, since others may be closed on purpose; the home region first.
    fn one_region(&self, rules: &Rules<'_>, account: &AccountView, statuses: &BTreeMap<String, String>) -> String {
        let on = |region: &&String| {
            let status = statuses.get(*region).map(String::as_str);
            matches!(status, Some("ENABLED" | "ENABLED_BY_DEFAULT"))
        };
        let allowed = |region: &&String| {
            let chosen = rules.region(self.at(account, region));
            chosen.is_none_or(|chosen| chosen.rule.allowed.iter().any(|pattern| fits(pattern, region)))
        };
        let regions = std::iter::once(&self.home).chain(statuses.keys()).filter(on);
        regions.clone().find(allowed).unwrap_or(&self.home).clone()
    }

    /// The ARN of the identity that reads an account from within.
    fn reads_as(&self, account: &str) -> String {
        if account == self.identity.account {
            return self.identity.arn.clone();
        }
        let management = self.roles.management_account.as_deref() == Some(account);
        let names =
            if management && !self.roles.management.is_empty() { &self.roles.management } else { &self.roles.member };
        self.role_arn(names, account)
    }

    /// The ARN of the role that reads the organisation, and its account.
    fn reads_organization_as(&self) -> (String, String) {
        if self.roles.management.is_empty() {
            return (self.identity.arn.clone(), self.identity.account.clone());
        }
        let account = self.roles.management_account.as_ref().unwrap_or(&self.identity.account);
        (self.role_arn(&self.roles.management, account), account.clone())
    }

    fn role_arn(&self, names: &[String], account: &str) -> String {
        let roles = Roles { partition: &self.identity.partition, names, external_id: None };
        names.last().map_or_else(|| "no `access.member_role` is declared".to_owned(), |name| roles.arn(name, account))
    }
}
