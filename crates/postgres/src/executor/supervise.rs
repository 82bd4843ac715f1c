//! Sends the one statement and stays beside it: progress, budgets, cancellation.
//!
//! Whatever comes back, the outcome is read from the catalog afterwards; the reply only chooses the words.

use std::time::{Duration, Instant};

use pgtailor_model::name::Oid;
use pgtailor_model::rollout::Limits;
use tokio_util::sync::CancellationToken;

use super::error::ApplyError;
use super::event::{Event, Events};
use super::sessions::Sessions;
use super::surroundings::{self, Surroundings, Verdict};
use super::watchdog::{self, Budget, Sight};

/// How often the watchdog looks.
const INTERVAL: Duration = Duration::from_millis(250);
/// How long a watchdog that does not answer is borne before the builder is let go.
const BLIND_FOR: Duration = Duration::from_secs(10);

/// Whether a statement may be cancelled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Cancellable {
    /// At any moment: what is left is cleaned up.
    Always,
    /// Only while this index is still valid: a drop that has begun can only be finished.
    WhileValid(Oid),
}

/// How a statement ended.
pub(super) struct Ended {
    pub reply: Reply,
    /// Why we cancelled it, if we did.
    pub cancelled: Option<String>,
    pub took: Duration,
    /// The index that the server was seen building.
    pub index: Option<Oid>,
}

/// What came back. It chooses words, never facts.
pub(super) enum Reply {
    /// The server says that it is done.
    Done,
    /// The server, or the client library, says why not.
    Refused(tokio_postgres::Error),
    /// Nothing, for too long after both sessions fell silent.
    Silence,
}

impl Reply {
    /// Whether the builder session is gone with it. The client notices the closed connection a moment later than the words arrive.
    pub fn ends_the_session(&self) -> bool {
        match self {
            Self::Done => false,
            Self::Silence => true,
            Self::Refused(error) => error.code().is_none_or(|code| {
                let code = code.code();
                code.starts_with("08") || code.starts_with("57P") || code == "25P03"
            }),
        }
    }
}

pub(super) async fn run(
    sql: &str,
    sessions: &Sessions,
    limits: Limits,
    cancellable: Cancellable,
    mut surroundings: Option<Surroundings>,
    events: &Events,
    cancel: &CancellationToken,
) -> Ended {
    let started = Instant::now();
    // By the extended protocol, which takes one statement: parts of it went through files and the ledger.
    let statement = sessions.builder.execute(sql, &[]);
    tokio::pin!(statement);
    let mut tick = tokio::time::interval(INTERVAL);
    let mut budget = Budget::new(limits);
    let mut looked_at = started;
    let mut looked_around_at = started;
    let mut cancelled: Option<String> = None;
    let mut index = None;
    loop {
        tokio::select! {
            reply = &mut statement => {
                let reply = reply.map_or_else(Reply::Refused, |_| Reply::Done);
                return Ended { reply, cancelled, took: started.elapsed(), index };
            }
            () = cancel.cancelled(), if cancelled.is_none() && may_cancel(sessions, cancellable).await => {
                cancelled = Some("it was interrupted".to_owned());
                events.tell(Event::Cancelling { why: "interrupted".to_owned() });
            }
            _ = tick.tick() => {}
        }
        if cancelled.is_some() {
            // Again at every tick: a cancel that arrives between two phases is lost. Errors show in the reply.
            if tokio::time::timeout(BLIND_FOR, sessions.cancel_builder()).await.is_err() {
                return Ended { reply: Reply::Silence, cancelled, took: started.elapsed(), index };
            }
            continue;
        }
        match tokio::time::timeout(BLIND_FOR, watchdog::look(sessions)).await {
            Ok(Ok(sight)) => {
                let elapsed = looked_at.elapsed();
                looked_at = Instant::now();
                tell(sessions, &sight, events).await;
                if index.is_none() {
                    index = watchdog::index_being_built(sessions).await.unwrap_or_default();
                }
                let mut why = budget.book(&sight, elapsed);
                if let (None, Some(surroundings)) = (&why, &mut surroundings)
                    && looked_around_at.elapsed() >= surroundings::INTERVAL
                {
                    let elapsed = looked_around_at.elapsed();
                    looked_around_at = Instant::now();
                    why = around(sessions, surroundings, elapsed, events).await;
                }
                if let Some(why) = why
                    && may_cancel(sessions, cancellable).await
                {
                    events.tell(Event::Cancelling { why: why.clone() });
                    cancelled = Some(why);
                }
            }
            // No build without a watchdog. When the server itself is gone, the reply says so at once.
            Ok(Err(error)) if looked_at.elapsed() < BLIND_FOR => tracing::debug!(%error, "the watchdog could not look"),
            Ok(Err(_)) | Err(_) => {
                let _ = sessions.builder.cancel_token().cancel_query(tokio_postgres::NoTls).await;
                cancelled = Some("the watchdog session was lost".to_owned());
            }
        }
    }
}

/// Looks at everybody else; a reason to give way. Who does not answer is no reason: the watchdog's own look notices a lost session.
async fn around(sessions: &Sessions, surroundings: &mut Surroundings, elapsed: Duration, events: &Events) -> Option<String> {
    let look = surroundings.look(&sessions.watchdog, sessions.identity.process_id);
    let seen = match tokio::time::timeout(BLIND_FOR, look).await {
        Ok(Ok(seen)) => seen,
        Ok(Err(error)) => {
            tracing::debug!(%error, "the watchdog could not look around");
            return None;
        }
        Err(_) => return None,
    };
    match surroundings.book(&seen, elapsed) {
        Verdict::GoOn => None,
        Verdict::Tell(who) => {
            events.tell(Event::InTheWay { of: who });
            None
        }
        Verdict::GiveWay(why) => Some(why),
    }
}

async fn may_cancel(sessions: &Sessions, cancellable: Cancellable) -> bool {
    match cancellable {
        Cancellable::Always => true,
        Cancellable::WhileValid(index) => watchdog::is_valid(&sessions.watchdog, index).await.unwrap_or(false),
    }
}

async fn tell(sessions: &Sessions, sight: &Sight, events: &Events) {
    let blockers = match sight {
        Sight::FirstLock { blockers } | Sight::Waiting { blockers, .. } => blockers,
        Sight::Working { phase, fraction } => {
            events.tell(Event::Progress { phase: phase.clone(), fraction: *fraction });
            return;
        }
        Sight::Idle => return,
    };
    let whom: Result<String, ApplyError> = watchdog::describe(&sessions.watchdog, blockers).await;
    events.tell(Event::Waiting { whom: whom.unwrap_or_else(|_| "another transaction".to_owned()) });
}
