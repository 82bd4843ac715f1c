//! `unused-index`: indexes that no query has used for as long as anybody counts.

use jiff::SignedDuration;
use pgtailor_model::catalog::{ForeignKey, Index, Table, TableKind};
use pgtailor_model::disuse::words;
use pgtailor_model::finding::{Finding, Severity};
use pgtailor_model::index::KeyPart;
use pgtailor_model::name::printable;
use pgtailor_model::snapshot::NotExamined;

use super::{Check, Subject};
use crate::evidence::{count_evidence, size_evidence};
use crate::indexes::{
    counted_for, drop_change, drop_statement, is_served_by_wider, is_small, parts, scans, size, standing, twin_to_keep,
    without_scans,
};
use crate::threshold::UNUSED_MENTIONED_AFTER;

/// Indexes without a scan for a long time.
///
/// # What it finds
///
/// Indexes of at least 100 pages that were not scanned for a week or longer (since counters began, or since the last scan, which servers
/// remember from version 16 on), and that are for queries only: not those of constraints,
/// unique ones (uniqueness is enforced without a scan being counted), the replica identity, nor the one that a table is clustered on.
/// What supports a foreign key is told and kept.
/// One is *unused so far* until it is shown to be *droppable*: unused for a month, on this server and on every standby, and older than that,
/// which only an earlier capture shows (`optimize --since`), since no server records when an index was built. What another index makes
/// superfluous is *redundant*, and told by `redundant-index` and `duplicate-index`.
///
/// # Why it matters
///
/// Every insert and every update that is not HOT writes an entry to it, vacuum reads it whole, and it takes memory and backups. Nobody
/// has anything of it.
///
/// # Example
///
/// ```sql
/// CREATE INDEX orders_note ON orders (note);  -- nobody searches by note
/// ```
///
/// # Instead
///
/// ```sql
/// DROP INDEX CONCURRENTLY orders_note;
/// ```
///
/// # When to ignore it
///
/// When it was built lately. When what needs it runs once a quarter, or in an emergency; and on copies that production's queries do not reach.
pub(super) struct UnusedIndex;

impl Check for UnusedIndex {
    fn name(&self) -> &'static str {
        "unused-index"
    }

    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        standing(subject.snapshot).filter_map(|(table, index)| self.finding(table, index, subject)).collect()
    }

    fn not_examined(&self, subject: &Subject<'_>) -> Vec<NotExamined> {
        let snapshot = subject.snapshot;
        let object = snapshot.server.database.clone();
        let window = match counted_for(snapshot) {
            None => Some("since when scans are counted is not known, so none is known to be missing".to_owned()),
            Some(time) if time < mentioned_after() => Some(format!(
                "scans are counted for {} only; an index can be called unused after {}",
                words(time),
                words(mentioned_after())
            )),
            Some(_) => None,
        };
        let window = window.map(|reason| NotExamined { object, reason });
        window.into_iter().chain(without_scans(snapshot)).collect()
    }
}

impl UnusedIndex {
    fn finding(&self, table: &Table, index: &Index, subject: &Subject<'_>) -> Option<Finding> {
        let (snapshot, evidence) = (subject.snapshot, subject.drop_evidence);
        let size = size(table, index, snapshot);
        if index.duty().is_some()
            || is_small(size, snapshot)
            || is_served_by_wider(table, index)
            || twin_to_keep(table, index, snapshot).is_some()
        {
            return None;
        }
        let parts = parts(table, index, snapshot);
        let since =
            parts.iter().map(|part| evidence.unused_since(part, snapshot)).collect::<Option<Vec<_>>>()?.into_iter().max()?;
        let unused_for = snapshot.captured_at.duration_since(since);
        if unused_for < mentioned_after() {
            return None;
        }
        let doubt = parts.iter().find_map(|part| evidence.doubt(part, snapshot));
        let uses = scans(table, index, snapshot);
        // One that was used once is told only when it is proven to be out of use; rarely is not never.
        if uses != Some(0) && doubt.is_some() {
            return None;
        }
        let what = format!(
            "index {} of {}, {}, was not scanned in {}",
            printable(&index.name),
            table.name,
            size.unwrap_or_default(),
            words(unused_for)
        );
        let statement = drop_statement(table, index);
        let supported = table.foreign_keys.iter().find(|key| supports(index, key));
        let (severity, problem, advice) = match (&doubt, supported) {
            (_, Some(key)) => (
                Severity::Notice,
                format!("{what}: unused so far, and it supports the foreign key {}", printable(&key.name)),
                "keep it unless rows of the table that the foreign key refers to are never deleted: each deletion would read this table \
                 whole"
                    .to_owned(),
            ),
            (Some(doubt), None) => (
                Severity::Notice,
                format!("{what}: unused so far"),
                format!("keep it until this is known: {doubt}; then run {statement}"),
            ),
            (None, None) if table.kind == TableKind::Partitioned => (
                Severity::Notice,
                format!("{what}, by no partition and on no server: droppable"),
                format!(
                    "run {statement}; in a quiet hour, since it locks the table and its partitions"
                ),
            ),
            (None, None) => (
                Severity::Warning,
                format!("{what}, on no server: droppable"),
                format!("run {statement}"),
            ),
        };
        let written = snapshot
            .activity
            .tables
            .get(&table.oid)
            .map(|counters| counters.inserted.saturating_add(counters.updated.saturating_sub(counters.hot_updated)));
        let mut numbers: Vec<_> = size.map(|size| size_evidence("size of the index", size)).into_iter().collect();
        numbers
            .extend(scans(table, index, snapshot).map(|scans| count_evidence("scans of the index since counters began", scans)));
        numbers.extend(written.map(|count| count_evidence("rows inserted or updated with an entry for every index", count)));
        Some(Finding {
            check: self.name().to_owned(),
            object: Some(index.name.clone()),
            severity,
            table: table.name.clone(),
            problem,
            evidence: numbers,
            statements: Vec::new(),
            advice,
            remedy: drop_change(table, index).filter(|_| doubt.is_none() && supported.is_none()),
        })
    }
}

/// Whether the index leads with the columns of the foreign key, in any order.
fn supports(index: &Index, key: &ForeignKey) -> bool {
    let Some(keys) = index.definition.as_ref().and_then(|definition| definition.keys.get(..key.columns.len())) else {
        return false;
    };
    keys.iter().all(|part| matches!(&part.part, KeyPart::Column(name) if key.columns.contains(name)))
}

fn mentioned_after() -> SignedDuration {
    SignedDuration::from_hours(UNUSED_MENTIONED_AFTER)
}

#[cfg(test)]
mod tests {
    use pgtailor_model::catalog::ReferentialAction;
    use pgtailor_model::change::Change;
    use pgtailor_model::disuse::DropEvidence;
    use pgtailor_model::index::IndexDefinition;
    use pgtailor_model::snapshot::Snapshot;
    use pgtailor_model::workload::Workload;

    use super::*;
    use crate::fixture::Fixture;

    fn found(snapshot: &Snapshot) -> Vec<Finding> {
        UnusedIndex.find(&Subject::new(snapshot, &Workload::default()))
    }

    /// The same when somebody vouches that indexes are old enough.
    fn vouched(snapshot: &Snapshot) -> Vec<Finding> {
        let evidence = DropEvidence { vouched: true, ..DropEvidence::usual() };
        UnusedIndex.find(&Subject { drop_evidence: &evidence, ..Subject::new(snapshot, &Workload::default()) })
    }

    fn orders(days: i64, scans: u64) -> Fixture {
        let fixture = Fixture::new().table("orders", 5000, &["id", "note"]).counting_for(days);
        fixture.index("orders", IndexDefinition::btree(["note"])).index_pages("orders", 900).scanned("orders", scans, 0)
    }

    #[test]
    fn a_month_everywhere_makes_it_droppable_and_a_week_does_not() {
        let findings = vouched(&orders(31, 0).snapshot());
        assert!(findings[0].problem.ends_with("not scanned in 31 days, on no server: droppable"), "{}", findings[0].problem);
        let young = found(&orders(31, 0).snapshot());
        assert!(young[0].advice.contains("no server records when an index was built"), "{}", young[0].advice);
        assert_eq!(young[0].remedy, None);
        assert!(matches!(&findings[0].remedy, Some(Change::DropIndex { name, .. }) if name == "orders_index_1"));
        let findings = found(&orders(30, 0).snapshot());
        assert!(findings[0].problem.ends_with("unused so far"), "{}", findings[0].problem);
        assert_eq!((findings[0].severity, &findings[0].remedy), (Severity::Notice, &None));
        assert_eq!(found(&orders(40, 1).snapshot()), []);
    }

    #[test]
    fn one_that_was_used_once_is_told_after_a_month_without_a_scan() {
        let last_scan = |days: i64| {
            let mut snapshot = orders(90, 5).snapshot();
            let at = snapshot.captured_at - SignedDuration::from_hours(days * 24);
            snapshot.activity.indexes.values_mut().for_each(|activity| activity.last_scan = Some(at));
            found(&snapshot)
        };
        assert_eq!(last_scan(30), []);
        let findings = last_scan(31);
        assert!(findings[0].problem.contains("was not scanned in 31 days"), "{}", findings[0].problem);
        assert!(findings[0].remedy.is_some());
    }

    #[test]
    fn a_short_window_and_missing_counters_are_said() {
        let snapshot = orders(6, 0).snapshot();
        assert_eq!(found(&snapshot), []);
        let unexamined = UnusedIndex.not_examined(&Subject::new(&snapshot, &Workload::default()));
        assert!(unexamined[0].reason.starts_with("scans are counted for 6 days only"), "{}", unexamined[0].reason);
        let mut snapshot = orders(60, 0).snapshot();
        snapshot.activity.indexes.clear();
        assert_eq!(found(&snapshot), []);
        let unexamined = UnusedIndex.not_examined(&Subject::new(&snapshot, &Workload::default()));
        assert_eq!(unexamined[0].object, "orders_index_1");
    }

    #[test]
    fn a_standby_that_nobody_looked_at_leaves_doubt() {
        let mut snapshot = orders(60, 0).snapshot();
        snapshot.activity.standbys = Some(1);
        let findings = found(&snapshot);
        assert!(findings[0].advice.contains("may be used on standbys"), "{}", findings[0].advice);
        assert_eq!(findings[0].remedy, None);
    }

    #[test]
    fn what_supports_a_foreign_key_is_kept() {
        let mut snapshot = orders(60, 0).snapshot();
        let references = snapshot.catalog.tables[0].oid;
        snapshot.catalog.tables[0].foreign_keys.push(ForeignKey {
            name: "orders_note_fkey".to_owned(),
            columns: vec!["note".to_owned()],
            references,
            referenced_columns: vec!["id".to_owned()],
            validated: true,
            on_delete: ReferentialAction::NoAction,
        });
        let findings = found(&snapshot);
        assert!(findings[0].problem.ends_with("supports the foreign key orders_note_fkey"), "{}", findings[0].problem);
        assert_eq!(findings[0].remedy, None);
    }

    #[test]
    fn what_has_a_duty_is_small_or_is_redundant_is_left_alone() {
        let unique = |index: &mut Index| index.definition.as_mut().expect("it has one").unique = true;
        assert_eq!(found(&orders(60, 0).last_index("orders", unique).snapshot()), []);
        assert_eq!(found(&orders(60, 0).last_index("orders", |index| index.clustered = true).snapshot()), []);
        assert_eq!(found(&orders(60, 0).index_pages("orders", 99).snapshot()), []);
        let wider = orders(60, 0).index("orders", IndexDefinition::btree(["note", "id"])).scanned("orders", 5, 5);
        assert_eq!(found(&wider.snapshot()), []);
    }

    #[test]
    fn a_partitioned_tables_index_is_unused_when_all_its_parts_are() {
        let of = |scans: u64| {
            let parts = orders(60, 0).kind("orders", TableKind::Partitioned).table("orders_1", 5000, &["id", "note"]);
            let parts = parts.partition_of("orders_1", "orders");
            let parent = parts.last_oid("orders");
            parts
                .index("orders_1", IndexDefinition::btree(["note"]))
                .last_index("orders_1", |index| index.attached_to = Some(parent))
                .index_pages("orders_1", 900)
                .scanned("orders_1", scans, 0)
                .snapshot()
        };
        assert_eq!(found(&of(3)), []);
        let findings = vouched(&of(0));
        assert_eq!((findings.len(), &findings[0].remedy), (1, &None));
        assert!(findings[0].advice.starts_with("run DROP INDEX public.orders_index_1"), "{}", findings[0].advice);
    }
}
