//! Links by hand: what renaming and moving do below, and what a record of a change names.

use serde_json::json;

use super::estate::{OWNER, ROOT, account, handshake, known, live, snapshot, transfer, unit, value};
use super::{aws, drifts, only};
use crate::compare::{Direction, Rule};
use crate::estate::{CoverageStatus, Observation};

const TREE: &str = r#"
  accounts:
    - {id: "111111111111", name: management, ou: /}
    - {id: "222222222222", name: payments, ou: /Work/Prod}
  organizational_units: [{path: /Work, id: ou-ab12-00000001}, {path: /Work/Prod}]
"#;

fn tree(work: &str) -> crate::estate::Snapshot {
    let mut estate = snapshot();
    let organization = live(&mut estate);
    organization.units = known(vec![
        unit("ou-ab12-00000001", work, ROOT, &format!("/{work}")),
        unit("ou-ab12-00000002", "Prod", "ou-ab12-00000001", &format!("/{work}/Prod")),
    ]);
    value(&mut organization.accounts).push(account(
        "222222222222",
        "payments",
        "ou-ab12-00000002",
        &format!("/{work}/Prod"),
    ));
    estate
}

#[test]
fn renaming_a_unit_moves_nothing_below_it() {
    assert!(drifts(&aws(TREE), &tree("Work")).is_empty());
    assert_eq!(drifts(&aws(TREE), &tree("Labour")), ["link.ou.renamed ou-ab12-00000001"]);
}

#[test]
fn a_renamed_unit_does_not_pass_for_one_that_is_gone() {
    let baseline = aws(r#"
  accounts: [{id: "111111111111", ou: /}, {id: "222222222222", name: payments, ou: /Guarded}]
  organizational_units: [{path: /Lax, id: ou-ab12-00000001}, {path: /Guarded}]
"#);
    let mut estate = snapshot();
    let organization = live(&mut estate);
    organization.units = known(vec![unit("ou-ab12-00000001", "Guarded", ROOT, "/Guarded")]);
    value(&mut organization.accounts).push(account("222222222222", "payments", "ou-ab12-00000001", "/Guarded"));
    assert_eq!(
        drifts(&baseline, &estate),
        ["link.ou.missing /Guarded", "link.account.moved 222222222222", "link.ou.renamed ou-ab12-00000001"]
    );
}

#[test]
fn a_moved_account_says_where_it_is_and_which_event_to_look_for() {
    let mut estate = tree("Work");
    let moved = value(&mut live(&mut estate).accounts).last_mut().unwrap();
    (moved.parent, moved.unit) = (ROOT.to_owned(), "/".to_owned());
    let drift = only(&aws(TREE), &estate);
    assert_eq!((drift.rule, drift.subject.name.as_str()), (Rule::LinkAccountMoved, "payments"));
    assert_eq!((drift.expected, drift.actual), (json!("/Work/Prod"), json!("/")));
    assert_eq!(drift.event_subject["account"], "222222222222");
    assert_eq!(drift.event_effect["parent"], ROOT);
    assert_eq!((drift.logged_in[0].account.as_str(), drift.logged_in[0].region.as_deref()), (OWNER, None));
    assert_eq!(drift.position.unwrap().line, 7);
}

#[test]
fn nothing_is_missing_from_a_list_that_was_not_read() {
    let mut estate = tree("Work");
    live(&mut estate).accounts = Observation::unknown(CoverageStatus::Denied, "no");
    live(&mut estate).units = Observation::unknown(CoverageStatus::Denied, "no");
    assert!(drifts(&aws(TREE), &estate).is_empty());
    live(&mut estate).accounts = known(vec![]);
    assert_eq!(drifts(&aws(TREE), &estate), ["link.account.missing 111111111111", "link.account.missing 222222222222"]);
}

#[test]
fn the_owner_needs_no_line_of_its_own() {
    let baseline = aws("  management_account: \"111111111111\"\n  accounts: []\n");
    assert!(drifts(&baseline, &snapshot()).is_empty());
    assert_eq!(drifts(&aws("  accounts: []\n"), &snapshot()), ["link.account.unexpected 111111111111"]);
}

#[test]
fn a_suspended_account_is_found_wherever_it_hangs() {
    let baseline = aws(r#"
  management_account: "111111111111"
  accounts: [{id: "222222222222", name: old, ou: /Suspended}]
  organizational_units: [{path: /Suspended}]
"#);
    let mut estate = snapshot();
    let organization = live(&mut estate);
    organization.units = known(vec![unit("ou-ab12-00000001", "Suspended", ROOT, "/Suspended")]);
    let mut old = account("222222222222", "old", "ou-ab12-00000001", "/Suspended");
    old.state = "SUSPENDED".to_owned();
    value(&mut organization.accounts).push(old);
    let drift = only(&baseline, &estate);
    assert_eq!((drift.rule, drift.actual), (Rule::LinkAccountSuspended, json!("SUSPENDED")));
    for (state, direction) in
        [("CLOSED", Some(Direction::Stricter)), ("QUARANTINED", None), ("PENDING_ACTIVATION", None)]
    {
        value(&mut live(&mut estate).accounts).last_mut().unwrap().state = state.to_owned();
        let found = crate::compare::compare(&baseline, &estate);
        assert_eq!(found.drifts.first().map(|drift| drift.direction), direction, "{state}");
        assert_eq!(found.undecided.is_empty(), state != "QUARANTINED", "{state}");
    }
}

#[test]
fn a_handshake_in_a_state_that_is_not_known_is_neither_open_nor_closed() {
    let mut estate = snapshot();
    let states = [handshake("h-1", "EXPIRED"), handshake("h-2", "OPEN"), handshake("h-3", "ESCALATED")];
    live(&mut estate).handshakes = known(states.into());
    let baseline = aws("  management_account: \"111111111111\"\n  accounts: []\n");
    assert_eq!(drifts(&baseline, &estate), ["link.handshake.open h-2"]);
    let undecided = crate::compare::compare(&baseline, &estate).undecided;
    let [row] = undecided.as_slice() else { panic!("{undecided:#?}") };
    assert!(row.reason.as_deref().unwrap().contains("h-3: `ESCALATED` is a word that is not known"), "{row:?}");
}

#[test]
fn a_transfer_in_a_state_that_is_not_known_is_neither_missing_nor_one_too_many() {
    let mut estate = snapshot();
    live(&mut estate).responsibility_transfers = known(vec![transfer("rt-1", "SHELVED"), transfer("rt-2", "SHELVED")]);
    let baseline = aws("  responsibility_transfers: [{id: rt-1}]\n");
    let found = crate::compare::compare(&baseline, &estate);
    assert!(found.drifts.is_empty(), "{found:#?}");
    let [row] = found.undecided.as_slice() else { panic!("{found:#?}") };
    assert!(
        row.status.is_incomplete() && row.reason.as_deref().unwrap().contains("rt-1, the transfer rt-2"),
        "{row:?}"
    );
}

#[test]
fn an_account_that_joined_in_a_way_that_is_not_known_may_be_one_that_is_waited_for() {
    let mut estate = snapshot();
    let mut one = account("222222222222", "sandbox-1", ROOT, "/");
    one.joined_method = Some("MERGED".to_owned());
    value(&mut live(&mut estate).accounts).push(one);
    let waiting = aws("  management_account: \"111111111111\"\n  accounts: [{match: \"sandbox-*\", ou: /}]\n");
    let found = crate::compare::compare(&waiting, &estate);
    assert!(found.drifts.is_empty() && found.undecided.len() == 1, "{found:#?}");
    let others = aws("  management_account: \"111111111111\"\n  accounts: [{match: \"lab-*\", ou: /}]\n");
    assert_eq!(drifts(&others, &estate), ["link.account.unexpected 222222222222"]);
}

#[test]
fn a_delegation_policy_is_present_or_absent_or_different() {
    let (none, some) = (aws("  resource_policy: none\n"), aws("  resource_policy: {Statement: []}\n"));
    let mut estate = snapshot();
    assert!(drifts(&none, &estate).is_empty());
    let deleted = only(&some, &estate);
    assert_eq!(deleted.event_effect["existence"], "deleted");
    live(&mut estate).resource_policy = known("{\"Statement\": []}".to_owned());
    assert!(drifts(&some, &estate).is_empty());
    let created = only(&none, &estate);
    assert_eq!((created.direction, created.event_effect["existence"].as_str()), (Direction::Weaker, "created"));
    live(&mut estate).resource_policy = known("{\"Statement\": [{\"Effect\": \"Allow\"}]}".to_owned());
    let changed = only(&some, &estate);
    // The content is not logged, so that no event can be proven to have brought it about.
    assert!(changed.event_effect.contains_key("content") && !changed.event_effect.contains_key("existence"));
}

#[test]
fn a_transfer_without_an_id_is_known_by_what_is_said_of_it() {
    let baseline = aws("  responsibility_transfers: [{direction: outbound, management_account: \"888888888888\"}]\n");
    let mut estate = snapshot();
    live(&mut estate).responsibility_transfers =
        known(vec![transfer("rt-1", "ACCEPTED"), transfer("rt-2", "CANCELED")]);
    assert!(drifts(&baseline, &estate).is_empty());
    value(&mut live(&mut estate).responsibility_transfers)[0].counterpart = Some("777777777777".to_owned());
    assert_eq!(drifts(&baseline, &estate).len(), 2, "one is missing, another one is there");
}

#[test]
fn a_transfer_without_a_name_is_not_the_one_of_a_name() {
    let baseline = aws("  responsibility_transfers: [{id: rt-1, name: bill}]\n");
    let mut estate = snapshot();
    live(&mut estate).responsibility_transfers = known(vec![transfer("rt-1", "ACCEPTED")]);
    assert!(drifts(&baseline, &estate).is_empty());
    value(&mut live(&mut estate).responsibility_transfers)[0].name = None;
    let nameless = only(&baseline, &estate);
    assert_eq!((nameless.subject.name.as_str(), nameless.actual["name"].is_null()), ("rt-1", true));
    assert!(!nameless.event_effect.contains_key("name"), "no event can be known to have taken a name away");
}

#[test]
fn a_transfer_that_an_id_means_is_not_taken_by_an_entry_that_only_describes() {
    let baseline = aws("  responsibility_transfers: [{name: bill}, {id: rt-1, name: bill}]\n");
    let mut estate = snapshot();
    live(&mut estate).responsibility_transfers = known(vec![transfer("rt-1", "ACCEPTED")]);
    let drift = only(&baseline, &estate);
    assert_eq!((drift.subject.id.as_str(), drift.actual), (r#"{"name":"bill"}"#, json!(null)));
}

#[test]
fn sections_that_are_absent_are_not_compared() {
    let mut estate = tree("Work");
    live(&mut estate).trusted_services = known(vec!["ram.amazonaws.com".to_owned()]);
    assert!(drifts(&aws("  regions: []\n"), &estate).is_empty());
}

#[test]
fn an_organisation_that_is_gone_is_missed_even_if_its_id_is_not_declared() {
    let mut estate = snapshot();
    estate.organization = Observation::Absent;
    for section in [
        "  management_account: \"222222222222\"\n",
        "  accounts: [{match: \"sandbox-*\"}]\n",
        "  trusted_services: [ram.amazonaws.com]\n",
        "  resource_policy: {Statement: []}\n",
        "  policy_types: [service_control]\n",
        "  policies: [{name: deny, type: service_control}]\n",
        "  audit_logs: {organization_trail: {}}\n",
    ] {
        let drift = only(&aws(section), &estate);
        assert_eq!((drift.rule, drift.scope.account.as_deref()), (Rule::LinkOrganizationChanged, Some(OWNER)));
        assert_eq!(drift.position.unwrap().line, 4, "{section}");
    }
    // An account that stands alone has none of it.
    let alone = r#"
  management_account: "111111111111"
  accounts: [{id: "111111111111", name: alone}]
  delegated_administrators: []
  trusted_services: []
  resource_policy: none
  policies: []
  regions: [{allowed: []}]
"#;
    assert!(drifts(&aws(alone), &estate).is_empty());
    estate.organization = Observation::unknown(CoverageStatus::Denied, "no");
    assert!(drifts(&aws("  policy_types: [service_control]\n"), &estate).is_empty());
}
