//! E: the index harms the application.

use pgtailor_testkit::big::CANARY;
use pgtailor_testkit::blocker::{Blocker, wait_for};
use pgtailor_testkit::invariants::Allowed;

use crate::place::{Place, entry, printed};

/// A unique index on `e`, as a catalog declares it.
fn unique(table: &str, column: &str) -> String {
    entry("idx_unique", table, &format!("[\"{column}\"]")) + "unique = true\n"
}

/// The server's answer quotes the duplicate; what is told does not.
#[test]
fn f48_a_unique_index_over_duplicates_leaves_nothing_and_shows_no_data() {
    let mut place = Place::new("f48");
    place.sql(&format!("UPDATE big SET e = '{CANARY}' WHERE id = 4"));
    place.begin();
    let run = place.run(&place.building(&[unique("big", "e")])).expect_code(2);
    assert!(printed(&run).contains("23505"), "{}", run.out);
    assert!(printed(&run).contains("duplicates"), "{}", run.out);
    assert_eq!(place.indexes_of("big"), "big_pkey 111\nbystander 111");
    place.holds();
}

/// The leftover of a unique build that got to its last phase refuses the application's rows, though no query can use it.
#[test]
fn f49_a_unique_leftover_stops_refusing_rows_as_soon_as_possible() {
    let mut place = Place::new("f49");
    place.sql("CREATE TABLE codes (code int, note text); INSERT INTO codes SELECT g, 'x' FROM generate_series(1, 1000) g");
    place.begin();
    let (running, mut snapshot) = place.held_build(Blocker::Snapshot, &[unique("codes", "code")]);
    let twice = "INSERT INTO codes VALUES (7, 'twice')";
    assert!(place.refusal(twice).contains("idx_unique"), "the build enforces what it is not yet");
    place.end_builder("pg_cancel_backend");
    wait_for("the build has ended", "", || place.phase());
    snapshot.sql("COMMIT");
    let run = place.ended(running).expect_code(2);
    assert_eq!(place.indexes_of("codes"), "", "{}", run.out);
    place.holds();
    assert_eq!(place.refusal(twice), "", "the application's rows are taken again");
}

/// While the leftover cannot be dropped, this is said; as soon as it can, the next run does.
#[test]
fn f50_a_leftover_that_cannot_be_dropped_yet_is_announced_and_dropped_later() {
    let mut place = Place::new("f50");
    let (running, mut snapshot) = place.held(Blocker::Snapshot);
    let mut reader = place.hold(Blocker::Reader);
    place.end_builder("pg_cancel_backend");
    wait_for("the build has ended", "", || place.phase());
    // The reader is in the way of a drop for longer than the program's patience with a leftover.
    let run = place.ended(running).expect_code(2);
    assert!(printed(&run).contains("could not be dropped yet"), "{}", run.out);
    assert_eq!(place.states(), "cleanup-pending");
    place.holds_but(&Allowed { states: &["cleanup-pending"], ..Allowed::default() });
    snapshot.sql("COMMIT");
    reader.sql("COMMIT");
    place.next_run_completes();
    assert_eq!(place.indexes_of("big"), "big_pkey 111\nbystander 111\nidx_a 111");
}

/// A value of random letters that no compression makes short.
const LONG: &str = "(SELECT string_agg(md5(g::text), '') FROM generate_series(1, 400) g)";

#[test]
fn f52_a_value_too_long_for_an_index_leaves_nothing_and_is_not_shown() {
    let mut place = Place::new("f52");
    place.sql(&format!("UPDATE big SET b = '{CANARY}' || {LONG} WHERE id = 9"));
    place.begin();
    let run = place.run(&place.building(&[entry("idx_b", "big", r#"["b"]"#)])).expect_code(2);
    assert!(printed(&run).contains("54000"), "{}", run.out);
    assert_eq!(place.indexes_of("big"), "big_pkey 111\nbystander 111");
    place.holds();
    assert_eq!(place.refusal(&format!("INSERT INTO big VALUES (-1, 1, {LONG})")), "", "the application may go on");
}

#[test]
fn f53_an_expression_that_raises_leaves_nothing_and_shows_no_data() {
    let mut place = Place::new("f53");
    let number = entry("idx_number", "big", r#"[{ expression = "(e::int)" }]"#);
    let run = place.run(&place.building(&[number])).expect_code(2);
    assert!(printed(&run).contains("22P02"), "{}", run.out);
    assert_eq!(place.indexes_of("big"), "big_pkey 111\nbystander 111");
    place.holds();
}

/// Without an `ANALYZE` the planner guesses what an expression selects, and the new index looks useless.
#[test]
fn f54_an_expression_index_has_statistics_when_it_is_done() {
    let mut place = Place::new("f54");
    let lower = entry("idx_lower", "big", r#"[{ expression = "lower(e)" }]"#);
    place.run(&place.building(&[lower])).expect_code(0);
    assert_eq!(place.sql("SELECT count(*) FROM pg_stats WHERE tablename = 'idx_lower'"), "1");
    assert_eq!(place.states(), "applied applied");
    place.holds();
}

/// `ANALYZE` of a table that is somebody else's succeeds, with a warning.
#[test]
fn f55_an_analyze_without_the_right_is_not_reported_as_done() {
    let mut place = Place::new("f55");
    place.sql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO mallory; GRANT CREATE ON DATABASE f55 TO mallory");
    place.begin();
    let analyzed = "SELECT coalesce(last_analyze::text, '') FROM pg_stat_user_tables WHERE relname = 'big'";
    let before = place.sql(analyzed);
    let lower = entry("idx_lower", "big", r#"[{ expression = "lower(e)" }]"#);
    let mallory = place.as_role("mallory");
    let run = place.run_by(&mallory, &["optimize", "--yes", "--catalog", &place.catalog(&[lower])]);
    assert_eq!(run.code, Some(2), "{}\n{}", run.out, run.err);
    assert!(printed(&run).contains("GRANT"), "{}", run.out);
    assert_eq!(place.sql(analyzed), before);
    place.holds();
}
