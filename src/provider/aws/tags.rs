//! The tags of accounts that the baseline does not list: only they are placed by what is found.
//!
//! In: the accounts of the organisation whose tags decide something. Out: these accounts with their tags, known or unknown.
//! It never asks for the tags of an account whose tags the baseline declares.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_organizations::Client;
use futures::stream::{self, StreamExt};

use super::failure::gap;
use super::pages::{Reader, required};
use super::{Aws, client};
use crate::baseline::Baseline;
use crate::estate::{Gap, Observation, Organization, Provider, Scope};

const SOURCE: &str = "organizations:ListTagsForResource";

type Tags = BTreeMap<String, String>;

impl Aws {
    /// Reads the tags of these accounts.
    pub(super) async fn read_tags(&self, organization: &mut Organization, accounts: BTreeSet<String>) {
        if accounts.is_empty() {
            return;
        }
        self.progress.plan(accounts.len() as u64);
        let session = self.organization_session().await;
        let client = &session.map(|session| client!(self, &session, self.home, aws_sdk_organizations));
        let mut tags: BTreeMap<String, Observation<Tags>> = stream::iter(accounts)
            .map(|account| async move {
                let scope = Scope::account(Provider::Aws, &account);
                let tags = match client {
                    Ok(client) => tags(client, &Reader::new(&self.coverage, &scope), &account).await,
                    Err(gap) => {
                        self.note_gap(scope, SOURCE, gap);
                        Observation::Unknown(gap.clone())
                    }
                };
                (account, tags)
            })
            .buffer_unordered(self.concurrency)
            .collect()
            .await;
        if let Observation::Known(accounts) = &mut organization.accounts {
            for account in accounts {
                account.tags = tags.remove(&account.id);
            }
        }
    }
}

/// Whether the `match` of an exemption or approved change asks for tags.
pub(super) fn asked_for(baseline: &Baseline) -> bool {
    let exemptions = baseline.model.exemptions.iter().map(|exemption| &exemption.matches);
    let approvals = baseline.model.approved_changes.iter().map(|approval| &approval.matches);
    exemptions.chain(approvals).any(|wanted| !wanted.tag.is_empty())
}

async fn tags(client: &Client, reader: &Reader<'_>, account: &str) -> Observation<Tags> {
    let tags = reader
        .list(SOURCE, |token| async {
            let call = client.list_tags_for_resource().resource_id(account).set_next_token(token);
            let page = call.send().await.map_err(gap)?;
            let tags = required(page.tags, "Tags")?.into_iter().map(|tag| {
                // The SDK makes a key that is missing an empty one, which AWS does not allow.
                Ok((required(Some(tag.key).filter(|key| !key.is_empty()), "Key")?, tag.value))
            });
            Ok((tags.collect::<Result<Vec<_>, Gap>>()?, page.next_token))
        })
        .await;
    tags.map(|tags| tags.into_iter().collect())
}
