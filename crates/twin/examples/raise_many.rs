//! How long a capture for a twin of many tables takes, and raising the twin: `cargo run --release --example raise_many [TABLES [raise]]`.
//!
//! Starts a lab, makes the tables (2,000 unless said otherwise), each analyzed, with some hundred rows and ten columns, a primary key and two
//! or three more indexes, and prints the times of capturing and writing and the size of the file; with `raise`, also the time of raising a
//! twin from it and the room that it takes on the disk, its write-ahead log included.

#![expect(clippy::print_stdout, reason = "printing is what this program is for")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Instant;

use pgtailor_lab::{Lab, LabOptions};
use pgtailor_postgres::capture::{CaptureOptions, PlannerOptions, capture, write_snapshot};
use pgtailor_postgres::connect::{ConnectionInput, Database};
use pgtailor_postgres::lab_session::LabSession;
use pgtailor_postgres::session::ReadOnlySession;
use pgtailor_twin::{RaiseOptions, Twin};

/// Tables made in one transaction: more would exhaust the server's lock table.
const BATCH: usize = 200;

#[tokio::main(flavor = "multi_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let tables: usize = words.first().map_or(Ok(2_000), |text| text.parse())?;
    let lab = Lab::start(&LabOptions::new().with_setting("autovacuum", "off"))?;
    let input = ConnectionInput {
        database: Some(lab.url("postgres")),
        environment: BTreeMap::new(),
        home: None,
        local_user: "nobody".to_owned(),
    };
    let database = Database::resolve(&input)?;
    fill(&database, tables).await?;

    let mut session = ReadOnlySession::connect(&database).await?;
    let began = Instant::now();
    let options = CaptureOptions { planner: Some(PlannerOptions::default()), ..CaptureOptions::default() };
    let snapshot = capture(&mut session, &options).await?;
    let captured = began.elapsed();
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("snapshot");
    write_snapshot(&snapshot, &path)?;
    println!(
        "twin: capture of {tables} tables, {} indexes    {captured:.1?}, file of {} bytes",
        snapshot.catalog.indexes().count(),
        std::fs::metadata(&path)?.len()
    );
    let lacking = |inexact: &[pgtailor_model::planner::Inexact]| {
        for inexact in inexact.iter().take(5) {
            println!("  lacks {}: {}", inexact.object, inexact.reason);
        }
    };
    if words.get(1).is_some_and(|word| word == "raise") {
        drop(session);
        lab.stop()?;
        let began = Instant::now();
        let raised = Twin::raise(&snapshot, &RaiseOptions::default()).await?;
        let took = began.elapsed();
        let room = room(raised.twin.lab().folder())? / 1_000_000;
        println!("twin: raised with {tables} tables    {took:.1?} (limit 45 s), {room} MB (limit 500 MB)");
        lacking(&raised.inexact);
    } else {
        lacking(&snapshot.planner.map(|planner| planner.inexact).unwrap_or_default());
    }
    Ok(())
}

async fn fill(database: &Database, tables: usize) -> Result<(), Box<dyn std::error::Error>> {
    let session = LabSession::connect(database).await?;
    for first in (1..=tables).step_by(BATCH) {
        let last = tables.min(first + BATCH - 1);
        let mut sql = String::new();
        for table in first..=last {
            write!(
                sql,
                "CREATE TABLE t{table} (id int PRIMARY KEY, parent int, name text NOT NULL, kind text, amount numeric, at timestamptz,
                                        day date, flag bool, note text, ref uuid);
                 INSERT INTO t{table} SELECT i, i % 7, 'name ' || i, 'kind ' || i % 5, i * 1.5, timestamptz '2024-01-01' + i * interval '1 hour',
                        date '2024-01-01' + i, i % 3 = 0, md5(i::text), md5(i::text)::uuid FROM generate_series(1, 300) i;
                 CREATE INDEX ON t{table} (parent, at DESC); CREATE INDEX ON t{table} (lower(name)) WHERE flag;"
            )?;
            if table % 4 == 0 {
                write!(sql, "CREATE INDEX ON t{table} USING brin (day);")?;
            }
            if table > first {
                write!(
                    sql,
                    "ALTER TABLE t{table} ADD CHECK (amount >= 0), ADD FOREIGN KEY (parent) REFERENCES t{} NOT VALID;",
                    table - 1
                )?;
            }
        }
        session.run("make the tables", &sql).await?;
    }
    Ok(session.run("analyze them", "ANALYZE").await?)
}

/// Bytes on the disk of everything in `folder`.
fn room(folder: &Path) -> std::io::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let about = entry.path().symlink_metadata()?;
        // `stat` counts blocks of 512 bytes, whatever the file system's own are.
        bytes += about.blocks() * 512;
        if about.is_dir() {
            bytes += room(&entry.path())?;
        }
    }
    Ok(bytes)
}
