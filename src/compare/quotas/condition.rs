//! Does a value keep to a rule?
//!
//! In: a rule, a value, the provider's default. Out: a verdict. All conditions of a rule must hold; one that is broken
//! for sure decides, whatever else is unknown. It never takes an unknown value or default for one that fits.
//!
//! A quota that does not exist there keeps to `max` and to `equals: default`, and breaks `min`, `between` and `equals: N`.

use serde_json::{Map, Value, json};

use crate::baseline::model::{Limit, QuotaRule};
use crate::compare::drift::number;
use crate::estate::{CoverageStatus, Gap, Observation};

/// How a value stands to a rule.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    Fits,
    Above,
    Below,
    Unknown(Gap),
}

/// What one condition says.
enum Bound {
    AtMost(Limit),
    AtLeast(Limit),
}

/// Judges a value; `default` is absent where the provider defines no such quota.
pub(super) fn judge(rule: &QuotaRule, value: &Observation<f64>, default: &Observation<f64>) -> Verdict {
    let value = match value {
        Observation::Known(value) => *value,
        Observation::Absent if keeps_to_absence(rule) => return Verdict::Fits,
        Observation::Absent => return Verdict::Below,
        Observation::Unknown(gap) => return Verdict::Unknown(gap.clone()),
    };
    let mut unknown = None;
    let mut below = false;
    for bound in bounds(rule) {
        let (Bound::AtMost(limit) | Bound::AtLeast(limit)) = &bound;
        match (resolve(*limit, default), bound) {
            (Ok(limit), Bound::AtMost(_)) if value > limit => return Verdict::Above,
            (Ok(limit), Bound::AtLeast(_)) => below |= value < limit,
            (Ok(_), Bound::AtMost(_)) => {}
            (Err(gap), _) => unknown = Some(gap),
        }
    }
    match (below, unknown) {
        (true, _) => Verdict::Below,
        (false, Some(gap)) => Verdict::Unknown(gap),
        (false, None) => Verdict::Fits,
    }
}

fn keeps_to_absence(rule: &QuotaRule) -> bool {
    rule.min.is_none() && rule.between.is_none() && !matches!(rule.equals, Some(Limit::Number(_)))
}

fn bounds(rule: &QuotaRule) -> Vec<Bound> {
    let mut bounds = Vec::new();
    bounds.extend(rule.max.map(Bound::AtMost));
    bounds.extend(rule.min.map(Bound::AtLeast));
    bounds.extend(rule.equals.into_iter().flat_map(|limit| [Bound::AtMost(limit), Bound::AtLeast(limit)]));
    bounds.extend(
        rule.between
            .into_iter()
            .flat_map(|[low, high]| [Bound::AtMost(Limit::Number(high)), Bound::AtLeast(Limit::Number(low))]),
    );
    bounds
}

fn resolve(limit: Limit, default: &Observation<f64>) -> Result<f64, Gap> {
    match (limit, default) {
        (Limit::Number(limit), _) => Ok(limit),
        (Limit::Default, Observation::Known(default)) => Ok(*default),
        (Limit::Default, Observation::Unknown(gap)) => Err(gap.clone()),
        (Limit::Default, Observation::Absent) => {
            let reason = "the provider gives no default to compare with".to_owned();
            Err(Gap { status: CoverageStatus::Failed, reason })
        }
    }
}

/// The conditions as the baseline says them, with the default that they speak of.
pub(super) fn said(rule: &QuotaRule, default: Option<f64>) -> Value {
    let limit = |limit: Limit| match limit {
        Limit::Default => json!("default"),
        Limit::Number(limit) => number(limit),
    };
    let given = [("equals", rule.equals), ("max", rule.max), ("min", rule.min)];
    let mut said: Map<String, Value> = Map::new();
    for (name, value) in given.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        said.insert(name.to_owned(), limit(value));
    }
    if let Some([low, high]) = rule.between {
        said.insert("between".to_owned(), json!([number(low), number(high)]));
    }
    let speaks_of_it = given.iter().any(|(_, limit)| *limit == Some(Limit::Default));
    if let Some(default) = default.filter(|_| speaks_of_it) {
        said.insert("default".to_owned(), number(default));
    }
    Value::Object(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(conditions: &str) -> QuotaRule {
        serde_yaml::from_str(&format!("{{service: ec2, code: L-1, {conditions}}}")).unwrap()
    }

    fn verdict(conditions: &str, value: f64) -> Verdict {
        judge(&rule(conditions), &Observation::Known(value), &Observation::Known(32.0))
    }

    #[test]
    fn values_are_held_against_every_condition() {
        for (conditions, value, expected) in [
            ("max: default", 32.0, Verdict::Fits),
            ("max: default", 5.0, Verdict::Fits),
            ("max: default", 33.0, Verdict::Above),
            ("max: 256", 256.0, Verdict::Fits),
            ("max: 256", 256.5, Verdict::Above),
            ("min: 10", 9.0, Verdict::Below),
            ("min: default", 31.0, Verdict::Below),
            ("equals: default", 5.0, Verdict::Below),
            ("equals: 40", 41.0, Verdict::Above),
            ("equals: 40", 40.0, Verdict::Fits),
            ("between: [10, 20]", 10.0, Verdict::Fits),
            ("between: [10, 20]", 20.0, Verdict::Fits),
            ("between: [10, 20]", 21.0, Verdict::Above),
            ("between: [10, 20]", 9.0, Verdict::Below),
            ("min: 10, max: 20", 15.0, Verdict::Fits),
            ("min: 10, max: 20", 25.0, Verdict::Above),
            ("min: 10, max: 20", 5.0, Verdict::Below),
        ] {
            assert_eq!(verdict(conditions, value), expected, "{conditions}: {value}");
        }
    }

    #[test]
    fn what_does_not_exist_breaks_only_what_demands_it() {
        for (conditions, fits) in [
            ("max: default", true),
            ("max: 0", true),
            ("equals: default", true),
            ("equals: 5", false),
            ("min: 1", false),
            ("between: [0, 5]", false),
            ("max: 5, min: 1", false),
        ] {
            let expected = if fits { Verdict::Fits } else { Verdict::Below };
            assert_eq!(judge(&rule(conditions), &Observation::Absent, &Observation::Absent), expected, "{conditions}");
        }
    }

    #[test]
    fn what_is_unknown_decides_nothing_and_hides_nothing() {
        let unknown = Observation::unknown(CoverageStatus::Denied, "no");
        let is_unknown = |verdict| matches!(verdict, Verdict::Unknown(_));
        assert!(is_unknown(judge(&rule("max: 5"), &unknown, &Observation::Absent)));
        assert!(is_unknown(judge(&rule("max: default"), &Observation::Known(5.0), &unknown)));
        // A quota that is there, without a default to hold it against, counts as not read.
        let nothing_to_compare = judge(&rule("max: default"), &Observation::Known(5.0), &Observation::Absent);
        assert!(matches!(nothing_to_compare, Verdict::Unknown(gap) if gap.status.is_incomplete()));
        assert_eq!(judge(&rule("max: default, min: 10"), &Observation::Known(5.0), &unknown), Verdict::Below);
    }

    #[test]
    fn conditions_are_said_as_declared() {
        assert_eq!(said(&rule("max: default"), Some(32.0)), json!({"max": "default", "default": 32}));
        assert_eq!(said(&rule("max: 256"), Some(32.0)), json!({"max": 256}));
        assert_eq!(said(&rule("between: [1, 2.5]"), None), json!({"between": [1, 2.5]}));
    }
}
