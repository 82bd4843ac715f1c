//! Where constants, comments and names begin and end in SQL text that anybody may have written (`scan.l`); nothing of grammar.
//!
//! As with `standard_conforming_strings = on`, which our sessions pin.

use pgtailor_sql::skip;

/// What a piece of the text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Comment,
    String,
    Number,
    Parameter,
    /// Words, quoted names, operators, white space.
    Other,
}

/// A piece of the text.
pub(crate) struct Piece<'a> {
    pub kind: Kind,
    pub text: &'a str,
}

/// `text` cut into pieces; joined they are `text` again.
pub(crate) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (kind, length) = next_piece(rest, first);
        let (piece, after) = rest.split_at(length);
        pieces.push(Piece { kind, text: piece });
        rest = after;
    }
    pieces
}

fn next_piece(rest: &str, first: char) -> (Kind, usize) {
    let bytes = rest.as_bytes();
    match first {
        '-' if rest.starts_with("--") => (Kind::Comment, skip::line(bytes, 0)),
        '/' if rest.starts_with("/*") => (Kind::Comment, skip::comment(bytes, 0)),
        '\'' => (Kind::String, skip::string(bytes, 0, false)),
        '"' => (Kind::Other, skip::quoted_name(bytes, 0)),
        '$' => {
            let digits = rest[1..].bytes().take_while(u8::is_ascii_digit).count();
            match skip::dollar_string(bytes, 0) {
                _ if digits > 0 => (Kind::Parameter, 1 + digits),
                Some(length) => (Kind::String, length),
                None => (Kind::Other, 1),
            }
        }
        '0'..='9' => {
            (Kind::Number, rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '_')).unwrap_or(rest.len()))
        }
        _ if first.is_alphabetic() || first == '_' => {
            let length = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).unwrap_or(rest.len());
            let (word, after) = rest.split_at(length);
            // E'…', B'…', X'…', N'…' and U&'…' are constants with a letter before them.
            match after.chars().next() {
                Some('\'') if matches!(word, "E" | "e") => (Kind::String, skip::string(bytes, 1, true)),
                Some('\'') if matches!(word, "B" | "b" | "X" | "x" | "N" | "n") => (Kind::String, skip::string(bytes, 1, false)),
                Some('&') if matches!(word, "U" | "u") && after.starts_with("&'") => {
                    (Kind::String, skip::string(bytes, 2, false))
                }
                _ => (Kind::Other, length),
            }
        }
        _ => (Kind::Other, first.len_utf8()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_the_whole_text() {
        for text in ["a$b$ 'é''x' $tag$ $x$ $tag$ /* é", "1.5e10+$1 \"q\"\"q\" - -1", "E'\\", "$", "U&"] {
            assert_eq!(pieces(text).iter().map(|piece| piece.text).collect::<String>(), text);
        }
    }
}
