//! The catalog of declared indexes: TOML text to [`DeclaredIndex`] values.
//!
//! It decides whether an entry *could* be an index on some server; whether it can be one in a given database, and whether it is worth
//! having there, needs the database and is decided elsewhere. A plain string among the columns is a column's exact name, never
//! parsed: a column may be called `lower(email)`.

use std::collections::BTreeMap;

use pgtailor_model::declared::{DeclaredIndex, DeclaredKey, Origin};
use pgtailor_model::index::{Direction, KeyPart, Nulls};
use pgtailor_model::name::{LONGEST_NAME, QualifiedName};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use crate::error::{Error, from_toml, line_of};

/// The declared indexes in `text`, in their order; `file` names the text in errors and in each entry's origin.
///
/// # Errors
/// [`Error::Line`] for bad TOML, unknown keys, names used twice in a schema, and entries that no server would take: without a name, a
/// table or columns, or with properties that the access method does not have.
pub fn parse(text: &str, file: &str) -> Result<Vec<DeclaredIndex>, Error> {
    let catalog: Catalog = from_toml(file, text)?;
    let mut lines: BTreeMap<QualifiedName, usize> = BTreeMap::new();
    let mut entries = Vec::with_capacity(catalog.index.len());
    for spanned in catalog.index {
        let offset = spanned.span().start;
        let line = line_of(text, offset);
        let entry = spanned.into_inner();
        if let Some(fault) = entry.fault() {
            return Err(Error::at(file, text, offset, fault));
        }
        let name = QualifiedName::new(&entry.schema, &entry.name);
        if let Some(first) = lines.insert(name, line) {
            let message = format!(
                "the index name `{}` is used twice in schema `{}`, first at line {first}; give one of the two another name",
                entry.name, entry.schema
            );
            return Err(Error::at(file, text, offset, message));
        }
        entries.push(entry.declared(Origin::File { path: file.to_owned(), line }));
    }
    Ok(entries)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalog {
    #[serde(default)]
    index: Vec<Spanned<Entry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    table: String,
    #[serde(default = "public")]
    schema: String,
    columns: Vec<Key>,
    #[serde(default)]
    include: Vec<String>,
    predicate: Option<String>,
    #[serde(default = "btree")]
    method: String,
    #[serde(default)]
    unique: bool,
    #[serde(default)]
    description: String,
    #[serde(default)]
    group: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct DetailedKey {
    column: Option<String>,
    expression: Option<String>,
    order: Option<Order>,
    nulls: Option<NullsWord>,
    opclass: Option<String>,
    collation: Option<Collation>,
}

/// A key part: a bare string is a column, a table says more.
struct Key(DetailedKey);

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Order {
    Asc,
    Desc,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum NullsWord {
    First,
    Last,
}

/// A collation: a bare string is one of `pg_catalog`, where the server keeps those that it was built with.
#[derive(Deserialize)]
#[serde(untagged)]
enum Collation {
    BuiltIn(String),
    Qualified { schema: String, name: String },
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;

        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a column's name, or a table with `column` or `expression`")
            }

            fn visit_str<E>(self, name: &str) -> Result<Key, E> {
                Ok(Key(DetailedKey { column: Some(name.to_owned()), ..DetailedKey::default() }))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Key, A::Error> {
                DetailedKey::deserialize(MapAccessDeserializer::new(map)).map(Key)
            }
        }

        deserializer.deserialize_any(KeyVisitor)
    }
}

/// What the access methods of the server can do: `pg_indexam_has_property` of each, versions 13 to 18.
struct Abilities {
    method: &'static str,
    ordered: bool,
    unique: bool,
    include: bool,
    many_columns: bool,
}

/// Methods not listed belong to extensions; what they can do is for the server to say.
const METHODS: [Abilities; 6] = [
    Abilities { method: "btree", ordered: true, unique: true, include: true, many_columns: true },
    Abilities { method: "hash", ordered: false, unique: false, include: false, many_columns: false },
    Abilities { method: "gin", ordered: false, unique: false, include: false, many_columns: true },
    Abilities { method: "gist", ordered: false, unique: false, include: true, many_columns: true },
    Abilities { method: "spgist", ordered: false, unique: false, include: true, many_columns: false },
    Abilities { method: "brin", ordered: false, unique: false, include: false, many_columns: true },
];

impl Entry {
    /// Why no server would take this entry, or `None`.
    fn fault(&self) -> Option<String> {
        self.name_fault().or_else(|| self.key_fault()).or_else(|| self.method_fault())
    }

    fn name_fault(&self) -> Option<String> {
        let names = [("name", &self.name), ("table", &self.table), ("schema", &self.schema), ("method", &self.method)];
        for (word, name) in names {
            if name.is_empty() {
                return Some(match word {
                    "name" => format!("an index on `{}` has an empty name; write name = \"…\"", self.table),
                    _ => format!("index `{}` has an empty {word}", self.name),
                });
            }
            if name.contains('\0') {
                return Some(format!(
                    "the {word} of index `{}` holds a zero byte, which no name may",
                    self.name.replace('\0', "\\0")
                ));
            }
        }
        if self.name.len() > LONGEST_NAME {
            let (name, length) = (&self.name, self.name.len());
            return Some(format!(
                "the index name `{name}` has {length} bytes, and the server keeps {LONGEST_NAME}; choose a shorter one"
            ));
        }
        if self.predicate.as_ref().is_some_and(|predicate| predicate.trim().is_empty()) {
            return Some(format!(
                "index `{}` has an empty predicate; leave the key out for an index over the whole table",
                self.name
            ));
        }
        None
    }

    fn key_fault(&self) -> Option<String> {
        let name = &self.name;
        if self.columns.is_empty() {
            return Some(format!("index `{name}` has no columns; write columns = [\"…\"]"));
        }
        for (number, Key(key)) in (1..).zip(&self.columns) {
            match (&key.column, &key.expression) {
                (Some(_), Some(_)) => {
                    return Some(format!("key {number} of index `{name}` has both a column and an expression; keep one"));
                }
                (None, None) => return Some(format!("key {number} of index `{name}` has neither `column` nor `expression`")),
                // A column may be called a space; an expression may not be one.
                (Some(column), None) if column.is_empty() => return Some(format!("key {number} of index `{name}` is empty")),
                (None, Some(text)) if text.trim().is_empty() => return Some(format!("key {number} of index `{name}` is empty")),
                _ => {}
            }
        }
        if self.include.iter().any(String::is_empty) {
            return Some(format!("index `{name}` includes a column without a name"));
        }
        None
    }

    fn method_fault(&self) -> Option<String> {
        let can = METHODS.iter().find(|can| can.method == self.method)?;
        let (name, method) = (&self.name, &self.method);
        let ordered = self.columns.iter().any(|Key(key)| key.order.is_some() || key.nulls.is_some());
        if ordered && !can.ordered {
            return Some(format!(
                "index `{name}` gives an order, which method `{method}` does not keep; leave `order` and `nulls` out or use btree"
            ));
        }
        if self.unique && !can.unique {
            return Some(format!("index `{name}` is unique, which method `{method}` cannot enforce; use btree"));
        }
        if !self.include.is_empty() && !can.include {
            return Some(format!("index `{name}` includes columns, which method `{method}` cannot; use btree or gist"));
        }
        if self.columns.len() > 1 && !can.many_columns {
            return Some(format!("index `{name}` has {} columns, and method `{method}` takes one", self.columns.len()));
        }
        None
    }

    fn declared(self, origin: Origin) -> DeclaredIndex {
        DeclaredIndex {
            name: self.name,
            table: QualifiedName::new(self.schema, self.table),
            keys: self.columns.into_iter().map(|Key(key)| key.declared()).collect(),
            include: self.include,
            predicate: self.predicate,
            method: self.method,
            unique: self.unique,
            description: self.description,
            group: self.group,
            origin,
        }
    }
}

impl DetailedKey {
    fn declared(self) -> DeclaredKey {
        let part = match self.expression {
            Some(expression) => KeyPart::Expression(expression),
            None => KeyPart::Column(self.column.unwrap_or_default()),
        };
        DeclaredKey {
            part,
            operator_class: self.opclass,
            collation: self.collation.map(|collation| match collation {
                Collation::BuiltIn(name) => QualifiedName::new("pg_catalog", name),
                Collation::Qualified { schema, name } => QualifiedName::new(schema, name),
            }),
            direction: match self.order {
                Some(Order::Desc) => Direction::Descending,
                Some(Order::Asc) | None => Direction::Ascending,
            },
            nulls: self.nulls.map(|nulls| match nulls {
                NullsWord::First => Nulls::First,
                NullsWord::Last => Nulls::Last,
            }),
        }
    }
}

fn public() -> String {
    "public".to_owned()
}

fn btree() -> String {
    "btree".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        parse(text, "c.toml").expect_err("the text is wrong").to_string()
    }

    fn index(rest: &str) -> String {
        format!("[[index]]\nname = \"i\"\ntable = \"t\"\n{rest}\n")
    }

    #[test]
    fn reads_every_property() {
        let text = r#"
            [[index]]
            name = "Odd name"
            table = "order"
            schema = "Shop"
            columns = [
                "lower(email)",
                { column = "created_at", order = "desc", nulls = "last", opclass = "timestamptz_ops" },
                { expression = "lower(email)", collation = "C" },
                { column = "name", collation = { schema = "public", name = "german" } },
            ]
            include = ["total"]
            predicate = "deleted_at IS NULL"
            unique = true
            description = "everything at once"
            group = "tests"
        "#;
        let entries = parse(text, "c.toml").expect("the text is right");
        let entry = &entries[0];
        assert_eq!(entry.table, QualifiedName::new("Shop", "order"));
        assert_eq!(entry.keys[0].part, KeyPart::Column("lower(email)".to_owned()));
        assert_eq!((entry.keys[1].direction, entry.keys[1].nulls), (Direction::Descending, Some(Nulls::Last)));
        assert_eq!(entry.keys[1].operator_class.as_deref(), Some("timestamptz_ops"));
        assert_eq!(entry.keys[2].part, KeyPart::Expression("lower(email)".to_owned()));
        assert_eq!(entry.keys[2].collation, Some(QualifiedName::new("pg_catalog", "C")));
        assert_eq!(entry.keys[3].collation, Some(QualifiedName::new("public", "german")));
        assert_eq!((entry.method.as_str(), entry.unique, entry.include.len()), ("btree", true, 1));
        assert_eq!(entry.origin, Origin::File { path: "c.toml".to_owned(), line: 2 });
    }

    #[test]
    fn an_empty_text_declares_nothing() {
        assert_eq!(parse("# nothing yet\n", "c.toml"), Ok(Vec::new()));
    }

    #[test]
    fn bad_toml_and_unknown_keys_name_file_and_line() {
        assert!(fault("[[index]]\nname = \n").starts_with("c.toml:2: "));
        let unknown = fault(&index("columns = [\"a\"]\ncolour = \"red\""));
        assert!(unknown.starts_with("c.toml:5: ") && unknown.contains("colour"), "{unknown}");
        let in_key = fault(&index("columns = [{ column = \"a\", sort = \"desc\" }]"));
        assert!(in_key.starts_with("c.toml:4: ") && in_key.contains("sort"), "{in_key}");
        let missing = fault("\n[[index]]\nname = \"i\"\ncolumns = [\"a\"]\n");
        assert!(missing.starts_with("c.toml:2: ") && missing.contains("table"), "{missing}");
        let order = fault(&index("columns = [{ column = \"a\", order = \"down\" }]"));
        assert!(order.starts_with("c.toml:4: ") && order.contains("down"), "{order}");
    }

    #[test]
    fn a_name_used_twice_names_both_lines_and_schemas_are_apart() {
        let twice = format!("{}{}", index("columns = [\"a\"]"), index("columns = [\"b\"]"));
        let message = fault(&twice);
        assert!(message.starts_with("c.toml:5: ") && message.contains("line 1"), "{message}");
        let apart = format!("{}{}", index("columns = [\"a\"]"), index("columns = [\"b\"]\nschema = \"other\""));
        assert_eq!(parse(&apart, "c.toml").map(|entries| entries.len()), Ok(2));
    }

    #[test]
    fn entries_that_no_server_takes_are_refused() {
        let cases = [
            ("columns = []", "no columns"),
            ("columns = [\"\"]", "key 1"),
            ("columns = [{ order = \"desc\" }]", "neither"),
            ("columns = [{ column = \"a\", expression = \"b\" }]", "both"),
            ("columns = [\"a\"]\npredicate = \" \"", "empty predicate"),
            ("columns = [{ column = \"a\", order = \"desc\" }]\nmethod = \"gin\"", "order"),
            ("columns = [{ column = \"a\", nulls = \"first\" }]\nmethod = \"brin\"", "order"),
            ("columns = [\"a\"]\ninclude = [\"b\"]\nmethod = \"hash\"", "includes"),
            ("columns = [\"a\"]\nunique = true\nmethod = \"gist\"", "unique"),
            ("columns = [\"a\", \"b\"]\nmethod = \"hash\"", "takes one"),
        ];
        for (rest, word) in cases {
            let message = fault(&index(rest));
            assert!(message.starts_with("c.toml:1: ") && message.contains(word), "{rest}: {message}");
        }
        let long = "n".repeat(64);
        assert!(fault(&format!("[[index]]\nname = \"{long}\"\ntable = \"t\"\ncolumns = [\"a\"]\n")).contains("64 bytes"));
        assert!(fault("[[index]]\nname = \"\"\ntable = \"t\"\ncolumns = [\"a\"]\n").contains("empty name"));
        assert!(fault("[[index]]\nname = \"a\\u0000b\"\ntable = \"t\"\ncolumns = [\"a\"]\n").contains("zero byte"));
    }

    #[test]
    fn a_name_of_63_bytes_and_an_unknown_method_are_taken() {
        let text = format!("[[index]]\nname = \"{}\"\ntable = \"t\"\ncolumns = [\"a\"]\nmethod = \"bloom\"\n", "n".repeat(63));
        assert!(parse(&text, "c.toml").is_ok());
    }
}
