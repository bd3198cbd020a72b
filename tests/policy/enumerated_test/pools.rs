//! What random policies are made of, and the requests that stand for all others. In comes nothing; out go fixed lists of
//! patterns with fixed points: whatever set of the patterns some text matches, one of the points matches the same set. So
//! an enumeration of the points misses no difference, which [`super::complete`] checks against short texts of all sorts.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use guardline::policy::document::Kind;
use guardline::policy::evaluate::{Decision, decide};
use guardline::policy::parse::parse;
use guardline::policy::request::{ContextValue, Principal, Request};
use guardline::policy::stack::Stack;

/// Patterns of actions; the simplest first, for that is what failures shrink to.
pub const ACTIONS: [&str; 12] =
    ["*", "a:b", "a:*", "a:b*", "A:B", "*:b", "?:b", "b:*", "a:?b", "*b", "ec2:RunInstances", "ec2:Run*"];

pub const ACTION_POINTS: [&str; 19] = [
    "ec2:RunInstances",
    "a:b",
    "a:x",
    "b:b",
    "x:x",
    "b:x",
    "a:bx",
    "a:bb",
    "a:xb",
    "a:xxb",
    "a:bxb",
    "b:xb",
    "x:b",
    "x:xb",
    "xx:b",
    "xb:b",
    "ec2:Runx",
    "ec2:Runb",
    "ec2:x",
];

/// Patterns of resources without variables.
pub const RESOURCES: [&str; 13] = [
    "*",
    "arn:p:s:::b",
    "arn:p:s:::b/*",
    "arn:p:s:*",
    "arn:*:s:::b/*",
    "arn:p:s:::*:k",
    "arn:*",
    "arn:p:s*",
    "arn:p:?:::b",
    "arn:p:s:*:*:b/?",
    "arn:p:s:::${*}",
    "arn:*:*:*:*:b",
    "arn:p:s*::*:b",
];

/// Patterns of resources that hang on who asks.
pub const VARIABLE_RESOURCES: [&str; 4] = [
    "arn:p:s:::${aws:username}",
    "arn:p:s:::${aws:username}/*",
    "arn:p:s:::b/${aws:username, 'b'}",
    "arn:p:s:::${AWS:UserName, 'b'}/k",
];

pub const RESOURCE_POINTS: [&str; 41] = [
    "*",
    "arn:p:s:::b",
    "arn:p:s:::x",
    "arn:x:x:::x",
    "arn:x:x:::b",
    "arn:p:s:::b/x",
    "arn:p:s:::b/xx",
    "arn:p:s:::b/",
    "arn:x:s:::b/x",
    "arn:p:x:::b/x",
    "arn:p:s:::x:k",
    "arn:p:s:::b/:k",
    "arn:p:s:x::x",
    "arn:p:s:x::b",
    "arn:p:s:x::b/x",
    "arn:p:s::x:b",
    "arn:p:s::x:b/x",
    "arn:p:sx:::x",
    "arn:p:sx:::b",
    "arn:p:x:::b",
    "arn:p:x:::x",
    "arn:p:xx:::b",
    "arn:px:s:::b",
    "arn:px:x:::x",
    "arn:p:s:::*",
    "arn:p:s:::${x}",
    "arn:p:s:::${}",
    "arn:p:sx:x::b",
    "arn:p:x:x::b",
    "arn:p:s:::b:k",
    "arn:x:s:::x",
    // With a variable.
    "arn:p:s:::u",
    "arn:p:s:::u/x",
    "arn:p:s:::u/k",
    "arn:p:s:::b/k",
    "arn:p:s:::b/b",
    "arn:p:s:::b/u",
    "arn:p:s:::u/:k",
    "arn:p:s:::b/b:k",
    "arn:p:s:::${aws:username}",
    "arn:p:s:::${aws:username}/k",
];

/// What a document calls a principal: its sort and its name.
pub const PRINCIPALS: [(&str, &str); 11] = [
    ("AWS", "*"),
    ("AWS", "111122223333"),
    ("AWS", "arn:aws:iam::111122223333:root"),
    ("AWS", "arn:aws:iam::111122223333:role/R"),
    ("AWS", "arn:aws:iam::111122223333:role/p/R"),
    ("AWS", "arn:aws:sts::111122223333:assumed-role/R/s"),
    ("AWS", "arn:aws:iam::444455556666:user/u"),
    ("Service", "s.amazonaws.com"),
    ("Federated", "f"),
    ("CanonicalUser", "c"),
    ("AWS", "444455556666"),
];

pub fn principal_points() -> Vec<Principal> {
    let aws = [
        "arn:aws:iam::111122223333:role/R",
        "arn:aws:iam::111122223333:role/p/R",
        "arn:aws:sts::111122223333:assumed-role/R/s",
        "arn:aws:sts::111122223333:assumed-role/R/t",
        "arn:aws:iam::111122223333:user/u",
        "arn:aws-cn:iam::111122223333:user/u",
        "arn:aws:iam::444455556666:user/u",
        "arn:aws:iam::444455556666:user/t",
        "arn:aws:iam::777788889999:user/u",
    ];
    let named = [
        Principal::Service("s.amazonaws.com".to_owned()),
        Principal::Service("t.amazonaws.com".to_owned()),
        Principal::Federated("f".to_owned()),
        Principal::CanonicalUser("c".to_owned()),
        Principal::Anonymous,
    ];
    aws.into_iter().map(|arn| Principal::Aws(arn.to_owned())).chain(named).collect()
}

/// Values of requests that are text.
const TEXTS: [&str; 58] = [
    "a",
    "b",
    "A",
    "B",
    "x",
    "",
    "ab",
    "aB",
    "AB",
    "ax",
    "xb",
    "bb",
    "xx",
    "a:b",
    "a:x",
    "a:",
    "x:b",
    "x:x",
    "ab:b",
    "*",
    "?b",
    "${*}",
    "${?}b",
    "${}",
    "${x}b",
    "$",
    "u",
    "au",
    "ux",
    "ub",
    "aau",
    "a:bb",
    "a:xb",
    "x:xb",
    "a:x:b",
    "x:x:b",
    "${xx}b",
    "${aws:username}",
    ":b",
    "a::b",
    "${x}",
    ":",
    "a*",
    "a?b",
    "Ab",
    "A*",
    "*b",
    "*B",
    "a:*",
    "A:*",
    "*:b",
    "*:B",
    "aa:?b",
    "${:}b",
    "?",
    "${?}",
    "?B",
    "${?}B",
];

/// What a condition key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    Text,
    Truth,
    Number,
    Date,
    Address,
}

/// How many values a request gives a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arity {
    /// AWS says: one at most.
    One,
    /// AWS says: several.
    Several,
    /// AWS says nothing: several where a policy asks for each or any of them.
    AsAsked,
}

impl Family {
    pub const ALL: [Self; 5] = [Self::Text, Self::Truth, Self::Number, Self::Date, Self::Address];

    pub fn keys(self) -> &'static [(&'static str, Arity)] {
        match self {
            Self::Text => &[("k:s", Arity::AsAsked), ("aws:TagKeys", Arity::Several), ("aws:username", Arity::One)],
            Self::Truth => &[("k:b", Arity::AsAsked), ("aws:SecureTransport", Arity::One)],
            Self::Number => &[("k:n", Arity::AsAsked), ("aws:MultiFactorAuthAge", Arity::One)],
            Self::Date => &[("k:d", Arity::AsAsked), ("aws:CurrentTime", Arity::One)],
            Self::Address => &[("k:i", Arity::AsAsked), ("aws:SourceIp", Arity::One)],
        }
    }

    /// The operators, the plain form first.
    pub fn operators(self) -> &'static [&'static str] {
        match self {
            Self::Text => &[
                "StringEquals",
                "StringNotEquals",
                "StringLike",
                "StringNotLike",
                "ArnLike",
                "ArnNotEquals",
                "StringEqualsIgnoreCase",
                "StringNotEqualsIgnoreCase",
                "ArnEquals",
                "ArnNotLike",
                "BinaryEquals",
            ],
            Self::Truth => &["Bool", "StringEquals", "StringNotEqualsIgnoreCase"],
            Self::Number => &[
                "NumericEquals",
                "NumericNotEquals",
                "NumericLessThan",
                "NumericLessThanEquals",
                "NumericGreaterThan",
                "NumericGreaterThanEquals",
            ],
            Self::Date => &[
                "DateEquals",
                "DateNotEquals",
                "DateLessThan",
                "DateLessThanEquals",
                "DateGreaterThan",
                "DateGreaterThanEquals",
            ],
            Self::Address => &["IpAddress", "NotIpAddress"],
        }
    }

    /// The values of policies.
    pub fn values(self) -> &'static [&'static str] {
        match self {
            Self::Text => &["a", "b", "a*", "A", "?", "ab", "*b", "*", "a:*", "*:b", "", "${*}", "${?}b"],
            Self::Truth => &["true", "false", "TRUE"],
            Self::Number => &["1", "10", "-5", "1.0", "2.5", "1e1", "9007199254740992", "9007199254740993"],
            Self::Date => &[
                "2024-01-01T00:00:00Z",
                "2024-06-01T12:00:00+02:00",
                "2024-01-01",
                "1704067200",
                "2024-02",
                "2024-01-01T00:00:00.5Z",
                "1893456000000",
                "-1893456000000",
            ],
            Self::Address => {
                &["10.0.0.0/8", "10.0.0.0/16", "10.0.2.3", "2001:db8::/32", "2001:DB8::1", "0.0.0.0/0", "::/0"]
            }
        }
    }

    /// Values of policies that hang on who asks.
    pub fn variables(self) -> &'static [&'static str] {
        match self {
            Self::Text => &["${aws:username}", "a${aws:username}", "${aws:username, 'a'}*"],
            Self::Truth | Self::Number | Self::Date | Self::Address => &[],
        }
    }

    /// A value of a policy that says nothing.
    pub fn nonsense(self) -> &'static str {
        match self {
            Self::Text => "${aws:username",
            Self::Truth => "maybe",
            Self::Number => "ten",
            Self::Date => "2024-01-01T00:00:00",
            Self::Address => "<cidr>",
        }
    }

    /// Values of requests.
    pub fn points(self) -> &'static [&'static str] {
        match self {
            Self::Text => &TEXTS,
            Self::Truth => &["true", "false", "TRUE", "True", "FALSE", "x"],
            Self::Number => &[
                "1",
                "10",
                "-5",
                "0",
                "2",
                "2.50",
                "5",
                "-6",
                "x",
                "11",
                "9007199254740992",
                "9007199254740993",
                "9007199254740992.5",
                "9007199254740994",
            ],
            Self::Date => &[
                "2024-01-01T00:00:00Z",
                "2024-06-01T10:00:00Z",
                "2023-12-31T23:59:59Z",
                "2024-01-01T00:00:00.25Z",
                "2024-01-01T00:00:00.5Z",
                "2024-01-15",
                "2024-02-01",
                "2024-03-01T00:00:00Z",
                "2025-01-01T00:00:00Z",
                "1893456000000",
                "1893456000001",
                "-1893456000000",
                "-1893456000001",
                "x",
            ],
            Self::Address => &[
                "10.0.2.3",
                "10.0.2.4",
                "10.2.0.0",
                "11.0.0.1",
                "2001:db8::1",
                "2001:db8::2",
                "::1",
                "::ffff:10.0.2.3",
                "x",
            ],
        }
    }
}

/// Who asks, where a variable wants to know.
pub const USERS: [Option<&str>; 4] = [None, Some("b"), Some("u"), Some("a")];

/// For a pattern of a pool, which of the points match: one row for each thing that may change it.
pub type Rows = Vec<u64>;

/// Which points of each pool match.
pub struct Tables {
    pub actions: HashMap<&'static str, Rows>,
    pub resources: HashMap<&'static str, Rows>,
    pub principals: HashMap<(&'static str, &'static str), Rows>,
    /// By operator without its `Not`, and value.
    pub values: HashMap<(Family, &'static str, &'static str), Rows>,
}

pub static TABLES: LazyLock<Tables> = LazyLock::new(Tables::new);

/// One statement that allows what matches, as a stack.
pub fn allowing(kind: Kind, version: &str, said: &str) -> Stack {
    let text = format!(r#"{{"Version":"{version}","Statement":{{"Effect":"Allow",{said}}}}}"#);
    Stack::single(kind, "p", parse("p.json", &text).expect("a document"))
}

pub fn request(action: &str, resource: &str) -> Request {
    Request { action: action.to_owned(), resource: resource.to_owned(), principal: None, context: BTreeMap::new() }
}

pub fn matches(stack: &Stack, request: &Request) -> bool {
    let decision = decide(stack, request);
    assert_ne!(decision, Decision::Unknown, "the patterns of the pools can be told: {stack:?} {request:?}");
    decision == Decision::Allowed
}

/// A request with who asks.
pub fn by(user: Option<&str>, mut request: Request) -> Request {
    request.context.extend(user.map(|user| ("aws:username".to_owned(), ContextValue::One(user.to_owned()))));
    request
}

/// The versions and users under which a text may mean different things.
pub fn readings(text: &str) -> Vec<(&'static str, Option<&'static str>)> {
    let users: &[Option<&str>] = if text.to_lowercase().contains("${aws:username") { &USERS } else { &[None] };
    let versions: &[&str] = if text.contains("${") { &["2012-10-17", "2008-10-17"] } else { &["2012-10-17"] };
    versions.iter().flat_map(|version| users.iter().map(|user| (*version, *user))).collect()
}

fn row<T>(points: &[T], matches: impl Fn(&T) -> bool) -> u64 {
    assert!(points.len() <= 64, "a row has a bit for each point");
    points.iter().enumerate().filter(|(_, point)| matches(point)).fold(0, |row, (at, _)| row | 1 << at)
}

/// How the operator is asked about, without its `Not`: what is not matched is matched by the other.
pub fn positive(operator: &str) -> &'static str {
    let plain = operator.replace("Not", "");
    let all = Family::ALL.into_iter().flat_map(Family::operators);
    all.copied().find(|known| *known == plain).expect("each has a form without `Not`")
}

pub fn asks_value(operator: &str, value: &str) -> String {
    format!(r#""Action":"*","Resource":"*","Condition":{{"{operator}":{{"k:k":"{value}"}}}}"#)
}

pub fn with_value(value: &str) -> Request {
    let mut request = request("a:b", "*");
    request.context.insert("k:k".to_owned(), ContextValue::One(value.to_owned()));
    request
}

impl Tables {
    fn new() -> Self {
        let actions = ACTIONS.map(|text| {
            let stack = allowing(Kind::Identity, "2012-10-17", &format!(r#""Action":"{text}","Resource":"*""#));
            (text, vec![row(&ACTION_POINTS, |point| matches(&stack, &request(point, "*")))])
        });
        let resources = RESOURCES.into_iter().chain(VARIABLE_RESOURCES).map(|text| {
            let rows = readings(text).into_iter().map(|(version, user)| {
                let stack = allowing(Kind::Identity, version, &format!(r#""Action":"*","Resource":"{text}""#));
                row(&RESOURCE_POINTS, |point| matches(&stack, &by(user, request("a:b", point))))
            });
            (text, rows.collect())
        });
        let everyone = principal_points();
        let principals = PRINCIPALS.map(|(sort, name)| {
            let said = format!(r#""Action":"*","Resource":"*","Principal":{{"{sort}":"{name}"}}"#);
            let stack = allowing(Kind::Resource, "2012-10-17", &said);
            let ask = |point: &Principal| Request { principal: Some(point.clone()), ..request("a:b", "*") };
            ((sort, name), vec![row(&everyone, |point| matches(&stack, &ask(point)))])
        });
        let values = Family::ALL.into_iter().flat_map(|family| {
            let operators = family.operators().iter().map(|operator| positive(operator));
            operators.flat_map(move |operator| {
                let values = family.values().iter().chain(family.variables());
                values.map(move |value| ((family, operator, *value), Self::of_value(family, operator, value)))
            })
        });
        Self {
            actions: actions.into_iter().collect(),
            resources: resources.collect(),
            principals: principals.into_iter().collect(),
            values: values.collect(),
        }
    }

    fn of_value(family: Family, operator: &str, value: &str) -> Rows {
        let rows = readings(value).into_iter().filter(|_| !(family != Family::Text && value.contains('$')));
        let rows = rows.map(|(version, user)| {
            let stack = allowing(Kind::Identity, version, &asks_value(operator, value));
            row(family.points(), |point| matches(&stack, &by(user, with_value(point))))
        });
        rows.collect()
    }
}

/// One of each sort of points that some rows tell apart, the first.
pub fn classes<'a>(points: usize, rows: impl Iterator<Item = &'a Rows>) -> Vec<usize> {
    let mut blocks = vec![u64::MAX >> (64 - points)];
    for row in rows.flatten() {
        blocks = blocks.iter().flat_map(|block| [block & row, block & !row]).filter(|block| *block != 0).collect();
    }
    let mut first: Vec<usize> = blocks.iter().map(|block| block.trailing_zeros() as usize).collect();
    first.sort_unstable();
    first
}
