//! What a shape says about indexes is true: each index that it says could be searched for a predicate can be made, and the planner
//! searches it for that predicate.

use std::collections::BTreeMap;

use pgtailor_lab::{Lab, LabOptions};
use pgtailor_model::activity::StatementActivity;
use pgtailor_model::name::quote_identifier;
use pgtailor_model::shape::{Predicate, Serving, Subject};
use pgtailor_model::unit::{Bytes, Milliseconds, Rows};
use pgtailor_postgres::capture::{CaptureOptions, capture};
use pgtailor_postgres::connect::{ConnectionInput, Database};
use pgtailor_postgres::session::ReadOnlySession;
use serde_json::Value;

const SCHEMA: &str = r#"
CREATE EXTENSION pg_trgm;
CREATE TYPE mood AS ENUM ('calm', 'cross');
CREATE TABLE t (
    id bigint, name text COLLATE "C", email varchar(255), code char(8), price numeric(10, 2), at timestamptz, day date, is_on boolean,
    doc jsonb, tags text[], numbers int[], period tstzrange, body tsvector, place point, area box, address inet, key uuid, state mood,
    "We ird" int
);
INSERT INTO t SELECT g, 'n' || g, 'e' || g || '@example.org', 'c' || g % 90, g, now() - g * interval '1 min', current_date - g % 400, g % 2 = 0,
    jsonb_build_object('kind', 'k' || g % 9, 'n', g), ARRAY['a' || g % 7, 'b'], ARRAY[g % 5, g], tstzrange(now() - g * interval '1 hour', now()),
    to_tsvector('english', 'word' || g % 50), point(g % 100, g), box(point(0, 0), point(g % 10, g % 20)), ('10.0.' || g % 200 || '.1')::inet,
    md5(g::text)::uuid, CASE WHEN g % 2 = 0 THEN 'calm'::mood ELSE 'cross' END, g
  FROM generate_series(1, 3000) g;
ANALYZE t"#;

/// Conditions, each served by something.
const CONDITIONS: &[&str] = &[
    "id = 7",
    "id IN (1, 2, 3)",
    "id = ANY ('{1,2}')",
    "id BETWEEN 5 AND 9",
    "name = 'n7'",
    "email = 'e7@example.org'",
    "lower(email) = 'e7@example.org'",
    "code = 'c7'",
    "price > 2990",
    "at > now() - interval '1 hour'",
    "day = current_date - 7",
    "is_on",
    "NOT is_on",
    "at IS NULL",
    "key = 'c4ca4238-a0b9-2382-0dcc-509a6f75849b'",
    "state = 'calm'",
    "\"We ird\" < 5",
    "id + 1 = 9",
    "coalesce(\"We ird\", 0) = 3",
    "name LIKE 'n7%'",
    "email LIKE 'e7%'",
    "code LIKE 'c7%'",
    "name LIKE '%999%'",
    "name ILIKE 'N99%'",
    "name ILIKE '%N999%'",
    "email ~ '999'",
    "name ~* 'N999'",
    "name ^@ 'n99'",
    "name % 'n999'",
    "doc @> '{\"kind\": \"k1\"}'",
    "doc ? 'kind'",
    "doc ?| ARRAY['kind']",
    "doc ?& ARRAY['kind', 'n']",
    "doc @? '$.n ? (@ == 7)'",
    "doc @@ '$.n == 7'",
    "doc ->> 'kind' = 'k1'",
    "(doc ->> 'n')::bigint = 7",
    "doc #>> '{kind}' = 'k1'",
    "tags @> ARRAY['a1']",
    "tags && ARRAY['a1', 'a2']",
    "numbers @> ARRAY[3]",
    "period @> now()",
    "period && tstzrange(now() - interval '1 hour', now())",
    "body @@ to_tsquery('english', 'word7')",
    "to_tsvector('english', name) @@ plainto_tsquery('english', 'n7')",
    "place <@ box '((0,0),(5,5))'",
    "area && box '((0,0),(1,1))'",
    "address <<= '10.0.7.0/24'",
    "address = '10.0.7.1'",
    "(id, name) > (2990, 'n')",
    "id = 7 OR id = 9",
    "date_trunc('month', day::timestamp) = '2026-01-01'",
];

struct Bench {
    client: tokio_postgres::Client,
    session: ReadOnlySession,
    _lab: Lab,
}

async fn bench() -> Bench {
    let lab = Lab::start(&LabOptions::new()).expect("a PostgreSQL server is installed");
    let (client, connection) = tokio_postgres::connect(&lab.url("postgres"), tokio_postgres::NoTls).await.expect("a session");
    tokio::spawn(connection);
    client.batch_execute(SCHEMA).await.expect("the schema is right");
    client.batch_execute("SET enable_seqscan = off; SET enable_sort = off").await.expect("set");
    let input = ConnectionInput {
        database: Some(lab.url("postgres")),
        environment: BTreeMap::new(),
        home: None,
        local_user: String::new(),
    };
    let database = Database::resolve(&input).expect("the lab's URL is right");
    Bench { client, session: ReadOnlySession::connect(&database).await.expect("a session"), _lab: lab }
}

fn recorded(text: String) -> StatementActivity {
    StatementActivity {
        query_id: 1,
        text,
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
    }
}

fn key(predicate: &Predicate, serving: &Serving) -> String {
    let subject = match &predicate.subject {
        Subject::Column(column) => quote_identifier(column),
        Subject::Expression { sql, .. } => format!("({sql})"),
    };
    match &serving.operator_class {
        Some(class) => format!("USING {} ({subject} {class})", serving.method),
        None => format!("USING {} ({subject})", serving.method),
    }
}

/// Whether the plan searches an index: a condition on the index, not a filter after reading it whole.
fn searches(plan: &Value) -> bool {
    let here = plan["Index Cond"].is_string();
    here || plan["Plans"].as_array().is_some_and(|plans| plans.iter().any(searches))
}

#[tokio::test]
async fn every_index_that_a_shape_names_can_be_made_and_is_searched() {
    let mut bench = bench().await;
    let snapshot = capture(&mut bench.session, &CaptureOptions::default()).await.expect("a snapshot");
    let (mut tried, mut wrong) = (0, Vec::new());
    for condition in CONDITIONS {
        let text = format!("SELECT * FROM t WHERE {condition}");
        let workload = pgtailor_sql::understand(&[recorded(text.clone())], &snapshot.catalog, &["public".to_owned()]);
        let query = workload.queries.first().unwrap_or_else(|| panic!("{condition}: {:?}", workload.skipped));
        let shape = &query.shapes[0];
        let ways: Vec<(&Predicate, &Serving)> = shape
            .predicates
            .iter()
            .flat_map(|predicate| predicate.service.methods().map(move |serving| (predicate, serving)))
            .collect();
        if ways.is_empty() {
            wrong.push(format!("{condition}: nothing serves it: {:?}", shape.predicates));
        }
        for (predicate, serving) in ways {
            tried += 1;
            let key = key(predicate, serving);
            if let Err(error) = bench.client.batch_execute(&format!("CREATE INDEX tried ON t {key}; ANALYZE t")).await {
                wrong.push(format!("{condition}: {key} cannot be made: {error}"));
                continue;
            }
            let plan = bench.client.query_one(&format!("EXPLAIN (FORMAT JSON) {text}"), &[]).await.expect("planned");
            let plan: Value = plan.get(0);
            if !searches(&plan[0]["Plan"]) {
                wrong.push(format!("{condition}: {key} is not searched"));
            }
            bench.client.batch_execute("DROP INDEX tried").await.expect("dropped");
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(tried > 90, "only {tried} indexes were tried");
}
