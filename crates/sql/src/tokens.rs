//! The tokens of a text, as PostgreSQL's scanner sees them; comments are none.

use pg_query::protobuf::Token;

/// One token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Byte position of its first character.
    pub(crate) start: usize,
    /// Byte position behind its last character.
    pub(crate) end: usize,
    /// What it is.
    pub(crate) token: Token,
}

/// The tokens of `sql`, or the scanner's complaint.
pub(crate) fn pieces(sql: &str) -> Result<Vec<Piece>, pg_query::Error> {
    // Where there is no token at all, `scan_tokens` of pg_query 18.1 makes a slice of a null pointer.
    if sql.trim().is_empty() {
        return Ok(Vec::new());
    }
    let tokens = pg_query::scan_tokens(sql)?;
    let position = |at: i32| usize::try_from(at).unwrap_or_default();
    let piece = |token: &pg_query::protobuf::ScanToken| Piece {
        start: position(token.start),
        end: position(token.end),
        token: Token::try_from(token.token).unwrap_or(Token::Nul),
    };
    Ok(tokens.iter().map(piece).filter(|piece| !matches!(piece.token, Token::SqlComment | Token::CComment)).collect())
}

/// `sql` without comments, and with one space wherever there was white space between two tokens.
pub(crate) fn tidied(sql: &str, pieces: &[Piece]) -> String {
    let mut tidy = String::with_capacity(sql.len());
    let mut end = 0;
    for piece in pieces {
        if !tidy.is_empty() && piece.start > end {
            tidy.push(' ');
        }
        tidy.push_str(&sql[piece.start..piece.end]);
        end = piece.end;
    }
    tidy
}

/// The name that an identifier or keyword stands for: folded to lower case, or as it is between quotes.
pub(crate) fn name(text: &str) -> String {
    match text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => text.to_lowercase(),
    }
}
