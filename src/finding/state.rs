//! The state that was found, as a bound can ask for it.
//!
//! In: what was read. Out: whether it goes beyond a bound, in words. A state that is not known is beyond every bound.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::identity::hex;
use crate::baseline::matching::State;
use crate::baseline::model::Bound;
use crate::compare::{Aspect, Drift};

/// How a drift goes beyond a bound; none when the bound covers it.
pub(super) fn excess(bound: &Bound, drift: &Drift) -> Option<String> {
    // Documents are written by whoever is audited: their keys say nothing about them.
    let document = matches!(drift.aspect, Aspect::Content | Aspect::ResourcePolicy);
    let told = |key: &str| drift.actual.get(key).filter(|_| !document);
    let value = told("value").unwrap_or(&drift.actual);
    let status = told("status").unwrap_or(&drift.actual);
    let made = Some(&drift.actual).filter(|actual| document && !actual.is_null()).map(digest);
    bound.excess(State {
        number: value.as_f64(),
        value: Some(value).filter(|value| !value.is_null()),
        status: status.as_str(),
        digest: made.as_deref().or_else(|| told("digest")?.as_str()),
    })
}

/// The digest of a document in its canonical form, as `digest` of an exemption takes it.
#[must_use]
pub fn digest(document: &Value) -> String {
    let mut document = document.clone();
    document.sort_all_objects();
    format!("sha256:{}", hex(&Sha256::digest(document.to_string())))
}
