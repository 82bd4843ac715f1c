//! Declared indexes: the catalog that a team keeps, and what became of each entry when it met the database.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::index::{Direction, KeyPart, Nulls};
use crate::name::{Oid, QualifiedName};

/// One entry of a declared catalog, as written: names are not yet resolved, defaults not yet filled in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeclaredIndex {
    /// The index's name.
    pub name: String,
    /// The table's schema and name.
    pub table: QualifiedName,
    /// The key parts, first to last.
    pub keys: Vec<DeclaredKey>,
    /// `INCLUDE` columns.
    pub include: Vec<String>,
    /// The predicate, as the person wrote it.
    pub predicate: Option<String>,
    /// The access method; `btree` when nothing is said.
    pub method: String,
    /// Whether it refuses duplicates.
    pub unique: bool,
    /// What it is for.
    pub description: String,
    /// The group that it belongs to, for example `model-level`; empty when there are none.
    pub group: String,
    /// Where it was declared.
    pub origin: Origin,
}

/// One key part, as written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeclaredKey {
    /// The column's exact name, or an expression.
    pub part: KeyPart,
    /// The operator class, when one is named.
    pub operator_class: Option<String>,
    /// The collation, when one is named.
    pub collation: Option<QualifiedName>,
    /// The direction; ascending when nothing is said.
    pub direction: Direction,
    /// Where nulls sort, when said.
    pub nulls: Option<Nulls>,
}

/// Where an entry was declared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// A file, or a built-in catalog's path, and the line, counted from 1.
    File {
        /// The path as given.
        path: String,
        /// The line of the entry.
        line: usize,
    },
    /// A call of `Optimizer::catalog_mut().declare`.
    Code,
}

/// What a declared entry is beside the database and the other entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Verdict {
    /// Nothing serves what it would serve.
    Missing,
    /// An index of equal definition exists, under this or another name.
    Present {
        /// The name that it has.
        index: String,
    },
    /// An index of equal definition exists but is not usable: invalid, or being built.
    PresentInvalid {
        /// The name that it has.
        index: String,
    },
    /// A constraint's index is equal to it or serves all that it would.
    DuplicateOfConstraint {
        /// The constraint's name.
        constraint: String,
        /// As SQL: `UNIQUE`, `PRIMARY KEY`.
        kind: String,
        /// The constraint's index, after the table's name: `(domain)`.
        definition: String,
    },
    /// An earlier entry of the catalog has the same definition.
    DuplicateOfEntry {
        /// The other entry's name.
        entry: String,
    },
    /// An existing wider index serves all that it would.
    RedundantBesideIndex {
        /// The wider index's name.
        index: String,
        /// Its definition, after the table's name.
        definition: String,
    },
    /// A wider entry of the catalog will serve all that it would.
    RedundantBesideEntry {
        /// The wider entry's name.
        entry: String,
        /// Its definition, after the table's name.
        definition: String,
    },
    /// The name is taken by something else.
    NameTaken {
        /// What holds the name.
        by: String,
    },
    /// The table does not exist.
    NoTable,
    /// A column does not exist.
    NoColumn {
        /// The missing column's name.
        column: String,
    },
    /// The entry cannot be an index here (kind of table, operator class, expression).
    Impossible {
        /// Why, as a sentence without a period.
        reason: String,
    },
    /// The table's indexes could not be read, so nothing can be said.
    NotExamined {
        /// Why, as a sentence without a period.
        reason: String,
    },
}

/// A declared entry with its verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// The entry.
    pub entry: DeclaredIndex,
    /// The table's OID, when it exists.
    pub table_oid: Option<Oid>,
    /// The entry with everything resolved, when that was possible.
    pub definition: Option<crate::index::IndexDefinition>,
    /// What it is.
    pub verdict: Verdict,
}

/// Which of the declared entries are created.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CatalogPolicy {
    /// What is missing and not redundant.
    #[default]
    Useful,
    /// All that can be created: redundant ones, too; never one whose equal exists as a plain index.
    All,
}

impl Verdict {
    /// Whether `policy` creates an entry with this verdict.
    pub fn creates(&self, policy: CatalogPolicy) -> bool {
        match self {
            Self::Missing => true,
            Self::DuplicateOfConstraint { .. }
            | Self::DuplicateOfEntry { .. }
            | Self::RedundantBesideIndex { .. }
            | Self::RedundantBesideEntry { .. } => policy == CatalogPolicy::All,
            Self::Present { .. }
            | Self::PresentInvalid { .. }
            | Self::NameTaken { .. }
            | Self::NoTable
            | Self::NoColumn { .. }
            | Self::Impossible { .. }
            | Self::NotExamined { .. } => false,
        }
    }

    /// Whether the entry itself is wrong for this database, so that the catalog wants a correction before anything is applied.
    pub fn is_mistake(&self) -> bool {
        matches!(self, Self::NoTable | Self::NoColumn { .. } | Self::Impossible { .. })
    }

    /// Its name: the word in tables and in the JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Present { .. } => "present",
            Self::PresentInvalid { .. } => "present-invalid",
            Self::DuplicateOfConstraint { .. } => "duplicate-of-constraint",
            Self::DuplicateOfEntry { .. } => "duplicate-of-entry",
            Self::RedundantBesideIndex { .. } => "redundant-beside-index",
            Self::RedundantBesideEntry { .. } => "redundant-beside-entry",
            Self::NameTaken { .. } => "name-taken",
            Self::NoTable => "no-table",
            Self::NoColumn { .. } => "no-column",
            Self::Impossible { .. } => "impossible",
            Self::NotExamined { .. } => "not-examined",
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(f, "{path}:{line}"),
            Self::Code => f.write_str("declared in code"),
        }
    }
}
