//! What is recorded is in line with what it was recorded from, sees every change of it, and says nothing that was not read.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::compare::Rule;
use crate::compare::tests::changes::CHANGES;
use crate::compare::tests::estate::{
    OWNER, ROOT, account, applied, defined, facts, handshake, known, live, policy, request, setting, snapshot, trail,
    unit, value,
};
use crate::compare::tests::properties::{cloud, config, parts, reads};
use crate::compare::tests::world::worlds;
use crate::estate::{AccountRequest, CoverageStatus, GLOBAL};

fn options() -> Options {
    Options {
        estate: None,
        access: Access::default(),
        resources: BTreeSet::new(),
        origin: "a test".to_owned(),
        now: "2026-11-21T06:30:00Z".parse().unwrap(),
        taken: BTreeSet::new(),
    }
}

fn recorded(snapshot: &Snapshot) -> Recorded {
    record(snapshot, &options()).unwrap_or_else(|error| panic!("{error}"))
}

fn loaded(recorded: &Recorded) -> Baseline {
    load(&recorded.baseline, &recorded.documents).unwrap_or_else(|error| panic!("{}\n{error}", recorded.baseline))
}

/// The lines of the baseline that are no comments.
fn lines(recorded: &Recorded) -> Vec<&str> {
    recorded.baseline.lines().filter(|line| !line.trim_start().starts_with('#') && !line.is_empty()).collect()
}

fn has(recorded: &Recorded, line: &str) {
    assert!(lines(recorded).iter().any(|there| there.trim() == line), "no `{line}` in\n{}", recorded.baseline);
}

proptest! {
    #![proptest_config(config(24))]

    #[test]
    fn an_estate_is_in_line_with_what_is_recorded_of_it(world in worlds()) {
        let (snapshot, recorded) = (world.snapshot(), recorded(&world.snapshot()));
        let comparison = compare(&loaded(&recorded), &snapshot);
        prop_assert!(comparison.drifts.is_empty(), "{:#?}\n{}", comparison.drifts, recorded.baseline);
        prop_assert!(comparison.undecided.is_empty(), "{:#?}\n{}", comparison.undecided, recorded.baseline);
        prop_assert_eq!((&recorded.accepted, &recorded.open), (&vec![], &vec![]));
        let never_asked = recorded.unread.lines().iter().all(|line| line.contains("nobody asked for it in that run"));
        prop_assert!(never_asked && recorded.unsaid.is_empty(), "{}", recorded.baseline);
    }

    #[test]
    fn every_change_shows_against_what_was_recorded_before(world in worlds(), pick in any::<u16>()) {
        let recorded = recorded(&world.snapshot());
        let baseline = loaded(&recorded);
        for change in CHANGES {
            let mut changed = world.snapshot();
            let Some(expected) = (change.make)(&world, &mut changed, usize::from(pick)) else { continue };
            let found: BTreeSet<Kind> = compare(&baseline, &changed).drifts.iter().map(|drift| drift.kind).collect();
            let wanted: BTreeSet<Kind> = expected.iter().map(|(rule, _)| rule.kind()).collect();
            prop_assert!(wanted.is_subset(&found), "{}: {wanted:?} and {found:?}\n{}", change.name, recorded.baseline);
        }
    }

    #[test]
    fn whatever_was_changed_and_not_read_what_is_recorded_is_in_line(
        world in worlds(),
        picks in prop::collection::vec((0..CHANGES.len(), any::<u16>()), 0..8),
        whole in prop::collection::vec(any::<u16>(), 0..6),
        inner in prop::collection::vec(any::<u16>(), 0..6),
    ) {
        let mut snapshot = world.snapshot();
        for (change, pick) in picks {
            // Without an organisation there is nothing left to change.
            if snapshot.organization.known().is_some() {
                (CHANGES[change].make)(&world, &mut snapshot, usize::from(pick));
            }
        }
        cloud(&mut snapshot, &inner, parts);
        cloud(&mut snapshot, &whole, reads);
        let recorded = recorded(&snapshot);
        prop_assert!(recorded.open.is_empty(), "{:#?}\n{}", recorded.open, recorded.baseline);
        let drifts = compare(&loaded(&recorded), &snapshot).drifts;
        prop_assert_eq!(drifts.len(), recorded.accepted.len());
        let nothing = ["null", "unknown", "not allowed"];
        let said = lines(&recorded).join("\n");
        prop_assert!(nothing.iter().all(|word| !said.contains(word)), "{}", recorded.baseline);
    }

    #[test]
    fn hostile_text_stays_text(
        names in prop::collection::vec(r"(?s)[-*&!|>'%@`#:,\[\]{}~?\x22\\/ \n\t0-9a-zé\x00\x1b\u{202e}\u{feff}]{0,30}|.{0,20}", 8),
    ) {
        let mut hostile = snapshot();
        let organization = live(&mut hostile);
        let path = OuPath::from_names([names[0].clone()]).to_string();
        organization.units = known(vec![unit("ou-ab12-00000001", &names[0], ROOT, &path)]);
        let mut member = account("222222222222", &names[1], "ou-ab12-00000001", &path);
        member.tags = Some(known(BTreeMap::from([(names[2].clone(), names[3].clone())])));
        organization.accounts = known(vec![account(OWNER, &names[4], ROOT, "/"), member]);
        organization.trusted_services = known(vec![names[5].clone()]);
        organization.policy_types = known(BTreeMap::from([("TAG_POLICY".to_owned(), "ENABLED".to_owned())]));
        let made = policy("p-ab12cd34", &names[6], "TAG_POLICY", r#"{"tags":{}}"#, &["ou-ab12-00000001", OWNER]);
        organization.policies = BTreeMap::from([("TAG_POLICY".to_owned(), known(vec![made]))]);
        let mut inside = facts(&[("eu-west-1", "ENABLED_BY_DEFAULT")]);
        let region = inside.regions.get_mut("eu-west-1").unwrap();
        region.settings = BTreeMap::from([("image_block_public_access".to_owned(), setting(json!(names[7]), Some(&names[5])))]);
        region.trails = Some(known(vec![trail(OWNER, &names[7], "eu-west-1")]));
        region.quotas = BTreeMap::from([("ec2".to_owned(), known(vec![applied("L-1", 7.0)]))]);
        hostile.accounts.insert(OWNER.to_owned(), inside);
        hostile.quota_definitions = BTreeMap::from([("eu-west-1".to_owned(), BTreeMap::from([("ec2".to_owned(), defined(&[("L-1", 5.0)]))]))]);
        let recorded = recorded(&hostile);
        let baseline = loaded(&recorded);
        let aws = baseline.model.aws.as_ref().unwrap();
        let open: Vec<&String> = recorded.open.iter().collect();
        prop_assert!(open.is_empty(), "{open:?}\n{}", recorded.baseline);
        let listed = aws.accounts.iter().flatten().find(|entry| entry.id.as_deref() == Some(OWNER)).unwrap();
        let masked = names[4].contains("***@");
        prop_assert_eq!(listed.name.as_deref().unwrap_or_default(), if masked { "" } else { names[4].as_str() });
        prop_assert_eq!(&aws.trusted_services, &Some(vec![names[5].clone()]));
        for path in recorded.documents.keys() {
            prop_assert!(path.starts_with("tag/") && path.ends_with(".json") && path.matches('/').count() == 1, "{path}");
            prop_assert!(path.is_ascii() && !path.contains(".."), "{path}");
        }
    }
}

#[test]
fn a_thousand_accounts_that_say_the_same_are_one_rule() {
    let mut big = snapshot();
    let sandbox = unit("ou-ab12-sandbox1", "Sandbox", ROOT, "/Sandbox");
    let mut members = vec![account(OWNER, "management", ROOT, "/")];
    for index in 0..999 {
        let id = format!("2{index:011}");
        let (parent, path) = if index < 10 { ("ou-ab12-sandbox1", "/Sandbox") } else { (ROOT, "/") };
        members.push(account(&id, &format!("member-{index}"), parent, path));
    }
    for member in &members {
        let is_sandbox = member.unit != "/";
        let opt_in = if is_sandbox { "DISABLED" } else { "ENABLED" };
        let mut inside =
            facts(&[("us-east-1", "ENABLED_BY_DEFAULT"), ("eu-west-1", "ENABLED_BY_DEFAULT"), ("eu-south-1", opt_in)]);
        for (region, facts) in inside.regions.iter_mut().filter(|(region, _)| *region != GLOBAL) {
            let raised = if is_sandbox { vec![] } else { vec![applied("L-1216C47A", 640.0)] };
            facts.quotas.insert("ec2".to_owned(), known(raised));
            facts.settings.insert("ebs_encryption_by_default".to_owned(), setting(json!(!is_sandbox), None));
            facts
                .settings
                .insert("serial_console_access".to_owned(), setting(json!(false), Some("declarative-policy")));
            if member.id == OWNER && region == "eu-west-1" {
                facts.quotas.insert("ec2".to_owned(), known(vec![applied("L-1216C47A", 1024.0)]));
            }
        }
        big.accounts.insert(member.id.clone(), inside);
    }
    let organization = live(&mut big);
    organization.units = known(vec![sandbox]);
    organization.accounts = known(members);
    for region in ["us-east-1", "eu-west-1", "eu-south-1"] {
        let ec2 = defined(&[("L-1216C47A", 5.0), ("L-34B43A08", 5.0)]);
        big.quota_definitions.insert(region.to_owned(), BTreeMap::from([("ec2".to_owned(), ec2)]));
    }
    let recorded = recorded(&big);
    let rules: Vec<&str> = lines(&recorded).into_iter().skip_while(|line| !line.starts_with("  regions")).collect();
    assert!(rules.len() < 30, "{}", rules.join("\n"));
    for line in [
        "- {allowed: [eu-south-1, eu-west-1, us-east-1], required: [eu-south-1]}",
        "- {where: {ou: /Sandbox}, allowed: [eu-west-1, us-east-1]}",
        r#"- {service: ec2, code: "*", max: default}"#,
        "- {service: ec2, code: L-1216C47A, equals: 640}",
        r#"- {service: ec2, code: L-1216C47A, where: {account: "111111111111", region: eu-west-1}, equals: 1024}"#,
        "- {service: ec2, code: L-1216C47A, where: {ou: /Sandbox}, max: default}",
        "- {ebs_encryption_by_default: true}",
        "- {managed_by: declarative-policy, serial_console_access: false}",
        "- {where: {ou: /Sandbox}, ebs_encryption_by_default: false}",
    ] {
        assert!(rules.iter().any(|rule| rule.trim() == line), "no `{line}` in\n{}", rules.join("\n"));
    }
    assert_eq!(recorded.open, [""; 0]);
    let comparison = compare(&loaded(&recorded), &big);
    assert!(comparison.drifts.is_empty(), "{:#?}", comparison.drifts);
}

#[test]
fn what_no_rule_can_say_is_accepted_by_name_and_bound_to_what_was_found() {
    let mut odd = snapshot();
    let organization = live(&mut odd);
    let mut closed = account("222222222222", "closed", ROOT, "/");
    closed.state = "SUSPENDED".to_owned();
    organization.accounts = known(vec![account(OWNER, "management", ROOT, "/"), closed]);
    organization.handshakes = known(vec![handshake("h-1", "OPEN")]);
    organization.account_requests = known(vec![AccountRequest {
        id: "car-1".to_owned(),
        name: "new".to_owned(),
        state: "IN_PROGRESS".to_owned(),
        account: None,
    }]);
    let mut inside = facts(&[("eu-west-1", "ENABLED_BY_DEFAULT"), ("me-south-1", "ENABLING")]);
    let region = inside.regions.get_mut("eu-west-1").unwrap();
    region.quota_requests = Some(known(vec![request("asked", "L-1", "PENDING", 640.0)]));
    let mut stopped = trail(OWNER, "main", "eu-west-1");
    (stopped.organization, stopped.logging) = (true, known(false));
    region.trails = Some(known(vec![stopped]));
    odd.accounts.insert(OWNER.to_owned(), inside);

    let recorded = recorded(&odd);
    let rules: Vec<&str> = recorded.accepted.iter().map(|line| line.split([' ', ':']).nth(1).unwrap()).collect();
    let all = [
        "audit.trail.stopped",
        "link.account.unexpected",
        "region.in-flight",
        "link.account.suspended",
        "link.handshake.open",
        "quota.request.pending",
    ];
    assert_eq!(rules, all, "worst first: {:?}", recorded.accepted);
    assert_eq!(recorded.open, [""; 0]);
    has(&recorded, r#"- match: {rule: link.account.suspended, account: "222222222222"}"#);
    for line in ["status: SUSPENDED", "status: stopped", "status: ENABLING", "max: 640", r#"expires: "2027-02-19""#] {
        has(&recorded, line);
    }
    for line in &recorded.accepted {
        let begins: String = line.chars().take(40).collect();
        assert!(recorded.baseline.contains(&format!("\n# - {begins}")), "{line}\n{}", recorded.baseline);
    }

    // Beyond the state that was found, it is open again.
    let baseline = loaded(&recorded);
    let requests =
        odd.accounts.get_mut(OWNER).unwrap().regions.get_mut("eu-west-1").unwrap().quota_requests.as_mut().unwrap();
    value(requests)[0].value = 641.0;
    let changes: Vec<_> = compare(&baseline, &odd).drifts.into_iter().map(|drift| (drift, None)).collect();
    let inputs = Inputs { baseline: &baseline, snapshot: &odd, changes: &changes, now: options().now };
    let open: Vec<Rule> = finding::findings(&inputs)
        .iter()
        .filter(|found| found.status == Status::Open)
        .map(|found| found.rule)
        .collect();
    assert_eq!(open, [Rule::QuotaRequestPending]);
}

#[test]
fn a_name_with_wildcards_is_one_policys_where_its_id_stands_beside_it() {
    let mut odd = snapshot();
    let organization = live(&mut odd);
    organization.policy_types = known(BTreeMap::from([("SERVICE_CONTROL_POLICY".to_owned(), "ENABLED".to_owned())]));
    let star = policy("p-ab12cd34", "deny-*", "SERVICE_CONTROL_POLICY", r#"{"Statement":[]}"#, &[ROOT]);
    let nameless = policy("odd", "a?", "SERVICE_CONTROL_POLICY", r#"{"Statement":[]}"#, &[ROOT]);
    organization.policies =
        BTreeMap::from([("SERVICE_CONTROL_POLICY".to_owned(), known(vec![star.clone(), nameless]))]);
    let recorded = recorded(&odd);
    has(
        &recorded,
        r#"- {name: "deny-*", id: p-ab12cd34, type: service_control, document: scp/deny.json, targets: [/]}"#,
    );
    assert_eq!(recorded.unsaid.lines(), ["policy `a?`: its name is a pattern, and its id is none (odd)"]);
    assert_eq!(recorded.accepted.len(), 1, "{:?}", recorded.accepted);

    // It is no pattern: a policy that would fit it is unexpected, and its own document counts.
    let baseline = loaded(&recorded);
    let mut changed = odd.clone();
    let policies = value(live(&mut changed).policies.get_mut("SERVICE_CONTROL_POLICY").unwrap());
    policies[0].document = known(r#"{"Statement":[{}]}"#.to_owned());
    policies.push(crate::estate::Policy { id: "p-99999999".to_owned(), name: "deny-nothing".to_owned(), ..star });
    let found: Vec<String> = compare(&baseline, &changed)
        .drifts
        .iter()
        .map(|drift| format!("{} {}", drift.rule, drift.subject.id))
        .collect();
    assert_eq!(found, ["policy.unexpected odd", "policy.unexpected p-99999999", "policy.changed p-ab12cd34"]);
}

#[test]
fn what_was_not_read_is_named_and_not_declared() {
    let mut half = snapshot();
    let denied = || CoverageStatus::Denied;
    let organization = live(&mut half);
    organization.trusted_services = Observation::unknown(denied(), "AccessDenied\nversion: 2");
    organization.policies =
        BTreeMap::from([("SERVICE_CONTROL_POLICY".to_owned(), Observation::unknown(denied(), "no"))]);
    organization.accounts =
        known(vec![account(OWNER, "management", ROOT, "/"), account("222222222222", "unread", ROOT, "/")]);
    let mut inside = facts(&[("eu-west-1", "ENABLED_BY_DEFAULT")]);
    let region = inside.regions.get_mut("eu-west-1").unwrap();
    region.quotas = BTreeMap::from([("ec2".to_owned(), Observation::unknown(denied(), "no"))]);
    region.settings.insert("serial_console_access".to_owned(), Observation::unknown(denied(), "no"));
    half.accounts.insert(OWNER.to_owned(), inside);
    let recorded = recorded(&half);
    let keys: Vec<&str> = lines(&recorded)
        .into_iter()
        .filter_map(|line| line.strip_prefix("  ")?.split(':').next())
        .filter(|key| !key.starts_with(' '))
        .collect();
    for absent in ["trusted_services", "quotas", "settings", "audit_logs"] {
        assert!(!keys.contains(&absent), "{absent} in\n{}", recorded.baseline);
    }
    let unread = recorded.unread.lines();
    for line in [
        "policies of the type service_control: denied: no",
        "quotas of ec2, setting `serial_console_access`: denied: no (111111111111 in eu-west-1)",
        "section `quota_auto_management`, section `quota_requests`: nothing was read of which it could be made",
        "trails, zone groups: nobody asked for it in that run (111111111111 in eu-west-1)",
        "trusted services: denied: AccessDenied\nversion: 2",
        "what is inside an account: nobody asked for it in that run (222222222222)",
    ] {
        assert!(unread.iter().any(|there| there == line), "no `{line}` in {unread:#?}");
    }
    assert!(
        recorded.baseline.contains("# - trusted services: denied: AccessDenied\\u{a}version: 2\n"),
        "{}",
        recorded.baseline
    );

    half.organization = Observation::unknown(denied(), "no");
    half.accounts.clear();
    let error = record(&half, &options()).unwrap_err();
    assert_eq!(error.to_string(), "nothing was read that a baseline could say: denied: no");
}
