//! What has to be known of a statement before a server plans it: that it is one statement, how it must be written so that the server
//! accepts it with `$n`, what else it would read when it may not write, and which names it uses.
//!
//! Decides from the text alone; it asks no server. Whether a name is to be trusted is decided where the database is known.
//!
//! Names are taken from the scanner's tokens and not from the syntax tree: a token that is overlooked does not exist, while a clause of
//! the tree that a walk forgets does.

mod reading;

use std::collections::{BTreeMap, BTreeSet};

use pg_query::NodeEnum;
use pg_query::protobuf::{KeywordKind, ScanToken, Token};
use pgtailor_model::name::{LONGEST_NAME, truncated};

use crate::room::with_room;
use crate::text::{self, Reason};

/// Longest text that is planned, in bytes: reading and planning take memory in proportion, and the text is anybody's.
const LONGEST: usize = 64 * 1024;

/// Why a text is not to be planned, as a sentence about it without a period; it quotes nothing.
///
/// `Ok` when it is exactly one `SELECT`, `INSERT`, `UPDATE`, `DELETE` or `MERGE` of at most 64 kB.
pub fn why_not_plannable(sql: &str) -> Result<(), &'static str> {
    if sql.len() > LONGEST {
        return Err("it is longer than 64 kB");
    }
    with_room(|| only_statement(sql).map(|_| ()))
}

/// `sql` without writing: what it would have to read, as a `SELECT` with the same parameters.
///
/// Clauses that only write are gone (`RETURNING`, `ON CONFLICT`), as are row locks; the planner adds no cost for them, but for
/// `cpu_tuple_cost` a row under `FOR UPDATE` (`create_lockrows_path` in `pathnode.c`).
///
/// # Errors
/// Why there is no such form, as a sentence about the statement without a period.
pub fn reading_form(sql: &str) -> Result<String, &'static str> {
    with_room(|| reading::reading_form(sql))
}

/// `sql` with what `pg_stat_statements` writes and no server reads put right: `interval $1` becomes `$1::interval`, `extract($1 FROM x)`
/// a call of the function behind it, which has another name before server 14. `None` when the text cannot be scanned.
///
/// The grammar wants a constant in these places, so they can only come from normalizing.
pub fn repaired(sql: &str, server_version: u32) -> Option<String> {
    let tokens = tokens(sql)?;
    let extract = if server_version < 140_000 { "pg_catalog.date_part" } else { "pg_catalog.\"extract\"" };
    let mut edits: Vec<Edit> = Vec::new();
    for at in 0..tokens.len() {
        if !tokens[at].is(Token::Param) {
            continue;
        }
        if let Some(start) = type_before(&tokens, at) {
            let (begin, end) = (tokens[start].start, tokens[at - 1].end);
            edits.push(Edit { start: begin, end: tokens[at].start, text: String::new() });
            edits.push(Edit { start: tokens[at].end, end: tokens[at].end, text: format!("::{}", &sql[begin..end]) });
        } else if let Some(separator) = field_of_extract(&tokens, at) {
            let word = &tokens[at - 2];
            edits.push(Edit { start: word.start, end: word.end, text: extract.to_owned() });
            edits.push(Edit { start: separator.start, end: separator.end, text: ",".to_owned() });
        }
    }
    Some(edited(sql, edits))
}

/// `sql` with a cast behind each parameter that `casts` names a type for and that has none yet. `None` when it cannot be scanned.
pub fn with_casts(sql: &str, casts: &BTreeMap<u32, String>) -> Option<String> {
    let tokens = tokens(sql)?;
    let mut edits = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let is_cast = tokens.get(at + 1).is_some_and(|next| next.is(Token::Typecast));
        let number = token.parameter();
        if let (true, false, Some(cast)) = (token.is(Token::Param), is_cast, number.and_then(|number| casts.get(&number))) {
            edits.push(Edit { start: token.end, end: token.end, text: format!("::{cast}") });
        }
    }
    Some(edited(sql, edits))
}

/// Numbers of the parameters in `sql`; none when it cannot be scanned.
pub fn parameters(sql: &str) -> BTreeSet<u32> {
    let tokens = tokens(sql).unwrap_or_default();
    tokens.iter().filter(|token| token.is(Token::Param)).filter_map(Word::parameter).collect()
}

/// Numbers of the parameters that the operator or the function at `position` is applied to; `position` counts characters from 1, as the
/// server's error messages do.
pub fn parameters_at(sql: &str, position: usize) -> BTreeSet<u32> {
    let tokens = tokens(sql).unwrap_or_default();
    let Some((byte, _)) = position.checked_sub(1).and_then(|skipped| sql.char_indices().nth(skipped)) else {
        return BTreeSet::new();
    };
    let Some(at) = tokens.iter().position(|token| (token.start..token.end).contains(&byte)) else { return BTreeSet::new() };
    let mut open = at;
    while tokens.get(open).is_some_and(|token| token.name().is_some() || token.text == ".") {
        open += 1;
    }
    if open == at || tokens.get(open).is_none_or(|token| token.text != "(") {
        let beside = [at.checked_sub(1), Some(at + 1)].into_iter().flatten();
        return beside.filter_map(|place| tokens.get(place)?.parameter()).collect();
    }
    let mut depth = 0_usize;
    let arguments = tokens[open..].iter().take_while(|token| {
        depth = depth + usize::from(token.text == "(") - usize::from(token.text == ")");
        depth > 0
    });
    arguments.filter_map(Word::parameter).collect()
}

/// Every name and operator in a text, whatever it stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// Names, as the server reads them (unquoted ones in lower case, cut to 63 bytes).
    pub names: BTreeSet<String>,
    /// Those that an opening parenthesis follows: functions among them.
    pub called: BTreeSet<String>,
    /// Those that a dot precedes: columns, fields, and functions that are written like fields.
    pub after_dot: BTreeSet<String>,
    /// Operators that are written out. Those behind words (`LIKE`, `IN`, `USING`) are not in it.
    pub operators: BTreeSet<String>,
    /// Whether there is a string constant. A normalized text has none; the server gives one to the input function of its type as soon
    /// as it reads the text.
    pub has_strings: bool,
}

/// The words of `sql`; `None` when it cannot be scanned, or has names with Unicode escapes, which are not read here.
pub fn words(sql: &str) -> Option<Words> {
    let tokens = tokens(sql)?;
    let mut words = Words::default();
    for (at, token) in tokens.iter().enumerate() {
        if token.is(Token::Uident) {
            return None;
        }
        words.has_strings |= token.is(Token::Sconst) || token.is(Token::Usconst);
        if let Some(name) = token.name() {
            if tokens.get(at + 1).is_some_and(|next| next.text == "(") {
                words.called.insert(name.clone());
            }
            if at.checked_sub(1).is_some_and(|before| tokens[before].text == ".") {
                words.after_dot.insert(name.clone());
            }
            words.names.insert(name);
        } else if token.text.chars().all(|c| "+-*/<>=~!@#%^&|`?".contains(c)) {
            words.operators.insert(if token.text == "!=" { "<>" } else { token.text }.to_owned());
        }
    }
    Some(words)
}

/// The tree of the only statement in `sql`, when a planner would take it; needs [`with_room`].
fn only_statement(sql: &str) -> Result<NodeEnum, Reason> {
    let Ok(parsed) = pg_query::parse(sql, 0) else {
        return Err(text::tree(sql).err().unwrap_or("it cannot be parsed as SQL"));
    };
    let mut statements = parsed.protobuf.stmts;
    let only = statements.pop().and_then(|statement| statement.stmt).and_then(|node| node.node).ok_or("its text is empty")?;
    match only {
        _ if !statements.is_empty() => Err("it is more than one statement"),
        NodeEnum::SelectStmt(_)
        | NodeEnum::InsertStmt(_)
        | NodeEnum::UpdateStmt(_)
        | NodeEnum::DeleteStmt(_)
        | NodeEnum::MergeStmt(_) => Ok(only),
        NodeEnum::CopyStmt(_) => Err("it is COPY, which is not planned"),
        _ => Err("it is a utility statement"),
    }
}

/// A token that is no comment.
struct Word<'s> {
    token: ScanToken,
    start: usize,
    end: usize,
    text: &'s str,
}

impl Word<'_> {
    fn is(&self, token: Token) -> bool {
        self.token.token() == token
    }

    fn is_keyword(&self, keyword: &str) -> bool {
        self.token.keyword_kind() != KeywordKind::NoKeyword && self.text.eq_ignore_ascii_case(keyword)
    }

    /// The number of the parameter that it is.
    fn parameter(&self) -> Option<u32> {
        self.text.strip_prefix('$')?.parse().ok()
    }

    /// The name that it may be.
    fn name(&self) -> Option<String> {
        if self.is(Token::Ident) || self.token.keyword_kind() != KeywordKind::NoKeyword {
            let name = match self.text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
                Some(quoted) => quoted.replace("\"\"", "\""),
                None => self.text.to_ascii_lowercase(),
            };
            return Some(truncated(&name, LONGEST_NAME).to_owned());
        }
        None
    }
}

fn tokens(sql: &str) -> Option<Vec<Word<'_>>> {
    // The scanner's binding does not take a text without any token.
    if sql.trim().is_empty() {
        return Some(Vec::new());
    }
    let scanned = pg_query::scan_tokens(sql).ok()?;
    let real = scanned.into_iter().filter(|token| !matches!(token.token(), Token::SqlComment | Token::CComment));
    real.map(|token| {
        let (start, end) = (usize::try_from(token.start).ok()?, usize::try_from(token.end).ok()?);
        Some(Word { token, start, end, text: sql.get(start..end)? })
    })
    .collect()
}

/// Where the type begins that stands directly before the parameter at `at`, as in `interval $1`.
///
/// A name directly before a parameter can be nothing else. Keywords can (`LIMIT $1`), so those that name types are listed.
fn type_before(tokens: &[Word<'_>], at: usize) -> Option<usize> {
    let mut start = at.checked_sub(1)?;
    if tokens[start].text == ")" {
        // `numeric(10, 2) $1`: back to the parenthesis that opens the modifiers, and to the type before it.
        start = (0..start).rev().find(|&open| tokens[open].text == "(")?.checked_sub(1)?;
        return is_type_with_modifiers(&tokens[start]).then_some(start);
    }
    let word = &tokens[start];
    let before = |steps: usize, keyword: &str| at.checked_sub(1 + steps).is_some_and(|place| tokens[place].is_keyword(keyword));
    if word.is(Token::Ident) {
        while start >= 2 && tokens[start - 1].text == "." {
            start -= 2;
        }
        return Some(start);
    }
    if word.is_keyword("zone") {
        let is_of_type = before(1, "time") && (before(2, "with") || before(2, "without"));
        return (is_of_type && (before(3, "time") || before(3, "timestamp"))).then(|| at - 4);
    }
    if word.is_keyword("precision") {
        return before(1, "double").then(|| at - 2);
    }
    if word.is_keyword("varying") {
        return (before(1, "bit") || before(1, "character") || before(1, "char")).then(|| at - 2);
    }
    TYPE_WORDS.iter().any(|known| word.is_keyword(known)).then_some(start)
}

fn is_type_with_modifiers(word: &Word<'_>) -> bool {
    ["interval", "time", "timestamp", "numeric", "decimal", "char", "character", "varchar", "bit"]
        .iter()
        .any(|known| word.is_keyword(known))
}

/// Types whose names are keywords in some version (`kwlist.h`).
const TYPE_WORDS: &[&str] = &[
    "bigint",
    "bit",
    "boolean",
    "char",
    "character",
    "dec",
    "decimal",
    "float",
    "int",
    "integer",
    "interval",
    "json",
    "name",
    "numeric",
    "real",
    "smallint",
    "text",
    "time",
    "timestamp",
    "varchar",
    "xml",
];

/// For the parameter of `extract($1 FROM …)`: the `FROM`.
fn field_of_extract<'t, 's>(tokens: &'t [Word<'s>], at: usize) -> Option<&'t Word<'s>> {
    let is_field = at >= 2 && tokens[at - 1].text == "(" && tokens[at - 2].is_keyword("extract");
    tokens.get(at + 1).filter(|next| is_field && next.is_keyword("from"))
}

/// What to put in place of a stretch of the text.
struct Edit {
    start: usize,
    end: usize,
    text: String,
}

/// `sql` with `edits`, which are in order and do not overlap.
fn edited(sql: &str, edits: Vec<Edit>) -> String {
    let mut result = String::with_capacity(sql.len() + 16 * edits.len());
    let mut done = 0;
    for edit in edits {
        result.push_str(&sql[done..edit.start]);
        result.push_str(&edit.text);
        done = edit.end;
    }
    result.push_str(&sql[done..]);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_literals_become_casts() {
        for (sql, wanted) in [
            ("SELECT now() - interval $1", "SELECT now() - $1::interval"),
            ("SELECT interval $1 day, date $2", "SELECT $1::interval day, $2::date"),
            ("SELECT timestamp with time zone $1", "SELECT $1::timestamp with time zone"),
            ("SELECT double precision $1, \"My\".\"Type\" $2", "SELECT $1::double precision, $2::\"My\".\"Type\""),
            ("SELECT interval(3) $1 /* c */", "SELECT $1::interval(3) /* c */"),
            ("SELECT extract($1 FROM a - b) FROM t", "SELECT pg_catalog.\"extract\"($1 , a - b) FROM t"),
            ("SELECT a FROM t LIMIT $1 OFFSET $2", "SELECT a FROM t LIMIT $1 OFFSET $2"),
            ("SELECT a AT TIME ZONE $1, b LIKE $2 ESCAPE $3", "SELECT a AT TIME ZONE $1, b LIKE $2 ESCAPE $3"),
            (
                "SELECT substring(a FROM $1 FOR $2), a OPERATOR(pg_catalog.=) $3",
                "SELECT substring(a FROM $1 FOR $2), a OPERATOR(pg_catalog.=) $3",
            ),
            ("SELECT sum(a) OVER (ORDER BY b ROWS $1 PRECEDING)", "SELECT sum(a) OVER (ORDER BY b ROWS $1 PRECEDING)"),
            ("SELECT a FROM t WHERE a BETWEEN SYMMETRIC $1 AND $2", "SELECT a FROM t WHERE a BETWEEN SYMMETRIC $1 AND $2"),
            ("SELECT 'interval $1'", "SELECT 'interval $1'"),
        ] {
            assert_eq!(repaired(sql, 150_000).as_deref(), Some(wanted));
        }
    }

    #[test]
    fn casts_are_added_where_there_are_none() {
        let casts = BTreeMap::from([(1, "date".to_owned()), (2, "bigint".to_owned())]);
        assert_eq!(with_casts("SELECT $1 + $2::int, '$1', $12", &casts).as_deref(), Some("SELECT $1::date + $2::int, '$1', $12"));
    }

    #[test]
    fn an_error_is_about_the_parameters_beside_it() {
        let at = |sql: &str, word: &str| parameters_at(sql, sql.find(word).map_or(0, |at| sql[..at].chars().count() + 1));
        let sql = "SELECT 'é', $1 || a, pg_catalog.sum(f($2) + $3), $4 FROM t";
        assert_eq!(at(sql, "||"), BTreeSet::from([1]));
        assert_eq!(at(sql, "pg_catalog"), BTreeSet::from([2, 3]));
        assert_eq!(at(sql, "+"), BTreeSet::from([3]));
        assert_eq!((at(sql, "FROM"), parameters_at(sql, 900)), (BTreeSet::from([4]), BTreeSet::new()));
    }

    #[test]
    fn every_word_is_seen_as_the_server_reads_it() {
        let words = words("SELECT t.Wrap, \"Ev\"\"il\" (1) /* hidden() */ FROM s.T WHERE a === b AND c != 2 AND d::Mood")
            .expect("scanned");
        assert!(["wrap", "Ev\"il", "s", "t", "mood", "select"].iter().all(|name| words.names.contains(*name)), "{words:?}");
        assert!(words.called.contains("Ev\"il") && words.after_dot.contains("wrap"));
        assert!(!words.names.contains("hidden"));
        assert!(words.operators.contains("===") && words.operators.contains("<>"));
        assert!(!words.has_strings && super::words("SELECT $$x$$").expect("scanned").has_strings);
        assert_eq!(super::words("SELECT U&\"\\0065vil\"(1)"), None);
        let long = format!("SELECT {}", "a".repeat(70));
        assert!(super::words(&long).expect("scanned").names.contains(&"a".repeat(63)));
    }

    #[test]
    fn only_one_statement_that_reads_or_writes_rows_is_planned() {
        assert_eq!(why_not_plannable("SELECT $1"), Ok(()));
        assert_eq!(why_not_plannable("(analyze) delete from other"), Err("it cannot be parsed as SQL"));
        assert_eq!(why_not_plannable("SELECT 1; DELETE FROM other"), Err("it is more than one statement"));
        assert_eq!(why_not_plannable("VACUUM"), Err("it is a utility statement"));
        assert_eq!(why_not_plannable("EXPLAIN ANALYZE DELETE FROM other"), Err("it is a utility statement"));
        assert_eq!(why_not_plannable(&format!("SELECT {}", " ".repeat(70_000))), Err("it is longer than 64 kB"));
    }
}
