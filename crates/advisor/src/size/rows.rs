//! How many rows a table has now, and how many of them an index holds.

use pgtailor_model::catalog::{Column, Table};
use pgtailor_model::name::quote_identifier;
use pgtailor_model::snapshot::Server;
use pgtailor_model::unit::count_as_f64;

/// Rows of `table` now: the planner's density times the pages that it has now (`estimate_rel_size` in `plancat.c`).
///
/// `None` when the table was never vacuumed or analyzed.
pub fn estimated_rows(table: &Table, server: &Server) -> Option<f64> {
    let rows = table.estimated_rows?.as_f64();
    let pages_then = count_as_f64(table.pages.0);
    Some(match table.size {
        Some(size) if pages_then > 0.0 => rows * (size.as_f64() / f64::from(server.block_size)) / pages_then,
        _ => rows,
    })
}

/// The fraction of nulls of the column `name` among the rows that `predicate` keeps, when it is `nulls` among all.
///
/// Reads what a predicate says of the column in a condition of its own: `IS NULL`, `IS NOT NULL`, or a comparison, which no null passes.
/// Whatever else it says is taken to have nothing to do with the column's nulls.
pub fn nulls_kept(predicate: Option<&str>, name: &str, nulls: f64) -> f64 {
    for condition in predicate.map(conditions).unwrap_or_default() {
        match test_of(condition, name) {
            Some(NullTest::IsNull) => return 1.0,
            Some(NullTest::IsNotNull) => return 0.0,
            None => {}
        }
    }
    nulls
}

/// The column that a predicate asks to be null or not null, and which of the two; `None` for every other predicate.
///
/// The fraction of rows that other predicates keep is not known without the columns' values.
pub(super) fn null_test<'a>(predicate: &str, table: &'a Table) -> Option<(&'a Column, NullTest)> {
    let predicate = without_parentheses(predicate);
    table.columns.iter().find_map(|column| match predicate.strip_prefix(&quote_identifier(&column.name))? {
        " IS NULL" => Some((column, NullTest::IsNull)),
        " IS NOT NULL" => Some((column, NullTest::IsNotNull)),
        _ => None,
    })
}

/// What a condition that begins with the column asks of its nulls.
fn test_of(condition: &str, name: &str) -> Option<NullTest> {
    const STRICT: &[&str] = &[" = ", " <> ", " < ", " > ", " <= ", " >= ", " ~~ "];
    let rest = condition.strip_prefix(&quote_identifier(name)).or_else(|| {
        // A column with a cast: `(status)::text = 'open'::text`.
        let cast = condition.strip_prefix('(')?.strip_prefix(&quote_identifier(name))?.strip_prefix(")::")?;
        cast.find(" = ").or_else(|| cast.find(" <> ")).map(|at| &cast[at..])
    })?;
    match rest {
        " IS NULL" => Some(NullTest::IsNull),
        " IS NOT NULL" => Some(NullTest::IsNotNull),
        _ => STRICT.iter().any(|operator| rest.starts_with(operator)).then_some(NullTest::IsNotNull),
    }
}

/// The conditions that a predicate joins by `AND` at its outermost level; one that joins by `OR` is a condition by itself.
fn conditions(predicate: &str) -> Vec<&str> {
    let predicate = without_parentheses(predicate);
    let (mut depth, mut quoted, mut begin) = (0_u32, false, 0);
    let mut found = Vec::new();
    for (at, letter) in predicate.char_indices() {
        match letter {
            '\'' => quoted = !quoted,
            _ if quoted => {}
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ' ' if depth == 0 && predicate[at..].starts_with(" OR ") => return Vec::new(),
            ' ' if depth == 0 && predicate[at..].starts_with(" AND ") => {
                found.push(without_parentheses(&predicate[begin..at]));
                begin = at + " AND ".len();
            }
            _ => {}
        }
    }
    found.push(without_parentheses(&predicate[begin..]));
    found
}

/// The text without the parentheses that enclose all of it.
fn without_parentheses(text: &str) -> &str {
    let text = text.trim();
    let Some(inner) = text.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')) else { return text };
    let mut depth = 0_i32;
    for letter in inner.chars() {
        depth += i32::from(letter == '(') - i32::from(letter == ')');
        if depth < 0 {
            return text;
        }
    }
    without_parentheses(inner)
}

/// The two tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NullTest {
    IsNull,
    IsNotNull,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_predicate_says_which_nulls_are_left() {
        for (predicate, left) in [
            ("(a IS NULL)", 1.0),
            ("a IS NOT NULL", 0.0),
            ("((b = 1) AND (a IS NOT NULL))", 0.0),
            ("((b = 1) OR (a IS NOT NULL))", 0.5),
            ("(a > 5)", 0.0),
            ("((a)::text = 'x'::text)", 0.0),
            ("(ab IS NULL)", 0.5),
            ("(NOT (a IS NULL))", 0.5),
            ("((c = ' AND a IS NULL'::text) AND (b = 1))", 0.5),
        ] {
            assert!((nulls_kept(Some(predicate), "a", 0.5) - left).abs() < 1e-9, "{predicate}");
        }
        assert!((nulls_kept(None, "a", 0.5) - 0.5).abs() < 1e-9);
    }
}
