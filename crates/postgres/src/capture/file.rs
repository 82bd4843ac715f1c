//! Snapshots as files: JSON, compressed with gzip.
//!
//! Written beside its place under a temporary name, synchronized and renamed, so that a reader never meets half a snapshot; readable by
//! its owner alone, since definitions may hold literals. Written and read as a stream.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use pgtailor_model::name::printable;
use pgtailor_model::snapshot::{SNAPSHOT_VERSION, Snapshot};
use serde::Deserialize;
use serde_json::error::Category;

/// Why a snapshot's file could not be written or read. The file's name belongs into the sentence of the caller, who knows how the user
/// called it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotFileError {
    /// The file system refused.
    #[error("cannot {operation} the snapshot")]
    Io {
        /// `read` or `write`.
        operation: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It has no gzip header.
    #[error("not a snapshot: the file is not compressed with gzip")]
    NotGzip,
    /// It ends too early.
    #[error("the snapshot is incomplete: the file ends too early; capture again")]
    Truncated,
    /// The compressed data contradict themselves.
    #[error("the snapshot is damaged: its compressed data do not fit their checksum; capture again")]
    Damaged,
    /// It is compressed, but not JSON.
    #[error("not a snapshot: the file holds no JSON (line {line}, column {column})")]
    NotJson {
        /// Where, from 1.
        line: usize,
        /// Where, from 1.
        column: usize,
    },
    /// It is JSON, but has no `snapshot_version`.
    #[error("not a snapshot: the JSON has no field `snapshot_version`")]
    NoVersion,
    /// A newer program wrote it.
    #[error("the snapshot has format {found}, newer than {SNAPSHOT_VERSION}, which this pgtailor reads; use a newer pgtailor")]
    Newer {
        /// The file's format.
        found: u64,
    },
    /// An older program wrote it.
    #[error("the snapshot has format {found}, older than {SNAPSHOT_VERSION}, which this pgtailor reads; capture again")]
    Older {
        /// The file's format.
        found: u64,
    },
    /// It says that it is a snapshot of this format, and is not: somebody has edited it.
    #[error("the snapshot was changed after it was written: {what}; capture again")]
    Edited {
        /// What is wrong.
        what: String,
    },
}

/// Writes `snapshot` to `path`, with mode 0600, replacing what is there.
///
/// The same snapshot gives the same bytes.
pub fn write_snapshot(snapshot: &Snapshot, path: &Path) -> Result<(), SnapshotFileError> {
    let failed = |source| SnapshotFileError::Io { operation: "write", source };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Created with mode 0600, and removed when anything below fails.
    let mut file = tempfile::Builder::new().prefix(".pgtailor-").suffix(".tmp").tempfile_in(folder).map_err(failed)?;
    let mut encoder = BufWriter::new(GzEncoder::new(BufWriter::new(file.as_file_mut()), Compression::default()));
    serde_json::to_writer(&mut encoder, snapshot).map_err(|error| failed(error.into()))?;
    let encoder = encoder.into_inner().map_err(|error| failed(error.into_error()))?;
    encoder.finish().and_then(|mut writer| writer.flush()).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// Reads the snapshot at `path`.
pub fn read_snapshot(path: &Path) -> Result<Snapshot, SnapshotFileError> {
    #[derive(Deserialize)]
    struct Head {
        snapshot_version: Option<u64>,
    }

    let mut file = File::open(path).map_err(|source| SnapshotFileError::Io { operation: "read", source })?;
    check_gzip(&mut file)?;
    // The version comes first, before a field of another format can make for a misleading complaint.
    let head: Head = parse(&mut file)?;
    match head.snapshot_version {
        None => return Err(SnapshotFileError::NoVersion),
        Some(found) if found > u64::from(SNAPSHOT_VERSION) => return Err(SnapshotFileError::Newer { found }),
        Some(found) if found < u64::from(SNAPSHOT_VERSION) => return Err(SnapshotFileError::Older { found }),
        Some(_) => {}
    }
    let snapshot: Snapshot = parse(&mut file)?;
    check(&snapshot)?;
    Ok(snapshot)
}

fn check_gzip(file: &mut File) -> Result<(), SnapshotFileError> {
    let mut magic = Vec::with_capacity(2);
    file.take(2).read_to_end(&mut magic).map_err(|source| SnapshotFileError::Io { operation: "read", source })?;
    match magic.as_slice() {
        [0x1f, 0x8b] => Ok(()),
        [] | [0x1f] => Err(SnapshotFileError::Truncated),
        _ => Err(SnapshotFileError::NotGzip),
    }
}

/// Reads to the end, so that the checksum behind the data is compared, too.
fn parse<T: for<'de> Deserialize<'de>>(file: &mut File) -> Result<T, SnapshotFileError> {
    file.seek(SeekFrom::Start(0)).map_err(|source| SnapshotFileError::Io { operation: "read", source })?;
    let reader = BufReader::new(GzDecoder::new(BufReader::new(file)));
    serde_json::from_reader(reader).map_err(|error| match error.classify() {
        Category::Io => match error.io_error_kind() {
            Some(io::ErrorKind::UnexpectedEof) => SnapshotFileError::Truncated,
            Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => SnapshotFileError::Damaged,
            _ => SnapshotFileError::Io { operation: "read", source: error.into() },
        },
        Category::Eof => SnapshotFileError::Truncated,
        Category::Syntax => SnapshotFileError::NotJson { line: error.line(), column: error.column() },
        Category::Data if error.to_string().contains("expected struct Head") => SnapshotFileError::NoVersion,
        Category::Data => SnapshotFileError::Edited { what: printable(&error.to_string()) },
    })
}

/// What the rest of the program takes for granted.
fn check(snapshot: &Snapshot) -> Result<(), SnapshotFileError> {
    let edited = |what: &str| Err(SnapshotFileError::Edited { what: what.to_owned() });
    let catalog = &snapshot.catalog;
    if !catalog.tables.is_sorted_by(|one, next| one.name < next.name) {
        return edited("its tables are not sorted by name, each once");
    }
    if !catalog.views.is_sorted_by(|one, next| one.name < next.name) {
        return edited("its views are not sorted by name, each once");
    }
    if !catalog.tables.iter().all(|table| table.columns.is_sorted_by(|one, next| one.number < next.number)) {
        return edited("the columns of a table are not sorted by number, each once");
    }
    if !catalog.tables.iter().all(|table| table.indexes.is_sorted_by(|one, next| one.name < next.name)) {
        return edited("the indexes of a table are not sorted by name, each once");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use pgtailor_model::activity::DatabaseActivity;
    use pgtailor_model::catalog::Table;
    use pgtailor_model::name::{Oid, QualifiedName};

    use super::*;

    fn snapshot() -> Snapshot {
        let json = serde_json::json!({
            "snapshot_version": SNAPSHOT_VERSION, "captured_at": "2025-06-01T12:00:00Z",
            "server": {"version": 150_018, "version_text": "15.18", "database": "shop", "database_oid": 5, "system_identifier": null,
                       "block_size": 8192, "in_recovery": false, "started_at": null},
            "capabilities": {"role": "r", "superuser": false, "create_in_database": false, "read_all_stats": false,
                             "read_all_settings": false, "create_in_schemas": [], "extensions": {}, "available_extensions": {}},
            "settings": {}, "catalog": {"tables": [], "views": [], "functions": {}, "relation_names": {}, "operator_classes": [], "sequences": []},
            "activity": {"since": null, "database": DatabaseActivity::default(), "tables": {}, "indexes": {}, "statements": {"unavailable": {"reason": "a", "remedy": "b"}}},
            "not_examined": [],
        });
        serde_json::from_value(json).expect("the fields of a snapshot")
    }

    fn compressed(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).expect("memory takes all");
        encoder.finish().expect("memory takes all")
    }

    /// What reading a file of these bytes says.
    fn refusal(bytes: &[u8]) -> String {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("s");
        std::fs::write(&path, bytes).expect("a file");
        read_snapshot(&path).expect_err("not a snapshot").to_string()
    }

    #[test]
    fn what_is_written_is_read_again_and_only_its_owner_can() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("s.pgtailor");
        std::fs::write(&path, "older").expect("a file that is replaced");
        write_snapshot(&snapshot(), &path).expect("written");
        assert_eq!(read_snapshot(&path).expect("read"), snapshot());
        let first = std::fs::read(&path).expect("its bytes");
        write_snapshot(&snapshot(), &path).expect("written again");
        assert_eq!(std::fs::read(&path).expect("its bytes"), first);
        let mode = std::fs::metadata(&path).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).expect("the folder").count(), 1, "no temporary file stays");
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error_with_a_cause() {
        let error = write_snapshot(&snapshot(), Path::new("/nonexistent/s")).expect_err("no such folder");
        assert_eq!(error.to_string(), "cannot write the snapshot");
        assert!(read_snapshot(Path::new("/nonexistent/s")).is_err_and(|error| error.to_string() == "cannot read the snapshot"));
    }

    #[test]
    fn every_kind_of_damage_has_its_sentence() {
        let json = serde_json::to_string(&snapshot()).expect("JSON");
        let whole = compressed(&json);
        for length in [0, 1, 5, 20, whole.len() / 2, whole.len() - 1] {
            assert!(refusal(&whole[..length]).contains("ends too early"), "{length} bytes: {}", refusal(&whole[..length]));
        }
        assert!(refusal(json.as_bytes()).contains("not compressed with gzip"));
        assert!(refusal(&compressed("PGDMP")).contains("no JSON (line 1, column 1)"));
        assert!(refusal(&compressed("{}")).contains("no field `snapshot_version`"));
        assert!(refusal(&compressed("[]")).contains("no field `snapshot_version`"));
        assert!(refusal(&compressed("{\"snapshot_version\": 99, \"x\": {}}")).contains("format 99, newer than"));
        assert!(refusal(&compressed("{\"snapshot_version\": 0}")).contains("format 0, older than"));
        assert!(refusal(&compressed(&json.replace("\"block_size\":8192,", ""))).contains("missing field `block_size`"));
        assert!(refusal(&compressed(&json.replace("8192", "\"big\""))).contains("changed after it was written"));
        let mut flipped = whole.clone();
        let checksum = whole.len() - 6;
        flipped[checksum] ^= 1;
        assert!(refusal(&flipped).contains("checksum"), "{}", refusal(&flipped));
    }

    #[test]
    fn tables_out_of_order_are_noticed() {
        let table = |name: &str| Table::new(Oid(1), QualifiedName::new("public", name));
        let mut snapshot = snapshot();
        snapshot.catalog.tables = vec![table("b"), table("a")];
        let json = serde_json::to_string(&snapshot).expect("JSON");
        assert!(refusal(&compressed(&json)).contains("not sorted by name"));
    }
}
