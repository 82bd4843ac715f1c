//! `bloated-table`: tables on far more pages than their rows need.

use pgtailor_model::catalog::{Table, TableKind};
use pgtailor_model::finding::{Evidence, Finding, Severity};
use pgtailor_model::name::printable;
use pgtailor_model::quantity::{Quantity, Unit};
use pgtailor_model::snapshot::{NotExamined, Snapshot};
use pgtailor_model::unit::{Bytes, count_as_f64, f64_as_count};

use super::{Check, Subject};
use crate::evidence::size_evidence;
use crate::row_size::{PAGE_HEADER, row_size};
use crate::threshold::{LARGE_TABLE_PAGES, MUCH_SPACE, STALE_SHARE, TABLE_BLOAT_SHARE};
use crate::unexamined::unexamined;

/// Tables that are mostly empty space.
///
/// # What it finds
///
/// Tables of 1000 pages or more at least half of which is not needed for the rows that they hold. What rows need is computed from the
/// planner's statistics (widths and shares of nulls) and the layout of pages, fill factor included, so it is told where those are fresh
/// only; alignment makes it uncertain by a tenth, and columns that were dropped still take their space in old rows.
///
/// # Why it matters
///
/// Every sequential scan reads the empty pages, they are backed up, and they push others out of the cache. New rows fill the space, but a
/// table that shrank for good keeps it.
///
/// # Example
///
/// ```sql
/// DELETE FROM events WHERE at < now() - interval '1 month';  -- once, after three years
/// ```
///
/// # Instead
///
/// ```sql
/// -- pg_repack --table=events, which copies the table beside itself and swaps the two under a short lock;
/// -- or partitions by month, which are dropped instead of emptied
/// ```
///
/// # When to ignore it
///
/// When the table will fill up again, which costs nothing; while somebody is loading or deleting.
pub(super) struct BloatedTable;

impl Check for BloatedTable {
    fn name(&self) -> &'static str {
        "bloated-table"
    }

    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        large(subject.snapshot).filter_map(|table| self.finding(table, subject.snapshot)).collect()
    }

    fn not_examined(&self, subject: &Subject<'_>) -> Vec<NotExamined> {
        let unknown = large(subject.snapshot).filter(|table| needed(table, subject.snapshot).is_none());
        let reason = "the statistics of their columns are missing or old; ANALYZE makes new ones";
        unexamined(unknown.map(|table| table.name.to_string()), ("table", "tables"), reason).into_iter().collect()
    }
}

impl BloatedTable {
    fn finding(&self, table: &Table, snapshot: &Snapshot) -> Option<Finding> {
        let size = table.size?.as_f64();
        let needed = needed(table, snapshot)?;
        let share = 1.0 - needed / size;
        if share < TABLE_BLOAT_SHARE {
            return None;
        }
        let wasted = size - needed;
        let severity = if wasted >= count_as_f64(MUCH_SPACE) { Severity::Warning } else { Severity::Notice };
        let share = Quantity::estimated(share, Unit::Fraction);
        let problem = format!("{share} of {} is empty: {} for rows that need {}", table.name, bytes(size), bytes(needed));
        let advice = format!(
            "leave it if the table fills up again; else pg_repack or pg_squeeze give the space back without blocking anybody for long \
             (VACUUM FULL {} does, and locks everybody out while it copies)",
            printable(&table.name.sql())
        );
        Some(Finding {
            evidence: vec![
                size_evidence("size of the table", Bytes(f64_as_count(size))),
                Evidence::new("what its rows need", Quantity::estimated(needed, Unit::Bytes)),
                Evidence::new("empty share", share),
            ],
            ..Finding::new(self.name(), severity, &table.name, problem, advice)
        })
    }
}

fn bytes(value: f64) -> Quantity {
    Quantity::estimated(value, Unit::Bytes)
}

fn large(snapshot: &Snapshot) -> impl Iterator<Item = &Table> {
    let block = u64::from(snapshot.server.block_size);
    let is_large = move |table: &&Table| table.size.is_some_and(|size| size.0 >= LARGE_TABLE_PAGES * block);
    snapshot.catalog.tables.iter().filter(|table| table.kind != TableKind::Partitioned).filter(is_large)
}

/// Bytes of the pages that the table's rows need; `None` when statistics do not tell.
fn needed(table: &Table, snapshot: &Snapshot) -> Option<f64> {
    let counters = snapshot.activity.tables.get(&table.oid)?;
    let rows = table.estimated_rows?.as_f64();
    // Deleted rows count as changes, and in `pages` the size as of the last vacuum or analyze: when much has changed since, neither holds.
    if counters.modified_since_analyze.as_f64() > STALE_SHARE * rows.max(1.0) {
        return None;
    }
    let bytes = row_size(table)?;
    let fill = table.parameters.get("fillfactor").and_then(|value| value.parse::<f64>().ok()).unwrap_or(100.0) / 100.0;
    let block = f64::from(snapshot.server.block_size);
    let rows_a_page = ((block - PAGE_HEADER) * fill / bytes).floor().max(1.0);
    Some((rows / rows_a_page).ceil() * block)
}

#[cfg(test)]
mod tests {
    use pgtailor_model::unit::Rows;
    use pgtailor_model::workload::Workload;

    use super::*;
    use crate::fixture::{Fixture, activity};

    fn events(pages: u64, rows: u64) -> Fixture {
        Fixture::new()
            .table("events", pages, &["a", "b"])
            .distinct("events", "a", 10.0)
            .distinct("events", "b", 10.0)
            .edit("events", |table| table.estimated_rows = Some(Rows(rows)))
            .activity("events", activity(rows, 0, 10))
    }

    fn found(fixture: Fixture) -> Vec<Finding> {
        BloatedTable.find(&Subject::new(&fixture.snapshot(), &Workload::default()))
    }

    #[test]
    fn half_of_the_pages_must_be_empty() {
        // Two integers: 24 + 8 bytes and a pointer of 4 are 226 rows a page.
        assert_eq!(found(events(1_000, 114_000)), []);
        let findings = found(events(1_000, 112_000));
        assert!(findings[0].problem.starts_with("50.4 % of events is empty"), "{}", findings[0].problem);
        assert_eq!(found(events(999, 1_000)), [], "small tables are not worth a word");
    }

    #[test]
    fn the_fill_factor_is_no_bloat_and_old_statistics_are_no_evidence() {
        let half_full = |table: &mut Table| {
            table.parameters.insert("fillfactor".to_owned(), "50".to_owned());
        };
        assert_eq!(found(events(1_000, 112_000).edit("events", half_full)), []);
        let mut counters = activity(112_000, 0, 10);
        counters.modified_since_analyze = Rows(30_000);
        let snapshot = events(1_000, 112_000).activity("events", counters).snapshot();
        let workload = Workload::default();
        let subject = Subject::new(&snapshot, &workload);
        assert_eq!(BloatedTable.find(&subject), []);
        assert_eq!(BloatedTable.not_examined(&subject)[0].object, "events");
    }
}
