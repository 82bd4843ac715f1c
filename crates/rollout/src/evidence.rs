//! What entitles to drop an index: another that serves all that it serves, or disuse that was watched long enough, everywhere.
//!
//! A counter that says zero says it of one server and since its last reset (`faults` F80, F81). So it counts only with a window, and
//! with the standbys: each is looked at, or nothing is dropped.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use pgtailor_model::catalog::{Index, Table};
use pgtailor_model::change::Change;
use pgtailor_model::index::IndexDefinition;
use pgtailor_model::name::{Oid, printable};
use pgtailor_model::snapshot::Snapshot;

use crate::plan::Request;

/// A month with its end: what runs once a month has run.
const UNUSED_FOR: Duration = Duration::from_hours(31 * 24);

/// What is known of the use of indexes beside the snapshot, and what is demanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropEvidence {
    /// How long an index must have been unused.
    pub unused_for: Duration,
    /// Counters of earlier captures of the same server, in any order.
    pub earlier: Vec<Counters>,
    /// Counters of standbys.
    pub standbys: Vec<Counters>,
}

/// How often indexes were scanned on one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counters {
    /// Which server, for people.
    pub server: String,
    /// Since when it counts.
    pub since: Option<Timestamp>,
    /// Until when.
    pub until: Timestamp,
    /// Scans by index.
    pub scans: BTreeMap<Oid, u64>,
}

impl Default for DropEvidence {
    fn default() -> Self {
        Self { unused_for: UNUSED_FOR, earlier: Vec::new(), standbys: Vec::new() }
    }
}

impl Counters {
    /// Those of a snapshot.
    pub fn of(snapshot: &Snapshot) -> Self {
        Self {
            server: snapshot.server.database.clone(),
            since: snapshot.activity.since,
            until: snapshot.captured_at,
            scans: snapshot.activity.indexes.iter().map(|(oid, activity)| (*oid, activity.scans)).collect(),
        }
    }
}

/// Why there is not enough evidence to carry out `change`, which is one of `requests`, all of which would be carried out; `None` for what drops no index.
pub(crate) fn refusal(change: &Change, requests: &[&Request], snapshot: &Snapshot, evidence: &DropEvidence) -> Option<String> {
    let Change::DropIndex { table_oid, index_oid, definition, .. } = change else { return None };
    let table = snapshot.catalog.table_by_oid(*table_oid)?;
    let index = table.indexes.iter().find(|index| index.oid == *index_oid)?;
    if !index.valid || is_served(table, index, definition, requests) {
        return None;
    }
    unused_here(index, snapshot, evidence).or_else(|| unused_on_standbys(index, snapshot, evidence))
}

/// Whether an index that stays, or one that is built before, serves all that `index` serves.
fn is_served(table: &Table, index: &Index, definition: &IndexDefinition, requests: &[&Request]) -> bool {
    let is_dropped = |oid: Oid| {
        requests.iter().any(|request| matches!(request.change, Change::DropIndex { index_oid, .. } if index_oid == oid))
    };
    let serves = |other: &Index| other.definition.as_ref().is_some_and(|other| other.serves_all_of(definition));
    let stays = |other: &Index| other.oid != index.oid && other.valid && !is_dropped(other.oid);
    let is_built = |request: &&Request| {
        matches!(&request.change, Change::CreateIndex { table_oid, definition: new, .. }
            if *table_oid == table.oid && new.serves_all_of(definition))
    };
    table.indexes.iter().any(|other| stays(other) && serves(other)) || requests.iter().any(is_built)
}

fn unused_here(index: &Index, snapshot: &Snapshot, evidence: &DropEvidence) -> Option<String> {
    let now = Counters::of(snapshot);
    // From an earlier capture on, when nothing was counted since and counting was not begun anew meanwhile.
    let is_unchanged = |earlier: &&Counters| {
        earlier.since.is_some() && earlier.since == now.since && earlier.scans.get(&index.oid) == now.scans.get(&index.oid)
    };
    let watched_from = evidence.earlier.iter().filter(is_unchanged).map(|earlier| earlier.until).min();
    let scans = now.scans.get(&index.oid).copied();
    let counted_from = now.since.filter(|_| scans == Some(0));
    let name = printable(&index.name);
    let Some(from) = [watched_from, counted_from].into_iter().flatten().min() else {
        return Some(match scans {
            Some(scans) => format!(
                "index {name} was scanned {scans} times, and no other index serves all that it serves; an earlier capture (--since) would \
                 show that it no longer is"
            ),
            None => format!("no scan of index {name} is counted, so nothing is known of its use"),
        });
    };
    too_short(&format!("index {name} was not scanned"), from, now.until, evidence.unused_for)
}

fn unused_on_standbys(index: &Index, snapshot: &Snapshot, evidence: &DropEvidence) -> Option<String> {
    let name = printable(&index.name);
    let Some(attached) = snapshot.activity.standbys else {
        return Some(format!(
            "this role may not see whether standbys read from this server, where index {name} may be used; `GRANT pg_monitor TO {}` lets it",
            pgtailor_model::name::quote_identifier(&snapshot.capabilities.role)
        ));
    };
    let known = u32::try_from(evidence.standbys.len()).unwrap_or(u32::MAX);
    if attached > known {
        return Some(format!(
            "index {name} may be used on standbys: {attached} read from this server, and {known} were looked at; name each with --standby"
        ));
    }
    evidence.standbys.iter().find_map(|standby| match (standby.scans.get(&index.oid), standby.since) {
        (Some(0), Some(since)) => {
            too_short(&format!("index {name} was not scanned on {}", standby.server), since, standby.until, evidence.unused_for)
        }
        (Some(0), None) => Some(format!("{} does not say since when it counts", standby.server)),
        (Some(scans), _) => Some(format!("index {name} was scanned {scans} times on {}", standby.server)),
        (None, _) => Some(format!("{} counts no scan of index {name}", standby.server)),
    })
}

fn too_short(what: &str, from: Timestamp, until: Timestamp, wanted: Duration) -> Option<String> {
    let watched = until.duration_since(from).max(SignedDuration::ZERO);
    let wanted = SignedDuration::try_from(wanted).unwrap_or(SignedDuration::MAX);
    (watched < wanted)
        .then(|| format!("{what} for {}, and must not be for {}; --unused-for accepts less", words(watched), words(wanted)))
}

fn words(duration: SignedDuration) -> String {
    let hours = duration.as_hours();
    match hours {
        0 => format!("{} min", duration.as_mins()),
        1..48 => format!("{hours} h"),
        _ => format!("{} days", hours / 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_said_in_the_unit_that_says_most() {
        assert_eq!(words(SignedDuration::from_mins(5)), "5 min");
        assert_eq!(words(SignedDuration::from_hours(30)), "30 h");
        assert_eq!(words(SignedDuration::from_hours(31 * 24)), "31 days");
    }
}
