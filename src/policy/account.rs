//! What binds one account, as documents level by level. In comes an organisation as it was read, or a baseline that
//! declares one; out come the texts on the way from the root down to the account, ready to be read by
//! [`levels`], or why they cannot be told. Never takes a policy for harmless that was not read.

use std::collections::BTreeMap;

use super::document::Kind;
use super::levels::{self, File, Folder, Guardrails};
use super::organization::{Arrangement, arranged, is_off};
use crate::baseline::Baseline;
use crate::baseline::model::{AccountEntry, Aws, OuPath, PolicyRule, Targets};
use crate::baseline::pattern::fits;
use crate::estate::{Observation, Organization};

const FULL_ACCESS: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

/// The texts of one type of policy, from the root down.
pub type Levels = Vec<Vec<File>>;

/// The policies of one type of an organisation, and where they are attached.
#[derive(Debug)]
pub struct Attached {
    kind: Kind,
    arrangement: Arrangement,
    /// By policy: its text, or why it cannot be told.
    texts: BTreeMap<String, Result<File, String>>,
    is_off: bool,
}

impl Attached {
    /// As they were read.
    ///
    /// # Errors
    /// What was not read.
    pub fn of(organization: &Organization, policy_type: &str, kind: Kind) -> Result<Self, String> {
        let (_, arrangement) = arranged(organization, policy_type, kind)?;
        let policies = organization.policies.get(policy_type).and_then(|policies| policies.known());
        let texts = policies.into_iter().flatten().map(|policy| {
            let name = format!("{} ({})", policy.name, policy.id);
            let text = match &policy.document {
                Observation::Known(text) => Ok(File { name, text: text.clone() }),
                Observation::Absent => Err(format!("`{name}` has no document")),
                Observation::Unknown(gap) => Err(format!("the document of `{name}` was not read: {}", gap.reason)),
            };
            (policy.id.clone(), text)
        });
        Ok(Self { kind, arrangement, texts: texts.collect(), is_off: is_off(organization, policy_type)? })
    }

    /// The policies on the way to an account by their ids; what has the same ids has the same texts.
    #[must_use]
    pub fn ids(&self, account: &str) -> Vec<Vec<&str>> {
        self.arrangement.policies(account)
    }

    /// The texts on the way to an account.
    ///
    /// # Errors
    /// Why one of them cannot be told.
    pub fn levels(&self, account: &str) -> Result<Levels, String> {
        if self.is_off {
            return Ok(vec![nothing(self.kind)]);
        }
        let text = |id: &&str| self.texts.get(*id).cloned().unwrap_or_else(|| Err(format!("`{id}` was lost")));
        let level = |ids: &Vec<&str>| ids.iter().map(text).collect::<Result<Vec<File>, String>>();
        self.ids(account).iter().map(level).collect()
    }
}

/// What stands on a level where a type is off: nothing is taken away.
fn nothing(kind: Kind) -> Vec<File> {
    let full = File { name: "FullAWSAccess, since the type is off".to_owned(), text: FULL_ACCESS.to_owned() };
    if kind == Kind::Scp { vec![full] } else { Vec::new() }
}

/// An account that a baseline declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// Its id, where one is declared.
    pub id: Option<String>,
    /// Its name, where one is declared or given.
    pub name: Option<String>,
    /// Where it hangs.
    pub unit: OuPath,
}

/// The account that an id or a name means; a name may be one that a pattern lists.
///
/// # Errors
/// None is declared, or several are.
pub fn declared(aws: &Aws, reference: &str) -> Result<Declared, String> {
    let entries = || aws.accounts.iter().flatten();
    let mut meant =
        entries().filter(|entry| [&entry.id, &entry.name].iter().any(|word| word.as_deref() == Some(reference)));
    let lists = |entry: &&AccountEntry| entry.matches.as_ref().is_some_and(|pattern| fits(pattern, reference));
    let by_pattern = || entries().find(lists);
    let entry = match (meant.next(), meant.next()) {
        (Some(_), Some(_)) => return Err(format!("several accounts are called `{reference}`; give its id")),
        (Some(entry), None) => entry,
        (None, _) => by_pattern().ok_or_else(|| format!("the baseline declares no account `{reference}`"))?,
    };
    let unit = entry.ou.clone().unwrap_or_else(OuPath::root);
    let name = entry.name.clone().or_else(|| entry.matches.as_ref().map(|_| reference.to_owned()));
    Ok(Declared { id: entry.id.clone(), name, unit })
}

/// The texts that a baseline declares on the way to an account.
///
/// # Errors
/// What the baseline does not say.
pub fn declared_levels(
    baseline: &Baseline,
    aws: &Aws,
    account: &Declared,
    policy_type: &str,
    kind: Kind,
) -> Result<Levels, String> {
    if aws.policy_types.as_ref().is_some_and(|types| !types.iter().any(|named| named == policy_type)) {
        return Ok(vec![nothing(kind)]);
    }
    let policies = aws.policies.as_ref().ok_or("the baseline declares no policies")?.iter().enumerate();
    let of_type: Vec<(usize, &PolicyRule)> = policies.filter(|(_, rule)| rule.policy_type == policy_type).collect();
    if of_type.is_empty() {
        return Err(format!("the baseline declares no policy of the type `{policy_type}`"));
    }
    let mut nodes: Vec<Node<'_>> =
        (0..=account.unit.names().len()).map(|depth| Node::Unit(&account.unit, depth)).collect();
    nodes.push(Node::Account(account));
    nodes.iter().map(|node| node.texts(baseline, &of_type)).collect()
}

/// A place on the way to an account: so many names of a unit's path, or the account itself.
enum Node<'a> {
    Unit(&'a OuPath, usize),
    Account(&'a Declared),
}

impl Node<'_> {
    fn texts(&self, baseline: &Baseline, policies: &[(usize, &PolicyRule)]) -> Result<Vec<File>, String> {
        let mut texts = Vec::new();
        for (index, rule) in policies {
            let name = &rule.name;
            let targets = rule.targets.as_ref();
            let targets = targets.ok_or_else(|| format!("the baseline does not say where `{name}` is attached"))?;
            if !self.is_among(targets) {
                continue;
            }
            if rule.is_family() {
                return Err(format!(
                    "`{name}` stands for any number of policies, of which the baseline knows no document"
                ));
            }
            let text = match baseline.policy_document(*index) {
                Some(document) => document.value.to_string(),
                None if rule.aws_managed => FULL_ACCESS.to_owned(),
                None => return Err(format!("the baseline does not say what `{name}` says")),
            };
            // What AWS keeps on every level of resource control policies is implied there.
            if rule.policy_type == "service_control" || baseline.policy_document(*index).is_some() {
                texts.push(File { name: format!("{name} (declared)"), text });
            }
        }
        Ok(texts)
    }

    fn is_among(&self, targets: &Targets) -> bool {
        let Targets::These(these) = targets else { return true };
        match self {
            Self::Unit(path, depth) => {
                let here = path.names().get(..*depth).unwrap_or_default();
                these.iter().any(|target| {
                    target.starts_with('/') && OuPath::parse(target).is_ok_and(|target| target.names() == here)
                })
            }
            Self::Account(account) => {
                let words = [account.id.as_ref(), account.name.as_ref()];
                these.iter().any(|target| words.contains(&Some(target)))
            }
        }
    }
}

/// What such levels of one type of policy come to.
///
/// # Errors
/// The first mistake in one of the documents.
pub fn guardrails(kind: Kind, levels: Levels) -> Result<Guardrails, String> {
    let folder = |files: Vec<File>| match kind {
        Kind::Rcp => Folder { rcp: Some(files), ..Folder::default() },
        _ => Folder { scp: Some(files), ..Folder::default() },
    };
    levels::from_folder(levels.into_iter().map(folder).collect()).map_err(|mistakes| {
        let first = mistakes.records().into_iter().next();
        let first = first.map(|record| match record.position {
            Some(position) => format!("{position}: {}", record.message),
            None => record.message,
        });
        format!("a document cannot be read: {}", first.unwrap_or_default())
    })
}
