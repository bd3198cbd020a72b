//! A baseline that speaks of everything, so that everything is read.
//!
//! In: roles and services. Out: a baseline whose plan is to read all there is to say. Nothing is ever held against it.

use serde_json::{Map, Value, json};

use super::text;
use crate::baseline::files::Carried;
use crate::baseline::{Baseline, LoadError, load_from};
use crate::provider::shipped;

/// How accounts are reached, as `access` in a baseline says it.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// The management account, where the agent runs in another one.
    pub management_account: Option<String>,
    /// The role, or chain of roles, that reads the organisation.
    pub management_role: Vec<String>,
    /// The role, or chain of roles, that reads a member.
    pub member_role: Vec<String>,
    /// The environment variable that holds the external id.
    pub external_id_env: Option<String>,
}

impl Access {
    /// The key `access` of a baseline; none where nothing is given.
    pub(super) fn written(&self) -> Option<Value> {
        let one_or_many = |roles: &[String]| match roles {
            [] => None,
            [one] => Some(json!(one)),
            many => Some(json!(many)),
        };
        let keys = [
            ("management_role", one_or_many(&self.management_role)),
            ("member_role", one_or_many(&self.member_role)),
            ("external_id_env", self.external_id_env.as_ref().map(|name| json!(name))),
        ];
        let given = keys.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
        let given: Map<String, Value> = given.collect();
        (!given.is_empty()).then_some(Value::Object(given))
    }
}

/// A service whose quotas are read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Service {
    /// Its code, `ec2`.
    pub code: String,
    /// Whether the quotas of its resources are read too.
    pub resources: bool,
}

/// The services whose quotas say how much compute can be bought.
#[must_use]
pub fn compute_services() -> Vec<String> {
    shipped("policies/aws/compute-services.yaml", include_str!("../../policies/aws/compute-services.yaml"))
}

/// A baseline for which everything is read.
///
/// # Errors
/// When the roles or the names of services are none.
pub fn everything(access: &Access, services: &[Service]) -> Result<Baseline, LoadError> {
    let mut aws = Map::new();
    if let Some(account) = &access.management_account {
        aws.insert("management_account".to_owned(), json!(account));
    }
    if let Some(access) = access.written() {
        aws.insert("access".to_owned(), access);
    }
    for section in
        ["delegated_administrators", "trusted_services", "responsibility_transfers", "policy_types", "policies"]
    {
        aws.insert(section.to_owned(), json!([]));
    }
    let quotas = services.iter().flat_map(|service| {
        let of_account = json!({"service": service.code, "code": "*", "max": "default"});
        let of_resources = json!({"service": service.code, "code": "*", "level": "resource", "max": "default"});
        [Some(of_account), service.resources.then_some(of_resources)].into_iter().flatten()
    });
    let rest = [
        ("resource_policy", json!("none")),
        ("regions", json!([{"allowed": [], "zone_groups": []}])),
        ("quotas", Value::Array(quotas.collect())),
        ("quota_requests", json!("none")),
        ("quota_template", json!([])),
        ("quota_auto_management", json!("disabled")),
        ("settings", json!([settings()])),
        ("audit_logs", json!({"organization_trail": {}, "trails": [{}], "retention_days": 1})),
    ];
    aws.extend(rest.map(|(section, value)| (section.to_owned(), value)));
    let baseline = format!("version: 1\nestate: everything\n{}", text::key(0, "aws", &Value::Object(aws)));
    let path = "the command line";
    let files = Carried([(path.into(), baseline.as_str())].into());
    load_from(&files, path.as_ref(), &[])
}

/// Every setting, with some value: only that a rule gives it makes it read.
fn settings() -> Value {
    json!({
        "ebs_encryption_by_default": true,
        "ebs_default_kms_key": "*",
        "serial_console_access": false,
        "image_block_public_access": "block-new-sharing",
        "snapshot_block_public_access": "block-all-sharing",
        "instance_metadata_defaults": {"http_tokens": "required"},
        "allowed_images_settings": {"state": "enabled"},
        "vpc_block_public_access": {"exclusions_allowed": "allowed"},
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::model::SettingsRule;

    #[test]
    fn no_setting_is_left_out() {
        let Value::Object(keys) = serde_json::to_value(SettingsRule::default()).unwrap() else { panic!() };
        let known = keys.keys().filter(|key| !["where", "managed_by"].contains(&key.as_str()));
        for key in known {
            assert!(settings().get(key).is_some(), "{key} would not be read");
        }
    }

    #[test]
    fn it_is_a_baseline_for_every_service_that_comes_along() {
        let services = compute_services();
        assert!(services.len() > 5 && services.contains(&"ec2".to_owned()), "{services:?}");
        let services: Vec<Service> = services.into_iter().map(|code| Service { code, resources: true }).collect();
        let access = Access { member_role: vec!["GuardlineRead".to_owned()], ..Access::default() };
        let baseline =
            everything(&access, &services).unwrap_or_else(|error| panic!("{}", error.diagnostics.render(false, 100)));
        let aws = baseline.model.aws.unwrap_or_default();
        assert_eq!(aws.quotas.map(|rules| rules.len()), Some(services.len() * 2));
    }

    #[test]
    fn a_role_that_is_none_is_refused() {
        let access = Access { member_role: vec!["not a role".to_owned()], ..Access::default() };
        assert!(everything(&access, &[]).is_err());
    }
}
