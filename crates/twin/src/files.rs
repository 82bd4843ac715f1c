//! Files of a twin's relations: as long as on the source, and empty. They are sparse, so they take no room.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use pgtailor_model::planner::IndexHead;

use crate::error::TwinError;
use crate::pages::{PAGE, write_head};

/// Pages in a file; a longer relation goes on in `path.1` (`RELSEG_SIZE` in `pg_config.h`: 1 GiB).
const SEGMENT: u64 = 131_072;

/// Most pages of a head: a metapage, a leaf and as many inner pages as any tree has levels.
const MOST_HEAD_PAGES: u64 = 24;

/// A file and what is to become of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Patch {
    /// The main fork, relative to the data folder.
    pub path: PathBuf,
    /// Its length, in pages; it is never made shorter than it is.
    pub blocks: u64,
    /// What the planner reads on its first page.
    pub head: Option<IndexHead>,
}

/// Carries out one patch. The server must not hold the file's pages.
pub(crate) fn apply(data: &Path, patch: &Patch) -> Result<(), TwinError> {
    let file = data.join(&patch.path);
    patch_file(&file, patch.blocks, patch.head).map_err(|source| TwinError::File { path: file, source })
}

/// Lets a relation look as if it had one page at most. Further segments stay: none is looked at behind one that is not full (`mdnblocks` in
/// `md.c`).
pub(crate) fn shorten(data: &Path, path: &Path) -> Result<(), TwinError> {
    let path = data.join(path);
    let shortened = || {
        let file = OpenOptions::new().write(true).open(&path)?;
        file.set_len(file.metadata()?.len().min(PAGE as u64))
    };
    shortened().map_err(|source| TwinError::File { path: path.clone(), source })
}

/// Makes a shortened relation as long as it was.
pub(crate) fn restore(data: &Path, path: &Path, blocks: u64) -> Result<(), TwinError> {
    let path = data.join(path);
    resize(&path, blocks).map_err(|source| TwinError::File { path, source })
}

fn patch_file(path: &Path, blocks: u64, head: Option<IndexHead>) -> io::Result<()> {
    let mut blocks = blocks;
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let length = file.metadata()?.len() / PAGE as u64;
    if let Some(head) = head {
        let mut pages = Vec::new();
        (&mut file).take(MOST_HEAD_PAGES * PAGE as u64).read_to_end(&mut pages)?;
        let before = pages.clone();
        write_head(&mut pages, head).ok_or(io::ErrorKind::InvalidData)?;
        if pages != before {
            file.seek(SeekFrom::Start(0))?;
            file.write_all(&pages)?;
        }
        blocks = blocks.max(pages.len() as u64 / PAGE as u64);
    }
    drop(file);
    resize(path, blocks.max(length))
}

fn resize(path: &Path, blocks: u64) -> io::Result<()> {
    let mut left = blocks;
    for segment in 0.. {
        let path = segment_path(path, segment);
        let here = left.min(SEGMENT);
        if segment > 0 && here == 0 {
            return Ok(());
        }
        let file: File = match OpenOptions::new().write(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound && segment > 0 => new_segment(&path)?,
            Err(error) => return Err(error),
        };
        file.set_len(here * PAGE as u64)?;
        left -= here;
    }
    Ok(())
}

/// With the owner and mode of the first segment: it was made by the server's user.
fn new_segment(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, chown};
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let first = path.with_extension("");
    let about = std::fs::metadata(&first)?;
    chown(path, Some(about.uid()), Some(about.gid()))?;
    Ok(file)
}

fn segment_path(path: &Path, segment: u32) -> PathBuf {
    if segment == 0 {
        return path.to_owned();
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{segment}"));
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relation_of_more_than_a_gigabyte_has_several_files_and_takes_no_room() {
        let folder = std::env::temp_dir().join(format!("pgtailor-files-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let name = Path::new("16384");
        std::fs::write(folder.join(name), vec![0; PAGE]).expect("a file");
        let patch = Patch { path: name.to_owned(), blocks: SEGMENT + 3, head: None };
        let pages = |name: &str| std::fs::metadata(folder.join(name)).expect("it is there").len() / PAGE as u64;
        apply(&folder, &patch).expect("it grows");
        assert_eq!((pages("16384"), pages("16384.1")), (SEGMENT, 3));
        shorten(&folder, name).expect("it shrinks");
        assert_eq!((pages("16384"), pages("16384.1")), (1, 3));
        restore(&folder, name, SEGMENT + 3).expect("it grows again");
        assert_eq!((pages("16384"), pages("16384.1")), (SEGMENT, 3));
        std::fs::remove_dir_all(&folder).expect("removed");
    }
}
