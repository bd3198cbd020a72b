//! What exemptions and approved changes cover. In come a `match`, a bound or a `by`, and plain facts about a finding, a
//! state or an identity; out comes whether they fit. Never decides which of several stands.

use serde_json::Value as Json;

use super::{
    model::{Bound, Kind, Match, OuPath, Value, Who},
    pattern::{AnyOf, Below, Tagged, fits, is_pattern},
    placement::AccountView,
    rules::account_words,
};

/// What a finding is about, as far as a `match` can ask. What does not apply is left empty: then only a `match` that does
/// not ask for it fits.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts<'a> {
    /// Kind of thing that differs.
    pub kind: Option<Kind>,
    /// Rule, such as `quota.raised`.
    pub rule: &'a str,
    /// Stable id of the finding.
    pub finding: &'a str,
    /// The account, as the baseline declares it.
    pub account: Option<&'a AccountView>,
    /// OUs that it is about without being in an account: an OU itself, or the one on which a policy is attached.
    pub ous: &'a [OuPath],
    /// The region; `global` for what has none.
    pub region: Option<&'a str>,
    /// The partition.
    pub partition: Option<&'a str>,
    /// Service code or service principal.
    pub service: Option<&'a str>,
    /// Quota code.
    pub code: Option<&'a str>,
    /// Policy type, as a baseline spells it: `service_control`.
    pub policy_type: Option<&'a str>,
    /// Every name that the subject has: declared and live, a setting with and without its attribute.
    pub names: &'a [&'a str],
    /// Every id that the subject has: `p-…`, `ou-…`, an ARN.
    pub ids: &'a [&'a str],
    /// Every way to say where a policy is attached: OU path, account id, account name.
    pub targets: &'a [&'a str],
    /// ARN of the resource.
    pub resource: Option<&'a str>,
    /// The subject as reports show it: its id, its name, and both.
    pub subjects: &'a [&'a str],
}

impl Match {
    /// Whether a finding is meant.
    #[must_use]
    pub fn matches(&self, facts: &Facts<'_>) -> bool {
        Matcher::of(self).fits(facts)
    }
}

/// A `match`, ready for many findings.
#[derive(Debug, Clone)]
pub struct Matcher {
    kind: Option<Kind>,
    ou: Below,
    tag: Tagged,
    account: AnyOf,
    rule: AnyOf,
    finding: AnyOf,
    region: AnyOf,
    partition: AnyOf,
    service: AnyOf,
    code: AnyOf,
    policy_type: AnyOf,
    name: AnyOf,
    id: AnyOf,
    target: AnyOf,
    resource: AnyOf,
    subject: AnyOf,
}

impl Matcher {
    /// Makes a `match` ready.
    #[must_use]
    pub fn of(matches: &Match) -> Self {
        let any = |patterns: &Option<_>| AnyOf::of(patterns.as_ref());
        Self {
            kind: matches.kind,
            ou: Below::of(matches.ou.as_ref()),
            tag: Tagged::of(&matches.tag),
            account: any(&matches.account),
            rule: any(&matches.rule),
            finding: any(&matches.finding),
            region: any(&matches.region),
            partition: any(&matches.partition),
            service: any(&matches.service),
            code: any(&matches.code),
            policy_type: any(&matches.policy_type),
            name: any(&matches.name),
            id: any(&matches.id),
            target: any(&matches.target),
            resource: any(&matches.resource),
            subject: any(&matches.subject),
        }
    }

    /// Whether a finding is meant.
    #[must_use]
    pub fn fits(&self, facts: &Facts<'_>) -> bool {
        self.kind.is_none_or(|kind| facts.kind == Some(kind))
            && self.account.fits(facts.account.into_iter().flat_map(account_words))
            && (self.ou.fits(facts.account.and_then(|account| account.ou.as_ref()))
                || facts.ous.iter().any(|ou| self.ou.fits(Some(ou))))
            && self.tag.fits(facts.account.map(|account| &account.tags))
            && self.rule.fits([facts.rule])
            && self.finding.fits([facts.finding])
            && self.region.fits(facts.region)
            && self.partition.fits(facts.partition)
            && self.service.fits(facts.service)
            && self.code.fits(facts.code)
            && self.policy_type.fits(facts.policy_type)
            && self.name.fits(facts.names.iter().copied())
            && self.id.fits(facts.ids.iter().copied())
            && self.target.fits(facts.targets.iter().copied())
            && self.resource.fits(facts.resource)
            && self.subject.fits(facts.subjects.iter().copied())
    }
}

/// A state, as far as a bound can ask. What is not known is left empty: then only a bound that does not ask for it
/// covers the state.
#[derive(Debug, Clone, Copy, Default)]
pub struct State<'a> {
    /// The number, of a quota.
    pub number: Option<f64>,
    /// The value, of a setting.
    pub value: Option<&'a Json>,
    /// The status, as the provider words it.
    pub status: Option<&'a str>,
    /// `sha256:…` of the normalised document.
    pub digest: Option<&'a str>,
}

impl Bound {
    /// How a state goes beyond the bound, for people: `640 is above max 600`; none when the bound covers it. A state
    /// that is not known is never covered by a bound that asks for it.
    #[must_use]
    pub fn excess(&self, state: State<'_>) -> Option<String> {
        self.beyond_max(state).or_else(|| self.beyond_min(state)).or_else(|| self.beyond_words(state))
    }

    fn beyond_max(&self, state: State<'_>) -> Option<String> {
        let max = self.max?;
        match state.number {
            Some(number) if number <= max => None,
            Some(number) => Some(format!("{number} is above max {max}")),
            None => Some(format!("no number to hold against max {max}")),
        }
    }

    fn beyond_min(&self, state: State<'_>) -> Option<String> {
        let min = self.min?;
        match state.number {
            Some(number) if number >= min => None,
            Some(number) => Some(format!("{number} is below min {min}")),
            None => Some(format!("no number to hold against min {min}")),
        }
    }

    fn beyond_words(&self, state: State<'_>) -> Option<String> {
        let number = state.number.map(Json::from);
        if let Some(value) = &self.value {
            let actual = state.value.or(number.as_ref());
            if !actual.is_some_and(|actual| value.is(actual)) {
                return Some(format!(
                    "{} is not {value}",
                    actual.map_or("an unknown value".to_owned(), Json::to_string)
                ));
            }
        }
        let words = [("status", &self.status, state.status), ("digest", &self.digest, state.digest)];
        words.into_iter().find_map(|(what, wanted, actual)| match (wanted, actual) {
            (Some(wanted), Some(actual)) if wanted == actual => None,
            (Some(wanted), Some(actual)) => Some(format!("{what} {actual} is not {wanted}")),
            (Some(wanted), None) => Some(format!("no {what} to hold against {wanted}")),
            (None, _) => None,
        })
    }
}

impl Value {
    /// Whether a JSON value is this one; a whole number and the same float are one.
    #[must_use]
    pub fn is(&self, actual: &Json) -> bool {
        match self {
            Self::Bool(bool) => actual.as_bool() == Some(*bool),
            Self::Number(number) => actual.as_f64() == Some(*number),
            Self::Text(text) => actual.as_str() == Some(text.as_str()),
        }
    }
}

/// What is proven about who made a change.
#[derive(Debug, Clone, Copy, Default)]
pub struct Proven<'a> {
    /// The person that an identity provider vouches for.
    pub person: Option<&'a str>,
    /// The subject of the OIDC token.
    pub pipeline: Option<&'a str>,
    /// ARN of the role behind the session.
    pub role: Option<&'a str>,
}

impl Who {
    /// Whether the proven identity is meant. `belongs` says whether an account id is one of this estate: a role pattern
    /// whose account is a pattern reaches no further.
    pub fn fits(&self, proven: Proven<'_>, belongs: impl Fn(&str) -> bool) -> bool {
        match self {
            Self::Person(pattern) => proven.person.is_some_and(|person| fits(pattern, person)),
            Self::Pipeline(pattern) => proven.pipeline.is_some_and(|subject| fits(pattern, subject)),
            Self::Role(pattern) => proven.role.is_some_and(|role| role_fits(pattern, role, belongs)),
        }
    }
}

/// Field by field, so that `*` crosses `/` and never `:`: a role's path may hold a `:`, and whoever makes a role chooses it.
fn role_fits(pattern: &str, role: &str, belongs: impl Fn(&str) -> bool) -> bool {
    const FIELDS: usize = 6;
    let (wanted, found): (Vec<&str>, Vec<&str>) =
        (pattern.splitn(FIELDS, ':').collect(), role.splitn(FIELDS, ':').collect());
    let (Some(wanted_account), Some(account)) = (wanted.get(4), found.get(4)) else { return false };
    let fields = wanted.len() == FIELDS && wanted.len() == found.len();
    fields
        && wanted.iter().zip(&found).all(|(pattern, field)| fits(pattern, field))
        && (!is_pattern(wanted_account) || belongs(account))
}
