//! The pace of a scan, as the provider sees it: calls a second, calls at once, connections.

use std::time::Duration;

use crate::double::estate::{ChangeRequest, Estate};
use crate::double::minimum::{Known, minimum};
use crate::double::{Options, Server};
use crate::runner::Project;

/// Enough to read, and no more than a slow pace gets through in a few seconds.
const BASELINE: &str = r#"
version: 1
estate: small
aws:
  access: {member_role: GuardlineRead}
  settings: [{serial_console_access: false}]
"#;

/// A scan of a small organisation whose every answer waits for a moment.
fn scan(arguments: &[&str]) -> Server {
    let latency = Duration::from_millis(20);
    let server = Server::start_with(Estate::generate(5, 3, 3), Options { latency, ..Options::default() });
    let run = Project::new(BASELINE).scan(&server, &[&["--strict", "--fail-on", "critical"], arguments].concat());
    assert_eq!(run.code, 0, "{}", run.stderr);
    server
}

#[test]
fn no_more_calls_a_second_are_made_than_max_rps_allows() {
    // Unbounded, there is something to bound.
    let free = scan(&[]);
    assert!(free.max_rate_overall("*") > 20, "{}", free.max_rate_overall("*"));
    let paced = scan(&["--max-rps", "10"]);
    assert_eq!(paced.calls().len(), free.calls().len());
    // Calls leave one at a time, a tenth of a second apart. On a busy machine some arrive a moment late, beside the next.
    assert!(paced.max_rate_overall("*") <= 13, "{}", paced.max_rate_overall("*"));
    let times: Vec<_> = paced.calls().iter().map(|call| call.at).collect();
    let took = times.iter().max().zip(times.iter().min()).map(|(last, first)| last.duration_since(*first));
    let least = Duration::from_millis(100) * u32::try_from(times.len() - 1).unwrap_or(u32::MAX);
    assert!(took.is_some_and(|took| took + Duration::from_millis(100) >= least), "{took:?} for {} calls", times.len());
}

#[test]
fn no_more_calls_are_in_flight_than_concurrency_allows() {
    let free = scan(&[]);
    assert!(free.most_at_once() > 3, "{}", free.most_at_once());
    for most in [1, 3] {
        let server = scan(&["--concurrency", &most.to_string()]);
        assert_eq!(server.most_at_once(), most);
        assert_eq!(server.calls().len(), free.calls().len());
    }
}

#[test]
fn all_accounts_share_the_connections_of_one_client() {
    for most in [1, 4] {
        let server = scan(&["--concurrency", &most.to_string()]);
        let callers: std::collections::BTreeSet<_> = server.calls().into_iter().map(|call| call.account).collect();
        assert_eq!(callers.len(), 5);
        // A connection that is not back in the pool in time makes one more; a client for each account would make one for
        // each, whatever the concurrency.
        assert!(server.connections() < callers.len() + most - 1, "{} for {most} at once", server.connections());
    }
}

/// Twelve accounts with the quotas of two services, and a baseline that needs all of them.
const QUOTAS: &str = r#"
version: 1
estate: small
aws:
  access: {member_role: GuardlineRead}
  quotas:
    - {service: service00, code: "*", max: default}
    - {service: service01, code: "*", max: default}
"#;

fn estate() -> Estate {
    Estate::generate_services(12, 3, &[150, 20])
}

#[test]
fn no_more_calls_are_made_than_the_least() {
    let server = Server::start(estate());
    let project = Project::new(QUOTAS);
    let made = |known: Known, arguments: &[&str]| {
        server.forget();
        let run = project.scan(&server, &[&["--strict", "--fail-on", "critical"], arguments].concat());
        assert_eq!(run.code, 0, "{}", run.stderr);
        let mut made = std::collections::BTreeMap::new();
        for call in server.calls() {
            *made.entry((call.service, call.operation, call.account, call.region)).or_default() += 1;
        }
        assert_eq!(made, minimum(&server.estate(), known));
        made.values().sum::<u64>()
    };
    let full = made(Known::Nothing, &["--snapshot", "last.json"]);
    let now = jiff::Timestamp::now();
    let request = ChangeRequest {
        status: "APPROVED".to_owned(),
        updated: Some(now),
        ..ChangeRequest::new("one", "service00", "L-00000001", 20.0, &now.to_string())
    };
    server.estate().account_mut("200000000003").request("us-east-2", request);
    let since = made(Known::QuotasBeforeRequests, &["--since-snapshot", "last.json"]);
    assert!(since < full, "{since} of {full}");
}

#[test]
fn an_account_is_read_before_the_regions_of_all_are_known() {
    let server = Server::start_with(estate(), Options { limits: Some(1.0), ..Options::default() });
    let run = Project::new(QUOTAS).scan(&server, &["--strict", "--fail-on", "critical"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let times = |action: &str| server.calls_of(action).iter().map(|call| call.at).collect::<Vec<_>>();
    let (regions, quotas) = (times("account:ListRegions"), times("servicequotas:ListServiceQuotas"));
    assert_eq!(regions.len(), 12);
    assert!(quotas.iter().min() < regions.iter().max(), "quotas waited for the regions of all accounts");
    let throttled =
        server.calls().iter().filter(|call| call.error.as_deref() == Some("TooManyRequestsException")).count();
    assert_eq!(throttled, 0);
}
