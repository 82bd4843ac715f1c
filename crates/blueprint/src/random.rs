//! Shuffles that can be computed at any place without the others.

pub(crate) use pgtailor_model::random::{Random, derive};

use pgtailor_model::random::mix;

/// A bijection of `0..size` that looks random, computed without memory: a Feistel network over the next even power of two, walked
/// until it falls inside (Black and Rogaway: "Ciphers with arbitrary finite domains", 2002, section 5).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Permutation {
    size: u64,
    half: u32,
    keys: [u64; 4],
}

impl Permutation {
    pub(crate) fn new(size: u64, seed: u64) -> Self {
        let bits = 64 - size.saturating_sub(1).leading_zeros();
        let mut random = Random::new(seed);
        Self { size, half: bits.div_ceil(2).max(1), keys: [random.bits(), random.bits(), random.bits(), random.bits()] }
    }

    /// Where `value` goes; `value` must be below the size.
    pub(crate) fn forward(&self, value: u64) -> u64 {
        let mut place = value;
        loop {
            place = self.network(place, self.keys.iter());
            if place < self.size {
                return place;
            }
        }
    }

    /// What goes to `place`: `backward(forward(v)) == v`.
    pub(crate) fn backward(&self, place: u64) -> u64 {
        let mut value = place;
        loop {
            // A Feistel network backwards is the same network with its halves swapped and its keys reversed.
            value = self.swapped(self.network(self.swapped(value), self.keys.iter().rev()));
            if value < self.size {
                return value;
            }
        }
    }

    fn network<'a>(&self, value: u64, keys: impl Iterator<Item = &'a u64>) -> u64 {
        let mask = (1 << self.half) - 1;
        let (mut left, mut right) = (value >> self.half, value & mask);
        for key in keys {
            (left, right) = (right, left ^ (mix(right ^ key) & mask));
        }
        (left << self.half) | right
    }

    fn swapped(&self, value: u64) -> u64 {
        let mask = (1 << self.half) - 1;
        ((value & mask) << self.half) | (value >> self.half)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permutation_hits_everything_once_and_goes_back() {
        for size in [1, 2, 3, 5, 17, 100, 1000, 4097] {
            let permutation = Permutation::new(size, 7);
            let mut hit = vec![false; usize::try_from(size).expect("small")];
            for value in 0..size {
                let place = permutation.forward(value);
                assert!(!std::mem::replace(&mut hit[usize::try_from(place).expect("small")], true));
                assert_eq!(permutation.backward(place), value);
            }
        }
    }
}
