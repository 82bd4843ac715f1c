//! A: waiting and locks.

use pgtailor_testkit::blocker::{Blocker, wait_for};
use pgtailor_testkit::invariants::Allowed;

use crate::place::{Place, entry, index_a, printed};

/// A dump, for example: it is waited for, named, and never ended.
#[test]
fn f01_an_old_snapshot_is_waited_for_and_named() {
    let mut place = Place::new("f01");
    let application = place.application();
    let (mut running, mut snapshot) = place.held(Blocker::Snapshot);
    let pid = snapshot.backend();
    running.wait_until_it_says(&format!("session {pid} (psql), idle in transaction"));
    assert_eq!(place.indexes_of("big"), "big_pkey 111\nbystander 111\nidx_a 011");
    snapshot.sql("COMMIT");
    place.ended(running).expect_code(0);
    assert!(place.is_valid("idx_a"));
    assert_eq!(application.waits(place.server), Vec::<String>::new());
    place.holds();
}
