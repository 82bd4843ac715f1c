//! Numbers that reach a person: value, unit and provenance together.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where a number comes from. "Faster" is only ever said of [`Provenance::Measured`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provenance {
    /// Counted or timed on a running server.
    Measured,
    /// Computed by a formula of ours from statistics.
    Estimated,
    /// Planned under a configuration that does not exist.
    WhatIf,
}

/// The unit of a [`Quantity`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Rows.
    Rows,
    /// Milliseconds.
    Milliseconds,
    /// A plain count (scans, calls, statements).
    Count,
    /// A fraction from 0 to 1, shown as a percentage.
    Fraction,
    /// Statements a second.
    PerSecond,
    /// PostgreSQL's planner cost units; not a time.
    PlannerCost,
}

/// A number with its unit and provenance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quantity {
    /// The number, in `unit`.
    pub value: f64,
    /// What it counts.
    pub unit: Unit,
    /// How it is known.
    pub provenance: Provenance,
}

impl Quantity {
    /// A measured number.
    pub fn measured(value: f64, unit: Unit) -> Self {
        Self { value, unit, provenance: Provenance::Measured }
    }

    /// An estimated number.
    pub fn estimated(value: f64, unit: Unit) -> Self {
        Self { value, unit, provenance: Provenance::Estimated }
    }
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Measured => "measured",
            Self::Estimated => "estimated",
            Self::WhatIf => "what-if",
        })
    }
}

/// The number with its unit, without the provenance: `310 MB`, `12 400`, `41.0 %`.
impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use crate::unit::{Bytes, Milliseconds, f64_as_count, grouped, three_digits};
        match self.unit {
            Unit::Bytes => write!(f, "{}", Bytes(f64_as_count(self.value))),
            Unit::Rows | Unit::Count => f.write_str(&grouped(f64_as_count(self.value))),
            Unit::Milliseconds => write!(f, "{}", Milliseconds(self.value)),
            Unit::Fraction => write!(f, "{} %", three_digits(self.value * 100.0)),
            Unit::PerSecond => write!(f, "{}/s", three_digits(self.value)),
            Unit::PlannerCost => write!(f, "{} planner cost", three_digits(self.value)),
        }
    }
}
