//! Somebody who is in the way, as a row of the server and as a clause for people.

use pgtailor_model::moment::Wait;
use pgtailor_model::name::printable;
use tokio_postgres::Row;

use crate::executor::error::{ApplyError, while_doing};

/// A session or a prepared transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Who {
    /// `session 4711 (psql), idle in transaction`, or `prepared transaction 'x' of app`.
    pub name: String,
    /// Seconds since its transaction began; `None` when this role may not see it.
    pub seconds: Option<u64>,
}

impl Who {
    /// From columns `pid`, `application_name`, `state`, seconds, in this order from the first.
    pub fn session(row: &Row) -> Result<Self, ApplyError> {
        let doing = while_doing("see who is in the way");
        let pid: i32 = row.try_get(0).map_err(&doing)?;
        let application: Option<String> = row.try_get(1).map_err(&doing)?;
        let state: Option<String> = row.try_get(2).map_err(&doing)?;
        let seconds: Option<i64> = row.try_get(3).map_err(&doing)?;
        let application = application.filter(|name| !name.is_empty()).unwrap_or_else(|| "unnamed".to_owned());
        let state = state.map(|state| format!(", {state}")).unwrap_or_default();
        Ok(Self { name: format!("session {pid} ({}){state}", printable(&application)), seconds: seconds.map(not_negative) })
    }

    /// From columns `gid`, `owner`, seconds.
    pub fn prepared(row: &Row) -> Result<Self, ApplyError> {
        let doing = while_doing("see which prepared transactions are in the way");
        let gid: String = row.try_get(0).map_err(&doing)?;
        let owner: String = row.try_get(1).map_err(&doing)?;
        let seconds: i64 = row.try_get(2).map_err(&doing)?;
        let name = format!("prepared transaction '{}' of {}", printable(&gid), printable(&owner));
        Ok(Self { name, seconds: Some(not_negative(seconds)) })
    }

    /// With its age.
    pub fn describe(&self) -> String {
        match self.seconds {
            Some(seconds) => format!("{} for {seconds} s", self.name),
            None => format!("{}, for how long this role may not see", self.name),
        }
    }

    /// Whether it has lasted for longer than `limit`; not when that cannot be seen.
    pub fn is_older_than(&self, limit: std::time::Duration) -> bool {
        self.seconds.is_some_and(|seconds| seconds >= limit.as_secs())
    }
}

impl From<Who> for Wait {
    fn from(who: Who) -> Self {
        Self { whom: who.describe(), seconds: who.seconds }
    }
}

/// Clocks are set back at times.
fn not_negative(seconds: i64) -> u64 {
    u64::try_from(seconds).unwrap_or(0)
}

/// The oldest; one whose age is hidden only when no other's is known.
pub(super) fn oldest(all: &[Who]) -> Option<&Who> {
    all.iter().max_by_key(|who| who.seconds)
}
