//! Drives a blueprint's workload with concurrent clients and times every statement.
//!
//! A closed loop: each client has a session with prepared statements, draws a statement by weight, waits for the whole answer, and
//! draws the next one. The same seed draws the same statements with the same values, so that two runs differ in the database only.
//! What runs when time is up is broken off and not counted, which favours slow databases a little; the report says how many there were.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::TryStreamExt;
use pgtailor_blueprint::draw::{Deck, Drawer};
use pgtailor_blueprint::{Blueprint, Parameter};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep_until, timeout};
use tokio_postgres::{Client, Statement};
use tokio_util::sync::CancellationToken;

use crate::bench::hidden;
use crate::bench::record::{DriveReport, Record};
use crate::bench::{BenchError, Filling};
use crate::connect::Database;
use crate::session;
use crate::text_value::TextValue;

/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_millis(250);

/// How long to wait for the server to end a session whose statement was broken off.
const END_WITHIN: Duration = Duration::from_secs(10);

/// Name of the sessions that drive.
const APPLICATION_NAME: &str = "pgtailor drive";

/// How a workload is driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DriveOptions {
    /// How many clients ask at once.
    pub clients: u32,
    /// How long to measure.
    pub duration: Duration,
    /// How long to run before measuring, so that caches are as in operation.
    pub warmup: Duration,
    /// Seed of what is asked: the same for two runs that are to be compared.
    pub seed: u64,
    /// Different for each run on one database, so that no run inserts the keys of another.
    pub salt: u64,
    /// Longest time of one statement (`statement_timeout`); one that meets it is counted as an error.
    pub statement_limit: Duration,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DriveProgress {
    /// Time since the clients began, warm-up included.
    pub elapsed: Duration,
    /// Warm-up and measuring together.
    pub total: Duration,
    /// Statements ended so far, warm-up included.
    pub executions: u64,
}

/// Runs the workload of `blueprint` on a database that [`crate::bench::load()`] has filled with the same `filling`.
///
/// Cancelling `cancel` ends the run early and well: the report covers what was measured until then.
///
/// # Errors
/// [`BenchError`] when a session cannot be opened or is lost, or the server cannot prepare a statement. Statements that fail when they
/// are executed are counted, not errors.
pub async fn drive(
    database: &Database,
    blueprint: &Blueprint,
    filling: Filling,
    options: DriveOptions,
    mut progress: impl FnMut(DriveProgress),
    cancel: &CancellationToken,
) -> Result<DriveReport, BenchError> {
    let generator = Arc::new(blueprint.generator(filling.scale, filling.seed, filling.now)?);
    let deck = Arc::new(Deck::new(&blueprint.workload, &generator)?);
    let warden = session::open(database, APPLICATION_NAME).await?;
    let mut seats = Vec::new();
    for number in 0..options.clients {
        let (client, process) = open(database, options.statement_limit).await?;
        let statements = prepare(&client, blueprint).await?;
        let number = u64::from(number);
        let drawer = deck.drawer(options.seed.wrapping_add(number), options.salt.wrapping_mul(65_537).wrapping_add(number));
        seats.push(Seat { client, process, statements, drawer, deck: Arc::clone(&deck) });
    }

    let start = Instant::now();
    let (measure_from, until) = (start + options.warmup, start + options.warmup + options.duration);
    let executions = Arc::new(AtomicU64::new(0));
    let mut clients = JoinSet::new();
    for seat in seats {
        clients.spawn(seat.ask(measure_from, until, Arc::clone(&executions), cancel.clone()));
    }
    let mut record = Record::new(blueprint.workload.statements().len());
    let mut unfinished = Vec::new();
    let mut ticks = interval(TELL_EVERY);
    let result = loop {
        tokio::select! {
            _ = ticks.tick() => {
                let (elapsed, total) = (start.elapsed(), options.warmup + options.duration);
                progress(DriveProgress { elapsed: elapsed.min(total), total, executions: executions.load(Ordering::Relaxed) });
            }
            ended = clients.join_next() => match ended {
                None => break Ok(()),
                Some(Ok(Ok(seat))) => {
                    record.absorb(seat.record);
                    unfinished.extend(seat.unfinished);
                }
                Some(Ok(Err(error))) => break Err(error),
                // A client's task is neither aborted nor does it panic by itself: pass a panic on.
                Some(Err(error)) => std::panic::resume_unwind(error.into_panic()),
            },
        }
    };
    let measured = Instant::now().min(until).saturating_duration_since(measure_from);
    clients.shutdown().await;
    end_sessions(&warden, &unfinished).await?;
    result?;
    Ok(record.report(blueprint, options.clients, measured, cancel.is_cancelled()))
}

/// One client, ready to ask.
struct Seat {
    client: Client,
    /// The server's process number of its session.
    process: i32,
    statements: Vec<Statement>,
    drawer: Drawer,
    deck: Arc<Deck>,
}

/// What one client brought back.
struct Asked {
    record: Record,
    /// The session whose statement was broken off.
    unfinished: Option<i32>,
}

impl Seat {
    async fn ask(
        mut self,
        measure_from: Instant,
        until: Instant,
        executions: Arc<AtomicU64>,
        cancel: CancellationToken,
    ) -> Result<Asked, BenchError> {
        let mut record = Record::new(self.statements.len());
        while Instant::now() < until && !cancel.is_cancelled() {
            let position = self.deck.next_statement(&mut self.drawer);
            let parameters = self.deck.draw(position, &mut self.drawer);
            let start = Instant::now();
            let counts = start >= measure_from;
            let answer = tokio::select! {
                answer = answer(&self.client, &self.statements[position], &parameters) => answer,
                () = sleep_until(until) => {
                    record.broken_off(position);
                    return Ok(Asked { record, unfinished: Some(self.process) });
                }
                () = cancel.cancelled() => {
                    record.broken_off(position);
                    return Ok(Asked { record, unfinished: Some(self.process) });
                }
            };
            let took = start.elapsed();
            executions.fetch_add(1, Ordering::Relaxed);
            match answer {
                Ok(rows) if counts => record.ended(position, took, rows),
                Ok(_) => {}
                Err(error) => match error.code() {
                    Some(code) if !self.client.is_closed() => {
                        if counts {
                            record.failed(position, code.code());
                        }
                    }
                    _ => return Err(BenchError::met("drive the workload", error)),
                },
            }
        }
        Ok(Asked { record, unfinished: None })
    }
}

/// Executes a statement and reads all of its answer; how many rows there were, or were affected.
async fn answer(client: &Client, statement: &Statement, parameters: &[Parameter]) -> Result<u64, tokio_postgres::Error> {
    let values = hidden(parameters);
    let parameters = values.iter().map(|value| TextValue(value.as_ref()));
    let mut rows = std::pin::pin!(client.query_raw(statement, parameters).await?);
    let mut count = 0;
    while rows.try_next().await?.is_some() {
        count += 1;
    }
    Ok(rows.rows_affected().unwrap_or(count))
}

/// A session with the time limit, and the process that serves it.
async fn open(database: &Database, statement_limit: Duration) -> Result<(Client, i32), BenchError> {
    let client = session::open(database, APPLICATION_NAME).await?;
    let limit = format!("{}ms", statement_limit.as_millis());
    session::pin(&client, &[("statement_timeout", &limit)]).await?;
    let row = client.query_one("SELECT pg_catalog.pg_backend_pid()", &[]).await;
    let process = row.and_then(|row| row.try_get(0)).map_err(|error| BenchError::met("ask for the session's process", error))?;
    Ok((client, process))
}

async fn prepare(client: &Client, blueprint: &Blueprint) -> Result<Vec<Statement>, BenchError> {
    let mut prepared = Vec::new();
    for statement in blueprint.workload.statements() {
        let ready = client.prepare(&statement.sql).await;
        prepared.push(ready.map_err(|error| BenchError::met(format!("prepare statement `{}`", statement.name), error))?);
    }
    Ok(prepared)
}

/// Ends the sessions whose statements were broken off, and waits until they are gone: what they were doing must not burden what
/// is measured next.
async fn end_sessions(warden: &Client, processes: &[i32]) -> Result<(), BenchError> {
    if processes.is_empty() {
        return Ok(());
    }
    let ending = async {
        loop {
            let left = warden
                .query_one(
                    "SELECT count(pg_catalog.pg_terminate_backend(pid)) FROM pg_catalog.pg_stat_activity WHERE pid = ANY ($1)",
                    &[&processes],
                )
                .await
                .and_then(|row| row.try_get::<_, i64>(0))
                .map_err(|error| BenchError::met("end the sessions of unfinished statements", error))?;
            if left == 0 {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    // A session that does not end in time is left to its statement's time limit.
    timeout(END_WITHIN, ending).await.unwrap_or(Ok(()))
}
