//! What a weaker guardrail comes to, for people. In: a finding. Out: lines: requests that get through, how much that is, and
//! why. It keeps to few; JSON has everything.

use super::page::Page;
use crate::finding::Finding;
use crate::policy::decide::Extent;

/// How many causes are told in a report.
const CAUSES: usize = 3;
/// How many regions or principals are named.
const NAMED: usize = 5;
/// How many accounts and units are named where one finding is explained.
const LISTED: usize = 20;
/// How many of the newly allowed actions are.
const EXAMPLES: usize = 8;

/// In a report.
pub(super) fn write(page: &mut Page, finding: &Finding) {
    effects(page, finding, CAUSES);
}

/// Where one finding is explained.
pub(super) fn explain(page: &mut Page, finding: &Finding) {
    effects(page, finding, usize::MAX);
    if let Some(extent) = &finding.extent
        && !extent.examples.is_empty()
    {
        page.entry(2, "such as", &few(&extent.examples, EXAMPLES));
    }
    if finding.stacks == 0 {
        return;
    }
    page.entry(2, "accounts", &few(finding.accounts.iter(), LISTED));
    if !finding.units.is_empty() {
        page.entry(2, "units", &few(finding.units.iter(), LISTED));
    }
    let stacks = match finding.stacks {
        1 => "one stack of policies binds these accounts".to_owned(),
        count => format!("{count} distinct stacks of policies bind these accounts"),
    };
    page.entry(2, "stacks", &stacks);
    let unbound = "the management account and service-linked roles, whatever the policies say";
    page.entry(2, "not bound", unbound);
}

fn effects(page: &mut Page, finding: &Finding, causes: usize) {
    for witness in &finding.witnesses {
        page.entry(2, "witness", &witness.request.to_string());
    }
    if let Some(extent) = &finding.extent {
        page.entry(2, "extent", &extent_in_words(extent));
    }
    for cause in finding.causes.iter().take(causes) {
        let statement = cause.statement.as_ref().map(|said| format!(" ({said})")).unwrap_or_default();
        page.entry(2, "cause", &format!("{}: {}{statement}", cause.category, cause.sentence));
    }
    if let Some(more) = finding.causes.len().checked_sub(causes).filter(|more| *more > 0) {
        page.entry(2, "", &format!("and {more} more"));
    }
    if let Some(why) = &finding.causes_incomplete {
        page.entry(2, "cause", why);
    }
}

/// `300 known actions (Write 200, …) of 12 services, in eu-south-2, for arn:…`
fn extent_in_words(extent: &Extent) -> String {
    let mut said = if extent.actions == 0 {
        "no action that is known, but the catalogue may lag".to_owned()
    } else {
        let levels: Vec<String> = extent.by_level.iter().map(|(level, count)| format!("{level} {count}")).collect();
        let count = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        let (actions, services) = (count(extent.actions, "known action"), count(extent.by_service.len(), "service"));
        format!("{actions} ({}) of {services}", levels.join(", "))
    };
    if let Some(regions) = &extent.regions {
        said.push_str(&format!(", in {}", few(regions, NAMED)));
    }
    if let Some(principals) = &extent.principals {
        said.push_str(&format!(", for {}", few(principals, NAMED)));
    }
    if !extent.complete {
        said.push_str("; there is more, which was not looked at");
    }
    said
}

/// The first of some names, and how many more there are.
fn few<'n>(names: impl IntoIterator<Item = &'n String>, most: usize) -> String {
    let names: Vec<&str> = names.into_iter().map(String::as_str).collect();
    let named = names.iter().take(most).copied().collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(most) {
        None | Some(0) => named,
        Some(more) => format!("{named} and {more} more"),
    }
}
