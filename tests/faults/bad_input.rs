//! Bad input that is none of the catalogue's rows: ledgers that were edited, are foreign, or stop in the middle of a sentence.
//!
//! Rows of the ledger are carried out later, with our rights: they are as hostile as anything else that is read.

use pgtailor_testkit::invariants::Allowed;

use crate::place::{Place, entry, index_a, printed};

#[test]
fn sql_that_was_written_into_the_ledger_is_not_run() {
    let mut place = Place::new("tampered sql");
    place.build_a();
    place.sql("UPDATE pgtailor.change SET undo_sql = 'DROP TABLE other', do_sql = 'DROP TABLE other'");
    let run = place.run(&["undo", "--all", "--yes"]);
    assert_eq!(place.sql("SELECT count(*) FROM other"), "1000", "{}", run.out);
    assert!(matches!(run.code, Some(0 | 2)), "{}\n{}", run.out, run.err);
    place.holds();
}

/// An entry that claims somebody else's index as its own.
#[test]
fn an_entry_that_was_made_to_point_at_another_index_does_not_drop_it() {
    let mut place = Place::new("tampered oid");
    place.build_a();
    place.sql("UPDATE pgtailor.change SET index_oid = 'bystander'::regclass::oid, built = NULL");
    let run = place.run(&["undo", "--all", "--yes"]);
    assert!(place.is_valid("bystander"), "{}\n{}", run.out, run.err);
    assert!(place.is_valid("idx_a") || run.code == Some(0), "{}\n{}", run.out, run.err);
}

#[test]
fn an_entry_that_cannot_be_understood_is_named_and_stops_everything() {
    let mut place = Place::new("tampered json");
    place.build_a();
    place.sql("UPDATE pgtailor.change SET change = '{\"change\": \"drop-database\"}'");
    for arguments in [vec!["undo", "--all", "--yes"], vec!["history"]] {
        let run = place.run(&arguments);
        assert_eq!(run.code, Some(2), "{}\n{}", run.out, run.err);
        assert!(printed(&run).contains("entry 1 of the ledger cannot be read"), "{}", run.err);
    }
    let more = place.building(&[index_a(), entry("idx_e", "big", r#"["e"]"#)]);
    assert_eq!(place.run(&more).code, Some(2));
    assert_eq!(place.indexes_of("big"), "big_pkey 111\nbystander 111\nidx_a 111");
}

#[test]
fn a_schema_of_that_name_that_is_not_ours_is_not_touched() {
    let mut place = Place::new("foreign schema");
    place.sql("CREATE SCHEMA pgtailor; CREATE TABLE pgtailor.change (id int, what text)");
    let before = place.server.dump_all("foreign schema");
    let run = place.run(&place.building(&[index_a()]));
    run.expect_error(&["schema `pgtailor` exists but is not a ledger"]);
    assert_eq!(place.server.dump_all("foreign schema"), before);
}

/// The program died between writing its intent and sending the statement.
#[test]
fn an_intent_that_was_never_carried_out_comes_to_nothing() {
    let mut place = Place::new("half written");
    place.build_a();
    place.run(&["undo", "--all", "--yes"]).expect_code(0);
    for state in ["intent", "running", "verifying", "reconciling", "cleanup-pending"] {
        place.sql(&format!(
            "INSERT INTO pgtailor.change (server_fingerprint, change, do_sql, undo_sql, indexes_before, state) \
             SELECT server_fingerprint, change, do_sql, undo_sql, indexes_before, '{state}' FROM pgtailor.change WHERE id = 1"
        ));
        place.build_a();
        let open = "SELECT count(*) FROM pgtailor.change WHERE state NOT IN ('applied', 'failed', 'rolled-back')";
        assert_eq!(place.sql(open), "0", "after {state}: {}", place.states());
        place.run(&["undo", "--all", "--yes"]).expect_code(0);
    }
    assert_eq!(place.indexes_of("big"), "big_pkey 111\nbystander 111");
    place.holds();
}

/// An entry that says "applied" for an index that somebody has dropped.
#[test]
fn undoing_what_is_gone_is_no_error() {
    let mut place = Place::new("gone");
    place.build_a();
    place.sql("DROP INDEX idx_a");
    place.run(&["undo", "--all", "--yes"]).expect_code(0);
    assert_eq!(place.states(), "rolled-back");
    place.holds_but(&Allowed { indexes: &["idx_a"], ..Allowed::default() });
}

/// Another table has the name by now, and even the index.
#[test]
fn undo_does_not_touch_the_table_that_took_the_name() {
    let mut place = Place::new("replaced");
    place.build_a();
    place.sql("ALTER TABLE big RENAME TO old_big; ALTER INDEX idx_a RENAME TO old_idx; CREATE TABLE big (a int); CREATE INDEX idx_a ON big (a)");
    let run = place.run(&["undo", "--all", "--yes"]);
    assert!(place.is_valid("idx_a"), "{}\n{}", run.out, run.err);
    assert_eq!(place.indexes_of("big"), "idx_a 111");
}
