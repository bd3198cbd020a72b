//! What `*`, `?` and `${…}` in a policy's text stand for, as the decision procedure reads it. In comes the text of a
//! pattern; out come [`Token`]s that an automaton can follow, or that it hangs on a variable. Never matches anything, and
//! shares nothing with the evaluator.

use std::collections::BTreeMap;

use crate::policy::document::Version;

/// Condition keys that have one value, or are missing (`None`), in every request that is looked at. Keys in lower case.
pub(super) type Bindings = BTreeMap<String, Option<String>>;

/// One step of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Token {
    /// This letter.
    Exact(char),
    /// This letter, in either case; held in lower case.
    Folded(char),
    /// Any one letter; a colon only when it crosses.
    One { crosses: bool },
    /// Any run of letters; colons only when it crosses.
    Any { crosses: bool },
}

/// A piece of the text before anything is decided about it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Letter(char),
    Star,
    Question,
}

/// What a text asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Pattern {
    /// It can be followed.
    Tokens(Vec<Token>),
    /// A variable whose key is missing and that has no default: AWS matches nothing then.
    Nothing,
    /// It hangs on variables that are not bound, and these are their keys; none where a variable begins that is none.
    Open(Vec<String>),
}

/// How the letters of a text are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Reading {
    /// An action: no case, no variables.
    Action,
    /// Each letter stands for itself.
    Equals,
    /// Each letter stands for itself, in either case.
    EqualsFolded,
    /// `*` and `?` are wildcards.
    Like,
    /// Six parts, each with wildcards of its own: resources and ARNs.
    Arn,
}

impl Pattern {
    /// Reads a text.
    pub(super) fn read(text: &str, reading: Reading, version: Version, bound: &Bindings) -> Self {
        let variables = version == Version::V2012 && reading != Reading::Action;
        let pieces = match pieces(text, variables, bound) {
            Ok(pieces) => pieces,
            Err(none) => return none,
        };
        Self::Tokens(match reading {
            Reading::Action => canonical(pieces.iter().flat_map(lowered)),
            Reading::Equals => pieces.iter().map(|piece| Token::Exact(piece.letter())).collect(),
            Reading::EqualsFolded => pieces.iter().map(|piece| folded(piece.letter())).collect(),
            Reading::Like => canonical(pieces.iter().map(|piece| piece.token(true))),
            Reading::Arn => canonical(by_parts(&pieces)),
        })
    }
}

/// A pattern written in this program.
pub(super) fn tokens(text: &str, reading: Reading) -> Vec<Token> {
    match Pattern::read(text, reading, Version::V2008, &Bindings::new()) {
        Pattern::Tokens(tokens) => tokens,
        Pattern::Nothing | Pattern::Open(_) => Vec::new(),
    }
}

impl Piece {
    fn letter(&self) -> char {
        match self {
            Self::Letter(letter) => *letter,
            Self::Star => '*',
            Self::Question => '?',
        }
    }

    fn token(&self, crosses: bool) -> Token {
        match self {
            Self::Letter(letter) => Token::Exact(*letter),
            Self::Star => Token::Any { crosses },
            Self::Question => Token::One { crosses },
        }
    }
}

fn lowered(piece: &Piece) -> Vec<Token> {
    match piece {
        Piece::Letter(letter) => letter.to_lowercase().map(Token::Exact).collect(),
        wildcard => vec![wildcard.token(true)],
    }
}

fn folded(letter: char) -> Token {
    let mut lower = letter.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(lower), None) => Token::Folded(lower),
        // A letter that has no single small form has no case to ignore.
        _ => Token::Exact(letter),
    }
}

/// The six parts of an ARN: wildcards stay inside the first five; the sixth may hold colons. With fewer parts only a
/// star at the very end covers the rest.
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html>
fn by_parts(pieces: &[Piece]) -> Vec<Token> {
    let parts = 1 + pieces.iter().filter(|piece| **piece == Piece::Letter(':')).count();
    let mut part = 1;
    let token = |(at, piece): (usize, &Piece)| {
        if *piece == Piece::Letter(':') {
            part += 1;
        }
        let covers_the_rest = parts < 6 && at + 1 == pieces.len();
        piece.token(part >= 6 || (covers_the_rest && *piece == Piece::Star))
    };
    pieces.iter().enumerate().map(token).collect()
}

/// Takes a text apart; where variables mean something, they are replaced by what is bound to them.
fn pieces(text: &str, variables: bool, bound: &Bindings) -> Result<Vec<Piece>, Pattern> {
    let (mut pieces, mut open, mut nothing) = (Vec::with_capacity(text.len()), Vec::new(), false);
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        if let Some(inside) = rest.strip_prefix(VARIABLE).filter(|_| variables) {
            // AWS would refuse it, and says nothing of what it means.
            let Some((variable, after)) = variable(inside) else { return Err(Pattern::Open(Vec::new())) };
            rest = after;
            match value(variable, bound) {
                Value::Known(text) => pieces.extend(text.chars().map(Piece::Letter)),
                Value::Missing => nothing = true,
                Value::Open(key) => open.push(key),
            }
            continue;
        }
        rest = rest.get(letter.len_utf8()..).unwrap_or("");
        pieces.push(match letter {
            '*' => Piece::Star,
            '?' => Piece::Question,
            letter => Piece::Letter(letter),
        });
    }
    if nothing {
        return Err(Pattern::Nothing);
    }
    if open.is_empty() { Ok(pieces) } else { Err(Pattern::Open(open)) }
}

/// What opens a variable.
const VARIABLE: &str = concat!("$", "{");

/// What stands between `${` and `}`.
enum Variable<'a> {
    /// `*`, `?` or `$`: itself.
    Letter(&'a str),
    /// `key`, or `key, 'default'`.
    Key(&'a str, Option<&'a str>),
}

/// The variable that a text begins with, and what follows it.
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>
fn variable(text: &str) -> Option<(Variable<'_>, &str)> {
    let (name, mut rest) = text.split_at(text.find([',', '}'])?);
    let mut default = None;
    if let Some(behind) = rest.strip_prefix(',') {
        let quoted = behind.trim_start_matches(' ').strip_prefix('\'')?;
        let end = quoted.find('\'')?;
        default = quoted.get(..end);
        rest = quoted.get(end + 1..)?.trim_start_matches(' ');
    }
    let after = rest.strip_prefix('}')?;
    match (name, default) {
        ("*" | "?" | "$", None) => Some((Variable::Letter(name), after)),
        ("", _) => None,
        _ if name.trim() != name || name.contains(['*', '?', '$', '{', '"', '\'']) => None,
        _ => Some((Variable::Key(name, default), after)),
    }
}

enum Value {
    Known(String),
    Missing,
    Open(String),
}

fn value(variable: Variable<'_>, bound: &Bindings) -> Value {
    let (key, default) = match variable {
        Variable::Letter(letter) => return Value::Known(letter.to_owned()),
        Variable::Key(key, default) => (key.to_lowercase(), default),
    };
    match (bound.get(&key), default) {
        (Some(Some(value)), _) => Value::Known(value.clone()),
        (Some(None), Some(default)) => Value::Known(default.to_owned()),
        (Some(None), None) => Value::Missing,
        (None, _) => Value::Open(key),
    }
}

/// Wildcards side by side in one order: what must be there first, then at most one star. `*?*?` asks for the same as
/// `??*`, and only the second is short to follow.
fn canonical(tokens: impl IntoIterator<Item = Token>) -> Vec<Token> {
    let tokens = tokens.into_iter();
    let mut done: Vec<Token> = Vec::with_capacity(tokens.size_hint().0 + 1);
    let mut star: Option<bool> = None;
    for token in tokens {
        match (token, star) {
            (Token::Any { crosses }, None) => star = Some(crosses),
            (Token::Any { crosses }, Some(before)) if crosses == before => {}
            (Token::One { crosses }, Some(before)) if crosses == before => done.push(token),
            (other, before) => {
                done.extend(before.map(|crosses| Token::Any { crosses }));
                star = None;
                match other {
                    Token::Any { crosses } => star = Some(crosses),
                    other => done.push(other),
                }
            }
        }
    }
    done.extend(star.map(|crosses| Token::Any { crosses }));
    done
}

#[cfg(test)]
mod tests {
    #![allow(clippy::literal_string_with_formatting_args, reason = "policies write their variables so")]

    use super::*;

    fn shown(text: &str, reading: Reading) -> String {
        let token = |token: Token| match token {
            Token::Exact(letter) => letter.to_string(),
            Token::Folded(letter) => format!("[{letter}]"),
            Token::One { crosses } => if crosses { "?" } else { "¿" }.to_owned(),
            Token::Any { crosses } => if crosses { "*" } else { "×" }.to_owned(),
        };
        match Pattern::read(text, reading, Version::V2012, &Bindings::new()) {
            Pattern::Tokens(tokens) => tokens.into_iter().map(token).collect(),
            Pattern::Nothing => "nothing".to_owned(),
            Pattern::Open(keys) => format!("open: {}", keys.join(" ")),
        }
    }

    #[test]
    fn wildcards_stay_inside_their_part_of_an_arn_and_the_last_covers_the_rest() {
        assert_eq!(shown("arn:aws:s3:::bucket/*:?", Reading::Arn), "arn:aws:s3:::bucket/*:?");
        assert_eq!(shown("arn:aws:*:?:*:role/*", Reading::Arn), "arn:aws:×:¿:×:role/*");
        assert_eq!(shown("*", Reading::Arn), "*");
        assert_eq!(shown("arn:a*:s3:*", Reading::Arn), "arn:a×:s3:*");
        assert_eq!(shown("arn:aws:s3:*x", Reading::Arn), "arn:aws:s3:×x");
    }

    #[test]
    fn runs_of_wildcards_are_told_in_one_way() {
        assert_eq!(shown("a*?*?**b", Reading::Like), "a??*b");
        assert_eq!(shown("*?*?*?", Reading::Like), "???*");
    }

    #[test]
    fn variables_hang_on_their_keys_and_escapes_are_letters() {
        assert_eq!(shown("a/${aws:UserName}/*", Reading::Arn), "open: aws:username");
        assert_eq!(shown("${*}${?}${$}", Reading::Like), "*?$");
        let text = Pattern::read("${*}", Reading::Like, Version::V2012, &Bindings::new());
        assert_eq!(text, Pattern::Tokens(vec![Token::Exact('*')]));
        let bound = Bindings::from([("k".to_owned(), None), ("l".to_owned(), Some("*".to_owned()))]);
        let read = |text| Pattern::read(text, Reading::Like, Version::V2012, &bound);
        assert_eq!(read("${k}"), Pattern::Nothing);
        assert_eq!(read("${k, 'd'}"), Pattern::Tokens(vec![Token::Exact('d')]));
        assert_eq!(read("${l}"), Pattern::Tokens(vec![Token::Exact('*')]));
        let old = Pattern::read("${k}", Reading::Equals, Version::V2008, &bound);
        assert_eq!(old, Pattern::Tokens("${k}".chars().map(Token::Exact).collect()));
    }

    #[test]
    fn what_begins_like_a_variable_and_is_none_is_not_understood() {
        for text in
            ["${k", "${}", "${ k}", "${k }", "${k, d}", "${k, 'd}", "${k, 'd' x}", "a${b${c}", "${*, 'd'}", "${"]
        {
            assert_eq!(shown(text, Reading::Like), "open: ", "{text}");
        }
        let bound = Bindings::from([("k".to_owned(), None)]);
        let read = |text| Pattern::read(text, Reading::Equals, Version::V2012, &bound);
        assert_eq!(read("${K,'}' }x"), Pattern::Tokens(vec![Token::Exact('}'), Token::Exact('x')]));
        let plain = Pattern::read("${k", Reading::Equals, Version::V2008, &bound);
        assert_eq!(plain, Pattern::Tokens("${k".chars().map(Token::Exact).collect()));
    }

    #[test]
    fn actions_have_no_case() {
        assert_eq!(shown("EC2:Run*", Reading::Action), "ec2:run*");
        assert_eq!(shown("Ab*", Reading::EqualsFolded), "[a][b][*]");
    }
}
