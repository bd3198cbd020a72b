//! The small values of a baseline: patterns, moments, periods, limits. In comes text as people write it; out go values
//! that are right by construction. Never looks at the clock.

use std::{borrow::Cow, fmt};

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// What kind of thing is audited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// How much may be bought.
    Quota,
    /// Where.
    Region,
    /// By which accounts, under which organisation.
    Link,
    /// Under which tenant-wide rules.
    Policy,
    /// With which account-wide switches.
    Setting,
    /// Who watches.
    AuditLog,
    /// The baseline's own health: expired exemptions, rules that match nothing.
    Baseline,
}

impl Kind {
    /// The word used in reports and baselines.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Quota => "quota",
            Self::Region => "region",
            Self::Link => "link",
            Self::Policy => "policy",
            Self::Setting => "setting",
            Self::AuditLog => "audit-log",
            Self::Baseline => "baseline",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How bad a finding is; ordered, `info` least.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Minor.
    Low,
    /// Should be looked at.
    Medium,
    /// Must be looked at soon.
    High,
    /// Must be looked at now.
    Critical,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        })
    }
}

/// One text or a list of texts. Text matches whole, `*` and `?` stand for anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "OneOrMany")]
pub struct Patterns(pub Vec<String>);

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl From<OneOrMany> for Patterns {
    fn from(written: OneOrMany) -> Self {
        match written {
            OneOrMany::One(text) => Self(vec![text]),
            OneOrMany::Many(texts) => Self(texts),
        }
    }
}

impl JsonSchema for Patterns {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Patterns".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["string", "array"], "items": {"type": "string", "minLength": 1}, "minLength": 1, "minItems": 1})
    }
}

/// A moment as people write it: RFC 3339 with an offset, or a bare date, which means that whole day in UTC.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Moment {
    start: Timestamp,
    end: Timestamp,
    written: String,
}

impl Moment {
    /// First instant of the moment: itself, or midnight at the start of the day.
    #[must_use]
    pub fn start(&self) -> Timestamp {
        self.start
    }

    /// The instant at which the moment is over: itself, or midnight at the end of the day.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        self.end
    }

    /// The text as it stands in the baseline.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.written
    }
}

impl TryFrom<String> for Moment {
    type Error = String;

    fn try_from(written: String) -> Result<Self, Self::Error> {
        let wrong = || format!("`{written}` is neither a date such as `2027-03-01` nor a time with an offset");
        if written.len() == 10 {
            let date: Date = written.parse().map_err(|_| wrong())?;
            let midnight = |date: Date| TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0));
            let start = midnight(date).map_err(|_| wrong())?;
            let end = date.tomorrow().and_then(midnight).map_err(|_| wrong())?;
            return Ok(Self { start, end, written });
        }
        let instant: Timestamp = written.parse().map_err(|_| wrong())?;
        Ok(Self { start: instant, end: instant, written })
    }
}

impl From<Moment> for String {
    fn from(moment: Moment) -> Self {
        moment.written
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl JsonSchema for Moment {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Moment".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "moment", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}"})
    }
}

/// A length of time as people write it: a whole number and `h`, `d` (24 hours) or `w`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Period {
    length: SignedDuration,
    written: String,
}

impl Period {
    /// The length.
    #[must_use]
    pub fn length(&self) -> SignedDuration {
        self.length
    }
}

impl TryFrom<String> for Period {
    type Error = String;

    fn try_from(written: String) -> Result<Self, Self::Error> {
        let wrong = || format!("`{written}` is not a period such as `7d`, `36h` or `2w`");
        let unit = written.chars().last().ok_or_else(wrong)?;
        let hours = match unit {
            'h' => 1,
            'd' => 24,
            'w' => 24 * 7,
            _ => return Err(wrong()),
        };
        let digits = written.strip_suffix(unit).unwrap_or(&written);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong());
        }
        let count: u32 = digits.parse().map_err(|_| wrong())?;
        Ok(Self { length: SignedDuration::from_hours(i64::from(count) * hours), written })
    }
}

impl From<Period> for String {
    fn from(period: Period) -> Self {
        period.written
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl JsonSchema for Period {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Period".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "period", "pattern": "^[0-9]+[hdw]$"})
    }
}

/// The limit a quota is held against: the provider's default, or a number.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(from = "LimitText", into = "LimitText")]
pub enum Limit {
    /// The provider's default value there.
    Default,
    /// This number.
    Number(f64),
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum LimitText {
    Number(f64),
    Word(DefaultWord),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum DefaultWord {
    Default,
}

impl From<LimitText> for Limit {
    fn from(written: LimitText) -> Self {
        match written {
            LimitText::Number(number) => Self::Number(number),
            LimitText::Word(DefaultWord::Default) => Self::Default,
        }
    }
}

impl From<Limit> for LimitText {
    fn from(limit: Limit) -> Self {
        match limit {
            Limit::Default => Self::Word(DefaultWord::Default),
            Limit::Number(number) => Self::Number(number),
        }
    }
}

impl JsonSchema for Limit {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Limit".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"anyOf": [{"type": "number", "minimum": 0}, {"const": "default"}]})
    }
}

/// Text, a number, true or false.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// True or false.
    Bool(bool),
    /// A number.
    Number(f64),
    /// Text.
    Text(String),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(bool) => write!(f, "{bool}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl JsonSchema for Value {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Value".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["string", "number", "boolean"]})
    }
}

/// A JSON document: where it is kept, or what it says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum DocumentSource {
    /// Path relative to the file that says it; text that starts with `{` is the document itself; where the section
    /// allows it, the word `none`.
    Text(String),
    /// The document itself.
    Inline(serde_json::Map<String, serde_json::Value>),
}

impl JsonSchema for DocumentSource {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "DocumentSource".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["string", "object"], "minLength": 1})
    }
}

/// An absolute OU path, split into names: `/` is the root, `/Workloads/Prod` two names. A `/` inside a name is written
/// `\/`, a backslash `\\`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OuPath(Vec<String>);

impl OuPath {
    /// The root.
    #[must_use]
    pub fn root() -> Self {
        Self(Vec::new())
    }

    /// The path that holds these names, outermost first.
    #[must_use]
    pub fn from_names<I: IntoIterator<Item = S>, S: Into<String>>(names: I) -> Self {
        Self(names.into_iter().map(Into::into).collect())
    }

    /// The names, outermost first; none for the root.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// Whether this is the root.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The path one level up; none for the root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        self.0.split_last().map(|(_, above)| Self(above.to_vec()))
    }

    /// Whether `other` is this OU or hangs below it.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }

    /// Reads a path; see the type for its spelling.
    ///
    /// # Errors
    /// Says what is wrong: not absolute, an empty name, a stray backslash.
    pub fn parse(written: &str) -> Result<Self, String> {
        let Some(rest) = written.strip_prefix('/') else {
            return Err(format!("`{written}` is not absolute: write `/{written}`"));
        };
        if rest.is_empty() {
            return Ok(Self::root());
        }
        let mut names = vec![String::new()];
        let mut letters = rest.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '/' => names.push(String::new()),
                '\\' => match letters.next() {
                    Some(escaped @ ('/' | '\\')) => push(&mut names, escaped),
                    _ => {
                        return Err(format!(
                            "`{written}` has a stray backslash: write `\\\\`, or `\\/` for a slash in a name"
                        ));
                    }
                },
                other => push(&mut names, other),
            }
        }
        if names.iter().any(String::is_empty) {
            return Err(format!("`{written}` has an empty name: write no double and no trailing slash"));
        }
        Ok(Self(names))
    }
}

fn push(names: &mut [String], letter: char) {
    if let Some(name) = names.last_mut() {
        name.push(letter);
    }
}

impl TryFrom<String> for OuPath {
    type Error = String;

    fn try_from(written: String) -> Result<Self, Self::Error> {
        Self::parse(&written)
    }
}

impl From<OuPath> for String {
    fn from(path: OuPath) -> Self {
        path.to_string()
    }
}

impl fmt::Display for OuPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("/");
        }
        self.0.iter().try_for_each(|name| write!(f, "/{}", name.replace('\\', "\\\\").replace('/', "\\/")))
    }
}

impl JsonSchema for OuPath {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "OuPath".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "ou-path", "pattern": "^/"})
    }
}
