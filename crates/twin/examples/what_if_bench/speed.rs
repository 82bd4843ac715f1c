//! How fast a twin answers. Times are the best of several rounds, and ratios are taken within a round.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use pgtailor_advisor::size::StorageParameters;
use pgtailor_model::index::IndexDefinition;
use pgtailor_model::name::Oid;
use pgtailor_model::planner::StatisticColumn;
use pgtailor_model::unit::count_as_f64;
use pgtailor_model::what_if::{CandidateIndex, Configuration, Question};
use pgtailor_postgres::lab_session::LabSession;
use pgtailor_postgres::sizing::{Expressions, index_inputs};
use pgtailor_twin::{Twin, TwinWhatIf};

use crate::percentile;
use crate::plannings;
use crate::support::resolve;

/// Rounds of each measurement.
pub const ROUNDS: usize = 5;

/// How often a configuration is switched in a round.
const SWITCHES: usize = 100;

/// How often each statement is planned in a round.
const PLANNINGS: usize = 30;
/// How often each query of TPC-H, which take ten times as long.
pub const PLANNINGS_OF_TPCH: usize = 12;

/// Candidates made at once.
const MANY: usize = 200;

/// What a measurement brings.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Prints what `twin` needs for `candidates`, whose tables have the names `tables`, and for `questions`.
pub async fn print(twin: Twin, candidates: &[CandidateIndex], tables: &[&str], questions: &[Question<'_>]) -> Outcome<()> {
    let sizing = sizing(&twin, candidates, tables).await?;
    let mut what_if = TwinWhatIf::open(twin, 1).await?;
    let before = (plannings::own_time()?, what_if.twin().lab().cpu_time()?);
    let created = created(&mut what_if, candidates).await?;
    let each = |time: Duration| milliseconds(time) / count_as_f64(u64::try_from(candidates.len()).unwrap_or(1));
    let client = each(plannings::own_time()?.saturating_sub(before.0));
    let server = each(what_if.twin().lab().cpu_time()?.saturating_sub(before.1));
    let whole: Vec<f64> = created.clone();
    let rest: Vec<f64> = created.iter().zip(&sizing).filter_map(|(whole, sizing)| Some((whole - (*sizing)?).max(0.0))).collect();
    let sizing: Vec<f64> = sizing.into_iter().flatten().collect();
    println!(
        "creating a candidate, median of {}: {:.2} ms, p90 {:.2}; its size alone {:.2}, all else {:.2} (limit 5 ms)",
        whole.len(),
        middle(&whole, 0.5),
        middle(&whole, 0.9),
        middle(&sizing, 0.5),
        middle(&rest, 0.5)
    );
    println!("  processor time each, on average: client {client:.2} ms, server {server:.2}");

    let mut best = [f64::INFINITY; 2];
    for _ in 0..ROUNDS {
        for (best, count) in best.iter_mut().zip([1, 10]) {
            *best = best.min(switching(&mut what_if, candidates, count).await?);
        }
    }
    println!("switching one index, median: {:.2} ms, ten: {:.2} ms (limit 1 ms)", best[0], best[1]);

    let twin = plannings::print(what_if.close().await?, "simple statements", questions, PLANNINGS).await?;
    twin.stop()?;
    Ok(())
}

/// Prints what it takes to make many candidates at once: two columns each, over all tables of `twin`, as an advisor would try them.
pub async fn print_many(twin: Twin) -> Outcome<Twin> {
    let candidates = pairs(&twin, MANY);
    let each = |time: Duration| milliseconds(time) / count_as_f64(u64::try_from(candidates.len()).unwrap_or(1));
    let mut what_if = TwinWhatIf::open(twin, 1).await?;
    let before = (plannings::own_time()?, what_if.twin().lab().cpu_time()?);
    let began = Instant::now();
    let sizes = what_if.make_all(&candidates).await?;
    let took = each(began.elapsed());
    let client = each(plannings::own_time()?.saturating_sub(before.0));
    let server = each(what_if.twin().lab().cpu_time()?.saturating_sub(before.1));
    println!(
        "creating {} candidates at once: {took:.2} ms each (limit 3 ms); processor time: client {client:.2} ms, server {server:.2}",
        sizes.iter().filter(|size| size.is_ok()).count()
    );
    Ok(what_if.close().await?)
}

/// So many pairs of columns, from all tables in turn.
fn pairs(twin: &Twin, count: usize) -> Vec<CandidateIndex> {
    let mut columns: BTreeMap<Oid, Vec<&str>> = BTreeMap::new();
    for statistic in twin.inputs().statistics.iter().filter(|statistic| !statistic.inherited) {
        if let StatisticColumn::Name(name) = &statistic.column {
            columns.entry(statistic.relation).or_default().push(name);
        }
    }
    let mut by_table: Vec<Vec<CandidateIndex>> = Vec::new();
    for (table, names) in columns {
        let pairs = names.iter().flat_map(|one| names.iter().filter(move |other| *other != one).map(move |other| [*one, *other]));
        by_table.push(pairs.map(|pair| CandidateIndex { table, definition: IndexDefinition::btree(pair) }).collect());
    }
    let longest = by_table.iter().map(Vec::len).max().unwrap_or_default();
    (0..longest).flat_map(|at| by_table.iter().filter_map(move |pairs| pairs.get(at))).take(count).cloned().collect()
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn middle(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    percentile(&sorted, share)
}

/// Milliseconds that each candidate takes.
async fn created(what_if: &mut TwinWhatIf, candidates: &[CandidateIndex]) -> Outcome<Vec<f64>> {
    let mut times = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        let began = Instant::now();
        what_if.size(candidate).await??;
        times.push(milliseconds(began.elapsed()));
    }
    Ok(times)
}

/// Milliseconds of asking for the size of each candidate; `None` on partitioned tables.
async fn sizing(twin: &Twin, candidates: &[CandidateIndex], tables: &[&str]) -> Outcome<Vec<Option<f64>>> {
    let finder = LabSession::connect(&resolve(twin.conninfo())).await?;
    let session = twin.session().await?;
    let mut times = Vec::with_capacity(candidates.len());
    for (candidate, table) in candidates.iter().zip(tables) {
        let sql = format!("SELECT c.oid::text FROM pg_class c WHERE c.oid = 'public.{table}'::regclass AND c.relkind <> 'p'");
        let found = finder.rows("find a table", &sql).await?;
        let Some(oid) = found.first().and_then(|row| row.first()?.as_deref()?.parse().ok()).map(Oid) else {
            times.push(None);
            continue;
        };
        let began = Instant::now();
        index_inputs(&session, oid, &candidate.definition, StorageParameters::default(), Expressions::Compute).await??;
        times.push(Some(milliseconds(began.elapsed())));
    }
    Ok(times)
}

/// The median of milliseconds to switch `count` indexes on or off.
async fn switching(what_if: &mut TwinWhatIf, candidates: &[CandidateIndex], count: usize) -> Outcome<f64> {
    let mut times = Vec::with_capacity(SWITCHES);
    for round in 0..SWITCHES {
        let indexes = candidates.iter().cycle().skip(round / 2).take(count * ((round + 1) % 2)).cloned().collect();
        let configuration = Configuration { indexes, ..Configuration::default() };
        let began = Instant::now();
        what_if.plan(&configuration, &[]).await?;
        times.push(milliseconds(began.elapsed()));
    }
    Ok(middle(&times, 0.5))
}
