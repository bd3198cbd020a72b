//! Entries of the baseline that speak of nothing.
//!
//! In: both sides. Out: one drift for each account, unit, region, service, quota code, policy or target that the baseline
//! names and that exists nowhere. It says so only where the part of the estate that could hold it was read completely,
//! and not of what the baseline itself declares: that is missing, which is a finding of its own.

mod universe;

use serde_json::Value;

use self::universe::Universe;
pub(super) use self::universe::whole;
use super::drift::{Aspect, Drift};
use super::policies::type_name;
use super::rule::Rule;
use super::sides::{Live, Sides};
use crate::baseline::model::{Kind, Match, Patterns, QuotaRule, Targets, Where};
use crate::baseline::pattern::{AnyOf, is_pattern};
use crate::estate::Scope;

/// Looks at every entry that names something.
pub(super) fn compare(sides: &Sides<'_>, live: Option<&Live<'_>>, drifts: &mut Vec<Drift>) {
    let scope = live.map_or_else(|| sides.scope(&sides.snapshot.caller_account), Live::scope);
    let mut search = Search { sides, universe: &Universe::new(sides), scope, drifts };
    search.places();
    search.regions();
    search.quotas();
    search.policies();
    search.matches();
}

struct Search<'a, 's> {
    sides: &'s Sides<'a>,
    universe: &'s Universe<'s>,
    scope: Scope,
    drifts: &'s mut Vec<Drift>,
}

impl Search<'_, '_> {
    /// Notes that `text`, which stands at `pointer`, names no `what`. The id does not hang on the place in a list.
    fn nothing(&mut self, pointer: &str, what: &str, text: &str) {
        let section: String =
            pointer.split('/').filter(|step| step.parse::<usize>().is_err()).collect::<Vec<_>>().join("/");
        let drift = Drift::new(
            Rule::BaselineUnmatched,
            Aspect::Entry,
            self.scope.clone(),
            format!("{section}: {text}"),
            format!("{what} {text}"),
        );
        self.drifts.push(drift.values(text, Value::Null).at(self.sides.baseline.position(pointer)));
    }

    /// Each of one or more texts, with the place where it stands.
    fn each(&mut self, pointer: &str, what: &str, texts: Option<&Patterns>, exists: impl Fn(&str) -> bool) {
        let Some(Patterns(texts)) = texts else { return };
        for (index, text) in texts.iter().enumerate().filter(|(_, text)| !exists(text)) {
            // A lone text stands at the key itself, and its place is found there.
            self.nothing(&format!("{pointer}/{index}"), what, text);
        }
    }

    /// Whether an entry speaks of this partition: what another one holds was not read.
    fn is_here(&self, partition: Option<&Patterns>) -> bool {
        AnyOf::of(partition).fits([self.sides.snapshot.partition.as_str()])
    }

    fn place(&mut self, pointer: &str, applies: &Where) {
        if !self.is_here(applies.partition.as_ref()) {
            return;
        }
        let universe = self.universe;
        self.each(&format!("{pointer}/account"), "account", applies.account.as_ref(), |text| {
            universe.has_account(text)
        });
        self.each(&format!("{pointer}/ou"), "OU", applies.ou.as_ref(), |text| universe.has_unit(text));
        self.each(&format!("{pointer}/region"), "region", applies.region.as_ref(), |text| universe.has_region(text));
    }

    fn places(&mut self) {
        let aws = self.sides.aws;
        let scope = aws.scope.iter();
        let include = scope.clone().flat_map(|scope| scope.include.iter().flatten()).enumerate();
        let exclude = scope.flat_map(|scope| &scope.exclude).enumerate();
        let own = aws.audit_logs.iter().flat_map(|logs| logs.trails.iter().flatten()).enumerate();
        let places: Vec<(String, &Where)> = include
            .map(|(index, place)| (format!("/aws/scope/include/{index}"), place))
            .chain(exclude.map(|(index, place)| (format!("/aws/scope/exclude/{index}"), place)))
            .chain(rules("/aws/regions", aws.regions.iter().flatten().map(|rule| &rule.applies)))
            .chain(rules("/aws/quotas", aws.quotas.iter().flatten().map(|rule| &rule.applies)))
            .chain(rules("/aws/settings", aws.settings.iter().flatten().map(|rule| &rule.applies)))
            .chain(own.map(|(index, rule)| (format!("/aws/audit_logs/trails/{index}/where"), &rule.applies)))
            .collect();
        for (pointer, place) in places {
            self.place(&pointer, place);
        }
    }

    fn regions(&mut self) {
        for (index, rule) in self.sides.aws.regions.iter().flatten().enumerate() {
            if !self.is_here(rule.applies.partition.as_ref()) {
                continue;
            }
            for (key, regions) in [("allowed", &rule.allowed), ("required", &rule.required)] {
                let pointer = format!("/aws/regions/{index}/{key}");
                for (place, region) in regions.iter().enumerate() {
                    if !self.universe.has_region(region) {
                        self.nothing(&format!("{pointer}/{place}"), "region", region);
                    }
                }
            }
        }
    }

    fn quotas(&mut self) {
        for (index, rule) in self.sides.aws.quotas.iter().flatten().enumerate() {
            let QuotaRule { service, code, applies, .. } = rule;
            if !self.is_here(applies.partition.as_ref()) {
                continue;
            }
            if !self.universe.has_service(service) {
                self.nothing(&format!("/aws/quotas/{index}/service"), "service", service);
            } else if !self.universe.has_code(service, code) {
                self.nothing(&format!("/aws/quotas/{index}/code"), "quota code", &format!("{service}/{code}"));
            } else if let Some(Patterns(regions)) = &applies.region
                && !self.universe.has_code_in(service, code, regions)
            {
                // The rule would never apply, and the quota look as if it were watched.
                let text = format!("{service}/{code} in {}", regions.join(", "));
                self.nothing(&format!("/aws/quotas/{index}/where/region"), "quota code", &text);
            }
        }
    }

    /// A policy that is called by its name is missing where it is not there; a pattern speaks of nothing.
    fn policies(&mut self) {
        for (index, rule) in self.sides.aws.policies.iter().flatten().enumerate() {
            let pointer = format!("/aws/policies/{index}");
            if rule.is_family() && !self.universe.has_policy(Some(&rule.policy_type), &rule.name) {
                self.nothing(&format!("{pointer}/name"), "policy", &rule.name);
            }
            let Some(Targets::These(targets)) = &rule.targets else { continue };
            for (place, target) in targets.iter().enumerate() {
                let exists = match target.starts_with('/') {
                    true => self.universe.has_unit(target),
                    false => self.universe.has_account(target),
                };
                if !exists {
                    self.nothing(&format!("{pointer}/targets/{place}"), "target", target);
                }
            }
        }
    }

    fn matches(&mut self) {
        let model = &self.sides.baseline.model;
        let exemptions = model.exemptions.iter().map(|exemption| &exemption.matches).enumerate();
        let exemptions = exemptions.map(|(index, wanted)| (format!("/exemptions/{index}/match"), wanted));
        let approvals = model.approved_changes.iter().map(|change| &change.matches).enumerate();
        let approvals = approvals.map(|(index, wanted)| (format!("/approved_changes/{index}/match"), wanted));
        for (pointer, wanted) in exemptions.chain(approvals) {
            self.one_match(&pointer, wanted);
        }
    }

    fn one_match(&mut self, pointer: &str, wanted: &Match) {
        if !self.is_here(wanted.partition.as_ref()) {
            return;
        }
        let universe = self.universe;
        self.each(&format!("{pointer}/account"), "account", wanted.account.as_ref(), |text| universe.has_account(text));
        self.each(&format!("{pointer}/ou"), "OU", wanted.ou.as_ref(), |text| universe.has_unit(text));
        self.each(&format!("{pointer}/region"), "region", wanted.region.as_ref(), |text| universe.has_region(text));
        self.each(&format!("{pointer}/target"), "target", wanted.target.as_ref(), |target| {
            if target.starts_with('/') {
                universe.has_unit(target)
            } else {
                universe.has_account(target) || universe.has_id(target)
            }
        });
        let services: Vec<&str> = wanted.service.iter().flat_map(|services| &services.0).map(String::as_str).collect();
        if wanted.kind == Some(Kind::Quota) {
            self.each(&format!("{pointer}/service"), "service", wanted.service.as_ref(), |text| {
                universe.has_service(text)
            });
            let of_services = |code: &str| {
                services.is_empty()
                    || services.iter().any(|service| !universe.has_service(service) || universe.has_code(service, code))
            };
            self.each(&format!("{pointer}/code"), "quota code", wanted.code.as_ref(), of_services);
        }
        if wanted.kind == Some(Kind::Policy) {
            let types: Vec<String> =
                wanted.policy_type.iter().flat_map(|types| &types.0).map(|name| type_name(name)).collect();
            // What is said of a type itself goes by the name of the type.
            let of_type = |name: &str| match types.as_slice() {
                _ if universe.has_policy_type(name) => true,
                [one] if !is_pattern(one) => universe.has_policy(Some(one), name),
                _ => universe.has_policy(None, name),
            };
            self.each(&format!("{pointer}/name"), "policy", wanted.name.as_ref(), of_type);
        }
    }
}

fn rules<'w>(section: &'w str, applies: impl Iterator<Item = &'w Where>) -> impl Iterator<Item = (String, &'w Where)> {
    applies.enumerate().map(move |(index, place)| (format!("{section}/{index}/where"), place))
}
