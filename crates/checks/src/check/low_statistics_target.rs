//! `low-statistics-target`: columns with more common values than the planner is told.

use std::collections::BTreeSet;

use pgtailor_model::catalog::{Column, Table, TableKind};
use pgtailor_model::change::Change;
use pgtailor_model::finding::{Evidence, Finding, Severity};
use pgtailor_model::name::{printable, quote_identifier};
use pgtailor_model::quantity::{Quantity, Unit};
use pgtailor_model::shape::Comparison;
use pgtailor_model::unit::{Rows, f64_as_count};

use super::{Check, Subject};
use crate::evidence::{count_evidence, fraction_evidence};
use crate::setting::number;
use crate::threshold::{ENOUGH_TABLE_ROWS, LARGEST_STATISTICS_TARGET, STILL_COMMON};

/// Skewed columns whose list of common values ends too early.
///
/// # What it finds
///
/// Columns that recorded statements compare for equality, on tables of 10,000 rows or more, whose list of most common values is as long
/// as the statistics target allows, while the last of them is still three times as common as those that are not in it on average.
///
/// # Why it matters
///
/// Every value that is not in the list is taken to be as common as the average of the rest. One that is ten times as common gets a nested
/// loop where a hash join was right.
///
/// # Example
///
/// ```sql
/// SELECT * FROM visits WHERE site = 'the 101st largest';  -- default_statistics_target = 100
/// ```
///
/// # Instead
///
/// ```sql
/// ALTER TABLE visits ALTER COLUMN site SET STATISTICS 500;
/// ANALYZE visits;
/// ```
///
/// # When to ignore it
///
/// When statements ask for the few largest values, or for one row, only.
pub(super) struct LowStatisticsTarget;

impl Check for LowStatisticsTarget {
    fn name(&self) -> &'static str {
        "low-statistics-target"
    }

    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let compared = compared(subject);
        let usual = number(subject.snapshot, "default_statistics_target").map_or(100, f64_as_count);
        let mut findings = Vec::new();
        for table in subject.snapshot.catalog.tables.iter().filter(|table| table.kind == TableKind::Table) {
            if table.estimated_rows.is_none_or(|rows| rows < Rows(ENOUGH_TABLE_ROWS)) {
                continue;
            }
            let asked = table.columns.iter().filter(|column| compared.contains(&(table.oid.0, column.name.as_str())));
            findings.extend(asked.filter_map(|column| self.finding(table, column, usual)));
        }
        findings
    }
}

impl LowStatisticsTarget {
    fn finding(&self, table: &Table, column: &Column, usual: u64) -> Option<Finding> {
        let statistics = column.statistics?;
        let target = column.statistics_target.map_or(usual, u64::from);
        let known = f64::from(statistics.most_common);
        let rest = (1.0 - statistics.null_fraction - statistics.common_fraction) / (statistics.distinct - known);
        let is_full = u64::from(statistics.most_common) >= target && statistics.distinct > known + 1.0;
        if !is_full || rest <= 0.0 || statistics.least_common_fraction < STILL_COMMON * rest {
            return None;
        }
        let wanted = (target.saturating_mul(5)).min(f64_as_count(statistics.distinct)).min(LARGEST_STATISTICS_TARGET);
        if wanted <= target {
            return None;
        }
        let problem = format!(
            "the planner knows {} common values of {}.{}, and the next ones are common, too",
            statistics.most_common,
            table.name,
            printable(&column.name)
        );
        let sql = printable(&table.name.sql());
        let advice = format!(
            "run ALTER TABLE {sql} ALTER COLUMN {} SET STATISTICS {wanted}, then ANALYZE {sql}",
            quote_identifier(&column.name)
        );
        Some(Finding {
            evidence: vec![
                Evidence::new(
                    "rows that have the last known common value",
                    Quantity::estimated(statistics.least_common_fraction, Unit::Fraction),
                ),
                fraction_evidence("rows that have any other value, on average", rest),
                count_evidence("statistics target", target),
            ],
            remedy: Some(Change::SetStatisticsTarget {
                table: table.name.clone(),
                table_oid: table.oid,
                column: column.name.clone(),
                from: column.statistics_target,
                to: u16::try_from(wanted).ok(),
            }),
            ..Finding::new(self.name(), Severity::Notice, &table.name, problem, advice)
        })
    }
}

/// Tables and columns that statements compare for equality.
fn compared<'w>(subject: &Subject<'w>) -> BTreeSet<(u32, &'w str)> {
    let shapes = subject.workload.queries.iter().flat_map(|query| &query.shapes);
    shapes
        .flat_map(|shape| shape.predicates.iter().map(move |predicate| (shape, predicate)))
        .filter(|(_, predicate)| matches!(predicate.comparison, Comparison::Equal | Comparison::OneOf | Comparison::Join))
        .flat_map(|(shape, predicate)| predicate.subject.columns().into_iter().map(move |column| (shape.table.0, column)))
        .collect()
}

#[cfg(test)]
mod tests {
    use pgtailor_model::catalog::ColumnStatistics;

    use super::*;
    use crate::fixture::{Fixture, shape, workload};

    fn found(statistics: ColumnStatistics, column: &str) -> Vec<Finding> {
        let fixture = Fixture::new().table("visits", 500, &["site", "other"]).edit("visits", |table| {
            table.estimated_rows = Some(Rows(100_000));
            table.columns[0].statistics = Some(statistics);
        });
        let workload = workload(&[("by site", 10.0, shape(fixture.oid("visits"), &[(column, Comparison::Equal)]))]);
        LowStatisticsTarget.find(&Subject::new(&fixture.snapshot(), &workload))
    }

    #[test]
    fn the_list_must_be_full_and_its_end_common() {
        let skewed = ColumnStatistics {
            distinct: 1_000.0,
            most_common: 100,
            most_common_fraction: 0.1,
            common_fraction: 0.7,
            least_common_fraction: 0.002,
            ..ColumnStatistics::default()
        };
        // 900 other values share 0.3 of the rows: 0.00033 each.
        assert_eq!(found(skewed, "site").len(), 1);
        assert_eq!(found(skewed, "other"), [], "nobody compares the column");
        assert_eq!(found(ColumnStatistics { most_common: 99, ..skewed }, "site"), [], "there was room for more");
        assert_eq!(
            found(ColumnStatistics { least_common_fraction: 0.0009, ..skewed }, "site"),
            [],
            "the end is no longer common"
        );
    }
}
