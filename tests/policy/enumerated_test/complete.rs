//! Whether the points of the pools stand for every text. In come all short texts over the letters of the patterns; out goes
//! nothing but those that no point is like. And whether the catalogue knows the keys as the pools say.

use std::collections::HashSet;

use guardline::policy::catalogue::Catalogue;
use guardline::policy::document::Kind;
use guardline::policy::request::{Principal, Request};
use guardline::policy::stack::Stack;

use super::pools::{
    ACTION_POINTS, ACTIONS, Arity, Family, PRINCIPALS, RESOURCE_POINTS, RESOURCES, allowing, asks_value, by, matches,
    positive, principal_points, readings, request, with_value,
};

/// Every text of at most so many pieces.
fn texts(pieces: &[&str], most: usize) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut last = all.clone();
    for _ in 0..most {
        last = last.iter().flat_map(|text| pieces.iter().map(move |piece| format!("{text}{piece}"))).collect();
        all.extend(last.iter().cloned());
    }
    all
}

/// Requires that each request is like one of the points to all stacks.
fn stand_for(stacks: &[Stack], points: &[Request], all: impl Iterator<Item = Request>) {
    let bits = |request: &Request| stacks.iter().map(|stack| matches(stack, request)).collect::<Vec<_>>();
    let known: HashSet<Vec<bool>> = points.iter().map(bits).collect();
    let mut missing = HashSet::new();
    let strangers: Vec<Request> = all
        .filter(|request| Some(bits(request)).is_some_and(|bits| !known.contains(&bits) && missing.insert(bits)))
        .collect();
    assert!(strangers.is_empty(), "{} sorts have no point: {strangers:#?}", strangers.len());
}

#[test]
fn each_action_is_like_a_point() {
    let stacks =
        ACTIONS.map(|text| allowing(Kind::Identity, "2012-10-17", &format!(r#""Action":"{text}","Resource":"*""#)));
    let action = |text: &str| request(text, "*");
    let has_shape = |text: &String| {
        text.split_once(':')
            .is_some_and(|(service, name)| !service.is_empty() && !name.is_empty() && !name.contains(':'))
    };
    let all = texts(&["a", "b", ":", "x", "B", "ec2:", "Run", "Instances"], 5);
    stand_for(&stacks, &ACTION_POINTS.map(action), all.iter().filter(|text| has_shape(text)).map(|text| action(text)));
}

#[test]
fn each_resource_is_like_a_point() {
    let stacks: Vec<Stack> = RESOURCES
        .iter()
        .flat_map(|text| {
            let said = format!(r#""Action":"*","Resource":"{text}""#);
            readings(text).into_iter().map(move |(version, _)| allowing(Kind::Identity, version, &said))
        })
        .collect();
    let ends = texts(&["b", "x", "/", ":", "k", "*", "${", "}"], 3);
    let mut all = vec![request("a:b", "*")];
    for partition in ["p", "x", "px"] {
        for service in ["s", "x", "sx", "b", "xx"] {
            for middle in [":", "x:", ":x", "b:"] {
                let arn = |end: &String| request("a:b", &format!("arn:{partition}:{service}:{middle}:{end}"));
                all.extend(ends.iter().map(arn));
            }
        }
    }
    stand_for(&stacks, &RESOURCE_POINTS.map(|point| request("a:b", point)), all.into_iter());
}

#[test]
fn each_principal_is_like_a_point() {
    let stacks = PRINCIPALS.map(|(sort, name)| {
        let said = format!(r#""Action":"*","Resource":"*","Principal":{{"{sort}":"{name}"}}"#);
        allowing(Kind::Resource, "2012-10-17", &said)
    });
    let of = |principal: Principal| Request { principal: Some(principal), ..request("a:b", "*") };
    let mut all = Vec::new();
    for partition in ["aws", "x"] {
        for service in ["iam", "sts", "x"] {
            for account in ["111122223333", "444455556666", "x"] {
                for end in texts(&["role/", "R", "p/", "assumed-role/", "/s", "user/", "u", "root"], 4) {
                    all.push(of(Principal::Aws(format!("arn:{partition}:{service}::{account}:{end}"))));
                }
            }
        }
    }
    let names = ["s.amazonaws.com", "f", "c", "x"].map(str::to_owned);
    all.extend(names.iter().cloned().map(Principal::Service).map(of));
    all.extend(names.iter().cloned().map(Principal::Federated).map(of));
    all.extend(names.into_iter().map(Principal::CanonicalUser).map(of));
    let points: Vec<Request> = principal_points().into_iter().map(of).collect();
    stand_for(&stacks, &points, all.into_iter());
}

fn every_value(family: Family) -> Vec<String> {
    let numbers = || {
        let halves = (-30_i32..60)
            .map(|half| format!("{}{}.{}", if half < 0 { "-" } else { "" }, half.abs() / 2, half.abs() % 2 * 5));
        let large = (0..10).map(|last| format!("900719925474099{last}.{}", last % 2 * 5));
        halves
            .chain(large)
            .chain(["", "x", "1x", "-", "9007199254740991", "9007199254740992", "9007199254740993"].map(str::to_owned))
    };
    let dates = || {
        let days = (2022..2026).flat_map(|year| (1..=12).map(move |month| (year, month)));
        let times = ["T00:00:00Z", "T10:00:00Z", "T00:00:00.4Z", "T00:00:00.5Z", "T00:00:00.6Z", "T12:00:00+02:00", ""];
        let days = days.flat_map(|(year, month)| [1, 15].map(|day| format!("{year}-{month:02}-{day:02}")));
        days.flat_map(move |day| times.map(|time| format!("{day}{time}")))
            .chain(["x", "0", "99999999999", "-1"].map(str::to_owned))
    };
    let addresses = || {
        let four = (9..13).flat_map(|first| {
            (0..4).flat_map(move |second| (2..5).map(move |last| format!("{first}.{second}.2.{last}")))
        });
        let six = [
            "::",
            "::1",
            "2001:db8::",
            "2001:db8::1",
            "2001:db8::2",
            "2001:db9::1",
            "ffff::",
            "::ffff:10.0.2.3",
            "x",
            "10.0.0.0/8",
        ];
        four.chain(six.map(str::to_owned))
    };
    match family {
        Family::Text => texts(&["a", "b", "A", "B", ":", "x", "*", "?", "${", "}"], 4),
        Family::Truth => ["true", "false", "TRUE", "FALSE", "True", "fAlse", "", "1", "x"].map(str::to_owned).to_vec(),
        Family::Number => numbers().collect(),
        Family::Date => dates().collect(),
        Family::Address => addresses().collect(),
    }
}

#[test]
fn each_value_of_a_key_is_like_a_point() {
    for family in Family::ALL {
        let mut operators: Vec<&str> = family.operators().iter().map(|operator| positive(operator)).collect();
        operators.sort_unstable();
        operators.dedup();
        let mut stacks = Vec::new();
        for operator in operators {
            for value in family.values() {
                let asked = asks_value(operator, value);
                stacks
                    .extend(readings(value).into_iter().map(|(version, _)| allowing(Kind::Identity, version, &asked)));
            }
        }
        let points: Vec<Request> = family.points().iter().map(|point| by(None, with_value(point))).collect();
        stand_for(&stacks, &points, every_value(family).iter().map(|value| with_value(value)));
    }
}

#[test]
fn the_catalogue_knows_the_keys_as_the_pools_say() {
    for (key, arity) in Family::ALL.into_iter().flat_map(Family::keys) {
        let known = Catalogue::get().key(key);
        let found = match known {
            Some(known) if known.multi_valued => Arity::Several,
            Some(known) if known.global => Arity::One,
            _ => Arity::AsAsked,
        };
        assert_eq!(found, *arity, "{key}");
    }
}
