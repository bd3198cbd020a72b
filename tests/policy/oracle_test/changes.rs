//! Verdicts against the evaluator that nobody here wrote. In: two sides of a change; out: whether each witness shows to it
//! what it shows to us, and whether any request near both documents contradicts a proof.
//!
//! A proof that many requests do not contradict says something only where they come near the difference: so the same
//! requests are drawn where there is one, and how often they hit it is counted.

use std::collections::BTreeMap;

use guardline::policy::decide::{Decision as Verdicts, Direction, Limits, Options, decide};
use guardline::policy::evaluate::Decision;
use guardline::policy::request::Request;

use super::dice::Dice;
use super::near::Near;
use super::other::{Answer, Other};
use super::side::Side;
use super::tally::Tally;

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
        for toward in directions {
            let (mut left, mut through) = (each, 0);
            while left > 0 {
                let drawn = near.toward(dice, toward.to, left.min(AT_ONCE));
                left -= drawn.len();
                let answers = [&self.old, &self.new].map(|side| other.ask(side, &drawn));
                for ((request, by_old), by_new) in drawn.iter().zip(&answers[0]).zip(&answers[1]) {
                    let explained = tally.compare(&self.old, request, by_old);
                    let explained = tally.compare(&self.new, request, by_new).or(explained);
                    let by_to = if std::ptr::eq(toward.to, &self.new) { by_new } else { by_old };
                    through += usize::from(by_to == &Ok(Decision::Allowed));
                    found[0] |= directions[0].is_difference(request, [by_old, by_new], explained, tally);
                    found[1] |= directions[1].is_difference(request, [by_new, by_old], explained, tally);
                }
            }
            tally.add("requests toward a side", each);
            tally.add("requests toward a side: let through by it", through);
            if through == 0 && each > 0 {
                tally.count(&format!("sides that let none through: not {} of {}", toward.word, self.name));
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
    /// Whether each witness is one to the other evaluator.
    fn witnesses(&self, title: &str, other: &mut Other, tally: &mut Tally) {
        let Direction::Some(witnesses) = self.direction else { return };
        let [from, to] = [self.from, self.to].map(|side| other.ask(side, witnesses));
        for ((request, from), to) in witnesses.iter().zip(&from).zip(&to) {
            let explained = tally.compare(self.from, request, from);
            let explained = tally.compare(self.to, request, to).or(explained);
            let said = match ([from, to], explained) {
                ([Ok(Decision::Denied), Ok(Decision::Allowed)], _) => "shown".to_owned(),
                ([Err(why), _] | [_, Err(why)], _) => format!("theirs cannot tell: {why}"),
                (_, Some(id)) => format!("explained by {id}"),
                (_, None) => "not shown".to_owned(),
            };
            tally.count(&format!("{title}: {said}"));
        }
    }

    /// Whether the other evaluator sees a difference in a request; one that was proven away is wrong.
    fn is_difference(
        &self,
        request: &Request,
        [from, to]: [&Answer; 2],
        explained: Option<&str>,
        tally: &mut Tally,
    ) -> bool {
        let is_difference = [from, to] == [&Ok(Decision::Denied), &Ok(Decision::Allowed)];
        if *self.direction == Direction::None {
            tally.count("questions to a proof");
            tally.add("questions to a proof: let through", usize::from(to == &Ok(Decision::Allowed)));
            if is_difference {
                match explained {
                    Some(id) => tally.count(&format!("questions to a proof: explained by {id}")),
                    None => tally.wrong(&format!("proven not {}", self.word), &[self.from, self.to], request),
                }
            }
            let ours = [self.from, self.to].map(|side| side.ours(request));
            if ours == [Decision::Denied, Decision::Allowed] {
                tally.wrong(&format!("proven not {}, but we say", self.word), &[self.from, self.to], request);
            }
        }
        is_difference
    }
}
