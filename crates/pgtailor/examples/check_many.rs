//! How long checks of a large database take: `cargo run --release --example check_many [TABLES [STATEMENTS]]`.
//!
//! Builds in memory what a capture of that many tables (10,000 unless said otherwise) with three indexes each would give: counters, column
//! statistics, foreign keys, sequences, partitions, and that many statements (5,000) as `pg_stat_statements` records them. Prints the seconds
//! of the checks alone and of all that `pgtailor check` does after its capture, the slowest checks, the findings, and this process's peak of
//! resident memory (`VmHWM`, Linux). Most tables have something wrong, so that checks do all their work.

#![expect(clippy::print_stdout, reason = "printing is what this program is for")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use pgtailor::checks::{ALL, Subject};
use pgtailor::model::activity::{Activity, DatabaseActivity, IndexActivity, Rest, StatementActivity, Statements, TableActivity};
use pgtailor::model::catalog::{
    Catalog, Column, ColumnStatistics, Constraint, ConstraintKind, ForeignKey, Index, ReferentialAction, Sequence, Table,
    TableKind,
};
use pgtailor::model::disuse::DropEvidence;
use pgtailor::model::index::IndexDefinition;
use pgtailor::model::name::{Oid, QualifiedName};
use pgtailor::model::snapshot::{Capabilities, SNAPSHOT_VERSION, Server, Setting, Snapshot};
use pgtailor::model::unit::{Bytes, Milliseconds, Pages, Rows};

type Failure = Box<dyn std::error::Error>;

/// What the checks may take, and what everything may.
const LIMIT: Duration = Duration::from_secs(2);

/// What this process may use at most, in kB, as Linux counts it.
const MEMORY_LIMIT: u64 = 500 * 1024;

/// Indexes of a table.
const INDEXES: u32 = 3;

/// Of so many tables that follow one another, the first of every tenth group is partitioned and the others are its partitions.
const GROUP: u32 = 20;

/// Rows and pages of a table.
const ROWS: u32 = 2_000_000;
const PAGES: u32 = 40_000;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let tables: u32 = arguments.next().map_or(Ok(10_000), |text| text.parse())?;
    let statements: u32 = arguments.next().map_or(Ok(5_000), |text| text.parse())?;
    let snapshot = snapshot(tables, statements)?;

    let (began, busy) = (Instant::now(), cpu_time()?);
    let analysis = pgtailor::examine(snapshot);
    let (examined, examined_busy) = (began.elapsed(), cpu_time()?.saturating_sub(busy));
    let memory = peak()?;

    let fresh_sizes = pgtailor::fresh_sizes(&analysis.snapshot);
    let drop_evidence = DropEvidence::usual();
    let subject = Subject {
        fresh_sizes: &fresh_sizes,
        drop_evidence: &drop_evidence,
        ..Subject::new(&analysis.snapshot, &analysis.workload)
    };
    let (began, busy) = (Instant::now(), cpu_time()?);
    let outcome = pgtailor::checks::run(&subject);
    let (checked, checked_busy) = (began.elapsed(), cpu_time()?.saturating_sub(busy));

    let mut slowest: Vec<(Duration, &str)> = Vec::new();
    for check in ALL {
        let busy = cpu_time()?;
        std::hint::black_box((check.find(&subject), check.not_examined(&subject)));
        slowest.push((cpu_time()?.saturating_sub(busy), check.name()));
    }
    slowest.sort_by(|one, other| other.cmp(one));
    let slowest: Vec<String> = slowest.iter().take(3).map(|(took, name)| format!("{name} {took:.2?}")).collect();
    let mut firing: Vec<&str> = outcome.findings.iter().map(|finding| finding.check.as_str()).collect();
    firing.sort_unstable();
    firing.dedup();

    println!(
        "check: {} tables, {} indexes, {} statements understood: {} findings of {} checks",
        analysis.snapshot.catalog.tables.len(),
        analysis.snapshot.catalog.indexes().count(),
        analysis.workload.queries.len(),
        outcome.findings.len(),
        firing.len()
    );
    println!(
        "check: the checks {checked:.2?} (limit {LIMIT:.0?}: {}), {checked_busy:.2?} of processor; slowest {}",
        verdict(checked <= LIMIT),
        slowest.join(", ")
    );
    println!("check: all that follows a capture {examined:.2?}, {examined_busy:.2?} of processor");
    let held = verdict(memory <= MEMORY_LIMIT);
    println!("check: peak of resident memory {} MB (limit {} MB: {held})", memory / 1024, MEMORY_LIMIT / 1024);
    Ok(())
}

fn verdict(holds: bool) -> &'static str {
    if holds { "holds" } else { "MISSED" }
}

fn snapshot(tables: u32, statements: u32) -> Result<Snapshot, Failure> {
    let mut catalog = Catalog::default();
    for number in 0..tables {
        catalog.tables.push(table(number));
        catalog.sequences.push(sequence(number));
    }
    let names = catalog.tables.iter().flat_map(|table| {
        std::iter::once(&table.name.name).chain(table.indexes.iter().map(|index| &index.name)).cloned().collect::<Vec<_>>()
    });
    catalog.relation_names.insert("public".to_owned(), names.collect());
    let captured_at = "2026-03-01T12:00:00Z".parse()?;
    let since = Some("2025-11-01T12:00:00Z".parse()?);
    let recorded = (0..statements).map(|number| statement(number, tables)).collect::<Vec<_>>();
    let setting = |value: &str| Setting { value: value.to_owned(), unit: None, source: "default".to_owned() };
    let settings = [
        ("autovacuum", "on"),
        ("autovacuum_vacuum_threshold", "50"),
        ("autovacuum_vacuum_scale_factor", "0.2"),
        ("autovacuum_freeze_max_age", "200000000"),
        ("default_statistics_target", "100"),
        ("work_mem", "4096"),
        ("search_path", "public"),
    ];
    Ok(Snapshot {
        snapshot_version: SNAPSHOT_VERSION,
        captured_at,
        server: Server {
            version: 150_018,
            version_text: "15.18".to_owned(),
            database: "large".to_owned(),
            database_oid: 5,
            system_identifier: None,
            block_size: 8192,
            in_recovery: false,
            started_at: None,
        },
        capabilities: Capabilities {
            role: "app".to_owned(),
            superuser: false,
            create_in_database: true,
            read_all_stats: true,
            read_all_settings: true,
            create_in_schemas: vec!["public".to_owned()],
            extensions: BTreeMap::new(),
            available_extensions: BTreeMap::new(),
        },
        settings: settings.into_iter().map(|(name, value)| (name.to_owned(), setting(value))).collect(),
        activity: Activity {
            since,
            active_time: None,
            database: DatabaseActivity { transactions: 900_000_000, ..DatabaseActivity::default() },
            tables: catalog
                .tables
                .iter()
                .zip(0..)
                .map(|(table, number)| (table.oid, table_activity(number, captured_at)))
                .collect(),
            indexes: catalog.indexes().zip(0_u64..).map(|((_, index), number)| (index.oid, index_activity(number))).collect(),
            standbys: Some(0),
            statements: Statements::Recorded {
                statements: recorded,
                evicted: Some(0),
                since,
                utility: Rest::default(),
                unseen: Rest::default(),
            },
        },
        catalog,
        planner: None,
        not_examined: Vec::new(),
    })
}

/// In the order of names, as a catalog is sorted.
fn name(number: u32) -> String {
    format!("t{number:06}")
}

fn oid(number: u32) -> Oid {
    Oid(100_000 + number * (INDEXES + 1))
}

/// The partitioned table that `number` belongs to; the same number for itself.
fn root(number: u32) -> Option<u32> {
    (number / GROUP % 10 == 3).then_some(number / GROUP * GROUP)
}

fn table(number: u32) -> Table {
    let (oid, name) = (oid(number), name(number));
    let root = root(number);
    let is_partitioned = root == Some(number);
    let kinds: [(&str, &str, u32, f64); 8] = [
        ("id", "bigint", 8, f64::from(ROWS)),
        ("org", "integer", 4, 5_000.0),
        ("parent", "bigint", 8, 90_000.0),
        ("state", "text", 6, 5.0),
        ("at", "timestamp with time zone", 8, f64::from(ROWS)),
        ("amount", "numeric", 6, 40_000.0),
        ("payload", if number.is_multiple_of(3) { "json" } else { "jsonb" }, 300, f64::from(ROWS)),
        ("note", "text", 90, f64::from(ROWS / 2)),
    ];
    let mut columns = Vec::new();
    for (position, (column, type_name, average_width, distinct)) in (1_i16..).zip(kinds) {
        let statistics = ColumnStatistics { average_width, distinct, correlation: Some(0.1), ..ColumnStatistics::default() };
        columns.push(Column { not_null: true, statistics: Some(statistics), ..Column::new(position, column, type_name) });
    }
    let definitions = [
        IndexDefinition { unique: true, ..IndexDefinition::btree(["id"]) },
        IndexDefinition::btree(["org"]),
        if number.is_multiple_of(4) { IndexDefinition::btree(["state"]) } else { IndexDefinition::btree(["org", "at"]) },
    ];
    let indexes = (1..=INDEXES).zip(definitions).map(|(position, definition)| Index {
        constraint: (position == 1).then(|| Constraint { name: format!("{name}_pkey"), kind: ConstraintKind::PrimaryKey }),
        size: Some(if is_partitioned { Bytes(0) } else { Pages(9_000).bytes(8192) }),
        attached_to: root.filter(|root| *root != number).map(|root| Oid(self::oid(root).0 + position)),
        ..Index::new(Oid(oid.0 + position), format!("{name}_index_{position}"), definition)
    });
    let foreign_keys = vec![ForeignKey {
        name: format!("{name}_parent_fkey"),
        columns: vec!["parent".to_owned()],
        references: self::oid(number / 2),
        referenced_columns: vec!["id".to_owned()],
        validated: !number.is_multiple_of(50),
        on_delete: ReferentialAction::Cascade,
    }];
    Table {
        kind: if is_partitioned { TableKind::Partitioned } else { TableKind::Table },
        owner: "app".to_owned(),
        estimated_rows: Some(Rows(u64::from(ROWS))),
        pages: Pages(if is_partitioned { 0 } else { u64::from(PAGES) }),
        size: Some(Pages(u64::from(PAGES)).bytes(8192)),
        frozen_age: u64::from(number) * 30_000,
        partition_of: root.filter(|root| *root != number).map(self::oid),
        columns,
        indexes: indexes.collect(),
        foreign_keys,
        ..Table::new(oid, QualifiedName::new("public", name))
    }
}

fn sequence(number: u32) -> Sequence {
    Sequence {
        name: QualifiedName::new("public", format!("{}_id_seq", name(number))),
        last_value: Some(i64::from(number) * 200_000),
        start: 1,
        least: 1,
        greatest: i64::from(i32::MAX),
        increment: 1,
        cycles: false,
        feeds: Some((oid(number), "id".to_owned())),
    }
}

fn table_activity(number: u32, now: jiff::Timestamp) -> TableActivity {
    let rows = u64::from(ROWS);
    TableActivity {
        sequential_scans: 200,
        sequential_rows: Rows(rows * 200),
        index_scans: 1_000_000,
        index_rows: Rows(rows * u64::from(number % 400)),
        live_rows: Rows(rows),
        dead_rows: Rows(rows * u64::from(number % 7) / 10),
        inserted: rows,
        updated: rows * 3,
        hot_updated: rows * u64::from(number % 4),
        deleted: u64::from(number % 5) * 1_000,
        last_vacuum: Some(now),
        last_analyze: Some(now),
        ..TableActivity::default()
    }
}

fn index_activity(number: u64) -> IndexActivity {
    let scans = number % 11 * 100;
    IndexActivity { scans, entries_read: scans * 250_000, ..IndexActivity::default() }
}

/// Another statement for each number, like those of applications; its number decides on tables and conditions.
fn statement(number: u32, tables: u32) -> StatementActivity {
    let (one, other) = (name(number * 7 % tables), name((number * 13 + 1) % tables));
    let text = match number % 8 {
        0 => format!("SELECT * FROM {one} WHERE parent = $1 AND state = $2 ORDER BY at DESC LIMIT $3 OFFSET $4"),
        1 => format!("UPDATE {one} SET org = $1, state = $2 WHERE id = $3"),
        2 => format!("SELECT a.id, b.note FROM {one} a JOIN {other} b ON b.parent = a.id WHERE a.org = $1"),
        3 => format!("SELECT id FROM {one} WHERE lower(note) = $1"),
        4 => format!("SELECT payload ->> $1 FROM {one} WHERE payload ->> $2 = $3"),
        5 => format!("SELECT id, at FROM {one} WHERE org = $1 AND state = $2 AND amount = $3"),
        6 => format!("SELECT id FROM {one} WHERE id NOT IN (SELECT parent FROM {other})"),
        _ => format!("SELECT a.id FROM {one} a JOIN {other} b ON b.id = a.parent WHERE a.note = $1 OR b.note = $1"),
    };
    // Apart from all others, whatever the tables.
    let text = format!("{text} /* {number} */").replacen("id", &format!("id /* {number} */"), 1);
    StatementActivity {
        query_id: i64::from(number) + 1,
        text,
        calls: 5_000,
        total_time: Milliseconds(f64::from(6_000_000 - number)),
        rows: Rows(2_500_000),
        spread: None,
        blocks_accessed: Bytes(1 << 40),
        blocks_read: Bytes(1 << 30),
        temp_written: Bytes(u64::from(number % 2) << 40),
        planning_time: None,
        wal: Some(Bytes(1 << 20)),
        tags: BTreeMap::new(),
    }
}

/// Time of the processor that the first thread has had, where the checks run; statements are parsed in another.
fn cpu_time() -> Result<Duration, Failure> {
    let text = std::fs::read_to_string("/proc/self/schedstat")?;
    Ok(Duration::from_nanos(text.split_whitespace().next().ok_or("no time in schedstat")?.parse()?))
}

fn peak() -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(peak.trim().trim_end_matches(" kB").parse()?)
}
