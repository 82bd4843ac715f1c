//! What can be wrong with a blueprint's text, always with the file, and with the line where that is known.

use serde::de::DeserializeOwned;

/// A text that cannot be used as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Something at one line of one file.
    #[error("{file}:{line}: {message}")]
    Line {
        /// The file, as the caller named it.
        file: String,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong, and what would be right.
        message: String,
    },
    /// Something about a whole file, or an entry that its name points to.
    #[error("{file}: {message}")]
    File {
        /// The file, as the caller named it.
        file: String,
        /// What is wrong, and what would be right.
        message: String,
    },
    /// A blueprint without one of its files.
    #[error("the blueprint has no file `{0}`; it needs blueprint.toml, schema.sql, data.toml and workload.toml")]
    Missing(String),
}

impl Error {
    pub(crate) fn at(file: &str, text: &str, offset: usize, message: impl Into<String>) -> Self {
        Self::Line { file: file.to_owned(), line: line_of(text, offset), message: message.into() }
    }

    pub(crate) fn of(file: &str, message: impl Into<String>) -> Self {
        Self::File { file: file.to_owned(), message: message.into() }
    }
}

/// The line, counted from 1, that holds the byte `offset` of `text`.
pub(crate) fn line_of(text: &str, offset: usize) -> usize {
    let before = &text.as_bytes()[..offset.min(text.len())];
    before.split(|&byte| byte == b'\n').count()
}

/// `text` as TOML of type `T`; `file` is only named in errors.
pub(crate) fn from_toml<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, Error> {
    toml::from_str(text).map_err(|error| {
        let message = error.message().replace('\n', "; ");
        match error.span() {
            Some(span) => Error::at(file, text, span.start, message),
            None => Error::of(file, message),
        }
    })
}
