//! Where a reading stopped, so that the next one goes on there, and how it is found out that the log is another one by then.

use serde::{Deserialize, Serialize};

use crate::hash::hash;
use crate::options::Format;
use crate::sessions::Sessions;

/// Where a reading of a log stopped.
///
/// Given back in [`crate::LogOptions::from`], it makes the next reading go on after the last whole entry. It can be stored: what is
/// serialized holds no text of the log. Not stored, and so lost, is what waits in open sessions when the reading ends (with
/// [`crate::End::Growing`]): a statement whose duration is a separate entry that is not written yet (`log_statement` with
/// `log_duration`) is then missing, and an execution of which `auto_explain` logs the plan after the cut is counted twice, at most one
/// a session each. A position that is kept in memory loses neither, only the cost of such a plan.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Position {
    /// Bytes before the first entry that was not read, in the decompressed log.
    pub offset: u64,
    /// Lines before it.
    pub lines: u64,
    /// Entries read so far, in all readings.
    pub entries: u64,
    /// Executions found so far, in all readings.
    pub executions: u64,
    /// The beginning of the log.
    pub(crate) head: Head,
    pub(crate) format: Option<Format>,
    /// The prefix that was used; it holds no text of a statement.
    pub(crate) log_line_prefix: Option<String>,
    pub(crate) durations_apart: bool,
    #[serde(skip)]
    pub(crate) sessions: Sessions,
}

/// The beginning of a log, hashed: as much of its first [`Head::LONGEST`] bytes as it had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    length: usize,
    hash: u64,
}

impl Head {
    /// How many bytes are looked at: enough for several entries with their times.
    pub(crate) const LONGEST: usize = 1024;

    /// The head of a log that begins with `bytes`.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let head = &bytes[..bytes.len().min(Self::LONGEST)];
        Self { length: head.len(), hash: hash(head) }
    }

    /// Whether a log that begins with `bytes` can be the same log, grown.
    pub(crate) fn begins(self, bytes: &[u8]) -> bool {
        self.length == 0 || bytes.get(..self.length).is_some_and(|head| Self::of(head) == self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_grew_is_the_same_and_one_that_was_replaced_or_cut_is_not() {
        let head = Head::of(b"2026-11-27 first");
        assert!(head.begins(b"2026-11-27 first, and more"));
        assert!(!head.begins(b"2026-11-28 first, and more"));
        assert!(!head.begins(b"2026"));
        assert!(Head::default().begins(b""));
        let long = [b'x'; 5000];
        assert!(Head::of(&long).begins(&long[..2000]));
    }

    #[test]
    fn it_can_be_stored() {
        let position = Position { offset: 7, head: Head::of(b"abc"), format: Some(Format::Csv), ..Position::default() };
        let stored = serde_json::to_string(&position).expect("no map with odd keys");
        let back: Position = serde_json::from_str(&stored).expect("what was written");
        assert_eq!((back.offset, back.head, back.format), (7, position.head, Some(Format::Csv)));
    }
}
