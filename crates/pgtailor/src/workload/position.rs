//! Where the reading of logs stopped, kept in a small file, so that the next reading goes on there.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use pgtailor_log::Position;

use crate::error::Error;

/// By log, as it was named.
pub(crate) type Positions = BTreeMap<String, Position>;

/// The positions in the file at `path`; none when there is no file yet.
pub(super) fn read(path: &Path) -> Result<Positions, Error> {
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|_| Error::Positions { path: path.to_path_buf() }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Positions::new()),
        Err(source) => Err(Error::ReadFile { path: path.to_path_buf(), source }),
    }
}

/// Replaces the file at once: a crash leaves the old one or the new one.
pub(super) fn write(path: &Path, positions: &Positions) -> Result<(), Error> {
    let failed = |source| Error::WriteFile { path: path.to_path_buf(), source };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let text = serde_json::to_vec_pretty(positions).map_err(|error| failed(error.into()))?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    file.write_all(&text).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}
