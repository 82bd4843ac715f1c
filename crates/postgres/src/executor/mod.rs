//! Carries out a rollout: one statement at a time, intent before, outcome from the catalog after.
//!
//! The only part of pgtailor that changes a target database. It takes [`Step`]s, which cannot exist without lock, limits and inverse,
//! and must not know why they were chosen. Start with [`apply`]; `settle` is the heart: what a statement, an error, a lost
//! connection or a dead process left behind is read from `pg_index` and brought to an end by the same code.
//!
//! Rules kept here (numbers of `faults` section 6): the catalog is the truth (1); intent first (2); no lock or statement timeout on the
//! builder, a second session that cancels only its own builder (3); no build without that watchdog, and the lock is held by the session
//! that builds (4); only try-locks, never `IF NOT EXISTS` (5).

mod aside;
mod class;
mod error;
mod event;
mod guard;
mod sessions;
mod settle;
mod short;
mod supervise;
mod surroundings;
mod watchdog;

use std::time::{Duration, Instant};

use pgtailor_model::change::Change;
use pgtailor_model::ledger::{Entry, State};
use pgtailor_model::moment::Conditions;
use pgtailor_model::outcome::{StepOutcome, StepResult};
use pgtailor_model::rollout::{Limits, Step};
use pgtailor_model::unit::Bytes;
use tokio_postgres::error::SqlState;
use tokio_util::sync::CancellationToken;

use self::class::{How, Ready};
pub use self::error::ApplyError;
pub use self::event::{Event, Events};
use self::guard::{Question, Refusal};
pub use self::guard::{foresee, guard_names};
use self::sessions::Sessions;
use self::settle::{Open, Trouble, settle};
use self::supervise::{Ended, Reply};
use self::surroundings::Surroundings;
use crate::connect::Database;
use crate::ledger::{Ledger, Move, NewEntry};

/// How long a deadlock is given to resolve itself before its victim is sent again (`faults` 2.17).
const DEADLOCK_PAUSE: Duration = Duration::from_mins(1);
/// Between two questions to guards whose refusal passes by itself.
const GUARD_PAUSE: Duration = Duration::from_secs(1);

/// A step, and the entry of the ledger that it takes back.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// What to do.
    pub step: Step,
    /// Which entry it undoes.
    pub undoes: Option<i64>,
}

/// Carries out `tasks` in order and says what became of each; entries that an earlier run left open are brought to their end first.
///
/// Stops at the first step whose outcome is open or that needs a person, and when `cancel` is cancelled (the running statement is cancelled and cleaned up after). A step that merely fails does not stop the others.
///
/// # Errors
///
/// [`ApplyError`] when nothing was begun: no session, a pooler, a standby, somebody else at work, no ledger. After the first step there
/// are only outcomes.
pub async fn apply(
    database: &Database,
    tasks: &[Task],
    conditions: &Conditions,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<Vec<StepOutcome>, ApplyError> {
    let sessions = begin(database, events).await?;
    // What was done elsewhere is not taken back here: a restored copy has the ledger of its original, and a file may be named twice.
    let entries = sessions.ledger().entries().await?.unwrap_or_default();
    let is_foreign = |entry: &&Entry| entry.server_fingerprint != sessions.fingerprint;
    if entries.iter().filter(is_foreign).any(|entry| tasks.iter().any(|task| task.undoes == Some(entry.id))) {
        return Err(ApplyError::ForeignLedger);
    }
    let mut executor = Executor { database, sessions, conditions, spent: Bytes(0), events, cancel };
    let mut outcomes = Vec::with_capacity(tasks.len());
    let mut stopped: Option<String> = None;
    for (position, task) in tasks.iter().enumerate() {
        if stopped.is_none() && cancel.is_cancelled() {
            stopped = Some("interrupted before".to_owned());
        }
        if let Some(reason) = &stopped {
            outcomes.push(outcome(task, None, StepResult::NotReached { reason: reason.clone() }));
            continue;
        }
        if lacks_its_replacement(task, &outcomes) {
            let reason = "an index on its table was not built, and this one may be what serves its statements".to_owned();
            outcomes.push(outcome(task, None, StepResult::NotReached { reason }));
            continue;
        }
        events.tell(Event::Started { number: position + 1, total: tasks.len(), sql: task.step.sql.clone() });
        let (entry_id, result) = executor.perform(task).await;
        match &result {
            StepResult::LeftOver { .. } => stopped = Some("an earlier step is not at its end".to_owned()),
            StepResult::NeedsHuman { .. } => stopped = Some("an earlier step needs a person".to_owned()),
            StepResult::Applied { size: Some(size), .. } => executor.spent = executor.spent + *size,
            _ => {}
        }
        let ended = outcome(task, entry_id, result);
        events.tell(Event::Ended(Box::new(ended.clone())));
        outcomes.push(ended);
    }
    Ok(outcomes)
}

/// Whether `task` drops an index of a table on which an earlier step failed to build one. What takes a build back waits for nothing.
fn lacks_its_replacement(task: &Task, before: &[StepOutcome]) -> bool {
    let is_failed_build = |outcome: &StepOutcome| {
        matches!(outcome.change, Change::CreateIndex { .. })
            && outcome.change.table_oid() == task.step.change.table_oid()
            && !outcome.result.is_success()
    };
    matches!(task.step.change, Change::DropIndex { .. }) && task.undoes.is_none() && before.iter().any(is_failed_build)
}

/// Brings entries that an earlier run left open to their end, and does nothing else. `Ok(0)` without a ledger or open entries, in
/// which case nothing is written.
pub async fn reconcile(database: &Database, events: &Events) -> Result<usize, ApplyError> {
    let client = crate::session::ReadOnlySession::connect(database).await?.client;
    let entries = Ledger { client: &client, place: database.ledger_place() }.entries().await?.unwrap_or_default();
    if entries.iter().all(|entry| entry.state.is_settled()) {
        return Ok(0);
    }
    drop(client);
    begin(database, events).await?;
    Ok(entries.iter().filter(|entry| !entry.state.is_settled()).count())
}

/// Removes the ledger, once everything in it is taken back.
pub async fn remove_ledger(database: &Database) -> Result<(), ApplyError> {
    let sessions = sessions::open(database).await?;
    Ok(sessions.ledger().remove().await?)
}

async fn begin(database: &Database, events: &Events) -> Result<Sessions, ApplyError> {
    let sessions = sessions::open(database).await?;
    sessions.install_ledger().await?;
    let entries = sessions.ledger().entries().await?.unwrap_or_default();
    let open: Vec<&Entry> = entries.iter().filter(|entry| !entry.state.is_settled()).collect();
    if open.iter().any(|entry| entry.server_fingerprint != sessions.fingerprint) {
        return Err(ApplyError::ForeignLedger);
    }
    for entry in open {
        let trouble = Trouble { reason: "an earlier run was interrupted".to_owned(), sqlstate: None };
        let result = settle(Open::of(entry), &sessions, Duration::ZERO, Some(&trouble), events).await?;
        events.tell(Event::Settled { id: entry.id, what: in_words(&result) });
    }
    Ok(sessions)
}

struct Executor<'a> {
    database: &'a Database,
    sessions: Sessions,
    conditions: &'a Conditions,
    /// What steps took of the free space.
    spent: Bytes,
    events: &'a Events,
    cancel: &'a CancellationToken,
}

impl Executor<'_> {
    /// Carries a task out; once more when the server sacrificed it to resolve a deadlock.
    async fn perform(&mut self, task: &Task) -> (Option<i64>, StepResult) {
        let (entry_id, result) = self.perform_once(task).await;
        let is_deadlock =
            matches!(&result, StepResult::Failed { sqlstate: Some(code), .. } if code == SqlState::T_R_DEADLOCK_DETECTED.code());
        if !is_deadlock || self.cancel.is_cancelled() {
            return (entry_id, result);
        }
        self.events.tell(Event::Waiting { whom: "the other side of a deadlock; tries once more in a minute".to_owned() });
        tokio::select! {
            () = tokio::time::sleep(DEADLOCK_PAUSE) => self.perform_once(task).await,
            () = self.cancel.cancelled() => (entry_id, result),
        }
    }

    async fn perform_once(&mut self, task: &Task) -> (Option<i64>, StepResult) {
        let mut entry_id = None;
        let result = match self.attempt(task, &mut entry_id).await {
            Ok(result) => result,
            Err(error) if entry_id.is_none() => {
                StepResult::Failed { sqlstate: error.sqlstate().map(str::to_owned), reason: error.to_string() }
            }
            Err(error) => StepResult::LeftOver {
                reason: format!("{error}; what became of the statement is not known, and the next run of pgtailor finds out"),
            },
        };
        (entry_id, result)
    }

    async fn attempt(&mut self, task: &Task, entry_id: &mut Option<i64>) -> Result<StepResult, ApplyError> {
        let step = &task.step;
        let ready = match self.ready(task).await? {
            Ok(ready) => ready,
            Err(result) => {
                if let (StepResult::NothingToDo { .. }, Some(undone)) = (&result, task.undoes) {
                    let note = Move { note: Some("it was gone already"), ..Move::default() };
                    self.sessions.ledger().advance(undone, State::Applied, State::RolledBack, &note).await?;
                }
                return Ok(result);
            }
        };
        let undo_sql = ready.change.inverse().ok().map(|back| back.sql());
        let intent = NewEntry {
            undoes: task.undoes,
            server_fingerprint: &self.sessions.fingerprint,
            change: &ready.change,
            do_sql: &ready.sql,
            undo_sql: undo_sql.as_deref(),
            indexes_before: &ready.indexes_before,
            builder: self.sessions.identity,
        };
        let (id, created_at) = self.sessions.ledger().record_intent(&intent).await?;
        *entry_id = Some(id);
        let index_oid = ready.index.as_ref().map(|(oid, _)| *oid);
        let running = Move { index_oid, ..Move::default() };
        self.sessions.ledger().advance(id, State::Intent, State::Running, &running).await?;
        let mut open = Open {
            id,
            undoes: task.undoes,
            change: &ready.change,
            indexes_before: &ready.indexes_before,
            index_oid,
            state: State::Running,
            created_at,
        };
        self.sessions.act_for(&ready.change).await?;
        if let (Change::DropIndex { table, .. }, Some((oid, name))) = (&ready.change, &ready.index)
            && let Err(error) = aside::rename(&self.sessions, &table.schema, name, &aside::name(*oid), *oid).await
        {
            let trouble = Trouble { sqlstate: error.sqlstate().map(str::to_owned), reason: error.to_string() };
            return settle(open, &self.sessions, Duration::ZERO, Some(&trouble), self.events).await;
        }
        let ended = self.send(&ready.sql, ready.how, step).await;
        if matches!(ready.change, Change::CreateIndex { .. }) {
            open.index_oid = ended.index;
        }
        let trouble = trouble(&ended);
        if ended.reply.ends_the_session() || self.sessions.is_lost().await {
            self.sessions.release().await;
            self.sessions = sessions::reopen(self.database).await?;
        }
        settle(open, &self.sessions, ended.took, trouble.as_ref(), self.events).await
    }

    /// Looks at the catalog and asks the guards, until the step may be sent or will not be.
    async fn ready(&self, task: &Task) -> Result<Result<Ready, StepResult>, ApplyError> {
        let begun = Instant::now();
        let mut is_told = false;
        loop {
            // The catalog again after every wait: it is looked at right before the statement, or it is not worth looking.
            let ready = match class::ready(&task.step.change, task.undoes.is_some(), &self.sessions).await? {
                Ok(ready) => ready,
                Err(result) => return Ok(Err(result)),
            };
            let Refusal { reason, eases } = match self.ask_guards(&ready.change, &task.step).await? {
                Ok(remarks) => {
                    for what in remarks {
                        self.events.tell(Event::Remark { what });
                    }
                    return Ok(Ok(ready));
                }
                Err(refusal) => refusal,
            };
            if !eases || begun.elapsed() >= self.conditions.patience() || self.cancel.is_cancelled() {
                return Ok(Err(StepResult::Failed { reason, sqlstate: None }));
            }
            if !is_told {
                self.events.tell(Event::Waiting { whom: format!("a better moment: {reason}") });
                is_told = true;
            }
            tokio::select! {
                () = tokio::time::sleep(GUARD_PAUSE) => {}
                () = self.cancel.cancelled() => {}
            }
        }
    }

    async fn ask_guards(&self, change: &Change, step: &Step) -> Result<Result<Vec<String>, Refusal>, ApplyError> {
        let observer = self.sessions.observer().await;
        let question = Question {
            change,
            estimate: step.estimate,
            client: &observer.client,
            conditions: self.conditions,
            spent: self.spent,
        };
        guard::ask(&question).await
    }

    async fn send(&self, sql: &str, how: How, step: &Step) -> Ended {
        let limits: Limits = self.conditions.applied_to(step.limits);
        match how {
            How::Supervised(cancellable) => {
                let surroundings = Surroundings::of(step.change.table_oid(), self.conditions, self.spent);
                supervise::run(sql, &self.sessions, limits, cancellable, Some(surroundings), self.events, self.cancel).await
            }
            How::Short => short::run(sql, &self.sessions, limits, self.events, self.cancel).await,
            How::Reload => {
                let started = Instant::now();
                let sent = short::alone(sql, &self.sessions).await;
                let reply = sent.map_or_else(Reply::Refused, |()| Reply::Done);
                Ended { reply, cancelled: None, took: started.elapsed(), index: None }
            }
        }
    }
}

/// Why a statement did not simply succeed. The server's text is not used: its DETAIL may hold data, and it may be in any language.
fn trouble(ended: &Ended) -> Option<Trouble> {
    let error = match &ended.reply {
        Reply::Done => return None,
        Reply::Silence => None,
        Reply::Refused(error) => Some(error),
    };
    let code = error.and_then(tokio_postgres::Error::code);
    let sqlstate = code.map(|code| code.code().to_owned());
    if let Some(why) = &ended.cancelled {
        return Some(Trouble { reason: format!("cancelled: {why}"), sqlstate });
    }
    let reason = match code {
        None => "the connection was lost while the statement ran".to_owned(),
        Some(code) if *code == SqlState::QUERY_CANCELED => "somebody else cancelled it".to_owned(),
        Some(code) if *code == SqlState::T_R_DEADLOCK_DETECTED => "the server ended it to resolve a deadlock".to_owned(),
        Some(code) if *code == SqlState::UNIQUE_VIOLATION => {
            "the table holds duplicates, so a unique index cannot be built".to_owned()
        }
        Some(code) if *code == SqlState::DISK_FULL => "the disk is full".to_owned(),
        Some(code) if *code == SqlState::PROGRAM_LIMIT_EXCEEDED => "a value is too long for an index row".to_owned(),
        Some(code) if *code == SqlState::ADMIN_SHUTDOWN => "the session was terminated".to_owned(),
        Some(_) => match error.and_then(tokio_postgres::Error::as_db_error) {
            // Class 42 is about names and rights in our own statement: its message holds no data.
            Some(server) if server.code().code().starts_with("42") => {
                format!("the server refused it: {}", pgtailor_model::name::printable(server.message()))
            }
            _ => "the server ended it with an error".to_owned(),
        },
    };
    Some(Trouble { reason, sqlstate })
}

fn outcome(task: &Task, entry_id: Option<i64>, result: StepResult) -> StepOutcome {
    StepOutcome { entry_id, change: task.step.change.clone(), sql: task.step.sql.clone(), result }
}

fn in_words(result: &StepResult) -> String {
    match result {
        StepResult::Applied { .. } => "it had been finished, and is confirmed now".to_owned(),
        StepResult::Failed { .. } => "nothing of it is left".to_owned(),
        StepResult::NothingToDo { reason }
        | StepResult::LeftOver { reason }
        | StepResult::NotReached { reason }
        | StepResult::NeedsHuman { reason } => reason.clone(),
    }
}
