//! The server's main process: started, waited for, stopped.

use std::fs::{File, OpenOptions};
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use rustix::process::Signal;

use crate::account::Account;
use crate::binaries::Server;
use crate::cluster::{SOCKET_PORT, command_for, configure, could_not_run, last_lines};
use crate::error::LabError;
use crate::home::{Home, folder_error};
use crate::options::{LabOptions, Listen};
use crate::process::send;
use crate::serving::LockFile;

/// How long a server may take to accept connections: generous, since a machine under load is no reason to fail.
const READY_WITHIN: Duration = Duration::from_mins(1);
/// How long a server may take to stop before it is stopped harder.
const STOPPED_WITHIN: Duration = Duration::from_secs(30);
/// How often is looked.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// How many ports are tried.
const PORTS: u32 = 10;

/// A postmaster of ours and the port that it listens on. Dropping it stops it at once.
#[derive(Debug)]
pub(crate) struct Postmaster {
    child: Child,
    port: u16,
    /// The lab's folder, for errors.
    folder: PathBuf,
    /// Whether it is to live on.
    is_left: bool,
}

/// Starts the server of `home` and waits until it accepts connections. On loopback `preferred` is tried first, then free ports.
pub(crate) fn start(
    home: &mut Home,
    server: &Server,
    options: &LabOptions,
    account: Option<&Account>,
    preferred: Option<u16>,
) -> Result<Postmaster, LabError> {
    let mut preferred = preferred;
    for _ in 0..PORTS {
        let port = match options.listen {
            Listen::Socket => SOCKET_PORT,
            Listen::Loopback => preferred.take().map_or_else(free_port, Ok)?,
        };
        configure(home, options, port, account)?;
        let before = fs::metadata(home.log_file()).map_or(0, |log| log.len());
        let child = spawn(home, server, account)?;
        let mut postmaster = Postmaster { child, port, folder: home.folder().to_owned(), is_left: false };
        home.tell_guardian(Some(postmaster.pid()));
        let Err(error) = wait_until_ready(&mut postmaster.child, home) else { return Ok(postmaster) };
        postmaster.stop(Signal::QUIT)?;
        home.tell_guardian(None);
        // Between our finding the port free and the server's taking it, somebody else may have.
        if options.listen == Listen::Socket || !log_since(&home.log_file(), before).contains("Address already in use") {
            return Err(error);
        }
    }
    Err(LabError::NoPort { attempts: PORTS })
}

impl Postmaster {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Sends `signal` and waits for the end; what does not end gets SIGQUIT, then SIGKILL.
    pub(crate) fn stop(&mut self, signal: Signal) -> Result<(), LabError> {
        let (pid, folder) = (self.pid(), self.folder.clone());
        let failed = |source| LabError::Stop { pid, folder: folder.clone(), source };
        for signal in [signal, Signal::QUIT, Signal::KILL] {
            // An unreaped child keeps its number, so the signal cannot reach anybody else.
            if self.child.try_wait().map_err(failed)?.is_some() {
                return Ok(());
            }
            send(pid, signal).map_err(failed)?;
            if wait_for_end(&mut self.child, STOPPED_WITHIN).map_err(failed)? {
                return Ok(());
            }
        }
        Err(failed(io::ErrorKind::TimedOut.into()))
    }

    /// Lets it live on.
    pub(crate) fn leave(mut self) {
        self.is_left = true;
    }
}

impl Drop for Postmaster {
    fn drop(&mut self) {
        if !self.is_left {
            // There is nobody to tell; the guardian and the next sweep try again.
            let _ = self.stop(Signal::QUIT);
        }
    }
}

/// The server's standard input, which it never reads, is the lab's folder, locked (shared, since sessions of a killed server may hold
/// theirs a moment longer than its successor can wait).
///
/// The kernel frees the lock when the last process of the server has ended, and the lock is seen from other containers, too, where
/// process numbers mean something else: so a sweep knows that a server lives which it cannot see. And systemd-tmpfiles leaves a locked
/// folder alone, however old its files get (tmpfiles.d(5)).
fn lock_of_server(folder: &Path) -> Result<Stdio, LabError> {
    let open = || -> io::Result<File> {
        let file = File::open(folder)?;
        file.lock_shared()?;
        Ok(file)
    };
    open().map(Stdio::from).map_err(|source| folder_error("lock", folder, source))
}

fn spawn(home: &mut Home, server: &Server, account: Option<&Account>) -> Result<Child, LabError> {
    let log_file = home.log_file();
    let open = || -> io::Result<(File, File)> {
        let log = OpenOptions::new().append(true).create(true).open(&log_file)?;
        Ok((log.try_clone()?, log))
    };
    let (out, err) = open().map_err(|source| folder_error("open", &log_file, source))?;
    let program = server.folder.join("postgres");
    let mut command = command_for(&program, home, account)?;
    command.arg("-D").arg(home.data()).stdin(lock_of_server(home.folder())?).stdout(out).stderr(err);
    command.spawn().map_err(|source| could_not_run(&program, account, source))
}

/// Waits for the word that the server writes into its lock file once it accepts connections, as `pg_ctl` does (`wait_for_postmaster`).
fn wait_until_ready(child: &mut Child, home: &Home) -> Result<(), LabError> {
    let deadline = Instant::now() + READY_WITHIN;
    let data = home.data();
    loop {
        if LockFile::read(&data).is_some_and(|lock_file| lock_file.pid == child.id() && lock_file.is_ready) {
            return Ok(());
        }
        let log = || last_lines(&fs::read_to_string(home.log_file()).unwrap_or_default());
        if !matches!(child.try_wait(), Ok(None)) {
            return Err(LabError::Ended { folder: home.data(), log: log() });
        }
        if Instant::now() > deadline {
            return Err(LabError::NotReady { folder: home.data(), seconds: READY_WITHIN.as_secs(), log: log() });
        }
        thread::sleep(LOOK_EVERY);
    }
}

fn wait_for_end(child: &mut Child, within: Duration) -> io::Result<bool> {
    let deadline = Instant::now() + within;
    while child.try_wait()?.is_none() {
        if Instant::now() > deadline {
            return Ok(false);
        }
        thread::sleep(LOOK_EVERY);
    }
    Ok(true)
}

pub(crate) fn free_port() -> Result<u16, LabError> {
    let bound = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    bound.map(|address| address.port()).map_err(|source| folder_error("find a free port of", Path::new("127.0.0.1"), source))
}

pub(crate) fn log_since(log_file: &Path, offset: u64) -> String {
    let text = fs::read(log_file).unwrap_or_default();
    let offset = usize::try_from(offset).unwrap_or(usize::MAX).min(text.len());
    String::from_utf8_lossy(&text[offset..]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::account_for_server;
    use crate::binaries::choose_server;
    use crate::cluster;
    use crate::options::Binaries;

    #[test]
    fn a_port_that_somebody_took_meanwhile_is_given_up_for_another() {
        let options = LabOptions::new();
        let account = account_for_server().expect("somebody may run it");
        let server = choose_server(&Binaries::Preferred).expect("a PostgreSQL server is installed");
        let mut home = Home::make(account.as_ref()).expect("a folder");
        cluster::make(&mut home, &server, account.as_ref()).expect("a cluster");
        let taken = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let taken_port = taken.local_addr().expect("it is bound").port();
        let postmaster = start(&mut home, &server, &options, account.as_ref(), Some(taken_port)).expect("it starts on another");
        assert_ne!(postmaster.port(), taken_port);
        assert!(
            fs::read_to_string(home.log_file()).expect("a log").contains("Address already in use"),
            "the taken one was tried"
        );
    }
}
