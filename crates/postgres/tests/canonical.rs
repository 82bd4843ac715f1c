//! Asking a real server how it writes expressions.

use std::collections::BTreeMap;

use pgtailor_lab::{Lab, LabOptions};
use pgtailor_model::index::{IndexDefinition, IndexKey, KeyPart};
use pgtailor_model::name::QualifiedName;
use pgtailor_postgres::canonical::{CanonicalError, canonical_definition, canonical_expressions};
use pgtailor_postgres::capture::{CaptureOptions, capture};
use pgtailor_postgres::connect::{ConnectionInput, Database};
use pgtailor_postgres::session::ReadOnlySession;
use tokio_postgres::NoTls;

const SCHEMA: &str = r#"
CREATE SCHEMA "S p"; CREATE SCHEMA ext;
CREATE FUNCTION ext.twice(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1 * 2; END';
CREATE TABLE "S p".t (a int, b text, v varchar(20), flag boolean, "Mix" text, doc jsonb, at timestamptz);
CREATE INDEX by_lower ON "S p".t (lower((v)::text)) WHERE v IN ('x', 'y') AND NOT (a = 1);
CREATE INDEX by_b ON "S p".t (b, lower(b));
INSERT INTO "S p".t SELECT g, g::text, g::text, true, g::text, '{}', now() FROM generate_series(1, 5000) g; VACUUM ANALYZE "S p".t;
CREATE TABLE "S p".parted (a int, b text) PARTITION BY RANGE (a);
CREATE ROLE stranger LOGIN PASSWORD 'secret';
"#;

async fn lab() -> Lab {
    let lab = Lab::start(&LabOptions::new()).expect("a local PostgreSQL server can be started");
    let (client, connection) = tokio_postgres::connect(&lab.url("postgres"), NoTls).await.expect("a session");
    tokio::spawn(connection);
    for statement in SCHEMA.trim().split_inclusive(";\n").flat_map(|line| split_vacuum(line)) {
        client.batch_execute(statement).await.unwrap_or_else(|error| panic!("{error:?} in {statement}"));
    }
    lab
}

/// VACUUM cannot share a message with other statements.
fn split_vacuum(line: &str) -> Vec<&str> {
    match line.find("VACUUM") {
        Some(at) => vec![&line[..at], &line[at..]],
        None => vec![line],
    }
}

async fn session(url: &str) -> ReadOnlySession {
    let input = ConnectionInput {
        database: Some(url.to_owned()),
        environment: BTreeMap::new(),
        home: None,
        local_user: "nobody".to_owned(),
    };
    let database = Database::resolve(&input).expect("a valid connection string");
    ReadOnlySession::connect(&database).await.expect("a session")
}

async fn ask(session: &ReadOnlySession, table: &str, text: &str) -> Result<String, CanonicalError> {
    let table = QualifiedName::new("S p", table);
    let mut answers = canonical_expressions(session, &table, &[text.to_owned()]).await.expect("an answer");
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}

#[tokio::test]
async fn spellings_of_the_same_become_one() {
    let lab = lab().await;
    let session = session(&lab.url("postgres")).await;
    for (one, other, canonical) in [
        ("lower(v)", " LOWER( (v)::text )", "lower((v)::text)"),
        ("v='a'", "(v)::text = 'a'::text", "(v)::text = 'a'::text"),
        ("((a))", "a", "a"),
        ("\"Mix\" || 'x'", "(\"Mix\"||'x'::text)", "\"Mix\" || 'x'::text"),
        ("a>1 AND b is null", "(a > 1) and (b IS NULL)", "(a > 1) AND (b IS NULL)"),
        (
            "v IN ('x', 'y')",
            "(v)::text = ANY ((ARRAY['x'::character varying, 'y'::character varying])::text[])",
            "(v)::text = ANY ('{x,y}'::text[])",
        ),
        ("ext.twice(a)", "ext . twice (a)", "ext.twice(a)"),
        ("b = 'pgtailor_scanned.b; --'", "b = $$pgtailor_scanned.b; --$$", "b = 'pgtailor_scanned.b; --'::text"),
    ] {
        let (first, second) = (ask(&session, "t", one).await, ask(&session, "t", other).await);
        assert_eq!(first.as_deref(), Ok(canonical), "{one}");
        assert_eq!(first, second, "{one} and {other}");
        assert_eq!(ask(&session, "t", canonical).await.as_deref(), Ok(canonical), "it is a fixed point");
    }
    assert_eq!(ask(&session, "parted", "lower(b)").await.as_deref(), Ok("lower(b)"), "without partitions, without rows");
}

#[tokio::test]
async fn a_declared_definition_equals_the_captured_one() {
    let lab = lab().await;
    let mut session = session(&lab.url("postgres")).await;
    let snapshot = capture(&mut session, &CaptureOptions::default()).await.expect("a snapshot");
    let table = QualifiedName::new("S p", "t");
    let indexes = &snapshot.catalog.table(&table).expect("captured").indexes;
    let captured =
        indexes.iter().find(|index| index.name == "by_lower").and_then(|index| index.definition.clone()).expect("captured");
    let expression = |text: &str| IndexKey { part: KeyPart::Expression(text.to_owned()), ..IndexKey::column("") };
    let declared = IndexDefinition {
        keys: vec![expression("lower(v)")],
        predicate: Some("v = ANY (ARRAY['x', 'y']) AND a <> 1".to_owned()),
        ..IndexDefinition::btree(["a"])
    };
    assert_ne!(declared, captured);
    let canonical = async |definition: &IndexDefinition| {
        canonical_definition(&session, &table, definition).await.expect("an answer").expect("a canonical form")
    };
    assert_eq!(canonical(&declared).await, canonical(&captured).await);
    let column = IndexDefinition { keys: vec![expression("(\"Mix\")")], ..IndexDefinition::btree(["a"]) };
    assert_eq!(canonical(&column).await, IndexDefinition::btree(["Mix"]));
    let constant = IndexDefinition { keys: vec![expression("true")], ..IndexDefinition::btree(["a"]) };
    assert_eq!(canonical(&constant).await.keys[0].part, KeyPart::Expression("true".to_owned()));
}

#[tokio::test]
async fn what_is_no_expression_is_refused() {
    let lab = lab().await;
    let session = session(&lab.url("postgres")).await;
    for text in [
        "",
        "1) FROM pg_class --",
        "1), (2",
        "a); DROP TABLE t; SELECT (1",
        "1) UNION SELECT (2",
        "(SELECT count(*) FROM pg_class)",
        "(SELECT 1)",
        "EXISTS (SELECT FROM pg_authid)",
        "count(*)",
        "row_number() OVER ()",
        "generate_series(1, a)",
        "a, b",
        "pgtailor_scanned",
        "pgtailor_scanned.*",
        "$1 = a",
        "a /* x",
    ] {
        let answer = ask(&session, "t", text).await;
        assert!(answer.is_err(), "{text}: {answer:?}");
    }
    for (text, code) in [
        ("nothing = 1", "42703"),
        ("no_such_function(a)", "42883"),
        ("twice(a)", "42883"),
        ("a +", "42601"),
        ("a = 'x'", "22P02"),
        ("a::no_such_type", "42704"),
        ("1 / 0", "22012"),
        ("other.a = 1", "42P01"),
    ] {
        match ask(&session, "t", text).await {
            Err(CanonicalError::Refused { sqlstate, reason }) => {
                assert_eq!(sqlstate, code, "{text}");
                assert!(reason.starts_with("it ") || reason.starts_with("the server"), "{reason}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
    assert_eq!(ask(&session, "t", "a + 1").await.as_deref(), Ok("a + 1"), "the session goes on");
    let missing = ask(&session, "no such table", "a").await;
    assert!(matches!(&missing, Err(CanonicalError::Refused { sqlstate, .. }) if sqlstate == "42P01"), "{missing:?}");
}

#[tokio::test]
async fn a_role_that_may_not_read_is_told_so() {
    let lab = lab().await;
    let url = lab.url("postgres").replacen(&format!("{}:{}@", lab.user(), lab.password()), "stranger:secret@", 1);
    let answer = ask(&session(&url).await, "t", "lower(b)").await;
    assert!(matches!(&answer, Err(CanonicalError::Refused { sqlstate, .. }) if sqlstate == "42501"), "{answer:?}");
}
