//! How long binding a large workload takes: `cargo run --release --example bind_many [STATEMENTS]`.
//!
//! Starts a lab, records that many distinct statements (5,000 unless said otherwise) in `pg_stat_statements`, captures, understands and binds
//! them, plans one binding of each, and prints the seconds of each stage. The limit for binding is ten seconds.

#![expect(clippy::print_stdout, reason = "printing is what this program is for")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use pgtailor_lab::{Lab, LabOptions};
use pgtailor_model::activity::Statements;
use pgtailor_postgres::bench::record_statements;
use pgtailor_postgres::capture::{CaptureOptions, capture};
use pgtailor_postgres::connect::{ConnectionInput, Database};
use pgtailor_postgres::planning::{BindOptions, PlanOptions, Question, bind, plan_costs};
use pgtailor_postgres::session::ReadOnlySession;

/// What binding may take.
const LIMIT: Duration = Duration::from_secs(10);

/// Tables that the statements are about; each statement has its own combination of table, columns and clauses.
const TABLES: usize = 50;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let wanted: usize = std::env::args().nth(1).map_or(Ok(5_000), |text| text.parse())?;
    let options = LabOptions::new()
        .with_setting("shared_preload_libraries", "pg_stat_statements")
        .with_setting("pg_stat_statements.max", (wanted + 1_000).max(5_000).to_string());
    let lab = Lab::start(&options)?;
    let url = lab.url("postgres");
    let input = ConnectionInput {
        database: Some(url.clone()),
        environment: BTreeMap::new(),
        home: None,
        local_user: "nobody".to_owned(),
    };
    let database = Database::resolve(&input)?;
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    client.batch_execute(&tables()).await?;
    client.batch_execute("ANALYZE").await?;
    record_statements(&database).await?;
    for statement in statements(wanted) {
        client.batch_execute(&statement).await?;
    }

    let mut session = ReadOnlySession::connect(&database).await?;
    let began = Instant::now();
    let snapshot = capture(&mut session, &CaptureOptions { statements: wanted, ..CaptureOptions::default() }).await?;
    let captured = began.elapsed();
    let Statements::Recorded { statements, .. } = &snapshot.activity.statements else { return Err("nothing recorded".into()) };
    let path = ["public".to_owned()];
    let began = Instant::now();
    let mut workload = pgtailor_sql::understand(statements, &snapshot.catalog, &path);
    let understood = began.elapsed();
    let began = Instant::now();
    let report = bind(&mut session, &mut workload, &snapshot.catalog, &path, &BindOptions::default()).await?;
    let bound = began.elapsed();
    let questions: Vec<Question<'_>> = workload
        .queries
        .iter()
        .filter_map(|query| {
            Some(Question { statement: report.prepared.get(&query.fingerprint)?, binding: query.bindings.first() })
        })
        .collect();
    let began = Instant::now();
    let costs = plan_costs(&mut session, &questions, &path, PlanOptions::default()).await?;
    let planned = began.elapsed();
    let bindings: usize = workload.queries.iter().map(|query| query.bindings.len()).sum();
    println!(
        "{} statements, {} refused, {} without values, {bindings} bindings",
        workload.queries.len(),
        report.refused.len(),
        report.unbound.len()
    );
    if let Some((text, refusal)) = report.refused.first() {
        let text = workload.queries.iter().find(|query| query.fingerprint == *text).map(|query| query.text.as_str());
        println!("refused, for one: {}: {}", text.unwrap_or_default(), refusal.reason);
    }
    println!("capture {captured:.2?}, understand {understood:.2?}, bind {bound:.2?} (limit {LIMIT:.0?})");
    println!("plan one binding each {planned:.2?}, {} planned", costs.iter().filter(|cost| cost.is_ok()).count());
    if bound > LIMIT { Err("binding took too long".into()) } else { Ok(()) }
}

fn tables() -> String {
    let mut sql = "CREATE TYPE state AS ENUM ('new', 'open', 'done');".to_owned();
    for table in 0..TABLES {
        let _ = write!(
            sql,
            "CREATE TABLE table_{table} (id int PRIMARY KEY, name text, amount int, state state, created timestamptz, doc jsonb);
             INSERT INTO table_{table} SELECT g, 'name ' || g % 97, g % 31, (ARRAY['new', 'open', 'done'])[g % 3 + 1]::state,
                    now() - g * interval '1 hour', '{{}}' FROM generate_series(1, 500) g;"
        );
    }
    sql
}

/// Distinct statements: the number of the statement decides on table, comparisons, order and columns.
fn statements(wanted: usize) -> impl Iterator<Item = String> {
    const CONDITIONS: [&str; 5] =
        ["name = 'name 7'", "amount BETWEEN 3 AND 9", "state = 'open'", "created > now() - interval '2 days'", "id IN (1, 2, 3)"];
    const ENDS: [&str; 4] = ["", " ORDER BY created DESC LIMIT 10", " ORDER BY name", " LIMIT 3 OFFSET 6"];
    (0..wanted).map(|number| {
        let (table, rest) = (number % TABLES, number / TABLES);
        let (chosen, rest) = (rest % 31 + 1, rest / 31);
        let conditions: Vec<&str> =
            (0..CONDITIONS.len()).filter(|bit| chosen >> bit & 1 == 1).map(|bit| CONDITIONS[bit]).collect();
        let columns = ["id, name", "id, amount, state", "*"][rest / ENDS.len() % 3];
        format!("SELECT {columns} FROM table_{table} WHERE {}{}", conditions.join(" AND "), ENDS[rest % ENDS.len()])
    })
}
