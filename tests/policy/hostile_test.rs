//! Hostile policy documents, as the whole process meets them: a verdict or a clear error, in bounded time and memory.

#![allow(clippy::expect_used, reason = "a test that cannot go on says why")]

use std::fs;
use std::ops::ControlFlow;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use guardline::policy::comparison::compare;
use guardline::policy::decide::Options;
use guardline::policy::document::Kind;
use guardline::policy::levels::{File, from_files};
use serde_json::{Value, json};

/// What a comparison may take of the address space, in KiB, where the kernel keeps a limit: never more at any moment.
const MEMORY: usize = 768 * 1024;

/// What a comparison may take; far less where the program is optimised.
const TIME: Duration = Duration::from_secs(if cfg!(debug_assertions) { 180 } else { 30 });

/// The exit codes of `guardline compare`.
const PROVEN: i32 = 0;
const REFUSED: i32 = 2;
const WEAKER: i32 = 3;
const OPEN: i32 = 4;

/// Compares two texts in a process of its own, which is killed when its time is up.
fn compared(kind: &str, old: &[u8], new: &[u8]) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("old.json"), old).expect("a file");
    fs::write(folder.path().join("new.json"), new).expect("a file");
    let limit = if cfg!(target_os = "linux") { format!("ulimit -v {MEMORY} && ") } else { String::new() };
    let mut child = Command::new("sh")
        .args(["-c", &format!("{limit}exec \"$0\" compare --kind \"$1\" old.json new.json")])
        .args([env!("CARGO_BIN_EXE_guardline"), kind])
        .current_dir(folder.path())
        .env_clear()
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a shell");
    let start = Instant::now();
    let waited = loop {
        match child.try_wait().expect("a child") {
            Some(_) => break ControlFlow::Break(()),
            None if start.elapsed() > TIME => break ControlFlow::Continue(()),
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    if waited.is_continue() {
        child.kill().expect("a child that lives");
    }
    let output = child.wait_with_output().expect("its output");
    assert!(waited.is_break(), "took more than {TIME:?}: {}", said(&output));
    output
}

fn said(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    format!("{}\n{out}\n{err}", output.status)
}

/// Asserts how a comparison ends and what it says; what it says has a bound too.
fn ends(name: &str, kind: &str, old: impl AsRef<[u8]>, new: impl AsRef<[u8]>, code: i32, why: &str) {
    let output = compared(kind, old.as_ref(), new.as_ref());
    assert_eq!(output.status.code(), Some(code), "{name}: {}", said(&output));
    assert!(said(&output).contains(why), "{name}: {}", said(&output));
    assert!(output.stdout.len() + output.stderr.len() < 100_000, "{name} says too much");
}

/// A document with these statements.
fn document(statements: Vec<Value>) -> String {
    json!({"Version": "2012-10-17", "Statement": statements}).to_string()
}

/// A statement that denies, with this in place of what it has otherwise.
fn deny(own: &Value) -> Value {
    let mut said = json!({"Effect": "Deny", "Action": "ec2:*", "Resource": "*"});
    if let (Some(said), Some(own)) = (said.as_object_mut(), own.as_object()) {
        said.extend(own.clone());
    }
    said
}

fn each(many: usize, word: impl Fn(usize) -> String) -> Vec<String> {
    (0..many).map(word).collect()
}

fn small() -> String {
    document(vec![deny(&json!({}))])
}

const TOO_COMPLEX: &str = "is too complex";
const STEPS: &str = "budget of steps";

#[test]
fn ten_megabytes_end_in_a_verdict() {
    let names = each(100_000, |n| format!("s3:{}{n}", "x".repeat(90)));
    ends("actions", "scp", document(vec![deny(&json!({"Action": names}))]), small(), OPEN, TOO_COMPLEX);
    let long = |letter: &str| {
        document(vec![deny(&json!({"Resource": format!("arn:aws:s3:::{}", letter.repeat(10_000_000))}))])
    };
    ends("one name", "scp", long("a"), small(), OPEN, TOO_COMPLEX);
    ends("one star", "scp", long("*"), small(), PROVEN, "stricter");
    ends("too long", "scp", " ".repeat(17 * 1024 * 1024), small(), REFUSED, "");
}

#[test]
fn a_hundred_thousand_patterns_end_in_a_verdict() {
    for (name, pattern) in [("Action", "ec2:A"), ("Action", "ec2:*"), ("Resource", "arn:aws:s3:::b*")] {
        let side =
            |letter: &str| document(vec![deny(&json!({name: each(100_000, |n| format!("{pattern}{letter}{n}"))}))]);
        ends(pattern, "scp", side("A"), side("B"), OPEN, TOO_COMPLEX);
    }
}

#[test]
fn stars_and_question_marks_end_in_a_verdict() {
    let action = |many: usize| document(vec![deny(&json!({"Action": format!("ec2:{}", "*?".repeat(many))}))]);
    ends("alone", "scp", action(5_000), action(4_999), PROVEN, "stricter");
    let resource =
        |word: &str| document(vec![deny(&json!({"Resource": format!("arn:aws:s3:::{}", word.repeat(2_000))}))]);
    ends("with letters", "scp", resource("*?a"), resource("*?b"), OPEN, TOO_COMPLEX);
}

#[test]
fn what_is_deep_is_refused() {
    let lists = |many: usize| format!("{}{}", "[".repeat(many), "]".repeat(many));
    ends("lists", "scp", lists(100_000), small(), REFUSED, "more than 64 levels deep");
    ends("never closed", "scp", "[".repeat(1_000_000), small(), REFUSED, "not valid JSON");
    let maps = format!("{}1{}", "{\"Statement\":".repeat(100_000), "}".repeat(100_000));
    ends("maps", "scp", maps, small(), REFUSED, "more than 64 levels deep");
}

#[test]
fn bytes_that_are_no_text_are_refused_and_control_characters_shown() {
    ends("bytes", "scp", b"{\"Statement\": \"\xff\xfe\"}", small(), REFUSED, "it is not UTF-8 text");
    ends("nul byte", "scp", b"{\"Statement\": \"\0\"}", small(), REFUSED, "not valid JSON");
    let nul = document(vec![deny(&json!({"Action": "ec2:\0*", "Resource": "\0"}))]);
    ends("nul", "scp", &nul, small(), PROVEN, "the resource `\\u{0}` is neither an ARN nor `*`");
}

#[test]
fn keys_stand_once_and_account_ids_are_text() {
    let twice = small().replacen("\"Effect\"", "\"Effect\":\"Allow\",\"Effect\"", 1);
    ends("twice", "scp", twice, small(), REFUSED, "the key `Effect` stands twice");
    let very_often = format!("{{\"Statement\": {{{}}}}}", vec!["\"Sid\": \"a\""; 100_000].join(","));
    ends("very often", "scp", very_often, small(), REFUSED, "more mistakes are not shown");
    let principal = |name: Value| document(vec![deny(&json!({"Principal": {"AWS": name}}))]);
    let (number, text) = (principal(json!([11_111_111_111_u64])), principal(json!("011111111111")));
    ends("number", "resource", number, text, PROVEN, "as a number one may have lost its zeros");
}

#[test]
fn very_many_mistakes_are_counted() {
    let effects = vec![deny(&json!({"Effect": "No"})); 50_000];
    ends("effects", "scp", document(effects), small(), REFUSED, "49950 more mistakes are not shown");
    let nulls = vec![Value::Null; 200_000];
    ends("nulls", "scp", document(vec![deny(&json!({"Action": nulls}))]), small(), REFUSED, "more mistakes");
}

#[test]
fn pairs_of_surrogates_are_the_character_that_they_stand_for() {
    let escaped = small().replacen("\"*\"", r#""arn:aws:s3:::\\\ud83d\ude00""#, 1);
    let plain = small().replacen("\"*\"", "\"arn:aws:s3:::\\\\\u{1f600}\"", 1);
    ends("pair", "scp", &escaped, plain, PROVEN, "equivalent");
    // What stands behind a pair keeps its place.
    let behind =
        r#"{"Statement": {"Sid": "\ud83d\ude00", "Effect": "Deny", "Action": "*", "Resource": 1, "Condition": 7}}"#;
    let column = behind.find('7').expect("a place") + 1;
    ends("place", "scp", behind, small(), REFUSED, &format!("old.json:1:{column}"));
    let lone = small().replacen("\"*\"", r#""\ud83d""#, 1);
    ends("lone", "scp", lone, small(), REFUSED, "old.json:1:");
}

#[test]
fn very_many_statements_end_in_a_verdict() {
    let actions =
        |letter: &str| document((0..50_000).map(|n| deny(&json!({"Action": format!("ec2:{letter}{n}")}))).collect());
    ends("actions", "scp", actions("A"), actions("B"), OPEN, TOO_COMPLEX);
    let same: Vec<Value> = (0..50_000).map(|n| deny(&json!({"Sid": format!("a{n}")}))).collect();
    ends("same", "scp", document(same.clone()), document(same[1..].to_vec()), PROVEN, "");
    ends("keys", "scp", keys(3_000, "v"), keys(3_000, "w"), OPEN, STEPS);
}

/// Statements that each look at a key of their own.
fn keys(many: usize, value: &str) -> String {
    let statement = |n: usize| deny(&json!({"Condition": {"StringEquals": {format!("aws:k{n}"): value}}}));
    document((0..many).map(statement).collect())
}

#[test]
fn very_many_levels_end_in_a_verdict() {
    let side = |actions: [&str; 2]| {
        let document = json!({"Statement": {"Effect": "Allow", "Action": actions, "Resource": "*"}});
        Value::Array(vec![json!([document]); 30_000]).to_string()
    };
    let output = compared("scp", side(["ec2:*", "s3:Get*"]).as_bytes(), side(["ec2:R*", "s3:*"]).as_bytes());
    assert!(matches!(output.status.code(), Some(WEAKER | OPEN)), "{}", said(&output));
}

#[test]
fn very_many_conditions_and_ranges_end_in_a_verdict() {
    let wanted: serde_json::Map<String, Value> =
        (0..50_000).map(|n| (format!("aws:k{n}"), json!(["v*", "*w"]))).collect();
    ends(
        "keys",
        "scp",
        document(vec![deny(&json!({"Condition": {"StringLike": wanted}}))]),
        small(),
        PROVEN,
        "stricter",
    );
    let ranges = |first: usize, many: usize| {
        let ranges = each(many, |n| format!("{first}.{}.{}.0/24", n / 250, n % 250));
        document(vec![deny(&json!({"Condition": {"NotIpAddress": {"aws:SourceIp": ranges}}}))])
    };
    ends("ranges", "scp", ranges(10, 60_000), ranges(11, 60_000), OPEN, TOO_COMPLEX);
    ends("fewer ranges", "scp", ranges(10, 900), ranges(11, 900), WEAKER, "mixed");
    let tags = |operator: &str| {
        let patterns = each(12, |n| format!("*{n}*"));
        document(vec![deny(&json!({"Condition": {operator: {"aws:TagKeys": patterns}}}))])
    };
    ends("sets", "scp", tags("ForAnyValue:StringLike"), tags("ForAllValues:StringLike"), WEAKER, "weaker");
}

/// Differences of differences as deep as they are taken, in a thread as small as tests and servers have them.
#[test]
fn the_deepest_difference_fits_a_small_stack() {
    let deepest = || {
        let side = |value: &str| {
            let file = File { name: "a.json".to_owned(), text: keys(1_500, value) };
            from_files(Kind::Scp, vec![file]).expect("a document")
        };
        compare(side("v"), side("w"), &Options::default()).reason
    };
    let thread = std::thread::Builder::new().stack_size(2 * 1024 * 1024).spawn(deepest).expect("a thread");
    let reason = thread.join().expect("a stack that did").expect("a reason");
    assert!(reason.contains("budget of steps"), "{reason}");
}
