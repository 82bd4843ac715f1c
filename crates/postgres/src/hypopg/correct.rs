//! What HypoPG leaves out of a plan's costs, put back.
//!
//! HypoPG's B-trees have height -1, so that the planner counts no page on the way down, and are too large, since it knows no merging of equal
//! keys (`hypo_estimate_index` in `hypopg_index.c`). Both change the cost of one node; this walks the plan as PostgreSQL wrote it and carries
//! the difference up as `costsize.c` would have. The planner chose by the other costs: what it would have chosen by these is not known
//! here. Pure; start reading at [`correct`].

use std::collections::BTreeMap;

use pgtailor_model::unit::{Pages, Rows, count_as_f64};
use serde_json::Value;

/// Pages that the planner takes a page on the way down for, in `cpu_operator_cost` (`DEFAULT_PAGE_CPU_MULTIPLIER` in `selfuncs.h`).
const OPERATORS_A_PAGE: f64 = 50.0;

/// Elements of an array that is not known at planning (`estimate_array_length` in `selfuncs.c`).
const UNKNOWN_ARRAY: f64 = 10.0;

/// Rounds of a recursive query (`cost_recursive_union`).
const ROUNDS: f64 = 10.0;

/// A hypothetical B-tree: what it would be, and what HypoPG says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tree {
    /// Its first column, quoted; `None` for an expression.
    pub leading: Option<String>,
    /// Levels above the leaves.
    pub levels: u32,
    /// Pages that it would have.
    pub pages: Pages,
    /// Pages by HypoPG.
    pub assumed_pages: Pages,
    /// Rows in it.
    pub rows: Rows,
}

/// Settings, in planner cost units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Prices {
    /// `cpu_operator_cost`.
    pub operator: f64,
    /// `cpu_tuple_cost`.
    pub tuple: f64,
    /// `random_page_cost`, of the database: a tablespace's own is not known here.
    pub random_page: f64,
}

/// Corrects the costs in `plan`, in place; how much the whole changed, in planner cost units.
///
/// `trees` are hypothetical B-trees by the name under which the plan has them.
pub(super) fn correct(plan: &mut Value, trees: &BTreeMap<String, Tree>, prices: Prices) -> f64 {
    node(&mut plan[0]["Plan"], &Context { trees, prices }, Runs::Once).total
}

struct Context<'a> {
    trees: &'a BTreeMap<String, Tree>,
    prices: Prices,
}

/// How often a node is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Runs {
    Once,
    /// On the inner side of a nested loop: pages stay in memory between runs (`genericcostestimate` in `selfuncs.c`).
    Again,
}

/// A difference of costs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Change {
    /// Before the first row.
    startup: f64,
    /// In all.
    total: f64,
}

impl Change {
    fn plus(self, other: Self) -> Self {
        Self { startup: self.startup + other.startup, total: self.total + other.total }
    }

    fn times(self, runs: f64) -> Self {
        Self { startup: self.startup, total: self.total * runs }
    }

    /// Of a node that gives no row before its input has ended.
    fn all_before_the_first_row(self) -> Self {
        Self { startup: self.total, ..self }
    }
}

/// A node below, as it was.
struct Below {
    relationship: String,
    kind: String,
    startup: f64,
    total: f64,
    rows: f64,
    /// `SubPlan 1`.
    name: String,
    change: Change,
}

fn number(node: &Value, field: &str) -> f64 {
    node[field].as_f64().unwrap_or_default()
}

fn text<'a>(node: &'a Value, field: &str) -> &'a str {
    node[field].as_str().unwrap_or_default()
}

fn node(node_value: &mut Value, context: &Context<'_>, runs: Runs) -> Change {
    let is_loop = text(node_value, "Node Type") == "Nested Loop";
    let mut below = Vec::new();
    for child in node_value["Plans"].as_array_mut().into_iter().flatten() {
        let relationship = text(child, "Parent Relationship").to_owned();
        let runs = if (is_loop && relationship == "Inner") || relationship == "SubPlan" { Runs::Again } else { runs };
        let (startup, total, rows) = (number(child, "Startup Cost"), number(child, "Total Cost"), number(child, "Plan Rows"));
        let (kind, name) = (text(child, "Node Type").to_owned(), text(child, "Subplan Name").to_owned());
        let change = node(child, context, runs);
        below.push(Below { relationship, kind, startup, total, rows, name, change });
    }
    let (helpers, inputs): (Vec<Below>, Vec<Below>) =
        below.into_iter().partition(|child| matches!(child.relationship.as_str(), "InitPlan" | "SubPlan"));
    let mut change = of_scan(node_value, context, runs).plus(of_inputs(node_value, &inputs, context.prices));
    for helper in &helpers {
        change = change.plus(of_helper(node_value, helper, &inputs));
    }
    if change != Change::default() {
        let startup = (number(node_value, "Startup Cost") + change.startup).max(0.0);
        let total = (number(node_value, "Total Cost") + change.total).max(startup);
        // As `EXPLAIN` writes them.
        let rounded = |cost: f64| (cost * 100.0).round() / 100.0;
        node_value["Startup Cost"] = rounded(startup).into();
        node_value["Total Cost"] = rounded(total).into();
    }
    change
}

/// What the scan of a hypothetical B-tree lacks (`btcostestimate` in `selfuncs.c`).
fn of_scan(scan: &Value, context: &Context<'_>, runs: Runs) -> Change {
    let Some(tree) = context.trees.get(text(scan, "Index Name")) else { return Change::default() };
    let condition = text(scan, "Index Cond");
    let searches = searches(condition);
    let search = (f64::from(tree.levels) + 1.0) * OPERATORS_A_PAGE * context.prices.operator;
    let is_bitmap = text(scan, "Node Type") == "Bitmap Index Scan";
    let all = tree.rows.as_f64().max(1.0);
    // All is read where nothing is asked of the first column, whose name is then nowhere in the condition. Else what is read are the rows
    // of the node, unless a filter or the division among workers comes between.
    let rows = if condition.is_empty() || tree.leading.as_ref().is_some_and(|it| !condition.contains(it.as_str())) {
        Some(all)
    } else if is_bitmap || (scan["Filter"].is_null() && scan["Parallel Aware"] != Value::Bool(true)) {
        Some(number(scan, "Plan Rows").clamp(1.0, all))
    } else {
        None
    };
    let read = rows.filter(|_| runs == Runs::Once && searches <= 1.0).map_or(0.0, |rows| {
        let pages = |of: Pages| (rows * count_as_f64(of.0) / all).ceil().max(1.0);
        (pages(tree.pages) - pages(tree.assumed_pages)) * context.prices.random_page
    });
    let startup = if is_bitmap { 0.0 } else { search };
    Change { startup, total: search * searches + read }
}

/// How many times an index is searched: once for each combination of elements of arrays.
fn searches(condition: &str) -> f64 {
    condition.split("ANY (").skip(1).map(elements).product()
}

/// The elements of the array with which `text` begins: `'{1,2}'::integer[])`, `ARRAY[$1, $2])`, or something else.
fn elements(text: &str) -> f64 {
    let (list, ends) = if let Some(list) = text.strip_prefix("'{") {
        (list, '}')
    } else if let Some(list) = text.strip_prefix("ARRAY[") {
        (list, ']')
    } else {
        return UNKNOWN_ARRAY;
    };
    let (mut count, mut is_quoted, mut is_escaped, mut depth) = (1_u32, false, false, 0_u32);
    for letter in list.chars() {
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ if is_quoted => {}
            ',' if depth == 0 => count += 1,
            _ if letter == ends && depth == 0 => break,
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    f64::from(count)
}

/// What a node takes over from its inputs.
fn of_inputs(parent: &Value, inputs: &[Below], prices: Prices) -> Change {
    let sum = inputs.iter().fold(Change::default(), |sum, input| sum.plus(input.change));
    match (text(parent, "Node Type"), inputs) {
        ("Nested Loop", [outer, inner]) => outer.change.plus(inner.change.times(runs_of(parent, outer, inner, prices))),
        ("Hash Join", [outer, hash]) => outer.change.plus(hash.change.all_before_the_first_row()),
        ("Sort" | "Hash" | "Bitmap Heap Scan", _) => sum.all_before_the_first_row(),
        ("Aggregate", _) if matches!(text(parent, "Strategy"), "Plain" | "Hashed" | "Mixed") => sum.all_before_the_first_row(),
        ("Append", [first, ..]) => Change { startup: first.change.startup, ..sum },
        ("Recursive Union", [first, again]) => first.change.plus(again.change.times(ROUNDS)),
        ("Limit", [input]) => {
            // `adjust_limit_rows_costs` in `pathnode.c`.
            let share = (number(parent, "Total Cost") - input.startup) / (input.total - input.startup);
            let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 1.0 };
            let Change { startup, total } = input.change;
            Change { startup, total: startup + share * (total - startup) }
        }
        _ => sum,
    }
}

/// How often the inner side of a nested loop is run.
fn runs_of(parent: &Value, outer: &Below, inner: &Below, prices: Prices) -> f64 {
    let again = (outer.rows - 1.0).max(0.0);
    let share = match inner.kind.as_str() {
        "Materialize" => 0.0,
        // How many values are met for the first time is not in the plan: taken from what the join costs (`final_cost_nestloop`,
        // `cost_memoize_rescan` in `costsize.c`).
        "Memoize" => {
            let handling = prices.operator + 2.0 * prices.tuple * inner.rows;
            let spent = number(parent, "Total Cost") - outer.total - inner.total - again * handling;
            let share = spent / (again * inner.total);
            if share.is_finite() { share.clamp(0.0, 1.0) } else { 1.0 }
        }
        _ => 1.0,
    };
    1.0 + again * share
}

/// What a subquery in an expression of `parent` adds (`cost_subplan`, `SS_charge_for_initplans`).
fn of_helper(parent: &Value, helper: &Below, inputs: &[Below]) -> Change {
    let once = helper.change.all_before_the_first_row();
    let is_hashed = || {
        let hashed = format!("hashed {}", helper.name);
        parent
            .as_object()
            .is_some_and(|fields| fields.values().any(|value| value.as_str().is_some_and(|it| it.contains(&hashed))))
    };
    if helper.relationship == "InitPlan" || is_hashed() {
        return once;
    }
    let runs = if text(parent, "Filter").contains(&helper.name) {
        // It is run for rows that the filter then leaves out.
        let own = number(parent, "Total Cost") - inputs.iter().map(|input| input.total).sum::<f64>();
        if helper.total > 0.0 { own / helper.total } else { 1.0 }
    } else {
        number(parent, "Plan Rows")
    };
    Change { startup: 0.0, total: helper.change.total * runs.max(1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const PRICES: Prices = Prices { operator: 0.0025, tuple: 0.01, random_page: 4.0 };

    /// The correction of a plan in which `i` has two levels, and half the pages that HypoPG gives it.
    fn changed(plan: &Value) -> (f64, Value) {
        let tree =
            Tree { leading: Some("a".to_owned()), levels: 2, pages: Pages(100), assumed_pages: Pages(200), rows: Rows(10_000) };
        let mut plan = json!([{ "Plan": plan }]);
        let change = correct(&mut plan, &BTreeMap::from([("i".to_owned(), tree)]), PRICES);
        (change, plan)
    }

    fn scan(rows: u32) -> Value {
        json!({"Node Type": "Index Scan", "Parent Relationship": "Inner", "Index Name": "i", "Index Cond": "(a = 1)",
               "Startup Cost": 0.1, "Total Cost": 8.0, "Plan Rows": rows})
    }

    fn near(found: f64, wanted: f64) {
        assert!((found - wanted).abs() < 1e-9, "{found} instead of {wanted}");
    }

    #[test]
    fn a_search_goes_down_the_tree() {
        let (change, plan) = changed(&scan(1));
        near(change, 0.375);
        near(number(&plan[0]["Plan"], "Total Cost"), 8.38);
        near(number(&plan[0]["Plan"], "Startup Cost"), 0.48);
        let other = json!({"Node Type": "Seq Scan", "Startup Cost": 0.0, "Total Cost": 8.0, "Plan Rows": 1});
        near(changed(&other).0, 0.0);
    }

    #[test]
    fn fewer_pages_are_read_of_a_smaller_index() {
        near(changed(&scan(1000)).0, 0.375 - 40.0);
        let mut filtered = scan(1000);
        filtered["Filter"] = "(b = 2)".into();
        near(changed(&filtered).0, 0.375);
        // Nothing is asked of the first column: all pages are read.
        filtered["Index Cond"] = "(c = 1)".into();
        near(changed(&filtered).0, 0.375 - 400.0);
        // A domain is cast to what it is over.
        filtered["Index Cond"] = "((a)::numeric >= '1'::numeric)".into();
        near(changed(&filtered).0, 0.375);
    }

    #[test]
    fn each_element_of_an_array_is_a_search() {
        for (condition, count) in [
            ("(a = ANY ('{1,2,3}'::integer[]))", 3.0),
            (r#"(a = ANY ('{"x,y","}\",",z}'::text[]))"#, 3.0),
            ("(a = ANY (ARRAY[$1, lower($2), $3]))", 3.0),
            ("((a = ANY ($1)) AND (b = ANY ('{1,2}'::integer[])))", 20.0),
            ("(a = 1)", 1.0),
        ] {
            near(searches(condition), count);
        }
        let mut several = scan(3);
        several["Index Cond"] = "(a = ANY ('{1,2,3}'::integer[]))".into();
        near(changed(&several).0, 3.0 * 0.375);
    }

    #[test]
    fn the_inner_side_of_a_nested_loop_is_searched_for_every_outer_row() {
        let outer = json!({"Node Type": "Seq Scan", "Parent Relationship": "Outer", "Startup Cost": 0.0, "Total Cost": 50.0, "Plan Rows": 1000});
        let nested = json!({"Node Type": "Nested Loop", "Startup Cost": 0.1, "Total Cost": 8060.0, "Plan Rows": 1000, "Plans": [outer, scan(1)]});
        near(changed(&nested).0, 375.0);
        let kept = |kind: &str, total: f64| {
            let inner = json!({"Node Type": kind, "Parent Relationship": "Inner", "Startup Cost": 0.1, "Total Cost": 8.0, "Plan Rows": 1,
                               "Plans": [scan(1)]});
            json!({"Node Type": "Nested Loop", "Startup Cost": 0.1, "Total Cost": total, "Plan Rows": 1000, "Plans": [outer, inner]})
        };
        near(changed(&kept("Materialize", 80.0)).0, 0.375);
        // A tenth of the rows bring a new value: 99.9 * 8 planner cost units, and 22.5 for looking the others up.
        near(changed(&kept("Memoize", 50.0 + 8.0 + 999.0 * 0.0225 + 99.9 * 8.0)).0, 0.375 * 100.9);
    }

    #[test]
    fn what_is_above_takes_over_what_it_waits_for() {
        let above = |kind: &str, startup: f64, total: f64, scan: Value| {
            let node = json!({"Node Type": kind, "Startup Cost": startup, "Total Cost": total, "Plan Rows": 1, "Plans": [scan]});
            let plan = changed(&node).1;
            (number(&plan[0]["Plan"], "Startup Cost"), number(&plan[0]["Plan"], "Total Cost"))
        };
        near(above("Sort", 80.0, 90.0, scan(1000)).0, 40.38);
        near(above("Incremental Sort", 80.0, 90.0, scan(1)).0, 80.38);
        // A tenth of the way through a scan of three searches: the first is paid, and a tenth of the others.
        let mut several = scan(3);
        several["Index Cond"] = "(a = ANY ('{1,2,3}'::integer[]))".into();
        let (startup, total) = above("Limit", 0.1, 0.1 + 0.79, several);
        near(startup, 0.48);
        near(total, 1.34);
    }

    #[test]
    fn a_subquery_is_run_for_each_row_unless_it_is_hashed() {
        let with = |relationship: &str, filter: Value, total: f64| {
            let mut subquery = scan(1);
            subquery["Parent Relationship"] = relationship.into();
            subquery["Subplan Name"] = "SubPlan 1".into();
            json!({"Node Type": "Seq Scan", "Startup Cost": 0.0, "Total Cost": total, "Plan Rows": 50, "Filter": filter, "Plans": [subquery]})
        };
        near(changed(&with("InitPlan", Value::Null, 60.0)).0, 0.375);
        near(changed(&with("SubPlan", Value::Null, 410.0)).0, 50.0 * 0.375);
        near(changed(&with("SubPlan", "(hashed SubPlan 1)".into(), 60.0)).0, 0.375);
        near(changed(&with("SubPlan", "(SubPlan 1)".into(), 800.0)).0, 100.0 * 0.375);
    }
}
