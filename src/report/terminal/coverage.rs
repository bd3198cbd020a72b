//! What was read and what was not, for people.
//!
//! In: coverage rows. Out: lines of the page: what is missing first and in full, then what was left out and what was read,
//! in numbers. JSON has every row.

use std::collections::{BTreeMap, BTreeSet};

use super::page::Page;
use crate::estate::{CoverageRow, CoverageStatus, Scope};
use crate::report::Report;

/// How many names stand in a line before "and n more".
const SHOWN: usize = 4;

#[derive(Default)]
struct Group<'a> {
    sources: BTreeSet<&'a str>,
    regions: BTreeSet<&'a str>,
    accounts: BTreeSet<&'a str>,
    rows: usize,
}

impl<'a> Group<'a> {
    fn add(&mut self, row: &'a CoverageRow) {
        self.sources.insert(&row.source);
        self.regions.extend(row.scope.region.as_deref());
        self.accounts.extend(row.scope.account.as_deref());
        self.rows += 1;
    }
}

pub(super) fn write(page: &mut Page, report: &Report) {
    let rows = &report.coverage;
    for status in [CoverageStatus::Denied, CoverageStatus::Throttled, CoverageStatus::Failed] {
        missing(page, rows, status);
    }
    for status in [CoverageStatus::Skipped, CoverageStatus::Unsupported] {
        left_out(page, rows, status);
    }
    let mut read = Group::default();
    rows.iter().filter(|row| row.status == CoverageStatus::Evaluated).for_each(|row| read.add(row));
    let calls = report.summary.coverage.reads;
    let text = format!(
        "{} of {} in {}; {} made",
        count(read.rows, "read"),
        count(read.sources.len(), "source"),
        count(read.accounts.len(), "account"),
        count(usize::try_from(calls).unwrap_or(usize::MAX), "call")
    );
    page.entry(0, CoverageStatus::Evaluated.as_str(), &text);
}

/// What could not be read: every account, region and reason, with the sources behind it.
fn missing(page: &mut Page, rows: &[CoverageRow], status: CoverageStatus) {
    let mut groups: BTreeMap<(Option<&str>, &str), Group<'_>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.status == status) {
        groups.entry((row.scope.account.as_deref(), reason(row))).or_default().add(row);
    }
    for ((account, reason), group) in groups {
        let place = place(account, rows, &group);
        let sources = some(&group.sources, "source");
        page.entry(0, status.as_str(), &format!("{place}: {reason}"));
        page.entry(0, "", &sources);
    }
}

/// `account 444444444444 in 3 regions (eu-west-1, us-east-1, us-west-2)`
fn place(account: Option<&str>, rows: &[CoverageRow], group: &Group<'_>) -> String {
    let organization = rows.iter().find_map(|row| match &row.scope {
        Scope { organization: Some(id), .. } => Some(id.as_str()),
        _ => None,
    });
    let whose = match (account, organization) {
        (Some(account), _) => format!("account {account}"),
        (None, Some(organization)) => format!("organisation {organization}"),
        (None, None) => "the estate".to_owned(),
    };
    if group.regions.is_empty() { whose } else { format!("{whose} in {}", some(&group.regions, "region")) }
}

/// What was not to be read, in numbers.
fn left_out(page: &mut Page, rows: &[CoverageRow], status: CoverageStatus) {
    let mut groups: BTreeMap<&str, Group<'_>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.status == status) {
        groups.entry(reason(row)).or_default().add(row);
    }
    for (reason, group) in groups {
        let accounts =
            if group.accounts.is_empty() { String::new() } else { format!(", {}", some(&group.accounts, "account")) };
        let text = format!("{reason}: {}{accounts}", some(&group.sources, "source"));
        page.entry(0, word(status), &text);
    }
}

/// The longest word leaves no room behind a label.
const fn word(status: CoverageStatus) -> &'static str {
    match status {
        CoverageStatus::Unsupported => "not there",
        other => other.as_str(),
    }
}

fn reason(row: &CoverageRow) -> &str {
    row.reason.as_deref().unwrap_or("no reason given")
}

/// All names where they are few, else how many there are and the first of them.
fn some(names: &BTreeSet<&str>, what: &str) -> String {
    let first: Vec<&str> = names.iter().copied().take(SHOWN).collect();
    if names.len() <= SHOWN {
        return first.join(", ");
    }
    format!("{} ({}, …)", count(names.len(), what), first.join(", "))
}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
