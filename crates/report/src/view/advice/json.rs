//! Advice for programs, as `docs/json.md` documents it.

use pgtailor_model::advice::{Advice, AdvisedStatement, Loss, Recommendation, Rejected, Upkeep};
use serde_json::{Value, json};

use super::{script, words};
use crate::view::twin::fidelity_json;

/// The whole of it.
pub fn advice(advice: &Advice) -> Value {
    let limits = &advice.limits;
    let front: Vec<Value> = advice
        .front
        .iter()
        .map(|point| json!({ "size_bytes": point.size, "cost": point.cost, "upkeep": point.upkeep, "indexes": point.indexes }))
        .collect();
    json!({
        "database": advice.database,
        "version": advice.version,
        "captured_at": advice.captured_at,
        "fidelity": advice.fidelity.as_ref().map(fidelity_json),
        "weighed_by": advice.weighed_by,
        "limits": {
            "budget_bytes": limits.budget,
            "indexes": limits.indexes,
            "per_table": limits.per_table,
            "upkeep": limits.upkeep,
            "minimal_gain": limits.minimal_gain,
            "gain_per_size": limits.gain_per_size,
            "regression": limits.regression,
            "columns": limits.columns,
        },
        "recommendations": advice.recommendations.iter().map(|one| recommendation(advice, one)).collect::<Vec<_>>(),
        "rejected": advice.rejected.iter().map(|one| rejected(advice, one)).collect::<Vec<_>>(),
        "workload": {
            "queries": advice.statements.len(),
            "statements": advice.statements.iter().map(statement).collect::<Vec<_>>(),
            "skipped": advice.skipped.iter().map(skipped).collect::<Vec<_>>(),
        },
        "cost_before": advice.cost_before,
        "cost_after": advice.cost_after,
        "cost_provenance": "what-if",
        "early_stops": advice.early_stops,
        "upkeep": advice.upkeep,
        "size_bytes": advice.size,
        "size_provenance": "estimated",
        "bound": advice.bound,
        "front": front,
        "effort": advice.effort,
        "notes": advice.notes,
        "catalog": super::catalog::json(advice),
    })
}

/// One recommendation.
pub fn recommendation(advice: &Advice, one: &Recommendation) -> Value {
    let queries: Vec<Value> = one.serves.iter().filter_map(|at| advice.statements.get(*at)).map(statement).collect();
    let partitions = one.partitions.as_ref().map(|partitions| {
        let partition = |one: &pgtailor_model::advice::Partition| {
            json!({ "table": one.table.sql(), "parent": one.parent.sql(), "is_leaf": one.is_leaf })
        };
        partitions.iter().map(partition).collect::<Vec<_>>()
    });
    json!({
        "kind": one.change.class(),
        "sql": script::first_sql(advice, one),
        "statements": script::steps_of(advice, std::slice::from_ref(one)).into_iter().map(|step| step.sql).collect::<Vec<_>>(),
        "table": one.table.sql(),
        "index": one.change.index_name(),
        "good_for": one.kinds,
        "size_bytes": one.size,
        "size_provenance": "estimated",
        "gain": one.gain,
        "gain_share": share(advice, one.gain),
        "loss_without": one.loss_without,
        "cost_provenance": "what-if",
        "queries": queries,
        "writes": writes(advice, &one.upkeep),
        "replaces": one.replaces,
        "because": one.because,
        "partitions": partitions,
    })
}

/// What an index costs those who write.
pub fn writes(advice: &Advice, upkeep: &Upkeep) -> Value {
    let hot_lost: Vec<Value> =
        upkeep.hot_lost.iter().map(|(column, updates)| json!({ "column": column, "updates": updates })).collect();
    json!({
        "upkeep": upkeep.cost,
        "upkeep_share": share(advice, upkeep.cost),
        "entries": upkeep.entries,
        "wal_bytes": upkeep.wal,
        "wal_bytes_per_day": upkeep.wal_a_day,
        "hot_lost": hot_lost,
        "provenance": "estimated",
    })
}

/// A candidate that lost: its decision record.
pub fn rejected(advice: &Advice, one: &Rejected) -> Value {
    let mut value = json!({
        "table": one.table.sql(),
        "definition": one.definition,
        "size_bytes": one.size,
        "size_provenance": "estimated",
        "verdict": verdict(&one.reason),
        "detail": one.reason,
        "why_not": words::loss(advice, &one.reason),
        "because": one.because,
    });
    // Its name says what it is; the verdict stands beside already.
    if let Some(detail) = value["detail"].as_object_mut() {
        detail.remove("kind");
    }
    value
}

fn verdict(loss: &Loss) -> &'static str {
    match loss {
        Loss::Refused { .. } => "refused",
        Loss::Unused => "unused",
        Loss::Overlapped { .. } => "overlapped",
        Loss::Upkeep { .. } => "upkeep",
        Loss::Size { .. } => "size",
        Loss::Limit { .. } => "limit",
        Loss::Regression { .. } => "regression",
    }
}

fn statement(one: &AdvisedStatement) -> Value {
    json!({
        "fingerprint": one.fingerprint,
        "text": one.text,
        "calls": one.calls,
        "weight": one.weight,
        "share": one.share,
        "cost_before": one.before,
        "cost_after": one.after,
        "early_stop_before": one.early_stop_before,
        "early_stop_after": one.early_stop_after,
        "worst_binding": one.worst_binding,
        "uses": one.uses,
    })
}

fn skipped(one: &pgtailor_model::workload::Skipped) -> Value {
    json!({ "statement": one.statement, "calls": one.calls, "total_time_ms": one.total_time, "reason": one.reason })
}

/// `part` of the workload's cost before, a fraction; `None` when that is nothing.
fn share(advice: &Advice, part: f64) -> Option<f64> {
    (advice.cost_before > 0.0).then(|| part / advice.cost_before)
}
