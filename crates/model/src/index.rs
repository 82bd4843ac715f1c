//! What an index is: two definitions are equal when PostgreSQL would treat the indexes alike, whatever their names.
//!
//! Everything that changes which queries an index can serve, or which writes it can refuse, is part of the definition: method, keys with
//! operator class, collation, order and null placement, included columns, predicate, uniqueness. Name, tablespace and storage
//! parameters are not. Defaults are resolved before a definition is built (`None` is the default operator class, or the column's
//! own collation; nulls are always explicit), so that `==` is the comparison.

use std::collections::BTreeSet;
use std::fmt;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::name::{QualifiedName, quote_identifier};

/// An index without its name and table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct IndexDefinition {
    /// The access method's name: `btree`, `hash`, `gin`, `gist`, `spgist`, `brin`, or an extension's.
    pub method: String,
    /// Whether it refuses duplicates.
    pub unique: bool,
    /// `NULLS NOT DISTINCT` (server 15 and later); meaningful for unique indexes only.
    pub nulls_not_distinct: bool,
    /// The key parts, first to last.
    pub keys: Vec<IndexKey>,
    /// `INCLUDE` columns: their order has no meaning, so they are a set.
    pub include: BTreeSet<String>,
    /// The predicate of a partial index, in the server's canonical text.
    pub predicate: Option<String>,
}

/// One key part of an index.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct IndexKey {
    /// What is indexed.
    pub part: KeyPart,
    /// The operator class as SQL (quoted, with its schema unless that is `pg_catalog`), `None` for the default one of the type.
    pub operator_class: Option<String>,
    /// Parameters of the operator class, as `name=value`, in the server's order.
    pub operator_class_options: Vec<String>,
    /// The collation, `None` for the column's own.
    pub collation: Option<QualifiedName>,
    /// Sort direction; always ascending for methods without order.
    pub direction: Direction,
    /// Where nulls sort; for the default, [`Nulls::default_for`] the direction.
    pub nulls: Nulls,
}

/// A column or an expression.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyPart {
    /// A column's name, unquoted.
    Column(String),
    /// An expression, in the server's canonical text, without the outer parentheses.
    Expression(String),
}

/// Sort direction of a key part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// `ASC`
    Ascending,
    /// `DESC`
    Descending,
}

/// Placement of nulls in a key part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Nulls {
    /// `NULLS FIRST`
    First,
    /// `NULLS LAST`
    Last,
}

/// The two indexes of a `REINDEX CONCURRENTLY` that has not come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RebuildPart {
    /// The one in building: when all goes well it takes the original's name and becomes the valid one.
    New,
    /// The one that was replaced: it never becomes valid again.
    Old,
}

/// How an index is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Build {
    /// `CONCURRENTLY`: writes go on.
    Concurrent,
    /// Plain: holds a share lock on the table until the end.
    Blocking,
    /// `ONLY` on a partitioned table: nothing is built, its partitions are left alone.
    OnlyParent,
}

impl RebuildPart {
    /// What an index of this name would be (`ReindexRelationConcurrently` in `indexcmds.c`): `_ccnew` or `_ccold`, with a number where that
    /// was taken. Anybody may call an index so, and the server cuts the original's name to make room (`faults` F70): the name alone proves
    /// nothing.
    pub fn named(name: &str) -> Option<Self> {
        let name = name.trim_end_matches(|letter: char| letter.is_ascii_digit());
        let endings = [("_ccnew", Self::New), ("_ccold", Self::Old)];
        endings.into_iter().find(|(ending, _)| name.ends_with(ending)).map(|(_, part)| part)
    }
}

impl Nulls {
    /// Where nulls sort when nothing is said: last for ascending, first for descending keys.
    pub fn default_for(direction: Direction) -> Self {
        match direction {
            Direction::Ascending => Self::Last,
            Direction::Descending => Self::First,
        }
    }
}

impl Direction {
    fn reversed(self) -> Self {
        match self {
            Self::Ascending => Self::Descending,
            Self::Descending => Self::Ascending,
        }
    }
}

impl IndexKey {
    /// The column `name`, ascending, with the defaults of its type.
    pub fn column(name: impl Into<String>) -> Self {
        Self {
            part: KeyPart::Column(name.into()),
            operator_class: None,
            operator_class_options: Vec::new(),
            collation: None,
            direction: Direction::Ascending,
            nulls: Nulls::Last,
        }
    }

    /// The same key part, read backwards.
    #[must_use]
    pub fn reversed(&self) -> Self {
        let nulls = match self.nulls {
            Nulls::First => Nulls::Last,
            Nulls::Last => Nulls::First,
        };
        Self { direction: self.direction.reversed(), nulls, ..self.clone() }
    }

    fn sql(&self) -> String {
        let mut sql = match &self.part {
            KeyPart::Column(name) => quote_identifier(name),
            KeyPart::Expression(text) => format!("({text})"),
        };
        if let Some(collation) = &self.collation {
            let _ = write!(sql, " COLLATE {}", collation.sql());
        }
        if let Some(class) = &self.operator_class {
            let _ = write!(sql, " {class}");
            if !self.operator_class_options.is_empty() {
                let _ = write!(sql, " ({})", self.operator_class_options.join(", "));
            }
        }
        if self.direction == Direction::Descending {
            sql.push_str(" DESC");
        }
        if self.nulls != Nulls::default_for(self.direction) {
            sql.push_str(match self.nulls {
                Nulls::First => " NULLS FIRST",
                Nulls::Last => " NULLS LAST",
            });
        }
        sql
    }
}

impl IndexDefinition {
    /// A plain, not unique B-tree over `columns`.
    pub fn btree<S: Into<String>>(columns: impl IntoIterator<Item = S>) -> Self {
        Self {
            method: "btree".to_owned(),
            unique: false,
            nulls_not_distinct: false,
            keys: columns.into_iter().map(IndexKey::column).collect(),
            include: BTreeSet::new(),
            predicate: None,
        }
    }

    /// Whether any key is an expression or the index is partial: then the planner needs an `ANALYZE` after the build.
    pub fn needs_analyze(&self) -> bool {
        self.predicate.is_some() || self.keys.iter().any(|key| matches!(key.part, KeyPart::Expression(_)))
    }

    /// Whether both are one index as a person and the server write it: equal, but for the text of expressions and predicates, which the
    /// server rewrites.
    pub fn is_same_build(&self, other: &Self) -> bool {
        fn without_texts(definition: &IndexDefinition) -> IndexDefinition {
            let mut plain = definition.clone();
            plain.predicate = plain.predicate.map(|_| String::new());
            for key in &mut plain.keys {
                if let KeyPart::Expression(text) = &mut key.part {
                    text.clear();
                }
            }
            plain
        }
        without_texts(self) == without_texts(other)
    }

    /// Whether an index of this definition serves every query that one of `other` serves, so that `other` is redundant beside it.
    ///
    /// True when both are B-trees with the same predicate, `other` enforces nothing, its keys are the first keys here (all in this
    /// order, or all reversed, since a B-tree is read both ways), and its included columns are somewhere in this index. Equal
    /// definitions serve each other. It says nothing of size: the wider index costs more pages to read.
    pub fn serves_all_of(&self, other: &Self) -> bool {
        if self == other {
            return true;
        }
        if self.method != "btree" || other.method != "btree" || other.unique || self.predicate != other.predicate {
            return false;
        }
        let prefix = self.keys.get(..other.keys.len());
        let same_order = prefix == Some(&other.keys);
        let reversed = prefix.is_some_and(|keys| keys.iter().map(IndexKey::reversed).eq(other.keys.iter().cloned()));
        (same_order || reversed) && other.include.iter().all(|column| self.returns(column))
    }

    /// `CREATE INDEX` for this definition, runnable by psql. The table is always written with its schema; the name never may be.
    pub fn create_sql(&self, name: &str, table: &QualifiedName, build: Build) -> String {
        let mut sql = format!(
            "CREATE {}INDEX {}{} ON {}{}",
            if self.unique { "UNIQUE " } else { "" },
            if build == Build::Concurrent { "CONCURRENTLY " } else { "" },
            quote_identifier(name),
            if build == Build::OnlyParent { "ONLY " } else { "" },
            table.sql(),
        );
        let _ = write!(sql, " {}", self.with("", ""));
        sql
    }

    /// As displayed, with `storage` and `tablespace` clauses where SQL wants them: before the predicate.
    pub(crate) fn with(&self, storage: &str, tablespace: &str) -> String {
        let mut sql = Self { predicate: None, ..self.clone() }.to_string();
        for clause in [storage, tablespace].into_iter().filter(|clause| !clause.is_empty()) {
            let _ = write!(sql, " {clause}");
        }
        if let Some(predicate) = &self.predicate {
            let _ = write!(sql, " WHERE {predicate}");
        }
        sql
    }

    /// The first eight hexadecimal digits of the SHA-256 of the definition: stable between runs, versions and machines.
    pub fn fingerprint(&self) -> String {
        let text = format!("{}{self}", if self.unique { "UNIQUE " } else { "" });
        Sha256::digest(text.as_bytes()).iter().take(4).fold(String::new(), |mut digits, byte| {
            let _ = write!(digits, "{byte:02x}");
            digits
        })
    }

    fn returns(&self, column: &str) -> bool {
        self.include.contains(column) || self.keys.iter().any(|key| matches!(&key.part, KeyPart::Column(name) if name == column))
    }
}

/// What follows `ON table`: `(organization_id, created_at DESC)`, `USING gin (tags)`.
impl fmt::Display for IndexDefinition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.method != "btree" {
            write!(f, "USING {} ", quote_identifier(&self.method))?;
        }
        let keys: Vec<String> = self.keys.iter().map(IndexKey::sql).collect();
        write!(f, "({})", keys.join(", "))?;
        if !self.include.is_empty() {
            let include: Vec<String> = self.include.iter().map(|column| quote_identifier(column)).collect();
            write!(f, " INCLUDE ({})", include.join(", "))?;
        }
        if self.nulls_not_distinct {
            f.write_str(" NULLS NOT DISTINCT")?;
        }
        if let Some(predicate) = &self.predicate {
            write!(f, " WHERE {predicate}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn descending(column: &str) -> IndexKey {
        IndexKey { direction: Direction::Descending, nulls: Nulls::First, ..IndexKey::column(column) }
    }

    #[test]
    fn writes_what_a_person_would_write() {
        let mut definition = IndexDefinition::btree(["organization_id"]);
        definition.keys.push(descending("created_at"));
        definition.include.insert("Total".to_owned());
        definition.predicate = Some("deleted_at IS NULL".to_owned());
        assert_eq!(
            definition.create_sql("i", &QualifiedName::new("public", "orders"), Build::Concurrent),
            "CREATE INDEX CONCURRENTLY i ON public.orders (organization_id, created_at DESC) INCLUDE (\"Total\") WHERE deleted_at IS NULL"
        );
    }

    #[test]
    fn a_build_is_the_same_whatever_the_server_made_of_its_predicate() {
        let asked = IndexDefinition { predicate: Some("deleted_at IS NULL".to_owned()), ..IndexDefinition::btree(["a"]) };
        let built = IndexDefinition { predicate: Some("(deleted_at IS NULL)".to_owned()), ..asked.clone() };
        assert!(asked.is_same_build(&built));
        assert!(!asked.is_same_build(&IndexDefinition::btree(["a"])));
        assert!(!asked.is_same_build(&IndexDefinition { unique: true, ..built }));
    }

    #[test]
    fn a_prefix_is_redundant_beside_the_wider_index() {
        let wide = IndexDefinition::btree(["a", "b"]);
        assert!(wide.serves_all_of(&IndexDefinition::btree(["a"])));
        assert!(!wide.serves_all_of(&IndexDefinition::btree(["b"])));
        assert!(!IndexDefinition::btree(["a"]).serves_all_of(&wide));
    }

    #[test]
    fn a_reversed_prefix_is_redundant_and_a_mixed_one_is_not() {
        let mut wide = IndexDefinition::btree(["a", "b"]);
        let mut narrow = IndexDefinition::btree(["a"]);
        narrow.keys[0] = descending("a");
        assert!(wide.serves_all_of(&narrow));
        wide.keys[1] = descending("b");
        let ascending = IndexDefinition::btree(["a", "b"]);
        assert!(!wide.serves_all_of(&ascending));
    }

    #[test]
    fn a_unique_or_partial_index_is_never_made_redundant_by_a_plain_one() {
        let wide = IndexDefinition::btree(["a", "b"]);
        let unique = IndexDefinition { unique: true, ..IndexDefinition::btree(["a"]) };
        let partial = IndexDefinition { predicate: Some("b IS NULL".to_owned()), ..IndexDefinition::btree(["a"]) };
        assert!(!wide.serves_all_of(&unique));
        assert!(!wide.serves_all_of(&partial));
        assert!(unique.serves_all_of(&IndexDefinition::btree(["a"])));
    }

    #[test]
    fn the_fingerprint_tells_lookalikes_apart() {
        let plain = IndexDefinition::btree(["a", "b"]);
        let mut covering = IndexDefinition::btree(["a"]);
        covering.include.insert("b".to_owned());
        assert_ne!(plain.fingerprint(), covering.fingerprint());
        assert_eq!(plain.fingerprint(), IndexDefinition::btree(["a", "b"]).fingerprint());
    }
}
