//! jsonlog: one object a line (`write_jsonlog` in `jsonlog.c`). Read by a scanner of our own, since only a few of some thirty keys
//! matter and their values can stay where they are.

use memchr::{memchr, memchr2};

use crate::entry::{Ahead, Entry, Severity, Step};
use crate::escape::{Escaping, Raw};
use crate::options::End;
use crate::report::SkipReason;

/// Reads lines of jsonlog.
#[derive(Debug, Default)]
pub(crate) struct Json {
    /// Whether the next line belongs to something that was counted already.
    is_after_skip: bool,
}

impl Json {
    /// What `data` begins with.
    pub(crate) fn step<'a>(&mut self, data: &'a [u8], ahead: Ahead) -> Step<'a> {
        let (line, length) = match memchr(b'\n', data) {
            Some(end) => (&data[..end], end + 1),
            // The closing brace shows that it is whole.
            None if ahead == Ahead::Nothing(End::Final) && data.ends_with(b"}") => (data, data.len()),
            None => return Step::More,
        };
        let counts = !std::mem::take(&mut self.is_after_skip);
        if line.trim_ascii().is_empty() {
            return Step::Skip(length, None);
        }
        if let Some(entry) = object(line) {
            return Step::Entry(entry, length);
        }
        let reason = if memchr(0, line).is_some() {
            SkipReason::Binary
        } else if line.trim_ascii_start().starts_with(b"{") {
            SkipReason::Malformed
        } else {
            SkipReason::NoEntry
        };
        Step::Skip(length, counts.then_some(reason))
    }

    /// Called when the line at hand is too long to be read: the rest of it is passed over.
    pub(crate) fn give_up(&mut self) {
        self.is_after_skip = true;
    }
}

/// Whether `line` looks like an object of jsonlog.
pub(crate) fn looks_like_object(line: &[u8]) -> bool {
    object(line).is_some()
}

/// The entry in `line`; `None` when it is no object, breaks the rules, or has no severity.
fn object(line: &[u8]) -> Option<Entry<'_>> {
    let mut rest = line.trim_ascii().strip_prefix(b"{")?;
    let mut entry = Entry::default();
    let mut has_severity = false;
    let mut process: &[u8] = b"";
    loop {
        rest = rest.trim_ascii_start();
        let (key, after) = string(rest.strip_prefix(b"\"")?)?;
        rest = after.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
        let (value, after) = value(rest)?;
        let text = Raw { bytes: value, escaping: Escaping::Json };
        match key {
            b"timestamp" => entry.at = value,
            b"user" => entry.user = text,
            b"dbname" => entry.database = text,
            b"application_name" => entry.application = text,
            b"session_id" => entry.session = value,
            b"pid" => process = value,
            b"query_id" => entry.query_id = value,
            b"message" => entry.message = text,
            b"detail" => entry.detail = text,
            b"error_severity" => {
                entry.severity = Severity::of(value);
                has_severity = true;
            }
            _ => {}
        }
        rest = after.trim_ascii_start();
        match rest.split_first()? {
            (b',', more) => rest = more,
            (b'}', []) if has_severity => break,
            _ => return None,
        }
    }
    if entry.session.is_empty() {
        entry.session = process;
    }
    Some(entry)
}

/// The text up to the quote that ends it, escapes and all, and what follows that quote.
fn string(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut at = 0;
    loop {
        at += memchr2(b'"', b'\\', text.get(at..)?)?;
        if text[at] == b'"' {
            return Some((&text[..at], &text[at + 1..]));
        }
        at += 2;
    }
}

/// A text, a number or a word, and what follows it. Objects and arrays, which jsonlog never has, are refused.
fn value(text: &[u8]) -> Option<(&[u8], &[u8])> {
    if let Some(text) = text.strip_prefix(b"\"") {
        return string(text);
    }
    let length = text.iter().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')).count();
    (length > 0).then(|| text.split_at(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_gives_its_entry() {
        let line = br#"{"timestamp":"2026-11-27 10:00:00.123 UTC","user":"e\"ve","dbname":"shop","pid":42,"session_id":"6a.2a","line_num":1,"txid":0,"error_severity":"LOG","message":"a\n\\","detail":"b","application_name":"psql","query_id":-7}"#;
        let entry = object(line).expect("an entry");
        assert_eq!((entry.severity, &*entry.message.text(), &*entry.detail.text()), (Severity::Log, "a\n\\", "b"));
        assert_eq!((&*entry.user.text(), entry.session, entry.query_id), ("e\"ve", &b"6a.2a"[..], &b"-7"[..]));
        assert_eq!(entry.at, b"2026-11-27 10:00:00.123 UTC");
    }

    #[test]
    fn spaces_between_and_keys_that_are_not_known_do_not_matter() {
        let entry = object(b" { \"x\" : null , \"error_severity\" : \"ERROR\",\"pid\":42 } \r").expect("an entry");
        assert_eq!((entry.severity, entry.session), (Severity::Error, &b"42"[..]));
    }

    #[test]
    fn what_breaks_the_rules_is_refused() {
        for line in [
            "",
            "{}",
            "{\"error_severity\":\"LOG\"",
            "{\"error_severity\":\"LOG\"} x",
            "{\"error_severity\":\"LOG\",}",
            "{\"message\":\"x\"}",
            "{\"error_severity\":\"LOG\",\"message\":\"x}",
            "{\"error_severity\":\"LOG\\",
            "{\"error_severity\":{\"a\":1}}",
            "x",
        ] {
            assert!(object(line.as_bytes()).is_none(), "{line}");
        }
    }

    #[test]
    fn damaged_lines_are_skipped_and_a_line_without_end_counts_when_nothing_can_follow() {
        let data = b"{\"error_severity\":\"LOG\"}\n{\"error_sev\n\n{\"error_severity\":\"LOG\"}";
        let (mut reader, mut rest, mut steps) = (Json::default(), &data[..], String::new());
        loop {
            let length = match reader.step(rest, Ahead::Nothing(End::Final)) {
                Step::Entry(_, length) => {
                    steps.push('e');
                    length
                }
                Step::Skip(length, reason) => {
                    steps.push(if reason.is_some() { 's' } else { '-' });
                    length
                }
                Step::More => break,
            };
            rest = &rest[length..];
        }
        assert_eq!(steps, "es-e");
        assert!(matches!(Json::default().step(b"{\"error_severity\":\"LOG\"}", Ahead::Nothing(End::Growing)), Step::More));
    }
}
