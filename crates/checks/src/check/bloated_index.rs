//! `bloated-index`: B-trees that are much larger than a rebuild would make them.

use pgtailor_model::catalog::{Index, Table, TableKind};
use pgtailor_model::finding::{Evidence, Finding, Severity};
use pgtailor_model::index::{IndexKey, KeyPart};
use pgtailor_model::name::printable;
use pgtailor_model::quantity::{Quantity, Unit};
use pgtailor_model::snapshot::{NotExamined, Snapshot};
use pgtailor_model::unit::{Bytes, f64_as_count};

use super::{Check, Subject};
use crate::evidence::size_evidence;
use crate::family::rows;
use crate::indexes::{is_small, rebuild_change, sql_name, unexamined_indexes};
use crate::threshold::{BLOAT_SHARE, FRESH_SIZE_ERROR, FRESH_SIZE_ERROR_OF_SHARED, MOSTLY_DISTINCT, MUCH_SPACE, STALE_SHARE};

/// B-trees that hold much space without entries.
///
/// # What it finds
///
/// Valid B-trees of at least 100 pages of which a rebuild would free two fifths and more. What a fresh build takes is computed from the
/// statistics as `CREATE INDEX` lays pages out, with the index's fill factor; the sentence says how far that may be off, and an index is
/// told only when the smaller figure is large enough as well. Columns are taken as independent: where they follow from one another the
/// estimate is too large, and bloat may go untold.
///
/// # Why it matters
///
/// Every scan reads more pages, and memory holds less that is of use. Deletes and updates leave room that is only used again by keys of the
/// same pages; vacuum does not give it back.
///
/// # Example
///
/// ```sql
/// DELETE FROM events WHERE created_at < now() - interval '1 year' AND NOT important;
/// ```
///
/// # Instead
///
/// ```sql
/// REINDEX INDEX CONCURRENTLY events_created_at;
/// ```
///
/// # When to ignore it
///
/// When as many rows will come again into the same range of keys. For certainty `pgstatindex` of the extension `pgstattuple` reads the whole
/// index.
pub(super) struct BloatedIndex;

impl Check for BloatedIndex {
    fn name(&self) -> &'static str {
        "bloated-index"
    }

    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        large_btrees(subject.snapshot).filter_map(|(table, index)| self.finding(table, index, subject)).collect()
    }

    fn not_examined(&self, subject: &Subject<'_>) -> Vec<NotExamined> {
        let (snapshot, known) = (subject.snapshot, subject.fresh_sizes);
        let unknown = large_btrees(snapshot).filter(|(_, index)| !known.contains_key(&index.oid));
        let stale = large_btrees(snapshot).filter(|(table, index)| known.contains_key(&index.oid) && is_stale(table, snapshot));
        let contradicted = large_btrees(snapshot).filter(|(table, index)| {
            let fresh = known.get(&index.oid).map_or(0.0, |fresh| fresh.value);
            !is_stale(table, snapshot) && index.size.is_some_and(|size| fresh > size.as_f64() * FRESH_SIZE_ERROR)
        });
        let unknown = unexamined_indexes(
            unknown.map(|(_, index)| index),
            "what a rebuild would take cannot be told from statistics: they are over expressions, partial, or on tables that were never analyzed",
        );
        let stale = unexamined_indexes(
            stale.map(|(_, index)| index),
            "their tables changed too much since they were analyzed to tell what a rebuild would take",
        );
        let contradicted = unexamined_indexes(
            contradicted.map(|(_, index)| index),
            "statistics say that a rebuild would be larger than the index is: its columns follow from one another, or values are shared in a \
             way that the statistics do not show",
        );
        unknown.into_iter().chain(stale).chain(contradicted).collect()
    }
}

impl BloatedIndex {
    fn finding(&self, table: &Table, index: &Index, subject: &Subject<'_>) -> Option<Finding> {
        let (size, fresh) = (index.size?, subject.fresh_sizes.get(&index.oid)?);
        let share = |fresh: f64| (1.0 - fresh / size.as_f64()).max(0.0);
        let error = error(table, index);
        let at_least = share(fresh.value * error);
        if at_least < BLOAT_SHARE || is_stale(table, subject.snapshot) {
            return None;
        }
        let freed = f64_as_count(size.as_f64() - fresh.value);
        let fraction = |value| Quantity::estimated(value, Unit::Fraction);
        let (likely, at_least, at_most) =
            (fraction(share(fresh.value)), fraction(at_least), fraction(share(fresh.value / error)));
        let evidence = |label: &str, quantity: Quantity| Evidence { label: label.to_owned(), quantity };
        let may_follow = index.definition.as_ref().is_some_and(|one| one.keys.len() > 1 && !one.unique && one.include.is_empty());
        Some(Finding {
            check: self.name().to_owned(),
            object: Some(index.name.clone()),
            severity: if freed >= MUCH_SPACE { Severity::Warning } else { Severity::Notice },
            table: table.name.clone(),
            problem: format!(
                "index {} of {} takes {size}, and a rebuild would take {fresh}: {likely} of it is bloat, from {at_least} to {at_most} as \
                 far as statistics can tell{}",
                printable(&index.name),
                table.name,
                if may_follow { ", or more when its columns follow from one another" } else { "" }
            ),
            evidence: vec![
                evidence("space that a rebuild frees", Quantity::estimated(Bytes(freed).as_f64(), Unit::Bytes)),
                size_evidence("size of the index", size),
                evidence("size after a rebuild", *fresh),
                evidence("bloat", likely),
                evidence("bloat, at least", at_least),
                evidence("bloat, at most", at_most),
            ],
            statements: Vec::new(),
            advice: format!(
                "run REINDEX INDEX CONCURRENTLY {}; it needs room for the new index beside the old one",
                sql_name(table, index)
            ),
            remedy: rebuild_change(table, index),
        })
    }
}

/// How far the estimate may be off, as a factor.
fn error(table: &Table, index: &Index) -> f64 {
    let rows = table.estimated_rows.unwrap_or_default().as_f64();
    let Some(definition) = &index.definition else { return FRESH_SIZE_ERROR_OF_SHARED };
    let is_distinct = |key: &IndexKey| match &key.part {
        KeyPart::Column(name) => table
            .column(name)
            .and_then(|column| column.statistics)
            .is_some_and(|statistics| statistics.distinct >= MOSTLY_DISTINCT * rows * (1.0 - statistics.null_fraction)),
        KeyPart::Expression(_) => false,
    };
    if definition.unique || definition.keys.iter().any(is_distinct) { FRESH_SIZE_ERROR } else { FRESH_SIZE_ERROR_OF_SHARED }
}

fn large_btrees(snapshot: &Snapshot) -> impl Iterator<Item = (&Table, &Index)> {
    let is_btree = |index: &Index| index.valid && index.definition.as_ref().is_none_or(|one| one.method == "btree");
    let indexes = snapshot.catalog.indexes().filter(|(table, _)| table.kind != TableKind::Partitioned);
    indexes.filter(move |(_, index)| is_btree(index) && !is_small(index.size, snapshot))
}

/// Whether so many rows changed since the last analyze that the statistics do not tell the size of anything.
fn is_stale(table: &Table, snapshot: &Snapshot) -> bool {
    let counters = snapshot.activity.tables.get(&table.oid);
    counters.is_some_and(|counters| counters.modified_since_analyze.as_f64() > STALE_SHARE * rows(table, counters).as_f64())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use pgtailor_model::activity::TableActivity;
    use pgtailor_model::change::Change;
    use pgtailor_model::index::IndexDefinition;
    use pgtailor_model::unit::Rows;
    use pgtailor_model::workload::Workload;

    use super::*;
    use crate::fixture::{Fixture, activity};

    fn events() -> Fixture {
        let fixture = Fixture::new().table("events", 5000, &["at"]).activity("events", activity(100_000, 0, 9));
        fixture.index("events", IndexDefinition::btree(["at"])).index_pages("events", 1000)
    }

    /// The findings and how many indexes could not be examined, when a rebuild takes this many pages.
    fn found(fixture: Fixture, fresh_pages: f64) -> (Vec<Finding>, usize) {
        let oid = fixture.last_oid("events");
        let sizes = BTreeMap::from([(oid, Quantity::estimated(fresh_pages * 8192.0, Unit::Bytes))]);
        let (snapshot, workload) = (fixture.snapshot(), Workload::default());
        let subject = Subject { fresh_sizes: &sizes, ..Subject::new(&snapshot, &workload) };
        (BloatedIndex.find(&subject), BloatedIndex.not_examined(&subject).len())
    }

    #[test]
    fn the_smaller_figure_decides_and_both_are_said() {
        let limit = |error: f64| 1000.0 * (1.0 - BLOAT_SHARE) / error;
        let distinct = || events().distinct("events", "at", 90_000.0);
        assert_eq!(found(distinct(), limit(FRESH_SIZE_ERROR) + 1.0).0, []);
        assert_eq!(found(distinct(), limit(FRESH_SIZE_ERROR) - 1.0).0.len(), 1);
        let shared = || events().rows("events", 100_000).distinct("events", "at", 90.0);
        assert_eq!(found(shared(), limit(FRESH_SIZE_ERROR_OF_SHARED) + 1.0).0, []);
        let (findings, _) = found(distinct(), 200.0);
        assert!(findings[0].problem.contains("80.0 % of it is bloat, from 77.0 % to 82.6 %"), "{}", findings[0].problem);
        assert!(matches!(findings[0].remedy, Some(Change::RebuildIndex { .. })));
        assert_eq!(findings[0].severity, Severity::Notice);
    }

    #[test]
    fn an_estimate_that_the_index_contradicts_is_said() {
        assert_eq!(found(events(), 1100.0), (Vec::new(), 0));
        assert_eq!(found(events(), 1200.0), (Vec::new(), 1));
    }

    #[test]
    fn small_ones_never_fire_and_stale_or_missing_statistics_are_said() {
        assert_eq!(found(events().index_pages("events", 99), 10.0), (Vec::new(), 0));
        let changed = TableActivity { modified_since_analyze: Rows(20_001), ..activity(100_000, 0, 9) };
        assert_eq!(found(events().activity("events", changed), 10.0), (Vec::new(), 1));
        let snapshot = events().snapshot();
        let workload = Workload::default();
        let subject = Subject::new(&snapshot, &workload);
        assert_eq!(BloatedIndex.not_examined(&subject)[0].object, "events_index_1");
    }
}
