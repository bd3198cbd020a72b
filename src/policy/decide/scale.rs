//! Values that are compared by order instead of letters: numbers, moments and addresses. In come the values that policies
//! name; out come the stretches between them, each with a value that stands for all of it. Never looks at a request.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use rustc_hash::FxHashSet;

use crate::policy::document::Order;

/// A number as a policy writes it; none when it is no number.
pub(super) fn number(text: &str) -> Option<f64> {
    text.trim().parse::<f64>().ok().filter(|number| number.is_finite())
}

/// A moment in nanoseconds since 1970: ISO 8601 with an offset, a bare date in UTC, or seconds.
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_Date>
pub(super) fn moment(text: &str) -> Option<i128> {
    let text = text.trim();
    let parsed = text.parse::<Timestamp>().ok();
    let date = || TimeZone::UTC.to_timestamp(text.parse::<Date>().ok()?.at(0, 0, 0, 0)).ok();
    let seconds = || Timestamp::from_second(text.parse::<i64>().ok()?).ok();
    parsed.or_else(seconds).or_else(date).map(Timestamp::as_nanosecond)
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

/// One value from each stretch that the numbers cut the line into, the numbers among them.
pub(super) fn numbers(mut named: Vec<f64>) -> Vec<f64> {
    named.sort_by(f64::total_cmp);
    named.dedup();
    between(
        &named,
        |low| low - low.abs().max(1.0),
        |low, high| low / 2.0 + high / 2.0,
        |high| high + high.abs().max(1.0),
    )
}

/// One moment from each stretch, as far as a calendar can tell it.
pub(super) fn moments(mut named: Vec<i128>) -> Vec<i128> {
    const HOUR: i128 = 3_600_000_000_000;
    named.sort_unstable();
    named.dedup();
    let mut values = between(&named, |low| low - HOUR, |low, high| low + (high - low) / 2, |high| high + HOUR);
    values.retain(|value| Timestamp::from_nanosecond(*value).is_ok());
    values
}

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
        assert_eq!(numbers(vec![5.0, 1.0, 5.0]), [0.0, 1.0, 3.0, 5.0, 10.0]);
        assert_eq!(moments(vec![0]).len(), 3);
        let nets = ["10.0.0.0/8", "10.1.0.0/16", "2001:db8::/32"].map(|text| range(text).into_iter().next());
        let found = addresses(&nets.into_iter().flatten().collect::<Vec<_>>());
        let shown: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["203.0.113.10", "10.0.0.0", "10.1.0.0", "2001:db8::"]);
    }

    #[test]
    fn moments_are_read_as_aws_writes_them() {
        assert_eq!(moment("1970-01-01T01:00:00+01:00"), Some(0));
        assert_eq!(moment("1970-01-02"), Some(86_400_000_000_000));
        assert_eq!(moment("60"), Some(60_000_000_000));
        assert_eq!(moment("soon"), None);
        assert_eq!(number("1e400"), None);
        assert_eq!(range("300.1.1.1"), None);
    }
}
