//! The demonstration: a private server, a blueprint's data and workload, measured before and after its catalog is applied.
//!
//! Nothing here knows a particular blueprint. The data are made up; the server, the statements, the builds and the times are real.

pub use pgtailor_postgres::bench::LoadProgress;

mod measure;
mod reason;

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use pgtailor_blueprint::Blueprint;
use pgtailor_lab::{Binaries, Lab, LabOptions};
use pgtailor_model::declared::{DeclaredIndex, Judged};
use pgtailor_model::measurement::{Condition, Measurement};
use pgtailor_model::outcome::StepOutcome;
use pgtailor_model::unit::{Bytes, Milliseconds, Rows};
use pgtailor_postgres::bench::{self, DriveOptions, Filling};
use pgtailor_postgres::connect::Database;
use pgtailor_postgres::executor::Events;
use tokio_util::sync::CancellationToken;

use crate::analysis::{Analysis, analyze};
use crate::catalog::CatalogSource;
use crate::error::Error;
use crate::optimize::{Options, apply};

/// The name of the database in the lab.
const DATABASE: &str = "demo";
/// Before each measurement, unmeasured: caches fill, plans are made.
const WARM_UP: Duration = Duration::from_secs(5);
/// A statement that takes longer is counted as an error; nothing in a demonstration should.
const STATEMENT_LIMIT: Duration = Duration::from_mins(1);

/// What the demonstration shows.
#[derive(Clone, Debug)]
pub struct DemoOptions {
    /// Schema, data, workload and catalog.
    pub blueprint: Blueprint,
    /// Size of the data, as a factor.
    pub scale: f64,
    /// Concurrent clients.
    pub clients: u32,
    /// How long is measured, each time.
    pub duration: Duration,
    /// Seed of data and workload.
    pub seed: u64,
    /// Folder of the server's programs; the newest that is found otherwise.
    pub server: Option<PathBuf>,
    /// The moment that the data's times are relative to.
    pub now: Timestamp,
}

/// What happens while it runs.
#[derive(Clone, Debug, PartialEq)]
pub enum Stage {
    /// A server was started.
    Server {
        /// Its version.
        version: String,
    },
    /// Data is being made.
    Loading(LoadProgress),
    /// Data is there.
    Loaded {
        /// Rows of all tables.
        rows: Rows,
        /// Size of the database.
        size: Bytes,
        /// How long it took.
        took: Duration,
    },
    /// The workload is being measured.
    Measuring {
        /// `before` or `after`.
        when: &'static str,
        /// Part that is done, 0 to 1.
        fraction: f64,
        /// Statements so far.
        executions: u64,
    },
    /// The workload was measured.
    Measured {
        /// `before` or `after`.
        when: &'static str,
        /// Statements a second.
        per_second: f64,
    },
    /// The catalog was judged; this many steps follow.
    Applying {
        /// Entries of the catalog.
        entries: usize,
        /// Steps.
        steps: usize,
    },
    /// The steps are done.
    Applied {
        /// How long they took.
        took: Duration,
    },
}

/// What the demonstration found.
#[derive(Clone, Debug)]
pub struct Demonstration {
    /// Before and after.
    pub measurement: Measurement,
    /// The catalog beside the database.
    pub judged: Vec<Judged>,
    /// What became of each step.
    pub outcomes: Vec<StepOutcome>,
    /// What the analysis saw between the measurements.
    pub analysis: Analysis,
}

/// Runs it: start, load, measure, optimize, measure, stop. Whatever happens, no server and no folder is left.
///
/// # Errors
///
/// No server found, a blueprint that does not load, [`Error::Interrupted`] on cancellation.
pub async fn run(
    options: &DemoOptions,
    tell: &(dyn Fn(Stage) + Sync),
    events: &Events,
    cancel: &CancellationToken,
) -> Result<Demonstration, Error> {
    let lab = start(options.server.as_deref()).await?;
    let demonstration = tokio::select! {
        demonstration = on(&lab, options, tell, events, cancel) => demonstration,
        () = cancel.cancelled() => Err(Error::Interrupted),
    };
    lab.stop()?;
    demonstration
}

async fn on(
    lab: &Lab,
    options: &DemoOptions,
    tell: &(dyn Fn(Stage) + Sync),
    events: &Events,
    cancel: &CancellationToken,
) -> Result<Demonstration, Error> {
    tell(Stage::Server { version: lab.version().text.clone() });
    let database = Database::from_url(&lab.url(DATABASE))?;
    bench::create_database(&Database::from_url(&lab.url("postgres"))?, DATABASE).await?;
    let filling = Filling { scale: options.scale, seed: options.seed, now: options.now };
    let loaded = bench::load(&database, &options.blueprint, filling, |progress| tell(Stage::Loading(progress))).await?;
    let took = loaded.schema + loaded.copy + loaded.constraints + loaded.analyze;
    tell(Stage::Loaded { rows: loaded.rows, size: loaded.database, took });
    let records_statements = bench::record_statements(&database).await?;

    let before = measure_once(lab, &database, options, filling, "before", tell, cancel).await?;
    let optimize = Options { catalogs: vec![entries(&options.blueprint.catalog)], ..Options::default() };
    let analysis = analyze(&database, &optimize).await?;
    tell(Stage::Applying { entries: analysis.judged.len(), steps: analysis.rollout.steps.len() });
    let begun = std::time::Instant::now();
    let outcomes = apply(&database, &analysis.rollout, &optimize.conditions, events, cancel).await?;
    tell(Stage::Applied { took: begun.elapsed() });
    let after = measure_once(lab, &database, options, filling, "after", tell, cancel).await?;

    let index_bytes = (
        measure::index_bytes(&analysis.snapshot),
        measure::index_bytes(&analyze(&database, &Options::default()).await?.snapshot),
    );
    let mut measurement = measure::compare(&options.blueprint, &before, &after, index_bytes);
    measurement.stays_slow = reason::stays_slow(&database, options, filling, &measurement).await?;
    measurement.conditions = conditions(lab, options, &loaded, records_statements, &before, &after);
    Ok(Demonstration { measurement, judged: analysis.judged.clone(), outcomes, analysis })
}

/// Starts the server of a demonstration; the newest that is found, unless `server` names a folder of its programs.
///
/// # Errors
///
/// No server found, or none that starts.
pub async fn start(server: Option<&Path>) -> Result<Lab, Error> {
    let mut lab = LabOptions::new();
    if let Some(folder) = server {
        lab.binaries = Binaries::Folder(folder.to_owned());
    }
    // A server of its usual settings, but for what any server of this size would be given, and what makes loading quick.
    for (name, value) in [
        ("shared_buffers", "512MB"),
        ("maintenance_work_mem", "256MB"),
        ("max_wal_size", "4GB"),
        ("checkpoint_timeout", "30min"),
        ("wal_level", "minimal"),
        ("max_wal_senders", "0"),
        ("shared_preload_libraries", "pg_stat_statements"),
    ] {
        lab = lab.with_setting(name, value);
    }
    let started = tokio::task::spawn_blocking(move || Lab::start(&lab)).await;
    Ok(started.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?)
}

async fn measure_once(
    lab: &Lab,
    database: &Database,
    options: &DemoOptions,
    filling: Filling,
    when: &'static str,
    tell: &(dyn Fn(Stage) + Sync),
    cancel: &CancellationToken,
) -> Result<measure::Run, Error> {
    let salt = if when == "before" { 0 } else { 2 };
    let drive = DriveOptions {
        clients: options.clients,
        duration: WARM_UP.min(options.duration),
        warmup: Duration::ZERO,
        seed: options.seed.wrapping_add(1_000),
        salt,
        statement_limit: STATEMENT_LIMIT,
    };
    bench::drive(database, &options.blueprint, filling, drive, |_| {}, cancel).await?;
    let measured = DriveOptions { duration: options.duration, seed: options.seed, salt: salt + 1, ..drive };
    let cpu_before = lab.cpu_time().ok();
    let report = bench::drive(
        database,
        &options.blueprint,
        filling,
        measured,
        |progress| {
            let fraction = progress.elapsed.as_secs_f64() / progress.total.as_secs_f64().max(f64::MIN_POSITIVE);
            tell(Stage::Measuring { when, fraction, executions: progress.executions });
        },
        cancel,
    )
    .await?;
    let cpu = lab.cpu_time().ok().zip(cpu_before).map(|(after, before)| after.saturating_sub(before));
    if report.cancelled {
        return Err(Error::Interrupted);
    }
    tell(Stage::Measured { when, per_second: report.per_second });
    Ok(measure::Run { report, cpu })
}

fn entries(catalog: &[DeclaredIndex]) -> CatalogSource {
    CatalogSource::Entries(catalog.to_vec())
}

fn conditions(
    lab: &Lab,
    options: &DemoOptions,
    loaded: &bench::LoadReport,
    records_statements: bool,
    before: &measure::Run,
    after: &measure::Run,
) -> Vec<Condition> {
    let condition = |name: &str, value: String| Condition { name: name.to_owned(), value };
    let processors = std::thread::available_parallelism().map_or_else(|_| "unknown".to_owned(), |count| count.to_string());
    let errors = |run: &measure::Run| run.report.errors.values().sum::<u64>();
    vec![
        condition("blueprint", format!("{}, scale {}, seed {}", options.blueprint.name, options.scale, options.seed)),
        condition("data", format!("{} rows, {} with primary keys and constraints", loaded.rows, loaded.database)),
        condition(
            "server",
            format!("PostgreSQL {} on this machine, {processors} processors, shared with the clients", lab.version().text),
        ),
        condition(
            "settings",
            "shared_buffers 512 MB, fsync and synchronous_commit off (a disposable server), else defaults".to_owned(),
        ),
        condition(
            "load",
            format!(
                "{} clients, each asking again as soon as it is answered; {} s before and {} s after, each after {} s of warm-up",
                options.clients,
                options.duration.as_secs(),
                options.duration.as_secs(),
                WARM_UP.min(options.duration).as_secs()
            ),
        ),
        condition(
            "statements",
            format!(
                "{} before and {} after; the same draws by weight, kind and value; pg_stat_statements {}",
                Rows(before.report.executions),
                Rows(after.report.executions),
                if records_statements { "on" } else { "not available" }
            ),
        ),
        condition(
            "left out",
            format!(
                "{} and {} statements that were running at the end, {} and {} errors",
                before.report.unfinished,
                after.report.unfinished,
                errors(before),
                errors(after)
            ),
        ),
        condition("times", "measured at the client, from sending to the last row".to_owned()),
    ]
}

/// A duration in the model's unit.
fn milliseconds(duration: Duration) -> Milliseconds {
    Milliseconds(duration.as_secs_f64() * 1_000.0)
}
