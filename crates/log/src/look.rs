//! What a log looks like, from its first lines.

use memchr::{memchr, memchr_iter, memmem};

use crate::LONGEST_ENTRY;
use crate::csv::looks_like_record;
use crate::json::looks_like_object;

/// What the first lines look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// csvlog.
    Csv,
    /// jsonlog.
    Json,
    /// Objects of another program.
    OtherJson,
    /// What syslog makes of a log.
    Syslog,
    /// Not text.
    Binary,
    /// Any other text.
    Text,
    /// Not one line end in all that may belong to one entry.
    Endless,
    /// Nothing to look at.
    Nothing,
}

/// Lines that are looked at.
const SAMPLE: usize = 300;

impl Look {
    /// Of a log that begins with `data`; `is_all` when it ends there.
    pub(crate) fn of(data: &[u8], is_all: bool) -> Self {
        let mut lines = Vec::new();
        let mut from = 0;
        for end in memchr_iter(b'\n', data).take(SAMPLE) {
            lines.push(data[from..end].trim_ascii_end());
            from = end + 1;
        }
        if is_all && lines.len() < SAMPLE {
            lines.push(data[from..].trim_ascii_end());
        }
        // Lines of the format stderr that begin with a tab are the inside of a message, and can look like anything.
        lines.retain(|line| !line.is_empty() && !line.starts_with(b"\t"));
        let count = |fits: fn(&[u8]) -> bool| lines.iter().filter(|line| fits(line)).count();
        let (objects, records) = (count(looks_like_object), count(looks_like_record));
        // A statement in a record can have lines that look like objects, but a record can not stand in an object's line.
        if objects > records {
            Self::Json
        } else if records > 0 {
            Self::Csv
        } else if count(|line| memchr(0, line).is_some()) * 2 > lines.len() || (lines.is_empty() && memchr(0, data).is_some()) {
            Self::Binary
        } else if lines.is_empty() {
            if data.len() >= LONGEST_ENTRY { Self::Endless } else { Self::Nothing }
        } else if count(|line| line.starts_with(b"{") && line.ends_with(b"}")) * 2 > lines.len() {
            Self::OtherJson
        } else if count(looks_like_syslog) * 2 > lines.len() {
            Self::Syslog
        } else {
            Self::Text
        }
    }

    /// For people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Csv => "csvlog",
            Self::Json => "jsonlog",
            Self::OtherJson => "JSON of another program",
            Self::Syslog => "the file of a syslog service",
            Self::Binary => "binary data",
            Self::Text => "another kind of text",
            Self::Endless => "text without line ends",
            Self::Nothing => "nothing",
        }
    }
}

/// `… postgres[4711]: [4-1] …` (`write_syslog` in `elog.c`): the numbers of message and chunk in brackets after the process.
fn looks_like_syslog(line: &[u8]) -> bool {
    let Some(at) = memmem::find(line, b"]: [") else { return false };
    let rest = &line[at + 4..];
    let first = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let second = rest.get(first + 1..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit()).count();
    let is_process = line[..at].last().is_some_and(u8::is_ascii_digit) && memchr(b'[', &line[..at]).is_some_and(|open| open > 0);
    // Not the prefix `%t [%p]: [%l-1] `, in which a time stands first and the process after a space.
    let is_program = memchr::memrchr(b'[', &line[..at]).is_some_and(|open| open > 0 && line[open - 1].is_ascii_alphanumeric());
    is_process && is_program && first > 0 && second > 0 && rest[first] == b'-' && rest.get(first + 1 + second) == Some(&b']')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_apart() {
        let csv = "tail\",,\n2026-11-27 10:00:00.123 UTC,\"eve\",\"shop\",42,\"[local]\",6a.2a,1,\"SELECT\",x\n";
        let json = "{\"timestamp\":\"2026-11-27 10:00:00.123 UTC\",\"error_severity\":\"LOG\"}\n";
        let syslog =
            "Nov 27 10:00:00 db1 postgres[4711]: [4-1] 2026-11-27 LOG:  x\nNov 27 10:00:00 db1 postgres[4711]: [4-2] #011y\n";
        for (data, look) in [
            (csv, Look::Csv),
            ("2026-11-27 10:00:00.123 UTC,,,42,,6a.2a,1,\"\",x\n", Look::Csv),
            (json, Look::Json),
            (json.trim_end(), Look::Json),
            (syslog, Look::Syslog),
            ("{\"log\":\"x\"}\n", Look::OtherJson),
            ("2026-11-27 10:00:00 UTC [42]: [4-1] user=eve LOG:  x\n", Look::Text),
            ("2026-11-27 10:00:00.123 UTC,eve,shop,42,LOG:  x\n", Look::Text),
            ("a\0\0\nb\0\n", Look::Binary),
            ("\0\0\0", Look::Binary),
            ("", Look::Nothing),
            ("\n\n", Look::Nothing),
        ] {
            assert_eq!(Look::of(data.as_bytes(), true), look, "{data}");
        }
    }
}
