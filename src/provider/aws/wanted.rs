//! What the baseline speaks of: which accounts, regions, services and settings are worth a call.
//!
//! In: a baseline, the organisation, and how far the user narrows the run. Out: yes or no, before any call is made. It
//! decides by where the baseline places an account, never by where it is found.

use std::collections::{BTreeMap, BTreeSet};

use super::Identity;
use super::settings::SETTINGS;
use crate::baseline::model::{Aws, OuPath, QuotaLevel};
use crate::baseline::placement::{AccountView, LiveAccount, Placement};
use crate::baseline::rules::{Place, Rules};
use crate::estate::{GLOBAL, Organization};

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
    organization: Option<&'a Organization>,
    identity: &'a Identity,
    narrowing: &'a Narrowing,
}

impl<'a> Wanted<'a> {
    pub(super) fn new(
        aws: &'a Aws,
        organization: Option<&'a Organization>,
        identity: &'a Identity,
        narrowing: &'a Narrowing,
    ) -> Self {
        let (rules, placement) = (Rules::of(aws), Placement::of(aws));
        Self { aws, rules, placement, organization, identity, narrowing }
    }

    /// The accounts to poll, and those that are left out with the reason.
    pub(super) fn accounts(&self) -> (Vec<Polled>, Vec<(String, String)>) {
        let (mut polled, mut skipped) = (Vec::new(), Vec::new());
        for (view, state) in self.known_accounts() {
            let place = self.place(&view, GLOBAL);
            let out = match state {
                Some(state) if state != "ACTIVE" => Some(format!("the account is {state}")),
                _ if !self.rules.in_scope(place) => Some("left out by `scope` in the baseline".to_owned()),
                _ if !self.narrowed_to(&view) => Some("left out on the command line".to_owned()),
                _ => None,
            };
            let management = self.organization.is_some_and(|organization| organization.management_account == view.id);
            match out {
                Some(reason) => skipped.push((view.id, reason)),
                None => polled.push(Polled { view, management }),
            }
        }
        (polled, skipped)
    }

    /// Every account that the command line leaves in.
    pub(super) fn chosen(&self) -> BTreeSet<String> {
        let known = self.known_accounts().into_iter();
        known.filter(|(view, _)| self.narrowed_to(view)).map(|(view, _)| view.id).collect()
    }

    /// Every account of the organisation with its state. Where its list could not be read, what the baseline declares is
    /// all there is to go by; without an organisation there is the agent's own.
    fn known_accounts(&self) -> Vec<(AccountView, Option<String>)> {
        match self.organization.map(|organization| organization.accounts.known()) {
            Some(Some(accounts)) => accounts
                .iter()
                .map(|account| {
                    let unit = OuPath::parse(&account.unit).ok();
                    let live = LiveAccount {
                        id: &account.id,
                        name: &account.name,
                        ou: unit.as_ref(),
                        tags: &account.tags,
                        created_here: account.joined_method.as_deref() == Some("CREATED"),
                    };
                    (self.placement.place(live), Some(account.state.clone()))
                })
                .collect(),
            Some(None) => {
                let declared = self.aws.accounts.iter().flatten().filter_map(|account| account.id.as_deref());
                declared.filter_map(|id| Some((self.placement.declared(id)?, None))).collect()
            }
            None => {
                let live = LiveAccount {
                    id: &self.identity.account,
                    name: "",
                    ou: None,
                    tags: &BTreeMap::new(),
                    created_here: false,
                };
                vec![(self.placement.place(live), None)]
            }
        }
    }

    fn narrowed_to(&self, view: &AccountView) -> bool {
        let named = self.narrowing.accounts.is_empty()
            || self.narrowing.accounts.iter().any(|wanted| *wanted == view.id || *wanted == view.name);
        let below = |path: &String| {
            let wanted = OuPath::parse(path).ok();
            wanted.is_some_and(|wanted| view.ou.as_ref().is_some_and(|ou| wanted.contains(ou)))
        };
        named && (self.narrowing.units.is_empty() || self.narrowing.units.iter().any(below))
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
            && (account.management || self.organization.is_none())
    }

    /// Sections that the baseline leaves out, and kinds that the command line does: nothing is read for them.
    pub(super) fn left_out(&self) -> Vec<(&'static str, &'static str)> {
        let aws = self.aws;
        let sections = [
            ("accounts", "link", aws.accounts.is_some()),
            ("organizational_units", "link", aws.organizational_units.is_some()),
            ("delegated_administrators", "link", aws.delegated_administrators.is_some()),
            ("trusted_services", "link", aws.trusted_services.is_some()),
            ("responsibility_transfers", "link", aws.responsibility_transfers.is_some()),
            ("resource_policy", "link", aws.resource_policy.is_some()),
            ("regions", "region", aws.regions.is_some()),
            ("quotas", "quota", aws.quotas.is_some()),
            ("quota_requests", "quota", aws.quota_requests.is_some()),
            ("quota_template", "quota", aws.quota_template.is_some()),
            ("quota_auto_management", "quota", aws.quota_auto_management.is_some()),
            ("policy_types", "policy", aws.policy_types.is_some()),
            ("policies", "policy", aws.policies.is_some()),
            ("settings", "setting", aws.settings.is_some()),
            ("audit_logs", "audit-log", aws.audit_logs.is_some()),
        ];
        let reason = |kind: &str, declared: bool| match (declared, self.narrowing.kind(kind)) {
            (false, _) => Some("not in the baseline"),
            (true, false) => Some("left out on the command line"),
            (true, true) => None,
        };
        sections.into_iter().filter_map(|(section, kind, declared)| Some((section, reason(kind, declared)?))).collect()
    }
}
