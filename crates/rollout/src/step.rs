//! One step for each kind of change: the statement, its lock, its limits, its inverse.

use std::time::Duration;

use pgtailor_model::change::Change;
use pgtailor_model::index::{Build, IndexDefinition};
use pgtailor_model::name::{Oid, QualifiedName, quote_identifier};
use pgtailor_model::rollout::{Estimate, Inverse, Limits, Lock, Step};

use crate::plan::Request;

/// How long a supervised statement may wait for its first lock: nothing exists yet, so giving up leaves nothing.
const FIRST_LOCK_BUDGET: Duration = Duration::from_mins(1);
/// How long a concurrent build may wait for other transactions, in all.
const WAIT_BUDGET: Duration = Duration::from_mins(30);
/// The shortest absolute limit of a build; a longer estimate raises it to [`ESTIMATE_FACTOR`] times the estimate.
const SHORTEST_RUN_BUDGET: Duration = Duration::from_hours(1);
/// A build that takes ten times its estimate is not the build that was estimated.
const ESTIMATE_FACTOR: f64 = 10.0;

/// The step that carries `request` out.
pub fn step(request: &Request) -> Step {
    match &request.change {
        Change::CreateIndex { table, table_oid, name, definition } => {
            create_step(table, *table_oid, name, definition, request.estimate, &request.reason)
        }
        Change::DropIndex { table, table_oid, name, index_oid, definition } => {
            drop_step(table, *table_oid, name, *index_oid, definition, &request.reason)
        }
        Change::Analyze { table, table_oid } => analyze_step(table, *table_oid, &request.reason),
    }
}

/// Builds an index without blocking writes.
pub fn create_step(
    table: &QualifiedName,
    table_oid: Oid,
    name: &str,
    definition: &IndexDefinition,
    estimate: Estimate,
    reason: &str,
) -> Step {
    Step {
        sql: definition.create_sql(name, table, Build::Concurrent),
        inverse: Inverse::Statement(drop_sql(&table.schema, name)),
        lock: Lock::ShareUpdateExclusive,
        limits: concurrent_limits(estimate),
        estimate,
        reason: reason.to_owned(),
        change: Change::CreateIndex { table: table.clone(), table_oid, name: name.to_owned(), definition: definition.clone() },
    }
}

/// Drops an index without blocking reads or writes.
pub fn drop_step(
    table: &QualifiedName,
    table_oid: Oid,
    name: &str,
    index_oid: Oid,
    definition: &IndexDefinition,
    reason: &str,
) -> Step {
    Step {
        sql: drop_sql(&table.schema, name),
        inverse: Inverse::Statement(definition.create_sql(name, table, Build::Concurrent)),
        lock: Lock::ShareUpdateExclusive,
        limits: concurrent_limits(Estimate::default()),
        estimate: Estimate::default(),
        reason: reason.to_owned(),
        change: Change::DropIndex {
            table: table.clone(),
            table_oid,
            name: name.to_owned(),
            index_oid,
            definition: definition.clone(),
        },
    }
}

/// Gathers planner statistics of a table.
pub fn analyze_step(table: &QualifiedName, table_oid: Oid, reason: &str) -> Step {
    Step {
        sql: format!("ANALYZE {}", table.sql()),
        inverse: Inverse::Irreversible("statistics only describe the data, and the next ANALYZE replaces them".to_owned()),
        lock: Lock::ShareUpdateExclusive,
        limits: Limits {
            lock_timeout: Duration::ZERO,
            statement_timeout: Duration::ZERO,
            ..concurrent_limits(Estimate::default())
        },
        estimate: Estimate::default(),
        reason: reason.to_owned(),
        change: Change::Analyze { table: table.clone(), table_oid },
    }
}

fn drop_sql(schema: &str, name: &str) -> String {
    format!("DROP INDEX CONCURRENTLY {}.{}", quote_identifier(schema), quote_identifier(name))
}

/// No `lock_timeout` and no `statement_timeout`: either would leave an invalid index behind (measured: `faults` F06, F08).
/// The watchdog keeps the budgets instead, and cleans up when one is spent.
fn concurrent_limits(estimate: Estimate) -> Limits {
    let estimated = estimate.duration.map_or(0.0, |duration| duration.value / 1_000.0 * ESTIMATE_FACTOR);
    let estimated = Duration::try_from_secs_f64(estimated).unwrap_or(SHORTEST_RUN_BUDGET);
    Limits {
        lock_timeout: Duration::ZERO,
        statement_timeout: Duration::ZERO,
        first_lock_budget: FIRST_LOCK_BUDGET,
        wait_budget: WAIT_BUDGET,
        run_budget: SHORTEST_RUN_BUDGET.max(estimated),
    }
}
