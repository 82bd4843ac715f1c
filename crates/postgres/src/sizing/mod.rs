//! What a server's own catalogs tell of the size of an index that does not exist.
//!
//! Reads types, operator classes and statistics, asks the planner where those end (predicates, expressions), and hands numbers to
//! [`pgtailor_advisor::size`], which knows the layouts. A twin with production's statistics gives the same answers as production. Creates
//! nothing and writes nothing. Start reading at [`index_inputs`].

mod facts;
mod key;
mod sample;

use std::collections::BTreeSet;
use std::collections::btree_map::Entry;

use pgtailor_advisor::size::{AccessMethod, IndexInputs, KeyInputs, StorageParameters, nulls_kept};
use pgtailor_model::index::{Direction, IndexDefinition, IndexKey, KeyPart, Nulls};
use pgtailor_model::name::{Oid, QualifiedName, quote_identifier};
use pgtailor_model::unit::{Bytes, Pages, Rows, f64_as_count};
use serde_json::Value;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use crate::canonical::lone_expression;
use crate::error::Error;
use crate::session::ReadOnlySession;
use facts::{Column, TableFacts};

pub use facts::Facts;
pub(crate) use facts::SizeQuestions;

/// How to learn what the values of an expression are like.
///
/// Either way widths are measured, and elements of arrays, documents and texts counted, on values that the statistics hold, with functions of
/// the server and of `pg_trgm`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expressions {
    /// From statistics and plans only: nothing of the expression is executed. The planner knows neither widths nor lengths of lists.
    Plan,
    /// Computes the expression, and what columns are generated from, for the values in the statistics, some two hundred. For servers where
    /// nothing is at stake, such as twins: it may call anybody's functions.
    Compute,
}

/// Why nothing can be said about an index.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotSized {
    /// The access method is an extension's.
    #[error("pages of access method {0} are not known here")]
    UnknownMethod(String),
    /// There is no such table, or it has no rows of its own (a partitioned table).
    #[error("there is no table {0} with rows of its own")]
    NoTable(Oid),
    /// There is no such column.
    #[error("there is no column {0}")]
    NoColumn(String),
    /// Never analyzed, or not readable by this role.
    #[error("there are no statistics of {0}")]
    NoStatistics(String),
    /// The method cannot index the type of this key, or not with this operator class.
    #[error("there is no operator class for {0}")]
    NoOperatorClass(String),
    /// The planner does not take the expression or the predicate.
    #[error("the server does not plan the key or predicate ({0})")]
    NotPlanned(String),
}

/// The inputs for [`pgtailor_advisor::size::predict`] of an index on `table`, from the server's catalogs and planner.
///
/// Expressions and the predicate are in the server's canonical text, names outside `pg_catalog` with their schema. The session must be
/// outside a transaction: what the server refuses would end it. Some five short statements a key.
///
/// # Errors
/// [`Error`] when the session fails; an index that cannot be sized is a value: [`NotSized`].
pub async fn index_inputs(
    session: &ReadOnlySession,
    table: Oid,
    definition: &IndexDefinition,
    storage: StorageParameters,
    expressions: Expressions,
) -> Result<Result<IndexInputs, NotSized>, Error> {
    inputs_with(session, &mut Facts::default(), table, definition, storage, expressions).await
}

/// As [`index_inputs`], reading only what is not in `facts` yet, which then has it; all with the same `expressions`.
///
/// # Errors
/// As [`index_inputs`].
pub async fn inputs_with(
    session: &ReadOnlySession,
    facts: &mut Facts,
    table: Oid,
    definition: &IndexDefinition,
    storage: StorageParameters,
    expressions: Expressions,
) -> Result<Result<IndexInputs, NotSized>, Error> {
    let (client, version) = (&session.client, session.version());
    let Some(method) = AccessMethod::named(&definition.method) else {
        return Ok(Err(NotSized::UnknownMethod(definition.method.clone())));
    };
    read_ahead(session, facts, table, &[definition]).await?;
    let Facts { tables, keys: known, read } = facts;
    let about = match tables.get_mut(&table) {
        Some(Ok(about)) => about,
        Some(Err(refusal)) => return Ok(Err(refusal.clone())),
        None => return Ok(Err(NotSized::NoTable(table))),
    };
    let joint = joint_distinct(client, table, definition, about).await?;
    let about = &*about;
    let kept = match &definition.predicate {
        None => about.rows,
        Some(predicate) => match lone(predicate) {
            Ok(()) => match plan(client, &format!("SELECT FROM ONLY {} WHERE ({predicate}\n)", about.name.sql())).await? {
                Ok(plan) => plan.rows,
                Err(refusal) => return Ok(Err(refusal)),
            },
            Err(refusal) => return Ok(Err(refusal)),
        },
    };
    let mut reader = key::Reader {
        session,
        client,
        table,
        name: &about.name,
        columns: &about.columns,
        method: &definition.method,
        table_rows: about.rows,
        expressions,
        read,
    };
    let mut keys = Vec::with_capacity(definition.keys.len());
    for key in &definition.keys {
        // Direction and nulls change nothing of what is stored.
        let plain = IndexKey { direction: Direction::Ascending, nulls: Nulls::Last, ..key.clone() };
        let inputs = match known.entry((table, definition.method.clone(), plain)) {
            Entry::Occupied(found) => found.get().clone(),
            Entry::Vacant(place) => place.insert(reader.key(key).await?).clone(),
        };
        match inputs {
            Ok(inputs) => keys.push(left_by(definition, &key.part, inputs)),
            Err(refusal) => return Ok(Err(refusal)),
        }
    }
    let mut included = Vec::with_capacity(definition.include.len());
    for column in &definition.include {
        let inputs = match known.entry((table, String::new(), IndexKey::column(column))) {
            Entry::Occupied(found) => found.get().clone(),
            Entry::Vacant(place) => place.insert(reader.included(column).await?).clone(),
        };
        match inputs {
            Ok(inputs) => included.push(left_by(definition, &KeyPart::Column(column.clone()), inputs)),
            Err(refusal) => return Ok(Err(refusal)),
        }
    }
    Ok(Ok(IndexInputs {
        method,
        server_version: version,
        block_size: Bytes(about.block_size),
        table_rows: Rows(f64_as_count(about.rows)),
        table_pages: Pages(about.bytes.div_ceil(about.block_size)),
        rows: Rows(f64_as_count(kept.min(about.rows))),
        unique: definition.unique,
        storage,
        maintenance_memory: Bytes(about.memory),
        keys,
        included,
        joint_distinct: joint.map(|joint| grown(joint, about.rows_then, about.rows)),
    }))
}

/// Reads what [`inputs_with`] needs for indexes on `table`, in a few questions for all `definitions`. What cannot be sized is not told here.
///
/// # Errors
/// [`Error`] when the session fails.
pub async fn read_ahead(
    session: &ReadOnlySession,
    facts: &mut Facts,
    table: Oid,
    definitions: &[&IndexDefinition],
) -> Result<(), Error> {
    let Facts { tables, read, .. } = facts;
    let about = match tables.entry(table) {
        Entry::Occupied(found) => found.into_mut(),
        Entry::Vacant(place) => place.insert(table_facts(&session.client, table).await?),
    };
    let Ok(about) = about else { return Ok(()) };
    let (mut classes, mut whole, mut parts) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for definition in definitions {
        let mut add = |column: &Column, class: Option<&String>, names: &mut BTreeSet<String>| {
            classes.insert((column.kind, column.collation, definition.method.clone(), class.cloned()));
            names.insert(column.name.clone());
        };
        let named = |name: &String| about.columns.iter().find(|column| column.name == *name);
        for key in &definition.keys {
            match &key.part {
                KeyPart::Column(name) => {
                    if let Some(column) = named(name) {
                        add(column, key.operator_class.as_ref(), &mut whole);
                    }
                }
                KeyPart::Expression(text) => {
                    let mentioned = about.columns.iter().filter(|column| mentions(text, &column.name));
                    mentioned.for_each(|column| add(column, None, &mut parts));
                }
            }
        }
        definition.include.iter().filter_map(named).for_each(|column| add(column, None, &mut whole));
    }
    read.classes(session, &classes).await?;
    parts.extend(whole.iter().cloned());
    read.statistics(session, table.0, &parts).await?;
    let mut measured = BTreeSet::new();
    for class in &classes {
        let Some(stored) = read.known_class(class) else { continue };
        let of_class = about.columns.iter().filter(|column| (column.kind, column.collation) == (class.0, class.1));
        for column in of_class.filter(|column| whole.contains(&column.name)) {
            if read.known_statistics(table.0, &column.name).is_some_and(|known| key::is_measured(stored, known.width)) {
                measured.insert((column.name.clone(), stored.type_name.clone()));
            }
        }
    }
    read.widths(session, table.0, &measured).await
}

async fn table_facts(client: &Client, table: Oid) -> Result<Result<TableFacts, NotSized>, Error> {
    let Some(row) = rows(client, include_str!("sql/table.sql"), &[(&table.0, Type::OID)]).await?.pop() else {
        return Ok(Err(NotSized::NoTable(table)));
    };
    let name = QualifiedName::new(row.get::<_, String>("schema"), row.get::<_, String>("name"));
    let count = |name: &str| u64::try_from(row.get::<_, i64>(name)).unwrap_or_default();
    // As the planner counts: density then times pages now (`estimate_rel_size` in `plancat.c`).
    let planned = plan(client, &format!("SELECT FROM ONLY {}", name.sql())).await?;
    let columns = facts::columns(client, table).await?;
    Ok(planned.map(|planned| TableFacts {
        name,
        columns,
        block_size: count("block_size").max(1),
        bytes: count("bytes"),
        memory: count("memory"),
        rows_then: row.get("rows_then"),
        rows: planned.rows,
        joint: None,
    }))
}

/// The key's inputs with the nulls that the predicate leaves.
fn left_by(definition: &IndexDefinition, part: &KeyPart, inputs: KeyInputs) -> KeyInputs {
    let KeyPart::Column(name) = part else { return inputs };
    let nulls_kept = nulls_kept(definition.predicate.as_deref(), name, inputs.null_fraction);
    KeyInputs { nulls_kept, ..inputs }
}

/// What is more than a tenth of the rows grows with the table, as `ANALYZE` takes it (`compute_scalar_stats` in `analyze.c`).
fn grown(distinct: f64, rows_then: f64, rows_now: f64) -> f64 {
    if rows_then > 0.0 && distinct > 0.1 * rows_then { distinct * rows_now / rows_then } else { distinct }
}

/// The planner's own estimate for several columns is never more than a tenth of the rows, so it is not asked.
async fn joint_distinct(
    client: &Client,
    table: Oid,
    definition: &IndexDefinition,
    about: &mut TableFacts,
) -> Result<Option<f64>, Error> {
    let number = |part: &KeyPart| match part {
        KeyPart::Column(name) => about.columns.iter().find(|column| column.name == *name).map(|column| column.number),
        KeyPart::Expression(_) => None,
    };
    let Some(mut numbers) = definition.keys.iter().map(|key| number(&key.part)).collect::<Option<Vec<i16>>>() else {
        return Ok(None);
    };
    numbers.sort_unstable();
    numbers.dedup();
    if numbers.len() < 2 {
        return Ok(None);
    }
    let combination = numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if about.joint.is_none() {
        about.joint = Some(facts::joint(client, table).await?);
    }
    Ok(about.joint.as_ref().and_then(|joint| joint.get(&combination).copied()))
}

/// The top of a plan.
#[derive(Clone, Copy, Debug)]
struct Plan {
    rows: f64,
    width: f64,
}

/// What the planner expects of `query`, which is not executed.
async fn plan(client: &Client, query: &str) -> Result<Result<Plan, NotSized>, Error> {
    let failed = |error| Error::query("ask the planner how many rows an index would have", error);
    // Extended protocol: several statements are refused.
    match client.query_typed_one(&format!("EXPLAIN /* pgtailor */ (FORMAT JSON) {query}"), &[]).await {
        Ok(row) => {
            let plan: Value = row.try_get(0).map_err(failed)?;
            let number = |field: &str| plan[0]["Plan"][field].as_f64().unwrap_or_default();
            Ok(Ok(Plan { rows: number("Plan Rows"), width: number("Plan Width") }))
        }
        Err(error) => refused(failed(error)).map(Err),
    }
}

/// Whether the canonical text names the column: as a whole word outside strings.
pub fn mentions(text: &str, column: &str) -> bool {
    let quoted = quote_identifier(column);
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '"' || c == '$';
    let mut outside = String::new();
    for (at, part) in text.split('\'').enumerate() {
        if at % 2 == 0 {
            outside.push_str(part);
            outside.push(' ');
        }
    }
    outside.match_indices(&quoted).any(|(start, _)| {
        let before = outside[..start].chars().next_back();
        let after = outside[start + quoted.len()..].chars().next();
        // A name before a parenthesis is a function, one before a dot a schema.
        !before.is_some_and(|c| is_word(c) || c == '.') && !after.is_some_and(|c| is_word(c) || c == '(' || c == '.')
    })
}

/// A refusal of the server as a value; an error when the session is gone.
fn refused(error: Error) -> Result<NotSized, Error> {
    match error.sqlstate() {
        Some(sqlstate) if !error.is_connection_lost() => Ok(NotSized::NotPlanned(format!("SQLSTATE {sqlstate}"))),
        _ => Err(error),
    }
}

fn lone(text: &str) -> Result<(), NotSized> {
    lone_expression(text).map_err(|reason| NotSized::NotPlanned(reason.to_owned()))
}

async fn rows(
    client: &Client,
    sql: &str,
    parameters: &[(&(dyn tokio_postgres::types::ToSql + Sync), Type)],
) -> Result<Vec<Row>, Error> {
    let answer = client.query_typed(sql, parameters).await;
    answer.map_err(|error| Error::query("read what an index would hold", error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_seen_as_a_word_and_not_in_strings() {
        assert!(mentions("lower(email)", "email"));
        assert!(mentions("(data ->> 'email'::text)", "data"));
        assert!(!mentions("(data ->> 'email'::text)", "email"));
        assert!(!mentions("lower(email_2)", "email"));
        assert!(!mentions("lower(name)", "lower"));
        assert!(mentions("upper(\"Odd Name\")", "Odd Name"));
    }
}
