//! Settings by hand: attributes, keys, criteria, directions.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::estate::{OWNER, facts, setting, snapshot};
use super::{aws, drifts, only};
use crate::compare::{Direction, Rule};
use crate::estate::{Observation, Snapshot};

fn estate(name: &str, value: Value, managed_by: Option<&str>) -> Snapshot {
    let mut estate = snapshot();
    let mut inside = facts(&[("eu-west-1", "ENABLED_BY_DEFAULT")]);
    inside.regions.get_mut("eu-west-1").unwrap().settings =
        BTreeMap::from([(name.to_owned(), setting(value, managed_by))]);
    estate.accounts.insert(OWNER.to_owned(), inside);
    estate
}

#[test]
fn each_attribute_is_a_finding_of_its_own() {
    let baseline = aws(
        "  settings:\n    - instance_metadata_defaults: {http_tokens: required, http_put_response_hop_limit: 1}\n    - instance_metadata_defaults: {http_put_response_hop_limit: 2}\n",
    );
    let live = json!({"http_tokens": "optional", "http_put_response_hop_limit": 3, "http_endpoint": "enabled"});
    let estate = estate("instance_metadata_defaults", live, Some("account"));
    assert_eq!(
        drifts(&baseline, &estate),
        [
            "setting.changed instance_metadata_defaults.http_put_response_hop_limit",
            "setting.changed instance_metadata_defaults.http_tokens"
        ]
    );
    let comparison = crate::compare::compare(&baseline, &estate);
    let [hops, tokens] = comparison.drifts.as_slice() else { panic!() };
    assert_eq!((hops.expected.clone(), hops.direction), (json!(2), Direction::Weaker));
    assert_eq!(hops.position.as_ref().unwrap().line, 6);
    assert_eq!(tokens.direction, Direction::Weaker);
    assert_eq!(tokens.event_subject["setting"], "instance_metadata_defaults");
    assert_eq!(tokens.event_effect["value"], r#"{"http_tokens":"optional"}"#);
}

#[test]
fn a_key_goes_by_its_alias_and_its_arn() {
    let arn = "arn:aws:kms:eu-west-1:111111111111:alias/ours";
    for (declared, live, same) in [
        ("alias/aws/ebs", "alias/aws/ebs", true),
        ("alias/ours", arn, true),
        (arn, arn, true),
        ("arn:aws:kms:*:111111111111:alias/*", arn, true),
        ("alias/aws/ebs", arn, false),
        ("*", arn, true),
        // The same alias elsewhere is another key.
        ("alias/ours", "arn:aws:kms:eu-west-1:999999999999:alias/ours", false),
        ("alias/ours", "arn:aws:kms:eu-west-1:111111111111:alias/theirs:alias/ours", false),
        (
            "arn:aws:kms:*:111111111111:alias/ours",
            "arn:aws:kms:eu-west-1:999999999999:alias/x:111111111111:alias/ours",
            false,
        ),
    ] {
        let baseline = aws(&format!("  settings: [{{ebs_default_kms_key: \"{declared}\"}}]\n"));
        assert_eq!(drifts(&baseline, &estate("ebs_default_kms_key", json!(live), None)).is_empty(), same, "{declared}");
    }
}

#[test]
fn the_order_of_criteria_says_nothing() {
    let baseline = aws(r#"
  settings:
    - allowed_images_settings: {state: enabled, image_criteria: [{image_providers: [amazon, "222222222222"]}, {image_names: [golden-*]}]}
"#);
    let same = json!({"state": "enabled", "image_criteria": [
        {"image_names": ["golden-*"], "marketplace_product_codes": []},
        {"image_providers": ["222222222222", "amazon"]},
    ]});
    assert!(drifts(&baseline, &estate("allowed_images_settings", same, None)).is_empty());
    let wider = json!({"state": "enabled", "image_criteria": [
        {"image_names": ["*"]}, {"image_providers": ["222222222222", "amazon"]},
    ]});
    let drift = only(&baseline, &estate("allowed_images_settings", wider, None));
    assert_eq!(
        (drift.subject.id.as_str(), drift.direction),
        ("allowed_images_settings.image_criteria", Direction::Unknown)
    );
}

#[test]
fn directions_follow_the_order_of_the_words() {
    let (tokens, endpoint) = ("http_tokens", "http_endpoint");
    for (setting, attribute, stricter, weaker) in [
        ("ebs_encryption_by_default", None, json!(true), json!(false)),
        ("serial_console_access", None, json!(false), json!(true)),
        ("image_block_public_access", None, json!("block-new-sharing"), json!("unblocked")),
        ("snapshot_block_public_access", None, json!("block-new-sharing"), json!("unblocked")),
        ("instance_metadata_defaults", Some(tokens), json!("required"), json!("optional")),
        ("instance_metadata_defaults", Some(tokens), json!("required"), json!("no-preference")),
        ("instance_metadata_defaults", Some(endpoint), json!("disabled"), json!("enabled")),
        ("instance_metadata_defaults", Some("instance_metadata_tags"), json!("disabled"), json!("enabled")),
        ("instance_metadata_defaults", Some("http_tokens_enforced"), json!("enabled"), json!("no-preference")),
        ("instance_metadata_defaults", Some("http_put_response_hop_limit"), json!(1), json!(2)),
        ("allowed_images_settings", Some("state"), json!("enabled"), json!("audit-mode")),
        ("allowed_images_settings", Some("state"), json!("audit-mode"), json!("disabled")),
        ("vpc_block_public_access", Some("internet_gateway_block_mode"), json!("block-bidirectional"), json!("off")),
        ("vpc_block_public_access", Some("internet_gateway_block_mode"), json!("block-ingress"), json!("off")),
        ("vpc_block_public_access", Some("exclusions_allowed"), json!("not-allowed"), json!("allowed")),
    ] {
        let whole = |value: &Value| attribute.map_or_else(|| value.clone(), |attribute| json!({attribute: value}));
        for (declared, live, direction) in
            [(&stricter, &weaker, Direction::Weaker), (&weaker, &stricter, Direction::Stricter)]
        {
            let baseline = aws(&format!("  settings: [{{{setting}: {}}}]\n", whole(declared)));
            let drift = only(&baseline, &estate(setting, whole(live), None));
            assert_eq!(drift.direction, direction, "{setting} {attribute:?} {live}");
        }
    }
    for (declared, live, direction) in [
        ("block-all-sharing", "block-new-sharing", Direction::Weaker),
        ("block-new-sharing", "block-all-sharing", Direction::Stricter),
        ("block-all-sharing", "a-new-word", Direction::Unknown),
    ] {
        let baseline = aws(&format!("  settings: [{{snapshot_block_public_access: {declared}}}]\n"));
        assert_eq!(only(&baseline, &estate("snapshot_block_public_access", json!(live), None)).direction, direction);
    }
}

#[test]
fn a_setting_in_other_hands_is_found_even_if_its_value_fits() {
    let baseline = aws("  settings: [{serial_console_access: false, managed_by: declarative-policy}]\n");
    assert!(drifts(&baseline, &estate("serial_console_access", json!(false), Some("declarative-policy"))).is_empty());
    let drift = only(&baseline, &estate("serial_console_access", json!(false), Some("account")));
    assert_eq!((drift.rule, drift.direction), (Rule::SettingUnmanaged, Direction::Weaker));
    // What takes it away is a change of the organisation's policies.
    assert_eq!((drift.logged_in[0].account.as_str(), drift.logged_in[0].region.as_deref()), (OWNER, None));
}

#[test]
fn a_setting_that_does_not_say_who_holds_it_is_not_in_the_right_hands() {
    let baseline = aws("  settings: [{ebs_encryption_by_default: true, managed_by: declarative-policy}]\n");
    let comparison = crate::compare::compare(&baseline, &estate("ebs_encryption_by_default", json!(true), None));
    assert!(comparison.drifts.is_empty());
    let [row] = comparison.undecided.as_slice() else { panic!("{comparison:#?}") };
    assert_eq!(row.reason.as_deref(), Some("not compared: ebs_encryption_by_default: EC2 does not say who manages it"));
}

#[test]
fn absent_is_a_difference_and_unknown_is_none() {
    let baseline = aws("  settings: [{serial_console_access: false}]\n");
    let mut estate = estate("serial_console_access", json!(false), None);
    let settings = |estate: &mut Snapshot, state| {
        let regions = &mut estate.accounts.get_mut(OWNER).unwrap().regions;
        regions.get_mut("eu-west-1").unwrap().settings.insert("serial_console_access".to_owned(), state);
    };
    settings(&mut estate, Observation::Absent);
    assert_eq!(drifts(&baseline, &estate), ["setting.changed serial_console_access"]);
    settings(&mut estate, Observation::unknown(crate::estate::CoverageStatus::Denied, "no"));
    assert!(drifts(&baseline, &estate).is_empty());
}
