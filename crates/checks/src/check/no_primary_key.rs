//! `no-primary-key`: tables whose rows nothing tells apart.

use pgtailor_model::catalog::{ConstraintKind, Index, Table, TableKind};
use pgtailor_model::finding::{Evidence, Finding, Severity};
use pgtailor_model::index::KeyPart;
use pgtailor_model::name::printable;
use pgtailor_model::quantity::{Quantity, Unit};
use pgtailor_model::unit::Rows;

use super::{Check, Subject};
use crate::evidence::count_evidence;
use crate::family::families;

/// Tables without a primary key, and without anything that could be one.
///
/// # What it finds
///
/// Tables with rows that have neither a primary key nor a valid unique index over columns that are never null. A partitioned table and
/// its partitions are one.
///
/// # Why it matters
///
/// A row that was stored twice can be neither noticed nor removed by itself; logical replication cannot carry updates and deletes of the
/// table (`REPLICA IDENTITY`), and tools that rebuild tables online (`pg_repack`) refuse it.
///
/// # Example
///
/// ```sql
/// CREATE TABLE events (at timestamptz NOT NULL, kind text NOT NULL);
/// ```
///
/// # Instead
///
/// ```sql
/// ALTER TABLE events ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY;  -- rewrites the table
/// ```
///
/// # When to ignore it
///
/// For tables that are only filled and read as a whole: staging tables, logs that are kept by partition.
pub(super) struct NoPrimaryKey;

impl Check for NoPrimaryKey {
    fn name(&self) -> &'static str {
        "no-primary-key"
    }

    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let snapshot = subject.snapshot;
        let mut findings = Vec::new();
        for family in families(snapshot) {
            let table = family.root;
            let rows: f64 = family.leaves.iter().filter_map(|leaf| leaf.estimated_rows).map(Rows::as_f64).sum();
            let counters = family.counters(snapshot).unwrap_or_default();
            let live: u64 = counters.iter().map(|one| one.live_rows.0).sum();
            let has_rows = rows > 0.0 || live > 0;
            let is_plain = table.kind != TableKind::MaterializedView && table.inherits.is_empty();
            if !is_plain || !has_rows || table.indexes.iter().any(|index| identifies(table, index)) {
                continue;
            }
            let changed = counters.iter().map(|one| one.updated.saturating_add(one.deleted)).sum();
            let problem = format!("{} has no primary key, nor anything else that tells its rows apart", table.name);
            let advice = format!(
                "find columns that identify a row and run ALTER TABLE {} ADD PRIMARY KEY (…), on an index that was built with CREATE \
                 UNIQUE INDEX CONCURRENTLY before (USING INDEX)",
                printable(&table.name.sql())
            );
            findings.push(Finding {
                evidence: vec![
                    Evidence::new("rows of the table", Quantity::estimated(rows, Unit::Rows)),
                    count_evidence("rows updated or deleted since counters began", changed),
                ],
                ..Finding::new(self.name(), Severity::Notice, &table.name, problem, advice)
            });
        }
        findings
    }
}

/// Whether `index` could be the replica identity: unique, valid, over all rows, of columns that are never null.
fn identifies(table: &Table, index: &Index) -> bool {
    if index.constraint.as_ref().is_some_and(|constraint| constraint.kind == ConstraintKind::PrimaryKey) {
        return true;
    }
    // What could not be read is not said to be missing.
    let Some(definition) = &index.definition else { return true };
    let is_never_null = |part: &KeyPart| match part {
        KeyPart::Column(name) => table.column(name).is_some_and(|column| column.not_null),
        KeyPart::Expression(_) => false,
    };
    index.valid
        && definition.unique
        && definition.predicate.is_none()
        && definition.keys.iter().all(|key| is_never_null(&key.part))
}

#[cfg(test)]
mod tests {
    use pgtailor_model::index::IndexDefinition;
    use pgtailor_model::workload::Workload;

    use super::*;
    use crate::fixture::{Fixture, activity};

    fn found(fixture: Fixture) -> Vec<Finding> {
        NoPrimaryKey.find(&Subject::new(&fixture.snapshot(), &Workload::default()))
    }

    fn log() -> Fixture {
        Fixture::new().table("log", 5, &["a"]).activity("log", activity(100, 0, 0))
    }

    fn unique() -> IndexDefinition {
        IndexDefinition { unique: true, ..IndexDefinition::btree(["a"]) }
    }

    #[test]
    fn what_identifies_rows_must_be_unique_over_all_rows_and_never_null() {
        let never_null = |table: &mut Table| table.columns[0].not_null = true;
        assert_eq!(found(log()).len(), 1);
        assert_eq!(found(log().edit("log", never_null).index("log", IndexDefinition::btree(["a"]))).len(), 1, "not unique");
        assert_eq!(found(log().index("log", unique())).len(), 1, "nulls are not equal");
        let partial = IndexDefinition { predicate: Some("a > 0".to_owned()), ..unique() };
        assert_eq!(found(log().edit("log", never_null).index("log", partial)).len(), 1, "of some rows");
        assert_eq!(found(log().edit("log", never_null).index("log", unique())), []);
        let unreadable = log().index("log", unique()).last_index("log", |index| index.definition = None);
        assert_eq!(found(unreadable), [], "somebody's lock is no proof");
    }

    #[test]
    fn an_empty_table_is_not_mentioned() {
        assert_eq!(found(Fixture::new().table("log", 0, &["a"])), []);
    }
}
