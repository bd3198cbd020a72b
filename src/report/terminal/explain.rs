//! Everything about one finding, for people.
//!
//! In: a finding, the lines of the baseline around its place, and the steps that undo it. Out: text. Commands stand on a
//! line of their own, unbroken, so that they can be copied. It never lets a control character through.

use serde_json::Value;

use super::page::{Page, Tone};
use super::{TerminalOptions, guardrail, tone, verdicts, who};
use crate::finding::{Finding, Step, meaning, plain};

/// What is known of the baseline line that a finding is held against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Context {
    /// The lines around it, each with its number.
    Lines(Vec<(usize, String)>),
    /// Why they cannot be shown, or may be others by now.
    Gone(String),
    /// The baseline says nothing of it.
    Nowhere,
}

/// A finding, explained.
#[derive(Clone, Copy, Debug)]
pub struct Explanation<'a> {
    /// The finding.
    pub finding: &'a Finding,
    /// Its baseline line in its context.
    pub context: &'a Context,
    /// A word on how far the lines can be trusted.
    pub remark: Option<&'a str>,
    /// What a person can do.
    pub steps: &'a [Step],
}

/// The explanation as text.
#[must_use]
pub fn explain(explanation: &Explanation<'_>, options: &TerminalOptions) -> String {
    let finding = explanation.finding;
    let mut page = Page::new(options);
    let tag = format!("[{}, {}] {}", finding.severity, finding.status.as_str(), finding.rule);
    page.headline(&tag, &finding.title, tone(finding.severity));
    what(&mut page, finding, options);
    page.heading("BASELINE", Tone::Strong);
    baseline(&mut page, explanation);
    page.heading("WHO", Tone::Strong);
    match &finding.attribution {
        Some(authorship) => who::write(&mut page, authorship, options),
        None => page.text(2, "Nobody was looked for: no audit log would hold a record of it.", Tone::Plain),
    }
    if !(finding.approved_by.is_empty() && finding.exempted_by.is_empty() && finding.notes.is_empty()) {
        page.heading("NOTES", Tone::Strong);
        verdicts(&mut page, finding);
    }
    page.heading("WHAT TO DO", Tone::Strong);
    page.text(2, &finding.remediation, Tone::Plain);
    steps(&mut page, explanation);
    if !finding.attack.is_empty() {
        page.heading("MITRE ATT&CK", Tone::Strong);
        for id in &finding.attack {
            page.entry(2, id, &reference(id));
        }
    }
    page.into_text()
}

fn what(page: &mut Page, finding: &Finding, options: &TerminalOptions) {
    page.heading("WHAT", Tone::Strong);
    page.entry(2, "means", &format!("{}.", meaning(finding.rule)));
    let account = finding.scope.account.as_ref().map(|id| match &finding.account_name {
        Some(name) => format!("account {name} ({id})"),
        None => format!("account {id}"),
    });
    let organization = finding.scope.organization.as_ref().map(|id| format!("organisation {id}"));
    let place: Vec<String> = [organization, account, finding.scope.region.clone()].into_iter().flatten().collect();
    let place = if place.is_empty() { "the estate".to_owned() } else { place.join(", ") };
    page.entry(2, "where", &place);
    page.entry(2, "subject", &finding.subject.name);
    page.entry(2, "", &finding.subject.id);
    value(page, "expected", &finding.expected);
    value(page, "found", &finding.actual);
    page.entry(2, "direction", &format!("{:?}", finding.direction).to_lowercase());
    guardrail::explain(page, finding);
    page.entry(
        2,
        "seen",
        &format!("first {}, last {}", options.time(finding.first_seen), options.time(finding.last_seen)),
    );
    page.entry(2, "id", &finding.id);
}

/// A document over its lines, everything else in words.
fn value(page: &mut Page, label: &str, value: &Value) {
    let is_document = value.as_object().is_some_and(|keys| keys.contains_key("Statement") || keys.len() > 4);
    if !is_document {
        return page.entry(2, label, &plain(value));
    }
    page.entry(2, label, "");
    for line in format!("{value:#}").lines() {
        page.verbatim(4, line);
    }
}

fn baseline(page: &mut Page, explanation: &Explanation<'_>) {
    if let Some(place) = &explanation.finding.baseline {
        page.text(2, &place.to_string(), Tone::Plain);
    }
    match explanation.context {
        Context::Nowhere => page.text(2, "The baseline says nothing of it.", Tone::Plain),
        Context::Gone(why) => page.text(2, why, Tone::Plain),
        Context::Lines(lines) => {
            let here = explanation.finding.baseline.as_ref().map(|place| place.line);
            for (number, line) in lines {
                let mark = if Some(*number) == here { '>' } else { ' ' };
                page.verbatim(2, &format!("{mark} {number:>5} | {line}"));
            }
        }
    }
    if let Some(remark) = explanation.remark {
        page.text(2, remark, Tone::Warn);
    }
}

fn steps(page: &mut Page, explanation: &Explanation<'_>) {
    for (index, step) in explanation.steps.iter().enumerate() {
        page.blank();
        page.text(2, &format!("{}. {}", index + 1, step.say), Tone::Plain);
        if let Some(run) = &step.run {
            page.verbatim(7, &format!("$ {run}"));
        }
    }
    page.blank();
    let place = match &explanation.finding.scope.account {
        Some(account) => format!("with an identity of account {account}"),
        None => "with an identity of the management account, or of one that it delegated this to".to_owned(),
    };
    page.text(2, &format!("A person does this, {place}; Guardline never does."), Tone::Plain);
}

/// Where a technique is described.
fn reference(id: &str) -> String {
    match id.strip_prefix('T') {
        Some(number) => format!("https://attack.mitre.org/techniques/T{}/", number.replace('.', "/")),
        None => format!("https://attack.mitre.org/detectionstrategies/ (analytic {id})"),
    }
}
