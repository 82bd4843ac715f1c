//! `late-autovacuum`: large tables for which a share of all rows is too many.

use std::collections::BTreeMap;

use pgtailor_model::activity::TableActivity;
use pgtailor_model::catalog::{Table, TableKind};
use pgtailor_model::change::{Change, Replaced};
use pgtailor_model::finding::{Evidence, Finding, Severity};
use pgtailor_model::name::printable;
use pgtailor_model::quantity::{Quantity, Unit};
use pgtailor_model::snapshot::NotExamined;
use pgtailor_model::unit::{count_as_f64, f64_as_count, grouped};

use super::{Check, Subject};
use crate::evidence::count_evidence;
use crate::family::{rows, without_counters};
use crate::setting::{Trigger, is_passed_over};
use crate::threshold::{CHURN_SHARE, DEAD_ROWS_WANTED, LATE_TRIGGER_ROWS};

/// Large, changing tables that autovacuum comes to too rarely.
///
/// # What it finds
///
/// Tables for which `autovacuum_vacuum_threshold + autovacuum_vacuum_scale_factor × rows` is 200,000 rows or more, of which a tenth
/// was updated or deleted since counters began, and that set neither for themselves.
///
/// # Why it matters
///
/// A fifth of a hundred million rows are twenty million dead ones, which every scan reads, every index points to, and one vacuum must
/// remove at a stretch. Smaller rounds more often cost no more in sum, since vacuum skips pages where nothing changed.
///
/// # Example
///
/// ```sql
/// UPDATE sessions SET seen_at = now() WHERE id = 7;  -- all day, on a table of 50 million rows with the default of 0.2
/// ```
///
/// # Instead
///
/// ```sql
/// ALTER TABLE sessions SET (autovacuum_vacuum_scale_factor = 0.002);
/// ```
///
/// # When to ignore it
///
/// For tables that are changed in one large batch after which a job vacuums them.
pub(super) struct LateAutovacuum;

const SCALE_FACTOR: &str = "autovacuum_vacuum_scale_factor";

impl Check for LateAutovacuum {
    fn name(&self) -> &'static str {
        "late-autovacuum"
    }

    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let tables = subject.snapshot.catalog.tables.iter();
        let usual = tables.filter(|table| {
            let is_set = [SCALE_FACTOR, "autovacuum_vacuum_threshold"].iter().any(|name| table.parameters.contains_key(*name));
            table.kind == TableKind::Table && !is_passed_over(table) && !is_set
        });
        usual.filter_map(|table| self.finding(table, subject.snapshot.activity.tables.get(&table.oid)?, subject)).collect()
    }

    fn not_examined(&self, subject: &Subject<'_>) -> Vec<NotExamined> {
        without_counters(subject.snapshot)
    }
}

impl LateAutovacuum {
    fn finding(&self, table: &Table, counters: &TableActivity, subject: &Subject<'_>) -> Option<Finding> {
        let rows = rows(table, counters);
        let trigger = Trigger::vacuum(subject.snapshot, table).rows(rows);
        let churn = counters.updated.saturating_add(counters.deleted);
        if trigger < LATE_TRIGGER_ROWS || count_as_f64(churn) < CHURN_SHARE * rows.as_f64() {
            return None;
        }
        let wanted = scale_factor(rows.as_f64());
        let problem = format!(
            "autovacuum comes to {} once {} rows are dead, which is late for {} rows",
            table.name,
            grouped(f64_as_count(trigger)),
            grouped(rows.0)
        );
        let advice = format!("run ALTER TABLE {} SET ({SCALE_FACTOR} = {wanted})", printable(&table.name.sql()));
        Some(Finding {
            evidence: vec![
                Evidence::new("dead rows that start autovacuum", Quantity::estimated(trigger, Unit::Rows)),
                Evidence::new("rows of the table", Quantity::estimated(rows.as_f64(), Unit::Rows)),
                count_evidence("rows updated or deleted since counters began", churn),
            ],
            remedy: Some(Change::SetStorageParameters {
                table: table.name.clone(),
                table_oid: table.oid,
                parameters: BTreeMap::from([(SCALE_FACTOR.to_owned(), Replaced { from: None, to: Some(wanted) })]),
            }),
            ..Finding::new(self.name(), Severity::Notice, &table.name, problem, advice)
        })
    }
}

/// The scale factor at which [`DEAD_ROWS_WANTED`] start autovacuum, to one digit.
fn scale_factor(rows: f64) -> String {
    let exact = (DEAD_ROWS_WANTED / rows).clamp(0.000_1, 0.2);
    let digits = (0..5).find(|digits| exact >= 10_f64.powi(-digits)).unwrap_or(4);
    format!("{exact:.*}", usize::try_from(digits).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use pgtailor_model::workload::Workload;

    use super::*;
    use crate::fixture::{Fixture, activity};

    fn found(rows: u64, updated: u64, own: bool) -> Vec<Finding> {
        let counters = TableActivity { updated, ..activity(rows, 0, 10) };
        let fixture = Fixture::new().table("sessions", 500, &["a"]).activity("sessions", counters);
        let fixture = fixture.edit("sessions", |table| {
            if own {
                table.parameters.insert(SCALE_FACTOR.to_owned(), "0.2".to_owned());
            }
        });
        LateAutovacuum.find(&Subject::new(&fixture.snapshot(), &Workload::default()))
    }

    #[test]
    fn large_tables_that_change_are_meant_and_their_own_parameter_is_left_alone() {
        assert_eq!(found(900_000, 900_000, false), []);
        assert_eq!(found(2_000_000, 100_000, false), []);
        assert_eq!(found(2_000_000, 900_000, true), []);
        assert_eq!(found(2_000_000, 900_000, false).len(), 1);
    }

    #[test]
    fn the_wanted_factor_has_one_digit() {
        assert_eq!(["0.05", "0.002", "0.0001"], [1e6, 2.5e7, 1e12].map(scale_factor).each_ref().map(String::as_str));
    }
}
