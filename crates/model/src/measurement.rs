//! Measured times of one workload before and after a change. Every number here is measured, never computed from planner costs.

use serde::{Deserialize, Serialize};

use crate::unit::{Bytes, Milliseconds};

/// One workload, run twice on the same machine and data: before and after.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// By category, in the order in which they are shown.
    pub categories: Vec<CategoryMeasurement>,
    /// By statement, in the order in which they are shown.
    pub statements: Vec<StatementMeasurement>,
    /// The whole server.
    pub system: SystemMeasurement,
    /// Statements that stay slow, with the reason.
    pub stays_slow: Vec<StaysSlow>,
    /// How it was measured: machine, server, clients, seconds, seed, scale.
    pub conditions: Vec<Condition>,
}

/// The statements of one category.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CategoryMeasurement {
    /// The category's name.
    pub name: String,
    /// The promised improvement of the median, lowest and highest, as fractions from 0 to 1.
    pub promise: Option<(f64, f64)>,
    /// Before the change.
    pub before: Latency,
    /// After it.
    pub after: Latency,
}

/// One statement of the workload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StatementMeasurement {
    /// Its short name, unique in the workload.
    pub name: String,
    /// The category that it belongs to.
    pub category: String,
    /// The normalized text; never literals.
    pub text: String,
    /// Before the change.
    pub before: Latency,
    /// After it.
    pub after: Latency,
}

/// How long executions took, as the client saw it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// How many executions were timed; with 0, every other number is meaningless.
    pub executions: u64,
    /// The mean.
    pub mean: Milliseconds,
    /// Half of the executions took no longer.
    pub median: Milliseconds,
    /// 95 of 100 executions took no longer.
    pub p95: Milliseconds,
    /// 99 of 100 executions took no longer.
    pub p99: Milliseconds,
    /// Quantiles for plotting, in milliseconds, ascending, at evenly spaced probabilities: the first is the fastest execution, the
    /// last the slowest. Empty when there is nothing to plot.
    pub quantiles: Vec<f64>,
}

/// The whole server while the workload ran. `None` where this machine could not measure it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SystemMeasurement {
    /// Statements finished a second, all clients together.
    pub statements_per_second: Option<BeforeAfter<f64>>,
    /// Statements that write finished a second, all clients together.
    pub writes_per_second: Option<BeforeAfter<f64>>,
    /// Processor time of the server's processes, divided by the statements finished.
    pub cpu_per_statement: Option<BeforeAfter<Milliseconds>>,
    /// The promised reduction of processor time, lowest and highest, as fractions from 0 to 1.
    pub cpu_promise: Option<(f64, f64)>,
    /// Bytes of all indexes of the workload's tables.
    pub index_bytes: Option<BeforeAfter<Bytes>>,
}

/// The same thing measured twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BeforeAfter<T> {
    /// Before the change.
    pub before: T,
    /// After it.
    pub after: T,
}

/// A statement that the change did not make fast.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaysSlow {
    /// The statement's short name.
    pub statement: String,
    /// Why, as a sentence without a period.
    pub reason: String,
}

/// One fact of how a measurement was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// What, for example `clients`.
    pub name: String,
    /// Its value, with its unit.
    pub value: String,
}
