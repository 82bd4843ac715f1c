//! What becomes of requested changes.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use pgtailor_model::activity::{Activity, IndexActivity};
use pgtailor_model::catalog::{Catalog, Column, Constraint, ConstraintKind, Index, Table, TableKind};
use pgtailor_model::change::{Carried, Change, ChangeClass, Replaced};
use pgtailor_model::index::IndexDefinition;
use pgtailor_model::name::{Oid, QualifiedName};
use pgtailor_model::quantity::{Quantity, Unit};
use pgtailor_model::rollout::{Estimate, Inverse, Lock, Rollout, RolloutFile};
use pgtailor_model::snapshot::{Capabilities, Server, Snapshot};
use pgtailor_model::unit::{Bytes, Pages, Rows};
use pgtailor_rollout::{Counters, DropEvidence, FileError, Request, Rules, file_of, plan, requests_of};
use std::time::Duration;

fn table(oid: u32, name: &str) -> Table {
    Table {
        owner: "app_owner".to_owned(),
        estimated_rows: Some(Rows(1000)),
        pages: Pages(10),
        columns: vec![Column::new(1, "a", "integer"), Column::new(2, "b", "integer")],
        ..Table::new(Oid(oid), QualifiedName::new("public", name))
    }
}

fn snapshot() -> Snapshot {
    Snapshot {
        snapshot_version: 1,
        captured_at: Timestamp::UNIX_EPOCH,
        server: Server {
            version: 150_018,
            version_text: "15.18".to_owned(),
            database: "shop".to_owned(),
            database_oid: 5,
            system_identifier: None,
            block_size: 8192,
            in_recovery: false,
            started_at: None,
        },
        capabilities: Capabilities {
            role: "tailor".to_owned(),
            superuser: false,
            create_in_database: true,
            read_all_stats: true,
            read_all_settings: true,
            create_in_schemas: vec!["public".to_owned()],
            extensions: BTreeMap::new(),
            available_extensions: BTreeMap::new(),
        },
        settings: BTreeMap::new(),
        catalog: Catalog { tables: vec![table(1, "orders"), table(2, "users")], ..Catalog::default() },
        activity: Activity::default(),
        planner: None,
        not_examined: Vec::new(),
    }
}

fn create(table_oid: u32, table: &str, definition: IndexDefinition) -> Request {
    Request {
        change: Change::CreateIndex {
            table: QualifiedName::new("public", table),
            table_oid: Oid(table_oid),
            name: format!("idx_{table}"),
            definition,
            carries: Carried::default(),
        },
        reason: "it is declared".to_owned(),
        estimate: Estimate::default(),
    }
}

fn usual(requests: &[Request], snapshot: &Snapshot) -> Rollout {
    plan(requests, snapshot, &Rules::usual())
}

fn only_reason(rollout: &Rollout) -> &str {
    assert!(rollout.steps.is_empty(), "{:?}", rollout.steps);
    &rollout.left_out.first().expect("something was left out").reason
}

#[test]
fn a_column_that_is_not_there_is_named() {
    let rollout = usual(&[create(1, "orders", IndexDefinition::btree(["a", "c"]))], &snapshot());
    assert_eq!(only_reason(&rollout), "table orders has no column c");
}

#[test]
fn a_build_carries_its_lock_its_limits_and_its_inverse() {
    let rollout = usual(&[create(1, "orders", IndexDefinition::btree(["a"]))], &snapshot());
    let step = &rollout.steps[0];
    assert_eq!(step.sql, "CREATE INDEX CONCURRENTLY idx_orders ON public.orders (a)");
    assert_eq!(step.lock, Lock::ShareUpdateExclusive);
    assert_eq!(step.limits.lock_timeout, Duration::ZERO, "a lock timeout would leave an invalid index behind");
    assert_eq!(step.inverse, Inverse::Statement("DROP INDEX CONCURRENTLY public.idx_orders".to_owned()));
}

#[test]
fn analyze_follows_partial_indexes_once_a_table_and_after_all_builds() {
    let partial = IndexDefinition { predicate: Some("a IS NULL".to_owned()), ..IndexDefinition::btree(["a"]) };
    let requests = [
        create(1, "orders", partial.clone()),
        create(1, "orders", IndexDefinition { include: BTreeSet::from(["b".to_owned()]), ..partial }),
        create(2, "users", IndexDefinition::btree(["a"])),
    ];
    let sql: Vec<_> = usual(&requests, &snapshot()).steps.into_iter().map(|step| step.sql).collect();
    assert_eq!(sql.len(), 4, "{sql:?}");
    assert_eq!(sql[3], "ANALYZE public.orders");
}

#[test]
fn a_table_that_was_never_analyzed_is_analyzed_after_its_build() {
    let mut snapshot = snapshot();
    snapshot.catalog.tables[1].estimated_rows = None;
    let rollout = usual(&[create(2, "users", IndexDefinition::btree(["a"]))], &snapshot);
    assert_eq!(rollout.steps[1].sql, "ANALYZE public.users");
}

#[test]
fn a_class_that_is_not_allowed_is_left_out_with_its_switch() {
    let rules = Rules::allowing(BTreeSet::from([ChangeClass::Analyze]));
    let rollout = plan(&[create(1, "orders", IndexDefinition::btree(["a"]))], &snapshot(), &rules);
    assert!(only_reason(&rollout).contains("--allow create-index"));
}

#[test]
fn nothing_is_planned_on_a_standby() {
    let mut snapshot = snapshot();
    snapshot.server.in_recovery = true;
    assert!(only_reason(&usual(&[create(1, "orders", IndexDefinition::btree(["a"]))], &snapshot)).contains("standby"));
}

#[test]
fn versions_that_lose_rows_build_nothing() {
    for (version, refused) in [(140_003, true), (140_004, false), (130_001, true), (150_018, false)] {
        let mut snapshot = snapshot();
        snapshot.server.version = version;
        let rollout = usual(&[create(1, "orders", IndexDefinition::btree(["a"]))], &snapshot);
        assert_eq!(rollout.steps.is_empty(), refused, "{version}");
    }
}

#[test]
fn missing_rights_name_the_grant_that_helps() {
    let mut not_owner = snapshot();
    not_owner.catalog.tables[0].ours = false;
    let rollout = usual(&[create(1, "orders", IndexDefinition::btree(["a"]))], &not_owner);
    assert!(only_reason(&rollout).contains("GRANT app_owner TO tailor"));

    let mut no_create = snapshot();
    no_create.capabilities.create_in_schemas.clear();
    let rollout = usual(&[create(1, "orders", IndexDefinition::btree(["a"]))], &no_create);
    assert!(only_reason(&rollout).contains("GRANT CREATE ON SCHEMA public TO tailor"));
}

fn partition(oid: u32, name: &str, of: u32, rows: u64) -> Table {
    Table { partition_of: Some(Oid(of)), estimated_rows: Some(Rows(rows)), ..table(oid, name) }
}

/// `orders` in two partitions, the second with a partition of its own.
fn partitioned() -> Snapshot {
    let mut snapshot = snapshot();
    let whole = Table { kind: TableKind::Partitioned, ..table(1, "orders") };
    let half = Table { kind: TableKind::Partitioned, ..partition(4, "orders_b", 1, 0) };
    snapshot.catalog.tables = vec![whole, partition(3, "orders_a", 1, 300), half, partition(5, "orders_b_1", 4, 100)];
    snapshot
}

fn sql(rollout: &Rollout) -> Vec<&str> {
    rollout.steps.iter().map(|step| step.sql.as_str()).collect()
}

#[test]
fn an_index_on_a_partitioned_table_is_built_on_each_partition_and_attached() {
    let mut request = create(1, "orders", IndexDefinition::btree(["a"]));
    request.estimate.size = Some(Quantity::estimated(400.0, Unit::Bytes));
    let rollout = usual(&[request], &partitioned());
    assert_eq!(
        sql(&rollout),
        [
            "CREATE INDEX idx_orders ON ONLY public.orders (a)",
            "CREATE INDEX CONCURRENTLY orders_a_idx_orders ON public.orders_a (a)",
            "ALTER INDEX public.idx_orders ATTACH PARTITION public.orders_a_idx_orders",
            "CREATE INDEX orders_b_idx_orders ON ONLY public.orders_b (a)",
            "CREATE INDEX CONCURRENTLY orders_b_1_idx_orders ON public.orders_b_1 (a)",
            "ALTER INDEX public.orders_b_idx_orders ATTACH PARTITION public.orders_b_1_idx_orders",
            "ALTER INDEX public.idx_orders ATTACH PARTITION public.orders_b_idx_orders",
        ]
    );
    let sizes: Vec<f64> = rollout.steps.iter().filter_map(|step| Some(step.estimate.size?.value)).collect();
    assert_eq!(sizes, [300.0, 100.0], "the estimate is shared out by rows");
    assert!(rollout.steps.iter().all(|step| (step.limits.lock_timeout > Duration::ZERO) != step.sql.contains("CONCURRENTLY")));
}

#[test]
fn what_is_there_of_a_partitioned_index_is_not_built_again() {
    let mut snapshot = partitioned();
    let definition = IndexDefinition::btree(["a"]);
    let whole = Index { valid: false, size: Some(Bytes(0)), ..Index::new(Oid(10), "by_a", definition.clone()) };
    snapshot.catalog.tables[0].indexes.push(whole);
    let attached = Index { attached_to: Some(Oid(10)), ..Index::new(Oid(11), "orders_a_by_a", definition.clone()) };
    snapshot.catalog.tables[1].indexes.push(attached);
    snapshot.catalog.tables[3].indexes.push(Index::new(Oid(12), "by_hand", definition.clone()));
    let rollout = usual(&[create(1, "orders", definition)], &snapshot);
    assert_eq!(
        sql(&rollout),
        [
            "CREATE INDEX by_a ON ONLY public.orders (a)",
            "CREATE INDEX orders_b_by_a ON ONLY public.orders_b (a)",
            "ALTER INDEX public.orders_b_by_a ATTACH PARTITION public.by_hand",
            "ALTER INDEX public.by_a ATTACH PARTITION public.orders_b_by_a",
        ]
    );
}

#[test]
fn a_partition_that_is_not_ours_leaves_the_whole_out() {
    let mut snapshot = partitioned();
    snapshot.catalog.tables[3].ours = false;
    let rollout = usual(&[create(1, "orders", IndexDefinition::btree(["a"]))], &snapshot);
    assert!(only_reason(&rollout).contains("may not change table orders_b_1"), "{}", only_reason(&rollout));
}

#[test]
fn a_file_holds_nothing_that_does_not_follow_from_its_changes() {
    let mut snapshot = snapshot();
    let rollout = usual(&[create(1, "orders", IndexDefinition::btree(["a"]))], &snapshot);
    assert_eq!(file_of(&rollout, &snapshot), Err(FileError::UnknownServer));
    snapshot.server.system_identifier = Some("7312".to_owned());
    let file = file_of(&rollout, &snapshot).expect("the server says who it is");
    assert_eq!(requests_of(&file, &snapshot).map(|requests| usual(&requests, &snapshot)), Ok(rollout));

    let edited = |edit: &dyn Fn(&mut RolloutFile)| {
        let mut file = file.clone();
        edit(&mut file);
        requests_of(&file, &snapshot).expect_err("it was edited")
    };
    let step = |what| FileError::Edited { number: 1, what };
    assert_eq!(edited(&|file| file.rollout.steps[0].sql.push_str("; DROP TABLE orders")), step("statement"));
    assert_eq!(edited(&|file| file.rollout.steps[0].inverse = Inverse::Statement(String::new())), step("inverse"));
    assert_eq!(edited(&|file| file.rollout.steps[0].limits.lock_timeout = Duration::MAX), step("lock or limits"));
    assert_eq!(edited(&|file| file.rollout_version = 0), FileError::Version { found: 0 });
    let other = FileError::OtherServer { made_for: "shop".to_owned() };
    assert_eq!(edited(&|file| file.server_fingerprint = "7313/5".to_owned()), other);
}

fn wants(change: Change) -> Request {
    Request { change, reason: "somebody wants it".to_owned(), estimate: Estimate::default() }
}

#[test]
fn settings_are_set_from_a_list_and_within_bounds() {
    let rules = Rules::allowing(ChangeClass::ALL.into());
    let refusal = |name: &str, to: &str| {
        let value = Replaced { from: None, to: Some(to.to_owned()) };
        let rollout = plan(&[wants(Change::SetParameter { name: name.to_owned(), value })], &snapshot(), &rules);
        rollout.left_out.first().map_or_else(String::new, |left| left.reason.clone())
    };
    for (name, value) in [("work_mem", "64MB"), ("jit", "off"), ("checkpoint_timeout", "15min"), ("random_page_cost", "1.1")] {
        assert_eq!(refusal(name, value), "", "{name} = {value}");
    }
    for name in ["shared_preload_libraries", "listen_addresses", "max_connections", "archive_command", "fsync"] {
        assert!(refusal(name, "on").contains("not a parameter that is set unattended"), "{name}");
    }
    assert!(refusal("work_mem", "64GB").contains("between 64kB and 2GB"));
    assert!(refusal("work_mem", "much").contains("not to much"));
    assert!(refusal("autovacuum", "off").contains("one of on"));
    assert!(refusal("jit", "sometimes").contains("on or off"));
}

#[test]
fn storage_parameters_are_set_from_a_list_and_within_bounds() {
    let rules = Rules::allowing(ChangeClass::ALL.into());
    let refused = |name: &str, to: Option<&str>| {
        let value = Replaced { from: None, to: to.map(str::to_owned) };
        let parameters = BTreeMap::from([(name.to_owned(), value)]);
        let (table, table_oid) = (QualifiedName::new("public", "orders"), Oid(1));
        let rollout = plan(&[wants(Change::SetStorageParameters { table, table_oid, parameters })], &snapshot(), &rules);
        rollout.left_out.first().map_or_else(String::new, |left| left.reason.clone())
    };
    let refusal = |name: &str, to: &str| refused(name, Some(to));
    assert_eq!(refusal("fillfactor", "80"), "");
    assert_eq!(refused("autovacuum_enabled", None), "", "the table comes back to autovacuum");
    assert!(refusal("fillfactor", "5").contains("between 10 and 100"));
    assert!(refusal("autovacuum_enabled", "false").contains("unattended"));
    assert!(refusal("fillfactor", "1); DROP TABLE orders; --").contains("not to 1); DROP"));
}

#[test]
fn indexes_that_do_more_than_serve_queries_are_kept() {
    let evidence = DropEvidence { vouched: true, ..DropEvidence::default() };
    let rules = Rules { evidence, ..Rules::allowing(ChangeClass::ALL.into()) };
    let refusal = |index: Index| {
        let mut snapshot = watched(&[(9, 0)], 40);
        let definition = index.definition.clone().expect("it was made with one");
        snapshot.catalog.tables[0].indexes = vec![index];
        let change = Change::DropIndex {
            table: QualifiedName::new("public", "orders"),
            table_oid: Oid(1),
            name: "i".to_owned(),
            index_oid: Oid(9),
            definition,
            carries: Carried::default(),
        };
        let rollout = plan(&[wants(change)], &snapshot, &rules);
        rollout.left_out.first().map_or_else(String::new, |left| left.reason.clone())
    };
    let plain = || Index::new(Oid(9), "i", IndexDefinition::btree(["a"]));
    assert_eq!(refusal(plain()), "");
    let unique = IndexDefinition { unique: true, ..IndexDefinition::btree(["a"]) };
    assert!(refusal(Index::new(Oid(9), "i", unique)).contains("refuses duplicates"));
    let constraint = Constraint { name: "key".to_owned(), kind: ConstraintKind::PrimaryKey };
    assert!(refusal(Index { constraint: Some(constraint), ..plain() }).contains("constraint key"));
    assert!(refusal(Index { replica_identity: true, ..plain() }).contains("replica identity"));
    assert!(refusal(Index { clustered: true, ..plain() }).contains("clustered"));
    assert!(refusal(Index { attached_to: Some(Oid(8)), ..plain() }).contains("part of"));
}

/// A database whose counters of these indexes (OID, scans) reach back so many days; no standby reads from it.
fn watched(scans: &[(u32, u64)], days: i64) -> Snapshot {
    let mut snapshot = snapshot();
    snapshot.captured_at = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1_000 * 24);
    snapshot.activity.since = Some(snapshot.captured_at - SignedDuration::from_hours(days * 24));
    snapshot.activity.standbys = Some(0);
    let activity = |scans| IndexActivity { scans, ..IndexActivity::default() };
    snapshot.activity.indexes = scans.iter().map(|(oid, scans)| (Oid(*oid), activity(*scans))).collect();
    snapshot.catalog.tables[0].indexes = vec![Index::new(Oid(9), "i", IndexDefinition::btree(["a"]))];
    snapshot
}

fn dropping() -> Request {
    wants(Change::DropIndex {
        table: QualifiedName::new("public", "orders"),
        table_oid: Oid(1),
        name: "i".to_owned(),
        index_oid: Oid(9),
        definition: IndexDefinition::btree(["a"]),
        carries: Carried::default(),
    })
}

/// Why index 9 is not dropped, beside these other requests.
fn drop_refusal(snapshot: &Snapshot, beside: &[Request], evidence: DropEvidence) -> String {
    let requests = [beside, &[dropping()]].concat();
    let rules = Rules { evidence, ..Rules::allowing(ChangeClass::ALL.into()) };
    plan(&requests, snapshot, &rules).left_out.first().map_or_else(String::new, |left| left.reason.clone())
}

/// Everything that is left out when index 9 is to be dropped beside these other requests.
fn drop_refusals(snapshot: &Snapshot, beside: &[Request]) -> Vec<String> {
    let requests = [beside, &[dropping()]].concat();
    let left_out = plan(&requests, snapshot, &Rules::allowing(ChangeClass::ALL.into())).left_out;
    left_out.into_iter().map(|left| left.reason).collect()
}

#[test]
fn an_unused_index_goes_after_a_month() {
    let usual = || DropEvidence { vouched: true, ..DropEvidence::default() };
    assert_eq!(drop_refusal(&watched(&[(9, 0)], 31), &[], usual()), "");
    let young = drop_refusal(&watched(&[(9, 0)], 31), &[], DropEvidence::default());
    assert!(young.starts_with("no server records when an index was built, so index i may be younger than 31 days"), "{young}");
    let short = drop_refusal(&watched(&[(9, 0)], 30), &[], usual());
    assert_eq!(short, "index i was not scanned for 30 days, and must not be for 31 days; --unused-for accepts less");
    let less = DropEvidence { unused_for: Duration::from_hours(24), ..usual() };
    assert_eq!(drop_refusal(&watched(&[(9, 0)], 30), &[], less), "");
    assert!(drop_refusal(&watched(&[(9, 7)], 90), &[], usual()).contains("was scanned 7 times"));
    assert!(drop_refusal(&watched(&[], 90), &[], usual()).contains("no scan of index i is counted"));
}

#[test]
fn an_earlier_capture_shows_that_an_index_is_no_longer_used() {
    let snapshot = watched(&[(9, 7)], 90);
    let earlier = |scans: u64, days: i64| Counters {
        until: snapshot.captured_at - SignedDuration::from_hours(days * 24),
        scans: BTreeMap::from([(Oid(9), scans)]),
        ..Counters::of(&snapshot)
    };
    let refusal = |earlier| drop_refusal(&snapshot, &[], DropEvidence { earlier: vec![earlier], ..DropEvidence::default() });
    assert_eq!(refusal(earlier(7, 40)), "");
    assert!(refusal(earlier(7, 10)).contains("not scanned for 10 days"));
    assert!(refusal(earlier(6, 40)).contains("was scanned 7 times"));
    let reset = Counters { since: Some(snapshot.captured_at), ..earlier(7, 40) };
    assert!(refusal(reset).contains("was scanned 7 times"), "counting was begun anew meanwhile");
}

#[test]
fn an_index_goes_at_once_when_another_serves_all_that_it_serves() {
    let mut snapshot = watched(&[(9, 7)], 1);
    let wider = IndexDefinition::btree(["a", "b"]);
    assert_eq!(drop_refusal(&snapshot, &[create(1, "orders", wider.clone())], DropEvidence::default()), "", "one that is built");
    snapshot.catalog.tables[0].indexes.push(Index::new(Oid(10), "wider", wider.clone()));
    assert_eq!(drop_refusal(&snapshot, &[], DropEvidence::default()), "", "one that is there");
    let goes_too = wants(Change::DropIndex {
        table: QualifiedName::new("public", "orders"),
        table_oid: Oid(1),
        name: "wider".to_owned(),
        index_oid: Oid(10),
        definition: wider,
        carries: Carried::default(),
    });
    let both = drop_refusal(&snapshot, &[goes_too], DropEvidence::default());
    assert!(both.contains("no scan of index wider") || both.contains("was scanned 7 times"), "{both}");
}

#[test]
fn a_refused_build_replaces_nothing_and_drops_come_after_builds() {
    let mut snapshot = watched(&[(9, 7)], 90);
    let wider = || create(1, "orders", IndexDefinition::btree(["a", "b"]));
    snapshot.capabilities.create_in_schemas.clear();
    let refused = drop_refusals(&snapshot, &[wider()]);
    assert_eq!(refused.len(), 2, "the build is refused, and so is what rests on it: {refused:?}");
    assert!(refused[1].contains("was scanned 7 times"), "{refused:?}");

    let snapshot = watched(&[(9, 7)], 90);
    let rules = Rules::allowing(ChangeClass::ALL.into());
    let rollout = plan(&[dropping(), wider()], &snapshot, &rules);
    assert_eq!(
        sql(&rollout),
        ["CREATE INDEX CONCURRENTLY idx_orders ON public.orders (a, b)", "DROP INDEX CONCURRENTLY public.i"],
        "whatever the order of the requests"
    );
}

#[test]
fn every_standby_is_asked_before_an_unused_index_goes() {
    let mut snapshot = watched(&[(9, 0)], 90);
    snapshot.activity.standbys = Some(1);
    let standby = |scans: u64| Counters {
        server: "replica".to_owned(),
        scans: BTreeMap::from([(Oid(9), scans)]),
        ..Counters::of(&snapshot)
    };
    let refusal = |standbys| drop_refusal(&snapshot, &[], DropEvidence { standbys, vouched: true, ..DropEvidence::default() });
    assert!(refusal(Vec::new()).contains("1 read from this server, and 0 were looked at"));
    assert_eq!(refusal(vec![standby(0)]), "");
    assert!(refusal(vec![standby(3)]).contains("scanned 3 times on replica"));
    let young = Counters { since: Some(snapshot.captured_at), ..standby(0) };
    assert!(refusal(vec![young]).contains("not scanned on replica for 0 min"));
    snapshot.activity.standbys = None;
    assert!(drop_refusal(&snapshot, &[], DropEvidence::default()).contains("GRANT pg_monitor TO tailor"));
}
