//! How long advice for a large workload takes: `cargo run --release --example advise_many [STATEMENTS [TABLES]]`.
//!
//! Starts a lab with that many tables (300 unless said otherwise) of 20,000 rows each, asks for the best indexes for that many statements (2,000)
//! over them, and prints the seconds of capture and of advice, the plannings, the indexes, and this process's peak of resident memory
//! (`VmHWM`, Linux).

#![expect(clippy::print_stdout, reason = "printing is what this program is for")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use pgtailor::{AdviseOptions, Database, TwinCapture, WorkloadOptions, advise_snapshot, capture_for_twin};
use pgtailor_lab::{Lab, LabOptions};
use pgtailor_postgres::connect::ConnectionInput;
use pgtailor_postgres::lab_session::LabSession;

type Failure = Box<dyn std::error::Error>;

/// What advice may take.
const LIMIT: Duration = Duration::from_mins(1);

/// What this process may use at most, in kB, as Linux counts it.
const MEMORY_LIMIT: u64 = 1024 * 1024;

/// Rows of a table: some 400 pages, so that indexes matter.
const ROWS: usize = 20_000;

#[tokio::main(flavor = "multi_thread")]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let statements: usize = arguments.next().map_or(Ok(2_000), |text| text.parse())?;
    let tables: usize = arguments.next().map_or(Ok(300), |text| text.parse())?;
    let lab = Lab::start(&LabOptions::new().with_setting("autovacuum", "off"))?;
    let input = ConnectionInput {
        database: Some(lab.url("postgres")),
        environment: BTreeMap::new(),
        home: None,
        local_user: "nobody".to_owned(),
    };
    let database = Database::resolve(&input)?;
    let session = LabSession::connect(&database).await?;
    for table in 0..tables {
        session.run("make a table", &made(table)).await?;
    }
    session.run("gather statistics", "VACUUM ANALYZE").await?;

    let folder = tempfile::tempdir()?;
    let distinct = written(folder.path(), statements, tables)?;
    let began = Instant::now();
    let snapshot = capture_for_twin(&database, &TwinCapture::default()).await?;
    let captured = began.elapsed();
    let workload = WorkloadOptions { sources: vec![folder.path().display().to_string()], ..WorkloadOptions::default() };
    let options = AdviseOptions { workload, ..AdviseOptions::default() };
    let began = Instant::now();
    let advice = advise_snapshot(&snapshot, &options).await?;
    let advised = began.elapsed();
    let memory = peak()?;
    println!(
        "advise: {distinct} statements over {tables} tables: {} considered, {} skipped, {} candidates, {} indexes, cost {:.4} of before",
        advice.statements.len(),
        advice.skipped.len(),
        advice.bound.candidates,
        advice.recommendations.len(),
        advice.cost_after / advice.cost_before
    );
    println!(
        "advise: capture {captured:.1?}, advice {advised:.1?} (limit {LIMIT:.0?}), {} plannings, gap {:.1} %, out of time: {}",
        advice.effort.what_if_calls,
        advice.bound.gap * 100.0,
        advice.effort.out_of_time
    );
    println!("advise: peak of resident memory {} MB (limit {} MB)", memory / 1024, MEMORY_LIMIT / 1024);
    if advised > LIMIT || memory > MEMORY_LIMIT { Err("advice took too much".into()) } else { Ok(()) }
}

fn made(table: usize) -> String {
    format!(
        "CREATE UNLOGGED TABLE t{table} (id integer PRIMARY KEY, org integer NOT NULL, parent integer NOT NULL, state text NOT NULL,
           at timestamptz NOT NULL, amount integer NOT NULL, is_open boolean NOT NULL, name text NOT NULL, note text NOT NULL);
         INSERT INTO t{table} SELECT n, n * 7919 % 500, 1 + n * 31 % {ROWS}, 'state ' || n % 5,
           timestamptz '2025-01-01' + n * 104729 % {ROWS} * interval '1 minute', n % 900, n % 40 = 0, 'name ' || md5(n::text), repeat('n', 80)
           FROM generate_series(1, {ROWS}::bigint) n"
    )
}

/// Writes distinct statements to `folder`; how many there are. The number of the statement decides on tables, conditions and order.
fn written(folder: &Path, statements: usize, tables: usize) -> Result<usize, Failure> {
    const CONDITIONS: [&str; 12] = [
        "t.org = 17",
        "t.org = 17 AND t.state = 'state 3'",
        "t.parent = 99",
        "t.at >= '2025-01-05' AND t.at < '2025-01-06'",
        "t.org = 17 AND t.at >= '2025-01-03'",
        "t.is_open",
        "t.org = 17 AND t.is_open",
        "t.state = 'state 1' AND t.amount > 890",
        "t.name = 'name 7'",
        "t.name LIKE 'name ab%'",
        "t.org = 5 OR t.parent = 8",
        "t.amount BETWEEN 3 AND 5",
    ];
    const ENDS: [&str; 4] = ["", " ORDER BY t.at DESC LIMIT 20", " ORDER BY t.amount LIMIT 50", " ORDER BY t.org, t.at"];
    let mut known: BTreeSet<String> = BTreeSet::new();
    let mut weights: BTreeMap<String, u64> = BTreeMap::new();
    for number in 0..statements * 100 {
        if known.len() == statements {
            break;
        }
        let (table, rest) = (number % tables, number / tables * 7 + number % tables);
        let condition = CONDITIONS[rest % CONDITIONS.len()];
        let end = ENDS[rest / 5 % ENDS.len()];
        let columns = ["t.id, t.at", "t.*", "t.id, t.amount, t.state"][rest / 3 % 3];
        // Every fourth joins, every eighth twice.
        let join = match number % 8 {
            0 => format!(
                " JOIN t{} a ON a.id = t.parent JOIN t{} b ON b.parent = a.id",
                (table + 1) % tables,
                (table + 2) % tables
            ),
            4 => format!(" JOIN t{} a ON a.parent = t.id", (table + 1) % tables),
            _ => String::new(),
        };
        let text = format!("SELECT {columns} FROM t{table} t{join} WHERE {condition}{end}");
        let name = format!("s{number}");
        if known.insert(text.clone()) {
            std::fs::write(folder.join(format!("{name}.sql")), text)?;
            weights.insert(name, 10 + u64::try_from(number * 7919 % 10_000)?);
        }
    }
    std::fs::write(folder.join("weights.json"), serde_json::to_string(&weights)?)?;
    Ok(known.len())
}

fn peak() -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(peak.trim().trim_end_matches(" kB").parse()?)
}
