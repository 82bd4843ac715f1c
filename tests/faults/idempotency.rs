//! C: idempotency, names, races.
//!
//! Existence is a question about a definition and its validity, and identity is an OID: a name proves neither.

use pgtailor_testkit::blocker::{Blocker, wait_for};
use pgtailor_testkit::invariants::Allowed;
use pgtailor_testkit::session::Session;

use crate::place::{Place, entry, index_a, printed};

/// Leaves an index called `idx_a` that somebody else failed to build.
fn foreign_leftover(place: &Place<'_>) {
    let mut writer = place.hold(Blocker::Writer);
    let failed = place.refusal("SET lock_timeout = '100ms'; CREATE INDEX idx_a ON other (v); DROP INDEX idx_a");
    assert_eq!(failed, "");
    let mut session = place.session();
    session.sql("SET lock_timeout = '100ms'");
    session.sql("CREATE INDEX CONCURRENTLY idx_a ON big (a)");
    writer.sql("COMMIT");
    assert!(place.indexes_of("big").contains("idx_a 001"), "{}", place.indexes_of("big"));
}

/// `IF NOT EXISTS` would say "done" here.
#[test]
fn f30_an_invalid_index_of_that_name_is_no_success() {
    let mut place = Place::new("f30");
    foreign_leftover(&place);
    place.begin();
    let run = place.run(&place.building(&[index_a()]));
    assert!(printed(&run).contains("invalid"), "{}\n{}", run.out, run.err);
    assert!(!printed(&run).contains("done in"), "{}", run.err);
    assert!(!place.is_valid("idx_a"));
    assert!(place.indexes_of("big").contains("idx_a 001"), "somebody else's is not ours to touch");
    place.holds();
    assert_eq!(run.code, Some(2), "what was declared is not there\n{}\n{}", run.out, run.err);
}

#[test]
fn f31_a_retry_after_a_leftover_completes() {
    let mut place = Place::new("f31");
    place.leave_a_leftover();
    place.next_run_completes();
    assert_eq!(place.indexes_of("big"), "big_pkey 111\nbystander 111\nidx_a 111");
}

/// An entry that was left open does not make an index of somebody else ours because it has the name.
#[test]
fn f31_a_leftover_of_somebody_else_that_has_the_name_is_not_cleaned_up() {
    let mut place = Place::new("f31 foreign");
    place.build_a();
    place.run(&["undo", "--all", "--yes"]).expect_code(0);
    // The program died before it sent anything; later somebody failed to build another index of that name.
    place.sql(
        "INSERT INTO pgtailor.change (server_fingerprint, change, do_sql, undo_sql, indexes_before, state) \
         SELECT server_fingerprint, change, do_sql, undo_sql, indexes_before, 'running' FROM pgtailor.change WHERE id = 1",
    );
    let mut writer = place.hold(Blocker::Writer);
    let mut somebody = place.session();
    somebody.sql("SET lock_timeout = '100ms'");
    somebody.sql("CREATE INDEX CONCURRENTLY idx_a ON big (c, e)");
    writer.sql("COMMIT");
    assert!(place.indexes_of("big").contains("idx_a 001"), "{}", place.indexes_of("big"));
    place.begin();
    let run = place.run(&place.building(&[entry("idx_e", "big", r#"["e"]"#)]));
    assert!(place.indexes_of("big").contains("idx_a 001"), "it was dropped\n{}\n{}", run.out, run.err);
    place.holds_but(&Allowed { states: &["needs-human"], ..Allowed::default() });
}

#[test]
fn f32_retries_that_fail_do_not_pile_up() {
    let mut place = Place::new("f32");
    place.sql(
        "CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no DDL today'; END $$; \
         CREATE EVENT TRIGGER standstill ON ddl_command_end WHEN TAG IN ('CREATE INDEX') EXECUTE FUNCTION refuse()",
    );
    place.begin();
    for _ in 0..3 {
        place.run(&place.building(&[index_a()])).expect_code(2);
    }
    assert_eq!(place.indexes_of("big"), "big_pkey 111\nbystander 111");
    place.holds();
    place.sql("DROP EVENT TRIGGER standstill");
    place.next_run_completes();
    assert_eq!(place.indexes_of("big"), "big_pkey 111\nbystander 111\nidx_a 111");
}

/// With `IF NOT EXISTS` five of six say "OK" here, and there is no usable index.
#[test]
fn f33_six_instances_leave_one_valid_index() {
    let mut place = Place::new("f33");
    let application = place.application();
    let mut writer = place.hold(Blocker::Writer);
    let arguments = place.building(&[index_a()]);
    let runs: Vec<_> = (0..6).map(|_| place.start(&arguments)).collect();
    Blocker::Writer.wait_until_it_holds(place.server, &place.database);
    writer.sql("COMMIT");
    let codes: Vec<_> = runs.into_iter().map(|run| place.ended(run).code).collect();
    assert!(codes.contains(&Some(0)), "{codes:?}");
    assert_eq!(place.indexes_of("big"), "big_pkey 111\nbystander 111\nidx_a 111");
    assert_eq!(place.states(), "applied");
    assert_eq!(application.waits(place.server), Vec::<String>::new());
    place.holds();
}

#[test]
fn f34_a_name_that_something_else_has_is_refused() {
    for (position, taken) in
        ["CREATE VIEW idx_a AS SELECT 1", "CREATE INDEX idx_a ON other (v)", "CREATE SEQUENCE idx_a"].iter().enumerate()
    {
        let mut place = Place::new(&format!("f34 {position}"));
        place.sql(taken);
        place.begin();
        let run = place.run(&place.building(&[index_a()]));
        assert_eq!(run.code, Some(2), "{taken}\n{}\n{}", run.out, run.err);
        assert!(printed(&run).contains("idx_a"), "{}", run.out);
        place.holds();
    }
}

/// Dropping by name drops what somebody else called so meanwhile.
#[test]
fn f36_a_drop_finds_its_index_by_identity() {
    let mut place = Place::new("f36");
    place.build_a();
    let ours = place.sql("SELECT 'idx_a'::regclass::oid");
    place.sql("ALTER INDEX idx_a RENAME TO renamed; CREATE INDEX idx_a ON big (e)");
    let theirs = place.sql("SELECT 'idx_a'::regclass::oid");
    place.run(&["undo", "--all", "--yes"]).expect_code(0);
    assert_eq!(place.sql(&format!("SELECT count(*) FROM pg_class WHERE oid = {ours}")), "0", "ours is gone, renamed or not");
    assert_eq!(place.sql("SELECT 'idx_a'::regclass::oid"), theirs);
    place.holds_but(&Allowed { indexes: &["idx_a"], ..Allowed::default() });
}

/// The same where ours is gone: an index that only has the name stays.
#[test]
fn f36_an_undo_does_not_hit_the_index_that_took_the_name() {
    let mut place = Place::new("f36 gone");
    place.build_a();
    place.sql("DROP INDEX idx_a; CREATE INDEX idx_a ON big (id, a)");
    let run = place.run(&["undo", "--all", "--yes"]);
    assert!(place.is_valid("idx_a"), "{}\n{}", run.out, run.err);
    place.holds_but(&Allowed { indexes: &["idx_a"], ..Allowed::default() });
}

/// The same for a rollout that was written before the swap.
#[test]
fn f36_a_reviewed_drop_does_not_hit_the_index_that_took_the_name() {
    let mut place = Place::new("f36 file");
    place.sql("CREATE INDEX idx_a ON big (a)");
    let path = place.rollout_that_drops("idx_a").expect("an ordinary index may be dropped");
    place.sql("DROP INDEX idx_a; CREATE INDEX idx_a ON big (e)");
    place.begin();
    let run = place.run(&["apply", &path, "--yes", "--allow", "drop-index", "--unused-for", "1ms"]);
    assert!(place.is_valid("idx_a"), "{}\n{}", run.out, run.err);
    place.holds();
}

#[test]
fn f37_a_table_that_was_renamed_since_the_decision_is_not_touched() {
    let mut place = Place::new("f37");
    let (path, _) = place.rollout(&[index_a()]);
    place.sql("ALTER TABLE big RENAME TO large; CREATE TABLE big (a int)");
    place.begin();
    let run = place.run(&["apply", &path, "--yes"]);
    assert_eq!(run.code, Some(2), "{}\n{}", run.out, run.err);
    assert_eq!(place.indexes_of("large"), "big_pkey 111\nbystander 111");
    assert_eq!(place.indexes_of("big"), "");
    place.holds();
}

/// Renaming an index that is being built works, in the last phase; its OID stays.
#[test]
fn f38_an_index_that_was_renamed_while_it_was_built_is_found() {
    let mut place = Place::new("f38");
    let (running, mut snapshot) = place.held(Blocker::Snapshot);
    place.sql("ALTER INDEX idx_a RENAME TO renamed; COMMENT ON INDEX renamed IS 'mine'");
    snapshot.sql("COMMIT");
    let run = place.ended(running);
    assert!(place.is_valid("renamed"), "{}\n{}", run.out, run.err);
    place.holds();
    place.run(&["undo", "--all", "--yes"]).expect_code(0);
    assert_eq!(place.indexes_of("big"), "big_pkey 111\nbystander 111");
    place.holds();
}

/// Lookalikes, each of which is another index.
#[test]
fn f39_lookalikes_are_not_the_same_and_the_same_under_another_name_is() {
    const LOOKALIKES: &[&str] = &[
        "(b text_pattern_ops)",
        "(b COLLATE \"C\")",
        "(b DESC)",
        "(b NULLS FIRST)",
        "(b) INCLUDE (a)",
        "(b, a)",
        "(b) WHERE a > 5",
        "USING hash (b)",
    ];
    let mut place = Place::new("f39");
    for (position, lookalike) in LOOKALIKES.iter().enumerate() {
        let using = if lookalike.starts_with("USING") { (*lookalike).to_owned() } else { format!("USING btree {lookalike}") };
        place.sql(&format!("CREATE INDEX lookalike_{position} ON big {using}"));
    }
    place.begin();
    let plain = entry("idx_b", "big", r#"["b"]"#);
    place
        .run(&[place.building(std::slice::from_ref(&plain)), vec!["--catalog-policy".into(), "all".into()]].concat())
        .expect_code(0);
    assert!(place.is_valid("idx_b"));
    place.holds();
    let same = entry("other_name", "big", r#"["b"]"#);
    let run = place.run(&[place.building(&[same]), vec!["--catalog-policy".into(), "all".into()]].concat()).expect_code(0);
    assert!(printed(&run).contains("nothing to do"), "{}", run.out);
    assert_eq!(place.sql("SELECT count(*) FROM pg_class WHERE relname = 'other_name'"), "0");
    place.holds();
}

#[test]
fn f40_one_expression_written_twice_is_one() {
    let mut place = Place::new("f40");
    place.sql("CREATE INDEX theirs ON big (lower((e)::text))");
    place.begin();
    let run = place.run(&place.building(&[entry("idx_lower", "big", r#"[{ expression = "lower(e)" }]"#)])).expect_code(0);
    assert!(printed(&run).contains("nothing to do"), "{}", run.out);
    assert_eq!(place.sql("SELECT count(*) FROM pg_class WHERE relname = 'idx_lower'"), "0");
    place.holds();
}

/// Two runs after each other, and a third after an undo: the same effect each time.
#[test]
fn what_was_done_is_not_done_again() {
    let mut place = Place::new("again");
    place.build_a();
    let oid = place.sql("SELECT 'idx_a'::regclass::oid");
    place.build_a();
    assert_eq!(place.sql("SELECT 'idx_a'::regclass::oid"), oid);
    assert_eq!(place.states(), "applied");
    place.run(&["undo", "--all", "--yes"]).expect_code(0);
    place.run(&["undo", "--all", "--yes"]).expect_code(0);
    place.build_a();
    assert_eq!(place.states(), "rolled-back applied applied");
    place.holds();
}

/// Sessions of ours are gone a moment after the program; a build that goes on is waited for by nobody else.
#[test]
fn an_index_that_somebody_else_builds_meanwhile_is_not_built_twice() {
    let mut place = Place::new("meanwhile");
    let mut writer = place.hold(Blocker::Writer);
    let mut builder: Session = place.session();
    let foreign = std::thread::spawn(move || builder.sql("CREATE INDEX CONCURRENTLY idx_a ON big (a)"));
    wait_for("their build waits", "waiting for writers before build", || place.phase());
    let run = place.run(&place.building(&[index_a()]));
    assert!(!printed(&run).contains("done in"), "{}", run.err);
    writer.sql("COMMIT");
    foreign.join().expect("their build ends");
    assert!(place.is_valid("idx_a"));
    place.holds_but(&Allowed { indexes: &["idx_a"], ..Allowed::default() });
}
