//! `implicit-cast`: columns that are compared with another type, for which every value is cast.

use pgtailor_model::construct::{ColumnOf, Construct};
use pgtailor_model::finding::{Finding, Severity};
use pgtailor_model::name::{printable, quote_identifier};
use pgtailor_model::shape::{Comparison, Subject as Key};
use pgtailor_model::workload::Query;

use super::{Check, Subject};
use crate::indexes::leading_column;
use crate::suspect::{Statements, Suspect, mean, time};

/// Comparisons that cast an indexed column.
///
/// # What it finds
///
/// Statements that take noticeable time and compare a column that leads an index with a value or a column of a type that the column must be cast
/// to: an integer with `numeric` or `float8`, `text` with `citext`, `character(n)` with `text`. The type is the one that the statement's text
/// shows; what a driver declares for a parameter without a cast is recorded nowhere.
///
/// # Why it matters
///
/// `id = $1::numeric` is `id::numeric = $1`: the index on `id` cannot be searched for it.
///
/// # Example
///
/// ```sql
/// SELECT * FROM orders WHERE id = $1::numeric;
/// ```
///
/// # Instead
///
/// ```sql
/// SELECT * FROM orders WHERE id = $1::bigint;
/// ```
///
/// # When to ignore it
///
/// When the statement needs most rows of the table anyway.
pub(super) struct ImplicitCast;

impl Check for ImplicitCast {
    fn name(&self) -> &'static str {
        "implicit-cast"
    }

    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let statements = Statements::of(subject);
        let suspects = statements.noticeable().flat_map(|query| {
            query.constructs.iter().filter_map(|construct| match construct {
                Construct::ColumnCast { column, to } => suspect(query, &statements, column, to),
                _ => None,
            })
        });
        let suspects = suspects.collect();
        statements.findings(self.name(), suspects)
    }
}

fn suspect<'a>(query: &'a Query, statements: &Statements<'a>, cast: &ColumnOf, to: &str) -> Option<Suspect<'a>> {
    let table = statements.table_at(query, cast.shape).filter(|table| !statements.is_small(table.oid))?;
    let leads = |index: &&pgtailor_model::catalog::Index| {
        index.valid && index.definition.as_ref().and_then(leading_column) == Some(cast.column.as_str())
    };
    let index = table.indexes.iter().find(leads)?;
    let type_name = &table.column(&cast.column)?.type_name;
    let is_join = query
        .shapes
        .get(cast.shape)?
        .predicates
        .iter()
        .any(|predicate| predicate.comparison == Comparison::Join && predicate.subject == Key::Column(cast.column.clone()));
    let column = printable(&quote_identifier(&cast.column));
    let advice = if is_join {
        format!(
            "give both columns one type; until then, cast the other side of the comparison to {type_name}, which must lose nothing"
        )
    } else {
        format!(
            "send the value as {type_name}, or cast it: {column} = $1::{type_name}; a value with a fraction matches no row either way"
        )
    };
    Some(Suspect {
        query,
        table,
        about: cast.column.clone(),
        columns: vec![cast.column.clone()],
        severity: statements.severity(query).max(Severity::Warning),
        problem: format!(
            "a statement compares {}.{column}, which is {type_name}, as {to}: index {} does not serve that; it takes {} on the mean",
            table.name,
            printable(&index.name),
            time(mean(query))
        ),
        evidence: Vec::new(),
        advice,
    })
}

#[cfg(test)]
mod tests {
    use pgtailor_model::index::IndexDefinition;

    use super::*;
    use crate::fixture::{Fixture, shape, workload};

    fn found(fixture: Fixture, comparison: Comparison) -> Vec<Finding> {
        let mut workload = workload(&[("s", 9_000.0, shape(fixture.oid("t"), &[("id", comparison)]))]);
        let column = ColumnOf { shape: 0, column: "id".to_owned() };
        workload.queries[0].constructs.push(Construct::ColumnCast { column, to: "numeric".to_owned() });
        ImplicitCast.find(&Subject::new(&fixture.snapshot(), &workload))
    }

    #[test]
    fn an_index_that_the_cast_makes_useless_is_named() {
        let indexed = || Fixture::new().table("t", 500, &["id"]).index("t", IndexDefinition::btree(["id"]));
        let findings = found(indexed(), Comparison::Other);
        let problem = "a statement compares t.id, which is integer, as numeric: index t_index_1 does not serve that";
        assert!(findings[0].problem.starts_with(problem), "{}", findings[0].problem);
        assert!(findings[0].advice.starts_with("send the value as integer"));
        assert!(found(indexed(), Comparison::Join)[0].advice.starts_with("give both columns one type"));
        assert_eq!(found(indexed().pages("t", 99), Comparison::Other), []);
    }

    #[test]
    fn where_there_is_no_index_nothing_is_lost() {
        assert_eq!(found(Fixture::new().table("t", 500, &["id"]), Comparison::Other), []);
    }
}
