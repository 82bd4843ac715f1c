//! Extensions, schemas, collations and types: what tables are made of.

use std::collections::BTreeMap;

use pgtailor_model::name::{Oid, QualifiedName, quote_identifier, quote_literal};
use pgtailor_model::planner::{EnumLabel, SchemaObject, SchemaObjectKind};
use pgtailor_model::snapshot::Capabilities;
use tokio_postgres::{Row, Transaction};

use super::super::query::rows;
use super::Reading;
use crate::error::Error;

/// Outside the server's own schemas and made by no extension. `{class}` is the catalog, `{oid}` the object.
pub(super) fn of_interest(class: &str, oid: &str) -> String {
    format!(
        "n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'pgtailor')
         AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                          WHERE d.classid = 'pg_catalog.{class}'::regclass AND d.objid = {oid} AND d.deptype = 'e')"
    )
}

/// Types by OID, as `regtype` writes them, and labels of enums by theirs.
type Names = (BTreeMap<Oid, String>, BTreeMap<Oid, EnumLabel>);

/// Adds extensions, schemas, collations and types.
pub(super) async fn read_types(
    transaction: &Transaction<'_>,
    reading: &mut Reading<'_>,
    capabilities: &Capabilities,
) -> Result<Names, Error> {
    for (name, extension) in capabilities.extensions.iter().filter(|(name, _)| *name != "plpgsql") {
        // Made by its name: the text is for people.
        let sql = format!("CREATE EXTENSION {}", quote_identifier(name));
        let object = SchemaObject::new(SchemaObjectKind::Extension, name.clone(), sql);
        reading.schema.push(SchemaObject { tail: extension.schema.clone(), ..object });
    }
    let sql = format!(
        "SELECT /* pgtailor */ n.nspname AS schema FROM pg_catalog.pg_namespace n WHERE {} ORDER BY 1",
        of_interest("pg_namespace", "n.oid")
    );
    for row in rows(transaction, "read the schemas", &sql, &[]).await? {
        let name: String = row.get("schema");
        let sql = format!("CREATE SCHEMA IF NOT EXISTS {}", quote_identifier(&name));
        reading.schema.push(SchemaObject::new(SchemaObjectKind::Schema, name, sql));
    }
    read_collations(transaction, reading).await?;
    read_own_types(transaction, reading).await?;
    read_domain_checks(transaction, reading).await?;

    let sql = "SELECT /* pgtailor */ t.oid AS oid, t.oid::regtype::text AS name FROM pg_catalog.pg_type t
                WHERE t.oid >= 16384 AND t.typtype <> 'p' AND t.typrelid = 0";
    let names = rows(transaction, "read the names of types", sql, &[]).await?;
    let sql = "SELECT /* pgtailor */ e.oid AS oid, e.enumtypid AS of, e.enumlabel::text AS label FROM pg_catalog.pg_enum e";
    let labels = rows(transaction, "read the labels of enums", sql, &[]).await?;
    Ok((
        names.iter().map(|row| (Oid(row.get("oid")), row.get("name"))).collect(),
        labels.iter().map(|row| (Oid(row.get("oid")), EnumLabel { of: Oid(row.get("of")), label: row.get("label") })).collect(),
    ))
}

async fn read_collations(transaction: &Transaction<'_>, reading: &mut Reading<'_>) -> Result<(), Error> {
    let locale = match reading.server.version {
        170_000.. => "l.colllocale",
        150_000.. => "l.colliculocale",
        _ => "NULL::text",
    };
    let rules = if reading.at_least(160_000) { "l.collicurules" } else { "NULL::text" };
    let sql = format!(
        "SELECT /* pgtailor */ n.nspname AS schema, l.collname AS name, l.collprovider AS provider, l.collisdeterministic AS deterministic,
                l.collcollate::text AS collate, l.collctype::text AS ctype, {locale} AS locale, {rules} AS rules
           FROM pg_catalog.pg_collation l JOIN pg_catalog.pg_namespace n ON n.oid = l.collnamespace
          WHERE {} ORDER BY l.oid",
        of_interest("pg_collation", "l.oid")
    );
    for row in rows(transaction, "read the collations", &sql, &[]).await? {
        let name = name_of(&row);
        let provider = match row.get::<_, i8>("provider").cast_unsigned() {
            b'i' => "icu",
            b'b' => "builtin",
            _ => "libc",
        };
        let rules = row.get::<_, Option<String>>("rules").map(|rules| format!(", RULES = {}", quote_literal(&rules)));
        let collate: Option<String> = row.get("collate");
        let ctype: Option<String> = row.get("ctype");
        let text = |value: Option<String>| quote_literal(&value.unwrap_or_default());
        let place = match (row.get::<_, Option<String>>("locale"), provider) {
            (Some(locale), _) => format!("LOCALE = {}", quote_literal(&locale)),
            (None, "icu") => format!("LOCALE = {}", text(collate)),
            (None, _) => format!("LC_COLLATE = {}, LC_CTYPE = {}", text(collate), text(ctype)),
        };
        let deterministic = if row.get("deterministic") { "" } else { ", DETERMINISTIC = false" };
        let sql = format!(
            "CREATE COLLATION {} (PROVIDER = {provider}, {place}{deterministic}{})",
            name.sql(),
            rules.unwrap_or_default()
        );
        reading.schema.push(SchemaObject::new(SchemaObjectKind::Collation, name.to_string(), sql));
    }
    Ok(())
}

/// Enums, domains, composite types and ranges. Functions of ranges are left out: they would run wherever a value is read.
const OWN_TYPES: &str = r"SELECT /* pgtailor */ n.nspname AS schema, t.typname AS name, t.typtype AS kind, t.oid AS oid,
       ARRAY(SELECT e.enumlabel::text FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder) AS labels,
       ARRAY(SELECT quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod)
               FROM pg_catalog.pg_attribute a
              WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum) AS fields,
       format_type(t.typbasetype, t.typtypmod) AS base,
       CASE WHEN t.typcollation <> b.typcollation THEN t.typcollation END AS collation,
       format_type(r.rngsubtype, NULL) AS subtype, r.rngcanonical <> 0 AS canonical,
       CASE WHEN NOT o.opcdefault THEN quote_ident(p.nspname) || '.' || quote_ident(o.opcname) END AS class,
       {multirange} AS multirange
  FROM pg_catalog.pg_type t
  JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
  LEFT JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype
  LEFT JOIN pg_catalog.pg_range r ON r.rngtypid = t.oid
  LEFT JOIN pg_catalog.pg_opclass o ON o.oid = r.rngsubopc
  LEFT JOIN pg_catalog.pg_namespace p ON p.oid = o.opcnamespace
  LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
 WHERE t.typtype IN ('e', 'd', 'c', 'r', 'b') AND (t.typtype <> 'c' OR c.relkind = 'c') AND t.typisdefined
   AND (t.typtype <> 'b' OR t.typelem = 0 OR t.typlen <> -1)
   AND ";

async fn read_own_types(transaction: &Transaction<'_>, reading: &mut Reading<'_>) -> Result<(), Error> {
    let multirange = if reading.at_least(140_000) { "r.rngmultitypid::regtype::text" } else { "NULL::text" };
    let sql = OWN_TYPES.replace("{multirange}", multirange) + &of_interest("pg_type", "t.oid") + " ORDER BY t.oid";
    for row in rows(transaction, "read the types", &sql, &[]).await? {
        let name = name_of(&row);
        let sql = match row.get::<_, i8>("kind").cast_unsigned() {
            b'e' => {
                let labels: Vec<String> = row.get::<_, Vec<String>>("labels").iter().map(|label| quote_literal(label)).collect();
                format!("CREATE TYPE {} AS ENUM ({})", name.sql(), labels.join(", "))
            }
            b'd' => {
                let collation = row.get::<_, Option<u32>>("collation").and_then(|oid| reading.dictionary.collation(oid));
                let collation = collation.map(|name| format!(" COLLATE {}", name.sql())).unwrap_or_default();
                format!("CREATE DOMAIN {} AS {}{collation}", name.sql(), row.get::<_, String>("base"))
            }
            b'c' => format!("CREATE TYPE {} AS ({})", name.sql(), row.get::<_, Vec<String>>("fields").join(", ")),
            b'r' => {
                if row.get::<_, Option<bool>>("canonical").unwrap_or_default() {
                    reading.missing(format!("type {name}"), None, "its canonical function is left out");
                }
                let class = row.get::<_, Option<String>>("class").map(|class| format!(", SUBTYPE_OPCLASS = {class}"));
                let multirange =
                    row.get::<_, Option<String>>("multirange").map(|name| format!(", MULTIRANGE_TYPE_NAME = {name}"));
                format!(
                    "CREATE TYPE {} AS RANGE (SUBTYPE = {}{}{})",
                    name.sql(),
                    row.get::<_, String>("subtype"),
                    class.unwrap_or_default(),
                    multirange.unwrap_or_default()
                )
            }
            _ => {
                reading.missing(format!("type {name}"), None, "base types of no extension need code that is not here");
                continue;
            }
        };
        reading.schema.push(SchemaObject::new(SchemaObjectKind::Type, name.to_string(), sql));
    }
    Ok(())
}

/// Made last, since they are code that every value of the domain runs.
async fn read_domain_checks(transaction: &Transaction<'_>, reading: &mut Reading<'_>) -> Result<(), Error> {
    let sql = format!(
        "SELECT /* pgtailor */ n.nspname AS schema, t.typname AS name, k.conname AS constraint_name, pg_get_constraintdef(k.oid) AS definition
           FROM pg_catalog.pg_constraint k
           JOIN pg_catalog.pg_type t ON t.oid = k.contypid
           JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
          WHERE k.contype = 'c' AND {} ORDER BY k.oid",
        of_interest("pg_type", "t.oid")
    );
    for row in rows(transaction, "read the constraints of domains", &sql, &[]).await? {
        let name = name_of(&row);
        let definition: String = row.get("definition");
        let constraint: String = row.get("constraint_name");
        let sql = format!(
            "ALTER DOMAIN {} ADD CONSTRAINT {} {} NOT VALID",
            name.sql(),
            quote_identifier(&constraint),
            definition.trim_end_matches(" NOT VALID")
        );
        reading.schema.push(SchemaObject::new(SchemaObjectKind::DomainCheck, name.to_string(), sql));
    }
    Ok(())
}

/// `schema` and `name` of a row.
pub(super) fn name_of(row: &Row) -> QualifiedName {
    QualifiedName::new(row.get::<_, String>("schema"), row.get::<_, String>("name"))
}
