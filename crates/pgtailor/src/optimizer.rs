//! The guide's optimizer object: its analyses, and its custom indexes.

use pgtailor_checks::table_performance;
use pgtailor_model::declared::{DeclaredIndex, DeclaredKey, Origin};
use pgtailor_model::finding::Finding;
use pgtailor_model::index::{Direction, KeyPart};
use pgtailor_model::name::QualifiedName;
use pgtailor_model::performance::TablePerformance;
use pgtailor_postgres::connect::Database;
use pgtailor_postgres::session::ReadOnlySession;

use crate::analysis::{capture, examine};
use crate::catalog::{CatalogSource, load_catalog};
use crate::error::Error;
use crate::optimize::{OptimizeReport, Options, optimize};

/// A database, and the indexes that are declared for it.
#[derive(Clone, Debug)]
pub struct Optimizer {
    database: Database,
    options: Options,
    declared: Vec<DeclaredIndex>,
}

/// An entry that cannot be declared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeclareError {
    /// The name is declared already.
    #[error("index {0} is declared already")]
    Duplicate(String),
    /// An index needs a column.
    #[error("index {0} is declared without columns")]
    NoColumns(String),
}

/// The declared indexes of an [`Optimizer`], for adding to them.
pub struct CatalogMut<'a>(&'a mut Vec<DeclaredIndex>);

impl Optimizer {
    /// An optimizer for `database`; connects once, so that a wrong address is known here.
    pub async fn connect(database: &Database) -> Result<Self, Error> {
        ReadOnlySession::connect(database).await?;
        Ok(Self { database: database.clone(), options: Options::default(), declared: Vec::new() })
    }

    /// How the table `name` in schema `public` is used; `None` when there is no such table.
    pub async fn table_performance(&mut self, name: &str) -> Result<Option<TablePerformance>, Error> {
        self.table_performance_in("public", name).await
    }

    /// How the table `name` in `schema` is used; `None` when there is no such table.
    pub async fn table_performance_in(&mut self, schema: &str, name: &str) -> Result<Option<TablePerformance>, Error> {
        let wanted = QualifiedName::new(schema, name);
        let tables = table_performance(&capture(&self.database).await?);
        Ok(tables.into_iter().find(|table| table.table == wanted))
    }

    /// Tables that miss an index, with the statements and columns that cause it where the server records statements.
    pub async fn missing_indexes(&mut self) -> Result<Vec<Finding>, Error> {
        let findings = examine(capture(&self.database).await?).outcome.findings;
        Ok(findings.into_iter().filter(|finding| finding.check == "missing-index").collect())
    }

    /// The declared indexes, for adding to them.
    pub fn catalog_mut(&mut self) -> CatalogMut<'_> {
        CatalogMut(&mut self.declared)
    }

    /// What [`Optimizer::optimize`] may do.
    pub fn options_mut(&mut self) -> &mut Options {
        &mut self.options
    }

    /// Walks the whole loop with the declared indexes.
    pub async fn optimize(&mut self) -> Result<OptimizeReport, Error> {
        let mut options = self.options.clone();
        if !self.declared.is_empty() {
            options.catalogs.push(CatalogSource::Entries(self.declared.clone()));
        }
        optimize(&self.database, &options).await
    }
}

impl CatalogMut<'_> {
    /// Declares a B-tree `name` on `columns` of `table` in schema `public`. Column names are exact; nothing is parsed.
    pub fn declare<'c>(
        &mut self,
        name: &str,
        table: &str,
        columns: impl IntoIterator<Item = &'c str>,
        description: &str,
    ) -> Result<&mut Self, DeclareError> {
        let keys = columns.into_iter().map(|column| DeclaredKey {
            part: KeyPart::Column(column.to_owned()),
            operator_class: None,
            collation: None,
            direction: Direction::Ascending,
            nulls: None,
        });
        self.declare_entry(DeclaredIndex {
            name: name.to_owned(),
            table: QualifiedName::new("public", table),
            keys: keys.collect(),
            include: Vec::new(),
            predicate: None,
            method: "btree".to_owned(),
            unique: false,
            description: description.to_owned(),
            group: String::new(),
            origin: Origin::Code,
        })
    }

    /// Declares an entry in full.
    pub fn declare_entry(&mut self, entry: DeclaredIndex) -> Result<&mut Self, DeclareError> {
        if entry.keys.is_empty() {
            return Err(DeclareError::NoColumns(entry.name));
        }
        if self.0.iter().any(|declared| declared.name == entry.name && declared.table.schema == entry.table.schema) {
            return Err(DeclareError::Duplicate(entry.name));
        }
        self.0.push(entry);
        Ok(self)
    }

    /// Adds every entry of a catalog.
    pub fn extend_from(&mut self, source: &CatalogSource) -> Result<&mut Self, Error> {
        self.0.extend(load_catalog(source)?);
        Ok(self)
    }
}
