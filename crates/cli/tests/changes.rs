//! Every kind of change: carried out, seen in the catalog, taken back to what was there before.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pgtailor::model::change::{Carried, Change, ChangeClass, Replaced, StatisticsDefinition, StatisticsKind};
use pgtailor::model::index::IndexDefinition;
use pgtailor::model::name::{Oid, QualifiedName};
use pgtailor::model::rollout::Estimate;
use pgtailor::{Database, DropEvidence, Request, Rules, plan};
use pgtailor_testkit::probe::{self, Probe};
use pgtailor_testkit::program::{Program, Run};
use pgtailor_testkit::server::Server;

struct Fixture {
    server: Server,
    folder: tempfile::TempDir,
}

impl Fixture {
    fn new(sql: &str) -> Self {
        let server = Server::with_settings(probe::SETTINGS);
        server.sql("postgres", sql);
        Self { server, folder: tempfile::tempdir().expect("a temporary folder") }
    }

    fn sql(&self, sql: &str) -> String {
        self.server.sql("postgres", sql)
    }

    fn oid(&self, relation: &str) -> Oid {
        Oid(self.sql(&format!("SELECT '{relation}'::regclass::oid")).parse().expect("an OID"))
    }

    fn table(&self, name: &str) -> (QualifiedName, Oid) {
        (QualifiedName::new("public", name), self.oid(name))
    }

    fn pgtailor(&self, arguments: &[&str]) -> Run {
        Program::new(env!("CARGO_BIN_EXE_pgtailor")).on(&self.server.lab.url("postgres")).run(arguments)
    }

    /// Plans `changes` as the library does, and carries them out as a person does.
    fn apply(&self, changes: Vec<Change>) -> Run {
        let database = Database::from_url(&self.server.lab.url("postgres")).expect("an address");
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let snapshot = runtime.block_on(pgtailor::capture(&database)).expect("a snapshot");
        let requests: Vec<Request> = changes
            .into_iter()
            .map(|change| Request { change, reason: "a test wants it".to_owned(), estimate: Estimate::default() })
            .collect();
        let evidence = DropEvidence { unused_for: Duration::ZERO, ..DropEvidence::default() };
        let rollout = plan(&requests, &snapshot, &Rules { evidence, ..Rules::allowing(ChangeClass::ALL.into()) });
        assert!(rollout.left_out.is_empty(), "{:?}", rollout.left_out);
        let path = self.folder.path().join("rollout.json");
        pgtailor::write_rollout(&rollout, &snapshot, &path).expect("written");
        let all = ChangeClass::ALL.map(ChangeClass::name).join(",");
        self.pgtailor(&["apply", path.to_str().expect("UTF-8"), "--yes", "--allow", &all, "--unused-for", "1ms"])
    }

    fn undo(&self) -> Run {
        self.pgtailor(&["undo", "--all", "--yes"])
    }

    /// Everything that a change could change, ours left out.
    fn state(&self) -> String {
        let statistics = self.sql(
            "SELECT string_agg(format('%s %s %s', attrelid::regclass, attname, attstattarget), E'\\n' ORDER BY relname, attnum) \
             FROM pg_attribute JOIN pg_class c ON c.oid = attrelid WHERE attnum > 0 AND relnamespace = 'public'::regnamespace",
        );
        let marks = self.sql(
            "SELECT string_agg(format('%s %s %s', indexrelid::regclass, indisvalid, indisclustered), E'\\n' ORDER BY indexrelid::regclass::text) \
             FROM pg_index JOIN pg_class c ON c.oid = indrelid WHERE c.relnamespace = 'public'::regnamespace",
        );
        let conf = std::fs::read_to_string(self.server.lab.data_folder().join("postgresql.auto.conf")).expect("readable");
        format!("{}\n{statistics}\n{marks}\n{conf}", self.server.dump("postgres"))
    }
}

const PARTITIONED: &str = "CREATE TABLE events (id int, at date, kind text) PARTITION BY RANGE (at); \
     CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01'); \
     CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01') PARTITION BY LIST (kind); \
     CREATE TABLE events_2025_a PARTITION OF events_2025 FOR VALUES IN ('a'); \
     CREATE TABLE events_2025_rest PARTITION OF events_2025 DEFAULT; \
     INSERT INTO events SELECT g, date '2024-01-01' + g % 700, CASE WHEN g % 3 = 0 THEN 'a' ELSE 'b' END FROM generate_series(1, 3000) g";

fn index_on(fixture: &Fixture, table: &str, name: &str, definition: IndexDefinition) -> Change {
    let (table, table_oid) = fixture.table(table);
    Change::CreateIndex { table, table_oid, name: name.to_owned(), definition, carries: Carried::default() }
}

#[test]
fn a_partitioned_table_gets_its_index_partition_by_partition() {
    let fixture = Fixture::new(PARTITIONED);
    let before = fixture.state();
    let probe = Probe::begin(
        &fixture.server,
        "postgres",
        &["SELECT count(*) FROM events", "INSERT INTO events VALUES (1, '2025-05-05', 'a')", "DELETE FROM events WHERE id = -1"],
    );
    let change = || vec![index_on(&fixture, "events", "events_id_idx", IndexDefinition::btree(["id"]))];
    fixture.apply(change()).expect_code(0);
    assert_eq!(fixture.server.invalid_indexes("postgres"), "", "the whole turned valid with the last part");
    let parts = "SELECT count(*) FROM pg_partition_tree('events_id_idx') WHERE isleaf";
    assert_eq!(fixture.sql(parts), "3");
    let again = fixture.apply(change()).expect_code(0);
    assert!(again.out.contains("same definition"), "{}", again.out);

    fixture.sql("CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')");
    assert_eq!(fixture.sql(parts), "4", "a partition that is made later has it, too");
    fixture.sql("DROP TABLE events_2026");
    fixture.undo().expect_code(0);
    assert_eq!(fixture.state(), before);
    assert_eq!(fixture.sql("SELECT string_agg(DISTINCT state, ' ') FROM pgtailor.change WHERE undoes IS NULL AND change ->> 'change' <> 'analyze'"), "rolled-back");
    assert_eq!(probe.waits(&fixture.server), Vec::<String>::new(), "the application waited");
}

#[test]
fn an_index_is_built_anew_in_place() {
    let fixture = Fixture::new(
        "CREATE TABLE t (a int PRIMARY KEY, b int); INSERT INTO t SELECT g, g FROM generate_series(1, 5000) g; \
         CREATE INDEX t_b ON t (b); COMMENT ON INDEX t_b IS 'mine'; DELETE FROM t WHERE a % 10 <> 0",
    );
    fixture.sql("VACUUM t");
    let before = fixture.state();
    let pages = "SELECT sum(pg_relation_size(indexrelid)) FROM pg_index WHERE indrelid = 't'::regclass";
    let large: u64 = fixture.sql(pages).parse().expect("bytes");
    let rebuild = |name: &str, column: &str, unique: bool| {
        let (table, table_oid) = fixture.table("t");
        let definition = IndexDefinition { unique, ..IndexDefinition::btree([column]) };
        Change::RebuildIndex { table, table_oid, name: name.to_owned(), index_oid: fixture.oid(name), definition, size: None }
    };
    fixture.apply(vec![rebuild("t_b", "b", false), rebuild("t_pkey", "a", true)]).expect_code(0);
    let small: u64 = fixture.sql(pages).parse().expect("bytes");
    assert!(small * 2 < large, "{large} bytes before, {small} after");
    assert_eq!(fixture.state(), before);
    let alone = fixture.pgtailor(&["undo", "1", "--yes"]);
    alone.expect_error(&["entry 1 cannot be taken back", "same index"]);
}

#[test]
fn a_dropped_index_comes_back_with_all_that_it_carried() {
    let fixture = Fixture::new(
        "CREATE TABLE t (a int, b text); INSERT INTO t SELECT g, g FROM generate_series(1, 1000) g; \
         CREATE INDEX t_a ON t (lower(b), a DESC) INCLUDE (b) WITH (fillfactor = 70, deduplicate_items = off) WHERE a > 5; \
         ALTER INDEX t_a ALTER COLUMN 1 SET STATISTICS 321; COMMENT ON INDEX t_a IS 'it''s \"kept\"'",
    );
    let before = fixture.state();
    let database = Database::from_url(&fixture.server.lab.url("postgres")).expect("an address");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let snapshot = runtime.block_on(pgtailor::capture(&database)).expect("a snapshot");
    let index = &snapshot.catalog.tables[0].indexes[0];
    assert_eq!(index.carries.comment, None, "comments stay where they are");
    let (table, table_oid) = fixture.table("t");
    let change = Change::DropIndex {
        table,
        table_oid,
        name: index.name.clone(),
        index_oid: index.oid,
        definition: index.definition.clone().expect("read"),
        carries: index.carries.clone(),
    };
    fixture.apply(vec![change]).expect_code(0);
    assert_ne!(fixture.state(), before);
    fixture.undo().expect_code(0);
    assert_eq!(fixture.state(), before);
    assert_eq!(fixture.sql("SELECT state FROM pgtailor.change WHERE id = 1"), "rolled-back");
}

#[test]
fn statistics_are_declared_and_collected() {
    let fixture = Fixture::new(
        "CREATE TABLE t (a int, b int, c int); INSERT INTO t SELECT g % 100, g % 10, g FROM generate_series(1, 1000) g",
    );
    let before = fixture.state();
    let (table, table_oid) = fixture.table("t");
    let definition = StatisticsDefinition {
        columns: BTreeSet::from(["a".to_owned(), "b".to_owned()]),
        kinds: BTreeSet::from([StatisticsKind::NDistinct, StatisticsKind::Dependencies]),
    };
    let declare = Change::CreateStatistics { table: table.clone(), table_oid, name: "t_a_b".to_owned(), definition };
    let target = Change::SetStatisticsTarget { table, table_oid, column: "c".to_owned(), from: None, to: Some(500) };
    fixture.apply(vec![declare.clone(), target.clone()]).expect_code(0);
    assert_eq!(fixture.sql("SELECT count(*) FROM pg_statistic_ext_data WHERE stxdndistinct IS NOT NULL"), "1", "analyzed, too");
    assert_eq!(fixture.sql("SELECT attstattarget FROM pg_attribute WHERE attrelid = 't'::regclass AND attname = 'c'"), "500");
    let again = fixture.apply(vec![declare, target]).expect_code(0);
    assert!(again.out.contains("already"), "{}", again.out);
    fixture.undo().expect_code(0);
    assert_eq!(fixture.state(), before);
}

#[test]
fn storage_parameters_are_set_and_given_back() {
    let fixture = Fixture::new("CREATE TABLE t (a int) WITH (fillfactor = 90)");
    let before = fixture.state();
    let change = |from: &str| {
        let (table, table_oid) = fixture.table("t");
        let replaced =
            |from: Option<&str>, to: Option<&str>| Replaced { from: from.map(str::to_owned), to: to.map(str::to_owned) };
        let parameters = BTreeMap::from([
            ("fillfactor".to_owned(), replaced(Some(from), None)),
            ("autovacuum_vacuum_scale_factor".to_owned(), replaced(None, Some("0.02"))),
        ]);
        vec![Change::SetStorageParameters { table, table_oid, parameters }]
    };
    let stale = fixture.apply(change("80")).expect_code(2);
    assert!(stale.out.contains("fillfactor of table t is 90, and was 80"), "{}", stale.out);
    fixture.apply(change("90")).expect_code(0);
    assert_eq!(fixture.sql("SELECT reloptions FROM pg_class WHERE relname = 't'"), "{autovacuum_vacuum_scale_factor=0.02}");
    fixture.undo().expect_code(0);
    assert_eq!(fixture.state(), before);
}

#[test]
fn a_setting_is_in_force_and_its_former_entry_comes_back() {
    let fixture = Fixture::new("ALTER SYSTEM SET work_mem = '5MB'");
    fixture.sql("SELECT pg_reload_conf()");
    let before = fixture.state();
    let set = |name: &str, from: Option<&str>, to: Option<&str>| Change::SetParameter {
        name: name.to_owned(),
        value: Replaced { from: from.map(str::to_owned), to: to.map(str::to_owned) },
    };
    fixture.apply(vec![set("work_mem", Some("5120kB"), Some("16MB")), set("random_page_cost", None, Some("1.1"))]).expect_code(0);
    assert_eq!(fixture.sql("SHOW work_mem"), "16MB");
    assert_eq!(fixture.sql("SHOW random_page_cost"), "1.1");
    let stale = fixture.apply(vec![set("work_mem", Some("5MB"), Some("8MB"))]).expect_code(2);
    assert!(stale.out.contains("set by somebody else"), "{}", stale.out);
    let same = fixture.apply(vec![set("work_mem", None, Some("16384kB"))]).expect_code(0);
    assert!(same.out.contains("set to this already"), "{}", same.out);
    fixture.undo().expect_code(0);
    assert_eq!(fixture.state(), before);
    assert_eq!(fixture.sql("SHOW random_page_cost"), "4");
    assert_eq!(fixture.sql("SHOW work_mem"), "5MB");
}

#[test]
fn a_role_that_may_make_no_schema_keeps_its_ledger_in_a_file() {
    let fixture = Fixture::new(
        "CREATE ROLE tailor LOGIN PASSWORD 'x'; GRANT CREATE ON SCHEMA public TO tailor; CREATE TABLE t (a int); ALTER TABLE t OWNER TO tailor; \
         GRANT pg_monitor TO tailor",
    );
    let before = fixture.state();
    let path = |name: &str| fixture.folder.path().join(name).display().to_string();
    let catalog = path("indexes.toml");
    std::fs::write(&catalog, "[[index]]\nname = \"by_a\"\ntable = \"t\"\ncolumns = [\"a\"]\n").expect("written");
    let url = format!("postgres://tailor:x@127.0.0.1:{}/postgres", fixture.server.lab.port());
    let pgtailor = |arguments: &[&str]| Program::new(env!("CARGO_BIN_EXE_pgtailor")).on(&url).run(arguments);
    let refused = pgtailor(&["optimize", "--catalog", &catalog, "--yes"]);
    refused.expect_error(&["GRANT CREATE ON DATABASE postgres TO tailor", "--ledger FILE", "42501"]);
    let ledger = path("ledger");
    pgtailor(&["optimize", "--catalog", &catalog, "--yes", "--ledger", &ledger]).expect_code(0);
    assert_eq!(fixture.sql("SELECT indisvalid FROM pg_index WHERE indexrelid = 'by_a'::regclass"), "t");
    assert_eq!(fixture.sql("SELECT count(*) FROM pg_namespace WHERE nspname = 'pgtailor'"), "0");
    let history = pgtailor(&["history", "--ledger", &ledger]).expect_code(0);
    assert!(history.out.contains("create index by_a on t"), "{}", history.out);
    pgtailor(&["undo", "--all", "--yes", "--remove-ledger", "--ledger", &ledger]).expect_code(0);
    assert_eq!(fixture.state(), before);
    assert!(!std::path::Path::new(&ledger).exists());
}

#[test]
fn a_vacuum_is_seen_in_the_counters() {
    let fixture = Fixture::new("CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 100); DELETE FROM t");
    let (table, table_oid) = fixture.table("t");
    let change = || vec![Change::Vacuum { table: table.clone(), table_oid, freeze: false }];
    fixture.apply(change()).expect_code(0);
    assert_eq!(fixture.sql("SELECT vacuum_count FROM pg_stat_user_tables WHERE relname = 't'"), "1");
    let mut other = pgtailor_testkit::session::Session::open(&fixture.server, "postgres");
    other.sql("BEGIN; LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE");
    let skipped = fixture.apply(change()).expect_code(2);
    assert!(skipped.out.contains("skipped the table"), "{}", skipped.out);
}
