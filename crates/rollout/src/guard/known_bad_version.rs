//! No concurrent build on server versions whose concurrent builds lose rows.

use pgtailor_model::change::{Change, ChangeClass};
use pgtailor_model::snapshot::Snapshot;

use super::Guard;

/// Refuses to build indexes concurrently on 14.0 to 14.3, where `CREATE INDEX CONCURRENTLY` and `REINDEX CONCURRENTLY` could miss rows
/// (release notes of 14.4), and on 13.0 and 13.1, where prepared transactions could (release notes of 13.2).
pub struct KnownBadVersion;

impl Guard for KnownBadVersion {
    fn name(&self) -> &'static str {
        "known-bad-version"
    }

    fn refuses(&self, change: &Change, snapshot: &Snapshot) -> Option<String> {
        if !matches!(change.class(), ChangeClass::CreateIndex | ChangeClass::Reindex) {
            return None;
        }
        let cured_in = match snapshot.server.version {
            140_000..=140_003 => "14.4",
            130_000..=130_001 => "13.2",
            _ => return None,
        };
        Some(format!(
            "PostgreSQL {} can lose rows from an index that is built concurrently; update to {cured_in} or later first",
            snapshot.server.version_text
        ))
    }
}
