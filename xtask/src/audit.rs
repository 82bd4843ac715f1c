//! The list of statements that the program can send to a database: read out of the source, so that none can be left out by hand.
//!
//! Our statements are literals with a mark, or begin with a word that only opens, closes or sets something. What only servers of our
//! own are sent (labs, twins, benchmarks) is not in the list; changes are made by one function, and the program lists them itself.

use crate::source::literals;
use crate::tree::Tree;

/// Where the list is kept.
pub const LIST: &str = "crates/postgres/src/audit/statements.txt";

/// Where statements for other people's databases are written.
const WRITERS: &str = "crates/postgres/src/";
/// Those that only servers of our own are sent.
const OWN_SERVERS: &[&str] = &["crates/postgres/src/bench/", "crates/postgres/src/lab_session.rs", "crates/postgres/src/audit/"];
/// By what a statement of ours is known in the server's log.
const MARK: &str = "/* pgtailor */";
/// Statements that need no mark: they concern the session alone.
const SESSION: &[&str] = &["BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "SET", "RESET", "DEALLOCATE", "DISCARD"];
/// Statements around texts that are planned and never run.
const PLANNING: &[&str] = &["EXPLAIN", "PREPARE"];
/// Functions that do more than answer.
const ACTING: &[&str] = &["pg_cancel_backend", "pg_reload_conf", "pg_try_advisory_lock", "pg_advisory_unlock", "hypopg_"];

/// The list: a line a statement, with its class, its file and its text, sorted.
pub fn list(tree: &Tree) -> String {
    let mut lines = Vec::new();
    for file in tree.ending(".rs") {
        let is_writer = file.path.starts_with(WRITERS) && !OWN_SERVERS.iter().any(|own| file.path.starts_with(own));
        if !is_writer {
            continue;
        }
        let shipped = file.text.split("#[cfg(test)]").next().unwrap_or_default();
        for text in literals(shipped) {
            // Braces of arrays are doubled where values are put in; they read like the place for one, which stands between them.
            let text = text.replace("{{", "").replace("}}", "").split_whitespace().collect::<Vec<_>>().join(" ");
            if let Some(class) = class(&text) {
                let place = file.path.trim_start_matches(WRITERS);
                lines.push(format!("{class}\t{place}\t{text}"));
            }
        }
    }
    for file in tree.ending(".sql").filter(|file| file.path.starts_with(WRITERS)) {
        let place = file.path.trim_start_matches(WRITERS);
        let class = if place.starts_with("ledger/") { "ledger" } else { "reads" };
        let code: Vec<&str> = file.text.lines().filter(|line| !line.trim_start().starts_with("--")).collect();
        for sql in code.join("\n").split(';') {
            let sql = sql.split_whitespace().collect::<Vec<_>>().join(" ");
            if !sql.is_empty() {
                lines.push(format!("{class}\t{place}\t{sql}"));
            }
        }
    }
    lines.sort();
    lines.dedup();
    lines.join("\n") + "\n"
}

/// What a statement can do; `None` for a text that is none.
fn class(text: &str) -> Option<&'static str> {
    let first = text.split([' ', ';']).next().unwrap_or_default();
    if PLANNING.contains(&first) && text.len() > first.len() {
        return Some("plans");
    }
    if SESSION.contains(&first) && !text.contains('`') {
        return Some("session");
    }
    if !text.contains(MARK) || !first.starts_with(|letter: char| letter.is_ascii_uppercase()) {
        return None;
    }
    let writes_ledger = ["INSERT INTO pgtailor.", "UPDATE pgtailor.", "TABLE pgtailor.", "SCHEMA pgtailor"];
    Some(if writes_ledger.iter().any(|words| text.contains(words)) {
        "ledger"
    } else if text.contains("set_config(") {
        "session"
    } else if ACTING.iter().any(|function| unquoted(text).contains(function)) {
        "acts"
    } else {
        "reads"
    })
}

/// `text` without its constants: a question about a function is no call of it.
fn unquoted(text: &str) -> String {
    text.split('\'').step_by(2).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_told_from_other_texts() {
        assert_eq!(class("SELECT /* pgtailor */ 1"), Some("reads"));
        assert_eq!(class("SELECT /* pgtailor */ pg_catalog.pg_reload_conf()"), Some("acts"));
        assert_eq!(class("SELECT /* pgtailor */ has_function_privilege('pg_reload_conf()', 'EXECUTE')"), Some("reads"));
        assert_eq!(class("SELECT /* pgtailor */ set_config(name, '1', false)"), Some("session"));
        assert_eq!(class("WITH /* pgtailor */ e AS (UPDATE pgtailor.change SET a = 1)"), Some("ledger"));
        assert_eq!(class("EXPLAIN (FORMAT JSON) {text}"), Some("plans"));
        assert_eq!(class("ROLLBACK; RESET a"), Some("session"));
        assert_eq!(class("run `SET x`"), None);
        assert_eq!(class("SET `x` first"), None);
        assert_eq!(class("look at the table"), None);
    }

    #[test]
    fn tests_and_servers_of_our_own_are_left_out() {
        let text = "const A: &str = \"SELECT /* pgtailor */ \\\n    1\";\n#[cfg(test)]\nmod tests { const B: &str = \"SELECT /* pgtailor */ 2\"; }\n";
        let tree = Tree::of(&[
            ("crates/postgres/src/a.rs", text),
            ("crates/postgres/src/bench/b.rs", text),
            ("crates/twin/src/c.rs", text),
        ]);
        assert_eq!(list(&tree), "reads\ta.rs\tSELECT /* pgtailor */ 1\n");
    }
}
