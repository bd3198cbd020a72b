//! One raw audit record → one [`Event`].
//!
//! In: a JSON value of any shape, written by whoever could write to the log. Out: an event, or [`Rejected`] with the
//! reason, which is counted: nothing is dropped in silence. It never keeps a secret, and never decides what an event
//! means.
//!
//! Format: <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html>

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::Value;

use super::attribution::{EventRecord, Principal, PrincipalKind};
use super::field::{at, flag_at, get, text_at, time_at};
use super::identity::Identity;
use crate::provider::redaction;

/// One audit record.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The provider's id of the record.
    pub id: String,
    /// When it happened, to the second.
    pub time: Timestamp,
    /// The service that was called, in lower case: `organizations.amazonaws.com`.
    pub source: String,
    /// What was called: `DetachPolicy`.
    pub name: String,
    /// The region it was recorded in.
    pub region: Option<String>,
    /// The account in whose log it stands; records before version 1.06 do not always say.
    pub account: Option<String>,
    /// `AwsApiCall`, `AwsServiceEvent`, `AwsConsoleAction`, …
    pub event_type: Option<String>,
    /// The error code of a call that did not succeed.
    pub error: Option<String>,
    /// The error's text. Attacker-controlled.
    pub error_message: Option<String>,
    /// Who.
    pub identity: Identity,
    /// From where: an address, or the name of a service.
    pub source_ip: Option<String>,
    /// With what. Attacker-controlled.
    pub user_agent: Option<String>,
    /// Whether the call only reads. `AssumeRole` does.
    pub read_only: Option<bool>,
    /// Whether the session was made in the console.
    pub from_console: Option<bool>,
    /// Joins the copies of one event in several accounts.
    pub shared_id: Option<String>,
    /// A later, corrected copy of a record.
    pub amended: bool,
    /// Another record carries the same id and says something else.
    pub contested: bool,
    /// `requestParameters`, without EC2's wrapper.
    pub request: Value,
    /// `responseElements`, without EC2's wrapper.
    pub response: Value,
    /// `serviceEventDetails`.
    pub details: Value,
    /// `additionalEventData`.
    pub additional: Value,
    user: Value,
}

/// A record that cannot be used as evidence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("audit record `{}` cannot be used: {reason}", id.as_deref().unwrap_or("without id"))]
pub struct Rejected {
    /// Why.
    pub reason: String,
    /// Its id, if it has one.
    pub id: Option<String>,
}

impl Event {
    /// Normalises a record: the record itself, its JSON text, an entry of `LookupEvents` (which holds that text), or an
    /// EventBridge envelope.
    ///
    /// # Errors
    /// [`Rejected`] where a record is no object or lacks what evidence needs: an id, a time, a source and a name.
    pub fn read(raw: &Value) -> Result<Self, Rejected> {
        let mut record = unwrapped(raw)?.into_owned();
        redaction::mask(&mut record);
        let id = text_at(&record, "eventID");
        let rejected = |reason: &str| Rejected { reason: reason.to_owned(), id: id.clone() };
        let name = text_at(&record, "eventName").ok_or_else(|| rejected("it has no `eventName`"))?;
        let source = text_at(&record, "eventSource").ok_or_else(|| rejected("it has no `eventSource`"))?;
        let time = match at(&record, "eventTime") {
            None => return Err(rejected("it has no `eventTime`")),
            Some(_) => time_at(&record, "eventTime").ok_or_else(|| rejected("its `eventTime` cannot be read"))?,
        };
        let id = id.clone().ok_or_else(|| rejected("it has no `eventID`"))?;
        let error = text_at(&record, "errorCode");
        let error_message = text_at(&record, "errorMessage");
        let user = at(&record, "userIdentity").cloned().unwrap_or(Value::Null);
        Ok(Self {
            time,
            region: text_at(&record, "awsRegion"),
            account: text_at(&record, "recipientAccountId"),
            event_type: text_at(&record, "eventType"),
            // Some failures carry a message and no code.
            error: error.or_else(|| error_message.as_ref().map(|_| "error without a code".to_owned())),
            error_message,
            identity: Identity::read(&user),
            source_ip: text_at(&record, "sourceIPAddress"),
            user_agent: text_at(&record, "userAgent"),
            read_only: flag_at(&record, "readOnly"),
            from_console: flag_at(&record, "sessionCredentialFromConsole"),
            shared_id: text_at(&record, "sharedEventID"),
            amended: at(&record, "addendum").is_some(),
            contested: false,
            request: body(&record, "requestParameters", &format!("{name}Request")),
            response: body(&record, "responseElements", &format!("{name}Response")),
            details: body(&record, "serviceEventDetails", ""),
            additional: body(&record, "additionalEventData", ""),
            user,
            source: source.to_ascii_lowercase(),
            id,
            name,
        })
    }

    /// The field at a path as records name it: `requestParameters.policyId`, in any case.
    #[must_use]
    pub fn at(&self, path: &str) -> Option<&Value> {
        let (root, rest) = path.split_once('.')?;
        let root = match root {
            "requestParameters" => &self.request,
            "responseElements" => &self.response,
            "serviceEventDetails" => &self.details,
            "additionalEventData" => &self.additional,
            "userIdentity" => &self.user,
            _ => return None,
        };
        at(root, rest)
    }

    /// The id of the access key that this event handed out (`AssumeRole` and its like): the link of a role chain.
    #[must_use]
    pub fn issued_key(&self) -> Option<String> {
        text_at(&self.response, "credentials.accessKeyId")
    }

    /// The event as evidence; `account` and `region` are those of the log it was found in, for records that do not say.
    #[must_use]
    pub fn to_record(&self, account: &str, region: &str) -> EventRecord {
        let service = || self.identity.invoked_by.clone().unwrap_or_else(|| self.source.clone());
        let principal = self.identity.principal.clone();
        EventRecord {
            id: self.id.clone(),
            time: self.time,
            source: self.source.clone(),
            name: self.name.clone(),
            account: self.account.clone().unwrap_or_else(|| account.to_owned()),
            region: self.region.clone().unwrap_or_else(|| region.to_owned()),
            error: self.error.clone(),
            principal: principal.unwrap_or_else(|| Principal::new(PrincipalKind::Service, service())),
            source_ip: self.source_ip.clone(),
            user_agent: self.user_agent.clone(),
        }
    }
}

/// The record inside whatever carries it.
fn unwrapped(raw: &Value) -> Result<Cow<'_, Value>, Rejected> {
    let rejected = |reason: &str, id: Option<String>| Rejected { reason: reason.to_owned(), id };
    let parsed = |text: &str, id: Option<String>| match serde_json::from_str::<Value>(text) {
        Ok(value @ Value::Object(_)) => Ok(Cow::Owned(value)),
        Ok(_) => Err(rejected("it is not an object", id)),
        Err(error) => Err(rejected(&format!("it is not JSON: {error}"), id)),
    };
    match raw {
        Value::String(text) => parsed(text, None),
        Value::Object(_) => match (get(raw, "CloudTrailEvent"), get(raw, "detail")) {
            (Some(Value::String(text)), _) => parsed(text, text_at(raw, "EventId")),
            (_, Some(detail @ Value::Object(_))) if get(raw, "eventName").is_none() => Ok(Cow::Borrowed(detail)),
            _ => Ok(Cow::Borrowed(raw)),
        },
        _ => Err(rejected("it is not an object", None)),
    }
}

/// A part of the record as an object: parsed where it is JSON text, without the wrapper that newer EC2 operations have.
fn body(record: &Value, key: &str, wrapper: &str) -> Value {
    let value = match get(record, key) {
        None => return Value::Null,
        // Text that is no object stays text: there is nothing to look up in it, and it is not lost.
        Some(Value::String(text)) => match serde_json::from_str::<Value>(text) {
            Ok(value @ Value::Object(_)) => value,
            Ok(_) | Err(_) => Value::String(text.clone()),
        },
        Some(value) => value.clone(),
    };
    let inner = match &value {
        Value::Object(fields) if fields.len() == 1 => get(&value, wrapper).cloned(),
        _ => None,
    };
    match inner {
        Some(Value::String(text)) if text.is_empty() => Value::Object(serde_json::Map::new()),
        Some(inner) => inner,
        None => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn minimal() -> Value {
        json!({"eventID": "e-1", "eventTime": "2026-11-03T17:00:15Z", "eventSource": "ec2.amazonaws.com", "eventName": "X"})
    }

    #[test]
    fn the_wrapper_of_newer_ec2_operations_is_taken_off() {
        let mut raw = minimal();
        raw["eventName"] = json!("EnableSerialConsoleAccess");
        raw["requestParameters"] = json!({"EnableSerialConsoleAccessRequest": ""});
        raw["responseElements"] = json!({"EnableSerialConsoleAccessResponse": {
            "requestId": "r", "serialConsoleAccessEnabled": true, "xmlns": "http://ec2.amazonaws.com/doc/2016-11-15/"}});
        let event = Event::read(&raw).unwrap();
        assert_eq!(event.request, json!({}));
        assert_eq!(event.at("responseElements.SerialConsoleAccessEnabled"), Some(&json!(true)));
    }

    #[test]
    fn a_record_is_found_in_whatever_carries_it() {
        let raw = minimal();
        let bare = Event::read(&raw).unwrap();
        for carried in [
            json!(raw.to_string()),
            json!({"EventId": "e-1", "EventName": "X", "CloudTrailEvent": raw.to_string()}),
            json!({"detail-type": "AWS API Call via CloudTrail", "id": "other", "detail": raw}),
        ] {
            assert_eq!(Event::read(&carried).unwrap(), bare, "{carried}");
        }
    }

    #[test]
    fn what_cannot_be_evidence_is_rejected_with_the_reason_and_the_id() {
        for (key, reason) in [
            ("eventID", "it has no `eventID`"),
            ("eventTime", "it has no `eventTime`"),
            ("eventSource", "it has no `eventSource`"),
            ("eventName", "it has no `eventName`"),
        ] {
            let mut raw = minimal();
            raw.as_object_mut().unwrap().remove(key);
            let rejected = Event::read(&raw).unwrap_err();
            assert_eq!(rejected.reason, reason);
            assert_eq!(rejected.id.as_deref(), (key != "eventID").then_some("e-1"));
        }
        let mut raw = minimal();
        raw["eventTime"] = json!("soon");
        assert_eq!(
            Event::read(&raw).unwrap_err().to_string(),
            "audit record `e-1` cannot be used: its `eventTime` cannot be read"
        );
        let cut = json!({"EventId": "e-9", "CloudTrailEvent": "{\"eventID\": \"e-"});
        assert_eq!(Event::read(&cut).unwrap_err().id.as_deref(), Some("e-9"));
    }

    #[test]
    fn keys_that_issue_a_session_are_kept_and_its_token_is_not() {
        let mut raw = minimal();
        raw["responseElements"] = json!({"credentials": {
            "accessKeyId": "ASIAISSUED", "sessionToken": "planted-token", "expiration": "Jul 18, 2023, 4:07:39 PM"}});
        raw["sharedEventID"] = json!("shared");
        raw["readOnly"] = json!("true");
        let event = Event::read(&raw).unwrap();
        assert_eq!(event.issued_key().as_deref(), Some("ASIAISSUED"));
        assert_eq!(event.shared_id.as_deref(), Some("shared"));
        assert_eq!(event.read_only, Some(true));
        assert!(!format!("{event:?}").contains("planted-token"));
    }

    #[test]
    fn odd_parts_are_tolerated() {
        let mut raw = minimal();
        raw["requestParameters"] = json!("not an object");
        raw["serviceEventDetails"] = json!("{\"createAccountStatus\": {\"accountId\": \"222222222222\"}}");
        raw["userIdentity"] = json!(["odd"]);
        raw["readOnly"] = json!(7);
        raw["awsRegion"] = json!(null);
        let event = Event::read(&raw).unwrap();
        assert_eq!(event.at("serviceEventDetails.createAccountStatus.accountId"), Some(&json!("222222222222")));
        assert_eq!((event.read_only, event.region.clone(), event.identity.principal.clone()), (None, None, None));
        let record = event.to_record("111111111111", "us-east-1");
        assert_eq!((record.account.as_str(), record.region.as_str()), ("111111111111", "us-east-1"));
        assert_eq!(record.principal.kind, PrincipalKind::Service);
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let key = prop_oneof![
            Just("eventID".to_owned()),
            Just("eventTime".to_owned()),
            Just("eventSource".to_owned()),
            Just("eventName".to_owned()),
            Just("userIdentity".to_owned()),
            Just("sessionContext".to_owned()),
            Just("requestParameters".to_owned()),
            Just("XRequest".to_owned()),
            Just("CloudTrailEvent".to_owned()),
            Just("detail".to_owned()),
            Just("errorMessage".to_owned()),
            ".{0,6}",
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<f64>().prop_map(|n| json!(n)),
            any::<i64>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
            Just(json!("{\"a\":1}")),
            Just(json!("2026-11-03T17:00:15Z")),
            Just(json!("arn:aws:sts::1:assumed-role/")),
            Just(json!("AssumedRole")),
        ];
        leaf.prop_recursive(5, 64, 8, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((key.clone(), inner), 0..8)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_shape_is_fatal(raw in any_json()) {
            if let Ok(event) = Event::read(&raw) {
                prop_assert!(!event.id.is_empty() && !event.name.is_empty() && !event.source.is_empty());
                let _ = event.identity.chain();
            }
        }

        #[test]
        fn a_record_with_its_four_fields_is_an_event_whatever_else_it_holds(rest in any_json()) {
            let mut raw = minimal();
            for key in ["userIdentity", "requestParameters", "responseElements", "serviceEventDetails", "errorMessage"] {
                raw[key] = rest.clone();
            }
            prop_assert!(Event::read(&raw).is_ok());
        }
    }
}
