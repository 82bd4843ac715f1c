//! J: replicas and failover.

use pgtailor_lab::{Durability, LabOptions};
use pgtailor_testkit::blocker::{Blocker, wait_for};
use pgtailor_testkit::invariants::{Allowed, SETTINGS};
use pgtailor_testkit::server::Server;
use pgtailor_testkit::session::Session;

use crate::place::{Place, applying, index_a, printed, server};

/// A standby of `primary`, with the settings that it must not have lower.
fn standby(primary: &Server, settings: &[(&str, &str)]) -> Server {
    let mut options = LabOptions { durability: Durability::Off, ..LabOptions::new() };
    let needed = [("max_prepared_transactions", "20"), ("max_connections", "200")];
    for (name, value) in SETTINGS.iter().chain(&needed).chain(settings) {
        options = options.with_setting(*name, *value);
    }
    Server { lab: primary.lab.standby(&options).expect("a standby can be started here") }
}

/// Waits until the standby has replayed all that the primary has written.
fn catch_up(primary: &Server, standby: &Server) {
    let written = primary.sql("postgres", "SELECT pg_current_wal_lsn()");
    wait_for("the standby has caught up", "t", || {
        standby.sql("postgres", &format!("SELECT pg_last_wal_replay_lsn() >= '{written}'::pg_lsn"))
    });
}

#[test]
fn f94_a_standby_is_refused_and_nothing_changes_on_either_side() {
    let primary = server(&[]);
    let place = Place::on(&primary, "f94");
    let second = standby(&primary, &[]);
    catch_up(&primary, &second);
    let mut there = Place::at(&second, "f94", &second.lab.url("f94"));
    let settings = second.sql("f94", "SELECT md5(pg_read_file('postgresql.auto.conf'))");
    let run = there.run(&there.building(&[index_a()]));
    assert_eq!(run.code, Some(2), "{}\n{}", run.out, run.err);
    assert!(printed(&run).contains("standby"), "{}\n{}", run.out, run.err);
    let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'";
    assert_eq!((second.sql("f94", locks).as_str(), primary.sql("f94", locks).as_str()), ("0", "0"));
    assert_eq!(second.sql("f94", "SELECT md5(pg_read_file('postgresql.auto.conf'))"), settings);
    place.holds();
}

/// The new primary has the half-built index and the intent, in one log; the old one goes on alone and is nobody's business any more.
#[test]
fn f95_a_promotion_in_the_middle_of_a_build_is_cleaned_up_on_the_new_primary() {
    for blocker in [Blocker::Writer, Blocker::Snapshot] {
        let primary = server(&[]);
        let place = Place::on(&primary, "f95");
        let mut second = standby(&primary, &[]);
        let (running, session) = place.held(blocker);
        catch_up(&primary, &second);
        assert!(second.invalid_indexes("f95").contains("idx_a"), "the leftover is there, too");
        second.lab.promote().expect("it can be promoted");
        running.signal("KILL");
        running.ended();
        drop(session);
        drop(place);
        drop(primary);
        let mut there = Place::at(&second, "f95", &second.lab.url("f95"));
        there.run(&there.building(&[index_a()])).expect_code(0);
        assert_eq!(there.indexes_of("big"), "big_pkey 111\nbystander 111\nidx_a 111");
        assert_eq!(there.states(), "failed applied");
        there.run(&["undo", "--all", "--yes"]).expect_code(0);
        assert_eq!(there.indexes_of("big"), "big_pkey 111\nbystander 111");
        there.holds_but(&Allowed { indexes: &["idx_a"], ..Allowed::default() });
    }
}

/// A query on the standby holds the primary's horizon, and no build.
#[test]
fn f96_a_query_on_a_standby_is_in_nobodys_way() {
    let primary = server(&[]);
    let mut place = Place::on(&primary, "f96");
    let second = standby(&primary, &[("hot_standby_feedback", "on"), ("wal_receiver_status_interval", "1s")]);
    catch_up(&primary, &second);
    let mut query = Session::open(&second, "f96");
    query.sql("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM big");
    wait_for("the primary knows of the query", "t", || {
        primary.sql("f96", "SELECT coalesce(bool_or(backend_xmin IS NOT NULL), false) FROM pg_stat_replication")
    });
    let run = place.build_a();
    assert!(!printed(&run).contains("waiting for session"), "{}", run.err);
    query.sql("COMMIT");
    place.holds();
}

/// A copy carries the ledger of its original: an open entry in it is not this database's business.
#[test]
fn f98_the_ledger_of_a_copied_database_is_not_acted_upon() {
    let own = server(&[]);
    let mut place = Place::on(&own, "f98");
    place.leave_a_leftover();
    wait_for("nobody is in the original", "0", || {
        own.sql("postgres", "SELECT count(*) FROM pg_stat_activity WHERE datname = 'f98'")
    });
    own.sql("postgres", "CREATE DATABASE \"f98 copy\" TEMPLATE f98");
    let mut copy = Place::at(&own, "f98 copy", &own.lab.url("f98 copy"));
    copy.begin();
    let before = copy.server.dump_all("f98 copy");
    let run = copy.run(&copy.building(&[index_a()]));
    run.expect_error(&["written on another server or database"]);
    assert_eq!(copy.server.dump_all("f98 copy"), before);
    place.run(&place.building(&[index_a()])).expect_code(0);
    place.holds();
}

/// Everything in the copied ledger is at its end, and the index that it speaks of is in the copy, too.
#[test]
fn f98_what_was_done_to_the_original_is_not_taken_back_on_its_copy() {
    let own = server(&[]);
    let mut place = Place::on(&own, "f98 done");
    place.build_a();
    wait_for("nobody is in the original", "0", || {
        own.sql("postgres", "SELECT count(*) FROM pg_stat_activity WHERE datname = 'f98 done'")
    });
    own.sql("postgres", "CREATE DATABASE \"f98 done copy\" TEMPLATE \"f98 done\"");
    let mut copy = Place::at(&own, "f98 done copy", &own.lab.url("f98 done copy"));
    let before = copy.server.dump_all("f98 done copy");
    copy.run(&["undo", "--all", "--yes"]).expect_error(&["written on another server or database"]);
    assert!(copy.is_valid("idx_a"));
    assert_eq!(copy.server.dump_all("f98 done copy"), before);
    place.run(&["undo", "--all", "--yes"]).expect_code(0);
}

/// An index may be idle here and work on a standby, whose counters are its own.
#[test]
fn f80_an_index_that_is_used_on_a_standby_only_is_kept() {
    let primary = server(&[]);
    let mut place = Place::on(&primary, "f80");
    place.sql("CREATE INDEX idx_a ON big (a); CREATE INDEX idx_e ON big (e)");
    place.begin();
    let used = place.rollout_that_drops("idx_a").expect("nothing reads from the server yet");
    let used = std::fs::rename(&used, place.path("used.json")).map(|()| place.path("used.json")).expect("the folder is ours");
    let used = used.to_str().expect("UTF-8").to_owned();
    let idle = place.rollout_that_drops("idx_e").expect("nothing reads from the server yet");
    let second = standby(&primary, &[]);
    catch_up(&primary, &second);
    second.sql("f80", "SET enable_seqscan = off; SELECT count(*) FROM big WHERE a = 5");

    let unasked = place.run(&applying(&used)).expect_code(2);
    assert!(printed(&unasked).contains("name each with --standby"), "{}", unasked.out);
    let asking = |path: &str| {
        let mut arguments = applying(path);
        arguments.extend(["--standby".to_owned(), second.lab.url("f80")]);
        arguments
    };
    let asked = place.run(&asking(&used)).expect_code(2);
    assert!(printed(&asked).contains("was scanned 1 times on"), "{}", asked.out);
    assert!(place.is_valid("idx_a"));
    place.run(&asking(&idle)).expect_code(0);
    assert!(!place.is_valid("idx_e"), "nobody used it anywhere");
    place.holds_but(&Allowed { indexes: &["idx_e"], ..Allowed::default() });
}
