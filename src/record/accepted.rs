//! What a baseline cannot say is right, and is there: accepted for a while, by name.
//!
//! In: what a comparison with the recorded baseline still finds. Out: one exemption each, bound to the state that was found.
//! It never accepts more than that state, nor what is wrong with the baseline itself.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::is_account;
use crate::baseline::pattern::is_pattern;
use crate::compare::Drift;
use crate::finding;

/// For how long it is accepted: somebody has to look at it again.
const ACCEPTED: SignedDuration = SignedDuration::from_hours(90 * 24);

const REASON: &str = "found when this baseline was recorded";

/// The last day on which it is accepted.
pub(super) fn until(now: Timestamp) -> String {
    let end = now.checked_add(ACCEPTED).unwrap_or(now);
    end.strftime("%Y-%m-%d").to_string()
}

/// The exemption for one difference. `exact` names it by the finding's id, for what nothing else names alone.
pub(super) fn exemption(drift: &Drift, until: &str, exact: bool) -> Value {
    let mut wanted = Map::from_iter([("rule".to_owned(), json!(drift.rule.as_str()))]);
    let subject = drift.subject.id.as_str();
    let account = drift.scope.account.as_deref().or(Some(subject).filter(|id| is_account(id)));
    if let Some(account) = account {
        wanted.insert("account".to_owned(), json!(account));
    }
    if let Some(region) = &drift.scope.region {
        wanted.insert("region".to_owned(), json!(region));
    }
    if exact || is_pattern(subject) {
        let id = finding::id(drift.kind, drift.aspect, &drift.scope, &drift.subject);
        wanted.insert("finding".to_owned(), json!(id));
    } else if account != Some(subject) {
        wanted.insert("id".to_owned(), json!(subject));
    }
    let mut keys = Map::from_iter([("match".to_owned(), Value::Object(wanted))]);
    keys.extend(finding::bound(drift.kind, drift.aspect, drift.direction, &drift.actual).unwrap_or_default());
    keys.insert("reason".to_owned(), json!(REASON));
    keys.insert("expires".to_owned(), json!(until));
    Value::Object(keys)
}
