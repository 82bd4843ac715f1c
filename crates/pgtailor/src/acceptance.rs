//! The file of accepted findings: a TOML file that stands beside an application's code and is reviewed like it.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use pgtailor_model::acceptance::Acceptance;
use pgtailor_model::snapshot::Snapshot;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// The file that is read when no other is named.
pub const ACCEPTED: &str = "pgtailor-accepted.toml";

#[derive(Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    accepted: Vec<Acceptance>,
}

/// What `path` accepts; without a path that of [`ACCEPTED`] in the current folder, and nothing when there is none.
///
/// # Errors
///
/// [`Error::ReadFile`], [`Error::Accepted`] with the line, and [`Error::NoCheck`].
pub fn read_acceptances(path: Option<&Path>) -> Result<Vec<Acceptance>, Error> {
    let usual = Path::new(ACCEPTED);
    let Some(path) = path.or_else(|| usual.exists().then_some(usual)) else { return Ok(Vec::new()) };
    let text = std::fs::read_to_string(path).map_err(|source| Error::ReadFile { path: path.to_path_buf(), source })?;
    let file: File = toml::from_str(&text).map_err(|error| {
        let before = error.span().map_or("", |span| &text[..span.start.min(text.len())]);
        let line = before.matches('\n').count() + 1;
        Error::Accepted { path: path.to_path_buf(), line, reason: error.message().trim_end_matches('.').to_owned() }
    })?;
    for acceptance in &file.accepted {
        known(&acceptance.check)?;
    }
    Ok(file.accepted)
}

/// Writes `acceptance` behind what `path` accepts already, comments and all; a path of `None` is [`ACCEPTED`].
///
/// # Errors
///
/// [`Error::NoCheck`] and [`Error::WriteFile`], and what [`read_acceptances`] says of the file as it is: nothing is written behind a mistake.
pub fn accept(acceptance: &Acceptance, path: Option<&Path>) -> Result<PathBuf, Error> {
    known(&acceptance.check)?;
    let path = path.unwrap_or(Path::new(ACCEPTED));
    let exists = path.exists();
    if exists {
        read_acceptances(Some(path))?;
    }
    let failed = |source| Error::WriteFile { path: path.to_path_buf(), source };
    let entry =
        toml::to_string(&File { accepted: vec![acceptance.clone()] }).map_err(|error| failed(std::io::Error::other(error)))?;
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).map_err(failed)?;
    let gap = if exists { "\n" } else { "" };
    file.write_all(format!("{gap}{}\n", entry.trim_end()).as_bytes()).map_err(failed)?;
    Ok(path.to_path_buf())
}

/// Acceptances that had ended when the snapshot was captured: what they were about is a finding again.
pub fn ended<'a>(acceptances: &'a [Acceptance], snapshot: &Snapshot) -> Vec<&'a Acceptance> {
    acceptances.iter().filter(|acceptance| acceptance.has_ended(snapshot.captured_at)).collect()
}

fn known(check: &str) -> Result<(), Error> {
    if pgtailor_checks::ALL.iter().any(|known| known.name() == check) {
        return Ok(());
    }
    let nearest = pgtailor_checks::ALL.iter().map(|known| known.name()).max_by_key(|name| common(name, check));
    Err(Error::NoCheck { name: check.to_owned(), nearest: nearest.unwrap_or_default().to_owned() })
}

/// How many of the words of `name` begin like a word of `other`.
fn common(name: &str, other: &str) -> usize {
    let length = |one: &str, two: &str| one.chars().zip(two.chars()).take_while(|(one, two)| one == two).count();
    name.split('-').map(|one| other.split(['-', '_']).map(|two| length(one, two)).max().unwrap_or(0)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acceptance(check: &str) -> Acceptance {
        Acceptance {
            check: check.to_owned(),
            table: "log".to_owned(),
            object: None,
            reason: "read as a \"whole\"".to_owned(),
            until: Some("2027-05-31".parse().expect("a date")),
        }
    }

    #[test]
    fn what_is_accepted_is_read_again_and_comments_stay() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("accepted.toml");
        accept(&acceptance("no-primary-key"), Some(&path)).expect("it is written");
        let text = std::fs::read_to_string(&path).expect("it is there");
        std::fs::write(&path, format!("# ours\n{text}")).expect("it is ours");
        accept(&acceptance("dead-rows"), Some(&path)).expect("it is written");
        let read = read_acceptances(Some(&path)).expect("it is well formed");
        assert_eq!(read, [acceptance("no-primary-key"), acceptance("dead-rows")]);
        assert!(std::fs::read_to_string(&path).expect("it is there").starts_with("# ours\n"));
    }

    #[test]
    fn mistakes_name_their_place_and_what_is_meant() {
        let error = accept(&acceptance("unused-indexes"), None).expect_err("no such check");
        assert!(
            error.to_string().contains("unused-indexes") && error.hint().is_some_and(|hint| hint.contains("unused-index")),
            "{error}"
        );
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("accepted.toml");
        std::fs::write(&path, "[[accepted]]\ncheck = \"dead-rows\"\ntable = \"t\"\nreasons = \"\"\n").expect("it is ours");
        let error = read_acceptances(Some(&path)).expect_err("a word that is not known").to_string();
        assert!(error.contains("accepted.toml:4"), "{error}");
        let before = std::fs::read_to_string(&path).expect("it is there");
        accept(&acceptance("dead-rows"), Some(&path)).expect_err("nothing is written behind a mistake");
        assert_eq!(std::fs::read_to_string(&path).expect("it is there"), before);
    }
}
