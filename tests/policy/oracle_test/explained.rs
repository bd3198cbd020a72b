//! What the two evaluators are known to read differently, as rewritings. In: a side, a request and what the other says of it;
//! out: which difference makes it say so, if Guardline says the same of the documents rewritten to the other's reading. A
//! document that merely holds something of the sort explains nothing.

use guardline::policy::evaluate::Decision;
use guardline::policy::request::Request;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::side::{Side, texts};

/// A disagreement that AWS's documentation settles.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Explained {
    /// A name for it.
    id: String,
    /// How Guardline reads it.
    ours: String,
    /// How the other reads it.
    theirs: String,
    /// What AWS says, quoted.
    aws_says: String,
    /// Where.
    source: String,
}

/// A document as the other reads it; a request decides what its variables stand for.
type Rewriting = fn(&mut Map<String, Value>, &Request);

/// Each difference by its name in the list of explanations.
const READINGS: [(&str, Rewriting); 6] = [
    ("variables-of-2008", variables_in_every_version),
    ("variable-without-value", nothing_holds_without_value),
    ("any-value-if-exists", any_value_must_exist),
    ("character-in-exact-text", characters_are_text),
    ("wildcard-before-the-slash", no_wildcard_before_the_slash),
    ("account-of-other-length", accounts_have_twelve_digits),
];

/// Requires that each difference is explained, with what AWS says.
pub(super) fn require_explanations() {
    let list = include_str!("../../oracles/iam-simulate/explained.json");
    let explanations: Vec<Explained> = serde_json::from_str(list).expect("explanations");
    for explained in &explanations {
        assert!(explained.source.starts_with("https://docs.aws.amazon.com/"), "{explained:?}");
        assert!([&explained.ours, &explained.theirs, &explained.aws_says].iter().all(|text| !text.is_empty()));
    }
    let names: Vec<&str> = explanations.iter().map(|explained| explained.id.as_str()).collect();
    assert_eq!(names, READINGS.map(|(name, _)| name), "each reading is explained, and nothing else");
}

/// The difference that makes the other say what it says.
pub(super) fn explanation(side: &Side, request: &Request, theirs: Decision) -> Option<&'static str> {
    let said = |readings: &[(&str, Rewriting)]| rewritten(side, request, readings).ours(request);
    let alone = READINGS.iter().find(|reading| said(std::slice::from_ref(reading)) == theirs);
    let several = || (said(&READINGS) == theirs).then_some("several together");
    alone.map(|(name, _)| *name).or_else(several)
}

fn rewritten(side: &Side, request: &Request, readings: &[(&str, Rewriting)]) -> Side {
    let mut levels = side.levels.clone();
    for document in levels.iter_mut().flatten().filter_map(Value::as_object_mut) {
        if !document["Statement"].is_array() {
            let one = document["Statement"].take();
            document.insert("Statement".to_owned(), Value::Array(vec![one]));
        }
        readings.iter().for_each(|(_, rewrite)| rewrite(document, request));
    }
    Side::new(side.stack.kind, levels)
}

fn variables_in_every_version(document: &mut Map<String, Value>, _: &Request) {
    document.insert("Version".to_owned(), Value::from("2012-10-17"));
}

/// A statement does not hold where one of its negated clauses has a variable without a value.
fn nothing_holds_without_value(document: &mut Map<String, Value>, request: &Request) {
    if document.get("Version").is_none_or(|version| version != "2012-10-17") {
        return;
    }
    let is_null = |texts: Vec<String>| texts.iter().any(|text| has_null(text, request));
    statements(document).retain(|said| {
        let mut conditions = said["Condition"].as_object().into_iter().flatten();
        let breaks = |(operator, keys): (&String, &Value)| {
            let mut keys = keys.as_object().into_iter().flatten();
            let is_there = |key: &str| !values(request, key).is_empty();
            operator.to_lowercase().contains("not") && keys.any(|(key, asked)| is_there(key) && is_null(texts(asked)))
        };
        !is_null(texts(&said["NotResource"])) && !conditions.any(breaks)
    });
}

fn any_value_must_exist(document: &mut Map<String, Value>, _: &Request) {
    each_operator(document, |operator, asked| {
        let plain = operator.strip_suffix("IfExists").filter(|plain| plain.starts_with("ForAnyValue:"));
        (plain.unwrap_or(&operator).to_owned(), asked)
    });
}

/// `${$}` is a dollar: what follows it is text.
fn characters_are_text(document: &mut Map<String, Value>, _: &Request) {
    each_operator(document, |operator, asked| {
        let word = operator.rsplit(':').next().unwrap_or_default();
        if !word.starts_with("StringEquals") && !word.starts_with("StringNotEquals") {
            return (operator, asked);
        }
        let mut text = asked.to_string();
        for character in ["*", "?", "$"] {
            text = text.replace(&format!("${{{character}}}"), &format!("${{$}}\u{0}{character}}}"));
        }
        let text = text.replace('\u{0}', "{");
        (operator, serde_json::from_str(&text).expect("still JSON"))
    });
}

fn no_wildcard_before_the_slash(document: &mut Map<String, Value>, _: &Request) {
    for said in statements(document) {
        for word in ["Resource", "NotResource"] {
            if let Some(patterns) = said.get_mut(word) {
                let kept = texts(patterns).into_iter().filter(|pattern| !has_wild_type(pattern));
                *patterns = kept.collect();
            }
        }
    }
}

/// An ARN that is no account's is no more than itself.
fn accounts_have_twelve_digits(document: &mut Map<String, Value>, _: &Request) {
    for said in statements(document) {
        for word in ["Principal", "NotPrincipal"] {
            if let Some(names) = said.get_mut(word).and_then(|sorts| sorts.get_mut("AWS")) {
                let is_other = |name: &str| {
                    let account = name.strip_prefix("arn:aws:iam::").and_then(|rest| rest.strip_suffix(":root"));
                    account.is_some_and(|account| account.len() != 12)
                };
                let itself = |name: String| if is_other(&name) { name.replace(":root", ":user/root") } else { name };
                *names = texts(names).into_iter().map(itself).collect();
            }
        }
    }
}

fn statements(document: &mut Map<String, Value>) -> &mut Vec<Value> {
    document["Statement"].as_array_mut().expect("a list of statements")
}

fn each_operator(document: &mut Map<String, Value>, rewrite: impl Fn(String, Value) -> (String, Value)) {
    let conditions = statements(document).iter_mut().filter_map(|said| said.get_mut("Condition")?.as_object_mut());
    for condition in conditions {
        *condition = std::mem::take(condition).into_iter().map(|(operator, asked)| rewrite(operator, asked)).collect();
    }
}

/// Whether a text holds a variable without a value.
fn has_null(text: &str, request: &Request) -> bool {
    let variables = text.split("${").skip(1).filter_map(|rest| rest.split('}').next());
    let mut keys = variables.filter(|variable| !["*", "?", "$"].contains(variable) && !variable.contains(','));
    keys.any(|key| values(request, key).is_empty())
}

/// Whether a wildcard stands in the last segment of an ARN before its first slash or colon.
fn has_wild_type(arn: &str) -> bool {
    let last = arn.splitn(6, ':').nth(5).unwrap_or_default();
    last.split_once(['/', ':']).is_some_and(|(before, _)| before.contains(['*', '?']))
}

fn values<'a>(request: &'a Request, key: &str) -> &'a [String] {
    request.values(&key.to_lowercase()).unwrap_or_default()
}
