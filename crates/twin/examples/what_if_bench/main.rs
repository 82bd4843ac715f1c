//! How good and how fast what-if answers are: `cargo run --release -p pgtailor-twin --example what_if_bench [worst|speed]`; with `worst` it also
//! prints each answer of the twin, and of HypoPG as corrected, that is more than a hundredth off; with `speed` it measures times only.
//!
//! Over the made-up service of the tests. First costs, choices and sizes of a twin, of HypoPG as it is and of HypoPG as this project corrects
//! it, against indexes that are really built; then the time that a candidate takes, that switching takes, and plannings a second. Other work
//! on the machine makes times longer, so each is the best of several rounds. Needs the HypoPG package of the server.

#![expect(clippy::print_stdout, reason = "printing is what this program is for")]

mod plannings;
mod raising;
mod source;
mod speed;
#[path = "../../tests/support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::path::Path;

use pgtailor_model::planner::StatisticsLevel;
use pgtailor_model::snapshot::Snapshot;
use pgtailor_model::unit::{count_as_f64, f64_as_count};
use pgtailor_model::what_if::{Configuration, Planned, Question};
use pgtailor_postgres::hypopg::HypoPg;
use pgtailor_postgres::session::ReadOnlySession;
use pgtailor_twin::{RaiseOptions, Twin, TwinWhatIf};
use source::{Answer, Bench};
use support::candidates::{STATEMENTS, candidates, table_of};
use support::tpch::{queries, tpch};
use support::{SAAS, Source, inputs, public};

/// What one way to answer brought.
#[derive(Default)]
struct Score {
    candidates: usize,
    /// Pairs of candidate and statement, and those for which "would it be used" was right.
    pairs: u32,
    right: u32,
    /// Relative errors of costs where the index is really used.
    errors: Vec<f64>,
    exact: u32,
    /// Factors between sizes, 1 and more.
    sizes: Vec<f64>,
}

impl Score {
    fn add(&mut self, truth: &Answer, said: &Answer) {
        self.candidates += 1;
        let factor = count_as_f64(said.pages) / count_as_f64(truth.pages.max(1));
        self.sizes.push(factor.max(1.0 / factor));
        for (real, said) in truth.plans.iter().zip(&said.plans) {
            self.pairs += 1;
            self.right += u32::from(real.is_used == said.is_used);
            if real.is_used {
                let error = (said.cost - real.cost).abs() / real.cost;
                self.exact += u32::from(error == 0.0);
                self.errors.push(error);
            }
        }
    }

    /// Prints answers that are more than a hundredth off, or choose otherwise.
    fn print_worst(name: &str, candidate: &str, truth: &Answer, said: &Answer) {
        for ((real, said), text) in truth.plans.iter().zip(&said.plans).zip(STATEMENTS) {
            let error = (said.cost - real.cost).abs() / real.cost;
            if real.is_used != said.is_used || (real.is_used && error > 0.01) {
                let used = |is_used: bool| if is_used { "uses it" } else { "does not" };
                println!(
                    "{name}, {candidate}: {} ({}) instead of {} ({}): {text}",
                    said.cost,
                    used(said.is_used),
                    real.cost,
                    used(real.is_used)
                );
            }
        }
    }

    fn print(mut self, name: &str) {
        self.errors.sort_by(f64::total_cmp);
        self.sizes.sort_by(f64::total_cmp);
        println!(
            "{name:<28} {:>5} {:>5} {:>5} {:>6} {:>8.3} % {:>7.2} % {:>6.1} % {:>6.2} % {:>7.3} {:>6.2}",
            self.candidates,
            self.pairs,
            self.errors.len(),
            self.exact,
            percentile(&self.errors, 0.5) * 100.0,
            percentile(&self.errors, 0.9) * 100.0,
            percentile(&self.errors, 1.0) * 100.0,
            f64::from(self.right) / f64::from(self.pairs.max(1)) * 100.0,
            percentile(&self.sizes, 0.5),
            percentile(&self.sizes, 0.9),
        );
    }
}

/// The value below which `share` of `sorted` lies; 0 for none.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let last = u64::try_from(sorted.len().saturating_sub(1)).unwrap_or_default();
    let place = usize::try_from(f64_as_count(count_as_f64(last) * share)).unwrap_or_default();
    sorted.get(place).copied().unwrap_or_default()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let argument = std::env::args().nth(1).unwrap_or_default();
    if let ("raise", Some(file)) = (argument.as_str(), std::env::args().nth(2)) {
        return raising::raise(Path::new(&file)).await;
    }
    raising::print("dreflowpro").await?;
    let source = Source::with(SAAS).await;
    let snapshot = source.captured(StatisticsLevel::Exact).await;
    if argument != "speed" {
        compare(&source, &snapshot, argument == "worst").await?;
    }
    drop(source);
    let candidates = candidates(inputs(&snapshot));
    let questions: Vec<Question<'_>> = STATEMENTS.iter().map(|text| Question { text, types: &[], binding: None }).collect();
    let twin = Twin::raise(&snapshot, &RaiseOptions::default()).await?.twin;
    let tables: Vec<&str> = (0..candidates.len()).map(table_of).collect();
    Box::pin(speed::print(twin, &candidates, &tables, &questions)).await?;

    let source = tpch().await;
    let snapshot = source.captured(StatisticsLevel::Exact).await;
    drop(source);
    let texts = queries();
    let questions: Vec<Question<'_>> = texts.iter().map(|text| Question { text, types: &[], binding: None }).collect();
    let twin = Twin::raise(&snapshot, &RaiseOptions::default()).await?.twin;
    let twin = plannings::print(twin, "TPC-H", &questions, speed::PLANNINGS_OF_TPCH).await?;
    speed::print_many(twin).await?.stop()?;
    Ok(())
}

/// Compares with indexes that are really built.
async fn compare(source: &Source, snapshot: &Snapshot, is_worst_wanted: bool) -> speed::Outcome<()> {
    let candidates = candidates(inputs(snapshot));
    let twin = Twin::raise(snapshot, &RaiseOptions::default()).await?.twin;
    let mut what_if = TwinWhatIf::open(twin, 2).await?;

    source.run("CREATE EXTENSION hypopg; CREATE ROLE reader LOGIN PASSWORD 'reads'; GRANT pg_read_all_data TO reader").await;
    let reader = ReadOnlySession::connect(&source.as_role("reader", "reads")).await?;
    let mut hypopg = HypoPg::open(reader, &snapshot.catalog, &public()).await??;
    let existing: BTreeSet<String> = inputs(snapshot).relations.iter().map(|relation| relation.name.name.clone()).collect();
    let bench = Bench::open(source, existing).await?;

    let questions: Vec<Question<'_>> = STATEMENTS.iter().map(|text| Question { text, types: &[], binding: None }).collect();
    let (mut all, mut same, mut raw, mut corrected) = (Score::default(), Score::default(), Score::default(), Score::default());
    for (at, candidate) in candidates.iter().enumerate() {
        let truth = bench.built(&candidate.definition, table_of(at)).await?;
        let configuration = Configuration { indexes: [candidate.clone()].into(), ..Configuration::default() };
        let plans = answered(what_if.plan(&configuration, &questions).await?)?;
        let twin = Answer { plans, pages: what_if.size(candidate).await??.pages.0 };
        all.add(&truth, &twin);
        let name = format!("{} {}", table_of(at), candidate.definition);
        if is_worst_wanted {
            Score::print_worst("twin", &name, &truth, &twin);
        }
        let plans = answered(hypopg.plan(&configuration, &questions).await?);
        // HypoPG makes one on a partitioned table by itself, and the planner never asks for it.
        let leaves = bench.leaves(table_of(at)).await?;
        if let (Ok(plans), Some(by_hypopg)) = (plans, bench.hypothetical(&candidate.definition, &leaves).await?) {
            same.add(&truth, &twin);
            raw.add(&truth, &by_hypopg);
            let answer = Answer { plans, pages: hypopg.size(candidate).await??.pages.0 };
            corrected.add(&truth, &answer);
            if is_worst_wanted {
                Score::print_worst("HypoPG", &name, &truth, &answer);
            }
        }
    }
    println!("what-if against built indexes: relative error of the cost where the index is used, factor between sizes");
    println!(
        "{:<28} {:>5} {:>5} {:>5} {:>6} {:>10} {:>9} {:>8} {:>8} {:>7} {:>6}",
        "", "cand.", "pairs", "used", "exact", "median", "p90", "max", "use ok", "size", "p90"
    );
    all.print("twin");
    same.print("twin, HypoPG's candidates");
    raw.print("HypoPG, as it is");
    corrected.print("HypoPG, corrected");
    println!("limits of the twin: median 0.1 %, p90 2 %, use 99 %; sizes 1.1 and 1.5");
    what_if.close().await?.stop()?;
    Ok(())
}

/// Costs and uses, when every statement is planned.
fn answered(answers: Vec<Result<Planned, String>>) -> Result<Vec<source::Plan>, String> {
    let plan = |answer: Planned| source::Plan { cost: answer.cost, is_used: !answer.candidates.is_empty() };
    answers.into_iter().map(|answer| answer.map(plan)).collect()
}
