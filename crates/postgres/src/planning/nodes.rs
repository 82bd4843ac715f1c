//! A plan without the values in it: what each node is, and what the planner expects of it.
//!
//! Conditions are left out, because they quote values; what is left can be stored and compared. Knows the server's JSON only, and reads it
//! without making a tree of it first: of a plan's text nine tenths are not looked at.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write as _;

use pgtailor_model::planner::PlanNode;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::walks::{Walk, walks};

/// A plan as far as decisions need it. It holds no value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outline {
    /// Its nodes from the top, each before those below it.
    pub nodes: Vec<PlanNode>,
    /// Names of the indexes that it uses.
    pub indexes: BTreeSet<String>,
    /// Walks that it means to end early.
    pub walks: Vec<Walk>,
}

/// The nodes of a plan in JSON, from the top, each before those below it. They hold no value.
pub fn nodes(plan: &Value) -> Vec<PlanNode> {
    outline_of(plan).nodes
}

/// The outline of a plan in JSON; an empty one of what is no plan.
pub(super) fn outline_of(plan: &Value) -> Outline {
    Vec::<Statement<'_>>::deserialize(plan).map(|plans| outline(&plans)).unwrap_or_default()
}

/// The outline of a plan in the text of its JSON; `None` when that cannot be read.
pub(super) fn outline_in(plan: &str) -> Option<Outline> {
    serde_json::from_str(plan).ok().map(|plans: Vec<Statement<'_>>| outline(&plans))
}

#[derive(Deserialize)]
struct Statement<'a> {
    /// Utility statements have none.
    #[serde(borrow, rename = "Plan")]
    plan: Option<Node<'a>>,
}

/// Borrowed from the plan's text, unless something in it is escaped.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// What is not there, or null, is left out.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Node<'a> {
    #[serde(borrow, rename = "Node Type")]
    kind: Option<Text<'a>>,
    #[serde(borrow, rename = "Join Type")]
    join_type: Option<Text<'a>>,
    #[serde(borrow, rename = "Strategy")]
    strategy: Option<Text<'a>>,
    #[serde(borrow, rename = "Partial Mode")]
    partial_mode: Option<Text<'a>>,
    #[serde(borrow, rename = "Operation")]
    operation: Option<Text<'a>>,
    #[serde(borrow, rename = "Scan Direction")]
    scan_direction: Option<Text<'a>>,
    #[serde(borrow, rename = "Parent Relationship")]
    parent_relationship: Option<Text<'a>>,
    #[serde(borrow, rename = "Index Name")]
    index_name: Option<Text<'a>>,
    #[serde(borrow, rename = "Relation Name")]
    relation_name: Option<Text<'a>>,
    #[serde(rename = "Workers Planned")]
    workers_planned: Option<u64>,
    #[serde(rename = "Startup Cost")]
    startup_cost: Option<f64>,
    #[serde(rename = "Total Cost")]
    total_cost: Option<f64>,
    #[serde(rename = "Plan Rows")]
    plan_rows: Option<f64>,
    #[serde(rename = "Plan Width")]
    plan_width: Option<i64>,
    /// That there is one; it quotes values.
    #[serde(rename = "Filter")]
    filter: Option<IgnoredAny>,
    #[serde(borrow, rename = "Plans")]
    plans: Option<Vec<Node<'a>>>,
}

impl Node<'_> {
    /// Whether the node is of this kind.
    pub(super) fn is(&self, kind: &str) -> bool {
        self.kind.as_ref().is_some_and(|own| own.0 == kind)
    }

    /// How it is related to the node above: `Outer`, `Inner`, `Member`, `InitPlan`, `SubPlan`; empty at the top.
    pub(super) fn relationship(&self) -> &str {
        self.parent_relationship.as_ref().map(|text| text.0.as_ref()).unwrap_or_default()
    }

    /// The table that it reads.
    pub(super) fn relation(&self) -> Option<&str> {
        self.relation_name.as_ref().map(|text| text.0.as_ref())
    }

    /// Whether it drops rows that it reads.
    pub(super) fn has_filter(&self) -> bool {
        self.filter.is_some()
    }

    /// Planner cost in all.
    pub(super) fn total(&self) -> f64 {
        self.total_cost.unwrap_or_default()
    }

    /// Rows that the planner expects.
    pub(super) fn rows(&self) -> f64 {
        self.plan_rows.unwrap_or_default()
    }

    /// The nodes right below.
    pub(super) fn below(&self) -> &[Self] {
        self.plans.as_deref().unwrap_or_default()
    }

    /// The node below from which its rows come.
    pub(super) fn outer(&self) -> Option<&Self> {
        self.below().iter().find(|below| matches!(below.relationship(), "Outer" | "Subquery"))
    }
}

/// Of a text that rules make several statements of the first counts.
fn outline(plans: &[Statement<'_>]) -> Outline {
    let mut found = Outline::default();
    if let Some(top) = plans.first().and_then(|statement| statement.plan.as_ref()) {
        add(top, 0, &mut found);
        walks(top, 1.0, &mut found.walks);
    }
    found
}

fn add(node: &Node<'_>, depth: u16, found: &mut Outline) {
    let mut what = node.kind.as_ref().map(|text| text.0.as_ref()).unwrap_or_default().to_owned();
    let details =
        [&node.join_type, &node.strategy, &node.partial_mode, &node.operation, &node.scan_direction, &node.parent_relationship];
    for Text(value) in details.into_iter().flatten() {
        if !matches!(value.as_ref(), "Forward" | "Plain" | "Simple") {
            what.push(' ');
            let start = what.len();
            what.push_str(value);
            what[start..].make_ascii_lowercase();
        }
    }
    if let Some(Text(index)) = &node.index_name {
        let _ = write!(what, " using {index}");
        if !found.indexes.contains(index.as_ref()) {
            found.indexes.insert(index.clone().into_owned());
        }
    }
    if let Some(Text(relation)) = &node.relation_name {
        let _ = write!(what, " on {relation}");
    }
    if let Some(workers) = node.workers_planned {
        let _ = write!(what, " with {workers} workers");
    }
    found.nodes.push(PlanNode {
        depth,
        what,
        startup_cost: node.startup_cost.unwrap_or_default(),
        total_cost: node.total_cost.unwrap_or_default(),
        rows: node.plan_rows.unwrap_or_default(),
        width: node.plan_width.unwrap_or_default(),
    });
    for below in node.plans.iter().flatten() {
        add(below, depth.saturating_add(1), found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: &str = r#"[{"Plan": {"Node Type": "Nested Loop", "Parallel Aware": false, "Join Type": "Inner", "Startup Cost": 0.15,
        "Total Cost": 24.5, "Plan Rows": 3, "Plan Width": 8, "Inner Unique": true, "Plans": [
          {"Node Type": "Index Scan", "Parent Relationship": "Outer", "Scan Direction": "Backward", "Index Name": "an \"odd\" name",
           "Relation Name": "t", "Startup Cost": 0.1, "Total Cost": 8.25, "Plan Rows": 1, "Plan Width": 4, "Index Cond": "(a = 'x'::text)"},
          {"Node Type": "Index Only Scan", "Parent Relationship": "Inner", "Scan Direction": "Forward", "Index Name": "u_pkey",
           "Relation Name": "u", "Startup Cost": 0.1, "Total Cost": 8.0, "Plan Rows": 1, "Plan Width": 4, "Workers Planned": 2, "Plans": null}]}}]"#;

    #[test]
    fn a_plan_is_read_alike_from_its_text_and_from_its_tree() {
        let outline = outline_in(PLAN).expect("a plan");
        let what: Vec<(u16, &str)> = outline.nodes.iter().map(|node| (node.depth, node.what.as_str())).collect();
        assert_eq!(
            what,
            [
                (0, "Nested Loop inner"),
                (1, "Index Scan backward outer using an \"odd\" name on t"),
                (1, "Index Only Scan inner using u_pkey on u with 2 workers"),
            ]
        );
        assert_eq!(outline.indexes.iter().map(String::as_str).collect::<Vec<_>>(), ["an \"odd\" name", "u_pkey"]);
        let tree: Value = serde_json::from_str(PLAN).expect("it is JSON");
        assert_eq!(nodes(&tree), outline.nodes);
    }

    #[test]
    fn what_holds_no_plan_has_no_nodes() {
        assert_eq!(outline_in("[]"), Some(Outline::default()));
        assert_eq!(outline_in(r#"["Utility Statement"]"#), None);
        assert_eq!(nodes(&Value::Null), Vec::new());
        // As deep as the JSON parser goes, and no deeper.
        let deep = format!(r#"[{{"Plan":{}{}}}]"#, r#"{"Plans":["#.repeat(80), "]}".repeat(80));
        assert_eq!(outline_in(&deep), None);
    }
}
