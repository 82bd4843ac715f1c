//! `json-column`: documents that are read as text each time.

use pgtailor_model::catalog::{Column, Table};
use pgtailor_model::finding::{Cause, Evidence, Finding, Severity};
use pgtailor_model::name::{printable, quote_identifier};
use pgtailor_model::quantity::{Quantity, Unit};
use pgtailor_model::shape::{Shape, Subject as Part};

use super::{Check, Subject};
use crate::threshold::MOST_CAUSES;
use crate::uses::Uses;

/// Columns of type `json` that statements look into.
///
/// # What it finds
///
/// Columns of type `json` (not `jsonb`) out of which recorded statements take a part to filter, sort or group by.
///
/// # Why it matters
///
/// `json` is text: every look at a part parses the whole document, no GIN index can serve it, and it has no equality, so `DISTINCT` and
/// `GROUP BY` over it fail. `jsonb` is parsed once, when it is stored.
///
/// # Example
///
/// ```sql
/// SELECT * FROM events WHERE payload ->> 'kind' = 'click';  -- payload json
/// ```
///
/// # Instead
///
/// ```sql
/// ALTER TABLE events ALTER COLUMN payload TYPE jsonb;  -- rewrites the table under a lock
/// CREATE INDEX CONCURRENTLY ON events ((payload ->> 'kind'));
/// ```
///
/// # When to ignore it
///
/// When the text must come back as it was sent: white space, order of keys, keys that occur twice.
pub(super) struct JsonColumn;

impl Check for JsonColumn {
    fn name(&self) -> &'static str {
        "json-column"
    }

    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let tables = subject.snapshot.catalog.tables.iter().filter(|table| table.partition_of.is_none());
        let columns = tables.flat_map(|table| table.columns.iter().map(move |column| (table, column)));
        let uses = Uses::of(subject.workload);
        columns
            .filter(|(_, column)| column.type_name == "json")
            .filter_map(|(table, column)| self.finding(table, column, &uses))
            .collect()
    }
}

impl JsonColumn {
    fn finding(&self, table: &Table, column: &Column, uses: &Uses<'_>) -> Option<Finding> {
        let queries = uses.queries(&[table.oid], |one| parts(one.shape).any(|part| is_part_of(part, &column.name)));
        if queries.is_empty() {
            return None;
        }
        let time = queries.iter().map(|query| query.total_time.0).sum();
        let causes = queries.iter().take(MOST_CAUSES).map(|query| Cause {
            statement: query.text.clone(),
            calls: query.calls,
            total_time: query.total_time,
            columns: vec![column.name.clone()],
        });
        let problem = format!(
            "{}.{} is json, and statements look into it: each parses the whole text",
            table.name,
            printable(&column.name)
        );
        let advice = format!(
            "make it jsonb: ALTER TABLE {} ALTER COLUMN {} TYPE jsonb rewrites the table under a lock, so on a large one fill a new \
             column in batches and swap",
            printable(&table.name.sql()),
            quote_identifier(&column.name)
        );
        Some(Finding {
            object: Some(column.name.clone()),
            evidence: vec![Evidence::new(
                "time of the statements that look into it",
                Quantity::measured(time, Unit::Milliseconds),
            )],
            statements: causes.collect(),
            ..Finding::new(self.name(), Severity::Notice, &table.name, problem, advice)
        })
    }
}

fn parts(shape: &Shape) -> impl Iterator<Item = &Part> {
    let branches = shape.disjunctions.iter().flat_map(|or| or.branches.iter().flatten());
    let predicates = shape.predicates.iter().chain(branches).map(|predicate| &predicate.subject);
    predicates.chain(shape.order_by.iter().map(|key| &key.subject)).chain(&shape.group_by)
}

fn is_part_of(part: &Part, name: &str) -> bool {
    matches!(part, Part::Expression { columns, .. } if columns.iter().any(|column| column == name))
}
