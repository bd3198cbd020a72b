//! Whether one statement matches one request. In come a statement and the version of its document; out goes a truth, and
//! on request what an unknown one hangs on. Never looks at what the statement does.

use super::{
    arn, condition,
    glob::{self, Case, Pattern},
    principal,
    truth::Truth,
    variable::{Replaced, replace},
};
use crate::policy::{
    document::{Clause, PrincipalClause, PrincipalName, Statement, Version, is_told_resource},
    request::Request,
};

/// What an unknown truth hangs on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Doubt {
    /// A condition key, as it is written, or `principal`.
    Key(String),
    /// Something in the policy.
    NotUnderstood(String),
}

/// How a text of a policy is compared with one of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// `StringEquals`
    Exact,
    /// `StringEqualsIgnoreCase`
    IgnoringCase,
    /// `StringLike`
    Like,
    /// `ArnLike`, and resources.
    Arn,
}

/// Asks statements about one request.
pub(super) struct Matcher<'a> {
    pub(super) request: &'a Request,
    /// Whether the documents speak of principals.
    has_principals: bool,
    is_recording: bool,
    doubts: Vec<Doubt>,
}

impl<'a> Matcher<'a> {
    /// One that remembers no doubts.
    pub(super) fn new(request: &'a Request, has_principals: bool) -> Self {
        Self { request, has_principals, is_recording: false, doubts: Vec::new() }
    }

    /// One that remembers what unknown truths hang on.
    pub(super) fn recording(request: &'a Request, has_principals: bool) -> Self {
        Self { is_recording: true, ..Self::new(request, has_principals) }
    }

    /// What the last unknown truth hung on.
    pub(super) fn take_doubts(&mut self) -> Vec<Doubt> {
        std::mem::take(&mut self.doubts)
    }

    /// Unknown, and why.
    pub(super) fn doubt(&mut self, why: impl FnOnce() -> Doubt) -> Truth {
        if self.is_recording {
            self.doubts.push(why());
        }
        Truth::Unknown
    }

    /// Forgets the doubts of something that turned out to be certain all the same.
    pub(super) fn weigh(&mut self, work: impl FnOnce(&mut Self) -> Truth) -> Truth {
        let before = self.doubts.len();
        let truth = work(self);
        if truth != Truth::Unknown {
            self.doubts.truncate(before);
        }
        truth
    }

    /// Whether a statement matches the request: each of its elements must.
    pub(super) fn statement(&mut self, said: &Statement, version: Version) -> Truth {
        self.weigh(|this| {
            let actions = Truth::all(said.actions.iter().map(|clause| this.action(clause)));
            if actions == Truth::False {
                return actions;
            }
            let resources = Truth::all(said.resources.iter().map(|clause| this.resource(clause, version)));
            if resources == Truth::False {
                return resources;
            }
            let principals = Truth::all(said.principals.iter().map(|clause| this.principal(clause)));
            if principals == Truth::False {
                return principals;
            }
            let conditions = Truth::all(said.conditions.iter().map(|asked| condition::holds(this, asked, version)));
            actions.and(resources).and(principals).and(conditions)
        })
    }

    /// Actions are compared without case, and have no variables.
    fn action(&self, clause: &Clause) -> Truth {
        let action = self.request.action.as_str();
        let named = clause.patterns.iter().any(|text| glob::matches(Pattern::Wild(text), action, Case::Ignored));
        Truth::from(named).negated_if(clause.negated)
    }

    fn resource(&mut self, clause: &Clause, version: Version) -> Truth {
        let resource = self.request.resource.as_str();
        self.weigh(|this| {
            let fits = |text: &String| match is_told_resource(text) {
                true => this.fits(How::Arn, text, resource, version),
                false => this.doubt(|| Doubt::NotUnderstood(format!("the resource `{text}`"))),
            };
            Truth::any(clause.patterns.iter().map(fits)).negated_if(clause.negated)
        })
    }

    /// Where the documents do not speak of principals, what one says of them all the same says nothing.
    fn principal(&mut self, clause: &PrincipalClause) -> Truth {
        if !self.has_principals {
            return Truth::True;
        }
        let names = &clause.principals;
        let named = match &self.request.principal {
            Some(principal) => {
                let is_told = |name: &&PrincipalName| name.is_told(clause.negated);
                let open = names.iter().find(|name| !is_told(name));
                match (names.iter().filter(is_told).any(|name| principal::covers(name, principal)), open) {
                    (true, _) => Truth::True,
                    (false, None) => Truth::False,
                    (false, Some(open)) => {
                        self.doubt(|| Doubt::NotUnderstood(format!("the principal `{}`", open.name)))
                    }
                }
            }
            None if names.is_empty() => Truth::False,
            None if names.iter().any(principal::is_everyone) => Truth::True,
            None => self.doubt(|| Doubt::Key("principal".to_owned())),
        };
        named.negated_if(clause.negated)
    }

    /// Whether a text of the request fits one of the policy.
    pub(super) fn fits(&mut self, how: How, written: &str, text: &str, version: Version) -> Truth {
        let wild = matches!(how, How::Like | How::Arn);
        match replace(written, wild, version, self.request) {
            Replaced::Plain(plain) if wild => compare(how, Pattern::Wild(plain), text).into(),
            Replaced::Plain(plain) => compare(how, Pattern::Literal(plain), text).into(),
            Replaced::Tokens(tokens) => compare(how, Pattern::Replaced(&tokens), text).into(),
            Replaced::Null => Truth::False,
            Replaced::Malformed => self.doubt(|| Doubt::NotUnderstood(format!("the variable in `{written}`"))),
            Replaced::Unknown { widest, keys } => {
                // A value may hold colons, so the widest text is compared as a whole even for an ARN.
                let case = if how == How::IgnoringCase { Case::Ignored } else { Case::Matters };
                if !glob::matches(Pattern::Replaced(&widest), text, case) {
                    return Truth::False;
                }
                for key in keys {
                    self.doubt(|| Doubt::Key(key));
                }
                Truth::Unknown
            }
        }
    }
}

fn compare(how: How, pattern: Pattern<'_>, text: &str) -> bool {
    match how {
        How::Exact | How::Like => glob::matches(pattern, text, Case::Matters),
        How::IgnoringCase => glob::matches(pattern, text, Case::Ignored),
        How::Arn => arn::matches(pattern, text),
    }
}
