//! Settings as numbers.

use pgtailor_model::snapshot::Snapshot;
use pgtailor_model::unit::Rows;

/// Changed rows after which autovacuum acts on a table: `threshold + scale_factor × rows` (`relation_needs_vacanalyze` in
/// `autovacuum.c`). Storage parameters of single tables are not captured, so a table that sets its own may be judged wrongly.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trigger {
    threshold: f64,
    scale_factor: f64,
}

impl Trigger {
    /// For vacuum; the defaults are 50 rows and 0.2.
    pub(crate) fn vacuum(snapshot: &Snapshot) -> Self {
        Self {
            threshold: number(snapshot, "autovacuum_vacuum_threshold").unwrap_or(50.0),
            scale_factor: number(snapshot, "autovacuum_vacuum_scale_factor").unwrap_or(0.2),
        }
    }

    /// For analyze; the defaults are 50 rows and 0.1.
    pub(crate) fn analyze(snapshot: &Snapshot) -> Self {
        Self {
            threshold: number(snapshot, "autovacuum_analyze_threshold").unwrap_or(50.0),
            scale_factor: number(snapshot, "autovacuum_analyze_scale_factor").unwrap_or(0.1),
        }
    }

    /// Changed rows that trigger it for a table of `rows`.
    pub(crate) fn rows(self, rows: Rows) -> f64 {
        self.threshold + self.scale_factor * rows.as_f64()
    }
}

/// Whether autovacuum runs at all; `None` when the setting was not captured.
pub(crate) fn autovacuum(snapshot: &Snapshot) -> Option<bool> {
    snapshot.settings.get("autovacuum").map(|setting| setting.value == "on")
}

/// Memory for one sort or hash table, in bytes (`work_mem`, which the server shows in kB); `None` when it was not captured.
pub(crate) fn work_memory(snapshot: &Snapshot) -> Option<f64> {
    number(snapshot, "work_mem").map(|kilobytes| kilobytes * 1024.0)
}

/// Memory for a hash table, in bytes (`get_hash_memory_limit` in `nodeHash.c`): servers before 13 know no multiplier.
pub(crate) fn hash_memory(snapshot: &Snapshot) -> Option<f64> {
    work_memory(snapshot).map(|memory| memory * number(snapshot, "hash_mem_multiplier").unwrap_or(1.0))
}

fn number(snapshot: &Snapshot, name: &str) -> Option<f64> {
    snapshot.settings.get(name)?.value.parse().ok()
}
