//! Lines of a given width, in terminal columns. Everything that leaves here is printable and on one line.

use pgtailor_model::name::printable;
use unicode_width::UnicodeWidthStr;

/// The terminal columns that `text` takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// `text` as lines of at most `limit` columns, broken at spaces; a longer word is broken where it must be. At least one line.
pub fn wrap(text: &str, limit: usize) -> Vec<String> {
    wrap_pieces(printable(text).split(' ').map(str::to_owned), limit, LongPiece::Break)
}

/// What happens to a piece that is longer than a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LongPiece {
    /// It is continued on the next line.
    Break,
    /// It stands alone, longer than the limit.
    Keep,
}

/// `pieces` joined by spaces into lines of at most `limit` columns.
pub fn wrap_pieces(pieces: impl IntoIterator<Item = String>, limit: usize, long: LongPiece) -> Vec<String> {
    let limit = limit.max(1);
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for mut piece in pieces {
        if !line.is_empty() {
            if width(&line) + 1 + width(&piece) <= limit {
                line.push(' ');
                line.push_str(&piece);
                continue;
            }
            lines.push(std::mem::take(&mut line));
        }
        while long == LongPiece::Break && width(&piece) > limit {
            let rest = piece.split_off(fitting(&piece, limit));
            lines.push(std::mem::replace(&mut piece, rest));
        }
        line = piece;
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// A command of a shell as lines of at most `limit` columns, each but the last ending in the backslash that continues it. Nothing within
/// quotes is broken, and no word.
pub fn shell(command: &str, limit: usize) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for piece in printable(command).split(' ') {
        match words.last_mut() {
            Some(word) if word.matches('\'').count() % 2 == 1 => *word = format!("{word} {piece}"),
            _ => words.push(piece.to_owned()),
        }
    }
    let mut lines = wrap_pieces(words, limit.saturating_sub(2), LongPiece::Keep);
    let last = lines.len() - 1;
    lines[..last].iter_mut().for_each(|line| line.push_str(" \\"));
    lines
}

/// `text` on one line of at most `limit` columns; `…` stands for what does not fit. White space is collapsed.
pub fn cut(text: &str, limit: usize) -> String {
    let line = printable(&text.split_whitespace().collect::<Vec<_>>().join(" "));
    if width(&line) <= limit {
        return line;
    }
    let end = fitting(&line, limit.saturating_sub(1).max(1));
    format!("{}…", line[..end].trim_end())
}

/// `text` with spaces before it, `limit` columns in all.
pub fn right(text: &str, limit: usize) -> String {
    format!("{}{text}", spaces(limit.saturating_sub(width(text))))
}

/// `text` with spaces after it, `limit` columns in all.
pub fn left(text: &str, limit: usize) -> String {
    format!("{text}{}", spaces(limit.saturating_sub(width(text))))
}

/// This many spaces.
pub fn spaces(count: usize) -> String {
    " ".repeat(count)
}

/// How many bytes of `text` fit into `limit` columns; at least one character.
fn fitting(text: &str, limit: usize) -> usize {
    let mut end = 0;
    for (start, character) in text.char_indices() {
        let next = start + character.len_utf8();
        if end > 0 && width(&text[..next]) > limit {
            break;
        }
        end = next;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_wrapped_and_long_ones_broken() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert_eq!(wrap("", 10), [""]);
    }

    #[test]
    fn a_command_is_continued_as_a_shell_does_it() {
        assert_eq!(shell("psql -h /tmp/x -U planner twin", 20), ["psql -h /tmp/x -U \\", "planner twin"]);
        assert_eq!(shell("a 'b c d' e", 6), ["a \\", "'b c d' \\", "e"]);
    }

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(wrap("表表表", 4), ["表表", "表"]);
        assert_eq!(cut("表表表表", 5), "表表…");
    }

    #[test]
    fn a_line_break_in_a_name_stays_on_its_line() {
        assert_eq!(wrap("a\nb\u{1b}[31m", 40), ["a\\u{a}b\\u{1b}[31m"]);
        assert!(!cut("SELECT\n  1 \u{202e}", 40).contains(['\n', '\u{202e}']));
    }

    #[test]
    fn what_is_cut_says_so() {
        assert_eq!(cut("SELECT a FROM b", 9), "SELECT a…");
        assert_eq!(cut("SELECT 1", 8), "SELECT 1");
    }
}
