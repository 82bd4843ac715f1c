//! The sessions of a rollout: the builder sends the one statement and holds the lock; the watchdog writes the ledger, looks, and cancels
//! only its own builder; the observer reads the catalog and cannot write.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use pgtailor_model::catalog::Index;
use pgtailor_model::change::Change;
use pgtailor_model::ledger::Builder;
use pgtailor_model::name::{Oid, quote_identifier};
use tokio::sync::{Mutex, MutexGuard};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::error::{ApplyError, while_doing};
use crate::capture;
use crate::connect::Database;
use crate::ledger::{self, Ledger, LedgerPlace};
use crate::session::{self, ReadOnlySession};

/// First of the two numbers of the advisory lock: the letters `pgta`. The second is 0: one builder for the whole database.
const LOCK_CLASS: i32 = 0x7067_7461;
/// How long a builder is asked to give the lock back.
const RELEASE_FOR: Duration = Duration::from_secs(2);
/// How long a lost server is looked for.
const RECONNECT_FOR: Duration = Duration::from_mins(1);

/// The sessions, proven to work together.
pub(super) struct Sessions {
    pub builder: Client,
    pub watchdog: Client,
    observer: Mutex<ReadOnlySession>,
    pub identity: Builder,
    pub fingerprint: String,
    place: LedgerPlace,
}

/// Opens them, proves that they are direct, on a primary, and that one can cancel the other; takes the lock or gives up at once.
pub(super) async fn open(database: &Database) -> Result<Sessions, ApplyError> {
    if session::is_pooled(database).await? {
        return Err(ApplyError::Pooled);
    }
    let builder = session::open(database, "pgtailor: builder").await?;
    let version = server_version(&builder).await?;
    if is_standby(&builder).await? {
        return Err(ApplyError::Standby);
    }
    session::pin(&builder, &builder_settings(version)).await?;
    be_modest(&builder).await?;
    let watchdog = session::open(database, "pgtailor: watchdog").await?;
    session::pin(&watchdog, &watchdog_settings(version)).await?;
    let identity = identity(&builder).await?;
    let fingerprint = ledger::fingerprint(&watchdog).await?;
    let observer = Mutex::new(ReadOnlySession::connect(database).await?);
    let place = database.ledger_place().clone();
    let sessions = Sessions { builder, watchdog, observer, identity, fingerprint, place };
    if !try_lock(&sessions.builder).await? {
        return Err(ApplyError::Busy);
    }
    prove_watchdog(&sessions).await?;
    Ok(sessions)
}

/// Opens them again after the connection was lost: until the server answers and the lock is free (a builder that lost its client
/// holds it until the server notices), or the time is up.
pub(super) async fn reopen(database: &Database) -> Result<Sessions, ApplyError> {
    let deadline = Instant::now() + RECONNECT_FOR;
    let mut pause = Duration::from_millis(500);
    loop {
        match open(database).await {
            Ok(sessions) => return Ok(sessions),
            Err(error) if Instant::now() + pause > deadline => {
                tracing::debug!(%error, "gave up reconnecting");
                return Err(ApplyError::Gone { seconds: RECONNECT_FOR.as_secs() });
            }
            Err(error) => tracing::debug!(%error, "not back yet"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(5));
    }
}

impl Sessions {
    /// Asks the server to cancel what the builder does; by identity, so that a reused process number is never hit.
    pub async fn cancel_builder(&self) -> Result<(), ApplyError> {
        const CANCEL: &str = "SELECT /* pgtailor */ pg_catalog.pg_cancel_backend(pid) FROM pg_catalog.pg_stat_activity \
             WHERE pid = $1 AND backend_start = $2";
        let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 2] = [&self.identity.process_id, &self.identity.started_at];
        self.watchdog.query(CANCEL, &parameters).await.map_err(while_doing("cancel the builder"))?;
        Ok(())
    }

    /// Gives the lock back, if the builder is still there to do it: whoever opens sessions anew would wait for these to be missed.
    pub async fn release(&self) {
        const UNLOCK: &str = "SELECT /* pgtailor */ pg_catalog.pg_advisory_unlock($1, 0)";
        // A builder that is gone or hangs holds nothing that could be given back here.
        let _ = tokio::time::timeout(RELEASE_FOR, self.builder.query(UNLOCK, &[&LOCK_CLASS])).await;
    }

    /// Lets the builder act as the owner of `change`'s table, where this role is a member that does not inherit the owner's rights (F101).
    pub async fn act_for(&self, change: &Change) -> Result<(), ApplyError> {
        const OWNER: &str = "SELECT /* pgtailor */ pg_catalog.pg_get_userbyid(relowner)::text FROM pg_catalog.pg_class \
             WHERE oid = $1 AND NOT pg_catalog.pg_has_role(relowner, 'USAGE')";
        let doing = while_doing("act as the table's owner");
        self.builder.batch_execute("RESET /* pgtailor */ ROLE").await.map_err(&doing)?;
        let Some(table) = change.table_oid() else { return Ok(()) };
        let Some(row) = self.watchdog.query_opt(OWNER, &[&table.0]).await.map_err(&doing)? else { return Ok(()) };
        let owner: String = row.try_get(0).map_err(&doing)?;
        let set = format!("SET /* pgtailor */ ROLE {}", quote_identifier(&owner));
        self.builder.batch_execute(&set).await.map_err(&doing)
    }

    /// The indexes of a table as the catalog has them now, by a session that cannot write.
    pub async fn indexes_of(&self, table: Oid) -> Result<Vec<Index>, ApplyError> {
        Ok(capture::indexes_of_table(&mut *self.observer.lock().await, table).await?)
    }

    /// The session that cannot write.
    pub async fn observer(&self) -> MutexGuard<'_, ReadOnlySession> {
        self.observer.lock().await
    }

    /// `server_version_num`.
    pub async fn version(&self) -> u32 {
        self.observer.lock().await.version()
    }

    /// Whether a session was lost.
    pub async fn is_lost(&self) -> bool {
        self.builder.is_closed() || self.watchdog.is_closed() || self.observer.lock().await.is_lost()
    }

    /// Whether the builder session still holds the lock.
    pub async fn holds_lock(&self) -> Result<bool, ApplyError> {
        const HELD: &str = "SELECT /* pgtailor */ EXISTS (SELECT FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND granted \
             AND pid = $1 AND classid::bigint = $2 AND objid = 0 AND objsubid = 2)";
        let row = self
            .watchdog
            .query_one(HELD, &[&self.identity.process_id, &i64::from(LOCK_CLASS)])
            .await
            .map_err(while_doing("check the advisory lock"))?;
        row.try_get(0).map_err(while_doing("check the advisory lock"))
    }

    /// Where what is done is written down.
    pub fn ledger(&self) -> Ledger<'_> {
        Ledger { client: &self.watchdog, place: &self.place }
    }

    /// Makes sure that the ledger is there.
    pub async fn install_ledger(&self) -> Result<(), ApplyError> {
        let Err(error) = self.ledger().install().await else { return Ok(()) };
        if error.sqlstate() != Some(SqlState::INSUFFICIENT_PRIVILEGE.code()) {
            return Err(error.into());
        }
        let (role, database) = self.whoami().await?;
        Err(ApplyError::NoLedger { role, database })
    }

    /// The role and the database, quoted, for messages.
    pub async fn whoami(&self) -> Result<(String, String), ApplyError> {
        const WHO: &str = "SELECT /* pgtailor */ current_user::text, pg_catalog.current_database()::text";
        let row = self.watchdog.query_one(WHO, &[]).await.map_err(while_doing("ask for the current role"))?;
        let role: String = row.try_get(0).map_err(while_doing("ask for the current role"))?;
        let database: String = row.try_get(1).map_err(while_doing("ask for the current role"))?;
        Ok((quote_identifier(&role), quote_identifier(&database)))
    }
}

/// `lock_timeout` and `statement_timeout` are off: a concurrent build that is cut off leaves an invalid index (`faults` F06, F08). The
/// server itself ends the build when this client is gone (`client_connection_check_interval`, server 14 and later: F23).
fn builder_settings(version: u32) -> Vec<(&'static str, &'static str)> {
    let mut settings = vec![
        ("statement_timeout", "0"),
        ("lock_timeout", "0"),
        ("idle_in_transaction_session_timeout", "0"),
        ("default_transaction_read_only", "off"),
        ("default_transaction_isolation", "read committed"),
        ("default_tablespace", ""),
        // A synchronous standby that is gone would make every commit of a build wait without end (F89).
        ("synchronous_commit", "local"),
        ("search_path", "pg_catalog, pg_temp"),
    ];
    if version >= 140_000 {
        settings.extend([("idle_session_timeout", "0"), ("client_connection_check_interval", "5s")]);
    }
    settings
}

fn watchdog_settings(version: u32) -> Vec<(&'static str, &'static str)> {
    let mut settings = vec![
        ("statement_timeout", "5s"),
        ("lock_timeout", "500ms"),
        ("idle_in_transaction_session_timeout", "0"),
        ("default_transaction_read_only", "off"),
        ("default_transaction_isolation", "read committed"),
        ("default_tablespace", ""),
        ("synchronous_commit", "local"),
        ("search_path", "pg_catalog, pg_temp"),
        ("TimeZone", "UTC"),
    ];
    if version >= 140_000 {
        settings.push(("idle_session_timeout", "0"));
    }
    settings
}

/// Takes at most 256 MB and two workers for a build, and less where the server wants less (`faults` F93).
async fn be_modest(builder: &Client) -> Result<(), ApplyError> {
    const MODEST: &str = "SELECT /* pgtailor */ pg_catalog.set_config(name, least(setting::bigint, most)::text, false) \
         FROM pg_catalog.pg_settings JOIN (VALUES ('maintenance_work_mem', 262144), ('max_parallel_maintenance_workers', 2)) \
             AS modest (parameter, most) ON parameter = name";
    builder.query(MODEST, &[]).await.map_err(while_doing("limit what a build takes"))?;
    Ok(())
}

async fn try_lock(builder: &Client) -> Result<bool, ApplyError> {
    const LOCK: &str = "SELECT /* pgtailor */ pg_catalog.pg_try_advisory_lock($1, 0)";
    let row = builder.query_one(LOCK, &[&LOCK_CLASS]).await.map_err(while_doing("take the advisory lock"))?;
    row.try_get(0).map_err(while_doing("take the advisory lock"))
}

/// No build without a watchdog that can stop it: the builder sleeps, the watchdog must be able to wake it.
async fn prove_watchdog(sessions: &Sessions) -> Result<(), ApplyError> {
    let sleeping = sessions.builder.batch_execute("SELECT /* pgtailor */ pg_catalog.pg_sleep(5)");
    tokio::pin!(sleeping);
    let mut tick = tokio::time::interval(Duration::from_millis(20));
    let ended = loop {
        tokio::select! {
            ended = &mut sleeping => break ended,
            _ = tick.tick() => sessions.cancel_builder().await.map_err(|_| ApplyError::NoWatchdog)?,
        }
    };
    match ended {
        Err(error) if error.code() == Some(&SqlState::QUERY_CANCELED) => Ok(()),
        Err(error) => Err(ApplyError::Server { doing: "test the watchdog", source: error }),
        Ok(()) => Err(ApplyError::NoWatchdog),
    }
}

async fn identity(builder: &Client) -> Result<Builder, ApplyError> {
    const IDENTITY: &str =
        "SELECT /* pgtailor */ pid, backend_start FROM pg_catalog.pg_stat_activity WHERE pid = pg_catalog.pg_backend_pid()";
    let row = builder.query_one(IDENTITY, &[]).await.map_err(while_doing("identify the builder session"))?;
    let process_id: i32 = row.try_get(0).map_err(while_doing("identify the builder session"))?;
    let started_at: Timestamp = row.try_get(1).map_err(while_doing("identify the builder session"))?;
    Ok(Builder { process_id, started_at })
}

async fn server_version(client: &Client) -> Result<u32, ApplyError> {
    const VERSION: &str = "SELECT /* pgtailor */ pg_catalog.current_setting('server_version_num')::integer";
    let row = client.query_one(VERSION, &[]).await.map_err(while_doing("ask for the server's version"))?;
    let version: i32 = row.try_get(0).map_err(while_doing("ask for the server's version"))?;
    Ok(version.unsigned_abs())
}

async fn is_standby(client: &Client) -> Result<bool, ApplyError> {
    const STANDBY: &str = "SELECT /* pgtailor */ pg_catalog.pg_is_in_recovery()";
    let row = client.query_one(STANDBY, &[]).await.map_err(while_doing("ask whether this is a standby"))?;
    row.try_get(0).map_err(while_doing("ask whether this is a standby"))
}
