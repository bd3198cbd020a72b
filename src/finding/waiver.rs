//! An exemption for one finding.
//!
//! In: a finding, who accepts it, why and until when. Out: the entry for the baseline's `exemptions`, bounded by the state
//! in which the finding was read, or why there can be none. It never accepts more than that finding.

use serde_json::{Map, Value, json};

use super::{Finding, Status, state};
use crate::baseline::model::{Aws, Category, Moment};
use crate::compare::{Aspect, Rule};
use crate::estate::{Kind, Scope};

/// On what terms a finding is accepted.
#[derive(Clone, Debug)]
pub struct Terms<'a> {
    /// Why.
    pub reason: &'a str,
    /// Who answers for it.
    pub owner: &'a str,
    /// Whether the risk is carried or countered elsewhere.
    pub category: Category,
    /// Until when.
    pub expires: &'a Moment,
    /// Whether it may accept any state, where no bound can say the present one.
    pub unbounded: bool,
}

/// Why a finding cannot be accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WaiverError {
    /// An exemption or an approved change accepts it already.
    #[error("`{id}` is {status} already: {by}")]
    Accepted {
        /// The finding.
        id: String,
        /// In which way.
        status: &'static str,
        /// By what, with its place.
        by: String,
    },
    /// It stands no more.
    #[error("`{0}` stands no more: there is nothing to accept")]
    Resolved(String),
    /// It is about an exemption.
    #[error(
        "`{id}` is `{rule}`: no exemption accepts what is wrong with exemptions; correct the entry in the baseline"
    )]
    Exemption {
        /// The finding.
        id: String,
        /// Its rule.
        rule: Rule,
    },
    /// No sort of bound can say its state.
    #[error("no bound can say the state of `{0}`; add --unbounded to accept any state of it")]
    NoBound(String),
}

/// The entry that accepts a finding, for `/exemptions`.
///
/// # Errors
/// It is accepted already, stands no more, is about exemptions, or cannot be bounded.
pub fn waiver(finding: &Finding, terms: &Terms<'_>, aws: Option<&Aws>) -> Result<Value, WaiverError> {
    let id = finding.id.clone();
    match (finding.status, finding.rule) {
        (Status::Resolved, _) => return Err(WaiverError::Resolved(id)),
        (Status::Exempt | Status::Approved, _) => {
            let by = accepted_by(finding);
            return Err(WaiverError::Accepted { id, status: finding.status.as_str(), by });
        }
        (_, rule @ (Rule::ExemptionExpired | Rule::ExemptionUnbounded | Rule::ExemptionUnused)) => {
            return Err(WaiverError::Exemption { id, rule });
        }
        (Status::Open, _) => {}
    }
    let bound = state::bound(finding.kind, finding.aspect, finding.direction, &finding.actual);
    let bound = match (bound, terms.unbounded) {
        (Some(bound), _) => bound,
        (None, true) => Map::new(),
        (None, false) => return Err(WaiverError::NoBound(id)),
    };
    let mut entry = Map::from_iter([("match".to_owned(), Value::Object(wanted(finding, aws)))]);
    entry.extend(bound);
    entry.insert("reason".to_owned(), json!(terms.reason));
    entry.insert("owner".to_owned(), json!(terms.owner));
    if terms.category != Category::default() {
        entry.insert("category".to_owned(), json!(terms.category));
    }
    entry.insert("expires".to_owned(), json!(terms.expires));
    Ok(Value::Object(entry))
}

fn accepted_by(finding: &Finding) -> String {
    let exemptions = finding.exempted_by.iter().map(|by| format!("`{}` ({}) until {}", by.id, by.baseline, by.expires));
    let approvals =
        finding.approved_by.iter().map(|by| format!("`{}` ({}) until {}", by.id, by.baseline, by.accepted_until));
    approvals.chain(exemptions).collect::<Vec<_>>().join(", ")
}

/// The finding by its id, with what tells a reader which one that is.
fn wanted(finding: &Finding, aws: Option<&Aws>) -> Map<String, Value> {
    let mut wanted = Map::new();
    let mut add = |key: &str, value: Value| wanted.insert(key.to_owned(), value);
    let is_there = !finding.actual.is_null();
    if finding.kind == Kind::Baseline {
        add("rule", json!(finding.rule));
    } else {
        add("kind", json!(finding.kind));
    }
    let place = place(&finding.scope, aws);
    // What is not there may be known by none of these words.
    for (key, value) in place.into_iter().filter(|(key, _)| key != "region" || is_there) {
        add(&key, value);
    }
    let subject = finding.subject.id.as_str();
    match (finding.kind, finding.aspect) {
        (Kind::Quota, Aspect::Value) if is_there => {
            if let Some((service, code)) = subject.split_once('/') {
                add("service", json!(service));
                add("code", json!(code.split_once('@').map_or(code, |(code, _)| code)));
            }
        }
        (Kind::Setting, _) => {
            add("name", json!(subject));
        }
        (Kind::Link | Kind::Policy | Kind::AuditLog, _) if is_simple(subject) => {
            add("id", json!(subject));
        }
        _ => {}
    }
    add("finding", json!(finding.id));
    wanted
}

/// Where a finding is, as `where` and `match` say it: the account by its declared name where only one bears it.
pub(super) fn place(scope: &Scope, aws: Option<&Aws>) -> Map<String, Value> {
    let mut place = Map::new();
    if let Some(id) = &scope.account {
        place.insert("account".to_owned(), json!(account_word(id, aws)));
    }
    if let Some(region) = &scope.region {
        place.insert("region".to_owned(), json!(region));
    }
    place
}

fn account_word<'a>(id: &'a str, aws: Option<&'a Aws>) -> &'a str {
    let accounts = || aws.and_then(|aws| aws.accounts.as_ref()).into_iter().flatten();
    let name = accounts().find(|entry| entry.id.as_deref() == Some(id)).and_then(|entry| entry.name.as_deref());
    let alone = |name: &&str| accounts().filter(|entry| entry.name.as_deref() == Some(*name)).count() == 1;
    // A name made of digits would be read as an id, one that ends in blanks or holds a star as something else.
    name.filter(alone).filter(|name| is_simple(name) && name.chars().any(char::is_alphabetic)).unwrap_or(id)
}

/// Whether a text stands for nothing but itself in a pattern, and is easily read.
fn is_simple(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.:/@+".contains(letter))
}
