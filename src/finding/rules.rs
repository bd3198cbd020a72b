//! What is said about each rule: `policies/rules.yaml`.
//!
//! In: the shipped table. Out: its entries. It never judges a finding.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::baseline::model::Severity;
use crate::compare::Rule;

/// What is said about one rule.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleEntry {
    /// How severe it is, unless the baseline says otherwise.
    pub severity: Severity,
    /// The sentence a finding opens with; `{subject}`, `{place}`, `{expected}` and `{actual}` are filled in.
    pub title: String,
    /// MITRE ATT&CK techniques and analytics.
    pub attack: Vec<String>,
    /// What to do about it.
    pub remediation: String,
}

static RULES: LazyLock<BTreeMap<Rule, RuleEntry>> =
    LazyLock::new(|| match serde_yaml::from_str(include_str!("../../policies/rules.yaml")) {
        Ok(table) => table,
        Err(error) => unreachable!("`policies/rules.yaml` is part of the program and does not parse: {error}"),
    });

/// The shipped table, by rule.
#[must_use]
pub fn rule_table() -> &'static BTreeMap<Rule, RuleEntry> {
    &RULES
}

/// The entry of a rule. That every rule has one is kept by a test.
pub(super) fn entry(rule: Rule) -> &'static RuleEntry {
    match RULES.get(&rule) {
        Some(entry) => entry,
        None => unreachable!("`policies/rules.yaml` is part of the program and says nothing about `{rule}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_stands_in_the_table_once() {
        // A second entry for a rule would be a duplicate key, which parsing refuses.
        let told: Vec<Rule> = rule_table().keys().copied().collect();
        assert_eq!(told, Rule::ALL);
    }

    #[test]
    fn every_entry_says_something_useful() {
        for (rule, entry) in rule_table() {
            assert!(entry.remediation.trim_end().ends_with('.'), "{rule}");
            assert!(!entry.title.ends_with('.'), "{rule}");
            for id in &entry.attack {
                assert!(id.starts_with('T') || id.starts_with("AN"), "{rule}: {id}");
            }
            let own = rule.as_str().starts_with("exemption.") || rule.as_str().starts_with("baseline.");
            assert_eq!(entry.attack.is_empty(), own, "{rule}: a change to the estate has a technique");
        }
    }
}
