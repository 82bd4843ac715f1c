//! What the watchdog sees of the builder, and when it has seen enough.
//!
//! [`look`] asks the server; [`Budget`] decides, without I/O, so that it can be tested without waiting half an hour.

use std::time::Duration;

use pgtailor_model::name::{Oid, printable};
use pgtailor_model::rollout::Limits;
use tokio_postgres::Client;

use super::error::{ApplyError, while_doing};
use super::sessions::Sessions;

/// What the builder is doing at one moment.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Sight {
    /// It waits for its first lock on the table; nothing exists yet.
    FirstLock { blockers: Vec<i32> },
    /// It waits for other transactions to end.
    Waiting { phase: String, blockers: Vec<i32> },
    /// It works.
    Working { phase: String, fraction: Option<f64> },
    /// It runs nothing.
    Idle,
}

/// How long the builder has waited, beside how long it may.
pub(super) struct Budget {
    limits: Limits,
    first_lock: Duration,
    waiting: Duration,
    running: Duration,
}

impl Budget {
    pub fn new(limits: Limits) -> Self {
        Self { limits, first_lock: Duration::ZERO, waiting: Duration::ZERO, running: Duration::ZERO }
    }

    /// Books `elapsed` for what was seen; a reason to cancel when a budget is spent.
    pub fn book(&mut self, sight: &Sight, elapsed: Duration) -> Option<String> {
        self.running += elapsed;
        match sight {
            Sight::FirstLock { .. } => self.first_lock += elapsed,
            Sight::Waiting { .. } => self.waiting += elapsed,
            Sight::Working { .. } | Sight::Idle => {}
        }
        let spent = |used: Duration, budget: Duration, what: &str| {
            (used > budget).then(|| format!("it {what} for more than {} s", budget.as_secs()))
        };
        spent(self.first_lock, self.limits.first_lock_budget, "waited for its first lock on the table")
            .or_else(|| spent(self.waiting, self.limits.wait_budget, "waited for other transactions"))
            .or_else(|| spent(self.running, self.limits.run_budget, "ran"))
    }
}

/// Looks at the builder from the second session.
pub(super) async fn look(sessions: &Sessions) -> Result<Sight, ApplyError> {
    // A build has no row in the progress view while it waits for its first lock, and one without an index until its first commit.
    // A drop has none at all: what it waits for shows in `pg_blocking_pids` only.
    const LOOK: &str = "SELECT /* pgtailor */ a.state, a.wait_event_type, a.wait_event, p.phase, p.current_locker_pid::integer, \
             p.blocks_total, p.blocks_done, p.tuples_total, p.tuples_done, pg_catalog.pg_blocking_pids(a.pid) \
         FROM pg_catalog.pg_stat_activity a LEFT JOIN pg_catalog.pg_stat_progress_create_index p ON p.pid = a.pid \
         WHERE a.pid = $1 AND a.backend_start = $2";
    let doing = while_doing("look at the build");
    let row = sessions
        .watchdog
        .query_opt(LOOK, &[&sessions.identity.process_id, &sessions.identity.started_at])
        .await
        .map_err(&doing)?;
    let Some(row) = row else { return Ok(Sight::Idle) };
    let state: Option<String> = row.try_get(0).map_err(&doing)?;
    let wait_type: Option<String> = row.try_get(1).map_err(&doing)?;
    let wait_event: Option<String> = row.try_get(2).map_err(&doing)?;
    let phase: Option<String> = row.try_get(3).map_err(&doing)?;
    let locker: Option<i32> = row.try_get(4).map_err(&doing)?;
    let blocks: (Option<i64>, Option<i64>) = (row.try_get(5).map_err(&doing)?, row.try_get(6).map_err(&doing)?);
    let tuples: (Option<i64>, Option<i64>) = (row.try_get(7).map_err(&doing)?, row.try_get(8).map_err(&doing)?);
    let mut blockers: Vec<i32> = row.try_get(9).map_err(&doing)?;
    if state.as_deref() != Some("active") {
        return Ok(Sight::Idle);
    }
    // Of a prepared transaction, which has no process, server 15 shows the builder's own number as the locker's (F05).
    let is_somebody = |pid: &i32| *pid != 0 && *pid != sessions.identity.process_id;
    blockers.extend(locker.filter(|pid| is_somebody(pid) && !blockers.contains(pid)));
    let waits_for_lock = wait_type.as_deref() == Some("Lock");
    Ok(match phase {
        _ if waits_for_lock && wait_event.as_deref() == Some("relation") => Sight::FirstLock { blockers },
        Some(phase) if phase.starts_with("waiting for ") => Sight::Waiting { phase, blockers },
        None if waits_for_lock => Sight::Waiting { phase: "waiting for other transactions".to_owned(), blockers },
        Some(phase) => Sight::Working { phase, fraction: fraction(blocks).or_else(|| fraction(tuples)) },
        None => Sight::Working { phase: "working".to_owned(), fraction: None },
    })
}

/// Who is in the way, for people. Names the prepared transaction when there is no session to name.
pub(super) async fn describe(client: &Client, blockers: &[i32]) -> Result<String, ApplyError> {
    const WHO: &str = "SELECT /* pgtailor */ pid, application_name, state, \
             extract(epoch FROM pg_catalog.clock_timestamp() - coalesce(xact_start, state_change))::bigint \
         FROM pg_catalog.pg_stat_activity WHERE pid = ANY($1) ORDER BY xact_start LIMIT 1";
    const PREPARED: &str = "SELECT /* pgtailor */ gid, owner::text FROM pg_catalog.pg_prepared_xacts \
         WHERE database = pg_catalog.current_database() ORDER BY prepared LIMIT 1";
    let doing = while_doing("see who is in the way");
    let mut idle = None;
    if let Some(row) = client.query_opt(WHO, &[&blockers]).await.map_err(&doing)? {
        let pid: i32 = row.try_get(0).map_err(&doing)?;
        let application: Option<String> = row.try_get(1).map_err(&doing)?;
        let state: Option<String> = row.try_get(2).map_err(&doing)?;
        let seconds: Option<i64> = row.try_get(3).map_err(&doing)?;
        let application = application.filter(|name| !name.is_empty()).unwrap_or_else(|| "unnamed".to_owned());
        let state = state.unwrap_or_else(|| "in a state that this role may not see".to_owned());
        let age = seconds.map(|seconds| format!(" for {seconds} s")).unwrap_or_default();
        let session = format!("session {pid} ({}), {state}{age}", printable(&application));
        if state != "idle" {
            return Ok(session);
        }
        // A session without a transaction is in nobody's way. A prepared transaction keeps the number of the backend that prepared it, which
        // whoever connects next is given, too: the server shows that one, and it may be ours (F05).
        idle = Some(session);
    }
    if let Some(row) = client.query_opt(PREPARED, &[]).await.map_err(&doing)? {
        let gid: String = row.try_get(0).map_err(&doing)?;
        let owner: String = row.try_get(1).map_err(&doing)?;
        return Ok(format!("prepared transaction '{}' of {}", printable(&gid), printable(&owner)));
    }
    Ok(idle.unwrap_or_else(|| "a transaction that this role cannot see".to_owned()))
}

/// The index that the builder builds, once the server shows it: by its OID it is found under any name that it is given meanwhile (F38).
pub(super) async fn index_being_built(sessions: &Sessions) -> Result<Option<Oid>, ApplyError> {
    const INDEX: &str = "SELECT /* pgtailor */ index_relid FROM pg_catalog.pg_stat_progress_create_index \
         WHERE pid = $1 AND datname = pg_catalog.current_database() AND index_relid <> 0";
    let doing = while_doing("look at the build");
    let row = sessions.watchdog.query_opt(INDEX, &[&sessions.identity.process_id]).await.map_err(&doing)?;
    row.map(|row| row.try_get(0)).transpose().map(|oid| oid.map(Oid)).map_err(&doing)
}

/// Whether the index is still valid: a drop that has made it invalid can only go on.
pub(super) async fn is_valid(client: &Client, index: Oid) -> Result<bool, ApplyError> {
    const VALID: &str = "SELECT /* pgtailor */ indisvalid FROM pg_catalog.pg_index WHERE indexrelid = $1";
    let row = client.query_opt(VALID, &[&index.0]).await.map_err(while_doing("look at the index"))?;
    row.map_or(Ok(false), |row| row.try_get(0).map_err(while_doing("look at the index")))
}

fn fraction((total, done): (Option<i64>, Option<i64>)) -> Option<f64> {
    let total = u64::try_from(total?).ok()?;
    let done = u64::try_from(done?).ok()?.min(total);
    pgtailor_model::unit::ratio(done, total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits {
            lock_timeout: Duration::ZERO,
            statement_timeout: Duration::ZERO,
            first_lock_budget: Duration::from_mins(1),
            wait_budget: Duration::from_secs(100),
            run_budget: Duration::from_secs(1000),
        }
    }

    #[test]
    fn waiting_for_the_first_lock_has_a_budget_of_its_own() {
        let mut budget = Budget::new(limits());
        let sight = Sight::FirstLock { blockers: Vec::new() };
        assert_eq!(budget.book(&sight, Duration::from_mins(1)), None);
        assert!(budget.book(&sight, Duration::from_secs(1)).is_some_and(|reason| reason.contains("first lock")));
    }

    #[test]
    fn waits_add_up_across_phases_and_work_does_not_count() {
        let mut budget = Budget::new(limits());
        let waiting = |phase: &str| Sight::Waiting { phase: phase.to_owned(), blockers: Vec::new() };
        assert_eq!(budget.book(&waiting("waiting for writers before build"), Duration::from_mins(1)), None);
        assert_eq!(budget.book(&Sight::Working { phase: "building".to_owned(), fraction: None }, Duration::from_secs(500)), None);
        assert!(budget.book(&waiting("waiting for old snapshots"), Duration::from_secs(41)).is_some());
    }

    #[test]
    fn a_build_that_never_ends_is_ended() {
        let mut budget = Budget::new(limits());
        let working = Sight::Working { phase: "building index".to_owned(), fraction: Some(0.5) };
        assert!(budget.book(&working, Duration::from_secs(1001)).is_some_and(|reason| reason.contains("ran")));
    }

    #[test]
    fn progress_never_passes_the_whole() {
        assert_eq!(fraction((Some(10), Some(12))), Some(1.0));
        assert_eq!(fraction((Some(0), Some(0))), None);
        assert_eq!(fraction((None, None)), None);
    }
}
