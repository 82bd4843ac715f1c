//! `correlated-columns`: conditions that the planner takes to be independent, and that are not.

use std::collections::BTreeSet;

use pgtailor_model::catalog::{Table, TableKind};
use pgtailor_model::change::{Change, StatisticsDefinition, StatisticsKind};
use pgtailor_model::finding::{Cause, Evidence, Finding, Severity};
use pgtailor_model::name::{QualifiedName, free_name, printable, quote_identifier};
use pgtailor_model::quantity::{Quantity, Unit};
use pgtailor_model::shape::{Comparison, Shape, Subject as Part};
use pgtailor_model::unit::count_as_f64;
use pgtailor_model::workload::Query;

use super::{Check, Subject};
use crate::family::by_oid;
use crate::threshold::{ENOUGH_FOUND_ROWS, ENOUGH_TABLE_ROWS, TIMES_UNDERESTIMATED};

/// Columns whose values go together, which statistics of single columns cannot say.
///
/// # What it finds
///
/// Recorded statements over one table that compare two columns or more for equality, and nothing else, and that returned ten times as many
/// rows as the columns' distinct values say when they are taken to be independent; where no extended statistics know the columns
/// together.
///
/// # Why it matters
///
/// The planner multiplies the conditions' shares. A city and its postal code are one condition, not two: with an estimate a thousandth of
/// the truth it chooses a nested loop that runs a thousand times as long.
///
/// # Example
///
/// ```sql
/// SELECT * FROM addresses WHERE city = 'Zürich' AND country = 'CH';
/// ```
///
/// # Instead
///
/// ```sql
/// CREATE STATISTICS addresses_city_country (ndistinct, dependencies, mcv) ON city, country FROM addresses;
/// ANALYZE addresses;
/// ```
///
/// # When to ignore it
///
/// When the statement asks for a single table and its plan would be the same anyway. Rows that come from a few very common values look
/// the same; statistics of the columns together know those, too.
pub(super) struct CorrelatedColumns;

impl Check for CorrelatedColumns {
    fn name(&self) -> &'static str {
        "correlated-columns"
    }

    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut told = BTreeSet::new();
        let tables = by_oid(subject.snapshot);
        let known = subject.snapshot.catalog.tables.iter().flat_map(|table| &table.extended_statistics);
        let taken: BTreeSet<&QualifiedName> = known.map(|known| &known.name).collect();
        // The workload is sorted by time, so each set of columns is told by the statement that takes most of it.
        for query in &subject.workload.queries {
            let [shape] = query.shapes.as_slice() else { continue };
            let Some(columns) = compared(shape) else { continue };
            if told.contains(&(shape.table, columns.clone())) {
                continue;
            }
            let Some(table) = tables.get(&shape.table) else { continue };
            if let Some(finding) = self.finding(query, table, &columns, &taken) {
                told.insert((shape.table, columns));
                findings.push(finding);
            }
        }
        findings
    }
}

impl CorrelatedColumns {
    fn finding(
        &self,
        query: &Query,
        table: &Table,
        columns: &BTreeSet<String>,
        taken: &BTreeSet<&QualifiedName>,
    ) -> Option<Finding> {
        let rows = table.estimated_rows?.as_f64();
        let is_known = |known: &StatisticsDefinition| columns.is_subset(&known.columns);
        if rows < count_as_f64(ENOUGH_TABLE_ROWS) || table.extended_statistics.iter().any(|known| is_known(&known.definition)) {
            return None;
        }
        let mut expected = rows;
        for column in columns {
            let statistics = table.column(column)?.statistics?;
            expected *= (1.0 - statistics.null_fraction) / statistics.distinct.max(1.0);
        }
        let found = query.rows_per_call()?;
        if found < ENOUGH_FOUND_ROWS || found < TIMES_UNDERESTIMATED * expected.max(1.0) {
            return None;
        }
        let together = columns.iter().map(|column| printable(column)).collect::<Vec<_>>().join(" and ");
        let problem = format!("{together} of {} go together, which the planner cannot know", table.name);
        let name = name(table, columns, taken);
        let list = columns.iter().map(|column| quote_identifier(column)).collect::<Vec<_>>().join(", ");
        let sql = printable(&table.name.sql());
        let advice = format!(
            "run CREATE STATISTICS {} (ndistinct, dependencies, mcv) ON {list} FROM {sql}, then ANALYZE {sql}",
            quote_identifier(&name)
        );
        let kinds = BTreeSet::from([StatisticsKind::NDistinct, StatisticsKind::Dependencies, StatisticsKind::MostCommonValues]);
        let definition = StatisticsDefinition { columns: columns.clone(), kinds };
        Some(Finding {
            evidence: vec![
                Evidence::new("rows returned by a call", Quantity::measured(found, Unit::Rows)),
                Evidence::new("rows if the columns were independent", Quantity::estimated(expected, Unit::Rows)),
            ],
            statements: vec![Cause {
                statement: query.text.clone(),
                calls: query.calls,
                total_time: query.total_time,
                columns: columns.iter().cloned().collect(),
            }],
            remedy: (table.kind != TableKind::MaterializedView).then(|| Change::CreateStatistics {
                table: table.name.clone(),
                table_oid: table.oid,
                name,
                definition,
            }),
            ..Finding::new(self.name(), Severity::Notice, &table.name, problem, advice)
        })
    }
}

/// The columns that the statement compares for equality with one value each, two or more, when that is all that decides which rows come.
fn compared(shape: &Shape) -> Option<BTreeSet<String>> {
    let is_plain = shape.disjunctions.is_empty()
        && !shape.limited
        && shape.group_by.is_empty()
        && shape.distinct.is_empty()
        && shape.write.is_none();
    let mut columns = BTreeSet::new();
    for predicate in &shape.predicates {
        match (&predicate.subject, predicate.comparison) {
            (Part::Column(column), Comparison::Equal) => columns.insert(column.clone()),
            _ => return None,
        };
    }
    (is_plain && columns.len() >= 2).then_some(columns)
}

/// A name that is free in the table's schema.
fn name(table: &Table, columns: &BTreeSet<String>, taken: &BTreeSet<&QualifiedName>) -> String {
    let mut words = vec![table.name.name.clone()];
    words.extend(columns.iter().cloned());
    words.push("stats".to_owned());
    free_name(words, |name| !taken.contains(&QualifiedName::new(&table.name.schema, name)))
}

#[cfg(test)]
mod tests {
    use pgtailor_model::unit::Rows;
    use pgtailor_model::workload::Workload;

    use super::*;
    use crate::fixture::{Fixture, shape, workload};

    fn addresses() -> Fixture {
        Fixture::new()
            .table("addresses", 500, &["city", "country"])
            .distinct("addresses", "city", 500.0)
            .distinct("addresses", "country", 50.0)
            .edit("addresses", |table| table.estimated_rows = Some(Rows(100_000)))
    }

    fn asked(fixture: &Fixture, rows: u64) -> Workload {
        let conditions = [("city", Comparison::Equal), ("country", Comparison::Equal)];
        let mut workload = workload(&[("by both", 10.0, shape(fixture.oid("addresses"), &conditions))]);
        workload.queries[0].rows = Some(Rows(rows * 100));
        workload
    }

    fn found(rows: u64, change: impl FnOnce(&mut Workload)) -> Vec<Finding> {
        let fixture = addresses();
        let mut workload = asked(&fixture, rows);
        change(&mut workload);
        CorrelatedColumns.find(&Subject::new(&fixture.snapshot(), &workload))
    }

    #[test]
    fn ten_times_the_independent_estimate_fires() {
        // 100 000 / 500 / 50 = 4 rows, but at least 100 returned rows are wanted.
        assert_eq!(found(99, |_| ()), []);
        let findings = found(100, |_| ());
        assert_eq!(findings.len(), 1);
        assert!(findings[0].advice.contains("ON city, country FROM public.addresses"), "{}", findings[0].advice);
    }

    #[test]
    fn what_else_decides_about_the_rows_says_nothing_of_columns() {
        assert_eq!(found(200, |workload| workload.queries[0].shapes[0].limited = true), []);
        assert_eq!(found(200, |workload| workload.queries[0].shapes[0].predicates[1].comparison = Comparison::Range), []);
        assert_eq!(found(200, |workload| workload.queries[0].rows = None), []);
    }
}
