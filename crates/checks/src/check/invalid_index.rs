//! `invalid-index`: indexes that no query may use.

use pgtailor_model::catalog::{Index, Table, TableKind};
use pgtailor_model::finding::{Evidence, Finding, Severity};
use pgtailor_model::index::RebuildPart;
use pgtailor_model::name::printable;

use super::{Check, Subject};
use crate::evidence::size_evidence;
use crate::indexes::{drop_change, drop_statement, has_twin};

/// Indexes that queries may not use.
///
/// # What it finds
///
/// Indexes with `indisvalid` false. On an ordinary table that is the remainder of a `CREATE INDEX CONCURRENTLY` or `REINDEX
/// CONCURRENTLY` that failed, or one that is running at this moment; on a partitioned table it means that some partition has no
/// matching index yet. What a `REINDEX CONCURRENTLY` left beside the index that it was for (`_ccnew` before the exchange, `_ccold` after
/// it) is told apart: the index itself is whole, so the leftover is dropped and nothing is built again.
///
/// # Why it matters
///
/// No query uses it, but once it is ready every write maintains it, it takes space, and a unique one already refuses duplicates.
///
/// # Example
///
/// ```sql
/// CREATE UNIQUE INDEX CONCURRENTLY users_email ON users (email);
/// -- ERROR: could not create unique index "users_email"
/// ```
///
/// # Instead
///
/// ```sql
/// DROP INDEX CONCURRENTLY users_email;
/// -- then remove the duplicates, and build it again
/// ```
///
/// # When to ignore it
///
/// While `pg_stat_progress_create_index` shows a build of it.
pub(super) struct InvalidIndex;

impl Check for InvalidIndex {
    fn name(&self) -> &'static str {
        "invalid-index"
    }

    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let invalid = subject.snapshot.catalog.indexes().filter(|(_, index)| !index.valid);
        invalid.map(|(table, index)| self.finding(table, index)).collect()
    }
}

impl InvalidIndex {
    fn finding(&self, table: &Table, index: &Index) -> Finding {
        let shown = printable(&index.name);
        let statement = drop_statement(table, index);
        let cost = match (index.live, index.ready) {
            (false, _) => "it is half dropped",
            (true, true) => "every write maintains it and no query may use it",
            (true, false) => "it takes space and no query may use it",
        };
        let leftover = leftover(table, index);
        let (severity, problem, advice) = if table.kind == TableKind::Partitioned {
            (
                Severity::Notice,
                format!(
                    "index {shown} of the partitioned table {} is invalid: not every partition has its part of it",
                    table.name
                ),
                "create the missing indexes on the partitions with CREATE INDEX CONCURRENTLY and attach them with \
                 ALTER INDEX … ATTACH PARTITION; with the last one it becomes valid"
                    .to_owned(),
            )
        } else if let Some(leftover) = leftover {
            let whose = match leftover {
                RebuildPart::New => "the new index of a REINDEX CONCURRENTLY that did not finish",
                RebuildPart::Old => "the old index of a REINDEX CONCURRENTLY that was not dropped at its end",
            };
            (
                Severity::Warning,
                format!("index {shown} of {} is invalid, {whose}: {cost}", table.name),
                format!(
                    "if pg_stat_progress_create_index shows no rebuild, run {statement}; a valid index of the same definition is there, so \
                     nothing is built again"
                ),
            )
        } else {
            (
                Severity::Warning,
                format!("index {shown} of {} is invalid: {cost}", table.name),
                format!(
                    "a snapshot cannot tell a failed build from a running one: if pg_stat_progress_create_index shows no build of \
                     it, run {statement}; and build it again"
                ),
            )
        };
        let size: Option<Evidence> = index.size.map(|size| size_evidence("size of the index", size));
        Finding {
            check: self.name().to_owned(),
            severity,
            table: table.name.clone(),
            problem,
            evidence: size.into_iter().collect(),
            statements: Vec::new(),
            advice,
            // Of a failed build a person decides whether it is built again. A rebuild that is still running holds a lock that no drop gets past.
            remedy: drop_change(table, index).filter(|_| leftover.is_some()),
        }
    }
}

/// What a `REINDEX CONCURRENTLY` left beside a valid index of the same definition.
fn leftover(table: &Table, index: &Index) -> Option<RebuildPart> {
    RebuildPart::named(&index.name).filter(|_| has_twin(table, index))
}

#[cfg(test)]
mod tests {
    use pgtailor_model::change::Change;
    use pgtailor_model::index::IndexDefinition;
    use pgtailor_model::quantity::Unit;
    use pgtailor_model::workload::Workload;

    use super::*;
    use crate::fixture::Fixture;

    fn found(fixture: Fixture) -> Vec<Finding> {
        InvalidIndex.find(&Subject::new(&fixture.snapshot(), &Workload::default()))
    }

    fn orders() -> Fixture {
        Fixture::new().table("orders", 500, &["a"]).index("orders", IndexDefinition::btree(["a"]))
    }

    #[test]
    fn a_leftover_fires_and_a_valid_index_does_not() {
        assert_eq!(found(orders()), []);
        let findings = found(orders().last_index("orders", |index| index.valid = false));
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].severity, Severity::Warning);
        assert!(findings[0].advice.contains("DROP INDEX CONCURRENTLY public.orders_index_1;"));
        assert_eq!(findings[0].evidence[0].quantity.unit, Unit::Bytes);
    }

    #[test]
    fn a_partitioned_parent_is_told_apart() {
        let findings = found(orders().kind("orders", TableKind::Partitioned).last_index("orders", |index| index.valid = false));
        assert_eq!(findings[0].severity, Severity::Notice);
        assert!(!findings[0].advice.contains("DROP"));
    }

    #[test]
    fn what_a_rebuild_left_is_dropped_and_not_built_again() {
        let beside = |name: &'static str| {
            let fixture = orders().index("orders", IndexDefinition::btree(["a"]));
            found(fixture.last_index("orders", |index| (index.name, index.valid) = (name.to_owned(), false)))
        };
        let (new, old) = (beside("orders_index_1_ccnew"), beside("orders_index_1_ccold2"));
        assert!(new[0].advice.contains("nothing is built again"), "{}", new[0].advice);
        assert!(new[0].remedy.is_some());
        assert!(matches!(&old[0].remedy, Some(Change::DropIndex { name, .. }) if name == "orders_index_1_ccold2"));
        let alone = orders().last_index("orders", |index| (index.name, index.valid) = ("orders_ccold".to_owned(), false));
        assert_eq!(found(alone)[0].remedy, None, "there is no valid one beside it");
    }

    #[test]
    fn an_unknown_size_is_left_out() {
        let findings = found(orders().last_index("orders", |index| (index.valid, index.size) = (false, None)));
        assert_eq!(findings[0].evidence, []);
    }
}
