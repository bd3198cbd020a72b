//! Whether someone who may change things is who made a change.
//!
//! In: `by` of an approved change, and an attribution. Out: proven, a name that fits without proof, or neither.
//!
//! What counts as proof: a role's ARN, which the provider writes into the session; an IAM user; a name or subject that an
//! identity provider of this estate vouches for, at the end of the chain. A session name and a source identity are chosen
//! by whoever assumes the role; where they are not (sessions of IAM Identity Center), the chain says so.

use wildmatch::WildMatch;

use super::places::Places;
use crate::audit::{Attribution, PrincipalKind};
use crate::baseline::model::Who;

/// How well an identity fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    /// It is another one.
    No,
    /// A name fits that the caller chose.
    NameOnly,
    /// It is the one.
    Proven,
}

/// How well the author of a change fits the best of those who may make it.
pub(super) fn fit(by: &[Who], attribution: &Attribution, places: &Places<'_>) -> Fit {
    let Some(principal) = &attribution.principal else { return Fit::No };
    let fits = by.iter().map(|who| match who {
        Who::Role(pattern) => {
            let role = principal.role.as_deref().filter(|_| principal.kind == PrincipalKind::Role);
            if role.is_some_and(|role| arn_fits(pattern, role, places)) { Fit::Proven } else { Fit::No }
        }
        Who::Person(pattern) => named(pattern, proven(PEOPLE, attribution, places), attribution, places),
        Who::Pipeline(pattern) => named(pattern, proven(PIPELINES, attribution, places), attribution, places),
    });
    fits.max().unwrap_or(Fit::No)
}

/// Compares a proven name; without one, or with another, a fitting name that nobody vouches for is said so.
fn named(pattern: &str, proven: Option<&str>, attribution: &Attribution, places: &Places<'_>) -> Fit {
    let matches = |name: &str| {
        if pattern.starts_with("arn:") { arn_fits(pattern, name, places) } else { WildMatch::new(pattern).matches(name) }
    };
    if proven.is_some_and(matches) {
        return Fit::Proven;
    }
    let mut claimed = attribution.principal.iter().chain(&attribution.chain).flat_map(|principal| {
        [&principal.session_name, &principal.source_identity, &principal.user].into_iter().flatten()
    });
    if claimed.any(|name| matches(name)) { Fit::NameOnly } else { Fit::No }
}

/// The name that an identity provider vouches for at the end of the chain: a person's, or a pipeline's subject.
fn proven<'a>(kinds: &[PrincipalKind], attribution: &'a Attribution, places: &Places<'_>) -> Option<&'a str> {
    let principal = attribution.principal.as_ref()?;
    let line = || attribution.chain.iter().rev().chain([principal]);
    let end = line().next().filter(|end| kinds.contains(&end.kind))?;
    // A provider of another estate vouches for nothing. Users of a provider have no account: that of their session counts.
    let account = line().find_map(|identity| identity.account.as_deref())?;
    end.user.as_deref().filter(|_| places.belongs(account))
}

/// Kinds of identities that are people.
const PEOPLE: &[PrincipalKind] = &[PrincipalKind::User, PrincipalKind::SamlUser, PrincipalKind::IdentityCenterUser];
/// Kinds of identities that are pipelines.
const PIPELINES: &[PrincipalKind] = &[PrincipalKind::WebIdentity];

struct Arn<'a> {
    partition: &'a str,
    service: &'a str,
    region: &'a str,
    account: &'a str,
    resource: &'a str,
}

impl<'a> Arn<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut fields = text.strip_prefix("arn:")?.splitn(5, ':');
        let mut next = || fields.next();
        Some(Self { partition: next()?, service: next()?, region: next()?, account: next()?, resource: next()? })
    }
}

/// Field by field, so that `*` crosses `/` and never `:`. An account that is not written out must be one of this estate.
fn arn_fits(pattern: &str, arn: &str, places: &Places<'_>) -> bool {
    let (Some(pattern), Some(arn)) = (Arn::parse(pattern), Arn::parse(arn)) else { return false };
    let open = pattern.account.contains(['*', '?']);
    let field = |pattern: &str, field: &str| WildMatch::new(pattern).matches(field);
    field(pattern.partition, arn.partition)
        && field(pattern.service, arn.service)
        && field(pattern.region, arn.region)
        && field(pattern.account, arn.account)
        && field(pattern.resource, arn.resource)
        && (!open || places.belongs(arn.account))
}
