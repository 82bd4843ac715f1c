//! Storage parameters that may be set unattended, within bounds.

use pgtailor_model::change::Change;
use pgtailor_model::snapshot::Snapshot;

use super::Guard;

/// Refuses storage parameters that are not on the list, and values outside their bounds.
///
/// Those on the list need no stronger lock than `SHARE UPDATE EXCLUSIVE` (`relOpts` in `access/common/reloptions.c`).
pub struct AllowedStorageParameter;

/// Name, least and most.
const ALLOWED: &[(&str, f64, f64)] = &[
    ("autovacuum_analyze_scale_factor", 0.0, 1.0),
    ("autovacuum_analyze_threshold", 0.0, 1e9),
    ("autovacuum_freeze_max_age", 100_000.0, 1e9),
    ("autovacuum_vacuum_cost_delay", 0.0, 100.0),
    ("autovacuum_vacuum_cost_limit", 1.0, 10_000.0),
    ("autovacuum_vacuum_insert_scale_factor", 0.0, 1.0),
    ("autovacuum_vacuum_insert_threshold", -1.0, 1e9),
    ("autovacuum_vacuum_scale_factor", 0.0, 1.0),
    ("autovacuum_vacuum_threshold", 0.0, 1e9),
    ("fillfactor", 10.0, 100.0),
    ("toast_tuple_target", 128.0, 8160.0),
];

/// Reset only: a table comes back to autovacuum by itself, and is taken from it by a person.
const RESET_ONLY: &[&str] = &["autovacuum_enabled"];

impl Guard for AllowedStorageParameter {
    fn name(&self) -> &'static str {
        "allowed-storage-parameter"
    }

    fn refuses(&self, change: &Change, _snapshot: &Snapshot) -> Option<String> {
        let Change::SetStorageParameters { parameters, .. } = change else { return None };
        if parameters.is_empty() {
            return Some("no storage parameter is named".to_owned());
        }
        parameters.iter().find_map(|(name, value)| {
            if RESET_ONLY.contains(&name.as_str()) && value.to.is_none() {
                return None;
            }
            let Some((_, least, most)) = ALLOWED.iter().find(|(allowed, _, _)| allowed == name) else {
                return Some(format!("{name} is not a storage parameter that is set unattended"));
            };
            let to = value.to.as_ref()?;
            let within = to.parse::<f64>().is_ok_and(|number| (*least..=*most).contains(&number));
            (!within).then(|| format!("{name} is set between {least} and {most} only, not to {to}"))
        })
    }
}
