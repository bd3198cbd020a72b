//! Which rule applies, and where an account stands.

use std::collections::BTreeMap;

use super::{
    super::{
        model::{Aws, Limit, OuPath},
        placement::{AccountView, Listed, LiveAccount, Placement},
        rules::{Place, Rules},
    },
    load_aws,
};

const ACCOUNTS: &str = r#"
  accounts:
    - {id: "111111111111", name: management, ou: /}
    - {id: "222222222222", name: payments-prod, ou: /Workloads/Prod, tags: {tier: prod}}
    - {id: "444444444444", name: legacy, ou: /Workloads}
    - {match: "sandbox-*", ou: /Sandbox, tags: {tier: play}}
"#;

fn ou(path: &str) -> OuPath {
    OuPath::parse(path).unwrap()
}

fn aws(sections: &str) -> Aws {
    load_aws(&format!("{ACCOUNTS}{sections}")).model.aws.unwrap()
}

fn place<'a>(account: &'a AccountView, region: &'a str) -> Place<'a> {
    Place { account, region, partition: "aws" }
}

fn live(placement: &Placement<'_>, id: &str, name: &str, unit: &str, created_here: bool) -> AccountView {
    let (unit, tags) = (ou(unit), BTreeMap::from([("tier".to_owned(), "live".to_owned())]));
    placement.place(LiveAccount { id, name, ou: Some(&unit), tags: &tags, created_here })
}

#[test]
fn moving_renaming_or_tagging_a_listed_account_changes_nothing() {
    let aws = aws("");
    let view = live(&Placement::of(&aws), "222222222222", "sandbox-x", "/Sandbox", true);
    assert_eq!(view.name, "payments-prod");
    assert_eq!(view.ou, Some(ou("/Workloads/Prod")));
    assert_eq!(view.tags["tier"], "prod");
    assert_eq!(view.listed, Listed::ById(1));
}

#[test]
fn created_accounts_fit_a_pattern_and_invited_ones_never() {
    let aws = aws("");
    let placement = Placement::of(&aws);
    let created = live(&placement, "555555555555", "sandbox-7", "/Workloads/Prod", true);
    assert_eq!((created.ou, created.listed), (Some(ou("/Sandbox")), Listed::ByMatch(3)));
    assert_eq!(created.tags["tier"], "play");
    let invited = live(&placement, "666666666666", "sandbox-8", "/Workloads/Prod", false);
    assert_eq!((invited.ou, invited.listed), (Some(ou("/Workloads/Prod")), Listed::No));
    assert_eq!(invited.tags["tier"], "live");
}

#[test]
fn an_account_that_takes_a_declared_name_gains_no_rule_by_it() {
    let aws = aws("  regions: [{where: {account: payments-prod}, allowed: [\"*\"]}]\n");
    let (placement, rules) = (Placement::of(&aws), Rules::of(&aws));
    let taken = live(&placement, "555555555555", "payments-prod", "/Sandbox", true);
    assert_eq!(rules.region(place(&taken, "us-east-1")), None);
    let named = live(&placement, "222222222222", "anything", "/Sandbox", true);
    assert!(rules.region(place(&named, "us-east-1")).is_some());
}

#[test]
fn names_and_ids_resolve_to_ids() {
    let aws = aws("");
    let placement = Placement::of(&aws);
    assert_eq!(placement.resolve("legacy"), Some("444444444444"));
    assert_eq!(placement.resolve("999999999999"), Some("999999999999"));
    assert_eq!(placement.resolve("nobody"), None);
}

#[test]
fn the_last_quota_rule_that_matches_wins_per_code() {
    let aws = aws(r#"
  quotas:
    - {service: ec2, code: "*", max: default}
    - {service: ec2, code: L-1216C47A, where: {account: payments-prod}, max: 256}
    - {service: ec2, code: "L-12*", where: {ou: /Workloads, region: "eu-*"}, max: 64}
    - {service: ec2, code: "*", level: resource, resource: "arn:aws:ec2:*:host/*", max: 5}
    - {service: lambda, code: "*", where: {tag: {tier: "p*"}}, max: default}
"#);
    let (placement, rules) = (Placement::of(&aws), Rules::of(&aws));
    let prod = placement.declared("222222222222").unwrap();
    let legacy = placement.declared("444444444444").unwrap();
    let management = placement.declared("111111111111").unwrap();
    let chosen =
        |account, region, service, code| rules.quota(place(account, region), service, code, None).map(|one| one.index);
    assert_eq!(chosen(&prod, "us-east-1", "ec2", "L-1216C47A"), Some(1));
    assert_eq!(chosen(&prod, "eu-west-1", "ec2", "L-1216C47A"), Some(2));
    assert_eq!(chosen(&prod, "eu-west-1", "ec2", "L-OTHER"), Some(0));
    assert_eq!(chosen(&legacy, "eu-west-1", "ec2", "L-1216C47A"), Some(2));
    assert_eq!(chosen(&management, "eu-west-1", "ec2", "L-1216C47A"), Some(0));
    assert_eq!(chosen(&management, "eu-west-1", "lambda", "L-X"), None);
    assert_eq!(chosen(&prod, "eu-west-1", "lambda", "L-X"), Some(4));
    let resource = |arn| rules.quota(place(&prod, "us-east-1"), "ec2", "L-X", Some(arn)).map(|one| one.pointer());
    assert_eq!(resource("arn:aws:ec2:us-east-1:host/h-1"), Some("/aws/quotas/3".to_owned()));
    assert_eq!(resource("arn:aws:ec2:us-east-1:image/i-1"), None);
    assert_eq!(
        rules.quota(place(&prod, "us-east-1"), "ec2", "L-1216C47A", None).unwrap().rule.max,
        Some(Limit::Number(256.0))
    );
    assert_eq!(rules.quota_services(place(&management, "us-east-1")), ["ec2"].into());
    assert_eq!(rules.quota_services(place(&prod, "us-east-1")), ["ec2", "lambda"].into());
    assert!(rules.ask_for_tags());
}

#[test]
fn a_region_rule_wins_as_a_whole() {
    let aws = aws(r#"
  regions:
    - {allowed: [us-east-1, eu-south-1], required: [eu-south-1]}
    - {where: {ou: /Sandbox}, allowed: [us-east-1]}
"#);
    let (placement, rules) = (Placement::of(&aws), Rules::of(&aws));
    let sandbox = live(&placement, "555555555555", "sandbox-7", "/", true);
    let chosen = rules.region(place(&sandbox, "eu-south-1")).unwrap();
    assert_eq!(chosen.pointer(), "/aws/regions/1");
    assert!(chosen.rule.required.is_empty());
    let prod = placement.declared("222222222222").unwrap();
    assert_eq!(rules.region(place(&prod, "eu-south-1")).unwrap().index, 0);
    assert!(!rules.ask_for_tags());
}

#[test]
fn settings_win_per_attribute() {
    let aws = aws(r#"
  settings:
    - {ebs_encryption_by_default: true, instance_metadata_defaults: {http_tokens: required, http_put_response_hop_limit: 1}}
    - {where: {account: legacy}, ebs_encryption_by_default: false}
    - {where: {ou: /Workloads}, managed_by: declarative-policy, instance_metadata_defaults: {http_put_response_hop_limit: 2}}
"#);
    let (placement, rules) = (Placement::of(&aws), Rules::of(&aws));
    let legacy = placement.declared("444444444444").unwrap();
    let settings: Vec<String> = rules
        .settings(place(&legacy, "us-east-1"))
        .iter()
        .map(|one| {
            format!(
                "{} = {} by {} from {}",
                one.name(),
                one.value,
                one.managed_by.as_deref().unwrap_or("-"),
                one.pointer()
            )
        })
        .collect();
    assert_eq!(
        settings,
        [
            "ebs_encryption_by_default = false by - from /aws/settings/1/ebs_encryption_by_default",
            "instance_metadata_defaults.http_put_response_hop_limit = 2 by declarative-policy from /aws/settings/2/instance_metadata_defaults/http_put_response_hop_limit",
            "instance_metadata_defaults.http_tokens = \"required\" by - from /aws/settings/0/instance_metadata_defaults/http_tokens",
        ]
    );
}

#[test]
fn scope_follows_the_declared_place() {
    let aws = aws("  scope: {exclude: [{ou: /Suspended}]}\n");
    let (placement, rules) = (Placement::of(&aws), Rules::of(&aws));
    let hidden = live(&placement, "222222222222", "payments-prod", "/Suspended", true);
    assert!(rules.in_scope(place(&hidden, "us-east-1")), "declared elsewhere: still read");
    let unlisted = live(&placement, "777777777777", "other", "/Suspended/Old", true);
    assert!(!rules.in_scope(place(&unlisted, "us-east-1")));
}

#[test]
fn names_with_slashes_are_one_step() {
    let aws = aws(r#"
  regions:
    - {where: {ou: '/A\/B'}, allowed: [x]}
    - {where: {ou: '/Work*/?rod'}, allowed: [y]}
"#);
    let (placement, rules) = (Placement::of(&aws), Rules::of(&aws));
    let slashed = live(&placement, "555555555555", "a", r"/A\/B/C", true);
    assert_eq!(rules.region(place(&slashed, "x")).map(|one| one.index), Some(0));
    let split = live(&placement, "666666666666", "b", "/A/B", true);
    assert_eq!(rules.region(place(&split, "x")), None);
    let prod = placement.declared("222222222222").unwrap();
    assert_eq!(rules.region(place(&prod, "x")).map(|one| one.index), Some(1));
}
