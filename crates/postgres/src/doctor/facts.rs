//! What the server says, as plain values; nothing is judged here.

use std::collections::BTreeMap;

use tokio_postgres::{Client, Row};

use crate::connect::Database;
use crate::error::Error;
use crate::session;

/// Everything that the checks judge.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    pub(super) place: String,
    pub(super) is_socket: bool,
    pub(super) options_refused: bool,
    pub(super) warnings: Vec<String>,
    /// The version of TLS, when there is TLS.
    pub(super) tls_version: Option<String>,
    /// `server_version_num`.
    pub(super) version: u32,
    pub(super) version_text: String,
    pub(super) is_standby: bool,
    pub(super) is_pooled: bool,
    pub(super) database: String,
    pub(super) role: String,
    pub(super) is_superuser: bool,
    pub(super) may_create_schema: bool,
    /// The comment on the schema `pgtailor`, when that exists; by it a ledger is known.
    pub(super) ledger_comment: Option<String>,
    pub(super) may_use_ledger: bool,
    pub(super) reads_all_stats: bool,
    pub(super) reads_all_settings: bool,
    pub(super) max_prepared_transactions: i32,
    pub(super) tables: Vec<TableGroup>,
    pub(super) extensions: BTreeMap<String, ExtensionFact>,
    /// Those that this role may read.
    pub(super) settings: BTreeMap<String, String>,
    /// `None` when the extension is not installed or its schema may not be used.
    pub(super) statements: Option<StatementsProbe>,
    /// Schema and name.
    pub(super) invalid_indexes: Vec<(String, String)>,
    pub(super) defaults: Vec<RoleDefault>,
    pub(super) event_triggers: Vec<String>,
}

/// The tables of one owner in one schema.
#[derive(Clone, Debug)]
pub(super) struct TableGroup {
    pub(super) schema: String,
    pub(super) owner: String,
    pub(super) acts_as_owner: bool,
    pub(super) may_use_schema: bool,
    pub(super) may_create: bool,
    pub(super) tables: i64,
    /// How many of them this role may read.
    pub(super) readable: i64,
}

/// An extension that could be or is installed.
#[derive(Clone, Debug)]
pub(super) struct ExtensionFact {
    pub(super) default_version: Option<String>,
    /// When installed.
    pub(super) version: Option<String>,
    /// When installed.
    pub(super) schema: Option<String>,
    pub(super) may_use_schema: bool,
}

/// What reading `pg_stat_statements` gave.
#[derive(Clone, Debug)]
pub(super) enum StatementsProbe {
    /// Numbers of statements and of those whose text is hidden.
    Read { statements: i64, hidden: i64 },
    /// Refused with this SQLSTATE.
    Refused { sqlstate: String, message: String },
}

/// A setting that a role or a database carries into its sessions.
#[derive(Clone, Debug)]
pub(super) struct RoleDefault {
    /// `role` or `database`.
    pub(super) carrier: String,
    pub(super) name: String,
    pub(super) value: String,
}

/// Asks the server everything, in one read-only transaction.
pub(super) async fn gather(database: &Database) -> Result<Facts, Error> {
    let is_pooled = session::is_pooled(database).await?;
    let established = crate::connect::establish(database, session::APPLICATION_NAME).await?;
    let (place, is_socket, options_refused) = (established.place, established.is_socket, established.options_refused);
    let client = &established.client;
    let version = session::server_version(client).await?;
    session::begin_reading(client, session::Limits::OBSERVER).await?;

    let role = one(client, "examine the role", include_str!("sql/role.sql")).await?;
    let extensions = extensions(client).await?;
    let tables = tables(client).await?;
    let settings = settings(client).await?;
    let invalid_indexes = all(client, "look for invalid indexes", include_str!("sql/invalid_indexes.sql")).await?;
    let defaults = defaults(client).await?;
    let event_triggers = all(client, "look for event triggers", include_str!("sql/event_triggers.sql")).await?;
    // Last, because a refusal ends the transaction.
    let statements = match extensions.get("pg_stat_statements") {
        Some(ExtensionFact { schema: Some(schema), may_use_schema: true, .. }) => Some(probe_statements(client, schema).await?),
        _ => None,
    };
    client.batch_execute("ROLLBACK").await.map_err(|error| Error::query("end the examination", error))?;
    Ok(Facts {
        place,
        is_socket,
        options_refused,
        warnings: database.warnings().to_vec(),
        tls_version: role.get("tls_version"),
        version,
        version_text: role.get("version_text"),
        is_standby: role.get("is_standby"),
        is_pooled,
        database: role.get("database"),
        role: role.get("role"),
        is_superuser: role.get("is_superuser"),
        may_create_schema: role.get("may_create_schema"),
        ledger_comment: role.get("ledger_comment"),
        may_use_ledger: role.get::<_, Option<bool>>("may_use_ledger").unwrap_or(false),
        reads_all_stats: role.get("reads_all_stats"),
        reads_all_settings: role.get("reads_all_settings"),
        max_prepared_transactions: role.get("max_prepared_transactions"),
        tables,
        extensions,
        settings,
        statements,
        invalid_indexes: invalid_indexes.iter().map(|row| (row.get("schema"), row.get("name"))).collect(),
        defaults,
        event_triggers: event_triggers.iter().map(|row| row.get("name")).collect(),
    })
}

async fn tables(client: &Client) -> Result<Vec<TableGroup>, Error> {
    let rows = all(client, "examine the tables", include_str!("sql/tables.sql")).await?;
    Ok(rows
        .iter()
        .map(|row| TableGroup {
            schema: row.get("schema"),
            owner: row.get("owner"),
            acts_as_owner: row.get("acts_as_owner"),
            may_use_schema: row.get("may_use_schema"),
            may_create: row.get("may_create"),
            tables: row.get("tables"),
            readable: row.get("readable"),
        })
        .collect())
}

async fn extensions(client: &Client) -> Result<BTreeMap<String, ExtensionFact>, Error> {
    let rows = all(client, "examine the extensions", include_str!("sql/extensions.sql")).await?;
    Ok(rows
        .iter()
        .map(|row| {
            let fact = ExtensionFact {
                default_version: row.get("default_version"),
                version: row.get("version"),
                schema: row.get("schema"),
                may_use_schema: row.get::<_, Option<bool>>("may_use_schema").unwrap_or(false),
            };
            (row.get("name"), fact)
        })
        .collect())
}

async fn settings(client: &Client) -> Result<BTreeMap<String, String>, Error> {
    let rows = all(client, "read settings", include_str!("sql/settings.sql")).await?;
    Ok(rows.iter().map(|row| (row.get("name"), row.get("value"))).collect())
}

async fn defaults(client: &Client) -> Result<Vec<RoleDefault>, Error> {
    let rows = all(client, "read the defaults of role and database", include_str!("sql/defaults.sql")).await?;
    Ok(rows
        .iter()
        .filter_map(|row| {
            let entry: String = row.get("entry");
            let (name, value) = entry.split_once('=')?;
            Some(RoleDefault { carrier: row.get("carrier"), name: name.to_owned(), value: value.to_owned() })
        })
        .collect())
}

/// Reads `pg_stat_statements` in `schema` once; a refusal of the server is an answer.
async fn probe_statements(client: &Client, schema: &str) -> Result<StatementsProbe, Error> {
    // The text that hides another role's statement is a constant of the extension, not localised.
    let question = format!(
        "SELECT /* pgtailor */ count(*), count(*) FILTER (WHERE query = '<insufficient privilege>') FROM {}.pg_stat_statements",
        pgtailor_model::name::quote_identifier(schema)
    );
    match one(client, "read pg_stat_statements", &question).await {
        Ok(row) => Ok(StatementsProbe::Read { statements: row.get(0), hidden: row.get(1) }),
        Err(Error::Server { sqlstate, message, .. }) => Ok(StatementsProbe::Refused { sqlstate, message }),
        Err(other) => Err(other),
    }
}

async fn one(client: &Client, operation: &str, sql: &str) -> Result<Row, Error> {
    client.query_typed_one(sql, &[]).await.map_err(|error| Error::query(operation, error))
}

async fn all(client: &Client, operation: &str, sql: &str) -> Result<Vec<Row>, Error> {
    client.query_typed(sql, &[]).await.map_err(|error| Error::query(operation, error))
}
