//! The files of the repository, read once; the rules see only this value, so their tests need no disk.
//!
//! The walk needs no git: it leaves out what git ignores here, which is little.

use std::fs;
use std::path::Path;

use anyhow::Context;

/// Folders that are never part of the project, wherever they stand.
const SKIPPED_FOLDERS: &[&str] = &[".git", "target", "node_modules"];

/// Ends of names of the files that are text and ours; `Cargo.lock` is cargo's.
const TEXT_ENDINGS: &[&str] = &[".rs", ".toml", ".md", ".sql", ".sh", ".yml", ".yaml", ".json", ".css", ".js", ".snap", ".txt"];

/// Text files without such an ending.
const TEXT_FILES: &[&str] =
    &["Makefile", ".ci/run", ".editorconfig", ".gitattributes", ".gitignore", "LICENSE-MIT", "LICENSE-APACHE"];

/// All text files of the repository, and the names of all others.
#[derive(Debug, Default)]
pub struct Tree {
    /// The text files, sorted by path.
    pub files: Vec<File>,
    /// The paths of everything else, folders too, sorted.
    pub others: Vec<String>,
}

/// One text file.
#[derive(Debug)]
pub struct File {
    /// The path from the root, with `/` between the parts.
    pub path: String,
    /// What stands in it.
    pub text: String,
}

impl Tree {
    /// Reads the repository at `root`.
    pub fn read(root: &Path) -> anyhow::Result<Self> {
        let mut tree = Self::default();
        tree.add_folder(root, "")?;
        tree.files.sort_by(|one, other| one.path.cmp(&other.path));
        tree.others.sort();
        Ok(tree)
    }

    /// A tree of these paths and texts.
    #[cfg(test)]
    pub fn of(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(path, text)| File { path: (*path).to_owned(), text: (*text).to_owned() }).collect();
        Self { files, others: Vec::new() }
    }

    /// The text at `path`.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|file| file.path == path).map(|file| file.text.as_str())
    }

    /// Whether there is a file or a folder of that path.
    pub fn contains(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        path.is_empty() || self.text(path).is_some() || self.others.iter().any(|other| other == path)
    }

    /// The files whose names end so.
    pub fn ending<'tree>(&'tree self, ending: &str) -> impl Iterator<Item = &'tree File> {
        self.files.iter().filter(move |file| file.ends_with(ending))
    }

    fn add_folder(&mut self, folder: &Path, prefix: &str) -> anyhow::Result<()> {
        for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
            let entry = entry.with_context(|| format!("cannot list {}", folder.display()))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{prefix}{name}");
            // The type of the entry itself: a link to a folder is not followed, a link to a file is read.
            let file_type = entry.file_type().with_context(|| format!("cannot look at {path}"))?;
            if file_type.is_dir() {
                if !SKIPPED_FOLDERS.contains(&name.as_str()) {
                    self.add_folder(&entry.path(), &format!("{path}/"))?;
                    self.others.push(path);
                }
            } else if is_text(&path) {
                let text = fs::read_to_string(entry.path()).with_context(|| format!("cannot read {path}"))?;
                self.files.push(File { path, text });
            } else {
                self.others.push(path);
            }
        }
        Ok(())
    }
}

impl File {
    /// Whether the name ends so, for example in `.rs`.
    pub fn ends_with(&self, ending: &str) -> bool {
        self.path.ends_with(ending)
    }

    /// The last part of the path without its ending.
    pub fn stem(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or(&self.path);
        name.split('.').next().unwrap_or(name)
    }
}

fn is_text(path: &str) -> bool {
    TEXT_FILES.contains(&path) || TEXT_ENDINGS.iter().any(|ending| path.ends_with(ending))
}
