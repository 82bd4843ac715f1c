//! Changes: what can be done to a database, each of a class with its own switch.

mod inverse;
mod sql;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::index::IndexDefinition;
use crate::name::{Oid, QualifiedName};
use crate::unit::Bytes;

/// One change of the database. Each carries what it found when it was decided, so that a world that has changed since is noticed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum Change {
    /// Build an index on a table that is not partitioned.
    CreateIndex {
        /// The table, as it was when the decision was taken.
        table: QualifiedName,
        /// The table's OID then.
        table_oid: Oid,
        /// The new index's name.
        name: String,
        /// What to build.
        definition: IndexDefinition,
        /// What the index is given beside its definition: nothing, unless it comes back.
        #[serde(default, skip_serializing_if = "Carried::is_empty")]
        carries: Carried,
    },
    /// Drop an index of a table that is not partitioned.
    DropIndex {
        /// The table.
        table: QualifiedName,
        /// The table's OID.
        table_oid: Oid,
        /// The index's name.
        name: String,
        /// The index's OID: the one that is dropped, whatever is called so by then.
        index_oid: Oid,
        /// What it is, for building it again.
        definition: IndexDefinition,
        /// What it carries beside its definition, for giving it back.
        #[serde(default, skip_serializing_if = "Carried::is_empty")]
        carries: Carried,
    },
    /// Build an index anew in place of itself.
    RebuildIndex {
        /// The table.
        table: QualifiedName,
        /// The table's OID.
        table_oid: Oid,
        /// The index's name, before and after.
        name: String,
        /// The index's OID before; a concurrent rebuild ends with another one.
        index_oid: Oid,
        /// What it is.
        definition: IndexDefinition,
        /// What it takes before, as measured; `None` where that was not known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        size: Option<Bytes>,
    },
    /// Declare an index on a partitioned table, without building any: it is invalid until every partition has one attached.
    CreatePartitionedIndex {
        /// The partitioned table.
        table: QualifiedName,
        /// Its OID.
        table_oid: Oid,
        /// The new index's name.
        name: String,
        /// What it is.
        definition: IndexDefinition,
    },
    /// Attach a partition's index to the one of the partitioned table.
    AttachIndex {
        /// The partition.
        table: QualifiedName,
        /// Its OID.
        table_oid: Oid,
        /// The partition's index.
        name: String,
        /// The partitioned table.
        parent: QualifiedName,
        /// Its OID.
        parent_oid: Oid,
        /// The partitioned table's index.
        parent_index: String,
    },
    /// Drop the index of a partitioned table with those of all its partitions; never but to take back what was made.
    DropPartitionedIndex {
        /// The partitioned table.
        table: QualifiedName,
        /// Its OID.
        table_oid: Oid,
        /// The index's name.
        name: String,
        /// The index's OID.
        index_oid: Oid,
        /// What it is.
        definition: IndexDefinition,
    },
    /// Gather planner statistics of a table.
    Analyze {
        /// The table.
        table: QualifiedName,
        /// The table's OID.
        table_oid: Oid,
    },
    /// Make room in a table for new rows. Never `FULL`.
    Vacuum {
        /// The table.
        table: QualifiedName,
        /// The table's OID.
        table_oid: Oid,
        /// Whether all rows are frozen that can be. Without it only those older than `vacuum_freeze_min_age` are, and pages that are
        /// all-visible are passed over until `vacuum_freeze_table_age` is reached (`vacuum_get_cutoffs` in `vacuum.c`): a table whose own
        /// limit is lower stays over it.
        #[serde(default, skip_serializing_if = "is_false")]
        freeze: bool,
    },
    /// Collect statistics on columns together, from the next `ANALYZE` on.
    CreateStatistics {
        /// The table.
        table: QualifiedName,
        /// The table's OID.
        table_oid: Oid,
        /// The new object's name, in the table's schema.
        name: String,
        /// What is collected.
        definition: StatisticsDefinition,
    },
    /// Collect them no longer.
    DropStatistics {
        /// The table.
        table: QualifiedName,
        /// The table's OID.
        table_oid: Oid,
        /// The object's name, in the table's schema.
        name: String,
        /// What is collected.
        definition: StatisticsDefinition,
    },
    /// How many values of a column the planner knows, from the next `ANALYZE` on.
    SetStatisticsTarget {
        /// The table.
        table: QualifiedName,
        /// The table's OID.
        table_oid: Oid,
        /// The column's name.
        column: String,
        /// The target before; `None` is the server's default.
        from: Option<u16>,
        /// The target then.
        to: Option<u16>,
    },
    /// Storage parameters of a table: fill factor, autovacuum.
    SetStorageParameters {
        /// The table.
        table: QualifiedName,
        /// The table's OID.
        table_oid: Oid,
        /// By name.
        parameters: BTreeMap<String, Replaced>,
    },
    /// A configuration parameter of the whole server (`ALTER SYSTEM`).
    SetParameter {
        /// Its name.
        name: String,
        /// The entry of `postgresql.auto.conf` before and then; `None` is no entry.
        value: Replaced,
    },
}

/// What an index carries beside its definition, and loses when it is dropped (`faults` F84).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carried {
    /// Its comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The tablespace, unless it is the database's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tablespace: Option<String>,
    /// Storage parameters as `name=value`, in the server's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<String>,
    /// Statistics targets of its expressions, by position.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statistics_targets: Vec<StatisticsTarget>,
    /// Whether no query may use it: a build in its place would give more than there was.
    #[serde(default, skip_serializing_if = "is_false")]
    pub invalid: bool,
}

/// How many values of an expression of an index the planner knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatisticsTarget {
    /// The expression's position among the index's columns, from 1.
    pub position: u16,
    /// The target.
    pub target: u16,
}

/// What extended statistics are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StatisticsDefinition {
    /// Columns, at least two.
    pub columns: BTreeSet<String>,
    /// What is collected, at least one.
    pub kinds: BTreeSet<StatisticsKind>,
}

/// Kinds of extended statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StatisticsKind {
    /// How many different combinations of values there are.
    NDistinct,
    /// How far one column follows from others.
    Dependencies,
    /// The most common combinations of values.
    MostCommonValues,
}

/// A value that takes the place of another; `None` is the default, where nothing is set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Replaced {
    /// What was set when the decision was taken.
    pub from: Option<String>,
    /// What is set then.
    pub to: Option<String>,
}

/// The class of a change: what `--only` and `--allow` switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeClass {
    /// `CREATE INDEX`
    CreateIndex,
    /// `DROP INDEX`
    DropIndex,
    /// `REINDEX`
    Reindex,
    /// `ANALYZE`
    Analyze,
    /// `VACUUM`
    Vacuum,
    /// `ALTER SYSTEM` and storage parameters
    Settings,
    /// Extended statistics
    Statistics,
}

/// A class of changes that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no change class `{0}`; the classes are {known}", known = ChangeClass::names())]
pub struct UnknownChangeClass(pub String);

impl Change {
    /// Its class.
    pub fn class(&self) -> ChangeClass {
        match self {
            Self::CreateIndex { .. } | Self::CreatePartitionedIndex { .. } | Self::AttachIndex { .. } => ChangeClass::CreateIndex,
            Self::DropIndex { .. } | Self::DropPartitionedIndex { .. } => ChangeClass::DropIndex,
            Self::RebuildIndex { .. } => ChangeClass::Reindex,
            Self::Analyze { .. } => ChangeClass::Analyze,
            Self::Vacuum { .. } => ChangeClass::Vacuum,
            Self::CreateStatistics { .. } | Self::DropStatistics { .. } | Self::SetStatisticsTarget { .. } => {
                ChangeClass::Statistics
            }
            Self::SetStorageParameters { .. } | Self::SetParameter { .. } => ChangeClass::Settings,
        }
    }

    /// The table that it touches, with its OID; none for what concerns the whole server.
    pub fn table(&self) -> Option<(&QualifiedName, Oid)> {
        match self {
            Self::CreateIndex { table, table_oid, .. }
            | Self::DropIndex { table, table_oid, .. }
            | Self::RebuildIndex { table, table_oid, .. }
            | Self::CreatePartitionedIndex { table, table_oid, .. }
            | Self::AttachIndex { table, table_oid, .. }
            | Self::DropPartitionedIndex { table, table_oid, .. }
            | Self::Analyze { table, table_oid }
            | Self::Vacuum { table, table_oid, .. }
            | Self::CreateStatistics { table, table_oid, .. }
            | Self::DropStatistics { table, table_oid, .. }
            | Self::SetStatisticsTarget { table, table_oid, .. }
            | Self::SetStorageParameters { table, table_oid, .. } => Some((table, *table_oid)),
            Self::SetParameter { .. } => None,
        }
    }

    /// The OID of the table that it touches.
    pub fn table_oid(&self) -> Option<Oid> {
        self.table().map(|(_, oid)| oid)
    }

    /// What the index takes before, when it is built anew.
    pub fn size_before(&self) -> Option<Bytes> {
        match self {
            Self::RebuildIndex { size, .. } => *size,
            _ => None,
        }
    }

    /// The name of the index that it makes, changes or removes.
    pub fn index_name(&self) -> Option<&str> {
        match self {
            Self::CreateIndex { name, .. }
            | Self::DropIndex { name, .. }
            | Self::RebuildIndex { name, .. }
            | Self::CreatePartitionedIndex { name, .. }
            | Self::AttachIndex { name, .. }
            | Self::DropPartitionedIndex { name, .. } => Some(name),
            _ => None,
        }
    }

    /// Whether it builds something that may be long in building.
    pub fn is_build(&self) -> bool {
        matches!(self, Self::CreateIndex { .. } | Self::RebuildIndex { .. })
    }
}

/// For what is written only when it holds, so that older entries of the ledger read the same.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

impl Carried {
    /// Whether it carries nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Replaced {
    /// The way back.
    #[must_use]
    pub fn reversed(&self) -> Self {
        Self { from: self.to.clone(), to: self.from.clone() }
    }
}

impl ChangeClass {
    /// Every class, in the order of the documentation.
    pub const ALL: [Self; 7] =
        [Self::CreateIndex, Self::DropIndex, Self::Reindex, Self::Analyze, Self::Vacuum, Self::Settings, Self::Statistics];

    /// Its name in `--only` and `--allow`.
    pub fn name(self) -> &'static str {
        match self {
            Self::CreateIndex => "create-index",
            Self::DropIndex => "drop-index",
            Self::Reindex => "reindex",
            Self::Analyze => "analyze",
            Self::Vacuum => "vacuum",
            Self::Settings => "settings",
            Self::Statistics => "statistics",
        }
    }

    fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }
}

impl fmt::Display for ChangeClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ChangeClass {
    type Err = UnknownChangeClass;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|class| class.name() == name).ok_or_else(|| UnknownChangeClass(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_parses_from_its_own_name() {
        for class in ChangeClass::ALL {
            assert_eq!(class.name().parse(), Ok(class));
        }
        let error = "create".parse::<ChangeClass>().expect_err("no such class");
        assert!(error.to_string().contains("create-index, drop-index"));
    }
}
