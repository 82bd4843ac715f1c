//! `outdated-collation`: indexes in an order that the operating system no longer has.

use pgtailor_model::catalog::{Index, Table, TableKind};
use pgtailor_model::finding::{Finding, Severity};
use pgtailor_model::name::{printable, quote_identifier};
use pgtailor_model::snapshot::NotExamined;

use super::{Check, Subject};
use crate::evidence::size_evidence;
use crate::indexes::{rebuild_change, sql_name, unexamined_indexes};

/// Indexes that were built with another version of a collation than the server has now.
///
/// # What it finds
///
/// Indexes with a key whose collation has another version in the catalog than the operating system's library or ICU has: the server was
/// moved or its system upgraded since.
///
/// # Why it matters
///
/// A B-tree searches by order. Where the order of some texts has changed, a search misses rows that are there, and a unique index lets
/// duplicates in. Nothing warns of it at the time.
///
/// # Example
///
/// ```sql
/// SELECT * FROM users WHERE email = 'o-neill@example.org';  -- no row, after an upgrade of glibc
/// ```
///
/// # Instead
///
/// ```sql
/// REINDEX INDEX CONCURRENTLY users_email;  -- of each index with the collation, then
/// ALTER COLLATION "en_US" REFRESH VERSION; -- or ALTER DATABASE shop REFRESH COLLATION VERSION
/// ```
///
/// # When to ignore it
///
/// When it is known that no text in it changed its place, for example because all are plain lower-case letters and digits.
pub(super) struct OutdatedCollation;

impl Check for OutdatedCollation {
    fn name(&self) -> &'static str {
        "outdated-collation"
    }

    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let has_entries = subject.snapshot.catalog.indexes().filter(|(table, _)| table.kind != TableKind::Partitioned);
        let outdated = has_entries.filter(|(_, index)| index.collation_outdated == Some(true));
        outdated.map(|(table, index)| self.finding(table, index, subject)).collect()
    }

    fn not_examined(&self, subject: &Subject<'_>) -> Vec<NotExamined> {
        let has_entries = subject.snapshot.catalog.indexes().filter(|(table, _)| table.kind != TableKind::Partitioned);
        let unknown = has_entries.filter(|(_, index)| index.collation_outdated.is_none());
        let reason = "before version 15 the server keeps no version of the database's own collation";
        unexamined_indexes(unknown.map(|(_, index)| index), reason).into_iter().collect()
    }
}

impl OutdatedCollation {
    fn finding(&self, table: &Table, index: &Index, subject: &Subject<'_>) -> Finding {
        let is_unique = index.definition.as_ref().is_some_and(|definition| definition.unique);
        let danger = if is_unique { "searches may miss rows, and duplicates may get in" } else { "searches may miss rows" };
        Finding {
            check: self.name().to_owned(),
            object: Some(index.name.clone()),
            severity: Severity::Critical,
            table: table.name.clone(),
            problem: format!(
                "index {} of {} was built with another version of its collation than the server has now: {danger}",
                printable(&index.name),
                table.name
            ),
            evidence: index.size.map(|size| size_evidence("size of the index", size)).into_iter().collect(),
            statements: Vec::new(),
            advice: format!(
                "run REINDEX INDEX CONCURRENTLY {}; and, when no index with the collation is left, ALTER COLLATION … REFRESH VERSION, or ALTER \
                 DATABASE {} REFRESH COLLATION VERSION where it is the database's own",
                sql_name(table, index),
                printable(&quote_identifier(&subject.snapshot.server.database))
            ),
            remedy: rebuild_change(table, index),
        }
    }
}

#[cfg(test)]
mod tests {
    use pgtailor_model::change::Change;
    use pgtailor_model::index::IndexDefinition;
    use pgtailor_model::workload::Workload;

    use super::*;
    use crate::fixture::Fixture;

    fn found(outdated: Option<bool>) -> Vec<Finding> {
        let fixture = Fixture::new().table("users", 500, &["email"]).index("users", IndexDefinition::btree(["email"]));
        let fixture = fixture.last_index("users", |index| index.collation_outdated = outdated);
        OutdatedCollation.find(&Subject::new(&fixture.snapshot(), &Workload::default()))
    }

    #[test]
    fn another_version_is_critical_and_an_unknown_one_is_not_told() {
        assert_eq!(found(Some(false)), []);
        assert_eq!(found(None), []);
        let findings = found(Some(true));
        assert_eq!(findings[0].severity, Severity::Critical);
        assert!(matches!(findings[0].remedy, Some(Change::RebuildIndex { .. })));
        assert!(findings[0].advice.contains("ALTER DATABASE shop REFRESH COLLATION VERSION"), "{}", findings[0].advice);
    }
}
