//! `many-indexes`: tables whose indexes are written more than they are read.

use pgtailor_model::catalog::{Index, TableKind};
use pgtailor_model::disuse::words;
use pgtailor_model::finding::{Evidence, Finding, Severity};
use pgtailor_model::name::printable;
use pgtailor_model::quantity::{Quantity, Unit};
use pgtailor_model::snapshot::{NotExamined, Snapshot};
use pgtailor_model::unit::{count_as_f64, grouped};

use super::{Check, Subject};
use crate::evidence::{count_evidence, size_evidence};
use crate::family::{Family, families};
use crate::indexes::{counted_for, scans, size, without_scans};
use crate::threshold::{ENOUGH_UPDATES, ENTRIES_FOR_EACH_SCAN, MANY_INDEXES, UNUSED_MENTIONED_AFTER};

/// Written tables with many indexes and few scans of them.
///
/// # What it finds
///
/// Tables with eight indexes and more into which writes put at least ten entries for each scan that began, all indexes taken together, in a
/// week or longer. Inserts and updates that are not HOT count with every index. The least scanned ones without a duty are named.
///
/// # Why it matters
///
/// Every insert pays for every index: pages to find, to dirty and to log. Eight indexes are eight times the work of one.
///
/// # Example
///
/// ```sql
/// CREATE INDEX ON log (level); CREATE INDEX ON log (host); CREATE INDEX ON log (user_id); -- and five more
/// ```
///
/// # Instead
///
/// ```sql
/// DROP INDEX CONCURRENTLY log_host_idx;  -- of each that serves no statement worth its writes
/// ```
///
/// # When to ignore it
///
/// When few scans are worth much: a log that is written day and night and read when something is wrong.
pub(super) struct ManyIndexes;

impl Check for ManyIndexes {
    fn name(&self) -> &'static str {
        "many-indexes"
    }

    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        families(subject.snapshot).iter().filter_map(|family| self.finding(family, subject.snapshot)).collect()
    }

    fn not_examined(&self, subject: &Subject<'_>) -> Vec<NotExamined> {
        without_scans(subject.snapshot).into_iter().collect()
    }
}

impl ManyIndexes {
    fn finding(&self, family: &Family<'_>, snapshot: &Snapshot) -> Option<Finding> {
        let table = family.root;
        let indexes: Vec<&Index> = table.indexes.iter().filter(|index| index.ready).collect();
        let window = counted_for(snapshot)?;
        if indexes.len() < MANY_INDEXES || window.as_hours() < UNUSED_MENTIONED_AFTER {
            return None;
        }
        let rows = family
            .counters(snapshot)?
            .iter()
            .fold(0_u64, |sum, one| sum.saturating_add(one.inserted).saturating_add(one.updated.saturating_sub(one.hot_updated)));
        let number = u64::try_from(indexes.len()).ok()?;
        let entries = rows.saturating_mul(number);
        let scanned: Vec<(u64, &Index)> =
            indexes.iter().map(|index| Some((scans(table, index, snapshot)?, *index))).collect::<Option<_>>()?;
        let all_scans = scanned.iter().map(|(scans, _)| *scans).fold(0, u64::saturating_add);
        if rows < ENOUGH_UPDATES || entries < all_scans.saturating_mul(ENTRIES_FOR_EACH_SCAN) {
            return None;
        }
        let mut least: Vec<(u64, &Index)> = scanned.into_iter().filter(|(_, index)| index.duty().is_none()).collect();
        least.sort_by_key(|(scans, index)| (*scans, index.name.clone()));
        least.truncate(3);
        // Without one that could go there is nothing to do about it.
        let named: Vec<String> =
            least.iter().map(|(scans, index)| format!("{} ({} scans)", printable(&index.name), grouped(*scans))).collect();
        if named.is_empty() {
            return None;
        }
        let mut evidence = vec![
            Evidence {
                label: "index entries written".to_owned(),
                quantity: Quantity::estimated(count_as_f64(entries), Unit::Count),
            },
            count_evidence("scans of all its indexes", all_scans),
            count_evidence("indexes", number),
            count_evidence("rows inserted, or updated and not HOT", rows),
        ];
        evidence
            .extend(least.iter().map(|(scans, index)| count_evidence(format!("scans of {}", printable(&index.name)), *scans)));
        let sizes: Option<u64> = indexes.iter().map(|index| size(table, index, snapshot).map(|size| size.0)).sum();
        evidence.extend(sizes.map(|size| size_evidence("size of all its indexes", pgtailor_model::unit::Bytes(size))));
        let parts = if table.kind == TableKind::Partitioned { " and its partitions" } else { "" };
        Some(Finding {
            check: self.name().to_owned(),
            severity: Severity::Notice,
            table: table.name.clone(),
            problem: format!(
                "the {number} indexes of {}{parts} took some {} entries for {} scans in {}",
                table.name,
                grouped(entries),
                grouped(all_scans),
                words(window)
            ),
            evidence,
            statements: Vec::new(),
            advice: format!(
                "have the advisor weigh each against its upkeep (`pgtailor advise`), those that are scanned least first: {}",
                named.join(", ")
            ),
            remedy: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use pgtailor_model::activity::TableActivity;
    use pgtailor_model::index::IndexDefinition;
    use pgtailor_model::workload::Workload;

    use super::*;
    use crate::fixture::{Fixture, activity};

    fn log(indexes: usize, inserted: u64, scans: u64) -> Fixture {
        let columns = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let counters = TableActivity { inserted, ..activity(1_000, 0, 9) };
        let fixture = Fixture::new().table("log", 500, &columns).activity("log", counters).counting_for(20);
        columns
            .iter()
            .take(indexes)
            .fold(fixture, |fixture, column| fixture.index("log", IndexDefinition::btree([*column])).scanned("log", scans, scans))
    }

    fn found(fixture: Fixture) -> Vec<Finding> {
        ManyIndexes.find(&Subject::new(&fixture.snapshot(), &Workload::default()))
    }

    #[test]
    fn many_indexes_that_nobody_reads_are_told_with_the_least_used() {
        let findings = found(log(8, 100_000, 10_000));
        assert_eq!(findings[0].problem, "the 8 indexes of log took some 800 000 entries for 80 000 scans in 20 days");
        assert!(
            findings[0].advice.ends_with("log_index_1 (10 000 scans), log_index_2 (10 000 scans), log_index_3 (10 000 scans)")
        );
    }

    #[test]
    fn few_indexes_few_writes_many_scans_or_a_short_time_are_no_reason() {
        assert_eq!(found(log(7, 100_000, 0)), []);
        assert_eq!(found(log(8, 9_999, 0)), []);
        assert_eq!(found(log(8, 100_000, 10_001)), []);
        assert_eq!(found(log(8, 100_000, 0).counting_for(6)), []);
    }
}
