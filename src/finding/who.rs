//! Whether someone who may change things is who made a change.
//!
//! In: `by` of an approved change, and an attribution. Out: proven, a name that fits without proof, or neither.
//!
//! What counts as proof: a role's ARN, which the provider writes into the session; an IAM user; a name or subject that an
//! identity provider vouches for, at the end of the chain. The session name of an ordinary role is chosen by whoever
//! assumes it. That of a role of IAM Identity Center is not: AWS makes these roles under a path that no customer can use,
//! and only Identity Center may assume them, with its user's name
//! (<https://docs.aws.amazon.com/singlesignon/latest/userguide/using-service-linked-roles.html>).

use wildmatch::WildMatch;

use super::places::Places;
use crate::audit::{Attribution, Principal, PrincipalKind};
use crate::baseline::model::Who;

/// The path and the prefix of the roles that IAM Identity Center makes.
const IDENTITY_CENTER_ROLE: &str = "role/aws-reserved/sso.amazonaws.com/";

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
    let end = attribution.chain.last().unwrap_or(principal);
    let fits = by.iter().map(|who| match who {
        Who::Role(pattern) => {
            let role = principal.role.as_deref().filter(|_| principal.kind == PrincipalKind::Role);
            if role.is_some_and(|role| arn_fits(pattern, role, places)) { Fit::Proven } else { Fit::No }
        }
        Who::Person(pattern) => named(pattern, person(end, places), attribution, places),
        Who::Pipeline(pattern) => named(pattern, pipeline(end), attribution, places),
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
    let claimed = attribution.principal.iter().chain(&attribution.chain).flat_map(|principal| {
        [&principal.session_name, &principal.source_identity, &principal.user].into_iter().flatten()
    });
    if claimed.into_iter().any(|name| matches(name)) { Fit::NameOnly } else { Fit::No }
}

/// The name of a person that an identity provider vouches for.
fn person<'a>(end: &'a Principal, places: &Places<'_>) -> Option<&'a str> {
    let here = end.account.as_deref().map(|account| places.belongs(account));
    match end.kind {
        PrincipalKind::User => end.user.as_deref().filter(|_| here == Some(true)),
        // Records of these do not always name the account of the provider; one that names a foreign one proves nothing.
        PrincipalKind::SamlUser | PrincipalKind::IdentityCenterUser => end.user.as_deref().filter(|_| here != Some(false)),
        PrincipalKind::Role => {
            let role = end.role.as_deref().and_then(Arn::parse);
            let identity_center = role.is_some_and(|role| {
                let made = role.resource.strip_prefix(IDENTITY_CENTER_ROLE);
                let name = made.map(|rest| rest.rsplit_once('/').map_or(rest, |(_, name)| name));
                name.is_some_and(|name| name.starts_with("AWSReservedSSO_"))
                    && role.service == "iam"
                    && places.belongs(role.account)
            });
            end.session_name.as_deref().filter(|_| identity_center)
        }
        PrincipalKind::Root
        | PrincipalKind::WebIdentity
        | PrincipalKind::FederatedUser
        | PrincipalKind::ExternalAccount
        | PrincipalKind::Service
        | PrincipalKind::Unknown => None,
    }
}

/// The subject of an OIDC token.
fn pipeline(end: &Principal) -> Option<&str> {
    end.user.as_deref().filter(|_| end.kind == PrincipalKind::WebIdentity)
}

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
