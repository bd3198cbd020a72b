//! The permissions that the README names are those that a scan needs: no fewer, and none too many.

#![allow(clippy::expect_used, reason = "a test that cannot go on says why")]

use std::thread;

use serde_json::Value;
use wildmatch::WildMatch;

use crate::double::estate::Estate;
use crate::double::faults::{Effect, Fault};
use crate::double::{Server, operations};
use crate::runner::{Project, Run, list};

const MANAGEMENT: &str = "111111111111";
const DELEGATE: &str = "333333333333";

/// What the README's second step names in backticks: of the identity that reads the organisation, and inside an account.
struct Named {
    organization: Vec<String>,
    account: Vec<String>,
}

impl Named {
    fn in_readme() -> Self {
        let text = include_str!("../../README.md");
        let step = text.split("\n2. ").nth(1).and_then(|rest| rest.split("\n3. ").next()).expect("a second step");
        let (organization, account) = step.split_once("Inside an account").expect("what is read inside an account");
        Self { organization: actions(organization), account: actions(account) }
    }

    fn all(&self) -> Vec<String> {
        [&self.organization[..], &self.account[..]].concat()
    }

    fn without(&self, action: &str) -> Self {
        let rest = |actions: &[String]| actions.iter().filter(|one| *one != action).cloned().collect();
        Self { organization: rest(&self.organization), account: rest(&self.account) }
    }
}

/// `service:Action` in backticks.
fn actions(text: &str) -> Vec<String> {
    let words = text.split('`').skip(1).step_by(2).map(str::trim);
    let action = |word: &&str| {
        word.split_once(':').is_some_and(|(service, action)| {
            service.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
                && action.starts_with(|c: char| c.is_ascii_uppercase())
        })
    };
    words.filter(action).map(str::to_owned).collect()
}

/// Every operation that the double knows and these do not allow. Who one is needs no permission:
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>
fn denied(allowed: &[String]) -> Vec<String> {
    let free = |operation: &String| operation != "sts:GetCallerIdentity";
    let allows = |operation: &String| allowed.iter().any(|action| WildMatch::new(action).matches(operation));
    operations().into_iter().filter(|operation| free(operation) && !allows(operation)).collect()
}

/// The sample, with a difference whose author is sought.
fn estate() -> Estate {
    let mut estate = Estate::sample();
    estate.account_mut(MANAGEMENT).role("GuardlineRead");
    estate.account_mut("222222222222").quota("us-east-1", "ec2", "L-1216C47A").applied = Some(640.0);
    estate
}

/// The baseline of the sample, and the sections that it leaves out.
fn project() -> Project {
    Project::acme_with(&[
        ("  quota_requests: none\n", "  quota_requests: none\n  quota_template: []\n"),
        ("eu-west-1, us-east-1, us-west-2]}", "eu-west-1, us-east-1, us-west-2], zone_groups: []}"),
        ("  audit_logs:\n", "  audit_logs:\n    retention_days: 365\n"),
    ])
}

/// A scan as an identity of `caller` that may do what is named, and with roles elsewhere that may.
fn scan(caller: &str, named: &Named) -> (Server, Run) {
    let mut estate = estate();
    let inside = denied(&named.account);
    for account in estate.accounts.values_mut() {
        account.role("GuardlineRead").denies.clone_from(&inside);
    }
    let server = Server::start(estate);
    let own = denied(&named.all());
    server.faults(own.iter().map(|operation| Fault::on(operation, Effect::Denied).account(caller)).collect());
    let run = project().run(&["scan", "--format", "json"], &server.env_as(caller));
    (server, run)
}

/// A scan of the same as one who may do everything.
fn free(caller: &str) -> Run {
    let server = Server::start(estate());
    project().run(&["scan", "--format", "json"], &server.env_as(caller))
}

/// What was read and what was not, and what was found.
fn said(run: &Run) -> (Vec<String>, Vec<String>) {
    let report = run.report();
    let row = |row: &Value| format!("{} {} {} {}", row["scope"], row["source"], row["status"], row["reason"]);
    let finding = |one: &Value| format!("{} {} {}", one["id"], one["actual"], one["attribution"]["outcome"]);
    (list(&report["coverage"]).iter().map(row).collect(), list(&report["findings"]).iter().map(finding).collect())
}

#[test]
fn the_permissions_that_are_named_are_enough() {
    let named = Named::in_readme();
    assert!(named.organization.len() >= 3 && named.account.len() >= 6, "the list was not found");
    thread::scope(|scope| {
        for caller in [MANAGEMENT, DELEGATE] {
            let (named, whole) = (&named, scope.spawn(move || said(&free(caller))));
            scope.spawn(move || {
                let (server, run) = scan(caller, named);
                let (here, free) = (said(&run), whole.join().expect("a scan"));
                let differ: Vec<_> = here.0.iter().filter(|row| !free.0.contains(row)).collect();
                assert!(differ.is_empty(), "as {caller}: {differ:?}");
                assert_eq!(here, free, "as {caller}");
                assert!(server.unexpected().is_empty(), "{:?}", server.unexpected());
                let all = named.all();
                let unused: Vec<_> = all.iter().filter(|action| server.calls_of(action).is_empty()).collect();
                assert!(unused.is_empty(), "named and never used: {unused:?}");
            });
        }
    });
}

#[test]
fn each_permission_that_is_named_is_needed() {
    let named = Named::in_readme();
    let whole = said(&free(MANAGEMENT)).0;
    thread::scope(|scope| {
        for action in named.all() {
            let (named, whole) = (&named, &whole);
            scope.spawn(move || {
                let (_, run) = scan(MANAGEMENT, &named.without(&action));
                let rows = said(&run).0;
                let lost: Vec<_> = rows.iter().filter(|row| !whole.contains(row)).collect();
                assert!(
                    lost.iter().any(|row| row.contains("denied") || row.contains("AccessDenied")),
                    "{action}: {lost:?}"
                );
            });
        }
    });
}
