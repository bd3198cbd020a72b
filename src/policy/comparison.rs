//! What a change of guardrails comes to. In come the documents of both sides; out come the verdict, requests that show it,
//! how much is let through, why, and what was taken for granted. Never reads a file, and never says "not weaker" where the
//! decision procedure could not prove it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    cause::{self, Cause, Causes, Place},
    decide::{Decision, Direction, Engine, Extent, Options, Verdict},
    declarative::{Attribute, order},
    document::Kind,
    levels::{Form, Guardrails},
    request::Request,
    stack::Stack,
};
use crate::baseline::Position;

/// A change of guardrails, judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// Whether the new side lets more through.
    pub verdict: Verdict,
    /// Why something cannot be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Requests that the new side allows and the old one denies.
    pub witnesses: Vec<Witness>,
    /// Requests that the old side allows and the new one denies.
    pub stopped: Vec<Witness>,
    /// How much is newly let through; none where nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extent: Option<Extent>,
    /// Settings of declarative and management policies that differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<Attribute>,
    /// The edits that let more through, those that let most through first.
    pub causes: Vec<Cause>,
    /// Why a cause may be more than it must be, or may be missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub causes_incomplete: Option<String>,
    /// What was taken for granted beyond the documents.
    pub assumed: Vec<String>,
    /// What AWS would not take; it was compared all the same.
    pub refused_by_aws: Vec<Refused>,
}

/// A request that shows a difference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Witness {
    /// Which of the guardrails it shows: `scp`, `rcp`, `identity` or `resource`.
    pub guardrail: String,
    /// The request.
    #[serde(flatten)]
    pub request: Request,
}

/// What AWS would not take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    /// `old` or `new`.
    pub side: String,
    /// Where it stands.
    pub position: Position,
    /// AWS's reason.
    pub reason: String,
}

/// Compares two sides.
#[must_use]
pub fn compare(mut old: Guardrails, mut new: Guardrails, options: &Options) -> Comparison {
    assume(&mut old, &mut new);
    let mut comparison = Comparison {
        verdict: Verdict::Equivalent,
        reason: None,
        witnesses: Vec::new(),
        stopped: Vec::new(),
        extent: None,
        attributes: Vec::new(),
        causes: Vec::new(),
        causes_incomplete: None,
        assumed: assumed(&old, &new, options),
        refused_by_aws: refused("old", &old).chain(refused("new", &new)).collect(),
    };
    let kinds = Kind::ALL.into_iter().filter(|kind| old.stack(*kind).or(new.stack(*kind)).is_some());
    for kind in kinds {
        let nothing = Stack { kind, levels: Vec::new() };
        let stacks = (old.stack(kind).unwrap_or(&nothing), new.stack(kind).unwrap_or(&nothing));
        if comparison.take(kind, stacks.0, stacks.1, options) {
            let causes = cause::find(stacks.0, stacks.1, options);
            comparison.explain(causes, &old, &new);
        }
    }
    if old.declarative.is_some() || new.declarative.is_some() {
        comparison.take_settings(order::differences(&old.settings(), &new.settings()));
    }
    comparison
}

impl Comparison {
    /// Judges settings that differ.
    fn take_settings(&mut self, attributes: Vec<Attribute>) {
        for attribute in &attributes {
            self.verdict = self.verdict.and(attribute.direction);
            if attribute.direction == Verdict::Unknown && self.reason.is_none() {
                self.reason = Some(format!("of `{}` it cannot be told: {}", attribute.path, attribute.reason));
            }
        }
        self.attributes = attributes;
    }

    /// Judges one of the guardrails: whether more gets through.
    fn take(&mut self, kind: Kind, old: &Stack, new: &Stack, options: &Options) -> bool {
        if old == new {
            return false;
        }
        let engine = match Engine::new([old, new], options) {
            Ok(engine) => engine,
            Err(why) => {
                self.verdict = self.verdict.and(Verdict::Unknown);
                self.reason = Some(why);
                return false;
            }
        };
        let decision = engine.decide(old, new);
        self.verdict = self.verdict.and(decision.verdict());
        self.reason = self.reason.take().or_else(|| decision.reason());
        let Decision { weaker, stricter } = decision;
        let is_weaker = matches!(weaker, Direction::Some(_));
        if is_weaker {
            // Of two guardrails, what the one lets through that lets more through.
            let extent = engine.extent(old, new);
            let is_more = self.extent.as_ref().is_none_or(|before| before.actions < extent.actions);
            if is_more {
                self.extent = Some(extent);
            }
        }
        let shown = |direction: Direction| {
            let requests = if let Direction::Some(requests) = direction { requests } else { Vec::new() };
            requests.into_iter().map(move |request| Witness { guardrail: kind.word().to_owned(), request })
        };
        self.witnesses.extend(shown(weaker));
        self.stopped.extend(shown(stricter));
        is_weaker
    }

    /// Takes down why one of the guardrails is weaker.
    fn explain(&mut self, causes: Causes, old: &Guardrails, new: &Guardrails) {
        let before = self.causes.iter().filter_map(|cause| cause.together).max().unwrap_or(0);
        self.causes.extend(causes.list.into_iter().map(|(cause, place)| {
            let position = place.and_then(|place| match place {
                // What was put beside the documents stands nowhere.
                Place::Old(span) | Place::New(span) if span.start == span.end => None,
                Place::Old(span) => Some(old.sources.position(span)),
                Place::New(span) => Some(new.sources.position(span)),
            });
            Cause { position, together: cause.together.map(|number| number + before), ..cause }
        }));
        self.causes_incomplete = self.causes_incomplete.take().or(causes.incomplete);
    }
}

/// Beside single documents of service control policies stands `FullAWSAccess`, exactly when neither side holds an Allow.
fn assume(old: &mut Guardrails, new: &mut Guardrails) {
    let is_alone = |side: &Guardrails| side.form == Form::Documents && side.stack(Kind::Scp).is_some();
    if !is_alone(old) && !is_alone(new) {
        return;
    }
    if old.holds_an_allow() || new.holds_an_allow() {
        let said = "`FullAWSAccess` does not stand beside the documents, since one side holds an Allow";
        new.assumed.push(said.to_owned());
        return;
    }
    for side in [old, new].into_iter().filter(|side| is_alone(side)) {
        side.put_full_access_beside();
    }
}

fn assumed(old: &Guardrails, new: &Guardrails, options: &Options) -> Vec<String> {
    let mut assumed = old.assumed.clone();
    assumed.extend(new.assumed.iter().filter(|said| !old.assumed.contains(said)).cloned());
    assumed.extend(options.bind.iter().map(|(key, value)| format!("`{key}` is `{value}` in every request")));
    assumed
}

fn refused<'a>(side: &'a str, guardrails: &Guardrails) -> impl Iterator<Item = Refused> + use<'a> {
    guardrails.refused().into_iter().map(move |refused| Refused {
        side: side.to_owned(),
        position: refused.position,
        reason: refused.reason,
    })
}
