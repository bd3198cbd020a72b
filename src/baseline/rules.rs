//! Which rule applies. In come the baseline's rules and a place (account, region, partition); out comes, for each thing
//! that can be asked about, the last rule that matches: for quotas per quota code, for settings per attribute, for
//! regions the rule as a whole. Never compares anything.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use wildmatch::WildMatch;

use super::{
    model::{Aws, QuotaLevel, QuotaRule, RegionRule, SettingsRule, TrailRule, Where},
    pattern::{AnyOf, Below, Tagged, fits},
    placement::AccountView,
};

/// Where something is: an account as rules see it, a region and a partition.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The account.
    pub account: &'a AccountView,
    /// The region; `global` for what has none.
    pub region: &'a str,
    /// The partition: `aws`, `aws-cn`, …
    pub partition: &'a str,
}

/// A rule that was chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Chosen<'a, T> {
    /// What it says.
    pub rule: &'a T,
    /// The section in which it stands, as JSON pointer.
    pub section: &'static str,
    /// Its place in that section, from 0.
    pub index: usize,
}

impl<T> Chosen<'_, T> {
    /// JSON pointer of the rule, for [`super::Baseline::position`].
    #[must_use]
    pub fn pointer(&self) -> String {
        format!("{}/{}", self.section, self.index)
    }
}

/// What a setting should be, by the rule that decides it.
#[derive(Debug, Clone, PartialEq)]
pub struct ExpectedSetting {
    /// The setting, by EC2's name in snake case: `instance_metadata_defaults`.
    pub setting: String,
    /// The attribute of it, when it has several: `http_tokens`.
    pub attribute: Option<String>,
    /// Its value: true or false, a word, a number, a list.
    pub value: Value,
    /// Who must hold it, when the rule says so: `declarative-policy` or `account`.
    pub managed_by: Option<String>,
    /// The rule's place in `/aws/settings`, from 0.
    pub index: usize,
}

impl ExpectedSetting {
    /// The setting, with its attribute after a dot where it has several.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.attribute {
            Some(attribute) => format!("{}.{attribute}", self.setting),
            None => self.setting.clone(),
        }
    }

    /// JSON pointer of the value in the baseline.
    #[must_use]
    pub fn pointer(&self) -> String {
        let rule = format!("/aws/settings/{}/{}", self.index, self.setting);
        self.attribute.as_ref().map_or(rule.clone(), |attribute| format!("{rule}/{attribute}"))
    }
}

/// A `where`, ready for matching.
#[derive(Debug, Clone)]
struct Reach {
    account: AnyOf,
    ou: Below,
    tag: Tagged,
    region: AnyOf,
    partition: AnyOf,
}

impl Reach {
    fn of(applies: &Where) -> Self {
        Self {
            account: AnyOf::of(applies.account.as_ref()),
            ou: Below::of(applies.ou.as_ref()),
            tag: Tagged::of(&applies.tag),
            region: AnyOf::of(applies.region.as_ref()),
            partition: AnyOf::of(applies.partition.as_ref()),
        }
    }

    fn holds(&self, place: Place<'_>) -> bool {
        self.holds_account(place.account) && self.region.fits([place.region]) && self.partition.fits([place.partition])
    }

    fn holds_account(&self, account: &AccountView) -> bool {
        self.account.fits(account_words(account))
            && self.ou.fits(account.ou.as_ref())
            && self.tag.fits(Some(&account.tags))
    }
}

/// What an account can be called by.
pub(super) fn account_words(account: &AccountView) -> impl Iterator<Item = &str> {
    std::iter::once(account.id.as_str()).chain(Some(account.name.as_str()).filter(|name| !name.is_empty()))
}

impl Where {
    /// Whether a place is meant. For many places, [`Rules`] is faster.
    #[must_use]
    pub fn matches(&self, place: Place<'_>) -> bool {
        Reach::of(self).holds(place)
    }

    /// Whether an account is meant, in any region.
    #[must_use]
    pub fn means_account(&self, account: &AccountView) -> bool {
        Reach::of(self).holds_account(account)
    }
}

/// The rules of a baseline, ready for many places.
#[derive(Debug, Clone)]
pub struct Rules<'a> {
    aws: &'a Aws,
    include: Option<Vec<Reach>>,
    exclude: Vec<Reach>,
    regions: Vec<Reach>,
    quotas: Vec<(Reach, WildMatch)>,
    settings: Vec<(Reach, Vec<ExpectedSetting>)>,
    trails: Vec<Reach>,
}

impl<'a> Rules<'a> {
    /// Makes the rules of a baseline ready. An absent section has no rules.
    #[must_use]
    pub fn of(aws: &'a Aws) -> Self {
        let scope = aws.scope.clone().unwrap_or_default();
        let reaches = |list: &[Where]| list.iter().map(Reach::of).collect();
        let settings = list(aws.settings.as_ref()).iter().enumerate();
        Self {
            aws,
            include: scope.include.as_deref().map(reaches),
            exclude: reaches(&scope.exclude),
            regions: list(aws.regions.as_ref()).iter().map(|rule| Reach::of(&rule.applies)).collect(),
            quotas: list(aws.quotas.as_ref())
                .iter()
                .map(|rule| (Reach::of(&rule.applies), WildMatch::new(&rule.code)))
                .collect(),
            settings: settings.map(|(index, rule)| (Reach::of(&rule.applies), expected(index, rule))).collect(),
            trails: own_trails(aws).iter().map(|rule| Reach::of(&rule.applies)).collect(),
        }
    }

    /// Whether anything inside the account is read there. An account hangs where the baseline says, so one that is
    /// declared elsewhere but found under an excluded OU is still read.
    #[must_use]
    pub fn in_scope(&self, place: Place<'_>) -> bool {
        let included = self.include.as_ref().is_none_or(|include| include.iter().any(|reach| reach.holds(place)));
        included && !self.excludes(place)
    }

    /// Whether the account is left out by name, unit or tag. More tags never bring back what is left out without them.
    #[must_use]
    pub fn excludes(&self, place: Place<'_>) -> bool {
        self.exclude.iter().any(|reach| reach.holds(place))
    }

    /// The rule that decides whether a region (`place.region`) may or must be on. None: not audited there.
    #[must_use]
    pub fn region(&self, place: Place<'_>) -> Option<Chosen<'a, RegionRule>> {
        let index = self.regions.iter().rposition(|reach| reach.holds(place))?;
        choose(self.aws.regions.as_ref(), "/aws/regions", index)
    }

    /// The rule that decides a quota. `resource` is the ARN of the resource, or none for a quota of the account.
    #[must_use]
    pub fn quota(
        &self,
        place: Place<'_>,
        service: &str,
        code: &str,
        resource: Option<&str>,
    ) -> Option<Chosen<'a, QuotaRule>> {
        let rules = list(self.aws.quotas.as_ref());
        let index = rules.iter().zip(&self.quotas).rposition(|(rule, (reach, pattern))| {
            rule.service == service && pattern.matches(code) && level_fits(rule, resource) && reach.holds(place)
        })?;
        choose(self.aws.quotas.as_ref(), "/aws/quotas", index)
    }

    /// The rules that speak of any quota there, in the order of the baseline: what has to be read.
    #[must_use]
    pub fn quota_rules(&self, place: Place<'_>) -> Vec<Chosen<'a, QuotaRule>> {
        let holding = self.quotas.iter().enumerate().filter(|(_, (reach, _))| reach.holds(place));
        holding.filter_map(|(index, _)| choose(self.aws.quotas.as_ref(), "/aws/quotas", index)).collect()
    }

    /// The services of which any quota is spoken of there.
    #[must_use]
    pub fn quota_services(&self, place: Place<'_>) -> BTreeSet<&'a str> {
        self.quota_rules(place).iter().map(|chosen| chosen.rule.service.as_str()).collect()
    }

    /// What the settings should be there, in the order of their names.
    #[must_use]
    pub fn settings(&self, place: Place<'_>) -> Vec<ExpectedSetting> {
        let mut last: BTreeMap<String, &ExpectedSetting> = BTreeMap::new();
        for expected in self.settings.iter().filter(|(reach, _)| reach.holds(place)).flat_map(|(_, expected)| expected)
        {
            last.insert(expected.name(), expected);
        }
        last.into_values().cloned().collect()
    }

    /// Whether any rule speaks of this setting, wherever it applies.
    #[must_use]
    pub fn ever_sets(&self, setting: &str) -> bool {
        self.settings.iter().flat_map(|(_, expected)| expected).any(|expected| expected.setting == setting)
    }

    /// The trails that the account must have of its own: every rule that matches asks for one.
    #[must_use]
    pub fn trails(&self, place: Place<'_>) -> Vec<Chosen<'a, TrailRule>> {
        let holding = self.trails.iter().enumerate().filter(|(_, reach)| reach.holds(place));
        let rules = self.aws.audit_logs.as_ref().and_then(|logs| logs.trails.as_ref());
        holding.filter_map(|(index, _)| choose(rules, "/aws/audit_logs/trails", index)).collect()
    }

    /// Whether any `where` asks for tags, so that the tags of unlisted accounts have to be read.
    #[must_use]
    pub fn ask_for_tags(&self) -> bool {
        let scope = self.include.iter().flatten().chain(&self.exclude);
        let quotas = self.quotas.iter().map(|(reach, _)| reach);
        let settings = self.settings.iter().map(|(reach, _)| reach);
        scope.chain(&self.regions).chain(quotas).chain(settings).chain(&self.trails).any(|reach| !reach.tag.fits(None))
    }
}

fn list<T>(section: Option<&Vec<T>>) -> &[T] {
    section.map(Vec::as_slice).unwrap_or_default()
}

fn own_trails(aws: &Aws) -> &[TrailRule] {
    list(aws.audit_logs.as_ref().and_then(|logs| logs.trails.as_ref()))
}

fn choose<'a, T>(rules: Option<&'a Vec<T>>, section: &'static str, index: usize) -> Option<Chosen<'a, T>> {
    Some(Chosen { rule: rules?.get(index)?, section, index })
}

fn level_fits(rule: &QuotaRule, resource: Option<&str>) -> bool {
    match (rule.level, resource) {
        (QuotaLevel::Account, None) => true,
        (QuotaLevel::Resource, Some(arn)) => rule.resource.as_deref().is_none_or(|pattern| fits(pattern, arn)),
        (QuotaLevel::Account, Some(_)) | (QuotaLevel::Resource, None) => false,
    }
}

/// What one rule says of settings, attribute by attribute. Names are those of the model, so a new setting needs no line
/// here.
fn expected(index: usize, rule: &SettingsRule) -> Vec<ExpectedSetting> {
    // The model's types always serialise; a failure would leave the rule without effect, which the tests would show.
    let Ok(Value::Object(keys)) = serde_json::to_value(rule) else { return Vec::new() };
    let said = |setting: &str, attribute: Option<String>, value: Value| ExpectedSetting {
        setting: setting.to_owned(),
        attribute,
        value,
        managed_by: rule.managed_by.clone(),
        index,
    };
    let switches = keys.into_iter().filter(|(key, value)| key != "where" && key != "managed_by" && !value.is_null());
    let each = switches.flat_map(|(setting, value)| match value {
        Value::Object(attributes) => {
            let given = attributes.into_iter().filter(|(_, value)| !value.is_null());
            given.map(|(attribute, value)| said(&setting, Some(attribute), value)).collect()
        }
        value => vec![said(&setting, None, value)],
    });
    each.collect()
}
