//! What the server makes of the expressions and predicates that people write.

use std::collections::BTreeMap;

use pgtailor_model::index::{IndexDefinition, IndexKey, KeyPart};
use pgtailor_model::name::QualifiedName;

/// Canonical texts of expressions and predicates, by table and text.
///
/// `lower(email)` and `lower((email)::text)` are the same index to the server, and only it can tell. Whoever can ask fills this in, for
/// declared texts and for those of existing indexes. A text that is not in it stands for itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Canonical {
    texts: BTreeMap<(QualifiedName, String), String>,
    refusals: BTreeMap<(QualifiedName, String), String>,
}

impl Canonical {
    /// Nothing known: every text stands for itself.
    pub fn new() -> Self {
        Self::default()
    }

    /// Records that the server writes `text` as `canonical` on `table`.
    pub fn insert(&mut self, table: QualifiedName, text: impl Into<String>, canonical: impl Into<String>) {
        self.texts.insert((table, text.into()), canonical.into());
    }

    /// Records that the server refuses `text` on `table`, with its reason as a sentence without a period.
    pub fn refuse(&mut self, table: QualifiedName, text: impl Into<String>, reason: impl Into<String>) {
        self.refusals.insert((table, text.into()), reason.into());
    }

    /// The canonical text of `text` on `table`.
    pub fn text<'a>(&'a self, table: &QualifiedName, text: &'a str) -> &'a str {
        self.texts.get(&(table.clone(), text.to_owned())).map_or(text, String::as_str)
    }

    /// Why the server refuses `text` on `table`, if it does.
    pub fn refusal(&self, table: &QualifiedName, text: &str) -> Option<&str> {
        self.refusals.get(&(table.clone(), text.to_owned())).map(String::as_str)
    }

    /// `definition` with every expression and the predicate in canonical text.
    #[must_use]
    pub fn definition(&self, table: &QualifiedName, definition: &IndexDefinition) -> IndexDefinition {
        let canonical_key = |key: &IndexKey| {
            let part = match &key.part {
                KeyPart::Column(name) => KeyPart::Column(name.clone()),
                KeyPart::Expression(text) => KeyPart::Expression(self.text(table, text).to_owned()),
            };
            IndexKey { part, ..key.clone() }
        };
        IndexDefinition {
            keys: definition.keys.iter().map(canonical_key).collect(),
            predicate: definition.predicate.as_ref().map(|text| self.text(table, text).to_owned()),
            ..definition.clone()
        }
    }
}
