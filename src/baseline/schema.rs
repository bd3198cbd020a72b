//! The JSON Schema of a baseline, made from the model. In comes nothing; out go the schema that editors use and the
//! checker that loading uses. Never describes anything by hand that the model already says.

use std::sync::LazyLock;

use jiff::tz::TimeZone;
use jsonschema::Validator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use super::model::{Baseline, Moment, OuPath, Period};

/// Name of the published schema.
pub const SCHEMA_ID: &str = "urn:guardline:baseline:v1";

/// The JSON Schema (draft 2020-12) of a baseline.
#[must_use]
pub fn json_schema() -> Value {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Baseline>().to_value();
    refuse_null(&mut schema);
    if let Value::Object(keys) = &mut schema {
        keys.insert("$id".to_owned(), SCHEMA_ID.into());
    }
    schema
}

/// An empty key would read as absent, and absent means "not audited": nothing may be null.
fn refuse_null(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(refuse_null),
        Value::Object(keys) => {
            keys.values_mut().for_each(refuse_null);
            if keys.get("default").is_some_and(Value::is_null) {
                keys.remove("default");
            }
            if let Some(Value::Array(types)) = keys.get_mut("type") {
                types.retain(|one| one != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    keys.insert("type".to_owned(), only);
                }
            }
            unwrap_optional(keys);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// `anyOf: [X, null]` becomes `X`.
fn unwrap_optional(keys: &mut Map<String, Value>) {
    let Some(Value::Array(branches)) = keys.get_mut("anyOf") else {
        return;
    };
    branches.retain(|branch| branch.get("type").is_none_or(|kind| kind != "null"));
    let only = match branches.as_slice() {
        [Value::Object(only)] => only.clone(),
        _ => return,
    };
    keys.remove("anyOf");
    for (key, value) in only {
        keys.entry(key).or_insert(value);
    }
}

/// What loading checks a baseline with, formats included.
pub(super) struct Checker {
    /// The schema itself, to say what would have been right.
    pub(super) schema: Value,
    /// The schema, compiled. The error is for whoever changes the model: no text can cause it.
    pub(super) validator: Result<Validator, String>,
}

pub(super) static CHECKER: LazyLock<Checker> = LazyLock::new(|| {
    let schema = json_schema();
    let mut options = jsonschema::options().should_validate_formats(true);
    for (name, _) in FORMATS {
        options = options.with_format(*name, |text| check_format(name, text).is_ok());
    }
    let validator = options.build(&schema).map_err(|error| error.to_string());
    Checker { schema, validator }
});

/// Whether a text has the form of that name; the error says what is wrong with it.
pub(super) fn check_format(name: &str, text: &str) -> Result<(), String> {
    FORMATS.iter().find(|(format, _)| *format == name).map_or(Ok(()), |(_, check)| check(text))
}

type Check = fn(&str) -> Result<(), String>;

const FORMATS: &[(&str, Check)] = &[
    ("account-id", |text| shaped(text, text.len() == 12 && digits(text), "an account id: 12 digits, in quotes")),
    ("organization-id", |text| {
        let fits = text.strip_prefix("o-").is_some_and(|rest| (10..=32).contains(&rest.len()) && lower(rest));
        shaped(text, fits, "the id of an organisation: `o-` and 10 to 32 small letters and digits")
    }),
    ("ou-id", |text| {
        let fits = text.strip_prefix("ou-").and_then(|rest| rest.split_once('-')).is_some_and(|(root, own)| {
            (4..=32).contains(&root.len()) && lower(root) && (8..=32).contains(&own.len()) && lower(own)
        });
        shaped(text, fits, "the id of an OU, such as `ou-ab12-c3d4e5f6`")
    }),
    ("policy-id", |text| {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let fits =
            text.strip_prefix("p-").is_some_and(|rest| (8..=128).contains(&rest.len()) && rest.bytes().all(letter));
        shaped(text, fits, "the id of a policy, such as `p-ab12cd34`")
    }),
    ("policy-type", |text| {
        let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let fits = !text.is_empty() && text.bytes().all(letter) && !text.ends_with("_policy");
        shaped(text, fits, "a policy type: AWS's name in lower case without `_POLICY`, such as `service_control`")
    }),
    ("environment-variable", |text| {
        let fits = !text.is_empty()
            && !text.starts_with(|first: char| first.is_ascii_digit())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        shaped(text, fits, "the name of an environment variable")
    }),
    ("digest", |text| {
        let fits = text.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64 && lower_hex(hex));
        shaped(text, fits, "a digest: `sha256:` and 64 hexadecimal digits in lower case")
    }),
    ("moment", |text| Moment::try_from(text.to_owned()).map(drop)),
    ("period", |text| Period::try_from(text.to_owned()).map(drop)),
    ("ou-path", |text| OuPath::parse(text).map(drop)),
    ("time-zone", |text| {
        let fits = TimeZone::get(text).is_ok();
        shaped(text, fits, "an IANA time zone, such as `Europe/Berlin`")
    }),
];

fn shaped(text: &str, fits: bool, what: &str) -> Result<(), String> {
    if fits { Ok(()) } else { Err(format!("`{text}` is not {what}")) }
}

fn digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn lower(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

fn lower_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}
