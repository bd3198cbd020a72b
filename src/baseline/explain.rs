//! Mistakes of shape, said so that people can mend them. In come a tree and the schema's verdict on it; out goes one
//! diagnostic a mistake, at the key or value that is wrong, with the fix. Never decides what is right: the schema does.

use std::collections::HashSet;

use jsonschema::{
    JsonType, ValidationError,
    error::{TypeKind, ValidationErrorKind},
};
use serde_json::Value;

use super::{
    diagnostic::{Diagnostic, Sources, Span, listed, nearest},
    document::{Content, Node},
    schema::{CHECKER, check_format},
};

/// Keys that are listed in full when none is near to the one written.
const LISTED_KEYS: usize = 12;

/// Checks a whole baseline against the schema; every mistake is one diagnostic.
pub(super) fn shape(root: &Node, sources: &Sources) -> Vec<Diagnostic> {
    let validator = match &CHECKER.validator {
        Ok(validator) => validator,
        Err(error) => {
            return vec![Diagnostic::fatal(format!("the schema of baselines is broken: {error}"))];
        }
    };
    let value = root.to_value();
    let explainer = Explainer { root, sources };
    let errors: Vec<_> = validator.iter_errors(&value).collect();
    explainer.explain_all(&errors)
}

struct Explainer<'a> {
    root: &'a Node,
    sources: &'a Sources,
}

impl Explainer<'_> {
    fn explain_all(&self, errors: &[ValidationError<'_>]) -> Vec<Diagnostic> {
        let formats: Vec<&str> = errors
            .iter()
            .filter(|error| matches!(error.kind(), ValidationErrorKind::Format { .. }))
            .map(|error| error.instance_path().as_str())
            .collect();
        // Where a format says what is wrong, the pattern beside it (kept for editors) says it again.
        let said = |error: &&ValidationError<'_>| {
            !(matches!(error.kind(), ValidationErrorKind::Pattern { .. })
                && formats.contains(&error.instance_path().as_str()))
        };
        errors.iter().filter(said).flat_map(|error| self.explain(error)).collect()
    }

    fn explain(&self, error: &ValidationError<'_>) -> Vec<Diagnostic> {
        let pointer = error.instance_path().as_str();
        let Some(node) = self.root.at(pointer) else {
            return vec![Diagnostic::fatal(format!("`{pointer}`: {error}"))];
        };
        let span = self.head(node);
        let one = match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                let known = self.schema_above(error).map(known_keys).unwrap_or_default();
                return unknown_keys(pointer, node, unexpected, &known);
            }
            ValidationErrorKind::AnyOf { context }
            | ValidationErrorKind::OneOfNotValid { context }
            | ValidationErrorKind::OneOfMultipleValid { context } => {
                return self.alternatives(error, node, context);
            }
            ValidationErrorKind::Required { property } => self.missing(error, node, property.as_str().unwrap_or("")),
            ValidationErrorKind::Type { kind } => self.wrong_type(pointer, node, kind),
            ValidationErrorKind::Constant { expected_value } if pointer == "/version" => {
                Diagnostic::error(span, format!("version {} of the format is not known", self.written(node)))
                    .help(format!("write `version: {expected_value}`"))
            }
            ValidationErrorKind::Constant { expected_value } => self.not_one_of(node, &[word(expected_value)]),
            ValidationErrorKind::Enum { options } => {
                let words: Vec<String> = options.as_array().into_iter().flatten().map(word).collect();
                self.not_one_of(node, &words)
            }
            ValidationErrorKind::Format { format } => {
                let wrong = node.as_text().map_or(Ok(()), |text| check_format(format, text));
                let said = wrong.err().unwrap_or_else(|| format!("{} is not a valid {format}", self.quoted(node)));
                Diagnostic::error(span, said)
            }
            ValidationErrorKind::Pattern { pattern } => {
                Diagnostic::error(span, format!("{} does not fit the pattern `{pattern}`", self.quoted(node)))
            }
            ValidationErrorKind::MinLength { .. } => {
                Diagnostic::error(span, "this text is empty").help("write something, or remove the key")
            }
            ValidationErrorKind::MinItems { limit: 1 } => {
                Diagnostic::error(span, "this list is empty").help("name at least one")
            }
            ValidationErrorKind::MinItems { limit } => {
                Diagnostic::error(span, format!("fewer than {limit} entries")).help(format!("write {limit} of them"))
            }
            ValidationErrorKind::MaxItems { limit } => {
                Diagnostic::error(span, format!("more than {limit} entries")).help(format!("write {limit} of them"))
            }
            ValidationErrorKind::AdditionalItems { limit } => {
                Diagnostic::error(span, format!("more than {limit} entries")).help(format!("write {limit} of them"))
            }
            ValidationErrorKind::Minimum { limit } => {
                Diagnostic::error(span, format!("{} is below {limit}", self.quoted(node)))
            }
            ValidationErrorKind::Maximum { limit } => {
                Diagnostic::error(span, format!("{} is above {limit}", self.quoted(node)))
            }
            _ => Diagnostic::error(span, error.to_string()),
        };
        vec![one]
    }

    /// None of several forms fits. When the value has the outer form of one of them, its inner mistakes are what is
    /// wrong; else all forms are named.
    fn alternatives(
        &self,
        error: &ValidationError<'_>,
        node: &Node,
        context: &[Vec<ValidationError<'static>>],
    ) -> Vec<Diagnostic> {
        let here = error.instance_path().as_str();
        let inner = |errors: &&Vec<ValidationError<'static>>| errors.iter().all(|inner| !is_outer(inner, here));
        let best = context.iter().filter(|errors| !errors.is_empty()).filter(inner).min_by_key(|errors| errors.len());
        if let Some(best) = best {
            return self.explain_all(best);
        }
        let branches = CHECKER.schema.pointer(error.schema_path().as_str()).and_then(Value::as_array);
        let branches = branches.map(Vec::as_slice).unwrap_or_default();
        if let Some(unknown) = self.unknown_form(node, branches) {
            return vec![unknown];
        }
        let words: Vec<String> = branches.iter().filter_map(constants).flatten().collect();
        let shapes: Vec<String> = branches.iter().filter_map(form).collect();
        if shapes.is_empty() {
            return vec![self.not_one_of(node, &words)];
        }
        let suggestion = node.as_text().and_then(|text| nearest(text, words.iter().map(String::as_str)));
        let mut wanted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
        wanted.extend(shapes);
        let wrong = Diagnostic::error(self.head(node), format!("{} does not fit here", self.described(node)));
        let wrong = wrong.label(format!("expected {}", wanted.join(" or ")));
        vec![wrong.maybe_help(suggestion.map(|near| format!("did you mean `{near}`?")).or_else(|| self.quotes(node)))]
    }

    /// A mapping with one key that names its form (`{s3: …}`, `{role: …}`), where that key is none of the forms.
    fn unknown_form(&self, node: &Node, branches: &[Value]) -> Option<Diagnostic> {
        let Content::Map(entries) = &node.content else {
            return None;
        };
        let forms: Vec<&str> = branches.iter().filter_map(only_key).collect();
        if forms.is_empty() {
            return None;
        }
        let wrong = match entries.iter().find(|entry| !forms.contains(&entry.key.as_str())) {
            Some(entry) => Diagnostic::error(entry.key_span, format!("unknown key `{}`", entry.key))
                .help(suggest(&entry.key, &forms)),
            None => Diagnostic::error(self.head(node), "exactly one of these keys must stand here")
                .help(format!("write one of {}", listed(forms))),
        };
        Some(wrong)
    }

    fn missing(&self, error: &ValidationError<'_>, node: &Node, key: &str) -> Diagnostic {
        let about = self
            .schema_above(error)
            .and_then(|schema| schema.get("properties")?.get(key)?.get("description")?.as_str())
            .map(|text| text.split(['.', ':', ';']).next().unwrap_or(text).replace('\n', " "));
        let help = match about {
            Some(about) => format!("add `{key}: …` ({})", lower_first(about.trim())),
            None => format!("add `{key}: …`"),
        };
        Diagnostic::error(self.head(node), format!("the key `{key}` is missing"))
            .label(format!("no `{key}` here"))
            .help(help)
    }

    fn wrong_type(&self, pointer: &str, node: &Node, kind: &TypeKind) -> Diagnostic {
        let wanted: Vec<JsonType> = match kind {
            TypeKind::Single(one) => vec![*one],
            TypeKind::Multiple(many) => many.iter().collect(),
        };
        let takes = |kind: JsonType| wanted.contains(&kind);
        let names: Vec<&str> = wanted.iter().map(|kind| type_name(*kind)).collect();
        let key = pointer.rsplit('/').next().unwrap_or("");
        let wrong = if let Content::Null = node.content {
            let place = if node.span.start == node.span.end { self.key_of(pointer) } else { node.span };
            Diagnostic::error(place, format!("`{key}` has no value"))
        } else {
            Diagnostic::error(self.head(node), format!("{} does not fit here", self.described(node)))
        };
        let wrong = wrong.label(format!("expected {}", names.join(" or ")));
        let help = match &node.content {
            Content::Null if takes(JsonType::Array) => {
                Some("write `[]` when none are expected, or remove the key: then this is not audited".to_owned())
            }
            Content::Null => Some("write a value, or remove the key".to_owned()),
            Content::Text(text) if takes(JsonType::Boolean) => {
                boolean_word(text).map(|word| format!("write `{word}`, without quotes"))
            }
            Content::Text(text)
                if (takes(JsonType::Number) || takes(JsonType::Integer)) && text.parse::<f64>().is_ok() =>
            {
                Some(format!("write it without quotes: {text}"))
            }
            Content::List(_) | Content::Map(_) => None,
            _ if takes(JsonType::String) => self.quotes(node),
            _ => None,
        };
        let list = || match &node.content {
            Content::List(_) | Content::Null => None,
            Content::Map(_) if takes(JsonType::Array) => Some("start each entry with `- `".to_owned()),
            _ if takes(JsonType::Array) && !takes(JsonType::String) => {
                Some(format!("put it in a list: `[{}]`", self.written(node)))
            }
            _ => None,
        };
        wrong.maybe_help(help.or_else(list))
    }

    fn not_one_of(&self, node: &Node, words: &[String]) -> Diagnostic {
        let wrong = Diagnostic::error(self.head(node), format!("{} does not fit here", self.described(node)));
        let wrong = wrong.label(format!("expected {}", listed(words.iter().map(String::as_str))));
        let near = node.as_text().and_then(|text| nearest(text, words.iter().map(String::as_str)));
        wrong.maybe_help(near.map(|near| format!("did you mean `{near}`?")))
    }

    /// How a number or the like is turned into text; an account id is the usual case.
    fn quotes(&self, node: &Node) -> Option<String> {
        let written = self.sources.text(node.span);
        let is_id = written.len() == 12 && written.bytes().all(|byte| byte.is_ascii_digit());
        match node.content {
            Content::Number(_) if is_id => Some(format!("write the account id in quotes: \"{written}\"")),
            Content::Number(_) | Content::Bool(_) => Some(format!("write it in quotes: \"{written}\"")),
            _ => None,
        }
    }

    fn head(&self, node: &Node) -> Span {
        node.head(self.sources.whole(node.span.file))
    }

    fn key_of(&self, pointer: &str) -> Span {
        let (parent, key) = pointer.rsplit_once('/').unwrap_or(("", pointer));
        let entry = self.root.at(parent).and_then(|node| node.entry(&key.replace("~1", "/").replace("~0", "~")));
        let item = || self.root.at(pointer).map(|node| node.span);
        entry.map(|entry| entry.key_span).or_else(item).unwrap_or(self.root.span)
    }

    /// The value as it is written, when it is short.
    fn written(&self, node: &Node) -> String {
        let text = self.sources.text(node.span);
        text.chars().take(60).collect()
    }

    fn quoted(&self, node: &Node) -> String {
        match &node.content {
            Content::Text(text) => format!("`{}`", text.chars().take(60).collect::<String>()),
            _ => format!("`{}`", self.written(node)),
        }
    }

    fn described(&self, node: &Node) -> String {
        match &node.content {
            Content::Null => "nothing".to_owned(),
            Content::Bool(_) | Content::Number(_) | Content::Text(_) => self.quoted(node),
            Content::List(_) => "a list".to_owned(),
            Content::Map(_) => "a mapping".to_owned(),
        }
    }

    /// The schema object whose keyword failed.
    fn schema_above(&self, error: &ValidationError<'_>) -> Option<&'static Value> {
        let (object, _) = error.schema_path().as_str().rsplit_once('/')?;
        CHECKER.schema.pointer(object)
    }
}

/// One pass over the mapping, however many keys are wrong.
fn unknown_keys(pointer: &str, node: &Node, unexpected: &[String], known: &[&str]) -> Vec<Diagnostic> {
    let Content::Map(entries) = &node.content else { return Vec::new() };
    let unexpected: HashSet<&str> = unexpected.iter().map(String::as_str).collect();
    let unknown = entries.iter().filter(|entry| unexpected.contains(entry.key.as_str()));
    unknown.map(|entry| unknown_key(pointer, &entry.key, entry.key_span, known)).collect()
}

fn unknown_key(pointer: &str, key: &str, span: Span, known: &[&str]) -> Diagnostic {
    let wrong = Diagnostic::error(span, format!("unknown key `{key}`"));
    let of_aws = CHECKER.schema.pointer("/$defs/Aws").map(known_keys).unwrap_or_default();
    if pointer.is_empty() && of_aws.contains(&key) {
        return wrong.help(format!("`{key}` belongs under `aws`"));
    }
    let of_root = known_keys(&CHECKER.schema);
    if pointer == "/aws" && of_root.contains(&key) {
        return wrong.help(format!("`{key}` stands on its own, not under `aws`"));
    }
    wrong.help(suggest(key, known))
}

fn suggest(key: &str, known: &[&str]) -> String {
    match nearest(key, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.len() <= LISTED_KEYS => {
            format!("the keys here are {}", listed(known.iter().copied()).replace(" or ", " and "))
        }
        None => "remove it; `guardline schema` says which keys there are".to_owned(),
    }
}

fn known_keys(schema: &Value) -> Vec<&str> {
    schema
        .get("properties")
        .and_then(Value::as_object)
        .map(|keys| keys.keys().map(String::as_str).collect())
        .unwrap_or_default()
}

/// Whether a mistake concerns the value itself, not something inside it.
fn is_outer(error: &ValidationError<'_>, here: &str) -> bool {
    let at_value = error.instance_path().as_str() == here;
    let of_content = matches!(
        error.kind(),
        ValidationErrorKind::Minimum { .. } | ValidationErrorKind::Format { .. } | ValidationErrorKind::MinItems { .. }
    );
    at_value && !of_content
}

/// The words that a branch allows.
fn constants(branch: &Value) -> Option<Vec<String>> {
    match (branch.get("const"), branch.get("enum")) {
        (Some(one), _) => Some(vec![word(one)]),
        (None, Some(many)) => Some(many.as_array()?.iter().map(word).collect()),
        (None, None) => None,
    }
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// What a branch without constants looks like.
fn form(branch: &Value) -> Option<String> {
    if let Some(key) = only_key(branch) {
        return Some(format!("`{{{key}: …}}`"));
    }
    match branch.get("type")?.as_str()? {
        _ if constants(branch).is_some() => None,
        "string" => Some("text".to_owned()),
        "number" | "integer" => Some("a number".to_owned()),
        "boolean" => Some("`true` or `false`".to_owned()),
        "array" => Some("a list".to_owned()),
        _ => Some("a mapping".to_owned()),
    }
}

/// The one key that a branch asks for.
fn only_key(branch: &Value) -> Option<&str> {
    match branch.get("required")?.as_array()?.as_slice() {
        [Value::String(key)] => Some(key),
        _ => None,
    }
}

fn type_name(kind: JsonType) -> &'static str {
    match kind {
        JsonType::Array => "a list",
        JsonType::Boolean => "`true` or `false`",
        JsonType::Integer => "a whole number",
        JsonType::Null => "nothing",
        JsonType::Number => "a number",
        JsonType::Object => "a mapping",
        JsonType::String => "text",
    }
}

fn boolean_word(text: &str) -> Option<&'static str> {
    match text.to_lowercase().as_str() {
        "yes" | "on" | "true" | "enabled" | "y" => Some("true"),
        "no" | "off" | "false" | "disabled" | "n" => Some("false"),
        _ => None,
    }
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    let second_is_upper = text.chars().nth(1).is_some_and(char::is_uppercase);
    match letters.next() {
        Some(first) if !second_is_upper => first.to_lowercase().chain(letters).collect(),
        _ => text.to_owned(),
    }
}
