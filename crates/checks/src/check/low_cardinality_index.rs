//! `low-cardinality-index`: indexes that mostly hold entries of one value.

use pgtailor_model::catalog::{Index, Table, TableKind};
use pgtailor_model::finding::{Evidence, Finding, Severity};
use pgtailor_model::index::IndexDefinition;
use pgtailor_model::name::{printable, quote_identifier};
use pgtailor_model::quantity::{Quantity, Unit};
use pgtailor_model::snapshot::{NotExamined, Snapshot};
use pgtailor_model::unit::Bytes;

use super::{Check, Subject};
use crate::evidence::size_evidence;
use crate::indexes::{is_small, leading_column, scans, unexamined_indexes};
use crate::threshold::{FEW_VALUES, SAME_VALUE_SHARE};

/// B-trees over one column that is nearly always the same value, or nearly always null.
///
/// # What it finds
///
/// B-trees of at least 100 pages over a single column, not unique and not partial, where nine rows of ten have the same value, of at most ten
/// different ones, or where nine of ten are null.
///
/// # Why it matters
///
/// For the common value the planner reads the table instead, so most of the entries serve nobody; they are written and kept all the same. A
/// partial index over the rest serves the same searches with a tenth of the entries, and with updates among common values it is not touched.
///
/// # Example
///
/// ```sql
/// CREATE INDEX jobs_is_done ON jobs (is_done);  -- 99 % are done
/// ```
///
/// # Instead
///
/// ```sql
/// CREATE INDEX CONCURRENTLY jobs_open ON jobs (id) WHERE NOT is_done;
/// DROP INDEX CONCURRENTLY jobs_is_done;
/// ```
///
/// # When to ignore it
///
/// When statements compare with a parameter that is the common value as well as a rare one: then the planner cannot tell that a partial index
/// would do.
pub(super) struct LowCardinalityIndex;

impl Check for LowCardinalityIndex {
    fn name(&self) -> &'static str {
        "low-cardinality-index"
    }

    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let snapshot = subject.snapshot;
        single_columns(snapshot).filter_map(|(table, index, column)| self.finding(table, index, column, snapshot)).collect()
    }

    fn not_examined(&self, subject: &Subject<'_>) -> Vec<NotExamined> {
        let is_unknown = |table: &Table, column: &str| table.column(column).is_none_or(|column| column.statistics.is_none());
        let unknown = single_columns(subject.snapshot).filter(|(table, _, column)| is_unknown(table, column));
        unexamined_indexes(unknown.map(|(_, index, _)| index), "there are no statistics of their columns").into_iter().collect()
    }
}

impl LowCardinalityIndex {
    fn finding(&self, table: &Table, index: &Index, column: &str, snapshot: &Snapshot) -> Option<Finding> {
        let statistics = table.column(column)?.statistics.as_ref()?;
        let common = if statistics.distinct <= FEW_VALUES { statistics.most_common_fraction } else { 0.0 };
        let quoted = printable(&quote_identifier(column));
        let (share, what, predicate) = if statistics.null_fraction >= SAME_VALUE_SHARE {
            (statistics.null_fraction, "null", format!("{quoted} IS NOT NULL"))
        } else if common >= SAME_VALUE_SHARE {
            (common, "one and the same value", format!("{quoted} is another than the most common value"))
        } else {
            return None;
        };
        let share = Quantity::estimated(share, Unit::Fraction);
        let size = index.size?;
        let left = Quantity::estimated((1.0 - share.value) * size.as_f64(), Unit::Bytes);
        let mut evidence = vec![
            size_evidence("size of the index", size),
            Evidence { label: format!("share of rows in which {quoted} is {what}"), quantity: share },
            Evidence { label: "size of a partial index over the rest".to_owned(), quantity: left },
            Evidence {
                label: format!("distinct values of {quoted}"),
                quantity: Quantity::estimated(statistics.distinct, Unit::Count),
            },
        ];
        evidence.extend(scans(table, index, snapshot).map(|scans| crate::evidence::count_evidence("scans of the index", scans)));
        Some(Finding {
            check: self.name().to_owned(),
            object: Some(index.name.clone()),
            severity: Severity::Notice,
            table: table.name.clone(),
            problem: format!(
                "{share} of the entries of index {} of {} are for rows in which {quoted} is {what}, {} of {size}",
                printable(&index.name),
                table.name,
                Bytes(size.0.saturating_sub(pgtailor_model::unit::f64_as_count(left.value)))
            ),
            evidence,
            statements: Vec::new(),
            advice: format!(
                "if nobody searches for that with it, replace it by a partial index for the rows in which {predicate}: {left} instead of {size}"
            ),
            remedy: None,
        })
    }
}

/// Large plain B-trees over one column, without those that refuse something.
fn single_columns(snapshot: &Snapshot) -> impl Iterator<Item = (&Table, &Index, &str)> {
    let is_plain = |one: &IndexDefinition| {
        one.method == "btree" && !one.unique && one.keys.len() == 1 && one.include.is_empty() && one.predicate.is_none()
    };
    let large = snapshot.catalog.indexes().filter(|(table, index)| {
        table.kind != TableKind::Partitioned && index.valid && index.constraint.is_none() && !is_small(index.size, snapshot)
    });
    large.filter_map(move |(table, index)| {
        let definition = index.definition.as_ref().filter(|one| is_plain(one))?;
        Some((table, index, leading_column(definition)?))
    })
}

#[cfg(test)]
mod tests {
    use pgtailor_model::catalog::ColumnStatistics;
    use pgtailor_model::workload::Workload;

    use super::*;
    use crate::fixture::Fixture;

    fn jobs(keys: &[&str]) -> Fixture {
        let fixture = Fixture::new().table("jobs", 5000, &["done", "at"]);
        fixture.index("jobs", IndexDefinition::btree(keys.iter().copied())).index_pages("jobs", 1000)
    }

    fn found(fixture: Fixture, statistics: ColumnStatistics) -> Vec<Finding> {
        let mut snapshot = fixture.snapshot();
        snapshot.catalog.tables[0].columns[0].statistics = Some(statistics);
        LowCardinalityIndex.find(&Subject::new(&snapshot, &Workload::default()))
    }

    fn skewed(distinct: f64, most_common_fraction: f64, null_fraction: f64) -> ColumnStatistics {
        ColumnStatistics { distinct, null_fraction, most_common_fraction, ..ColumnStatistics::default() }
    }

    #[test]
    fn nine_rows_of_ten_alike_make_a_partial_index_better() {
        let findings = found(jobs(&["done"]), skewed(2.0, 0.9, 0.0));
        assert!(
            findings[0].problem.starts_with("90.0 % of the entries of index jobs_index_1 of jobs"),
            "{}",
            findings[0].problem
        );
        assert_eq!(found(jobs(&["done"]), skewed(2.0, 0.89, 0.0)), []);
        assert_eq!(found(jobs(&["done"]), skewed(500.0, 0.95, 0.0)), [], "many other values are searched for");
        assert_eq!(found(jobs(&["done", "at"]), skewed(2.0, 0.9, 0.0)), [], "the second key narrows it down");
    }

    #[test]
    fn nulls_count_whatever_the_others_are() {
        let findings = found(jobs(&["done"]), skewed(5000.0, 0.001, 0.97));
        assert!(findings[0].advice.contains("the rows in which done IS NOT NULL"), "{}", findings[0].advice);
    }
}
