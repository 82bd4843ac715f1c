//! `or-across-tables`: an `OR` between conditions on different tables, which no index serves.

use pgtailor_model::construct::Construct;
use pgtailor_model::finding::Finding;
use pgtailor_model::workload::Query;

use super::{Check, Subject};
use crate::suspect::{Statements, Suspect, mean, time};

/// An `OR` across tables.
///
/// # What it finds
///
/// Statements that take noticeable time and have an `OR` whose branches are about different tables, at least two of them of 100 pages and more. Where it
/// can be written as one statement for each branch with the same result, that is given.
///
/// # Why it matters
///
/// No index of either table can serve it: the tables are joined as a whole, and then filtered. Each branch by itself could be found by an index,
/// and joined to the few rows of the other table that belong to it.
///
/// # Example
///
/// ```sql
/// SELECT o.id FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.number = $1 OR c.email = $2;
/// ```
///
/// # Instead
///
/// ```sql
/// SELECT o.id FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.number = $1
/// UNION ALL
/// SELECT o.id FROM orders o JOIN customers c ON c.id = o.customer_id WHERE c.email = $2 AND o.number = $1 IS NOT TRUE;
/// ```
///
/// # When to ignore it
///
/// When most rows pass: then the whole join is needed.
pub(super) struct OrAcrossTables;

impl Check for OrAcrossTables {
    fn name(&self) -> &'static str {
        "or-across-tables"
    }

    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let statements = Statements::of(subject);
        let suspects = statements.noticeable().flat_map(|query| {
            query.constructs.iter().filter_map(|construct| match construct {
                Construct::OrAcrossTables { shapes, rewritten } => suspect(query, &statements, shapes, rewritten.as_deref()),
                _ => None,
            })
        });
        let suspects = suspects.collect();
        statements.findings(self.name(), suspects)
    }
}

fn suspect<'a>(query: &'a Query, statements: &Statements<'a>, shapes: &[usize], rewritten: Option<&str>) -> Option<Suspect<'a>> {
    let tables = shapes.iter().filter_map(|position| statements.table_at(query, *position));
    let mut large: Vec<_> = tables.filter(|table| !statements.is_small(table.oid)).collect();
    large.sort_by_key(|table| std::cmp::Reverse(table.pages));
    let [table, others @ ..] = large.as_slice() else { return None };
    let other = others.first()?;
    let advice = match rewritten {
        Some(rewritten) => format!("this returns the same, and lets an index serve each branch: {rewritten}"),
        None => "write a statement for each branch and join them by UNION ALL, each but the first leaving out what a branch before it took \
                 (… IS NOT TRUE); LIMIT, DISTINCT and grouping go around the whole"
            .to_owned(),
    };
    Some(Suspect {
        query,
        table,
        about: rewritten.unwrap_or_default().to_owned(),
        columns: Vec::new(),
        severity: statements.severity(query),
        problem: format!(
            "a statement picks rows by a condition on {} OR one on {}, so that no index can serve either; it takes {} on the mean",
            table.name,
            other.name,
            time(mean(query))
        ),
        evidence: Vec::new(),
        advice,
    })
}

#[cfg(test)]
mod tests {
    use pgtailor_model::shape::Shape;

    use super::*;
    use crate::fixture::{Fixture, workload};

    fn found(pages: u64, rewritten: Option<&str>) -> Vec<Finding> {
        let fixture = Fixture::new().table("a", 500, &["x"]).table("b", pages, &["y"]);
        let mut workload = workload(&[("s", 9_000.0, Shape::of(fixture.oid("a")))]);
        workload.queries[0].shapes.push(Shape::of(fixture.oid("b")));
        let rewritten = rewritten.map(str::to_owned);
        workload.queries[0].constructs.push(Construct::OrAcrossTables { shapes: vec![0, 1], rewritten });
        OrAcrossTables.find(&Subject::new(&fixture.snapshot(), &workload))
    }

    #[test]
    fn gives_the_whole_statement_where_it_is_equal() {
        assert!(found(100, Some("SELECT 1"))[0].advice.ends_with("serve each branch: SELECT 1"));
        let findings = found(100, None);
        assert!(findings[0].problem.starts_with("a statement picks rows by a condition on a OR one on b"));
        assert!(findings[0].advice.starts_with("write a statement for each branch"));
    }

    #[test]
    fn a_small_table_is_read_whole_anyway() {
        assert_eq!(found(99, None), []);
    }
}
