//! Fills an empty database with a blueprint's tables and rows.
//!
//! Rows are made on blocking threads while two sessions copy what is ready, the largest table first, so that both end at about the
//! same time. Keys and constraints follow the data; then statistics. A table is emptied and copied in one transaction with `FREEZE`: its
//! pages are visible to all from the start, and a server with `wal_level = minimal` writes no log for them.

use std::collections::VecDeque;
use std::io::Cursor;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::SinkExt;
use pgtailor_blueprint::Blueprint;
use pgtailor_blueprint::generate::Generator;
use pgtailor_model::name::QualifiedName;
use pgtailor_model::unit::{Bytes, Rows};
use tokio::sync::mpsc;
use tokio_postgres::Client;

use crate::bench::{BenchError, Filling};
use crate::connect::Database;
use crate::session;

/// Rows that are made and sent at a time: about a megabyte.
const ROWS_AT_A_TIME: u64 = 4_096;

/// Pieces of one table that may wait for the server.
const PIECES_WAITING: usize = 4;

/// Name of the sessions that load.
const APPLICATION_NAME: &str = "pgtailor load";

/// What became of a load.
#[derive(Clone, Debug)]
pub struct LoadReport {
    /// The tables, in the order of the blueprint.
    pub tables: Vec<TableLoad>,
    /// Rows of all tables.
    pub rows: Rows,
    /// The size of the database afterwards (`pg_database_size`).
    pub database: Bytes,
    /// Time for tables and types.
    pub schema: Duration,
    /// Time for making and copying the rows.
    pub copy: Duration,
    /// Time for keys and constraints.
    pub constraints: Duration,
    /// Time for `VACUUM (ANALYZE)`.
    pub analyze: Duration,
}

/// One loaded table.
#[derive(Clone, Debug)]
pub struct TableLoad {
    /// The table.
    pub table: QualifiedName,
    /// Its rows.
    pub rows: Rows,
}

/// How far a load is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadProgress {
    /// Tables and types are being made.
    Schema,
    /// Rows are being copied.
    Rows {
        /// Rows sent so far.
        done: u64,
        /// Rows in all.
        total: u64,
    },
    /// Keys and constraints are being made.
    Constraints,
    /// Tables are being vacuumed and analyzed.
    Analyze,
}

/// Makes the tables of `blueprint` in `database`, fills them as `filling` says, makes keys and constraints, and analyzes.
///
/// The database must not hold the tables yet. When the blueprint keeps its constraints in the schema (no `constraints.sql`), tables
/// are filled one after the other in the blueprint's order, so that what is referenced is there first.
///
/// # Errors
/// [`BenchError`]: the first statement that the server refused; the database is then of no further use.
pub async fn load(
    database: &Database,
    blueprint: &Blueprint,
    filling: Filling,
    progress: impl Fn(LoadProgress) + Sync,
) -> Result<LoadReport, BenchError> {
    let generator = Arc::new(blueprint.generator(filling.scale, filling.seed, filling.now)?);
    let (first, second) = (loader(database).await?, loader(database).await?);
    let started = Instant::now();

    progress(LoadProgress::Schema);
    run(&first, "make the tables of the schema", &blueprint.schema_sql).await?;
    let schema = started.elapsed();

    let counter = Counter::new(&generator, &progress);
    if blueprint.constraints_sql.trim().is_empty() {
        for table in 0..generator.tables().len() {
            copy(&first, &generator, table, Transaction::Plain, &counter).await?;
        }
    } else {
        let queue = largest_first(&generator);
        tokio::try_join!(copy_all(&first, &generator, &queue, &counter), copy_all(&second, &generator, &queue, &counter))?;
    }
    let copied = started.elapsed();

    progress(LoadProgress::Constraints);
    run(&first, "make the keys and constraints", &blueprint.constraints_sql).await?;
    let constrained = started.elapsed();

    progress(LoadProgress::Analyze);
    let queue = largest_first(&generator);
    tokio::try_join!(analyze_all(&first, &generator, &queue), analyze_all(&second, &generator, &queue))?;
    let analyzed = started.elapsed();

    let tables: Vec<TableLoad> =
        generator.tables().iter().map(|table| TableLoad { table: table.name().clone(), rows: table.rows() }).collect();
    Ok(LoadReport {
        rows: Rows(tables.iter().map(|table| table.rows.0).sum()),
        tables,
        database: size_of_database(&first).await?,
        schema,
        copy: copied.saturating_sub(schema),
        constraints: constrained.saturating_sub(copied),
        analyze: analyzed.saturating_sub(constrained),
    })
}

/// Whether a table's rows are copied in a transaction that empties it first, so that they can be frozen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Transaction {
    Frozen,
    Plain,
}

/// Positions of tables that wait for a session.
type Queue = Mutex<VecDeque<usize>>;

/// Counts rows over both sessions and tells.
struct Counter<'a> {
    done: AtomicU64,
    total: u64,
    progress: &'a (dyn Fn(LoadProgress) + Sync),
}

impl<'a> Counter<'a> {
    fn new(generator: &Generator, progress: &'a (dyn Fn(LoadProgress) + Sync)) -> Self {
        let total = generator.tables().iter().map(|table| table.rows().0).sum();
        Self { done: AtomicU64::new(0), total, progress }
    }

    fn add(&self, rows: u64) {
        let done = self.done.fetch_add(rows, Ordering::Relaxed) + rows;
        (self.progress)(LoadProgress::Rows { done, total: self.total });
    }
}

/// A session without limits, with memory for sorting keys.
async fn loader(database: &Database) -> Result<Client, BenchError> {
    let client = session::open(database, APPLICATION_NAME).await?;
    let settings = [("statement_timeout", "0"), ("lock_timeout", "0"), ("idle_in_transaction_session_timeout", "0")];
    session::pin(&client, &settings).await?;
    run(&client, "prepare the session", "SET maintenance_work_mem = '256MB'; SET client_min_messages = warning").await?;
    Ok(client)
}

fn largest_first(generator: &Generator) -> Queue {
    let mut tables: Vec<usize> = (0..generator.tables().len()).collect();
    tables.sort_by_key(|&table| std::cmp::Reverse(generator.tables()[table].rows()));
    Mutex::new(tables.into())
}

fn next(queue: &Queue) -> Option<usize> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
}

async fn copy_all(client: &Client, generator: &Arc<Generator>, queue: &Queue, counter: &Counter<'_>) -> Result<(), BenchError> {
    while let Some(table) = next(queue) {
        copy(client, generator, table, Transaction::Frozen, counter).await?;
    }
    Ok(())
}

async fn copy(
    client: &Client,
    generator: &Arc<Generator>,
    table: usize,
    transaction: Transaction,
    counter: &Counter<'_>,
) -> Result<(), BenchError> {
    let name = generator.tables()[table].name().sql();
    let operation = format!("fill table {name}");
    let mut sql = generator.copy_sql(table);
    if transaction == Transaction::Frozen {
        run(client, &operation, &format!("BEGIN; TRUNCATE ONLY {name}")).await?;
        sql.push_str(" WITH (FREEZE)");
    }
    let refused = |error| BenchError::met(&operation, error);
    let mut sink = pin!(client.copy_in::<_, Cursor<Vec<u8>>>(&sql).await.map_err(refused)?);
    let mut pieces = pieces(Arc::clone(generator), table);
    while let Some((rows, piece)) = pieces.recv().await {
        sink.send(Cursor::new(piece)).await.map_err(refused)?;
        counter.add(rows);
    }
    sink.finish().await.map_err(refused)?;
    if transaction == Transaction::Frozen {
        run(client, &operation, "COMMIT").await?;
    }
    Ok(())
}

/// The rows of a table in pieces with their number, made ahead on a thread of their own. The thread ends when nobody receives.
fn pieces(generator: Arc<Generator>, table: usize) -> mpsc::Receiver<(u64, Vec<u8>)> {
    let (sender, receiver) = mpsc::channel(PIECES_WAITING);
    tokio::task::spawn_blocking(move || {
        let rows = generator.tables()[table].rows().0;
        let mut start = 0;
        let mut capacity = 0;
        while start < rows {
            let end = (start + ROWS_AT_A_TIME).min(rows);
            let mut piece = Vec::with_capacity(capacity);
            generator.write_copy(table, start..end, &mut piece);
            capacity = piece.len() + piece.len() / 16;
            if sender.blocking_send((end - start, piece)).is_err() {
                return;
            }
            start = end;
        }
    });
    receiver
}

async fn analyze_all(client: &Client, generator: &Generator, queue: &Queue) -> Result<(), BenchError> {
    while let Some(table) = next(queue) {
        let name = generator.tables()[table].name().sql();
        run(client, &format!("analyze table {name}"), &format!("VACUUM (ANALYZE) {name}")).await?;
    }
    Ok(())
}

async fn size_of_database(client: &Client) -> Result<Bytes, BenchError> {
    let row = client.query_one("SELECT pg_catalog.pg_database_size(pg_catalog.current_database())", &[]).await;
    let size: i64 = row.and_then(|row| row.try_get(0)).map_err(|error| BenchError::met("read the database's size", error))?;
    Ok(Bytes(u64::try_from(size).unwrap_or_default()))
}

async fn run(client: &Client, operation: &str, sql: &str) -> Result<(), BenchError> {
    client.batch_execute(sql).await.map_err(|error| BenchError::met(operation, error))
}
