//! B: interruption and lost connections.
//!
//! What became of a statement is never known from its answer, or from the lack of one. After each of these the catalog is asked, by the
//! same run where it still can, else by the next.

use pgtailor_lab::Shutdown;
use pgtailor_testkit::blocker::{Blocker, wait_for};
use pgtailor_testkit::invariants::Allowed;
use pgtailor_testkit::program::Running;
use pgtailor_testkit::session::Session;
use pgtailor_testkit::wire::Wire;

use crate::place::{Place, index_a, printed, server};

const HOLDING: [Blocker; 2] = [Blocker::Writer, Blocker::Snapshot];

/// The build has ended; its leftover, if any, can be dropped as soon as the blocker is gone.
fn build_ends(place: &Place<'_>, blocker: &mut Session) {
    wait_for("the build has ended", "", || place.phase());
    blocker.sql("COMMIT");
}

#[test]
fn f18_a_foreign_cancel_is_a_no() {
    for blocker in HOLDING {
        let mut place = Place::new(&format!("f18 {blocker:?}"));
        let (running, mut session) = place.held(blocker);
        place.end_builder("pg_cancel_backend");
        build_ends(&place, &mut session);
        let run = place.ended(running).expect_code(2);
        assert!(printed(&run).contains("somebody else cancelled it"), "{}", run.out);
        assert_eq!(place.states(), "failed", "and it was not tried again");
        place.holds();
        place.next_run_completes();
    }
}

#[test]
fn f19_a_terminated_builder_leaves_nothing() {
    for blocker in HOLDING {
        let mut place = Place::new(&format!("f19 {blocker:?}"));
        let (running, mut session) = place.held(blocker);
        place.end_builder("pg_terminate_backend");
        build_ends(&place, &mut session);
        place.ended(running).expect_code(2);
        place.holds();
        place.next_run_completes();
    }
}

fn survives(how: impl Fn(&mut pgtailor_testkit::server::Server), name: &str) {
    for blocker in HOLDING {
        let mut own = server(&[]);
        let (url, path, running, session) = {
            let place = Place::on(&own, name);
            let (running, session) = place.held(blocker);
            (place.url.clone(), place.path(""), running, session)
        };
        assert!(!path.exists());
        how(&mut own);
        drop(session);
        let run = running.ended();
        assert_eq!(run.code, Some(2), "{}\n{}", run.out, run.err);
        let mut place = Place::at(&own, name, &url);
        assert_eq!(place.server.invalid_indexes(name), "", "{}\n{}", run.out, run.err);
        place.next_run_completes();
    }
}

/// No SQLSTATE, no answer: unknown, not failed.
#[test]
fn f20_a_crash_of_the_server_is_asked_about_when_it_is_back() {
    survives(|server| server.lab.restart(Shutdown::Immediate).expect("it comes back"), "f20");
}

#[test]
fn f21_a_restart_of_the_server_is_asked_about_when_it_is_back() {
    survives(|server| server.lab.restart(Shutdown::Fast).expect("it comes back"), "f21");
}

/// One backend killed takes all sessions with it.
#[test]
fn f22_a_killed_backend_of_somebody_else_is_survived() {
    survives(
        |server| {
            let mut victim = Session::open(server, "postgres");
            let pid = victim.backend();
            let status = std::process::Command::new("kill").args(["-s", "KILL", &pid]).status().expect("kill is installed");
            assert!(status.success());
            wait_for("the server has noticed", "true", || victim.answer("SELECT 1").is_none().to_string());
            wait_for("the server is back", "1", || {
                let output = server.try_sql(&server.lab.url("postgres"), "SELECT 1");
                String::from_utf8_lossy(&output.stdout).trim().to_owned()
            });
        },
        "f22",
    );
}

/// The server notices that the client is gone and ends the build; the next run cleans up and builds.
#[test]
fn f23_a_killed_program_leaves_no_build_behind() {
    for blocker in HOLDING {
        let mut place = Place::new(&format!("f23 {blocker:?}"));
        let (running, mut session) = place.held(blocker);
        running.signal("KILL");
        place.ended(running);
        // Still held: only the server itself can have ended the build.
        place.wait_until_sessions_are_gone();
        session.sql("COMMIT");
        place.next_run_completes();
    }
}

/// The orphan finishes later than the clean-up of every other tool begins; that would drop a valid index.
#[test]
fn f24_an_orphaned_build_is_adopted_and_not_cleaned_up() {
    let mut place = Place::new("f24");
    let wire = Wire::to(place.server.lab.port());
    let through = place.pgtailor.clone().on(&wire.url(&place.url, place.server.lab.port()));
    let mut writer = place.hold(Blocker::Writer);
    let arguments = place.building(&[index_a()]);
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let running = through.start(&words);
    Blocker::Writer.wait_until_it_holds(place.server, &place.database);
    // The server is not told that its client died: nothing arrives any more.
    wire.silence();
    running.signal("KILL");
    place.ended(running);
    let oid = place.sql("SELECT 'idx_a'::regclass::oid");
    place.run(&arguments).expect_error(&["another pgtailor is changing this database"]);
    assert_eq!(place.sql("SELECT 'idx_a'::regclass::oid"), oid);
    writer.sql("COMMIT");
    wait_for("the orphan has finished", "true", || place.is_valid("idx_a").to_string());
    wire.speak();
    wire.cut();
    place.wait_until_sessions_are_gone();
    place.run(&arguments).expect_code(0);
    assert_eq!(place.sql("SELECT 'idx_a'::regclass::oid"), oid, "it is the index that the orphan built");
    assert_eq!(place.states(), "applied");
    place.holds();
}

/// The progress view has a row before the index is visible; then nobody may be sure whose the leftover is.
#[test]
fn f25_nothing_is_cleaned_up_while_somebody_builds_on_the_table() {
    let mut place = Place::new("f25");
    place.leave_a_leftover();
    let mut writer = place.hold(Blocker::Writer);
    let mut builder = place.session();
    let foreign = std::thread::spawn(move || builder.sql("CREATE INDEX CONCURRENTLY theirs ON big (e)"));
    wait_for("their build waits", "waiting for writers before build", || place.phase());
    let run = place.run(&place.building(&[index_a()])).expect_code(2);
    assert!(printed(&run).contains("could not be dropped yet"), "{}\n{}", run.out, run.err);
    writer.sql("COMMIT");
    foreign.join().expect("their build ends");
    assert!(place.is_valid("theirs"));
    place.run(&place.building(&[index_a()])).expect_code(0);
    place.holds_but(&Allowed { indexes: &["theirs"], ..Allowed::default() });
}

/// The session that holds the lock is idle for as long as nothing is built: its lock would be somebody else's.
#[test]
fn f26_idle_timeouts_do_not_take_the_lock_away() {
    let mut place = Place::new("f26");
    place.sql(
        "ALTER DATABASE f26 SET idle_session_timeout = '300ms'; ALTER DATABASE f26 SET idle_in_transaction_session_timeout = '300ms'",
    );
    place.begin();
    let url = place.server.lab.url("postgres");
    let mut writer = Session::open_at(place.server, &place.url);
    writer.sql("SET idle_session_timeout = 0; SET idle_in_transaction_session_timeout = 0");
    writer.sql(Blocker::Writer.sql());
    let running = place.start(&place.building(&[index_a()]));
    Blocker::Writer.wait_until_it_holds(place.server, &place.database);
    let held = "SELECT now() - query_start > interval '1200 ms' FROM pg_stat_activity WHERE datname = 'f26' \
                AND application_name LIKE 'pgtailor: builder%' AND state = 'active'";
    wait_for("longer than the timeouts", "t", || {
        String::from_utf8_lossy(&place.server.try_sql(&url, held).stdout).trim().to_owned()
    });
    writer.sql("COMMIT");
    place.ended(running).expect_code(0);
    place.holds();
}

#[test]
fn f27_a_server_without_slots_is_left_alone_and_few_are_taken() {
    let mut place = Place::new("f27");
    let (running, mut writer) = place.held(Blocker::Writer);
    let ours =
        "SELECT count(*) <= 4 FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'pgtailor%'";
    assert_eq!(place.sql(ours), "t");
    writer.sql("COMMIT");
    place.ended(running).expect_code(0);
    place.holds();
    place.sql("CREATE ROLE f27 SUPERUSER LOGIN PASSWORD 'f27'; ALTER ROLE f27 NOSUPERUSER CONNECTION LIMIT 1; GRANT app TO f27");
    let mut holder = Session::open_at(place.server, &pgtailor_testkit::big::url_of(place.server, "f27", "f27"));
    assert_eq!(holder.ask("SELECT 1"), "1");
    let starved = place.as_role("f27");
    let run = place.run_by(&starved, &["optimize", "--yes", "--catalog", &place.catalog(&[index_a()])]);
    run.expect_error(&["53300"]);
    place.holds();
}

/// The build itself ran to its end, and is thrown away: its index is ready, not valid, and has to go.
#[test]
fn f28_an_event_trigger_that_raises_leaves_nothing() {
    for (moment, left) in [("ddl_command_start", ""), ("ddl_command_end", "cleanup-pending")] {
        let mut place = Place::new(&format!("f28 {moment}"));
        place.sql(&format!(
            "CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no DDL today'; END $$; \
             CREATE EVENT TRIGGER standstill ON {moment} WHEN TAG IN ('CREATE INDEX') EXECUTE FUNCTION refuse()"
        ));
        place.begin();
        let run = place.run(&place.building(&[index_a()])).expect_code(2);
        assert!(printed(&run).contains("P0001"), "{}", run.out);
        assert_eq!(place.states(), "failed");
        let cleaned = place.sql("SELECT coalesce(max(to_state), '') FROM pgtailor.event WHERE to_state = 'cleanup-pending'");
        assert_eq!(cleaned, left);
        place.holds();
        place.sql("DROP EVENT TRIGGER standstill");
        place.next_run_completes();
    }
}

/// Ctrl-C: the running statement is cancelled and cleaned up after.
#[test]
fn interrupted_by_hand_it_cleans_up() {
    for blocker in HOLDING {
        let mut place = Place::new(&format!("interrupted {blocker:?}"));
        let (running, mut session): (Running, Session) = place.held(blocker);
        running.signal("INT");
        build_ends(&place, &mut session);
        place.ended(running).expect_code(2);
        place.holds();
        place.next_run_completes();
    }
}
