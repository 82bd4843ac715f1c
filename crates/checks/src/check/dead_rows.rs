//! `dead-rows`: tables that vacuum does not keep up with.

use pgtailor_model::activity::TableActivity;
use pgtailor_model::catalog::{Table, TableKind};
use pgtailor_model::change::Change;
use pgtailor_model::finding::{Evidence, Finding, Severity};
use pgtailor_model::name::printable;
use pgtailor_model::quantity::{Quantity, Unit};
use pgtailor_model::snapshot::NotExamined;
use pgtailor_model::unit::ratio;

use super::{Check, Subject};
use crate::family::{rows, without_counters};
use crate::setting::{Trigger, autovacuum, is_passed_over};
use crate::threshold::{DEAD_SHARE_CRITICAL, DEAD_SHARE_WARNING, TIMES_OVER_TRIGGER};

/// Tables with far more dead rows than autovacuum should leave.
///
/// # What it finds
///
/// Tables whose dead rows are at least a fifth of all rows *and* three times what should have started autovacuum
/// (`autovacuum_vacuum_threshold + autovacuum_vacuum_scale_factor × rows`). Both numbers are the server's estimates.
///
/// # Why it matters
///
/// Scans read dead rows, indexes point to them, and the table grows. That vacuum has not come, or could not remove them, usually has
/// a reason that affects other tables, too: a transaction open for hours, an abandoned replication slot, autovacuum switched off.
///
/// # Example
///
/// ```sql
/// UPDATE jobs SET state = 'done';  -- every row, every minute, autovacuum_vacuum_scale_factor = 0.2
/// ```
///
/// # Instead
///
/// ```sql
/// VACUUM jobs;
/// ALTER TABLE jobs SET (autovacuum_vacuum_scale_factor = 0.02);
/// ```
///
/// # When to ignore it
///
/// Shortly after a bulk update or delete, until autovacuum has been there.
pub(super) struct DeadRows;

impl Check for DeadRows {
    fn name(&self) -> &'static str {
        "dead-rows"
    }

    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let tables = subject.snapshot.catalog.tables.iter().filter(|table| table.kind != TableKind::Partitioned);
        tables.filter_map(|table| self.finding(table, subject.snapshot.activity.tables.get(&table.oid)?, subject)).collect()
    }

    fn not_examined(&self, subject: &Subject<'_>) -> Vec<NotExamined> {
        without_counters(subject.snapshot)
    }
}

impl DeadRows {
    fn finding(&self, table: &Table, counters: &TableActivity, subject: &Subject<'_>) -> Option<Finding> {
        let rows = rows(table, counters);
        let dead = counters.dead_rows;
        let trigger = Trigger::vacuum(subject.snapshot, table).rows(rows);
        let share = ratio(dead.0, dead.0.saturating_add(rows.0))?;
        if dead.as_f64() < TIMES_OVER_TRIGGER * trigger || share < DEAD_SHARE_WARNING {
            return None;
        }
        let why = match (autovacuum(subject.snapshot), counters.last_vacuum) {
            _ if is_passed_over(table) => "autovacuum passes over the table",
            (Some(false), _) => "autovacuum is switched off",
            (_, None) => "no vacuum since the counters began",
            (_, Some(_)) => "vacuum does not keep up, or may not remove them",
        };
        let share = Quantity::estimated(share, Unit::Fraction);
        Some(Finding {
            check: self.name().to_owned(),
            object: None,
            severity: if share.value >= DEAD_SHARE_CRITICAL { Severity::Critical } else { Severity::Warning },
            table: table.name.clone(),
            problem: format!("{share} of the rows of {} are dead: {why}", table.name),
            evidence: vec![
                Evidence { label: "dead rows".to_owned(), quantity: Quantity::estimated(dead.as_f64(), Unit::Rows) },
                Evidence { label: "dead share of all rows".to_owned(), quantity: share },
                Evidence {
                    label: "dead rows that start autovacuum".to_owned(),
                    quantity: Quantity::estimated(trigger, Unit::Rows),
                },
            ],
            statements: Vec::new(),
            advice: format!(
                "look for old transactions in pg_stat_activity and for unused replication slots, run VACUUM {}; and lower its \
                 autovacuum_vacuum_scale_factor",
                printable(&table.name.sql())
            ),
            remedy: Some(Change::Vacuum { table: table.name.clone(), table_oid: table.oid, freeze: false }),
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
        DeadRows.find(&Subject::new(&fixture.snapshot(), &Workload::default()))
    }

    fn jobs(live: u64, dead: u64) -> Fixture {
        let counters = TableActivity { dead_rows: Rows(dead), ..activity(live, 0, 10) };
        Fixture::new().table("jobs", 500, &["a"]).activity("jobs", counters)
    }

    #[test]
    fn fires_three_times_over_the_trigger_and_not_below() {
        // 50 + 0.2 × 10 000 = 2 050 dead rows start autovacuum.
        assert_eq!(found(jobs(10_000, 6_149)), []);
        let findings = found(jobs(10_000, 6_150));
        assert_eq!(findings[0].severity, Severity::Warning);
        assert!(findings[0].problem.starts_with("38.1 % of the rows of jobs are dead"), "{}", findings[0].problem);
        assert!((findings[0].evidence[1].quantity.value - 0.380_8).abs() < 0.000_1);
    }

    #[test]
    fn follows_the_settings_and_the_share() {
        // 10 000 dead rows start autovacuum here, and 30 000 are needed.
        assert_eq!(found(jobs(10_000, 20_000).setting("autovacuum_vacuum_threshold", "8000")), []);
        let eager = || jobs(10_000, 2_000).setting("autovacuum_vacuum_scale_factor", "0.01");
        assert_eq!(found(eager()), [], "three times over, but 17 % only");
        let off = found(jobs(10_000, 12_000).setting("autovacuum", "off"));
        assert_eq!(off[0].severity, Severity::Critical);
        assert!(off[0].problem.ends_with("autovacuum is switched off"));
    }

    #[test]
    fn says_which_tables_have_no_counters() {
        let snapshot = Fixture::new().table("jobs", 500, &["a"]).snapshot();
        let workload = Workload::default();
        let subject = Subject::new(&snapshot, &workload);
        assert_eq!(DeadRows.find(&subject), []);
        assert_eq!(DeadRows.not_examined(&subject)[0].object, "jobs");
    }
}
