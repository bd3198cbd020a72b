//! How the two evaluators compare. In: what each says of one request; out: counts, and every disagreement that nothing
//! explains.

use std::collections::BTreeMap;
use std::io::Write;

use guardline::policy::evaluate::Decision;
use guardline::policy::request::Request;
use serde_json::json;

use super::explained::explanation;
use super::other::Answer;
use super::side::Side;

/// What both say of one request.
#[derive(Clone, Copy)]
pub(super) struct Compared {
    pub(super) ours: Decision,
    /// None where it cannot tell.
    pub(super) theirs: Option<Decision>,
    /// What explains a difference.
    pub(super) explained: Option<&'static str>,
}

#[derive(Debug, Default)]
pub(super) struct Tally {
    counts: BTreeMap<String, usize>,
    /// What nothing explains: the sides and what was said of them, with how many requests, and the shortest.
    unexplained: BTreeMap<String, (usize, String)>,
}

impl Tally {
    pub(super) fn of(tallies: impl IntoIterator<Item = Self>) -> Self {
        let mut all = Self::default();
        for tally in tallies {
            tally.counts.into_iter().for_each(|(what, count)| *all.counts.entry(what).or_default() += count);
            for (what, (count, request)) in tally.unexplained {
                all.take_down(what, count, request);
            }
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
    pub(super) fn compare(&mut self, side: &Side, request: &Request, theirs: &Answer) -> Compared {
        let ours = side.ours(request);
        let mut compared = Compared { ours, theirs: theirs.as_ref().ok().copied(), explained: None };
        match theirs {
            Err(error) => self.count(&format!("theirs cannot tell: {}", error.chars().take(80).collect::<String>())),
            Ok(_) if ours == Decision::Unknown => self.count("ours cannot tell"),
            Ok(theirs) if ours == *theirs => self.count(&format!("both say {}", ours.word())),
            Ok(theirs) => {
                compared.explained = explanation(side, request, *theirs);
                match compared.explained {
                    Some(id) => self.count(&format!("explained by {id}")),
                    None => self.wrong(&format!("ours {}, theirs {}", ours.word(), theirs.word()), &[side], request),
                }
            }
        }
        compared
    }

    /// Takes down what nothing explains.
    pub(super) fn wrong(&mut self, said: &str, sides: &[&Side], request: &Request) {
        let kind = sides[0].stack.kind.word();
        let levels = sides.iter().map(|side| json!(side.levels).to_string()).collect::<Vec<_>>();
        self.take_down(format!("{said}, {kind}\n  {}", levels.join("\n  ")), 1, json!(request).to_string());
    }

    fn take_down(&mut self, what: String, count: usize, request: String) {
        let (counted, shortest) = self.unexplained.entry(what).or_insert_with(|| (0, request.clone()));
        *counted += count;
        if request.len() < shortest.len() {
            *shortest = request;
        }
    }

    /// Requires that something was seen in so many of a hundred times of something else.
    pub(super) fn require(&self, part: &str, percent: usize, of: &str) {
        let counted = |what: &str| self.counts.get(what).copied().unwrap_or_default();
        let (part_seen, seen) = (counted(part), counted(of));
        assert!(part_seen * 100 >= seen * percent, "{part}: {part_seen} of {seen}, which says too little");
    }

    /// How many times one of these was seen.
    fn seen(&self, what: &str) -> usize {
        self.counts.iter().filter(|(seen, _)| seen.starts_with(what)).map(|(_, count)| count).sum()
    }

    /// Says how they compare, and fails on what nothing explains, or where the cases say too little.
    pub(super) fn report(&self, title: &str) {
        let lines: String = self.counts.iter().map(|(what, count)| format!("  {count:>9} {what}\n")).collect();
        std::io::stderr().write_all(format!("{title}:\n{lines}").as_bytes()).expect("stderr");
        let asked = self.seen("both say") + self.seen("explained by");
        for word in ["allowed", "denied"] {
            assert!(
                self.seen(&format!("both say {word}")) * 20 > asked,
                "the cases say too little: too few are {word}"
            );
        }
        let mut wrong: Vec<_> = self.unexplained.iter().collect();
        wrong.sort_by_key(|(what, _)| what.len());
        let shown = wrong.iter().take(super::number("GUARDLINE_SHOWN", 12));
        let shown: Vec<String> =
            shown.map(|(what, (count, request))| format!("{count} requests, as {request}: {what}")).collect();
        assert!(wrong.is_empty(), "{} sides disagree, the shortest of them:\n{}", wrong.len(), shown.join("\n"));
    }
}
