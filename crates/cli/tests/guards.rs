//! The guards of the moment on a real server: each in trouble and without, as a dry run shows it and as a run heeds it.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::time::Duration;

use pgtailor::model::change::{Carried, Change, ChangeClass};
use pgtailor::model::index::IndexDefinition;
use pgtailor::model::name::{Oid, QualifiedName};
use pgtailor::model::quantity::{Quantity, Unit};
use pgtailor::model::rollout::Estimate;
use pgtailor::{Database, DropEvidence, Request, Rules, plan};
use pgtailor_testkit::program::{Program, Run};
use pgtailor_testkit::server::Server;
use pgtailor_testkit::session::Session;
use pgtailor_testkit::wait_until;
use serde_json::Value;

/// A build that writes enough WAL to matter.
const LARGE: f64 = 100.0 * 1024.0 * 1024.0;
const SCHEMA: &str = "CREATE TABLE t (a int, b int); INSERT INTO t SELECT g, g FROM generate_series(1, 1000) g; \
     CREATE INDEX t_b ON t (b); CREATE TABLE other (a int); INSERT INTO other VALUES (1)";
/// What `pgtailor doctor --role apply` gives, on a table of that owner; and a role without the right to see what others do.
const ROLES: &str = "CREATE ROLE app; ALTER TABLE t OWNER TO app; ALTER TABLE other OWNER TO app; \
     GRANT CREATE, USAGE ON SCHEMA public TO app; GRANT CREATE ON DATABASE postgres TO app; \
     CREATE ROLE sees LOGIN PASSWORD 'x' IN ROLE app, pg_monitor; CREATE ROLE blind LOGIN PASSWORD 'x' IN ROLE app";

struct Fixture {
    server: Server,
    folder: tempfile::TempDir,
    url: String,
}

impl Fixture {
    /// A server, and pgtailor as the smallest role that may apply.
    fn new(settings: &[(&str, &str)]) -> Self {
        let server = Server::with_settings(settings);
        server.sql("postgres", SCHEMA);
        server.sql("postgres", ROLES);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let url = url_of(&server, "sees");
        Self { server, folder, url }
    }

    fn sql(&self, sql: &str) -> String {
        self.server.sql("postgres", sql)
    }

    fn session(&self, sql: &str) -> Session {
        let mut session = Session::open(&self.server, "postgres");
        session.sql(sql);
        session
    }

    fn oid(&self, relation: &str) -> Oid {
        Oid(self.sql(&format!("SELECT '{relation}'::regclass::oid")).parse().expect("an OID"))
    }

    fn create(&self) -> Change {
        let table = QualifiedName::new("public", "t");
        let definition = IndexDefinition::btree(["a"]);
        Change::CreateIndex { table, table_oid: self.oid("t"), name: "t_a".to_owned(), definition, carries: Carried::default() }
    }

    fn on_t_b(&self, class: ChangeClass) -> Change {
        let table = QualifiedName::new("public", "t");
        let (table_oid, index_oid, name) = (self.oid("t"), self.oid("t_b"), "t_b".to_owned());
        let definition = IndexDefinition::btree(["b"]);
        match class {
            ChangeClass::DropIndex => {
                Change::DropIndex { table, table_oid, name, index_oid, definition, carries: Carried::default() }
            }
            _ => Change::RebuildIndex { table, table_oid, name, index_oid, definition, size: None },
        }
    }

    /// Writes a rollout of one change that is estimated at `size` bytes, and gives it to `pgtailor apply`.
    fn apply(&self, change: Change, size: Option<f64>, arguments: &[&str]) -> Run {
        let database = Database::from_url(&self.server.lab.url("postgres")).expect("an address");
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let snapshot = runtime.block_on(pgtailor::capture(&database)).expect("a snapshot");
        let estimate = Estimate { size: size.map(|size| Quantity::estimated(size, Unit::Bytes)), duration: None };
        let request = Request { change, reason: "a test wants it".to_owned(), estimate };
        let evidence = DropEvidence { unused_for: Duration::ZERO, ..DropEvidence::default() };
        let mut rollout = plan(&[request], &snapshot, &Rules { evidence, ..Rules::allowing(ChangeClass::ALL.into()) });
        assert!(rollout.left_out.is_empty(), "{:?}", rollout.left_out);
        rollout.steps.truncate(1);
        let path = self.folder.path().join("rollout.json");
        pgtailor::write_rollout(&rollout, &snapshot, &path).expect("written");
        let all = ChangeClass::ALL.map(ChangeClass::name).join(",");
        let mut all_arguments = vec!["apply", path.to_str().expect("UTF-8"), "--allow", &all, "--unused-for", "1ms"];
        all_arguments.extend(arguments);
        Program::new(env!("CARGO_BIN_EXE_pgtailor")).on(&self.url).run(&all_arguments)
    }

    /// The first step of a dry run.
    fn dry(&self, change: Change, size: Option<f64>, arguments: &[&str]) -> Value {
        let mut all = vec!["--dry-run", "--format", "json"];
        all.extend(arguments);
        let run = self.apply(change, size, &all).expect_code(0);
        let report: Value = serde_json::from_str(&run.out).expect("JSON");
        report["rollout"]["steps"][0].clone()
    }

    /// The same as another role.
    fn dry_as(&self, role: &str, change: Change) -> Value {
        self.dry(change, None, &[]);
        let path = self.folder.path().join("rollout.json").display().to_string();
        let program = Program::new(env!("CARGO_BIN_EXE_pgtailor")).on(&url_of(&self.server, role));
        let all = ChangeClass::ALL.map(ChangeClass::name).join(",");
        let run = program.run(&["apply", &path, "--allow", &all, "--dry-run", "--format", "json"]).expect_code(0);
        let report: Value = serde_json::from_str(&run.out).expect("JSON");
        report["rollout"]["steps"][0].clone()
    }

    /// Runs SQL that waits for others, but not for ever: a test that fails must end.
    fn waiting(&self, sql: &str) -> bool {
        let url = format!("{}?options=-c%20lock_timeout%3D100s", self.server.lab.url("postgres"));
        self.server.try_sql(&url, sql).status.success()
    }

    /// What the guard `name` says of a large build.
    fn says(&self, name: &str) -> (String, String) {
        answer(&self.dry(self.create(), Some(LARGE), &[]), name)
    }

    fn is_refused(&self, name: &str, because: &str) {
        let (answer, reason) = self.says(name);
        assert!(answer == "refuses" && reason.contains(because), "{name} {answer}: {reason}");
        let run = self.apply(self.create(), Some(LARGE), &["--yes", "--max-wait", "0s"]).expect_code(2);
        assert!(shows(&run, because), "{}\n{}", run.out, run.err);
        assert_eq!(self.sql("SELECT to_regclass('t_a') IS NULL"), "t", "nothing was sent");
        assert_eq!(self.sql("SELECT count(*) FROM pgtailor.change"), "0", "nothing was written down");
    }

    fn passes(&self, name: &str) {
        let (answer, reason) = self.says(name);
        assert_eq!(answer, "passes", "{name}: {reason}");
    }
}

fn url_of(server: &Server, role: &str) -> String {
    let url = server.lab.url("postgres");
    let (_, after) = url.split_once('@').expect("a user in the address");
    format!("postgresql://{role}:x@{after}")
}

/// Whether the report says so, wherever its lines break.
fn shows(run: &Run, words: &str) -> bool {
    run.out.split_whitespace().collect::<Vec<_>>().join(" ").contains(words)
}

fn answer(step: &Value, name: &str) -> (String, String) {
    let guards = step["guards"].as_array().unwrap_or_else(|| panic!("no guards: {step:#}"));
    let guard = guards.iter().find(|guard| guard["name"] == name).unwrap_or_else(|| panic!("no guard {name}: {guards:?}"));
    let text = |key: &str| guard[key].as_str().unwrap_or_default().to_owned();
    (text("answer"), text("reason"))
}

#[test]
fn on_a_healthy_server_every_guard_passes_and_the_dry_run_says_it_in_a_line() {
    let mut fixture = Fixture::new(&[]);
    for (role, class) in [
        ("sees", ChangeClass::CreateIndex),
        ("sees", ChangeClass::DropIndex),
        ("sees", ChangeClass::Reindex),
        ("blind", ChangeClass::CreateIndex),
        ("blind", ChangeClass::Reindex),
    ] {
        fixture.url = url_of(&fixture.server, role);
        let change = if class == ChangeClass::CreateIndex { fixture.create() } else { fixture.on_t_b(class) };
        let step = fixture.dry(change.clone(), None, &[]);
        let guards = step["guards"].as_array().expect("guards");
        let names: BTreeSet<&str> = guards.iter().filter_map(|guard| guard["name"].as_str()).collect();
        assert_eq!(names, pgtailor::guard_names().collect(), "every guard is asked");
        for name in names {
            assert_eq!(answer(&step, name), ("passes".to_owned(), String::new()), "{name}");
        }
        assert!(step["waits_for"].is_null(), "{step:#}");
        let shown = fixture.apply(change, None, &["--dry-run"]).expect_code(0);
        let line = format!("{} pass", pgtailor::guard_names().count());
        assert!(shown.out.lines().any(|shown| shown.trim().starts_with("guards") && shown.ends_with(&line)), "{}", shown.out);
    }
}

#[test]
fn a_pause_holds_everything_until_it_is_taken_away() {
    let fixture = Fixture::new(&[]);
    fixture.sql("COMMENT ON DATABASE postgres IS 'shop; pgtailor: pause until Friday'");
    fixture.is_refused("pause", "until Friday");
    fixture.sql("COMMENT ON DATABASE postgres IS NULL; COMMENT ON TABLE t IS 'pgtailor: pause here'");
    fixture.is_refused("pause", "the comment of the table");
    fixture.sql("COMMENT ON TABLE t IS NULL; COMMENT ON TABLE other IS 'pgtailor: pause'");
    fixture.passes("pause");
    fixture.apply(fixture.create(), Some(LARGE), &["--yes"]).expect_code(0);
}

#[test]
fn who_is_in_the_way_depends_on_the_operation() {
    let fixture = Fixture::new(&[]);
    let waits = |change: Change| {
        let step = fixture.dry(change, None, &["--max-wait", "0s"]);
        answer(&step, "blockers").0 == "refuses" && step["waits_for"]["whom"].as_str().is_some_and(|whom| whom.contains("psql"))
    };
    let asked = || [fixture.create(), fixture.on_t_b(ChangeClass::DropIndex), fixture.on_t_b(ChangeClass::Reindex)].map(waits);
    assert_eq!(asked(), [false, false, false]);
    let reader = fixture.session("BEGIN; SELECT a FROM t LIMIT 1");
    assert_eq!(asked(), [false, true, true], "an idle reader holds up no build");
    drop(reader);
    let writer = fixture.session("BEGIN; UPDATE t SET a = a WHERE a = 5");
    assert_eq!(asked(), [true, true, true]);
    drop(writer);
    let snapshot = fixture.session("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT a FROM other LIMIT 1");
    assert_eq!(asked(), [true, false, true], "a drop waits for no snapshot");
    drop(snapshot);
    fixture.sql("CREATE DATABASE elsewhere");
    let mut elsewhere = Session::open(&fixture.server, "elsewhere");
    elsewhere.sql("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1");
    let _other_table = fixture.session("BEGIN; UPDATE other SET a = a");
    assert_eq!(asked(), [false, false, false], "another database and another table are no matter");
}

#[test]
fn a_young_transaction_is_waited_for_and_named() {
    let fixture = Fixture::new(&[]);
    let _writer = fixture.session("BEGIN; UPDATE t SET a = a WHERE a = 5");
    let step = fixture.dry(fixture.create(), None, &[]);
    assert_eq!(answer(&step, "blockers").0, "passes", "{step:#}");
    assert!(step["waits_for"]["whom"].as_str().is_some_and(|whom| whom.contains("idle in transaction")), "{step:#}");
    assert!(step["waits_for"]["seconds"].is_u64(), "{step:#}");
    let run = fixture.apply(fixture.create(), None, &["--yes", "--max-wait", "0s"]).expect_code(2);
    assert!(shows(&run, "it would wait for session"), "{}", run.out);
    assert_eq!(fixture.sql("SELECT count(*) FROM pgtailor.change"), "0");
}

#[test]
fn a_prepared_transaction_is_named_by_its_identifier() {
    let fixture = Fixture::new(&[("max_prepared_transactions", "2")]);
    fixture.sql("BEGIN; UPDATE other SET a = a; PREPARE TRANSACTION 'elsewhere'");
    let says = || answer(&fixture.dry(fixture.create(), None, &["--max-wait", "0s"]), "blockers");
    assert_eq!(says().0, "passes");
    fixture.sql("BEGIN; UPDATE t SET a = a WHERE a = 5; PREPARE TRANSACTION 'it''s here'");
    let (answer, reason) = says();
    assert!(answer == "refuses" && reason.contains("prepared transaction 'it's here' of postgres"), "{answer}: {reason}");
    fixture.sql("ROLLBACK PREPARED 'it''s here'");
    assert_eq!(says().0, "passes");
}

#[test]
fn a_role_that_may_not_see_says_so_and_guesses_nothing() {
    let mut fixture = Fixture::new(&[]);
    fixture.url = url_of(&fixture.server, "blind");
    let healthy = fixture.dry(fixture.create(), Some(LARGE), &[]);
    for name in pgtailor::guard_names() {
        assert_eq!(answer(&healthy, name).0, "passes", "{name}");
    }
    let writer = fixture.session("BEGIN; UPDATE t SET a = a WHERE a = 5");
    let step = fixture.dry(fixture.create(), Some(LARGE), &[]);
    let (said, reason) = answer(&step, "blockers");
    assert!(said == "unknown" && reason.contains("pg_read_all_stats"), "{said}: {reason}");
    assert!(step["waits_for"]["whom"].is_string() && step["waits_for"]["seconds"].is_null(), "{step:#}");
    drop(writer);
    fixture.apply(fixture.create(), Some(LARGE), &["--yes"]).expect_code(0);
}

#[test]
fn a_lock_that_conflicts_is_seen_and_one_that_does_not_is_no_matter() {
    let fixture = Fixture::new(&[]);
    let says = || answer(&fixture.dry(fixture.create(), None, &["--max-wait", "0s"]), "table-lock");
    let weak = fixture.session("BEGIN; LOCK TABLE t IN ROW EXCLUSIVE MODE");
    assert_eq!(says().0, "passes");
    drop(weak);
    let _strong = fixture.session("BEGIN; LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE");
    let (answer, reason) = says();
    assert!(answer == "refuses" && reason.contains("the table is locked by session"), "{answer}: {reason}");
}

#[test]
fn nothing_is_begun_beside_another_build_of_the_same_table() {
    let fixture = Fixture::new(&[]);
    let _writer = fixture.session("BEGIN; UPDATE t SET a = a WHERE a = 5");
    std::thread::scope(|scope| {
        let build = scope.spawn(|| fixture.waiting("CREATE INDEX CONCURRENTLY theirs ON t (a)"));
        let waits = "SELECT count(*) FROM pg_stat_progress_create_index WHERE phase = 'waiting for writers before build'";
        wait_until("their build waits", || fixture.sql(waits) == "1");
        for role in ["sees", "blind"] {
            let (said, reason) = answer(&fixture.dry_as(role, fixture.create()), "table-lock");
            assert!(said == "refuses" && reason.contains("builds an index on the table"), "{role}: {said}: {reason}");
        }
        let run = fixture.apply(fixture.create(), None, &["--yes"]).expect_code(2);
        assert!(shows(&run, "builds an index on the table"), "{}", run.out);
        fixture.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction'");
        assert!(build.join().expect("it ends"), "their build was not harmed");
    });
    assert_eq!(fixture.server.invalid_indexes("postgres"), "");
}

#[test]
fn a_vacuum_against_wraparound_is_let_finish() {
    let fixture = Fixture::new(&[("autovacuum_naptime", "1s"), ("autovacuum_freeze_max_age", "100000")]);
    // A vacuum that pauses after every page.
    fixture.sql(
        "ALTER TABLE t SET (autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1, autovacuum_enabled = off); \
         INSERT INTO t SELECT g, g FROM generate_series(1, 300000) g",
    );
    fixture.passes("wraparound-vacuum");
    // Each block with a handler is a subtransaction, and takes a number when it writes.
    fixture.sql(
        "CREATE TABLE burned (a int); DO $$ BEGIN FOR i IN 1..101000 LOOP \
         BEGIN INSERT INTO burned VALUES (i); EXCEPTION WHEN others THEN NULL; END; END LOOP; END $$",
    );
    let works = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'autovacuum: VACUUM%public.t (to prevent wraparound)'";
    wait_until("the vacuum works", || fixture.sql(works) == "1");
    for role in ["sees", "blind"] {
        let (said, reason) = answer(&fixture.dry_as(role, fixture.create()), "wraparound-vacuum");
        assert!(said == "refuses" && reason.contains("must finish first"), "{role}: {said}: {reason}");
    }
    assert_eq!(fixture.sql(works), "1", "nobody has ended it");
}

#[test]
fn a_database_that_is_behind_with_freezing_gets_no_build() {
    let fixture = Fixture::new(&[]);
    fixture.passes("transaction-age");
    fixture.sql(
        "UPDATE pg_database SET datfrozenxid = ((txid_current() % 4294967296 + 4294967296 - 600000000) % 4294967296)::text::xid \
         WHERE datname = 'postgres'",
    );
    fixture.is_refused("transaction-age", "transactions old");
    let drop = fixture.dry(fixture.on_t_b(ChangeClass::DropIndex), None, &[]);
    assert_eq!(answer(&drop, "transaction-age").0, "passes", "a drop holds no snapshot");
}

#[test]
fn space_is_what_a_person_says_or_enough_for_little() {
    let fixture = Fixture::new(&[]);
    let says = |size, arguments: &[&str]| answer(&fixture.dry(fixture.create(), Some(size), arguments), "space");
    assert_eq!(says(LARGE, &[]).0, "passes");
    let (said, reason) = says(LARGE * 20.0, &[]);
    assert!(said == "refuses" && reason.contains("--free-space"), "{said}: {reason}");
    assert_eq!(says(LARGE * 20.0, &["--free-space", "10GB"]).0, "passes");
    assert_eq!(says(LARGE, &["--free-space", "200MB"]).0, "refuses", "the sort needs as much again");
    assert_eq!(says(LARGE, &["--free-space", "200MB", "--despite", "space"]).0, "overruled");
    let run = fixture.apply(fixture.create(), Some(LARGE), &["--yes", "--free-space", "200MB"]).expect_code(2);
    assert!(shows(&run, "of --free-space are left"), "{}", run.out);
    fixture.apply(fixture.create(), Some(LARGE), &["--yes", "--free-space", "200MB", "--despite", "space"]).expect_code(0);
}

#[test]
fn a_limit_of_temporary_files_is_seen_before_the_sort_meets_it() {
    let fixture = Fixture::new(&[("temp_file_limit", "50MB")]);
    fixture.is_refused("temporary-files", "temp_file_limit");
    let small = fixture.dry(fixture.create(), Some(1000.0), &[]);
    assert_eq!(answer(&small, "temporary-files").0, "passes");
}

#[test]
fn a_slot_that_nobody_reads_stops_a_build_that_writes_much() {
    let fixture = Fixture::new(&[("wal_level", "logical"), ("max_slot_wal_keep_size", "150MB")]);
    fixture.passes("replication-slots");
    fixture.sql("SELECT pg_create_physical_replication_slot('forgotten', true)");
    fixture.is_refused("replication-slots", "slot forgotten");
    let small = fixture.dry(fixture.create(), Some(1000.0), &[]);
    assert_eq!(answer(&small, "replication-slots").0, "remarks", "a small build is no matter, and the slot is named");
    fixture.sql("SELECT pg_drop_replication_slot('forgotten')");
    fixture.passes("replication-slots");
    fixture.apply(fixture.create(), Some(LARGE), &["--yes"]).expect_code(0);
}

#[test]
fn while_wal_is_not_archived_nothing_large_is_built() {
    let fixture = Fixture::new(&[("archive_mode", "on"), ("archive_command", "false")]);
    fixture.sql("SELECT pg_switch_wal()");
    wait_until("archiving has failed", || fixture.sql("SELECT failed_count > 0 FROM pg_stat_archiver") == "t");
    fixture.is_refused("archiver", "could not be archived");
    fixture.sql("ALTER SYSTEM SET archive_command = 'true'");
    fixture.sql("SELECT pg_reload_conf()");
    wait_until("archiving works", || {
        fixture.sql("SELECT pg_switch_wal()");
        fixture.sql("SELECT last_archived_time > last_failed_time FROM pg_stat_archiver") == "t"
    });
    fixture.passes("archiver");
}

#[test]
fn without_its_synchronous_standby_nothing_is_sent() {
    let fixture = Fixture::new(&[("synchronous_commit", "on")]);
    fixture.passes("synchronous-standby");
    fixture.sql("ALTER SYSTEM SET synchronous_standby_names = 'nope'");
    fixture.sql("SELECT pg_reload_conf()");
    wait_until("the setting is in force", || fixture.sql("SHOW synchronous_standby_names") == "nope");
    fixture.is_refused("synchronous-standby", "commits wait for 1");
    let analyze = Change::Analyze { table: QualifiedName::new("public", "t"), table_oid: fixture.oid("t") };
    assert_eq!(answer(&fixture.dry(analyze, None, &[]), "synchronous-standby").0, "refuses", "every change commits");
}

#[test]
fn a_busy_server_is_waited_for_and_then_let_alone() {
    let fixture = Fixture::new(&[]);
    fixture.passes("load");
    // In another database, where nothing that they do is waited for.
    let url = format!("{}?options=-c%20lock_timeout%3D100s", fixture.server.create_database("elsewhere"));
    let mut holder = Session::open(&fixture.server, "elsewhere");
    holder.sql("SELECT pg_advisory_lock(1)");
    std::thread::scope(|scope| {
        for _ in 0..26 {
            scope.spawn(|| fixture.server.try_sql(&url, "SELECT pg_advisory_xact_lock(1)"));
        }
        let running =
            "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_advisory_xact_lock(1)' AND state = 'active'";
        wait_until("they run", || fixture.sql(running) == "26");
        fixture.is_refused("load", "26 statements run at once");
        let waits = scope.spawn(|| fixture.apply(fixture.create(), Some(LARGE), &["--yes"]));
        wait_until("the program is at its guards", || {
            fixture.sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgtailor: builder'") == "1"
        });
        fixture.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'elsewhere'");
        waits.join().expect("it ends").expect_code(0);
    });
    assert_eq!(fixture.sql("SELECT to_regclass('t_a') IS NULL"), "f", "the load has passed, and the index was built");
}

#[test]
fn event_triggers_are_named_and_stop_nothing() {
    let fixture = Fixture::new(&[]);
    fixture.sql(
        "CREATE FUNCTION nothing() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; \
         CREATE EVENT TRIGGER frozen ON ddl_command_start WHEN TAG IN ('CREATE INDEX') EXECUTE FUNCTION nothing()",
    );
    let says = |change| answer(&fixture.dry(change, None, &[]), "event-triggers");
    let (said, reason) = says(fixture.create());
    assert!(said == "remarks" && reason.contains("frozen"), "{said}: {reason}");
    assert_eq!(says(fixture.on_t_b(ChangeClass::Reindex)).0, "remarks", "who freezes builds means this one, too");
    assert_eq!(says(fixture.on_t_b(ChangeClass::DropIndex)).0, "passes");
    fixture.apply(fixture.create(), None, &["--yes"]).expect_code(0);
    fixture.sql("ALTER EVENT TRIGGER frozen DISABLE");
    assert_eq!(says(fixture.on_t_b(ChangeClass::Reindex)).0, "passes");
}

#[test]
fn a_build_gives_way_to_a_queue_that_forms_behind_it() {
    let fixture = Fixture::new(&[]);
    let mut writer = fixture.session("BEGIN; UPDATE t SET a = a WHERE a = 5");
    std::thread::scope(|scope| {
        let build = scope.spawn(|| fixture.apply(fixture.create(), None, &["--yes"]));
        let waits = "SELECT count(*) FROM pg_stat_progress_create_index WHERE phase = 'waiting for writers before build'";
        wait_until("the build waits", || fixture.sql(waits) == "1");
        // A change of the table waits for the build, and the application for the change.
        let change = scope.spawn(|| fixture.waiting("ALTER TABLE t ADD c int"));
        let queued = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 't'::regclass";
        wait_until("the change queues", || fixture.sql(queued) == "1");
        let application = scope.spawn(|| fixture.waiting("SELECT count(*) FROM t"));
        wait_until("the application queues", || fixture.sql(queued) == "2");
        // What the build left waits for the same writer, so that it goes once the build has given way.
        wait_until("the build gave way", || fixture.sql("SELECT count(*) FROM pg_stat_progress_create_index") == "0");
        writer.sql("COMMIT");
        assert!(change.join().expect("it ends") && application.join().expect("it ends"));
        let run = build.join().expect("it ends").expect_code(2);
        assert!(shows(&run, "waited for it") && run.err.contains("waits for it"), "{}\n{}", run.out, run.err);
    });
    let again = fixture.apply(fixture.create(), None, &["--yes"]).expect_code(0);
    assert_eq!(fixture.server.invalid_indexes("postgres"), "", "{}", again.out);
}

#[test]
fn a_build_gives_way_when_the_disk_fills_beyond_what_was_said_to_be_free() {
    let fixture = Fixture::new(&[]);
    let mut writer = fixture.session("BEGIN; UPDATE t SET a = a WHERE a = 5");
    std::thread::scope(|scope| {
        let build = scope.spawn(|| fixture.apply(fixture.create(), Some(1000.0), &["--yes", "--free-space", "40MB"]));
        let waits = "SELECT count(*) FROM pg_stat_progress_create_index WHERE phase = 'waiting for writers before build'";
        wait_until("the build waits", || fixture.sql(waits) == "1");
        let begun = "SELECT sum(size) FROM pg_ls_waldir()";
        let at_first: u64 = fixture.sql(begun).parse().expect("bytes");
        wait_until("the build gave way", || {
            // Each switch begins a new segment of 16 MB, until what is kept is far beyond.
            if fixture.sql(begun).parse::<u64>().expect("bytes") < at_first + (200 << 20) {
                fixture.sql("CREATE TABLE filler (a int); DROP TABLE filler; SELECT pg_switch_wal()");
            }
            fixture.sql("SELECT count(*) FROM pg_stat_progress_create_index") == "0"
        });
        writer.sql("COMMIT");
        let run = build.join().expect("it ends").expect_code(2);
        assert!(shows(&run, "of --free-space were left"), "{}\n{}", run.out, run.err);
    });
    assert_eq!(fixture.server.invalid_indexes("postgres"), "");
}

#[test]
fn a_longer_wait_shows_in_the_limits_and_lets_old_transactions_be() {
    let fixture = Fixture::new(&[]);
    let _writer = fixture.session("BEGIN; UPDATE t SET a = a WHERE a = 5");
    let step = |wait| fixture.dry(fixture.create(), None, &["--max-wait", wait]);
    assert_eq!(step("2h")["limits"]["wait_ms"], 7_200_000);
    assert_eq!(answer(&step("2h"), "blockers").0, "passes");
    assert_eq!(answer(&step("0s"), "blockers").0, "refuses");
    let wrong = fixture.apply(fixture.create(), None, &["--despite", "nonsense", "--dry-run"]);
    assert!(wrong.code == Some(2) && wrong.err.contains("blockers"), "the names are listed: {}", wrong.err);
}

#[test]
fn taking_back_is_guarded_and_foretold_as_well() {
    let fixture = Fixture::new(&[]);
    fixture.apply(fixture.create(), None, &["--yes"]).expect_code(0);
    let reader = fixture.session("BEGIN; SELECT a FROM t LIMIT 1");
    let undo = |arguments: &[&str]| {
        let mut all = vec!["undo", "--all", "--max-wait", "0s"];
        all.extend(arguments);
        Program::new(env!("CARGO_BIN_EXE_pgtailor")).on(&fixture.url).run(&all)
    };
    let dry = undo(&["--dry-run", "--format", "json"]).expect_code(0);
    let report: Value = serde_json::from_str(&dry.out).expect("JSON");
    assert_eq!(answer(&report["steps"][0], "blockers").0, "refuses", "{report:#}");
    let run = undo(&["--yes"]).expect_code(2);
    assert!(shows(&run, "it would wait for session"), "{}", run.out);
    assert_eq!(fixture.sql("SELECT indisvalid FROM pg_index WHERE indexrelid = 't_a'::regclass"), "t", "it is as it was");
    drop(reader);
    undo(&["--yes"]).expect_code(0);
    assert_eq!(fixture.sql("SELECT to_regclass('t_a') IS NULL"), "t");
}

/// A receiver of WAL: to the server it is a standby that writes and never replays.
struct Receiver(std::process::Child);

impl Receiver {
    fn start(fixture: &Fixture) -> Self {
        let mut command = Command::new(fixture.server.lab.binaries().join("pg_receivewal"));
        command.args(["--synchronous", "--no-loop", "-D"]).arg(fixture.folder.path());
        command.args(["-d", &fixture.server.lab.url("postgres")]);
        let receiver = Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("pg_receivewal is installed"));
        wait_until("it receives", || fixture.sql("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'") == "1");
        receiver
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.0.id().to_string()]).status().expect("kill is installed");
        assert!(status.success(), "no signal {name}");
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_standby_that_lags_stops_large_builds_until_it_has_caught_up() {
    let fixture = Fixture::new(&[("wal_level", "replica"), ("wal_keep_size", "1GB"), ("wal_sender_timeout", "0")]);
    let standby = Receiver::start(&fixture);
    fixture.passes("replication-lag");
    standby.signal("STOP");
    let behind = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), flush_lsn) > 300 * 1024 * 1024 FROM pg_stat_replication";
    wait_until("it is behind", || {
        fixture.sql("CREATE TABLE filler (a int); DROP TABLE filler; SELECT pg_switch_wal()");
        fixture.sql(behind) == "t"
    });
    fixture.is_refused("replication-lag", "of WAL behind");
    let small = fixture.dry(fixture.create(), Some(1000.0), &[]);
    assert_eq!(answer(&small, "replication-lag").0, "passes", "a small build is no matter");
    let despite = fixture.dry(fixture.create(), Some(LARGE), &["--despite", "replication-lag"]);
    assert_eq!(answer(&despite, "replication-lag").0, "overruled");
    standby.signal("CONT");
    wait_until("it has caught up", || fixture.sql(behind) == "f");
    fixture.apply(fixture.create(), Some(LARGE), &["--yes"]).expect_code(0);
}

#[test]
fn a_synchronous_standby_that_is_there_lets_everything_pass_and_one_that_is_hidden_is_unknown() {
    let mut fixture = Fixture::new(&[("wal_level", "replica"), ("synchronous_commit", "on")]);
    let _standby = Receiver::start(&fixture);
    fixture.sql("ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (pg_receivewal)'");
    fixture.sql("SELECT pg_reload_conf()");
    wait_until("it is synchronous", || fixture.sql("SELECT sync_state FROM pg_stat_replication") == "quorum");
    fixture.passes("synchronous-standby");
    fixture.url = url_of(&fixture.server, "blind");
    let (said, reason) = fixture.says("synchronous-standby");
    assert!(said == "unknown" && reason.contains("pg_read_all_stats"), "{said}: {reason}");
    let (said, reason) = fixture.says("replication-lag");
    assert!(said == "unknown" && reason.contains("pg_read_all_stats"), "{said}: {reason}");
    fixture.apply(fixture.create(), Some(LARGE), &["--yes"]).expect_code(0);
}
