//! What the executor tells while it works, for a progress bar or a log.

use std::sync::Arc;

use pgtailor_model::outcome::StepOutcome;

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// An open entry of an earlier run was brought to its end.
    Settled {
        /// The entry.
        id: i64,
        /// What became of it, as a sentence without a period.
        what: String,
    },
    /// A step begins.
    Started {
        /// Its position, from 1.
        number: usize,
        /// Of how many.
        total: usize,
        /// The statement.
        sql: String,
    },
    /// It advances.
    Progress {
        /// The server's name of the phase.
        phase: String,
        /// Part of the phase that is done, 0 to 1, when the server says.
        fraction: Option<f64>,
    },
    /// It waits for somebody.
    Waiting {
        /// For whom, as a clause: `session 4711 (psql), idle in transaction for 32 s`.
        whom: String,
    },
    /// A guard lets it pass, and says something that should be known.
    Remark {
        /// What, as a sentence without a period.
        what: String,
    },
    /// Somebody waits for it.
    InTheWay {
        /// Who, as a clause.
        of: String,
    },
    /// It is being cancelled.
    Cancelling {
        /// Why, as a sentence without a period.
        why: String,
    },
    /// It ended.
    Ended(Box<StepOutcome>),
}

/// Where events go. Called from the executor's own task: a listener that is slow makes the watchdog slow.
#[derive(Clone)]
pub struct Events(Option<Arc<dyn Fn(Event) + Send + Sync>>);

impl Events {
    /// Events to `listener`.
    pub fn to(listener: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(listener)))
    }

    /// Nobody listens.
    pub fn ignored() -> Self {
        Self(None)
    }

    pub(super) fn tell(&self, event: Event) {
        if let Some(listener) = &self.0 {
            listener(event);
        }
    }
}
