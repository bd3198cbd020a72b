//! What a `match` can ask of a finding.
//!
//! In: a drift. Out: its facts, each as every text it goes by, and whether a `match` fits them. It never looks at the
//! state that was found: that is the bound's business.

use std::collections::BTreeSet;

use wildmatch::WildMatch;

use super::places::{Place, Places, policy_type};
use super::{Inputs, id};
use crate::baseline::model::{Match, OuPath, Patterns};
use crate::compare::{Drift, Rule};
use crate::estate::{GLOBAL, Kind};

/// The facts of one finding.
pub(super) struct Facts {
    /// Its id.
    pub(super) finding: String,
    kind: Kind,
    rule: Rule,
    account: Option<Place>,
    shown_name: Option<String>,
    units: Vec<OuPath>,
    region: String,
    partition: String,
    service: BTreeSet<String>,
    code: BTreeSet<String>,
    policy_type: BTreeSet<String>,
    names: BTreeSet<String>,
    ids: BTreeSet<String>,
    targets: BTreeSet<String>,
    resource: BTreeSet<String>,
    subject: BTreeSet<String>,
}

impl Facts {
    pub(super) fn new(drift: &Drift, places: &Places<'_>, inputs: &Inputs<'_>) -> Self {
        let told = |key: &str| drift.event_subject.get(key).cloned();
        // `p-ab12cd34@ou-ab12-c3d4e5f6`, `ec2/L-1216C47A/arn:…`: ids joined.
        let (whole, target) = match drift.subject.id.split_once('@').filter(|_| drift.kind == Kind::Policy) {
            Some((before, after)) => (before, Some(after.to_owned())),
            None => (drift.subject.id.as_str(), None),
        };
        let parts: Vec<&str> = whole.splitn(3, '/').collect();
        let quota = |index: usize| {
            Some(index).filter(|_| drift.kind == Kind::Quota).and_then(|index| parts.get(index)).map(ToString::to_string)
        };
        let target = told("target").or(target);
        let member = is_account(whole).then(|| whole.to_owned());
        let attached = target.clone().filter(|target| is_account(target));
        let account = drift.scope.account.clone().or_else(|| told("account")).or(member).or(attached);
        let policy = places.policy(whole);
        let named = policy.as_ref().map(|(name, _)| (*name).to_owned());
        let account_name = account.as_deref().and_then(|id| places.shown_name(id)).map(ToOwned::to_owned);
        let account = account.map(|id| places.account(&id));
        let service = told("service").or(quota(0)).or_else(|| principal(&parts));
        Self {
            finding: id(drift.kind, drift.aspect, &drift.scope, &drift.subject),
            kind: drift.kind,
            rule: drift.rule,
            units: units(drift, account.as_ref(), target.as_deref(), places),
            targets: targets(target.as_deref(), places),
            region: drift.scope.region.clone().unwrap_or_else(|| GLOBAL.to_owned()),
            partition: inputs.snapshot.partition.clone(),
            service: service.into_iter().collect(),
            code: told("code").or(quota(1)).into_iter().collect(),
            policy_type: told("type")
                .map(|told| policy_type(&told))
                .or_else(|| policy.map(|(_, policy_type)| policy_type))
                .into_iter()
                .collect(),
            // A policy that the baseline lists by its id goes by its declared name alone.
            names: named.or_else(|| Some(drift.subject.name.clone())).into_iter().collect(),
            ids: [drift.subject.id.clone(), whole.to_owned()].into(),
            resource: told("resource").or(quota(2)).into_iter().collect(),
            subject: [
                drift.subject.id.clone(),
                drift.subject.name.clone(),
                super::wording::subject(&drift.subject),
            ]
            .into(),
            shown_name: account_name,
            account,
        }
    }

    /// The name shown for the account.
    pub(super) fn account_name(&self) -> Option<&str> {
        self.shown_name.as_deref()
    }

    /// Whether every key of a `match` fits.
    pub(super) fn fit(&self, wanted: &Match) -> bool {
        let Match {
            kind,
            rule,
            finding,
            account,
            ou,
            tag,
            region,
            partition,
            service,
            code,
            policy_type,
            name,
            id,
            target,
            resource,
            subject,
        } = wanted;
        let place = self.account.as_ref();
        let accounts = place.map(|place| [Some(&place.id), place.name.as_ref()]).into_iter().flatten().flatten();
        kind.is_none_or(|kind| kind.to_string() == self.kind.as_str())
            && one(rule.as_ref(), [self.rule.as_str()])
            && one(finding.as_ref(), [&self.finding])
            && one(account.as_ref(), accounts)
            && ou.as_ref().is_none_or(|ou| self.units.iter().any(|unit| below(ou, unit)))
            && tag.iter().all(|(key, wanted)| {
                let value = place.and_then(|place| place.tags.get(key));
                value.is_some_and(|value| WildMatch::new(wanted).matches(value))
            })
            && one(region.as_ref(), [&self.region])
            && one(partition.as_ref(), [&self.partition])
            && one(service.as_ref(), &self.service)
            && one(code.as_ref(), &self.code)
            && one(policy_type.as_ref(), &self.policy_type)
            && one(name.as_ref(), &self.names)
            && one(id.as_ref(), &self.ids)
            && one(target.as_ref(), &self.targets)
            && one(resource.as_ref(), &self.resource)
            && one(subject.as_ref(), &self.subject)
    }
}

/// Whether one of the patterns matches one of the texts; no patterns match anything.
pub(super) fn one<T: AsRef<str>>(patterns: Option<&Patterns>, texts: impl IntoIterator<Item = T>) -> bool {
    let Some(Patterns(patterns)) = patterns else { return true };
    texts.into_iter().any(|text| patterns.iter().any(|pattern| WildMatch::new(pattern).matches(text.as_ref())))
}

/// Whether a unit is one of the paths or hangs below one. `*` stands for anything within one name.
pub(super) fn below(Patterns(paths): &Patterns, unit: &OuPath) -> bool {
    paths.iter().filter_map(|path| OuPath::parse(path).ok()).any(|path| {
        path.names().len() <= unit.names().len()
            && path.names().iter().zip(unit.names()).all(|(pattern, name)| WildMatch::new(pattern).matches(name))
    })
}

fn is_account(id: &str) -> bool {
    id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit())
}

/// The service principal among the parts of a subject's id.
fn principal(parts: &[&str]) -> Option<String> {
    parts.iter().find(|part| part.ends_with(".amazonaws.com") || part.ends_with(".amazonaws.com.cn")).map(ToString::to_string)
}

/// The units a finding belongs to: its account's, its own where it is about a unit, its target's where it is about an
/// attachment.
fn units(drift: &Drift, account: Option<&Place>, target: Option<&str>, places: &Places<'_>) -> Vec<OuPath> {
    let own = places.unit(&drift.subject.id).or_else(|| {
        let about_unit = drift.rule.as_str().starts_with("link.ou.");
        about_unit.then(|| OuPath::parse(&drift.subject.name).ok()).flatten()
    });
    let attached = target.and_then(|target| places.unit(target));
    [account.and_then(|place| place.unit.clone()), own, attached].into_iter().flatten().collect()
}

/// Every text a policy's target goes by: its id, its path or its declared name.
fn targets(target: Option<&str>, places: &Places<'_>) -> BTreeSet<String> {
    let Some(target) = target else { return BTreeSet::new() };
    let path = places.unit(target).map(|path| path.to_string());
    let name = is_account(target).then(|| places.account(target).name).flatten();
    [Some(target.to_owned()), path, name].into_iter().flatten().collect()
}
