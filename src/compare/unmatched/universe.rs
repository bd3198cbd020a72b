//! Everything that exists, as far as a baseline can name it.
//!
//! In: both sides. Out: whether something of a name exists. Where the part of the estate that could hold it was not read
//! completely, the answer is yes: nothing can be said against it. It never asks what a name is used for.

use std::collections::{BTreeMap, BTreeSet};

use crate::baseline::model::{OuPath, Patterns};
use crate::baseline::pattern::{Below, fits, is_pattern};
use crate::compare::policies::type_name;
use crate::compare::sides::{Sides, read};
use crate::estate::{AccountFacts, CoverageStatus, GLOBAL, Observation, QuotaDefinition};

/// The names of what is live or declared; none where that was not read completely.
pub(super) struct Universe<'a> {
    accounts: Option<BTreeSet<&'a str>>,
    /// Patterns for accounts that may come: they exist as well as any.
    awaited: Vec<&'a str>,
    units: Option<Vec<OuPath>>,
    regions: Option<BTreeSet<&'a str>>,
    /// Codes by service; a service that was not read everywhere is not among them.
    codes: BTreeMap<&'a str, BTreeSet<&'a str>>,
    /// The quotas that hold for all regions, by service; a service of which they were not read is not among them.
    global_codes: BTreeMap<&'a str, &'a BTreeMap<String, QuotaDefinition>>,
    /// Names and ids of policies by type.
    policies: Option<BTreeMap<String, BTreeSet<&'a str>>>,
    /// The declared types.
    types: &'a [String],
    ids: Option<BTreeSet<&'a str>>,
}

impl<'a> Universe<'a> {
    pub(super) fn new(sides: &'a Sides<'_>) -> Self {
        let entries = || sides.aws.accounts.iter().flatten();
        Self {
            accounts: accounts(sides),
            awaited: entries().filter_map(|entry| entry.matches.as_deref()).collect(),
            units: units(sides),
            regions: regions(sides),
            codes: codes(sides),
            global_codes: global_codes(sides),
            policies: policies(sides),
            types: sides.aws.policy_types.as_deref().unwrap_or_default(),
            ids: ids(sides),
        }
    }

    pub(super) fn has_account(&self, text: &str) -> bool {
        self.accounts.as_ref().is_none_or(|accounts| accounts.iter().any(|name| fits(text, name)))
            || self.awaited.iter().any(|pattern| fits(pattern, text))
    }

    pub(super) fn has_unit(&self, text: &str) -> bool {
        let below = Below::of(Some(&Patterns(vec![text.to_owned()])));
        self.units.as_ref().is_none_or(|units| units.iter().any(|unit| below.fits(Some(unit))))
    }

    pub(super) fn has_region(&self, text: &str) -> bool {
        self.regions.as_ref().is_none_or(|regions| regions.iter().any(|region| fits(text, region)))
    }

    pub(super) fn has_service(&self, text: &str) -> bool {
        self.codes.get(text).is_none_or(|codes| !codes.is_empty())
    }

    pub(super) fn has_code(&self, service: &str, text: &str) -> bool {
        self.codes.get(service).is_none_or(|codes| codes.iter().any(|code| fits(text, code)))
    }

    /// Whether a quota that goes by one code has a value in such regions: one of all regions has it under [`GLOBAL`], and
    /// only there.
    pub(super) fn has_code_in(&self, service: &str, code: &str, regions: &[String]) -> bool {
        let Some(codes) = self.global_codes.get(service).filter(|_| !is_pattern(code)) else { return true };
        let (mut elsewhere, mut global) = (false, false);
        for region in regions {
            global |= fits(region, GLOBAL);
            elsewhere |= region != GLOBAL;
        }
        if codes.contains_key(code) { global } else { elsewhere }
    }

    pub(super) fn has_policy(&self, policy_type: Option<&str>, text: &str) -> bool {
        let Some(types) = &self.policies else { return true };
        let fitting = types.iter().filter(|(name, _)| policy_type.is_none_or(|wanted| wanted == *name));
        let mut names = fitting.clone().flat_map(|(_, names)| names);
        // Of a type that is off no policy was read.
        policy_type.is_some_and(|wanted| !types.contains_key(wanted)) || names.any(|name| fits(text, name))
    }

    /// Whether a policy type of this name is on, declared, or needed by a declared policy.
    pub(super) fn has_policy_type(&self, text: &str) -> bool {
        let live = self.policies.iter().flat_map(BTreeMap::keys);
        live.chain(self.types).any(|name| fits(text, name))
    }

    /// Whether a root, unit or account of this id is there.
    pub(super) fn has_id(&self, text: &str) -> bool {
        self.ids.as_ref().is_none_or(|ids| ids.iter().any(|id| fits(text, id)))
    }
}

/// Whether the one account is the whole estate. An organisation that was left is gone, not read.
fn stands_alone(sides: &Sides<'_>) -> bool {
    sides.aws.organization.is_none() && matches!(sides.snapshot.organization, Observation::Absent)
}

fn accounts<'a>(sides: &'a Sides<'_>) -> Option<BTreeSet<&'a str>> {
    match &sides.snapshot.organization {
        Observation::Known(organization) => {
            read(&organization.accounts)?;
        }
        Observation::Absent if stands_alone(sides) => {}
        Observation::Absent | Observation::Unknown(_) => return None,
    }
    let declared = sides.aws.accounts.iter().flatten();
    let declared = declared.flat_map(|entry| [entry.id.as_deref(), entry.name.as_deref()]).flatten();
    let live = sides.views.values().flat_map(|view| [view.id.as_str(), view.name.as_str()]);
    let names = live.chain(declared).chain(sides.aws.management_account.as_deref());
    Some(names.chain([sides.snapshot.caller_account.as_str()]).filter(|name| !name.is_empty()).collect())
}

fn units(sides: &Sides<'_>) -> Option<Vec<OuPath>> {
    let live = match &sides.snapshot.organization {
        Observation::Known(organization) => read(&organization.units)?,
        Observation::Absent if stands_alone(sides) => &[],
        Observation::Absent | Observation::Unknown(_) => return None,
    };
    let live = live.iter().filter_map(|unit| OuPath::parse(&unit.path).ok());
    let declared = sides.aws.organizational_units.iter().flatten().map(|unit| unit.path.clone());
    let placed = sides.aws.accounts.iter().flatten().filter_map(|entry| entry.ou.clone());
    Some([OuPath::root()].into_iter().chain(live).chain(declared).chain(placed).collect())
}

/// Every account lists all regions, those that are off too.
fn regions<'a>(sides: &'a Sides<'_>) -> Option<BTreeSet<&'a str>> {
    let mut regions = BTreeSet::from([GLOBAL]);
    for (_, facts) in whole(sides)? {
        regions.extend(facts.region_status.known()?.keys().map(String::as_str));
    }
    Some(regions)
}

/// What was read within accounts, if no account that should have been was left out.
pub(in crate::compare) fn whole<'a>(sides: &'a Sides<'_>) -> Option<Vec<(&'a str, &'a AccountFacts)>> {
    let facts = &sides.snapshot.accounts;
    match &sides.snapshot.organization {
        Observation::Known(organization) => {
            for account in read(&organization.accounts)?.iter().filter(|account| account.state == "ACTIVE") {
                let view = sides.views.get(account.id.as_str())?;
                if !facts.contains_key(&account.id) && sides.rules.in_scope(sides.place(view, GLOBAL)) {
                    return None;
                }
            }
        }
        Observation::Absent if stands_alone(sides) => {}
        Observation::Absent | Observation::Unknown(_) => return None,
    }
    (!facts.is_empty()).then(|| facts.iter().map(|(id, facts)| (id.as_str(), facts)).collect())
}

/// The codes of every service that was read wherever a rule speaks of it.
fn codes<'a>(sides: &'a Sides<'_>) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let Some(accounts) = whole(sides) else { return BTreeMap::new() };
    let services: BTreeSet<&str> = sides.aws.quotas.iter().flatten().map(|rule| rule.service.as_str()).collect();
    let whole = services.into_iter().filter_map(|service| Some((service, codes_of(sides, &accounts, service)?)));
    whole.collect()
}

fn codes_of<'a>(
    sides: &'a Sides<'_>,
    accounts: &[(&'a str, &'a AccountFacts)],
    service: &str,
) -> Option<BTreeSet<&'a str>> {
    let mut codes = BTreeSet::new();
    for (id, facts) in accounts {
        let view = sides.views.get(id)?;
        for (region, _) in facts.region_status.known()?.iter().filter(|(_, status)| status.starts_with("ENABLED")) {
            let place = sides.place(view, region);
            let rules = sides.rules.quota_rules(place);
            if !sides.rules.in_scope(place) || !rules.iter().any(|chosen| chosen.rule.service == service) {
                continue;
            }
            let rows = offered(facts.regions.get(region)?.quotas.get(service)?)?;
            codes.extend(rows.into_iter().flatten().map(|row| row.code.as_str()));
        }
        if let Some(rows) = facts.regions.get(GLOBAL).and_then(|facts| facts.quotas.get(service)) {
            codes.extend(offered(rows)?.into_iter().flatten().map(|row| row.code.as_str()));
        }
    }
    let mut defined = sides.snapshot.quota_definitions.values().filter_map(|services| services.get(service)).peekable();
    defined.peek()?;
    for definitions in defined {
        codes.extend(offered(definitions)?.into_iter().flatten().map(|(code, _)| code.as_str()));
    }
    Some(codes)
}

/// What was read of a service, which may be nothing: the provider answers for a service that it does not offer there, or
/// that does not exist, with an error that says so. None where it was not read.
fn offered<T>(read: &Observation<T>) -> Option<Option<&T>> {
    match read {
        Observation::Known(read) => Some(Some(read)),
        Observation::Absent => Some(None),
        Observation::Unknown(gap) => (gap.status == CoverageStatus::Unsupported).then_some(None),
    }
}

fn global_codes<'a>(sides: &'a Sides<'_>) -> BTreeMap<&'a str, &'a BTreeMap<String, QuotaDefinition>> {
    let services = sides.snapshot.quota_definitions.get(GLOBAL).into_iter().flatten();
    services.filter_map(|(service, codes)| Some((service.as_str(), codes.known()?))).collect()
}

fn policies<'a>(sides: &'a Sides<'_>) -> Option<BTreeMap<String, BTreeSet<&'a str>>> {
    let organization = sides.snapshot.organization.known()?;
    // Without the types no policy was read.
    if organization.policy_types.gap().is_some() {
        return None;
    }
    let mut types: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for (policy_type, policies) in &organization.policies {
        let names = types.entry(type_name(policy_type)).or_default();
        names.extend(read(policies)?.iter().flat_map(|policy| [policy.name.as_str(), policy.id.as_str()]));
    }
    // What is declared under its name is missing, not unheard of.
    for rule in sides.aws.policies.iter().flatten().filter(|rule| !rule.is_family()) {
        types.entry(rule.policy_type.clone()).or_default().insert(&rule.name);
    }
    Some(types)
}

fn ids<'a>(sides: &'a Sides<'_>) -> Option<BTreeSet<&'a str>> {
    let organization = sides.snapshot.organization.known()?;
    let units = read(&organization.units)?.iter().map(|unit| unit.id.as_str());
    let declared = sides.aws.organizational_units.iter().flatten().filter_map(|unit| unit.id.as_deref());
    Some(units.chain(declared).chain([organization.root.known()?.as_str()]).collect())
}
