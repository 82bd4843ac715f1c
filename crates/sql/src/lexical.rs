//! A quick hash of a statement's text without its literals, by which a text that was seen before is known without parsing it.
//!
//! Only a key to a cache: two texts with the same key have the same fingerprint, but texts with the same fingerprint may well have
//! different keys. Knows the lexical rules of PostgreSQL (`scan.l`) as far as it must in order to tell literals from the rest.

use crate::skip;

/// Words behind which numbers are no positions any more.
const ENDS: &[&[u8]] =
    &[b"limit", b"offset", b"having", b"fetch", b"for", b"window", b"returning", b"union", b"intersect", b"except"];

/// Both halves of the key.
type Lanes = (u64, u64);

/// Stand for a literal, and for whatever separates tokens.
const LITERAL: u8 = 0x01;
const SEPARATOR: u8 = 0x02;

/// The key of `text`: literals and white space do not count, comments neither, and a list of literals is as one literal.
///
/// Whole numbers in `ORDER BY` and `GROUP BY` do count, since they are positions of columns there.
pub(crate) fn key(text: &str) -> u128 {
    let mut scan = Scan { text: text.as_bytes(), at: 0, hash: Hash::default(), positions: false, list: List::No };
    scan.run();
    let (high, low) = scan.hash.finish();
    (u128::from(high) << 64) | u128::from(low)
}

/// How far a list of literals has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum List {
    No,
    /// After a literal.
    Literal,
    /// After a literal and a comma, which was not hashed yet.
    Comma,
}

struct Scan<'t> {
    text: &'t [u8],
    at: usize,
    hash: Hash,
    /// Whether numbers are positions of columns here.
    positions: bool,
    list: List,
}

impl<'t> Scan<'t> {
    fn run(&mut self) {
        while let Some(byte) = self.peek(0) {
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => self.at += 1,
                b'-' if self.peek(1) == Some(b'-') => self.at = skip::line(self.text, self.at),
                b'/' if self.peek(1) == Some(b'*') => self.at = skip::comment(self.text, self.at),
                b'\'' => self.string(false),
                b'$' => self.dollar(),
                b'"' => self.quoted_name(),
                b'0'..=b'9' => self.number(),
                b'.' if self.peek(1).is_some_and(|next| next.is_ascii_digit()) => self.number(),
                b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80.. => self.word(),
                _ => self.sign(byte),
            }
        }
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.get(self.at + ahead).copied()
    }

    fn sign(&mut self, byte: u8) {
        self.at += 1;
        match byte {
            b',' if self.list == List::Literal => self.list = List::Comma,
            b'(' | b')' => {
                self.positions = false;
                self.token(&self.text[self.at - 1..self.at]);
            }
            _ => self.token(&self.text[self.at - 1..self.at]),
        }
    }

    /// Something that counts.
    fn token(&mut self, bytes: &'t [u8]) {
        if self.list == List::Comma {
            self.hash.push(b',');
        }
        self.list = List::No;
        self.hash.push(SEPARATOR);
        for byte in bytes {
            self.hash.push(*byte);
        }
    }

    fn literal(&mut self) {
        match self.list {
            List::Comma => {}
            List::No | List::Literal => {
                self.hash.push(SEPARATOR);
                self.hash.push(LITERAL);
            }
        }
        self.list = List::Literal;
    }

    fn word(&mut self) {
        let start = self.at;
        self.at = skip::word(self.text, start);
        let word = &self.text[start..self.at];
        if self.peek(0) == Some(b'\'') {
            match word {
                [b'e' | b'E'] => return self.string(true),
                [b'n' | b'N' | b'b' | b'B' | b'x' | b'X'] => return self.string(false),
                _ => {}
            }
        }
        // U&'…' is a literal; U&"…" a name, which is then hashed as a word, a sign and a name.
        if matches!(word, [b'u' | b'U']) && self.peek(0) == Some(b'&') && self.peek(1) == Some(b'\'') {
            self.at += 1;
            return self.string(false);
        }
        if word.eq_ignore_ascii_case(b"by") {
            self.positions = true;
        } else if self.positions && ENDS.iter().any(|end| word.eq_ignore_ascii_case(end)) {
            self.positions = false;
        }
        self.token(&self.text[start..self.at]);
    }

    fn number(&mut self) {
        let start = self.at;
        while let Some(byte) = self.peek(0) {
            let is_sign_of_exponent =
                matches!(byte, b'+' | b'-') && self.at > start && matches!(self.text[self.at - 1], b'e' | b'E');
            if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_') || is_sign_of_exponent {
                self.at += 1;
            } else {
                break;
            }
        }
        if self.positions {
            self.token(&self.text[start..self.at]);
        } else {
            self.literal();
        }
    }

    /// At the opening quote.
    fn string(&mut self, has_escapes: bool) {
        self.at = skip::string(self.text, self.at, has_escapes);
        self.literal();
    }

    /// A parameter, a string between dollar tags, or a lone dollar.
    fn dollar(&mut self) {
        let start = self.at;
        if let Some(end) = skip::dollar_string(self.text, start) {
            self.at = end;
            self.literal();
        } else {
            self.at = skip::word(self.text, start);
            self.token(&self.text[start..self.at]);
        }
    }

    fn quoted_name(&mut self) {
        let start = self.at;
        self.at = skip::quoted_name(self.text, start);
        self.token(&self.text[start..self.at]);
    }
}

/// 128 bits by folded multiplication, eight bytes at a time.
#[derive(Default)]
struct Hash {
    lanes: Lanes,
    word: u64,
    pushed: u64,
}

impl Hash {
    fn push(&mut self, byte: u8) {
        self.word = (self.word << 8) | u64::from(byte);
        self.pushed += 1;
        if self.pushed.is_multiple_of(8) {
            self.mix();
        }
    }

    fn mix(&mut self) {
        self.lanes.0 = fold(self.lanes.0 ^ self.word ^ 0x9E37_79B9_7F4A_7C15, 0xA076_1D64_78BD_642F);
        self.lanes.1 = fold(self.lanes.1.rotate_left(23) ^ self.word, 0xE703_7ED1_A0B4_28DB);
        self.word = 0;
    }

    fn finish(mut self) -> Lanes {
        self.word ^= self.pushed << 56;
        self.mix();
        self.mix();
        self.lanes
    }
}

/// Both halves of the product, combined.
fn fold(one: u64, other: u64) -> u64 {
    let product = u128::from(one) * u128::from(other);
    let low = u64::try_from(product & u128::from(u64::MAX)).unwrap_or_default();
    let high = u64::try_from(product >> 64).unwrap_or_default();
    low ^ high
}

#[cfg(test)]
mod tests {
    use super::key;

    #[test]
    fn literals_comments_and_white_space_do_not_count() {
        let same = [
            "SELECT a FROM t WHERE b = 1 AND c = 'x' AND d IN (1, 2)",
            "SELECT a  FROM t\n WHERE b = 23.5e-7 AND c = 'it''s' AND d IN (1, 2, 3)",
            "SELECT a FROM t WHERE b = 0xFF AND c = E'\\'' AND d IN ('a') -- 'x",
            "SELECT a FROM t /* 'b /* c */ */ WHERE b=$$a'b$$ AND c=$t$ $$ $t$ AND d IN (B'1',X'f',U&'a',N'z')",
        ];
        for text in same {
            assert_eq!(key(text), key(same[0]), "{text}");
        }
    }

    #[test]
    fn everything_else_counts() {
        let texts = [
            "SELECT a FROM t WHERE b = 1",
            "SELECT a FROM t WHERE b = $1",
            "SELECT a FROM t WHERE b = $2",
            "SELECT a FROM t WHERE b = -1",
            "SELECT a FROM t WHERE \"b\" = 1",
            "SELECT a FROM t WHERE b2 = 1",
            "SELECT a FROM t WHERE b = 1 ORDER BY 1",
            "SELECT a FROM t WHERE b = 1 ORDER BY 2",
            "SELECT a FROM t WHERE b = 1 ORDER BY 1, 2",
            "SELECT a FROM t WHERE b = 1, c",
            "SELECT a FROM t WHERE b = 1 c",
            "SELECT aFROM t WHERE b = 1",
        ];
        for (at, text) in texts.iter().enumerate() {
            for other in &texts[at + 1..] {
                assert_ne!(key(text), key(other), "{text}\n{other}");
            }
        }
    }

    #[test]
    fn limits_after_an_order_are_literals_again() {
        assert_eq!(key("SELECT a FROM t ORDER BY 1 LIMIT 5"), key("SELECT a FROM t ORDER BY 1 LIMIT 50"));
    }

    #[test]
    fn cut_off_texts_end_somewhere() {
        for text in ["'", "E'\\", "$a$", "$", "\"", "/*", "/* /*", "--", "1e", "U&'", "é", ""] {
            key(text);
        }
    }
}
