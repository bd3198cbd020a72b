//! YAML as people and tools write it: line ends, byte order marks, tabs, scalars, JSON.

use serde_json::json;

use super::{
    super::document::{Budget, Node, parse},
    lines, load_texts,
};

fn tree(text: &str) -> Node {
    let (root, mistakes) = parse(0, text, &mut Budget::default());
    assert_eq!(mistakes, []);
    root.unwrap()
}

#[test]
fn scalars_follow_the_core_schema() {
    let text = "[1, -2, +3, 0x1F, 0o17, 012, 1.0, 1.5, 1e3, .5, true, False, ~, null, yes, off, 1_000, 1:30, 2026-11-20, '1', \"true\", !!str 5]";
    let expected = json!([
        1,
        -2,
        3,
        31,
        15,
        12,
        1,
        1.5,
        1000,
        0.5,
        true,
        false,
        null,
        null,
        "yes",
        "off",
        "1_000",
        "1:30",
        "2026-11-20",
        "1",
        "true",
        "5"
    ]);
    assert_eq!(tree(text).to_value(), expected);
}

#[test]
fn places_are_right_with_wide_characters_and_crlf() {
    let text = "estate: Größe — 東京\r\nlist:\r\n  - \"😀\": naïve\r\n";
    let root = tree(text);
    let at = |pointer: &str| {
        let span = root.at(pointer).unwrap().span;
        &text[span.start as usize..span.end as usize]
    };
    assert_eq!(at("/estate"), "Größe — 東京");
    assert_eq!(at("/list/0/😀"), "naïve");
    let key = root.at("/list/0").unwrap().entry("😀").unwrap().key_span;
    assert_eq!(&text[key.start as usize..key.end as usize], "\"😀\"");
}

#[test]
fn a_byte_order_mark_windows_line_ends_and_json_are_read() {
    let unix = load_texts(&[("baseline.yaml", "version: 1\nestate: x\naws: {}\n")]).unwrap();
    let windows = load_texts(&[("baseline.yaml", "\u{feff}version: 1\r\nestate: x\r\naws: {}\r\n")]).unwrap();
    let json =
        load_texts(&[("baseline.yaml", "{\n\t\"estate\": \"x\",\n\t\"version\": 1,\n\t\"aws\": {}\n}\n")]).unwrap();
    assert_eq!(unix.hash, windows.hash);
    assert_eq!(unix.hash, json.hash);
}

#[test]
fn broken_forms_are_said_with_their_place_and_fix() {
    insta::assert_snapshot!(lines("version: 1\naws:\n\taccounts: []\n"));
    insta::assert_snapshot!(lines("version: 1\nestate: [a, b\naws: {}\n"));
    insta::assert_snapshot!(lines("version: 1\nestate: *nobody\n"));
    insta::assert_snapshot!(lines("version: 1\nestate: !secret x\n"));
    insta::assert_snapshot!(lines("version: 1\nestate: .nan\n"));
    insta::assert_snapshot!(lines("version: 1\nestate: x\n---\nversion: 1\n"));
    insta::assert_snapshot!(lines("base: &base {a: 1}\nother: {<<: *base}\n"));
    insta::assert_snapshot!(lines("version: 1\n? [a, b]\n: x\n"));
    insta::assert_snapshot!(lines(""));
    insta::assert_snapshot!(lines("- version: 1\n"));
}

#[test]
fn a_number_that_is_none_and_an_unknown_tag_hide_no_other_mistake() {
    let text = "version: 1
estate: .nan
aws:
  quotas:
    - {service: ec2, code: a, max: 1e400}
    - {service: ec2, code: b, between: [1, .inf]}
    - {service: ec2, code: c, between: [-.inf, 5]}
    - {service: ec2, code: d, max: 0xfffffffffffffffff}
    - {service: !secret ec2, code: e, max: lots}
    - !rule {service: ec2, code: f, maximum: 5}
";
    insta::assert_snapshot!(lines(text));
}

#[test]
fn every_duplicate_key_is_said() {
    let said = lines("version: 1\nestate: x\nversion: 1\naws: {quotas: [], quotas: [], regions: [], regions: []}\n");
    let twice = said.lines().filter(|line| line.contains("stands twice in this mapping")).count();
    assert_eq!(twice, 3, "{said}");
}
