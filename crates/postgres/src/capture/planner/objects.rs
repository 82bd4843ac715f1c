//! Views, rewrite rules and extended statistics objects.

use pgtailor_model::name::{Oid, quote_identifier};
use pgtailor_model::planner::{SchemaObject, SchemaObjectKind};
use tokio_postgres::Transaction;

use super::super::guard::Wanted;
use super::super::query::rows;
use super::types::{name_of, of_interest};
use super::{Reading, tables};
use crate::error::Error;

/// Adds views, rules and extended statistics.
pub(super) async fn read_objects(transaction: &mut Transaction<'_>, reading: &mut Reading<'_>) -> Result<(), Error> {
    read_views(transaction, reading).await?;
    read_rules(transaction, reading).await?;
    read_statistics_objects(transaction, reading).await
}

/// What views select is in the catalog already; of their options only one changes plans.
async fn read_views(transaction: &Transaction<'_>, reading: &mut Reading<'_>) -> Result<(), Error> {
    let sql = format!(
        "SELECT /* pgtailor */ n.nspname AS schema, c.relname AS name
           FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
          WHERE c.relkind = 'v' AND 'security_barrier=true' = ANY (c.reloptions) AND {}",
        of_interest("pg_class", "c.oid")
    );
    let barriers: Vec<_> = rows(transaction, "read the options of views", &sql, &[]).await?.iter().map(name_of).collect();
    for view in &reading.catalog.views {
        let Some(definition) = &view.definition else { continue };
        let columns: Vec<String> = view.columns.iter().map(|column| quote_identifier(column)).collect();
        let barrier = if barriers.contains(&view.name) { " WITH (security_barrier)" } else { "" };
        let sql = format!(
            "CREATE VIEW {} ({}){barrier} AS {}",
            view.name.sql(),
            columns.join(", "),
            definition.trim_end().trim_end_matches(';')
        );
        reading.schema.push(SchemaObject::new(SchemaObjectKind::View, view.name.to_string(), sql));
    }
    Ok(())
}

async fn read_rules(transaction: &mut Transaction<'_>, reading: &mut Reading<'_>) -> Result<(), Error> {
    let sql = format!(
        "SELECT /* pgtailor */ r.oid AS oid, c.oid AS table, c.relkind IN ('r', 'p') AS of_table, n.nspname AS schema, r.rulename AS name
           FROM pg_catalog.pg_rewrite r
           JOIN pg_catalog.pg_class c ON c.oid = r.ev_class
           JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
          WHERE r.rulename <> '_RETURN' AND r.ev_enabled <> 'D' AND {} ORDER BY r.oid",
        of_interest("pg_class", "c.oid")
    );
    let found = rows(transaction, "read the rules", &sql, &[]).await?;
    let wanted: Vec<Wanted> =
        found.iter().map(|row| Wanted { object: Oid(row.get("oid")), opens: Oid(row.get("table")) }).collect();
    let texts = "SELECT /* pgtailor */ r.oid AS oid, pg_get_ruledef(r.oid) AS definition FROM unnest($1::oid[]) AS r (oid)";
    let answers = reading
        .guard
        .read(transaction, "read the definitions of rules", texts, &wanted, |row| {
            (Oid(row.get("oid")), row.get::<_, Option<String>>("definition"))
        })
        .await?;
    for row in &found {
        let table = row.get::<_, bool>("of_table").then(|| Oid(row.get("table")));
        let name = name_of(row).to_string();
        match answers.found.get(&Oid(row.get("oid"))) {
            Some(sql) => {
                reading.schema.push(SchemaObject { table, ..SchemaObject::new(SchemaObjectKind::Rule, name, sql.clone()) });
            }
            None => reading.missing(format!("rule {name}"), table, "its definition could not be read"),
        }
    }
    Ok(())
}

async fn read_statistics_objects(transaction: &mut Transaction<'_>, reading: &mut Reading<'_>) -> Result<(), Error> {
    let sql = format!(
        "SELECT /* pgtailor */ s.oid AS oid, s.stxrelid AS table, n.nspname AS schema, s.stxname AS name
           FROM pg_catalog.pg_statistic_ext s JOIN pg_catalog.pg_namespace n ON n.oid = s.stxnamespace
          WHERE {} ORDER BY s.oid",
        of_interest("pg_statistic_ext", "s.oid")
    );
    let left_out = reading.left_out.clone();
    let mut known = tables(reading.catalog);
    known.retain(|table, _| !left_out.contains(table));
    let found = rows(transaction, "read the extended statistics", &sql, &[]).await?;
    let found: Vec<_> = found.iter().filter(|row| known.contains_key(&Oid(row.get("table")))).collect();
    let wanted: Vec<Wanted> =
        found.iter().map(|row| Wanted { object: Oid(row.get("oid")), opens: Oid(row.get("table")) }).collect();
    let texts =
        "SELECT /* pgtailor */ s.oid AS oid, pg_get_statisticsobjdef(s.oid) AS definition FROM unnest($1::oid[]) AS s (oid)";
    let answers = reading
        .guard
        .read(transaction, "read the definitions of extended statistics", texts, &wanted, |row| {
            (Oid(row.get("oid")), row.get::<_, Option<String>>("definition"))
        })
        .await?;
    for row in found {
        let table = Some(Oid(row.get("table")));
        let name = name_of(row).to_string();
        match answers.found.get(&Oid(row.get("oid"))) {
            Some(sql) => {
                reading.schema.push(SchemaObject { table, ..SchemaObject::new(SchemaObjectKind::Statistics, name, sql.clone()) });
            }
            None => reading.missing(format!("extended statistics {name}"), table, "their definition could not be read"),
        }
    }
    Ok(())
}
