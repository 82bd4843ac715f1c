//! Units: rows, pages, bytes and milliseconds never mix.
//!
//! Arithmetic is offered only where it means something; lossy casts of the language are denied in this workspace, and the few that
//! are needed stand here, with the reason that they are harmless.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize};

/// A count of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bytes(pub u64);

/// A count of disk pages, each of the server's `block_size` bytes (8192 unless it was compiled otherwise).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pages(pub u64);

/// A count of rows; counters and estimates of the server, so never negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rows(pub u64);

/// A duration in milliseconds, as the server's statistics views report it.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Milliseconds(pub f64);

impl Bytes {
    /// This many bytes as a floating-point number, exact below 2^53 (eight petabytes).
    pub fn as_f64(self) -> f64 {
        count_as_f64(self.0)
    }
}

impl Pages {
    /// The size of this many pages of `block_size` bytes each.
    pub fn bytes(self, block_size: u64) -> Bytes {
        Bytes(self.0.saturating_mul(block_size))
    }
}

impl Rows {
    /// This many rows as a floating-point number, exact below 2^53.
    pub fn as_f64(self) -> f64 {
        count_as_f64(self.0)
    }
}

/// A count as a floating-point number, exact below 2^53.
#[expect(clippy::cast_precision_loss, reason = "counts of rows and bytes stay below 2^53")]
pub fn count_as_f64(count: u64) -> f64 {
    count as f64
}

/// The nearest whole count to `value`; negative values and NaN become 0.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and NaN becomes 0: exactly what is wanted here"
)]
pub fn f64_as_count(value: f64) -> u64 {
    value.round() as u64
}

/// `part / whole`, or `None` when there is no whole to take a part of.
pub fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| count_as_f64(part) / count_as_f64(whole))
}

impl Add for Bytes {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Bytes {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Sum for Bytes {
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        parts.fold(Self(0), Add::add)
    }
}

/// As `pg_size_pretty` would, with decimal points: `310 MB`, `1.20 GB`; powers of 1024.
impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
        if self.0 < 1024 {
            return write!(f, "{} B", self.0);
        }
        let mut value = self.as_f64() / 1024.0;
        let mut unit = 0;
        while value >= 999.5 && unit + 1 < UNITS.len() {
            value /= 1024.0;
            unit += 1;
        }
        write!(f, "{} {}", three_digits(value), UNITS[unit])
    }
}

/// Digits in groups of three: `3 000 000`.
impl fmt::Display for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&grouped(self.0))
    }
}

/// `0.042 ms`, `12.3 ms`, `4.20 s`, `3.5 min`.
impl fmt::Display for Milliseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            value if value < 1_000.0 => write!(f, "{} ms", three_digits(value)),
            value if value < 120_000.0 => write!(f, "{} s", three_digits(value / 1_000.0)),
            value => write!(f, "{} min", three_digits(value / 60_000.0)),
        }
    }
}

/// A non-negative number to three significant digits: `0.0421`, `1.23`, `12.3`, `1230`.
pub fn three_digits(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return "0".to_owned();
    }
    let decimals = match value.abs() {
        magnitude if magnitude >= 99.95 => 0,
        magnitude if magnitude >= 9.995 => 1,
        magnitude if magnitude >= 0.9995 => 2,
        magnitude if magnitude >= 0.09995 => 3,
        _ => 4,
    };
    format!("{value:.decimals$}")
}

/// A count with its digits in groups of three, separated by spaces: `3 000 000`.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_read_as_a_person_writes_them() {
        assert_eq!(Bytes(17).to_string(), "17 B");
        assert_eq!(Bytes(8192).to_string(), "8.00 kB");
        assert_eq!(Bytes(310 * 1024 * 1024).to_string(), "310 MB");
        assert_eq!(Bytes(1023 * 1024).to_string(), "0.999 MB");
    }

    #[test]
    fn durations_keep_three_digits() {
        assert_eq!(Milliseconds(0.0421).to_string(), "0.0421 ms");
        assert_eq!(Milliseconds(12.34).to_string(), "12.3 ms");
        assert_eq!(Milliseconds(4200.0).to_string(), "4.20 s");
    }

    #[test]
    fn rows_are_grouped() {
        assert_eq!(Rows(3_000_000).to_string(), "3 000 000");
        assert_eq!(Rows(12).to_string(), "12");
    }

    #[test]
    fn a_ratio_of_nothing_is_none() {
        assert_eq!(ratio(3, 0), None);
        assert_eq!(ratio(1, 4), Some(0.25));
    }
}
