//! Regions by hand: what a rule for some accounts says, and words that AWS adds.

use std::collections::BTreeMap;

use super::estate::{OWNER, facts, known, live, snapshot, value};
use super::{aws, drifts, found, only};
use crate::compare::{Direction, Rule, compare};
use crate::estate::{CoverageStatus, Observation};

#[test]
fn the_last_rule_that_matches_decides_alone() {
    let baseline = aws(r#"
  accounts: [{id: "111111111111", name: management, ou: /}, {id: "222222222222", name: sandbox, ou: /Sandbox}]
  organizational_units: [{path: /Sandbox}]
  regions:
    - {allowed: [eu-south-1, me-south-1], required: [eu-south-1]}
    - {where: {ou: /Sandbox}, allowed: [me-south-1]}
"#);
    let mut estate = snapshot();
    estate.organization = Observation::unknown(CoverageStatus::Denied, "no");
    for id in [OWNER, "222222222222"] {
        let inside = facts(&[("eu-south-1", "ENABLED"), ("me-south-1", "ENABLED")]);
        estate.accounts.insert(id.to_owned(), inside);
    }
    assert_eq!(drifts(&baseline, &estate), ["region.enabled eu-south-1"]);
    let drift = only(&baseline, &estate);
    assert_eq!(drift.scope.account.as_deref(), Some("222222222222"));
    assert_eq!(drift.scope.region.as_deref(), Some("eu-south-1"));
    // An opt-in is logged in the account, in the home region of global services.
    assert_eq!((drift.logged_in[0].account.as_str(), drift.logged_in[0].region.as_deref()), ("222222222222", None));
    assert_eq!(drift.event_effect["status"], "enabled");
    assert_eq!(drift.position.unwrap().line, 9);
}

#[test]
fn a_required_region_that_is_being_switched_on_is_not_on_yet() {
    let baseline = aws("  regions: [{allowed: [eu-south-1], required: [eu-south-1]}]\n");
    let mut estate = snapshot();
    estate.accounts.insert(OWNER.to_owned(), facts(&[("eu-south-1", "ENABLING")]));
    let drift = only(&baseline, &estate);
    assert_eq!((drift.rule, drift.direction), (Rule::RegionDisabled, Direction::Stricter));
    assert_eq!(drift.event_effect["status"], "enabled");
    estate.accounts.insert(OWNER.to_owned(), facts(&[("us-east-1", "ENABLED_BY_DEFAULT")]));
    assert_eq!(drifts(&baseline, &estate), ["region.disabled eu-south-1"]);
}

#[test]
fn a_status_that_is_not_known_is_not_taken_for_off() {
    let baseline = aws("  regions: [{allowed: []}]\n");
    let mut estate = snapshot();
    estate.accounts.insert(OWNER.to_owned(), facts(&[("eu-south-1", "PAUSED")]));
    // Nor for on: whether it is allowed or required, nobody knows.
    let required = aws("  regions: [{allowed: [eu-south-1], required: [eu-south-1]}]\n");
    for baseline in [&baseline, &required] {
        let comparison = compare(baseline, &estate);
        assert!(comparison.drifts.is_empty(), "{comparison:#?}");
        let [row] = comparison.undecided.as_slice() else { panic!("{comparison:#?}") };
        assert_eq!((row.status, row.scope.region.as_deref()), (CoverageStatus::Failed, Some("eu-south-1")));
        assert!(row.reason.as_deref().unwrap().contains("`PAUSED`"), "{row:?}");
    }
}

#[test]
fn what_ec2_calls_off_may_be_on_its_way() {
    let mut estate = snapshot();
    estate.accounts.insert(OWNER.to_owned(), facts(&[("eu-south-1", "not-opted-in"), ("me-south-1", "not-opted-in")]));
    let comparison = compare(&aws("  regions: [{allowed: [me-south-1]}]\n"), &estate);
    assert!(comparison.drifts.is_empty(), "{comparison:#?}");
    let [row] = comparison.undecided.as_slice() else { panic!("{comparison:#?}") };
    let reason = row.reason.as_deref().unwrap();
    assert!(row.status.is_incomplete() && reason.contains("eu-south-1") && !reason.contains("me-south-1"), "{row:?}");
    // On it is not, whichever of the two it is.
    let required = aws("  regions: [{allowed: [\"*\"], required: [eu-south-1]}]\n");
    assert_eq!(drifts(&required, &estate), ["region.disabled eu-south-1"]);
}

#[test]
fn zone_groups_are_compared_where_a_rule_speaks_of_them() {
    let mut estate = snapshot();
    let mut inside = facts(&[("us-west-2", "ENABLED_BY_DEFAULT")]);
    let groups =
        [("us-west-2-lax-1", "opted-in"), ("us-west-2-phx-2", "not-opted-in"), ("us-west-2", "opt-in-not-required")];
    let groups: BTreeMap<String, String> = groups.map(|(name, status)| (name.to_owned(), status.to_owned())).into();
    inside.regions.get_mut("us-west-2").unwrap().zone_groups = Some(known(groups));
    estate.accounts.insert(OWNER.to_owned(), inside);
    let silent = aws("  regions: [{allowed: [us-west-2]}]\n");
    assert!(drifts(&silent, &estate).is_empty());
    let baseline = aws("  regions: [{allowed: [us-west-2], zone_groups: []}]\n");
    let drift = only(&baseline, &estate);
    assert_eq!((drift.rule, drift.subject.id.as_str()), (Rule::RegionZoneGroupEnabled, "us-west-2-lax-1"));
    assert_eq!(drift.logged_in[0].region.as_deref(), Some("us-west-2"));
}

#[test]
fn an_account_whose_tags_were_not_read_is_neither_in_line_nor_judged_where_tags_decide() {
    let by_tag = r#"  regions: [{allowed: []}, {where: {tag: {tier: prod}}, allowed: [eu-south-1]}]
"#;
    let listed = "  accounts: [{id: \"111111111111\", name: management, ou: /, tags: {tier: prod}}]\n";
    let (unlisted, listed) = (aws(by_tag), aws(&format!("{listed}{by_tag}")));
    let mut estate = snapshot();
    estate.accounts.insert(OWNER.to_owned(), facts(&[("eu-south-1", "ENABLED")]));
    let refused = Observation::unknown(CoverageStatus::Denied, "AccessDeniedException");
    for tags in [None, Some(refused)] {
        value(&mut live(&mut estate).accounts)[0].tags = tags;
        let comparison = compare(&unlisted, &estate);
        assert_eq!(found(&comparison), Vec::<String>::new());
        let [row] = comparison.undecided.as_slice() else { panic!("{:#?}", comparison.undecided) };
        assert_eq!(row.source, "organizations:ListTagsForResource");
        assert!(row.reason.as_ref().unwrap().contains("tags were not read"), "{row:?}");
        // Where the baseline lists the account, its word counts and nothing is missing.
        assert!(compare(&listed, &estate).undecided.is_empty());
    }
    for (tier, expected) in [("prod", vec![]), ("dev", vec!["region.enabled eu-south-1"])] {
        let tags = BTreeMap::from([("tier".to_owned(), tier.to_owned())]);
        value(&mut live(&mut estate).accounts)[0].tags = Some(known(tags));
        assert_eq!(drifts(&unlisted, &estate), expected, "{tier}");
    }
}
