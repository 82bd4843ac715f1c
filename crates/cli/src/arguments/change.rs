//! Arguments of what changes a database, and of what was changed.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use pgtailor::model::change::ChangeClass;

use super::advise::{AdvisorArguments, duration};
use super::conditions::ConditionArguments;
use super::{Connection, Policy};

/// Where what was done is written down.
#[derive(Args, Clone, Debug)]
pub struct LedgerArguments {
    /// Keep the ledger in this file, where no schema can be made for it in the database
    #[arg(long, value_name = "FILE")]
    pub ledger: Option<PathBuf>,
}

/// What entitles to drop an index.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Drops")]
pub struct DropArguments {
    /// How long an index must not have been scanned before it is dropped, unless another serves all that it serves: 31 days, and an earlier
    /// capture (--since) must have it, since no server records when an index was built; given by hand, it vouches that no index is younger
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub unused_for: Option<Duration>,

    /// A standby, where an index may be used that is not used here; each that reads from the server must be named before an unused index is
    /// dropped
    #[arg(long, value_name = "DATABASE")]
    pub standby: Vec<String>,
}

/// `pgtailor history`
#[derive(Args, Debug)]
pub struct HistoryArguments {
    #[command(flatten)]
    pub connection: Connection,

    #[command(flatten)]
    pub ledger: LedgerArguments,
}

/// `pgtailor optimize`
#[derive(Args, Debug)]
#[command(after_help = OPTIMIZE_EXAMPLES)]
pub struct OptimizeArguments {
    #[command(flatten)]
    pub connection: Connection,

    #[command(flatten)]
    pub ledger: LedgerArguments,

    /// Stop after the findings; exits with 1 when there are any
    #[arg(long, conflicts_with = "dry_run")]
    pub analyze_only: bool,

    /// Print the exact SQL with sizes, locks and expected build times, and change nothing
    #[arg(long)]
    pub dry_run: bool,

    /// With --dry-run, also write the steps to this file, for `pgtailor apply`
    #[arg(short, long, value_name = "FILE", requires = "dry_run")]
    pub output: Option<PathBuf>,

    /// Apply without asking
    #[arg(short, long)]
    pub yes: bool,

    /// A catalog of declared indexes: a TOML file, or a built-in name (dreflowpro); may be given several times
    #[arg(long, value_name = "FILE|NAME")]
    pub catalog: Vec<String>,

    /// Which declared indexes are created: `useful` leaves redundant ones out and says why
    #[arg(long, value_enum, default_value_t = Policy::Useful)]
    pub catalog_policy: Policy,

    /// Consider changes of these classes only
    #[arg(long, value_name = "CLASSES", value_delimiter = ',')]
    pub only: Vec<ChangeClass>,

    /// Allow classes beside create-index and analyze
    #[arg(long, value_name = "CLASSES", value_delimiter = ',')]
    pub allow: Vec<ChangeClass>,

    #[command(flatten)]
    pub conditions: ConditionArguments,

    #[command(flatten)]
    pub drops: DropArguments,

    #[command(flatten)]
    pub advisor: AdvisorArguments,

    /// The file of findings that are accepted and not acted upon; else pgtailor-accepted.toml, where there is one
    #[arg(long, value_name = "FILE")]
    pub accepted: Option<PathBuf>,
}

/// `pgtailor apply`
#[derive(Args, Debug)]
pub struct ApplyArguments {
    /// The rollout's file; steps may be left out of it, and nothing in it may be edited
    #[arg(value_name = "ROLLOUT")]
    pub rollout: PathBuf,

    #[command(flatten)]
    pub connection: Connection,

    #[command(flatten)]
    pub ledger: LedgerArguments,

    /// Print what would be done now, and change nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Apply without asking
    #[arg(short, long)]
    pub yes: bool,

    /// Allow classes beside create-index and analyze
    #[arg(long, value_name = "CLASSES", value_delimiter = ',')]
    pub allow: Vec<ChangeClass>,

    #[command(flatten)]
    pub conditions: ConditionArguments,

    #[command(flatten)]
    pub drops: DropArguments,

    /// An earlier capture: an index that was not scanned since was not used since
    #[arg(long, value_name = "SNAPSHOT")]
    pub since: Option<PathBuf>,
}

/// `pgtailor undo`
#[derive(Args, Debug)]
pub struct UndoArguments {
    #[command(flatten)]
    pub connection: Connection,

    #[command(flatten)]
    pub ledger: LedgerArguments,

    /// Entries to take back, by their number in `pgtailor history`
    #[arg(value_name = "ID", required_unless_present = "all", conflicts_with = "all")]
    pub ids: Vec<i64>,

    /// Take everything back, newest first
    #[arg(long)]
    pub all: bool,

    /// Afterwards remove the ledger, too: nothing of pgtailor stays in the database
    #[arg(long, requires = "all")]
    pub remove_ledger: bool,

    /// Print what would be done, and change nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Do it without asking
    #[arg(short, long)]
    pub yes: bool,

    #[command(flatten)]
    pub conditions: ConditionArguments,
}

const OPTIMIZE_EXAMPLES: &str = "\
Examples:
  pgtailor optimize --analyze-only                     findings, no changes
  pgtailor optimize --dry-run --budget 1GB             what the workload needs, asked of a twin, as steps
  pgtailor optimize --allow drop-index                 the same with drops; asks before it changes anything
  pgtailor optimize --catalog dreflowpro --dry-run     what would be built, and why the rest would not
  pgtailor optimize --catalog indexes.toml --yes       build what is missing, one index at a time
  pgtailor optimize --catalog indexes.toml --advise    the same, and what the workload needs beside it
  pgtailor optimize --catalog indexes.toml --dry-run --format sql > indexes.sql
  pgtailor optimize --dry-run --output rollout.json    to be reviewed, and carried out by pgtailor apply rollout.json

Change classes: create-index, drop-index, reindex, analyze, vacuum, settings, statistics.";
