//! What roles with fewer rights capture, and what cannot be had in a twin: it is said, and the rest is as faithful as ever.

#![expect(clippy::print_stdout, reason = "the figures of a test that ran are worth reading")]

mod support;

use pgtailor_model::planner::{Inexact, StatisticsLevel};
use pgtailor_model::snapshot::Snapshot;
use pgtailor_postgres::lab_session::LabSession;
use support::fuzz::Fuzz;
use support::{SAAS, Source, assert_identical, captured, raised};

/// Reads everything and owns nothing. Version 13 has no such role, but rights that do the same.
async fn with_reader(source: &Source) {
    source.run("CREATE ROLE reader LOGIN PASSWORD 'secret'").await;
    if source.lab.version().major >= 14 {
        source.run("GRANT pg_read_all_data TO reader").await;
    } else {
        source
            .run(
                "GRANT USAGE ON SCHEMA app TO reader; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader;
                 GRANT SELECT ON pg_statistic, pg_statistic_ext_data TO reader",
            )
            .await;
    }
}

fn is_said(inexact: &[Inexact], object: &str, reason: &str) -> bool {
    inexact.iter().any(|inexact| inexact.object.contains(object) && inexact.reason.contains(reason))
}

/// Statements at random whose plans on the source touch none of `names`.
async fn plans_without(source: &Source, count: usize, names: &[&str]) -> Vec<pgtailor_model::planner::SourcePlan> {
    let mut plans = source.plans(&Fuzz::over(source).await.statements(count, 5)).await;
    plans.retain(|plan| {
        !names.iter().any(|name| plan.text.contains(name) || plan.nodes.iter().any(|node| node.what.contains(name)))
    });
    plans
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_reads_everything_lacks_the_counters_of_gin_indexes_only() {
    let source = Source::with(SAAS).await;
    with_reader(&source).await;
    let snapshot = captured(&source.as_role("reader", "secret"), StatisticsLevel::Exact).await;
    let (twin, inexact) = raised(&snapshot).await;
    let lacking: Vec<&str> = inexact.iter().map(|inexact| inexact.object.as_str()).collect();
    assert_eq!(lacking, ["counters of 4 GIN indexes"]);

    let plans = source.plans(&Fuzz::over(&source).await.statements(800, 3)).await;
    let test = twin.compare(&plans).await.expect("compared");
    println!("{} of {} identical", test.identical, test.asked);
    let indexed = ["tags", "email", "items", "words"];
    for deviation in &test.deviations {
        assert!(indexed.iter().any(|column| deviation.text.contains(column)), "{}: {}", deviation.text, deviation.what);
        assert!(deviation.what.contains("Bitmap Index Scan"), "{}: {}", deviation.text, deviation.what);
    }
    assert!(!test.deviations.is_empty(), "statements over GIN indexes were among them");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_sees_half_of_it_is_told_what_is_missing() {
    let source = Source::with(SAAS).await;
    source.run("CREATE ROLE half LOGIN PASSWORD 'secret'; GRANT SELECT ON tenants, users TO half").await;
    let snapshot = captured(&source.as_role("half", "secret"), StatisticsLevel::Exact).await;
    let (twin, inexact) = raised(&snapshot).await;
    assert!(is_said(&inexact, "column statistics", "pg_read_all_data"), "{inexact:?}");
    assert!(is_said(&inexact, "extended statistics", "pg_statistic_ext_data"), "{inexact:?}");
    assert!(is_said(&inexact, "extremes of orders", "may not read the table"), "{inexact:?}");
    assert!(is_said(&inexact, "B-trees", "lack of rights"), "{inexact:?}");
    assert!(!inexact.iter().any(|inexact| inexact.object == "extremes of users"), "{inexact:?}");
    // Every table is there all the same, as large as on the source.
    let plans = source.plans(&["SELECT * FROM orders".to_owned(), "SELECT * FROM users".to_owned()]).await;
    let test = twin.compare(&plans).await.expect("compared");
    for (deviation, plan) in test.deviations.iter().zip(&plans) {
        assert!(deviation.twin_cost.is_some_and(|cost| (cost / deviation.source_cost - 1.0).abs() < 1e-9), "{plan:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_table_is_left_out_and_the_rest_is_there() {
    let source = Source::with(SAAS).await;
    with_reader(&source).await;
    let locker = LabSession::connect(&source.database).await.expect("connected");
    locker.run("lock a table", "BEGIN").await.expect("begun");
    locker.run("lock a table", "LOCK TABLE never_analyzed, events_2 IN ACCESS EXCLUSIVE MODE").await.expect("locked");
    // It returns while the lock is still held.
    let snapshot = source.captured(StatisticsLevel::Exact).await;
    locker.run("unlock", "ROLLBACK").await.expect("rolled back");
    let (twin, inexact) = raised(&snapshot).await;
    for object in ["extremes of never_analyzed", "table events_2"] {
        assert!(is_said(&inexact, object, "ACCESS EXCLUSIVE"), "{object}: {inexact:?}");
    }
    assert!(is_said(&inexact, "sizes of never_analyzed", "lock"), "{inexact:?}");
    assert!(!inexact.iter().any(|inexact| inexact.reason.contains("SQLSTATE")), "{inexact:?}");
    let plans = plans_without(&source, 400, &["never_analyzed", "events"]).await;
    assert!(plans.len() > 200, "most statements touch neither");
    assert_identical("statements over other tables", &twin, &plans).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_twin_cannot_have_is_named() {
    let source = Source::with(
        "CREATE EXTENSION citext; CREATE EXTENSION dblink;
         CREATE FOREIGN DATA WRAPPER nowhere; CREATE SERVER elsewhere FOREIGN DATA WRAPPER nowhere;
         CREATE FOREIGN TABLE afar (a int) SERVER elsewhere;
         CREATE ACCESS METHOD heap_too TYPE TABLE HANDLER heap_tableam_handler;
         CREATE TABLE strange (a int) USING heap_too;
         CREATE TABLE people (id int PRIMARY KEY, name citext, n int);
         CREATE INDEX ON people (name); CREATE INDEX ON people (n);
         CREATE VIEW names AS SELECT name FROM people; CREATE VIEW numbers AS SELECT n FROM people;
         CREATE FUNCTION calls(text) RETURNS int LANGUAGE sql AS 'SELECT 1 FROM dblink($1, ''SELECT 1'') AS d (a int)';
         INSERT INTO people SELECT i, 'Name ' || i, i % 100 FROM generate_series(1, 20000) i; ANALYZE",
    )
    .await;
    let mut snapshot = source.captured(StatisticsLevel::Exact).await;
    let (twin, inexact) = raised(&snapshot).await;
    assert!(is_said(&inexact, "foreign table afar", "not carried"), "{inexact:?}");
    assert!(is_said(&inexact, "table strange", "access method heap_too"), "{inexact:?}");
    assert!(is_said(&inexact, "extension dblink", "reaches"), "{inexact:?}");
    assert_eq!(inexact.len(), 3, "{inexact:?}");
    let extensions = superuser(&twin).await.rows("look", "SELECT extname FROM pg_extension ORDER BY 1").await.expect("read");
    assert_eq!(extensions.concat(), [Some("citext".to_owned()), Some("plpgsql".to_owned())]);
    let plans = source.plans(&["SELECT * FROM people WHERE name = 'Name 7'".to_owned(), "SELECT * FROM names".to_owned()]).await;
    assert_identical("with the extension", &twin, &plans).await;

    without_extension(&mut snapshot, "citext");
    let (twin, inexact) = raised(&snapshot).await;
    assert!(is_said(&inexact, "extension no_such_extension", "not installed here"), "{inexact:?}");
    assert!(is_said(&inexact, "column name of people", "type is not installed"), "{inexact:?}");
    assert!(is_said(&inexact, "index people_name_idx", "could not make it"), "{inexact:?}");
    assert!(is_said(&inexact, "view names", "could not make it"), "{inexact:?}");
    assert!(!inexact.iter().any(|inexact| inexact.object.contains("extremes")), "{inexact:?}");
    let rest = [
        "SELECT id FROM people WHERE n = 7",
        "SELECT n FROM people WHERE id = 7",
        "SELECT count(*) FROM people WHERE n > 95",
        "SELECT n FROM numbers ORDER BY n",
    ];
    assert_identical("without it", &twin, &source.plans(&rest.map(str::to_owned)).await).await;
    let test = twin.compare(&plans).await.expect("compared");
    assert!(test.deviations.iter().all(|deviation| deviation.what.contains("not planned")), "{:?}", test.deviations);
}

/// As if it were not here.
fn without_extension(snapshot: &mut Snapshot, name: &str) {
    let planner = snapshot.planner.as_mut().expect("it was asked for");
    let extension = planner.schema.iter_mut().find(|object| object.name == name).expect("the extension");
    "no_such_extension".clone_into(&mut extension.name);
}

/// A session that may do everything in a twin.
async fn superuser(twin: &pgtailor_twin::Twin) -> LabSession {
    let url = format!("host='{}' port={} user=postgres dbname=twin", twin.lab().host(), twin.lab().port());
    LabSession::connect(&support::resolve(url)).await.expect("connected")
}
