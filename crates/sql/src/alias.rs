//! Statements that differ in the names that they give to tables, sub-selects and common table expressions only are one.
//!
//! Such names are replaced by numbered ones before a fingerprint is taken. Which names are such is told from the tokens alone: renaming
//! is one to one, so at worst two statements stay apart that could be one, but different ones never become the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use pg_query::protobuf::Token;

use crate::tokens::{Piece, name};

/// `sql` with numbered names, or `None` when it gives none.
pub(crate) fn numbered(sql: &str, pieces: &[Piece]) -> Option<String> {
    let mut reader = Reader { sql, pieces, numbers: BTreeMap::new(), defined: Vec::new(), commons: BTreeSet::new() };
    reader.read();
    let Reader { numbers, defined, .. } = reader;
    if numbers.is_empty() {
        return None;
    }
    let mut renamed = String::with_capacity(sql.len());
    let mut end = 0;
    for (at, piece) in pieces.iter().enumerate() {
        renamed.push_str(&sql[end..piece.start]);
        end = piece.end;
        let text = &sql[piece.start..end];
        let qualifies = is(pieces, at + 1, Token::Ascii46) && !(at > 0 && is(pieces, at - 1, Token::Ascii46));
        let number = (qualifies || defined.binary_search(&at).is_ok()).then(|| numbers.get(&name(text))).flatten();
        match number {
            Some(number) if is_name(*piece) => {
                let _ = write!(renamed, "pgtailor_{number}");
            }
            _ => renamed.push_str(text),
        }
    }
    Some(renamed)
}

struct Reader<'t> {
    sql: &'t str,
    pieces: &'t [Piece],
    /// By name, in the order in which they are given.
    numbers: BTreeMap<String, usize>,
    /// Positions at which a name is given, or stands for a common table expression.
    defined: Vec<usize>,
    /// Common table expressions.
    commons: BTreeSet<String>,
}

/// What a pair of parentheses is.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Group {
    /// A sub-select or function of a `FROM` clause: a name may follow it.
    is_relation: bool,
    /// Whether a comma is followed by another relation here.
    in_from: bool,
}

impl Reader<'_> {
    fn read(&mut self) {
        let mut groups = vec![Group { is_relation: false, in_from: false }];
        let mut at = 0;
        // Whether a relation comes next.
        let mut expected = false;
        while let Some(piece) = self.pieces.get(at) {
            let top = groups.len() - 1;
            match piece.token {
                Token::Ascii40 => groups.push(Group { is_relation: expected, in_from: expected }),
                Token::Ascii41 => {
                    let closed = if groups.len() > 1 { groups.pop() } else { None };
                    if closed.is_some_and(|group| group.is_relation) {
                        at = self.alias_at(at + 1).unwrap_or(at);
                    }
                    expected = false;
                }
                Token::From | Token::Join | Token::Using
                    if !is(self.pieces, at + 1, Token::Ascii40) || piece.token != Token::Using =>
                {
                    groups[top].in_from = true;
                    expected = true;
                }
                Token::Update | Token::Into | Token::LateralP | Token::Only => expected = true,
                Token::Ascii44 => expected = groups[top].in_from,
                Token::With | Token::Recursive => self.common_at(at + 1),
                Token::Where | Token::GroupP | Token::Order | Token::Having | Token::Limit | Token::Set | Token::Select => {
                    groups[top].in_from = false;
                    expected = false;
                }
                _ if expected && is_name(*piece) => {
                    expected = false;
                    at = self.relation_at(at);
                }
                _ => {}
            }
            // `WITH a AS (…), b AS (…)`
            if is(self.pieces, at, Token::Ascii44) && is(self.pieces, at + 2, Token::As) {
                self.common_at(at + 1);
            }
            at += 1;
        }
        self.defined.sort_unstable();
    }

    /// The relation whose name begins at `at`; the position of the last token that was read.
    fn relation_at(&mut self, at: usize) -> usize {
        let mut last = at;
        while is(self.pieces, last + 1, Token::Ascii46) && self.pieces.get(last + 2).is_some_and(|piece| is_name(*piece)) {
            last += 2;
        }
        if is(self.pieces, last + 1, Token::Ascii40) {
            // A function; its parentheses are read next, as those of a relation would be.
            return last;
        }
        let own = name(self.text(last));
        if last == at && self.commons.contains(&own) {
            self.defined.push(at);
        }
        let star = last + usize::from(is(self.pieces, last + 1, Token::Ascii42));
        self.alias_at(star + 1).unwrap_or_else(|| {
            // A table without another name goes by its own.
            self.number(own);
            star
        })
    }

    /// Reads `[AS] name` at `at`; the position of the name.
    fn alias_at(&mut self, at: usize) -> Option<usize> {
        let has_as = is(self.pieces, at, Token::As);
        let at = at + usize::from(has_as);
        let piece = *self.pieces.get(at)?;
        let is_alias = if has_as { is_name(piece) } else { matches!(piece.token, Token::Ident | Token::Uident) };
        if !is_alias {
            return None;
        }
        self.define(at);
        Some(at)
    }

    /// A common table expression is called by the name at `at`.
    fn common_at(&mut self, at: usize) {
        let Some(piece) = self.pieces.get(at).filter(|piece| is_name(**piece)) else { return };
        if is(self.pieces, at + 1, Token::As) || is(self.pieces, at + 1, Token::Ascii40) {
            self.commons.insert(name(&self.sql[piece.start..piece.end]));
            self.define(at);
        }
    }

    fn define(&mut self, at: usize) {
        self.defined.push(at);
        self.number(name(self.text(at)));
    }

    fn number(&mut self, name: String) {
        let next = self.numbers.len() + 1;
        self.numbers.entry(name).or_insert(next);
    }

    fn text(&self, at: usize) -> &str {
        self.pieces.get(at).map_or("", |piece| &self.sql[piece.start..piece.end])
    }
}

fn is(pieces: &[Piece], at: usize, token: Token) -> bool {
    pieces.get(at).is_some_and(|piece| piece.token == token)
}

/// An identifier, or a word that can be one: all keywords come behind the comments in the scanner's numbering.
fn is_name(piece: Piece) -> bool {
    const RESERVED: &[Token] = &[
        Token::Select,
        Token::Where,
        Token::On,
        Token::Using,
        Token::Values,
        Token::Left,
        Token::Right,
        Token::Full,
        Token::InnerP,
        Token::Cross,
        Token::Natural,
        Token::Join,
        Token::GroupP,
        Token::Order,
        Token::Having,
        Token::Limit,
        Token::Set,
        Token::Union,
        Token::Intersect,
        Token::Except,
        Token::Returning,
        Token::As,
    ];
    matches!(piece.token, Token::Ident | Token::Uident)
        || (piece.token as i32 > Token::CComment as i32 && !RESERVED.contains(&piece.token))
}

#[cfg(test)]
mod tests {
    use super::numbered;
    use crate::tokens::pieces;

    fn of(sql: &str) -> String {
        numbered(sql, &pieces(sql).expect("tokens")).unwrap_or_else(|| sql.to_owned())
    }

    #[test]
    fn names_are_numbered_where_they_are_given_and_where_they_qualify() {
        assert_eq!(of("SELECT o.a FROM t o"), "SELECT pgtailor_1.a FROM t pgtailor_1");
        assert_eq!(of("SELECT t.a FROM t"), "SELECT pgtailor_1.a FROM t");
        assert_eq!(
            of("SELECT 1 FROM s.t AS o, u WHERE o.a = u.o"),
            "SELECT 1 FROM s.t AS pgtailor_1, u WHERE pgtailor_1.a = pgtailor_2.o"
        );
        assert_eq!(
            of("SELECT x.a FROM (SELECT a FROM t) x JOIN u USING (a)"),
            "SELECT pgtailor_2.a FROM (SELECT a FROM t) pgtailor_2 JOIN u USING (a)"
        );
        assert_eq!(
            of("WITH x AS (SELECT 1), y AS (SELECT 2) SELECT * FROM x, y"),
            "WITH pgtailor_1 AS (SELECT 1), pgtailor_2 AS (SELECT 2) SELECT * FROM pgtailor_1, pgtailor_2"
        );
        assert_eq!(of("UPDATE t o SET a = 1 WHERE o.b = 2"), "UPDATE t pgtailor_1 SET a = 1 WHERE pgtailor_1.b = 2");
    }

    #[test]
    fn columns_keep_their_names() {
        assert_eq!(of("SELECT o FROM t x"), "SELECT o FROM t pgtailor_1");
        assert_eq!(of("SELECT a.b.c FROM a.b"), "SELECT a.b.c FROM a.b");
        assert_eq!(of("SELECT 1"), "SELECT 1");
    }
}
