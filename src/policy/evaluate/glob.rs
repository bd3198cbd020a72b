//! `*` and `?`. In come a pattern and a text; out goes whether the whole text fits. `*` stands for any characters, also
//! none, `?` for exactly one; nothing here knows what a colon means. Never recurses: time is at most the product of the
//! two lengths, memory is none.

/// One piece of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// This character.
    Char(char),
    /// `?`
    One,
    /// `*`
    Many,
}

/// A pattern that is still to be matched.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pattern<'a> {
    /// A text in which `*` and `?` are wildcards.
    Wild(&'a str),
    /// A text in which they are plain characters.
    Literal(&'a str),
    /// A pattern whose variables were replaced.
    Replaced(&'a [Token]),
}

/// Whether `a` and `A` are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    Matters,
    Ignored,
}

impl Pattern<'_> {
    /// Takes the next piece off the front.
    pub(super) fn take(&mut self) -> Option<Token> {
        match self {
            Self::Wild(text) => {
                let mut chars = text.chars();
                let token = match chars.next()? {
                    '*' => Token::Many,
                    '?' => Token::One,
                    other => Token::Char(other),
                };
                *text = chars.as_str();
                Some(token)
            }
            Self::Literal(text) => {
                let mut chars = text.chars();
                let token = Token::Char(chars.next()?);
                *text = chars.as_str();
                Some(token)
            }
            Self::Replaced(tokens) => {
                let (first, rest) = tokens.split_first()?;
                *tokens = rest;
                Some(*first)
            }
        }
    }

    /// Whether its last piece is `*`.
    pub(super) fn ends_in_many(self) -> bool {
        match self {
            Self::Wild(text) => text.ends_with('*'),
            Self::Literal(_) => false,
            Self::Replaced(tokens) => tokens.last() == Some(&Token::Many),
        }
    }

    /// What stands before the first colon, and what behind it, when there is one.
    pub(super) fn split_at_colon(self) -> (Self, Option<Self>) {
        match self {
            Self::Wild(text) => match text.split_once(':') {
                Some((before, behind)) => (Self::Wild(before), Some(Self::Wild(behind))),
                None => (self, None),
            },
            Self::Literal(text) => match text.split_once(':') {
                Some((before, behind)) => (Self::Literal(before), Some(Self::Literal(behind))),
                None => (self, None),
            },
            Self::Replaced(tokens) => {
                let mut parts = tokens.splitn(2, |token| *token == Token::Char(':'));
                let before = parts.next().unwrap_or_default();
                (Self::Replaced(before), parts.next().map(Self::Replaced))
            }
        }
    }
}

/// Whether the whole text fits the pattern. Where a piece does not fit, the last `*` takes one character more: the `*`s
/// before it need not be asked again, for what stands between them was found at its first place.
pub(super) fn matches(mut pattern: Pattern<'_>, text: &str, case: Case) -> bool {
    let mut text = text.chars();
    let mut last_many = None;
    loop {
        let fits = match pattern.take() {
            Some(Token::Many) => {
                last_many = Some((pattern, text.clone()));
                continue;
            }
            None if text.as_str().is_empty() => return true,
            None => false,
            Some(wanted) => match (wanted, text.next()) {
                // Too little text; with more of it inside the `*` there would be less still.
                (_, None) => return false,
                (Token::Char(wanted), Some(found)) => same(wanted, found, case),
                (Token::One | Token::Many, Some(_)) => true,
            },
        };
        if !fits {
            let Some((behind, from)) = &mut last_many else { return false };
            if from.next().is_none() {
                return false;
            }
            pattern = *behind;
            text = from.clone();
        }
    }
}

fn same(one: char, other: char, case: Case) -> bool {
    one == other
        || case == Case::Ignored
            && if one.is_ascii() && other.is_ascii() {
                one.eq_ignore_ascii_case(&other)
            } else {
                one.to_lowercase().eq(other.to_lowercase())
            }
}
