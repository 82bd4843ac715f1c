//! What can go wrong in a lab: each says what, where, and what to do.

use std::io;
use std::path::PathBuf;

/// Why there is no lab.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// No server is installed where one is looked for.
    #[error(
        "no PostgreSQL server found in {searched}: install one (`apt-get install postgresql`, `dnf install postgresql-server` or `brew \
         install postgresql`) or name the folder that holds `initdb` and `postgres`"
    )]
    NoServer {
        /// The places, for people.
        searched: String,
    },
    /// Servers are installed, but not of the wanted major version.
    #[error(
        "no PostgreSQL {major} server found, only {found}: install it (`apt-get install postgresql-{major}` or `brew install \
         postgresql@{major}`) or name the folder that holds its `initdb` and `postgres`"
    )]
    NoSuchMajor {
        /// The wanted major version.
        major: u32,
        /// What was found, for people.
        found: String,
    },
    /// The folder that was named holds no server.
    #[error("folder {} holds no `{missing}`: name the folder with PostgreSQL's server programs (`pg_config --bindir` prints it)", folder.display())]
    NotAServer {
        /// The folder.
        folder: PathBuf,
        /// The program that is not there.
        missing: &'static str,
    },
    /// The program does not say which version it is.
    #[error("{} does not say its version (`postgres --version` printed {printed:?}): name a folder with a working PostgreSQL server", program.display())]
    UnknownVersion {
        /// The program.
        program: PathBuf,
        /// What it printed, or why it did not run.
        printed: String,
    },
    /// PostgreSQL refuses to run as root, and nobody else is there to run it.
    #[error(
        "PostgreSQL does not run as root, and neither user `postgres` nor `nobody` is in /etc/passwd: add one or run as another user"
    )]
    NoAccount,
    /// A file or folder of the lab could not be read or written.
    #[error("cannot {action} {}: see that the temporary folder (`TMPDIR`) is writable and not full", path.display())]
    Folder {
        /// What was tried, a verb.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A unix socket in the lab's folder would have too long a path.
    #[error(
        "the socket path {} has {length} bytes and the system allows {limit}: set `TMPDIR` to a shorter folder, for example /tmp, or listen on loopback",
        path.display()
    )]
    SocketPathTooLong {
        /// The path.
        path: PathBuf,
        /// Its length in bytes.
        length: usize,
        /// The longest possible, in bytes.
        limit: usize,
    },
    /// A setting cannot be written to the configuration file.
    #[error("{name:?} cannot be a server setting: {reason}")]
    BadSetting {
        /// The setting's name.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// A program could not be run.
    #[error("cannot run {}{}: see that it exists and that this user may execute it and enter its folders", program.display(), as_user(account.as_deref()))]
    Run {
        /// The program.
        program: PathBuf,
        /// The user that it was to run as, when it is another.
        account: Option<String>,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// `initdb` failed.
    #[error("{} could not make a cluster in {}; its last lines:\n{output}", program.display(), folder.display())]
    Initdb {
        /// The program.
        program: PathBuf,
        /// The data folder.
        folder: PathBuf,
        /// The end of what it printed.
        output: String,
    },
    /// A program of PostgreSQL that works on a data folder failed.
    #[error("{} failed on {}; its last lines:\n{output}", program.display(), folder.display())]
    Program {
        /// The program.
        program: PathBuf,
        /// The data folder.
        folder: PathBuf,
        /// The end of what it printed.
        output: String,
    },
    /// No pooler is installed where one is looked for.
    #[error("no PgBouncer found in {searched}: install it (`apt-get install pgbouncer` or `brew install pgbouncer`)")]
    NoPooler {
        /// The places, for people.
        searched: String,
    },
    /// The server ended while starting.
    #[error("the server ended while starting in {}; the last lines of its log:\n{log}", folder.display())]
    Ended {
        /// The data folder.
        folder: PathBuf,
        /// The end of its log.
        log: String,
    },
    /// The server ended before it could be left running.
    #[error("the server in {} has ended, so it cannot be left running; the last lines of its log:\n{log}", folder.display())]
    NotLeft {
        /// The data folder.
        folder: PathBuf,
        /// The end of its log.
        log: String,
    },
    /// The server was not ready in time.
    #[error("the server in {} was not ready after {seconds} s; the last lines of its log:\n{log}", folder.display())]
    NotReady {
        /// The data folder.
        folder: PathBuf,
        /// How long was waited.
        seconds: u64,
        /// The end of its log.
        log: String,
    },
    /// Every port that was tried was taken before the server had it.
    #[error(
        "{attempts} free loopback ports in a row were taken by others before the server could listen: listen on a socket, or try again"
    )]
    NoPort {
        /// How many were tried.
        attempts: u32,
    },
    /// A process could not be stopped.
    #[error("cannot stop process {pid} of the lab in {}: end it by hand (`kill -QUIT {pid}`)", folder.display())]
    Stop {
        /// The process.
        pid: u32,
        /// The lab's folder.
        folder: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

fn as_user(account: Option<&str>) -> String {
    account.map(|name| format!(" as user `{name}`")).unwrap_or_default()
}
