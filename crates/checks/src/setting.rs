//! Settings as numbers.

use pgtailor_model::catalog::Table;
use pgtailor_model::snapshot::Snapshot;
use pgtailor_model::unit::Rows;

/// Changed rows after which autovacuum acts on a table: `threshold + scale_factor × rows` (`relation_needs_vacanalyze` in
/// `autovacuum.c`), the table's own storage parameters before the server's settings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trigger {
    threshold: f64,
    scale_factor: f64,
}

impl Trigger {
    /// For vacuum after updates and deletes; the defaults are 50 rows and 0.2.
    pub(crate) fn vacuum(snapshot: &Snapshot, table: &Table) -> Self {
        Self::of(snapshot, table, "vacuum", (50.0, 0.2))
    }

    /// For vacuum after insertions (server 13 and later); the defaults are 1000 rows and 0.2.
    pub(crate) fn insertions(snapshot: &Snapshot, table: &Table) -> Self {
        Self::of(snapshot, table, "vacuum_insert", (1000.0, 0.2))
    }

    /// For analyze; the defaults are 50 rows and 0.1.
    pub(crate) fn analyze(snapshot: &Snapshot, table: &Table) -> Self {
        Self::of(snapshot, table, "analyze", (50.0, 0.1))
    }

    fn of(snapshot: &Snapshot, table: &Table, what: &str, usual: (f64, f64)) -> Self {
        let set = |suffix: &str| {
            let name = format!("autovacuum_{what}_{suffix}");
            let own = table.parameters.get(&name).and_then(|value| value.parse().ok());
            own.or_else(|| number(snapshot, &name))
        };
        Self { threshold: set("threshold").unwrap_or(usual.0), scale_factor: set("scale_factor").unwrap_or(usual.1) }
    }

    /// Changed rows that trigger it for a table of `rows`.
    pub(crate) fn rows(self, rows: Rows) -> f64 {
        self.threshold + self.scale_factor * rows.as_f64()
    }
}

/// Whether autovacuum passes over the table, because of its storage parameter (`parse_bool` takes any beginning of these words).
pub(crate) fn is_passed_over(table: &Table) -> bool {
    let value = table.parameters.get("autovacuum_enabled").map(|value| value.to_ascii_lowercase());
    value.is_some_and(|value| value == "0" || value == "of" || ["off", "false", "no"].iter().any(|word| word.starts_with(&value)))
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

pub(crate) fn number(snapshot: &Snapshot, name: &str) -> Option<f64> {
    snapshot.settings.get(name)?.value.parse().ok()
}
