//! What a snapshot tells of an index that does not exist: enough for B-trees and BRIN over columns.

use pgtailor_model::catalog::Table;
use pgtailor_model::index::{IndexDefinition, KeyPart};
use pgtailor_model::snapshot::Server;
use pgtailor_model::unit::{Bytes, Pages, Rows, f64_as_count};

use super::inputs::{AccessMethod, IndexInputs, KeyInputs, StorageParameters};
use super::layout::{Values, can_be_merged};
use super::rows::{NullTest, estimated_rows, null_test, nulls_kept};

/// `maintenance_work_mem` as it is delivered; neither of the two methods asks for it.
const MEMORY: Bytes = Bytes(64 * 1024 * 1024);

/// The inputs; `None` when a key is an expression, statistics are missing, or the predicate's selectivity or the method is not known here.
pub(super) fn inputs(definition: &IndexDefinition, table: &Table, server: &Server) -> Option<IndexInputs> {
    let method = AccessMethod::named(&definition.method)?;
    if !matches!(method, AccessMethod::Btree | AccessMethod::Brin) {
        return None;
    }
    let rows = estimated_rows(table, server)?;
    let rows_then = table.estimated_rows?.as_f64();
    let block_size = Bytes(u64::from(server.block_size));
    let key = |name: &str| {
        let key = key_inputs(name, table, rows_then, rows)?;
        let nulls_kept = nulls_kept(definition.predicate.as_deref(), name, key.null_fraction);
        Some(KeyInputs { nulls_kept, ..key })
    };
    let keys = definition.keys.iter().map(|part| match &part.part {
        // BRIN's default classes keep a minimum and a maximum; what others keep is not in the snapshot.
        _ if method == AccessMethod::Brin && part.operator_class.is_some() => None,
        KeyPart::Column(name) => key(name),
        KeyPart::Expression(_) => None,
    });
    let kept = match &definition.predicate {
        // BRIN summarizes ranges of the table, whatever the predicate leaves of them.
        Some(_) if method == AccessMethod::Brin => 1.0,
        Some(predicate) => share_kept(predicate, table)?,
        None => 1.0,
    };
    Some(IndexInputs {
        method,
        server_version: server.version,
        block_size,
        table_rows: Rows(f64_as_count(rows)),
        table_pages: table.size.map_or(table.pages, |size| Pages(size.0 / block_size.0.max(1))),
        rows: Rows(f64_as_count(rows * kept)),
        unique: definition.unique,
        storage: StorageParameters::default(),
        maintenance_memory: MEMORY,
        keys: keys.collect::<Option<_>>()?,
        included: definition.include.iter().map(|name| key(name)).collect::<Option<_>>()?,
        joint_distinct: None,
    })
}

/// `rows_then` is the table's row count that the statistics belong to, `rows` the one now.
fn key_inputs(name: &str, table: &Table, rows_then: f64, rows: f64) -> Option<KeyInputs> {
    let column = table.column(name)?;
    let statistics = column.statistics.as_ref()?;
    let distinct = statistics.distinct.max(1.0);
    // More than a tenth of the rows: `ANALYZE` takes the number to grow with the table (`compute_scalar_stats` in `analyze.c`).
    let grows = distinct > 0.1 * rows_then && rows_then > 0.0;
    let null_fraction = if column.not_null { 0.0 } else { statistics.null_fraction.clamp(0.0, 1.0) };
    Some(KeyInputs {
        values: Values::of(column, statistics),
        null_fraction,
        nulls_kept: null_fraction,
        distinct: if grows { distinct * rows / rows_then } else { distinct },
        common: Vec::new(),
        // A nondeterministic collation forbids merging, too, but it is rare and not in the catalog's columns.
        equal_is_bitwise: can_be_merged(column),
        operator_class: String::new(),
        sorted_build: false,
        shared_prefix: 0.0,
        elements: None,
    })
}

/// The fraction of rows that the predicate keeps.
fn share_kept(predicate: &str, table: &Table) -> Option<f64> {
    let (column, test) = null_test(predicate, table)?;
    let nulls = column.statistics.as_ref()?.null_fraction.clamp(0.0, 1.0);
    Some(if test == NullTest::IsNull { nulls } else { 1.0 - nulls })
}
