//! What entitles to drop an index: its duties beside queries, and disuse that was watched long enough, on every server.
//!
//! Both who proposes a drop and who carries it out ask here, so that nothing is proposed that would be refused. A counter that says zero
//! says it of one server and since its last reset (`faults` F80, F81): it counts only with a window, and with the standbys, each of which
//! is looked at. Start reading at [`DropEvidence::doubt`] and [`Index::duty`].

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::catalog::Index;
use crate::name::{Oid, printable, quote_identifier};
use crate::snapshot::Snapshot;

/// A month with its end: what runs once a month has run.
pub const UNUSED_FOR: Duration = Duration::from_hours(31 * 24);

/// What is known of the use of indexes beside the snapshot, and what is demanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropEvidence {
    /// How long an index must have been unused.
    pub unused_for: Duration,
    /// Whether a person vouches that no index in question is younger than that. No server records when an index was built, and one that was
    /// built yesterday has as few scans since a month as one that nobody needs.
    pub vouched: bool,
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
    /// When an index was last scanned, as far as the server says (version 16 and later).
    pub last_scans: BTreeMap<Oid, Timestamp>,
}

/// What an index is for beside queries, for which it is never dropped whatever counters say (`faults` F74 to F79).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Duty {
    /// It implements the constraint of this name.
    Constraint(String),
    /// It refuses duplicates, which no counter counts.
    Unique,
    /// It identifies rows for logical replication.
    ReplicaIdentity,
    /// The table is clustered on it.
    Clustered,
    /// It is a partition's part of an index.
    Part,
}

impl DropEvidence {
    /// The usual demand, and nothing known beside the snapshot.
    pub const fn usual() -> Self {
        Self { unused_for: UNUSED_FOR, vouched: false, earlier: Vec::new(), standbys: Vec::new() }
    }

    /// Why `index` of `snapshot` may be in use, as a sentence without a period; `None` when it was unused for long enough everywhere.
    pub fn doubt(&self, index: &Index, snapshot: &Snapshot) -> Option<String> {
        self.doubt_here(index, snapshot)
            .or_else(|| self.doubt_of_standbys(index, snapshot))
            .or_else(|| self.doubt_of_age(index, snapshot))
    }

    /// Since when the server of `snapshot` has not scanned `index`, as far as is known.
    pub fn unused_since(&self, index: &Index, snapshot: &Snapshot) -> Option<Timestamp> {
        // Not `Counters::of`, which copies those of all indexes, and this is asked of each.
        let now = &snapshot.activity;
        let activity = now.indexes.get(&index.oid);
        let scans = activity.map(|activity| &activity.scans);
        // From an earlier capture on, when nothing was counted since and counting was not begun anew meanwhile.
        let is_unchanged =
            |earlier: &&Counters| earlier.since.is_some() && earlier.since == now.since && earlier.scans.get(&index.oid) == scans;
        let watched_from = self.earlier.iter().filter(is_unchanged).map(|earlier| earlier.until).min();
        let counted_from = activity.and_then(|activity| unused_since(activity.scans, now.since, activity.last_scan));
        [watched_from, counted_from].into_iter().flatten().min()
    }

    fn doubt_here(&self, index: &Index, snapshot: &Snapshot) -> Option<String> {
        let name = printable(&index.name);
        let Some(from) = self.unused_since(index, snapshot) else {
            return Some(match snapshot.activity.indexes.get(&index.oid) {
                Some(activity) => format!(
                    "index {name} was scanned {} times, and no other index serves all that it serves; an earlier capture (--since) would \
                     show that it no longer is",
                    activity.scans
                ),
                None => format!("no scan of index {name} is counted, so nothing is known of its use"),
            });
        };
        too_short(&format!("index {name} was not scanned"), from, snapshot.captured_at, self.unused_for)
    }

    /// Why the index may be younger than the time for which it must have been unused; an earlier capture that has it shows that it is not, and
    /// so does a scan.
    fn doubt_of_age(&self, index: &Index, snapshot: &Snapshot) -> Option<String> {
        let earlier = self.earlier.iter().filter(|earlier| earlier.scans.contains_key(&index.oid)).map(|earlier| earlier.until);
        let last_scan = snapshot.activity.indexes.get(&index.oid).and_then(|activity| activity.last_scan);
        let seen = earlier.chain(last_scan).min();
        let known = snapshot.captured_at.duration_since(seen.unwrap_or(snapshot.captured_at));
        let wanted = SignedDuration::try_from(self.unused_for).unwrap_or(SignedDuration::MAX);
        (!self.vouched && known < wanted).then(|| {
            format!(
                "no server records when an index was built, so index {} may be younger than {}: an earlier capture that has it (--since) shows \
                 its age, and --unused-for, given by hand, vouches for it",
                printable(&index.name),
                words(wanted)
            )
        })
    }

    fn doubt_of_standbys(&self, index: &Index, snapshot: &Snapshot) -> Option<String> {
        let name = printable(&index.name);
        let Some(attached) = snapshot.activity.standbys else {
            return Some(format!(
                "this role may not see whether standbys read from this server, where index {name} may be used; `GRANT pg_monitor TO {}` lets it",
                quote_identifier(&snapshot.capabilities.role)
            ));
        };
        let known = u32::try_from(self.standbys.len()).unwrap_or(u32::MAX);
        if attached > known {
            return Some(format!(
                "index {name} may be used on standbys: {attached} read from this server, and {known} were looked at; name each with --standby"
            ));
        }
        self.standbys.iter().find_map(|standby| match (standby.scans.get(&index.oid), standby.unused_since(index.oid)) {
            (_, Some(since)) => {
                too_short(&format!("index {name} was not scanned on {}", standby.server), since, standby.until, self.unused_for)
            }
            (Some(0), None) => Some(format!("{} does not say since when it counts", standby.server)),
            (Some(scans), _) => Some(format!("index {name} was scanned {scans} times on {}", standby.server)),
            (None, _) => Some(format!("{} counts no scan of index {name}", standby.server)),
        })
    }
}

impl Default for DropEvidence {
    fn default() -> Self {
        Self::usual()
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
            last_scans: snapshot
                .activity
                .indexes
                .iter()
                .filter_map(|(oid, activity)| Some((*oid, activity.last_scan?)))
                .collect(),
        }
    }

    /// Since when this server has not scanned the index: its last scan, or the beginning of counting when there was none.
    fn unused_since(&self, index: Oid) -> Option<Timestamp> {
        unused_since(*self.scans.get(&index)?, self.since, self.last_scans.get(&index).copied())
    }
}

fn unused_since(scans: u64, counted_since: Option<Timestamp>, last_scan: Option<Timestamp>) -> Option<Timestamp> {
    if scans == 0 { counted_since } else { last_scan }
}

impl Index {
    /// What it is for beside queries, if anything; the strongest duty of several.
    pub fn duty(&self) -> Option<Duty> {
        if let Some(constraint) = &self.constraint {
            Some(Duty::Constraint(constraint.name.clone()))
        } else if self.definition.as_ref().is_some_and(|definition| definition.unique) {
            Some(Duty::Unique)
        } else if self.replica_identity {
            Some(Duty::ReplicaIdentity)
        } else if self.clustered {
            Some(Duty::Clustered)
        } else {
            self.attached_to.map(|_| Duty::Part)
        }
    }
}

/// What follows the index's name: `implements the constraint users_pkey`.
impl fmt::Display for Duty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constraint(name) => write!(f, "implements the constraint {}", printable(name)),
            Self::Unique => f.write_str("is unique: it refuses duplicates, and statements with ON CONFLICT may name its columns"),
            Self::ReplicaIdentity => f.write_str("is the table's replica identity: without it updates of a published table fail"),
            Self::Clustered => f.write_str("is the one that the table is clustered on"),
            Self::Part => f.write_str("is a part of the one on the partitioned table"),
        }
    }
}

/// A time in the unit that says most: `5 min`, `30 h`, `31 days`.
pub fn words(duration: SignedDuration) -> String {
    let hours = duration.as_hours();
    match hours {
        0 => format!("{} min", duration.as_mins()),
        1..48 => format!("{hours} h"),
        _ => format!("{} days", hours / 24),
    }
}

fn too_short(what: &str, from: Timestamp, until: Timestamp, wanted: Duration) -> Option<String> {
    let watched = until.duration_since(from).max(SignedDuration::ZERO);
    let wanted = SignedDuration::try_from(wanted).unwrap_or(SignedDuration::MAX);
    (watched < wanted)
        .then(|| format!("{what} for {}, and must not be for {}; --unused-for accepts less", words(watched), words(wanted)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_scan_ends_the_use_of_an_index_that_was_used() {
        let now = Timestamp::UNIX_EPOCH;
        let days_ago = |days: i64| now - SignedDuration::from_hours(days * 24);
        let counters = |scans: u64, last: Option<i64>| Counters {
            server: "shop".to_owned(),
            since: Some(days_ago(90)),
            until: now,
            scans: BTreeMap::from([(Oid(9), scans)]),
            last_scans: last.map(|days| (Oid(9), days_ago(days))).into_iter().collect(),
        };
        assert_eq!(counters(0, None).unused_since(Oid(9)), Some(days_ago(90)));
        assert_eq!(counters(7, Some(40)).unused_since(Oid(9)), Some(days_ago(40)));
        assert_eq!(counters(7, None).unused_since(Oid(9)), None, "before version 16 nothing says when");
        assert_eq!(counters(7, Some(40)).unused_since(Oid(8)), None);
    }

    #[test]
    fn durations_are_said_in_the_unit_that_says_most() {
        assert_eq!(words(SignedDuration::from_mins(5)), "5 min");
        assert_eq!(words(SignedDuration::from_hours(30)), "30 h");
        assert_eq!(words(SignedDuration::from_hours(31 * 24)), "31 days");
    }
}
