//! Requests near what documents speak of. In: sides and chance; out: requests whose action, resource, principal and keys come
//! from the patterns and values of the documents: what they match, what they just miss, or nothing. Uniform requests would
//! match no statement at all, and show nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use guardline::policy::document::Kind;
use guardline::policy::evaluate::Decision;
use guardline::policy::request::{ContextValue, Principal, Request};
use ipnet::IpNet;
use serde_json::Value;

use super::dice::Dice;
use super::random::{ACTIONS, ADDRESSES, ARNS, DATES, NUMBERS, RESOURCES, TRUTHS, caller};
use super::side::{Side, all_texts, texts};

/// How many requests are drawn for one that a side lets through.
const TRIES: usize = 60;
/// Those who ask, where a policy has a variable for them.
const WORDS: [&str; 4] = ["ann", "Red", "bob", "a/b"];

/// What some documents speak of.
pub(super) struct Near {
    kind: Kind,
    statements: Vec<Said>,
    /// The statements that only one side has; all, where there are none.
    changed: Vec<usize>,
    /// What is asked of each key, in lower case.
    keys: BTreeMap<String, Vec<Asked>>,
    /// The keys of variables, in lower case.
    variables: BTreeSet<String>,
}

struct Said {
    actions: Vec<String>,
    resources: Vec<String>,
    names: Vec<String>,
    /// What it asks of its keys.
    keys: BTreeMap<String, Vec<Asked>>,
}

#[derive(Clone)]
struct Asked {
    operator: String,
    values: Vec<String>,
}

impl Near {
    pub(super) fn new(sides: [&Side; 2]) -> Self {
        let [old, new] = sides.map(|side| side.statements().collect::<Vec<_>>());
        let all: Vec<&Value> = old.iter().chain(&new).copied().collect();
        let is_changed = |at: &usize| !(old.contains(&all[*at]) && new.contains(&all[*at]));
        let changed: Vec<usize> = (0..all.len()).filter(is_changed).collect();
        let changed = if changed.is_empty() { (0..all.len()).collect() } else { changed };
        let words = [&old, &new].map(|said| said.iter().flat_map(|said| all_texts(said)).collect::<BTreeSet<_>>());
        let is_news = |text: &str| words.iter().any(|words| !words.contains(text));
        let statements: Vec<Said> = all.into_iter().map(|said| Said::new(said, is_news)).collect();
        let mut keys: BTreeMap<String, Vec<Asked>> = BTreeMap::new();
        for (key, asked) in statements.iter().flat_map(|said| &said.keys) {
            keys.entry(key.clone()).or_default().extend(asked.iter().cloned());
        }
        let all = statements
            .iter()
            .flat_map(|said| said.resources.iter().chain(said.keys.values().flatten().flat_map(|asked| &asked.values)));
        let variables = all.flat_map(|text| text.split("${").skip(1)).filter_map(|rest| {
            let name = rest.split(['}', ',']).next()?.trim().to_lowercase();
            (!["*", "?", "$"].contains(&name.as_str())).then_some(name)
        });
        Self { kind: sides[0].stack.kind, variables: variables.collect(), keys, statements, changed }
    }

    /// The keys that variables stand for.
    pub(super) fn variables(&self) -> impl Iterator<Item = &str> {
        self.variables.iter().map(String::as_str)
    }

    /// Requests most of which a side lets through; one in five is as it comes.
    pub(super) fn toward(&self, dice: &mut Dice, side: &Side, count: usize) -> Vec<Request> {
        let draw = |_| {
            let tries = if dice.one_in(5) { 1 } else { TRIES };
            let mut drawn = self.draw(dice);
            for _ in 1..tries {
                if side.ours(&drawn) == Decision::Allowed {
                    break;
                }
                drawn = self.draw(dice);
            }
            drawn
        };
        (0..count).map(draw).collect()
    }

    /// A request about one of the statements.
    fn draw(&self, dice: &mut Dice) -> Request {
        if self.statements.is_empty() {
            return super::random::request(dice, self.kind);
        }
        let news = dice.one_in(2).then(|| &self.statements[*dice.pick(&self.changed)]);
        let about = news.unwrap_or_else(|| dice.pick(&self.statements));
        let mut context = BTreeMap::new();
        for key in self.variables.iter().filter(|_| !dice.one_in(8)).collect::<Vec<_>>() {
            context.insert(key.clone(), ContextValue::One((*dice.pick(&WORDS)).to_owned()));
        }
        for (key, asked) in &self.keys {
            // Most often what this statement asks decides, now and then what another asks.
            let own = about.keys.get(key).filter(|_| !dice.one_in(4));
            if let Some(value) = value(dice, own.unwrap_or(asked), asked, &context) {
                context.insert(key.clone(), value);
            }
        }
        let action = self.one(dice, about, |said| &said.actions, &context);
        let resource = self.one(dice, about, |said| &said.resources, &context);
        let other = |dice: &mut Dice, list: &[&str]| (*dice.pick(list)).to_owned();
        Request {
            action: action.filter(|text| text.contains(':')).unwrap_or_else(|| other(dice, &ACTIONS)),
            resource: resource.filter(|text| text.starts_with("arn:")).map(whole).unwrap_or_else(|| {
                let nothing = dice.one_in(8);
                if nothing { "*".to_owned() } else { other(dice, &RESOURCES) }
            }),
            principal: self.principal(dice, about),
            context,
        }
    }

    /// What one of the patterns of the statement, now and then of another, matches.
    fn one(
        &self,
        dice: &mut Dice,
        about: &Said,
        patterns: fn(&Said) -> &Vec<String>,
        context: &BTreeMap<String, ContextValue>,
    ) -> Option<String> {
        let said = if dice.one_in(4) { dice.pick(&self.statements) } else { about };
        let patterns = patterns(said);
        let pattern = (!patterns.is_empty()).then(|| dice.pick(patterns))?;
        let text = spelled(dice, pattern, context);
        Some(if dice.one_in(10) { missed(dice, text) } else { text })
    }

    fn principal(&self, dice: &mut Dice, about: &Said) -> Option<Principal> {
        let likely = caller(dice, self.kind)?;
        if self.kind == Kind::Rcp || about.names.is_empty() || dice.one_in(4) {
            return Some(likely);
        }
        let name = dice.pick(&about.names);
        let is_account = name.chars().all(|letter| letter.is_ascii_digit());
        let account = if is_account { Some(name.as_str()) } else { account_of_root(name) };
        Some(match account {
            Some(account) => Principal::Aws(format!("arn:aws:iam::{account}:role/Admin")),
            None if name.starts_with("arn:") => Principal::Aws(name.clone()),
            None if name.ends_with(".amazonaws.com") => Principal::Service(name.clone()),
            None => likely,
        })
    }
}

/// An ARN with all of its six segments, as each request has them: a pattern may have fewer.
fn whole(mut arn: String) -> String {
    let missing = 6_usize.saturating_sub(arn.split(':').count());
    arn.push_str(&":x".repeat(missing));
    arn
}

fn account_of_root(name: &str) -> Option<&str> {
    name.strip_prefix("arn:aws:iam::")?.strip_suffix(":root")
}

impl Said {
    /// What only one side says counts as much as all the rest: a change is where sides differ.
    fn new(statement: &Value, is_news: impl Fn(&str) -> bool) -> Self {
        let weighed = |mut all: Vec<String>| {
            let news: Vec<String> = all.iter().filter(|text| is_news(text)).cloned().collect();
            for _ in 0..if news.is_empty() { 0 } else { all.len() / news.len() } {
                all.extend(news.iter().cloned());
            }
            all
        };
        let of = |words: [&str; 2]| weighed(words.map(|word| texts(&statement[word])).concat());
        let names = ["Principal", "NotPrincipal"].into_iter().flat_map(|word| match &statement[word] {
            Value::Object(sorts) => sorts.values().flat_map(texts).collect(),
            one => texts(one),
        });
        let mut keys: BTreeMap<String, Vec<Asked>> = BTreeMap::new();
        for (operator, asked) in statement["Condition"].as_object().into_iter().flatten() {
            for (key, values) in asked.as_object().into_iter().flatten() {
                let asked = Asked { operator: operator.to_lowercase(), values: weighed(texts(values)) };
                keys.entry(key.to_lowercase()).or_default().push(asked);
            }
        }
        Self {
            actions: of(["Action", "NotAction"]),
            resources: of(["Resource", "NotResource"]),
            names: names.collect(),
            keys,
        }
    }
}

/// A value for a key, or several where somebody asks for each or any of them; none is a missing key.
fn value(
    dice: &mut Dice,
    own: &[Asked],
    all: &[Asked],
    context: &BTreeMap<String, ContextValue>,
) -> Option<ContextValue> {
    if dice.one_in(4) {
        return None;
    }
    // Several values make sense where each question is about several: what else a policy means by them AWS does not say.
    let many = all.iter().all(|asked| asked.operator.starts_with("for") || asked.operator == "null");
    let count = if many { 1 + dice.below(3) } else { 1 };
    let one = |at: usize| {
        let asked = dice.pick(if at == 0 { own } else { all });
        // Where a statement only asks whether the key is there, another may say what its values look like.
        let asked = if asked.operator == "null" { dice.pick(all) } else { asked };
        near(dice, asked, all, context)
    };
    let values: Vec<String> = (0..count).map(one).collect();
    Some(match <[String; 1]>::try_from(values) {
        Ok([only]) => ContextValue::One(only),
        Err(many) => ContextValue::Many(many),
    })
}

/// A value near those of a condition, of the sort that its key has: what holds of others AWS does not say.
fn near(dice: &mut Dice, asked: &Asked, all: &[Asked], context: &BTreeMap<String, ContextValue>) -> String {
    let is_for = |word: &str| asked.operator.contains(word);
    let said = (!asked.values.is_empty() && !is_for("null")).then(|| dice.pick(&asked.values));
    let Some(said) = said else { return other(dice, all) };
    if is_for("bool") {
        other(dice, all)
    } else if is_for("numeric") {
        let number: f64 = said.parse().unwrap_or(1.0);
        (number + dice.pick(&[-1.0, -0.5, 0.0, 0.0, 0.5, 1.0])).to_string()
    } else if is_for("date") {
        if dice.one_in(2) { said.clone() } else { other(dice, all) }
    } else if is_for("ipaddress") {
        address(dice, said)
    } else {
        let text = spelled(dice, said, context);
        let text = match dice.below(8) {
            0 => other(dice, all),
            1 => missed(dice, text),
            _ => text,
        };
        if text.starts_with("arn:") { whole(text) } else { text }
    }
}

/// Some value for a key, of the sort that is asked for.
fn other(dice: &mut Dice, all: &[Asked]) -> String {
    let is_for = |word: &str| all.iter().any(|asked| asked.operator.contains(word));
    let values: &[&str] = if is_for("arn") {
        ARNS.1
    } else if is_for("numeric") {
        NUMBERS.1
    } else if is_for("date") {
        DATES.1
    } else if is_for("ipaddress") {
        ADDRESSES.1
    } else if is_for("bool") {
        TRUTHS.1
    } else {
        &["other"]
    };
    (*dice.pick(values)).to_owned()
}

/// The first or last address of a network, or the one before or after.
fn address(dice: &mut Dice, said: &str) -> String {
    let net = said.parse::<IpNet>().or_else(|_| said.parse::<IpAddr>().map(IpNet::from));
    let Ok(net) = net else { return (*dice.pick(&["203.0.113.7", "2001:db8::1"])).to_owned() };
    let moved = |address: IpAddr, by: i8| match address {
        IpAddr::V4(four) => IpAddr::from(u32::from(four).wrapping_add_signed(by.into()).to_be_bytes()),
        IpAddr::V6(six) => IpAddr::from(u128::from(six).wrapping_add_signed(by.into()).to_be_bytes()),
    };
    let (first, last) = (net.network(), net.broadcast());
    dice.pick(&[first, last, moved(first, -1), moved(last, 1)]).to_string()
}

/// A text that a pattern just misses.
fn missed(dice: &mut Dice, mut text: String) -> String {
    match dice.below(3) {
        0 => text.push('x'),
        1 => drop(text.pop()),
        _ => {
            let last = text.pop();
            text.extend(last.map(|letter| {
                if letter.is_ascii_lowercase() { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() }
            }));
        }
    }
    text
}

/// A text that a pattern may match: wildcards spelled out, variables filled in.
fn spelled(dice: &mut Dice, pattern: &str, context: &BTreeMap<String, ContextValue>) -> String {
    let (mut text, mut rest) = (String::new(), pattern);
    while let Some(letter) = rest.chars().next() {
        if let Some((variable, after)) = rest.strip_prefix("${").and_then(|inside| inside.split_once('}')) {
            text.push_str(&filled(variable, context));
            rest = after;
            continue;
        }
        match letter {
            // An action has no slash.
            '*' if pattern.starts_with("arn:") => text.push_str(dice.pick::<&str>(&["", "x", "Role", "x/y"])),
            '*' => text.push_str(dice.pick::<&str>(&["", "x", "Role"])),
            '?' => text.push('1'),
            other => text.push(other),
        }
        rest = &rest[letter.len_utf8()..];
    }
    text
}

/// What stands for a variable: the value of its key, or what the policy gives it.
fn filled(variable: &str, context: &BTreeMap<String, ContextValue>) -> String {
    let (name, otherwise) = variable.split_once(',').unwrap_or((variable, ""));
    let known = context.get(&name.trim().to_lowercase()).and_then(ContextValue::known).and_then(<[String]>::first);
    match (name, known) {
        ("*" | "?" | "$", _) => name.to_owned(),
        (_, Some(value)) => value.clone(),
        (_, None) => otherwise.trim().trim_matches('\'').to_owned(),
    }
}
