//! Labs that outlive their program, for a person to look into.
//!
//! A left lab is a folder like any other lab's with one more file, which says what it is for and how to reach it. It has no owner and
//! no guardian: it lives as long as its server. A program may end at any moment between [`Lab::start`](crate::Lab::start) and
//! leaving: until the file has its name the guardian is there, and afterwards the sweep looks at the server only.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::account::Account;
use crate::address::Address;
use crate::error::LabError;
use crate::home::{DATA, LOG, OWNER, folder_error, give_to, remove_folder};
use crate::options::Listen;
use crate::serving::Serving;
use crate::sweep::lab_folders;

/// The file that makes a lab a left one.
const LEFT: &str = "left";

/// A server that was left running: see [`Lab::leave_running`](crate::Lab::leave_running). Dropping it changes nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct LeftLab {
    folder: PathBuf,
    about: About,
    port: u16,
    postmaster_pid: u32,
    started_at: SystemTime,
}

/// What the file says: whatever the server itself does not tell.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct About {
    /// The server's version.
    pub(crate) version: String,
    pub(crate) listen: Listen,
    pub(crate) password: String,
    /// What the lab is for.
    pub(crate) label: String,
}

/// The left labs of this user whose servers run, the oldest first; as root those of the server's user.
///
/// Reads only. One whose server is gone is not among them, and the next start or sweep removes it.
pub fn left_labs() -> Result<Vec<LeftLab>, LabError> {
    let folders = lab_folders()?;
    let mut labs = folders.iter().filter_map(|folder| LeftLab::read(folder).transpose()).collect::<Result<Vec<_>, _>>()?;
    labs.sort_by(|a, b| (a.started_at, &a.folder).cmp(&(b.started_at, &b.folder)));
    Ok(labs)
}

impl LeftLab {
    /// The left lab in `folder`; `None` when it is none, or its server is gone.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>, LabError> {
        let file = folder.join(LEFT);
        let about = match fs::read_to_string(&file) {
            Ok(text) => About::parse(&text).ok_or(io::ErrorKind::InvalidData.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => Err(error),
        };
        let about = about.map_err(|source| folder_error("read", &file, source))?;
        let Some(Serving { lock_file, .. }) = Serving::find(folder) else { return Ok(None) };
        Ok(Some(Self {
            folder: folder.to_owned(),
            about,
            port: lock_file.port,
            postmaster_pid: lock_file.pid,
            started_at: lock_file.started_at,
        }))
    }

    /// What it is for, as whoever left it said.
    pub fn label(&self) -> &str {
        &self.about.label
    }

    /// A connection URL for `database`, as [`Lab::url`](crate::Lab::url) gives it.
    pub fn url(&self, database: &str) -> String {
        self.address().url(database)
    }

    /// What to connect to: `127.0.0.1`, or the folder of the socket.
    pub fn host(&self) -> String {
        self.address().host()
    }

    /// The port, on loopback or in the socket's name.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The server's version, as it printed it when the lab started.
    pub fn version(&self) -> &str {
        &self.about.version
    }

    /// The process number of the server's main process.
    pub fn postmaster_pid(&self) -> u32 {
        self.postmaster_pid
    }

    /// When the server started, to the second.
    pub fn started_at(&self) -> SystemTime {
        self.started_at
    }

    /// The lab's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The server's data folder.
    pub fn data_folder(&self) -> PathBuf {
        self.folder.join(DATA)
    }

    /// The server's log.
    pub fn log_file(&self) -> PathBuf {
        self.folder.join(LOG)
    }

    /// Stops the server at once (nothing in it is kept) and removes everything. Its being gone already is no error.
    ///
    /// Only a process that is proven to serve this lab's data folder is ever ended.
    pub fn stop(self) -> Result<(), LabError> {
        // Waited for: a sweep, or somebody else's stop, may be at work on the same folder.
        let owner = self.folder.join(OWNER);
        let _held = match File::open(&owner).and_then(|file| file.lock().map(|()| file)) {
            Ok(file) => Some(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(folder_error("lock", &owner, source)),
        };
        stop_and_remove(&self.folder)
    }

    fn address(&self) -> Address<'_> {
        Address { folder: &self.folder, listen: self.about.listen, port: self.port, password: &self.about.password }
    }
}

/// Without the password.
impl std::fmt::Debug for LeftLab {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut fields = f.debug_struct("LeftLab");
        fields.field("folder", &self.folder).field("label", &self.label()).field("port", &self.port);
        fields.field("postmaster_pid", &self.postmaster_pid).finish_non_exhaustive()
    }
}

/// Makes the lab in `folder` a left one.
pub(crate) fn write(folder: &Path, about: &About, account: Option<&Account>) -> Result<(), LabError> {
    // Under its name only when it is whole: the name alone keeps the sweep away.
    let unnamed = folder.join("left.new");
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unnamed);
    written
        .and_then(|mut file| file.write_all(about.text().as_bytes()))
        .map_err(|source| folder_error("write", &unnamed, source))?;
    give_to(account, &unnamed)?;
    fs::rename(&unnamed, folder.join(LEFT)).map_err(|source| folder_error("name", &unnamed, source))
}

/// Whether the lab in `folder` was left.
pub(crate) fn is_left(folder: &Path) -> bool {
    folder.join(LEFT).exists()
}

/// Stops the server of a lab without owner, if one runs, and removes the folder.
pub(crate) fn stop_and_remove(folder: &Path) -> Result<(), LabError> {
    if let Some(server) = Serving::find(folder) {
        server.stop(folder)?;
    }
    remove_folder(folder).map_err(|source| folder_error("remove", folder, source))
}

impl About {
    /// A line for each fact; the label is all the rest, since it may have lines.
    fn text(&self) -> String {
        let listen = match self.listen {
            Listen::Loopback => "loopback",
            Listen::Socket => "socket",
        };
        format!("{}\n{listen}\n{}\n{}", self.version, self.password, self.label)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.splitn(4, '\n').map(str::to_owned);
        let version = lines.next()?;
        let listen = match lines.next()?.as_str() {
            "loopback" => Listen::Loopback,
            "socket" => Listen::Socket,
            _ => return None,
        };
        Some(Self { version, listen, password: lines.next()?, label: lines.next()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_whatever_the_label_holds() {
        for label in ["", "twin of shop", "two\nlines\n", "  blanks  "] {
            for listen in [Listen::Loopback, Listen::Socket] {
                let (version, password) = ("15.3".to_owned(), "secret".to_owned());
                let about = About { version, listen, password, label: label.to_owned() };
                assert!(About::parse(&about.text()) == Some(about), "{label:?}");
            }
        }
        assert!(About::parse("15.3\nloopback\nsecret").is_none() && About::parse("15.3\nradio\nsecret\n").is_none());
    }
}
