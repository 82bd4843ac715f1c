//! What a person bends of the guards and the limits of a rollout, for one run.

use std::time::Duration;

use clap::Args;
use clap::builder::PossibleValuesParser;
use pgtailor::guard_names;
use pgtailor::model::moment::Conditions;
use pgtailor::model::unit::Bytes;

use super::advise::{size, time};

/// Flags of every command that changes the database.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "When something is in the way")]
pub struct ConditionArguments {
    /// Wait this long for others before and during each step, also for transactions that are older than a minute: `2h`; `0s` waits for nobody
    #[arg(long, value_name = "DURATION", value_parser = wait)]
    pub max_wait: Option<Duration>,

    /// How much disk space all steps may take: `50GB`; the server does not say what is free
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub free_space: Option<Bytes>,

    /// Go on although these guards refuse; --dry-run shows what each says
    #[arg(long, value_name = "GUARDS", value_delimiter = ',', value_parser = PossibleValuesParser::new(guard_names()))]
    pub despite: Vec<String>,
}

impl From<&ConditionArguments> for Conditions {
    fn from(arguments: &ConditionArguments) -> Self {
        Self {
            max_wait: arguments.max_wait,
            free_space: arguments.free_space,
            despite: arguments.despite.iter().cloned().collect(),
        }
    }
}

fn wait(text: &str) -> Result<Duration, String> {
    time(text).ok_or_else(|| "must be a duration with its unit, for example 30s, 5min or 1h".to_owned())
}
