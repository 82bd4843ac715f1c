//! H: dropping.
//!
//! A concurrent drop that is interrupted has made its index invalid already: it can only go forward. And what an index carries beside its
//! definition is lost with it.

use pgtailor_testkit::blocker::{Blocker, wait_for};
use pgtailor_testkit::invariants::Allowed;
use pgtailor_testkit::session::Session;

use crate::place::{Place, applying, entry, printed};

/// An undo that is in the middle of its drop: the index is invalid already, and a reader is in the way.
fn dropping(place: &mut Place<'_>) -> (pgtailor_testkit::program::Running, Session) {
    place.build_a();
    let reader = place.hold(Blocker::Reader);
    let undo = place.start(&["undo", "--all", "--yes"]);
    wait_for("the drop has made the index invalid", "1", || {
        place.sql("SELECT count(*) FROM pg_index WHERE indrelid = 'big'::regclass AND NOT indisvalid")
    });
    (undo, reader)
}

#[test]
fn f73_an_interrupted_drop_is_finished() {
    for how in ["pg_cancel_backend", "pg_terminate_backend"] {
        let mut place = Place::new(&format!("f73 {how}"));
        let (undo, mut reader) = dropping(&mut place);
        place.end_builder(how);
        reader.sql("COMMIT");
        let run = place.ended(undo);
        place.wait_until_sessions_are_gone();
        if run.code != Some(0) {
            // It could not finish by itself, said so, and the next run does.
            assert_eq!(run.code, Some(2), "{}\n{}", run.out, run.err);
            place.run(&["undo", "--all", "--yes"]).expect_code(0);
        }
        assert_eq!(place.indexes_of("big"), "big_pkey 111\nbystander 111");
        place.holds();
    }
}

#[test]
fn f73_ctrl_c_in_a_drop_waits_for_its_end() {
    let mut place = Place::new("f73 int");
    let (undo, mut reader) = dropping(&mut place);
    undo.signal("INT");
    reader.sql("COMMIT");
    place.ended(undo);
    assert_eq!(place.indexes_of("big"), "big_pkey 111\nbystander 111");
    place.holds();
}

#[test]
fn f73_a_killed_drop_is_finished_by_the_next_run() {
    let mut place = Place::new("f73 kill");
    let (undo, mut reader) = dropping(&mut place);
    undo.signal("KILL");
    place.ended(undo);
    reader.sql("COMMIT");
    place.wait_until_sessions_are_gone();
    place.run(&["undo", "--all", "--yes"]).expect_code(0);
    assert_eq!(place.indexes_of("big"), "big_pkey 111\nbystander 111");
    place.holds();
}

/// A reviewed rollout drops `idx_a`, which by then carries `what`; it must stay.
fn stays(name: &str, what: &str) {
    let mut place = Place::new(name);
    place.sql("CREATE INDEX idx_a ON big (a)");
    let path = place.rollout_that_drops("idx_a").expect("an ordinary index may be dropped");
    place.sql(what);
    place.begin();
    let run = place.run(&["apply", &path, "--yes", "--allow", "drop-index", "--unused-for", "1ms"]);
    assert!(place.sql("SELECT to_regclass('idx_a') IS NOT NULL") == "t", "it was dropped after {what}\n{}", run.out);
    assert_eq!(run.code, Some(2), "after {what}\n{}\n{}", run.out, run.err);
    place.holds();
}

/// The server refuses to drop a constraint's index; we do not even ask.
#[test]
fn f74_the_index_of_a_constraint_is_not_dropped() {
    let mut reviewed = Place::new("f74");
    reviewed.sql("CREATE UNIQUE INDEX idx_u ON other (v)");
    // A unique index is refused as such (F78); where it were not, the constraint that it has become must keep it.
    if let Ok(path) = reviewed.rollout_that_drops("idx_u") {
        reviewed.sql("ALTER TABLE other ADD CONSTRAINT idx_u UNIQUE USING INDEX idx_u");
        reviewed.begin();
        let run = reviewed.run(&applying(&path));
        assert_eq!(run.code, Some(2), "{}\n{}", run.out, run.err);
        assert!(reviewed.is_valid("idx_u"));
        reviewed.holds();
    }
    let refused = reviewed.rollout_that_drops("big_pkey").expect_err("the index of a primary key");
    assert!(refused.contains("constraint") || refused.contains("unique"), "{refused}");

    let mut place = Place::new("f74 own");
    let entry = entry("idx_u", "big", r#"["id"]"#) + "unique = true\n";
    place.sql("ALTER TABLE big DROP CONSTRAINT big_pkey");
    place.begin();
    place.run(&place.building(&[entry])).expect_code(0);
    place.sql("ALTER TABLE big ADD CONSTRAINT idx_u UNIQUE USING INDEX idx_u");
    let undo = place.run(&["undo", "--all", "--yes"]);
    assert_eq!(undo.code, Some(2), "{}\n{}", undo.out, undo.err);
    assert!(printed(&undo).contains("constraint"), "{}", undo.out);
    assert!(place.is_valid("idx_u"));
    place.holds_but(&Allowed { indexes: &["idx_u"], surroundings: true, ..Allowed::default() });
}

#[test]
fn f75_an_index_that_a_foreign_key_needs_is_not_dropped() {
    let mut place = Place::new("f75");
    let entry = entry("idx_v", "other", r#"["v"]"#) + "unique = true\n";
    place.run(&place.building(&[entry])).expect_code(0);
    place.sql("CREATE TABLE child (v int REFERENCES other (v))");
    let undo = place.run(&["undo", "--all", "--yes"]);
    assert_eq!(undo.code, Some(2), "{}\n{}", undo.out, undo.err);
    assert!(place.is_valid("idx_v"), "{}", place.indexes_of("other"));
    place.holds_but(&Allowed { surroundings: true, ..Allowed::default() });
    assert_eq!(place.refusal("INSERT INTO child VALUES (5)"), "");
}

/// The drop would succeed, and every update of the published table would fail from then on.
#[test]
fn f76_the_replica_identity_is_not_dropped() {
    let mut place = Place::new("f76");
    let entry = entry("idx_v", "other", r#"["v"]"#) + "unique = true\n";
    place.sql("ALTER TABLE other ALTER v SET NOT NULL");
    place.begin();
    place.run(&place.building(&[entry])).expect_code(0);
    place.sql("ALTER TABLE other REPLICA IDENTITY USING INDEX idx_v; CREATE PUBLICATION everything FOR TABLE other");
    let undo = place.run(&["undo", "--all", "--yes"]);
    assert_eq!(undo.code, Some(2), "{}\n{}", undo.out, undo.err);
    assert!(printed(&undo).contains("replica identity"), "{}", undo.out);
    assert_eq!(place.refusal("UPDATE other SET v = v WHERE id = 3"), "", "the application can update");
    place.holds_but(&Allowed { indexes: &["idx_v"], surroundings: true, ..Allowed::default() });
}

#[test]
fn f77_the_clustered_index_is_not_dropped() {
    stays("f77", "ALTER TABLE big CLUSTER ON idx_a");
}

/// `ON CONFLICT (r)` needs it, and the counters do not show that.
#[test]
fn f78_a_unique_index_is_not_dropped() {
    let mut place = Place::new("f78");
    place.sql("CREATE UNIQUE INDEX idx_v ON other (v)");
    place.begin();
    match place.rollout_that_drops("idx_v") {
        Err(refused) => assert!(refused.contains("unique"), "{refused}"),
        Ok(path) => {
            let run = place.run(&applying(&path));
            assert!(place.is_valid("idx_v"), "it was dropped\n{}", run.out);
            assert_eq!(run.code, Some(2), "{}\n{}", run.out, run.err);
        }
    }
    assert_eq!(place.refusal("INSERT INTO other VALUES (-1, 3) ON CONFLICT (v) DO NOTHING"), "");
    place.holds_but(&Allowed { surroundings: true, ..Allowed::default() });
}

/// An ordinary index that somebody reviewed, and everything that it carried, is back after an undo.
#[test]
fn f84_undoing_a_drop_restores_all_that_the_index_carried() {
    let mut place = Place::new("f84");
    place.sql(
        "CREATE INDEX idx_lower ON big (lower(e), c); COMMENT ON INDEX idx_lower IS 'sign-in, whatever the case'; ALTER INDEX idx_lower ALTER COLUMN 1 SET STATISTICS 321; \
         ALTER INDEX idx_lower SET (fillfactor = 63)",
    );
    let path = place.rollout_that_drops("idx_lower").expect("an ordinary index may be dropped");
    place.begin();
    let before = place.server.dump("f84");
    place.run(&["apply", &path, "--yes", "--allow", "drop-index", "--unused-for", "1ms"]).expect_code(0);
    assert_eq!(place.sql("SELECT to_regclass('idx_lower') IS NULL"), "t");
    place.run(&["undo", "--all", "--yes"]).expect_code(0);
    assert_eq!(place.server.dump("f84"), before);
    place.holds_but(&Allowed { indexes: &["idx_lower"], ..Allowed::default() });
}
