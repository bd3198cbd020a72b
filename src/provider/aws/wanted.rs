//! What the baseline speaks of: which accounts, regions, services and settings are worth a call.
//!
//! In: a baseline, the organisation, and how far the user narrows the run. Out: yes or no, before any call is made. It
//! decides by where the baseline places an account, never by where it is found.

use std::collections::{BTreeMap, BTreeSet};

use super::settings::SETTINGS;
use super::{Identity, SurveyError};
use crate::baseline::model::{Aws, OuPath, QuotaLevel};
use crate::baseline::placement::{AccountView, Listed, LiveAccount, Placement};
use crate::baseline::rules::{Place, Rules};
use crate::estate::{Account, CoverageStatus, GLOBAL, Gap, Kind, Observation, Organization};

/// How far the user narrows a run for a quick look. Empty lists narrow nothing.
#[derive(Clone, Debug, Default)]
pub struct Narrowing {
    /// Account ids or names.
    pub accounts: Vec<String>,
    /// Paths of organisational units, with everything below them.
    pub units: Vec<String>,
    /// Regions.
    pub regions: Vec<String>,
    /// Kinds: `quota`, `region`, `link`, `policy`, `setting`, `audit-log`.
    pub kinds: Vec<String>,
}

impl Narrowing {
    /// Whether it leaves this kind in.
    #[must_use]
    pub fn kind(&self, kind: &str) -> bool {
        self.kinds.is_empty() || self.kinds.iter().any(|wanted| wanted == kind)
    }

    /// Links and policies belong to no region, policies to no account.
    pub(super) fn check(&self) -> Result<(), SurveyError> {
        let nowhere = |kind: &String| matches!(kind.as_str(), "link" | "policy");
        let nothing = !self.regions.is_empty() && !self.kinds.is_empty() && self.kinds.iter().all(nowhere);
        if nothing {
            return Err(SurveyError::NoRegions);
        }
        let placed = !self.accounts.is_empty() || !self.units.is_empty();
        let policies_alone = !self.kinds.is_empty() && self.kinds.iter().all(|kind| kind == "policy");
        if placed && policies_alone { Err(SurveyError::NoAccounts) } else { Ok(()) }
    }
}

/// An account whose inside is read, as rules see it.
#[derive(Clone, Debug)]
pub(super) struct Polled {
    pub(super) view: AccountView,
    pub(super) management: bool,
}

impl Polled {
    pub(super) fn id(&self) -> &str {
        &self.view.id
    }
}

/// The baseline's wishes.
pub(super) struct Wanted<'a> {
    aws: &'a Aws,
    rules: Rules<'a>,
    placement: Placement<'a>,
    organization: &'a Observation<Organization>,
    identity: &'a Identity,
    narrowing: &'a Narrowing,
}

impl<'a> Wanted<'a> {
    pub(super) fn new(
        aws: &'a Aws,
        organization: &'a Observation<Organization>,
        identity: &'a Identity,
        narrowing: &'a Narrowing,
    ) -> Self {
        let (rules, placement) = (Rules::of(aws), Placement::of(aws));
        Self { aws, rules, placement, organization, identity, narrowing }
    }

    /// The accounts to poll, and those that are left out with the reason.
    pub(super) fn accounts(&self) -> (Vec<Polled>, Vec<(String, Gap)>) {
        let (mut polled, mut skipped) = (Vec::new(), Vec::new());
        for (view, state) in self.known_accounts() {
            let place = self.place(&view, GLOBAL);
            let skipped_for = |reason: String| Some(Gap { status: CoverageStatus::Skipped, reason });
            let out = match (state, self.untold(&view)) {
                // In any other state, and in one that AWS adds later, something may run in it.
                (Some(state), _) if is_shut(&state) => skipped_for(format!("the account is {state}")),
                (_, Some(gap)) => Some(gap),
                _ if !self.rules.in_scope(place) => skipped_for("left out by `scope` in the baseline".to_owned()),
                _ if !self.narrowed_to(&view) => skipped_for("left out on the command line".to_owned()),
                _ => None,
            };
            let management = self.management_account() == Some(view.id.as_str());
            match out {
                Some(gap) => skipped.push((view.id, gap)),
                None => polled.push(Polled { view, management }),
            }
        }
        (polled, skipped)
    }

    /// Why it cannot be told which rules apply to an account, if its tags decide that and could not be read.
    fn untold(&self, account: &AccountView) -> Option<Gap> {
        if account.listed != Listed::No || !self.rules.ask_for_tags() {
            return None;
        }
        let accounts = self.organization.known()?.accounts.known()?;
        let gap = accounts.iter().find(|found| found.id == account.id)?.tags.as_ref()?.gap()?;
        let reason = format!("its tags were not read, so that it cannot be told which rules apply: {}", gap.reason);
        Some(Gap { status: gap.status, reason })
    }

    /// The accounts whose live tags decide something: those that the baseline does not list, where a rule for what is
    /// inside accounts asks for tags, or the `match` of an exemption or approved change does.
    pub(super) fn untagged(&self, matches_ask: bool) -> BTreeSet<String> {
        let rules_ask = self.regional() && self.rules.ask_for_tags();
        let decides = |view: &AccountView, state: Option<&str>| {
            view.listed == Listed::No
                && self.narrowed_to(view)
                && (matches_ask
                    || (rules_ask && !state.is_some_and(is_shut) && !self.rules.excludes(self.place(view, GLOBAL))))
        };
        let known = self.known_accounts().into_iter();
        known.filter(|(view, state)| decides(view, state.as_deref())).map(|(view, _)| view.id).collect()
    }

    /// Every account that the command line leaves in.
    pub(super) fn chosen(&self) -> BTreeSet<String> {
        let known = self.known_accounts().into_iter();
        known.filter(|(view, _)| self.narrowed_to(view)).map(|(view, _)| view.id).collect()
    }

    /// Every account of the organisation with its state. Where its list could not be read, what the baseline declares and
    /// the agent's own account are all there is to go by; without an organisation there is only the agent's own.
    fn known_accounts(&self) -> Vec<(AccountView, Option<String>)> {
        let own = || (self.own_account(), None);
        if matches!(self.organization, Observation::Absent) {
            return vec![own()];
        }
        if let Some(accounts) = self.organization.known().and_then(|organization| organization.accounts.known()) {
            let seen = |account: &Account| (self.view(account), Some(account.state.clone()));
            return accounts.iter().map(seen).collect();
        }
        let declared = self.aws.accounts.iter().flatten().filter_map(|account| account.id.as_deref());
        let mut known: Vec<_> = declared.filter_map(|id| Some((self.placement.declared(id)?, None))).collect();
        if !known.iter().any(|(view, _)| view.id == self.identity.account) {
            known.push(own());
        }
        known
    }

    fn view(&self, account: &Account) -> AccountView {
        let unit = OuPath::parse(&account.unit).ok();
        self.placement.place(LiveAccount {
            id: &account.id,
            name: &account.name,
            ou: unit.as_ref(),
            tags: account.read_tags(),
            created_here: account.joined_method.as_deref() == Some("CREATED"),
        })
    }

    fn own_account(&self) -> AccountView {
        let (id, tags) = (self.identity.account.as_str(), BTreeMap::new());
        self.placement.place(LiveAccount { id, name: "", ou: None, tags: &tags, created_here: false })
    }

    fn management_account(&self) -> Option<&str> {
        match self.organization {
            Observation::Known(organization) => Some(&organization.management_account),
            Observation::Unknown(_) => self.aws.management_account.as_deref(),
            Observation::Absent => None,
        }
    }

    fn narrowed_to(&self, view: &AccountView) -> bool {
        let Narrowing { accounts, units, .. } = self.narrowing;
        (accounts.is_empty() || accounts.iter().any(|word| is_called(view, word)))
            && (units.is_empty() || units.iter().any(|path| hangs_below(view, path)))
    }

    /// Words of the command line that mean no account.
    pub(super) fn meaningless(&self) -> Vec<String> {
        let known = self.known_accounts();
        let means = |word: &String, is_meant: fn(&AccountView, &str) -> bool| {
            known.iter().any(|(view, _)| is_meant(view, word))
        };
        let accounts = self.narrowing.accounts.iter().filter(|word| !means(word, is_called));
        let units = self.narrowing.units.iter().filter(|path| !means(path, hangs_below));
        accounts.chain(units).cloned().collect()
    }

    fn place<'p>(&'p self, account: &'p AccountView, region: &'p str) -> Place<'p> {
        Place { account, region, partition: &self.identity.partition }
    }

    /// Whether anything inside accounts is wanted.
    pub(super) fn regional(&self) -> bool {
        let aws = self.aws;
        (aws.regions.is_some() && self.narrowing.kind("region"))
            || (aws.settings.is_some() && self.narrowing.kind("setting"))
            || (aws.audit_logs.is_some() && self.narrowing.kind("audit-log"))
            || (self.narrowing.kind("quota")
                && (aws.quotas.is_some() || aws.quota_requests.is_some() || aws.quota_auto_management.is_some()))
    }

    pub(super) fn region(&self, region: &str) -> bool {
        self.narrowing.regions.is_empty() || self.narrowing.regions.iter().any(|wanted| wanted == region)
    }

    /// The services whose quotas a rule speaks of there; in the home region also those of global quotas.
    pub(super) fn services(&self, account: &Polled, region: &str, home: bool) -> BTreeSet<&'a str> {
        if !self.narrowing.kind("quota") {
            return BTreeSet::new();
        }
        let mut services = self.rules.quota_services(self.place(&account.view, region));
        if home {
            services.extend(self.rules.quota_services(self.place(&account.view, GLOBAL)));
        }
        services
    }

    pub(super) fn resource_level(&self, service: &str) -> bool {
        let mut rules = self.aws.quotas.iter().flatten();
        rules.any(|rule| rule.service == service && rule.level == QuotaLevel::Resource)
    }

    /// The settings that a rule speaks of there, by their place in [`SETTINGS`].
    pub(super) fn settings(&self, account: &Polled, region: &str) -> BTreeSet<usize> {
        if !self.narrowing.kind("setting") {
            return BTreeSet::new();
        }
        let expected = self.rules.settings(self.place(&account.view, region));
        let named = expected.iter().map(|expected| expected.setting.as_str());
        named.filter_map(|name| SETTINGS.iter().position(|setting| setting.name == name)).collect()
    }

    pub(super) fn requests(&self) -> bool {
        self.narrowing.kind("quota") && self.aws.quota_requests.is_some()
    }

    pub(super) fn auto_management(&self) -> bool {
        self.narrowing.kind("quota") && self.aws.quota_auto_management.is_some()
    }

    pub(super) fn zone_groups(&self, account: &Polled, region: &str) -> bool {
        let rule = self.rules.region(self.place(&account.view, region));
        self.narrowing.kind("region") && rule.is_some_and(|chosen| chosen.rule.zone_groups.is_some())
    }

    /// An organisation's trail is kept in the management account; other trails where a rule asks for them.
    pub(super) fn trails(&self, account: &Polled, region: &str) -> bool {
        let Some(logs) = &self.aws.audit_logs else { return false };
        self.narrowing.kind("audit-log")
            && ((logs.organization_trail.is_some() && account.management)
                || !self.rules.trails(self.place(&account.view, region)).is_empty())
    }

    pub(super) fn stores(&self, account: &Polled) -> bool {
        let Some(logs) = &self.aws.audit_logs else { return false };
        self.narrowing.kind("audit-log")
            && logs.retention_days.is_some()
            && (account.management || matches!(self.organization, Observation::Absent))
    }

    /// Sections that the baseline leaves out, and kinds that the command line does: nothing is read for them.
    pub(super) fn left_out(&self) -> Vec<(&'static str, &'static str)> {
        let reason = |kind: Kind, declared: bool| match (declared, self.narrowing.kind(kind.as_str())) {
            (false, _) => Some("not in the baseline"),
            (true, false) => Some("left out on the command line"),
            (true, true) => None,
        };
        self.aws
            .sections()
            .into_iter()
            .filter_map(|(section, kind, declared)| Some((section, reason(kind, declared)?)))
            .collect()
    }
}

/// Whether nothing runs in an account of this state and nobody may read it.
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_accounts_account_state.html>
fn is_shut(state: &str) -> bool {
    matches!(state, "SUSPENDED" | "PENDING_CLOSURE" | "CLOSED")
}

fn is_called(view: &AccountView, word: &str) -> bool {
    word == view.id || word == view.name
}

fn hangs_below(view: &AccountView, path: &str) -> bool {
    let wanted = OuPath::parse(path).ok();
    wanted.is_some_and(|wanted| view.ou.as_ref().is_some_and(|ou| wanted.contains(ou)))
}
