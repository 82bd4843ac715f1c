//! I: space, the write-ahead log, durability, scale.

use pgtailor_testkit::blocker::wait_for;
use pgtailor_testkit::program::Running;

use crate::place::{Place, entry, index_a, printed, server};

/// Waits until the program has ended or hangs where it must not, and ends it; whether it ended by itself.
fn ends(place: &Place<'_>, running: &mut Running, hangs: &str) -> bool {
    let mut by_itself = true;
    wait_for("the program ends, or hangs", "true", || {
        if !running.is_running() {
            return "true".to_owned();
        }
        by_itself = place.sql(hangs) == "0";
        (!by_itself).to_string()
    });
    by_itself
}

/// The limit is seen before the sort meets it. A build that goes on spills to disk and is stopped there; what is left keeps its space
/// until it is dropped.
#[test]
fn f87_a_limit_on_temporary_files_leaves_nothing() {
    let mut place = Place::new("f87");
    place.sql("ALTER DATABASE f87 SET temp_file_limit = '100kB'; ALTER DATABASE f87 SET maintenance_work_mem = '1MB'");
    place.begin();
    let mut building = place.building(&[entry("idx_b", "big", r#"["b"]"#)]);
    let run = place.run(&building).expect_code(2);
    assert!(printed(&run).contains("temp_file_limit") && place.states().is_empty(), "{}", run.out);
    building.extend(["--despite", "temporary-files"].map(Into::into));
    let run = place.run(&building).expect_code(2);
    assert!(printed(&run).contains("53400"), "{}", run.out);
    assert_eq!(place.indexes_of("big"), "big_pkey 111\nbystander 111");
    assert_eq!(place.states(), "failed");
    place.holds();
}

/// A slot that nobody reads keeps every byte of the log; an index can fill the disk with it, and then the server does not come back.
#[test]
fn f88_an_inactive_slot_is_named_before_anything_is_built() {
    let own = server(&[]);
    let mut place = Place::on(&own, "f88");
    own.sql("postgres", "SELECT pg_create_physical_replication_slot('forgotten', true)");
    place.begin();
    let run = place.run(&place.building(&[index_a()]));
    assert!(printed(&run).contains("forgotten"), "the slot is not named\n{}\n{}", run.out, run.err);
    assert_eq!(place.sql("SELECT pg_is_in_recovery()"), "f");
    place.holds();
}

/// Every commit waits for a standby that is not there, and no timeout ends that wait.
#[test]
fn f89_a_synchronous_standby_that_is_gone_hangs_nothing() {
    let own = server(&[]);
    let place = Place::on(&own, "f89");
    own.sql("postgres", "ALTER SYSTEM SET synchronous_standby_names = 'nope'");
    own.sql("postgres", "SELECT pg_reload_conf()");
    // The lab is not durable by default: a commit waits only where it is written at all.
    place.sql("SET synchronous_commit = local; ALTER DATABASE f89 SET synchronous_commit = on");
    let mut running = place.start(&place.building(&[index_a()]));
    let hangs = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name LIKE 'pgtailor%' \
                 AND now() - query_start > interval '12 s'";
    let by_itself = ends(&place, &mut running, hangs);
    if !by_itself {
        running.signal("KILL");
    }
    let run = running.ended();
    own.sql("postgres", "ALTER SYSTEM RESET synchronous_standby_names");
    own.sql("postgres", "SELECT pg_reload_conf()");
    assert!(by_itself, "it hangs in a commit that nobody acknowledges\n{}\n{}", run.out, run.err);
    assert!(printed(&run).contains("synchronous"), "{}\n{}", run.out, run.err);
}

/// The intent is in the same log as the index: wherever the index is, the intent is.
#[test]
fn f90_a_crash_does_not_make_the_ledger_forget() {
    let mut own = server(&[("fsync", "on"), ("synchronous_commit", "on"), ("full_page_writes", "on")]);
    let url = {
        let mut place = Place::on(&own, "f90");
        place.build_a();
        let kept = place.sql("SELECT string_agg(relpersistence::text, '') FROM pg_class WHERE relnamespace = 'pgtailor'::regnamespace AND relkind = 'r'");
        assert_eq!(kept, "pp", "no unlogged table");
        // The database is set to lose commits; the ledger's are kept.
        place.sql("ALTER DATABASE f90 SET synchronous_commit = off");
        place.run(&place.building(&[index_a(), entry("idx_e", "big", r#"["e"]"#)])).expect_code(0);
        place.url.clone()
    };
    own.crash();
    let mut place = Place::at(&own, "f90", &url);
    assert_eq!(place.states(), "applied applied");
    place.run(&["undo", "--all", "--yes"]).expect_code(0);
    assert_eq!(place.indexes_of("big"), "big_pkey 111\nbystander 111");
}

/// A text that takes minutes to plan is given up on, and the rest is planned.
#[test]
fn f92_a_text_that_is_hard_to_plan_is_given_up() {
    let mut place = Place::new("f92");
    place.sql("ALTER DATABASE f92 SET join_collapse_limit = 30; ALTER DATABASE f92 SET from_collapse_limit = 30; ALTER DATABASE f92 SET geqo = off");
    place.begin();
    let tables: Vec<String> = (0..16).map(|n| format!("other o{n}")).collect();
    let joins: Vec<String> = (1..16).map(|n| format!("o{n}.v = o{}.v AND o{n}.v = o0.v", n - 1)).collect();
    let path = place.path("workload.sql");
    let text =
        format!("SELECT count(*) FROM {} WHERE {};\nSELECT * FROM big WHERE a = 5;\n", tables.join(", "), joins.join(" AND "));
    std::fs::write(&path, text).expect("the folder is ours");
    let run = place.run(&["workload", "--costs", "--workload", path.to_str().expect("UTF-8")]).expect_code(0);
    assert!(run.out.contains("big"), "{}", run.out);
    place.holds();
}

/// A build of ours takes no more memory and no more workers than it should. An event trigger sees the builder's settings from inside.
#[test]
fn f93_the_builder_is_modest_whatever_the_server_allows() {
    let mut place = Place::new("f93");
    place.sql(
        "ALTER DATABASE f93 SET maintenance_work_mem = '8GB'; ALTER DATABASE f93 SET max_parallel_maintenance_workers = 64; \
         CREATE TABLE seen (name text, setting text); \
         CREATE FUNCTION look() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN \
             INSERT INTO public.seen SELECT name, setting FROM pg_catalog.pg_settings; END $$; \
         CREATE EVENT TRIGGER looking ON ddl_command_start WHEN TAG IN ('CREATE INDEX') EXECUTE FUNCTION look()",
    );
    place.build_a();
    let seen = |name: &str| place.sql(&format!("SELECT DISTINCT setting FROM seen WHERE name = '{name}'"));
    for (name, wanted) in [
        ("lock_timeout", "0"),
        ("statement_timeout", "0"),
        ("idle_session_timeout", "0"),
        ("client_connection_check_interval", "5000"),
        ("search_path", "pg_catalog, pg_temp"),
    ] {
        assert_eq!(seen(name), wanted, "{name}");
    }
    let kilobytes: u64 = seen("maintenance_work_mem").parse().expect("a number");
    assert!(kilobytes <= 256 * 1024, "a build may take {kilobytes} kB of memory");
    let workers: u64 = seen("max_parallel_maintenance_workers").parse().expect("a number");
    assert!(workers <= 2, "a build may take {workers} workers");
}
