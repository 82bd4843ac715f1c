//! What the planner does for a statement of the workload, on a lab.

use std::collections::BTreeSet;
use std::sync::Arc;

use pgtailor_blueprint::Blueprint;
use pgtailor_blueprint::draw::Deck;
use serde_json::Value;

use super::{BenchError, Filling, hidden};
use crate::connect::Database;
use crate::session;
use crate::text_value::TextValue;

/// The part of a plan that costs most by itself, what it reads from below not counted.
#[derive(Clone, Debug, PartialEq)]
pub struct ExpensiveNode {
    /// The node's type, for example `Seq Scan`.
    pub kind: String,
    /// The relation that it reads, if it reads one.
    pub relation: Option<String>,
    /// Its own planner cost.
    pub cost: f64,
    /// The planner cost of the whole statement.
    pub total: f64,
    /// Indexes that the whole plan uses, by name.
    pub indexes: BTreeSet<String>,
}

/// The most expensive node of the plan of each statement in `positions`, with one drawn set of parameters.
pub async fn explain(
    database: &Database,
    blueprint: &Blueprint,
    filling: Filling,
    positions: &[usize],
    seed: u64,
) -> Result<Vec<ExpensiveNode>, BenchError> {
    let generator = Arc::new(blueprint.generator(filling.scale, filling.seed, filling.now)?);
    let deck = Deck::new(&blueprint.workload, &generator)?;
    let mut drawer = deck.drawer(seed, 0);
    let client = session::open(database, "pgtailor explain").await?;
    let mut nodes = Vec::with_capacity(positions.len());
    for &position in positions {
        let statement = &blueprint.workload.statements()[position];
        let operation = || format!("explain statement `{}`", statement.name);
        let values = hidden(&deck.draw(position, &mut drawer));
        let parameters: Vec<TextValue<'_>> = values.iter().map(|value| TextValue(value.as_ref())).collect();
        let references: Vec<&(dyn tokio_postgres::types::ToSql + Sync)> =
            parameters.iter().map(|parameter| -> &(dyn tokio_postgres::types::ToSql + Sync) { parameter }).collect();
        // Planned, not executed; the values make it the plan of this execution.
        let row = client.query_one(&format!("EXPLAIN (FORMAT JSON) {}", statement.sql), &references).await;
        let plan: Value = row.and_then(|row| row.try_get(0)).map_err(|error| BenchError::met(operation(), error))?;
        let root = &plan[0]["Plan"];
        let node = most_expensive(root, root["Total Cost"].as_f64().unwrap_or_default());
        nodes.push(ExpensiveNode { indexes: indexes(root), ..node });
    }
    Ok(nodes)
}

fn indexes(node: &Value) -> BTreeSet<String> {
    let children = node["Plans"].as_array().map(Vec::as_slice).unwrap_or_default();
    let own = node["Index Name"].as_str().map(str::to_owned);
    own.into_iter().chain(children.iter().flat_map(indexes)).collect()
}

fn most_expensive(node: &Value, total: f64) -> ExpensiveNode {
    let children = node["Plans"].as_array().map(Vec::as_slice).unwrap_or_default();
    let below: f64 = children.iter().filter_map(|child| child["Total Cost"].as_f64()).sum();
    let own = ExpensiveNode {
        kind: node["Node Type"].as_str().unwrap_or("node").to_owned(),
        relation: node["Relation Name"].as_str().map(str::to_owned),
        // A limit costs less than what it stops: then nothing is its own.
        cost: (node["Total Cost"].as_f64().unwrap_or_default() - below).max(0.0),
        total,
        indexes: BTreeSet::new(),
    };
    children
        .iter()
        .map(|child| most_expensive(child, total))
        .fold(own, |worst, node| if node.cost > worst.cost { node } else { worst })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_node_that_costs_most_by_itself_is_named() {
        let plan = json!({"Node Type": "Sort", "Total Cost": 120.0, "Plans": [
            {"Node Type": "Seq Scan", "Relation Name": "users", "Total Cost": 100.0},
            {"Node Type": "Index Scan", "Index Name": "users_pkey", "Total Cost": 1.0}]});
        let node = most_expensive(&plan, 120.0);
        assert_eq!(indexes(&plan), BTreeSet::from(["users_pkey".to_owned()]));
        assert_eq!((node.kind.as_str(), node.relation.as_deref(), node.cost), ("Seq Scan", Some("users"), 100.0));
    }
}
