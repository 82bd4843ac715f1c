//! `missing-statistics`: tables whose values the planner does not know, or no longer knows.

use pgtailor_model::activity::TableActivity;
use pgtailor_model::catalog::{Table, TableKind};
use pgtailor_model::change::Change;
use pgtailor_model::finding::{Evidence, Finding, Severity};
use pgtailor_model::name::printable;
use pgtailor_model::quantity::{Quantity, Unit};
use pgtailor_model::snapshot::NotExamined;

use super::{Check, Subject};
use crate::family::{rows, without_counters};
use crate::setting::{Trigger, autovacuum};
use crate::threshold::TIMES_OVER_TRIGGER;

/// Tables that were never analyzed, or not since most of their rows changed.
///
/// # What it finds
///
/// Tables with more rows than `autovacuum_analyze_threshold` that nobody analyzed and no column of which has statistics; and tables
/// with three times as many changed rows since the last analyze as should have started the next
/// (`autovacuum_analyze_threshold + autovacuum_analyze_scale_factor × rows`).
///
/// # Why it matters
///
/// Without statistics the planner guesses, and a wrong guess of rows turns an index scan into a sequential one, or a hash join into
/// a nested loop over millions of rows. Every other advice depends on these numbers, too.
///
/// # Example
///
/// ```sql
/// COPY orders FROM STDIN;                       -- ten million rows
/// SELECT * FROM orders WHERE customer_id = 7;   -- planned before autovacuum has been there
/// ```
///
/// # Instead
///
/// ```sql
/// ANALYZE orders;
/// ```
///
/// # When to ignore it
///
/// For tables that are emptied and filled all the time, where no statistics stay true.
pub(super) struct MissingStatistics;

impl Check for MissingStatistics {
    fn name(&self) -> &'static str {
        "missing-statistics"
    }

    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        // Statistics of partitioned tables are no business of autovacuum, and their counters say nothing of their rows.
        let tables = subject.snapshot.catalog.tables.iter().filter(|table| table.kind != TableKind::Partitioned);
        tables.filter_map(|table| self.finding(table, subject.snapshot.activity.tables.get(&table.oid)?, subject)).collect()
    }

    fn not_examined(&self, subject: &Subject<'_>) -> Vec<NotExamined> {
        without_counters(subject.snapshot)
    }
}

impl MissingStatistics {
    fn finding(&self, table: &Table, counters: &TableActivity, subject: &Subject<'_>) -> Option<Finding> {
        let trigger = Trigger::analyze(subject.snapshot, table);
        let rows = rows(table, counters);
        let changed = counters.modified_since_analyze;
        // Counters can be reset, so statistics that are there count as an analyze, too.
        let has_statistics = table.columns.iter().any(|column| column.statistics.is_some());
        let never = counters.last_analyze.is_none() && !has_statistics;
        let (severity, problem) = if never && rows.as_f64() > trigger.rows(pgtailor_model::unit::Rows(0)) {
            (Severity::Warning, format!("{} was never analyzed, so the planner guesses about its values", table.name))
        } else if changed.as_f64() >= TIMES_OVER_TRIGGER * trigger.rows(rows) {
            (
                Severity::Notice,
                format!("{} changed so much since it was last analyzed that its statistics mislead the planner", table.name),
            )
        } else {
            return None;
        };
        let remedy = table.ours.then(|| Change::Analyze { table: table.name.clone(), table_oid: table.oid });
        let who = if table.ours { String::new() } else { format!(" as its owner, {}", printable(&table.owner)) };
        let why = match autovacuum(subject.snapshot) {
            Some(false) => "; autovacuum is switched off and will not do it",
            _ => "",
        };
        Some(Finding {
            check: self.name().to_owned(),
            object: None,
            severity,
            table: table.name.clone(),
            problem,
            evidence: vec![
                Evidence { label: "rows".to_owned(), quantity: Quantity::estimated(rows.as_f64(), Unit::Rows) },
                Evidence {
                    label: "rows changed since the last analyze".to_owned(),
                    quantity: Quantity::estimated(changed.as_f64(), Unit::Rows),
                },
                Evidence {
                    label: "changed rows that start an analyze".to_owned(),
                    quantity: Quantity::estimated(trigger.rows(rows), Unit::Rows),
                },
            ],
            statements: Vec::new(),
            advice: format!("run ANALYZE {}{who}{why}", printable(&table.name.sql())),
            remedy,
        })
    }
}

#[cfg(test)]
mod tests {
    use pgtailor_model::unit::Rows;
    use pgtailor_model::workload::Workload;

    use super::*;
    use crate::fixture::{Fixture, activity};

    fn found(fixture: Fixture) -> Vec<Finding> {
        MissingStatistics.find(&Subject::new(&fixture.snapshot(), &Workload::default()))
    }

    fn orders(counters: TableActivity) -> Fixture {
        Fixture::new().table("orders", 500, &["a"]).activity("orders", counters)
    }

    fn never_analyzed(rows: u64) -> TableActivity {
        TableActivity { last_analyze: None, ..activity(rows, 0, 10) }
    }

    #[test]
    fn a_table_that_was_never_analyzed_fires_when_it_has_rows() {
        let findings = found(orders(never_analyzed(51)));
        assert_eq!(findings.len(), 1);
        assert!(matches!(&findings[0].remedy, Some(Change::Analyze { table, .. }) if table.name == "orders"));
        assert_eq!(found(orders(never_analyzed(50))), []);
        assert_eq!(found(orders(never_analyzed(0))), []);
    }

    #[test]
    fn counters_that_were_reset_are_not_taken_for_never() {
        assert_eq!(found(orders(never_analyzed(1_000)).distinct("orders", "a", 10.0)), []);
    }

    #[test]
    fn many_changes_fire_and_some_do_not() {
        let changed = |rows| TableActivity { modified_since_analyze: Rows(rows), ..activity(10_000, 0, 10) };
        // 50 + 0.1 × 10 000 = 1 050 changes start an analyze.
        assert_eq!(found(orders(changed(3_149))), []);
        assert_eq!(found(orders(changed(3_150)))[0].severity, Severity::Notice);
        assert_eq!(found(orders(changed(3_150)).setting("autovacuum_analyze_scale_factor", "0.5")), []);
    }

    #[test]
    fn nothing_is_offered_for_a_table_of_somebody_else() {
        let findings = found(orders(never_analyzed(1_000)).not_ours("orders"));
        assert_eq!(findings[0].remedy, None);
        assert_eq!(findings[0].advice, "run ANALYZE public.orders as its owner, app");
    }
}
