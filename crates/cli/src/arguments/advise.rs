//! The flags of `advise`, `why` and `why-not`, and how sizes, percentages and durations are written.
//!
//! Which flags contradict each other is decided in `command/advise.rs`; here a single value is right or wrong. Start reading at
//! [`AdviseArguments`].

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};
use pgtailor::model::unit::{Bytes, count_as_f64, f64_as_count};
use pgtailor::report::migration;

use super::{Connection, ServerArguments, SourceArguments};

/// The file that `why` reads unless told otherwise.
pub const RECORD: &str = "pgtailor-advice.json";

/// `pgtailor advise`
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct AdviseArguments {
    /// A snapshot file instead of the database: nothing is connected to
    #[arg(value_name = "SNAPSHOT", conflicts_with = "database")]
    pub snapshot: Option<PathBuf>,

    #[command(flatten)]
    pub connection: Connection,

    #[command(flatten)]
    pub sources: SourceArguments,

    #[command(flatten)]
    pub limits: LimitArguments,

    #[command(flatten)]
    pub search: SearchArguments,

    /// Recommend also to drop indexes
    #[arg(long, help_heading = "Search")]
    pub drops: bool,

    /// Judge a catalog of declared indexes by the workload: a TOML file, or a built-in name (dreflowpro); may be given several times
    #[arg(long, value_name = "FILE|NAME")]
    pub catalog: Vec<String>,

    #[command(flatten)]
    pub migration: MigrationArguments,

    /// Keep the whole answer in this file, for `pgtailor why` and `pgtailor why-not`; they read `pgtailor-advice.json` unless told otherwise
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    #[command(flatten)]
    pub server: ServerArguments,
}

/// What the answer must keep to.
#[derive(Args, Debug)]
#[command(next_help_heading = "Limits")]
pub struct LimitArguments {
    /// What new indexes may take together: `250MB`, `1GB`, or `10%` of the tables and indexes that are there
    #[arg(long, value_name = "SIZE", value_parser = budget)]
    pub budget: Option<Budget>,

    /// Most key columns of an index; PostgreSQL allows 32
    #[arg(long, value_name = "COUNT", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=32))]
    pub max_columns: u8,

    /// Most new indexes in all
    #[arg(long, value_name = "COUNT")]
    pub max_indexes: Option<usize>,

    /// Most new indexes on one table
    #[arg(long, value_name = "COUNT")]
    pub max_per_table: Option<usize>,

    /// Most upkeep of new indexes together, of the workload's planner cost
    #[arg(long, value_name = "PERCENT", value_parser = share)]
    pub max_upkeep: Option<f64>,

    /// Least gain of an index beside the others, of the planner cost that is left with them
    #[arg(long, value_name = "PERCENT", default_value = "0.1%", value_parser = share)]
    pub min_gain: f64,

    /// Least gain of an index for its size, of the part by which it makes the database larger; 25 %, and 0.1 % with a budget
    #[arg(long, value_name = "PERCENT", value_parser = percentage)]
    pub min_gain_per_size: Option<f64>,

    /// How much dearer any statement may get
    #[arg(long, value_name = "PERCENT", value_parser = percentage)]
    pub max_regression: Option<f64>,
}

/// How the answer is searched.
#[derive(Args, Debug)]
#[command(next_help_heading = "Search")]
pub struct SearchArguments {
    /// What statements are weighed by
    #[arg(long, value_enum, default_value_t = WeighName::Executions, value_name = "BY")]
    pub weigh: WeighName,

    /// After this long the best answer so far is given: `30s`, `5min`, `1h`
    #[arg(long, value_name = "DURATION", default_value = "1min", value_parser = duration)]
    pub time_limit: Duration,

    /// Stop when no other answer can be better than by this
    #[arg(long, value_name = "PERCENT", default_value = "1%", value_parser = share)]
    pub gap: f64,
}

/// `optimize --advise`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AdviseWhen {
    /// When no catalog is declared
    Auto,
    /// Beside declared indexes, too
    Always,
    /// Not at all
    Never,
}

/// What `optimize` asks the advisor.
#[derive(Args, Debug)]
#[command(next_help_heading = "Advice")]
pub struct AdvisorArguments {
    /// When the advisor is asked what the workload needs; `--advise` alone is `always`
    #[arg(long, value_enum, default_value = "auto", default_missing_value = "always", num_args = 0..=1, require_equals = true, value_name = "WHEN")]
    pub advise: AdviseWhen,

    #[command(flatten)]
    pub sources: SourceArguments,

    #[command(flatten)]
    pub limits: LimitArguments,

    #[command(flatten)]
    pub search: SearchArguments,

    #[command(flatten)]
    pub server: ServerArguments,
}

/// Whether and where a migration is written.
#[derive(Args, Debug)]
#[command(next_help_heading = "Migration")]
pub struct MigrationArguments {
    /// Write the recommendations as a migration of this tool, too
    #[arg(long = "migration", value_name = "TOOL", value_parser = PossibleValuesParser::new(migration::names()))]
    pub tool: Option<String>,

    /// The tool's folder of migrations; no file in it is ever overwritten
    #[arg(long = "migration-folder", value_name = "FOLDER", default_value = ".", requires = "tool")]
    pub folder: PathBuf,

    /// The migration before, for tools that want it named: a revision of alembic, `application.name` of django
    #[arg(long = "migration-after", value_name = "NAME", requires = "tool")]
    pub after: Option<String>,
}

/// `pgtailor why`
#[derive(Args, Debug)]
pub struct WhyArguments {
    /// An index that is recommended, dropped or replaced
    #[arg(value_name = "INDEX")]
    pub index: String,

    #[command(flatten)]
    pub record: RecordArguments,
}

/// `pgtailor why-not`
#[derive(Args, Debug)]
pub struct WhyNotArguments {
    /// An index that is not: `orders (customer_id, created_at desc)`
    #[arg(value_name = "DEFINITION")]
    pub definition: String,

    #[command(flatten)]
    pub record: RecordArguments,
}

/// Which decision record is read.
#[derive(Args, Debug)]
pub struct RecordArguments {
    /// What `pgtailor advise -o FILE` wrote
    #[arg(long, value_name = "FILE", default_value = RECORD)]
    pub record: PathBuf,
}

/// `advise --weigh`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WeighName {
    /// A unit of planner cost counts the same wherever it is spent
    Executions,
    /// Each statement's share of the cost is its share of the measured time
    Time,
}

/// `advise --budget`
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Budget {
    /// So much.
    Size(Bytes),
    /// This fraction of what is there.
    Share(f64),
}

const EXAMPLES: &str = "\
Examples:
  pgtailor advise shop.snapshot --budget 1GB           the best indexes of together 1 GB, offline
  pgtailor advise -d shop --format sql > indexes.sql   statements that psql can run
  pgtailor advise -d shop --migration rails --migration-folder db/migrate
  pgtailor advise -d shop --catalog indexes.toml       which of the declared indexes the workload pays for
  pgtailor advise shop.snapshot -o pgtailor-advice.json
  pgtailor why orders_customer_id_idx                  from pgtailor-advice.json
  pgtailor why-not \"orders (status)\"";

/// A size with its unit, or a percentage.
fn budget(text: &str) -> Result<Budget, String> {
    match number_and_unit(text) {
        Some((number, "%")) if number <= 100.0 => Ok(Budget::Share(number / 100.0)),
        Some((_, "%")) => Err("must be at most 100%".to_owned()),
        _ => size(text).map(Budget::Size).map_err(|wrong| format!("{wrong}, or a percentage, for example 10%")),
    }
}

/// A size with its unit, powers of 1024 as PostgreSQL's settings have them.
pub(super) fn size(text: &str) -> Result<Bytes, String> {
    const UNITS: [(&str, u64); 5] = [("B", 1), ("kB", 1 << 10), ("MB", 1 << 20), ("GB", 1 << 30), ("TB", 1 << 40)];
    let wrong = || "must be a size with its unit, for example 250MB or 1GB".to_owned();
    let (number, unit) = number_and_unit(text).ok_or_else(wrong)?;
    let (_, factor) = UNITS.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).ok_or_else(wrong)?;
    let bytes = number * count_as_f64(factor);
    // 2^53: beyond, not every count of bytes can be told from the next.
    if bytes < 9_007_199_254_740_992.0 { Ok(Bytes(f64_as_count(bytes))) } else { Err(wrong()) }
}

/// A percentage from 0 to 100, with or without its sign, as a fraction.
fn share(text: &str) -> Result<f64, String> {
    percentage(text)
        .ok()
        .filter(|fraction| *fraction <= 1.0)
        .ok_or_else(|| "must be a percentage from 0 to 100, for example 5%".to_owned())
}

/// A percentage from 0 on, with or without its sign, as a fraction.
fn percentage(text: &str) -> Result<f64, String> {
    match number_and_unit(text) {
        Some((number, "" | "%")) => Ok(number / 100.0),
        _ => Err("must be a percentage, for example 10%".to_owned()),
    }
}

/// A duration with its unit; more than nothing.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    match time(text) {
        Some(duration) if !duration.is_zero() => Ok(duration),
        _ => Err("must be a duration above 0 with its unit, for example 30s, 5min or 1h".to_owned()),
    }
}

/// A duration with its unit, as PostgreSQL's settings have them.
pub(super) fn time(text: &str) -> Option<Duration> {
    let seconds = number_and_unit(text).and_then(|(number, unit)| match unit {
        "ms" => Some(number / 1000.0),
        "s" => Some(number),
        "min" | "m" => Some(number * 60.0),
        "h" => Some(number * 3600.0),
        "d" => Some(number * 86_400.0),
        _ => None,
    });
    seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
}

/// `12.5 MB` as its number, finite and not negative, and its unit.
fn number_and_unit(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let end = text.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(text.len());
    let number = text[..end].parse().ok().filter(|number: &f64| number.is_finite())?;
    Some((number, text[end..].trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_a_size_or_a_percentage_and_nothing_else() {
        assert_eq!(budget("250MB"), Ok(Budget::Size(Bytes(250 << 20))));
        assert_eq!(budget(" 1.5 gb "), Ok(Budget::Size(Bytes(3 << 29))));
        assert_eq!(budget("10%"), Ok(Budget::Share(0.1)));
        for nonsense in
            ["", "MB", "250", "-1GB", "1.2.3GB", "1e9B", "inf", "NaN%", "101%", "99999999999TB", "10 %%", "1GiBs", "1 G B"]
        {
            assert!(budget(nonsense).is_err(), "{nonsense}");
        }
    }

    #[test]
    fn percentages_are_fractions_inside() {
        assert_eq!((share("0.1%"), share("5"), percentage("250 %")), (Ok(0.001), Ok(0.05), Ok(2.5)));
        assert!(share("101").is_err() && share("-1").is_err() && percentage("x").is_err() && percentage("5MB").is_err());
    }

    #[test]
    fn a_duration_has_a_unit_and_is_not_nothing() {
        assert_eq!(
            (duration("90s"), duration("1.5min"), duration("1h"), duration("31d")),
            (
                Ok(Duration::from_secs(90)),
                Ok(Duration::from_secs(90)),
                Ok(Duration::from_hours(1)),
                Ok(Duration::from_hours(744))
            )
        );
        for nonsense in ["", "90", "0s", "-1s", "1w", "99999999999999999999999h"] {
            assert!(duration(nonsense).is_err(), "{nonsense}");
        }
    }
}
