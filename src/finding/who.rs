//! Whether someone who may change things is who made a change.
//!
//! In: `by` of an approved change, and an attribution. Out: proven, a name that fits without proof, or neither.
//!
//! What counts as proof: a role's ARN, which the provider writes into the session; an IAM user; a name or subject that an
//! identity provider of this estate vouches for, at the end of the chain. A session name and a source identity are chosen
//! by whoever assumes the role; where they are not (sessions of IAM Identity Center), the chain says so.

use super::places::Places;
use crate::audit::{Attribution, PrincipalKind};
use crate::baseline::matching::Proven;
use crate::baseline::model::Who;

/// Kinds of identities that are people.
const PEOPLE: &[PrincipalKind] = &[PrincipalKind::User, PrincipalKind::SamlUser, PrincipalKind::IdentityCenterUser];
/// Kinds of identities that are pipelines.
const PIPELINES: &[PrincipalKind] = &[PrincipalKind::WebIdentity];

/// How well an identity fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    let meant = |proven: Proven<'_>| by.iter().any(|who| who.fits(proven, |account| places.belongs(account)));
    let proven = Proven {
        person: vouched(PEOPLE, attribution, places),
        pipeline: vouched(PIPELINES, attribution, places),
        role: principal.role.as_deref().filter(|_| principal.kind == PrincipalKind::Role),
    };
    if meant(proven) {
        return Fit::Proven;
    }
    let mut claimed = [principal]
        .into_iter()
        .chain(&attribution.chain)
        .flat_map(|identity| [&identity.session_name, &identity.source_identity, &identity.user].into_iter().flatten());
    if claimed.any(|name| meant(Proven { person: Some(name), pipeline: Some(name), role: None })) {
        Fit::NameOnly
    } else {
        Fit::No
    }
}

/// The name that an identity provider vouches for at the end of the chain: a person's, or a pipeline's subject.
fn vouched<'a>(kinds: &[PrincipalKind], attribution: &'a Attribution, places: &Places<'_>) -> Option<&'a str> {
    let principal = attribution.principal.as_ref()?;
    let line = || attribution.chain.iter().rev().chain([principal]);
    let end = line().next().filter(|end| kinds.contains(&end.kind))?;
    // A provider of another estate vouches for nothing. Users of a provider have no account: that of their session counts.
    let account = line().find_map(|identity| identity.account.as_deref())?;
    end.user.as_deref().filter(|_| places.belongs(account))
}
