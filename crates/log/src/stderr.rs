//! The format stderr: lines that begin with `log_line_prefix` and a severity, and lines that begin with a tab and continue them.
//!
//! The server puts a tab after every line end inside a message (`append_with_tabs` in `elog.c`), so nothing that a statement holds can be
//! taken for an entry. Where the entry ends is seen by the next one.

use memchr::memchr;

use crate::entry::{Ahead, Entry, Severity, Step};
use crate::escape::{Escaping, Raw};
use crate::options::End;
use crate::prefix::{LineHead, LineKind, Prefix, Span, detect};
use crate::report::SkipReason;

/// Reads entries of the format stderr.
#[derive(Debug)]
pub(crate) struct Stderr {
    prefix: Prefix,
    origin: Origin,
    escaping: Escaping,
    /// The head of the line at which the last entry was seen to end.
    next: Option<LineHead>,
    /// Whether lines that continue something belong to something that was counted already.
    is_after_skip: bool,
    /// Lines that looked like entries and do not begin with the prefix.
    strangers: u64,
}

/// No line that begins an entry has its severity further away, in bytes.
const LONGEST_PREFIX: usize = 64 << 10;

/// Where the prefix comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The user said so.
    Given,
    /// Found out, and found out again when it stops to fit.
    Detected,
}

impl Stderr {
    pub(crate) fn new(prefix: Prefix, origin: Origin, escaping: Escaping) -> Self {
        Self { prefix, origin, escaping, next: None, is_after_skip: false, strangers: 0 }
    }

    /// The prefix that is used.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix.text
    }

    /// What `data` begins with.
    pub(crate) fn step<'a>(&mut self, data: &'a [u8], ahead: Ahead) -> Step<'a> {
        let Some(first_end) = memchr(b'\n', data) else { return Step::More };
        let line = &data[..first_end];
        let head = match self.next {
            Some(head) => head,
            None => match self.head(line, data) {
                Some(head) if matches!(head.kind, LineKind::Message(_)) => head,
                other => return self.skip(line, other),
            },
        };
        let Some(parts) = self.parts(data, head, first_end, ahead) else { return Step::More };
        self.next = parts.next;
        self.is_after_skip = false;
        Step::Entry(self.entry(data, head, &parts), parts.end)
    }

    /// Called when the entry at hand is too long to be read: what follows of it is passed over.
    pub(crate) fn give_up(&mut self) {
        self.next = None;
        self.is_after_skip = true;
    }

    /// The head of the first line of `data`; looks for another prefix when this one does not fit any more.
    fn head(&mut self, line: &[u8], data: &[u8]) -> Option<LineHead> {
        let head = self.prefix.head(line);
        if head.is_some() || self.origin == Origin::Given || line.starts_with(b"\t") {
            return head;
        }
        memchr::memmem::find(line, b":  ")?;
        self.strangers += 1;
        // Rarer and rarer: a log where it never helps should not be slow for it.
        if self.strangers.is_power_of_two()
            && let Some(prefix) = detect(data, Some(&self.prefix.text))
            && let Some(head) = prefix.head(line)
        {
            self.prefix = prefix;
            return Some(head);
        }
        None
    }

    fn skip<'a>(&mut self, line: &[u8], head: Option<LineHead>) -> Step<'a> {
        let length = line.len() + 1;
        let reason = if line.trim_ascii().is_empty() {
            None
        } else if head.is_some() || line.starts_with(b"\t") {
            (!self.is_after_skip).then_some(SkipReason::NoBeginning)
        } else if memchr(0, line).is_some() {
            Some(SkipReason::Binary)
        } else if self.prefix.begins_unknown(line) {
            self.is_after_skip = true;
            return Step::Entry(Entry { severity: Severity::Unknown, ..Entry::default() }, length);
        } else {
            Some(SkipReason::NoEntry)
        };
        self.is_after_skip = true;
        Step::Skip(length, reason)
    }

    /// Where the parts of the entry at the beginning of `data` are; `None` when it can not be told yet.
    fn parts(&self, data: &[u8], head: LineHead, first_end: usize, ahead: Ahead) -> Option<Parts> {
        let mut parts = Parts { message: (head.body, first_end), detail: (0, 0), end: first_end + 1, next: None };
        let mut current = Current::Message;
        loop {
            let from = parts.end;
            let Some(length) = memchr(b'\n', &data[from..]) else {
                return self.is_over(&data[from..], ahead).then_some(parts);
            };
            let line = &data[from..from + length];
            if line.first() != Some(&b'\t') {
                match self.prefix.head(line) {
                    Some(LineHead { kind: LineKind::Detail, body, .. }) => {
                        (current, parts.detail.0) = (Current::Detail, from + body);
                    }
                    Some(LineHead { kind: LineKind::Part, .. }) => current = Current::Part,
                    next => {
                        parts.next = next;
                        return Some(parts);
                    }
                }
            }
            match current {
                Current::Message => parts.message.1 = from + length,
                Current::Detail => parts.detail.1 = from + length,
                Current::Part => {}
            }
            parts.end = from + length + 1;
        }
    }

    /// Whether the entry before `rest`, a line without its end, is whole.
    fn is_over(&self, rest: &[u8], ahead: Ahead) -> bool {
        match self.prefix.head(rest) {
            _ if rest.is_empty() => ahead == Ahead::Nothing(End::Final),
            Some(LineHead { kind: LineKind::Message(_), .. }) => true,
            Some(_) => false,
            None => rest.first() != Some(&b'\t') && rest.len() > LONGEST_PREFIX,
        }
    }

    fn entry<'a>(&self, data: &'a [u8], head: LineHead, parts: &Parts) -> Entry<'a> {
        let plain = |(start, end): Span| &data[start..end];
        let text = |(start, end): Span| {
            let bytes = &data[start..end];
            let bytes =
                if self.escaping == Escaping::TabsAndReturns { bytes.strip_suffix(b"\r").unwrap_or(bytes) } else { bytes };
            Raw { bytes, escaping: self.escaping }
        };
        let name = |span| {
            let bytes = plain(span);
            // What `%u`, `%d` and `%a` print before the client has said it.
            Raw { bytes: if bytes == b"[unknown]" { b"" } else { bytes }, escaping: Escaping::None }
        };
        let LineKind::Message(severity) = head.kind else { return Entry::default() };
        Entry {
            line: 0,
            severity,
            message: text(parts.message),
            detail: text(parts.detail),
            at: plain(head.fields.at),
            user: name(head.fields.user),
            database: name(head.fields.database),
            application: name(head.fields.application),
            session: plain(head.fields.session),
            query_id: plain(head.fields.query_id),
        }
    }
}

/// Where the parts of an entry are.
struct Parts {
    message: Span,
    detail: Span,
    end: usize,
    next: Option<LineHead>,
}

#[derive(Clone, Copy)]
enum Current {
    Message,
    Detail,
    Part,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The messages and details in `data`, and how many lines were skipped.
    fn entries(prefix: &str, data: &str, ahead: Ahead) -> (Vec<(String, String)>, usize) {
        let mut reader = Stderr::new(Prefix::compile(prefix), Origin::Given, Escaping::Tabs);
        let (mut rest, mut found, mut skipped) = (data.as_bytes(), Vec::new(), 0);
        loop {
            let length = match reader.step(rest, ahead) {
                Step::Entry(entry, length) => {
                    found.push((entry.message.text().into_owned(), entry.detail.text().into_owned()));
                    length
                }
                Step::Skip(length, reason) => {
                    skipped += usize::from(reason.is_some());
                    length
                }
                Step::More => return (found, skipped),
            };
            rest = &rest[length..];
        }
    }

    #[track_caller]
    fn check(data: &str, expected: &[(&str, &str)], skipped: usize) {
        let (found, lines) = entries("[%p] ", data, Ahead::Nothing(End::Final));
        let found: Vec<(&str, &str)> = found.iter().map(|(message, detail)| (message.as_str(), detail.as_str())).collect();
        assert_eq!((found.as_slice(), lines), (expected, skipped));
    }

    #[test]
    fn details_belong_to_the_message_before() {
        check("[1] LOG:  a\n[1] DETAIL:  b\n\tc\n[1] STATEMENT:  d\n\te\n[2] LOG:  f\n", &[("a", "b\nc"), ("f", "")], 0);
    }

    #[test]
    fn text_that_looks_like_an_entry_inside_a_statement_is_none() {
        check("[1] LOG:  a\n\t[1] LOG:  b\n\tLOG:  c\n", &[("a\n[1] LOG:  b\nLOG:  c", "")], 0);
    }

    #[test]
    fn strange_lines_end_an_entry_and_are_skipped_with_what_continues_them() {
        check("\tz\n[1] DETAIL:  y\n[1] LOG:  a\nrsync: done\n\tand more\n[1] LOG:  b\n", &[("a", ""), ("b", "")], 2);
    }

    #[test]
    fn an_entry_is_whole_when_the_next_begins_or_nothing_can_follow() {
        let data = "[1] LOG:  a\n[1] DETAIL:  b\n";
        assert_eq!(entries("[%p] ", data, Ahead::More).0.len(), 0);
        assert_eq!(entries("[%p] ", data, Ahead::Nothing(End::Growing)).0.len(), 0);
        assert_eq!(entries("[%p] ", data, Ahead::Nothing(End::Final)).0.len(), 1);
        let more = format!("{data}[1] LOG:  c");
        assert_eq!(entries("[%p] ", &more, Ahead::More).0.len(), 1);
        assert_eq!(entries("[%p] ", &more, Ahead::Nothing(End::Final)).0.len(), 1);
        assert_eq!(entries("[%p] ", "[1] LOG:  a\n[1] DETAIL:  b", Ahead::Nothing(End::Final)).0.len(), 0);
    }
}
