//! Policy documents in files of their own. In come a document's text and what it is to say; out comes a text that says so
//! in the language, the indentation and the line ends of the file, or why there is none. Never loses a comment.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{PrettyFormatter, Serializer};

use super::splice::{Page, Reason, Splice};
use super::write::Form;
use super::{NO_TREE, spliced};
use crate::baseline::document::{Budget, Content, Node, parse};

const LOSES: Reason = "a comment, or the order of its entries, would be lost";
const NO_JSON: Reason = "it cannot be written as JSON";
/// Differences that are mended one by one; whoever has more writes a new document.
const MOST: usize = 1000;

/// The language of a document.
pub(super) fn form(path: &Path, text: &str) -> Form {
    let is_yaml = path.extension().is_some_and(|suffix| suffix == "yaml" || suffix == "yml");
    if is_yaml { Form::of(text) } else { Form::Json }
}

/// The text of a document that says something else from now on.
pub(super) fn replaced(path: &Path, old: &str, value: &Value) -> Result<String, Reason> {
    match form(path, old) {
        Form::Json => json(old, value),
        Form::Yaml => yaml(old, value),
    }
}

/// JSON has no comments: it is written anew, with what stands around it, the indentation and the line ends of the old text.
fn json(old: &str, value: &Value) -> Result<String, Reason> {
    let within = old.trim();
    let (before, after) = old.split_at(old.len() - old.trim_start().len());
    let after = after.get(within.len()..).unwrap_or("");
    let second = within.split('\n').nth(1);
    let indent = second.map_or("  ", |line| line.split(|letter| letter != ' ' && letter != '\t').next().unwrap_or(""));
    let text = if second.is_some() || within.chars().filter(|letter| !letter.is_whitespace()).eq("{}".chars()) {
        let mut written = Vec::new();
        let formatter = PrettyFormatter::with_indent(indent.as_bytes());
        value.serialize(&mut Serializer::with_formatter(&mut written, formatter)).map_err(|_| NO_JSON)?;
        String::from_utf8(written).map_err(|_| NO_JSON)?
    } else {
        value.to_string()
    };
    let text = if within.contains("\r\n") { text.replace('\n', "\r\n") } else { text };
    Ok(format!("{before}{text}{after}"))
}

/// What differs is spliced in, one difference after the other, as long as every comment stays.
fn yaml(old: &str, value: &Value) -> Result<String, Reason> {
    let mut text = old.to_owned();
    for _ in 0..MOST {
        let (root, mistakes) = parse(0, &text, &mut Budget::default());
        let root = root.filter(|_| mistakes.is_empty()).ok_or(NO_TREE)?;
        let Some(step) = difference(&root, value) else {
            return if keeps_comments(old, &text) { Ok(text) } else { Err(LOSES) };
        };
        let splices = step.splices(&Page::new(&text, &root))?;
        text = spliced(&text, splices);
    }
    Err(LOSES)
}

/// How a text comes nearer to what it is to say.
enum Step<'a> {
    Replace(&'a Node, &'a Value),
    Add(&'a Node, &'a str, &'a Value),
    Append(&'a Node, &'a Value),
    Remove(&'a Node),
}

impl Step<'_> {
    fn splices(self, page: &Page<'_>) -> Result<Vec<Splice>, Reason> {
        match self {
            Self::Replace(node, value) => page.replace(node, value),
            Self::Add(map, key, value) => page.add_key(map, key, value),
            Self::Append(list, value) => match list.items().last() {
                Some(last) => page.append_after(last, value),
                None => page.append_first(list, value),
            },
            Self::Remove(node) => page.remove(node),
        }
    }
}

/// The first difference; what is to go comes last, so that nothing is left empty in between.
fn difference<'a>(node: &'a Node, wanted: &'a Value) -> Option<Step<'a>> {
    match (&node.content, wanted) {
        (Content::Map(entries), Value::Object(keys)) if !entries.is_empty() && !keys.is_empty() => {
            let within = entries.iter().find_map(|entry| difference(&entry.value, keys.get(&entry.key)?));
            let added = || keys.iter().find(|(key, _)| node.get(key).is_none());
            let gone = || entries.iter().find(|entry| !keys.contains_key(&entry.key));
            within
                .or_else(|| added().map(|(key, value)| Step::Add(node, key, value)))
                .or_else(|| gone().map(|entry| Step::Remove(&entry.value)))
        }
        (Content::List(items), Value::Array(values)) => in_list(node, items, values, wanted),
        _ if node.to_value() == *wanted => None,
        _ => Some(Step::Replace(node, wanted)),
    }
}

/// Items that begin or end both lists alike stay; those between are held against each other in their order.
fn in_list<'a>(node: &'a Node, items: &'a [Node], values: &'a [Value], wanted: &'a Value) -> Option<Step<'a>> {
    let alike = |(item, value): &(&Node, &Value)| item.to_value() == **value;
    let head = items.iter().zip(values).take_while(alike).count();
    let (items, values) = (items.get(head..)?, values.get(head..)?);
    let tail = items.iter().rev().zip(values.iter().rev()).take_while(alike).count();
    let olds = items.get(..items.len().saturating_sub(tail))?;
    let news = values.get(..values.len().saturating_sub(tail))?;
    match (olds, news) {
        ([], []) => None,
        ([old, ..], [new, ..]) => difference(old, new),
        ([old, ..], []) => Some(Step::Remove(old)),
        ([], [new, ..]) if tail == 0 => Some(Step::Append(node, new)),
        ([], [_, ..]) => Some(Step::Replace(node, wanted)),
    }
}

fn keeps_comments(old: &str, new: &str) -> bool {
    let there = comments(new);
    comments(old).iter().all(|(comment, count)| there.get(comment).is_some_and(|now| now >= count))
}

/// Whatever may be a comment, and how often it stands there: in doubt, a `#` in a text is taken for one.
fn comments(text: &str) -> BTreeMap<&str, usize> {
    let mut found = BTreeMap::new();
    for line in text.lines() {
        let marks = line.match_indices('#').map(|(at, _)| line.split_at(at));
        let mut comments = marks.filter(|(before, _)| before.is_empty() || before.ends_with([' ', '\t']));
        if let Some((_, comment)) = comments.next() {
            *found.entry(comment).or_default() += 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn json_keeps_its_indentation_its_line_ends_and_its_end() {
        let value = json!({"a": [1], "b": {}});
        for (old, new) in [
            ("{\n  \"a\": 1\n}\n", "{\n  \"a\": [\n    1\n  ],\n  \"b\": {}\n}\n"),
            ("{\n    \"a\": 1\n}", "{\n    \"a\": [\n        1\n    ],\n    \"b\": {}\n}"),
            ("{\r\n\t\"a\": 1\r\n}\r\n", "{\r\n\t\"a\": [\r\n\t\t1\r\n\t],\r\n\t\"b\": {}\r\n}\r\n"),
            ("\n{\"a\":1}\n\n", "\n{\"a\":[1],\"b\":{}}\n\n"),
            ("{}", "{\n  \"a\": [\n    1\n  ],\n  \"b\": {}\n}"),
            ("{\n\"a\": 1\n}\n", "{\n\"a\": [\n1\n],\n\"b\": {}\n}\n"),
        ] {
            assert_eq!(replaced(Path::new("d.json"), old, &value).unwrap(), new, "{old:?}");
            // What is JSON in a file of YAML stays JSON.
            assert_eq!(replaced(Path::new("d.yaml"), old, &value).unwrap(), new, "{old:?}");
        }
    }

    const DOCUMENT: &str = "# Nobody leaves.\nVersion: '2012-10-17'  # as AWS has it\nStatement:\n  - Sid: Leave\n    Effect: Deny\n    # both ways out\n    Action: [a:Leave, \"a:Close\"]\n    Resource: '*'\n  # the second\n  - {Effect: Deny, Action: a:Two, Resource: '*'}\n";

    #[test]
    fn yaml_stays_yaml_and_keeps_its_comments() {
        let path = Path::new("d.yaml");
        let (root, _) = parse(0, DOCUMENT, &mut Budget::default());
        let old = root.unwrap().to_value();
        let statements = |change: &dyn Fn(&mut Vec<Value>)| {
            let mut value = old.clone();
            change(value["Statement"].as_array_mut().unwrap());
            value
        };
        for (value, from, to) in [
            (old.clone(), "", ""),
            (statements(&|all| all[0]["Action"][1] = json!("a:Other")), "\"a:Close\"", "a:Other"),
            (statements(&|all| all[0]["Resource"] = json!(["p", "q"])), "Resource: '*'\n  #", "Resource: [p, q]\n  #"),
            (statements(&|all| all[0]["Action"].as_array_mut().unwrap().truncate(1)), ", \"a:Close\"", ""),
            (
                statements(&|all| all.push(json!({"Effect": "Deny", "Action": "*"}))),
                "a:Two, Resource: '*'}\n",
                "a:Two, Resource: '*'}\n  - {Effect: Deny, Action: \"*\"}\n",
            ),
            (
                statements(&|all| all[0]["Condition"] = json!({"Bool": {"k": "true"}})),
                "    Resource: '*'\n  #",
                "    Resource: '*'\n    Condition: {Bool: {k: \"true\"}}\n  #",
            ),
            (statements(&|all| drop(all.pop())), "  - {Effect: Deny, Action: a:Two, Resource: '*'}\n", ""),
        ] {
            for ending in ["\n", "\r\n"] {
                let text = DOCUMENT.replace('\n', ending);
                let expected = DOCUMENT.replacen(from, to, 1).replace('\n', ending);
                assert_eq!(replaced(path, &text, &value).unwrap(), expected, "{value}");
            }
        }
        for value in [
            statements(&|all| drop(all.remove(0))),
            statements(&|all| all.insert(0, json!({"Effect": "Deny"}))),
            json!({"Version": "2012-10-17", "Statement": []}),
        ] {
            assert_eq!(replaced(path, DOCUMENT, &value), Err(LOSES), "{value}");
        }
    }

    fn documents() -> impl Strategy<Value = Value> {
        let words = prop_oneof![Just(json!("a")), Just(json!("*")), Just(json!("b # c")), Just(json!(1))];
        let list = prop_oneof![words.clone(), prop::collection::vec(words, 0..4).prop_map(Value::from)];
        let statement = prop::collection::btree_map("[A-D]", list, 0..4);
        let statements = prop::collection::vec(statement, 0..4).prop_map(|all| json!(all));
        (statements, any::<bool>()).prop_map(|(all, more)| {
            if more { json!({"Statement": all, "Id": "x"}) } else { json!({"Version": "v", "Statement": all}) }
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_written_says_what_was_meant_and_no_comment_is_lost(
            old in documents(),
            new in documents(),
            noted in any::<bool>(),
        ) {
            let text = serde_yaml::to_string(&old).unwrap();
            let text = if noted { text.replace("\n- ", "\n# note\n- ") } else { text };
            if let Ok(written) = replaced(Path::new("d.yaml"), &text, &new) {
                let (root, mistakes) = parse(0, &written, &mut Budget::default());
                prop_assert!(mistakes.is_empty(), "{text}\n->\n{written}");
                prop_assert_eq!(root.unwrap().to_value(), new);
                prop_assert!(keeps_comments(&text, &written), "{text}\n->\n{written}");
            } else {
                prop_assert!(text.contains('#'), "{text}: {new}");
            }
        }
    }
}
