//! How much of a table sequential scans read: when that is too much, and the numbers that say so.

use pgtailor_model::finding::Evidence;
use pgtailor_model::quantity::{Quantity, Unit};
use pgtailor_model::snapshot::Snapshot;
use pgtailor_model::unit::{count_as_f64, ratio};

use crate::family::{Family, rows};
use crate::threshold::{SMALL_TABLE_PAGES, WHOLE_READS};

/// How a table is read.
pub(crate) struct Reading {
    /// Rows read by sequential scans.
    pub(crate) sequential_rows: u64,
    /// Rows read by index scans.
    pub(crate) index_rows: u64,
    /// Fraction, 0 to 1, of all rows read that sequential scans read.
    pub(crate) share: f64,
    /// Rows of the table.
    pub(crate) rows: u64,
}

/// How `family` is read, when that is worth a finding.
pub(crate) fn reading(family: &Family<'_>, snapshot: &Snapshot) -> Option<Reading> {
    let counters = family.counters(snapshot)?;
    let total = |parts: &mut dyn Iterator<Item = u64>| parts.fold(0, u64::saturating_add);
    let sequential_rows = total(&mut counters.iter().map(|counters| counters.sequential_rows.0));
    let index_rows = total(&mut counters.iter().map(|counters| counters.index_rows.0));
    let rows = total(&mut family.leaves.iter().zip(&counters).map(|(leaf, counters)| rows(leaf, counters).0));
    let share = ratio(sequential_rows, sequential_rows.saturating_add(index_rows))?;
    let is_suspect = family.pages() >= SMALL_TABLE_PAGES && rows > 0 && sequential_rows / rows >= WHOLE_READS;
    is_suspect.then_some(Reading { sequential_rows, index_rows, share, rows })
}

/// The numbers of `reading`.
pub(crate) fn evidence(family: &Family<'_>, reading: &Reading, snapshot: &Snapshot) -> Vec<Evidence> {
    let rows = |count| Quantity::measured(count_as_f64(count), Unit::Rows);
    let scans = family.counters(snapshot).unwrap_or_default().iter().map(|counters| counters.sequential_scans).sum::<u64>();
    let mut evidence = vec![
        Evidence { label: "rows read by sequential scans".to_owned(), quantity: rows(reading.sequential_rows) },
        Evidence { label: "rows read by index scans".to_owned(), quantity: rows(reading.index_rows) },
        Evidence {
            label: "sequential share of rows read".to_owned(),
            quantity: Quantity::measured(reading.share, Unit::Fraction),
        },
        Evidence { label: "sequential scans".to_owned(), quantity: Quantity::measured(count_as_f64(scans), Unit::Count) },
        Evidence { label: "rows of the table".to_owned(), quantity: Quantity::estimated(count_as_f64(reading.rows), Unit::Rows) },
    ];
    let sizes: Option<u64> = family.leaves.iter().map(|leaf| leaf.size.map(|size| size.0)).sum();
    if let Some(size) = sizes {
        evidence.push(Evidence {
            label: "size of the table".to_owned(),
            quantity: Quantity::measured(count_as_f64(size), Unit::Bytes),
        });
    }
    evidence
}
