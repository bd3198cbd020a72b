//! Policy variables. In come a text of a policy and the request; out goes the text with each `${key}` replaced by the
//! request's value, or why that cannot be. Never reads a variable in a document of version 2008-10-17, and never takes a
//! character of a value for a wildcard.
//!
//! - `${*}`, `${?}` and `${$}` are the characters themselves.
//! - A key without a value is "effectively null. There is no equal or like value", and "the resource that includes a policy
//!   variable with no value will not match any resource". `${key, 'text'}` is `text` then.
//! - A multivalued key cannot be a variable, so one with several values has none to give: it is null as well.
//! - What is no variable by this grammar is not understood.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>

use super::glob::{Pattern, Token};
use crate::policy::{document::Version, request::Request};

/// A text of a policy as it stands for one request.
pub(super) enum Replaced<'a> {
    /// It has no variables.
    Plain(&'a str),
    /// It has, and each has a value.
    Tokens(Vec<Token>),
    /// A variable has no value: nothing is equal to it.
    Null,
    /// A variable has a value that nobody can tell.
    Unknown {
        /// The text with a `*` in the place of each such variable: what does not fit this fits no value.
        widest: Vec<Token>,
        /// The keys, as they are written.
        keys: Vec<String>,
    },
    /// There is a `${` that does not begin a variable.
    Malformed,
}

/// Replaces the variables of a text. `wild` says whether `*` and `?` outside of variables are wildcards.
pub(super) fn replace<'a>(written: &'a str, wild: bool, version: Version, request: &Request) -> Replaced<'a> {
    if version == Version::V2008 || !written.contains("${") {
        return Replaced::Plain(written);
    }
    let mut tokens = Vec::with_capacity(written.len());
    let (mut is_null, mut keys, mut rest) = (false, Vec::new(), written);
    while let Some((before, behind)) = rest.split_once("${") {
        push(&mut tokens, before, wild);
        let Some((variable, behind)) = variable(behind) else { return Replaced::Malformed };
        rest = behind;
        match variable {
            Variable::Char(char) => tokens.push(Token::Char(char)),
            Variable::Key { key, default } => match (request.values(&key.to_lowercase()), default) {
                (Some([value]), _) => push(&mut tokens, value, false),
                (Some(_), Some(default)) => push(&mut tokens, default, false),
                (Some(_), None) => is_null = true,
                (None, _) => {
                    tokens.push(Token::Many);
                    keys.push(key.to_owned());
                }
            },
        }
    }
    push(&mut tokens, rest, wild);
    match (is_null, keys.is_empty()) {
        (true, _) => Replaced::Null,
        (false, true) => Replaced::Tokens(tokens),
        (false, false) => Replaced::Unknown { widest: tokens, keys },
    }
}

/// The keys whose variables stand in a text, as they are written.
pub(super) fn keys(written: &str, version: Version) -> Vec<&str> {
    let mut keys = Vec::new();
    let mut rest = if version == Version::V2008 { "" } else { written };
    while let Some((_, behind)) = rest.split_once("${") {
        rest = behind;
        if let Some((found, behind)) = variable(behind) {
            rest = behind;
            if let Variable::Key { key, .. } = found {
                keys.push(key);
            }
        }
    }
    keys
}

fn push(tokens: &mut Vec<Token>, text: &str, wild: bool) {
    let mut pattern = if wild { Pattern::Wild(text) } else { Pattern::Literal(text) };
    tokens.extend(std::iter::from_fn(|| pattern.take()));
}

enum Variable<'a> {
    Char(char),
    Key { key: &'a str, default: Option<&'a str> },
}

/// The variable that begins behind a `${`, and what follows its `}`.
fn variable(text: &str) -> Option<(Variable<'_>, &str)> {
    for char in ['*', '?', '$'] {
        if let Some(rest) = text.strip_prefix(char).and_then(|rest| rest.strip_prefix('}')) {
            return Some((Variable::Char(char), rest));
        }
    }
    let end = text.find(['}', ','])?;
    let (key, rest) = text.split_at_checked(end)?;
    let is_key = !key.is_empty() && key.trim() == key && !key.contains(['$', '{', '\'', '"', '*', '?']);
    if !is_key {
        return None;
    }
    if let Some(rest) = rest.strip_prefix('}') {
        return Some((Variable::Key { key, default: None }, rest));
    }
    let quoted = rest.strip_prefix(',')?.trim_start_matches(' ').strip_prefix('\'')?;
    let (default, rest) = quoted.split_once('\'')?;
    let rest = rest.trim_start_matches(' ').strip_prefix('}')?;
    Some((Variable::Key { key, default: Some(default) }, rest))
}
