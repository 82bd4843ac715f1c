//! A private server, and psql beside it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use pgtailor_lab::{Lab, LabOptions, Shutdown};

/// A lab with helpers that ask it by psql: a client that is not ours, so that our client cannot hide its own mistakes.
pub struct Server {
    /// The server.
    pub lab: Lab,
}

impl Server {
    /// A server with usual settings.
    pub fn start() -> Self {
        Self::with_settings(&[])
    }

    /// A server with these settings beside the usual ones.
    pub fn with_settings(settings: &[(&str, &str)]) -> Self {
        let mut options = LabOptions::new();
        for (name, value) in settings {
            options = options.with_setting(*name, *value);
        }
        Self { lab: Lab::start(&options).expect("a PostgreSQL server can be started here") }
    }

    /// A client program of the same version.
    fn program(&self, name: &str) -> PathBuf {
        let beside = self.lab.binaries().join(name);
        if beside.exists() { beside } else { PathBuf::from(name) }
    }

    /// Runs SQL by psql as the superuser; the rows, unaligned, one a line.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let output = self.try_sql(&self.lab.url(database), sql);
        assert!(output.status.success(), "{sql}\n{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8").trim_end().to_owned()
    }

    /// Runs SQL by psql at `url`, whatever comes of it.
    pub fn try_sql(&self, url: &str, sql: &str) -> Output {
        Command::new(self.program("psql"))
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql])
            .output()
            .expect("psql is installed")
    }

    /// Runs a file by psql as the superuser.
    pub fn run_file(&self, database: &str, file: &Path) -> Output {
        Command::new(self.program("psql"))
            .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &self.lab.url(database), "-f"])
            .arg(file)
            .output()
            .expect("psql is installed")
    }

    /// A new database.
    pub fn create_database(&self, name: &str) -> String {
        self.sql("postgres", &format!("CREATE DATABASE \"{name}\""));
        self.lab.url(name)
    }

    /// The schema as `pg_dump` writes it, without the ledger and without the random key of newer versions.
    pub fn dump(&self, database: &str) -> String {
        self.dump_with(database, &["--exclude-schema=pgtailor"])
    }

    /// The schema as `pg_dump` writes it, whole.
    pub fn dump_all(&self, database: &str) -> String {
        self.dump_with(database, &[])
    }

    fn dump_with(&self, database: &str, arguments: &[&str]) -> String {
        let output = Command::new(self.program("pg_dump"))
            .args(["--schema-only", "-d", &self.lab.url(database)])
            .args(arguments)
            .output()
            .expect("pg_dump is installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        text.lines()
            .filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict"))
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// Indexes that no query can use: there must never be one at rest.
    pub fn invalid_indexes(&self, database: &str) -> String {
        self.sql(
            database,
            "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
             WHERE NOT (i.indisvalid AND i.indisready AND i.indislive) ORDER BY 1",
        )
    }

    /// Ends the server as a crash would, and starts it again.
    pub fn crash(&mut self) {
        self.lab.restart(Shutdown::Immediate).expect("it comes back");
    }

    /// Restarts the server as a standby that waits for a primary: it reads, and refuses every write.
    pub fn become_standby(&mut self) {
        std::fs::write(self.lab.folder().join("data/standby.signal"), "").expect("the lab's folder is ours");
        self.lab.restart(Shutdown::Fast).expect("it comes back");
        assert_eq!(self.sql("postgres", "SELECT pg_is_in_recovery()"), "t");
    }

    /// What the server logged after the first `bytes` of its log.
    pub fn log_since(&self, bytes: usize) -> String {
        let log = std::fs::read(self.lab.log_file()).expect("the log is readable");
        String::from_utf8_lossy(log.get(bytes..).unwrap_or_default()).into_owned()
    }

    /// The server's log so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.lab.log_file()).expect("the log is readable")
    }
}
