//! The organisation: its tree, its members and its links, read from the management account or a delegated one.
//!
//! In: an identity that may read the organisation. Out: an [`Organization`] in which each part is known or unknown by
//! itself. It never asks about one account at a time: the tree is walked once, from the root.
//!
//! Operations: <https://docs.aws.amazon.com/organizations/latest/APIReference/API_Operations.html>

use std::collections::{BTreeMap, BTreeSet};
use std::future::ready;

use aws_config::SdkConfig;
use aws_sdk_organizations::Client;
use aws_sdk_organizations::types as sdk;
use aws_smithy_types::DateTime;
use jiff::Timestamp;

use super::fabric::Fabric;
use super::failure::{code, failed, gap};
use super::pages::{Reader, each, required};
use super::{Aws, client};
use crate::baseline::model::OuPath;
use crate::estate::{
    Account, AccountRequest, CoverageStatus, Delegation, Gap, Handshake, Observation, Organization, Provider, Scope,
    Transfer, TransferDirection, Unit,
};

/// Handshake states after which nothing more happens.
const CLOSED: [&str; 4] = ["ACCEPTED", "CANCELED", "DECLINED", "EXPIRED"];

/// What the organisation's reads share.
pub(super) struct Reading<'a> {
    pub(super) client: Client,
    pub(super) reader: Reader<'a>,
}

/// The tree, as one walk found it.
#[derive(Clone, PartialEq)]
pub(super) struct Tree {
    pub(super) units: Vec<Unit>,
    pub(super) accounts: Vec<Account>,
}

impl Aws {
    /// Reads the organisation; absent when the account stands alone.
    pub(super) async fn read_organization(&self, wants_template: bool) -> Observation<Organization> {
        let scope = Scope::account(Provider::Aws, &self.identity.account);
        let reader = Reader::new(&self.coverage, &scope);
        let session = match self.organization_session().await {
            Ok(session) => session,
            Err(gap) => return reader.one("organizations:DescribeOrganization", ready(Err(gap))).await,
        };
        let client = client!(self, &session, self.home, aws_sdk_organizations);
        let described = reader.one("organizations:DescribeOrganization", describe(&client)).await;
        let described = match described {
            Observation::Known(described) => described,
            Observation::Absent => return Observation::Absent,
            Observation::Unknown(gap) => return Observation::Unknown(gap),
        };
        let scope = Scope::organization(Provider::Aws, &described.id);
        let reading = Reading { client, reader: Reader::new(&self.coverage, &scope) };
        Observation::Known(self.read_parts(&reading, &session, described, wants_template).await)
    }

    async fn read_parts(
        &self,
        reading: &Reading<'_>,
        session: &SdkConfig,
        described: Described,
        wants_template: bool,
    ) -> Organization {
        // Before the accounts: one whose creation ends meanwhile is seen twice then, and not never.
        let account_requests = reading.account_requests().await;
        let (fabric, links) = tokio::join!(reading.fabric(), reading.links());
        let Fabric { root: root_id, policy_types, tree, policies } = fabric;
        let quota_template = if wants_template {
            self.quota_template(session, &reading.reader).await
        } else {
            Observation::unknown(CoverageStatus::Skipped, "not in the baseline")
        };
        let (units, accounts) = match tree {
            Ok(tree) => (Observation::Known(tree.units), Observation::Known(tree.accounts)),
            Err(gap) => (Observation::Unknown(gap.clone()), Observation::Unknown(gap)),
        };
        Organization {
            id: described.id,
            management_account: described.management_account,
            feature_set: described.feature_set,
            root: root_id,
            units,
            accounts,
            policy_types,
            policies,
            effective_policies: BTreeMap::new(),
            delegated_administrators: links.delegated_administrators,
            trusted_services: links.trusted_services,
            handshakes: links.handshakes,
            account_requests,
            resource_policy: links.resource_policy,
            responsibility_transfers: links.responsibility_transfers,
            quota_template,
        }
    }
}

struct Described {
    id: String,
    management_account: String,
    feature_set: String,
}

async fn describe(client: &Client) -> Result<Observation<Described>, Gap> {
    let answer = match client.describe_organization().send().await {
        Ok(answer) => answer,
        Err(error) if code(&error) == Some("AWSOrganizationsNotInUseException") => return Ok(Observation::Absent),
        Err(error) => return Err(gap(error)),
    };
    let organization = required(answer.organization, "Organization")?;
    Ok(Observation::Known(Described {
        id: required(organization.id, "Id")?,
        management_account: required(organization.master_account_id, "MasterAccountId")?,
        feature_set: required(organization.feature_set, "FeatureSet")?.as_str().to_owned(),
    }))
}

struct Links {
    delegated_administrators: Observation<Vec<Delegation>>,
    trusted_services: Observation<Vec<String>>,
    handshakes: Observation<Vec<Handshake>>,
    resource_policy: Observation<String>,
    responsibility_transfers: Observation<Vec<Transfer>>,
}

impl Reading<'_> {
    /// The root's id, and its policy types with their status.
    pub(super) async fn root(&self) -> Observation<(String, BTreeMap<String, String>)> {
        let roots = self
            .reader
            .list("organizations:ListRoots", |token| async {
                let page = self.client.list_roots().set_next_token(token).send().await.map_err(gap)?;
                Ok((required(page.roots, "Roots")?, page.next_token))
            })
            .await;
        let root = match roots {
            Observation::Known(roots) => roots.into_iter().next(),
            Observation::Absent => None,
            Observation::Unknown(gap) => return Observation::Unknown(gap),
        };
        let root = root.ok_or_else(|| failed("the answer holds no root")).and_then(root_of);
        match root {
            Ok(root) => Observation::Known(root),
            Err(gap) => Observation::Unknown(self.reader.unusable("organizations:ListRoots", gap)),
        }
    }

    /// The tree; an account that moves while it is read makes one more walk, and then the tree unknown.
    pub(super) async fn tree(&self, root: &Observation<String>) -> Result<Tree, Gap> {
        let root = match root {
            Observation::Known(root) => root,
            Observation::Absent => return Err(failed("the organisation has no root")),
            Observation::Unknown(gap) => return Err(gap.clone()),
        };
        for _ in 0..2 {
            let (tree, listed) = tokio::join!(self.walk(root), self.listed());
            let (tree, listed) = (tree?, listed?);
            let walked: BTreeSet<&str> = tree.accounts.iter().map(|account| account.id.as_str()).collect();
            let units: BTreeSet<&str> = tree.units.iter().map(|unit| unit.id.as_str()).collect();
            let once = walked.len() == tree.accounts.len() && units.len() == tree.units.len();
            if once && walked == listed.iter().map(String::as_str).collect() {
                return Ok(tree);
            }
        }
        let changed = failed("accounts joined, left or moved while they were read");
        Err(self.reader.unusable("organizations:ListAccounts", changed))
    }

    async fn listed(&self) -> Result<Vec<String>, Gap> {
        let ids = self
            .reader
            .list("organizations:ListAccounts", |token| async {
                let page = self.client.list_accounts().set_next_token(token).send().await.map_err(gap)?;
                let ids = required(page.accounts, "Accounts")?.into_iter().map(|account| required(account.id, "Id"));
                Ok((ids.collect::<Result<Vec<_>, _>>()?, page.next_token))
            })
            .await;
        into_result(ids)
    }

    /// Level by level: the units and accounts below each parent.
    async fn walk(&self, root: &str) -> Result<Tree, Gap> {
        let mut tree = Tree { units: Vec::new(), accounts: Vec::new() };
        let mut level = vec![(root.to_owned(), String::new())];
        while !level.is_empty() {
            let answers = each(level.iter().map(|(id, path)| self.below(id, path))).await;
            level.clear();
            for answer in answers {
                let (units, accounts) = answer?;
                level.extend(units.iter().map(|unit| (unit.id.clone(), unit.path.clone())));
                tree.units.extend(units);
                tree.accounts.extend(accounts);
            }
        }
        tree.units.sort_by(|a, b| a.path.cmp(&b.path).then_with(|| a.id.cmp(&b.id)));
        tree.accounts.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(tree)
    }

    async fn below(&self, parent: &str, path: &str) -> Result<(Vec<Unit>, Vec<Account>), Gap> {
        let units = self.reader.list("organizations:ListOrganizationalUnitsForParent", |token| async {
            let call = self.client.list_organizational_units_for_parent().parent_id(parent).set_next_token(token);
            let page = call.send().await.map_err(gap)?;
            let units = required(page.organizational_units, "OrganizationalUnits")?;
            let units: Result<Vec<_>, _> = units.into_iter().map(|found| unit(found, parent, path)).collect();
            Ok((units?, page.next_token))
        });
        let accounts = self.reader.list("organizations:ListAccountsForParent", |token| async {
            let call = self.client.list_accounts_for_parent().parent_id(parent).set_next_token(token);
            let page = call.send().await.map_err(gap)?;
            let accounts = required(page.accounts, "Accounts")?;
            let accounts: Result<Vec<_>, _> = accounts.into_iter().map(|found| account(found, parent, path)).collect();
            Ok((accounts?, page.next_token))
        });
        let (units, accounts) = tokio::join!(units, accounts);
        Ok((into_result(units)?, into_result(accounts)?))
    }

    async fn links(&self) -> Links {
        let (delegated_administrators, trusted_services, handshakes, resource_policy, transfers) = tokio::join!(
            self.delegated_administrators(),
            self.trusted_services(),
            self.handshakes(),
            self.reader.one("organizations:DescribeResourcePolicy", self.resource_policy()),
            self.transfers(),
        );
        Links {
            delegated_administrators,
            trusted_services,
            handshakes,
            resource_policy,
            responsibility_transfers: transfers,
        }
    }

    async fn delegated_administrators(&self) -> Observation<Vec<Delegation>> {
        let administrators = self
            .reader
            .settled("organizations:ListDelegatedAdministrators", |token| async {
                let page =
                    self.client.list_delegated_administrators().set_next_token(token).send().await.map_err(gap)?;
                let found = required(page.delegated_administrators, "DelegatedAdministrators")?;
                let ids = found.into_iter().map(|account| required(account.id, "Id"));
                Ok((ids.collect::<Result<Vec<_>, _>>()?, page.next_token))
            })
            .await;
        let administrators = match administrators {
            Observation::Known(administrators) => administrators,
            Observation::Absent => return Observation::Absent,
            Observation::Unknown(gap) => return Observation::Unknown(gap),
        };
        let mut delegations = Vec::new();
        for services in each(administrators.iter().map(|account| self.delegated_services(account))).await {
            match services {
                Observation::Known(services) => delegations.extend(services),
                Observation::Absent => {}
                Observation::Unknown(gap) => return Observation::Unknown(gap),
            }
        }
        delegations.sort();
        Observation::Known(delegations)
    }

    async fn delegated_services(&self, account: &str) -> Observation<Vec<Delegation>> {
        self.reader
            .settled(&format!("organizations:ListDelegatedServicesForAccount {account}"), |token| async {
                let call = self.client.list_delegated_services_for_account().account_id(account).set_next_token(token);
                let page = call.send().await.map_err(gap)?;
                let services = required(page.delegated_services, "DelegatedServices")?.into_iter().map(|service| {
                    let service = required(service.service_principal, "ServicePrincipal")?;
                    Ok(Delegation { account: account.to_owned(), service })
                });
                Ok((services.collect::<Result<Vec<_>, Gap>>()?, page.next_token))
            })
            .await
    }

    async fn trusted_services(&self) -> Observation<Vec<String>> {
        let services = self
            .reader
            .settled("organizations:ListAWSServiceAccessForOrganization", |token| async {
                let call = self.client.list_aws_service_access_for_organization().set_next_token(token);
                let page = call.send().await.map_err(gap)?;
                let services = required(page.enabled_service_principals, "EnabledServicePrincipals")?
                    .into_iter()
                    .map(|service| required(service.service_principal, "ServicePrincipal"));
                Ok((services.collect::<Result<Vec<_>, _>>()?, page.next_token))
            })
            .await;
        services.map(sorted)
    }

    async fn handshakes(&self) -> Observation<Vec<Handshake>> {
        let handshakes = self
            .reader
            .settled("organizations:ListHandshakesForOrganization", |token| async {
                let call = self.client.list_handshakes_for_organization().set_next_token(token);
                let page = call.send().await.map_err(gap)?;
                let handshakes: Result<Vec<_>, _> =
                    required(page.handshakes, "Handshakes")?.into_iter().map(handshake).collect();
                Ok((handshakes?, page.next_token))
            })
            .await;
        handshakes.map(|mut handshakes| {
            handshakes.retain(|handshake| !CLOSED.contains(&handshake.state.as_str()));
            handshakes.sort_by(|a, b| a.id.cmp(&b.id));
            handshakes
        })
    }

    async fn account_requests(&self) -> Observation<Vec<AccountRequest>> {
        self.reader
            .settled("organizations:ListCreateAccountStatus", |token| async {
                let call = self
                    .client
                    .list_create_account_status()
                    .states(sdk::CreateAccountState::InProgress)
                    .set_next_token(token);
                let page = call.send().await.map_err(gap)?;
                let requests = required(page.create_account_statuses, "CreateAccountStatuses")?;
                let requests: Result<Vec<_>, _> = requests.into_iter().map(account_request).collect();
                Ok((requests?, page.next_token))
            })
            .await
    }

    async fn resource_policy(&self) -> Result<Observation<String>, Gap> {
        match self.client.describe_resource_policy().send().await {
            Ok(answer) => {
                let policy = required(answer.resource_policy, "ResourcePolicy")?;
                Ok(Observation::Known(required(policy.content, "Content")?))
            }
            Err(error) if code(&error) == Some("ResourcePolicyNotFoundException") => Ok(Observation::Absent),
            Err(error) => Err(gap(error)),
        }
    }

    /// Both directions; only the management account may ask.
    async fn transfers(&self) -> Observation<Vec<Transfer>> {
        let billing = sdk::ResponsibilityTransferType::Billing;
        let inbound = self.reader.settled("organizations:ListInboundResponsibilityTransfers", |token| async {
            let call = self.client.list_inbound_responsibility_transfers().r#type(billing.clone());
            let page = call.set_next_token(token).send().await.map_err(gap)?;
            let rows = required(page.responsibility_transfers, "ResponsibilityTransfers")?;
            let rows: Result<Vec<_>, _> =
                rows.into_iter().map(|row| transfer(row, TransferDirection::Inbound)).collect();
            Ok((rows?, page.next_token))
        });
        let outbound = self.reader.settled("organizations:ListOutboundResponsibilityTransfers", |token| async {
            let call = self.client.list_outbound_responsibility_transfers().r#type(billing.clone());
            let page = call.set_next_token(token).send().await.map_err(gap)?;
            let rows = required(page.responsibility_transfers, "ResponsibilityTransfers")?;
            let rows: Result<Vec<_>, _> =
                rows.into_iter().map(|row| transfer(row, TransferDirection::Outbound)).collect();
            Ok((rows?, page.next_token))
        });
        let (inbound, outbound) = tokio::join!(inbound, outbound);
        match (into_result(inbound), into_result(outbound)) {
            (Ok(mut all), Ok(more)) => {
                all.extend(more);
                all.sort_by(|a, b| a.id.cmp(&b.id));
                Observation::Known(all)
            }
            (Err(gap), _) | (_, Err(gap)) => Observation::Unknown(gap),
        }
    }
}

/// A list as a result, for reads that need all of their parts.
pub(super) fn into_result<T>(list: Observation<Vec<T>>) -> Result<Vec<T>, Gap> {
    match list {
        Observation::Known(items) => Ok(items),
        Observation::Absent => Ok(Vec::new()),
        Observation::Unknown(gap) => Err(gap),
    }
}

fn sorted(mut items: Vec<String>) -> Vec<String> {
    items.sort();
    items
}

/// The root's id, and each policy type that is not off.
fn root_of(found: sdk::Root) -> Result<(String, BTreeMap<String, String>), Gap> {
    let types = required(found.policy_types, "PolicyTypes")?.into_iter().map(|summary| {
        let policy_type = required(summary.r#type, "Type")?.as_str().to_owned();
        Ok((policy_type, required(summary.status, "Status")?.as_str().to_owned()))
    });
    Ok((required(found.id, "Id")?, types.collect::<Result<_, Gap>>()?))
}

fn unit(found: sdk::OrganizationalUnit, parent: &str, above: &str) -> Result<Unit, Gap> {
    let name = required(found.name, "Name")?;
    Ok(Unit {
        id: required(found.id, "Id")?,
        path: format!("{above}{}", OuPath::from_names([&name])),
        name,
        parent: parent.to_owned(),
    })
}

fn account(found: sdk::Account, parent: &str, path: &str) -> Result<Account, Gap> {
    // `Status` was the only one of the two before 2025, and is gone since September 2026.
    let state = match found.state {
        Some(state) => state.as_str().to_owned(),
        None => required(found.status, "State")?.as_str().to_owned(),
    };
    Ok(Account {
        id: required(found.id, "Id")?,
        name: required(found.name, "Name")?,
        email: found.email,
        state,
        // Without it an account that was created here would pass for one that came from elsewhere.
        joined_method: Some(required(found.joined_method, "JoinedMethod")?.as_str().to_owned()),
        joined_at: found.joined_timestamp.as_ref().and_then(timestamp),
        parent: parent.to_owned(),
        unit: if path.is_empty() { "/".to_owned() } else { path.to_owned() },
        tags: None,
    })
}

fn handshake(found: sdk::Handshake) -> Result<Handshake, Gap> {
    let parties =
        required(found.parties, "Parties")?.into_iter().map(|party| format!("{} {}", party.r#type.as_str(), party.id));
    Ok(Handshake {
        id: required(found.id, "Id")?,
        action: required(found.action, "Action")?.as_str().to_owned(),
        state: required(found.state, "State")?.as_str().to_owned(),
        parties: parties.collect(),
        requested_at: found.requested_timestamp.as_ref().and_then(timestamp),
    })
}

fn account_request(found: sdk::CreateAccountStatus) -> Result<AccountRequest, Gap> {
    Ok(AccountRequest {
        id: required(found.id, "Id")?,
        name: required(found.account_name, "AccountName")?,
        state: required(found.state, "State")?.as_str().to_owned(),
        account: found.account_id,
    })
}

fn transfer(found: sdk::ResponsibilityTransfer, direction: TransferDirection) -> Result<Transfer, Gap> {
    let counterpart = match direction {
        TransferDirection::Inbound => found.source,
        TransferDirection::Outbound => found.target,
    };
    Ok(Transfer {
        id: required(found.id, "Id")?,
        name: found.name,
        direction,
        status: required(found.status, "Status")?.as_str().to_owned(),
        counterpart: counterpart.and_then(|participant| participant.management_account_id),
    })
}

/// A moment of the SDK, as this crate holds it.
pub(super) fn timestamp(moment: &DateTime) -> Option<Timestamp> {
    Timestamp::from_nanosecond(moment.as_nanos()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_look_like_a_path() {
        let named = |name: &str| sdk::OrganizationalUnit::builder().id("ou-ab12-00000001").name(name).build();
        for name in ["Prod", "a/b", r"back\slash", r"ends with \", r"\/"] {
            let made = unit(named(name), "ou-ab12-00000000", "/Above").unwrap();
            let path = OuPath::parse(&made.path).unwrap();
            assert_eq!(path.names(), ["Above", name], "{}", made.path);
        }
    }
}
