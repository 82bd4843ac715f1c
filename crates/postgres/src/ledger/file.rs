//! The ledger in a file, where no schema may be made: one line an entry and move, only ever added, on the disk before anything is sent.
//!
//! The last line of a number is how that entry stands. A line without an end was cut short by a crash before it counted: it is left out,
//! and overwritten by the next. Who writes holds the advisory lock of the database, so one file is for one database; an entry of another server
//! is noticed by its fingerprint. A restore of the database does not restore the file: the catalog, which is always asked, wins.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use jiff::Timestamp;
use pgtailor_model::ledger::{Entry, State};

use super::{LedgerError, Move, NewEntry};

/// Every entry, oldest first; `None` when there is no file.
pub(super) fn entries(path: &Path) -> Result<Option<Vec<Entry>>, LedgerError> {
    match File::open(path) {
        Ok(mut file) => read(&mut file, path).map(|(entries, _)| Some(entries.into_values().collect())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(failed("read", path)(source)),
    }
}

/// Makes an empty one, readable by its owner alone: definitions may hold literals.
pub(super) fn install(path: &Path) -> Result<(), LedgerError> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let made = OpenOptions::new().append(true).create(true).mode(0o600).open(path).and_then(|file| file.sync_all());
    made.map_err(failed("write", path))
}

/// Removes the file.
pub(super) fn remove(path: &Path) -> Result<(), LedgerError> {
    std::fs::remove_file(path).map_err(failed("write", path))
}

/// Writes the intent down and returns its number and time.
pub(super) fn record_intent(path: &Path, new: &NewEntry<'_>, now: Timestamp) -> Result<(i64, Timestamp), LedgerError> {
    append(path, |entries| {
        let id = entries.keys().next_back().map_or(1, |last| last + 1);
        Ok(Entry {
            id,
            undoes: new.undoes,
            server_fingerprint: new.server_fingerprint.to_owned(),
            change: new.change.clone(),
            do_sql: new.do_sql.to_owned(),
            undo_sql: new.undo_sql.map(str::to_owned),
            indexes_before: new.indexes_before.to_vec(),
            index_oid: None,
            built: None,
            state: State::Intent,
            state_since: now,
            created_at: now,
            builder: Some(new.builder),
            sqlstate: None,
            note: None,
        })
    })
    .map(|entry| (entry.id, entry.created_at))
}

/// Moves an entry on, if it still is where it is believed to be: from its second to its third.
pub(super) fn advance(
    path: &Path,
    (id, from, to): (i64, State, State),
    add: &Move<'_>,
    now: Timestamp,
) -> Result<(), LedgerError> {
    let moved = append(path, |entries| {
        let entry = entries.get(&id).filter(|entry| entry.state == from);
        let mut entry = entry.cloned().ok_or_else(|| LedgerError::Moved { id, expected: from.to_string() })?;
        entry.state = to;
        entry.state_since = now;
        entry.index_oid = add.index_oid.or(entry.index_oid);
        entry.built = add.built.cloned().or(entry.built);
        entry.sqlstate = add.sqlstate.map(str::to_owned).or(entry.sqlstate);
        entry.note = add.note.map(str::to_owned).or(entry.note);
        Ok(entry)
    });
    moved.map(|_| ())
}

/// Adds the line that `next` makes of the entries so far, and returns when it is on the disk.
fn append(path: &Path, next: impl FnOnce(&BTreeMap<i64, Entry>) -> Result<Entry, LedgerError>) -> Result<Entry, LedgerError> {
    let write = failed("write", path);
    let mut file = OpenOptions::new().read(true).write(true).open(path).map_err(&write)?;
    let (entries, end) = read(&mut file, path)?;
    let entry = next(&entries)?;
    let mut line = serde_json::to_vec(&entry).expect("an entry is plain data");
    line.push(b'\n');
    file.set_len(end).map_err(&write)?;
    file.seek(SeekFrom::Start(end)).map_err(&write)?;
    file.write_all(&line).and_then(|()| file.sync_all()).map_err(&write)?;
    Ok(entry)
}

/// The entries as they stand, and where the last whole line ends.
fn read(file: &mut File, path: &Path) -> Result<(BTreeMap<i64, Entry>, u64), LedgerError> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(failed("read", path))?;
    let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |position| position + 1);
    let mut entries = BTreeMap::new();
    for (position, line) in bytes[..end].split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty()) {
        let entry: Entry =
            serde_json::from_slice(line).map_err(|_| LedgerError::BadLine { path: path.to_owned(), line: position + 1 })?;
        entries.insert(entry.id, entry);
    }
    Ok((entries, u64::try_from(end).unwrap_or(u64::MAX)))
}

fn failed(doing: &'static str, path: &Path) -> impl Fn(std::io::Error) -> LedgerError {
    move |source| LedgerError::File { doing, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use pgtailor_model::change::Change;
    use pgtailor_model::ledger::Builder;
    use pgtailor_model::name::{Oid, QualifiedName};

    use super::*;

    fn intent(path: &Path) -> i64 {
        let change = Change::Analyze { table: QualifiedName::new("public", "t"), table_oid: Oid(1) };
        let new = NewEntry {
            undoes: None,
            server_fingerprint: "1/5",
            change: &change,
            do_sql: "ANALYZE public.t",
            undo_sql: None,
            indexes_before: &[],
            builder: Builder { process_id: 1, started_at: Timestamp::UNIX_EPOCH },
        };
        record_intent(path, &new, Timestamp::UNIX_EPOCH).expect("the folder is ours").0
    }

    #[test]
    fn entries_are_moved_once_and_read_as_they_stand() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("ledger");
        assert_eq!(entries(&path).expect("no file is no error"), None);
        install(&path).expect("the folder is ours");
        assert_eq!((intent(&path), intent(&path)), (1, 2));
        let note = Move { note: Some("seen"), ..Move::default() };
        let go = (2, State::Intent, State::Running);
        advance(&path, go, &note, Timestamp::UNIX_EPOCH).expect("it is there");
        let again = advance(&path, go, &note, Timestamp::UNIX_EPOCH).expect_err("it was moved");
        assert!(again.is_moved(), "{again}");
        let read = entries(&path).expect("readable").expect("there");
        let states: Vec<_> = read.iter().map(|entry| (entry.id, entry.state, entry.note.as_deref())).collect();
        assert_eq!(states, [(1, State::Intent, None), (2, State::Running, Some("seen"))]);
    }

    #[test]
    fn half_a_line_at_the_end_never_happened_and_one_before_it_is_an_error() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("ledger");
        install(&path).expect("the folder is ours");
        intent(&path);
        let whole = std::fs::read(&path).expect("readable");
        std::fs::write(&path, [whole.as_slice(), &whole[..20]].concat()).expect("writable");
        assert_eq!(entries(&path).expect("readable").map(|all| all.len()), Some(1));
        assert_eq!(intent(&path), 2, "what was cut short is overwritten");
        assert_eq!(entries(&path).expect("readable").map(|all| all.len()), Some(2));
        std::fs::write(&path, [b"{}\n", whole.as_slice()].concat()).expect("writable");
        assert!(
            entries(&path).expect_err("no entry").to_string().ends_with("line 1: not an entry of a ledger; nothing was done")
        );
    }
}
