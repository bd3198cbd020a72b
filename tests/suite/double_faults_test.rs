//! Each fault of the double reaches the SDK as the damage it stands for.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by failing")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::double::Server;
use crate::double::estate::Estate;
use crate::double::faults::{Effect, Fault};
use crate::double_test::{MANAGEMENT, PAYMENTS, code, quotas, user};

const LIST: &str = "servicequotas:ListServiceQuotas";

/// What `ListServiceQuotas` gives under an effect: the number of rows, or the error's code.
async fn under(effect: Effect) -> Result<usize, String> {
    let server = Server::start(Estate::sample());
    server.faults(vec![Fault::on(LIST, effect)]);
    let client = quotas(&user(&server, PAYMENTS, "us-east-1"));
    let page = client.list_service_quotas().service_code("ec2").send().await;
    page.map(|page| page.quotas().len()).map_err(|error| code(&error))
}

fn set(path: &str, value: serde_json::Value) -> Effect {
    Effect::Set { path: path.to_owned(), value }
}

#[tokio::test]
async fn refusals_have_the_services_codes() {
    for (effect, expected) in [
        (Effect::Denied, "AccessDeniedException"),
        (Effect::DeniedByScp, "AccessDeniedException"),
        (Effect::Throttled { seconds: None }, "TooManyRequestsException"),
        (Effect::Internal, "ServiceException"),
        (Effect::Unavailable, "ServiceUnavailableException"),
        (Effect::ExpiredToken, "ExpiredTokenException"),
        (Effect::ClockSkew, "InvalidSignatureException"),
        (Effect::Error { status: 400, code: "Odd".to_owned(), message: "odd".to_owned() }, "Odd"),
        (Effect::Html { status: 500 }, "no code"),
    ] {
        assert_eq!(under(effect.clone()).await, Err(expected.to_owned()), "{effect:?}");
    }
}

#[tokio::test]
async fn broken_answers_are_broken() {
    for effect in [
        Effect::Reset,
        Effect::Hangup,
        Effect::Truncated,
        Effect::Cut,
        Effect::Html { status: 200 },
        Effect::Body { text: "{\"Quotas\": [{]}".to_owned() },
        set("Quotas.*.Value", json!("many")),
        set("Quotas", json!("none")),
    ] {
        let got = under(effect.clone()).await.unwrap_err();
        // The SDK calls a body that it cannot parse an error of the service, without a code.
        assert!(["dispatch failure", "response error", "no code"].contains(&got.as_str()), "{effect:?} gave {got}");
    }
}

/// The SDK takes these for good answers without rows: telling them from an empty list is the reader's work.
#[tokio::test]
async fn some_damage_looks_like_an_empty_list() {
    for effect in [Effect::Empty, set("Quotas", json!(null)), Effect::Remove { path: "Quotas".to_owned() }] {
        assert_eq!(under(effect.clone()).await, Ok(0), "{effect:?}");
    }
}

#[tokio::test]
async fn an_unknown_value_of_an_enum_is_passed_on() {
    let server = Server::start(Estate::sample());
    server.faults(vec![Fault::on("account:ListRegions", set("Regions.0.RegionOptStatus", json!("PAUSED")))]);
    let client = aws_sdk_account::Client::new(&user(&server, MANAGEMENT, "us-east-1"));
    let page = client.list_regions().send().await.unwrap();
    assert_eq!(page.regions()[0].region_opt_status().unwrap().as_str(), "PAUSED");
}

#[tokio::test]
async fn tokens_can_repeat_for_ever_and_first_pages_be_empty() {
    let server = Server::start(Estate::sample());
    let client = quotas(&user(&server, PAYMENTS, "us-east-1"));
    server.faults(vec![Fault::on(LIST, Effect::RepeatedToken)]);
    let mut tokens = vec![None];
    for _ in 0..3 {
        let token = tokens.last().cloned().flatten();
        let page = client.list_service_quotas().service_code("ec2").set_next_token(token).send().await.unwrap();
        assert_eq!(page.quotas().len(), 5);
        tokens.push(page.next_token);
    }
    assert!(tokens[1].is_some());
    assert!(tokens[1..].windows(2).all(|pair| pair[0] == pair[1]), "{tokens:?}");

    server.faults(vec![Fault::on(LIST, Effect::EmptyPageFirst)]);
    let pages = client.list_service_quotas().service_code("ec2").into_paginator().send();
    let pages = pages.collect::<Result<Vec<_>, _>>().await.unwrap();
    assert_eq!(pages.iter().map(|page| page.quotas().len()).collect::<Vec<_>>(), [0, 5]);
}

#[tokio::test]
async fn a_rule_hits_the_calls_it_names() {
    let server = Server::start(Estate::sample());
    let read = async |account: &str, region: &str| {
        let client = quotas(&user(&server, account, region));
        client.list_service_quotas().service_code("ec2").send().await.is_ok()
    };
    server.faults(vec![Fault::on("servicequotas:List*", Effect::Denied).account(PAYMENTS).region("eu-west-1")]);
    assert!(read(PAYMENTS, "us-east-1").await);
    assert!(read(MANAGEMENT, "eu-west-1").await);
    assert!(!read(PAYMENTS, "eu-west-1").await);

    server.faults(vec![Fault::on(LIST, Effect::Throttled { seconds: None }).from(2).times(2)]);
    let mut seen = Vec::new();
    for _ in 0..5 {
        seen.push(read(PAYMENTS, "us-east-1").await);
    }
    assert_eq!(seen, [true, false, false, true, true]);

    server.faults(vec![Fault::on(LIST, Effect::Unavailable).every(3)]);
    let mut seen = Vec::new();
    for _ in 0..5 {
        seen.push(read(PAYMENTS, "us-east-1").await);
    }
    assert_eq!(seen, [false, true, true, false, true]);

    server.faults(vec![Fault::on(LIST, Effect::Denied).input(r#""ServiceCode":"vpc""#)]);
    assert!(read(PAYMENTS, "us-east-1").await);

    server.faults(vec![Fault::on(LIST, Effect::Throttled { seconds: Some(0.3) })]);
    assert!(!read(PAYMENTS, "us-east-1").await);
    tokio::time::sleep(Duration::from_millis(350)).await;
    assert!(read(PAYMENTS, "us-east-1").await, "the throttling is over");
}

#[tokio::test]
async fn a_slow_answer_is_slow() {
    let server = Server::start(Estate::sample());
    server.faults(vec![Fault::on(LIST, Effect::Slow { ms: 2000 })]);
    let client = quotas(&user(&server, PAYMENTS, "us-east-1"));
    let before = Instant::now();
    assert!(client.list_service_quotas().service_code("ec2").send().await.is_ok());
    assert!(before.elapsed() >= Duration::from_secs(2));
    let before = Instant::now();
    assert!(client.list_services().send().await.is_ok());
    assert!(before.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn faults_reach_the_xml_services_too() {
    let server = Server::start(Estate::sample());
    let client = aws_sdk_ec2::Client::new(&user(&server, PAYMENTS, "us-east-1"));
    for (effect, expected) in [
        (Effect::Denied, "UnauthorizedOperation"),
        (Effect::Throttled { seconds: None }, "RequestLimitExceeded"),
        (set("serialConsoleAccessEnabled", json!("perhaps")), "no code"),
    ] {
        server.faults(vec![Fault::on("ec2:GetSerialConsoleAccessStatus", effect.clone())]);
        let got = client.get_serial_console_access_status().send().await.unwrap_err();
        assert_eq!(code(&got), expected, "{effect:?}");
    }
}

/// The SDK takes an XML body that ends too early for a whole one: what is missing must be noticed by the reader.
#[tokio::test]
async fn a_cut_xml_answer_looks_whole() {
    let server = Server::start(Estate::sample());
    let client = aws_sdk_ec2::Client::new(&user(&server, PAYMENTS, "us-east-1"));
    server.faults(vec![Fault::on("ec2:*", Effect::Cut)]);
    let console = client.get_serial_console_access_status().send().await.unwrap();
    assert_eq!(console.serial_console_access_enabled, None);
    let regions = client.describe_regions().send().await.unwrap();
    assert!(regions.regions().len() < 5, "some of the five regions are gone");
}

/// Sends one request by hand and reads until the connection ends.
fn by_hand(server: &Server) -> (Vec<u8>, Option<std::io::ErrorKind>) {
    let mut stream = TcpStream::connect(server.url().trim_start_matches("http://")).unwrap();
    let date = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let body = r#"{"ServiceCode":"ec2"}"#;
    let request = format!(
        "POST / HTTP/1.1\r\nhost: double\r\nconnection: close\r\ncontent-type: application/x-amz-json-1.1\r\n\
         x-amz-target: ServiceQuotasV20190624.ListServiceQuotas\r\nx-amz-date: {date}\r\n\
         authorization: AWS4-HMAC-SHA256 Credential=AKIA{PAYMENTS}TEST/{}/us-east-1/servicequotas/aws4_request, \
         SignedHeaders=host, Signature=0\r\ncontent-length: {}\r\n\r\n{body}",
        &date[..8],
        body.len(),
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut got = Vec::new();
    let error = stream.read_to_end(&mut got).err().map(|error| error.kind());
    (got, error)
}

fn promised_and_got(answer: &[u8]) -> (usize, usize) {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ").map(str::to_owned));
    (length.unwrap().parse().unwrap(), body.len())
}

#[test]
fn resets_and_cuts_differ_on_the_wire() {
    let server = Server::start(Estate::sample());
    let (whole, error) = by_hand(&server);
    let (length, got) = promised_and_got(&whole);
    assert_eq!((length, error), (got, None));

    server.faults(vec![Fault::on(LIST, Effect::Truncated)]);
    let (answer, error) = by_hand(&server);
    assert_eq!((promised_and_got(&answer), error), ((length, length / 2), None), "an orderly end, half the body");

    server.faults(vec![Fault::on(LIST, Effect::Cut)]);
    let (answer, error) = by_hand(&server);
    assert_eq!((promised_and_got(&answer), error), ((length / 2, length / 2), None));

    for effect in [Effect::Reset, Effect::Hangup] {
        server.faults(vec![Fault::on(LIST, effect.clone())]);
        let (_, error) = by_hand(&server);
        assert_eq!(error, Some(std::io::ErrorKind::ConnectionReset), "{effect:?}");
        assert_eq!(server.calls().last().unwrap().status, 0);
    }
}

#[test]
fn faults_are_read_from_json() {
    let text = r#"[{"operation": "ec2:*", "account": "222222222222", "times": 2, "effect": "denied"},
                   {"operation": "*", "effect": {"throttled": {"seconds": 1.5}}},
                   {"operation": "sts:*", "effect": {"set": {"path": "Account", "value": 1}}}]"#;
    let faults: Vec<Fault> = serde_json::from_str(text).unwrap();
    assert_eq!(faults[0].effect, Effect::Denied);
    assert_eq!(faults[1].effect, Effect::Throttled { seconds: Some(1.5) });
    assert!(serde_json::from_str::<Fault>(r#"{"operation": "*", "efect": "denied"}"#).is_err());
}
