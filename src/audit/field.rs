//! Reading a field of a record, whatever its case and type.
//!
//! In: JSON that a stranger wrote. Out: text, flags and times. It never fails on an odd shape: what cannot be read is
//! not there, and the caller says what that means.
//!
//! Services differ in the case of their keys (`regionName`, `RegionName`) and write booleans and numbers as text:
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html>

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, fmt};
use serde_json::Value;

/// The field of an object: under the very key, else under one that differs in case only.
pub(super) fn get<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    let fields = value.as_object()?;
    fields.get(key).or_else(|| {
        let mut alike: Vec<_> = fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case(key)).collect();
        alike.sort_by(|a, b| a.0.cmp(b.0));
        alike.first().map(|(_, value)| *value)
    })
}

/// The field at the end of a dotted path. `null` is as good as not there.
pub(super) fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, get).filter(|value| !value.is_null())
}

/// A scalar as text; empty text is as good as not there.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::String(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The text at the end of a dotted path.
pub(super) fn text_at(value: &Value, path: &str) -> Option<String> {
    at(value, path).and_then(text)
}

/// The flag at the end of a dotted path: a boolean, or the word for one.
pub(super) fn flag_at(value: &Value, path: &str) -> Option<bool> {
    match at(value, path)? {
        Value::Bool(flag) => Some(*flag),
        Value::String(word) if word.eq_ignore_ascii_case("true") => Some(true),
        Value::String(word) if word.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// The time at the end of a dotted path.
pub(super) fn time_at(value: &Value, path: &str) -> Option<Timestamp> {
    at(value, path).and_then(time)
}

/// The ways times are written: RFC 3339, the same without a zone (CloudTrail means UTC), seconds or milliseconds since
/// 1970, and `Jan 24, 2022 5:00:15 PM` with or without a comma before the hour.
pub(super) fn time(value: &Value) -> Option<Timestamp> {
    match value {
        Value::Number(number) => since_1970(number.as_f64()?),
        Value::String(text) => {
            let text = text.trim();
            let utc = |time: DateTime| TimeZone::UTC.to_timestamp(time);
            text.parse::<Timestamp>()
                .or_else(|_| text.parse::<DateTime>().and_then(utc))
                .or_else(|_| long_form(text).and_then(utc))
                .ok()
        }
        _ => None,
    }
}

fn since_1970(number: f64) -> Option<Timestamp> {
    // Seconds stay below this until the year 5138; milliseconds have been above it since 1973.
    const MILLISECONDS_FROM: f64 = 1e11;
    let seconds = if number.abs() >= MILLISECONDS_FROM { number / 1000.0 } else { number };
    jiff::SignedDuration::try_from_secs_f64(seconds).ok().and_then(|since| Timestamp::from_duration(since).ok())
}

fn long_form(text: &str) -> Result<DateTime, jiff::Error> {
    // Newer runtimes put a narrow no-break space before AM and PM.
    let words: Vec<&str> = text.split([' ', ',', '\u{202f}', '\u{a0}']).filter(|word| !word.is_empty()).collect();
    fmt::strtime::parse("%b %d %Y %I:%M:%S %p", words.join(" ")).and_then(|parsed| parsed.to_datetime())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_are_found_in_any_case() {
        let record = json!({"RegionName": "a", "other": {"REGIONNAME": "b", "null": null}});
        assert_eq!(text_at(&record, "regionName").as_deref(), Some("a"));
        assert_eq!(text_at(&record, "Other.regionname").as_deref(), Some("b"));
        assert_eq!(text_at(&record, "other.null"), None);
        assert_eq!(text_at(&record, "regionName.deeper"), None);
        let both = json!({"Name": "upper", "name": "lower"});
        assert_eq!(text_at(&both, "name").as_deref(), Some("lower"));
        assert_eq!(text_at(&both, "NAME").as_deref(), Some("upper"), "the choice does not hang on the order of keys");
    }

    #[test]
    fn times_are_read_in_every_way_they_are_written() {
        let noon = "2022-01-24T17:00:15Z".parse::<Timestamp>().unwrap();
        for written in [
            json!("2022-01-24T17:00:15Z"),
            json!("2022-01-24 17:00:15Z"),
            json!("2022-01-24 17:00:15"),
            json!("2022-01-24T18:00:15+01:00"),
            json!("Jan 24, 2022 5:00:15 PM"),
            json!("Jan 24, 2022, 5:00:15\u{202f}PM"),
            json!(1_643_043_615),
            json!(1_643_043_615_000_i64),
            json!(1_643_043_615.0),
        ] {
            assert_eq!(time(&written), Some(noon), "{written}");
        }
        for odd in [json!("yesterday"), json!(""), json!(true), json!(1e300), json!([1]), json!("99")] {
            assert_eq!(time(&odd), None, "{odd}");
        }
    }

    #[test]
    fn flags_may_be_words() {
        let record = json!({"a": true, "b": "false", "c": "TRUE", "d": 1});
        let read = |key| flag_at(&record, key);
        assert_eq!((read("a"), read("b"), read("c"), read("d")), (Some(true), Some(false), Some(true), None));
    }
}
