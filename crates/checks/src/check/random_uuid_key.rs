//! `random-uuid-key`: keys whose every insertion touches another page.

use pgtailor_model::catalog::{ConstraintKind, Index, Table, TableKind};
use pgtailor_model::finding::{Evidence, Finding, Severity};
use pgtailor_model::name::printable;
use pgtailor_model::quantity::{Quantity, Unit};
use pgtailor_model::snapshot::Snapshot;
use pgtailor_model::unit::Bytes;

use super::{Check, Subject};
use crate::evidence::{count_evidence, size_evidence};
use crate::indexes::leading_column;
use crate::threshold::{ENOUGH_TABLE_ROWS, LARGE_TABLE_PAGES};

/// Primary keys of random UUIDs on tables that grow.
///
/// # What it finds
///
/// Primary keys led by a column that is filled with random UUIDs by default (`gen_random_uuid()`, `uuid_generate_v4()`), whose index has
/// 1000 pages or more, on tables into which 10,000 rows or more were inserted since counters began.
///
/// # Why it matters
///
/// Each insertion goes to a random leaf of the index. After every checkpoint the first touch of a page writes it whole into the log
/// (`full_page_writes`): eight kilobytes for an entry of thirty bytes, once the index is larger than what a checkpoint's worth of
/// insertions touches twice. Leaves settle at 70 % full, and all of the index has to be in memory.
///
/// # Example
///
/// ```sql
/// CREATE TABLE events (id uuid PRIMARY KEY DEFAULT gen_random_uuid());
/// ```
///
/// # Instead
///
/// ```sql
/// ALTER TABLE events ALTER COLUMN id SET DEFAULT uuidv7();  -- server 18; before, a function or the application's library
/// ```
///
/// # When to ignore it
///
/// When keys must not tell when they were made: a UUID of version 7 begins with its time.
pub(super) struct RandomUuidKey;

impl Check for RandomUuidKey {
    fn name(&self) -> &'static str {
        "random-uuid-key"
    }

    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let indexes = subject.snapshot.catalog.indexes().filter(|(table, _)| table.kind == TableKind::Table);
        indexes.filter_map(|(table, index)| self.finding(table, index, subject.snapshot)).collect()
    }
}

impl RandomUuidKey {
    fn finding(&self, table: &Table, index: &Index, snapshot: &Snapshot) -> Option<Finding> {
        let is_key = index.constraint.as_ref().is_some_and(|constraint| constraint.kind == ConstraintKind::PrimaryKey);
        let column = table.column(leading_column(index.definition.as_ref()?)?)?;
        let pages = index.size?.0 / u64::from(snapshot.server.block_size);
        let inserted = snapshot.activity.tables.get(&table.oid)?.inserted;
        if !is_key || !column.random_uuid || pages < LARGE_TABLE_PAGES || inserted < ENOUGH_TABLE_ROWS {
            return None;
        }
        let size = Quantity::measured(Bytes(index.size?.0).as_f64(), Unit::Bytes);
        let problem = format!("new keys of {} are random, so that each goes to another page of an index of {size}", table.name);
        let advice = format!(
            "let new rows of {} have UUIDs that rise with time (version 7: uuidv7() from server 18 on, the application's library before); \
             the old ones may stay as they are",
            printable(&table.name.sql())
        );
        let mut evidence = vec![
            size_evidence("size of the primary key's index", index.size?),
            count_evidence("rows inserted since counters began", inserted),
        ];
        let correlation = column.statistics.and_then(|statistics| statistics.correlation);
        evidence.extend(
            correlation.map(|value| Evidence::new("correlation of key and place", Quantity::measured(value, Unit::Count))),
        );
        Some(Finding { evidence, ..Finding::new(self.name(), Severity::Notice, &table.name, problem, advice) })
    }
}
