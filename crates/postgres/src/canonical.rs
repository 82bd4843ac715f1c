//! The server's own way of writing an expression, found without creating anything.
//!
//! A declared `lower(b)` is the same as an existing `lower((b)::text)`; only the server can tell. It is asked to plan a query that selects
//! the expression from the table, and the plan shows how it writes it. The planner also simplifies (`IN` lists become arrays, constant
//! parts are computed, `NOT` moves inwards, SQL functions are inlined), which `pg_get_expr` does not: so two texts are compared by passing
//! **both** through here, or two definitions through [`canonical_definition`]. What is created or shown is the original text.
//!
//! The text may come from a file that somebody wrote. It is checked to be a lone expression before it is sent, and the plan is checked to
//! be a scan of that one table after. It is planned in a read-only transaction, never executed.

use pgtailor_model::index::{IndexDefinition, IndexKey, KeyPart};
use pgtailor_model::name::{QualifiedName, quote_identifier};
use serde_json::Value;
use tokio_postgres::Client;

use crate::capture::deparse::{without_outer_parentheses, without_prefix};
use crate::capture::pieces::{Kind, pieces};
use crate::error::Error;
use crate::session::ReadOnlySession;

/// The name under which the table stands in our query; needs no quotes, and is nobody's column.
const ALIAS: &str = "pgtailor_scanned";

/// Other scans would show the expression in other words (an index may hold its result), or one level deeper.
const BEGIN: &str = "BEGIN /* pgtailor */ READ ONLY; \
    SET /* pgtailor */ LOCAL enable_indexscan = off; SET /* pgtailor */ LOCAL enable_indexonlyscan = off; \
    SET /* pgtailor */ LOCAL enable_bitmapscan = off; SET /* pgtailor */ LOCAL enable_seqscan = on; \
    SET /* pgtailor */ LOCAL max_parallel_workers_per_gather = 0";

/// Why a text has no canonical form. The text is not repeated here; it may hold literals.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CanonicalError {
    /// It was not sent, or the plan was not that of one expression.
    #[error("{reason}")]
    NotAnExpression {
        /// Why, as a clause about "it".
        reason: String,
    },
    /// The server does not accept it.
    #[error("{reason} (SQLSTATE {sqlstate})")]
    Refused {
        /// The server's code, such as 42703 for a column that does not exist.
        sqlstate: String,
        /// Why, as a clause about "it".
        reason: String,
    },
}

/// How the server writes each of `texts`, expressions or predicates over the columns of `table`: columns unqualified, no outer
/// parentheses. Answers come in the order of the texts.
///
/// Functions and types outside `pg_catalog` must be written with their schema. The role needs SELECT on the columns. A call that is
/// dropped half-way leaves the session in a read-only transaction: then drop the session as well.
pub async fn canonical_expressions(
    session: &ReadOnlySession,
    table: &QualifiedName,
    texts: &[String],
) -> Result<Vec<Result<String, CanonicalError>>, Error> {
    let mut answers = Vec::with_capacity(texts.len());
    for text in texts {
        answers.push(canonical(&session.client, table, text).await?.map(|canonical| canonical.text));
    }
    Ok(answers)
}

/// `definition` with its expressions and its predicate as the server writes them, for comparing only: two definitions that the planner
/// takes for the same are then equal. An expression that is nothing but a column becomes that column.
pub async fn canonical_definition(
    session: &ReadOnlySession,
    table: &QualifiedName,
    definition: &IndexDefinition,
) -> Result<Result<IndexDefinition, CanonicalError>, Error> {
    let mut keys = Vec::with_capacity(definition.keys.len());
    for key in &definition.keys {
        let part = match &key.part {
            KeyPart::Column(_) => key.part.clone(),
            KeyPart::Expression(text) => match canonical(&session.client, table, text).await? {
                Ok(Canonical { column: Some(column), .. }) => KeyPart::Column(column),
                Ok(Canonical { text, column: None }) => KeyPart::Expression(text),
                Err(error) => return Ok(Err(error)),
            },
        };
        keys.push(IndexKey { part, ..key.clone() });
    }
    let predicate = match &definition.predicate {
        None => None,
        Some(text) => match canonical(&session.client, table, text).await? {
            Ok(canonical) => Some(canonical.text),
            Err(error) => return Ok(Err(error)),
        },
    };
    Ok(Ok(IndexDefinition { keys, predicate, ..definition.clone() }))
}

struct Canonical {
    text: String,
    /// The column that the text is, when it is nothing else; unquoted.
    column: Option<String>,
}

async fn canonical(client: &Client, table: &QualifiedName, text: &str) -> Result<Result<Canonical, CanonicalError>, Error> {
    if let Err(reason) = lone_expression(text) {
        return Ok(Err(not_an_expression(reason)));
    }
    // The line break is a second fence: no comment could swallow what follows.
    let sql = format!(
        "EXPLAIN /* pgtailor */ (VERBOSE, COSTS OFF, FORMAT JSON) SELECT ({text}\n) FROM ONLY {} AS {ALIAS}",
        table.sql()
    );
    let failed = |source| Error::query(format!("ask the server how it writes an expression over {table}"), source);
    client.batch_execute(BEGIN).await.map_err(failed)?;
    // Extended protocol: several statements are refused, and nothing can be executed but the EXPLAIN.
    let answer = client.query_typed_one(&sql, &[]).await;
    client.batch_execute("ROLLBACK /* pgtailor */").await.map_err(failed)?;
    match answer {
        Ok(row) => {
            let plan: Value = row.try_get(0).map_err(failed)?;
            Ok(read_plan(&plan, table).map_err(not_an_expression))
        }
        Err(error) => match error.code() {
            Some(state) => Ok(Err(refused(state.code()))),
            None => Err(failed(error)),
        },
    }
}

/// Whether `text` can stand between parentheses and stay between them.
pub(crate) fn lone_expression(text: &str) -> Result<(), &'static str> {
    let mut depth = 0_usize;
    let mut empty = true;
    for piece in pieces(text) {
        empty &= piece.text.trim().is_empty();
        match (piece.kind, piece.text) {
            (Kind::Comment, _) => return Err("it holds a comment, which is not accepted here"),
            (Kind::Parameter, _) => return Err("it holds a parameter, which an index cannot have"),
            (Kind::Other, ";") => return Err("it holds a semicolon; one expression is expected"),
            (Kind::Other, "\0") => return Err("it holds a null character"),
            (Kind::Other, ",") if depth == 0 => return Err("it holds a list; one expression is expected"),
            (Kind::Other, "(" | "[") => depth += 1,
            (Kind::Other, ")" | "]") if depth == 0 => return Err("it closes a parenthesis that it did not open"),
            (Kind::Other, ")" | "]") => depth -= 1,
            _ => {}
        }
    }
    match (empty, depth) {
        (true, _) => Err("it is empty"),
        (false, 0) => Ok(()),
        (false, _) => Err("it opens a parenthesis that it does not close"),
    }
}

/// The expression in a plan that is a scan of `table` and nothing else.
fn read_plan(plan: &Value, table: &QualifiedName) -> Result<Canonical, &'static str> {
    const STRANGE: &str = "it is more than one expression over the columns of its table";
    let node = &plan[0]["Plan"];
    let is = |field: &str, wanted: &str| node[field].as_str() == Some(wanted);
    let scans_it =
        is("Node Type", "Seq Scan") && is("Relation Name", &table.name) && is("Schema", &table.schema) && is("Alias", ALIAS);
    // A partitioned table has no rows of its own, and its plan has no scan.
    let scans_nothing = is("Node Type", "Result") && is("One-Time Filter", "false");
    let Some([output]) = node["Output"].as_array().map(Vec::as_slice) else { return Err(STRANGE) };
    let (Some(output), true, true) = (output.as_str(), scans_it || scans_nothing, node["Plans"].is_null()) else {
        return Err(STRANGE);
    };
    // One relation in the query: columns are written without it, unless row-level security brings in others.
    if output.contains(&format!("{ALIAS}.*")) {
        return Err("it refers to the row as a whole");
    }
    let text = without_prefix(without_outer_parentheses(output), ALIAS);
    Ok(Canonical { column: only_name(&text), text })
}

/// The name that `text` is, unquoted, when it is one name as the server writes it; keywords such as `true` are none.
fn only_name(text: &str) -> Option<String> {
    let quoted = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match quoted {
        Some(inner) => (!inner.replace("\"\"", "").contains('"')).then(|| inner.replace("\"\"", "\"")),
        None => (quote_identifier(text) == text).then(|| text.to_owned()),
    }
}

fn not_an_expression(reason: &str) -> CanonicalError {
    CanonicalError::NotAnExpression { reason: reason.to_owned() }
}

/// Our own sentence: the server's might quote the text.
fn refused(sqlstate: &str) -> CanonicalError {
    let reason = match sqlstate {
        "42703" => "it names a column that the table does not have",
        "42883" => {
            "it uses a function or operator that does not exist for these types; outside pg_catalog, write it with its schema"
        }
        "42725" => "it uses a function or operator that is not unique for these types; add a cast",
        "42704" => "it names a type or collation that does not exist; outside pg_catalog, write it with its schema",
        "42601" => "it is not valid SQL",
        "42804" | "42846" => "it mixes types that do not fit",
        "42P01" | "3F000" => "it names a table or schema that does not exist",
        "42P22" | "42P21" => "it mixes collations; add COLLATE",
        "42803" | "42P20" | "0A000" => "it uses what an index cannot hold",
        "42501" => "this role may not read the columns, or not call a function, that it names",
        "55P03" => "another session holds an ACCESS EXCLUSIVE lock on the table",
        "57014" => "planning it took longer than the time limit",
        state if state.starts_with("22") => "it has a constant that its type does not accept, or a part that cannot be computed",
        _ => "the server does not accept it",
    };
    CanonicalError::Refused { sqlstate: sqlstate.to_owned(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_lone_expression_is_never_sent() {
        for text in
            ["", "  ", "a; b", "1) FROM x --", "a -- b", "a /* b", "(a", "a)", "a) UNION SELECT (b", "$1", "a = $1", "a\0"]
        {
            assert!(lone_expression(text).is_err(), "{text:?}");
        }
        for text in ["a", "(a) || (b)", "status = '--;)'", "\"a;)\" = 1", "f(a, ')')", "a = $$;--$$"] {
            assert_eq!(lone_expression(text), Ok(()), "{text:?}");
        }
    }

    #[test]
    fn a_plan_of_anything_but_the_table_is_refused() {
        let table = QualifiedName::new("public", "t");
        let plan = |node: &str, outputs: &[&str]| serde_json::json!([{"Plan": {"Node Type": node, "Relation Name": "t", "Schema": "public", "Alias": ALIAS, "Output": outputs}}]);
        for output in ["lower(a)", "lower(pgtailor_scanned.a)"] {
            let canonical = read_plan(&plan("Seq Scan", &[output]), &table).expect("a scan of one expression");
            assert_eq!((canonical.text.as_str(), canonical.column), ("lower(a)", None));
        }
        for (output, column) in
            [("\"A \"\" b\"", Some("A \" b")), ("a", Some("a")), ("true", None), ("CURRENT_USER", None), ("1", None)]
        {
            let canonical = read_plan(&plan("Seq Scan", &[output]), &table).expect("a scan of one expression");
            assert_eq!(canonical.column.as_deref(), column, "{output}");
        }
        assert!(read_plan(&plan("Seq Scan", &["1", "2"]), &table).is_err());
        assert!(read_plan(&plan("Aggregate", &["count(*)"]), &table).is_err());
        assert!(read_plan(&plan("Seq Scan", &["1"]), &QualifiedName::new("public", "other")).is_err());
        assert!(read_plan(&plan("Seq Scan", &["pgtailor_scanned.*"]), &table).is_err());
        assert!(read_plan(&serde_json::json!([]), &table).is_err());
    }
}
