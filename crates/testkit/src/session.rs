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
        Self::open_at(server, &server.lab.url(database))
    }

    /// Opens a session at `url`.
    pub fn open_at(server: &Server, url: &str) -> Self {
        let mut process = Command::new(server.lab.binaries().join("psql"))
            .args(["-X", "-q", "-A", "-t", "-d", url])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("psql is installed");
        let input = process.stdin.take();
        let output = BufReader::new(process.stdout.take().expect("piped"));
        Self { process, input, output }
    }

    /// Runs SQL and returns when the server has answered. An error of the server's is an answer.
    pub fn sql(&mut self, sql: &str) {
        self.ask(sql);
    }

    /// Runs SQL and returns the rows of the answer, unaligned, one a line.
    ///
    /// # Panics
    ///
    /// When the session ended instead of answering.
    pub fn ask(&mut self, sql: &str) -> String {
        self.answer(sql).expect("the session ended")
    }

    /// The same; `None` when the session ended instead, as when the server goes down.
    pub fn answer(&mut self, sql: &str) -> Option<String> {
        let input = self.input.as_mut().expect("the session is open");
        writeln!(input, "{sql};\n\\echo --done--").and_then(|()| input.flush()).ok()?;
        let mut rows = String::new();
        loop {
            let mut line = String::new();
            if self.output.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if line.trim_end() == "--done--" {
                return Some(rows.trim_end().to_owned());
            }
            rows.push_str(&line);
        }
    }

    /// The process number of its backend.
    pub fn backend(&mut self) -> String {
        self.ask("SELECT pg_backend_pid()")
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
