//! The double in a process of its own.
//!
//! In: a size; then on standard input a line for every run that ended. Out: the client's environment, then for each run
//! what was asked and what would have been enough, both by the double's own count. It ends with standard input.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::double::estate::{ChangeRequest, Estate};
use crate::double::limits::Limits;
use crate::double::minimum::{Calls, Known, minimum};
use crate::double::{Options, Server};
use crate::{Mode, SERVICES, Size, from_json, process, to_json};

/// What the double saw of one run.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Seen {
    /// By `service:Operation`.
    pub(crate) made: BTreeMap<String, u64>,
    pub(crate) least: BTreeMap<String, u64>,
    pub(crate) throttled: u64,
    /// Answers that were neither whole nor throttled.
    pub(crate) refused: u64,
    /// The least seconds that the limits allow for the least calls.
    pub(crate) bound: f64,
    pub(crate) cpu: f64,
    pub(crate) peak: f64,
}

/// The codes of answers to a caller that is too fast.
const THROTTLED: [&str; 4] = ["TooManyRequestsException", "ThrottlingException", "Throttling", "RequestLimitExceeded"];

pub(crate) fn serve(size: Size) {
    let estate = estate(size);
    let limits = Limits::published(size.factor);
    let least = |mode| minimum(&estate, if mode == Mode::Full { Known::Nothing } else { Known::QuotasBeforeRequests });
    let (full, since) = (least(Mode::Full), least(Mode::Since));
    let options = Options {
        latency: Duration::from_millis(size.latency_ms),
        limits: Some(size.factor),
        only_count: true,
        ..Options::default()
    };
    let server = Server::start_with(estate, options);
    println!("{}", to_json(&server.env()));
    let mut cpu = process::cpu();
    for line in std::io::stdin().lock().lines() {
        let least = if from_json::<Mode>(&line.expect("a line")) == Mode::Full { &full } else { &since };
        let spent = process::cpu() - cpu;
        cpu += spent;
        println!("{}", to_json(&seen(&server, least, limits.least_seconds(least), spent)));
    }
}

fn seen(server: &Server, least: &Calls, bound: f64, cpu: f64) -> Seen {
    let (mut made, mut throttled, mut refused) = (BTreeMap::new(), 0, 0);
    for ((action, error), count) in server.take_counts() {
        *made.entry(action).or_default() += count;
        match error.as_deref() {
            // The organisation has no delegation policy.
            None | Some("ResourcePolicyNotFoundException") => {}
            Some(code) if THROTTLED.contains(&code) => throttled += count,
            Some(_) => refused += count,
        }
    }
    let mut by_action = BTreeMap::new();
    for ((service, operation, ..), count) in least {
        *by_action.entry(format!("{service}:{operation}")).or_default() += count;
    }
    Seen { made, least: by_action, throttled, refused, bound, cpu, peak: process::peak() }
}

/// Many accounts in many regions, and in every fiftieth account a request that was answered just now.
fn estate(size: Size) -> Estate {
    let mut estate = Estate::generate_services(size.accounts, size.regions, &SERVICES);
    let ids: Vec<String> = estate.accounts.keys().skip(10).step_by(50).cloned().collect();
    let home = estate.global_region.clone();
    for id in ids {
        let now = Timestamp::now();
        let made = (now - SignedDuration::from_hours(30)).to_string();
        let request = ChangeRequest {
            status: "APPROVED".to_owned(),
            updated: Some(now),
            ..ChangeRequest::new(&format!("request-{id}"), "service00", "L-00000001", 20.0, &made)
        };
        estate.account_mut(&id).request(&home, request);
    }
    estate
}
