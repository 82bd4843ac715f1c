//! Rollouts in files: written by a dry run, read and planned once more before they are carried out.

use std::io::Write as _;
use std::path::Path;

use pgtailor_model::rollout::{ROLLOUT_VERSION, Rollout, RolloutFile};
use pgtailor_model::snapshot::Snapshot;
use pgtailor_postgres::connect::Database;
use pgtailor_rollout::{FileError, Rules, file_of, plan, requests_of};

use crate::analysis::capture;
use crate::error::Error;

/// Writes `rollout`, which was decided from `snapshot`, to `path`, as JSON with mode 0600: definitions may hold literals.
///
/// # Errors
///
/// [`Error::RolloutFile`] when the snapshot cannot say of which server it is, and [`Error::WriteFile`].
pub fn write_rollout(rollout: &Rollout, snapshot: &Snapshot, path: &Path) -> Result<(), Error> {
    let failed = |source| Error::WriteFile { path: path.to_owned(), source };
    let file = file_of(rollout, snapshot)?;
    let mut text = serde_json::to_vec_pretty(&file).expect("a rollout is plain data");
    text.push(b'\n');
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut temporary = tempfile::Builder::new().prefix(".pgtailor-").suffix(".tmp").tempfile_in(folder).map_err(failed)?;
    temporary.write_all(&text).and_then(|()| temporary.as_file().sync_all()).map_err(failed)?;
    temporary.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// Reads the rollout at `path`. Nothing in it is believed yet: see [`plan_again`].
///
/// # Errors
///
/// [`Error::ReadFile`], and [`Error::NotARollout`] for another kind of file.
pub fn read_rollout(path: &Path) -> Result<RolloutFile, Error> {
    let bytes = std::fs::read(path).map_err(|source| Error::ReadFile { path: path.to_owned(), source })?;
    let other =
        |error: serde_json::Error| Error::NotARollout { path: path.to_owned(), line: error.line(), column: error.column() };
    // The version comes first, before a field of another format can make for a misleading complaint.
    let any: serde_json::Value = serde_json::from_slice(&bytes).map_err(other)?;
    let version = any["rollout_version"].as_u64().and_then(|version| u32::try_from(version).ok());
    if let Some(found) = version.filter(|version| *version != ROLLOUT_VERSION) {
        return Err(FileError::Version { found }.into());
    }
    serde_json::from_slice(&bytes).map_err(other)
}

/// The rollout of `file` on `database` as it is now: changes that `rules` do not allow, and those that a guard refuses by now, are
/// left out with the reason. Read-only.
///
/// # Errors
///
/// [`Error::RolloutFile`] when the file is for another database or was edited; and as [`crate::capture`].
pub async fn plan_again(database: &Database, file: &RolloutFile, rules: &Rules) -> Result<Rollout, Error> {
    let snapshot = capture(database).await?;
    let requests = requests_of(file, &snapshot)?;
    Ok(plan(&requests, &snapshot, rules))
}
