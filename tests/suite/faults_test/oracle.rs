//! What a fault may change, and what it may not.
//!
//! In: what an undisturbed scan said, what a disturbed one said, and the fault. Out: every difference that is not one of
//! knowledge. It is written from the vocabulary of the reports and from what AWS's operations are for, and shares no code
//! with what it judges.

mod difference;
mod places;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use self::difference::{Change, compare, gap};
use self::places::{feeds, is_beside, is_optional, is_within, needs, target};
use super::estate::MANAGEMENT;
use super::plan::{Class, Trial, WORD};
use super::scans::{Said, Scanned};
use crate::runner::list;

/// Everything that is wrong with a disturbed scan; empty if nothing is.
pub(super) fn wrong(clean: &Scanned, hit: &Scanned, trial: &Trial) -> Vec<String> {
    let Some(before) = &clean.said else { return vec!["the undisturbed scan could not begin".to_owned()] };
    let Some(after) = &hit.said else {
        // Without knowing who reads nothing can begin.
        let identity = trial.call.operation == "GetCallerIdentity" && trial.class != Class::Passing;
        return if identity && hit.code == 1 { Vec::new() } else { vec![format!("no report, exit {}", hit.code)] };
    };
    let mut judge = Judge { trial, before, after, wrong: Vec::new(), changes: BTreeMap::new() };
    judge.snapshot();
    judge.coverage();
    judge.findings();
    judge.summary(hit.code);
    judge.wrong
}

struct Judge<'a> {
    trial: &'a Trial,
    before: &'a Said,
    after: &'a Said,
    wrong: Vec<String>,
    changes: BTreeMap<String, Change>,
}

impl Judge<'_> {
    fn snapshot(&mut self) {
        let mut changes = BTreeMap::new();
        for part in ["organization", "accounts", "quota_definitions"] {
            compare(part, &self.before.snapshot[part], &self.after.snapshot[part], &mut changes);
        }
        for part in ["schema", "taken_at", "provider", "partition", "caller_account", "caller"] {
            if self.before.snapshot[part] != self.after.snapshot[part] {
                self.wrong.push(format!("snapshot: `{part}` differs"));
            }
        }
        self.changes = changes;
        let feeds = feeds(self.trial);
        for (path, change) in &self.changes {
            if let Some(why) = self.misread(path, change, &feeds) {
                self.wrong.push(format!("snapshot: {path}: {why}"));
            }
        }
    }

    /// Why a difference between the snapshots is not one of knowledge.
    fn misread(&self, path: &str, change: &Change, feeds: &[String]) -> Option<String> {
        let fed = feeds.iter().any(|feed| is_within(path, feed));
        match change {
            _ if self.trial.class == Class::Passing => Some(format!("{change:?} though the next try succeeds")),
            Change::Lost(_) if !fed => Some(format!("{change:?}, which this call does not feed")),
            Change::Lost(reason) => {
                let rows = list(&self.after.report["coverage"]);
                let says = |row: &Value| row["reason"].as_str().is_some_and(|said| said.contains(reason));
                let named = rows.iter().any(|row| row["status"] != "evaluated" && says(row));
                (!named && !is_beside(path)).then(|| format!("unknown ({reason}), and no row of the coverage says so"))
            }
            Change::Gone if self.trial.class == Class::Lost && fed && is_optional(path, &Value::Null) => None,
            Change::Gone => (!self.follows(path)).then(|| "gone, and nothing that it hangs on is unknown".to_owned()),
            // Without the default nobody can tell that a value is the default: it is kept.
            Change::New(value) => {
                let parts: Vec<&str> = path.split('/').collect();
                let default = match parts.as_slice() {
                    ["accounts", _, "regions", region, "quotas", service, code] => {
                        let service = format!("quota_definitions/{region}/{service}");
                        let untold = gap(&value["value"]).is_some() && fed;
                        untold || self.is_lost(&service) || self.is_lost(&format!("{service}/{code}/default"))
                    }
                    // A sort of zone that nobody knows is shown with its group, as any that is not a plain one.
                    ["accounts", _, "regions", _, "zone_groups", _] => fed && self.trial.class == Class::Word,
                    _ => false,
                };
                (!default).then(|| "new".to_owned())
            }
            Change::Other(before, after) => self.altered(path, before, after, fed),
        }
    }

    /// A value that is another than before: a new word is shown as it is, and what is optional may be missing.
    fn altered(&self, path: &str, before: &Value, after: &Value, fed: bool) -> Option<String> {
        let said = format!("{before} became {after}");
        match self.trial.class {
            Class::Word if fed && after.to_string().contains(WORD) => None,
            Class::Lost if fed && is_optional(path, after) => None,
            // EC2, which is asked then, has one word for all that is not on.
            Class::Lasting | Class::Lost | Class::OtherType if fed && self.is_retry() && after == "not-opted-in" => {
                (before != "DISABLED").then_some(said)
            }
            _ => Some(said),
        }
    }

    fn is_lost(&self, path: &str) -> bool {
        matches!(self.changes.get(path), Some(Change::Lost(_)))
    }

    /// Whether something that must be known before this was asked is unknown.
    fn follows(&self, path: &str) -> bool {
        let parts: Vec<&str> = path.split('/').collect();
        match parts.as_slice() {
            ["organization", "policies", _] => self.is_lost("organization/policy_types"),
            // Only read where an account drifts.
            ["organization", "effective_policies", ..] => {
                let types = |path: &str| is_within(path, "organization/policy_types");
                self.changes.iter().any(|(path, change)| matches!(change, Change::Lost(_)) || types(path))
            }
            ["accounts", account] => {
                let unlisted = ["organization", "organization/accounts"].iter().any(|part| self.is_lost(part));
                let untold = self.is_lost(&format!("organization/accounts/{account}/tags"));
                (*account != MANAGEMENT && (unlisted || untold)) || self.stands(account)
            }
            ["accounts", account, "regions", ..] => {
                let status = format!("accounts/{account}/region_status");
                // A region that is nobody knows what is not read within.
                self.is_lost(&status) || self.changes.keys().any(|path| is_within(path, &status))
            }
            ["quota_definitions", ..] => self.changes.iter().any(|(path, change)| {
                *change == Change::Gone && path.starts_with("accounts/") || path.ends_with("/region_status")
            }),
            _ => false,
        }
    }

    /// Whether an account is in a state that nobody knows.
    fn stands(&self, account: &str) -> bool {
        let path = format!("organization/accounts/{account}/state");
        matches!(self.changes.get(&path), Some(Change::Other(_, after)) if *after == WORD)
    }

    fn coverage(&mut self) {
        let (before, after) = (entries(&self.before.report), entries(&self.after.report));
        let any_lost = self.changes.values().any(|change| matches!(change, Change::Lost(_)));
        for (place, (status, reason)) in &after {
            let was = before.get(place);
            let default = place.2.starts_with("servicequotas:ListAWSDefaultServiceQuotas");
            // Whoever may ask is asked for defaults; regions can be had in two ways.
            let elsewhere = status == "evaluated" && was.is_none() && (default || self.is_retry());
            if was.is_some_and(|(was, _)| was == status) || (elsewhere && self.trial.class != Class::Passing) {
                continue;
            }
            if self.trial.class == Class::Passing || !self.is_about(place, reason) {
                self.wrong.push(format!("coverage: {place:?} is {status} ({reason}), was {was:?}"));
            }
        }
        for (place, was) in before.iter().filter(|(place, _)| !after.contains_key(*place)) {
            // What hangs on an answer that did not come was not asked; who made a difference that cannot be told, neither.
            if self.trial.class == Class::Passing || !(any_lost || self.is_retry() || self.trial.class == Class::Word) {
                self.wrong.push(format!("coverage: {place:?} is gone, was {was:?}"));
            }
        }
    }

    /// Whether another way of asking, or another account, may have brought the answer.
    fn is_retry(&self) -> bool {
        matches!(self.trial.call.operation.as_str(), "ListRegions" | "ListAWSDefaultServiceQuotas" | "AssumeRole")
    }

    /// Whether a row that is new, or says another thing than before, is about the call that was hit.
    fn is_about(&self, (account, region, source): &Place, reason: &str) -> bool {
        let call = &self.trial.call;
        let (target, operation) = (target(&self.trial.call), source.split(' ').next().unwrap_or_default());
        // The organisation's own reads are noted for the organisation, before it is known for the caller.
        let here = account.is_empty() || *account == target;
        let there = region.is_empty() || call.service == "sts" || *region == call.region || region == "global";
        let same = operation == call.action();
        let then = ["reads in each region", "account", "reads in the region"].contains(&source.as_str());
        let told = reason.starts_with("not compared") || reason.contains("so that it cannot be told");
        match call.operation.as_str() {
            "AssumeRole" => here,
            // The walk and the list are one read: whichever fails leaves the tree unknown.
            "DescribeOrganization" | "ListAccounts" | "ListAccountsForParent" | "ListOrganizationalUnitsForParent" => {
                same || told || then
            }
            "ListRoots" => same || told || then,
            "ListTagsForResource" => here && (same || told || then),
            "DescribeTrails" | "GetEventDataStore" | "ListEventDataStores" => here && (same || told),
            "ListAWSDefaultServiceQuotas" | "ListRegions" => same || told || here,
            _ => here && there && (same || told) || self.trial.class == Class::Word && then,
        }
    }

    fn findings(&mut self) {
        let by_id = |report: &Value| -> BTreeMap<String, Value> {
            let findings = list(&report["findings"]).iter();
            findings.map(|finding| (finding["id"].to_string(), finding.clone())).collect()
        };
        let (before, after) = (by_id(&self.before.report), by_id(&self.after.report));
        for (id, finding) in &after {
            let said = format!("{} {}", finding["rule"], finding["subject"]);
            match before.get(id) {
                None => self.wrong.push(format!("finding: {said} is new: {}", finding["actual"])),
                Some(was) => {
                    for wrong in self.weakened(was, finding) {
                        self.wrong.push(format!("finding: {said}: {wrong}"));
                    }
                }
            }
        }
        let complete = self.after.report["summary"]["coverage"]["complete"] == true;
        for (_, finding) in before.iter().filter(|(id, _)| !after.contains_key(*id)) {
            if complete && finding["rule"] != "exemption.unused" {
                self.wrong.push(format!(
                    "finding: {} {} is gone, and nothing is said to be unread",
                    finding["rule"], finding["subject"]
                ));
            }
            let needs = needs(finding);
            let told = self.changes.iter().any(|(path, change)| {
                let word = matches!(change, Change::Other(_, after) if after.to_string().contains(WORD));
                let counts = matches!(change, Change::Lost(_) | Change::Gone) || word;
                counts && needs.iter().any(|need| is_within(path, need) || is_within(need, path))
            });
            // That an exemption is of no use is only said where everything was read at the first try.
            let of_no_use = finding["rule"] == "exemption.unused" && self.is_retry();
            if !told && !of_no_use {
                self.wrong.push(format!(
                    "finding: {} {} is gone, and all that it needs is known",
                    finding["rule"], finding["subject"]
                ));
            }
        }
    }

    /// What of a finding is another than before, beyond being less sure.
    fn weakened(&self, before: &Value, after: &Value) -> Vec<String> {
        let mut wrong = Vec::new();
        let names = self.changes.keys().any(|path| path.starts_with("organization"));
        let less_sure = before["attribution"] != after["attribution"];
        // Whether a guardrail is weaker cannot be told without all that binds an account.
        let undecided = names && after["direction"] == "unknown" && before["direction"] != "unknown";
        let keys: BTreeSet<&String> =
            before.as_object().into_iter().chain(after.as_object()).flat_map(|o| o.keys()).collect();
        for key in keys {
            let (was, is) = (&before[key.as_str()], &after[key.as_str()]);
            let fine = was == is
                || match key.as_str() {
                    "attribution" => {
                        wrong.extend(authorship(was, is, self.is_undated()));
                        self.trial.class != Class::Passing
                    }
                    // Who made it decides which approval accounts for it.
                    "status" => less_sure && was == "approved" && is == "open",
                    "approved_by" => less_sure && list(is).is_empty(),
                    "notes" => less_sure || !self.changes.is_empty(),
                    // A name that was not read is an id; what cannot be compared has no direction.
                    "title" | "subject" | "account_name" => {
                        names
                            || is.to_string().contains(WORD)
                            || self.is_renamed()
                            || before["actual"] != after["actual"]
                    }
                    "direction" => is == "unknown",
                    "rule" => undecided && is == "policy.undecided",
                    "severity" | "remediation" => undecided && after["rule"] == "policy.undecided",
                    "witnesses" => undecided && list(is).is_empty(),
                    // What cannot be decided has no extent and no cause, and concerns nobody yet.
                    "accounts" | "units" | "stacks" | "extent" | "causes" | "causes_incomplete" => {
                        undecided || (after["rule"] == "region.open" && is_fewer(was, is) && !self.changes.is_empty())
                    }
                    "actual" | "expected" => self.says_less(was, is) || is.to_string().contains(WORD),
                    _ => false,
                };
            if !fine {
                wrong.push(format!("`{key}` was {was}, is {is}"));
            }
        }
        wrong
    }

    /// Whether the state does not say any more since when something is so.
    fn is_undated(&self) -> bool {
        let lost = |change: &Change| matches!(change, Change::Other(_, Value::Null) | Change::Gone);
        let times = ["/joined_at", "/requested_at"];
        self.changes.iter().any(|(path, change)| lost(change) && times.iter().any(|time| path.ends_with(time)))
    }

    /// A quota whose row has no name goes by its code.
    fn is_renamed(&self) -> bool {
        self.changes.keys().any(|path| path.ends_with("/name"))
    }

    /// Whether a value only leaves out what is not known any more.
    fn says_less(&self, before: &Value, after: &Value) -> bool {
        let (Some(before), Some(after)) = (before.as_object(), after.as_object()) else { return false };
        let less = after.iter().all(|(key, value)| value.is_null() || before.get(key) == Some(value));
        less && !self.changes.is_empty()
    }

    fn summary(&mut self, code: u8) {
        let summary = &self.after.report["summary"];
        let lost = self.changes.iter().any(|(path, change)| matches!(change, Change::Lost(_)) && !is_beside(path));
        let complete = summary["coverage"]["complete"] == true;
        let rows = list(&self.after.report["coverage"]);
        let incomplete = rows
            .iter()
            .any(|row| ["denied", "throttled", "failed"].contains(&row["status"].as_str().unwrap_or_default()));
        let open = list(&self.after.report["findings"]).iter().filter(|finding| finding["status"] == "open");
        let grave = open.filter(|finding| finding["severity"] != "info").count();
        if complete == incomplete {
            self.wrong.push("summary: `complete` does not follow from the coverage".to_owned());
        }
        if lost && complete {
            self.wrong.push("summary: something is unknown, and the coverage is complete".to_owned());
        }
        if (summary["in_line"] == true) != (complete && grave == 0 && self.after.report["run"]["evaluated"] == true) {
            self.wrong.push(format!("summary: in line is {}", summary["in_line"]));
        }
        let bad = list(&self.after.report["findings"]).iter().any(|finding| {
            finding["status"] == "open"
                && ["medium", "high", "critical"].contains(&finding["severity"].as_str().unwrap_or_default())
        });
        let expected = match (&self.after.report["run"]["evaluated"], bad, incomplete) {
            (Value::Bool(false), ..) => 1,
            (_, true, _) => 3,
            (_, false, true) => 4,
            (_, false, false) => 0,
        };
        if code != expected {
            self.wrong.push(format!("exit {code}, not {expected}"));
        }
    }
}

/// Whether a list or a number holds nothing that was not in it before.
fn is_fewer(before: &Value, after: &Value) -> bool {
    match (before.as_u64(), after.as_u64()) {
        (Some(before), Some(after)) => after <= before,
        _ => {
            let all = |value: &Value| value.as_array().cloned().unwrap_or_default();
            all(after).iter().all(|one| all(before).contains(one))
        }
    }
}

/// Why an attribution is another than before, and not only weaker.
fn authorship(before: &Value, after: &Value, undated: bool) -> Option<String> {
    let word = |value: &Value| value["outcome"].as_str().unwrap_or("nobody looked").to_owned();
    let (was, is) = (word(before), word(after));
    let sure = |value: &Value| ["low", "medium", "high"].iter().position(|word| value["confidence"] == *word);
    // One whose ARN a record lacks goes by the immutable id, and is the same.
    let is_same = |part: &str| before["principal"][part] == after["principal"][part];
    let same = is_same("arn") || ["kind", "account", "access_key", "session_name", "user"].into_iter().all(is_same);
    let fine = match (was.as_str(), is.as_str()) {
        ("attributed", "attributed") => same && sure(after) <= sure(before),
        (_, "attributed") => false,
        (was, "automatic") => was == "automatic",
        (was, "ambiguous") => ["attributed", "automatic", "ambiguous"].contains(&was),
        (was, "outside-window") => ["attributed", "ambiguous", "outside-window"].contains(&was),
        // That it was so before the window only the state itself can say.
        (was, "not-found") => was == "not-found" || (was == "outside-window" && undated),
        (_, "blind") => true,
        (was, is) => was == is,
    };
    (!fine).then(|| format!("attribution was {before}, is {after}"))
}

/// Account, region and source of a read.
type Place = (String, String, String);

/// How every read ended, one entry for each region, and why.
fn entries(report: &Value) -> BTreeMap<Place, (String, String)> {
    let mut entries = BTreeMap::new();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for row in list(&report["coverage"]) {
        let own = text(&row["scope"]["region"]);
        let regions = row["regions"].as_array().cloned().unwrap_or_default();
        let regions: Vec<String> = if regions.is_empty() { vec![own] } else { regions.iter().map(text).collect() };
        for region in regions {
            let place = (text(&row["scope"]["account"]), region, text(&row["source"]));
            let ended = (text(&row["status"]), text(&row["reason"]));
            // A read can be whole and of no use: both are said.
            let place = if ended.1.starts_with("not compared") {
                (place.0, place.1, format!("{} (compared)", place.2))
            } else {
                place
            };
            entries.insert(place, ended);
        }
    }
    entries
}
