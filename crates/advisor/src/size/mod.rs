//! Estimated size of an index that does not exist, right after its build.
//!
//! B-trees are computed as `CREATE INDEX` lays them out; BRIN by a simple formula. For every other method, for expressions, and where
//! statistics are missing, the answer is `None`: unknown is better than a guess that somebody plans a disk with.

mod brin;
mod btree;
mod layout;
mod rows;

pub use rows::estimated_rows;

use pgtailor_model::catalog::Table;
use pgtailor_model::index::IndexDefinition;
use pgtailor_model::quantity::{Quantity, Unit};
use pgtailor_model::snapshot::Server;

/// Size of an index of this definition on `table` right after its build, in bytes; `None` when it cannot be told.
///
/// From the planner's row count and column statistics, so no better than those; columns are taken as independent of one another.
/// Within a factor of 1.3 on the indexes that it was compared with, except where `ANALYZE` was wrong itself: it counts too few distinct
/// values in skewed columns, and the estimate was a quarter too small then. Later writes split pages and make an index larger.
pub fn estimated_size(definition: &IndexDefinition, table: &Table, server: &Server) -> Option<Quantity> {
    let pages = match definition.method.as_str() {
        "btree" => btree::pages(definition, table, server)?,
        "brin" => brin::pages(definition, table, server)?,
        _ => return None,
    };
    Some(Quantity::estimated(pages * f64::from(server.block_size), Unit::Bytes))
}
