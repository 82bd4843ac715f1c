//! How long raising a twin of a built-in blueprint takes: on a machine on which no lab was ever started, and on one that kept a fresh cluster.
//!
//! Labs keep it in the temporary folder, so that the twins are raised by a process of their own whose temporary folder is empty at first.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use jiff::Timestamp;
use pgtailor_blueprint::{Blueprint, builtin};
use pgtailor_model::planner::StatisticsLevel;
use pgtailor_model::snapshot::Snapshot;
use pgtailor_postgres::bench::{Filling, load};
use pgtailor_postgres::capture::{read_snapshot, write_snapshot};
use pgtailor_twin::{RaiseOptions, Twin};

use crate::speed::Outcome;
use crate::support::Source;

/// Twins raised with a cluster at hand; the fastest counts.
const CACHED: usize = 3;

/// Prints how long twins of `blueprint` take.
pub async fn print(blueprint: &str) -> Outcome<()> {
    let source = Source::start(&[]);
    let texts = builtin::find(blueprint).ok_or("no such blueprint")?.texts();
    let filling = Filling { scale: 0.02, seed: 1, now: Timestamp::now() };
    load(&source.database, &Blueprint::from_texts(&texts)?, filling, |_| {}).await?;
    let snapshot = source.captured(StatisticsLevel::Exact).await;
    drop(source);
    let folder = tempfile::tempdir()?;
    // The server may belong to another user.
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))?;
    let file = folder.path().join("snapshot");
    write_snapshot(&snapshot, &file)?;
    let labs = folder.path().join("labs");
    std::fs::create_dir(&labs)?;
    std::fs::set_permissions(&labs, std::fs::Permissions::from_mode(0o1777))?;
    let status = Command::new(std::env::current_exe()?).arg("raise").arg(&file).env("TMPDIR", &labs).status()?;
    if status.success() { Ok(()) } else { Err("the process that raises failed".into()) }
}

/// What that process does.
pub async fn raise(file: &Path) -> Outcome<()> {
    let snapshot = read_snapshot(file)?;
    let first = raised(&snapshot).await?;
    let mut best = f64::INFINITY;
    for _ in 0..CACHED {
        best = best.min(raised(&snapshot).await?);
    }
    let tables = snapshot.catalog.tables.len();
    println!(
        "raising a twin of the blueprint, {tables} tables: {first:.2} s (limit 5 s), {best:.2} s with a cluster at hand (limit 3 s)"
    );
    Ok(())
}

async fn raised(snapshot: &Snapshot) -> Outcome<f64> {
    let began = Instant::now();
    let raised = Twin::raise(snapshot, &RaiseOptions::default()).await?;
    let took = began.elapsed().as_secs_f64();
    raised.twin.stop()?;
    Ok(took)
}
