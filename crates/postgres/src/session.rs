//! Sessions: opened, pinned, verified.
//!
//! Settings are pinned with `SET` after connecting (a pooler may refuse startup options) and read back, because roles and databases carry
//! defaults (`ALTER ROLE … SET`) that would change what is captured or kill what is built.

use std::fmt::Write as _;
use std::time::Duration;

use pgtailor_model::name::{quote_identifier, quote_literal};
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::connect::{Database, announced_process, establish};
use crate::error::{Error, OLDEST_SERVER};
use crate::sizing::SizeQuestions;

/// Name by which the server's administrators see the sessions of this program.
pub const APPLICATION_NAME: &str = "pgtailor";

/// Settings under which everything is read and printed: under others the same index would read differently.
const READING: &[(&str, &str)] = &[
    ("search_path", "pg_catalog, pg_temp"),
    ("DateStyle", "ISO"),
    ("IntervalStyle", "postgres"),
    ("TimeZone", "UTC"),
    ("extra_float_digits", "1"),
    ("standard_conforming_strings", "on"),
    ("quote_all_identifiers", "off"),
    ("bytea_output", "hex"),
    ("client_min_messages", "warning"),
    ("idle_in_transaction_session_timeout", "0"),
];

/// Limits of a read-only session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest time of one statement.
    pub statement: Duration,
    /// Longest wait for a lock.
    pub lock: Duration,
}

impl Limits {
    /// Five seconds a statement, a quarter of a second for a lock: nobody notices the observer.
    pub const OBSERVER: Self = Self { statement: Duration::from_secs(5), lock: Duration::from_millis(250) };

    /// As the observer, but `statement` for one statement (a catalog of many thousand tables).
    #[must_use]
    pub fn with_statement(self, statement: Duration) -> Self {
        Self { statement, ..self }
    }

    /// Values of `statement_timeout` and `lock_timeout`.
    fn settings(self) -> (String, String) {
        (format!("{}ms", self.statement.as_millis()), format!("{}ms", self.lock.as_millis()))
    }
}

/// A session that cannot write: its transactions are read-only unless somebody says otherwise, and nothing here does.
pub struct ReadOnlySession {
    pub(crate) client: Client,
    /// `server_version_num`.
    version: u32,
    /// Questions about indexes that do not exist.
    pub(crate) size_questions: SizeQuestions,
}

impl ReadOnlySession {
    /// Opens a session with the observer's limits.
    pub async fn connect(database: &Database) -> Result<Self, Error> {
        Self::connect_with(database, Limits::OBSERVER).await
    }

    /// Opens a session with `limits`.
    ///
    /// # Errors
    /// Among others [`Error::Pooled`]: behind a pooler that shares sessions, what is set here would stay set for the next client.
    pub async fn connect_with(database: &Database, limits: Limits) -> Result<Self, Error> {
        let client = open(database, APPLICATION_NAME).await?;
        let version = server_version(&client).await?;
        let process = process_of(&client).await?;
        if is_announced_as_another(&client, process).await && is_shared(database, &client, process).await? {
            return Err(Error::Pooled { database: database.to_string() });
        }
        pin_reading(&client, version).await?;
        let (statement, lock) = limits.settings();
        pin(&client, &[("default_transaction_read_only", "on"), ("statement_timeout", &statement), ("lock_timeout", &lock)])
            .await?;
        Ok(Self { client, version, size_questions: SizeQuestions::default() })
    }

    /// Whether the connection has ended.
    pub fn is_lost(&self) -> bool {
        self.client.is_closed()
    }

    /// `server_version_num`, for example 150018.
    pub fn version(&self) -> u32 {
        self.version
    }
}

/// Opens a session with nothing pinned. The connection's task ends with the returned client.
pub(crate) async fn open(database: &Database, application_name: &str) -> Result<Client, Error> {
    Ok(establish(database, application_name).await?.client)
}

/// Pins the settings under which names and definitions are printed, on a session of any kind.
pub(crate) async fn pin_reading(client: &Client, version: u32) -> Result<(), Error> {
    pin(client, READING).await?;
    if version >= 140_000 {
        pin(client, &[("idle_session_timeout", "0")]).await?;
    }
    Ok(())
}

/// Begins a read-only transaction with the same settings and limits, but only until it ends: nothing stays behind in a pooler's session.
pub(crate) async fn begin_reading(client: &Client, limits: Limits) -> Result<(), Error> {
    let (statement, lock) = limits.settings();
    let mut settings = READING.to_vec();
    settings.extend([("statement_timeout", statement.as_str()), ("lock_timeout", lock.as_str())]);
    let batch = format!("BEGIN READ ONLY; {}", assignments(" LOCAL", &settings));
    client.batch_execute(&batch).await.map_err(|error| Error::query("begin a read-only transaction", error))
}

/// Sets every setting for this session and verifies that it holds.
pub(crate) async fn pin(client: &Client, settings: &[(&str, &str)]) -> Result<(), Error> {
    let batch = assignments("", settings);
    client.batch_execute(&batch).await.map_err(|error| Error::query("pin the session's settings", error))?;
    for (name, wanted) in settings {
        let found = show(client, name).await?;
        if !holds(name, wanted, &found) {
            return Err(Error::SettingNotHeld { name: (*name).to_owned(), wanted: (*wanted).to_owned(), found });
        }
    }
    Ok(())
}

/// `local` is empty, or says that the settings end with the transaction.
fn assignments(local: &str, settings: &[(&str, &str)]) -> String {
    let mut batch = String::new();
    for (name, value) in settings {
        // A list is several constants; one would be a single name with a comma in it.
        let value = if *name == "search_path" {
            value.split(',').map(|schema| quote_identifier(schema.trim())).collect::<Vec<_>>().join(", ")
        } else {
            quote_literal(value)
        };
        let _ = write!(batch, "SET /* pgtailor */{local} {} TO {value};", quote_identifier(&name.to_ascii_lowercase()));
    }
    batch
}

/// Whether something stands between us and the server that may share server sessions among clients, so that locks and settings would
/// not stay ours.
///
/// Two proofs, each enough: the process that answers is not the one that was announced at connecting (PgBouncer and Odyssey announce a
/// number of their own, in every mode), or `is_shared`.
///
/// Limits: a pooler in session mode counts as one, though it does no harm. A pooler that passes the server's number on, gives each
/// client a session of its own today, and would share it under load, is not seen. Neither is a load balancer that only picks a server
/// when a connection is opened, which does no harm.
pub async fn is_pooled(database: &Database) -> Result<bool, Error> {
    let client = open(database, APPLICATION_NAME).await?;
    let process = process_of(&client).await?;
    Ok(is_announced_as_another(&client, process).await || is_shared(database, &client, process).await?)
}

/// Whether `process`, which answers, is another than the one announced at connecting.
async fn is_announced_as_another(client: &Client, process: i32) -> bool {
    announced_process(client).await.is_some_and(|announced| announced != process)
}

/// Whether the server session of `first`, in which `process` answered, is seen to be shared: it changes from statement to statement, a
/// second connection gets it between two transactions of the first, or a value that was set in it is lost.
///
/// An idle pool gives out what was last returned, so the second connection gets it; a busy one moves the first about. Leaves `first`
/// outside a transaction, and nothing set but a name that nobody reads.
async fn is_shared(database: &Database, first: &Client, process: i32) -> Result<bool, Error> {
    let failed = |error| Error::query("look for a pooler", error);
    for _ in 0..3 {
        if process_of(first).await? != process {
            return Ok(true);
        }
    }
    let nonce = format!("{process}-{}", std::process::id());
    first.batch_execute(&format!("SET pgtailor.nonce TO {}", quote_literal(&nonce))).await.map_err(failed)?;
    // Opened while the first is between transactions, and kept in one.
    let second = open(database, APPLICATION_NAME).await?;
    second.batch_execute("BEGIN READ ONLY").await.map_err(failed)?;
    if process_of(&second).await? == process {
        // Asking the first session as well could wait for ever: the pool may be that small.
        return Ok(true);
    }
    first.batch_execute("BEGIN READ ONLY").await.map_err(failed)?;
    let is_same = process_of(first).await? == process;
    let nonces = (nonce_of(first).await?, nonce_of(&second).await?);
    first.batch_execute("ROLLBACK; RESET pgtailor.nonce").await.map_err(failed)?;
    second.batch_execute("ROLLBACK").await.map_err(failed)?;
    Ok(!is_same || nonces != (nonce, String::new()))
}

/// Which process answers.
async fn process_of(client: &Client) -> Result<i32, Error> {
    let answer = client
        .simple_query("SELECT /* pgtailor */ pg_catalog.pg_backend_pid()")
        .await
        .map_err(|error| Error::query("look for a pooler", error))?;
    Ok(first_value(&answer).and_then(|value| value.parse().ok()).unwrap_or_default())
}

async fn nonce_of(client: &Client) -> Result<String, Error> {
    let question = "SELECT /* pgtailor */ pg_catalog.current_setting('pgtailor.nonce', true)";
    let answer = client.simple_query(question).await.map_err(|error| Error::query("look for a pooler", error))?;
    Ok(first_value(&answer).unwrap_or_default())
}

/// The value of a setting, as `SHOW` prints it.
pub(crate) async fn show(client: &Client, name: &str) -> Result<String, Error> {
    let operation = || format!("read setting {name}");
    let statement = format!("SHOW /* pgtailor */ {}", quote_identifier(&name.to_ascii_lowercase()));
    let answer = client.simple_query(&statement).await.map_err(|error| Error::query(operation(), error))?;
    Ok(first_value(&answer).unwrap_or_default())
}

/// `server_version_num`; refuses servers older than 13.
pub(crate) async fn server_version(client: &Client) -> Result<u32, Error> {
    let text = show(client, "server_version_num").await?;
    supported(text.parse().unwrap_or(0), &text)
}

fn supported(version: u32, text: &str) -> Result<u32, Error> {
    if version < OLDEST_SERVER {
        let version = if version == 0 {
            text.to_owned()
        } else if version >= 100_000 {
            format!("{}.{}", version / 10_000, version % 10_000)
        } else {
            format!("{}.{}.{}", version / 10_000, version / 100 % 100, version % 100)
        };
        return Err(Error::ServerTooOld { version });
    }
    Ok(version)
}

/// The first column of the first row.
pub(crate) fn first_value(answer: &[SimpleQueryMessage]) -> Option<String> {
    answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    })
}

/// Whether `found`, as `SHOW` prints it, is what `wanted` asked for. `SHOW` changes units: `5000ms` comes back as `5s`.
fn holds(name: &str, wanted: &str, found: &str) -> bool {
    if name.eq_ignore_ascii_case("datestyle") {
        return found.split(',').next().is_some_and(|style| style.trim().eq_ignore_ascii_case(wanted));
    }
    if let (Some(wanted), Some(found)) = (milliseconds(wanted), milliseconds(found)) {
        return wanted == found;
    }
    let plain = |text: &str| text.replace(['"', ' '], "").to_ascii_lowercase();
    plain(wanted) == plain(found)
}

/// A setting of time, in milliseconds: `0`, `250ms`, `5s`, `2min`, `1h`, `1d`.
fn milliseconds(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let factor = match &text[digits..] {
        "" | "ms" => 1,
        "s" => 1_000,
        "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    Some(text[..digits].parse::<u64>().ok()? * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nothing_can_be_written_and_nothing_waits_long() {
        let lab = pgtailor_lab::Lab::start(&pgtailor_lab::LabOptions::new()).expect("a local PostgreSQL server can be started");
        let input = crate::connect::ConnectionInput {
            database: Some(lab.url("postgres")),
            environment: std::collections::BTreeMap::new(),
            home: None,
            local_user: "x".to_owned(),
        };
        let database = Database::resolve(&input).expect("valid");
        let limits = Limits::OBSERVER.with_statement(Duration::from_millis(200));
        let session = ReadOnlySession::connect_with(&database, limits).await.expect("connected");
        let refused = async |sql: &str| {
            let error = session.client.batch_execute(sql).await.expect_err(sql);
            Error::query("write", error).sqlstate().map(str::to_owned)
        };
        assert_eq!(refused("CREATE TABLE t (a int)").await.as_deref(), Some("25006"));
        assert_eq!(refused("SELECT pg_sleep(60)").await.as_deref(), Some("57014"));
        assert_eq!(show(&session.client, "DateStyle").await.expect("shown"), "ISO, MDY");
        lab.stop().expect("stopped");
        let error = session.client.batch_execute("SELECT 1").await.expect_err("gone");
        assert!(Error::query("read", error).is_connection_lost());
    }

    #[test]
    fn servers_older_than_13_are_refused() {
        assert_eq!(supported(130_000, "130000").expect("supported"), 130_000);
        let error = supported(120_022, "120022").expect_err("too old");
        assert_eq!(error.to_string(), "the server is PostgreSQL 12.22, older than 13, the oldest supported");
        assert!(error.hint().is_some());
        assert!(supported(90_624, "90624").expect_err("too old").to_string().contains("9.6.24"));
        assert!(matches!(supported(0, "CockroachDB"), Err(Error::ServerTooOld { .. })));
    }

    #[test]
    fn values_are_compared_as_the_server_prints_them() {
        assert!(holds("statement_timeout", "5000ms", "5s"));
        assert!(holds("statement_timeout", "0", "0"));
        assert!(holds("lock_timeout", "250ms", "250ms"));
        assert!(holds("DateStyle", "ISO", "ISO, MDY"));
        assert!(holds("search_path", "pg_catalog, pg_temp", "pg_catalog, pg_temp"));
        assert!(holds("search_path", "", "\"\""));
        assert!(!holds("default_transaction_read_only", "on", "off"));
        assert!(!holds("statement_timeout", "0", "5s"));
    }
}
