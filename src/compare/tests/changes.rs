//! Single changes to a generated estate, each with exactly the drift that it must yield.
//!
//! A change returns nothing where the estate has no place for it.

use std::collections::BTreeSet;

use serde_json::json;

use super::estate::{applied, handshake, known, live, policy, request, target, transfer, unit, value};
use super::world::{ALLOWED_REGION, DEFAULT_REGIONS, OTHER_REGION, PlannedAccount, REQUIRED_REGION, World};
use crate::compare::Rule;
use crate::estate::{
    Account, AccountFacts, AccountRequest, Delegation, GLOBAL, Observation, Policy, QuotaLevel, RegionFacts, Setting,
    Snapshot, TemplateRow, Trail, TransferDirection, Unit,
};

use super::estate::{ORGANIZATION, OWNER, ROOT};

/// Rules and the ids of their subjects.
pub(crate) type Expected = BTreeSet<(Rule, String)>;

/// One change.
pub(crate) struct Change {
    pub(crate) name: &'static str,
    pub(crate) make: fn(&World, &mut Snapshot, usize) -> Option<Expected>,
}

fn one(rule: Rule, subject: impl Into<String>) -> Option<Expected> {
    Some(Expected::from([(rule, subject.into())]))
}

fn none() -> Option<Expected> {
    Some(Expected::new())
}

macro_rules! changes {
    ($($name:literal => $make:expr,)+) => {
        /// Every change.
        pub(crate) const CHANGES: &[Change] = &[$(Change { name: $name, make: $make }),+];
    };
}

changes! {
    "nothing changes" => |_, _, _| none(),
    "everything comes in another order" => |_, snapshot, _| {
        let live = live(snapshot);
        value(&mut live.accounts).reverse();
        value(&mut live.units).reverse();
        for policies in live.policies.values_mut() {
            value(policies).reverse();
            value(policies).iter_mut().for_each(|policy| value(&mut policy.targets).reverse());
        }
        none()
    },

    "the organisation is another one" => |_, snapshot, _| {
        live(snapshot).id = "o-zzzzzzzzzz".to_owned();
        one(Rule::LinkOrganizationChanged, ORGANIZATION)
    },
    "the account leaves the organisation" => |_, snapshot, _| {
        snapshot.organization = Observation::Absent;
        snapshot.accounts.retain(|id, _| id == OWNER);
        one(Rule::LinkOrganizationChanged, ORGANIZATION)
    },
    "the organisation gets another owner" => |_, snapshot, _| {
        live(snapshot).management_account = "999999999999".to_owned();
        one(Rule::LinkOrganizationChanged, format!("{ORGANIZATION}/management-account"))
    },
    "all features are gone" => |_, snapshot, _| {
        live(snapshot).feature_set = "CONSOLIDATED_BILLING".to_owned();
        one(Rule::LinkOrganizationChanged, ORGANIZATION)
    },

    "an account joins" => |_, snapshot, _| join(snapshot, "intruder", "CREATED", ROOT, "/"),
    "an invited account bears a name that is waited for" => |world, snapshot, _| {
        let parent = world.unit_id(world.sandbox()).to_owned();
        join(snapshot, "sandbox-77", "INVITED", &parent, &world.unit_path(world.sandbox()))
    },
    "an account that is waited for is created" => |world, snapshot, _| {
        let parent = world.unit_id(world.sandbox()).to_owned();
        join(snapshot, "sandbox-77", "CREATED", &parent, &world.unit_path(world.sandbox()))?;
        none()
    },
    "an account leaves" => |world, snapshot, pick| {
        let (index, planned) = member(world, pick)?;
        let is_tied = world.delegations.iter().any(|(account, _)| *account == index);
        let is_named = planned.by_match && world.policies.iter().any(|policy| policy.accounts.contains(&index));
        if is_tied || is_named {
            return None;
        }
        snapshot.accounts.remove(&planned.id);
        let live = live(snapshot);
        value(&mut live.accounts).retain(|account| account.id != planned.id);
        live.policies.values_mut().flat_map(value).for_each(|policy| detach(policy, &planned.id));
        if planned.by_match { none() } else { one(Rule::LinkAccountMissing, &planned.id) }
    },
    "an account moves" => |world, snapshot, pick| {
        let (_, planned) = member(world, pick)?;
        let to = if planned.unit.is_none() { (!world.units.is_empty()).then_some(pick % world.units.len().max(1))? } else { usize::MAX };
        let to = (to != usize::MAX).then_some(to);
        let account = account_of(snapshot, &planned.id)?;
        account.parent = world.unit_id(to).to_owned();
        account.unit = world.unit_path(to);
        one(Rule::LinkAccountMoved, &planned.id)
    },
    "an account is renamed" => |world, snapshot, pick| {
        let (_, planned) = member(world, pick)?;
        account_of(snapshot, &planned.id)?.name = "renamed".to_owned();
        let rule = if planned.by_match { Rule::LinkAccountUnexpected } else { Rule::LinkAccountRenamed };
        one(rule, &planned.id)
    },
    "an account is closed" => |world, snapshot, pick| {
        let (_, planned) = member(world, pick)?;
        let states = ["SUSPENDED", "PENDING_CLOSURE"];
        account_of(snapshot, &planned.id)?.state = states[pick % 2].to_owned();
        one(Rule::LinkAccountSuspended, &planned.id)
    },
    "an account is being created" => |_, snapshot, _| {
        value(&mut live(snapshot).account_requests).push(creation("new", "IN_PROGRESS"));
        one(Rule::LinkAccountUnexpected, "car-1")
    },
    "an account that is waited for is being created" => |_, snapshot, _| {
        value(&mut live(snapshot).account_requests).push(creation("sandbox-new", "IN_PROGRESS"));
        none()
    },
    "the creation of an account failed" => |_, snapshot, _| {
        value(&mut live(snapshot).account_requests).push(creation("new", "FAILED"));
        none()
    },

    "a unit that is known by its id is renamed" => |world, snapshot, pick| {
        let planned = chosen(world.units.iter().filter(|unit| unit.by_id), pick)?;
        unit_of(snapshot, &planned.id)?.name = "renamed".to_owned();
        one(Rule::LinkOuRenamed, &planned.id)
    },
    "an empty unit that is known by its name is renamed" => |world, snapshot, pick| {
        let planned = chosen(empty_units(world).filter(|(at, unit)| !unit.by_id && !is_target(world, *at)), pick)?.1;
        unit_of(snapshot, &planned.id)?.name = "renamed".to_owned();
        let missing = (Rule::LinkOuMissing, planned.path.to_string());
        Some([missing, (Rule::LinkOuUnexpected, planned.id.clone())].into())
    },
    "a unit moves" => |world, snapshot, pick| {
        let planned = chosen(world.units.iter().filter(|unit| unit.by_id && unit.parent.is_some()), pick)?;
        unit_of(snapshot, &planned.id)?.parent = ROOT.to_owned();
        let name = planned.path.names().last()?;
        let is_taken = world.units.iter().any(|unit| unit.parent.is_none() && unit.path.names().last() == Some(name));
        if is_taken { None } else { one(Rule::LinkOuMoved, &planned.id) }
    },
    "a unit is deleted" => |world, snapshot, pick| {
        let planned = chosen(empty_units(world), pick)?.1;
        let live = live(snapshot);
        value(&mut live.units).retain(|unit| unit.id != planned.id);
        live.policies.values_mut().flat_map(value).for_each(|policy| detach(policy, &planned.id));
        let path = planned.path.to_string();
        one(Rule::LinkOuMissing, if planned.by_id { planned.id.clone() } else { path })
    },
    "a unit is created" => |_, snapshot, _| {
        let live = live(snapshot);
        value(&mut live.units).push(unit("ou-ab12-99999999", "new", ROOT, "/new"));
        attach_everywhere(snapshot, "ou-ab12-99999999");
        one(Rule::LinkOuUnexpected, "ou-ab12-99999999")
    },

    "an administrator is delegated" => |world, snapshot, pick| {
        let account = member(world, pick)?.1.id.clone();
        let service = "config.amazonaws.com".to_owned();
        let subject = format!("{account}/{service}");
        value(&mut live(snapshot).delegated_administrators).push(Delegation { account, service });
        one(Rule::LinkDelegationChanged, subject)
    },
    "a delegation ends" => |_, snapshot, _| {
        let ended = value(&mut live(snapshot).delegated_administrators).pop()?;
        one(Rule::LinkDelegationChanged, format!("{}/{}", ended.account, ended.service))
    },
    "the delegation policy says something else" => |_, snapshot, _| {
        live(snapshot).resource_policy = known(r#"{"Version":"2012-10-17","Statement":[]}"#.to_owned());
        one(Rule::LinkDelegationChanged, "resource-policy")
    },
    "the delegation policy is deleted" => |_, snapshot, _| {
        live(snapshot).resource_policy = Observation::Absent;
        one(Rule::LinkDelegationChanged, "resource-policy")
    },
    "a service is trusted" => |_, snapshot, _| {
        value(&mut live(snapshot).trusted_services).push("ram.amazonaws.com".to_owned());
        one(Rule::LinkTrustedServiceChanged, "ram.amazonaws.com")
    },
    "a service is trusted no more" => |_, snapshot, _| {
        let service = value(&mut live(snapshot).trusted_services).pop()?;
        one(Rule::LinkTrustedServiceChanged, service)
    },
    "an invitation is open" => |_, snapshot, pick| {
        value(&mut live(snapshot).handshakes).push(handshake("h-1", ["REQUESTED", "OPEN"][pick % 2]));
        one(Rule::LinkHandshakeOpen, "h-1")
    },
    "an invitation was declined" => |_, snapshot, _| {
        value(&mut live(snapshot).handshakes).push(handshake("h-1", "DECLINED"));
        none()
    },
    "billing responsibility goes elsewhere" => |_, snapshot, pick| {
        value(&mut live(snapshot).responsibility_transfers).push(transfer("rt-new", ["REQUESTED", "ACCEPTED"][pick % 2]));
        one(Rule::LinkResponsibilityTransfer, "rt-new")
    },
    "a declared transfer goes the other way" => |_, snapshot, _| {
        value(&mut live(snapshot).responsibility_transfers).first_mut()?.direction = TransferDirection::Inbound;
        one(Rule::LinkResponsibilityTransfer, "rt-declared")
    },
    "a declared transfer ends" => |_, snapshot, _| {
        value(&mut live(snapshot).responsibility_transfers).first_mut()?.status = "WITHDRAWN".to_owned();
        one(Rule::LinkResponsibilityTransfer, "rt-declared")
    },

    "a policy type is off" => |_, snapshot, _| {
        let live = live(snapshot);
        live.policies.remove("RESOURCE_CONTROL_POLICY");
        value(&mut live.policy_types).remove("RESOURCE_CONTROL_POLICY");
        one(Rule::PolicyTypeDisabled, "resource_control")
    },
    "a policy type is on its way" => |_, snapshot, pick| {
        let status = ["PENDING_DISABLE", "PENDING_ENABLE"][pick % 2].to_owned();
        value(&mut live(snapshot).policy_types).insert("RESOURCE_CONTROL_POLICY".to_owned(), status);
        one(Rule::PolicyTypeDisabled, "resource_control")
    },
    "a policy type is on that is not declared" => |_, snapshot, pick| {
        let status = ["ENABLED", "PENDING_ENABLE"][pick % 2].to_owned();
        value(&mut live(snapshot).policy_types).insert("TAG_POLICY".to_owned(), status);
        live(snapshot).policies.insert("TAG_POLICY".to_owned(), known(Vec::new()));
        one(Rule::PolicyTypeEnabled, "tag")
    },
    "a policy type that is not declared is on its way out" => |_, snapshot, _| {
        value(&mut live(snapshot).policy_types).insert("TAG_POLICY".to_owned(), "PENDING_DISABLE".to_owned());
        none()
    },
    "a policy is deleted" => |world, snapshot, pick| {
        let planned = chosen(world.policies.iter(), pick)?;
        value(live(snapshot).policies.get_mut("SERVICE_CONTROL_POLICY")?).retain(|policy| policy.id != planned.id);
        let named = format!("service_control/{}", planned.name);
        one(Rule::PolicyMissing, if planned.by_id { planned.id.clone() } else { named })
    },
    "a policy is created" => |_, snapshot, _| {
        let new = policy("p-99999999", "new", "SERVICE_CONTROL_POLICY", "{}", &[ROOT]);
        value(live(snapshot).policies.get_mut("SERVICE_CONTROL_POLICY")?).push(new);
        one(Rule::PolicyUnexpected, "p-99999999")
    },
    "a policy says something else" => |world, snapshot, pick| {
        let planned = chosen(world.policies.iter(), pick)?;
        let policy = policy_of(snapshot, &planned.id)?;
        let text = value(&mut policy.document).replace("Deny", "Allow");
        policy.document = known(text);
        one(Rule::PolicyChanged, &planned.id)
    },
    "a policy holds a key twice" => |world, snapshot, pick| {
        let planned = chosen(world.policies.iter(), pick)?;
        let policy = policy_of(snapshot, &planned.id)?;
        let text = value(&mut policy.document).replacen(r#"{"#, r#"{"Statement":[],"#, 1);
        policy.document = known(text);
        one(Rule::PolicyChanged, &planned.id)
    },
    "a policy is written in another way" => |world, snapshot, pick| {
        let planned = chosen(world.policies.iter(), pick)?;
        let policy = policy_of(snapshot, &planned.id)?;
        let text = value(&mut policy.document).replace(r#"["ec2:RunInstances"]"#, " \n\"ec2:RunInstances\"");
        policy.document = known(text);
        none()
    },
    "a policy is renamed" => |world, snapshot, pick| {
        let planned = chosen(world.policies.iter(), pick)?;
        policy_of(snapshot, &planned.id)?.name = "renamed".to_owned();
        if planned.by_id {
            return one(Rule::PolicyRenamed, &planned.id);
        }
        let missing = (Rule::PolicyMissing, format!("service_control/{}", planned.name));
        Some([missing, (Rule::PolicyUnexpected, planned.id.clone())].into())
    },
    "a policy is detached" => |world, snapshot, pick| {
        let planned = chosen(world.policies.iter(), pick)?;
        let policy = policy_of(snapshot, &planned.id)?;
        let gone = value(&mut policy.targets).pop()?;
        one(Rule::PolicyDetached, format!("{}@{}", planned.id, gone.id))
    },
    "a policy is attached" => |world, snapshot, pick| {
        let planned = chosen(world.policies.iter(), pick)?;
        let to = [ROOT, OWNER][pick % 2];
        value(&mut policy_of(snapshot, &planned.id)?.targets).push(target(to));
        one(Rule::PolicyAttached, format!("{}@{to}", planned.id))
    },
    "the provider's own policy is detached" => |_, snapshot, pick| {
        let policy = policy_of(snapshot, "p-FullAWSAccess")?;
        let targets = value(&mut policy.targets);
        let gone = targets.remove(pick % targets.len());
        one(Rule::PolicyDetached, format!("p-FullAWSAccess@{}", gone.id))
    },

    "the guardrails are off, and regions that cannot be switched off are open" => |_, snapshot, _| {
        let live = live(snapshot);
        live.policies.remove("SERVICE_CONTROL_POLICY");
        value(&mut live.policy_types).remove("SERVICE_CONTROL_POLICY");
        let open = (Rule::RegionOpen, "eu-west-1,us-east-1/068df26b5e72d463".to_owned());
        Some([(Rule::PolicyTypeDisabled, "service_control".to_owned()), open].into())
    },
    "a region that is not allowed is on" => |world, snapshot, pick| {
        region(world, snapshot, pick, OTHER_REGION, "ENABLED")?;
        one(Rule::RegionEnabled, OTHER_REGION)
    },
    "a region that is not allowed is being switched on" => |world, snapshot, pick| {
        region(world, snapshot, pick, OTHER_REGION, "ENABLING")?;
        one(Rule::RegionInFlight, OTHER_REGION)
    },
    "a region that is not allowed is being switched off" => |world, snapshot, pick| {
        region(world, snapshot, pick, OTHER_REGION, "DISABLING")?;
        none()
    },
    "a region that is not allowed cannot be switched off" => |world, snapshot, pick| {
        region(world, snapshot, pick, OTHER_REGION, "ENABLED_BY_DEFAULT")?;
        none()
    },
    "an allowed region is switched" => |world, snapshot, pick| {
        region(world, snapshot, pick, ALLOWED_REGION, ["ENABLING", "DISABLING", "DISABLED"][pick % 3])?;
        none()
    },
    "a required region is not on" => |world, snapshot, pick| {
        region(world, snapshot, pick, REQUIRED_REGION, ["DISABLED", "DISABLING", "ENABLING"][pick % 3])?;
        one(Rule::RegionDisabled, REQUIRED_REGION)
    },
    "a zone group is on" => |world, snapshot, pick| {
        let group = format!("{}-lax-1", DEFAULT_REGIONS[0]);
        let groups = inside(world, snapshot, pick, DEFAULT_REGIONS[0])?.zone_groups.as_mut()?;
        value(groups).insert(group.clone(), "opted-in".to_owned());
        one(Rule::RegionZoneGroupEnabled, group)
    },

    "a quota is raised above the default" => |world, snapshot, pick| {
        quota(world, snapshot, pick, "L-SMALL", 33.0)?;
        one(Rule::QuotaRaised, "ec2/L-SMALL")
    },
    "a quota is raised above its own limit" => |world, snapshot, pick| {
        quota(world, snapshot, pick, "L-LIMITED", 257.0)?;
        one(Rule::QuotaRaised, "ec2/L-LIMITED")
    },
    "a quota is raised within its limit" => |world, snapshot, pick| {
        quota(world, snapshot, pick, "L-LIMITED", 256.0)?;
        none()
    },
    "the quota of a resource is raised" => |world, snapshot, pick| {
        let rows = inside(world, snapshot, pick, DEFAULT_REGIONS[0])?.quotas.get_mut("ec2")?;
        let row = value(rows).iter_mut().find(|row| row.level == QuotaLevel::Resource)?;
        row.value = known(8.0);
        one(Rule::QuotaRaised, format!("ec2/L-RESOURCE@{}", row.resource.clone()?))
    },
    "a quota of all regions is lowered" => |world, snapshot, pick| {
        global_quota(world, snapshot, pick, 999.0)?;
        one(Rule::QuotaLowered, "iam/L-ROLES")
    },
    "a quota of all regions is raised" => |world, snapshot, pick| {
        global_quota(world, snapshot, pick, 2001.0)?;
        one(Rule::QuotaRaised, "iam/L-ROLES")
    },
    "a quota of all regions is back at its default" => |world, snapshot, pick| {
        value(inside(world, snapshot, pick, GLOBAL)?.quotas.get_mut("iam")?).clear();
        none()
    },
    "a quota is asked for" => |world, snapshot, pick| {
        let open = request("open", "L-SMALL", ["PENDING", "CASE_OPENED"][pick % 2], 640.0);
        value(inside(world, snapshot, pick, DEFAULT_REGIONS[0])?.quota_requests.as_mut()?).push(open);
        one(Rule::QuotaRequestPending, "open")
    },
    "new accounts ask for another quota" => |_, snapshot, _| {
        let template = value(&mut live(snapshot).quota_template);
        let (service, code, region) = ("ec2".to_owned(), "L-LIMITED".to_owned(), DEFAULT_REGIONS[0].to_owned());
        template.rows.push(TemplateRow { service, code, region, value: 640.0 });
        one(Rule::QuotaTemplateChanged, "ec2/L-LIMITED/eu-west-1")
    },
    "new accounts ask for more" => |_, snapshot, _| {
        let row = value(&mut live(snapshot).quota_template).rows.first_mut()?;
        row.value += 1.0;
        one(Rule::QuotaTemplateChanged, format!("ec2/L-SMALL/{}", row.region))
    },
    "new accounts ask for one quota less" => |_, snapshot, _| {
        let row = value(&mut live(snapshot).quota_template).rows.pop()?;
        one(Rule::QuotaTemplateChanged, format!("ec2/L-SMALL/{}", row.region))
    },
    "the template is switched" => |_, snapshot, _| {
        let template = value(&mut live(snapshot).quota_template);
        let other = if template.association == "ASSOCIATED" { "DISASSOCIATED" } else { "ASSOCIATED" };
        template.association = other.to_owned();
        one(Rule::QuotaTemplateChanged, "association")
    },
    "quotas grow by themselves" => |world, snapshot, pick| {
        let state = ["adjust", "notify"][pick % 2].to_owned();
        inside(world, snapshot, pick, GLOBAL)?.quota_auto_management = Some(known(state));
        one(Rule::QuotaAutoManagement, "auto-management")
    },

    "a setting is switched" => |world, snapshot, pick| {
        setting_of(world, snapshot, pick, "ebs_encryption_by_default")?.value = json!(false);
        one(Rule::SettingChanged, "ebs_encryption_by_default")
    },
    "an attribute of a setting changes" => |world, snapshot, pick| {
        setting_of(world, snapshot, pick, "instance_metadata_defaults")?.value["http_tokens"] = json!("optional");
        one(Rule::SettingChanged, "instance_metadata_defaults.http_tokens")
    },
    "an attribute of a setting changes that no rule gives" => |world, snapshot, pick| {
        let setting = setting_of(world, snapshot, pick, "instance_metadata_defaults")?;
        setting.value["http_put_response_hop_limit"] = json!(5);
        none()
    },
    "a setting is in the account's own hands" => |world, snapshot, pick| {
        setting_of(world, snapshot, pick, "serial_console_access")?.managed_by = Some("account".to_owned());
        one(Rule::SettingUnmanaged, "serial_console_access")
    },
    "who manages a setting is not said" => |world, snapshot, pick| {
        setting_of(world, snapshot, pick, "serial_console_access")?.managed_by = None;
        none()
    },

    "the organisation's trail is stopped" => |_, snapshot, _| {
        main_trail(snapshot, |trail| trail.logging = known(false), Rule::AuditTrailStopped)
    },
    "the organisation's trail records one region" => |_, snapshot, _| {
        main_trail(snapshot, |trail| trail.multi_region = false, Rule::AuditTrailWeakened)
    },
    "the organisation's trail writes no digests" => |_, snapshot, _| {
        main_trail(snapshot, |trail| trail.log_file_validation = false, Rule::AuditTrailWeakened)
    },
    "the organisation's trail records writes alone" => |_, snapshot, _| {
        main_trail(snapshot, |trail| trail.management_events = known("write".to_owned()), Rule::AuditTrailWeakened)
    },
    "the organisation's trail leaves a source out" => |_, snapshot, _| {
        let kms = vec!["kms.amazonaws.com".to_owned()];
        main_trail(snapshot, |trail| trail.excluded_sources = known(kms), Rule::AuditTrailWeakened)
    },
    "the organisation's trail does not deliver" => |_, snapshot, _| {
        let error = Some("NoSuchBucket".to_owned());
        main_trail(snapshot, |trail| trail.delivery_error = known(error), Rule::AuditTrailFailing)
    },
    "the organisation's trail records its own account alone" => |_, snapshot, _| {
        main_trail(snapshot, |trail| trail.organization = false, Rule::AuditTrailStopped)?;
        one(Rule::AuditTrailMissing, "organization-trail")
    },
    "the organisation's trail is deleted" => |_, snapshot, _| {
        value(snapshot.accounts.get_mut(OWNER)?.regions.get_mut("eu-west-1")?.trails.as_mut()?).clear();
        one(Rule::AuditTrailMissing, "organization-trail")
    },
    "an account's own trail is deleted" => |world, snapshot, pick| {
        value(inside(world, snapshot, pick, "us-east-1")?.trails.as_mut()?).clear();
        one(Rule::AuditTrailMissing, "trail/own")
    },
    "an account's own trail is stopped" => |world, snapshot, pick| {
        let trail = value(inside(world, snapshot, pick, "us-east-1")?.trails.as_mut()?).first_mut()?;
        trail.logging = known(false);
        one(Rule::AuditTrailStopped, &trail.arn)
    },
    "a store keeps events for a month" => |_, snapshot, _| {
        let stores = snapshot.accounts.get_mut(OWNER)?.regions.get_mut("eu-west-1")?.event_data_stores.as_mut()?;
        let store = value(stores).first_mut()?;
        store.retention_days = known(30);
        one(Rule::AuditTrailWeakened, &store.arn)
    },
    "a store is being deleted" => |_, snapshot, _| {
        let stores = snapshot.accounts.get_mut(OWNER)?.regions.get_mut("eu-west-1")?.event_data_stores.as_mut()?;
        let store = value(stores).first_mut()?;
        store.status = "PENDING_DELETION".to_owned();
        one(Rule::AuditTrailMissing, &store.arn)
    },
}

fn chosen<T>(among: impl Iterator<Item = T>, pick: usize) -> Option<T> {
    let mut among: Vec<T> = among.collect();
    let count = among.len();
    (count > 0).then(|| among.swap_remove(pick % count))
}

/// One of the planned accounts, and its place in the plan.
fn member(world: &World, pick: usize) -> Option<(usize, &PlannedAccount)> {
    chosen(world.accounts.iter().enumerate(), pick)
}

fn account_of<'s>(snapshot: &'s mut Snapshot, id: &str) -> Option<&'s mut Account> {
    known_live(snapshot)?.accounts.known()?;
    value(&mut live(snapshot).accounts).iter_mut().find(|account| account.id == id)
}

fn known_live(snapshot: &Snapshot) -> Option<&crate::estate::Organization> {
    snapshot.organization.known()
}

fn unit_of<'s>(snapshot: &'s mut Snapshot, id: &str) -> Option<&'s mut Unit> {
    value(&mut live(snapshot).units).iter_mut().find(|unit| unit.id == id)
}

fn policy_of<'s>(snapshot: &'s mut Snapshot, id: &str) -> Option<&'s mut Policy> {
    let policies = live(snapshot).policies.get_mut("SERVICE_CONTROL_POLICY")?;
    value(policies).iter_mut().find(|policy| policy.id == id)
}

/// Units on which nothing hangs, with their place in the plan.
fn empty_units(world: &World) -> impl Iterator<Item = (usize, &super::world::PlannedUnit)> {
    world.units.iter().enumerate().filter(|(at, _)| {
        let holds_unit = world.units.iter().any(|unit| unit.parent == Some(*at));
        !holds_unit && world.accounts.iter().all(|account| account.unit != Some(*at))
    })
}

fn is_target(world: &World, unit: usize) -> bool {
    world.policies.iter().any(|policy| policy.units.contains(&unit))
}

fn detach(policy: &mut Policy, id: &str) {
    value(&mut policy.targets).retain(|target| target.id != id);
}

/// AWS attaches its own policies to whatever is new.
fn attach_everywhere(snapshot: &mut Snapshot, id: &str) {
    let own = live(snapshot).policies.values_mut().flat_map(value).filter(|policy| policy.aws_managed);
    own.for_each(|policy| value(&mut policy.targets).push(target(id)));
}

fn join(snapshot: &mut Snapshot, name: &str, method: &str, parent: &str, path: &str) -> Option<Expected> {
    let id = "999999999999";
    let mut joined = super::estate::account(id, name, parent, path);
    joined.joined_method = Some(method.to_owned());
    value(&mut live(snapshot).accounts).push(joined);
    attach_everywhere(snapshot, id);
    one(Rule::LinkAccountUnexpected, id)
}

fn creation(name: &str, state: &str) -> AccountRequest {
    AccountRequest { id: "car-1".to_owned(), name: name.to_owned(), state: state.to_owned(), account: None }
}

fn within<'s>(world: &World, snapshot: &'s mut Snapshot, pick: usize) -> Option<&'s mut AccountFacts> {
    let id = member(world, pick)?.1.id.clone();
    snapshot.accounts.get_mut(&id)
}

fn inside<'s>(world: &World, snapshot: &'s mut Snapshot, pick: usize, region: &str) -> Option<&'s mut RegionFacts> {
    within(world, snapshot, pick)?.regions.get_mut(region)
}

fn region(world: &World, snapshot: &mut Snapshot, pick: usize, region: &str, status: &str) -> Option<()> {
    value(&mut within(world, snapshot, pick)?.region_status).insert(region.to_owned(), status.to_owned());
    Some(())
}

fn quota(world: &World, snapshot: &mut Snapshot, pick: usize, code: &str, to: f64) -> Option<()> {
    let rows = value(inside(world, snapshot, pick, DEFAULT_REGIONS[1])?.quotas.get_mut("ec2")?);
    rows.retain(|row| row.code != code);
    rows.push(applied(code, to));
    Some(())
}

fn global_quota(world: &World, snapshot: &mut Snapshot, pick: usize, to: f64) -> Option<()> {
    let rows = value(inside(world, snapshot, pick, GLOBAL)?.quotas.get_mut("iam")?);
    *rows = vec![applied("L-ROLES", to)];
    Some(())
}

fn setting_of<'s>(world: &World, snapshot: &'s mut Snapshot, pick: usize, name: &str) -> Option<&'s mut Setting> {
    Some(value(inside(world, snapshot, pick, DEFAULT_REGIONS[0])?.settings.get_mut(name)?))
}

fn main_trail(snapshot: &mut Snapshot, change: impl FnOnce(&mut Trail), rule: Rule) -> Option<Expected> {
    let trails = snapshot.accounts.get_mut(OWNER)?.regions.get_mut("eu-west-1")?.trails.as_mut()?;
    let trail = value(trails).first_mut()?;
    change(trail);
    one(rule, &trail.arn)
}
