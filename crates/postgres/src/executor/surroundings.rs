//! What goes on around a running statement, and when it must give way (`faults` 3.5).
//!
//! The budgets of `watchdog` are about the statement; this is about everybody else: who waits for it, whether standbys keep up with its
//! WAL, whether a slot or the disk is running out of room. [`Surroundings::look`] asks the server; [`Seen`] is what it saw, and
//! [`Surroundings::book`] decides without I/O, so that it can be tested without waiting.
//!
//! Limits: SQL does not show the free space of a disk, so what is counted is what pgtailor's statement and its WAL added, against what a
//! person said is free. Failing archiving is asked about before a step only.

use std::time::Duration;

use pgtailor_model::moment::Conditions;
use pgtailor_model::name::{Oid, printable};
use pgtailor_model::unit::{Bytes, Milliseconds};
use tokio_postgres::Client;

use super::error::{ApplyError, unless_refused, while_doing};
use super::guard::replication_lag::{self, Lag, Standby};
use super::guard::replication_slots::{self, Slot};

/// How often they are looked at.
pub(super) const INTERVAL: Duration = Duration::from_secs(1);
/// After this somebody who waits for us is named (`faults` 3.5).
const TELL_AFTER: Duration = Duration::from_secs(5);
/// After this the statement gives way to somebody who waits alone: a vacuum by hand, a change of the table.
const GIVE_WAY_AFTER: Duration = Duration::from_mins(5);
/// The same when others queue behind them: then the application may be standing still.
const GIVE_WAY_TO_A_QUEUE_AFTER: Duration = Duration::from_secs(15);
/// How far standbys may fall behind while a statement runs.
const LAG: Lag = Lag { time: Milliseconds(60_000.0), wal: Bytes(1 << 30) };
/// For how long standbys may be further behind, or a slot without a reader: a reconnection takes a moment.
const LAG_FOR: Duration = Duration::from_secs(15);
/// How much WAL must be left to write before a slot is lost: four segments.
const SLOT_FLOOR: Bytes = Bytes(64 << 20);
/// How much WAL a slot without a reader may keep.
const SLOT_KEEPS: Bytes = Bytes(1 << 30);

/// Everybody else at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Seen {
    /// Who waits for the builder, as a clause.
    pub waits: Option<String>,
    /// Whether others wait behind them.
    pub queue: bool,
    pub standbys: Vec<Standby>,
    pub slots: Vec<Slot>,
    /// What WAL, temporary files and unfinished indexes of the table take; `None` when this role may not see it.
    pub used: Option<Bytes>,
}

/// What to do about it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    GoOn,
    /// Say who waits.
    Tell(String),
    /// Cancel the statement, for this reason.
    GiveWay(String),
}

/// How long it has been so, beside how long it may be.
pub(super) struct Surroundings {
    table: Option<Oid>,
    watches_lag: bool,
    watches_slots: bool,
    /// What the statement may add to [`Seen::used`].
    room: Option<Bytes>,
    used_before: Option<Bytes>,
    waiting: Duration,
    queueing: Duration,
    behind: Duration,
    unread: Duration,
    is_told: bool,
}

impl Surroundings {
    /// For a statement on `table`, under `conditions`, of whose free space `spent` is gone.
    pub fn of(table: Option<Oid>, conditions: &Conditions, spent: Bytes) -> Self {
        let watches = |guard: &str| !conditions.despite.contains(guard);
        Self {
            table,
            watches_lag: watches("replication-lag"),
            watches_slots: watches("replication-slots"),
            room: conditions.free_space.filter(|_| watches("space")).map(|free| free - spent),
            used_before: None,
            waiting: Duration::ZERO,
            queueing: Duration::ZERO,
            behind: Duration::ZERO,
            unread: Duration::ZERO,
            is_told: false,
        }
    }

    /// Looks around from the watchdog's session. What this role may not see is left out.
    pub async fn look(&self, client: &Client, builder: i32) -> Result<Seen, ApplyError> {
        let mut seen = Seen::default();
        if let Some((who, queue)) = waiting(client, builder).await? {
            seen.waits = Some(who);
            seen.queue = queue;
        }
        if self.watches_lag {
            seen.standbys = unless_refused(replication_lag::all(client).await)?.unwrap_or_default();
        }
        if self.watches_slots {
            seen.slots = unless_refused(replication_slots::all(client).await)?.unwrap_or_default();
        }
        if self.room.is_some() {
            seen.used = unless_refused(used(client, self.table).await)?;
        }
        Ok(seen)
    }

    /// Books `elapsed` for what was seen.
    pub fn book(&mut self, seen: &Seen, elapsed: Duration) -> Verdict {
        let behind = seen.standbys.iter().find_map(|standby| standby.is_behind(LAG));
        let unread = seen.slots.iter().find(|slot| !slot.is_active && slot.keeps > SLOT_KEEPS);
        for (lasts, so_far) in [
            (seen.waits.is_some(), &mut self.waiting),
            (seen.queue, &mut self.queueing),
            (behind.is_some(), &mut self.behind),
            (unread.is_some(), &mut self.unread),
        ] {
            *so_far = if lasts { *so_far + elapsed } else { Duration::ZERO };
        }
        if let Some(slot) = seen.slots.iter().find(|slot| slot.safe.is_some_and(|safe| safe < SLOT_FLOOR)) {
            let safe = slot.safe.unwrap_or_default();
            return Verdict::GiveWay(format!("replication slot {} is lost after {safe} more of WAL", printable(&slot.name)));
        }
        if let Some(slot) = unread.filter(|_| self.unread > LAG_FOR) {
            let name = printable(&slot.name);
            return Verdict::GiveWay(format!("nobody reads from replication slot {name}, which keeps {} of WAL", slot.keeps));
        }
        if let Some(behind) = behind.filter(|_| self.behind > LAG_FOR) {
            return Verdict::GiveWay(behind);
        }
        if let (Some(room), Some(used)) = (self.room, seen.used) {
            let added = used - *self.used_before.get_or_insert(used);
            if added > room {
                return Verdict::GiveWay(format!(
                    "it and its WAL took {added} of disk space, and {room} of --free-space were left"
                ));
            }
        }
        let Some(who) = &seen.waits else {
            self.is_told = false;
            return Verdict::GoOn;
        };
        if self.queueing > GIVE_WAY_TO_A_QUEUE_AFTER || self.waiting > GIVE_WAY_AFTER {
            return Verdict::GiveWay(format!("{who} waited for it"));
        }
        if self.waiting > TELL_AFTER && !self.is_told {
            self.is_told = true;
            return Verdict::Tell(who.clone());
        }
        Verdict::GoOn
    }
}

/// Who waits for the builder, and whether somebody waits behind them. Autovacuum does not mind: it comes again.
async fn waiting(client: &Client, builder: i32) -> Result<Option<(String, bool)>, ApplyError> {
    // Only sessions without their lock are asked whom they wait for: each question stops the lock manager for a moment.
    const WAITING: &str = "WITH /* pgtailor */ waiting AS MATERIALIZED (\
             SELECT DISTINCT l.pid, pg_catalog.pg_blocking_pids(l.pid) AS behind FROM pg_catalog.pg_locks l \
             WHERE NOT l.granted AND l.pid IS NOT NULL AND l.pid <> $1), \
         direct AS (SELECT w.pid FROM waiting w WHERE $1 = ANY(w.behind)) \
         SELECT a.pid, a.application_name, (SELECT count(*) FROM direct), \
             (SELECT count(*) FROM waiting w WHERE w.behind && (SELECT pg_catalog.array_agg(d.pid) FROM direct d) \
                 AND w.pid NOT IN (SELECT d.pid FROM direct d)) \
         FROM pg_catalog.pg_stat_activity a JOIN direct d ON d.pid = a.pid \
         WHERE a.usesysid IS NOT NULL ORDER BY a.query_start LIMIT 1";
    let doing = while_doing("see who waits for the statement");
    let Some(row) = client.query_opt(WAITING, &[&builder]).await.map_err(&doing)? else { return Ok(None) };
    let pid: i32 = row.try_get(0).map_err(&doing)?;
    let application: Option<String> = row.try_get(1).map_err(&doing)?;
    let direct: i64 = row.try_get(2).map_err(&doing)?;
    let behind: i64 = row.try_get(3).map_err(&doing)?;
    let application = application.filter(|name| !name.is_empty()).unwrap_or_else(|| "unnamed".to_owned());
    let mut who = format!("session {pid} ({})", printable(&application));
    if direct > 1 {
        who = format!("{who} and {} more", direct - 1);
    }
    if behind > 0 {
        who = format!("{who}, and {behind} behind");
    }
    Ok(Some((who, behind > 0)))
}

/// What grows on the server's disk while an index of the table is built.
async fn used(client: &Client, table: Option<Oid>) -> Result<Bytes, ApplyError> {
    const USED: &str = "SELECT /* pgtailor */ (coalesce((SELECT sum(w.size) FROM pg_catalog.pg_ls_waldir() w), 0) \
         + coalesce((SELECT sum(t.size) FROM pg_catalog.pg_ls_tmpdir() t), 0) \
         + coalesce((SELECT sum(pg_catalog.pg_relation_size(i.indexrelid)) FROM pg_catalog.pg_index i \
                     WHERE i.indrelid = $1 AND NOT i.indisvalid), 0))::bigint";
    let doing = while_doing("see how much disk space is taken");
    let row = client.query_one(USED, &[&table.unwrap_or_default().0]).await.map_err(&doing)?;
    let used: i64 = row.try_get(0).map_err(&doing)?;
    Ok(Bytes(u64::try_from(used).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surroundings(conditions: &Conditions) -> Surroundings {
        Surroundings::of(Some(Oid(1)), conditions, Bytes(0))
    }

    fn waits(queue: bool) -> Seen {
        Seen { waits: Some("session 7 (psql)".to_owned()), queue, ..Seen::default() }
    }

    #[test]
    fn who_waits_is_named_once_and_gets_its_turn_in_the_end() {
        let mut around = surroundings(&Conditions::default());
        assert_eq!(around.book(&waits(false), TELL_AFTER), Verdict::GoOn);
        assert_eq!(around.book(&waits(false), INTERVAL), Verdict::Tell("session 7 (psql)".to_owned()));
        assert_eq!(around.book(&waits(false), INTERVAL), Verdict::GoOn);
        assert_eq!(around.book(&Seen::default(), INTERVAL), Verdict::GoOn);
        assert!(matches!(around.book(&waits(false), TELL_AFTER * 2), Verdict::Tell(_)), "the next one is named, too");
        assert!(matches!(around.book(&waits(false), GIVE_WAY_AFTER), Verdict::GiveWay(why) if why.contains("session 7")));
    }

    #[test]
    fn a_queue_behind_the_one_who_waits_is_urgent() {
        let mut around = surroundings(&Conditions::default());
        assert_eq!(around.book(&waits(true), GIVE_WAY_TO_A_QUEUE_AFTER), Verdict::Tell("session 7 (psql)".to_owned()));
        assert!(matches!(around.book(&waits(true), INTERVAL), Verdict::GiveWay(_)));
    }

    #[test]
    fn standbys_may_fall_behind_for_a_moment_and_for_longer_when_a_person_says_so() {
        let lag = Lag { wal: LAG.wal + Bytes(1), ..LAG };
        let seen = Seen { standbys: vec![Standby { name: "replica".to_owned(), lag: Some(lag) }], ..Seen::default() };
        let mut around = surroundings(&Conditions::default());
        assert_eq!(around.book(&seen, LAG_FOR), Verdict::GoOn);
        assert_eq!(around.book(&Seen::default(), INTERVAL), Verdict::GoOn);
        assert_eq!(around.book(&seen, LAG_FOR), Verdict::GoOn, "it had caught up between");
        assert!(matches!(around.book(&seen, INTERVAL), Verdict::GiveWay(why) if why.contains("replica")));
        let despite = Conditions { despite: ["replication-lag".to_owned()].into(), ..Conditions::default() };
        assert!(!surroundings(&despite).watches_lag);
    }

    #[test]
    fn a_slot_that_is_nearly_lost_ends_the_statement_at_once() {
        let slot = |safe| Slot { name: "s".to_owned(), is_active: true, is_in_danger: false, safe: Some(safe), keeps: Bytes(0) };
        let seen = |safe| Seen { slots: vec![slot(safe)], ..Seen::default() };
        let mut around = surroundings(&Conditions::default());
        assert_eq!(around.book(&seen(SLOT_FLOOR), INTERVAL), Verdict::GoOn);
        assert!(matches!(around.book(&seen(SLOT_FLOOR - Bytes(1)), INTERVAL), Verdict::GiveWay(_)));
    }

    #[test]
    fn wal_behind_a_slot_without_a_reader_ends_the_statement() {
        let slot = Slot { name: "s".to_owned(), is_active: false, is_in_danger: false, safe: None, keeps: SLOT_KEEPS + Bytes(1) };
        let seen = |is_active| Seen { slots: vec![Slot { is_active, ..slot.clone() }], ..Seen::default() };
        let mut around = surroundings(&Conditions::default());
        assert_eq!(around.book(&seen(true), LAG_FOR * 2), Verdict::GoOn);
        assert_eq!(around.book(&seen(false), LAG_FOR), Verdict::GoOn);
        assert!(matches!(around.book(&seen(false), INTERVAL), Verdict::GiveWay(_)));
    }

    #[test]
    fn what_the_statement_adds_is_held_against_the_free_space() {
        let conditions = Conditions { free_space: Some(Bytes(100)), ..Conditions::default() };
        let seen = |used| Seen { used: Some(Bytes(used)), ..Seen::default() };
        let mut around = surroundings(&conditions);
        assert_eq!(around.book(&seen(1000), INTERVAL), Verdict::GoOn, "what was there before is not its own");
        assert_eq!(around.book(&seen(1100), INTERVAL), Verdict::GoOn);
        assert!(matches!(around.book(&seen(1101), INTERVAL), Verdict::GiveWay(_)));
    }
}
