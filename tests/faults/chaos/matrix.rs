//! The matrix: what is done, where it is held, and how it is hit; and its cases, in an order that follows from a seed.
//!
//! Data only: what the words mean on a server is in `scene.rs` and in [`super::Case`]'s own functions. Start reading at [`POINTS`].

use pgtailor::model::random::Random;
use pgtailor_testkit::blocker::Blocker;

/// What is done when the blow falls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    Build,
    /// A build that somebody cancelled, on its way to being cleaned up.
    FailedBuild,
    Undo,
    Rebuild,
    /// A rebuild that somebody cancelled before the two indexes changed places.
    FailedRebuild,
    /// The same after they have: it is done, and the old one is left.
    SwappedRebuild,
    /// An index on a partitioned table: declared, built on each part, attached.
    Whole,
    /// The build on the first part was cancelled.
    FailedPart,
    UndoWhole,
    Setting,
    /// A run died before the setting was sent; the next one finds its entry.
    UnsentSetting,
    /// A run died after the setting was sent.
    SentSetting,
    UndoSetting,
}

/// The kinds of changes. A short run has a case of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Build,
    Undo,
    Rebuild,
    Whole,
    Setting,
}

/// What has happened before the work is where it is hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prelude {
    Nothing,
    /// The change was made, and is being taken back.
    Done,
    /// The builder was cancelled where this held it.
    Cancelled(Holder),
    /// An earlier run was killed before its entry entered this state.
    Killed(&'static str),
}

/// A session that holds the server's own statement, and how it shows that it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    pub sql: &'static str,
    /// In the progress view; without one, the builder waits for a lock.
    pub phase: Option<&'static str>,
}

/// Where it is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// In the server's statement.
    Held(Holder),
    /// Before this entry of the ledger enters this state.
    Before(&'static str, u32),
}

const fn by(blocker: Blocker) -> Holder {
    Holder { sql: blocker.sql(), phase: blocker.phase() }
}

const SUE: Holder = by(Blocker::Sue);
const WRITER: Holder = by(Blocker::Writer);
const SNAPSHOT: Holder = by(Blocker::Snapshot);
const READER: Holder = by(Blocker::Reader);
/// A rebuild has a phase where a build and a drop have none.
const READER_OF_OLD: Holder = Holder { phase: Some("waiting for readers before marking dead"), ..READER };
/// A declaration on the partitioned table waits for its writers.
const WRITER_OF_WHOLE: Holder = Holder { sql: "BEGIN; INSERT INTO measured VALUES (-2, '2024-02-02', 2)", phase: None };
const WRITER_OF_PART: Holder = Holder {
    sql: "BEGIN; UPDATE measured_1 SET v = v WHERE id = (SELECT min(id) FROM measured_1)",
    phase: Blocker::Writer.phase(),
};
/// Dropping the whole waits for the readers of its parts.
const READER_OF_PART: Holder = Holder { sql: "BEGIN; SELECT count(*) FROM measured_1 WHERE v = 3", phase: None };

use At::{Before, Held};
use Work::{
    Build, FailedBuild, FailedPart, FailedRebuild, Rebuild, SentSetting, Setting, SwappedRebuild, Undo, UndoSetting, UndoWhole,
    UnsentSetting, Whole,
};

/// Every arrow, and every phase in which the server can be held.
///
/// An index on a partitioned table of two parts has five entries: 1 declares it, 2 and 4 build on a part, 3 and 5 attach. What takes a
/// change back has the next number.
pub const POINTS: &[(Work, At)] = &[
    (Build, Before("intent", 1)),
    (Build, Before("running", 1)),
    (Build, Held(SUE)),
    (Build, Held(WRITER)),
    (Build, Held(SNAPSHOT)),
    (Build, Before("verifying", 1)),
    (Build, Before("applied", 1)),
    (FailedBuild, Before("reconciling", 1)),
    (FailedBuild, Before("cleanup-pending", 1)),
    (FailedBuild, Before("failed", 1)),
    (Undo, Before("intent", 2)),
    (Undo, Before("running", 2)),
    (Undo, Held(READER)),
    (Undo, Before("verifying", 2)),
    (Undo, Before("rolled-back", 1)),
    (Undo, Before("applied", 2)),
    (Rebuild, Before("intent", 1)),
    (Rebuild, Before("running", 1)),
    (Rebuild, Held(SUE)),
    (Rebuild, Held(WRITER)),
    (Rebuild, Held(SNAPSHOT)),
    (Rebuild, Held(READER_OF_OLD)),
    (Rebuild, Before("verifying", 1)),
    (Rebuild, Before("applied", 1)),
    (FailedRebuild, Before("reconciling", 1)),
    (FailedRebuild, Before("cleanup-pending", 1)),
    (FailedRebuild, Before("failed", 1)),
    (SwappedRebuild, Before("reconciling", 1)),
    (SwappedRebuild, Before("cleanup-pending", 1)),
    (SwappedRebuild, Before("applied", 1)),
    (Whole, Before("intent", 1)),
    (Whole, Before("running", 1)),
    (Whole, Held(WRITER_OF_WHOLE)),
    (Whole, Before("verifying", 1)),
    (Whole, Before("applied", 1)),
    (Whole, Before("intent", 2)),
    (Whole, Before("running", 2)),
    (Whole, Held(WRITER_OF_PART)),
    (Whole, Held(SNAPSHOT)),
    (Whole, Before("verifying", 2)),
    (Whole, Before("applied", 2)),
    (Whole, Before("intent", 3)),
    (Whole, Before("running", 3)),
    (Whole, Before("verifying", 3)),
    (Whole, Before("applied", 3)),
    (Whole, Before("running", 5)),
    (Whole, Before("verifying", 5)),
    (Whole, Before("applied", 5)),
    (FailedPart, Before("reconciling", 2)),
    (FailedPart, Before("cleanup-pending", 2)),
    (FailedPart, Before("failed", 2)),
    (UndoWhole, Before("intent", 6)),
    (UndoWhole, Before("running", 6)),
    (UndoWhole, Held(READER_OF_PART)),
    (UndoWhole, Before("verifying", 6)),
    (UndoWhole, Before("rolled-back", 2)),
    (UndoWhole, Before("rolled-back", 3)),
    (UndoWhole, Before("rolled-back", 1)),
    (UndoWhole, Before("applied", 6)),
    (Setting, Before("intent", 1)),
    (Setting, Before("running", 1)),
    (Setting, Before("verifying", 1)),
    (Setting, Before("applied", 1)),
    (UnsentSetting, Before("reconciling", 1)),
    (UnsentSetting, Before("failed", 1)),
    (SentSetting, Before("reconciling", 1)),
    (SentSetting, Before("applied", 1)),
    (UndoSetting, Before("intent", 2)),
    (UndoSetting, Before("running", 2)),
    (UndoSetting, Before("verifying", 2)),
    (UndoSetting, Before("rolled-back", 1)),
    (UndoSetting, Before("applied", 2)),
];

/// How it is hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blow {
    /// The program is killed.
    Kill,
    /// The session that builds is terminated.
    EndBuilder,
    /// The session that watches is terminated.
    EndWatchdog,
    /// The server stops as in a crash and comes back.
    Crash,
    /// The standby becomes the primary, and the address leads to it.
    Promote,
    /// Both sides are told that the connection is gone.
    Cut,
    /// Nothing arrives any more, the program dies, and the server is not told.
    Silence,
    /// The program stands still for as long as everything is held, another run looks in, and then it goes on.
    Stop,
    /// Ctrl-C.
    Interrupt,
}

pub const BLOWS: &[Blow] = &[
    Blow::Kill,
    Blow::EndBuilder,
    Blow::EndWatchdog,
    Blow::Crash,
    Blow::Promote,
    Blow::Cut,
    Blow::Silence,
    Blow::Stop,
    Blow::Interrupt,
];

#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub work: Work,
    pub at: At,
    pub blow: Blow,
    pub instances: usize,
}

impl Work {
    pub fn kind(self) -> Kind {
        match self {
            Build | FailedBuild => Kind::Build,
            Undo => Kind::Undo,
            Rebuild | FailedRebuild | SwappedRebuild => Kind::Rebuild,
            Whole | FailedPart | UndoWhole => Kind::Whole,
            Setting | UnsentSetting | SentSetting | UndoSetting => Kind::Setting,
        }
    }

    pub fn prelude(self) -> Prelude {
        match self {
            Build | Rebuild | Whole | Setting => Prelude::Nothing,
            Undo | UndoWhole | UndoSetting => Prelude::Done,
            FailedBuild | FailedRebuild | FailedPart => Prelude::Cancelled(SNAPSHOT),
            SwappedRebuild => Prelude::Cancelled(READER_OF_OLD),
            UnsentSetting => Prelude::Killed("running"),
            SentSetting => Prelude::Killed("verifying"),
        }
    }
}

/// Every case, in an order that follows from the seed, but for the first ones: those are one of each kind, so that a short run has all.
pub fn shuffled(seed: u64) -> Vec<Case> {
    let mut cases = Vec::new();
    for &(work, at) in POINTS {
        for &blow in BLOWS {
            cases.extend([1, 6].map(|instances| Case { work, at, blow, instances }));
        }
    }
    let mut random = Random::new(seed);
    for last in (1..cases.len()).rev() {
        let other = usize::try_from(random.below(u64::try_from(last + 1).expect("small"))).expect("small");
        cases.swap(last, other);
    }
    let mut kinds = Vec::new();
    let (mut first, rest): (Vec<Case>, Vec<Case>) = cases.into_iter().partition(|case| {
        let is_first = !kinds.contains(&case.work.kind());
        kinds.extend(is_first.then(|| case.work.kind()));
        is_first
    });
    first.extend(rest);
    first
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_short_run_has_a_case_of_each_kind_and_a_long_one_has_all_cases() {
        let all: BTreeSet<Kind> = POINTS.iter().map(|(work, _)| work.kind()).collect();
        for seed in 0..20 {
            let cases = shuffled(seed);
            let first: BTreeSet<Kind> = cases[..all.len()].iter().map(|case| case.work.kind()).collect();
            assert_eq!(first, all, "seed {seed}");
            let different: BTreeSet<String> = cases.iter().map(|case| format!("{case:?}")).collect();
            assert_eq!((different.len(), cases.len()), (POINTS.len() * BLOWS.len() * 2, different.len()));
        }
    }
}
