//! Reading everything that matters about one database into a [`Snapshot`], in one consistent read-only transaction.
//!
//! From raw catalogs, because the server's own conveniences (`pg_get_indexdef`, `information_schema`, `pg_total_relation_size`) are slow
//! on many tables and wait for locks. What needs a table's lock goes through `guard`, which never waits long and says what it had to
//! leave out. PostgreSQL's encodings are decoded here; no magic number leaves this module. It decides nothing, and reads no value of any
//! column, except where a capture for a twin is asked for (`planner`). Start reading at [`capture`].
//!
//! `pg_get_expr`, `format_type` and the like see the catalog as it is *now*, not as of the transaction's snapshot: an index whose table
//! changes during the capture is left out with a reason rather than described wrongly.

mod activity;
mod collations;
mod constraints;
pub(crate) mod deparse;
mod dictionary;
pub mod file;
mod guard;
mod indexes;
pub(crate) mod pieces;
mod planner;
mod query;
mod sequences;
mod server;
mod statement_text;
mod statements;
mod tables;
mod views;

use std::time::Duration;

use pgtailor_model::activity::Activity;
use pgtailor_model::catalog::{Catalog, Index};
use pgtailor_model::name::Oid;
use pgtailor_model::snapshot::{SNAPSHOT_VERSION, Snapshot};
use tokio_postgres::{IsolationLevel, Transaction};

use self::tables::Scope;
use crate::error::Error;
use crate::session::ReadOnlySession;

pub use file::{SnapshotFileError, read_snapshot, write_snapshot};
pub use planner::PlannerOptions;
pub use statement_text::MARKER;

/// How to capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaptureOptions {
    /// How many statements to keep, those with the longest total time.
    pub statements: usize,
    /// The longest that one statement of the capture may take. There are some thirty, and one for each further 500 tables.
    pub statement_timeout: Duration,
    /// Whether to read what a twin needs, and how much of it.
    pub planner: Option<PlannerOptions>,
}

/// 5,000 statements, which is all that `pg_stat_statements` keeps by default, and 30 seconds; nothing for a twin.
impl Default for CaptureOptions {
    fn default() -> Self {
        Self { statements: 5_000, statement_timeout: Duration::from_secs(30), planner: None }
    }
}

/// Longest wait for one lock.
const LOCK_TIMEOUT: Duration = Duration::from_millis(250);

/// Captures the database of `session`.
///
/// What this role may not read, and what somebody's lock keeps from being read within a quarter of a second, is named in
/// [`Snapshot::not_examined`] and is `None` in its place; everything else is complete. At most two to three seconds are lost by locks,
/// however many there are. Works on a standby.
pub async fn capture(session: &mut ReadOnlySession, options: &CaptureOptions) -> Result<Snapshot, Error> {
    let began = |source| Error::query("begin the capture", source);
    let mut transaction = begin(session).await.map_err(began)?;
    // Compiling a catalog query costs more than running it. Both settings end with the transaction.
    let limits = format!(
        "SET /* pgtailor */ LOCAL lock_timeout = '{}ms'; SET /* pgtailor */ LOCAL statement_timeout = '{}ms'; \
         SET /* pgtailor */ LOCAL jit = off",
        LOCK_TIMEOUT.as_millis(),
        options.statement_timeout.as_millis()
    );
    transaction.batch_execute(&limits).await.map_err(began)?;

    let mut not_examined = Vec::new();
    let (server, captured_at) = server::read_server(&transaction, &mut not_examined).await?;
    let capabilities = server::read_capabilities(&transaction).await?;
    let settings = server::read_settings(&transaction, &capabilities, &mut not_examined).await?;
    let dictionary = dictionary::Dictionary::read(&transaction).await?;
    let mut tables = tables::read_tables(&transaction, server.version, Scope::Database, &mut not_examined).await?;
    indexes::read_indexes(&mut transaction, server.version, Scope::Database, &dictionary, &mut tables, &mut not_examined).await?;
    collations::read_outdated(&transaction, server.version, &mut tables.tables).await?;
    constraints::read_foreign_keys(&transaction, &mut tables.tables).await?;
    constraints::read_extended_statistics(&transaction, &mut tables.tables).await?;
    let catalog = Catalog {
        tables: tables.tables,
        views: views::read_views(&mut transaction, &mut not_examined).await?,
        functions: views::read_functions(&transaction).await?,
        relation_names: tables::read_relation_names(&transaction).await?,
        operator_classes: dictionary.operator_classes(),
        sequences: sequences::read_sequences(&mut transaction, &mut not_examined).await?,
    };
    let (since, active_time) = activity::read_period(&transaction, server.version).await?;
    let (table_counters, index_counters) = activity::read_counters(&transaction, server.version, &catalog).await?;
    let database = activity::read_database(&transaction).await?;
    let standbys = Some(activity::read_standbys(&transaction).await?);
    let statements =
        statements::read_statements(&mut transaction, &server, &capabilities, &settings, options.statements, &mut not_examined)
            .await?;
    let planner = match &options.planner {
        Some(options) => Some(planner::read(&mut transaction, &server, &capabilities, &catalog, &dictionary, options).await?),
        None => None,
    };
    transaction.rollback().await.map_err(|source| Error::query("end the capture", source))?;

    not_examined.sort();
    Ok(Snapshot {
        snapshot_version: SNAPSHOT_VERSION,
        captured_at,
        server,
        capabilities,
        settings,
        catalog,
        activity: Activity {
            since,
            active_time,
            database,
            tables: table_counters,
            indexes: index_counters,
            standbys,
            statements,
        },
        planner,
        not_examined,
    })
}

/// The indexes of one table as they are now, sorted by name; none when the table is gone. For the executor, between two steps.
pub(crate) async fn indexes_of_table(session: &mut ReadOnlySession, table: Oid) -> Result<Vec<Index>, Error> {
    let version = session.version();
    let began = |source| Error::query("look at the table's indexes", source);
    let mut transaction = begin(session).await.map_err(began)?;
    let mut not_examined = Vec::new();
    let scope = Scope::Table(table);
    let dictionary = dictionary::Dictionary::read(&transaction).await?;
    let mut tables = tables::read_tables(&transaction, version, scope, &mut not_examined).await?;
    indexes::read_indexes(&mut transaction, version, scope, &dictionary, &mut tables, &mut not_examined).await?;
    transaction.rollback().await.map_err(began)?;
    Ok(tables.tables.pop().map(|table| table.indexes).unwrap_or_default())
}

/// A transaction in which every statement sees the same rows, and none can write.
async fn begin(session: &mut ReadOnlySession) -> Result<Transaction<'_>, tokio_postgres::Error> {
    session.client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true).start().await
}
