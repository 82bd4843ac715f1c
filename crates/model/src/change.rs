//! Changes: what can be done to a database, each of a class with its own switch.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::index::IndexDefinition;
use crate::name::{Oid, QualifiedName};

/// One change of the database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum Change {
    /// Build an index.
    CreateIndex {
        /// The table, as it was when the decision was taken.
        table: QualifiedName,
        /// The table's OID then.
        table_oid: Oid,
        /// The new index's name.
        name: String,
        /// What to build.
        definition: IndexDefinition,
    },
    /// Drop an index.
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
    },
    /// Gather planner statistics of a table.
    Analyze {
        /// The table.
        table: QualifiedName,
        /// The table's OID.
        table_oid: Oid,
    },
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
            Self::CreateIndex { .. } => ChangeClass::CreateIndex,
            Self::DropIndex { .. } => ChangeClass::DropIndex,
            Self::Analyze { .. } => ChangeClass::Analyze,
        }
    }

    /// The table that it touches.
    pub fn table(&self) -> (&QualifiedName, Oid) {
        match self {
            Self::CreateIndex { table, table_oid, .. }
            | Self::DropIndex { table, table_oid, .. }
            | Self::Analyze { table, table_oid } => (table, *table_oid),
        }
    }

    /// The name of the index that it makes or removes.
    pub fn index_name(&self) -> Option<&str> {
        match self {
            Self::CreateIndex { name, .. } | Self::DropIndex { name, .. } => Some(name),
            Self::Analyze { .. } => None,
        }
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
