//! How long a capture of many tables takes, and how much memory: `cargo run --release --example capture_many [TABLES]`.
//!
//! Starts a lab, makes the tables (10,000 unless said otherwise), each analyzed, with three rows, a primary key and a second index,
//! every tenth of these with an expression and a predicate, and prints the times of capturing, writing and reading the snapshot and
//! this process's peak of resident memory (`VmHWM`, Linux).

#![expect(clippy::print_stdout, reason = "printing is what this program is for")]

use std::collections::BTreeMap;
use std::time::Instant;

use pgtailor_lab::{Lab, LabOptions};
use pgtailor_postgres::capture::{CaptureOptions, capture, read_snapshot, write_snapshot};
use pgtailor_postgres::connect::{ConnectionInput, Database};
use pgtailor_postgres::session::ReadOnlySession;

/// Tables made in one transaction: more would exhaust the server's lock table.
const BATCH: usize = 500;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let tables: usize = std::env::args().nth(1).map_or(Ok(10_000), |text| text.parse())?;
    let lab = Lab::start(&LabOptions::new().with_setting("autovacuum", "off"))?;
    let url = lab.url("postgres");
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await?;
    let connection = tokio::spawn(connection);
    for first in (1..=tables).step_by(BATCH) {
        let last = tables.min(first + BATCH - 1);
        client
            .batch_execute(&format!(
                "DO $$ BEGIN FOR i IN {first}..{last} LOOP
                     EXECUTE format('CREATE TABLE table_%s (id int PRIMARY KEY, name text, amount int, created timestamptz)', i);
                     EXECUTE format('INSERT INTO table_%s SELECT g, g::text, g, now() FROM generate_series(1, 3) g', i);
                     IF i % 10 = 0 THEN
                         EXECUTE format('CREATE INDEX ON table_%s (lower(name)) WHERE amount > 0', i);
                     ELSE
                         EXECUTE format('CREATE INDEX ON table_%s (name, created DESC)', i);
                     END IF;
                 END LOOP; END $$"
            ))
            .await?;
    }
    client.batch_execute("ANALYZE").await?;
    drop(client);
    connection.await??;

    let input =
        ConnectionInput { database: Some(url), environment: BTreeMap::new(), home: None, local_user: "nobody".to_owned() };
    let mut session = ReadOnlySession::connect(&Database::resolve(&input)?).await?;
    let began = Instant::now();
    let snapshot = capture(&mut session, &CaptureOptions::default()).await?;
    let captured = began.elapsed();
    let memory = peak_memory();

    let folder = tempfile::tempdir()?;
    let path = folder.path().join("snapshot");
    let began = Instant::now();
    write_snapshot(&snapshot, &path)?;
    let written = began.elapsed();
    let began = Instant::now();
    let same = read_snapshot(&path)? == snapshot;
    let read = began.elapsed();
    println!(
        "{} tables, {} indexes, {} not examined",
        snapshot.catalog.tables.len(),
        snapshot.catalog.indexes().count(),
        snapshot.not_examined.len()
    );
    println!("capture {captured:.2?}, peak resident memory {memory}");
    println!("write {written:.2?} ({} bytes), read {read:.2?}, same: {same}", std::fs::metadata(&path)?.len());
    println!("peak resident memory at the end {}", peak_memory());
    Ok(())
}

fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.map_or_else(|| "unknown".to_owned(), |peak| peak.trim().to_owned())
}
