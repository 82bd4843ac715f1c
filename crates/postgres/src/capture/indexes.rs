//! Indexes and their definitions, from the columns of `pg_index`; the server deparses only what must be (expressions, predicates).

use std::collections::{BTreeMap, HashMap};

use pgtailor_model::catalog::{Constraint, ConstraintKind, Index, Table, TableKind};
use pgtailor_model::change::{Carried, StatisticsTarget};
use pgtailor_model::index::{Direction, IndexDefinition, IndexKey, KeyPart, Nulls};
use pgtailor_model::name::{Oid, QualifiedName, quote_identifier, quote_literal};
use pgtailor_model::snapshot::NotExamined;
use pgtailor_model::unit::Bytes;
use tokio_postgres::{Row, Transaction};

use super::deparse::{expression_collations, split_list, without_outer_parentheses};
use super::dictionary::Dictionary;
use super::guard::{Answers, Guard, Wanted};
use super::query::stream;
use super::tables::{ColumnType, Scope, Tables};
use crate::error::Error;

/// `i` is the index, `x` its `pg_class` row, `c` its table. A foreign key also names an index in `conindid`, hence the kinds.
/// The types of the index's own columns are those of its expressions; of plain columns the table's type is used.
const INDEXES: &str = r"SELECT /* pgtailor */ i.indexrelid AS oid, x.relname AS name, i.indrelid AS table, x.relam AS method, x.relkind AS kind,
       i.indisunique AS is_unique, i.indisvalid AS valid, i.indisready AS ready, i.indislive AS live,
       i.indisreplident AS replica_identity, i.indisclustered AS clustered,
       i.indnkeyatts AS key_count, i.indkey::int2[] AS attributes, i.indclass::oid[] AS classes,
       i.indcollation::oid[] AS collations, i.indoption::int2[] AS options,
       i.indpred IS NOT NULL AS partial, i.indexprs::text AS expressions,
       CASE WHEN i.indexprs IS NOT NULL
            THEN ARRAY(SELECT a.atttypid FROM pg_catalog.pg_attribute a WHERE a.attrelid = i.indexrelid ORDER BY a.attnum)
        END AS types,
       k.conname AS constraint_name, k.contype AS constraint_kind, h.inhparent AS attached_to,
       {comment} AS comment, s.spcname AS tablespace, x.reloptions AS parameters,
       CASE WHEN i.indexprs IS NOT NULL
            THEN ARRAY(SELECT a.attnum || '=' || a.attstattarget FROM pg_catalog.pg_attribute a
                        WHERE a.attrelid = i.indexrelid AND a.attstattarget >= 0 ORDER BY a.attnum)
        END AS targets,
       {nulls_not_distinct} AS nulls_not_distinct
  FROM pg_catalog.pg_index i
  JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
  JOIN pg_catalog.pg_class c ON c.oid = i.indrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_inherits h ON h.inhrelid = i.indexrelid
  LEFT JOIN pg_catalog.pg_tablespace s ON s.oid = x.reltablespace
  LEFT JOIN pg_catalog.pg_constraint k
    ON k.conindid = i.indexrelid AND k.conrelid = i.indrelid AND k.contype IN ('p', 'u', 'x')
 WHERE";

const CLASS_OPTIONS: &str = "\
SELECT /* pgtailor */ a.attrelid AS index, a.attnum AS number, a.attoptions AS options
  FROM pg_catalog.pg_index i
  JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indexrelid
 WHERE a.attoptions IS NOT NULL";

const TEXTS: &str = "\
SELECT /* pgtailor */ i.indexrelid AS oid,
       i.indexprs IS NULL OR pg_get_expr(i.indexprs, i.indrelid) IS NOT NULL AS complete,
       pg_get_expr(i.indexprs, i.indrelid) AS expressions, pg_get_expr(i.indpred, i.indrelid) AS predicate
  FROM pg_catalog.pg_index i
 WHERE i.indexrelid = ANY ($1)";

const SIZES: &str = "\
SELECT /* pgtailor */ o AS oid, pg_relation_size(o) AS size FROM unnest($1) AS o";

/// Bits of `indoption` (`access/genam.h`).
const DESCENDING: i16 = 1;
const NULLS_FIRST: i16 = 2;

/// A row of `pg_index` before its numbers are resolved.
struct RawIndex {
    oid: Oid,
    table: Oid,
    index: Index,
    method: u32,
    partitioned: bool,
    unique: bool,
    nulls_not_distinct: bool,
    key_count: usize,
    attributes: Vec<i16>,
    classes: Vec<u32>,
    collations: Vec<u32>,
    options: Vec<i16>,
    partial: bool,
    /// The collation that each expression has by itself; empty without expressions.
    own_collations: Vec<Option<u32>>,
    types: Option<Vec<u32>>,
}

/// Texts that the server wrote for one index.
#[derive(Default)]
struct Texts {
    expressions: Option<String>,
    predicate: Option<String>,
}

/// Options of operator classes, by index and position.
type ClassOptions = HashMap<(Oid, i16), Vec<String>>;

/// Reads the indexes of `tables` into them, and the sizes of both.
pub(super) async fn read_indexes(
    transaction: &mut Transaction<'_>,
    server_version: u32,
    scope: Scope,
    dictionary: &Dictionary,
    tables: &mut Tables,
    not_examined: &mut Vec<NotExamined>,
) -> Result<(), Error> {
    let raw = read_raw(transaction, server_version, scope).await?;
    let mut class_options = ClassOptions::new();
    stream(transaction, "read the options of operator classes", CLASS_OPTIONS, &[], |row| {
        let options: Vec<String> = row.get("options");
        let options = options.iter().map(|option| class_option(option)).collect();
        class_options.insert((Oid(row.get("index")), row.get("number")), options);
    })
    .await?;

    let mut guard = Guard::new(transaction).await?;
    let texts = read_texts(transaction, &mut guard, &raw).await?;
    let sizes = read_sizes(transaction, &mut guard, &tables.tables, &raw).await?;

    let mut by_table: BTreeMap<Oid, Vec<RawIndex>> = BTreeMap::new();
    for index in raw {
        by_table.entry(index.table).or_default().push(index);
    }
    for table in &mut tables.tables {
        table.size = size(&sizes, table.oid, table.kind == TableKind::Partitioned);
        if let Some(reason) = sizes.refused.get(&table.oid) {
            not_examined.push(NotExamined { object: format!("size of table {}", table.name), reason: reason.clone() });
        }
        for raw in by_table.remove(&table.oid).unwrap_or_default() {
            let name = QualifiedName::new(&table.name.schema, &raw.index.name);
            let definition = match texts.refused.get(&raw.oid) {
                Some(reason) => Err(reason.clone()),
                None => definition(&raw, texts.found.get(&raw.oid), table, &tables.column_types, dictionary, &class_options)
                    .ok_or_else(|| "its columns in `pg_index` do not agree with one another".to_owned()),
            };
            if let Some(reason) = sizes.refused.get(&raw.oid) {
                not_examined.push(NotExamined { object: format!("size of index {name}"), reason: reason.clone() });
            }
            let size = size(&sizes, raw.oid, raw.partitioned);
            if let Err(reason) = &definition {
                let object = format!("definition of index {name}");
                not_examined.push(NotExamined { object, reason: reason.clone() });
            }
            table.indexes.push(Index { definition: definition.ok(), size, ..raw.index });
        }
        table.indexes.sort_by(|one, other| one.name.cmp(&other.name));
    }
    Ok(())
}

async fn read_raw(transaction: &Transaction<'_>, server_version: u32, scope: Scope) -> Result<Vec<RawIndex>, Error> {
    let nulls_not_distinct = if server_version >= 150_000 { "i.indnullsnotdistinct" } else { "false" };
    // Comments may say anything, so they are read for what is about to be changed only, and never kept in a snapshot.
    let comment = match scope {
        Scope::Database => "NULL::text",
        Scope::Table(_) => "pg_catalog.obj_description(x.oid, 'pg_class')",
    };
    let sql = INDEXES.replace("{nulls_not_distinct}", nulls_not_distinct).replace("{comment}", comment) + &scope.condition();
    let mut raw = Vec::new();
    stream(transaction, "read the indexes", &sql, &[], |row| raw.push(raw_index(row))).await?;
    Ok(raw)
}

fn raw_index(row: &Row) -> RawIndex {
    let kind = row.get::<_, Option<i8>>("constraint_kind").map(|kind| match kind.cast_unsigned() {
        b'p' => ConstraintKind::PrimaryKey,
        b'x' => ConstraintKind::Exclusion,
        _ => ConstraintKind::Unique,
    });
    let tree: Option<&str> = row.get("expressions");
    RawIndex {
        oid: Oid(row.get("oid")),
        table: Oid(row.get("table")),
        index: Index {
            oid: Oid(row.get("oid")),
            name: row.get("name"),
            definition: None,
            valid: row.get("valid"),
            ready: row.get("ready"),
            live: row.get("live"),
            constraint: kind.map(|kind| Constraint { name: row.get("constraint_name"), kind }),
            replica_identity: row.get("replica_identity"),
            clustered: row.get("clustered"),
            collation_outdated: None,
            size: None,
            attached_to: row.get::<_, Option<u32>>("attached_to").map(Oid),
            carries: Carried {
                comment: row.get("comment"),
                tablespace: row.get("tablespace"),
                parameters: row.get::<_, Option<Vec<String>>>("parameters").unwrap_or_default(),
                statistics_targets: row
                    .get::<_, Option<Vec<String>>>("targets")
                    .unwrap_or_default()
                    .iter()
                    .filter_map(|pair| target(pair))
                    .collect(),
                invalid: !row.get::<_, bool>("valid"),
            },
        },
        method: row.get("method"),
        partitioned: row.get::<_, i8>("kind").cast_unsigned() == b'I',
        unique: row.get("is_unique"),
        nulls_not_distinct: row.get("nulls_not_distinct"),
        key_count: usize::try_from(row.get::<_, i16>("key_count")).unwrap_or_default(),
        attributes: row.get("attributes"),
        classes: row.get("classes"),
        collations: row.get("collations"),
        options: row.get("options"),
        partial: row.get("partial"),
        own_collations: tree.map(expression_collations).unwrap_or_default(),
        types: row.get("types"),
    }
}

/// A position and its statistics target, of `position=target`.
fn target(pair: &str) -> Option<StatisticsTarget> {
    let (position, target) = pair.split_once('=')?;
    Some(StatisticsTarget { position: position.parse().ok()?, target: target.parse().ok()? })
}

async fn read_texts(transaction: &mut Transaction<'_>, guard: &mut Guard, raw: &[RawIndex]) -> Result<Answers<Texts>, Error> {
    let wanted: Vec<Wanted> = raw
        .iter()
        .filter(|index| index.partial || index.types.is_some())
        .map(|index| Wanted { object: index.oid, opens: index.table })
        .collect();
    guard
        .read(transaction, "read expressions and predicates of indexes", TEXTS, &wanted, |row| {
            let texts = Texts { expressions: row.get("expressions"), predicate: row.get("predicate") };
            (Oid(row.get("oid")), row.get::<_, bool>("complete").then_some(texts))
        })
        .await
}

async fn read_sizes(
    transaction: &mut Transaction<'_>,
    guard: &mut Guard,
    tables: &[Table],
    raw: &[RawIndex],
) -> Result<Answers<Bytes>, Error> {
    let tables = tables.iter().filter(|table| table.kind != TableKind::Partitioned).map(|table| table.oid);
    let indexes = raw.iter().filter(|index| !index.partitioned).map(|index| index.oid);
    let wanted: Vec<Wanted> = tables.chain(indexes).map(|oid| Wanted { object: oid, opens: oid }).collect();
    guard
        .read(transaction, "read the sizes of tables and indexes", SIZES, &wanted, |row| {
            let size: Option<i64> = row.get("size");
            (Oid(row.get("oid")), size.and_then(|size| u64::try_from(size).ok()).map(Bytes))
        })
        .await
}

/// A partitioned relation has no storage of its own.
fn size(sizes: &Answers<Bytes>, oid: Oid, partitioned: bool) -> Option<Bytes> {
    if partitioned { Some(Bytes(0)) } else { sizes.found.get(&oid).copied() }
}

/// `None` when the row contradicts itself or the other catalogs, as it may when the table changed after the transaction's snapshot.
fn definition(
    raw: &RawIndex,
    texts: Option<&Texts>,
    table: &Table,
    column_types: &HashMap<(Oid, i16), ColumnType>,
    dictionary: &Dictionary,
    class_options: &ClassOptions,
) -> Option<IndexDefinition> {
    let method = dictionary.method(raw.method)?;
    let (keys, include) = raw.attributes.split_at_checked(raw.key_count)?;
    let expressions = texts.and_then(|texts| texts.expressions.as_deref()).map(split_list).unwrap_or_default();
    let n_expressions = keys.iter().filter(|&&attribute| attribute == 0).count();
    if expressions.len() != n_expressions || raw.own_collations.len() != n_expressions {
        return None;
    }
    let column = |attribute: i16| Some(table.columns.iter().find(|column| column.number == attribute)?.name.clone());
    let mut expressions = expressions.into_iter().zip(&raw.own_collations);
    let mut parts = Vec::with_capacity(keys.len());
    for (at, &attribute) in keys.iter().enumerate() {
        let (part, value_type, own_collation) = if attribute == 0 {
            let (text, own_collation) = expressions.next()?;
            let text = without_outer_parentheses(text).to_owned();
            (KeyPart::Expression(text), *raw.types.as_ref()?.get(at)?, *own_collation)
        } else {
            let kind = column_types.get(&(raw.table, attribute))?;
            (KeyPart::Column(column(attribute)?), kind.type_oid, Some(kind.collation))
        };
        let collation = *raw.collations.get(at)?;
        let collation = if collation == 0 || own_collation == Some(collation) {
            None
        } else {
            Some(dictionary.collation(collation)?.clone())
        };
        let options = class_options.get(&(raw.oid, i16::try_from(at + 1).ok()?)).cloned().unwrap_or_default();
        let class = *raw.classes.get(at)?;
        let class_name = dictionary.class_sql(class)?;
        // Options can only be written behind the name of a class.
        let named = !options.is_empty() || !dictionary.is_default_for(class, value_type);
        let (direction, nulls) = order(method.ordered, *raw.options.get(at)?);
        parts.push(IndexKey {
            part,
            operator_class: named.then_some(class_name),
            operator_class_options: options,
            collation,
            direction,
            nulls,
        });
    }
    let predicate = texts.and_then(|texts| texts.predicate.as_deref());
    if raw.partial != predicate.is_some() {
        return None;
    }
    Some(IndexDefinition {
        method: method.name.clone(),
        unique: raw.unique,
        nulls_not_distinct: raw.nulls_not_distinct,
        keys: parts,
        include: include.iter().map(|&attribute| column(attribute)).collect::<Option<_>>()?,
        predicate: predicate.map(|text| without_outer_parentheses(text).to_owned()),
    })
}

fn order(ordered: bool, options: i16) -> (Direction, Nulls) {
    if !ordered {
        return (Direction::Ascending, Nulls::Last);
    }
    let direction = if options & DESCENDING == 0 { Direction::Ascending } else { Direction::Descending };
    let nulls = if options & NULLS_FIRST == 0 { Nulls::Last } else { Nulls::First };
    (direction, nulls)
}

/// An element of `attoptions` (`siglen=32`) as SQL. Plain words and numbers stay as a person would write them, anything else becomes a
/// string constant (`get_reloptions` in `ruleutils.c`).
fn class_option(option: &str) -> String {
    let (name, value) = option.split_once('=').unwrap_or((option, ""));
    let plain = !value.is_empty()
        && (value.chars().all(|c| c.is_ascii_digit() || c == '.') || value.chars().all(|c| c.is_ascii_alphabetic()));
    let value = if plain { value.to_owned() } else { quote_literal(value) };
    format!("{}={value}", quote_identifier(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_classes_are_written_as_sql() {
        assert_eq!(class_option("siglen=32"), "siglen=32");
        assert_eq!(class_option("false_positive_rate=0.05"), "false_positive_rate=0.05");
        assert_eq!(class_option("Odd=it's"), "\"Odd\"='it''s'");
    }

    #[test]
    fn order_has_a_meaning_for_ordered_methods_only() {
        assert_eq!(order(true, 3), (Direction::Descending, Nulls::First));
        assert_eq!(order(true, 0), (Direction::Ascending, Nulls::Last));
        assert_eq!(order(true, 2), (Direction::Ascending, Nulls::First));
        assert_eq!(order(false, 3), (Direction::Ascending, Nulls::Last));
    }
}
