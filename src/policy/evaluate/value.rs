//! Numbers, dates, addresses and truths as policies write them. In come texts; out go values that can be compared, or
//! nothing where a text is none. Never rounds, and never takes a text for a value that AWS's documentation does not name.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>

use std::{
    cmp::Ordering,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use jiff::{Timestamp, civil::Date, tz::TimeZone};

use crate::policy::document::Order;

/// Whether an ordering is the one that is asked for. `NotEquals` asks the same as `Equals`; who asks turns it round.
pub(super) fn is(ordering: Ordering, order: Order) -> bool {
    match order {
        Order::Equals | Order::NotEquals => ordering.is_eq(),
        Order::LessThan => ordering.is_lt(),
        Order::LessThanEquals => ordering.is_le(),
        Order::GreaterThan => ordering.is_gt(),
        Order::GreaterThanEquals => ordering.is_ge(),
    }
}

/// A decimal number of any length, compared digit by digit and so without error: `0.d1d2d3… × 10^magnitude`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number<'a> {
    is_negative: bool,
    /// Where the first digit that is not zero stands; nothing for zero.
    magnitude: Option<i64>,
    whole: &'a str,
    fraction: &'a str,
}

impl<'a> Number<'a> {
    /// `-12`, `3.50`, `.5`, `1e3`.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (is_negative, digits) = match mantissa.strip_prefix(['-', '+']) {
            Some(digits) => (mantissa.starts_with('-'), digits),
            None => (false, mantissa),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.len() + fraction.len() == 0 || !are_digits(whole) || !are_digits(fraction) {
            return None;
        }
        let zeros = whole.bytes().chain(fraction.bytes()).take_while(|digit| *digit == b'0').count();
        let is_zero = zeros == whole.len() + fraction.len();
        let place = i64::try_from(whole.len()).ok()? - i64::try_from(zeros).ok()? + i64::from(exponent);
        Some(Self { is_negative: is_negative && !is_zero, magnitude: (!is_zero).then_some(place), whole, fraction })
    }

    fn significant(&self) -> impl Iterator<Item = u8> {
        self.whole.bytes().chain(self.fraction.bytes()).skip_while(|digit| *digit == b'0')
    }

    /// How the sizes compare, signs aside. `None`, which is zero, comes before every magnitude.
    fn compare_sizes(&self, other: &Self) -> Ordering {
        self.magnitude.cmp(&other.magnitude).then_with(|| {
            let (mut ours, mut theirs) = (self.significant(), other.significant());
            loop {
                match (ours.next(), theirs.next()) {
                    (None, None) => return Ordering::Equal,
                    (one, another) => match one.unwrap_or(b'0').cmp(&another.unwrap_or(b'0')) {
                        Ordering::Equal => {}
                        unequal => return unequal,
                    },
                }
            }
        })
    }

    pub(super) fn compare(&self, other: &Self) -> Ordering {
        match (self.is_negative, other.is_negative) {
            (false, false) => self.compare_sizes(other),
            (true, true) => other.compare_sizes(self),
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
        }
    }
}

/// A moment in nanoseconds since 1970: seconds as a whole number, or ISO 8601 in the forms of
/// <https://www.w3.org/TR/NOTE-datetime>. Four digits alone may be seconds or a year, and are
/// neither here; a day or a month is its beginning in
/// UTC; a time of day without an offset is none of the forms.
pub(super) fn moment(text: &str) -> Option<i128> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if text.len() == 4 && text == digits && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(i128::from(text.parse::<i64>().ok()?) * 1_000_000_000);
    }
    if text.contains(['[', ' ']) {
        return None;
    }
    if text.contains(['T', 't']) {
        return text.parse::<Timestamp>().ok().map(Timestamp::as_nanosecond);
    }
    let day = if text.len() == 7 { format!("{text}-01") } else { text.to_owned() };
    let is_day = day.len() == 10 && day.bytes().filter(|byte| *byte == b'-').count() == 2;
    let day = day.parse::<Date>().ok().filter(|_| is_day)?;
    TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok().map(Timestamp::as_nanosecond)
}

/// Addresses that begin alike.
#[derive(Clone, Copy, Debug)]
pub(super) struct Network {
    address: IpAddr,
    prefix: u32,
}

impl Network {
    /// `203.0.113.0/24`, `2001:DB8::/32`, or a single address. Bits behind the prefix say nothing.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let bits = if address.is_ipv4() { Ipv4Addr::BITS } else { Ipv6Addr::BITS };
        let prefix = match prefix {
            None => bits,
            Some(digits) => digits.parse().ok().filter(|prefix| *prefix <= bits && !digits.starts_with('+'))?,
        };
        Some(Self { address, prefix })
    }

    pub(super) fn holds(self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(net), IpAddr::V4(one)) => (net.to_bits() ^ one.to_bits()).leading_zeros() >= self.prefix,
            (IpAddr::V6(net), IpAddr::V6(one)) => (net.to_bits() ^ one.to_bits()).leading_zeros() >= self.prefix,
            _ => false,
        }
    }
}

/// `true` or `false`, in any case.
pub(super) fn truth(text: &str) -> Option<bool> {
    let is = |word: &str| text.eq_ignore_ascii_case(word);
    if is("true") { Some(true) } else { is("false").then_some(false) }
}
