//! `select-star`: whole rows of wide tables where an index holds all that is searched by.

use pgtailor_model::catalog::{Index, Table};
use pgtailor_model::construct::Construct;
use pgtailor_model::finding::{Finding, Severity};
use pgtailor_model::index::KeyPart;
use pgtailor_model::name::printable;
use pgtailor_model::quantity::Unit;
use pgtailor_model::shape::{Shape, Subject as Key};
use pgtailor_model::unit::three_digits;
use pgtailor_model::workload::Query;

use super::{Check, Subject};
use crate::suspect::{Statements, Suspect, estimated, measured};
use crate::threshold::{ENOUGH_RETURNED, NARROW_FRACTION, WIDE_ROW};

/// `SELECT *` where an index alone might do.
///
/// # What it finds
///
/// Statements that take noticeable time, return a hundred rows and more, and ask for all columns of a wide table by `*`, where an index that is
/// searched for them holds every column of their conditions and their order. Fewer columns could then be read from the index alone.
///
/// # Why it matters
///
/// Each row is fetched from the table, one page for each in the worst case, and wide values are fetched from where they are stored apart. An
/// index-only scan fetches none, as long as vacuum keeps the visibility map up to date.
///
/// # Example
///
/// ```sql
/// SELECT * FROM events WHERE device = $1 ORDER BY at;
/// ```
///
/// # Instead
///
/// ```sql
/// SELECT device, at FROM events WHERE device = $1 ORDER BY at;  -- index on (device, at)
/// ```
///
/// # When to ignore it
///
/// When the application needs the columns. That cannot be seen from here.
pub(super) struct SelectStar;

impl Check for SelectStar {
    fn name(&self) -> &'static str {
        "select-star"
    }

    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let statements = Statements::of(subject);
        let suspects = statements.noticeable().flat_map(|query| {
            let shapes = query.constructs.iter().find_map(|construct| match construct {
                Construct::WholeRows { shapes } => Some(shapes.as_slice()),
                _ => None,
            });
            shapes.unwrap_or_default().iter().filter_map(|position| suspect(query, &statements, *position)).collect::<Vec<_>>()
        });
        let suspects = suspects.collect();
        statements.findings(self.name(), suspects)
    }
}

fn suspect<'a>(query: &'a Query, statements: &Statements<'a>, position: usize) -> Option<Suspect<'a>> {
    let count = query.rows_per_call().filter(|count| *count >= ENOUGH_RETURNED)?;
    let shape = query.shapes.get(position).filter(|shape| shape.write.is_none())?;
    let table = statements.table(shape.table).filter(|table| !statements.is_small(table.oid))?;
    let asked = asked(shape)?;
    let width = width_of(table, table.columns.iter().map(|column| column.name.as_str()))?;
    let narrow = |index: &&Index| {
        let held = held(index);
        let is_searched = index
            .definition
            .as_ref()
            .and_then(crate::indexes::leading_column)
            .is_some_and(|first| shape.equality().contains(&first) || shape.range().contains(&first));
        let holds_all = asked.iter().all(|column| held.contains(column));
        is_searched && holds_all && width_of(table, held.into_iter()).is_some_and(|narrow| narrow <= NARROW_FRACTION * width)
    };
    let index = table.indexes.iter().filter(|index| index.valid).find(narrow).filter(|_| width >= WIDE_ROW)?;
    let columns = held(index).join(", ");
    Some(Suspect {
        query,
        table,
        about: index.name.clone(),
        columns: asked.into_iter().map(str::to_owned).collect(),
        severity: Severity::Notice,
        problem: format!(
            "a statement returns all columns of {}, {} bytes a row, for {} rows an execution, while index {} holds all that it searches by",
            table.name,
            three_digits(width),
            three_digits(count),
            printable(&index.name)
        ),
        evidence: vec![estimated("mean width of a row", width, Unit::Bytes), measured("rows of an execution", count, Unit::Rows)],
        advice: format!("name the columns that are needed; when {} are enough, the index alone can be read", printable(&columns)),
    })
}

/// The columns of the conditions and the order; `None` when there is more to them than columns.
fn asked(shape: &Shape) -> Option<Vec<&str>> {
    let subjects =
        shape.predicates.iter().map(|predicate| &predicate.subject).chain(shape.order_by.iter().map(|key| &key.subject));
    let column = |subject: &'_ Key| matches!(subject, Key::Column(_));
    let mut subjects = subjects.peekable();
    subjects.peek()?;
    if !shape.disjunctions.is_empty() {
        return None;
    }
    subjects.map(|subject| if column(subject) { Some(subject.text()) } else { None }).collect()
}

fn held(index: &Index) -> Vec<&str> {
    let Some(definition) = index.definition.as_ref().filter(|definition| definition.method == "btree") else { return Vec::new() };
    let keys = definition.keys.iter().filter_map(|key| match &key.part {
        KeyPart::Column(name) => Some(name.as_str()),
        KeyPart::Expression(_) => None,
    });
    keys.chain(definition.include.iter().map(String::as_str)).collect()
}

/// Mean width of `columns` together, in bytes; `None` when that of one is not known.
fn width_of<'c>(table: &Table, columns: impl Iterator<Item = &'c str>) -> Option<f64> {
    columns.map(|column| table.column(column)?.statistics.as_ref().map(|statistics| f64::from(statistics.average_width))).sum()
}

#[cfg(test)]
mod tests {
    use pgtailor_model::index::IndexDefinition;
    use pgtailor_model::shape::Comparison;
    use pgtailor_model::unit::Rows;

    use super::*;
    use crate::fixture::{Fixture, shape, workload};

    fn found(width: u32, rows: u64, index: &[&str]) -> Vec<Finding> {
        let fixture = Fixture::new().table("t", 500, &["a", "b"]).width("t", "a", 8).width("t", "b", width);
        let fixture = fixture.index("t", IndexDefinition::btree(index.iter().copied()));
        let mut workload = workload(&[("s", 9_000.0, shape(fixture.oid("t"), &[("a", Comparison::Equal)]))]);
        workload.queries[0].rows = Some(Rows(rows * 100));
        workload.queries[0].constructs.push(Construct::WholeRows { shapes: vec![0] });
        SelectStar.find(&Subject::new(&fixture.snapshot(), &workload))
    }

    #[test]
    fn a_narrow_index_that_holds_all_that_is_searched_by_is_named() {
        let findings = found(192, 100, &["a"]);
        assert!(findings[0].problem.contains("200 bytes a row, for 100 rows an execution"), "{}", findings[0].problem);
        assert_eq!(findings[0].severity, Severity::Notice);
    }

    #[test]
    fn narrow_tables_few_rows_and_other_indexes_are_no_matter() {
        assert_eq!(found(191, 100, &["a"]), []);
        assert_eq!(found(192, 99, &["a"]), []);
        assert_eq!(found(192, 100, &["b"]), []);
        assert_eq!(found(192, 100, &["a", "b"]), [], "as wide as the table");
    }
}
