//! How long the build of an index may take: a rough estimate, for choosing a moment and not for comparing candidates.

use pgtailor_model::catalog::Table;
use pgtailor_model::index::{Build, IndexDefinition, KeyPart};
use pgtailor_model::quantity::{Quantity, Unit};
use pgtailor_model::snapshot::Server;
use pgtailor_model::unit::count_as_f64;

use crate::size::{estimated_rows, estimated_size};

// Orders of magnitude: processor time of `CREATE INDEX` on 300,000 rows in memory, PostgreSQL 15, one virtual core of a 2020s server,
// without parallel workers. Other machines differ by a factor of three either way, and a table that must come from a disk by more.

/// Reading one page of the table, in milliseconds: between a page in memory (0.002) and one from a network disk (0.1).
const PAGE_MS: f64 = 0.01;
/// Making and storing one entry, in milliseconds.
const ENTRY_MS: f64 = 0.000_5;
/// One comparison of the sort, in milliseconds, for types that compare as numbers.
const COMPARISON_MS: f64 = 0.000_04;
/// The same for texts, which compare by collation.
const TEXT_COMPARISON_MS: f64 = 0.000_13;
/// Sorting on disk and writing one byte of index, in milliseconds (100 MB/s).
const BYTE_MS: f64 = 0.000_01;

/// Time to build the index on `table`, in milliseconds; `None` when its size cannot be told.
///
/// One scan of the table, a sort, and the writing; a second scan when concurrent, since the server then looks for rows that came
/// meanwhile (`validate_index` in `catalog/index.c`). Not in it: waiting for other transactions, and the load of others.
pub fn estimated_build(definition: &IndexDefinition, table: &Table, server: &Server, build: Build) -> Option<Quantity> {
    let bytes = estimated_size(definition, table, server)?.value;
    let rows = estimated_rows(table, server)?;
    let pages = table.size.map_or_else(|| count_as_f64(table.pages.0), |size| size.as_f64() / f64::from(server.block_size));
    let scans = match build {
        Build::Blocking => 1.0,
        Build::Concurrent => 2.0,
        Build::OnlyParent => 0.0,
    };
    let sort = if definition.method == "btree" { rows * rows.max(2.0).log2() * comparison(definition, table) } else { 0.0 };
    let milliseconds = scans * (pages * PAGE_MS + rows * ENTRY_MS / 2.0) + rows * ENTRY_MS / 2.0 + sort + bytes * BYTE_MS;
    Some(Quantity::estimated(milliseconds, Unit::Milliseconds))
}

fn comparison(definition: &IndexDefinition, table: &Table) -> f64 {
    let first = definition.keys.first().and_then(|key| match &key.part {
        KeyPart::Column(name) => table.column(name),
        KeyPart::Expression(_) => None,
    });
    let is_text = first.is_none_or(|column| column.type_name.starts_with("text") || column.type_name.starts_with("character"));
    if is_text { TEXT_COMPARISON_MS } else { COMPARISON_MS }
}
