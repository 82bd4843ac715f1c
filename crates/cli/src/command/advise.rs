//! `pgtailor advise`: the best changes for a workload, with what they rest on.
//!
//! What contradicts itself, and where nothing could be written, is found before anything is asked. Start reading at [`run`].

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use pgtailor::model::advice::{Advice, AdviceLimits, Weighing};
use pgtailor::model::snapshot::Snapshot;
use pgtailor::model::unit::{Bytes, f64_as_count};
use pgtailor::report::migration::{self, Script};
use pgtailor::report::{AdviceReport, record};
use pgtailor::{AdviseOptions, CatalogSource, Database};

use super::database;
use super::twin::other_major;
use super::workload::options as sources;
use crate::arguments::{
    AdviseArguments, Budget, LimitArguments, MigrationArguments, SearchArguments, ServerArguments, WeighName,
};
use crate::output::Printer;
use crate::{Verdict, interrupt};

/// Asks, keeps the record, writes the migration, and prints.
pub async fn run(arguments: &AdviseArguments, printer: &Printer) -> anyhow::Result<Verdict> {
    check(arguments)?;
    let source = match &arguments.snapshot {
        Some(path) => {
            let snapshot = pgtailor::read_snapshot(path).with_context(|| format!("cannot read {}", path.display()))?;
            Source::Snapshot(Box::new(snapshot))
        }
        None => Source::Database(Box::new(database(&arguments.connection)?)),
    };
    let options = AdviseOptions {
        workload: sources(&arguments.sources),
        limits: limits(&arguments.limits, &source).await?,
        drops: arguments.drops,
        catalogs: arguments.catalog.iter().map(|name| CatalogSource::named(name)).collect(),
        ..searched(&arguments.search, &arguments.server)
    };
    let cancel = interrupt::token(printer, "stopping: the twin and its folder are removed");
    let advice = tokio::select! {
        advice = answer(&source, options) => advice?,
        () = cancel.cancelled() => return Err(pgtailor::Error::Interrupted.into()),
    };
    if let Some(path) = &arguments.output {
        std::fs::write(path, record::write(&advice)).with_context(|| format!("cannot write {}", path.display()))?;
    }
    if let Some(tool) = &arguments.migration.tool {
        write_migration(&advice, tool, &arguments.migration, printer)?;
    }
    printer.report(&AdviceReport { advice: &advice })?;
    Ok(Verdict::Done)
}

/// What is asked about.
pub(super) enum Source {
    Snapshot(Box<Snapshot>),
    Database(Box<Database>),
}

/// Flags that contradict each other, and places where nothing can be written.
fn check(arguments: &AdviseArguments) -> anyhow::Result<()> {
    check_limits(&arguments.limits, (!arguments.drops).then_some("--drops"))?;
    if let (Some(output), Some(snapshot)) = (&arguments.output, &arguments.snapshot)
        && output.canonicalize().is_ok_and(|output| snapshot.canonicalize().is_ok_and(|snapshot| output == snapshot))
    {
        anyhow::bail!("-o {} would overwrite the snapshot that is read", output.display());
    }
    if let Some(folder) = arguments.output.as_deref().and_then(Path::parent) {
        expect_folder(folder, "-o")?;
    }
    if let Some(tool) = &arguments.migration.tool {
        expect_folder(&arguments.migration.folder, "--migration-folder")?;
        if let Some(after) = &arguments.migration.after {
            migration::by_name(tool)?
                .accepts_after(after)
                .map_err(|reason| anyhow::anyhow!("--migration-after {after}: {reason}"))?;
        }
    }
    Ok(())
}

/// Limits that allow nothing, or contradict each other. `missing` is the flag without which only new indexes can be recommended.
pub(super) fn check_limits(limits: &LimitArguments, missing: Option<&str>) -> anyhow::Result<()> {
    let no_bytes = matches!(limits.budget, Some(Budget::Size(Bytes(0)))) || limits.budget == Some(Budget::Share(0.0));
    if let (true, Some(missing)) = (no_bytes || limits.max_indexes == Some(0) || limits.max_per_table == Some(0), missing) {
        let flag = match (no_bytes, limits.max_indexes) {
            (true, _) => "--budget",
            (false, Some(0)) => "--max-indexes",
            (false, _) => "--max-per-table",
        };
        anyhow::bail!("{flag} 0 allows no index, and without {missing} nothing else can be recommended");
    }
    if let (Some(all), Some(each)) = (limits.max_indexes, limits.max_per_table)
        && each > all
    {
        anyhow::bail!("--max-per-table {each} is more than --max-indexes {all} allows in all");
    }
    Ok(())
}

/// An error unless `folder` is one: a search of minutes must not end at a misspelled path.
fn expect_folder(folder: &Path, flag: &str) -> anyhow::Result<()> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    anyhow::bail!("{flag}: there is no folder {}", folder.display())
}

/// `share` of the tables and indexes in `snapshot`. What is stored outside of rows (TOAST) has no indexes that could be advised and does
/// not count.
fn part(snapshot: &Snapshot, share: f64) -> Bytes {
    let block_size = u64::from(snapshot.server.block_size);
    let tables = snapshot.catalog.tables.iter();
    let whole: Bytes = tables
        .map(|table| {
            let indexes: Bytes = table.indexes.iter().filter_map(|index| index.size).sum();
            table.size.unwrap_or_else(|| table.pages.bytes(block_size)) + indexes
        })
        .sum();
    Bytes(f64_as_count(whole.as_f64() * share))
}

/// What the answer must keep to; a budget in per cent needs a look at what is there.
pub(super) async fn limits(arguments: &LimitArguments, source: &Source) -> Result<AdviceLimits, pgtailor::Error> {
    let budget = match (arguments.budget, source) {
        (None, _) => None,
        (Some(Budget::Size(size)), _) => Some(size),
        (Some(Budget::Share(share)), Source::Snapshot(snapshot)) => Some(part(snapshot, share)),
        (Some(Budget::Share(share)), Source::Database(database)) => Some(part(&pgtailor::capture(database).await?, share)),
    };
    Ok(AdviceLimits {
        budget,
        indexes: arguments.max_indexes,
        per_table: arguments.max_per_table,
        upkeep: arguments.max_upkeep,
        minimal_gain: arguments.min_gain,
        gain_per_size: arguments.min_gain_per_size,
        regression: arguments.max_regression,
        columns: usize::from(arguments.max_columns),
    })
}

/// How the answer is searched, all else as usual.
pub(super) fn searched(search: &SearchArguments, server: &ServerArguments) -> AdviseOptions {
    AdviseOptions {
        weighing: match search.weigh {
            WeighName::Executions => Weighing::Executions,
            WeighName::Time => Weighing::Time,
        },
        time_limit: search.time_limit,
        gap: search.gap,
        server: server.server.clone(),
        other_major: other_major(server),
        ..AdviseOptions::default()
    }
}

/// Writes the files of `tool`, or none of them when one is there already.
fn write_migration(advice: &Advice, tool: &str, arguments: &MigrationArguments, printer: &Printer) -> anyhow::Result<()> {
    let Some(script) = Script::new(advice, jiff::Timestamp::now(), arguments.after.as_deref()) else {
        printer.note("nothing is recommended, so no migration is written");
        return Ok(());
    };
    let tool = migration::by_name(tool)?;
    let migration = tool.write(&script);
    let files: Vec<(PathBuf, &str)> =
        migration.files.iter().map(|(path, text)| (arguments.folder.join(path), text.as_str())).collect();
    if let Some((path, _)) = files.iter().find(|(path, _)| path.exists()) {
        anyhow::bail!("{} is there already; no migration was written", path.display());
    }
    for (path, text) in files {
        let write = || -> std::io::Result<()> {
            path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
            OpenOptions::new().write(true).create_new(true).open(&path)?.write_all(text.as_bytes())
        };
        write().with_context(|| format!("cannot write {}", path.display()))?;
        printer.note(&format!("wrote {}", path.display()));
    }
    printer.note(&format!("{} looks for migrations in {}", tool.name(), tool.place()));
    for hint in &migration.hints {
        printer.note(&format!("hint: {hint}"));
    }
    Ok(())
}

async fn answer(source: &Source, options: AdviseOptions) -> Result<Advice, pgtailor::Error> {
    match source {
        Source::Snapshot(snapshot) => pgtailor::advise_snapshot(snapshot, &options).await,
        Source::Database(database) => pgtailor::advise(database, &options).await,
    }
}
