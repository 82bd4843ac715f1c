//! A: waiting and locks.

use pgtailor_testkit::blocker::{Blocker, wait_for};
use pgtailor_testkit::program::Running;

use crate::place::{Place, entry, index_a, printed, reaches};

/// Waits until the statement of the builder has run for longer than `interval`, by the server's clock.
fn has_run_for(place: &Place<'_>, running: &mut Running, interval: &str) {
    reaches(running, &format!("the builder has run for {interval}"), "t", || {
        place.sql(&format!(
            "SELECT now() - query_start > interval '{interval}' FROM pg_stat_activity WHERE datname = current_database() \
             AND application_name LIKE 'pgtailor: builder%' AND state = 'active'"
        ))
    });
}

/// A dump, for example: it is waited for, named, and never ended.
#[test]
fn f01_an_old_snapshot_is_waited_for_and_named() {
    let mut place = Place::new("f01");
    let application = place.application();
    let (mut running, mut snapshot) = place.held(Blocker::Snapshot);
    let pid = snapshot.backend();
    running.wait_until_it_says(&format!("session {pid} (psql), idle in transaction"));
    assert_eq!(place.indexes_of("big"), "big_pkey 111\nbystander 111\nidx_a 011");
    snapshot.sql("COMMIT");
    place.ended(running).expect_code(0);
    assert!(place.is_valid("idx_a"));
    assert_eq!(application.waits(place.server), Vec::<String>::new());
    place.holds();
}

#[test]
fn f02_an_idle_writer_is_waited_for_and_named() {
    let mut place = Place::new("f02");
    let application = place.application();
    let (mut running, mut writer) = place.held(Blocker::Writer);
    let pid = writer.backend();
    running.wait_until_it_says(&format!("session {pid} (psql), idle in transaction"));
    assert_eq!(place.indexes_of("big"), "big_pkey 111\nbystander 111\nidx_a 001");
    writer.sql("COMMIT");
    place.ended(running).expect_code(0);
    assert_eq!(application.waits(place.server), Vec::<String>::new());
    place.holds();
}

#[test]
fn f03_an_idle_reader_delays_no_build_and_is_named_by_a_drop() {
    let mut place = Place::new("f03");
    let mut reader = place.hold(Blocker::Reader);
    let run = place.build_a();
    assert!(!printed(&run).contains("waiting for session"), "{}", run.err);
    let pid = reader.backend();
    let mut undo = place.start(&["undo", "--all", "--yes"]);
    undo.wait_until_it_says(&format!("session {pid} (psql), idle in transaction"));
    reader.sql("COMMIT");
    place.ended(undo).expect_code(0);
    assert_eq!(place.indexes_of("big"), "big_pkey 111\nbystander 111");
    place.holds();
}

#[test]
fn f04_a_long_query_elsewhere_is_waited_for() {
    let mut place = Place::new("f04");
    let mut gate = place.session();
    gate.sql("SELECT pg_advisory_lock(4)");
    let mut query = place.session();
    let pid = query.backend();
    let long = std::thread::spawn(move || query.sql("SELECT count(*), pg_advisory_lock(4) FROM other"));
    wait_for("the query runs", "1", || {
        place.sql(&format!(
            "SELECT count(*) FROM pg_stat_activity WHERE pid = {pid} AND state = 'active' AND wait_event = 'advisory'"
        ))
    });
    let mut running = place.start(&place.building(&[index_a()]));
    running.wait_until_it_says(&format!("session {pid} (psql), active"));
    gate.sql("SELECT pg_advisory_unlock(4)");
    long.join().expect("the query ends by itself");
    place.ended(running).expect_code(0);
    assert!(place.is_valid("idx_a"));
    place.holds();
}

#[test]
fn f05_a_prepared_transaction_is_named() {
    let mut place = Place::new("f05");
    place.sql("BEGIN; UPDATE big SET a = a WHERE id = 5; PREPARE TRANSACTION 'forgotten one'");
    // Whoever connects next is given the number of the backend that prepared it, and is what the server shows as the one in the way.
    let _bystander = place.session();
    let mut running = place.start(&place.building(&[index_a()]));
    running.wait_until_it_says("prepared transaction 'forgotten one' of postgres");
    place.sql("COMMIT PREPARED 'forgotten one'");
    place.ended(running).expect_code(0);
    place.holds();
}

/// Every tool that sets a lock timeout around a concurrent build leaves an invalid index: here the role has one.
#[test]
fn f06_lock_timeout_of_the_role_leaves_no_invalid_index() {
    for blocker in [Blocker::Writer, Blocker::Snapshot] {
        let mut place = Place::new(&format!("f06 {blocker:?}"));
        place.sql(&format!("ALTER ROLE postgres IN DATABASE \"{}\" SET lock_timeout = '200ms'", place.database));
        place.begin();
        let (mut running, mut session) = place.held(blocker);
        has_run_for(&place, &mut running, "800 ms");
        blocker.wait_until_it_holds(place.server, &place.database);
        session.sql("COMMIT");
        place.ended(running).expect_code(0);
        assert!(place.is_valid("idx_a"));
        place.holds();
    }
}

/// Nothing exists yet: there is nothing to clean up, and nothing is.
#[test]
fn f07_a_build_that_never_got_its_first_lock_leaves_nothing_to_drop() {
    let mut place = Place::new("f07");
    place.sql("ALTER DATABASE f07 SET lock_timeout = '200ms'");
    place.begin();
    let (mut running, mut session) = place.held(Blocker::Sue);
    has_run_for(&place, &mut running, "800 ms");
    assert_eq!(place.indexes_of("big"), "big_pkey 111\nbystander 111");
    running.signal("INT");
    let run = place.ended(running).expect_code(2);
    assert!(printed(&run).contains("interrupted"), "{}", run.out);
    let drops = place.sql("SELECT count(*) FROM pgtailor.event WHERE to_state = 'cleanup-pending'");
    assert_eq!((drops.as_str(), place.states().as_str()), ("0", "failed"));
    place.holds();
    session.sql("COMMIT");
    place.next_run_completes();
}

#[test]
fn f08_statement_timeout_of_the_role_leaves_no_invalid_index() {
    for (position, blocker) in [Blocker::Writer, Blocker::Snapshot].into_iter().enumerate() {
        let mut place = Place::new(&format!("f08 {position}"));
        place.sql(&format!("ALTER ROLE app IN DATABASE \"{}\" SET statement_timeout = '300ms'", place.database));
        place.begin();
        place.pgtailor = place.as_role("app");
        let mut session = place.session();
        session.sql(&blocker.sql().replace("big", "apptab"));
        let mut running = place.start(&place.building(&[entry("idx_a", "apptab", r#"["a"]"#)]));
        reaches(&mut running, "the wanted phase", blocker.phase().expect("it has one"), || place.phase());
        has_run_for(&place, &mut running, "1 s");
        session.sql("COMMIT");
        place.ended(running).expect_code(0);
        assert!(place.is_valid("idx_a"));
        place.holds();
    }
}

#[test]
fn f09_what_is_in_nobodys_way_is_not_reported() {
    let mut place = Place::new("f09");
    let mut elsewhere = Place::new("f09 elsewhere").session();
    elsewhere.sql("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM other LIMIT 1");
    let mut writer = place.session();
    writer.sql("BEGIN; UPDATE other SET v = v WHERE id = 1");
    let run = place.build_a();
    assert!(!printed(&run).contains("waiting for session"), "{}", run.err);
    writer.sql("COMMIT");
    elsewhere.sql("COMMIT");
    place.holds();
}

/// `ANALYZE` in a transaction holds the lock of a vacuum or of another build until it ends.
#[test]
fn f12_maintenance_of_the_table_is_waited_for_and_named() {
    let mut place = Place::new("f12");
    let application = place.application();
    let mut maintenance = place.session();
    maintenance.sql("BEGIN; ANALYZE big");
    let pid = maintenance.backend();
    let mut running = place.start(&place.building(&[index_a()]));
    running.wait_until_it_says(&format!("session {pid} (psql), idle in transaction"));
    maintenance.sql("COMMIT");
    place.ended(running).expect_code(0);
    assert_eq!(application.waits(place.server), Vec::<String>::new());
    place.holds();
}

/// A plain `DROP INDEX` that waits lets every new reader wait behind it.
#[test]
fn f13_nobody_queues_behind_a_drop_that_waits() {
    let mut place = Place::new("f13");
    place.build_a();
    let mut reader = place.hold(Blocker::Reader);
    let mut undo = place.start(&["undo", "--all", "--yes"]);
    Blocker::Reader.wait_until_it_holds(place.server, &place.database);
    let application = place.application();
    has_run_for(&place, &mut undo, "2 s");
    reader.sql("COMMIT");
    place.ended(undo).expect_code(0);
    assert_eq!(application.waits(place.server), Vec::<String>::new());
    place.holds();
}

#[test]
fn f14_two_builds_at_once_do_not_deadlock() {
    let mut place = Place::new("f14");
    let (running, mut writer) = place.held(Blocker::Writer);
    let second = place.run(&place.building(&[index_a(), entry("idx_e", "big", r#"["e"]"#)]));
    second.expect_error(&["another pgtailor is changing this database"]);
    writer.sql("COMMIT");
    place.ended(running).expect_code(0);
    assert!(!place.server.log().contains("|f14> ERROR:  deadlock detected"), "deadlock");
    place.next_run_completes();
}

/// Whoever waits inside `pg_advisory_lock` while another builds makes a deadlock: all but one must turn away, holding nothing.
#[test]
fn f15_of_six_starters_one_builds() {
    let mut place = Place::new("f15");
    let mut writer = place.hold(Blocker::Writer);
    let arguments = place.building(&[index_a()]);
    let runs: Vec<_> = (0..6).map(|_| place.start(&arguments)).collect();
    Blocker::Writer.wait_until_it_holds(place.server, &place.database);
    let waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
    wait_for("the builder waits for a while", "t", || {
        place.sql(
            "SELECT coalesce(max(now() - query_start) > interval '2 s', false) FROM pg_stat_activity \
             WHERE datname = current_database() AND application_name LIKE 'pgtailor: builder%' AND state = 'active'",
        )
    });
    assert_eq!(place.sql(waits), "0", "nobody waits for the lock inside the server");
    writer.sql("COMMIT");
    let mut built = 0;
    for run in runs {
        let run = place.ended(run);
        if run.code == Some(0) {
            built += 1;
        } else {
            run.expect_error(&["another pgtailor is changing this database"]);
        }
    }
    assert!(built >= 1, "nobody built");
    assert_eq!(place.states(), "applied", "one effect");
    assert!(!place.server.log().contains("|f15> ERROR:  deadlock detected"), "deadlock");
    place.holds();
}

#[test]
fn f16_the_lock_is_held_by_the_session_that_builds_and_no_other_holds_a_snapshot() {
    let mut place = Place::new("f16");
    let (running, mut snapshot) = place.held(Blocker::Snapshot);
    let holders = "SELECT string_agg(a.application_name || ' ' || a.state, ',') FROM pg_locks l JOIN pg_stat_activity a USING (pid) \
                   WHERE l.locktype = 'advisory' AND a.datname = current_database()";
    assert_eq!(place.sql(holders), "pgtailor: builder active");
    let idle = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'pgtailor%' \
                AND state LIKE 'idle in transaction%'";
    assert_eq!(place.sql(idle), "0");
    snapshot.sql("COMMIT");
    place.ended(running).expect_code(0);
    place.holds();
}

#[test]
fn f17_a_locked_table_hides_only_itself() {
    let mut place = Place::new("f17");
    let mut lock = place.session();
    lock.sql("BEGIN; LOCK TABLE other IN ACCESS EXCLUSIVE MODE");
    let application = place.application();
    let check = place.run(&["check"]);
    assert!(matches!(check.code, Some(0 | 1)) && printed(&check).contains("other"), "{}\n{}", check.out, check.err);
    place.build_a();
    assert_eq!(application.waits(place.server), Vec::<String>::new());
    lock.sql("COMMIT");
    place.holds();
}
