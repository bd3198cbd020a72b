//! Whether a new name changes what applies where: renaming must not buy a looser rule.
//!
//! In: a baseline, and the places that get the new name. Out: every entry that would begin or cease to apply to an account
//! or unit. It never judges whether that is looser or stricter: whoever wrote a pattern knows what it was meant for.

use crate::baseline::Baseline;
use crate::baseline::edit::Change;
use crate::baseline::model::{self, Aws, Kind, Match, Patterns, Where};
use crate::baseline::pattern::{AnyOf, is_pattern};
use crate::baseline::placement::{AccountView, Listed};

/// Whether a text in the place of an account's name means an account of that name and nothing else.
pub(super) fn names_one_account(name: &str) -> bool {
    let is_id = name.len() == 12 && name.bytes().all(|byte| byte.is_ascii_digit());
    !name.is_empty() && !is_pattern(name) && !is_id && !name.starts_with('/') && name != "everywhere"
}

/// The JSON pointers of the entries that would begin or cease to apply by these changes; none where that cannot be told.
pub(super) fn affected(baseline: &Baseline, changes: &[Change]) -> Option<Vec<String>> {
    let mut whole = baseline.to_value();
    for change in changes {
        let Change::SetAll { values } = change else { return None };
        for (at, value) in values {
            *whole.pointer_mut(at)? = value.clone();
        }
    }
    let new: model::Baseline = serde_json::from_value(whole).ok()?;
    let old = &baseline.model;
    let (old_aws, new_aws) = (old.aws.as_ref()?, new.aws.as_ref()?);
    let (old_views, new_views) = (views(old_aws), views(new_aws));
    let reaches_others = |old: &Where, new: &Where| {
        let mut views = old_views.iter().zip(&new_views);
        views.any(|(before, after)| old.means_account(before) != new.means_account(after))
    };
    let rules = wheres(old_aws).into_iter().zip(wheres(new_aws));
    let rules = rules.filter(|((_, old), (_, new))| reaches_others(old, new)).map(|((at, _), _)| at);
    let (old_words, new_words) = (words(old_aws, &old_views), words(new_aws, &new_views));
    let matches = matches(old).into_iter().zip(matches(&new)).filter(|((_, old), (_, new))| {
        let mut said = old_words.iter().zip(&new_words);
        reaches_others(&place(old), &place(new))
            || said.any(|(before, after)| speaks(old, before) != speaks(new, after))
    });
    Some(rules.chain(matches.map(|((at, _), _)| at)).collect())
}

/// Every place that a rule can be for, in the order of the baseline: each account, and each unit for accounts that it does
/// not list. A pattern for many accounts stands for a name that fits it.
fn views(aws: &Aws) -> Vec<AccountView> {
    let accounts = aws.accounts.iter().flatten().map(|entry| AccountView {
        id: entry.id.clone().unwrap_or_default(),
        name: entry.name.clone().or_else(|| entry.matches.clone()).unwrap_or_default(),
        ou: Some(entry.ou.clone().unwrap_or_else(model::OuPath::root)),
        tags: entry.tags.clone(),
        listed: Listed::No,
    });
    let units = aws.organizational_units.iter().flatten().map(|unit| AccountView {
        id: unit.id.clone().unwrap_or_default(),
        name: String::new(),
        ou: Some(unit.path.clone()),
        tags: std::collections::BTreeMap::new(),
        listed: Listed::No,
    });
    accounts.chain(units).collect()
}

/// Every `where`, with its place.
fn wheres(aws: &Aws) -> Vec<(String, &Where)> {
    let mut found = Vec::new();
    if let Some(scope) = &aws.scope {
        found.extend(numbered("/aws/scope/include", "", scope.include.iter().flatten()));
        found.extend(numbered("/aws/scope/exclude", "", scope.exclude.iter()));
    }
    found.extend(numbered("/aws/regions", "/where", aws.regions.iter().flatten().map(|rule| &rule.applies)));
    found.extend(numbered("/aws/quotas", "/where", aws.quotas.iter().flatten().map(|rule| &rule.applies)));
    found.extend(numbered("/aws/settings", "/where", aws.settings.iter().flatten().map(|rule| &rule.applies)));
    let trails = aws.audit_logs.iter().flat_map(|logs| logs.trails.iter().flatten()).map(|rule| &rule.applies);
    found.extend(numbered("/aws/audit_logs/trails", "/where", trails));
    found
}

/// Every `match` of exemptions and approved changes, with its place.
fn matches(baseline: &model::Baseline) -> Vec<(String, &Match)> {
    let exemptions = numbered("/exemptions", "/match", baseline.exemptions.iter().map(|one| &one.matches));
    let approved = numbered("/approved_changes", "/match", baseline.approved_changes.iter().map(|one| &one.matches));
    exemptions.chain(approved).collect()
}

fn numbered<'a, T: 'a>(
    section: &'static str,
    key: &'static str,
    all: impl Iterator<Item = &'a T>,
) -> impl Iterator<Item = (String, &'a T)> {
    all.enumerate().map(move |(index, one)| (format!("{section}/{index}{key}"), one))
}

/// The part of a `match` that says where.
fn place(wanted: &Match) -> Where {
    let Match { account, ou, tag, .. } = wanted;
    Where { account: account.clone(), ou: ou.clone(), tag: tag.clone(), region: None, partition: None }
}

/// What findings about a place, and about policies that are attached there, call it.
struct Words {
    own: Vec<String>,
    attached: Vec<String>,
}

fn words(aws: &Aws, views: &[AccountView]) -> Vec<Words> {
    let policies: Vec<_> = aws.policies.iter().flatten().collect();
    let of = |view: &AccountView| {
        let path = view.ou.as_ref().map(ToString::to_string).unwrap_or_default();
        let name = if view.name.is_empty() { &path } else { &view.name };
        let id = &view.id;
        let attached = policies.iter().flat_map(|policy| {
            let subject = format!("{} at {name}", policy.name);
            let with_ids = format!("{subject} ({}@{id})", policy.id.as_deref().unwrap_or_default());
            [subject, with_ids]
        });
        Words { own: vec![id.clone(), name.clone(), format!("{name} ({id})")], attached: attached.collect() }
    };
    views.iter().map(of).collect()
}

/// Which of the words a `match` speaks of by its keys for names.
fn speaks(wanted: &Match, words: &Words) -> [bool; 5] {
    let about = |kind| wanted.kind.is_none_or(|wanted| wanted == kind);
    let fits = |patterns: &Option<Patterns>, words: &[String]| {
        patterns.is_some() && AnyOf::of(patterns.as_ref()).fits(words.iter().map(String::as_str))
    };
    let (link, policy) = (about(Kind::Link), about(Kind::Policy));
    [
        link && fits(&wanted.name, &words.own),
        link && fits(&wanted.subject, &words.own),
        policy && fits(&wanted.target, &words.own),
        policy && fits(&wanted.name, &words.attached),
        policy && fits(&wanted.subject, &words.attached),
    ]
}
