//! How tables are read, with a judgement that follows from the numbers shown.

use jiff::Timestamp;
use pgtailor_model::activity::TableActivity;
use pgtailor_model::performance::{Assessment, TablePerformance};
use pgtailor_model::quantity::{Quantity, Unit};
use pgtailor_model::snapshot::Snapshot;
use pgtailor_model::unit::{Bytes, Rows, ratio};

use crate::family::{Family, families, rows};
use crate::threshold::{DEAD_SHARE_WARNING, SEQUENTIAL_SHARE_POOR, SEQUENTIAL_SHARE_WATCH, SMALL_TABLE_PAGES, WHOLE_READS};

/// Every table of `snapshot`, those with most rows read sequentially first, those without counters last. Partitions are part of their
/// partitioned table.
///
/// A table is *unused* when no scan of it began in the window, and *good* when it is smaller than 100 pages, when sequential scans
/// read its rows fewer than ten times over, or when they account for less than 0.1 of all rows read; from there it is to *watch*, and
/// from 0.5 on *poor*. Dead rows of 0.2 and more of all rows make a good table one to watch.
pub fn table_performance(snapshot: &Snapshot) -> Vec<TablePerformance> {
    let mut tables: Vec<TablePerformance> = families(snapshot).iter().map(|family| performance(family, snapshot)).collect();
    // Stable: equal ones stay in the catalog's order, by name.
    tables.sort_by_key(|table| std::cmp::Reverse(table.sequential_rows));
    tables
}

fn performance(family: &Family<'_>, snapshot: &Snapshot) -> TablePerformance {
    let leaves = &family.leaves;
    let index_sizes = leaves.iter().flat_map(|leaf| &leaf.indexes).map(|index| index.size);
    let mut performance = TablePerformance {
        table: family.root.name.clone(),
        oid: family.root.oid,
        estimated_rows: sum(leaves.iter().map(|leaf| leaf.estimated_rows.map(|rows| rows.0))).map(Rows),
        size: sum(leaves.iter().map(|leaf| leaf.size.map(|size| size.0))).map(Bytes),
        index_size: sum(index_sizes.map(|size| size.map(|size| size.0))).map(Bytes),
        sequential_scans: None,
        sequential_rows: None,
        index_scans: None,
        index_rows: None,
        sequential_share: None,
        live_rows: None,
        dead_rows: None,
        hot_share: None,
        last_vacuum: None,
        last_analyze: None,
        assessment: None,
        reason: "no counters were captured".to_owned(),
    };
    let Some(counters) = family.counters(snapshot) else { return performance };
    let total = |of: fn(&TableActivity) -> u64| counters.iter().map(|counters| of(counters)).fold(0, u64::saturating_add);
    let (sequential_rows, index_rows) = (total(|c| c.sequential_rows.0), total(|c| c.index_rows.0));
    performance.sequential_scans = Some(total(|c| c.sequential_scans));
    performance.index_scans = Some(total(|c| c.index_scans));
    performance.sequential_rows = Some(Rows(sequential_rows));
    performance.index_rows = Some(Rows(index_rows));
    performance.sequential_share = ratio(sequential_rows, sequential_rows.saturating_add(index_rows));
    performance.live_rows = Some(Rows(total(|c| c.live_rows.0)));
    performance.dead_rows = Some(Rows(total(|c| c.dead_rows.0)));
    performance.hot_share = ratio(total(|c| c.hot_updated), total(|c| c.updated));
    performance.last_vacuum = earliest(counters.iter().map(|c| c.last_vacuum));
    performance.last_analyze = earliest(counters.iter().map(|c| c.last_analyze));

    let rows = leaves.iter().zip(&counters).map(|(leaf, counters)| rows(leaf, counters).0).fold(0, u64::saturating_add);
    let (assessment, reason) = assess(&performance, family.pages(), rows);
    performance.assessment = Some(assessment);
    performance.reason = reason;
    performance
}

fn assess(table: &TablePerformance, pages: u64, rows: u64) -> (Assessment, String) {
    let scans = table.sequential_scans.unwrap_or(0).saturating_add(table.index_scans.unwrap_or(0));
    if scans == 0 {
        return (Assessment::Unused, "it was not read since the counters began".to_owned());
    }
    let dead = table.dead_rows.unwrap_or_default().0;
    let dead_share = ratio(dead, dead.saturating_add(rows)).filter(|share| *share >= DEAD_SHARE_WARNING);
    let good = |reason: String| match dead_share {
        Some(share) if pages >= SMALL_TABLE_PAGES => (Assessment::Watch, format!("{} of its rows are dead", percent(share))),
        _ => (Assessment::Good, reason),
    };
    if pages < SMALL_TABLE_PAGES {
        return good(format!("it is smaller than {SMALL_TABLE_PAGES} pages, and reading it whole is cheap"));
    }
    let Some(share) = table.sequential_share else {
        return good("its scans returned no rows".to_owned());
    };
    let whole_reads = table.sequential_rows.unwrap_or_default().0 / rows.max(1);
    let shown = percent(share);
    if whole_reads < WHOLE_READS {
        good(format!("sequential scans read its rows fewer than {WHOLE_READS} times over"))
    } else if share >= SEQUENTIAL_SHARE_POOR {
        (Assessment::Poor, format!("{shown} of all rows read came from sequential scans, which read it {whole_reads} times over"))
    } else if share >= SEQUENTIAL_SHARE_WATCH {
        (
            Assessment::Watch,
            format!("{shown} of all rows read came from sequential scans, which read it {whole_reads} times over"),
        )
    } else {
        good(format!("{shown} of all rows read came from sequential scans"))
    }
}

fn percent(share: f64) -> String {
    Quantity::measured(share, Unit::Fraction).to_string()
}

fn sum(parts: impl Iterator<Item = Option<u64>>) -> Option<u64> {
    parts.sum()
}

/// The earliest of the times; `None` when one is missing, since then it never happened there.
fn earliest(times: impl Iterator<Item = Option<Timestamp>>) -> Option<Timestamp> {
    times.collect::<Option<Vec<_>>>()?.into_iter().min()
}

#[cfg(test)]
mod tests {
    use pgtailor_model::catalog::TableKind;

    use super::*;
    use crate::fixture::{Fixture, activity};

    fn assessed(table: &TableActivity, pages: u64) -> (Option<Assessment>, Option<f64>) {
        let snapshot = Fixture::new().table("orders", pages, &["id"]).activity("orders", table.clone()).snapshot();
        let performance = &table_performance(&snapshot)[0];
        (performance.assessment, performance.sequential_share)
    }

    #[test]
    fn a_share_is_a_fraction_and_decides_at_its_threshold() {
        assert_eq!(assessed(&activity(1_000, 49_999, 50_001), 500), (Some(Assessment::Watch), Some(0.49999)));
        assert_eq!(assessed(&activity(1_000, 50_000, 50_000), 500), (Some(Assessment::Poor), Some(0.5)));
        assert_eq!(assessed(&activity(1_000, 50_000, 950_000), 500), (Some(Assessment::Good), Some(0.05)));
    }

    #[test]
    fn small_tables_and_single_dumps_are_good() {
        assert_eq!(assessed(&activity(1_000, 1_000_000, 0), 99).0, Some(Assessment::Good));
        assert_eq!(assessed(&activity(1_000, 9_000, 0), 500).0, Some(Assessment::Good));
    }

    #[test]
    fn a_table_that_is_not_read_is_unused_and_one_without_counters_is_unknown() {
        let idle = TableActivity { sequential_scans: 0, ..activity(1_000, 0, 0) };
        assert_eq!(assessed(&idle, 500), (Some(Assessment::Unused), None));
        let snapshot = Fixture::new().table("orders", 500, &["id"]).snapshot();
        let performance = &table_performance(&snapshot)[0];
        assert_eq!((performance.assessment, performance.sequential_rows, performance.dead_rows), (None, None, None));
    }

    #[test]
    fn dead_rows_make_a_good_table_one_to_watch() {
        let table = TableActivity { dead_rows: Rows(250), ..activity(1_000, 0, 10) };
        assert_eq!(assessed(&table, 500).0, Some(Assessment::Watch));
    }

    #[test]
    fn hot_share_needs_updates() {
        let of = |updated, hot_updated| {
            let table = TableActivity { updated, hot_updated, ..activity(1_000, 0, 10) };
            table_performance(&Fixture::new().table("t", 500, &["id"]).activity("t", table).snapshot())[0].hot_share
        };
        assert_eq!((of(0, 0), of(4, 1)), (None, Some(0.25)));
    }

    #[test]
    fn partitions_are_summed_and_most_read_come_first() {
        let snapshot = Fixture::new()
            .table("events", 0, &["id"])
            .kind("events", TableKind::Partitioned)
            .table("events_1", 300, &["id"])
            .partition_of("events_1", "events")
            .table("events_2", 300, &["id"])
            .partition_of("events_2", "events")
            .table("orders", 300, &["id"])
            .activity("events_1", activity(100, 40_000, 0))
            .activity("events_2", activity(100, 30_000, 0))
            .activity("orders", activity(100, 50_000, 0))
            .snapshot();
        let seen: Vec<(String, Option<Rows>)> =
            table_performance(&snapshot).into_iter().map(|table| (table.table.name, table.sequential_rows)).collect();
        assert_eq!(seen, [("events".to_owned(), Some(Rows(70_000))), ("orders".to_owned(), Some(Rows(50_000)))]);
    }
}
