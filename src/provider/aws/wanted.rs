//! What the baseline speaks of: which accounts, regions, services and settings are worth a call.
//!
//! In: a baseline, the organisation, and how far the user narrows the run. Out: yes or no, before any call is made. It
//! never leaves out what a rule could apply to: where a rule's scope cannot be told, it is read.

use std::collections::BTreeSet;

use super::Identity;
use super::settings::SETTINGS;
use crate::baseline::Baseline;
use crate::baseline::model::{Aws, QuotaLevel, Where};
use crate::estate::Organization;

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
    pub(super) fn kind(&self, kind: &str) -> bool {
        self.kinds.is_empty() || self.kinds.iter().any(|wanted| wanted == kind)
    }
}

/// An account whose inside is read.
#[derive(Clone, Debug)]
pub(super) struct Polled {
    pub(super) id: String,
    pub(super) management: bool,
}

/// The baseline's wishes.
pub(super) struct Wanted<'a> {
    aws: Option<&'a Aws>,
    organization: Option<&'a Organization>,
    identity: &'a Identity,
    narrowing: &'a Narrowing,
}

impl<'a> Wanted<'a> {
    pub(super) fn new(
        baseline: &'a Baseline,
        organization: Option<&'a Organization>,
        identity: &'a Identity,
        narrowing: &'a Narrowing,
    ) -> Self {
        Self { aws: baseline.model.aws.as_ref(), organization, identity, narrowing }
    }

    /// The accounts to poll, and those that are left out with the reason.
    pub(super) fn accounts(&self) -> (Vec<Polled>, Vec<(String, String)>) {
        let (mut polled, mut skipped) = (Vec::new(), Vec::new());
        let management = self.organization.map(|organization| organization.management_account.as_str());
        let mut poll = |id: &str| polled.push(Polled { id: id.to_owned(), management: management == Some(id) });
        match self.organization.and_then(|organization| organization.accounts.known()) {
            Some(accounts) => {
                for account in accounts {
                    if account.state == "ACTIVE" {
                        poll(&account.id);
                    } else {
                        skipped.push((account.id.clone(), format!("the account is {}", account.state)));
                    }
                }
            }
            // Without the organisation's list, what the baseline declares is all there is to go by.
            None if self.organization.is_some() => {
                let declared = self.aws.and_then(|aws| aws.accounts.as_ref()).into_iter().flatten();
                declared.filter_map(|account| account.id.as_deref()).for_each(&mut poll);
            }
            None => poll(&self.identity.account),
        }
        (polled, skipped)
    }

    /// Whether anything inside accounts is wanted.
    pub(super) fn regional(&self) -> bool {
        let Some(aws) = self.aws else { return false };
        (aws.regions.is_some() && self.narrowing.kind("region"))
            || (aws.settings.is_some() && self.narrowing.kind("setting"))
            || (aws.audit_logs.is_some() && self.narrowing.kind("audit-log"))
            || (self.narrowing.kind("quota")
                && (aws.quotas.is_some() || aws.quota_requests.is_some() || aws.quota_auto_management.is_some()))
    }

    pub(super) fn region(&self, region: &str) -> bool {
        self.narrowing.regions.is_empty() || self.narrowing.regions.iter().any(|wanted| wanted == region)
    }

    /// The services whose quotas a rule may speak of there; in the home region also those of global quotas.
    pub(super) fn services(&self, account: &Polled, region: &str, home: bool) -> BTreeSet<String> {
        if !self.narrowing.kind("quota") {
            return BTreeSet::new();
        }
        let rules = self.aws.and_then(|aws| aws.quotas.as_ref()).into_iter().flatten();
        rules
            .filter(|rule| {
                self.applies(&rule.applies, account, region)
                    || (home && self.applies(&rule.applies, account, crate::estate::GLOBAL))
            })
            .map(|rule| rule.service.clone())
            .collect()
    }

    pub(super) fn resource_level(&self, service: &str) -> bool {
        let rules = self.aws.and_then(|aws| aws.quotas.as_ref()).into_iter().flatten();
        rules.filter(|rule| rule.service == service).any(|rule| rule.level == QuotaLevel::Resource)
    }

    /// The settings that a rule speaks of there, by their place in [`SETTINGS`].
    pub(super) fn settings(&self, account: &Polled, region: &str) -> BTreeSet<usize> {
        if !self.narrowing.kind("setting") {
            return BTreeSet::new();
        }
        let rules = self.aws.and_then(|aws| aws.settings.as_ref()).into_iter().flatten();
        rules
            .filter(|rule| self.applies(&rule.applies, account, region))
            .flat_map(|rule| {
                let declared = serde_json::to_value(rule).unwrap_or_default();
                let is_declared = move |name: &str| declared.get(name).is_some_and(|value| !value.is_null());
                (0..SETTINGS.len()).filter(move |index| is_declared(SETTINGS[*index].name))
            })
            .collect()
    }

    pub(super) fn requests(&self) -> bool {
        self.narrowing.kind("quota") && self.aws.is_some_and(|aws| aws.quota_requests.is_some())
    }

    pub(super) fn auto_management(&self) -> bool {
        self.narrowing.kind("quota") && self.aws.is_some_and(|aws| aws.quota_auto_management.is_some())
    }

    pub(super) fn zone_groups(&self, account: &Polled, region: &str) -> bool {
        let rules = self.aws.and_then(|aws| aws.regions.as_ref()).into_iter().flatten();
        self.narrowing.kind("region")
            && rules.filter(|rule| self.applies(&rule.applies, account, region)).any(|rule| rule.zone_groups.is_some())
    }

    /// An organisation's trail is kept in the management account; other trails where a rule asks for them.
    pub(super) fn trails(&self, account: &Polled) -> bool {
        let Some(logs) = self.aws.and_then(|aws| aws.audit_logs.as_ref()) else { return false };
        self.narrowing.kind("audit-log")
            && ((logs.organization_trail.is_some() && account.management)
                || logs.trails.iter().flatten().any(|rule| self.applies(&rule.applies, account, "*")))
    }

    pub(super) fn stores(&self, account: &Polled) -> bool {
        let Some(logs) = self.aws.and_then(|aws| aws.audit_logs.as_ref()) else { return false };
        self.narrowing.kind("audit-log")
            && logs.retention_days.is_some()
            && (account.management || self.organization.is_none())
    }

    fn applies(&self, _rule: &Where, _account: &Polled, _region: &str) -> bool {
        true
    }
}
