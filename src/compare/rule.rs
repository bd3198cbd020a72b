//! The names of everything that can be found.
//!
//! In: nothing. Out: one stable, dotted name a rule. It never says how severe a rule is: that is data.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::estate::Kind;

macro_rules! rules {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)+) => {
        /// A rule, as it stands in reports, in `severity` and in `match`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum Rule {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)+
        }

        impl Rule {
            /// Every rule, in the order of this list.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its stable name.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
    };
}

rules! {
    /// A quota lies above what the baseline allows.
    QuotaRaised = "quota.raised",
    /// A quota lies below what the baseline demands.
    QuotaLowered = "quota.lowered",
    /// A request to change a quota is open.
    QuotaRequestPending = "quota.request.pending",
    /// The organisation's quota request template differs.
    QuotaTemplateChanged = "quota.template.changed",
    /// The provider's own management of quotas is not as declared.
    QuotaAutoManagement = "quota.auto-management",
    /// An opt-in region is on that is not allowed.
    RegionEnabled = "region.enabled",
    /// A required region is not on.
    RegionDisabled = "region.disabled",
    /// A region that is not allowed is being switched on.
    RegionInFlight = "region.in-flight",
    /// The guardrails let compute be created in a region that is on and not allowed.
    RegionOpen = "region.open",
    /// A Local or Wavelength Zone group is on that is not allowed.
    RegionZoneGroupEnabled = "region.zone-group.enabled",
    /// The organisation is another one, or its management account or feature set differs.
    LinkOrganizationChanged = "link.organization.changed",
    /// An account belongs that is not declared.
    LinkAccountUnexpected = "link.account.unexpected",
    /// A declared account does not belong any more.
    LinkAccountMissing = "link.account.missing",
    /// An account hangs on another unit than declared.
    LinkAccountMoved = "link.account.moved",
    /// An account has another name than declared.
    LinkAccountRenamed = "link.account.renamed",
    /// A declared account is suspended or being closed.
    LinkAccountSuspended = "link.account.suspended",
    /// An organisational unit exists that is not declared.
    LinkOuUnexpected = "link.ou.unexpected",
    /// A declared organisational unit does not exist.
    LinkOuMissing = "link.ou.missing",
    /// An organisational unit hangs elsewhere than declared.
    LinkOuMoved = "link.ou.moved",
    /// An organisational unit has another name than declared.
    LinkOuRenamed = "link.ou.renamed",
    /// Who administers a service for the organisation, or the delegation policy, differs.
    LinkDelegationChanged = "link.delegation.changed",
    /// A service's trusted access differs.
    LinkTrustedServiceChanged = "link.trusted-service.changed",
    /// An invitation or another agreement is open.
    LinkHandshakeOpen = "link.handshake.open",
    /// Billing responsibility goes to or comes from another organisation.
    LinkResponsibilityTransfer = "link.responsibility-transfer",
    /// A declared policy does not exist.
    PolicyMissing = "policy.missing",
    /// A policy exists that is not declared.
    PolicyUnexpected = "policy.unexpected",
    /// A policy's document differs.
    PolicyChanged = "policy.changed",
    /// A policy, or where it is attached, lets requests through that the declared guardrails stop.
    PolicyWeakened = "policy.weakened",
    /// A policy, or where it is attached, stops requests that the declared guardrails let through.
    PolicyTightened = "policy.tightened",
    /// A policy differs, and whether it weakens a guardrail cannot be told.
    PolicyUndecided = "policy.undecided",
    /// A policy has another name than declared.
    PolicyRenamed = "policy.renamed",
    /// A policy is not attached where it is declared to be.
    PolicyDetached = "policy.detached",
    /// A policy is attached where it is not declared to be.
    PolicyAttached = "policy.attached",
    /// A declared policy type is off.
    PolicyTypeDisabled = "policy-type.disabled",
    /// A policy type is on that is not declared.
    PolicyTypeEnabled = "policy-type.enabled",
    /// A setting differs.
    SettingChanged = "setting.changed",
    /// A setting is no longer managed by the organisation's policy.
    SettingUnmanaged = "setting.unmanaged",
    /// A demanded trail or store does not exist.
    AuditTrailMissing = "audit.trail.missing",
    /// A trail does not log.
    AuditTrailStopped = "audit.trail.stopped",
    /// A trail records less than demanded.
    AuditTrailWeakened = "audit.trail.weakened",
    /// A trail's last delivery failed.
    AuditTrailFailing = "audit.trail.failing",
    /// An exemption's time is over while its finding still stands.
    ExemptionExpired = "exemption.expired",
    /// An exemption matches nothing.
    ExemptionUnused = "exemption.unused",
    /// An exemption has no bound or no scope.
    ExemptionUnbounded = "exemption.unbounded",
    /// Something the baseline names exists nowhere in a completely read estate.
    BaselineUnmatched = "baseline.unmatched",
}

impl Rule {
    /// The kind of what it speaks of: the first word of its name says it.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self.as_str().split('.').next() {
            Some("quota") => Kind::Quota,
            Some("region") => Kind::Region,
            Some("link") => Kind::Link,
            Some("policy" | "policy-type") => Kind::Policy,
            Some("setting") => Kind::Setting,
            Some("audit") => Kind::AuditLog,
            _ => Kind::Baseline,
        }
    }
}

impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_dotted_kebab_case() {
        let names: std::collections::BTreeSet<_> = Rule::ALL.iter().map(|rule| rule.as_str()).collect();
        assert_eq!(names.len(), Rule::ALL.len());
        for name in names {
            assert!(name.contains('.'), "{name}");
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '.' || c == '-'), "{name}");
        }
    }

    #[test]
    fn only_the_baselines_own_rules_are_of_its_kind() {
        for rule in Rule::ALL {
            let own = rule.as_str().starts_with("exemption.") || rule.as_str().starts_with("baseline.");
            assert_eq!(rule.kind() == Kind::Baseline, own, "{rule}");
        }
    }
}
