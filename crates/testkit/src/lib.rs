//! What live tests share: a server with psql beside it, runs of the program, sessions that hold locks, and an application that must not
//! notice anything.
//!
//! Everything here panics when it cannot do its work: a test without a server fails.

pub mod big;
pub mod blocker;
pub mod invariants;
pub mod probe;
pub mod program;
pub mod server;
pub mod session;
pub mod shop;
pub mod tpch;
pub mod wire;

use std::time::{Duration, Instant};

/// Far longer than anything in a test takes; reached only when something hangs.
pub const LIMIT: Duration = Duration::from_mins(2);

/// Asks again until the answer is yes.
///
/// # Panics
///
/// When [`LIMIT`] is over.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < LIMIT, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
