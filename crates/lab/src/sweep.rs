//! Removes labs whose owner and guardian were both killed, and left labs whose server is gone.
//!
//! A lab is left alone unless its owner is gone for certain: the owner's lock on the owner file is free *and* no process has the
//! number and start time written there. The lock alone is exact on one machine, whatever process numbers a container shows; the
//! number is checked as well because some network file systems grant every lock.
//!
//! A lab that was left on purpose has no owner. The same two questions are asked of its server: the server's lock on the folder is
//! free *and* no process serves the data folder.

use std::fs::{self, File, TryLockError};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::account::{account_for_server, our_uid};
use crate::error::LabError;
use crate::home::{OWNER, PREFIX, folder_error, temporary_folder};
use crate::left::{is_left, stop_and_remove};
use crate::process::{is_running, start_time};
use crate::serving::Serving;

/// How long a folder without owner file is given to get one.
const OWNERLESS_FOR: Duration = Duration::from_mins(1);

/// Stops and removes what killed owners left in the temporary folder, and returns the folders removed, sorted.
///
/// What cannot be removed keeps nothing else from being removed; the first such error is returned then.
///
/// Looks at folders of this user only (of the server's user as well when we are root), and never touches a living owner's lab, nor
/// one that was left running as long as it runs.
pub fn sweep() -> Result<Vec<PathBuf>, LabError> {
    let mut removed = Vec::new();
    let mut first_error = None;
    for folder in lab_folders()? {
        // The file is held until the folder is gone: its lock keeps other sweeps away.
        let Some(_owner) = take_over(&folder) else { continue };
        match stop_and_remove(&folder) {
            Ok(()) => removed.push(folder),
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    first_error.map_or(Ok(removed), Err)
}

/// The folders of all labs of this user (of the server's user as well when we are root), sorted.
pub(crate) fn lab_folders() -> Result<Vec<PathBuf>, LabError> {
    let parent = temporary_folder()?;
    let mut users = vec![our_uid()];
    users.extend(account_for_server()?.map(|account| account.uid));
    let entries = fs::read_dir(&parent).map_err(|source| folder_error("list", &parent, source))?;
    let mut folders: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|path| is_lab_of(path, &users)).collect();
    folders.sort();
    Ok(folders)
}

/// A link or a folder of somebody else could lead us to stop or remove what is not ours.
fn is_lab_of(path: &Path, users: &[u32]) -> bool {
    let named = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX));
    named && fs::symlink_metadata(path).is_ok_and(|data| data.is_dir() && users.contains(&data.uid()))
}

/// The folder's owner file, locked, or the folder itself when it has none; `None` when the owner, or the server that was left, may live.
fn take_over(folder: &Path) -> Option<File> {
    let owner = File::open(folder.join(OWNER)).ok();
    if let Some(file) = &owner {
        file.try_lock().ok()?;
    }
    // Only now: an owner that is leaving its lab holds the lock until the lab says that it was left.
    if is_left(folder) {
        return if has_server(folder) { None } else { owner.or_else(|| File::open(folder).ok()) };
    }
    let Some(file) = owner else { return is_forsaken(folder).then(|| File::open(folder).ok()).flatten() };
    let text = fs::read_to_string(folder.join(OWNER)).ok()?;
    let (pid, started) = text.trim_end().split_once('\n').unwrap_or((text.trim_end(), ""));
    let pid: u32 = pid.parse().ok()?;
    let owner_lives = is_running(pid) && start_time(pid).is_none_or(|now| now == started);
    (!owner_lives).then_some(file)
}

/// Whether a server may live in the folder, seen from here or not.
fn has_server(folder: &Path) -> bool {
    let is_locked = || File::open(folder).is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)));
    Serving::find(folder).is_some() || is_locked()
}

/// Whether its owner ended between making the folder and writing the owner file.
fn is_forsaken(folder: &Path) -> bool {
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let owner = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next()).and_then(|pid| pid.parse().ok());
    let age = fs::metadata(folder).and_then(|data| data.modified()).ok().and_then(|time| time.elapsed().ok());
    owner.is_some_and(|pid| !is_running(pid)) && age.is_some_and(|age| age > OWNERLESS_FOR)
}
