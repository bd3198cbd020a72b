//! Mistakes of meaning: what the schema cannot see. In comes the tree, of which every part that has the right shape is
//! looked at; out goes one diagnostic a mistake. Never asks the cloud: what may exist there unlisted is no mistake.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::de::DeserializeOwned;

use super::{
    diagnostic::{Diagnostic, Sources, Span, nearest},
    document::{Content, Node},
    model::{Moment, Period, Source},
    pattern::fits,
};

mod aws;
mod names;
mod policy;

/// How far back CloudTrail's event history reaches.
const MAX_LOOKBACK: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Looks at a whole baseline. When it is not `complete` (a file of it could not be read), nothing is called missing.
pub(super) fn meaning(root: &Node, sources: &Sources, known_rules: &[&str], complete: bool) -> Vec<Diagnostic> {
    let mut check = Check { root, sources, known_rules, complete, said: Vec::new() };
    check.top();
    check.exemptions();
    check.approved_changes();
    check.not_used_yet();
    aws::check(&mut check);
    policy::check(&mut check);
    names::check(&mut check);
    check.said
}

struct Check<'a> {
    root: &'a Node,
    sources: &'a Sources,
    known_rules: &'a [&'a str],
    complete: bool,
    said: Vec<Diagnostic>,
}

impl Check<'_> {
    /// The value at a pointer, when it is there and has the right shape (else the schema has said so).
    fn get<T: DeserializeOwned>(&self, pointer: &str) -> Option<T> {
        self.root.at(pointer).and_then(|node| serde_json::from_value(node.to_value()).ok())
    }

    /// The pointers of a list's entries.
    fn each(&self, pointer: &str) -> Vec<String> {
        let count = self.root.at(pointer).map(Node::items).unwrap_or_default().len();
        (0..count).map(|index| format!("{pointer}/{index}")).collect()
    }

    /// The pointers of several lists' entries.
    fn each_of(&self, pointers: &[&str]) -> Vec<String> {
        pointers.iter().flat_map(|pointer| self.each(pointer)).collect()
    }

    /// One text or the texts of a list, each with its pointer.
    fn texts(&self, pointer: &str) -> Vec<(String, String)> {
        let Some(node) = self.root.at(pointer) else { return Vec::new() };
        let one = node.as_text().map(|text| (pointer.to_owned(), text.to_owned()));
        let many = node.items().iter().enumerate();
        let many = many.filter_map(|(index, item)| Some((format!("{pointer}/{index}"), item.as_text()?.to_owned())));
        one.into_iter().chain(many).collect()
    }

    /// The texts under one key of a list's entries, each with its pointer.
    fn column(&self, list: &str, key: &str) -> Vec<(String, String)> {
        self.each(list).iter().flat_map(|pointer| self.texts(&format!("{pointer}/{key}"))).collect()
    }

    fn has(&self, pointer: &str) -> bool {
        self.root.at(pointer).is_some()
    }

    /// The value at a pointer; for what is left out, the entry around it.
    fn value_span(&self, pointer: &str) -> Span {
        match self.root.at(pointer) {
            Some(node) => node.head(self.sources.whole(node.span.file)),
            None => self.key_span(pointer),
        }
    }

    /// The key at a pointer; for what is left out, the entry around it.
    fn key_span(&self, pointer: &str) -> Span {
        let mut pointer = pointer;
        loop {
            if let Some(span) = self.root.spot(self.sources, pointer) {
                return span;
            }
            pointer = pointer.rsplit_once('/').map_or("", |(above, _)| above);
        }
    }

    fn error(&mut self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.said.push(Diagnostic::error(span, message).help(help));
    }

    /// Every id that stands more than once; `what` names the thing.
    fn once(&mut self, what: &str, ids: Vec<(String, String)>) {
        let mut first: BTreeMap<String, Span> = BTreeMap::new();
        for (pointer, id) in ids {
            let span = self.value_span(&pointer);
            match first.get(&id) {
                Some(there) => {
                    let twice = Diagnostic::error(span, format!("{what} `{id}` is declared twice"));
                    self.said.push(twice.related(*there, "first here").help("remove one of them"));
                }
                None => {
                    first.insert(id, span);
                }
            }
        }
    }

    fn top(&mut self) {
        if let Some(lookback) = self.get::<Period>("/lookback") {
            let span = self.value_span("/lookback");
            if lookback.length() > MAX_LOOKBACK {
                self.error(
                    span,
                    format!("`{lookback}` is more than 90 days"),
                    "CloudTrail's event history reaches back 90 days: write `90d` or less",
                );
            } else if lookback.length().is_zero() {
                self.error(span, format!("`{lookback}` leaves no time"), "write `7d`, or remove the key");
            }
        }
        if self.complete && !self.has("/aws") {
            let span = self.key_span("");
            self.said.push(
                Diagnostic::warning(span, "nothing is audited: the key `aws` is missing").help("add an `aws` section"),
            );
        }
        if let Some(severities) = self.root.get("severity")
            && let Content::Map(entries) = &severities.content
        {
            let unknown = entries.iter().filter(|entry| !self.known_rules.contains(&entry.key.as_str()));
            let wrong: Vec<_> = unknown.filter_map(|entry| self.unknown_rule(&entry.key, entry.key_span)).collect();
            self.said.extend(wrong);
        }
    }

    /// A rule that there is not, when the rules are known.
    fn unknown_rule(&self, pattern: &str, span: Span) -> Option<Diagnostic> {
        if self.known_rules.is_empty() {
            return None;
        }
        let near = nearest(pattern, self.known_rules.iter().copied());
        let help = near.map_or("the README lists the rules".to_owned(), |near| format!("did you mean `{near}`?"));
        Some(Diagnostic::error(span, format!("no rule is called `{pattern}`")).help(help))
    }

    /// The numbers of a bound that no number can keep.
    fn bound(&mut self, pointer: &str) {
        let min = self.get::<f64>(&format!("{pointer}/min"));
        let max = self.get::<f64>(&format!("{pointer}/max"));
        if let (Some(min), Some(max)) = (min, max)
            && min > max
        {
            let span = self.value_span(&format!("{pointer}/min"));
            self.error(span, format!("`min` {min} is above `max` {max}"), "no number fits: exchange them");
        }
    }

    fn exemptions(&mut self) {
        for pointer in self.each("/exemptions") {
            self.bound(&pointer);
            self.match_rules(&pointer);
        }
        self.once("exemption", self.column("/exemptions", "id"));
    }

    fn approved_changes(&mut self) {
        for pointer in self.each("/approved_changes") {
            self.bound(&format!("{pointer}/to"));
            self.match_rules(&pointer);
            self.window(&pointer);
            self.roles(&format!("{pointer}/by"));
        }
        self.roles("/administrators");
        self.once("approved change", self.column("/approved_changes", "id"));
    }

    fn window(&mut self, pointer: &str) {
        let [from_at, until_at, accepted_at] =
            ["from", "until", "accepted_until"].map(|key| format!("{pointer}/{key}"));
        let Some(until) = self.get::<Moment>(&until_at) else { return };
        if let Some(from) = self.get::<Moment>(&from_at)
            && until.end() <= from.start()
        {
            let wrong =
                Diagnostic::error(self.value_span(&until_at), format!("`until` {until} is not after `from` {from}"));
            let wrong = wrong.related(self.value_span(&from_at), "from here");
            self.said.push(wrong.help("no change could be made in this window: exchange or correct them"));
        }
        if let Some(accepted) = self.get::<Moment>(&accepted_at)
            && accepted.end() < until.end()
        {
            let wrong = format!("`accepted_until` {accepted} is before `until` {until}");
            let help = "a change may stand at least as long as it may be made: write a later time, or remove the key";
            self.error(self.value_span(&accepted_at), wrong, help);
        }
    }

    /// A role is compared with whole ARNs.
    fn roles(&mut self, list: &str) {
        for (pointer, role) in self.column(list, "role") {
            if !role.starts_with("arn:") && !role.starts_with('*') {
                let help = format!("write \"arn:aws:iam::*:role/{role}\"");
                self.error(self.value_span(&pointer), format!("`{role}` is not the ARN of a role"), help);
            }
        }
    }

    fn match_rules(&mut self, pointer: &str) {
        let fits = |pattern: &str| self.known_rules.iter().any(|rule| fits(pattern, rule));
        let written = self.texts(&format!("{pointer}/match/rule"));
        let unknown = written.iter().filter(|(_, pattern)| !fits(pattern));
        let wrong: Vec<_> = unknown.filter_map(|(at, rule)| self.unknown_rule(rule, self.value_span(at))).collect();
        self.said.extend(wrong);
    }

    /// Keys that are understood and checked, but have no effect yet.
    fn not_used_yet(&mut self) {
        for key in ["administrators", "sequences", "history"] {
            let pointer = format!("/{key}");
            if self.has(&pointer) {
                self.said.push(Diagnostic::note(self.key_span(&pointer), format!("`{key}` is not used yet")));
            }
        }
        let pointer = "/aws/audit_logs/source";
        if let Some(Source::S3(_) | Source::Athena(_) | Source::Files(_)) = self.get::<Source>(pointer) {
            let note = Diagnostic::note(
                self.value_span(pointer),
                "this log source is not used yet: evidence is read by LookupEvents",
            );
            self.said.push(note);
        }
    }
}
