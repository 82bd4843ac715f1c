//! One entry of a log, whatever the format it was written in. It points into the block that was read and knows nothing of what it says.

use crate::escape::Raw;
use crate::options::End;
use crate::report::SkipReason;

/// What one message of the server left in the log.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Entry<'a> {
    /// The number of its first line, from 1.
    pub(crate) line: u64,
    pub(crate) severity: Severity,
    pub(crate) message: Raw<'a>,
    pub(crate) detail: Raw<'a>,
    /// The time as written; [`crate::moment::parse`] reads it.
    pub(crate) at: &'a [u8],
    pub(crate) user: Raw<'a>,
    pub(crate) database: Raw<'a>,
    pub(crate) application: Raw<'a>,
    /// What tells sessions apart: the session's id, else its process; empty when neither is written.
    pub(crate) session: &'a [u8],
    pub(crate) query_id: &'a [u8],
}

/// Severities, as far as they matter here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Severity {
    /// `LOG`: the only one that tells of statements that ran.
    Log,
    /// `ERROR`, `FATAL`, `PANIC`.
    Error,
    /// `WARNING` and all below.
    #[default]
    Other,
    /// A word that is no severity of English messages.
    Unknown,
}

impl Severity {
    /// The severity that `word` names.
    pub(crate) fn of(word: &[u8]) -> Self {
        match word {
            b"LOG" => Self::Log,
            b"ERROR" | b"FATAL" | b"PANIC" => Self::Error,
            b"WARNING" | b"NOTICE" | b"INFO" | b"DEBUG" | b"DEBUG1" | b"DEBUG2" | b"DEBUG3" | b"DEBUG4" | b"DEBUG5" => {
                Self::Other
            }
            _ => Self::Unknown,
        }
    }
}

/// What follows the bytes at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ahead {
    /// More of the input.
    More,
    /// Nothing: the input ends here.
    Nothing(End),
}

/// What a format finds at the beginning of the bytes at hand.
#[derive(Debug)]
pub(crate) enum Step<'a> {
    /// An entry, which takes this many bytes.
    Entry(Entry<'a>, usize),
    /// This many bytes that are no entry, and why; `None` for the rest of something that was counted already.
    Skip(usize, Option<SkipReason>),
    /// Not enough to tell.
    More,
}
