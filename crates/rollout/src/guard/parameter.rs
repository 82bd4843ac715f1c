//! Settings that may be set unattended: reloadable ones that cannot keep the server from starting, within bounds (`faults` F115 to F117).

use pgtailor_model::change::Change;
use pgtailor_model::setting::{Parameter, ValueType};
use pgtailor_model::snapshot::Snapshot;

use super::Guard;

/// Refuses parameters that are not on the list, and values outside their bounds.
///
/// Preloaded libraries, paths, addresses, authentication and everything else that is read at the server's start is on no list: a wrong
/// value there keeps the server down, where no SQL can take it back.
pub struct AllowedParameter;

/// What a parameter may be.
enum Bounds {
    /// `on` or `off`.
    Switch,
    /// One of these.
    Names(&'static [&'static str]),
    /// From the first to the second, in the parameter's own unit; values as a person writes them, with a unit.
    Between(&'static str, &'static str),
}

use Bounds::{Between, Names, Switch};

/// Name, unit in `pg_settings`, bounds. The bounds are those of a sound configuration, narrower than the server's.
const ALLOWED: &[(&str, &str, Bounds)] = &[
    ("autovacuum", "", Names(&["on"])),
    ("autovacuum_analyze_scale_factor", "", Between("0", "1")),
    ("autovacuum_analyze_threshold", "", Between("0", "1000000")),
    ("autovacuum_naptime", "s", Between("1s", "1h")),
    ("autovacuum_vacuum_cost_delay", "ms", Between("0", "100ms")),
    ("autovacuum_vacuum_cost_limit", "", Between("-1", "10000")),
    ("autovacuum_vacuum_insert_scale_factor", "", Between("0", "1")),
    ("autovacuum_vacuum_insert_threshold", "", Between("-1", "1000000")),
    ("autovacuum_vacuum_scale_factor", "", Between("0", "1")),
    ("autovacuum_vacuum_threshold", "", Between("0", "1000000")),
    ("autovacuum_work_mem", "kB", Between("-1", "2GB")),
    ("bgwriter_delay", "ms", Between("10ms", "10s")),
    ("bgwriter_lru_maxpages", "", Between("0", "10000")),
    ("bgwriter_lru_multiplier", "", Between("0", "10")),
    ("checkpoint_completion_target", "", Between("0.1", "1")),
    ("checkpoint_timeout", "s", Between("30s", "1h")),
    ("commit_delay", "", Between("0", "100000")),
    ("cpu_index_tuple_cost", "", Between("0", "10")),
    ("cpu_operator_cost", "", Between("0", "10")),
    ("cpu_tuple_cost", "", Between("0", "10")),
    ("default_statistics_target", "", Between("10", "10000")),
    ("effective_cache_size", "8kB", Between("1MB", "16TB")),
    ("effective_io_concurrency", "", Between("0", "1000")),
    ("hash_mem_multiplier", "", Between("1", "16")),
    ("idle_in_transaction_session_timeout", "ms", Between("1min", "24h")),
    ("jit", "", Switch),
    ("jit_above_cost", "", Between("-1", "1000000000")),
    ("log_autovacuum_min_duration", "ms", Between("-1", "24h")),
    ("log_checkpoints", "", Switch),
    ("log_lock_waits", "", Switch),
    ("log_min_duration_statement", "ms", Between("-1", "24h")),
    ("log_temp_files", "kB", Between("-1", "1TB")),
    ("maintenance_io_concurrency", "", Between("0", "1000")),
    ("maintenance_work_mem", "kB", Between("1MB", "2GB")),
    ("max_parallel_maintenance_workers", "", Between("0", "64")),
    ("max_parallel_workers", "", Between("0", "256")),
    ("max_parallel_workers_per_gather", "", Between("0", "64")),
    ("max_wal_size", "MB", Between("64MB", "1TB")),
    ("min_wal_size", "MB", Between("32MB", "256GB")),
    ("parallel_setup_cost", "", Between("0", "1000000")),
    ("parallel_tuple_cost", "", Between("0", "100")),
    ("random_page_cost", "", Between("0.1", "100")),
    ("seq_page_cost", "", Between("0.1", "100")),
    ("track_functions", "", Names(&["none", "pl", "all"])),
    ("track_io_timing", "", Switch),
    ("wal_compression", "", Names(&["on", "off", "pglz", "lz4", "zstd"])),
    ("wal_writer_delay", "ms", Between("1ms", "10s")),
    ("work_mem", "kB", Between("64kB", "2GB")),
];

/// The names of all parameters that may be set unattended, sorted: what a role needs the right to set, and no more.
pub fn settable_parameters() -> impl Iterator<Item = &'static str> {
    ALLOWED.iter().map(|(name, _, _)| *name)
}

impl Guard for AllowedParameter {
    fn name(&self) -> &'static str {
        "allowed-parameter"
    }

    fn refuses(&self, change: &Change, _snapshot: &Snapshot) -> Option<String> {
        let Change::SetParameter { name, value } = change else { return None };
        let Some((_, unit, bounds)) = ALLOWED.iter().find(|(allowed, _, _)| allowed == name) else {
            return Some(format!("{name} is not a parameter that is set unattended"));
        };
        let to = value.to.as_ref()?;
        let value_type = if matches!(bounds, Switch) { ValueType::Bool } else { ValueType::Number };
        let parameter = Parameter { value_type, unit: (!unit.is_empty()).then(|| (*unit).to_owned()) };
        match bounds {
            Switch => {
                let is_one = ["on", "off", "true", "false"].iter().any(|word| to.eq_ignore_ascii_case(word));
                (!is_one).then(|| format!("{name} is on or off, not {to}"))
            }
            Names(names) => (!names.contains(&to.as_str())).then(|| format!("{name} is one of {}, not {to}", names.join(", "))),
            Between(least, most) => {
                let within = parameter.number(to).is_some_and(|number| {
                    parameter.number(least).is_some_and(|least| least <= number)
                        && parameter.number(most).is_some_and(|most| number <= most)
                });
                (!within).then(|| format!("{name} is set between {least} and {most} only, not to {to}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_its_bounds_are_numbers() {
        assert!(ALLOWED.is_sorted_by_key(|(name, _, _)| *name));
        for (name, unit, bounds) in ALLOWED {
            let Between(least, most) = bounds else { continue };
            let parameter = Parameter { value_type: ValueType::Number, unit: (!unit.is_empty()).then(|| (*unit).to_owned()) };
            let (least, most) = (parameter.number(least), parameter.number(most));
            assert!(least.is_some() && most.is_some() && least < most, "{name}");
        }
    }
}
