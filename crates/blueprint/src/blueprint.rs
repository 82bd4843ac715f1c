//! A whole blueprint, from the texts of its files.
//!
//! Reading the files, and finding them, is the caller's: this takes a map from file name to text, and checks that the parts fit
//! together, down to every name in every statement.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use pgtailor_model::declared::DeclaredIndex;
use serde::Deserialize;

use crate::catalog;
use crate::draw::Deck;
use crate::error::{Error, from_toml, line_of};
use crate::generate::{Data, Generator};
use crate::workload::Workload;

/// What the blueprint is called, and its categories.
pub const BLUEPRINT_FILE: &str = "blueprint.toml";
/// Tables and types, without keys where constraints follow.
pub const SCHEMA_FILE: &str = "schema.sql";
/// Keys and constraints, made after the data; may be missing.
pub const CONSTRAINTS_FILE: &str = "constraints.sql";
/// How the rows are made.
pub const DATA_FILE: &str = "data.toml";
/// Declared indexes; may be missing.
pub const CATALOG_FILE: &str = "catalog.toml";
/// What is asked.
pub const WORKLOAD_FILE: &str = "workload.toml";

/// A schema, an index catalog, a workload and a data generator that belong together.
#[derive(Clone, Debug)]
pub struct Blueprint {
    /// Its name.
    pub name: String,
    /// What it is, in a sentence.
    pub description: String,
    /// The categories of its workload, in the order in which reports list them.
    pub categories: Vec<Category>,
    /// The claimed fall of the server's processor time per statement, lower and upper end, as fractions.
    pub cpu_promise: Option<(f64, f64)>,
    /// SQL that makes the tables, run before the data is loaded.
    pub schema_sql: String,
    /// SQL that makes keys and constraints, run after the data is loaded; may be empty.
    pub constraints_sql: String,
    /// How the rows are made.
    pub data: Data,
    /// The declared indexes.
    pub catalog: Vec<DeclaredIndex>,
    /// What is asked.
    pub workload: Workload,
}

/// A category of statements.
#[derive(Clone, Debug, PartialEq)]
pub struct Category {
    /// Its name.
    pub name: String,
    /// What belongs to it.
    pub description: String,
    /// The claimed improvement of the median time once the catalog's indexes exist: lower and upper end, as fractions of the time
    /// before.
    pub promise: Option<(f64, f64)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    name: String,
    description: String,
    cpu_promise: Option<toml::Spanned<(f64, f64)>>,
    #[serde(default)]
    category: Vec<toml::Spanned<CategoryEntry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CategoryEntry {
    name: String,
    #[serde(default)]
    description: String,
    promise: Option<(f64, f64)>,
}

impl Blueprint {
    /// The blueprint in `texts`, keyed by file name. Names other than those of the constants here are left unread.
    ///
    /// # Errors
    /// [`Error`] with the file, and the line where that is known, of the first thing that is wrong, in any of the files.
    pub fn from_texts(texts: &BTreeMap<String, String>) -> Result<Self, Error> {
        let text = |file: &str| texts.get(file).map(String::as_str).ok_or_else(|| Error::Missing(file.to_owned()));
        let optional = |file: &str| texts.get(file).map(String::as_str).unwrap_or_default();
        let (name, description, cpu_promise, categories) = head(text(BLUEPRINT_FILE)?)?;
        let category_names: Vec<&str> = categories.iter().map(|category| category.name.as_str()).collect();
        let blueprint = Self {
            data: Data::parse(text(DATA_FILE)?, DATA_FILE)?,
            catalog: catalog::parse(optional(CATALOG_FILE), CATALOG_FILE)?,
            workload: Workload::parse(text(WORKLOAD_FILE)?, WORKLOAD_FILE, &category_names)?,
            schema_sql: text(SCHEMA_FILE)?.to_owned(),
            constraints_sql: optional(CONSTRAINTS_FILE).to_owned(),
            name,
            description,
            cpu_promise,
            categories,
        };
        blueprint.check_names()?;
        Ok(blueprint)
    }

    /// A generator of its rows; see [`Generator::new`].
    ///
    /// # Errors
    /// [`Error::File`] when the scale is not a number above 0.
    pub fn generator(&self, scale: f64, seed: u64, now: Timestamp) -> Result<Generator, Error> {
        Generator::new(&self.data, scale, seed, now)
    }

    /// Looks every name up once, on a few rows, so that a mistake shows when the texts are read and not when they are used.
    fn check_names(&self) -> Result<(), Error> {
        let generator = Arc::new(self.generator(1e-9, 0, Timestamp::UNIX_EPOCH)?);
        if self.workload.statements().is_empty() { Ok(()) } else { Deck::new(&self.workload, &generator).map(|_| ()) }
    }
}

/// Name, description, promise of processor time, categories.
type HeadParts = (String, String, Option<(f64, f64)>, Vec<Category>);

fn head(text: &str) -> Result<HeadParts, Error> {
    let head: Head = from_toml(BLUEPRINT_FILE, text)?;
    let mut categories: Vec<Category> = Vec::new();
    for spanned in head.category {
        let offset = spanned.span().start;
        let entry = spanned.into_inner();
        let wrong = |message: String| Error::at(BLUEPRINT_FILE, text, offset, message);
        if let Some(position) = categories.iter().position(|category| category.name == entry.name) {
            let line = line_of(text, offset);
            return Err(wrong(format!("category `{}` of line {line} is already number {}", entry.name, position + 1)));
        }
        if entry.promise.is_some_and(|promise| !is_bracket(promise)) {
            return Err(wrong(format!(
                "the promise of `{}` must be two fractions, the lower first, as in [0.80, 0.95]",
                entry.name
            )));
        }
        categories.push(Category { name: entry.name, description: entry.description, promise: entry.promise });
    }
    let cpu_promise = match head.cpu_promise {
        Some(promise) if !is_bracket(*promise.get_ref()) => {
            let message = "`cpu_promise` must be two fractions, the lower first, as in [0.40, 0.60]".to_owned();
            return Err(Error::at(BLUEPRINT_FILE, text, promise.span().start, message));
        }
        promise => promise.map(toml::Spanned::into_inner),
    };
    Ok((head.name, head.description, cpu_promise, categories))
}

fn is_bracket((low, high): (f64, f64)) -> bool {
    (0.0..=1.0).contains(&low) && (low..=1.0).contains(&high)
}
