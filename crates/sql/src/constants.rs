//! The constants that a normalized text does not show any more: where they stood, which parameter took their place, and what they were.

use std::collections::BTreeMap;

use pg_query::protobuf::Token;
use pgtailor_model::binding::Literal;

use crate::numbers::Numbers;
use crate::tokens::{Piece, pieces};

/// The constants of one text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Constants {
    /// Where they stood.
    pub(crate) numbers: Numbers,
    /// By number of the parameter; `None` is NULL.
    pub(crate) values: BTreeMap<u32, Option<Literal>>,
}

/// Compares `original` with `normalized`, token by token; `None` when they are not the same but for constants.
pub(crate) fn constants(original: &str, normalized: &str) -> Option<Constants> {
    let mut found = Constants::default();
    if original == normalized {
        return Some(found);
    }
    let (before, after) = (pieces(original).ok()?, pieces(normalized).ok()?);
    let mut at = 0;
    for piece in &after {
        let shown = &normalized[piece.start..piece.end];
        let here = before.get(at)?;
        let text = &original[here.start..here.end];
        if text == shown {
            at += 1;
        } else if piece.token == Token::Param {
            let number = shown.strip_prefix('$')?.parse().ok()?;
            let taken = constant(original, &before[at..])?;
            found.numbers.0.insert(i32::try_from(here.start).ok()?, number);
            found.values.insert(number, taken.value);
            at += taken.tokens;
        } else {
            return None;
        }
    }
    // A semicolon ends a statement and is no part of it.
    before[at..].iter().all(|piece| piece.token == Token::Ascii59).then_some(found)
}

struct Taken {
    value: Option<Literal>,
    tokens: usize,
}

/// The constant that `pieces` begin with, its sign included.
fn constant(sql: &str, pieces: &[Piece]) -> Option<Taken> {
    let first = pieces.first()?;
    if first.token == Token::Ascii45 {
        let number = pieces.get(1).filter(|next| matches!(next.token, Token::Iconst | Token::Fconst))?;
        return Some(Taken { value: Some(Literal::new(format!("-{}", &sql[number.start..number.end]))), tokens: 2 });
    }
    let text = &sql[first.start..first.end];
    // `U&'…' UESCAPE '!'` is three tokens, and its escapes are its own.
    if first.token == Token::Usconst && pieces.get(1).is_some_and(|next| next.token == Token::Uescape) {
        return None;
    }
    let value = match first.token {
        Token::NullP => None,
        Token::Sconst => Some(Literal::new(string(text)?)),
        Token::Bconst | Token::Xconst => Some(Literal::new(format!("{}{}", &text[..1], string(&text[1..])?))),
        // A number, `true`, or the `year` of `extract(year FROM …)`.
        _ => Some(Literal::new(text)),
    };
    Some(Taken { value, tokens: 1 })
}

/// The value of a string constant as it was written.
fn string(text: &str) -> Option<String> {
    if let Some(inner) = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        return plain(inner);
    }
    if let Some(tagged) = text.strip_prefix('$') {
        let tag = tagged.split('$').next()?;
        let fence = format!("${tag}$");
        return Some(text.strip_prefix(&fence)?.strip_suffix(&fence)?.to_owned());
    }
    let inner = text.get(1..)?.strip_prefix('\'')?.strip_suffix('\'')?;
    match text.as_bytes()[0] {
        b'e' | b'E' => escaped(inner),
        b'n' | b'N' => plain(inner),
        _ => None,
    }
}

/// Without the doubling of quotes. Constants that are written in several pieces (`'a'` on one line, `'b'` on the next) are left out.
fn plain(inner: &str) -> Option<String> {
    let joined = inner.replace("''", "\0");
    (!joined.contains('\'')).then(|| joined.replace('\0', "'"))
}

/// `E'…'` with the escapes of a single character; others (octal, hexadecimal, Unicode) are left out.
fn escaped(inner: &str) -> Option<String> {
    let mut value = String::with_capacity(inner.len());
    let mut rest = inner.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => match rest.next()? {
                'n' => value.push('\n'),
                't' => value.push('\t'),
                'r' => value.push('\r'),
                'b' => value.push('\u{8}'),
                'f' => value.push('\u{c}'),
                '0'..='9' | 'x' | 'u' | 'U' => return None,
                other => value.push(other),
            },
            '\'' if rest.next()? != '\'' => return None,
            other => value.push(other),
        }
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(sql: &str) -> Vec<(u32, Option<String>)> {
        let normalized = pg_query::normalize(sql).expect("valid SQL");
        let constants = constants(sql, &normalized).expect("the same but for constants");
        assert_eq!(constants.numbers.0.len(), constants.values.len());
        constants.values.into_iter().map(|(number, value)| (number, value.map(|value| value.expose().to_owned()))).collect()
    }

    fn some(number: u32, value: &str) -> (u32, Option<String>) {
        (number, Some(value.to_owned()))
    }

    #[test]
    fn every_kind_of_constant_is_read() {
        assert_eq!(of("SELECT a FROM t WHERE b = 'it''s' AND c > -5 AND d = $1"), [some(2, "it's"), some(3, "-5")]);
        assert_eq!(
            of("SELECT a FROM t WHERE b = E'a\\'b\\n' AND c = $x$y'z$x$ AND d = 1.5e3"),
            [some(1, "a'b\n"), some(2, "y'z"), some(3, "1.5e3")]
        );
        assert_eq!(
            of("SELECT a FROM t WHERE b = true AND c = NULL AND d > interval '1 day'"),
            [some(1, "true"), (2, None), some(3, "1 day")]
        );
        // The server numbers the offset first.
        assert_eq!(of("SELECT a FROM t LIMIT 10 OFFSET 5"), [some(1, "5"), some(2, "10")]);
        assert_eq!(of("SELECT a /* 'x' */ FROM t WHERE b = 'x' -- 'y'"), [some(1, "x")]);
        assert_eq!(of("SELECT extract(year FROM a) FROM t"), [some(1, "year")]);
        assert_eq!(constants("SELECT 'x';", "SELECT $1").map(|found| found.values.len()), Some(1));
    }

    #[test]
    fn constants_that_cannot_be_read_leave_the_whole_out() {
        let sql = "SELECT a FROM t WHERE b = U&'\\0041' UESCAPE '!'";
        assert!(pg_query::normalize(sql).ok().and_then(|normalized| constants(sql, &normalized)).is_none());
        assert!(constants("SELECT 1", "SELECT a").is_none());
    }
}
