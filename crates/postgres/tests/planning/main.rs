//! Reading and planning foreign statements on a real server: their types, their costs, and what they must not do.

mod fixture;
mod foreign_code;

use pgtailor_lab::LabOptions;
use pgtailor_model::activity::Statements;
use pgtailor_model::binding::{Binding, BindingOrigin, Literal, Parameter, Role};
use pgtailor_model::name::{QualifiedName, quote_literal};
use pgtailor_model::workload::Query;
use pgtailor_postgres::capture::{CaptureOptions, capture};
use pgtailor_postgres::planning::{BindOptions, Examples, PlanOptions, Question, add_examples, bind, plan_costs};
use pgtailor_sql::Collector;

use crate::fixture::{Fixture, bound, client, cost, prepared, public, query, values};

#[tokio::test]
async fn what_normalizing_broke_is_put_right() {
    let fixture = Fixture::new().await;
    let catalog = fixture.catalog().await;
    let t = catalog.table(&QualifiedName::new("public", "t")).expect("captured").oid;
    let compared = |number: u32, column: &str, operator: &str| Parameter {
        number,
        role: Role::Compared {
            table: t,
            column: column.to_owned(),
            operator: operator.to_owned(),
            array: false,
            expression: None,
        },
        cast: None,
    };
    let free = |number: u32| Parameter { number, role: Role::Free, cast: None };
    let offset =
        |number: u32, column: &str| Parameter { number, role: Role::Offset { table: t, column: column.to_owned() }, cast: None };
    let role = Role::Compared { table: t, column: "id".to_owned(), operator: "=".to_owned(), array: true, expression: None };
    let any_id = Parameter { number: 2, role, cast: None };
    let queries = vec![
        query("SELECT id FROM t WHERE at > now() - interval $1", vec![offset(1, "at")]),
        query(
            "SELECT id FROM t WHERE day >= date $1 AND at < timestamptz $2",
            vec![compared(1, "day", ">="), compared(2, "at", "<")],
        ),
        query("SELECT id FROM t WHERE day BETWEEN $1 AND $1 + $2", vec![compared(1, "day", ">="), offset(2, "day")]),
        query("SELECT sum(CASE WHEN mood = $1 THEN $2 ELSE $3 END) FROM t", vec![compared(1, "mood", "="), free(2), free(3)]),
        query("SELECT extract($1 FROM at) FROM t WHERE id = ANY ($2)", vec![free(1), any_id]),
        query("SELECT $1, count(*) FROM t WHERE mood IN ($2, $3) LIMIT $4 OFFSET $5", (1..=5).map(free).collect()),
        query("INSERT INTO t (id, name, mood) VALUES ($1, $2, $3), ($4, $5, $6)", (1..=6).map(free).collect()),
        query("SELECT id FROM t WHERE doc @> $1 AND tags @> ARRAY[$2] AND price BETWEEN $3 AND $4", (1..=4).map(free).collect()),
    ];
    let mut session = fixture.session().await;
    let (workload, report) = bound(&mut session, &catalog, queries).await;
    assert_eq!((&report.refused, &report.unbound), (&Vec::new(), &Vec::new()));
    for query in &workload.queries {
        let statement = &report.prepared[&query.fingerprint];
        assert!(!query.bindings.is_empty(), "{}", query.text);
        for binding in &query.bindings {
            let cost = cost(&mut session, statement, Some(binding)).await;
            assert!(cost.as_ref().is_ok_and(|cost| *cost > 0.0), "{}: {cost:?}", query.text);
        }
        assert!(cost(&mut session, statement, None).await.is_ok(), "{}", query.text);
    }
    assert_eq!(report.prepared[&workload.queries[3].fingerprint].types, ["public.mood", "pg_catalog.int4", "pg_catalog.int4"]);
}

#[tokio::test]
async fn bound_values_cost_what_constants_cost() {
    let fixture = Fixture::new().await;
    let mut session = fixture.session().await;
    for (text, types, bound) in [
        ("SELECT * FROM t WHERE mood = $1 AND id < $2", vec!["mood", "int4"], vec!["happy", "300"]),
        ("SELECT * FROM t WHERE at >= $1 AND name LIKE $2", vec!["timestamptz", "text"], vec!["2026-01-01", "name 1%"]),
        ("SELECT * FROM t WHERE id = ANY ($1) ORDER BY name LIMIT $2", vec!["int4[]", "int8"], vec!["{1,2,3}", "2"]),
        (
            "SELECT mood, count(*) FROM t WHERE price BETWEEN $1 AND $2 GROUP BY mood",
            vec!["numeric", "numeric"],
            vec!["10", "20"],
        ),
        ("SELECT * FROM t WHERE doc @> $1 AND tags && $2", vec!["jsonb", "text[]"], vec!["{\"kind\": 1}", "{a1}"]),
        (
            "SELECT * FROM t JOIN u ON u.t_id = t.id WHERE u.amount > $1 AND t.day < $2",
            vec!["int4", "date"],
            vec!["48", "2026-06-01"],
        ),
    ] {
        let mut literal = text.to_owned();
        for (number, (value, name)) in bound.iter().zip(&types).enumerate() {
            literal = literal.replace(&format!("${}", number + 1), &format!("{}::{name}", quote_literal(value)));
        }
        let own = cost(&mut session, &prepared(text, &types), Some(&values(&bound))).await.expect("planned");
        let substituted = cost(&mut session, &prepared(&literal, &[]), None).await.expect("planned");
        assert!((own - substituted).abs() < 1e-9, "{text}: {own} and {substituted}");
    }
}

#[tokio::test]
async fn a_role_that_may_not_write_plans_what_a_write_reads() {
    let fixture = Fixture::new().await;
    let (mut owner, mut reader) = (fixture.session().await, fixture.session_of("reader").await);
    let mut stranger = fixture.session_of("stranger").await;
    for (text, types, bound) in [
        ("UPDATE t SET name = $2, price = price + 1 WHERE id = $1", vec!["int4", "varchar"], vec!["7", "x"]),
        ("UPDATE t SET price = u.amount FROM u WHERE u.t_id = t.id AND u.amount = $1", vec!["int4"], vec!["3"]),
        ("DELETE FROM t USING u WHERE u.t_id = t.id AND u.amount < $1 RETURNING t.id", vec!["int4"], vec!["3"]),
        (
            "INSERT INTO u (id, t_id, amount) SELECT id, id, $1 FROM t WHERE mood = $2 ON CONFLICT DO NOTHING",
            vec!["int4", "mood"],
            vec!["1", "sad"],
        ),
        ("INSERT INTO u (id, t_id, amount) VALUES ($1, $2, DEFAULT) RETURNING id", vec!["int4", "int4"], vec!["1", "2"]),
        (
            "WITH gone AS (DELETE FROM u WHERE amount = $1 RETURNING t_id) SELECT t.* FROM t JOIN gone ON gone.t_id = t.id",
            vec!["int4"],
            vec!["5"],
        ),
        (
            "MERGE INTO u USING t ON u.t_id = t.id WHEN MATCHED AND t.mood = $1 THEN UPDATE SET amount = t.price WHEN NOT MATCHED THEN INSERT (id, t_id) VALUES (t.id, t.id)",
            vec!["mood"],
            vec!["sad"],
        ),
    ] {
        // Version 15 brought it.
        if text.starts_with("MERGE") && fixture.lab.version().major < 15 {
            continue;
        }
        let (statement, binding) = (prepared(text, &types), values(&bound));
        let own = cost(&mut owner, &statement, Some(&binding)).await.expect("the owner plans the statement itself");
        let read = cost(&mut reader, &statement, Some(&binding)).await.expect("the reader plans what it reads");
        assert!((read / own - 1.0).abs() < 0.01, "{text}: {own} and {read}");
        assert!(cost(&mut reader, &statement, None).await.is_ok(), "{text}");
        if !text.contains("VALUES ($1") {
            let refusal = cost(&mut stranger, &statement, Some(&binding)).await.expect_err("not even reading is allowed");
            assert_eq!(refusal.sqlstate.as_deref(), Some("42501"));
            assert!(refusal.hint.is_some_and(|hint| hint.contains("grant SELECT")));
        }
    }
    let counts =
        fixture.client.query_one("SELECT (SELECT count(*) FROM t), (SELECT count(*) FROM u)", &[]).await.expect("counted");
    assert_eq!((counts.get::<_, i64>(0), counts.get::<_, i64>(1)), (9000, 5000));
}

#[tokio::test]
async fn without_statistics_values_are_assumed_and_the_right_is_named() {
    let fixture = Fixture::new().await;
    let catalog = fixture.catalog().await;
    let t = catalog.table(&QualifiedName::new("public", "t")).expect("captured").oid;
    let role = Role::Compared { table: t, column: "name".to_owned(), operator: "=".to_owned(), array: false, expression: None };
    let ask = || query("SELECT id FROM t WHERE name = $1", vec![Parameter { number: 1, role: role.clone(), cast: None }]);
    let (workload, report) = bound(&mut fixture.session_of("reader").await, &catalog, vec![ask()]).await;
    assert_eq!(report.notes, Vec::<String>::new());
    let drawn: Vec<&Binding> = workload.queries[0].bindings.iter().collect();
    assert!(drawn.len() > 3 && drawn.iter().all(|binding| binding.origin != BindingOrigin::Assumed), "{drawn:?}");
    let value = drawn[0].values[0].as_ref().map(Literal::expose);
    assert!(value.is_some_and(|value| value.starts_with("name ")), "{value:?}");

    // Reading a text needs no right to the table: rights are looked at when it is planned.
    let (workload, report) = bound(&mut fixture.session_of("stranger").await, &catalog, vec![ask()]).await;
    assert!(report.notes[0].contains("pg_read_all_data"), "{:?}", report.notes);
    assert!(workload.queries[0].bindings.iter().all(|binding| binding.origin == BindingOrigin::Assumed));
}

#[tokio::test]
async fn what_changed_since_is_said_and_stops_nobody_else() {
    let fixture = Fixture::new().await;
    let catalog = fixture.catalog().await;
    fixture.run("CREATE TABLE locked (a int); ALTER TABLE t RENAME COLUMN price TO cost").await;
    let locker = client(&fixture.lab.url("postgres")).await;
    locker.batch_execute("BEGIN; LOCK TABLE locked").await.expect("locked");
    let texts = [
        ("SELECT * FROM gone WHERE a = $1", "42P01"),
        ("SELECT price FROM t", "42703"),
        ("SELECT no_such_function($1) FROM t", "42883"),
        ("SELECT * FROM t WHERE mood = $1", ""),
        ("SELECT * FROM locked", "55P03"),
        ("SELECT $1::no_such_type", "42704"),
        ("SELECT * FROM t WHERE id = $1", ""),
    ];
    let mut session = fixture.session().await;
    let (workload, report) = bound(&mut session, &catalog, texts.iter().map(|(text, _)| query(text, Vec::new())).collect()).await;
    for (text, state) in texts {
        let refusal = report.refused.iter().find(|(fingerprint, _)| fingerprint == text).map(|(_, refusal)| refusal);
        assert_eq!(refusal.and_then(|refusal| refusal.sqlstate.as_deref()).unwrap_or_default(), state, "{text}");
        assert!(refusal.is_none_or(|refusal| refusal.reason.starts_with("it ") || refusal.reason.starts_with("another session")));
    }
    // The same when they are planned: a page of them, one spoiled, and one that was bound wrongly.
    let good = &report.prepared[&workload.queries[6].fingerprint];
    let (gone, seven, word, none) = (prepared("SELECT * FROM gone", &[]), values(&["7"]), values(&["seven"]), values(&[]));
    // A short text with a deep plan.
    let views = "CREATE VIEW v0 AS SELECT id AS a FROM u; DO $$ BEGIN FOR n IN 1..70 LOOP
                     EXECUTE format('CREATE VIEW v%s AS SELECT a FROM v%s GROUP BY a OFFSET 0', n, n - 1); END LOOP; END $$";
    fixture.run(views).await;
    let deep = prepared("SELECT * FROM v70", &[]);
    let questions = [
        Question { statement: good, binding: Some(&seven) },
        Question { statement: &deep, binding: None },
        Question { statement: &gone, binding: None },
        Question { statement: good, binding: Some(&word) },
        Question { statement: good, binding: Some(&none) },
        Question { statement: good, binding: None },
        Question { statement: good, binding: Some(&seven) },
    ];
    let costs = plan_costs(&mut session, &questions, &public(), PlanOptions::default()).await.expect("planned");
    let states: Vec<&str> = costs
        .iter()
        .map(|cost| cost.as_ref().err().map_or("", |refusal| refusal.sqlstate.as_deref().unwrap_or("ours")))
        .collect();
    assert_eq!(states, ["", "ours", "42P01", "22P02", "ours", "", ""]);
    assert_eq!(costs[1].as_ref().map_err(|refusal| refusal.reason.as_str()), Err("its plan is nested too deeply to be read"));
    assert!(!format!("{costs:?}").contains("seven"));
}

#[tokio::test]
async fn examples_of_real_executions_become_bindings() {
    let options = LabOptions::new()
        .with_setting("shared_preload_libraries", "pg_stat_statements,pg_qualstats")
        .with_setting("pg_qualstats.sample_rate", "1");
    let fixture = Fixture::started(&options).await;
    let mut session = fixture.session().await;
    assert_eq!(add_examples(&session, &mut Collector::default()).await.expect("looked"), Examples::NotInstalled);
    fixture.run("CREATE EXTENSION pg_stat_statements; CREATE EXTENSION pg_qualstats").await;
    let statement = "SELECT id FROM t WHERE mood = 'sad' AND name LIKE 'name 1%' ORDER BY id LIMIT 7";
    fixture.run(statement).await;
    let snapshot = capture(&mut session, &CaptureOptions::default()).await.expect("a snapshot");
    let Statements::Recorded { statements, .. } = &snapshot.activity.statements else { panic!("nothing recorded") };
    let mut collector = Collector::default();
    collector.add_recorded(statements);
    let added = add_examples(&session, &mut collector).await.expect("read");
    assert!(matches!(added, Examples::Added(count) if count > 0), "{added:?}");
    let mut workload = collector.understand(&snapshot.catalog, &public());
    bind(&mut session, &mut workload, &snapshot.catalog, &public(), &BindOptions::default()).await.expect("bound");
    let fingerprint = pgtailor_sql::fingerprint(statement).expect("valid SQL");
    let query = workload.queries.iter().find(|query| query.fingerprint == fingerprint).expect("recorded");
    assert_eq!(query.calls, 1);
    let first = &query.bindings[0];
    let texts: Vec<&str> = first.values.iter().flatten().map(Literal::expose).collect();
    assert_eq!((texts.as_slice(), first.origin), (&["sad", "name 1%", "7"][..], BindingOrigin::Observed));
    assert!(first.weight > 0.6 && query.bindings.len() > 1, "{:?}", query.bindings);
    let recorded: Vec<&Query> = workload.queries.iter().filter(|query| query.calls == 0).collect();
    assert!(recorded.is_empty(), "examples make no statements: {recorded:?}");
}

#[tokio::test]
async fn every_value_that_is_assumed_is_one_of_its_type() {
    let fixture = Fixture::new().await;
    fixture.run("CREATE EXTENSION hstore; CREATE EXTENSION ltree; CREATE EXTENSION citext").await;
    let rows = fixture
        .client
        .query(
            "SELECT format_type(oid, NULL) FROM pg_type
              WHERE typtype IN ('b', 'e', 'r') AND typnamespace IN ('pg_catalog'::regnamespace, 'public'::regnamespace) ORDER BY 1",
            &[],
        )
        .await
        .expect("types");
    let names: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let catalog = fixture.catalog().await;
    let mut session = fixture.session().await;
    // The planner computes the cast, so that the value is read.
    let queries = names.iter().map(|name| query(&format!("SELECT $1::{name}"), Vec::new())).collect();
    let (workload, report) = bound(&mut session, &catalog, queries).await;
    let mut without = Vec::new();
    for (query, name) in workload.queries.iter().zip(&names) {
        let Some(statement) = report.prepared.get(&query.fingerprint) else { continue };
        for binding in &query.bindings {
            let cost = cost(&mut session, statement, Some(binding)).await;
            assert!(
                cost.is_ok(),
                "{name}: {:?}: {cost:?}",
                binding.values.iter().flatten().map(Literal::expose).collect::<Vec<_>>()
            );
        }
        if query.bindings.is_empty() {
            without.push(name.as_str());
        }
    }
    for common in
        ["integer", "uuid", "timestamp with time zone", "inet", "tstzrange", "mood", "mood[]", "hstore", "ltree", "jsonb"]
    {
        assert!(names.iter().any(|name| name == common) && !without.contains(&common), "{common} of {without:?}");
    }
    // Arrays of catalog rows, and what is inside indexes and statistics.
    let is_inner =
        |name: &str| name.ends_with("[]") || name.starts_with("pg_") || name.starts_with('g') || name.ends_with("vector");
    without.retain(|name| !is_inner(name));
    assert_eq!(without, ["aclitem", "ltree_gist", "refcursor", "txid_snapshot"]);
}
