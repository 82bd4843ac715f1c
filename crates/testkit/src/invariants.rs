//! What must hold after every test of the fault suite, whatever went wrong in it.
//!
//! Taken before, compared after, and read from the catalog and the server's log only: never from what the program said. The numbers
//! `I1` to `I11` are those of the catalogue of faults. What a test changes itself it must say ([`Allowed`]); nothing is allowed otherwise.
//! Start reading at [`Invariants::check`].

use std::collections::BTreeMap;

use crate::big::CANARY;
use crate::blocker::wait_for;
use crate::program::Run;
use crate::server::Server;

/// Settings under which a server's log can be read by this module and by [`crate::probe`].
pub const SETTINGS: &[(&str, &str)] =
    &[("log_lock_waits", "on"), ("deadlock_timeout", "500ms"), ("log_line_prefix", "<%a|%d> "), ("lc_messages", "C")];

/// Every index of users, with all that must not change, as `OID => everything`. The comment, what the columns keep statistics for and
/// the flags are not in the definition.
const INDEXES: &str = "SELECT c.oid || '|' || translate(c.relname, E'\\n', ' ') || '|' || translate(concat_ws(' ', pg_get_indexdef(c.oid), i.indisvalid, i.indisready, \
         i.indislive, i.indisreplident, i.indisclustered, i.indisunique, c.reltablespace, c.reloptions::text, obj_description(c.oid, 'pg_class'), \
         (SELECT string_agg(attnum || '=' || attstattarget, ',' ORDER BY attnum) FROM pg_attribute WHERE attrelid = c.oid), \
         (SELECT string_agg(conname, ',' ORDER BY conname) FROM pg_constraint WHERE conindid = c.oid)), E'\\n', ' ') \
     FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
     WHERE n.nspname NOT IN ('pg_catalog', 'pg_toast', 'pgtailor') ORDER BY c.oid";

/// Tables of users, with what an index can change of them, their columns, and settings of roles and of this database.
const AROUND: &str = "SELECT 'table ' || c.oid || ' ' || c.relname || ' ' || concat_ws(' ', c.relreplident, c.relkind, c.reltablespace, c.reloptions::text, \
         (SELECT string_agg(concat_ws(':', attname, atttypid, attstattarget, attisdropped), ',' ORDER BY attnum) FROM pg_attribute \
          WHERE attrelid = c.oid AND attnum > 0)) \
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
     WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pgtailor') AND c.relpersistence <> 't' \
     UNION ALL SELECT 'setting ' || setrole || ' ' || setconfig::text FROM pg_db_role_setting \
         WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database()) \
     UNION ALL SELECT 'file ' || md5(pg_read_file('postgresql.auto.conf')) ORDER BY 1";

/// How one database is, as far as pgtailor could harm it.
pub struct Invariants {
    database: String,
    indexes: BTreeMap<String, String>,
    around: String,
    data: String,
    log_until_now: usize,
}

/// What the test itself did to the database since, or expects to be left.
#[derive(Clone, Debug, Default)]
pub struct Allowed<'a> {
    /// Names of indexes that somebody else made, changed or dropped.
    pub indexes: &'a [&'a str],
    /// Somebody else changed data, tables or settings.
    pub surroundings: bool,
    /// Entries of the ledger in these states; entries are settled otherwise.
    pub states: &'a [&'a str],
    /// Sessions of others were cancelled or terminated, by the test.
    pub cancelled: bool,
}

/// An entry of the ledger, as far as its effect in the catalog is concerned.
struct Entry {
    id: String,
    state: String,
    kind: String,
    index_oid: String,
    note: String,
}

impl Invariants {
    /// How `database` is now.
    pub fn of(server: &Server, database: &str) -> Self {
        Self {
            database: database.to_owned(),
            indexes: indexes(server, database),
            around: server.sql(database, AROUND),
            data: data(server, database),
            log_until_now: server.log().len(),
        }
    }

    /// Checks that all of them hold, after `runs` of the program.
    ///
    /// # Panics
    ///
    /// When one does not, with everything that is wrong.
    pub fn check(&self, server: &Server, allowed: &Allowed<'_>, runs: &[Run]) {
        let mut wrong = Vec::new();
        self.nothing_is_left_in_sessions(server);
        let entries = entries(server, &self.database);
        let now = indexes(server, &self.database);
        wrong.extend(self.wrong_in_catalog(&now, &entries, allowed));
        wrong.extend(wrong_in_ledger(&now, &entries, allowed));
        wrong.extend(self.wrong_around(server, allowed));
        wrong.extend(leaks(server, &self.database, runs));
        if !allowed.cancelled {
            let lines = self.foreign_cancellations(server);
            wrong.extend(lines.into_iter().map(|line| format!("I4: a session of somebody else was ended: {line}")));
        }
        assert!(wrong.is_empty(), "{} does not hold:\n{}", self.database, wrong.join("\n"));
    }

    /// I1 to I3, from the catalog's side.
    fn wrong_in_catalog(&self, now: &BTreeMap<String, String>, entries: &[Entry], allowed: &Allowed<'_>) -> Vec<String> {
        let is_allowed = |about: &String| allowed.indexes.iter().any(|name| about.starts_with(&format!("{name}|")));
        let of = |oid: &String, kind: &str, states: &[&str]| {
            entries.iter().filter(|e| e.index_oid == *oid && e.kind == kind && states.contains(&e.state.as_str())).count()
        };
        let mut wrong = Vec::new();
        for (oid, about) in now {
            let Some(before) = self.indexes.get(oid) else {
                let is_pending = of(oid, "create-index", &["cleanup-pending", "needs-human"]) == 1;
                let is_explained = of(oid, "create-index", &["applied"]) == 1 && about.contains(" t t t ");
                if !is_allowed(about) && !is_explained && !is_pending {
                    wrong.push(format!("I1, I3: no entry of the ledger explains index {oid}: {about}"));
                }
                continue;
            };
            if before != about && !is_allowed(before) && !is_allowed(about) {
                wrong.push(format!("I2: index {oid} changed\n  from {before}\n  to   {about}"));
            }
        }
        for (oid, before) in self.indexes.iter().filter(|(oid, _)| !now.contains_key(*oid)) {
            if of(oid, "drop-index", &["applied"]) != 1 && !is_allowed(before) {
                wrong.push(format!("I2, I3: index {oid} is gone, and no entry of the ledger says why: {before}"));
            }
        }
        wrong
    }

    /// I6: nothing of ours stays in a session that somebody else can use. Backends take a moment to end after their clients.
    fn nothing_is_left_in_sessions(&self, server: &Server) {
        const LEFT: &str = "SELECT 'session ' || application_name FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'pgtailor%' \
             UNION ALL SELECT 'lock ' || classid || ' ' || objid FROM pg_locks WHERE locktype = 'advisory' \
                 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        wait_for("I6: sessions and advisory locks are gone", "", || server.sql(&self.database, LEFT));
    }

    /// I2 for tables and settings, I7 for data, I10 for the settings' file.
    fn wrong_around(&self, server: &Server, allowed: &Allowed<'_>) -> Vec<String> {
        let mut wrong = Vec::new();
        if allowed.surroundings {
            return wrong;
        }
        let (around, data) = (server.sql(&self.database, AROUND), data(server, &self.database));
        if around != self.around {
            wrong.push(format!("I2, I10: tables or settings changed\n  from {}\n  to   {around}", self.around));
        }
        if data != self.data {
            wrong.push(format!("I7: data changed\n  from {}\n  to   {data}", self.data));
        }
        wrong
    }

    /// I4, from the server's log: who was cancelled or terminated and was not ours.
    fn foreign_cancellations(&self, server: &Server) -> Vec<String> {
        const ENDS: &[&str] = &["canceling statement due to user request", "terminating connection due to administrator command"];
        let here = format!("|{}> ", self.database);
        let is_ours = |line: &str| line.starts_with("<pgtailor");
        server
            .log_since(self.log_until_now)
            .lines()
            .filter(|line| line.contains(&here) && ENDS.iter().any(|end| line.contains(end)) && !is_ours(line))
            .map(str::to_owned)
            .collect()
    }
}

/// I3, from the ledger's side: what is applied is there, and nothing is left open.
fn wrong_in_ledger(now: &BTreeMap<String, String>, entries: &[Entry], allowed: &Allowed<'_>) -> Vec<String> {
    const SETTLED: &[&str] = &["applied", "failed", "rolled-back"];
    let mut wrong = Vec::new();
    for entry in entries {
        let Entry { id, state, kind, index_oid, note } = entry;
        let is_there = now.get(index_oid);
        let is_allowed = allowed.states.contains(&state.as_str()) && !note.is_empty();
        if !SETTLED.contains(&state.as_str()) && !is_allowed {
            wrong.push(format!("I3: entry {id} ({kind}) is {state}, with the note {note:?}"));
        }
        let touched = is_there.is_some_and(|about| allowed.indexes.iter().any(|name| about.starts_with(&format!("{name}|"))));
        let is_gone_by_somebody = is_there.is_none() && !allowed.indexes.is_empty();
        if state == "applied" && kind == "create-index" && !touched && !is_gone_by_somebody {
            match is_there {
                None => wrong.push(format!("I3: entry {id} is applied, and its index {index_oid} is not there")),
                Some(about) if !about.contains(" t t t ") => {
                    wrong.push(format!("I1: entry {id} is applied, and its index is not valid: {about}"));
                }
                Some(_) => {}
            }
        }
        if state == "applied" && kind == "drop-index" && is_there.is_some() {
            wrong.push(format!("I3: entry {id} has dropped index {index_oid}, and it is still there"));
        }
    }
    wrong
}

/// I9: the canary in anything that is printed or kept.
fn leaks(server: &Server, database: &str, runs: &[Run]) -> Vec<String> {
    let mut wrong = Vec::new();
    let password = server.lab.password();
    for run in runs {
        for secret in [CANARY, password] {
            for (name, text) in [("standard output", &run.out), ("standard error", &run.err)] {
                if text.contains(secret) {
                    wrong.push(format!("I9: {name} shows {secret}:\n{text}"));
                }
            }
        }
        if run.err.contains("panicked") {
            wrong.push(format!("the program panicked:\n{}", run.err));
        }
    }
    if has_ledger(server, database) {
        let kept = server.sql(
            database,
            "SELECT string_agg(c::text, '') FROM pgtailor.change c UNION ALL SELECT string_agg(e::text, '') FROM pgtailor.event e",
        );
        if kept.contains(CANARY) {
            wrong.push(format!("I9: the ledger keeps the canary:\n{kept}"));
        }
    }
    wrong
}

fn indexes(server: &Server, database: &str) -> BTreeMap<String, String> {
    let rows = server.sql(database, INDEXES);
    rows.lines().filter_map(|row| row.split_once('|')).map(|(oid, about)| (oid.to_owned(), about.to_owned())).collect()
}

/// A hash of every table that does not depend on the order of its rows. The statement is made by the server: names may have lines.
fn data(server: &Server, database: &str) -> String {
    let statement = server.sql(
        database,
        "SELECT 'SELECT concat_ws(E''\\n'', ' || string_agg(format('(SELECT %L || count(*) || '' '' || \
             coalesce(sum(hashtextextended(t::text, 0)), 0) FROM ONLY %I.%I t)', c.oid || ' ', n.nspname, c.relname), ', ' ORDER BY c.oid) || ')' \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pgtailor')",
    );
    server.sql(database, &statement)
}

fn has_ledger(server: &Server, database: &str) -> bool {
    server.sql(database, "SELECT to_regclass('pgtailor.change') IS NOT NULL") == "t"
}

fn entries(server: &Server, database: &str) -> Vec<Entry> {
    if !has_ledger(server, database) {
        return Vec::new();
    }
    let rows = server.sql(
        database,
        "SELECT concat_ws('|', id, state, change ->> 'change', coalesce(index_oid::text, ''), coalesce(note, '')) FROM pgtailor.change ORDER BY id",
    );
    let entry = |row: &str| {
        let mut fields = row.splitn(5, '|').map(str::to_owned);
        Some(Entry {
            id: fields.next()?,
            state: fields.next()?,
            kind: fields.next()?,
            index_oid: fields.next()?,
            note: fields.next()?,
        })
    };
    rows.lines().filter_map(entry).collect()
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::big;

    /// An invariant that cannot fail is none: each is broken once.
    #[test]
    fn every_broken_invariant_is_noticed() {
        let server = Server::with_settings(SETTINGS);
        big::prepare(&server);
        big::create(&server, "broken");
        let holds = |before: &Invariants, runs: &[Run]| {
            catch_unwind(AssertUnwindSafe(|| before.check(&server, &Allowed::default(), runs)))
                .map_err(|why| why.downcast_ref::<String>().cloned().unwrap_or_default())
        };
        let broken_by = |sql: &str, words: &str| {
            let before = Invariants::of(&server, "broken");
            assert!(holds(&before, &[]).is_ok(), "it held before: {sql}");
            server.sql("broken", sql);
            let why = holds(&before, &[]).expect_err(sql);
            assert!(why.contains(words), "{words} is missing after {sql}:\n{why}");
        };
        broken_by("CREATE INDEX unexplained ON big (a)", "I1, I3");
        broken_by("COMMENT ON INDEX bystander IS 'changed'", "I2: index");
        broken_by("ALTER INDEX bystander ALTER COLUMN 1 SET STATISTICS 5", "I2: index");
        broken_by("DROP INDEX bystander", "I2, I3");
        broken_by("ALTER TABLE big REPLICA IDENTITY FULL", "I2, I10");
        broken_by("UPDATE big SET b = 'x' WHERE id = 1", "I7");
        let before = Invariants::of(&server, "broken");
        let run = Run { code: Some(0), out: format!("a row with {CANARY}"), err: String::new() };
        assert!(holds(&before, &[run]).expect_err("it leaks").contains("I9"));
        let mut session = crate::session::Session::open(&server, "broken");
        // Only then it is connected.
        session.sql("SELECT 1");
        server.sql(
            "broken",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'broken' AND pid <> pg_backend_pid()",
        );
        drop(session);
        wait_for("the log tells", "true", || holds(&before, &[]).is_err_and(|why| why.contains("I4")).to_string());
    }
}
