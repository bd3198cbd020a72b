//! Which logs to ask for what, and what they answered.
//!
//! In: drift, then the answers of the logs. Out: the fewest questions that can find an author, then events by name, each
//! once, with the windows that were read and the gaps in them. It never drops a record without counting it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::catalogue::Catalogue;
use super::event::{Event, Rejected};
use crate::compare::{Drift, LoggedIn};
use crate::estate::{CoverageRow, CoverageStatus, Provider, Scope};
use crate::provider::{LookupAnswer, LookupRequest};

/// How long an account's own event history keeps events:
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/view-cloudtrail-events.html>
pub const HISTORY: SignedDuration = SignedDuration::from_hours(90 * 24);

/// The questions that can find the authors of these differences: one for each log and event name, from `lookback` (at
/// most [`HISTORY`]) before `now` until `now`. Nothing is asked where nothing drifted.
#[must_use]
pub fn lookups(drifts: &[Drift], now: Timestamp, lookback: SignedDuration) -> Vec<LookupRequest> {
    let start = now.saturating_sub(lookback.clamp(SignedDuration::ZERO, HISTORY)).unwrap_or(Timestamp::MIN);
    let asked: BTreeSet<(&LoggedIn, &str)> = drifts
        .iter()
        .flat_map(|drift| Catalogue::shipped().names(drift).into_iter().map(move |name| (drift, name)))
        .flat_map(|(drift, name)| drift.logged_in.iter().map(move |log| (log, name)))
        .collect();
    asked
        .into_iter()
        .map(|(log, name)| LookupRequest {
            account: log.account.clone(),
            region: log.region.clone(),
            event_name: name.to_owned(),
            start,
            end: now,
        })
        .collect()
}

/// What the logs answered.
#[derive(Clone, Debug, Default)]
pub struct Log {
    events: BTreeMap<String, Vec<Event>>,
    windows: BTreeMap<(LoggedIn, String), Window>,
    /// How many different records there are.
    pub records: usize,
    /// How many were there more than once, and were counted once.
    pub duplicates: usize,
    /// Records that cannot be used, and why. Each is a gap in its log.
    pub rejected: Vec<Rejected>,
    /// The logs that hold such records, as rows of the coverage.
    pub unusable: Vec<CoverageRow>,
}

/// What makes two records copies of one: id, source, name and account.
type Identity = (String, String, String, Option<String>);

#[derive(Clone, Debug)]
struct Window {
    start: Timestamp,
    end: Timestamp,
    gaps: Vec<String>,
}

/// What was read of the logs that can explain one difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Read {
    /// The latest start and the earliest end of all of them: between these, every log was asked.
    pub(super) window: Option<(Timestamp, Timestamp)>,
    /// What could not be read, in words; empty if all was.
    pub(super) gaps: Vec<String>,
}

impl Log {
    /// Normalises the records of all answers. Copies of one record count once, whichever comes first.
    #[must_use]
    pub fn read(answers: &[LookupAnswer]) -> Self {
        let mut log = Self::default();
        let mut unique: BTreeMap<Identity, Vec<(Event, &Value)>> = BTreeMap::new();
        for answer in answers {
            let mut unusable = Vec::new();
            for record in &answer.records {
                match Event::read(record) {
                    Ok(mut event) => {
                        event.account.get_or_insert_with(|| answer.request.account.clone());
                        event.region = event.region.or_else(|| answer.request.region.clone());
                        let key = (event.id.clone(), event.source.clone(), event.name.clone(), event.account.clone());
                        log.duplicates += usize::from(join(unique.entry(key).or_default(), event, record));
                    }
                    Err(rejected) => unusable.push(rejected),
                }
            }
            log.note(answer, &unusable);
            log.rejected.extend(unusable);
        }
        log.rejected.sort();
        for mut copies in unique.into_values() {
            log.records += copies.len();
            // One sort for records that say different things under one id: which comes first must not hang on their order.
            copies.sort_by_cached_key(|(_, record)| record.to_string());
            let contested = copies.len() > 1;
            for (mut event, _) in copies {
                event.contested = contested;
                log.events.entry(event.name.clone()).or_default().push(event);
            }
        }
        for events in log.events.values_mut() {
            events.sort_by(|a, b| (b.time, &b.id).cmp(&(a.time, &a.id)));
        }
        log
    }

    /// Every event, by name, newest first.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.events.values().flatten()
    }

    /// The events of this name that stand in a log where the difference would be recorded.
    pub(super) fn of<'a>(&'a self, name: &str, drift: &'a Drift) -> impl Iterator<Item = &'a Event> {
        let here = |event: &Event, log: &LoggedIn| {
            event.account.as_ref() == Some(&log.account)
                && log.region.as_ref().is_none_or(|region| event.region.as_ref() == Some(region))
        };
        let named = self.events.get(name).into_iter().flatten();
        named.filter(move |event| drift.logged_in.iter().any(|log| here(event, log)))
    }

    /// What was read of the logs that can explain this difference.
    pub(super) fn covers(&self, drift: &Drift, names: &BTreeSet<&str>) -> Read {
        let mut read = Read { window: None, gaps: Vec::new() };
        for log in &drift.logged_in {
            for name in names {
                let Some(window) = self.windows.get(&(log.clone(), (*name).to_owned())) else {
                    read.gaps.push(format!("{} was not asked for `{name}`", place(log)));
                    continue;
                };
                read.gaps.extend(window.gaps.iter().cloned());
                let (start, end) = read.window.unwrap_or((window.start, window.end));
                read.window = Some((start.max(window.start), end.min(window.end)));
            }
        }
        read.gaps.sort();
        read.gaps.dedup();
        read
    }

    fn note(&mut self, answer: &LookupAnswer, unusable: &[Rejected]) {
        let request = &answer.request;
        let log = LoggedIn { account: request.account.clone(), region: request.region.clone() };
        let mut gaps = Vec::new();
        if let Some(gap) = &answer.gap {
            gaps.push(format!("{} could not be read: {}, {}", place(&log), gap.status.as_str(), gap.reason));
        }
        if let Some(first) = unusable.iter().min() {
            let count = unusable.len();
            let source = format!("cloudtrail:LookupEvents {}", request.event_name);
            let reason = match count {
                1 => format!("a record that cannot be used: {first}"),
                _ => format!("{count} records that cannot be used, the first: {first}"),
            };
            gaps.push(format!("{} holds {reason} (`{}`)", place(&log), request.event_name));
            self.unusable.push(unusable_row(&log, source, reason));
        }
        let window = Window { start: request.start, end: request.end, gaps };
        self.windows
            .entry((log, request.event_name.clone()))
            .and_modify(|held| {
                held.start = held.start.min(window.start);
                held.end = held.end.max(window.end);
                held.gaps.extend(window.gaps.iter().cloned());
            })
            .or_insert(window);
    }
}

/// Adds a record to those with the same id; true where one of the two is left out. Of two copies the corrected one stands;
/// between copies that say the same any choice does that does not hang on their order. Records that say different things
/// both stand: which of them is true nobody knows.
fn join<'a>(copies: &mut Vec<(Event, &'a Value)>, event: Event, record: &'a Value) -> bool {
    let corrected = copies.iter().any(|(held, _)| held.amended);
    if corrected && !event.amended {
        return true;
    }
    if event.amended && !corrected {
        let replaced = !copies.is_empty();
        *copies = vec![(event, record)];
        return replaced;
    }
    match copies.iter_mut().find(|(held, _)| say_the_same(held, &event)) {
        None => copies.push((event, record)),
        Some(held) => {
            let (new, old) = (record.to_string(), held.1.to_string());
            if new > old {
                *held = (event, record);
            }
            return true;
        }
    }
    false
}

/// Whether two records with one id tell of the same change by the same principal.
fn say_the_same(one: &Event, other: &Event) -> bool {
    (one.time, &one.error, &one.identity) == (other.time, &other.error, &other.identity)
        && (&one.request, &one.response, &one.details) == (&other.request, &other.response, &other.details)
}

fn unusable_row(log: &LoggedIn, source: String, reason: String) -> CoverageRow {
    let account = Scope::account(Provider::Aws, &log.account);
    let scope = Scope { region: log.region.clone(), ..account };
    CoverageRow::new(scope, source, CoverageStatus::Failed, Some(reason))
}

fn place(log: &LoggedIn) -> String {
    let region = log.region.as_deref().unwrap_or("the home region");
    format!(
        "the log of `{}` in {}",
        log.account,
        if log.region.is_some() { format!("`{region}`") } else { region.to_owned() }
    )
}
