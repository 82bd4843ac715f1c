//! M: extensions, statistics, settings, versions.

use pgtailor::model::change::{Change, Replaced};
use pgtailor_testkit::server::Server;

use crate::place::{IS_HELD, Place, applying, hold_before, make_holdable, printed, reaches, server};

/// Setting a parameter of the whole server, or taking its entry away.
pub fn set(name: &str, from: Option<&str>, to: Option<&str>) -> Change {
    Change::SetParameter { name: name.to_owned(), value: Replaced { from: from.map(str::to_owned), to: to.map(str::to_owned) } }
}

fn auto_conf(server: &Server) -> String {
    std::fs::read_to_string(server.lab.data_folder().join("postgresql.auto.conf")).expect("readable")
}

/// Applies a setting that must be refused; the server's file and the server stay as they were, through a restart, too.
fn is_refused(name: &str, value: &str) {
    let mut own = server(&[]);
    let before = auto_conf(&own);
    {
        let mut place = Place::on(&own, "refused");
        let (path, left_out) = place.planned(|_| vec![set(name, None, Some(value))]);
        let run = place.run(&applying(&path));
        assert!(!left_out.is_empty() || run.code == Some(2), "{name}\n{}\n{}", run.out, run.err);
        assert!(!left_out.is_empty() || printed(&run).contains(name), "{name}\n{}\n{}", run.out, run.err);
        place.holds();
    }
    assert_eq!(auto_conf(&own), before);
    own.lab.restart(pgtailor_lab::Shutdown::Fast).expect("the server starts");
}

/// Accepted by the server at once, and fatal at its next start.
#[test]
fn f115_f116_settings_that_can_keep_the_server_from_starting_are_refused() {
    is_refused("shared_preload_libraries", "nosuch_lib");
    is_refused("shared_preload_libraries", "");
}

/// Takes effect at the next restart, whenever somebody else makes one.
#[test]
fn f117_settings_that_wait_for_a_restart_are_refused() {
    is_refused("max_connections", "10");
}

#[test]
fn a_value_that_the_server_refuses_changes_nothing() {
    is_refused("work_mem", "plenty");
    is_refused("no_such_parameter", "1");
}

/// A person's value comes back, and the one that hides ours is named.
#[test]
fn f118_undo_gives_back_the_value_that_somebody_had_set() {
    let own = server(&[]);
    own.sql("postgres", "ALTER SYSTEM SET work_mem = '5MB'");
    own.sql("postgres", "SELECT pg_reload_conf()");
    let mut place = Place::on(&own, "f118");
    let before = auto_conf(&own);
    let (path, _) = place.planned(|_| vec![set("work_mem", Some("5MB"), Some("16MB"))]);
    place.run(&applying(&path)).expect_code(0);
    assert_eq!(own.sql("postgres", "SHOW work_mem"), "16MB");
    place.run(&["undo", "--all", "--yes"]).expect_code(0);
    assert_eq!(auto_conf(&own), before);
    assert_eq!(own.sql("postgres", "SHOW work_mem"), "5MB");
    place.sql("ALTER DATABASE f118 SET work_mem = '7MB'");
    let (path, left_out) = place.planned(|_| vec![set("work_mem", Some("5MB"), Some("16MB"))]);
    let run = place.run(&applying(&path));
    let told = format!("{left_out:?}\n{}", printed(&run));
    if left_out.is_empty() && run.code == Some(0) {
        assert_eq!(own.sql("postgres", "SHOW work_mem"), "16MB", "what is done is in force where nothing hides it\n{told}");
        place.run(&["undo", "--all", "--yes"]).expect_code(0);
    } else {
        assert!(told.contains("work_mem"), "{told}");
    }
    assert_eq!(auto_conf(&own), before, "{told}");
}

/// The program dies between `ALTER SYSTEM` and the look at what came of it.
#[test]
fn a_setting_of_a_killed_run_is_understood_by_the_next() {
    let own = server(&[]);
    let mut place = Place::on(&own, "killed setting");
    place.build_a();
    place.run(&["undo", "--all", "--yes"]).expect_code(0);
    let before = auto_conf(&own);
    make_holdable(&own, &place.database);
    // The first two entries are those of the preparation.
    let hold = hold_before(&own, &place.database, "verifying", 3);
    let (path, _) = place.planned(|_| vec![set("work_mem", None, Some("16MB"))]);
    let mut running = place.start(&applying(&path));
    reaches(&mut running, "the ledger is held", "t", || place.sql(IS_HELD));
    running.signal("KILL");
    place.ended(running);
    drop(hold);
    place.wait_until_sessions_are_gone();
    place.run(&["undo", "--all", "--yes"]);
    place.run(&["undo", "--all", "--yes"]).expect_code(0);
    assert_eq!(auto_conf(&own), before, "{}", place.states());
    let open = "SELECT count(*) FROM pgtailor.change WHERE state NOT IN ('applied', 'failed', 'rolled-back')";
    assert_eq!(place.sql(open), "0", "{}", place.states());
}
