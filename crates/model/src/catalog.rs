//! What the database consists of: tables, columns, indexes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::change::{Carried, StatisticsDefinition};
use crate::index::IndexDefinition;
use crate::name::{Oid, QualifiedName, quote_identifier};
use crate::unit::{Bytes, Pages, Rows};

/// The tables of one database with their indexes; system schemas, temporary tables and extensions' own tables are not in it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Catalog {
    /// Sorted by schema and name.
    pub tables: Vec<Table>,
    /// Views with what they select, sorted by schema and name.
    pub views: Vec<View>,
    /// Functions outside `pg_catalog` by name, with the most volatile of those that share it: an index can only compute what is
    /// immutable.
    pub functions: BTreeMap<String, Volatility>,
    /// Every name taken by a relation (table, index, view, sequence …), by schema: what a new index may not be called.
    pub relation_names: BTreeMap<String, Vec<String>>,
    /// Operator classes by access method and name, with whether it is the default of its type.
    pub operator_classes: Vec<OperatorClass>,
    /// Sequences outside the server's own schemas, sorted by schema and name.
    pub sequences: Vec<Sequence>,
}

/// A table or materialized view.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Its `pg_class` row.
    pub oid: Oid,
    /// Schema and name.
    pub name: QualifiedName,
    /// What kind of relation.
    pub kind: TableKind,
    /// Whether its changes are written to the log.
    pub persistence: Persistence,
    /// The role that owns it.
    pub owner: String,
    /// Whether the current role may act as the owner, as `CREATE INDEX` demands.
    pub ours: bool,
    /// The planner's row estimate (`reltuples`); `None` when the table was never vacuumed or analyzed.
    pub estimated_rows: Option<Rows>,
    /// The planner's page count (`relpages`).
    pub pages: Pages,
    /// Pages on which every row is visible to everybody (`relallvisible`), as vacuum last found.
    pub all_visible: Pages,
    /// Size of the main fork now; `None` where it could not be read.
    pub size: Option<Bytes>,
    /// Pages of what is stored out of line (`relpages` of its TOAST table); 0 when it has none.
    pub toast_pages: Pages,
    /// Storage parameters (`reloptions`) by name.
    pub parameters: BTreeMap<String, String>,
    /// Transactions since the oldest row that is not frozen (`age(relfrozenxid)`), its TOAST table included; 0 for what has no rows.
    pub frozen_age: u64,
    /// The same of multixacts (`mxid_age(relminmxid)`).
    pub multixact_age: u64,
    /// The partitioned table that it is a partition of.
    pub partition_of: Option<Oid>,
    /// Further tables whose scans read this one, too (`INHERITS`), in their order.
    pub inherits: Vec<Oid>,
    /// By attribute number, dropped columns left out.
    pub columns: Vec<Column>,
    /// Sorted by name.
    pub indexes: Vec<Index>,
    /// Sorted by name.
    pub foreign_keys: Vec<ForeignKey>,
    /// Extended statistics objects, sorted by schema and name.
    pub extended_statistics: Vec<ExtendedStatistics>,
}

/// A foreign key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignKey {
    /// The constraint's name, unquoted.
    pub name: String,
    /// The columns that refer.
    pub columns: Vec<String>,
    /// The table that they refer to.
    pub references: Oid,
    /// The columns there, one for each.
    pub referenced_columns: Vec<String>,
    /// Whether all rows were checked (`convalidated`).
    pub validated: bool,
    /// Whether the deletion of a row there looks for rows here: always but for `NO ACTION` and `RESTRICT` it changes them, too.
    pub on_delete: ReferentialAction,
}

/// What happens to the rows that refer when what they refer to is deleted (`confdeltype`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReferentialAction {
    /// It is refused, at the statement's end or when the transaction commits.
    NoAction,
    /// It is refused at once.
    Restrict,
    /// They are deleted.
    Cascade,
    /// Their columns become null.
    SetNull,
    /// Their columns get their defaults.
    SetDefault,
}

/// An extended statistics object: its columns, and what is collected of them; expressions are not in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtendedStatistics {
    /// Schema and name.
    pub name: QualifiedName,
    /// What is collected, of which columns.
    pub definition: StatisticsDefinition,
}

/// A sequence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequence {
    /// Schema and name.
    pub name: QualifiedName,
    /// The value given last; `None` when none was, or when this role may not see it.
    pub last_value: Option<i64>,
    /// The first value.
    pub start: i64,
    /// The smallest value.
    pub least: i64,
    /// The largest value.
    pub greatest: i64,
    /// From one value to the next.
    pub increment: i64,
    /// Whether it begins anew at its end.
    pub cycles: bool,
    /// The column that it belongs to or is the default of.
    pub feeds: Option<(Oid, String)>,
}

/// A view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// Schema and name.
    pub name: QualifiedName,
    /// Its columns, first to last, unquoted.
    pub columns: Vec<String>,
    /// Its `SELECT`, as `pg_get_viewdef` writes it with an empty search path; `None` when it could not be read.
    pub definition: Option<String>,
}

/// `pg_proc.provolatile`: how far a function's value depends on more than its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Volatility {
    /// On nothing else.
    Immutable,
    /// On the database's content or settings, but not within one statement.
    Stable,
    /// Another value at each call.
    Volatile,
}

/// The relations that can have indexes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TableKind {
    /// An ordinary table (`relkind` r).
    Table,
    /// A partitioned table (`p`).
    Partitioned,
    /// A materialized view (`m`).
    MaterializedView,
}

/// `relpersistence`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Persistence {
    /// Logged.
    Permanent,
    /// Emptied by a crash.
    Unlogged,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// `attnum`, from 1.
    pub number: i16,
    /// Its name, unquoted.
    pub name: String,
    /// The type, as `format_type` writes it.
    pub type_name: String,
    /// Whether null is refused.
    pub not_null: bool,
    /// The statistics target of its own (`attstattarget`); `None` for the server's default.
    pub statistics_target: Option<u16>,
    /// Whether it is filled with random UUIDs by default (`gen_random_uuid()`, `uuid_generate_v4()`).
    pub random_uuid: bool,
    /// What the planner knows of its values, without any value; `None` when never analyzed or not readable by this role.
    pub statistics: Option<ColumnStatistics>,
}

/// The part of `pg_stats` that holds no values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ColumnStatistics {
    /// Fraction of nulls, 0 to 1.
    pub null_fraction: f64,
    /// Mean width of a value that is not null, in bytes.
    pub average_width: u32,
    /// Number of distinct values that are not null; negative encodings of `pg_stats.n_distinct` are resolved against the row estimate.
    pub distinct: f64,
    /// Between the order of the values and of the rows on disk, -1 to 1; `None` for types without order.
    pub correlation: Option<f64>,
    /// How many most common values the planner knows by name.
    pub most_common: u32,
    /// Fraction of all rows that has the most common value; 0 when none is known.
    pub most_common_fraction: f64,
    /// Fraction of all rows that has the last of the most common values; 0 when none is known.
    pub least_common_fraction: f64,
    /// Fraction of all rows that has one of the most common values.
    pub common_fraction: f64,
}

/// An index that exists.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Index {
    /// Its `pg_class` row.
    pub oid: Oid,
    /// Its name, unquoted; the schema is its table's.
    pub name: String,
    /// What it is; `None` when an expression or predicate could not be read (someone holds a lock on the table).
    pub definition: Option<IndexDefinition>,
    /// `indisvalid`: queries may use it.
    pub valid: bool,
    /// `indisready`: writes maintain it.
    pub ready: bool,
    /// `indislive`: not being dropped.
    pub live: bool,
    /// The constraint that it implements.
    pub constraint: Option<Constraint>,
    /// `indisreplident`.
    pub replica_identity: bool,
    /// `indisclustered`.
    pub clustered: bool,
    /// Whether it is sorted by rules of a collation of which the operating system has another version now; `None` when that is unknown.
    pub collation_outdated: Option<bool>,
    /// Size now; `None` where it could not be read.
    pub size: Option<Bytes>,
    /// The index of the partitioned table that it is attached to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attached_to: Option<Oid>,
    /// What it carries beside its definition.
    #[serde(default, skip_serializing_if = "Carried::is_empty")]
    pub carries: Carried,
}

/// A constraint behind an index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Constraint {
    /// Its name, unquoted.
    pub name: String,
    /// Its kind.
    pub kind: ConstraintKind,
}

/// Constraints that are made of indexes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConstraintKind {
    /// `PRIMARY KEY`
    PrimaryKey,
    /// `UNIQUE`
    Unique,
    /// `EXCLUDE`
    Exclusion,
}

/// An operator class.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OperatorClass {
    /// The access method's name.
    pub method: String,
    /// Its schema, unquoted.
    pub schema: String,
    /// Its name, unquoted.
    pub name: String,
    /// Whether it is the default of some type.
    pub is_default: bool,
}

impl Catalog {
    /// The table of this name.
    pub fn table(&self, name: &QualifiedName) -> Option<&Table> {
        self.tables.binary_search_by(|table| table.name.cmp(name)).ok().map(|position| &self.tables[position])
    }

    /// The view of this name.
    pub fn view(&self, name: &QualifiedName) -> Option<&View> {
        self.views.binary_search_by(|view| view.name.cmp(name)).ok().map(|position| &self.views[position])
    }

    /// The table of this identifier.
    pub fn table_by_oid(&self, oid: Oid) -> Option<&Table> {
        self.tables.iter().find(|table| table.oid == oid)
    }

    /// Whether `schema` holds a relation of any kind called `name`.
    pub fn has_relation(&self, schema: &str, name: &str) -> bool {
        self.relation_names.get(schema).is_some_and(|names| names.iter().any(|taken| taken == name))
    }

    /// All indexes with their tables, in order.
    pub fn indexes(&self) -> impl Iterator<Item = (&Table, &Index)> {
        self.tables.iter().flat_map(|table| table.indexes.iter().map(move |index| (table, index)))
    }
}

impl OperatorClass {
    /// As a definition names it: quoted, with its schema unless that is `pg_catalog`.
    pub fn sql(&self) -> String {
        if self.schema == "pg_catalog" {
            quote_identifier(&self.name)
        } else {
            QualifiedName::new(&self.schema, &self.name).sql()
        }
    }
}

impl Index {
    /// A valid index that carries nothing, of unknown size.
    pub fn new(oid: Oid, name: impl Into<String>, definition: IndexDefinition) -> Self {
        Self {
            oid,
            name: name.into(),
            definition: Some(definition),
            valid: true,
            ready: true,
            live: true,
            constraint: None,
            replica_identity: false,
            clustered: false,
            collation_outdated: None,
            size: None,
            attached_to: None,
            carries: Carried::default(),
        }
    }
}

impl Column {
    /// A column that may be null and was never analyzed.
    pub fn new(number: i16, name: impl Into<String>, type_name: impl Into<String>) -> Self {
        Self {
            number,
            name: name.into(),
            type_name: type_name.into(),
            not_null: false,
            statistics_target: None,
            random_uuid: false,
            statistics: None,
        }
    }
}

impl Table {
    /// An ordinary table of ours without columns, never analyzed.
    pub fn new(oid: Oid, name: QualifiedName) -> Self {
        Self {
            oid,
            name,
            kind: TableKind::Table,
            persistence: Persistence::Permanent,
            owner: String::new(),
            ours: true,
            estimated_rows: None,
            pages: Pages(0),
            all_visible: Pages(0),
            size: None,
            toast_pages: Pages(0),
            parameters: BTreeMap::new(),
            frozen_age: 0,
            multixact_age: 0,
            partition_of: None,
            inherits: Vec::new(),
            columns: Vec::new(),
            indexes: Vec::new(),
            foreign_keys: Vec::new(),
            extended_statistics: Vec::new(),
        }
    }

    /// The column of this name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

impl ConstraintKind {
    /// As SQL: `PRIMARY KEY`, `UNIQUE`, `EXCLUDE`.
    pub fn sql(self) -> &'static str {
        match self {
            Self::PrimaryKey => "PRIMARY KEY",
            Self::Unique => "UNIQUE",
            Self::Exclusion => "EXCLUDE",
        }
    }
}
