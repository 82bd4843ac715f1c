//! Two rows in each table, with the smallest and the largest values of its indexed columns: the only data that a twin has.
//!
//! They are inserted by the owner, before there are most indexes and constraints. `NOT NULL` is in the way, and so are the few indexes that must
//! be there before and are unique: the superuser takes that off in the catalog for as long.

use std::collections::{BTreeMap, BTreeSet};

use pgtailor_model::name::{Oid, quote_identifier, quote_literal};
use pgtailor_model::planner::{ColumnStatistic, Extremes, Inexact, PlannerInputs, SchemaObjectKind, StatisticColumn, slot_kind};
use pgtailor_postgres::error::Error;
use pgtailor_postgres::lab_session::LabSession;

use crate::error::TwinError;

/// Statements on their way at a time.
const PAGE: usize = 500;

/// Inserts the rows of `inputs`.
pub(crate) async fn insert(
    superuser: &LabSession,
    owner: &LabSession,
    inputs: &PlannerInputs,
    inexact: &mut Vec<Inexact>,
) -> Result<(), TwinError> {
    if inputs.extremes.is_empty() {
        return Ok(());
    }
    let off = "SET allow_system_table_mods = on;
        CREATE TEMPORARY TABLE pgtailor_not_null AS
          SELECT a.attrelid, a.attnum FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
           WHERE a.attnotnull AND a.attnum > 0 AND c.relkind IN ('r', 'p') AND c.oid >= 16384;
        UPDATE pg_catalog.pg_attribute a SET attnotnull = false FROM pgtailor_not_null n WHERE a.attrelid = n.attrelid AND a.attnum = n.attnum;
        CREATE TEMPORARY TABLE pgtailor_unique AS
          SELECT i.indexrelid, i.indisunique, i.indisexclusion FROM pg_catalog.pg_index i
           WHERE (i.indisunique OR i.indisexclusion) AND i.indrelid >= 16384;
        UPDATE pg_catalog.pg_index i SET indisunique = false, indisexclusion = false FROM pgtailor_unique u WHERE i.indexrelid = u.indexrelid";
    let on = "UPDATE pg_catalog.pg_attribute a SET attnotnull = true FROM pgtailor_not_null n WHERE a.attrelid = n.attrelid AND a.attnum = n.attnum;
        UPDATE pg_catalog.pg_index i SET indisunique = u.indisunique, indisexclusion = u.indisexclusion FROM pgtailor_unique u
         WHERE i.indexrelid = u.indexrelid;
        DROP TABLE pgtailor_not_null, pgtailor_unique; RESET allow_system_table_mods";
    superuser.run("let columns be null", off).await?;
    let names = table_names(inputs);
    let mut refused = Vec::new();
    for page in inputs.extremes.chunks(PAGE) {
        let statements: Vec<(&Extremes, String)> =
            page.iter().filter_map(|extremes| Some((extremes, statement(names.get(&extremes.table)?, extremes, &[])?))).collect();
        refused.extend(send(owner, &statements).await?.into_iter().map(|(extremes, _)| extremes));
    }
    // Of types that are not here, columns are left out of a table.
    let here = columns_here(superuser, &refused, &names).await?;
    // A partition refuses rows that are not its own: then the other columns get some value that the partition has.
    let again: Vec<(&Extremes, String)> = refused
        .into_iter()
        .filter_map(|extremes| {
            let name = names.get(&extremes.table)?;
            let is_here = |column: &str| here.contains(&(name.clone(), column.to_owned()));
            let mut fillings = fillings(inputs, extremes);
            fillings.retain(|(column, _)| is_here(column));
            let mut left = extremes.clone();
            left.columns.retain(|extreme| is_here(&extreme.column));
            Some((extremes, statement(name, &left, &fillings)?))
        })
        .collect();
    for (extremes, error) in send(owner, &again).await? {
        let state = error.sqlstate().unwrap_or_default();
        inexact.push(Inexact {
            object: format!("extremes of {}", names.get(&extremes.table).cloned().unwrap_or_default()),
            table: Some(extremes.table),
            reason: format!(
                "a row with them was refused (SQLSTATE {state}): constants outside the histogram are estimated otherwise"
            ),
        });
    }
    Ok(superuser.run("let columns be not null again", on).await?)
}

/// Columns that the twin's tables have, of those of `extremes`.
async fn columns_here(
    superuser: &LabSession,
    extremes: &[&Extremes],
    names: &BTreeMap<Oid, String>,
) -> Result<BTreeSet<(String, String)>, TwinError> {
    let tables: Vec<String> =
        extremes.iter().filter_map(|extremes| Some(format!("({})", quote_literal(names.get(&extremes.table)?)))).collect();
    if tables.is_empty() {
        return Ok(BTreeSet::new());
    }
    let sql = format!(
        "SELECT t.name, a.attname FROM (VALUES {}) AS t (name) JOIN pg_catalog.pg_attribute a ON a.attrelid = to_regclass(t.name)
          WHERE a.attnum > 0 AND NOT a.attisdropped",
        tables.join(", ")
    );
    let found = superuser.rows("read the columns of tables", &sql).await?;
    let pair = |row: Vec<Option<String>>| {
        let [table, column] = row.try_into().ok()?;
        Some((table?, column?))
    };
    Ok(found.into_iter().filter_map(pair).collect())
}

/// Names of tables as SQL, from the definitions.
fn table_names(inputs: &PlannerInputs) -> BTreeMap<Oid, String> {
    let tables = inputs.schema.iter().filter(|object| object.kind == SchemaObjectKind::Table);
    let names: BTreeMap<Oid, String> = inputs
        .relations
        .iter()
        .filter(|relation| relation.oid == relation.table)
        .map(|relation| (relation.oid, relation.name.sql()))
        .collect();
    tables.filter_map(|object| Some((object.table?, names.get(&object.table?)?.clone()))).collect()
}

/// Sends each statement and returns those that were refused.
async fn send<'a>(owner: &LabSession, statements: &[(&'a Extremes, String)]) -> Result<Vec<(&'a Extremes, Error)>, TwinError> {
    let texts: Vec<&str> = statements.iter().map(|(_, text)| text.as_str()).collect();
    let outcomes = owner.run_each("insert the extremes of a table", &texts).await?;
    Ok(statements.iter().zip(outcomes).filter_map(|((extremes, _), outcome)| Some((*extremes, outcome.err()?))).collect())
}

/// A value for each further column of the table, as SQL, from its statistics.
fn fillings(inputs: &PlannerInputs, extremes: &Extremes) -> Vec<(String, String)> {
    let own = inputs.statistics.iter().filter(|statistic| statistic.relation == extremes.table && !statistic.inherited);
    let filling = |statistic: &ColumnStatistic| {
        let StatisticColumn::Name(name) = &statistic.column else { return None };
        let is_extreme = extremes.columns.iter().any(|extreme| extreme.column == *name);
        let kinds = [slot_kind::MOST_COMMON, slot_kind::HISTOGRAM];
        let slot = statistic.numbers.slots.iter().find(|slot| kinds.contains(&slot.kind))?;
        let values = slot.values.as_ref().filter(|values| !is_extreme && !values.element_type.ends_with("[]"))?;
        // Every array reads as one of texts.
        Some((name.clone(), format!("(({}::text[])[1])::{}", quote_literal(&values.text), values.element_type)))
    };
    own.filter_map(filling).collect()
}

/// One row where smallest and largest are the same everywhere: an index may be unique.
fn statement(table: &str, extremes: &Extremes, fillings: &[(String, String)]) -> Option<String> {
    if extremes.columns.is_empty() {
        return None;
    }
    let named = extremes.columns.iter().map(|extreme| &extreme.column).chain(fillings.iter().map(|(name, _)| name));
    let columns: Vec<String> = named.map(|name| quote_identifier(name)).collect();
    let filled: Vec<String> = fillings.iter().map(|(_, sql)| sql.clone()).collect();
    let row = |values: Vec<String>| format!("({})", [values, filled.clone()].concat().join(", "));
    let least = row(extremes.columns.iter().map(|extreme| quote_literal(&extreme.least)).collect());
    let greatest = row(extremes.columns.iter().map(|extreme| quote_literal(&extreme.greatest)).collect());
    let rows = if least == greatest { least } else { format!("{least}, {greatest}") };
    Some(format!("INSERT INTO {table} ({}) OVERRIDING SYSTEM VALUE VALUES {rows}", columns.join(", ")))
}
