//! EC2's account-wide switches as a baseline declares them. In comes one entry of `settings`; out goes one rule with the
//! switches it gives. Names and values are EC2's own, names in snake case; values are open text.
//! Source: <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_declarative_syntax.html>

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Where;

/// Expected switches of EC2, per account and region. What is left out is not said by this rule.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SettingsRule {
    /// Where the rule applies; left out, everywhere.
    #[serde(default, rename = "where")]
    pub applies: Where,
    /// Who must hold the switches that this rule gives: `declarative-policy` (the account cannot change them) or
    /// `account`. Left out: not compared.
    #[serde(default)]
    #[schemars(extend("examples" = ["declarative-policy", "account"]))]
    pub managed_by: Option<String>,
    /// Whether new volumes are encrypted.
    #[serde(default)]
    pub ebs_encryption_by_default: Option<bool>,
    /// Key that encrypts them: an alias such as `alias/aws/ebs`, an ARN, or a pattern.
    #[serde(default)]
    pub ebs_default_kms_key: Option<String>,
    /// Whether serial consoles can be reached.
    #[serde(default)]
    pub serial_console_access: Option<bool>,
    /// Whether images can be shared with everyone.
    #[serde(default)]
    #[schemars(extend("examples" = ["block-new-sharing", "unblocked"]))]
    pub image_block_public_access: Option<String>,
    /// Whether snapshots can be shared with everyone.
    #[serde(default)]
    #[schemars(extend("examples" = ["block-all-sharing", "block-new-sharing", "unblocked"]))]
    pub snapshot_block_public_access: Option<String>,
    /// Defaults of the instance metadata service.
    #[serde(default)]
    pub instance_metadata_defaults: Option<InstanceMetadataDefaults>,
    /// Which images may be used.
    #[serde(default)]
    pub allowed_images_settings: Option<AllowedImagesSettings>,
    /// Whether VPCs can be reached from the internet.
    #[serde(default)]
    pub vpc_block_public_access: Option<VpcBlockPublicAccess>,
}

/// Defaults of the instance metadata service for new instances. What is left out is not compared.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InstanceMetadataDefaults {
    /// Whether a token is needed.
    #[serde(default)]
    #[schemars(extend("examples" = ["required", "optional", "no-preference"]))]
    pub http_tokens: Option<String>,
    /// How many hops a token may travel.
    #[serde(default)]
    #[schemars(range(min = 1, max = 64))]
    pub http_put_response_hop_limit: Option<i32>,
    /// Whether the service answers.
    #[serde(default)]
    #[schemars(extend("examples" = ["enabled", "disabled", "no-preference"]))]
    pub http_endpoint: Option<String>,
    /// Whether it shows instance tags.
    #[serde(default)]
    #[schemars(extend("examples" = ["enabled", "disabled", "no-preference"]))]
    pub instance_metadata_tags: Option<String>,
    /// Whether launches that do not need a token are refused.
    #[serde(default)]
    #[schemars(extend("examples" = ["enabled", "disabled", "no-preference"]))]
    pub http_tokens_enforced: Option<String>,
}

/// Which images may be used. What is left out is not compared.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AllowedImagesSettings {
    /// Whether the criteria bind.
    #[serde(default)]
    #[schemars(extend("examples" = ["enabled", "audit-mode", "disabled"]))]
    pub state: Option<String>,
    /// Criteria, in any order; an image that meets one of them may be used.
    #[serde(default)]
    pub image_criteria: Option<Vec<ImageCriterion>>,
}

/// One criterion for images; everything that it says must hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImageCriterion {
    /// Account ids (in quotes) or aliases such as `amazon`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_providers: Option<Vec<String>>,
    /// Marketplace product codes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marketplace_product_codes: Option<Vec<String>>,
    /// Image names, with EC2's own wildcards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_names: Option<Vec<String>>,
    /// How long ago an image may have been deprecated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecation_time_condition: Option<DeprecationTimeCondition>,
    /// How old an image may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creation_date_condition: Option<CreationDateCondition>,
}

/// How long ago an image may have been deprecated.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeprecationTimeCondition {
    /// In days; 0 means not at all.
    #[serde(default)]
    pub maximum_days_since_deprecated: Option<i32>,
}

/// How old an image may be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreationDateCondition {
    /// In days.
    #[serde(default)]
    pub maximum_days_since_created: Option<i32>,
}

/// Whether VPCs can be reached from the internet. What is left out is not compared.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VpcBlockPublicAccess {
    /// Which way internet gateways are blocked.
    #[serde(default)]
    #[schemars(extend("examples" = ["off", "block-bidirectional", "block-ingress"]))]
    pub internet_gateway_block_mode: Option<String>,
    /// Whether exclusions can be made.
    #[serde(default)]
    #[schemars(extend("examples" = ["allowed", "not-allowed"]))]
    pub exclusions_allowed: Option<String>,
}
