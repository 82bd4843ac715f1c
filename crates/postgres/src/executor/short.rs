//! Short statements: each try queues for its lock for half a second at most, so that nobody queues behind it for longer (`faults` F13,
//! F59, F60).
//!
//! One statement in a transaction of its own, so that it is done or not, and nothing is left between.

use std::time::{Duration, Instant};

use pgtailor_model::rollout::Limits;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use tokio_util::sync::CancellationToken;

use super::event::{Event, Events};
use super::sessions::Sessions;
use super::supervise::{Ended, Reply};

/// How often it is tried (`faults` 3.7).
const ATTEMPTS: u32 = 30;
/// Before the second try; each pause is longer than the one before.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Pauses grow by this factor.
const GROWTH: f64 = 1.6;
/// And no longer than this.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long the same may run: it works on the catalog alone, and what it has locked nobody else can use.
const LONGEST_STATEMENT: Duration = Duration::from_secs(5);
/// How long what belongs to another statement is tried: a rename before a drop, a comment after a build.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a statement must have brought about before it is committed.
pub(super) struct Condition<'a> {
    /// A question that is answered with true or false.
    pub sql: &'a str,
    pub parameters: &'a [&'a (dyn tokio_postgres::types::ToSql + Sync)],
}

/// Tries `sql` until it has its lock, the run budget of `limits` is spent, or somebody interrupts.
pub(super) async fn run(sql: &str, sessions: &Sessions, limits: Limits, events: &Events, cancel: &CancellationToken) -> Ended {
    let started = Instant::now();
    let mut pauses = Pauses::new(sessions.identity.process_id.unsigned_abs());
    let mut cancelled = None;
    loop {
        let began = Instant::now();
        let Err(error) = once(&sessions.builder, sql, limits.statement_timeout, None).await else {
            return Ended { reply: Reply::Done, cancelled, took: started.elapsed(), index: None };
        };
        let pause = pauses.next().filter(|pause| started.elapsed() + *pause < limits.run_budget);
        if error.code() == Some(&SqlState::QUERY_CANCELED) && began.elapsed() >= limits.statement_timeout {
            cancelled = Some(format!("it took longer than {} s", limits.statement_timeout.as_secs()));
        }
        let (true, Some(pause)) = (error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE), pause) else {
            return Ended { reply: Reply::Refused(error), cancelled, took: started.elapsed(), index: None };
        };
        events.tell(Event::Waiting { whom: format!("its lock; tries again in {} s", pause.as_secs().max(1)) });
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = cancel.cancelled() => {
                cancelled = Some("it was interrupted".to_owned());
                return Ended { reply: Reply::Refused(error), cancelled, took: started.elapsed(), index: None };
            }
        }
    }
}

/// The same to its end, without telling anybody.
pub(super) async fn transaction(sql: &str, sessions: &Sessions) -> Result<(), tokio_postgres::Error> {
    when(sql, None, sessions).await.map(|_| ())
}

/// The same, committed only when `condition` holds in the transaction; whether it did.
pub(super) async fn when(
    sql: &str,
    condition: Option<Condition<'_>>,
    sessions: &Sessions,
) -> Result<bool, tokio_postgres::Error> {
    let started = Instant::now();
    let mut pauses = Pauses::new(sessions.identity.process_id.unsigned_abs());
    loop {
        match once(&sessions.builder, sql, LONGEST_STATEMENT, condition.as_ref()).await {
            Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
                match pauses.next().filter(|_| started.elapsed() < PATIENCE) {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => return Err(error),
                }
            }
            ended => return ended,
        }
    }
}

/// A statement that no transaction may hold.
pub(super) async fn alone(sql: &str, sessions: &Sessions) -> Result<(), tokio_postgres::Error> {
    sessions.builder.execute(sql, &[]).await.map(|_| ())
}

/// One try.
async fn once(
    builder: &Client,
    sql: &str,
    longest: Duration,
    condition: Option<&Condition<'_>>,
) -> Result<bool, tokio_postgres::Error> {
    let longest = longest.as_millis();
    let begin = format!("BEGIN /* pgtailor */; SET LOCAL lock_timeout = '500ms'; SET LOCAL statement_timeout = '{longest}ms'");
    builder.batch_execute(&begin).await?;
    // By the extended protocol, which takes one statement: parts of it went through files and the ledger.
    let done = match (builder.execute(sql, &[]).await, condition) {
        (Ok(_), None) => Ok(true),
        (Ok(_), Some(condition)) => {
            builder.query_one(condition.sql, condition.parameters).await.and_then(|row| row.try_get::<_, bool>(0))
        }
        (Err(error), _) => Err(error),
    };
    let end = if matches!(done, Ok(true)) { "COMMIT /* pgtailor */" } else { "ROLLBACK /* pgtailor */" };
    match (builder.batch_execute(end).await, done) {
        (_, Err(error)) | (Err(error), Ok(_)) => Err(error),
        (Ok(()), done) => done,
    }
}

/// Pauses between tries, spread out by a number of the session so that two instances do not try in step.
struct Pauses {
    tried: u32,
    pause: Duration,
    spread: f64,
}

impl Pauses {
    fn new(number: u32) -> Self {
        Self { tried: 1, pause: FIRST_PAUSE, spread: 0.5 + f64::from(number % 100) / 100.0 }
    }
}

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.tried += 1;
        let pause = self.pause.mul_f64(self.spread);
        self.pause = self.pause.mul_f64(GROWTH).min(LONGEST_PAUSE);
        (self.tried <= ATTEMPTS).then_some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_longest_and_end() {
        let pauses: Vec<Duration> = Pauses::new(50).collect();
        assert_eq!(pauses.len(), 29, "one try comes before the first pause");
        assert!(pauses.is_sorted() && pauses[0] == FIRST_PAUSE && pauses[28] == LONGEST_PAUSE, "{pauses:?}");
        assert!(Pauses::new(0).sum::<Duration>() < Pauses::new(99).sum());
    }
}
