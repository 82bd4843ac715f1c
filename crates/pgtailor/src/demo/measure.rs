//! Two runs of one workload, side by side.

use std::time::Duration;

use pgtailor_blueprint::Blueprint;
use pgtailor_blueprint::summary::Summary;
use pgtailor_model::measurement::{
    BeforeAfter, CategoryMeasurement, Latency, Measurement, StatementMeasurement, SystemMeasurement,
};
use pgtailor_model::snapshot::Snapshot;
use pgtailor_model::unit::{Bytes, Milliseconds, count_as_f64};
use pgtailor_postgres::bench::DriveReport;

use super::milliseconds;

/// One measured run.
pub(super) struct Run {
    pub report: DriveReport,
    /// Processor time of all the server's processes meanwhile.
    pub cpu: Option<Duration>,
}

/// Before beside after; `stays_slow` and `conditions` are the caller's.
pub(super) fn compare(blueprint: &Blueprint, before: &Run, after: &Run, index_bytes: (Bytes, Bytes)) -> Measurement {
    let categories = before.report.categories.iter().zip(&after.report.categories).map(|(before, after)| CategoryMeasurement {
        name: before.name.clone(),
        promise: before.promise,
        before: latency(&before.times),
        after: latency(&after.times),
    });
    let texts = blueprint.workload.statements();
    let statements =
        before.report.statements.iter().zip(&after.report.statements).zip(texts).map(|((before, after), statement)| {
            StatementMeasurement {
                name: before.name.clone(),
                category: before.category.clone(),
                text: statement.sql.clone(),
                before: latency(&before.times),
                after: latency(&after.times),
            }
        });
    Measurement {
        categories: categories.collect(),
        statements: statements.collect(),
        system: system(blueprint, before, after, index_bytes),
        stays_slow: Vec::new(),
        conditions: Vec::new(),
    }
}

/// All indexes of the catalog, those of constraints included.
pub(super) fn index_bytes(snapshot: &Snapshot) -> Bytes {
    snapshot.catalog.indexes().filter_map(|(_, index)| index.size).sum()
}

fn system(blueprint: &Blueprint, before: &Run, after: &Run, (index_before, index_after): (Bytes, Bytes)) -> SystemMeasurement {
    let both = |of: fn(&DriveReport) -> f64| Some(BeforeAfter { before: of(&before.report), after: of(&after.report) });
    SystemMeasurement {
        statements_per_second: both(|report| report.per_second),
        writes_per_second: both(|report| report.writes_per_second),
        cpu_per_statement: cpu_per_statement(before)
            .zip(cpu_per_statement(after))
            .map(|(before, after)| BeforeAfter { before, after }),
        cpu_promise: blueprint.cpu_promise,
        index_bytes: Some(BeforeAfter { before: index_before, after: index_after }),
    }
}

fn cpu_per_statement(run: &Run) -> Option<Milliseconds> {
    let executions = run.report.executions;
    (executions > 0).then_some(())?;
    Some(Milliseconds(milliseconds(run.cpu?).0 / count_as_f64(executions)))
}

fn latency(times: &Summary) -> Latency {
    Latency {
        executions: times.executions,
        mean: times.mean,
        median: times.median,
        p95: times.p95,
        p99: times.p99,
        quantiles: times.curve.iter().map(|point| point.0).collect(),
    }
}
