//! Links: by which accounts, and under which organisation.
//!
//! In: both sides. Out: drift of the organisation itself, its units, its accounts, and its ties to services and other
//! organisations. It never calls an account missing, or a tie cut, that merely was not read.

mod accounts;
mod organization;
mod ties;
mod units;

use super::Drift;
use super::sides::{Live, Sides};
use super::undecided::Undecided;

/// Compares the links of an organisation; `live` is none where there is none or it was not read.
pub(super) fn compare(sides: &Sides<'_>, live: Option<&Live<'_>>, drifts: &mut Vec<Drift>, undecided: &mut Undecided) {
    organization::identity(sides, drifts);
    if let Some(live) = live {
        organization::compare(live, drifts, undecided);
        units::compare(live, drifts);
        accounts::compare(live, drifts, undecided);
        ties::compare(live, drifts, undecided);
    }
}
