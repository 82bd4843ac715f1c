//! `cartesian-product`: tables in one `FROM` clause that nothing joins.

use pgtailor_model::catalog::Table;
use pgtailor_model::construct::Construct;
use pgtailor_model::finding::Finding;
use pgtailor_model::quantity::Unit;
use pgtailor_model::workload::Query;

use super::{Check, Subject};
use crate::serving::{fraction, need};
use crate::suspect::{Statements, Suspect, estimated, rows};
use crate::threshold::LARGE_PRODUCT;

/// Tables that nothing joins.
///
/// # What it finds
///
/// Statements that take noticeable time and read tables in one `FROM` clause which no condition connects, when that makes 10 000 pairs of rows and
/// more by the planner's statistics. A parameter that both are compared with connects them; a part that a unique key or a `LIMIT` reduces
/// to one row multiplies nothing.
///
/// # Why it matters
///
/// Each row of one goes with each row of the other, most often because a condition was forgotten, and a `DISTINCT` hides it.
///
/// # Example
///
/// ```sql
/// SELECT DISTINCT o.id FROM orders o, customers c WHERE o.status = 'open';
/// ```
///
/// # Instead
///
/// ```sql
/// SELECT o.id FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.status = 'open';
/// ```
///
/// # When to ignore it
///
/// When every pair is wanted: a calendar of all days for all products.
pub(super) struct CartesianProduct;

impl Check for CartesianProduct {
    fn name(&self) -> &'static str {
        "cartesian-product"
    }

    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let statements = Statements::of(subject);
        let suspects = statements.noticeable().flat_map(|query| {
            query.constructs.iter().filter_map(|construct| match construct {
                Construct::Unconnected { parts } => suspect(query, &statements, parts),
                _ => None,
            })
        });
        let suspects = suspects.collect();
        statements.findings(self.name(), suspects)
    }
}

fn suspect<'a>(query: &'a Query, statements: &Statements<'a>, parts: &[Vec<usize>]) -> Option<Suspect<'a>> {
    let parts: Vec<(f64, &Table)> =
        parts.iter().map(|part| rows_of(query, statements, part)).collect::<Option<Vec<_>>>()?.into_iter().collect();
    let mut parts: Vec<(f64, &Table)> = parts.into_iter().filter(|(count, _)| *count > 1.0).collect();
    parts.sort_by(|one, other| other.0.total_cmp(&one.0));
    let product: f64 = parts.iter().map(|(count, _)| count).product();
    let [(first_rows, first), (second_rows, second), ..] = parts.as_slice() else { return None };
    if product < LARGE_PRODUCT {
        return None;
    }
    let table = statements.table(first.oid)?;
    Some(Suspect {
        query,
        table,
        about: second.name.to_string(),
        columns: Vec::new(),
        severity: statements.severity(query),
        problem: format!(
            "a statement joins {} and {} by no condition: some {} × {} rows are {} pairs",
            first.name,
            second.name,
            rows(*first_rows),
            rows(*second_rows),
            rows(product)
        ),
        evidence: vec![
            estimated("pairs of rows", product, Unit::Rows),
            estimated(format!("rows of {}", first.name), *first_rows, Unit::Rows),
            estimated(format!("rows of {}", second.name), *second_rows, Unit::Rows),
        ],
        advice: format!(
            "add the condition that joins {} and {}; when every pair is wanted, write CROSS JOIN, and allow this check for the statement",
            first.name, second.name
        ),
    })
}

/// Rows of one part, estimated, and its largest table; `None` when that is not known.
///
/// A join of tables is taken to have the rows of its largest one, as joins to a unique key have, less what all conditions leave out.
fn rows_of<'a>(query: &Query, statements: &Statements<'a>, part: &[usize]) -> Option<(f64, &'a Table)> {
    let mut largest: Option<(f64, &Table)> = None;
    let mut left = 1.0;
    let mut is_single = false;
    for position in part {
        let shape = query.shapes.get(*position)?;
        let table = statements.table(shape.table)?;
        let count = statements.rows(table.oid)?;
        let equal = shape.equality();
        is_single |= shape.limited && shape.group_by.is_empty();
        is_single |= table.indexes.iter().filter_map(|index| index.definition.as_ref()).any(|definition| {
            let columns = definition.keys.iter().map(|key| match &key.part {
                pgtailor_model::index::KeyPart::Column(name) => equal.contains(&name.as_str()),
                pgtailor_model::index::KeyPart::Expression(_) => false,
            });
            definition.unique && definition.predicate.is_none() && columns.into_iter().all(|is_equal| is_equal)
        });
        if let Some(need) = need(shape, false) {
            left *= fraction(&need, table)?;
        }
        if largest.is_none_or(|(known, _)| count > known) {
            largest = Some((count, table));
        }
    }
    largest.map(|(count, table)| (if is_single { 1.0 } else { count * left }, table))
}

#[cfg(test)]
mod tests {
    use pgtailor_model::index::IndexDefinition;
    use pgtailor_model::shape::{Comparison, Shape};

    use super::*;
    use crate::fixture::{Fixture, shape, workload};

    fn tables() -> Fixture {
        let fixture = Fixture::new().table("a", 50, &["id", "kind"]).rows("a", 2_000).distinct("a", "kind", 4.0);
        let unique = IndexDefinition { unique: true, ..IndexDefinition::btree(["id"]) };
        fixture.index("a", unique).table("b", 50, &["id"]).rows("b", 20)
    }

    fn found(fixture: Fixture, of_a: &[(&str, Comparison)], parts: Vec<Vec<usize>>) -> Vec<Finding> {
        let mut workload = workload(&[("s", 9_000.0, shape(fixture.oid("a"), of_a))]);
        workload.queries[0].shapes.push(Shape::of(fixture.oid("b")));
        workload.queries[0].constructs.push(Construct::Unconnected { parts });
        CartesianProduct.find(&Subject::new(&fixture.snapshot(), &workload))
    }

    #[test]
    fn counts_the_pairs_that_conditions_leave() {
        let parts = || vec![vec![0], vec![1]];
        let findings = found(tables(), &[("kind", Comparison::Equal)], parts());
        let problem = "a statement joins a and b by no condition: some 500 × 20 rows are 10 000 pairs";
        assert_eq!(findings[0].problem, problem);
        assert_eq!(found(tables().rows("b", 19), &[("kind", Comparison::Equal)], parts()), []);
    }

    #[test]
    fn one_row_multiplies_nothing_and_unknown_sizes_are_not_guessed() {
        let parts = || vec![vec![0], vec![1]];
        assert_eq!(found(tables(), &[("id", Comparison::Equal)], parts()), []);
        let unknown = Fixture::new().table("a", 50, &["id"]).rows("a", 2_000).table("b", 50, &["id"]);
        assert_eq!(found(unknown, &[], parts()), []);
    }
}
