//! Walks that a plan means to end early: what is below a `LIMIT`, how far the planner expects it to go, and how far it could.
//!
//! What stops early only matters where rows are read in vain: where a filter, or a join, lets fewer rows through than are read. Of a scan with a
//! filter the plan does not tell how many rows it reads; there it is the table, whose rows the caller knows. Knows no price. Start
//! reading at [`walks`].

use pgtailor_model::what_if::EarlyStop;

use super::nodes::Node;

/// A walk under a `LIMIT`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Walk {
    /// All but the rows that are read of `tables`.
    stop: EarlyStop,
    /// Tables that are read through a filter, by name without a schema, once for each scan.
    tables: Vec<String>,
}

impl Walk {
    /// With what tables have by `rows`. Where that is not known, nothing is known of rows that are read in vain, either.
    pub fn over(&self, rows: impl Fn(&str) -> Option<f64>) -> EarlyStop {
        let read: Option<f64> = self.tables.iter().map(|table| rows(table)).sum();
        EarlyStop { walked: read.map_or(self.stop.found, |read| self.stop.walked + read), ..self.stop }
    }
}

/// Adds the walks at and below `node`, which is executed so many `times`, to `found`.
pub(super) fn walks(node: &Node<'_>, times: f64, found: &mut Vec<Walk>) {
    if node.is("Limit")
        && let Some(below) = node.outer()
        && below.total() > node.total()
    {
        let mut walk = Walk {
            stop: EarlyStop { expected: node.total(), whole: below.total(), found: below.rows(), walked: 0.0, times },
            tables: Vec::new(),
        };
        read(below, 1.0, &mut walk);
        if !walk.tables.is_empty() || walk.stop.walked > walk.stop.found {
            found.push(walk);
        }
    }
    // Kept between executions: what is below runs once.
    let times = if ["Materialize", "Memoize", "Hash"].iter().any(|kind| node.is(kind)) { 1.0 } else { times };
    for below in node.below() {
        let more = match below.relationship() {
            "Inner" if node.is("Nested Loop") => node.outer().map_or(1.0, Node::rows),
            "SubPlan" => node.rows(),
            _ => 1.0,
        };
        walks(below, times * more.max(1.0), found);
    }
}

/// Adds what is read at the bottom of a walk that hands its rows up one by one, times `workers`.
fn read(node: &Node<'_>, workers: f64, walk: &mut Walk) {
    let passes_on =
        ["Nested Loop", "Hash Join", "Merge Join", "Incremental Sort", "LockRows", "Result", "ProjectSet", "Subquery Scan"];
    match node.outer() {
        _ if node.is("Append") || node.is("Merge Append") => {
            node.below().iter().filter(|part| part.relationship() == "Member").for_each(|part| read(part, workers, walk));
        }
        // Rows below are those of one worker.
        Some(below) if node.is("Gather") || node.is("Gather Merge") => read(below, node.rows() / below.rows().max(1.0), walk),
        Some(below) if passes_on.iter().any(|kind| node.is(kind)) => read(below, workers, walk),
        Some(bitmap) if node.is("Bitmap Heap Scan") && node.has_filter() => walk.stop.walked += workers * bitmap.rows(),
        None if node.has_filter() && node.relation().is_some() => walk.tables.extend(node.relation().map(str::to_owned)),
        // What sorts or groups has read everything before, and what has no filter reads what it hands up.
        _ => walk.stop.walked += workers * node.rows(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::nodes::outline_of;
    use super::*;

    fn scan(filter: bool, rows: f64, cost: f64) -> serde_json::Value {
        let mut scan = json!({"Node Type": "Index Scan", "Parent Relationship": "Outer", "Index Name": "i", "Relation Name": "t",
            "Startup Cost": 0.4, "Total Cost": cost, "Plan Rows": rows, "Plan Width": 8});
        if filter {
            scan["Filter"] = "(status = 'x'::text)".into();
        }
        scan
    }

    fn limit(cost: f64, below: &serde_json::Value) -> serde_json::Value {
        json!({"Node Type": "Limit", "Total Cost": cost, "Plan Rows": 10, "Plans": [below]})
    }

    fn stops(plan: &serde_json::Value) -> Vec<EarlyStop> {
        let plan = json!([{"Plan": plan}]);
        let rows = |table: &str| (table == "t").then_some(1e6);
        outline_of(&plan).walks.iter().map(|walk| walk.over(rows)).collect()
    }

    #[test]
    fn a_filter_in_a_walk_under_a_limit_is_noticed() {
        let expected = EarlyStop { expected: 40.0, whole: 4_000.0, found: 1_000.0, walked: 1e6, times: 1.0 };
        assert_eq!(stops(&limit(40.0, &scan(true, 1_000.0, 4_000.0))), [expected]);
        assert_eq!(stops(&limit(40.0, &scan(false, 1_000.0, 4_000.0))), [], "what is read is what is wanted");
        assert_eq!(stops(&scan(true, 1_000.0, 4_000.0)), [], "nothing stops");
        assert_eq!(stops(&limit(4_000.0, &scan(true, 5.0, 4_000.0))), [], "it goes to the end anyway");
    }

    #[test]
    fn a_join_that_drops_rows_counts_like_a_filter_and_repeats_what_is_inside() {
        let inner = json!({"Node Type": "Index Scan", "Parent Relationship": "Inner", "Relation Name": "u", "Total Cost": 8.0, "Plan Rows": 1});
        let join = |rows: f64| {
            json!({"Node Type": "Nested Loop", "Parent Relationship": "Outer", "Total Cost": 9_000.0, "Plan Rows": rows,
                "Plans": [scan(false, 1_000.0, 4_000.0), inner]})
        };
        let found = stops(&limit(90.0, &join(20.0)));
        assert_eq!(found, [EarlyStop { expected: 90.0, whole: 9_000.0, found: 20.0, walked: 1_000.0, times: 1.0 }]);
        assert_eq!(stops(&limit(90.0, &join(1_000.0))), []);

        let mut inside = limit(40.0, &scan(true, 1_000.0, 4_000.0));
        inside["Parent Relationship"] = "Inner".into();
        let lateral = json!({"Node Type": "Nested Loop", "Plans": [scan(false, 300.0, 700.0), inside]});
        assert_eq!(stops(&lateral).iter().map(|stop| stop.times).collect::<Vec<_>>(), [300.0]);
    }

    #[test]
    fn parts_of_a_table_add_up_and_what_sorts_reads_nothing_in_vain() {
        let mut part = scan(true, 50.0, 900.0);
        part["Parent Relationship"] = "Member".into();
        let whole = json!({"Node Type": "Merge Append", "Parent Relationship": "Outer", "Total Cost": 1_800.0, "Plan Rows": 100,
            "Plans": [part, part]});
        assert!((stops(&limit(18.0, &whole))[0].walked - 2e6).abs() < 1.0);
        let sort = json!({"Node Type": "Sort", "Parent Relationship": "Outer", "Startup Cost": 1_799.0, "Total Cost": 1_800.0,
            "Plan Rows": 100, "Plans": [scan(true, 100.0, 1_700.0)]});
        assert_eq!(stops(&limit(1_799.5, &sort)), []);
    }

    #[test]
    fn of_a_table_of_unknown_size_nothing_is_said() {
        let mut other = scan(true, 1_000.0, 4_000.0);
        other["Relation Name"] = "unknown".into();
        let stop = stops(&limit(40.0, &other))[0];
        assert_eq!(stop, EarlyStop { expected: 40.0, whole: 4_000.0, found: 1_000.0, walked: 1_000.0, times: 1.0 });
    }
}
