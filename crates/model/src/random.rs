//! Seeded randomness: small, fast, the same on every machine and in every version.
//!
//! `SplitMix64` (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014, figure 17). It stands here and not in a
//! dependency for two reasons: every cell of every row of a blueprint needs a generator of its own, made from two numbers in a
//! nanosecond, so that any cell can be computed without the others; and a new version of a crate must never change the bytes of a
//! blueprint, or the values with which a statement is planned.

use crate::unit::{count_as_f64, f64_as_count};

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// A stream of random numbers, copied as a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Random {
    state: u64,
}

impl Random {
    /// The stream of `seed`.
    pub fn new(seed: u64) -> Self {
        Self { state: mix(seed) }
    }

    /// The stream of one cell: row `row` of the column whose seed is `seed`.
    pub fn of_cell(seed: u64, row: u64) -> Self {
        Self { state: mix(seed ^ row.wrapping_mul(GOLDEN)) }
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN);
        mix(self.state)
    }

    /// Uniform in `0..n`; 0 when `n` is 0. The bias of the multiplication is below `n` / 2^64.
    pub fn below(&mut self, n: u64) -> u64 {
        let product = u128::from(self.bits()) * u128::from(n);
        u64::try_from(product >> 64).unwrap_or_default()
    }

    /// Uniform in `0.0..1.0`, in steps of 2^-53.
    pub fn fraction(&mut self) -> f64 {
        const STEP: f64 = 1.0 / 9_007_199_254_740_992.0;
        count_as_f64(self.bits() >> 11) * STEP
    }

    /// Exponential with mean 1; at most 37 (where the fraction's steps end).
    pub fn exponential(&mut self) -> f64 {
        -(1.0 - self.fraction()).ln()
    }

    /// A rank in `0..n` with probability close to proportional to `(rank + 1)^-exponent`.
    ///
    /// By inversion of the continuous distribution on `1..n + 1`, which is exact enough for data and needs no table.
    pub fn zipf(&mut self, n: u64, exponent: f64) -> u64 {
        let fraction = self.fraction();
        let top = count_as_f64(n) + 1.0;
        let power = 1.0 - exponent;
        let place =
            if power.abs() < 1e-9 { top.powf(fraction) } else { ((top.powf(power) - 1.0) * fraction + 1.0).powf(1.0 / power) };
        f64_as_count(place.floor() - 1.0).min(n.saturating_sub(1))
    }

    /// 128 random bits in the form of a version 4 UUID (RFC 9562, section 5.4).
    pub fn uuid(&mut self) -> u128 {
        let bits = (u128::from(self.bits()) << 64) | u128::from(self.bits());
        (bits & 0xffff_ffff_ffff_0fff_3fff_ffff_ffff_ffff) | 0x0000_0000_0000_4000_8000_0000_0000_0000
    }
}

/// The finalizer of `SplitMix64`: a bijection of 64 bits whose output looks random.
pub fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

/// A seed from a seed and a name (FNV-1a over the bytes, then mixed), so that two columns never share a stream.
pub fn derive(seed: u64, name: &str) -> u64 {
    let hash =
        name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    mix(mix(seed ^ GOLDEN) ^ hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zipf_prefers_the_first_and_stays_inside() {
        let mut random = Random::new(1);
        let mut counts = [0_u32; 100];
        for _ in 0..100_000 {
            counts[usize::try_from(random.zipf(100, 1.0)).expect("small")] += 1;
        }
        // On 1..101 with exponent 1 the first rank has ln 2 / ln 101 = 15 %, the tenth 2.1 %.
        assert!((14_000..16_000).contains(&counts[0]), "{}", counts[0]);
        assert!((1_700..2_500).contains(&counts[9]), "{}", counts[9]);
        assert!(counts[99] > 0);
        assert_eq!(Random::new(1).zipf(1, 0.7), 0);
    }

    #[test]
    fn fractions_are_uniform_and_exponentials_have_mean_one() {
        let mut random = Random::new(42);
        let mean = (0..100_000).map(|_| random.fraction()).sum::<f64>() / 100_000.0;
        assert!((0.495..0.505).contains(&mean), "{mean}");
        let mean = (0..100_000).map(|_| random.exponential()).sum::<f64>() / 100_000.0;
        assert!((0.98..1.02).contains(&mean), "{mean}");
    }

    #[test]
    fn a_uuid_says_its_version() {
        let uuid = Random::new(3).uuid();
        assert_eq!((uuid >> 76) & 0xf, 4);
        assert_eq!((uuid >> 62) & 0b11, 0b10);
    }

    #[test]
    fn the_stream_never_changes() {
        // From the reference implementation: a state of 1234567 gives this first number.
        let mut random = Random { state: 1_234_567 };
        assert_eq!(random.bits(), 6_457_827_717_110_365_317);
    }
}
