//! Tenant-wide policies: which types are on, what each policy says, and what it is attached to.
//!
//! In: an identity that may read the organisation. Out: every policy of every enabled type, the provider's own ones too.
//! Attachments are read from the policy's side: one list a policy instead of one a target.

use std::collections::BTreeMap;

use aws_sdk_organizations::types as sdk;

use super::failure::{failed, gap};
use super::organization::Reading;
use super::pages::{each, required};
use crate::estate::{Gap, Observation, Policy, PolicyTarget, TargetKind};

/// What the list says of a policy.
#[derive(PartialEq)]
struct Summary {
    id: String,
    name: String,
    aws_managed: bool,
}

fn summary(found: sdk::PolicySummary) -> Result<Summary, Gap> {
    Ok(Summary { id: required(found.id, "Id")?, name: required(found.name, "Name")?, aws_managed: found.aws_managed })
}

impl Reading<'_> {
    /// The policies of each type that is on or being switched off.
    pub(super) async fn policies(
        &self,
        types: &Observation<BTreeMap<String, String>>,
    ) -> BTreeMap<String, Observation<Vec<Policy>>> {
        let Observation::Known(types) = types else { return BTreeMap::new() };
        let on = types.keys().cloned();
        each(on.map(|policy_type| async {
            let policies = self.policies_of(&policy_type).await;
            (policy_type, policies)
        }))
        .await
        .into_iter()
        .collect()
    }

    async fn policies_of(&self, policy_type: &str) -> Observation<Vec<Policy>> {
        let filter = sdk::PolicyType::from(policy_type);
        let summaries = self
            .reader
            .settled(&format!("organizations:ListPolicies {policy_type}"), |token| {
                let call = self.client.list_policies().filter(filter.clone()).set_next_token(token);
                async {
                    let page = call.send().await.map_err(gap)?;
                    let summaries = required(page.policies, "Policies")?.into_iter().map(summary);
                    Ok((summaries.collect::<Result<Vec<_>, _>>()?, page.next_token))
                }
            })
            .await;
        let summaries = match summaries {
            Observation::Known(summaries) => summaries,
            Observation::Absent => return Observation::Absent,
            Observation::Unknown(gap) => return Observation::Unknown(gap),
        };
        let policies = summaries.into_iter().map(|summary| self.policy(summary, policy_type));
        let mut policies = each(policies).await;
        policies.sort_by(|a, b| a.id.cmp(&b.id));
        Observation::Known(policies)
    }

    async fn policy(&self, Summary { id, name, aws_managed }: Summary, policy_type: &str) -> Policy {
        let source = format!("organizations:DescribePolicy {id}");
        let targets = async {
            // Where the provider's own hang is held against the tree, which costs no second reading of a long list.
            if aws_managed { self.targets(&id).await } else { self.settled_targets(&id).await }
        };
        let (document, targets) = tokio::join!(self.reader.one(&source, self.document(&id)), targets);
        Policy { id, name, policy_type: policy_type.to_owned(), aws_managed, document, targets }
    }

    async fn document(&self, id: &str) -> Result<Observation<String>, Gap> {
        let answer = self.client.describe_policy().policy_id(id).send().await.map_err(gap)?;
        let policy = required(answer.policy, "Policy")?;
        Ok(Observation::Known(required(policy.content, "Content")?))
    }

    pub(super) async fn targets(&self, id: &str) -> Observation<Vec<PolicyTarget>> {
        let source = format!("organizations:ListTargetsForPolicy {id}");
        sorted(self.reader.list(&source, |token| self.targets_page(id, token)).await)
    }

    async fn settled_targets(&self, id: &str) -> Observation<Vec<PolicyTarget>> {
        let source = format!("organizations:ListTargetsForPolicy {id}");
        sorted(self.reader.settled(&source, |token| self.targets_page(id, token)).await)
    }

    async fn targets_page(&self, id: &str, token: Option<String>) -> Result<(Vec<PolicyTarget>, Option<String>), Gap> {
        let call = self.client.list_targets_for_policy().policy_id(id).set_next_token(token);
        let page = call.send().await.map_err(gap)?;
        let targets: Result<Vec<_>, _> = required(page.targets, "Targets")?.into_iter().map(target).collect();
        Ok((targets?, page.next_token))
    }
}

fn sorted(targets: Observation<Vec<PolicyTarget>>) -> Observation<Vec<PolicyTarget>> {
    targets.map(|mut targets| {
        targets.sort();
        targets
    })
}

fn target(found: sdk::PolicyTargetSummary) -> Result<PolicyTarget, Gap> {
    let kind = match required(found.r#type, "Type")? {
        sdk::TargetType::Root => TargetKind::Root,
        sdk::TargetType::OrganizationalUnit => TargetKind::Unit,
        sdk::TargetType::Account => TargetKind::Account,
        other => return Err(failed(format!("a policy is attached to a `{}`, which is not known", other.as_str()))),
    };
    Ok(PolicyTarget { kind, id: required(found.target_id, "TargetId")? })
}
