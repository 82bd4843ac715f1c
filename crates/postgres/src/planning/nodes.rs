//! A plan without the values in it: what each node is, and what the planner expects of it.
//!
//! Conditions are left out, because they quote values; what is left can be stored and compared. Knows the server's JSON only.

use std::fmt::Write as _;

use pgtailor_model::planner::PlanNode;
use serde_json::Value;

/// The nodes of a plan in JSON, from the top, each before those below it. They hold no value.
pub fn nodes(plan: &Value) -> Vec<PlanNode> {
    let mut found = Vec::new();
    add(&plan[0]["Plan"], 0, &mut found);
    found
}

fn add(node: &Value, depth: u16, found: &mut Vec<PlanNode>) {
    if node.is_null() {
        return;
    }
    let text = |name: &str| node[name].as_str();
    let mut what = text("Node Type").unwrap_or_default().to_owned();
    for name in ["Join Type", "Strategy", "Partial Mode", "Operation", "Scan Direction", "Parent Relationship"] {
        if let Some(value) = text(name).filter(|value| *value != "Forward" && *value != "Plain" && *value != "Simple") {
            let _ = write!(what, " {}", value.to_lowercase());
        }
    }
    if let Some(index) = text("Index Name") {
        let _ = write!(what, " using {index}");
    }
    if let Some(relation) = text("Relation Name") {
        let _ = write!(what, " on {relation}");
    }
    if let Some(workers) = node["Workers Planned"].as_u64() {
        let _ = write!(what, " with {workers} workers");
    }
    let number = |name: &str| node[name].as_f64().unwrap_or_default();
    found.push(PlanNode {
        depth,
        what,
        startup_cost: number("Startup Cost"),
        total_cost: number("Total Cost"),
        rows: number("Plan Rows"),
        width: node["Plan Width"].as_i64().unwrap_or_default(),
    });
    for below in node["Plans"].as_array().into_iter().flatten() {
        add(below, depth.saturating_add(1), found);
    }
}
