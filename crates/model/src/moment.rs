//! What the moment says about a step: what each guard answers right before it would be sent, and whom it would wait for.
//!
//! A snapshot cannot know this: locks, lag and pauses come and go. The questions are the executor's.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::rollout::Limits;
use crate::unit::Bytes;

/// How old a transaction that a step would wait for may be: one that has lasted for longer will probably last (`faults` 3.4).
const OLDEST_BLOCKER: Duration = Duration::from_mins(1);
/// How long trouble that passes by itself (lag, load) is waited for before a step is given up.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a person bends for one run; nothing by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// How long a step may wait for others, before and while it runs; `None` is as the limits of the step and of the guards say.
    pub max_wait: Option<Duration>,
    /// How much disk space all steps together may take, new indexes and what building them needs; `None` is unknown.
    pub free_space: Option<Bytes>,
    /// The guards whose refusal is not heeded, by name.
    pub despite: BTreeSet<String>,
}

impl Conditions {
    /// How old a transaction that a step would wait for may be.
    pub fn oldest_blocker(&self) -> Duration {
        self.max_wait.unwrap_or(OLDEST_BLOCKER)
    }

    /// How long trouble that passes by itself is waited for before a step.
    pub fn patience(&self) -> Duration {
        self.max_wait.unwrap_or(PATIENCE)
    }

    /// `limits` with the wait that a person wants. The time of a step's own work stays what it was.
    #[must_use]
    pub fn applied_to(&self, limits: Limits) -> Limits {
        let Some(wait) = self.max_wait else { return limits };
        Limits {
            first_lock_budget: limits.first_lock_budget.min(wait),
            wait_budget: wait,
            run_budget: limits.run_budget.saturating_sub(limits.wait_budget).saturating_add(wait),
            ..limits
        }
    }
}

/// What the moment says about one step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Foresight {
    /// What each guard answers, in the order in which they are asked.
    pub guards: Vec<Guarded>,
    /// The oldest transaction that the step would wait for.
    pub waits_for: Option<Wait>,
    /// The limits under which it would run.
    pub limits: Limits,
}

/// What one guard answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Guarded {
    /// The guard's name.
    pub name: String,
    /// Its answer.
    #[serde(flatten)]
    pub answer: Answer,
}

/// What a guard answers; each reason is a sentence without a period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", content = "reason", rename_all = "kebab-case")]
pub enum Answer {
    /// Nothing is in the way.
    Passes,
    /// Nothing is in the way, and this should be known.
    Remarks(String),
    /// This role may not see what would answer it, or the server did not say. The step is sent.
    Unknown(String),
    /// The step must not be sent now.
    Refuses(String),
    /// It refuses, and a person has decided to go on.
    Overruled(String),
}

/// Somebody whom a step would wait for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// Who, as a clause: `session 4711 (psql), idle in transaction for 32 s`.
    pub whom: String,
    /// How long that transaction has lasted, in seconds, by the server's clock; `None` when this role may not see it.
    pub seconds: Option<u64>,
}

impl Foresight {
    /// The reason of the first guard that refuses.
    pub fn refusal(&self) -> Option<&str> {
        self.guards.iter().find_map(|guarded| match &guarded.answer {
            Answer::Refuses(reason) => Some(reason.as_str()),
            _ => None,
        })
    }
}

impl Answer {
    /// Its name in the JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Passes => "passes",
            Self::Remarks(_) => "remarks",
            Self::Unknown(_) => "unknown",
            Self::Refuses(_) => "refuses",
            Self::Overruled(_) => "overruled",
        }
    }

    /// What is to be known beside the answer.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Passes => None,
            Self::Remarks(reason) | Self::Unknown(reason) | Self::Refuses(reason) | Self::Overruled(reason) => Some(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_wait_takes_nothing_from_the_work() {
        let limits = Limits {
            lock_timeout: Duration::ZERO,
            statement_timeout: Duration::ZERO,
            first_lock_budget: Duration::from_mins(1),
            wait_budget: Duration::from_mins(30),
            run_budget: Duration::from_hours(1),
        };
        let bent = |seconds| {
            let conditions = Conditions { max_wait: Some(Duration::from_secs(seconds)), ..Conditions::default() };
            let limits = conditions.applied_to(limits);
            [limits.first_lock_budget, limits.wait_budget, limits.run_budget].map(|limit| limit.as_secs())
        };
        assert_eq!(bent(7200), [60, 7200, 9000]);
        assert_eq!(bent(0), [0, 0, 1800]);
        assert_eq!(Conditions::default().applied_to(limits), limits);
    }
}
