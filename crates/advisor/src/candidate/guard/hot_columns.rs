//! Columns that are updated far more often than the index would be used: with the index, none of these updates is a HOT update any more.
//!
//! Such an update writes an entry to every index of the table and leaves dead ones behind (`heap_update` in `heapam.c`). Short of the
//! limit here, the price is part of the index's upkeep and not a reason to refuse.

use std::collections::BTreeSet;

use pgtailor_model::catalog::Table;
use pgtailor_model::index::KeyPart;
use pgtailor_model::shape::{Shape, WriteKind};
use pgtailor_model::snapshot::Snapshot;
use pgtailor_model::unit::{grouped, ratio};
use pgtailor_model::what_if::CandidateIndex;
use pgtailor_model::workload::Query;

use super::super::Subject;
use super::{Guard, Trial};

/// Updates of its columns for each use of an index, from which it is refused.
const MOST_UPDATES: u64 = 10;

/// Share of HOT updates, 0 to 1, from which there is something to lose.
const HIGH: f64 = 0.5;

/// The first version whose updates stay HOT when all that changes is summarized by BRIN (`TU_Summarizing` in `tableam.h`).
const BRIN_IS_HOT: u32 = 160_000;

pub(super) struct HotColumns;

impl Guard for HotColumns {
    fn refuses(&self, trial: &Trial<'_>) -> Option<String> {
        let (Subject::Index(index), Some(support)) = (trial.subject, trial.support) else { return None };
        let Trial { context, table, .. } = trial;
        if index.definition.method == "brin" && context.snapshot.server.version >= BRIN_IS_HOT {
            return None;
        }
        let (hot, all) = updates_of(context.snapshot, table);
        let share = ratio(hot, all).filter(|share| *share >= HIGH)?;
        let is_indexed = |column: &str| is_in(column, index);
        let queries = &context.workload.queries;
        let writes = |query: &&Query| query.shapes.iter().any(|shape| shape.table == table.oid && updates(shape, &is_indexed));
        let updates: u64 = queries.iter().filter(writes).map(|query| query.calls).sum();
        let uses: u64 = support.queries.iter().filter_map(|position| queries.get(*position)).map(|query| query.calls).sum();
        let written: BTreeSet<&str> = queries
            .iter()
            .flat_map(|query| &query.shapes)
            .filter(|shape| shape.table == table.oid)
            .flat_map(|shape| changed(shape).iter().map(String::as_str))
            .filter(|column| is_indexed(column))
            .collect();
        (updates > 0 && updates >= uses.saturating_mul(MOST_UPDATES)).then(|| {
            format!(
                "{} updates write {} for {} executions that could use it, and {:.0} % of the updates of {} are HOT, which these would be no more",
                grouped(updates),
                super::super::text::names(written),
                grouped(uses),
                share * 100.0,
                table.name
            )
        })
    }
}

/// HOT updates and all updates of a table; of a partitioned one, which counts none itself, those of its partitions.
fn updates_of(snapshot: &Snapshot, table: &Table) -> (u64, u64) {
    let own = snapshot.activity.tables.get(&table.oid).map_or((0, 0), |activity| (activity.hot_updated, activity.updated));
    let partitions = snapshot.catalog.tables.iter().filter(|other| other.partition_of == Some(table.oid));
    partitions
        .map(|partition| updates_of(snapshot, partition))
        .fold(own, |(hot, all), (more_hot, more)| (hot + more_hot, all + more))
}

fn updates(shape: &Shape, is_indexed: &impl Fn(&str) -> bool) -> bool {
    changed(shape).iter().any(|column| is_indexed(column))
}

/// The columns that the shape gives new values in rows that exist.
fn changed(shape: &Shape) -> &[String] {
    match &shape.write {
        Some(write) if matches!(write.kind, WriteKind::Update | WriteKind::Upsert) => &write.columns,
        _ => &[],
    }
}

/// Whether the column is anywhere in the index; in an expression or predicate by its name.
fn is_in(column: &str, index: &CandidateIndex) -> bool {
    let definition = &index.definition;
    definition.include.contains(column)
        || definition.predicate.as_deref().is_some_and(|sql| mentions(sql, column))
        || definition.keys.iter().any(|key| match &key.part {
            KeyPart::Column(name) => name == column,
            KeyPart::Expression(sql) => mentions(sql, column),
        })
}

fn mentions(sql: &str, column: &str) -> bool {
    sql.split(|letter: char| !letter.is_alphanumeric() && letter != '_').any(|word| word == column)
}

#[cfg(test)]
mod tests {
    use pgtailor_model::activity::TableActivity;
    use pgtailor_model::shape::Comparison::Equal;
    use pgtailor_model::shape::Write;

    use super::super::super::fixture::Fixture;
    use super::*;

    fn fixture(calls: u64, hot: u64) -> Fixture {
        let activity = TableActivity { updated: 1000, hot_updated: hot, ..TableActivity::default() };
        let fixture = Fixture::new().table("t", &["id", "seen_at", "x"]).activity("t", activity);
        let write = Some(Write { kind: WriteKind::Update, columns: vec!["seen_at".to_owned()] });
        let fixture = fixture.asks_with("t", &[], |shape| shape.write = write).last(|query| query.calls = calls);
        fixture.asks("t", &[("seen_at", Equal)])
    }

    #[test]
    fn a_column_written_ten_times_for_each_use_is_refused_with_the_numbers() {
        let candidates = fixture(1000, 900).all();
        assert!(candidates.proposed.is_empty());
        let reason = &candidates.refused.first().expect("a refusal").reason;
        assert!(reason.starts_with("1 000 updates write seen_at for 100 executions"), "{reason}");
        assert!(reason.contains("90 % of the updates of t are HOT"), "{reason}");
    }

    #[test]
    fn fewer_updates_or_none_that_is_hot_are_a_matter_of_upkeep() {
        assert_eq!(fixture(999, 900).proposed(), ["(seen_at)"]);
        assert_eq!(fixture(1000, 100).proposed(), ["(seen_at)"]);
    }

    #[test]
    fn a_partitioned_table_is_as_hot_as_its_partitions() {
        let mut fixture = fixture(1000, 900).table("p", &["id"]);
        let (parent, partition) = (fixture.oid("t"), fixture.oid("p"));
        let activity = fixture.snapshot.activity.tables.remove(&parent).expect("counters");
        fixture.snapshot.activity.tables.insert(partition, activity);
        assert_eq!(fixture.proposed(), ["(seen_at)"]);
        let fixture = fixture.with("p", |table| table.partition_of = Some(parent));
        assert_eq!(fixture.proposed(), Vec::<String>::new());
    }

    #[test]
    fn a_word_is_not_found_inside_another() {
        assert!(mentions("lower(email)", "email"));
        assert!(!mentions("lower(email_key)", "email"));
    }
}
