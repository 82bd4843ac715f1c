//! Declared catalogs: where they come from, and the server's own spelling of their expressions.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use pgtailor_advisor::catalog::Canonical;
use pgtailor_model::catalog::Catalog;
use pgtailor_model::declared::DeclaredIndex;
use pgtailor_model::index::{IndexDefinition, KeyPart};
use pgtailor_model::name::QualifiedName;
use pgtailor_postgres::canonical::canonical_expressions;
use pgtailor_postgres::session::ReadOnlySession;

use crate::error::Error;

/// Where declared indexes come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CatalogSource {
    /// A blueprint that is built in, by name.
    BuiltIn(String),
    /// A TOML file.
    File(PathBuf),
    /// Entries declared in code.
    Entries(Vec<DeclaredIndex>),
}

impl CatalogSource {
    /// As a person names it on the command line: a built-in name, or else a file.
    pub fn named(name: &str) -> Self {
        let is_built_in = pgtailor_blueprint::builtin::find(name).is_some() && !Path::new(name).exists();
        if is_built_in { Self::BuiltIn(name.to_owned()) } else { Self::File(PathBuf::from(name)) }
    }
}

/// The entries of `source`.
///
/// # Errors
///
/// [`Error::NoCatalog`], [`Error::ReadFile`], or [`Error::Blueprint`] with file and line.
pub fn load_catalog(source: &CatalogSource) -> Result<Vec<DeclaredIndex>, Error> {
    match source {
        CatalogSource::Entries(entries) => Ok(entries.clone()),
        CatalogSource::BuiltIn(name) => match pgtailor_blueprint::builtin::find(name) {
            Some(built_in) => Ok(built_in.blueprint().catalog),
            None => Err(no_catalog(name)),
        },
        CatalogSource::File(path) => {
            let text = match std::fs::read_to_string(path) {
                Ok(text) => text,
                // A bare word that is no file was probably meant as a name.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound && path.extension().is_none() => {
                    return Err(no_catalog(&path.to_string_lossy()));
                }
                Err(source) => return Err(Error::ReadFile { path: path.clone(), source }),
            };
            Ok(pgtailor_blueprint::catalog::parse(&text, &path.to_string_lossy())?)
        }
    }
}

/// The server's spelling of every expression and predicate that a comparison will need: the declared ones, and those of existing indexes
/// on the same tables. A declared text that the server refuses is refused in the result, with the reason.
pub(crate) async fn canonical_texts(
    session: &ReadOnlySession,
    entries: &[DeclaredIndex],
    catalog: &Catalog,
) -> Result<Canonical, Error> {
    let mut canonical = Canonical::new();
    let tables: BTreeSet<&QualifiedName> =
        entries.iter().filter(|entry| !declared_texts(entry).is_empty()).map(|entry| &entry.table).collect();
    for table in tables {
        let Some(found) = catalog.table(table) else { continue };
        let declared: BTreeSet<String> = entries.iter().filter(|entry| entry.table == *table).flat_map(declared_texts).collect();
        let existing: BTreeSet<String> =
            found.indexes.iter().filter_map(|index| index.definition.as_ref()).flat_map(existing_texts).collect();
        let texts: Vec<String> = declared.union(&existing).cloned().collect();
        let answers = canonical_expressions(session, table, &texts).await?;
        for (text, answer) in texts.into_iter().zip(answers) {
            match answer {
                Ok(spelling) => canonical.insert(table.clone(), text, spelling),
                Err(error) if declared.contains(&text) => canonical.refuse(table.clone(), text, error.to_string()),
                Err(_) => {}
            }
        }
    }
    Ok(canonical)
}

fn declared_texts(entry: &DeclaredIndex) -> Vec<String> {
    let keys = entry.keys.iter().filter_map(|key| expression(&key.part));
    keys.chain(entry.predicate.clone()).collect()
}

fn existing_texts(definition: &IndexDefinition) -> Vec<String> {
    let keys = definition.keys.iter().filter_map(|key| expression(&key.part));
    keys.chain(definition.predicate.clone()).collect()
}

fn expression(part: &KeyPart) -> Option<String> {
    match part {
        KeyPart::Expression(text) => Some(text.clone()),
        KeyPart::Column(_) => None,
    }
}

fn no_catalog(name: &str) -> Error {
    Error::NoCatalog {
        name: name.to_owned(),
        known: pgtailor_blueprint::builtin::ALL.iter().map(|built_in| built_in.name).collect::<Vec<_>>().join(", "),
    }
}
