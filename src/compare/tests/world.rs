//! A whole estate, generated together with the baseline that describes it.
//!
//! In: random draws. Out: a plan, and from it a snapshot and a baseline that say the same, each in its own way.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::estate::{
    ORGANIZATION, OWNER, ROOT, account, applied, defined, facts, known, organization, policy, request, setting,
    snapshot, store, target, trail, transfer, unit,
};
use super::load_with;
use crate::baseline::Baseline;
use crate::baseline::model::OuPath;
use crate::estate::{
    AccountFacts, Delegation, GLOBAL, Observation, Policy, PolicyTarget, QuotaDefinition, QuotaLevel, QuotaTemplate,
    Snapshot, TemplateRow, Unit,
};

/// A unit of the plan.
#[derive(Clone, Debug)]
pub(crate) struct PlannedUnit {
    pub(crate) id: String,
    pub(crate) path: OuPath,
    /// The unit above it; none for the root.
    pub(crate) parent: Option<usize>,
    /// Whether the baseline gives its id.
    pub(crate) by_id: bool,
}

/// An account of the plan.
#[derive(Clone, Debug)]
pub(crate) struct PlannedAccount {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) unit: Option<usize>,
    /// Whether a `match` entry lists it.
    pub(crate) by_match: bool,
    /// Whether `me-south-1`, which is allowed, is on.
    pub(crate) allowed_is_on: bool,
    /// What was applied to a quota that may be anything up to 256.
    pub(crate) limited: Option<u8>,
    /// What was applied to a quota that may not exceed its default of 32.
    pub(crate) small: Option<u8>,
}

/// A policy of the plan.
#[derive(Clone, Debug)]
pub(crate) struct PlannedPolicy {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) units: BTreeSet<usize>,
    pub(crate) accounts: BTreeSet<usize>,
    /// Whether the baseline gives its id.
    pub(crate) by_id: bool,
}

/// An estate and its baseline, before either is written down.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) units: Vec<PlannedUnit>,
    pub(crate) accounts: Vec<PlannedAccount>,
    pub(crate) policies: Vec<PlannedPolicy>,
    pub(crate) delegations: BTreeSet<(usize, &'static str)>,
    pub(crate) services: Vec<&'static str>,
    pub(crate) template: BTreeMap<&'static str, u8>,
}

/// Names as people give them, with what has a meaning in paths.
const NAMES: [&str; 6] = ["Prod", "Test", "a/b", r"back\slash", "with space", "Ünit"];
/// Regions that are always on, then one that is required, then one that is allowed, then one that is not.
pub(crate) const DEFAULT_REGIONS: [&str; 2] = ["eu-west-1", "us-east-1"];
pub(crate) const REQUIRED_REGION: &str = "eu-south-1";
pub(crate) const ALLOWED_REGION: &str = "me-south-1";
pub(crate) const OTHER_REGION: &str = "ap-east-1";
pub(crate) const SERVICES: [&str; 3] = ["account.amazonaws.com", "cloudtrail.amazonaws.com", "guardduty.amazonaws.com"];

type Draw = u16;

fn pick(draw: Draw, count: usize) -> usize {
    usize::from(draw) % count.max(1)
}

/// One of the units, or the root.
fn place(draw: Draw, units: usize) -> Option<usize> {
    Some(pick(draw, units + 1)).filter(|at| *at < units)
}

/// Any estate.
pub(crate) fn worlds() -> impl Strategy<Value = World> {
    let units = prop::collection::vec((any::<Draw>(), 0..NAMES.len(), any::<bool>()), 0..5);
    let account =
        (any::<Draw>(), any::<bool>(), any::<bool>(), prop::option::of(1u8..=255), prop::option::of(1u8..=32));
    let accounts = prop::collection::vec(account, 1..4);
    let policies =
        prop::collection::vec((prop::collection::vec(any::<Draw>(), 0..3), any::<Draw>(), any::<bool>()), 0..3);
    let delegations = prop::collection::vec((any::<Draw>(), 0..SERVICES.len()), 0..3);
    let services = prop::sample::subsequence(SERVICES.to_vec(), 0..=SERVICES.len());
    let template = prop::collection::btree_map(0..DEFAULT_REGIONS.len(), 1u8.., 0..=DEFAULT_REGIONS.len());
    let drawn = (units, accounts, any::<Draw>(), policies, delegations, services, template);
    drawn.prop_map(|(units, accounts, sandbox, policies, delegations, services, template)| {
        let units = plan_units(&units);
        let sandbox = place(sandbox, units.len());
        let accounts: Vec<PlannedAccount> = accounts
            .into_iter()
            .enumerate()
            .map(|(index, (at, by_match, allowed_is_on, limited, small))| PlannedAccount {
                id: format!("2222222222{index:02}"),
                name: format!("{}-{index}", if by_match { "sandbox" } else { "account" }),
                unit: if by_match { sandbox } else { place(at, units.len()) },
                by_match,
                allowed_is_on,
                limited,
                small,
            })
            .collect();
        let policies = policies.into_iter().enumerate().map(|(index, (on, account, by_id))| PlannedPolicy {
            id: format!("p-{index:08}"),
            name: format!("deny-{index}"),
            units: on.into_iter().filter_map(|draw| place(draw, units.len())).collect(),
            accounts: place(account, accounts.len()).into_iter().collect(),
            by_id,
        });
        World {
            policies: policies.collect(),
            delegations: delegations
                .into_iter()
                .map(|(at, which)| (pick(at, accounts.len()), SERVICES[which]))
                .collect(),
            services,
            template: template.into_iter().map(|(at, value)| (DEFAULT_REGIONS[at], value)).collect(),
            units,
            accounts,
        }
    })
}

fn plan_units(drawn: &[(Draw, usize, bool)]) -> Vec<PlannedUnit> {
    let mut units: Vec<PlannedUnit> = Vec::new();
    for (parent, name, by_id) in drawn {
        let parent = place(*parent, units.len());
        let mut names = parent.map_or_else(Vec::new, |parent| units[parent].path.names().to_vec());
        names.push(NAMES[*name].to_owned());
        let path = OuPath::from_names(names);
        // Names are unique below one parent.
        if units.iter().all(|unit| unit.path != path) {
            units.push(PlannedUnit { id: format!("ou-ab12-{:08}", units.len()), path, parent, by_id: *by_id });
        }
    }
    units
}

/// A document, spelt with a lone action or with a list.
fn document(policy: usize, as_list: bool) -> String {
    let action = if as_list { json!(["ec2:RunInstances"]) } else { json!("ec2:RunInstances") };
    let statement = json!({"Sid": format!("S{policy}"), "Effect": "Deny", "Action": action, "Resource": "*"});
    let statement = if as_list { json!([statement]) } else { statement };
    json!({"Version": "2012-10-17", "Statement": statement}).to_string()
}

impl World {
    /// The id of a unit, or of the root.
    pub(crate) fn unit_id(&self, unit: Option<usize>) -> &str {
        unit.map_or(ROOT, |unit| &self.units[unit].id)
    }

    pub(crate) fn unit_path(&self, unit: Option<usize>) -> String {
        unit.map_or_else(OuPath::root, |unit| self.units[unit].path.clone()).to_string()
    }

    /// Every target there is.
    fn everything(&self) -> Vec<PolicyTarget> {
        let units = self.units.iter().map(|unit| unit.id.as_str());
        let accounts = self.accounts.iter().map(|account| account.id.as_str());
        [ROOT, OWNER].into_iter().chain(units).chain(accounts).map(target).collect()
    }

    fn live_units(&self) -> Vec<Unit> {
        let units = self.units.iter();
        let name = |unit: &PlannedUnit| unit.path.names().last().unwrap().clone();
        units.map(|one| unit(&one.id, &name(one), self.unit_id(one.parent), &one.path.to_string())).collect()
    }

    fn live_policies(&self) -> BTreeMap<String, Observation<Vec<Policy>>> {
        let everywhere = |id: &str, name: &str, policy_type: &str| Policy {
            aws_managed: true,
            targets: known(self.everything()),
            ..policy(id, name, policy_type, r#"{"Version":"2012-10-17","Statement":[]}"#, &[])
        };
        let mut service = vec![everywhere("p-FullAWSAccess", "FullAWSAccess", "SERVICE_CONTROL_POLICY")];
        for (index, planned) in self.policies.iter().enumerate() {
            let targets = planned.units.iter().map(|unit| self.units[*unit].id.as_str());
            let targets = targets.chain(planned.accounts.iter().map(|account| self.accounts[*account].id.as_str()));
            let targets: Vec<&str> = targets.collect();
            let text = document(index, true);
            service.push(policy(&planned.id, &planned.name, "SERVICE_CONTROL_POLICY", &text, &targets));
        }
        let resource = everywhere("p-RCPFullAWSAccess", "RCPFullAWSAccess", "RESOURCE_CONTROL_POLICY");
        BTreeMap::from([
            ("SERVICE_CONTROL_POLICY".to_owned(), known(service)),
            ("RESOURCE_CONTROL_POLICY".to_owned(), known(vec![resource])),
        ])
    }

    fn inside(&self, planned: Option<&PlannedAccount>) -> AccountFacts {
        let allowed = if planned.is_some_and(|one| one.allowed_is_on) { "ENABLED" } else { "DISABLED" };
        let default = DEFAULT_REGIONS.map(|region| (region, "ENABLED_BY_DEFAULT"));
        let mut statuses = default.to_vec();
        statuses.extend([(REQUIRED_REGION, "ENABLED"), (ALLOWED_REGION, allowed), (OTHER_REGION, "DISABLED")]);
        let mut inside = facts(&statuses);
        let id = planned.map_or(OWNER, |one| one.id.as_str());
        for (region, facts) in inside.regions.iter_mut().filter(|(region, _)| *region != GLOBAL) {
            let limited = planned.and_then(|one| one.limited).map(|value| applied("L-LIMITED", f64::from(value)));
            let small = planned.and_then(|one| one.small).map(|value| applied("L-SMALL", f64::from(value)));
            let special = planned.filter(|one| one.by_match && one.unit.is_some()).map(|_| applied("L-SPECIAL", 100.0));
            let mut rows: Vec<_> = limited.into_iter().chain(small).chain(special).collect();
            let mut resource = applied("L-RESOURCE", 7.0);
            (resource.level, resource.resource) = (QuotaLevel::Resource, Some(format!("arn:{region}:one")));
            rows.push(resource);
            facts.quotas.insert("ec2".to_owned(), known(rows));
            facts.quota_requests =
                Some(known(vec![request(&format!("{id}-{region}-closed"), "L-SMALL", "APPROVED", 8.0)]));
            facts.zone_groups = Some(known(BTreeMap::from([
                (format!("{region}-lax-1"), "not-opted-in".to_owned()),
                (format!("{region}-ber-1"), "opted-in".to_owned()),
            ])));
            facts.settings = BTreeMap::from([
                ("ebs_encryption_by_default".to_owned(), setting(json!(true), None)),
                ("serial_console_access".to_owned(), setting(json!(false), Some("declarative-policy"))),
                (
                    "instance_metadata_defaults".to_owned(),
                    setting(json!({"http_tokens": "required", "http_put_response_hop_limit": 2}), Some("account")),
                ),
            ]);
            let mut trails = Vec::new();
            if region == "eu-west-1" && planned.is_none() {
                let mut main = trail(OWNER, "main", region);
                main.organization = true;
                trails.push(main);
                facts.event_data_stores = Some(known(vec![store(OWNER, "lake", region, 365)]));
            } else if region == "us-east-1" {
                trails.push(trail(id, "own", region));
            }
            facts.trails = Some(known(trails));
        }
        let global = inside.regions.get_mut(GLOBAL).unwrap();
        global.quotas.insert("iam".to_owned(), known(vec![applied("L-ROLES", 1500.0)]));
        for facts in inside.regions.values_mut() {
            facts.quotas.entry("iam".to_owned()).or_insert_with(|| known(Vec::new()));
        }
        inside.regions.get_mut(GLOBAL).unwrap().quota_auto_management = Some(known("disabled".to_owned()));
        inside
    }

    /// The estate as it would be read.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let mut live = organization();
        live.units = known(self.live_units());
        let mut accounts = vec![account(OWNER, "management", ROOT, "/")];
        accounts.extend(
            self.accounts
                .iter()
                .map(|one| account(&one.id, &one.name, self.unit_id(one.unit), &self.unit_path(one.unit))),
        );
        live.accounts = known(accounts);
        let types = ["SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"];
        live.policy_types = known(types.map(|one| (one.to_owned(), "ENABLED".to_owned())).into());
        live.policies = self.live_policies();
        let delegations = self
            .delegations
            .iter()
            .map(|(at, service)| Delegation { account: self.accounts[*at].id.clone(), service: (*service).to_owned() });
        live.delegated_administrators = known(delegations.collect());
        live.trusted_services = known(self.services.iter().map(|service| (*service).to_owned()).collect());
        live.responsibility_transfers =
            known(vec![transfer("rt-declared", "ACCEPTED"), transfer("rt-old", "DECLINED")]);
        live.resource_policy = known(document(9, true));
        let rows = self.template.iter().map(|(region, value)| TemplateRow {
            service: "ec2".to_owned(),
            code: "L-SMALL".to_owned(),
            region: (*region).to_owned(),
            value: f64::from(*value),
        });
        let rows: Vec<_> = rows.collect();
        let association = if rows.is_empty() { "DISASSOCIATED" } else { "ASSOCIATED" }.to_owned();
        live.quota_template = known(QuotaTemplate { association, rows });

        let mut snapshot = snapshot();
        snapshot.organization = known(live);
        snapshot.accounts.insert(OWNER.to_owned(), self.inside(None));
        for planned in &self.accounts {
            snapshot.accounts.insert(planned.id.clone(), self.inside(Some(planned)));
        }
        let regions = DEFAULT_REGIONS.into_iter().chain([REQUIRED_REGION, ALLOWED_REGION]);
        for region in regions {
            let ec2 = defined(&[("L-LIMITED", 5.0), ("L-SMALL", 32.0), ("L-RESOURCE", 5.0), ("L-SPECIAL", 5.0)]);
            let services = BTreeMap::from([("ec2".to_owned(), ec2), ("iam".to_owned(), known(BTreeMap::new()))]);
            snapshot.quota_definitions.insert(region.to_owned(), services);
        }
        let roles =
            QuotaDefinition { name: "Roles".to_owned(), default: known(1000.0), global: true, adjustable: true };
        let iam = known(BTreeMap::from([("L-ROLES".to_owned(), roles)]));
        snapshot.quota_definitions.insert(GLOBAL.to_owned(), BTreeMap::from([("iam".to_owned(), iam)]));
        snapshot
    }

    /// Where accounts that a `match` entry lists hang.
    pub(crate) fn sandbox(&self) -> Option<usize> {
        self.accounts.iter().find(|one| one.by_match).and_then(|one| one.unit)
    }

    fn declared_accounts(&self) -> Vec<Value> {
        let mut entries = vec![json!({"id": OWNER, "name": "management", "ou": "/"})];
        for one in self.accounts.iter().filter(|one| !one.by_match) {
            entries.push(json!({"id": one.id, "name": one.name, "ou": self.unit_path(one.unit)}));
        }
        entries.push(json!({"match": "sandbox-*", "ou": self.unit_path(self.sandbox())}));
        entries
    }

    fn declared_units(&self) -> Vec<Value> {
        let units = self.units.iter();
        let declared = units.map(|unit| match unit.by_id {
            true => json!({"path": unit.path.to_string(), "id": unit.id}),
            false => json!({"path": unit.path.to_string()}),
        });
        declared.collect()
    }

    fn declared_policies(&self) -> Vec<Value> {
        let everywhere = |name: &str, policy_type: &str| json!({"name": name, "type": policy_type, "aws_managed": true, "targets": "everywhere"});
        let mut policies =
            vec![everywhere("FullAWSAccess", "service_control"), everywhere("RCPFullAWSAccess", "resource_control")];
        for (index, planned) in self.policies.iter().enumerate() {
            let units = planned.units.iter().map(|unit| self.unit_path(Some(*unit)));
            let accounts = planned.accounts.iter().map(|account| self.accounts[*account].id.clone());
            let targets: Vec<String> = units.chain(accounts).collect();
            let mut policy = json!({"name": planned.name, "type": "service_control", "document": document(index, false), "targets": targets});
            if planned.by_id {
                policy["id"] = json!(planned.id);
            }
            policies.push(policy);
        }
        policies
    }

    /// The baseline that says what the estate is.
    pub(crate) fn baseline(&self) -> Baseline {
        load_with(&self.declared().to_string(), &[])
    }

    /// The same as a value.
    pub(crate) fn declared(&self) -> Value {
        let regions = [REQUIRED_REGION, ALLOWED_REGION];
        let delegations =
            self.delegations.iter().map(|(at, service)| json!({"account": self.accounts[*at].id, "service": service}));
        let template = self
            .template
            .iter()
            .map(|(region, value)| json!({"service": "ec2", "code": "L-SMALL", "region": region, "value": value}));
        let mut quotas = vec![
            json!({"service": "ec2", "code": "*", "max": "default"}),
            json!({"service": "ec2", "code": "L-LIMITED", "max": 256}),
            json!({"service": "ec2", "code": "L-RESOURCE", "level": "resource", "max": 7}),
            json!({"service": "iam", "code": "L-ROLES", "between": [1000, 2000]}),
        ];
        if let Some(sandbox) = self.sandbox() {
            let place = json!({"ou": self.unit_path(Some(sandbox))});
            quotas.push(json!({"service": "ec2", "code": "L-SPECIAL", "where": place, "max": 100}));
        }
        json!({"version": 1, "estate": "generated", "aws": {
            "organization": ORGANIZATION,
            "management_account": OWNER,
            "accounts": self.declared_accounts(),
            "organizational_units": self.declared_units(),
            "delegated_administrators": delegations.collect::<Vec<_>>(),
            "trusted_services": self.services,
            "responsibility_transfers": [{"id": "rt-declared", "direction": "outbound"}],
            "resource_policy": document(9, false),
            "regions": [{"allowed": regions, "required": [REQUIRED_REGION], "zone_groups": ["*-ber-1"]}],
            "quotas": quotas,
            "quota_requests": "none",
            "quota_template": template.collect::<Vec<_>>(),
            "quota_auto_management": "disabled",
            "policy_types": ["resource_control", "service_control"],
            "policies": self.declared_policies(),
            "settings": [
                {"ebs_encryption_by_default": true, "instance_metadata_defaults": {"http_tokens": "required"}},
                {"serial_console_access": false, "managed_by": "declarative-policy"},
            ],
            "audit_logs": {
                "organization_trail": {"multi_region": true, "log_file_validation": true, "management_events": "all"},
                "trails": [{"name": "own", "multi_region": true}],
                "retention_days": 365,
            },
        }})
    }
}
