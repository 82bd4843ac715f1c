//! D: start-up races and poolers.
//!
//! With a real PgBouncer in transaction mode, whose one server session many clients share.

use pgtailor_lab::Pooler;
use pgtailor_testkit::session::Session;

use crate::place::{Place, index_a, server};

fn pooler(place: &Place<'_>, settings: &[(&str, &str)]) -> Pooler {
    let all = [&[("default_pool_size", "1")], settings].concat();
    Pooler::start(&place.server.lab, &all).unwrap_or_else(|error| panic!("{error}"))
}

/// Settings of the shared server session that a careless client would have changed.
fn settings(place: &Place<'_>, pooler: &Pooler) -> String {
    let names = "'statement_timeout', 'lock_timeout', 'search_path', 'default_transaction_read_only', 'idle_session_timeout', \
                 'default_transaction_isolation', 'client_connection_check_interval', 'synchronous_commit', 'TimeZone'";
    let sql = format!(
        "SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) || ' ' || coalesce(current_setting('pgtailor.nonce', true), '') \
         FROM pg_settings WHERE name IN ({names})"
    );
    let output = place.server.try_sql(&pooler.url(&place.database), &sql);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Two clients of one server session both get an advisory lock, and it stays when they leave.
#[test]
fn f41_changes_through_a_pooler_are_refused() {
    let mut place = Place::new("f41");
    let pooler = pooler(&place, &[]);
    let through = place.pgtailor.clone().on(&pooler.url("f41"));
    let catalog = place.catalog(&[index_a()]);
    let run = place.run_by(&through, &["optimize", "--yes", "--catalog", &catalog]);
    run.expect_error(&["pooler"]);
    let locks =
        "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database WHERE locktype = 'advisory' AND datname = 'f41'";
    assert_eq!(place.sql(locks), "0");
    assert_eq!(place.indexes_of("big"), "big_pkey 111\nbystander 111");
    assert_eq!(place.sql("SELECT to_regclass('pgtailor.change') IS NULL"), "t", "not even the ledger");
    drop(pooler);
    place.holds();
}

#[test]
fn f42_the_application_behind_the_pooler_keeps_its_settings() {
    let mut place = Place::new("f42");
    let pooler = pooler(&place, &[]);
    let before = settings(&place, &pooler);
    let catalog = place.catalog(&[index_a()]);
    let through = place.pgtailor.clone().on(&pooler.url("f42"));
    for arguments in [
        vec!["check"],
        vec!["doctor"],
        vec!["history"],
        vec!["optimize", "--analyze-only", "--catalog", &catalog],
        vec!["optimize", "--yes", "--catalog", &catalog],
        vec!["undo", "--all", "--yes"],
    ] {
        place.run_by(&through, &arguments);
        assert_eq!(settings(&place, &pooler), before, "after {arguments:?}");
    }
    drop(pooler);
    place.holds();
}

/// Named statements collide with those of other clients: the application must find its own, and no one else's.
#[test]
fn f43_no_prepared_statement_of_ours_stays_behind_the_pooler() {
    let mut place = Place::new("f43");
    let pooler = pooler(&place, &[]);
    let through = place.pgtailor.clone().on(&pooler.url("f43"));
    place.run_by(&through, &["check"]);
    place.run_by(&through, &["doctor"]);
    let mut application = Session::open_at(place.server, &pooler.url("f43"));
    assert_eq!(application.ask("SELECT string_agg(name, ' ') FROM pg_prepared_statements"), "");
    assert_eq!(application.ask("PREPARE s0 AS SELECT 1; EXECUTE s0; DEALLOCATE s0"), "1");
    drop(pooler);
    place.holds();
}

/// The pooler ends the client's wait while the server goes on: an answer that is none.
#[test]
fn f44_a_pooler_that_gives_up_cannot_orphan_a_build() {
    let mut place = Place::new("f44");
    let pooler = pooler(&place, &[("query_timeout", "2")]);
    let mut writer = place.hold(pgtailor_testkit::blocker::Blocker::Writer);
    let through = place.pgtailor.clone().on(&pooler.url("f44"));
    let catalog = place.catalog(&[index_a()]);
    place.run_by(&through, &["optimize", "--yes", "--catalog", &catalog]).expect_error(&["pooler"]);
    assert_eq!(place.phase(), "", "no build was begun");
    writer.sql("COMMIT");
    drop(pooler);
    place.holds();
}

#[test]
fn f45_a_pooler_that_refuses_startup_options_is_still_understood() {
    let mut place = Place::new("f45");
    let pooler = pooler(&place, &[]);
    let url = format!("{}?options=-c%20statement_timeout%3D4s", pooler.url("f45"));
    let through = place.pgtailor.clone().on(&url);
    let catalog = place.catalog(&[index_a()]);
    let run = place.run_by(&through, &["optimize", "--yes", "--catalog", &catalog]);
    assert_eq!(run.code, Some(2), "{}", run.out);
    assert!(run.err.contains("pooler") || run.err.contains("options"), "{}", run.err);
    drop(pooler);
    place.holds();
}

/// Ten first starts: the ledger's schema is made once, and nobody sees `23505` of a catalog.
#[test]
fn f46_ten_first_starts_make_one_ledger() {
    let mut place = Place::new("f46");
    let arguments = place.building(&[index_a()]);
    let runs: Vec<_> = (0..10).map(|_| place.start(&arguments)).collect();
    for run in runs {
        let run = place.ended(run);
        if run.code != Some(0) {
            run.expect_error(&["another pgtailor is changing this database"]);
        }
    }
    assert_eq!(place.states(), "applied");
    assert_eq!(place.sql("SELECT count(*) FROM pg_namespace WHERE nspname = 'pgtailor'"), "1");
    place.holds();
}

/// What a role or a database prefers must not reach the build: least of all where the index is put.
#[test]
fn f47_preferences_of_role_and_database_do_not_reach_the_build() {
    let own = server(&[]);
    let folder = own.lab.folder().join("tiny");
    std::fs::create_dir(&folder).expect("the lab's folder is ours");
    let owner = std::fs::metadata(own.lab.data_folder()).expect("it is there");
    std::os::unix::fs::chown(
        &folder,
        Some(std::os::unix::fs::MetadataExt::uid(&owner)),
        Some(std::os::unix::fs::MetadataExt::gid(&owner)),
    )
    .expect("the server's user owns its data");
    own.sql("postgres", &format!("CREATE TABLESPACE tiny LOCATION '{}'", folder.display()));
    let mut place = Place::on(&own, "f47");
    for setting in [
        "default_transaction_read_only = on",
        "default_tablespace = 'tiny'",
        "default_transaction_isolation = 'serializable'",
        "search_path = other_schema",
        "DateStyle = 'German, DMY'",
        "IntervalStyle = 'sql_standard'",
    ] {
        own.sql("postgres", &format!("ALTER ROLE postgres IN DATABASE f47 SET {setting}"));
    }
    place.server.sql("postgres", "ALTER DATABASE f47 SET lock_timeout = '10ms'");
    let run = place.run(&place.building(&[index_a()])).expect_code(0);
    assert!(run.err.contains("done in"), "{}", run.err);
    let space = place.sql("SELECT reltablespace FROM pg_class WHERE relname = 'idx_a'");
    assert_eq!(space, "0", "in the table's own tablespace");
}
