//! Why a log cannot be read at all. What is wrong with single entries is counted in the report instead.

use std::io;

use crate::options::Format;

/// Why a log cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The input itself.
    #[error("cannot read the log after {offset} bytes")]
    Read {
        /// Bytes of the decompressed log that were read before.
        offset: u64,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// It is not what it was said to be.
    #[error("the log was said to be `{}`, but it looks like {looks_like}: name the right format, or none to have it found out", stated.name())]
    WrongFormat {
        /// What it was said to be.
        stated: Format,
        /// What it looks like, for people.
        looks_like: &'static str,
    },
    /// No entry begins with the given prefix.
    #[error(
        "none of the first lines of the log begins with the given `--log-line-prefix` and a severity such as `LOG:`; `SHOW \
         log_line_prefix` prints the server's own, spaces at its end count"
    )]
    PrefixDoesNotFit,
    /// No prefix was given, and none of the usual ones fits.
    #[error(
        "cannot tell how the entries of the log begin: give the server's prefix by `--log-line-prefix` (`SHOW log_line_prefix` prints \
         it, spaces at its end count)"
    )]
    UnknownPrefix,
    /// It can be seen what it is, and that is not read.
    #[error("{looks_like} is not read: {remedy}")]
    Unsupported {
        /// What it looks like, for people.
        looks_like: &'static str,
        /// What to give instead.
        remedy: &'static str,
    },
}
