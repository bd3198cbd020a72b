//! Declarative policies on the command line: documents, levels, folders and batches, with the same JSON and exit codes as
//! permission policies.

#![allow(clippy::expect_used, reason = "a test that cannot go on says why")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

const STATUS: &str = "ec2_attributes.serial_console_access.status";

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_guardline"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .output()
        .expect("the program")
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn console(status: &str) -> Value {
    json!({"ec2_attributes": {"serial_console_access": {"status": {"@@assign": status}}}})
}

fn write(folder: &Path, path: &str, value: &Value) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, value.to_string()).expect("a file");
}

/// Compares two texts, and gives the exit code and the JSON.
fn compared(old: &Value, new: &Value) -> (Option<i32>, Value) {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "old.json", old);
    write(folder.path(), "new.json", new);
    let output = run(folder.path(), &["compare", "--kind", "declarative", "old.json", "new.json", "-f", "json"]);
    let json = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| json!(said(&output)));
    (output.status.code(), json)
}

#[test]
fn documents_have_the_json_and_the_exit_codes_of_every_kind() {
    let (code, found) = compared(&console("disabled"), &console("enabled"));
    assert_eq!(
        (code, &found["verdict"], &found["schema"]),
        (Some(3), &json!("weaker"), &json!("guardline/compare/v1"))
    );
    assert_eq!(found["witnesses"], json!([]));
    let expected = json!([{
        "path": STATUS, "old": "disabled", "new": "enabled", "direction": "weaker",
        "reason": "`enabled` restricts less than `disabled`", "category": "attribute-relaxed",
    }]);
    assert_eq!(found["attributes"], expected);
    assert_eq!(compared(&console("enabled"), &console("disabled")).0, Some(0));
    assert_eq!(compared(&console("disabled"), &console("perhaps")).0, Some(4));
    assert_eq!(compared(&console("disabled"), &json!(7)).0, Some(2));
    let (code, found) =
        compared(&json!({"ec2_attributes": {"serial_console_access": {"status": "disabled"}}}), &json!({}));
    assert_eq!(code, Some(4));
    assert_eq!(found["refused_by_aws"][0]["position"]["column"], json!(45));
}

#[test]
fn levels_and_folders_are_resolved_first() {
    let locked = json!({"ec2_attributes": {"serial_console_access": {"status": {
        "@@assign": "disabled", "@@operators_allowed_for_child_policies": ["@@none"]}}}});
    let (old, new) = (json!([[locked], []]), json!([[locked], [console("enabled")]]));
    assert_eq!(compared(&old, &new).0, Some(0), "what is locked cannot be changed below");
    let (old, new) = (json!([[console("disabled")], []]), json!([[console("disabled")], [console("enabled")]]));
    assert_eq!(compared(&old, &new).0, Some(3));

    let folder = tempfile::tempdir().expect("a folder");
    let allow = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}});
    for (side, status) in [("old", "disabled"), ("new", "enabled")] {
        write(folder.path(), &format!("{side}/1-root/declarative/console.json"), &console("disabled"));
        write(folder.path(), &format!("{side}/2-account/declarative/console.json"), &console(status));
        write(folder.path(), &format!("{side}/1-root/scp/all.json"), &allow);
        write(folder.path(), &format!("{side}/2-account/scp/all.json"), &allow);
    }
    for (kind, code) in [(vec![], 3), (vec!["--kind", "declarative"], 3), (vec!["--kind", "scp"], 0)] {
        let output = run(folder.path(), &[vec!["compare", "old", "new"], kind.clone()].concat());
        assert_eq!(output.status.code(), Some(code), "{kind:?}: {}", said(&output));
        assert_eq!(said(&output).contains(STATUS), code == 3, "{kind:?}: {}", said(&output));
    }
    let rcp = run(folder.path(), &["compare", "old", "new", "--kind", "rcp"]);
    assert_eq!(rcp.status.code(), Some(2), "{}", said(&rcp));
}

#[test]
fn batches_hold_them_too_and_text_is_escaped() {
    let folder = tempfile::tempdir().expect("a folder");
    let line = json!({"id": 1, "kind": "declarative", "old": console("disabled"), "new": [[console("enabled")]]});
    fs::write(folder.path().join("pairs.jsonl"), format!("{line}\n")).expect("a file");
    let output = run(folder.path(), &["compare", "--batch", "pairs.jsonl"]);
    let answer: Value = serde_json::from_slice(&output.stdout).expect("a line");
    assert_eq!((output.status.code(), &answer["verdict"], &answer["id"]), (Some(0), &json!("weaker"), &json!(1)));

    let hostile = json!({"\u{1b}[31m`x`": {"a": {"@@assign": "\u{1b}[0m"}}});
    write(folder.path(), "old.json", &hostile);
    write(folder.path(), "new.json", &json!({}));
    for format in ["text", "markdown"] {
        let output = run(folder.path(), &["compare", "--kind", "declarative", "old.json", "new.json", "-f", format]);
        assert_eq!(output.status.code(), Some(4));
        assert!(!said(&output).contains('\u{1b}'), "{}", said(&output));
    }
}
