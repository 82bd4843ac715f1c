//! What advice is worth beside a declared catalog, measured: `cargo run --release --example advise_blueprint [SCALE] [SECONDS] [ROUNDS]`.
//!
//! A lab is filled with the built-in blueprint and driven without indexes, so that the server knows the statements. Then one copy gets the whole
//! catalog (policy `all`), one what the advisor recommends, and one what it recommends within a third of the catalog's bytes; all are driven in
//! turns with the same draws. It prints times by category, writes a second and bytes of indexes, and for every statement that is slower with
//! advice, which indexes either plan uses.

#![expect(clippy::print_stdout, reason = "printing is what this program is for")]

use std::time::Duration;

use jiff::Timestamp;
use pgtailor::blueprint::workload::Kind;
use pgtailor::blueprint::{Blueprint, builtin};
use pgtailor::model::declared::CatalogPolicy;
use pgtailor::model::moment::Conditions;
use pgtailor::model::unit::Bytes;
use pgtailor::{
    AdviseOptions, Advising, Analysis, Applied, CancellationToken, CatalogSource, Database, Events, Options, apply, capture,
    demo, propose,
};
use pgtailor_postgres::bench::{self, DriveOptions, DriveReport, Filling};
use pgtailor_postgres::lab_session::LabSession;

type Failure = Box<dyn std::error::Error>;

/// Concurrent clients, as the demonstration has them.
const CLIENTS: u32 = 4;
/// How long statements are recorded for the advisor: without indexes few run in a second, and rare ones must be seen.
const RECORDING: Duration = Duration::from_secs(90);
/// Before each measured run.
const WARM_UP: Duration = Duration::from_secs(4);
/// A category is slower only beyond what two runs of the same database differ by.
const NOISE: f64 = 1.05;
/// Differences of medians below this, in milliseconds, are not looked into.
const NOTICED: f64 = 0.05;

/// One database with its indexes.
struct Side {
    name: &'static str,
    database: Database,
    indexes: usize,
    bytes: Bytes,
    /// Of the whole workload, by round.
    mixed: Vec<DriveReport>,
    /// Of its writes alone, by round.
    writes: Vec<DriveReport>,
}

#[tokio::main(flavor = "multi_thread")]
async fn main() -> Result<(), Failure> {
    let numbers: Vec<f64> = std::env::args().skip(1).map(|word| word.parse()).collect::<Result<_, _>>()?;
    let number = |at: usize, usual: f64| numbers.get(at).copied().unwrap_or(usual);
    let (scale, seconds, rounds) = (number(0, 1.0), Duration::from_secs_f64(number(1, 20.0)), number(2, 3.0));
    let blueprint = builtin::find("dreflowpro").ok_or("the blueprint is built in")?.blueprint();
    let filling = Filling { scale, seed: 1, now: Timestamp::now() };

    let lab = demo::start(None).await?;
    let address = |name: &str| Database::from_url(&lab.url(name));
    bench::create_database(&address("postgres")?, "advised").await?;
    let advised = address("advised")?;
    let loaded = bench::load(&advised, &blueprint, filling, |_| {}).await?;
    println!("blueprint {} at scale {scale}: {} rows, {}", blueprint.name, loaded.rows, loaded.database);
    if !bench::record_statements(&advised).await? {
        return Err("the server's installation lacks pg_stat_statements".into());
    }
    let recorded = drive(&advised, &blueprint, filling, RECORDING, 0).await?;
    println!("recorded without indexes: {} statements, {:.1}/s", recorded.executions, recorded.per_second);
    let session = LabSession::connect(&address("postgres")?).await?;
    for copy in ["guide", "third"] {
        session.run("copy the database", &format!("CREATE DATABASE {copy} TEMPLATE advised")).await?;
    }
    let catalog = CatalogSource::Entries(blueprint.catalog.clone());
    let whole = Options { catalogs: vec![catalog], policy: CatalogPolicy::All, advise: Advising::Never, ..Options::default() };
    let guide = address("guide")?;
    let guide = side("catalog", guide.clone(), &propose(&guide, &whole).await?).await?;
    let advice = AdviseOptions { time_limit: Duration::from_secs(30), gap: 0.01, ..AdviseOptions::default() };
    let mut asked = Options { advice, ..Options::default() };
    // Statements were recorded in this one; a copy has the same identifiers, so that a rollout fits it as well.
    let free = told(propose(&advised, &asked).await?);
    // A thousandth of the cost without indexes is much of what is left with them: within a budget, the budget is limit enough.
    asked.advice.limits.budget = Some(Bytes(guide.bytes.0 / 3));
    asked.advice.limits.minimal_gain = 0.0;
    let within = told(propose(&advised, &asked).await?);
    let mut sides = vec![guide, side("advice", advised, &free).await?, side("a third", address("third")?, &within).await?];

    let writes = Blueprint { workload: blueprint.workload.only(|one| one.kind == Kind::Write), ..blueprint.clone() };
    let mut salt = 1;
    let mut round = 0.0;
    while round < rounds {
        for side in &mut sides {
            drive(&side.database, &blueprint, filling, WARM_UP, salt).await?;
            side.mixed.push(drive(&side.database, &blueprint, filling, seconds, salt + 1).await?);
            side.writes.push(drive(&side.database, &writes, filling, seconds / 2, salt + 2).await?);
        }
        salt += 3;
        round += 1.0;
    }
    for other in &sides[1..] {
        compare(&sides[0], other);
        slower([&sides[0], other], &blueprint, filling).await?;
    }
    lab.stop()?;
    Ok(())
}

async fn drive(
    database: &Database,
    blueprint: &Blueprint,
    filling: Filling,
    duration: Duration,
    salt: u64,
) -> Result<DriveReport, Failure> {
    let options = DriveOptions {
        clients: CLIENTS,
        duration,
        warmup: Duration::ZERO,
        seed: 1_000 + salt,
        salt,
        statement_limit: Duration::from_mins(1),
    };
    Ok(bench::drive(database, blueprint, filling, options, |_| {}, &CancellationToken::new()).await?)
}

/// Prints the advice with its bound.
fn told(analysis: Analysis) -> Analysis {
    let Some(advice) = analysis.counsel.advice() else {
        println!("no advice: {:?}", analysis.counsel);
        return analysis;
    };
    for one in &advice.recommendations {
        println!("  {:>8} {:>7.3} % {}", one.size.to_string(), one.gain / advice.cost_before * 100.0, one.sql);
    }
    for one in &advice.skipped {
        println!("  skipped ({}): {}", one.reason, head(&one.statement));
    }
    let (bound, effort) = (advice.bound, advice.effort);
    println!(
        "advice: planner cost {:.4} of before (what-if), {} indexes, {} (estimated); gap {:.2} % of {} candidates in {:.1} s, {} plannings{}",
        advice.cost_after / advice.cost_before,
        advice.recommendations.len(),
        advice.size,
        bound.gap * 100.0,
        bound.candidates,
        effort.seconds,
        effort.what_if_calls,
        if bound.gap < 0.01 && effort.seconds <= 31.0 {
            ": holds (wanted: under 1 % within 30 s)"
        } else {
            ": MISSED (wanted: under 1 % within 30 s)"
        },
    );
    analysis
}

fn head(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(90).collect()
}

/// Carries out what was proposed, and says how large that is.
async fn side(name: &'static str, database: Database, analysis: &Analysis) -> Result<Side, Failure> {
    let outcomes =
        apply(&database, &analysis.rollout, &Conditions::default(), &Events::ignored(), &CancellationToken::new()).await?;
    let Applied { done, not_done } = Applied::of(&outcomes);
    let snapshot = capture(&database).await?;
    let added: Vec<Bytes> =
        snapshot.catalog.indexes().filter(|(_, index)| index.constraint.is_none()).filter_map(|(_, index)| index.size).collect();
    let bytes = added.iter().copied().sum();
    println!(
        "{name}: {done} steps done, {not_done} not; {} indexes beside those of constraints, {bytes} (measured)",
        added.len()
    );
    Ok(Side { name, database, indexes: added.len(), bytes, mixed: Vec::new(), writes: Vec::new() })
}

/// The middle one of several rounds.
fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn verdict(holds: bool) -> &'static str {
    if holds { "holds" } else { "MISSED" }
}

fn compare(catalog: &Side, advice: &Side) {
    println!("{}: medians at the client, ms, the middle of {} rounds each (measured)", advice.name, catalog.mixed.len());
    for (at, category) in catalog.mixed[0].categories.iter().enumerate() {
        let median = |side: &Side| middle(side.mixed.iter().map(|run| run.categories[at].times.median.0).collect());
        let mean = |side: &Side| middle(side.mixed.iter().map(|run| run.categories[at].times.mean.0).collect());
        let (before, after) = (median(catalog), median(advice));
        println!(
            "  {:<24} {} {before:>8.3}  {} {after:>8.3}  mean {:>8.3} {:>8.3}  {}",
            category.name,
            catalog.name,
            advice.name,
            mean(catalog),
            mean(advice),
            verdict(after <= before * NOISE)
        );
    }
    let rate = |runs: &[DriveReport]| middle(runs.iter().map(|run| run.writes_per_second).collect());
    let all = |runs: &[DriveReport]| middle(runs.iter().map(|run| run.per_second).collect());
    println!("statements a second: {:.1} and {:.1}", all(&catalog.mixed), all(&advice.mixed));
    let mixed = rate(&advice.mixed) / rate(&catalog.mixed);
    println!(
        "writes a second in the mix: {:.1} and {:.1}: {:+.1} %",
        rate(&catalog.mixed),
        rate(&advice.mixed),
        (mixed - 1.0) * 100.0
    );
    let alone = rate(&advice.writes) / rate(&catalog.writes);
    println!(
        "writes a second alone: {:.1} and {:.1}: {:+.1} %, wanted +25 %: {}",
        rate(&catalog.writes),
        rate(&advice.writes),
        (alone - 1.0) * 100.0,
        verdict(alone >= 1.25)
    );
    let part = advice.bytes.as_f64() / catalog.bytes.as_f64();
    println!(
        "index bytes: {} in {} and {} in {}: {:.2}, wanted at most 0.33: {}",
        catalog.bytes,
        catalog.indexes,
        advice.bytes,
        advice.indexes,
        part,
        verdict(part <= 1.0 / 3.0)
    );
}

/// Statements that are slower with advice than with the catalog, and what either plan uses.
async fn slower(sides: [&Side; 2], blueprint: &Blueprint, filling: Filling) -> Result<(), Failure> {
    let median = |side: &Side, at: usize| middle(side.mixed.iter().map(|run| run.statements[at].times.median.0).collect());
    let is_slower = |at: &usize| {
        let (before, after) = (median(sides[0], *at), median(sides[1], *at));
        after > before * NOISE && after - before > NOTICED
    };
    let positions: Vec<usize> = (0..blueprint.workload.statements().len()).filter(is_slower).collect();
    let mut plans = Vec::new();
    for side in sides {
        plans.push(bench::explain(&side.database, blueprint, filling, &positions, 7).await?);
    }
    println!("{} of {} statements are slower than with the catalog:", positions.len(), blueprint.workload.statements().len());
    for (number, at) in positions.iter().enumerate() {
        let statement = &blueprint.workload.statements()[*at];
        println!("  {} ({}, weight {})", statement.name, statement.category, statement.weight);
        for (side, plans) in sides.iter().zip(&plans) {
            let plan = &plans[number];
            let executions: u64 = side.mixed.iter().map(|run| run.statements[*at].times.executions).sum();
            println!(
                "    {:<8} {:>9.3} ms in {executions} executions, planner cost {:.1}, most in {} {}, indexes {:?}",
                side.name,
                median(side, *at),
                plan.total,
                plan.kind,
                plan.relation.as_deref().unwrap_or_default(),
                plan.indexes
            );
        }
    }
    Ok(())
}
