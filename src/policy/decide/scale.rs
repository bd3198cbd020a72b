//! Values that are compared by order instead of letters: numbers, moments and addresses. In come the values that policies
//! name; out come the stretches between them, each with a value that stands for all of it. Never looks at a request.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use rustc_hash::FxHashSet;

use crate::policy::document::Order;

/// Numbers are counted in units of this power of ten. One place more than a policy's number may have, so that there is a
/// number between any two of them.
const PLACES: i64 = 16;
/// One, in units.
const ONE: i128 = 10_i128.pow(16);
/// Digits before the point at most: what an `i128` holds in such units.
const WHOLE: i64 = 21;

/// A policy's number, in units; none when it is no number, or has more places than can be told apart here.
pub(super) fn number(text: &str) -> Option<i128> {
    counted(text).filter(|(units, exact)| *exact && units % 10 == 0).map(|(units, _)| units)
}

/// A request's number in units, where it stands to every [`number`] as it does itself: what is too fine is rounded into
/// the gap that it lies in, what is too large to the largest.
pub(super) fn nearby(text: &str) -> Option<i128> {
    counted(text).map(|(units, _)| units)
}

/// `-12`, `3.50`, `.5`, `1e3` in units, and whether that is all of it.
fn counted(text: &str) -> Option<(i128, bool)> {
    let (digits, exponent) = match text.find(['e', 'E']) {
        Some(at) => (text.get(..at)?, text.get(at + 1..)?.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let unsigned = digits.strip_prefix(['+', '-']).unwrap_or(digits);
    let whole = unsigned.find('.').unwrap_or(unsigned.len());
    let mut place = i64::try_from(whole).ok()? + i64::from(exponent);
    let (mut units, mut exact, mut any) = (0_i128, true, false);
    for (at, letter) in unsigned.char_indices() {
        if letter == '.' && at == whole {
            continue;
        }
        let digit = letter.to_digit(10)?;
        any = true;
        place -= 1;
        if digit == 0 {
            continue;
        }
        if place >= WHOLE {
            // No digit below can make up for it.
            (units, exact) = (i128::MAX, false);
        } else if place >= -PLACES {
            let power = u32::try_from(place + PLACES).ok()?;
            units = units.saturating_add(i128::from(digit) * 10_i128.pow(power));
        } else {
            exact = false;
        }
    }
    if !exact && units % 10 == 0 {
        units += 1;
    }
    any.then_some((if digits.starts_with('-') { -units } else { units }, exact))
}

/// Units as a request writes them.
pub(super) fn decimal(units: i128) -> String {
    let (size, one, sign) = (units.unsigned_abs(), ONE.unsigned_abs(), if units < 0 { "-" } else { "" });
    let text = format!("{sign}{}.{:016}", size / one, size % one);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A moment in nanoseconds since 1970: seconds, or a form of <https://www.w3.org/TR/NOTE-datetime>: a month, a day, or a
/// time with an offset. What is not whole begins in UTC; a time without an offset is no moment.
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_Date>
pub(super) fn moment(text: &str) -> Option<i128> {
    if is_year(text) {
        return None;
    }
    if let Ok(seconds) = text.parse::<i64>() {
        return (!text.starts_with('+')).then_some(i128::from(seconds) * 1_000_000_000);
    }
    let time = match text.len() {
        7 => midnight(&format!("{text}-01"))?,
        10 => midnight(text)?,
        // A space, or a zone's name in brackets, is known to the reader but not to AWS.
        _ if text.contains(['T', 't']) && !text.contains([' ', '[']) => text.parse::<Timestamp>().ok()?,
        _ => return None,
    };
    Some(time.as_nanosecond())
}

/// Whether a text is a year to some and seconds to others: AWS names both forms.
fn is_year(text: &str) -> bool {
    text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn midnight(day: &str) -> Option<Timestamp> {
    let is_plain = day.bytes().all(|letter| letter.is_ascii_digit() || letter == b'-');
    let day = if is_plain { day.parse::<Date>().ok()? } else { return None };
    TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok()
}

/// An address or a range of them.
pub(super) fn range(text: &str) -> Option<IpNet> {
    text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from)).map(|net| net.trunc())
}

/// Whether `value` stands to `asked` as `order` wants; inequality is told as equality, and negated by who asks.
pub(super) fn stands<T: PartialOrd>(value: &T, order: Order, asked: &T) -> bool {
    match order {
        Order::Equals | Order::NotEquals => value == asked,
        Order::LessThan => value < asked,
        Order::LessThanEquals => value <= asked,
        Order::GreaterThan => value > asked,
        Order::GreaterThanEquals => value >= asked,
    }
}

/// One value from each stretch that the numbers cut the line into, the numbers among them; the rounder the better.
pub(super) fn numbers(mut named: Vec<i128>) -> Vec<i128> {
    named.sort_unstable();
    named.dedup();
    let middle = |low: i128, high: i128| {
        let middle = low + (high - low) / 2;
        let whole = middle - middle.rem_euclid(ONE);
        if whole > low { whole } else { middle }
    };
    between(&named, |low| low - ONE, middle, |high| high + ONE)
}

/// One moment from each stretch in which one can be written.
pub(super) fn moments(mut named: Vec<i128>) -> Vec<i128> {
    const HOUR: i128 = 3_600_000_000_000;
    named.sort_unstable();
    named.dedup();
    // Beyond the calendar only whole seconds can be written, and no more of them than a number holds.
    let whole = |moment: i128| moment - moment.rem_euclid(SECOND);
    let middle = |low: i128, high: i128| {
        let middle = low + (high - low) / 2;
        if written_moment(middle).is_none() && whole(middle) > low { whole(middle) } else { middle }
    };
    let mut values = between(&named, |low| whole(low - HOUR), middle, |high| whole(high + HOUR));
    values.retain(|value| written_moment(*value).is_some());
    values
}

/// A moment as a request writes it; none where there is no form for it.
pub(super) fn written_moment(moment: i128) -> Option<String> {
    if let Ok(time) = Timestamp::from_nanosecond(moment) {
        return Some(time.to_string());
    }
    let seconds = i64::try_from(moment / SECOND).ok()?;
    (moment % SECOND == 0).then(|| seconds.to_string())
}

/// A second in nanoseconds.
const SECOND: i128 = 1_000_000_000;

/// A value before, between and after sorted values, where there is one.
fn between<T: PartialOrd + Copy>(
    named: &[T],
    below: impl Fn(T) -> T,
    middle: impl Fn(T, T) -> T,
    above: impl Fn(T) -> T,
) -> Vec<T> {
    let (Some(first), Some(last)) = (named.first(), named.last()) else { return Vec::new() };
    let mut values = vec![below(*first)];
    for (at, value) in named.iter().enumerate() {
        values.push(*value);
        if let Some(next) = named.get(at + 1) {
            let middle = middle(*value, *next);
            if middle > *value && middle < *next {
                values.push(middle);
            }
        }
    }
    values.push(above(*last));
    values
}

/// One address from each stretch that the ranges cut the addresses into.
pub(super) fn addresses(named: &[IpNet]) -> Vec<IpAddr> {
    // The public documentation ranges read best; they are only kept where they fall into a stretch of their own.
    let mut starts: Vec<IpAddr> = vec![IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];
    for net in named {
        starts.push(net.network());
        starts.extend(after(net.broadcast()));
    }
    starts.sort_unstable();
    starts.dedup();
    // Stretches that no range tells apart are one.
    let mut seen: FxHashSet<Vec<bool>> = FxHashSet::default();
    let preferred = [Ipv4Addr::new(203, 0, 113, 10), Ipv4Addr::new(198, 51, 100, 10), Ipv4Addr::new(192, 0, 2, 10)];
    let candidates = preferred.into_iter().map(IpAddr::V4).chain(starts);
    let tell = |address: &IpAddr| named.iter().map(|net| net.contains(address)).collect::<Vec<_>>();
    candidates.filter(|address| seen.insert(tell(address))).collect()
}

fn after(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(v4) => u32::from(v4).checked_add(1).map(|next| IpAddr::V4(next.into())),
        IpAddr::V6(v6) => u128::from(v6).checked_add(1).map(|next| IpAddr::V6(next.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stretch_has_a_value() {
        let named = ["5", "1", "5.0"].into_iter().filter_map(number).collect();
        assert_eq!(numbers(named).into_iter().map(decimal).collect::<Vec<_>>(), ["0", "1", "3", "5", "6"]);
        assert_eq!(moments(vec![0]).len(), 3);
        let nets = ["10.0.0.0/8", "10.1.0.0/16", "2001:db8::/32"].map(|text| range(text).into_iter().next());
        let found = addresses(&nets.into_iter().flatten().collect::<Vec<_>>());
        let shown: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["203.0.113.10", "10.0.0.0", "10.1.0.0", "2001:db8::"]);
    }

    #[test]
    fn numbers_are_compared_digit_by_digit() {
        let same = |one: &str, other: &str| assert_eq!(number(one), number(other), "{one} {other}");
        same("1", "1.0");
        same("-.5", "-5e-1");
        same("1200", "1.2E+3");
        assert_ne!(number("9007199254740992"), number("9007199254740993"));
        assert_ne!(number("0.1"), number("0.100000000000001"));
        for none in
            ["", "-", ".", "e5", "1e", " 1", "0x10", "inf", "NaN", "1.2.3", "1_0", "1e400", "0.1234567890123456"]
        {
            assert_eq!(number(none), None, "{none}");
        }
        let between = |low: &str, value: &str, high: &str| {
            assert!(nearby(low) < nearby(value) && nearby(value) < nearby(high), "{low} {value} {high}");
        };
        between("1", "1.00000000000000000000000001", "1.000000000000001");
        between("-1.000000000000001", "-1.00000000000000000000000001", "-1");
        assert!(nearby("1e400") > number("999999999999999999999"));
        assert!(nearby("-1e400") < number("-999999999999999999999"));
        assert_eq!(nearby("1e-400"), Some(1));
        assert_eq!(nearby("x"), None);
        for text in ["0", "-2.5", "9007199254740993", "0.000000000000001", "-100"] {
            assert_eq!(number(text).map(decimal).as_deref(), Some(text));
        }
    }

    #[test]
    fn moments_are_read_as_aws_writes_them() {
        assert_eq!(moment("1970-01-01T01:00:00+01:00"), Some(0));
        assert_eq!(moment("1970-01-02"), Some(86_400_000_000_000));
        assert_eq!(moment("60"), Some(60_000_000_000));
        assert_eq!(moment("1970-02"), moment("1970-02-01"));
        for none in [
            "2024",
            "soon",
            "+60",
            "2024-01-01T00:00:00",
            "2024-01-01 00:00:00Z",
            "2024-01-01T00:00:00Z[UTC]",
            "1970-W01-1",
            "",
        ] {
            assert_eq!(moment(none), None, "{none}");
        }
        assert_eq!(range("300.1.1.1"), None);
    }
}
