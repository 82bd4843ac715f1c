//! A workload for programs: every statement with its shapes and parameters, as `docs/json.md` describes.

use pgtailor_model::binding::{Binding, Literal, Parameter, Role};
use pgtailor_model::name::Oid;
use pgtailor_model::shape::{Operand, OrderKey, Predicate, Service, Shape, Subject};
use pgtailor_model::workload::{Query, Skipped, SourceReport};
use serde_json::{Value, json};

use super::{Values, WorkloadReport};

/// The payload of `report`.
pub(super) fn json(report: &WorkloadReport<'_>) -> Value {
    let workload = report.workload;
    let coverage = &workload.coverage;
    let sources: Vec<Value> = workload.sources.iter().map(source).collect();
    let queries: Vec<Value> = workload.queries.iter().map(|query| statement(report, query)).collect();
    let skipped: Vec<Value> = workload.skipped.iter().map(left_out).collect();
    json!({
        "sources": sources,
        "coverage": {
            "seen_ms": coverage.seen,
            "whole_ms": coverage.whole,
            "share": coverage.share(),
            "is_lower_bound": coverage.share().is_some() && coverage.doubt.is_some(),
            "evicted": coverage.evicted,
            "doubt": coverage.doubt,
            "provenance": "measured",
        },
        "total_time_ms": report.total(),
        "queries": queries,
        "skipped": skipped,
    })
}

fn source(source: &SourceReport) -> Value {
    json!({
        "name": source.name,
        "calls": source.calls,
        "total_time_ms": source.total_time,
        "since": source.since,
        "until": source.until,
        "notes": source.notes,
    })
}

fn left_out(skipped: &Skipped) -> Value {
    json!({
        "statement": skipped.statement,
        "calls": skipped.calls,
        "total_time_ms": skipped.total_time,
        "reason": skipped.reason,
    })
}

fn statement(report: &WorkloadReport<'_>, query: &Query) -> Value {
    let shapes: Vec<Value> = query.shapes.iter().map(|shape| asked(report, shape)).collect();
    let bindings: Vec<Value> = query.bindings.iter().map(|binding| bound(report, binding)).collect();
    let parameters: Vec<Value> = query.parameters.iter().map(|parameter| expected(report, parameter)).collect();
    let tags: Vec<Value> = query
        .tags
        .iter()
        .flat_map(|(tag, values)| values.iter().map(move |(value, calls)| json!({ "tag": tag, "value": value, "calls": calls })))
        .collect();
    json!({
        "fingerprint": query.fingerprint,
        "text": query.text,
        "calls": query.calls,
        "total_time_ms": query.total_time,
        "share": report.share(query.total_time, query.calls),
        "rows": query.rows,
        "planning_time_ms": query.planning_time,
        "wal_bytes": query.wal,
        "provenance": "measured",
        "shapes": shapes,
        "parameters": parameters,
        "bindings": bindings,
        "refused": report.refused.get(&query.fingerprint),
        "planner_cost": report.costs.get(&query.fingerprint),
        "planner_cost_provenance": "what-if",
        "tags": tags,
    })
}

fn asked(report: &WorkloadReport<'_>, shape: &Shape) -> Value {
    let predicates = |predicates: &[Predicate]| -> Vec<Value> { predicates.iter().map(predicate).collect() };
    let disjunctions: Vec<Vec<Vec<Value>>> =
        shape.disjunctions.iter().map(|or| or.branches.iter().map(|branch| predicates(branch)).collect()).collect();
    let order_by: Vec<Value> = shape.order_by.iter().map(order_key).collect();
    let texts = |subjects: &[Subject]| -> Vec<Value> { subjects.iter().map(subject).collect() };
    json!({
        "table": table_name(report, shape.table),
        "predicates": predicates(&shape.predicates),
        "disjunctions": disjunctions,
        "order_by": order_by,
        "group_by": texts(&shape.group_by),
        "distinct": texts(&shape.distinct),
        "limited": shape.limited,
        "needed": shape.needed,
        "write": shape.write.as_ref().map(|write| json!({ "kind": write.kind, "columns": write.columns })),
        "through": shape.through,
    })
}

fn subject(subject: &Subject) -> Value {
    json!({ "sql": subject.text(), "columns": subject.columns(), "is_expression": matches!(subject, Subject::Expression { .. }) })
}

fn predicate(predicate: &Predicate) -> Value {
    let served_by: Vec<Value> = predicate
        .service
        .methods()
        .map(|serving| json!({ "method": serving.method, "operator_class": serving.operator_class }))
        .collect();
    let not_served = match &predicate.service {
        Service::By(_) => None,
        Service::Nothing(reason) => Some(reason),
    };
    json!({
        "subject": subject(&predicate.subject),
        "comparison": predicate.comparison,
        "operator": predicate.operator,
        "operand": operand(&predicate.operand),
        "served_by": served_by,
        "not_served": not_served,
    })
}

fn operand(operand: &Operand) -> Value {
    let of = |kind: &str, parameters: &[u32]| json!({ "kind": kind, "parameters": parameters, "boolean": null, "shape": null, "column": null });
    match operand {
        Operand::Nothing => of("nothing", &[]),
        Operand::Parameters(numbers) => of("parameters", numbers),
        Operand::Computed(numbers) => of("computed", numbers),
        Operand::Elsewhere => of("elsewhere", &[]),
        Operand::Boolean(value) => {
            json!({ "kind": "boolean", "parameters": [], "boolean": value, "shape": null, "column": null })
        }
        Operand::Column { shape, column } => {
            json!({ "kind": "column", "parameters": [], "boolean": null, "shape": shape, "column": column })
        }
    }
}

fn order_key(key: &OrderKey) -> Value {
    json!({ "subject": subject(&key.subject), "direction": key.direction, "nulls": key.nulls, "distance": key.distance })
}

fn expected(report: &WorkloadReport<'_>, parameter: &Parameter) -> Value {
    let (role, target) = match &parameter.role {
        Role::Compared { table, column, .. } => ("compared", Some((table, column))),
        Role::Pattern { table, column, .. } => ("pattern", Some((table, column))),
        Role::Offset { table, column } => ("offset", Some((table, column))),
        Role::Assigned { table, column } => ("assigned", Some((table, column))),
        Role::DocumentKey { table, column } => ("document-key", Some((table, column))),
        Role::FullText => ("full-text", None),
        Role::RowLimit => ("row-limit", None),
        Role::RowOffset => ("row-offset", None),
        Role::Interval => ("interval", None),
        Role::Free => ("free", None),
    };
    let operator = match &parameter.role {
        Role::Compared { operator, .. } | Role::Pattern { operator, .. } => Some(operator),
        _ => None,
    };
    let (array, expression) = match &parameter.role {
        Role::Compared { array, expression, .. } => (*array, expression.as_ref()),
        _ => (false, None),
    };
    json!({
        "number": parameter.number,
        "role": role,
        "table": target.map(|(table, _)| table_name(report, *table)),
        "column": target.map(|(_, column)| column),
        "operator": operator,
        "array": array,
        "expression": expression,
        "cast": parameter.cast,
    })
}

fn table_name(report: &WorkloadReport<'_>, table: Oid) -> Value {
    report.catalog.table_by_oid(table).map_or(Value::Null, |table| json!(table.name.sql()))
}

fn bound(report: &WorkloadReport<'_>, binding: &Binding) -> Value {
    let values: Option<Vec<Option<&str>>> = (report.values == Values::Shown)
        .then(|| binding.values.iter().map(|value| value.as_ref().map(Literal::expose)).collect());
    json!({ "weight": binding.weight, "origin": binding.origin, "values": values })
}
