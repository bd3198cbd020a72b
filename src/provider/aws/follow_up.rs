//! What is worth a call only once it is known what drifted: the history of quota requests, and effective policies.
//!
//! In: the places that drifted, and the snapshot that showed it. Out: the same snapshot with these reads in it, each known,
//! absent or unknown, and noted in the coverage. It never makes a call whose answer the snapshot holds already.

use std::collections::BTreeSet;

use aws_sdk_organizations::Client;
use aws_sdk_organizations::types as sdk;
use futures::stream::{self, StreamExt};

use super::failure::{code, gap};
use super::pages::{Reader, required};
use super::tasks::Task;
use super::{Aws, client};
use crate::estate::{GLOBAL, Gap, Observation, Provider, Scope, Snapshot};
use crate::provider::FollowUp;

/// Policy types that have no effective policy: they authorise requests. Every other type is a management policy.
/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_DescribeEffectivePolicy.html>
const AUTHORIZATION: [&str; 2] = ["SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"];

/// The effective policy of one type on one account.
struct Effective {
    account: String,
    policy_type: String,
}

impl Aws {
    /// Makes the reads that drift makes worthwhile, as far as the snapshot does not hold them.
    pub async fn follow_up(&self, wanted: &FollowUp, snapshot: &mut Snapshot) {
        let requests = self.unread_requests(wanted, snapshot);
        let policies = unread_policies(wanted, snapshot);
        self.progress.plan((requests.len() + policies.len()) as u64);
        let requests = stream::iter(requests).map(|task| self.perform(task)).buffer_unordered(self.concurrency);
        let (requests, policies) = tokio::join!(requests.collect::<Vec<_>>(), self.effective_policies(policies));
        for (task, fact) in requests {
            self.merge(snapshot, &task, fact);
        }
        if let Observation::Known(organization) = &mut snapshot.organization {
            for (Effective { account, policy_type }, policy) in policies {
                organization.effective_policies.entry(account).or_default().insert(policy_type, policy);
            }
        }
        snapshot.coverage = self.coverage().rows();
    }

    /// A quota of all regions is asked for in the region where AWS keeps it, and so is its history.
    fn unread_requests(&self, wanted: &FollowUp, snapshot: &Snapshot) -> Vec<Task> {
        let places = wanted.quota_requests.iter();
        let places: BTreeSet<(&str, &str)> = places
            .map(|(account, region)| (account.as_str(), if region == GLOBAL { self.home.as_str() } else { region }))
            .collect();
        let is_read = |account: &str, region: &str| {
            let facts = snapshot.accounts.get(account).and_then(|facts| facts.regions.get(region));
            facts.is_some_and(|facts| facts.quota_requests.is_some())
        };
        let unread = places.into_iter().filter(|(account, region)| !is_read(account, region));
        unread
            .map(|(account, region)| Task::Requests { account: account.to_owned(), region: region.to_owned() })
            .collect()
    }

    async fn effective_policies(&self, wanted: Vec<Effective>) -> Vec<(Effective, Observation<String>)> {
        if wanted.is_empty() {
            return Vec::new();
        }
        let session = self.organization_session().await;
        let client = &session.map(|session| client!(self, &session, self.home, aws_sdk_organizations));
        stream::iter(wanted)
            .map(|one| async move {
                let scope = Scope::account(Provider::Aws, &one.account);
                let source = format!("organizations:DescribeEffectivePolicy {}", one.policy_type);
                let policy = match client {
                    Ok(client) => {
                        Reader::new(&self.coverage, &scope).one(&source, effective_policy(client, &one)).await
                    }
                    Err(gap) => {
                        self.note_gap(scope, &source, gap);
                        Observation::Unknown(gap.clone())
                    }
                };
                (one, policy)
            })
            .buffer_unordered(self.concurrency)
            .collect()
            .await
    }
}

/// The types that are on at the root, for each account. Where these are unknown, the coverage says so already.
fn unread_policies(wanted: &FollowUp, snapshot: &Snapshot) -> Vec<Effective> {
    let Some(organization) = snapshot.organization.known() else { return Vec::new() };
    let types = organization.policy_types.known().into_iter().flatten();
    let types = types.filter(|(name, status)| *status == "ENABLED" && !AUTHORIZATION.contains(&name.as_str()));
    let every = types.flat_map(|(name, _)| wanted.effective_policies.iter().map(move |account| (account, name)));
    let is_read = |account: &String, name: &String| {
        organization.effective_policies.get(account).is_some_and(|policies| policies.contains_key(name))
    };
    every
        .filter(|(account, name)| !is_read(account, name))
        .map(|(account, name)| Effective { account: account.clone(), policy_type: name.clone() })
        .collect()
}

async fn effective_policy(client: &Client, wanted: &Effective) -> Result<Observation<String>, Gap> {
    let call = client
        .describe_effective_policy()
        .policy_type(sdk::EffectivePolicyType::from(wanted.policy_type.as_str()))
        .target_id(&wanted.account);
    match call.send().await {
        Ok(answer) => {
            let policy = required(answer.effective_policy, "EffectivePolicy")?;
            Ok(Observation::Known(required(policy.policy_content, "PolicyContent")?))
        }
        Err(error) if code(&error) == Some("EffectivePolicyNotFoundException") => Ok(Observation::Absent),
        Err(error) => Err(gap(error)),
    }
}
