//! The state that was found, as a bound can ask for it.
//!
//! In: what was read. Out: whether it goes beyond a bound, in words. A state that is not known is beyond every bound.

use crate::baseline::matching::State;
use crate::baseline::model::Bound;
use crate::compare::{Aspect, Drift, canonical, digest};

/// How a drift goes beyond a bound; none when the bound covers it.
pub(super) fn excess(bound: &Bound, drift: &Drift) -> Option<String> {
    // Documents are written by whoever is audited: their keys say nothing about them.
    let document = matches!(drift.aspect, Aspect::Content | Aspect::ResourcePolicy);
    let told = |key: &str| drift.actual.get(key).filter(|_| !document);
    let value = told("value").unwrap_or(&drift.actual);
    let status = told("status").unwrap_or(&drift.actual);
    let made = Some(&drift.actual).filter(|actual| document && !actual.is_null());
    let made = made.map(|actual| digest(&canonical(actual.clone()).to_string()));
    bound.excess(State {
        number: value.as_f64(),
        value: Some(value).filter(|value| !value.is_null()),
        status: status.as_str(),
        digest: made.as_deref().or_else(|| told("digest")?.as_str()),
    })
}
