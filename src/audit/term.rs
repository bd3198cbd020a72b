//! How the table of change events says where something stands in a record.
//!
//! In: a term of the table and one event. Out: the value, or that it is hidden or not there. It never guesses a value.
//!
//! | written | means |
//! |---|---|
//! | `requestParameters.policyId` | the field at that path, in any case |
//! | `recipientAccountId` | the account in whose log the record stands |
//! | `requestParameters.name\|arn` | the same, only if it is an ARN |
//! | `requestParameters.name\|name` | what follows the last `/` |
//! | `requestParameters.eventSelectors\|management-events` | which management events a trail's selectors record |
//! | `=detached` | always this |
//! | `?` | the record never says |
//! | `[first, second]` | the first that is there |
//! | `{from: path, words: {Theirs: ours}}` | the word that stands for theirs; hidden if there is none |
//! | `{object: {key: term}}` | an object of those that are there |

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::event::Event;
use super::field::{flag_at, text_at};

/// Where something stands in a record.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Term {
    One(Place),
    First(Vec<Term>),
    Words(WordsTerm),
    Object(ObjectTerm),
}

/// Words of the provider and ours for them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WordsTerm {
    from: Box<Term>,
    words: BTreeMap<String, String>,
}

/// An object made of several fields.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ObjectTerm {
    object: BTreeMap<String, Term>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) enum Place {
    Constant(Value),
    NeverSaid,
    LogAccount,
    Path(String, Option<Filter>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filter {
    Arn,
    Name,
    ManagementEvents,
}

/// What a record says at one place.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Reading {
    Known(Value),
    /// It is in the record, but masked or not to be understood.
    Hidden,
    Missing,
}

const ROOTS: [&str; 5] =
    ["requestParameters.", "responseElements.", "serviceEventDetails.", "additionalEventData.", "userIdentity."];

impl TryFrom<String> for Place {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if let Some(constant) = text.strip_prefix('=') {
            return Ok(Self::Constant(json_or_text(constant)));
        }
        let (path, filter) = match text.split_once('|') {
            None => (text.as_str(), None),
            Some((path, "arn")) => (path, Some(Filter::Arn)),
            Some((path, "name")) => (path, Some(Filter::Name)),
            Some((path, "management-events")) => (path, Some(Filter::ManagementEvents)),
            Some((_, other)) => return Err(format!("`{other}` is not a filter")),
        };
        match path {
            "?" => Ok(Self::NeverSaid),
            "recipientAccountId" => Ok(Self::LogAccount),
            _ if ROOTS.iter().any(|root| path.starts_with(root)) => Ok(Self::Path(path.to_owned(), filter)),
            _ => Err(format!("`{path}` is not a place in a record")),
        }
    }
}

impl Term {
    /// The value that does not hang on the record, if this is one.
    pub(super) fn constant(&self) -> Option<&Value> {
        match self {
            Self::One(Place::Constant(value)) => Some(value),
            _ => None,
        }
    }

    pub(super) fn read(&self, event: &Event) -> Reading {
        match self {
            Self::One(place) => place.read(event),
            Self::First(terms) => {
                let mut readings = terms.iter().map(|term| term.read(event));
                readings.find(|reading| *reading != Reading::Missing).unwrap_or(Reading::Missing)
            }
            Self::Words(WordsTerm { from, words }) => match from.read(event) {
                Reading::Known(Value::String(word)) => {
                    words.get(&word).map_or(Reading::Hidden, |ours| Reading::Known(json_or_text(ours)))
                }
                Reading::Known(_) | Reading::Hidden => Reading::Hidden,
                Reading::Missing => Reading::Missing,
            },
            Self::Object(ObjectTerm { object }) => {
                let mut fields = serde_json::Map::new();
                for (key, term) in object {
                    match term.read(event) {
                        Reading::Known(value) => drop(fields.insert(key.clone(), value)),
                        Reading::Hidden => return Reading::Hidden,
                        Reading::Missing => {}
                    }
                }
                if fields.is_empty() { Reading::Missing } else { Reading::Known(Value::Object(fields)) }
            }
        }
    }
}

impl Place {
    fn read(&self, event: &Event) -> Reading {
        match self {
            Self::Constant(value) => Reading::Known(value.clone()),
            Self::NeverSaid => Reading::Hidden,
            Self::LogAccount => match &event.account {
                Some(account) => Reading::Known(Value::String(account.clone())),
                None => Reading::Missing,
            },
            Self::Path(path, filter) => match event.at(path) {
                None => Reading::Missing,
                Some(value) if is_hidden(value) => Reading::Hidden,
                Some(value) => filter.map_or_else(|| Reading::Known(value.clone()), |filter| filter.apply(value)),
            },
        }
    }
}

impl Filter {
    fn apply(self, value: &Value) -> Reading {
        let text = value.as_str().unwrap_or_default();
        let known = |text: &str| Reading::Known(Value::String(text.to_owned()));
        match self {
            Self::Arn if text.starts_with("arn:") => known(text),
            Self::Arn => Reading::Missing,
            Self::Name => text.rsplit('/').next().filter(|name| !name.is_empty()).map_or(Reading::Missing, known),
            Self::ManagementEvents => management_events(value).map_or(Reading::Hidden, known),
        }
    }
}

/// Which management events a trail's selectors record, taken together. Sources that they leave out are another matter.
///
/// Source: <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_EventSelector.html>
fn management_events(selectors: &Value) -> Option<&'static str> {
    let (mut reads, mut writes) = (false, false);
    for selector in selectors.as_array()? {
        if !flag_at(selector, "includeManagementEvents").unwrap_or(true) {
            continue;
        }
        match text_at(selector, "readWriteType").as_deref() {
            None | Some("All") => (reads, writes) = (true, true),
            Some("ReadOnly") => reads = true,
            Some("WriteOnly") => writes = true,
            Some(_) => return None,
        }
    }
    Some(match (reads, writes) {
        (true, true) => "all",
        (true, false) => "read",
        (false, true) => "write",
        (false, false) => "none",
    })
}

/// Services write these in the place of a value that they do not log.
fn is_hidden(value: &Value) -> bool {
    value.as_str().is_some_and(|text| {
        text == "HIDDEN_DUE_TO_SECURITY_REASONS" || (!text.is_empty() && text.chars().all(|c| c == '*'))
    })
}

/// JSON where the text is JSON, else the text.
pub(super) fn json_or_text(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event(request: &Value) -> Event {
        Event::read(&json!({
            "eventID": "e", "eventTime": "2026-11-03T17:00:15Z", "eventSource": "s", "eventName": "N",
            "recipientAccountId": "111111111111", "requestParameters": request,
        }))
        .unwrap()
    }

    fn read(term: &str, request: &Value) -> Reading {
        serde_yaml::from_str::<Term>(term).unwrap().read(&event(request))
    }

    #[test]
    fn every_way_to_write_a_term() {
        let request = json!({
            "Name": "arn:aws:cloudtrail:eu-west-1:1:trail/main", "plain": "main", "secret": "HIDDEN_DUE_TO_SECURITY_REASONS",
            "masked": "****", "type": "NotifyOnly", "n": 5,
        });
        let known = |value: Value| Reading::Known(value);
        for (term, reading) in [
            ("requestParameters.n", known(json!(5))),
            ("recipientAccountId", known(json!("111111111111"))),
            ("requestParameters.name|name", known(json!("main"))),
            ("requestParameters.plain|name", known(json!("main"))),
            ("requestParameters.name|arn", known(request["Name"].clone())),
            ("requestParameters.plain|arn", Reading::Missing),
            ("requestParameters.gone", Reading::Missing),
            ("requestParameters.secret", Reading::Hidden),
            ("requestParameters.masked", Reading::Hidden),
            ("\"?\"", Reading::Hidden),
            ("=detached", known(json!("detached"))),
            ("\"=true\"", known(json!(true))),
            ("[requestParameters.gone, requestParameters.plain]", known(json!("main"))),
            ("{from: requestParameters.type, words: {NotifyOnly: notify}}", known(json!("notify"))),
            ("{from: requestParameters.plain, words: {NotifyOnly: notify}}", Reading::Hidden),
            ("{object: {a: requestParameters.n, b: requestParameters.gone}}", known(json!({"a": 5}))),
        ] {
            assert_eq!(read(term, &request), reading, "{term}");
        }
        for wrong in ["elsewhere.x", "requestParameters.x|upper", "{from: x.y, words: {}}", "{objekt: {}}"] {
            assert!(serde_yaml::from_str::<Term>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn selectors_are_summed_up_or_not_understood() {
        let sum = |selectors: Value| {
            read("requestParameters.eventSelectors|management-events", &json!({"eventSelectors": selectors}))
        };
        let known = |word: &str| Reading::Known(json!(word));
        assert_eq!(sum(json!([{"readWriteType": "All", "includeManagementEvents": true}])), known("all"));
        assert_eq!(sum(json!([{"readWriteType": "WriteOnly"}, {"readWriteType": "ReadOnly"}])), known("all"));
        assert_eq!(sum(json!([{"readWriteType": "All", "includeManagementEvents": false}])), known("none"));
        assert_eq!(sum(json!("odd")), Reading::Hidden);
    }
}
