//! G: `REINDEX CONCURRENTLY`.
//!
//! What a cancelled rebuild leaves, and whether it was done in spite of the error, depends on the moment; only OIDs tell.

use pgtailor_testkit::blocker::{Blocker, wait_for};
use pgtailor_testkit::invariants::Allowed;
use pgtailor_testkit::program::Running;
use pgtailor_testkit::session::Session;

use crate::place::{Place, applying, index_a, printed};

/// Begins a rebuild of `index` that `blocker` holds in `phase`.
fn held(place: &Place<'_>, index: &str, blocker: Blocker, phase: &str) -> (Running, Session) {
    let session = place.hold(blocker);
    let running = place.start(&applying(&place.rollout_that_rebuilds(index)));
    wait_for("the rebuild is held", phase, || place.phase());
    (running, session)
}

fn oid(place: &Place<'_>, index: &str) -> String {
    place.sql(&format!("SELECT '{index}'::regclass::oid"))
}

#[test]
fn f66_a_rebuild_cancelled_before_the_swap_leaves_the_old_index_alone() {
    for (blocker, phase) in
        [(Blocker::Writer, "waiting for writers before build"), (Blocker::Snapshot, "waiting for old snapshots")]
    {
        let mut place = Place::new(&format!("f66 {blocker:?}"));
        let before = oid(&place, "bystander");
        let (running, mut session) = held(&place, "bystander", blocker, phase);
        assert!(place.indexes_of("big").contains("bystander_ccnew"), "{}", place.indexes_of("big"));
        place.end_builder("pg_cancel_backend");
        wait_for("the rebuild has ended", "", || place.phase());
        session.sql("COMMIT");
        let run = place.ended(running).expect_code(2);
        assert_eq!(place.indexes_of("big"), "big_pkey 111\nbystander 111", "{}", run.out);
        assert_eq!(oid(&place, "bystander"), before);
        place.holds();
    }
}

/// What somebody else failed to build on the table since then is new and invalid, too, and not ours.
#[test]
fn f66_only_the_leftovers_of_the_rebuild_are_dropped() {
    let mut place = Place::new("f66 foreign");
    let (running, mut writer) = held(&place, "bystander", Blocker::Writer, "waiting for writers before build");
    running.signal("KILL");
    place.ended(running);
    place.wait_until_sessions_are_gone();
    let mut somebody = place.session();
    somebody.sql("SET lock_timeout = '100ms'");
    somebody.sql("CREATE INDEX CONCURRENTLY theirs ON big (e)");
    writer.sql("COMMIT");
    assert!(place.indexes_of("big").contains("theirs 001"), "{}", place.indexes_of("big"));
    let run = place.run(&place.building(&[index_a()])).expect_code(0);
    let now = place.indexes_of("big");
    assert_eq!(now, "big_pkey 111\nbystander 111\nidx_a 111\ntheirs 001", "{}\n{}", run.out, run.err);
}

/// The swap has happened: the error is not the truth.
#[test]
fn f67_a_rebuild_cancelled_after_the_swap_is_done() {
    let mut place = Place::new("f67");
    let before = oid(&place, "bystander");
    let (running, mut reader) = held(&place, "bystander", Blocker::Reader, "waiting for readers before marking dead");
    place.end_builder("pg_cancel_backend");
    wait_for("the rebuild has ended", "", || place.phase());
    reader.sql("COMMIT");
    let run = place.ended(running);
    assert_ne!(oid(&place, "bystander"), before, "it was swapped");
    assert_eq!(place.indexes_of("big"), "big_pkey 111\nbystander 111", "{}", run.out);
    assert_eq!(place.states(), "applied", "{}", run.out);
    assert_eq!(run.code, Some(0), "{}\n{}", run.out, run.err);
    place.holds_but(&Allowed { indexes: &["bystander"], ..Allowed::default() });
}

/// The old half of a primary key is unique and ready, and no constraint's any more.
#[test]
fn f68_the_old_half_of_a_primary_key_is_dropped_and_the_key_is_intact() {
    let mut place = Place::new("f68");
    let (running, mut reader) = held(&place, "big_pkey", Blocker::Reader, "waiting for readers before marking dead");
    place.end_builder("pg_cancel_backend");
    wait_for("the rebuild has ended", "", || place.phase());
    reader.sql("COMMIT");
    let run = place.ended(running);
    assert_eq!(place.indexes_of("big"), "big_pkey 111\nbystander 111", "{}", run.out);
    let key = "SELECT count(*) FROM pg_constraint WHERE conname = 'big_pkey' AND conindid = 'big_pkey'::regclass";
    assert_eq!(place.sql(key), "1");
    assert!(place.refusal("INSERT INTO big VALUES (1)").contains("big_pkey"), "it is enforced");
    place.holds_but(&Allowed { indexes: &["big_pkey"], ..Allowed::default() });
}

/// Rebuilding a leftover makes a duplicate of it; dropping somebody else's is not ours to do.
#[test]
fn f69_a_leftover_of_somebody_else_is_neither_rebuilt_nor_dropped() {
    let mut place = Place::new("f69");
    let mut writer = place.hold(Blocker::Writer);
    let mut foreign = place.session();
    foreign.sql("SET lock_timeout = '100ms'");
    foreign.sql("REINDEX INDEX CONCURRENTLY bystander");
    writer.sql("COMMIT");
    assert!(place.indexes_of("big").contains("bystander_ccnew 001"), "{}", place.indexes_of("big"));
    place.begin();
    place.run(&applying(&place.rollout_that_rebuilds("bystander"))).expect_code(0);
    place.build_a();
    assert_eq!(place.indexes_of("big"), "big_pkey 111\nbystander 111\nbystander_ccnew 001\nidx_a 111");
    place.holds_but(&Allowed { indexes: &["bystander"], ..Allowed::default() });
}

/// The server cuts the name for its leftover: matching by name would miss it.
#[test]
fn f70_the_leftover_of_a_long_name_is_found() {
    let mut place = Place::new("f70");
    let name = format!("bystander_{}", "x".repeat(53));
    assert_eq!(name.len(), 63);
    place.sql(&format!("ALTER INDEX bystander RENAME TO {name}"));
    place.begin();
    let (running, mut writer) = held(&place, &name, Blocker::Writer, "waiting for writers before build");
    place.end_builder("pg_cancel_backend");
    wait_for("the rebuild has ended", "", || place.phase());
    writer.sql("COMMIT");
    place.ended(running).expect_code(2);
    assert_eq!(place.indexes_of("big"), format!("big_pkey 111\n{name} 111"));
    place.holds();
}

/// The ledger knows an index by its OID; a rebuild gives it another, whoever rebuilt it.
#[test]
fn f72_an_index_that_was_rebuilt_is_still_known() {
    for who in ["ours", "theirs"] {
        let mut place = Place::new(&format!("f72 {who}"));
        place.build_a();
        let before = oid(&place, "idx_a");
        if who == "ours" {
            place.run(&applying(&place.rollout_that_rebuilds("idx_a"))).expect_code(0);
        } else {
            place.sql("REINDEX INDEX CONCURRENTLY idx_a");
        }
        assert_ne!(oid(&place, "idx_a"), before);
        place.run(&["undo", "--all", "--yes"]).expect_code(0);
        assert_eq!(place.indexes_of("big"), "big_pkey 111\nbystander 111");
    }
}

#[test]
fn a_killed_rebuild_is_put_right_by_the_next_run() {
    for (blocker, phase) in
        [(Blocker::Writer, "waiting for writers before build"), (Blocker::Reader, "waiting for readers before marking dead")]
    {
        let mut place = Place::new(&format!("killed rebuild {blocker:?}"));
        let application = place.application();
        let (running, mut session) = held(&place, "bystander", blocker, phase);
        running.signal("KILL");
        place.ended(running);
        place.wait_until_sessions_are_gone();
        session.sql("COMMIT");
        let run = place.run(&place.building(&[index_a()])).expect_code(0);
        assert_eq!(place.indexes_of("big"), "big_pkey 111\nbystander 111\nidx_a 111", "{}", printed(&run));
        assert_eq!(application.waits(place.server), Vec::<String>::new());
        place.holds_but(&Allowed { indexes: &["bystander"], ..Allowed::default() });
    }
}
