//! Open sessions that hold a build or a drop in the phase that a test wants to see, and looks at that phase.

use std::time::{Duration, Instant};

use crate::LIMIT;
use crate::server::Server;
use crate::session::Session;

/// What a session holds. The names are those of the catalogue of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocker {
    /// `SUE`: a lock as another build holds it. A build waits for its first lock, and nothing of it exists yet.
    Sue,
    /// `W`: a write on the table that is not committed. A build waits before it begins: its index is neither valid nor ready.
    Writer,
    /// `S`: a snapshot, taken on another table. A build waits before it ends: its index is ready, so that writes maintain it, and not valid.
    Snapshot,
    /// `R`: a read of the table in an open transaction. It is in no build's way; a drop and a rebuild wait for it.
    Reader,
}

impl Blocker {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Sue, Self::Writer, Self::Snapshot, Self::Reader];

    /// What the session runs, on the table `big` of [`crate::big`].
    pub const fn sql(self) -> &'static str {
        match self {
            Self::Sue => "BEGIN; LOCK TABLE big IN SHARE UPDATE EXCLUSIVE MODE",
            Self::Writer => "BEGIN; UPDATE big SET a = a WHERE id = 5",
            Self::Snapshot => "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM other LIMIT 1",
            Self::Reader => "BEGIN; SELECT 1 FROM big LIMIT 1",
        }
    }

    /// The phase of a build in which it is held; `None` when it is not, or has no row in the progress view.
    pub const fn phase(self) -> Option<&'static str> {
        match self {
            Self::Writer => Some("waiting for writers before build"),
            Self::Snapshot => Some("waiting for old snapshots"),
            Self::Sue | Self::Reader => None,
        }
    }

    /// Opens a session that holds it until it is dropped, or until it is told to `COMMIT`.
    pub fn hold(self, server: &Server, database: &str) -> Session {
        let mut session = Session::open(server, database);
        session.sql(self.sql());
        session
    }

    /// Waits until a build of pgtailor is held by this.
    ///
    /// # Panics
    ///
    /// When it never is, with what was seen instead.
    pub fn wait_until_it_holds(self, server: &Server, database: &str) {
        let seen = || match self {
            Self::Writer | Self::Snapshot => phase(server, database),
            Self::Sue | Self::Reader => waits_of_the_builder(server, database),
        };
        let wanted = self.phase().unwrap_or("Lock");
        wait_for(&format!("a build held by {self:?}"), wanted, seen);
    }
}

/// The phase of the build in `database`, as the server's progress view has it; empty when there is none.
pub fn phase(server: &Server, database: &str) -> String {
    server.sql(database, "SELECT phase FROM pg_stat_progress_create_index WHERE datname = current_database()")
}

/// What kind of thing the builder waits for, empty when it does not.
pub fn waits_of_the_builder(server: &Server, database: &str) -> String {
    server.sql(
        database,
        "SELECT wait_event_type FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' \
         AND application_name LIKE 'pgtailor: builder%' AND wait_event_type = 'Lock'",
    )
}

/// Asks again until the answer is `wanted`.
///
/// # Panics
///
/// When it is not within [`LIMIT`], with the answers that were seen, each once.
pub fn wait_for(what: &str, wanted: &str, mut seen: impl FnMut() -> String) {
    let begun = Instant::now();
    let mut answers: Vec<String> = Vec::new();
    loop {
        let answer = seen();
        if answer == wanted {
            return;
        }
        if answers.last() != Some(&answer) {
            answers.push(answer);
        }
        assert!(begun.elapsed() < LIMIT, "waited in vain for {what}: {wanted:?}; seen, in this order: {answers:?}");
        std::thread::sleep(Duration::from_millis(15));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::big;

    /// Each blocker holds an ordinary `CREATE INDEX CONCURRENTLY` where the catalogue says it does.
    #[test]
    fn blockers_hold_a_build_where_they_should() {
        let server = Server::start();
        big::prepare(&server);
        big::create(&server, "blocked");
        for (position, blocker) in [Blocker::Writer, Blocker::Snapshot].into_iter().enumerate() {
            let mut holder = blocker.hold(&server, "blocked");
            let mut builder = Session::open(&server, "blocked");
            let build = std::thread::spawn(move || builder.sql(&format!("CREATE INDEX CONCURRENTLY i{position} ON big (a)")));
            wait_for("the phase", blocker.phase().expect("it has one"), || phase(&server, "blocked"));
            holder.sql("COMMIT");
            build.join().expect("it is built");
        }
        let mut holder = Blocker::Reader.hold(&server, "blocked");
        server.sql("blocked", "CREATE INDEX CONCURRENTLY free ON big (c)");
        holder.sql("COMMIT");
        assert_eq!(server.invalid_indexes("blocked"), "");
    }
}
