//! `disabled-autovacuum`: tables that autovacuum passes over although they are written.

use std::collections::BTreeMap;

use pgtailor_model::activity::TableActivity;
use pgtailor_model::catalog::{Table, TableKind};
use pgtailor_model::change::{Change, Replaced};
use pgtailor_model::finding::{Finding, Severity};
use pgtailor_model::name::printable;
use pgtailor_model::snapshot::NotExamined;

use super::{Check, Subject};
use crate::evidence::count_evidence;
use crate::family::{rows, without_counters};
use crate::setting::{Trigger, is_passed_over};

/// Tables with autovacuum switched off that would need it.
///
/// # What it finds
///
/// Tables with `autovacuum_enabled = off` of which more rows were changed since the last vacuum or analyze than would have started it.
///
/// # Why it matters
///
/// Dead rows stay, statistics grow old, and no page becomes all-visible. When transaction numbers run short the server vacuums the table
/// nevertheless, all at once, at a moment that nobody has chosen.
///
/// # Example
///
/// ```sql
/// ALTER TABLE jobs SET (autovacuum_enabled = off);  -- for a bulk load, and never taken back
/// ```
///
/// # Instead
///
/// ```sql
/// ALTER TABLE jobs RESET (autovacuum_enabled);
/// ```
///
/// # When to ignore it
///
/// When something else vacuums and analyzes the table by a plan of its own, or when it is emptied with `TRUNCATE` every night.
pub(super) struct DisabledAutovacuum;

impl Check for DisabledAutovacuum {
    fn name(&self) -> &'static str {
        "disabled-autovacuum"
    }

    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let tables = subject.snapshot.catalog.tables.iter().filter(|table| table.kind != TableKind::Partitioned);
        let off = tables.filter(|table| is_passed_over(table));
        off.filter_map(|table| self.finding(table, subject.snapshot.activity.tables.get(&table.oid)?, subject)).collect()
    }

    fn not_examined(&self, subject: &Subject<'_>) -> Vec<NotExamined> {
        without_counters(subject.snapshot)
    }
}

impl DisabledAutovacuum {
    fn finding(&self, table: &Table, counters: &TableActivity, subject: &Subject<'_>) -> Option<Finding> {
        let rows = rows(table, counters);
        let waits_for = |changed: f64, trigger: Trigger| changed > trigger.rows(rows);
        let vacuum = waits_for(counters.dead_rows.as_f64(), Trigger::vacuum(subject.snapshot, table));
        let analyze = waits_for(counters.modified_since_analyze.as_f64(), Trigger::analyze(subject.snapshot, table));
        let due = match (vacuum, analyze) {
            (false, false) => return None,
            (true, _) => "a vacuum is due",
            (false, true) => "an analyze is due",
        };
        let problem = format!("autovacuum passes over {}, of which {due}", table.name);
        let advice = format!("run ALTER TABLE {} RESET (autovacuum_enabled)", printable(&table.name.sql()));
        let from = table.parameters.get("autovacuum_enabled").cloned();
        let remedy = Change::SetStorageParameters {
            table: table.name.clone(),
            table_oid: table.oid,
            parameters: BTreeMap::from([("autovacuum_enabled".to_owned(), Replaced { from, to: None })]),
        };
        Some(Finding {
            evidence: vec![
                count_evidence("dead rows (estimated by the server)", counters.dead_rows.0),
                count_evidence("rows changed since the last analyze", counters.modified_since_analyze.0),
            ],
            remedy: (table.kind == TableKind::Table).then_some(remedy),
            ..Finding::new(self.name(), Severity::Warning, &table.name, problem, advice)
        })
    }
}

#[cfg(test)]
mod tests {
    use pgtailor_model::unit::Rows;
    use pgtailor_model::workload::Workload;

    use super::*;
    use crate::fixture::{Fixture, activity};

    fn found(value: &str, dead: u64) -> Vec<Finding> {
        let counters = TableActivity { dead_rows: Rows(dead), ..activity(1_000, 0, 10) };
        let fixture = Fixture::new().table("jobs", 500, &["a"]).activity("jobs", counters);
        let fixture = fixture.edit("jobs", |table| {
            table.parameters.insert("autovacuum_enabled".to_owned(), value.to_owned());
        });
        DisabledAutovacuum.find(&Subject::new(&fixture.snapshot(), &Workload::default()))
    }

    #[test]
    fn only_what_would_be_vacuumed_is_mentioned() {
        // 50 + 0.2 × 1000 dead rows start autovacuum.
        assert_eq!(found("off", 250), []);
        assert_eq!(found("on", 251), []);
        for off in ["off", "false", "FALSE", "no", "0", "of", "f"] {
            assert_eq!(found(off, 251).len(), 1, "{off}");
        }
    }
}
