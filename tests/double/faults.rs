//! Faults on purpose: rules that match calls, and what happens to those.
//!
//! In: a list of [`Fault`], from a test or from JSON, and each call as it comes. Out: the effect that hits it, if
//! any, and answers damaged in the way it says. Effects on the connection itself are carried out by the server.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use wildmatch::WildMatch;

use super::ask::Answer;
use super::refusal::{Cause, Refusal, refuse};
use super::wire::Request;

/// A rule: the first one that matches a call hits it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// `service:Operation`, `*` and `?` allowed.
    pub operation: String,
    /// The calling account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// A part of the input, such as `"ServiceCode":"ec2"`, that must be in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// The first matching call that is hit, counted from 1.
    #[serde(default = "one")]
    pub from: u64,
    /// How many are hit; absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// Only each so-many-th of them is.
    #[serde(default = "one")]
    pub every: u64,
    pub effect: Effect,
}

fn one() -> u64 {
    1
}

/// What happens to a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Access denied, as this service says it.
    Denied,
    /// Denied by a service control policy.
    DeniedByScp,
    /// Throttled; with seconds, from the first hit on for so long.
    Throttled {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seconds: Option<f64>,
    },
    /// The service's own 500.
    Internal,
    /// The service's own 503.
    Unavailable,
    /// The session is over.
    ExpiredToken,
    /// The request's time is too far from the server's.
    ClockSkew,
    /// An error of the test's choice.
    Error { status: u16, code: String, message: String },
    /// Half of the body, then a reset connection.
    Reset,
    /// The connection is reset before any answer.
    Hangup,
    /// Half of the body under the whole one's `Content-Length`, then the end of the connection.
    Truncated,
    /// Half of the body, its `Content-Length` right: only the parser can tell.
    Cut,
    /// 200 and no body.
    Empty,
    /// An HTML page in place of the answer.
    Html { status: u16 },
    /// 200 and this text as the body.
    Body { text: String },
    /// The answer comes late.
    Slow { ms: u64 },
    /// A member of the answer is replaced; `path` is dotted, `*` stands for every item or member.
    Set { path: String, value: Value },
    /// A member of the answer is left out.
    Remove { path: String },
    /// The same token comes back for ever.
    RepeatedToken,
    /// The first page is empty and carries a token.
    EmptyPageFirst,
}

impl Fault {
    /// A rule for every call of an operation.
    pub fn on(operation: &str, effect: Effect) -> Self {
        let operation = operation.to_owned();
        Self { operation, account: None, region: None, input: None, from: 1, times: None, every: 1, effect }
    }

    pub fn account(mut self, id: &str) -> Self {
        self.account = Some(id.to_owned());
        self
    }

    pub fn region(mut self, name: &str) -> Self {
        self.region = Some(name.to_owned());
        self
    }

    /// Only calls whose input, as compact JSON, holds this text.
    pub fn input(mut self, text: &str) -> Self {
        self.input = Some(text.to_owned());
        self
    }

    /// Only so many calls are hit.
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// Calls before the `n`th are spared.
    pub fn from(mut self, n: u64) -> Self {
        self.from = n;
        self
    }

    /// Only each `n`th call is hit.
    pub fn every(mut self, n: u64) -> Self {
        self.every = n;
        self
    }

    fn matches(&self, request: &Request, account: &str) -> bool {
        let action = format!("{}:{}", request.service, request.operation);
        WildMatch::new(&self.operation).matches(&action)
            && self.account.as_deref().is_none_or(|id| id == account)
            && self.region.as_deref().is_none_or(|name| name == request.region)
            && self.input.as_deref().is_none_or(|text| request.input.to_string().contains(text))
    }
}

/// The rules of a server, with what they have seen.
#[derive(Debug, Default)]
pub struct Faults(Vec<Armed>);

#[derive(Debug)]
struct Armed {
    fault: Fault,
    seen: u64,
    hit: u64,
    first_hit: Option<Instant>,
}

impl Faults {
    pub fn new(faults: Vec<Fault>) -> Self {
        Self(faults.into_iter().map(|fault| Armed { fault, seen: 0, hit: 0, first_hit: None }).collect())
    }

    /// The effect that hits this call; each matching rule counts it.
    pub fn strike(&mut self, request: &Request, account: &str) -> Option<Effect> {
        let mut effect = None;
        for armed in self.0.iter_mut().filter(|armed| armed.fault.matches(request, account)) {
            armed.seen += 1;
            if effect.is_none() && armed.due() {
                armed.hit += 1;
                armed.first_hit.get_or_insert_with(Instant::now);
                effect = Some(armed.fault.effect.clone());
            }
        }
        effect
    }
}

impl Armed {
    fn due(&self) -> bool {
        let Fault { from, times, every, effect, .. } = &self.fault;
        let place = self.seen >= *from && (self.seen - from).is_multiple_of((*every).max(1));
        let left = times.is_none_or(|times| self.hit < times);
        let in_time = match (effect, self.first_hit) {
            (Effect::Throttled { seconds: Some(seconds) }, Some(at)) => {
                at.elapsed() < Duration::from_secs_f64(*seconds)
            }
            _ => true,
        };
        place && left && in_time
    }
}

impl Effect {
    /// The refusal this effect gives in place of an answer, if it is one.
    pub fn refusal(&self, request: &Request, who: &str) -> Option<Refusal> {
        let cause = match self {
            Effect::Denied => Cause::Denied,
            Effect::DeniedByScp => Cause::DeniedByScp,
            Effect::Throttled { .. } => Cause::Throttled,
            Effect::Internal => Cause::Internal,
            Effect::Unavailable => Cause::Unavailable,
            Effect::ExpiredToken => Cause::Expired,
            Effect::ClockSkew => Cause::Skewed,
            Effect::Error { status, code, message } => return Some(Refusal::new(*status, code, message.clone())),
            _ => return None,
        };
        Some(refuse(cause, request, who))
    }

    /// The bytes this effect puts in place of an answer, with their status and type.
    pub fn page(&self) -> Option<(u16, &'static str, String)> {
        match self {
            Effect::Empty => Some((200, "application/x-amz-json-1.1", String::new())),
            Effect::Body { text } => Some((200, "application/x-amz-json-1.1", text.clone())),
            Effect::Html { status } => {
                let page =
                    "<!DOCTYPE html><html><head><title>Sign in</title></head><body><h1>It works</h1></body></html>";
                Some((*status, "text/html; charset=utf-8", page.to_owned()))
            }
            _ => None,
        }
    }

    /// The answer, changed.
    pub fn damage(&self, request: &Request, answer: Answer) -> Answer {
        let mut output = answer?;
        match self {
            Effect::Set { .. } | Effect::Remove { .. } => output = self.applied(output),
            Effect::RepeatedToken => {
                let token = request.input.get("NextToken").cloned().unwrap_or_else(|| json!("again-and-again"));
                output["NextToken"] = token;
            }
            Effect::EmptyPageFirst if request.input.get("NextToken").is_none() => empty_lists(&mut output),
            _ => {}
        }
        Ok(output)
    }

    /// A value in which a member was replaced or left out.
    pub fn applied(&self, mut value: Value) -> Value {
        match self {
            Effect::Set { path, value: other } => change(&mut value, path, Some(other)),
            Effect::Remove { path } => change(&mut value, path, None),
            _ => {}
        }
        value
    }

    /// Whether a request's token is one that this effect has made, and the service must not see it.
    pub fn own_token(token: Option<&str>) -> bool {
        matches!(token, Some("again-and-again" | "after-an-empty-page"))
    }
}

/// Empties the lists of a page and leaves a token that leads to the true first page.
fn empty_lists(output: &mut Value) {
    for member in output.as_object_mut().into_iter().flat_map(|members| members.values_mut()) {
        if let Some(items) = member.as_array_mut() {
            items.clear();
        }
    }
    output["NextToken"] = json!("after-an-empty-page");
}

/// Sets or removes what a dotted path leads to.
fn change(at: &mut Value, path: &str, value: Option<&Value>) {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    if name == "*" {
        let below: Vec<&mut Value> = match at {
            Value::Array(items) => items.iter_mut().collect(),
            Value::Object(members) => members.values_mut().collect(),
            _ => Vec::new(),
        };
        for item in below {
            match rest {
                Some(rest) => change(item, rest, value),
                None => *item = value.cloned().unwrap_or_default(),
            }
        }
        return;
    }
    match (at, rest) {
        (Value::Array(items), rest) => {
            let Some(item) = name.parse::<usize>().ok().and_then(|n| items.get_mut(n)) else { return };
            match rest {
                Some(rest) => change(item, rest, value),
                None => *item = value.cloned().unwrap_or_default(),
            }
        }
        (Value::Object(members), Some(rest)) => {
            if let Some(member) = members.get_mut(name) {
                change(member, rest, value);
            }
        }
        (Value::Object(members), None) => match value {
            Some(value) => drop(members.insert(name.to_owned(), value.clone())),
            None => drop(members.remove(name)),
        },
        _ => {}
    }
}
