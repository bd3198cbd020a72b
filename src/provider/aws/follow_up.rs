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
pub(super) const AUTHORIZATION: [&str; 2] = ["SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"];

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
        self.note_reads(snapshot);
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;
    use crate::estate::CoverageStatus;
    use crate::provider::Progress;
    use crate::provider::recording::{RECORDING_SCHEMA, Recording};

    const OWN: &str = "111111111111";
    const MEMBER: &str = "222222222222";

    fn exchange(operation: &str, region: &str, input: &Value, status: u16, output: &Value) -> Value {
        let account = if operation.starts_with("sts:") { "self" } else { OWN };
        let protocol = if operation.starts_with("sts:") { "text/xml" } else { "application/x-amz-json-1.1" };
        json!({
            "operation": operation, "account": account, "region": region, "input": input, "status": status,
            "headers": {"content-type": protocol}, "output": output, "time": "2026-11-03T00:00:00Z",
        })
    }

    fn history(region: &str, id: &str) -> Value {
        let row = json!({
            "Id": id, "ServiceCode": "ec2", "QuotaCode": "L-1216C47A", "Status": "APPROVED", "DesiredValue": 640.0,
            "Requester": "{\"accountId\":\"111111111111\",\"callerArn\":\"arn:aws:iam::111111111111:user/eve\"}",
        });
        exchange(
            "servicequotas:ListRequestedServiceQuotaChangeHistory",
            region,
            &json!({"MaxResults": 100, "QuotaRequestedAtLevel": "ALL"}),
            200,
            &json!({"RequestedQuotas": [row]}),
        )
    }

    fn effective(policy_type: &str, status: u16, output: &Value) -> Value {
        let input = json!({"PolicyType": policy_type, "TargetId": MEMBER});
        exchange("organizations:DescribeEffectivePolicy", "us-east-1", &input, status, output)
    }

    /// The agent over a recording that holds these exchanges.
    async fn agent(exchanges: &[Value]) -> Aws {
        let manifest = json!({
            "schema": RECORDING_SCHEMA, "clock": "2026-11-03T00:00:00Z", "version": "0", "region": "us-east-1",
        });
        let identity = format!(
            "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::{OWN}:user/reader</Arn>\
             <UserId>U</UserId><Account>{OWN}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
        );
        let identity = exchange("sts:GetCallerIdentity", "us-east-1", &json!({}), 200, &json!(identity));
        let lines: Vec<String> = [identity].iter().chain(exchanges).map(Value::to_string).collect();
        let recording = Recording::read(Path::new("r"), &manifest.to_string(), lines.join("\n").as_bytes()).unwrap();
        Aws::replay(recording, 4, Arc::new(Progress::default())).await.unwrap()
    }

    /// Of an organisation at whose root these types are on, and in whose accounts nothing was read.
    fn snapshot(types: &[(&str, &str)]) -> Snapshot {
        let unread = json!({"unknown": {"status": "skipped", "reason": "of no matter here"}});
        let types: BTreeMap<&str, &str> = types.iter().copied().collect();
        let organization = json!({
            "id": "o-abcdefghij", "management_account": OWN, "feature_set": "ALL", "root": {"known": "r-ab12"},
            "units": unread, "accounts": unread, "policy_types": {"known": types}, "policies": {},
            "effective_policies": {}, "delegated_administrators": unread, "trusted_services": unread,
            "handshakes": unread, "account_requests": unread, "resource_policy": unread,
            "responsibility_transfers": unread, "quota_template": unread,
        });
        let snapshot = json!({
            "schema": "guardline/snapshot/v1", "taken_at": "2026-11-03T00:00:00Z", "provider": "aws",
            "partition": "aws", "caller_account": OWN, "caller": "arn:aws:iam::111111111111:user/reader",
            "organization": {"known": organization}, "accounts": {}, "quota_definitions": {}, "coverage": [],
        });
        serde_json::from_value(snapshot).unwrap()
    }

    fn requests(places: &[(&str, &str)]) -> FollowUp {
        let places = places.iter().map(|(account, region)| ((*account).to_owned(), (*region).to_owned()));
        FollowUp { quota_requests: places.collect(), ..FollowUp::default() }
    }

    fn read<'a>(
        snapshot: &'a Snapshot,
        account: &str,
        region: &str,
    ) -> &'a Observation<Vec<crate::estate::QuotaRequest>> {
        snapshot.accounts[account].regions[region].quota_requests.as_ref().unwrap()
    }

    #[tokio::test]
    async fn the_history_is_read_where_a_quota_drifted_a_global_ones_at_home_and_never_twice() {
        let aws = agent(&[history("eu-west-1", "q-1"), history("us-east-1", "q-2")]).await;
        let mut snapshot = snapshot(&[]);
        let (_, before) = aws.progress.calls();
        aws.follow_up(&requests(&[(OWN, "eu-west-1"), (OWN, GLOBAL), (OWN, "us-east-1")]), &mut snapshot).await;
        let (planned, made) = aws.progress.calls();
        assert_eq!((planned, made - before), (made, 2));
        for (region, id) in [("eu-west-1", "q-1"), ("us-east-1", "q-2")] {
            let rows = read(&snapshot, OWN, region).known().unwrap();
            assert_eq!((rows.len(), rows[0].id.as_str()), (1, id));
            assert_eq!(rows[0].requester.as_deref(), Some("arn:aws:iam::111111111111:user/eve"));
        }
        assert_eq!(snapshot.coverage[0].source, "servicequotas:ListRequestedServiceQuotaChangeHistory");
        assert_eq!(
            (snapshot.coverage[0].reads, &snapshot.coverage[0].regions),
            (2, &vec!["eu-west-1".to_owned(), "us-east-1".to_owned()])
        );
        aws.follow_up(&requests(&[(OWN, "eu-west-1"), (OWN, GLOBAL)]), &mut snapshot).await;
        assert_eq!(aws.progress.calls().1, made, "what was read is not asked for again");
    }

    #[tokio::test]
    async fn a_history_that_cannot_be_read_is_unknown_and_named() {
        let aws = agent(&[]).await;
        let mut snapshot = snapshot(&[]);
        aws.follow_up(&requests(&[(MEMBER, "eu-west-1"), (OWN, "eu-west-1")]), &mut snapshot).await;
        for (account, status) in [(MEMBER, CoverageStatus::Denied), (OWN, CoverageStatus::Failed)] {
            assert_eq!(read(&snapshot, account, "eu-west-1").gap().unwrap().status, status);
            let of_account = |row: &&crate::estate::CoverageRow| row.scope.account.as_deref() == Some(account);
            assert_eq!(snapshot.coverage.iter().find(of_account).unwrap().status, status);
        }
    }

    #[tokio::test]
    async fn effective_policies_are_read_of_management_types_that_are_on() {
        let policy = json!({"EffectivePolicy": {"PolicyContent": "{\"tags\":{}}", "PolicyType": "TAG_POLICY"}});
        let none = json!({"__type": "EffectivePolicyNotFoundException", "Message": "no policy of this type"});
        let aws = agent(&[
            effective("TAG_POLICY", 200, &policy),
            effective("BACKUP_POLICY", 400, &none),
            effective("S3_POLICY", 400, &json!({"__type": "AccessDeniedException", "Message": "no"})),
            effective("NEW_POLICY", 200, &json!({"EffectivePolicy": {}})),
        ])
        .await;
        let mut snapshot = snapshot(&[
            ("SERVICE_CONTROL_POLICY", "ENABLED"),
            ("RESOURCE_CONTROL_POLICY", "ENABLED"),
            ("CHATBOT_POLICY", "PENDING_ENABLE"),
            ("TAG_POLICY", "ENABLED"),
            ("BACKUP_POLICY", "ENABLED"),
            ("S3_POLICY", "ENABLED"),
            ("NEW_POLICY", "ENABLED"),
        ]);
        let wanted = FollowUp { effective_policies: [MEMBER.to_owned()].into(), ..FollowUp::default() };
        aws.follow_up(&wanted, &mut snapshot).await;
        let made = aws.progress.calls().1;
        let policies = &snapshot.organization.known().unwrap().effective_policies[MEMBER];
        let types: Vec<&str> = policies.keys().map(String::as_str).collect();
        assert_eq!(types, ["BACKUP_POLICY", "NEW_POLICY", "S3_POLICY", "TAG_POLICY"]);
        assert_eq!(policies["TAG_POLICY"], Observation::Known("{\"tags\":{}}".to_owned()));
        assert_eq!(policies["BACKUP_POLICY"], Observation::Absent);
        assert_eq!(policies["S3_POLICY"].gap().unwrap().status, CoverageStatus::Denied);
        assert_eq!(policies["NEW_POLICY"].gap().unwrap().reason, "the answer has no `PolicyContent`");
        let ended: Vec<_> = snapshot.coverage.iter().map(|row| (row.source.as_str(), row.status.as_str())).collect();
        let rows = [("BACKUP", "evaluated"), ("NEW", "failed"), ("S3", "denied"), ("TAG", "evaluated")];
        let rows = rows.map(|(name, status)| (format!("organizations:DescribeEffectivePolicy {name}_POLICY"), status));
        assert_eq!(ended, rows.each_ref().map(|(source, status)| (source.as_str(), *status)));
        aws.follow_up(&wanted, &mut snapshot).await;
        assert_eq!(aws.progress.calls().1, made, "what was asked is not asked again");
    }
}
