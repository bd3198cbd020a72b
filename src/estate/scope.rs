//! Where a fact holds.
//!
//! In: ids of the provider. Out: comparable scopes. It never resolves a name.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whose cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// Amazon Web Services.
    Aws,
}

/// Provider, organisation, account, region: as far as a fact is bound to each.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// The provider.
    pub provider: Provider,
    /// The organisation's id (`o-…`), for facts of the organisation itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// The account's id, twelve digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The region's name, or `global`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

impl Scope {
    /// The scope of an organisation.
    #[must_use]
    pub fn organization(provider: Provider, id: impl Into<String>) -> Self {
        Self { provider, organization: Some(id.into()), account: None, region: None }
    }

    /// The scope of an account.
    #[must_use]
    pub fn account(provider: Provider, id: impl Into<String>) -> Self {
        Self { provider, organization: None, account: Some(id.into()), region: None }
    }

    /// The same scope, narrowed to a region.
    #[must_use]
    pub fn in_region(self, region: impl Into<String>) -> Self {
        Self { region: Some(region.into()), ..self }
    }
}
