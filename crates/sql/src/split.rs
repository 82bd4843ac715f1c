//! A file of SQL cut into statements, as psql would send them.
//!
//! A semicolon inside a literal, a quoted name, a comment or parentheses ends nothing. psql's own commands (lines that begin with a
//! backslash) and the data behind `COPY … FROM stdin` are left out. A function body between `BEGIN ATOMIC` and `END` is cut at its
//! semicolons; its pieces are no statements of a workload anyway.

use crate::skip;

/// A file, cut.
#[derive(Clone, PartialEq, Eq)]
pub struct Cut<'t> {
    /// The statements, first to last, without semicolons.
    pub statements: Vec<Statement<'t>>,
    /// Commands of psql that were left out.
    pub commands: usize,
    /// The line on which a literal or comment begins that is never closed.
    pub unfinished: Option<usize>,
}

/// One statement of a file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Statement<'t> {
    /// Its text.
    pub text: &'t str,
    /// The line on which it begins, from 1.
    pub line: usize,
}

/// Cuts `sql` into statements.
pub fn split(sql: &str) -> Cut<'_> {
    let mut cutter = Cutter {
        sql,
        text: sql.as_bytes(),
        at: 0,
        begin: None,
        depth: 0,
        cut: Cut { statements: Vec::new(), commands: 0, unfinished: None },
        counted: (0, 1),
    };
    cutter.run();
    cutter.cut
}

struct Cutter<'t> {
    sql: &'t str,
    text: &'t [u8],
    at: usize,
    /// Where the statement begins that is being read.
    begin: Option<usize>,
    depth: usize,
    cut: Cut<'t>,
    /// A position and its line, so that lines are counted once.
    counted: (usize, usize),
}

impl Cutter<'_> {
    fn run(&mut self) {
        while let Some(&byte) = self.text.get(self.at) {
            let next = self.text.get(self.at + 1);
            let begin = self.at;
            let end = match byte {
                b'-' if next == Some(&b'-') => skip::line(self.text, begin),
                b'/' if next == Some(&b'*') => self.closed(begin, skip::comment(self.text, begin), b"*/"),
                b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => begin + 1,
                b'\\' => self.command(),
                _ => {
                    self.begin.get_or_insert(begin);
                    self.token(byte)
                }
            };
            self.at = end;
        }
        self.end_statement(self.text.len());
    }

    /// Behind the token of a statement that begins here.
    fn token(&mut self, byte: u8) -> usize {
        let begin = self.at;
        match byte {
            b'\'' => {
                let has_escapes = matches!(self.text.get(begin.wrapping_sub(1)), Some(b'e' | b'E'))
                    && !self.text.get(begin.wrapping_sub(2)).is_some_and(u8::is_ascii_alphanumeric);
                self.closed(begin, skip::string(self.text, begin, has_escapes), b"'")
            }
            b'"' => self.closed(begin, skip::quoted_name(self.text, begin), b"\""),
            b'$' => match skip::dollar_string(self.text, begin) {
                Some(end) => self.closed(begin, end, b"$"),
                None => begin + 1,
            },
            b'(' => {
                self.depth += 1;
                begin + 1
            }
            b')' => {
                self.depth = self.depth.saturating_sub(1);
                begin + 1
            }
            b';' if self.depth == 0 => {
                let reads_data = self.reads_data();
                self.end_statement(begin);
                if reads_data { self.data_end(begin + 1) } else { begin + 1 }
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80.. => skip::word(self.text, begin),
            _ => begin + 1,
        }
    }

    /// Notes when what began at `begin` is not closed at `end`.
    fn closed(&mut self, begin: usize, end: usize, mark: &[u8]) -> usize {
        let is_closed = end - begin > mark.len() && self.text[..end].ends_with(mark);
        if !is_closed && self.cut.unfinished.is_none() {
            self.cut.unfinished = Some(self.line(begin));
        }
        end
    }

    /// A backslash outside of literals is psql's, to the end of the line; `\gexec` and its like also send what came before.
    fn command(&mut self) -> usize {
        self.cut.commands += 1;
        self.end_statement(self.at);
        skip::line(self.text, self.at)
    }

    /// Whether the statement that is ending is `COPY … FROM stdin`, behind which its data stand.
    fn reads_data(&self) -> bool {
        let statement = self.begin.map_or("", |begin| &self.sql[begin..self.at]).to_ascii_lowercase();
        let words: Vec<&str> = statement.split_ascii_whitespace().collect();
        words.first() == Some(&"copy") && words.windows(2).any(|pair| pair == ["from", "stdin"])
    }

    /// Behind the line `\.` that ends data.
    fn data_end(&self, at: usize) -> usize {
        let mut at = skip::line(self.text, at);
        while at < self.text.len() {
            let begin = at + 1;
            at = skip::line(self.text, begin.min(self.text.len()));
            if self.text.get(begin..at).is_some_and(|line| line == b"\\.") {
                return at;
            }
        }
        self.text.len()
    }

    fn end_statement(&mut self, end: usize) {
        self.depth = 0;
        if let Some(begin) = self.begin.take() {
            let text = self.sql[begin..end].trim_end();
            if !text.is_empty() && text != ";" {
                let line = self.line(begin);
                self.cut.statements.push(Statement { text, line });
            }
        }
    }

    fn line(&mut self, at: usize) -> usize {
        let (from, line) = if at >= self.counted.0 { self.counted } else { (0, 1) };
        let line = line + self.sql[from..at].matches('\n').count();
        self.counted = (at, line);
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(sql: &str) -> Vec<(usize, &str)> {
        split(sql).statements.iter().map(|statement| (statement.line, statement.text)).collect()
    }

    #[test]
    fn only_semicolons_of_the_statement_end_it() {
        assert_eq!(
            texts("SELECT ';' ;\n-- a;b\nSELECT $$;$$, \"a;b\", E'\\';' /* ; */;;\n\nSELECT (1;2)"),
            [(1, "SELECT ';'"), (3, "SELECT $$;$$, \"a;b\", E'\\';' /* ; */"), (5, "SELECT (1;2)")]
        );
        assert_eq!(texts("  \n -- nothing\n"), []);
    }

    #[test]
    fn what_is_psqls_own_is_left_out() {
        let cut = split("\\set x 1\nSELECT 1 \\gexec\nCOPY t (a) FROM stdin;\n1;2\nSELECT 3\n\\.\nSELECT 4;\n\\q");
        let texts: Vec<&str> = cut.statements.iter().map(|statement| statement.text).collect();
        assert_eq!(texts, ["SELECT 1", "COPY t (a) FROM stdin", "SELECT 4"]);
        assert_eq!(cut.commands, 3);
    }

    #[test]
    fn what_is_never_closed_is_named_by_its_line() {
        let cut = split("SELECT 1;\nSELECT 'a;\nSELECT 2;");
        assert_eq!((cut.unfinished, cut.statements.len()), (Some(2), 2));
        assert_eq!(split("SELECT 1 /* x").unfinished, Some(1));
        assert_eq!(split("SELECT 'x'").unfinished, None);
    }
}
