//! Which faults there are: every call of a scan times every effect.
//!
//! In: the calls of an undisturbed scan with their answers, and a seed. Out: trials, each one fault and what may come of it.
//! It never runs one.

use std::time::Duration;

use serde_json::{Value, json};

use crate::double::Call;
use crate::double::faults::{Effect, Fault};

/// What may come of a fault.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Class {
    /// The next try succeeds, or the answer is good in its own way: nothing may differ.
    Passing,
    /// No answer comes: what the call feeds is unknown, unless it can be learned in another way.
    Lasting,
    /// A member of the answer is of another type: what it feeds is unknown, or it is not looked at.
    OtherType,
    /// A member is null, or left out.
    Lost,
    /// A member holds a word that nobody knows.
    Word,
    /// A member of an audit record is damaged: who made a difference is less sure, and everything else as it was.
    Record,
}

/// A word that no enum has.
pub(super) const WORD: &str = "QUANTUM_ENTANGLED";

/// One fault at one call.
#[derive(Clone, Debug)]
pub(super) struct Trial {
    pub(super) call: Call,
    pub(super) class: Class,
    pub(super) fault: Fault,
}

impl Trial {
    fn new(call: &Call, class: Class, effect: Effect) -> Self {
        let fault = Fault::on(&call.action(), effect).account(&call.account).region(&call.region);
        Self { call: call.clone(), class, fault: fault.input(&call.input.to_string()) }
    }

    /// Whether an answer comes later than a scan waits for it.
    pub(super) fn waits(&self, patience: Duration) -> bool {
        matches!(self.fault.effect, Effect::Slow { ms } if u128::from(ms) > patience.as_millis())
    }
}

impl std::fmt::Display for Trial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let fault = serde_json::to_string(&self.fault).map_err(|_| std::fmt::Error)?;
        write!(f, "{:?}: {fault}", self.class)
    }
}

/// SplitMix64: a stream of numbers that a seed repeats on every machine.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `n`.
    pub(super) fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n.max(1) as u64).unwrap_or(0)
    }
}

/// Every call by every effect that hits it whole, each by one of the variations on these and two that pass over as well.
pub(super) fn whole(calls: &[Call], patience: Duration, dice: &mut Dice) -> Vec<Trial> {
    let late = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX) + 1000;
    let lasting = [
        Effect::Denied,
        Effect::Throttled { seconds: Some(60.0) },
        Effect::Internal,
        Effect::Reset,
        Effect::Truncated,
        Effect::Html { status: 200 },
        Effect::Slow { ms: late },
    ];
    let variations = [
        Effect::DeniedByScp,
        Effect::Unavailable,
        Effect::ExpiredToken,
        Effect::Hangup,
        Effect::Cut,
        Effect::Empty,
        Effect::Html { status: 500 },
    ];
    let passing = [
        Effect::Throttled { seconds: None },
        Effect::Internal,
        Effect::Reset,
        Effect::Truncated,
        Effect::Html { status: 200 },
        Effect::Slow { ms: late },
    ];
    let mut trials = Vec::new();
    for call in calls {
        let variation = &variations[dice.below(variations.len())];
        let lasting = lasting.iter().chain([variation]);
        trials.extend(lasting.map(|effect| Trial::new(call, Class::Lasting, effect.clone())));
        let once = Trial::new(call, Class::Passing, passing[dice.below(passing.len())].clone());
        trials.push(Trial { fault: once.fault.times(1), ..once });
        trials.push(Trial::new(call, Class::Passing, Effect::Slow { ms: 30 }));
        if call.operation != "GetEventSelectors" && call.answer.as_ref().is_some_and(is_list) {
            trials.push(endless(call));
            trials.push(Trial::new(call, Class::Passing, Effect::EmptyPageFirst));
        }
    }
    trials
}

/// A list whose pages never end: every page of it is hit, and so only the member that chooses the list is looked at.
fn endless(call: &Call) -> Trial {
    const CHOOSES: [&str; 7] =
        ["ParentId", "AccountId", "ResourceId", "PolicyId", "Filter", "ServiceCode", "LookupAttributes"];
    let trial = Trial::new(call, Class::Lasting, Effect::RepeatedToken);
    let chosen = CHOOSES.iter().find_map(|name| Some((name, call.input.get(name)?)));
    let input = chosen.map(|(name, value)| format!("{}:{value}", json!(name)));
    Trial { fault: Fault { input, ..trial.fault }, ..trial }
}

/// An answer that comes in pages: one list and at most a token.
fn is_list(answer: &Value) -> bool {
    let members = answer.as_object().into_iter().flatten();
    let lists = members.filter(|(_, member)| member.is_array()).count();
    // Neither CloudTrail's `DescribeTrails` nor EC2 has pages.
    let paged = answer
        .as_object()
        .is_some_and(|members| members.keys().all(|name| name.chars().next().is_some_and(char::is_uppercase)));
    lists == 1 && paged
}

/// Damage to one member of one answer.
pub(super) fn damaged(calls: &[Call], dice: &mut Dice) -> Option<Trial> {
    let call = &calls[dice.below(calls.len())];
    let answer = call.answer.as_ref()?;
    let mut members = Vec::new();
    walk(answer, "", &mut members);
    if members.is_empty() {
        return None;
    }
    let (path, value) = &members[dice.below(members.len())];
    // By leaving an attribute out EC2 says that there is no preference.
    if path.starts_with("accountLevel.") && call.operation == "GetInstanceMetadataDefaults" {
        return None;
    }
    let set = |value: Value| Effect::Set { path: path.clone(), value };
    let (class, effect) = match dice.below(4) {
        0 => (Class::OtherType, set(other_type(value))),
        1 => (Class::Lost, set(Value::Null)),
        2 => (Class::Lost, Effect::Remove { path: path.clone() }),
        _ => match value.as_str().filter(|_| is_word(path, value)) {
            Some(_) => (Class::Word, set(json!(WORD))),
            None => (Class::OtherType, set(other_type(value))),
        },
    };
    Some(Trial::new(call, class, effect))
}

/// The parts of an audit record in which a word that nobody knows is one.
const SAYS_WHAT: [&str; 4] = ["errorCode", "eventTime", "eventType", "userIdentity.type"];

/// Damage to every member of every audit record that was found: each in one of the ways there are.
pub(super) fn records(calls: &[Call], dice: &mut Dice) -> Vec<Trial> {
    let mut trials = Vec::new();
    for call in calls.iter().filter(|call| call.operation == "LookupEvents") {
        let events = call.answer.as_ref().and_then(|answer| answer["Events"].as_array()).into_iter().flatten();
        for (n, event) in events.enumerate() {
            let record: Option<Value> =
                event["CloudTrailEvent"].as_str().and_then(|text| serde_json::from_str(text).ok());
            let Some(record) = record else { continue };
            let mut members = Vec::new();
            walk(&record, "", &mut members);
            for (path, value) in members {
                // A change that sets one attribute says nothing of the others.
                let optional = ["requestParameters.content", "requestParameters.name"].contains(&path.as_str());
                let inner = match dice.below(4) {
                    _ if optional => Effect::Set { path, value: other_type(value) },
                    0 => Effect::Set { path, value: Value::Null },
                    1 => Effect::Remove { path },
                    2 => Effect::Set { path, value: other_type(value) },
                    // Another account, principal, service or subject is no damage that anybody could see.
                    _ if value.is_string() && SAYS_WHAT.iter().any(|part| path.starts_with(part)) => {
                        Effect::Set { path, value: json!(WORD) }
                    }
                    _ => Effect::Set { path, value: other_type(value) },
                };
                let text = inner.applied(record.clone()).to_string();
                let set = Effect::Set { path: format!("Events.{n}.CloudTrailEvent"), value: json!(text) };
                trials.push(Trial::new(call, Class::Record, set));
            }
        }
    }
    trials
}

/// Every member of an answer, with the dotted way to it. Items of a list are members that cannot be left out.
fn walk<'a>(value: &'a Value, at: &str, members: &mut Vec<(String, &'a Value)>) {
    let below = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
    match value {
        Value::Object(map) => {
            for (name, member) in map {
                members.push((below(name), member));
                walk(member, &below(name), members);
            }
        }
        Value::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                walk(item, &below(&n.to_string()), members);
            }
        }
        _ => {}
    }
}

/// A value that no deserialiser takes for the one that belongs there.
fn other_type(value: &Value) -> Value {
    match value {
        Value::Null => json!({"odd": [1]}),
        Value::Bool(_) => json!("perhaps"),
        Value::Number(_) => json!("many"),
        Value::String(_) => json!({"odd": [1]}),
        Value::Array(_) => json!("none"),
        Value::Object(_) => json!("none"),
    }
}

/// Members that are enums in AWS's models.
fn is_word(path: &str, value: &Value) -> bool {
    const WORDS: [&str; 26] = [
        "State",
        "Status",
        "JoinedMethod",
        "Type",
        "FeatureSet",
        "RegionOptStatus",
        "optInStatus",
        "OptInStatus",
        "OptInType",
        "OptInLevel",
        "Action",
        "ReadWriteType",
        "ServiceQuotaTemplateAssociationStatus",
        "RequestType",
        "QuotaAppliedAtLevel",
        "QuotaRequestedAtLevel",
        "state",
        "httpTokens",
        "internetGatewayBlockMode",
        "exclusionsAllowed",
        "managedBy",
        "imageBlockPublicAccessState",
        "zoneType",
        "ContextScope",
        "AdjustableAtLevel",
        "BillingMode",
    ];
    let name = path.rsplit('.').next().unwrap_or_default();
    // By its name a policy type is told from others: another name is another type.
    if path.contains("PolicyTypes.") && name == "Type" {
        return false;
    }
    value.is_string() && WORDS.contains(&name)
}
