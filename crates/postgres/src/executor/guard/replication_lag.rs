//! Standbys keep up: a build's WAL comes on top of what they have not replayed yet, and it cannot be slowed down (`faults` F97).
//!
//! It passes by itself, so it is waited for between two steps. A standby that lags on purpose (`recovery_min_apply_delay`) cannot be told
//! from one that cannot keep up: where there is one, `--despite replication-lag` says so.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use pgtailor_model::moment::Answer;
use pgtailor_model::name::printable;
use pgtailor_model::unit::{Bytes, Milliseconds};
use tokio_postgres::Client;

use super::Question;
use crate::executor::error::{ApplyError, while_doing};

/// Before a step (`faults` 3.4).
const LIMIT: Lag = Lag { time: Milliseconds(10_000.0), wal: Bytes(256 << 20) };

/// How far a standby is behind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::executor) struct Lag {
    /// Between a commit here and its being seen there; zero where the server does not say.
    pub time: Milliseconds,
    /// WAL that it has not replayed.
    pub wal: Bytes,
}

/// A standby.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::executor) struct Standby {
    pub name: String,
    /// `None` when this role may not see it.
    pub lag: Option<Lag>,
}

pub(super) fn ask<'q>(question: &'q Question<'q>) -> BoxFuture<'q, Result<Answer, ApplyError>> {
    async move {
        if question.much_wal().await?.is_none() {
            return Ok(Answer::Passes);
        }
        Ok(decide(&all(question.client).await?))
    }
    .boxed()
}

/// Every standby, the one with most WAL to replay first. A base backup is none.
pub(in crate::executor) async fn all(client: &Client) -> Result<Vec<Standby>, ApplyError> {
    // Who only receives (`pg_receivewal`) never replays, and its replay lag grows for ever; who has everything is behind in nothing.
    const STANDBYS: &str = "SELECT /* pgtailor */ r.application_name, r.state IS NULL, CASE WHEN b.wal > 0 \
             THEN coalesce(extract(epoch FROM CASE WHEN r.replay_lsn IS NULL THEN r.flush_lag ELSE r.replay_lag END) * 1000, 0) \
             ELSE 0 END::double precision, coalesce(b.wal, 0)::bigint \
         FROM pg_catalog.pg_stat_replication r, LATERAL (SELECT pg_catalog.pg_wal_lsn_diff(\
             pg_catalog.pg_current_wal_lsn(), coalesce(r.replay_lsn, r.flush_lsn)) AS wal) b WHERE r.state IS DISTINCT FROM 'backup' ORDER BY 4 DESC";
    let doing = while_doing("look at the standbys");
    let mut standbys = Vec::new();
    for row in client.query(STANDBYS, &[]).await.map_err(&doing)? {
        let is_hidden: bool = row.try_get(1).map_err(&doing)?;
        let time: f64 = row.try_get(2).map_err(&doing)?;
        let wal: i64 = row.try_get(3).map_err(&doing)?;
        standbys.push(Standby {
            name: row.try_get::<_, Option<String>>(0).map_err(&doing)?.unwrap_or_default(),
            lag: (!is_hidden).then_some(Lag { time: Milliseconds(time), wal: Bytes(u64::try_from(wal).unwrap_or(0)) }),
        });
    }
    Ok(standbys)
}

impl Standby {
    /// Says that it is further behind than `limit`, if it is.
    pub fn is_behind(&self, limit: Lag) -> Option<String> {
        let lag = self.lag?;
        (lag.time > limit.time || lag.wal > limit.wal)
            .then(|| format!("standby {} is {} and {} of WAL behind", printable(&self.name), lag.time, lag.wal))
    }
}

fn decide(standbys: &[Standby]) -> Answer {
    if let Some(behind) = standbys.iter().find_map(|standby| standby.is_behind(LIMIT)) {
        return Answer::Refuses(format!("{behind}, and a build adds to it"));
    }
    if standbys.iter().any(|standby| standby.lag.is_none()) {
        return Answer::Unknown("how far standbys are behind this role may not see; GRANT pg_read_all_stats shows it".to_owned());
    }
    Answer::Passes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_or_wal_is_enough() {
        let decided = |time, wal| {
            let lag = Lag { time: Milliseconds(time), wal: Bytes(wal) };
            decide(&[Standby { name: "replica".to_owned(), lag: Some(lag) }])
        };
        assert_eq!(decided(10_000.0, 256 << 20), Answer::Passes);
        assert!(matches!(decided(10_001.0, 0), Answer::Refuses(_)));
        assert!(matches!(decided(0.0, (256 << 20) + 1), Answer::Refuses(_)));
        assert!(matches!(decide(&[Standby { name: String::new(), lag: None }]), Answer::Unknown(_)));
        assert_eq!(decide(&[]), Answer::Passes);
    }
}
