//! Sums up measured durations: mean, quantiles, and a curve of quantiles to draw.

use pgtailor_model::unit::{Milliseconds, count_as_f64, f64_as_count};
use serde::{Deserialize, Serialize};

/// How many points a [`Summary`]'s curve has.
pub const CURVE_POINTS: usize = 50;

/// What many durations come to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// How many there were.
    pub executions: u64,
    /// Their arithmetic mean.
    pub mean: Milliseconds,
    /// The middle one.
    pub median: Milliseconds,
    /// Nineteen in twenty were no longer.
    pub p95: Milliseconds,
    /// Ninety-nine in a hundred were no longer.
    pub p99: Milliseconds,
    /// Their sum.
    pub total: Milliseconds,
    /// The quantiles 0/49, 1/49 … 49/49: from the shortest to the longest. Empty when there were none.
    pub curve: Vec<Milliseconds>,
}

/// The summary of `micros`, durations in microseconds, in any order; they are sorted on the way. All zero when there are none.
pub fn summarize(micros: &mut [u32]) -> Summary {
    micros.sort_unstable();
    let executions = u64::try_from(micros.len()).unwrap_or(u64::MAX);
    if executions == 0 {
        return Summary::default();
    }
    let total: u64 = micros.iter().map(|&duration| u64::from(duration)).sum();
    let last = u32::try_from(CURVE_POINTS - 1).unwrap_or(1);
    Summary {
        executions,
        mean: Milliseconds(count_as_f64(total) / count_as_f64(executions) / 1_000.0),
        median: quantile(micros, 0.5),
        p95: quantile(micros, 0.95),
        p99: quantile(micros, 0.99),
        total: Milliseconds(count_as_f64(total) / 1_000.0),
        curve: (0..=last).map(|point| quantile(micros, f64::from(point) / f64::from(last))).collect(),
    }
}

/// The quantile `fraction` (0 to 1) of sorted durations in microseconds, by linear interpolation between the two nearest (Hyndman and
/// Fan: "Sample quantiles in statistical packages", 1996, definition 7). 0 when there are none.
pub fn quantile(sorted: &[u32], fraction: f64) -> Milliseconds {
    let Some(last) = sorted.len().checked_sub(1) else { return Milliseconds(0.0) };
    let place = fraction.clamp(0.0, 1.0) * count_as_f64(u64::try_from(last).unwrap_or(u64::MAX));
    let below = usize::try_from(f64_as_count(place.floor())).unwrap_or(last).min(last);
    let above = (below + 1).min(last);
    let (low, high) = (f64::from(sorted[below]), f64::from(sorted[above]));
    Milliseconds((low + (high - low) * place.fract()) / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_up_a_known_series() {
        let mut micros: Vec<u32> = (0..=100).rev().map(|step| step * 1_000).collect();
        let summary = summarize(&mut micros);
        assert_eq!((summary.executions, summary.mean, summary.median), (101, Milliseconds(50.0), Milliseconds(50.0)));
        assert_eq!((summary.p95, summary.p99, summary.total), (Milliseconds(95.0), Milliseconds(99.0), Milliseconds(5_050.0)));
        assert_eq!(summary.curve.len(), CURVE_POINTS);
        assert_eq!((summary.curve[0], summary.curve[CURVE_POINTS - 1]), (Milliseconds(0.0), Milliseconds(100.0)));
        assert!(summary.curve.windows(2).all(|pair| pair[0] <= pair[1]));
    }

    #[test]
    fn interpolates_and_survives_none_and_one() {
        assert_eq!(quantile(&[1_000, 2_000], 0.5), Milliseconds(1.5));
        assert_eq!(quantile(&[7_000], 0.99), Milliseconds(7.0));
        assert_eq!(summarize(&mut []), Summary::default());
    }
}
