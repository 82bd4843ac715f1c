//! From text to a syntax tree, a fingerprint or a normalized text; and why a text could not be read.
//!
//! The parser's own messages quote the text, so they never leave this file.

use pg_query::{FingerprintOptions, NodeEnum};

use crate::room::with_room;

/// A text that the parser has seen.
pub(crate) enum Parsed {
    /// `SELECT`, `INSERT`, `UPDATE`, `DELETE` or `MERGE`, with its text without literals.
    Statement {
        /// Equal for statements that differ in literals and white space only.
        fingerprint: String,
        /// Without literals.
        normalized: String,
        /// The syntax tree.
        tree: Box<NodeEnum>,
    },
    /// Something else, or nothing that can be read.
    Unusable(&'static str),
}

/// `sql` with its constants replaced by parameters, or `None` when it is not SQL that PostgreSQL's grammar accepts.
///
/// Utility statements keep some of their literals (a password in `CREATE ROLE`), so they are `None` too.
pub fn normalize(sql: &str) -> Option<String> {
    with_room(|| match parse(sql) {
        Parsed::Statement { normalized, .. } => Some(normalized),
        Parsed::Unusable(_) => None,
    })
}

/// Sixteen hexadecimal digits, equal for statements that differ in literals, white space and aliases of tables only, or `None` when
/// `sql` is not SQL that PostgreSQL's grammar accepts.
pub fn fingerprint(sql: &str) -> Option<String> {
    with_room(|| fingerprint_here(sql))
}

fn fingerprint_here(sql: &str) -> Option<String> {
    // By default an alias stands for the table's name, schemas do not count, and `orders_2024_01` equals `orders_2024_02`:
    // statements on different tables would be merged.
    let options = FingerprintOptions::RANGEVAR_PG17_COMPAT | FingerprintOptions::FULL_RELNAME;
    pg_query::fingerprint(sql, 0, options).ok().map(|fingerprint| fingerprint.hex)
}

/// Reads exactly one statement; needs [`with_room`].
pub(crate) fn parse(sql: &str) -> Parsed {
    // What `pg_stat_statements` shows instead of other roles' statements to a role without `pg_read_all_stats`.
    if sql.trim() == "<insufficient privilege>" {
        return Parsed::Unusable("its text is hidden from this role; grant it pg_read_all_stats");
    }
    let mut statements = match pg_query::parse(sql, 0) {
        Ok(result) => result.protobuf.stmts,
        Err(error) => return Parsed::Unusable(why_unreadable(&error)),
    };
    if statements.len() > 1 {
        return Parsed::Unusable("it is more than one statement");
    }
    let Some(tree) = statements.pop().and_then(|statement| statement.stmt).and_then(|node| node.node) else {
        return Parsed::Unusable("its text is empty");
    };
    match tree {
        NodeEnum::SelectStmt(_)
        | NodeEnum::InsertStmt(_)
        | NodeEnum::UpdateStmt(_)
        | NodeEnum::DeleteStmt(_)
        | NodeEnum::MergeStmt(_) => {}
        _ => return Parsed::Unusable("it is a utility statement"),
    }
    match (fingerprint_here(sql), pg_query::normalize(sql)) {
        (Some(fingerprint), Ok(normalized)) => {
            Parsed::Statement { fingerprint, normalized: normalized.trim().to_owned(), tree: Box::new(tree) }
        }
        _ => Parsed::Unusable("it cannot be normalized"),
    }
}

fn why_unreadable(error: &pg_query::Error) -> &'static str {
    match error {
        // prost refuses trees deeper than 100 messages, which is about 48 levels of expressions.
        pg_query::Error::Decode(_) => "it is nested too deeply to be read",
        pg_query::Error::Parse(message) if message.contains("at end of input") || message.contains("unterminated") => {
            "its text is cut off; raise track_activity_query_size if it comes from pg_stat_activity"
        }
        _ => "it cannot be parsed as SQL",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_ignore_literals_and_aliases_and_tell_tables_apart() {
        let of = |sql| fingerprint(sql).expect("valid SQL");
        assert_eq!(of("SELECT * FROM a WHERE id = 1"), of("select *  from a where id = 2"));
        assert_eq!(of("SELECT * FROM a WHERE id IN (1, 2)"), of("SELECT * FROM a WHERE id IN ($1, $2, $3)"));
        assert_ne!(of("SELECT * FROM a x WHERE x.id = 1"), of("SELECT * FROM b x WHERE x.id = 1"));
        assert_ne!(of("SELECT * FROM orders_2024_01"), of("SELECT * FROM orders_2024_02"));
        assert_ne!(of("SELECT * FROM s1.a"), of("SELECT * FROM s2.a"));
    }

    #[test]
    fn normalizing_removes_every_literal() {
        let normalized = normalize("SELECT a FROM t WHERE email = 'eve@example.org' AND n > 42 LIMIT 7").expect("valid SQL");
        assert_eq!(normalized, "SELECT a FROM t WHERE email = $1 AND n > $2 LIMIT $3");
        assert_eq!(normalize("CREATE ROLE r PASSWORD 'S3cret!'"), None);
        assert_eq!(normalize("SELEC 'S3cret!'"), None);
    }

    #[test]
    fn reads_what_pg_stat_statements_writes() {
        for text in [
            "SELECT a FROM t WHERE b > now() - interval $1",
            "SELECT a FROM t WHERE b > date $1 AND c < timestamp $2",
            "SELECT a FROM t WHERE b > $1::timestamptz - ($2 || $3)::interval",
            "SELECT a FROM t WHERE b IN ($1 /*, ... */)",
            "SELECT extract($1 FROM b) FROM t LIMIT $2 OFFSET $3",
            "SELECT a FROM t FETCH FIRST $1 ROWS ONLY",
        ] {
            assert!(matches!(parse(text), Parsed::Statement { .. }), "{text}");
        }
    }

    #[test]
    fn says_why_a_text_is_unusable_without_quoting_it() {
        let why = |sql| match with_room(|| parse(sql)) {
            Parsed::Unusable(reason) => reason,
            Parsed::Statement { .. } => panic!("was read: {sql}"),
        };
        assert_eq!(why("ALTER ROLE r PASSWORD 'S3cret!'"), "it is a utility statement");
        assert_eq!(why("selec 'S3cret!'"), "it cannot be parsed as SQL");
        assert!(why("SELECT a FROM t WHERE b = 'S3cre").contains("cut off"));
        assert!(why("SELECT a FROM t WHERE").contains("cut off"));
        assert_eq!(why("SELECT 1; SELECT 2"), "it is more than one statement");
        assert_eq!(why(" -- nothing"), "its text is empty");
        assert_eq!(why("SELECT a\0"), "it cannot be parsed as SQL");
        let deep = format!("SELECT {}1{}", "abs(".repeat(300), ")".repeat(300));
        assert_eq!(why(&deep), "it is nested too deeply to be read");
    }
}
