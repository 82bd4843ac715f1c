//! What of a recorded statement's text is kept: statements that read or write rows, without comments and without constants.
//!
//! `pg_stat_statements` replaces constants by `$n`, with exceptions: utility statements keep theirs (passwords among them), comments are
//! kept, and a statement whose entry was evicted while it ran is stored as it was sent.

use super::pieces::{Kind, pieces};

/// By this comment, behind the first word, our own statements are known. Before it, it would be lost: since version 18 the server keeps a
/// statement's text from its first word on.
pub const MARKER: &str = "/* pgtailor */";

/// The first words of statements that read or write rows.
const ROW_STATEMENTS: &[&str] = &["SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "WITH", "VALUES", "TABLE"];

/// The text to keep, or `None` for utility statements and our own.
///
/// Comments become a space. String constants become new parameters; so do numbers of more than two digits where the text looks as if it
/// was never normalized (it has a string constant, or no parameter at all). Shorter numbers may be positions in `ORDER BY`.
pub(super) fn kept_text(text: &str) -> Option<String> {
    if text.contains(MARKER) {
        return None;
    }
    let pieces = pieces(text);
    let raw = pieces.iter().any(|piece| piece.kind == Kind::String) || !pieces.iter().any(|piece| piece.kind == Kind::Parameter);
    let mut next_parameter = pieces
        .iter()
        .filter(|piece| piece.kind == Kind::Parameter)
        .filter_map(|piece| piece.text[1..].parse::<u32>().ok())
        .max()
        .unwrap_or(0);
    let mut kept = String::with_capacity(text.len());
    for piece in &pieces {
        match piece.kind {
            Kind::Comment => kept.push(' '),
            Kind::String | Kind::Number if piece.kind == Kind::String || (raw && piece.text.len() > 2) => {
                next_parameter = next_parameter.saturating_add(1);
                kept.push('$');
                kept.push_str(&next_parameter.to_string());
            }
            _ => kept.push_str(piece.text),
        }
    }
    let kept = kept.trim();
    let begin = kept.trim_start_matches(|c: char| c == '(' || c.is_whitespace());
    let word = begin.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
    ROW_STATEMENTS.iter().any(|known| known.eq_ignore_ascii_case(word)).then(|| kept.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(text: &str) -> Option<String> {
        kept_text(text)
    }

    #[test]
    fn normalized_statements_stay_as_they_are() {
        for text in [
            "SELECT * FROM users WHERE id = $1 AND \"It's\" = $2 ORDER BY 1",
            "(SELECT a FROM t) UNION SELECT $1::varchar(255)",
            "with x as (select $1) insert into t2 select * from x",
            "UPDATE t SET a_100 = $1 WHERE b->$2 = $3",
        ] {
            assert_eq!(kept(text).as_deref(), Some(text));
        }
    }

    #[test]
    fn utility_statements_and_our_own_are_dropped() {
        for text in [
            "CREATE ROLE sec PASSWORD 'S3cret!'",
            "/* SELECT */ ALTER ROLE sec PASSWORD 'x'",
            "COPY (SELECT 1) TO STDOUT",
            "SELECTED",
            "",
            "SELECT /* pgtailor */ 1",
        ] {
            assert_eq!(kept(text), None, "{text}");
        }
    }

    #[test]
    fn comments_go_with_what_they_say() {
        assert_eq!(kept("/* user=ann@x.org /* nested */ */ SELECT $1 -- 4711\n FROM t").as_deref(), Some("SELECT $1  \n FROM t"));
    }

    #[test]
    fn constants_that_slipped_through_become_parameters() {
        assert_eq!(
            kept("SELECT * FROM u WHERE mail = 'ann@x.org' AND card = 4111111111111111 ORDER BY 2").as_deref(),
            Some("SELECT * FROM u WHERE mail = $1 AND card = $2 ORDER BY 2")
        );
        assert_eq!(kept("SELECT $1, E'it\\'s' || $$a$$, U&'\\0041', 'open").as_deref(), Some("SELECT $1, $2 || $3, $4, $5"));
        assert_eq!(kept("SELECT * FROM t WHERE id = 123456").as_deref(), Some("SELECT * FROM t WHERE id = $1"));
    }
}
