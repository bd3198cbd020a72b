//! Verdicts against the evaluator that nobody here wrote. In: two sides of a change; out: whether each witness shows to it
//! what it shows to us, and whether any request near both documents contradicts a proof.
//!
//! A proof that many requests do not contradict says something only where they come near the difference: so the same
//! requests are drawn where there is one, and how often they hit it is counted.

use guardline::policy::decide::{Direction, Limits, Options, decide};
use guardline::policy::evaluate::Decision;
use guardline::policy::request::Request;

use super::dice::Dice;
use super::explained::explanation;
use super::near::Near;
use super::other::{Answer, Other};
use super::side::Side;
use super::tally::Tally;

/// The most witnesses that are asked of each direction.
const WITNESSES: usize = 4;
/// Requests that are asked at once.
const AT_ONCE: usize = 1_000;
/// The most requests a side where there is nothing proven to contradict.
const ENOUGH: usize = 500;

/// A change of guardrails.
pub(super) struct Change {
    pub(super) old: Side,
    pub(super) new: Side,
}

/// The requests that one side allows and the other denies.
struct Sided<'a> {
    from: &'a Side,
    to: &'a Side,
    direction: &'a Direction,
    word: &'static str,
}

impl Change {
    /// Asks about both directions, with so many requests a side.
    pub(super) fn check(&self, each: usize, dice: &mut Dice, other: &mut Other) -> Tally {
        let mut tally = Tally::default();
        let options = Options { limits: Limits { witnesses: WITNESSES, ..Limits::default() }, ..Options::default() };
        let decision = decide(&self.old.stack, &self.new.stack, &options);
        let (old, new) = (&self.old, &self.new);
        let sides = [
            Sided { from: old, to: new, direction: &decision.weaker, word: "weaker" },
            Sided { from: new, to: old, direction: &decision.stricter, word: "stricter" },
        ];
        tally.count(&format!("verdicts: {}", decision.verdict().word()));
        for side in &sides {
            side.witnesses(other, &mut tally);
        }
        let is_proven = decision.weaker == Direction::None;
        let mut left = if is_proven { each } else { each.min(ENOUGH) };
        let near = Near::new([old, new]);
        let mut hits = [Hits::default(), Hits::default()];
        while left > 0 {
            let now = left.min(AT_ONCE);
            left -= now;
            for (toward, aim) in [new, old].into_iter().zip([0, 1]) {
                let drawn = near.toward(dice, toward, now);
                let answers = [old, new].map(|side| other.ask(side, &drawn));
                for ((request, by_old), by_new) in drawn.iter().zip(&answers[0]).zip(&answers[1]) {
                    tally.compare(old, request, by_old);
                    tally.compare(new, request, by_new);
                    let through = [by_new, by_old][aim] == &Ok(Decision::Allowed);
                    hits[aim].count(through);
                    sides[0].contradict(request, [by_old, by_new], &mut hits[0], &mut tally);
                    sides[1].contradict(request, [by_new, by_old], &mut hits[1], &mut tally);
                }
            }
        }
        for (side, hits) in sides.iter().zip(&hits) {
            hits.tell(side, &mut tally);
        }
        tally
    }
}

/// What became of the requests toward one side.
#[derive(Default)]
struct Hits {
    asked: usize,
    through: usize,
    /// Those that this side allows and the other denies.
    difference: usize,
}

impl Hits {
    fn count(&mut self, through: bool) {
        self.asked += 1;
        self.through += usize::from(through);
    }

    fn tell(&self, side: &Sided<'_>, tally: &mut Tally) {
        tally.add("requests toward a side", self.asked);
        tally.add("requests toward a side: let through by it", self.through);
        if self.asked > 0 && self.through == 0 {
            tally.count("sides that let none of them through");
        }
        if matches!(side.direction, Direction::Some(_)) {
            tally.count("differences");
            tally.add("differences: found by chance too", usize::from(self.difference > 0));
        }
    }
}

impl Sided<'_> {
    /// Whether each witness is one to the other evaluator.
    fn witnesses(&self, other: &mut Other, tally: &mut Tally) {
        let Direction::Some(witnesses) = self.direction else { return };
        let [from, to] = [self.from, self.to].map(|side| other.ask(side, witnesses));
        for ((request, from), to) in witnesses.iter().zip(&from).zip(&to) {
            tally.compare(self.from, request, from);
            tally.compare(self.to, request, to);
            let said = match [from, to] {
                [Ok(Decision::Denied), Ok(Decision::Allowed)] => "witnesses: shown".to_owned(),
                [Err(why), _] | [_, Err(why)] => format!("witnesses: theirs cannot tell: {why}"),
                _ => match self.explanation(request) {
                    Some(id) => format!("witnesses: explained by {id}"),
                    None => "witnesses: not shown".to_owned(),
                },
            };
            tally.count(&said);
        }
    }

    /// Whether a request contradicts a proof, or finds a difference that is known.
    fn contradict(&self, request: &Request, [from, to]: [&Answer; 2], hits: &mut Hits, tally: &mut Tally) {
        let is_difference = [from, to] == [&Ok(Decision::Denied), &Ok(Decision::Allowed)];
        hits.difference += usize::from(is_difference);
        if *self.direction != Direction::None {
            return;
        }
        let ours = [self.from.ours(request), self.to.ours(request)];
        if ours == [Decision::Denied, Decision::Allowed] {
            tally.wrong(&format!("proven not {}, but our own evaluator", self.word), &[self.from, self.to], request);
        }
        tally.count("questions to a proof");
        if is_difference {
            match self.explanation(request) {
                Some(id) => tally.count(&format!("questions to a proof: explained by {id}")),
                None => tally.wrong(&format!("proven not {}", self.word), &[self.from, self.to], request),
            }
        }
    }

    fn explanation(&self, request: &Request) -> Option<&'static str> {
        explanation(self.from, request).or_else(|| explanation(self.to, request))
    }
}
