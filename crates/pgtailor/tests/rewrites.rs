//! Every statement that is offered instead of another returns the same rows, as often: tried on tables with nulls, duplicates, and none.

use std::collections::BTreeMap;

use pgtailor::model::activity::StatementActivity;
use pgtailor::model::construct::Construct;
use pgtailor::model::snapshot::Snapshot;
use pgtailor::model::unit::{Bytes, Milliseconds, Rows};
use pgtailor::{Database, capture};
use pgtailor_testkit::server::Server;

/// No key is unique, so that rows come twice; every column but the two that refuse nulls has some.
const TABLES: &str = "
    CREATE TABLE a (id int NOT NULL, x int, y int, flag boolean, name text);
    INSERT INTO a SELECT i % 30, nullif(i % 5, 0), nullif(i % 7, 0), CASE i % 3 WHEN 0 THEN true WHEN 1 THEN false END,
                         CASE WHEN i % 4 > 0 THEN 'n' || i % 4 END FROM generate_series(1, 90) i;
    CREATE TABLE b (a_id int NOT NULL, p int, q int);
    INSERT INTO b SELECT i % 20, nullif(i % 4, 0), nullif(i % 6, 0) FROM generate_series(1, 80) i;
    CREATE TABLE nothing (a_id int NOT NULL, p int);
    ANALYZE";

/// Sets of values for `$1` and `$2`.
const VALUES: &[&str] = &["1, 2", "2, 1", "3, 3", "0, 5", "NULL, 2", "1, NULL", "NULL, NULL"];

/// Statements with two parameters that must be written otherwise.
const STATEMENTS: &[&str] = &[
    "SELECT id, x FROM a WHERE y > $1 AND id NOT IN (SELECT a_id FROM b WHERE p = $2)",
    "SELECT a.id FROM a JOIN nothing n ON n.a_id = a.id OR n.a_id <> $1 WHERE a.id NOT IN (SELECT a_id FROM b WHERE q = $2)",
    "SELECT id, name FROM a WHERE id NOT IN (SELECT a_id FROM nothing WHERE p = $1 OR p = $2)",
    "SELECT id FROM a z WHERE NOT (z.id IN (SELECT DISTINCT b.a_id FROM b WHERE b.p = z.x OR b.q = $1 ORDER BY b.a_id)) AND (x = $2 OR flag)",
    "SELECT count(*), x FROM a WHERE id NOT IN (SELECT b.a_id FROM b JOIN b c ON c.a_id = b.p WHERE b.q > $1 AND c.q < $2) GROUP BY x",
    "DELETE FROM a WHERE x = $1 AND id NOT IN (SELECT a_id FROM b WHERE q = $2) RETURNING id, y",
    "UPDATE a SET y = $1 WHERE id NOT IN (SELECT a_id FROM b WHERE q = $2) RETURNING id, y",
    "SELECT a.id, a.x, b.q FROM a JOIN b ON b.a_id = a.id WHERE a.x = $1 OR b.q = $2",
    "SELECT a.id FROM a LEFT JOIN b ON b.a_id = a.id WHERE a.x > $1 OR b.q = $2",
    "SELECT a.id, b.p FROM a, b WHERE b.a_id = a.id AND (NOT a.flag OR (b.p = $1 AND b.q IS NULL) OR a.x = $2) AND a.y IS NOT NULL",
    "SELECT a.id, a.x, a.name FROM a JOIN b ON b.a_id = a.id WHERE (a.name LIKE 'n1' OR b.q BETWEEN $1 AND $2) ORDER BY id, 2",
    "SELECT a.id FROM a JOIN nothing n ON n.a_id = a.id WHERE a.x = $1 OR n.p = $2",
    "SELECT a.id FROM a FULL JOIN b ON b.a_id = a.id WHERE a.x IS NULL OR b.p IN ($1, $2)",
];

/// Statements for which no other can be offered: a null would change the result.
const LEFT_ALONE: &[&str] = &[
    "SELECT id FROM a WHERE x NOT IN (SELECT a_id FROM b WHERE p = $1 AND q = $2)",
    "SELECT id FROM a WHERE id NOT IN (SELECT p FROM b WHERE q = $1 OR q = $2)",
    "SELECT a.id FROM b LEFT JOIN a ON a.id = b.a_id AND a.x = $1 WHERE a.id NOT IN (SELECT a_id FROM nothing WHERE p = $2)",
    "SELECT a.id FROM a JOIN b ON b.a_id = a.id WHERE a.x = $1 OR b.q = $2 LIMIT 3",
];

/// What is offered instead of `statement`; `None` where nothing is.
fn offered(statement: &str, snapshot: &Snapshot) -> Option<String> {
    let recorded = StatementActivity {
        query_id: 1,
        text: statement.to_owned(),
        calls: 1,
        total_time: Milliseconds(1.0),
        rows: Rows(1),
        spread: None,
        blocks_accessed: Bytes(0),
        blocks_read: Bytes(0),
        temp_written: Bytes(0),
        planning_time: None,
        wal: None,
        tags: BTreeMap::new(),
    };
    let workload = pgtailor_sql::understand(&[recorded], &snapshot.catalog, &["public".to_owned()]);
    let [query] = workload.queries.as_slice() else { panic!("{statement}: {:?}", workload.skipped) };
    let mut found = query.constructs.iter().filter_map(|construct| match construct {
        Construct::NotIn { rewritten, .. } | Construct::OrAcrossTables { rewritten, .. } => Some(rewritten.clone()),
        _ => None,
    });
    found.next().unwrap_or_else(|| panic!("{statement}: there is nothing to write otherwise: {:?}", query.constructs))
}

/// The rows of `statement` with `values`, sorted; what it changes is taken back.
fn rows(server: &Server, statement: &str, values: &str) -> Vec<String> {
    let script = format!("BEGIN; PREPARE s (int, int) AS {statement}; EXECUTE s ({values}); ROLLBACK");
    let mut rows: Vec<String> = server.sql("postgres", &script).lines().map(str::to_owned).collect();
    rows.sort();
    rows
}

#[test]
fn what_is_offered_instead_returns_the_same_rows() {
    let server = Server::start();
    server.sql("postgres", TABLES);
    let database = Database::from_url(&server.lab.url("postgres")).expect("a lab's address is well formed");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let snapshot = runtime.block_on(capture(&database)).expect("a snapshot");

    let mut n_rows = 0;
    for statement in STATEMENTS {
        let instead = offered(statement, &snapshot).unwrap_or_else(|| panic!("nothing is offered instead of {statement}"));
        assert_ne!(&instead, statement);
        for values in VALUES {
            let (before, after) = (rows(&server, statement, values), rows(&server, &instead, values));
            assert_eq!(before, after, "{statement}\n{instead}\n({values})");
            n_rows += before.len();
        }
    }
    assert!(n_rows > 1_000, "only {n_rows} rows were compared");
    for statement in LEFT_ALONE {
        assert_eq!(offered(statement, &snapshot), None, "{statement}");
    }
}
