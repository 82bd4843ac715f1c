//! Reading what needs a table's lock, without ever waiting long for it.
//!
//! `pg_get_expr` and `pg_relation_size` open the relation with `AccessShareLock` (measured on 15; raw catalogs, `pg_stats` and the
//! activity views do not). Somebody's `ACCESS EXCLUSIVE` would hang them, and `pg_locks` says beforehand where that is the case. So:
//! everything else is read in pages inside savepoints; a page that fails is read one by one; the suspects come last, one by one. The time
//! lost in vain is bounded: past the bound, suspects are not even tried, and nobody is waited for more than a moment.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use pgtailor_model::name::Oid;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tokio_postgres::{Row, Transaction};

use super::query::{attempt, rows};
use crate::error::Error;

/// Objects read by one statement: a page that fails costs as many statements as it has objects.
const PAGE: usize = 500;

/// How much time a capture may lose by waiting for locks; eight waits of `lock_timeout`.
const LONGEST_LOSS: Duration = Duration::from_secs(2);

/// After the loss, a lock is waited for this long only.
const NO_MORE_WAITING: &str = "SET /* pgtailor */ LOCAL lock_timeout = '1ms'";

/// Relations on which a lock that excludes reading is held or waited for: a reader queues behind both. Every role may see this.
const SUSPECTS: &str = "\
SELECT /* pgtailor */ DISTINCT l.relation AS relation
  FROM pg_catalog.pg_locks l
 WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND l.pid IS DISTINCT FROM pg_backend_pid()
   AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database())";

/// Where locks are in the way, and how much time was lost by them.
pub(super) struct Guard {
    suspects: BTreeSet<Oid>,
    lost: Duration,
}

/// An object to read, and the relation whose lock the reading takes.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    /// What the statement's parameter holds.
    pub object: Oid,
    /// The relation that will be opened.
    pub opens: Oid,
}

/// What was read and what was not; together everything that was wanted.
pub(super) struct Answers<T> {
    /// By object.
    pub found: BTreeMap<Oid, T>,
    /// Why not, as a clause.
    pub refused: BTreeMap<Oid, String>,
}

impl Guard {
    /// Looks where locks are in the way now.
    pub(super) async fn new(transaction: &Transaction<'_>) -> Result<Self, Error> {
        let suspects = rows(transaction, "read the locks", SUSPECTS, &[]).await?;
        Ok(Self { suspects: suspects.iter().map(|row| Oid(row.get("relation"))).collect(), lost: Duration::ZERO })
    }

    /// Runs `sql`, whose only parameter is an array of OIDs, over `wanted`. `map` takes a row to the object and its answer.
    pub(super) async fn read<T>(
        &mut self,
        transaction: &mut Transaction<'_>,
        doing: &'static str,
        sql: &str,
        wanted: &[Wanted],
        map: impl Fn(&Row) -> (Oid, Option<T>),
    ) -> Result<Answers<T>, Error> {
        let mut answers = Answers { found: BTreeMap::new(), refused: BTreeMap::new() };
        let (suspects, free): (Vec<Wanted>, Vec<Wanted>) =
            wanted.iter().partition(|wanted| self.suspects.contains(&wanted.opens));
        let mut alone: Vec<Oid> = Vec::new();
        for page in free.chunks(PAGE) {
            let page: Vec<Oid> = page.iter().map(|wanted| wanted.object).collect();
            if self.read_page(transaction, doing, sql, &page, &map, &mut answers).await?.is_err() {
                alone.extend(page);
            }
        }
        for object in alone {
            if let Err(state) = self.read_page(transaction, doing, sql, &[object], &map, &mut answers).await? {
                answers.refused.insert(object, reason(&state));
            }
        }
        for object in suspects.iter().map(|wanted| wanted.object) {
            if self.lost >= LONGEST_LOSS {
                answers.refused.insert(object, reason(&SqlState::LOCK_NOT_AVAILABLE));
            } else if let Err(state) = self.read_page(transaction, doing, sql, &[object], &map, &mut answers).await? {
                answers.refused.insert(object, reason(&state));
            }
        }
        for wanted in wanted {
            if !answers.found.contains_key(&wanted.object) && !answers.refused.contains_key(&wanted.object) {
                answers.refused.insert(wanted.object, "it was dropped meanwhile".to_owned());
            }
        }
        Ok(answers)
    }

    async fn read_page<T>(
        &mut self,
        transaction: &mut Transaction<'_>,
        doing: &'static str,
        sql: &str,
        page: &[Oid],
        map: &impl Fn(&Row) -> (Oid, Option<T>),
        answers: &mut Answers<T>,
    ) -> Result<Result<(), SqlState>, Error> {
        let oids: Vec<u32> = page.iter().map(|oid| oid.0).collect();
        let began = Instant::now();
        let outcome = attempt(transaction, doing, sql, &[(&oids, Type::OID_ARRAY)], |row| {
            if let (object, Some(answer)) = map(row) {
                answers.found.insert(object, answer);
            }
        })
        .await?;
        if outcome.is_err() {
            let was_patient = self.lost < LONGEST_LOSS;
            self.lost += began.elapsed();
            if was_patient && self.lost >= LONGEST_LOSS {
                rows(transaction, "shorten the wait for locks", NO_MORE_WAITING, &[]).await?;
            }
        }
        Ok(outcome)
    }
}

fn reason(state: &SqlState) -> String {
    if *state == SqlState::LOCK_NOT_AVAILABLE {
        "another session holds or awaits an ACCESS EXCLUSIVE lock; capture again when it is gone".to_owned()
    } else {
        format!("the server refused with SQLSTATE {}", state.code())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use pgtailor_lab::{Lab, LabOptions};

    use super::*;
    use crate::connect::{ConnectionInput, Database};
    use crate::session::ReadOnlySession;

    #[tokio::test]
    async fn a_lock_that_comes_unexpected_costs_its_own_table_only() {
        let lab = Lab::start(&LabOptions::new()).expect("a local server");
        let input = ConnectionInput {
            database: Some(lab.url("postgres")),
            environment: BTreeMap::new(),
            home: None,
            local_user: String::new(),
        };
        let database = Database::resolve(&input).expect("the lab's URL is valid");
        let (locker, connection) =
            tokio_postgres::connect(&lab.url("postgres"), tokio_postgres::NoTls).await.expect("a second session");
        tokio::spawn(connection);
        for sql in ["CREATE TABLE a (x int); CREATE TABLE b (x int); INSERT INTO a VALUES (1)", "BEGIN; LOCK TABLE b"] {
            locker.batch_execute(sql).await.expect("two tables, one locked");
        }
        let oids = locker
            .query_one("SELECT 'a'::regclass::oid, oid, 1::oid FROM pg_class WHERE relname = 'b'", &[])
            .await
            .expect("their identifiers");
        let wanted: Vec<Wanted> = (0..3).map(|at| Oid(oids.get(at))).map(|oid| Wanted { object: oid, opens: oid }).collect();

        let mut session = ReadOnlySession::connect(&database).await.expect("a session");
        let mut transaction = session.client.transaction().await.expect("a transaction");
        // It was looked before the lock was taken.
        let mut guard = Guard { suspects: BTreeSet::new(), lost: Duration::ZERO };
        let sql = "SELECT o AS oid, pg_relation_size(o) AS size FROM unnest($1) AS o";
        let answers = guard
            .read(&mut transaction, "read sizes", sql, &wanted, |row| (Oid(row.get("oid")), row.get::<_, Option<i64>>("size")))
            .await
            .expect("a lock is no error");
        assert_eq!(answers.found.get(&wanted[0].object), Some(&8192));
        assert!(answers.refused[&wanted[1].object].contains("ACCESS EXCLUSIVE"));
        assert_eq!(answers.refused[&wanted[2].object], "it was dropped meanwhile");
        assert!(guard.lost >= Duration::from_millis(400), "two waits of a quarter of a second, not {:?}", guard.lost);
        let size = transaction.query_one("SELECT 1", &[]).await;
        assert!(size.is_ok(), "the transaction goes on: {size:?}");
    }
}
