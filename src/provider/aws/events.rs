//! Audit records, from CloudTrail's own event history.
//!
//! In: which event is sought in whose log. Out: the raw records, paged to the end. It never filters on `readOnly` (taking
//! a role is a read to CloudTrail), and says when a log could not be read to its end.
//!
//! <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html>

use aws_sdk_cloudtrail::types::{LookupAttribute, LookupAttributeKey};
use aws_smithy_types::DateTime;
use futures::stream::{self, StreamExt};
use jiff::Timestamp;
use serde_json::Value;

use super::failure::{failed, gap};
use super::pages::{Reader, required};
use super::{Aws, client};
use crate::estate::{Gap, Observation, Scope};
use crate::provider::{LookupAnswer, LookupRequest};

impl Aws {
    /// Answers every request, at the pace that CloudTrail allows.
    pub async fn lookup(&self, requests: Vec<LookupRequest>) -> Vec<LookupAnswer> {
        self.progress.plan(requests.len() as u64);
        let mut answers: Vec<LookupAnswer> = stream::iter(requests)
            .map(|request| self.lookup_one(request))
            .buffer_unordered(self.concurrency)
            .collect()
            .await;
        answers.sort_by(|a, b| a.request.cmp(&b.request));
        answers
    }

    async fn lookup_one(&self, request: LookupRequest) -> LookupAnswer {
        let region = request.region.as_ref().unwrap_or(&self.home);
        let scope = self.scope(&request.account, region);
        let source = format!("cloudtrail:LookupEvents {}", request.event_name);
        let asked = self.progress.unless_cancelled(self.ask_log(&request, region, &scope, &source)).await;
        let records = asked.and_then(|session_given| session_given).unwrap_or_else(|gap| {
            self.note_gap(scope, &source, &gap);
            Observation::Unknown(gap)
        });
        match records {
            Observation::Known(records) => LookupAnswer { request, records, gap: None },
            Observation::Absent => LookupAnswer { request, records: Vec::new(), gap: None },
            Observation::Unknown(gap) => LookupAnswer { request, records: Vec::new(), gap: Some(gap) },
        }
    }

    /// The records of one kind of event, noted in the coverage; an error where there is no role to ask with.
    async fn ask_log(
        &self,
        request: &LookupRequest,
        region: &str,
        scope: &Scope,
        source: &str,
    ) -> Result<Observation<Vec<Value>>, Gap> {
        let session = self.session(&request.account).await?;
        let client = client!(self, &session, region, aws_sdk_cloudtrail);
        let records = Reader::new(&self.coverage, scope)
            .list(source, |token| async {
                // Without an end: the state was read after the run began, and so may have been changed.
                let call = client
                    .lookup_events()
                    .lookup_attributes(by_name(&request.event_name)?)
                    .start_time(moment(request.start))
                    .max_results(50)
                    .set_next_token(token);
                let page = call.send().await.map_err(gap)?;
                let records: Result<Vec<_>, Gap> = required(page.events, "Events")?
                    .into_iter()
                    .map(|event| {
                        record(required(event.cloud_trail_event, "CloudTrailEvent")?.as_str(), &request.event_name)
                    })
                    .collect();
                Ok((records?, page.next_token))
            })
            .await;
        Ok(records)
    }
}

fn by_name(name: &str) -> Result<LookupAttribute, Gap> {
    LookupAttribute::builder()
        .attribute_key(LookupAttributeKey::EventName)
        .attribute_value(name)
        .build()
        .map_err(|error| failed(error.to_string()))
}

/// The record is JSON inside a string. One of another event, or of none, is no answer to what was asked.
fn record(text: &str, asked: &str) -> Result<Value, Gap> {
    let record: Value =
        serde_json::from_str(text).map_err(|error| failed(format!("a record is not JSON ({error})")))?;
    match record.get("eventName").and_then(Value::as_str) {
        Some(name) if name == asked => Ok(record),
        Some(name) => Err(failed(format!("a record is of the event `{name}`, which was not asked for"))),
        None => Err(failed("a record does not say of which event it is")),
    }
}

/// Whole seconds: CloudTrail keeps no finer time, and a recording matches on the input.
fn moment(time: Timestamp) -> DateTime {
    DateTime::from_secs(time.as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_another_event_is_no_answer() {
        assert!(record("{\"eventName\": \"DetachPolicy\", \"eventID\": \"e-1\"}", "DetachPolicy").is_ok());
        for text in ["{\"eventName\": \"AttachPolicy\"}", "{\"eventName\": null}", "{}", "[]", "no JSON", ""] {
            assert!(record(text, "DetachPolicy").is_err(), "{text}");
        }
    }
}
