//! Nothing is changed on a standby.
//!
//! `CREATE INDEX` fails there (25006), and `ALTER SYSTEM` would succeed and change the standby alone.

use pgtailor_model::change::Change;
use pgtailor_model::snapshot::Snapshot;

use super::Guard;

/// Refuses every change on a server in recovery.
pub struct Primary;

impl Guard for Primary {
    fn name(&self) -> &'static str {
        "primary"
    }

    fn refuses(&self, _change: &Change, snapshot: &Snapshot) -> Option<String> {
        snapshot.server.in_recovery.then(|| "this server is a standby; connect to the primary to change anything".to_owned())
    }
}
