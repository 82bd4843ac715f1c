//! A disposable PgBouncer before a lab.
//!
//! Poolers hand one server session to many clients, and what a careless client leaves in it reaches the next one. Only a real pooler
//! shows what that does, so a lab can have one: on a free loopback port, in a folder of its own that is guarded as a lab's is, gone when
//! its owner is. When owner and guardian are both killed, the process is not found again, since it has no data folder to prove who it
//! is; it then serves a server that is gone. Start reading at [`Pooler::start`].

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::net::TcpStream;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use std::{env, io, thread};

use rustix::process::Signal;

use crate::account::{Account, account_for_server};
use crate::address::Address;
use crate::cluster::{SUPERUSER, command_for, could_not_run, last_lines};
use crate::error::LabError;
use crate::home::{Home, folder_error, give_to};
use crate::lab::Lab;
use crate::options::Listen;
use crate::postmaster::{free_port, log_since};
use crate::process::send;

/// The program's name.
const PROGRAM: &str = "pgbouncer";
/// Where packages put it, which is not in every user's `PATH`.
const PACKAGED: &[&str] = &["/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin"];
/// How long it may take to listen, and to end: generous, since a machine under load is no reason to fail.
const WITHIN: Duration = Duration::from_secs(30);
/// How often is looked.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// How many ports are tried.
const PORTS: u32 = 10;

/// A PgBouncer before one server, in transaction mode unless told otherwise. Dropping it ends it and removes its folder.
#[derive(Debug)]
pub struct Pooler {
    // Before `home`, so that the process is gone when the folder is removed.
    process: Running,
    home: Home,
    port: u16,
    password: String,
}

/// The process. Dropping it ends it.
#[derive(Debug)]
struct Running(Child);

impl Pooler {
    /// Starts one before `lab`, which its superuser can enter with the lab's own password, and waits until it listens.
    ///
    /// `settings` are lines of the section `[pgbouncer]` and win over the pooler's own; values may not hold a line's end.
    pub fn start(lab: &Lab, settings: &[(&str, &str)]) -> Result<Self, LabError> {
        let program = find()?;
        let account = account_for_server()?;
        let mut home = Home::make(account.as_ref())?;
        let users = home.folder().join("users.txt");
        write_private(&users, &format!("\"{SUPERUSER}\" \"{}\"\n", lab.password()), account.as_ref())?;
        for _ in 0..PORTS {
            let port = free_port()?;
            let file = home.folder().join("pgbouncer.ini");
            let _ = fs::remove_file(&file);
            write_private(&file, &configuration(lab, port, &users, settings)?, account.as_ref())?;
            let before = fs::metadata(home.log_file()).map_or(0, |log| log.len());
            let mut process = Running(spawn(&program, &file, &mut home, account.as_ref())?);
            home.tell_guardian(Some(process.0.id()));
            match wait_until_it_listens(&mut process.0, port, &home) {
                Ok(()) => return Ok(Self { process, home, port, password: lab.password().to_owned() }),
                // Between our finding the port free and its being taken, somebody else may have taken it.
                Err(_) if log_since(&home.log_file(), before).contains("ddress already in use") => {}
                Err(error) => return Err(error),
            }
            drop(process);
            home.tell_guardian(None);
        }
        Err(LabError::NoPort { attempts: PORTS })
    }

    /// A connection URL for `database` through the pooler, with the password.
    pub fn url(&self, database: &str) -> String {
        let address = Address { folder: self.home.folder(), listen: Listen::Loopback, port: self.port, password: &self.password };
        address.url(database)
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process number.
    pub fn pid(&self) -> u32 {
        self.process.0.id()
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.home.folder()
    }

    /// What it logged so far.
    pub fn log_file(&self) -> PathBuf {
        self.home.log_file()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // SIGTERM ends it at once, without waiting for clients (pgbouncer(1)); there is nobody to tell what goes wrong.
        let _ = send(self.0.id(), Signal::TERM);
        let deadline = Instant::now() + WITHIN;
        while matches!(self.0.try_wait(), Ok(None)) {
            if Instant::now() > deadline {
                let _ = self.0.kill();
                let _ = self.0.wait();
                return;
            }
            thread::sleep(LOOK_EVERY);
        }
    }
}

fn find() -> Result<PathBuf, LabError> {
    let on_path: Vec<PathBuf> = env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default();
    let mut folders = on_path.into_iter().chain(PACKAGED.iter().map(PathBuf::from));
    folders
        .find_map(|folder| Some(folder.join(PROGRAM)).filter(|program| program.is_file()))
        .ok_or_else(|| LabError::NoPooler { searched: format!("PATH, {}", PACKAGED.join(", ")) })
}

fn configuration(lab: &Lab, port: u16, users: &Path, settings: &[(&str, &str)]) -> Result<String, LabError> {
    let mut text = format!(
        "[databases]\n* = host={} port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
         auth_type = scram-sha-256\nauth_file = {}\npool_mode = transaction\n",
        lab.host(),
        lab.port(),
        users.display()
    );
    for (name, value) in settings {
        if [*name, *value].iter().any(|part| part.contains(['\n', '\r', '\0'])) {
            return Err(LabError::BadSetting { name: (*name).to_owned(), reason: "a setting is one line" });
        }
        let _ = writeln!(text, "{name} = {value}");
    }
    Ok(text)
}

fn write_private(path: &Path, text: &str, account: Option<&Account>) -> Result<(), LabError> {
    let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    created.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|source| folder_error("write", path, source))?;
    give_to(account, path)
}

fn spawn(program: &Path, file: &Path, home: &mut Home, account: Option<&Account>) -> Result<Child, LabError> {
    let log_file = home.log_file();
    let log = OpenOptions::new().append(true).create(true).open(&log_file);
    let log = log.map_err(|source| folder_error("open", &log_file, source))?;
    let mut command = command_for(program, home, account)?;
    command.arg(file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    command.spawn().map_err(|source| could_not_run(program, account, source))
}

fn wait_until_it_listens(process: &mut Child, port: u16, home: &Home) -> Result<(), LabError> {
    let deadline = Instant::now() + WITHIN;
    let log = || last_lines(&fs::read_to_string(home.log_file()).unwrap_or_default());
    loop {
        let ended =
            process.try_wait().map_or_else(|error: io::Error| Some(error.to_string()), |status| status.map(|s| s.to_string()));
        if ended.is_some() {
            return Err(LabError::Ended { folder: home.folder().to_owned(), log: log() });
        }
        // Somebody else may listen on the port, when ours could not: then ours has ended, or is about to.
        if TcpStream::connect(("127.0.0.1", port)).is_ok() && log().contains(&format!("listening on 127.0.0.1:{port}")) {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(LabError::NotReady { folder: home.folder().to_owned(), seconds: WITHIN.as_secs(), log: log() });
        }
        thread::sleep(LOOK_EVERY);
    }
}
