//! `unfrozen-rows`: tables that the server will have to freeze.

use pgtailor_model::catalog::{Table, TableKind};
use pgtailor_model::change::Change;
use pgtailor_model::finding::{Finding, Severity};
use pgtailor_model::name::printable;
use pgtailor_model::snapshot::Snapshot;
use pgtailor_model::unit::{count_as_f64, grouped};

use super::{Check, Subject};
use crate::evidence::count_evidence;
use crate::setting::number;
use crate::threshold::{FREEZE_CRITICAL_AGE, TIMES_OVER_FREEZE_AGE};

/// Tables with rows so old that transaction numbers will run short.
///
/// # What it finds
///
/// Tables whose oldest row that is not frozen is a quarter older than `autovacuum_freeze_max_age` (or
/// `autovacuum_multixact_freeze_max_age`): the vacuum that the server starts by itself at that age has not come, or not come through.
///
/// # Why it matters
///
/// Transaction numbers go round after two thousand million. The server warns 40 million before the end, and refuses every new number
/// 3 million before it (`SetTransactionIdLimit` in `varsup.c`): then all writing stops until someone has vacuumed.
///
/// # Example
///
/// ```sql
/// BEGIN; SELECT * FROM orders;  -- and left open for weeks: nothing newer can be frozen
/// ```
///
/// # Instead
///
/// ```sql
/// VACUUM (FREEZE) orders;  -- when the old transaction, prepared transaction or replication slot is gone
/// ```
///
/// # When to ignore it
///
/// Never past 1.2 thousand million transactions; before that, while such a vacuum is at work.
pub(super) struct UnfrozenRows;

/// The server's own defaults (`guc_tables.c`), in transactions.
const USUAL_AGES: [(&str, f64); 2] = [("autovacuum_freeze_max_age", 2e8), ("autovacuum_multixact_freeze_max_age", 4e8)];

impl Check for UnfrozenRows {
    fn name(&self) -> &'static str {
        "unfrozen-rows"
    }

    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let tables = subject.snapshot.catalog.tables.iter().filter(|table| table.kind != TableKind::Partitioned);
        tables.filter_map(|table| self.finding(table, subject.snapshot)).collect()
    }
}

impl UnfrozenRows {
    fn finding(&self, table: &Table, snapshot: &Snapshot) -> Option<Finding> {
        let ages = [("transactions", table.frozen_age), ("multixacts", table.multixact_age)];
        let limits = USUAL_AGES.map(|(name, usual)| {
            let own = table.parameters.get(name).and_then(|value| value.parse().ok());
            own.or_else(|| number(snapshot, name)).unwrap_or(usual)
        });
        let is_over = |(age, limit): (u64, f64)| count_as_f64(age) > TIMES_OVER_FREEZE_AGE * limit;
        let (what, age) = ages.into_iter().zip(limits).find(|((_, age), limit)| is_over((*age, *limit))).map(|(age, _)| age)?;
        let horizon = snapshot.activity.database.horizon_age;
        let held = horizon > age / 2;
        let severity = if age > FREEZE_CRITICAL_AGE { Severity::Critical } else { Severity::Warning };
        let problem = format!(
            "the oldest row of {} is {} {what} old, and the vacuum that freezes it has not come through",
            table.name,
            grouped(age)
        );
        let sql = printable(&table.name.sql());
        let advice = if held {
            format!(
                "end what holds the horizon first (the oldest of pg_stat_activity by backend_xmin, pg_prepared_xacts, \
                 pg_replication_slots): nothing younger can be frozen; then run VACUUM (FREEZE) {sql}"
            )
        } else {
            format!("run VACUUM (FREEZE) {sql} in a quiet hour, and look into the server's log for vacuums that were cancelled")
        };
        Some(Finding {
            evidence: vec![
                count_evidence(format!("{what} since the oldest row that is not frozen"), age),
                count_evidence("transactions that the oldest session, slot or prepared transaction is behind", horizon),
            ],
            remedy: (!held).then(|| Change::Vacuum { table: table.name.clone(), table_oid: table.oid, freeze: true }),
            ..Finding::new(self.name(), severity, &table.name, problem, advice)
        })
    }
}

#[cfg(test)]
mod tests {
    use pgtailor_model::workload::Workload;

    use super::*;
    use crate::fixture::Fixture;

    fn found(age: u64, horizon: u64) -> Vec<Finding> {
        let fixture = Fixture::new().table("orders", 500, &["a"]).edit("orders", |table| table.frozen_age = age);
        let mut snapshot = fixture.setting("autovacuum_freeze_max_age", "200000000").snapshot();
        snapshot.activity.database.horizon_age = horizon;
        UnfrozenRows.find(&Subject::new(&snapshot, &Workload::default()))
    }

    #[test]
    fn a_quarter_over_the_servers_own_limit_fires() {
        assert_eq!(found(250_000_000, 0), []);
        assert_eq!(found(250_000_001, 0)[0].severity, Severity::Warning);
        assert_eq!(found(1_300_000_000, 0)[0].severity, Severity::Critical);
    }

    #[test]
    fn a_vacuum_is_no_remedy_while_something_holds_the_horizon() {
        assert!(matches!(found(300_000_000, 0)[0].remedy, Some(Change::Vacuum { freeze: true, .. })));
        assert_eq!(found(300_000_000, 299_000_000)[0].remedy, None);
    }
}
