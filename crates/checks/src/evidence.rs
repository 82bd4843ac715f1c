//! Numbers of findings, by what they count.

use pgtailor_model::finding::Evidence;
use pgtailor_model::quantity::{Quantity, Unit};
use pgtailor_model::unit::{Bytes, count_as_f64};

/// A size as evidence.
pub(crate) fn size_evidence(label: impl Into<String>, size: Bytes) -> Evidence {
    Evidence::new(label, Quantity::measured(size.as_f64(), Unit::Bytes))
}

/// A count as evidence.
pub(crate) fn count_evidence(label: impl Into<String>, count: u64) -> Evidence {
    Evidence::new(label, Quantity::measured(count_as_f64(count), Unit::Count))
}

/// A measured fraction, 0 to 1, as evidence.
pub(crate) fn fraction_evidence(label: impl Into<String>, fraction: f64) -> Evidence {
    Evidence::new(label, Quantity::measured(fraction, Unit::Fraction))
}
