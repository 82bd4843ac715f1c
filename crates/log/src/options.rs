//! How a log is to be read.

use serde::{Deserialize, Serialize};

use crate::position::Position;

/// How to read one log.
#[derive(Clone, Debug, Default)]
pub struct LogOptions {
    /// What it is; `None` lets its first lines decide.
    pub format: Option<Format>,
    /// The server's `log_line_prefix`, with which every entry of the format [`Format::Stderr`] begins; `None` lets the entries decide.
    /// Names the format as well when `format` is `None`.
    pub log_line_prefix: Option<String>,
    /// A prefix to try before the usual ones when none is given: that of the server at hand, whose log it may or may not be.
    pub likely_prefix: Option<String>,
    /// Leaves out what other databases were asked; `None` takes everything.
    pub database: Option<String>,
    /// What the end of the input means.
    pub end: End,
    /// Where an earlier reading of the same log stopped.
    pub from: Option<Position>,
}

/// The formats of PostgreSQL's `log_destination` that are files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// `stderr`: text, each entry begins with `log_line_prefix`.
    Stderr,
    /// `csvlog`.
    Csv,
    /// `jsonlog`, server 15 and later.
    Json,
}

/// What the end of the input means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum End {
    /// Nothing follows: the last entry counts when its last line is whole, and statements that wait for their duration are given
    /// without one.
    #[default]
    Final,
    /// The server may be writing it this moment: an entry of which more could follow is left for the next reading, and so are statements
    /// that wait for their duration (see [`Position`]).
    Growing,
}

impl Format {
    /// As `log_destination` names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stderr => "stderr",
            Self::Csv => "csvlog",
            Self::Json => "jsonlog",
        }
    }
}
