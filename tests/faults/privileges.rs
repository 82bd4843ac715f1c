//! K: privileges and kinds of objects.

use pgtailor::settable_parameters;
use pgtailor_testkit::big;
use pgtailor_testkit::blocker::Blocker;

use crate::extensions::set;
use crate::place::{Place, applying, entry, index_a, least_role, printed, server};

fn index_app() -> String {
    entry("idx_app", "apptab", r#"["a"]"#)
}

#[test]
fn f99_who_does_not_own_the_table_is_told_the_one_grant() {
    let mut place = Place::new("f99");
    place.sql("GRANT CREATE ON DATABASE f99 TO mallory");
    place.begin();
    let mallory = place.as_role("mallory");
    let run = place.run_by(&mallory, &place.building(&[index_app()])).expect_code(2);
    assert!(printed(&run).contains("GRANT app TO mallory"), "{}", run.out);
    assert_eq!(place.indexes_of("apptab"), "");
    place.holds();
}

#[test]
fn f100_an_owner_without_the_right_to_create_in_the_schema_is_told_so() {
    let mut place = Place::new("f100");
    place.sql("REVOKE CREATE ON SCHEMA public FROM app");
    place.begin();
    let app = place.as_role("app");
    let run = place.run_by(&app, &place.building(&[index_app()])).expect_code(2);
    assert!(printed(&run).contains("GRANT CREATE ON SCHEMA public TO app"), "{}", run.out);
    assert_eq!(place.indexes_of("apptab"), "");
    place.holds();
}

/// Membership that is not inherited has to be taken on, for the one statement.
#[test]
fn f101_a_member_that_does_not_inherit_can_build_or_is_told_how() {
    let mut place = Place::new("f101");
    place.sql(
        "CREATE ROLE f101 LOGIN NOINHERIT PASSWORD 'f101'; GRANT app TO f101; GRANT CREATE ON DATABASE f101 TO f101; \
         GRANT CREATE ON SCHEMA public TO f101",
    );
    place.begin();
    let member = place.as_role("f101");
    let run = place.run_by(&member, &place.building(&[index_app()]));
    if run.code == Some(0) {
        assert!(place.is_valid("idx_app"));
    } else {
        assert_eq!(run.code, Some(2), "{}\n{}", run.out, run.err);
        assert!(printed(&run).contains("f101") || printed(&run).contains("42501"), "{}", run.out);
        assert_eq!(place.indexes_of("apptab"), "");
    }
    place.holds();
    assert_eq!(run.code, Some(0), "a member of the owner is enough\n{}\n{}", run.out, run.err);
}

/// A server of its own: rights on parameters are the whole server's.
#[test]
fn the_role_of_the_script_sets_what_a_rollout_may_set_and_nothing_else() {
    let own = server(&[]);
    let url = big::create(&own, "settings");
    let url = least_role(&own, "settings", &url);
    let may = |name: &str| {
        own.sql("settings", &format!("SELECT has_parameter_privilege('pgtailor_apply', '{name}', 'ALTER SYSTEM')")) == "t"
    };
    let denied: Vec<&str> = settable_parameters().filter(|name| !may(name)).collect();
    assert_eq!(denied, Vec::<&str>::new(), "the server took every line of the script");
    let granted = own.sql("settings", "SELECT count(*) FROM pg_parameter_acl");
    assert_eq!(granted, settable_parameters().count().to_string());
    assert!(!may("archive_command") && !may("shared_preload_libraries"));
    let mut place = Place::at(&own, "settings", &url);
    let (path, left_out) = place.planned(|_| vec![set("log_lock_waits", None, Some("off")), set("jit", None, Some("off"))]);
    assert!(left_out.is_empty(), "{left_out:?}");
    place.run(&applying(&path)).expect_code(0);
    assert_eq!(own.sql("settings", "SHOW jit"), "off");
    place.run(&["undo", "--all", "--yes"]).expect_code(0);
    assert_eq!(place.states(), "rolled-back rolled-back applied applied");
    place.holds();
}

/// The least role that may build: member of the owner, not a superuser.
#[test]
fn the_owner_alone_builds_and_takes_back() {
    let mut place = Place::new("owner");
    let before = place.server.dump("owner");
    let app = place.as_role("app");
    let application = place.application();
    let mut writer = place.session();
    writer.sql(&Blocker::Writer.sql().replace("big", "apptab"));
    let catalog = place.catalog(&[index_app()]);
    let running = app.start(&["optimize", "--yes", "--catalog", &catalog]);
    Blocker::Writer.wait_until_it_holds(place.server, &place.database);
    writer.sql("COMMIT");
    place.ended(running).expect_code(0);
    assert!(place.is_valid("idx_app"));
    place.run_by(&app, &["undo", "--all", "--yes"]).expect_code(0);
    assert_eq!(place.server.dump("owner"), before);
    assert_eq!(application.waits(place.server), Vec::<String>::new());
    place.holds();
}

/// A session that could not be cancelled could not be supervised: both are of one role.
#[test]
fn f103_the_watchdog_can_cancel_what_it_watches() {
    let mut place = Place::new("f103");
    let app = place.as_role("app");
    let mut writer = place.session();
    writer.sql(&Blocker::Writer.sql().replace("big", "apptab"));
    let catalog = place.catalog(&[index_app()]);
    let running = app.start(&["optimize", "--yes", "--catalog", &catalog]);
    Blocker::Writer.wait_until_it_holds(place.server, &place.database);
    let roles = "SELECT count(DISTINCT usename) || ' ' || bool_or(rolsuper) FROM pg_stat_activity JOIN pg_roles ON rolname = usename \
                 WHERE datname = current_database() AND application_name LIKE 'pgtailor%'";
    assert_eq!(place.sql(roles), "1 false");
    running.signal("INT");
    pgtailor_testkit::blocker::wait_for("the build is cancelled", "", || place.phase());
    writer.sql("COMMIT");
    place.ended(running).expect_code(2);
    assert_eq!(place.indexes_of("apptab"), "");
    place.holds();
}

/// What cannot have an index, or must not have ours, is left out with a reason.
#[test]
fn f104_only_ordinary_tables_get_indexes() {
    let mut place = Place::new("f104");
    place.sql(
        "CREATE VIEW a_view AS SELECT * FROM big; CREATE EXTENSION file_fdw; CREATE SERVER files FOREIGN DATA WRAPPER file_fdw; \
         CREATE FOREIGN TABLE a_foreign (a int) SERVER files OPTIONS (filename '/dev/null')",
    );
    place.begin();
    let mut temporary = place.session();
    temporary.sql("CREATE TEMP TABLE a_temporary (a int)");
    let schema =
        temporary.ask("SELECT nspname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE relname = 'a_temporary'");
    for (table, schema) in [("a_view", "public"), ("a_foreign", "public"), ("a_temporary", &schema), ("pg_class", "pg_catalog")] {
        let columns = if table == "pg_class" { r#"["relpages"]"# } else { r#"["a"]"# };
        let declared = entry("idx_kind", table, columns) + &format!("schema = \"{schema}\"\n");
        let run = place.run(&place.building(&[declared]));
        assert_eq!(run.code, Some(2), "{table}\n{}\n{}", run.out, run.err);
        assert!(printed(&run).contains(table), "{}\n{}", run.out, run.err);
    }
    assert_eq!(place.sql("SELECT count(*) FROM pg_class WHERE relname = 'idx_kind'"), "0");
    drop(temporary);
    place.holds();
}

/// What an extension owns is lost at its next upgrade.
#[test]
fn f105_tables_of_an_extension_are_left_alone() {
    let mut place = Place::new("f105");
    place.sql("CREATE EXTENSION hstore; CREATE TABLE theirs (a int); ALTER EXTENSION hstore ADD TABLE theirs");
    place.begin();
    let run = place.run(&place.building(&[entry("idx_theirs", "theirs", r#"["a"]"#)]));
    assert_eq!(place.indexes_of("theirs"), "", "{}", run.out);
    assert_eq!(run.code, Some(2), "{}\n{}", run.out, run.err);
    place.holds();
}

/// Plans under row-level security are those of somebody who sees nothing.
#[test]
fn f102_statements_on_tables_with_row_security_are_not_planned_for_advice() {
    let mut place = Place::new("f102");
    place.sql(
        "ALTER TABLE big ENABLE ROW LEVEL SECURITY; CREATE POLICY none ON big USING (false); GRANT SELECT ON big TO mallory; \
         GRANT pg_read_all_stats TO mallory",
    );
    place.begin();
    let sql = place.path("workload.sql");
    std::fs::write(&sql, "SELECT * FROM big WHERE a = 5;\n").expect("the folder is ours");
    let mallory = place.as_role("mallory");
    let run = place.run_by(&mallory, &["workload", "--costs", "--workload", sql.to_str().expect("UTF-8"), "--format", "json"]);
    assert!(!run.out.contains("One-Time Filter"), "{}", run.out);
    assert!(!run.out.contains("\"cost\":0.0"), "a cost of nothing is no cost:\n{}", run.out);
    place.sql("REVOKE pg_read_all_stats FROM mallory");
    place.holds();
}

#[test]
fn roles_of_the_suite_are_not_superusers() {
    let place = Place::new("roles");
    for role in big::ROLES {
        assert_eq!(place.sql(&format!("SELECT rolsuper FROM pg_roles WHERE rolname = '{role}'")), "f");
    }
    let mut place = place;
    place.run(&place.building(&[index_a()])).expect_code(0);
    place.holds();
}
