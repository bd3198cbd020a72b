//! How what is becomes what should be: the changes to a baseline after which a finding is none any more.
//!
//! In: a finding, the baseline, and a snapshot where the report does not hold enough. Out: changes, the narrowest that do
//! it, or why the finding cannot be adopted and what to do instead. It never writes, and never adopts a state that is
//! passing, or one in which the audit log is worth less.

mod accounts;
mod amounts;
mod policies;
mod renaming;
mod ties;

use serde_json::{Map, Value, json};

use super::{Finding, Status, waiver};
use crate::baseline::edit::Change;
use crate::baseline::model::Aws;
use crate::baseline::{Baseline, Position};
use crate::compare::{Aspect, Rule};
use crate::estate::Snapshot;

/// Why a finding is not adopted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{rule}` cannot be adopted: {why}{}; {instead}", among(places))]
pub struct NotAdopted {
    /// The finding.
    pub id: String,
    /// Its rule.
    pub rule: Rule,
    /// Why.
    pub why: &'static str,
    /// The entries of the baseline that are in the way.
    pub places: Vec<Position>,
    /// What to do.
    pub instead: &'static str,
}

fn among(places: &[Position]) -> String {
    let places: Vec<String> = places.iter().map(Position::to_string).collect();
    if places.is_empty() { String::new() } else { format!(" ({})", places.join(", ")) }
}

/// Why, and what to do instead.
type No = (&'static str, &'static str);
type Changes = Result<Vec<Change>, No>;

const EXEMPT: &str = "accept it for a while with `guardline exempt`";
const BY_HAND: &str = "change the baseline by hand if it is meant";
const WAIT: &str = "wait until it is done, and scan again";
const STALE: No = ("the baseline does not say any more what the report was made with", "scan again");
const MASKED: No =
    ("the report masks an e-mail address in it", "scan with --show-personal, or change the baseline by hand");

const BY_NAME: No = (
    "under the new name other entries of the baseline would apply",
    "let them name what they mean exactly, so that the new name is written there too, or change the baseline by hand",
);
const NO_NAME: No = ("its new name would be read as a pattern, an id or a path", BY_HAND);

/// What a finding is adopted from.
#[derive(Clone, Copy)]
struct Case<'a> {
    finding: &'a Finding,
    baseline: &'a Baseline,
    aws: &'a Aws,
    snapshot: Option<&'a Snapshot>,
}

/// The changes that make a finding's state the declared one.
///
/// # Errors
/// The state cannot or should not be declared, or the report and the snapshot do not hold enough of it.
pub fn adoption(
    finding: &Finding,
    baseline: &Baseline,
    snapshot: Option<&Snapshot>,
) -> Result<Vec<Change>, NotAdopted> {
    let refused = |(why, instead)| {
        let places = Vec::new();
        NotAdopted { id: finding.id.clone(), rule: finding.rule, why, places, instead }
    };
    if finding.status == Status::Resolved {
        return Err(refused(("it stands no more", "there is nothing to do")));
    }
    let Some(aws) = &baseline.model.aws else { return Err(refused(STALE)) };
    let changes = changes(&Case { finding, baseline, aws, snapshot }).map_err(refused)?;
    if !matches!(finding.rule, Rule::LinkAccountRenamed | Rule::LinkOuRenamed) {
        return Ok(changes);
    }
    let affected = renaming::affected(baseline, &changes).ok_or_else(|| refused(STALE))?;
    if affected.is_empty() {
        return Ok(changes);
    }
    let places = affected.iter().map(|at| baseline.position(at)).collect();
    Err(NotAdopted { places, ..refused(BY_NAME) })
}

fn changes(case: &Case<'_>) -> Changes {
    match case.finding.by_text() {
        Rule::QuotaRaised | Rule::QuotaLowered => amounts::quota(case),
        Rule::QuotaTemplateChanged => amounts::template(case),
        Rule::QuotaRequestPending => Err(("a request is no state: the provider grants or denies it", WAIT)),
        Rule::QuotaAutoManagement => Err((
            "the baseline declares it once for the whole estate",
            "set `quota_auto_management` if it is meant everywhere",
        )),
        Rule::RegionEnabled | Rule::RegionDisabled => amounts::region(case),
        Rule::RegionZoneGroupEnabled => amounts::zone_group(case),
        Rule::RegionInFlight => Err(("the region is on its way", WAIT)),
        Rule::RegionOpen => Err((
            "that nothing stops it is no rule",
            "attach a service control policy that bans the regions, or allow them by hand if they are meant",
        )),
        Rule::LinkOrganizationChanged => accounts::organization(case),
        Rule::LinkAccountUnexpected => accounts::unexpected(case),
        Rule::LinkAccountMissing => accounts::missing(case),
        Rule::LinkAccountMoved => accounts::moved(case),
        Rule::LinkAccountRenamed => accounts::renamed(case),
        Rule::LinkAccountSuspended => Err((
            "declared accounts are active",
            "exempt it with `guardline exempt` while it is being closed, then take it out",
        )),
        Rule::LinkOuUnexpected => accounts::unit_unexpected(case),
        Rule::LinkOuMissing => accounts::unit_missing(case),
        Rule::LinkOuMoved | Rule::LinkOuRenamed => accounts::unit_elsewhere(case),
        Rule::LinkDelegationChanged if case.finding.aspect == Aspect::ResourcePolicy => policies::delegation(case),
        Rule::LinkDelegationChanged => ties::delegation(case),
        Rule::LinkTrustedServiceChanged => ties::trusted_service(case),
        Rule::LinkHandshakeOpen => Err(("no baseline expects an open handshake", EXEMPT)),
        Rule::LinkResponsibilityTransfer => ties::transfer(case),
        Rule::PolicyMissing => policies::missing(case),
        Rule::PolicyUnexpected => policies::unexpected(case),
        Rule::PolicyChanged => policies::changed(case),
        Rule::PolicyRenamed => policies::renamed(case),
        Rule::PolicyDetached => policies::detached(case),
        Rule::PolicyAttached => policies::attached(case),
        // Their plain difference stands for them.
        Rule::PolicyWeakened | Rule::PolicyTightened | Rule::PolicyUndecided => Err(STALE),
        Rule::PolicyTypeDisabled => policies::type_disabled(case),
        Rule::PolicyTypeEnabled => policies::type_enabled(case),
        Rule::SettingChanged => amounts::setting(case),
        Rule::SettingUnmanaged => amounts::managed(case),
        Rule::AuditTrailWeakened => ties::trail(case),
        Rule::AuditTrailMissing | Rule::AuditTrailStopped | Rule::AuditTrailFailing => Err((
            "without its audit log an estate cannot be explained",
            "repair the trail, or change `audit_logs` by hand",
        )),
        Rule::ExemptionExpired => {
            Err(("what was accepted for a while is not what should be", "renew or end the exemption"))
        }
        Rule::ExemptionUnused | Rule::ExemptionUnbounded | Rule::BaselineUnmatched => {
            Err(("it is about an entry of the baseline itself", "correct that entry by hand"))
        }
    }
}

impl Case<'_> {
    /// Where the finding is, as a rule's `where` says it.
    fn place(&self) -> Value {
        Value::Object(waiver::place(&self.finding.scope, Some(self.aws)))
    }

    fn subject(&self) -> &str {
        &self.finding.subject.id
    }

    /// The state that was read; none when nothing is there.
    fn actual(&self) -> Option<&Value> {
        Some(&self.finding.actual).filter(|actual| !actual.is_null())
    }

    fn actual_text(&self) -> Result<&str, No> {
        self.finding.actual.as_str().ok_or(STALE)
    }
}

/// The text, unless the report hides an address in it.
fn unmasked(text: &str) -> Result<&str, No> {
    if text.contains("***@") { Err(MASKED) } else { Ok(text) }
}

fn append(list: &str, item: Value) -> Vec<Change> {
    vec![Change::Append { list: list.to_owned(), item }]
}

fn set(at: String, value: impl Into<Value>) -> Vec<Change> {
    vec![Change::Set { at, value: value.into() }]
}

fn remove(list: &str, index: Option<usize>) -> Changes {
    let index = index.ok_or(STALE)?;
    Ok(vec![Change::Remove { at: format!("{list}/{index}") }])
}

/// An item from its keys, those without a value left out.
fn item<const N: usize>(keys: [(&str, Value); N]) -> Value {
    let given = keys.into_iter().filter(|(_, value)| !value.is_null() && *value != json!({}));
    Value::Object(given.map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>())
}
