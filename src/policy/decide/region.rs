//! Sets of requests as boxes: one set of classes a dimension, and their differences. In come boxes; out come disjoint
//! boxes that none of others covers. Never knows what a dimension stands for, and stops when its steps are used up.

use std::ops::ControlFlow;
use std::sync::Arc;

use fixedbitset::FixedBitSet;

/// Requests whose class in each listed dimension is one of a set; dimensions that are not listed are free.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Region {
    /// By dimension, in ascending order; no set is empty and none is whole.
    sets: Vec<(usize, Arc<FixedBitSet>)>,
}

/// How deep differences may be taken of differences: what the stack of a thread holds.
const DEEPEST: usize = 1_000;

/// The steps that are left.
#[derive(Debug)]
pub(super) struct Steps {
    left: usize,
    depth: usize,
}

/// No steps were left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OutOfSteps;

impl Steps {
    /// So many steps.
    pub(super) fn new(left: usize) -> Self {
        Self { left, depth: 0 }
    }

    /// Takes some of them.
    pub(super) fn take(&mut self, many: usize) -> Result<(), OutOfSteps> {
        self.left = self.left.checked_sub(many).ok_or(OutOfSteps)?;
        if self.depth > DEEPEST { Err(OutOfSteps) } else { Ok(()) }
    }
}

impl Region {
    /// Every request.
    pub(super) fn everything() -> Self {
        Self::default()
    }

    /// Requests whose class in one dimension is in a set; none when the set is empty.
    pub(super) fn of(dimension: usize, set: FixedBitSet) -> Option<Self> {
        if set.is_clear() {
            return None;
        }
        let sets = if set.is_full() { Vec::new() } else { vec![(dimension, Arc::new(set))] };
        Some(Self { sets })
    }

    /// The set of a dimension; none when it is free.
    pub(super) fn get(&self, dimension: usize) -> Option<&FixedBitSet> {
        let at = self.sets.binary_search_by_key(&dimension, |(dimension, _)| *dimension).ok()?;
        self.sets.get(at).map(|(_, set)| set.as_ref())
    }

    /// The dimensions that are not free, with their sets.
    pub(super) fn sets(&self) -> impl Iterator<Item = (usize, &FixedBitSet)> {
        self.sets.iter().map(|(dimension, set)| (*dimension, set.as_ref()))
    }

    /// The requests in both; none when there are none.
    pub(super) fn and(&self, other: &Self) -> Option<Self> {
        let mut sets = Vec::with_capacity(self.sets.len() + other.sets.len());
        let (mut left, mut right) = (self.sets.iter().peekable(), other.sets.iter().peekable());
        loop {
            let next = match (left.peek(), right.peek()) {
                (None, None) => return Some(Self { sets }),
                (Some(_), None) => left.next(),
                (None, Some(_)) => right.next(),
                (Some((one, _)), Some((two, _))) if one < two => left.next(),
                (Some((one, _)), Some((two, _))) if one > two => right.next(),
                (Some(_), Some(_)) => {
                    let (Some((dimension, one)), Some((_, two))) = (left.next(), right.next()) else { return None };
                    sets.push((*dimension, both(one, two)?));
                    continue;
                }
            };
            sets.extend(next.cloned());
        }
    }

    /// Whether no request is in both.
    fn misses(&self, other: &Self) -> bool {
        let mut theirs = other.sets.iter().peekable();
        self.sets.iter().any(|(dimension, set)| {
            while theirs.next_if(|(other, _)| other < dimension).is_some() {}
            theirs.peek().is_some_and(|(other, theirs)| other == dimension && set.is_disjoint(theirs))
        })
    }

    /// The dimensions in which `self` reaches beyond `other`.
    fn beyond<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = (usize, &'a FixedBitSet)> {
        let mut ours = self.sets.iter().peekable();
        other.sets.iter().filter_map(move |(dimension, set)| {
            while ours.next_if(|(own, _)| own < dimension).is_some() {}
            let inside = ours
                .peek()
                .is_some_and(|(own, ours)| own == dimension && (Arc::ptr_eq(ours, set) || ours.is_subset(set)));
            (!inside).then_some((*dimension, set.as_ref()))
        })
    }

    fn with(&self, dimension: usize, set: FixedBitSet) -> Self {
        let mut sets = self.sets.clone();
        match sets.binary_search_by_key(&dimension, |(dimension, _)| *dimension) {
            Ok(at) => {
                if let Some(place) = sets.get_mut(at) {
                    place.1 = Arc::new(set);
                }
            }
            Err(at) => sets.insert(at, (dimension, Arc::new(set))),
        }
        Self { sets }
    }

    /// Splits off what lies outside `set` in one dimension; what stays is inside.
    fn split(&self, dimension: usize, set: &FixedBitSet) -> (Option<Self>, Option<Self>) {
        let (mut inside, mut outside) = (set.clone(), set.clone());
        outside.toggle_range(..);
        if let Some(own) = self.get(dimension) {
            inside.intersect_with(own);
            outside.intersect_with(own);
        }
        let part = |part: FixedBitSet| (!part.is_clear()).then(|| self.with(dimension, part));
        (part(inside), part(outside))
    }
}

fn both(one: &Arc<FixedBitSet>, two: &Arc<FixedBitSet>) -> Option<Arc<FixedBitSet>> {
    if Arc::ptr_eq(one, two) || one.is_subset(two) {
        return Some(Arc::clone(one));
    }
    let mut set = FixedBitSet::clone(one);
    set.intersect_with(two);
    (!set.is_clear()).then(|| Arc::new(set))
}

/// What is found on the way: told to stop, or out of steps.
pub(super) type Search = Result<ControlFlow<()>, OutOfSteps>;

/// Tells `found` every part of `from` that none of `covers` covers; the parts are disjoint.
pub(super) fn subtract(
    from: Region,
    covers: &[&Region],
    steps: &mut Steps,
    found: &mut dyn FnMut(Region, &mut Steps) -> Search,
) -> Search {
    steps.take(1)?;
    // What a look at others costs grows with what is looked at.
    let weight = 1 + from.sets.len() / 16;
    let mut touching: Vec<&Region> = Vec::new();
    let mut narrowest: Option<(usize, usize)> = None;
    for (at, cover) in covers.iter().enumerate() {
        if at % 8 == 7 {
            steps.take(weight)?;
        }
        if from.misses(cover) {
            continue;
        }
        let open = from.beyond(cover).count();
        if open == 0 {
            return Ok(ControlFlow::Continue(()));
        }
        if narrowest.is_none_or(|(least, _)| open < least) {
            narrowest = Some((open, touching.len()));
        }
        touching.push(cover);
    }
    let Some((_, at)) = narrowest else { return found(from, steps) };
    let cover = touching.swap_remove(at);
    let open: Vec<_> = from.beyond(cover).map(|(dimension, set)| (dimension, set.clone())).collect();
    let mut rest = from;
    for (dimension, set) in open {
        steps.take(rest.sets.len() / 16)?;
        let (inside, outside) = rest.split(dimension, &set);
        if let Some(outside) = outside {
            steps.depth += 1;
            let searched = subtract(outside, &touching, steps, found)?;
            steps.depth -= 1;
            if searched.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        let Some(inside) = inside else { break };
        rest = inside;
    }
    Ok(ControlFlow::Continue(()))
}

/// Tells `found` every part of `from` that lies in some box of each level; parts may overlap.
pub(super) fn within(
    from: Region,
    levels: &[&[&Region]],
    steps: &mut Steps,
    found: &mut dyn FnMut(Region, &mut Steps) -> Search,
) -> Search {
    steps.take(1)?;
    let covered = |level: &&&[&Region]| level.iter().any(|cover| from.beyond(cover).next().is_none());
    let skipped = levels.iter().take_while(covered).count();
    steps.take(skipped / 8)?;
    let levels = levels.get(skipped..).unwrap_or_default();
    let Some((level, rest)) = levels.split_first() else { return found(from, steps) };
    for cover in *level {
        steps.take(1 + from.sets.len() / 16)?;
        let Some(part) = from.and(cover) else { continue };
        steps.depth += 1;
        let searched = within(part, rest, steps, found)?;
        steps.depth -= 1;
        if searched.is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SIZES: [usize; 3] = [3, 2, 4];

    fn points() -> impl Iterator<Item = [usize; 3]> {
        (0..3).flat_map(|a| (0..2).flat_map(move |b| (0..4).map(move |c| [a, b, c])))
    }

    fn holds(region: &Region, point: [usize; 3]) -> bool {
        (0..3).all(|dimension| region.get(dimension).is_none_or(|set| set.contains(point[dimension])))
    }

    fn region() -> impl Strategy<Value = Region> {
        let sets = SIZES.map(|size| prop::collection::vec(prop::bool::weighted(0.6), size));
        sets.prop_filter_map("a box holds something", |sets| {
            sets.into_iter().enumerate().try_fold(Region::everything(), |region, (dimension, bits)| {
                let set = bits.iter().enumerate().filter(|(_, bit)| **bit).map(|(at, _)| at);
                let mut whole = FixedBitSet::with_capacity(bits.len());
                set.for_each(|at| whole.insert(at));
                region.and(&Region::of(dimension, whole)?)
            })
        })
    }

    proptest! {
        #[test]
        fn a_difference_holds_exactly_what_is_left_and_each_point_once(
            from in region(),
            covers in prop::collection::vec(region(), 0..5),
        ) {
            let mut left = Vec::new();
            let covers: Vec<_> = covers.iter().collect();
            let searched = subtract(from.clone(), &covers, &mut Steps::new(10_000), &mut |part, _| {
                left.push(part);
                Ok(ControlFlow::Continue(()))
            });
            prop_assert_eq!(searched, Ok(ControlFlow::Continue(())));
            for point in points() {
                let expected = holds(&from, point) && !covers.iter().any(|cover| holds(cover, point));
                prop_assert_eq!(left.iter().filter(|part| holds(part, point)).count(), usize::from(expected));
            }
        }

        #[test]
        fn what_lies_within_levels_lies_in_a_box_of_each(
            from in region(),
            levels in prop::collection::vec(prop::collection::vec(region(), 0..3), 0..3),
        ) {
            let mut parts = Vec::new();
            let levels_of: Vec<Vec<&Region>> = levels.iter().map(|level| level.iter().collect()).collect();
            let slices: Vec<&[&Region]> = levels_of.iter().map(Vec::as_slice).collect();
            let searched = within(from.clone(), &slices, &mut Steps::new(10_000), &mut |part, _| {
                parts.push(part);
                Ok(ControlFlow::Continue(()))
            });
            prop_assert_eq!(searched, Ok(ControlFlow::Continue(())));
            for point in points() {
                let expected = holds(&from, point) && levels.iter().all(|level| level.iter().any(|cover| holds(cover, point)));
                prop_assert_eq!(parts.iter().any(|part| holds(part, point)), expected);
            }
        }
    }

    #[test]
    fn the_search_stops_when_its_steps_are_used_up() {
        let searched =
            subtract(Region::everything(), &[], &mut Steps::new(0), &mut |_, _| Ok(ControlFlow::Continue(())));
        assert_eq!(searched, Err(OutOfSteps));
    }
}
