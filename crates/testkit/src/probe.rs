//! An application that reads and writes all the time. Whether it had to wait for a lock is in the server's log, not in seconds measured
//! here: the machines that run tests are slow at times.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::server::Server;
use crate::session::Session;

/// Settings by which the server logs every wait for a lock that lasts longer than the half second that a careful change may cost.
pub const SETTINGS: &[(&str, &str)] =
    &[("log_lock_waits", "on"), ("deadlock_timeout", "500ms"), ("log_line_prefix", "<%a> "), ("lc_messages", "C")];

/// Readers and writers at work.
pub struct Probe {
    stop: Arc<AtomicBool>,
    workers: Vec<JoinHandle<()>>,
    database: String,
    log_until_now: usize,
}

impl Probe {
    /// Begins to send each statement about twenty times a second, each in a session of its own.
    pub fn begin(server: &Server, database: &str, statements: &[&str]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let work = |statement: &&str| {
            let mut session = Session::open(server, database);
            let (stop, statement) = (Arc::clone(&stop), (*statement).to_owned());
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    session.sql(&statement);
                    std::thread::sleep(Duration::from_millis(50));
                }
            })
        };
        let workers = statements.iter().map(work).collect();
        Self { stop, workers, database: database.to_owned(), log_until_now: server.log().len() }
    }

    /// Ends it, and returns the log's lines about waits of the application; there must be none.
    ///
    /// # Panics
    ///
    /// When the application failed.
    pub fn waits(self, server: &Server) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        for worker in self.workers {
            worker.join().expect("the application never fails");
        }
        // Databases that share a server are told apart where the log says them.
        let prefixes = ["<psql> ".to_owned(), format!("<psql|{}> ", self.database)];
        let is_wait = |line: &&str| prefixes.iter().any(|prefix| line.starts_with(prefix)) && line.contains("still waiting for");
        server.log_since(self.log_until_now).lines().filter(is_wait).map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The probe must see what it is there to see: a blocking build.
    #[test]
    fn a_blocked_application_is_noticed() {
        let server = Server::with_settings(SETTINGS);
        server.sql("postgres", "CREATE TABLE t (a int); INSERT INTO t VALUES (1)");
        let probe = Probe::begin(&server, "postgres", &["UPDATE t SET a = a"]);
        server.sql("postgres", "BEGIN; LOCK TABLE t IN SHARE MODE; SELECT pg_sleep(2); COMMIT");
        assert!(!probe.waits(&server).is_empty());
    }
}
