//! Which operations a run can make, and with whose identity.
//!
//! In: a baseline. Out: operations for each identity. It knows nothing of the live estate: what depends on that (the history
//! of quota requests where a quota drifts, the fallback where a call is refused) is taken for made.

use std::collections::BTreeSet;

use super::super::settings::SETTINGS;
use super::super::tags;
use super::super::tasks::Task;
use super::{Reader, Reads};
use crate::baseline::Baseline;
use crate::baseline::model::{Aws, Patterns};
use crate::baseline::rules::Rules;

/// Asked wherever an organisation may be.
pub(super) const DESCRIBE: &str = "organizations:DescribeOrganization";

/// The organisation is always read whole.
const ORGANIZATION: [&str; 16] = [
    "organizations:DescribePolicy",
    "organizations:DescribeResourcePolicy",
    "organizations:ListAWSServiceAccessForOrganization",
    "organizations:ListAccounts",
    "organizations:ListAccountsForParent",
    "organizations:ListCreateAccountStatus",
    "organizations:ListDelegatedAdministrators",
    "organizations:ListDelegatedServicesForAccount",
    "organizations:ListHandshakesForOrganization",
    "organizations:ListInboundResponsibilityTransfers",
    "organizations:ListOrganizationalUnitsForParent",
    "organizations:ListOutboundResponsibilityTransfers",
    "organizations:ListPolicies",
    "organizations:ListRoots",
    "organizations:ListTargetsForPolicy",
    DESCRIBE,
];

const TEMPLATE: [&str; 2] =
    ["servicequotas:GetAssociationForServiceQuotaTemplate", "servicequotas:ListServiceQuotaIncreaseRequestsInTemplate"];

/// The ways to learn which regions are on, the second where the first is refused.
pub(super) const REGIONS: [&str; 2] = ["account:ListRegions", "ec2:DescribeRegions"];

const LOG: &str = "cloudtrail:LookupEvents";

/// Which sort of account is read from within.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inside {
    /// The management account, where the organisation's trail lives.
    Management,
    /// A member.
    Member,
    /// An account without an organisation.
    Alone,
}

/// The reading plan of a baseline, before anything live is known.
pub(super) struct Plan<'a> {
    pub(super) aws: &'a Aws,
    tags_decide: bool,
}

static NOTHING: std::sync::LazyLock<Aws> = std::sync::LazyLock::new(Aws::default);

impl<'a> Plan<'a> {
    pub(super) fn of(baseline: &'a Baseline) -> Self {
        let aws = baseline.model.aws.as_ref().unwrap_or(&NOTHING);
        let mut plan = Self { aws, tags_decide: false };
        plan.tags_decide = tags::asked_for(baseline) || (plan.regional() && Rules::of(aws).ask_for_tags());
        plan
    }

    /// The identities that there are.
    pub(super) fn readers(&self) -> Vec<Reader> {
        if !self.is_organization() {
            return vec![Reader::Agent];
        }
        let mut readers = Vec::new();
        if !self.names(Reader::Management).is_empty() {
            readers.push(Reader::Agent);
        }
        readers.push(Reader::Management);
        if !self.names(Reader::Member).is_empty() {
            readers.push(Reader::Member);
        }
        readers
    }

    /// Whether the baseline speaks of more than one account that stands alone.
    fn is_organization(&self) -> bool {
        let aws = self.aws;
        aws.organization.is_some()
            || aws.management_account.is_some()
            || aws.access.is_some()
            || aws.accounts.as_ref().is_some_and(|accounts| accounts.len() > 1)
            || aws.organizational_units.is_some()
            || aws.delegated_administrators.is_some()
            || aws.trusted_services.is_some()
            || aws.responsibility_transfers.is_some()
            || aws.resource_policy.is_some()
            || aws.quota_template.is_some()
            || aws.policy_types.is_some()
            || aws.policies.is_some()
            || aws.audit_logs.as_ref().is_some_and(|logs| logs.organization_trail.is_some())
    }

    /// The roles that are taken one with the other, and what is read with the last.
    pub(super) fn roles(&self, reader: Reader) -> (&'a [String], Reads) {
        (self.names(reader), self.reads(reader))
    }

    fn names(&self, reader: Reader) -> &'a [String] {
        let access = self.aws.access.as_ref();
        let roles = |of: fn(&crate::baseline::model::Access) -> Option<&Patterns>| {
            access.and_then(of).map_or(&[][..], |roles| roles.0.as_slice())
        };
        match reader {
            Reader::Agent => &[],
            Reader::Management => roles(|access| access.management_role.as_ref()),
            Reader::Member => roles(|access| access.member_role.as_ref()),
        }
    }

    /// Whether this identity reads the organisation.
    pub(super) const fn is_central(&self, reader: Reader) -> bool {
        matches!(reader, Reader::Management)
    }

    /// The roles that this identity takes by itself. The agent's own identity takes the first of each chain.
    pub(super) fn taken_by(&self, reader: Reader) -> Vec<String> {
        let management = self.names(Reader::Management).first();
        let is_own = match reader {
            Reader::Agent => true,
            Reader::Management => management.is_none(),
            Reader::Member => false,
        };
        let member = self.names(Reader::Member).first();
        let both = [(Reader::Management, management), (Reader::Member, member)];
        let taken = both.into_iter().filter_map(|(of, name)| Some(self.arn(of, name?)));
        if is_own { taken.collect() } else { Vec::new() }
    }

    /// The ARN of a role wherever it is taken; member roles are in any account.
    pub(super) fn arn(&self, reader: Reader, name: &str) -> String {
        let account = match reader {
            Reader::Management => self.aws.management_account.as_deref().unwrap_or("*"),
            Reader::Agent | Reader::Member => "*",
        };
        if name.starts_with("arn:") {
            name.replace(super::super::session::ACCOUNT, account)
        } else {
            format!("arn:{{partition}}:iam::{account}:role/{name}")
        }
    }

    fn reads(&self, reader: Reader) -> Reads {
        match reader {
            Reader::Agent if !self.is_organization() => {
                let mut reads = self.inside(Inside::Alone);
                reads.operations.insert(DESCRIBE);
                reads
            }
            // The agent's own account is read with its own identity, and may be the management account, which is asked
            // everything that a member is.
            Reader::Agent => self.inside(Inside::Management),
            Reader::Management => {
                let mut reads = self.inside(Inside::Management);
                reads.operations.extend(self.organization());
                reads
            }
            Reader::Member => self.inside(Inside::Member),
        }
    }

    /// What the organisation is asked.
    pub(super) fn organization(&self) -> BTreeSet<&'static str> {
        let aws = self.aws;
        let mut asked = BTreeSet::from(ORGANIZATION);
        if aws.quota_template.is_some() {
            asked.extend(TEMPLATE);
        }
        if self.tags_decide {
            asked.insert("organizations:ListTagsForResource");
        }
        let managed = aws.settings.iter().flatten().any(|rule| rule.managed_by.is_some());
        if aws.policies.is_some() || aws.accounts.is_some() || managed {
            asked.insert("organizations:DescribeEffectivePolicy");
        }
        if self.regional() {
            asked.insert(REGIONS[0]);
        }
        asked
    }

    fn regional(&self) -> bool {
        let aws = self.aws;
        aws.regions.is_some()
            || aws.settings.is_some()
            || aws.audit_logs.is_some()
            || aws.quotas.is_some()
            || aws.quota_requests.is_some()
            || aws.quota_auto_management.is_some()
    }

    /// What an account is asked from within.
    pub(super) fn inside(&self, at: Inside) -> Reads {
        let mut reads = Reads::default();
        if self.regional() {
            reads.operations.extend(REGIONS);
            reads.operations.extend(self.tasks(at).iter().flat_map(Task::operations));
            reads.services = self.aws.quotas.iter().flatten().map(|rule| rule.service.clone()).collect();
        }
        // Renaming an account is logged in it; whatever the organisation does, in the management account.
        if self.regional() || self.aws.accounts.is_some() || at == Inside::Management {
            reads.operations.insert(LOG);
        }
        reads
    }

    /// One task of each sort that the baseline asks for.
    fn tasks(&self, at: Inside) -> Vec<Task> {
        let aws = self.aws;
        let (account, region) = (String::new, String::new);
        let mut tasks = Vec::new();
        if let Some(rule) = aws.quotas.iter().flatten().next() {
            let service = || rule.service.clone();
            tasks.push(Task::Definitions { account: account(), region: region(), service: service() });
            let resources = false;
            tasks.push(Task::Quotas { account: account(), region: region(), service: service(), resources });
        }
        // The history also says who asked for a quota that drifted.
        if aws.quota_requests.is_some() || aws.quotas.iter().flatten().next().is_some() {
            tasks.push(Task::Requests { account: account(), region: region() });
        }
        if aws.quota_auto_management.is_some() {
            tasks.push(Task::AutoManagement { account: account() });
        }
        if aws.regions.iter().flatten().any(|rule| rule.zone_groups.is_some()) {
            tasks.push(Task::ZoneGroups { account: account(), region: region() });
        }
        let rules = Rules::of(aws);
        let named = |index: &usize| SETTINGS.get(*index).is_some_and(|setting| rules.ever_sets(setting.name));
        for index in (0..SETTINGS.len()).filter(named) {
            tasks.push(Task::Setting { account: account(), region: region(), index });
        }
        let Some(logs) = &aws.audit_logs else { return tasks };
        let own = logs.trails.as_ref().is_some_and(|rules| !rules.is_empty());
        if own || (at == Inside::Management && logs.organization_trail.is_some()) {
            tasks.push(Task::Trails { account: account(), region: region() });
        }
        if at != Inside::Member && logs.retention_days.is_some() {
            tasks.push(Task::Stores { account: account(), region: region() });
        }
        tasks
    }
}
