//! The least calls that a reader of the whole estate can do with.
//!
//! In: the estate alone. Out: calls by service, operation, account and region, for a reader that walks the organisation
//! from its management account and reads the quotas of every service in every account and region. It is counted from
//! what there is and AWS's page sizes, and never from what a reader did.

use std::collections::BTreeMap;

use super::estate::{Account, Estate, Organization, QuotaKind};

/// How often, by service, operation, the caller's account and the region.
pub type Calls = BTreeMap<(String, String, String, String), u64>;

/// Rows on a page, at most.
const ORGANIZATIONS: usize = 20;
const QUOTAS: usize = 100;
const REGIONS: usize = 50;

/// What the reader knows before it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// Nothing.
    Nothing,
    /// All quotas, as they were when the requests in the estate had not been made: it asks for the history of requests
    /// and reads what these name.
    QuotasBeforeRequests,
}

struct Count<'a> {
    estate: &'a Estate,
    calls: Calls,
}

/// The least calls for an estate with an organisation, read by a user of its management account who takes one role in
/// every other account.
pub fn minimum(estate: &Estate, known: Known) -> Calls {
    let mut count = Count { estate, calls: Calls::new() };
    let organization = estate.organization.as_ref().expect("an organisation to walk");
    count.organization(organization);
    count.inside(organization, known);
    count.calls
}

/// An empty list has a page too.
fn pages(rows: usize, size: usize) -> u64 {
    rows.div_ceil(size).max(1) as u64
}

impl Count<'_> {
    fn add(&mut self, (service, operation): (&str, &str), account: &str, region: &str, calls: u64) {
        let key = (service.to_owned(), operation.to_owned(), account.to_owned(), region.to_owned());
        *self.calls.entry(key).or_default() += calls;
    }

    /// The identity, the tree, the links and the policies. The list of accounts is read beside the walk: a walk alone
    /// cannot tell that an account moved meanwhile.
    fn organization(&mut self, organization: &Organization) {
        let (home, by) = (self.estate.global_region.clone(), organization.management_account.clone());
        let members = || self.estate.accounts.values().filter(|account| account.parent.is_some());
        let mut lists = vec![("ListRoots", 1), ("ListAccounts", members().count())];
        for parent in organization.units.keys().chain([&organization.root.id]) {
            let units = organization.units.values().filter(|unit| unit.parent == *parent).count();
            lists.push(("ListOrganizationalUnitsForParent", units));
            let accounts = members().filter(|account| account.parent.as_ref() == Some(parent)).count();
            lists.push(("ListAccountsForParent", accounts));
        }
        for policy_type in organization.root.policy_types.keys() {
            let policies = || organization.policies.values().filter(|policy| policy.policy_type == *policy_type);
            lists.push(("ListPolicies", policies().count()));
            for policy in policies() {
                lists.push(("ListTargetsForPolicy", policy.targets.len()));
                lists.push(("DescribePolicy", 1));
            }
        }
        lists.push(("ListDelegatedAdministrators", organization.delegated.len()));
        lists.extend(
            organization.delegated.values().map(|services| ("ListDelegatedServicesForAccount", services.len())),
        );
        lists.push(("ListAWSServiceAccessForOrganization", organization.trusted_services.len()));
        lists.push(("ListHandshakesForOrganization", organization.handshakes.len()));
        lists.push(("ListCreateAccountStatus", organization.create_account_statuses.len()));
        lists.push(("ListInboundResponsibilityTransfers", organization.transfers_in.len()));
        lists.push(("ListOutboundResponsibilityTransfers", organization.transfers_out.len()));
        lists.extend([("DescribeOrganization", 1), ("DescribeResourcePolicy", 1)]);
        for (operation, rows) in lists {
            self.add(("organizations", operation), &by, &home, pages(rows, ORGANIZATIONS));
        }
        self.add(("sts", "GetCallerIdentity"), &by, &home, 1);
    }

    /// One role and one list of regions an account, one list of defaults a region and service, and the quotas.
    fn inside(&mut self, organization: &Organization, known: Known) {
        let (home, by) = (&self.estate.global_region, &organization.management_account);
        let estate = self.estate;
        let active = || estate.accounts.values().filter(|a| a.parent.is_some() && a.state == "ACTIVE");
        for account in active() {
            self.add(("account", "ListRegions"), by, home, pages(estate.regions.len(), REGIONS));
            if account.id != *by {
                self.add(("sts", "AssumeRole"), by, home, 1);
            }
            for region in estate.regions.keys().filter(|region| estate.region_open(&account.id, region)) {
                self.quotas(account, region, known);
            }
        }
        for region in estate.regions.keys() {
            let Some(speaker) = active().find(|account| estate.region_open(&account.id, region)) else { continue };
            for service in estate.services.values() {
                let rows = service.quotas.values().filter(|kind| !kind.global || region == home).count();
                let list = ("servicequotas", "ListAWSDefaultServiceQuotas");
                self.add(list, &speaker.id, region, pages(rows, QUOTAS));
            }
        }
    }

    fn quotas(&mut self, account: &Account, region: &str, known: Known) {
        let requests = account.requests.get(region).map(Vec::as_slice).unwrap_or_default();
        if known == Known::QuotasBeforeRequests {
            let history = ("servicequotas", "ListRequestedServiceQuotaChangeHistory");
            self.add(history, &account.id, region, pages(requests.len(), QUOTAS));
        }
        for (code, service) in &self.estate.services {
            if known == Known::QuotasBeforeRequests && requests.iter().all(|request| request.service != *code) {
                continue;
            }
            let listed = |(quota, kind): &(&String, &QuotaKind)| {
                let own = account.quotas.get(region).and_then(|services| services.get(code)?.get(*quota));
                let here = !kind.global || region == self.estate.global_region;
                here && own.map_or(kind.usual.is_some(), |own| own.applied.is_some() || own.error.is_some())
            };
            let rows = service.quotas.iter().filter(listed).count();
            self.add(("servicequotas", "ListServiceQuotas"), &account.id, region, pages(rows, QUOTAS));
        }
    }
}
