//! Reproducible chance: numbers that look random and depend only on the seed and the path to them.

use crate::model::convert::{to_i64, to_u32, to_usize};

/// A node in the tree of all draws. The same path always leads to the same numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Noise(u64);

impl Noise {
    pub(crate) fn new(seed: u64) -> Self {
        Self(mix(seed))
    }

    /// Returns the branch for `label`, which is independent of every other branch.
    pub(crate) fn branch(self, label: u64) -> Self {
        Self(mix(self.0 ^ mix(label)))
    }

    /// Like [`Noise::branch`], for a time or a count, which may be negative.
    pub(crate) fn at(self, position: i64) -> Self {
        self.branch(position.cast_unsigned())
    }

    /// Like [`Noise::branch`], for a text.
    pub(crate) fn named(self, text: &str) -> Self {
        // The length distinguishes "a" from "a\0", which are the same eight bytes.
        let start = self.branch(text.len().try_into().unwrap_or(u64::MAX));
        text.as_bytes().chunks(8).fold(start, |noise, chunk| {
            noise.branch(chunk.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)))
        })
    }

    /// Returns a number in `low..=high`, uniformly distributed; `low` when the range is empty.
    pub(crate) fn between(self, low: i64, high: i64) -> i64 {
        let width = high.saturating_sub(low).saturating_add(1).max(1);
        // 63 bits: neither the number nor the remainder is negative.
        low + (self.0 >> 1).cast_signed() % width
    }

    /// Returns true in `rate` of the cases, from 0 to 1.
    pub(crate) fn strikes(self, rate: f64) -> bool {
        let chance = f64::from(to_u32(self.0 >> 32)) / 4_294_967_296.0;
        chance < rate
    }

    /// Returns one of `choices`.
    pub(crate) fn one_of<T: Copy, const N: usize>(self, choices: &[T; N]) -> T {
        const { assert!(N > 0) };
        let at = to_usize(self.between(0, to_i64(N) - 1));
        choices.get(at).copied().unwrap_or(choices[0])
    }

    /// Returns true in `share` of a million cases.
    pub(crate) fn happens(self, share: i64) -> bool {
        self.between(0, 999_999) < share
    }
}

/// The finaliser of splitmix64: every input bit reaches every output bit.
fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_repeat_and_branches_differ() {
        let noise = Noise::new(7);
        assert_eq!(noise.named("www.a.com"), Noise::new(7).named("www.a.com"));
        assert_ne!(noise.named("www.a.com"), noise.named("www.b.com"));
        assert_ne!(noise.named("a"), noise.named("\0a"));
        assert_ne!(noise.at(1), noise.at(-1));
        assert_ne!(noise, Noise::new(8));
    }

    #[test]
    fn draws_stay_in_their_range_and_reach_its_ends() {
        let noise = Noise::new(1);
        let drawn: Vec<i64> = (0..1000).map(|n| noise.at(n).between(-2, 2)).collect();
        assert_eq!((drawn.iter().min(), drawn.iter().max()), (Some(&-2), Some(&2)));
        assert_eq!(noise.between(5, 5), 5);
        assert_eq!(noise.between(5, 4), 5);
    }

    #[test]
    fn a_share_of_a_million_comes_true_that_often() {
        let noise = Noise::new(3);
        let hits = (0..10_000).filter(|n| noise.at(*n).happens(250_000)).count();
        assert!((2_300..2_700).contains(&hits), "{hits}");
    }
}
