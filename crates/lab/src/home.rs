//! The folder of a lab: made, owned, guarded, removed.
//!
//! Its name is `pgtailor-lab-<owner's process>-<random>`. In it: `owner` (the owner's process number and start time, locked while the
//! owner lives), `data` (the cluster), `server.log`, the socket if there is one, and `left` when it is to outlive its owner. The folder
//! itself is locked while its server lives.

use std::fmt::Write as _;
use std::fs::{DirBuilder, File};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, chown};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{env, fs, io, process, thread};

use crate::account::Account;
use crate::error::LabError;
use crate::guardian::Guardian;
use crate::process::start_time;

/// What the name of every lab's folder begins with.
pub(crate) const PREFIX: &str = "pgtailor-lab-";
/// The name of the owner file.
pub(crate) const OWNER: &str = "owner";
/// The name of the data folder.
pub(crate) const DATA: &str = "data";
/// The name of the server's log.
pub(crate) const LOG: &str = "server.log";

/// A lab's folder with its guardian. Dropping it removes the folder; the server must be gone by then.
#[derive(Debug)]
pub(crate) struct Home {
    folder: PathBuf,
    /// Holds the lock that tells a sweep that the owner lives.
    _owner: File,
    /// `None` only while it is replaced, dropped or left.
    guardian: Option<Guardian>,
    /// Whether dropping leaves everything as it is.
    is_left: bool,
}

impl Home {
    /// Makes a new folder in the temporary folder, enterable by `account` (or us) alone.
    pub(crate) fn make(account: Option<&Account>) -> Result<Self, LabError> {
        let folder = make_folder(&temporary_folder()?)?;
        match claim(&folder, account).and_then(|owner| Ok((owner, Guardian::start(&folder)?))) {
            Ok((owner, guardian)) => Ok(Self { folder, _owner: owner, guardian: Some(guardian), is_left: false }),
            Err(error) => {
                let _ = remove_folder(&folder);
                Err(error)
            }
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join(DATA)
    }

    pub(crate) fn log_file(&self) -> PathBuf {
        self.folder.join(LOG)
    }

    /// The guardian; a new one when the old one was ended by someone.
    pub(crate) fn guardian(&mut self) -> Result<&mut Guardian, LabError> {
        if !self.guardian.as_mut().is_some_and(Guardian::is_running) {
            self.guardian = None;
        }
        let guardian = match self.guardian.take() {
            Some(living) => living,
            None => Guardian::start(&self.folder)?,
        };
        Ok(self.guardian.insert(guardian))
    }

    /// Tells the guardian which process is the server; `None` when there is none any more.
    pub(crate) fn tell_guardian(&mut self, server: Option<u32>) {
        if let Some(guardian) = &mut self.guardian {
            guardian.watch(server);
        }
    }

    /// Ends the guardian and leaves folder and server as they are.
    pub(crate) fn leave(&mut self) {
        if let Some(guardian) = self.guardian.take() {
            guardian.release();
        }
        self.is_left = true;
    }

    /// Removes the folder, so that dropping has nothing left to do.
    pub(crate) fn remove(&mut self) -> Result<(), LabError> {
        remove_folder(&self.folder).map_err(|source| folder_error("remove", &self.folder, source))
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if self.is_left {
            return;
        }
        let removed = remove_folder(&self.folder);
        if let Some(guardian) = self.guardian.take()
            && removed.is_ok()
        {
            guardian.release();
        }
        // Otherwise the guardian is dropped unreleased, and tries again.
    }
}

/// Where labs are made: `TMPDIR`, else the system's place, free of symbolic links.
pub(crate) fn temporary_folder() -> Result<PathBuf, LabError> {
    let folder = env::temp_dir();
    fs::canonicalize(&folder).map_err(|source| folder_error("find the temporary folder", &folder, source))
}

/// Removes a folder with all in it; one that is gone is no error.
///
/// Tried for a few seconds: processes of the server that are about to end may still write into it.
pub(crate) fn remove_folder(folder: &Path) -> io::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        match fs::remove_dir_all(folder) {
            Ok(()) => return Ok(()),
            Err(_) if !folder.exists() => return Ok(()),
            Err(error) if Instant::now() > deadline => return Err(error),
            Err(_) => thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// Random hexadecimal digits from the system, good enough for a password.
pub(crate) fn random_digits(bytes: usize) -> Result<String, LabError> {
    let source = Path::new("/dev/urandom");
    let mut buffer = vec![0; bytes];
    File::open(source).and_then(|mut file| file.read_exact(&mut buffer)).map_err(|error| folder_error("read", source, error))?;
    Ok(buffer.iter().fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    }))
}

/// An error about a file or folder.
pub(crate) fn folder_error(action: &'static str, path: &Path, source: io::Error) -> LabError {
    LabError::Folder { action, path: path.to_owned(), source }
}

/// Gives a file or folder to the user who runs the server.
pub(crate) fn give_to(account: Option<&Account>, path: &Path) -> Result<(), LabError> {
    account.map_or(Ok(()), |account| {
        chown(path, Some(account.uid), Some(account.gid))
            .map_err(|source| folder_error("give to the server's user", path, source))
    })
}

fn make_folder(parent: &Path) -> Result<PathBuf, LabError> {
    loop {
        let folder = parent.join(format!("{PREFIX}{}-{}", process::id(), random_digits(4)?));
        match DirBuilder::new().mode(0o700).create(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(source) => return Err(folder_error("make the folder", &folder, source)),
        }
    }
}

/// Writes the owner file. It is locked before it gets its name, so that no sweep ever sees it unlocked while we live.
fn claim(folder: &Path, account: Option<&Account>) -> Result<File, LabError> {
    give_to(account, folder)?;
    let unnamed = folder.join("owner.new");
    let written = File::create_new(&unnamed).and_then(|mut file| {
        file.lock()?;
        let pid = process::id();
        writeln!(file, "{pid}\n{}", start_time(pid).unwrap_or_default())?;
        fs::rename(&unnamed, folder.join(OWNER))?;
        Ok(file)
    });
    written.map_err(|source| folder_error("write", &unnamed, source))
}
