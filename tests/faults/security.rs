//! N: security.
//!
//! Planning a statement executes code with the planner's rights, and an error of the server's quotes data. The traps here are set by
//! `mallory`, who may only create in `public`; each is sprung by hand first, so that a trap that does not work fails the test.

use std::path::Path;

use pgtailor_testkit::big::CANARY;

use crate::place::{Place, entry, printed, server};

/// A function of mallory's that seems harmless, and does what `sql` says when the planner folds it.
fn trap(place: &Place<'_>, sql: &str) {
    place.sql(&format!(
        "SET ROLE mallory; \
         CREATE FUNCTION public.deed() RETURNS int VOLATILE LANGUAGE plpgsql AS $f$ BEGIN {sql}; RETURN 7; EXCEPTION WHEN insufficient_privilege THEN RETURN 7; END $f$; \
         CREATE FUNCTION public.wrap(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $f$ BEGIN RETURN public.deed(); END $f$"
    ));
}

/// A file of statements.
fn statements(place: &Place<'_>, text: &str) -> String {
    let path = place.path("workload.sql");
    std::fs::write(&path, text).expect("the folder is ours");
    path.to_str().expect("UTF-8").to_owned()
}

/// Everything that looks at statements, as the superuser.
fn look(place: &mut Place<'_>, path: &str) {
    let snapshot = place.path("snapshot");
    let snapshot = snapshot.to_str().expect("UTF-8");
    place.run(&["workload", "--costs", "--workload", path]);
    place.run(&["workload", "--costs", "--format", "json", "--workload", path]);
    place.run(&["capture", "-o", snapshot]).expect_code(0);
    place.run(&["check"]);
    place.run(&["doctor"]);
}

#[test]
fn f119_planning_gives_nobody_our_rights() {
    let mut place = Place::new("f119");
    trap(&place, "CREATE ROLE evil_admin SUPERUSER");
    place.begin();
    let path =
        statements(&place, "SELECT * FROM big WHERE id = wrap(7);\nSELECT * FROM other WHERE v = public.wrap(1) AND id = 3;\n");
    look(&mut place, &path);
    let is_there = "SELECT count(*) FROM pg_roles WHERE rolname = 'evil_admin'";
    assert_eq!(place.sql(is_there), "0", "the attacker's function ran as the superuser");
    place.holds();
    assert_eq!(
        place.sql(&format!("EXPLAIN SELECT * FROM big WHERE id = wrap(7); {is_there}")).lines().last(),
        Some("1"),
        "the trap works"
    );
    place.sql("DROP ROLE evil_admin");
}

/// A read-only transaction stops no program of the operating system.
#[test]
fn f120_planning_runs_no_program() {
    let mut place = Place::new("f120");
    let proof = place.server.lab.data_folder().join("f120-was-here");
    trap(&place, &format!("COPY (SELECT 1) TO PROGRAM 'touch {}'", proof.display()));
    place.begin();
    let path = statements(&place, "SELECT * FROM big WHERE id = wrap(7);\n");
    look(&mut place, &path);
    assert!(!proof.exists(), "a program of the operating system was run");
    place.holds();
    place.sql("SET default_transaction_read_only = on; EXPLAIN SELECT * FROM big WHERE id = wrap(7)");
    assert!(proof.exists(), "the trap works");
}

/// The server's complaint about a constant quotes the table that the constant was made of.
#[test]
fn f121_errors_of_the_planner_are_not_repeated() {
    let mut place = Place::new("f121");
    place.sql(&format!("CREATE TABLE secrets AS SELECT '{CANARY}' AS s; GRANT SELECT ON ALL TABLES IN SCHEMA public TO app"));
    place.begin();
    let text = "SELECT * FROM other WHERE id = (table_to_xml('secrets', false, false, '')::text)::int";
    let path = statements(&place, &format!("{text};\n"));
    let app = place.as_role("app");
    let run = place.run_by(&app, &["workload", "--costs", "--workload", &path]);
    place.run_by(&app, &["workload", "--costs", "--format", "json", "--workload", &path]);
    look(&mut place, &path);
    assert!(!run.out.contains("<row") && !run.err.contains("<row"), "{}\n{}", run.out, run.err);
    place.holds();
    assert!(place.refusal(&format!("EXPLAIN {text}")).contains(CANARY), "the trap works");
}

#[test]
fn f122_a_text_is_one_statement_and_is_never_run() {
    let mut place = Place::new("f122");
    let path = statements(
        &place,
        "(analyze) delete from other;\n\nSELECT 1; DELETE FROM other;\n\nANALYZE VERBOSE other;\n\nDELETE FROM other;\n\n\
         SELECT v FROM other WHERE id = 1; DROP TABLE other; --\n\nDO $$ BEGIN DELETE FROM other; END $$;\n\nEXPLAIN ANALYZE DELETE FROM other;\n",
    );
    look(&mut place, &path);
    assert_eq!(place.sql("SELECT count(*) FROM other"), "1000");
    place.holds();
}

/// What "read-only" does not forbid, least of all to a superuser: nothing of it is done, and no transaction of ours gets a number.
#[test]
fn f123_reading_commands_take_no_transaction_number() {
    let own = server(&[("autovacuum", "off"), ("log_statement", "all")]);
    let mut place = Place::on(&own, "f123");
    let maintenance = "SELECT string_agg(concat_ws(' ', relname, last_analyze, last_vacuum, n_tup_ins, n_tup_upd, n_tup_del), ',' ORDER BY relname) \
                       FROM pg_stat_user_tables";
    let next = "SELECT pg_snapshot_xmax(pg_current_snapshot())";
    let checkpoints = "SELECT timeline_id || ' ' || redo_lsn FROM pg_control_checkpoint()";
    let before = (place.sql(maintenance), place.sql(next), place.sql(checkpoints), own.dump_all("f123"));
    let path = statements(&place, "SELECT * FROM big WHERE a = 5;\nUPDATE other SET v = 1 WHERE id = 2;\n");
    let catalog = place.catalog(&[crate::place::index_a()]);
    let rollout = place.path("rollout.json");
    let rollout = rollout.to_str().expect("UTF-8").to_owned();
    look(&mut place, &path);
    place.run(&["history"]).expect_code(0);
    place.run(&["optimize", "--analyze-only", "--catalog", &catalog]);
    place.run(&["optimize", "--dry-run", "--catalog", &catalog, "--output", &rollout]).expect_code(0);
    place.run(&["apply", &rollout, "--dry-run"]).expect_code(0);
    place.run(&["undo", "--all", "--dry-run"]);
    for role in ["read", "apply"] {
        place.run(&["doctor", "--role", role]).expect_code(0);
    }
    assert_eq!((place.sql(maintenance), place.sql(next), place.sql(checkpoints), own.dump_all("f123")), before);
    place.holds();
}

/// Utility statements stand in `pg_stat_statements` as they were typed, passwords included.
#[test]
fn f124_secrets_of_utility_statements_are_neither_shown_nor_kept() {
    let own = server(&[("shared_preload_libraries", "pg_stat_statements"), ("compute_query_id", "on")]);
    let mut place = Place::on(&own, "f124");
    place.sql("CREATE EXTENSION pg_stat_statements");
    place.sql(&format!("CREATE ROLE sec PASSWORD '{CANARY}'"));
    place.sql(&format!("SELECT count(*) FROM big WHERE e = '{CANARY}'"));
    place.sql(&format!("DO $$ BEGIN PERFORM '{CANARY}'; END $$"));
    assert!(place.sql("SELECT string_agg(query, ' ') FROM pg_stat_statements").contains(CANARY), "the server keeps it");
    place.begin();
    let snapshot = place.path("snapshot");
    let snapshot = snapshot.to_str().expect("UTF-8").to_owned();
    place.run(&["workload"]).expect_code(0);
    place.run(&["workload", "--format", "json"]).expect_code(0);
    place.run(&["check", "--format", "json"]);
    place.run(&["capture", "--statistics", "none", "-o", &snapshot]);
    let exists = Path::new(&snapshot).exists();
    assert!(exists, "a capture was made");
    let unpacked = std::process::Command::new("gzip").args(["-dc", &snapshot]).output().expect("gzip is installed");
    assert!(unpacked.status.success());
    let text = String::from_utf8_lossy(&unpacked.stdout);
    assert!(text.contains("big") && !text.contains(CANARY), "the capture keeps the secret");
    place.holds();
}

/// Code in an index is run by whoever builds it, as the owner of the table: never with our rights.
#[test]
fn f125_code_in_an_index_of_somebody_else_does_not_get_our_rights() {
    let mut place = Place::new("f125");
    place.sql(
        "CREATE TABLE seen (who text); GRANT INSERT ON seen TO PUBLIC; SET ROLE mallory; CREATE TABLE lure (a int); \
         ALTER TABLE lure SET (autovacuum_enabled = off); INSERT INTO lure SELECT generate_series(1, 100); \
         CREATE FUNCTION public.deed() RETURNS int VOLATILE LANGUAGE plpgsql AS $f$ BEGIN INSERT INTO public.seen VALUES (current_user); RETURN 7; END $f$; \
         CREATE FUNCTION public.wrap(a int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $f$ BEGIN RETURN a + 0 * public.deed(); END $f$; \
         CREATE INDEX theirs ON lure (wrap(a))",
    );
    place.sql("TRUNCATE seen");
    place.begin();
    let declared = entry("idx_lure", "lure", r#"[{ expression = "public.wrap(a + 1)" }]"#);
    let run = place.run(&place.building(&[declared]));
    let who = place.sql("SELECT coalesce(string_agg(DISTINCT who, ' '), '') FROM seen");
    assert!(who.is_empty() || who == "mallory", "it ran as {who}\n{}", printed(&run));
    place.sql("TRUNCATE seen");
    place.holds();
}
