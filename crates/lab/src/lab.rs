//! A disposable server, from start to end.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fmt, fs, io};

use rustix::process::Signal;

use crate::account::{Account, account_for_server};
use crate::address::Address;
use crate::binaries::{Server, ServerVersion, choose_server};
use crate::cluster::{self, SOCKET_PORT, SUPERUSER};
use crate::error::LabError;
use crate::home::Home;
use crate::left::{self, About, LeftLab};
use crate::options::{LabOptions, Listen};
use crate::postmaster::{self, Postmaster};
use crate::process::cpu_time_of_family;
use crate::standby;
use crate::sweep::sweep;

/// A private PostgreSQL server that is gone when its owner is.
///
/// Dropping it stops the server at once (immediate shutdown: nothing in it is kept) and removes its folder. The same happens when the
/// owning process ends in any other way, unless it was [left running](Lab::leave_running).
pub struct Lab {
    // Before `home`, so that the server is gone when the folder is removed.
    postmaster: Option<Postmaster>,
    home: Home,
    server: Server,
    options: LabOptions,
    account: Option<Account>,
    password: String,
}

/// How a restart stops the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// Sessions are ended, all is written out.
    Fast,
    /// As in a crash: the next start recovers from the log. With [`crate::Durability::Off`] the last commits may be lost.
    Immediate,
}

impl Lab {
    /// Starts a lab and waits until it accepts connections; sweeps first what killed owners left behind.
    ///
    /// The first start with a server takes one to two seconds, nearly all of it `initdb`; later ones copy what that made. As root, the server runs as user `postgres`, else `nobody`.
    pub fn start(options: &LabOptions) -> Result<Self, LabError> {
        cluster::check_settings(options)?;
        let server = choose_server(&options.binaries)?;
        let account = account_for_server()?;
        // Leftovers that cannot be removed are in nobody's way; `sweep` tells who asks.
        let _ = sweep();
        let mut home = Home::make(account.as_ref())?;
        if options.listen == Listen::Socket {
            check_socket_path(home.folder())?;
        }
        let password = cluster::make(&mut home, &server, account.as_ref())?;
        let postmaster = postmaster::start(&mut home, &server, options, account.as_ref(), None)?;
        Ok(Self { postmaster: Some(postmaster), home, server, options: options.clone(), account, password })
    }

    /// Starts a standby of this lab with the same programs: it streams from here, can be read, and is a lab of its own otherwise.
    ///
    /// A lab takes a standby with its usual settings (`wal_level`, `max_wal_senders` and `hot_standby` are on by default). Settings that
    /// a standby must not have lower than its primary, such as `max_connections`, are the caller's to repeat in `options`
    /// (`CheckRequiredParameterValues` in `xlogrecovery.c`). The copy is as large as the primary's data.
    pub fn standby(&self, options: &LabOptions) -> Result<Self, LabError> {
        cluster::check_settings(options)?;
        let mut home = Home::make(self.account.as_ref())?;
        if options.listen == Listen::Socket {
            check_socket_path(home.folder())?;
        }
        standby::copy(&mut home, &self.server, self.account.as_ref(), &self.url("postgres"))?;
        let postmaster = postmaster::start(&mut home, &self.server, options, self.account.as_ref(), None)?;
        Ok(Self {
            postmaster: Some(postmaster),
            home,
            server: self.server.clone(),
            options: options.clone(),
            account: self.account.clone(),
            password: self.password.clone(),
        })
    }

    /// Makes a standby a primary, on a timeline of its own; returns when it takes writes.
    pub fn promote(&mut self) -> Result<(), LabError> {
        standby::promote(&mut self.home, &self.server, self.account.as_ref())
    }

    /// A connection URL for `database`, with the password; `postgres` always exists.
    pub fn url(&self, database: &str) -> String {
        self.address().url(database)
    }

    /// What to connect to: `127.0.0.1`, or the folder of the socket.
    pub fn host(&self) -> String {
        self.address().host()
    }

    /// The port, on loopback or in the socket's name. A restart keeps it unless somebody takes it meanwhile.
    pub fn port(&self) -> u16 {
        self.postmaster.as_ref().map_or(SOCKET_PORT, Postmaster::port)
    }

    /// The superuser's name.
    pub fn user(&self) -> &'static str {
        SUPERUSER
    }

    /// The superuser's password: random, the same for all labs of a user and version, and asked for on loopback only.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// The lab's folder.
    pub fn folder(&self) -> &Path {
        self.home.folder()
    }

    /// The server's data folder, for those who look at its files or patch them.
    pub fn data_folder(&self) -> PathBuf {
        self.home.data()
    }

    /// The server's log.
    pub fn log_file(&self) -> PathBuf {
        self.home.log_file()
    }

    /// The server's version.
    pub fn version(&self) -> &ServerVersion {
        &self.server.version
    }

    /// The folder with the server's programs, where `psql` and `pg_dump` of the same version usually are, too.
    pub fn binaries(&self) -> &Path {
        &self.server.folder
    }

    /// The process number of the server's main process; `None` after a restart that failed.
    pub fn postmaster_pid(&self) -> Option<u32> {
        self.postmaster.as_ref().map(Postmaster::pid)
    }

    /// Processor time (user and system) that the server has used since its last start, all its processes together.
    ///
    /// Measured by the kernel in clock ticks, usually of 10 ms. Linux only; elsewhere [`io::ErrorKind::Unsupported`].
    pub fn cpu_time(&self) -> io::Result<Duration> {
        let pid = self.postmaster_pid().ok_or(io::ErrorKind::NotFound)?;
        cpu_time_of_family(pid)
    }

    /// Stops the server as `shutdown` says, starts it again on the same data and waits until it accepts connections.
    pub fn restart(&mut self, shutdown: Shutdown) -> Result<(), LabError> {
        self.restart_after(shutdown, || ())
    }

    /// The same with `meanwhile` between the two: for what may only be done to the files of a server that is not running.
    pub fn restart_after(&mut self, shutdown: Shutdown, meanwhile: impl FnOnce()) -> Result<(), LabError> {
        let port = self.port();
        self.stop_server(match shutdown {
            Shutdown::Fast => Signal::INT,
            Shutdown::Immediate => Signal::QUIT,
        })?;
        meanwhile();
        self.postmaster =
            Some(postmaster::start(&mut self.home, &self.server, &self.options, self.account.as_ref(), Some(port))?);
        Ok(())
    }

    /// Stops the server and removes everything, as dropping does, but says what went wrong.
    pub fn stop(mut self) -> Result<(), LabError> {
        self.stop_server(Signal::QUIT)?;
        self.home.remove()
    }

    /// Leaves the server running when this program ends, for a person to look into; `label` says what it is for.
    ///
    /// It goes on until it is stopped ([`LeftLab::stop`]), killed, or the machine is: then the next start or sweep removes its folder.
    /// The end of the terminal or a Ctrl-C in it does not reach it. A system that ends all processes of a user who logs out
    /// (`KillUserProcesses` of systemd-logind) ends this one, too. On an error nothing is left.
    pub fn leave_running(mut self, label: &str) -> Result<LeftLab, LabError> {
        let about = About {
            version: self.server.version.text.clone(),
            listen: self.options.listen,
            password: self.password.clone(),
            label: label.to_owned(),
        };
        // Looked at before anything is let go: a server that has ended meanwhile is an error, and then dropping cleans up.
        left::write(self.home.folder(), &about, self.account.as_ref())?;
        let Some(left) = LeftLab::read(self.home.folder())? else {
            let log = fs::read_to_string(self.home.log_file()).unwrap_or_default();
            return Err(LabError::NotLeft { folder: self.home.data(), log: cluster::last_lines(&log) });
        };
        if let Some(postmaster) = self.postmaster.take() {
            postmaster.leave();
        }
        self.home.leave();
        Ok(left)
    }

    fn address(&self) -> Address<'_> {
        Address { folder: self.home.folder(), listen: self.options.listen, port: self.port(), password: &self.password }
    }

    fn stop_server(&mut self, signal: Signal) -> Result<(), LabError> {
        if let Some(postmaster) = &mut self.postmaster {
            postmaster.stop(signal)?;
            self.postmaster = None;
            self.home.tell_guardian(None);
        }
        Ok(())
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // There is nobody to tell; the guardian and the next sweep try again.
        let _ = self.stop_server(Signal::QUIT);
    }
}

/// Without the password.
impl fmt::Debug for Lab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("Lab");
        fields.field("folder", &self.folder()).field("port", &self.port()).field("version", &self.server.version.text);
        fields.finish_non_exhaustive()
    }
}

/// `sun_path` has 108 bytes on Linux and 104 elsewhere, the closing zero included (unix(7)).
fn check_socket_path(folder: &Path) -> Result<(), LabError> {
    let limit = if cfg!(target_os = "linux") { 107 } else { 103 };
    let path = folder.join(format!(".s.PGSQL.{SOCKET_PORT}"));
    let length = path.as_os_str().len();
    if length > limit { Err(LabError::SocketPathTooLong { path, length, limit }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_path_that_the_system_would_cut_is_refused() {
        assert!(check_socket_path(Path::new("/tmp/pgtailor-lab-1-00")).is_ok());
        let long = format!("/tmp/{}", "x".repeat(100));
        let error = check_socket_path(Path::new(&long)).expect_err("119 bytes");
        assert!(error.to_string().contains("119 bytes") && error.to_string().contains("TMPDIR"), "{error}");
    }
}
