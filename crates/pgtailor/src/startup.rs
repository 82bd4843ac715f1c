//! Optimizing from inside an application, never in its way.
//!
//! [`spawn`] returns at once and cannot fail: the work runs on a thread of its own, with a runtime of its own, after the application said that
//! it is ready (or after a pause). Among N instances that start together one works, by an advisory lock that nobody waits for; the others
//! stand down. A panic, an error or a dead server is a [`Status`], never the application's problem.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use pgtailor_model::outcome::StepOutcome;
use pgtailor_postgres::connect::Database;
use pgtailor_postgres::executor::{ApplyError, Events};
use tokio_util::sync::CancellationToken;

use crate::error::Error;
use crate::optimize::{Advising, Options, apply, settle};
use crate::proposal::propose;

/// How long a database that does not answer yet is tried.
const CONNECT_FOR: Duration = Duration::from_mins(1);

/// What the background work may do, and when it begins.
#[derive(Clone, Debug, PartialEq)]
pub struct StartupOptions {
    /// Catalogs, policy and allowed classes. The advisor starts a server beside the application, and is asked only when this says so.
    pub options: Options,
    /// Begin after this time even if nobody calls [`Guard::ready`].
    pub begin_after: Duration,
}

/// Begins on [`Guard::ready`], at the latest ten seconds after [`spawn`].
impl Default for StartupOptions {
    fn default() -> Self {
        let options = Options { advise: Advising::Never, ..Options::default() };
        Self { options, begin_after: Duration::from_secs(10) }
    }
}

/// Where the background work stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Status {
    /// Not begun: the application is not ready.
    Waiting,
    /// At work.
    Working,
    /// Another instance does it.
    Elsewhere,
    /// Done; empty when there was nothing to do.
    Done(Vec<StepOutcome>),
    /// Not done, and why, as a sentence.
    Failed(String),
    /// The application ended first, or asked for an end.
    Stopped,
}

/// The background work. Dropping it asks the work to stop; the application does not wait.
#[derive(Debug)]
pub struct Guard {
    status: Arc<Mutex<Status>>,
    ready: CancellationToken,
    cancel: CancellationToken,
    ended: CancellationToken,
}

/// Begins to optimize `database` in the background. Never blocks, never fails, never panics into the caller.
pub fn spawn(database: &Database, options: StartupOptions) -> Guard {
    let guard = Guard {
        status: Arc::new(Mutex::new(Status::Waiting)),
        ready: CancellationToken::new(),
        cancel: CancellationToken::new(),
        ended: CancellationToken::new(),
    };
    let (status, ready, cancel) = (Arc::clone(&guard.status), guard.ready.clone(), guard.cancel.clone());
    let ended = guard.ended.clone().drop_guard();
    let database = database.clone();
    let work = move || {
        // Dropped when the thread ends, by a panic as well, so that `Guard::ended` never waits for ever.
        let _ended = ended;
        let last = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime.block_on(run(&database, &options, &status, &ready, &cancel)),
            Err(error) => Status::Failed(format!("no runtime for the background work: {error}")),
        };
        if let Status::Failed(reason) = &last {
            tracing::warn!("pgtailor changed nothing at start-up: {reason}");
        }
        set(&status, last);
    };
    if let Err(error) = std::thread::Builder::new().name("pgtailor".to_owned()).spawn(work) {
        set(&guard.status, Status::Failed(format!("no thread for the background work: {error}")));
    }
    guard
}

impl Guard {
    /// The application serves; the work may begin now.
    pub fn ready(&self) {
        self.ready.cancel();
    }

    /// Where the work stands.
    pub fn status(&self) -> Status {
        self.status.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Waits for the end of the work; for tests and for tools, an application need not.
    pub async fn ended(&self) -> Status {
        self.ended.cancelled().await;
        match self.status() {
            Status::Waiting | Status::Working => Status::Failed("the background work ended without a word".to_owned()),
            status => status,
        }
    }

    /// Asks the work to stop: a running build is cancelled and cleaned up after.
    pub fn stop(&self) {
        self.cancel.cancel();
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn run(
    database: &Database,
    options: &StartupOptions,
    status: &Mutex<Status>,
    ready: &CancellationToken,
    cancel: &CancellationToken,
) -> Status {
    tokio::select! {
        () = ready.cancelled() => {}
        () = tokio::time::sleep(options.begin_after) => {}
        () = cancel.cancelled() => return Status::Stopped,
    }
    set(status, Status::Working);
    let begun = tokio::time::Instant::now();
    let mut pause = Duration::from_millis(500);
    loop {
        match once(database, options, cancel).await {
            Ok(outcomes) if cancel.is_cancelled() && outcomes.iter().any(|outcome| !outcome.result.is_success()) => {
                return Status::Stopped;
            }
            Ok(outcomes) => return Status::Done(outcomes),
            Err(Error::Apply(ApplyError::Busy)) => return Status::Elsewhere,
            Err(Error::Interrupted) if cancel.is_cancelled() => return Status::Stopped,
            Err(error) if begun.elapsed() < CONNECT_FOR && is_transient(&error) => tracing::debug!(%error, "not yet"),
            Err(error) => return Status::Failed(with_causes(&error)),
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = cancel.cancelled() => return Status::Stopped,
        }
        pause = (pause * 2).min(Duration::from_secs(10));
    }
}

async fn once(database: &Database, options: &StartupOptions, cancel: &CancellationToken) -> Result<Vec<StepOutcome>, Error> {
    settle(database, &Events::ignored()).await?;
    let analysis = tokio::select! {
        analysis = propose(database, &options.options) => analysis?,
        () = cancel.cancelled() => return Err(Error::Interrupted),
    };
    apply(database, &analysis.rollout, &options.options.conditions, &Events::ignored(), cancel).await
}

/// A server that starts, or has no connection left just now, is tried again; a wrong password is not.
fn is_transient(error: &Error) -> bool {
    match error {
        Error::Postgres(error) | Error::Apply(ApplyError::Session(error)) => error.is_transient(),
        _ => false,
    }
}

fn with_causes(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn set(status: &Mutex<Status>, to: Status) {
    *status.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = to;
}
