//! Which process serves a data folder, proven, and its end.
//!
//! For servers that are not our children: those of killed owners, and those that were left running. A number in a file proves
//! nothing, since it may be another process's by now; a process is believed to be the server only when it says so itself, by its
//! name and its working folder, and it is signalled only while it is the same one, by its start time.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};
use std::{fs, io, thread};

use rustix::process::{Pid, Signal, WaitOptions, waitpid};

use crate::error::LabError;
use crate::home::DATA;
use crate::process::{is_running, send, serves, start_time};

/// How long a server may take to stop before it is killed, and after it was.
const STOPPED_WITHIN: Duration = Duration::from_secs(10);

/// What a server's lock file says of it.
pub(crate) struct LockFile {
    pub(crate) pid: u32,
    /// When the server started, by its own clock, in whole seconds.
    pub(crate) started_at: SystemTime,
    pub(crate) port: u16,
    /// Whether it accepts connections.
    pub(crate) is_ready: bool,
}

/// The process that serves a lab's data folder.
pub(crate) struct Serving {
    pub(crate) lock_file: LockFile,
    /// When the process started, for comparing only; `None` where the system does not tell.
    started: Option<String>,
}

impl LockFile {
    /// Reads `postmaster.pid` of a data folder; `None` when there is none, or it is not written whole.
    pub(crate) fn read(data: &Path) -> Option<Self> {
        Self::parse(&fs::read_to_string(data.join("postmaster.pid")).ok()?)
    }

    /// Line by line as `miscadmin.h` numbers them (`LOCK_FILE_LINE_PID` and so on): process, data folder, start time, port, folder of
    /// the socket, address, shared memory, state.
    fn parse(text: &str) -> Option<Self> {
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let number = |line: usize| lines.get(line - 1)?.parse::<u64>().ok();
        Some(Self {
            pid: number(1)?.try_into().ok()?,
            started_at: SystemTime::UNIX_EPOCH + Duration::from_secs(number(3)?),
            port: number(4)?.try_into().ok()?,
            is_ready: lines.get(7).is_some_and(|state| *state == "ready"),
        })
    }
}

impl Serving {
    /// The server of the lab in `folder`, if one runs.
    pub(crate) fn find(folder: &Path) -> Option<Self> {
        let data = folder.join(DATA);
        let lock_file = LockFile::read(&data)?;
        // The start time first: a process that took over the number later has another one, and is not signalled.
        let started = start_time(lock_file.pid);
        (is_running(lock_file.pid) && serves(lock_file.pid, &data)).then_some(Self { lock_file, started })
    }

    /// Stops it at once (immediate shutdown), and kills it when it does not stop.
    pub(crate) fn stop(&self, folder: &Path) -> Result<(), LabError> {
        let pid = self.lock_file.pid;
        let failed = |source| LabError::Stop { pid, folder: folder.to_owned(), source };
        for signal in [Signal::QUIT, Signal::KILL] {
            if !self.is_same(folder) {
                return Ok(());
            }
            send(pid, signal).map_err(failed)?;
            let deadline = Instant::now() + STOPPED_WITHIN;
            while self.is_same(folder) && Instant::now() < deadline {
                reap(pid);
                thread::sleep(Duration::from_millis(10));
            }
        }
        if self.is_same(folder) { Err(failed(io::ErrorKind::TimedOut.into())) } else { Ok(()) }
    }

    fn is_same(&self, folder: &Path) -> bool {
        let pid = self.lock_file.pid;
        is_running(pid) && start_time(pid) == self.started && serves(pid, &folder.join(DATA))
    }
}

/// A server that this very process left and that has ended is a zombie until it is waited for, which not every system tells from a
/// living process. No error for anybody else's.
fn reap(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = waitpid(Some(pid), WaitOptions::NOHANG);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_file_is_read_line_by_line() {
        let text = "4711\n/tmp/x/data\n1700000000\n5432\n/tmp/x\n127.0.0.1\n  123456   7\nready   \n";
        let lock_file = LockFile::parse(text).expect("a whole one");
        assert_eq!((lock_file.pid, lock_file.port, lock_file.is_ready), (4711, 5432, true));
        assert_eq!(lock_file.started_at, SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000));
        let starting = LockFile::parse(&text.replace("ready   ", "starting")).expect("a whole one");
        assert!(!starting.is_ready);
        assert!(LockFile::parse("4711\n/tmp/x/data\n").is_none() && LockFile::parse("").is_none());
    }

    #[test]
    fn a_number_in_a_lock_file_proves_nothing() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let data = folder.path().join(DATA);
        fs::create_dir(&data).expect("our own folder");
        // A process that runs, and serves nothing: this one.
        let text = format!("{}\n{}\n1700000000\n5432\n\n\n", std::process::id(), data.display());
        fs::write(data.join("postmaster.pid"), text).expect("our own folder");
        assert!(LockFile::read(&data).is_some());
        assert!(Serving::find(folder.path()).is_none());
    }
}
