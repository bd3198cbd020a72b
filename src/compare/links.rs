//! Links: by which accounts, and under which organisation.
//!
//! In: both sides. Out: drift of the organisation itself, its units, its accounts, and its ties to services and other
//! organisations. It never calls an account missing, or a tie cut, that merely was not read.

mod accounts;
mod organization;
mod ties;
mod units;

use super::Drift;
use super::sides::Sides;

/// Compares the links of an organisation.
pub(super) fn compare(sides: &Sides<'_>, drifts: &mut Vec<Drift>) {
    organization::compare(sides, drifts);
    if let Some(live) = sides.live() {
        units::compare(&live, drifts);
        accounts::compare(&live, drifts);
        ties::compare(&live, drifts);
    }
}
