//! `unselective-index`: indexes whose scans read a large part of the table.

use pgtailor_model::catalog::{Index, Table, TableKind};
use pgtailor_model::finding::{Cause, Evidence, Finding, Severity};
use pgtailor_model::name::printable;
use pgtailor_model::quantity::{Quantity, Unit};
use pgtailor_model::snapshot::{NotExamined, Snapshot};
use pgtailor_model::unit::{count_as_f64, ratio};

use super::{Check, Subject};
use crate::evidence::{count_evidence, size_evidence};
use crate::family::rows;
use crate::indexes::{leading_column, without_scans};
use crate::serving::{columns, need, picks_rows};
use crate::threshold::{ENOUGH_SCANS, LARGE_TABLE_PAGES, MOST_CAUSES, UNSELECTIVE_SHARE};
use crate::uses::{Use, Uses};

/// Indexes that are used and do not narrow anything down.
///
/// # What it finds
///
/// B-trees on tables of at least 1000 pages that were scanned a hundred times and more, and whose scans read entries for a tenth of the
/// table's rows on average. Scans that join, aggregate or sort everything count as well, so the statements that filter by the leading column
/// are named, as far as they were recorded.
///
/// # Why it matters
///
/// A scan of a tenth of the entries visits most pages of the table, in no order, which costs more than reading it whole; and the condition that
/// would leave few rows is checked row by row afterwards.
///
/// # Example
///
/// ```sql
/// CREATE INDEX jobs_state ON jobs (state);
/// SELECT * FROM jobs WHERE state = 'done' AND tenant_id = 7;
/// ```
///
/// # Instead
///
/// ```sql
/// CREATE INDEX CONCURRENTLY jobs_tenant_state ON jobs (tenant_id, state);
/// DROP INDEX CONCURRENTLY jobs_state;
/// ```
///
/// # When to ignore it
///
/// When the scans are index-only and count or export: then nothing is narrowed down on purpose.
pub(super) struct UnselectiveIndex;

impl Check for UnselectiveIndex {
    fn name(&self) -> &'static str {
        "unselective-index"
    }

    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let indexes =
            subject.snapshot.catalog.indexes().filter(|(table, index)| index.valid && table.kind != TableKind::Partitioned);
        let uses = Uses::of(subject.workload);
        indexes.filter_map(|(table, index)| self.finding(table, index, &uses, subject.snapshot)).collect()
    }

    fn not_examined(&self, subject: &Subject<'_>) -> Vec<NotExamined> {
        without_scans(subject.snapshot).into_iter().collect()
    }
}

impl UnselectiveIndex {
    fn finding(&self, table: &Table, index: &Index, uses: &Uses<'_>, snapshot: &Snapshot) -> Option<Finding> {
        let activity = snapshot.activity.indexes.get(&index.oid)?;
        let rows = rows(table, snapshot.activity.tables.get(&table.oid)?);
        let definition = index.definition.as_ref().filter(|one| one.method == "btree")?;
        if table.pages.0 < LARGE_TABLE_PAGES || activity.scans < ENOUGH_SCANS {
            return None;
        }
        let entries = ratio(activity.entries_read, activity.scans)?;
        let share = entries / rows.as_f64().max(1.0);
        if share < UNSELECTIVE_SHARE {
            return None;
        }
        let shown = Quantity::estimated(share.min(1.0), Unit::Fraction);
        let causes = leading_column(definition).map(|column| causes(table, column, uses)).unwrap_or_default();
        let mut others: Vec<String> = causes.iter().flat_map(|cause| cause.columns.clone()).collect();
        others.retain(|column| !crate::indexes::contains(definition, column));
        others.sort_unstable();
        others.dedup();
        let advice = if others.is_empty() {
            format!(
                "look at the statements that use it with EXPLAIN (ANALYZE, BUFFERS): an index that leads with a more selective column, or \
                 none at all, serves them better than {} does",
                printable(&index.name)
            )
        } else {
            format!(
                "the statements that filter by its first column filter by {} as well; have the advisor compare an index with these columns",
                printable(&others.join(", "))
            )
        };
        let mut evidence = vec![
            Evidence { label: "share of the table's rows that a scan reads, on average".to_owned(), quantity: shown },
            Evidence {
                label: "entries read by a scan, on average".to_owned(),
                quantity: Quantity::measured(entries, Unit::Rows),
            },
            count_evidence("scans of the index", activity.scans),
            Evidence { label: "rows of the table".to_owned(), quantity: Quantity::estimated(count_as_f64(rows.0), Unit::Rows) },
        ];
        evidence.extend(index.size.map(|size| size_evidence("size of the index", size)));
        Some(Finding {
            check: self.name().to_owned(),
            object: Some(index.name.clone()),
            severity: if causes.is_empty() { Severity::Notice } else { Severity::Warning },
            table: table.name.clone(),
            problem: format!(
                "index {} of {} narrows little down: each of its {} scans read {shown} of the rows on average",
                printable(&index.name),
                table.name,
                Quantity::measured(count_as_f64(activity.scans), Unit::Count)
            ),
            evidence,
            statements: causes,
            advice,
            remedy: None,
        })
    }
}

/// The recorded statements that filter `table` by `column`, longest first.
fn causes(table: &Table, column: &str, uses: &Uses<'_>) -> Vec<Cause> {
    let mut causes = Vec::new();
    for Use { query, shape, position, .. } in uses.of_tables(&[table.oid]) {
        let filters = shape.equality().contains(&column) || shape.range().contains(&column);
        if !filters || causes.len() == MOST_CAUSES {
            continue;
        }
        let columns = need(shape, picks_rows(query, position)).map(|need| columns(&need)).unwrap_or_default();
        causes.push(Cause { statement: query.text.clone(), calls: query.calls, total_time: query.total_time, columns });
    }
    causes
}

#[cfg(test)]
mod tests {
    use pgtailor_model::index::IndexDefinition;
    use pgtailor_model::shape::Comparison;
    use pgtailor_model::workload::Workload;

    use super::*;
    use crate::fixture::{Fixture, activity, shape, workload};

    fn jobs(scans: u64, entries_read: u64) -> Fixture {
        let fixture = Fixture::new().table("jobs", 5000, &["state", "tenant"]).activity("jobs", activity(100_000, 0, 9));
        fixture.index("jobs", IndexDefinition::btree(["state"])).scanned("jobs", scans, entries_read)
    }

    fn found(fixture: Fixture, workload: &Workload) -> Vec<Finding> {
        UnselectiveIndex.find(&Subject::new(&fixture.snapshot(), workload))
    }

    #[test]
    fn a_tenth_of_the_rows_a_scan_is_too_much() {
        let nothing = Workload::default();
        assert_eq!(found(jobs(100, 999_999), &nothing), []);
        assert_eq!(found(jobs(99, 9_900_000), &nothing), [], "too few scans");
        let findings = found(jobs(100, 1_000_000), &nothing);
        assert!(
            findings[0].problem.ends_with("each of its 100 scans read 10.0 % of the rows on average"),
            "{}",
            findings[0].problem
        );
        assert_eq!(findings[0].severity, Severity::Notice);
    }

    #[test]
    fn the_statements_say_what_would_narrow_it_down() {
        let fixture = jobs(100, 5_000_000);
        let filters = shape(fixture.oid("jobs"), &[("state", Comparison::Equal), ("tenant", Comparison::Equal)]);
        let findings = found(fixture, &workload(&[("done of a tenant", 90.0, filters)]));
        assert!(findings[0].advice.contains("filter by tenant as well"), "{}", findings[0].advice);
        assert_eq!((findings[0].severity, findings[0].statements.len()), (Severity::Warning, 1));
    }
}
