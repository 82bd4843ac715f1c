//! The command line, as clap sees it. What a flag does is decided in `command/`.

mod advise;
mod change;
mod conditions;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use advise::{
    AdviseArguments, AdviseWhen, Budget, LimitArguments, MigrationArguments, SearchArguments, WeighName, WhyArguments,
    WhyNotArguments,
};
pub use change::{ApplyArguments, DropArguments, HistoryArguments, LedgerArguments, OptimizeArguments, UndoArguments};

/// Fits a PostgreSQL database to its workload: finds what is slow, chooses what helps, applies it without blocking anyone, takes it back.
#[derive(Debug, Parser)]
#[command(name = "pgtailor", version, propagate_version = true, max_term_width = 100, after_help = EXAMPLES)]
pub struct Arguments {
    /// What to do
    #[command(subcommand)]
    pub command: Command,

    /// How results are written; never changes what is found
    #[arg(long, global = true, value_enum, default_value_t = FormatName::Human)]
    pub format: FormatName,

    /// When to use colour; `auto` follows the terminal and `NO_COLOR`
    #[arg(long, global = true, value_enum, default_value_t = ColourChoice::Auto, value_name = "WHEN")]
    pub color: ColourChoice,

    /// Print results and errors only: no progress, no hints
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// See it work: a private server, a realistic workload, measured before and after
    Demo(DemoArguments),
    /// Walk the whole loop: analyze, choose, ask, apply, verify
    Optimize(Box<OptimizeArguments>),
    /// Write everything known about the database, without any row of data, to a file
    Capture(CaptureArguments),
    /// Show how tables are used and what is wrong, or with --plans how statements would be planned; exits with 1 when something is wrong
    Check(CheckArguments),
    /// Write down that a finding is left as it is, with the reason: `check` and `optimize` pass over it from then on
    Accept(AcceptArguments),
    /// Private servers without data that plan like the database: to EXPLAIN production's plans on this machine
    #[command(subcommand)]
    Twin(TwinCommand),
    /// Show what the database is asked to do: statements by time, tables, values, and what was left out and why
    Workload(WorkloadArguments),
    /// Choose the best changes for the workload under a budget, with their evidence and how far from the best they can be
    Advise(Box<AdviseArguments>),
    /// Say why an index is recommended, dropped or replaced
    Why(WhyArguments),
    /// Say why an index is not recommended
    WhyNot(WhyNotArguments),
    /// Carry out a rollout that `optimize --dry-run --output` wrote to a file
    Apply(ApplyArguments),
    /// Take applied changes back
    Undo(UndoArguments),
    /// List what was done to the database
    History(HistoryArguments),
    /// Say what this role, server and machine can and cannot do, and the one command that fixes each
    Doctor(DoctorArguments),
    /// Print every statement that can be sent to a database, by what it can do; connects to nothing
    AuditSql,
    /// Print a shell's completion script
    Completions {
        /// For which shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, in roff
    Man,
}

/// Which database; without any of these, as psql decides.
#[derive(Args, Clone, Debug)]
pub struct Connection {
    /// URL, key=value string or database name, as psql takes it; else `DATABASE_URL`, PGHOST, PGSERVICE, ~/.pgpass and so on
    #[arg(short, long, value_name = "DATABASE")]
    pub database: Option<String>,
}

/// `pgtailor demo`
#[derive(Args, Debug)]
pub struct DemoArguments {
    /// A built-in blueprint's name, or a folder that holds one
    #[arg(long, default_value = "dreflowpro")]
    pub blueprint: String,

    /// Size of the data; 1 is what the blueprint calls its full size
    #[arg(long, default_value_t = 1.0, value_parser = positive)]
    pub scale: f64,

    /// Concurrent clients
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub clients: u16,

    /// How long the workload is measured, before and again after
    #[arg(long, default_value_t = 60, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub seconds: u32,

    /// Seed of the data and of the workload
    #[arg(long, default_value_t = 1)]
    pub seed: u64,

    /// Where the HTML report is written
    #[arg(long, default_value = "pgtailor-demo.html", value_name = "FILE")]
    pub report: PathBuf,

    /// Folder with the server's programs (initdb, postgres); else the one in PATH, else the newest
    #[arg(long, value_name = "FOLDER")]
    pub server: Option<PathBuf>,
}

/// `pgtailor capture`
#[derive(Args, Debug)]
pub struct CaptureArguments {
    #[command(flatten)]
    pub connection: Connection,

    /// The snapshot file to write (gzip-compressed JSON)
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,

    /// What is kept of the values in column statistics, which a twin plans by
    #[arg(long, value_enum, default_value_t = StatisticsName::Exact, value_name = "LEVEL")]
    pub statistics: StatisticsName,

    /// For a twin, only these tables with their partitions and parents: `orders`, `app.orders`, `app.*`; may be given several times
    #[arg(long, value_name = "TABLES", value_delimiter = ',')]
    pub tables: Vec<String>,

    /// For a twin, only tables that recorded statements use
    #[arg(long, conflicts_with = "tables")]
    pub used_tables: bool,

    /// As a superuser, also plan statements that call functions from outside `pg_catalog`; see `pgtailor workload --help`
    #[arg(long)]
    pub trust_functions: bool,
}

/// `pgtailor check`
#[derive(Args, Debug)]
#[command(after_help = CHECK_EXAMPLES)]
pub struct CheckArguments {
    /// A snapshot file; else the database is asked
    #[arg(value_name = "SNAPSHOT", conflicts_with = "database")]
    pub snapshot: Option<PathBuf>,

    #[command(flatten)]
    pub connection: Connection,

    /// Exit with 1 when something at least this bad is found
    #[arg(long, value_enum, default_value_t = FailOn::Notice, value_name = "SEVERITY")]
    pub fail_on: FailOn,

    /// The file of findings that are accepted; else pgtailor-accepted.toml, where there is one
    #[arg(long, value_name = "FILE")]
    pub accepted: Option<PathBuf>,

    #[command(flatten)]
    pub plans: PlanArguments,
}

/// `pgtailor check --plans`
#[derive(Args, Debug)]
#[command(next_help_heading = "Plans")]
pub struct PlanArguments {
    /// Plan statements at the size of the database in SNAPSHOT, in a private server without data; nothing else is connected to
    ///
    /// Exits with 1 when one would read too much, or costs more than before
    #[arg(long, requires = "snapshot", conflicts_with = "fail_on")]
    pub plans: bool,

    /// The statements: an `.sql` file, a folder of them, a server log, or `-`; without any, those that the snapshot recorded
    #[arg(long, value_name = "SOURCE", requires = "plans")]
    pub workload: Vec<String>,

    /// What server logs are; else their first lines decide
    #[arg(long, value_enum, value_name = "FORMAT", requires = "plans")]
    pub log_format: Option<LogFormatName>,

    /// The server's `log_line_prefix`, spaces at its end included; else the entries decide
    #[arg(long, value_name = "PREFIX", requires = "plans")]
    pub log_line_prefix: Option<String>,

    /// Apply this DDL first, for example the change's migration, and compare with before
    #[arg(long, value_name = "FILE", requires = "plans")]
    pub apply_sql: Vec<PathBuf>,

    /// The most rows of one table that a statement may read by sequential scans
    #[arg(long, value_name = "ROWS", default_value_t = pgtailor::MOST_SCANNED_ROWS.0, conflicts_with = "max_pages", requires = "plans")]
    pub max_rows: u64,

    /// The same in pages, in place of rows
    #[arg(long, value_name = "PAGES", requires = "plans")]
    pub max_pages: Option<u64>,

    /// How many times its cost from before --apply-sql a statement may cost
    #[arg(long, value_name = "TIMES", default_value_t = pgtailor::MOST_GROWTH, value_parser = positive, requires = "plans")]
    pub max_growth: f64,

    /// Fail also when a statement cannot be planned
    #[arg(long, requires = "plans")]
    pub strict: bool,

    #[command(flatten)]
    pub server: ServerArguments,
}

/// Which server programs a twin runs on.
#[derive(Args, Debug)]
pub struct ServerArguments {
    /// Folder with the server's programs (initdb, postgres); else the newest of the source's major version
    #[arg(long, value_name = "FOLDER")]
    pub server: Option<PathBuf>,

    /// Take a server of another major version when the source's is not installed: plans are approximate
    #[arg(long)]
    pub other_major: bool,
}

/// `pgtailor accept`
#[derive(Args, Debug)]
pub struct AcceptArguments {
    /// The check, as findings name it: `no-primary-key`
    pub check: String,

    /// The table, as findings name it: `orders`, `app.orders`
    pub table: String,

    /// Only this index, sequence, constraint or column of the table
    pub object: Option<String>,

    /// Why it is left as it is
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub reason: String,

    /// The last day on which that holds; for good without it
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub until: Option<pgtailor::model::acceptance::Date>,

    /// The file to write it to
    #[arg(long, value_name = "FILE", default_value = pgtailor::ACCEPTED)]
    pub file: PathBuf,
}

/// `pgtailor twin`
#[derive(Debug, Subcommand)]
pub enum TwinCommand {
    /// Start one from a snapshot, test it, and leave it running
    Start(TwinStartArguments),
    /// List those that run
    List,
    /// Stop one, or all, and remove everything of them
    Stop(TwinStopArguments),
}

/// `pgtailor twin start`
#[derive(Args, Debug)]
pub struct TwinStartArguments {
    /// The snapshot file
    #[arg(value_name = "SNAPSHOT")]
    pub snapshot: PathBuf,

    /// Only these tables with their partitions and parents: `orders`, `app.orders`, `app.*`; may be given several times
    #[arg(long, value_name = "TABLES", value_delimiter = ',')]
    pub tables: Vec<String>,

    /// Only tables that recorded statements use
    #[arg(long, conflicts_with = "tables")]
    pub used_tables: bool,

    /// Statistics that `pg_dump --statistics-only` of PostgreSQL 18 or newer wrote, in place of the snapshot's
    #[arg(long, value_name = "FILE")]
    pub statistics_dump: Option<PathBuf>,

    #[command(flatten)]
    pub server: ServerArguments,
}

/// `pgtailor twin stop`
#[derive(Args, Debug)]
pub struct TwinStopArguments {
    /// Its identifier in `pgtailor twin list`, or the beginning of it, or its folder
    #[arg(value_name = "ID", required_unless_present = "all", conflicts_with = "all")]
    pub id: Option<String>,

    /// Stop all of them
    #[arg(long)]
    pub all: bool,
}

/// `pgtailor workload`
#[derive(Args, Debug)]
#[command(after_help = WORKLOAD_EXAMPLES)]
pub struct WorkloadArguments {
    /// A snapshot file instead of the database, for its tables and its recorded statements
    #[arg(value_name = "SNAPSHOT", conflicts_with = "database")]
    pub snapshot: Option<PathBuf>,

    #[command(flatten)]
    pub connection: Connection,

    #[command(flatten)]
    pub sources: SourceArguments,

    /// Most statements shown to people; JSON has them all
    #[arg(long, default_value_t = 20, value_name = "COUNT")]
    pub most: usize,

    /// Plan each statement with its values, and show the planner's cost; nothing is executed
    #[arg(long)]
    pub costs: bool,

    /// As a superuser, also prepare and plan statements that call functions from outside `pg_catalog`
    ///
    /// Planning a statement runs functions in it with the rights of the role that plans: only where everybody is trusted who can create
    /// functions
    #[arg(long)]
    pub trust_functions: bool,

    /// Show the values of parameters; they are personal data
    #[arg(long)]
    pub show_values: bool,
}

/// Where statements come from.
#[derive(Args, Debug)]
pub struct SourceArguments {
    /// Where statements come from; several are merged
    ///
    /// `pg_stat_statements` (the default), `pg_stat_activity`, a server log (stderr, CSV or JSON, plain, gzip or zstd), an `.sql` file, a
    /// folder of `.sql` files with an optional `weights.json`, or `-` for SQL on standard input
    #[arg(long, value_name = "SOURCE")]
    pub workload: Vec<String>,

    /// Count only what `pg_stat_statements` recorded after this earlier snapshot
    #[arg(long, value_name = "SNAPSHOT")]
    pub since: Option<PathBuf>,

    /// What server logs are; else their first lines decide
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub log_format: Option<LogFormatName>,

    /// The server's `log_line_prefix`, spaces at its end included; else the entries decide
    #[arg(long, value_name = "PREFIX")]
    pub log_line_prefix: Option<String>,

    /// Remember in this file where the reading of each log stopped, and go on there the next time
    #[arg(long, value_name = "FILE")]
    pub resume: Option<PathBuf>,

    /// How long `pg_stat_activity` is looked at
    #[arg(long, default_value_t = 10, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub sampling_seconds: u32,
}

/// `pgtailor doctor`
#[derive(Args, Debug)]
pub struct DoctorArguments {
    #[command(flatten)]
    pub connection: Connection,

    /// Print the SQL script that makes a least-privilege role for reading or for applying
    #[arg(long, value_enum)]
    pub role: Option<RoleName>,
}

/// `--format`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormatName {
    /// For people, 80 columns
    Human,
    /// For programs; documented in docs/json.md
    Json,
    /// For pull requests and wikis
    Markdown,
    /// Only statements that psql can run
    Sql,
    /// One self-contained page
    Html,
}

/// `--color`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColourChoice {
    /// When standard output is a terminal and `NO_COLOR` is not set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// `capture --statistics`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StatisticsName {
    /// As the server has them: plans in a twin are exact, and the file holds data
    Exact,
    /// With pseudonyms of the same type and order in place of values
    Anonymized,
    /// Without any value: sizes, widths and counts only
    None,
}

/// `--log-format`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormatName {
    /// Text with a prefix
    Stderr,
    /// `csvlog`
    Csv,
    /// `jsonlog`
    Json,
}

/// `--catalog-policy`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Policy {
    /// What is missing and not redundant
    Useful,
    /// All that can be created
    All,
}

/// `--fail-on`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// Anything at all
    Notice,
    /// What costs something now
    Warning,
    /// What costs much, or breaks something soon
    Critical,
}

/// `doctor --role`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RoleName {
    /// Enough for advice
    Read,
    /// Enough for changes
    Apply,
}

const EXAMPLES: &str = "\
Examples:
  pgtailor demo                                        see the whole loop on a private server
  pgtailor check -d shop                               how tables are used, and what is wrong
  pgtailor workload -d shop                            which statements take the time
  pgtailor twin start shop.snapshot                    EXPLAIN its plans on this machine
  pgtailor optimize -d shop                            what the workload needs; asks before it changes anything
  pgtailor optimize -d shop --dry-run --catalog indexes.toml
  pgtailor undo -d shop --all                          take everything back

The database is chosen as psql chooses it: -d, DATABASE_URL, PGHOST, PGSERVICE, ~/.pgpass.
Exit status: 0 done or nothing found, 1 something found, 2 could not do it.";

const CHECK_EXAMPLES: &str = "\
Examples:
  pgtailor check -d shop                               how tables are used, and what is wrong
  pgtailor check shop.snapshot --plans --workload queries/
                                                       a change's statements at production's size
  pgtailor check shop.snapshot --plans --workload queries/ --apply-sql migration.sql
                                                       the same with the indexes that the change brings";

const WORKLOAD_EXAMPLES: &str = "\
Examples:
  pgtailor workload -d shop                            what pg_stat_statements recorded
  pgtailor workload -d shop --since monday.snapshot    what it recorded since that capture
  pgtailor workload -d shop --workload postgresql.csv.gz --workload pg_stat_statements
  pgtailor workload shop.snapshot --workload queries/  statements of a folder, offline
  pgtailor workload -d shop --workload - < report.sql";

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() && value > 0.0 => Ok(value),
        _ => Err("must be a number above 0, for example 0.1".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Arguments;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
