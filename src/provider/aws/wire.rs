//! The one HTTP client, and what every call passes on its way: the limits, the wire or a recording, the check that the
//! answer is whole, the recorder.
//!
//! In: signed requests of the SDK. Out: answers, or an error that says what was wrong with one. It never lets an answer
//! that is empty, cut short or of another format look like a complete one, and never records a credential.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_smithy_http_client::tls::{Provider as Tls, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::{AggregatedBytes, ByteStream};
use aws_smithy_types::retry::ErrorKind;
use jiff::Timestamp;
use serde_json::Value;

use super::call::Call;
use super::flags::{self, Answer};
use crate::provider::Progress;
use crate::provider::limits::{Calls, Limits};
use crate::provider::recording::{Exchange, Recorder, Recording};

/// The account of a caller that is not known yet.
pub(super) const SELF: &str = "self";

/// How long a call may take once it is made; the wait for its turn does not count.
const PATIENCE: Duration = Duration::from_secs(60);

/// Headers that carry meaning for the SDK's parsers.
const KEPT_HEADERS: [&str; 4] = ["content-type", "x-amzn-errortype", "x-amzn-query-error", "x-amzn-requestid"];

/// Where answers come from.
#[derive(Debug)]
pub(super) enum Source {
    /// The network.
    Live(SharedHttpClient),
    /// A recording.
    Replay(Arc<Recording>),
}

/// What a call passes, shared by all clients.
#[derive(Debug)]
pub(super) struct Wire {
    source: Source,
    limits: Limits,
    recorder: Option<Recorder>,
    progress: Arc<Progress>,
    /// Which account an access key speaks for; a key that is not here is the agent's own.
    accounts: Mutex<HashMap<String, String>>,
    own_account: Mutex<String>,
    /// Calls that were made, retries included.
    made: Mutex<Calls>,
}

impl Wire {
    pub(super) fn new(source: Source, limits: Limits, recorder: Option<Recorder>, progress: Arc<Progress>) -> Self {
        Self {
            source,
            limits,
            recorder,
            progress,
            accounts: Mutex::default(),
            own_account: Mutex::new(SELF.to_owned()),
            made: Mutex::default(),
        }
    }

    /// A live client over rustls, with the proxy of the environment.
    pub(super) fn live() -> SharedHttpClient {
        aws_smithy_http_client::Builder::new().tls_provider(Tls::Rustls(CryptoMode::AwsLc)).build_https()
    }

    /// Notes for which account a key speaks.
    pub(super) fn speaks_for(&self, key: &str, account: &str) {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned(), account.to_owned());
    }

    /// Notes whose identity the agent has.
    pub(super) fn own_account(&self, account: &str) {
        account.clone_into(&mut self.own_account.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(super) const fn is_replay(&self) -> bool {
        matches!(self.source, Source::Replay(_))
    }

    pub(super) const fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(super) const fn recorder(&self) -> Option<&Recorder> {
        self.recorder.as_ref()
    }

    fn account_of(&self, key: &str) -> String {
        let known = self.accounts.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned();
        known.unwrap_or_else(|| self.own_account.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// The calls that were made so far, retries included.
    pub(super) fn made(&self) -> Calls {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn count(&self, call: &Call, account: &str) {
        let place = (call.name(), account.to_owned(), call.region.clone());
        *self.made.lock().unwrap_or_else(PoisonError::into_inner).entry(place).or_default() += 1;
    }

    async fn pass(
        &self,
        request: HttpRequest,
        live: Option<SharedHttpConnector>,
    ) -> Result<HttpResponse, ConnectorError> {
        let Some(call) = Call::of(&request) else {
            return Err(broken("a request without a signature cannot be limited or recorded".to_owned()));
        };
        let account = self.account_of(&call.key);
        let answer = self.progress.unless_cancelled(self.carry_out(&call, account, request, live)).await;
        // Not worth another try.
        answer.unwrap_or_else(|gap| Err(ConnectorError::user(gap.reason.into())))
    }

    async fn carry_out(
        &self,
        call: &Call,
        account: String,
        request: HttpRequest,
        live: Option<SharedHttpConnector>,
    ) -> Result<HttpResponse, ConnectorError> {
        self.count(call, &account);
        match (&self.source, live) {
            (Source::Replay(recording), _) => {
                self.progress.made();
                tracing::debug!("{} for {account} in {}, from the recording", call.name(), call.region);
                replayed(recording, call, &account)
            }
            (Source::Live(_), Some(connector)) => {
                let _turn = self.limits.wait(&call.service, &call.operation, &account, &call.region).await;
                tracing::debug!("{} for {account} in {}", call.name(), call.region);
                let answer = in_time(PATIENCE, answer(&connector, request)).await;
                self.progress.made();
                self.checked(call, account, answer?)
            }
            (Source::Live(_), None) => Err(broken("there is no connection to make the call on".to_owned())),
        }
    }

    /// Records an answer, and refuses it when it is not whole.
    fn checked(
        &self,
        call: &Call,
        account: String,
        (mut response, body): (HttpResponse, AggregatedBytes),
    ) -> Result<HttpResponse, ConnectorError> {
        let body = body.into_bytes();
        self.record(call, account, &response, &body);
        if response.status().is_success() {
            whole(call, &body).map_err(broken)?;
        }
        *response.body_mut() = SdkBody::from(body);
        Ok(response)
    }

    fn record(&self, call: &Call, account: String, response: &HttpResponse, body: &[u8]) {
        let Some(recorder) = &self.recorder else { return };
        // What hands out credentials is never kept. That it was refused is, without what was sent: it carries none.
        let identity = call.service == "sts" && call.operation == "GetCallerIdentity";
        let role = (call.service == "sts" && call.operation == "AssumeRole").then(|| role_of(call));
        if call.service == "sts" && !identity && role.is_none() {
            return;
        }
        if let Some(role) = role.filter(|_| response.status().is_success()) {
            recorder.given(role);
            return;
        }
        let input = role.map_or_else(|| call.input.clone(), |role| serde_json::json!({ "RoleArn": role }));
        let headers = KEPT_HEADERS
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), response.headers().get(name)?.to_owned())))
            .collect();
        let output =
            serde_json::from_slice(body).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()));
        let exchange = Exchange {
            operation: call.name(),
            account,
            region: call.region.clone(),
            input,
            status: response.status().as_u16(),
            headers,
            output,
            time: Timestamp::try_from(SystemTime::now()).unwrap_or(Timestamp::UNIX_EPOCH),
        };
        match role {
            Some(role) => recorder.refused(role, exchange),
            None => recorder.note(exchange),
        }
    }
}

/// The role that a call asks for.
fn role_of(call: &Call) -> &str {
    call.input["RoleArn"].as_str().unwrap_or_default()
}

/// The answer that a recording holds.
fn replayed(recording: &Recording, call: &Call, account: &str) -> Result<HttpResponse, ConnectorError> {
    let input = match call.operation.as_str() {
        "AssumeRole" => serde_json::json!({ "RoleArn": role_of(call) }),
        _ => call.input.clone(),
    };
    let Some(exchange) = recording.answer(&call.name(), account, &call.region, &input) else {
        if call.operation == "AssumeRole" {
            return Ok(assumed(&call.input));
        }
        return Err(ConnectorError::user("not in the recording".into()));
    };
    let body = match &exchange.output {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let status = StatusCode::try_from(exchange.status).map_err(|error| ConnectorError::user(error.into()))?;
    if status.is_success() {
        whole(call, body.as_bytes()).map_err(broken)?;
    }
    let mut response = HttpResponse::new(status, SdkBody::from(body));
    for (name, value) in &exchange.headers {
        response.headers_mut().insert(name.clone(), value.clone());
    }
    Ok(response)
}

/// A recording keeps no session; a role whose refusal it does not hold was given, so one that opens nothing stands in.
fn assumed(input: &Value) -> HttpResponse {
    let role = input["RoleArn"].as_str().unwrap_or_default();
    let account = role.split(':').nth(4).unwrap_or_default();
    let body = format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\
         <AccessKeyId>REPLAY{account}</AccessKeyId><SecretAccessKey>none</SecretAccessKey><SessionToken>none</SessionToken>\
         <Expiration>9999-12-31T00:00:00Z</Expiration></Credentials><AssumedRoleUser><AssumedRoleId>none</AssumedRoleId>\
         <Arn>arn:aws:sts::{account}:assumed-role/replay/guardline</Arn></AssumedRoleUser></AssumeRoleResult></AssumeRoleResponse>"
    );
    HttpResponse::new(
        StatusCode::try_from(200).unwrap_or_else(|_| unreachable!("200 is a status")),
        SdkBody::from(body),
    )
}

/// Whether a successful answer is whole, by the format of its service.
///
/// The SDK takes an empty body for an empty result, and a list of EC2 that is cut short for a shorter list.
fn whole(call: &Call, body: &[u8]) -> Result<(), String> {
    let name = call.name();
    let start = || {
        let text = String::from_utf8_lossy(body.get(..body.len().min(40)).unwrap_or_default()).into_owned();
        text.lines().next().unwrap_or_default().to_owned()
    };
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(format!("the answer to `{name}` is empty"));
    }
    if matches!(call.service.as_str(), "ec2" | "sts") {
        let end = format!("</{}Response>", call.operation);
        let text = String::from_utf8_lossy(body);
        if !text.contains(&format!("<{}Response", call.operation)) {
            return Err(format!("the answer to `{name}` is not what EC2 or STS sends; it starts with `{}`", start()));
        }
        return if text.trim_end().ends_with(&end) {
            flags::structured(&name, &text)
        } else {
            Err(format!("the answer to `{name}` is cut short"))
        };
    }
    match flags::read(&name, body) {
        Ok(Answer::Whole) => Ok(()),
        Ok(Answer::Lacks(member)) => Err(format!("a row of the answer to `{name}` has no `{member}`")),
        Ok(Answer::NoObject) => {
            Err(format!("the answer to `{name}` is not a JSON object; it starts with `{}`", start()))
        }
        Err(error) => Err(format!("the answer to `{name}` is not JSON ({error}); it starts with `{}`", start())),
    }
}

/// Makes a call and reads its answer to the end.
async fn answer(
    connector: &SharedHttpConnector,
    request: HttpRequest,
) -> Result<(HttpResponse, AggregatedBytes), ConnectorError> {
    let mut response = connector.call(request).await?;
    let body = ByteStream::new(response.take_body()).collect().await;
    Ok((response, body.map_err(|error| ConnectorError::io(error.into()))?))
}

/// Gives up on a call that brings nothing; worth another try.
async fn in_time<T>(
    patience: Duration,
    call: impl Future<Output = Result<T, ConnectorError>>,
) -> Result<T, ConnectorError> {
    let answer = tokio::time::timeout(patience, call).await;
    answer.unwrap_or_else(|_| Err(ConnectorError::timeout(format!("no answer within {} s", patience.as_secs()).into())))
}

/// An answer that cannot be used; worth another try.
fn broken(message: String) -> ConnectorError {
    ConnectorError::other(message.into(), Some(ErrorKind::TransientError))
}

/// The shared wire as the SDK's HTTP client.
#[derive(Clone, Debug)]
pub(super) struct WireClient(pub(super) Arc<Wire>);

#[derive(Debug)]
struct WireConnector {
    wire: Arc<Wire>,
    live: Option<SharedHttpConnector>,
}

impl HttpClient for WireClient {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let live = match &self.0.source {
            Source::Live(client) => Some(client.http_connector(settings, components)),
            Source::Replay(_) => None,
        };
        SharedHttpConnector::new(WireConnector { wire: Arc::clone(&self.0), live })
    }
}

impl HttpConnector for WireConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (wire, live) = (Arc::clone(&self.wire), self.live.clone());
        HttpConnectorFuture::new(async move { wire.pass(request, live).await })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(service: &str, operation: &str) -> Call {
        Call {
            service: service.to_owned(),
            operation: operation.to_owned(),
            region: "us-east-1".to_owned(),
            key: "AKIA".to_owned(),
            input: Value::Null,
        }
    }

    #[tokio::test]
    async fn a_call_that_brings_nothing_is_given_up() {
        let error = in_time(Duration::from_millis(10), std::future::pending::<Result<(), _>>()).await.unwrap_err();
        assert!(error.is_timeout(), "another try is worth while: {error}");
        let told = crate::provider::aws::failure::innermost(&error);
        assert_eq!(told, "no answer within 0 s");
        assert_eq!(in_time(PATIENCE, async { Ok(1) }).await.unwrap(), 1);
    }

    #[test]
    fn broken_answers_are_named_and_never_empty_lists() {
        let json = call("organizations", "ListAccounts");
        let xml = call("ec2", "DescribeRegions");
        for (call, body, says) in [
            (&json, "", "is empty"),
            (&json, "<!doctype html>", "starts with `<!doctype html>`"),
            (&json, "{\"Accounts\":[", "is not JSON"),
            (&json, "[]", "not a JSON object"),
            (&json, "{\"Accounts\":[]} {", "is not JSON"),
            (&xml, "<DescribeRegionsResponse><regionInfo>", "is cut short"),
            (&xml, "<html></html>", "starts with `<html></html>`"),
        ] {
            let message = whole(call, body.as_bytes()).unwrap_err();
            assert!(message.contains(says), "{message}");
        }
        let deep = format!("{{\"Accounts\":{}{}}}", "[".repeat(200), "]".repeat(200));
        for body in [deep.as_bytes(), b"{\"Accounts\":\"\xff\"}"] {
            assert!(whole(&json, body).unwrap_err().contains("is not JSON"));
        }
        assert_eq!(whole(&json, br#"{"a":["\n",1,-1,0.5,true,null,{"b":{}}]}"#), Ok(()));
        assert_eq!(whole(&json, b"{}"), Ok(()));
        assert_eq!(whole(&xml, b"<?xml?>\n<DescribeRegionsResponse xmlns=\"x\"></DescribeRegionsResponse>\n"), Ok(()));
    }
}
