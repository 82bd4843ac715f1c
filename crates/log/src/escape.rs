//! Text as it stands in a log, and as it was before the server escaped it: one way a format.
//!
//! Bytes that are not UTF-8 (a log mixes the encodings of all databases) become U+FFFD: the statement around them can still be read, and
//! a broken literal or name is the caller's to judge.

use std::borrow::Cow;

use memchr::{memchr, memchr_iter};

/// A piece of text as it stands in the log.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Raw<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) escaping: Escaping,
}

/// How the server wrote it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Escaping {
    /// As it is.
    #[default]
    None,
    /// A tab after every line end (`append_with_tabs` in `elog.c`).
    Tabs,
    /// The same in a file of which the line ends are `\r\n`.
    TabsAndReturns,
    /// Quotes doubled (`appendCSVLiteral` in `csvlog.c`).
    Quotes,
    /// Backslashes (`escape_json` in `json.c`).
    Json,
}

impl<'a> Raw<'a> {
    /// The same without its first `length` bytes, which must not be in the middle of an escape.
    pub(crate) fn after(self, length: usize) -> Self {
        Self { bytes: self.bytes.get(length..).unwrap_or_default(), ..self }
    }

    /// As it was before it was written. Allocates only where something was escaped or is not UTF-8.
    pub(crate) fn text(self) -> Cow<'a, str> {
        if self.is_escaped() {
            return owned(self.unescaped());
        }
        // `from_utf8_lossy` alone is right too, but slower on text that is valid.
        std::str::from_utf8(self.bytes).map_or_else(|_| String::from_utf8_lossy(self.bytes), Cow::Borrowed)
    }

    /// The same, `None` when there is nothing.
    pub(crate) fn some_text(self) -> Option<Cow<'a, str>> {
        (!self.bytes.is_empty()).then(|| self.text())
    }

    fn is_escaped(self) -> bool {
        let sign = match self.escaping {
            Escaping::None => return false,
            Escaping::Tabs | Escaping::TabsAndReturns => b'\n',
            Escaping::Quotes => b'"',
            Escaping::Json => b'\\',
        };
        memchr(sign, self.bytes).is_some()
    }

    fn unescaped(self) -> Vec<u8> {
        match self.escaping {
            Escaping::None => self.bytes.to_vec(),
            Escaping::Tabs => without_tabs(self.bytes, b"\n"),
            Escaping::TabsAndReturns => without_tabs(self.bytes, b"\r\n"),
            Escaping::Quotes => without_double_quotes(self.bytes),
            Escaping::Json => without_backslashes(self.bytes),
        }
    }
}

fn owned(bytes: Vec<u8>) -> Cow<'static, str> {
    Cow::Owned(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

fn without_tabs(bytes: &[u8], line_end: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len());
    let mut from = 0;
    for at in memchr_iter(b'\n', bytes) {
        let line = &bytes[from..=at];
        text.extend_from_slice(line.strip_suffix(line_end).unwrap_or(&line[..line.len() - 1]));
        text.push(b'\n');
        from = at + 1 + usize::from(bytes.get(at + 1) == Some(&b'\t'));
    }
    text.extend_from_slice(&bytes[from..]);
    text
}

fn without_double_quotes(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = memchr(b'"', rest) {
        text.extend_from_slice(&rest[..=at]);
        rest = &rest[at + 1..];
        rest = rest.strip_prefix(b"\"").unwrap_or(rest);
    }
    text.extend_from_slice(rest);
    text
}

/// Undoes JSON's escapes. What is no valid escape becomes U+FFFD.
pub(crate) fn without_backslashes(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = memchr(b'\\', rest) {
        text.extend_from_slice(&rest[..at]);
        let (character, length) = escaped_character(&rest[at + 1..]);
        text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        rest = rest.get(at + 1 + length..).unwrap_or_default();
    }
    text.extend_from_slice(rest);
    text
}

/// The character that follows a backslash, and the bytes that it takes there.
fn escaped_character(after: &[u8]) -> (char, usize) {
    let character = match after.first() {
        Some(b'n') => '\n',
        Some(b't') => '\t',
        Some(b'r') => '\r',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'"') => '"',
        Some(b'\\') => '\\',
        Some(b'/') => '/',
        Some(b'u') => return unicode_escape(after),
        _ => return (char::REPLACEMENT_CHARACTER, 0),
    };
    (character, 1)
}

/// `uXXXX`, or two of them that are a surrogate pair.
fn unicode_escape(after: &[u8]) -> (char, usize) {
    let unit = |at: usize| -> Option<u32> {
        let digits = std::str::from_utf8(after.get(at..at + 4)?).ok()?;
        digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())?
    };
    let Some(first) = unit(1) else { return (char::REPLACEMENT_CHARACTER, 1) };
    if let Some(character) = char::from_u32(first) {
        return (character, 5);
    }
    let second = (after.get(5..7) == Some(b"\\u")).then(|| unit(7)).flatten();
    match second {
        Some(second) if first < 0xDC00 && (0xDC00..0xE000).contains(&second) => {
            let code = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
            (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 11)
        }
        _ => (char::REPLACEMENT_CHARACTER, 5),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(escaping: Escaping, written: &[u8], expected: &str) {
        assert_eq!(Raw { bytes: written, escaping }.text(), expected);
    }

    #[test]
    fn lines_lose_the_tab_that_the_server_gave_them_and_no_other() {
        check(Escaping::Tabs, b"SELECT 1\n\t\tFROM t\n\t\n\t", "SELECT 1\n\tFROM t\n\n");
        check(Escaping::Tabs, b"a\r\n\tb", "a\r\nb");
        check(Escaping::TabsAndReturns, b"a\r\n\tb", "a\nb");
    }

    #[test]
    fn quotes_are_halved() {
        check(Escaping::Quotes, br#"SELECT ""a"", '""""'"#, r#"SELECT "a", '""'"#);
        check(Escaping::Quotes, b"odd \"", "odd \"");
    }

    #[test]
    fn escapes_of_json_are_undone() {
        check(Escaping::Json, br#"a\n\t\"\\\/\u0041\u00e9\ud83d\ude00"#, "a\n\t\"\\/Aé😀");
        check(Escaping::Json, br"\ud83d \ux \q \", "\u{fffd} \u{fffd}x \u{fffd}q \u{fffd}");
        check(Escaping::Json, br"\u+041", "\u{fffd}+041");
    }

    #[test]
    fn a_broken_byte_does_not_lose_the_rest() {
        check(Escaping::None, b"caf\xe9 noir", "caf\u{fffd} noir");
        check(Escaping::Tabs, b"caf\xe9\n\tnoir", "caf\u{fffd}\nnoir");
    }
}
