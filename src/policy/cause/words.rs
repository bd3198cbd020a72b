//! What a statement does, as part of a sentence. In comes a statement; out come words such as `ec2:RunInstances outside
//! eu-west-1`. Long lists and long names are cut; nothing is escaped, which is up to who shows it.

use crate::policy::document::{Clause, Condition, Operator, Order, PrincipalClause, Quantifier, Statement};

/// How many entries of a list are told before the rest is counted.
const ENTRIES: usize = 3;
/// How many letters of a name are told.
const LETTERS: usize = 120;
/// How many conditions are told.
const CONDITIONS: usize = 3;

/// What a condition key is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum About {
    /// The region of the request.
    Region,
    /// Who makes it.
    Principal,
    /// Where it comes from.
    Network,
    /// To which organisation or account who makes it, or what it is made to, belongs.
    Organisation,
    /// Something else.
    Other,
}

/// What a key, in lower case, is about.
pub(super) fn about(key: &str) -> About {
    match key {
        "aws:requestedregion" => About::Region,
        "aws:principalarn"
        | "aws:principaltype"
        | "aws:principalservicename"
        | "aws:principalservicenameslist"
        | "aws:principalisawsservice"
        | "aws:viaawsservice"
        | "aws:calledvia"
        | "aws:calledviafirst"
        | "aws:calledvialast"
        | "aws:userid"
        | "aws:username" => About::Principal,
        "aws:sourceip" | "aws:vpcsourceip" | "aws:sourcevpc" | "aws:sourcevpcarn" | "aws:sourcevpce"
        | "aws:vpceaccount" | "aws:vpceorgid" | "aws:vpceorgpaths" => About::Network,
        "aws:principalorgid"
        | "aws:principalorgpaths"
        | "aws:principalaccount"
        | "aws:resourceorgid"
        | "aws:resourceorgpaths"
        | "aws:resourceaccount"
        | "aws:sourceorgid"
        | "aws:sourceorgpaths"
        | "aws:sourceaccount" => About::Organisation,
        key if key.starts_with("aws:principaltag/") => About::Principal,
        _ => About::Other,
    }
}

/// A name, cut where it is long.
pub(super) fn cut(text: &str) -> String {
    match text.char_indices().nth(LETTERS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text)),
        None => text.to_owned(),
    }
}

/// `a`, `a and b`, `a, b and 12 more`.
pub(super) fn list<T: AsRef<str>>(entries: &[T]) -> String {
    joined(entries, "and")
}

fn joined<T: AsRef<str>>(entries: &[T], word: &str) -> String {
    let shown = if entries.len() > ENTRIES + 1 { ENTRIES } else { entries.len() };
    let mut told: Vec<String> = entries.iter().take(shown).map(|entry| cut(entry.as_ref())).collect();
    let last = match entries.len() - shown {
        0 => told.pop(),
        more => Some(format!("{more} more")),
    };
    match (told.is_empty(), last) {
        (_, None) => "nothing".to_owned(),
        (true, Some(last)) => last,
        (false, Some(last)) => format!("{} {word} {last}", told.join(", ")),
    }
}

/// A role or user as people name it; anything else as it is written.
pub(super) fn who(name: &str) -> String {
    let parts: Vec<&str> = name.splitn(6, ':').collect();
    let named = match parts.as_slice() {
        ["*"] => Some("everyone".to_owned()),
        ["arn", _, "iam" | "sts", "" | "*", account, rest] => match rest.split_once('/') {
            Some((sort @ ("role" | "user" | "assumed-role"), name)) => {
                let sort = sort.strip_prefix("assumed-").unwrap_or(sort);
                Some(match *account {
                    "*" | "" => format!("{sort} {name}"),
                    account => format!("{sort} {name} of account {account}"),
                })
            }
            None if *rest == "root" => Some(format!("account {account}")),
            _ => None,
        },
        _ => None,
    };
    cut(&named.unwrap_or_else(|| name.to_owned()))
}

/// Several of them.
pub(super) fn people<T: AsRef<str>>(names: &[T]) -> String {
    list(&names.iter().map(|name| who(name.as_ref())).collect::<Vec<_>>())
}

/// The actions, and all that narrows them.
pub(super) fn what(statement: &Statement) -> String {
    format!("{}{}", actions(statement), tail(statement, None))
}

/// The same without what is said about something.
pub(super) fn what_but(statement: &Statement, without: About) -> String {
    format!("{}{}", actions(statement), tail(statement, Some(without)))
}

/// The actions alone.
pub(super) fn actions(statement: &Statement) -> String {
    clauses(&statement.actions, "everything")
}

/// The resources, principals and conditions, each with its preposition.
pub(super) fn tail(statement: &Statement, without: Option<About>) -> String {
    let mut words = String::new();
    let every = |clause: &Clause| !clause.negated && clause.patterns.iter().any(|pattern| pattern == "*");
    if !statement.resources.iter().all(every) {
        words.push_str(&format!(" on {}", clauses(&statement.resources, "everything")));
    }
    if without != Some(About::Principal) {
        statement.principals.iter().for_each(|clause| words.push_str(&principals(clause)));
    }
    let conditions: Vec<&Condition> =
        statement.conditions.iter().filter(|one| Some(about(&one.key)) != without).collect();
    for (index, condition) in conditions.iter().take(CONDITIONS).enumerate() {
        let phrase = phrase(condition);
        let is_clause = phrase.starts_with(" where ");
        let before = conditions.get(..index).unwrap_or(&[]).iter().any(|one| self::phrase(one).starts_with(" where "));
        words.push_str(&if is_clause && before { phrase.replacen(" where ", " and ", 1) } else { phrase });
    }
    match conditions.len().saturating_sub(CONDITIONS) {
        0 => {}
        1 => words.push_str(" and under one more condition"),
        more => words.push_str(&format!(" and under {more} more conditions")),
    }
    words
}

fn clauses(clauses: &[Clause], every: &str) -> String {
    let one = |clause: &Clause| match (clause.negated, clause.patterns.iter().any(|pattern| pattern == "*")) {
        (true, _) if clause.patterns.is_empty() => every.to_owned(),
        (true, _) => format!("{every} but {}", list(&clause.patterns)),
        (false, true) => every.to_owned(),
        (false, false) => list(&clause.patterns),
    };
    let told: Vec<String> = clauses.iter().map(one).collect();
    if told.is_empty() { every.to_owned() } else { told.join(" and ") }
}

fn principals(clause: &PrincipalClause) -> String {
    let names: Vec<&str> = clause.principals.iter().map(|one| one.name.as_str()).collect();
    match (clause.negated, names.contains(&"*")) {
        (true, _) => format!(" by anyone but {}", people(&names)),
        (false, true) => String::new(),
        (false, false) => format!(" by {}", people(&names)),
    }
}

/// ` outside eu-west-1`, ` by anyone but role Admin`, ` where aws:SourceIp is not in 10.0.0.0/8`.
fn phrase(condition: &Condition) -> String {
    let plain = condition.quantifier.is_none() && !matches!(condition.operator, Operator::Null | Operator::Unknown(_));
    let negated = condition.operator.is_negated();
    match about(&condition.key) {
        About::Region if plain => {
            let word = if negated { "outside" } else { "in" };
            format!(" {word} {}", joined(&condition.values, "and"))
        }
        About::Principal if plain && condition.key == "aws:principalarn" => {
            let word = if negated { "by anyone but" } else { "by" };
            format!(" {word} {}", people(&condition.values))
        }
        _ => format!(" where {}", clause(condition)),
    }
}

/// `aws:SourceIp is not in 10.0.0.0/8`
pub(super) fn clause(condition: &Condition) -> String {
    let key = match condition.quantifier {
        None => cut(&condition.written),
        Some(Quantifier::ForAllValues) => format!("each {}", cut(&condition.written)),
        Some(Quantifier::ForAnyValue) => format!("some {}", cut(&condition.written)),
    };
    let values = joined(&condition.values, "or");
    let said = match &condition.operator {
        Operator::StringEquals { negated }
        | Operator::StringEqualsIgnoreCase { negated }
        | Operator::StringLike { negated }
        | Operator::Arn { negated } => format!("{key} is {}{values}", not(*negated)),
        Operator::IpAddress { negated } => format!("{key} is {}in {values}", not(*negated)),
        Operator::Numeric(order) => format!("{key} is {}{values}", number(*order)),
        Operator::Date(order) => format!("{key} is {}{values}", moment(*order)),
        Operator::Bool | Operator::BinaryEquals => format!("{key} is {values}"),
        Operator::Null => match condition.values.as_slice() {
            [value] if value.eq_ignore_ascii_case("true") => format!("{key} is missing"),
            [value] if value.eq_ignore_ascii_case("false") => format!("{key} is there"),
            _ => format!("{key} is null: {values}"),
        },
        Operator::Unknown(word) => format!("{key} {} {values}", cut(word)),
    };
    let or_missing = condition.if_exists && !condition.operator.is_negated();
    if or_missing { format!("{said} or missing") } else { said }
}

fn not(negated: bool) -> &'static str {
    if negated { "not " } else { "" }
}

fn number(order: Order) -> &'static str {
    match order {
        Order::Equals => "",
        Order::NotEquals => "not ",
        Order::LessThan => "less than ",
        Order::LessThanEquals => "at most ",
        Order::GreaterThan => "more than ",
        Order::GreaterThanEquals => "at least ",
    }
}

fn moment(order: Order) -> &'static str {
    match order {
        Order::Equals => "",
        Order::NotEquals => "not ",
        Order::LessThan => "before ",
        Order::LessThanEquals => "not after ",
        Order::GreaterThan => "after ",
        Order::GreaterThanEquals => "not before ",
    }
}

/// An operator as a policy writes it.
pub(super) fn operator(condition: &Condition) -> String {
    let prefix = match condition.quantifier {
        None => "",
        Some(Quantifier::ForAllValues) => "ForAllValues:",
        Some(Quantifier::ForAnyValue) => "ForAnyValue:",
    };
    let not = |negated: bool, before: &str, after: &str| format!("{before}{}{after}", if negated { "Not" } else { "" });
    let word = match &condition.operator {
        Operator::StringEquals { negated } => not(*negated, "String", "Equals"),
        Operator::StringEqualsIgnoreCase { negated } => not(*negated, "String", "EqualsIgnoreCase"),
        Operator::StringLike { negated } => not(*negated, "String", "Like"),
        Operator::Arn { negated } => not(*negated, "Arn", "Like"),
        Operator::IpAddress { negated } => format!("{}IpAddress", if *negated { "Not" } else { "" }),
        Operator::Numeric(order) => format!("Numeric{order:?}"),
        Operator::Date(order) => format!("Date{order:?}"),
        Operator::Bool => "Bool".to_owned(),
        Operator::BinaryEquals => "BinaryEquals".to_owned(),
        Operator::Null => "Null".to_owned(),
        Operator::Unknown(word) => cut(word),
    };
    format!("{prefix}{word}{}", if condition.if_exists { "IfExists" } else { "" })
}
