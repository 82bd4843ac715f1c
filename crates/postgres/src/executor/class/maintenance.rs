//! `ANALYZE` and `VACUUM`: the server skips a table in silence, for want of rights or of a lock, so its counters say whether it ran
//! (`faults` F55).

use std::time::Duration;

use pgtailor_model::change::Change;
use pgtailor_model::outcome::StepResult;

use crate::executor::error::{ApplyError, while_doing};
use crate::executor::settle::Settling;
use crate::ledger::Move;

/// How often counters are asked: before server 15 they arrive by way of another process, up to half a second later.
const LOOKS: usize = 50;
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

pub(super) async fn settle(settling: Settling<'_>) -> Result<StepResult, ApplyError> {
    const ANALYZED: &str = "SELECT /* pgtailor */ pg_catalog.pg_stat_get_last_analyze_time($1) >= $2";
    const VACUUMED: &str = "SELECT /* pgtailor */ pg_catalog.pg_stat_get_last_vacuum_time($1) >= $2";
    let (sql, skipped) = match settling.open.change {
        Change::Vacuum { .. } => {
            (VACUUMED, "the server skipped the table: somebody had it locked, or this role is not its owner")
        }
        _ => (ANALYZED, "the server skipped the table: only its owner may analyze it"),
    };
    let table = settling.open.change.table_oid().unwrap_or_default();
    let doing = while_doing("see whether the table was worked on");
    for _ in 0..LOOKS {
        let row = settling.sessions.watchdog.query_one(sql, &[&table.0, &settling.open.created_at]).await.map_err(&doing)?;
        if row.try_get::<_, Option<bool>>(0).map_err(&doing)?.unwrap_or(false) {
            return settling.applied(None, Move::default()).await;
        }
        if settling.has_trouble() {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    settling.failed(skipped).await
}
