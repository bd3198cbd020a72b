//! How the two evaluators compare. In: what each says of one request; out: counts, and every disagreement that nothing
//! explains.

use std::collections::BTreeMap;
use std::io::Write;

use guardline::policy::evaluate::Decision;
use guardline::policy::request::Request;
use serde_json::json;

use super::explained::{explanation, names};
use super::other::Answer;
use super::side::Side;

#[derive(Debug, Default)]
pub(super) struct Tally {
    counts: BTreeMap<String, usize>,
    /// What nothing explains, as text.
    unexplained: Vec<String>,
}

impl Tally {
    pub(super) fn of(tallies: impl IntoIterator<Item = Self>) -> Self {
        let mut all = Self::default();
        for tally in tallies {
            tally.counts.into_iter().for_each(|(what, count)| *all.counts.entry(what).or_default() += count);
            all.unexplained.extend(tally.unexplained);
        }
        all
    }

    pub(super) fn count(&mut self, what: &str) {
        self.add(what, 1);
    }

    pub(super) fn add(&mut self, what: &str, many: usize) {
        *self.counts.entry(what.to_owned()).or_default() += many;
    }

    /// Compares both on a request.
    pub(super) fn compare(&mut self, side: &Side, request: &Request, theirs: &Answer) {
        let ours = side.ours(request);
        let outcome = match theirs {
            Err(error) => format!("theirs cannot tell: {}", error.chars().take(80).collect::<String>()),
            Ok(_) if ours == Decision::Unknown => "ours cannot tell".to_owned(),
            Ok(theirs) if ours == *theirs => format!("both say {}", ours.word()),
            Ok(theirs) => match explanation(side, request) {
                Some(id) => format!("explained by {id}"),
                None => {
                    let said = format!("ours {}, theirs {}", ours.word(), theirs.word());
                    self.wrong(&said, &[side], request);
                    "not explained".to_owned()
                }
            },
        };
        self.count(&outcome);
    }

    /// Takes down what nothing explains.
    pub(super) fn wrong(&mut self, said: &str, sides: &[&Side], request: &Request) {
        let (kind, levels) = (sides[0].stack.kind.word(), sides.iter().map(|side| &side.levels).collect::<Vec<_>>());
        self.unexplained.push(format!("{said}: {kind} {}\n  {}", json!(request), json!(levels)));
    }

    /// How many times one of these was seen.
    pub(super) fn seen(&self, what: &str) -> usize {
        self.counts.iter().filter(|(seen, _)| seen.starts_with(what)).map(|(_, count)| count).sum()
    }

    /// Says how they compare, and fails on what nothing explains, or where the cases say too little.
    pub(super) fn report(mut self, title: &str) {
        let lines: String = self.counts.iter().map(|(what, count)| format!("  {count:>9} {what}\n")).collect();
        std::io::stderr().write_all(format!("{title}:\n{lines}").as_bytes()).expect("stderr");
        let known = names();
        let explained = self.counts.keys().filter_map(|what| what.strip_prefix("explained by "));
        explained.for_each(|id| assert!(known.iter().any(|name| name == id), "{id} is not explained"));
        self.unexplained.sort_by_key(String::len);
        let shown: Vec<String> = self.unexplained.iter().take(super::number("GUARDLINE_SHOWN", 12)).cloned().collect();
        let shown = shown.join("\n");
        assert!(self.unexplained.is_empty(), "{} disagreements, the shortest of them:\n{shown}", self.unexplained.len());
        let asked = self.seen("both say") + self.seen("explained by");
        for word in ["allowed", "denied"] {
            assert!(self.seen(&format!("both say {word}")) * 20 > asked, "the cases say too little: too few are {word}");
        }
    }
}
