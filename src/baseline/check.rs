//! Mistakes of meaning: what the schema cannot see. In comes the tree, of which every part that has the right shape is
//! looked at; out goes one diagnostic a mistake. Never asks the cloud: what may exist there unlisted is no mistake.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::de::DeserializeOwned;
use wildmatch::WildMatch;

use super::{
    diagnostic::{Diagnostic, Sources, Span, nearest},
    document::Node,
    load::spot,
    model::{ApprovedChange, Bound, Exemption, Moment, Period, Source, Who},
};

mod aws;
mod names;
mod policy;

/// How far back CloudTrail's event history reaches.
const MAX_LOOKBACK: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Looks at a whole baseline.
pub(super) fn meaning(root: &Node, sources: &Sources, known_rules: &[&str]) -> Vec<Diagnostic> {
    let mut check = Check { root, sources, known_rules, said: Vec::new() };
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
    said: Vec<Diagnostic>,
}

impl Check<'_> {
    /// The value at a pointer, when it is there and has the right shape (else the schema has said so).
    fn get<T: DeserializeOwned>(&self, pointer: &str) -> Option<T> {
        self.root.at(pointer).and_then(|node| serde_json::from_value(node.to_value()).ok())
    }

    /// The entries of a list that have the right shape, with their pointers.
    fn entries<T: DeserializeOwned>(&self, pointer: &str) -> Vec<(String, T)> {
        let items = self.root.at(pointer).map(Node::items).unwrap_or_default();
        let typed = |(index, node): (usize, &Node)| {
            let typed = serde_json::from_value(node.to_value()).ok()?;
            Some((format!("{pointer}/{index}"), typed))
        };
        items.iter().enumerate().filter_map(typed).collect()
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
            if let Some(span) = spot(self.root, self.sources, pointer) {
                return span;
            }
            pointer = pointer.rsplit_once('/').map_or("", |(above, _)| above);
        }
    }

    fn error(&mut self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.said.push(Diagnostic::error(span, message).help(help));
    }

    /// Every id that stands more than once; `what` names the thing, `at` the key that holds the id.
    fn once<'i>(&mut self, what: &str, ids: impl IntoIterator<Item = (&'i str, String)>) {
        let mut first: BTreeMap<&str, Span> = BTreeMap::new();
        for (id, pointer) in ids {
            let span = self.value_span(&pointer);
            match first.get(id) {
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
        if !self.has("/aws") {
            let span = self.key_span("");
            self.said.push(
                Diagnostic::warning(span, "nothing is audited: the key `aws` is missing").help("add an `aws` section"),
            );
        }
        if let Some(severities) = self.root.get("severity")
            && let super::document::Content::Map(entries) = &severities.content
        {
            let wrong: Vec<_> =
                entries.iter().filter_map(|entry| self.unknown_rule(&entry.key, entry.key_span)).collect();
            self.said.extend(wrong);
        }
    }

    /// A rule name or pattern that fits no rule.
    fn unknown_rule(&self, pattern: &str, span: Span) -> Option<Diagnostic> {
        let matcher = WildMatch::new(pattern);
        if self.known_rules.is_empty() || self.known_rules.iter().any(|rule| matcher.matches(rule)) {
            return None;
        }
        let near = nearest(pattern, self.known_rules.iter().copied());
        let help = near.map_or("the README lists the rules".to_owned(), |near| format!("did you mean `{near}`?"));
        Some(Diagnostic::error(span, format!("no rule is called `{pattern}`")).help(help))
    }

    fn bound(&mut self, pointer: &str, bound: &Bound) {
        if let (Some(min), Some(max)) = (bound.min, bound.max)
            && min > max
        {
            let span = self.value_span(&format!("{pointer}/min"));
            self.error(span, format!("`min` {min} is above `max` {max}"), "no number fits: exchange them");
        }
    }

    fn exemptions(&mut self) {
        let exemptions = self.entries::<Exemption>("/exemptions");
        for (pointer, exemption) in &exemptions {
            self.bound(pointer, &exemption.bound());
            self.match_rules(pointer);
        }
        let ids = exemptions.iter().filter_map(|(pointer, one)| Some((one.id.as_deref()?, format!("{pointer}/id"))));
        self.once("exemption", ids);
    }

    fn approved_changes(&mut self) {
        let changes = self.entries::<ApprovedChange>("/approved_changes");
        for (pointer, change) in &changes {
            if let Some(bound) = &change.to {
                self.bound(&format!("{pointer}/to"), bound);
            }
            self.match_rules(pointer);
            self.window(pointer, change);
        }
        for list in (0..changes.len())
            .map(|index| format!("/approved_changes/{index}/by"))
            .chain(["/administrators".to_owned()])
        {
            for (pointer, who) in self.entries::<Who>(&list) {
                self.who(&pointer, &who);
            }
        }
        self.once("approved change", changes.iter().map(|(pointer, one)| (one.id.as_str(), format!("{pointer}/id"))));
    }

    fn window(&mut self, pointer: &str, change: &ApprovedChange) {
        let before = |later: &Moment, earlier: &Moment| later.end() <= earlier.start();
        if before(&change.until, &change.from) {
            let span = self.value_span(&format!("{pointer}/until"));
            let wrong =
                Diagnostic::error(span, format!("`until` {} is not after `from` {}", change.until, change.from));
            let from = self.value_span(&format!("{pointer}/from"));
            self.said.push(
                wrong
                    .related(from, "from here")
                    .help("no change could be made in this window: exchange or correct them"),
            );
        }
        if let Some(accepted) = &change.accepted_until
            && accepted.end() < change.until.end()
        {
            let span = self.value_span(&format!("{pointer}/accepted_until"));
            let wrong = format!("`accepted_until` {accepted} is before `until` {}", change.until);
            self.error(
                span,
                wrong,
                "a change may stand at least as long as it may be made: write a later time, or remove the key",
            );
        }
    }

    /// A role is compared with whole ARNs.
    fn who(&mut self, pointer: &str, who: &Who) {
        let Who::Role(role) = who else { return };
        if !role.starts_with("arn:") && !role.starts_with('*') {
            let span = self.value_span(&format!("{pointer}/role"));
            self.error(
                span,
                format!("`{role}` is not the ARN of a role"),
                format!("write \"arn:aws:iam::*:role/{role}\""),
            );
        }
    }

    fn match_rules(&mut self, pointer: &str) {
        let at = format!("{pointer}/match/rule");
        let Some(node) = self.root.at(&at) else {
            return;
        };
        let one = std::slice::from_ref(node);
        let written = if node.items().is_empty() { one } else { node.items() };
        let wrong: Vec<_> = written.iter().filter_map(|node| self.unknown_rule(node.as_text()?, node.span)).collect();
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
