//! `unvacuumed-inserts`: rows that nobody has marked as visible to all.

use pgtailor_model::activity::TableActivity;
use pgtailor_model::catalog::{Table, TableKind};
use pgtailor_model::change::Change;
use pgtailor_model::finding::{Finding, Severity};
use pgtailor_model::name::printable;
use pgtailor_model::snapshot::NotExamined;
use pgtailor_model::unit::ratio;

use super::{Check, Subject};
use crate::evidence::{count_evidence, fraction_evidence};
use crate::family::{rows, without_counters};
use crate::setting::Trigger;
use crate::threshold::{INVISIBLE_SHARE, LARGE_TABLE_PAGES, TIMES_OVER_TRIGGER};

/// Large tables that grew much since they were vacuumed.
///
/// # What it finds
///
/// Tables of 1000 pages or more, most of whose pages are not marked all-visible, with three times as many rows inserted since the last
/// vacuum as should have started the next (`autovacuum_vacuum_insert_threshold + autovacuum_vacuum_insert_scale_factor × rows`, server
/// 13 and later).
///
/// # Why it matters
///
/// An index-only scan must look into the table for every row on a page that is not all-visible, so it is an index scan in all but name.
/// And what is not frozen in small portions is frozen later in one large one.
///
/// # Example
///
/// ```sql
/// COPY events FROM STDIN;                              -- every night
/// SELECT count(*) FROM events WHERE at >= '2024-01-01';  -- reads the table, although the index has all it asks for
/// ```
///
/// # Instead
///
/// ```sql
/// VACUUM events;
/// ```
///
/// # When to ignore it
///
/// Right after a bulk load, until autovacuum has been there; where rows are updated again before anybody reads them.
pub(super) struct UnvacuumedInserts;

impl Check for UnvacuumedInserts {
    fn name(&self) -> &'static str {
        "unvacuumed-inserts"
    }

    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let tables = subject.snapshot.catalog.tables.iter().filter(|table| table.kind == TableKind::Table);
        tables.filter_map(|table| self.finding(table, subject.snapshot.activity.tables.get(&table.oid)?, subject)).collect()
    }

    fn not_examined(&self, subject: &Subject<'_>) -> Vec<NotExamined> {
        without_counters(subject.snapshot)
    }
}

impl UnvacuumedInserts {
    fn finding(&self, table: &Table, counters: &TableActivity, subject: &Subject<'_>) -> Option<Finding> {
        let inserted = counters.inserted_since_vacuum;
        let trigger = Trigger::insertions(subject.snapshot, table).rows(rows(table, counters));
        let pages = table.size.map_or(table.pages.0, |size| size.0 / u64::from(subject.snapshot.server.block_size));
        let invisible = ratio(pages.saturating_sub(table.all_visible.0), pages)?;
        let is_due = inserted.as_f64() >= TIMES_OVER_TRIGGER * trigger;
        if pages < LARGE_TABLE_PAGES || invisible < INVISIBLE_SHARE || !is_due {
            return None;
        }
        let problem = format!("{} grew much since it was vacuumed, so index-only scans of it look into the table", table.name);
        let advice = format!("run VACUUM {}", printable(&table.name.sql()));
        Some(Finding {
            evidence: vec![
                fraction_evidence("pages that are not all-visible", invisible),
                count_evidence("rows inserted since the last vacuum", inserted.0),
            ],
            remedy: Some(Change::Vacuum { table: table.name.clone(), table_oid: table.oid, freeze: false }),
            ..Finding::new(self.name(), Severity::Notice, &table.name, problem, advice)
        })
    }
}

#[cfg(test)]
mod tests {
    use pgtailor_model::unit::{Pages, Rows};
    use pgtailor_model::workload::Workload;

    use super::*;
    use crate::fixture::{Fixture, activity};

    fn found(pages: u64, visible: u64, inserted: u64) -> Vec<Finding> {
        let counters = TableActivity { inserted_since_vacuum: Rows(inserted), ..activity(100_000, 0, 10) };
        let fixture = Fixture::new().table("events", pages, &["a"]).activity("events", counters);
        let fixture = fixture.edit("events", |table| table.all_visible = Pages(visible));
        UnvacuumedInserts.find(&Subject::new(&fixture.snapshot(), &Workload::default()))
    }

    #[test]
    fn three_times_the_trigger_on_a_large_table_of_invisible_pages() {
        // 1000 + 0.2 × 100 000 inserted rows start autovacuum.
        assert_eq!(found(1_000, 500, 63_000).len(), 1);
        assert_eq!(found(1_000, 500, 62_999), []);
        assert_eq!(found(1_000, 501, 63_000), []);
        assert_eq!(found(999, 0, 63_000), []);
    }
}
