//! Account-wide settings of EC2, one call each.
//!
//! In: an account's identity in one region. Out: the value of a setting and who manages it. It never guesses a value that
//! an answer leaves out.
//!
//! <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_declarative_syntax.html>

use std::future::Future;
use std::pin::Pin;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types as sdk;
use serde_json::{Map, Value, json};

use super::failure::{failed, gap};
use super::pages::required;
use crate::estate::{Gap, Observation, Setting};

type Answer<'a> = Pin<Box<dyn Future<Output = Result<Observation<Setting>, Gap>> + Send + 'a>>;

/// A setting: its name in a baseline, and the operation that reads it.
pub(super) struct Read {
    pub(super) name: &'static str,
    pub(super) operation: &'static str,
    pub(super) ask: fn(&Client) -> Answer<'_>,
}

/// Every setting that can be read.
pub(super) const SETTINGS: [Read; 8] = [
    Read {
        name: "ebs_encryption_by_default",
        operation: "ec2:GetEbsEncryptionByDefault",
        ask: |client| Box::pin(ebs_encryption(client)),
    },
    Read {
        name: "ebs_default_kms_key",
        operation: "ec2:GetEbsDefaultKmsKeyId",
        ask: |client| Box::pin(ebs_key(client)),
    },
    Read {
        name: "serial_console_access",
        operation: "ec2:GetSerialConsoleAccessStatus",
        ask: |client| Box::pin(serial_console(client)),
    },
    Read {
        name: "image_block_public_access",
        operation: "ec2:GetImageBlockPublicAccessState",
        ask: |client| Box::pin(image_block(client)),
    },
    Read {
        name: "snapshot_block_public_access",
        operation: "ec2:GetSnapshotBlockPublicAccessState",
        ask: |client| Box::pin(snapshot_block(client)),
    },
    Read {
        name: "instance_metadata_defaults",
        operation: "ec2:GetInstanceMetadataDefaults",
        ask: |client| Box::pin(metadata_defaults(client)),
    },
    Read {
        name: "allowed_images_settings",
        operation: "ec2:GetAllowedImagesSettings",
        ask: |client| Box::pin(allowed_images(client)),
    },
    Read {
        name: "vpc_block_public_access",
        operation: "ec2:DescribeVpcBlockPublicAccessOptions",
        ask: |client| Box::pin(vpc_block(client)),
    },
];

fn known(value: Value, managed_by: Option<&sdk::ManagedBy>) -> Observation<Setting> {
    Observation::Known(Setting { value, managed_by: managed_by.map(|by| by.as_str().to_owned()) })
}

/// A word of one of these enums: what another one means for a baseline nobody knows.
fn word<'a>(word: &'a str, known: &[&[&str]], name: &str) -> Result<&'a str, Gap> {
    if known.iter().any(|words| words.contains(&word)) {
        return Ok(word);
    }
    Err(failed(format!("the answer has the `{name}` `{word}`, which is not known")))
}

async fn ebs_encryption(client: &Client) -> Result<Observation<Setting>, Gap> {
    let answer = client.get_ebs_encryption_by_default().send().await.map_err(gap)?;
    Ok(known(json!(required(answer.ebs_encryption_by_default, "EbsEncryptionByDefault")?), None))
}

async fn ebs_key(client: &Client) -> Result<Observation<Setting>, Gap> {
    let answer = client.get_ebs_default_kms_key_id().send().await.map_err(gap)?;
    Ok(known(json!(required(answer.kms_key_id, "KmsKeyId")?), None))
}

async fn serial_console(client: &Client) -> Result<Observation<Setting>, Gap> {
    let answer = client.get_serial_console_access_status().send().await.map_err(gap)?;
    let enabled = required(answer.serial_console_access_enabled, "SerialConsoleAccessEnabled")?;
    Ok(known(json!(enabled), answer.managed_by.as_ref()))
}

async fn image_block(client: &Client) -> Result<Observation<Setting>, Gap> {
    let answer = client.get_image_block_public_access_state().send().await.map_err(gap)?;
    let name = "ImageBlockPublicAccessState";
    let state = required(answer.image_block_public_access_state, name)?;
    let words = [sdk::ImageBlockPublicAccessEnabledState::values(), sdk::ImageBlockPublicAccessDisabledState::values()];
    Ok(known(json!(word(&state, &words, name)?), answer.managed_by.as_ref()))
}

async fn snapshot_block(client: &Client) -> Result<Observation<Setting>, Gap> {
    let answer = client.get_snapshot_block_public_access_state().send().await.map_err(gap)?;
    let state = required(answer.state, "State")?;
    let words = [sdk::SnapshotBlockPublicAccessState::values()];
    Ok(known(json!(word(state.as_str(), &words, "State")?), answer.managed_by.as_ref()))
}

/// An attribute that AWS leaves out has no default of the account: `no-preference`.
async fn metadata_defaults(client: &Client) -> Result<Observation<Setting>, Gap> {
    let answer = client.get_instance_metadata_defaults().send().await.map_err(gap)?;
    let level = required(answer.account_level, "AccountLevel")?;
    const NONE: &str = "no-preference";
    let said = |said: Option<&str>, words: &[&str], name: &str| {
        word(said.unwrap_or(NONE), &[words, &[NONE]], name).map(|word| json!(word))
    };
    let (tokens, endpoint) = (level.http_tokens.as_ref(), level.http_endpoint.as_ref());
    let (tags, enforced) = (level.instance_metadata_tags.as_ref(), level.http_tokens_enforced.as_ref());
    let value = json!({
        "http_tokens":
            said(tokens.map(sdk::HttpTokensState::as_str), sdk::HttpTokensState::values(), "HttpTokens")?,
        "http_put_response_hop_limit": level.http_put_response_hop_limit,
        "http_endpoint": said(
            endpoint.map(sdk::InstanceMetadataEndpointState::as_str),
            sdk::InstanceMetadataEndpointState::values(),
            "HttpEndpoint",
        )?,
        "instance_metadata_tags": said(
            tags.map(sdk::InstanceMetadataTagsState::as_str),
            sdk::InstanceMetadataTagsState::values(),
            "InstanceMetadataTags",
        )?,
        "http_tokens_enforced": said(
            enforced.map(sdk::HttpTokensEnforcedState::as_str),
            sdk::HttpTokensEnforcedState::values(),
            "HttpTokensEnforced",
        )?,
    });
    Ok(known(value, level.managed_by.as_ref()))
}

async fn allowed_images(client: &Client) -> Result<Observation<Setting>, Gap> {
    let answer = client.get_allowed_images_settings().send().await.map_err(gap)?;
    // EC2 leaves an empty list out of its answers.
    let criteria: Vec<Value> =
        answer.image_criteria.into_iter().flatten().map(criterion).collect::<Result<_, Gap>>()?;
    let state = required(answer.state, "State")?;
    let words = [sdk::AllowedImagesSettingsEnabledState::values(), sdk::AllowedImagesSettingsDisabledState::values()];
    let value = json!({ "state": word(&state, &words, "State")?, "image_criteria": criteria });
    Ok(known(value, answer.managed_by.as_ref()))
}

/// A criterion with a condition that a baseline cannot name is unknown: without it, it would look wider than it is.
fn criterion(found: sdk::ImageCriterion) -> Result<Value, Gap> {
    if found.image_watermarks.is_some() || found.scan_result_condition.is_some() {
        return Err(failed("an image criterion asks for watermarks or scan results, which are not compared yet"));
    }
    let mut fields = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            fields.insert(name.to_owned(), value);
        }
    };
    put("image_providers", found.image_providers.map(|list| json!(list)));
    put("marketplace_product_codes", found.marketplace_product_codes.map(|list| json!(list)));
    put("image_names", found.image_names.map(|list| json!(list)));
    put(
        "deprecation_time_condition",
        found
            .deprecation_time_condition
            .map(|condition| json!({ "maximum_days_since_deprecated": condition.maximum_days_since_deprecated })),
    );
    put(
        "creation_date_condition",
        found
            .creation_date_condition
            .map(|condition| json!({ "maximum_days_since_created": condition.maximum_days_since_created })),
    );
    Ok(Value::Object(fields))
}

async fn vpc_block(client: &Client) -> Result<Observation<Setting>, Gap> {
    let answer = client.describe_vpc_block_public_access_options().send().await.map_err(gap)?;
    let options = required(answer.vpc_block_public_access_options, "VpcBlockPublicAccessOptions")?;
    let mode = required(options.internet_gateway_block_mode, "InternetGatewayBlockMode")?;
    let exclusions = required(options.exclusions_allowed, "ExclusionsAllowed")?;
    let (modes, allowed) =
        (sdk::InternetGatewayBlockMode::values(), sdk::VpcBlockPublicAccessExclusionsAllowed::values());
    let value = json!({
        "internet_gateway_block_mode": word(mode.as_str(), &[modes], "InternetGatewayBlockMode")?,
        "exclusions_allowed": word(exclusions.as_str(), &[allowed], "ExclusionsAllowed")?,
    });
    Ok(known(value, options.managed_by.as_ref()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::baseline::model::SettingsRule;

    #[test]
    fn what_a_baseline_can_declare_is_what_is_read() {
        let Value::Object(keys) = serde_json::to_value(SettingsRule::default()).unwrap() else { panic!() };
        let declared: BTreeSet<&str> = keys.keys().map(String::as_str).collect();
        let declared: BTreeSet<&str> = declared.difference(&BTreeSet::from(["where", "managed_by"])).copied().collect();
        let read: BTreeSet<&str> = SETTINGS.iter().map(|setting| setting.name).collect();
        assert_eq!(declared, read);
    }
}
