//! What a `match` can ask of a finding.
//!
//! In: a drift. Out: its facts, each as every text it goes by. It never looks at the state that was found: that is the
//! bound's business.

use std::collections::BTreeSet;

use super::places::{Places, policy_type};
use super::{Inputs, id, wording};
use crate::baseline::matching;
use crate::baseline::model::{self, OuPath};
use crate::baseline::placement::AccountView;
use crate::compare::{Drift, Rule};
use crate::estate::{GLOBAL, Kind};

/// The facts of one finding.
pub(super) struct Facts {
    /// Its id.
    pub(super) finding: String,
    /// The name shown for its account.
    pub(super) account_name: Option<String>,
    kind: Option<Kind>,
    rule: Rule,
    account: Option<AccountView>,
    ous: Vec<OuPath>,
    region: String,
    partition: String,
    service: Option<String>,
    code: Option<String>,
    policy_type: Option<String>,
    names: BTreeSet<String>,
    ids: BTreeSet<String>,
    targets: BTreeSet<String>,
    resource: Option<String>,
    subjects: BTreeSet<String>,
}

impl Facts {
    pub(super) fn new(drift: &Drift, places: &Places<'_>, inputs: &Inputs<'_>) -> Self {
        let told = |key: &str| drift.event_subject.get(key).cloned();
        // Ids joined: `p-ab12cd34@ou-ab12-c3d4e5f6`, `ec2/L-1216C47A/arn:…`.
        let (own, target) = match drift.subject.id.split_once('@').filter(|_| drift.kind == Kind::Policy) {
            Some((before, after)) => (before, Some(after.to_owned())),
            None => (drift.subject.id.as_str(), None),
        };
        let mut quota = own.splitn(3, '/').map(str::to_owned).filter(|_| drift.kind == Kind::Quota);
        let (service, code, resource) = (quota.next(), quota.next(), quota.next());
        let target = told("target").or(target);
        let account = drift.scope.account.clone().or_else(|| told("account"));
        let account = account.or_else(|| {
            [Some(own), target.as_deref()].into_iter().flatten().find(|id| is_account(id)).map(str::to_owned)
        });
        let policy = places.policy(own);
        // A policy that the baseline lists by its id goes by its declared name alone.
        let name = policy.as_ref().map_or(drift.subject.name.as_str(), |(name, _)| name);
        Self {
            finding: id(drift.kind, drift.aspect, &drift.scope, &drift.subject),
            account_name: account.as_deref().and_then(|id| places.shown_name(id)),
            // What is wrong with the baseline itself is of no kind that a baseline could excuse.
            kind: Some(drift.kind).filter(|kind| *kind != Kind::Baseline),
            rule: drift.rule,
            ous: ous(drift, target.as_deref(), places),
            region: drift.scope.region.clone().unwrap_or_else(|| GLOBAL.to_owned()),
            partition: inputs.snapshot.partition.clone(),
            service: told("service").or(service),
            code: told("code").or(code),
            policy_type: told("type")
                .or_else(|| told("policy_type"))
                .map(|told| policy_type(&told))
                .or_else(|| Some(policy.as_ref()?.1.clone())),
            // A setting goes by its name with and without its attribute.
            names: [
                Some(name),
                name.split_once('.').map(|(setting, _)| setting).filter(|_| drift.kind == Kind::Setting),
            ]
            .into_iter()
            .flatten()
            .map(str::to_owned)
            .collect(),
            ids: [drift.subject.id.clone(), own.to_owned()].into(),
            targets: target.map(|target| targets(&target, places)).unwrap_or_default(),
            resource: told("resource").or(resource),
            subjects: [drift.subject.id.clone(), drift.subject.name.clone(), wording::subject(drift)].into(),
            account: account.map(|id| places.account(&id)),
        }
    }

    /// Whether a `match` means this finding.
    pub(super) fn fit(&self, wanted: &model::Match) -> bool {
        fn all(texts: &BTreeSet<String>) -> Vec<&str> {
            texts.iter().map(String::as_str).collect()
        }
        wanted.matches(&matching::Facts {
            kind: self.kind,
            rule: self.rule.as_str(),
            finding: &self.finding,
            account: self.account.as_ref(),
            ous: &self.ous,
            region: Some(&self.region),
            partition: Some(&self.partition),
            service: self.service.as_deref(),
            code: self.code.as_deref(),
            policy_type: self.policy_type.as_deref(),
            names: &all(&self.names),
            ids: &all(&self.ids),
            targets: &all(&self.targets),
            resource: self.resource.as_deref(),
            subjects: &all(&self.subjects),
        })
    }
}

fn is_account(id: &str) -> bool {
    id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit())
}

/// The units a finding is about by itself: the unit, or the one on which a policy is attached.
fn ous(drift: &Drift, target: Option<&str>, places: &Places<'_>) -> Vec<OuPath> {
    let own = places.unit(&drift.subject.id).or_else(|| {
        let about_unit = drift.rule.as_str().starts_with("link.ou.");
        about_unit.then(|| OuPath::parse(&drift.subject.name).ok()).flatten()
    });
    let attached = target.and_then(|target| places.unit(target));
    [own, attached].into_iter().flatten().collect()
}

/// Every text a policy's target goes by: its id, its path or its declared name.
fn targets(target: &str, places: &Places<'_>) -> BTreeSet<String> {
    let path = places.unit(target).map(|path| path.to_string());
    let name = is_account(target).then(|| places.account(target).name).filter(|name| !name.is_empty());
    [Some(target.to_owned()), path, name].into_iter().flatten().collect()
}
