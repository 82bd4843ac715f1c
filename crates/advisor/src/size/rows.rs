//! How many rows a table has now, and how many of them an index holds.

use pgtailor_model::catalog::{Column, Table};
use pgtailor_model::name::quote_identifier;
use pgtailor_model::snapshot::Server;
use pgtailor_model::unit::count_as_f64;

/// Rows of `table` now: the planner's density times the pages that it has now (`estimate_rel_size` in `plancat.c`).
///
/// `None` when the table was never vacuumed or analyzed.
pub fn estimated_rows(table: &Table, server: &Server) -> Option<f64> {
    let rows = table.estimated_rows?.as_f64();
    let pages_then = count_as_f64(table.pages.0);
    Some(match table.size {
        Some(size) if pages_then > 0.0 => rows * (size.as_f64() / f64::from(server.block_size)) / pages_then,
        _ => rows,
    })
}

/// The column that a predicate asks to be null or not null, and which of the two; `None` for every other predicate.
///
/// The fraction of rows that other predicates keep is not known without the columns' values.
pub(super) fn null_test<'a>(predicate: &str, table: &'a Table) -> Option<(&'a Column, NullTest)> {
    let predicate = predicate.trim();
    let predicate = predicate.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')).unwrap_or(predicate);
    table.columns.iter().find_map(|column| match predicate.strip_prefix(&quote_identifier(&column.name))? {
        " IS NULL" => Some((column, NullTest::IsNull)),
        " IS NOT NULL" => Some((column, NullTest::IsNotNull)),
        _ => None,
    })
}

/// The two tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NullTest {
    IsNull,
    IsNotNull,
}
