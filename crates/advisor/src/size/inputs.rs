//! What is known of an index that does not exist yet: numbers only, from whoever can read a server's statistics.
//!
//! No value of any row is in here, and nothing says where the numbers came from: a snapshot, a server's catalogs, a test.

use pgtailor_model::unit::{Bytes, Pages, Rows};

use super::elements::ElementInputs;
use super::layout::Values;

/// The access methods that PostgreSQL brings along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessMethod {
    /// `btree`
    Btree,
    /// `hash`
    Hash,
    /// `gin`
    Gin,
    /// `gist`
    Gist,
    /// `spgist`
    Spgist,
    /// `brin`
    Brin,
}

impl AccessMethod {
    /// The method called `name` in `pg_am`; `None` for an extension's.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "btree" => Self::Btree,
            "hash" => Self::Hash,
            "gin" => Self::Gin,
            "gist" => Self::Gist,
            "spgist" => Self::Spgist,
            "brin" => Self::Brin,
            _ => return None,
        })
    }
}

/// Storage parameters of an index (`WITH (…)`) that change its size; each method reads those that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StorageParameters {
    /// `fillfactor`, in percent; `None` for the method's own default.
    pub fillfactor: Option<u32>,
    /// `deduplicate_items` of a B-tree.
    pub deduplicate_items: bool,
    /// `pages_per_range` of a BRIN index; `None` for 128.
    pub pages_per_range: Option<u32>,
}

impl StorageParameters {
    /// Those of an index that exists, as `pg_class.reloptions` has them: `name=value`, values as they were written.
    pub fn of(parameters: &[String]) -> Self {
        let value = |name: &str| parameters.iter().find_map(|parameter| parameter.strip_prefix(name)?.strip_prefix('='));
        Self {
            fillfactor: value("fillfactor").and_then(|text| text.parse().ok()),
            // `parse_bool` in `bool.c` takes any beginning of these words.
            deduplicate_items: !value("deduplicate_items").is_some_and(|text| {
                matches!(text.to_lowercase().as_str(), "off" | "of" | "false" | "fals" | "fal" | "fa" | "f" | "no" | "n" | "0")
            }),
            pages_per_range: value("pages_per_range").and_then(|text| text.parse().ok()),
        }
    }
}

/// What `CREATE INDEX` takes when nothing is said.
impl Default for StorageParameters {
    fn default() -> Self {
        Self { fillfactor: None, deduplicate_items: true, pages_per_range: None }
    }
}

/// Everything that the size of an index follows from.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexInputs {
    /// The access method.
    pub method: AccessMethod,
    /// `server_version_num`.
    pub server_version: u32,
    /// Bytes of a page.
    pub block_size: Bytes,
    /// Rows of the table now: the planner's density times the pages that it has now.
    pub table_rows: Rows,
    /// Pages of the table now.
    pub table_pages: Pages,
    /// Rows that the index holds: those of the table, or what a predicate leaves of them.
    pub rows: Rows,
    /// Whether it refuses duplicates.
    pub unique: bool,
    /// Storage parameters.
    pub storage: StorageParameters,
    /// `maintenance_work_mem` of the session that would build it.
    pub maintenance_memory: Bytes,
    /// The key parts, first to last.
    pub keys: Vec<KeyInputs>,
    /// `INCLUDE` columns.
    pub included: Vec<KeyInputs>,
    /// Distinct combinations of all keys in the table, nulls counted as one value, when extended statistics say so.
    pub joint_distinct: Option<f64>,
}

/// One key part or included column.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyInputs {
    /// How the index stores a value.
    pub values: Values,
    /// Fraction of the table's rows in which it is null, 0 to 1.
    pub null_fraction: f64,
    /// Fraction of the index's rows in which it is null: another one when the predicate is about it (see [`super::nulls_kept`]).
    pub nulls_kept: f64,
    /// Distinct values in the table that are not null.
    pub distinct: f64,
    /// Frequencies of the most common values, as fractions of the table's rows.
    pub common: Vec<f64>,
    /// Whether equal values have equal bytes, so that a B-tree may store them once (the operator class's fourth support function).
    pub equal_is_bitwise: bool,
    /// Name of the operator class, without its schema.
    pub operator_class: String,
    /// Whether the operator class can sort for a build (`sortsupport`, the eleventh support function of a GiST class).
    pub sorted_build: bool,
    /// Mean number of first bytes that a value shares with its neighbour in sort order, as far as the statistics' bounds show it.
    pub shared_prefix: f64,
    /// What is inside a value, for methods that index that.
    pub elements: Option<ElementInputs>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn storage_parameters_are_read_as_the_server_keeps_them() {
        let parameters = ["fillfactor=70".to_owned(), "deduplicate_items=OFF".to_owned()];
        let expected = StorageParameters { fillfactor: Some(70), deduplicate_items: false, pages_per_range: None };
        assert_eq!(StorageParameters::of(&parameters), expected);
        assert_eq!(StorageParameters::of(&[]), StorageParameters::default());
    }
}
