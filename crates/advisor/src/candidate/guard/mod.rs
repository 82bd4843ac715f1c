//! Guards: what could harm the application whatever it gains is not proposed, and the reason is kept.
//!
//! One file and one line in [`ALL`] each; the more general comes before the more special, since the first reason is the one that is shown.

mod hot_columns;
mod not_ours;
mod raising_expression;
mod tiny_table;
mod wide_key;

use pgtailor_model::catalog::{Table, TableKind};
use pgtailor_model::snapshot::Snapshot;
use pgtailor_model::unit::Pages;

use super::{Context, Subject, Support};

/// A candidate on trial.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trial<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) subject: &'a Subject,
    pub(super) table: &'a Table,
    /// What speaks for it, once all statements were looked at.
    pub(super) support: Option<&'a Support>,
}

/// A reason not to make something.
pub(super) trait Guard: Sync {
    /// Why `trial` must not be made, as a sentence without a period; `None` when it may.
    fn refuses(&self, trial: &Trial<'_>) -> Option<String>;
}

/// Every guard.
static ALL: &[&dyn Guard] = &[
    &not_ours::NotOurs,
    &tiny_table::TinyTable,
    &raising_expression::RaisingExpression,
    &wide_key::WideKey,
    &hot_columns::HotColumns,
];

/// Why `subject` must not be made; guards that weigh all statements answer only when `support` is there.
pub(super) fn refusal(context: &Context<'_>, subject: &Subject, support: Option<&Support>) -> Option<String> {
    let table = context.snapshot.catalog.table_by_oid(subject.table())?;
    let trial = Trial { context, subject, table, support };
    ALL.iter().find_map(|guard| guard.refuses(&trial))
}

/// Pages of `table` now; of a partitioned one those of its partitions, however deep.
pub(super) fn pages(snapshot: &Snapshot, table: &Table) -> Pages {
    if table.kind == TableKind::Partitioned {
        let partitions = snapshot.catalog.tables.iter().filter(|other| other.partition_of == Some(table.oid));
        return Pages(partitions.map(|partition| pages(snapshot, partition).0).sum());
    }
    let block_size = u64::from(snapshot.server.block_size.max(1));
    table.size.map_or(table.pages, |size| Pages(size.0 / block_size))
}
