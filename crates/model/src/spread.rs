//! How much the times of a statement's executions differ, and how that adds up and is taken apart.
//!
//! A mean hides a slow tail; a deviation shows it. Means and deviations of parts make those of the whole by the formula of Chan, Golub and
//! `LeVeque` ("Updating Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979), which loses no digits where sums of squares would.

use serde::{Deserialize, Serialize};

use crate::unit::{Milliseconds, count_as_f64};

/// How much the times of executions differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The standard deviation of all executions (not of a sample of them).
    pub deviation: Milliseconds,
    /// The longest execution; `None` when that is not known.
    pub longest: Option<Milliseconds>,
}

/// Executions, their total time, and how they differ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Executions {
    /// How many.
    pub calls: u64,
    /// Their total time.
    pub total_time: Milliseconds,
    /// How they differ.
    pub spread: Spread,
}

impl Spread {
    /// That of one execution, which took `time`.
    pub fn of_one(time: Milliseconds) -> Self {
        Self { deviation: Milliseconds(0.0), longest: Some(time) }
    }

    /// That of both together.
    pub fn of_both(one: &Executions, other: &Executions) -> Self {
        if one.calls == 0 {
            return other.spread;
        }
        if other.calls == 0 {
            return one.spread;
        }
        let all = one.n() + other.n();
        let squares = one.squares() + other.squares() + (one.mean() - other.mean()).powi(2) * one.n() * other.n() / all;
        let longest = one.spread.longest.zip(other.spread.longest).map(|(one, other)| Milliseconds(one.0.max(other.0)));
        Self { deviation: Milliseconds((squares / all).max(0.0).sqrt()), longest }
    }

    /// That of the executions of `later` that are not among `earlier`, which are a part of them; `None` when there are none.
    ///
    /// The longest is known when it is longer than any before: the same one may be in either part.
    pub fn of_rest(later: &Executions, earlier: &Executions) -> Option<Self> {
        let calls = later.calls.checked_sub(earlier.calls).filter(|calls| *calls > 0)?;
        let n = count_as_f64(calls);
        let mean = (later.total_time.0 - earlier.total_time.0) / n;
        let between = if earlier.calls == 0 { 0.0 } else { (mean - earlier.mean()).powi(2) * earlier.n() * n / later.n() };
        let squares = later.squares() - earlier.squares() - between;
        let longest = later
            .spread
            .longest
            .filter(|longest| earlier.calls == 0 || earlier.spread.longest.is_some_and(|before| longest.0 > before.0));
        Some(Self { deviation: Milliseconds((squares / n).max(0.0).sqrt()), longest })
    }
}

impl Executions {
    fn n(&self) -> f64 {
        count_as_f64(self.calls)
    }

    fn mean(&self) -> f64 {
        self.total_time.0 / self.n()
    }

    /// The sum of squared distances from the mean.
    fn squares(&self) -> f64 {
        self.spread.deviation.0.powi(2) * self.n()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(times: &[f64]) -> Executions {
        let n = count_as_f64(u64::try_from(times.len()).expect("few"));
        let mean = times.iter().sum::<f64>() / n;
        let variance = times.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / n;
        let longest = times.iter().copied().fold(0.0, f64::max);
        Executions {
            calls: u64::try_from(times.len()).expect("few"),
            total_time: Milliseconds(times.iter().sum()),
            spread: Spread { deviation: Milliseconds(variance.sqrt()), longest: Some(Milliseconds(longest)) },
        }
    }

    fn assert_close(one: f64, other: f64) {
        assert!((one - other).abs() < 1e-9 * other.abs().max(1.0), "{one} and {other}");
    }

    #[test]
    fn parts_make_the_whole_and_the_whole_less_a_part_the_other() {
        let (before, after) = ([1.0, 2.0, 30.0], [5.0, 900.0]);
        let whole = of(&[1.0, 2.0, 30.0, 5.0, 900.0]);
        let both = Spread::of_both(&of(&before), &of(&after));
        assert_close(both.deviation.0, whole.spread.deviation.0);
        assert_eq!(both.longest, Some(Milliseconds(900.0)));
        let rest = Spread::of_rest(&whole, &of(&before)).expect("two executions");
        assert_close(rest.deviation.0, of(&after).spread.deviation.0);
        assert_eq!(rest.longest, Some(Milliseconds(900.0)));
    }

    #[test]
    fn a_longest_execution_from_before_says_nothing_of_the_rest() {
        let rest = Spread::of_rest(&of(&[900.0, 1.0, 3.0]), &of(&[900.0])).expect("two executions");
        assert_eq!(rest.longest, None);
        assert_close(rest.deviation.0, 1.0);
        assert_eq!(Spread::of_rest(&of(&[1.0]), &of(&[1.0])), None);
    }

    #[test]
    fn equal_executions_do_not_differ_and_one_is_like_itself() {
        let one = Executions { calls: 1, total_time: Milliseconds(7.0), spread: Spread::of_one(Milliseconds(7.0)) };
        assert_close(Spread::of_both(&one, &one).deviation.0, 0.0);
        let none = Executions { calls: 0, total_time: Milliseconds(0.0), spread: Spread::default() };
        assert_eq!(Spread::of_both(&none, &one), one.spread);
        assert_eq!(Spread::of_rest(&one, &none), Some(one.spread));
    }
}
