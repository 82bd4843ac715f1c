//! F: partitioned tables.

use pgtailor::model::change::{Carried, Change};
use pgtailor::model::index::IndexDefinition;
use pgtailor::model::snapshot::Snapshot;
use pgtailor_testkit::blocker::wait_for;
use pgtailor_testkit::probe::Probe;

use crate::place::{IS_HELD, Place, applying, entry, hold_before, make_holdable, printed, reaches};

/// How many sessions of ours wait for a lock on a relation.
const WAITING: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'pgtailor%' \
                       AND wait_event_type = 'Lock' AND wait_event = 'relation'";

/// A table of two parts.
pub const MEASURED: &str = "CREATE TABLE measured (id int, at date, v int) PARTITION BY RANGE (at); \
     CREATE TABLE measured_1 PARTITION OF measured FOR VALUES FROM ('2024-01-01') TO ('2024-07-01'); \
     CREATE TABLE measured_2 PARTITION OF measured FOR VALUES FROM ('2024-07-01') TO ('2025-01-01'); \
     INSERT INTO measured SELECT g, DATE '2024-01-01' + g % 360, g % 50 FROM generate_series(1, 5000) g; ANALYZE measured";

fn partitioned(name: &str) -> Place<'static> {
    let mut place = Place::new(name);
    place.sql(MEASURED);
    place.begin();
    place
}

fn index_v() -> String {
    entry("idx_v", "measured", r#"["v"]"#)
}

/// `idx_v` on the whole table.
pub fn index_on_whole(snapshot: &Snapshot) -> Change {
    let table = snapshot.catalog.tables.iter().find(|table| table.name.name == "measured").expect("the table is there");
    Change::CreateIndex {
        table: table.name.clone(),
        table_oid: table.oid,
        name: "idx_v".to_owned(),
        definition: IndexDefinition::btree(["v"]),
        carries: Carried::default(),
    }
}

/// The arguments that build it, by a reviewed rollout.
fn whole(place: &Place<'_>) -> Vec<String> {
    let (path, left_out) = place.planned(|snapshot| vec![index_on_whole(snapshot)]);
    assert!(left_out.is_empty(), "{left_out:?}");
    applying(&path)
}

/// `CONCURRENTLY` is impossible on the parent, and a plain build would stop every write: either the whole dance, or nothing.
#[test]
fn f58_a_partitioned_table_is_indexed_without_blocking_or_not_at_all() {
    let mut place = partitioned("f58");
    let application = Probe::begin(
        place.server,
        "f58",
        &[
            "INSERT INTO measured SELECT 1, '2024-03-03', 1 WHERE false",
            "UPDATE measured SET v = v WHERE id = 7",
            "SELECT count(*) FROM measured",
        ],
    );
    let run = place.run(&place.building(&[index_v()]));
    let parents = "SELECT count(*) FROM pg_index WHERE indrelid = 'measured'::regclass AND indisvalid";
    if run.code == Some(0) {
        assert_eq!(place.sql(parents), "1");
        assert_eq!(place.sql("SELECT count(*) FROM pg_inherits WHERE inhparent = 'idx_v'::regclass"), "2");
    } else {
        assert_eq!(run.code, Some(2), "{}\n{}", run.out, run.err);
        assert!(printed(&run).contains("partition"), "{}", run.out);
        place.holds();
    }
    assert_eq!(application.waits(place.server), Vec::<String>::new());
}

/// An index of the parent that is not valid yet is somebody's work in progress, not a leftover.
#[test]
fn f63_an_unfinished_parent_index_is_left_alone() {
    let mut place = partitioned("f63");
    place.sql("CREATE INDEX theirs ON ONLY measured (v); CREATE INDEX theirs_1 ON measured_1 (v); ALTER INDEX theirs ATTACH PARTITION theirs_1");
    place.begin();
    place.run(&["check"]);
    place.build_a();
    place.run(&["optimize", "--yes", "--advise", "never"]);
    place.run(&["undo", "--all", "--yes"]).expect_code(0);
    assert_eq!(place.sql("SELECT indisvalid FROM pg_index WHERE indexrelid = 'theirs'::regclass"), "f");
    place.holds();
}

/// An application on every part of the table.
fn application(place: &Place<'_>) -> Probe {
    Probe::begin(
        place.server,
        &place.database,
        &[
            "INSERT INTO measured VALUES (-1, '2024-03-03', 1); DELETE FROM measured WHERE id = -1",
            "UPDATE measured SET v = v WHERE id = 7",
            "SELECT count(*) FROM measured",
            "SELECT count(*) FROM measured_1",
        ],
    )
}

/// Whether `idx_v` is whole: valid, and attached to everywhere.
fn is_whole(place: &Place<'_>, leaves: usize) {
    assert_eq!(place.sql("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('idx_v')"), "t");
    assert_eq!(place.sql("SELECT count(*) FROM pg_inherits WHERE inhparent = 'idx_v'::regclass"), leaves.to_string());
    assert_eq!(place.server.invalid_indexes(&place.database), "");
}

/// The declaration on the parent takes a lock that writes wait behind: it must not queue for longer than they notice.
#[test]
fn f59_an_idle_writer_on_the_parent_makes_nobody_queue() {
    let mut place = partitioned("f59");
    let mut writer = place.session();
    writer.sql("BEGIN; INSERT INTO measured VALUES (-2, '2024-02-02', 2)");
    let mut running = place.start(&whole(&place));
    reaches(&mut running, "the declaration waits", "1", || place.sql(WAITING));
    let application = application(&place);
    wait_for("it has given up and tried again", "t", || {
        (place.server.log().matches("|f59> ERROR:  canceling statement due to lock timeout").count() >= 2)
            .to_string()
            .replace("true", "t")
    });
    writer.sql("ROLLBACK");
    place.ended(running).expect_code(0);
    assert_eq!(application.waits(place.server), Vec::<String>::new());
    is_whole(&place, 2);
}

/// Attaching locks the part's index against everybody.
#[test]
fn f60_an_idle_reader_of_a_part_makes_nobody_queue() {
    let mut place = partitioned("f60");
    let mut reader = place.session();
    reader.sql("BEGIN; SELECT count(*) FROM measured_1 WHERE v = 3");
    let mut running = place.start(&whole(&place));
    let application = application(&place);
    let begun = "SELECT (count(*) > 0)::text FROM pg_class WHERE relname = 'idx_v'";
    reaches(&mut running, "the index of the parent is declared", "true", || place.sql(begun));
    reader.sql("COMMIT");
    place.ended(running).expect_code(0);
    assert_eq!(application.waits(place.server), Vec::<String>::new());
    is_whole(&place, 2);
}

/// Attached, it would keep the parent invalid for ever.
#[test]
fn f61_an_invalid_index_of_a_part_is_not_attached() {
    let mut place = partitioned("f61");
    let mut writer = place.session();
    writer.sql("BEGIN; UPDATE measured SET v = v WHERE id = 5");
    let part = place.sql("SELECT tableoid::regclass FROM measured WHERE id = 5");
    let mut foreign = place.session();
    foreign.sql("SET lock_timeout = '100ms'");
    foreign.sql(&format!("CREATE INDEX CONCURRENTLY theirs ON {part} (v)"));
    writer.sql("COMMIT");
    assert_eq!(place.server.invalid_indexes("f61"), "theirs");
    place.begin();
    place.run(&whole(&place)).expect_code(0);
    assert_eq!(place.sql("SELECT indisvalid FROM pg_index WHERE indexrelid = 'idx_v'::regclass"), "t");
    // Mended first, or passed over: what is attached is valid.
    let attached = "SELECT count(*) || ' ' || bool_and(indisvalid) FROM pg_inherits JOIN pg_index ON indexrelid = inhrelid \
                    WHERE inhparent = 'idx_v'::regclass";
    assert_eq!(place.sql(attached), "2 true");
}

/// Dropping the whole blocks everybody for a moment: only what was made is taken back so.
#[test]
fn f62_the_index_of_a_partitioned_table_is_dropped_only_to_take_it_back() {
    let mut place = partitioned("f62");
    let before = place.server.dump("f62");
    let mut reader = place.session();
    place.run(&whole(&place)).expect_code(0);
    is_whole(&place, 2);
    reader.sql("BEGIN; SELECT count(*) FROM measured_1 WHERE v = 3");
    let mut undo = place.start(&["undo", "--all", "--yes"]);
    reaches(&mut undo, "the drop waits", "1", || place.sql(WAITING));
    let application = application(&place);
    wait_for("it has given up and tried again", "t", || {
        (place.server.log().matches("|f62> ERROR:  canceling statement due to lock timeout").count() >= 2)
            .to_string()
            .replace("true", "t")
    });
    reader.sql("COMMIT");
    place.ended(undo).expect_code(0);
    assert_eq!(application.waits(place.server), Vec::<String>::new());
    assert_eq!(place.server.dump("f62"), before);
}

/// A part that is made in the middle has the index by itself.
#[test]
fn f64_a_part_that_is_made_meanwhile_is_indexed_once() {
    let mut place = partitioned("f64");
    let mut writer = place.session();
    writer.sql("BEGIN; UPDATE measured_2 SET v = v WHERE id = (SELECT min(id) FROM measured_2)");
    let mut running = place.start(&whole(&place));
    reaches(&mut running, "a part is being built", "waiting for writers before build", || place.phase());
    // Attached, which locks the whole table less than making it in place does; the writer above would be in the way of that.
    place.sql("CREATE TABLE measured_3 (LIKE measured); ALTER TABLE measured ATTACH PARTITION measured_3 FOR VALUES FROM ('2025-01-01') TO ('2025-07-01')");
    writer.sql("COMMIT");
    let run = place.ended(running);
    if run.code != Some(0) {
        place.run(&whole(&place)).expect_code(0);
    }
    is_whole(&place, 3);
    assert_eq!(place.sql("SELECT count(*) FROM pg_index WHERE indrelid = 'measured_3'::regclass"), "1");
}

/// Killed between two parts, it goes on where it was.
#[test]
fn a_dance_that_was_interrupted_is_finished_by_the_next_run() {
    let mut place = partitioned("dance");
    let before = place.server.dump("dance");
    let mut writer = place.session();
    writer.sql("BEGIN; UPDATE measured_2 SET v = v WHERE id = (SELECT min(id) FROM measured_2)");
    let mut running = place.start(&whole(&place));
    reaches(&mut running, "a part is being built", "waiting for writers before build", || place.phase());
    running.signal("KILL");
    place.ended(running);
    writer.sql("COMMIT");
    place.wait_until_sessions_are_gone();
    place.run(&whole(&place)).expect_code(0);
    is_whole(&place, 2);
    place.run(&["undo", "--all", "--yes"]).expect_code(0);
    assert_eq!(place.server.dump("dance"), before);
}

/// The entries of the parts are found by those of their being attached: they are taken back first, so that whoever goes on finds all.
#[test]
fn a_whole_whose_undo_was_cut_short_is_taken_back_with_every_part() {
    for entry in [2, 3] {
        let mut place = partitioned(&format!("dance undone {entry}"));
        place.run(&whole(&place)).expect_code(0);
        make_holdable(place.server, &place.database);
        let hold = hold_before(place.server, &place.database, "rolled-back", entry);
        let mut running = place.start(&["undo", "--all", "--yes"]);
        reaches(&mut running, "the ledger is held", "t", || place.sql(IS_HELD));
        running.signal("KILL");
        place.ended(running);
        drop(hold);
        place.wait_until_sessions_are_gone();
        // Somebody who wants something else finds the entry open.
        place.build_a();
        let not_taken_back = "SELECT count(*) FROM pgtailor.change WHERE id <= 5 AND state <> 'rolled-back'";
        assert_eq!(place.sql(not_taken_back), "0", "{}", place.states());
        place.holds();
    }
}

/// Two steps of a reviewed rollout, between which somebody made another index of that name.
#[test]
fn f65_a_part_that_is_not_like_the_whole_is_not_attached() {
    let mut place = partitioned("f65");
    place.sql("CREATE INDEX idx_v ON ONLY measured (v); CREATE INDEX part ON measured_1 (id)");
    place.begin();
    let (path, left_out) = place.planned(|snapshot| {
        let oid = |name: &str| {
            let table = snapshot.catalog.tables.iter().find(|table| table.name.name == name).expect("the table is there");
            (table.name.clone(), table.oid)
        };
        let ((table, table_oid), (parent, parent_oid)) = (oid("measured_1"), oid("measured"));
        let parent_index = "idx_v".to_owned();
        vec![Change::AttachIndex { table, table_oid, name: "part".to_owned(), parent, parent_oid, parent_index }]
    });
    assert!(left_out.is_empty(), "{left_out:?}");
    let run = place.run(&applying(&path)).expect_code(2);
    assert!(printed(&run).contains("index part is not like idx_v"), "{}", run.out);
    assert_eq!(place.sql("SELECT count(*) FROM pg_inherits WHERE inhrelid = 'part'::regclass"), "0");
}
