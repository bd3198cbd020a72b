//! What a read shows.
//!
//! In: the name of an operation. Out: the kind of fact it reads, from `policies/aws/kinds.yaml`; none where it shows no
//! state by itself. It never says whether the read went well.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::estate::{CoverageRow, Kind};
use crate::provider::shipped;

static KINDS: LazyLock<BTreeMap<String, Kind>> = LazyLock::new(|| {
    let table: BTreeMap<Kind, Vec<String>> =
        shipped("policies/aws/kinds.yaml", include_str!("../../../policies/aws/kinds.yaml"));
    table.into_iter().flat_map(|(kind, operations)| operations.into_iter().map(move |name| (name, kind))).collect()
});

/// The kind of fact that a row of the coverage is about; none for who reads, for defaults, or for who made a change.
#[must_use]
pub fn shows(row: &CoverageRow) -> Option<Kind> {
    let operation = row.source.split(' ').next().unwrap_or_default();
    KINDS.get(operation).copied()
}
