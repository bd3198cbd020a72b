//! `guardline demo` as a process: what it tells, how fast, and that its recording is what a scan of the double's story
//! records.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says why")]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::double::Server;
use crate::double::estate::Estate;
use crate::runner::{guardline, said};

/// The morning on which the story is found out.
const CLOCK: &str = "2026-11-21T06:30:00Z";

fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn it_tells_the_whole_story_in_two_seconds_without_a_cloud() {
    let nowhere = [("AWS_ENDPOINT_URL", "http://127.0.0.1:1".to_owned())];
    let timed = || {
        let began = Instant::now();
        (guardline(checkout(), &["demo", "-f", "json"], &nowhere), began.elapsed())
    };
    // The best of a few: a machine that is busy with other work is no mistake of the program.
    let (output, took) = (0..3).map(|_| timed()).min_by_key(|(_, took)| *took).expect("a run");
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(took < Duration::from_secs(2), "{took:?}");
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
    let findings = report["findings"].as_array().expect("findings");
    let text =
        |finding: &Value, pointer: &str| finding.pointer(pointer).and_then(Value::as_str).unwrap_or("-").to_owned();
    let story: Vec<[String; 4]> = findings
        .iter()
        .map(|finding| {
            ["/rule", "/status", "/attribution/outcome", "/attribution/principal/arn"].map(|at| text(finding, at))
        })
        .collect();
    insta::assert_json_snapshot!(story);
    assert!(text(&report, "/run/notice").contains("made up"));
    assert_eq!(report["summary"]["coverage"]["incomplete_accounts"], serde_json::json!(["777777777777"]));
    let accounts: std::collections::BTreeSet<&str> = report["coverage"]
        .as_array()
        .expect("coverage")
        .iter()
        .filter_map(|row| row["scope"]["account"].as_str())
        .collect();
    assert!(accounts.len() >= 8, "{accounts:?}");
}

#[test]
fn its_text_for_people() {
    let output = guardline(checkout(), &["demo"], &[]);
    insta::assert_snapshot!(String::from_utf8_lossy(&output.stdout));
}

/// With `GUARDLINE_WRITE_DEMO=1` the bundled recording is written anew instead.
#[test]
fn its_recording_is_what_a_scan_of_the_story_records() {
    let (server, directory) = (Server::start(Estate::story()), tempfile::tempdir().expect("a directory"));
    let recording = directory.path().join("recording");
    let baseline = checkout().join("policies/demo/guardline.yaml");
    let arguments = ["scan", "--clock", CLOCK, "--baseline", &baseline.to_string_lossy(), "--record-to", "recording"];
    let output = guardline(directory.path(), &arguments, &server.env());
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    let fresh = exchanges(&recording.join("exchanges.jsonl"));
    let bundled = checkout().join("policies/demo/exchanges.jsonl");
    if std::env::var_os("GUARDLINE_WRITE_DEMO").is_some() {
        let lines: Vec<String> = fresh.values().map(|exchange| format!("{exchange}\n")).collect();
        std::fs::write(&bundled, lines.concat()).expect("the bundled recording is written");
    }
    let bundled = exchanges(&bundled);
    assert_eq!(fresh.keys().collect::<Vec<_>>(), bundled.keys().collect::<Vec<_>>());
    for (key, exchange) in &fresh {
        assert_eq!(exchange, &bundled[key], "{key}");
    }
}

/// The exchanges of a recording by what was asked, without what differs from one recording to the next.
fn exchanges(path: &Path) -> BTreeMap<String, Value> {
    let text = std::fs::read_to_string(path).expect("exchanges");
    let mut held = BTreeMap::new();
    for line in text.lines() {
        let mut exchange: Value = serde_json::from_str(line).expect("an exchange");
        exchange["time"] = CLOCK.into();
        if let Some(headers) = exchange["headers"].as_object_mut() {
            headers.remove("x-amzn-requestid");
        }
        if let Some(body) = exchange["output"].as_str() {
            exchange["output"] = without_request_id(body).into();
        }
        let key = ["operation", "account", "region", "input"].map(|part| exchange[part].to_string()).join(" ");
        assert!(held.insert(key.clone(), exchange).is_none(), "asked twice: {key}");
    }
    held
}

/// Answers in XML hold the id of their request.
fn without_request_id(body: &str) -> String {
    let tags = ["<RequestId>", "<requestId>", "<RequestID>"];
    let Some(start) = tags.iter().find_map(|tag| body.find(tag).map(|at| at + tag.len())) else {
        return body.to_owned();
    };
    let end = body[start..].find("</").map_or(body.len(), |length| start + length);
    format!("{}{}", &body[..start], &body[end..])
}
