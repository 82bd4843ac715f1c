//! Removes labs whose owner and guardian were both killed.
//!
//! A lab is left alone unless its owner is gone for certain: the owner's lock on the owner file is free *and* no process has the
//! number and start time written there. The lock alone is exact on one machine, whatever process numbers a container shows; the
//! number is checked as well because some network file systems grant every lock.

use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, thread};

use rustix::process::Signal;

use crate::account::{account_for_server, our_uid};
use crate::error::LabError;
use crate::home::{DATA, OWNER, PREFIX, folder_error, remove_folder, temporary_folder};
use crate::process::{is_running, send, serves, start_time};

/// How long a folder without owner file is given to get one.
const OWNERLESS_FOR: Duration = Duration::from_mins(1);
/// How long a left server may take to stop before it is killed.
const STOPPED_WITHIN: Duration = Duration::from_secs(10);

/// Stops and removes what killed owners left in the temporary folder, and returns the folders removed, sorted.
///
/// What cannot be removed keeps nothing else from being removed; the first such error is returned then.
///
/// Looks at folders of this user only (of the server's user as well when we are root), and never touches a living owner's lab.
pub fn sweep() -> Result<Vec<PathBuf>, LabError> {
    let parent = temporary_folder()?;
    let mut users = vec![our_uid()];
    users.extend(account_for_server()?.map(|account| account.uid));
    let entries = fs::read_dir(&parent).map_err(|source| folder_error("list", &parent, source))?;
    let mut folders: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|path| is_lab_of(path, &users)).collect();
    folders.sort();
    let mut removed = Vec::new();
    let mut first_error = None;
    for folder in folders {
        // The file is held until the folder is gone: its lock keeps other sweeps away.
        let Some(_owner) = take_over(&folder) else { continue };
        match stop_server(&folder).and_then(|()| remove_folder(&folder).map_err(|source| folder_error("remove", &folder, source)))
        {
            Ok(()) => removed.push(folder),
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    first_error.map_or(Ok(removed), Err)
}

/// A link or a folder of somebody else could lead us to stop or remove what is not ours.
fn is_lab_of(path: &Path, users: &[u32]) -> bool {
    let named = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX));
    named && fs::symlink_metadata(path).is_ok_and(|data| data.is_dir() && users.contains(&data.uid()))
}

/// The folder's owner file, locked, or the folder itself when it has none; `None` when the owner may live.
fn take_over(folder: &Path) -> Option<File> {
    let Ok(file) = File::open(folder.join(OWNER)) else {
        return is_forsaken(folder).then(|| File::open(folder).ok()).flatten();
    };
    file.try_lock().ok()?;
    let text = fs::read_to_string(folder.join(OWNER)).ok()?;
    let (pid, started) = text.trim_end().split_once('\n').unwrap_or((text.trim_end(), ""));
    let pid: u32 = pid.parse().ok()?;
    let owner_lives = is_running(pid) && start_time(pid).is_none_or(|now| now == started);
    (!owner_lives).then_some(file)
}

/// Whether its owner ended between making the folder and writing the owner file.
fn is_forsaken(folder: &Path) -> bool {
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let owner = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next()).and_then(|pid| pid.parse().ok());
    let age = fs::metadata(folder).and_then(|data| data.modified()).ok().and_then(|time| time.elapsed().ok());
    owner.is_some_and(|pid| !is_running(pid)) && age.is_some_and(|age| age > OWNERLESS_FOR)
}

/// Stops the server that runs on the folder's cluster, if its lock file tells the truth.
fn stop_server(folder: &Path) -> Result<(), LabError> {
    let data = folder.join(DATA);
    let lock_file = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
    let Some(pid) = lock_file.lines().next().and_then(|line| line.trim().parse().ok()) else { return Ok(()) };
    for signal in [Signal::QUIT, Signal::KILL] {
        // The number may be another process's by now.
        if !(is_running(pid) && serves(pid, &data)) {
            return Ok(());
        }
        send(pid, signal).map_err(|source| LabError::Stop { pid, folder: folder.to_owned(), source })?;
        let deadline = Instant::now() + STOPPED_WITHIN;
        while is_running(pid) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(10));
        }
    }
    Ok(())
}
