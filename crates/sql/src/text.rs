//! From text to a fingerprint, a normalized text or a syntax tree; and why a text could not be read.
//!
//! The parser's own messages quote the text, so they never leave this file.

use pg_query::protobuf::{CopyStmt, Token};
use pg_query::{FingerprintOptions, NodeEnum};

use crate::alias;
use crate::room::with_room;
use crate::tokens::{Piece, pieces, tidied};

/// A statement that reads or writes rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    /// Equal for statements that differ in literals, lengths of lists, aliases, comments and white space only.
    pub(crate) fingerprint: String,
    /// Without literals and comments.
    pub(crate) normalized: String,
}

/// Most parameters that a statement can be sent with (`Bind` counts them in 16 bits); higher numbers are a mistake of the text.
pub(crate) const MOST_PARAMETERS: u32 = 65_535;

/// Why a text is of no use, as a sentence without a period; never a part of the text.
pub(crate) type Reason = &'static str;

/// `sql` with its constants replaced by parameters and without comments, or `None` when it is not a statement that reads or writes rows.
///
/// Utility statements keep some of their literals (a password in `CREATE ROLE`), so they are `None` too.
pub fn normalize(sql: &str) -> Option<String> {
    with_room(|| look(sql).ok().map(|known| known.normalized))
}

/// Sixteen hexadecimal digits, equal for statements that differ in literals, lengths of lists, aliases of tables, comments and white
/// space only, or `None` when `sql` is not a statement that reads or writes rows.
pub fn fingerprint(sql: &str) -> Option<String> {
    with_room(|| look(sql).ok().map(|known| known.fingerprint))
}

/// Recognizes exactly one statement, without reading it; needs [`with_room`].
pub(crate) fn look(sql: &str) -> Result<Known, Reason> {
    // What `pg_stat_statements` shows instead of other roles' statements to a role without `pg_read_all_stats`.
    if sql.trim() == "<insufficient privilege>" {
        return Err("its text is hidden from this role; grant it pg_read_all_stats");
    }
    let tokens = pieces(sql).map_err(|error| why_unreadable(&error))?;
    let tokens = one_statement(&tokens)?;
    let kind = tokens.iter().find(|piece| piece.token != Token::Ascii40).map_or(Token::Nul, |piece| piece.token);
    match kind {
        Token::Select
        | Token::Insert
        | Token::Update
        | Token::DeleteP
        | Token::Merge
        | Token::With
        | Token::Values
        | Token::Table => {
            // The statement ends where its last token does: a semicolon does not belong to it.
            let sql = &sql[..tokens.last().map_or(0, |piece| piece.end)];
            let normalized = pg_query::normalize(sql).map_err(|error| why_unreadable(&error))?;
            let shown = pieces(&normalized).map_err(|error| why_unreadable(&error))?;
            // Where the grammar wants a constant (a path of `JSON_TABLE`), the normalized text is no statement any more.
            let fingerprint = fingerprint_of(&normalized, &shown).or_else(|_| fingerprint_of(sql, tokens))?;
            Ok(Known { fingerprint, normalized: without_strings(&normalized, &shown) })
        }
        Token::Copy => copy(sql, tokens),
        _ => {
            // A text that is no SQL at all is not called a utility statement.
            pg_query::fingerprint(sql, 0, FingerprintOptions::DEFAULT).map_err(|error| why_unreadable(&error))?;
            Err("it is a utility statement")
        }
    }
}

/// The normalized text of a text that [`look`] accepted; needs [`with_room`].
pub(crate) fn normalized(sql: &str) -> Option<String> {
    let tokens = pieces(sql).ok()?;
    let statement = one_statement(&tokens).ok()?;
    let normalized = pg_query::normalize(&sql[..statement.last()?.end]).ok()?;
    let shown = pieces(&normalized).ok()?;
    Some(without_strings(&normalized, &shown))
}

/// `normalized` without comments, and without the strings that normalizing leaves because the grammar allows no parameter in their place.
fn without_strings(normalized: &str, shown: &[Piece]) -> String {
    let is_string = |piece: &&Piece| matches!(piece.token, Token::Sconst | Token::Usconst | Token::Bconst | Token::Xconst);
    if !shown.iter().any(|piece| is_string(&piece)) {
        return tidied(normalized, shown);
    }
    let mut next = highest_parameter(normalized);
    let mut hidden = String::with_capacity(normalized.len());
    let mut end = 0;
    for piece in shown {
        hidden.push_str(&normalized[end..piece.start]);
        end = piece.end;
        if is_string(&piece) {
            next += 1;
            hidden.push('$');
            hidden.push_str(&next.to_string());
        } else {
            hidden.push_str(&normalized[piece.start..end]);
        }
    }
    pieces(&hidden).map(|pieces| tidied(&hidden, &pieces)).unwrap_or_default()
}

/// The syntax tree of a text that [`look`] accepted; needs [`with_room`].
pub(crate) fn tree(sql: &str) -> Result<NodeEnum, Reason> {
    let mut statements = pg_query::parse(sql, 0).map_err(|error| why_unreadable(&error))?.protobuf.stmts;
    let tree = statements.pop().and_then(|statement| statement.stmt).and_then(|node| node.node).ok_or("its text is empty")?;
    match tree {
        NodeEnum::SelectStmt(_)
        | NodeEnum::InsertStmt(_)
        | NodeEnum::UpdateStmt(_)
        | NodeEnum::DeleteStmt(_)
        | NodeEnum::MergeStmt(_) => Ok(tree),
        NodeEnum::CopyStmt(ref copy) if is_copy_into_table(copy) => Ok(tree),
        _ => Err("it is a utility statement"),
    }
}

/// The highest number of a parameter in `normalized`, but no more than a statement can have; 0 when there is none.
pub(crate) fn highest_parameter(normalized: &str) -> u32 {
    let pieces = pieces(normalized).unwrap_or_default();
    let parameters = pieces.iter().filter(|piece| piece.token == Token::Param);
    let number = |piece: &Piece| normalized[piece.start + 1..piece.end].parse::<u32>().unwrap_or(u32::MAX);
    parameters.map(number).max().unwrap_or(0).min(MOST_PARAMETERS)
}

fn is_copy_into_table(copy: &CopyStmt) -> bool {
    copy.is_from && copy.relation.is_some()
}

/// The tokens of the only statement.
fn one_statement(tokens: &[Piece]) -> Result<&[Piece], Reason> {
    let end = tokens.iter().position(|piece| piece.token == Token::Ascii59);
    match end.map(|end| tokens.split_at(end)) {
        None if tokens.is_empty() => Err("its text is empty"),
        None => Ok(tokens),
        Some((statement, rest)) if rest.iter().all(|piece| piece.token == Token::Ascii59) && !statement.is_empty() => {
            Ok(statement)
        }
        Some((_, rest)) if rest.iter().all(|piece| piece.token == Token::Ascii59) => Err("its text is empty"),
        // A function's body, `BEGIN ATOMIC …; END`, has semicolons as well, in one utility statement.
        Some(([first, ..], _)) if matches!(first.token, Token::Create | Token::Alter) => Err("it is a utility statement"),
        Some(_) => Err("it is more than one statement"),
    }
}

/// `COPY … FROM` writes rows; what follows `FROM` (a file, a program, options) is left out.
fn copy(sql: &str, tokens: &[Piece]) -> Result<Known, Reason> {
    let from = tokens.iter().position(|piece| piece.token == Token::From).ok_or("it is a utility statement")?;
    if tokens.get(1).is_some_and(|piece| piece.token == Token::Ascii40) {
        return Err("it is a utility statement");
    }
    let normalized = format!("{} FROM STDIN", tidied(sql, &tokens[..from]));
    let shown = pieces(&normalized).map_err(|error| why_unreadable(&error))?;
    Ok(Known { fingerprint: fingerprint_of(&normalized, &shown)?, normalized })
}

fn fingerprint_of(normalized: &str, pieces: &[Piece]) -> Result<String, Reason> {
    // By default an alias stands for the table's name, schemas do not count, and `orders_2024_01` equals `orders_2024_02`:
    // statements on different tables would be merged.
    let options = FingerprintOptions::RANGEVAR_PG17_COMPAT | FingerprintOptions::FULL_RELNAME;
    let renamed = alias::numbered(normalized, pieces);
    let fingerprint = pg_query::fingerprint(renamed.as_deref().unwrap_or(normalized), 0, options)
        .or_else(|_| pg_query::fingerprint(normalized, 0, options))
        .map_err(|error| why_unreadable(&error))?;
    Ok(format!("{:016x}", fingerprint.value ^ positions(normalized, pieces)))
}

/// A number for the whole numbers that normalizing left: `ORDER BY 1` is not `ORDER BY 2`, which the fingerprint does not tell apart.
/// (FNV-1a, see its draft at the IETF; 0 when there are none.)
fn positions(normalized: &str, pieces: &[Piece]) -> u64 {
    let numbers = pieces.iter().filter(|piece| piece.token == Token::Iconst);
    let bytes = numbers.flat_map(|piece| normalized[piece.start..piece.end].bytes().chain([b' ']));
    bytes.fold(0, |hash, byte| {
        ((if hash == 0 { 0xcbf2_9ce4_8422_2325 } else { hash }) ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn why_unreadable(error: &pg_query::Error) -> Reason {
    match error {
        // prost refuses trees deeper than 100 messages, which is about 48 levels of expressions.
        pg_query::Error::Decode(_) => "it is nested too deeply to be read",
        pg_query::Error::Parse(message) | pg_query::Error::Scan(message) => {
            if message.contains("at end of input") || message.contains("unterminated") {
                "its text is cut off; raise track_activity_query_size if it comes from pg_stat_activity"
            } else if message.contains("stack depth") {
                "it is nested too deeply to be read"
            } else {
                "it cannot be parsed as SQL"
            }
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
        assert_eq!(of("SELECT o.id FROM a o WHERE o.id = 1"), of("SELECT a.id FROM a WHERE a.id = $1"));
        assert_eq!(of("SELECT x.id FROM a x JOIN b y ON x.id = y.id"), of("SELECT q.id FROM a q JOIN b AS r ON q.id = r.id"));
        assert_ne!(of("SELECT x.id FROM a x JOIN b y ON x.id = y.id"), of("SELECT y.id FROM a x JOIN b y ON x.id = y.id"));
        assert_eq!(of("WITH v AS (SELECT 1) SELECT * FROM v"), of("WITH w AS (SELECT 2) SELECT * FROM w;"));
        assert_ne!(of("SELECT * FROM a ORDER BY 1"), of("SELECT * FROM a ORDER BY 2"));
        assert_eq!(of("COPY a (id, b) FROM '/tmp/x' CSV"), of("COPY a (id, b) FROM STDIN"));
    }

    #[test]
    fn normalizing_removes_every_literal() {
        let normalized = normalize("SELECT a FROM t WHERE email = 'eve@example.org' AND n > 42 LIMIT 7").expect("valid SQL");
        assert_eq!(normalized, "SELECT a FROM t WHERE email = $1 AND n > $2 LIMIT $3");
        assert_eq!(normalize("SELECT a\n  FROM t -- 'x'\n WHERE b = 1;").as_deref(), Some("SELECT a FROM t WHERE b = $1"));
        assert_eq!(normalize("COPY t FROM '/tmp/eve/x' CSV").as_deref(), Some("COPY t FROM STDIN"));
        assert_eq!(normalize("CREATE ROLE r PASSWORD 'S3cret!'"), None);
        assert_eq!(normalize("SELEC 'S3cret!'"), None);
        let table = normalize("SELECT * FROM JSON_TABLE(x, '$.S3cret' COLUMNS (a int PATH '$.S3cret'))").expect("valid SQL");
        assert_eq!(table, "SELECT * FROM JSON_TABLE(x, $1 COLUMNS (a int PATH $2))");
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
            assert!(with_room(|| look(text).and_then(|_| tree(text))).is_ok(), "{text}");
        }
    }

    #[test]
    fn says_why_a_text_is_unusable_without_quoting_it() {
        let why = |sql: &str| match with_room(|| look(sql).and_then(|_| tree(sql))) {
            Err(reason) => reason,
            Ok(_) => panic!("was read: {sql}"),
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
