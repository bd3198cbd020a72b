//! Amazon EC2: regions, zones and the account-wide settings of compute.
//!
//! In: an [`Ask`]. Out: the members of the answer under the names the XML has (lists become `item` elements).
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/Welcome.html>

use serde_json::{Value, json};

use super::ask::{Answer, Ask, Handler};
use super::estate::{Ec2Settings, Zone};
use super::refusal::Refusal;
use super::wire::pruned;

pub const OPERATIONS: &[(&str, Handler)] = &[
    ("DescribeRegions", describe_regions),
    ("DescribeAvailabilityZones", describe_zones),
    ("GetEbsEncryptionByDefault", get_ebs_encryption),
    ("GetEbsDefaultKmsKeyId", get_ebs_key),
    ("GetSerialConsoleAccessStatus", get_serial_console),
    ("GetImageBlockPublicAccessState", get_image_block),
    ("GetSnapshotBlockPublicAccessState", get_snapshot_block),
    ("GetInstanceMetadataDefaults", get_imds_defaults),
    ("GetAllowedImagesSettings", get_allowed_images),
    ("DescribeVpcBlockPublicAccessOptions", describe_vpc_block),
];

fn settings(ask: &Ask) -> Ec2Settings {
    let account = ask.estate.accounts.get(&ask.caller.account);
    account.and_then(|a| a.ec2.get(ask.region())).cloned().unwrap_or_default()
}

/// The values of a flat list such as `RegionName.1`, `RegionName.2`.
fn listed<'a>(ask: &'a Ask, name: &'a str) -> Vec<&'a str> {
    let field = move |n: usize| ask.text(&format!("{name}.{n}"));
    (1..).map_while(field).collect()
}

/// The filters as name and values.
fn filters<'a>(ask: &'a Ask) -> Vec<(&'a str, Vec<&'a str>)> {
    let mut all = Vec::new();
    for n in 1.. {
        let Some(name) = ask.text(&format!("Filter.{n}.Name")) else { break };
        let values = (1..).map_while(|v| ask.text(&format!("Filter.{n}.Value.{v}"))).collect();
        all.push((name, values));
    }
    all
}

/// Whether a row passes every filter; `pick` gives the row's value of a filter's name.
fn passes(filters: &[(&str, Vec<&str>)], pick: impl Fn(&str) -> Option<String>) -> Result<bool, Refusal> {
    for (name, values) in filters {
        let Some(own) = pick(name) else {
            let text = format!("The filter '{name}' is invalid");
            return Err(Refusal::bad("InvalidParameterValue", text));
        };
        if !values.contains(&own.as_str()) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn opt_in_word(opt_in: bool, on: bool) -> &'static str {
    match (opt_in, on) {
        (false, _) => "opt-in-not-required",
        (true, true) => "opted-in",
        (true, false) => "not-opted-in",
    }
}

fn describe_regions(ask: &Ask) -> Answer {
    let all = ask.text("AllRegions") == Some("true");
    let named = listed(ask, "RegionName");
    let filters = filters(ask);
    if let Some(name) = named.iter().find(|name| !ask.estate.regions.contains_key(**name)) {
        return Err(Refusal::bad("InvalidParameterValue", format!("Invalid region name: '{name}'")));
    }
    let mut rows = Vec::new();
    for (name, kind) in &ask.estate.regions {
        let open = ask.estate.region_open(&ask.caller.account, name);
        let status = opt_in_word(kind.opt_in, open);
        let endpoint = format!("ec2.{name}.amazonaws.com");
        let wanted = if named.is_empty() { all || open } else { named.contains(&name.as_str()) };
        let fits = passes(&filters, |filter| match filter {
            "region-name" => Some(name.clone()),
            "endpoint" => Some(endpoint.clone()),
            "opt-in-status" => Some(status.to_owned()),
            _ => None,
        })?;
        if wanted && fits {
            let geography = if kind.geography.is_empty() { Value::Null } else { json!([{"name": kind.geography}]) };
            rows.push(pruned(json!({
                "regionName": name, "regionEndpoint": endpoint, "optInStatus": status, "geographySet": geography,
            })));
        }
    }
    Ok(json!({"regionInfo": rows}))
}

fn describe_zones(ask: &Ask) -> Answer {
    let all = ask.text("AllAvailabilityZones") == Some("true");
    let filters = filters(ask);
    let account = ask.estate.accounts.get(&ask.caller.account);
    let zones = ask.estate.regions.get(ask.region()).map(|r| r.zones.as_slice()).unwrap_or_default();
    let mut rows = Vec::new();
    for zone in zones {
        let optional = zone.zone_type != "availability-zone";
        let on = account.is_some_and(|a| a.zone_groups.contains(&zone.group));
        let status = opt_in_word(optional, on);
        let fits = passes(&filters, |filter| match filter {
            "zone-type" => Some(zone.zone_type.clone()),
            "zone-name" => Some(zone.name.clone()),
            "group-name" => Some(zone.group.clone()),
            "opt-in-status" => Some(status.to_owned()),
            _ => None,
        })?;
        if fits && (all || !optional || on) {
            rows.push(zone_row(ask, zone, status));
        }
    }
    Ok(json!({"availabilityZoneInfo": rows}))
}

fn zone_row(ask: &Ask, zone: &Zone, status: &str) -> Value {
    json!({
        "optInStatus": status, "messageSet": [], "regionName": ask.region(), "zoneName": zone.name, "zoneId": zone.id,
        "groupName": zone.group, "networkBorderGroup": zone.group, "zoneType": zone.zone_type, "zoneState": "available",
    })
}

fn get_ebs_encryption(ask: &Ask) -> Answer {
    let held = settings(ask);
    let kind = match (held.ebs_encryption_by_default, held.ebs_default_kms_key_id.as_str()) {
        (false, _) => "none",
        (true, "alias/aws/ebs") => "sse-ebs",
        (true, _) => "sse-kms",
    };
    Ok(json!({"ebsEncryptionByDefault": held.ebs_encryption_by_default, "sseType": kind}))
}

fn get_ebs_key(ask: &Ask) -> Answer {
    Ok(json!({"kmsKeyId": settings(ask).ebs_default_kms_key_id}))
}

fn get_serial_console(ask: &Ask) -> Answer {
    let held = settings(ask).serial_console_access;
    Ok(json!({"serialConsoleAccessEnabled": held.value, "managedBy": held.by}))
}

fn get_image_block(ask: &Ask) -> Answer {
    let held = settings(ask).image_block_public_access;
    Ok(json!({"imageBlockPublicAccessState": held.value, "managedBy": held.by}))
}

fn get_snapshot_block(ask: &Ask) -> Answer {
    let held = settings(ask).snapshot_block_public_access;
    Ok(json!({"state": held.value, "managedBy": held.by}))
}

fn get_imds_defaults(ask: &Ask) -> Answer {
    let held = settings(ask).imds;
    Ok(pruned(json!({"accountLevel": {
        "httpTokens": held.http_tokens,
        "httpPutResponseHopLimit": held.http_put_response_hop_limit,
        "httpEndpoint": held.http_endpoint,
        "instanceMetadataTags": held.instance_metadata_tags,
        "httpTokensEnforced": held.http_tokens_enforced,
        "managedBy": held.managed_by,
        "managedExceptionMessage": held.managed_exception_message,
    }})))
}

fn get_allowed_images(ask: &Ask) -> Answer {
    let held = settings(ask).allowed_images;
    Ok(json!({"state": held.state, "imageCriterionSet": held.criteria, "managedBy": held.managed_by}))
}

fn describe_vpc_block(ask: &Ask) -> Answer {
    let held = settings(ask).vpc_block_public_access;
    Ok(pruned(json!({"vpcBlockPublicAccessOptions": {
        "awsAccountId": ask.caller.account,
        "awsRegion": ask.region(),
        "state": held.state,
        "internetGatewayBlockMode": held.mode,
        "reason": held.reason,
        "lastUpdateTimestamp": held.updated.map(|at| at.to_string()),
        "managedBy": held.managed_by,
        "exclusionsAllowed": held.exclusions_allowed,
    }})))
}
