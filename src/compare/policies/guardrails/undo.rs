//! How a difference is taken back. In: a difference, and what the baseline declares. Out: the edits that undo it, or why that
//! cannot be told. It changes nothing by itself.

use std::collections::BTreeMap;

use crate::baseline::model::{OuPath, PolicyRule, Targets};
use crate::compare::drift::{Aspect, Drift};
use crate::compare::policies::attachments::targets_of;
use crate::compare::policies::type_name;
use crate::compare::rule::Rule;
use crate::compare::sides::{Live, read};
use crate::policy::document::Document;
use crate::policy::organization::ground::Edit;
use crate::policy::organization::{Texts, parsed};

/// Takes differences of one type of policy back.
pub(super) struct Undoing<'a> {
    live: &'a Live<'a>,
    policy_type: &'a str,
    /// Every document of either side.
    pub(super) texts: Texts,
    /// By the place of a declared policy: what stands for it, its text, and where it should be attached.
    declared: BTreeMap<usize, Result<Declared, String>>,
}

/// A declared policy.
#[derive(Clone)]
pub(super) struct Declared {
    pub(super) policy: String,
    pub(super) text: usize,
    targets: Vec<String>,
}

impl<'a> Undoing<'a> {
    pub(super) fn new(live: &'a Live<'a>, policy_type: &'a str, texts: Texts) -> Self {
        Self { live, policy_type, texts, declared: BTreeMap::new() }
    }

    /// The declared policies that were needed to take differences back.
    pub(super) fn needed(&self) -> impl Iterator<Item = &Declared> {
        self.declared.values().filter_map(|declared| declared.as_ref().ok())
    }

    /// The edits that undo a difference; or why they cannot be told.
    pub(super) fn edits(&mut self, drift: &Drift) -> Result<Vec<Edit>, String> {
        let named = |key: &str| {
            let lost = || format!("the difference does not name its {key}");
            drift.event_subject.get(key).cloned().ok_or_else(lost)
        };
        match (drift.rule, drift.aspect) {
            (Rule::PolicyChanged, Aspect::Content) => {
                let declared = parsed(&format!("{} as declared", drift.subject.name), &drift.expected.to_string());
                let text = self.texts.add(&drift.subject.name, declared);
                Ok(vec![Edit::Text { policy: named("policy")?, text }])
            }
            (Rule::PolicyDetached, _) => Ok(vec![Edit::Attach { policy: named("policy")?, target: named("target")? }]),
            (Rule::PolicyAttached, _) => {
                Ok(vec![Edit::Detach { policy: named("policy")?, target: Some(named("target")?) }])
            }
            (Rule::PolicyUnexpected, _) => Ok(vec![Edit::Detach { policy: named("policy")?, target: None }]),
            (Rule::PolicyMissing, _) => {
                let index = self.rules().find(|(_, rule)| means(rule, drift)).map(|(index, _)| index);
                self.attached(index.ok_or("the declared policy was not found")?)
            }
            (Rule::PolicyTypeDisabled, _) => {
                let indices: Vec<usize> = self.rules().map(|(index, _)| index).collect();
                let attached: Vec<_> = indices.into_iter().map(|at| self.attached(at)).collect::<Result<_, _>>()?;
                Ok(std::iter::once(Edit::SwitchOn).chain(attached.concat()).collect())
            }
            (Rule::LinkAccountMissing, _) => self.joined(&drift.subject.id),
            _ => {
                let home = self.home(drift.expected.as_str())?;
                Ok(vec![Edit::Hang { what: drift.subject.id.clone(), on: home }])
            }
        }
    }

    /// The id behind a declared path.
    fn home(&self, path: Option<&str>) -> Result<String, String> {
        let parsed = path.and_then(|path| OuPath::parse(path).ok());
        let home = parsed.and_then(|path| self.live.tree.find(&path).known().map(|id| (*id).to_owned()));
        home.ok_or_else(|| format!("the unit `{}` is not there to compare with", path.unwrap_or_default()))
    }

    fn rules(&self) -> impl Iterator<Item = (usize, &'a PolicyRule)> + use<'a> {
        let name = type_name(self.policy_type);
        let policies = self.live.sides.aws.policies.iter().flatten().enumerate();
        policies.filter(move |(_, rule)| rule.policy_type == name && !rule.is_family())
    }

    fn attached(&mut self, index: usize) -> Result<Vec<Edit>, String> {
        let Declared { policy, targets, .. } = self.declare(index)?;
        Ok(targets.into_iter().map(|target| Edit::Attach { policy: policy.clone(), target }).collect())
    }

    /// Puts a declared policy among the texts, and tells where it should be attached.
    fn declare(&mut self, index: usize) -> Result<Declared, String> {
        if let Some(declared) = self.declared.get(&index) {
            return declared.clone();
        }
        let declared = self.declare_anew(index);
        self.declared.insert(index, declared.clone());
        declared
    }

    fn declare_anew(&mut self, index: usize) -> Result<Declared, String> {
        let rule = self.rules().find(|(at, _)| *at == index).ok_or("the declared policy was not found")?.1;
        let unsaid = || format!("the baseline does not say where `{}` is attached", rule.name);
        let targets = targets_of(self.live, rule.targets.as_ref().ok_or_else(unsaid)?);
        let document = match self.live.sides.baseline.policy_document(index) {
            Some(document) => parsed(&rule.name, &document.value.to_string()),
            None if rule.aws_managed => Ok(Document::full_access()),
            None => Err(format!("the baseline does not say what `{}` says", rule.name)),
        };
        let text = self.texts.add(&rule.name, document);
        let targets = targets.into_iter().map(str::to_owned).collect();
        Ok(Declared { policy: format!("declared/{index}"), text, targets })
    }

    /// Puts an account that left back where it is declared, with what is declared to be attached to it.
    fn joined(&mut self, account: &str) -> Result<Vec<Edit>, String> {
        let entries = self.live.sides.aws.accounts.iter().flatten();
        let entry = entries.into_iter().find(|entry| entry.id.as_deref() == Some(account));
        let home = entry.and_then(|entry| entry.ou.as_ref()).map(ToString::to_string);
        let home = home.ok_or_else(|| format!("the baseline does not say where `{account}` hangs"))?;
        let on = self.home(Some(&home))?;
        let mut edits = vec![Edit::Join { what: account.to_owned(), on }];
        let own: Vec<usize> =
            self.rules().filter(|(_, rule)| self.binds(rule, account)).map(|(index, _)| index).collect();
        for index in own {
            let policy = self.declare(index)?.policy;
            edits.push(Edit::Attach { policy, target: account.to_owned() });
        }
        if edits.len() == 1 {
            // AWS lets no account be without a policy, and attaches this one where nobody says otherwise.
            let text = self.texts.add("FullAWSAccess", Ok(Document::full_access()));
            let policy = format!("full access of {account}");
            edits.push(Edit::Text { policy: policy.clone(), text });
            edits.push(Edit::Attach { policy, target: account.to_owned() });
        }
        Ok(edits)
    }

    fn binds(&self, rule: &PolicyRule, account: &str) -> bool {
        match &rule.targets {
            Some(Targets::Everywhere) => true,
            Some(Targets::These(these)) => these.iter().any(|target| self.live.sides.account_id(target) == account),
            None => false,
        }
    }

    /// The policies that came to a place, by the differences that say so.
    pub(super) fn came<'d>(&self, drift: &'d Drift) -> Vec<(String, &'d str)> {
        let Some(policy) = drift.event_subject.get("policy").map(String::as_str) else { return Vec::new() };
        let targets = match drift.rule {
            Rule::PolicyAttached => drift.event_subject.get("target").cloned().into_iter().collect(),
            Rule::PolicyUnexpected => self.targets(policy),
            _ => Vec::new(),
        };
        targets.into_iter().map(|target| (target, policy)).collect()
    }

    /// What a policy that is there is attached to.
    fn targets(&self, policy: &str) -> Vec<String> {
        let policies = self.live.organization.policies.get(self.policy_type).and_then(read).unwrap_or_default();
        let found = policies.iter().find(|known| known.id == policy);
        let targets = found.and_then(|policy| read(&policy.targets)).unwrap_or_default();
        targets.iter().map(|target| target.id.clone()).collect()
    }
}

fn means(rule: &PolicyRule, drift: &Drift) -> bool {
    match &rule.id {
        Some(id) => *id == drift.subject.id,
        None => drift.subject.id == format!("{}/{}", rule.policy_type, rule.name),
    }
}
