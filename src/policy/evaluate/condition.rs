//! Whether one condition holds for one request. In come an operator with its key and values and what the request says of
//! the key; out goes a truth. Never takes a key that is unknown for one that is missing.
//!
//! - Several values of the policy are alternatives; for a negated operator none may match.
//! - A missing key (no values is the same): a negated operator holds, others do not; `…IfExists` and `ForAllValues` hold,
//!   `ForAnyValue` does not.
//! - Several values of the request under a plain operator: one must match; for a negated operator none may.
//!   `ForAllValues` asks that each value satisfies the operator, `ForAnyValue` that one does.
//! - `Null` asks about the key and not about its values, so a set prefix before it is not understood.
//!
//! Sources: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html> and
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-logic-multiple-context-keys-or-values.html>

use std::net::IpAddr;

use super::{
    statement::{Doubt, How, Matcher},
    truth::Truth,
    value::{Network, Number, is, moment, truth},
};
use crate::policy::document::{Condition, Operator, Quantifier, Version};

/// Whether a condition holds.
pub(super) fn holds(matcher: &mut Matcher<'_>, asked: &Condition, version: Version) -> Truth {
    if let Operator::Unknown(word) = &asked.operator {
        return matcher.doubt(|| Doubt::NotUnderstood(format!("the operator `{word}` on `{}`", asked.written)));
    }
    let request = matcher.request;
    let Some(values) = request.values(&asked.key) else {
        return matcher.doubt(|| Doubt::Key(asked.written.clone()));
    };
    if asked.operator == Operator::Null {
        return null(matcher, asked, values.is_empty());
    }
    if values.is_empty() {
        return missing(asked).into();
    }
    matcher.weigh(|matcher| {
        let mut matched = |value: &String| any_matches(matcher, asked, value, version);
        let is_negated = asked.operator.is_negated();
        match asked.quantifier {
            None => Truth::any(values.iter().map(matched)).negated_if(is_negated),
            Some(Quantifier::ForAllValues) => {
                Truth::all(values.iter().map(|value| matched(value).negated_if(is_negated)))
            }
            Some(Quantifier::ForAnyValue) => {
                Truth::any(values.iter().map(|value| matched(value).negated_if(is_negated)))
            }
        }
    })
}

/// What a condition says where its key is missing.
fn missing(asked: &Condition) -> bool {
    match (asked.if_exists, asked.quantifier) {
        (true, _) | (false, Some(Quantifier::ForAllValues)) => true,
        (false, Some(Quantifier::ForAnyValue)) => false,
        (false, None) => asked.operator.is_negated(),
    }
}

/// `Null`: `true` asks that the key is missing, `false` that it is there.
fn null(matcher: &mut Matcher<'_>, asked: &Condition, is_missing: bool) -> Truth {
    if asked.quantifier.is_some() {
        return matcher.doubt(|| Doubt::NotUnderstood(format!("a set prefix before `Null` on `{}`", asked.written)));
    }
    matcher.weigh(|matcher| {
        Truth::any(asked.values.iter().map(|value| match truth(value) {
            Some(wanted) => (wanted == is_missing).into(),
            None => opaque(matcher, asked, value),
        }))
    })
}

/// Whether one of the policy's values matches a value of the request, the operator's `Not` left aside.
fn any_matches(matcher: &mut Matcher<'_>, asked: &Condition, value: &str, version: Version) -> Truth {
    Truth::any(asked.values.iter().map(|wanted| one_matches(matcher, asked, wanted, value, version)))
}

fn one_matches(matcher: &mut Matcher<'_>, asked: &Condition, wanted: &str, value: &str, version: Version) -> Truth {
    // A value of the policy that cannot be read may mean anything; one of the request that cannot be read matches nothing.
    let read = match &asked.operator {
        Operator::StringEquals { .. } => return matcher.fits(How::Exact, wanted, value, version),
        Operator::StringEqualsIgnoreCase { .. } => return matcher.fits(How::IgnoringCase, wanted, value, version),
        Operator::StringLike { .. } => return matcher.fits(How::Like, wanted, value, version),
        Operator::Arn { .. } => return matcher.fits(How::Arn, wanted, value, version),
        // Both are base64, and the same bytes have one text in it.
        Operator::BinaryEquals => Some(wanted == value),
        Operator::Bool => truth(wanted).map(|wanted| truth(value) == Some(wanted)),
        Operator::Numeric(order) => Number::read(wanted)
            .map(|wanted| Number::read(value).is_some_and(|value| is(value.compare(&wanted), *order))),
        Operator::Date(order) => {
            moment(wanted).map(|wanted| moment(value).is_some_and(|value| is(value.cmp(&wanted), *order)))
        }
        Operator::IpAddress { .. } => {
            Network::read(wanted).map(|network| value.parse::<IpAddr>().is_ok_and(|address| network.holds(address)))
        }
        Operator::Null | Operator::Unknown(_) => None,
    };
    match read {
        Some(matches) => matches.into(),
        None => opaque(matcher, asked, wanted),
    }
}

fn opaque(matcher: &mut Matcher<'_>, asked: &Condition, value: &str) -> Truth {
    matcher.doubt(|| Doubt::NotUnderstood(format!("the value `{value}` of `{}`", asked.written)))
}
