//! What is reported: every drift with its severity, its author, and what the baseline says about accepting it.
//!
//! In: drift with its attribution, the baseline, the snapshot, and the time. Out: [`Finding`]s in a stable order, each
//! with an id that stays the same from run to run. It never compares, never looks for an author, and never drops a drift:
//! an exempt or approved one is still a finding.

mod adoption;
mod approval;
mod ending;
mod exemption;
mod facts;
mod guardrail;
mod identity;
mod places;
mod rules;
mod state;
mod undo;
mod waiver;
mod weakening;
mod who;
mod wording;

use std::cmp::Reverse;
use std::collections::BTreeSet;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::audit::{Attribution, Confidence, EventRecord, Outcome, Principal};
use crate::baseline::model::{Category, Severity};
use crate::baseline::{Baseline, Position};
use crate::compare::{Aspect, Direction, Drift, Rule, Subject, by_text};
use crate::estate::{Kind, Scope, Snapshot};
use crate::policy::cause::Cause;
use crate::policy::comparison::Witness;
use crate::policy::decide::Extent;

pub use adoption::{NotAdopted, adoption};
pub use ending::ending;
pub use identity::id;
pub use rules::{RuleEntry, rule_table};
pub use state::bound;
pub use undo::{Step, meaning, steps};
pub use waiver::{Terms, WaiverError, waiver};
pub use wording::plain;

use facts::Facts;
use places::Places;

/// Whether somebody has to look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nothing in the baseline accepts it.
    Open,
    /// An exemption accepts the state it is in.
    Exempt,
    /// A declared change accounts for it: made by the right identity, in time, to the right state.
    Approved,
    /// It stood in an earlier run and stands no more.
    Resolved,
}

impl Status {
    /// The word used in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Exempt => "exempt",
            Self::Approved => "approved",
            Self::Resolved => "resolved",
        }
    }
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// Stable across runs, renames and verdicts: `gl-` and 16 hexadecimal digits, see [`id`].
    #[schemars(regex(pattern = "^gl-[0-9a-f]{16}$"))]
    pub id: String,
    /// The rule it breaks, such as `quota.raised`. New rules may come within this version of the format.
    #[schemars(with = "String")]
    pub rule: Rule,
    /// Of which kind it is.
    pub kind: Kind,
    /// What about the subject drifted.
    pub aspect: Aspect,
    /// How bad it is.
    pub severity: Severity,
    /// Whether somebody has to look at it.
    pub status: Status,
    /// Whether the difference takes protection away.
    pub direction: Direction,
    /// What was found, in one sentence. Holds attacker-controlled text.
    pub title: String,
    /// Where.
    pub scope: Scope,
    /// The name of the account: the declared one, else the live one. Attacker-controlled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_name: Option<String>,
    /// About what.
    pub subject: Subject,
    /// What the baseline says.
    pub expected: Value,
    /// What was read. Attacker-controlled.
    pub actual: Value,
    /// The place in the baseline that it is held against.
    pub baseline: Option<Position>,
    /// Requests that are possible now and were not before, each confirmed by the evaluator.
    pub witnesses: Vec<Witness>,
    /// The accounts that may do more or less by it, by id.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub accounts: BTreeSet<String>,
    /// The organisational units that these accounts hang on, by path. Attacker-controlled.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub units: BTreeSet<String>,
    /// How many distinct stacks of policies bind these accounts.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub stacks: usize,
    /// How much is newly possible, by the stack where that is most; none where nothing is, or nobody looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extent: Option<Extent>,
    /// What makes it possible, that which lets most through first. The sentences hold attacker-controlled text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<Cause>,
    /// Why a cause may be more than it must be, or may be missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causes_incomplete: Option<String>,
    /// Who made the change, as far as it is proven; none where nothing was looked for.
    pub attribution: Option<Authorship>,
    /// Every approved change that accounts for it.
    pub approved_by: Vec<Approval>,
    /// Every exemption that accepts it.
    pub exempted_by: Vec<Acceptance>,
    /// Near misses and other things worth knowing: `CHG-4711 ended, still 640`. Hold attacker-controlled text.
    pub notes: Vec<String>,
    /// When a run first found it.
    #[schemars(with = "String")]
    pub first_seen: Timestamp,
    /// When a run last found it.
    #[schemars(with = "String")]
    pub last_seen: Timestamp,
    /// MITRE ATT&CK techniques (`T1578.005`) and analytics (`AN1356`).
    pub attack: Vec<String>,
    /// Controls of compliance frameworks that it touches.
    pub controls: Vec<Control>,
    /// What to do about it.
    pub remediation: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
const fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Finding {
    /// The rule of the plain difference, where its meaning was judged: what was edited, attached or is missing.
    #[must_use]
    pub fn by_text(&self) -> Rule {
        by_text(self.rule, self.aspect, &self.expected, &self.actual)
    }
}

/// A control of a compliance framework.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Control {
    /// The framework and its version.
    pub framework: String,
    /// The control's id in it.
    pub id: String,
}

/// An approved change that accounts for a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// The ticket.
    pub id: String,
    /// Why the change is wanted.
    pub reason: String,
    /// How long the difference may stand, as the baseline writes it.
    pub accepted_until: String,
    /// Where it is declared.
    pub baseline: Position,
}

/// An exemption that accepts a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Acceptance {
    /// Its name, else what it matches.
    pub id: String,
    /// Why it is accepted.
    pub reason: String,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Whether the risk is carried or countered elsewhere.
    pub category: Category,
    /// Until when, as the baseline writes it.
    pub expires: String,
    /// Where it is declared.
    pub baseline: Position,
}

/// Who made a change, as a finding reports it: the attribution, and which approved change it fits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Authorship {
    /// How the search ended.
    pub outcome: Outcome,
    /// How sure it is.
    pub confidence: Confidence,
    /// Why it ended so, in a sentence.
    pub reason: String,
    /// The event that explains it first, then other candidates, newest first.
    pub events: Vec<EventRecord>,
    /// Attempts on the same subject that were refused, newest first.
    pub attempts: Vec<EventRecord>,
    /// Who, if it is attributed.
    pub principal: Option<Principal>,
    /// The identities behind the principal, nearest first, as far as the records at hand show them.
    pub chain: Vec<Principal>,
    /// From where.
    pub source_ip: Option<String>,
    /// With what. Attacker-controlled.
    pub user_agent: Option<String>,
    /// Whether multi-factor authentication stood behind it.
    pub mfa: Option<bool>,
    /// The first approved change that accounts for it.
    pub approved_change: Option<String>,
}

impl Authorship {
    fn new(attribution: &Attribution, approved_change: Option<String>) -> Self {
        let Attribution { outcome, confidence, reason, events, attempts, principal, chain, source_ip, user_agent, mfa } =
            attribution.clone();
        Self {
            outcome,
            confidence,
            reason,
            events,
            attempts,
            principal,
            chain,
            source_ip,
            user_agent,
            mfa,
            approved_change,
        }
    }
}

/// What findings are made from.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// What should be.
    pub baseline: &'a Baseline,
    /// What is.
    pub snapshot: &'a Snapshot,
    /// Every difference, with who made it where that was looked for.
    pub changes: &'a [(Drift, Option<Attribution>)],
    /// The time of the run.
    pub now: Timestamp,
}

/// Every drift as a finding, and what is wrong with the exemptions themselves; worst first, then by rule, scope, subject.
#[must_use]
pub fn findings(inputs: &Inputs<'_>) -> Vec<Finding> {
    let places = Places::new(&inputs.baseline.model, inputs.snapshot);
    let mut ledger = exemption::Ledger::new(inputs);
    let mut found: Vec<Finding> = inputs
        .changes
        .iter()
        .map(|(drift, attribution)| {
            let facts = Facts::new(drift, &places, inputs);
            let mut finding = describe(drift, &facts, inputs);
            let approved = approval::judge(inputs, &facts, drift, attribution.as_ref(), &places);
            let exempt = ledger.judge(&facts, drift);
            finding.status = match (approved.matches.is_empty(), exempt.matches.is_empty()) {
                (false, _) => Status::Approved,
                (true, false) => Status::Exempt,
                (true, true) => Status::Open,
            };
            let change = approved.matches.first().map(|approval| approval.id.clone());
            finding.attribution = attribution.as_ref().map(|attribution| Authorship::new(attribution, change));
            finding.notes.extend([approved.notes, exempt.notes].concat());
            finding.approved_by = approved.matches;
            finding.exempted_by = exempt.matches;
            finding
        })
        .collect();
    found.extend(ledger.health(inputs, &places).iter().map(|drift| {
        let facts = Facts::new(drift, &places, inputs);
        describe(drift, &facts, inputs)
    }));
    sort(&mut found);
    found
}

/// The order of every report: worst first, then by rule, scope and subject.
fn sort(found: &mut [Finding]) {
    found.sort_by(|a, b| {
        let key = |finding: &Finding| (Reverse(finding.severity), finding.rule.as_str());
        (key(a), &a.scope, &a.subject, &a.id).cmp(&(key(b), &b.scope, &b.subject, &b.id))
    });
}

/// A drift as an open finding of nobody.
fn describe(drift: &Drift, facts: &Facts, inputs: &Inputs<'_>) -> Finding {
    let entry = rules::entry(drift.rule);
    // A policy that says the same in other words takes nothing away.
    let harmless = drift.kind == Kind::Policy && drift.guardrail.is_some() && drift.direction == Direction::Equivalent;
    let by_size = drift.guardrail.as_ref().filter(|_| drift.rule == Rule::PolicyWeakened).and_then(weakening::severity);
    let shipped = if harmless { Severity::Info } else { by_size.unwrap_or(entry.severity) };
    let judged = drift.guardrail.clone().unwrap_or_default();
    let severity = inputs.baseline.model.severity.get(drift.rule.as_str()).copied().unwrap_or(shipped);
    Finding {
        id: facts.finding.clone(),
        rule: drift.rule,
        kind: drift.kind,
        aspect: drift.aspect,
        severity,
        status: Status::Open,
        direction: drift.direction,
        title: wording::title(&entry.title, drift, facts.account_name.as_deref()),
        scope: drift.scope.clone(),
        account_name: facts.account_name.clone(),
        subject: drift.subject.clone(),
        expected: drift.expected.clone(),
        actual: drift.actual.clone(),
        baseline: drift.position.clone(),
        witnesses: judged.witnesses,
        accounts: judged.accounts,
        units: judged.units,
        stacks: judged.stacks,
        extent: judged.extent,
        causes: judged.causes,
        causes_incomplete: judged.causes_incomplete,
        attribution: None,
        approved_by: Vec::new(),
        exempted_by: Vec::new(),
        notes: guardrail::notes(drift, inputs.snapshot),
        first_seen: inputs.now,
        last_seen: inputs.now,
        attack: entry.attack.clone(),
        controls: Vec::new(),
        remediation: entry.remediation.trim().to_owned(),
    }
}

#[cfg(test)]
mod tests;
