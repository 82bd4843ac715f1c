//! Where constants, comments and names begin and end in SQL text that anybody may have written (`scan.l`); nothing of grammar.
//!
//! As with `standard_conforming_strings = on`, which our sessions pin.

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
    match first {
        '-' if rest.starts_with("--") => (Kind::Comment, rest.find('\n').unwrap_or(rest.len())),
        '/' if rest.starts_with("/*") => (Kind::Comment, comment_length(rest)),
        '\'' => (Kind::String, quoted_length(rest, '\'', false)),
        '"' => (Kind::Other, quoted_length(rest, '"', false)),
        '$' => {
            let digits = rest[1..].bytes().take_while(u8::is_ascii_digit).count();
            match dollar_length(rest) {
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
                Some('\'') if matches!(word, "E" | "e") => (Kind::String, 1 + quoted_length(after, '\'', true)),
                Some('\'') if matches!(word, "B" | "b" | "X" | "x" | "N" | "n") => {
                    (Kind::String, 1 + quoted_length(after, '\'', false))
                }
                Some('&') if matches!(word, "U" | "u") && after.starts_with("&'") => {
                    (Kind::String, 2 + quoted_length(&after[1..], '\'', false))
                }
                _ => (Kind::Other, length),
            }
        }
        _ => (Kind::Other, first.len_utf8()),
    }
}

/// Comments of this form nest.
fn comment_length(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        let here = &rest.as_bytes()[at..];
        if here.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// A doubled quote is one within. What is cut off in the middle reaches to the end.
fn quoted_length(rest: &str, quote: char, backslash_escapes: bool) -> usize {
    let mut characters = rest.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if character == '\\' && backslash_escapes {
            characters.next();
        } else if character == quote && characters.next_if(|&(_, next)| next == quote).is_none() {
            return at + quote.len_utf8();
        }
    }
    rest.len()
}

/// The length of `$tag$…$tag$`, when `rest` begins with one.
fn dollar_length(rest: &str) -> Option<usize> {
    let tag_end = rest[1..].find('$')? + 2;
    let tag = &rest[..tag_end];
    if !tag[1..tag_end - 1].chars().all(|c| c.is_alphanumeric() || c == '_') {
        return None;
    }
    Some(rest[tag_end..].find(tag).map_or(rest.len(), |end| tag_end + end + tag.len()))
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
