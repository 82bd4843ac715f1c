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

use pgtailor::model::unit::Bytes;
use pgtailor::{AdviseOptions, Database, TwinCapture, WorkloadOptions, advise_snapshot, capture_for_twin};
use pgtailor_postgres::connect::ConnectionInput;
use pgtailor_postgres::lab_session::LabSession;

use self::score::{Score, cpu_seconds};

type Failure = Box<dyn std::error::Error>;

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
        let mut options = AdviseOptions { workload, time_limit: Duration::from_mins(2), ..AdviseOptions::default() };
        options.limits.budget = Some(Bytes(budget * 1_000_000));
        let before = cpu_seconds()?;
        let advice = advise_snapshot(&snapshot, &options).await?;
        let cpu = cpu_seconds()? - before;
        let indexes: Vec<String> = advice.recommendations.iter().map(|recommendation| recommendation.sql.clone()).collect();
        if is_verbose {
            for recommendation in &advice.recommendations {
                println!(
                    "  {:>10} {:>6.4} {}",
                    recommendation.size.to_string(),
                    recommendation.gain / advice.cost_before,
                    recommendation.sql
                );
            }
        }
        if is_verbose {
            for statement in &advice.statements {
                let head: String = statement.text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(60).collect();
                println!("  {:>12.2} {:>12.2} {head}", statement.before, statement.after);
            }
        }
        let (built, size) = score.built(&indexes).await?;
        println!(
            "tpch {budget:>5} MB  planned {:.4} in {:>9}  built {built:.4} in {:>9}  bound {:.4} (gap {:.1} %)  {} indexes, {} of {} candidates, {} calls, {:.1} s, {cpu:.1} CPU s",
            advice.cost_after / advice.cost_before,
            advice.size.to_string(),
            size.to_string(),
            advice.bound.lower / advice.cost_before,
            advice.bound.gap * 100.0,
            indexes.len(),
            advice.bound.candidates,
            advice.effort.candidates,
            advice.effort.what_if_calls,
            advice.effort.seconds,
        );
    }
    Ok(())
}
