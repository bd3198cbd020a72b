//! How severe it is that a guardrail is weaker: `policies/aws/weakening-severity.yaml`.
//!
//! In: what a difference comes to for guardrails, and the shipped table. Out: a severity; none where no row speaks of it.
//! What is not known counts as the worst it can be, and so never makes a finding less severe.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::baseline::model::Severity;
use crate::compare::{Guardrail, Reach};
use crate::policy::decide::{Extent, place_of};

/// One row of the table: every key that is given has to hold.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    severity: Severity,
    level_at_least: Option<String>,
    principals: Option<Breadth>,
    regions: Option<Breadth>,
    reach: Option<Vec<Reach>>,
    accounts_at_least: Option<usize>,
}

/// For how many something holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Breadth {
    /// For everybody, or all but some.
    Any,
    /// For those that are named.
    Named,
}

static TABLE: LazyLock<Vec<Row>> =
    LazyLock::new(|| match serde_yaml::from_str(include_str!("../../policies/aws/weakening-severity.yaml")) {
        Ok(table) => table,
        Err(error) => {
            unreachable!("`policies/aws/weakening-severity.yaml` is part of the program and does not parse: {error}")
        }
    });

/// How severe it is; none where no row speaks of it.
pub(super) fn severity(guardrail: &Guardrail) -> Option<Severity> {
    let size = Size::of(guardrail);
    TABLE.iter().find(|row| row.holds(&size)).map(|row| row.severity)
}

/// How much weaker, what is not known taken as the worst.
struct Size {
    level: usize,
    principals: Breadth,
    regions: Breadth,
    reach: Reach,
    accounts: usize,
}

impl Size {
    fn of(guardrail: &Guardrail) -> Self {
        let extent = guardrail.extent.as_ref().filter(|extent| extent.complete);
        Self {
            level: extent.and_then(Extent::highest).unwrap_or(usize::MAX),
            principals: breadth(extent.and_then(|extent| extent.principals.as_deref())),
            regions: breadth(extent.and_then(|extent| extent.regions.as_deref())),
            reach: guardrail.reach.unwrap_or(Reach::Root),
            accounts: guardrail.accounts.len(),
        }
    }
}

/// A list of names is one of few only where it holds nothing that stands for all the others.
fn breadth(names: Option<&[String]>) -> Breadth {
    match names {
        Some(names) if !names.is_empty() && !names.iter().any(|name| name == "any other" || name == "*") => {
            Breadth::Named
        }
        _ => Breadth::Any,
    }
}

impl Row {
    fn holds(&self, size: &Size) -> bool {
        self.level_at_least.as_ref().is_none_or(|level| size.level >= place_of(level))
            && self.principals.is_none_or(|breadth| breadth == size.principals)
            && self.regions.is_none_or(|breadth| breadth == size.regions)
            && self.reach.as_ref().is_none_or(|reaches| reaches.contains(&size.reach))
            && self.accounts_at_least.is_none_or(|least| size.accounts >= least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(level: &str, principals: Option<&[&str]>, regions: Option<&[&str]>) -> Option<Extent> {
        let names = |names: Option<&[&str]>| names.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        Some(Extent {
            actions: 1,
            by_level: [(level.to_owned(), 1)].into(),
            principals: names(principals),
            regions: names(regions),
            complete: true,
            ..Extent::default()
        })
    }

    fn guardrail(extent: Option<Extent>, reach: Option<Reach>, accounts: usize) -> Guardrail {
        let accounts = (0..accounts).map(|number| format!("{number:012}")).collect();
        Guardrail { extent, reach, accounts, ..Guardrail::default() }
    }

    /// The place of the row that decides.
    fn row(guardrail: &Guardrail) -> Option<usize> {
        let size = Size::of(guardrail);
        TABLE.iter().position(|row| row.holds(&size))
    }

    #[test]
    fn each_row_decides_something() {
        let (some, here) = (Some(&["arn:aws:iam::*:role/Admin"][..]), Some(&["eu-south-2"][..]));
        let cases = [
            (extent("Write", None, None), Reach::Root, 1, Severity::Critical),
            (extent("Permissions management", None, None), Reach::Unit, 50, Severity::Critical),
            (extent("Write", None, here), Reach::Account, 1, Severity::Medium),
            (extent("Write", None, here), Reach::Root, 500, Severity::High),
            (extent("Write", some, None), Reach::Root, 1, Severity::High),
            (extent("Write", some, None), Reach::Unit, 50, Severity::High),
            (extent("Write", some, None), Reach::Unit, 49, Severity::Medium),
            (extent("Read", None, None), Reach::Root, 500, Severity::Medium),
            (extent("Tagging", some, here), Reach::Root, 500, Severity::Low),
        ];
        assert_eq!(cases.len(), TABLE.len());
        for (place, (extent, reach, accounts, wanted)) in cases.into_iter().enumerate() {
            let guardrail = guardrail(extent, Some(reach), accounts);
            assert_eq!((row(&guardrail), severity(&guardrail)), (Some(place), Some(wanted)), "row {place}");
        }
    }

    #[test]
    fn what_is_not_known_is_the_worst_it_can_be() {
        let some = Some(&["arn:aws:iam::*:role/Admin"][..]);
        let low = guardrail(extent("Read", some, None), Some(Reach::Account), 1);
        assert_eq!(severity(&low), Some(Severity::Low));
        let unseen = |change: &dyn Fn(&mut Extent)| {
            let mut guardrail = low.clone();
            guardrail.extent.iter_mut().for_each(change);
            severity(&guardrail)
        };
        assert_eq!(unseen(&|extent| extent.complete = false), Some(Severity::High));
        assert_eq!(unseen(&|extent| extent.by_level.clear()), Some(Severity::Medium), "no known action");
        assert_eq!(unseen(&|extent| extent.by_level = [("Ruling".to_owned(), 1)].into()), Some(Severity::Medium));
        let all_but_some = || Some(vec!["arn:aws:iam::*:role/Admin".to_owned(), "any other".to_owned()]);
        assert_eq!(unseen(&|extent| extent.principals = all_but_some()), Some(Severity::Medium));
        assert_eq!(severity(&Guardrail { extent: None, ..low.clone() }), Some(Severity::High));
        assert_eq!(severity(&Guardrail { extent: None, reach: None, ..low }), Some(Severity::Critical));
    }
}
