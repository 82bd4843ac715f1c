//! The smallest and the largest value of columns that lead a B-tree: the planner looks them up in the index when a constant lies at the edge
//! of the histogram (`get_actual_variable_range` in `selfuncs.c`), so a twin must have them there.
//!
//! Each is one look at an end of an index. What takes longer than a moment is left out, and so is everything once the time for all is over.

use std::collections::BTreeSet;
use std::time::Duration;

use pgtailor_model::catalog::{Table, TableKind};
use pgtailor_model::index::KeyPart;
use pgtailor_model::name::{Oid, quote_identifier};
use pgtailor_model::planner::{Extreme, Extremes};
use tokio_postgres::Transaction;

use super::Reading;
use super::each::read_each;
use crate::error::Error;

/// Longest look at one column.
const LIMITS: &str = "SET /* pgtailor */ LOCAL statement_timeout = '1s'; RESET /* pgtailor */ enable_seqscan; \
RESET /* pgtailor */ enable_bitmapscan; RESET /* pgtailor */ enable_sort; RESET /* pgtailor */ cpu_operator_cost";

/// Longest time for all.
const BUDGET: Duration = Duration::from_secs(30);

/// Reads the extremes of the tables among `relations`.
pub(super) async fn read_extremes(
    transaction: &mut Transaction<'_>,
    reading: &mut Reading<'_>,
    relations: &BTreeSet<Oid>,
) -> Result<Vec<Extremes>, Error> {
    let mut asked: Vec<(&Table, &str)> = Vec::new();
    let tables = reading.catalog.tables.iter().filter(|table| relations.contains(&table.oid));
    for table in tables.filter(|table| table.kind != TableKind::Partitioned) {
        for column in leading_columns(table) {
            asked.push((table, column));
        }
    }
    transaction.batch_execute(LIMITS).await.map_err(|source| Error::query("look for the extremes of columns", source))?;
    let statements: Vec<String> = asked.iter().map(|(table, column)| statement(table, column)).collect();
    let answers = read_each(transaction, "look for the extremes of columns", &statements, BUDGET).await?;
    let mut extremes: Vec<Extremes> = Vec::new();
    let mut refused: BTreeSet<(Oid, &'static str)> = BTreeSet::new();
    for ((table, column), answer) in asked.iter().zip(answers) {
        let rows = match answer {
            Some(Ok(rows)) => rows,
            Some(Err(state)) => {
                refused.insert((table.oid, reason(state.code())));
                continue;
            }
            None => {
                refused.insert((table.oid, "the time for all of them was over"));
                continue;
            }
        };
        let Some(row) = rows.first() else { continue };
        if let (Some(least), Some(greatest)) = (row.get("least"), row.get("greatest")) {
            let extreme = Extreme { column: (*column).to_owned(), least, greatest };
            match extremes.last_mut().filter(|last| last.table == table.oid) {
                Some(last) => last.columns.push(extreme),
                None => extremes.push(Extremes { table: table.oid, columns: vec![extreme] }),
            }
        }
    }
    for (oid, reason) in refused {
        let name = reading.catalog.table_by_oid(oid).map(|table| table.name.to_string()).unwrap_or_default();
        reading.missing(format!("extremes of {name}"), Some(oid), reason);
    }
    Ok(extremes)
}

/// Columns that lead a B-tree over all rows with the order of their type; the planner looks into no other.
fn leading_columns(table: &Table) -> BTreeSet<&str> {
    let definitions = table.indexes.iter().filter(|index| index.valid).filter_map(|index| index.definition.as_ref());
    definitions
        .filter(|definition| definition.method == "btree" && definition.predicate.is_none())
        .filter_map(|definition| definition.keys.first())
        .filter(|key| key.operator_class.is_none() && key.collation.is_none())
        .filter_map(|key| match &key.part {
            KeyPart::Column(name) => Some(name.as_str()),
            KeyPart::Expression(_) => None,
        })
        .collect()
}

/// `z.` keeps `ORDER BY` from meaning the text that is returned, which would sort the whole table.
fn statement(table: &Table, column: &str) -> String {
    let (table, column) = (table.name.sql(), quote_identifier(column));
    let end = |direction: &str| {
        format!(
            "(SELECT z.{column}::text FROM ONLY {table} z WHERE z.{column} IS NOT NULL ORDER BY z.{column} {direction} LIMIT 1)"
        )
    };
    format!("SELECT /* pgtailor */ {} AS least, {} AS greatest", end("ASC"), end("DESC"))
}

fn reason(sqlstate: &str) -> &'static str {
    match sqlstate {
        "42501" => "this role may not read the table, or policies hide rows from it",
        "57014" => "looking for them took longer than a second",
        "55P03" => "another session holds an ACCESS EXCLUSIVE lock",
        _ => "the server refused to look for them",
    }
}
