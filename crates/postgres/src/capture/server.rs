//! Which server this is, what the role may do on it, and its settings.

use std::collections::BTreeMap;

use pgtailor_model::snapshot::{Capabilities, Extension, NotExamined, Server, Setting};
use tokio_postgres::Transaction;

use super::query::{row, rows};
use crate::error::Error;

/// Who and where we are, before anything else is asked.
const SERVER: &str = "\
SELECT /* pgtailor */ current_setting('server_version_num')::int4 AS version,
       current_setting('server_version') AS version_text,
       d.datname AS database, d.oid AS database_oid,
       current_setting('block_size')::int4 AS block_size,
       pg_is_in_recovery() AS in_recovery,
       pg_postmaster_start_time() AS started_at,
       transaction_timestamp() AS captured_at,
       has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE') AS may_read_control
  FROM pg_catalog.pg_database d
 WHERE d.datname = current_database()";

const SYSTEM_IDENTIFIER: &str = "SELECT /* pgtailor */ system_identifier::text FROM pg_catalog.pg_control_system()";

const ROLE: &str = "\
SELECT /* pgtailor */ r.rolname AS role, r.rolsuper AS superuser,
       has_database_privilege(current_database(), 'CREATE') AS create_in_database,
       pg_has_role('pg_read_all_stats', 'USAGE') AS read_all_stats,
       pg_has_role('pg_read_all_settings', 'USAGE') AS read_all_settings
  FROM pg_catalog.pg_roles r
 WHERE r.rolname = current_user";

const SCHEMAS: &str = r"SELECT /* pgtailor */ n.nspname AS schema
  FROM pg_catalog.pg_namespace n
 WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
   AND has_schema_privilege(n.oid, 'CREATE')";

const EXTENSIONS: &str = "\
SELECT /* pgtailor */ e.extname AS name, n.nspname AS schema, e.extversion AS version
  FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace";

const AVAILABLE: &str = "\
SELECT /* pgtailor */ a.name AS name, a.default_version AS version
  FROM pg_catalog.pg_available_extensions() a
 WHERE a.default_version IS NOT NULL
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_extension e WHERE e.extname = a.name)";

/// Numbers, switches and choices cannot hold a secret; texts can (`primary_conninfo`, an application's own `app.jwt_secret`), so of
/// those only the named ones are read. What our own session or transaction has set is shown as it was before.
const SETTINGS: &str = "\
SELECT /* pgtailor */ name, unit, source,
       CASE WHEN source = 'session' THEN reset_val ELSE setting END AS value
  FROM pg_catalog.pg_settings
 WHERE vartype IN ('bool', 'integer', 'real', 'enum')
    OR name IN ('DateStyle', 'TimeZone', 'default_table_access_method', 'default_tablespace', 'default_text_search_config',
                'lc_collate', 'lc_ctype', 'lc_messages', 'lc_monetary', 'lc_numeric', 'lc_time', 'local_preload_libraries',
                'log_line_prefix',
                'search_path', 'server_encoding', 'server_version', 'session_preload_libraries', 'shared_preload_libraries',
                'synchronous_standby_names', 'temp_tablespaces')";

/// The server, and the moment at which this transaction began by its clock.
pub(super) async fn read_server(
    transaction: &Transaction<'_>,
    not_examined: &mut Vec<NotExamined>,
) -> Result<(Server, jiff::Timestamp), Error> {
    let answer = row(transaction, "read which server this is", SERVER).await?;
    let system_identifier = if answer.get("may_read_control") {
        Some(row(transaction, "read the system identifier", SYSTEM_IDENTIFIER).await?.get(0))
    } else {
        not_examined.push(NotExamined {
            object: "system identifier".to_owned(),
            reason: "this role may not call `pg_control_system()`".to_owned(),
        });
        None
    };
    let server = Server {
        version: u32::try_from(answer.get::<_, i32>("version")).unwrap_or_default(),
        version_text: answer.get("version_text"),
        database: answer.get("database"),
        database_oid: answer.get("database_oid"),
        system_identifier,
        block_size: u32::try_from(answer.get::<_, i32>("block_size")).unwrap_or(8192),
        in_recovery: answer.get("in_recovery"),
        started_at: answer.get("started_at"),
    };
    Ok((server, answer.get("captured_at")))
}

/// What the current role may do, and which extensions there are.
pub(super) async fn read_capabilities(transaction: &Transaction<'_>) -> Result<Capabilities, Error> {
    let role = row(transaction, "read the rights of the current role", ROLE).await?;
    let mut create_in_schemas: Vec<String> =
        rows(transaction, "read the rights on schemas", SCHEMAS, &[]).await?.iter().map(|row| row.get("schema")).collect();
    create_in_schemas.sort();
    let extensions = rows(transaction, "read the installed extensions", EXTENSIONS, &[])
        .await?
        .iter()
        .map(|row| (row.get("name"), Extension { schema: row.get("schema"), version: row.get("version") }))
        .collect();
    let available_extensions = rows(transaction, "read the available extensions", AVAILABLE, &[])
        .await?
        .iter()
        .map(|row| (row.get("name"), row.get("version")))
        .collect();
    Ok(Capabilities {
        role: role.get("role"),
        superuser: role.get("superuser"),
        create_in_database: role.get("create_in_database"),
        read_all_stats: role.get("read_all_stats"),
        read_all_settings: role.get("read_all_settings"),
        create_in_schemas,
        extensions,
        available_extensions,
    })
}

/// The settings that this role may see, without those that could hold a secret.
pub(super) async fn read_settings(
    transaction: &Transaction<'_>,
    capabilities: &Capabilities,
    not_examined: &mut Vec<NotExamined>,
) -> Result<BTreeMap<String, Setting>, Error> {
    if !capabilities.read_all_settings {
        not_examined.push(NotExamined {
            object: "some settings".to_owned(),
            reason: format!(
                "only members of pg_read_all_settings see them; `GRANT pg_read_all_settings TO {}` would help",
                pgtailor_model::name::quote_identifier(&capabilities.role)
            ),
        });
    }
    let answer = rows(transaction, "read the settings", SETTINGS, &[]).await?;
    Ok(answer
        .iter()
        .map(|row| {
            let value: Option<String> = row.get("value");
            let setting = Setting { value: value.unwrap_or_default(), unit: row.get("unit"), source: row.get("source") };
            (row.get("name"), setting)
        })
        .collect())
}
