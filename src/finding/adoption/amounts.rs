//! Quotas, regions and settings: rules that are added for one account and region, behind all others, so that the last one
//! that matches is the new one. It never loosens a rule for anywhere else.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Case, Changes, No, STALE, append, item, remove, set};
use crate::baseline::edit::Change;
use crate::baseline::model::{Patterns, QuotaRule, QuotaTemplateRow, RegionRule, Where};
use crate::baseline::pattern::is_pattern;
use crate::baseline::placement::{AccountView, Listed, LiveAccount, Placement};
use crate::baseline::rules::{Place, Rules};
use crate::compare::{Rule, number};

const NOT_THERE: No = ("there is no such thing there", "narrow the rule that demands it with `where`");

/// The quota's own rule is changed; else there is a new one for the quota as it is. What else the broken rule demands is
/// kept.
pub(super) fn quota(case: &Case<'_>) -> Changes {
    let value = case.actual().ok_or(NOT_THERE)?;
    let value = value.as_f64().map_or_else(|| value.clone(), number);
    let (service, code) = case.subject().split_once('/').ok_or(STALE)?;
    let (code, resource) = code.split_once('@').map_or((code, None), |(code, resource)| (code, Some(resource)));
    let raised = case.finding.rule == Rule::QuotaRaised;
    let demanded = case.finding.expected.as_object().ok_or(STALE)?;
    let demanded = demanded.iter().filter(|(key, _)| *key != "default");
    let conditions: Vec<(&String, &Value, Value)> = demanded
        .map(|(key, limit)| {
            let new = match (key.as_str(), limit.as_array().map(Vec::as_slice)) {
                ("max", _) if raised => value.clone(),
                ("min", _) if !raised => value.clone(),
                ("equals", _) => value.clone(),
                ("between", Some([low, _])) if raised => json!([low, value]),
                ("between", Some([_, high])) => json!([value, high]),
                _ => limit.clone(),
            };
            (key, limit, new)
        })
        .collect();
    if let Some((index, rule)) = own_rule(case, service, code, resource) {
        let said = json!(rule);
        let changed = conditions.iter().filter(|(_, old, new)| *old != new);
        let place = |(key, _, new): &(&String, &Value, Value)| {
            said.get(key).filter(|said| !said.is_null())?;
            Some(Change::Set { at: format!("/aws/quotas/{index}/{key}"), value: new.clone() })
        };
        return changed.map(place).collect::<Option<Vec<Change>>>().filter(|all| !all.is_empty()).ok_or(STALE);
    }
    let mut rule = item([
        ("service", json!(service)),
        ("code", json!(code)),
        ("where", case.place()),
        ("level", resource.map_or(Value::Null, |_| json!("resource"))),
        ("resource", json!(resource)),
    ]);
    if let Value::Object(keys) = &mut rule {
        keys.extend(conditions.into_iter().map(|(key, _, limit)| (key.clone(), limit)));
    }
    Ok(append("/aws/quotas", rule))
}

/// The one rule for exactly this quota, account and region, if it is the one that decides; with its place.
fn own_rule<'a>(case: &Case<'a>, service: &str, code: &str, resource: Option<&str>) -> Option<(usize, &'a QuotaRule)> {
    let is_own = |rule: &QuotaRule| {
        let named = rule.service == service && rule.code == code && rule.resource.as_deref() == resource;
        named && !is_pattern(code) && !resource.is_some_and(is_pattern) && is_only_there(case, &rule.applies)
    };
    let mut own = case.aws.quotas.iter().flatten().enumerate().filter(|(_, rule)| is_own(rule));
    let (index, rule) = own.next().filter(|_| own.next().is_none())?;
    let account = view(case).ok()?;
    let place = Place { account: &account, region: case.finding.scope.region.as_deref()?, partition: &partition(case) };
    let decides = Rules::of(case.aws).quota(place, service, code, resource)?;
    (decides.index == index).then_some((index, rule))
}

/// Whether a rule is for the finding's account and region, each by its name, and nothing else.
fn is_only_there(case: &Case<'_>, Where { account, ou, tag, region, partition }: &Where) -> bool {
    let one = |patterns: &Option<Patterns>| match patterns {
        Some(Patterns(names)) if names.len() == 1 => names.first().cloned(),
        _ => None,
    };
    let (account, region) = (one(account), one(region));
    let id = account.as_deref().and_then(|account| Placement::of(case.aws).resolve(account).map(str::to_owned));
    let scope = &case.finding.scope;
    let is_here = id.is_some() && id == scope.account && region.is_some() && region == scope.region;
    is_here && ou.is_none() && tag.is_empty() && partition.is_none()
}

/// A row of the request template.
pub(super) fn template(case: &Case<'_>) -> Changes {
    if case.subject() == "association" {
        return Err((
            "the template is meant to be in use if any row is declared",
            "declare its rows, or take them out",
        ));
    }
    let mut parts = case.subject().splitn(3, '/');
    let (Some(service), Some(code), Some(region)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(STALE);
    };
    let rows = case.aws.quota_template.as_deref().unwrap_or_default();
    let same = |row: &QuotaTemplateRow| (&*row.service, &*row.code, &*row.region) == (service, code, region);
    match (rows.iter().position(same), case.actual()) {
        (Some(index), Some(value)) => Ok(set(format!("/aws/quota_template/{index}/value"), value.clone())),
        (None, Some(value)) => {
            let row = json!({"service": service, "code": code, "region": region, "value": value});
            Ok(append("/aws/quota_template", row))
        }
        (index, None) => remove("/aws/quota_template", index),
    }
}

/// The region is allowed there, and not required. A rule for that account alone takes it in; any other one is left as it
/// is, and a rule for the account and the region stands behind it.
pub(super) fn region(case: &Case<'_>) -> Changes {
    let region = case.subject();
    let rule = deciding(case)?;
    let own = only_account(case, &rule);
    if case.finding.rule == Rule::RegionEnabled
        && let Some(index) = own
    {
        return Ok(append(&format!("/aws/regions/{index}/allowed"), json!(region)));
    }
    let zone_groups = json!(rule.1.zone_groups);
    Ok(append(
        "/aws/regions",
        item([("where", case.place()), ("allowed", json!([region])), ("zone_groups", zone_groups)]),
    ))
}

pub(super) fn zone_group(case: &Case<'_>) -> Changes {
    let (_, rule) = deciding(case)?;
    let region = case.finding.scope.region.as_deref().ok_or(STALE)?;
    let groups: Vec<&str> = rule.zone_groups.iter().flatten().map(String::as_str).chain([case.subject()]).collect();
    // For the region itself the new rule says what the old one says.
    let said = |regions: &[String]| -> Vec<String> {
        let holds = |pattern: &&String| crate::baseline::pattern::fits(pattern, region);
        if regions.iter().any(|pattern| holds(&pattern)) { vec![region.to_owned()] } else { Vec::new() }
    };
    let required = said(&rule.required);
    Ok(append(
        "/aws/regions",
        item([
            ("where", case.place()),
            ("allowed", json!(said(&rule.allowed))),
            ("required", if required.is_empty() { Value::Null } else { json!(required) }),
            ("zone_groups", json!(groups)),
        ]),
    ))
}

/// The rule that decides about regions there, with its place.
fn deciding<'a>(case: &Case<'a>) -> Result<(usize, &'a RegionRule), No> {
    let account = view(case)?;
    let region = case.finding.scope.region.as_deref().ok_or(STALE)?;
    let place = Place { account: &account, region, partition: &partition(case) };
    let chosen = Rules::of(case.aws).region(place).ok_or(STALE)?;
    Ok((chosen.index, chosen.rule))
}

/// The place of a rule that is for this one account and every region of it.
fn only_account(case: &Case<'_>, (index, rule): &(usize, &RegionRule)) -> Option<usize> {
    let Some(Patterns(accounts)) = &rule.applies.account else { return None };
    let id = case.finding.scope.account.as_deref()?;
    let [account] = accounts.as_slice() else { return None };
    let is_meant = Placement::of(case.aws).resolve(account) == Some(id);
    let rest = &rule.applies;
    (is_meant && rest.region.is_none() && rest.partition.is_none()).then_some(*index)
}

/// The account as the baseline's rules see it.
fn view(case: &Case<'_>) -> Result<AccountView, No> {
    let id = case.finding.scope.account.as_deref().ok_or(STALE)?;
    let (unread, name) = (BTreeMap::new(), case.finding.account_name.as_deref().unwrap_or_default());
    let view = Placement::of(case.aws).place(LiveAccount { id, name, ou: None, tags: &unread, created_here: true });
    // An account that nobody declared is placed where it lives, which a report does not hold.
    if view.listed == Listed::No && case.aws.accounts.is_some() {
        return Err(("its account is not declared", "adopt the account first"));
    }
    Ok(view)
}

/// The partition, as far as it can be told from the region: what rules are chosen by.
fn partition(case: &Case<'_>) -> String {
    if let Some(snapshot) = case.snapshot {
        return snapshot.partition.clone();
    }
    let region = case.finding.scope.region.as_deref().unwrap_or_default();
    let special = [("cn-", "aws-cn"), ("us-gov-", "aws-us-gov")];
    special.iter().find(|(start, _)| region.starts_with(start)).map_or("aws", |(_, name)| name).to_owned()
}

/// A rule for the setting as it is.
pub(super) fn setting(case: &Case<'_>) -> Changes {
    let value = case.actual().ok_or(NOT_THERE)?;
    Ok(append("/aws/settings", item([("where", case.place()), nested(case.subject(), value)])))
}

/// A rule that says who holds the setting, and what it demands already.
pub(super) fn managed(case: &Case<'_>) -> Changes {
    let actual = case.actual_text()?;
    let account = view(case)?;
    let region = case.finding.scope.region.as_deref().ok_or(STALE)?;
    let place = Place { account: &account, region, partition: &partition(case) };
    let setting = case.subject();
    let mut values = Map::new();
    let mut whole = None;
    for expected in Rules::of(case.aws).settings(place).into_iter().filter(|expected| expected.setting == setting) {
        match expected.attribute {
            Some(attribute) => {
                values.insert(attribute, expected.value);
            }
            None => whole = Some(expected.value),
        }
    }
    let value = whole.unwrap_or(Value::Object(values));
    Ok(append("/aws/settings", item([("where", case.place()), ("managed_by", json!(actual)), (setting, value)])))
}

/// `instance_metadata_defaults.http_tokens` as a key with a mapping.
fn nested<'a>(name: &'a str, value: &Value) -> (&'a str, Value) {
    let value = value.as_f64().map_or_else(|| value.clone(), number);
    match name.split_once('.') {
        Some((setting, attribute)) => (setting, json!({attribute: value})),
        None => (name, value),
    }
}
