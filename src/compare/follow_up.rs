//! Which further reads the drift makes worthwhile.
//!
//! In: drift. Out: where the history of quota requests may say who asked, and which accounts' effective policies show what
//! holds there now. It never asks for more than what drifted: units and the root are no accounts.

use super::drift::{Aspect, Drift};
use super::policies::is_account;
use crate::estate::Kind;
use crate::provider::FollowUp;

/// The places to read once more, for the provider.
#[must_use]
pub fn follow_up(drifts: &[Drift]) -> FollowUp {
    let mut wanted = FollowUp::default();
    for drift in drifts {
        let account = match (drift.kind, drift.aspect) {
            (Kind::Quota, Aspect::Value) => {
                let scope = drift.scope.clone();
                wanted.quota_requests.extend(scope.account.zip(scope.region));
                None
            }
            // A policy came to an account or left it.
            (Kind::Policy, _) => drift.event_subject.get("target").filter(|target| is_account(target)),
            // It inherits from another unit. A unit that moved names no account.
            (Kind::Link, Aspect::Placement) => drift.event_subject.get("account"),
            // The organisation's policy does not hold a setting any more.
            (Kind::Setting, Aspect::Management) => drift.scope.account.as_ref(),
            _ => None,
        };
        wanted.effective_policies.extend(account.cloned());
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Rule;
    use crate::estate::{GLOBAL, Provider, Scope};

    const ONE: &str = "222222222222";
    const OTHER: &str = "333333333333";

    fn organization() -> Scope {
        Scope::organization(Provider::Aws, "o-abcdefghij")
    }

    fn inside(account: &str, region: &str) -> Scope {
        Scope::account(Provider::Aws, account).in_region(region)
    }

    fn drift(rule: Rule, aspect: Aspect, scope: Scope) -> Drift {
        Drift::new(rule, aspect, scope, "subject", "subject")
    }

    #[test]
    fn a_quotas_history_is_read_where_its_value_drifted_and_once() {
        let drifts = [
            drift(Rule::QuotaRaised, Aspect::Value, inside(ONE, "eu-west-1")),
            drift(Rule::QuotaLowered, Aspect::Value, inside(ONE, "eu-west-1")),
            drift(Rule::QuotaRaised, Aspect::Value, inside(OTHER, GLOBAL)),
            drift(Rule::QuotaRequestPending, Aspect::Request, inside(OTHER, "eu-west-1")),
            drift(Rule::QuotaTemplateChanged, Aspect::Template, organization()),
        ];
        let wanted = follow_up(&drifts);
        let places = [(ONE, "eu-west-1"), (OTHER, GLOBAL)];
        let places = places.map(|(account, region)| (account.to_owned(), region.to_owned()));
        assert_eq!(wanted, FollowUp { quota_requests: places.into(), ..FollowUp::default() });
    }

    #[test]
    fn effective_policies_are_read_for_accounts_that_drift_and_for_no_unit() {
        let attached =
            |target: &str| drift(Rule::PolicyAttached, Aspect::Attachment, organization()).names("target", target);
        let moved =
            |key: &str, id: &str| drift(Rule::LinkAccountMoved, Aspect::Placement, organization()).names(key, id);
        for (drift, accounts) in [
            (attached(ONE), vec![ONE]),
            (attached("ou-ab12-cdefghij"), vec![]),
            (attached("r-ab12"), vec![]),
            (drift(Rule::PolicyChanged, Aspect::Content, organization()), vec![]),
            (moved("account", OTHER), vec![OTHER]),
            (moved("unit", "ou-ab12-cdefghij"), vec![]),
            (drift(Rule::LinkAccountRenamed, Aspect::Name, organization()).names("account", ONE), vec![]),
            (drift(Rule::SettingUnmanaged, Aspect::Management, inside(ONE, "eu-west-1")), vec![ONE]),
            (drift(Rule::SettingChanged, Aspect::Value, inside(ONE, "eu-west-1")), vec![]),
            (drift(Rule::RegionEnabled, Aspect::Status, inside(ONE, "me-south-1")), vec![]),
        ] {
            let expected = accounts.into_iter().map(str::to_owned).collect();
            let wanted = follow_up(std::slice::from_ref(&drift));
            assert_eq!(wanted, FollowUp { effective_policies: expected, ..FollowUp::default() }, "{drift:?}");
        }
    }
}
