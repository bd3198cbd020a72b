//! What the two evaluators are known to read differently. In: a case; out: which of the explanations its shape asks for. The
//! answers are never looked at.

use guardline::policy::request::Request;
use serde::Deserialize;
use serde_json::Value;

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

/// The names of all explanations, each of which says what AWS says.
pub(super) fn names() -> Vec<String> {
    let list = include_str!("../../oracles/iam-simulate/explained.json");
    let explanations: Vec<Explained> = serde_json::from_str(list).expect("explanations");
    for explained in &explanations {
        assert!(explained.source.starts_with("https://docs.aws.amazon.com/"), "{explained:?}");
        assert!([&explained.ours, &explained.theirs, &explained.aws_says].iter().all(|text| !text.is_empty()));
    }
    explanations.into_iter().map(|explained| explained.id).collect()
}

/// The explanation that the shape of a case asks for.
pub(super) fn explanation(side: &Side, request: &Request) -> Option<&'static str> {
    let documents = || side.levels.iter().flatten();
    if documents().any(|document| document["Version"] != "2012-10-17" && document.to_string().contains("${")) {
        return Some("variables-of-2008");
    }
    let said = documents().flat_map(all_texts).collect::<Vec<_>>();
    if said.iter().any(|text| has_null(text, request)) {
        return Some("variable-without-value");
    }
    let conditions =
        || side.statements().flat_map(|said| said["Condition"].as_object().into_iter().flatten().collect::<Vec<_>>());
    let is_exact = |operator: &str| {
        let word = operator.rsplit(':').next().unwrap_or_default();
        word.starts_with("StringEquals") || word.starts_with("StringNotEquals")
    };
    let has_character = |text: &String| ["${*}", "${?}", "${$}"].iter().any(|character| text.contains(character));
    if conditions().any(|(operator, keys)| is_exact(operator) && all_texts(keys).iter().any(has_character)) {
        return Some("character-in-exact-text");
    }
    let is_missing = |keys: &Value| {
        keys.as_object().is_some_and(|keys| keys.keys().any(|key| values(request, key).is_empty()))
    };
    let is_any = |operator: &str| operator.starts_with("ForAnyValue:") && operator.ends_with("IfExists");
    if conditions().any(|(operator, keys)| is_any(operator) && is_missing(keys)) {
        return Some("any-value-if-exists");
    }
    let mut resources = side.statements().flat_map(|said| ["Resource", "NotResource"].map(|word| texts(&said[word])));
    resources.any(|texts| texts.iter().any(|text| has_wild_type(text))).then_some("wildcard-before-the-slash")
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

/// Every text of a document, however deep.
fn all_texts(value: &Value) -> Vec<String> {
    match value {
        Value::Object(entries) => entries.values().flat_map(all_texts).collect(),
        Value::Array(many) => many.iter().flat_map(all_texts).collect(),
        other => texts(other),
    }
}
