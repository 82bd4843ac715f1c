//! What sessions are doing right now, asked again and again: a workload where nothing is recorded.
//!
//! A sample sees long statements often and short ones seldom, so times and calls are estimates: each sample of a running statement stands
//! for the time between two samples, and a statement that began at another moment is another execution. The server cuts texts at
//! `track_activity_query_size` bytes; what is cut off cannot be read.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use pgtailor_model::unit::Milliseconds;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::error::Error;
use crate::session::ReadOnlySession;

/// Time between two samples.
const BETWEEN: Duration = Duration::from_millis(100);

/// What this role may see of the other sessions of this database. `query_start` tells executions apart; a session that is idle in a
/// transaction shows its last statement, which does not run.
const ACTIVE: &str = "\
SELECT /* pgtailor */ a.pid AS process, a.query_start AS began, a.query AS text, a.application_name AS application,
       a.query = '<insufficient privilege>' AS hidden
  FROM pg_catalog.pg_stat_activity a
 WHERE a.datname = current_database() AND a.state = 'active' AND a.backend_type IN ('client backend', 'parallel worker')
   AND a.leader_pid IS NULL AND a.pid <> pg_backend_pid()";

/// A statement that was running at some sample.
#[derive(Clone, PartialEq)]
pub struct Running {
    /// Its text, with literals; at most `track_activity_query_size` bytes.
    pub text: String,
    /// The session's `application_name`; empty when it has none.
    pub application: String,
    /// How long it was seen running: samples times the time between them.
    pub seen: Milliseconds,
}

/// What was running.
#[derive(Clone, Default)]
pub struct Samples {
    /// Executions, in the order in which they were first seen.
    pub running: Vec<Running>,
    /// Times at which was looked.
    pub looks: u64,
    /// Executions whose text this role may not see.
    pub hidden: u64,
    /// First and last look, by this machine's clock.
    pub period: Option<(Timestamp, Timestamp)>,
}

/// Looks for `duration`, ten times a second.
pub async fn sample(session: &ReadOnlySession, duration: Duration) -> Result<Samples, Error> {
    let mut samples = Samples::default();
    let mut positions: BTreeMap<(i32, Option<Timestamp>), usize> = BTreeMap::new();
    let mut hidden: BTreeSet<(i32, Option<Timestamp>)> = BTreeSet::new();
    let end = Instant::now() + duration;
    let mut ticks = interval(BETWEEN);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut before = None;
    loop {
        ticks.tick().await;
        let rows = session.client.query_typed(ACTIVE, &[]).await.map_err(|error| Error::query("read what is running", error))?;
        let now = Timestamp::now();
        // The time since the last look, which is longer than planned on a busy machine.
        let stands_for = before.map_or(BETWEEN, |before: Instant| before.elapsed()).as_secs_f64() * 1000.0;
        before = Some(Instant::now());
        samples.looks += 1;
        samples.period = Some((samples.period.map_or(now, |(first, _)| first), now));
        for row in &rows {
            let execution = (row.get("process"), row.get("began"));
            if row.get("hidden") {
                hidden.insert(execution);
                continue;
            }
            let position = *positions.entry(execution).or_insert_with(|| {
                samples.running.push(Running {
                    text: row.get("text"),
                    application: row.get("application"),
                    seen: Milliseconds(0.0),
                });
                samples.running.len() - 1
            });
            samples.running[position].seen.0 += stands_for;
        }
        if Instant::now() >= end {
            samples.hidden = u64::try_from(hidden.len()).unwrap_or(u64::MAX);
            return Ok(samples);
        }
    }
}
