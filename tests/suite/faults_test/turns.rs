//! An estate that changes while it is scanned: at every call in turn, every sort of change.
//!
//! Whatever the moment, a finding must be one of the estate before or of the estate after; one that both have is only missing
//! where something is said to be unread; and nothing is in line that is not so before or after.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use futures::stream::{self, StreamExt};
use guardline::baseline::Baseline;
use jiff::Timestamp;
use serde_json::Value;

use super::estate::{self, MANAGEMENT, PAYMENTS};
use super::plan::Dice;
use super::scans::{Scanned, scanned};
use super::{AT_ONCE, LONGEST, QUICK, THREADS, number, runtime, second};

/// Runs where nobody asks for more or for fewer: estates, in shares.
const USUAL: u64 = 2000;
use crate::double::Server;
use crate::double::estate::{CreateAccountStatus, Estate};
use crate::runner::list;

/// A change with its name.
type Turn = (&'static str, fn(&mut Estate));

const TURNS: [Turn; 30] = [
    ("an account leaves", |estate| {
        estate.account_mut(PAYMENTS).parent = None;
        estate.organization_mut().delegated.clear();
        unhang(estate, PAYMENTS);
    }),
    ("an account joins", |estate| {
        estate.add_account("101010101010", "rogue", "/Workloads");
    }),
    ("an account takes another's place", |estate| {
        estate.account_mut(PAYMENTS).parent = None;
        unhang(estate, PAYMENTS);
        estate.add_account("101010101010", "rogue", "/Workloads");
    }),
    ("an account is moved down the list", |estate| estate.move_account(PAYMENTS, "/Sandbox")),
    ("an account is moved up the list", |estate| estate.move_account(PAYMENTS, "/")),
    ("an account is closed", |estate| "SUSPENDED".clone_into(&mut estate.account_mut(PAYMENTS).state)),
    ("an account that is being made is there", |estate| {
        estate.organization_mut().create_account_statuses.clear();
        estate.add_account("101010101010", "data-lake", "/Workloads");
    }),
    ("a unit is made", |estate| estate.add_unit("ou-ab12-newunit1", "/New")),
    ("a unit is renamed", |estate| "Work".clone_into(&mut unit(estate, "ou-ab12-c3d4e5f6").name)),
    ("an empty unit is deleted", |estate| {
        let id = estate.unit_id("/Workloads/Empty");
        estate.organization_mut().units.remove(&id);
        unhang(estate, &id);
    }),
    ("a unit with an account in it hangs elsewhere", |estate| {
        let above = estate.unit_id("/Sandbox");
        unit(estate, "ou-ab12-c3d4e5f6").parent = above;
    }),
    ("an empty unit hangs higher", |estate| {
        let root = estate.unit_id("/");
        unit(estate, "ou-ab12-empty001").parent = root;
    }),
    ("an empty unit hangs beside", |estate| {
        let above = estate.unit_id("/Sandbox");
        unit(estate, "ou-ab12-empty001").parent = above;
    }),
    ("a unit hangs lower", |estate| {
        let above = estate.unit_id("/Workloads");
        unit(estate, "ou-ab12-sandbox1").parent = above;
    }),
    ("a policy says something else", |estate| {
        estate.policy_mut("deny-leave").content = crate::double::estate::full_access(false).to_string();
    }),
    ("a policy is renamed", |estate| "renamed".clone_into(&mut estate.policy_mut("deny-leave").name)),
    ("a policy is detached", |estate| estate.policy_mut("deny-leave").targets.clear()),
    ("a policy is taken off the first of its targets", |estate| {
        drop(estate.policy_mut("deny-leave").targets.pop_first());
    }),
    ("the first of the policies is deleted", |estate| drop(estate.organization_mut().policies.remove("p-aa00first1"))),
    ("a service is not trusted any more", |estate| {
        drop(estate.organization_mut().trusted_services.pop_first());
    }),
    ("a policy is deleted", |estate| drop(estate.organization_mut().policies.remove("p-ef56ab78"))),
    ("a policy is made and attached", |estate| {
        let document = crate::double::estate::full_access(false);
        estate.add_policy("p-new00001", "new", "SERVICE_CONTROL_POLICY", &document, &["/Workloads"]);
    }),
    ("a policy type is switched off", |estate| switch_off(estate, "DECLARATIVE_POLICY_EC2")),
    ("the control policies are switched off", |estate| switch_off(estate, "SERVICE_CONTROL_POLICY")),
    ("a region is switched on", |estate| estate.account_mut(PAYMENTS).set_region("eu-south-1", "ENABLED")),
    ("a region is switched off", |estate| estate.account_mut(MANAGEMENT).set_region("eu-south-1", "DISABLED")),
    ("a trail is deleted", |estate| estate.account_mut(MANAGEMENT).trails.clear()),
    ("a trail is stopped", |estate| estate.account_mut(MANAGEMENT).trail("org-trail").logging = false),
    ("an event store is deleted", |estate| estate.account_mut(MANAGEMENT).event_data_stores.clear()),
    ("a delegation ends", |estate| estate.organization_mut().delegated.clear()),
];

/// One run for each so many under faults.
const SHARE: u64 = 8;

/// Changes that are no differences: no rule asks for the region, and of a store that is not there nothing is said.
const UNSAID: [&str; 2] = ["a region is switched off", "an event store is deleted"];

fn unit<'a>(estate: &'a mut Estate, id: &str) -> &'a mut crate::double::estate::Unit {
    estate.organization_mut().units.get_mut(id).expect("a unit of the estate")
}

fn unhang(estate: &mut Estate, id: &str) {
    for policy in estate.organization_mut().policies.values_mut() {
        policy.targets.remove(id);
    }
}

/// Switching a type off detaches its policies.
fn switch_off(estate: &mut Estate, name: &str) {
    let organization = estate.organization_mut();
    organization.root.policy_types.remove(name);
    for policy in organization.policies.values_mut().filter(|policy| policy.policy_type == name) {
        policy.targets.clear();
    }
}

/// An estate in line with its baseline, but for an account that is being made; a page holds two rows.
fn before(clock: Timestamp) -> Estate {
    let mut estate = estate::in_line();
    estate.account_mut(MANAGEMENT).set_region("eu-south-1", "ENABLED");
    estate.organization_mut().create_account_statuses.push(CreateAccountStatus {
        id: "car-pending00001".to_owned(),
        account_name: "data-lake".to_owned(),
        state: "IN_PROGRESS".to_owned(),
        requested: clock,
        completed: None,
        account_id: Some("101010101010".to_owned()),
        failure_reason: None,
    });
    for id in ["p-aa00first1", "p-zz00last01"] {
        let name = if id.contains("first") { "deny-first" } else { "deny-last" };
        estate.add_policy(id, name, "SERVICE_CONTROL_POLICY", &crate::double::estate::full_access(false), &["/"]);
    }
    let above = estate.unit_id("/Workloads");
    unit(&mut estate, "ou-ab12-empty001").parent = above;
    let more = ["/Workloads", "/Sandbox", "/Workloads/Empty"].map(|path| estate.unit_id(path));
    estate.policy_mut("deny-leave").targets.extend(more);
    estate.paging.cap = Some(2);
    estate
}

/// The baseline of such an estate.
fn declared() -> Baseline {
    let leave = r#"Resource: "*"}]}, targets: [/]}"#;
    let more = r#"Resource: "*"}]}, targets: [/, /Workloads, /Sandbox, /Workloads/Empty]}
    - {name: deny-first, type: service_control, targets: [/]}
    - {name: deny-last, type: service_control, targets: [/]}"#;
    estate::declared_with(&[("- {path: /Empty}", "- {path: /Workloads/Empty}"), (leave, more)])
}

/// What a scan says that is there: each finding with what was found, whoever made it.
fn said(scan: &Scanned) -> BTreeMap<String, String> {
    let report = &scan.said.as_ref().expect("a report").report;
    let findings = list(&report["findings"]).iter();
    findings.map(|finding| (format!("{} {}", finding["id"], finding["actual"]), line(finding))).collect()
}

fn line(finding: &Value) -> String {
    format!("{} {} {} -> {}", finding["rule"], finding["subject"]["id"], finding["expected"], finding["actual"])
}

/// What is wrong with a scan during which the estate changed.
fn wrong(before: &Scanned, after: &Scanned, between: &Scanned) -> Vec<String> {
    let Some(here) = &between.said else { return vec!["no report".to_owned()] };
    let (was, is, found) = (said(before), said(after), said(between));
    let complete = here.report["summary"]["coverage"]["complete"] == true;
    let is_another = |row: &Value| row["reason"].as_str().is_some_and(|why| why.ends_with("asked in another way"));
    let another_way = list(&here.report["coverage"]).iter().any(is_another);
    let mut wrong = Vec::new();
    for (_, line) in found.iter().filter(|(id, _)| !was.contains_key(*id) && !is.contains_key(*id)) {
        wrong.push(format!("neither before nor after: {line}"));
    }
    for (id, line) in was.iter().filter(|(id, _)| is.contains_key(*id)) {
        // That an exemption is of no use is only said where everything was read at the first try.
        let of_no_use = another_way && line.starts_with("\"exemption.unused\"");
        if !found.contains_key(id) && complete && !of_no_use {
            wrong.push(format!("before and after, and not between: {line}"));
        }
    }
    let in_line = |scan: &Scanned| scan.said.as_ref().is_some_and(|said| said.report["summary"]["in_line"] == true);
    if in_line(between) && !in_line(before) && !in_line(after) {
        wrong.push("in line, and neither before nor after is".to_owned());
    }
    wrong
}

struct Stage {
    clock: Timestamp,
    baseline: Baseline,
    estate: Estate,
    before: Scanned,
    after: Vec<Scanned>,
}

impl Stage {
    fn new(clock: Timestamp) -> Self {
        let (baseline, estate) = (declared(), before(clock));
        let scan = |estate: Estate| {
            let server = Server::start(estate);
            runtime().block_on(scanned(&server, &baseline, clock))
        };
        let before = scan(estate.clone());
        let after = TURNS.iter().map(|(_, turn)| {
            let mut estate = estate.clone();
            turn(&mut estate);
            scan(estate)
        });
        let after = after.collect();
        Self { clock, estate, before, after, baseline }
    }

    /// Every change after every call.
    fn moments(&self) -> Vec<(usize, u64)> {
        let calls = self.before.calls.len() as u64;
        (0..TURNS.len()).flat_map(|turn| (1..=calls).map(move |call| (turn, call))).collect()
    }

    async fn play(&self, (turn, call): (usize, u64)) -> Option<String> {
        let _turn = QUICK.acquire().await;
        let server = Server::start(self.estate.clone());
        server.after("*", "", call, TURNS[turn].1);
        let run = AssertUnwindSafe(scanned(&server, &self.baseline, self.clock)).catch_unwind();
        let wrong = match tokio::time::timeout(LONGEST, run).await {
            Ok(Ok(between)) => wrong(&self.before, &self.after[turn], &between),
            Ok(Err(_)) => vec!["it panicked".to_owned()],
            Err(_) => vec![format!("it took more than {LONGEST:?}")],
        };
        let calls = server.calls();
        let at = calls.get(usize::try_from(call).unwrap_or_default().saturating_sub(1));
        let at = at.map(|call| format!("{} {}", call.action(), call.input)).unwrap_or_default();
        (!wrong.is_empty()).then(|| format!("{} after call {call}, {at}\n    {}", TURNS[turn].0, wrong.join("\n    ")))
    }

    fn play_all(&self, moments: &[(usize, u64)]) -> Vec<String> {
        let share = |thread: usize| {
            let runs = moments.iter().skip(thread).step_by(THREADS).map(|moment| self.play(*moment));
            let runs = stream::iter(runs).buffer_unordered(AT_ONCE).filter_map(std::future::ready);
            runtime().block_on(runs.collect::<Vec<String>>())
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || share(thread))).collect();
            threads.into_iter().flat_map(|thread| thread.join().expect("panics are caught")).collect()
        })
    }
}

#[test]
fn an_estate_that_changes_meanwhile_is_as_before_or_as_after() {
    let (runs, seed) = (number("GUARDLINE_FAULT_RUNS", USUAL) / SHARE, number("GUARDLINE_FAULT_SEED", 1));
    let stage = Stage::new(second(Timestamp::now()));
    // A change that changes nothing that is said tests nothing.
    for ((name, _), after) in TURNS.iter().zip(&stage.after) {
        let (was, is): (BTreeSet<_>, BTreeSet<_>) =
            (said(&stage.before).into_keys().collect(), said(after).into_keys().collect());
        assert!(was != is || UNSAID.contains(name), "{name}");
    }
    let (mut moments, mut dice) = (stage.moments(), Dice(seed));
    let all = moments.len();
    while moments.len() as u64 > runs.max(1) {
        moments.swap_remove(dice.below(moments.len()));
    }
    let wrong = stage.play_all(&moments);
    let count = moments.len();
    let seeds = format!("GUARDLINE_FAULT_SEED={seed} GUARDLINE_FAULT_RUNS={}", runs * SHARE);
    println!("{count} of {all} moments");
    assert!(wrong.is_empty(), "{} of {count} runs ({seeds}):\n{}", wrong.len(), wrong.join("\n"));
}

/// The moments at which a list of several pages shifts, or the tree does while it is walked: each was once taken for a
/// difference.
#[test]
fn what_shifts_between_two_pages_is_not_taken_for_missing() {
    let stage = Stage::new(second(Timestamp::now()));
    for (name, operation, input) in [
        ("a policy is taken off the first of its targets", "organizations:ListTargetsForPolicy", "p-ef56ab78"),
        ("the first of the policies is deleted", "organizations:ListPolicies", "SERVICE_CONTROL_POLICY"),
        ("a service is not trusted any more", "organizations:ListAWSServiceAccessForOrganization", ""),
        ("an empty unit hangs higher", "organizations:ListOrganizationalUnitsForParent", "r-ab12"),
        ("an empty unit hangs beside", "organizations:ListOrganizationalUnitsForParent", "ou-ab12-sandbox1"),
        ("a unit hangs lower", "organizations:ListOrganizationalUnitsForParent", "ou-ab12-c3d4e5f6"),
    ] {
        let (n, (_, turn)) =
            TURNS.iter().enumerate().find(|(_, (turn, _))| *turn == name).expect("a turn of that name");
        let server = Server::start(stage.estate.clone());
        server.after(operation, input, 1, *turn);
        let between = runtime().block_on(scanned(&server, &stage.baseline, stage.clock));
        assert_eq!(server.waiting(), 0, "{name}: it came to pass");
        assert_eq!(wrong(&stage.before, &stage.after[n], &between), Vec::<String>::new(), "{name}");
    }
}
