//! What holds for every edit: the baseline says what was meant, and every other byte of its files is as it was.

mod hand;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::{Value, json};

use self::hand::Hand;
use super::*;
use crate::baseline::files::Carried;

fn carried<'a>(files: &[(&str, &'a str)]) -> Carried<'a> {
    Carried(files.iter().map(|(path, text)| (PathBuf::from(path), *text)).collect())
}

/// The files after a change, or why it was refused.
fn edited(files: &[(&str, &str)], change: &Change) -> Result<BTreeMap<String, String>, EditError> {
    let files = carried(files);
    let mut editor = Editor::open(&files, Path::new("b.yaml"), &[])
        .unwrap_or_else(|error| panic!("{}", error.diagnostics.render(false, 100)));
    editor.apply(change)?;
    Ok(editor.changed().map(|(path, text)| (path.display().to_string(), text.to_owned())).collect())
}

fn append(list: &str, item: Value) -> Change {
    Change::Append { list: list.to_owned(), item }
}

fn set(at: &str, value: Value) -> Change {
    Change::Set { at: at.to_owned(), value }
}

fn remove(at: &str) -> Change {
    Change::Remove { at: at.to_owned() }
}

/// The main file after a change.
#[track_caller]
fn after(body: &str, change: &Change) -> String {
    let text = format!("version: 1\nestate: e\n{body}");
    let result = edited(&[("b.yaml", &text)], change).unwrap_or_else(|error| panic!("{error}\n{text}"));
    result["b.yaml"].strip_prefix("version: 1\nestate: e\n").unwrap().to_owned()
}

fn quota() -> Value {
    json!({"service": "ec2", "code": "L-2", "max": 5})
}

fn exemption() -> Value {
    json!({
        "match": {"kind": "region", "account": "444444444444", "region": "me-south-1"},
        "status": "ENABLED",
        "reason": "moves to eu-south-1, then it goes",
        "owner": "platform",
        "expires": "2027-03-01",
    })
}

#[test]
fn an_item_goes_behind_the_last_one_and_looks_like_it() {
    for (body, expected) in [
        (
            "aws:\n  quotas:   # all\n    - {service: ec2, code: L-1, max: 1}  # why\n      # of it\n    # old: {}\n\n  # next\n  regions: []\n",
            "aws:\n  quotas:   # all\n    - {service: ec2, code: L-1, max: 1}  # why\n      # of it\n    # old: {}\n    - {service: ec2, code: L-2, max: 5}\n\n  # next\n  regions: []\n",
        ),
        (
            "aws:\n  quotas:\n  - service: ec2\n    code: L-1\n    max: 1\n  # about regions\n  regions: []\n",
            "aws:\n  quotas:\n  - service: ec2\n    code: L-1\n    max: 1\n  - service: ec2\n    code: L-2\n    max: 5\n  # about regions\n  regions: []\n",
        ),
        (
            "aws: {quotas: [{service: ec2, code: L-1, max: 1}]} # x\n",
            "aws: {quotas: [{service: ec2, code: L-1, max: 1}, {service: ec2, code: L-2, max: 5}]} # x\n",
        ),
        (
            "aws:\n  quotas: [\n    {service: ec2, code: L-1, max: 1}, # one\n  ]\n",
            "aws:\n  quotas: [\n    {service: ec2, code: L-1, max: 1}, # one\n    {service: ec2, code: L-2, max: 5},\n  ]\n",
        ),
        (
            "aws:\n  quotas: [\n    {service: ec2, code: L-1, max: 1} # one\n  ]\n",
            "aws:\n  quotas: [\n    {service: ec2, code: L-1, max: 1}, # one\n    {service: ec2, code: L-2, max: 5}\n  ]\n",
        ),
        (
            "aws:\n  quotas:\n    -\n      service: ec2\n      code: L-1\n      max: 1",
            "aws:\n  quotas:\n    -\n      service: ec2\n      code: L-1\n      max: 1\n    - service: ec2\n      code: L-2\n      max: 5",
        ),
        (
            "aws:\n  quotas:\n    - &a {service: ec2, code: L-1, max: 1}\n",
            "aws:\n  quotas:\n    - &a {service: ec2, code: L-1, max: 1}\n    - {service: ec2, code: L-2, max: 5}\n",
        ),
    ] {
        assert_eq!(after(body, &append("/aws/quotas", quota())), expected);
        let returns = |text: &str| text.replace('\n', "\r\n");
        let result =
            edited(&[("b.yaml", &returns(&format!("version: 1\nestate: e\n{body}")))], &append("/aws/quotas", quota()));
        assert_eq!(result.unwrap()["b.yaml"], returns(&format!("version: 1\nestate: e\n{expected}")));
    }
}

#[test]
fn an_empty_list_and_one_that_is_not_there_are_begun() {
    for (body, expected) in [
        ("aws:\n  quotas: []  # none\n", "aws:\n  quotas:  # none\n    - {service: ec2, code: L-2, max: 5}\n"),
        (
            "aws:\n  accounts:\n  - {id: \"111111111111\"}\n  quotas: [ ]\n",
            "aws:\n  accounts:\n  - {id: \"111111111111\"}\n  quotas:\n  - {service: ec2, code: L-2, max: 5}\n",
        ),
        ("aws: {quotas: []}\n", "aws: {quotas: [{service: ec2, code: L-2, max: 5}]}\n"),
        ("aws: {}\n", "aws: {quotas: [{service: ec2, code: L-2, max: 5}]}\n"),
        ("aws:\n  regions: []\n", "aws:\n  regions: []\n  quotas:\n    - {service: ec2, code: L-2, max: 5}\n"),
        ("aws: {regions: []}", "aws: {regions: [], quotas: [{service: ec2, code: L-2, max: 5}]}"),
    ] {
        assert_eq!(after(body, &append("/aws/quotas", quota())), expected);
    }
    let services = |body: &str| after(body, &append("/aws/trusted_services", json!("a.amazonaws.com")));
    assert_eq!(services("aws:\n  trusted_services: []\n"), "aws:\n  trusted_services: [a.amazonaws.com]\n");
    assert_eq!(services("aws:\n  trusted_services: [b.c]\n"), "aws:\n  trusted_services: [b.c, a.amazonaws.com]\n");
    assert_eq!(
        services("aws:\n  trusted_services:\n    - b.c\n"),
        "aws:\n  trusted_services:\n    - b.c\n    - a.amazonaws.com\n"
    );
}

#[test]
fn an_exemption_is_readable() {
    insta::assert_snapshot!(after("\naws: {}\n\n# last words\n", &append("/exemptions", exemption())), @r#"

    aws: {}

    exemptions:
      - match: {kind: region, account: "444444444444", region: me-south-1}
        status: ENABLED
        reason: "moves to eu-south-1, then it goes"
        owner: platform
        expires: 2027-03-01

    # last words
    "#);
}

#[test]
fn a_value_is_set_and_an_entry_taken_out() {
    let body = "aws:\n  accounts:\n    - {id: \"111111111111\", name: 'one', ou: /}  # first\n    # about the second\n    - id: \"222222222222\" # second\n      name: two\n      ou: /A\n";
    for (change, from, to) in [
        (set("/aws/accounts/0/name", json!("uno")), "'one'", "uno"),
        (set("/aws/accounts/1/ou", json!("/B")), "/A", "/B"),
        (remove("/aws/accounts/0"), "    - {id: \"111111111111\", name: 'one', ou: /}  # first\n", ""),
        (remove("/aws/accounts/1"), "    - id: \"222222222222\" # second\n      name: two\n      ou: /A\n", ""),
        (remove("/aws/accounts/0/name"), ", name: 'one'", ""),
        (remove("/aws/accounts/1/name"), "      name: two\n", ""),
        (remove("/aws/accounts/1/ou"), "      ou: /A\n", ""),
    ] {
        assert_eq!(after(body, &change), body.replace(from, to), "{change:?}");
    }
    for (body, at, expected) in [
        ("aws:\n  trusted_services:  # x\n    - a\n", "/aws/trusted_services/0", "aws:\n  trusted_services: []  # x\n"),
        ("aws:\n  trusted_services: [a]\n", "/aws/trusted_services/0", "aws:\n  trusted_services: []\n"),
        ("aws:\n  trusted_services: [ a, ]\n", "/aws/trusted_services/0", "aws:\n  trusted_services: []\n"),
        ("aws:\n  trusted_services: [a, b, c]\n", "/aws/trusted_services/1", "aws:\n  trusted_services: [a, c]\n"),
        ("aws:\n  trusted_services: [a, b, c]\n", "/aws/trusted_services/0", "aws:\n  trusted_services: [b, c]\n"),
    ] {
        assert_eq!(after(body, &remove(at)), expected);
    }
}

#[test]
fn comments_of_what_stays_in_brackets_stay_where_they_are() {
    let list = "[\n    a, # about a\n    # next\n    b, # about b\n    c # about c\n    # end\n  ]";
    for (list, index, expected) in [
        (list, 0, "[\n    # next\n    b, # about b\n    c # about c\n    # end\n  ]"),
        (list, 1, "[\n    a, # about a\n    # next\n    c # about c\n    # end\n  ]"),
        (list, 2, "[\n    a, # about a\n    # next\n    b # about b\n    # end\n  ]"),
        ("[ a, # about a\n    b, # about b\n  ]", 1, "[ a, # about a\n  ]"),
        ("[ a, # about a\n    b, # about b\n  ]", 0, "[ b, # about b\n  ]"),
        ("[ a, # about a\n    # about b\n    b\n  ]", 0, "[\n    # about b\n    b\n  ]"),
        ("[ a, # about a\n    b ]", 1, "[ a # about a\n    ]"),
        ("[ a, b, # about b\n    c ]", 0, "[ b, # about b\n    c ]"),
        ("[ a, # about a\n    b, c, # about c\n    d ]", 1, "[ a, # about a\n    c, # about c\n    d ]"),
        ("[ a # about a\n  , b # about b\n  , c ]", 1, "[ a # about a\n  , c ]"),
        ("[ a # about a\n  , b # about b\n  , c ]", 0, "[ b # about b\n  , c ]"),
        ("[ a # about a\n  , b # about b\n  ]", 1, "[ a # about a\n  ]"),
        ("[ a, # about a\n    b # about b\n  , c ]", 1, "[ a, # about a\n   c ]"),
        ("[ # about all\n    a, # about a\n  ]", 0, "[ # about all\n    ]"),
        ("[ a, # about a\n    # end\n  ]", 0, "[\n    # end\n    ]"),
        ("[\n    a, # about a\n  ]", 0, "[]"),
    ] {
        for ending in ["\n", "\r\n"] {
            let text = format!("version: 1\nestate: e\naws:\n  trusted_services: {list}\n").replace('\n', ending);
            let result = edited(&[("b.yaml", &text)], &remove(&format!("/aws/trusted_services/{index}")));
            let result = result.unwrap_or_else(|error| panic!("{error}\n{text}"));
            assert_eq!(result["b.yaml"], text.replace(&list.replace('\n', ending), &expected.replace('\n', ending)));
        }
    }
    let keys = "aws:\n  accounts:\n    - name: one  # the first\n      # its id\n      id: \"111111111111\"\n";
    assert_eq!(
        after(keys, &remove("/aws/accounts/0/name")),
        "aws:\n  accounts:\n    - \n      # its id\n      id: \"111111111111\"\n"
    );
    assert_eq!(
        after("aws:\n  trusted_services: [a, b # about b\n  ]\n", &append("/aws/trusted_services", json!("c"))),
        "aws:\n  trusted_services: [a, b, # about b\n                     c\n  ]\n"
    );
}

#[test]
fn a_change_goes_into_the_file_in_which_the_section_stands() {
    let files = [
        ("b.yaml", "version: 1\nestate: e\ninclude: [q.yaml, r.yaml]\naws:\n  regions: []\n"),
        ("q.yaml", "aws:\n  quotas:\n    - {service: ec2, code: L-1, max: 1}\n"),
        ("r.yaml", "aws:\n  quotas:\n    - {service: ec2, code: L-3, max: 1}\n"),
    ];
    let result = edited(&files, &append("/aws/quotas", quota())).unwrap();
    assert_eq!(result.keys().collect::<Vec<_>>(), ["r.yaml"]);
    let result = edited(&files, &remove("/aws/quotas/0")).unwrap();
    assert_eq!(result["q.yaml"], "aws:\n  quotas: []\n");
    let result = edited(&files, &append("/exemptions", exemption())).unwrap();
    assert_eq!(result.keys().collect::<Vec<_>>(), ["b.yaml"]);
}

#[test]
fn what_would_change_something_else_is_refused_with_the_text_to_paste() {
    let shared = "version: 1\nestate: e\naws:\n  policies:\n    - {name: a, type: t, targets: &t [/]}\n    - {name: b, type: t, targets: *t}\n";
    for at in ["/aws/policies/0/targets", "/aws/policies/1/targets"] {
        let error = edited(&[("b.yaml", shared)], &append(at, json!("/A"))).unwrap_err();
        let EditError::Refused { file, reason, paste } = error else { panic!("{error}") };
        assert_eq!((file.as_path(), reason.as_str()), (Path::new("b.yaml"), OTHER));
        let (line, column) = if at.contains("/0/") { (5, 26) } else { (6, 26) };
        assert_eq!(paste, format!("add to `{}` (b.yaml:{line}:{column}):\n- /A", at[1..].replace('/', ".")));
    }
    let wrong = append("/aws/policies", json!({"name": "c"}));
    let error = edited(&[("b.yaml", shared)], &wrong).unwrap_err().to_string();
    assert!(error.starts_with("cannot edit `b.yaml`: the result is refused: "), "{error}");
    assert!(matches!(edited(&[("b.yaml", shared)], &remove("/aws/none/0")), Err(EditError::NoPlace(_))));
}

#[test]
fn a_document_is_replaced_unless_somebody_else_uses_it() {
    let rule = |name: &str| format!("    - {{name: {name}, type: t, document: d.json}}\n");
    let change = Change::Document { at: "/aws/policies/0/document".to_owned(), value: json!({"new": [1]}) };
    let one = format!("version: 1\nestate: e\naws:\n  policies:\n{}", rule("a"));
    let result = edited(&[("b.yaml", &one), ("d.json", "{}")], &change).unwrap();
    assert_eq!(result, BTreeMap::from([("d.json".to_owned(), "{\n  \"new\": [\n    1\n  ]\n}".to_owned())]));
    let two = format!("{one}{}", rule("b"));
    assert!(edited(&[("b.yaml", &two), ("d.json", "{}")], &change).is_err());
    let inline = "version: 1\nestate: e\naws:\n  policies:\n    - {name: a, type: t, document: {old: 1}} # x\n";
    let result = edited(&[("b.yaml", inline)], &change).unwrap();
    assert_eq!(result["b.yaml"], inline.replace("{old: 1}", "{new: [1]}"));
    let more = Change::WithDocument {
        list: "/aws/policies".to_owned(),
        item: json!({"name": "c", "type": "t", "document": "scp/c.json"}),
        document: json!({"c": true}),
    };
    let result = edited(&[("b.yaml", &one), ("d.json", "{}")], &more).unwrap();
    assert_eq!(result["b.yaml"], format!("{one}    - {{name: c, type: t, document: scp/c.json}}\n"));
    assert_eq!(result["scp/c.json"], "{\n  \"c\": true\n}\n");
    assert!(edited(&[("b.yaml", &one), ("d.json", "{}"), ("scp/c.json", "{}")], &more).is_err());
}

#[test]
fn a_document_in_yaml_is_spliced_or_left_alone() {
    let policies = "aws:\n  policies:\n    - {name: a, type: t, document: d.yaml}\n";
    let text = format!("version: 1\nestate: e\n{policies}");
    let document = "# why\r\nEffect: Deny # all\r\nAction: ['*']\r\n";
    let change = |value| Change::Document { at: "/aws/policies/0/document".to_owned(), value };
    let files = [("b.yaml", text.as_str()), ("d.yaml", document)];
    let result = edited(&files, &change(json!({"Effect": "Deny", "Action": ["*", "s3:*"]}))).unwrap();
    assert_eq!(result, BTreeMap::from([("d.yaml".to_owned(), document.replace("['*']", "['*', \"s3:*\"]"))]));
    let error = edited(&files, &change(json!({"Action": ["*"]}))).unwrap_err();
    let EditError::Refused { file, reason, paste } = error else { panic!("{error}") };
    assert_eq!(file, Path::new("d.yaml"));
    assert!(reason.starts_with("a comment"), "{reason}");
    let said = "let `d.yaml`, which `aws.policies.0.document` (b.yaml:5:26) names, say:\nAction: [\"*\"]";
    assert_eq!(paste, said);
}

#[test]
fn what_is_not_made_together_is_all_to_be_made_by_hand() {
    let text = "version: 1\nestate: e\naws:\n  policies:\n    - {name: a, type: t, targets: &t [/]}\n    - {name: b, type: t, targets: *t}\n";
    let files = carried(&[("b.yaml", text)]);
    let mut editor = Editor::open(&files, Path::new("b.yaml"), &[]).unwrap();
    let changes = [set("/lookback", json!("3d")), append("/aws/policies/0/targets", json!("/A"))];
    let error = editor.apply_all(&changes).unwrap_err();
    let EditError::Refused { paste, .. } = error else { panic!("{error}") };
    let first = "set `lookback` (b.yaml:1:1) to:\n3d\n";
    assert_eq!(paste, format!("{first}add to `aws.policies.0.targets` (b.yaml:5:26):\n- /A"));
    assert_eq!(editor.changed().count(), 0);
}

/// A small baseline; which sections it has, and how full they are, is drawn.
fn plan(draws: &[u8]) -> Value {
    let draw = |at: usize, count: u8| draws.get(at % draws.len()).copied().unwrap_or_default() % count;
    let mut aws = json!({});
    let sections = [
        ("accounts", json!([{"id": "111111111111", "ou": "/"}, {"id": "222222222222", "name": "two", "ou": "/A"}])),
        ("trusted_services", json!(["a.amazonaws.com", "b.amazonaws.com", "c.amazonaws.com"])),
        ("regions", json!([{"allowed": ["eu-west-1"], "required": []}, {"where": {"ou": "/A"}, "allowed": []}])),
        (
            "quotas",
            json!([{"service": "ec2", "code": "*", "max": "default"}, {"service": "ec2", "code": "L-1", "max": 5}]),
        ),
    ];
    for (at, (name, items)) in sections.into_iter().enumerate() {
        let mut items = items;
        if let Value::Array(items) = &mut items {
            items.truncate(usize::from(draw(at, 4)));
        }
        if draw(at + 5, 4) > 0 {
            aws[name] = items;
        }
    }
    let mut whole = json!({"version": 1, "estate": "x", "aws": aws});
    match draw(11, 3) {
        0 => {}
        1 => whole["exemptions"] = json!([]),
        _ => whole["exemptions"] = json!([exemption()]),
    }
    whole
}

/// Every change of every sort for which the baseline has a place.
fn possible(whole: &Value) -> Vec<Change> {
    let mut changes = vec![
        append("/aws/quotas", quota()),
        append("/aws/trusted_services", json!("new.amazonaws.com")),
        append("/exemptions", exemption()),
        set("/lookback", json!("3d")),
    ];
    for (name, section) in whole["aws"].as_object().into_iter().flatten() {
        for (index, item) in section.as_array().into_iter().flatten().enumerate() {
            let at = format!("/aws/{name}/{index}");
            changes.push(remove(&at));
            for (key, value) in item.as_object().into_iter().flatten() {
                match (key.as_str(), value) {
                    ("ou", _) => changes.push(set(&format!("{at}/{key}"), json!("/New \u{202e}"))),
                    ("max", _) => changes.push(set(&format!("{at}/{key}"), json!(77))),
                    ("allowed", _) => changes.push(append(&format!("{at}/{key}"), json!("me-south-1"))),
                    ("name" | "required", _) => changes.push(remove(&format!("{at}/{key}"))),
                    _ => {}
                }
            }
            if name == "accounts" && item.get("name").is_none() {
                changes.push(set(&format!("{at}/name"), json!("new: name")));
            }
        }
    }
    changes
}

/// What stays of the old text: nothing is lost but what a change replaces, and all else is in its order.
#[track_caller]
fn kept(old: &str, new: &str, change: &Change) {
    let prefix = old.bytes().zip(new.bytes()).take_while(|(a, b)| a == b).count();
    let suffix = old.bytes().rev().zip(new.bytes().rev()).take_while(|(a, b)| a == b).count();
    let suffix = suffix.min(old.len() - prefix).min(new.len() - prefix);
    let (gone, come) = (&old.as_bytes()[prefix..old.len() - suffix], &new.as_bytes()[prefix..new.len() - suffix]);
    let (gone, come) = (String::from_utf8_lossy(gone), String::from_utf8_lossy(come));
    match change {
        // Nothing but the brackets of an empty list goes; a comment behind what gets a comma stays.
        Change::Append { .. } => {
            let rest = gone.split_once("]").filter(|(head, _)| head.trim().trim_start_matches('[').is_empty());
            let rest = rest.map_or(gone.as_ref(), |(_, rest)| rest).trim_start();
            assert!(come.contains(rest), "{gone:?} became {come:?} in\n{old}");
        }
        // A comma that parted two entries may stand behind the first one then.
        Change::Remove { .. } => {
            let (rest, gone) = (come.replace(',', ""), gone.replace(',', ""));
            let rest = rest.trim().trim_start_matches("[]").trim();
            assert!(gone.contains(rest), "{gone:?} became {come:?} in\n{old}");
        }
        Change::Set { .. } => {
            let is_scalar = !gone.contains('\n') && !gone.contains(" #");
            assert!(is_scalar || come.contains(gone.as_ref()), "{gone:?} became {come:?} in\n{old}");
        }
        Change::SetAll { .. } | Change::Document { .. } | Change::WithDocument { .. } => unreachable!("not made here"),
    }
}

/// The line of a comment, up to it.
fn line_of(text: &str, number: usize) -> Option<&str> {
    let at = text.find(&format!("<{number}>"))?;
    let line = text.get(..at)?.rsplit('\n').next()?;
    Some(line.split('#').next()?.trim())
}

/// Every comment is kept but those about what was taken out, each behind what it stood behind.
#[track_caller]
fn comments_kept(old: &str, new: &str, change: &Change, comments: &[String]) {
    let word = |line: &str| {
        line.trim_end_matches(|letter| " ,[]{}".contains(letter))
            .rsplit([' ', '[', '{', ','])
            .next()
            .unwrap_or("")
            .to_owned()
    };
    for (number, about) in comments.iter().enumerate() {
        let Some(before) = line_of(old, number) else { continue };
        if let Change::Remove { at } = change
            && (about == at || about.strip_prefix(at.as_str()).is_some_and(|rest| rest.starts_with('/')))
        {
            continue;
        }
        let after = line_of(new, number);
        let after = after.unwrap_or_else(|| panic!("comment {number} is lost by {change:?}:\n{old}\n-> \n{new}"));
        if let Some(open) = before.chars().last().filter(|last| "[{".contains(*last)) {
            assert!(after.ends_with(open), "comment {number} moved by {change:?}:\n{old}\n-> \n{new}");
            continue;
        }
        // Behind brackets it is about all that stands in them.
        let closed = before.trim_end_matches([',', ' ']).ends_with([']', '}']);
        if !closed && !matches!(change, Change::Set { .. }) {
            assert_eq!(word(before), word(after), "comment {number} moved by {change:?}:\n{old}\n-> \n{new}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn every_change_does_what_it_says_in_every_hand(
        shape in prop::collection::vec(any::<u8>(), 12),
        draws in prop::collection::vec(any::<u8>(), 1..60),
        returns in any::<bool>(),
        ends in any::<bool>(),
        apart in any::<bool>(),
    ) {
        let whole = plan(&shape);
        let mut hand = Hand::new(&draws);
        let mut parts = whole.clone();
        let aws = parts.as_object_mut().unwrap().remove("aws").unwrap();
        let aws = json!({"aws": aws});
        let included = if apart { hand.block(&aws, 0, "") } else { String::new() };
        let main = if apart { parts["include"] = json!("aws.yaml"); hand.block(&parts, 0, "") } else { hand.block(&whole, 0, "") };
        let finish = |text: String| {
            let text = if ends { text } else { text.trim_end().to_owned() };
            if returns { text.replace('\n', "\r\n") } else { text }
        };
        let (main, included) = (finish(main), finish(included));
        let files = if apart { vec![("b.yaml", main.as_str()), ("aws.yaml", included.as_str())] } else { vec![("b.yaml", main.as_str())] };
        for change in possible(&whole) {
            let result = edited(&files, &change);
            let result = result.unwrap_or_else(|error| panic!("{change:?}: {error}\n{main}\n---\n{included}"));
            for (path, new) in &result {
                let old = files.iter().find(|(name, _)| name == path).unwrap().1;
                kept(old, new, &change);
                comments_kept(old, new, &change, &hand.comments);
                prop_assert_eq!(new.contains('\n') && !new.replace("\r\n", "").contains('\n'), returns && new.contains('\n'));
            }
        }
    }
}
