//! A declared entry with every name looked up and every default filled in, or what is wrong with it.

use pgtailor_model::catalog::{Catalog, Table};
use pgtailor_model::declared::{DeclaredIndex, DeclaredKey, Verdict};
use pgtailor_model::index::{Direction, IndexDefinition, IndexKey, KeyPart, Nulls};
use pgtailor_model::name::{LONGEST_NAME, quote_identifier};

use super::canonical::Canonical;

/// Most columns of an index, keys and included ones together (`INDEX_MAX_KEYS` in `pg_config_manual.h`).
const MOST_COLUMNS: usize = 32;

/// What a built-in access method can do: the `am…` flags of its handler (`bthandler` in `nbtree.c`, `hashhandler` in `hash.c` …).
///
/// In order: name, unique, ordered, several keys, included columns. Methods that extensions bring are not checked here.
const METHODS: &[(&str, bool, bool, bool, bool)] = &[
    ("btree", true, true, true, true),
    ("brin", false, false, true, false),
    ("gin", false, false, true, false),
    ("gist", false, false, true, true),
    ("hash", false, false, false, false),
    ("spgist", false, false, false, true),
];

/// The table of `entry` and what the index on it would be; a verdict of a mistake when it cannot be one.
pub(super) fn resolve<'a>(
    entry: &DeclaredIndex,
    catalog: &'a Catalog,
    canonical: &Canonical,
) -> Result<(&'a Table, IndexDefinition), Verdict> {
    let Some(table) = catalog.table(&entry.table) else {
        return Err(if catalog.has_relation(&entry.table.schema, &entry.table.name) {
            impossible(format!("`{}` is not a table or materialized view that can be indexed", entry.table))
        } else {
            Verdict::NoTable
        });
    };
    check_name(&entry.name)?;
    let keys = entry.keys.iter().map(|key| resolve_key(key, entry, table, catalog, canonical)).collect::<Result<Vec<_>, _>>()?;
    if let Some(missing) = entry.include.iter().find(|name| table.column(name).is_none()) {
        return Err(Verdict::NoColumn { column: missing.clone() });
    }
    let predicate = entry.predicate.as_deref().map(|text| accepted(text, table, canonical)).transpose()?;
    let definition = IndexDefinition {
        method: entry.method.clone(),
        unique: entry.unique,
        nulls_not_distinct: false,
        keys,
        include: entry.include.iter().cloned().collect(),
        predicate,
    };
    check_method(&definition, catalog)?;
    Ok((table, definition))
}

fn resolve_key(
    key: &DeclaredKey,
    entry: &DeclaredIndex,
    table: &Table,
    catalog: &Catalog,
    canonical: &Canonical,
) -> Result<IndexKey, Verdict> {
    let part = match &key.part {
        KeyPart::Column(name) if table.column(name).is_none() => return Err(Verdict::NoColumn { column: name.clone() }),
        KeyPart::Column(name) => KeyPart::Column(name.clone()),
        KeyPart::Expression(text) => {
            let text = accepted(text, table, canonical)?;
            // The server indexes the column when the expression is nothing else (`ComputeIndexAttrs` in `indexcmds.c`).
            match table.columns.iter().find(|column| quote_identifier(&column.name) == text) {
                Some(column) => KeyPart::Column(column.name.clone()),
                None => KeyPart::Expression(text),
            }
        }
    };
    Ok(IndexKey {
        part,
        operator_class: key.operator_class.as_deref().map_or(Ok(None), |name| resolve_class(name, &entry.method, catalog))?,
        operator_class_options: Vec::new(),
        collation: key.collation.clone(),
        direction: key.direction,
        nulls: key.nulls.unwrap_or_else(|| Nulls::default_for(key.direction)),
    })
}

/// `None` for a class that is the default of some type: the server does not write it either.
fn resolve_class(name: &str, method: &str, catalog: &Catalog) -> Result<Option<String>, Verdict> {
    let mut classes = catalog.operator_classes.iter().filter(|class| class.method == method && class.name == name).peekable();
    if classes.peek().is_none() {
        return Err(impossible(format!("there is no operator class `{name}` for access method `{method}`")));
    }
    let class_sql = classes.peek().map(|class| class.sql());
    Ok(if classes.any(|class| class.is_default) { None } else { class_sql })
}

fn accepted(text: &str, table: &Table, canonical: &Canonical) -> Result<String, Verdict> {
    match canonical.refusal(&table.name, text) {
        Some(reason) => Err(impossible(format!("the server refuses `{text}`: {reason}"))),
        None => Ok(canonical.text(&table.name, text).to_owned()),
    }
}

fn check_name(name: &str) -> Result<(), Verdict> {
    match name.len() {
        0 => Err(impossible("it has no name".to_owned())),
        length if length > LONGEST_NAME => {
            Err(impossible(format!("its name has {length} bytes and PostgreSQL keeps {LONGEST_NAME}: shorten it")))
        }
        _ => Ok(()),
    }
}

fn check_method(definition: &IndexDefinition, catalog: &Catalog) -> Result<(), Verdict> {
    let method = definition.method.as_str();
    let columns = definition.keys.len() + definition.include.len();
    if definition.keys.is_empty() {
        return Err(impossible("it has no columns".to_owned()));
    }
    if columns > MOST_COLUMNS {
        return Err(impossible(format!("it has {columns} columns and PostgreSQL allows {MOST_COLUMNS}")));
    }
    if !catalog.operator_classes.is_empty() && !catalog.operator_classes.iter().any(|class| class.method == method) {
        return Err(impossible(format!("there is no access method `{method}` here")));
    }
    let Some((_, unique, ordered, several, include)) = METHODS.iter().find(|(name, ..)| *name == method) else { return Ok(()) };
    let plain = |key: &IndexKey| key.direction == Direction::Ascending && key.nulls == Nulls::Last;
    let cannot = if definition.unique && !unique {
        "be unique"
    } else if !ordered && !definition.keys.iter().all(plain) {
        "have an order (`DESC`, `NULLS FIRST`)"
    } else if !several && definition.keys.len() > 1 {
        "have more than one key"
    } else if !include && !definition.include.is_empty() {
        "have `INCLUDE` columns"
    } else {
        return Ok(());
    };
    Err(impossible(format!("an index of access method `{method}` cannot {cannot}")))
}

fn impossible(reason: String) -> Verdict {
    Verdict::Impossible { reason }
}
