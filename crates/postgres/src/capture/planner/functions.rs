//! Functions and procedures, sequences; and what is not carried to a twin: aggregates, operators and other rarities.

use pgtailor_model::name::Oid;
use pgtailor_model::planner::{SchemaObject, SchemaObjectKind};
use tokio_postgres::Transaction;

use super::super::guard::Wanted;
use super::super::query::rows;
use super::Reading;
use super::types::{name_of, of_interest};
use crate::error::Error;

const DEFINITIONS: &str = "\
SELECT /* pgtailor */ p.oid AS oid, pg_get_functiondef(p.oid) AS definition FROM unnest($1::oid[]) AS p (oid)";

/// Languages whose functions are words only; in others they need code of a file or of the server.
const LANGUAGES: &str = "('sql', 'plpgsql', 'internal')";

/// Adds functions, sequences and a note for what has no place in a twin. Those of a range type come with the type.
pub(super) async fn read_functions(transaction: &mut Transaction<'_>, reading: &mut Reading<'_>) -> Result<(), Error> {
    let sql = format!(
        "SELECT /* pgtailor */ p.oid AS oid, n.nspname AS schema, p.proname AS name, l.lanname IN {LANGUAGES} AS portable, l.lanname::text AS language
           FROM pg_catalog.pg_proc p
           JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
           JOIN pg_catalog.pg_language l ON l.oid = p.prolang
          WHERE p.prokind IN ('f', 'p', 'w') AND {}
            AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend i
                             WHERE i.classid = 'pg_catalog.pg_proc'::regclass AND i.objid = p.oid AND i.deptype = 'i')
          ORDER BY p.oid",
        of_interest("pg_proc", "p.oid")
    );
    let found = rows(transaction, "read the functions", &sql, &[]).await?;
    let mut names = Vec::new();
    for row in &found {
        let name = name_of(row);
        if row.get("portable") {
            names.push((Oid(row.get("oid")), name));
        } else {
            let language: String = row.get("language");
            reading.missing(format!("function {name}"), None, format!("language {language} is not carried to a twin"));
        }
    }
    let wanted: Vec<Wanted> = names.iter().map(|(oid, _)| Wanted { object: *oid, opens: *oid }).collect();
    let mut answers = reading
        .guard
        .read(transaction, "read the definitions of functions", DEFINITIONS, &wanted, |row| {
            (Oid(row.get("oid")), row.get::<_, Option<String>>("definition"))
        })
        .await?;
    for (oid, name) in names {
        if let Some(sql) = answers.found.remove(&oid) {
            reading.schema.push(SchemaObject::new(SchemaObjectKind::Function, name.to_string(), sql));
        } else {
            let reason = answers.refused.remove(&oid).unwrap_or_default();
            reading.missing(format!("function {name}"), None, reason);
        }
    }
    read_sequences(transaction, reading).await?;
    read_rarities(transaction, reading).await
}

/// Sequences of identity columns come with their tables.
async fn read_sequences(transaction: &Transaction<'_>, reading: &mut Reading<'_>) -> Result<(), Error> {
    let sql = format!(
        "SELECT /* pgtailor */ n.nspname AS schema, c.relname AS name, format_type(s.seqtypid, NULL) AS type
           FROM pg_catalog.pg_class c
           JOIN pg_catalog.pg_sequence s ON s.seqrelid = c.oid
           JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
          WHERE c.relkind = 'S' AND c.relpersistence <> 't' AND {}
            AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend i
                             WHERE i.classid = 'pg_catalog.pg_class'::regclass AND i.objid = c.oid AND i.deptype = 'i')
          ORDER BY c.oid",
        of_interest("pg_class", "c.oid")
    );
    for row in rows(transaction, "read the sequences", &sql, &[]).await? {
        let name = name_of(&row);
        let sql = format!("CREATE SEQUENCE {} AS {}", name.sql(), row.get::<_, String>("type"));
        reading.schema.push(SchemaObject::new(SchemaObjectKind::Sequence, name.to_string(), sql));
    }
    Ok(())
}

/// Seldom made by applications themselves: statements that use one are skipped on a twin.
async fn read_rarities(transaction: &Transaction<'_>, reading: &mut Reading<'_>) -> Result<(), Error> {
    let of = |class: &str, oid: &str| of_interest(class, oid);
    let sql = format!(
        "SELECT /* pgtailor */ 'aggregate' AS kind, n.nspname AS schema, x.proname AS name FROM pg_catalog.pg_proc x
           JOIN pg_catalog.pg_namespace n ON n.oid = x.pronamespace WHERE x.prokind = 'a' AND {}
         UNION ALL SELECT 'operator', n.nspname, x.oprname FROM pg_catalog.pg_operator x
           JOIN pg_catalog.pg_namespace n ON n.oid = x.oprnamespace WHERE {}
         UNION ALL SELECT 'operator class', n.nspname, x.opcname FROM pg_catalog.pg_opclass x
           JOIN pg_catalog.pg_namespace n ON n.oid = x.opcnamespace WHERE {}
         UNION ALL SELECT 'text search configuration', n.nspname, x.cfgname FROM pg_catalog.pg_ts_config x
           JOIN pg_catalog.pg_namespace n ON n.oid = x.cfgnamespace WHERE {}
         UNION ALL SELECT 'foreign table', n.nspname, x.relname FROM pg_catalog.pg_class x
           JOIN pg_catalog.pg_namespace n ON n.oid = x.relnamespace WHERE x.relkind = 'f' AND {}
         ORDER BY 1, 2, 3",
        of("pg_proc", "x.oid"),
        of("pg_operator", "x.oid"),
        of("pg_opclass", "x.oid"),
        of("pg_ts_config", "x.oid"),
        of("pg_class", "x.oid")
    );
    for row in rows(transaction, "read what a twin cannot have", &sql, &[]).await? {
        let kind: String = row.get("kind");
        reading.missing(format!("{kind} {}", name_of(&row)), None, format!("{kind} definitions are not carried to a twin"));
    }
    Ok(())
}
