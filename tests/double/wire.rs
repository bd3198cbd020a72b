//! The protocols: bytes of a request into operation and input, an answer into bytes.
//!
//! In: method, path, headers and body as an SDK sends them. Out: a [`Request`], and for an answer its status,
//! headers and body in awsJson 1.1, REST-JSON, the query protocol or EC2's. It never decides what is answered.

use hyper::HeaderMap;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use super::refusal::Refusal;

/// How a service speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Json,
    RestJson,
    Query,
    Ec2,
}

/// One decoded request.
#[derive(Debug, Clone)]
pub struct Request {
    /// The signing name: `organizations`, `servicequotas`, …
    pub service: String,
    pub operation: String,
    /// The region it is signed for.
    pub region: String,
    /// The access key id; empty when the request is not signed.
    pub key: String,
    pub token: Option<String>,
    /// `X-Amz-Date`.
    pub signed_at: Option<Timestamp>,
    pub user_agent: String,
    pub protocol: Protocol,
    /// Members by name; for the query protocols flat keys such as `Filter.1.Name`.
    pub input: Value,
}

/// Decodes a request; the error is a plain sentence for a 400.
pub fn decode(path: &str, headers: &HeaderMap, body: &[u8]) -> Result<Request, String> {
    let header = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let scope = credential_scope(header("authorization"));
    let (key, region, service) = scope.unwrap_or_default();
    let target = header("x-amz-target");
    let kind = header("content-type");
    let mut request = Request {
        service,
        operation: String::new(),
        region,
        key,
        token: Some(header("x-amz-security-token").to_owned()).filter(|t| !t.is_empty()),
        signed_at: amz_date(header("x-amz-date")),
        user_agent: header("user-agent").to_owned(),
        protocol: Protocol::Json,
        input: Value::Object(Map::new()),
    };
    if !target.is_empty() {
        // CloudTrail is called as `CloudTrail_20131101.Op` and by a longer, dotted name.
        request.operation = target.rsplit('.').next().unwrap_or(target).to_owned();
        request.input = json_body(body)?;
    } else if kind.starts_with("application/x-www-form-urlencoded") {
        let fields: Map<String, Value> =
            form_urlencoded::parse(body).map(|(k, v)| (k.into_owned(), Value::String(v.into_owned()))).collect();
        request.protocol = if request.service == "ec2" { Protocol::Ec2 } else { Protocol::Query };
        request.operation = fields.get("Action").and_then(Value::as_str).unwrap_or_default().to_owned();
        request.input = fields.into_iter().filter(|(k, _)| k != "Action" && k != "Version").collect();
    } else {
        request.protocol = Protocol::RestJson;
        let name = path.trim_start_matches('/');
        let (first, rest) = name.split_at(name.chars().next().map_or(0, char::len_utf8));
        request.operation = first.to_uppercase() + rest;
        request.input = json_body(body)?;
    }
    Ok(request)
}

fn json_body(body: &[u8]) -> Result<Value, String> {
    if body.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    serde_json::from_slice(body).map_err(|error| format!("the body is not JSON: {error}"))
}

/// Key, region and service of a SigV4 `Authorization` header.
fn credential_scope(header: &str) -> Option<(String, String, String)> {
    let scope = header.split_once("Credential=")?.1.split(',').next()?;
    let mut parts = scope.split('/');
    let (key, _date, region, service) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    Some((key.to_owned(), region.to_owned(), service.to_owned()))
}

fn amz_date(text: &str) -> Option<Timestamp> {
    let at = DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    TimeZone::UTC.to_timestamp(at).ok()
}

/// An answer as it goes out.
#[derive(Debug, Clone)]
pub struct Encoded {
    pub status: u16,
    pub content_type: &'static str,
    /// `x-amzn-errortype`, where the protocol puts the code there.
    pub error_type: Option<String>,
    pub body: Vec<u8>,
}

/// Renders an answer in the protocol the request came in.
pub fn encode(request: &Request, answer: &Result<Value, Refusal>, id: &str) -> Encoded {
    let xml = matches!(request.protocol, Protocol::Query | Protocol::Ec2);
    let (status, body) = match answer {
        Ok(output) if xml => (200, xml_output(request, output, id)),
        Ok(output) => (200, output.to_string()),
        Err(refusal) if xml => (refusal.status, xml_error(request, refusal, id)),
        Err(refusal) => (refusal.status, json_error(request, refusal)),
    };
    let content_type = match request.protocol {
        Protocol::Json => "application/x-amz-json-1.1",
        Protocol::RestJson => "application/json",
        Protocol::Query => "text/xml",
        Protocol::Ec2 => "text/xml;charset=UTF-8",
    };
    let error_type = answer.as_ref().err().filter(|_| request.protocol == Protocol::RestJson).map(|r| r.code.clone());
    Encoded { status, content_type, error_type, body: body.into_bytes() }
}

fn json_error(request: &Request, refusal: &Refusal) -> String {
    // The models of these services spell the member with a capital, Account Management's does not.
    let member = if request.protocol == Protocol::RestJson { "message" } else { "Message" };
    let mut body = json!({"__type": refusal.code, member: refusal.message});
    if let Some(reason) = &refusal.reason {
        body["Reason"] = json!(reason);
    }
    body.to_string()
}

fn xml_output(request: &Request, output: &Value, id: &str) -> String {
    let operation = &request.operation;
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    if request.protocol == Protocol::Ec2 {
        out += &format!("<{operation}Response xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">");
        element(&mut out, "requestId", &json!(id));
        members(&mut out, output);
    } else {
        out += &format!("<{operation}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">");
        element(&mut out, &format!("{operation}Result"), output);
        element(&mut out, "ResponseMetadata", &json!({"RequestId": id}));
    }
    out + &format!("</{operation}Response>")
}

fn xml_error(request: &Request, refusal: &Refusal, id: &str) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    if request.protocol == Protocol::Ec2 {
        let errors = json!({"Error": {"Code": refusal.code, "Message": refusal.message}});
        element(&mut out, "Response", &json!({"Errors": errors, "RequestID": id}));
    } else {
        let kind = if refusal.status < 500 { "Sender" } else { "Receiver" };
        out += "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">";
        element(&mut out, "Error", &json!({"Type": kind, "Code": refusal.code, "Message": refusal.message}));
        element(&mut out, "RequestId", &json!(id));
        out += "</ErrorResponse>";
    }
    out
}

fn members(out: &mut String, value: &Value) {
    match value {
        Value::Object(map) => map.iter().for_each(|(name, member)| element(out, name, member)),
        Value::Array(items) => items.iter().for_each(|item| element(out, "item", item)),
        Value::String(text) => *out += &escaped(text),
        Value::Null => {}
        other => *out += &other.to_string(),
    }
}

fn element(out: &mut String, name: &str, value: &Value) {
    if value.is_null() {
        return;
    }
    *out += &format!("<{name}>");
    members(out, value);
    *out += &format!("</{name}>");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A time as awsJson has it: seconds since 1970, with a fraction where there is one.
pub fn epoch(at: Timestamp) -> Value {
    let millis = at.as_millisecond();
    if millis % 1000 == 0 { json!(millis / 1000) } else { json!(millis as f64 / 1000.0) }
}

/// Drops the members that are null: AWS leaves out what it does not have.
pub fn pruned(mut value: Value) -> Value {
    prune(&mut value);
    value
}

fn prune(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, member| !member.is_null());
            map.values_mut().for_each(prune);
        }
        Value::Array(items) => items.iter_mut().for_each(prune),
        _ => {}
    }
}

/// Two independent 64-bit digests of a text: enough to make ids that look real and never change.
fn digests(text: &str) -> (u64, u64) {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut first = DefaultHasher::new();
    text.hash(&mut first);
    let mut second = first.clone();
    "second".hash(&mut second);
    (first.finish(), second.finish())
}

/// A UUID made of a text.
pub fn uuid_of(text: &str) -> String {
    let (high, low) = digests(text);
    let hex = format!("{high:016x}{low:016x}");
    format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32])
}

/// Sixteen letters and digits made of a text, as AWS's ids have after their four-letter prefix.
pub fn id_of(text: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let (high, low) = digests(text);
    let bits = u128::from(high) << 64 | u128::from(low);
    (0..16).map(|n| ALPHABET[(bits >> (5 * n)) as usize & 31] as char).collect()
}

/// A 64-bit digest of a text.
pub fn digest_of(text: &str) -> u64 {
    digests(text).0
}
