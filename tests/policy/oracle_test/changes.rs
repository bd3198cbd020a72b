//! Verdicts against the evaluator that nobody here wrote. In: two sides of a change; out: whether each witness shows to it
//! what it shows to us, and whether any request near both documents contradicts a proof.
//!
//! A proof that many requests do not contradict says something only where they come near the difference: so the same
//! requests are drawn where there is one, and how often they hit it is counted.

use std::collections::BTreeMap;

use guardline::policy::decide::{Decision as Verdicts, Direction, Limits, Options, decide};
use guardline::policy::evaluate::Decision;
use guardline::policy::request::Request;
use guardline::policy::stack::{Level, Stack};

use super::dice::Dice;
use super::near::Near;
use super::other::Other;
use super::side::Side;
use super::tally::{Compared, Tally};

/// The most witnesses that are asked of each direction.
const WITNESSES: usize = 4;
/// What a variable stands for where it is bound.
const WORD: &str = "ann";
/// Requests that are asked at once.
const AT_ONCE: usize = 1_000;
/// The most requests a side where there is nothing proven to contradict.
const ENOUGH: usize = 500;

/// A change of guardrails.
pub(super) struct Change {
    pub(super) name: String,
    pub(super) old: Side,
    pub(super) new: Side,
}

impl Change {
    /// Asks about both directions, with so many requests a side.
    pub(super) fn check(&self, each: usize, dice: &mut Dice, other: &mut Other) -> Tally {
        let mut tally = Tally::default();
        let near = Near::new([&self.old, &self.new]);
        let decision = self.decide(BTreeMap::new());
        tally.count(&format!("verdicts: {}", decision.verdict().word()));
        let directions = self.directions(&decision);
        directions.iter().for_each(|direction| direction.witnesses("witnesses", other, &mut tally));
        if near.variables().next().is_some() {
            // What hangs on a variable is also shown where the variable has a value.
            let bind = near.variables().map(|key| (key.to_owned(), WORD.to_owned())).collect();
            let decision = self.decide(bind);
            let shown = |direction: &Sided<'_>| direction.witnesses("witnesses with variables", other, &mut tally);
            self.directions(&decision).iter().for_each(shown);
        }
        let each = if decision.weaker == Direction::None { each } else { each.min(ENOUGH) };
        self.draw(&near, each, &directions, dice, other, &mut tally);
        tally
    }

    fn decide(&self, bind: BTreeMap<String, String>) -> Verdicts {
        let options = Options { limits: Limits { witnesses: WITNESSES, ..Limits::default() }, bind };
        decide(&self.old.stack, &self.new.stack, &options)
    }

    fn directions<'a>(&'a self, decision: &'a Verdicts) -> [Sided<'a>; 2] {
        let (old, new) = (&self.old, &self.new);
        [
            Sided { from: old, to: new, direction: &decision.weaker, word: "weaker" },
            Sided { from: new, to: old, direction: &decision.stricter, word: "stricter" },
        ]
    }

    /// Requests toward the new side and toward the old one; each is asked of both.
    fn draw(
        &self,
        near: &Near,
        each: usize,
        directions: &[Sided<'_>; 2],
        dice: &mut Dice,
        other: &mut Other,
        tally: &mut Tally,
    ) {
        let mut found = [false; 2];
        // The first direction is toward the new side, the second toward the old one.
        for (at, toward) in directions.iter().enumerate() {
            let (mut left, mut through, mut through_ours) = (each, 0, 0);
            while left > 0 {
                let drawn = near.toward(dice, toward.to, left.min(AT_ONCE));
                left -= drawn.len();
                let [by_old, by_new] = [&self.old, &self.new].map(|side| other.ask(side, &drawn));
                for ((request, by_old), by_new) in drawn.iter().zip(&by_old).zip(&by_new) {
                    let by_old = tally.compare(&self.old, request, by_old);
                    let by_new = tally.compare(&self.new, request, by_new);
                    let by_to = [by_new, by_old][at];
                    through += usize::from(by_to.theirs == Some(Decision::Allowed));
                    through_ours += usize::from(by_to.ours == Decision::Allowed);
                    found[0] |= directions[0].is_difference(request, [by_old, by_new], tally);
                    found[1] |= directions[1].is_difference(request, [by_new, by_old], tally);
                }
            }
            tally.add("requests toward a side", each);
            tally.add("requests toward a side: let through by it", through);
            tally.count("sides");
            if through_ours > 0 && through == 0 {
                tally.count("sides that let none through in the other's reading");
            } else if through == 0 {
                tally.count(&toward.why_none(&self.name));
            }
        }
        for (direction, found) in directions.iter().zip(found) {
            if matches!(direction.direction, Direction::Some(_)) {
                tally.count("differences");
                tally.add("differences: found by chance too", usize::from(found));
            }
        }
    }
}

/// The requests that one side allows and the other denies.
struct Sided<'a> {
    from: &'a Side,
    to: &'a Side,
    direction: &'a Direction,
    word: &'static str,
}

impl Sided<'_> {
    /// Why none of the requests toward a side got through.
    fn why_none(&self, name: &str) -> String {
        let nothing = Stack { kind: self.to.stack.kind, levels: vec![Level::default()] };
        let nothing = if nothing.needs_allow() { nothing } else { self.to.stack.clone() };
        match decide(&nothing, &self.to.stack, &Options::default()).weaker {
            Direction::None => "sides that let nothing through at all".to_owned(),
            _ => format!("sides of which no request was found: not {} of {name}", self.word),
        }
    }

    /// Whether each witness is one to the other evaluator.
    fn witnesses(&self, title: &str, other: &mut Other, tally: &mut Tally) {
        let Direction::Some(witnesses) = self.direction else { return };
        let [from, to] = [self.from, self.to].map(|side| other.ask(side, witnesses));
        for ((request, from), to) in witnesses.iter().zip(&from).zip(&to) {
            let by_from = tally.compare(self.from, request, from);
            let by_to = tally.compare(self.to, request, to);
            let said = match (by_from.theirs, by_to.theirs, by_from.explained.or(by_to.explained)) {
                (Some(Decision::Denied), Some(Decision::Allowed), _) => "shown".to_owned(),
                (None, ..) | (_, None, _) => "theirs cannot tell".to_owned(),
                (.., Some(id)) => format!("explained by {id}"),
                (.., None) => "not shown".to_owned(),
            };
            tally.count(title);
            tally.count(&format!("{title}: {said}"));
        }
    }

    /// Whether the other evaluator sees a difference in a request; one that was proven away is wrong.
    fn is_difference(&self, request: &Request, [from, to]: [Compared; 2], tally: &mut Tally) -> bool {
        let is_difference = [from.theirs, to.theirs] == [Some(Decision::Denied), Some(Decision::Allowed)];
        if *self.direction == Direction::None {
            tally.count("questions to a proof");
            tally.add("questions to a proof: let through", usize::from(to.theirs == Some(Decision::Allowed)));
            if [from.ours, to.ours] == [Decision::Denied, Decision::Allowed] {
                tally.wrong(&format!("proven not {}, but we say", self.word), &[self.from, self.to], request);
            }
            match from.explained.or(to.explained) {
                _ if !is_difference => {}
                Some(id) => tally.count(&format!("questions to a proof: explained by {id}")),
                None => tally.wrong(&format!("proven not {}", self.word), &[self.from, self.to], request),
            }
        }
        is_difference
    }
}
