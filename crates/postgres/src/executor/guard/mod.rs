//! Guards of the moment: what only the server can say, right before a step is sent. One file each, and one line in [`ALL`].
//!
//! What a snapshot shows is asked earlier, by the guards of `pgtailor-rollout`. Each guard here asks in a session that cannot write, and
//! decides in a function of its own without I/O. What this role may not see is answered with "unknown", never with a guess; only a
//! guard that knows a reason stops a step. Start with [`foresee`], which asks all of them, and then with `blockers`.

mod archiver;
mod blockers;
mod event_triggers;
mod load;
mod pause;
pub(super) mod replication_lag;
pub(super) mod replication_slots;
mod space;
mod synchronous_standby;
mod table_lock;
mod temporary_files;
mod transaction_age;
mod who;
mod wraparound_vacuum;

use futures_util::future::BoxFuture;
use pgtailor_model::change::Change;
use pgtailor_model::moment::{Answer, Conditions, Foresight, Guarded};
use pgtailor_model::name::Oid;
use pgtailor_model::rollout::{Estimate, Step};
use pgtailor_model::unit::{Bytes, f64_as_count};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};

use super::error::{ApplyError, unless_refused, while_doing};
use crate::connect::Database;
use crate::session::ReadOnlySession;

/// Builds that write less WAL than this are not held up for its sake: one segment, which the server writes for a checkpoint alone.
const LITTLE_WAL: Bytes = Bytes(16 << 20);
/// Space and WAL that are wanted, as a multiple of the estimated size: estimates of sizes are within a fifth (`faults` 3.4).
const MARGIN: f64 = 1.2;

/// A reason not to send a step now.
pub(super) struct Guard {
    /// Its name, for the dry run, for `--despite` and the tests.
    pub name: &'static str,
    /// Whether what it refuses for passes by itself, so that it is worth asking again.
    pub eases: bool,
    ask: for<'q> fn(&'q Question<'q>) -> BoxFuture<'q, Result<Answer, ApplyError>>,
}

/// Every guard; who wants quiet comes first, then what is in the way of this table, then what may harm the whole server.
pub(super) static ALL: &[Guard] = &[
    Guard { name: "pause", eases: false, ask: pause::ask },
    Guard { name: "wraparound-vacuum", eases: false, ask: wraparound_vacuum::ask },
    Guard { name: "table-lock", eases: false, ask: table_lock::ask },
    Guard { name: "blockers", eases: false, ask: blockers::ask },
    Guard { name: "transaction-age", eases: false, ask: transaction_age::ask },
    Guard { name: "space", eases: false, ask: space::ask },
    Guard { name: "temporary-files", eases: false, ask: temporary_files::ask },
    Guard { name: "replication-slots", eases: false, ask: replication_slots::ask },
    Guard { name: "archiver", eases: false, ask: archiver::ask },
    Guard { name: "synchronous-standby", eases: false, ask: synchronous_standby::ask },
    Guard { name: "replication-lag", eases: true, ask: replication_lag::ask },
    Guard { name: "load", eases: true, ask: load::ask },
    Guard { name: "event-triggers", eases: false, ask: event_triggers::ask },
];

/// What a guard is asked about, and by whom.
pub(super) struct Question<'a> {
    /// What would be done.
    pub change: &'a Change,
    /// What it will probably take.
    pub estimate: Estimate,
    /// A session that cannot write.
    pub client: &'a Client,
    /// What a person bends.
    pub conditions: &'a Conditions,
    /// What earlier steps of the run took of the free space.
    pub spent: Bytes,
}

/// A refusal, and whether it is worth asking again.
pub(super) struct Refusal {
    /// Why, as a sentence without a period.
    pub reason: String,
    /// Whether it passes by itself.
    pub eases: bool,
}

/// The first refusal that nobody overrules; else what should be known beside, one sentence a guard.
pub(super) async fn ask(question: &Question<'_>) -> Result<Result<Vec<String>, Refusal>, ApplyError> {
    let mut remarks = Vec::new();
    for guard in ALL {
        match answer(guard, question).await? {
            Answer::Passes => {}
            Answer::Refuses(reason) => return Ok(Err(Refusal { reason, eases: guard.eases })),
            Answer::Remarks(reason) | Answer::Unknown(reason) | Answer::Overruled(reason) => remarks.push(reason),
        }
    }
    Ok(Ok(remarks))
}

/// What every guard says of each of `steps` now, as if those before it had been carried out. Reads only.
///
/// # Errors
///
/// [`ApplyError`] when there is no session, or it is lost.
pub async fn foresee(database: &Database, steps: &[Step], conditions: &Conditions) -> Result<Vec<Foresight>, ApplyError> {
    if steps.is_empty() {
        return Ok(Vec::new());
    }
    let session = ReadOnlySession::connect(database).await?;
    let mut spent = Bytes(0);
    let mut foreseen = Vec::with_capacity(steps.len());
    for step in steps {
        let (change, estimate) = (&step.change, step.estimate);
        let question = Question { change, estimate, client: &session.client, conditions, spent };
        let mut guards = Vec::with_capacity(ALL.len());
        for guard in ALL {
            guards.push(Guarded { name: guard.name.to_owned(), answer: answer(guard, &question).await? });
        }
        let waits_for = unless_refused(blockers::oldest(&question).await)?.flatten();
        foreseen.push(Foresight { guards, waits_for, limits: conditions.applied_to(step.limits) });
        spent = spent + step.estimate.size.map_or(Bytes(0), |size| Bytes(f64_as_count(size.value)));
    }
    Ok(foreseen)
}

/// Names of all guards: what `--despite` takes.
pub fn guard_names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|guard| guard.name)
}

async fn answer(guard: &Guard, question: &Question<'_>) -> Result<Answer, ApplyError> {
    let asked = (guard.ask)(question).await;
    let why = asked.as_ref().err().and_then(|error| error.sqlstate().map(str::to_owned)).unwrap_or_default();
    Ok(match unless_refused(asked)? {
        Some(Answer::Refuses(reason)) if question.conditions.despite.contains(guard.name) => Answer::Overruled(reason),
        Some(answer) => answer,
        None => Answer::Unknown(format!("the server did not say ({why})")),
    })
}

impl Question<'_> {
    /// Rows of one question to the server.
    async fn rows(&self, doing: &'static str, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, ApplyError> {
        self.client.query(sql, parameters).await.map_err(while_doing(doing))
    }

    /// The table, when the statement waits in line for its lock and would wait there for long: short statements give up by themselves.
    fn waiting_table(&self) -> Option<Oid> {
        match self.change {
            Change::CreateIndex { .. }
            | Change::DropIndex { .. }
            | Change::RebuildIndex { .. }
            | Change::Analyze { .. }
            | Change::Vacuum { .. } => self.change.table_oid(),
            _ => None,
        }
    }

    /// The size of what is built: estimated, else that of the index that is built anew, else that of the table, more than which an
    /// index on it hardly ever has. `None` for what builds nothing.
    async fn build_size(&self) -> Result<Option<Bytes>, ApplyError> {
        const SIZE: &str = "SELECT /* pgtailor */ pg_catalog.pg_relation_size($1::oid)";
        let like = match self.change {
            Change::CreateIndex { table_oid, .. } => *table_oid,
            Change::RebuildIndex { index_oid, .. } => *index_oid,
            _ => return Ok(None),
        };
        if let Some(size) = self.estimate.size {
            return Ok(Some(Bytes(f64_as_count(size.value))));
        }
        let doing = "measure what the new index will be like";
        let rows = self.rows(doing, SIZE, &[&like.0]).await?;
        let size: Option<i64> = rows[0].try_get(0).map_err(while_doing(doing))?;
        Ok(size.map(|size| Bytes(size.unsigned_abs())))
    }

    /// The WAL that a build will write at most; `None` when it is too little to ask anybody about.
    async fn much_wal(&self) -> Result<Option<Bytes>, ApplyError> {
        Ok(self.build_size().await?.map(with_margin).filter(|wal| *wal > LITTLE_WAL))
    }
}

/// An estimated size with what it may be wrong by.
fn with_margin(size: Bytes) -> Bytes {
    Bytes(f64_as_count(size.as_f64() * MARGIN))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique() {
        assert_eq!(guard_names().collect::<BTreeSet<_>>().len(), ALL.len());
    }
}
