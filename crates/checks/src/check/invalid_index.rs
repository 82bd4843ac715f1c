//! `invalid-index`: indexes that no query may use.

use pgtailor_model::catalog::{Index, Table, TableKind};
use pgtailor_model::finding::{Evidence, Finding, Severity};
use pgtailor_model::name::{printable, quote_identifier};
use pgtailor_model::quantity::{Quantity, Unit};

use super::{Check, Subject};

/// Indexes that queries may not use.
///
/// # What it finds
///
/// Indexes with `indisvalid` false. On an ordinary table that is the remainder of a `CREATE INDEX CONCURRENTLY` or `REINDEX
/// CONCURRENTLY` that failed, or one that is running at this moment; on a partitioned table it means that some partition has no
/// matching index yet.
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
        let statement = format!("{}.{}", quote_identifier(&table.name.schema), quote_identifier(&index.name));
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
        } else {
            let cost = match (index.live, index.ready) {
                (false, _) => "it is half dropped",
                (true, true) => "every write maintains it and no query may use it",
                (true, false) => "it takes space and no query may use it",
            };
            (
                Severity::Warning,
                format!("index {shown} of {} is invalid: {cost}", table.name),
                format!(
                    "a snapshot cannot tell a failed build from a running one: if pg_stat_progress_create_index shows no build of \
                     it, run DROP INDEX CONCURRENTLY {}; and build it again",
                    printable(&statement)
                ),
            )
        };
        let size = index.size.map(|size| Evidence {
            label: "size of the index".to_owned(),
            quantity: Quantity::measured(size.as_f64(), Unit::Bytes),
        });
        Finding {
            check: self.name().to_owned(),
            severity,
            table: table.name.clone(),
            problem,
            evidence: size.into_iter().collect(),
            statements: Vec::new(),
            advice,
            remedy: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use pgtailor_model::index::IndexDefinition;
    use pgtailor_model::workload::Workload;

    use super::*;
    use crate::fixture::Fixture;

    fn found(fixture: Fixture) -> Vec<Finding> {
        InvalidIndex.find(&Subject { snapshot: &fixture.snapshot(), workload: &Workload::default() })
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
    fn an_unknown_size_is_left_out() {
        let findings = found(orders().last_index("orders", |index| (index.valid, index.size) = (false, None)));
        assert_eq!(findings[0].evidence, []);
    }
}
