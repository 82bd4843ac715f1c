//! Everything that the planner reads and that is no row: enough for a *twin*, a private server without data whose planner gives the
//! costs of this one.
//!
//! Its parts are what `get_relation_info` (`plancat.c`), the selectivity functions (`selfuncs.c`) and the access methods' cost functions
//! look at: definitions, `pg_statistic`, `pg_class`, sizes of files, numbers on the first page of some indexes, the smallest and largest
//! value of indexed columns, and settings. Statistics hold values of columns: how many of them are kept is the [`StatisticsLevel`].

mod subset;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::name::{Oid, QualifiedName};

/// What the planner reads of one database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannerInputs {
    /// What was kept of the values in statistics.
    pub level: StatisticsLevel,
    /// How the database sorts and encodes.
    pub locale: Locale,
    /// Settings that differ from the server's built-in ones and that plans depend on, as `SET` takes them.
    pub settings: BTreeMap<String, String>,
    /// Schemas in which unqualified names are looked for, first to last.
    pub search_path: Vec<String>,
    /// Definitions, in an order in which they can be made, save that functions and views may need later ones.
    pub schema: Vec<SchemaObject>,
    /// Tables, materialized views and their indexes.
    pub relations: Vec<Relation>,
    /// `pg_statistic`.
    pub statistics: Vec<ColumnStatistic>,
    /// `pg_statistic_ext_data`.
    pub extended: Vec<ExtendedStatistic>,
    /// Smallest and largest values of columns that lead a B-tree.
    pub extremes: Vec<Extremes>,
    /// Types outside `pg_catalog` by their OID, which extended statistics hold: the names, as `regtype` writes them.
    pub types: BTreeMap<Oid, String>,
    /// Labels of enums by their OID, with the type's.
    pub labels: BTreeMap<Oid, EnumLabel>,
    /// Plans of the workload's statements on the source, for the twin's self-test.
    pub plans: Vec<SourcePlan>,
    /// What keeps a twin from planning exactly like the source, each with the reason.
    pub inexact: Vec<Inexact>,
}

/// How much of the values in statistics is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StatisticsLevel {
    /// Values as the server keeps them: plans are exact, and the file holds data.
    #[default]
    Exact,
    /// Values replaced by others of the same type in the same order.
    Anonymized,
    /// No value: widths, shares of nulls, counts of distinct values and correlations only.
    None,
}

/// `pg_database`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Locale {
    /// Encoding: `UTF8`.
    pub encoding: String,
    /// `libc`, `icu` or `builtin`.
    pub provider: String,
    /// `LC_COLLATE`.
    pub collate: String,
    /// `LC_CTYPE`.
    pub ctype: String,
    /// The locale of provider `icu` or `builtin`.
    pub locale: Option<String>,
    /// Rules that change the order of provider `icu` (version 16 and later).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<String>,
    /// The provider's version of the collation.
    pub version: Option<String>,
}

/// One definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaObject {
    /// What it is.
    pub kind: SchemaObjectKind,
    /// Its name, for people and, for extensions, for `CREATE EXTENSION`.
    pub name: String,
    /// The table that it is or belongs to; `None` for what belongs to none.
    pub table: Option<Oid>,
    /// Other tables that it needs.
    pub needs: Vec<Oid>,
    /// How it is made; of a table the beginning, up to its columns.
    pub sql: String,
    /// Of a table: its columns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<ColumnSql>,
    /// Of a table: what comes behind its columns. Of an extension: its schema.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tail: String,
    /// Whether the server knows that all rows fulfil it (constraints).
    pub validated: bool,
}

/// A column as `CREATE TABLE` writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnSql {
    /// Its name, unquoted.
    pub name: String,
    /// All of it, the name included.
    pub sql: String,
}

impl SchemaObject {
    /// An object that belongs to no table.
    pub fn new(kind: SchemaObjectKind, name: impl Into<String>, sql: impl Into<String>) -> Self {
        Self {
            kind,
            name: name.into(),
            table: None,
            needs: Vec::new(),
            sql: sql.into(),
            columns: Vec::new(),
            tail: String::new(),
            validated: true,
        }
    }

    /// The statement that makes it, without the columns in `left_out`.
    pub fn statement(&self, left_out: &[&str]) -> String {
        if self.kind != SchemaObjectKind::Table {
            return self.sql.clone();
        }
        let kept = self.columns.iter().filter(|column| !left_out.contains(&column.name.as_str()));
        let columns: Vec<&str> = kept.map(|column| column.sql.as_str()).collect();
        format!("{} ({}){}", self.sql, columns.join(", "), self.tail)
    }
}

/// Kinds of definitions, in the order in which they are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SchemaObjectKind {
    /// An extension.
    Extension,
    /// A schema.
    Schema,
    /// A collation.
    Collation,
    /// A type or domain, without constraints.
    Type,
    /// A function or procedure.
    Function,
    /// A sequence.
    Sequence,
    /// A table, or a materialized view as a table.
    Table,
    /// What makes a table a partition of another.
    Partition,
    /// The default of a column.
    Default,
    /// A primary key, unique or exclusion constraint.
    Constraint,
    /// An index of no constraint.
    Index,
    /// What makes an index part of the index of a partitioned table.
    IndexPartition,
    /// A check of rows.
    Check,
    /// A foreign key.
    ForeignKey,
    /// A view.
    View,
    /// A rewrite rule.
    Rule,
    /// An extended statistics object.
    Statistics,
    /// A check of a domain's values.
    DomainCheck,
}

impl SchemaObjectKind {
    /// For people: `foreign key`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Extension => "extension",
            Self::Schema => "schema",
            Self::Collation => "collation",
            Self::Type => "type",
            Self::Function => "function",
            Self::Sequence => "sequence",
            Self::Table => "table",
            Self::Partition => "partition",
            Self::Default => "default",
            Self::Constraint => "constraint",
            Self::Index => "index",
            Self::IndexPartition => "index partition",
            Self::Check => "check constraint",
            Self::ForeignKey => "foreign key",
            Self::View => "view",
            Self::Rule => "rule",
            Self::Statistics => "extended statistics",
            Self::DomainCheck => "domain constraint",
        }
    }
}

/// A table or index as `pg_class` and its files show it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Relation {
    /// Its `pg_class` row on the source.
    pub oid: Oid,
    /// Schema and name.
    pub name: QualifiedName,
    /// The table that it is or belongs to.
    pub table: Oid,
    /// `relpages`, in pages.
    pub pages: i32,
    /// `reltuples`, in rows; -1 for unknown (0 before version 14).
    pub tuples: f32,
    /// `relallvisible`, in pages.
    pub all_visible: i32,
    /// Size of its files now, in pages; `None` for what has none, or where it could not be read.
    pub blocks: Option<u64>,
    /// What the planner reads on the first page of an index.
    pub head: Option<IndexHead>,
}

/// What the cost functions of an index read on its metapage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IndexHead {
    /// `_bt_getrootheight` (`nbtpage.c`).
    BTree {
        /// Levels of inner pages above the leaves.
        levels: u32,
    },
    /// `ginGetStats` (`ginutil.c`).
    Gin(GinCounters),
    /// `brinGetStats` (`brin.c`).
    Brin {
        /// Pages of the table for each summary.
        pages_per_range: u32,
        /// Pages of the range map.
        map_pages: u32,
    },
}

/// Counters of a GIN index; all 0 when unknown, which the planner takes for unknown, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GinCounters {
    /// Pages of the pending list.
    pub pending_pages: u32,
    /// All pages.
    pub total_pages: u32,
    /// Pages of the entry tree.
    pub entry_pages: u32,
    /// Pages of posting trees.
    pub data_pages: u32,
    /// Distinct keys.
    pub entries: i64,
}

/// A row of `pg_statistic`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnStatistic {
    /// The table, or the index for an expression in it.
    pub relation: Oid,
    /// The column.
    pub column: StatisticColumn,
    /// Whether children of the table are counted.
    pub inherited: bool,
    /// The numbers.
    pub numbers: StatisticNumbers,
}

/// Which column of a relation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StatisticColumn {
    /// Of a table: by its name, since dropped columns shift the numbers.
    Name(String),
    /// Of an index: by its position, from 1.
    Number(i16),
}

/// What `pg_statistic` knows of one column or expression.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StatisticNumbers {
    /// `stanullfrac`, 0 to 1.
    pub null_fraction: f32,
    /// `stawidth`, in bytes.
    pub width: i32,
    /// `stadistinct`: a count, or minus a share of the rows.
    pub distinct: f32,
    /// At most five.
    pub slots: Vec<StatisticSlot>,
}

/// One slot (`pg_statistic.h`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatisticSlot {
    /// `stakind`: 1 most common values, 2 histogram, 3 correlation, 4 most common elements, 5 element counts, 6 and 7 of ranges.
    pub kind: i16,
    /// `staop`, as `regoperator` writes it.
    pub operator: Option<String>,
    /// `stacoll`.
    pub collation: Option<QualifiedName>,
    /// `stanumbers`, as text of an array.
    pub numbers: Option<String>,
    /// `stavalues`.
    pub values: Option<StatisticValues>,
}

/// Values of a slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatisticValues {
    /// The type of the elements, as `regtype` writes it; not always the column's.
    pub element_type: String,
    /// The array's text.
    pub text: String,
}

/// Kinds of slots that [`StatisticSlot::kind`] has (`pg_statistic.h`).
pub mod slot_kind {
    /// Most common values.
    pub const MOST_COMMON: i16 = 1;
    /// Bounds that cut the rest into equal parts.
    pub const HISTOGRAM: i16 = 2;
    /// Between the order of values and of rows.
    pub const CORRELATION: i16 = 3;
    /// Most common elements of arrays, lexemes.
    pub const MOST_COMMON_ELEMENTS: i16 = 4;
    /// Distinct elements in each array.
    pub const ELEMENT_COUNTS: i16 = 5;
    /// Lengths of ranges.
    pub const RANGE_LENGTHS: i16 = 6;
    /// Bounds of ranges.
    pub const RANGE_BOUNDS: i16 = 7;
}

/// A row of `pg_statistic_ext_data`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExtendedStatistic {
    /// The statistics object.
    pub name: QualifiedName,
    /// Its table.
    pub table: Oid,
    /// Whether children of the table are counted.
    pub inherited: bool,
    /// Columns by their number on the source, which the data hold.
    pub columns: BTreeMap<i16, String>,
    /// `stxdndistinct`, in hexadecimal digits.
    pub distinct: Option<String>,
    /// `stxddependencies`, in hexadecimal digits.
    pub dependencies: Option<String>,
    /// `stxdmcv`, in hexadecimal digits.
    pub most_common: Option<String>,
    /// `stxdexpr`, for each expression.
    pub expressions: Vec<StatisticNumbers>,
}

/// Smallest and largest values of columns of one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extremes {
    /// The table.
    pub table: Oid,
    /// Of each column, in the text format of its type.
    pub columns: Vec<Extreme>,
}

/// Smallest and largest value of a column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extreme {
    /// The column.
    pub column: String,
    /// Smallest value that is not null.
    pub least: String,
    /// Largest.
    pub greatest: String,
}

/// A label of an enum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnumLabel {
    /// The type.
    pub of: Oid,
    /// The label.
    pub label: String,
}

/// A statement with values, and how the source planned it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourcePlan {
    /// The statement's fingerprint.
    pub fingerprint: String,
    /// The text, with `$n` for its parameters.
    pub text: String,
    /// The parameters' types as a cast writes them.
    pub types: Vec<String>,
    /// Values; `None` for the plan of any values. They are data: there are none at [`StatisticsLevel::None`].
    pub values: Option<Vec<Option<String>>>,
    /// The share of the statement's executions that it stands for, 0 to 1.
    pub weight: f64,
    /// The plan.
    pub nodes: Vec<PlanNode>,
}

/// A node of a plan, without any value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanNode {
    /// How deep below the top, which is 0.
    pub depth: u16,
    /// What it does: `Index Scan using users_pkey on public.users`.
    pub what: String,
    /// Planner cost before the first row.
    pub startup_cost: f64,
    /// Planner cost in all.
    pub total_cost: f64,
    /// Rows that the planner expects.
    pub rows: f64,
    /// Bytes in a row.
    pub width: i64,
}

/// Something that a twin cannot have like its source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Inexact {
    /// What.
    pub object: String,
    /// The table concerned, when it is one.
    pub table: Option<Oid>,
    /// Why, as a clause without a period.
    pub reason: String,
}
