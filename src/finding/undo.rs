//! What a person can do about a finding: `policies/remediation.yaml`, filled in.
//!
//! In: a finding, whose names and values an attacker may have chosen. Out: steps in words, some with a command that is
//! safe to paste into a POSIX shell. It never runs one, and leaves a command out rather than show one that is not whole.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Finding;
use super::wording::plain;
use crate::baseline::diagnostic::visible;
use crate::baseline::pattern::fits;
use crate::compare::Rule;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    means: String,
    undo: Vec<Template>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Template {
    say: String,
    #[serde(default)]
    run: Option<String>,
    #[serde(default)]
    when: Option<When>,
    #[serde(default)]
    only: Option<String>,
    #[serde(default)]
    lacks: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum When {
    Declared,
    Undeclared,
}

/// One thing that a person can do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What, in a sentence. Holds attacker-controlled text.
    pub say: String,
    /// The command that does it, quoted for a POSIX shell; none where there is none, or its values cannot be shown safely.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
}

static TABLE: LazyLock<BTreeMap<Rule, Entry>> =
    LazyLock::new(|| match serde_yaml::from_str(include_str!("../../policies/remediation.yaml")) {
        Ok(table) => table,
        Err(error) => unreachable!("`policies/remediation.yaml` is part of the program and does not parse: {error}"),
    });

fn entry(rule: Rule) -> &'static Entry {
    match TABLE.get(&rule) {
        Some(entry) => entry,
        None => unreachable!("`policies/remediation.yaml` is part of the program and says nothing about `{rule}`"),
    }
}

/// What a rule means, in a sentence.
#[must_use]
pub fn meaning(rule: Rule) -> &'static str {
    &entry(rule).means
}

/// What a person can do to undo what was found, in order.
#[must_use]
pub fn steps(finding: &Finding) -> Vec<Step> {
    let values = values(finding);
    let fitting = entry(finding.by_text()).undo.iter().filter(|step| step.is_for(finding));
    fitting
        .map(|step| Step {
            say: filled(&step.say, |name| {
                Some(values.get(name).map_or("what the report names", String::as_str).to_owned())
            })
            .unwrap_or_default(),
            run: step.run.as_ref().and_then(|run| filled(run, |name| quoted(values.get(name)?))),
        })
        .collect()
}

impl Template {
    fn is_for(&self, finding: &Finding) -> bool {
        let declared = if finding.expected.is_null() { When::Undeclared } else { When::Declared };
        let state = format!("{}={}", finding.subject.id, plain(&finding.expected));
        // A subject that has steps of its own is not one of those that the others speak of.
        let special = matches!(finding.subject.id.as_str(), "association" | "resource-policy");
        self.when.is_none_or(|when| when == declared && !special)
            && self.only.as_ref().is_none_or(|only| fits(only, &state))
            && self.lacks.as_ref().is_none_or(|key| finding.actual.get(key.as_str()).is_some())
    }
}

/// What a step may name, as far as the finding knows it.
fn values(finding: &Finding) -> BTreeMap<&'static str, String> {
    let mut values = BTreeMap::new();
    let mut add = |name: &'static str, value: Option<String>| {
        values.extend(value.filter(|value| !value.is_empty()).map(|value| (name, value)));
    };
    let subject = finding.subject.id.as_str();
    let is_attachment = finding.kind == crate::estate::Kind::Policy;
    let (id, target) = match subject.split_once('@').filter(|_| is_attachment) {
        Some((id, target)) => (id, Some(target.to_owned())),
        None => (subject, None),
    };
    let mut parts = subject.splitn(3, '/');
    let parts: [Option<&str>; 3] = [parts.next(), parts.next(), parts.next()];
    let [service, code, region] = if parts[1].is_some() { parts } else { [None; 3] };
    add("account", finding.scope.account.clone());
    add("region", finding.scope.region.clone().filter(|region| region != crate::estate::GLOBAL));
    add("id", Some(id.to_owned()));
    add("name", Some(finding.subject.name.clone()));
    add("target", target);
    add("service", service.map(str::to_owned));
    add("code", code.map(|code| code.split_once('@').map_or(code, |(code, _)| code).to_owned()));
    add("row_region", region.map(str::to_owned));
    add("arn_region", subject.split(':').nth(3).map(str::to_owned));
    add("expected", Some(&finding.expected).filter(|value| !value.is_null()).map(plain));
    add("wanted", wanted(&finding.expected).map(plain));
    values
}

/// The number that a quota is demanded to have.
fn wanted(expected: &Value) -> Option<&Value> {
    let ends = |key: &str| expected.get(key).filter(|value| value.is_number());
    let between = expected.get("between").and_then(|ends| ends.get(0));
    let number = Some(expected).filter(|value| value.is_number());
    number
        .or_else(|| ends("equals"))
        .or_else(|| ends("max"))
        .or_else(|| ends("min"))
        .or(between)
        .or_else(|| ends("default"))
}

/// The template with every name replaced; none when one is not.
fn filled(template: &str, value: impl Fn(&str) -> Option<String>) -> Option<String> {
    let (mut text, mut rest) = (String::new(), template);
    while let Some((before, after)) = rest.split_once('{') {
        let (name, behind) = after.split_once('}')?;
        text.push_str(before);
        text.push_str(&value(name)?);
        rest = behind;
    }
    text.push_str(rest);
    Some(text)
}

/// A value as one word of a POSIX shell; none when it would be an option, or holds what cannot be seen.
fn quoted(value: &str) -> Option<String> {
    if value.is_empty() || value.starts_with('-') || visible(value) != value || value.contains('\\') {
        return None;
    }
    let is_plain = value.chars().all(|letter| letter.is_ascii_alphanumeric() || "_./:@%+,-".contains(letter));
    Some(if is_plain { value.to_owned() } else { format!("'{}'", value.replace('\'', r"'\''")) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_means_something_and_says_what_to_do() {
        let told: Vec<Rule> = TABLE.keys().copied().collect();
        assert_eq!(told, Rule::ALL);
        let names = [
            "account",
            "region",
            "id",
            "name",
            "target",
            "service",
            "code",
            "row_region",
            "arn_region",
            "expected",
            "wanted",
        ];
        for (rule, entry) in TABLE.iter() {
            let judged = matches!(rule, Rule::PolicyWeakened | Rule::PolicyTightened | Rule::PolicyUndecided);
            assert_eq!(entry.undo.is_empty(), judged, "{rule}: what was judged is undone as the difference it is");
            assert!(!entry.means.is_empty(), "{rule}");
            for text in entry.undo.iter().flat_map(|step| [Some(&step.say), step.run.as_ref()]).flatten() {
                let known = filled(text, |name| names.contains(&name).then(String::new));
                assert!(known.is_some(), "{rule}: {text}");
            }
            for step in &entry.undo {
                assert!(step.say.ends_with('.'), "{rule}: {}", step.say);
                assert!(step.run.as_ref().is_none_or(|run| run.starts_with("aws ")), "{rule}");
            }
        }
    }

    #[test]
    fn the_readme_says_what_a_rule_means_in_the_same_words() {
        let readme = include_str!("../../README.md");
        for (rule, entry) in TABLE.iter() {
            assert!(readme.contains(&format!("| `{rule}` | {} |", entry.means)), "{rule}");
        }
    }

    #[test]
    fn no_value_gets_out_of_its_word() {
        for (value, word) in [
            ("p-ab12cd34", Some("p-ab12cd34")),
            ("a b", Some("'a b'")),
            ("a'; rm -rf ~; '", Some(r"'a'\''; rm -rf ~; '\'''")),
            ("$(id)`id`", Some("'$(id)`id`'")),
            ("--profile=x", None),
            ("a\nb", None),
            ("a\u{202e}b", None),
            ("a\\b", None),
        ] {
            assert_eq!(quoted(value).as_deref(), word, "{value:?}");
        }
    }
}
