//! What advice is worth on TPC-H: `cargo run --release --example advise_bench [URL] [BUDGET ...]`, budgets in megabytes (10^6 bytes).
//!
//! Without a URL it starts a lab and loads scale factor 1. For each budget it prints the workload's cost with the advice as a share of the cost
//! without, as planned and with the indexes really built, their sizes, what it took, and the bound; beside it the best answers of other advisors
//! (`anchors.tsv`), built in the same run.

#![expect(clippy::print_stdout, reason = "printing is what this program is for")]

mod load;
mod score;

use std::collections::BTreeMap;
use std::time::Duration;

use pgtailor::model::advice::Advice;
use pgtailor::model::unit::Bytes;
use pgtailor::{AdviseOptions, Database, TwinCapture, WorkloadOptions, advise_snapshot, capture_for_twin};
use pgtailor_postgres::connect::ConnectionInput;
use pgtailor_postgres::lab_session::LabSession;

use self::score::{Score, cpu_seconds};

type Failure = Box<dyn std::error::Error>;

/// The best answers of others.
const ANCHORS: &str = include_str!("anchors.tsv");

/// As long as the search for a bound may take.
const LIMIT: Duration = Duration::from_mins(2);

/// Megabytes, as the published comparison has them.
const BUDGETS: [u64; 6] = [100, 250, 500, 1_000, 2_000, 5_000];

#[tokio::main(flavor = "multi_thread")]
async fn main() -> Result<(), Failure> {
    let (urls, budgets): (Vec<String>, Vec<String>) = std::env::args().skip(1).partition(|word| word.contains(':'));
    let budgets: Vec<u64> = budgets.iter().map(|word| word.parse()).collect::<Result<_, _>>()?;
    let lab = if urls.is_empty() { Some(load::lab()?) } else { None };
    let url = match (&lab, urls.first()) {
        (Some(lab), _) => lab.url("postgres"),
        (None, url) => url.cloned().unwrap_or_default(),
    };
    let input =
        ConnectionInput { database: Some(url), environment: BTreeMap::new(), home: None, local_user: "nobody".to_owned() };
    let database = Database::resolve(&input)?;
    let session = LabSession::connect(&database).await?;
    if lab.is_some() {
        load::tpch(&session, 1.0).await?;
    }
    let folder = tempfile::tempdir()?;
    let queries = load::queries(folder.path())?;
    let mut score = Score::new(session, queries).await?;
    let snapshot = capture_for_twin(&database, &TwinCapture::default()).await?;
    let is_verbose = std::env::var_os("PGTAILOR_BENCH_INDEXES").is_some();
    for budget in if budgets.is_empty() { BUDGETS.to_vec() } else { budgets } {
        let workload = WorkloadOptions { sources: vec![folder.path().display().to_string()], ..WorkloadOptions::default() };
        let mut options = AdviseOptions { workload, time_limit: LIMIT, ..AdviseOptions::default() };
        options.limits.budget = Some(Bytes(budget * 1_000_000));
        // The answer alone, without the search for how far from the best it is.
        options.gap = 1.0;
        let before = cpu_seconds()?;
        let advice = advise_snapshot(&snapshot, &options).await?;
        let cpu = cpu_seconds()? - before;
        if is_verbose {
            print_whole(&advice);
        }
        let indexes = |advice: &Advice| -> Vec<String> {
            advice.recommendations.iter().map(|recommendation| recommendation.sql.clone()).collect()
        };
        let (built, size) = score.built(&indexes(&advice)).await?;
        println!(
            "tpch {budget:>5} MB  built {built:.4} in {:>9}  planned {:.4} in {:>9}  {} indexes, {} calls, {:.1} s, {cpu:.1} CPU s",
            size.to_string(),
            advice.planner_after() / advice.planner_before(),
            advice.size.to_string(),
            advice.recommendations.len(),
            advice.effort.what_if_calls,
            advice.effort.seconds,
        );
        options.gap = 0.01;
        let bounded = advise_snapshot(&snapshot, &options).await?;
        let (built, size) = score.built(&indexes(&bounded)).await?;
        println!(
            "          bounded built {built:.4} in {:>9}  planned {:.4}  gap {:.2} %  {} candidates, {} calls, {:.1} s",
            size.to_string(),
            bounded.planner_after() / bounded.planner_before(),
            bounded.bound.gap * 100.0,
            bounded.bound.candidates,
            bounded.effort.what_if_calls,
            bounded.effort.seconds,
        );
        for anchor in ANCHORS.lines().filter(|line| line.split('\t').next() == Some(&budget.to_string())) {
            let fields: Vec<&str> = anchor.split('\t').collect();
            let [_, name, list] = fields[..] else { return Err("an anchor is budget, name and indexes".into()) };
            let indexes: Vec<String> = list.split("; ").map(|index| format!("CREATE INDEX ON {index}")).collect();
            let (built, size) = score.built(&indexes).await?;
            println!("          others  built {built:.4} in {:>9}  {name}", size.to_string());
        }
        println!("          load {}", std::fs::read_to_string("/proc/loadavg")?.trim());
    }
    Ok(())
}

fn print_whole(advice: &Advice) {
    for recommendation in &advice.recommendations {
        let share = recommendation.gain / advice.cost_before;
        println!("  {:>10} {share:>6.4} {}", recommendation.size.to_string(), recommendation.sql);
    }
    for statement in &advice.statements {
        let head: String = statement.text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(60).collect();
        println!("  {:>12.2} {:>12.2} {head}", statement.before, statement.after);
    }
}
