//! The demo's measurements as JSON.

use pgtailor_model::measurement::{BeforeAfter, CategoryMeasurement, Latency, StatementMeasurement};
use serde_json::{Value, json};

use super::{gain, kept};
use crate::number::reduction;

pub(super) fn category_json(category: &CategoryMeasurement) -> Value {
    json!({
        "name": category.name,
        "promise": category.promise,
        "before": latency_json(&category.before),
        "after": latency_json(&category.after),
        "median_reduction": gain(&category.before, &category.after),
        "verdict": kept(category).name(),
    })
}

pub(super) fn statement_json(statement: &StatementMeasurement) -> Value {
    json!({
        "name": statement.name,
        "category": statement.category,
        "text": statement.text,
        "before": latency_json(&statement.before),
        "after": latency_json(&statement.after),
        "median_reduction": gain(&statement.before, &statement.after),
    })
}

fn latency_json(latency: &Latency) -> Value {
    json!({
        "executions": latency.executions,
        "mean_ms": latency.mean,
        "median_ms": latency.median,
        "p95_ms": latency.p95,
        "p99_ms": latency.p99,
        "quantiles_ms": latency.quantiles,
    })
}

/// A pair of measured numbers with its reduction.
pub(super) fn pair_json(pair: BeforeAfter<f64>) -> Value {
    json!({ "before": pair.before, "after": pair.after, "reduction": reduction(pair.before, pair.after) })
}
