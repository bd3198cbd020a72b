//! Chance with a seed, so that a run can be had again. In: a seed; out: choices, the same ones each time.

/// Chance (xorshift).
pub(super) struct Dice(u64);

impl Dice {
    /// The chance of one of many parts of a run.
    pub(super) fn new(seed: usize, part: usize) -> Self {
        let [seed, part] = [seed, part].map(|number| u64::try_from(number).expect("a seed fits"));
        Self((seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ part.wrapping_mul(0xd1b5_4a32_d192_ed03)) | 1)
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).expect("31 bits fit") % end.max(1)
    }

    pub(super) fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(super) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        let index = self.below(from.len());
        from.get(index).expect("something to choose from")
    }

    /// Up to `most` of them, at least one.
    pub(super) fn some<T: Clone>(&mut self, from: &[T], most: usize) -> Vec<T> {
        (0..=self.below(most)).map(|_| self.pick(from).clone()).collect()
    }
}
