//! `pgtailor twin`: starts, lists and stops private servers that plan like a database.

use anyhow::Context as _;
use pgtailor::report::{TwinReport, TwinsReport, Which};
use pgtailor::{OtherMajor, StartTwin, WantedTables};

use crate::arguments::{ServerArguments, TwinCommand, TwinStartArguments, TwinStopArguments};
use crate::output::Printer;
use crate::{Verdict, interrupt};

/// Carries out the subcommand.
pub async fn run(command: TwinCommand, printer: &Printer) -> anyhow::Result<Verdict> {
    match command {
        TwinCommand::Start(arguments) => start(&arguments, printer).await,
        TwinCommand::List => list(&pgtailor::running_twins()?, Which::Running, printer),
        TwinCommand::Stop(arguments) => list(&stop(&arguments)?, Which::Stopped, printer),
    }
}

/// What the flag says.
pub(super) fn other_major(arguments: &ServerArguments) -> OtherMajor {
    if arguments.other_major { OtherMajor::Allow } else { OtherMajor::Refuse }
}

async fn start(arguments: &TwinStartArguments, printer: &Printer) -> anyhow::Result<Verdict> {
    let path = &arguments.snapshot;
    let snapshot = pgtailor::read_snapshot(path).with_context(|| format!("cannot read {}", path.display()))?;
    let options = StartTwin {
        server: arguments.server.server.clone(),
        other_major: other_major(&arguments.server),
        tables: match (arguments.used_tables, arguments.tables.as_slice()) {
            (true, _) => WantedTables::Used,
            (false, []) => WantedTables::All,
            (false, names) => WantedTables::Named(names.to_vec()),
        },
        statistics_dump: arguments.statistics_dump.clone(),
    };
    let cancel = interrupt::token(printer, "stopping: the twin and its folder are removed");
    let started = tokio::select! {
        started = pgtailor::start_twin(&snapshot, &options) => started?,
        () = cancel.cancelled() => return Err(pgtailor::Error::Interrupted.into()),
    };
    printer.report(&TwinReport { twin: &started.twin, fidelity: &started.fidelity, inexact: &started.inexact })?;
    Ok(Verdict::Done)
}

fn stop(arguments: &TwinStopArguments) -> Result<Vec<pgtailor::model::twin::RunningTwin>, pgtailor::Error> {
    match &arguments.id {
        Some(id) => Ok(vec![pgtailor::stop_twin(id)?]),
        None => pgtailor::stop_all_twins(),
    }
}

fn list(twins: &[pgtailor::model::twin::RunningTwin], which: Which, printer: &Printer) -> anyhow::Result<Verdict> {
    printer.report(&TwinsReport { twins, which, now: jiff::Timestamp::now() })?;
    Ok(Verdict::Done)
}
