//! Views with what they select, and functions with their volatility: what statements reach beyond tables.

use std::collections::BTreeMap;

use pgtailor_model::catalog::{View, Volatility};
use pgtailor_model::name::{Oid, QualifiedName};
use pgtailor_model::snapshot::NotExamined;
use tokio_postgres::Transaction;

use super::guard::{Guard, Wanted};
use super::query::{rows, stream};
use crate::error::Error;

const VIEWS: &str = r"SELECT /* pgtailor */ c.oid AS oid, n.nspname AS schema, c.relname AS name,
       ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a
              WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum) AS columns
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'v' AND c.relpersistence = 'p' AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'pgtailor')
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')";

/// Opens the view and everything that it reads.
const DEFINITIONS: &str = "\
SELECT /* pgtailor */ v.oid AS oid, pg_get_viewdef(v.oid) AS definition FROM unnest($1::oid[]) AS v (oid)";

const FUNCTIONS: &str = r"SELECT /* pgtailor */ p.proname AS name, p.provolatile AS volatility
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
 WHERE n.nspname <> 'pg_catalog' AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_temp_'";

/// The views, sorted by schema and name.
pub(super) async fn read_views(
    transaction: &mut Transaction<'_>,
    not_examined: &mut Vec<NotExamined>,
) -> Result<Vec<View>, Error> {
    let found = rows(transaction, "read the views", VIEWS, &[]).await?;
    let mut views: Vec<(Oid, View)> = found
        .iter()
        .map(|row| {
            let name = QualifiedName::new(row.get::<_, String>("schema"), row.get::<_, String>("name"));
            (Oid(row.get("oid")), View { name, columns: row.get("columns"), definition: None })
        })
        .collect();
    let wanted: Vec<Wanted> = views.iter().map(|(oid, _)| Wanted { object: *oid, opens: *oid }).collect();
    let mut guard = Guard::new(transaction).await?;
    let mut answers = guard
        .read(transaction, "read the definitions of views", DEFINITIONS, &wanted, |row| {
            (Oid(row.get("oid")), row.get::<_, Option<String>>("definition"))
        })
        .await?;
    for (oid, view) in &mut views {
        view.definition = answers.found.remove(oid);
        if let Some(reason) = answers.refused.remove(oid) {
            not_examined.push(NotExamined { object: format!("view {}", view.name), reason });
        }
    }
    let mut views: Vec<View> = views.into_iter().map(|(_, view)| view).collect();
    views.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(views)
}

/// The functions outside the server's own schemas; of several with one name, the most volatile counts.
pub(super) async fn read_functions(transaction: &Transaction<'_>) -> Result<BTreeMap<String, Volatility>, Error> {
    let mut functions = BTreeMap::new();
    stream(transaction, "read the functions", FUNCTIONS, &[], |row| {
        let volatility = match row.get::<_, i8>("volatility").cast_unsigned() {
            b'i' => Volatility::Immutable,
            b's' => Volatility::Stable,
            _ => Volatility::Volatile,
        };
        let known = functions.entry(row.get("name")).or_insert(volatility);
        *known = volatility.max(*known);
    })
    .await?;
    Ok(functions)
}
