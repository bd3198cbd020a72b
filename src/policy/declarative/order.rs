//! Whether what holds for an account restricts less than before. In come two sides with their inheritance resolved; out come
//! the settings that differ, each with its direction and why. The orders are data (`policies/aws/declarative-orders.yaml`);
//! what has none there is unknown.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::criteria;
use super::inherit::{Effective, same};
use super::{Attribute, CONTROL, Operator, Path};
use crate::baseline::diagnostic::visible;
use crate::policy::decide::Verdict;

/// The order of one attribute; what its fields mean is said in the file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Order {
    path: String,
    strictest_first: Vec<String>,
    lower_is_stricter: bool,
    gives_up: Vec<String>,
    unset: Option<String>,
    falls_back_to: Option<String>,
    criteria: bool,
    says_nothing: bool,
}

static ORDERS: LazyLock<Vec<Order>> = LazyLock::new(|| {
    let text = include_str!("../../../policies/aws/declarative-orders.yaml");
    #[allow(clippy::expect_used, reason = "part of the program, and read by its tests")]
    serde_yaml::from_str(text).expect("the orders can be read")
});

impl Order {
    fn steps(&self) -> Vec<&str> {
        self.path.split('.').collect()
    }

    fn is_of(&self, path: &Path) -> bool {
        let steps = self.steps();
        let fits = |(step, own): (&&str, &String)| *step == "*" || *step == own;
        let long_enough = if self.criteria { path.0.len() >= steps.len() } else { path.0.len() == steps.len() };
        long_enough && steps.iter().zip(&path.0).all(fits)
    }

    /// What holds at a place: what is set there, else what it falls back to, else what holds where nothing is set.
    fn value(&self, path: &Path, side: &Effective) -> Option<Value> {
        let fallback = || {
            let path = Path(self.falls_back_to.as_ref()?.split('.').map(ToOwned::to_owned).collect());
            side.values.get(&path).cloned()
        };
        let unset = || self.unset.as_ref().map(|word| Value::String(word.clone()));
        side.values.get(path).cloned().or_else(fallback).or_else(unset)
    }

    fn rank(&self, value: &Value) -> Option<f64> {
        if self.lower_is_stricter {
            // Below zero stands for "no preference".
            return number(value).map(|number| if number < 0.0 { f64::INFINITY } else { number });
        }
        let word = value.as_str()?;
        let at = self.strictest_first.iter().position(|known| known == word)?;
        Some(f64::from(u32::try_from(at).unwrap_or(u32::MAX)))
    }
}

/// A number, which may be written as text.
pub(super) fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok()).filter(|number| number.is_finite())
}

/// A direction, why, and the sort of weakening.
type Judged = (Verdict, String, Option<&'static str>);

/// Everything that differs, in the order of the paths.
#[must_use]
pub fn differences(old: &Effective, new: &Effective) -> Vec<Attribute> {
    let mut found = Vec::new();
    let open: BTreeSet<&Path> = old.open.keys().chain(new.open.keys()).collect();
    let paths: BTreeSet<&Path> = old.values.keys().chain(new.values.keys()).chain(open.iter().copied()).collect();
    let mut groups = BTreeSet::new();
    for path in paths {
        let order = ORDERS.iter().find(|order| order.is_of(path));
        if order.is_some_and(|order| order.says_nothing) {
            continue;
        }
        if let Some(why) = old.open.get(path).or_else(|| new.open.get(path)) {
            found.push(attribute(
                path,
                old.values.get(path),
                new.values.get(path),
                (Verdict::Unknown, why.clone(), None),
            ));
            continue;
        }
        match order {
            Some(order) if order.criteria => {
                groups.insert(&order.path);
            }
            Some(order) => found.extend(ordered(order, path, old, new)),
            None => {
                let (old, new) = (old.values.get(path), new.values.get(path));
                if !same(old, new) {
                    found.push(attribute(path, old, new, unordered()));
                }
            }
        }
    }
    let orders = ORDERS.iter().filter(|order| groups.contains(&order.path));
    found.extend(orders.filter_map(|order| sets(order, old, new)));
    found.extend(delegated(old, new));
    found.sort_by(|one, two| one.path.cmp(&two.path));
    found
}

fn attribute(
    path: &Path,
    old: Option<&Value>,
    new: Option<&Value>,
    (direction, reason, category): Judged,
) -> Attribute {
    Attribute {
        path: path.to_string(),
        old: old.cloned().unwrap_or_default(),
        new: new.cloned().unwrap_or_default(),
        direction,
        reason,
        category: category.map(ToOwned::to_owned),
    }
}

fn unordered() -> Judged {
    (Verdict::Unknown, "it is not known which of its values is stricter".to_owned(), None)
}

fn ordered(order: &Order, path: &Path, old: &Effective, new: &Effective) -> Option<Attribute> {
    let (before, after) = (order.value(path, old), order.value(path, new));
    if same(before.as_ref(), after.as_ref()) {
        return None;
    }
    let judged = match (&before, &after) {
        (Some(_), None) => {
            let reason = "it is no longer set, so that the account may choose";
            (Verdict::Weaker, reason.to_owned(), Some("attribute-unset"))
        }
        (None, Some(value)) => newly(order, value),
        (Some(before), Some(after)) => moved(order, before, after),
        (None, None) => return None,
    };
    Some(attribute(path, old.values.get(path), new.values.get(path), judged))
}

fn newly(order: &Order, value: &Value) -> Judged {
    if order.rank(value).is_none() {
        return unordered();
    }
    if value.as_str().is_some_and(|word| order.gives_up.iter().any(|known| known == word)) {
        let reason = format!("{} is laid down where an account could have chosen more", shown(value));
        return (Verdict::Mixed, reason, Some("attribute-relaxed"));
    }
    (Verdict::Stricter, "it is set now, so that the account may not choose".to_owned(), None)
}

fn moved(order: &Order, before: &Value, after: &Value) -> Judged {
    let (Some(old), Some(new)) = (order.rank(before), order.rank(after)) else {
        return unordered();
    };
    let said = |word: &str| format!("{} restricts {word} than {}", shown(after), shown(before));
    if new > old {
        (Verdict::Weaker, said("less"), Some("attribute-relaxed"))
    } else if new < old {
        (Verdict::Stricter, said("more"), None)
    } else {
        (Verdict::Equivalent, format!("{} says the same as {}", shown(after), shown(before)), None)
    }
}

fn shown(value: &Value) -> String {
    let short: String = value.to_string().chars().take(80).collect();
    format!("`{}`", visible(short.trim_matches('"')))
}

/// Sets of conditions of which one is enough: fewer conditions and more values let more through.
fn sets(order: &Order, old: &Effective, new: &Effective) -> Option<Attribute> {
    let steps = order.steps();
    let of = |side: &'_ Effective| -> BTreeMap<Path, Value> {
        let inside = side.values.iter().filter(|(path, _)| order.is_of(path));
        inside.map(|(path, value)| (path.clone(), value.clone())).collect()
    };
    let (before, after) = (of(old), of(new));
    let [wide, narrow] = [&after, &before].map(|values| criteria::of(values.iter(), steps.len()));
    let path = Path(steps.iter().map(|step| (*step).to_owned()).collect());
    let judged: Judged = match (before.is_empty(), after.is_empty()) {
        (true, true) => return None,
        (false, true) => (Verdict::Weaker, "no criterion is left".to_owned(), Some("attribute-unset")),
        (true, false) => (Verdict::Stricter, "there are criteria now".to_owned(), None),
        (false, false) => match (criteria::covers(&narrow, &wide), criteria::covers(&wide, &narrow)) {
            (Some(true), Some(true)) => return None,
            (Some(true), Some(false)) => (Verdict::Stricter, "fewer images fit the criteria".to_owned(), None),
            (Some(false), Some(false)) => {
                let reason = "some images fit the criteria that did not, and others no longer do";
                (Verdict::Mixed, reason.to_owned(), Some("criteria-widened"))
            }
            (Some(false), _) => (Verdict::Weaker, "more images fit the criteria".to_owned(), Some("criteria-widened")),
            _ => (Verdict::Unknown, "it is not known which images fit the criteria".to_owned(), None),
        },
    };
    let [old, new] = [narrow, wide].map(|criteria| {
        let one = |criterion: &BTreeMap<String, &Value>| -> Value {
            criterion.iter().map(|(name, value)| (name.clone(), (*value).clone())).collect::<Map<_, _>>().into()
        };
        Value::Object(criteria.iter().map(|(name, criterion)| (name.clone(), one(criterion))).collect())
    });
    Some(attribute(&path, Some(&old), Some(&new), judged))
}

/// What lower levels may do: more is weaker.
fn delegated(old: &Effective, new: &Effective) -> Vec<Attribute> {
    let mut found = Vec::new();
    let paths: BTreeSet<&Path> = old.allowed.keys().chain(new.allowed.keys()).collect();
    for path in paths {
        // A setting that came or went as a whole is said by itself.
        if old.values.contains_key(path) != new.values.contains_key(path) {
            continue;
        }
        let allowed =
            |side: &Effective| side.allowed.get(path).cloned().unwrap_or_else(|| BTreeSet::from(Operator::ALL));
        let (before, after) = (allowed(old), allowed(new));
        let more = !after.is_subset(&before);
        let judged: Judged = match (more, before.is_subset(&after)) {
            (false, true) => continue,
            (true, keeps) => {
                let verdict = if keeps { Verdict::Weaker } else { Verdict::Mixed };
                (verdict, "lower levels may do more to it".to_owned(), Some("child-operators-opened"))
            }
            (false, false) => (Verdict::Stricter, "lower levels may do less to it".to_owned(), None),
        };
        let words = |allowed: &BTreeSet<Operator>| json!(allowed.iter().map(|one| one.word()).collect::<Vec<_>>());
        found.push(attribute(&path.below(CONTROL), Some(&words(&before)), Some(&words(&after)), judged));
    }
    found
}
