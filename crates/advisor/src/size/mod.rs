//! Size, height and counters of an index that does not exist, right after its build.
//!
//! A prediction is a function of [`IndexInputs`]: numbers about rows, keys and their elements. B-trees, hash and BRIN indexes are computed
//! as `CREATE INDEX` lays them out; for GIN the layout is computed, too, but what is inside values is rarely known well; GiST and SP-GiST
//! depend on decisions of operator classes, and how full their pages get was measured. Knows no server; start reading at [`predict`].

mod brin;
mod btree;
mod elements;
mod gin;
mod gist;
mod groups;
mod hash;
mod inputs;
mod layout;
mod rows;
mod snapshot;
mod spgist;

pub use elements::{ElementInputs, FREQUENT, Occurrence};
pub use inputs::{AccessMethod, IndexInputs, KeyInputs, StorageParameters};
pub use layout::Values;
pub use rows::{estimated_rows, nulls_kept};

use pgtailor_model::catalog::{Index, Table};
use pgtailor_model::index::IndexDefinition;
use pgtailor_model::planner::GinCounters;
use pgtailor_model::quantity::{Quantity, Unit};
use pgtailor_model::snapshot::Server;
use pgtailor_model::unit::{Pages, count_as_f64, f64_as_count};

/// What `CREATE INDEX` would make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PredictedIndex {
    /// Pages of the main fork, the metapage included where the method has one.
    pub pages: Pages,
    /// Levels above the leaves: `fastlevel` in the metapage of a B-tree. Zero for methods that the planner asks for no height.
    pub levels: u32,
    /// The counters in the metapage of a GIN index.
    pub gin: Option<GinCounters>,
    /// Pages of the range map of a BRIN index, which is `lastRevmapPage` in its metapage.
    pub range_map: Option<Pages>,
}

impl PredictedIndex {
    fn of_pages(pages: f64) -> Self {
        Self { pages: Pages(f64_as_count(pages)), levels: 0, gin: None, range_map: None }
    }
}

/// What `CREATE INDEX` would make of `inputs`.
///
/// No better than the statistics that they come from: `ANALYZE` counts too few distinct values in skewed columns, which makes a B-tree
/// that merges equal keys up to a quarter too small. Columns are taken as independent of one another, and values that are long enough to
/// be compressed (`TOAST_INDEX_TARGET`, some 500 bytes) as not compressed.
pub fn predict(inputs: &IndexInputs) -> PredictedIndex {
    match inputs.method {
        AccessMethod::Btree => btree::predicted(inputs),
        AccessMethod::Hash => hash::predicted(inputs),
        AccessMethod::Gin => gin::predicted(inputs),
        AccessMethod::Gist => gist::predicted(inputs),
        AccessMethod::Spgist => spgist::predicted(inputs),
        AccessMethod::Brin => brin::predicted(inputs),
    }
}

/// Size of an index of this definition on `table` right after its build, in bytes; `None` when it cannot be told from a snapshot: for
/// methods other than B-tree and BRIN, for expressions, and where statistics are missing. Unknown is better than a guess that somebody
/// plans a disk with.
///
/// Within a factor of 1.3 on the indexes that it was compared with, except where `ANALYZE` was wrong itself (see [`predict`]). Later writes
/// split pages and make an index larger.
pub fn estimated_size(definition: &IndexDefinition, table: &Table, server: &Server) -> Option<Quantity> {
    Some(size_of(&snapshot::inputs(definition, table, server)?, server))
}

/// Size of an index that exists right after a `REINDEX`, in bytes, with the storage parameters that it has; `None` where
/// [`estimated_size`] has none.
pub fn estimated_rebuilt_size(index: &Index, table: &Table, server: &Server) -> Option<Quantity> {
    let inputs = snapshot::inputs(index.definition.as_ref()?, table, server)?;
    Some(size_of(&IndexInputs { storage: StorageParameters::of(&index.carries.parameters), ..inputs }, server))
}

fn size_of(inputs: &IndexInputs, server: &Server) -> Quantity {
    Quantity::estimated(count_as_f64(predict(inputs).pages.0) * f64::from(server.block_size), Unit::Bytes)
}
