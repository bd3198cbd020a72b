//! Who made a difference, as far as it is proven.
//!
//! In: differences, what the logs answered, and the snapshot (the history of quota requests is a second witness). Out: one
//! [`Attribution`] for each difference. It never guesses: see [`attribute`] for what it takes to name somebody.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::attribution::{Attribution, Confidence, EventRecord, Outcome, Principal, PrincipalKind};
use super::catalogue::{Catalogue, Entry, Named, Stage};
use super::event::Event;
use super::log::{Log, Read};
use super::matching::{self, Effect, Fit, Keys};
use super::requests::{Requests, is_after};
use crate::compare::{Aspect, Drift};
use crate::estate::{Kind, QuotaRequest, Snapshot};

/// How long the records of a log may take to arrive; those of one moment need not arrive together. AWS names five minutes on
/// average and guarantees none, and named fifteen before:
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/get-and-view-cloudtrail-log-files.html>
const ARRIVAL: SignedDuration = SignedDuration::from_mins(15);

/// No run takes longer: what a record says was made still later was not.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);

/// Says of every difference, in their order, who made it.
///
/// - *attributed*: the last successful event that names the subject has exactly the present effect. Confidence is high
///   only if every log that could know of a later one was read whole and had time to fill, and nothing contradicts it.
/// - *ambiguous*: events name the subject or may be about it, but their effect is hidden, is another, is followed by
///   another, or cannot be put in order; or two sources name different people. All candidates are listed.
/// - *automatic*: the provider changed it by itself.
/// - *outside-window*: the state says by itself that it changed before the window.
/// - *blind*: nothing was found, and not everything could be read.
/// - *not-found*: nothing was found in logs that were read whole.
///
/// Neither the order of the records nor copies of them change the answer.
#[must_use]
pub fn attribute(drifts: &[Drift], log: &Log, snapshot: &Snapshot) -> Vec<Attribution> {
    drifts.iter().map(|drift| Case::new(drift, log, snapshot).judge()).collect()
}

/// Everything that bears on one difference.
struct Case<'a> {
    drift: &'a Drift,
    names: BTreeSet<&'a str>,
    read: Read,
    /// Successful calls that name the subject or may, newest first.
    candidates: Vec<Candidate<'a>>,
    /// What the provider reports without saying who asked for it, newest first.
    reports: Vec<Candidate<'a>>,
    /// Calls on the subject that did not succeed, newest first.
    attempts: Vec<&'a Event>,
    requests: Requests<'a>,
    changed_at: Option<Timestamp>,
    /// The state ordinarily says since when it is so, and here does not.
    is_undated: bool,
}

#[derive(Clone)]
struct Candidate<'a> {
    entry: &'a Entry,
    event: &'a Event,
    named: Vec<Named<'a>>,
    fit: Fit,
    effect: Effect,
    /// What the provider reported to have come of it.
    settled: Option<(&'a Entry, &'a Event)>,
    refused: bool,
}

impl<'a> Case<'a> {
    fn new(drift: &'a Drift, log: &'a Log, snapshot: &'a Snapshot) -> Self {
        let entries = Catalogue::shipped().concerning(drift);
        let names: BTreeSet<&str> = entries.iter().map(|entry| entry.name()).collect();
        let changed = changed_at(drift, snapshot);
        let mut case = Self {
            drift,
            read: log.covers(drift, &names),
            names,
            candidates: Vec::new(),
            reports: Vec::new(),
            attempts: Vec::new(),
            requests: Requests::of(drift, snapshot),
            changed_at: changed.flatten(),
            is_undated: changed == Some(None),
        };
        let keys = matching::keys(drift, snapshot);
        for entry in &entries {
            let events = log.of(entry.name(), drift).filter(|event| entry.is_of(event));
            for event in events {
                case.sort_in(entry, event, &keys, &entries);
            }
        }
        case.settle(drift, &keys, snapshot);
        case
    }

    /// Puts one event where it belongs.
    fn sort_in(&mut self, entry: &'a Entry, event: &'a Event, keys: &Keys, entries: &[&Entry]) {
        let named = entry.subject(event);
        if event.error.is_some() {
            if matching::fit(entry, &named, true, keys) == Fit::Named {
                self.attempts.push(event);
            }
            return;
        }
        let candidate = Candidate {
            entry,
            event,
            named,
            fit: Fit::Possible,
            effect: Effect::Hidden,
            settled: None,
            refused: false,
        };
        if entries.iter().any(|call| entry.reports(call)) {
            self.reports.push(candidate);
        } else {
            self.candidates.push(candidate);
        }
    }

    /// Joins reports to the calls they are about, and drops what is not about this difference.
    fn settle(&mut self, drift: &Drift, keys: &Keys, snapshot: &Snapshot) {
        self.candidates.sort_by(|a, b| newest(a.event, b.event));
        self.reports.sort_by(|a, b| newest(a.event, b.event));
        for report in &self.reports {
            let call = self.candidates.iter_mut().find(|call| {
                report.entry.reports(call.entry)
                    && call.event.time <= report.event.time
                    && matching::agree(&call.named, &report.named)
            });
            let Some(call) = call else { continue };
            call.named = matching::joined(std::mem::take(&mut call.named), &report.named);
            // Reports come newest first: the last word on a call is the first that settles it.
            if call.settled.is_none() && !call.refused {
                match report.entry.stage(report.event, Catalogue::shipped()) {
                    Stage::Granted => call.settled = Some((report.entry, report.event)),
                    Stage::Refused => call.refused = true,
                    Stage::Waiting | Stage::Unclear => {}
                }
            }
        }
        let requests = &self.requests;
        let mut attempts = Vec::new();
        self.candidates.retain_mut(|call| {
            call.fit = matching::fit(call.entry, &call.named, false, keys);
            call.effect = matching::effect(call.entry, call.event, drift, call.settled);
            let stage = if drift.aspect == Aspect::Value { requests.stage(call.event) } else { None };
            if call.fit == Fit::Named && (call.refused || stage == Some(Stage::Refused)) {
                attempts.push(call.event);
            }
            let void = call.refused || matches!(stage, Some(Stage::Refused | Stage::Waiting));
            // An event that may be about another subject, and did not do this, is about another one or was undone.
            let idle =
                call.effect == Effect::Untouched || (call.fit == Fit::Possible && call.effect == Effect::Different);
            call.fit != Fit::Other && !void && !idle
        });
        self.attempts.extend(attempts);
        self.attempts.sort_by(|a, b| newest(a, b));
        self.attempts.dedup_by(|a, b| a.id == b.id && a.name == b.name);
        let mut keys = keys.clone();
        if let Some(name) = matching::quota_name(drift, snapshot) {
            keys.insert("quota_name".to_owned(), name);
        }
        self.reports.retain_mut(|report| {
            report.fit = matching::fit(report.entry, &report.named, false, &keys);
            report.effect = matching::effect(report.entry, report.event, drift, None);
            let granted = report.entry.stage(report.event, Catalogue::shipped()) == Stage::Granted;
            report.fit != Fit::Other && granted && !matches!(report.effect, Effect::Untouched | Effect::Different)
        });
    }

    fn judge(&self) -> Attribution {
        let mut answer = self.decide();
        answer.attempts = self.attempts.iter().map(|event| self.record(event)).collect();
        answer
    }

    fn decide(&self) -> Attribution {
        if self.names.is_empty() || self.drift.logged_in.is_empty() {
            return answer(
                Outcome::NotFound,
                Confidence::Low,
                "no audit record is known that would show such a change".to_owned(),
            );
        }
        let request = self.requests.decisive();
        match (self.candidates.first(), request) {
            (Some(last), Some(row)) if is_after(row, last.event) => self.by_request(row),
            (None, Some(row)) => self.by_request(row),
            (Some(last), _) => self.by_events(last),
            (None, None) if !self.reports.is_empty() => self.by_reports(),
            (None, None) => self.by_nothing(),
        }
    }

    fn by_events(&self, last: &Candidate<'_>) -> Attribution {
        let tied: Vec<_> = self.candidates.iter().filter(|other| other.event.time == last.event.time).collect();
        if let Some(reason) = doubt(last, &tied).or_else(|| self.out_of_time(last.event)) {
            return self.ambiguous(reason);
        }
        let what = format!(
            "`{}` is the last change of this subject in the log, and its effect is the present state",
            last.event.name
        );
        if acts_by_itself(last.event) {
            return self.with_events(answer(
                Outcome::Automatic,
                self.confidence(last.event.time),
                self.with_gaps(self.as_of(last.event.time, format!("{what}; the provider's own service made it"))),
            ));
        }
        let Some(principal) = last.event.identity.principal.clone() else {
            return self.ambiguous(format!("{what}, but the record does not say who made it"));
        };
        if let Some(row) = self.requests.decisive().filter(|row| row.automatic) {
            return self.ambiguous(format!(
                "{what}, but the quota's history says that request `{}` was made automatically",
                row.id
            ));
        }
        let mut reason = what;
        let mut confidence = self.confidence(last.event.time);
        if let Some(row) = self.requests.row(last.event)
            && let Some(requester) = &row.requester
        {
            if !principal.is_named_by(requester) {
                return self.ambiguous(format!(
                    "the log names `{}` and the quota's history names `{requester}` for the same request",
                    principal.arn
                ));
            }
            reason.push_str("; the quota's history names the same requester");
        }
        let earlier =
            self.candidates.iter().skip(1).take_while(|other| other.effect == Effect::Same && other.fit == Fit::Named);
        let others: BTreeSet<&str> =
            earlier.filter_map(|other| other.arn()).filter(|arn| *arn != principal.arn).collect();
        if !others.is_empty() {
            confidence = Confidence::Medium;
            let others: Vec<_> = others.into_iter().map(|arn| format!("`{arn}`")).collect();
            reason.push_str(&format!("; before it, {} had set the same", others.join(" and ")));
        }
        let reason = self.with_gaps(self.as_of(last.event.time, reason));
        let mut answer = self.with_events(answer(Outcome::Attributed, confidence, reason));
        answer.source_ip.clone_from(&last.event.source_ip);
        answer.user_agent.clone_from(&last.event.user_agent);
        answer.mfa = principal.mfa;
        answer.chain = last.event.identity.chain();
        answer.principal = Some(principal);
        answer
    }

    /// The quota's own history knows of a request that the log does not.
    fn by_request(&self, row: &QuotaRequest) -> Attribution {
        let when = row.created.map_or_else(|| "at an unknown time".to_owned(), |created| format!("at {created}"));
        let asked = match &row.requester {
            Some(requester) => format!("the quota's history names `{requester}`, who asked for {} {when}", row.value),
            None => format!(
                "the quota's history holds request `{}` for {}, made {when}, but not by whom",
                row.id, row.value
            ),
        };
        if row.automatic {
            let reason = format!("the provider's automatic management of quotas asked for {} {when}", row.value);
            return self.with_events(answer(Outcome::Automatic, Confidence::High, reason));
        }
        if let (Some(created), Some((start, _))) = (row.created, self.read.window)
            && created < start
        {
            return self.with_events(answer(
                Outcome::OutsideWindow,
                Confidence::Medium,
                format!("{asked}, before the window"),
            ));
        }
        let Some(requester) = &row.requester else { return self.ambiguous(asked) };
        // A log that was read whole and does not hold the request contradicts the history, once it had time to fill. One
        // that was not read whole might: a gap makes nothing surer.
        let fresh = row.created.is_some_and(|created| self.is_fresh(created));
        let log = match (self.read.gaps.is_empty(), fresh) {
            (false, _) => "; no record of it was read",
            (true, true) => "; its record may not have arrived in the log yet",
            (true, false) => "; the log, though read whole, holds no record of it",
        };
        let confidence = if fresh { Confidence::Medium } else { Confidence::Low };
        let mut answer = self.with_events(answer(Outcome::Attributed, confidence, self.with_gaps(asked + log)));
        answer.principal = Some(Principal::from_arn(requester));
        answer
    }

    /// The provider says that it happened, and not who asked for it.
    fn by_reports(&self) -> Attribution {
        let named = self.reports.iter().find(|report| report.fit == Fit::Named && report.effect == Effect::Same);
        let report = named.or(self.reports.first()).map_or("", |report| report.event.name.as_str());
        if let Some(reason) = self.reports.first().and_then(|report| self.out_of_time(report.event)) {
            return self.ambiguous(reason);
        }
        if named.is_some_and(|report| self.is_fresh(report.event.time)) {
            return self.ambiguous(format!(
                "`{report}` reports such a change, but the call that asked for it may not have arrived in the log yet"
            ));
        }
        if named.is_some() && self.drift.kind == Kind::Quota && self.requests.automatic && self.read.gaps.is_empty() {
            let reason = format!("`{report}` reports the change, nobody asked for it, and automatic management is on");
            return self.with_events(answer(Outcome::Automatic, Confidence::Medium, reason));
        }
        self.ambiguous(format!("`{report}` reports such a change, but the call that asked for it is not in the log"))
    }

    fn by_nothing(&self) -> Attribution {
        if let (Some(changed), Some((start, _))) = (self.changed_at, self.read.window)
            && changed < start
        {
            let reason = format!(
                "the state itself says that it is so since {changed}, before the window, which begins at {start}"
            );
            return answer(Outcome::OutsideWindow, Confidence::High, reason);
        }
        if !self.read.gaps.is_empty() {
            return answer(Outcome::Blind, Confidence::Low, self.read.gaps.join("; "));
        }
        let names: Vec<_> = self.names.iter().map(|name| format!("`{name}`")).collect();
        let logs: BTreeSet<&str> = self.drift.logged_in.iter().map(|log| log.account.as_str()).collect();
        let logs: Vec<_> = logs.into_iter().map(|account| format!("`{account}`")).collect();
        let window = self.read.window.map_or_else(String::new, |(start, end)| format!(" between {start} and {end}"));
        let since = if self.is_undated { "; since when it is so the state does not say" } else { "" };
        let reason = format!(
            "the log of {} was read whole{window} and holds no successful {} on this subject; events of the last minutes \
             may not have arrived yet{since}",
            logs.join(" and "),
            names.join(", ")
        );
        answer(Outcome::NotFound, Confidence::Medium, reason)
    }

    /// Why a record proves nothing of the time that was read: the log was not asked for what came between, or it cannot
    /// have been written yet. To the second: no log keeps finer time.
    fn out_of_time(&self, event: &Event) -> Option<String> {
        let (start, end) = self.read.window?;
        let Event { name, time, .. } = event;
        if time.as_second() < start.as_second() {
            return Some(format!(
                "`{name}` at {time} stands before the window, which begins at {start}; what came between was not read"
            ));
        }
        (time.duration_since(end) > LONGEST)
            .then(|| format!("`{name}` says that it was made at {time}, long after the log was read at {end}"))
    }

    fn ambiguous(&self, reason: String) -> Attribution {
        self.with_events(answer(Outcome::Ambiguous, Confidence::Low, self.with_gaps(reason)))
    }

    /// How sure what happened then can be taken for the last that happened.
    fn confidence(&self, then: Timestamp) -> Confidence {
        if self.read.gaps.is_empty() && !self.is_fresh(then) { Confidence::High } else { Confidence::Medium }
    }

    /// Whether the log was asked before all that came after this moment had time to arrive in it.
    fn is_fresh(&self, then: Timestamp) -> bool {
        self.read.window.is_some_and(|(_, end)| end.duration_since(then) < ARRIVAL)
    }

    fn as_of(&self, then: Timestamp, reason: String) -> String {
        match self.read.window {
            Some((_, end)) if self.is_fresh(then) => format!(
                "{reason}; the log was read up to {end}, and a record of a later change may not have arrived in it yet"
            ),
            _ => reason,
        }
    }

    fn with_gaps(&self, reason: String) -> String {
        if self.read.gaps.is_empty() {
            return reason;
        }
        format!("{reason}; a later change may be missing: {}", self.read.gaps.join("; "))
    }

    /// Lists the evidence: calls and what was reported of them, newest first.
    fn with_events(&self, mut answer: Attribution) -> Attribution {
        let unsure = answer.outcome == Outcome::Ambiguous;
        let reported =
            self.reports.iter().filter(|report| unsure || report.fit == Fit::Named).map(|report| report.event);
        let settled = self.candidates.iter().filter_map(|call| call.settled).map(|(_, event)| event);
        let mut others: Vec<&Event> = reported.chain(settled).collect();
        let mut events: Vec<&Event> = self.candidates.iter().map(|call| call.event).collect();
        if events.is_empty() || unsure {
            events.append(&mut others);
            events.sort_by(|a, b| newest(a, b));
        } else {
            // The call explains it; what was reported of it only bears it out.
            let mut rest = events.split_off(1);
            rest.append(&mut others);
            rest.sort_by(|a, b| newest(a, b));
            events.extend(rest);
        }
        let mut seen = BTreeSet::new();
        events.retain(|event| {
            let arn = event.identity.principal.as_ref().map(|principal| &principal.arn);
            seen.insert((&event.id, &event.name, &event.account, arn))
        });
        answer.events = events.into_iter().map(|event| self.record(event)).collect();
        answer
    }

    fn record(&self, event: &Event) -> EventRecord {
        let log = self.drift.logged_in.first();
        event.to_record(
            log.map_or("", |log| log.account.as_str()),
            log.and_then(|log| log.region.as_deref()).unwrap_or("home region"),
        )
    }
}

impl Candidate<'_> {
    fn arn(&self) -> Option<&str> {
        self.event.identity.principal.as_ref().map(|principal| principal.arn.as_str())
    }
}

/// Why the newest events do not prove who made the difference; nothing if they do.
fn doubt(last: &Candidate<'_>, tied: &[&Candidate<'_>]) -> Option<String> {
    for event in tied {
        let name = &event.event.name;
        let reason = match (event.fit, event.effect) {
            (Fit::Named, Effect::Same) => continue,
            (Fit::Named, Effect::Different) => {
                format!("`{name}`, the last change of this subject, does not lead to the present state")
            }
            (Fit::Named, _) => format!("`{name}` changed this subject, but its record does not show to what"),
            (_, Effect::Same) => format!("`{name}` may be about this subject, but its record does not name it"),
            (_, _) => format!("`{name}` may be about this subject, but its record names neither it nor the effect"),
        };
        return Some(reason);
    }
    if let Some(contested) = tied.iter().find(|call| call.event.contested) {
        let id = &contested.event.id;
        return Some(format!("several records of `{}` carry the id `{id}` and say different things", last.event.name));
    }
    let authors: BTreeSet<Option<&str>> = tied.iter().map(|event| event.arn()).collect();
    (authors.len() > 1).then(|| {
        format!(
            "{} changes by different principals stand in the log at {}; their order cannot be told",
            tied.len(),
            last.event.time
        )
    })
}

/// Whether the provider acted on its own: as a service, or through the role that only the called service itself can take. A
/// record that names nobody is the provider's only where it says so.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create-service-linked-role.html>
fn acts_by_itself(event: &Event) -> bool {
    let Some(principal) = &event.identity.principal else {
        return event.identity.invoked_by.is_some() || event.event_type.as_deref() == Some("AwsServiceEvent");
    };
    let own_role = format!(":role/aws-service-role/{}/", event.source);
    principal.kind == PrincipalKind::Service || principal.role.as_ref().is_some_and(|role| role.contains(&own_role))
}

/// When the state itself says that it became so; none where it never does, and none within where it leaves that out.
fn changed_at(drift: &Drift, snapshot: &Snapshot) -> Option<Option<Timestamp>> {
    let organization = snapshot.organization.known()?;
    match (drift.kind, drift.aspect) {
        (Kind::Link, Aspect::Existence) if drift.event_effect.get("membership").is_some_and(|how| how == "joined") => {
            let id = drift.event_subject.get("account")?;
            Some(organization.accounts.known()?.iter().find(|account| account.id == *id)?.joined_at)
        }
        (Kind::Link, Aspect::Handshake) => {
            let id = drift.event_subject.get("handshake")?;
            Some(organization.handshakes.known()?.iter().find(|handshake| handshake.id == *id)?.requested_at)
        }
        _ => None,
    }
}

fn newest(a: &Event, b: &Event) -> std::cmp::Ordering {
    (b.time, &b.id, &b.name).cmp(&(a.time, &a.id, &a.name))
}

fn answer(outcome: Outcome, confidence: Confidence, reason: String) -> Attribution {
    Attribution {
        outcome,
        confidence,
        reason,
        events: Vec::new(),
        attempts: Vec::new(),
        principal: None,
        chain: Vec::new(),
        source_ip: None,
        user_agent: None,
        mfa: None,
    }
}
