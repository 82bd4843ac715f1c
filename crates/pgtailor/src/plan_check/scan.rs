//! How much of its tables a plan reads from one end to the other.
//!
//! A sequential scan's row estimate is that *behind* its filter, so it says nothing of what is read: that is the table, as often as the scan
//! is repeated, and less where a `LIMIT` above stops it early (`adjust_limit_rows_costs` in `pathnode.c` takes costs by the same fraction).

use pgtailor_model::planner::PlanNode;

/// A sequential scan in a plan.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scan<'p> {
    /// The table's name, without its schema.
    pub table: &'p str,
    /// How many times the table is read: below 1 when the scan stops early, above when it is repeated.
    pub times: f64,
}

/// The sequential scans of a plan whose nodes stand as a walk from the top meets them.
pub(super) fn sequential_scans(nodes: &[PlanNode]) -> Vec<Scan<'_>> {
    let mut scans = Vec::new();
    // Several tops: a plan is a tree, and yet nothing here depends on it.
    for top in children(nodes, None) {
        walk(nodes, top, 1.0, 1.0, &mut scans);
    }
    scans
}

/// `share` is the part of this node's output that is wanted, `loops` how often it is executed.
fn walk<'p>(nodes: &'p [PlanNode], at: usize, share: f64, loops: f64, scans: &mut Vec<Scan<'p>>) {
    let node = &nodes[at];
    if let Some(rest) = node.what.strip_prefix("Seq Scan")
        && let Some((_, table)) = rest.split_once(" on ")
    {
        scans.push(Scan { table, times: share * loops });
    }
    // Kept between executions: what is below runs once.
    let loops = if ["Materialize", "Memoize", "Hash"].iter().any(|kind| is(node, kind)) { 1.0 } else { loops };
    let mut outer_rows = 1.0;
    for below in children(nodes, Some(at)) {
        let child = &nodes[below];
        let (share, loops) = match relationship(&child.what) {
            // Correlated ones run more than once; how often, the plan does not tell.
            "initplan" | "subplan" => (1.0, 1.0),
            "inner" if is(node, "Nested Loop") => (1.0, loops * f64::max(1.0, share * outer_rows)),
            "inner" => (1.0, loops),
            _ if takes_all(node) => (1.0, loops),
            _ if is(node, "Limit") && child.rows > 0.0 => (share * f64::min(1.0, node.rows / child.rows), loops),
            _ => (share, loops),
        };
        if relationship(&child.what) == "outer" {
            outer_rows = child.rows;
        }
        walk(nodes, below, share, loops, scans);
    }
}

/// Whether the node reads all of its input before its first row.
fn takes_all(node: &PlanNode) -> bool {
    let is_sorted = node.what.contains(" sorted");
    ["Sort", "Hash", "HashAggregate", "SetOp", "WindowAgg", "ModifyTable"].iter().any(|kind| is(node, kind))
        || (is(node, "Aggregate") && !is_sorted)
}

/// Whether the node is of this kind: `Sort` is no `Sorted`, and `Hash` no `Hash Join`.
fn is(node: &PlanNode, kind: &str) -> bool {
    let Some(rest) = node.what.strip_prefix(kind) else { return false };
    rest.is_empty() || (rest.starts_with(' ') && rest[1..].starts_with(|c: char| c.is_lowercase()))
}

/// The word for how a node is related to the one above: the last before the names.
fn relationship(what: &str) -> &str {
    let end = [" using ", " on ", " with "].iter().filter_map(|word| what.find(word)).min().unwrap_or(what.len());
    what[..end].rsplit(' ').next().unwrap_or_default()
}

/// Positions of the nodes right below the one at `of`, or of the tops.
fn children(nodes: &[PlanNode], of: Option<usize>) -> impl Iterator<Item = usize> + '_ {
    let (first, depth) = match of {
        Some(of) => (of + 1, nodes[of].depth + 1),
        None => (0, 0),
    };
    let within = move |node: &&PlanNode| node.depth >= depth;
    let family = nodes[first..].iter().take_while(within).enumerate();
    family.filter(move |(_, node)| node.depth == depth).map(move |(position, _)| first + position)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(nodes: &[(u16, &str, f64)]) -> Vec<PlanNode> {
        let node = |(depth, what, rows): &(u16, &str, f64)| PlanNode {
            depth: *depth,
            what: (*what).to_owned(),
            startup_cost: 0.0,
            total_cost: 1.0,
            rows: *rows,
            width: 8,
        };
        nodes.iter().map(node).collect()
    }

    fn times(nodes: &[(u16, &str, f64)]) -> Vec<(String, f64)> {
        sequential_scans(&plan(nodes)).into_iter().map(|scan| (scan.table.to_owned(), scan.times)).collect()
    }

    #[test]
    fn a_limit_stops_a_scan_unless_something_between_needs_all() {
        assert_eq!(times(&[(0, "Limit", 10.0), (1, "Seq Scan outer on t", 1000.0)]), [("t".to_owned(), 0.01)]);
        let sorted = [(0, "Limit", 10.0), (1, "Sort outer", 1000.0), (2, "Seq Scan outer on t", 1000.0)];
        assert_eq!(times(&sorted), [("t".to_owned(), 1.0)]);
        let few = [(0, "Limit", 3.0), (1, "Seq Scan outer on t", 3.0)];
        assert_eq!(times(&few), [("t".to_owned(), 1.0)], "the rows asked for are all that there are");
    }

    #[test]
    fn the_inner_side_of_a_nested_loop_is_repeated_unless_it_is_kept() {
        let repeated =
            [(0, "Nested Loop inner", 50.0), (1, "Index Scan outer using i on a", 50.0), (1, "Seq Scan inner on b", 1.0)];
        assert_eq!(times(&repeated), [("b".to_owned(), 50.0)]);
        let kept = [
            (0, "Nested Loop left", 50.0),
            (1, "Seq Scan outer on a", 50.0),
            (1, "Materialize inner", 9.0),
            (2, "Seq Scan outer on b", 9.0),
        ];
        assert_eq!(times(&kept), [("a".to_owned(), 1.0), ("b".to_owned(), 1.0)]);
        let hashed = [
            (0, "Hash Join inner", 50.0),
            (1, "Seq Scan outer on a", 50.0),
            (1, "Hash inner", 9.0),
            (2, "Seq Scan outer on b on c", 9.0),
        ];
        assert_eq!(times(&hashed), [("a".to_owned(), 1.0), ("b on c".to_owned(), 1.0)]);
    }

    #[test]
    fn a_count_reads_all_and_a_subplan_too() {
        let counted = [
            (0, "Limit", 1.0),
            (1, "Aggregate outer", 1.0),
            (2, "Gather outer with 2 workers", 2.0),
            (3, "Aggregate partial outer", 1.0),
            (4, "Seq Scan outer on t", 1000.0),
        ];
        assert_eq!(times(&counted), [("t".to_owned(), 1.0)]);
        let nested = [(0, "Limit", 1.0), (1, "Result outer", 10.0), (2, "Seq Scan subplan on t", 5.0)];
        assert_eq!(times(&nested), [("t".to_owned(), 1.0)]);
    }
}
