//! A psql session that stays open and holds what it holds.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::server::Server;

/// An open psql session.
pub struct Session {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Session {
    /// Opens a session on `database` as the superuser.
    pub fn open(server: &Server, database: &str) -> Self {
        let mut process = Command::new(server.lab.binaries().join("psql"))
            .args(["-X", "-q", "-A", "-t", "-d", &server.lab.url(database)])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("psql is installed");
        let input = process.stdin.take();
        let output = BufReader::new(process.stdout.take().expect("piped"));
        Self { process, input, output }
    }

    /// Runs SQL and returns when the server has answered.
    pub fn sql(&mut self, sql: &str) {
        let input = self.input.as_mut().expect("the session is open");
        writeln!(input, "{sql};\n\\echo --done--").and_then(|()| input.flush()).expect("the session is open");
        let mut line = String::new();
        while line.trim_end() != "--done--" {
            line.clear();
            assert_ne!(self.output.read_line(&mut line).expect("an answer"), 0, "the session ended");
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
