//! `log_line_prefix`: compiled once, then matched against the beginning of every line of the format stderr.
//!
//! The escapes are those of `log_line_prefix` and `log_status_format` in `elog.c`. Names (`%u`, `%a` …) can hold anything, so a name ends
//! where the rest of the prefix and a severity follow; the shortest that works is taken. How often that is tried is bounded.

mod compile;
mod detect;
mod usual;

use crate::entry::Severity;

pub(crate) use detect::detect;

/// A compiled prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Prefix {
    /// As the server has it.
    pub(crate) text: String,
    elements: Vec<Element>,
}

/// A piece of a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Element {
    /// These bytes.
    Literal(Vec<u8>),
    /// What an escape prints.
    Field {
        shape: Shape,
        /// What it is used for here.
        field: Option<Field>,
        /// At least this many characters, filled with spaces.
        width: usize,
        /// On which side the spaces are.
        spaces: Side,
    },
    /// `%q`: processes without a session print nothing more.
    Stop,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// What the text of an escape can look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// Anything.
    Any,
    /// A whole number, maybe negative; can be missing.
    Number,
    /// `6a1f00.1b2c`.
    SessionId,
    /// `2026-11-27 10:00:00.123 UTC`, with or without fractions.
    Time,
    /// `1795773600.123`.
    Epoch,
    /// `3/17`, or nothing.
    VirtualTransaction,
    /// Five letters and digits.
    SqlState,
}

/// What is taken from a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    At,
    User,
    Database,
    Application,
    Session,
    Process,
    QueryId,
}

/// Where something stands in a line.
pub(crate) type Span = (usize, usize);

/// What the beginning of a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LineHead {
    pub(crate) kind: LineKind,
    /// Where the text begins, after the severity.
    pub(crate) body: usize,
    pub(crate) fields: Fields,
}

/// Spans of what is taken; empty when the prefix does not have it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields {
    pub(crate) at: Span,
    pub(crate) user: Span,
    pub(crate) database: Span,
    pub(crate) application: Span,
    /// `%c`, else `%p`.
    pub(crate) session: Span,
    pub(crate) query_id: Span,
    has_session_id: bool,
}

/// What a line of an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineKind {
    /// The message, which begins an entry.
    Message(Severity),
    /// Its details.
    Detail,
    /// Anything else that belongs to the message before.
    Part,
}

/// How many ends of names are tried for one line.
const TRIES: u32 = 2000;

/// No name or host is longer (`NAMEDATALEN` is 64 bytes, a host's name has at most 255).
const LONGEST_NAME: usize = 300;

impl Prefix {
    /// What `line` begins with; `None` when it begins with neither the prefix nor a severity after it.
    pub(crate) fn head(&self, line: &[u8]) -> Option<LineHead> {
        self.head_with(line, kind_of_line)
    }

    /// Whether `line` begins with the prefix and a word like a severity that is none of English messages.
    pub(crate) fn begins_unknown(&self, line: &[u8]) -> bool {
        self.head_with(line, unknown_severity).is_some()
    }

    fn head_with(&self, line: &[u8], severity: fn(&[u8]) -> Option<(LineKind, usize)>) -> Option<LineHead> {
        let mut search = Search { line, severity, fields: Fields::default(), tries: TRIES };
        let (kind, body) = search.run(&self.elements, 0)?;
        Some(LineHead { kind, body, fields: search.fields })
    }
}

/// One attempt at one line.
struct Search<'a> {
    line: &'a [u8],
    severity: fn(&[u8]) -> Option<(LineKind, usize)>,
    fields: Fields,
    tries: u32,
}

impl Search<'_> {
    /// Matches `elements` and a severity from `at` on; what the severity is, and where the text after it begins.
    fn run(&mut self, elements: &[Element], mut at: usize) -> Option<(LineKind, usize)> {
        for (position, element) in elements.iter().enumerate() {
            match element {
                Element::Literal(bytes) => {
                    if !self.line[at..].starts_with(bytes) {
                        return None;
                    }
                    at += bytes.len();
                }
                Element::Stop => {
                    if let Some(found) = self.severity(at) {
                        return Some(found);
                    }
                }
                Element::Field { shape: Shape::Any, field, width, .. } => {
                    return self.name(&elements[position + 1..], *field, at, *width);
                }
                Element::Field { shape, field, width, spaces } => {
                    let start = if *spaces == Side::Left { at + spaces_at(&self.line[at..]).min(*width) } else { at };
                    let end = start + shape.length(&self.line[start..])?;
                    self.keep(*field, (start, end));
                    at = end;
                    if *spaces == Side::Right && end - start < *width {
                        at += spaces_at(&self.line[end..]).min(*width - (end - start));
                    }
                }
            }
        }
        self.severity(at)
    }

    fn severity(&self, at: usize) -> Option<(LineKind, usize)> {
        (self.severity)(&self.line[at..]).map(|(kind, length)| (kind, at + length))
    }

    /// A name of at least `width` bytes from `at` on, and `rest` after it.
    fn name(&mut self, rest: &[Element], field: Option<Field>, at: usize, width: usize) -> Option<(LineKind, usize)> {
        let last = self.line.len().min(at + width + LONGEST_NAME);
        let mut end = at + width;
        while end <= last {
            if let Some(Element::Literal(next)) = rest.first() {
                end += memchr::memmem::find(&self.line[end..last.saturating_add(next.len()).min(self.line.len())], next)?;
            }
            self.tries = self.tries.checked_sub(1)?;
            // Before the rest: of two escapes of a kind the later wins, as everywhere.
            self.keep(field, trimmed(self.line, at, end));
            if let Some(found) = self.run(rest, end) {
                return Some(found);
            }
            end += 1;
        }
        None
    }

    fn keep(&mut self, field: Option<Field>, span: Span) {
        match field {
            Some(Field::At) => self.fields.at = span,
            Some(Field::User) => self.fields.user = span,
            Some(Field::Database) => self.fields.database = span,
            Some(Field::Application) => self.fields.application = span,
            Some(Field::QueryId) => self.fields.query_id = span,
            Some(Field::Session) => (self.fields.session, self.fields.has_session_id) = (span, true),
            Some(Field::Process) if !self.fields.has_session_id => self.fields.session = span,
            Some(Field::Process) | None => {}
        }
    }
}

impl Shape {
    /// How many bytes at the beginning of `text` have this shape; `None` when it does not begin so.
    fn length(self, text: &[u8]) -> Option<usize> {
        match self {
            Self::Any => None,
            Self::Number => {
                let sign = usize::from(text.first() == Some(&b'-') && text.get(1).is_some_and(u8::is_ascii_digit));
                Some(sign + digits_at(&text[sign..]))
            }
            Self::SessionId => {
                let first = hexadecimals_at(text);
                let point = text.get(first).filter(|byte| **byte == b'.' && first > 0)?;
                let second = hexadecimals_at(&text[first + usize::from(*point == b'.')..]);
                (second > 0).then_some(first + 1 + second)
            }
            Self::Time => time_length(text),
            Self::Epoch => {
                let seconds = digits_at(text);
                let point = text.get(seconds) == Some(&b'.') && seconds > 0;
                point.then(|| seconds + 1 + digits_at(&text[seconds + 1..]))
            }
            Self::VirtualTransaction => {
                let first = digits_at(text);
                if first == 0 || text.get(first) != Some(&b'/') {
                    return Some(0);
                }
                Some(first + 1 + digits_at(&text[first + 1..]))
            }
            Self::SqlState => text.get(..5)?.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()).then_some(5),
        }
    }
}

fn digits_at(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

fn hexadecimals_at(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_hexdigit()).count()
}

fn spaces_at(text: &[u8]) -> usize {
    text.iter().take_while(|byte| **byte == b' ').count()
}

/// `2026-11-27 10:00:00`, maybe a fraction, a space, and a zone: letters, or a sign with digits.
fn time_length(text: &[u8]) -> Option<usize> {
    const PATTERN: &[u8; 20] = b"0000-00-00 00:00:00 ";
    let seconds = text.get(..19)?;
    let fits = |(byte, pattern): (&u8, &u8)| if *pattern == b'0' { byte.is_ascii_digit() } else { byte == pattern };
    if !seconds.iter().zip(PATTERN).all(fits) {
        return None;
    }
    let mut at = 19;
    if text.get(at) == Some(&b'.') {
        at += 1 + digits_at(&text[at + 1..]);
    }
    let zone = text[at..].strip_prefix(b" ")?;
    let length = match zone.first()? {
        b'+' | b'-' => 1 + digits_at(&zone[1..]),
        _ => zone.iter().take_while(|byte| byte.is_ascii_alphabetic()).count(),
    };
    (length > 0).then_some(at + 1 + length)
}

/// The span without the spaces at its ends.
fn trimmed(line: &[u8], start: usize, end: usize) -> Span {
    let name = &line[start..end];
    let left = name.len() - name.trim_ascii_start().len();
    (start + left.min(name.len()), (start + left + name.trim_ascii().len()).max(start))
}

/// The words that begin the lines of an entry, with the two spaces that `send_message_to_server_log` puts after them.
const WORDS: &[(&[u8], LineKind)] = &[
    (b"LOG:  ", LineKind::Message(Severity::Log)),
    (b"DETAIL:  ", LineKind::Detail),
    (b"STATEMENT:  ", LineKind::Part),
    (b"ERROR:  ", LineKind::Message(Severity::Error)),
    (b"FATAL:  ", LineKind::Message(Severity::Error)),
    (b"PANIC:  ", LineKind::Message(Severity::Error)),
    (b"WARNING:  ", LineKind::Message(Severity::Other)),
    (b"NOTICE:  ", LineKind::Message(Severity::Other)),
    (b"INFO:  ", LineKind::Message(Severity::Other)),
    (b"DEBUG:  ", LineKind::Message(Severity::Other)),
    (b"CONTEXT:  ", LineKind::Part),
    (b"HINT:  ", LineKind::Part),
    (b"QUERY:  ", LineKind::Part),
    (b"LOCATION:  ", LineKind::Part),
    (b"BACKTRACE:  ", LineKind::Part),
];

/// What `text` begins with, and the length of that.
fn kind_of_line(text: &[u8]) -> Option<(LineKind, usize)> {
    if !text.first().is_some_and(u8::is_ascii_uppercase) {
        return None;
    }
    let (word, kind) = WORDS.iter().find(|(word, _)| text.starts_with(word))?;
    // `log_error_verbosity = verbose` puts the SQLSTATE before the message.
    let verbose = *kind == LineKind::Message(Severity::Log) && text[word.len()..].starts_with(b"00000: ");
    Some((*kind, word.len() + if verbose { 7 } else { 0 }))
}

/// A word that could be a translated severity: letters of any alphabet, a colon, two spaces.
fn unknown_severity(text: &[u8]) -> Option<(LineKind, usize)> {
    let letter = |byte: &&u8| byte.is_ascii_uppercase() || !byte.is_ascii();
    let length = text.iter().take(40).take_while(letter).count();
    let after = text[length..].strip_prefix(b" ").unwrap_or(&text[length..]);
    (length > 1 && after.starts_with(b":  ")).then_some((LineKind::Message(Severity::Unknown), length))
}

#[cfg(test)]
mod tests;
