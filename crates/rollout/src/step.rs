//! One step for each kind of change: its lock, its limits, its inverse.

use std::time::Duration;

use pgtailor_model::change::{Change, ChangeClass};
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
/// How long each try of a short statement may queue for its lock, and everybody else behind it (`faults` F13, F59, F60).
const SHORT_LOCK_TIMEOUT: Duration = Duration::from_millis(500);
/// How long short statements are tried again, with pauses between.
const SHORT_BUDGET: Duration = Duration::from_mins(5);

/// The step that carries `request` out.
pub fn step(request: &Request) -> Step {
    Step {
        sql: request.change.sql(),
        lock: lock(&request.change),
        limits: limits(&request.change, request.estimate),
        inverse: match request.change.inverse() {
            Ok(back) => Inverse::Statement(back.sql()),
            Err(reason) => Inverse::Irreversible(reason.to_owned()),
        },
        estimate: request.estimate,
        reason: request.reason.clone(),
        change: request.change.clone(),
    }
}

/// The strongest lock that the statement takes on the table (documentation of each command; `AlterTableGetLockLevel` in `tablecmds.c`
/// and `lockmode` in `reloptions.c`).
fn lock(change: &Change) -> Lock {
    match change {
        Change::CreateIndex { .. }
        | Change::DropIndex { .. }
        | Change::RebuildIndex { .. }
        | Change::Analyze { .. }
        | Change::Vacuum { .. }
        | Change::CreateStatistics { .. }
        | Change::DropStatistics { .. }
        | Change::SetStatisticsTarget { .. }
        | Change::SetStorageParameters { .. } => Lock::ShareUpdateExclusive,
        Change::CreatePartitionedIndex { .. } => Lock::Share,
        Change::AttachIndex { .. } | Change::DropPartitionedIndex { .. } => Lock::AccessExclusive,
        Change::SetParameter { .. } => Lock::None,
    }
}

fn limits(change: &Change, estimate: Estimate) -> Limits {
    let is_short = matches!(
        change,
        Change::CreatePartitionedIndex { .. }
            | Change::AttachIndex { .. }
            | Change::DropPartitionedIndex { .. }
            | Change::SetParameter { .. }
    ) || matches!(change.class(), ChangeClass::Statistics | ChangeClass::Settings);
    if is_short {
        return Limits {
            lock_timeout: SHORT_LOCK_TIMEOUT,
            statement_timeout: SHORT_LOCK_TIMEOUT * 10,
            first_lock_budget: SHORT_BUDGET,
            wait_budget: SHORT_BUDGET,
            run_budget: SHORT_BUDGET,
        };
    }
    concurrent_limits(estimate)
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
