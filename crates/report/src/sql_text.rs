//! SQL as text: what a change is in SQL, statements that can neither draw on a terminal nor break a comment, and line breaks where
//! SQL allows them.

use std::fmt::Write as _;

use pgtailor_model::change::Change;
use pgtailor_model::name::printable;

use crate::text::{LongPiece, wrap_pieces};

/// What `change` does, for people: `create index users_role_idx`.
pub fn change_words(change: &Change) -> String {
    match change {
        Change::CreateIndex { name, .. } => format!("create index {name}"),
        Change::DropIndex { name, .. } => format!("drop index {name}"),
        Change::RebuildIndex { name, .. } => format!("rebuild index {name}"),
        Change::CreatePartitionedIndex { name, .. } => format!("declare index {name}"),
        Change::AttachIndex { name, parent_index, .. } => format!("attach index {name} to {parent_index}"),
        Change::DropPartitionedIndex { name, .. } => format!("drop index {name} with those of the partitions"),
        Change::Analyze { .. } => "analyze".to_owned(),
        Change::Vacuum { freeze: true, .. } => "vacuum and freeze".to_owned(),
        Change::Vacuum { .. } => "vacuum".to_owned(),
        Change::CreateStatistics { name, .. } => format!("create statistics {name}"),
        Change::DropStatistics { name, .. } => format!("drop statistics {name}"),
        Change::SetStatisticsTarget { column, .. } => format!("set the statistics target of column {column}"),
        Change::SetStorageParameters { parameters, .. } => {
            format!("set {}", parameters.keys().map(String::as_str).collect::<Vec<_>>().join(", "))
        }
        Change::SetParameter { name, .. } => format!("set {name} for the server"),
    }
}

/// `sql` on one line, with the same meaning and no character that a terminal or a reader could misread.
///
/// White space outside quotes becomes a space. A quoted name or constant that holds control or bidirectional characters is written
/// with Unicode escapes (`U&"…"`, lexical section 4.1.2 of the manual; needs `standard_conforming_strings`, on by default), so that
/// it still runs. Comments and dollar quotes, which no statement of ours has, are made printable only.
pub fn one_line(sql: &str) -> String {
    pieces(sql, &[]).join(" ")
}

/// The same, where a quoted name or constant holds none of `forbidden` as it is: for programs that look for these characters in SQL
/// without knowing its quotes, such as those that replace placeholders.
pub fn one_line_without(sql: &str, forbidden: &[char]) -> String {
    pieces(sql, forbidden).join(" ")
}

/// `sql` as lines of at most `limit` columns, broken at spaces outside quotes; a longer quoted name stands alone.
pub fn wrapped(sql: &str, limit: usize) -> Vec<String> {
    wrap_pieces(pieces(sql, &[]), limit, LongPiece::Keep)
}

/// The parts of `sql` between which a line may be broken, with `forbidden` characters in quotes escaped.
fn pieces(sql: &str, forbidden: &[char]) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut piece = String::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        if first == '"' || first == '\'' {
            let end = closing_quote(rest, first);
            push_quoted(&mut piece, &rest[..end], first, forbidden);
            rest = &rest[end..];
        } else {
            if first.is_whitespace() {
                if !piece.is_empty() {
                    pieces.push(std::mem::take(&mut piece));
                }
            } else {
                piece.push_str(&printable(first.encode_utf8(&mut [0; 4])));
            }
            rest = &rest[first.len_utf8()..];
        }
    }
    if !piece.is_empty() {
        pieces.push(piece);
    }
    pieces
}

/// Where the quoted text at the start of `text` ends. Backslashes escape nothing here: `E'…'` doubles its quotes, too, in statements
/// of ours (`quote_literal`).
fn closing_quote(text: &str, quote: char) -> usize {
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((position, character)) = characters.next() {
        if character == quote {
            if characters.peek().is_some_and(|(_, next)| *next == quote) {
                characters.next();
            } else {
                return position + 1;
            }
        }
    }
    text.len()
}

/// Adds a quoted name or constant to `piece`, escaped where it has to be.
fn push_quoted(piece: &mut String, quoted: &str, quote: char, forbidden: &[char]) {
    let is_plain = |character: char| {
        let text = character.to_string();
        printable(&text) == text && !forbidden.contains(&character)
    };
    if quoted.chars().all(is_plain) {
        piece.push_str(quoted);
        return;
    }
    let is_escape_string = quote == '\'' && piece.ends_with(['E', 'e']);
    if !is_escape_string {
        piece.push_str("U&");
    }
    for character in quoted.chars() {
        if is_escape_string {
            if is_plain(character) {
                piece.push(character);
            } else {
                let _ = write!(piece, "\\u{:04x}", u32::from(character));
            }
        } else if character == '\\' {
            piece.push_str("\\\\");
        } else if is_plain(character) {
            piece.push(character);
        } else {
            let _ = write!(piece, "\\{:04x}", u32::from(character));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_statement_stays_as_it_is() {
        let sql = "CREATE INDEX CONCURRENTLY i ON public.orders (customer_id, created_at DESC)";
        assert_eq!(one_line(sql), sql);
    }

    #[test]
    fn a_hostile_name_is_escaped_and_still_names_the_same_thing() {
        assert_eq!(one_line("DROP INDEX \"a\nb\""), "DROP INDEX U&\"a\\000ab\"");
        assert_eq!(one_line("DROP INDEX \"\u{1b}[2J\\\"\"\""), "DROP INDEX U&\"\\001b[2J\\\\\"\"\"");
        assert_eq!(one_line("SELECT 'a\u{202e}b', E'\\\\\t'"), "SELECT U&'a\\202eb', E'\\\\\\u0009'");
    }

    #[test]
    fn a_forbidden_character_is_escaped_in_quotes_and_left_elsewhere() {
        let sql = "SELECT \"a:b\"::text, 'c:d', E'\\\\:'";
        assert_eq!(one_line_without(sql, &[':']), "SELECT U&\"a\\003ab\"::text, U&'c\\003ad', E'\\\\\\u003a'");
        assert_eq!(one_line_without(sql, &['?']), sql);
    }

    #[test]
    fn lines_break_outside_quotes_only() {
        assert_eq!(
            wrapped("CREATE INDEX \"a name with spaces\" ON t (a)", 16),
            ["CREATE INDEX", "\"a name with spaces\"", "ON t (a)"]
        );
    }
}
